//! What characters are: which of them nobody sees, which of those a text needs, and which would only mislead people and
//! programs.
//!
//! Unicode calls them default ignorable (Unicode Standard, section 5.21). Most come along when something is copied. A few
//! belong to the writing of a language or to an emoji, and some say in which direction a part of a text runs.

use icu_properties::props::{DefaultIgnorableCodePoint, Emoji, ExtendedPictographic, GeneralCategory, JoiningType};
use icu_properties::{CodePointMapData, CodePointSetData};

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const MONGOLIAN_VOWEL_SEPARATOR: char = '\u{180e}';

/// The black flag, behind which tags name the flag of a region.
const FLAG: char = '\u{1f3f4}';

/// What makes the key of a telephone out of a digit, and needs a variation selector between the two.
const KEYCAP: char = '\u{20e3}';

/// What becomes of the characters that say in which direction a text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directions {
    Kept,
    Dropped,
}

/// The text without the characters that nobody sees, but for those that its letters and emoji need. [`contained`] says
/// which of those that give a direction may stay.
pub(crate) fn without_invisible(text: &str, directions: Directions) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if !is_ignorable(character) || is_needed(character, before, characters.peek().copied(), directions) {
            kept.push(character);
            before = Some(character);
        }
    }
    kept
}

/// Whether somebody who looks at the text sees anything: blanks, what is ignorable, and marks that stand on no letter leave
/// nothing to see.
pub(crate) fn is_visible(text: &str) -> bool {
    text.chars().any(shows)
}

fn shows(character: char) -> bool {
    // Two symbols that are drawn as blanks: the empty cell of braille and a note without a head.
    let is_blank_symbol = matches!(character, '\u{2800}' | '\u{1d159}');
    let is_unseen = matches!(
        category(character),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !is_unseen && !is_mark(character) && !is_ignorable(character) && !is_blank_symbol
}

/// The text without what would turn the direction of that which stands behind it: embeddings and overrides, which the
/// bidirectional algorithm keeps only for old texts (UAX #9, section 2), and isolates that have no partner in their line.
pub(crate) fn contained(text: &str) -> String {
    let (mut open, mut leaking) = (Vec::new(), Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '\u{2066}'..='\u{2068}' => open.push(at),
            '\u{2069}' if open.pop().is_some() => {}
            '\u{2069}' | '\u{202a}'..='\u{202e}' => leaking.push(at),
            // The end of a line closes whatever is open, so that its partner in the next line has none.
            '\n' | '\r' | '\u{2029}' => leaking.append(&mut open),
            _ => {}
        }
    }
    leaking.append(&mut open);
    leaking.sort_unstable();
    let stays = |at: &usize| leaking.binary_search(at).is_err();
    text.char_indices().filter(|(at, _)| stays(at)).map(|(_, character)| character).collect()
}

/// Whether the character says in which direction a text runs, and nothing else.
pub(crate) fn gives_direction(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Whether something of a text runs against the direction of the text that it stands in, so that the two would be mixed
/// up where they meet: letters of the other direction, and in a text from right to left the digits of ASCII too, which
/// its letters turn around what stands between them (UAX #9, rule W2).
#[cfg(feature = "templates")]
pub(crate) fn runs_against(text: &str, is_right_to_left: bool) -> bool {
    text.chars().any(|character| {
        let is_of_right_to_left = matches!(
            character,
            '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}'
        );
        character.is_alphanumeric() && is_of_right_to_left != is_right_to_left
    })
}

/// Whether a character that nobody sees belongs to what stands before or after it.
fn is_needed(character: char, before: Option<char>, after: Option<char>, directions: Directions) -> bool {
    match character {
        NON_JOINER | JOINER | MONGOLIAN_VOWEL_SEPARATOR => {
            let is_second = before.is_some_and(|before| matches!(before, NON_JOINER | JOINER));
            let after = after.filter(|after| !is_ignorable(*after));
            !is_second && (before.is_some_and(joins) || after.is_some_and(joins))
        }
        // Variation selectors: of Mongolian, of emoji and symbols, of ideographs.
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            let is_key = after == Some(KEYCAP);
            before.is_some_and(|before| has_variations(before) || (is_key && before.is_ascii_graphic()))
        }
        '\u{e0020}'..='\u{e007f}' => before.is_some_and(|before| before == FLAG || is_tag(before)),
        other => gives_direction(other) && directions == Directions::Kept,
    }
}

/// Whether a joiner beside it changes how it is drawn: letters of a script that joins, marks such as those of the scripts of
/// India, and emoji.
fn joins(character: char) -> bool {
    let joining = CodePointMapData::<JoiningType>::new().get(character);
    let is_letter = joining != JoiningType::NonJoining && joining != JoiningType::Transparent;
    let is_skin = matches!(character, '\u{1f3fb}'..='\u{1f3ff}');
    let is_emoji = is_skin || CodePointSetData::new::<ExtendedPictographic>().contains(character);
    character != JOINER && (is_letter || is_mark(character) || is_emoji)
}

fn has_variations(character: char) -> bool {
    let is_cased = matches!(category(character), GeneralCategory::UppercaseLetter | GeneralCategory::LowercaseLetter);
    // One letter with a case is an emoji as well: that of an information desk.
    let is_emoji = CodePointSetData::new::<Emoji>().contains(character);
    !character.is_ascii() && (is_emoji || !is_cased) && shows(character)
}

pub(crate) fn is_mark(character: char) -> bool {
    matches!(
        category(character),
        GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark
    )
}

fn is_tag(character: char) -> bool {
    matches!(character, '\u{e0020}'..='\u{e007f}')
}

/// Whether it is a hyphen or a dash of any script, or the sign for minus; a wave stands for a range.
#[cfg(feature = "phone-numbers")]
pub(crate) fn is_dash(character: char) -> bool {
    let is_wave = matches!(character, '\u{301c}' | '\u{3030}');
    character == '\u{2212}' || (category(character) == GeneralCategory::DashPunctuation && !is_wave)
}

/// The text with ASCII digits, where all of its digits are of one script. Digits of two scripts in one number are no
/// habit of anybody's, and stay as they are.
#[cfg(feature = "phone-numbers")]
pub(crate) fn with_digits_of_one_script(text: &str) -> String {
    let digits: Vec<(char, u32)> = text.chars().filter_map(|c| Some((c, value_of_digit(c)?))).collect();
    let zero = |(digit, value): &(char, u32)| u32::from(*digit).checked_sub(*value);
    let are_of_one_script = digits.iter().all(|digit| zero(digit) == digits.first().and_then(zero));
    if !are_of_one_script {
        return text.to_owned();
    }
    let ascii = |character: char| value_of_digit(character).and_then(|value| char::from_digit(value, 10));
    text.chars().map(|character| ascii(character).unwrap_or(character)).collect()
}

/// The value of a decimal digit. Those of a script stand in order and without a gap, from its zero on, and where those
/// of several stand together, each has all ten (Unicode Standard, section 4.6).
pub(crate) fn value_of_digit(character: char) -> Option<u32> {
    let is_digit = |code: &u32| char::from_u32(*code).is_some_and(|c| category(c) == GeneralCategory::DecimalNumber);
    let code = u32::from(character);
    is_digit(&code).then(|| {
        let before = (0..code).rev().take_while(is_digit).count();
        u32::try_from(before % 10).unwrap_or_default()
    })
}

pub(crate) fn is_ignorable(character: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(text: &str) -> String {
        without_invisible(text, Directions::Kept)
    }

    #[test]
    fn what_letters_and_emoji_need_stays() {
        for text in [
            "می‌شود",
            "کتاب‌ها",
            "۱۳۸۰ ه‍.ش",
            "क्‍ष",
            "👨‍👩‍👧",
            "👩🏽‍🚒",
            "❤️‍🔥",
            "1️⃣",
            "葛\u{e0100}",
            "ℹ\u{fe0f} ™\u{fe0f} ©\u{fe0f} ®\u{fe0e} Ⓜ\u{fe0f} ㊗\u{fe0f} ‼\u{fe0f} 〰\u{fe0f}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            assert_eq!(kept(text), text, "{}", text.escape_unicode());
        }
    }

    /// What can be an emoji and a text is told apart by a selector, and ASCII only where a keycap is drawn around it.
    #[test]
    fn every_emoji_keeps_its_selector() {
        let emoji = CodePointSetData::new::<Emoji>();
        let (mut keys, mut others) = (0, 0);
        for character in (0..=0x10_ffff).filter_map(char::from_u32).filter(|character| emoji.contains(*character)) {
            for selector in ['\u{fe0e}', '\u{fe0f}'] {
                let text = format!("{character}{selector}");
                let key = format!("{text}{KEYCAP}");
                if character.is_ascii() {
                    assert_eq!((kept(&text), kept(&key)), (character.to_string(), key), "{}", text.escape_unicode());
                    keys += 1;
                } else {
                    assert_eq!(kept(&text), text, "{}", text.escape_unicode());
                    others += 1;
                }
            }
        }
        assert_eq!(keys, 24, "ten digits, # and *");
        assert!(others > 2_000, "{others}");
    }

    #[cfg(feature = "phone-numbers")]
    #[test]
    fn digits_of_every_script_are_read_and_those_of_two_are_left() {
        let is_digit = |c: &char| category(*c) == GeneralCategory::DecimalNumber;
        let digits: Vec<char> = (0..=0x10_ffff).filter_map(char::from_u32).filter(is_digit).collect();
        assert!(digits.len() >= 680, "{}", digits.len());
        for script in digits.chunks(10) {
            let written: String = script.iter().collect();
            assert_eq!(with_digits_of_one_script(&written), "0123456789", "{}", written.escape_unicode());
            let mixed = format!("{written}1");
            if script[0] != '0' {
                assert_eq!(with_digits_of_one_script(&mixed), mixed, "{}", mixed.escape_unicode());
            }
        }
        assert_eq!(with_digits_of_one_script("+९८ a⑦²"), "+98 a⑦²");
    }

    #[test]
    fn what_nothing_needs_goes() {
        for (text, left) in [
            ("Sara\u{feff} Test", "Sara Test"),
            ("Sa\u{200c}ra\u{ad}", "Sara"),
            ("می\u{200c}\u{200c}شود", "می\u{200c}شود"),
            ("a\u{fe0f}b\u{3164}\u{2060}\u{e0041}", "ab"),
            ("\u{2000}\u{e0162}s", "\u{2000}s"),
            ("\u{115f}\u{1160}\u{ffa0}\u{34f}\u{200b}", ""),
        ] {
            assert_eq!(kept(text), left, "{}", text.escape_unicode());
        }
        assert_eq!(without_invisible("\u{200e}a\u{2068}b\u{2069}", Directions::Dropped), "ab");
    }

    #[test]
    fn nothing_is_seen_of_blanks_fillers_and_marks_alone() {
        for text in
            ["", " \t\n", "\u{a0}\u{3000}", "\u{200b}\u{2060}\u{feff}\u{200f}\u{3164}\u{ad}", "\u{2800}", "\u{301}"]
        {
            assert!(!is_visible(text), "{}", text.escape_unicode());
        }
        for text in ["a", ".", "\u{200b}م", "🙂", "\u{e000}"] {
            assert!(is_visible(text), "{}", text.escape_unicode());
        }
    }

    #[test]
    fn only_isolates_with_a_partner_in_their_line_stay() {
        for (text, left) in [
            ("Sara \u{202e} test", "Sara  test"),
            ("\u{202a}a\u{202c}", "a"),
            ("\u{2068}a\u{2069} b", "\u{2068}a\u{2069} b"),
            ("\u{2067}a", "a"),
            ("a\u{2069}\u{2068}", "a"),
            ("\u{2066}\u{2067}a\u{2069}", "\u{2067}a\u{2069}"),
            ("\u{2068}a\nb\u{2069}", "a\nb"),
        ] {
            assert_eq!(contained(text), left, "{}", text.escape_unicode());
        }
    }

    /// Text in which invisible characters meet everything that they could belong to.
    fn any_text() -> impl Strategy<Value = String> {
        let characters: Vec<char> =
            "aé۱یه ा🙂👩🏽🏴1葛\n\u{200b}\u{200c}\u{200d}\u{200e}\u{202e}\u{2066}\u{2068}\u{2069}\u{feff}\
                                     \u{fe0f}\u{20e3}\u{e0067}\u{e0100}\u{180e}\u{301}\u{3164}\u{2800}"
                .chars()
                .collect();
        prop::collection::vec(prop::sample::select(characters), 0..24).prop_map(|text| text.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_left_stays_as_it_is(text in any_text()) {
            let left = kept(&contained(&text));
            prop_assert_eq!(&kept(&contained(&left)), &left);
            prop_assert_eq!(is_visible(&left), is_visible(&text));
            let without = without_invisible(&text, Directions::Dropped);
            prop_assert_eq!(without_invisible(&without, Directions::Dropped), without);
        }

        #[test]
        fn a_text_that_is_contained_leaves_no_direction_open(text in any_text()) {
            for line in contained(&text).lines() {
                let mut depth = 0;
                for character in line.chars() {
                    let is_override = matches!(character, '\u{202a}'..='\u{202e}');
                    prop_assert!(!is_override);
                    match character {
                        '\u{2066}'..='\u{2068}' => depth += 1,
                        '\u{2069}' => depth -= 1,
                        _ => {}
                    }
                    prop_assert!(depth >= 0);
                }
                prop_assert_eq!(depth, 0);
            }
        }
    }
}

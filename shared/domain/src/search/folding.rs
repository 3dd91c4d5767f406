//! Names and titles as they are compared: what only the keyboard, the font or the habit of a writer made different is the
//! same here. Case, accents, the vowel signs of Arabic, the two keys for yeh and kaf, the spellings of alef and heh, and the
//! digits of any script do not count, nor does whether the parts of a word are joined, parted by a space or by a
//! non-joiner.
//!
//! What is folded is for comparing alone, and is shown to nobody.

use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::text::{is_ignorable, is_mark, value_of_digit};

/// It parts the halves of a Persian word, each of which may be looked for.
const NON_JOINER: char = '\u{200c}';

/// At most this many words of a name or a title can be looked for by their beginning.
pub(crate) const MOST_WORDS: usize = 8;

/// A folded text is compared up to this many characters.
const LONGEST: usize = 48;

/// The words of a text, each as it is compared. None is empty.
pub(crate) fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    // Compatibility forms become the letters that they stand for, and accents characters of their own.
    for character in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(text.chars()) {
        match folded(character) {
            Folded::Letters(letters) => word.push_str(letters),
            Folded::Letter(letter) => word.extend(letter.to_lowercase()),
            Folded::Nothing => {}
            Folded::End if word.is_empty() => {}
            Folded::End => words.push(std::mem::take(&mut word)),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The whole text as it is compared, without anything between its words.
pub(crate) fn joined(text: &str) -> String {
    shortened(&words(text).concat())
}

/// What a text begins with when it is read from one of its words: for each word what follows from there, and then what
/// stood before it, so that `Sara Ahmadi` begins with `ahmadi sara` too. Of three words and more the first is followed by
/// the last one as well, because people leave out what stands between. None comes twice.
pub(crate) fn beginnings(text: &str, most: usize) -> Vec<String> {
    let words = words(text);
    let mut found: Vec<String> = Vec::new();
    let mut add = |key: String| {
        let key = shortened(&key);
        if found.len() < most && !key.is_empty() && !found.contains(&key) {
            found.push(key);
        }
    };
    for at in 0..words.len().min(MOST_WORDS) {
        let (before, from) = words.split_at(at);
        add(from.concat() + &before.concat());
    }
    if let [first, between @ .., last] = &words[..]
        && !between.is_empty()
    {
        add(format!("{first}{last}{}", between.concat()));
    }
    found
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// What a character counts as.
enum Folded {
    Letter(char),
    Letters(&'static str),
    /// It does not count, and the word goes on.
    Nothing,
    /// It ends a word.
    End,
}

fn folded(character: char) -> Folded {
    if let Some(digit) = value_of_digit(character).and_then(|value| char::from_digit(value, 10)) {
        return Folded::Letter(digit);
    }
    match character {
        NON_JOINER => Folded::End,
        'ي' | 'ى' | 'ے' | 'ې' | 'ۍ' => Folded::Letter('ی'),
        'ك' | 'ڪ' => Folded::Letter('ک'),
        'ة' | 'ۃ' | 'ە' | 'ہ' | 'ھ' => Folded::Letter('ه'),
        'ٱ' | 'ٲ' | 'ٳ' => Folded::Letter('ا'),
        // A hamza that stands alone is left out as often as it is typed, and the tatweel only fills a line.
        'ء' | 'ـ' => Folded::Nothing,
        'ß' | 'ẞ' => Folded::Letters("ss"),
        'æ' | 'Æ' => Folded::Letters("ae"),
        'œ' | 'Œ' => Folded::Letters("oe"),
        'þ' | 'Þ' => Folded::Letters("th"),
        'ø' | 'Ø' => Folded::Letter('o'),
        'đ' | 'Đ' | 'ð' | 'Ð' => Folded::Letter('d'),
        'ł' | 'Ł' => Folded::Letter('l'),
        'ı' => Folded::Letter('i'),
        'ς' => Folded::Letter('σ'),
        // O'Brien and OBrien, and the marks with which scholars write hamza and ain.
        '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{2032}' | '\u{2b9}'..='\u{2c1}' => Folded::Nothing,
        other if is_mark(other) || is_ignorable(other) => Folded::Nothing,
        other if other.is_alphanumeric() => Folded::Letter(other),
        _ => Folded::End,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_keyboard_makes_different_is_the_same() {
        for (one, other) in [
            ("علي كريمي", "علی کریمی"),
            ("عَلِيّ", "علی"),
            ("محـــمد", "محمد"),
            ("آرش", "ارش"),
            ("أحمد", "احمد"),
            ("إبراهيم", "ابراهیم"),
            ("مؤمنی", "مومنی"),
            ("رئیسی", "رییسی"),
            ("علاءالدین", "علاالدین"),
            ("فاطمة", "فاطمه"),
            ("موسى", "موسی"),
            ("خانهٔ ما", "خانه ما"),
            ("خانۀ ما", "خانه ما"),
            ("ﻣﺤﻤﺪ", "محمد"),
            ("ﷲ", "الله"),
            ("شعبه ۱۲", "شعبه 12"),
            ("شعبة ١٢", "شعبه ۱۲"),
            ("SARA", "sara"),
            ("José Müller", "jose muller"),
            ("Straße", "STRASSE"),
            ("Søren Łukasz", "Soren Lukasz"),
            ("Æsir", "aesir"),
            ("İstanbul", "istanbul"),
            ("Işık", "isik"),
            ("O’Brien", "obrien"),
            ("ʿAlī", "ali"),
            ("Ｓａｒａ　１", "sara 1"),
            ("Νίκος", "ΝΙΚΟΣ"),
            ("Фёдор", "федор"),
            ("Sa\u{ad}ra\u{feff}", "Sara"),
            ("\u{200e}Sara\u{200f}", "Sara"),
        ] {
            assert_eq!(words(one), words(other), "{one} {other}");
        }
    }

    #[test]
    fn how_the_parts_of_a_word_are_parted_does_not_count() {
        for name in ["علی رضا", "علی\u{200c}رضا", "علیرضا", "علي‌رضا", " علی  رضا ", "علی-رضا"]
        {
            assert_eq!(joined(name), "علیرضا", "{name}");
        }
        assert_eq!(words("علی\u{200c}رضا احمدی"), ["علی", "رضا", "احمدی"]);
        assert_eq!(words("Al-Hassan, (Ali) & Co."), ["al", "hassan", "ali", "co"]);
    }

    #[test]
    fn different_letters_stay_different() {
        for (one, other) in [("کرم", "گرم"), ("پدر", "بدر"), ("حسن", "هسن"), ("سارا", "صارا"), ("sara", "zara")]
        {
            assert_ne!(joined(one), joined(other));
        }
    }

    #[test]
    fn a_name_begins_with_each_of_its_words() {
        assert_eq!(beginnings("Sara Ahmadi", 9), ["saraahmadi", "ahmadisara"]);
        assert_eq!(
            beginnings("Mohammad Reza Ahmadi", 9),
            ["mohammadrezaahmadi", "rezaahmadimohammad", "ahmadimohammadreza", "mohammadahmadireza"]
        );
        assert_eq!(beginnings("سارا", 9), ["سارا"]);
        assert_eq!(beginnings("Ali Ali", 9), ["aliali"]);
        assert_eq!(beginnings("🙂 -", 9), Vec::<String>::new());
    }

    #[test]
    fn beginnings_are_bounded() {
        let long = "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10 k11";
        assert_eq!(beginnings(long, 9).len(), MOST_WORDS + 1);
        assert_eq!(beginnings(long, 3), beginnings(long, 9)[..3]);
        let of_one_word = beginnings(&"ش".repeat(200), 9);
        assert_eq!((of_one_word.len(), of_one_word[0].chars().count()), (1, LONGEST));
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_as_it_is(text in "\\PC{0,40}", near in "[ء-يپچژکگی۰-۹٠-٩ a-zA-ZßİıŁéÆ'\u{200c}\u{64e}\u{640}-]{0,40}") {
            for text in [text, near] {
                let once = words(&text);
                prop_assert_eq!(&words(&once.join(" ")), &once);
                prop_assert!(once.iter().all(|word| !word.is_empty()));
                prop_assert!(once.iter().flat_map(|word| word.chars()).all(|c| c != '#' && !c.is_whitespace()));
            }
        }

        #[test]
        fn every_beginning_of_every_word_is_found(
            name in prop::collection::vec("[a-zA-Zا-غف-يپچژکگی]{1,8}", 1..=MOST_WORDS),
            at in any::<prop::sample::Index>(),
            length in 1_usize..9,
        ) {
            let word = at.get(&name);
            let typed: String = word.chars().take(length).collect();
            let prefix = joined(&typed);
            prop_assume!(!prefix.is_empty());
            let found = beginnings(&name.join(" "), MOST_WORDS + 1);
            prop_assert!(found.iter().any(|key| key.starts_with(&prefix)), "{:?} in {:?}", prefix, found);
        }
    }
}

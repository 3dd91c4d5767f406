//! How long an SMS is. It travels in segments of 140 bytes, each of which is paid for, and a single character outside the
//! GSM alphabet more than halves what fits into one.
//!
//! The alphabet and its extension table are those of 3GPP TS 23.038, section 6.2.1; the room that the header of a text of
//! several segments takes is that of TS 23.040, section 9.2.3.24.1.

use serde::{Deserialize, Serialize};

use crate::problem::Rejection;
#[cfg(feature = "templates")]
use crate::text::gives_direction;

/// Every character of the default alphabet, which needs one septet each.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
                     ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Every character of the extension table, which needs an escape before it.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// What an SMS is encoded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SmsEncoding {
    #[serde(rename = "GSM-7")]
    Gsm7,
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl SmsEncoding {
    /// How many units fit into an SMS of one segment, and into each segment of a longer one.
    fn room(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }
}

/// The length of an SMS. `characters` are septets in GSM-7, where those of the extension table count two, and UTF-16 units
/// in UCS-2, where an emoji counts two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SmsLength {
    pub encoding: SmsEncoding,
    pub characters: usize,
    pub segments: usize,
}

/// The text in the alphabet in which an SMS has most room, where only characters that nobody sees or the sign of the rupee
/// keep it out: blanks of other kinds become those of the alphabet, the rupee has its code, and what gives a direction has
/// nothing to turn, because the alphabet has no letter that runs from right to left. Any other text stays as it is.
#[cfg(feature = "templates")]
pub(crate) fn in_its_alphabet(text: String) -> String {
    let plain = |character: char| if character.is_whitespace() && character != '\n' { ' ' } else { character };
    let coded = text.replace('₹', "INR ");
    let shorter: String = coded.chars().filter(|character| !gives_direction(*character)).map(plain).collect();
    if shorter.chars().all(|character| septets(character).is_some()) { shorter } else { text }
}

impl SmsLength {
    pub fn of(text: &str) -> Self {
        let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
        let (encoding, units) = match septets {
            Some(septets) => (SmsEncoding::Gsm7, septets),
            None => (SmsEncoding::Ucs2, text.chars().map(char::len_utf16).collect()),
        };
        let characters = units.iter().sum();
        Self { encoding, characters, segments: segments(&units, characters, encoding) }
    }
}

fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// A character of two units is never cut in two, so a segment may end with a unit to spare.
fn segments(units: &[usize], characters: usize, encoding: SmsEncoding) -> usize {
    let (alone, each) = encoding.room();
    if characters <= alone {
        return 1;
    }
    let (mut segments, mut filled) = (1, 0);
    for unit in units {
        if filled + unit > each {
            segments += 1;
            filled = 0;
        }
        filled += unit;
    }
    segments
}

/// The most segments that an SMS of the business may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentLimit(u8);

impl SegmentLimit {
    pub fn parse(segments: i64) -> Result<Self, Rejection> {
        u8::try_from(segments)
            .ok()
            .filter(|segments| (1..=10).contains(segments))
            .map(Self)
            .ok_or_else(|| Rejection::new("out_of_range", "An SMS has 1 to 10 segments."))
    }

    pub fn segments(self) -> usize {
        self.0.into()
    }

    /// Refuses an SMS that is longer than the business wants to pay for.
    pub fn check(self, length: SmsLength) -> Result<(), Rejection> {
        if length.segments <= usize::from(self.0) {
            return Ok(());
        }
        let SmsLength { encoding, characters, segments } = length;
        let encoding = match encoding {
            SmsEncoding::Gsm7 => "GSM-7",
            SmsEncoding::Ucs2 => "UCS-2",
        };
        let detail = format!(
            "With its variables filled in the SMS has {characters} characters in {encoding}, which is {segments} \
             segments; max_sms_segments allows {}.",
            self.0
        );
        Err(Rejection::new("sms_too_long", detail))
    }
}

impl Default for SegmentLimit {
    fn default() -> Self {
        Self(6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn length(text: &str) -> (SmsEncoding, usize, usize) {
        let SmsLength { encoding, characters, segments } = SmsLength::of(text);
        (encoding, characters, segments)
    }

    #[test]
    fn the_alphabet_has_its_127_characters_and_the_extension_its_10() {
        // The escape itself is the 128th code of the one; the other leaves most of its codes free.
        assert_eq!((BASIC.chars().count(), EXTENSION.chars().count()), (127, 10));
        let all: std::collections::BTreeSet<char> = BASIC.chars().chain(EXTENSION.chars()).collect();
        assert_eq!(all.len(), 137, "no character is listed twice");
    }

    #[test]
    fn a_text_in_the_gsm_alphabet_has_160_characters_in_one_segment_and_153_in_each_of_several() {
        assert_eq!(length(""), (SmsEncoding::Gsm7, 0, 1));
        assert_eq!(length(&"a".repeat(160)), (SmsEncoding::Gsm7, 160, 1));
        assert_eq!(length(&"a".repeat(161)), (SmsEncoding::Gsm7, 161, 2));
        assert_eq!(length(&"a".repeat(306)), (SmsEncoding::Gsm7, 306, 2));
        assert_eq!(length(&"a".repeat(307)), (SmsEncoding::Gsm7, 307, 3));
    }

    #[test]
    fn characters_of_the_extension_count_two_and_are_not_cut_in_two() {
        assert_eq!(length("€5 [x]"), (SmsEncoding::Gsm7, 9, 1));
        assert_eq!(length(&"€".repeat(80)), (SmsEncoding::Gsm7, 160, 1));
        // 153 septets take 76 of them and one is left empty: twice that is 152, and the 153rd opens a third segment.
        assert_eq!(length(&"€".repeat(152)), (SmsEncoding::Gsm7, 304, 2));
        assert_eq!(length(&"€".repeat(153)), (SmsEncoding::Gsm7, 306, 3));
    }

    #[test]
    fn one_other_character_makes_all_of_it_ucs_2() {
        assert_eq!(length("Pay ç"), (SmsEncoding::Ucs2, 5, 1));
        assert_eq!(length(&"پ".repeat(70)), (SmsEncoding::Ucs2, 70, 1));
        assert_eq!(length(&"پ".repeat(71)), (SmsEncoding::Ucs2, 71, 2));
        assert_eq!(length(&"پ".repeat(134)), (SmsEncoding::Ucs2, 134, 2));
        assert_eq!(length(&"پ".repeat(135)), (SmsEncoding::Ucs2, 135, 3));
        assert_eq!(length("€ پ"), (SmsEncoding::Ucs2, 3, 1), "the escape is of GSM-7 alone");
    }

    #[test]
    fn nothing_invisible_keeps_a_text_out_of_the_alphabet() {
        for (text, sent) in [
            ("Sara\u{200e} Test\u{a0}1\u{202f}000\t\u{2068}x\u{2069}\ny", "Sara Test 1 000 x\ny"),
            ("Pay ₹1,23,456.78", "Pay INR 1,23,456.78"),
            ("مبلغ ₹5", "مبلغ ₹5"),
            ("فاکتور \u{2068}x\u{2069}\u{a0}۱", "فاکتور \u{2068}x\u{2069}\u{a0}۱"),
        ] {
            assert_eq!(in_its_alphabet(text.to_owned()), sent, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn an_emoji_counts_two_and_is_not_cut_in_two() {
        assert_eq!(length(&"🙂".repeat(35)), (SmsEncoding::Ucs2, 70, 1));
        assert_eq!(length(&"🙂".repeat(66)), (SmsEncoding::Ucs2, 132, 2));
        assert_eq!(length(&"🙂".repeat(67)), (SmsEncoding::Ucs2, 134, 3));
    }

    #[test]
    fn a_limit_is_1_to_10_and_refuses_what_is_longer() {
        for bad in [-1, 0, 11, 266] {
            assert_eq!(SegmentLimit::parse(bad).unwrap_err().code, "out_of_range", "{bad}");
        }
        let two = SegmentLimit::parse(2).unwrap();
        assert!(two.check(SmsLength::of(&"پ".repeat(134))).is_ok());
        let refused = two.check(SmsLength::of(&"پ".repeat(135))).unwrap_err();
        assert_eq!(refused.code, "sms_too_long");
        assert!(refused.detail.contains("135 characters in UCS-2, which is 3 segments"), "{}", refused.detail);
    }

    proptest! {
        #[test]
        fn a_longer_text_never_has_fewer_segments(text in ".{0,400}", more in ".{0,40}") {
            let (short, long) = (SmsLength::of(&text), SmsLength::of(&format!("{text}{more}")));
            prop_assert!(long.segments >= short.segments);
            prop_assert!(long.characters >= short.characters || short.encoding != long.encoding);
        }
    }
}

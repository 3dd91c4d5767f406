//! Countries and mobile numbers as they come from outside, by the numbering plans of the world.

use rlibphonenumber::enums::Region as PhoneRegion;
use std::str::FromStr;

use super::numbering_plans::Number;
use super::{Mobile, Region, without_scheme};
use crate::problem::Rejection;
use crate::text::{is_dash, to_ascii_digits, typed_address, with_digits_of_one_script};

impl Region {
    /// Codes are read in either case and kept in capitals, as they are written.
    pub fn parse(code: &str) -> Result<Self, Rejection> {
        PhoneRegion::from_str(code)
            .map(|_| Self(code.to_ascii_uppercase()))
            .map_err(|_| Rejection::new("unknown_region", "This is not a region code such as IR or DE."))
    }
}

impl Mobile {
    /// Reads one number as people type it: local or international, grouped by blanks, hyphens, dots, brackets or
    /// slashes, with the digits of any script, also behind `tel:`. Every digit that was typed counts, and whatever is
    /// neither a digit nor stands between digits is refused: a number that was guessed is a stranger's.
    pub fn parse(text: &str, region: &Region) -> Result<Self, Rejection> {
        let dialled = Dialled::read(text)?;
        let number = at_home(&dialled.digits, region)?;
        dialled.mobile(&number)
    }

    /// Reads the id of somebody on a network that knows people by their numbers. The network writes them in full and
    /// without the plus, so that digits alone are read so first. Digits that are a mobile number at home too, and
    /// another one, could be two people's and are refused. What begins with a zero or a plus is read as every number
    /// is.
    pub fn parse_id(text: &str, region: &Region) -> Result<Self, Rejection> {
        let dialled = Dialled::read(text)?;
        let number = match in_full(&dialled.digits) {
            None => at_home(&dialled.digits, region)?,
            Some(number) => match at_home(&dialled.digits, region) {
                // Many a mobile number in full is also that of a fixed line at home, which takes no message.
                Ok(other) if other.is_mobile() && other.e164() != number.e164() => {
                    let detail = "These digits are a number with its country's code and another one without it: write \
                                  the number with a plus and its country's code.";
                    return Err(refused(detail));
                }
                Ok(_) | Err(_) => number,
            },
        };
        dialled.mobile(&number)
    }
}

fn refused(detail: &str) -> Rejection {
    Rejection::new("invalid_mobile", detail)
}

/// The number that these digits reach when they are dialled in the region.
fn at_home(digits: &str, region: &Region) -> Result<Number, Rejection> {
    let region = PhoneRegion::from_str(region.as_str()).ok();
    // Some countries dial abroad otherwise, and nobody's number at home begins with two zeros.
    let abroad =
        || digits.strip_prefix("00").and_then(|rest| Number::read(&format!("+{rest}"), region)).filter(Number::exists);
    let at_home = Number::read(digits, region);
    match at_home.as_ref().filter(|number| number.exists()).cloned().or_else(abroad) {
        Some(number) => Ok(number),
        None if at_home.is_none() => Err(refused("This cannot be read as a phone number.")),
        None => Err(refused("No such phone number exists in its country's numbering plan.")),
    }
}

/// The number that these digits are if they begin with the code of a country, which none does that begins with a zero.
fn in_full(digits: &str) -> Option<Number> {
    let has_code = digits.starts_with(|digit: char| matches!(digit, '1'..='9'));
    let number = has_code.then(|| Number::read(&format!("+{digits}"), None))?;
    number.filter(Number::exists)
}

/// With the digits that one dials abroad and at home nobody dials more than this.
const MOST_DIGITS: usize = 20;

/// A second number has at least so many digits. Where both sides of a slash have them, it parts two numbers.
const SHORTEST_NUMBER: usize = 7;

/// Fewer digits behind a slash are the last ones of a second number that is otherwise the same.
const SHORTEST_GROUP: usize = 3;

/// The digits of one number, with a plus before them where it was typed.
struct Dialled {
    digits: String,
    /// The code of the country, where a `(0)` parts it from the rest: that zero is dialled at home, and is no digit here.
    country: Option<String>,
}

/// The code of a country has one to three digits.
const LONGEST_COUNTRY: usize = 3;

impl Dialled {
    fn read(text: &str) -> Result<Self, Rejection> {
        let typed = to_ascii_digits(&with_digits_of_one_script(&typed_address(text)));
        dialled(without_scheme(&typed, "tel:"))
    }

    /// The number that was read of the digits, where it is a mobile one and of the country that was typed.
    fn mobile(&self, number: &Number) -> Result<Mobile, Rejection> {
        if self.country.as_ref().is_some_and(|country| *country != number.country()) {
            return Err(left_over('('));
        }
        if number.is_mobile() {
            Ok(Mobile(number.e164()))
        } else {
            Err(refused("This is not a mobile number, so it cannot receive an SMS."))
        }
    }
}

fn dialled(typed: &str) -> Result<Dialled, Rejection> {
    let (mut digits, mut country) = (String::new(), None);
    let (mut open, mut slashes) = (None, Vec::new());
    for character in typed.chars() {
        match character {
            '0'..='9' => digits.push(character),
            '+' if digits.is_empty() => digits.push(character),
            '(' if open.is_none() => open = Some(digits.len()),
            ')' if open.is_some() => {
                let (before, inside) = digits.split_at(open.take().unwrap_or_default());
                let code = before.strip_prefix('+').or_else(|| before.strip_prefix("00"));
                let code = code.filter(|code| inside == "0" && (1..=LONGEST_COUNTRY).contains(&code.len()));
                if let Some(code) = code.filter(|_| country.is_none()) {
                    country = Some(code.to_owned());
                    digits.pop();
                }
            }
            '/' => slashes.push(digits.len()),
            '.' | '\u{b7}' => {}
            other if is_dash(other) || is_blank(other) => {}
            other => return Err(left_over(other)),
        }
    }
    if open.is_some() {
        return Err(left_over('('));
    }
    if slashes.into_iter().any(|at| parts_numbers(&digits, at)) {
        return Err(left_over('/'));
    }
    let count = digits.trim_start_matches('+').len();
    if count > MOST_DIGITS {
        let detail = format!("These are {count} digits, more than any phone number has; give one number.");
        return Err(Rejection::new("invalid_mobile", detail));
    }
    Ok(Dialled { digits, country })
}

/// Whether a slash at this place stands between two numbers, or before what the last digits of one could be as well.
fn parts_numbers(digits: &str, at: usize) -> bool {
    let (before, behind) = digits.split_at(at);
    let before = before.strip_prefix('+').or_else(|| before.strip_prefix("00")).unwrap_or(before);
    behind.len() < SHORTEST_GROUP || (before.len() >= SHORTEST_NUMBER && behind.len() >= SHORTEST_NUMBER)
}

fn is_blank(character: char) -> bool {
    character.is_whitespace()
        && !matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn left_over(character: char) -> Rejection {
    let what = if character.is_alphabetic() {
        format!("The letter \"{character}\" is no digit")
    } else if character.is_control() || character.is_whitespace() {
        format!("What stands from the character U+{:04X} on would be left over", u32::from(character))
    } else {
        format!("What stands from the character \"{character}\" on would be left over")
    };
    Rejection::new("invalid_mobile", format!("{what}: give one phone number, in digits and without an extension."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn region(code: &str) -> Region {
        Region::parse(code).unwrap()
    }

    fn iran() -> Region {
        region("IR")
    }

    #[test]
    fn mobile_numbers_are_taken_as_people_type_them() {
        for typed in [
            "09121234567",
            "0912 123 4567",
            "9121234567",
            "989121234567",
            "+98 912 123 4567",
            "۰۹۱۲۱۲۳۴۵۶۷",
            "٠٩١٢١٢٣٤٥٦٧",
            "０９１２１２３４５６７",
            "＋９８９１２１２３４５６７",
            "00989121234567",
            "0098 (0) 912 123 4567",
            "+98 (0)912-123-4567",
            "+98 0912 123 4567",
            "(0912) 123-4567",
            "(+98) 912 123 4567",
            "0912/1234567",
            "+98912/123 4567",
            "0912/123/4567",
            "0912 123/4567",
            "+98/912/123/45 67",
            "0098 912/1234567",
            "०९१२१२३४५६७",
            "০৯১২১২৩৪৫৬৭",
            "๐๙๑๒๑๒๓๔๕๖๗",
            "+௯௮ ௯௧௨ ௧௨௩ ௪௫௬௭",
            "𝟎𝟗𝟏𝟐𝟏𝟐𝟑𝟒𝟓𝟔𝟕",
            "۰۹۱۲1٢٣۴5٦٧",
            "0912.123.45.67",
            "0912-123\u{2010}45\u{2013}67",
            "0912\u{2212}1234567",
            "0912\u{a0}123\u{202f}4567",
            "0912\u{200c}1234567",
            "\u{202a}+989121234567\u{202c}",
            "\u{feff}09121234567",
            "tel:+98-912-123-4567",
            "TEL: 09121234567",
        ] {
            assert_eq!(Mobile::parse(typed, &iran()).map(|mobile| mobile.0).as_deref(), Ok("+989121234567"), "{typed}");
        }
        for (typed, code, kept) in [
            ("0171/1234567", "DE", "+491711234567"),
            ("00420 601/123456", "DE", "+420601123456"),
            ("00971 50/1234567", "DE", "+971501234567"),
            ("+49 (0) 171 / 123 45 67", "IR", "+491711234567"),
            ("0039 (0) 312 345 6789", "DE", "+393123456789"),
            ("+49(0) (0) 170 16 170 1 (0) 1", "IR", "+4917016170101"),
            ("(650) 253-0000", "US", "+16502530000"),
            ("1-650-253-0000", "US", "+16502530000"),
            ("011 49 171 1234567", "US", "+491711234567"),
            ("0049 171 1234567", "US", "+491711234567"),
            ("011 15 2345-6789", "AR", "+5491123456789"),
        ] {
            assert_eq!(Mobile::parse(typed, &region(code)).map(|mobile| mobile.0).as_deref(), Ok(kept), "{typed}");
        }
    }

    #[test]
    fn numbers_that_cannot_receive_an_sms_are_refused_with_a_reason() {
        for bad in ["021 8888 8888", "12345", "", "+", "()", "+98912123456789"] {
            assert_eq!(Mobile::parse(bad, &iran()).unwrap_err().code, "invalid_mobile", "{bad}");
        }
    }

    #[test]
    fn letters_are_no_digits_and_nothing_of_a_field_is_left_over() {
        for (bad, named) in [
            ("0912abc4567", "\"a\""),
            ("hello", "\"h\""),
            ("1-800-FLOWERS", "\"F\""),
            ("09121234567;09351234567", "\";\""),
            ("09121234567,09351234567", "\",\""),
            ("09121234567، 09351234567", "\"،\""),
            ("09121234567 / 09351234567", "\"/\""),
            ("09121234567 09351234567", "22 digits"),
            ("09121234567\n09351234567", "U+000A"),
            ("09121234567 +989351234567", "\"+\""),
            ("+98 9(0)12 123 4567", "\"(\""),
            ("++989121234567", "\"+\""),
            ("09121234567 ext. 12", "\"e\""),
            ("09121234567x5", "\"x\""),
            ("09121234567#2", "\"#\""),
            ("09121234567,,2", "\",\""),
            ("09121234567p2", "\"p\""),
            ("۰۹۱۲۱۲۳۴۵۶۷ داخلی ۱۲", "\"د\""),
            ("tel:+989121234567;ext=12", "\";\""),
            ("tel:9121234567;phone-context=+98", "\";\""),
            ("sms:+989121234567", "\"s\""),
            ("0912123456~8", "\"~\""),
            ("0912123456/7", "\"/\""),
            ("0912/12345/67", "\"/\""),
            ("(0912 1234567", "\"(\""),
            ("0912 1234567)", "\")\""),
            ("0912_1234567", "\"_\""),
            ("*09121234567", "\"*\""),
            ("0912123456⑦", "\"⑦\""),
            ("\u{660}\u{661}\u{967}", "\"\u{967}\""),
            ("09121234\u{967}67", "\"\u{967}\""),
            ("\u{966}\u{96f}\u{967}\u{968}\u{9e7}\u{9e8}\u{9e9}", "\"\u{966}\""),
            ("\u{1d7ce}\u{1d7d8}", "\"\u{1d7ce}\""),
            ("0912/1234567/8", "\"/\""),
            ("09121234567/0935/1234567", "\"/\""),
            ("00989121234567/00989351234567", "\"/\""),
        ] {
            let refused = Mobile::parse(bad, &iran()).unwrap_err();
            assert_eq!(refused.code, "invalid_mobile", "{bad}");
            assert!(refused.detail.contains(named), "{bad}: {}", refused.detail);
        }
    }

    #[test]
    fn an_id_without_a_plus_is_read_as_its_network_writes_it() {
        for (typed, code, kept) in [
            ("16502530000", "IR", "+16502530000"),
            ("1 (650) 253-0000", "DE", "+16502530000"),
            ("491711234567", "IR", "+491711234567"),
            ("989121234567", "IR", "+989121234567"),
            // 04917 is a place in Germany.
            ("491711234567", "DE", "+491711234567"),
            ("۴۹۱۷۱۱۲۳۴۵۶۷", "US", "+491711234567"),
            ("+15125550100", "DE", "+15125550100"),
            // Digits that no country's code begins are dialled at home.
            ("09121234567", "IR", "+989121234567"),
            ("00491711234567", "US", "+491711234567"),
            ("9121234567", "IR", "+989121234567"),
            ("6502530000", "US", "+16502530000"),
        ] {
            assert_eq!(Mobile::parse_id(typed, &region(code)).map(|mobile| mobile.0).as_deref(), Ok(kept), "{typed}");
        }
        // 512 is Austin, and 01512 a network of Germany.
        let refused = Mobile::parse_id("15125550100", &region("DE")).unwrap_err();
        assert_eq!((refused.code, refused.detail.contains("with a plus")), ("invalid_mobile", true));
        assert_eq!(Mobile::parse_id("15125550100", &region("IR")).unwrap().as_str(), "+15125550100");
        assert_eq!(Mobile::parse("15125550100", &region("DE")).unwrap().as_str(), "+4915125550100");
    }

    #[test]
    fn what_is_not_the_code_of_a_region_is_refused() {
        assert_eq!(Region::parse("US"), Ok(Region::united_states()));
        for bad in ["", "Iran"] {
            assert_eq!(Region::parse(bad).unwrap_err().code, "unknown_region", "{bad}");
        }
        assert_eq!(Region::parse("us"), Ok(Region::united_states()));
    }

    /// A number at home and abroad: its region, what one dials before it at home, its country's code, and the rest.
    const NUMBERS: [(&str, &str, &str, &str); 5] = [
        ("IR", "0", "98", "9121234567"),
        ("DE", "0", "49", "1711234567"),
        ("US", "1", "1", "6502530000"),
        ("IT", "", "39", "3123456789"),
        ("GB", "0", "44", "7400123456"),
    ];

    proptest! {
        #[test]
        fn reading_any_text_as_a_number_never_panics(text in ".{0,60}") {
            let _ = Mobile::parse(&text, &iran());
        }

        #[test]
        fn an_id_in_full_names_its_own_number_in_every_region_or_nobody(
            number in prop::sample::select(NUMBERS.to_vec()),
            home in prop::sample::select(NUMBERS.to_vec()),
            put_in in "[0-9]{0,2}",
            length in 6..13_usize,
        ) {
            let (_, _, country, rest) = number;
            let digits: String = format!("{country}{put_in}{rest}").chars().take(length).collect();
            let in_full = Mobile::parse(&format!("+{digits}"), &iran());
            let read = Mobile::parse_id(&digits, &region(home.0));
            if let (Ok(in_full), Ok(read)) = (in_full, read) {
                prop_assert_eq!(read, in_full);
            }
        }

        #[test]
        fn what_is_accepted_has_exactly_the_digits_that_were_typed(
            number in prop::sample::select(NUMBERS.to_vec()),
            form in 0..4_usize,
            put_in in prop::collection::vec((0..16_usize, "[-0-9 ./()+a-z;,#\u{200c}۱]"), 0..4),
        ) {
            let (code, trunk, country, rest) = number;
            let typed = match form {
                0 => format!("{trunk}{rest}"),
                1 => format!("+{country}{rest}"),
                2 => format!("00{country}{rest}"),
                _ => format!("+{country}(0){rest}"),
            };
            let mut typed: Vec<char> = typed.chars().collect();
            for (at, character) in put_in {
                let at = at.min(typed.len());
                typed.splice(at..at, character.chars());
            }
            let typed: String = typed.into_iter().collect();
            if let Ok(mobile) = Mobile::parse(&typed, &region(code)) {
                prop_assert!(!typed.contains(|c: char| c.is_ascii_alphabetic() || ";,#".contains(c)), "{typed}");
                let digits: String = to_ascii_digits(&typed).chars().filter(char::is_ascii_digit).collect();
                let kept = &mobile.as_str()[1..];
                // Only what one dials before a number can be more or less: zeros, and the code of the country.
                let is_dialled = |before: &str| before.chars().all(|digit| digit == '0' || country.contains(digit));
                let shared = kept.bytes().rev().zip(digits.bytes().rev()).take_while(|(one, other)| one == other).count();
                prop_assert!(is_dialled(&kept[..kept.len() - shared]), "{typed} {kept}");
                prop_assert!(is_dialled(&digits[..digits.len() - shared]), "{typed} {kept}");
            }
        }
    }
}

use std::io::BufRead;

use quick_xml::events::Event;

use super::super::ReadError;
use super::package::Package;
use super::xml::{Xml, attribute};

/// The texts that cells name by number. They lie behind each other, so that a million empty ones take little.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.text.get(start..end)
    }
}

pub(super) fn read(package: &mut Package<'_>, path: Option<&str>) -> Result<Strings, ReadError> {
    let mut strings = Strings::default();
    let Some(path) = path else {
        return Ok(strings);
    };
    let Some(mut xml) = package.part(path)? else {
        return Ok(strings);
    };
    loop {
        let is_string = match xml.next()? {
            Event::Start(start) => start.local_name().as_ref() == "si",
            Event::Eof => return Ok(strings),
            _ => false,
        };
        if is_string {
            read_string(&mut xml, &mut strings.text)?;
            strings.ends.push(strings.text.len());
        }
    }
}

/// Appends the text of an element that has texts in it, such as `si` and `is`, up to its end: one text, or runs of
/// texts that look different. How a text is pronounced stands beside it and does not belong to it.
pub(super) fn read_string(xml: &mut Xml<impl BufRead>, string: &mut String) -> Result<(), ReadError> {
    enum Inside {
        Text { keeps_space: bool },
        Run,
        Other,
    }
    let mut depth = 1_usize;
    let mut text = String::new();
    while depth > 0 {
        let inside = match xml.next()? {
            Event::Start(start) => match start.local_name().as_ref() {
                "t" => Inside::Text { keeps_space: attribute(&start, "space")?.as_deref() == Some("preserve") },
                "r" => Inside::Run,
                _ => Inside::Other,
            },
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::Eof => return Err(ReadError::Damaged),
            _ => continue,
        };
        match inside {
            Inside::Text { keeps_space } => {
                text.clear();
                xml.text(&mut text)?;
                let kept = if keeps_space { text.as_str() } else { text.trim_matches([' ', '\t', '\n', '\r']) };
                push_unescaped(string, kept);
            }
            Inside::Run => depth += 1,
            Inside::Other => xml.skip()?,
        }
    }
    Ok(())
}

/// Appends a text in which a character that XML has no word for is written as `_x000D_`, by its unit of UTF-16.
pub(super) fn push_unescaped(string: &mut String, mut text: &str) {
    while let Some(at) = text.find("_x") {
        let (before, rest) = text.split_at(at);
        string.push_str(before);
        let (unit, behind) = match unit_at(rest) {
            Some(found) => found,
            None => {
                let (mark, behind) = rest.split_at("_x".len());
                string.push_str(mark);
                text = behind;
                continue;
            }
        };
        // A character beyond the first plane is two units, and half of one is none.
        let pair = unit_at(behind).filter(|_| (0xd800..0xdc00).contains(&unit));
        let pair = pair.and_then(|(low, behind)| Some((char::decode_utf16([unit, low]).next()?.ok()?, behind)));
        let (c, behind) =
            pair.unwrap_or((char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER), behind));
        string.push(c);
        text = behind;
    }
    string.push_str(text);
}

/// The unit that a text begins with when it begins like `_x000D_`, and what stands behind.
fn unit_at(text: &str) -> Option<(u16, &str)> {
    let (digits, behind) = text.strip_prefix("_x")?.split_at_checked(4)?;
    let behind = behind.strip_prefix('_')?;
    let is_hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
    Some((unit, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str) -> String {
        let mut string = String::new();
        push_unescaped(&mut string, text);
        string
    }

    #[test]
    fn a_character_can_be_written_by_its_number() {
        for (text, meant) in [
            ("a_x000D_b", "a\rb"),
            ("_x005F_x000D_", "_x000D_"),
            ("_xD83D__xDE00_", "😀"),
            ("_xd83d_", "\u{fffd}"),
            ("_xD83D__x0041_", "\u{fffd}A"),
            ("_xDE00_", "\u{fffd}"),
            ("_x_x0041_", "_xA"),
            ("_x+041_ _x004_ _x0041", "_x+041_ _x004_ _x0041"),
            ("_xن۱۲_", "_xن۱۲_"),
            ("plain _ text", "plain _ text"),
        ] {
            assert_eq!(unescaped(text), meant, "{text}");
        }
    }

    #[test]
    fn strings_are_found_by_their_number() {
        let strings = Strings { text: "abc".to_owned(), ends: vec![1, 1, 3] };
        assert_eq!([0, 1, 2, 3].map(|index| strings.get(index)), [Some("a"), Some(""), Some("bc"), None]);
    }
}

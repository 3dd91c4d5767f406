//! Where the page of a list ended, as a caller gets it and gives it back.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How the places of a list are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// A time and an id, in lists that are sorted by time.
    Time,
    /// An id, in lists that are sorted by it.
    Id,
}

/// The place of the last entry of a page. What follows it is the next page, whether or not the entry is still there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(String);

/// No id is longer.
const LONGEST_ID: usize = 200;

impl Cursor {
    /// Reads a cursor as a list of this kind gives it out, and nothing else: what cannot be read must not begin the
    /// list anew, because a caller that reads on would never come to its end.
    pub fn parse(text: &str, place: SortKey) -> Option<Self> {
        if text.len() > LONGEST_ID * 2 {
            return None;
        }
        let written = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let is_place = match place {
            SortKey::Id => is_id(&written),
            SortKey::Time => written
                .split_once('#')
                .is_some_and(|(at, id)| at.len() == 13 && at.bytes().all(|b| b.is_ascii_digit()) && is_id(id)),
        };
        is_place.then_some(Self(written))
    }

    /// The cursor behind the entry at this place.
    pub fn behind(place: impl Into<String>) -> Self {
        Self(place.into())
    }

    pub fn place(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_given_out_and_in_no_other_form() {
        let (time, id) = (Cursor::behind("1800000000000#pl_abc"), Cursor::behind("c-1042"));
        assert_eq!(Cursor::parse(&time.to_string(), SortKey::Time), Some(time.clone()));
        assert_eq!(Cursor::parse(&id.to_string(), SortKey::Id), Some(id.clone()));
        let written = |place: &str| Cursor::behind(place).to_string();
        let long = written(&"a".repeat(201));
        for bad in
            ["", "!", "c-1042", &written(""), &written("1800000000000#"), &written("18#x"), &written("a b"), &long]
        {
            assert_eq!(Cursor::parse(bad, SortKey::Time), None, "{bad}");
        }
        assert_eq!(Cursor::parse(&time.to_string(), SortKey::Id), None, "each list knows its own");
        assert_eq!(Cursor::parse(&id.to_string(), SortKey::Time), None);
        assert_eq!(Cursor::parse(&long, SortKey::Id), None);
        assert_eq!(Cursor::parse(&format!("{time}="), SortKey::Time), None);
    }
}

//! Where the page of a list ended, as a caller gets it and gives it back.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// In which order a list is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// How the places of a list are written, and in which order they follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// A time and an id, in lists that are sorted by time.
    Time(Order),
    /// An id, in lists that are sorted by it.
    Id,
}

impl SortKey {
    pub(crate) fn order(self) -> Order {
        match self {
            Self::Time(order) => order,
            Self::Id => Order::OldestFirst,
        }
    }

    /// What a cursor begins with. What follows a place differs with the order, so that a cursor says it.
    fn prefix(self) -> &'static str {
        match self {
            Self::Time(Order::OldestFirst) => ASCENDING,
            Self::Time(Order::NewestFirst) | Self::Id => "",
        }
    }
}

/// No place begins with it.
const ASCENDING: &str = ">";

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
        let named = written.strip_prefix(place.prefix())?;
        let is_place = match place {
            SortKey::Id => is_id(named),
            SortKey::Time(_) => named
                .split_once('#')
                .is_some_and(|(at, id)| at.len() == 13 && at.bytes().all(|b| b.is_ascii_digit()) && is_id(id)),
        };
        is_place.then_some(Self(written))
    }

    /// The cursor behind the entry at this place of a list that is sorted by id, or by time with the newest first.
    pub fn behind(place: impl Into<String>) -> Self {
        Self(place.into())
    }

    /// The same in a list of this kind.
    pub(crate) fn behind_in(sort_key: SortKey, place: &str) -> Self {
        Self(format!("{}{place}", sort_key.prefix()))
    }

    pub fn place(&self) -> &str {
        self.0.strip_prefix(ASCENDING).unwrap_or(&self.0)
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

    const NEWEST: SortKey = SortKey::Time(Order::NewestFirst);
    const OLDEST: SortKey = SortKey::Time(Order::OldestFirst);

    #[test]
    fn a_cursor_is_read_as_it_was_given_out_and_in_no_other_form() {
        let (time, id) = (Cursor::behind("1800000000000#pl_abc"), Cursor::behind("c-1042"));
        let oldest = Cursor::behind_in(OLDEST, time.place());
        for (cursor, of) in [(&time, NEWEST), (&id, SortKey::Id), (&oldest, OLDEST)] {
            assert_eq!(Cursor::parse(&cursor.to_string(), of).as_ref(), Some(cursor));
            let others = [NEWEST, OLDEST, SortKey::Id].into_iter().filter(|other| *other != of);
            for other in others {
                assert_eq!(Cursor::parse(&cursor.to_string(), other), None, "each list and each order knows its own");
            }
        }
        assert_eq!((time.place(), oldest.place()), ("1800000000000#pl_abc", "1800000000000#pl_abc"));
        let written = |place: &str| Cursor::behind(place).to_string();
        let long = written(&"a".repeat(201));
        for bad in
            ["", "!", "c-1042", &written(""), &written("1800000000000#"), &written("18#x"), &written("a b"), &long]
        {
            assert_eq!(Cursor::parse(bad, NEWEST), None, "{bad}");
            assert_eq!(Cursor::parse(bad, OLDEST), None, "{bad}");
        }
        assert_eq!(Cursor::parse(&long, SortKey::Id), None);
        assert_eq!(Cursor::parse(&format!("{time}="), NEWEST), None);
    }
}

//! The one character behind a link's address that says whose address it is.

use serde::{Deserialize, Serialize};

use crate::messages::channel::Channel;

/// The marks by their places, which are the letters of tokens too, so that no program takes one for the end of an address.
const MARKS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The place of somebody among those who were asked to pay. It never becomes another's, because who is asked later stands
/// behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecipientMark(u8);

impl RecipientMark {
    pub(super) fn of_place(place: usize) -> Option<Self> {
        u8::try_from(place).ok().filter(|_| place < MARKS.len()).map(Self)
    }

    /// Reads a character of an address. Which links it means anybody for, those say.
    pub fn parse(character: u8) -> Option<Self> {
        Self::of_place(MARKS.iter().position(|mark| *mark == character)?)
    }

    pub(super) fn place(self) -> usize {
        usize::from(self.0)
    }

    /// What stands behind the token in an address.
    pub fn as_char(self) -> char {
        MARKS.get(self.place()).copied().map_or(' ', char::from)
    }
}

/// By whose address a link was first opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedBy {
    /// `None` once that person is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<RecipientMark>,
    pub channel: Channel,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_mark_is_a_letter_of_tokens_and_is_read_as_it_was_written() {
        let marks: BTreeSet<char> = (0..MARKS.len())
            .map(|place| {
                let mark = RecipientMark::of_place(place).unwrap();
                let letter = mark.as_char();
                assert_eq!(RecipientMark::parse(u8::try_from(letter).unwrap()), Some(mark));
                letter
            })
            .collect();
        assert_eq!(marks.len(), 58);
        assert_eq!(RecipientMark::of_place(58), None);
        for none in [b'0', b'O', b'I', b'l', b'.', b'/', b' ', 0xd8] {
            assert_eq!(RecipientMark::parse(none), None);
        }
    }
}

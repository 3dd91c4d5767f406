//! Who of the people told opened a link, and who began to pay it. Each of them gets the address of the link with a mark of one
//! character behind it, which says who they are among those who were asked to pay.
//!
//! A mark is no secret and decides nothing: whoever has the link can pay it with any mark and with none. It is not written where
//! it would cost a segment of an SMS, and says nothing where somebody passed the link on.

use serde::{Deserialize, Serialize};

use super::payment_link::PaymentLink;
use crate::messages::channel::Channel;
use crate::messages::recipients::Recipient;

/// The marks by their places, which are the letters of tokens too, so that no program takes one for the end of an address.
const MARKS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The place of somebody among those who were asked to pay. It never becomes another's, because who is asked later stands
/// behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecipientMark(u8);

impl RecipientMark {
    fn of_place(place: usize) -> Option<Self> {
        u8::try_from(place).ok().filter(|_| place < MARKS.len()).map(Self)
    }

    /// Reads a character of an address. Which links it means anybody for, those say.
    pub fn parse(character: u8) -> Option<Self> {
        Self::of_place(MARKS.iter().position(|mark| *mark == character)?)
    }

    fn place(self) -> usize {
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

impl PaymentLink {
    /// Who is meant by a mark, as they were first asked to pay.
    pub fn recipient_of(&self, mark: RecipientMark) -> Option<&Recipient> {
        self.asked_before(u64::MAX).into_iter().nth(mark.place())
    }

    /// The mark of whoever is told at the address of a recipient, where one is left for them.
    pub fn mark_of(&self, recipient: &Recipient) -> Option<RecipientMark> {
        let asked = self.asked_before(u64::MAX);
        let place = asked.iter().position(|known| known.has_address_of(recipient))?;
        RecipientMark::of_place(place)
    }

    /// The address of the link for whoever is told at the address of a recipient.
    pub fn url_for(&self, recipient: &Recipient) -> String {
        let mut url = self.url();
        url.extend(self.mark_of(recipient).map(RecipientMark::as_char));
        url
    }

    /// Of a mark what is kept where it opens the link. One that means nobody of this link says nothing.
    pub(super) fn opened_through(&self, mark: Option<RecipientMark>) -> Option<OpenedBy> {
        let recipient = self.recipient_of(mark?)?;
        Some(OpenedBy { recipient: mark, channel: recipient.channel })
    }

    /// By whose address the link was first opened, as they were first asked to pay.
    pub fn opened_by(&self) -> Option<&Recipient> {
        self.recipient_of(self.opened_by?.recipient?)
    }

    /// The channel of the address by which the link was first opened.
    pub fn opened_by_channel(&self) -> Option<Channel> {
        self.opened_by.map(|opened| opened.channel)
    }
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

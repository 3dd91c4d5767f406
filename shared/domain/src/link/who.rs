//! Who of the people told opened a link, and who began to pay it. Each of them gets the address of the link with a mark of one
//! character behind it, which says who they are among those who were asked to pay.
//!
//! A mark is no secret and decides nothing: whoever has the link can pay it with any mark and with none. It is not written where
//! it would cost a segment of an SMS, and says nothing where somebody passed the link on.

use super::payment_link::PaymentLink;
use super::recipient_mark::{OpenedBy, RecipientMark};
use crate::messages::channel::Channel;
use crate::messages::recipients::Recipient;

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

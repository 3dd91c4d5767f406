//! Forgetting whom a link was for, once nothing can happen to it any more.

use jiff::Timestamp;

use super::payment_link::{LinkStatus, PaymentLink};
use crate::messages::choice::MessageChoice;

/// The link can still be paid, or money of it is under way or under review: whoever it is for is still needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillNeeded;

impl PaymentLink {
    /// The link without what it says about people: names, addresses, and every text of the CRM's own, which may name
    /// anybody. Ids, amounts, instants and attempts stay, because the books need them. `None` where that is done already.
    pub fn forget_person(&self, now: Timestamp) -> Result<Option<Self>, StillNeeded> {
        if self.status_at(now) == LinkStatus::Active || self.due_at().is_some() || self.needs_review() {
            return Err(StillNeeded);
        }
        let forgotten = self.changed(now, Self::drop_person);
        let is_news = forgotten.terms != self.terms || forgotten.message_rounds != self.message_rounds;
        Ok((is_news || forgotten.request_hash != self.request_hash).then_some(forgotten))
    }

    fn drop_person(&mut self) {
        let terms = &mut self.terms;
        terms.contact.name.clear();
        terms.contact.profile_url = None;
        terms.recipients.clear();
        terms.unreached.clear();
        terms.description = None;
        terms.return_url = None;
        terms.metadata.clear();
        terms.message = MessageChoice::Default { channels: terms.message.channels() };
        if let Some(item) = &mut terms.item {
            item.title.clear();
        }
        for round in &mut self.message_rounds {
            round.recipients.clear();
            round.unreached.clear();
            round.message = MessageChoice::Default { channels: round.message.channels() };
        }
        // The request is hashed without a salt: who knows all of it but a phone number could try them all.
        self.request_hash.clear();
        if let LinkStatus::Cancelled { reason, .. } = &mut self.status {
            *reason = None;
        }
    }
}

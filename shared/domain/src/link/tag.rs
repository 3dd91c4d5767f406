//! What tells a link, and an answer about it, from every other.

use jiff::Timestamp;

use super::payment_link::PaymentLink;
use crate::business::settings::Settings;
use crate::messages::delivery::MessageStates;
use crate::precondition::Tag;

impl PaymentLink {
    /// What tells this link from what it was and will be.
    pub fn tag(&self) -> Tag {
        Tag::of(self.version())
    }

    /// The same of an answer, which shows more: what became of the link's messages, that its time is over before somebody
    /// wrote that down, and all of it as the business reads it.
    pub fn tag_of_answer(&self, messages: &MessageStates, settings: &Settings, now: Timestamp) -> Tag {
        self.tag().with_hash_of(&(self.status_at(now).name(), messages, settings.manner()))
    }
}

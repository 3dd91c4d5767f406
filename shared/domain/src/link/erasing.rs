//! What is still to come of a link, for whoever is about to delete it with all that its business has: as long as there is
//! anything, money or word of it could be lost.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::payment_link::PaymentLink;
use super::payment_news::MessageOfLink;
use crate::events::{EventRecord, KEPT_FOR};
use crate::ids::MessageId;
use crate::messages::delivery::{MessageState, MessageStates};

/// Why a link cannot be deleted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StillToCome {
    /// It can be paid, a person has to look, or it is not decided where its money stays.
    Live,
    /// Something is done about the link, one of its messages or one of its events at this instant, and perhaps again later.
    Due(Timestamp),
    /// A message or an event of it was not looked at yet by anybody who delivers.
    Undelivered,
}

impl PaymentLink {
    /// What is still to come of the link, its messages and its events, which are those that are recorded.
    ///
    /// Where deleting has begun, `deleting_since`, everything that was written before had been delivered then, and some of
    /// what tells so may be gone: only what was written since can be undelivered.
    pub fn still_to_come(
        &self,
        messages: &MessageStates,
        events: &BTreeMap<u32, EventRecord>,
        deleting_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<StillToCome> {
        if self.is_live() {
            return Some(StillToCome::Live);
        }
        let message_due = |state: &MessageState| match state {
            MessageState::Sending { until } => Some(*until).filter(|until| *until > now),
            MessageState::Queued { .. }
            | MessageState::Waiting { .. }
            | MessageState::Sent(_)
            | MessageState::Failed { .. }
            | MessageState::Skipped { .. } => state.due_at(),
        };
        let due = self.due_at().into_iter();
        let due = due.chain(messages.values().filter_map(message_due));
        let due = due.chain(events.values().filter_map(EventRecord::due_at));
        if let Some(last) = due.max() {
            return Some(StillToCome::Due(last));
        }
        let is_new = |at: Timestamp| deleting_since.is_none_or(|since| at >= since);
        let is_untold = self.outbox().as_slice().iter().any(|event| {
            !events.contains_key(&event.sequence) && now.duration_since(event.at) < KEPT_FOR && is_new(event.at)
        });
        let has_failed = |id: &MessageId| matches!(messages.get(id), Some(MessageState::Failed { .. }));
        let is_unsent = self.messages().any(|MessageOfLink { recipient, .. }| {
            !messages.contains_key(&recipient.id) && recipient.is_wanted(has_failed)
        });
        (is_untold || (is_unsent && deleting_since.is_none())).then_some(StillToCome::Undelivered)
    }
}

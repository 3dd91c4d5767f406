//! What the CRM is told, and what a link remembers of what happened to it until that was told.
//!
//! A event is written with the change that is its cause, in the same item and the same write: whoever tells the CRM
//! finds it there, however late. Its number counts the events of one link, so that their order can be told from the
//! number alone, in whatever order they arrive.

use std::mem::discriminant;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, MessageId};
use crate::link::AttemptState;
use crate::link::{LinkStatus, PaymentLink};
use crate::problem::Rejection;

/// For so long events can be read and sent again.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A link remembers at most so many outbox, so that its item stays far below DynamoDB's limit. A link can have a
/// dozen in an hour, and the outbox is behind by seconds.
const MAX_LINK_EVENTS: usize = 100;

/// The names of events in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventType {
    LinkCreated,
    LinkOpened,
    LinkPaid,
    LinkExpired,
    LinkCancelled,
    AttemptFailed,
    AttemptNeedsReview,
    RefundSucceeded,
    ReceiptRegistered,
    MessageFailed,
}

impl EventType {
    pub const ALL: [EventType; 10] = [
        Self::LinkCreated,
        Self::LinkOpened,
        Self::LinkPaid,
        Self::LinkExpired,
        Self::LinkCancelled,
        Self::AttemptFailed,
        Self::AttemptNeedsReview,
        Self::RefundSucceeded,
        Self::ReceiptRegistered,
        Self::MessageFailed,
    ];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Rejection::new("unknown_event_type", format!("There is no such event; these are: {known}."))
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkCreated => "payment_link.created",
            Self::LinkOpened => "payment_link.opened",
            Self::LinkPaid => "payment_link.paid",
            Self::LinkExpired => "payment_link.expired",
            Self::LinkCancelled => "payment_link.cancelled",
            Self::AttemptFailed => "attempt.failed",
            Self::AttemptNeedsReview => "attempt.needs_review",
            Self::RefundSucceeded => "refund.succeeded",
            Self::ReceiptRegistered => "receipt.registered",
            Self::MessageFailed => "message.failed",
        }
    }
}

impl TryFrom<String> for EventType {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::parse(&text)
    }
}

impl From<EventType> for String {
    fn from(kind: EventType) -> String {
        kind.as_str().to_owned()
    }
}

/// Something that happened to a link and that the CRM is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkEvent {
    /// Counts the events of one link from 1 on.
    pub sequence: u32,
    /// The version of the link that it was written with.
    pub version: u64,
    pub at: Timestamp,
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The attempt that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    /// The message that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
}

/// What a list of events is made of before it has numbers.
type Unnumbered = (EventType, Option<AttemptId>, Option<MessageId>);

/// The events of a link, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outbox(Vec<LinkEvent>);

impl Outbox {
    pub fn as_slice(&self) -> &[LinkEvent] {
        &self.0
    }

    /// Whether any of them was written with this version of the link.
    pub(crate) fn any_of(&self, version: u64) -> bool {
        self.0.last().is_some_and(|last| last.version == version)
    }

    /// Adds what the change from `before` to `after` means for the CRM. Every change of a link passes here, so that none
    /// can be forgotten.
    pub(crate) fn add_changes(&mut self, before: &PaymentLink, after: &PaymentLink, now: Timestamp) {
        let events = changes(before, after);
        self.add(events, after.version(), now);
    }

    pub(crate) fn add_created(&mut self, version: u64, now: Timestamp) {
        self.add(vec![(EventType::LinkCreated, None, None)], version, now);
    }

    pub(crate) fn add_failed_message(&mut self, message: &MessageId, version: u64, now: Timestamp) {
        self.add(vec![(EventType::MessageFailed, None, Some(message.clone()))], version, now);
    }

    fn add(&mut self, events: Vec<Unnumbered>, version: u64, at: Timestamp) {
        for (kind, attempt, message) in events {
            let sequence = self.0.last().map_or(0, |last| last.sequence).saturating_add(1);
            self.0.push(LinkEvent { sequence, version, at, kind, attempt, message });
        }
        self.forget(at);
    }

    /// Forgets what nobody can be told any more. The last one stays, because it carries the count.
    fn forget(&mut self, now: Timestamp) {
        let surplus = self.0.len().saturating_sub(MAX_LINK_EVENTS);
        self.0.drain(..surplus);
        let last = self.0.last().map(|last| last.sequence);
        self.0.retain(|one| Some(one.sequence) == last || now.duration_since(one.at) < KEPT_FOR);
    }
}

/// What the CRM is told of a change, in the order in which it would tell it itself: attempts before the link's end.
fn changes(before: &PaymentLink, after: &PaymentLink) -> Vec<Unnumbered> {
    let mut events = Vec::new();
    if before.opened_at().is_none() && after.opened_at().is_some() {
        events.push((EventType::LinkOpened, None, None));
    }
    for attempt in after.attempts() {
        let known = before.attempt(&attempt.id).map(|attempt| &attempt.state);
        if known.is_some_and(|known| discriminant(known) == discriminant(&attempt.state)) {
            continue;
        }
        let kind = match &attempt.state {
            AttemptState::Failed { .. } => EventType::AttemptFailed,
            AttemptState::NeedsReview { .. } => EventType::AttemptNeedsReview,
            AttemptState::Refunded { .. } => EventType::RefundSucceeded,
            AttemptState::Open { .. }
            | AttemptState::Confirming { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Paid { .. }
            | AttemptState::Abandoned { .. }
            | AttemptState::Refunding { .. } => continue,
        };
        events.push((kind, Some(attempt.id.clone()), None));
    }
    if discriminant(before.status()) != discriminant(after.status()) {
        match after.status() {
            LinkStatus::Active => {}
            LinkStatus::Expired { .. } => events.push((EventType::LinkExpired, None, None)),
            LinkStatus::Cancelled { .. } => events.push((EventType::LinkCancelled, None, None)),
            LinkStatus::Paid { paid_by, .. } => {
                events.push((EventType::LinkPaid, Some(paid_by.clone()), None));
                if after.receipt_id().is_some() {
                    events.push((EventType::ReceiptRegistered, Some(paid_by.clone()), None));
                }
            }
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_can_be_named() {
        for kind in EventType::ALL {
            assert_eq!(EventType::parse(kind.as_str()), Ok(kind));
        }
        assert!(EventType::parse("payment_link.lost").unwrap_err().detail.contains("payment_link.paid"));
    }

    #[test]
    fn numbers_go_on_when_old_happenings_are_forgotten() {
        let mut outbox = Outbox::default();
        let at = |day: i64| Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap();
        for version in 1..=150 {
            outbox.add_created(version, at(0));
        }
        assert_eq!(outbox.as_slice().len(), MAX_LINK_EVENTS);
        outbox.add_created(151, at(31));
        let left: Vec<u32> = outbox.as_slice().iter().map(|one| one.sequence).collect();
        assert_eq!(left, [151]);
        assert!(outbox.any_of(151) && !outbox.any_of(150));
    }
}

//! What the CRM is told, and what a link remembers of what happened to it until that was told.
//!
//! An event is written with the change that is its cause, in the same item and the same write, so that deliver-messages
//! finds it there however late it looks. Its number counts the events of one link, so that their order can be told from
//! the number alone, in whatever order they arrive.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::events::{EventRecord, EventType, KEPT_FOR};
use crate::idempotency::IdempotencyLog;
use crate::ids::{AttemptId, EventId, LinkId, MessageId};

/// A link keeps at most this many events in its outbox, so that its item stays far below DynamoDB's limit. A link can
/// have a dozen events in an hour, and deliver-messages is behind by seconds.
const MAX_LINK_EVENTS: usize = 100;

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

impl LinkEvent {
    /// The event as it is kept, before it was sent to anybody.
    pub fn record(&self, link: &LinkId, recorded_at: Timestamp) -> EventRecord {
        EventRecord {
            id: EventId::of(link, self.sequence),
            sequence: self.sequence,
            kind: self.kind,
            attempt: self.attempt.clone(),
            message: self.message.clone(),
            happened_at: self.at,
            recorded_at,
            deliveries: Vec::new(),
            held_until: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        }
    }
}

/// An event before it has its number and its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewEvent {
    kind: EventType,
    attempt: Option<AttemptId>,
    message: Option<MessageId>,
}

impl NewEvent {
    pub(super) fn of_link(kind: EventType) -> Self {
        Self { kind, attempt: None, message: None }
    }

    pub(super) fn of_attempt(kind: EventType, attempt: &AttemptId) -> Self {
        Self { kind, attempt: Some(attempt.clone()), message: None }
    }

    pub(super) fn of_message(kind: EventType, message: &MessageId) -> Self {
        Self { kind, attempt: None, message: Some(message.clone()) }
    }
}

/// The events of a link, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outbox(Vec<LinkEvent>);

impl Outbox {
    pub fn as_slice(&self) -> &[LinkEvent] {
        &self.0
    }

    /// Whether any of them was written with this version of the link.
    pub(super) fn any_of(&self, version: u64) -> bool {
        self.0.last().is_some_and(|last| last.version == version)
    }

    /// Adds events that were written with this version of the link, and forgets those that nobody can be told any more.
    pub(super) fn add(&mut self, events: Vec<NewEvent>, version: u64, at: Timestamp) {
        for NewEvent { kind, attempt, message } in events {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_when_old_events_are_forgotten() {
        let mut outbox = Outbox::default();
        let at = |day: i64| Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap();
        for version in 1..=150 {
            outbox.add(vec![NewEvent::of_link(EventType::LinkCreated)], version, at(0));
        }
        assert_eq!(outbox.as_slice().len(), MAX_LINK_EVENTS);
        outbox.add(vec![NewEvent::of_link(EventType::LinkCreated)], 151, at(31));
        let left: Vec<u32> = outbox.as_slice().iter().map(|one| one.sequence).collect();
        assert_eq!(left, [151]);
        assert!(outbox.any_of(151) && !outbox.any_of(150));
    }
}

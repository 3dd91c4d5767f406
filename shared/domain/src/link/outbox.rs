//! What the CRM is told, and what a link remembers of what happened to it until that was told.
//!
//! An event is written with the change that is its cause, in the same item and the same write, so that deliver-messages
//! finds it there however late it looks. Its number counts the events of one link, so that their order can be told from
//! the number alone, in whatever order they arrive.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::events::{EventType, KEPT_FOR};
use crate::ids::{AttemptId, MessageId, RefundId};

/// From this many events on, those that are recorded leave the link, so that its item stays far below DynamoDB's limit. A
/// link can have a dozen events in an hour, and deliver-messages is behind by seconds, so that few links ever have more.
const ROOM_FOR_EVENTS: usize = 50;

/// No new attempt begins while this many events wait to be recorded: nothing that the CRM was not told is dropped, and
/// whoever opens the link again and again must not fill it.
const MOST_UNRECORDED: usize = 400;

/// Something that happened to a link and that the CRM is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkEvent {
    /// Counts the events of one link from 1 on. See [`super::PaymentLink::numbered_behind`].
    pub sequence: u32,
    /// The version of the link that it was written with.
    pub version: u64,
    pub at: Timestamp,
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The attempt that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    /// The refund of the attempt's money that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundId>,
    /// The message that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
}

/// An event before it has its number and its instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewEvent {
    kind: EventType,
    attempt: Option<AttemptId>,
    refund: Option<RefundId>,
    message: Option<MessageId>,
}

impl NewEvent {
    pub(super) fn of_link(kind: EventType) -> Self {
        Self { kind, attempt: None, refund: None, message: None }
    }

    pub(super) fn of_attempt(kind: EventType, attempt: &AttemptId) -> Self {
        Self { kind, attempt: Some(attempt.clone()), refund: None, message: None }
    }

    pub(super) fn of_refund(kind: EventType, attempt: &AttemptId, refund: &RefundId) -> Self {
        Self { refund: Some(refund.clone()), ..Self::of_attempt(kind, attempt) }
    }

    pub(super) fn of_message(kind: EventType, message: &MessageId) -> Self {
        Self { kind, attempt: None, refund: None, message: Some(message.clone()) }
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
    /// Their numbers are greater than `behind`.
    pub(super) fn add(&mut self, events: Vec<NewEvent>, behind: u32, version: u64, at: Timestamp) {
        for NewEvent { kind, attempt, refund, message } in events {
            let sequence = self.0.last().map_or(0, |last| last.sequence).max(behind).saturating_add(1);
            self.0.push(LinkEvent { sequence, version, at, kind, attempt, refund, message });
        }
        self.forget(at);
    }

    /// Whether so many events wait to be recorded that no more should be caused.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_UNRECORDED
    }

    /// The outbox without what is recorded, so that the CRM learns of it from there. `None` where there is room or nothing
    /// to leave out. The last one stays, because it carries the count.
    pub(super) fn without_recorded(&self, recorded: &BTreeSet<u32>) -> Option<Self> {
        if self.0.len() < ROOM_FOR_EVENTS {
            return None;
        }
        let last = self.0.last().map(|last| last.sequence);
        let stays = |one: &&LinkEvent| Some(one.sequence) == last || !recorded.contains(&one.sequence);
        let left: Vec<LinkEvent> = self.0.iter().filter(stays).cloned().collect();
        (left.len() < self.0.len()).then_some(Self(left))
    }

    /// Forgets what is so old that nobody can be told any more. The last one stays, because it carries the count.
    fn forget(&mut self, now: Timestamp) {
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
            outbox.add(vec![NewEvent::of_link(EventType::LinkCreated)], 0, version, at(0));
        }
        assert_eq!(outbox.as_slice().len(), 150, "nobody was told of any");
        outbox.add(vec![NewEvent::of_link(EventType::LinkCreated)], 0, 151, at(31));
        let left: Vec<u32> = outbox.as_slice().iter().map(|one| one.sequence).collect();
        assert_eq!(left, [151]);
        assert!(outbox.any_of(151) && !outbox.any_of(150));
    }

    #[test]
    fn only_what_is_recorded_leaves_a_long_outbox() {
        let mut outbox = Outbox::default();
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        for version in (1..).take(ROOM_FOR_EVENTS - 1) {
            outbox.add(vec![NewEvent::of_link(EventType::LinkCreated)], 0, version, at);
        }
        let recorded: BTreeSet<u32> = (1..=60).filter(|sequence| *sequence != 7).collect();
        assert_eq!(outbox.without_recorded(&recorded), None, "there is room");
        outbox.add(vec![NewEvent::of_link(EventType::LinkOpened)], 0, 90, at);
        let left = outbox.without_recorded(&recorded).unwrap();
        let left: Vec<u32> = left.as_slice().iter().map(|one| one.sequence).collect();
        assert_eq!(left, [7, 50], "what is not recorded stays, and so does the last one, which carries the count");
        assert_eq!(outbox.without_recorded(&BTreeSet::new()), None);
    }
}

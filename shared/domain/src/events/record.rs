//! An event as it is kept: what happened, and what became of telling the CRM.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, DeliveryState};
use super::event_type::EventType;
use crate::audit::AuditEntry;
use crate::idempotency::IdempotencyLog;
use crate::ids::{AttemptId, AuditEntryId, BusinessId, EventId, MessageId};
use crate::records::business::is_first_shard;

/// Events can be read and sent again for this long.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An event and what became of sending it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    pub id: EventId,
    pub business: BusinessId,
    /// Which of the business's partitions of a day's list it is in: that of its link.
    #[serde(default, skip_serializing_if = "is_first_shard")]
    pub shard: u8,
    pub sequence: u32,
    #[serde(rename = "type")]
    pub kind: EventType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The entry of the business's log, where the event is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Box<AuditEntry>>,
    pub happened_at: Timestamp,
    /// The event's place in the list of all events. A caller that reads on from the last event misses none that was
    /// recorded later.
    pub recorded_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// Nobody has looked yet which endpoints want it. The schedule does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unaddressed: bool,
    /// A run of the schedule is sending it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// Counts the changes.
    pub version: u64,
    #[serde(default, skip_serializing_if = "IdempotencyLog::is_empty")]
    pub idempotency: IdempotencyLog,
}

impl EventRecord {
    /// The event of an entry of a business's log. It was recorded with the entry.
    pub fn of_entry(business: BusinessId, id: &AuditEntryId, entry: AuditEntry, recorded_at: Timestamp) -> Self {
        Self {
            id: EventId::of_entry(id),
            business,
            shard: 0,
            sequence: 1,
            kind: EventType::AuditEntryCreated,
            attempt: None,
            message: None,
            happened_at: entry.at,
            entry: Some(Box::new(entry)),
            recorded_at,
            deliveries: Vec::new(),
            is_unaddressed: true,
            held_until: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        }
    }

    /// When a delivery has to be tried again.
    pub fn due_at(&self) -> Option<Timestamp> {
        let waiting = self.deliveries.iter().filter_map(|delivery| match delivery.state() {
            DeliveryState::Waiting { until } => Some(*until),
            DeliveryState::Delivered | DeliveryState::Failed => None,
        });
        let unaddressed = self.is_unaddressed.then_some(self.recorded_at);
        waiting.chain(unaddressed).min().map(|due| self.held_until.map_or(due, |held| held.max(due)))
    }

    /// When the event may be forgotten: twice as late as the link forgets that it happened, because what is forgotten before
    /// that would be told a second time.
    pub fn forget_at(&self) -> Timestamp {
        self.happened_at.checked_add(KEPT_FOR).and_then(|at| at.checked_add(KEPT_FOR)).unwrap_or(Timestamp::MAX)
    }
}

//! An event as it is kept: what happened, and what became of telling the CRM.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, DeliveryState};
use super::event_type::EventType;
use crate::audit::AuditEntry;
use crate::business::look_back::LookBack;
use crate::idempotency::IdempotencyLog;
use crate::ids::{AttemptId, AuditEntryId, BusinessId, EndpointId, EventId, MessageId, RefundId};
use crate::records::shards::is_first_shard;
use crate::records::webhook_endpoint::WebhookEndpoint;

/// Events can be read and sent again for this long.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An event is listed only when this time has passed since it was recorded. The time is longer than a write takes with
/// all its tries, so that no event can appear before one that was listed already.
pub const LISTED_AFTER: SignedDuration = SignedDuration::from_secs(10);

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
    pub refund: Option<RefundId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The entry of the business's log, where the event is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Box<AuditEntry>>,
    /// How far the looks at an account's lists have come, where the event is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_back: Option<Box<LookBack>>,
    /// Where the entry tells of a change of an endpoint, that endpoint as it was before: it is told once more, so that nobody
    /// takes an endpoint away unheard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_endpoint: Option<Box<WebhookEndpoint>>,
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

/// What an event is about that is about no link.
#[derive(Clone, Copy, Debug)]
pub enum BusinessNews<'a> {
    /// An entry of the business's log.
    Entry(&'a AuditEntry),
    /// That the lists of an account's gateway could not be read for days.
    LookBack(&'a LookBack),
}

impl EventRecord {
    /// What the event is about, where that is no link.
    pub fn business_news(&self) -> Option<BusinessNews<'_>> {
        let of_entry = self.entry.as_deref().map(BusinessNews::Entry);
        of_entry.or_else(|| self.look_back.as_deref().map(BusinessNews::LookBack))
    }

    /// The event of an entry of a business's log. It was recorded with the entry.
    pub fn of_entry(business: BusinessId, id: &AuditEntryId, entry: AuditEntry, recorded_at: Timestamp) -> Self {
        let happened_at = entry.at;
        let event = Self::about_no_link(EventType::AuditEntryCreated, (business, id), happened_at, recorded_at);
        Self { entry: Some(Box::new(entry)), ..event }
    }

    /// That the lists of an account's gateway could not be read for days. Its id is one like those of entries.
    pub fn of_look_back(business: BusinessId, id: &AuditEntryId, look_back: LookBack, at: Timestamp) -> Self {
        let event = Self::about_no_link(EventType::LookBackFailed, (business, id), at, at);
        Self { look_back: Some(Box::new(look_back)), ..event }
    }

    fn about_no_link(
        kind: EventType,
        (business, id): (BusinessId, &AuditEntryId),
        happened_at: Timestamp,
        recorded_at: Timestamp,
    ) -> Self {
        Self {
            id: EventId::of_entry(id),
            business,
            shard: 0,
            sequence: 1,
            kind,
            attempt: None,
            refund: None,
            message: None,
            happened_at,
            entry: None,
            look_back: None,
            former_endpoint: None,
            recorded_at,
            deliveries: Vec::new(),
            is_unaddressed: true,
            held_until: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        }
    }

    /// Chooses the endpoints of an event that was written by somebody who does not know them: those that want it, and the one
    /// that it tells of, as that was. Where a delivery was asked for meanwhile, it stays.
    pub fn address(&mut self, endpoints: &[WebhookEndpoint], now: Timestamp) {
        if !self.is_unaddressed {
            return;
        }
        self.is_unaddressed = false;
        let all = endpoints.iter().chain(self.former_endpoint.as_deref());
        for endpoint in all.filter(|endpoint| endpoint.wants(self.kind)) {
            if !self.deliveries.iter().any(|delivery| delivery.endpoint == endpoint.id) {
                self.deliveries.push(Delivery::due(endpoint.id.clone(), now));
            }
        }
    }

    /// The endpoint that a delivery goes to: as it was before the change that the event tells of, else as it is.
    pub fn endpoint_of<'a>(&'a self, id: &EndpointId, endpoints: &'a [WebhookEndpoint]) -> Option<&'a WebhookEndpoint> {
        let former = self.former_endpoint.as_deref().filter(|former| former.id == *id && former.wants(self.kind));
        former.or_else(|| endpoints.iter().find(|endpoint| endpoint.id == *id))
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

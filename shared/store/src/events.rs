//! Events that the CRM was told, or is still to be told. An event is one item beside its link: written once, together
//! with what became of sending it, and changed only while a delivery has to be tried again.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::idempotency::IdempotencyLog;
use domain::ids::{AttemptId, EndpointId, EventId, LinkId, MessageId};
use domain::link::PaymentLink;
use domain::events::EventType;
use domain::link::{KEPT_FOR, LinkEvent};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, from_item, key, number, number_of, text, text_of, to_item};
use crate::keys::{
    self, BY_DAY, DUE_AT, DUE_KIND, DayShards, DueKind, EVENT_PREFIX, FORGET_AT, LINK_SK, LISTED_AT, MESSAGE_PREFIX,
    PK, SK,
};
use crate::messages::{MessageRecord, MessageStates};

/// So many tries of a delivery are kept in its log.
const LONGEST_LOG: usize = 12;

/// A link with what is known of its messages and its events, from one query.
#[derive(Clone, Debug)]
pub struct LinkHistory {
    pub link: PaymentLink,
    pub messages: MessageStates,
    /// The numbers of the events that are events already.
    pub told: BTreeSet<u32>,
}

/// An event and what became of sending it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    pub id: EventId,
    pub sequence: u32,
    #[serde(rename = "type")]
    pub kind: EventType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    pub happened_at: Timestamp,
    /// Its place in the list of all events: whoever reads on from the last event misses none that was recorded later.
    pub recorded_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// A run of the schedule is sending it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// Counts the changes.
    pub version: u64,
    #[serde(default, skip_serializing_if = "IdempotencyLog::is_empty")]
    pub idempotency: IdempotencyLog,
}

/// One endpoint that an event is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub endpoint: EndpointId,
    #[serde(flatten)]
    pub state: DeliveryState,
    /// The number of tries since it was last asked for, which decides on the next pause.
    pub failed_tries: usize,
    /// The latest tries, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    Waiting { until: Timestamp },
    Delivered,
    Failed,
}

impl DeliveryState {
    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One try to send an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    pub at: Timestamp,
    /// The HTTP status, or what went wrong instead.
    pub outcome: String,
}

impl Delivery {
    /// To be sent at this moment.
    pub fn due(endpoint: EndpointId, now: Timestamp) -> Self {
        Self { endpoint, state: DeliveryState::Waiting { until: now }, failed_tries: 0, tries: Vec::new() }
    }

    pub fn is_due(&self, now: Timestamp) -> bool {
        matches!(&self.state, DeliveryState::Waiting { until } if *until <= now)
    }

    /// Adds a try to the log.
    pub fn log(&mut self, at: Timestamp, outcome: String) {
        self.tries.push(Try { at, outcome });
        let surplus = self.tries.len().saturating_sub(LONGEST_LOG);
        self.tries.drain(..surplus);
    }
}

impl EventRecord {
    pub fn new(link: &LinkId, event: &LinkEvent, recorded_at: Timestamp) -> Self {
        Self {
            id: EventId::of(link, event.sequence),
            sequence: event.sequence,
            kind: event.kind,
            attempt: event.attempt.clone(),
            message: event.message.clone(),
            happened_at: event.at,
            recorded_at,
            deliveries: Vec::new(),
            held_until: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        }
    }

    /// When a delivery has to be tried again.
    fn due_at(&self) -> Option<Timestamp> {
        let waiting = self.deliveries.iter().filter_map(|delivery| match &delivery.state {
            DeliveryState::Waiting { until } => Some(*until),
            DeliveryState::Delivered | DeliveryState::Failed => None,
        });
        waiting.min().map(|due| self.held_until.map_or(due, |held| held.max(due)))
    }

    /// The place of an event in the list of all.
    fn listed_at(&self) -> String {
        keys::listed_at(self.recorded_at, self.id.as_str())
    }

    fn item(&self, day_shards: DayShards) -> Result<Item, StoreError> {
        const WRITE: &str = "write an event";
        let link = self.link()?;
        let mut item = to_item(keys::event(&link, self.sequence), self)?;
        item.insert(BY_DAY.to_owned(), text(day_shards.for_event(&keys::day_of(self.recorded_at), &self.id)));
        item.insert(LISTED_AT.to_owned(), text(self.listed_at()));
        // Twice as long as its event stays on the link: what is forgotten before that would be told a second time.
        let forget_at = self.happened_at.checked_add(KEPT_FOR).and_then(|at| at.checked_add(KEPT_FOR));
        let forget_at = forget_at.map_err(|error| StoreError::unreadable(WRITE, error))?;
        item.insert(FORGET_AT.to_owned(), number(forget_at.as_second()));
        if let Some(due_at) = self.due_at() {
            item.insert(DUE_KIND.to_owned(), text(DueKind::Event.of(&link)));
            item.insert(DUE_AT.to_owned(), number(due_at.as_millisecond()));
        }
        Ok(item)
    }

    fn link(&self) -> Result<LinkId, StoreError> {
        let parts = self.id.parts();
        parts.map(|(link, _)| link).ok_or_else(|| StoreError::unreadable("find an event's link", "a malformed id"))
    }
}

/// An event in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEvent {
    pub id: EventId,
    pub due_at: Timestamp,
}

impl Store {
    /// A link with what is known of its messages and events, from one query.
    pub async fn link_history(&self, id: &LinkId) -> Result<Option<LinkHistory>, StoreError> {
        const READ: &str = "read a link with its messages and events";
        let (mut link, mut messages, mut told) = (None, BTreeMap::new(), BTreeSet::new());
        for item in self.query_partition(READ, &keys::link(id).pk).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            if sk == LINK_SK {
                link = Some(from_item(READ, item)?);
            } else if let Some(id) = sk.strip_prefix(MESSAGE_PREFIX) {
                let id = MessageId::parse(id).map_err(|error| StoreError::unreadable(READ, error))?;
                let record: MessageRecord = from_item(READ, item)?;
                messages.insert(id, record.state);
            } else if let Some(sequence) = sk.strip_prefix(EVENT_PREFIX).and_then(|digits| digits.parse().ok()) {
                told.insert(sequence);
            }
        }
        Ok(link.map(|link| LinkHistory { link, messages, told }))
    }

    pub async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        const READ: &str = "read an event";
        let Some((link, sequence)) = id.parts() else { return Ok(None) };
        let item = self.get(READ, key(keys::event(&link, sequence))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    /// Writes an event, unless it is there already.
    pub async fn record_event(&self, event: &EventRecord) -> Result<bool, StoreError> {
        const WRITE: &str = "record an event";
        Ok(self.put_if(WRITE, event.item(self.day_shards)?, "attribute_not_exists(pk)", Item::new()).await?.is_ok())
    }

    /// Writes a changed event over the version it was decided on. Answers whether nobody else was faster.
    pub async fn replace_event(&self, event: &EventRecord) -> Result<bool, StoreError> {
        const WRITE: &str = "change an event";
        let seen = Item::from([(":seen".to_owned(), number(event.version - 1))]);
        Ok(self.put_if(WRITE, event.item(self.day_shards)?, "version = :seen", seen).await?.is_ok())
    }

    /// Events with a delivery whose time has come in one shard of the index.
    pub async fn due_events(&self, shard: u8, now: Timestamp, most: i32) -> Result<Vec<DueEvent>, StoreError> {
        let (items, _) = self.due("find due events", DueKind::Event.shard(shard), now, most, None).await?;
        let due = |item: &Item| {
            let link = keys::link_of(text_of(item, PK)?)?;
            let sequence = text_of(item, SK)?.strip_prefix(EVENT_PREFIX)?.parse().ok()?;
            let due_at = Timestamp::from_millisecond(number_of(item, DUE_AT)?).ok()?;
            Some(DueEvent { id: EventId::of(&link, sequence), due_at })
        };
        Ok(items.iter().filter_map(due).collect())
    }

    /// Claims a due event by moving it ahead to the end of the lease: of two sweeps only one does.
    pub async fn claim_due_event(&self, due: &DueEvent, until: Timestamp) -> Result<Option<EventRecord>, StoreError> {
        let Some(mut event) = self.event(&due.id).await? else { return Ok(None) };
        let is_still_due = event.due_at().is_some_and(|at| at.as_millisecond() <= due.due_at.as_millisecond());
        if !is_still_due {
            return Ok(None);
        }
        event.held_until = Some(until);
        event.version += 1;
        Ok(self.replace_event(&event).await?.then_some(event))
    }
}

//! Events that the CRM was told, or is still to be told. An event is one item beside its link: written once, together
//! with what became of sending it, and changed only while a delivery has to be tried again.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::events::EventRecord;
use domain::ids::{BusinessId, EventId, EventSubject, LinkId, MessageId};
use domain::link::PaymentLink;
use domain::messages::delivery::MessageStates;

use crate::due::DueEvent;
use crate::error::StoreError;
use crate::item::{Item, from_item, number, text, text_of, to_item};
use crate::keys::{
    self, BY_STATE, DUE_AT, DUE_KIND, DueKind, EVENT_PREFIX, FORGET_AT, LINK_SK, LISTED_AT, MESSAGE_PREFIX, SK,
};
use crate::messages::MessageRecord;
use crate::table::{Condition, PutOutcome, RecordWritten};
use crate::{BusinessStore, Store};

/// A link with what is known of its messages and its events, from one query.
#[derive(Clone, Debug)]
pub struct LinkHistory {
    pub link: PaymentLink,
    pub messages: MessageStates,
    /// The numbers of the link's events that are recorded already.
    pub recorded: BTreeSet<u32>,
}

/// An event's item with its place in the list of all and in the index of due work.
pub(crate) fn event_item(event: &EventRecord) -> Result<Item, StoreError> {
    let malformed = || StoreError::unreadable("find where an event lies", "a malformed id");
    let mut item = to_item(keys::event_by_id(&event.business, &event.id).ok_or_else(malformed)?, event)?;
    let due = match event.id.subject().ok_or_else(malformed)? {
        EventSubject::Link(link, _) => DueKind::Event.of(link.as_str()),
        EventSubject::Entry(entry) => DueKind::Event.of(entry.as_str()),
    };
    let day = keys::day_of(event.recorded_at);
    item.insert(BY_STATE.to_owned(), text(keys::events_of_day(&event.business, &day, event.shard)));
    let listed_at = keys::event_listed_at(event.recorded_at, event.id.as_str(), event.kind);
    item.insert(LISTED_AT.to_owned(), text(listed_at));
    item.insert(FORGET_AT.to_owned(), number(event.forget_at().as_second()));
    if let Some(due_at) = event.due_at() {
        item.insert(DUE_KIND.to_owned(), text(due));
        item.insert(DUE_AT.to_owned(), number(due_at.as_millisecond()));
    }
    Ok(item)
}

/// What became of recording an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventRecorded {
    Now,
    /// It was there already, and stays as it is.
    Before,
}

impl Store {
    /// A link with what is known of its messages and events, from one query.
    pub async fn link_history(&self, id: &LinkId) -> Result<Option<LinkHistory>, StoreError> {
        const READ: &str = "read a link with its messages and events";
        let (mut link, mut messages, mut recorded) = (None, BTreeMap::new(), BTreeSet::new());
        for item in self.query_partition(READ, &keys::link(id).pk).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            if sk == LINK_SK {
                link = Some(from_item(READ, item)?);
            } else if let Some(id) = sk.strip_prefix(MESSAGE_PREFIX) {
                let id = MessageId::parse(id).map_err(|error| StoreError::unreadable(READ, error))?;
                let record: MessageRecord = from_item(READ, item)?;
                messages.insert(id, record.state);
            } else if let Some(sequence) = sk.strip_prefix(EVENT_PREFIX).and_then(|digits| digits.parse().ok()) {
                recorded.insert(sequence);
            }
        }
        Ok(link.map(|link| LinkHistory { link, messages, recorded }))
    }

    /// An event of a business, or of whichever business the link is that it is about.
    async fn event(&self, business: &BusinessId, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        let Some(at) = keys::event_by_id(business, id) else { return Ok(None) };
        self.read("read an event", at).await
    }

    /// Writes an event, unless it is there already.
    pub async fn record_event(&self, event: &EventRecord) -> Result<EventRecorded, StoreError> {
        let item = event_item(event)?;
        Ok(match self.put_if("record an event", item, Condition::nothing_there()).await? {
            PutOutcome::Written => EventRecorded::Now,
            PutOutcome::StoodAgainst(_) => EventRecorded::Before,
        })
    }

    /// Writes a changed event over the version it was decided on.
    pub async fn replace_event(&self, event: &EventRecord) -> Result<RecordWritten, StoreError> {
        let item = event_item(event)?;
        Ok(self.put_if("change an event", item, Condition::version(event.version - 1)).await?.into())
    }

    /// Leases a due event by moving it ahead to the end of the lease: of two runs only one does.
    pub async fn lease_due_event(&self, due: &DueEvent, until: Timestamp) -> Result<Option<EventRecord>, StoreError> {
        let Some(mut event) = self.event(&due.business, &due.id).await? else { return Ok(None) };
        let is_still_due = event.due_at().is_some_and(|at| at.as_millisecond() <= due.due_at.as_millisecond());
        if !is_still_due {
            return Ok(None);
        }
        event.held_until = Some(until);
        event.version += 1;
        Ok(match self.replace_event(&event).await? {
            RecordWritten::Applied => Some(event),
            RecordWritten::Rejected => None,
        })
    }
}

impl BusinessStore {
    /// A link with what is known of its messages and events, where it is one of this business.
    pub async fn link_history(&self, id: &LinkId) -> Result<Option<LinkHistory>, StoreError> {
        Ok(self.store.link_history(id).await?.filter(|history| *history.link.business() == self.business))
    }

    /// The events about a link, where it is one of this business, in any order.
    pub(crate) async fn events_of(&self, link: &LinkId) -> Result<Vec<EventRecord>, StoreError> {
        const READ: &str = "read the events of a link";
        let items = self.store.query_partition(READ, &keys::link(link).pk).await?.into_iter();
        let of_events = items.filter(|item| text_of(item, SK).is_some_and(|sk| sk.starts_with(EVENT_PREFIX)));
        let events: Vec<EventRecord> = of_events.map(|item| from_item(READ, item)).collect::<Result<_, _>>()?;
        Ok(events.into_iter().filter(|event| event.business == self.business).collect())
    }

    /// An event, where it is one of this business.
    pub async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        Ok(self.store.event(&self.business, id).await?.filter(|event| event.business == self.business))
    }

    /// Writes a changed event over the version it was decided on.
    pub async fn replace_event(&self, event: &EventRecord) -> Result<RecordWritten, StoreError> {
        self.store.replace_event(event).await
    }
}

//! Work that time has something to do with, in the order in which it has waited: expire-links reads the links every minute,
//! deliver-messages the messages and events, and run-batches the wishes of customers and the exports.
//!
//! The index of due work is read shard by shard, and each shard from its beginning on. One business's work can stand before
//! another's for very long, so that reading does not end where much was found: from there on whoever has enough in this
//! shard is passed over, which DynamoDB does by itself, and everybody else is found behind.

use std::collections::BTreeMap;
use std::time::SystemTime;

use domain::Timestamp;
use domain::ids::{AccountId, BatchId, BusinessId, EventId, ExportId, LinkId, MessageId};
use futures_util::stream::{self, StreamExt};
use runtime::has_time;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, number_of, text_of};
use crate::keys::{self, BUSINESS, DUE_AT, DUE_SHARDS, DueKind, EVENT_PREFIX, MESSAGE_PREFIX, PK, SK};

/// At most this many entries of a shard are read at a time, as long as nobody is passed over.
const PAGE: i32 = 1000;

/// This much work of a shard is found, whosever it is. It is far more than one run does.
const ENOUGH: usize = 6000;

/// In a shard with more than that, this much of each business's work is found.
const ENOUGH_OF_ONE: usize = 200;

/// At most this many businesses are passed over: a condition of DynamoDB names at most a hundred values.
const MOST_PASSED_OVER: usize = 100;

/// At most this many pages of a shard are read. Where somebody is passed over, a page is a megabyte of the index, which is
/// several thousand entries.
const MOST_PAGES: usize = 40;

/// At most this many shards are read at once.
const CONCURRENCY: usize = 4;

/// What was found of the work of one kind that is due.
#[derive(Clone, Debug)]
pub struct Due<T> {
    /// The shards one after the other, and within each the longest waiting first.
    pub work: Vec<T>,
    /// The number of entries that cannot be read.
    pub unreadable: usize,
    /// Why a part of the index could not be read, where that is so.
    pub failure: Option<StoreError>,
}

impl<T> Default for Due<T> {
    fn default() -> Self {
        Self { work: Vec::new(), unreadable: 0, failure: None }
    }
}

impl<T> Due<T> {
    fn add(&mut self, other: Self) {
        self.work.extend(other.work);
        self.unreadable += other.unreadable;
        self.failure = self.failure.take().or(other.failure);
    }
}

/// A link in the index of due work. It may stand there before anything is due: what is due on a link says the link itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueLink {
    pub business: BusinessId,
    pub id: LinkId,
}

/// A look at the lists of an account's gateway in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueLookBack {
    pub business: BusinessId,
    pub account: AccountId,
    pub due_at: Timestamp,
}

/// What a sweep finds in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueWork {
    Link(DueLink),
    LookBack(DueLookBack),
}

/// A message in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueMessage {
    pub business: BusinessId,
    pub link: LinkId,
    pub message: MessageId,
    pub due_at: Timestamp,
}

/// An event with a delivery in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEvent {
    pub business: BusinessId,
    pub id: EventId,
    pub due_at: Timestamp,
}

/// A customer who wants a new link, in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRenewal {
    pub business: BusinessId,
    /// The one that is to be replaced.
    pub link: LinkId,
    pub due_at: Timestamp,
}

/// A list that is to be carried away, in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueExport {
    pub business: BusinessId,
    pub id: ExportId,
    pub due_at: Timestamp,
}

/// Rows of a file that are to be looked at or made links of, in the index of due work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueBatch {
    pub business: BusinessId,
    pub id: BatchId,
    pub due_at: Timestamp,
}

/// What the index of due work lists.
pub(crate) trait Entry: Sized {
    const KIND: DueKind;
    const FIND: &str;

    fn read(item: &Item) -> Option<Self>;

    fn business(&self) -> &BusinessId;
}

fn business_of(item: &Item) -> Option<BusinessId> {
    BusinessId::parse(text_of(item, BUSINESS)?).ok()
}

fn due_at_of(item: &Item) -> Option<Timestamp> {
    Timestamp::from_millisecond(number_of(item, DUE_AT)?).ok()
}

impl Entry for DueWork {
    const KIND: DueKind = DueKind::Link;
    const FIND: &str = "find due links";

    fn read(item: &Item) -> Option<Self> {
        let (business, pk) = (business_of(item)?, text_of(item, PK)?);
        if let Some(id) = keys::link_of(pk) {
            return Some(Self::Link(DueLink { business, id }));
        }
        let account = keys::account_of_look_back(pk, text_of(item, SK)?)?;
        Some(Self::LookBack(DueLookBack { business, account, due_at: due_at_of(item)? }))
    }

    fn business(&self) -> &BusinessId {
        match self {
            Self::Link(link) => &link.business,
            Self::LookBack(look) => &look.business,
        }
    }
}

impl Entry for DueMessage {
    const KIND: DueKind = DueKind::Delivery;
    const FIND: &str = "find due messages";

    fn read(item: &Item) -> Option<Self> {
        Some(Self {
            business: business_of(item)?,
            link: keys::link_of(text_of(item, PK)?)?,
            message: MessageId::parse(text_of(item, SK)?.strip_prefix(MESSAGE_PREFIX)?).ok()?,
            due_at: due_at_of(item)?,
        })
    }

    fn business(&self) -> &BusinessId {
        &self.business
    }
}

impl Entry for DueEvent {
    const KIND: DueKind = DueKind::Event;
    const FIND: &str = "find due events";

    fn read(item: &Item) -> Option<Self> {
        let pk = text_of(item, PK)?;
        let id = match keys::link_of(pk) {
            Some(link) => EventId::of(&link, text_of(item, SK)?.strip_prefix(EVENT_PREFIX)?.parse().ok()?),
            None => keys::event_of_entry(pk)?,
        };
        Some(Self { business: business_of(item)?, id, due_at: due_at_of(item)? })
    }

    fn business(&self) -> &BusinessId {
        &self.business
    }
}

impl Entry for DueRenewal {
    const KIND: DueKind = DueKind::Renewal;
    const FIND: &str = "find customers who want a new link";

    fn read(item: &Item) -> Option<Self> {
        let link = keys::link_of_renewal(text_of(item, PK)?)?;
        Some(Self { business: business_of(item)?, link, due_at: due_at_of(item)? })
    }

    fn business(&self) -> &BusinessId {
        &self.business
    }
}

impl Entry for DueExport {
    const KIND: DueKind = DueKind::Export;
    const FIND: &str = "find exports that are to be made";

    fn read(item: &Item) -> Option<Self> {
        let id = keys::export_of(text_of(item, PK)?)?;
        Some(Self { business: business_of(item)?, id, due_at: due_at_of(item)? })
    }

    fn business(&self) -> &BusinessId {
        &self.business
    }
}

impl Entry for DueBatch {
    const KIND: DueKind = DueKind::Batch;
    const FIND: &str = "find batches that go on";

    fn read(item: &Item) -> Option<Self> {
        let id = keys::batch_of(text_of(item, PK)?)?;
        Some(Self { business: business_of(item)?, id, due_at: due_at_of(item)? })
    }

    fn business(&self) -> &BusinessId {
        &self.business
    }
}

/// What was found in one shard so far.
struct Found<T> {
    due: Due<T>,
    /// How much of it is each business's.
    of_each: BTreeMap<BusinessId, usize>,
}

impl<T: Entry> Found<T> {
    fn new() -> Self {
        Self { due: Due::default(), of_each: BTreeMap::new() }
    }

    fn has_enough(&self) -> bool {
        self.due.work.len() >= ENOUGH
    }

    fn add(&mut self, item: &Item) {
        let Some(entry) = T::read(item) else {
            self.due.unreadable += 1;
            return;
        };
        let has_enough = self.has_enough();
        let of_this = self.of_each.entry(entry.business().clone()).or_default();
        if !has_enough || *of_this < ENOUGH_OF_ONE {
            *of_this += 1;
            self.due.work.push(entry);
        }
    }

    /// Whom to pass over from here on.
    fn passed_over(&self) -> Vec<&BusinessId> {
        if !self.has_enough() {
            return Vec::new();
        }
        let with_enough = self.of_each.iter().filter(|(_, of_this)| **of_this >= ENOUGH_OF_ONE);
        with_enough.map(|(business, _)| business).take(MOST_PASSED_OVER).collect()
    }
}

/// The shard that a run begins with at this moment: another each minute, so that a run which does not get through all of them
/// leaves others each time.
pub fn first_shard(now: Timestamp) -> u8 {
    let minute = now.as_second().div_euclid(60).rem_euclid(i64::from(DUE_SHARDS));
    u8::try_from(minute).unwrap_or_default()
}

impl Store {
    /// Links that may have something due, and looks at accounts' lists. Which shard is the first is for the caller to say: a
    /// link may keep its place, so that a run which does not get through all of them would else begin at the same ones each
    /// time.
    pub async fn due_work(&self, first_shard: u8, now: Timestamp, deadline: SystemTime) -> Due<DueWork> {
        self.due_in_all_shards(first_shard % DUE_SHARDS, now, deadline).await
    }

    /// Messages whose time has come.
    pub async fn due_messages(&self, now: Timestamp, deadline: SystemTime) -> Due<DueMessage> {
        self.due_in_all_shards(0, now, deadline).await
    }

    /// Events with a delivery whose time has come.
    pub async fn due_events(&self, now: Timestamp, deadline: SystemTime) -> Due<DueEvent> {
        self.due_in_all_shards(0, now, deadline).await
    }

    pub(crate) async fn due_in_all_shards<T: Entry>(&self, first: u8, now: Timestamp, deadline: SystemTime) -> Due<T> {
        let shards: Vec<_> =
            (first..DUE_SHARDS).chain(0..first).map(|shard| self.due_in_shard(shard, now, deadline)).collect();
        let mut all = Due::default();
        for of_shard in stream::iter(shards).buffered(CONCURRENCY).collect::<Vec<Due<T>>>().await {
            all.add(of_shard);
        }
        all
    }

    /// What is due in one shard, as far as there is time to read it.
    async fn due_in_shard<T: Entry>(&self, shard: u8, now: Timestamp, deadline: SystemTime) -> Due<T> {
        let mut found = Found::<T>::new();
        let mut start = None;
        for _ in 0..MOST_PAGES {
            if !has_time(deadline) {
                break;
            }
            let passed_over = found.passed_over();
            let most = passed_over.is_empty().then_some(PAGE);
            match self.due(T::FIND, T::KIND.shard(shard), now, (most, &passed_over), start).await {
                Ok((items, next)) => {
                    items.iter().for_each(|item| found.add(item));
                    start = next;
                    if start.is_none() {
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!(shard, error = %error, "A part of the due work could not be read.");
                    found.due.failure = Some(error);
                    break;
                }
            }
        }
        found.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{number, text};
    use domain::ids::PayToken;

    fn entry(business: &str, number_of_link: u32) -> Item {
        let mut bits = [0; 16];
        bits[..4].copy_from_slice(&number_of_link.to_be_bytes());
        let id = LinkId::of(&PayToken::from_random(bits));
        Item::from([
            (PK.to_owned(), text(keys::link(&id).pk)),
            (SK.to_owned(), text("link")),
            (BUSINESS.to_owned(), text(business)),
            (DUE_AT.to_owned(), number(number_of_link)),
        ])
    }

    fn of<'a>(due: &'a Due<DueWork>, business: &'a str) -> impl Iterator<Item = &'a DueWork> {
        due.work.iter().filter(move |work| work.business().as_str() == business)
    }

    #[test]
    fn a_business_with_very_much_due_is_passed_over_where_a_shard_has_enough() {
        let mut found = Found::<DueWork>::new();
        (0..5_999).for_each(|number| found.add(&entry("large", number)));
        found.add(&entry("small", 6_000));
        assert!(found.has_enough());
        assert_eq!(found.passed_over().iter().map(|one| one.as_str()).collect::<Vec<_>>(), ["large"]);
        // What comes behind, in the same page or in a later one.
        (6_001..6_100).for_each(|number| found.add(&entry("large", number)));
        (6_100..6_400).for_each(|number| found.add(&entry("other", number)));
        found.add(&entry("small", 6_500));
        assert_eq!(of(&found.due, "large").count(), 5_999);
        assert_eq!(of(&found.due, "other").count(), ENOUGH_OF_ONE);
        assert_eq!(of(&found.due, "small").count(), 2);
        assert_eq!(found.passed_over().iter().map(|one| one.as_str()).collect::<Vec<_>>(), ["large", "other"]);
        assert_eq!(found.due.unreadable, 0);
    }

    #[test]
    fn nobody_is_passed_over_where_everything_can_be_found() {
        let mut found = Found::<DueWork>::new();
        (0..5_000).for_each(|number| found.add(&entry("large", number)));
        assert_eq!((found.due.work.len(), found.passed_over().len()), (5_000, 0));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_counted() {
        let mut found = Found::<DueWork>::new();
        let mut spoilt = entry("large", 1);
        spoilt.remove(BUSINESS);
        [spoilt, entry("NOT AN ID", 2)].iter().for_each(|item| found.add(item));
        assert_eq!((found.due.work.len(), found.due.unreadable), (0, 2));
    }
}

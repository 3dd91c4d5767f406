//! Lists, newest first, a page at a time.
//!
//! A list lies in one or several partitions of an index, whose entries are merged. What an entry says narrows a list before
//! anything is read; the record itself decides. So a page is full as long as there is something to fill it with.

use std::collections::VecDeque;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::events::{EventRecord, EventType};
use domain::ids::{ContactId, EventId, ItemId, LinkId, ReceiptId, ReferenceId};
use domain::link::{LinkFacts, LinkStatusKind, PaymentLink, Receipt};
use domain::records::business::Shards;
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;

use crate::cursor::Cursor;
use crate::error::StoreError;
use crate::facts;
use crate::item::{Item, from_item, text, text_of};
use crate::items::AttachedReceipts;
use crate::keys::{
    self, BY_CONTACT, BY_CONTACT_INDEX, BY_ITEM, BY_ITEM_INDEX, BY_STATE, BY_STATE_INDEX, FACTS, Key, LISTED_AT, PK, SK,
};
use crate::{BusinessStore, Configuration, Store};

/// At most this many entries are looked at for one page. Where nothing was found among them, the page is empty and goes on.
const MOST_ENTRIES: usize = 10_000;

/// How many entries are read at a time where not all of them are wanted, and how many records.
const ENTRIES_AT_A_TIME: usize = 200;
const RECORDS_AT_A_TIME: usize = 100;

/// At most this many records are read for one page. Where too few of them were wanted, the page goes on from there.
const MOST_RECORDS: usize = 1_000;

/// The number of a business's shards is read again for a list of events where it was read longer ago: less than the time
/// after which an event is listed, so that none appears behind one that was listed already.
const EVENTS_KNOWN_FOR: Duration = Duration::from_secs(5);

/// One page of a list, and the cursor of the next page, if there is one.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub entries: Vec<T>,
    pub next: Option<Cursor>,
}

/// Which links to list.
#[derive(Clone, Debug)]
pub struct LinkList {
    pub of: LinksOf,
    /// Only those that have this status at this moment.
    pub status: Option<(LinkStatusKind, Timestamp)>,
}

/// Whose links, or from when.
#[derive(Clone, Debug)]
pub enum LinksOf {
    Contact(ContactId),
    Item(ItemId),
    /// Links that had this reference.
    Reference(ReferenceId),
    /// Links made between these instants, the end exclusive.
    Time(Timestamp, Timestamp),
}

impl LinkList {
    /// All of them, whatever their status.
    pub fn all(of: LinksOf) -> Self {
        Self { of, status: None }
    }

    fn may_have(&self, facts: Option<&LinkFacts>) -> bool {
        match (self.status, facts) {
            (Some((status, now)), Some(facts)) => facts.may_be(status, now),
            (None, _) | (_, None) => true,
        }
    }

    fn has(&self, link: &PaymentLink) -> bool {
        self.status.is_none_or(|(status, now)| link.status_at(now).kind() == status)
    }
}

/// Which events to list, the oldest first: those recorded after an event or an instant, and before an instant.
#[derive(Clone, Debug)]
pub struct EventList {
    pub after: EventsAfter,
    pub before: Timestamp,
    /// Only those of this type.
    pub kind: Option<EventType>,
}

/// Where a list of events begins.
#[derive(Clone, Debug)]
pub enum EventsAfter {
    Event(Box<EventRecord>),
    Instant(Timestamp),
}

/// One page of events, and the event behind which the next page begins, if there is one.
#[derive(Clone, Debug)]
pub struct EventPage {
    pub entries: Vec<EventRecord>,
    pub next: Option<EventId>,
}

/// Which receipts to list.
#[derive(Clone, Debug)]
pub enum ReceiptList {
    OfContact(ContactId),
    OfItem(ItemId),
    /// Receipts registered between these instants, the end exclusive.
    Between(Timestamp, Timestamp),
}

/// In which order a list is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

/// An entry of an index.
#[derive(Clone)]
struct Entry {
    /// Its sort key.
    place: String,
    facts: Option<LinkFacts>,
}

/// A partition of an index between two sort keys, both exclusive, as far as it was read.
struct Source {
    index: &'static str,
    /// The partition key of the index.
    attribute: &'static str,
    partition: String,
    from: String,
    to: String,
    read: VecDeque<Entry>,
    /// Where reading goes on.
    start: Option<Item>,
    is_at_its_end: bool,
}

impl Source {
    fn between(index: &'static str, attribute: &'static str, partition: String, from: String, to: String) -> Self {
        let is_at_its_end = from >= to;
        Self { index, attribute, partition, from, to, read: VecDeque::new(), start: None, is_at_its_end }
    }

    /// All of a list that is sorted by time, up to the entry that a cursor names.
    fn all_of(index: &'static str, attribute: &'static str, partition: String, after: Option<&Cursor>) -> Self {
        // Digits sort before ':' and times begin with digits.
        let to = after.map_or(":", Cursor::place).to_owned();
        Self::between(index, attribute, partition, "0".to_owned(), to)
    }

    fn of_state(partition: String, from: String, to: String) -> Self {
        Self::between(BY_STATE_INDEX, BY_STATE, partition, from, to)
    }

    fn has_to_be_read(&self) -> bool {
        self.read.is_empty() && !self.is_at_its_end
    }
}

/// A list while it is read: groups of sources that follow one another, each merged.
struct Listing<'a> {
    store: &'a Store,
    operation: &'static str,
    order: Order,
    groups: VecDeque<Vec<Source>>,
    /// How many entries of a source are read at a time.
    at_a_time: usize,
    /// How many entries were looked at.
    looked_at: usize,
    /// The place of the last of them.
    last: Option<String>,
}

impl<'a> Listing<'a> {
    fn new(
        store: &'a Store,
        operation: &'static str,
        order: Order,
        at_a_time: usize,
        groups: Vec<Vec<Source>>,
    ) -> Self {
        Self { store, operation, order, groups: groups.into(), at_a_time, looked_at: 0, last: None }
    }

    /// The next entry.
    async fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        while let Some(mut group) = self.groups.pop_front() {
            let reading = group.iter_mut().filter(|source| source.has_to_be_read());
            try_join_all(reading.map(|source| self.store.read_on(self.operation, self.order, self.at_a_time, source)))
                .await?;
            let is_before = |one: &str, other: &str| match self.order {
                Order::NewestFirst => one > other,
                Order::OldestFirst => one < other,
            };
            let mut first: Option<&mut Source> = None;
            for source in group.iter_mut() {
                let Some(head) = source.read.front() else { continue };
                let best = first.as_ref().and_then(|first| first.read.front());
                if best.is_none_or(|best| is_before(&head.place, &best.place)) {
                    first = Some(source);
                }
            }
            let Some(entry) = first.and_then(|source| source.read.pop_front()) else { continue };
            self.groups.push_front(group);
            self.looked_at += 1;
            self.last = Some(entry.place.clone());
            return Ok(Some(entry));
        }
        Ok(None)
    }
}

/// What is wanted of a list, and how an entry leads to its record.
struct Wanted<K, E, R> {
    key_of: K,
    /// What an entry is passed over for.
    entry: E,
    /// What a record is passed over for.
    record: R,
    /// Whether entries say nothing of what records are passed over for.
    only_records_say: bool,
}

impl BusinessStore {
    /// Links, the newest first.
    pub async fn list_links(
        &self,
        list: &LinkList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<PaymentLink>, StoreError> {
        let groups = match &list.of {
            LinksOf::Contact(id) => {
                let partition = keys::links_of(&self.business, id.as_str());
                vec![vec![Source::all_of(BY_CONTACT_INDEX, BY_CONTACT, partition, after)]]
            }
            LinksOf::Item(id) => {
                let partition = keys::links_of(&self.business, id.as_str());
                vec![vec![Source::all_of(BY_ITEM_INDEX, BY_ITEM, partition, after)]]
            }
            LinksOf::Reference(id) => return self.links_with_reference(id, list, limit, after).await,
            LinksOf::Time(from, to) => self.links_by_month(*from, *to, list.status, after).await?,
        };
        let at_a_time = if list.status.is_some() { ENTRIES_AT_A_TIME } else { limit + 2 };
        let listing = Listing::new(&self.store, "list links", Order::NewestFirst, at_a_time, groups);
        let wanted = Wanted {
            key_of: |place: &str| Some(keys::link(&LinkId::parse(keys::listed_id(place)?).ok()?)),
            entry: |entry: &Entry| list.may_have(entry.facts.as_ref()),
            record: |link: &PaymentLink| list.has(link),
            only_records_say: list.status.is_some() && !matches!(list.of, LinksOf::Time(..)),
        };
        self.store.page(listing, limit, wanted).await
    }

    /// What is live is one list, and what is over one for each month.
    async fn links_by_month(
        &self,
        from: Timestamp,
        to: Timestamp,
        status: Option<(LinkStatusKind, Timestamp)>,
        after: Option<&Cursor>,
    ) -> Result<Vec<Vec<Source>>, StoreError> {
        let (shards, since) = listed_since(&*self.configuration().await?);
        let (from, end) = (from.max(since), to_of(to, after));
        let live = || shards.all().map(|shard| keys::live(&self.business, shard));
        if matches!(status, Some((LinkStatusKind::Active, _))) {
            return Ok(vec![live().map(|list| Source::of_state(list, bound(from), end.clone())).collect()]);
        }
        let of_month = |month: &Month| {
            let over = shards.all().map(|shard| keys::over(&self.business, &month.name, shard));
            let (from, to) = (month.from.clone().max(bound(from)), month.to.clone().min(end.clone()));
            live().chain(over).map(|list| Source::of_state(list, from.clone(), to.clone())).collect()
        };
        Ok(months(from, to).iter().map(of_month).collect())
    }

    /// How many links are live, counted to this number.
    pub async fn live_links(&self, most: usize) -> Result<usize, StoreError> {
        let (shards, _) = listed_since(&*self.fresh_configuration().await?);
        let live = shards.all().map(|shard| keys::live(&self.business, shard));
        let sources = live.map(|list| Source::of_state(list, "0".to_owned(), ":".to_owned())).collect();
        let mut listing = Listing::new(&self.store, "count live links", Order::OldestFirst, most, vec![sources]);
        let mut found = 0;
        while found < most && listing.next().await?.is_some() {
            found += 1;
        }
        Ok(found)
    }

    /// Receipts, the newest first.
    pub async fn list_receipts(
        &self,
        list: &ReceiptList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<Receipt>, StoreError> {
        let groups = match list {
            ReceiptList::OfContact(id) => {
                let partition = keys::receipts_of(&self.business, id.as_str());
                vec![vec![Source::all_of(BY_CONTACT_INDEX, BY_CONTACT, partition, after)]]
            }
            ReceiptList::OfItem(id) => {
                let partition = keys::receipts_of(&self.business, id.as_str());
                vec![vec![Source::all_of(BY_ITEM_INDEX, BY_ITEM, partition, after)]]
            }
            ReceiptList::Between(from, to) => {
                let (shards, since) = listed_since(&*self.configuration().await?);
                let (from, end) = (*from.max(&since), to_of(*to, after));
                let of_month = |month: &Month| {
                    let lists = shards.all().map(|shard| keys::receipts_of_month(&self.business, &month.name, shard));
                    lists.map(|list| Source::of_state(list, bound(from), end.clone())).collect()
                };
                months(from, *to).iter().map(of_month).collect()
            }
        };
        let listing = Listing::new(&self.store, "list receipts", Order::NewestFirst, limit + 2, groups);
        let wanted = Wanted {
            key_of: |place: &str| Some(keys::receipt(&self.business, &ReceiptId::parse(keys::listed_id(place)?).ok()?)),
            entry: |_: &Entry| true,
            record: |_: &Receipt| true,
            only_records_say: false,
        };
        self.store.page(listing, limit, wanted).await
    }

    /// Events in the order in which they were recorded.
    pub async fn list_events(&self, list: &EventList, limit: usize) -> Result<EventPage, StoreError> {
        let (from, after) = match &list.after {
            EventsAfter::Event(event) => {
                (event.recorded_at, keys::event_listed_at(event.recorded_at, event.id.as_str(), event.kind))
            }
            EventsAfter::Instant(instant) => (*instant, bound(*instant)),
        };
        // Where the list begins at or after its end, there is nothing to read.
        if after >= bound(list.before) {
            return Ok(EventPage { entries: Vec::new(), next: None });
        }
        // An event is listed some seconds after it was recorded, and its shard has to be known by then.
        let (shards, since) = listed_since(&*self.configuration_younger_than(EVENTS_KNOWN_FOR).await?);
        let from = from.max(since);
        let of_day = |day: &String| {
            let lists = shards.all().map(|shard| keys::events_of_day(&self.business, day, shard));
            lists.map(|list_of_day| Source::of_state(list_of_day, after.clone(), bound(list.before))).collect()
        };
        let days = days(from, list.before).iter().rev().map(of_day).collect();
        let at_a_time = if list.kind.is_some() { ENTRIES_AT_A_TIME } else { limit + 2 };
        let listing = Listing::new(&self.store, "list events", Order::OldestFirst, at_a_time, days);
        let id_of = |place: &str| EventId::parse(keys::listed_id(place)?).ok();
        let wanted = Wanted {
            key_of: |place: &str| keys::event_by_id(&self.business, &id_of(place)?),
            entry: |entry: &Entry| list.kind.is_none_or(|kind| keys::listed_type(&entry.place) == Some(kind.as_str())),
            record: |_: &EventRecord| true,
            only_records_say: false,
        };
        let Page { entries, next } = self.store.page(listing, limit, wanted).await?;
        Ok(EventPage { entries, next: next.and_then(|next| id_of(next.place())) })
    }

    /// The contacts, by their ids.
    pub async fn list_contacts(&self, limit: usize, after: Option<&Cursor>) -> Result<Page<Contact>, StoreError> {
        let contacts = keys::contacts_of(&self.business);
        let key_of = |id: &str| Some(keys::contact(&self.business, &ContactId::parse(id).ok()?));
        self.store.list_by_id("list contacts", contacts, limit, after, key_of).await
    }

    /// The items with the receipts attached to their fields, by their ids. Each item is a query, because it lies in one
    /// partition with its receipts.
    pub async fn list_items(
        &self,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<(CrmItem, AttachedReceipts)>, StoreError> {
        let key_of = |id: &str| Some(keys::item(&self.business, &ItemId::parse(id).ok()?));
        let items = keys::items_of(&self.business);
        let page: Page<CrmItem> = self.store.list_by_id("list items", items, limit, after, key_of).await?;
        let mut entries = Vec::new();
        for item in &page.entries {
            entries.extend(self.item(&item.id).await?);
        }
        Ok(Page { entries, next: page.next })
    }

    /// The links that had this reference. A reference keeps few links, so all of them are read.
    async fn links_with_reference(
        &self,
        id: &ReferenceId,
        list: &LinkList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<PaymentLink>, StoreError> {
        let Some(reference) = self.reference(id).await? else {
            return Ok(Page { entries: Vec::new(), next: None });
        };
        let place = |link: &PaymentLink| keys::listed_at(link.created_at(), link.id().as_str());
        let mut entries = self.links(&reference.link_ids).await?;
        entries.retain(|link| list.has(link) && after.is_none_or(|after| place(link).as_str() < after.place()));
        entries.sort_by_key(|link| std::cmp::Reverse(place(link)));
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| has_more).map(|last| Cursor::behind(place(last)));
        Ok(Page { entries, next })
    }
}

impl Store {
    /// One page of a list that is sorted by id.
    pub(crate) async fn list_by_id<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        partition: String,
        limit: usize,
        after: Option<&Cursor>,
        key_of: impl Fn(&str) -> Option<Key>,
    ) -> Result<Page<T>, StoreError> {
        // `!` sorts before every character of an id, and `~` after it.
        let from = after.map_or("!", Cursor::place).to_owned();
        let source = Source::of_state(partition, from, "~".to_owned());
        let listing = Listing::new(self, operation, Order::OldestFirst, limit + 2, vec![vec![source]]);
        self.page(
            listing,
            limit,
            Wanted { key_of, entry: |_: &Entry| true, record: |_: &T| true, only_records_say: false },
        )
        .await
    }

    /// Reads a list until the page is full. A record that was deleted meanwhile is left out.
    async fn page<T: DeserializeOwned>(
        &self,
        mut listing: Listing<'_>,
        limit: usize,
        wanted: Wanted<impl Fn(&str) -> Option<Key>, impl Fn(&Entry) -> bool, impl Fn(&T) -> bool>,
    ) -> Result<Page<T>, StoreError> {
        let mut found: Vec<(String, T)> = Vec::new();
        let (mut was_read, mut last_chosen) = (0, None);
        // What was chosen and not read yet. One more than there is room for tells whether there is a next page.
        let mut chosen: VecDeque<String> = VecDeque::new();
        loop {
            // Where nothing but the record says whether it is wanted, many are read at a time, however few are missing.
            let at_once = if wanted.only_records_say { RECORDS_AT_A_TIME } else { limit - found.len() };
            let mut is_at_its_end = false;
            while chosen.len() <= at_once && listing.looked_at < MOST_ENTRIES {
                match listing.next().await? {
                    // An entry that moved from one source to another while they were read comes twice.
                    Some(entry) if last_chosen.as_ref() == Some(&entry.place) => {}
                    Some(entry) if (wanted.entry)(&entry) => {
                        last_chosen = Some(entry.place.clone());
                        chosen.push_back(entry.place);
                    }
                    Some(_) => {}
                    None => {
                        is_at_its_end = true;
                        break;
                    }
                }
            }
            let places: Vec<String> = chosen.drain(..chosen.len().min(at_once)).collect();
            let records = self.records_at(listing.operation, &places, &wanted.key_of).await?;
            was_read += places.len();
            found.extend(records.into_iter().filter(|(_, record)| (wanted.record)(record)));
            let is_over = is_at_its_end && chosen.is_empty();
            let next = if found.len() > limit || (found.len() == limit && !is_over) {
                found.truncate(limit);
                found.last().map(|(place, _)| Cursor::behind(place))
            } else if is_over {
                None
            } else if was_read >= MOST_RECORDS {
                places.last().map(Cursor::behind)
            } else if listing.looked_at >= MOST_ENTRIES && chosen.is_empty() {
                listing.last.clone().map(Cursor::behind)
            } else {
                continue;
            };
            return Ok(Page { entries: found.into_iter().map(|(_, record)| record).collect(), next });
        }
    }

    /// The records of these places, in their order, as far as they are there.
    async fn records_at<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        places: &[String],
        key_of: impl Fn(&str) -> Option<Key>,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let keys: Vec<(&String, Key)> = places.iter().filter_map(|place| Some((place, key_of(place)?))).collect();
        let mut items = self.batch_get(operation, keys.iter().map(|(_, key)| key.clone()).collect()).await?;
        let mut records = Vec::with_capacity(items.len());
        for (place, key) in keys {
            let found = items.iter().position(|item| {
                text_of(item, PK) == Some(key.pk.as_str()) && text_of(item, SK) == Some(key.sk.as_str())
            });
            if let Some(found) = found {
                records.push((place.clone(), from_item(operation, items.swap_remove(found))?));
            }
        }
        Ok(records)
    }

    /// Reads the next entries of a source.
    async fn read_on(
        &self,
        operation: &'static str,
        order: Order,
        at_a_time: usize,
        source: &mut Source,
    ) -> Result<(), StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(source.index)
            .key_condition_expression("#list = :list AND #at BETWEEN :from AND :to")
            .expression_attribute_names("#list", source.attribute)
            .expression_attribute_names("#at", LISTED_AT)
            .expression_attribute_values(":list", text(&source.partition))
            .expression_attribute_values(":from", text(&source.from))
            .expression_attribute_values(":to", AttributeValue::S(source.to.clone()))
            .scan_index_forward(order == Order::OldestFirst)
            .limit(i32::try_from(at_a_time).unwrap_or(i32::MAX))
            .set_exclusive_start_key(source.start.take())
            .send()
            .await
            .map_err(|error| StoreError::service(operation, &error))?;
        for item in answer.items.unwrap_or_default() {
            let Some(place) = text_of(&item, LISTED_AT) else { continue };
            // BETWEEN includes its ends; a cursor excludes the entry it names.
            if place != source.from && place != source.to {
                let facts = text_of(&item, FACTS).and_then(facts::read);
                source.read.push_back(Entry { place: place.to_owned(), facts });
            }
        }
        source.start = answer.last_evaluated_key;
        source.is_at_its_end = source.start.is_none();
        Ok(())
    }
}

/// A UTC month, and the sort keys between which its entries lie.
pub(crate) struct Month {
    pub(crate) name: String,
    from: String,
    to: String,
}

/// The UTC months that a span of time touches, the latest first.
pub(crate) fn months(from: Timestamp, to: Timestamp) -> Vec<Month> {
    let zone = jiff::tz::TimeZone::UTC;
    let first_of = |at: Timestamp| zone.to_datetime(at).date().first_of_month();
    let start = |date: jiff::civil::Date| zone.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX);
    let mut months = Vec::new();
    let mut month = first_of(to);
    while start(month) >= start(first_of(from)) {
        let next = month.checked_add(jiff::Span::new().months(1)).map_or(Timestamp::MAX, start);
        let name = keys::month_of(start(month));
        months.push(Month { name, from: bound(start(month)), to: bound(next) });
        let Ok(before) = month.checked_sub(jiff::Span::new().months(1)) else { break };
        month = before;
    }
    months
}

/// The UTC days that a span of time touches, the latest first.
pub(crate) fn days(from: Timestamp, to: Timestamp) -> Vec<String> {
    let mut days = Vec::new();
    let mut day = to;
    loop {
        days.push(keys::day_of(day));
        if keys::day_of(day) == keys::day_of(from) || day < from {
            return days;
        }
        day = day.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(from).max(from);
    }
}

/// A sort key before every entry of an instant, and after all entries of earlier ones.
pub(crate) fn bound(at: Timestamp) -> String {
    format!("{:013}", at.as_millisecond().max(0))
}

/// Where a list of a span of time ends that goes on behind a cursor's entry.
fn to_of(to: Timestamp, after: Option<&Cursor>) -> String {
    let end = bound(to);
    after.map(Cursor::place).filter(|after| *after < end.as_str()).map_or(end.clone(), str::to_owned)
}

/// Over how many partitions a business's lists are spread, and since when there can be anything in them.
pub(crate) fn listed_since(configuration: &Configuration) -> (Shards, Timestamp) {
    // Clocks differ by less than a day.
    let created_at = configuration.business.as_ref().map(|business| business.created_at);
    let since = created_at.and_then(|at| at.checked_sub(jiff::SignedDuration::from_hours(24)).ok());
    (configuration.shards(), since.unwrap_or(Timestamp::UNIX_EPOCH))
}

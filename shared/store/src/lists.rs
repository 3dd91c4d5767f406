//! Lists, a page at a time.
//!
//! A list lies in one or several partitions of an index, whose entries are merged. What an entry says narrows a list before
//! anything is read; the record itself decides. So a page is full as long as there is something to fill it with.
//!
//! A link that ends moves from the list of what is live to that of its month. What is live is read first, and what is over
//! as far as what is live was read and no further, so that such a link is found in one of them or in both, and once among
//! what is answered.

use std::collections::{BTreeSet, VecDeque};

use domain::Timestamp;
use domain::batches::Batch;
use domain::clocks::{CLOCKS_DIFFER_BY, later};
use domain::events::{EventRecord, EventType};
use domain::exports::Export;
use domain::ids::{BatchId, ContactId, EventId, ExportId, ItemId, LinkId, ReceiptId, ReferenceId, RefundId};
use domain::link::{LinkFilter, PaymentLink, Receipt, ReceiptFilter, TimeRange};
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use domain::records::shards::Shards;
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;

use crate::cursor::{Cursor, Order, SortKey};
use crate::error::StoreError;
use crate::facts;
use crate::item::{from_item, text, text_of};
use crate::items::AttachedReceipts;
use crate::keys::{
    self, BY_CONTACT, BY_CONTACT_INDEX, BY_ITEM, BY_ITEM_INDEX, BY_STATE, BY_STATE_INDEX, FACTS, Key, LISTED_AT, PK, SK,
};
use crate::refunds::{RefundList, RefundOfLink};
use crate::{BusinessStore, Configuration, Store};

/// At most this many entries are looked at for one page. Where nothing was found among them, the page is empty and goes on.
const MOST_ENTRIES: usize = 10_000;

/// How many entries of a partition are read first where not all of them are wanted, and how many at most later: each time
/// twice as many as before.
const ENTRIES_AT_FIRST: usize = 64;
const ENTRIES_AT_A_TIME: usize = 4_000;

/// At most this many records are read for one page, where nothing but they say whether they are wanted: they come in
/// twenty-five answers, one after the other, for which a function's time has room. The page goes on then, too.
const MOST_RECORDS: usize = 2_500;

/// How many records are read at a time, where most of them may not be wanted.
const RECORDS_AT_A_TIME: usize = 100;

/// The same of any clock that a caller may go by.
const NOBODY_IS_AHEAD_BY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

const LIST_LINKS: &str = "list links";

/// One page of a list, and the cursor of the next page, if there is one.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub entries: Vec<T>,
    pub next: Option<Cursor>,
}

/// Which links to list, and in which order of when they were made.
#[derive(Clone, Debug)]
pub struct LinkList {
    pub filter: LinkFilter,
    pub order: Order,
    /// The moment that a status is asked about. Nothing was made later.
    pub now: Timestamp,
}

impl LinkList {
    /// The links that match, the newest first.
    pub fn new(filter: LinkFilter, now: Timestamp) -> Self {
        Self { filter, order: Order::NewestFirst, now }
    }
}

/// Which receipts to list, and in which order of when they were registered.
#[derive(Clone, Debug)]
pub struct ReceiptList {
    pub filter: ReceiptFilter,
    pub order: Order,
    /// Nothing was registered later.
    pub now: Timestamp,
}

impl ReceiptList {
    /// The receipts that match, the newest first.
    pub fn new(filter: ReceiptFilter, now: Timestamp) -> Self {
        Self { filter, order: Order::NewestFirst, now }
    }
}

/// Which events to list, the oldest first: those recorded after an event or an instant, and before an instant.
#[derive(Clone, Debug)]
pub struct EventList {
    /// Those about this link; of all links, and of entries of the log, where it is none.
    pub link: Option<LinkId>,
    pub after: EventsAfter,
    pub before: Timestamp,
    /// Those of these types; of any where there is none.
    pub types: Vec<EventType>,
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

/// An entry of an index.
#[derive(Clone)]
struct Entry {
    /// Its sort key.
    place: String,
    facts: Option<String>,
}

/// The sort keys between which entries are wanted, both exclusive.
#[derive(Clone)]
struct Span {
    from: String,
    to: String,
}

impl Span {
    /// All of a list that is sorted by time. Digits sort before ':' and times begin with digits.
    fn whole() -> Self {
        Self { from: "0".to_owned(), to: ":".to_owned() }
    }

    fn nothing() -> Self {
        Self { from: String::new(), to: String::new() }
    }

    /// The times of a range. The bound of its end lies behind all instants before it, which may share its millisecond.
    fn of(range: TimeRange) -> Self {
        let whole = Self::whole();
        let end = |to: Timestamp| bound(to.checked_add(jiff::SignedDuration::from_nanos(999_999)).unwrap_or(to));
        Self { from: range.from.map_or(whole.from, bound), to: range.to.map_or(whole.to, end) }
    }

    /// What of it follows an entry.
    fn behind(self, place: Option<&str>, order: Order) -> Self {
        let Some(place) = place else { return self };
        match order {
            Order::NewestFirst => Self { to: self.to.min(place.to_owned()), ..self },
            Order::OldestFirst => Self { from: self.from.max(place.to_owned()), ..self },
        }
    }

    /// The part of it up to a place, that place included where it lies inside.
    fn up_to(self, place: Option<&str>, order: Order) -> Self {
        let Some(place) = place else { return self };
        match order {
            Order::NewestFirst => Self { from: self.from.max(place.to_owned()), ..self },
            Order::OldestFirst => Self { to: self.to.min(place.to_owned()), ..self },
        }
    }

    /// What of it lies between two places.
    fn within(self, from: &str, to: &str) -> Self {
        Self { from: self.from.max(from.to_owned()), to: self.to.min(to.to_owned()) }
    }

    /// Where it begins in this order.
    fn beginning(&self, order: Order) -> &str {
        match order {
            Order::NewestFirst => &self.to,
            Order::OldestFirst => &self.from,
        }
    }

    fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

/// Whether one place comes before another in this order.
fn is_before(order: Order, one: &str, other: &str) -> bool {
    match order {
        Order::NewestFirst => one > other,
        Order::OldestFirst => one < other,
    }
}

/// A partition of an index between two sort keys, as far as it was read.
struct Source {
    index: &'static str,
    /// The partition key of the index.
    attribute: &'static str,
    partition: String,
    /// What of it was not read yet.
    left: Span,
    read: VecDeque<Entry>,
    /// How many entries are read the next time.
    at_a_time: usize,
}

impl Source {
    fn new(index: &'static str, attribute: &'static str, partition: String, left: Span, at_a_time: usize) -> Self {
        Self { index, attribute, partition, left, read: VecDeque::new(), at_a_time }
    }

    fn of_state(partition: String, left: Span, at_a_time: usize) -> Self {
        Self::new(BY_STATE_INDEX, BY_STATE, partition, left, at_a_time)
    }

    fn is_at_its_end(&self) -> bool {
        self.left.is_empty()
    }

    /// Whether there may be an entry up to this place that was not read.
    fn has_more(&self, up_to: Option<&str>, order: Order) -> bool {
        !self.left.clone().up_to(up_to, order).is_empty()
    }

    /// Whether nothing is left of what was read of it, and more can be.
    fn has_to_be_read(&self, up_to: Option<&str>, order: Order) -> bool {
        self.read.is_empty() && self.has_more(up_to, order)
    }

    /// Whether so little is left of what was read of it that it will have to be read soon.
    fn is_low(&self) -> bool {
        self.read.len() * 4 <= self.at_a_time
    }
}

/// Sources that are merged.
struct Group {
    sources: Vec<Source>,
    /// What lies beyond this place belongs to the groups that follow. The last one needs none.
    edge: Option<String>,
}

impl From<Vec<Source>> for Group {
    fn from(sources: Vec<Source>) -> Self {
        Self { sources, edge: None }
    }
}

/// A list while it is read: groups of sources that follow one another, and beside all of them what is live.
struct Listing<'a> {
    store: &'a Store,
    operation: &'static str,
    sort_key: SortKey,
    live: Vec<Source>,
    groups: VecDeque<Group>,
    /// How many entries were looked at.
    looked_at: usize,
    /// The place of the last of them.
    last: Option<String>,
}

impl<'a> Listing<'a> {
    fn new(
        store: &'a Store,
        operation: &'static str,
        sort_key: SortKey,
        groups: impl IntoIterator<Item = impl Into<Group>>,
    ) -> Self {
        let groups = groups.into_iter().map(Into::into).collect();
        Self { store, operation, sort_key, live: Vec::new(), groups, looked_at: 0, last: None }
    }

    /// The same beside sources that entries leave for those of the groups.
    fn beside(self, live: Vec<Source>) -> Self {
        Self { live, ..self }
    }

    /// The next entry.
    async fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        let order = self.sort_key.order();
        loop {
            self.read_on().await?;
            let has_more_groups = self.groups.len() > 1;
            let group = self.groups.front_mut();
            let edge = group.as_ref().and_then(|group| group.edge.clone());
            let sources = group.into_iter().flat_map(|group| &mut group.sources).chain(&mut self.live);
            let mut first: Option<&mut Source> = None;
            for source in sources {
                let Some(head) = source.read.front() else { continue };
                let best = first.as_ref().and_then(|first| first.read.front());
                if best.is_none_or(|best| is_before(order, &head.place, &best.place)) {
                    first = Some(source);
                }
            }
            let is_beyond = |place: &str| match (&edge, order) {
                (None, _) => false,
                (Some(edge), Order::NewestFirst) => place < edge.as_str(),
                (Some(edge), Order::OldestFirst) => place >= edge.as_str(),
            };
            let first = first
                .filter(|first| !has_more_groups || !first.read.front().is_some_and(|head| is_beyond(&head.place)));
            let Some(entry) = first.and_then(|source| source.read.pop_front()) else {
                let Some(group) = self.groups.pop_front().filter(|_| has_more_groups) else { return Ok(None) };
                self.read_as_many_at_a_time(&group);
                continue;
            };
            self.looked_at += 1;
            self.last = Some(entry.place.clone());
            return Ok(Some(entry));
        }
    }

    /// Lets the next group be read by as many entries at a time as one that was read to its end.
    fn read_as_many_at_a_time(&mut self, before: &Group) {
        let at_a_time = before.sources.iter().map(|source| source.at_a_time).max().unwrap_or_default();
        for source in self.groups.front_mut().into_iter().flat_map(|group| &mut group.sources) {
            source.at_a_time = source.at_a_time.max(at_a_time);
        }
    }

    /// Reads what nothing is left of: first what is live, and then the sources of the group as far as that was read. What
    /// left the live list behind that place is found there when what is live was read on.
    async fn read_on(&mut self) -> Result<(), StoreError> {
        let order = self.sort_key.order();
        read_all(self.store, self.operation, order, None, &mut self.live).await?;
        let reached =
            self.live.iter().filter(|source| !source.is_at_its_end()).map(|source| source.left.beginning(order));
        let reached = reached.reduce(|one, other| if is_before(order, one, other) { one } else { other });
        let Some(group) = self.groups.front_mut() else { return Ok(()) };
        read_all(self.store, self.operation, order, reached, &mut group.sources).await
    }

    fn behind(&self, place: &str) -> Cursor {
        Cursor::behind_in(self.sort_key, place)
    }
}

/// Reads the next entries up to a place of the sources that nothing is left of, all at once, and with them of those of which
/// little is left: sources that are read one after the other would take as many round trips.
async fn read_all(
    store: &Store,
    operation: &'static str,
    order: Order,
    up_to: Option<&str>,
    sources: &mut [Source],
) -> Result<(), StoreError> {
    while sources.iter().any(|source| source.has_to_be_read(up_to, order)) {
        let reading = sources.iter_mut().filter(|source| source.is_low() && source.has_more(up_to, order));
        try_join_all(reading.map(|source| store.read_on(operation, order, up_to, source))).await?;
    }
    Ok(())
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

/// How many entries of a partition are read first: those of a page where all are wanted, with the one that a cursor names and
/// one that tells whether there is another page.
fn at_first(limit: usize, is_narrowed: bool) -> usize {
    if is_narrowed { ENTRIES_AT_FIRST.max(limit + 2) } else { limit + 2 }
}

/// A page of the few records that there are, each with its place in the list.
pub(crate) fn page_of_few<T>(
    mut found: Vec<(String, T)>,
    order: Order,
    limit: usize,
    after: Option<&Cursor>,
) -> Page<T> {
    found.retain(|(place, _)| after.is_none_or(|after| is_before(order, after.place(), place)));
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    if order == Order::NewestFirst {
        found.reverse();
    }
    let is_over = found.len() <= limit;
    found.truncate(limit);
    let last = found.last().filter(|_| !is_over);
    let next = last.map(|(place, _)| Cursor::behind_in(SortKey::Time(order), place));
    Page { entries: found.into_iter().map(|(_, record)| record).collect(), next }
}

/// Up to when there can be anything: nothing was made later than now.
fn latest(now: Timestamp) -> Timestamp {
    later(now, CLOCKS_DIFFER_BY)
}

impl BusinessStore {
    /// Links in the order in which they were made.
    pub async fn list_links(
        &self,
        list: &LinkList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<PaymentLink>, StoreError> {
        let filter = &list.filter;
        if let Some(id) = &filter.reference_id {
            return self.links_with_reference(id, list, limit, after).await;
        }
        let at_first = at_first(limit, filter.asks_for_facts());
        let of_record = match (&filter.item_id, &filter.contact_id) {
            (Some(id), _) => Some((BY_ITEM_INDEX, BY_ITEM, id.as_str())),
            (None, Some(id)) => Some((BY_CONTACT_INDEX, BY_CONTACT, id.as_str())),
            (None, None) => None,
        };
        let sort_key = SortKey::Time(list.order);
        let span = |range| Span::of(range).behind(after.map(Cursor::place), list.order);
        let listing = match of_record {
            Some((index, attribute, id)) => {
                let partition = keys::links_of(&self.business, id);
                let source = Source::new(index, attribute, partition, span(filter.created), at_first);
                Listing::new(&self.store, LIST_LINKS, sort_key, [vec![source]])
            }
            None => {
                let (shards, range) = self.listed_in(filter.created, list.now).await?;
                let span = span(range);
                let live = shards.all().map(|shard| keys::live(&self.business, shard));
                let live = live.map(|list| Source::of_state(list, span.clone(), at_first)).collect();
                let over = if filter.is_of_live_links() {
                    Vec::new()
                } else {
                    by_month(range, &span, list.order, |month, span| {
                        let lists = shards.all().map(|shard| keys::over(&self.business, month, shard));
                        lists.map(|list| Source::of_state(list, span.clone(), at_first)).collect()
                    })
                };
                Listing::new(&self.store, LIST_LINKS, sort_key, over).beside(live)
            }
        };
        let wanted = Wanted {
            key_of: |place: &str| Some(keys::link(&LinkId::parse(keys::listed_id(place)?).ok()?)),
            entry: |entry: &Entry| {
                let facts = entry.facts.as_deref().and_then(facts::read);
                facts.is_none_or(|facts| filter.may_match(&facts, list.now))
            },
            record: |_: &str, link: &PaymentLink| filter.matches(link, list.now),
            only_records_say: of_record.is_some() && (filter.asks_for_facts() || filter.contact_id.is_some()),
        };
        self.store.page(listing, limit, wanted).await
    }

    /// From how many partitions lists of this time are read, and the part of it in which there can be anything.
    async fn listed_in(&self, range: TimeRange, now: Timestamp) -> Result<(Shards, TimeRange), StoreError> {
        let (shards, since) = listed_since(&*self.configuration().await?);
        let from = range.from.map_or(since, |from| from.max(since));
        // A month that has not come is not read, however far away the end is that somebody asks for.
        let to = range.to.map_or_else(|| latest(now), |to| to.min(later(now, NOBODY_IS_AHEAD_BY)));
        Ok((shards, TimeRange::between(from, to)))
    }

    /// How many links are live, counted to this number.
    pub async fn live_links(&self, most: usize) -> Result<usize, StoreError> {
        let (shards, _) = listed_since(&*self.fresh_configuration().await?);
        let live = shards.all().map(|shard| keys::live(&self.business, shard));
        let sources: Vec<Source> = live.map(|list| Source::of_state(list, Span::whole(), most)).collect();
        let mut listing = Listing::new(&self.store, "count live links", SortKey::Time(Order::OldestFirst), [sources]);
        let mut found = 0;
        while found < most && listing.next().await?.is_some() {
            found += 1;
        }
        Ok(found)
    }

    /// Receipts in the order in which they were registered.
    pub async fn list_receipts(
        &self,
        list: &ReceiptList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<Receipt>, StoreError> {
        let filter = &list.filter;
        let at_first = at_first(limit, filter.asks_for_facts());
        let of_record = match (&filter.item_id, &filter.contact_id) {
            (Some(id), _) => Some((BY_ITEM_INDEX, BY_ITEM, id.as_str())),
            (None, Some(id)) => Some((BY_CONTACT_INDEX, BY_CONTACT, id.as_str())),
            (None, None) => None,
        };
        let span = |range| Span::of(range).behind(after.map(Cursor::place), list.order);
        let groups = match of_record {
            Some((index, attribute, id)) => {
                let partition = keys::receipts_of(&self.business, id);
                let source = Source::new(index, attribute, partition, span(filter.registered), at_first);
                vec![vec![source].into()]
            }
            None => {
                let (shards, range) = self.listed_in(filter.registered, list.now).await?;
                let span = span(range);
                by_month(range, &span, list.order, |month, span| {
                    let lists = shards.all().map(|shard| keys::receipts_of_month(&self.business, month, shard));
                    lists.map(|list| Source::of_state(list, span.clone(), at_first)).collect()
                })
            }
        };
        let listing = Listing::new(&self.store, "list receipts", SortKey::Time(list.order), groups);
        let wanted = Wanted {
            key_of: |place: &str| Some(keys::receipt(&self.business, &ReceiptId::parse(keys::listed_id(place)?).ok()?)),
            entry: |entry: &Entry| {
                let facts = entry.facts.as_deref().and_then(facts::read_receipt);
                facts.is_none_or(|facts| filter.may_match(&facts))
            },
            record: |_: &str, receipt: &Receipt| filter.matches(receipt),
            only_records_say: of_record.is_some() && (filter.asks_for_facts() || filter.contact_id.is_some()),
        };
        self.store.page(listing, limit, wanted).await
    }

    /// Refunds in the order in which they were begun, each with its link as it is: of a contact's payments, or all.
    pub async fn list_refunds(
        &self,
        list: &RefundList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<RefundOfLink>, StoreError> {
        let span = |range| Span::of(range).behind(after.map(Cursor::place), list.order);
        let begun = list.filter.created;
        let groups = match &list.filter.contact_id {
            Some(contact) => {
                let partition = keys::refunds_of(&self.business, contact.as_str());
                let source = Source::new(BY_CONTACT_INDEX, BY_CONTACT, partition, span(begun), limit + 2);
                vec![vec![source].into()]
            }
            None => {
                let (shards, range) = self.listed_in(begun, list.now).await?;
                let span = span(range);
                by_month(range, &span, list.order, |month, span| {
                    let lists = shards.all().map(|shard| keys::refunds_of_month(&self.business, month, shard));
                    lists.map(|list| Source::of_state(list, span.clone(), limit + 2)).collect()
                })
            }
        };
        let listing = Listing::new(&self.store, "list refunds", SortKey::Time(list.order), groups);
        let id_at = |place: &str| RefundId::parse(keys::listed_id(place)?).ok();
        let of = |place: &str, link: &PaymentLink| Some(RefundOfLink { link: link.clone(), id: id_at(place)? });
        let wanted = Wanted {
            key_of: |place: &str| Some(keys::link(&id_at(place)?.link()?)),
            entry: |_: &Entry| true,
            record: |place: &str, link: &PaymentLink| {
                of(place, link).is_some_and(|refund| refund.matches(&list.filter))
            },
            only_records_say: true,
        };
        let page = self.store.page_of_places(listing, limit, wanted).await?;
        let entries = page.entries.iter().filter_map(|(place, link)| of(place, link)).collect();
        Ok(Page { entries, next: page.next })
    }

    /// Events in the order in which they were recorded.
    pub async fn list_events(&self, list: &EventList, limit: usize) -> Result<EventPage, StoreError> {
        let (from, after) = match &list.after {
            EventsAfter::Event(event) => {
                (event.recorded_at, keys::event_listed_at(event.recorded_at, event.id.as_str(), event.kind))
            }
            EventsAfter::Instant(instant) => (*instant, bound(*instant)),
        };
        let span = Span { from: after, to: bound(list.before) };
        // Where the list begins at or after its end, there is nothing to read.
        if span.is_empty() {
            return Ok(EventPage { entries: Vec::new(), next: None });
        }
        if let Some(link) = &list.link {
            return self.list_events_of(link, &span, &list.types, limit).await;
        }
        let (shards, since) = listed_since(&*self.configuration().await?);
        let at_first = at_first(limit, !list.types.is_empty());
        let of_day = |day: &String| -> Vec<Source> {
            let lists = shards.all().map(|shard| keys::events_of_day(&self.business, day, shard));
            lists.map(|list_of_day| Source::of_state(list_of_day, span.clone(), at_first)).collect()
        };
        let days: Vec<Vec<Source>> = days(from.max(since), list.before).iter().rev().map(of_day).collect();
        let listing = Listing::new(&self.store, "list events", SortKey::Time(Order::OldestFirst), days);
        let id_of = |place: &str| EventId::parse(keys::listed_id(place)?).ok();
        let is_wanted = |name: &str| list.types.is_empty() || list.types.iter().any(|kind| kind.as_str() == name);
        let wanted = Wanted {
            key_of: |place: &str| keys::event_by_id(&self.business, &id_of(place)?),
            entry: |entry: &Entry| keys::listed_type(&entry.place).is_none_or(is_wanted),
            record: |_: &str, event: &EventRecord| is_wanted(event.kind.as_str()),
            only_records_say: false,
        };
        let Page { entries, next } = self.store.page(listing, limit, wanted).await?;
        Ok(EventPage { entries, next: next.and_then(|next| id_of(next.place())) })
    }

    /// The events about a link, of which there are as few as its life has: they lie beside it, and one query reads them all.
    async fn list_events_of(
        &self,
        link: &LinkId,
        span: &Span,
        types: &[EventType],
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        let mut found: Vec<(String, EventRecord)> = Vec::new();
        for event in self.events_of(link).await? {
            let place = keys::event_listed_at(event.recorded_at, event.id.as_str(), event.kind);
            let is_wanted = types.is_empty() || types.contains(&event.kind);
            if is_wanted && place > span.from && place < span.to {
                found.push((place, event));
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let goes_on = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| goes_on).map(|(_, event)| event.id.clone());
        Ok(EventPage { entries: found.into_iter().map(|(_, event)| event).collect(), next })
    }

    /// What was carried away as files, what was asked for last first.
    pub async fn list_exports(&self, limit: usize, after: Option<&Cursor>) -> Result<Page<Export>, StoreError> {
        let order = Order::NewestFirst;
        let span = Span::whole().behind(after.map(Cursor::place), order);
        let source = Source::of_state(keys::exports_of(&self.business), span, at_first(limit, false));
        let listing = Listing::new(&self.store, "list exports", SortKey::Time(order), [vec![source]]);
        let wanted = Wanted {
            key_of: |place: &str| Some(keys::export(&self.business, &ExportId::parse(keys::listed_id(place)?).ok()?)),
            entry: |_: &Entry| true,
            record: |_: &str, _: &Export| true,
            only_records_say: false,
        };
        self.store.page(listing, limit, wanted).await
    }

    /// What links are made of by files, what was asked for last first.
    pub async fn list_batches(&self, limit: usize, after: Option<&Cursor>) -> Result<Page<Batch>, StoreError> {
        let order = Order::NewestFirst;
        let span = Span::whole().behind(after.map(Cursor::place), order);
        let source = Source::of_state(keys::batches_of(&self.business), span, at_first(limit, false));
        let listing = Listing::new(&self.store, "list batches", SortKey::Time(order), [vec![source]]);
        let wanted = Wanted {
            key_of: |place: &str| Some(keys::batch(&self.business, &BatchId::parse(keys::listed_id(place)?).ok()?)),
            entry: |_: &Entry| true,
            record: |_: &str, _: &Batch| true,
            only_records_say: false,
        };
        self.store.page(listing, limit, wanted).await
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
        let Some(reference) = self.with_reference(id).await? else {
            return Ok(Page { entries: Vec::new(), next: None });
        };
        let place = |link: &PaymentLink| keys::listed_at(link.created_at(), link.id().as_str());
        let span = Span::of(list.filter.created).behind(after.map(Cursor::place), list.order);
        let mut entries = self.links(&reference.link_ids).await?;
        entries.retain(|link| {
            let place = place(link);
            span.from < place && place < span.to && list.filter.matches(link, list.now)
        });
        entries.sort_by_key(place);
        if list.order == Order::NewestFirst {
            entries.reverse();
        }
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let behind = |link: &PaymentLink| Cursor::behind_in(SortKey::Time(list.order), &place(link));
        let next = entries.last().filter(|_| has_more).map(behind);
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
        let source = Source::of_state(partition, Span { from, to: "~".to_owned() }, at_first(limit, false));
        let listing = Listing::new(self, operation, SortKey::Id, [vec![source]]);
        self.page(
            listing,
            limit,
            Wanted { key_of, entry: |_: &Entry| true, record: |_: &str, _: &T| true, only_records_say: false },
        )
        .await
    }

    /// Reads a list until the page is full. A record that was deleted meanwhile is left out.
    async fn page<T: DeserializeOwned>(
        &self,
        listing: Listing<'_>,
        limit: usize,
        wanted: Wanted<impl Fn(&str) -> Option<Key>, impl Fn(&Entry) -> bool, impl Fn(&str, &T) -> bool>,
    ) -> Result<Page<T>, StoreError> {
        let Page { entries, next } = self.page_of_places(listing, limit, wanted).await?;
        Ok(Page { entries: entries.into_iter().map(|(_, record)| record).collect(), next })
    }

    /// The same with the place of each record in the list.
    async fn page_of_places<T: DeserializeOwned>(
        &self,
        mut listing: Listing<'_>,
        limit: usize,
        wanted: Wanted<impl Fn(&str) -> Option<Key>, impl Fn(&Entry) -> bool, impl Fn(&str, &T) -> bool>,
    ) -> Result<Page<(String, T)>, StoreError> {
        let mut found: Vec<(String, T)> = Vec::new();
        let mut last_chosen = None;
        // Where nothing but the record says whether it is wanted, more are read each time, however few are missing.
        let mut records_at_a_time = limit.min(RECORDS_AT_A_TIME);
        // What was chosen and not read yet. One more than there is room for tells whether there is a next page.
        let mut chosen: VecDeque<String> = VecDeque::new();
        let mut read = 0;
        loop {
            let at_once = if wanted.only_records_say { records_at_a_time } else { limit - found.len() };
            records_at_a_time = (records_at_a_time * 2).min(RECORDS_AT_A_TIME);
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
            found.extend(records.into_iter().filter(|(place, record)| (wanted.record)(place, record)));
            read += places.len();
            let is_over = is_at_its_end && chosen.is_empty();
            let next = if found.len() > limit || (found.len() == limit && !is_over) {
                found.truncate(limit);
                found.last().map(|(place, _)| listing.behind(place))
            } else if is_over {
                None
            } else if listing.looked_at >= MOST_ENTRIES && chosen.is_empty() {
                listing.last.as_deref().map(|last| listing.behind(last))
            } else if read >= MOST_RECORDS {
                places.last().map(|last| listing.behind(last))
            } else {
                continue;
            };
            return Ok(Page { entries: found, next });
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
        // Several places may lead to one record.
        let different: BTreeSet<&Key> = keys.iter().map(|(_, key)| key).collect();
        let items = self.batch_get(operation, different.into_iter().cloned().collect()).await?;
        let mut records = Vec::with_capacity(items.len());
        for (place, key) in keys {
            let found = items
                .iter()
                .find(|item| text_of(item, PK) == Some(key.pk.as_str()) && text_of(item, SK) == Some(key.sk.as_str()));
            if let Some(found) = found {
                records.push((place.clone(), from_item(operation, found.clone())?));
            }
        }
        Ok(records)
    }

    /// Reads the next entries of a source, up to a place.
    async fn read_on(
        &self,
        operation: &'static str,
        order: Order,
        up_to: Option<&str>,
        source: &mut Source,
    ) -> Result<(), StoreError> {
        let span = source.left.clone().up_to(up_to, order);
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(source.index)
            .key_condition_expression("#list = :list AND #at BETWEEN :from AND :to")
            .expression_attribute_names("#list", source.attribute)
            .expression_attribute_names("#at", LISTED_AT)
            .expression_attribute_values(":list", text(&source.partition))
            .expression_attribute_values(":from", text(&span.from))
            .expression_attribute_values(":to", text(&span.to))
            .scan_index_forward(order == Order::OldestFirst)
            .limit(i32::try_from(source.at_a_time).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| StoreError::service(operation, &error))?;
        let read_to = match &answer.last_evaluated_key {
            Some(last) => text_of(last, LISTED_AT).map(str::to_owned),
            None => up_to.map(str::to_owned),
        };
        for item in answer.items.unwrap_or_default() {
            let Some(place) = text_of(&item, LISTED_AT) else { continue };
            // BETWEEN includes its ends, and what is left excludes them.
            if place != source.left.from && place != source.left.to {
                let facts = text_of(&item, FACTS).map(str::to_owned);
                source.read.push_back(Entry { place: place.to_owned(), facts });
            }
        }
        source.left = match read_to {
            Some(place) => source.left.clone().behind(Some(&place), order),
            None => Span::nothing(),
        };
        source.at_a_time = (source.at_a_time * 2).min(ENTRIES_AT_A_TIME);
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

/// The groups of a list that has partitions for each month. A month of which nothing is wanted, because it lies before the
/// place at which the list goes on, is not asked.
fn by_month(range: TimeRange, span: &Span, order: Order, of_month: impl Fn(&str, Span) -> Vec<Source>) -> Vec<Group> {
    let (from, to) = (range.from.unwrap_or(Timestamp::UNIX_EPOCH), range.to.unwrap_or(Timestamp::UNIX_EPOCH));
    let mut months = months(from, to);
    if order == Order::OldestFirst {
        months.reverse();
    }
    let edge = |month: &Month| match order {
        Order::NewestFirst => month.from.clone(),
        Order::OldestFirst => month.to.clone(),
    };
    let groups = months.iter().map(|month| (month, span.clone().within(&month.from, &month.to)));
    let groups = groups.filter(|(_, span)| !span.is_empty());
    groups.map(|(month, span)| Group { sources: of_month(&month.name, span), edge: Some(edge(month)) }).collect()
}

/// From how many partitions a business's lists are read, and since when there can be anything in them.
pub(crate) fn listed_since(configuration: &Configuration) -> (Shards, Timestamp) {
    // Clocks differ by less than a day.
    let created_at = configuration.business.as_ref().map(|business| business.created_at);
    let since = created_at.and_then(|at| at.checked_sub(jiff::SignedDuration::from_hours(24)).ok());
    (configuration.spread().read(), since.unwrap_or(Timestamp::UNIX_EPOCH))
}

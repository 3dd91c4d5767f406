//! Lists, newest first, a page at a time.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::events::EventRecord;
use domain::ids::{ContactId, EventId, ItemId, LinkId, ReceiptId, ReferenceId};
use domain::link::{PaymentLink, Receipt};
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::cursor::Cursor;
use crate::error::StoreError;
use crate::item::{Item, from_item, text, text_of};
use crate::items::AttachedReceipts;
use crate::keys::{
    self, ALL_CONTACTS, ALL_ITEMS, BY_CONTACT, BY_CONTACT_INDEX, BY_DAY, BY_DAY_INDEX, BY_ITEM, BY_ITEM_INDEX, Key,
    LISTED_AT, PK, SK,
};

/// One page of a list, and the cursor of the next page, if there is one.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub entries: Vec<T>,
    pub next: Option<Cursor>,
}

/// Which links to list.
#[derive(Clone, Debug)]
pub enum LinkList {
    OfContact(ContactId),
    OfItem(ItemId),
    /// Links made between these instants, the end exclusive.
    Between(Timestamp, Timestamp),
}

/// Which events to list, the oldest first: those recorded after an event or an instant, and before an instant.
#[derive(Clone, Debug)]
pub struct EventList {
    pub after: EventsAfter,
    pub before: Timestamp,
}

/// Where a list of events begins.
#[derive(Clone, Debug)]
pub enum EventsAfter {
    Event(Box<EventRecord>),
    Instant(Timestamp),
}

/// Which receipts to list.
#[derive(Clone, Debug)]
pub enum ReceiptList {
    OfContact(ContactId),
    OfItem(ItemId),
}

/// What to read for a list: the partitions of an index that hold it, and a range of their sort key `listed_at`.
struct Range {
    index: &'static str,
    /// The partition key of the index.
    attribute: &'static str,
    /// The partitions: a day's list is spread over several.
    values: Vec<String>,
    /// Exclusive, as the end is.
    from: String,
    to: String,
}

impl Range {
    fn all_of(index: &'static str, attribute: &'static str, value: String) -> Self {
        // Digits sort before ':' and times begin with digits.
        Self { index, attribute, values: vec![value], from: "0".to_owned(), to: ":".to_owned() }
    }

    /// The entries of a day between two sort keys.
    fn of_day(values: Vec<String>, from: String, to: String) -> Self {
        Self { index: BY_DAY_INDEX, attribute: BY_DAY, values, from, to }
    }

    /// A list that is sorted by id, from after the cursor's entry on.
    fn of_ids(value: &str, after: Option<&Cursor>) -> Self {
        // `!` sorts before every character of an id, and `~` after it.
        let from = after.map_or("!", Cursor::place).to_owned();
        Self { index: BY_DAY_INDEX, attribute: BY_DAY, values: vec![value.to_owned()], from, to: "~".to_owned() }
    }
}

impl Store {
    pub async fn list_links(
        &self,
        list: &LinkList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<PaymentLink>, StoreError> {
        let ranges = match list {
            LinkList::OfContact(id) => {
                vec![Range::all_of(BY_CONTACT_INDEX, BY_CONTACT, keys::links_of(id.as_str()))]
            }
            LinkList::OfItem(id) => vec![Range::all_of(BY_ITEM_INDEX, BY_ITEM, keys::links_of(id.as_str()))],
            LinkList::Between(from, to) => self.links_of_days(*from, *to),
        };
        self.list("list links", &ranges, limit, after, |id| Some(keys::link(&LinkId::parse(id).ok()?))).await
    }

    pub async fn list_receipts(
        &self,
        list: &ReceiptList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<Receipt>, StoreError> {
        let range = match list {
            ReceiptList::OfContact(id) => Range::all_of(BY_CONTACT_INDEX, BY_CONTACT, keys::receipts_of(id.as_str())),
            ReceiptList::OfItem(id) => Range::all_of(BY_ITEM_INDEX, BY_ITEM, keys::receipts_of(id.as_str())),
        };
        self.list("list receipts", &[range], limit, after, |id| Some(keys::receipt(&ReceiptId::parse(id).ok()?))).await
    }

    /// Events in the order in which they were recorded.
    pub async fn list_events(&self, list: &EventList, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        const READ: &str = "list events";
        let (from, after) = match &list.after {
            EventsAfter::Event(event) => (event.recorded_at, keys::listed_at(event.recorded_at, event.id.as_str())),
            EventsAfter::Instant(instant) => (*instant, bound(*instant)),
        };
        // Where the list begins at or after its end, there is nothing to read.
        if after >= bound(list.before) {
            return Ok(Vec::new());
        }
        let mut listed = Vec::new();
        for day in days(from, list.before).iter().rev() {
            let range = Range::of_day(self.day_shards.of_events(day), after.clone(), bound(list.before));
            listed.extend(self.listed(READ, &range, &range.to, limit - listed.len(), Order::OldestFirst).await?);
            if listed.len() >= limit {
                break;
            }
        }
        let key_of = |id: &str| {
            let (link, sequence) = EventId::parse(id).ok()?.parts()?;
            Some(keys::event(&link, sequence))
        };
        self.entries(READ, &listed, key_of).await
    }

    /// The contacts, by their ids.
    pub async fn list_contacts(&self, limit: usize, after: Option<&Cursor>) -> Result<Page<Contact>, StoreError> {
        const READ: &str = "list contacts";
        let (ids, next) = self.listed_ids(READ, ALL_CONTACTS, limit, after).await?;
        let key_of = |id: &str| Some(keys::contact(&ContactId::parse(id).ok()?));
        let entries = self.records(READ, ids.iter().filter_map(|id| key_of(id)).collect()).await?;
        Ok(Page { entries, next })
    }

    /// The items with the receipts attached to their fields, by their ids. Each item is a query, because it lies in one
    /// partition with its receipts.
    pub async fn list_items(
        &self,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<(CrmItem, AttachedReceipts)>, StoreError> {
        let (ids, next) = self.listed_ids("list items", ALL_ITEMS, limit, after).await?;
        let mut entries = Vec::new();
        for id in ids.iter().filter_map(|id| ItemId::parse(id).ok()) {
            entries.extend(self.item(&id).await?);
        }
        Ok(Page { entries, next })
    }

    /// The ids of one page of records, and where the next page begins.
    async fn listed_ids(
        &self,
        operation: &'static str,
        kind: &str,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<(Vec<String>, Option<Cursor>), StoreError> {
        let range = Range::of_ids(kind, after);
        let mut ids = self.listed(operation, &range, &range.to, limit + 1, Order::OldestFirst).await?;
        let has_more = ids.len() > limit;
        ids.truncate(limit);
        let next = ids.last().filter(|_| has_more).map(Cursor::behind);
        Ok((ids, next))
    }

    /// The links that had this reference, the newest first. A reference keeps few links, so all of them are read.
    pub async fn links_with_reference(
        &self,
        id: &ReferenceId,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<PaymentLink>, StoreError> {
        let Some(reference) = self.reference(id).await? else {
            return Ok(Page { entries: Vec::new(), next: None });
        };
        let place = |link: &PaymentLink| keys::listed_at(link.created_at(), link.id().as_str());
        let mut entries = self.links(&reference.link_ids).await?;
        entries.retain(|link| after.is_none_or(|after| place(link).as_str() < after.place()));
        entries.sort_by_key(|link| std::cmp::Reverse(place(link)));
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| has_more).map(|last| Cursor::behind(place(last)));
        Ok(Page { entries, next })
    }

    /// Reads sort keys from the ranges one after the other until the page is full, then the items themselves.
    async fn list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        ranges: &[Range],
        limit: usize,
        after: Option<&Cursor>,
        key_of: impl Fn(&str) -> Option<Key>,
    ) -> Result<Page<T>, StoreError> {
        let mut listed: Vec<String> = Vec::new();
        for range in ranges {
            // A cursor names the last entry seen; what is older follows.
            let after = after.map(Cursor::place);
            let to = after.filter(|after| *after < range.to.as_str()).unwrap_or(&range.to);
            if to <= range.from.as_str() {
                continue;
            }
            // One more than asked for tells whether there is a next page.
            let missing = limit + 1 - listed.len();
            listed.extend(self.listed(operation, range, to, missing, Order::NewestFirst).await?);
            if listed.len() > limit {
                break;
            }
        }
        let has_more = listed.len() > limit;
        listed.truncate(limit);
        let entries = self.entries(operation, &listed, key_of).await?;
        let next = listed.last().filter(|_| has_more).map(Cursor::behind);
        Ok(Page { entries, next })
    }

    /// The items of index entries, in their order. An item that was deleted meanwhile is left out.
    async fn entries<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        listed: &[String],
        key_of: impl Fn(&str) -> Option<Key>,
    ) -> Result<Vec<T>, StoreError> {
        self.records(operation, listed.iter().filter_map(|entry| key_of(keys::listed_id(entry)?)).collect()).await
    }

    /// The records under these keys, in their order. A key without a record is left out.
    async fn records<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        keys: Vec<Key>,
    ) -> Result<Vec<T>, StoreError> {
        let mut items = self.batch_get(operation, keys.clone()).await?;
        let mut entries = Vec::with_capacity(items.len());
        for wanted in &keys {
            let found = items.iter().position(|item| {
                text_of(item, PK) == Some(wanted.pk.as_str()) && text_of(item, SK) == Some(wanted.sk.as_str())
            });
            if let Some(found) = found {
                entries.push(from_item(operation, items.swap_remove(found))?);
            }
        }
        Ok(entries)
    }

    /// The `listed_at` values between the range's `from` and `to`, both exclusive and at limit `limit` of them, merged
    /// from all of its partitions.
    async fn listed(
        &self,
        operation: &'static str,
        range: &Range,
        to: &str,
        limit: usize,
        order: Order,
    ) -> Result<Vec<String>, StoreError> {
        let all = range.values.iter().map(|value| self.listed_in(operation, range, value, to, limit, order));
        let mut listed = try_join_all(all).await?.concat();
        match order {
            Order::NewestFirst => listed.sort_unstable_by(|one, other| other.cmp(one)),
            Order::OldestFirst => listed.sort_unstable(),
        }
        listed.truncate(limit);
        Ok(listed)
    }

    /// The links of the UTC days that a span of time touches, the latest first.
    fn links_of_days(&self, from: Timestamp, to: Timestamp) -> Vec<Range> {
        let of_day = |day: &String| Range::of_day(self.day_shards.of_links(day), bound(from), bound(to));
        days(from, to).iter().map(of_day).collect()
    }

    /// The `listed_at` values of one partition of a range.
    async fn listed_in(
        &self,
        operation: &'static str,
        range: &Range,
        value: &str,
        to: &str,
        limit: usize,
        order: Order,
    ) -> Result<Vec<String>, StoreError> {
        let mut listed = Vec::new();
        let mut start: Option<Item> = None;
        while listed.len() < limit {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(range.index)
                .key_condition_expression("#list = :list AND #at BETWEEN :from AND :to")
                .expression_attribute_names("#list", range.attribute)
                .expression_attribute_names("#at", LISTED_AT)
                .expression_attribute_values(":list", text(value))
                .expression_attribute_values(":from", text(&range.from))
                .expression_attribute_values(":to", AttributeValue::S(to.to_owned()))
                .scan_index_forward(order == Order::OldestFirst)
                .limit(i32::try_from(limit - listed.len() + 2).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service(operation, &error))?;
            let items = answer.items.unwrap_or_default();
            let texts = items.iter().filter_map(|item| text_of(item, LISTED_AT)).map(str::to_owned);
            // BETWEEN includes its ends; a cursor excludes the entry it names.
            listed.extend(texts.filter(|entry| entry != to && *entry != range.from));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        listed.truncate(limit);
        Ok(listed)
    }
}

/// The UTC days that a span of time touches, the latest first.
fn days(from: Timestamp, to: Timestamp) -> Vec<String> {
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
fn bound(at: Timestamp) -> String {
    format!("{:013}", at.as_millisecond())
}

/// In which order a list is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

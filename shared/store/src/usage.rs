//! What a business did: counted from its lists, so that nothing has to be written for it. A day's count is kept for a while and
//! counted on from where it was; usage of a month is read when somebody asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use domain::Timestamp;
use domain::business::quotas::{Day, DayCount, Quotas};
use domain::business::usage::Usage;
use domain::ids::BusinessId;
use domain::link::LinkFacts;
use futures_util::future::{try_join, try_join_all};
use jiff::SignedDuration;
use lru::LruCache;

use crate::BusinessStore;
use crate::cached::BUSINESSES;
use crate::error::StoreError;
use crate::facts;
use crate::item::{Item, text, text_of};
use crate::keys::{self, BY_STATE, BY_STATE_INDEX, FACTS, LISTED_AT};
use crate::lists::{bound, listed_since, months};

/// A count is used for this long.
const COUNTED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// What lies further back than this is in the index by now, and is not counted again.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// What was not counted yet is counted in spans of this length, all at once.
const SPAN: SignedDuration = SignedDuration::from_hours(6);

/// What a process has counted of the businesses that it served last.
#[derive(Debug)]
pub(crate) struct DayCounts(Mutex<LruCache<BusinessId, Arc<tokio::sync::Mutex<Option<Counted>>>>>);

impl Default for DayCounts {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(BUSINESSES)))
    }
}

/// What a business has done in a day.
#[derive(Debug)]
struct Counted {
    day: Day,
    at: Timestamp,
    /// What lies before this instant is counted for good.
    settled_to: Timestamp,
    settled: DayCount,
    recent: DayCount,
    /// What this process did since it counted.
    since: DayCount,
}

impl BusinessStore {
    /// What the business has done in this day as far as its quotas ask for it: a minute old at most, and with all that this
    /// process did itself.
    pub async fn done_in(&self, day: Day, quotas: &Quotas, now: Timestamp) -> Result<DayCount, StoreError> {
        if !quotas.bound_a_day() {
            return Ok(DayCount::default());
        }
        let entry = self.day_count();
        let mut known = entry.lock().await;
        let before = known.take().filter(|counted| counted.day == day);
        let fresh_to = before.as_ref().and_then(|counted| counted.at.checked_add(COUNTED_FOR).ok());
        let counted = match before {
            Some(counted) if fresh_to.is_some_and(|fresh_to| now < fresh_to) => counted,
            before => self.count(day, before, quotas, now).await?,
        };
        let done = counted.settled + counted.recent + counted.since;
        *known = Some(counted);
        Ok(done)
    }

    /// Remembers what this process did, until it is counted.
    pub async fn note_done(&self, done: DayCount) {
        if let Some(counted) = self.day_count().lock().await.as_mut() {
            counted.since = counted.since + done;
        }
    }

    fn day_count(&self) -> Arc<tokio::sync::Mutex<Option<Counted>>> {
        let mut counts = self.store.memory.day_counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counts.get_or_insert(self.business.clone(), Arc::default))
    }

    async fn count(
        &self,
        day: Day,
        before: Option<Counted>,
        quotas: &Quotas,
        now: Timestamp,
    ) -> Result<Counted, StoreError> {
        let (settled_to, settled) =
            before.map_or((day.from, DayCount::default()), |counted| (counted.settled_to, counted.settled));
        let cut = now.checked_sub(SETTLED_AFTER).unwrap_or(now).clamp(settled_to, day.to);
        let older = try_join_all(spans(settled_to, cut).map(|(from, to)| self.done_between(from, to, quotas)));
        let (older, recent) = try_join(older, self.done_between(cut, day.to, quotas)).await?;
        let settled = older.into_iter().fold(settled, |sum, more| sum + more);
        Ok(Counted { day, at: now, settled_to: cut, settled, recent, since: DayCount::default() })
    }

    async fn done_between(&self, from: Timestamp, to: Timestamp, quotas: &Quotas) -> Result<DayCount, StoreError> {
        let configuration = self.configuration().await?;
        let (links, messages) = (quotas.links_per_day.is_some(), quotas.messages_per_day.is_some());
        let count_all = |lists: Vec<String>| async move {
            let counts = try_join_all(lists.iter().map(|list| self.entries_between(list, from, to))).await?;
            Ok::<u64, StoreError>(counts.iter().sum())
        };
        let (mut lists_of_links, mut lists_of_messages) = (Vec::new(), Vec::new());
        for shard in configuration.shards().all() {
            if links {
                lists_of_links.push(keys::live(&self.business, shard));
            }
            for month in months(from, to) {
                if links {
                    lists_of_links.push(keys::over(&self.business, &month.name, shard));
                }
                if messages {
                    lists_of_messages.push(keys::messages_of_month(&self.business, &month.name, shard));
                }
            }
        }
        let (links, messages) = try_join(count_all(lists_of_links), count_all(lists_of_messages)).await?;
        Ok(DayCount { links, messages })
    }

    async fn entries_between(&self, list: &str, from: Timestamp, to: Timestamp) -> Result<u64, StoreError> {
        let (mut count, mut start) = (0, None);
        loop {
            let answer = self
                .entries_of(list, from, to)
                .select(Select::Count)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service("count what a business did", &error))?;
            count += u64::try_from(answer.count).unwrap_or_default();
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(count);
            }
        }
    }

    /// What the business used between these instants, the end exclusive: all its entries of that time are read.
    pub async fn usage(&self, from: Timestamp, to: Timestamp, now: Timestamp) -> Result<Usage, StoreError> {
        let configuration = self.fresh_configuration().await?;
        let (shards, since) = listed_since(&configuration);
        let from = from.max(since);
        let mut usage = Usage::default();
        if from >= to {
            return Ok(usage);
        }
        let months = months(from, to);
        let of_months = |list: fn(&BusinessId, &str, u8) -> String| -> Vec<String> {
            let name = |shard: u8| months.iter().map(move |month| list(&self.business, &month.name, shard));
            shards.all().flat_map(name).collect()
        };
        let live: Vec<String> = shards.all().map(|shard| keys::live(&self.business, shard)).collect();
        // A link that ends meanwhile moves from what is live to what is over. Read in this order it is in one of them or in
        // both, and it is counted once.
        let mut links: HashMap<String, LinkFacts> = HashMap::new();
        for entry in self.all_of(&live, from, to).await? {
            links.extend(place_and_facts(&entry).and_then(|(place, facts)| Some((place, facts::read(facts)?))));
        }
        let over = of_months(keys::over);
        let (receipts, messages) = (of_months(keys::receipts_of_month), of_months(keys::messages_of_month));
        let (over, (receipts, messages)) = try_join(
            self.all_of(&over, from, to),
            try_join(self.all_of(&receipts, from, to), self.all_of(&messages, from, to)),
        )
        .await?;
        for entry in over {
            links.extend(place_and_facts(&entry).and_then(|(place, facts)| Some((place, facts::read(facts)?))));
        }
        for facts in links.values() {
            usage.add_link(facts.mode, facts.status_at(now), facts.amount);
        }
        for (mode, money) in receipts.iter().filter_map(|entry| facts::read_receipt(text_of(entry, FACTS)?)) {
            usage.add_receipt(mode, money);
        }
        for message in messages.iter().filter_map(|entry| facts::read_message(text_of(entry, FACTS)?)) {
            usage.add_message(message);
        }
        Ok(usage)
    }

    /// All entries of these lists, which are read side by side.
    async fn all_of(&self, lists: &[String], from: Timestamp, to: Timestamp) -> Result<Vec<Item>, StoreError> {
        let read = try_join_all(lists.iter().map(|list| self.whole_list(list, from, to))).await?;
        Ok(read.into_iter().flatten().collect())
    }

    async fn whole_list(&self, list: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Item>, StoreError> {
        let (mut entries, mut start) = (Vec::new(), None);
        loop {
            let answer = self
                .entries_of(list, from, to)
                .projection_expression("#at, #facts")
                .expression_attribute_names("#facts", FACTS)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service("read what a business used", &error))?;
            entries.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(entries);
            }
        }
    }

    fn entries_of(
        &self,
        list: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.store
            .client
            .query()
            .table_name(&self.store.table)
            .index_name(BY_STATE_INDEX)
            .key_condition_expression("#list = :list AND #at BETWEEN :from AND :to")
            .expression_attribute_names("#list", BY_STATE)
            .expression_attribute_names("#at", LISTED_AT)
            .expression_attribute_values(":list", text(list))
            // An entry is never a bound, which has no id behind its time.
            .expression_attribute_values(":from", AttributeValue::S(bound(from)))
            .expression_attribute_values(":to", AttributeValue::S(bound(to)))
    }
}

fn place_and_facts(entry: &Item) -> Option<(String, &str)> {
    Some((text_of(entry, LISTED_AT)?.to_owned(), text_of(entry, FACTS)?))
}

/// A time in spans of a few hours.
fn spans(from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let mut next = from;
    std::iter::from_fn(move || {
        let begin = next;
        next = begin.checked_add(SPAN).unwrap_or(to).min(to);
        (begin < to).then_some((begin, next))
    })
}

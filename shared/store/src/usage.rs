//! What a business did: counted from its lists, so that nothing has to be written for it. A day's count is kept for a while and
//! counted on from where it was; usage of a month is read when somebody asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use domain::Timestamp;
use domain::business::quotas::{Day, DayCount, Quotas};
use domain::business::usage::Usage;
use domain::ids::BusinessId;
use domain::link::{LinkFacts, ReceiptKindName};
use domain::records::shards::Shards;
use futures_util::future::{try_join, try_join_all};
use jiff::SignedDuration;
use lru::LruCache;

use crate::BusinessStore;
use crate::cached::BUSINESSES;
use crate::error::StoreError;
use crate::facts;
use crate::item::{text, text_of};
use crate::keys::{self, BY_STATE, BY_STATE_INDEX, FACTS, LISTED_AT};
use crate::lists::{Month, bound, listed_since, months};

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

/// What a business has done in a day, of what is counted.
#[derive(Debug)]
struct Counted {
    day: Day,
    kinds: Kinds,
    at: Timestamp,
    /// What lies before this instant is counted for good.
    settled_to: Timestamp,
    settled: DayCount,
    recent: DayCount,
    /// What this process did since it counted.
    since: DayCount,
}

impl Counted {
    fn done(&self) -> DayCount {
        self.settled + self.recent + self.since
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.at.checked_add(COUNTED_FOR).is_ok_and(|fresh_to| now < fresh_to)
    }
}

/// What is counted of a business: what it has a quota of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds {
    links: bool,
    messages: bool,
}

impl Kinds {
    /// Whether all of these are among them.
    fn has(self, others: Self) -> bool {
        self.links >= others.links && self.messages >= others.messages
    }
}

impl BusinessStore {
    /// What the business has done in this day as far as its quotas ask for it: a minute old at most, and with all that this
    /// process did itself. Where that cannot be counted, it is what was counted last: a quota may be late, and nobody is
    /// refused for trouble of ours.
    pub async fn done_in(&self, day: Day, quotas: &Quotas, now: Timestamp) -> DayCount {
        if !quotas.bound_a_day() {
            return DayCount::default();
        }
        let kinds = Kinds { links: quotas.links_per_day.is_some(), messages: quotas.messages_per_day.is_some() };
        let entry = self.day_count();
        let mut known = entry.lock().await;
        let before = known.as_ref().filter(|counted| counted.day == day && counted.kinds.has(kinds));
        // Whoever asks for less leaves what others ask for.
        let kinds = before.map_or(kinds, |counted| counted.kinds);
        if let Some(counted) = before
            && counted.is_fresh(now)
        {
            return counted.done();
        }
        match self.count(day, kinds, before, now).await {
            Ok(counted) => known.insert(counted).done(),
            Err(error) => {
                let business_id = &self.business;
                tracing::warn!(%business_id, error = %error, "What a business did today could not be counted.");
                before.map(Counted::done).unwrap_or_default()
            }
        }
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
        kinds: Kinds,
        before: Option<&Counted>,
        now: Timestamp,
    ) -> Result<Counted, StoreError> {
        let (settled_to, settled) =
            before.map_or((day.from, DayCount::default()), |counted| (counted.settled_to, counted.settled));
        let cut = now.checked_sub(SETTLED_AFTER).unwrap_or(now).clamp(settled_to, day.to);
        let older = try_join_all(spans(settled_to, cut).map(|(from, to)| self.done_between(from, to, kinds)));
        let (older, recent) = try_join(older, self.done_between(cut, day.to, kinds)).await?;
        let settled = older.into_iter().fold(settled, |sum, more| sum + more);
        Ok(Counted { day, kinds, at: now, settled_to: cut, settled, recent, since: DayCount::default() })
    }

    async fn done_between(&self, from: Timestamp, to: Timestamp, kinds: Kinds) -> Result<DayCount, StoreError> {
        let configuration = self.configuration().await?;
        let (shards, months) = (configuration.spread().read(), months(from, to));
        let of_months = |list| self.lists_of_months(list, &months, shards);
        let count_all = |lists: Vec<String>| async move {
            let counts = try_join_all(lists.iter().map(|list| self.entries_between(list, from, to))).await?;
            Ok::<u64, StoreError>(counts.iter().sum())
        };
        let links = async {
            if !kinds.links {
                return Ok(0);
            }
            // A link that ends meanwhile is counted twice rather than not at all.
            let live = count_all(shards.all().map(|shard| keys::live(&self.business, shard)).collect()).await?;
            Ok(live + count_all(of_months(keys::over)).await?)
        };
        let messages = async {
            if !kinds.messages {
                return Ok(0);
            }
            count_all(of_months(keys::messages_of_month)).await
        };
        let (links, messages) = try_join(links, messages).await?;
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

    /// What the business used between these instants, the end exclusive. All its entries of that time are read, and counted
    /// page by page.
    pub async fn usage(&self, from: Timestamp, to: Timestamp, now: Timestamp) -> Result<Usage, StoreError> {
        let configuration = self.fresh_configuration().await?;
        let (shards, since) = listed_since(&configuration);
        let from = from.max(since);
        if from >= to {
            return Ok(Usage::default());
        }
        let months = months(from, to);
        let of_months = |list| self.lists_of_months(list, &months, shards);
        let usage = Mutex::new(Usage::default());
        let add = |add: &dyn Fn(&mut Usage)| add(&mut usage.lock().unwrap_or_else(PoisonError::into_inner));
        // A link that ends meanwhile moves from what is live to what is over. Read in this order it is in one of them or in
        // both, and it is counted once, as it is in the end.
        let live: Mutex<HashMap<String, LinkFacts>> = Mutex::default();
        let lists = shards.all().map(|shard| keys::live(&self.business, shard)).collect();
        self.each_of(lists, from, to, |place, facts| {
            let known = facts::read(facts).map(|facts| (place.to_owned(), facts));
            live.lock().unwrap_or_else(PoisonError::into_inner).extend(known);
        })
        .await?;
        let add_link = |facts: &LinkFacts| add(&|usage| usage.add_link(facts.mode, facts.status_at(now), facts.amount));
        let over = self.each_of(of_months(keys::over), from, to, |place, facts| {
            live.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
            facts::read(facts).iter().for_each(&add_link);
        });
        let receipts = self.each_of(of_months(keys::receipts_of_month), from, to, |_, facts| {
            let receipt = facts::read_receipt(facts);
            let payment = receipt.filter(|receipt| receipt.kind == ReceiptKindName::Payment);
            payment.into_iter().for_each(|receipt| add(&|usage| usage.add_receipt(receipt.mode, receipt.money)));
        });
        // A message that only waits has no facts.
        let messages = self.each_of(of_months(keys::messages_of_month), from, to, |_, facts| {
            facts::read_message(facts).into_iter().for_each(|message| add(&|usage| usage.add_message(message)));
        });
        try_join(over, try_join(receipts, messages)).await?;
        live.into_inner().unwrap_or_else(PoisonError::into_inner).values().for_each(&add_link);
        Ok(usage.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The partitions of a list that has one for each month.
    fn lists_of_months(
        &self,
        list: fn(&BusinessId, &str, u8) -> String,
        months: &[Month],
        shards: Shards,
    ) -> Vec<String> {
        let of_shard = |shard: u8| months.iter().map(move |month| list(&self.business, &month.name, shard));
        shards.all().flat_map(of_shard).collect()
    }

    /// Hands over place and facts of every entry of these lists, which are read side by side.
    async fn each_of(
        &self,
        lists: Vec<String>,
        from: Timestamp,
        to: Timestamp,
        take: impl Fn(&str, &str),
    ) -> Result<(), StoreError> {
        try_join_all(lists.iter().map(|list| self.each_of_one(list, from, to, &take))).await.map(drop)
    }

    async fn each_of_one(
        &self,
        list: &str,
        from: Timestamp,
        to: Timestamp,
        take: impl Fn(&str, &str),
    ) -> Result<(), StoreError> {
        let mut start = None;
        loop {
            let answer = self
                .entries_of(list, from, to)
                .projection_expression("#at, #facts")
                .expression_attribute_names("#facts", FACTS)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service("read what a business used", &error))?;
            for entry in answer.items.unwrap_or_default() {
                if let (Some(place), Some(facts)) = (text_of(&entry, LISTED_AT), text_of(&entry, FACTS)) {
                    take(place, facts);
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// The entries of a list between two instants, the end exclusive.
    pub(crate) fn entries_of(
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

/// A time in spans of a few hours.
fn spans(from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let mut next = from;
    std::iter::from_fn(move || {
        let begin = next;
        next = begin.checked_add(SPAN).unwrap_or(to).min(to);
        (begin < to).then_some((begin, next))
    })
}

//! Sums over a business's links and receipts, for crm-api: added up from its lists, and kept by day so that a day is read
//! once.
//!
//! Nothing is written for sums when a link is made or paid. What a list says is read, and what was added up of a day lies in
//! the partition `totals#{business}` as long as it stands, which the domain decides. A row of links holds what was over of
//! a day; what is live is read each time, and added to it. deliver-messages leaves a mark there before it records that a
//! link was paid which may have been over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::Timestamp;
use domain::business::totals::{
    Aspect, Day, DayOfLinks, DayOfReceipts, Funnel, LinkKey, LinkStep, LinkSums, LiveSet, Overdue, ReceiptKey,
    ReceiptSums, Received, Sum, Totals, currency_code, is_ended,
};
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, BusinessId, LinkId, ReceiptId};
use domain::link::{LinkEvent, LinkFacts, PaymentLink, Receipt, ReceiptFacts};
use futures_util::future::{try_join, try_join_all, try_join3};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::item::{Item, key, number, number_of, text, text_of};
use crate::keys::{self, FACTS, Key, LISTED_AT, PK, SK};
use crate::lists::{listed_since, months};
use crate::table::Condition;
use crate::{BusinessStore, Configuration, Store, facts};

const READ: &str = "add up what a business has";

/// At most this many days in a row are read together, and kept before others are begun.
const DAYS_AT_A_TIME: usize = 7;

/// So many links are read with one call.
const LINKS_AT_A_TIME: usize = 100;

/// So many lists are read at once. An answer of DynamoDB has up to a megabyte, and each is held while it is read.
const CONCURRENCY: usize = 8;

/// A day whose sums take more than this is added up anew each time. DynamoDB takes no item of more than 400 KB.
const LARGEST_ROW: usize = 300_000;

/// At most this many answers of kept rows are read of links, and as many of receipts, each up to a megabyte. A year of a few
/// accounts is a quarter of one.
const MOST_ANSWERS_OF_ROWS: usize = 8;

/// Instead of a word that there is none of.
const NONE: &str = "~";

/// The attributes of a row beside its key.
const BEGINS: &str = "begins";
const ENDS: &str = "ends";
const READ_AT: &str = "read_at";
const SAME_SINCE: &str = "same_since";
const LIVE: &str = "live";
const SUMS: &str = "sums";
/// When a mark was left.
const CHANGED_AT: &str = "changed_at";

/// What is to be added up.
#[derive(Clone, Debug)]
pub struct TotalsQuery {
    /// Days of the business's time zone, both among them.
    pub from: Date,
    pub to: Date,
    /// By what links are told apart.
    pub aspect: Aspect,
    /// Whether they are told apart by the day on which they were made, too.
    pub by_day: bool,
    pub now: Timestamp,
    /// Nothing new is read after this.
    pub until: Instant,
    /// At most this many live links are added up, and at most this many links of a day where there is no time for more:
    /// what is live and what is of a day is read within one call.
    pub most: usize,
}

/// What became of adding up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TotalsRead {
    Whole(Box<Totals>),
    /// There was no time for all of it. Each day that was added up whole is kept, and whoever asks again goes on from there.
    NotYet,
    /// There is never time for all of it, however often somebody asks.
    TooMany(TooMany),
}

/// Of what there are more than one call can add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    LiveLinks,
    /// Live links of which several dated parts are due, each of which is read itself.
    LiveLinksInParts,
    /// Links that were made, or receipts that were registered, on this day.
    OfDay(Date),
    /// Sums that the days have together, told apart as they were asked for.
    Sums,
}

/// How far a part of a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Whole,
    NotYet,
    TooMany(TooMany),
}

impl Progress {
    /// Of two parts together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::TooMany(what), _) | (_, Self::TooMany(what)) => Self::TooMany(what),
            (Self::NotYet, _) | (_, Self::NotYet) => Self::NotYet,
            (Self::Whole, Self::Whole) => Self::Whole,
        }
    }

    /// What a call has to answer that came no further. `None` where it goes on.
    fn ends(self) -> Option<TotalsRead> {
        match self {
            Self::Whole => None,
            Self::NotYet => Some(TotalsRead::NotYet),
            Self::TooMany(what) => Some(TotalsRead::TooMany(what)),
        }
    }
}

/// A live link, as far as it counts.
struct LiveLink {
    date: Date,
    key: usize,
    step: LinkStep,
    /// What is left to pay of an active link, by how long it has been due.
    dues: Vec<(Overdue, i64)>,
}

/// What is live, while it is held against what is over: of a link that moves meanwhile what is over counts.
#[derive(Default)]
struct Live {
    links: HashMap<u128, LiveLink>,
    of_day: BTreeMap<Date, LiveSet>,
    keys: Vec<(LinkKey, Option<LinkId>)>,
    numbers: BTreeMap<LinkKey, usize>,
}

impl Live {
    fn number_of(&mut self, key: LinkKey, id: Option<LinkId>) -> usize {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.keys.len();
        self.keys.push((key.clone(), id));
        self.numbers.insert(key, number);
        number
    }

    fn add(&mut self, place: &str, link: LiveLink) {
        let hash = hash_of(place);
        let date = link.date;
        // A link that moves from one page to another while they are read is there once.
        if self.links.insert(hash, link).is_none() {
            self.of_day.entry(date).or_default().add(hash);
        }
    }

    fn remove(&mut self, place: &str) {
        let hash = hash_of(place);
        if let Some(link) = self.links.remove(&hash)
            && let Some(set) = self.of_day.get_mut(&link.date)
        {
            set.remove(hash);
        }
    }

    fn of(&self, date: Date) -> LiveSet {
        self.of_day.get(&date).copied().unwrap_or_default()
    }
}

/// What tells a link from every other.
fn hash_of(place: &str) -> u128 {
    Sha256::digest(place.as_bytes()).iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

/// What is read to be added up, all of it of days in a row.
enum Span {
    Links(Vec<Day>),
    Receipts(Vec<Day>),
}

/// A call while it adds up.
struct Adding<'a> {
    store: &'a BusinessStore,
    configuration: &'a Configuration,
    query: &'a TotalsQuery,
    zone: TimeZone,
    live: Mutex<Live>,
    /// What was kept of days whose links have to be added up again.
    before: BTreeMap<Date, DayOfLinks>,
    totals: Mutex<Totals>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Leaves a mark where a link may have been over before this event of it. It is left before the event is recorded, so
    /// that it is there once anybody can know of the event.
    pub async fn mark_late_payment(
        &self,
        link: &PaymentLink,
        event: &LinkEvent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if !link.was_over_before(event) {
            return Ok(());
        }
        let at = keys::late_payment(link.business(), &keys::day_of(link.created_at()));
        self.put("mark a late payment", mark(at, now)).await
    }

    /// Says that something of a business came back from a copy, so that what was added up while it was lost counts no more.
    pub(crate) async fn mark_restored(&self, business: &BusinessId, now: Timestamp) -> Result<(), StoreError> {
        self.put("mark what a restore changes", mark(keys::restored_of(business), now)).await
    }
}

fn mark(at: Key, now: Timestamp) -> Item {
    let mut item = key(at);
    item.insert(CHANGED_AT.to_owned(), number(now.as_millisecond()));
    item
}

impl BusinessStore {
    /// What the business's links that were made on these days add up to, the money that its books have on them, and what is
    /// due now of all its links. Whole days are those of the business's zone.
    pub async fn totals(&self, configuration: &Configuration, query: &TotalsQuery) -> Result<TotalsRead, StoreError> {
        let zone = configuration.settings.zone();
        let (_, since) = listed_since(configuration);
        let first = query.from.max(zone.to_datetime(since).date());
        let today = zone.to_datetime(query.now).date();
        let of_links = days(&zone, first, query.to.min(today));
        // A receipt is registered on the day by which books go or later.
        let of_receipts = days(&zone, first, today);
        let mut adding = Adding {
            store: self,
            configuration,
            query,
            zone,
            live: Mutex::default(),
            before: BTreeMap::new(),
            totals: Mutex::default(),
        };
        let (live, (marks, late), restored) = try_join3(
            adding.read_live(),
            self.late_payments(&of_links, query.until),
            self.store.get(READ, keys::restored_of(&self.business)),
        )
        .await?;
        let restored = restored.as_ref().and_then(|item| instant_of(item, CHANGED_AT));
        if let Some(end) = live.and(marks).ends() {
            return Ok(end);
        }
        // What was kept is judged as it arrives, so that only what counts is held.
        let kept =
            try_join(adding.kept_links(&of_links, &late, restored), adding.kept_receipts(&of_receipts, restored));
        let ((of_kept, KeptLinks { stand, before }), (of_kept_receipts, receipts_stand)) = kept.await?;
        if let Some(end) = of_kept.and(of_kept_receipts).ends() {
            return Ok(end);
        }
        adding.before = before;
        let left = |days: &[Day], stand: &BTreeSet<Date>| -> Vec<Day> {
            days.iter().filter(|day| !stand.contains(&day.date)).copied().collect()
        };
        let (links_to_read, receipts_to_read) = (left(&of_links, &stand), left(&of_receipts, &receipts_stand));
        let spans = spans(&links_to_read).map(Span::Links).chain(spans(&receipts_to_read).map(Span::Receipts));
        match adding.read_all(spans.collect()).await?.ends() {
            Some(end) => Ok(end),
            None => Ok(TotalsRead::Whole(Box::new(adding.finished()))),
        }
    }

    /// When a mark was last left of links that were made on these days, by the day of UTC. Whoever knows of what a mark is
    /// left for finds it.
    async fn late_payments(&self, days: &[Day], until: Instant) -> Result<(Progress, Marks), StoreError> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Ok((Progress::Whole, Marks::default()));
        };
        let sk = |at: Timestamp| keys::late_payment(&self.business, &keys::day_of(at)).sk;
        let mut marks = Marks::default();
        let take = |mark: Item| {
            let day = text_of(&mark, SK).and_then(|sk| sk.strip_prefix(keys::LATE)).map(str::to_owned);
            marks.0.extend(day.zip(instant_of(&mark, CHANGED_AT)));
        };
        let (from, to) = (sk(first.begins), sk(last.ends));
        let progress = self.totals_between((&from, &to), Reading::Consistent, until, take).await?;
        Ok((progress, marks))
    }

    /// Hands over what lies between two sort keys of the partition of sums, both among them.
    async fn totals_between(
        &self,
        (from, to): (&str, &str),
        reading: Reading,
        until: Instant,
        mut take: impl FnMut(Item),
    ) -> Result<Progress, StoreError> {
        let mut start = None;
        for _ in 0..MOST_ANSWERS_OF_ROWS {
            let answer = self
                .store
                .client
                .query()
                .table_name(&self.store.table)
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":pk", text(keys::totals_of(&self.business)))
                .expression_attribute_values(":from", text(from))
                .expression_attribute_values(":to", text(to))
                .consistent_read(reading == Reading::Consistent)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service(READ, &error))?;
            answer.items.unwrap_or_default().into_iter().for_each(&mut take);
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(Progress::Whole);
            }
            if Instant::now() >= until {
                return Ok(Progress::NotYet);
            }
        }
        Ok(Progress::TooMany(TooMany::Sums))
    }
}

/// Whether what was written a moment ago has to be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Consistent,
    /// A row that is not seen yet is added up again.
    Eventual,
}

/// When marks were last left, by the day of UTC on which links were made.
#[derive(Default)]
struct Marks(BTreeMap<String, Timestamp>);

impl Marks {
    /// The last one of the days of UTC that this day lies in.
    fn of(&self, day: &Day) -> Option<Timestamp> {
        let last_moment = day.ends.checked_sub(SignedDuration::from_millis(1)).unwrap_or(day.ends);
        self.0.range(keys::day_of(day.begins)..=keys::day_of(last_moment)).map(|(_, changed_at)| *changed_at).max()
    }
}

/// What was kept of links.
#[derive(Default)]
struct KeptLinks {
    /// The days whose rows stand and were added.
    stand: BTreeSet<Date>,
    before: BTreeMap<Date, DayOfLinks>,
}

/// What was read of lists.
struct ListsRead {
    /// Where that is whose facts were not taken: the record says what they are.
    untaken: Vec<String>,
    /// Everything before this was handed over.
    whole_until: Timestamp,
}

impl Adding<'_> {
    /// Adds what was kept of links and stands.
    async fn kept_links(
        &self,
        days: &[Day],
        late: &Marks,
        restored: Option<Timestamp>,
    ) -> Result<(Progress, KeptLinks), StoreError> {
        let mut kept = KeptLinks::default();
        let key_of = |day: &Day| self.links_key(day.date).sk;
        let read = self.each_kept(days, key_of, |day, item| {
            let Some((row, sums)) = read_links(day.date, &item) else { return };
            let live = lock(&self.live).of(day.date);
            if row.stands(day, live, late.of(day).max(restored), self.query.now) {
                self.add_links(day.date, &sums);
                kept.stand.insert(day.date);
            } else {
                kept.before.insert(day.date, row);
            }
        });
        Ok((read.await?, kept))
    }

    /// The same of receipts: the days whose rows stand.
    async fn kept_receipts(
        &self,
        days: &[Day],
        restored: Option<Timestamp>,
    ) -> Result<(Progress, BTreeSet<Date>), StoreError> {
        let mut stand = BTreeSet::new();
        let key_of = |day: &Day| self.receipts_key(day.date).sk;
        let read = self.each_kept(days, key_of, |day, item| {
            if let Some((row, sums)) = read_receipts(day.date, &item)
                && row.stands(day, restored)
            {
                lock(&self.totals).receipts.add_all(&sums);
                stand.insert(day.date);
            }
        });
        Ok((read.await?, stand))
    }

    /// Hands over the rows of these days, as far as they are there.
    async fn each_kept(
        &self,
        days: &[Day],
        sk: impl Fn(&Day) -> String,
        mut take: impl FnMut(&Day, Item),
    ) -> Result<Progress, StoreError> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Progress::Whole) };
        let of_date: BTreeMap<Date, &Day> = days.iter().map(|day| (day.date, day)).collect();
        let date_of = |row: &Item| text_of(row, SK)?.rsplit_once('#')?.1.parse::<Date>().ok();
        let range = (sk(first), sk(last));
        let until = self.query.until;
        let read = self.store.totals_between((&range.0, &range.1), Reading::Eventual, until, |row| {
            if let Some(day) = date_of(&row).and_then(|date| of_date.get(&date)) {
                take(day, row);
            }
        });
        read.await
    }

    fn links_key(&self, date: Date) -> Key {
        let zone = self.configuration.settings.time_zone.as_str();
        keys::links_of_day(&self.store.business, self.query.aspect, zone, date)
    }

    fn receipts_key(&self, date: Date) -> Key {
        keys::receipts_of_day(&self.store.business, self.configuration.settings.time_zone.as_str(), date)
    }

    fn add_links(&self, date: Date, sums: &LinkSums) {
        let date = if self.query.by_day { date } else { self.query.from };
        lock(&self.totals).links.entry(date).or_default().add_all(sums);
    }

    /// Everything that is live, with the day on which each was made.
    async fn read_live(&self) -> Result<Progress, StoreError> {
        let (shards, _) = listed_since(self.configuration);
        let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let lists: Vec<String> = shards.all().map(|shard| keys::live(&self.store.business, shard)).collect();
        let are_too_many = || lock(&self.live).links.len() > self.query.most;
        let take = |place: &str, facts: &str| {
            let Some(facts) = facts::read(facts).filter(|facts| !facts.is_due_in_parts) else { return false };
            self.add_live(place, &facts, &[(facts.due_at, facts.amount_due.minor_units())]);
            true
        };
        let read = self.each_of(&lists, (from, to), are_too_many, take).await?;
        let live = lock(&self.live).links.len() + read.untaken.len();
        if live > self.query.most {
            return Ok(Progress::TooMany(TooMany::LiveLinks));
        }
        if read.whole_until != to {
            return Ok(Progress::NotYet);
        }
        let is_whole = self.read_live_links(&read.untaken).await?;
        Ok(if is_whole { Progress::Whole } else { Progress::TooMany(TooMany::LiveLinksInParts) })
    }

    /// Adds live links of which their facts do not say enough. The answer is whether there was time for all of them: with the
    /// next call there would be no more.
    async fn read_live_links(&self, places: &[String]) -> Result<bool, StoreError> {
        let of_id: BTreeMap<LinkId, &str> = places.iter().filter_map(|place| Some((id_of(place)?, &**place))).collect();
        let ids: Vec<LinkId> = of_id.keys().cloned().collect();
        let of_id = &of_id;
        let reads = ids.chunks(LINKS_AT_A_TIME).map(|ids| async move {
            if Instant::now() >= self.query.until {
                return Ok(false);
            }
            let found = self.store.links(ids).await?;
            for link in &found {
                if let Some(place) = of_id.get(link.id()) {
                    self.add_live(place, &link.facts(), &link.dues());
                }
            }
            // One that is gone is none any more, and one that cannot be read must not be left out.
            for id in ids.iter().filter(|id| !found.iter().any(|link| link.id() == *id)) {
                self.store.link(id).await?;
            }
            Ok(true)
        });
        let reads: Vec<_> = reads.collect();
        let reads = stream::iter(reads).buffer_unordered(CONCURRENCY);
        reads.try_fold(true, |all, one| async move { Ok(all && one) }).await
    }

    /// Adds a live link with what is left to pay of it, in minor units, and until when.
    fn add_live(&self, place: &str, facts: &LinkFacts, dues: &[(Option<Timestamp>, i64)]) {
        let Some(made_at) = made_at(place) else { return };
        let now = self.query.now;
        let mut live = lock(&self.live);
        let key = live.number_of(LinkKey::of(facts, self.query.aspect), id_of(place));
        let is_active = facts.status_at(now) == domain::link::LinkStatusKind::Active;
        let today = self.zone.to_datetime(now).date();
        let link = LiveLink {
            date: self.zone.to_datetime(made_at).date(),
            key,
            step: LinkStep::of(facts, now),
            dues: dues
                .iter()
                .filter(|_| is_active)
                .map(|(due_at, amount)| (Overdue::at(*due_at, today, &self.zone), *amount))
                .collect(),
        };
        live.add(place, link);
    }

    /// Reads what has to be added up. Whatever time there is, the first page of some of it is read and its whole days are
    /// kept, so that whoever asks again comes further. The first days are read alone: beside others each of many links might
    /// have too little of a call, and be begun anew with every one.
    async fn read_all(&self, spans: Vec<Span>) -> Result<Progress, StoreError> {
        let (shards, _) = listed_since(self.configuration);
        let at_once = (CONCURRENCY / shards.all().count().max(1)).max(1);
        let read = |(number, span): (usize, Span)| async move {
            let is_late = number >= at_once && Instant::now() >= self.query.until;
            match span {
                _ if is_late => Ok::<Progress, StoreError>(Progress::NotYet),
                Span::Links(days) => self.read_links(&days).await,
                Span::Receipts(days) => self.read_receipts(&days).await,
            }
        };
        let mut spans = spans.into_iter().enumerate();
        let Some(first) = spans.next() else { return Ok(Progress::Whole) };
        let first = read(first).await?;
        if first != Progress::Whole {
            return Ok(first);
        }
        let reads: Vec<_> = spans.map(read).collect();
        let reads = stream::iter(reads).buffer_unordered(at_once);
        reads.try_fold(first, |all, one| async move { Ok(all.and(one)) }).await
    }

    /// What is over of links that were made on these days.
    async fn read_links(&self, days: &[Day]) -> Result<Progress, StoreError> {
        let (aspect, now) = (self.query.aspect, self.query.now);
        let sums: Mutex<BTreeMap<Date, LinkSums>> = Mutex::default();
        let add = |place: &str, facts: &LinkFacts| {
            let Some(date) = date_of(place, days) else { return };
            lock(&self.live).remove(place);
            let (key, step) = (LinkKey::of(facts, aspect), LinkStep::of(facts, now));
            lock(&sums).entry(date).or_default().add(&key, &step, || id_of(place));
        };
        let read = self.each_of_months(keys::over, days, |place, facts| {
            facts::read(facts).inspect(|facts| add(place, facts)).is_some()
        });
        let ListsRead { untaken, whole_until } = read.await?;
        for place in untaken {
            if let Some(link) = self.link_at(&place).await? {
                add(&place, &link.facts());
            }
        }
        let mut sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        let of_day =
            |date| sums.get(&date).map_or(0, |sums| sums.0.values().map(|(of, _)| of.created.count).sum::<u64>());
        let progress = self.progress(days, whole_until, of_day);
        let mut rows = Vec::new();
        for day in days.iter().filter(|day| day.ends <= whole_until) {
            let sums = sums.remove(&day.date).unwrap_or_default();
            self.add_links(day.date, &sums);
            if is_ended(day.ends, now) {
                let live = lock(&self.live).of(day.date);
                let row = DayOfLinks::new(*day, now, live, &sums, self.before.get(&day.date));
                rows.push(links_row(self.links_key(day.date), &row, &sums));
            }
        }
        Ok(self.keep(rows, progress).await)
    }

    /// Receipts that were registered on these days.
    async fn read_receipts(&self, days: &[Day]) -> Result<Progress, StoreError> {
        let (store, now) = (self.store, self.query.now);
        let sums: Mutex<BTreeMap<Date, ReceiptSums>> = Mutex::default();
        let add = |place: &str, facts: &ReceiptFacts| {
            if let Some(date) = date_of(place, days) {
                lock(&sums).entry(date).or_default().add(facts, &self.zone);
            }
        };
        let read = self.each_of_months(keys::receipts_of_month, days, |place, facts| {
            facts::read_receipt(facts).inspect(|facts| add(place, facts)).is_some()
        });
        let ListsRead { untaken, whole_until } = read.await?;
        for place in untaken {
            let id = keys::listed_id(&place).and_then(|id| ReceiptId::parse(id).ok());
            if let Some(id) = id
                && let Some(receipt) = store.receipt(&id).await?
            {
                add(&place, &Receipt::facts(&receipt));
            }
        }
        let mut sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        let of_day = |date| sums.get(&date).map_or(0, |sums| sums.0.values().map(|of| of.gross.count).sum::<u64>());
        let progress = self.progress(days, whole_until, of_day);
        let mut rows = Vec::new();
        for day in days.iter().filter(|day| day.ends <= whole_until) {
            let sums = sums.remove(&day.date).unwrap_or_default();
            lock(&self.totals).receipts.add_all(&sums);
            if is_ended(day.ends, now) {
                let row = DayOfReceipts { day: *day, read_at: now };
                rows.push(receipts_row(self.receipts_key(day.date), &row, &sums));
            }
        }
        Ok(self.keep(rows, progress).await)
    }

    /// How far days were read of which everything before an instant was: a day that was begun is whole with the next call
    /// unless it has more than a call has time for.
    fn progress(&self, days: &[Day], whole_until: Timestamp, of_day: impl Fn(Date) -> u64) -> Progress {
        let Some(begun) = days.iter().find(|day| day.ends > whole_until) else { return Progress::Whole };
        let is_first = days.first() == Some(begun);
        if is_first && of_day(begun.date) > u64::try_from(self.query.most).unwrap_or(u64::MAX) {
            return Progress::TooMany(TooMany::OfDay(begun.date));
        }
        Progress::NotYet
    }

    /// Keeps rows, but over none that was read later: that says what is so since then. One that cannot be kept is added up
    /// again. Where that is so of one that is too large, whoever asks again comes no further than these days came.
    async fn keep(&self, rows: Vec<Item>, progress: Progress) -> Progress {
        let is_small = |row: &Item| text_of(row, SUMS).is_some_and(|sums| sums.len() <= LARGEST_ROW);
        let are_all_kept = rows.iter().all(is_small);
        let read_at = number(self.query.now.as_millisecond());
        let puts = rows.into_iter().filter(is_small).map(|row| {
            let is_later =
                Condition::new("attribute_not_exists(#read_at) OR #read_at <= :now", [(":now", read_at.clone())]);
            self.store.store.put_if("keep what was added up", row, is_later.naming("#read_at", READ_AT))
        });
        if let Err(error) = try_join_all(puts).await {
            let business_id = &self.store.business;
            tracing::warn!(%business_id, error = %error, "What was added up could not be kept.");
        }
        if progress == Progress::NotYet && !are_all_kept { Progress::TooMany(TooMany::Sums) } else { progress }
    }

    async fn link_at(&self, place: &str) -> Result<Option<PaymentLink>, StoreError> {
        match id_of(place) {
            Some(id) => self.store.link(&id).await,
            None => Ok(None),
        }
    }

    /// Hands over what lists say that have a partition for each month, of these days.
    async fn each_of_months(
        &self,
        list: fn(&BusinessId, &str, u8) -> String,
        days: &[Day],
        take: impl Fn(&str, &str) -> bool,
    ) -> Result<ListsRead, StoreError> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else {
            return Ok(ListsRead { untaken: Vec::new(), whole_until: Timestamp::MAX });
        };
        let (shards, _) = listed_since(self.configuration);
        let of_shard = |shard: u8| {
            let months = months(first.begins, last.ends);
            months.into_iter().map(move |month| list(&self.store.business, &month.name, shard))
        };
        let lists: Vec<String> = shards.all().flat_map(of_shard).collect();
        self.each_of(&lists, (first.begins, last.ends), || false, take).await
    }

    /// Hands over place and facts of the entries of these lists between two instants, the end exclusive, each list in its
    /// order and one page of each at least, until there is no time or enough.
    async fn each_of(
        &self,
        lists: &[String],
        (from, to): (Timestamp, Timestamp),
        is_enough: impl Fn() -> bool,
        take: impl Fn(&str, &str) -> bool,
    ) -> Result<ListsRead, StoreError> {
        let left = Mutex::new(Vec::new());
        let (take, left_of, is_enough) = (&take, &left, &is_enough);
        let reads = lists.iter().map(|list| async move {
            let mut start = None;
            loop {
                let answer = self
                    .store
                    .entries_of(list, from, to)
                    .projection_expression("#at, #facts")
                    .expression_attribute_names("#facts", FACTS)
                    .set_exclusive_start_key(start)
                    .send()
                    .await
                    .map_err(|error| StoreError::service(READ, &error))?;
                for entry in answer.items.unwrap_or_default() {
                    let Some(place) = text_of(&entry, LISTED_AT) else { continue };
                    if !text_of(&entry, FACTS).is_some_and(|facts| take(place, facts)) {
                        lock(left_of).push(place.to_owned());
                    }
                }
                start = answer.last_evaluated_key;
                let Some(behind) = &start else { return Ok::<Timestamp, StoreError>(to) };
                if is_enough() || Instant::now() >= self.query.until {
                    return Ok(text_of(behind, LISTED_AT).and_then(made_at).unwrap_or(from));
                }
            }
        });
        let reads: Vec<_> = reads.collect();
        let reads = stream::iter(reads).buffer_unordered(CONCURRENCY);
        let whole_until = reads.try_fold(to, |whole, list| async move { Ok(whole.min(list)) }).await?;
        Ok(ListsRead { untaken: left.into_inner().unwrap_or_else(PoisonError::into_inner), whole_until })
    }

    /// All of it, with what is live.
    fn finished(self) -> Totals {
        let mut totals = self.totals.into_inner().unwrap_or_else(PoisonError::into_inner);
        let live = self.live.into_inner().unwrap_or_else(PoisonError::into_inner);
        let asked = self.query.from..=self.query.to;
        for link in live.links.values() {
            let Some((key, id)) = live.keys.get(link.key) else { continue };
            if asked.contains(&link.date) {
                let date = if self.query.by_day { link.date } else { self.query.from };
                totals.links.entry(date).or_default().add(key, &link.step, || id.clone());
            }
            totals.aging.add(key.mode, key.currency, &link.dues);
        }
        totals.receipts.0.retain(|key, _| asked.contains(&key.day));
        totals
    }
}

/// The days from one to another, both among them.
fn days(zone: &TimeZone, from: Date, to: Date) -> Vec<Day> {
    let begins = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).ok();
    let (mut days, mut date) = (Vec::new(), from);
    while date <= to {
        let Ok(next) = date.tomorrow() else { break };
        let Some((begins, ends)) = begins(date).zip(begins(next)) else { break };
        // Where a zone skipped a whole day, nothing was made on it.
        if begins < ends {
            days.push(Day { date, begins, ends });
        }
        date = next;
    }
    days
}

/// Days in spans of some that follow one another.
fn spans(days: &[Day]) -> impl Iterator<Item = Vec<Day>> {
    days.chunk_by(|one, next| one.ends == next.begins).flat_map(|row| row.chunks(DAYS_AT_A_TIME)).map(<[Day]>::to_vec)
}

/// When that was made or registered which stands at this place of a list.
fn made_at(place: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(place.split('#').next()?.parse().ok()?).ok()
}

/// The one of these days, which follow one another, on which that was made which stands at this place.
fn date_of(place: &str, days: &[Day]) -> Option<Date> {
    let made_at = made_at(place)?;
    let behind = days.partition_point(|day| day.begins <= made_at);
    days.get(behind.checked_sub(1)?).filter(|day| made_at < day.ends).map(|day| day.date)
}

fn id_of(place: &str) -> Option<LinkId> {
    LinkId::parse(keys::listed_id(place)?).ok()
}

fn instant_of(item: &Item, attribute: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(number_of(item, attribute)?).ok()
}

fn row(at: Key, day: &Day, read_at: Timestamp, sums: String) -> Item {
    let mut item = key(at);
    item.insert(BEGINS.to_owned(), number(day.begins.as_millisecond()));
    item.insert(ENDS.to_owned(), number(day.ends.as_millisecond()));
    item.insert(READ_AT.to_owned(), number(read_at.as_millisecond()));
    item.insert(SUMS.to_owned(), text(sums));
    item
}

/// The day of a row as it lay when it was read, and when that was.
fn day_of_row(date: Date, item: &Item) -> Option<(Day, Timestamp)> {
    let day = Day { date, begins: instant_of(item, BEGINS)?, ends: instant_of(item, ENDS)? };
    Some((day, instant_of(item, READ_AT)?))
}

/// Sums are written as a text, a line for each, because a row is paid for by its size: `{mode} {currency} {word} {link}` and
/// count and amount of each step of the funnel.
fn links_row(at: Key, read: &DayOfLinks, sums: &LinkSums) -> Item {
    let line = |(key, (funnel, id)): (&LinkKey, &(Funnel, Option<LinkId>))| {
        let Funnel { created, opened, begun, active, paid, expired, cancelled, replaced } = *funnel;
        let sums = [created, opened, begun, active, paid, expired, cancelled, replaced].map(written).join(" ");
        let word = if key.word.is_empty() { NONE } else { &key.word };
        let id = id.as_ref().map_or(NONE, LinkId::as_str);
        format!("{} {} {word} {id} {sums}", key.mode.as_str(), key.currency)
    };
    let sums: Vec<String> = sums.0.iter().map(line).collect();
    let mut item = row(at, &read.day, read.read_at, sums.join("\n"));
    item.insert(SAME_SINCE.to_owned(), number(read.same_since.as_millisecond()));
    item.insert(LIVE.to_owned(), text(format!("{:x}.{:032x}", read.live.count, read.live.hashes)));
    item
}

/// What is in [`links_row`]. What cannot be read is added up again.
fn read_links(date: Date, item: &Item) -> Option<(DayOfLinks, LinkSums)> {
    let (count, hashes) = text_of(item, LIVE)?.split_once('.')?;
    let live = LiveSet { count: u64::from_str_radix(count, 16).ok()?, hashes: u128::from_str_radix(hashes, 16).ok()? };
    let line = |line: &str| {
        let mut parts = line.split(' ');
        let mode = Mode::parse(parts.next()?).ok()?;
        let currency = currency_code(parts.next()?)?;
        let word = parts.next().map(|word| if word == NONE { String::new() } else { word.to_owned() })?;
        let id = LinkId::parse(parts.next()?).ok();
        let mut sum = || Some(Sum { count: parts.next()?.parse().ok()?, amount: parts.next()?.parse().ok()? });
        let funnel = Funnel {
            created: sum()?,
            opened: sum()?,
            begun: sum()?,
            active: sum()?,
            paid: sum()?,
            expired: sum()?,
            cancelled: sum()?,
            replaced: sum()?,
        };
        Some((LinkKey { mode, currency, word }, (funnel, id)))
    };
    let sums: Option<BTreeMap<_, _>> = text_of(item, SUMS)?.lines().map(line).collect();
    let (day, read_at) = day_of_row(date, item)?;
    let (same_since, sums) = (instant_of(item, SAME_SINCE)?, LinkSums(sums?));
    Some((DayOfLinks { day, read_at, same_since, live, sums: sums.fingerprint() }, sums))
}

/// In place of a gateway where money went by none.
const NO_GATEWAY: &str = "~";

/// `{mode} {currency} {day} {account} {gateway}`, and count and amount of what was received, of what went back and of fees.
fn receipts_row(at: Key, read: &DayOfReceipts, sums: &ReceiptSums) -> Item {
    let line = |(key, received): (&ReceiptKey, &Received)| {
        let ReceiptKey { mode, currency, day, account, gateway } = key;
        let Received { gross, refunded, voided, fees } = *received;
        let sums = [gross, refunded, voided, fees].map(written).join(" ");
        let gateway = gateway.map_or(NO_GATEWAY, GatewayKind::as_str);
        format!("{} {currency} {day} {account} {gateway} {sums}", mode.as_str())
    };
    let sums: Vec<String> = sums.0.iter().map(line).collect();
    row(at, &read.day, read.read_at, sums.join("\n"))
}

/// What is in [`receipts_row`].
fn read_receipts(date: Date, item: &Item) -> Option<(DayOfReceipts, ReceiptSums)> {
    let line = |line: &str| {
        let mut parts = line.split(' ');
        let key = ReceiptKey {
            mode: Mode::parse(parts.next()?).ok()?,
            currency: currency_code(parts.next()?)?,
            day: parts.next()?.parse().ok()?,
            account: AccountId::parse(parts.next()?).ok()?,
            gateway: match parts.next()? {
                NO_GATEWAY => None,
                gateway => Some(GatewayKind::parse(gateway).ok()?),
            },
        };
        let mut sum = || Some(Sum { count: parts.next()?.parse().ok()?, amount: parts.next()?.parse().ok()? });
        Some((key, Received { gross: sum()?, refunded: sum()?, voided: sum()?, fees: sum()? }))
    };
    let sums: Option<BTreeMap<_, _>> = text_of(item, SUMS)?.lines().map(line).collect();
    let (day, read_at) = day_of_row(date, item)?;
    Some((DayOfReceipts { day, read_at }, ReceiptSums(sums?)))
}

fn written(sum: Sum) -> String {
    format!("{} {}", sum.count, sum.amount)
}

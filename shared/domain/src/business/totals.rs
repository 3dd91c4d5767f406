//! Sums over the links and receipts of a business, and which of them may be kept.
//!
//! Sums are made of what lists say of each link and receipt (their facts) and of nothing else. What was added up for a day
//! is kept with a [`DayOfLinks`] or a [`DayOfReceipts`] and used again where it still stands; this file decides when that is.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::gateway::{GatewayKind, Mode};
use crate::ids::{AccountId, LinkId};
use crate::link::{LinkFacts, LinkStatusKind, ReceiptFacts, ReceiptKindName};
use crate::money::Currency;

/// The index of lists shows every write after this long, and clocks differ by less.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What was added up this long ago is as good as if it had been read now, for whoever adds up over several calls.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(10);

/// How many, and how much money they are about, in minor units of a currency that stands beside it. It is exact, however
/// large the amounts are and however many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub count: u64,
    pub amount: i128,
}

impl Sum {
    fn add(&mut self, amount: i64) {
        *self += Self { count: 1, amount: i128::from(amount) };
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.amount += other.amount;
    }
}

/// How far links came. All of them were created; each has one status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funnel {
    pub created: Sum,
    /// A person opened them.
    pub opened: Sum,
    /// A session was opened at a gateway.
    pub begun: Sum,
    pub active: Sum,
    pub paid: Sum,
    pub expired: Sum,
    pub cancelled: Sum,
    /// Another link took their place.
    pub replaced: Sum,
}

impl Funnel {
    fn add(&mut self, step: &LinkStep) {
        let LinkStep { amount, is_opened, is_begun, status } = *step;
        self.created.add(amount);
        if is_opened {
            self.opened.add(amount);
        }
        if is_begun {
            self.begun.add(amount);
        }
        match status {
            LinkStatusKind::Active => self.active.add(amount),
            LinkStatusKind::Paid => self.paid.add(amount),
            LinkStatusKind::Expired => self.expired.add(amount),
            LinkStatusKind::Cancelled => self.cancelled.add(amount),
            LinkStatusKind::Replaced => self.replaced.add(amount),
        }
    }
}

impl std::ops::AddAssign for Funnel {
    fn add_assign(&mut self, other: Self) {
        let Self { created, opened, begun, active, paid, expired, cancelled, replaced } = other;
        self.created += created;
        self.opened += opened;
        self.begun += begun;
        self.active += active;
        self.paid += paid;
        self.expired += expired;
        self.cancelled += cancelled;
        self.replaced += replaced;
    }
}

/// How far one link came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStep {
    /// In minor units.
    pub amount: i64,
    pub is_opened: bool,
    pub is_begun: bool,
    pub status: LinkStatusKind,
}

impl LinkStep {
    pub fn of(facts: &LinkFacts, now: Timestamp) -> Self {
        Self {
            amount: facts.amount.minor_units(),
            is_opened: facts.is_opened,
            is_begun: facts.is_begun,
            status: facts.status_at(now),
        }
    }
}

/// By what links are told apart besides the day on which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    Account,
    /// The gateway of their account when they were made.
    Gateway,
    /// Who made them.
    CreatedBy,
    /// All channels that a link went by together, so that no link counts twice.
    Channels,
    /// The channel by which a link was first opened.
    OpenedBy,
}

impl Aspect {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Gateway => "gateway",
            Self::CreatedBy => "created-by",
            Self::Channels => "channels",
            Self::OpenedBy => "opened-by",
        }
    }

    /// The word that tells a link from others by this aspect. It has no blanks, and is empty where there is none.
    pub fn of(self, facts: &LinkFacts) -> String {
        match self {
            Self::Account => facts.account_id.to_string(),
            Self::Gateway => facts.gateway.as_str().to_owned(),
            Self::CreatedBy => facts.created_by.as_ref().map(|mark| mark.as_str().to_owned()).unwrap_or_default(),
            Self::Channels => {
                facts.channels.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(CHANNELS_JOINED_BY)
            }
            Self::OpenedBy => facts.opened_by.map(|channel| channel.as_str().to_owned()).unwrap_or_default(),
        }
    }
}

/// What stands between the names of channels.
pub const CHANNELS_JOINED_BY: &str = "+";

/// What is added up apart: no two modes and no two currencies are ever added.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkKey {
    pub mode: Mode,
    pub currency: &'static str,
    /// See [`Aspect::of`].
    pub word: String,
}

impl LinkKey {
    pub fn of(facts: &LinkFacts, aspect: Aspect) -> Self {
        Self { mode: facts.mode, currency: facts.amount.currency().code(), word: aspect.of(facts) }
    }
}

/// Sums over links, each with one of the links: facts have no names, and a link has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSums(pub BTreeMap<LinkKey, (Funnel, Option<LinkId>)>);

impl LinkSums {
    /// Adds a link. It is named by `id` where the sum names none yet.
    pub fn add(&mut self, key: &LinkKey, step: &LinkStep, id: impl FnOnce() -> Option<LinkId>) {
        match self.0.get_mut(key) {
            Some((funnel, _)) => funnel.add(step),
            None => {
                let mut funnel = Funnel::default();
                funnel.add(step);
                self.0.insert(key.clone(), (funnel, id()));
            }
        }
    }

    pub fn add_all(&mut self, other: &Self) {
        for (key, (funnel, id)) in &other.0 {
            let (sum, of) = self.0.entry(key.clone()).or_default();
            *sum += *funnel;
            *of = of.take().or_else(|| id.clone());
        }
    }

    /// What tells these sums from others, whichever links they name.
    pub fn fingerprint(&self) -> u128 {
        let mut hash = Sha256::new();
        for (LinkKey { mode, currency, word }, (funnel, _)) in &self.0 {
            let Funnel { created, opened, begun, active, paid, expired, cancelled, replaced } = funnel;
            hash.update(format!("{} {currency} {word}", mode.as_str()));
            for Sum { count, amount } in [created, opened, begun, active, paid, expired, cancelled, replaced] {
                hash.update(format!(" {count} {amount}"));
            }
            hash.update("\n");
        }
        hash.finalize().iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
    }
}

/// What receipts are added up apart by. `day` is the one by which books go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceiptKey {
    pub mode: Mode,
    pub currency: &'static str,
    pub day: Date,
    pub account: AccountId,
    /// `None` of what came or went by other means than a gateway.
    pub gateway: Option<GatewayKind>,
}

/// Money that was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    pub gross: Sum,
    /// What went back, on the day on which it did.
    pub refunded: Sum,
    /// What the records that something was void changed, on the day on which they were made: less for payments that never
    /// came, more for refunds that did not last.
    pub voided: Sum,
    /// What gateways kept of it, of as many receipts as they said so of.
    pub fees: Sum,
}

impl Received {
    /// What stayed: what was received less what went back, with what was void of both, counted together.
    pub fn net(&self) -> Sum {
        Sum {
            count: self.gross.count + self.refunded.count + self.voided.count,
            amount: self.gross.amount - self.refunded.amount + self.voided.amount,
        }
    }
}

impl std::ops::AddAssign for Received {
    fn add_assign(&mut self, other: Self) {
        self.gross += other.gross;
        self.refunded += other.refunded;
        self.voided += other.voided;
        self.fees += other.fees;
    }
}

/// Sums over receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiptSums(pub BTreeMap<ReceiptKey, Received>);

impl ReceiptSums {
    pub fn add(&mut self, facts: &ReceiptFacts, zone: &TimeZone) {
        let key = ReceiptKey {
            mode: facts.mode,
            currency: facts.money.currency().code(),
            day: zone.to_datetime(facts.booked_at).date(),
            account: facts.account_id.clone(),
            gateway: facts.gateway,
        };
        let received = self.0.entry(key).or_default();
        let amount = facts.money.minor_units();
        match facts.kind {
            ReceiptKindName::Payment => received.gross.add(amount),
            ReceiptKindName::Refund => received.refunded.add(amount),
            ReceiptKindName::PaymentVoid | ReceiptKindName::RefundVoid => {
                received.voided.add(if facts.kind.adds() { amount } else { -amount });
            }
        }
        if let Some(fee) = facts.fee {
            received.fees.add(fee);
        }
    }

    pub fn add_all(&mut self, other: &Self) {
        for (key, received) in &other.0 {
            *self.0.entry(key.clone()).or_default() += *received;
        }
    }
}

/// How long what is due has been so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overdue {
    /// It is due later or today, or nobody said when.
    NotYet,
    Days1To30,
    Days31To60,
    Days61To90,
    DaysOver90,
}

impl Overdue {
    pub const ALL: [Self; 5] = [Self::NotYet, Self::Days1To30, Self::Days31To60, Self::Days61To90, Self::DaysOver90];

    /// By whole days of the business. What is due until the end of a day is a day overdue on the next.
    pub fn at(due_at: Option<Timestamp>, today: Date, zone: &TimeZone) -> Self {
        let Some(due_at) = due_at else { return Self::NotYet };
        let last_moment = due_at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(due_at);
        let due_day = zone.to_datetime(last_moment).date();
        let days = due_day.until(today).map_or(0, |span| i64::from(span.get_days()));
        match days {
            ..=0 => Self::NotYet,
            1..=30 => Self::Days1To30,
            31..=60 => Self::Days31To60,
            61..=90 => Self::Days61To90,
            91.. => Self::DaysOver90,
        }
    }
}

/// What is left to pay of active links, by how long it has been due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aging(pub BTreeMap<(Mode, Overdue, &'static str), Sum>);

impl Aging {
    /// Adds an active link: what of it is due, by how long it has been so. It counts once wherever something of it is.
    pub fn add(&mut self, mode: Mode, currency: &'static str, dues: &[(Overdue, i64)]) {
        let mut of_link: BTreeMap<Overdue, i64> = BTreeMap::new();
        for (overdue, amount) in dues {
            *of_link.entry(*overdue).or_default() += amount;
        }
        for (overdue, amount) in of_link {
            self.0.entry((mode, overdue, currency)).or_default().add(amount);
        }
    }
}

/// Which links of a day are live, told from every other set of links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveSet {
    pub count: u64,
    /// The sum of the hashes of what is in it.
    pub hashes: u128,
}

impl LiveSet {
    pub fn add(&mut self, hash: u128) {
        self.count += 1;
        self.hashes = self.hashes.wrapping_add(hash);
    }

    pub fn remove(&mut self, hash: u128) {
        self.count -= 1;
        self.hashes = self.hashes.wrapping_sub(hash);
    }
}

/// A day of a business, with the instants between which it lies by what is known of its time zone now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    pub date: Date,
    pub begins: Timestamp,
    /// Exclusive.
    pub ends: Timestamp,
}

/// What a reading of the links of a day that were over was, beside their sums.
///
/// A link that ends leaves the set of those that are live, and one of which something comes to light is in it again until
/// that is decided: so as long as the set is the same, the same links are over. What is over changes its facts in one way
/// only, by becoming paid late, and of each such change a mark is left (see
/// [`PaymentLink::was_over_before`](crate::link::PaymentLink::was_over_before)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfLinks {
    pub day: Day,
    /// Before anything was read.
    pub read_at: Timestamp,
    /// Since when every reading of the day found the same links live and the same sums.
    pub same_since: Timestamp,
    pub live: LiveSet,
    /// See [`LinkSums::fingerprint`].
    pub sums: u128,
}

impl DayOfLinks {
    /// A reading at `read_at`, where `before` was kept of the day.
    ///
    /// A link that becomes live again, and is over once more, between the reading of what is live and that of what is over
    /// stands in neither, and the set of live links says nothing of it. So a reading goes on from one before only where that
    /// found the same sums.
    pub fn new(day: Day, read_at: Timestamp, live: LiveSet, sums: &LinkSums, before: Option<&Self>) -> Self {
        let sums = sums.fingerprint();
        let is_same = |before: &&Self| before.day == day && before.live == live && before.sums == sums;
        let same_since = before.filter(is_same).map_or(read_at, |before| before.same_since.min(read_at));
        Self { day, read_at, same_since, live, sums }
    }

    /// Whether it is what would be read of this day now. `changed_at` is when a mark of the day was last left.
    ///
    /// A link that ends while the lists are read may stand in neither of them. So what was read counts for good only where
    /// two readings agree between which any move is over.
    pub fn stands(&self, day: &Day, live: LiveSet, changed_at: Option<Timestamp>, now: Timestamp) -> bool {
        let is_settled = self.same_since >= later(day.ends) && self.read_at >= later(self.same_since);
        self.day == *day
            && self.live == live
            && is_ended(day.ends, self.read_at)
            && changed_at.is_none_or(|changed_at| self.read_at >= later(changed_at))
            && (is_settled || is_fresh(self.read_at, now))
    }
}

/// When the receipts of a day were read. They are never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfReceipts {
    pub day: Day,
    pub read_at: Timestamp,
}

impl DayOfReceipts {
    /// Whether it is what would be read of this day now. `changed_at` is when receipts of earlier days were last written.
    pub fn stands(&self, day: &Day, changed_at: Option<Timestamp>) -> bool {
        self.day == *day
            && is_ended(day.ends, self.read_at)
            && changed_at.is_none_or(|changed_at| self.read_at >= later(changed_at))
    }
}

/// Whether nothing can begin on a day any more that ends then, so that what is read of it may be kept.
pub fn is_ended(day_ends: Timestamp, read_at: Timestamp) -> bool {
    read_at >= later(day_ends)
}

fn is_fresh(read_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(read_at).abs() < FRESH_FOR
}

fn later(at: Timestamp) -> Timestamp {
    at.checked_add(SETTLES_AFTER).unwrap_or(Timestamp::MAX)
}

/// What a business's links and receipts add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By the day of the business on which links were made, where they are told apart by it; else under the first day that
    /// was asked for. A day without links may be missing.
    pub links: BTreeMap<Date, LinkSums>,
    pub receipts: ReceiptSums,
    pub aging: Aging,
}

/// Reads the code of a currency as money has it.
pub fn currency_code(code: &str) -> Option<&'static str> {
    Currency::parse(code).ok().map(Currency::code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_time_zone;
    use jiff::ToSpan;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn set(hashes: &[u128]) -> LiveSet {
        let mut set = LiveSet::default();
        hashes.iter().for_each(|hash| set.add(*hash));
        set
    }

    const DAY: &str = "2026-11-28";

    fn day(of: &str) -> Day {
        let date: Date = of.parse().unwrap();
        let begins = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap();
        Day { date, begins: begins(date), ends: begins(date.tomorrow().unwrap()) }
    }

    fn sums(expired: u64) -> LinkSums {
        let key = LinkKey { mode: Mode::Live, currency: "IRR", word: "main".to_owned() };
        let funnel = Funnel { expired: Sum { count: expired, amount: 5 }, ..Funnel::default() };
        LinkSums(BTreeMap::from([(key, (funnel, None))]))
    }

    fn read(read_at: &str, before: Option<&DayOfLinks>) -> DayOfLinks {
        DayOfLinks::new(day(DAY), at(read_at), set(&[7]), &sums(1), before)
    }

    /// Read at two instants with the same result.
    fn read_twice(first: &str, then: &str) -> DayOfLinks {
        read(then, Some(&read(first, None)))
    }

    #[test]
    fn what_was_read_twice_while_the_same_links_were_live_stands_for_ever() {
        let kept = read_twice("2026-11-29T00:10:00Z", "2026-11-29T00:20:00Z");
        let years_later = at("2029-01-01T00:00:00Z");
        assert!(kept.stands(&day(DAY), set(&[7]), None, years_later));
        assert!(!kept.stands(&day(DAY), set(&[]), None, years_later), "one ended since");
        assert!(
            !kept.stands(&day(DAY), set(&[8]), None, years_later),
            "one ended since, and something is open about another"
        );
    }

    #[test]
    fn what_was_read_once_stands_for_ten_minutes() {
        let kept = read("2026-11-29T00:10:00Z", None);
        assert!(kept.stands(&day(DAY), set(&[7]), None, at("2026-11-29T00:19:59Z")));
        assert!(!kept.stands(&day(DAY), set(&[7]), None, at("2026-11-29T00:20:00Z")));
    }

    #[test]
    fn nothing_stands_that_was_read_while_the_day_may_have_gone_on() {
        let kept = read_twice("2026-11-28T00:00:00Z", "2026-11-29T00:09:59Z");
        assert!(!kept.stands(&day(DAY), set(&[7]), None, at("2026-11-29T00:10:00Z")));
        let kept = read_twice("2026-11-29T00:09:59Z", "2026-11-30T00:00:00Z");
        assert!(!kept.stands(&day(DAY), set(&[7]), None, at("2026-11-30T01:00:00Z")));
    }

    #[test]
    fn what_was_read_before_a_late_payment_or_about_then_does_not_stand() {
        let kept = read_twice("2026-11-29T00:10:00Z", "2026-11-29T02:00:00Z");
        let stands =
            |changed_at: &str| kept.stands(&day(DAY), set(&[7]), Some(at(changed_at)), at("2026-12-01T00:00:00Z"));
        assert!(stands("2026-11-29T01:50:00Z"));
        assert!(!stands("2026-11-29T01:50:01Z"));
        assert!(!stands("2026-11-30T00:00:00Z"));
    }

    #[test]
    fn a_day_that_lies_elsewhere_since_is_read_anew() {
        let kept = read_twice("2026-11-29T01:00:00Z", "2026-11-29T02:00:00Z");
        let moved = Day { begins: at("2026-11-28T01:00:00Z"), ..day(DAY) };
        assert!(!kept.stands(&moved, set(&[7]), None, at("2026-11-29T02:01:00Z")));
        let receipts = DayOfReceipts { day: day(DAY), read_at: at("2026-11-29T01:00:00Z") };
        assert!(receipts.stands(&day(DAY), None) && !receipts.stands(&moved, None));
    }

    #[test]
    fn a_reading_goes_on_from_one_that_found_the_same_and_from_no_other() {
        let before = read_twice("2026-11-29T00:30:00Z", "2026-11-29T01:00:00Z");
        let now = at("2026-11-29T02:00:00Z");
        let since = |live: &[u128], expired: u64, before: Option<&DayOfLinks>| {
            DayOfLinks::new(day(DAY), now, set(live), &sums(expired), before).same_since
        };
        assert_eq!(since(&[7], 1, Some(&before)), at("2026-11-29T00:30:00Z"));
        assert_eq!(since(&[7, 8], 1, Some(&before)), now);
        assert_eq!(since(&[7], 2, Some(&before)), now, "a link was over, live and over again between two readings");
        assert_eq!(since(&[7], 1, None), now);
    }

    #[test]
    fn sums_are_told_by_what_they_are_and_not_by_the_link_that_they_name() {
        let mut named = sums(1);
        named.0.values_mut().for_each(|(_, id)| *id = LinkId::parse("0123456789abcdef0123456789abcdef").ok());
        assert_eq!(named.fingerprint(), sums(1).fingerprint());
        assert_ne!(sums(2).fingerprint(), sums(1).fingerprint());
        assert_ne!(LinkSums::default().fingerprint(), sums(1).fingerprint());
    }

    #[test]
    fn a_set_is_told_by_what_is_in_it_and_not_by_the_order() {
        assert_eq!(set(&[1, 2]), set(&[2, 1]));
        assert_ne!(set(&[1, 2]), set(&[3]));
        let mut both = set(&[u128::MAX, 2]);
        both.remove(u128::MAX);
        assert_eq!(both, set(&[2]));
    }

    #[test]
    fn what_is_due_is_aged_by_the_days_of_the_business() {
        let tehran = parse_time_zone("Asia/Tehran").unwrap();
        let today = jiff::civil::date(2026, 11, 29);
        let aged = |due_at: &str| Overdue::at(Some(at(due_at)), today, &tehran);
        assert_eq!(Overdue::at(None, today, &tehran), Overdue::NotYet);
        // Due on the 29th, which ends with it.
        assert_eq!(aged("2026-11-30T00:00:00+03:30"), Overdue::NotYet);
        assert_eq!(aged("2026-11-29T09:00:00+03:30"), Overdue::NotYet, "it was due today");
        assert_eq!(aged("2026-11-29T00:00:00+03:30"), Overdue::Days1To30);
        let days_ago = |days: i64| {
            let end = today.checked_sub((days - 1).days()).unwrap().at(0, 0, 0, 0);
            Overdue::at(Some(tehran.to_timestamp(end).unwrap()), today, &tehran)
        };
        assert_eq!((days_ago(30), days_ago(31)), (Overdue::Days1To30, Overdue::Days31To60));
        assert_eq!((days_ago(60), days_ago(61)), (Overdue::Days31To60, Overdue::Days61To90));
        assert_eq!((days_ago(90), days_ago(91)), (Overdue::Days61To90, Overdue::DaysOver90));
        assert_eq!(days_ago(4000), Overdue::DaysOver90);
    }

    proptest! {
        #[test]
        fn sums_of_the_largest_amounts_are_exact(counts in prop::collection::vec(0_u64..5000, 1..5)) {
            let mut sum = Sum::default();
            for count in &counts {
                (0..*count).for_each(|_| sum.add(crate::money::LARGEST_AMOUNT));
            }
            let links: u64 = counts.iter().sum();
            prop_assert_eq!(sum.amount, i128::from(crate::money::LARGEST_AMOUNT) * i128::from(links));
        }
    }
}

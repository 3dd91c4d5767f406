//! What links and receipts add up to, read while links are made, end, and are paid too late: always what a plain sum says,
//! whatever was kept and whenever.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::business::totals::{Aspect, Funnel, LinkKey, LinkStep, LinkSums, ReceiptSums, Totals};
use domain::link::{CreatedBy, LinkStatus, Receipt};
use domain::records::business::Business;
use domain::records::shards::{Shards, Spread};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;
use store::{BusinessStore, TotalsQuery, TotalsRead};
use tests::dynamodb;
use tests::seeded::Seeded;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn first() -> Timestamp {
    "2026-10-28T10:00:00Z".parse().unwrap()
}

/// A business of two months with so many shards.
async fn business(cloud: &Cloud, shards: i64) -> BusinessStore {
    let business = Business::new(shop(), "Shop".to_owned(), first() - 60 * 24 * 60 * MINUTE);
    let spread = Spread::default().grown(Shards::parse(shards).unwrap(), business.created_at).unwrap();
    let business = Business { spread, ..business };
    cloud.store.put_business(&business, &Revision::Nothing).await.unwrap();
    cloud.store.of(&shop())
}

/// Links and receipts as they were last written.
#[derive(Default)]
struct Kept {
    links: BTreeMap<LinkId, PaymentLink>,
    receipts: Vec<Receipt>,
}

struct Walk<'a> {
    cloud: &'a Cloud,
    store: BusinessStore,
    chance: Seeded,
    now: Timestamp,
    made: u8,
    begun: u16,
    all: Kept,
    /// How often there was no time.
    not_yet: usize,
}

impl Walk<'_> {
    async fn make(&mut self) {
        self.made += 1;
        let mut terms = terms(None);
        terms.mode = self.chance.one_of(&[Mode::Live, Mode::Live, Mode::Sandbox]);
        terms.account.id = AccountId::parse(self.chance.one_of(&["main", "other"])).unwrap();
        terms.account.late_payment = LatePayment::Accept;
        terms.item = None;
        terms.after_payment.receipt_field = None;
        terms.after_payment.register_receipt = !self.chance.once_in(4);
        let hours = self.chance.one_of(&[1_u32, 1, 5, 30, 100]);
        terms.expires_at = self.now + hours * 60 * MINUTE;
        let token = PayToken::from_random([self.made; 16]);
        let channel = self.chance.one_of(&[Channel::Sms, Channel::Email]);
        let id = MessageId::of(&LinkId::of(&token), 0, channel.as_str(), "a");
        let recipient = json!({ "id": id, "channel": channel, "to": "a" });
        terms.recipients = vec![serde_json::from_value(recipient).unwrap()];
        let link = PaymentLink::new(shop(), token, "https://pay.example", String::new(), terms, self.now);
        let shard = self.store.configuration().await.unwrap().spread().of_new(link.id(), self.now);
        let by = CreatedBy::parse(self.chance.one_of(&["sara", "reza"])).unwrap();
        let link = link.in_shard(shard).made_by(by);
        let created = self.store.create_link(&link, &ChangedRecords::default(), self.now).await.unwrap();
        assert!(matches!(created, Created::New));
        self.all.links.insert(link.id().clone(), link);
    }

    /// A session is opened, money arrives, time or a person ends a link.
    async fn change(&mut self) {
        let ids: Vec<LinkId> = self.all.links.keys().cloned().collect();
        if ids.is_empty() {
            return;
        }
        let link = self.all.links[&ids[self.chance.below(ids.len())]].clone();
        let next = match self.chance.below(9) {
            0 => link.opened(self.now).filter(|_| link.status_at(self.now) == LinkStatus::Active),
            1 | 5 | 8 => {
                self.begun += 1;
                let mut bits = [0; 16];
                bits[..2].copy_from_slice(&self.begun.to_be_bytes());
                let key = ReturnKey::from_random(bits);
                let session = OpenedSession {
                    session: format!("S{}", self.begun),
                    checkout: Checkout::link("https://gateway.example/".to_owned()),
                };
                let rules = GatewayRulebook::default();
                let attempt = link.new_attempt(key, None, link.amount_due(), None).opened(
                    session,
                    rules.rules(GatewayKind::Zarinpal),
                    self.now,
                );
                link.begin_attempt(attempt, self.now).ok()
            }
            2 => link.cancel(None, true, self.now).ok(),
            3 | 7 => link.lease_due(None, self.now).map(|(link, _)| link),
            _ => return self.pay(&link).await,
        };
        let Some(next) = next else { return };
        assert!(matches!(self.store.replace_link(&next).await.unwrap(), Written::Applied));
        self.all.links.insert(next.id().clone(), next);
    }

    async fn pay(&mut self, link: &PaymentLink) {
        let Some(attempt) = link.attempts().last().map(|attempt| attempt.id.clone()) else { return };
        let answer = paid(&format!("payment-{}-{}", link.id(), attempt));
        let Some(transition) = link.apply_answer(&attempt, &answer, Hint::Paid, self.now) else { return };
        let written = self.cloud.store.apply_transition(&transition).await.unwrap();
        assert!(matches!(written, TransitionWritten::Written(Written::Applied)), "{written:?}");
        self.all.receipts.extend(transition.kept.as_ref().and_then(|kept| kept.receipt.clone()));
        // As deliver-messages does before it records an event.
        for event in transition.link.outbox().as_slice() {
            self.cloud.store.mark_late_payment(&transition.link, event, self.now).await.unwrap();
        }
        self.all.links.insert(transition.link.id().clone(), transition.link);
    }

    async fn ask(&mut self, aspect: Aspect, (from, to): (Date, Date)) -> Totals {
        let is_hurried = self.chance.once_in(2);
        loop {
            let until = if is_hurried { Instant::now() } else { Instant::now() + 60 * MINUTE };
            let query = TotalsQuery { from, to, aspect, by_day: true, now: self.now, until, most: 1000 };
            let configuration = self.store.configuration().await.unwrap();
            match self.store.totals(&configuration, &query).await.unwrap() {
                TotalsRead::Whole(totals) => return *totals,
                TotalsRead::NotYet => self.not_yet += 1,
                TotalsRead::TooMany(what) => panic!("{what:?}"),
            }
        }
    }

    async fn look(&mut self) {
        let zone = TimeZone::UTC;
        let day = |at: Timestamp| zone.to_datetime(at).date();
        let aspect = self.chance.one_of(&[
            Aspect::Account,
            Aspect::Gateway,
            Aspect::CreatedBy,
            Aspect::Channels,
            Aspect::OpenedBy,
        ]);
        let today = day(self.now);
        let span = i64::try_from(self.chance.below(40)).unwrap();
        let from = today.checked_sub(jiff::Span::new().days(span)).unwrap();
        let to = self.chance.one_of(&[today, from, today.tomorrow().unwrap()]);
        let told = self.ask(aspect, (from, to)).await;
        let mut links: BTreeMap<_, Funnel> = BTreeMap::new();
        for link in self.all.links.values().filter(|link| (from..=to).contains(&day(link.created_at()))) {
            let facts = link.facts();
            let key = (day(link.created_at()), facts.mode, facts.amount.currency().code(), aspect.of(&facts));
            let mut one = LinkSums::default();
            let name = LinkKey::of(&facts, aspect);
            one.add(&name, &LinkStep::of(&facts, self.now), || None);
            *links.entry(key).or_default() += one.0[&name].0;
        }
        let mut found: BTreeMap<_, Funnel> = BTreeMap::new();
        for (date, sums) in &told.links {
            for (key, (funnel, id)) in &sums.0 {
                found.insert((*date, key.mode, key.currency, key.word.clone()), *funnel);
                let named = &self.all.links[id.as_ref().unwrap()].facts();
                assert_eq!((aspect.of(named), named.mode), (key.word.clone(), key.mode), "it names a link of its own");
            }
        }
        assert_eq!(found, links, "{aspect:?} from {from} to {to} at {}", self.now);
        let mut receipts = ReceiptSums::default();
        for receipt in self.all.receipts.iter().filter(|one| (from..=to).contains(&day(one.booked_at()))) {
            receipts.add(&receipt.facts(), &zone);
        }
        assert_eq!(told.receipts, receipts, "from {from} to {to} at {}", self.now);
        let active = |link: &&PaymentLink| LinkStep::of(&link.facts(), self.now).status.as_str() == "active";
        let due: u64 = told.aging.0.values().map(|sum| sum.count).sum();
        assert_eq!(due, u64::try_from(self.all.links.values().filter(active).count()).unwrap());
    }
}

/// One story of some weeks. The result is how many links of it were paid after they had expired, and how often there was no
/// time.
async fn tell(seed: u64) -> (usize, usize) {
    let cloud = empty_cloud().await;
    let mut chance = Seeded::new(seed);
    let store = business(&cloud, chance.one_of(&[1, 1, 3])).await;
    let mut walk =
        Walk { cloud: &cloud, store, chance, now: first(), made: 0, begun: 0, all: Kept::default(), not_yet: 0 };
    for _ in 0..220 {
        match walk.chance.below(8) {
            0 | 1 if walk.made < 60 => walk.make().await,
            0..=4 => walk.change().await,
            5 => walk.look().await,
            6 => walk.now += walk.chance.one_of(&[1_u32, 9, 11, 60]) * MINUTE,
            _ => walk.now += walk.chance.one_of(&[6_u32, 12, 30, 80]) * 60 * MINUTE,
        }
    }
    for _ in 0..4 {
        walk.look().await;
        walk.now += 11 * MINUTE;
    }
    let late = |link: &&PaymentLink| match link.status_at(walk.now) {
        LinkStatus::Paid { paid_at, .. } => paid_at > link.terms().expires_at + 24 * 60 * MINUTE,
        LinkStatus::Active
        | LinkStatus::Expired { .. }
        | LinkStatus::Cancelled { .. }
        | LinkStatus::Replaced { .. } => false,
    };
    (walk.all.links.values().filter(late).count(), walk.not_yet)
}

#[tokio::test]
async fn whatever_is_kept_and_whenever_totals_are_what_a_plain_sum_says() {
    let stories = join_all((0..12).map(tell)).await;
    let late: usize = stories.iter().map(|(late, _)| late).sum();
    let not_yet: usize = stories.iter().map(|(_, not_yet)| not_yet).sum();
    assert!(late > 3 && not_yet > 3, "{late} links were paid long after their end, and {not_yet} calls had no time");
}

/// What links of a day add up to, asked at this instant.
async fn created(store: &BusinessStore, day: Date, now: Timestamp) -> u64 {
    let until = Instant::now() + 60 * MINUTE;
    let query = TotalsQuery { from: day, to: day, aspect: Aspect::Account, by_day: true, now, until, most: 1000 };
    let configuration = store.configuration().await.unwrap();
    let TotalsRead::Whole(totals) = store.totals(&configuration, &query).await.unwrap() else {
        panic!("there was time")
    };
    totals.links.values().flat_map(|sums| sums.0.values()).map(|(funnel, _)| funnel.created.count).sum()
}

/// Two links that were made on one day and are over, and when that can be said of the day.
async fn two_that_are_over(cloud: &Cloud) -> (BusinessStore, PaymentLink, Date, Timestamp) {
    let store = business(cloud, 1).await;
    let mut walk = Walk {
        cloud,
        store,
        chance: Seeded::new(1),
        now: first(),
        made: 0,
        begun: 0,
        all: Kept::default(),
        not_yet: 0,
    };
    walk.make().await;
    walk.make().await;
    let links: Vec<PaymentLink> = walk.all.links.values().cloned().collect();
    for link in &links {
        let over = link.cancel(None, true, first()).unwrap();
        assert!(matches!(walk.store.replace_link(&over).await.unwrap(), Written::Applied));
    }
    let day = TimeZone::UTC.to_datetime(first()).date();
    (walk.store, links[0].clone(), day, first() + 48 * 60 * MINUTE)
}

/// The item of a link as it lies in the table, which is taken out of it.
async fn taken_out(cloud: &Cloud, link: &LinkId) -> HashMap<String, AttributeValue> {
    let (client, table) = (dynamodb(cloud), cloud.store.table());
    let items = client.scan().table_name(table).send().await.unwrap().items.unwrap();
    let is_link = |item: &&HashMap<String, AttributeValue>| {
        let is = |name: &str, of: &str| item.get(name).and_then(|value| value.as_s().ok()).is_some_and(|s| s == of);
        is("pk", &format!("link#{link}")) && is("sk", "link")
    };
    let item = items.iter().find(is_link).unwrap().clone();
    let delete = client.delete_item().table_name(table).key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
    delete.send().await.unwrap();
    item
}

/// A reading that passes what is live before a link is live again, and what is over before it is over once more, finds it
/// nowhere, and what is live looks the same. Nothing tells such a reading from one of a day that never had the link.
#[tokio::test]
async fn a_reading_that_missed_a_link_on_its_way_to_and_fro_is_told_no_longer_than_until_the_next() {
    let cloud = empty_cloud().await;
    let (store, link, day, now) = two_that_are_over(&cloud).await;
    assert_eq!(created(&store, day, now).await, 2);
    let item = taken_out(&cloud, link.id()).await;
    assert_eq!(created(&store, day, now + 11 * MINUTE).await, 1);
    dynamodb(&cloud).put_item().table_name(cloud.store.table()).set_item(Some(item)).send().await.unwrap();
    for later in [22, 33, 44, 10_000] {
        assert_eq!(created(&store, day, now + later * MINUTE).await, 2, "after {later} minutes");
    }
}

#[tokio::test]
async fn a_call_that_took_long_keeps_nothing_over_what_was_read_after_it() {
    let cloud = empty_cloud().await;
    let (store, _, day, now) = two_that_are_over(&cloud).await;
    let read_at = async || {
        let items = dynamodb(&cloud).scan().table_name(cloud.store.table()).send().await.unwrap().items.unwrap();
        let row = items.into_iter().find(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with("links#"))).unwrap();
        row["read_at"].as_n().unwrap().clone()
    };
    created(&store, day, now + 60 * MINUTE).await;
    let later = read_at().await;
    created(&store, day, now).await;
    assert_eq!(read_at().await, later);
}

#[tokio::test]
async fn receipts_that_a_gateway_dates_later_than_they_were_written_count_on_the_day_that_they_were() {
    let link = link_with(1, None);
    let attempt = attempt(&link, 1);
    let id = attempt.id.clone();
    let link = link.begin_attempt(attempt, now()).unwrap();
    let transition = link.apply_answer(&id, &paid("payment"), Hint::Paid, now()).unwrap();
    let receipt = transition.kept.unwrap().receipt.unwrap();
    let dated = |at: Timestamp| Receipt { gateway_paid_at: Some(at), ..receipt.clone() }.booked_at();
    let registered_at = receipt.registered_at;
    assert_eq!(dated(registered_at + 60 * MINUTE), registered_at);
    assert_eq!(dated(registered_at - 60 * MINUTE), registered_at - 60 * MINUTE);
}

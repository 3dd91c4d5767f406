//! Totals of a business with very many links: what they say is a plain sum over all of its links and receipts, a finite
//! number of calls has read all that there is, and afterwards a call reads what is live and a row for each day. `make
//! test-totals LINKS=365000 LIVE=100000` does so for a year of a thousand links a day, and prints what each call asked of
//! DynamoDB; without `LINKS` and `LIVE` a few show it.
//!
//! Links of each kind live through the functions once; their copies, each with an amount and a due date of its own, are put
//! into the engine, spread over a year. Everything that is read is read through crm-api, behind the meter.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::business::totals::Aspect;
use domain::calendar::parse_time_zone;
use domain::ids::LinkId;
use dynoxide::{AttributeValue, Item};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use paylink_local::seed::API_KEY;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{TooMany, TotalsQuery, TotalsRead};
use tests::engine::{Engine, copy_made_at, text_of};
use tests::faulty_world::{FaultyWorld, Life, Made};
use tests::meter::Usage;
use tests::totals::{ALL, Sums, sums_of};

/// The numbers of links that are over, and of links that are live, unless `LINKS` and `LIVE` name others.
const FEW: usize = 6_000;
const FEW_LIVE: usize = 2_000;

/// So many live links are added up; of one more nothing is told.
const MOST_LIVE: usize = 100_000;

/// The time that the template gives crm-api.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An entry of an index has less than this many bytes, and a unit reads eight kilobytes.
const LARGEST_ENTRY: usize = 240;

/// A row of a day has less than this many bytes where it is told apart by few words.
const LARGEST_ROW: usize = 1_500;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: u32 = 365;

/// A link that lived through the functions, whose copies are like it.
struct Pattern {
    kind: Life,
    of: Account,
    link: Item,
    receipt: Option<Item>,
}

/// Of whom links are.
#[derive(Clone, Copy, Debug)]
struct Account {
    id: &'static str,
    gateway: &'static str,
    currency: &'static str,
    created_by: &'static str,
    channel: &'static str,
}

const ACCOUNTS: [Account; 2] = [
    Account { id: "main", gateway: "zarinpal", currency: "IRR", created_by: "sara", channel: "email" },
    Account { id: "euro", gateway: "stripe", currency: "EUR", created_by: "reza", channel: "" },
];

/// A link that is there, as whoever put it there knows it.
struct Known {
    day: Date,
    kind: Life,
    of: Account,
    amount: i64,
    due_at: Option<Timestamp>,
    /// The day by which books go, and what the gateway kept.
    received: Option<(Date, Option<i64>)>,
}

/// One call, and what it asked of the table.
struct Call {
    usage: Usage,
    took: Duration,
}

struct Business {
    world: FaultyWorld,
    zone: TimeZone,
    links: Vec<Known>,
    from: Date,
    /// What reading all that is live takes, in units, and what reading a row for each day does.
    live_units: f64,
    row_units: f64,
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// A word of the facts that stand in the index, and the facts with another one.
fn word(item: &Item, at: usize) -> &str {
    text_of(item, "facts").split(' ').nth(at).unwrap()
}

fn with_word(item: &mut Item, at: usize, word: &str) {
    let facts = text_of(item, "facts").to_owned();
    let words: Vec<&str> = facts.split(' ').enumerate().map(|(of, old)| if of == at { word } else { old }).collect();
    item.insert("facts".to_owned(), AttributeValue::S(words.join(" ")));
}

fn seconds(word: &str) -> Timestamp {
    Timestamp::from_second(i64::from_str_radix(word, 16).unwrap()).unwrap()
}

async fn live(world: &FaultyWorld, life: Life, of: Account) -> Made {
    let days = if life == Life::Expired { 0 } else { 730 };
    let mut body = json!({
        "account_id": of.id, "contact_id": "c-1042", "amount": 19_990, "recipients": {}, "expires_in_days": days,
    });
    if !of.channel.is_empty() {
        body["recipients"] = json!({ "contact": true });
        body["message"] = json!({ "channels": [of.channel] });
    }
    let key = format!("{life:?}-{}", of.id);
    let headers = [("idempotency-key", key.as_str()), ("paylink-actor", of.created_by)];
    let made = world.crm(Method::POST, "/v1/payment-links", &body, &headers).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let link = Made::read(API_KEY, &made.json());
    world.live(&link, life).await;
    link
}

async fn patterns(world: &FaultyWorld, engine: &Engine) -> Vec<Pattern> {
    let mut made = Vec::new();
    for kind in Life::ALL {
        for of in ACCOUNTS {
            made.push((kind, of, live(world, kind, of).await));
        }
    }
    let evidence = world.evidence().await;
    let table = world.cloud.store.table();
    let pattern = |(kind, of, made): (Life, Account, Made)| {
        let id = LinkId::parse(&made.id).unwrap();
        let receipt = evidence.receipts().find(|(_, receipt)| receipt.link_id == id);
        let receipt = receipt.map(|(_, receipt)| engine.receipt(table, &receipt.id));
        assert_eq!(receipt.is_some(), kind == Life::Paid);
        Pattern { kind, of, link: engine.link(table, &id), receipt }
    };
    made.into_iter().map(pattern).collect()
}

/// The copy of a receipt with this number.
fn receipt_copy(pattern: &Item, number: usize, amount: i64, at: Timestamp) -> Item {
    let mut bits = [9; 16];
    bits[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    let id = format!("rc-{}", hex::encode(bits));
    let mut item = pattern.clone();
    for of in ["by_contact", "by_item"] {
        item.remove(of);
    }
    let partition = text_of(pattern, "pk").rsplit_once('#').unwrap().0;
    let list = text_of(pattern, "by_state").rsplit_once('#').unwrap().0;
    for (name, text) in [
        ("pk", format!("{partition}#{id}")),
        ("id", id.clone()),
        ("by_state", format!("{list}#{}", at.strftime("%Y-%m"))),
        ("listed_at", format!("{:013}#{id}", at.as_millisecond())),
    ] {
        item.insert(name.to_owned(), AttributeValue::S(text));
    }
    with_word(&mut item, 1, &format!("{amount:x}"));
    with_word(&mut item, 6, &format!("{:x}", at.as_second()));
    item
}

/// The copy of a link with this number.
fn link_copy(pattern: &Item, number: usize, amount: i64, at: Timestamp, due_at: Option<Timestamp>) -> Item {
    let mut item = copy_made_at(pattern, number, None, at, 0);
    // Nobody asks for the links of a contact or of an item here, and nothing is due.
    for of in ["by_contact", "by_item", "due_kind", "due_at"] {
        item.remove(of);
    }
    with_word(&mut item, 3, &format!("{amount:x}"));
    if let Some(due_at) = due_at {
        with_word(&mut item, 2, &format!("{:x}", due_at.as_second()));
    }
    item
}

impl Business {
    async fn with(engine: &Engine, over: usize, live: usize) -> Self {
        let world = FaultyWorld::metered_on_engine(3600, engine).await;
        let zone = parse_time_zone("Asia/Tehran").unwrap();
        let day = |at: Timestamp| zone.to_datetime(at).date();
        let from = day(world.now());
        let patterns = patterns(&world, engine).await;
        let made_at = |item: &Item| {
            let millisecond = text_of(item, "listed_at").split('#').next().unwrap().parse().unwrap();
            Timestamp::from_millisecond(millisecond).unwrap()
        };
        let amount_of = |item: &Item, at: usize| i64::from_str_radix(word(item, at), 16).unwrap();
        let received = |receipt: &Item| (day(seconds(word(receipt, 6))), word(receipt, 7).parse().ok());
        let mut links: Vec<Known> = patterns
            .iter()
            .map(|Pattern { kind, of, link, receipt }| Known {
                day: day(made_at(link)),
                kind: *kind,
                of: *of,
                amount: amount_of(link, 3),
                due_at: None,
                received: receipt.as_ref().map(received),
            })
            .collect();
        let began = world.now();
        world.turn_time(YEAR * DAY);
        let filling = Instant::now();
        // Seven of ten that are over are paid.
        let of_kind = |number: usize, is_live: bool| {
            let kind = match number % 10 {
                _ if is_live && number.is_multiple_of(5) => Life::Begun,
                _ if is_live => Life::Active,
                0 | 1 => Life::Cancelled,
                2 => Life::Expired,
                _ => Life::Paid,
            };
            let of = ACCOUNTS[usize::from(number.is_multiple_of(7))].id;
            patterns.iter().find(|pattern| pattern.kind == kind && pattern.of.id == of).unwrap()
        };
        let amount = |number: usize| 1_000 + i64::try_from(number * 7_919 % 900_000).unwrap();
        let table = world.cloud.store.table();
        for (is_live, first, count) in [(false, 0, over), (true, over, live)] {
            let at = |number: usize| {
                let share = i64::try_from((number - first) * 1_000_000 / count.max(1)).unwrap();
                // So that what was made last was made some days ago.
                let seconds = i64::from(YEAR - 3) * 86_400 * share / 1_000_000;
                began + SignedDuration::from_secs(3600 + seconds)
            };
            let due_at = |number: usize| match number % 3 {
                _ if !is_live => None,
                0 => None,
                1 => Some(at(number) + 5 * DAY),
                _ => Some(at(number) + 300 * DAY),
            };
            engine.put_all(table, first..first + count, |number| {
                link_copy(&of_kind(number, is_live).link, number, amount(number), at(number), due_at(number))
            });
            let paid: Vec<usize> =
                (first..first + count).filter(|number| of_kind(*number, is_live).receipt.is_some()).collect();
            engine.put_all(table, 0..paid.len(), |of| {
                let number = paid[of];
                let receipt = of_kind(number, is_live).receipt.as_ref().unwrap();
                receipt_copy(receipt, number, amount(number), at(number) + 60 * MINUTE)
            });
            links.extend((first..first + count).map(|number| {
                let Pattern { kind, of, receipt, .. } = of_kind(number, is_live);
                let booked = day(at(number) + 60 * MINUTE);
                let received = receipt.as_ref().map(|receipt| (booked, received(receipt).1));
                Known {
                    day: day(at(number)),
                    kind: *kind,
                    of: *of,
                    amount: amount(number),
                    due_at: due_at(number).map(|due| Timestamp::from_second(due.as_second()).unwrap()),
                    received,
                }
            }));
        }
        println!("{over} links that are over and {live} that are live are there after {:?}", filling.elapsed());
        let units = |entries: usize, size: usize| number(entries * size) / 8192.0 + 2.0;
        let live_units = units(live, LARGEST_ENTRY);
        let row_units = units(2 * usize::try_from(YEAR).unwrap(), LARGEST_ROW);
        let business = Self { world, zone, links, from, live_units, row_units };
        // crm-api reads the keys and the configuration.
        business.world.crm(Method::GET, "/v1/payment-links?limit=1", &Value::Null, &[]).await.unwrap();
        business
    }

    async fn call(&self, grouping: &str) -> (tests::Reply, Call) {
        let path = format!("/v1/totals?mode=sandbox&from={}&group_by={grouping}", self.from);
        loop {
            self.world.usage();
            let began = Instant::now();
            let reply = self.world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap();
            let call = Call { usage: self.world.usage(), took: began.elapsed() };
            if reply.status == StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            println!("{:<12} {} {}, {:?}", grouping, reply.status.as_u16(), call.usage, call.took);
            assert!(call.took < TIMEOUT, "{grouping} took {:?}", call.took);
            return (reply, call);
        }
    }

    /// Asks until totals are told. A call that tells none keeps something, and says when to ask again. Only where the machine
    /// is so busy that what is live takes all of its time, it keeps nothing, and the next one has that time again.
    async fn ask(&self, grouping: &str) -> (Value, Vec<Call>) {
        let mut calls = Vec::new();
        let mut in_vain = 0;
        loop {
            let (reply, call) = self.call(grouping).await;
            in_vain = if call.usage.write_units > 0 { 0 } else { in_vain + 1 };
            calls.push(call);
            if reply.status == StatusCode::OK {
                return (reply.json(), calls);
            }
            assert_eq!((reply.status, &reply.json()["code"]), (StatusCode::CONFLICT, &json!("totals_not_ready")));
            assert!(reply.headers.contains_key("retry-after"));
            assert!(in_vain < 3, "calls that told nothing kept nothing");
        }
    }

    /// What a plain sum over all links says.
    fn plain_sums(&self, grouping: &str) -> Sums {
        let mut sums = Sums::new();
        let mut add = |group: &str, what: &'static str, currency: &str, amount: i64| {
            let sum = sums.entry((group.to_owned(), what, currency.to_owned())).or_default();
            *sum = (sum.0 + 1, sum.1 + i128::from(amount));
        };
        for link in &self.links {
            let Known { day, kind, of, amount, received, .. } = link;
            let group = |day: &Date| match grouping {
                "day" => day.to_string(),
                "account" => of.id.to_owned(),
                "gateway" => of.gateway.to_owned(),
                "channel" => of.channel.to_owned(),
                "created_by" => of.created_by.to_owned(),
                _ => ALL.to_owned(),
            };
            let of_link = group(day);
            add(&of_link, "created", of.currency, *amount);
            add(&of_link, kind.status(), of.currency, *amount);
            if matches!(kind, Life::Paid | Life::Begun) {
                add(&of_link, "opened", of.currency, *amount);
                add(&of_link, "begun", of.currency, *amount);
            }
            if kind.is_live() {
                add("aging", self.age_of(link), of.currency, *amount);
            }
            if let Some((booked, fee)) = received.filter(|_| !["channel", "created_by"].contains(&grouping)) {
                add(&group(&booked), "gross", of.currency, *amount);
                // Nothing goes back of these.
                add(&group(&booked), "net", of.currency, *amount);
                if let Some(fee) = fee {
                    add(&group(&booked), "fees", of.currency, fee);
                }
            }
        }
        sums
    }

    /// For how long the money of a link has been due.
    fn age_of(&self, link: &Known) -> &'static str {
        let today = self.zone.to_datetime(self.world.now()).date();
        let overdue = link.due_at.map_or(0, |due| {
            let last = self.zone.to_datetime(due - SignedDuration::from_secs(1)).date();
            last.until(today).unwrap().get_days()
        });
        match overdue {
            ..=0 => "not_yet_due",
            1..=30 => "days_1_to_30",
            31..=60 => "days_31_to_60",
            61..=90 => "days_61_to_90",
            _ => "days_over_90",
        }
    }

    /// How many live links have been due for how long, by a plain count.
    fn plain_aging(&self) -> BTreeMap<&'static str, u64> {
        let mut aging: BTreeMap<&'static str, u64> = BTreeMap::new();
        for link in self.links.iter().filter(|link| link.kind.is_live()) {
            *aging.entry(self.age_of(link)).or_default() += 1;
        }
        aging
    }

    fn assert_told(&self, told: &Value, grouping: &str) {
        let (expected, found) = (self.plain_sums(grouping), sums_of(told, grouping));
        let differs = expected.iter().find(|(key, sum)| found.get(*key) != Some(sum));
        assert_eq!(differs, None, "by {grouping}");
        assert_eq!(expected.len(), found.len(), "by {grouping}");
        for (name, bucket) in told["aging"].as_object().unwrap() {
            let expected = self.plain_aging().get(name.as_str()).copied().unwrap_or_default();
            assert_eq!(bucket["count"], json!(expected), "{name}");
        }
    }

    /// All calls together read what is over once, and each of them what is live and the rows.
    fn assert_read_once(&self, calls: &[Call], grouping: &str) {
        let receipts = self.links.iter().filter(|link| link.received.is_some()).count();
        let entries = self.links.len() + receipts;
        let of_lists = number(entries * LARGEST_ENTRY) / 8192.0 + 4.0 * f64::from(YEAR) / 7.0;
        let most = of_lists + number(calls.len()) * (self.live_units + self.row_units);
        let all: f64 = calls.iter().map(|call| call.usage.read_units).sum();
        println!("{grouping:<12} {} calls, {all} RCU of at most {most:.0}", calls.len());
        assert!(all <= most, "by {grouping}: {all} units, {most} expected");
        assert!(calls.len() <= entries / 10_000 + 2, "by {grouping}: {} calls", calls.len());
    }

    fn assert_cheap(&self, calls: &[Call], grouping: &str) {
        let [Call { usage, .. }] = calls else { panic!("by {grouping}: {} calls", calls.len()) };
        assert!(usage.read_units <= self.live_units + self.row_units, "by {grouping}: {usage}");
        assert_eq!(usage.write_units, 0, "by {grouping}");
    }
}

fn number_of(name: &str, few: usize) -> usize {
    std::env::var(name).ok().and_then(|count| count.parse().ok()).unwrap_or(few)
}

#[tokio::test]
async fn totals_of_a_year_of_very_many_links_are_told_in_the_end_and_cost_what_is_live_and_a_row_a_day_then() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let engine = Engine::start().await;
    let (over, live) = (number_of("LINKS", FEW), number_of("LIVE", FEW_LIVE).min(MOST_LIVE - 4));
    let business = Business::with(&engine, over, live).await;
    // The first of each aspect reads all links. Receipts are read once for all of them.
    let of_account = ["month", "day", "week", "year", "account"].as_slice();
    for aspect in [of_account, &["gateway"], &["channel"], &["created_by"]] {
        let (told, calls) = business.ask(aspect[0]).await;
        business.assert_told(&told, aspect[0]);
        business.assert_read_once(&calls, aspect[0]);
        for grouping in aspect {
            let (told, calls) = business.ask(grouping).await;
            business.assert_told(&told, grouping);
            business.assert_cheap(&calls, grouping);
        }
    }
    println!("Ten minutes later all of it is read once more, and then no more.");
    business.world.turn_time(11 * MINUTE);
    let (told, calls) = business.ask("month").await;
    business.assert_told(&told, "month");
    business.assert_read_once(&calls, "month");
    business.world.turn_time(11 * MINUTE);
    for grouping in ["month", "day", "account"] {
        let (told, calls) = business.ask(grouping).await;
        business.assert_told(&told, grouping);
        business.assert_cheap(&calls, grouping);
    }
    // As many live links as there may be are added up, and of one more it is said that there are too many.
    if live == MOST_LIVE - 4 {
        let pattern = engine.link(business.world.cloud.store.table(), &tests::engine::id_of_copy(over));
        let table = business.world.cloud.store.table();
        let first = over + live;
        engine.put_all(table, first..first + 1, |number| link_copy(&pattern, number, 1, business.world.now(), None));
        let (reply, call) = business.call("month").await;
        assert_eq!((reply.status, &reply.json()["code"]), (StatusCode::CONFLICT, &json!("totals_too_large")));
        assert!(!reply.headers.contains_key("retry-after"));
        assert!(reply.json()["detail"].as_str().unwrap().contains("100000"), "{}", reply.text);
        assert!(call.usage.read_units <= business.live_units + business.row_units);
    }
}

/// What is live and what is of a day are read within one call. Where that can never be, nobody is asked to come again.
#[tokio::test]
async fn what_no_call_has_time_for_is_refused_and_says_of_what_there_is_too_much() {
    const OF_A_DAY: usize = 12_000;
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let engine = Engine::start().await;
    let world = FaultyWorld::metered_on_engine(3600, &engine).await;
    let cancelled = live(&world, Life::Cancelled, ACCOUNTS[0]).await;
    let active = live(&world, Life::Active, ACCOUNTS[0]).await;
    let table = world.cloud.store.table();
    let item = |made: &Made| engine.link(table, &LinkId::parse(&made.id).unwrap());
    let (cancelled, active) = (item(&cancelled), item(&active));
    world.turn_time(5 * DAY);
    let began = world.now();
    engine.put_all(table, 0..OF_A_DAY, |number| link_copy(&cancelled, number, 1, began, None));
    engine.put_all(table, OF_A_DAY..OF_A_DAY + 9, |number| link_copy(&active, number, 1, began, None));
    world.turn_time(5 * DAY);
    let store = world.cloud.business();
    let configuration = store.fresh_configuration().await.unwrap();
    let day = configuration.settings.zone().to_datetime(began).date();
    let read = async |most: usize, time: Duration| {
        let until = Instant::now() + time;
        let query =
            TotalsQuery { from: day, to: day, aspect: Aspect::Account, by_day: true, now: world.now(), until, most };
        store.totals(&configuration, &query).await.unwrap()
    };
    // Nine copies and the pattern are live.
    assert_eq!(read(9, TIMEOUT).await, TotalsRead::TooMany(TooMany::LiveLinks));
    assert_eq!(read(1_000, Duration::ZERO).await, TotalsRead::TooMany(TooMany::OfDay(day)));
    // Where there may be as many, there was only no time.
    assert_eq!(read(OF_A_DAY, Duration::ZERO).await, TotalsRead::NotYet);
    // Where there is time, nobody counts what there is of a day.
    let TotalsRead::Whole(totals) = read(10, TIMEOUT).await else { panic!("there was time") };
    let created: u64 = totals.links.values().flat_map(|sums| sums.0.values()).map(|(of, _)| of.created.count).sum();
    assert_eq!(created, u64::try_from(OF_A_DAY).unwrap() + 9);
}

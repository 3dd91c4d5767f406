//! A business with very many links: every page of a list holds what a plain filter over all of its links finds, in as few
//! calls and units as where there are few. `make test-lists LINKS=1000000` fills a business with a million, a tenth of them
//! of one contact, and prints what each page asked of DynamoDB; without `LINKS` as many show it as the bounds need.
//!
//! Links of each kind live through the functions once; their copies are put into the engine, spread over a year, of which
//! one in a thousand is live. Everything that is read is read through crm-api, behind the meter.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::ids::LinkId;
use dynoxide::Item;
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::engine::{Engine, copy_made_at, id_of_copy};
use tests::faulty_world::{FaultyWorld, Life, Made};
use tests::meter::Usage;

/// The number of links unless `LINKS` names another: more of one contact, and more of others, than are looked at for a page.
const FEW: usize = 32_000;

/// At least this many of them are of one contact, and otherwise a tenth.
const LEAST_OF_MANY: usize = 11_000;

/// The contact that has so many.
const MANY: &str = "c-many";

/// At most this many entries of an index are looked at for a page, and this many links read where only they say what they
/// are.
const MOST_ENTRIES: usize = 10_000;
const MOST_LINKS: usize = 2_500;

/// Units that a page of twenty links may take, as the budgets have it, and for one that looks at all it may: an entry has
/// less than 240 bytes, and four kilobytes are half a unit.
const A_PAGE: f64 = 25.0;
const A_LONG_PAGE: f64 = 350.0;

const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: u32 = 360;
const LIMIT: usize = 20;

/// What a link is like, as somebody knows who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Paid,
    Cancelled,
    Expired,
    Active,
    /// Active, and the customer is at the gateway.
    Begun,
    /// Of an account that has few.
    Rare,
}

impl Kind {
    /// One in a thousand copies is live. The numbers are mixed, so that a contact's links are of every kind.
    fn of(number: usize) -> Self {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        match mixed % 2000 {
            0 => Self::Begun,
            1 => Self::Active,
            other => match other % 10 {
                0..=6 => Self::Paid,
                7 | 8 => Self::Cancelled,
                _ => Self::Expired,
            },
        }
    }

    fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::Begun | Self::Rare)
    }

    /// What becomes of it at the gateway and in time.
    fn life(self) -> Life {
        match self {
            Self::Paid => Life::Paid,
            Self::Cancelled => Life::Cancelled,
            Self::Expired => Life::Expired,
            Self::Active | Self::Rare => Life::Active,
            Self::Begun => Life::Begun,
        }
    }

    fn was_opened(self) -> bool {
        matches!(self, Self::Paid | Self::Begun)
    }
}

/// A link that is there.
#[derive(Clone, Debug)]
struct Known {
    at: i64,
    id: LinkId,
    kind: Kind,
    is_of_many: bool,
}

/// What a page is asked for: the query, which links it means, and whether the oldest come first.
struct Asked {
    query: String,
    is_meant: fn(&Known, i64) -> bool,
    is_oldest_first: bool,
    /// Of a few calls more or less nobody takes notice; that their number grows with the links somebody would.
    round_trips: usize,
    read_units: f64,
}

fn asked(query: &str, is_meant: fn(&Known, i64) -> bool, (round_trips, read_units): (usize, f64)) -> Asked {
    let is_oldest_first = query.contains("order=oldest");
    Asked { query: query.to_owned(), is_meant, is_oldest_first, round_trips, read_units }
}

struct Business {
    world: FaultyWorld,
    /// The newest first.
    links: Vec<Known>,
    middle: i64,
}

impl Business {
    async fn with(engine: &Engine, links: usize) -> Self {
        let world = FaultyWorld::metered_on_engine(3600, engine).await;
        let mut known = Vec::new();
        let kinds = [Kind::Paid, Kind::Cancelled, Kind::Expired, Kind::Active, Kind::Begun];
        let mut patterns: Vec<(Kind, Item)> = Vec::new();
        for kind in kinds {
            let made = live(&world, kind).await;
            known.push(known_of(&world, &made, kind).await);
            patterns.push((kind, engine.link(world.cloud.store.table(), &LinkId::parse(&made.id).unwrap())));
        }
        let rare = |number: usize| make(&world, Kind::Rare, format!("rare-{number}"));
        for number in 0..3 {
            known.push(known_of(&world, &rare(number).await, Kind::Rare).await);
        }
        let began = world.now();
        world.turn_time(YEAR * DAY);
        known.push(known_of(&world, &rare(3).await, Kind::Rare).await);
        let of_many = (links / 10).max(LEAST_OF_MANY);
        let of_number = |number: usize| {
            let share = i64::try_from(number * 1_000_000 / links).unwrap();
            // Neighbours in time are far from one another in number, and many share their millisecond.
            let at = began.as_millisecond() + 3_600_000 + share * i64::from(YEAR - 2) * 86_400 / 1000 / 10 * 10;
            let is_of_many = number * of_many / links != (number + 1) * of_many / links;
            Known { at, id: id_of_copy(number), kind: Kind::of(number), is_of_many }
        };
        let filling = Instant::now();
        engine.put_all(world.cloud.store.table(), 0..links, |number| {
            let Known { at, kind, is_of_many, .. } = of_number(number);
            let (_, pattern) = patterns.iter().find(|(of, _)| *of == kind).unwrap();
            let at = Timestamp::from_millisecond(at).unwrap();
            copy_made_at(pattern, number, is_of_many.then_some(MANY), at, 0)
        });
        println!("{links} links are there after {:?}, {of_many} of them of one contact", filling.elapsed());
        known.extend((0..links).map(of_number));
        known.sort_by_cached_key(|link| Reverse((link.at, link.id.to_string())));
        let middle = known[known.len() / 2].at;
        let business = Self { world, links: known, middle };
        // crm-api reads the keys and the configuration.
        business.page("limit=1").await;
        business
    }

    /// A page of a list, and what it asks of the table.
    async fn page(&self, query: &str) -> (Value, Usage) {
        loop {
            self.world.usage();
            let path = format!("/v1/payment-links?{query}");
            let reply = self.world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap();
            if reply.status == StatusCode::TOO_MANY_REQUESTS {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            assert!(reply.status.is_success(), "{query}: {}", reply.text);
            return (reply.json(), self.world.usage());
        }
    }

    /// The links that are meant, in their order, behind one of them.
    fn meant(&self, asked: &Asked, behind: Option<&str>) -> impl Iterator<Item = &Known> {
        let (links, middle, is_meant) = (&self.links, self.middle, asked.is_meant);
        let order: Box<dyn Iterator<Item = &Known>> =
            if asked.is_oldest_first { Box::new(links.iter().rev()) } else { Box::new(links.iter()) };
        let mut is_behind = behind.is_none();
        let behind = behind.map(str::to_owned);
        let order = order.filter(move |link| {
            let was_behind = is_behind;
            is_behind |= behind.as_deref() == Some(link.id.as_str());
            was_behind
        });
        order.filter(move |link| is_meant(link, middle))
    }

    /// A page behind a link is full, holds the links that are meant, and takes no more than is said.
    async fn assert_page(&self, asked: &Asked, cursor: Option<&str>, behind: Option<&str>) -> (Vec<String>, Value) {
        let query = match cursor {
            Some(cursor) => format!("{}&cursor={cursor}", asked.query),
            None => asked.query.clone(),
        };
        let began = Instant::now();
        let (page, usage) = self.page(&query).await;
        let took = began.elapsed();
        let found = ids(&page);
        let expected: Vec<String> = self.meant(asked, behind).take(LIMIT + 1).map(|link| link.id.to_string()).collect();
        println!("{:<64} {:>3} links, {usage}, {took:?}", asked.query, found.len());
        assert_eq!(found, expected[..expected.len().min(LIMIT)], "{query}");
        assert_eq!(page["has_more"], json!(expected.len() > LIMIT), "{query}");
        assert!(usage.round_trips <= asked.round_trips, "{query}: {usage} {:?}", usage.operations);
        assert!(usage.read_units <= asked.read_units, "{query}: {usage}");
        (found, page["next_cursor"].clone())
    }

    /// All pages together hold what is meant, and none of them takes more than is said. Most of them may be empty.
    async fn assert_all_pages(&self, asked: &Asked) {
        let (mut found, mut cursor, mut pages, mut most) = (Vec::new(), None::<String>, 0, Usage::default());
        loop {
            let more = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let (page, usage) = self.page(&format!("{}{more}", asked.query)).await;
            assert!(usage.round_trips <= asked.round_trips, "{}: {usage}", asked.query);
            assert!(usage.read_units <= asked.read_units, "{}: {usage}", asked.query);
            most = if usage.read_units > most.read_units { usage } else { most };
            found.extend(ids(&page));
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        println!("{:<64} {:>3} links, {pages} pages, of which one took {most}", asked.query, found.len());
        let expected: Vec<String> = self.meant(asked, None).map(|link| link.id.to_string()).collect();
        assert_eq!(found, expected, "{}", asked.query);
    }
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|link| link["id"].as_str().unwrap().to_owned()).collect()
}

async fn make(world: &FaultyWorld, kind: Kind, key: String) -> Made {
    let mut body = json!({
        "account_id": "main", "contact_id": "c-1042", "item_id": "inv-77", "amount": 1_500_000,
        "when_paid_elsewhere": "ignore", "description": "Invoice 77", "recipients": {},
        "expires_in_days": if kind == Kind::Expired { 0 } else { 730 },
    });
    if kind == Kind::Rare {
        body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "recipients": {} });
        body["expires_in_days"] = json!(730);
    }
    world.make_link(&body, &key).await
}

/// A link of this kind that became so through the functions.
async fn live(world: &FaultyWorld, kind: Kind) -> Made {
    let link = make(world, kind, format!("{kind:?}")).await;
    world.live(&link, kind.life()).await;
    link
}

async fn known_of(world: &FaultyWorld, made: &Made, kind: Kind) -> Known {
    let id = LinkId::parse(&made.id).unwrap();
    let link = world.cloud.store.link(&id).await.unwrap().unwrap();
    Known { at: link.created_at().as_millisecond(), id, kind, is_of_many: false }
}

fn number_of_links() -> usize {
    std::env::var("LINKS").ok().and_then(|links| links.parse().ok()).unwrap_or(FEW).max(FEW)
}

#[tokio::test]
async fn every_list_of_a_business_with_very_many_links_is_full_and_takes_what_it_takes_where_there_are_few() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let engine = Engine::start().await;
    let business = Business::with(&engine, number_of_links()).await;
    let middle = Timestamp::from_millisecond(business.middle).unwrap();
    let before = format!("created_to={middle}");
    let since = format!("order=oldest&created_from={middle}");
    let of_many = |more: &str| format!("contact_id={MANY}{more}");
    let of_many_since = of_many(&format!("&{since}"));
    // What is live, a month, the next where the page goes past the end of one, and the links.
    let short = (4, A_PAGE);
    // Where one in ten is wanted, a few hundred entries are looked at.
    let narrowed = (7, A_PAGE + 15.0);
    let pages = [
        asked("order=newest", |_, _| true, short),
        asked("order=oldest", |_, _| true, short),
        asked(&before, |link, middle| link.at < middle, short),
        asked(&since, |link, middle| link.at >= middle, short),
        asked("status=active", |link, _| link.kind.is_active(), (2, A_PAGE)),
        asked("status=active&order=oldest", |link, _| link.kind.is_active(), (2, A_PAGE)),
        asked("status=active&begun=true", |link, _| link.kind == Kind::Begun, (3, A_PAGE)),
        asked("status=active&opened=false", |link, _| link.kind.is_active() && !link.kind.was_opened(), (3, A_PAGE)),
        asked("needs_review=true", |_, _| false, (5, A_PAGE * 2.0)),
        asked("status=paid", |link, _| link.kind == Kind::Paid, short),
        asked("status=cancelled", |link, _| link.kind == Kind::Cancelled, narrowed),
        asked("status=expired&order=oldest", |link, _| link.kind == Kind::Expired, narrowed),
        asked("status=active,expired", |link, _| link.kind == Kind::Expired || link.kind.is_active(), narrowed),
        asked("opened=true&account_id=main", |link, _| link.kind.was_opened(), short),
        asked("begun=false&mode=sandbox", |link, _| !link.kind.was_opened(), narrowed),
        asked("needs_review=false&message_failed=false&expires_to=2199-12-31", |_, _| true, short),
        asked("amount_from=2000&currency=IRR&order=oldest", |link, _| link.kind != Kind::Rare, short),
        // What a contact's links are, only they say: as many are read as it takes.
        asked(&of_many(""), |link, _| link.is_of_many, (2, A_PAGE)),
        asked(&of_many("&order=oldest"), |link, _| link.is_of_many, (2, A_PAGE)),
        asked(&of_many_since, |link, middle| link.is_of_many && link.at >= middle, (2, A_PAGE)),
        asked(&of_many("&status=paid"), |link, _| link.is_of_many && link.kind == Kind::Paid, (5, 5.0 * A_PAGE)),
        asked(
            &of_many("&status=cancelled&order=oldest"),
            |link, _| link.is_of_many && link.kind == Kind::Cancelled,
            (9, 16.0 * A_PAGE),
        ),
    ];
    for asked in &pages {
        let (found, next) = business.assert_page(asked, None, None).await;
        if let Some(next) = next.as_str() {
            business.assert_page(asked, Some(next), found.last().map(String::as_str)).await;
        }
    }
    // A page far behind both ends, by its cursor alone.
    for (is_oldest_first, from) in [(false, &before), (true, &since)] {
        let (page, _) = business.page(from).await;
        let (found, cursor) = (ids(&page), page["next_cursor"].as_str().unwrap().to_owned());
        let query = if is_oldest_first { "order=oldest" } else { "order=newest" };
        business.assert_page(&asked(query, |_, _| true, short), Some(&cursor), found.last().map(String::as_str)).await;
    }
    // What is rare is found behind pages that end after as many entries as are looked at, or as many links as are read.
    let rare = asked("account_id=euro&order=oldest&limit=2", |link, _| link.kind == Kind::Rare, (4, A_PAGE));
    let (page, usage) = business.page(&rare.query).await;
    assert_eq!((ids(&page).len(), &page["has_more"]), (2, &json!(true)));
    assert!(usage.round_trips <= rare.round_trips && usage.read_units <= rare.read_units, "{usage}");
    business.assert_all_pages(&asked("account_id=euro", |link, _| link.kind == Kind::Rare, (14, A_LONG_PAGE))).await;
    let most = f64::from(u32::try_from(MOST_LINKS).unwrap());
    let few = |link: &Known, _: i64| link.is_of_many && link.kind.is_active();
    business.assert_all_pages(&asked(&of_many("&status=active"), few, (MOST_LINKS / 100 + 12, 1.1 * most))).await;
}

/// As many entries of links that are live and of links that are over are looked at in each shard; nothing is read twice.
#[tokio::test]
async fn a_page_that_finds_nothing_in_many_shards_reads_each_entry_about_once() {
    const SHARDS: usize = 16;
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let engine = Engine::start().await;
    let world = FaultyWorld::metered_on_engine(3600, &engine).await;
    let spread = json!({ "name": "Demo", "shards": SHARDS });
    let headers = [("paylink-actor", "somebody")];
    let key = paylink_local::seed::PLATFORM_KEY;
    let reply = world.crm_as(key, Method::PUT, "/v1/businesses/demo", &spread, &headers).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
    let (active, over) = (live(&world, Kind::Active).await, live(&world, Kind::Cancelled).await);
    let [active, over] =
        [active, over].map(|made| engine.link(world.cloud.store.table(), &LinkId::parse(&made.id).unwrap()));
    let began = world.now();
    world.turn_time(DAY);
    engine.put_all(world.cloud.store.table(), 0..12_000, |number| {
        let at = began.checked_add(SignedDuration::from_secs(i64::try_from(number).unwrap())).unwrap();
        let pattern = if number % 2 == 0 { &active } else { &over };
        copy_made_at(pattern, number, None, at, u8::try_from(number / 2 % SHARDS).unwrap())
    });
    let page = async |query: &str| {
        world.usage();
        let reply = world.crm(Method::GET, &format!("/v1/payment-links?{query}"), &Value::Null, &[]).await.unwrap();
        assert!(reply.status.is_success(), "{}", reply.text);
        (reply.json(), world.usage())
    };
    page("limit=1").await;
    for order in ["newest", "oldest"] {
        let (found, usage) = page(&format!("account_id=euro&order={order}")).await;
        println!("{MOST_ENTRIES} entries in {SHARDS} shards, the {order} first: {usage}");
        assert_eq!((ids(&found).len(), &found["has_more"]), (0, &json!(true)));
        assert!(usage.read_units <= 2.0 * A_LONG_PAGE, "{usage}");
    }
}

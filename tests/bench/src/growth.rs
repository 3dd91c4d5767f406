//! Whether a table with many links is slower or dearer than one with few.
//!
//! The table is filled through the engine and not through DynamoDB's interface, because what filling takes is not the
//! question. Everything that is measured goes through the functions: latencies against the engine, behind something that
//! notes how long its own answers take; counts behind the meter. A count that depends on the number of links ends the run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::StreamSpecification;
use domain::Timestamp;
use dynoxide::{ImportOptions, Item};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tests::engine::{copy_of_link, due_kind, text_of};
use tests::meter::{Meter, Usage};

use crate::about::About;
use crate::businesses::BusinessLevel;
use crate::counts::{count, expired};
use crate::report::{Count, Spread};
use crate::steps::{self, Customer};
use crate::warm::link_id;
use crate::wire::{DelayedStore, Took};
use crate::world::World;
use tests::lambda::Lambda;

/// The numbers of links, unless `PAYLINK_GROWTH` names others. A million need much memory.
const LINKS: &str = "1000,100000";

/// The number of links that fall due in the same second: at each level, and once many more.
const DUE_AT_EACH: usize = 1000;
const DUE_AT_ONCE: usize = 10_000;

/// The number of links of one contact, and of pages of a list that are read.
const OF_ONE_CONTACT: usize = 100_000;
const MANY: &str = "c-many";
const PAGES: usize = 20;

/// The lists that are read when the table is full, all of whose links are active.
const LISTS: [(&str, &str); 3] = [
    ("contact_id=c-many", "a page of 50 of one contact with 100,000 links"),
    ("status=active&opened=false", "a page of 50 of all that is live and not opened"),
    ("order=oldest", "a page of 50 of all links, the oldest first"),
];

/// Each step is taken this often.
const LIVES: usize = 50;

/// This many links are put into the table in one transaction.
const BATCH: usize = 5000;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Growth {
    pub(crate) about: About,
    pub(crate) levels: Vec<Level>,
    pub(crate) large: Vec<Large>,
    /// The same with many businesses.
    #[serde(default)]
    pub(crate) businesses: Vec<BusinessLevel>,
}

/// A table with a number of links.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) links: usize,
    pub(crate) filled_per_second: f64,
    pub(crate) steps: BTreeMap<String, Step>,
    /// How long the engine's own answers took, by the operation.
    pub(crate) store: BTreeMap<String, Spread>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) latency: Spread,
    pub(crate) count: Count,
}

/// Much of one kind.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Large {
    pub(crate) what: String,
    pub(crate) latency: Spread,
    /// Of each page, or of each link.
    pub(crate) count: Count,
}

/// Latencies and counts of the steps of a life.
type Steps = BTreeMap<String, (Vec<Duration>, Usage)>;

pub(crate) async fn measure() -> Growth {
    let levels = std::env::var("PAYLINK_GROWTH").unwrap_or_else(|_| LINKS.to_owned());
    let levels: Vec<usize> = levels.split(',').map(|links| links.trim().parse().expect("numbers of links")).collect();
    let about = About::this_run();
    let world = World::start().await;
    // It asks for the table's description, which the engine counts all items for, so it is asked while there are few.
    let meter = Meter::start(&world.endpoint(), &world.table, world.cloud.store.table()).await;
    turn_stream_off(&world).await;
    let url = world.make(&steps::create_quietly(), 1).await.remove(0);
    let mut filling = Filling { pattern: item_of(&world, &url), put: 0 };
    let mut growth = Growth { about, ..Growth::default() };
    for links in levels {
        let began = Instant::now();
        let more = links.saturating_sub(filling.put);
        filling.fill(&world, more, None, None);
        let filled_per_second = number(more) / began.elapsed().as_secs_f64();
        println!("{more} links put in at {filled_per_second:.0} a second; {} in the table", filling.put);
        let level = measure_level(&world, &meter, &mut filling, links, filled_per_second).await;
        if let Some(first) = growth.levels.first() {
            assert_same_counts(first, &level);
        }
        growth.levels.push(level);
    }
    filling.fill(&world, OF_ONE_CONTACT, Some(MANY), None);
    for (of, what) in LISTS {
        growth.large.push(measure_list(&world, &meter, of, what).await);
    }
    let what = "one of 10,000 links that expire in the same second";
    growth.large.push(sweep_many(&world, &meter, &mut filling, DUE_AT_ONCE, what).await);
    drop(world);
    growth.businesses = crate::businesses::measure().await;
    growth
}

/// For the number of the next record of the stream, the engine reads all records that it has: with every write, all writes
/// would become slower. DynamoDB does not, and nobody reads the stream here.
pub(crate) async fn turn_stream_off(world: &World) {
    let off = StreamSpecification::builder().stream_enabled(false).build().unwrap();
    let table = world.table.update_table().table_name(world.cloud.store.table());
    table.stream_specification(off).send().await.expect("the table has no stream any more");
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Where pages of the index end depends on which links fell into which shard, so that reads by the page differ by a little.
const SAME: f64 = 0.01;

fn assert_same_counts(first: &Level, level: &Level) {
    let is_same = |one: f64, other: f64| (one - other).abs() <= SAME * one;
    for (name, step) in &first.steps {
        let (before, now) = (&step.count, &level.steps[name].count);
        let is_same = is_same(before.round_trips, now.round_trips)
            && is_same(before.read_units, now.read_units)
            && before.write_units == now.write_units;
        let links = (first.links, level.links);
        assert!(is_same, "{name} asks for {before:?} and {now:?} with so many links: {links:?}");
    }
}

fn item_of(world: &World, url: &str) -> Item {
    let key = json!({ "pk": { "S": format!("link#{}", link_id(url)) }, "sk": { "S": "link" } });
    let request = json!({ "TableName": world.cloud.store.table(), "Key": key });
    let pattern = world.database.get_item(serde_json::from_value(request).unwrap()).unwrap().item.unwrap();
    let shard = text_of(&pattern, "due_kind");
    assert_eq!(shard, due_kind(&link_id(url)), "copies wait where the store would have put them");
    pattern
}

/// Puts copies of one link into the table, each with a token of its own.
struct Filling {
    pattern: Item,
    put: usize,
}

impl Filling {
    fn fill(&mut self, world: &World, links: usize, contact: Option<&str>, due_at: Option<Timestamp>) {
        let numbers: Vec<usize> = (self.put..self.put + links).collect();
        self.put += links;
        for numbers in numbers.chunks(BATCH) {
            let items: Vec<Item> =
                numbers.iter().map(|number| copy_of_link(&self.pattern, *number, contact, due_at)).collect();
            let wanted = items.len();
            let table = world.cloud.store.table();
            let imported = world.database.import_items(table, items, ImportOptions::default()).unwrap();
            assert_eq!(imported.items_imported, wanted);
        }
    }
}

async fn measure_level(
    world: &World,
    meter: &Meter,
    filling: &mut Filling,
    links: usize,
    filled_per_second: f64,
) -> Level {
    let store = DelayedStore::start(&world.endpoint(), Duration::ZERO).await;
    let timed = live(world, &store.url, LIVES, None).await;
    let took: Took = store.take();
    meter.take();
    let counted = live(world, &meter.endpoint(), 1, Some(meter)).await;
    let mut steps: BTreeMap<String, Step> = timed
        .into_iter()
        .map(|(name, (times, _))| {
            let step = Step { latency: Spread::of(times), count: count(&counted[&name].1, 1) };
            (name, step)
        })
        .collect();
    let swept = sweep_many(world, meter, filling, DUE_AT_EACH, "").await;
    let name = format!("6 expire, each of {DUE_AT_EACH}");
    steps.insert(name, Step { latency: swept.latency, count: swept.count });
    let store = took.into_iter().map(|(operation, times)| (operation, Spread::of(times))).collect();
    Level { links, filled_per_second, steps, store }
}

async fn live(world: &World, endpoint: &str, lives: usize, meter: Option<&Meter>) -> Steps {
    const WARMING_UP: usize = 2;
    let mut create = Lambda::start(&world.program("create-link", endpoint)).await;
    let mut pay = Lambda::start(&world.program("pay-redirect", endpoint)).await;
    let mut confirm = Lambda::start(&world.program("gateway-webhook", endpoint)).await;
    let mut sweep = Lambda::start(&world.program("expire-links", endpoint)).await;
    let customer = Customer::new();
    let mut steps = Steps::new();
    for life in 0..lives + WARMING_UP {
        let mut note = |step: &str, took: Duration| {
            let usage = meter.map(Meter::take).unwrap_or_default();
            if life >= WARMING_UP {
                let noted = steps.entry(step.to_owned()).or_default();
                noted.0.push(took);
                noted.1 = usage;
            }
        };
        let (made, took) = create.invoke(steps::create_quietly()).await;
        note("1 create, nobody told", took);
        let url = steps::made_url(&made);
        let (page, took) = pay.invoke(steps::open(&url)).await;
        note("2 pay, first visit", took);
        let (_, took) = pay.invoke(steps::open(&url)).await;
        note("3 pay, a later visit", took);
        let back = customer.pay(&steps::location(&page)).await;
        let (confirmed, took) = confirm.invoke(steps::open(&back)).await;
        steps::location(&confirmed);
        note("4 confirm", took);
        let (_, took) = sweep.invoke(json!({ "source": "schedule" })).await;
        note("5 a sweep without work", took);
    }
    steps
}

/// Pages of a list of very many links, through the function that the CRM asks.
async fn measure_list(world: &World, meter: &Meter, of: &str, what: &str) -> Large {
    let timed = pages(world, &world.endpoint(), of).await;
    // The first page of a function that has just started comes with its settings and keys.
    let mut lister = Lambda::start(&world.program("crm-api", &meter.endpoint())).await;
    lister.invoke(steps::list(of, None)).await;
    meter.take();
    lister.invoke(steps::list(of, None)).await;
    let count = count(&meter.take(), 1);
    Large { what: what.to_owned(), latency: Spread::of(timed), count }
}

async fn pages(world: &World, endpoint: &str, of: &str) -> Vec<Duration> {
    let mut lister = Lambda::start(&world.program("crm-api", endpoint)).await;
    let (mut times, mut cursor) = (Vec::new(), None);
    for _ in 0..PAGES {
        let (answer, took) = lister.invoke(steps::list(of, cursor.as_deref())).await;
        assert_eq!(steps::status(&answer), 200, "{answer}");
        let page: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(page["data"].as_array().unwrap().len(), 50);
        cursor = Some(page["next_cursor"].as_str().unwrap().to_owned());
        times.push(took);
    }
    times
}

/// Lets many links fall due in one second, twice: for the time and for the counts. The latency is that of one link.
async fn sweep_many(world: &World, meter: &Meter, filling: &mut Filling, links: usize, what: &str) -> Large {
    let due_at = Timestamp::from_second(Timestamp::now().as_second() - 5).unwrap();
    filling.fill(world, links, None, Some(due_at));
    let mut sweep = Lambda::start(&world.program("expire-links", &world.endpoint())).await;
    let took = sweep_until(&mut sweep, links).await;
    filling.fill(world, links, None, Some(due_at));
    meter.take();
    let mut sweep = Lambda::start(&world.program("expire-links", &meter.endpoint())).await;
    sweep_until(&mut sweep, links).await;
    let usage = meter.take();
    let each = took / u32::try_from(links).unwrap();
    Large { what: what.to_owned(), latency: Spread::of(vec![each]), count: count(&usage, links) }
}

async fn sweep_until(sweep: &mut Lambda, links: usize) -> Duration {
    let (mut found, mut took) = (0, Duration::ZERO);
    while found < links {
        let (swept, time) = sweep.invoke(json!({ "source": "schedule" })).await;
        let more = expired(&swept);
        assert!(more > 0, "a sweep expired nothing: {swept}");
        (found, took) = (found + more, took + time);
    }
    took
}

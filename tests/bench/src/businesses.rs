//! Whether a stack with many businesses is slower or dearer than one with few, for a business that a process knows and for one
//! that it does not, and whether what a process remembers of them is bounded.
//!
//! Businesses are copies of the demo business, put into the table through the engine. What is measured goes through the
//! functions.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ids::BusinessId;
use dynoxide::{AttributeValue, ImportOptions, Item};
use paylink_local::seed::DEMO;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::KeyHolder;
use tests::meter::{Meter, Usage};

use crate::counts::count;
use crate::growth::{self, Step};
use crate::report::Spread;
use crate::steps::{self, Customer};
use crate::world::World;
use tests::lambda::Lambda;

/// The numbers of businesses, unless `PAYLINK_BUSINESSES` names others.
const BUSINESSES: &str = "1,1000,10000";

/// Each step is taken this often, in a business that the process knows and in one that it does not.
const LIVES: usize = 50;

/// A process is asked about this many businesses before its memory is looked at, and then about as many as this.
const FEW: usize = 100;
const MANY: usize = 1_000;

/// Beyond those that it remembers, a business more must not need memory. An allocator keeps a little of what is given back.
const ROOM_BYTES: u64 = 3 * 1024 * 1024;

/// This many items are put in one transaction.
const BATCH: usize = 5000;

/// The kinds of items that a link of a business needs.
const KINDS: [&str; 5] = ["config", "contact", "credentials", "item", "keys"];

/// A stack with a number of businesses beside the demo ones.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BusinessLevel {
    pub(crate) businesses: usize,
    /// Of a business that the process knows.
    pub(crate) known: BTreeMap<String, Step>,
    /// Of one that it does not. Empty where there are not enough of them.
    pub(crate) unknown: BTreeMap<String, Step>,
    /// The peak of create-link's memory after it served a few businesses, and after many, in bytes.
    pub(crate) memory: Option<(u64, u64)>,
}

/// Latencies and counts of the steps of a life.
type Steps = BTreeMap<String, (Vec<Duration>, Usage)>;

pub(crate) async fn measure() -> Vec<BusinessLevel> {
    let levels = std::env::var("PAYLINK_BUSINESSES").unwrap_or_else(|_| BUSINESSES.to_owned());
    let levels: Vec<usize> =
        levels.split(',').map(|many| many.trim().parse().expect("numbers of businesses")).collect();
    let world = World::start().await;
    let meter = Meter::start(&world.endpoint(), &world.table, world.cloud.store.table()).await;
    growth::turn_stream_off(&world).await;
    let patterns = Patterns::of(&world);
    let (mut there, mut measured) = (0, Vec::<BusinessLevel>::new());
    for businesses in levels {
        patterns.copy(&world, there, businesses);
        there = there.max(businesses);
        println!("{there} businesses");
        let level = measure_level(&world, &meter, there).await;
        if let Some(first) = measured.first() {
            assert_same_counts(&first.known, &level.known, there);
        }
        if let Some(first) = measured.iter().find(|level| !level.unknown.is_empty()) {
            assert_same_counts(&first.unknown, &level.unknown, there);
        }
        measured.push(level);
    }
    measured
}

fn assert_same_counts(first: &BTreeMap<String, Step>, level: &BTreeMap<String, Step>, businesses: usize) {
    for (name, step) in first {
        assert_eq!(step.count, level[name].count, "{name} asks for something else with {businesses} businesses");
    }
}

async fn measure_level(world: &World, meter: &Meter, businesses: usize) -> BusinessLevel {
    let known = |_| 0;
    let timed = live(world, &world.endpoint(), LIVES, known, None).await;
    meter.take();
    let counted = live(world, &meter.endpoint(), 1, known, Some(meter)).await;
    let known = of_both(timed, &counted);
    let mut unknown = BTreeMap::new();
    // Each life is that of another business, after two by which the process itself becomes warm.
    if businesses >= LIVES + WARMING_UP {
        let timed = live(world, &world.endpoint(), LIVES, |life| life, None).await;
        meter.take();
        let counted = live(world, &meter.endpoint(), 1, |life| life, Some(meter)).await;
        unknown = of_both(timed, &counted);
    }
    let memory = if businesses >= MANY { Some(memory(world).await) } else { None };
    BusinessLevel { businesses, known, unknown, memory }
}

fn of_both(timed: Steps, counted: &Steps) -> BTreeMap<String, Step> {
    let step = |(name, (times, _)): (String, (Vec<Duration>, Usage))| {
        let step = Step { latency: Spread::of(times), count: count(&counted[&name].1, 1) };
        (name, step)
    };
    timed.into_iter().map(step).collect()
}

/// Lives that warm up the process before those that are noted.
const WARMING_UP: usize = 2;

/// Lives of links of the businesses with these numbers.
async fn live(
    world: &World,
    endpoint: &str,
    lives: usize,
    business_of: impl Fn(usize) -> usize,
    meter: Option<&Meter>,
) -> Steps {
    let mut create = Lambda::start(&world.program("create-link", endpoint)).await;
    let mut pay = Lambda::start(&world.program("pay-redirect", endpoint)).await;
    let mut confirm = Lambda::start(&world.program("gateway-webhook", endpoint)).await;
    let mut crm = Lambda::start(&world.program("crm-api", endpoint)).await;
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
        let key = key_of(business_of(life));
        let (made, took) = create.invoke(steps::create_quietly_as(&key)).await;
        note("1 create, nobody told", took);
        let url = steps::made_url(&made);
        let (page, took) = pay.invoke(steps::open(&url)).await;
        note("2 pay, first visit", took);
        let back = customer.pay(&steps::location(&page)).await;
        let (confirmed, took) = confirm.invoke(steps::open(&back)).await;
        steps::location(&confirmed);
        note("3 confirm", took);
        let (contact, took) = crm.invoke(steps::read_contact_as(&key, "c-1042")).await;
        assert_eq!(steps::status(&contact), 200, "{contact}");
        note("4 read a contact", took);
    }
    steps
}

/// What a process needs that has served a few businesses, and then many.
async fn memory(world: &World) -> (u64, u64) {
    let mut create = Lambda::start(&world.program("create-link", &world.endpoint())).await;
    let mut after_few = 0;
    for number in 0..MANY {
        let (made, _) = create.invoke(steps::create_quietly_as(&key_of(number))).await;
        steps::made_url(&made);
        if number + 1 == FEW {
            after_few = create.peak_memory();
        }
    }
    let after_many = create.peak_memory();
    assert!(
        after_many <= after_few + ROOM_BYTES,
        "a process that served {MANY} businesses needs {after_many} bytes, and after {FEW} it needed {after_few}"
    );
    (after_few, after_many)
}

fn id_of(number: usize) -> BusinessId {
    BusinessId::parse(&format!("b{number}")).expect("an id")
}

fn key_of(number: usize) -> String {
    let mut bits = [9; 32];
    bits[..8].copy_from_slice(&u64::try_from(number).expect("a small number").to_be_bytes());
    KeyHolder::Business(id_of(number)).key_from_random(bits)
}

/// What the demo business has, in the table and in that of secrets.
struct Patterns {
    items: Vec<Item>,
    secrets: Vec<Item>,
}

impl Patterns {
    fn of(world: &World) -> Self {
        let of_table = |table: &str| {
            let request = serde_json::from_value(json!({ "TableName": table })).unwrap();
            let items = world.database.scan(request).expect("the table can be read").items.unwrap_or_default();
            let is_needed = |item: &Item| {
                let mut parts = tests::engine::text_of(item, "pk").split('#');
                parts.next().is_some_and(|kind| KINDS.contains(&kind)) && parts.next() == Some(DEMO)
            };
            items.into_iter().filter(is_needed).collect::<Vec<Item>>()
        };
        let patterns =
            Self { items: of_table(world.cloud.store.table()), secrets: of_table(world.cloud.store.secrets_table()) };
        assert!(
            patterns.items.len() > 5 && !patterns.secrets.is_empty(),
            "the demo business has accounts and credentials"
        );
        patterns
    }

    fn copy(&self, world: &World, from: usize, to: usize) {
        for (table, patterns) in
            [(world.cloud.store.table(), &self.items), (world.cloud.store.secrets_table(), &self.secrets)]
        {
            let items: Vec<Item> =
                (from..to).flat_map(|number| patterns.iter().filter_map(move |of| copy_of(of, number))).collect();
            for items in items.chunks(BATCH) {
                let put = world
                    .database
                    .import_items(table, items.to_vec(), ImportOptions::default())
                    .expect("items can be put");
                assert_eq!(put.items_imported, items.len());
            }
        }
    }
}

/// An item of the demo business as another has it. Of the API keys there is one for each business.
fn copy_of(pattern: &Item, number: usize) -> Option<Item> {
    let (own, id) = (format!("#{DEMO}"), format!("#{}", id_of(number)));
    let mut item = pattern.clone();
    for (name, value) in &mut item {
        if let AttributeValue::S(text) = value {
            let is_of_list = ["pk", "by_state", "by_contact", "by_item"].contains(&name.as_str());
            if is_of_list && text.as_str() != "businesses" {
                *text = text.replacen(&own, &id, 1);
            }
        }
    }
    let text = |text: String| AttributeValue::S(text);
    let partition = tests::engine::text_of(&item, "pk").to_owned();
    match (partition.split('#').next(), tests::engine::text_of(pattern, "sk")) {
        (Some("keys"), sk) => {
            // The first of its keys is replaced, and the others are left out.
            if !sk.starts_with("api-key#") || sk != first_key() {
                return None;
            }
            let hash = Sha256::digest(key_of(number).as_bytes());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            item.insert("sk".to_owned(), text(format!("api-key#{hash}")));
        }
        (Some("config"), "business") => {
            item.insert("id".to_owned(), text(id_of(number).to_string()));
            item.insert("listed_at".to_owned(), text(id_of(number).to_string()));
        }
        _ => {}
    }
    Some(item)
}

/// The sort key of the demo CRM's API key.
fn first_key() -> String {
    let hash = Sha256::digest(paylink_local::seed::API_KEY.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("api-key#{hash}")
}

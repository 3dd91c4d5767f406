//! What each operation asks of DynamoDB, of the built functions, and what all of it comes to in the life of a link.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tests::capacity::item_size;
use tests::meter::{Load, Meter, Usage};

use crate::report::{Count, Wall};
use crate::steps::{self, Customer};
use crate::warm::{make_due, stream_records};
use crate::world::World;
use tests::lambda::Lambda;

/// This many links expire at once.
const DUE: usize = 1000;

/// DynamoDB adds this many bytes to each item that it keeps.
const KEPT_WITH_AN_ITEM: usize = 100;

/// A partition of a table or of an index takes this many units a second.
const PARTITION_READS: f64 = 3000.0;
const PARTITION_WRITES: f64 = 1000.0;

#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) counts: BTreeMap<String, Count>,
    pub(crate) walls: Vec<Wall>,
    /// What one life leaves in the table, without the entries of indexes.
    pub(crate) stored_bytes: f64,
}

/// The functions behind a meter.
struct Metered<'a> {
    world: &'a World,
    meter: Meter,
    counts: BTreeMap<String, Count>,
    create: Lambda,
    pay: Lambda,
    confirm: Lambda,
    deliver: Lambda,
    sweep: Lambda,
    customer: Customer,
}

pub(crate) async fn measure() -> Counted {
    let world = World::start().await;
    let meter = Meter::start(&world.endpoint(), &world.table, world.cloud.store.table()).await;
    let start = async |name: &str| Lambda::start(&world.program(name, &meter.endpoint())).await;
    let (create, pay, confirm) =
        (start("create-link").await, start("pay-redirect").await, start("gateway-webhook").await);
    let (deliver, sweep) = (start("deliver-messages").await, start("expire-links").await);
    let (counts, customer) = (BTreeMap::new(), Customer::new());
    let mut metered = Metered { world: &world, meter, counts, create, pay, confirm, deliver, sweep, customer };
    // In the first round the functions read what they read only once.
    metered.live().await;
    let stored = stored_bytes(&world);
    let life = metered.live().await;
    let stored_bytes = number(stored_bytes(&world) - stored);
    metered.make_in_other_ways().await;
    metered.confirm_at_stripe().await;
    metered.expire().await;
    metered.read_settings_again().await;
    Counted { counts: metered.counts, walls: walls(&life.partitions), stored_bytes }
}

impl Metered<'_> {
    fn note(&mut self, name: &str) -> Usage {
        let usage = self.meter.take();
        self.counts.insert(name.to_owned(), count(&usage, 1));
        usage
    }

    /// From making a link to showing that it is paid. Answers what the customer's and the CRM's steps asked for together.
    async fn live(&mut self) -> Usage {
        let mut stream = self.world.cloud.stream("deliver-messages").unwrap();
        self.meter.take();
        let made = self.create.invoke(steps::create()).await.0;
        let mut life = self.note("1 create");
        let url = steps::made_url(&made);
        self.deliver(&mut stream, &url).await;
        life += self.note("2 deliver a message and an event");
        let page = steps::location(&self.pay.invoke(steps::open(&url)).await.0);
        life += self.note("3 pay, first visit");
        self.deliver(&mut stream, &url).await;
        life += self.note("4 deliver an event");
        self.pay.invoke(steps::open(&url)).await;
        life += self.note("5 pay, a later visit");
        let back = self.customer.pay(&page).await;
        steps::location(&self.confirm.invoke(steps::open(&back)).await.0);
        life += self.note("6 confirm");
        self.deliver(&mut stream, &url).await;
        life += self.note("7 deliver two events");
        self.pay.invoke(steps::open(&format!("{url}/result"))).await;
        life += self.note("8 show the result");
        self.sweep.invoke(json!({ "source": "schedule" })).await;
        self.note("9 a sweep without work");
        life
    }

    async fn deliver(&mut self, stream: &mut paylink_local::StreamReader, url: &str) {
        let records = stream_records(stream, &[url.to_owned()], 1).await;
        let (answer, _) = self.deliver.invoke(json!({ "Records": records })).await;
        assert_eq!(answer["batchItemFailures"], json!([]), "were all functions built from the same source?");
    }

    async fn make_in_other_ways(&mut self) {
        let mut body = steps::body(&json!({ "contact": true }));
        body["reference_id"] = json!("R-1");
        steps::made_url(&self.create.invoke(steps::create_of(&body)).await.0);
        self.note("create with reference_id");
        let again = steps::create_under(&steps::body(&json!({ "contact": true })), Some("again"));
        for _ in 0..2 {
            self.meter.take();
            steps::made_url(&self.create.invoke(again.clone()).await.0);
        }
        self.note("create again with the same key");
    }

    async fn confirm_at_stripe(&mut self) {
        // The first time, credentials and the item are new.
        for _ in 0..2 {
            let url = steps::made_url(&self.create.invoke(steps::create_of(&steps::euro_body())).await.0);
            let page = steps::location(&self.pay.invoke(steps::open(&url)).await.0);
            let back = self.customer.choose(&page, "paid_no_webhook").await;
            self.meter.take();
            steps::location(&self.confirm.invoke(steps::open(&back)).await.0);
            self.note("confirm at Stripe, with an item");
        }
    }

    async fn expire(&mut self) {
        let urls = self.world.make(&steps::create_quietly(), DUE).await;
        make_due(self.world, &urls).await;
        self.sweep_beside_idle(&format!("expire, each of {DUE}"), DUE).await;
    }

    /// One sweep that has something to do, without the questions that it asks also where nothing is due.
    async fn sweep_beside_idle(&mut self, name: &str, pieces: usize) {
        self.meter.take();
        self.sweep.invoke(json!({ "source": "schedule" })).await;
        let swept = count(&self.meter.take(), 1);
        let idle = &self.counts["9 a sweep without work"];
        let each = |sum: f64, idle: f64| (sum - idle) / number(pieces);
        let count = Count {
            round_trips: each(swept.round_trips, idle.round_trips),
            read_units: each(swept.read_units, idle.read_units),
            write_units: each(swept.write_units, idle.write_units),
            writes: each(swept.writes, idle.writes),
        };
        self.counts.insert(name.to_owned(), count);
    }

    /// The settings and keys that every running function reads again after half a minute.
    async fn read_settings_again(&mut self) {
        let mut program = self.world.program("create-link", &self.meter.endpoint());
        program.environment.insert("PAYLINK_CONFIGURATION_SECONDS".to_owned(), "1".to_owned());
        let mut create = Lambda::start(&program).await;
        create.invoke(steps::create_quietly()).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        self.meter.take();
        create.invoke(steps::create()).await;
        let (with, without) = (count(&self.meter.take(), 1), &self.counts["1 create"]);
        let again = Count {
            round_trips: with.round_trips - without.round_trips,
            read_units: with.read_units - without.read_units,
            write_units: with.write_units - without.write_units,
            writes: with.writes - without.writes,
        };
        self.counts.insert("settings and keys read again".to_owned(), again);
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

pub(crate) fn count(usage: &Usage, pieces: usize) -> Count {
    let each = |sum: f64| sum / number(pieces);
    let writes = usage.operations.iter().filter(|name| !["GetItem", "Query", "BatchGetItem"].contains(&name.as_str()));
    Count {
        round_trips: each(number(usage.round_trips)),
        read_units: each(usage.read_units),
        write_units: each(number(usage.write_units)),
        writes: each(number(writes.count())),
    }
}

/// The bytes of all items in the table, as DynamoDB counts what it keeps.
fn stored_bytes(world: &World) -> usize {
    let request = serde_json::from_value(json!({ "TableName": world.cloud.store.table() })).unwrap();
    let found = serde_json::to_value(world.database.scan(request).unwrap()).unwrap();
    assert!(found["LastEvaluatedKey"].is_null(), "the table is still small");
    let items = found["Items"].as_array().unwrap().iter();
    items.map(|item| item_size(item.as_object().unwrap()) + KEPT_WITH_AN_ITEM).sum()
}

/// Which lives fill a partition, and how many of them a second.
const PARTITIONS: [(&str, &str, Share); 16] = [
    ("link#", "a link's own, in the table", Share::Own),
    ("receipt#", "a receipt's own", Share::Own),
    ("claim#", "a reference's own", Share::Own),
    ("provider-message#", "a message's own, by its provider's name for it", Share::Own),
    ("item#", "an item's own, with its receipts", Share::OfOne("item")),
    ("by-contact ", "`by-contact` of one contact", Share::OfOne("contact")),
    ("by-item ", "`by-item` of one item", Share::OfOne("item")),
    ("contact#", "a contact's own", Share::OfOne("contact")),
    ("config#", "`config#` of one business", Share::OfOne("business")),
    ("by-state live#", "`by-state` of one business, links that are live", Share::OfOne("business")),
    ("by-state over#", "`by-state` of one business, links that are over", Share::OfOne("business")),
    ("by-state messages#", "`by-state` of one business, messages", Share::OfOne("business")),
    ("by-state receipts#", "`by-state` of one business, receipts", Share::OfOne("business")),
    ("by-state events#", "`by-state` of one business, events", Share::OfOne("business")),
    ("due link#", "one of the shards of `due`", Share::Sharded),
    ("", "", Share::OfAll),
];

enum Share {
    Own,
    OfOne(&'static str),
    Sharded,
    OfAll,
}

fn walls(partitions: &BTreeMap<String, Load>) -> Vec<Wall> {
    let mut sums: BTreeMap<usize, (String, Load)> = BTreeMap::new();
    let mut walls = Vec::new();
    for (partition, load) in partitions {
        let class = PARTITIONS.iter().position(|(prefix, ..)| partition.starts_with(prefix)).unwrap();
        if matches!(PARTITIONS[class].2, Share::OfAll) {
            walls.push(wall(&format!("`{partition}`"), load, Some(1.0), "all links"));
            continue;
        }
        let (_, sum) = sums.entry(class).or_insert_with(|| (PARTITIONS[class].1.to_owned(), Load::default()));
        sum.read_units += load.read_units;
        sum.write_units += load.write_units;
    }
    for (class, (name, load)) in sums {
        walls.push(match PARTITIONS[class].2 {
            Share::Own => wall(&name, &load, None, "nobody"),
            Share::OfOne(one) => wall(&name, &load, Some(1.0), &format!("the links of that {one}")),
            Share::Sharded => wall(&name, &load, Some(f64::from(store::DUE_SHARDS)), "all links, evenly"),
            Share::OfAll => unreachable!("listed one by one"),
        });
    }
    walls.sort_by(|one, other| {
        let at = |wall: &Wall| wall.full_at.unwrap_or(f64::INFINITY);
        at(one).total_cmp(&at(other))
    });
    walls
}

fn wall(partition: &str, load: &Load, shards: Option<f64>, shared_by: &str) -> Wall {
    let writes = number(load.write_units);
    let full_at = shards.map(|shards| (PARTITION_READS / load.read_units).min(PARTITION_WRITES / writes) * shards);
    Wall {
        partition: partition.to_owned(),
        shared_by: shared_by.to_owned(),
        read_units: load.read_units,
        write_units: writes,
        full_at,
    }
}

/// The sum of an answer's field, for those who sweep several times.
pub(crate) fn expired(swept: &Value) -> usize {
    usize::try_from(swept["expired"].as_u64().unwrap()).unwrap()
}

//! Whether a table with many links is slower or dearer than one with few.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::ids::{ContactId, LinkId, PayToken};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use store::LinkList;
use tests::meter::{Meter, Usage};

use crate::lambda::Lambda;
use crate::report::Spread;
use crate::steps::{self, Customer};
use crate::warm::link_id;
use crate::world::World;

/// The numbers of links, unless `PAYLINK_GROWTH` names others.
const LINKS: &str = "1000,100000,1000000";

/// So many links have fallen due in the same second.
const DUE_AT_ONCE: usize = 10_000;

/// So many links are one contact's.
const OF_ONE_CONTACT: usize = 100_000;

/// So often each step is taken.
const LIVES: usize = 50;

type Item = HashMap<String, AttributeValue>;

pub(crate) async fn measure() {
    let levels = std::env::var("PAYLINK_GROWTH").unwrap_or_else(|_| LINKS.to_owned());
    let levels: Vec<usize> = levels.split(',').map(|links| links.trim().parse().expect("numbers of links")).collect();
    let world = World::start().await;
    let url = world.make(&steps::create_quietly(), 1).await.remove(0);
    let pattern = item_of(&world, &url).await;
    let mut filled = 0;
    println!("ms p50/p90, and round trips, RCU, WCU of one");
    for level in levels {
        fill(&world, &pattern, filled..level, None, None).await;
        filled = level;
        println!("\n{level} links in the table");
        measure_life(&world).await;
    }
    println!("\n{OF_ONE_CONTACT} links of one contact, a page of 50");
    fill(&world, &pattern, filled..filled + OF_ONE_CONTACT, Some("c-many"), None).await;
    filled += OF_ONE_CONTACT;
    measure_list(&world).await;
    println!("\n{DUE_AT_ONCE} links due in one second");
    let due_at = jiff::Timestamp::now().as_millisecond() - 1000;
    fill(&world, &pattern, filled..filled + DUE_AT_ONCE, None, Some(due_at)).await;
    measure_sweep(&world).await;
}

async fn item_of(world: &World, url: &str) -> Item {
    let id = link_id(url);
    let key = |text: String| AttributeValue::S(text);
    let table = world.cloud.store.table();
    let get = world.table.get_item().table_name(table).key("pk", key(format!("link#{id}")));
    get.key("sk", key("link".to_owned())).send().await.unwrap().item.unwrap()
}

/// Puts copies of a link into the table, each with its own token.
async fn fill(
    world: &World,
    pattern: &Item,
    numbers: std::ops::Range<usize>,
    contact: Option<&str>,
    due_at: Option<i64>,
) {
    let copies: Vec<usize> = numbers.collect();
    let began = Instant::now();
    stream::iter(copies.chunks(25).map(<[usize]>::to_vec))
        .for_each_concurrent(4, |chunk| async move {
            let put = |number: usize| {
                let item = copy(pattern, number, contact, due_at);
                WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build().unwrap()).build()
            };
            let writes: Vec<WriteRequest> = chunk.into_iter().map(put).collect();
            let table = world.cloud.store.table();
            world.table.batch_write_item().request_items(table, writes).send().await.unwrap();
        })
        .await;
    println!("({} links put in {:.0} s)", copies.len(), began.elapsed().as_secs_f64());
}

fn copy(pattern: &Item, number: usize, contact: Option<&str>, due_at: Option<i64>) -> Item {
    let mut bits = [7; 16];
    bits[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    let token = PayToken::from_random(bits);
    let id = LinkId::of(&token);
    let text = |text: String| AttributeValue::S(text);
    let mut item = pattern.clone();
    let listed_at = pattern["listed_at"].as_s().unwrap().split('#').next().unwrap().to_owned();
    item.insert("pk".to_owned(), text(format!("link#{id}")));
    item.insert("id".to_owned(), text(id.to_string()));
    item.insert("token".to_owned(), text(token.expose().to_owned()));
    item.insert("listed_at".to_owned(), text(format!("{listed_at}#{id}")));
    item.insert("by_contact".to_owned(), text(format!("links#{}", contact.unwrap_or(&format!("c-{}", number % 5000)))));
    item.insert("by_item".to_owned(), text(format!("links#i-{number}")));
    item.insert("due_kind".to_owned(), text(format!("link#{}", number % usize::from(store::DUE_SHARDS))));
    if let Some(due_at) = due_at {
        item.insert("due_at".to_owned(), AttributeValue::N(due_at.to_string()));
        let instant = jiff::Timestamp::from_millisecond(due_at).unwrap();
        item.insert("expires_at".to_owned(), text(instant.to_string()));
    }
    item
}

/// Latencies against the table itself, counts behind a meter.
async fn measure_life(world: &World) {
    let times = life(world, &world.endpoint(), LIVES, None).await;
    let meter = Meter::start(&world.endpoint(), &world.table, world.cloud.store.table()).await;
    let usages = life(world, &meter.endpoint(), 1, Some(&meter)).await;
    for ((name, times, _), (_, _, usage)) in times.into_iter().zip(usages) {
        let Spread { p50, p90 } = Spread::of(times);
        println!("  {name:<24}{p50:>8.2}/{p90:<8.2} {usage}");
    }
}

async fn life(
    world: &World,
    endpoint: &str,
    lives: usize,
    meter: Option<&Meter>,
) -> Vec<(&'static str, Vec<Duration>, Usage)> {
    let mut create = Lambda::start(&world.program("create-link", endpoint)).await;
    let mut pay = Lambda::start(&world.program("pay-redirect", endpoint)).await;
    let mut settle = Lambda::start(&world.program("gateway-webhook", endpoint)).await;
    let mut sweep = Lambda::start(&world.program("expire-links", endpoint)).await;
    let customer = Customer::new();
    let names = ["create", "pay, first visit", "pay, a later visit", "settle", "a sweep without work"];
    let mut steps_taken: Vec<_> = names.into_iter().map(|name| (name, Vec::new(), Usage::default())).collect();
    // The first two warm up.
    for life in 0..lives + 2 {
        let mut note = |step: usize, took: Duration| {
            let usage = meter.map(Meter::take).unwrap_or_default();
            if life >= 2 {
                steps_taken[step].1.push(took);
                steps_taken[step].2 = usage;
            }
        };
        let (made, took) = create.invoke(steps::create_quietly()).await;
        note(0, took);
        let url = steps::made_url(&made);
        let (page, took) = pay.invoke(steps::open(&url)).await;
        note(1, took);
        let (_, took) = pay.invoke(steps::open(&url)).await;
        note(2, took);
        let back = customer.pay(&steps::location(&page)).await;
        let (settled, took) = settle.invoke(steps::open(&back)).await;
        steps::location(&settled);
        note(3, took);
        let (_, took) = sweep.invoke(json!({ "source": "schedule" })).await;
        note(4, took);
    }
    steps_taken
}

async fn measure_list(world: &World) {
    let list = LinkList::OfContact(ContactId::parse("c-many").unwrap());
    let mut after = None;
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        let page = world.cloud.store.list_links(&list, 50, after.as_ref()).await.unwrap();
        times.push(began.elapsed());
        assert_eq!(page.entries.len(), 50);
        after = page.next;
    }
    let Spread { p50, p90 } = Spread::of(times);
    println!("  each of 20 pages        {p50:>8.2}/{p90:<8.2}");
}

async fn measure_sweep(world: &World) {
    let mut sweep = Lambda::start(&world.program("expire-links", &world.endpoint())).await;
    let (mut expired, mut runs, mut took) = (0, 0, Duration::ZERO);
    while expired < u64::try_from(DUE_AT_ONCE).unwrap() {
        let (swept, time): (Value, Duration) = sweep.invoke(json!({ "source": "schedule" })).await;
        let more = swept["expired"].as_u64().unwrap();
        assert!(more > 0, "a sweep expired nothing: {swept}");
        (expired, runs, took) = (expired + more, runs + 1, took + time);
    }
    println!("  {expired} expired in {runs} runs, {:.1} s", took.as_secs_f64());
}

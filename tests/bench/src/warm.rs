//! How long a warm function takes for each step, and how much of that is its own; and how much it does at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::ids::{LinkId, PayToken};
use domain::link::PaymentLink;
use futures_util::future::join_all;
use paylink_local::StreamReader;
use serde_json::{Value, json};

use crate::lambda::Lambda;
use crate::report::{Bulk, Spread, Warm};
use crate::steps::{self, Customer};
use crate::wire;
use crate::world::{PEERS, World};

/// So many links live through each step.
const LIVES: usize = 200;

/// The store whose answers always take the same time.
const DELAY: Duration = Duration::from_millis(2);

/// So many links are due at once, and so many are told of in one batch.
const DUE: usize = 1000;
const TOLD: usize = 100;

/// So often the stream is read at most until they are found.
const MOST_READS: usize = 1000;

/// So many links are made by each process that makes them beside others.
const MADE_EACH: usize = 300;

pub(crate) async fn measure(world: &World) -> BTreeMap<String, BTreeMap<String, BTreeMap<String, Warm>>> {
    let delayed = wire::delayed(&world.endpoint(), DELAY).await;
    let stores = [("embedded store", world.endpoint()), ("store that takes 2 ms", delayed)];
    let mut measured = BTreeMap::new();
    for (store, endpoint) in stores {
        let mut programs = BTreeMap::new();
        for name in ["paylink"].iter().chain(&PEERS) {
            programs.insert((*name).to_owned(), live(world, name, &endpoint).await);
        }
        measured.insert(store.to_owned(), programs);
    }
    measured
}

/// The functions that take the steps: one for each, or a peer that takes all.
struct Steps {
    lambdas: Vec<Lambda>,
}

impl Steps {
    async fn start(world: &World, name: &str, endpoint: &str) -> Self {
        let names = match name {
            "paylink" => vec!["create-link", "pay-redirect", "gateway-webhook"],
            peer => vec![peer],
        };
        let mut lambdas = Vec::new();
        for name in names {
            lambdas.push(Lambda::start(&world.program(name, endpoint)).await);
        }
        Self { lambdas }
    }

    fn at(&mut self, step: usize) -> &mut Lambda {
        let last = self.lambdas.len() - 1;
        &mut self.lambdas[step.min(last)]
    }

    /// Takes one step for every event, and answers what was answered.
    async fn take(&mut self, step: usize, events: Vec<Value>) -> (Vec<Value>, Warm) {
        let lambda = self.at(step);
        let (mut answers, mut times) = (Vec::new(), Vec::new());
        let before = lambda.processor_time();
        for event in events {
            let (answer, time) = lambda.invoke(event).await;
            answers.push(answer);
            times.push(time);
        }
        let each = (lambda.processor_time() - before).as_secs_f64() * 1000.0 / per(times.len());
        (answers, Warm { latency: Spread::of(times), processor_ms: each })
    }
}

fn per(pieces: usize) -> f64 {
    f64::from(u32::try_from(pieces).unwrap())
}

async fn live(world: &World, name: &str, endpoint: &str) -> BTreeMap<String, Warm> {
    let mut functions = Steps::start(world, name, endpoint).await;
    let customer = Customer::new();
    let mut measured = BTreeMap::new();
    // The first round warms everything up; what it took is forgotten.
    for lives in [10, LIVES] {
        let (made, create) = functions.take(0, vec![steps::create_quietly(); lives]).await;
        let urls: Vec<String> = made.iter().map(steps::made_url).collect();
        let opened: Vec<Value> = urls.iter().map(|url| steps::open(url)).collect();
        let (pages, first) = functions.take(1, opened.clone()).await;
        let (again, later) = functions.take(1, opened).await;
        again.iter().for_each(|answer| drop(steps::location(answer)));
        let mut returns = Vec::new();
        for page in &pages {
            returns.push(steps::open(&customer.pay(&steps::location(page)).await));
        }
        let (settled, settle) = functions.take(2, returns).await;
        settled.iter().for_each(|answer| drop(steps::location(answer)));
        let steps = [("1 create", create), ("2 pay", first), ("3 pay again", later), ("4 settle", settle)];
        measured = steps.into_iter().map(|(step, warm)| (step.to_owned(), warm)).collect();
    }
    measured
}

/// What comes in numbers: making links by several processes, a sweep, a batch of the stream.
pub(crate) async fn measure_bulk(world: &World) -> Vec<Bulk> {
    let mut bulk = Vec::new();
    for processes in [1, 4] {
        bulk.push(make_at_once(world, processes).await);
    }
    bulk.push(expire(world).await);
    bulk.push(tell(world).await);
    bulk
}

async fn make_at_once(world: &World, processes: usize) -> Bulk {
    let program = world.program("create-link", &world.endpoint());
    let mut lambdas = Vec::new();
    for _ in 0..processes {
        lambdas.push(Lambda::start(&program).await);
    }
    let began = Instant::now();
    let done = lambdas.into_iter().map(|mut lambda| async move {
        let before = lambda.processor_time();
        for _ in 0..MADE_EACH {
            steps::made_url(&lambda.invoke(steps::create_quietly()).await.0);
        }
        lambda.processor_time() - before
    });
    let spent: Duration = join_all(done).await.into_iter().sum();
    let pieces = processes * MADE_EACH;
    bulk_of(format!("links made by {processes} processes"), pieces, began.elapsed(), spent)
}

fn bulk_of(what: String, pieces: usize, took: Duration, processor: Duration) -> Bulk {
    Bulk {
        what,
        pieces,
        per_second: per(pieces) / took.as_secs_f64(),
        processor_ms_each: processor.as_secs_f64() * 1000.0 / per(pieces),
    }
}

/// The id of the link that a pay URL leads to.
pub(crate) fn link_id(url: &str) -> LinkId {
    LinkId::of(&PayToken::parse(url.rsplit('/').next().unwrap()).unwrap())
}

/// Moves the end of links into the past.
pub(crate) async fn make_due(world: &World, urls: &[String]) {
    let past = Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(1)).unwrap();
    let store = &world.cloud.store;
    for url in urls {
        let id = link_id(url);
        let mut link = serde_json::to_value(store.link(&id).await.unwrap().unwrap()).unwrap();
        link["version"] = json!(link["version"].as_u64().unwrap() + 1);
        link["expires_at"] = json!(past);
        let link: PaymentLink = serde_json::from_value(link).unwrap();
        store.replace_link(&link).await.unwrap();
    }
}

async fn expire(world: &World) -> Bulk {
    let urls = world.make(&steps::create_quietly(), DUE).await;
    make_due(world, &urls).await;
    let mut sweep = Lambda::start(&world.program("expire-links", &world.endpoint())).await;
    let before = sweep.processor_time();
    let (swept, took) = sweep.invoke(json!({ "source": "schedule" })).await;
    assert!(swept["expired"].as_u64().unwrap() >= u64::try_from(DUE).unwrap(), "{swept}");
    bulk_of("links expired in one sweep".to_owned(), DUE, took, sweep.processor_time() - before)
}

/// So many records of the stream about these links. Everything else is in the stream too, and most of it is no news.
pub(crate) async fn news_of(stream: &mut StreamReader, urls: &[String], wanted: usize) -> Vec<Value> {
    let ids: BTreeSet<String> = urls.iter().map(|url| format!("link#{}", link_id(url))).collect();
    let mut records = Vec::new();
    for _ in 0..MOST_READS {
        let mut more = stream.records().await.unwrap();
        more.retain(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().is_some_and(|pk| ids.contains(pk)));
        records.extend(more);
        if records.len() >= wanted {
            break;
        }
    }
    assert_eq!(records.len(), wanted, "the stream brings what is news");
    records
}

/// The messages and the first events of a batch of new links.
async fn tell(world: &World) -> Bulk {
    let urls = world.make(&steps::create(), TOLD).await;
    let mut stream = world.cloud.stream("deliver-messages").unwrap();
    let records = news_of(&mut stream, &urls, TOLD).await;
    let mut deliver = Lambda::start(&world.program("deliver-messages", &world.endpoint())).await;
    let before = deliver.processor_time();
    let (answer, took) = deliver.invoke(json!({ "Records": records })).await;
    assert_eq!(answer["batchItemFailures"], json!([]));
    bulk_of("messages and events told in one batch".to_owned(), 2 * TOLD, took, deliver.processor_time() - before)
}

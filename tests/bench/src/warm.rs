//! How long a warm function takes for each step, and how much of that is its own; and how much it does at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::ids::{LinkId, PayToken};
use domain::link::PaymentLink;
use futures_util::future::join_all;
use paylink_local::StreamReader;
use serde_json::{Value, json};

use crate::report::{Bulk, Spread, Warm};
use crate::steps::{self, Customer};
use crate::wire::DelayedStore;
use crate::world::World;
use tests::lambda::Lambda;

/// The number of links that live through each step, after others have warmed everything up: engines that compile while
/// they run need some time for it.
const WARMING_UP: usize = 100;
const LIVES: usize = 200;

/// The store whose answers always take the same time.
const DELAY: Duration = Duration::from_millis(2);

/// The two stores.
pub(crate) const EMBEDDED: &str = "embedded store";
pub(crate) const DELAYED: &str = "store that takes 2 ms";

/// The number of links that are due at once, and of those that are delivered in one batch.
const DUE: usize = 1000;
const TOLD: usize = 100;

/// The stream is read at most this often until their records are found.
const MAX_READS: usize = 1000;

/// The number of invocations that each process answers beside others, and of links that processes race for.
const EACH: usize = 250;
const FOUGHT_FOR: usize = 50;

/// The number of processes where several are measured.
const SEVERAL: usize = 4;

/// From the store to the program to the step.
pub(crate) type Stores = BTreeMap<String, BTreeMap<String, BTreeMap<String, Warm>>>;

/// How long each step takes, and how long the answers of the store with a delay really took. Every program has a new
/// table to itself, so that none finds it fuller than another.
pub(crate) async fn measure(programs: &[&str], stores: &[&str]) -> (Stores, Option<Spread>) {
    let (mut measured, mut delays) = (Stores::new(), Vec::new());
    for store in stores {
        for name in programs {
            let world = World::start().await;
            let delayed = delayed(&world, store).await;
            let endpoint = delayed.as_ref().map_or_else(|| world.endpoint(), |delayed| delayed.url.clone());
            let steps = live(&world, name, &endpoint).await;
            measured.entry((*store).to_owned()).or_default().insert((*name).to_owned(), steps);
            delays.extend(delayed.iter().flat_map(|delayed| delayed.take().into_values().flatten()));
        }
    }
    (measured, (!delays.is_empty()).then(|| Spread::of(delays)))
}

async fn delayed(world: &World, store: &str) -> Option<DelayedStore> {
    if store == DELAYED { Some(DelayedStore::start(&world.endpoint(), DELAY).await) } else { None }
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
    // What the first round took is forgotten.
    for lives in [WARMING_UP, LIVES] {
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
        let (confirmed, confirm) = functions.take(2, returns).await;
        confirmed.iter().for_each(|answer| drop(steps::location(answer)));
        let steps = [("1 create", create), ("2 pay", first), ("3 pay again", later), ("4 confirm", confirm)];
        measured = steps.into_iter().map(|(step, warm)| (step.to_owned(), warm)).collect();
    }
    measured
}

/// What comes in numbers: each step by one process and by several, a sweep, a batch of the stream.
pub(crate) async fn measure_bulk() -> Vec<Bulk> {
    let mut bulk = Vec::new();
    for processes in [1, SEVERAL] {
        bulk.extend(steps_at_once(processes).await);
    }
    for store in [EMBEDDED, DELAYED] {
        bulk.push(expire(store).await);
        bulk.push(deliver(store).await);
    }
    bulk
}

/// Makes, opens and confirms links that are each one process's alone.
async fn steps_at_once(processes: usize) -> Vec<Bulk> {
    let world = World::start().await;
    let groups = |events: Vec<Value>| events.chunks(EACH).map(<[Value]>::to_vec).collect::<Vec<_>>();
    let what = |what: &str| format!("{what} by {processes} {}", if processes == 1 { "process" } else { "processes" });
    let creates = groups(vec![steps::create_quietly(); processes * EACH]);
    let (made, create) = at_once(&world, "create-link", creates, what("links made")).await;
    let opened = made.iter().map(|answer| steps::open(&steps::made_url(answer))).collect();
    let (pages, pay) = at_once(&world, "pay-redirect", groups(opened), what("first visits")).await;
    let customer = Customer::new();
    let mut returns = Vec::new();
    for page in &pages {
        returns.push(steps::open(&customer.pay(&steps::location(page)).await));
    }
    let (confirmed, confirm) = at_once(&world, "gateway-webhook", groups(returns), what("payments confirmed")).await;
    confirmed.iter().for_each(|answer| drop(steps::location(answer)));
    vec![create, pay, confirm]
}

/// Each group of events is one process's.
async fn at_once(world: &World, function: &str, groups: Vec<Vec<Value>>, what: String) -> (Vec<Value>, Bulk) {
    let program = world.program(function, &world.endpoint());
    let mut lambdas = Vec::new();
    for _ in &groups {
        lambdas.push(Lambda::start(&program).await);
    }
    let began = Instant::now();
    let done = lambdas.into_iter().zip(groups).map(|(mut lambda, events)| async move {
        let (before, mut answers) = (lambda.processor_time(), Vec::new());
        for event in events {
            answers.push(lambda.invoke(event).await.0);
        }
        (answers, lambda.processor_time() - before)
    });
    let (answers, spent): (Vec<Vec<Value>>, Vec<Duration>) = join_all(done).await.into_iter().unzip();
    let took = began.elapsed();
    let answers: Vec<Value> = answers.into_iter().flatten().collect();
    let bulk = bulk_of(what, answers.len(), took, spent.into_iter().sum());
    (answers, bulk)
}

/// Several processes fight for the same link: all open it at the same moment, and all bring back the same payment. Every
/// customer must end at the same session, and all of them at the result.
pub(crate) async fn measure_races() -> BTreeMap<String, Spread> {
    let world = World::start().await;
    let start = async |name: &str| {
        let program = world.program(name, &world.endpoint());
        join_all((0..SEVERAL).map(|_| Lambda::start(&program))).await
    };
    let (mut pay, mut confirm) = (start("pay-redirect").await, start("gateway-webhook").await);
    let customer = Customer::new();
    let (mut opened, mut confirmed) = (Vec::new(), Vec::new());
    for url in world.make(&steps::create_quietly(), FOUGHT_FOR).await {
        let pages = fight(&mut pay, &steps::open(&url), &mut opened).await;
        assert_eq!(pages.len(), 1, "all are sent to the session of the one who came first");
        let back = customer.pay(pages.first().unwrap()).await;
        let results = fight(&mut confirm, &steps::open(&back), &mut confirmed).await;
        assert_eq!(results.len(), 1, "all are shown the same result");
    }
    BTreeMap::from([
        (format!("one link opened by {SEVERAL} at the same moment"), Spread::of(opened)),
        (format!("one payment brought back by {SEVERAL} at the same moment"), Spread::of(confirmed)),
    ])
}

async fn fight(lambdas: &mut [Lambda], event: &Value, times: &mut Vec<Duration>) -> BTreeSet<String> {
    let answers = join_all(lambdas.iter_mut().map(|lambda| lambda.invoke(event.clone()))).await;
    times.extend(answers.iter().map(|(_, time)| *time));
    answers.iter().map(|(answer, _)| steps::location(answer)).collect()
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

fn an_hour_ago() -> Value {
    json!(Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(1)).unwrap())
}

/// Moves the end of links into the past.
pub(crate) async fn make_due(world: &World, urls: &[String]) {
    for url in urls {
        change(world, url, |link| link["expires_at"] = an_hour_ago()).await;
    }
}

async fn change(world: &World, url: &str, change: impl FnOnce(&mut Value)) {
    let store = &world.cloud.store;
    let mut link = serde_json::to_value(store.link(&link_id(url)).await.unwrap().unwrap()).unwrap();
    link["version"] = json!(link["version"].as_u64().unwrap() + 1);
    change(&mut link);
    let link: PaymentLink = serde_json::from_value(link).unwrap();
    store.replace_link(&link).await.unwrap();
}

async fn expire(store: &str) -> Bulk {
    let world = World::start().await;
    let delayed = delayed(&world, store).await;
    let endpoint = delayed.as_ref().map_or_else(|| world.endpoint(), |delayed| delayed.url.clone());
    let urls = world.make(&steps::create_quietly(), DUE).await;
    make_due(&world, &urls).await;
    let mut sweep = Lambda::start(&world.program("expire-links", &endpoint)).await;
    let before = sweep.processor_time();
    let (swept, took) = sweep.invoke(json!({ "source": "schedule" })).await;
    assert_eq!(swept["expired"].as_u64().unwrap(), u64::try_from(DUE).unwrap(), "{swept}");
    bulk_of(format!("links expired in one sweep, {store}"), DUE, took, sweep.processor_time() - before)
}

/// Records of the stream about these links, at least `wanted` of them. The stream has other records too.
pub(crate) async fn stream_records(stream: &mut StreamReader, urls: &[String], wanted: usize) -> Vec<Value> {
    let ids: BTreeSet<String> = urls.iter().map(|url| format!("link#{}", link_id(url))).collect();
    let mut records = Vec::new();
    for _ in 0..MAX_READS {
        let mut more = stream.records().await.unwrap();
        more.retain(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().is_some_and(|pk| ids.contains(pk)));
        records.extend(more);
        if records.len() >= wanted {
            break;
        }
    }
    assert_eq!(records.len(), wanted, "the stream brings what needs delivery");
    records
}

/// The messages and the first events of a batch of new links.
async fn deliver(store: &str) -> Bulk {
    let world = World::start().await;
    let delayed = delayed(&world, store).await;
    let endpoint = delayed.as_ref().map_or_else(|| world.endpoint(), |delayed| delayed.url.clone());
    let urls = world.make(&steps::create(), TOLD).await;
    let mut stream = world.cloud.stream("deliver-messages").unwrap();
    let records = stream_records(&mut stream, &urls, TOLD).await;
    let mut function = Lambda::start(&world.program("deliver-messages", &endpoint)).await;
    let before = function.processor_time();
    let (answer, took) = function.invoke(json!({ "Records": records })).await;
    assert_eq!(answer["batchItemFailures"], json!([]));
    let what = format!("messages and events told in one batch of {TOLD} links, {store}");
    bulk_of(what, 2 * TOLD, took, function.processor_time() - before)
}

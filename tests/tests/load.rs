//! Hundreds of links, each through its whole life, all at once: how long each step takes, and whether the books are right
//! when everybody has paid. `make load LINKS=300`; without `LINKS` a few show that it works.
//!
//! The functions run in this process in front of the local cloud, so the figures compare one state of the code with
//! another and say nothing about AWS.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

/// So many links live where nobody says how many.
const FEW: usize = 12;

/// How long each step took, and what was answered that should not have been.
#[derive(Default)]
struct Report {
    steps: BTreeMap<&'static str, Vec<Duration>>,
    errors: Vec<String>,
}

/// Does a step, and notes how long it took and whether the answer is the wanted one.
async fn step(
    report: &Mutex<Report>,
    name: &'static str,
    wanted: StatusCode,
    ask: impl Future<Output = Option<tests::Reply>>,
) -> tests::Reply {
    let began = Instant::now();
    let reply = ask.await.unwrap();
    let mut report = report.lock().unwrap();
    report.steps.entry(name).or_default().push(began.elapsed());
    if reply.status != wanted {
        report.errors.push(format!("{name}: {}", reply.status));
    }
    reply
}

/// A link from its making to the page that says it is paid; two of three are paid, one is cancelled.
async fn live(world: &FaultyWorld, report: &Mutex<Report>, number: usize) {
    let (account, outcome) = if number.is_multiple_of(2) { ("main", "paid") } else { ("euro", "paid_no_webhook") };
    let body = json!({
        "account_id": account, "contact_id": "c-1042", "amount": 50_000, "recipients": { "contact": true },
    });
    let made = step(report, "create", StatusCode::CREATED, world.create(&body, &format!("load-{number}"))).await;
    let link = Made::read(&made.json());
    let page = step(report, "first visit", StatusCode::SEE_OTHER, world.open(&link.url)).await.location();
    step(report, "later visit", StatusCode::SEE_OTHER, world.open(&link.url)).await;
    if number.is_multiple_of(3) {
        step(report, "cancel", StatusCode::OK, world.cancel(&link, true)).await;
        return;
    }
    let back = world.choose(&page, outcome).await.unwrap();
    step(report, "return", StatusCode::SEE_OTHER, world.open(&back)).await;
    step(report, "result", StatusCode::OK, world.open(&format!("{}/result", link.url))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_links_at_once_end_with_right_books() {
    let links = std::env::var("LINKS").ok().and_then(|links| links.parse().ok()).unwrap_or(FEW);
    let world = Arc::new(FaultyWorld::start(30).await);
    let report = Arc::new(Mutex::new(Report::default()));
    let began = Instant::now();
    let lives = (0..links).map(|number| {
        let (world, report) = (Arc::clone(&world), Arc::clone(&report));
        tokio::spawn(async move { live(&world, &report, number).await })
    });
    for life in join_all(lives).await {
        life.unwrap();
    }
    let took = began.elapsed();
    world.settle().await;
    world.assert_all_is_well(Stage::Settled).await;
    world.live_out().await;
    world.assert_all_is_well(Stage::Ended).await;
    let mut report = report.lock().unwrap();
    let rate = f64::from(u32::try_from(links).unwrap()) / took.as_secs_f64();
    println!("{links} links in {took:.1?}: {rate:.0} links a second.");
    for (name, times) in &mut report.steps {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!("{name}: p50 {:.1?}, p95 {:.1?}, p99 {:.1?}", at(50), at(95), at(99));
    }
    assert!(report.errors.is_empty(), "{} errors: {:#?}", report.errors.len(), report.errors);
}

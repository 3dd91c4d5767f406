//! Hundreds of links of two businesses, each through its whole life, all at once, at every gateway, while the stream is served and the
//! schedule comes: how long each step takes, how much is told in a second, and whether the books are right in the end.
//! `make load LINKS=300`; without `LINKS` a few show that it works.
//!
//! The functions run in this process in front of the local cloud, so the figures compare one state of the code with
//! another and say nothing about AWS.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::gateway::GatewayKind;
use futures_util::future::join_all;
use paylink_local::seed::{BAZAAR, DEMO};
use reqwest::StatusCode;
use serde_json::json;
use tests::faulty_world::{FaultyWorld, Made, key_of};
use tests::invariants::Stage;

use crate::simulation::{Account, gateway_of};

/// The number of links unless `LINKS` names another.
const FEW: usize = 24;

/// Each account with what its customers pay, what they choose on the gateway's page, and what the pay URL answers.
const ACCOUNTS: [(Account, i64, &str, StatusCode); 8] = [
    ((DEMO, "main"), 50_000, "paid", StatusCode::SEE_OTHER),
    ((DEMO, "zibal"), 50_000, "paid", StatusCode::SEE_OTHER),
    ((DEMO, "saman"), 50_000, "paid", StatusCode::OK),
    ((BAZAAR, "main"), 1999, "paid_no_webhook", StatusCode::SEE_OTHER),
    ((DEMO, "euro"), 1999, "paid_no_webhook", StatusCode::SEE_OTHER),
    ((DEMO, "mollie"), 1999, "paid_no_webhook", StatusCode::SEE_OTHER),
    ((DEMO, "rupee"), 50_000, "paid_no_webhook", StatusCode::SEE_OTHER),
    ((BAZAAR, "rial"), 50_000, "paid", StatusCode::SEE_OTHER),
];

/// Whether an account is at this gateway.
pub(crate) fn tries(gateway: GatewayKind) -> bool {
    ACCOUNTS.iter().any(|(account, ..)| gateway_of(*account) == gateway)
}

/// What becomes of a link, in turn.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Paid,
    Cancelled,
    /// The customer leaves, and time passes.
    Left,
}

const FATES: [Fate; 5] = [Fate::Paid, Fate::Paid, Fate::Cancelled, Fate::Paid, Fate::Left];

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

/// A link from its making to the page that says it is paid, or to another end.
async fn live(world: &FaultyWorld, report: &Mutex<Report>, number: usize) {
    let ((business, account), amount, outcome, sent_on) = ACCOUNTS[number % ACCOUNTS.len()];
    let key = key_of(business);
    let body = json!({
        "account_id": account, "contact_id": "c-1042", "amount": amount, "recipients": { "contact": true },
    });
    let idempotency_key = format!("load-{number}");
    let asked = world.create_as(key, &body, &idempotency_key);
    let made = step(report, "create", StatusCode::CREATED, asked).await;
    let link = Made::read(key, &made.json());
    // Nobody opens a link at the moment at which it is made, and not everybody after the same time.
    tokio::time::sleep(Duration::from_millis(200) * u32::try_from(number % 20).unwrap()).await;
    // In two tabs, which are led to the same session.
    let (sent, _) = tokio::join!(
        step(report, "first visit", sent_on, world.open(&link.url)),
        step(report, "first visit", sent_on, world.open(&link.url)),
    );
    let page = world.follow(&sent).await.unwrap();
    let again = step(report, "later visit", sent_on, world.open(&link.url)).await;
    if world.follow(&again).await.as_ref() != Some(&page) {
        report.lock().unwrap().errors.push(format!("link {number} leads to another session than before"));
    }
    match FATES[number % FATES.len()] {
        Fate::Paid => {
            let back = world.choose(&page, outcome).await.unwrap();
            // The browser comes back, and is reloaded at once.
            tokio::join!(
                step(report, "return", StatusCode::SEE_OTHER, world.open(&back)),
                step(report, "return", StatusCode::SEE_OTHER, world.open(&back)),
            );
            let result = format!("{}/result", link.url);
            step(report, "result", StatusCode::OK, world.open(&result)).await;
        }
        Fate::Cancelled => drop(step(report, "cancel", StatusCode::OK, world.cancel(&link, true)).await),
        Fate::Left => {}
    }
}

/// The stream and the schedule come again and again, until everybody has ended and everything new is served.
async fn serve(world: &FaultyWorld, report: &Mutex<Report>, have_ended: &AtomicBool) {
    let stream = async {
        while !have_ended.load(Ordering::Relaxed) {
            world.bring_stream().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        world.bring_stream().await;
    };
    let schedule = async {
        while !have_ended.load(Ordering::Relaxed) {
            let began = Instant::now();
            let swept = world.sweep().await.unwrap();
            {
                let mut report = report.lock().unwrap();
                report.steps.entry("sweep").or_default().push(began.elapsed());
                report.errors.extend(swept.err());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::join!(stream, schedule);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_links_at_once_end_with_right_books() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let links = std::env::var("LINKS").ok().and_then(|links| links.parse().ok()).unwrap_or(FEW);
    let world = Arc::new(FaultyWorld::start(30).await);
    let report = Arc::new(Mutex::new(Report::default()));
    let have_ended = Arc::new(AtomicBool::new(false));
    let serving = {
        let (world, report, have_ended) = (Arc::clone(&world), Arc::clone(&report), Arc::clone(&have_ended));
        tokio::spawn(async move { serve(&world, &report, &have_ended).await })
    };
    let began = Instant::now();
    let lives = (0..links).map(|number| {
        let (world, report) = (Arc::clone(&world), Arc::clone(&report));
        tokio::spawn(async move { live(&world, &report, number).await })
    });
    for life in join_all(lives).await {
        life.unwrap();
    }
    let lived = began.elapsed();
    have_ended.store(true, Ordering::Relaxed);
    serving.await.unwrap();
    let told = began.elapsed();
    let (messages, events) = (world.cloud.inbox.all().len(), world.cloud.crm.taken().len());
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
    world.live_out().await;
    world.assert_all_is_well(Stage::Ended).await;
    let mut report = report.lock().unwrap();
    let rate = |count: usize, took: Duration| f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64();
    println!("{links} links in {lived:.1?}: {:.0} links a second.", rate(links, lived));
    println!(
        "{messages} messages and {events} events told in {told:.1?}: {:.0} a second.",
        rate(messages + events, told)
    );
    for (name, times) in &mut report.steps {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!("{name}: p50 {:.1?}, p95 {:.1?}, p99 {:.1?}", at(50), at(95), at(99));
    }
    assert!(report.errors.is_empty(), "{} errors: {:#?}", report.errors.len(), report.errors);
}

//! Hundreds of links of two businesses, each through its whole life, all at once, at every gateway, while the stream is served and the
//! schedule comes: how long each step takes, what was refused and what that cost, how much is told in a second, and whether
//! the books are right in the end. `make load LINKS=300`; without `LINKS` a few show that it works. Then one business has a batch
//! of `ROWS=10000` made while the links of another live as usual.
//!
//! Whoever is told 429 or 503 waits as long as the answer says and tries again, the CRM under the same idempotency key and
//! the browser at the same address. All links are wanted at the same moment; at most `AT_ONCE` of them are between their
//! making and their end at once, [`USUAL_AT_ONCE`] where nobody says otherwise, and each CRM has at most [`CRM_CALLS`] calls
//! under way, as programs with a pool of connections do. With far more at once than the machine can serve, calls to the
//! engine take longer than the functions wait for DynamoDB: there one sees what is refused, and that the books are right.
//!
//! The functions run in this process in front of the local cloud, so the figures compare one state of the code with
//! another and say nothing about AWS.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

mod neighbours;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::gateway::GatewayKind;
use futures_util::future::join_all;
use paylink_local::seed::{BAZAAR, DEMO};
use reqwest::header::{REFRESH, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::engine::Engine;
use tests::fault_proxy::Fault;
use tests::faulty_world::{FaultyWorld, Made, key_of};
use tests::invariants::Stage;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::simulation::{Account, gateway_of};

/// The number of links unless `LINKS` names another.
const FEW: usize = 24;

/// At most this many links are under way at once, unless `AT_ONCE` names another number.
const USUAL_AT_ONCE: usize = 200;

/// At most this many calls of one CRM are under way at once. One that was told to wait keeps its place meanwhile.
const CRM_CALLS: usize = 32;

/// The rows of the batch unless `ROWS` names another number.
const FEW_ROWS: usize = 120;

/// So many links of the other business live beside the batch.
const BESIDE: usize = 40;

/// What an integration may call in a second here. The two CRMs together may call oftener than two processors can serve.
const CALLS_PER_SECOND: u32 = 40;

/// How long somebody waits who is told to come back and not when.
const USUAL_WAIT: Duration = Duration::from_secs(5);

/// Whoever has waited this long for an answer gives up, and the test fails.
const PATIENCE: Duration = Duration::from_secs(600);

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

/// How long each step took, what was refused meanwhile, and what was answered that should not have been.
#[derive(Default)]
struct Report {
    /// From the first time that somebody asked until the answer that was no refusal.
    steps: BTreeMap<&'static str, Vec<Duration>>,
    /// The same for those steps alone that were refused at least once.
    held_up: BTreeMap<&'static str, Vec<Duration>>,
    /// How often each step was answered with each of the two statuses that ask for another try.
    refusals: BTreeMap<(&'static str, u16), usize>,
    /// Runs of a schedule that met an error. The next one did their work.
    failed_runs: usize,
    made: Vec<Made>,
    errors: Vec<String>,
}

/// What the lives have in common.
struct Load {
    world: FaultyWorld,
    report: Mutex<Report>,
    /// Places for the links that are under way.
    places: Semaphore,
    /// The pool of each business's CRM.
    pools: BTreeMap<&'static str, Semaphore>,
    have_ended: AtomicBool,
}

/// A load, and what serves it until it has ended.
struct Served {
    load: Arc<Load>,
    serving: JoinHandle<()>,
}

impl Served {
    async fn start(at_once: usize) -> (Self, Engine) {
        let engine = Engine::start().await;
        let load = Arc::new(Load {
            world: FaultyWorld::on_engine(30, &engine, Some(CALLS_PER_SECOND)).await,
            report: Mutex::default(),
            places: Semaphore::new(at_once),
            pools: [DEMO, BAZAAR].map(|business| (business, Semaphore::new(CRM_CALLS))).into(),
            have_ended: AtomicBool::new(false),
        });
        let serving = {
            let load = Arc::clone(&load);
            tokio::spawn(async move { load.serve().await })
        };
        (Self { load, serving }, engine)
    }

    /// Takes links through their life, all wanted at the same moment.
    async fn live(&self, numbers: impl Iterator<Item = usize>) {
        let lives = numbers.map(|number| {
            let load = Arc::clone(&self.load);
            tokio::spawn(async move { load.live(number).await })
        });
        for life in join_all(lives.collect::<Vec<_>>()).await {
            life.unwrap();
        }
    }

    async fn end(self) -> Arc<Load> {
        self.load.have_ended.store(true, Ordering::Relaxed);
        self.serving.await.unwrap();
        self.load
    }
}

/// How long an answer asks to wait before the same is asked again; nothing where it is no such answer.
fn asks_to_wait(reply: &tests::Reply) -> Option<Duration> {
    if ![StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&reply.status) {
        return None;
    }
    let said = reply.headers.get(RETRY_AFTER).or(reply.headers.get(REFRESH)).and_then(|value| value.to_str().ok());
    let seconds = said.and_then(|said| said.split(';').next()?.trim().parse().ok());
    Some(seconds.map_or(USUAL_WAIT, Duration::from_secs))
}

impl Load {
    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap()
    }

    /// Does a step, again as often as somebody is asked to, and notes how long it took and whether the answer is the wanted
    /// one.
    async fn step<F: Future<Output = Option<tests::Reply>>>(
        &self,
        name: &'static str,
        wanted: StatusCode,
        ask: impl Fn() -> F,
    ) -> tests::Reply {
        let (began, mut is_held_up) = (Instant::now(), false);
        let reply = loop {
            let reply = ask().await.unwrap();
            let Some(wait) = asks_to_wait(&reply) else { break reply };
            *self.report().refusals.entry((name, reply.status.as_u16())).or_default() += 1;
            if began.elapsed() + wait > PATIENCE {
                break reply;
            }
            is_held_up = true;
            tokio::time::sleep(wait).await;
        };
        let mut report = self.report();
        report.steps.entry(name).or_default().push(began.elapsed());
        if is_held_up {
            report.held_up.entry(name).or_default().push(began.elapsed());
        }
        if reply.status != wanted {
            report.errors.push(format!("{name}: {} {}", reply.status, reply.text));
        }
        reply
    }

    /// A call of a business's CRM, which waits for a place in its pool.
    async fn crm_step<F: Future<Output = Option<tests::Reply>>>(
        &self,
        business: &str,
        name: &'static str,
        wanted: StatusCode,
        ask: impl Fn() -> F,
    ) -> tests::Reply {
        let _place = self.pools[business].acquire().await.unwrap();
        self.step(name, wanted, ask).await
    }

    /// A link from its making to the page that says it is paid, or to another end.
    async fn live(&self, number: usize) {
        let _place = self.places.acquire().await.unwrap();
        let ((business, account), amount, outcome, sent_on) = ACCOUNTS[number % ACCOUNTS.len()];
        let (world, key) = (&self.world, key_of(business));
        let body = json!({
            "account_id": account, "contact_id": "c-1042", "amount": amount, "recipients": { "contact": true },
        });
        let idempotency_key = format!("load-{number}");
        let made = self
            .crm_step(business, "create", StatusCode::CREATED, || world.create_as(key, &body, &idempotency_key))
            .await;
        let link = Made::read(key, &made.json());
        // Nobody opens a link at the moment at which it is made, and not everybody after the same time.
        tokio::time::sleep(Duration::from_millis(200) * u32::try_from(number % 20).unwrap()).await;
        self.report().made.push(link.clone());
        self.pay(business, &link, number, outcome, sent_on).await;
    }

    /// The customer of a link comes, and does what is the link's fate.
    async fn pay(&self, business: &str, link: &Made, number: usize, outcome: &str, sent_on: StatusCode) {
        let world = &self.world;
        // In two tabs, which are led to the same session.
        let (sent, _) = tokio::join!(
            self.step("first visit", sent_on, || world.open(&link.url)),
            self.step("first visit", sent_on, || world.open(&link.url)),
        );
        let page = world.follow(&sent).await.unwrap();
        let again = self.step("later visit", sent_on, || world.open(&link.url)).await;
        if world.follow(&again).await.as_ref() != Some(&page) {
            self.report().errors.push(format!("link {number} leads to another session than before"));
        }
        match FATES[number % FATES.len()] {
            Fate::Paid => {
                let back = world.choose(&page, outcome).await.unwrap();
                // The browser comes back, and is reloaded at once.
                tokio::join!(
                    self.step("return", StatusCode::SEE_OTHER, || world.open(&back)),
                    self.step("return", StatusCode::SEE_OTHER, || world.open(&back)),
                );
                let result = format!("{}/result", link.url);
                self.step("result", StatusCode::OK, || world.open(&result)).await;
            }
            Fate::Cancelled => {
                let key = format!("cancel-{number}");
                let cancel = || world.cancel_as(link, true, &key);
                drop(self.crm_step(business, "cancel", StatusCode::OK, cancel).await);
            }
            Fate::Left => {}
        }
    }

    /// The stream and the schedules come again and again, until everybody has ended and everything new is served.
    async fn serve(&self) {
        let stream = async {
            while !self.have_ended.load(Ordering::Relaxed) {
                self.world.bring_stream().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.world.bring_stream().await;
        };
        let schedules = async {
            while !self.have_ended.load(Ordering::Relaxed) {
                self.scheduled("sweep", self.world.sweep()).await;
                self.scheduled("send again", self.world.retry_messages()).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::join!(stream, schedules);
        // What the last batches left to the schedule.
        self.scheduled("send again", self.world.retry_messages()).await;
    }

    /// A run of a schedule. Where it meets an error, the next one does its work.
    async fn scheduled(&self, name: &'static str, run: impl Future<Output = Option<Result<Value, String>>>) {
        let began = Instant::now();
        let done = run.await.unwrap();
        let mut report = self.report();
        report.steps.entry(name).or_default().push(began.elapsed());
        report.failed_runs += usize::from(done.is_err());
    }
}

/// How long some took who are a hundredth, a half and so on of all.
fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:.1?}, p95 {:.1?}, p99 {:.1?}, longest {:.1?}", at(50), at(95), at(99), at(100))
}

impl Report {
    /// Whether DynamoDB was out of reach for somebody.
    fn has_trouble(&self) -> bool {
        self.failed_runs > 0 || self.refusals.keys().any(|(_, status)| *status == StatusCode::SERVICE_UNAVAILABLE)
    }

    fn print(&mut self) {
        for (name, times) in &mut self.steps {
            println!("{name}: {}", spread(times));
        }
        if self.refusals.is_empty() {
            println!("Nothing was refused.");
        }
        for ((name, status), times) in &self.refusals {
            println!("{name} was answered {times} times with {status}");
        }
        for (name, times) in &mut self.held_up {
            println!("{name}, the {} that were refused at first, until the answer: {}", times.len(), spread(times));
        }
        println!("{} runs of a schedule failed, and the next did their work.", self.failed_runs);
    }
}

/// A number that somebody may say.
fn said(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

/// How many messages somebody had already got.
fn told_again(world: &FaultyWorld) -> usize {
    let all = world.cloud.inbox.all();
    // Each text has the address of its link in it.
    let different: BTreeSet<(&str, &str)> = all.iter().map(|told| (told.to.as_str(), told.body.as_str())).collect();
    all.len() - different.len()
}

/// When, in milliseconds, the table is out of reach for all functions that somebody waits for, where a load has outages: while
/// links are made, and while customers come.
const OUTAGES: [std::ops::Range<u128>; 2] = [0..1500, 4000..6000];

/// Takes links through their whole life, looks at the books, and answers what was refused.
async fn take_through_life(links: usize, at_once: usize, has_outages: bool) -> BTreeMap<(&'static str, u16), usize> {
    let (served, _engine) = Served::start(at_once).await;
    let load = Arc::clone(&served.load);
    let world = &load.world;
    let began = Instant::now();
    if has_outages {
        let in_front = ["create-link", "crm-api", "pay-redirect", "gateway-webhook"];
        world.proxy.decide(move |_, call| {
            let is_out = OUTAGES.iter().any(|outage| outage.contains(&began.elapsed().as_millis()));
            let is_met = call.service == "dynamodb" && in_front.contains(&call.function.as_str());
            (is_out && is_met).then_some(Fault::Unavailable)
        });
    }
    served.live(0..links).await;
    let lived = began.elapsed();
    served.end().await;
    let told = began.elapsed();
    let (messages, events) = (world.cloud.inbox.all().len(), world.cloud.crm.taken().len());
    let given_up = world.cloud.undelivered.len();
    if given_up > 0 {
        world.replay().await;
    }
    let in_vain = world.brought_in_vain();
    if in_vain > 0 || load.report().has_trouble() {
        // Who sends and cannot write that down sends again.
        load.report().made.iter().for_each(|link| world.allow_resending_twice(link));
    }
    let rate = |count: usize, took: Duration| f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64();
    println!("{links} links, at most {at_once} at once, in {lived:.1?}: {:.0} links a second.", rate(links, lived));
    println!(
        "{messages} messages and {events} events told in {told:.1?}: {:.0} a second.",
        rate(messages + events, told)
    );
    load.report().print();
    println!("{in_vain} times a record of the stream was brought and not served.");
    println!("{given_up} records were given up, and delivered when somebody had them replayed.");
    if world.confirm().await {
        world.assert_all_is_well(Stage::CaughtUp).await;
    } else {
        println!("More is due every minute than this machine does in one: the books are looked at in the end only.");
    }
    world.live_out().await;
    world.assert_all_is_well(Stage::Ended).await;
    println!("{} messages were sent twice.", told_again(world));
    let report = load.report();
    assert!(report.errors.is_empty(), "{} errors: {:#?}", report.errors.len(), report.errors);
    report.refusals.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_links_at_once_end_with_right_books() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let (links, at_once) = (said("LINKS").unwrap_or(FEW), said("AT_ONCE").unwrap_or(USUAL_AT_ONCE));
    take_through_life(links, at_once, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outages_of_the_table_cost_those_time_who_try_again_and_nothing_else() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let refusals = take_through_life(FEW, FEW, true).await;
    assert!(refusals.keys().all(|(_, status)| *status == 503), "{refusals:?}");
    assert!(["create", "first visit"].iter().all(|step| refusals.contains_key(&(*step, 503))), "{refusals:?}");
}

/// The runs of run-batches come, by the queue and by the schedule, until a batch has left this status.
async fn follow(world: &FaultyWorld, batch: &str, until: &str) -> Value {
    let _ = world.bring_hint().await;
    loop {
        let shown = world.get(batch).await;
        if shown["status"] == until {
            return shown;
        }
        assert!(["checking", "running", "closing"].iter().any(|status| shown["status"] == *status), "{shown}");
        let _ = world.run_batches().await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Has a step of a batch taken, and follows it.
async fn take(world: &FaultyWorld, batch: &str, step: &str, until: &str) -> Value {
    let reply = world.crm(Method::POST, &format!("{batch}/{step}"), &json!({}), &[]).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    follow(world, batch, until).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_one_business_is_made_while_another_sells_as_usual() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let rows = said("ROWS").unwrap_or(FEW_ROWS);
    let (served, _engine) = Served::start(USUAL_AT_ONCE).await;
    let load = Arc::clone(&served.load);
    let world = &load.world;
    // Links of the other business.
    let others = || (0..).filter(|number| ACCOUNTS[number % ACCOUNTS.len()].0.0 == BAZAAR).take(BESIDE);
    served.live(others()).await;
    let mut alone = std::mem::take(&mut load.report().steps);
    let row = |number: usize| {
        json!({ "contact_id": "c-1042", "amount": 50_000 + number, "row_key": format!("k-{number}"),
                "recipients": { "emails": [format!("{number}@buyer.example")] } })
    };
    let uploaded: Vec<Value> = (0..rows).map(row).collect();
    let batch = world.upload_rows(&json!({ "account_id": "main" }), &uploaded, "load").await;
    let faster = json!({ "per_minute": 6_000 });
    let began = Instant::now();
    let checked = take(world, &batch, "check", "checked").await;
    assert_eq!(checked["report"]["ready"], rows, "{checked}");
    println!("{rows} rows were checked in {:.1?}.", began.elapsed());
    let began = Instant::now();
    let run = world.crm(Method::POST, &format!("{batch}/run"), &faster, &[]).await.unwrap();
    assert_eq!(run.status, StatusCode::OK, "{}", run.text);
    let numbers = others().map(|number| number + 8 * 1_000);
    let (done, ()) = tokio::join!(follow(world, &batch, "done"), served.live(numbers));
    println!("{rows} rows were made in {:.1?}, of which the rate takes {} s.", began.elapsed(), rows / 100);
    assert_eq!((&done["progress"]["made"], &done["progress"]["failed"]), (&json!(rows), &json!(0)), "{done}");
    let mut beside = std::mem::take(&mut load.report().steps);
    for (name, times) in &mut beside {
        let before = alone.get_mut(name).map(|times| spread(times)).unwrap_or_default();
        println!("{name}: {} beside the batch, {before} without it", spread(times));
    }
    served.end().await;
    world.confirm().await;
    world.bring_stream().await;
    let inbox = world.cloud.inbox.all();
    let to: BTreeSet<&str> =
        inbox.iter().map(|told| told.to.as_str()).filter(|to| to.ends_with("@buyer.example")).collect();
    let sent = inbox.iter().filter(|told| told.to.ends_with("@buyer.example")).count();
    assert_eq!((to.len(), sent), (rows, rows), "each row's payer is told once");
    let links: BTreeSet<String> =
        world.rows_of(&batch).await.iter().map(|row| row["payment_link_id"].to_string()).collect();
    assert_eq!(links.len(), rows, "each row has a link of its own");
    world.check(Stage::CaughtUp).await;
    let report = load.report();
    assert!(report.errors.is_empty(), "{} errors: {:#?}", report.errors.len(), report.errors);
    let refused: Vec<_> = report.refusals.keys().filter(|(_, status)| *status == 503).collect();
    assert!(refused.is_empty(), "the other business was told to come back: {refused:?}");
}

//! Businesses that make much trouble, and one beside them that makes none: what has to become of that one's payment, link,
//! messages and events becomes of them at most one run of a schedule later than if it had the stack to itself.
//!
//! The minutes of a stack pass here one after the other: the sweep runs, the stream brings what is new, batch after batch, and
//! the schedule sends what is due again. What counts is the minute in which something was done, and not how long that took on
//! this machine. `DUE` is how many links of one business end at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use domain::ids::{EventId, LinkId};
use domain::link::{LinkStatus, PaymentLink};
use futures_util::future::join_all;
use paylink_local::crm::SIGNING_SECRET;
use paylink_local::seed::{API_KEY, BAZAAR, BAZAAR_KEY, STRIPE_KEY, STRIPE_WEBHOOK_SECRET, plant_endpoint};
use reqwest::Method;
use serde_json::{Value, json};
use simulators::relay::{Health, Relay, SECRET_HEADER};
use tests::engine::Engine;
use tests::fault_proxy::Fault;
use tests::faulty_world::{FaultyWorld, Made};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The number of links that end at once unless `DUE` names another.
const FEW_DUE: usize = 2_000;

/// The number of attempts at a gateway that is dead, and as many behind a relay that is; of links whose events go to an
/// endpoint that hangs.
const ATTEMPTS: usize = 60;
const TOLD: usize = 120;

const MINUTE: Duration = Duration::from_secs(60);

/// What all that is due has been due for, when the first run comes.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// How long a run of the sweep may take where few links are due: it begins nothing new within the last twelve seconds.
const SOME_SECONDS: Duration = Duration::from_secs(16);

/// Whoever is not served within so many minutes is served too late by far.
const LAST_MINUTE: usize = 5;

/// No call to a gateway lasts as long.
const FOR_EVER: Duration = Duration::from_secs(120);

const DEAD_KEY: &str = "plk_dead_local-crm-key";
const HANGING_KEY: &str = "plk_hanging_local-crm-key";
const RELAY_SECRET: &str = "the-secret-of-the-relay";

/// What a business does to its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Very many of its links end at the same time.
    ManyDue,
    /// Many of its customers may be paying at a gateway that answers nothing, and many at one that it reaches through a relay
    /// of its own, which answers nothing either.
    DeadGateway,
    /// Many events wait for its endpoint, which takes them and never answers.
    HangingEndpoint,
}

use Trouble::{DeadGateway, HangingEndpoint, ManyDue};

/// What has to become of the quiet business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    Confirmed,
    ConfirmedTold,
    Ended,
    EndedTold,
    MessageSent,
    MadeTold,
    MessageSentAgain,
    EventSentAgain,
}

const FACTS: [(Fact, &str); 8] = [
    (Fact::Confirmed, "a payment that nobody reported is confirmed"),
    (Fact::ConfirmedTold, "the CRM has its events"),
    (Fact::Ended, "a link past its end has ended"),
    (Fact::EndedTold, "the CRM has its events"),
    (Fact::MessageSent, "the message of a new link is sent"),
    (Fact::MadeTold, "the CRM has its events"),
    (Fact::MessageSentAgain, "a message that failed at first is sent"),
    (Fact::EventSentAgain, "an event that failed at first is sent"),
];

/// When something was first seen to be so.
#[derive(Clone, Copy, Debug)]
struct Seen {
    minute: usize,
    by: Runner,
}

/// What was running then.
#[derive(Clone, Copy, Debug)]
enum Runner {
    Sweep,
    /// The stream had brought this many batches in that minute.
    Stream(usize),
    Schedule,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.by {
            Runner::Sweep => write!(f, "{}, sweep", self.minute),
            Runner::Stream(batches) => write!(f, "{}, batch {batches}", self.minute),
            Runner::Schedule => write!(f, "{}, schedule", self.minute),
        }
    }
}

/// The links of the quiet business.
struct Quiet {
    /// It was paid at Stripe, and the customer closed the browser.
    paid: Made,
    /// It ends, later than all links of its neighbours.
    ends: Made,
    /// Its message and its event failed for now.
    failed: Made,
    /// It is made while its neighbours are at their worst.
    new: Option<Made>,
}

const FIRST_FAILED: &str = "failed@bazaar.example";
const NEW: &str = "new@bazaar.example";

/// How much the runs of a minute did, and how long they took here.
struct Minute {
    sweep: Duration,
    swept: Value,
    stream: Duration,
    batches: usize,
    longest_batch: Duration,
    schedule: Duration,
}

/// What was seen in one world.
struct Scene {
    name: &'static str,
    seen: BTreeMap<Fact, Seen>,
    minutes: Vec<Minute>,
}

/// A world with some trouble in it.
struct Neighbourhood<'a> {
    world: &'a FaultyWorld,
    quiet: Quiet,
    /// How long a run of the sweep may take.
    sweep_time: Duration,
    seen: BTreeMap<Fact, Seen>,
}

async fn stored(world: &FaultyWorld, link: &Made) -> PaymentLink {
    world.cloud.store.link(&LinkId::parse(&link.id).unwrap()).await.unwrap().unwrap()
}

/// Whether the endpoint of the quiet business took everything that happened to a link.
fn is_told(link: &PaymentLink, taken: &BTreeSet<(String, String)>) -> bool {
    let events = link.outbox().as_slice().iter();
    events
        .map(|event| EventId::of(link.id(), event.sequence))
        .all(|id| taken.contains(&(BAZAAR.to_owned(), id.to_string())))
}

impl Neighbourhood<'_> {
    /// Notes what is so by now and was not before.
    async fn look(&mut self, minute: usize, by: Runner) {
        let (world, taken) = (self.world, self.world.cloud.crm.taken());
        let sent_to = |to: &str| world.cloud.inbox.all().iter().any(|message| message.to == to);
        let paid = stored(world, &self.quiet.paid).await;
        let ends = stored(world, &self.quiet.ends).await;
        let failed = stored(world, &self.quiet.failed).await;
        let is_paid = matches!(paid.status_at(world.now()), LinkStatus::Paid { .. });
        // To every reader it has ended already. Once the sweep has written that down, nothing of it is due.
        let has_ended = ends.due_at().is_none();
        let mut facts = vec![
            (Fact::Confirmed, is_paid),
            (Fact::ConfirmedTold, is_paid && is_told(&paid, &taken)),
            (Fact::Ended, has_ended),
            (Fact::EndedTold, has_ended && is_told(&ends, &taken)),
            (Fact::MessageSentAgain, sent_to(FIRST_FAILED)),
            (Fact::EventSentAgain, is_told(&failed, &taken)),
        ];
        if let Some(new) = &self.quiet.new {
            let new = stored(world, new).await;
            facts.extend([(Fact::MessageSent, sent_to(NEW)), (Fact::MadeTold, is_told(&new, &taken))]);
        }
        for (fact, _) in facts.into_iter().filter(|(_, is_so)| *is_so) {
            self.seen.entry(fact).or_insert(Seen { minute, by });
        }
    }

    /// Lets a minute of the stack pass.
    async fn pass(&mut self, minute: usize) -> Minute {
        let world = self.world;
        let began = Instant::now();
        let swept = world.sweep_within(self.sweep_time).await.unwrap();
        let sweep = began.elapsed();
        self.look(minute, Runner::Sweep).await;
        if self.quiet.new.is_none() {
            self.quiet.new = Some(quiet_link(world, "new", "main", json!({ "emails": [NEW] }), 7 * 24).await);
        }
        let began = Instant::now();
        let (mut batches, mut longest_batch, mut last) = (0, Duration::ZERO, began);
        let this = &mut *self;
        world
            .bring_stream_and_look(async || {
                batches += 1;
                longest_batch = longest_batch.max(last.elapsed());
                this.look(minute, Runner::Stream(batches)).await;
                last = Instant::now();
            })
            .await;
        let stream = began.elapsed();
        let began = Instant::now();
        world.retry_messages().await.unwrap().unwrap();
        let schedule = began.elapsed();
        self.look(minute, Runner::Schedule).await;
        let wrong = world.look();
        assert!(wrong.is_empty(), "{wrong:#?}");
        Minute { sweep, swept, stream, batches, longest_batch, schedule }
    }
}

/// Makes a link that ends after so many hours.
async fn link(world: &FaultyWorld, key: &'static str, name: &str, body: Value, hours: i64) -> Made {
    let ends_at = world.now() + jiff::SignedDuration::from_hours(hours);
    let mut body = body;
    body["contact_id"] = json!("c-1042");
    body["expires_at"] = json!(ends_at.to_string());
    world.make_link_as(key, &body, name).await
}

async fn quiet_link(world: &FaultyWorld, name: &str, account: &str, recipients: Value, hours: i64) -> Made {
    let body = json!({ "account_id": account, "amount": 1999, "recipients": recipients });
    link(world, BAZAAR_KEY, name, body, hours).await
}

/// Some links of a business, made at an account one beside the other.
async fn links(world: &FaultyWorld, key: &'static str, account: &str, number: usize) -> Vec<Made> {
    let names: Vec<String> = (0..number).map(|number| format!("{account}-{number}")).collect();
    let mut made = Vec::new();
    for names in names.chunks(20) {
        let some = names.iter().map(|name| {
            let body = json!({ "account_id": account, "amount": 1999, "recipients": {} });
            link(world, key, name, body, 7 * 24)
        });
        made.extend(join_all(some).await);
    }
    made
}

/// What the quiet business had begun before its neighbours made trouble.
async fn begin(world: &FaultyWorld) -> Quiet {
    let failed = quiet_link(world, "failed", "main", json!({ "emails": [FIRST_FAILED] }), 7 * 24).await;
    world.proxy.decide(|_, call| (call.service == "ses" || call.service == "crm").then_some(Fault::Unavailable));
    world.bring_stream().await;
    world.proxy.record();
    let paid = quiet_link(world, "paid", "main", json!({}), 7 * 24).await;
    let page = world.go_to_gateway(&paid).await;
    world.choose(&page, "paid_silent").await;
    let ends = quiet_link(world, "ends", "main", json!({}), 1).await;
    world.bring_stream().await;
    Quiet { paid, ends, failed, new: None }
}

/// A server that takes connections, reads nothing and answers nothing.
async fn black_hole() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://127.0.0.1:{}/events", listener.local_addr().unwrap().port());
    let task = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            taken.push(connection);
        }
    });
    (url, task)
}

/// Customers of a business are sent to two gateways, one of them through a relay of the business, and no more is heard of
/// either. What is returned keeps the relay.
async fn kill_gateway(world: &FaultyWorld) -> Relay {
    world.add_business("dead", DEAD_KEY, &["mollie"]).await;
    let proxy = world.proxy.page_url();
    let host = proxy.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let relay = Relay::start(RELAY_SECRET, &[host.as_str()]).await.unwrap();
    let through = json!({ "url": relay.url(), "header": SECRET_HEADER, "secret": RELAY_SECRET, "seconds": 15 });
    let credentials = json!({ "secret_key": STRIPE_KEY, "webhook_secret": STRIPE_WEBHOOK_SECRET });
    let online = json!({ "enabled": true, "gateway": "stripe", "credentials": credentials, "relay": through });
    let account = json!({ "name": "Relayed", "currency": "EUR", "mode": "sandbox", "online_payment": online });
    let written = world.crm_as(DEAD_KEY, Method::PUT, "/v1/accounts/relayed", &account, &[]).await.unwrap();
    assert!(written.status.is_success(), "{}", written.text);
    for account in ["mollie", "relayed"] {
        for some in links(world, DEAD_KEY, account, ATTEMPTS).await.chunks(20) {
            join_all(some.iter().map(|link| world.go_to_gateway(link))).await;
        }
    }
    assert!(relay.passed_on().len() >= ATTEMPTS);
    relay.set_health(Health::Silent);
    relay
}

/// What is seen of the quiet business beside such neighbours.
async fn scene(name: &'static str, troubles: &[Trouble], due: usize, sweep_time: Duration) -> Scene {
    let engine = Engine::start().await;
    let world = FaultyWorld::on_engine(3600, &engine, None).await;
    let quiet = begin(&world).await;
    let has = |trouble| troubles.contains(&trouble);
    if has(ManyDue) {
        let pattern = link(&world, API_KEY, "pattern", json!({ "account_id": "main", "amount": 50_000 }), 1).await;
        let table = world.cloud.store.table();
        let pattern = engine.link(table, &LinkId::parse(&pattern.id).unwrap());
        let before_the_other = world.now() + MINUTE;
        engine.put_due(table, &pattern, due, before_the_other);
    }
    let relay = if has(DeadGateway) { Some(kill_gateway(&world).await) } else { None };
    let hole = if has(HangingEndpoint) {
        let business = world.add_business("hanging", HANGING_KEY, &["mollie"]).await;
        let (url, hole) = black_hole().await;
        plant_endpoint(&world.cloud.store.of(&business), &url, SIGNING_SECRET).await.unwrap();
        links(&world, HANGING_KEY, "mollie", TOLD).await;
        Some(hole)
    } else {
        None
    };
    world.proxy.decide(move |_, call| {
        (call.service == "mollie" && call.function == "expire-links").then_some(Fault::Delay(FOR_EVER))
    });
    world.turn_time(AN_HOUR + MINUTE);
    let mut neighbourhood = Neighbourhood { world: &world, quiet, sweep_time, seen: BTreeMap::new() };
    let mut minutes = Vec::new();
    while neighbourhood.seen.len() < FACTS.len() && minutes.len() < LAST_MINUTE {
        minutes.push(neighbourhood.pass(minutes.len() + 1).await);
        world.turn_time(MINUTE);
    }
    drop((relay, hole.map(|hole| hole.abort())));
    Scene { name, seen: neighbourhood.seen, minutes }
}

/// The scenes as a table: a row for each fact, and how much the first minute did.
fn print(scenes: &[Scene]) {
    let row = |first: &str, cells: &[String]| println!("| {first} | {} |", cells.join(" | "));
    row("beside the quiet business", &scenes.iter().map(|scene| scene.name.to_owned()).collect::<Vec<_>>());
    println!("|{}", "---|".repeat(scenes.len() + 1));
    for (fact, what) in FACTS {
        let when = |scene: &Scene| scene.seen.get(&fact).map_or("never".to_owned(), Seen::to_string);
        row(what, &scenes.iter().map(when).collect::<Vec<_>>());
    }
    let first = |of: fn(&Minute) -> String| scenes.iter().map(|scene| of(&scene.minutes[0])).collect::<Vec<_>>();
    row("links that the first sweep ended", &first(|minute| minute.swept["expired"].to_string()));
    row(
        "questions that it asked gateways, and left",
        &first(|minute| format!("{}, {}", minute.swept["asked"], minute.swept["left"])),
    );
    row("seconds that it took", &first(|minute| format!("{:.1}", minute.sweep.as_secs_f64())));
    row("batches of the stream then", &first(|minute| minute.batches.to_string()));
    row(
        "seconds that they took, the longest of them",
        &first(|minute| format!("{:.1}, {:.1}", minute.stream.as_secs_f64(), minute.longest_batch.as_secs_f64())),
    );
    row("seconds of the schedule that sends again", &first(|minute| format!("{:.1}", minute.schedule.as_secs_f64())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_trouble_others_make_a_business_is_served_at_most_one_run_of_a_schedule_later() {
    let _alone = crate::ONE_AT_A_TIME.lock().await;
    let said = super::said("DUE");
    let (due, sweep_time) = said.map_or((FEW_DUE, SOME_SECONDS), |due| (due, expire_links::TIME));
    let mut scenes = vec![scene("nobody", &[], due, sweep_time).await];
    if said.is_some() {
        scenes.push(scene("many links that end", &[ManyDue], due, sweep_time).await);
        scenes.push(scene("dead gateways", &[DeadGateway], due, sweep_time).await);
        scenes.push(scene("an endpoint that hangs", &[HangingEndpoint], due, sweep_time).await);
    }
    scenes.push(scene("all of these", &[ManyDue, DeadGateway, HangingEndpoint], due, sweep_time).await);
    println!("{due} links end at once.");
    print(&scenes);
    let alone = &scenes[0].seen;
    for scene in &scenes {
        for (fact, what) in FACTS {
            let (minute, at_most) = (scene.seen.get(&fact).map(|seen| seen.minute), alone[&fact].minute + 1);
            assert!(
                minute.is_some_and(|minute| minute <= at_most),
                "{what} in minute {minute:?} beside {}",
                scene.name
            );
        }
    }
}

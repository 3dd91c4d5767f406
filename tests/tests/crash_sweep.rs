//! What happens if it dies here? For every "here": each flow is run once to learn which calls it makes, and then once
//! more for every one of them and every way in which it can go wrong. Afterwards the world goes on as it really would,
//! and in the end everything is as if nothing had happened.
//!
//! `make test-crashes` sweeps every point. Without `PAYLINK_EVERY_POINT` only a few flows and points are tried, which shows
//! that the machinery works and little more.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

/// One in so many points is tried where not all are asked for, and one in so many flows.
const POINT_SAMPLE: usize = 37;
const FLOW_SAMPLE: usize = 5;

/// So many points are tried in one world.
const WORLD_LASTS: usize = 24;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gateway {
    Zarinpal,
    Stripe,
}

impl Gateway {
    /// How the customer pays and closes the browser, nobody else telling us.
    fn silent(self) -> &'static str {
        match self {
            Self::Zarinpal => "paid_no_return",
            Self::Stripe => "paid_silent",
        }
    }

    /// How the customer pays and is sent back, nobody else telling us.
    fn returning(self) -> &'static str {
        match self {
            Self::Zarinpal => "paid",
            Self::Stripe => "paid_no_webhook",
        }
    }
}

use Gateway::{Stripe, Zarinpal};

/// One run of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Create,
    CreateWithReference,
    FirstVisit(Gateway),
    LaterVisit(Gateway),
    /// The customer comes back, and does not try again where that fails.
    ReturnPaid(Gateway),
    /// The customer comes back, and reloads until there is a page.
    ReturnPaidAndReload(Gateway),
    ReturnCancelled(Gateway),
    WebhookPaid,
    WebhookExpired,
    SweepExpires,
    SweepFindsThePayment(Gateway),
    /// Two attempts of one account are found by the gateway's list.
    SweepFindsByList,
    SweepResumes,
    SweepGivesBack(Gateway),
    SweepCloses,
    /// A person accepts money under review.
    Resolve,
    /// What a person accepted is written down.
    SweepKeeps,
    Cancel,
    Deliver,
    DeliverAgain,
    /// The CRM's endpoint was out of order, and the schedule sends the events again.
    DeliverEventsAgain,
}

const FLOWS: [Flow; 28] = [
    Flow::Create,
    Flow::CreateWithReference,
    Flow::FirstVisit(Zarinpal),
    Flow::FirstVisit(Stripe),
    Flow::LaterVisit(Zarinpal),
    Flow::LaterVisit(Stripe),
    Flow::ReturnPaid(Zarinpal),
    Flow::ReturnPaid(Stripe),
    Flow::ReturnPaidAndReload(Zarinpal),
    Flow::ReturnPaidAndReload(Stripe),
    Flow::ReturnCancelled(Zarinpal),
    Flow::ReturnCancelled(Stripe),
    Flow::WebhookPaid,
    Flow::WebhookExpired,
    Flow::SweepExpires,
    Flow::SweepFindsThePayment(Zarinpal),
    Flow::SweepFindsThePayment(Stripe),
    Flow::SweepFindsByList,
    Flow::SweepResumes,
    Flow::SweepGivesBack(Zarinpal),
    Flow::SweepGivesBack(Stripe),
    Flow::SweepCloses,
    Flow::Resolve,
    Flow::SweepKeeps,
    Flow::Cancel,
    Flow::Deliver,
    Flow::DeliverAgain,
    Flow::DeliverEventsAgain,
];

/// What a flow has to do with.
#[derive(Debug)]
struct Scene {
    body: Value,
    key: String,
    link: Option<Made>,
    /// Where the gateway sent the browser back to.
    back: String,
    /// Stripe's session.
    session: String,
}

impl Scene {
    fn link(&self) -> &Made {
        self.link.as_ref().unwrap()
    }
}

impl Flow {
    fn gateway(self) -> Gateway {
        match self {
            Self::FirstVisit(gateway)
            | Self::LaterVisit(gateway)
            | Self::ReturnPaid(gateway)
            | Self::ReturnPaidAndReload(gateway)
            | Self::ReturnCancelled(gateway)
            | Self::SweepFindsThePayment(gateway)
            | Self::SweepGivesBack(gateway) => gateway,
            Self::WebhookPaid | Self::WebhookExpired | Self::SweepCloses | Self::Resolve | Self::SweepKeeps => Stripe,
            Self::Create
            | Self::CreateWithReference
            | Self::SweepExpires
            | Self::SweepFindsByList
            | Self::SweepResumes
            | Self::Cancel
            | Self::Deliver
            | Self::DeliverAgain
            | Self::DeliverEventsAgain => Zarinpal,
        }
    }

    fn body(self, key: &str) -> Value {
        let mut body = match self.gateway() {
            Zarinpal => json!({
                "account_id": "main", "item_id": "inv-77", "amount": 50_000, "expires_in_days": 7,
                "after_payment": { "receipt_field": "settlement" },
            }),
            Stripe => json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "expires_in_days": 7 }),
        };
        match self {
            Self::CreateWithReference => body["reference_id"] = json!(key),
            Self::Deliver => body["recipients"] = json!({ "contact": true }),
            Self::DeliverAgain => body["recipients"] = json!({ "emails": ["somebody@example.com"] }),
            _ => {}
        }
        body
    }

    /// Everything before the run that is looked at.
    async fn prepare(self, world: &FaultyWorld, key: String) -> Scene {
        let mut scene = Scene { body: self.body(&key), key, link: None, back: String::new(), session: String::new() };
        if matches!(self, Self::Create | Self::CreateWithReference) {
            return scene;
        }
        let link = world.make_link(&scene.body, &scene.key).await;
        scene.link = Some(link.clone());
        match self {
            Self::Create | Self::CreateWithReference | Self::FirstVisit(_) | Self::Deliver => return scene,
            Self::SweepExpires => {
                world.turn_time(8 * 24 * 60 * MINUTE);
                return scene;
            }
            Self::DeliverAgain | Self::DeliverEventsAgain => {
                let silent = if self == Self::DeliverAgain { "ses" } else { "crm" };
                world.proxy.decide(move |_, call| (call.service == silent).then_some(Fault::Unavailable));
                world.bring_stream().await;
                world.proxy.record();
                world.turn_time(2 * MINUTE);
                return scene;
            }
            _ => {}
        }
        let page = world.go_to_gateway(&link).await;
        scene.session = page.rsplit('/').next().unwrap().to_owned();
        match self {
            Self::LaterVisit(_) => world.turn_time(MINUTE),
            Self::ReturnPaid(gateway) | Self::ReturnPaidAndReload(gateway) => {
                scene.back = world.choose(&page, gateway.returning()).await.unwrap();
            }
            Self::ReturnCancelled(_) => scene.back = world.choose(&page, "cancelled").await.unwrap(),
            Self::WebhookPaid => {
                world.choose(&page, Stripe.silent()).await;
            }
            Self::WebhookExpired => world.turn_time(32 * MINUTE),
            Self::SweepFindsThePayment(gateway) => {
                world.choose(&page, gateway.silent()).await;
                world.turn_time(MINUTE);
            }
            Self::SweepFindsByList => {
                world.choose(&page, Zarinpal.silent()).await;
                let other = world.make_link(&scene.body, &format!("{}-other", scene.key)).await;
                let page = world.go_to_gateway(&other).await;
                world.choose(&page, Zarinpal.silent()).await;
                world.turn_time(MINUTE);
            }
            Self::SweepResumes => {
                let back = world.choose(&page, Zarinpal.returning()).await.unwrap();
                world.proxy.decide(|_, call| (call.operation == "verify").then_some(Fault::DieAfter));
                assert!(world.open(&back).await.is_none(), "the function died when it had taken the money");
                world.proxy.record();
                world.turn_time(MINUTE);
            }
            Self::SweepGivesBack(gateway) => {
                world.cancel(&link, true).await.unwrap();
                world.choose(&page, gateway.silent()).await;
                if gateway == Zarinpal {
                    world.at_zarinpal(&scene.session, "auto_verify").await;
                }
                world.sweep().await.unwrap().unwrap();
            }
            Self::SweepCloses => {
                world.cancel(&link, true).await.unwrap();
            }
            Self::Resolve | Self::SweepKeeps => {
                let back = world.choose(&page, "paid_less").await.unwrap();
                world.open(&back).await.unwrap();
                if self == Self::SweepKeeps {
                    world.resolve(&link, "keep", &scene.key).await.unwrap();
                }
            }
            _ => {}
        }
        scene
    }

    /// The run whose every call is looked at. Answers whether whoever asked got an answer that ends their asking.
    async fn step(self, world: &FaultyWorld, scene: &Scene) -> bool {
        let is_answered = |reply: Option<tests::Reply>| reply.is_some_and(|reply| !reply.status.is_server_error());
        match self {
            Self::Create | Self::CreateWithReference => {
                let reply = world.create(&scene.body, &scene.key).await;
                reply.is_some_and(|reply| reply.status == StatusCode::CREATED)
            }
            Self::FirstVisit(_) => world.visit(scene.link()).await.is_some(),
            Self::LaterVisit(_) => is_answered(world.open(&scene.link().url).await),
            Self::ReturnPaid(_) | Self::ReturnPaidAndReload(_) | Self::ReturnCancelled(_) => {
                is_answered(world.open(&scene.back).await)
            }
            Self::WebhookPaid => is_answered(world.webhook(&scene.session, "checkout.session.completed").await),
            Self::WebhookExpired => is_answered(world.webhook(&scene.session, "checkout.session.expired").await),
            Self::SweepExpires
            | Self::SweepFindsThePayment(_)
            | Self::SweepFindsByList
            | Self::SweepResumes
            | Self::SweepGivesBack(_)
            | Self::SweepKeeps
            | Self::SweepCloses => matches!(world.sweep().await, Some(Ok(_))),
            Self::Resolve => is_answered(world.resolve(scene.link(), "keep", &scene.key).await),
            Self::Cancel => is_answered(world.cancel(scene.link(), true).await),
            Self::Deliver => {
                world.bring_stream().await;
                true
            }
            Self::DeliverAgain | Self::DeliverEventsAgain => matches!(world.retry_messages().await, Some(Ok(_))),
        }
    }

    /// Whether whoever asked asks again until there is an answer. The customer of some flows does not, and a schedule
    /// comes by itself.
    fn is_asked_again(self) -> bool {
        match self {
            Self::Create
            | Self::CreateWithReference
            | Self::FirstVisit(_)
            | Self::LaterVisit(_)
            | Self::ReturnPaidAndReload(_)
            | Self::WebhookPaid
            | Self::WebhookExpired
            | Self::Resolve
            | Self::Cancel => true,
            Self::ReturnPaid(_)
            | Self::ReturnCancelled(_)
            | Self::SweepExpires
            | Self::SweepFindsThePayment(_)
            | Self::SweepFindsByList
            | Self::SweepResumes
            | Self::SweepGivesBack(_)
            | Self::SweepCloses
            | Self::SweepKeeps
            | Self::Deliver
            | Self::DeliverAgain
            | Self::DeliverEventsAgain => false,
        }
    }
}

/// A call, by its kind and its number among those of its kind, and how it goes wrong. Where a link waits in the index is
/// random, so that its number among all calls would mean another call in each run.
#[derive(Clone, Debug)]
struct Point {
    call: Call,
    number: usize,
    fault: Fault,
}

impl Point {
    /// Every way in which every one of these calls can go wrong.
    fn all_of(calls: &[Call]) -> impl Iterator<Item = Self> {
        calls.iter().enumerate().flat_map(|(at, call)| {
            let number = calls[..at].iter().filter(|earlier| *earlier == call).count();
            Fault::ALL.map(|fault| Self { call: call.clone(), number, fault })
        })
    }

    /// Whether a message may have been handed to its provider without anybody noting it: the one documented place where
    /// somebody is told twice.
    fn may_tell_twice(&self, calls: &[Call]) -> bool {
        let is_sending = |call: &Call| ["sns", "ses"].contains(&call.service.as_str());
        let is_it = |(at, call): (usize, &Call)| {
            (*call == self.call && calls[..at].iter().filter(|earlier| *earlier == call).count() == self.number)
                .then_some(at)
        };
        match calls.iter().enumerate().find_map(is_it) {
            // Several messages are sent at once, and all of their senders die together: one that was claimed may be on
            // its way although nobody has seen it pass yet.
            Some(_) if self.fault.is_deadly() => {
                let claims = calls.iter().filter(|call| call.operation == "PutItem").count();
                claims > 1 || calls.iter().any(is_sending)
            }
            Some(at) => calls[..=at].iter().any(is_sending),
            None => false,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {} number {}", self.fault, self.call, self.number)
    }
}

/// What one run of a flow came to.
struct Run {
    calls: Vec<Call>,
    truth: String,
    wrong: Vec<String>,
}

async fn run(flow: Flow, world: &FaultyWorld, number: usize, point: Option<&Point>) -> Run {
    let key = format!("{flow:?}-{number}").replace(['(', ')'], "-");
    let mut scene = flow.prepare(world, key).await;
    match point {
        Some(point) => world.proxy.fault_at(point.call.clone(), point.number, point.fault),
        None => world.proxy.record(),
    }
    let mut is_answered = flow.step(world, &scene).await;
    let calls = world.proxy.calls();
    world.proxy.record();
    for _ in 0..3 {
        if flow.is_asked_again() && !is_answered {
            is_answered = flow.step(world, &scene).await;
        }
    }
    if scene.link.is_none() {
        // Whoever made the link finds it by asking once more.
        scene.link = Some(world.make_link(&scene.body, &scene.key).await);
    }
    if point.is_some_and(|point| point.may_tell_twice(&calls)) {
        world.allow_telling_twice(scene.link());
    }
    world.settle().await;
    let (mut wrong, evidence) = world.check(Stage::Settled).await;
    let truth = evidence.truth_of(&scene.link().id);
    world.live_out().await;
    wrong.extend(world.check(Stage::Ended).await.0);
    Run { calls, truth, wrong }
}

/// Sweeps one flow: how many points were tried, and what was wrong at which.
async fn sweep(flow: Flow, every: usize) -> (usize, Vec<String>) {
    let mut world = FaultyWorld::start(0).await;
    let plain = run(flow, &world, 0, None).await;
    assert!(plain.wrong.is_empty(), "{flow:?} goes wrong by itself: {:#?}", plain.wrong);
    let (mut tried, mut found) = (0, Vec::new());
    for (number, point) in Point::all_of(&plain.calls).enumerate().skip(every / 2).step_by(every) {
        // What is checked is a whole table, which should not hold the links of hundreds of points.
        if tried % WORLD_LASTS == WORLD_LASTS - 1 {
            world = FaultyWorld::start(0).await;
        }
        let run = run(flow, &world, number + 1, Some(&point)).await;
        tried += 1;
        found.extend(run.wrong.iter().map(|wrong| format!("{flow:?}, {point}: {wrong}")));
        if run.truth != plain.truth {
            found.push(format!("{flow:?}, {point}: {} instead of {}", run.truth, plain.truth));
        }
        if !run.wrong.is_empty() {
            // What is wrong stays wrong in this world.
            break;
        }
    }
    println!("{flow:?}: {} calls, {tried} points, in the end {}", plain.calls.len(), plain.truth);
    (tried, found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_function_stops_the_world_ends_as_if_it_had_not() {
    let is_whole = std::env::var_os("PAYLINK_EVERY_POINT").is_some();
    let (every_flow, every) = if is_whole { (1, 1) } else { (FLOW_SAMPLE, POINT_SAMPLE) };
    let only = std::env::var("PAYLINK_FLOW").unwrap_or_default();
    let flows = FLOWS.into_iter().step_by(every_flow).filter(|flow| format!("{flow:?}").contains(&only));
    let swept = join_all(flows.map(|flow| tokio::spawn(sweep(flow, every)))).await;
    let (mut points, mut found) = (0, Vec::new());
    for flow in swept {
        let (tried, wrong) = flow.unwrap();
        points += tried;
        found.extend(wrong);
    }
    println!("{points} points were swept.");
    assert!(found.is_empty(), "{} of {points} points: {found:#?}", found.len());
}

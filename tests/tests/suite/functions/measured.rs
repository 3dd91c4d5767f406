//! What the functions measure, as CloudWatch would read it: every alarm watches one of these figures.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use paylink_local::seed::STRIPE_KEY;
use reqwest::Method;
use serde_json::{Value, json};
use tests::World;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::FaultyWorld;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Hears every measurement of the functions that run on this thread, as long as the guard lives.
#[derive(Clone, Debug, Default)]
struct Measured(Arc<Mutex<Vec<Value>>>);

/// Where there is one subscriber alone, a place in the code that is first reached on another thread is taken to be of no
/// interest to anybody. With a second one, which hears nothing, all are asked.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Measured::default()));

impl Measured {
    fn start() -> (Self, DefaultGuard) {
        LazyLock::force(&ANOTHER);
        let measured = Self::default();
        let guard = tracing::subscriber::set_default(measured.clone());
        (measured, guard)
    }

    /// All figures of a name since this was last asked for any.
    fn take(&self, name: &str) -> Vec<u64> {
        self.lines(name).iter().filter_map(|line| line[name].as_u64()).collect()
    }

    /// The lines that have a figure of this name, since this was last asked for any.
    fn lines(&self, name: &str) -> Vec<Value> {
        let mut lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        lines.retain(|line| line[name].is_u64());
        lines
    }
}

impl Subscriber for Measured {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "measurements"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut LogLine(self));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct LogLine<'a>(&'a Measured);

impl Visit for LogLine<'_> {
    fn record_str(&mut self, _: &Field, line: &str) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(serde_json::from_str(line).unwrap());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[tokio::test]
async fn due_work_that_meets_an_error_of_ours_is_counted_although_the_run_ends_well() {
    let (measured, _guard) = Measured::start();
    let world = FaultyWorld::start(3600).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "recipients": {} });
    let link = world.make_link(&body, "a-link").await;
    world.go_to_gateway(&link).await;
    world.turn_time(Duration::from_secs(61));
    // The credentials cannot be read, so that no gateway is ever asked.
    let is_reading = |call: &Call| call.function == "expire-links" && call.operation == "GetItem";
    world.proxy.decide(move |_, call| is_reading(call).then_some(Fault::Unavailable));
    let swept = world.sweep().await.unwrap().unwrap();
    assert_eq!((&swept["asked"], &swept["failed"], &swept["left"]), (&json!(0), &json!(1), &json!(1)));
    assert_eq!(measured.take("DueFailed"), [1]);
    world.proxy.record();
    world.turn_time(Duration::from_secs(600));
    let swept = world.sweep().await.unwrap().unwrap();
    assert_eq!((&swept["asked"], &swept["failed"]), (&json!(1), &json!(0)));
    assert_eq!(measured.take("DueFailed"), [0]);
}

#[tokio::test]
async fn what_waits_to_be_told_again_has_an_age_and_the_run_that_comes_for_it_is_counted() {
    let (measured, _guard) = Measured::start();
    let world = World::in_process().await;
    world.answer_events(json!({ "status": 500 })).await;
    let link = world.rial_link().await;
    for _ in 0..200 {
        if !world.crm_events(&link).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The stream goes on calling the function; its schedule does not come for ten minutes.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(measured.take("RetryRuns").is_empty(), "the stream is not the schedule");
    world.turn_clock(Duration::from_secs(600));
    let schedule = json!({ "source": "schedule" });
    assert_eq!(world.invoke("deliver-messages", &schedule).await["events"], 1);
    let due = measured.lines("OldestDueAge");
    let of = |kind: &str| due.iter().find(|line| line["Kind"] == kind).unwrap();
    assert_eq!((of("messages")["DueFound"].as_u64(), of("messages")["OldestDueAge"].as_u64()), (Some(0), Some(0)));
    assert_eq!(of("events")["DueFound"], 1);
    assert!(of("events")["OldestDueAge"].as_u64().unwrap() > 400, "{due:?}");
    world.invoke("deliver-messages", &schedule).await;
    assert_eq!(measured.take("RetryRuns"), [1]);
}

#[tokio::test]
async fn what_a_check_of_an_account_is_refused_counts_in_no_alarm_and_what_a_visit_is_refused_does() {
    let (measured, _guard) = Measured::start();
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let revoke = format!("{}/stripe/simulator/revoke_key", world.cloud.page_url());
    let key = json!({ "key": STRIPE_KEY }).to_string();
    world.send(Method::POST, &revoke, &[("content-type", "application/json")], Some(key)).await;
    for figure in ["GatewayCalls", "GatewayErrors", "GatewayRefusals"] {
        let checked = world.crm(Method::POST, "/v1/accounts/euro/check", Value::Null).await.json();
        assert_eq!(checked["credentials"]["status"], "refused");
        assert!(measured.take(figure).is_empty(), "{figure}");
        world.open(link["url"].as_str().unwrap()).await;
        assert!(!measured.take(figure).is_empty(), "{figure}");
    }
}

#[tokio::test]
async fn each_try_of_a_message_counts_beside_its_provider_as_what_became_of_it() {
    let (measured, _guard) = Measured::start();
    let world = World::in_process().await;
    let figures = |lines: &[Value]| {
        let of = |line: &Value, name: &str| line[name].as_u64().unwrap();
        let tries = lines.iter().map(|line| {
            (
                line["Provider"].as_str().unwrap().to_owned(),
                ["MessagesSent", "MessagesWaiting", "MessagesFailed"].map(|name| of(line, name)),
            )
        });
        tries.collect::<Vec<_>>()
    };
    for (address, expected) in [("someone", [1, 0, 0]), ("throttle", [0, 1, 0]), ("reject", [0, 0, 1])] {
        let to = format!("{address}@example.com");
        let body =
            json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "recipients": { "emails": [to] } });
        let link = world.make_link(body).await;
        let is_tried = |link: &Value| !["queued", "sending"].map(Value::from).contains(&link["messages"][0]["status"]);
        world.wait_for(&link, is_tried).await;
        assert_eq!(figures(&measured.lines("MessagesSent")), [("ses".to_owned(), expected)], "{to}");
    }
}

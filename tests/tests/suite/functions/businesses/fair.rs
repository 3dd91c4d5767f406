//! A business with very much due does not keep another one waiting: the next run of a schedule serves both.

use std::time::Duration;

use domain::ids::LinkId;
use domain::link::PaymentLink;
use futures_util::future::join_all;
use paylink_local::seed::{API_KEY, BAZAAR_KEY};
use reqwest::Method;
use serde_json::{Value, json};
use tests::fault_proxy::Fault;
use tests::faulty_world::{FaultyWorld, Made};

const MINUTE: Duration = Duration::from_secs(60);

/// A run begins nothing new within the last twelve seconds of its time, so that this one has three.
const SOME_SECONDS: Duration = Duration::from_secs(15);

/// Links like this, each under a key of its own.
async fn links(world: &FaultyWorld, key: &'static str, number: usize, body: &Value) -> Vec<Made> {
    let keys: Vec<String> = (0..number).map(|number| format!("k-{number}")).collect();
    let mut made = Vec::new();
    for some in keys.chunks(20) {
        made.extend(join_all(some.iter().map(|idempotency| world.make_link_as(key, body, idempotency))).await);
    }
    made
}

async fn stored(world: &FaultyWorld, link: &Made) -> PaymentLink {
    world.cloud.store.link(&LinkId::parse(&link.id).unwrap()).await.unwrap().unwrap()
}

/// How many of these have nothing due any more.
async fn done(world: &FaultyWorld, links: &[Made]) -> usize {
    let mut done = 0;
    for link in links {
        done += usize::from(stored(world, link).await.due_at().is_none());
    }
    done
}

#[tokio::test]
async fn a_thousand_links_of_one_business_that_end_do_not_keep_one_of_another_waiting() {
    const MANY: usize = 1_000;
    let world = FaultyWorld::start(3600).await;
    let ends_at = world.now() + 30 * MINUTE;
    let body =
        json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_at": ends_at.to_string() });
    let many = links(&world, API_KEY, MANY, &body).await;
    // It ends later than all the others, so that it has waited for less long.
    let later = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500,
                        "expires_at": (ends_at + MINUTE).to_string() });
    let one = links(&world, BAZAAR_KEY, 1, &later).await;
    world.turn_time(40 * MINUTE);
    world.proxy.decide(|_, call| (call.operation == "PutItem").then_some(Fault::Delay(Duration::from_millis(50))));
    world.sweep_within(SOME_SECONDS).await.unwrap();
    world.proxy.record();
    assert_eq!(done(&world, &one).await, 1);
    let served = done(&world, &many).await;
    assert!((1..MANY).contains(&served), "{served} of {MANY} fit into the time");
}

#[tokio::test]
async fn many_payments_of_one_business_that_are_asked_about_do_not_keep_one_of_another_waiting() {
    const MANY: usize = 60;
    let world = FaultyWorld::start(3600).await;
    let body =
        |account: &str| json!({ "account_id": account, "contact_id": "c-1042", "amount": 1_999, "expires_in_days": 7 });
    let many = links(&world, API_KEY, MANY, &body("euro")).await;
    for link in &many {
        world.go_to_gateway(link).await;
    }
    let one = links(&world, BAZAAR_KEY, 1, &body("main")).await;
    let page = world.go_to_gateway(&one[0]).await;
    world.choose(&page, "paid_silent").await;
    world.turn_time(MINUTE);
    world.proxy.record();
    world.proxy.decide(|_, call| (call.service == "stripe").then_some(Fault::Delay(Duration::from_secs(1))));
    world.sweep_within(SOME_SECONDS).await.unwrap();
    let asked = world.proxy.calls().iter().filter(|call| call.service == "stripe").count();
    world.proxy.record();
    assert!(asked < MANY, "{asked} of {MANY} fit into the time");
    assert_eq!(done(&world, &one).await, 1, "it was asked about among the first");
}

#[tokio::test]
async fn links_of_one_business_that_end_while_writes_are_slow_leave_time_to_ask_about_a_payment_of_another() {
    const MANY: usize = 1_000;
    let world = FaultyWorld::start(3600).await;
    let ends_at = world.now() + 30 * MINUTE;
    let body =
        json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_at": ends_at.to_string() });
    links(&world, API_KEY, MANY, &body).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_999, "expires_in_days": 7 });
    let one = links(&world, BAZAAR_KEY, 1, &body).await;
    let page = world.go_to_gateway(&one[0]).await;
    world.choose(&page, "paid_silent").await;
    world.turn_time(40 * MINUTE);
    // Leasing all of it takes twice as long as the run has.
    world.proxy.decide(|_, call| (call.operation == "PutItem").then_some(Fault::Delay(Duration::from_millis(50))));
    world.sweep_within(SOME_SECONDS).await.unwrap();
    world.proxy.record();
    assert_eq!(done(&world, &one).await, 1, "it was asked about");
}

/// Those of the stream as those that are tried again.
#[tokio::test]
async fn many_messages_of_one_business_do_not_keep_one_of_another_waiting() {
    const MANY: usize = 90;
    let world = FaultyWorld::start(3600).await;
    let body = |account: &str, to: &str| json!({ "account_id": account, "contact_id": "c-1042", "amount": 50_000, "recipients": { "emails": [to] } });
    links(&world, API_KEY, MANY, &body("main", "many@example.com")).await;
    links(&world, BAZAAR_KEY, 1, &body("main", "one@example.com")).await;
    let told = |to: &str| world.cloud.inbox.all().iter().filter(|message| message.to == to).count();
    world.proxy.decide(|_, call| (call.service == "ses").then_some(Fault::Delay(Duration::from_millis(300))));
    world.bring_stream().await;
    assert_eq!(told("one@example.com"), 1);
    world.proxy.record();
    // What was left to the schedule is told by its next runs.
    for _ in 0..5 {
        world.turn_time(2 * MINUTE);
        world.retry_messages().await.unwrap().unwrap();
    }
    assert_eq!((told("many@example.com"), told("one@example.com")), (MANY, 1));
}

/// An endpoint that was just made lacks every event that was recorded without knowing of it.
#[tokio::test]
async fn events_that_lack_a_new_endpoint_of_one_business_keep_no_message_of_another_waiting() {
    const MANY: usize = 600;
    let world = FaultyWorld::start(3600).await;
    let body = |account: &str, recipients: Value| json!({ "account_id": account, "contact_id": "c-1042", "amount": 50_000, "recipients": recipients });
    // The process has read which endpoints there are, and reads them again only after an hour.
    links(&world, BAZAAR_KEY, 1, &body("main", json!({ "emails": ["one@example.com"] }))).await;
    world.make_link(&body("main", json!({})), "first").await;
    world.proxy.decide(|_, call| (call.service == "ses").then_some(Fault::Unavailable));
    world.bring_stream().await;
    world.proxy.record();
    let second = world
        .crm(Method::PUT, "/v1/webhook-endpoints/second", &json!({ "url": world.proxy.crm_endpoint("demo") }), &[])
        .await;
    assert!(second.as_ref().is_some_and(|made| made.status.is_success()), "{second:?}");
    links(&world, API_KEY, MANY, &body("main", json!({}))).await;
    world.bring_stream().await;
    world.turn_time(2 * MINUTE);
    // Writing all those events takes longer than the run has.
    world.proxy.decide(|_, call| (call.operation == "PutItem").then_some(Fault::Delay(Duration::from_millis(200))));
    world.retry_messages_within(SOME_SECONDS).await.unwrap();
    let written = world.proxy.calls().iter().filter(|call| call.operation == "PutItem").count();
    world.proxy.record();
    assert!((50..MANY).contains(&written), "{written} of {MANY} fit into the time");
    assert!(world.cloud.inbox.all().iter().any(|message| message.to == "one@example.com"));
}

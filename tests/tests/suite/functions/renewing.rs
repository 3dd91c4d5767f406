//! Customers who ask for a new link on the page of one that expired, where their business wants that answered at once.

use std::time::Duration;

use futures_util::future::join;
use paylink_local::seed::API_KEY;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

const WHOLE: i64 = 1_500_000;

/// A world in which the business wants customers to get new links at once.
async fn eager_world() -> FaultyWorld {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "renew_links_on_request": true });
    let reply = world.crm(Method::PATCH, "/v1/settings", &wanted, &[]).await.unwrap();
    assert_eq!((reply.status, &reply.json()["renew_links_on_request"]), (StatusCode::OK, &json!(true)));
    world
}

async fn link(world: &FaultyWorld, name: &str, more: Value) -> Made {
    let mut body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": WHOLE, "locale": "en" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.make_link(&body, name).await
}

/// A link that expired, and its customer asked for a new one, which the CRM was told.
async fn asked(world: &FaultyWorld, name: &str, more: Value) -> Made {
    let old = link(world, name, more).await;
    world.bring_stream().await;
    world.turn_time(8 * DAY);
    ask(world, &old).await;
    old
}

async fn ask(world: &FaultyWorld, old: &Made) -> String {
    let pressed = world.ask(Method::POST, &format!("{}/ask-again", old.url), &[], Some("")).await.unwrap();
    world.bring_stream().await;
    pressed.text
}

async fn run(world: &FaultyWorld) -> Value {
    world.run_batches().await.unwrap().unwrap()["renewals"].clone()
}

/// The link that took the place of another, or null.
async fn successor(world: &FaultyWorld, old: &Made) -> Value {
    let shown = world.read(old).await;
    match shown["replaced_by"].as_str() {
        Some(id) => world.get(&format!("/v1/payment-links/{id}")).await,
        None => Value::Null,
    }
}

async fn put_item(world: &FaultyWorld, name: &str, more: Value) {
    let mut item =
        json!({ "kind": "invoice", "title": name, "contact_id": "c-1042", "amount": WHOLE, "currency": "IRR" });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let written = world.crm(Method::PUT, &format!("/v1/items/{name}"), &item, &[]).await.unwrap();
    assert!(written.status.is_success(), "{}", written.text);
}

async fn assert_all_is_well(world: &FaultyWorld) {
    world.return_unverified_money().await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn who_asks_for_a_new_link_gets_it_within_a_run_and_those_are_told_who_had_the_old_one() {
    let world = eager_world().await;
    let more = json!({ "description": "Flowers", "reference_id": "order-1",
                       "recipients": { "emails": ["rose@buyer.example"], "mobiles": ["+989121234567"] } });
    let old = link(&world, "old", more).await;
    world.bring_stream().await;
    world.turn_time(8 * DAY);
    let page = ask(&world, &old).await;
    assert!(page.contains("A new link is on its way") && page.contains("Open the newest link"), "{page}");
    let told_before = world.cloud.inbox.all().len();
    assert_eq!(run(&world).await["done"], 1);
    let new = successor(&world, &old).await;
    assert_eq!((&new["status"], &new["amount"], &new["replaces"]), (&json!("active"), &json!(WHOLE), &json!(old.id)));
    assert_eq!((&new["description"], &new["reference_id"]), (&json!("Flowers"), &json!("order-1")));
    assert_eq!(new["created_by"], world.read(&old).await["created_by"]);
    world.bring_stream().await;
    let told: Vec<(String, String)> =
        world.cloud.inbox.all().into_iter().skip(told_before).map(|sent| (sent.to, sent.body)).collect();
    let mut addresses: Vec<&str> = told.iter().map(|(to, _)| to.as_str()).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["+989121234567", "rose@buyer.example"]);
    assert!(told.iter().all(|(_, text)| text.contains(new["url"].as_str().unwrap())), "{told:?}");
    let opened = world.open(&old.url).await.unwrap();
    assert_eq!((opened.status, opened.location()), (StatusCode::SEE_OTHER, new["url"].as_str().unwrap().to_owned()));
    assert_eq!(run(&world).await, json!({ "done": 0, "ended": 0, "postponed": 0, "left": 0, "failed": 0 }));
    world.pay(&Made::read(API_KEY, &new), "paid").await;
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn without_the_setting_the_business_is_told_and_nothing_is_made() {
    let world = FaultyWorld::start(0).await;
    let old = asked(&world, "old", json!({})).await;
    assert_eq!(run(&world).await["done"], 0);
    assert_eq!(successor(&world, &old).await, Value::Null);
    assert!(world.read(&old).await["renewal_requested_at"].is_string());
}

#[tokio::test]
async fn two_runs_at_once_and_an_event_that_is_told_twice_make_one_link() {
    let world = eager_world().await;
    let old = asked(&world, "old", json!({})).await;
    let (one, other) = join(run(&world), run(&world)).await;
    assert_eq!(one["done"].as_u64().unwrap() + other["done"].as_u64().unwrap(), 1, "{one} {other}");
    let new = successor(&world, &old).await;
    // The wish is written down again, as where a run died before it noted that it had told of it.
    let stored = world.stored(&old).await;
    world.cloud.business().put_renewal(&stored.renewal().unwrap()).await.unwrap();
    assert_eq!(run(&world).await["ended"], 1);
    assert_eq!(successor(&world, &old).await["id"], new["id"]);
    let all = world.get("/v1/payment-links?contact_id=c-1042").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 2, "{all}");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_new_link_asks_for_what_is_due_by_then_and_never_for_more() {
    let world = eager_world().await;
    put_item(&world, "inv-1", json!({})).await;
    put_item(&world, "inv-2", json!({})).await;
    let parts = json!([{ "amount": 500_000, "due_at": "2027-01-02" }, { "amount": 1_000_000, "due_at": "2027-01-03" }]);
    let less =
        link(&world, "less", json!({ "item_id": "inv-1", "payment_plan": { "parts": parts }, "expires_in_days": 700 }))
            .await;
    let more = link(&world, "more", json!({ "item_id": "inv-2", "amount": 600_000 })).await;
    let nothing = link(&world, "nothing", json!({ "item_id": "inv-2", "amount": 700_000 })).await;
    world.bring_stream().await;
    world.turn_time(800 * DAY);
    // Of the first invoice the CRM was paid some otherwise. Of the second less is asked for than is due.
    put_item(&world, "inv-1", json!({ "amount_due": 300_000 })).await;
    for old in [&less, &more] {
        ask(&world, old).await;
    }
    assert_eq!(run(&world).await["done"], 2);
    let renewed = successor(&world, &less).await;
    assert_eq!((&renewed["amount"], &renewed["payment_plan"]), (&json!(300_000), &Value::Null), "{renewed}");
    assert_eq!(successor(&world, &more).await["amount"], 600_000);
    put_item(&world, "inv-2", json!({ "amount_due": 0 })).await;
    ask(&world, &nothing).await;
    assert_eq!(run(&world).await["ended"], 1, "nothing is due, so that nobody is asked for anything");
    assert_eq!(successor(&world, &nothing).await, Value::Null);
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn what_cannot_be_made_now_is_tried_for_a_day_and_then_left_to_the_business() {
    let world = eager_world().await;
    let (patient, lost) = (asked(&world, "patient", json!({})).await, link(&world, "lost", json!({})).await);
    let enabled = |is_enabled: bool| json!({ "online_payment": { "enabled": is_enabled } });
    let switch = async |is_enabled: bool| {
        let reply = world.crm(Method::PATCH, "/v1/accounts/main", &enabled(is_enabled), &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    };
    switch(false).await;
    assert_eq!(run(&world).await["postponed"], 1);
    assert_eq!(run(&world).await["postponed"], 0, "it is not tried every minute");
    world.turn_time(HOUR + MINUTE);
    switch(true).await;
    assert_eq!(run(&world).await["done"], 1);
    assert!(successor(&world, &patient).await["id"].is_string());
    world.turn_time(8 * DAY);
    switch(false).await;
    ask(&world, &lost).await;
    let mut done = Vec::new();
    for _ in 0..26 {
        done.push(run(&world).await);
        world.turn_time(HOUR);
    }
    let sum = |what: &str| done.iter().map(|one| one[what].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("ended"), sum("done"), sum("failed")), (1, 0, 0), "{done:?}");
    assert!((20..=24).contains(&sum("postponed")), "{done:?}");
    switch(true).await;
    let page = world.open(&lost.url).await.unwrap();
    assert!(page.text.contains("Ask for a new link"), "a day later they may ask again: {}", page.text);
}

#[tokio::test]
async fn who_is_still_paying_at_the_old_link_gets_no_second_one_meanwhile() {
    let world = eager_world().await;
    let ends = json!({ "expires_at": (world.now() + 2 * HOUR).to_string() });
    let (paid, left) = (link(&world, "paid", ends.clone()).await, link(&world, "left", ends).await);
    world.turn_time(2 * HOUR - MINUTE);
    let (page, _) = (world.go_to_gateway(&paid).await, world.go_to_gateway(&left).await);
    world.turn_time(2 * MINUTE);
    assert!(!ask(&world, &paid).await.contains("A new link is on its way"), "a payment begun in time may finish");
    let back = world.choose(&page, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    assert_eq!(world.read(&paid).await["status"], "paid");
    // The other one's session is over, and nobody has asked the gateway yet.
    world.turn_time(3 * HOUR);
    ask(&world, &left).await;
    assert_eq!(run(&world).await["postponed"], 1);
    assert_eq!(successor(&world, &left).await, Value::Null);
    world.confirm().await;
    world.turn_time(11 * MINUTE);
    world.confirm().await;
    assert_eq!(successor(&world, &left).await["amount"], WHOLE);
    assert_all_is_well(&world).await;
}

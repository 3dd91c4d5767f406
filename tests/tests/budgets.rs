//! What each operation asks of DynamoDB, counted on the wire. These are the figures of `docs/performance.md`: a change
//! that makes one of them worse, or better, changes them here and there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::time::Duration;

use serde_json::{Value, json};
use tests::fault_proxy::Call;
use tests::faulty_world::{FaultyWorld, Made};
use tests::meter::Usage;

/// One recipient on one channel, an item with a receipt field, one endpoint of the CRM.
fn reference_link() -> Value {
    json!({
        "account_id": "main", "contact_id": "c-1042", "item_id": "inv-77", "description": "Invoice 77",
        "recipients": { "contact": true }, "message": { "channels": ["sms"] },
        "after_payment": { "receipt_field": "settlement" },
    })
}

/// The reference link without anybody to tell.
fn quiet_link() -> Value {
    let mut body = reference_link();
    body["recipients"] = json!({});
    body.as_object_mut().unwrap().remove("message");
    body
}

/// A world in which every function has read its settings, keys and credentials.
async fn warm_world() -> FaultyWorld {
    let world = FaultyWorld::metered(3600).await;
    let link = world.make_link(&reference_link(), "warm").await;
    let other = world.make_link(&reference_link(), "warm-too").await;
    for link in [&link, &other] {
        world.bring_stream().await;
        world.go_to_gateway(link).await;
    }
    world.turn_time(Duration::from_secs(61));
    world.sweep().await.unwrap().unwrap();
    pay(&world, &link, "paid").await;
    pay(&world, &other, "paid").await;
    world.bring_stream().await;
    world.usage();
    world.proxy.record();
    world
}

/// The customer pays on the page that the link leads to, and comes back.
async fn pay(world: &FaultyWorld, link: &Made, outcome: &str) {
    let page = world.go_to_gateway(link).await;
    let back = world.choose(&page, outcome).await.unwrap();
    world.usage();
    world.proxy.record();
    world.open(&back).await.unwrap();
}

/// How often a gateway was called since this was last asked.
fn gateway_calls(world: &FaultyWorld) -> usize {
    let calls = world.proxy.calls();
    world.proxy.record();
    let is_other = |call: &Call| ["dynamodb", "crm"].contains(&call.service.as_str()) || call.tells_a_person();
    calls.iter().filter(|call| !is_other(call)).count()
}

#[track_caller]
fn assert_usage(usage: &Usage, round_trips: usize, read_units: f64, write_units: usize) {
    assert_eq!(
        (usage.round_trips, usage.read_units, usage.write_units),
        (round_trips, read_units, write_units),
        "{:?}, the largest item has {} bytes",
        usage.operations,
        usage.largest_item
    );
}

#[tokio::test]
async fn making_a_link_is_one_read_and_one_write() {
    let world = warm_world().await;
    world.make_link(&reference_link(), "plain").await;
    let usage = world.usage();
    assert_usage(&usage, 2, 4.0, 6);
    assert!(usage.largest_item <= 2048, "a link takes {} bytes", usage.largest_item);
    let mut body = reference_link();
    body["reference_id"] = json!("R-1");
    world.make_link(&body, "with-a-reference").await;
    assert_usage(&world.usage(), 2, 4.0, 10);
    // A retry is answered with the link as it is, and what became of its message.
    world.make_link(&reference_link(), "plain").await;
    assert_usage(&world.usage(), 2, 5.0, 0);
}

#[tokio::test]
async fn paying_writes_once_and_opening_again_writes_nothing() {
    let world = warm_world().await;
    let link = world.make_link(&reference_link(), "paid").await;
    world.usage();
    world.proxy.record();
    world.go_to_gateway(&link).await;
    assert_usage(&world.usage(), 2, 1.0, 4);
    assert_eq!(gateway_calls(&world), 1);
    world.go_to_gateway(&link).await;
    assert_usage(&world.usage(), 1, 1.0, 0);
    assert_eq!(gateway_calls(&world), 0);
    // The money is taken by our own call, so that the intention is written first.
    pay(&world, &link, "paid").await;
    assert_usage(&world.usage(), 3, 1.0, 15);
    assert_eq!(gateway_calls(&world), 1);
    world.open(&link.url).await.unwrap();
    assert_usage(&world.usage(), 1, 1.0, 0);
}

#[tokio::test]
async fn where_the_gateway_takes_the_money_settling_is_one_read_and_one_transaction() {
    let world = warm_world().await;
    let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "recipients": {} });
    for key in ["euro-warm", "euro"] {
        let link = world.make_link(&body, key).await;
        pay(&world, &link, "paid_no_webhook").await;
    }
    // There is no item, so that nothing is attached.
    assert_usage(&world.usage(), 2, 1.0, 10);
    assert_eq!(gateway_calls(&world), 1);
}

#[tokio::test]
async fn telling_is_two_writes_for_a_message_and_one_for_an_event() {
    let world = warm_world().await;
    world.make_link(&quiet_link(), "quiet").await;
    world.usage();
    world.bring_stream().await;
    // The link with all that is known of it is read once for each link in a batch.
    assert_usage(&world.usage(), 2, 1.0, 2);
    world.make_link(&reference_link(), "loud").await;
    world.usage();
    world.bring_stream().await;
    assert_usage(&world.usage(), 4, 1.0, 4);
}

#[tokio::test]
async fn looking_at_an_unresolved_attempt_is_one_write_that_moves_nothing_in_an_index() {
    let world = warm_world().await;
    world.sweep().await.unwrap().unwrap();
    let idle = world.usage();
    assert_usage(&idle, 16, 8.0, 0);
    let link = world.make_link(&reference_link(), "open").await;
    world.go_to_gateway(&link).await;
    for _ in 0..3 {
        world.turn_time(Duration::from_secs(61));
        world.usage();
        world.proxy.record();
        world.sweep().await.unwrap().unwrap();
        assert_usage(&world.usage(), 16 + 2, 8.0 + 1.0, 2);
        assert_eq!(gateway_calls(&world), 1);
    }
}

#[tokio::test]
async fn expiring_reads_a_hundred_links_at_once_and_writes_each_once() {
    let world = warm_world().await;
    let mut body = quiet_link();
    body["expires_in_days"] = json!(0);
    const LINKS: usize = 40;
    for number in 0..LINKS {
        world.make_link(&body, &format!("expires-{number}")).await;
    }
    world.turn_time(Duration::from_secs(24 * 3600));
    world.usage();
    world.sweep().await.unwrap().unwrap();
    let usage = world.usage();
    let beat = 1;
    assert_eq!(
        usage.write_units,
        3 * LINKS + beat,
        "two units for the link and one for leaving the index; every few minutes one says that the sweep runs"
    );
    assert!(usage.round_trips <= LINKS + 2 * 16, "{usage}");
}

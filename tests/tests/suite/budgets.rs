//! What each operation asks of DynamoDB, counted on the wire. These are the figures of `docs/performance.md`: a change
//! that makes one of them worse, or better, changes them here and there. Our own formula is held against what the engine
//! says it consumed, where emulators agree with DynamoDB: single writes and reads.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, ReturnConsumedCapacity};
use paylink_local::seed::BAZAAR_KEY;
use serde_json::{Value, json};
use tests::fault_proxy::Call;
use tests::faulty_world::{FaultyWorld, Made};
use tests::meter::{Load, Meter, Usage};

/// One recipient on one channel, an item with a receipt field, one endpoint of the CRM.
fn reference_link() -> Value {
    json!({
        "account_id": "main", "contact_id": "c-1042", "item_id": "inv-77", "description": "Invoice 77",
        "recipients": { "contact": true }, "message": { "channels": ["sms"] },
        "after_payment": { "receipt_field": "payment" },
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
    let is_other = |call: &Call| ["dynamodb", "crm"].contains(&call.service.as_str()) || call.sends_a_message();
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
    assert_usage(&world.usage(), 2, 1.0, 5);
    assert_eq!(gateway_calls(&world), 1);
    world.go_to_gateway(&link).await;
    assert_usage(&world.usage(), 1, 1.0, 0);
    assert_eq!(gateway_calls(&world), 0);
    // The money is taken by our own call, so that the intention is written first.
    pay(&world, &link, "paid").await;
    assert_usage(&world.usage(), 3, 1.0, 18);
    assert_eq!(gateway_calls(&world), 1);
    world.open(&link.url).await.unwrap();
    assert_usage(&world.usage(), 1, 1.0, 0);
}

/// A transaction counts each kilobyte twice, so that a link which grows past two costs two units more.
#[tokio::test]
async fn a_paid_link_stays_within_two_kilobytes_whatever_it_was_sent_by() {
    let world = warm_world().await;
    for channel in ["sms", "email"] {
        let mut body = reference_link();
        body["message"] = json!({ "channels": [channel] });
        let link = world.make_link(&body, channel).await;
        world.bring_stream().await;
        world.go_to_gateway(&link).await;
        world.bring_stream().await;
        pay(&world, &link, "paid").await;
        let usage = world.usage();
        assert_usage(&usage, 3, 1.0, 18);
        assert!(usage.largest_item <= 2036, "{channel}: {} bytes leave no room for a longer port", usage.largest_item);
    }
}

#[tokio::test]
async fn where_the_gateway_takes_the_money_confirming_is_one_read_and_one_transaction() {
    let world = warm_world().await;
    let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "recipients": {} });
    for key in ["euro-warm", "euro"] {
        let link = world.make_link(&body, key).await;
        pay(&world, &link, "paid_no_webhook").await;
    }
    // There is no item, so that nothing is attached.
    assert_usage(&world.usage(), 2, 1.0, 13);
    assert_eq!(gateway_calls(&world), 1);
    let mut body = body;
    body["item"] = json!({
        "id": "inv-euro", "kind": "invoice", "title": "Invoice", "contact_id": "c-1042",
        "receipt_fields": [{ "key": "payment", "label": "Payment" }],
    });
    body["after_payment"] = json!({ "receipt_field": "payment" });
    let link = world.make_link(&body, "euro-item").await;
    pay(&world, &link, "paid_no_webhook").await;
    assert_usage(&world.usage(), 2, 1.0, 16);
}

#[tokio::test]
async fn delivering_is_two_writes_for_a_message_and_one_for_an_event() {
    let world = warm_world().await;
    world.make_link(&quiet_link(), "quiet").await;
    world.usage();
    world.bring_stream().await;
    // The link with all that is known of it is read once for each link in a batch.
    assert_usage(&world.usage(), 2, 1.0, 2);
    let mut body = reference_link();
    body["message"] = json!({ "channels": ["email"] });
    world.make_link(&body, "loud").await;
    world.usage();
    world.bring_stream().await;
    // A message that was sent enters the list that usage and quotas are counted from.
    assert_usage(&world.usage(), 4, 1.0, 5);
    // Where the provider has to be asked what became of a message, the message waits in the index for that.
    world.make_link(&reference_link(), "asked-about").await;
    world.usage();
    world.bring_stream().await;
    assert_usage(&world.usage(), 4, 1.0, 6);
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
        5 * LINKS + beat,
        "two units for the link, one for leaving the index of due work and two for moving from what is live to its month; every few minutes one says that the sweep runs"
    );
    assert!(usage.round_trips <= LINKS + 2 * 16 + beat, "{usage}");
}

/// What each step of a link's life asks of DynamoDB.
async fn life_of(
    world: &FaultyWorld,
    key: &'static str,
    body: &Value,
    idempotency_key: &str,
) -> Vec<(&'static str, Usage)> {
    let mut steps = Vec::new();
    let link = world.make_link_as(key, body, idempotency_key).await;
    steps.push(("made", world.usage()));
    world.bring_stream().await;
    steps.push(("told", world.usage()));
    let page = world.go_to_gateway(&link).await;
    steps.push(("opened", world.usage()));
    let back = world.choose(&page, "paid_no_webhook").await.unwrap();
    world.usage();
    world.open(&back).await.unwrap();
    steps.push(("paid", world.usage()));
    world.bring_stream().await;
    steps.push(("told of it", world.usage()));
    steps
}

/// A stack serves more businesses than a process remembers. One that it does not know is read once, in as many calls more
/// as stand here, and then it costs what every other does.
#[tokio::test]
async fn a_business_that_a_process_does_not_know_costs_a_few_reads_more_once() {
    let world = warm_world().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1999, "recipients": {} });
    let first = life_of(&world, BAZAAR_KEY, &body, "first").await;
    let second = life_of(&world, BAZAAR_KEY, &body, "second").await;
    let more: Vec<(&str, usize, f64, usize)> = first
        .iter()
        .zip(&second)
        .map(|((step, first), (_, second))| {
            let (round_trips, reads) = (first.round_trips - second.round_trips, first.read_units - second.read_units);
            (*step, round_trips, reads, first.write_units - second.write_units)
        })
        .collect();
    let expected = [
        // Its keys and its configuration.
        ("made", 2, 2.0, 0),
        // Its configuration, its endpoints and what their events are signed with.
        ("told", 3, 3.0, 0),
        // Its configuration and the account's credentials.
        ("opened", 2, 2.0, 0),
        ("paid", 1, 1.0, 0),
        ("told of it", 0, 0.0, 0),
    ];
    assert_eq!(more, expected);
}

/// What a write or a read consumed by the engine's own account and by ours.
#[track_caller]
fn assert_consumed(consumed: Option<&ConsumedCapacity>, meter: &Meter) {
    let usage = meter.take();
    let ours = usage.read_units + f64::from(u32::try_from(usage.write_units).unwrap());
    assert_eq!(consumed.and_then(ConsumedCapacity::capacity_units), Some(ours), "{usage}");
}

#[tokio::test]
async fn the_engine_consumes_what_the_formula_says() {
    let cloud = tests::empty_cloud().await;
    let runtime = runtime::Runtime::new(runtime::Environment::from(cloud.environment.clone())).unwrap();
    let endpoint = &cloud.environment["AWS_ENDPOINT_URL_DYNAMODB"];
    let client_at = |endpoint: &str| {
        Client::from_conf(aws_sdk_dynamodb::config::Builder::from(runtime.sdk()).endpoint_url(endpoint).build())
    };
    let table = cloud.store.table();
    let meter = Meter::start(endpoint, &client_at(endpoint), table).await;
    let client = client_at(&meter.endpoint());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let total = ReturnConsumedCapacity::Total;

    // In one list and due, of one kilobyte and a half: two units for the item, one for each entry.
    let put = client.put_item().table_name(table).return_consumed_capacity(total.clone());
    let put = put.item("pk", text("link#x")).item("sk", text("link")).item("body", text(&"x".repeat(1500)));
    let put = put.item("by_contact", text("links#c")).item("listed_at", text("1#x"));
    let put = put.item("due_kind", text("link#1")).item("due_at", AttributeValue::N("1".to_owned()));
    assert_consumed(put.send().await.unwrap().consumed_capacity(), &meter);

    // One entry moves, and then nothing in an index does.
    for due_at in ["2", "2"] {
        let update = client.update_item().table_name(table).return_consumed_capacity(total.clone());
        let update =
            update.key("pk", text("link#x")).key("sk", text("link")).update_expression("SET due_at = :at, seen = :at");
        let update = update.expression_attribute_values(":at", AttributeValue::N(due_at.to_owned()));
        assert_consumed(update.send().await.unwrap().consumed_capacity(), &meter);
    }

    for is_consistent in [true, false] {
        let get = client.get_item().table_name(table).return_consumed_capacity(total.clone());
        let get = get.key("pk", text("link#x")).key("sk", text("link")).consistent_read(is_consistent);
        assert_consumed(get.send().await.unwrap().consumed_capacity(), &meter);
    }

    let delete = client.delete_item().table_name(table).return_consumed_capacity(total);
    let delete = delete.key("pk", text("link#x")).key("sk", text("link"));
    assert_consumed(delete.send().await.unwrap().consumed_capacity(), &meter);
}

/// A partition of a table or of an index takes this many units a second.
const PARTITION_READS: f64 = 3000.0;
const PARTITION_WRITES: f64 = 1000.0;

/// How many lives a second fill a partition.
fn full_at(load: &Load) -> f64 {
    let writes = f64::from(u32::try_from(load.write_units).unwrap());
    (PARTITION_READS / load.read_units).min(PARTITION_WRITES / writes)
}

/// All partitions that one life asks of, of the table and of its indexes. What belongs to one link is asked a few things in
/// minutes, and due work is spread over shards by a hash (a test of the store's keys). What remains is shared by all
/// links of a business, of a day or of a contact or an item, and says where the first wall is. Nothing is shared by all
/// businesses.
#[tokio::test]
async fn the_partitions_that_links_share_are_the_ones_that_the_page_names() {
    let world = warm_world().await;
    let link = world.make_link(&reference_link(), "life").await;
    let mut life = world.usage();
    world.bring_stream().await;
    life += world.usage();
    let page = world.go_to_gateway(&link).await;
    world.bring_stream().await;
    let back = world.choose(&page, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    world.bring_stream().await;
    world.open(&link.url).await.unwrap();
    life += world.usage();

    let of_all = |partition: &str| {
        let own = ["link#", "receipt#", "claim#", "provider-message#", "due "];
        let of_one_customer = ["contact#", "item#", "by-contact ", "by-item "];
        !own.iter().chain(&of_one_customer).any(|prefix| partition.starts_with(prefix))
    };
    let mut walls: Vec<(String, f64)> = life
        .partitions
        .iter()
        .filter(|(partition, _)| of_all(partition))
        .map(|(partition, load)| (partition.split("202").next().unwrap().to_owned(), full_at(load)))
        .collect();
    walls.sort_by(|one, other| one.1.total_cmp(&other.1));
    let expected = [
        ("by-state events#demo#", 250.0),
        ("by-state live#demo", 1000.0 / 3.0),
        ("by-state messages#demo#", 1000.0),
        ("by-state over#demo#", 1000.0),
        ("by-state receipts#demo#", 1000.0),
        ("config#demo", 3000.0),
    ];
    assert_eq!(walls, expected.map(|(partition, rate)| (partition.to_owned(), rate)));

    let due: usize =
        life.partitions.iter().filter(|(name, _)| name.starts_with("due ")).map(|(_, load)| load.write_units).sum();
    assert_eq!(due, 5, "a link's entry is put, moved once and taken away, and the SMS waits to be asked about");
}

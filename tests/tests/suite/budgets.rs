//! What each operation asks of DynamoDB, counted on the wire. These are the figures of `docs/performance.md`: a change
//! that makes one of them worse, or better, changes them here and there. Our own formula is held against what the engine
//! says it consumed, where emulators agree with DynamoDB: single writes and reads.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, ReturnConsumedCapacity};
use domain::ids::LinkId;
use paylink_local::seed::{BAZAAR_KEY, DEMO, LINE_KEY};
use reqwest::Method;
use serde_json::{Value, json};
use tests::engine::{Engine, copy_made_at};
use tests::fault_proxy::Call;
use tests::faulty_world::{FaultyWorld, Made};
use tests::meter::{Load, Meter, Usage};
use tests::totals::ask;

/// One recipient on one channel, an item with a receipt field and without an amount, one endpoint of the CRM.
fn reference_link() -> Value {
    json!({
        "account_id": "main", "contact_id": "c-1042", "item_id": "form-77", "description": "Invoice 77",
        "amount": 1_500_000,
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

/// An item with a receipt field, and an amount where it has one.
async fn put_item(world: &FaultyWorld, id: &str, amount: Value) {
    let fields = json!([{ "key": "payment", "label": "Payment" }]);
    let item = json!({ "kind": "invoice", "title": "Invoice 77", "contact_id": "c-1042", "receipt_fields": fields,
                       "amount": amount, "currency": if amount.is_null() { Value::Null } else { json!("IRR") } });
    let written = world.crm(Method::PUT, &format!("/v1/items/{id}"), &item, &[]).await.unwrap();
    assert!(written.status.is_success(), "{}", written.text);
}

/// A world in which every function has read its settings, keys and credentials.
async fn warm_world() -> FaultyWorld {
    let world = FaultyWorld::metered(3600).await;
    put_item(&world, "form-77", Value::Null).await;
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

/// What the new link is made from is read as for any, and the one that it takes the place of with it.
#[tokio::test]
async fn replacing_a_link_is_two_reads_and_one_write() {
    let world = warm_world().await;
    let old = world.make_link(&quiet_link(), "old").await;
    world.usage();
    let replaced = world.replace(&old, &json!({ "amount": 1_400_000 }), "replaced").await.unwrap();
    assert!(replaced.status.is_success(), "{}", replaced.text);
    assert_usage(&world.usage(), 3, 5.0, 17);
    // Whoever opens the old one is led on by the pointer of the chain.
    world.open(&old.url).await.unwrap();
    assert_usage(&world.usage(), 2, 2.0, 0);
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

/// What all links of an item together may take is asked when the link is opened and while the payment is taken, and written
/// with it.
#[tokio::test]
async fn an_item_with_an_amount_costs_a_read_of_what_was_paid_for_it_and_two_units_more() {
    let world = warm_world().await;
    put_item(&world, "inv-guarded", json!(1_500_000)).await;
    let mut body = quiet_link();
    body["item_id"] = json!("inv-guarded");
    world.usage();
    let link = world.make_link(&body, "guarded").await;
    assert_usage(&world.usage(), 3, 5.0, 6);
    world.bring_stream().await;
    // The link was just made, so that it is asked whether the item was paid meanwhile.
    assert_usage(&world.usage(), 3, 2.0, 2);
    world.go_to_gateway(&link).await;
    assert_usage(&world.usage(), 3, 2.0, 5);
    pay(&world, &link, "paid").await;
    assert_usage(&world.usage(), 4, 2.0, 20);
    world.open(&link.url).await.unwrap();
    assert_usage(&world.usage(), 1, 1.0, 0);
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
async fn reminding_is_one_write_of_the_link_and_three_for_each_message() {
    let world = warm_world().await;
    let mut body = reference_link();
    body["message"] = json!({ "channels": ["email"] });
    body["reminders"] =
        json!({ "at": [{ "when": "after_creation", "hours": 1 }, { "when": "before_expiry", "days": 1 }] });
    let link = world.make_link(&body, "reminds").await;
    let usage = world.usage();
    assert_usage(&usage, 2, 4.0, 6);
    assert!(usage.largest_item <= 2048, "a link takes {} bytes", usage.largest_item);
    world.bring_stream().await;
    let due_at = world.stored(&link).await.reminder_due_at().unwrap();
    world.turn_time(Duration::try_from(due_at.duration_since(world.now())).unwrap());
    world.sweep().await.unwrap().unwrap();
    world.usage();
    // An address is reminded once a day.
    body["recipients"] = json!({ "emails": ["somebody@example.com"] });
    let another = world.make_link(&body, "reminds-too").await;
    world.bring_stream().await;
    let due_at = world.stored(&another).await.reminder_due_at().unwrap();
    world.turn_time(Duration::try_from(due_at.duration_since(world.now())).unwrap());
    world.usage();
    world.sweep().await.unwrap().unwrap();
    // Every few minutes one says that the sweep runs.
    let beat = 1;
    assert_usage(&world.usage(), 16 + 3 + beat, 8.0 + 2.0, 4 + beat);
    world.bring_stream().await;
    assert_usage(&world.usage(), 4, 1.0, 4);
}

/// Writing down that it is wanted and that somebody wants it, holding it, putting its only slice away, and that it is done.
#[tokio::test]
async fn an_export_costs_its_list_and_a_write_for_each_of_its_steps() {
    let world = warm_world().await;
    for number in 0..3 {
        let link = world.make_link(&reference_link(), &format!("carried-{number}")).await;
        world.pay(&link, "paid").await;
    }
    world.bring_stream().await;
    world.usage();
    let wanted = json!({ "list": "/v1/receipts", "format": "xlsx" });
    let asked = world.crm(Method::POST, "/v1/exports", &wanted, &[]).await.unwrap();
    assert!(asked.status.is_success(), "{}", asked.text);
    // An entry of the log and its event are a transaction, which counts twice.
    assert_usage(&world.usage(), 3, 0.5, 9);
    world.bring_hint().await.unwrap().unwrap();
    // Each write of what is due moves its place in the index, which are two.
    assert_usage(&world.usage(), 8, 12.5, 8);
    let path = format!("/v1/exports/{}", asked.json()["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await["rows"], 5);
    assert_usage(&world.usage(), 1, 1.0, 0);
}

/// Of contacts who are known by a number: a check reads of each row what a draft reads and no more, and a run makes each link as a
/// call does. What the batch itself costs is the same however many rows a slice has, which are a hundred at most.
#[tokio::test]
async fn a_row_of_a_batch_costs_what_a_draft_and_a_link_cost() {
    let world = warm_world().await;
    let rows = |count: i64| -> Vec<Value> {
        (0..count).map(|number| json!({ "contact_mobile": "09120000000", "amount": 50_000 + number })).collect()
    };
    let costs = async |count: i64| {
        let batch = world.upload_rows(&json!({ "account_id": "main" }), &rows(count), &format!("batch-{count}")).await;
        world.usage();
        let mut taken = Vec::new();
        for step in ["check", "run"] {
            let reply = world.crm(Method::POST, &format!("{batch}/{step}"), &json!({}), &[]).await.unwrap();
            assert!(reply.status.is_success(), "{}", reply.text);
            world.usage();
            world.bring_hint().await.unwrap().unwrap();
            taken.push(world.usage());
        }
        assert_eq!(world.get(&batch).await["progress"]["made"], count);
        taken
    };
    let (two, twelve) = (costs(2).await, costs(12).await);
    let of_ten_rows = |step: usize| {
        let (few, many): (&Usage, &Usage) = (&two[step], &twelve[step]);
        let trips = many.round_trips - few.round_trips;
        (trips, many.read_units - few.read_units, many.write_units - few.write_units)
    };
    let (trips, reads, writes) = of_ten_rows(0);
    // Who has the number, what a draft is decided on, and whether the link is there already.
    // The report that the batch keeps is some bytes longer.
    assert!(trips <= 20 && reads <= 40.0 && writes <= 2, "{trips} round trips, {reads} read, {writes} written");
    assert!(two[0].round_trips <= 13 && two[0].write_units <= 11, "{:?}", two[0]);
    let (trips, reads, writes) = of_ten_rows(1);
    // The same, and the link with its places in three indexes.
    assert!(trips <= 30 && reads <= 40.0 && writes <= 44, "{trips} round trips, {reads} read, {writes} written");
    assert!(two[1].round_trips <= 10 && two[1].write_units <= 16, "{:?}", two[1]);
}

#[tokio::test]
async fn a_report_is_two_reads_at_once_and_one_write_and_a_failure_is_told_in_the_same() {
    let world = warm_world().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000,
                       "recipients": { "mobiles": ["+971500000000"] } });
    let link = world.make_link(&body, "line").await;
    world.bring_stream().await;
    let path = format!("/v1/payment-links/{}", link.id);
    let shown = world.crm_as(link.key, Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
    let path = format!("{path}/messages/{}/report", shown["messages"][0]["id"].as_str().unwrap());
    let report = async |body: Value| {
        world.usage();
        let reply = world.crm_as(LINE_KEY, Method::POST, &path, &body, &[]).await.unwrap();
        assert!(reply.status.is_success(), "{}", reply.text);
        world.usage()
    };
    // It says nothing new.
    assert_usage(&report(json!({ "status": "sent" })).await, 2, 2.0, 0);
    assert_usage(&report(json!({ "status": "delivered" })).await, 3, 2.0, 1);
    let other = world.make_link(&body, "line-too").await;
    world.bring_stream().await;
    let path = format!("/v1/payment-links/{}", other.id);
    let shown = world.crm_as(link.key, Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
    let path = format!("{path}/messages/{}/report", shown["messages"][0]["id"].as_str().unwrap());
    world.usage();
    world.crm_as(LINE_KEY, Method::POST, &path, &json!({ "status": "failed" }), &[]).await.unwrap();
    // The link and the message are one transaction, which counts twice.
    assert_usage(&world.usage(), 3, 2.0, 7);
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
    // Their day is over, and no account's lists are looked at yet.
    world.turn_time(Duration::from_secs(20 * 3600));
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
#[tokio::test]
async fn looking_at_the_lists_of_an_account_is_three_reads_and_two_writes_a_day() {
    let world = warm_world().await;
    world.turn_time(Duration::from_secs(25 * 3600));
    world.usage();
    let swept = world.sweep().await.unwrap().unwrap();
    let usage = world.usage();
    let looks = usize::try_from(swept["looked_back"].as_u64().unwrap()).unwrap();
    assert_eq!(looks, 4, "three accounts of one business and one of the other");
    let (idle, beat) = (16, 1);
    // How far it is, the account and its credentials are read; each write moves its place in the index of due work.
    assert_eq!(usage.round_trips, idle + beat + 5 * looks, "{usage}");
    assert_eq!(usage.write_units, beat + 2 * 3 * looks, "{usage}");
}

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

/// A page of a list, and what it asks of the table.
async fn page(world: &FaultyWorld, query: &str) -> (Value, Usage) {
    world.usage();
    let reply = world.crm(Method::GET, &format!("/v1/payment-links?{query}"), &Value::Null, &[]).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
    (reply.json(), world.usage())
}

fn size_of(page: &Value) -> usize {
    page["data"].as_array().unwrap().len()
}

/// A link costs a unit to read, and so does a message that is known of it. What is over is read once what is live is known.
#[tokio::test]
async fn a_page_of_any_list_is_read_in_three_round_trips() {
    let world = warm_world().await;
    for number in 0..30 {
        world.make_link(&quiet_link(), &number.to_string()).await;
    }
    // crm-api reads the keys and the configuration.
    page(&world, "limit=1").await;
    let rest = "amount_from=1&currency=IRR&created_by=demo-crm&mode=sandbox&expires_from=2020-01-01&begun=false";
    for (query, round_trips) in [
        ("order=newest", 3),
        ("status=active", 2),
        ("opened=false", 3),
        ("status=active,expired&account_id=main", 3),
        ("contact_id=c-1042", 2),
        ("contact_id=c-1042&status=active", 2),
        ("item_id=form-77&opened=false&order=newest", 2),
        (rest, 3),
        // No month is read that has not come.
        ("created_to=2199-12-31", 3),
    ] {
        let (page, usage) = page(&world, query).await;
        assert_eq!((size_of(&page), &page["has_more"]), (20, &json!(true)), "{query}");
        assert_eq!(usage.round_trips, round_trips, "{query}: {:?}", usage.operations);
        assert!(usage.read_units <= 25.0, "{query}: {usage}");
    }
    let mut body = quiet_link();
    body["recipients"] = json!({ "contact": true });
    body["message"] = json!({ "channels": ["email"] });
    world.make_link(&body, "told").await;
    let (_, usage) = page(&world, "limit=1").await;
    assert_eq!(usage.round_trips, 4, "the states of messages are read, too: {:?}", usage.operations);
}

/// However much there is, what is live costs what is live, and what is rare is found.
#[tokio::test]
async fn a_business_with_ten_thousand_links_is_asked_what_is_live_and_what_is_rare() {
    let engine = Engine::start().await;
    let world = FaultyWorld::metered_on_engine(3600, &engine).await;
    put_item(&world, "form-77", Value::Null).await;
    let rare = json!({ "account_id": "euro", "contact": { "id": "c-many", "name": "Many" }, "amount": 1999 });
    for number in 0..3 {
        world.make_link(&rare, &format!("rare-{number}")).await;
    }
    let over = world.make_link(&quiet_link(), "over").await;
    assert!(world.cancel(&over, false).await.unwrap().status.is_success());
    let (id, table) = (LinkId::parse(&over.id).unwrap(), world.cloud.store.table());
    let pattern = engine.link(table, &id);
    engine.put_copies(table, &pattern, 0..7000, None);
    engine.put_copies(table, &pattern, 7000..9000, Some("c-many"));
    page(&world, "limit=1").await;
    for (query, found, has_more, units) in [
        ("status=active", 3, false, 5.0),
        ("order=newest", 20, true, 25.0),
        ("order=oldest", 20, true, 25.0),
        // All entries are looked at; each has about two hundred bytes.
        ("account_id=euro", 3, false, 300.0),
        ("account_id=euro&order=oldest&limit=2", 2, true, 10.0),
        ("status=cancelled", 20, true, 26.0),
        // All of a contact's links are read, because only they say what they are.
        ("contact_id=c-many&status=active", 3, false, 2100.0),
        ("contact_id=c-many&status=cancelled", 20, true, 25.0),
    ] {
        let (page, usage) = page(&world, query).await;
        assert_eq!((size_of(&page), &page["has_more"]), (found, &json!(has_more)), "{query}");
        assert!(usage.read_units <= units, "{query}: {usage}");
    }
    // Where ten thousand entries are not wanted, the page is empty and goes on.
    engine.put_copies(table, &pattern, 9000..11_000, None);
    let (first, usage) = page(&world, "account_id=euro").await;
    assert_eq!((size_of(&first), &first["has_more"]), (0, &json!(true)), "{usage}");
    let rest = format!("account_id=euro&cursor={}", first["next_cursor"].as_str().unwrap());
    let (second, _) = page(&world, &rest).await;
    assert_eq!((size_of(&second), &second["has_more"]), (3, &json!(false)));
}

async fn search(world: &FaultyWorld, text: &str) -> (Value, Usage) {
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", text).finish();
    world.usage();
    let reply = world.crm(Method::GET, &format!("/v1/search?{query}"), &Value::Null, &[]).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
    (reply.json(), world.usage())
}

/// What a text may be is looked for at once, and a link behind its reference.
#[tokio::test]
async fn a_search_costs_five_read_units_whatever_is_typed_and_however_much_there_is() {
    let engine = Engine::start().await;
    let world = FaultyWorld::metered_on_engine(3600, &engine).await;
    put_item(&world, "form-77", Value::Null).await;
    let contact = json!({ "name": "Sara Zand", "mobile": "09350000001", "email": "sara@example.com",
                          "people": [{ "role": "manager", "name": "Nima Zand", "mobile": "09350000002" }] });
    assert!(world.crm(Method::PUT, "/v1/contacts/c-s", &contact, &[]).await.unwrap().status.is_success());
    let mut body = reference_link();
    body["reference_id"] = json!("1042");
    let link = world.make_link(&body, "paid").await;
    world.bring_stream().await;
    pay(&world, &link, "paid").await;
    world.bring_stream().await;
    let receipt = world.crm(Method::GET, &format!("/v1/receipts?payment_link_id={}", link.id), &Value::Null, &[]).await;
    let receipt = receipt.unwrap().json()["data"][0].clone();
    let table = world.cloud.store.table();
    engine.put_names(table, 0..100_000, |number| format!("Sara Contact{number}"));
    // crm-api reads the keys, the configuration and the secret that numbers are hashed with.
    search(&world, "09350000001").await;
    let (amount, reference) = (receipt["amount"].to_string(), receipt["gateway_reference"].as_str().unwrap());
    for (text, kind, found) in [
        ("09350000001", "contacts", 1),
        ("09350000002", "contacts", 1),
        ("Sara@Example.com", "contacts", 1),
        ("sara", "contacts", 10),
        ("s", "contacts", 10),
        ("sara zand", "contacts", 1),
        ("Contact4711", "contacts", 10),
        ("Contact 47110", "contacts", 1),
        ("نیما", "contacts", 0),
        ("inv-77", "items", 1),
        (link.id.as_str(), "payment_links", 1),
        ("1042", "payment_links", 1),
        (amount.as_str(), "receipts", 1),
        (reference, "receipts", 1),
    ] {
        let (answer, usage) = search(&world, text).await;
        assert_eq!(answer[kind]["data"].as_array().unwrap().len(), found, "{text}: {answer:#}");
        assert!(usage.read_units <= 5.0, "{text}: {usage}");
        assert!(usage.round_trips <= 5, "{text}: {:?}", usage.operations);
        assert_eq!(usage.write_units, 0, "{text}");
    }
}

#[tokio::test]
async fn a_record_costs_what_it_is_found_by_only_where_that_changed() {
    let world = warm_world().await;
    let put = async |path: &str, body: &Value| {
        world.usage();
        let reply = world.crm(Method::PUT, path, body, &[]).await.unwrap();
        assert!(reply.status.is_success(), "{}", reply.text);
        world.usage()
    };
    let path = "/v1/contacts/c-new";
    let mut body = json!({ "name": "Sara Zand", "mobile": "09350000001", "email": "sara@example.com" });
    put("/v1/contacts/c-warm", &body).await;
    // The contact and four rows in one transaction, which counts twice, and its place in the list of all.
    assert_eq!(put(path, &body).await.write_units, 2 * (1 + 4) + 1);
    body["balance"] = json!({ "amount": 5, "currency": "IRR" });
    assert_eq!(put(path, &body).await.write_units, 1, "nothing that it is found by changed");
    body["mobile"] = json!("09350000002");
    assert_eq!(put(path, &body).await.write_units, 2 * (1 + 2), "one row goes and one comes");
    // The id, and two words.
    let item = json!({ "kind": "invoice", "title": "Invoice 9", "contact_id": "c-new" });
    assert_eq!(put("/v1/items/x-1", &item).await.write_units, 2 * (1 + 3) + 1);
}

#[tokio::test]
async fn what_a_receipt_is_found_by_is_one_call_and_a_unit_for_each_way() {
    let world = warm_world().await;
    let link = world.make_link(&quiet_link(), "told").await;
    world.go_to_gateway(&link).await;
    world.bring_stream().await;
    pay(&world, &link, "paid").await;
    world.usage();
    world.bring_stream().await;
    // Two events with their places in the list, a row for the reference, the card, and the amount in Rial and in Toman, and
    // where the receipt is read.
    assert_usage(&world.usage(), 5, 1.0, 2 * 2 + 4 + 1);
}

/// What totals ask of the table, with all calls that it takes on this machine.
async fn totals(world: &FaultyWorld, query: &str) -> (Value, Usage) {
    world.usage();
    let told = ask(world, DEMO, &format!("mode=sandbox&{query}")).await.unwrap();
    (told, world.usage())
}

/// A link that is over, and so many copies of it that were made one after the other in the time from now on.
async fn put_links_over(world: &FaultyWorld, engine: &Engine, links: usize, time: Duration) {
    let begins = world.now();
    let over = world.make_link(&quiet_link(), "over").await;
    assert!(world.cancel(&over, false).await.unwrap().status.is_success());
    let (id, table) = (LinkId::parse(&over.id).unwrap(), world.cloud.store.table());
    let pattern = engine.link(table, &id);
    let made_at = |number: usize| begins + time * u32::try_from(number).unwrap() / u32::try_from(links).unwrap();
    engine.put_all(table, 0..links, |number| copy_made_at(&pattern, number, None, made_at(number), 0));
}

/// An entry of the index has about a hundred bytes, so that the first call for a year of a thousand links a day reads
/// thirty-six times as much as this one. What is kept of a day costs the same however many links it had.
#[tokio::test]
async fn a_year_of_ten_thousand_links_is_read_once_and_then_costs_what_its_days_cost() {
    let engine = Engine::start().await;
    let world = FaultyWorld::metered_on_engine(3600, &engine).await;
    put_item(&world, "form-77", Value::Null).await;
    let begins = world.now();
    const LINKS: usize = 10_000;
    let year = Duration::from_secs(365 * 24 * 3600);
    put_links_over(&world, &engine, LINKS, year).await;
    world.turn_time(year + Duration::from_secs(24 * 3600));
    let from = (begins - Duration::from_secs(24 * 3600)).strftime("%Y-%m-%d").to_string();
    let by_month = format!("from={from}&group_by=month");
    let (first, usage) = totals(&world, &by_month).await;
    let created = |told: &Value| -> u64 {
        let groups = told["groups"].as_array().unwrap();
        groups.iter().map(|group| group["links"]["created"]["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(created(&first), u64::try_from(LINKS).unwrap() + 1);
    assert!(usage.read_units <= 200.0, "{usage}");
    assert!(usage.write_units <= 2 * 370, "a row for the links of a day and one for its receipts: {usage}");
    for query in [by_month.as_str(), &format!("from={from}&group_by=account"), &format!("from={from}")] {
        let (again, usage) = totals(&world, query).await;
        assert_eq!(created(&again), created(&first), "{query}");
        assert!(usage.read_units <= 20.0 && usage.write_units == 0, "{query}: {usage}");
        assert!(usage.round_trips <= 10, "{query}: {:?}", usage.operations);
    }
    // What was read once is read once more when some time has passed, and then stays.
    world.turn_time(Duration::from_secs(11 * 60));
    let (again, usage) = totals(&world, &by_month).await;
    assert_eq!(created(&again), created(&first));
    assert!((100.0..=200.0).contains(&usage.read_units), "{usage}");
    world.turn_time(Duration::from_secs(11 * 60));
    let (again, usage) = totals(&world, &by_month).await;
    assert_eq!(created(&again), created(&first));
    assert!(usage.read_units <= 20.0 && usage.write_units == 0, "{usage}");
}

/// Twenty thousand links of one week are some pages of its list, and a call that has no time reads one.
#[tokio::test]
async fn whoever_asks_again_comes_further_however_little_time_a_call_has() {
    let engine = Engine::start().await;
    let world = FaultyWorld::metered_on_engine(3600, &engine).await;
    put_item(&world, "form-77", Value::Null).await;
    let begins = world.now();
    const LINKS: usize = 20_000;
    let week = Duration::from_secs(7 * 24 * 3600);
    put_links_over(&world, &engine, LINKS, week).await;
    world.turn_time(week + Duration::from_secs(2 * 24 * 3600));
    let store = world.cloud.business();
    let configuration = store.fresh_configuration().await.unwrap();
    let day = |at: domain::Timestamp| configuration.settings.zone().to_datetime(at).date();
    let mut calls = 0;
    let totals = loop {
        calls += 1;
        let (from, to, now) = (day(begins), day(world.now()), world.now());
        let aspect = domain::business::totals::Aspect::Gateway;
        let until = std::time::Instant::now();
        let query = store::TotalsQuery { from, to, aspect, by_day: false, now, until, most: LINKS };
        match store.totals(&configuration, &query).await.unwrap() {
            store::TotalsRead::Whole(totals) => break totals,
            store::TotalsRead::NotYet => assert!(calls < 10, "it comes no further"),
            store::TotalsRead::TooMany(what) => panic!("{what:?}"),
        }
    };
    let created: u64 = totals.links.values().flat_map(|sums| sums.0.values()).map(|(of, _)| of.created.count).sum();
    assert_eq!(created, u64::try_from(LINKS).unwrap() + 1);
    assert!(calls > 2, "{calls} calls");
    assert_eq!(totals.links.len(), 1, "they are told apart by the gateway only");
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
        // What receipts are found by is spread by reference, card and amount: no more than a thousand a second of one amount.
        let own = ["link#", "receipt#", "receipt-page#", "receipt-search#", "claim#", "provider-message#", "due "];
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

/// A link at Stripe that is paid, on an item with a receipt field, and the path of the refunds of its payment.
async fn paid_at_stripe(world: &FaultyWorld, name: &str) -> String {
    let body = json!({
        "account_id": "euro", "amount": 1999, "recipients": {}, "after_payment": { "receipt_field": "payment" },
        "item": { "id": name, "kind": "invoice", "title": "Invoice", "contact_id": "c-1042",
                  "receipt_fields": [{ "key": "payment", "label": "Payment" }] },
    });
    let link = world.make_link(&body, name).await;
    pay(world, &link, "paid_no_webhook").await;
    world.bring_stream().await;
    let path = format!("/v1/payment-links/{}", link.id);
    let shown = world.crm_as(link.key, Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
    format!("/v1/receipts/{}/refunds", shown["receipts"][0].as_str().unwrap())
}

async fn ask_for_refund(world: &FaultyWorld, path: &str, body: &Value, key: &str) {
    let reply = world.crm(Method::POST, path, body, &[("idempotency-key", key)]).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
}

#[tokio::test]
async fn a_refund_is_asked_for_made_and_recorded_with_one_transaction_at_each_end() {
    let world = warm_world().await;
    let [warm, counted] = [paid_at_stripe(&world, "inv-warm").await, paid_at_stripe(&world, "inv-counted").await];
    let part = json!({ "amount": 500, "reason": "One chair was broken" });
    ask_for_refund(&world, &warm, &part, "warm").await;
    world.turn_time(Duration::from_secs(61));
    world.sweep().await.unwrap().unwrap();
    world.bring_stream().await;
    world.usage();
    // The receipt, the link and the account are read; the link and the entry of the log with its event are one transaction,
    // which counts twice.
    ask_for_refund(&world, &counted, &part, "counted").await;
    assert_usage(&world.usage(), 4, 3.0, 15);
    // What it is listed by, and the event.
    world.bring_stream().await;
    assert_usage(&world.usage(), 3, 2.0, 5);
    world.turn_time(Duration::from_secs(1));
    world.proxy.record();
    world.sweep().await.unwrap().unwrap();
    // Beside the run itself: the link is read and leased, the intention is written, and then link, receipt, the receipt of what
    // went back and its attachment in one transaction.
    assert_usage(&world.usage(), 16 + 4, 8.0 + 1.0, 24);
    assert_eq!(gateway_calls(&world), 2, "the gateway is asked which refunds there are, and for this one");
    // Two events, and what the receipt is found by.
    world.bring_stream().await;
    assert_usage(&world.usage(), 4, 2.0, 7);
}

#[tokio::test]
async fn twenty_refunds_are_listed_in_two_round_trips_whoever_they_are_of() {
    let world = warm_world().await;
    for number in 0..21 {
        let path = paid_at_stripe(&world, &format!("inv-{number}")).await;
        let outside = json!({ "amount": 100, "outside": { "reference": format!("TR-{number}") } });
        ask_for_refund(&world, &path, &outside, &format!("outside-{number}")).await;
    }
    world.bring_stream().await;
    for query in ["order=newest", "order=oldest", "contact_id=c-1042", "method=outside&status=pending&account_id=euro"]
    {
        world.usage();
        let path = format!("/v1/refunds?{query}");
        let page = world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
        let usage = world.usage();
        assert_eq!((size_of(&page), &page["has_more"]), (20, &json!(true)), "{query}: {page}");
        assert_eq!(usage.round_trips, 2, "{query}: {:?}", usage.operations);
        assert!(usage.read_units <= 25.0, "{query}: {usage}");
    }
}

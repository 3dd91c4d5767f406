//! Money that came by other means than a gateway, entries that turned out to be wrong, and links that are held for a while:
//! what an operator may write down, and what every list, sum, record and page says of it then.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ids::EventSubject;
use jiff::ToSpan;
use paylink_local::seed::{BAZAAR, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Reply;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made, key_of};
use tests::invariants::Stage;
use tests::totals::{GROUPINGS, ask as totals, disagreements};

use super::money::session_of;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A link on an invoice of its own, whose receipts show under a field of it.
async fn link(world: &FaultyWorld, name: &str) -> Made {
    let item = json!({ "id": format!("inv-{name}"), "kind": "invoice", "title": name, "contact_id": "c-1042",
                       "receipt_fields": [{ "key": "payment", "label": "Payment" }] });
    let body = json!({ "account_id": "main", "item": item, "amount": 100_000, "expires_in_days": 7,
                       "after_payment": { "receipt_field": "payment" } });
    world.make_link(&body, name).await
}

fn path_of(link: &Made) -> String {
    format!("/v1/payment-links/{}", link.id)
}

async fn post(world: &FaultyWorld, path: &str, body: Value, key: &str) -> Reply {
    let headers = [("idempotency-key", key), ("paylink-actor", "sara")];
    world.crm(Method::POST, path, &body, &headers).await.unwrap()
}

async fn record(world: &FaultyWorld, link: &Made, body: Value, key: &str) -> Reply {
    post(world, &format!("{}/payments", path_of(link)), body, key).await
}

/// Money that is written down, and the receipt of it.
async fn recorded(world: &FaultyWorld, link: &Made, body: Value, key: &str) -> Value {
    let reply = record(world, link, body, key).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    world.get(&format!("/v1/receipts/{}", reply.json()["receipts"][0].as_str().unwrap())).await
}

fn receipt_path(receipt: &Value) -> String {
    format!("/v1/receipts/{}", receipt["id"].as_str().unwrap())
}

fn assert_refused(reply: &Reply, status: StatusCode, code: &str) {
    let said = reply.json();
    let of_field = &said["errors"][0]["code"];
    assert_eq!(reply.status, status, "{said}");
    assert!(said["code"] == code || *of_field == code, "{code} was expected: {said}");
}

/// What an invoice says was received for it.
async fn received(world: &FaultyWorld, name: &str) -> Value {
    world.get(&format!("/v1/items/inv-{name}")).await["received"]["payment"].clone()
}

/// What the CRM is told of a link, in its order.
async fn told(world: &FaultyWorld, link: &Made) -> Vec<&'static str> {
    let (evidence, demo) = (world.evidence().await, paylink_local::seed::demo());
    let of_link = evidence.events_of(&demo).filter(|event| match event.id.subject() {
        Some(EventSubject::Link(id, _)) => id.as_str() == link.id,
        Some(EventSubject::Entry(_)) | None => false,
    });
    let by_number: BTreeMap<u32, &'static str> = of_link.map(|event| (event.sequence, event.kind.as_str())).collect();
    by_number.into_values().collect()
}

async fn assert_totals_agree(world: &FaultyWorld) {
    let wrong = disagreements(world, &world.evidence().await, DEMO, &GROUPINGS).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn cash_pays_a_link_at_once_and_is_seen_wherever_a_payment_is() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "cash").await;
    let came_at = world.now() - 90.minutes();
    let body = json!({ "received_by": "cheque", "reference": "CHQ-77", "received_at": came_at.to_string(),
                       "note": "given to Sara at the desk" });
    let reply = record(&world, &link, body, "cash").await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    let shown = reply.json();
    assert_eq!((&shown["status"], &shown["amount_refunded"]), (&json!("paid"), &json!(0)), "{shown}");
    let attempt = &shown["attempts"][0];
    assert_eq!((&attempt["payment_method"], &attempt["gateway"]), (&json!("cheque"), &Value::Null), "{attempt}");
    assert_eq!(attempt["recorded"]["recorded_by"], "sara");
    assert_eq!(attempt["recorded"]["note"], "given to Sara at the desk");
    let receipt = world.get(&format!("/v1/receipts/{}", shown["receipts"][0].as_str().unwrap())).await;
    for (field, is) in [
        ("kind", json!("payment")),
        ("payment_method", json!("cheque")),
        ("gateway", Value::Null),
        ("gateway_reference", json!("CHQ-77")),
        ("amount", json!(100_000)),
        ("receipt_field", json!("payment")),
        ("voided_at", Value::Null),
    ] {
        assert_eq!(receipt[field], is, "{field} of {receipt}");
    }
    assert_eq!(receipt["booked_at"], receipt["gateway_paid_at"], "books go by when it came");
    world.bring_stream().await;
    let kinds = told(&world, &link).await;
    assert!(kinds.ends_with(&["payment_link.paid", "receipt.registered"]), "{kinds:?}");
    let found = world.get("/v1/search?q=chq-77").await;
    assert_eq!(found["receipts"]["data"][0]["id"], receipt["id"], "{found}");
    assert_eq!(found["receipts"]["data"][0]["gateway"], Value::Null);
    let listed = world.get("/v1/receipts?contact_id=c-1042").await;
    assert_eq!(listed["data"][0], receipt);
    assert_eq!(world.get("/v1/receipts?gateway=zarinpal").await["data"], json!([]));
    assert_eq!(received(&world, "cash").await[0]["amount"], 100_000);
    assert_totals_agree(&world).await;
    let day = totals(&world, DEMO, "mode=sandbox&group_by=gateway").await.unwrap();
    let of_none = day["groups"].as_array().unwrap().iter().find(|group| group["key"].is_null());
    assert_eq!(of_none.unwrap()["received"]["gross"][0]["amount"], 100_000, "{day}");
    let page = world.open(&link.url).await.unwrap();
    assert!(page.status == StatusCode::OK && !page.text.contains("Zarinpal"), "{}", page.text);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_repeated_request_writes_money_down_once_and_needs_a_key() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "twice").await;
    let body = json!({ "received_by": "cash" });
    let without = world.crm(Method::POST, &format!("{}/payments", path_of(&link)), &body, &[]).await.unwrap();
    assert_refused(&without, StatusCode::BAD_REQUEST, "required");
    let first = record(&world, &link, body.clone(), "k").await;
    let again = record(&world, &link, body, "k").await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert!(first.headers.get("idempotency-replayed").is_none() && again.headers.contains_key("idempotency-replayed"));
    assert_eq!(first.json()["receipts"], again.json()["receipts"]);
    let other = record(&world, &link, json!({ "received_by": "pos" }), "k").await;
    assert_refused(&other, StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    let second = record(&world, &link, json!({ "received_by": "cash" }), "another").await;
    assert_refused(&second, StatusCode::CONFLICT, "link_takes_no_money");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn two_operators_who_write_down_the_same_money_at_once_are_told_so() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "race").await;
    let (one, other) = tokio::join!(
        record(&world, &link, json!({ "received_by": "cash" }), "one"),
        record(&world, &link, json!({ "received_by": "cash" }), "other")
    );
    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT], "{} {}", one.text, other.text);
    assert_eq!(
        world.get(&format!("/v1/receipts?payment_link_id={}", link.id)).await["data"].as_array().unwrap().len(),
        1
    );
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn what_cannot_be_written_down_is_refused_by_its_field() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "wrong").await;
    let (soon, long_ago) = (world.now() + 1.hour(), world.now() - (366 * 24 + 1).hours());
    for (body, code) in [
        (json!({}), "required"),
        (json!({ "received_by": "gold" }), "unknown_choice"),
        (json!({ "received_by": "cash", "amount": 100_001 }), "more_than_is_due"),
        (json!({ "received_by": "cash", "amount": 0 }), "out_of_range"),
        (json!({ "received_by": "cash", "account_id": "nowhere" }), "unknown_account"),
        (json!({ "received_by": "cash", "account_id": "euro" }), "unknown_account"),
        (json!({ "received_by": "cash", "received_at": soon.to_string() }), "out_of_range"),
        (json!({ "received_by": "cash", "received_at": long_ago.to_string() }), "out_of_range"),
        (json!({ "received_by": "cash", "reference": "r".repeat(101) }), "too_long"),
        (json!({ "received_by": "cash", "method": "cash" }), "unknown_field"),
    ] {
        assert_refused(&record(&world, &link, body, "wrong").await, StatusCode::UNPROCESSABLE_ENTITY, code);
    }
    let nowhere = Made { id: "pl_1111111111111111111111".to_owned(), ..link.clone() };
    assert_refused(
        &record(&world, &nowhere, json!({ "received_by": "cash" }), "n").await,
        StatusCode::NOT_FOUND,
        "not_found",
    );
    world.cancel(&link, false).await.unwrap();
    let cancelled = record(&world, &link, json!({ "received_by": "cash" }), "late").await;
    assert_refused(&cancelled, StatusCode::CONFLICT, "link_takes_no_money");
    assert_eq!(cancelled.json()["current_status"], "cancelled");
    assert_eq!(world.get(&format!("/v1/receipts?payment_link_id={}", link.id)).await["data"], json!([]));
}

#[tokio::test]
async fn a_reference_that_was_used_before_is_asked_about_and_a_void_one_is_free_again() {
    let world = FaultyWorld::start(0).await;
    let (one, other) = (link(&world, "first").await, link(&world, "second").await);
    let body = json!({ "received_by": "bank_transfer", "reference": "TRX 00-9" });
    let receipt = recorded(&world, &one, body.clone(), "first").await;
    world.bring_stream().await;
    let same = json!({ "received_by": "bank_transfer", "reference": " trx00-۹" });
    let refused = record(&world, &other, same.clone(), "second").await;
    assert_refused(&refused, StatusCode::CONFLICT, "reference_used_before");
    assert_eq!(refused.json()["conflicting_id"], receipt["id"]);
    let void = post(&world, &format!("{}/void", receipt_path(&receipt)), json!({}), "void").await;
    assert_eq!(void.status, StatusCode::OK, "{}", void.text);
    assert_eq!(record(&world, &other, same, "third").await.status, StatusCode::CREATED);
    let third = link(&world, "third").await;
    world.bring_stream().await;
    let forced = json!({ "received_by": "bank_transfer", "reference": "trx00-9", "force": true });
    assert_eq!(record(&world, &third, forced, "forced").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn while_a_customer_pays_the_operator_is_asked_and_what_comes_as_well_goes_back() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "both").await;
    let page = world.go_to_gateway(&link).await;
    let asked = record(&world, &link, json!({ "received_by": "cash" }), "cash").await;
    assert_refused(&asked, StatusCode::CONFLICT, "payment_in_progress");
    let forced = record(&world, &link, json!({ "received_by": "cash", "force": true }), "force").await;
    assert_eq!(forced.status, StatusCode::CREATED, "{}", forced.text);
    let back = world.choose(&page, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    world.confirm().await;
    world.live_out().await;
    let read = world.get(&path_of(&link)).await;
    assert_eq!((&read["status"], read["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{read}");
    let books = world.books_of("zarinpal").await;
    let book = books.iter().find(|book| book["id"] == session_of(&page)).unwrap();
    assert_ne!(book["is_taken"], true, "what nobody takes goes back by itself: {book}");
    world.assert_all_is_well(Stage::Ended).await;
}

#[tokio::test]
async fn an_entry_is_voided_with_a_record_and_day_and_item_say_so() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "void").await;
    let receipt = recorded(&world, &link, json!({ "received_by": "pos", "reference": "S-1" }), "pos").await;
    let path = format!("{}/void", receipt_path(&receipt));
    let reply = post(&world, &path, json!({ "reason": "another customer's" }), "void").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let voided = reply.json();
    assert!(voided["voided_at"].is_string() && voided["void_receipt_id"].is_string(), "{voided}");
    let record = world.get(&format!("/v1/receipts/{}", voided["void_receipt_id"].as_str().unwrap())).await;
    assert_eq!((&record["kind"], &record["voids_receipt_id"]), (&json!("payment_void"), &receipt["id"]), "{record}");
    assert_eq!((&record["amount"], &record["receipt_field"]), (&json!(100_000), &json!("payment")));
    let again = post(&world, &path, json!({ "reason": "another customer's" }), "void").await;
    assert!(again.status == StatusCode::OK && again.headers.contains_key("idempotency-replayed"), "{}", again.text);
    assert_refused(&post(&world, &path, json!({}), "once-more").await, StatusCode::CONFLICT, "already_voided");
    let of_record = format!("/v1/receipts/{}/void", record["id"].as_str().unwrap());
    assert_refused(&post(&world, &of_record, json!({}), "v").await, StatusCode::CONFLICT, "receipt_of_void");
    let shown = world.get(&path_of(&link)).await;
    assert_eq!(shown["status"], "paid", "what is paid is never open again");
    let void = &shown["attempts"][0]["voided"];
    assert_eq!((&void["reason"], &void["voided_by"]), (&json!("another customer's"), &json!("sara")), "{shown}");
    assert_eq!(shown["receipts"], json!([receipt["id"], record["id"]]));
    assert_eq!(received(&world, "void").await[0]["amount"], 0);
    let refund = json!({ "outside": { "reference": "B-1" } });
    let refund = post(&world, &format!("{}/refunds", receipt_path(&receipt)), refund, "refund").await;
    assert_refused(&refund, StatusCode::CONFLICT, "receipt_voided");
    world.bring_stream().await;
    assert_eq!(told(&world, &link).await.last(), Some(&"receipt.voided"));
    assert_totals_agree(&world).await;
    let sums = totals(&world, DEMO, "mode=sandbox").await.unwrap();
    let groups = sums["groups"].as_array().unwrap();
    let received = &groups.iter().find(|group| group["received"]["count"] != 0).unwrap()["received"];
    let of = |part: &str| (received[part][0]["count"].clone(), received[part][0]["amount"].clone());
    assert_eq!(of("gross"), (json!(1), json!(100_000)), "{received}");
    assert_eq!((of("voided"), of("net")), ((json!(1), json!(-100_000)), (json!(2), json!(0))), "{received}");
    let kinds = world.get("/v1/receipts?kind=payment_void").await;
    assert_eq!(kinds["data"], json!([record]));
    let log = world.get("/v1/audit-log").await;
    let actions: Vec<&str> =
        log["data"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert!(actions.starts_with(&["voided", "recorded"]), "{actions:?}");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_refund_noted_by_mistake_is_voided_and_the_money_is_there_again() {
    let world = FaultyWorld::start(0).await;
    for (name, by_gateway) in [("gateway", true), ("cash", false)] {
        let link = link(&world, name).await;
        if by_gateway {
            world.pay(&link, "paid").await;
        } else {
            recorded(&world, &link, json!({ "received_by": "cash" }), name).await;
        }
        let shown = world.get(&path_of(&link)).await;
        let payment = format!("/v1/receipts/{}", shown["receipts"][0].as_str().unwrap());
        let body = json!({ "amount": 40_000, "outside": { "reference": format!("T-{name}") } });
        let noted = post(&world, &format!("{payment}/refunds"), body, &format!("note-{name}")).await;
        assert_eq!(noted.status, StatusCode::CREATED, "{}", noted.text);
        if !by_gateway {
            let by_gateway = post(&world, &format!("{payment}/refunds"), json!({}), "by-gateway").await;
            assert_refused(&by_gateway, StatusCode::CONFLICT, "refund_outside_only");
        }
        world.turn_time(MINUTE);
        world.sweep().await.unwrap().unwrap();
        let refund = format!("/v1/refunds/{}", noted.json()["id"].as_str().unwrap());
        let of_refund = world.get(&refund).await["refund_receipt_id"].as_str().unwrap().to_owned();
        assert_eq!(received(&world, name).await[0]["amount"], 60_000);
        let voided = post(&world, &format!("{payment}/void"), json!({}), &format!("payment-{name}")).await;
        let expected = if by_gateway { "not_an_entry" } else { "entry_refunded" };
        assert_refused(&voided, StatusCode::CONFLICT, expected);
        let reply = post(&world, &format!("/v1/receipts/{of_refund}/void"), json!({}), &format!("void-{name}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        assert_eq!(world.get(&refund).await["status"], "succeeded", "the books have it until a run was there");
        world.turn_time(MINUTE);
        world.sweep().await.unwrap().unwrap();
        let read = world.get(&refund).await;
        assert_eq!((&read["status"], &read["failure_reason"]), (&json!("failed"), &json!("voided")), "{read}");
        assert_eq!(read["resolved_by"], "sara");
        let receipt = world.get(&format!("/v1/receipts/{of_refund}")).await;
        let record = world.get(&format!("/v1/receipts/{}", receipt["void_receipt_id"].as_str().unwrap())).await;
        assert_eq!((&record["kind"], &record["amount"]), (&json!("refund_void"), &json!(40_000)), "{record}");
        assert_eq!(world.get(&payment).await["amount_refunded"], 0);
        assert_eq!(received(&world, name).await[0]["amount"], 100_000);
        let body = json!({ "amount": 100_000, "outside": { "reference": format!("U-{name}") } });
        let whole = post(&world, &format!("{payment}/refunds"), body, &format!("whole-{name}")).await;
        assert_eq!(whole.status, StatusCode::CREATED, "all of it is left: {}", whole.text);
    }
    world.confirm().await;
    world.live_out().await;
    assert_totals_agree(&world).await;
    world.assert_all_is_well(Stage::Ended).await;
}

#[tokio::test]
async fn a_payment_without_a_receipt_is_voided_by_its_attempt() {
    let world = FaultyWorld::start(0).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000,
                       "after_payment": { "register_receipt": false } });
    let link = world.make_link(&body, "no-receipt").await;
    let shown = record(&world, &link, json!({ "received_by": "other" }), "other").await.json();
    assert_eq!(shown["receipts"], json!([]), "{shown}");
    let attempt = format!("{}/attempts/{}/void", path_of(&link), shown["attempts"][0]["id"].as_str().unwrap());
    let voided = post(&world, &attempt, json!({ "reason": "a mistake" }), "void").await;
    assert_eq!(voided.json()["attempts"][0]["voided"]["reason"], "a mistake", "{}", voided.text);
    let nowhere = format!("{}/attempts/at_1111111111111111111111/void", path_of(&link));
    assert_refused(&post(&world, &nowhere, json!({}), "nowhere").await, StatusCode::NOT_FOUND, "not_found");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_call_that_writes_money_down_and_whose_answer_is_lost_did_it_once() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "lost").await;
    world.proxy.decide(|_, call: &Call| (call.operation == "TransactWriteItems").then_some(Fault::LoseAnswer));
    let reply = record(&world, &link, json!({ "received_by": "cash" }), "lost").await;
    world.proxy.record();
    let again = record(&world, &link, json!({ "received_by": "cash" }), "lost").await;
    assert_eq!(again.status, StatusCode::CREATED, "{} and then {}", reply.text, again.text);
    assert_eq!(again.json()["receipts"].as_array().unwrap().len(), 1);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn money_that_came_on_a_day_that_is_closed_counts_from_the_first_open_one_on() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "closed").await;
    world.turn_time(49 * HOUR);
    let zone = domain::calendar::parse_time_zone("Asia/Tehran").unwrap();
    let yesterday = zone.to_datetime(world.now()).date().yesterday().unwrap();
    let closed = json!({ "books_closed_until": yesterday });
    assert_eq!(world.crm(Method::PATCH, "/v1/settings", &closed, &[]).await.unwrap().status, StatusCode::OK);
    let came_at = (world.now() - 47.hours()).to_string();
    let receipt = recorded(&world, &link, json!({ "received_by": "cash", "received_at": came_at }), "closed").await;
    let booked: jiff::Timestamp = receipt["booked_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(zone.to_datetime(booked).date(), yesterday.tomorrow().unwrap(), "{receipt}");
    assert_totals_agree(&world).await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_link_is_held_for_a_while_and_found_as_such() {
    let world = FaultyWorld::start(0).await;
    let (held, free) = (link(&world, "held").await, link(&world, "free").await);
    let until = (world.now() + 2.hours()).to_string();
    let path = format!("{}/hold", path_of(&held));
    let body = json!({ "reason": "cheque", "until": until, "stops_paying": true, "note": "due on Monday" });
    let reply = post(&world, &path, body.clone(), "hold").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let hold = &reply.json()["hold"];
    assert_eq!((&hold["reason"], &hold["placed_by"]), (&json!("cheque"), &json!("sara")), "{hold}");
    assert!(post(&world, &path, body, "hold").await.headers.contains_key("idempotency-replayed"));
    let ids = |list: Value| list["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(world.get("/v1/payment-links?held=true").await), [json!(held.id)]);
    assert_eq!(ids(world.get("/v1/payment-links?held=false").await), [json!(free.id)]);
    let page = world.open(&held.url).await.unwrap();
    assert!(page.status == StatusCode::OK && page.headers.get("location").is_none(), "{}", page.text);
    assert!(world.get(&path_of(&held)).await["attempts"].as_array().unwrap().is_empty(), "nobody is sent there");
    for (body, code) in [
        (json!({ "until": until }), "required"),
        (json!({ "reason": "cheque" }), "required"),
        (json!({ "reason": "rain", "until": until }), "unknown_choice"),
        (json!({ "reason": "promise", "until": world.now().to_string() }), "out_of_range"),
        (json!({ "reason": "promise", "until": (world.now() + (367 * 24).hours()).to_string() }), "out_of_range"),
    ] {
        assert_refused(&post(&world, &path, body, "wrong").await, StatusCode::UNPROCESSABLE_ENTITY, code);
    }
    let freed = world.crm(Method::DELETE, &path, &Value::Null, &[]).await.unwrap();
    assert!(freed.status == StatusCode::OK && freed.json()["hold"].is_null(), "{}", freed.text);
    let again = world.crm(Method::DELETE, &path, &Value::Null, &[]).await.unwrap();
    assert_refused(&again, StatusCode::CONFLICT, "not_held");
    let promise = json!({ "reason": "promise", "until": until });
    assert_eq!(post(&world, &path, promise, "promise").await.status, StatusCode::OK);
    world.turn_time(3 * HOUR);
    assert_eq!(world.get(&path_of(&held)).await["hold"], Value::Null, "it ends by itself");
    assert_eq!(ids(world.get("/v1/payment-links?held=true").await), Vec::<Value>::new());
    world.bring_stream().await;
    let mut of_holds = told(&world, &held).await;
    of_holds.retain(|kind| kind.ends_with("held") || kind.ends_with("released"));
    assert_eq!(of_holds, ["payment_link.held", "payment_link.released", "payment_link.held"]);
    world.go_to_gateway(&held).await;
    world.cancel(&free, false).await.unwrap();
    let over =
        post(&world, &format!("{}/hold", path_of(&free)), json!({ "reason": "promise", "until": until }), "o").await;
    assert_refused(&over, StatusCode::CONFLICT, "link_not_active");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn another_businesss_money_is_written_down_and_voided_by_nobody_else() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "mine").await;
    let receipt = recorded(&world, &link, json!({ "received_by": "cash" }), "mine").await;
    let key = key_of(BAZAAR);
    let header = [("idempotency-key", "theirs")];
    for path in [
        format!("{}/payments", path_of(&link)),
        format!("{}/hold", path_of(&link)),
        format!("{}/void", receipt_path(&receipt)),
    ] {
        let until = (world.now() + 2.hours()).to_string();
        let body = match path.rsplit('/').next().unwrap() {
            "payments" => json!({ "received_by": "cash" }),
            "hold" => json!({ "reason": "promise", "until": until }),
            _ => json!({}),
        };
        let reply = world.crm_as(key, Method::POST, &path, &body, &header).await.unwrap();
        assert_refused(&reply, StatusCode::NOT_FOUND, "not_found");
    }
}

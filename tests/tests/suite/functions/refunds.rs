//! Money of payments goes back by the API: who may have that done, what every list, sum and record says of it then, and what a
//! person does where nobody knows what became of it.

use std::time::Duration;

use domain::Timestamp;
use domain::ids::{LinkId, PayToken};
use domain::link::{Attempt, PaymentLink, Refund, RefundCause};
use paylink_local::seed::DEMO;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{ApiKey, KeyHolder, Scope};
use tests::Reply;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;
use tests::totals::ask as totals;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A link on an invoice of its own, whose receipts show under a field of it.
async fn link(world: &FaultyWorld, account: &str, name: &str) -> Made {
    let item = json!({ "id": format!("inv-{name}"), "kind": "invoice", "title": name, "contact_id": "c-1042",
                       "receipt_fields": [{ "key": "payment", "label": "Payment" }] });
    let body = json!({ "account_id": account, "item": item, "amount": 100_000, "expires_in_days": 7,
                       "after_payment": { "receipt_field": "payment" } });
    world.make_link(&body, name).await
}

/// A link that is paid, and the path of its receipt.
async fn paid(world: &FaultyWorld, account: &str, name: &str) -> (Made, String) {
    let link = link(world, account, name).await;
    world.pay(&link, "paid").await;
    let read = world.get(&format!("/v1/payment-links/{}", link.id)).await;
    let receipt = read["receipts"][0].as_str().unwrap_or_else(|| panic!("{name} is not paid: {read}"));
    (link, format!("/v1/receipts/{receipt}"))
}

async fn ask(world: &FaultyWorld, of: &str, body: Value, key: &str) -> Reply {
    let headers = [("idempotency-key", key), ("paylink-actor", "sara")];
    world.crm(Method::POST, &format!("{of}/refunds"), &body, &headers).await.unwrap()
}

async fn begun(world: &FaultyWorld, of: &str, body: Value, key: &str) -> Value {
    let reply = ask(world, of, body, key).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    reply.json()
}

fn path_of(refund: &Value) -> String {
    format!("/v1/refunds/{}", refund["id"].as_str().unwrap())
}

/// The refund as it is read now.
async fn now(world: &FaultyWorld, refund: &Value) -> Value {
    world.get(&path_of(refund)).await
}

async fn sweep(world: &FaultyWorld, times: u32, apart: Duration) {
    for _ in 0..times {
        world.turn_time(apart);
        world.sweep().await.unwrap().unwrap();
    }
    world.bring_stream().await;
}

/// What goes back by other means, a moment ago.
fn outside(world: &FaultyWorld, amount: i64, reference: &str) -> Value {
    json!({ "amount": amount, "outside": { "reference": reference, "refunded_at": world.now().to_string() } })
}

/// A refund at Stripe of which nobody knows what became of it: the gateway has made it, and whoever asked was not told.
async fn left_unanswered(world: &FaultyWorld, receipt: &str, key: &str) -> Value {
    let refund = begun(world, receipt, json!({ "amount": 40_000 }), key).await;
    world.turn_time(MINUTE);
    world.proxy.decide(|_, call: &Call| (call.operation == "POST /v1/refunds").then_some(Fault::LoseAnswer));
    world.sweep().await.unwrap().unwrap();
    world.proxy.decide(|_, call: &Call| (call.service == "stripe").then_some(Fault::Unavailable));
    sweep(world, 40, 2 * HOUR).await;
    world.proxy.record();
    let read = now(world, &refund).await;
    assert_eq!(read["status"], "needs_review", "{read}");
    assert_eq!(read["review_reason"], "refund_unanswered", "{read}");
    refund
}

/// What the gateways' own books say went back of a payment.
async fn gone_at_stripe(world: &FaultyWorld, link: &Made) -> i64 {
    let link = stored(world, link).await;
    let session = link.attempts()[0].session.clone();
    let books = world.books_of("stripe").await;
    books.iter().find(|one| one["id"] == session.as_str()).unwrap()["refunded"].as_i64().unwrap()
}

async fn stored(world: &FaultyWorld, link: &Made) -> PaymentLink {
    world.cloud.store.link(&LinkId::parse(&link.id).unwrap()).await.unwrap().unwrap()
}

async fn key_with(world: &FaultyWorld, name: &str, scopes: Vec<Scope>) -> String {
    let text = format!("plk_demo_{name}");
    let key = ApiKey { integration: name.to_owned(), scopes, created_at: world.now() };
    let demo = KeyHolder::Business(paylink_local::seed::demo());
    world.cloud.store.put_api_key(&demo, &text, &key).await.unwrap();
    text
}

#[tokio::test]
async fn money_is_sent_back_with_the_scope_for_it_alone_and_seen_by_whoever_reads() {
    let world = FaultyWorld::start(0).await;
    let (_, receipt) = paid(&world, "euro", "scopes").await;
    let all_others = key_with(&world, "writer", vec![Scope::Read, Scope::Write, Scope::Admin, Scope::Report]).await;
    let refunds = key_with(&world, "refunder", vec![Scope::Refund]).await;
    let path = format!("{receipt}/refunds");
    let header = [("idempotency-key", "once")];
    let refused = world.crm_as(&all_others, Method::POST, &path, &json!({}), &header).await.unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::FORBIDDEN, &json!("scope_missing")));
    assert_eq!(world.get(&receipt).await["amount_refunded"], 0);
    let made = world.crm_as(&refunds, Method::POST, &path, &json!({}), &header).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let refund = made.json();
    assert_eq!(refund["requested_by"], "refunder", "nobody was named, so that it is the integration");
    let resolve = format!("{}/resolve", path_of(&refund));
    let outcome = json!({ "outcome": "refunded" });
    let refused = world.crm_as(&all_others, Method::POST, &resolve, &outcome, &[]).await.unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::FORBIDDEN, &json!("scope_missing")));
    world.bring_stream().await;
    for path in [path_of(&refund), "/v1/refunds".to_owned()] {
        let seen = world.crm_as(&all_others, Method::GET, &path, &Value::Null, &[]).await.unwrap();
        assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.text);
        assert!(seen.text.contains(refund["id"].as_str().unwrap()), "{path}: {}", seen.text);
        let blind = world.crm_as(&refunds, Method::GET, &path, &Value::Null, &[]).await.unwrap();
        assert_eq!(blind.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn what_went_back_is_on_the_receipt_the_item_the_totals_and_in_the_log() {
    let world = FaultyWorld::start(3600).await;
    let (link, receipt) = paid(&world, "euro", "books").await;
    world.bring_stream().await;
    let item = async || {
        let reply = world.crm(Method::GET, "/v1/items/inv-books", &Value::Null, &[]).await.unwrap();
        (reply.headers["etag"].to_str().unwrap().to_owned(), reply.json())
    };
    let received = |amount: i64| json!({ "payment": [{ "mode": "sandbox", "amount": amount, "currency": "EUR" }] });
    let (tag, before) = item().await;
    assert_eq!(before["received"], received(100_000), "{before}");
    let refund = begun(&world, &receipt, json!({ "amount": 30_000, "reason": "One chair was broken" }), "part").await;
    assert_eq!((item().await.0, &item().await.1["received"]), (tag.clone(), &received(100_000)), "it is on its way");
    sweep(&world, 2, MINUTE).await;
    let done = now(&world, &refund).await;
    assert_eq!(
        (&done["status"], &done["amount"], &done["reason"], &done["requested_by"]),
        (&json!("succeeded"), &json!(30_000), &json!("One chair was broken"), &json!("sara")),
        "{done}"
    );
    assert_eq!(gone_at_stripe(&world, &link).await, 30_000);

    // The receipts.
    let payment = world.get(&receipt).await;
    assert_eq!((&payment["kind"], &payment["amount"]), (&json!("payment"), &json!(100_000)));
    assert_eq!(payment["amount_refunded"], 30_000);
    let listed = world.get("/v1/receipts?kind=refund").await["data"].clone();
    let [correction] = listed.as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!(correction["id"], done["refund_receipt_id"]);
    for (field, of_payment) in [
        ("payment_link_id", &payment["payment_link_id"]),
        ("attempt_id", &payment["attempt_id"]),
        ("contact_id", &payment["contact_id"]),
        ("item_id", &json!("inv-books")),
        ("receipt_field", &json!("payment")),
        ("corrects_receipt_id", &payment["id"]),
        ("refund_id", &refund["id"]),
        ("amount", &json!(30_000)),
        ("currency", &json!("EUR")),
        ("gateway_reference", &done["reference"]),
    ] {
        assert_eq!(&correction[field], of_payment, "{field}: {correction}");
    }
    let payments = world.get("/v1/receipts?kind=payment").await["data"].clone();
    assert_eq!(payments.as_array().unwrap().iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&payment["id"]]);
    let reference = done["reference"].as_str().unwrap();
    let found = world.get(&format!("/v1/search?q={reference}")).await["receipts"]["data"].clone();
    assert_eq!(found[0]["id"], correction["id"], "{found}");

    // The item.
    let (other_tag, after) = item().await;
    assert_eq!(after["received"], received(70_000), "{after}");
    assert_eq!(after["receipts"]["payment"].as_array().unwrap().len(), 2, "{after}");
    assert_ne!(other_tag, tag, "whoever holds the item's tag is told that something changed");

    // The sums of the day.
    let told = totals(&world, DEMO, "mode=sandbox&group_by=account").await.unwrap();
    let euro = told["groups"].as_array().unwrap().iter().find(|group| group["key"] == "euro").unwrap();
    let sum = |count: u64, amount: i64| json!([{ "currency": "EUR", "count": count, "amount": amount }]);
    let received = &euro["received"];
    assert_eq!(received["gross"], sum(1, 100_000), "{euro}");
    assert_eq!(received["refunded"], sum(1, 30_000), "{euro}");
    assert_eq!(received["net"], sum(2, 70_000), "{euro}");

    // The log, and what the CRM is told.
    let log = world.get("/v1/audit-log").await["data"].clone();
    let entry = log.as_array().unwrap().iter().find(|entry| entry["action"] == "refunded");
    let entry = entry.unwrap_or_else(|| panic!("nobody is in the log: {log}"));
    assert_eq!(entry["actor"], "sara", "{entry}");
    assert_eq!(entry["subject"], json!({ "kind": "payment_link", "id": link.id }), "{entry}");
    assert!(entry["changes"].to_string().contains("30000"), "{entry}");
    let events = world.cloud.crm.events();
    let told = |kind: &str| {
        let about = |event: &Value| event["payment_link_id"] == link.id.as_str() && event["type"] == kind;
        events.iter().map(|one| one.event.clone()).filter(about).collect::<Vec<_>>()
    };
    assert_eq!((told("refund.created").len(), told("refund.succeeded").len()), (1, 1));
    let registered = told("receipt.registered");
    assert_eq!(registered.len(), 2);
    assert_eq!(registered[1]["data"]["id"], correction["id"], "{}", registered[1]);
    assert_eq!(registered[1]["data"]["kind"], "refund");
    let succeeded = &told("refund.succeeded")[0];
    assert_eq!(succeeded["data"]["amount_refunded"], 30_000, "{succeeded}");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn who_opens_a_paid_link_reads_how_much_went_back_once_it_went() {
    let world = FaultyWorld::start(3600).await;
    let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 100_000, "locale": "en" });
    let link = world.make_link(&body, "page").await;
    let gateway = world.go_to_gateway(&link).await;
    let returned = world.open(&world.choose(&gateway, "paid").await.unwrap()).await.unwrap();
    let result = returned.headers["location"].to_str().unwrap().to_owned();
    assert!(world.open(&result).await.unwrap().text.contains("Payment received"));
    let read = world.get(&format!("/v1/payment-links/{}", link.id)).await;
    let receipt = format!("/v1/receipts/{}", read["receipts"][0].as_str().unwrap());

    begun(&world, &receipt, json!({ "amount": 30_000 }), "part").await;
    let page = world.open(&link.url).await.unwrap();
    assert!(page.text.contains("This link has already been paid") && !page.text.contains("returned"), "{}", page.text);
    sweep(&world, 2, MINUTE).await;
    for address in [&link.url, &result] {
        let page = world.open(address).await.unwrap();
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("Part of this payment was refunded"), "{}", page.text);
        assert!(page.text.contains("\u{2068}€300.00\u{2069} of \u{2068}€1,000.00\u{2069} has been returned"));
    }
    begun(&world, &receipt, outside(&world, 70_000, "T-1"), "rest").await;
    sweep(&world, 2, MINUTE).await;
    for address in [&link.url, &result] {
        let page = world.open(address).await.unwrap();
        assert!(page.text.contains("This payment was refunded"), "{}", page.text);
        assert!(page.text.contains("\u{2068}€1,000.00\u{2069} has been returned"), "{}", page.text);
    }
}

#[tokio::test]
async fn of_two_who_send_back_sixty_percent_at_once_one_is_refused_and_all_sums_agree() {
    let world = FaultyWorld::start(3600).await;
    let (link, receipt) = paid(&world, "euro", "both").await;
    let body = || json!({ "amount": 60_000 });
    let (one, two) = tokio::join!(ask(&world, &receipt, body(), "one"), ask(&world, &receipt, body(), "two"));
    let (made, refused) = if one.status == StatusCode::CREATED { (one, two) } else { (two, one) };
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert_eq!(refused.problems(), [("/amount".to_owned(), "more_than_left".to_owned())]);
    assert!(refused.text.contains("40000"), "it says what is left: {}", refused.text);
    sweep(&world, 2, MINUTE).await;
    assert_eq!(gone_at_stripe(&world, &link).await, 60_000);
    assert_eq!(world.get(&receipt).await["amount_refunded"], 60_000);
    assert_eq!(world.get("/v1/items/inv-both").await["received"]["payment"][0]["amount"], 40_000);
    let told = totals(&world, DEMO, "mode=sandbox").await.unwrap();
    let groups = told["groups"].as_array().unwrap();
    let net =
        |group: &Value| group["received"]["net"].as_array().unwrap().iter().map(|sum| sum["amount"].as_i64()).sum();
    let net: Vec<Option<i64>> = groups.iter().map(net).collect();
    assert_eq!(net.iter().flatten().sum::<i64>(), 40_000, "{told}");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_payment_without_a_receipt_goes_back_by_its_attempt_and_no_receipt_is_made() {
    let world = FaultyWorld::start(3600).await;
    let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 100_000,
                       "after_payment": { "register_receipt": false } });
    let link = world.make_link(&body, "no-receipt").await;
    world.pay(&link, "paid").await;
    let path = format!("/v1/payment-links/{}", link.id);
    let read = world.get(&path).await;
    assert_eq!((&read["status"], &read["receipts"]), (&json!("paid"), &json!([])));
    let attempt = format!("{path}/attempts/{}", read["attempts"][0]["id"].as_str().unwrap());
    let refund = begun(&world, &attempt, json!({ "amount": 25_000 }), "part").await;
    assert_eq!((&refund["receipt_id"], &refund["refund_receipt_id"]), (&Value::Null, &Value::Null));
    sweep(&world, 2, MINUTE).await;
    let done = now(&world, &refund).await;
    assert_eq!((&done["status"], &done["refund_receipt_id"]), (&json!("succeeded"), &Value::Null), "{done}");
    let read = world.get(&path).await;
    assert_eq!((&read["amount_refunded"], &read["receipts"]), (&json!(25_000), &json!([])));
    assert_eq!(gone_at_stripe(&world, &link).await, 25_000);
    assert_eq!(world.get("/v1/receipts").await["data"], json!([]));
    let unknown = ask(&world, &format!("{path}/attempts/at_0"), json!({}), "unknown").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.text);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_person_finds_a_refund_that_needs_one_and_says_what_became_of_it() {
    let world = FaultyWorld::start(3600).await;
    for outcome in ["ask_again", "refunded", "not_refunded"] {
        let (link, receipt) = paid(&world, "euro", outcome).await;
        let refund = left_unanswered(&world, &receipt, outcome).await;
        assert_eq!(gone_at_stripe(&world, &link).await, 40_000, "the gateway made it");
        let listed = world.get("/v1/payment-links?needs_review=true").await["data"].clone();
        let listed: Vec<&Value> = listed.as_array().unwrap().iter().map(|link| &link["id"]).collect();
        assert_eq!(listed, [&json!(link.id)], "{outcome}");
        let refunds = world.get("/v1/refunds?status=needs_review").await["data"].clone();
        assert_eq!(refunds.as_array().unwrap().len(), 1, "{outcome}: {refunds}");
        assert_eq!(refunds[0]["id"], refund["id"], "{outcome}");
        let more = ask(&world, &receipt, json!({ "amount": 60_001 }), "more").await;
        assert_eq!(more.problems(), [("/amount".to_owned(), "more_than_left".to_owned())], "it may have gone");

        let resolve = format!("{}/resolve", path_of(&refund));
        let header = [("idempotency-key", outcome), ("paylink-actor", "sara")];
        let body = json!({ "outcome": outcome });
        let resolved = world.crm(Method::POST, &resolve, &body, &header).await.unwrap();
        assert_eq!(resolved.status, StatusCode::OK, "{outcome}: {}", resolved.text);
        let again = world.crm(Method::POST, &resolve, &body, &header).await.unwrap();
        assert_eq!((again.status, &again.headers["idempotency-replayed"]), (StatusCode::OK, &"true".parse().unwrap()));
        let twice = world.crm(Method::POST, &resolve, &body, &[]).await.unwrap();
        assert_eq!((twice.status, &twice.json()["code"]), (StatusCode::CONFLICT, &json!("not_under_review")));
        sweep(&world, 2, MINUTE).await;
        let done = now(&world, &refund).await;
        let (status, gone, reason) = match outcome {
            "not_refunded" => ("failed", 0, json!("resolved_not_refunded")),
            _ => ("succeeded", 40_000, Value::Null),
        };
        assert_eq!((&done["status"], &done["failure_reason"]), (&json!(status), &reason), "{outcome}: {done}");
        let decided_by = if outcome == "ask_again" { Value::Null } else { json!("sara") };
        assert_eq!(done["resolved_by"], decided_by, "{outcome}: who wants to know has decided nothing");
        assert_eq!(world.get(&receipt).await["amount_refunded"], gone, "{outcome}");
        assert_eq!(done["refund_receipt_id"].is_string(), gone > 0, "{outcome}: {done}");
        assert_eq!(gone_at_stripe(&world, &link).await, 40_000, "{outcome}: no second call was made");
        assert_eq!(world.get("/v1/payment-links?needs_review=true").await["data"], json!([]), "{outcome}");
        let log = world.get("/v1/audit-log").await["data"][0].clone();
        assert_eq!((&log["action"], &log["actor"]), (&json!("resolved"), &json!("sara")), "{log}");
    }
}

/// A link that was paid after it had been cancelled, and whose money goes back by a refund of which nobody knows what became.
async fn unkept_and_unanswered(world: &FaultyWorld, name: &str) -> Made {
    let link = link(world, "euro", name).await;
    let page = world.go_to_gateway(&link).await;
    world.cancel(&link, true).await.unwrap();
    world.open(&world.choose(&page, "paid_no_webhook").await.unwrap()).await.unwrap();
    world.proxy.decide(|_, call: &Call| (call.operation == "POST /v1/refunds").then_some(Fault::LoseAnswer));
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    world.proxy.decide(|_, call: &Call| (call.service == "stripe").then_some(Fault::Unavailable));
    sweep(world, 40, 2 * HOUR).await;
    world.proxy.record();
    link
}

#[tokio::test]
async fn who_decided_about_money_that_no_link_keeps_is_on_its_refunds_and_when_one_failed() {
    let world = FaultyWorld::start(3600).await;
    for outcome in ["refund", "refunded_elsewhere"] {
        let link = unkept_and_unanswered(&world, outcome).await;
        let path = format!("/v1/payment-links/{}", link.id);
        let attempt = world.get(&path).await["attempts"][0].clone();
        let refund = &attempt["refunds"][0];
        assert_eq!((&refund["status"], &refund["cause"]), (&json!("needs_review"), &json!("automatic")), "{attempt}");
        assert_eq!((&refund["requested_by"], &refund["resolved_by"]), (&Value::Null, &Value::Null), "{refund}");

        let resolve = format!("{path}/attempts/{}/resolve", attempt["id"].as_str().unwrap());
        let header = [("idempotency-key", outcome), ("paylink-actor", "sara")];
        let reply = world.crm(Method::POST, &resolve, &json!({ "outcome": outcome }), &header).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{outcome}: {}", reply.text);
        let refunds = world.get(&path).await["attempts"][0]["refunds"].clone();
        let (ended, another) = (&refunds[0], refunds.get(1));
        assert_eq!(*ended, world.get(&path_of(refund)).await, "{outcome}");
        assert_eq!((&ended["status"], &ended["review_reason"]), (&json!("failed"), &Value::Null), "{ended}");
        assert_eq!(ended["requested_by"], Value::Null, "a rule began it: {ended}");
        assert!(ended["failed_at"].is_string(), "what has failed says when: {ended}");
        if let Some(another) = another {
            assert_eq!((&ended["failure_reason"], &ended["failed_at"]), (&json!("replaced"), &another["created_at"]));
            assert_eq!((&another["cause"], &another["requested_by"]), (&json!("requested"), &json!("sara")));
            assert_eq!(ended["resolved_by"], "sara", "{ended}");
        } else {
            assert_eq!(ended["failure_reason"], "resolved_refunded_elsewhere", "{ended}");
            assert_eq!(ended["resolved_by"], "sara", "{ended}");
        }
        assert_eq!(another.is_some(), outcome == "refund", "{refunds}");
        let failed = world.get("/v1/refunds?status=failed&limit=100").await["data"].clone();
        assert!(failed.as_array().unwrap().contains(ended), "{outcome}: {failed}");
    }
}

/// A refund with the link and the attempt that it is of.
type OfLink<'a> = (&'a PaymentLink, &'a Attempt, &'a Refund);

/// The ids of all pages of a list.
async fn walk(world: &FaultyWorld, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/v1/refunds?limit=3&{query}{cursor}")).await;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 3 && page["has_more"] == json!(page["next_cursor"].is_string()), "{query}: {page}");
        ids.extend(data.iter().map(|refund| refund["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

fn ids_in_order(refunds: &[OfLink<'_>], is_oldest_first: bool) -> Vec<String> {
    let mut places: Vec<(i64, String)> =
        refunds.iter().map(|(_, _, refund)| (refund.created_at.as_millisecond(), refund.id.to_string())).collect();
    places.sort();
    if !is_oldest_first {
        places.reverse();
    }
    places.into_iter().map(|(_, id)| id).collect()
}

/// Refunds of every status, cause, method, contact, account and mode, some of them of money that no link kept.
async fn furnish(world: &FaultyWorld) {
    let live = world.live_account().await;
    // Money that the link could not keep.
    for name in ["late-1", "late-2"] {
        let late = link(world, "euro", name).await;
        let page = world.go_to_gateway(&late).await;
        assert!(world.cancel(&late, true).await.unwrap().status.is_success());
        let back = world.choose(&page, "paid").await.unwrap();
        world.open(&back).await.unwrap();
        world.turn_time(MINUTE);
    }
    let other = json!({ "account_id": "mollie", "contact": { "id": "c-other", "name": "Other" }, "amount": 100_000 });
    let other = world.make_link(&other, "other").await;
    world.pay(&other, "paid").await;
    let of_other = world.get(&format!("/v1/payment-links/{}", other.id)).await["receipts"][0].clone();
    let of_other = format!("/v1/receipts/{}", of_other.as_str().unwrap());
    let (_, unanswered) = paid(world, "euro", "unanswered").await;
    left_unanswered(world, &unanswered, "unanswered").await;
    let (failing, of_failing) = paid(world, "euro", "failing").await;
    assert!(world.order_at_gateway("stripe", "next_refund", &json!({ "becomes": "pending" })).await.is_success());
    begun(world, &of_failing, json!({ "amount": 9_000 }), "failing").await;
    sweep(world, 1, MINUTE).await;
    let session = stored(world, &failing).await.attempts()[0].session.clone();
    let order = json!({ "outcome": "failed_no_webhook" });
    assert!(world.order_at_gateway("stripe", &format!("{session}/complete_refund"), &order).await.is_success());
    sweep(world, 2, HOUR).await;
    let (_, of_saman) = paid(world, "saman", "saman").await;
    let (_, of_live) = paid(world, &live, "live").await;
    for number in 0..3 {
        for (receipt, name) in [(&of_saman, "saman"), (&of_live, "live"), (&of_other, "other")] {
            let key = format!("{name}-{number}");
            begun(world, receipt, outside(world, 1_000 + number, &key), &key).await;
        }
        world.turn_time(MINUTE);
    }
    let named = json!({ "amount": 2_000, "outside": { "reference": "named", "account_id": "zibal" } });
    begun(world, &of_saman, named, "named").await;
    begun(world, &of_failing, json!({ "amount": 8_000 }), "again").await;
    sweep(world, 2, MINUTE).await;
    // These are not decided yet.
    assert!(world.order_at_gateway("stripe", "next_refund", &json!({ "becomes": "pending" })).await.is_success());
    begun(world, &of_failing, json!({ "amount": 7_000 }), "accepted").await;
    sweep(world, 1, MINUTE).await;
    begun(world, &of_other, json!({ "amount": 1_500 }), "asked").await;
    world.bring_stream().await;
}

#[tokio::test]
async fn refunds_are_listed_by_whatever_is_asked_for_page_by_page() {
    let world = FaultyWorld::start(3600).await;
    furnish(&world).await;
    let evidence = world.evidence().await;
    let of_link = |link| {
        let attempts = PaymentLink::attempts(link).iter();
        attempts.flat_map(move |attempt| attempt.refunds.iter().map(move |refund| (link, attempt, refund)))
    };
    let all: Vec<OfLink<'_>> = evidence.links.values().flat_map(of_link).collect();
    assert!(all.len() > 14, "{}", all.len());
    for status in ["pending", "succeeded", "failed", "needs_review"] {
        assert!(all.iter().any(|(_, _, refund)| refund.state.name() == status), "one is {status}");
    }
    let mut times: Vec<Timestamp> = all.iter().map(|(_, _, refund)| refund.created_at).collect();
    times.sort();
    let middle = times[times.len() / 2];
    let a_link = all.iter().find(|(_, _, refund)| refund.cause == RefundCause::Requested).unwrap().0.id().to_string();
    let nobodys = LinkId::of(&PayToken::from_random([9; 16]));
    type Plain<'a> = Box<dyn Fn(&OfLink<'_>) -> bool + 'a>;
    let status = |names: &'static [&'static str]| -> Plain<'_> {
        Box::new(move |(_, _, refund)| names.contains(&refund.state.name()))
    };
    let account = |id: &'static str| -> Plain<'_> {
        Box::new(move |(_, attempt, refund)| refund.account_id(attempt).as_str() == id)
    };
    let contact =
        |id: &'static str| -> Plain<'_> { Box::new(move |(link, _, _)| link.terms().contact.id.as_str() == id) };
    let mode = |name: &'static str| -> Plain<'_> { Box::new(move |(link, _, _)| link.terms().mode.as_str() == name) };
    let method = |name: &'static str| -> Plain<'_> { Box::new(move |(_, _, refund)| refund.method.as_str() == name) };
    let cause = |cause: RefundCause| -> Plain<'_> { Box::new(move |(_, _, refund)| refund.cause == cause) };
    let filters: Vec<(String, Plain<'_>)> = vec![
        (String::new(), Box::new(|_| true)),
        ("status=pending".to_owned(), status(&["pending"])),
        ("status=succeeded".to_owned(), status(&["succeeded"])),
        ("status=failed".to_owned(), status(&["failed"])),
        ("status=needs_review".to_owned(), status(&["needs_review"])),
        ("status=failed,needs_review".to_owned(), status(&["failed", "needs_review"])),
        ("cause=automatic".to_owned(), cause(RefundCause::Automatic)),
        ("cause=requested".to_owned(), cause(RefundCause::Requested)),
        ("method=gateway".to_owned(), method("gateway")),
        ("method=outside".to_owned(), method("outside")),
        ("contact_id=c-1042".to_owned(), contact("c-1042")),
        ("contact_id=c-other".to_owned(), contact("c-other")),
        ("contact_id=c-nobody".to_owned(), contact("c-nobody")),
        ("account_id=euro".to_owned(), account("euro")),
        ("account_id=zibal".to_owned(), account("zibal")),
        ("account_id=saman".to_owned(), account("saman")),
        ("mode=live".to_owned(), mode("live")),
        ("mode=sandbox".to_owned(), mode("sandbox")),
        (format!("payment_link_id={a_link}"), Box::new(|(link, _, _)| link.id().to_string() == a_link)),
        (format!("payment_link_id={nobodys}"), Box::new(|_| false)),
        (format!("created_from={middle}"), Box::new(|(_, _, refund)| refund.created_at >= middle)),
        (format!("created_to={middle}"), Box::new(|(_, _, refund)| refund.created_at < middle)),
        (
            format!("created_from={middle}&contact_id=c-other&method=outside"),
            Box::new(|(link, _, refund)| {
                let is_others = link.terms().contact.id.as_str() == "c-other";
                refund.created_at >= middle && is_others && refund.method.as_str() == "outside"
            }),
        ),
    ];
    for (query, plain) in &filters {
        let expected: Vec<OfLink<'_>> = all.iter().copied().filter(|refund| plain(refund)).collect();
        for order in ["newest", "oldest"] {
            let found = walk(&world, &format!("{query}&order={order}")).await;
            assert_eq!(found, ids_in_order(&expected, order == "oldest"), "{query} order={order}");
        }
    }
    let unknown = world.crm(Method::GET, "/v1/refunds?status=gone&item_id=inv-77", &Value::Null, &[]).await.unwrap();
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "{}", unknown.text);
}

/// A receipt is there for ever, and what is kept of a refund that is listed says no more than where it is.
#[tokio::test]
async fn the_entry_of_a_refund_is_written_once_before_the_crm_is_told_of_it() {
    let world = FaultyWorld::start(3600).await;
    let (link, receipt) = paid(&world, "euro", "entry").await;
    world.bring_stream().await;
    let refund = begun(&world, &receipt, json!({ "reason": "Somebody moved away" }), "entry").await;
    let entries = async || {
        let all = tests::everything(&world.cloud).await;
        let is_entry = |(pk, sk): &(String, String)| *pk == format!("link#{}", link.id) && sk.starts_with("refund#");
        all.into_iter().filter(|(at, _)| is_entry(at)).collect::<Vec<_>>()
    };
    assert_eq!(entries().await, [], "a refund is listed once the CRM is told of it");
    assert_eq!(world.get("/v1/refunds").await["data"], json!([]));
    assert_eq!(now(&world, &refund).await["status"], "pending", "and read by its id at once");
    world.bring_stream().await;
    let written = entries().await;
    let [(_, entry)] = written.as_slice() else { panic!("{written:?}") };
    assert!(!format!("{entry:?}").contains("Somebody"), "{entry:?}");
    sweep(&world, 2, MINUTE).await;
    assert_eq!(entries().await, written, "it never changes");
    assert_eq!(world.get("/v1/refunds?status=succeeded").await["data"][0]["id"], refund["id"]);
}

//! What happens at a gateway to a payment that its link kept, and nobody asked for: refunds from its dashboard, refunds that a
//! bank sends back, disputes. Where a gateway shows it, its call is heard at once, and without one its lists a day later.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::scene::{HOUR, MINUTE, Scene};

/// A link that is paid, of which the gateway's server did not call.
async fn paid(scene: &Scene) -> Value {
    let link = scene.link().await;
    scene.world.pay(&link, scene.row.returning).await;
    scene.assert_paid_once(&link).await;
    // The account was looked at a moment ago.
    scene.world.sweep().await;
    link
}

/// The tester's hand at the session that is paid. The gateway's server calls where the order does not say otherwise.
async fn happens(scene: &Scene, link: &Value, what: &str, order: Value) {
    let session = scene.stored(link).await.attempts()[0].session.clone();
    scene.order(&format!("{session}/{what}"), order).await;
}

/// A day and a little passes, and the schedule looks at the gateway's lists.
async fn next_day(scene: &Scene) {
    scene.sweep_after(25 * HOUR).await;
}

/// The link says that so much went back, and its receipts are these, by kind and amount.
async fn assert_books(scene: &Scene, link: &Value, back: i64, receipts: &[(&str, i64)]) -> Value {
    let read = scene.world.wait_for(link, |link| link["amount_refunded"] == back).await;
    let path = format!("/v1/receipts?payment_link_id={}&order=oldest", link["id"].as_str().unwrap());
    let listed = scene.world.get(&path).await["data"].clone();
    let row = |one: &Value| (one["kind"].as_str().unwrap().to_owned(), one["amount"].as_i64().unwrap());
    let found: Vec<(String, i64)> = listed.as_array().unwrap().iter().map(row).collect();
    let expected: Vec<(String, i64)> = receipts.iter().map(|(kind, amount)| ((*kind).to_owned(), *amount)).collect();
    assert_eq!(found, expected, "{}: {read}", scene.name());
    read
}

/// More than is left of a payment cannot be asked for, whoever took the rest.
async fn assert_too_much(scene: &Scene, path: &str, amount: i64) {
    let (body, key) = (json!({ "amount": amount }), [("idempotency-key", "too-much")]);
    let refused = scene.world.crm_with(Method::POST, path, body, &key).await;
    assert_eq!(refused.json()["errors"][0]["code"], "more_than_left", "{}: {}", scene.name(), refused.text);
}

pub(super) async fn a_refund_from_the_dashboard_is_in_the_books_once_by_a_call_or_by_a_list(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let link = paid(&scene).await;
    happens(&scene, &link, "dashboard_refund", json!({ "amount": 3_000 })).await;
    assert_books(&scene, &link, 3_000, &[("payment", amount), ("refund", 3_000)]).await;
    happens(&scene, &link, "dashboard_refund", json!({ "amount": 2_000, "silent": true })).await;
    scene.sweep_often(3, MINUTE).await;
    assert_books(&scene, &link, 3_000, &[("payment", amount), ("refund", 3_000)]).await;
    next_day(&scene).await;
    let both = [("payment", amount), ("refund", 3_000), ("refund", 2_000)];
    let read = assert_books(&scene, &link, 5_000, &both).await;
    let refunds = read["attempts"][0]["refunds"].as_array().unwrap();
    assert!(refunds.iter().all(|one| one["cause"] == "gateway" && one["requested_by"].is_null()), "{name}: {read}");
    next_day(&scene).await;
    assert_books(&scene, &link, 5_000, &both).await;
    let path = format!("/v1/receipts/{}/refunds", read["receipts"][0].as_str().unwrap());
    assert_too_much(&scene, &path, amount - 4_999).await;
    let book = scene.booked(&link, 0).await;
    assert_eq!((&book["refunded"], &book["refunds"]), (&json!(5_000), &json!(2)), "{name}: {book}");
}

pub(super) async fn a_refund_that_fails_after_it_had_succeeded_is_void_and_the_money_can_go_again(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let link = paid(&scene).await;
    let path = format!("/v1/receipts/{}/refunds", scene.world.link(&link).await["receipts"][0].as_str().unwrap());
    for (key, is_told) in [("told", true), ("untold", false)] {
        let body = json!({ "amount": 4_000 });
        let asked = scene.world.crm_with(Method::POST, &path, body, &[("idempotency-key", key)]).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{name}: {}", asked.text);
        scene.sweep_often(3, MINUTE).await;
        let read = scene.world.wait_for(&link, |link| link["amount_refunded"] == 4_000).await;
        let refunds = read["attempts"][0]["refunds"].as_array().unwrap();
        let outcome = if is_told { "failed" } else { "failed_no_webhook" };
        let order = json!({ "outcome": outcome, "refund": refunds.last().unwrap()["reference"] });
        happens(&scene, &link, "complete_refund", order).await;
        if !is_told {
            next_day(&scene).await;
        }
        let read = scene.world.wait_for(&link, |link| link["amount_refunded"] == 0).await;
        let refund = read["attempts"][0]["refunds"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&refund["status"], &refund["id"]), (&json!("failed"), &asked.json()["id"]), "{name}: {refund}");
    }
    let void = [("refund", 4_000), ("refund_void", 4_000)];
    assert_books(&scene, &link, 0, &[&[("payment", amount)], &void[..], &void[..]].concat()).await;
    scene.world.wait_for_event(&link, "refund.failed").await;
    let book = scene.booked(&link, 0).await;
    assert_eq!(book["refunded"], 0, "{name}: {book}");
}

/// A bank that takes the money at once gives it back; where nothing is taken before it is decided, nothing is written.
pub(super) async fn a_dispute_that_is_won_leaves_the_business_its_money(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    for is_told in [true, false] {
        let link = paid(&scene).await;
        let silent = json!(!is_told);
        happens(&scene, &link, "dispute", json!({ "amount": 6_000, "silent": silent })).await;
        if !is_told {
            next_day(&scene).await;
        }
        let disputed = |link: &Value| !link["attempts"][0]["disputes"].as_array().unwrap().is_empty();
        let read = scene.world.wait_for(&link, disputed).await;
        let dispute = read["attempts"][0]["disputes"][0].clone();
        let is_taken = dispute["status"] == "lost";
        assert_eq!(read["amount_refunded"], if is_taken { 6_000 } else { 0 }, "{name}: {dispute}");
        if !is_taken {
            assert_eq!(dispute["status"], "open", "{name}: {dispute}");
            let respond_by: domain::Timestamp = dispute["respond_by"].as_str().unwrap().parse().unwrap();
            assert!(respond_by > dispute["opened_at"].as_str().unwrap().parse().unwrap(), "{name}: {dispute}");
            let path = format!("/v1/receipts/{}/refunds", read["receipts"][0].as_str().unwrap());
            assert_too_much(&scene, &path, amount - 5_999).await;
            scene.world.wait_for_event(&link, "dispute.opened").await;
        }
        happens(&scene, &link, "complete_dispute", json!({ "outcome": "won", "silent": silent })).await;
        if !is_told {
            next_day(&scene).await;
        }
        let is_won = |link: &Value| link["attempts"][0]["disputes"][0]["status"] == "won";
        scene.world.wait_for(&link, is_won).await;
        let undone = [("payment", amount), ("refund", 6_000), ("refund_void", 6_000)];
        assert_books(&scene, &link, 0, if is_taken { &undone } else { &undone[..1] }).await;
        scene.world.wait_for_event(&link, "dispute.won").await;
        assert_eq!(scene.booked(&link, 0).await["withdrawn"], 0, "{name}");
    }
}

pub(super) async fn a_dispute_that_is_lost_takes_the_money_and_the_books_say_so(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    for is_told in [true, false] {
        let link = paid(&scene).await;
        let silent = json!(!is_told);
        happens(&scene, &link, "dispute", json!({ "amount": 6_000, "reason": "fraudulent", "silent": silent })).await;
        if scene.booked(&link, 0).await["disputes"][0]["status"] != "lost" {
            happens(&scene, &link, "complete_dispute", json!({ "outcome": "lost", "silent": silent })).await;
        }
        if !is_told {
            next_day(&scene).await;
        }
        let read = assert_books(&scene, &link, 6_000, &[("payment", amount), ("refund", 6_000)]).await;
        let (dispute, refund) = (&read["attempts"][0]["disputes"][0], &read["attempts"][0]["refunds"][0]);
        assert_eq!((&dispute["status"], &dispute["amount"]), (&json!("lost"), &json!(6_000)), "{name}: {dispute}");
        assert_eq!((&refund["cause"], &refund["reference"]), (&json!("dispute"), &dispute["reference"]), "{name}");
        assert_eq!(read["status"], "paid", "{name}: what was paid was paid");
        scene.world.wait_for_event(&link, "dispute.lost").await;
        assert_eq!(scene.booked(&link, 0).await["withdrawn"], 6_000, "{name}");
    }
}

pub(super) async fn a_gateway_that_cannot_tell_says_so_and_what_went_is_written_down_by_hand(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let all = scene.world.get("/v1/gateways").await["data"].clone();
    let row = all.as_array().unwrap().iter().find(|row| row["id"] == name).unwrap().clone();
    let account = scene.world.get(&format!("/v1/accounts/{}", scene.account["id"].as_str().unwrap())).await;
    for shows in ["shows_refunds", "shows_disputes"] {
        assert_eq!((&row[shows], &account["online_payment"][shows]), (&json!(false), &json!(false)), "{name} {shows}");
    }
    let look = format!("/v1/accounts/{}/look-back", scene.account["id"].as_str().unwrap());
    assert_eq!(scene.world.crm(Method::GET, &look, Value::Null).await.status, StatusCode::NOT_FOUND, "{name}");
    let link = paid(&scene).await;
    next_day(&scene).await;
    let receipt = scene.world.link(&link).await["receipts"][0].clone();
    let went = json!({ "reference": "TR-1042", "refunded_at": scene.attempt(&link, 0).await["paid_at"] });
    let path = format!("/v1/receipts/{}/refunds", receipt.as_str().unwrap());
    let body = json!({ "amount": 3_000, "outside": went });
    let noted = scene.world.crm_with(Method::POST, &path, body, &[("idempotency-key", "noted")]).await;
    assert_eq!(noted.status, StatusCode::CREATED, "{name}: {}", noted.text);
    scene.sweep_after(MINUTE).await;
    assert_books(&scene, &link, 3_000, &[("payment", amount), ("refund", 3_000)]).await;
}

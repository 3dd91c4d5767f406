//! Money of a payment that its link kept goes back because somebody asked for it: whole, in parts, or by other means.

use paylink_local::seed::ZARINPAL_MERCHANT;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Reply;

use super::scene::{HOUR, MINUTE, Scene};

/// A link that is paid, and the path of its receipt.
async fn paid(scene: &Scene) -> (Value, String) {
    let link = scene.link().await;
    scene.world.pay(&link, "paid").await;
    scene.assert_paid_once(&link).await;
    let receipts = scene.world.link(&link).await["receipts"].clone();
    (link, format!("/v1/receipts/{}", receipts[0].as_str().unwrap()))
}

/// Gives the account what its gateway needs to send a part back, and taking money does not.
async fn get_ready_for_parts(scene: &Scene) {
    if scene.name() != "zarinpal" {
        return;
    }
    let credentials = json!({ "merchant_id": ZARINPAL_MERCHANT, "access_token": "panel-token" });
    let path = format!("/v1/accounts/{}", scene.account["id"].as_str().unwrap());
    let change = json!({ "online_payment": { "credentials": credentials } });
    let reply = scene.world.crm(Method::PATCH, &path, change).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

async fn ask(scene: &Scene, receipt: &str, body: Value, key: &str) -> Reply {
    let path = format!("{receipt}/refunds");
    scene.world.crm_with(Method::POST, &path, body, &[("idempotency-key", key)]).await
}

async fn begun(scene: &Scene, receipt: &str, body: Value, key: &str) -> Value {
    let reply = ask(scene, receipt, body, key).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}: {}", scene.name(), reply.text);
    let refund = reply.json();
    assert_eq!((&refund["status"], &refund["cause"]), (&json!("pending"), &json!("requested")), "{refund}");
    refund
}

async fn refund(scene: &Scene, refund: &Value) -> Value {
    scene.world.get(&format!("/v1/refunds/{}", refund["id"].as_str().unwrap())).await
}

/// The receipt of the payment says what went back, one receipt of each refund records it, and what the gateway returned is
/// what its own books say.
async fn assert_gone(scene: &Scene, link: &Value, receipt: &str, by_gateway: i64, amounts: &[i64]) {
    let name = scene.name();
    let book = scene.booked(link, 0).await;
    assert_eq!(book["refunded"], by_gateway, "{name}: {book}");
    let gone: i64 = amounts.iter().sum();
    let read = scene.world.link(link).await;
    assert_eq!((&read["status"], &read["amount_refunded"]), (&json!("paid"), &json!(gone)), "{name}: {read}");
    assert_eq!(scene.world.get(receipt).await["amount_refunded"], gone, "{name}");
    let ids = read["receipts"].as_array().unwrap();
    let mut recorded = Vec::new();
    for id in &ids[1..] {
        let record = scene.world.get(&format!("/v1/receipts/{}", id.as_str().unwrap())).await;
        assert_eq!((&record["kind"], &record["corrects_receipt_id"]), (&json!("refund"), &ids[0]), "{name}");
        recorded.push(record["amount"].as_i64().unwrap());
    }
    assert_eq!(recorded, amounts, "{name}");
    let path = format!("/v1/receipts?payment_link_id={}&order=oldest", link["id"].as_str().unwrap());
    let listed = scene.world.get(&path).await["data"].clone();
    let listed: Vec<&Value> = listed.as_array().unwrap().iter().map(|receipt| &receipt["id"]).collect();
    assert_eq!(listed, ids.iter().collect::<Vec<_>>(), "{name}");
}

pub(super) async fn a_payment_goes_back_whole_once_however_often_that_is_asked_for(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let (link, receipt) = paid(&scene).await;
    let without_key = scene.world.crm(Method::POST, &format!("{receipt}/refunds"), json!({})).await;
    assert_eq!(without_key.status, StatusCode::BAD_REQUEST, "{name}: {}", without_key.text);
    let more = ask(&scene, &receipt, json!({ "amount": amount + 1 }), "more").await;
    assert_eq!(more.problems(), [("/amount".to_owned(), "more_than_left".to_owned())], "{name}");
    let first = begun(&scene, &receipt, json!({ "reason": "Cancelled" }), "whole").await;
    assert_eq!((&first["amount"], &first["reason"]), (&json!(amount), &json!("Cancelled")), "{name}");
    let again = ask(&scene, &receipt, json!({ "reason": "Cancelled" }), "whole").await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &first["id"]), "{name}");
    assert_eq!(again.headers["idempotency-replayed"], "true", "{name}");
    let other = ask(&scene, &receipt, json!({ "reason": "Another" }), "whole").await;
    assert_eq!(other.json()["code"], "idempotency_key_reused", "{name}");
    let second = ask(&scene, &receipt, json!({}), "second").await;
    assert_eq!((second.status, &second.json()["code"]), (StatusCode::CONFLICT, &json!("nothing_to_refund")), "{name}");
    scene.sweep_often(3, MINUTE).await;
    let done = refund(&scene, &first).await;
    assert_eq!(done["status"], "succeeded", "{name}: {done}");
    assert_gone(&scene, &link, &receipt, amount, &[amount]).await;
    assert_eq!(scene.booked(&link, 0).await["refunds"], 1, "{name}");
    let late = ask(&scene, &receipt, json!({}), "late").await;
    assert_eq!(late.json()["code"], "nothing_to_refund", "{name}");
    let correction = format!("/v1/receipts/{}", done["refund_receipt_id"].as_str().unwrap());
    let of_correction = ask(&scene, &correction, json!({}), "of-correction").await;
    assert_eq!(of_correction.json()["code"], "receipt_of_refund", "{name}");
    scene.world.wait_for_event(&link, "refund.succeeded").await;
}

pub(super) async fn money_that_went_back_by_other_means_is_in_the_books_and_no_gateway_is_asked(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let (link, receipt) = paid(&scene).await;
    let outside = json!({ "reference": "TR-1", "refunded_at": scene.world.link(&link).await["paid_at"] });
    let noted = begun(&scene, &receipt, json!({ "amount": amount / 4, "outside": outside }), "outside").await;
    assert_eq!((&noted["method"], &noted["reference"]), (&json!("outside"), &json!("TR-1")), "{name}");
    let nothing = json!({ "outside": { "reference": " " } });
    let unnamed = ask(&scene, &receipt, nothing, "unnamed").await;
    assert_eq!(unnamed.problems(), [("/outside/reference".to_owned(), "required".to_owned())], "{name}");
    let unknown = json!({ "outside": { "reference": "TR-2", "account_id": "nobodys" } });
    let unknown = ask(&scene, &receipt, unknown, "unknown").await;
    assert_eq!(unknown.problems(), [("/outside/account_id".to_owned(), "unknown_account".to_owned())], "{name}");
    let yet = json!({ "outside": { "reference": "TR-3", "refunded_at": "2100-01-01T00:00:00Z" } });
    let yet = ask(&scene, &receipt, yet, "yet").await;
    assert_eq!(yet.problems(), [("/outside/refunded_at".to_owned(), "out_of_range".to_owned())], "{name}");
    scene.sweep_after(MINUTE).await;
    assert_eq!(refund(&scene, &noted).await["status"], "succeeded", "{name}");
    assert_gone(&scene, &link, &receipt, 0, &[amount / 4]).await;
}

pub(super) async fn parts_of_a_payment_go_back_until_nothing_is_left(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    get_ready_for_parts(&scene).await;
    let (link, receipt) = paid(&scene).await;
    let part = amount * 6 / 10;
    let at_once = tokio::join!(
        ask(&scene, &receipt, json!({ "amount": part }), "one"),
        ask(&scene, &receipt, json!({ "amount": part }), "two"),
    );
    let statuses = [at_once.0.status, at_once.1.status];
    let created = statuses.iter().filter(|status| **status == StatusCode::CREATED).count();
    assert_eq!(created, 1, "{name}: of two that together are more than was paid one is refused: {statuses:?}");
    scene.sweep_often(3, MINUTE).await;
    assert_gone(&scene, &link, &receipt, part, &[part]).await;
    let second = begun(&scene, &receipt, json!({ "amount": amount / 10 }), "three").await;
    let rest = begun(&scene, &receipt, json!({}), "four").await;
    assert_eq!(rest["amount"], amount * 3 / 10, "{name}: all that is left");
    scene.sweep_often(5, MINUTE).await;
    for one in [&second, &rest] {
        let one = refund(&scene, one).await;
        assert_eq!(one["status"], "succeeded", "{name}: {one}");
    }
    assert_gone(&scene, &link, &receipt, amount, &[part, amount / 10, amount * 3 / 10]).await;
    assert_eq!(scene.booked(&link, 0).await["refunds"], 3, "{name}");
}

/// Where the gateway's list says for sure that there is none, it is asked once more; otherwise a person looks.
pub(super) async fn a_part_whose_answer_was_lost_goes_back_once_at_most(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    get_ready_for_parts(&scene).await;
    let (link, receipt) = paid(&scene).await;
    let part = begun(&scene, &receipt, json!({ "amount": amount / 2 }), "part").await;
    let call = if name == "zarinpal" { "add_refund" } else { scene.row.refund };
    scene.world.misbehave(name, call, "drop_after", 1).await;
    scene.sweep_often(3, 5 * MINUTE).await;
    scene.sweep_often(4, HOUR).await;
    let book = scene.booked(&link, 0).await;
    assert_eq!((&book["refunded"], &book["refunds"]), (&json!(amount / 2), &json!(1)), "{name}: {book}");
    let mut read = refund(&scene, &part).await;
    if read["status"] == "needs_review" {
        let path = format!("/v1/refunds/{}/resolve", part["id"].as_str().unwrap());
        let reply = scene.world.crm(Method::POST, &path, json!({ "outcome": "refunded" })).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
        scene.sweep_after(MINUTE).await;
        read = refund(&scene, &part).await;
    }
    assert_eq!(read["status"], "succeeded", "{name}: {read}");
    assert_gone(&scene, &link, &receipt, amount / 2, &[amount / 2]).await;
}

pub(super) async fn what_the_gateway_cannot_do_is_refused_beforehand(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let (link, receipt) = paid(&scene).await;
    let part = ask(&scene, &receipt, json!({ "amount": amount / 2 }), "part").await;
    assert_eq!((part.status, &part.json()["code"]), (StatusCode::CONFLICT, &json!("refund_whole_only")), "{name}");
    scene.world.turn_clock(HOUR);
    let late = ask(&scene, &receipt, json!({}), "late").await;
    assert_eq!((late.status, &late.json()["code"]), (StatusCode::CONFLICT, &json!("refund_too_late")), "{name}");
    assert_gone(&scene, &link, &receipt, 0, &[]).await;
}

pub(super) async fn a_part_that_the_gateway_gives_up_is_money_that_is_still_there(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let (link, receipt) = paid(&scene).await;
    scene.order("next_refund", json!({ "becomes": "pending" })).await;
    let part = begun(&scene, &receipt, json!({ "amount": amount / 2 }), "part").await;
    scene.sweep_after(MINUTE).await;
    assert_eq!(refund(&scene, &part).await["status"], "pending", "{name}: accepted is not done");
    assert_gone(&scene, &link, &receipt, 0, &[]).await;
    scene.finish_refund(&link, "failed_no_webhook").await;
    scene.sweep_after(HOUR).await;
    let failed = refund(&scene, &part).await;
    assert_eq!(failed["status"], "failed", "{name}: {failed}");
    assert!(failed["failure_reason"].is_string(), "{name}: {failed}");
    scene.world.wait_for_event(&link, "refund.failed").await;
    assert_gone(&scene, &link, &receipt, 0, &[]).await;
    let again = begun(&scene, &receipt, json!({ "amount": amount / 2 }), "again").await;
    scene.sweep_often(3, MINUTE).await;
    assert_eq!(refund(&scene, &again).await["status"], "succeeded", "{name}");
    assert_gone(&scene, &link, &receipt, amount / 2, &[amount / 2]).await;
}

pub(super) async fn a_part_for_which_credentials_are_missing_is_refused_beforehand(scene: Scene) {
    let (name, amount) = (scene.name(), scene.amount());
    let (link, receipt) = paid(&scene).await;
    let part = ask(&scene, &receipt, json!({ "amount": amount / 2 }), "part").await;
    assert_eq!(part.json()["code"], "refund_credentials_missing", "{name}: {}", part.text);
    get_ready_for_parts(&scene).await;
    let part = begun(&scene, &receipt, json!({ "amount": amount / 2 }), "part").await;
    scene.sweep_often(3, MINUTE).await;
    let part = refund(&scene, &part).await;
    assert_eq!(part["status"], "succeeded", "{name}: the newer credentials are used: {part}");
    assert_gone(&scene, &link, &receipt, amount / 2, &[amount / 2]).await;
}

//! A refund that its gateway took is not done: it is asked about until the gateway says what became of it.
//! Its calls are lost here; `refund_calls.rs` hears them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::scene::{HOUR, MINUTE, Scene};

pub(super) async fn a_refund_that_takes_its_time_is_done_only_when_the_gateway_says_so(scene: Scene) {
    let name = scene.name();
    let link = with_a_refund_under_way(&scene).await;
    scene.sweep_often(3, HOUR).await;
    let attempt = scene.attempt(&link, 0).await;
    assert_eq!(
        (&attempt["status"], &attempt["refunds"][0]["status"]),
        (&json!("refunding"), &json!("pending")),
        "{name}"
    );
    assert_eq!(scene.booked(&link, 0).await["refunds"], 1, "{name}: it is asked about, and not asked for again");
    scene.finish_refund(&link, "succeeded_no_webhook").await;
    scene.sweep_after(HOUR).await;
    scene.assert_refunded(&link).await;
    let attempt = scene.attempt(&link, 0).await;
    assert_eq!(attempt["refunds"][0]["status"], "succeeded", "{name}: {attempt}");
    assert!(attempt["refunds"][0]["succeeded_at"].is_string(), "{name}: {attempt}");
    scene.world.wait_for_event(&link, "refund.succeeded").await;
    let told: Vec<String> =
        scene.world.crm_events(&link).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    for kind in ["refund.created", "refund.succeeded"] {
        assert_eq!(told.iter().filter(|told| *told == kind).count(), 1, "{name}: {told:?}");
    }
}

pub(super) async fn a_refund_that_fails_is_for_a_person_who_can_have_it_made_once_more(scene: Scene) {
    let name = scene.name();
    let link = with_a_refund_under_way(&scene).await;
    scene.finish_refund(&link, "failed_no_webhook").await;
    scene.sweep_after(HOUR).await;
    let attempt = scene.attempt(&link, 0).await;
    assert_eq!(
        (&attempt["status"], &attempt["refunds"][0]["status"]),
        (&json!("needs_review"), &json!("failed")),
        "{name}: {attempt}"
    );
    let book = scene.booked(&link, 0).await;
    assert_eq!((&book["refunded"], &book["ours"]), (&json!(0), &json!(true)), "{name}: the money is still there");
    let first = attempt["refunds"][0]["id"].clone();
    let reply = scene.decide_to_refund(&link).await;
    assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
    scene.sweep_after(MINUTE).await;
    scene.assert_refunded(&link).await;
    let again = scene.attempt(&link, 0).await["refunds"].as_array().unwrap().last().unwrap().clone();
    assert_ne!(again["id"], first, "{name}: no stored answer of the first stands for the second");
    assert_eq!((&again["status"], &again["cause"]), (&json!("succeeded"), &json!("requested")), "{name}");
}

pub(super) async fn a_refund_that_no_bank_finishes_is_for_a_person(scene: Scene) {
    let name = scene.name();
    let link = with_a_refund_under_way(&scene).await;
    scene.sweep_after(15 * 24 * HOUR).await;
    let attempt = scene.attempt(&link, 0).await;
    assert_eq!((&attempt["status"], &attempt["reason"]), (&json!("needs_review"), &json!("refund_too_slow")), "{name}");
    let path = format!(
        "/v1/payment-links/{}/attempts/{}/resolve",
        link["id"].as_str().unwrap(),
        attempt["id"].as_str().unwrap()
    );
    let keep = scene.world.crm(reqwest::Method::POST, &path, json!({ "outcome": "keep" })).await;
    assert_eq!(keep.status, StatusCode::CONFLICT, "{name}: it may still go back: {}", keep.text);
    let ask = scene.world.crm(reqwest::Method::POST, &path, json!({ "outcome": "ask_again" })).await;
    assert_eq!(ask.status, StatusCode::OK, "{name}: {}", ask.text);
    scene.finish_refund(&link, "succeeded_no_webhook").await;
    scene.sweep_after(MINUTE).await;
    scene.assert_refunded(&link).await;
    assert_eq!(scene.booked(&link, 0).await["refunds"], 1, "{name}");
}

/// A link that was paid less than it asks for, and whose money a person has refunded. The gateway took the order and is
/// not done.
pub(super) async fn with_a_refund_under_way(scene: &Scene) -> Value {
    let name = scene.name();
    let link = scene.link().await;
    scene.world.pay(&link, "paid_less").await;
    scene.order("next_refund", json!({ "becomes": "pending" })).await;
    let reply = scene.decide_to_refund(&link).await;
    assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
    scene.sweep_after(MINUTE).await;
    let book = scene.booked(&link, 0).await;
    assert!(book["refund_pending"].as_i64().unwrap() > 0, "{name}: {book}");
    link
}

//! What is not known is no failure: an answer that got lost or cannot be read, and money that is still on its way.

use reqwest::StatusCode;
use serde_json::Value;

use super::scene::{HOUR, MINUTE, Scene};

pub(super) async fn an_outcome_whose_answer_was_lost_is_no_failure_and_is_found_out(scene: Scene) {
    an_unknown_outcome_is_found_out(scene, "drop_after").await;
}

pub(super) async fn an_outcome_answered_by_an_error_page_is_no_failure_and_is_found_out(scene: Scene) {
    an_unknown_outcome_is_found_out(scene, "502_html").await;
}

pub(super) async fn an_outcome_answered_by_nothing_is_no_failure_and_is_found_out(scene: Scene) {
    an_unknown_outcome_is_found_out(scene, "empty").await;
}

/// The call whose answer decides goes wrong twice.
async fn an_unknown_outcome_is_found_out(scene: Scene, how: &str) {
    let (world, row, name) = (&scene.world, scene.row, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, row.returning).await;
    world.misbehave(name, row.decide, how, 2).await;
    world.come_back(&chosen).await;
    scene.assert_nothing_kept(&link).await;
    let status = scene.attempt(&link, 0).await["status"].clone();
    assert!(["open", "confirming"].contains(&status.as_str().unwrap()), "{name} {how}: {status}");
    scene.sweep_often(3, 2 * MINUTE).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn money_that_is_on_its_way_is_waited_for_until_it_arrives(scene: Scene) {
    let link = with_money_on_its_way(&scene).await;
    scene.complete(&link, "succeeded").await;
    scene.sweep_after(HOUR).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn money_that_never_arrives_pays_nothing_and_the_customer_can_pay_again(scene: Scene) {
    let link = with_money_on_its_way(&scene).await;
    scene.complete(&link, "failed").await;
    scene.sweep_after(HOUR).await;
    scene.assert_nothing_kept(&link).await;
    scene.world.pay(&link, scene.row.returning).await;
    scene.assert_paid_once(&link).await;
}

/// A link that was paid two hours ago by a method whose money arrives later or not at all.
async fn with_money_on_its_way(scene: &Scene) -> Value {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let end = world.come_back(&world.choose(&page, "processing").await).await;
    assert!(end.text.contains("Your payment is being confirmed"), "{name}: {}", end.text);
    scene.sweep_after(2 * HOUR).await;
    let waiting = world.open(link["url"].as_str().unwrap()).await;
    assert_eq!(waiting.status, StatusCode::OK, "{name}: nobody should pay again meanwhile");
    link
}

//! A customer opens a link and pays, fails, cancels, or comes to a gateway that is out of order.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use super::Failing;
use super::scene::{HOUR, MINUTE, Scene};

pub(super) async fn a_gateway_that_opens_no_session_lets_the_customer_try_again(scene: Scene) {
    let (world, row, name) = (&scene.world, scene.row, scene.name());
    let link = scene.link().await;
    for how in ["502_html", "empty"] {
        world.misbehave(name, row.create, how, 1).await;
        let page = world.open(link["url"].as_str().unwrap()).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{name} {how}: {}", page.text);
    }
    assert_eq!(world.link(&link).await["attempts"], json!([]), "{name}");
    world.pay(&link, row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_becomes_one_receipt_and_a_second_visit_opens_nothing(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    assert_eq!(world.go_to_gateway(&link).await, page, "{name}");
    let end = world.come_back(&world.choose(&page, scene.row.returning).await).await;
    assert!(end.text.contains("Paid"), "{name}: {}", end.text);
    scene.assert_paid_once(&link).await;
    let again = world.open(link["url"].as_str().unwrap()).await;
    assert!(again.text.contains("This link is paid already"), "{name}");
    assert_eq!(world.books(name).await.len(), 1, "{name}");
}

pub(super) async fn a_return_that_comes_many_times_at_once_makes_one_receipt(scene: Scene) {
    let world = &scene.world;
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, scene.row.returning).await;
    let returns = join_all((0..10).map(|_| world.go_back(&chosen))).await;
    assert!(returns.iter().all(|one| one.status == StatusCode::SEE_OTHER), "{}", scene.name());
    world.wait_for(&link, |link| link["status"] == "paid").await;
    world.go_back(&chosen).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_failed_can_be_made_again_in_a_new_session(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let end = world.come_back(&world.choose(&page, "failed").await).await;
    assert_eq!(end.status, StatusCode::OK, "{name}");
    // Where the browser brings nothing the gateway was asked all the same.
    assert!(end.text.contains("The payment was not made"), "{name}: {}", end.text);
    assert_eq!(scene.attempt(&link, 0).await["status"], "failed", "{name}");
    scene.assert_nothing_kept(&link).await;
    world.pay(&link, scene.row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_failed_can_be_made_again_in_the_same_session(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, "failed").await;
    assert_eq!(chosen.status, StatusCode::OK, "{name}");
    scene.sweep_after(MINUTE).await;
    assert_eq!(scene.attempt(&link, 0).await["status"], "open", "{name}");
    assert_eq!(world.go_to_gateway(&link).await, page, "{name}");
    world.come_back(&world.choose(&page, scene.row.returning).await).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_customer_who_cancels_at_the_gateway_has_paid_nothing_and_can_pay_later(scene: Scene) {
    let (world, row) = (&scene.world, scene.row);
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, "cancelled").await;
    if row.failing == Failing::EndsTheSession || chosen.status.is_redirection() {
        let end = world.come_back(&chosen).await;
        assert_eq!(end.status, StatusCode::OK, "{}", scene.name());
    }
    scene.assert_nothing_kept(&link).await;
    world.pay(&link, row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_nobody_reports_is_found(scene: Scene) {
    let link = scene.link().await;
    let page = scene.world.go_to_gateway(&link).await;
    scene.world.choose(&page, scene.row.silent).await;
    scene.sweep_after(MINUTE).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn a_payment_that_nobody_reports_is_abandoned_and_can_be_made_again(scene: Scene) {
    let (world, row) = (&scene.world, scene.row);
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, row.silent).await;
    scene.sweep_after(MINUTE).await;
    scene.sweep_after(2 * HOUR).await;
    scene.assert_nothing_kept(&link).await;
    assert_eq!(scene.attempt(&link, 0).await["status"], "abandoned", "{}", scene.name());
    world.pay(&link, row.returning).await;
    scene.assert_paid_once(&link).await;
}

pub(super) async fn what_the_gateway_says_of_its_fee_is_kept_with_the_payment(scene: Scene) {
    let name = scene.name();
    let link = scene.link().await;
    scene.world.pay(&link, scene.row.returning).await;
    scene.assert_paid_once(&link).await;
    let read = scene.world.link(&link).await;
    let payment = &read["attempts"][0]["payment"];
    assert!(payment["fee"].as_i64().is_some_and(|fee| fee > 0), "{name}: {payment}");
    let id = read["receipts"][0].as_str().unwrap();
    let receipt = scene.world.get(&format!("/v1/receipts/{id}")).await;
    for field in ["fee", "fee_payer", "terminal", "gateway_paid_at", "masked_card"] {
        assert_eq!(receipt[field], payment[field], "{name}: {field}");
    }
}

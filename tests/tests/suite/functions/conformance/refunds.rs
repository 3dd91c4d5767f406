//! Money that a link cannot keep goes back: too little of it, too late, or a second time.

use reqwest::StatusCode;
use serde_json::json;

use super::scene::{MINUTE, Scene};

/// Where our call can undo a payment for a while only, a person would come too late.
pub(super) async fn another_amount_than_was_asked_for_pays_nothing_and_goes_back_by_itself(scene: Scene) {
    let link = scene.link().await;
    let end = scene.world.pay(&link, "paid_less").await;
    scene.assert_nothing_kept(&link).await;
    assert!(end.text.contains("Your money is being returned"), "{}: {}", scene.name(), end.text);
    scene.sweep_after(MINUTE).await;
    scene.assert_refunded(&link).await;
}

pub(super) async fn another_amount_than_was_asked_for_pays_nothing_and_goes_back_when_a_person_says_so(scene: Scene) {
    let name = scene.name();
    let link = scene.link().await;
    let end = scene.world.pay(&link, "paid_less").await;
    scene.assert_nothing_kept(&link).await;
    assert!(end.text.contains("Your payment is being checked"), "{name}: {}", end.text);
    let attempt = scene.attempt(&link, 0).await;
    assert_eq!((&attempt["status"], &attempt["reason"]), (&json!("needs_review"), &json!("amount_differs")), "{name}");
    let reply = scene.decide_to_refund(&link).await;
    assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
    scene.sweep_after(MINUTE).await;
    scene.assert_refunded(&link).await;
}

pub(super) async fn money_whose_refunding_was_not_answered_goes_back_once(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let link = scene.link().await;
    world.pay(&link, "paid_less").await;
    world.misbehave(name, scene.row.refund, "drop_after", 1).await;
    if scene.attempt(&link, 0).await["status"] == "needs_review" {
        let reply = scene.decide_to_refund(&link).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
    }
    scene.sweep_often(3, 5 * MINUTE).await;
    scene.assert_refunded(&link).await;
}

pub(super) async fn a_payment_that_comes_too_late_is_not_kept_and_goes_back(scene: Scene) {
    let world = &scene.world;
    let link = scene.short_link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, scene.row.returning).await;
    world.turn_clock(45 * MINUTE);
    world.go_back(&chosen).await;
    scene.assert_nothing_kept(&link).await;
    if scene.row.gateway.confirming_takes_the_money() {
        assert_eq!(scene.booked(&link, 0).await["ours"], false, "{}: it must not be taken", scene.name());
    }
    scene.assert_goes_back(&link).await;
}

pub(super) async fn of_two_payments_for_one_link_one_is_kept_and_the_other_goes_back(scene: Scene) {
    let (world, row) = (&scene.world, scene.row);
    let link = scene.link().await;
    let first = world.go_to_gateway(&link).await;
    world.turn_clock(31 * MINUTE);
    let second = world.go_to_gateway(&link).await;
    assert_ne!(first, second, "{}", scene.name());
    world.come_back(&world.choose(&second, row.returning).await).await;
    scene.assert_paid_once(&link).await;
    let chosen = world.choose(&first, row.returning).await;
    world.go_back(&chosen).await;
    scene.assert_goes_back(&link).await;
    scene.assert_paid_once(&link).await;
}

//! A gateway that calls about payments calls about their refunds too, and is heard at once.

use serde_json::json;

use super::scene::Scene;
use super::slow_refunds::with_a_refund_under_way;

pub(super) async fn a_refund_is_known_to_be_done_as_soon_as_the_gateway_calls(scene: Scene) {
    let name = scene.name();
    let link = with_a_refund_under_way(&scene).await;
    scene.finish_refund(&link, "succeeded").await;
    // No schedule comes.
    scene.world.wait_for_event(&link, "refund.succeeded").await;
    scene.assert_refunded(&link).await;
    let refund = scene.attempt(&link, 0).await["refunds"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&refund["status"], &refund["cause"]), (&json!("succeeded"), &json!("requested")), "{name}");
    assert_eq!(scene.booked(&link, 0).await["refunds"], 1, "{name}");
}

pub(super) async fn a_refund_is_known_to_have_failed_as_soon_as_the_gateway_calls(scene: Scene) {
    let name = scene.name();
    let link = with_a_refund_under_way(&scene).await;
    scene.finish_refund(&link, "failed").await;
    scene.world.wait_for_event(&link, "refund.failed").await;
    let attempt = scene.attempt(&link, 0).await;
    assert_eq!(
        (&attempt["status"], &attempt["refunds"][0]["status"]),
        (&json!("needs_review"), &json!("failed")),
        "{name}"
    );
    assert_eq!(scene.booked(&link, 0).await["ours"], true, "{name}");
}

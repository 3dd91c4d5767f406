//! A message is handed to its provider, which takes it over, refuses it, or does not answer as it should.

use serde_json::Value;

use super::scene::Scene;

pub(super) async fn a_message_arrives_and_keeps_the_id_that_the_provider_gave_it(scene: Scene) {
    let name = scene.name();
    let link = scene.link_for(scene.row.good).await;
    let delivered = scene.world.inbox(scene.row.good, 1).await;
    let message = scene.message(&link, "sent").await;
    assert_eq!(message["provider_id"], delivered[0]["provider_id"], "{name}");
    assert_eq!(message["to"], scene.row.good, "{name}");
    let text = delivered[0]["body"].as_str().unwrap();
    assert!(text.contains(link["url"].as_str().unwrap()), "{name}: {text}");
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.world.inbox(scene.row.good, 1).await.len(), 1, "{name}");
}

pub(super) async fn a_message_that_is_refused_for_good_has_failed_and_is_not_tried_again(scene: Scene) {
    let (to, reason) = scene.row.refused;
    let link = scene.link_for(to).await;
    let message = scene.message(&link, "failed").await;
    assert_eq!(message["reason"], reason, "{}", scene.name());
    let told = scene.world.wait_for_event(&link, "message.failed").await;
    assert_eq!(told["message_id"], message["id"], "{}", scene.name());
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.failures_told(&link), 1, "{}", scene.name());
}

pub(super) async fn a_message_that_is_refused_for_now_is_sent_later(scene: Scene) {
    let (to, reason) = scene.row.refused_at_first;
    let link = scene.link_for(to).await;
    let message = scene.message(&link, "waiting").await;
    assert_eq!(message["reason"], reason, "{}", scene.name());
    assert_sent_later(&scene, &link).await;
    assert_eq!(scene.world.inbox(to, 1).await.len(), 1, "{}", scene.name());
}

/// Nobody sends it a second time while the answer is on its way.
pub(super) async fn a_message_that_is_answered_after_nine_seconds_arrives_once(scene: Scene) {
    scene.misbehave("late", 1).await;
    let link = scene.link_for(scene.row.good).await;
    scene.message(&link, "sent").await;
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.world.inbox(scene.row.good, 1).await.len(), 1, "{}", scene.name());
}

/// The provider may have taken it over: then the message arrives twice, which is better than not at all.
pub(super) async fn a_message_that_is_answered_too_late_is_sent_again(scene: Scene) {
    scene.misbehave("timeout", 1).await;
    let link = scene.link_for(scene.row.good).await;
    let message = scene.message(&link, "waiting").await;
    assert_eq!(message["reason"], "no_answer", "{}", scene.name());
    assert_sent_later(&scene, &link).await;
    assert_eq!(scene.world.inbox(scene.row.good, 2).await.len(), 2, "{}", scene.name());
}

/// The line took it over and reports about it before it answers: nobody needs to send it again to be sure.
pub(super) async fn a_message_that_is_answered_too_late_is_known_by_its_report_and_arrives_once(scene: Scene) {
    scene.misbehave("timeout", 1).await;
    let link = scene.link_for(scene.row.good).await;
    let message = scene.message(&link, "sent").await;
    assert!(message["provider_id"].is_string(), "{}: {message}", scene.name());
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.world.inbox(scene.row.good, 1).await.len(), 1, "{}", scene.name());
    assert_eq!(scene.failures_told(&link), 0, "{}", scene.name());
}

pub(super) async fn a_message_whose_answer_is_empty_is_not_taken_for_sent(scene: Scene) {
    scene.misbehave("empty", 1).await;
    let link = scene.link_for(scene.row.good).await;
    let message = scene.message(&link, "waiting").await;
    assert_eq!(message["reason"], scene.row.unreadable, "{}", scene.name());
    assert_sent_later(&scene, &link).await;
    assert_eq!(scene.world.inbox(scene.row.good, 1).await.len(), 1, "{}", scene.name());
}

pub(super) async fn a_message_that_is_answered_by_an_error_page_is_sent_later(scene: Scene) {
    scene.misbehave("502_html", 1).await;
    let link = scene.link_for(scene.row.good).await;
    let message = scene.message(&link, "waiting").await;
    assert_eq!(message["reason"], scene.row.unreadable, "{}", scene.name());
    assert_sent_later(&scene, &link).await;
    assert_eq!(scene.world.inbox(scene.row.good, 1).await.len(), 1, "{}", scene.name());
}

/// The next try succeeds, and nobody was told of a failure.
async fn assert_sent_later(scene: &Scene, link: &Value) {
    assert_eq!(scene.try_again().await, 1, "{}", scene.name());
    let message = scene.message(link, "sent").await;
    assert!(message["provider_id"].is_string(), "{}: {message}", scene.name());
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.failures_told(link), 0, "{}", scene.name());
}

//! What a provider says about a message only when it is asked.

use std::time::Duration;

use super::Reports;
use super::scene::Scene;

/// The time from one look to the next is shorter in the first hours.
const UNTIL_THE_NEXT_LOOK: Duration = Duration::from_secs(301);

pub(super) async fn a_message_that_did_not_arrive_is_found_by_asking_and_the_crm_is_told(scene: Scene) {
    let Reports::WhenAsked(to, reason) = scene.row.reports else { panic!("{} is not asked", scene.name()) };
    let link = scene.link_for(to).await;
    scene.message(&link, "sent").await;
    assert_eq!(scene.look(UNTIL_THE_NEXT_LOOK).await, 1, "{}", scene.name());
    assert_eq!(scene.failures_told(&link), 0, "{}: it is on its way", scene.name());
    assert_eq!(scene.look(Duration::from_secs(1800)).await, 1, "{}", scene.name());
    let message = scene.message(&link, "failed").await;
    assert_eq!(message["reason"], reason, "{}", scene.name());
    for known in ["sent_at", "failed_at", "provider_id"] {
        assert!(message[known].is_string(), "{}: {known} is not lost with the failure: {message}", scene.name());
    }
    let told = scene.world.wait_for_event(&link, "message.failed").await;
    assert_eq!(told["message_id"], message["id"], "{}", scene.name());
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.look(Duration::ZERO).await, 0, "{}", scene.name());
    assert_eq!(scene.failures_told(&link), 1, "{}", scene.name());
}

pub(super) async fn a_message_that_arrived_is_not_asked_about_any_more(scene: Scene) {
    let link = scene.link_for(scene.row.good).await;
    scene.message(&link, "sent").await;
    let looks = [
        scene.look(UNTIL_THE_NEXT_LOOK).await,
        scene.look(Duration::from_secs(1800)).await,
        scene.look(Duration::from_secs(48 * 3600)).await,
    ];
    assert_eq!(looks, [1, 1, 0], "{}", scene.name());
    let message = scene.message(&link, "sent").await;
    assert!(message["delivered_at"].is_string(), "{}: it is known when: {message}", scene.name());
    assert_eq!(scene.world.inbox(scene.row.good, 1).await.len(), 1, "{}", scene.name());
}

pub(super) async fn a_message_about_which_nothing_is_said_is_asked_about_ever_less_and_stays_sent(scene: Scene) {
    let link = scene.link_for(scene.row.good).await;
    scene.message(&link, "sent").await;
    scene.misbehave("502_html", 100).await;
    let mut looks = 0;
    for _ in 0..60 {
        looks += scene.look(Duration::from_secs(3600)).await;
    }
    assert!((3..=10).contains(&looks), "{}: {looks}", scene.name());
    scene.message(&link, "sent").await;
    assert_eq!(scene.failures_told(&link), 0, "{}", scene.name());
}

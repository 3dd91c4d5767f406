//! A link is cancelled while a customer is at the gateway: the session is closed where that is possible, and else the
//! money goes back.

use reqwest::StatusCode;
use serde_json::Value;
use tests::Reply;

use super::scene::{HOUR, Scene};

pub(super) async fn a_cancelled_link_closes_its_session(scene: Scene) {
    let (link, chosen) = cancelled_before_paying(&scene, None).await;
    assert_closed(&scene, &link, &chosen).await;
}

pub(super) async fn a_cancelled_link_closes_its_session_where_the_customer_chose_what_can_be_cancelled(scene: Scene) {
    let (link, chosen) = cancelled_before_paying(&scene, Some("cancelable")).await;
    assert_closed(&scene, &link, &chosen).await;
}

pub(super) async fn a_cancelled_link_whose_session_cannot_be_closed_refunds_what_is_paid(scene: Scene) {
    let (link, chosen) = cancelled_before_paying(&scene, None).await;
    scene.world.go_back(&chosen).await;
    scene.assert_goes_back(&link).await;
    scene.assert_nothing_kept(&link).await;
}

/// The link, and what the gateway's page answered to the customer who pays after all. Before the link was cancelled, the
/// customer may have chosen something there.
async fn cancelled_before_paying(scene: &Scene, choice: Option<&str>) -> (Value, Reply) {
    let world = &scene.world;
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    if let Some(choice) = choice {
        assert_eq!(world.choose(&page, choice).await.status, StatusCode::OK, "{}", scene.name());
    }
    scene.cancel(&link).await;
    world.sweep().await;
    let chosen = world.choose(&page, scene.row.returning).await;
    (link, chosen)
}

async fn assert_closed(scene: &Scene, link: &Value, chosen: &Reply) {
    let name = scene.name();
    assert!(!chosen.status.is_redirection(), "{name}: nobody can pay any more");
    assert_eq!(scene.booked(link, 0).await["taken"], false, "{name}");
    assert_eq!(scene.attempt(link, 0).await["status"], "failed", "{name}");
    scene.assert_nothing_kept(link).await;
}

pub(super) async fn a_bank_that_says_yes_after_its_no_is_heard_although_the_session_is_over(scene: Scene) {
    let world = &scene.world;
    let link = scene.link().await;
    world.choose(&world.go_to_gateway(&link).await, "failed").await;
    scene.cancel(&link).await;
    world.sweep().await;
    let status = scene.attempt(&link, 0).await["status"].clone();
    assert_eq!(status, "failed", "{}: the gateway said no, and is asked again for days", scene.name());
    scene.complete(&link, "authorized").await;
    scene.sweep_after(HOUR).await;
    scene.complete(&link, "succeeded").await;
    scene.assert_goes_back(&link).await;
    scene.assert_nothing_kept(&link).await;
}

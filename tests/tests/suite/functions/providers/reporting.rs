//! What a provider says about a message after it took it over.

use domain::ids::{LinkId, MessageId, PayToken};
use serde_json::{Value, json};
use simulators::providers::reports::{of_the_log, topic_event};

use super::Reports;
use super::scene::Scene;

pub(super) async fn a_message_that_is_reported_later_has_failed_and_the_crm_is_told(scene: Scene) {
    let (to, reason) = match scene.row.reports {
        Reports::ByOurMark(to, reason) | Reports::ByItsOwnId(to, reason) | Reports::ByTheApi(to, reason) => {
            (to, reason)
        }
        Reports::None | Reports::WhenAsked(..) => panic!("{} reports nothing", scene.name()),
    };
    let link = scene.link_for(to).await;
    let message = scene.message(&link, "failed").await;
    assert_eq!(message["reason"], reason, "{}", scene.name());
    for known in ["sent_at", "failed_at", "provider_id"] {
        assert!(message[known].is_string(), "{}: {known} is not lost with the failure: {message}", scene.name());
    }
    let told = scene.world.wait_for_event(&link, "message.failed").await;
    assert_eq!(told["message_id"], message["id"], "{}", scene.name());
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.failures_told(&link), 1, "{}", scene.name());
}

pub(super) async fn a_message_that_is_reported_to_have_arrived_says_when(scene: Scene) {
    let link = scene.link_for(scene.row.good).await;
    let has_arrived = |link: &Value| link["messages"][0]["delivered_at"].is_string();
    let message = scene.world.wait_for(&link, has_arrived).await["messages"][0].clone();
    assert_eq!((&message["status"], &message["failed_at"]), (&json!("sent"), &Value::Null), "{}", scene.name());
    scene.assert_nothing_is_tried_again().await;
    assert_eq!(scene.failures_told(&link), 0, "{}", scene.name());
}

/// The account may send other messages too, and anybody's report can be in the form of any provider.
pub(super) async fn a_report_about_no_message_of_ours_changes_nothing(scene: Scene) {
    let link = scene.link_for(scene.row.good).await;
    scene.message(&link, "sent").await;
    let nobodys = LinkId::of(&PayToken::from_random([1; 16]));
    let message = MessageId::of(&nobodys, 0, "email", "a@example.com");
    let tags = json!({ "paylink-link": [nobodys.as_str()], "paylink-message": [message.as_str()] });
    assert_nothing_changes(&scene, &link, "an-id-that-nobody-gave", tags).await;
}

/// The ids of a provider that reports nothing are its own: a report of another provider about the same id is about
/// another message.
pub(super) async fn a_report_in_the_form_of_another_provider_changes_nothing(scene: Scene) {
    let link = scene.link_for(scene.row.good).await;
    let message = scene.message(&link, "sent").await;
    assert_nothing_changes(&scene, &link, message["provider_id"].as_str().unwrap(), json!({})).await;
}

/// What each provider that reports would say of a message by this id, and of one with these tags.
async fn assert_nothing_changes(scene: &Scene, link: &Value, id: &str, tags: Value) {
    let bounce = json!({ "bounceType": "Permanent", "bounceSubType": "General" });
    let ses = json!({ "eventType": "Bounce", "bounce": bounce, "mail": { "messageId": id, "tags": tags } });
    let statuses = json!([{ "id": id, "status": "failed", "errors": [{ "code": 131_026 }] }]);
    let entry = json!({ "changes": [{ "field": "messages", "value": { "statuses": statuses } }] });
    let whatsapp = json!({ "whatsAppWebhookEntry": entry.to_string(), "messageId": id });
    let sns = json!({ "notification": { "messageId": id }, "status": "FAILURE", "delivery": {} });
    for event in [ses, whatsapp, of_the_log(&sns)].map(|message| topic_event(&message)) {
        let answer = scene.world.invoke("deliver-messages", &event).await;
        assert_eq!(answer, json!({ "reported": 0 }), "{}", scene.name());
    }
    assert_eq!(scene.world.link(link).await["messages"][0]["status"], "sent", "{}", scene.name());
    assert_eq!(scene.failures_told(link), 0, "{}", scene.name());
}

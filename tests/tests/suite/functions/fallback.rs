//! On which channel people are told, and what providers report when a message did not arrive after all.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::World;

use super::settings_are_read_again;

/// Channel, state and reason of each message.
fn states(link: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let messages = link["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|one| (one["channel"].as_str().unwrap(), one["status"].as_str().unwrap(), one["reason"].as_str()))
        .collect()
}

/// Settings with an order of preference, and a contact that can be reached in three ways.
async fn world_with_order(order: Value, mobile: &str, email: &str, chat: &str) -> World {
    let world = World::in_process().await;
    let settings = json!({ "business_name": "B", "default_region": "IR", "channel_order": order,
                           "sms_routes": [{ "prefix": "+98", "provider": "kavenegar" }] });
    let shown = world.put("/v1/settings", settings).await;
    assert_eq!(shown.get("channel_order").unwrap_or(&json!([])), &order);
    let social = json!([{ "network": "telegram", "id": chat }]);
    world.put("/v1/contacts/c-2", json!({ "name": "N", "mobile": mobile, "email": email, "social": social })).await;
    settings_are_read_again().await;
    world
}

fn body() -> Value {
    json!({ "account_id": "main", "contact_id": "c-2", "amount": 50000, "recipients": { "contact": true } })
}

#[tokio::test]
async fn without_an_order_people_are_told_on_every_channel() {
    let world = world_with_order(json!([]), "09120000009", "one@example.com", "709").await;
    let link = world.make_link(body()).await;
    for to in ["+989120000009", "one@example.com", "709"] {
        world.inbox(to, 1).await;
    }
    assert_eq!(link["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn with_an_order_people_are_told_once_and_the_other_channels_stand_by() {
    let world = world_with_order(json!(["social", "sms"]), "09120000009", "one@example.com", "709").await;
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", body()).await.json();
    let planned: Vec<_> = draft["recipients"].as_array().unwrap().iter().map(|one| one["standby"].clone()).collect();
    assert_eq!(planned, [false, true, true]);
    let link = world.make_link(body()).await;
    world.inbox("709", 1).await;
    let link = world.wait_for(&link, |link| link["messages"][0]["status"] == "sent").await;
    let expected = [("social", "sent", None), ("sms", "standby", None), ("email", "standby", None)];
    assert_eq!(states(&link), expected);
    world.turn_clock(Duration::from_secs(24 * 3600));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 0);
    assert_eq!(states(&world.link(&link).await), expected);
    // Told again, it is the same.
    let path = format!("/v1/payment-links/{}/messages", link["id"].as_str().unwrap());
    world.crm(Method::POST, &path, json!({})).await;
    world.inbox("709", 2).await;
    let again = world.wait_for(&link, |link| link["messages"][3]["status"] == "sent").await;
    assert_eq!(states(&again)[3..], expected);
}

#[tokio::test]
async fn where_a_channel_fails_for_good_the_next_one_follows_and_the_crm_is_told_of_each() {
    // The bot is blocked, and the number refuses SMS.
    let world = world_with_order(json!(["social", "sms", "email"]), "09120000411", "one@example.com", "70403").await;
    let link = world.make_link(body()).await;
    world.inbox("one@example.com", 1).await;
    let link = world.wait_for(&link, |link| link["messages"][2]["status"] == "sent").await;
    let expected =
        [("social", "failed", Some("bot_blocked")), ("sms", "failed", Some("number_refused")), ("email", "sent", None)];
    assert_eq!(states(&link), expected);
    world.wait_for_event(&link, "message.failed").await;
    let failed = || world.crm_events(&link).into_iter().filter(|event| event["type"] == "message.failed").count();
    assert_eq!(failed(), 2);
}

#[tokio::test]
async fn an_email_that_bounces_has_failed_and_the_next_channel_follows() {
    let world = world_with_order(json!(["email", "social"]), "09120000009", "bounce@example.com", "709").await;
    let link = world.make_link(body()).await;
    world.inbox("709", 1).await;
    let link = world.wait_for(&link, |link| link["messages"][1]["status"] == "sent").await;
    let expected = [("email", "failed", Some("bounced_no_email")), ("social", "sent", None), ("sms", "standby", None)];
    assert_eq!(states(&link), expected);
    let bounced = &link["messages"][0];
    for known in ["sent_at", "failed_at", "provider_id"] {
        assert!(bounced[known].is_string(), "what was known of it is not lost with its failure: {bounced}");
    }
    let told = world.wait_for_event(&link, "message.failed").await;
    assert_eq!(told["message_id"], link["messages"][0]["id"]);
}

#[tokio::test]
async fn an_sms_that_did_not_arrive_is_known_from_the_log_of_sns() {
    let world = world_with_order(json!(["sms", "email"]), "+4915100000499", "one@example.com", "709").await;
    let link = world.make_link(body()).await;
    world.inbox("one@example.com", 1).await;
    let link = world.wait_for(&link, |link| link["messages"][1]["status"] == "sent").await;
    let expected = [("sms", "failed", Some("phone_unreachable")), ("email", "sent", None), ("social", "standby", None)];
    assert_eq!(states(&link), expected);
    world.wait_for_event(&link, "message.failed").await;
}

#[tokio::test]
async fn a_number_that_blocks_such_sms_is_found_by_asking_and_the_next_channel_follows() {
    let world = world_with_order(json!(["sms", "email"]), "09120000015", "one@example.com", "709").await;
    let link = world.make_link(body()).await;
    let link = world.wait_for(&link, |link| link["messages"][0]["status"] == "sent").await;
    for pause in [301, 1800] {
        world.turn_clock(Duration::from_secs(pause));
        assert_eq!(world.invoke("deliver-messages", &json!({})).await["looked_at"], 1);
    }
    world.inbox("one@example.com", 1).await;
    let link = world.wait_for(&link, |link| link["messages"][1]["status"] == "sent").await;
    let expected =
        [("sms", "failed", Some("blocked_by_recipient")), ("email", "sent", None), ("social", "standby", None)];
    assert_eq!(states(&link), expected);
}

#[tokio::test]
async fn what_whatsapp_gives_up_later_has_failed_and_the_next_channel_follows() {
    let world = world_with_order(json!(["social", "email"]), "09120000009", "one@example.com", "709").await;
    let social = json!([{ "network": "whatsapp", "id": "+989120000132" }]);
    world.put("/v1/contacts/c-2", json!({ "name": "N", "email": "one@example.com", "social": social })).await;
    settings_are_read_again().await;
    let link = world.make_link(body()).await;
    world.inbox("one@example.com", 1).await;
    let link = world.wait_for(&link, |link| link["messages"][1]["status"] == "sent").await;
    assert_eq!(states(&link), [("social", "failed", Some("not_on_whatsapp")), ("email", "sent", None)]);
    let told = world.wait_for_event(&link, "message.failed").await;
    assert_eq!(told["message_id"], link["messages"][0]["id"]);
}

#[tokio::test]
async fn a_complaint_is_shown_on_the_message_and_a_report_about_nothing_of_ours_is_left_aside() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                       "recipients": { "emails": ["complain@example.com"] } });
    let link = world.make_link(body).await;
    world.inbox("complain@example.com", 1).await;
    let link = world.wait_for(&link, |link| link["messages"][0]["status"] == "failed").await;
    assert_eq!(states(&link), [("email", "failed", Some("complaint"))]);
    let event = |tags: Value| {
        let message = json!({ "eventType": "Complaint", "mail": { "tags": tags } }).to_string();
        json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": message } }] })
    };
    let of = |link: &Value| json!({ "paylink-link": [link["id"]], "paylink-message": [link["messages"][0]["id"]] });
    let mut other = link.clone();
    other["id"] = json!("pl_1111111111111111111111");
    // The same report twice changes nothing either.
    for tags in [json!({}), of(&other), of(&link)] {
        assert_eq!(world.invoke("deliver-messages", &event(tags)).await, json!({ "reported": 0 }));
    }
    let failed = world.crm_events(&link).into_iter().filter(|event| event["type"] == "message.failed").count();
    assert!(failed <= 1, "{failed}");
}

#[tokio::test]
async fn an_order_names_each_channel_once() {
    let world = World::in_process().await;
    for (order, at, code) in [
        (json!(["sms", "sms"]), "/channel_order/1", "given_twice"),
        (json!(["pigeon"]), "/channel_order/0", "unknown_channel"),
    ] {
        let body = json!({ "business_name": "B", "channel_order": order });
        let reply = world.crm(Method::PUT, "/v1/settings", body).await;
        assert_eq!(reply.problems(), [(at.to_owned(), code.to_owned())]);
    }
}

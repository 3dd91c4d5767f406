//! People who are told on a social network, and the bots that tell them.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::providers::bot::DEMO_TOKEN;
use tests::{World, told_url};

use super::{nobody_is_at_it, settings_are_read_again, states};

/// A link whose recipients are these chats on the demo business's network.
async fn link_for(world: &World, chats: &[&str]) -> Value {
    let social: Vec<Value> = chats.iter().map(|chat| json!({ "network": "telegram", "id": chat })).collect();
    world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "locale": "en",
                           "recipients": { "social": social } }))
        .await
}

#[tokio::test]
async fn people_are_told_by_the_networks_bot_in_their_language() {
    let world = World::in_process().await;
    let link = world
        .make_link(json!({
            "account_id": "main", "contact_id": "c-1042", "amount": 50000, "description": "Deposit",
            "recipients": { "roles": ["accountant"], "social": [
                { "network": "telegram", "id": "۷۰۰۰۰۰۰۰۲" }, { "network": "telegram", "id": "700000001" },
            ] },
        }))
        .await;
    let told = world.inbox("700000001", 1).await;
    assert_eq!((&told[0]["channel"], &told[0]["from"]), (&json!("social"), &json!("@demo_business_bot")));
    let text = told[0]["body"].as_str().unwrap();
    assert!(
        text.starts_with("[TEST] \u{2068}Demo Business\u{2069} از شما درخواست پرداخت ۵٬۰۰۰\u{a0}تومان (۵۰٬۰۰۰\u{a0}ریال) دارد.\nبابت: \u{2068}Deposit\u{2069}\n"),
        "{text}"
    );
    assert_eq!(text.lines().last(), Some(told_url(&link, '1').as_str()));
    world.inbox("700000002", 1).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(states(&link), [("sent", None), ("sent", None)]);
    let message = &link["messages"][0];
    assert_eq!((&message["channel"], &message["network"]), (&json!("social"), &json!("telegram")));
    assert_eq!((&message["to"], &message["roles"]), (&json!("700000001"), &json!(["accountant"])));
    assert_eq!(message["provider_id"], told[0]["provider_id"]);
    assert_eq!(world.inbox("700000001", 1).await.len(), 1, "the typed id is the accountant's own");
}

#[tokio::test]
async fn who_cannot_be_written_to_is_told_apart_and_the_crm_is_told() {
    let world = World::in_process().await;
    let link = link_for(&world, &["70403", "70404", "70429", "70500"]).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(
        states(&link),
        [
            ("failed", Some("bot_blocked")),
            ("failed", Some("chat_not_found")),
            ("waiting", Some("too_many_requests")),
            ("waiting", Some("provider_unavailable")),
        ]
    );
    let failed = world.wait_for_event(&link, "message.failed").await;
    assert!([&link["messages"][0]["id"], &link["messages"][1]["id"]].contains(&&failed["message_id"]));
    // The first pause is a minute, and the network asked for two.
    world.turn_clock(Duration::from_secs(61));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 1);
    let after_a_minute = world.link(&link).await;
    assert_eq!(states(&after_a_minute)[2..], [("waiting", Some("too_many_requests")), ("sent", None)]);
    world.turn_clock(Duration::from_secs(60));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 1);
    assert_eq!(states(&world.link(&link).await)[2], ("sent", None));
    assert_eq!(world.inbox("70429", 1).await.len(), 1);
}

#[tokio::test]
async fn only_a_bare_not_found_is_about_the_token() {
    let world = World::in_process().await;
    // Bale says so of a group that it does not know.
    let link = link_for(&world, &["70405"]).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(states(&link), [("failed", Some("chat_not_found"))]);
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_told_there_and_the_crm_learns_its_new_id() {
    let world = World::in_process().await;
    let link = link_for(&world, &["-70301", "700"]).await;
    world.inbox("-10070301", 1).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(states(&link), [("sent", None), ("sent", None)]);
    let message = |index: usize| (&link["messages"][index]["to"], &link["messages"][index]["moved_to"]);
    assert_eq!(message(0), (&json!("-70301"), &json!("-10070301")));
    assert_eq!(message(1), (&json!("700"), &Value::Null));
    assert_eq!(world.inbox("-10070301", 1).await.len(), 1);
}

#[tokio::test]
async fn a_custom_message_can_be_for_the_network_and_a_draft_shows_it() {
    let world = World::in_process().await;
    let body = json!({
        "account_id": "main", "contact_id": "c-1042", "amount": 50000, "locale": "en",
        "recipients": { "contact": true, "roles": ["accountant"] },
        "message": { "mode": "custom", "channels": ["social"], "social": { "body": "{{ contact.name }}: {{ link }}" } },
    });
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", body.clone()).await.json();
    let text = draft["messages"][0]["body"].as_str().unwrap();
    assert!(text.starts_with("[TEST] Demo Customer: http"), "{text}");
    assert_eq!(
        draft["recipients"],
        json!([{ "channel": "social", "network": "telegram", "to": "700000001", "roles": ["accountant"],
                 "people": ["accountant"], "standby": false }])
    );
    let no_address =
        json!([{ "role": "contact", "person": "contact", "channel": null, "network": null, "reason": "no_address" }]);
    assert_eq!(draft["unreached"], no_address);
    let link = world.make_link(body.clone()).await;
    assert_eq!(link["message"]["social"], json!({ "body": "{{ contact.name }}: {{ link }}" }));
    let told = world.inbox("700000001", 1).await;
    assert_eq!(told[0]["body"], format!("[TEST] Demo Customer: {}", told_url(&link, '1')));
    let mut with_subject = body;
    with_subject["message"]["social"]["subject"] = json!("x");
    let reply = world.crm(Method::POST, "/v1/payment-links", with_subject).await;
    assert_eq!(reply.problems(), [("/message/social/subject".to_owned(), "not_allowed".to_owned())]);
}

#[tokio::test]
async fn a_network_without_a_bot_is_named_when_the_link_is_made() {
    let world = World::in_process().await;
    let bale = json!({ "network": "bale", "id": "7" });
    let unreached = json!([
        { "role": null, "person": null, "channel": "social", "network": "bale", "reason": "network_not_connected" }
    ]);
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                       "recipients": { "contact": true, "social": [bale] } });
    assert_eq!(world.make_link(body.clone()).await["unreached"], unreached);
    let mut alone = body.clone();
    alone["recipients"]["contact"] = json!(false);
    let reply = world.crm(Method::POST, "/v1/payment-links", alone).await;
    assert_eq!(reply.problems(), [("/recipients".to_owned(), "nobody_reachable".to_owned())]);
    // A provider without a token is none yet, and one with a token is.
    let base_url = format!("{}/bot-api/", world.cloud.page_url());
    let mut provider = json!({ "kind": "bot_api", "base_url": base_url });
    assert_eq!(world.put("/v1/message-providers/bale", provider.clone()).await["credentials_set"], false);
    settings_are_read_again().await;
    assert_eq!(world.make_link(body.clone()).await["unreached"], unreached);
    provider["credentials"] = json!({ "token": DEMO_TOKEN });
    world.put("/v1/message-providers/bale", provider).await;
    settings_are_read_again().await;
    assert_eq!(world.make_link(body).await["unreached"], json!([]));
    world.inbox("7", 1).await;
}

#[tokio::test]
async fn a_bots_token_is_written_and_never_read_and_goes_nowhere_else() {
    let world = World::in_process().await;
    let path = "/v1/message-providers/telegram";
    let base_url = format!("{}/bot-api", world.cloud.page_url());
    let with_token =
        |token: &str| json!({ "kind": "bot_api", "base_url": base_url, "credentials": { "token": token } });
    let written = world.put(path, with_token("200000002:expired-token-of-a-bot")).await;
    let expected = json!({ "id": "telegram", "object": "message_provider", "kind": "bot_api", "channel": "social",
                           "base_url": base_url, "url": null, "line": null, "phone_number_id": null,
                           "api_version": null, "templates": [], "credentials_set": true });
    assert_eq!(written, expected);
    assert_eq!(world.get(path).await, expected);
    let listed = world.get("/v1/message-providers").await;
    assert!(listed["data"].as_array().unwrap().contains(&expected), "{listed}");
    settings_are_read_again().await;
    let link = link_for(&world, &["700"]).await;
    let link = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(states(&link), [("failed", Some("token_refused"))]);
    world.put(path, with_token(DEMO_TOKEN)).await;
    // What is left out stays.
    assert_eq!(world.put(path, json!({ "kind": "bot_api", "base_url": base_url })).await["credentials_set"], true);
    settings_are_read_again().await;
    link_for(&world, &["701"]).await;
    world.inbox("701", 1).await;
    // At another address it would be somebody else's to read.
    let elsewhere = json!({ "kind": "bot_api", "base_url": "https://elsewhere.example" });
    assert_eq!(world.put(path, elsewhere).await["credentials_set"], false);
    assert_eq!(world.put(path, json!({ "kind": "bot_api" })).await["base_url"], "https://api.telegram.org");
    assert_eq!(world.crm(Method::DELETE, path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.crm(Method::GET, path, Value::Null).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_provider_that_cannot_be_is_refused_with_every_problem() {
    let world = World::in_process().await;
    let body = json!({ "kind": "carrier_pigeon", "base_url": "ftp://x", "surprise": 1 });
    let reply = world.crm(Method::PUT, "/v1/message-providers/x", body).await;
    let problem = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    assert_eq!(
        reply.problems(),
        [
            problem("/surprise", "unknown_field"),
            problem("/kind", "unknown_provider_kind"),
            problem("/base_url", "invalid_endpoint_url"),
        ]
    );
    let body = json!({ "kind": "bot_api", "credentials": { "token": "no token", "key": "x" } });
    let reply = world.crm(Method::PUT, "/v1/message-providers/x", body).await;
    assert_eq!(
        reply.problems(),
        [problem("/credentials/key", "unknown_field"), problem("/credentials/token", "invalid_credentials")]
    );
    let body = json!({ "name": "N", "social": [{ "network": "telegram", "id": "a b" }, { "id": "7" }] });
    let reply = world.crm(Method::PUT, "/v1/contacts/c-2", body).await;
    assert_eq!(
        reply.problems(),
        [problem("/social/0/id", "invalid_social_id"), problem("/social/1/network", "required")]
    );
}

#[tokio::test]
async fn a_contact_keeps_its_addresses_on_networks() {
    let world = World::in_process().await;
    let social = json!([{ "network": "telegram", "id": "700" }]);
    let body = json!({ "name": "N", "social": social, "people": [{ "role": "manager", "social": social }] });
    world.put("/v1/contacts/c-2", body).await;
    let contact = world.get("/v1/contacts/c-2").await;
    assert_eq!((&contact["social"], &contact["people"][0]["social"]), (&social, &social));
    let link = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-2", "amount": 50000,
                           "recipients": { "contact": true, "roles": ["manager"] } }))
        .await;
    let told = world.wait_for(&link, nobody_is_at_it).await;
    assert_eq!(told["messages"][0]["roles"], json!(["contact", "manager"]));
    // Told again, the same person gets another message.
    world.turn_clock(Duration::from_secs(61));
    let path = format!("/v1/payment-links/{}/messages", link["id"].as_str().unwrap());
    let again = world.crm(Method::POST, &path, json!({})).await.json();
    assert_ne!(again["messages"][0]["id"], again["messages"][1]["id"]);
    assert_eq!(world.inbox("700", 2).await.len(), 2);
}

#[tokio::test]
async fn who_is_told_again_is_asked_again_who_takes_messages_there() {
    let world = World::in_process().await;
    let link = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "locale": "en",
                           "recipients": { "social": [{ "network": "telegram", "id": "700000001" }],
                                           "emails": ["a@example.com"] } }))
        .await;
    world.wait_for(&link, nobody_is_at_it).await;
    world.crm(Method::DELETE, "/v1/message-providers/telegram", Value::Null).await;
    settings_are_read_again().await;
    world.turn_clock(Duration::from_secs(61));
    let again = format!("/v1/payment-links/{}/messages", link["id"].as_str().unwrap());
    let told = world.crm(Method::POST, &again, json!({})).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    let unreached = json!([{ "role": null, "person": null, "channel": "social", "network": "telegram", "reason": "network_not_connected" }]);
    assert_eq!(told.json()["unreached"], unreached);
    assert_eq!(told.json()["messages"].as_array().unwrap().len(), 3, "only the email goes out again");
    world.turn_clock(Duration::from_secs(61));
    let nobody = world.crm(Method::POST, &again, json!({ "message": { "channels": ["social"] } })).await;
    assert_eq!(nobody.problems(), [("/recipients".to_owned(), "nobody_reachable".to_owned())]);
}

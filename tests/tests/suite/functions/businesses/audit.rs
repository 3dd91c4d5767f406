//! The log of a business: who changed what its money depends on, and who decided about money.

use std::time::Duration;

use paylink_local::crm::ReceivedEvent;
use paylink_local::seed::{API_KEY, BAZAAR, BAZAAR_KEY, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{ApiKey, KeyHolder, Scope};
use tests::World;

use super::data;

/// The log of the demo business, the newest first.
async fn log(world: &World) -> Vec<Value> {
    let list = world.get("/v1/audit-log?limit=100").await;
    data(&list).clone()
}

async fn as_ada(world: &World, method: Method, path: &str, body: Value) -> StatusCode {
    let reply = world.crm_as(API_KEY, method, path, body, &[("paylink-actor", "ada-17")]).await;
    reply.status
}

fn account(name: &str, merchant: Option<&str>) -> Value {
    let credentials = merchant.map(|id| json!({ "merchant_id": id }));
    json!({ "name": name, "currency": "IRR", "mode": "sandbox",
            "online_payment": { "enabled": true, "gateway": "zarinpal", "credentials": credentials } })
}

/// The change of one field in an entry.
fn changed(entry: &Value, field: &str) -> Option<(Value, Value)> {
    let change = entry["changes"].as_array().unwrap().iter().find(|one| one["field"] == field)?;
    Some((change["from"].clone(), change["to"].clone()))
}

#[tokio::test]
async fn a_swapped_merchant_id_is_in_the_log_with_who_swapped_it_and_without_the_secret() {
    let world = World::in_process().await;
    let merchant = "0badc0de-1234-4abc-8def-0123456789ab";
    assert_eq!(as_ada(&world, Method::PUT, "/v1/accounts/main", account("Main", Some(merchant))).await, StatusCode::OK);
    let entries = log(&world).await;
    let newest = &entries[0];
    assert_eq!(
        (&newest["side"], &newest["actor"], &newest["action"]),
        (&json!("business"), &json!("ada-17"), &json!("written"))
    );
    assert_eq!(newest["subject"], json!({ "kind": "account", "id": "main" }));
    let credentials = changed(newest, "/online_payment/credentials").unwrap();
    assert!(credentials.0.is_string() && credentials.1.is_string() && credentials.0 != credentials.1, "{newest}");
    assert_eq!(changed(newest, "/online_payment/credentials/merchant_id"), Some((Value::Null, json!("…89ab"))));
    assert!(!newest.to_string().contains(merchant), "{newest}");
    // The same again is no change, and what is refused is none either.
    let before = log(&world).await.len();
    assert_eq!(as_ada(&world, Method::PUT, "/v1/accounts/main", account("Main", None)).await, StatusCode::OK);
    assert_eq!(
        as_ada(&world, Method::PUT, "/v1/accounts/main", account("", None)).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(log(&world).await.len(), before);
    let wrong = [("paylink-actor", "two words")];
    let reply = world.crm_as(API_KEY, Method::GET, "/v1/accounts", Value::Null, &wrong).await;
    assert_eq!((reply.status, &reply.json()["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_actor")));
}

#[tokio::test]
async fn every_kind_of_record_that_money_depends_on_is_logged_when_it_is_written_and_deleted() {
    let world = World::in_process().await;
    let before = log(&world).await.len();
    let bot = json!({ "kind": "bot_api", "credentials": { "token": format!("1:{}", "b".repeat(35)) } });
    for (path, body, kind) in [
        ("/v1/accounts/new", account("New", None), "account"),
        ("/v1/message-providers/new", bot, "message_provider"),
        ("/v1/webhook-endpoints/new", json!({ "url": "https://crm.example.com/" }), "webhook_endpoint"),
    ] {
        assert_eq!(as_ada(&world, Method::PUT, path, body).await, StatusCode::OK, "{path}");
        assert_eq!(as_ada(&world, Method::DELETE, path, Value::Null).await, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(as_ada(&world, Method::DELETE, path, Value::Null).await, StatusCode::NOT_FOUND, "{path}");
        let entries = log(&world).await;
        let told: Vec<_> = entries[..2].iter().map(|one| (&one["action"], &one["subject"]["kind"])).collect();
        assert_eq!(told, [(&json!("deleted"), &json!(kind)), (&json!("written"), &json!(kind))], "{path}");
    }
    assert_eq!(log(&world).await.len(), before + 6);
    let mut settings = world.get("/v1/settings").await;
    settings.as_object_mut().unwrap().remove("object");
    settings["support_phone"] = json!("+98 21 0000");
    assert_eq!(as_ada(&world, Method::PUT, "/v1/settings", settings).await, StatusCode::OK);
    let newest = log(&world).await.remove(0);
    assert_eq!(changed(&newest, "/support_phone").map(|(_, to)| to), Some(json!("+98 21 0000")), "{newest}");
    let text = log(&world).await.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains(&"b".repeat(35)) && !text.contains("whsec_"), "no secret is in the log");
}

#[tokio::test]
async fn what_a_person_decides_about_money_is_in_the_log_with_who_decided() {
    let world = World::in_process().await;
    let link = world.make_link(json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_999 })).await;
    world.pay(&link, "paid_less").await;
    let read = world.link(&link).await;
    let attempt = read["attempts"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{}/attempts/{attempt}/resolve", super::path_of(&link));
    assert_eq!(as_ada(&world, Method::POST, &path, json!({ "outcome": "keep" })).await, StatusCode::OK);
    let newest = log(&world).await.remove(0);
    assert_eq!((&newest["actor"], &newest["action"]), (&json!("ada-17"), &json!("resolved")));
    assert_eq!(newest["subject"], json!({ "kind": "payment_link", "id": link["id"] }));
    assert_eq!(changed(&newest, "/outcome"), Some((Value::Null, json!("keep"))));
    let status = changed(&newest, &format!("/attempts/{attempt}/status"));
    assert_eq!(status, Some((json!("needs_review"), json!("accepted"))));
}

#[tokio::test]
async fn what_the_platform_does_and_what_it_looks_at_is_in_the_log_of_the_business_that_it_is_about() {
    let world = World::in_process().await;
    let key =
        ApiKey { integration: "support".to_owned(), scopes: vec![Scope::Read], created_at: domain::Timestamp::now() };
    world.cloud.store.put_api_key(&KeyHolder::Platform, "plp_support", &key).await.unwrap();
    let headers = [("paylink-business", BAZAAR), ("paylink-actor", "grace")];
    let reply = world.crm_as("plp_support", Method::GET, "/v1/contacts/c-1042", Value::Null, &headers).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let of_bazaar = async || {
        let reply = world.crm_as(BAZAAR_KEY, Method::GET, "/v1/audit-log", Value::Null, &[]).await;
        data(&reply.json()).clone()
    };
    let newest = of_bazaar().await.remove(0);
    assert_eq!((&newest["side"], &newest["action"]), (&json!("platform"), &json!("read")));
    assert_eq!((&newest["integration"], &newest["actor"]), (&json!("support"), &json!("grace")));
    assert_eq!(newest["subject"], json!({ "kind": "address", "id": "/v1/contacts/c-1042" }));
    // A list is looked at with what it was narrowed by, and a draft as well.
    for (method, path, body) in [
        (Method::GET, "/v1/payment-links?contact_id=c-1042", Value::Null),
        (Method::POST, "/v1/payment-links/draft", json!({ "contact_id": "c-1042" })),
    ] {
        let reply = world.crm_as("plp_support", method, path, body, &headers).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        assert_eq!(of_bazaar().await[0]["subject"]["id"], path);
    }
    let why = json!({ "reason": "for the platform alone" });
    let reply = world.platform(None, Method::POST, &format!("/v1/businesses/{BAZAAR}/suspend"), why).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let newest = of_bazaar().await.remove(0);
    assert_eq!((&newest["side"], &newest["subject"]["kind"]), (&json!("platform"), &json!("business")));
    assert_eq!(changed(&newest, "/status"), Some((json!("active"), json!("suspended"))), "{newest}");
    assert!(!newest.to_string().contains("alone"), "why it was suspended is for the platform: {newest}");
    let told = log(&world).await.iter().any(|one| one["side"] == "platform");
    assert!(!told, "the log of {DEMO} says nothing of it");
}

#[tokio::test]
async fn the_log_is_read_page_by_page_and_only_by_who_may_read() {
    let world = World::in_process().await;
    for number in 0..5 {
        let name = format!("Main {number}");
        assert_eq!(as_ada(&world, Method::PUT, "/v1/accounts/main", account(&name, None)).await, StatusCode::OK);
    }
    let all = log(&world).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/v1/audit-log?limit=2{cursor}")).await;
        seen.extend(data(&page).clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, all);
    let key =
        ApiKey { integration: "crm".to_owned(), scopes: vec![Scope::Write], created_at: domain::Timestamp::now() };
    let holder = KeyHolder::Business(domain::ids::BusinessId::parse(DEMO).unwrap());
    world.cloud.store.put_api_key(&holder, "plk_demo_clerk", &key).await.unwrap();
    super::super::settings_are_read_again().await;
    let reply = world.crm_as("plk_demo_clerk", Method::GET, "/v1/audit-log", Value::Null, &[]).await;
    assert_eq!((reply.status, &reply.json()["code"]), (StatusCode::FORBIDDEN, &json!("scope_missing")));
}

/// The events about entries of logs that endpoints have got so far.
fn told_of_changes(world: &World) -> Vec<ReceivedEvent> {
    let all = world.cloud.crm.events().into_iter();
    all.filter(|received| received.event["type"] == "audit_entry.created").collect()
}

#[tokio::test]
async fn the_crm_is_told_of_a_change_by_the_next_run_of_the_schedule_and_nobody_else_is() {
    let world = World::in_process().await;
    let merchant = "0badc0de-1234-4abc-8def-0123456789ab";
    assert_eq!(as_ada(&world, Method::PUT, "/v1/accounts/main", account("Main", Some(merchant))).await, StatusCode::OK);
    let retry = json!({ "source": "schedule" });
    world.turn_clock(Duration::from_secs(60));
    world.invoke("deliver-messages", &retry).await;
    let told = told_of_changes(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    let (received, entry) = (&told[0], &log(&world).await[0]);
    assert!(received.is_signed);
    let event = &received.event;
    assert_eq!((&event["data"], &event["sequence"]), (entry, &json!(1)), "{event}");
    assert_eq!((&event["payment_link_id"], &event["mode"]), (&Value::Null, &Value::Null));
    assert!(!event.to_string().contains(merchant), "{event}");
    // Once is enough, and who polls finds it, too.
    world.turn_clock(Duration::from_secs(60));
    world.invoke("deliver-messages", &retry).await;
    assert_eq!(told_of_changes(&world).len(), 1);
    let id = event["id"].as_str().unwrap();
    let listed = world.get("/v1/events?type=audit_entry.created").await;
    assert_eq!(data(&listed).iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&event["id"]], "{listed}");
    let read = world.get(&format!("/v1/events/{id}")).await;
    assert_eq!((&read["data"], &read["deliveries"][0]["status"]), (entry, &json!("delivered")), "{read}");
    let of_bazaar = world.crm_as(BAZAAR_KEY, Method::GET, &format!("/v1/events/{id}"), Value::Null, &[]).await;
    assert_eq!(of_bazaar.status, StatusCode::NOT_FOUND, "another business finds no such event");
    // It can be sent again.
    let again = world.crm(Method::POST, &format!("/v1/events/{id}/redeliver"), json!({})).await;
    assert_eq!(again.status, StatusCode::ACCEPTED, "{}", again.text);
    world.invoke("deliver-messages", &retry).await;
    assert_eq!(told_of_changes(&world).len(), 2);
}

#[tokio::test]
async fn a_change_is_told_again_until_the_endpoint_takes_it_and_only_to_those_who_want_it() {
    let world = World::in_process().await;
    // The demo CRM's endpoint wants payments only from now on. That it did so is the last change that it hears of.
    let endpoint = world.get("/v1/webhook-endpoints/demo-crm").await;
    let url = endpoint["url"].as_str().unwrap();
    let only = json!({ "url": url, "events": ["payment_link.paid"] });
    assert_eq!(world.crm(Method::PUT, "/v1/webhook-endpoints/demo-crm", only).await.status, StatusCode::OK);
    world.turn_clock(Duration::from_secs(60));
    world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
    let told = told_of_changes(&world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].event["data"]["subject"], json!({ "kind": "webhook_endpoint", "id": "demo-crm" }));
    let account = account("Unheard", None);
    assert_eq!(world.crm(Method::PUT, "/v1/accounts/main", account).await.status, StatusCode::OK);
    world.turn_clock(Duration::from_secs(60));
    world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
    assert_eq!(told_of_changes(&world).len(), 1, "nobody wants such events");
    let all = json!({ "url": url, "events": ["audit_entry.created"] });
    assert_eq!(world.crm(Method::PUT, "/v1/webhook-endpoints/demo-crm", all).await.status, StatusCode::OK);
    world.answer_events(json!({ "status": 500, "times": 1 })).await;
    world.turn_clock(Duration::from_secs(60));
    world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
    let ids = || told_of_changes(&world).iter().map(|one| one.event["id"].clone()).collect::<Vec<Value>>();
    let first = ids();
    assert_eq!(first.len(), 2, "the endpoint as it is wants them");
    world.turn_clock(Duration::from_secs(120));
    world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
    assert_eq!(ids(), [&first[..], &first[1..]].concat(), "the same event came again, under the same id");
}

/// Whoever has a key that administers can lead events elsewhere before anything else, and is heard doing so.
#[tokio::test]
async fn an_endpoint_that_is_led_elsewhere_or_taken_away_is_told_so_where_it_was() {
    for taken_away in [false, true] {
        let world = World::in_process().await;
        let path = "/v1/webhook-endpoints/demo-crm";
        let status = if taken_away {
            world.crm(Method::DELETE, path, Value::Null).await.status
        } else {
            let elsewhere = format!("{}/crm/nobody/1", world.cloud.page_url());
            world.crm(Method::PUT, path, json!({ "url": elsewhere })).await.status
        };
        assert!(status.is_success(), "{status}");
        world.turn_clock(Duration::from_secs(60));
        world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
        let told = told_of_changes(&world);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].is_signed, "with the secret that it had");
        let action = if taken_away { "deleted" } else { "written" };
        assert_eq!(told[0].event["data"]["action"], action);
        assert_eq!(told[0].event["data"]["subject"]["id"], "demo-crm");
    }
}

#[tokio::test]
async fn what_the_platform_only_looks_at_is_in_the_log_and_is_no_event() {
    let world = World::in_process().await;
    let key =
        ApiKey { integration: "support".to_owned(), scopes: vec![Scope::Read], created_at: domain::Timestamp::now() };
    world.cloud.store.put_api_key(&KeyHolder::Platform, "plp_support", &key).await.unwrap();
    let header = [("paylink-business", DEMO)];
    let looked = world.crm_as("plp_support", Method::GET, "/v1/settings", Value::Null, &header).await;
    assert_eq!(looked.status, StatusCode::OK);
    assert_eq!(log(&world).await[0]["action"], "read");
    world.turn_clock(Duration::from_secs(60));
    world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
    assert_eq!(told_of_changes(&world).len(), 0);
}

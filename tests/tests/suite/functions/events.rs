//! The handlers, called with the events that AWS really sends.

use axum_body::text_of;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tests::{Functions, World, api_gateway_event};

mod axum_body {
    use futures_util::StreamExt;

    /// The whole body of an answer.
    pub(crate) async fn text_of(response: lambda_http::http::Response<axum::body::Body>) -> String {
        let mut bytes = Vec::new();
        let mut stream = response.into_body().into_data_stream();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        String::from_utf8(bytes).unwrap()
    }
}

static CLOCK: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

const KEY: (&str, &str) = ("authorization", "Bearer plk_demo_local-crm-key");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn an_api_gateway_event_makes_a_link_whether_or_not_its_body_is_base64() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    let body =
        json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "description": "پرداخت" }).to_string();
    for (body, is_base64) in [(body.clone(), false), (STANDARD.encode(&body), true)] {
        let event = api_gateway_event("POST", "/v1/payment-links", &[KEY, JSON], Some(&body), is_base64);
        let response = functions.http(&event).await;
        assert_eq!(response.status(), 201);
        let link: Value = serde_json::from_str(&text_of(response).await).unwrap();
        assert_eq!(link["description"], "پرداخت");
    }
}

#[tokio::test]
async fn while_the_table_cannot_be_reached_nobody_is_told_that_nothing_was_paid() {
    let world = World::in_process().await;
    let mut environment = world.cloud.environment.clone();
    // Nothing listens on this port.
    environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), "http://127.0.0.1:1".to_owned());
    let functions = Functions::in_environment(environment, &CLOCK);
    for path in ["/p/2222222222222222222222", "/p/2222222222222222222222/result"] {
        let response = functions.http(&api_gateway_event("GET", path, &[], None, false)).await;
        assert_eq!(response.status(), 503);
        let page = text_of(response).await;
        assert!(page.contains("please do not pay again") && !page.contains("Nothing has been paid"), "{page}");
    }
    let back = "/gateways/stripe/return/pl_2222222222222222222222/2222222222222222222222";
    let response = functions.http(&api_gateway_event("GET", back, &[], None, false)).await;
    assert_eq!(response.status(), 503);
    assert!(text_of(response).await.contains("Please do not pay again"));
    let event = api_gateway_event("GET", "/v1/settings", &[KEY], None, false);
    assert_eq!(functions.http(&event).await.status(), 503);
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused_and_never_an_error_of_ours() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    for bytes in [&b"\xff\xfe{"[..], b"{\"description\":\"\x00\"}", &[b'['; 60_000], b"{\"amount\":1e400}"] {
        let body = STANDARD.encode(bytes);
        let event = api_gateway_event("POST", "/v1/payment-links", &[KEY, JSON], Some(&body), true);
        let status = functions.http(&event).await.status();
        assert!(status.is_client_error(), "{status}");
    }
    let event = api_gateway_event("GET", "/p/%ff%fe", &[], None, false);
    assert!(functions.http(&event).await.status().is_client_error());
}

fn signature(secret: &str, time: i64, body: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// A completed session in the form of Stripe's event, about an attempt of ours.
fn completed(link: &domain::link::PaymentLink) -> String {
    let attempt = &link.attempts()[0];
    json!({
        "id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1,
        "data": { "object": {
            "id": attempt.session, "object": "checkout.session", "payment_status": "paid", "status": "complete",
            "client_reference_id": attempt.id.as_str(), "metadata": { "paylink_link": link.id().as_str() },
        } },
    })
    .to_string()
}

#[tokio::test]
async fn a_webhook_is_checked_over_its_raw_bytes_and_only_makes_us_ask() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    let made = world.euro_link().await;
    let page = world.go_to_gateway(&made).await;
    let id = domain::ids::LinkId::parse(made["id"].as_str().unwrap()).unwrap();
    let body = completed(&world.cloud.store.link(&id).await.unwrap().unwrap());
    let now = domain::Timestamp::now().as_second();
    let secret = "whsec_localDemoBusiness";
    let notify = "/gateways/stripe/notify/demo/euro";
    let post = async |signature: &str, body: &str, is_base64: bool| {
        let headers = [("stripe-signature", signature), JSON];
        functions.http(&api_gateway_event("POST", notify, &headers, Some(body), is_base64)).await.status().as_u16()
    };
    // Rightly signed, but the gateway itself says that nobody paid.
    assert_eq!(post(&signature(secret, now, &body), &body, false).await, 200);
    assert_eq!(world.link(&made).await["status"], "active");
    assert!(world.receipts().await.is_empty());
    // Wrong, old, of another secret, or over other bytes.
    assert_eq!(post("t=1,v1=00", &body, false).await, 400);
    assert_eq!(post(&signature(secret, now - 301, &body), &body, false).await, 400);
    assert_eq!(post(&signature("whsec_other", now, &body), &body, false).await, 400);
    assert_eq!(post(&signature(secret, now, &body), &format!("{body} "), false).await, 400);
    // The customer pays; API Gateway hands the body over in base64.
    world.choose(&page, "paid_silent").await;
    assert_eq!(post(&signature(secret, now, &body), &STANDARD.encode(&body), true).await, 200);
    assert_eq!(world.link(&made).await["status"], "paid");
    // Once more, and for things that are none of ours.
    assert_eq!(post(&signature(secret, now, &body), &body, false).await, 200);
    let other = json!({ "type": "customer.created", "data": { "object": {} } }).to_string();
    assert_eq!(post(&signature(secret, now, &other), &other, false).await, 200);
    assert_eq!(world.receipts().await.len(), 1);
}

#[tokio::test]
async fn a_webhook_whose_outcome_is_unknown_asks_to_be_sent_again() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    let made = world.euro_link().await;
    world.go_to_gateway(&made).await;
    let id = domain::ids::LinkId::parse(made["id"].as_str().unwrap()).unwrap();
    let body = completed(&world.cloud.store.link(&id).await.unwrap().unwrap());
    let signature = signature("whsec_localDemoBusiness", domain::Timestamp::now().as_second(), &body);
    world.misbehave("stripe", "retrieve", "502_html", 1).await;
    let headers = [("stripe-signature", signature.as_str()), JSON];
    let event = api_gateway_event("POST", "/gateways/stripe/notify/demo/euro", &headers, Some(&body), false);
    assert_eq!(functions.http(&event).await.status(), 503);
    assert_eq!(world.link(&made).await["status"], "active");
    for nobody in [
        "/gateways/zarinpal/notify/demo/main",
        "/gateways/nobody/notify/demo/main",
        "/gateways/stripe/notify/euro",
        "/gateways/stripe/notify/demo",
    ] {
        let event = api_gateway_event("POST", nobody, &headers, Some(&body), false);
        assert_eq!(functions.http(&event).await.status(), 404, "{nobody}");
    }
}

/// Razorpay signs no time, so that only what is known already keeps a repeated event from counting again.
#[tokio::test]
async fn an_event_of_razorpay_that_comes_again_under_its_id_changes_nothing() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    let made = world.make_link(json!({ "account_id": "rupee", "contact_id": "c-1042", "amount": 50_000 })).await;
    let page = world.go_to_gateway(&made).await;
    let id = domain::ids::LinkId::parse(made["id"].as_str().unwrap()).unwrap();
    let attempt = world.cloud.store.link(&id).await.unwrap().unwrap().attempts()[0].clone();
    let entity = json!({ "id": attempt.session, "status": "paid", "reference_id": attempt.id.as_str(),
                         "notes": { "paylink_link": id.as_str() } });
    let body = json!({ "entity": "event", "event": "payment_link.paid", "contains": ["payment_link"],
                       "payload": { "payment_link": { "entity": entity } } })
    .to_string();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"localDemoWebhookSecret").unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let headers = [("x-razorpay-event-id", "evt00000000001"), ("x-razorpay-signature", signature.as_str()), JSON];
    let event = api_gateway_event("POST", "/gateways/razorpay/notify/demo/rupee", &headers, Some(&body), false);
    // Rightly signed, but the gateway itself says that nobody paid.
    assert_eq!(functions.http(&event).await.status(), 200);
    assert_eq!(world.link(&made).await["status"], "active");
    world.choose(&page, "paid_silent").await;
    assert_eq!(functions.http(&event).await.status(), 200);
    let paid = world.link(&made).await;
    assert_eq!(paid["status"], "paid");
    for _ in 0..2 {
        assert_eq!(functions.http(&event).await.status(), 200);
    }
    assert_eq!(world.link(&made).await, paid);
    assert_eq!(world.receipts().await.len(), 1);
}

#[tokio::test]
async fn a_stream_event_tells_people_once_and_a_broken_record_blocks_no_other() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    let link = world
        .make_link(
            json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "recipients": { "contact": true } }),
        )
        .await;
    world.inbox("+989120000000", 1).await;
    let record = |pk: &str, sk: &str, name: &str, number: &str| {
        json!({
            "eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": name, "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/T/stream/2026-01-01T00:00:00.000",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_773_119_783, "Keys": { "pk": { "S": pk }, "sk": { "S": sk } },
                "SequenceNumber": number, "SizeBytes": 26, "StreamViewType": "NEW_IMAGE",
            },
        })
    };
    let pk = format!("link#{}", link["id"].as_str().unwrap());
    let event = json!({ "Records": [
        record(&pk, "link", "INSERT", "1"),
        record("link#nonsense", "link", "INSERT", "2"),
        record(&pk, "message#x", "INSERT", "3"),
        record(&pk, "link", "REMOVE", "4"),
        record(&pk, "link", "INSERT", "5"),
    ] });
    let answer = functions.invoke("deliver-messages", event).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(world.inbox("+989120000000", 1).await.len(), 1, "told once, however often the record comes");
    // What is no record at all is named as failed, and the others of its batch are served.
    let other = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "recipients": { "emails": ["somebody@example.com"] } }))
        .await;
    let mut poisoned = record(&pk, "link", "INSERT", "6");
    poisoned["dynamodb"]["Keys"] = json!("nonsense");
    let pk = format!("link#{}", other["id"].as_str().unwrap());
    let event = json!({ "Records": [poisoned, record(&pk, "link", "INSERT", "7")] });
    let answer = functions.invoke("deliver-messages", event).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "6" }] }));
    assert_eq!(world.inbox("somebody@example.com", 1).await.len(), 1);
}

#[tokio::test]
async fn a_message_whose_sender_died_is_sent_by_the_schedule_when_the_lease_has_ended() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    let link = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "recipients": { "emails": ["throttle@example.com"] } }))
        .await;
    let link = world.wait_for(&link, |link| link["messages"][0]["status"] == "waiting").await;
    // Another link, whose message somebody leased and never noted.
    let other = world.make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 60000 })).await;
    let id = domain::ids::LinkId::parse(other["id"].as_str().unwrap()).unwrap();
    let message = domain::ids::MessageId::parse(link["messages"][0]["id"].as_str().unwrap()).unwrap();
    let until = domain::Timestamp::now() + std::time::Duration::from_secs(90);
    let leased_link = world.cloud.store.link(&id).await.unwrap().unwrap();
    let leased = world.cloud.store.lease_message(&leased_link, &message, None, until).await.unwrap();
    assert!(matches!(leased, store::LeaseOutcome::Mine(_)));
    let again = world.cloud.store.lease_message(&leased_link, &message, None, until).await.unwrap();
    assert!(matches!(again, store::LeaseOutcome::Held { .. }));
    world.cloud.store.retry_message_later(&id, &message, until).await.unwrap();
    world.turn_clock(std::time::Duration::from_secs(30));
    assert_eq!(functions.invoke("deliver-messages", json!({})).await.unwrap()["tried"], 0);
    world.turn_clock(std::time::Duration::from_secs(120));
    assert_eq!(functions.invoke("deliver-messages", json!({})).await.unwrap()["tried"], 2);
}

#[tokio::test]
async fn an_integration_that_calls_too_often_is_told_to_wait_and_another_is_not() {
    let world = World::in_process().await;
    let mut environment = world.cloud.environment.clone();
    environment.insert("PAYLINK_CALLS_PER_SECOND".to_owned(), "1".to_owned());
    let functions = Functions::in_environment(environment, &CLOCK);
    let other = store::ApiKey {
        integration: "calm".to_owned(),
        scopes: vec![store::Scope::Read],
        created_at: domain::Timestamp::now(),
    };
    let demo = store::KeyHolder::Business(paylink_local::seed::demo());
    world.cloud.store.put_api_key(&demo, "plk_demo_calm-key", &other).await.unwrap();
    let call = async |key| functions.http(&api_gateway_event("GET", "/v1/settings", &[key], None, false)).await;
    for _ in 0..2 {
        assert_eq!(call(KEY).await.status(), 200, "a burst is no offence");
    }
    let refused = call(KEY).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait));
    assert!(text_of(refused).await.contains("too_many_requests"));
    assert_eq!(call(("authorization", "Bearer plk_demo_calm-key")).await.status(), 200);
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    assert_eq!(call(KEY).await.status(), 200);
}

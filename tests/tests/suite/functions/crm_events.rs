//! What the CRM is told: which events, in which order, signed, again where its endpoint failed, and for those who poll.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::idempotency::IdempotencyLog;
use domain::ids::{CredentialsVersion, EndpointId, EventId, LinkId, PayToken};
use domain::records::signing::{SigningSecret, SigningVersions};
use domain::records::webhook_endpoint::WebhookEndpoint;
use paylink_local::seed::BAZAAR_KEY;
use reqwest::{Method, StatusCode};
use runtime::{Environment, Runtime};
use serde_json::{Value, json};
use tests::{Reply, World};

use super::settings_are_read_again;

/// Waits until the CRM got at least `least` events about a link.
async fn wait_for_events(world: &World, link: &Value, least: usize) -> Vec<Value> {
    for _ in 0..200 {
        let events = world.crm_events(link);
        if events.len() >= least {
            return events;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the CRM got {:?}, and not {least} events", types(&world.crm_events(link)));
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

async fn post(world: &World, path: &str, body: Value, key: Option<&str>) -> Reply {
    let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
    world.crm_with(Method::POST, path, body, &headers).await
}

fn path(link: &Value, action: &str) -> String {
    format!("/v1/payment-links/{}/{action}", link["id"].as_str().unwrap())
}

#[tokio::test]
async fn the_crm_is_told_the_life_of_a_link_in_order_and_signed() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.pay(&link, "failed").await;
    world.pay(&link, "paid").await;
    let events = wait_for_events(&world, &link, 5).await;
    assert_eq!(
        types(&events),
        ["payment_link.created", "payment_link.opened", "attempt.failed", "payment_link.paid", "receipt.registered"]
    );
    let numbers: Vec<u64> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert!(world.cloud.crm.events().iter().all(|received| received.is_signed && received.answered == 204));
    let now = world.link(&link).await;
    assert_eq!(events[2]["attempt_id"], now["attempts"][0]["id"], "the event says which attempt failed");
    assert_eq!(events[3]["data"]["status"], "paid");
    assert_eq!(events[3]["mode"], "sandbox");
    assert_eq!(events[4]["data"]["object"], "receipt");
    assert_eq!(events[4]["data"]["id"], now["receipts"][0]);
    assert_eq!(events[4]["data"], world.receipts().await[0], "the receipt is the one that is listed");
}

#[tokio::test]
async fn a_trace_leads_from_the_call_that_made_a_link_to_every_event_about_it() {
    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000 });
    let make = async |traceparent: &str| {
        let headers = [("traceparent", traceparent)];
        let reply = world.crm_with(Method::POST, "/v1/payment-links", body.clone(), &headers).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
        reply.json()
    };
    let (traced, broken) = (make(GIVEN).await, make("00-not-a-trace-01").await);
    for link in [&traced, &broken] {
        world.pay(link, "paid").await;
        world.wait_for_event(link, "receipt.registered").await;
    }
    let traces = |link: &Value| -> Vec<String> {
        let received = world.cloud.crm.events().into_iter();
        let about = received.filter(|one| one.is_signed && one.event["payment_link_id"] == link["id"]);
        about.map(|one| one.traceparent.unwrap()).collect()
    };
    // From the table over the stream, from create-link, pay-redirect and gateway-webhook alike.
    let given = traces(&traced);
    assert!(given.len() >= 4 && given.iter().all(|trace| trace == GIVEN), "{given:?}");
    // Where the CRM brings none, the link gets one of its own.
    let own = traces(&broken);
    assert!(own.len() >= 4 && own.iter().all(|trace| *trace == own[0] && trace.len() == GIVEN.len()), "{own:?}");
    assert_ne!(own[0], GIVEN);
}

#[tokio::test]
async fn the_crm_is_told_of_expiry_cancellation_and_messages_that_fail() {
    let world = World::in_process().await;
    let short = world
        .make_link(json!({ "account_id": "main", "item_id": "inv-77", "amount": 50_000, "expires_in_days": 0 }))
        .await;
    let cancelled = world.rial_link().await;
    let body = json!({ "account_id": "main", "item_id": "inv-77", "amount": 50_000, "recipients": { "emails": ["reject@example.com"] } });
    let untold = world.make_link(body).await;
    post(&world, &path(&cancelled, "cancel"), json!({ "reason": "a mistake" }), None).await;
    world.turn_clock(Duration::from_secs(25 * 3600));
    world.sweep().await;
    assert_eq!(types(&wait_for_events(&world, &short, 2).await), ["payment_link.created", "payment_link.expired"]);
    let events = wait_for_events(&world, &cancelled, 2).await;
    assert_eq!(types(&events), ["payment_link.created", "payment_link.cancelled"]);
    assert_eq!(events[1]["data"]["cancel_reason"], "a mistake");
    let events = wait_for_events(&world, &untold, 2).await;
    assert_eq!(types(&events), ["payment_link.created", "message.failed"]);
    assert_eq!(events[1]["message_id"], world.link(&untold).await["messages"][0]["id"]);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_tried_again_ever_later_and_the_log_says_so() {
    let world = World::in_process().await;
    world.answer_events(json!({ "status": 500, "times": 2 })).await;
    world.answer_events(json!({ "status": 503, "retry_after": "3600" })).await;
    let link = world.rial_link().await;
    let id = wait_for_events(&world, &link, 1).await[0]["id"].as_str().unwrap().to_owned();
    let logged = || async { world.get(&format!("/v1/events/{id}")).await["deliveries"][0].clone() };
    let retry = || async { world.invoke("deliver-messages", &json!({})).await["events"].as_u64().unwrap() };
    // The event is recorded when it was sent.
    while world.crm(Method::GET, &format!("/v1/events/{id}"), Value::Null).await.status == StatusCode::NOT_FOUND {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(retry().await, 0, "it is not due yet");
    world.turn_clock(Duration::from_secs(40));
    assert_eq!(retry().await, 1);
    world.turn_clock(Duration::from_secs(6 * 60));
    assert_eq!(retry().await, 1);
    let log = logged().await;
    let outcomes: Vec<&str> =
        log["tries"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!((log["status"].as_str().unwrap(), outcomes), ("waiting", vec!["500", "500", "503"]));
    world.turn_clock(Duration::from_secs(40 * 60));
    assert_eq!(retry().await, 0, "the endpoint asked for an hour");
    world.turn_clock(Duration::from_secs(30 * 60));
    assert_eq!(retry().await, 1);
    assert_eq!(logged().await["status"], "delivered");
    let all = wait_for_events(&world, &link, 4).await;
    assert!(all.iter().all(|event| event["id"] == id.as_str()), "it is the same event each time");
    // Asked for by hand, once, however often the request is repeated.
    for replayed in [None, Some("true")] {
        let reply = post(&world, &format!("/v1/events/{id}/redeliver"), json!({}), Some("again-1")).await;
        assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text);
        assert_eq!(reply.headers.get("idempotency-replayed").map(|value| value.to_str().unwrap()), replayed);
    }
    assert_eq!(retry().await, 1);
    assert_eq!(retry().await, 0);
    wait_for_events(&world, &link, 5).await;
}

/// The state of the delivery of an event and the outcomes of its tries, once there are so many.
async fn tries(world: &World, event: &Value, least: usize) -> (String, Vec<String>) {
    let path = format!("/v1/events/{}", event["id"].as_str().unwrap());
    for _ in 0..400 {
        let reply = world.crm(Method::GET, &path, Value::Null).await;
        if reply.status == StatusCode::OK {
            let delivery = reply.json()["deliveries"][0].clone();
            let tries = delivery["tries"].as_array().unwrap();
            if tries.len() >= least {
                let outcomes = tries.iter().map(|one| one["outcome"].as_str().unwrap().to_owned()).collect();
                return (delivery["status"].as_str().unwrap().to_owned(), outcomes);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the delivery of {event} was not tried {least} times");
}

#[tokio::test]
async fn an_event_is_delivered_once_the_endpoint_says_so_whatever_comes_behind_the_status() {
    let world = World::in_process().await;
    for body in ["large", "cut_short", "endless", "silent"] {
        world.answer_events(json!({ "status": 200, "body": body })).await;
        let link = world.rial_link().await;
        let event = wait_for_events(&world, &link, 1).await[0].clone();
        let begun = std::time::Instant::now();
        assert_eq!(tries(&world, &event, 1).await, ("delivered".to_owned(), vec!["200".to_owned()]), "{body}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{body}: nobody waits for what nobody reads");
        // The next event goes to the same endpoint.
        world.pay(&link, "paid").await;
        assert_eq!(wait_for_events(&world, &link, 4).await.len(), 4, "{body}: and none twice");
    }
    // A no is what its status says, too.
    for body in ["large", "endless"] {
        world.answer_events(json!({ "status": 500, "body": body, "retry_after": "3600" })).await;
        let link = world.rial_link().await;
        let event = wait_for_events(&world, &link, 1).await[0].clone();
        assert_eq!(tries(&world, &event, 1).await, ("waiting".to_owned(), vec!["500".to_owned()]), "{body}");
    }
}

#[tokio::test]
async fn a_delivery_ends_after_its_last_try() {
    let world = World::in_process().await;
    world.answer_events(json!({ "status": 500, "times": 100 })).await;
    let link = world.rial_link().await;
    wait_for_events(&world, &link, 1).await;
    let mut tries = 0;
    for _ in 0..15 {
        world.turn_clock(Duration::from_secs(27 * 3600));
        tries += world.invoke("deliver-messages", &json!({})).await["events"].as_u64().unwrap();
        // The sweep expires the link meanwhile, which is another event; it is not run here.
    }
    assert_eq!(tries, 9);
    assert_eq!(wait_for_events(&world, &link, 10).await.len(), 10);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_switched_off() {
    let world = World::in_process().await;
    world.answer_events(json!({ "status": 410, "body": "cut_short" })).await;
    let link = world.rial_link().await;
    wait_for_events(&world, &link, 1).await;
    let gone = |endpoint: &Value| endpoint["enabled"] == false && endpoint["disabled_reason"] == "gone";
    for _ in 0..100 {
        if gone(&world.get("/v1/webhook-endpoints/demo-crm").await) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone(&world.get("/v1/webhook-endpoints/demo-crm").await));
    settings_are_read_again().await;
    let other = world.rial_link().await;
    world.pay(&other, "paid").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(world.crm_events(&other).is_empty(), "nothing more is sent to it");
    world.turn_clock(Duration::from_secs(11));
    assert!(
        world.get("/v1/events?type=payment_link.paid").await["data"][0]["deliveries"].as_array().unwrap().is_empty()
    );
}

#[tokio::test]
async fn a_slow_endpoint_keeps_nobody_waiting_for_an_sms() {
    let world = World::in_process().await;
    world.answer_events(json!({ "status": 204, "times": 100, "after_milliseconds": 20_000 })).await;
    let begun = std::time::Instant::now();
    for _ in 0..4 {
        world.make_link(json!({ "account_id": "main", "item_id": "inv-77", "amount": 50_000, "recipients": { "contact": true } })).await;
    }
    world.inbox("+989120000000", 4).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
}

#[tokio::test]
async fn whoever_polls_gets_every_event_once_and_in_order() {
    let world = World::in_process().await;
    for _ in 0..3 {
        let link = world.rial_link().await;
        world.pay(&link, "paid").await;
        wait_for_events(&world, &link, 4).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        world.get("/v1/events").await["data"].as_array().unwrap().is_empty(),
        "events are listed after ten seconds"
    );
    let fresh = world.cloud.crm.events().last().unwrap().id.clone();
    let none = world.get(&format!("/v1/events?after={fresh}")).await;
    assert!(none["data"].as_array().unwrap().is_empty(), "an event known from a webhook can be gone on from at once");
    world.turn_clock(Duration::from_secs(11));
    let mut seen: Vec<Value> = Vec::new();
    loop {
        let after = seen.last().map(|event| format!("&after={}", event["id"].as_str().unwrap())).unwrap_or_default();
        let page = world.get(&format!("/v1/events?limit=5{after}")).await;
        let data = page["data"].as_array().unwrap().clone();
        if data.is_empty() {
            break;
        }
        seen.extend(data);
    }
    assert_eq!(seen.len(), 12);
    let mut ids: Vec<&str> = seen.iter().map(|event| event["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12, "none twice");
    // Those about one link are the same events, page by page and with the other filters too.
    let one = seen[0]["payment_link_id"].as_str().unwrap();
    let about_it: Vec<&Value> = seen.iter().filter(|event| event["payment_link_id"] == one).collect();
    assert!(about_it.len() >= 4 && about_it.len() < seen.len());
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/v1/events?payment_link_id={one}&limit=3{cursor}")).await;
        paged.extend(page["data"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged.iter().collect::<Vec<_>>(), about_it);
    let after = about_it[1]["id"].as_str().unwrap();
    let rest = world.get(&format!("/v1/events?payment_link_id={one}&after={after}")).await;
    assert_eq!(rest["data"].as_array().unwrap().iter().collect::<Vec<_>>(), about_it[2..]);
    let kinds = world.get(&format!("/v1/events?payment_link_id={one}&type=payment_link.paid")).await;
    assert_eq!(types(kinds["data"].as_array().unwrap()), ["payment_link.paid"]);
    let of_link = format!("/v1/events?payment_link_id={one}");
    let strangers = world.crm_as(BAZAAR_KEY, Method::GET, &of_link, Value::Null, &[]).await;
    assert_eq!(strangers.json()["data"], json!([]), "another business has no event about it");
    let paid = world.get("/v1/events?type=payment_link.paid").await;
    assert_eq!(types(paid["data"].as_array().unwrap()), ["payment_link.paid"; 3]);
    let wrong = world.crm(Method::GET, "/v1/events?type=payment_link.lost", Value::Null).await;
    assert_eq!((wrong.status, wrong.json()["code"].as_str().unwrap()), (StatusCode::BAD_REQUEST, "unknown_event_type"));
    world.turn_clock(Duration::from_secs(31 * 24 * 3600));
    assert!(world.get("/v1/events").await["data"].as_array().unwrap().is_empty(), "they are kept for thirty days");
}

#[tokio::test]
async fn an_endpoint_shows_its_secret_once_and_a_new_one_signs_beside_the_old_for_a_while() {
    let world = World::in_process().await;
    let url = format!("{}/crm/events", world.cloud.page_url());
    let made = world.put("/v1/webhook-endpoints/second", json!({ "url": url, "events": ["payment_link.paid"] })).await;
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let changed =
        world.put("/v1/webhook-endpoints/second", json!({ "url": url, "events": ["receipt.registered"] })).await;
    assert!(changed.get("secret").is_none());
    assert!(world.get("/v1/webhook-endpoints/second").await.get("secret").is_none());
    let rotated = post(&world, "/v1/webhook-endpoints/demo-crm/rotate-secret", json!({}), Some("r-1")).await;
    let again = post(&world, "/v1/webhook-endpoints/demo-crm/rotate-secret", json!({}), Some("r-1")).await;
    assert_eq!(rotated.json()["secret"], again.json()["secret"], "a retry sees the same secret");
    settings_are_read_again().await;
    let link = world.rial_link().await;
    wait_for_events(&world, &link, 1).await;
    assert!(world.cloud.crm.events().iter().all(|received| received.is_signed), "the old secret signs as well");
    world.turn_clock(Duration::from_secs(25 * 3600));
    let link = world.rial_link().await;
    wait_for_events(&world, &link, 1).await;
    assert!(!world.cloud.crm.events().last().unwrap().is_signed, "now only the new one signs");
    let deleted = world.crm(Method::DELETE, "/v1/webhook-endpoints/second", Value::Null).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_endpoint_must_be_a_public_address_that_is_encrypted() {
    let world = World::in_process().await;
    for url in ["http://crm.example/", "ftp://crm.example/", "https://user@crm.example/", "x"] {
        let reply = world.crm(Method::PUT, "/v1/webhook-endpoints/bad", json!({ "url": url, "events": ["x"] })).await;
        assert_eq!(
            reply.problems(),
            [
                ("/url".to_owned(), "invalid_endpoint_url".to_owned()),
                ("/events/0".to_owned(), "unknown_event_type".to_owned())
            ],
            "{url}"
        );
    }
}

#[tokio::test]
async fn people_can_be_told_again_but_not_at_once_and_a_retry_sends_nothing_twice() {
    let world = World::in_process().await;
    let body =
        json!({ "account_id": "main", "item_id": "inv-77", "amount": 50_000, "recipients": { "contact": true } });
    let link = world.make_link(body).await;
    world.inbox("+989120000000", 1).await;
    let soon = post(&world, &path(&link, "messages"), json!({}), None).await;
    assert_eq!(
        (soon.status, soon.json()["code"].as_str().unwrap()),
        (StatusCode::TOO_MANY_REQUESTS, "notified_recently")
    );
    assert!(soon.headers.contains_key("retry-after"));
    world.turn_clock(Duration::from_secs(61));
    let again = json!({
        "recipients": { "contact": true, "emails": ["new@example.com"] },
        "message": { "mode": "custom", "channels": ["sms", "email"], "sms": { "body": "Reminder: {{ link }}" },
                     "email": { "subject": "Reminder", "body": "{{ link }}" } },
    });
    let first = post(&world, &path(&link, "messages"), again.clone(), Some("tell-1")).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let retry = post(&world, &path(&link, "messages"), again, Some("tell-1")).await;
    assert_eq!((retry.status, retry.headers["idempotency-replayed"].to_str().unwrap()), (StatusCode::OK, "true"));
    let other = post(&world, &path(&link, "messages"), json!({}), Some("tell-1")).await;
    assert_eq!(other.json()["code"], "idempotency_key_reused");
    assert!(world.inbox("new@example.com", 1).await[0]["subject"].as_str().unwrap().contains("Reminder"));
    let sms = world.inbox("+989120000000", 2).await;
    assert!(sms[1]["body"].as_str().unwrap().contains("Reminder: http"));
    let done = |link: &Value| link["messages"].as_array().unwrap().iter().all(|message| message["status"] == "sent");
    let link = world.wait_for(&link, done).await;
    assert_eq!(link["messages"].as_array().unwrap().len(), 5, "{}", link["messages"]);
    world.pay(&link, "paid").await;
    let late = post(&world, &path(&link, "messages"), json!({}), None).await;
    assert_eq!((late.status, late.json()["code"].as_str().unwrap()), (StatusCode::CONFLICT, "link_not_active"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.inbox("+989120000000", 2).await.len(), 2, "an event of the link notifies nobody again");
}

#[tokio::test]
async fn resending_names_every_problem() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let nobody = post(&world, &path(&link, "messages"), json!({}), None).await;
    assert_eq!(nobody.problems(), [("/recipients".to_owned(), "nobody_reachable".to_owned())]);
    let body =
        json!({ "recipients": { "mobiles": ["12"] }, "message": { "mode": "custom", "channels": ["sms"] }, "x": 1 });
    let problems = post(&world, &path(&link, "messages"), body, None).await.problems();
    let expected = [("/x", "unknown_field"), ("/recipients/mobiles/0", "invalid_mobile"), ("/message/sms", "required")];
    assert_eq!(problems, expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
}

#[tokio::test]
async fn a_repeated_cancellation_is_answered_and_does_nothing() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    for replayed in [None, Some("true")] {
        let reply = post(&world, &path(&link, "cancel"), json!({ "reason": "x" }), Some("c-1")).await;
        assert_eq!((reply.status, reply.json()["status"].as_str().unwrap()), (StatusCode::OK, "cancelled"));
        assert_eq!(reply.headers.get("idempotency-replayed").map(|value| value.to_str().unwrap()), replayed);
    }
    let without = post(&world, &path(&link, "cancel"), json!({ "reason": "x" }), None).await;
    assert_eq!(without.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_person_decides_about_what_needs_review_and_the_crm_is_told() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, "paid_less").await;
    world.come_back(&chosen).await;
    let reviewed = world.link(&link).await;
    assert_eq!(
        (reviewed["needs_review"].as_bool(), reviewed["status"].as_str()),
        (Some(true), Some("active")),
        "{reviewed}"
    );
    let resolve = format!("attempts/{}/resolve", reviewed["attempts"][0]["id"].as_str().unwrap());
    let wrong = post(&world, &path(&link, &resolve), json!({ "outcome": "maybe" }), None).await;
    assert_eq!(wrong.problems(), [("/outcome".to_owned(), "unknown_choice".to_owned())]);
    let kept = post(&world, &path(&link, &resolve), json!({ "outcome": "keep" }), Some("k-1")).await;
    assert_eq!(
        (kept.status, kept.json()["attempts"][0]["status"].as_str().unwrap()),
        (StatusCode::OK, "accepted"),
        "{}",
        kept.text
    );
    world.sweep().await;
    let paid = world.link(&link).await;
    assert_eq!((paid["status"].as_str(), paid["needs_review"].as_bool()), (Some("paid"), Some(false)));
    let receipt = &world.receipts().await[0];
    assert_ne!(receipt["amount"], link["amount"], "the receipt is over what really arrived");
    let types_told = wait_for_events(&world, &link, 5).await;
    assert_eq!(
        types(&types_told),
        [
            "payment_link.created",
            "payment_link.opened",
            "attempt.needs_review",
            "payment_link.paid",
            "receipt.registered"
        ]
    );
    let late = post(&world, &path(&link, &resolve), json!({ "outcome": "refunded_elsewhere" }), None).await;
    assert_eq!(late.json()["code"], "not_under_review");
}

#[tokio::test]
async fn an_event_stands_where_it_was_written_down_so_that_whoever_polls_cannot_pass_it() {
    let world = World::in_process().await;
    world.answer_events(json!({ "status": 204, "after_milliseconds": 3000 })).await;
    let link = world.rial_link().await;
    wait_for_events(&world, &link, 1).await;
    // The endpoint has the event and takes its time to answer, so that it is not written down yet.
    assert!(world.get("/v1/events").await["data"].as_array().unwrap().is_empty());
    world.turn_clock(Duration::from_secs(60));
    assert!(world.get("/v1/events").await["data"].as_array().unwrap().is_empty());
    let id = world.crm_events(&link)[0]["id"].as_str().unwrap().to_owned();
    while world.crm(Method::GET, &format!("/v1/events/{id}"), Value::Null).await.status == StatusCode::NOT_FOUND {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let listed = world.get("/v1/events").await;
    assert!(listed["data"].as_array().unwrap().is_empty(), "it does not stand among those of a minute ago: {listed}");
    world.turn_clock(Duration::from_secs(11));
    assert_eq!(types(world.get("/v1/events").await["data"].as_array().unwrap()), ["payment_link.created"]);
}

#[tokio::test]
async fn an_event_that_no_endpoint_wants_cannot_be_sent_again() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let id = wait_for_events(&world, &link, 1).await[0]["id"].as_str().unwrap().to_owned();
    while world.crm(Method::GET, &format!("/v1/events/{id}"), Value::Null).await.status == StatusCode::NOT_FOUND {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let url = format!("{}/crm/events", world.cloud.page_url());
    world.put("/v1/webhook-endpoints/demo-crm", json!({ "url": url, "events": ["payment_link.paid"] })).await;
    let reply = post(&world, &format!("/v1/events/{id}/redeliver"), json!({}), None).await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (StatusCode::CONFLICT, Some("no_endpoint_wants_it")));
    // To an endpoint that is named it is sent all the same.
    let named = json!({ "endpoint_id": "demo-crm" });
    let reply = post(&world, &format!("/v1/events/{id}/redeliver"), named, None).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{}", reply.text);
}

#[tokio::test]
async fn an_endpoint_whose_name_leads_to_this_machine_is_not_even_connected_to() {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let url = format!("https://{name}:{}/", listener.local_addr().unwrap().port());
    let endpoint = WebhookEndpoint {
        id: EndpointId::parse("own").unwrap(),
        url,
        events: Vec::new(),
        enabled: true,
        disabled_reason: None,
        secrets: SigningVersions::first(CredentialsVersion::parse("v1").unwrap()),
        created_at: Timestamp::now(),
        changed_at: None,
        sent_since: None,
        version: 1,
        idempotency: IdempotencyLog::default(),
    };
    let secrets = [SigningSecret::new("whsec_bG9jYWw=".to_owned())];
    let event = EventId::of(&LinkId::of(&PayToken::from_random([1; 16])), 1);
    let is_connected_to = async |reach: Option<&str>| {
        let names =
            ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PAYLINK_TABLE", "PAYLINK_SECRETS_TABLE"];
        let mut environment: BTreeMap<String, String> = names.map(|name| (name.to_owned(), "x".to_owned())).into();
        environment.extend(reach.map(|reach| ("PAYLINK_WEBHOOK_REACH".to_owned(), reach.to_owned())));
        let webhooks = channels::Webhooks::wire(&Runtime::new(Environment::from(environment)).unwrap()).unwrap();
        let post = webhooks.post(
            (&endpoint, &secrets),
            &event,
            None,
            "{}".to_owned(),
            Timestamp::now(),
            Duration::from_secs(5),
        );
        tokio::select! {
            _ = listener.accept() => true,
            _ = post => false,
        }
    };
    assert!(is_connected_to(Some("this_machine")).await, "the name {name} leads here");
    assert!(!is_connected_to(None).await, "what a deployed function sends with asks where a name leads");
}

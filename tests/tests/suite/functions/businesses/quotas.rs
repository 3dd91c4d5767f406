//! How much the platform lets a business do: beyond it 429, with which quota and until when.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use paylink_local::seed::{BAZAAR, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Reply, World};

use super::super::settings_are_read_again;
use super::ask_for_bazaar_link;

/// What a business may do from now on.
async fn limit(world: &World, business: &str, quotas: Value) {
    let path = format!("/v1/businesses/{business}");
    let body = json!({ "name": "Limited", "quotas": quotas });
    let reply = world.platform(None, Method::PUT, &path, body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    settings_are_read_again().await;
}

/// A link of the demo business, asked for under a key, to so many typed addresses.
async fn ask(world: &World, key: &str, emails: usize) -> Reply {
    let emails: Vec<String> = (0..emails).map(|number| format!("{key}-{number}@example.com")).collect();
    let body = json!({
        "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "recipients": { "emails": emails },
    });
    world.crm_with(Method::POST, "/v1/payment-links", body, &[("idempotency-key", key)]).await
}

#[track_caller]
fn assert_reached(reply: &Reply, quota: &str, limit: u64) -> Timestamp {
    let problem = reply.json();
    assert_eq!((reply.status, &problem["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("quota_reached")), "{problem}");
    assert_eq!((&problem["quota"]["name"], &problem["quota"]["limit"]), (&json!(quota), &json!(limit)), "{problem}");
    let until: Timestamp = problem["quota"]["resets_at"].as_str().unwrap().parse().unwrap();
    let wait: i64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait > 0, "{wait}");
    until
}

#[tokio::test]
async fn beyond_its_links_of_a_day_a_business_makes_none_until_its_next_day_begins() {
    let world = World::in_process_since("2027-03-01T22:30:00Z".parse().unwrap()).await;
    assert_eq!(ask(&world, "before-there-was-a-quota", 0).await.status, StatusCode::CREATED);
    limit(&world, DEMO, json!({ "links_per_day": 3 })).await;
    for key in ["second", "third"] {
        let made = ask(&world, key, 0).await;
        assert_eq!(made.status, StatusCode::CREATED, "{key}: {}", made.text);
    }
    let until = assert_reached(&ask(&world, "fourth", 0).await, "links_per_day", 3);
    assert_eq!(until, "2027-03-02T00:00:00Z".parse::<Timestamp>().unwrap());
    // What was made is answered again, and the other business has a day of its own.
    assert_eq!(ask(&world, "third", 0).await.status, StatusCode::CREATED);
    assert_eq!(ask_for_bazaar_link(&world, 1999).await.status, StatusCode::CREATED);
    // Another time zone makes no other day.
    let settings = json!({ "business_name": "Demo Business", "time_zone": "Pacific/Auckland" });
    assert_eq!(world.crm(Method::PUT, "/v1/settings", settings).await.status, StatusCode::OK);
    settings_are_read_again().await;
    assert_reached(&ask(&world, "fourth", 0).await, "links_per_day", 3);
    // What the CRM was refused it gets under the same key when the day is over.
    world.turn_clock(Duration::from_secs(2 * 3600));
    assert_eq!(ask(&world, "fourth", 0).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn another_process_knows_within_a_minute_what_was_made() {
    let world = World::in_process_since("2027-03-01T12:00:00Z".parse().unwrap()).await;
    limit(&world, DEMO, json!({ "links_per_day": 2 })).await;
    let first = ask(&world, "first", 0).await.json();
    // Another process makes one, of which this one does not hear.
    let mut items = tests::everything(&world.cloud).await;
    let key = (format!("link#{}", first["id"].as_str().unwrap()), "link".to_owned());
    let mut item = items.remove(&key).expect("the link is in the table");
    item.insert("pk".to_owned(), AttributeValue::S("link#of-another-process".to_owned()));
    let table = world.cloud.store.table();
    tests::dynamodb(&world.cloud).put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    world.turn_clock(Duration::from_secs(61));
    assert_reached(&ask(&world, "third", 0).await, "links_per_day", 2);
}

#[tokio::test]
async fn a_link_whose_messages_go_beyond_the_day_is_not_made_and_nobody_is_told_again() {
    let world = World::in_process_since("2027-03-01T12:00:00Z".parse().unwrap()).await;
    limit(&world, DEMO, json!({ "messages_per_day": 3 })).await;
    let first = ask(&world, "first", 2).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_reached(&ask(&world, "second", 2).await, "messages_per_day", 3);
    // What sends nothing needs none of it.
    assert_eq!(ask(&world, "third", 0).await.status, StatusCode::CREATED);
    let first = first.json();
    world.wait_for(&first, |link| link["messages"].as_array().unwrap().iter().all(|one| one["status"] == "sent")).await;
    // A minute later the messages are counted from what was sent, and not from what was asked for.
    world.turn_clock(Duration::from_secs(62));
    let path = format!("/v1/payment-links/{}/messages", first["id"].as_str().unwrap());
    let again = world.crm(Method::POST, &path, json!({})).await;
    assert_reached(&again, "messages_per_day", 3);
    let one = json!({ "recipients": { "emails": ["first-0@example.com"] } });
    let again = world.crm(Method::POST, &path, one).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text);
    assert_eq!(world.link(&first).await["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn messages_that_wait_for_their_provider_count_as_those_that_were_sent() {
    let world = World::in_process_since("2027-03-01T12:00:00Z".parse().unwrap()).await;
    limit(&world, DEMO, json!({ "messages_per_day": 2 })).await;
    // SES has too much of these, whatever one does, and they wait.
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000,
                       "recipients": { "emails": ["throttle@example.com", "a+throttle@example.com"] } });
    let link = world.make_link(body).await;
    world
        .wait_for(&link, |link| link["messages"].as_array().unwrap().iter().all(|one| one["status"] == "waiting"))
        .await;
    world.turn_clock(Duration::from_secs(62));
    assert_reached(&ask(&world, "one-more", 1).await, "messages_per_day", 2);
}

#[tokio::test]
async fn a_quota_that_comes_during_the_day_knows_of_all_of_it() {
    let world = World::in_process_since("2027-03-01T12:00:00Z".parse().unwrap()).await;
    limit(&world, DEMO, json!({ "links_per_day": 100 })).await;
    assert_eq!(ask(&world, "first", 2).await.status, StatusCode::CREATED);
    world.inbox("first-1@example.com", 1).await;
    world.turn_clock(Duration::from_secs(180));
    assert_eq!(ask(&world, "second", 0).await.status, StatusCode::CREATED, "links are counted by now");
    limit(&world, DEMO, json!({ "links_per_day": 100, "messages_per_day": 2 })).await;
    assert_reached(&ask(&world, "third", 1).await, "messages_per_day", 2);
}

#[tokio::test]
async fn calls_about_a_business_beyond_its_quota_are_refused_whoever_makes_them() {
    let world = World::in_process_since("2027-03-01T12:00:00Z".parse().unwrap()).await;
    limit(&world, BAZAAR, json!({ "calls_per_second": 1 })).await;
    let read = || world.platform(Some(BAZAAR), Method::GET, "/v1/settings", Value::Null);
    // Two seconds' worth may come at once.
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(read().await);
    }
    assert_eq!(answers[0].status, StatusCode::OK, "{}", answers[0].text);
    let refused = answers.iter().find(|reply| reply.status != StatusCode::OK).expect("six calls are too many");
    assert_reached(refused, "calls_per_second", 1);
    // The other business is not held up.
    assert_eq!(world.crm(Method::GET, "/v1/settings", Value::Null).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_quota_that_cannot_be_is_refused_by_its_field() {
    let world = World::in_process().await;
    let body = json!({ "name": "Shop", "quotas": { "links_per_day": 0, "calls_per_second": "many", "links": 1 } });
    let reply = world.platform(None, Method::PUT, "/v1/businesses/shop", body).await;
    let problems = reply.problems();
    for expected in [
        ("/quotas/links_per_day", "out_of_range"),
        ("/quotas/calls_per_second", "wrong_type"),
        ("/quotas/links", "unknown_field"),
    ] {
        assert!(problems.contains(&(expected.0.to_owned(), expected.1.to_owned())), "{problems:?}");
    }
    let quotas = json!({ "links_per_day": 5, "messages_per_day": null });
    let made =
        world.platform(None, Method::PUT, "/v1/businesses/shop", json!({ "name": "Shop", "quotas": quotas })).await;
    let expected = json!({ "links_per_day": 5, "messages_per_day": null, "calls_per_second": null });
    assert_eq!((made.status, &made.json()["quotas"]), (StatusCode::OK, &expected));
    // A PUT replaces them.
    let made = world.platform(None, Method::PUT, "/v1/businesses/shop", json!({ "name": "Shop" })).await;
    assert_eq!(made.json()["quotas"]["links_per_day"], Value::Null);
}

//! What a business used in a month, and what the platform lets its businesses start with.

use std::time::Duration;

use paylink_local::seed::{BAZAAR, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::World;

use super::bazaar_link;

async fn usage(world: &World, business: &str, month: &str) -> Value {
    let path = format!("/v1/businesses/{business}/usage?month={month}");
    let reply = world.platform(None, Method::GET, &path, Value::Null).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

/// A link of the demo business for a person at an address.
async fn told(world: &World, recipients: Value) -> Value {
    world
        .make_link(json!({
            "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_in_days": 0, "recipients": recipients,
        }))
        .await
}

#[tokio::test]
async fn usage_counts_a_months_links_by_their_ends_its_receipts_and_its_messages_by_provider() {
    // It is the last hour of February in Tehran, where the demo business is.
    let world = World::in_process_since("2027-02-28T19:40:00Z".parse().unwrap()).await;
    let earlier = told(&world, json!({ "emails": ["february@example.com"] })).await;
    world.inbox("february@example.com", 1).await;
    world.wait_for(&earlier, |link| link["messages"][0]["status"] == "sent").await;
    world.set_clock("2027-02-28T20:40:00Z".parse().unwrap());
    let paid = told(&world, json!({ "emails": ["march@example.com"] })).await;
    let sms = told(&world, json!({ "mobiles": ["+989121234567"] })).await;
    let cancelled = told(&world, json!({})).await;
    for link in [&paid, &sms] {
        world.wait_for(link, |link| link["messages"][0]["status"] == "sent").await;
    }
    world.pay(&paid, "paid").await;
    world.wait_for(&paid, |link| link["status"] == "paid").await;
    let path = format!("/v1/payment-links/{}/cancel", cancelled["id"].as_str().unwrap());
    assert_eq!(world.crm(Method::POST, &path, json!({})).await.status, StatusCode::OK);
    bazaar_link(&world, 1999).await;
    // The link that got an SMS runs out, and nobody has written that down yet.
    world.turn_clock(Duration::from_secs(36 * 3600));

    let march = usage(&world, DEMO, "2027-03").await;
    let mode = paid["mode"].as_str().unwrap();
    let of = |status: &str| json!({ "mode": mode, "status": status, "currency": "IRR", "count": 1, "amount": 50_000 });
    assert_eq!(march["links"], json!([of("paid"), of("expired"), of("cancelled")]), "{march}");
    assert_eq!(march["receipts"], json!([{ "mode": mode, "currency": "IRR", "count": 1, "amount": 50_000 }]));
    let segments = march["messages"][0]["segments"].as_u64().unwrap();
    assert!((1..=3).contains(&segments), "{march}");
    let messages = json!([
        { "channel": "sms", "provider": "kavenegar", "count": 1, "segments": segments },
        { "channel": "email", "provider": "ses", "count": 1, "segments": 0 },
    ]);
    assert_eq!(march["messages"], messages, "{march}");
    assert_eq!((&march["from"], &march["month"]), (&json!("2027-03-01T00:00:00.000+03:30"), &json!("2027-03")));

    let february = usage(&world, DEMO, "2027-02").await;
    assert_eq!((&february["links"][0]["count"], &february["receipts"]), (&json!(1), &json!([])), "{february}");
    assert_eq!(february["messages"][0]["count"], 1);
    // In Berlin, where the other business is, it was February still.
    let other = usage(&world, BAZAAR, "2027-02").await;
    let links: Vec<&Value> = other["links"].as_array().unwrap().iter().map(|links| &links["currency"]).collect();
    assert_eq!((links, &other["receipts"]), (vec![&json!("EUR")], &json!([])), "{other}");
    assert_eq!(usage(&world, DEMO, "2020-01").await["links"], json!([]));
}

#[tokio::test]
async fn a_month_that_is_none_and_a_business_that_is_none_are_refused() {
    let world = World::in_process().await;
    for month in ["2027", "2027-13", "2027-3", "march", ""] {
        let path = format!("/v1/businesses/{DEMO}/usage?month={month}");
        let reply = world.platform(None, Method::GET, &path, Value::Null).await;
        assert_eq!((reply.status, &reply.json()["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_date")), "{month}");
    }
    let nobody = world.platform(None, Method::GET, "/v1/businesses/nobody/usage", Value::Null).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let own = world.crm(Method::GET, &format!("/v1/businesses/{DEMO}/usage"), Value::Null).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN, "only the platform asks");
}

#[tokio::test]
async fn a_business_starts_with_what_the_platform_wants_and_has_it_where_it_sets_nothing_itself() {
    let world = World::in_process().await;
    let defaults =
        json!({ "time_zone": "Asia/Tehran", "default_locale": "fa", "default_region": "IR", "rial_alone": true });
    let written = world.platform(None, Method::PUT, "/v1/platform-defaults", defaults).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.text);
    let read = world.platform(None, Method::GET, "/v1/platform-defaults", Value::Null).await.json();
    assert_eq!((&read["time_zone"], &read["default_expires_in_days"]), (&json!("Asia/Tehran"), &json!(7)));
    let made = world.platform(None, Method::PUT, "/v1/businesses/new", json!({ "name": "New Shop" })).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let settings = async || world.platform(Some("new"), Method::GET, "/v1/settings", Value::Null).await.json();
    let started = settings().await;
    let names = ["business_name", "time_zone", "default_locale", "default_region", "rial_alone"];
    let values = names.map(|name| started[name].clone());
    assert_eq!(values, [json!("New Shop"), json!("Asia/Tehran"), json!("fa"), json!("IR"), json!(true)]);
    // What it sets is its own, and what it leaves out is the platform's.
    let own = json!({ "business_name": "Shop", "default_locale": "en" });
    let put = world.platform(Some("new"), Method::PUT, "/v1/settings", own).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let set = settings().await;
    assert_eq!(
        names.map(|name| set[name].clone()),
        [json!("Shop"), json!("Asia/Tehran"), json!("en"), json!("IR"), json!(true)]
    );
    // Making it once more leaves its settings, and those of others are as they were.
    world.platform(None, Method::PUT, "/v1/businesses/new", json!({ "name": "Renamed" })).await;
    assert_eq!(settings().await["business_name"], "Shop");
    assert_eq!(world.get("/v1/settings").await["time_zone"], "Asia/Tehran", "a business that was there stays as it is");
    let refused = world.platform(None, Method::PUT, "/v1/platform-defaults", json!({ "time_zone": "Mars" })).await;
    assert_eq!(refused.problems(), [("/time_zone".to_owned(), "unknown_time_zone".to_owned())]);
    assert_eq!(world.crm(Method::GET, "/v1/platform-defaults", Value::Null).await.status, StatusCode::FORBIDDEN);
}

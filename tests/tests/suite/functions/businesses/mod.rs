//! Several businesses in one stack: what one of them has or does is nothing to another, and the platform sees to both.

mod addresses;
mod alike;
mod audit;
mod erased;
mod export;
mod fair;
mod platform;
mod quotas;
mod suspended;
mod tour;
mod undisturbed;
mod usage;

use paylink_local::seed::BAZAAR_KEY;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Reply, World};

/// What the other business reads.
async fn bazaars(world: &World, path: &str) -> Value {
    let reply = world.crm_as(BAZAAR_KEY, Method::GET, path, Value::Null, &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
    reply.json()
}

/// What the other business writes.
async fn put_as_bazaar(world: &World, path: &str, body: Value) -> Value {
    let reply = world.crm_as(BAZAAR_KEY, Method::PUT, path, body, &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
    reply.json()
}

/// The other business asks for a link over so much, on its account at Stripe.
async fn ask_for_bazaar_link(world: &World, amount: i64) -> Reply {
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": amount, "locale": "en" });
    world.crm_as(BAZAAR_KEY, Method::POST, "/v1/payment-links", body, &[]).await
}

async fn bazaar_link(world: &World, amount: i64) -> Value {
    let reply = ask_for_bazaar_link(world, amount).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    reply.json()
}

fn path_of(link: &Value) -> String {
    format!("/v1/payment-links/{}", link["id"].as_str().unwrap())
}

/// Everything in a list.
fn data(list: &Value) -> &Vec<Value> {
    list["data"].as_array().unwrap()
}

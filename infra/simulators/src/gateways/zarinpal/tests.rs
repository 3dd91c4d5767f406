use std::error::Error;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::session::Session;
use crate::gateways::testing::{Client, Reply, TestResult};

const MERCHANT: &str = "0f0e0d0c-0b0a-4f00-8a00-112233445566";
const OTHER_MERCHANT: &str = "5a4d0d0c-0b0a-4f00-8a00-112233445566";

fn order() -> Value {
    json!({
        "merchant_id": MERCHANT,
        "amount": 20_000,
        "currency": "IRR",
        "description": "Invoice 77",
        "callback_url": "http://localhost:9000/return?key=k",
    })
}

async fn call(client: &Client, name: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
    Ok(client.post_json(&format!("/zarinpal/pg/v4/payment/{name}.json"), body).await?.json()?)
}

async fn authority(client: &Client) -> Result<String, Box<dyn Error>> {
    let answer = call(client, "request", &order()).await?;
    Ok(answer["data"]["authority"].as_str().unwrap_or_default().to_owned())
}

async fn press(client: &Client, authority: &str, outcome: &str) -> Result<Reply, Box<dyn Error>> {
    client.post_form(&format!("/zarinpal/pg/StartPay/{authority}"), &format!("outcome={outcome}")).await
}

fn authority_ref(authority: &str) -> Value {
    json!({ "merchant_id": MERCHANT, "amount": 20_000, "authority": authority })
}

#[tokio::test]
async fn a_payment_is_verified_once_and_repeated_with_the_same_reference() -> TestResult {
    let client = Client::new(None)?;
    let authority = authority(&client).await?;
    assert!(authority.starts_with('S') && authority.len() == 36);
    assert_eq!(client.get(&format!("/zarinpal/pg/StartPay/{authority}")).await?.status, StatusCode::OK);

    let back = press(&client, &authority, "paid").await?;
    assert_eq!(back.status, StatusCode::FOUND);
    assert_eq!(back.location(), format!("http://localhost:9000/return?key=k&Authority={authority}&Status=OK"));

    let waiting = call(&client, "unVerified", &json!({ "merchant_id": MERCHANT })).await?;
    assert_eq!(waiting["data"]["code"], "100");
    assert_eq!(waiting["data"]["authorities"][0]["authority"], authority.as_str());

    let first = call(&client, "verify", &authority_ref(&authority)).await?;
    let second = call(&client, "verify", &authority_ref(&authority)).await?;
    assert_eq!((&first["data"]["code"], &second["data"]["code"]), (&json!(100), &json!(101)));
    assert_eq!(first["data"]["ref_id"], second["data"]["ref_id"]);
    assert_eq!(press(&client, &authority, "paid").await?.status, StatusCode::GONE);
    Ok(())
}

#[tokio::test]
async fn verify_refuses_with_the_code_of_the_reason() -> TestResult {
    let client = Client::new(None)?;
    let authority = authority(&client).await?;
    let code = async |body: Value| call(&client, "verify", &body).await.map(|answer| answer["errors"]["code"].clone());

    assert_eq!(code(authority_ref(&authority)).await?, -51);
    press(&client, &authority, "paid_reported_nok").await?;
    assert_eq!(code(json!({ "merchant_id": MERCHANT, "amount": 20_001, "authority": authority })).await?, -50);
    assert_eq!(code(json!({ "merchant_id": OTHER_MERCHANT, "amount": 20_000, "authority": authority })).await?, -53);
    assert_eq!(code(authority_ref("S123")).await?, -54);
    assert_eq!(code(authority_ref(&format!("S{}", "0".repeat(35)))).await?, -55);
    assert_eq!(code(json!({ "authority": authority })).await?, -9);
    Ok(())
}

#[tokio::test]
async fn a_request_is_checked_field_by_field() -> TestResult {
    let client = Client::new(None)?;
    for (field, value, code) in [
        ("merchant_id", json!("0F0E0D0C-0B0A-4F00-8A00-112233445566"), -9),
        ("amount", json!(9_999), -9),
        ("amount", json!("20000"), -9),
        ("amount", json!(1_000_000_001_u64), -41),
        ("currency", json!("USD"), -9),
        ("description", json!(""), -9),
        ("description", json!("x".repeat(501)), -9),
        ("callback_url", json!("ftp://localhost/"), -9),
        ("metadata", json!({ "mobile": "989121234567" }), -9),
        ("expire_in", json!(60), -40),
    ] {
        let mut body = order();
        body[field] = value.clone();
        let answer = call(&client, "request", &body).await?;
        assert_eq!(answer["errors"]["code"], code, "{field}: {value}");
    }
    let everything = call(&client, "request", &json!({})).await?;
    assert_eq!(everything["data"], json!([]));
    assert_eq!(everything["errors"]["validations"].as_array().map(Vec::len), Some(4));
    Ok(())
}

#[tokio::test]
async fn money_that_was_not_verified_goes_back() -> TestResult {
    let client = Client::new(None)?;
    let authority = authority(&client).await?;
    let path = format!("/zarinpal/simulator/{authority}/return_money");
    assert_eq!(client.post_json(&path, &json!({})).await?.status, StatusCode::CONFLICT);
    assert_eq!(press(&client, &authority, "paid_no_return").await?.status, StatusCode::OK);
    assert_eq!(client.post_json(&path, &json!({})).await?.status, StatusCode::OK);
    assert_eq!(call(&client, "inquiry", &authority_ref(&authority)).await?["data"]["status"], "REVERSED");
    assert_eq!(call(&client, "verify", &authority_ref(&authority)).await?["errors"]["code"], -51);

    let books = client.get("/zarinpal/books.json").await?.json()?;
    assert_eq!((&books[0]["taken"], &books[0]["refunded"]), (&json!(false), &json!(20_000)));
    Ok(())
}

#[tokio::test]
async fn the_two_hosts_do_not_know_each_other() -> TestResult {
    let client = Client::new(None)?;
    let live = client.post_json("/zarinpal-live/pg/v4/payment/request.json", &order()).await?.json()?;
    let authority = live["data"]["authority"].as_str().unwrap_or_default();
    assert!(authority.starts_with('A'));
    assert_eq!(call(&client, "inquiry", &authority_ref(authority)).await?["errors"]["code"], -55);
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_is_found_by_the_next_verify() -> TestResult {
    let client = Client::new(None)?;
    let authority = authority(&client).await?;
    press(&client, &authority, "paid").await?;
    let order = json!({ "call": "verify", "how": "drop_after" });
    assert_eq!(client.post_json("/zarinpal/simulator/next_answer", &order).await?.status, StatusCode::OK);

    let lost = client.post_json("/zarinpal/pg/v4/payment/verify.json", &authority_ref(&authority)).await?;
    assert_eq!(lost.status, StatusCode::BAD_GATEWAY);
    assert_eq!(call(&client, "verify", &authority_ref(&authority)).await?["data"]["code"], 101);
    Ok(())
}

#[test]
fn a_page_that_nobody_used_in_time_is_a_failed_payment() -> TestResult {
    let order: Map<String, Value> = serde_json::from_value(order())?;
    let now = Timestamp::now();
    let session = Session::parse(&order, now).map_err(|refusal| format!("{refusal:?}"))?;
    assert_eq!(session.status(now), "IN_BANK");
    assert_eq!(session.status(now.checked_add(SignedDuration::from_mins(15))?), "FAILED");
    Ok(())
}

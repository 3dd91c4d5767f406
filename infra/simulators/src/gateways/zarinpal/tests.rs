use std::error::Error;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::session::{Payment, Session};
use crate::gateways::ids::Ids;
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

#[tokio::test]
async fn a_failed_session_that_was_paid_late_waits_to_be_verified() -> TestResult {
    let client = Client::new(None)?;
    let authority = authority(&client).await?;
    press(&client, &authority, "failed").await?;
    assert_eq!(call(&client, "inquiry", &authority_ref(&authority)).await?["data"]["status"], "FAILED");
    let path = format!("/zarinpal/simulator/{authority}/pay_late");
    assert_eq!(client.post_json(&path, &json!({})).await?.status, StatusCode::OK);
    let waiting = call(&client, "unVerified", &json!({ "merchant_id": MERCHANT })).await?;
    assert_eq!(waiting["data"]["authorities"][0]["callback_url"], "http://localhost:9000/return?key=k");
    assert_eq!(call(&client, "verify", &authority_ref(&authority)).await?["data"]["code"], 100);
    Ok(())
}

#[tokio::test]
async fn an_archived_session_and_a_revoked_merchant_have_codes_of_their_own() -> TestResult {
    let client = Client::new(None)?;
    let authority = authority(&client).await?;
    client.post_json(&format!("/zarinpal/simulator/{authority}/archive"), &json!({})).await?;
    for name in ["verify", "inquiry"] {
        assert_eq!(call(&client, name, &authority_ref(&authority)).await?["errors"]["code"], -54, "{name}");
    }
    client.post_json("/zarinpal/simulator/revoke_key", &json!({ "key": MERCHANT })).await?;
    for name in ["request", "verify", "inquiry", "unVerified", "reverse"] {
        assert_eq!(call(&client, name, &authority_ref(&authority)).await?["errors"]["code"], -10, "{name}");
    }
    Ok(())
}

async fn panel(client: &Client, query: &str, variables: Value) -> Result<Value, Box<dyn Error>> {
    let body = json!({ "query": query, "variables": variables });
    Ok(client.post_json("/zarinpal/api/v4/graphql/", &body).await?.json()?)
}

#[tokio::test]
async fn the_panel_finds_a_session_by_its_reference_and_refunds_it() -> TestResult {
    let client = Client::new(Some("token"))?;
    let authority = authority(&client).await?;
    press(&client, &authority, "paid").await?;
    let reference = call(&client, "verify", &authority_ref(&authority)).await?["data"]["ref_id"].to_string();
    client.post_json("/zarinpal/simulator/reverse_address", &json!({ "registered": false })).await?;
    assert_eq!(call(&client, "reverse", &authority_ref(&authority)).await?["errors"]["code"], -62);

    let find =
        || panel(&client, "query { Session(reference_id: $reference_id) }", json!({ "reference_id": reference }));
    let session = find().await?["data"]["Session"][0].clone();
    assert_eq!((&session["amount"], &session["timeline"]), (&json!(20_000), &Value::Null));
    let order = json!({ "session_id": session["id"], "amount": 20_000, "method": "PAYA", "reason": "OTHER" });
    client.post_json("/zarinpal/simulator/next_refund", &json!({ "becomes": "pending" })).await?;
    let refunded = panel(&client, "mutation { resource: AddRefund(session_id: $session_id) }", order.clone()).await?;
    assert_eq!(refunded["data"]["resource"]["timeline"]["refund_status"], "PENDING");
    let books = client.get("/zarinpal/books.json").await?.json()?;
    assert_eq!((&books[0]["refunded"], &books[0]["refund_pending"]), (&json!(0), &json!(20_000)));

    let path = format!("/zarinpal/simulator/{authority}/complete_refund");
    client.post_json(&path, &json!({ "outcome": "succeeded" })).await?;
    assert_eq!(find().await?["data"]["Session"][0]["timeline"]["refund_status"], "DONE");
    let books = client.get("/zarinpal/books.json").await?.json()?;
    assert_eq!(
        (&books[0]["refunded"], &books[0]["ours"], &books[0]["refunds"]),
        (&json!(20_000), &json!(false), &json!(1))
    );

    let small = json!({ "session_id": session["id"], "amount": 19_999 });
    let refused = panel(&client, "mutation { resource: AddRefund(session_id: $session_id) }", small).await?;
    assert_eq!(refused["errors"][0]["extensions"]["category"], "validation");
    client.post_json("/zarinpal/simulator/revoke_key", &json!({ "key": "token" })).await?;
    let refused = panel(&client, "mutation { resource: AddRefund(session_id: $session_id) }", order).await?;
    assert_eq!(refused["errors"][0]["extensions"]["category"], "authentication");
    Ok(())
}

#[tokio::test]
async fn the_panel_refunds_parts_and_then_the_payment_cannot_be_reversed() -> TestResult {
    let client = Client::new(Some("token"))?;
    let mut body = order();
    body["amount"] = json!(100_000);
    let authority = call(&client, "request", &body).await?["data"]["authority"].as_str().unwrap_or_default().to_owned();
    press(&client, &authority, "paid").await?;
    let claim = json!({ "merchant_id": MERCHANT, "amount": 100_000, "authority": authority });
    let reference = call(&client, "verify", &claim).await?["data"]["ref_id"].to_string();
    let find =
        || panel(&client, "query { Session(reference_id: $reference_id) }", json!({ "reference_id": reference }));
    let id = find().await?["data"]["Session"][0]["id"].clone();
    let part = async |amount: u64| {
        let order = json!({ "session_id": id, "amount": amount, "method": "PAYA", "reason": "OTHER" });
        panel(&client, "mutation { resource: AddRefund(session_id: $session_id) }", order).await
    };
    assert_eq!(part(19_999).await?["errors"][0]["extensions"]["category"], "validation");
    assert_eq!(part(100_001).await?["errors"][0]["extensions"]["category"], "validation");
    client.post_json("/zarinpal/simulator/next_refund", &json!({ "becomes": "pending" })).await?;
    assert_eq!(part(30_000).await?["data"]["resource"]["timeline"]["refund_amount"], 30_000);
    assert_eq!(call(&client, "reverse", &claim).await?["errors"]["code"], -61);
    assert_eq!(part(30_000).await?["data"]["resource"]["timeline"][1]["refund_status"], "DONE");
    let dashboard = format!("/zarinpal/simulator/{authority}/dashboard_refund");
    assert_eq!(client.post_json(&dashboard, &json!({ "amount": 40_001 })).await?.status, StatusCode::CONFLICT);
    assert_eq!(client.post_json(&dashboard, &json!({ "amount": 20_000 })).await?.status, StatusCode::OK);
    let complete = format!("/zarinpal/simulator/{authority}/complete_refund");
    let first = json!({ "outcome": "failed", "refund": 1 });
    assert_eq!(client.post_json(&complete, &first).await?.status, StatusCode::OK);
    assert_eq!(client.post_json(&complete, &json!({ "outcome": "failed" })).await?.status, StatusCode::CONFLICT);
    let timeline = find().await?["data"]["Session"][0]["timeline"].clone();
    let statuses = [0, 1, 2].map(|at| timeline[at]["refund_status"].clone());
    assert_eq!(statuses, [json!("FAILED"), json!("DONE"), json!("DONE")]);
    let books = client.get("/zarinpal/books.json").await?.json()?;
    let sums = ["refunded", "refund_pending", "refunds", "ours"].map(|name| books[0][name].clone());
    assert_eq!(sums, [json!(50_000), json!(0), json!(3), json!(true)]);
    Ok(())
}

#[tokio::test]
async fn the_inquiry_can_be_late_after_a_reverse_and_codes_can_be_ordered_in_any_status() -> TestResult {
    let client = Client::new(Some("token"))?;
    let authority = authority(&client).await?;
    press(&client, &authority, "paid").await?;
    call(&client, "verify", &authority_ref(&authority)).await?;
    let order = json!({ "call": "reverse", "code": -60, "status": 500 });
    client.post_json("/zarinpal/simulator/next_code", &order).await?;
    let path = "/zarinpal/pg/v4/payment/reverse.json";
    let ordered = client.post_json(path, &authority_ref(&authority)).await?;
    assert_eq!((ordered.status.as_u16(), &ordered.json()?["errors"]["code"]), (500, &json!(-60)));
    let status =
        async || call(&client, "inquiry", &authority_ref(&authority)).await.map(|it| it["data"]["status"].clone());
    client.post_json("/zarinpal/simulator/inquiry_lag", &json!({ "minutes": 10 })).await?;
    assert_eq!(call(&client, "reverse", &authority_ref(&authority)).await?["data"]["code"], 100);
    assert_eq!(status().await?, "VERIFIED");
    assert_eq!(call(&client, "reverse", &authority_ref(&authority)).await?["errors"]["code"], -61);
    let books = client.get("/zarinpal/books.json").await?.json()?;
    assert_eq!((&books[0]["status"], &books[0]["refunded"]), (&json!("REVERSED"), &json!(20_000)));
    client.post_json("/zarinpal/simulator/inquiry_lag", &json!({ "minutes": 0 })).await?;
    assert_eq!(status().await?, "REVERSED");
    Ok(())
}

#[test]
fn the_panel_verifies_by_itself_unless_the_request_says_that_it_must_not() -> TestResult {
    let now = Timestamp::now();
    let later = now.checked_add(SignedDuration::from_mins(5))?;
    for (metadata, status) in [(json!({}), "VERIFIED"), (json!({ "auto_verify": false }), "PAID")] {
        let mut order: Map<String, Value> = serde_json::from_value(order())?;
        order.insert("metadata".to_owned(), metadata);
        let mut session = Session::parse(&order, now).map_err(|refusal| format!("{refusal:?}"))?;
        session.pay(Payment::new(&Ids::seeded()?, now));
        session.age(now);
        assert_eq!(session.status(now), "PAID");
        session.age(later);
        assert_eq!(session.status(later), status);
    }
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

#[tokio::test]
async fn a_domain_or_an_address_that_is_not_registered_is_refused() -> TestResult {
    let client = Client::new(None)?;
    let register = async |order: Value| client.post_json("/zarinpal/simulator/registration", &order).await;
    register(json!({ "domain": "shop.example" })).await?;
    assert_eq!(call(&client, "request", &order()).await?["errors"]["code"], -14);
    register(json!({ "domain": "localhost", "callers": "relay" })).await?;
    assert_eq!(call(&client, "request", &order()).await?["errors"]["code"], -10);
    register(json!({ "domain": "localhost" })).await?;
    assert_eq!(call(&client, "request", &order()).await?["data"]["code"], 100);
    Ok(())
}

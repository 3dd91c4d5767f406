use http::StatusCode;
use serde_json::{Value, json};

use crate::gateways::testing::{Client, TestResult};

/// The key's id and its secret.
const KEY: &str = "rzp_test_simulator:secret";

/// A link that somebody paid, with the id of its payment.
async fn paid(client: &Client) -> Result<(String, String), Box<dyn std::error::Error>> {
    let order = json!({
        "amount": 50_000, "currency": "INR", "description": "Invoice 77", "reference_id": "at_1",
        "callback_url": "http://localhost:9000/back", "callback_method": "get",
    });
    let link = client.post_json("/razorpay/v1/payment_links/", &order).await?.json()?;
    let id = link["id"].as_str().unwrap_or_default().to_owned();
    client.post_form(&format!("/razorpay/i/{id}"), "outcome=paid_silent").await?;
    let link = client.get(&format!("/razorpay/v1/payment_links/{id}")).await?.json()?;
    Ok((id, link["payments"][0]["payment_id"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn parts_go_back_until_nothing_is_left_each_with_its_own_notes() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let (link, payment) = paid(&client).await?;
    let path = format!("/razorpay/v1/payments/{payment}/refund");
    let part = |amount: u64, ours: &str| json!({ "amount": amount, "notes": { "paylink_refund": ours } });
    let refused = async |amount: u64| {
        let refused = client.post_json(&path, &part(amount, "rf_9")).await?;
        let error = refused.json()?["error"].clone();
        assert_eq!((refused.status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("BAD_REQUEST_ERROR")));
        Ok::<Value, Box<dyn std::error::Error>>(error["description"].clone())
    };
    client.post_json("/razorpay/simulator/next_refund", &json!({ "becomes": "pending" })).await?;
    let first = client.post_json(&path, &part(20_000, "rf_1")).await?.json()?;
    assert_eq!((&first["status"], &first["amount"]), (&json!("pending"), &json!(20_000)));
    let second = client.post_json(&path, &part(20_000, "rf_2")).await?.json()?;
    assert_ne!(first["id"], second["id"], "two parts of the same amount are two refunds");
    assert_eq!(refused(99).await?, "The amount must be at least INR 1.00");
    assert_eq!(refused(50_001).await?, "The refund amount provided is greater than amount captured");
    assert_eq!(refused(10_001).await?, "The total refund amount is greater than the refund payment amount");
    let shown = client.get(&format!("/razorpay/v1/payments/{payment}")).await?.json()?;
    let parts = ["status", "refund_status", "amount_refunded"].map(|name| shown[name].clone());
    assert_eq!(parts, [json!("captured"), json!("partial"), json!(40_000)]);
    let dashboard = format!("/razorpay/simulator/{link}/dashboard_refund");
    assert_eq!(client.post_json(&dashboard, &json!({ "amount": 10_001 })).await?.status, StatusCode::CONFLICT);
    assert_eq!(client.post_json(&dashboard, &json!({ "amount": 10_000 })).await?.status, StatusCode::OK);
    assert_eq!(refused(100).await?, "The payment has been fully refunded already");
    let list = client.get(&format!("/razorpay/v1/payments/{payment}/refunds?count=100")).await?.json()?;
    let notes = [0, 1, 2].map(|at| list["items"][at]["notes"].clone());
    let ours = |ours: &str| json!({ "paylink_refund": ours });
    assert_eq!(notes, [json!([]), ours("rf_2"), ours("rf_1")]);
    let complete = format!("/razorpay/simulator/{link}/complete_refund");
    let failed = json!({ "outcome": "failed", "refund": first["id"] });
    assert_eq!(client.post_json(&complete, &failed).await?.status, StatusCode::OK);
    let books = client.get("/razorpay/books.json").await?.json()?;
    let sums = ["refunded", "refund_pending", "refunds", "ours"].map(|name| books[0][name].clone());
    assert_eq!(sums, [json!(30_000), json!(0), json!(3), json!(true)]);
    Ok(())
}

#[tokio::test]
async fn without_an_amount_all_that_is_left_goes_back() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let (_, payment) = paid(&client).await?;
    let path = format!("/razorpay/v1/payments/{payment}/refund");
    client.post_json(&path, &json!({ "amount": 20_000 })).await?;
    assert_eq!(client.post_json(&path, &json!({})).await?.json()?["amount"], 30_000);
    let shown = client.get(&format!("/razorpay/v1/payments/{payment}")).await?.json()?;
    assert_eq!((&shown["status"], &shown["refund_status"]), (&json!("refunded"), &json!("full")));
    Ok(())
}

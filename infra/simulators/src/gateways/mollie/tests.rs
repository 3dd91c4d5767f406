use http::StatusCode;
use serde_json::{Value, json};

use crate::gateways::testing::{Client, TestResult};

const KEY: &str = "test_simulatedMollieKeyOfThirtyChars";

fn order() -> Value {
    json!({
        "amount": { "currency": "EUR", "value": "19.99" }, "description": "Invoice 77",
        "redirectUrl": "http://localhost:9000/back", "webhookUrl": "http://localhost:9000/webhook",
    })
}

#[tokio::test]
async fn a_payment_is_paid_reported_by_its_id_alone_and_refunded_at_most_once() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let made = client.post_json("/mollie/v2/payments", &order()).await?;
    assert_eq!(made.status, StatusCode::CREATED);
    let id = made.json()?["id"].as_str().unwrap_or_default().to_owned();
    let back = client.post_form(&format!("/mollie/checkout/{id}"), "outcome=paid").await?;
    assert_eq!(back.location(), "http://localhost:9000/back");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let sent = client.sent.lock().map(|webhooks| webhooks.iter().map(|one| one.body.clone()).collect::<Vec<_>>());
    assert_eq!(sent.unwrap_or_default(), [format!("id={id}").into_bytes()]);
    let refund = json!({ "amount": { "currency": "EUR", "value": "19.99" } });
    let path = format!("/mollie/v2/payments/{id}/refunds");
    assert_eq!(client.post_json(&path, &refund).await?.status, StatusCode::CREATED);
    assert_eq!(client.post_json(&path, &refund).await?.status, StatusCode::UNPROCESSABLE_ENTITY);
    let payment = client.get(&format!("/mollie/v2/payments/{id}")).await?.json()?;
    assert_eq!((&payment["status"], &payment["amountRefunded"]["value"]), (&json!("paid"), &json!("19.99")));
    Ok(())
}

#[tokio::test]
async fn only_a_payment_by_some_methods_can_be_cancelled() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let made = client.post_json("/mollie/v2/payments", &order()).await?.json()?;
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(made["isCancelable"], false);
    client.post_form(&format!("/mollie/checkout/{id}"), "outcome=cancelable").await?;
    let chosen = client.get(&format!("/mollie/v2/payments/{id}")).await?.json()?;
    assert_eq!((&chosen["isCancelable"], &chosen["status"]), (&json!(true), &json!("open")));
    Ok(())
}

#[tokio::test]
async fn amounts_in_another_form_are_refused_and_the_field_is_named() -> TestResult {
    let client = Client::new(Some(KEY))?;
    for (value, currency) in [("10", "EUR"), ("10.0", "EUR"), ("10.00", "JPY"), ("0.00", "EUR"), ("x", "EUR")] {
        let mut body = order();
        body["amount"] = json!({ "currency": currency, "value": value });
        let refused = client.post_json("/mollie/v2/payments", &body).await?;
        assert_eq!((refused.status.as_u16(), refused.json()?["field"].clone()), (422, json!("amount")), "{value}");
    }
    let stranger = client.with_key("test_short").post_json("/mollie/v2/payments", &order()).await?;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

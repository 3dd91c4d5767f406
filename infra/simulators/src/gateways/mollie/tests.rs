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
    assert_eq!(client.post_json(&path, &refund).await?.status, StatusCode::CONFLICT, "the same in short succession");
    let more = json!({ "amount": { "currency": "EUR", "value": "20.00" } });
    assert_eq!(client.post_json(&path, &more).await?.status, StatusCode::UNPROCESSABLE_ENTITY);
    let payment = client.get(&format!("/mollie/v2/payments/{id}")).await?.json()?;
    assert_eq!((&payment["status"], &payment["amountRefunded"]["value"]), (&json!("paid"), &json!("19.99")));
    Ok(())
}

#[tokio::test]
async fn only_a_payment_by_some_methods_can_be_cancelled() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let made = client.post_json("/mollie/v2/payments", &order()).await?.json()?;
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(made["isCancelable"], Value::Null);
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

async fn paid(client: &Client) -> Result<String, Box<dyn std::error::Error>> {
    let made = client.post_json("/mollie/v2/payments", &order()).await?.json()?;
    let id = made["id"].as_str().unwrap_or_default().to_owned();
    client.post_form(&format!("/mollie/checkout/{id}"), "outcome=paid_no_webhook").await?;
    Ok(id)
}

#[tokio::test]
async fn a_refund_waits_where_a_tester_said_so_and_its_end_is_told_by_the_payments_webhook() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let id = paid(&client).await?;
    client.post_json("/mollie/simulator/next_refund", &json!({ "becomes": "pending" })).await?;
    let path = format!("/mollie/v2/payments/{id}/refunds");
    let order = json!({
        "amount": { "currency": "EUR", "value": "19.99" }, "metadata": { "paylink_refund": "rf_1" },
    });
    let made = client.post_json(&path, &order).await?.json()?;
    assert_eq!((&made["status"], &made["metadata"]["paylink_refund"]), (&json!("pending"), &json!("rf_1")));
    let complete = format!("/mollie/simulator/{id}/complete_refund");
    assert_eq!(client.post_form(&complete, "outcome=failed").await?.status, StatusCode::OK);
    assert_eq!(client.post_form(&complete, "outcome=failed").await?.status, StatusCode::CONFLICT);
    let refund = made["id"].as_str().unwrap_or_default();
    assert_eq!(client.get(&format!("{path}/{refund}")).await?.json()?["status"], "failed");
    assert_eq!(client.get(&format!("{path}/re_other")).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(client.post_json(&path, &order).await?.json()?["status"], "refunded", "the plan was for one");
    let list = client.get(&path).await?.json()?;
    let statuses = [0, 1].map(|at| list["_embedded"]["refunds"][at]["status"].clone());
    assert_eq!((&list["count"], statuses), (&json!(2), [json!("refunded"), json!("failed")]));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let sent = client.sent.lock().map(|webhooks| webhooks.len()).unwrap_or_default();
    assert_eq!(sent, 2, "the end of the first, and the second, which was done at once");
    client.post_json("/mollie/simulator/next_refund", &json!({ "becomes": "pending" })).await?;
    let other = paid(&client).await?;
    client.post_json(&format!("/mollie/v2/payments/{other}/refunds"), &order).await?;
    let lost = format!("/mollie/simulator/{other}/complete_refund");
    assert_eq!(client.post_form(&lost, "outcome=succeeded_no_webhook").await?.status, StatusCode::OK);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(client.sent.lock().map(|webhooks| webhooks.len()).unwrap_or_default(), sent, "the call was lost");
    Ok(())
}

#[tokio::test]
async fn parts_go_back_until_nothing_is_left_each_with_its_own_metadata() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let id = paid(&client).await?;
    let path = format!("/mollie/v2/payments/{id}/refunds");
    let part = |value: &str, ours: &str| json!({ "amount": { "currency": "EUR", "value": value }, "metadata": { "paylink_refund": ours } });
    client.post_json("/mollie/simulator/next_refund", &json!({ "becomes": "pending" })).await?;
    let first = client.post_json(&path, &part("5.00", "rf_1")).await?.json()?;
    assert_eq!(client.post_json(&path, &part("5.01", "rf_2")).await?.status, StatusCode::CREATED);
    let again = client.post_json(&path, &part("5.01", "rf_3")).await?;
    assert_eq!(again.status, StatusCode::CONFLICT, "the same amount in short succession");
    let dashboard = format!("/mollie/simulator/{id}/dashboard_refund");
    assert_eq!(client.post_json(&dashboard, &json!({ "amount": 5_000 })).await?.status, StatusCode::CONFLICT);
    assert_eq!(client.post_json(&dashboard, &json!({ "amount": 900 })).await?.status, StatusCode::OK);
    let refused = client.post_json(&path, &part("0.99", "rf_3")).await?;
    assert_eq!((refused.status.as_u16(), refused.json()?["field"].clone()), (422, json!("amount")));
    let list = client.get(&path).await?.json()?;
    let ours = [0, 1, 2].map(|at| list["_embedded"]["refunds"][at]["metadata"]["paylink_refund"].clone());
    assert_eq!(ours, [Value::Null, json!("rf_2"), json!("rf_1")]);
    let payment = client.get(&format!("/mollie/v2/payments/{id}")).await?.json()?;
    assert_eq!(
        (&payment["amountRefunded"]["value"], &payment["amountRemaining"]["value"]),
        (&json!("19.01"), &json!("0.98"))
    );
    let complete = format!("/mollie/simulator/{id}/complete_refund");
    let failed = json!({ "outcome": "failed", "refund": first["id"] });
    assert_eq!(client.post_json(&complete, &failed).await?.status, StatusCode::OK);
    let books = client.get("/mollie/books.json").await?.json()?;
    let sums = ["refunded", "refund_pending", "refunds"].map(|name| books[0][name].clone());
    assert_eq!(sums, [json!(1_401), json!(0), json!(3)]);
    assert_eq!(books[0]["refund_rows"][0]["status"], "failed");
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_is_answered_as_an_unknown_one() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let id = paid(&client).await?;
    assert_eq!(client.get(&format!("/mollie/v2/payments/{id}")).await?.status, StatusCode::OK);
    client.post_json("/mollie/simulator/revoke_key", &json!({ "key": KEY })).await?;
    assert_eq!(client.get(&format!("/mollie/v2/payments/{id}")).await?.status, StatusCode::UNAUTHORIZED);
    assert_eq!(client.post_json("/mollie/v2/payments", &order()).await?.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn a_key_is_told_its_own_profile() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let profile = client.get("/mollie/v2/profiles/me").await?.json()?;
    assert_eq!((&profile["mode"], &profile["status"]), (&json!("test"), &json!("verified")));
    client.post_json("/mollie/simulator/profile", &json!({ "status": "blocked" })).await?;
    assert_eq!(client.get("/mollie/v2/profiles/me").await?.json()?["status"], "blocked");
    client.post_json("/mollie/simulator/revoke_key", &json!({ "key": KEY })).await?;
    assert_eq!(client.get("/mollie/v2/profiles/me").await?.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn a_chargeback_takes_the_money_at_once_and_a_bank_can_give_it_back() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let id = paid(&client).await?;
    let payment = format!("/mollie/v2/payments/{id}");
    let list = format!("{payment}/chargebacks?limit=250");
    let none = client.get(&list).await?.json()?;
    assert_eq!((&none["_embedded"]["chargebacks"], &none["_links"]["next"]), (&json!([]), &Value::Null));
    assert_eq!(client.get(&payment).await?.json()?["amountChargedBack"], Value::Null);
    let dispute = format!("/mollie/simulator/{id}/dispute");
    let inquiry = client.post_json(&dispute, &json!({ "inquiry": true })).await?;
    assert_eq!(inquiry.status, StatusCode::CONFLICT, "nobody is asked there");
    let order = json!({ "amount": 1_000, "reason": "AC01" });
    let made = client.post_json(&dispute, &order).await?.json()?;
    let shown = client.get(&list).await?.json()?["_embedded"]["chargebacks"][0].clone();
    assert_eq!((&shown["id"], &shown["amount"]["value"]), (&made["dispute"], &json!("10.00")));
    assert_eq!((&shown["reason"]["code"], &shown["reversedAt"]), (&json!("AC01"), &Value::Null));
    let charged_back = client.get(&payment).await?.json()?;
    let sums =
        ["amountChargedBack", "amountRefunded", "amountRemaining"].map(|name| charged_back[name]["value"].clone());
    assert_eq!(sums, ["10.00", "0.00", "9.99"]);
    let row = |book: &Value| ["taken", "ours", "withdrawn", "refunded"].map(|name| book[0][name].clone());
    let part = row(&client.get("/mollie/books.json").await?.json()?);
    assert_eq!(part, [json!(true), json!(true), json!(1_000), json!(0)]);
    client.post_json(&dispute, &json!({ "amount": 999, "silent": true })).await?;
    let all = row(&client.get("/mollie/books.json").await?.json()?);
    assert_eq!(all, [json!(false), json!(false), json!(1_999), json!(0)]);
    let complete = format!("/mollie/simulator/{id}/complete_dispute");
    assert_eq!(client.post_form(&complete, "outcome=lost").await?.status, StatusCode::CONFLICT, "it is already");
    let reversed = json!({ "outcome": "won", "dispute": made["dispute"] });
    assert_eq!(client.post_json(&complete, &reversed).await?.status, StatusCode::OK);
    let chargebacks = client.get(&list).await?.json()?;
    assert_eq!(chargebacks["_embedded"]["chargebacks"][0]["reversedAt"], Value::Null);
    assert!(chargebacks["_embedded"]["chargebacks"][1]["reversedAt"].is_string());
    let back = row(&client.get("/mollie/books.json").await?.json()?);
    assert_eq!(back, [json!(true), json!(true), json!(999), json!(0)]);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let sent = client.sent.lock().map(|webhooks| webhooks.iter().map(|one| one.body.clone()).collect::<Vec<_>>());
    assert_eq!(sent.unwrap_or_default(), vec![format!("id={id}").into_bytes(); 2], "the first, and its reversal");
    Ok(())
}

#[tokio::test]
async fn a_list_goes_on_at_the_id_that_its_next_link_names() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let id = paid(&client).await?;
    for amount in [100, 200, 300] {
        client.post_json(&format!("/mollie/simulator/{id}/dashboard_refund"), &json!({ "amount": amount })).await?;
    }
    let path = format!("/mollie/v2/payments/{id}/refunds");
    let first = client.get(&format!("{path}?limit=2")).await?.json()?;
    assert_eq!(first["count"], 2);
    let next = first["_links"]["next"]["href"].as_str().unwrap_or_default().to_owned();
    let second = client.get(next.trim_start_matches("http://localhost:9001")).await?.json()?;
    assert_eq!((&second["count"], &second["_links"]["next"]), (&json!(1), &Value::Null));
    assert_eq!(second["_embedded"]["refunds"][0]["amount"]["value"], "1.00");
    for query in ["limit=251", "limit=x", "from=re_none", "colour=blue"] {
        assert_eq!(client.get(&format!("{path}?{query}")).await?.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refund_from_the_dashboard_leaves_the_business_less_and_one_that_fails_gives_it_back() -> TestResult {
    let client = Client::new(Some(KEY))?;
    let id = paid(&client).await?;
    let dashboard = format!("/mollie/simulator/{id}/dashboard_refund");
    let made = client.post_json(&dashboard, &json!({ "amount": 1_999, "silent": true })).await?.json()?;
    let row = |book: &Value| ["taken", "ours", "refunded"].map(|name| book[0][name].clone());
    assert_eq!(row(&client.get("/mollie/books.json").await?.json()?), [json!(false), json!(false), json!(1_999)]);
    let failed = json!({ "outcome": "failed_no_webhook", "refund": made["refund"] });
    client.post_json(&format!("/mollie/simulator/{id}/complete_refund"), &failed).await?;
    assert_eq!(row(&client.get("/mollie/books.json").await?.json()?), [json!(true), json!(true), json!(0)]);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(client.sent.lock().is_ok_and(|sent| sent.is_empty()), "both calls were lost");
    Ok(())
}

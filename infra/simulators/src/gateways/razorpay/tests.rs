use domain::gateway::GatewayKind;
use http::StatusCode;
use serde_json::{Value, json};

use crate::gateways::testing::{Client, TestResult};

/// The key's id and its secret.
const KEY: &str = "rzp_test_simulator:secret";

/// A link that somebody paid, with the id of its payment.
async fn paid(client: &Client) -> Result<(String, String), Box<dyn std::error::Error>> {
    let order = json!({
        "amount": 50_000, "currency": "INR", "description": "Invoice 77", "reference_id": "at_1",
        "callback_url": "http://localhost:9000/back", "callback_method": "get", "notes": { "ours": "at_1" },
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

/// The events that a control makes.
async fn told(
    client: &Client,
    path: &str,
    order: &Value,
    count: usize,
) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    client.sent.lock().map(|mut sent| sent.clear()).unwrap_or_default();
    assert_eq!(client.post_json(path, order).await?.status, StatusCode::OK, "{path} {order}");
    for _ in 0..40 {
        let sent: Vec<Value> = client.sent.lock().map_or_else(
            |_| Vec::new(),
            |sent| sent.iter().filter_map(|webhook| serde_json::from_slice(&webhook.body).ok()).collect(),
        );
        if sent.len() >= count {
            return Ok(sent);
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    Ok(Vec::new())
}

async fn disputes(client: &Client, query: &str) -> Result<Value, Box<dyn std::error::Error>> {
    Ok(client.get(&format!("/razorpay/v1/disputes?{query}")).await?.json()?)
}

/// A client that its endpoint hears.
fn heard() -> Result<Client, Box<dyn std::error::Error>> {
    let client = Client::new(Some(KEY))?;
    client.register(GatewayKind::Razorpay, "rzp_test_simulator", "http://localhost/hook", "secret");
    Ok(client)
}

#[tokio::test]
async fn a_dispute_takes_nothing_before_it_is_lost_and_is_told_with_the_notes_of_its_payment() -> TestResult {
    let client = heard()?;
    let (link, payment) = paid(&client).await?;
    let list = async || disputes(&client, "count=100&skip=0").await;
    assert_eq!(list().await?, json!({ "entity": "collection", "count": 0, "items": [] }));
    let dispute = format!("/razorpay/simulator/{link}/dispute");
    let order = json!({ "amount": 39_000, "reason": "goods_not_received", "days": 3 });
    let sent = told(&client, &dispute, &order, 1).await?;
    assert_eq!(sent[0]["event"], "payment.dispute.created");
    assert_eq!(sent[0]["payload"]["payment"]["entity"]["notes"], json!({ "ours": "at_1" }));
    let shown = list().await?["items"][0].clone();
    assert_eq!(shown, sent[0]["payload"]["dispute"]["entity"]);
    let row = ["payment_id", "status", "amount", "amount_deducted", "reason_code"].map(|name| shown[name].clone());
    assert_eq!(row, [json!(payment), json!("open"), json!(39_000), json!(0), json!("goods_not_received")]);
    let given = shown["respond_by"].as_i64().unwrap_or_default() - shown["created_at"].as_i64().unwrap_or_default();
    assert_eq!(given, 3 * 86_400);
    let row = |book: &Value| ["taken", "ours", "withdrawn", "refunded"].map(|name| book[0][name].clone());
    let open = row(&client.get("/razorpay/books.json").await?.json()?);
    assert_eq!(open, [json!(true), json!(true), json!(0), json!(0)]);

    let complete = format!("/razorpay/simulator/{link}/complete_dispute");
    for (outcome, event, status) in [
        ("under_review", "payment.dispute.under_review", "under_review"),
        ("action_required", "payment.dispute.action_required", "open"),
        ("lost", "payment.dispute.lost", "lost"),
    ] {
        let sent = told(&client, &complete, &json!({ "outcome": outcome }), 1).await?;
        assert_eq!((&sent[0]["event"], &list().await?["items"][0]["status"]), (&json!(event), &json!(status)));
    }
    assert_eq!(list().await?["items"][0]["amount_deducted"], 39_000);
    let lost = row(&client.get("/razorpay/books.json").await?.json()?);
    assert_eq!(lost, [json!(true), json!(true), json!(39_000), json!(0)]);
    let appeal = client.post_json(&complete, &json!({ "outcome": "won" })).await?;
    assert_eq!(appeal.status, StatusCode::CONFLICT, "what is lost stays so");
    told(&client, &dispute, &json!({ "amount": 11_000, "silent": true }), 0).await?;
    told(&client, &complete, &json!({ "outcome": "lost", "silent": true }), 0).await?;
    let all = row(&client.get("/razorpay/books.json").await?.json()?);
    assert_eq!(all, [json!(false), json!(false), json!(50_000), json!(0)]);
    let shown = client.get(&format!("/razorpay/v1/payments/{payment}")).await?.json()?;
    assert_eq!(
        (&shown["status"], &shown["amount_refunded"]),
        (&json!("captured"), &json!(0)),
        "a payment does not tell"
    );
    Ok(())
}

#[tokio::test]
async fn the_suspicion_of_a_fraud_is_closed_and_the_list_is_of_the_key_and_its_page() -> TestResult {
    let client = heard()?;
    let (first, _) = paid(&client).await?;
    let order = json!({
        "amount": 50_000, "currency": "INR", "description": "Invoice 78", "reference_id": "at_2",
        "callback_url": "http://localhost:9000/back", "callback_method": "get",
    });
    let second = client.post_json("/razorpay/v1/payment_links/", &order).await?.json()?;
    let second = second["id"].as_str().unwrap_or_default().to_owned();
    client.post_form(&format!("/razorpay/i/{second}"), "outcome=paid_silent").await?;
    for link in [&first, &second] {
        told(&client, &format!("/razorpay/simulator/{link}/dispute"), &json!({ "inquiry": true }), 1).await?;
    }
    let complete = format!("/razorpay/simulator/{first}/complete_dispute");
    let sent = told(&client, &complete, &json!({ "outcome": "won" }), 1).await?;
    assert_eq!(sent[0]["event"], "payment.dispute.closed");
    assert_eq!(sent[0]["payload"]["dispute"]["entity"]["phase"], "fraud");
    let list = async |query: &str| disputes(&client, query).await;
    assert_eq!(list("").await?["count"], 2);
    assert_eq!(list("count=1&skip=1").await?["count"], 1);
    assert_eq!(list("skip=2").await?["count"], 0);
    assert_eq!((&list("from=1").await?["count"], &list("from=4102444800").await?["count"]), (&json!(2), &json!(0)));
    for query in ["count=101", "count=0", "skip=x", "payment_id=pay_1"] {
        assert_eq!(list(query).await?["error"]["code"], "BAD_REQUEST_ERROR", "{query}");
    }
    let stranger = client.with_key("rzp_test_stranger:secret").get("/razorpay/v1/disputes").await?.json()?;
    assert_eq!(stranger["count"], 0);
    Ok(())
}

#[tokio::test]
async fn a_refund_from_the_dashboard_is_told_with_the_notes_of_its_payment_and_can_fail_when_it_was_done() -> TestResult
{
    let client = heard()?;
    let (link, _) = paid(&client).await?;
    let dashboard = format!("/razorpay/simulator/{link}/dashboard_refund");
    let sent = told(&client, &dashboard, &json!({ "amount": 20_000 }), 2).await?;
    let mut kinds: Vec<&str> = sent.iter().filter_map(|event| event["event"].as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["refund.created", "refund.processed"]);
    let entity = |name: &str| sent[0]["payload"][name]["entity"].clone();
    assert_eq!((&entity("refund")["notes"], &entity("payment")["notes"]), (&json!([]), &json!({ "ours": "at_1" })));
    let failed = json!({ "outcome": "failed", "refund": entity("refund")["id"] });
    let sent = told(&client, &format!("/razorpay/simulator/{link}/complete_refund"), &failed, 1).await?;
    assert_eq!(sent[0]["event"], "refund.failed");
    let book = client.get("/razorpay/books.json").await?.json()?[0].clone();
    assert_eq!((&book["refunded"], &book["ours"]), (&json!(0), &json!(true)));
    Ok(())
}

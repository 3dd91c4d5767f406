use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::webhooks::sign;
use crate::gateways::testing::{Client, Reply, TestResult};

const SESSIONS: &str = "/stripe/v1/checkout/sessions";
const ORDER: &str = "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=usd\
    &line_items[0][price_data][unit_amount]=1500&line_items[0][price_data][product_data][name]=Invoice+77\
    &success_url=http%3A%2F%2Flocalhost%3A9000%2Fok%3Fid%3D%7BCHECKOUT_SESSION_ID%7D\
    &cancel_url=http%3A%2F%2Flocalhost%3A9000%2Fback&client_reference_id=at_1&metadata[link]=pl_1";

fn client() -> Result<Client, Box<dyn Error>> {
    Client::new(Some("sk_test_1234567890"))
}

async fn open(client: &Client) -> Result<String, Box<dyn Error>> {
    let session = client.post_form(SESSIONS, ORDER).await?.json()?;
    Ok(session["id"].as_str().unwrap_or_default().to_owned())
}

async fn press(client: &Client, id: &str, outcome: &str) -> Result<Reply, Box<dyn Error>> {
    client.post_form(&format!("/stripe/c/pay/{id}"), &format!("outcome={outcome}")).await
}

async fn retrieve(client: &Client, id: &str) -> Result<Value, Box<dyn Error>> {
    Ok(client.get(&format!("{SESSIONS}/{id}")).await?.json()?)
}

/// Waits for the webhooks, which follow the answer.
async fn webhooks(client: &Client, count: usize) -> Vec<Value> {
    for _ in 0..40 {
        let sent: Vec<Value> = client.sent.lock().map_or_else(
            |_| Vec::new(),
            |sent| sent.iter().filter_map(|webhook| serde_json::from_slice(&webhook.body).ok()).collect(),
        );
        if sent.len() >= count {
            return sent;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Vec::new()
}

#[test]
fn signatures_are_those_of_the_official_vectors() -> TestResult {
    let signature =
        sign("whsec_abc123", 1_700_000_000, br#"{"id":"evt_1","object":"event","type":"checkout.session.completed"}"#)?;
    assert_eq!(signature, "t=1700000000,v1=bb1ca76a95e95712cedaf7d8c2a3e471f07575031ac519f9b05bd121b997ad87");
    Ok(())
}

#[tokio::test]
async fn a_payment_completes_the_session_and_is_reported() -> TestResult {
    let client = client()?;
    let endpoint = json!({ "api_key": "sk_test_1234567890", "url": "http://localhost/hook", "secret": "whsec_x" });
    client.post_json("/stripe/simulator/webhook_endpoints", &endpoint).await?;
    let id = open(&client).await?;
    let session = retrieve(&client, &id).await?;
    assert!(id.starts_with("cs_test_"));
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("open"), &json!("unpaid")));
    assert_eq!(session["url"], format!("http://localhost:9001/stripe/c/pay/{id}"));

    let back = press(&client, &id, "paid").await?;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    assert_eq!(back.location(), format!("http://localhost:9000/ok?id={id}"));
    let session = retrieve(&client, &id).await?;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!(session["url"], Value::Null);

    let sent = webhooks(&client, 1).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["type"], "checkout.session.completed");
    assert_eq!(sent[0]["data"]["object"]["id"], id.as_str());
    Ok(())
}

#[tokio::test]
async fn creates_are_checked_parameter_by_parameter() -> TestResult {
    let client = client()?;
    let later = |seconds: i64| format!("{ORDER}&expires_at={}", Timestamp::now().as_second() + seconds);
    for (body, reason) in [
        (ORDER.replace("usd", "irr"), "Invalid currency: irr"),
        (ORDER.replace("usd", "USD"), "Invalid currency: USD"),
        (ORDER.replace("=1500", "=49"), "at least"),
        (ORDER.replace("=1500", "=100000000"), "no more than"),
        (ORDER.replace("=1500", "=15.00"), "Invalid integer"),
        (ORDER.replace("=1500", "=-5"), "greater than"),
        (ORDER.replace("success_url", "succes_url"), "Missing required param: success_url"),
        (ORDER.replace("mode=payment", "colour=blue&mode=payment"), "unknown parameter: colour"),
        (later(60), "30 minutes"),
        (later(90_000), "24 hours"),
    ] {
        let refused = client.post_form(SESSIONS, &body).await?;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(refused.text.contains(reason), "{reason}: {}", refused.text);
    }
    assert_eq!(client.post_form(SESSIONS, &later(3_600)).await?.status, StatusCode::OK);
    let encoded = ORDER.replace('[', "%5B").replace(']', "%5D");
    assert_eq!(client.post_form(SESSIONS, &encoded).await?.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn a_key_sees_its_own_sessions_only() -> TestResult {
    let client = client()?;
    let id = open(&client).await?;
    let path = format!("{SESSIONS}/{id}");
    let stranger = client.with_key("sk_test_stranger").get(&path).await?;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.json()?["error"]["code"], "resource_missing");
    assert_eq!(client.with_key("pk_test_public").get(&path).await?.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Client::new(None)?.get(&path).await?.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_call() -> TestResult {
    let client = client()?;
    let first = client.post_form_with(SESSIONS, ORDER, Some("k")).await?;
    let second = client.post_form_with(SESSIONS, ORDER, Some("k")).await?;
    assert_eq!(first.text, second.text);
    assert!(second.headers.contains_key("idempotent-replayed"));

    let other = ORDER.replace("=1500", "=1600");
    let refused = client.post_form_with(SESSIONS, &other, Some("k")).await?;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()?["error"]["type"], "idempotency_error");
    Ok(())
}

#[tokio::test]
async fn only_an_open_session_can_be_expired() -> TestResult {
    let client = client()?;
    let id = open(&client).await?;
    let path = format!("{SESSIONS}/{id}/expire");
    assert_eq!(client.post_form(&path, "").await?.json()?["status"], "expired");
    assert_eq!(client.post_form(&path, "").await?.status, StatusCode::BAD_REQUEST);
    assert_eq!(press(&client, &id, "paid").await?.status, StatusCode::GONE);
    Ok(())
}

#[tokio::test]
async fn no_more_is_refunded_than_was_paid() -> TestResult {
    let client = client()?;
    let id = open(&client).await?;
    press(&client, &id, "paid_silent").await?;
    let intent = retrieve(&client, &id).await?["payment_intent"].as_str().unwrap_or_default().to_owned();

    let refund =
        async |amount: &str| client.post_form("/stripe/v1/refunds", &format!("payment_intent={intent}{amount}")).await;
    assert_eq!(refund("&amount=500").await?.json()?["status"], "succeeded");
    assert_eq!(refund("&amount=1001").await?.json()?["error"]["param"], "amount");
    assert_eq!(refund("").await?.json()?["amount"], 1_000);
    assert_eq!(refund("").await?.json()?["error"]["code"], "charge_already_refunded");

    let books = client.get("/stripe/books.json").await?.json()?;
    assert_eq!((&books[0]["taken"], &books[0]["refunded"]), (&json!(false), &json!(1_500)));
    Ok(())
}

const KEY: &str = "sk_test_1234567890";

/// A session that somebody paid, with the id of its payment intent.
async fn paid(client: &Client) -> Result<(String, String), Box<dyn Error>> {
    let id = open(client).await?;
    press(client, &id, "paid_silent").await?;
    let intent = retrieve(client, &id).await?["payment_intent"].as_str().unwrap_or_default().to_owned();
    Ok((id, intent))
}

async fn control(client: &Client, path: &str, body: &Value) -> Result<Reply, Box<dyn Error>> {
    client.post_json(&format!("/stripe/simulator/{path}"), body).await
}

async fn refund(client: &Client, intent: &str, key: &str) -> Result<Reply, Box<dyn Error>> {
    let body = format!("payment_intent={intent}&metadata[paylink_refund]=rf_1");
    client.post_form_with("/stripe/v1/refunds", &body, Some(key)).await
}

async fn charge(client: &Client, id: &str) -> Result<Value, Box<dyn Error>> {
    let path = format!("{SESSIONS}/{id}?expand%5B%5D=payment_intent.latest_charge");
    Ok(client.get(&path).await?.json()?["payment_intent"]["latest_charge"].clone())
}

async fn book(client: &Client) -> Result<Value, Box<dyn Error>> {
    Ok(client.get("/stripe/books.json").await?.json()?[0].clone())
}

#[tokio::test]
async fn a_session_without_metadata_shows_null() -> TestResult {
    let client = client()?;
    let order = ORDER.replace("&client_reference_id=at_1&metadata[link]=pl_1", "");
    let session = client.post_form(SESSIONS, &order).await?.json()?;
    assert_eq!((&session["metadata"], &session["client_reference_id"]), (&Value::Null, &Value::Null));
    Ok(())
}

#[tokio::test]
async fn the_largest_amount_depends_on_the_currency() -> TestResult {
    let client = client()?;
    for (currency, most) in [("idr", 999_999_999_999_u64), ("cop", 9_999_999_999), ("inr", 999_999_999)] {
        for (amount, status) in [(most, StatusCode::OK), (most + 1, StatusCode::BAD_REQUEST)] {
            let order = ORDER.replace("usd", currency).replace("=1500", &format!("={amount}"));
            assert_eq!(client.post_form(SESSIONS, &order).await?.status, status, "{amount} {currency}");
        }
    }
    let lev = client.post_form(SESSIONS, &ORDER.replace("usd", "bgn")).await?;
    assert!(lev.text.contains("Invalid currency: bgn"), "{}", lev.text);
    Ok(())
}

#[tokio::test]
async fn a_pending_refund_counts_until_it_fails() -> TestResult {
    let client = client()?;
    let (id, intent) = paid(&client).await?;
    control(&client, "next_refund", &json!({ "becomes": "pending" })).await?;
    let accepted = refund(&client, &intent, "k1").await?.json()?;
    assert_eq!((&accepted["status"], &accepted["metadata"]["paylink_refund"]), (&json!("pending"), &json!("rf_1")));
    assert_eq!(refund(&client, &intent, "k2").await?.json()?["error"]["code"], "charge_already_refunded");
    assert_eq!(charge(&client, &id).await?["refunded"], true);
    let pending = book(&client).await?;
    assert_eq!((&pending["refunded"], &pending["refund_pending"]), (&json!(0), &json!(1_500)));
    assert_eq!((&pending["ours"], &pending["refunds"]), (&json!(true), &json!(1)));

    let complete = format!("{id}/complete_refund");
    assert_eq!(control(&client, &complete, &json!({ "outcome": "failed" })).await?.status, StatusCode::OK);
    assert_eq!(control(&client, &complete, &json!({ "outcome": "failed" })).await?.status, StatusCode::CONFLICT);
    let refund_path = format!("/stripe/v1/refunds/{}", accepted["id"].as_str().unwrap_or_default());
    let failed = client.get(&refund_path).await?.json()?;
    assert_eq!((&failed["status"], failed["failure_reason"].is_string()), (&json!("failed"), true));
    assert_eq!(charge(&client, &id).await?["amount_refunded"], 0);
    let ours = book(&client).await?;
    assert_eq!((&ours["ours"], &ours["refunded"], &ours["refund_pending"]), (&json!(true), &json!(0), &json!(0)));

    assert_eq!(refund(&client, &intent, "k3").await?.json()?["status"], "succeeded", "the order held once");
    let gone = book(&client).await?;
    assert_eq!((&gone["ours"], &gone["refunded"], &gone["refunds"]), (&json!(false), &json!(1_500), &json!(2)));
    Ok(())
}

#[tokio::test]
async fn parts_wait_and_end_each_by_itself_and_one_that_arrived_can_be_sent_back() -> TestResult {
    let client = client()?;
    let (id, intent) = paid(&client).await?;
    let part = async |amount: u64, ours: &str| {
        let body = format!("payment_intent={intent}&amount={amount}&metadata[paylink_refund]={ours}");
        client.post_form_with("/stripe/v1/refunds", &body, Some(ours)).await
    };
    let pending = json!({ "becomes": "pending" });
    control(&client, "next_refund", &pending).await?;
    let first = part(400, "rf_1").await?.json()?;
    control(&client, "next_refund", &pending).await?;
    let second = part(400, "rf_2").await?.json()?;
    assert_ne!(first["id"], second["id"], "two parts of the same amount are two refunds");
    let refused = part(701, "rf_3").await?;
    assert_eq!((refused.status.as_u16(), &refused.json()?["error"]["type"]), (400, &json!("invalid_request_error")));
    control(&client, &format!("{id}/dashboard_refund"), &json!({ "amount": 400 })).await?;
    let complete = format!("{id}/complete_refund");
    let failed = json!({ "outcome": "failed", "refund": first["id"] });
    assert_eq!(control(&client, &complete, &failed).await?.status, StatusCode::OK);
    control(&client, &complete, &json!({ "outcome": "succeeded" })).await?;
    let list = client.get(&format!("/stripe/v1/refunds?payment_intent={intent}")).await?.json()?;
    let shown = [0, 1, 2].map(|at| {
        let refund = &list["data"][at];
        (refund["metadata"]["paylink_refund"].clone(), refund["status"].clone())
    });
    let ours = |ours: &str, status: &str| (json!(ours), json!(status));
    assert_eq!(shown, [(Value::Null, json!("succeeded")), ours("rf_2", "succeeded"), ours("rf_1", "failed")]);
    assert_eq!(charge(&client, &id).await?["amount_refunded"], 800);
    let sent_back = json!({ "outcome": "failed", "refund": second["id"] });
    assert_eq!(control(&client, &complete, &sent_back).await?.status, StatusCode::OK);
    let book = book(&client).await?;
    let sums = ["refunded", "refund_pending", "refunds", "ours"].map(|name| book[name].clone());
    assert_eq!(sums, [json!(400), json!(0), json!(3), json!(true)]);
    Ok(())
}

#[tokio::test]
async fn what_becomes_of_a_refund_is_told_with_its_metadata_unless_it_is_lost() -> TestResult {
    let client = client()?;
    let endpoint = json!({ "api_key": KEY, "url": "http://localhost/hook", "secret": "whsec_x" });
    control(&client, "webhook_endpoints", &endpoint).await?;
    for (outcome, told) in [
        ("succeeded", &["refund.updated"][..]),
        ("failed", &["refund.failed", "refund.updated"]),
        ("failed_no_webhook", &[]),
    ] {
        let (id, intent) = paid(&client).await?;
        control(&client, "next_refund", &json!({ "becomes": "pending" })).await?;
        refund(&client, &intent, outcome).await?;
        assert_eq!(kinds(&webhooks(&client, 2).await), ["charge.refunded", "refund.created"], "{outcome}");
        client.sent.lock().map(|mut sent| sent.clear()).unwrap_or_default();
        control(&client, &format!("{id}/complete_refund"), &json!({ "outcome": outcome })).await?;
        let sent = webhooks(&client, told.len()).await;
        assert_eq!(kinds(&sent), told, "{outcome}");
        for event in &sent {
            assert_eq!(event["data"]["object"]["metadata"]["paylink_refund"], "rf_1");
        }
        client.sent.lock().map(|mut sent| sent.clear()).unwrap_or_default();
    }
    Ok(())
}

/// The types of events, in order.
fn kinds(sent: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = sent.iter().filter_map(|event| event["type"].as_str()).collect();
    kinds.sort_unstable();
    kinds
}

#[tokio::test]
async fn refunds_are_listed_by_their_payment_the_newest_first() -> TestResult {
    let client = client()?;
    let (id, intent) = paid(&client).await?;
    let path = format!("/stripe/v1/refunds?payment_intent={intent}");
    assert_eq!(client.get(&path).await?.json()?["data"], json!([]));
    control(&client, &format!("{id}/refund_outside"), &json!({ "amount": 500 })).await?;
    refund(&client, &intent, "k").await?;
    let list = client.get(&path).await?.json()?;
    let amounts: Vec<_> = list["data"].as_array().into_iter().flatten().map(|one| one["amount"].clone()).collect();
    assert_eq!((amounts, &list["has_more"]), (vec![json!(1_000), json!(500)], &json!(false)));
    assert_eq!(list["data"][1]["metadata"], Value::Null, "the dashboard knows nothing of ours");
    let first = client.get(&format!("{path}&limit=1")).await?.json()?;
    assert_eq!((first["data"].as_array().map(Vec::len), &first["has_more"]), (Some(1), &json!(true)));
    assert_eq!(client.get(&format!("{path}&limit=101")).await?.status, StatusCode::BAD_REQUEST);
    let stranger = client.with_key("sk_test_stranger").get(&path).await?;
    assert_eq!(stranger.json()?["error"]["code"], "resource_missing");
    Ok(())
}

#[tokio::test]
async fn an_error_of_stripe_itself_is_kept_under_its_key() -> TestResult {
    let client = client()?;
    let (_, intent) = paid(&client).await?;
    control(&client, "next_api_error", &json!({ "call": "refund" })).await?;
    for _ in 0..2 {
        let failed = refund(&client, &intent, "k1").await?;
        assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(failed.json()?["error"]["type"], "api_error");
    }
    assert_eq!(refund(&client, &intent, "k2").await?.json()?["status"], "succeeded");
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_is_let_in_no_more() -> TestResult {
    let client = client()?;
    let (id, intent) = paid(&client).await?;
    control(&client, "revoke_key", &json!({ "key": KEY })).await?;
    for reply in [client.get(&format!("{SESSIONS}/{id}")).await?, refund(&client, &intent, "k").await?] {
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(reply.json()?["error"]["code"], "api_key_expired");
    }
    let unknown = client.with_key("sk_test_").get(&format!("{SESSIONS}/{id}")).await?;
    assert_eq!((unknown.status, &unknown.json()?["error"]["code"]), (StatusCode::UNAUTHORIZED, &Value::Null));
    Ok(())
}

#[tokio::test]
async fn a_restricted_key_may_read_the_charge_and_not_the_balance() -> TestResult {
    let client = client()?;
    let (id, _) = paid(&client).await?;
    let path = format!("{SESSIONS}/{id}?expand%5B%5D=payment_intent.latest_charge.balance_transaction");
    let transaction =
        client.get(&path).await?.json()?["payment_intent"]["latest_charge"]["balance_transaction"].clone();
    assert_eq!((&transaction["currency"], transaction["fee"].is_u64()), (&json!("eur"), true));
    control(&client, "restrict_key", &json!({ "key": KEY })).await?;
    assert_eq!(client.get(&path).await?.status, StatusCode::FORBIDDEN);
    assert!(charge(&client, &id).await?["balance_transaction"].is_string());
    Ok(())
}

#[tokio::test]
async fn what_is_expanded_is_whole_and_nothing_else_can_be() -> TestResult {
    let client = client()?;
    let open = open(&client).await?;
    let expanded = |id: &str, path: &str| format!("{SESSIONS}/{id}?expand[]={path}");
    let unpaid = client.get(&expanded(&open, "payment_intent.latest_charge")).await?.json()?;
    assert_eq!(unpaid["payment_intent"], Value::Null);
    let (id, _) = paid(&client).await?;
    let intent = client.get(&expanded(&id, "payment_intent")).await?.json()?["payment_intent"].clone();
    assert!(intent["latest_charge"].is_string());
    let charge = charge(&client, &id).await?;
    assert_eq!((&charge["disputed"], &charge["amount_refunded"]), (&json!(false), &json!(0)));
    assert_eq!(charge["payment_method_details"]["card"]["last4"], "4242");
    assert_eq!(client.get(&expanded(&id, "colour")).await?.status, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn a_disputed_payment_is_not_ours_and_cannot_be_refunded() -> TestResult {
    let client = client()?;
    let (id, intent) = paid(&client).await?;
    assert_eq!(control(&client, &format!("{id}/dispute"), &json!({})).await?.status, StatusCode::OK);
    assert_eq!(charge(&client, &id).await?["disputed"], true);
    assert_eq!(refund(&client, &intent, "k").await?.json()?["error"]["code"], "charge_disputed");
    assert_eq!(book(&client).await?["ours"], false);
    let unpaid = open(&client).await?;
    assert_eq!(control(&client, &format!("{unpaid}/dispute"), &json!({})).await?.status, StatusCode::CONFLICT);
    assert_eq!(control(&client, "cs_none/dispute", &json!({})).await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn a_slow_payment_is_complete_before_it_is_paid() -> TestResult {
    let client = client()?;
    let id = open(&client).await?;
    press(&client, &id, "processing").await?;
    let session = retrieve(&client, &id).await?;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("unpaid")));
    client.post_form(&format!("/stripe/simulator/{id}/complete_async"), "outcome=succeeded").await?;
    assert_eq!(retrieve(&client, &id).await?["payment_status"], "paid");
    Ok(())
}

#[tokio::test]
async fn sessions_are_listed_by_their_owner_and_by_when_they_were_made() -> TestResult {
    let client = Client::new(Some("sk_test_simulator"))?;
    let id = open(&client).await?;
    let path = "/stripe/v1/checkout/sessions";
    assert_eq!(client.get(&format!("{path}?limit=1")).await?.json()?["data"][0]["id"], json!(id));
    assert_eq!(client.get(&format!("{path}?limit=1&created%5Blt%5D=1")).await?.json()?["data"], json!([]));
    let other = client.with_key("sk_test_other");
    assert_eq!(other.get(path).await?.json()?["data"], json!([]));
    Ok(())
}

async fn listed(client: &Client, list: &str, intent: &str, more: &str) -> Result<Value, Box<dyn Error>> {
    Ok(client.get(&format!("/stripe/v1/{list}?payment_intent={intent}{more}")).await?.json()?)
}

/// A client whose webhooks arrive, and a session that somebody paid, with the id of its payment intent.
async fn told_and_paid() -> Result<(Client, String, String), Box<dyn Error>> {
    let client = client()?;
    let endpoint = json!({ "api_key": KEY, "url": "http://localhost/hook", "secret": "whsec_x" });
    control(&client, "webhook_endpoints", &endpoint).await?;
    let (id, intent) = paid(&client).await?;
    Ok((client, id, intent))
}

/// The events that a control makes, and nothing of them is left.
async fn told(client: &Client, path: &str, order: &Value, count: usize) -> Result<Vec<Value>, Box<dyn Error>> {
    client.sent.lock().map(|mut sent| sent.clear()).unwrap_or_default();
    assert_eq!(control(client, path, order).await?.status, StatusCode::OK, "{path} {order}");
    Ok(webhooks(client, count).await)
}

fn sums(book: &Value) -> [Value; 4] {
    ["taken", "ours", "withdrawn", "refunded"].map(|name| book[name].clone())
}

#[tokio::test]
async fn a_chargeback_takes_the_money_at_once_until_it_is_won() -> TestResult {
    let (client, id, intent) = told_and_paid().await?;
    assert_eq!(listed(&client, "disputes", &intent, "").await?["data"], json!([]));
    let order = json!({ "reason": "product_not_received", "days": 3 });
    let sent = told(&client, &format!("{id}/dispute"), &order, 2).await?;
    assert_eq!(kinds(&sent), ["charge.dispute.created", "charge.dispute.funds_withdrawn"]);
    let shown = sent[0]["data"]["object"].clone();
    assert_eq!(
        (&shown["payment_intent"], &shown["metadata"]),
        (&json!(intent), &json!({})),
        "nothing of ours is on it"
    );
    assert_eq!((&shown["status"], &shown["amount"]), (&json!("needs_response"), &json!(1_500)));
    let due = shown["evidence_details"]["due_by"].as_i64().unwrap_or_default();
    assert_eq!(due - shown["created"].as_i64().unwrap_or_default(), 3 * 86_400);
    assert_eq!(sums(&book(&client).await?), [json!(true), json!(false), json!(1_500), json!(0)]);
    let again = control(&client, &format!("{id}/dispute"), &json!({})).await?;
    assert_eq!(again.status, StatusCode::CONFLICT, "one is running");

    let complete = format!("{id}/complete_dispute");
    let sent = told(&client, &complete, &json!({ "outcome": "under_review" }), 1).await?;
    assert_eq!(kinds(&sent), ["charge.dispute.updated"]);
    let sent = told(&client, &complete, &json!({ "outcome": "won" }), 2).await?;
    assert_eq!(kinds(&sent), ["charge.dispute.closed", "charge.dispute.funds_reinstated"]);
    assert_eq!(listed(&client, "disputes", &intent, "").await?["data"][0]["status"], "won");
    assert_eq!(sums(&book(&client).await?), [json!(true), json!(true), json!(0), json!(0)]);
    assert_eq!(charge(&client, &id).await?["disputed"], true, "it has been");
    Ok(())
}

#[tokio::test]
async fn a_chargeback_that_is_lost_is_the_payers_money_and_an_inquiry_takes_none() -> TestResult {
    let (client, id, intent) = told_and_paid().await?;
    let sent = told(&client, &format!("{id}/dispute"), &json!({ "inquiry": true }), 1).await?;
    assert_eq!(kinds(&sent), ["charge.dispute.created"]);
    assert_eq!(sent[0]["data"]["object"]["status"], "warning_needs_response");
    assert_eq!(sums(&book(&client).await?), [json!(true), json!(true), json!(0), json!(0)]);
    let part = client.post_form("/stripe/v1/refunds", &format!("payment_intent={intent}&amount=500")).await?;
    assert_eq!(part.json()?["status"], "succeeded", "money that is only asked about can be refunded");
    webhooks(&client, 3).await;
    let complete = format!("{id}/complete_dispute");
    let sent = told(&client, &complete, &json!({ "outcome": "won" }), 1).await?;
    assert_eq!(sent[0]["data"]["object"]["status"], "warning_closed");

    told(&client, &format!("{id}/dispute"), &json!({ "amount": 900, "silent": true }), 0).await?;
    assert_eq!(sums(&book(&client).await?), [json!(true), json!(true), json!(900), json!(500)], "100 are left");
    let sent = told(&client, &complete, &json!({ "outcome": "lost" }), 1).await?;
    assert_eq!(kinds(&sent), ["charge.dispute.closed"]);
    let statuses = listed(&client, "disputes", &intent, "").await?;
    assert_eq!([&statuses["data"][0]["status"], &statuses["data"][1]["status"]], ["lost", "warning_closed"]);
    let refused = client.post_form("/stripe/v1/refunds", &format!("payment_intent={intent}&amount=100")).await?;
    assert_eq!(refused.json()?["error"]["code"], "charge_disputed");
    assert_eq!(control(&client, &complete, &json!({ "outcome": "drawn" })).await?.status, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn a_refund_that_had_succeeded_fails_and_the_money_is_the_businesss_again() -> TestResult {
    let (client, id, intent) = told_and_paid().await?;
    control(&client, "next_refund", &json!({ "becomes": "pending" })).await?;
    let ours = refund(&client, &intent, "k").await?.json()?;
    let complete = format!("{id}/complete_refund");
    control(&client, &complete, &json!({ "outcome": "succeeded" })).await?;
    assert_eq!(sums(&book(&client).await?), [json!(false), json!(false), json!(0), json!(1_500)]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sent = told(&client, &complete, &json!({ "outcome": "failed", "refund": ours["id"] }), 2).await?;
    assert_eq!(kinds(&sent), ["refund.failed", "refund.updated"]);
    assert_eq!(sums(&book(&client).await?), [json!(true), json!(true), json!(0), json!(0)]);
    assert_eq!(charge(&client, &id).await?["amount_refunded"], 0);
    Ok(())
}

#[tokio::test]
async fn a_refund_from_the_dashboard_is_told_with_the_metadata_of_its_payment_unless_it_is_lost() -> TestResult {
    let client = client()?;
    let endpoint = json!({ "api_key": KEY, "url": "http://localhost/hook", "secret": "whsec_x" });
    control(&client, "webhook_endpoints", &endpoint).await?;
    let order = format!("{ORDER}&payment_intent_data[metadata][link]=pl_1");
    let session = client.post_form(SESSIONS, &order).await?.json()?;
    let id = session["id"].as_str().unwrap_or_default().to_owned();
    press(&client, &id, "paid_silent").await?;
    let dashboard = format!("{id}/dashboard_refund");
    let mut sent = told(&client, &dashboard, &json!({ "amount": 500 }), 2).await?;
    assert_eq!(kinds(&sent), ["charge.refunded", "refund.created"]);
    sent.sort_by_key(|event| event["type"].to_string());
    let metadata = [0, 1].map(|at| sent[at]["data"]["object"]["metadata"].clone());
    assert_eq!(metadata, [json!({ "link": "pl_1" }), Value::Null]);
    told(&client, &dashboard, &json!({ "amount": 500, "silent": true }), 0).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(client.sent.lock().map(|sent| sent.len()).unwrap_or_default(), 0);
    assert_eq!(book(&client).await?["refunded"], 1_000);
    Ok(())
}

#[tokio::test]
async fn a_list_goes_on_after_the_last_thing_of_the_page_before() -> TestResult {
    let client = client()?;
    let (id, intent) = paid(&client).await?;
    for amount in [100, 200, 300] {
        control(&client, &format!("{id}/dashboard_refund"), &json!({ "amount": amount })).await?;
    }
    let first = listed(&client, "refunds", &intent, "&limit=2").await?;
    assert_eq!((first["data"].as_array().map(Vec::len), &first["has_more"]), (Some(2), &json!(true)));
    let last = first["data"][1]["id"].as_str().unwrap_or_default();
    let second = listed(&client, "refunds", &intent, &format!("&limit=2&starting_after={last}")).await?;
    assert_eq!((&second["data"][0]["amount"], &second["has_more"]), (&json!(100), &json!(false)));
    let unknown = listed(&client, "refunds", &intent, "&starting_after=re_none").await?;
    assert_eq!(unknown["error"]["code"], "resource_missing");
    let odd = listed(&client, "disputes", &intent, "&status=lost").await?;
    assert_eq!(odd["error"]["code"], "parameter_unknown");
    let stranger = listed(&client.with_key("sk_test_stranger"), "disputes", &intent, "").await?;
    assert_eq!(stranger["error"]["code"], "resource_missing");
    Ok(())
}

#[tokio::test]
async fn a_restricted_key_may_read_refunds_and_not_disputes() -> TestResult {
    let client = client()?;
    let (_, intent) = paid(&client).await?;
    control(&client, "restrict_key", &json!({ "key": KEY, "from": "disputes" })).await?;
    let forbidden = client.get(&format!("/stripe/v1/disputes?payment_intent={intent}")).await?;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
    assert_eq!(listed(&client, "refunds", &intent, "").await?["data"], json!([]));
    Ok(())
}

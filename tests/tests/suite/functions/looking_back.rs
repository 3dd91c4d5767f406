//! What happened to payments and no gateway's call told of: it is found in the gateways' own lists once a day.

use std::time::Duration;

use domain::gateway::GatewayKind;
use domain::link::AttemptState;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::aftermath::{Paid, SHOWING, rows};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Paid {
    /// The schedule comes after some time.
    async fn sweep_after(&self, time: Duration) -> Value {
        self.world.turn_clock(time);
        self.world.sweep().await
    }

    async fn look_back(&self) -> Value {
        self.world.get(&format!("/v1/accounts/{}/look-back", self.attempt.account_id)).await
    }

    async fn read(&self) -> Value {
        self.world.link(&self.made).await
    }
}

#[tokio::test]
async fn what_nobody_called_about_is_in_the_books_the_next_day() {
    for (gateway, _) in SHOWING {
        let paid = Paid::quietly_at(gateway).await;
        let name = gateway.as_str();
        paid.world.sweep().await;
        assert!(paid.look_back().await["succeeded_at"].is_string(), "{name}");
        let made = paid.order("dashboard_refund", json!({ "amount": 5_000, "silent": true })).await;
        paid.sweep_after(HOUR).await;
        assert_eq!(paid.read().await["amount_refunded"], 0, "{name}: an account is looked at once a day");
        assert_eq!(paid.sweep_after(DAY).await["looked_back"].as_u64().map(|looks| looks > 0), Some(true), "{name}");
        let link = paid.returned(5_000).await;
        let refund = &link["attempts"][0]["refunds"][0];
        assert_eq!((&refund["cause"], &refund["status"]), (&json!("gateway"), &json!("succeeded")), "{name}: {made}");
        paid.world.wait_for_event(&paid.made, "refund.succeeded").await;

        let failed = json!({ "outcome": "failed_no_webhook", "refund": refund["reference"] });
        paid.order("complete_refund", failed).await;
        paid.sweep_after(25 * HOUR).await;
        paid.returned(0).await;
        let void = rows([("payment", 20_000), ("refund", 5_000), ("refund_void", 5_000)]);
        assert_eq!(paid.receipts().await, (void.clone(), 0), "{name}");

        paid.order("dispute", json!({ "amount": 6_000, "silent": true })).await;
        paid.sweep_after(25 * HOUR).await;
        let dispute = paid.read().await["attempts"][0]["disputes"][0].clone();
        let expected = if gateway == GatewayKind::Mollie { "lost" } else { "open" };
        assert_eq!(dispute["status"], expected, "{name}: {dispute}");
        paid.order("complete_dispute", json!({ "outcome": "won", "silent": true })).await;
        // Banks take their time, and no list that only has what is new would show it.
        paid.sweep_after(60 * DAY).await;
        let link = paid.read().await;
        assert_eq!(link["attempts"][0]["disputes"][0]["status"], "won", "{name}");
        assert_eq!(link["amount_refunded"], 0, "{name}");
        paid.world.wait_for_event(&paid.made, "dispute.won").await;
    }
}

#[tokio::test]
async fn what_a_call_told_of_and_a_list_shows_later_is_written_once() {
    for (gateway, _) in SHOWING {
        let paid = Paid::quietly_at(gateway).await;
        paid.order("dashboard_refund", json!({ "amount": 5_000 })).await;
        paid.returned(5_000).await;
        for _ in 0..3 {
            paid.sweep_after(25 * HOUR).await;
        }
        let parts = rows([("payment", 20_000), ("refund", 5_000)]);
        assert_eq!(paid.receipts().await, (parts, 5_000), "{}", gateway.as_str());
    }
}

#[tokio::test]
async fn a_refund_that_a_person_said_went_is_known_again_when_its_bank_sends_it_back() {
    let paid = Paid::quietly_at(GatewayKind::Razorpay).await;
    let path = format!("/v1/receipts/{}/refunds", paid.read().await["receipts"][0].as_str().unwrap());
    paid.world.sweep().await;
    // The call for it is not answered, no list shows it, and a person makes it by hand instead.
    paid.misbehave("refund", "502_html").await;
    let key = [("idempotency-key", "refund-1")];
    let asked = paid.world.crm_with(Method::POST, &path, json!({ "amount": 5_000 }), &key).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text);
    for _ in 0..4 {
        paid.sweep_after(HOUR).await;
    }
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(paid.world.get(&format!("/v1/refunds/{id}")).await["status"], "needs_review");
    paid.order("dashboard_refund", json!({ "amount": 5_000, "silent": true })).await;
    let resolve = format!("/v1/refunds/{id}/resolve");
    let said = paid.world.crm(Method::POST, &resolve, json!({ "outcome": "refunded" })).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    paid.sweep_after(25 * HOUR).await;
    let link = paid.returned(5_000).await;
    let refund = link["attempts"][0]["refunds"][0].clone();
    assert!(refund["reference"].is_string(), "its number is known by now: {refund}");
    paid.order("complete_refund", json!({ "outcome": "failed_no_webhook", "refund": refund["reference"] })).await;
    paid.sweep_after(25 * HOUR).await;
    paid.returned(0).await;
    let void = rows([("payment", 20_000), ("refund", 5_000), ("refund_void", 5_000)]);
    assert_eq!(paid.receipts().await, (void, 0));
}

/// As far as they can be read, lists are acted upon, and who cannot read the rest is told once.
#[tokio::test]
async fn the_crm_is_told_once_of_an_account_whose_lists_cannot_be_read_for_three_days() {
    let paid = Paid::quietly_at(GatewayKind::Stripe).await;
    let url = format!("{}/stripe/simulator/restrict_key", paid.world.cloud.page_url());
    let key = paid.credentials.expose("secret_key").unwrap().to_owned();
    reqwest::Client::new().post(url).json(&json!({ "key": key, "from": "disputes" })).send().await.unwrap();
    paid.order("dashboard_refund", json!({ "amount": 5_000, "silent": true })).await;
    paid.sweep_after(HOUR).await;
    paid.returned(5_000).await;
    let look = paid.look_back().await;
    assert_eq!((&look["succeeded_at"], &look["failure_reason"]), (&Value::Null, &json!("refused")), "{look}");
    let failed = async || {
        let events = paid.world.get("/v1/events?type=look_back.failed").await;
        events["data"].as_array().unwrap().clone()
    };
    for _ in 0..71 {
        paid.sweep_after(HOUR).await;
    }
    assert_eq!(failed().await, Vec::<Value>::new(), "a day or two can be anything");
    for _ in 0..48 {
        paid.sweep_after(HOUR).await;
    }
    let told = failed().await;
    let [event] = &told[..] else { panic!("{told:?}") };
    let data = &event["data"];
    assert_eq!((&data["object"], &data["account_id"]), (&json!("look_back"), &json!(paid.attempt.account_id.as_str())));
    assert_eq!(
        (&data["failing_since"], &data["failure_reason"]),
        (&look["failing_since"], &json!("refused")),
        "{event}"
    );
    assert_eq!(event["payment_link_id"], Value::Null);

    // Credentials that may look do so within the minute.
    let account = format!("/v1/accounts/{}", paid.attempt.account_id);
    let other = json!({ "online_payment": { "credentials": {
        "secret_key": "sk_test_another_merchant_of_this_business_0001",
        "webhook_secret": paid.credentials.expose("webhook_secret").unwrap(),
    } } });
    let changed = paid.world.crm(Method::PATCH, &account, other).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(paid.look_back().await["failing_since"], look["failing_since"], "nobody has looked with them yet");
    paid.world.sweep().await;
    let look = paid.look_back().await;
    assert!(look["succeeded_at"].is_string() && look["failing_since"].is_null(), "{look}");
    assert_eq!(failed().await.len(), 1);
}

#[tokio::test]
async fn trouble_of_a_gateway_postpones_a_look_and_loses_nothing() {
    // Both demo businesses have an account at Stripe, and each asks for its list.
    for (gateway, list, accounts) in [
        (GatewayKind::Stripe, "list_refunds", 2),
        (GatewayKind::Mollie, "list_all_refunds", 1),
        (GatewayKind::Razorpay, "list_all_refunds", 1),
    ] {
        let paid = Paid::quietly_at(gateway).await;
        let name = gateway.as_str();
        paid.world.sweep().await;
        paid.order("dashboard_refund", json!({ "amount": 5_000, "silent": true })).await;
        for _ in 0..accounts {
            paid.misbehave(list, "502_html").await;
        }
        paid.sweep_after(25 * HOUR).await;
        assert_eq!(paid.read().await["amount_refunded"], 0, "{name}: unknown is nothing");
        let look = paid.look_back().await;
        assert_eq!((&look["failure_reason"], &look["failure_code"]), (&json!("unavailable"), &Value::Null), "{name}");
        paid.sweep_after(61 * Duration::from_secs(60)).await;
        paid.returned(5_000).await;
        assert_eq!(paid.look_back().await["failing_since"], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn a_gateway_that_shows_nothing_has_no_look_and_its_account_says_so() {
    let paid = Paid::at(GatewayKind::Zarinpal).await;
    let id = paid.attempt.account_id.clone();
    let reply = paid.world.crm(Method::GET, &format!("/v1/accounts/{id}/look-back"), Value::Null).await;
    assert_eq!((reply.status, &reply.json()["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    let account = paid.world.get(&format!("/v1/accounts/{id}")).await;
    let shows = |account: &Value, what: &str| account["online_payment"][what].clone();
    assert_eq!([shows(&account, "shows_refunds"), shows(&account, "shows_disputes")], [json!(false), json!(false)]);
    assert!(matches!(paid.attempt.state, AttemptState::Paid { .. }));
    let paid = Paid::quietly_at(GatewayKind::Razorpay).await;
    let path = format!("/v1/accounts/{}", paid.attempt.account_id);
    let account = paid.world.get(&path).await;
    assert_eq!([shows(&account, "shows_refunds"), shows(&account, "shows_disputes")], [json!(true), json!(true)]);
    // With a gateway that shows nothing its looks are gone, and come again with one that does.
    let look = format!("{path}/look-back");
    let change = |gateway: &str, credentials: Value| {
        json!({ "currency": if gateway == "sep" { "IRR" } else { "INR" },
        "online_payment": { "enabled": true, "gateway": gateway, "credentials": credentials } })
    };
    let saman = paid.world.crm(Method::PATCH, &path, change("sep", json!({ "terminal_id": "2015" }))).await;
    assert_eq!(saman.status, StatusCode::OK, "{}", saman.text);
    assert_eq!(paid.world.crm(Method::GET, &look, Value::Null).await.status, StatusCode::NOT_FOUND);
    let keys = ["key_id", "key_secret", "webhook_secret"].map(|name| (name, paid.credentials.expose(name).unwrap()));
    let keys: Value = keys.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let rupee = paid.world.crm(Method::PATCH, &path, change("razorpay", keys)).await;
    assert_eq!(rupee.status, StatusCode::OK, "{}", rupee.text);
    assert_eq!(paid.world.get(&look).await["succeeded_at"], Value::Null);
    // And with the account.
    paid.world.sweep().await;
    let gone = paid.world.crm(Method::DELETE, &path, Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    let reply = paid.world.crm(Method::GET, &look, Value::Null).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "{}", reply.text);
    paid.sweep_after(25 * HOUR).await;
}

/// One payment that may not be asked about keeps no other from being seen.
#[tokio::test]
async fn a_payment_that_cannot_be_asked_about_holds_up_no_other() {
    let paid = Paid::quietly_at(GatewayKind::Stripe).await;
    let body = json!({ "account_id": paid.attempt.account_id, "contact_id": "c-1042", "amount": 20_000,
        "currency": "EUR", "description": "Invoice 78" });
    let others = [paid.world.make_link(body.clone()).await, paid.world.make_link(body).await];
    for other in &others {
        paid.world.pay(other, "paid_no_webhook").await;
    }
    paid.world.sweep().await;
    // A key that may not read disputes shows nothing of a payment that is disputed.
    let url = format!("{}/stripe/simulator/restrict_key", paid.world.cloud.page_url());
    let key = paid.credentials.expose("secret_key").unwrap().to_owned();
    reqwest::Client::new().post(url).json(&json!({ "key": key, "from": "disputes" })).send().await.unwrap();
    paid.order("dashboard_refund", json!({ "amount": 1_000, "silent": true })).await;
    paid.order("dispute", json!({ "amount": 6_000, "silent": true })).await;
    for other in &others {
        let session = paid.session_of(other).await;
        paid.order_in(&session, "dashboard_refund", json!({ "amount": 5_000, "silent": true })).await;
    }
    paid.sweep_after(25 * HOUR).await;
    for other in &others {
        paid.world.wait_for(other, |link| link["amount_refunded"] == 5_000).await;
    }
    assert_eq!(paid.read().await["amount_refunded"], 0, "unknown is nothing");
    assert_eq!(paid.look_back().await["failure_reason"], "refused");
}

#[tokio::test]
async fn more_than_a_page_of_a_list_is_looked_at() {
    // Stripe and Razorpay have a hundred to a page, and Mollie is asked for as many.
    for (gateway, _) in SHOWING {
        let paid = Paid::quietly_at(gateway).await;
        let body = json!({ "account_id": paid.attempt.account_id, "contact_id": "c-1042", "amount": 20_000,
            "currency": paid.read().await["currency"], "description": "Invoice 78" });
        let other = paid.world.make_link(body).await;
        paid.world.pay(&other, "paid_no_webhook").await;
        let session = paid.session_of(&other).await;
        paid.world.sweep().await;
        // The oldest of them is on the second page.
        paid.order_in(&session, "dashboard_refund", json!({ "amount": 7, "silent": true })).await;
        for _ in 0..99 {
            paid.order("dashboard_refund", json!({ "amount": 1, "silent": true })).await;
            paid.order_in(&session, "dashboard_refund", json!({ "amount": 1, "silent": true })).await;
        }
        paid.sweep_after(25 * HOUR).await;
        paid.returned(99).await;
        paid.world.wait_for(&other, |link| link["amount_refunded"] == 106).await;
    }
}

//! What the gateways show of a payment after it was confirmed, asked at their simulators, and what follows from it once they
//! call: refunds that somebody made in their dashboards, and refunds that banks sent back.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::gateway::{Aftermath, AftermathAnswer, DisputeState, GatewayKind};
use domain::ids::{AccountId, LinkId};
use domain::link::{Attempt, AttemptState};
use domain::records::credentials::Credentials;
use gateways::Gateways;
use reqwest::{Method, StatusCode};
use runtime::{Environment, Runtime};
use serde_json::{Value, json};
use tests::World;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

/// A payment that its link kept.
pub(super) struct Paid {
    pub(super) world: World,
    gateways: Gateways,
    gateway: GatewayKind,
    pub(super) made: Value,
    link: LinkId,
    pub(super) attempt: Attempt,
    pub(super) credentials: Credentials,
}

impl Paid {
    pub(super) async fn at(gateway: GatewayKind) -> Self {
        Self::by(gateway, "paid").await
    }

    /// The gateway's server did not call about the payment.
    pub(super) async fn quietly_at(gateway: GatewayKind) -> Self {
        Self::by(gateway, "paid_no_webhook").await
    }

    async fn by(gateway: GatewayKind, outcome: &str) -> Self {
        let world = World::in_process().await;
        let accounts = world.get("/v1/accounts").await["data"].clone();
        let is_there = |account: &&Value| account["online_payment"]["gateway"] == gateway.as_str();
        let account = accounts.as_array().unwrap().iter().find(is_there).unwrap().clone();
        let amount = if account["currency"] == "IRR" { 500_000 } else { 20_000 };
        let body = json!({
            "account_id": account["id"], "contact_id": "c-1042", "amount": amount,
            "currency": account["currency"], "locale": "en", "description": "Invoice 77",
        });
        let made = world.make_link(body).await;
        world.pay(&made, outcome).await;
        let link = LinkId::parse(made["id"].as_str().unwrap()).unwrap();
        let stored = world.cloud.store.link(&link).await.unwrap().unwrap();
        let attempt = stored.attempts()[0].clone();
        assert!(matches!(attempt.state, AttemptState::Paid { .. }), "{attempt:?}");
        let account = AccountId::parse(account["id"].as_str().unwrap()).unwrap();
        let known = world.cloud.store.of(stored.business()).all_credentials(&account).await.unwrap();
        let environment = Environment::from(world.cloud.environment.clone());
        let gateways = Gateways::wire(&Runtime::new(environment).unwrap()).unwrap();
        Self { world, gateways, gateway, made, link, attempt, credentials: known[0].clone() }
    }

    async fn asked(&self) -> Option<AftermathAnswer> {
        let AttemptState::Paid { payment, .. } = &self.attempt.state else { panic!("{:?}", self.attempt) };
        let mode = self.world.cloud.store.link(&self.link).await.unwrap().unwrap().terms().mode;
        self.gateways.aftermath(&self.attempt, payment, &self.link, mode, &self.credentials).await
    }

    async fn seen(&self) -> Aftermath {
        match self.asked().await {
            Some(AftermathAnswer::Shown(aftermath)) => aftermath,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn order(&self, what: &str, order: Value) -> Value {
        let answer = self.order_any(what, order.clone()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{what} {order}");
        answer.json().await.unwrap()
    }

    pub(super) async fn order_any(&self, what: &str, order: Value) -> reqwest::Response {
        self.order_in(&self.attempt.session, what, order).await
    }

    /// The tester's hand at another session.
    pub(super) async fn order_in(&self, session: &str, what: &str, order: Value) -> reqwest::Response {
        let url = format!("{}/{}/simulator/{session}/{what}", self.world.cloud.page_url(), self.gateway.as_str());
        reqwest::Client::new().post(url).json(&order).send().await.unwrap()
    }

    /// The session that another link was paid in.
    pub(super) async fn session_of(&self, made: &Value) -> String {
        let link = LinkId::parse(made["id"].as_str().unwrap()).unwrap();
        self.world.cloud.store.link(&link).await.unwrap().unwrap().attempts()[0].session.clone()
    }

    /// Asks for a part of the payment, and lets the gateway do it.
    pub(super) async fn refund(&self, amount: i64) -> Value {
        let path =
            format!("/v1/receipts/{}/refunds", self.world.link(&self.made).await["receipts"][0].as_str().unwrap());
        let key = [("idempotency-key", "refund-1")];
        let asked = self.world.crm_with(Method::POST, &path, json!({ "amount": amount }), &key).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text);
        self.world.sweep().await;
        asked.json()
    }

    /// So much is not left of the payment.
    async fn assert_refused(&self, wish: Value) {
        let receipt = self.world.link(&self.made).await["receipts"][0].clone();
        let path = format!("/v1/receipts/{}/refunds", receipt.as_str().unwrap());
        let key = wish.to_string().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let code = if wish["amount"].is_null() {
            ("/code", "nothing_to_refund")
        } else {
            ("/errors/0/code", "more_than_left")
        };
        let refused = self.world.crm_with(Method::POST, &path, wish, &[("idempotency-key", &key)]).await;
        let said = refused.json();
        assert_eq!(said.pointer(code.0), Some(&json!(code.1)), "{}: {}", self.gateway.as_str(), refused.text);
    }

    /// The link once so much of its payment went back.
    pub(super) async fn returned(&self, amount: i64) -> Value {
        self.world.wait_for(&self.made, |link| link["amount_refunded"] == amount).await
    }

    /// The receipts of the link by their kind and amount, and how much of the first they say that went back.
    pub(super) async fn receipts(&self) -> (BTreeSet<(String, i64)>, i64) {
        let path = format!("/v1/receipts?payment_link_id={}&limit=100", self.link);
        let receipts = self.world.get(&path).await["data"].as_array().unwrap().clone();
        let row = |one: &Value| (one["kind"].as_str().unwrap().to_owned(), one["amount"].as_i64().unwrap());
        let payment = receipts.iter().find(|one| one["kind"] == "payment").unwrap();
        (receipts.iter().map(row).collect(), payment["amount_refunded"].as_i64().unwrap())
    }

    pub(super) async fn misbehave(&self, call: &str, how: &str) {
        let url = format!("{}/{}/simulator/next_answer", self.world.cloud.page_url(), self.gateway.as_str());
        let order = json!({ "call": call, "how": how });
        let answer = reqwest::Client::new().post(url).json(&order).send().await.unwrap();
        assert!(answer.status().is_success(), "{call} {how}");
    }
}

pub(super) const SHOWING: [(GatewayKind, &[&str]); 3] = [
    (GatewayKind::Stripe, &["retrieve", "list_refunds", "list_disputes"]),
    (GatewayKind::Mollie, &["retrieve", "list_refunds", "list_chargebacks"]),
    (GatewayKind::Razorpay, &["retrieve_payment", "list_refunds", "list_disputes"]),
];

#[tokio::test]
async fn a_gateway_shows_what_its_row_says_it_shows() {
    for gateway in GatewayKind::ALL {
        let paid = Paid::at(gateway).await;
        let profile = gateway.profile();
        let shows = profile.shows_refunds || profile.shows_disputes;
        assert_eq!(paid.asked().await.is_some(), shows, "{}", profile.name);
        assert_eq!(shows, SHOWING.iter().any(|(showing, _)| *showing == gateway));
    }
}

#[tokio::test]
async fn refunds_from_the_dashboard_and_their_failures_and_disputes_are_shown() {
    for (gateway, calls) in SHOWING {
        let paid = Paid::at(gateway).await;
        let name = gateway.as_str();
        let nothing = Aftermath { refunds: Vec::new(), disputes: Vec::new(), is_whole: true };
        assert_eq!(paid.seen().await, nothing, "{name}");
        paid.order("dashboard_refund", json!({ "amount": 5_000, "silent": true })).await;
        let seen = paid.seen().await;
        let [refund] = &seen.refunds[..] else { panic!("{name}: {seen:?}") };
        assert_eq!((refund.amount, refund.state.name(), &refund.refund_id), (5_000, "succeeded", &None), "{name}");
        assert!(refund.at.is_some() && seen.is_whole, "{name}: {seen:?}");
        paid.order("complete_refund", json!({ "outcome": "failed_no_webhook", "refund": refund.reference })).await;
        let seen = paid.seen().await;
        assert_eq!((seen.refunds[0].state.name(), seen.is_whole), ("failed", true), "{name}: {seen:?}");

        paid.order("dispute", json!({ "amount": 6_000, "silent": true })).await;
        let seen = paid.seen().await;
        let [dispute] = &seen.disputes[..] else { panic!("{name}: {seen:?}") };
        assert_eq!((dispute.amount, seen.is_whole), (6_000, true), "{name}: {seen:?}");
        match dispute.state {
            DisputeState::Open { respond_by: Some(by) } => assert!(by > dispute.opened_at.unwrap(), "{name}"),
            DisputeState::Lost => assert_eq!(gateway, GatewayKind::Mollie),
            other => panic!("{name}: {other:?}"),
        }
        paid.order("complete_dispute", json!({ "outcome": "won", "silent": true })).await;
        assert_eq!(paid.seen().await.disputes[0].state, DisputeState::Won, "{name}");

        for call in calls {
            for how in ["502_html", "empty"] {
                paid.misbehave(call, how).await;
                assert_eq!(paid.asked().await.unwrap().name(), "unknown", "{name} {call} {how}");
            }
        }
        assert_eq!(paid.seen().await.disputes.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_refund_of_ours_is_shown_as_ours() {
    for (gateway, _) in SHOWING {
        let paid = Paid::at(gateway).await;
        let made = paid.refund(5_000).await;
        let seen = paid.seen().await;
        let [refund] = &seen.refunds[..] else { panic!("{}: {seen:?} {made}", gateway.as_str()) };
        assert_eq!(refund.refund_id.as_ref().unwrap().link(), Some(paid.link.clone()));
        assert_eq!((refund.amount, seen.is_whole), (5_000, true));
    }
}

#[tokio::test]
async fn more_than_a_page_is_read_to_its_end_or_is_not_whole() {
    // Stripe and Razorpay have a hundred to a page, Mollie 250.
    for (gateway, refunds) in [(GatewayKind::Stripe, 101), (GatewayKind::Mollie, 251), (GatewayKind::Razorpay, 100)] {
        let paid = Paid::at(gateway).await;
        for _ in 0..refunds {
            paid.order("dashboard_refund", json!({ "amount": 1, "silent": true })).await;
        }
        let seen = paid.seen().await;
        assert_eq!((seen.refunds.len(), seen.is_whole), (refunds, true), "{}", gateway.as_str());
    }
    let paid = Paid::at(GatewayKind::Stripe).await;
    for _ in 0..501 {
        paid.order("dashboard_refund", json!({ "amount": 1, "silent": true })).await;
    }
    let seen = paid.seen().await;
    assert_eq!((seen.refunds.len(), seen.is_whole), (500, false));
}

#[tokio::test]
async fn a_restricted_key_that_may_not_read_disputes_is_refused_only_where_there_is_one() {
    let paid = Paid::at(GatewayKind::Stripe).await;
    let url = format!("{}/stripe/simulator/restrict_key", paid.world.cloud.page_url());
    let key = paid.credentials.expose("secret_key").unwrap();
    reqwest::Client::new().post(url).json(&json!({ "key": key, "from": "disputes" })).send().await.unwrap();
    assert!(paid.seen().await.is_whole);
    paid.order("dispute", json!({ "silent": true })).await;
    assert_eq!(paid.asked().await.unwrap().name(), "account_refused");
}

pub(super) fn rows<const N: usize>(rows: [(&str, i64); N]) -> BTreeSet<(String, i64)> {
    rows.map(|(kind, amount)| (kind.to_owned(), amount)).into()
}

#[tokio::test]
async fn what_somebody_refunds_in_a_dashboard_is_in_the_books_as_soon_as_the_gateway_calls() {
    for (gateway, _) in SHOWING {
        let paid = Paid::at(gateway).await;
        let name = gateway.as_str();
        paid.order("dashboard_refund", json!({ "amount": 5_000 })).await;
        let link = paid.returned(5_000).await;
        let refund = &link["attempts"][0]["refunds"][0];
        let cause = ["cause", "method", "status", "requested_by"].map(|field| refund[field].clone());
        assert_eq!(cause, [json!("gateway"), json!("gateway"), json!("succeeded"), Value::Null], "{name}");
        assert_eq!((&link["status"], &refund["amount"]), (&json!("paid"), &json!(5_000)), "{name}");
        let parts = rows([("payment", 20_000), ("refund", 5_000)]);
        assert_eq!(paid.receipts().await, (parts, 5_000), "{name}");
        paid.world.wait_for_event(&paid.made, "refund.succeeded").await;
        let listed = paid.world.get("/v1/refunds?cause=gateway").await;
        assert_eq!(listed["data"][0]["reference"], refund["reference"], "{name}: {listed}");
        // More than is left cannot be asked for, and the rest goes by hand too.
        paid.assert_refused(json!({ "amount": 15_001 })).await;
        paid.order("dashboard_refund", json!({ "amount": 15_000 })).await;
        paid.returned(20_000).await;
        let whole = rows([("payment", 20_000), ("refund", 5_000), ("refund", 15_000)]);
        assert_eq!(paid.receipts().await, (whole, 20_000), "{name}");
        paid.assert_refused(json!({})).await;
    }
}

#[tokio::test]
async fn a_refund_that_a_bank_sends_back_is_void_in_the_books_as_soon_as_the_gateway_calls() {
    for (gateway, _) in SHOWING {
        let paid = Paid::at(gateway).await;
        let name = gateway.as_str();
        paid.refund(5_000).await;
        // A gateway that takes its time is done with it now.
        paid.order_any("complete_refund", json!({ "outcome": "succeeded_no_webhook" })).await;
        paid.world.turn_clock(Duration::from_secs(120));
        paid.world.sweep().await;
        let link = paid.returned(5_000).await;
        let refund = link["attempts"][0]["refunds"][0].clone();
        paid.order("complete_refund", json!({ "outcome": "failed", "refund": refund["reference"] })).await;
        let link = paid.returned(0).await;
        let void = &link["attempts"][0]["refunds"][0];
        let decided = (&void["status"], &void["resolved_by"]);
        assert_eq!((&void["id"], decided), (&refund["id"], (&json!("failed"), &Value::Null)), "{name}: {void}");
        let parts = rows([("payment", 20_000), ("refund", 5_000), ("refund_void", 5_000)]);
        assert_eq!(paid.receipts().await, (parts, 0), "{name}");
        for kind in ["refund.failed", "receipt.voided"] {
            let event = paid.world.wait_for_event(&paid.made, kind).await;
            assert_eq!(event["refund_id"], refund["id"], "{name}: {event}");
        }
    }
}

/// A payment in a world in which no webhook comes by itself.
async fn kept(world: &FaultyWorld, gateway: GatewayKind) -> (Made, String) {
    kept_as(world, gateway, gateway.as_str()).await
}

async fn kept_as(world: &FaultyWorld, gateway: GatewayKind, key: &str) -> (Made, String) {
    let account = match gateway {
        GatewayKind::Stripe => "euro",
        GatewayKind::Mollie => "mollie",
        GatewayKind::Razorpay => "rupee",
        GatewayKind::Zarinpal | GatewayKind::Zibal | GatewayKind::Sep => panic!("{gateway:?} calls nobody"),
    };
    let body = json!({ "account_id": account, "contact_id": "c-1042", "amount": 20_000, "expires_in_days": 7 });
    let link = world.make_link(&body, key).await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid_no_webhook").await.unwrap();
    world.open(&back).await.unwrap();
    (link, page.rsplit('/').next().unwrap().to_owned())
}

#[tokio::test]
async fn a_call_that_is_repeated_and_two_at_once_end_in_one_refund() {
    let world = FaultyWorld::start(3600).await;
    for (gateway, _) in SHOWING {
        let name = gateway.as_str();
        let (link, session) = kept(&world, gateway).await;
        let by_hand = json!({ "amount": 5_000, "silent": true });
        let what = format!("{session}/dashboard_refund");
        assert!(world.order_at_gateway(name, &what, &by_hand).await.is_success());
        let (one, other) =
            tokio::join!(world.dashboard_webhook(gateway, &session), world.dashboard_webhook(gateway, &session));
        assert!(one.unwrap().status == StatusCode::OK || other.unwrap().status == StatusCode::OK, "{name}");
        for _ in 0..3 {
            world.turn_time(Duration::from_secs(10));
            assert_eq!(world.dashboard_webhook(gateway, &session).await.unwrap().status, StatusCode::OK, "{name}");
        }
        let stored = world.stored(&link).await;
        assert_eq!((stored.attempts()[0].refunds.len(), stored.refunded()), (1, 5_000), "{name}");
    }
    world.confirm().await;
    world.bring_stream().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn who_calls_without_a_signature_makes_us_ask_at_most_every_few_seconds() {
    let world = FaultyWorld::start(3600).await;
    let (_, session) = kept(&world, GatewayKind::Mollie).await;
    let asked = async |times: usize| {
        world.proxy.record();
        for _ in 0..times {
            world.dashboard_webhook(GatewayKind::Mollie, &session).await.unwrap();
        }
        world.proxy.calls().iter().filter(|call| call.service == "mollie").count()
    };
    let once = asked(1).await;
    assert!(once > 0);
    world.turn_time(Duration::from_secs(10));
    assert_eq!(asked(20).await, once);
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_is_heard_when_it_calls_again() {
    for (gateway, calls) in SHOWING {
        let world = FaultyWorld::start(3600).await;
        let name = gateway.as_str();
        let (link, session) = kept(&world, gateway).await;
        let what = format!("{session}/dashboard_refund");
        assert!(world.order_at_gateway(name, &what, &json!({ "amount": 5_000, "silent": true })).await.is_success());
        let order = json!({ "call": calls[1], "how": "502_html" });
        assert!(world.order_at_gateway(name, "next_answer", &order).await.is_success());
        let unknown = world.dashboard_webhook(gateway, &session).await.unwrap();
        assert_eq!(unknown.status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
        assert_eq!(world.stored(&link).await.refunded(), 0, "{name}: unknown is nothing");
        world.turn_time(Duration::from_secs(10));
        assert_eq!(world.dashboard_webhook(gateway, &session).await.unwrap().status, StatusCode::OK, "{name}");
        assert_eq!(world.stored(&link).await.refunded(), 5_000, "{name}");
    }
}

#[tokio::test]
async fn a_dispute_is_told_of_as_soon_as_a_gateway_calls_and_what_it_takes_is_in_the_books() {
    for (gateway, _) in SHOWING {
        let paid = Paid::at(gateway).await;
        let name = gateway.as_str();
        paid.order("dispute", json!({ "amount": 6_000 })).await;
        if gateway != GatewayKind::Mollie {
            let event = paid.world.wait_for_event(&paid.made, "dispute.opened").await;
            let dispute = &event["data"]["attempts"][0]["disputes"][0];
            assert_eq!((&dispute["status"], &dispute["amount"]), (&json!("open"), &json!(6_000)), "{event}");
            assert!(dispute["respond_by"].is_string(), "{event}");
            assert_eq!(dispute["currency"], event["data"]["currency"], "{event}");
            assert_eq!(paid.receipts().await, (rows([("payment", 20_000)]), 0), "nothing is decided");
            // What a bank may take is not there.
            paid.assert_refused(json!({ "amount": 14_001 })).await;
            paid.order("complete_dispute", json!({ "outcome": "lost" })).await;
        }
        let link = paid.returned(6_000).await;
        let attempt = &link["attempts"][0];
        assert_eq!(attempt["disputes"][0]["status"], "lost", "{name}: {attempt}");
        let refund = &attempt["refunds"][0];
        assert_eq!((&refund["cause"], &refund["status"]), (&json!("dispute"), &json!("succeeded")), "{name}");
        assert_eq!(refund["reference"], attempt["disputes"][0]["reference"], "{name}");
        let taken = rows([("payment", 20_000), ("refund", 6_000)]);
        assert_eq!(paid.receipts().await, (taken, 6_000), "{name}");
        let event = paid.world.wait_for_event(&paid.made, "dispute.lost").await;
        assert_eq!(event["attempt_id"], attempt["id"], "{name}");
        if gateway == GatewayKind::Mollie {
            paid.order("complete_dispute", json!({ "outcome": "won" })).await;
            paid.returned(0).await;
            let undone = rows([("payment", 20_000), ("refund", 6_000), ("refund_void", 6_000)]);
            assert_eq!(paid.receipts().await, (undone, 0), "{name}");
            paid.world.wait_for_event(&paid.made, "dispute.won").await;
        }
    }
}

#[tokio::test]
async fn while_a_dispute_is_open_and_once_it_is_decided_the_books_say_what_the_gateway_holds() {
    let world = FaultyWorld::start(3600).await;
    for (gateway, _) in SHOWING {
        let name = gateway.as_str();
        for outcome in ["won", "lost"] {
            let (link, session) = kept_as(&world, gateway, &format!("{name}-{outcome}")).await;
            let order = async |what: &str, order: Value| {
                let answer = world.order_at_gateway(name, &format!("{session}/{what}"), &order).await;
                assert!(answer.is_success(), "{name} {what} {order}");
                world.turn_time(Duration::from_secs(10));
                let heard = world.dashboard_webhook(gateway, &session).await.unwrap();
                assert_eq!(heard.status, StatusCode::OK, "{name} {what} {order}");
            };
            order("dispute", json!({ "amount": 6_000, "silent": true })).await;
            let is_open = gateway != GatewayKind::Mollie;
            assert_eq!(world.stored(&link).await.attempts()[0].disputes[0].is_open(), is_open, "{name}");
            world.confirm().await;
            world.bring_stream().await;
            world.assert_all_is_well(Stage::CaughtUp).await;
            if is_open || outcome == "won" {
                order("complete_dispute", json!({ "outcome": outcome, "silent": true })).await;
            }
            let back = if outcome == "lost" { 6_000 } else { 0 };
            assert_eq!(world.stored(&link).await.refunded(), back, "{name} {outcome}");
        }
    }
    world.confirm().await;
    world.bring_stream().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

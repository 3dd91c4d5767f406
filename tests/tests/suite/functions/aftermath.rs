//! What the gateways show of a payment after it was confirmed, asked at their simulators.

use domain::gateway::{Aftermath, AftermathAnswer, DisputeState, GatewayKind};
use domain::ids::{AccountId, LinkId};
use domain::link::{Attempt, AttemptState};
use domain::records::credentials::Credentials;
use gateways::Gateways;
use reqwest::{Method, StatusCode};
use runtime::{Environment, Runtime};
use serde_json::{Value, json};
use tests::World;

/// A payment that its link kept.
struct Paid {
    world: World,
    gateways: Gateways,
    gateway: GatewayKind,
    link: LinkId,
    attempt: Attempt,
    credentials: Credentials,
}

impl Paid {
    async fn at(gateway: GatewayKind) -> Self {
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
        world.pay(&made, "paid").await;
        let link = LinkId::parse(made["id"].as_str().unwrap()).unwrap();
        let stored = world.cloud.store.link(&link).await.unwrap().unwrap();
        let attempt = stored.attempts()[0].clone();
        assert!(matches!(attempt.state, AttemptState::Paid { .. }), "{attempt:?}");
        let account = AccountId::parse(account["id"].as_str().unwrap()).unwrap();
        let known = world.cloud.store.of(stored.business()).all_credentials(&account).await.unwrap();
        let environment = Environment::from(world.cloud.environment.clone());
        let gateways = Gateways::wire(&Runtime::new(environment).unwrap()).unwrap();
        Self { world, gateways, gateway, link, attempt, credentials: known[0].clone() }
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

    async fn order(&self, what: &str, order: Value) -> Value {
        let url = format!(
            "{}/{}/simulator/{}/{what}",
            self.world.cloud.page_url(),
            self.gateway.as_str(),
            self.attempt.session
        );
        let answer = reqwest::Client::new().post(url).json(&order).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{what} {order}");
        answer.json().await.unwrap()
    }

    async fn misbehave(&self, call: &str, how: &str) {
        let url = format!("{}/{}/simulator/next_answer", self.world.cloud.page_url(), self.gateway.as_str());
        let order = json!({ "call": call, "how": how });
        let answer = reqwest::Client::new().post(url).json(&order).send().await.unwrap();
        assert!(answer.status().is_success(), "{call} {how}");
    }
}

const SHOWING: [(GatewayKind, &[&str]); 3] = [
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
        let read = paid.world.get(&format!("/v1/payment-links/{}", paid.link)).await;
        let path = format!("/v1/receipts/{}/refunds", read["receipts"][0].as_str().unwrap());
        let key = [("idempotency-key", "refund-1")];
        let made = paid.world.crm_with(Method::POST, &path, json!({ "amount": 5_000 }), &key).await;
        for _ in 0..3 {
            paid.world.sweep().await;
        }
        let seen = paid.seen().await;
        let [refund] = &seen.refunds[..] else { panic!("{}: {seen:?} {}", gateway.as_str(), made.text) };
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

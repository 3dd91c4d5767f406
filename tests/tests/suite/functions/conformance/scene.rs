//! What a case can do at its gateway, and what it can ask of the link, its receipts and the gateway's own books.

use std::time::Duration;

use domain::ids::LinkId;
use domain::link::{AttemptState, PaymentLink};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::forms::Form;
use tests::{Reply, World};

use super::Row;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// A world of its own, in which links are paid at one gateway.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) row: &'static Row,
    /// The demo business's account at the gateway, as the CRM reads it.
    pub(super) account: Value,
}

impl Scene {
    pub(super) async fn at(row: &'static Row) -> Self {
        let world = World::in_process().await;
        let accounts = world.get("/v1/accounts").await["data"].clone();
        let is_there = |account: &&Value| account["online_payment"]["gateway"] == row.gateway.as_str();
        let account = accounts.as_array().unwrap().iter().find(is_there).cloned();
        let account = account.unwrap_or_else(|| panic!("the demo business has no account at {}", row.gateway.as_str()));
        Self { world, row, account }
    }

    /// The gateway's name in addresses, and in what a failed assertion says.
    pub(super) fn name(&self) -> &'static str {
        self.row.gateway.as_str()
    }

    pub(super) fn amount(&self) -> i64 {
        if self.account["currency"] == "IRR" { 500_000 } else { 20_000 }
    }

    pub(super) async fn link(&self) -> Value {
        self.link_over(self.amount()).await
    }

    pub(super) async fn link_over(&self, amount: i64) -> Value {
        let body = json!({
            "account_id": self.account["id"], "contact_id": "c-1042", "amount": amount,
            "currency": self.account["currency"], "locale": "en", "description": "Invoice 77",
        });
        self.world.make_link(body).await
    }

    /// A link of which a quarter or more can be paid at a time.
    pub(super) async fn link_in_parts(&self) -> Value {
        let body = json!({
            "account_id": self.account["id"], "contact_id": "c-1042", "amount": self.amount(),
            "payment_plan": { "minimum": self.amount() / 4 }, "locale": "en", "description": "Invoice 78",
        });
        self.world.make_link(body).await
    }

    /// The gateway's page to which a choice of what to pay leads.
    pub(super) async fn go_with(&self, link: &Value, form: &str) -> String {
        let go = format!("{}/go", link["url"].as_str().unwrap());
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let reply = self.world.send(Method::POST, &go, &headers, Some(form.to_owned())).await;
        self.world.gateway_of(link, &reply).await
    }

    /// What a customer reads who chose what to pay and comes back from the gateway.
    pub(super) async fn go_and_pay(&self, link: &Value, form: &str, outcome: &str) -> Reply {
        let page = self.go_with(link, form).await;
        self.world.come_back(&self.world.choose(&page, outcome).await).await
    }

    /// A link that ends at once, but for what was begun before.
    pub(super) async fn short_link(&self) -> Value {
        let ends_at = domain::Timestamp::now() + MINUTE;
        let body = json!({
            "account_id": self.account["id"], "contact_id": "c-1042", "amount": self.amount(),
            "currency": self.account["currency"], "locale": "en", "expires_at": ends_at.to_string(),
        });
        self.world.make_link(body).await
    }

    pub(super) async fn stored(&self, link: &Value) -> PaymentLink {
        let id = LinkId::parse(link["id"].as_str().unwrap()).unwrap();
        self.world.cloud.store.link(&id).await.unwrap().unwrap()
    }

    /// The gateway does not know the session of the first attempt any more.
    pub(super) async fn spoil_session(&self, link: &Value) {
        let mut stored = serde_json::to_value(self.stored(link).await).unwrap();
        let session = stored["attempts"][0]["session"].as_str().unwrap().to_owned();
        let (rest, last) = session.split_at(session.len() - 1);
        let other = match last {
            "0" => "1",
            digit if digit.as_bytes()[0].is_ascii_digit() => "0",
            "Z" => "Y",
            _ => "Z",
        };
        stored["attempts"][0]["session"] = json!(format!("{rest}{other}"));
        stored["version"] = json!(stored["version"].as_u64().unwrap() + 1);
        let spoilt: PaymentLink = serde_json::from_value(stored).unwrap();
        let written = self.world.cloud.store.replace_link(&spoilt).await.unwrap();
        assert!(matches!(written, store::Written::Applied));
    }

    /// An attempt as the CRM reads it.
    pub(super) async fn attempt(&self, link: &Value, attempt: usize) -> Value {
        self.world.link(link).await["attempts"][attempt].clone()
    }

    /// The session of an attempt in the gateway's own books.
    pub(super) async fn booked(&self, link: &Value, attempt: usize) -> Value {
        let session = self.stored(link).await.attempts()[attempt].session.clone();
        let books = self.world.books(self.name()).await;
        books.into_iter().find(|one| one["id"] == session.as_str()).unwrap()
    }

    /// The tester's hand: what becomes of money that is on its way to the first attempt.
    pub(super) async fn complete(&self, link: &Value, outcome: &str) {
        let session = self.stored(link).await.attempts()[0].session.clone();
        let (base, name) = (self.world.cloud.page_url(), self.name());
        let reply = self.world.choose(&format!("{base}/{name}/simulator/{session}/complete_async"), outcome).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
    }

    /// The tester's hand: how the gateway behaves from now on.
    pub(super) async fn order(&self, what: &str, order: Value) {
        let url = format!("{}/{}/simulator/{what}", self.world.cloud.page_url(), self.name());
        let headers = [("content-type", "application/json")];
        let reply = self.world.send(Method::POST, &url, &headers, Some(order.to_string())).await;
        assert!(reply.status.is_success(), "{}: {what} {}: {}", self.name(), reply.status, reply.text);
    }

    /// The tester's hand: what becomes of the refund of the first attempt's money.
    pub(super) async fn finish_refund(&self, link: &Value, outcome: &str) {
        let session = self.stored(link).await.attempts()[0].session.clone();
        self.order(&format!("{session}/complete_refund"), json!({ "outcome": outcome })).await;
    }

    pub(super) async fn cancel(&self, link: &Value) {
        let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
        let reply = self.world.crm(Method::POST, &path, json!({ "force": true })).await;
        assert_eq!(reply.status, StatusCode::OK, "{}: {}", self.name(), reply.text);
    }

    /// A person decides that the money of the first attempt is refunded.
    pub(super) async fn decide_to_refund(&self, link: &Value) -> Reply {
        let attempt = self.attempt(link, 0).await;
        let (id, attempt) = (link["id"].as_str().unwrap(), attempt["id"].as_str().unwrap());
        let path = format!("/v1/payment-links/{id}/attempts/{attempt}/resolve");
        self.world.crm(Method::POST, &path, json!({ "outcome": "refund" })).await
    }

    /// Time passes, and then the schedule comes.
    pub(super) async fn sweep_after(&self, time: Duration) {
        self.world.turn_clock(time);
        self.world.sweep().await;
    }

    /// The schedule comes this many times, each after some time.
    pub(super) async fn sweep_often(&self, times: u32, apart: Duration) {
        for _ in 0..times {
            self.sweep_after(apart).await;
        }
    }

    /// One receipt of the payment, and the gateway holds the money for us.
    pub(super) async fn assert_paid_once(&self, link: &Value) {
        let name = self.name();
        let read = self.world.link(link).await;
        assert_eq!(read["status"], "paid", "{name}: {read}");
        assert_eq!(read["receipts"].as_array().unwrap().len(), 1, "{name}");
        let attempts = read["attempts"].as_array().unwrap();
        let paid: Vec<usize> = (0..attempts.len()).filter(|at| attempts[*at]["status"] == "paid").collect();
        assert_eq!(paid.len(), 1, "{name}: {read}");
        let book = self.booked(link, paid[0]).await;
        assert_eq!((&book["ours"], &book["refunded"]), (&json!(true), &json!(0)), "{name}");
        let id = read["receipts"][0].as_str().unwrap();
        let receipt = self.world.get(&format!("/v1/receipts/{id}")).await;
        assert_eq!(receipt["amount"], self.amount(), "{name}");
        assert_eq!(receipt["gateway_reference"], attempts[paid[0]]["gateway_reference"], "{name}");
    }

    pub(super) async fn assert_nothing_kept(&self, link: &Value) {
        let read = self.world.link(link).await;
        assert_ne!(read["status"], "paid", "{}: {read}", self.name());
        assert_eq!(read["receipts"], json!([]), "{}", self.name());
    }

    /// The first payment is with the payer again, whole, also in the gateway's books.
    pub(super) async fn assert_refunded(&self, link: &Value) {
        let name = self.name();
        assert_eq!(self.attempt(link, 0).await["status"], "refunded", "{name}");
        let book = self.booked(link, 0).await;
        assert_eq!((&book["refunded"], &book["taken"]), (&book["amount"], &json!(false)), "{name}");
    }

    /// What the gateway holds unconfirmed goes back, and the schedule comes until the money of the first attempt is
    /// decided: it is with the payer again.
    pub(super) async fn assert_goes_back(&self, link: &Value) {
        let name = self.name();
        let book = self.booked(link, 0).await;
        if book["taken"] == true && book["ours"] == false {
            let id = book["id"].as_str().unwrap();
            let url = format!("{}/{name}/simulator/{id}/return_money", self.world.cloud.page_url());
            self.world.send(Method::POST, &url, &[], None).await;
        }
        self.sweep_often(4, HOUR).await;
        let state = self.stored(link).await.attempts()[0].state.clone();
        assert!(matches!(state, AttemptState::Refunded { .. }), "{name}: {state:?}");
        let book = self.booked(link, 0).await;
        assert_eq!((&book["taken"], &book["ours"]), (&json!(false), &json!(false)), "{name}: {book}");
    }
}

/// Where the browser was sent with which fields.
pub(super) fn way_back(chosen: &Reply) -> Form {
    if !chosen.status.is_redirection() {
        return Form::of(&chosen.text).unwrap();
    }
    let url = url::Url::parse(&chosen.location()).unwrap();
    let fields = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Form { action: url.as_str().split('?').next().unwrap().to_owned(), fields }
}

//! What every gateway has to do. A new gateway runs all of it by its row in [`Row::of`]; nothing here knows which gateway
//! it is about, and what differs between gateways is read from their profiles.

use std::time::Duration;

use domain::gateway::{GatewayKind, LookUp, Webhooks};
use domain::ids::LinkId;
use domain::link::AttemptState;
use domain::link::PaymentLink;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::forms::Form;
use tests::{Reply, World};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What the suite has to know of a simulator.
struct Row {
    gateway: GatewayKind,
    /// Paid, and nobody but the browser tells.
    returning: &'static str,
    /// Paid, and nobody tells.
    silent: &'static str,
    /// Paid less than was asked for, where the gateway's page lets anybody.
    less: Option<&'static str>,
    /// Whether a payment that fails ends the session; else the customer goes on trying in it.
    failing_ends_it: bool,
    /// Paid by a method whose money arrives later or not at all.
    slow: Option<&'static str>,
    /// Whether a bank may say yes days after the customer's payment failed.
    changes_its_mind: bool,
    /// What the customer has to choose before the gateway lets anybody close the session, where it depends on that.
    closable_after: Option<&'static str>,
    /// The call that opens a session, the one whose answer decides, and the one that refunds money.
    create: &'static str,
    decide: &'static str,
    refund: &'static str,
}

impl Row {
    fn of(gateway: GatewayKind) -> Self {
        let less = Some("paid_less");
        match gateway {
            GatewayKind::Zarinpal => Self {
                gateway,
                returning: "paid",
                silent: "paid_no_return",
                less: None,
                failing_ends_it: true,
                slow: None,
                changes_its_mind: false,
                closable_after: None,
                create: "request",
                decide: "verify",
                refund: "reverse",
            },
            GatewayKind::Zibal => Self {
                gateway,
                returning: "paid",
                silent: "paid_no_return",
                less,
                failing_ends_it: true,
                slow: None,
                changes_its_mind: false,
                closable_after: None,
                create: "request",
                decide: "verify",
                refund: "refund",
            },
            GatewayKind::Sep => Self {
                gateway,
                returning: "paid",
                silent: "paid_no_return",
                less,
                failing_ends_it: true,
                slow: None,
                changes_its_mind: false,
                closable_after: None,
                create: "token",
                decide: "verify",
                refund: "reverse",
            },
            GatewayKind::Stripe => Self {
                gateway,
                returning: "paid_no_webhook",
                silent: "paid_silent",
                less,
                failing_ends_it: false,
                slow: Some("processing"),
                changes_its_mind: false,
                closable_after: None,
                create: "create",
                decide: "retrieve",
                refund: "refund",
            },
            GatewayKind::Mollie => Self {
                gateway,
                returning: "paid_no_webhook",
                silent: "paid_silent",
                less,
                failing_ends_it: true,
                slow: Some("processing"),
                changes_its_mind: false,
                closable_after: Some("cancelable"),
                create: "create",
                decide: "retrieve",
                refund: "refund",
            },
            GatewayKind::Razorpay => Self {
                gateway,
                returning: "paid_no_webhook",
                silent: "paid_silent",
                less,
                failing_ends_it: false,
                slow: Some("processing"),
                changes_its_mind: true,
                closable_after: None,
                create: "create",
                decide: "retrieve",
                refund: "refund",
            },
        }
    }

    fn name(&self) -> &'static str {
        self.gateway.as_str()
    }

    fn takes_by_confirming(&self) -> bool {
        self.gateway.confirming_takes_the_money()
    }
}

/// A world in which links are paid at one gateway.
struct Scene {
    world: World,
    row: Row,
    account: Value,
}

impl Scene {
    async fn at(gateway: GatewayKind) -> Self {
        let world = World::in_process().await;
        let accounts = world.get("/v1/accounts").await["data"].clone();
        let is_there = |account: &&Value| account["online_payment"]["gateway"] == gateway.as_str();
        let account = accounts.as_array().unwrap().iter().find(is_there).unwrap().clone();
        Self { world, row: Row::of(gateway), account }
    }

    fn amount(&self) -> i64 {
        if self.account["currency"] == "IRR" { 500_000 } else { 20_000 }
    }

    async fn link(&self) -> Value {
        self.link_over(self.amount()).await
    }

    async fn link_over(&self, amount: i64) -> Value {
        let body = json!({
            "account_id": self.account["id"], "contact_id": "c-1042", "amount": amount,
            "currency": self.account["currency"], "locale": "en", "description": "Invoice 77",
        });
        self.world.make_link(body).await
    }

    /// A link that ends at once, but for what was begun before.
    async fn short_link(&self) -> Value {
        let ends_at = domain::Timestamp::now() + MINUTE;
        let body = json!({
            "account_id": self.account["id"], "contact_id": "c-1042", "amount": self.amount(),
            "currency": self.account["currency"], "locale": "en", "expires_at": ends_at.to_string(),
        });
        self.world.make_link(body).await
    }

    async fn stored(&self, link: &Value) -> PaymentLink {
        let id = LinkId::parse(link["id"].as_str().unwrap()).unwrap();
        self.world.cloud.store.link(&id).await.unwrap().unwrap()
    }

    /// The session of an attempt in the gateway's own books.
    async fn booked(&self, link: &Value, attempt: usize) -> Value {
        let session = self.stored(link).await.attempts()[attempt].session.clone();
        let books = self.world.books(self.row.name()).await;
        books.into_iter().find(|one| one["id"] == session.as_str()).unwrap()
    }

    /// The tester's hand: what becomes of money that is on its way to the first attempt.
    async fn complete(&self, link: &Value, outcome: &str) {
        let session = self.stored(link).await.attempts()[0].session.clone();
        let (base, name) = (self.world.cloud.page_url(), self.row.name());
        let reply = self.world.choose(&format!("{base}/{name}/simulator/{session}/complete_async"), outcome).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {}", reply.text);
    }

    /// One receipt of the payment, and the gateway holds the money for us.
    async fn assert_paid_once(&self, link: &Value) {
        let name = self.row.name();
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

    async fn assert_nothing_kept(&self, link: &Value) {
        let read = self.world.link(link).await;
        assert_ne!(read["status"], "paid", "{}: {read}", self.row.name());
        assert_eq!(read["receipts"], json!([]), "{}", self.row.name());
    }

    /// The first payment is with the payer again, whole, also in the gateway's books.
    async fn assert_refunded(&self, link: &Value) {
        let name = self.row.name();
        assert_eq!(self.world.link(link).await["attempts"][0]["status"], "refunded", "{name}");
        let book = self.booked(link, 0).await;
        assert_eq!((&book["refunded"], &book["taken"]), (&book["amount"], &json!(false)), "{name}");
    }

    async fn cancel(&self, link: &Value) {
        let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
        let reply = self.world.crm(Method::POST, &path, json!({ "force": true })).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }

    /// What the gateway holds unconfirmed goes back, and the schedule comes until the money of an attempt is decided.
    async fn until_refunded(&self, link: &Value, attempt: usize) {
        let name = self.row.name();
        let book = self.booked(link, attempt).await;
        if book["taken"] == true && book["ours"] == false {
            let id = book["id"].as_str().unwrap();
            let url = format!("{}/{name}/simulator/{id}/return_money", self.world.cloud.page_url());
            self.world.send(Method::POST, &url, &[], None).await;
        }
        for _ in 0..4 {
            self.world.turn_clock(HOUR);
            self.world.sweep().await;
        }
        let state = self.stored(link).await.attempts()[attempt].state.clone();
        assert!(matches!(state, AttemptState::Refunded { .. }), "{name}: {state:?}");
        let book = self.booked(link, attempt).await;
        assert_eq!((&book["taken"], &book["ours"]), (&json!(false), &json!(false)), "{name}: {book}");
    }
}

/// Where the browser was sent with which fields.
fn way_back(chosen: &Reply) -> Form {
    if !chosen.status.is_redirection() {
        return Form::of(&chosen.text).unwrap();
    }
    let url = url::Url::parse(&chosen.location()).unwrap();
    let fields = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Form { action: url.as_str().split('?').next().unwrap().to_owned(), fields }
}

#[tokio::test]
async fn a_gateway_that_opens_no_session_lets_the_customer_try_again() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        for how in ["502_html", "empty"] {
            world.misbehave(row.name(), row.create, how, 1).await;
            let page = world.open(link["url"].as_str().unwrap()).await;
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}: {}", row.name(), page.text);
        }
        assert_eq!(world.link(&link).await["attempts"], json!([]), "{}", row.name());
        world.pay(&link, row.returning).await;
        scene.assert_paid_once(&link).await;
    }
}

#[tokio::test]
async fn a_payment_becomes_one_receipt_and_a_second_visit_opens_nothing() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        let page = world.go_to_gateway(&link).await;
        assert_eq!(world.go_to_gateway(&link).await, page, "{}", row.name());
        let end = world.come_back(&world.choose(&page, row.returning).await).await;
        assert!(end.text.contains("Paid"), "{}: {}", row.name(), end.text);
        scene.assert_paid_once(&link).await;
        let again = world.open(link["url"].as_str().unwrap()).await;
        assert!(again.text.contains("This link is paid already"), "{}", row.name());
        assert_eq!(world.books(row.name()).await.len(), 1, "{}", row.name());
    }
}

#[tokio::test]
async fn a_payment_that_failed_can_be_made_again() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        let page = world.go_to_gateway(&link).await;
        let chosen = world.choose(&page, "failed").await;
        if row.failing_ends_it {
            let end = world.come_back(&chosen).await;
            assert_eq!(end.status, StatusCode::OK);
            // Where the browser brings nothing the gateway was asked all the same.
            assert!(end.text.contains("The payment was not made"), "{}: {}", row.name(), end.text);
            assert_eq!(world.link(&link).await["attempts"][0]["status"], "failed", "{}", row.name());
            scene.assert_nothing_kept(&link).await;
            world.pay(&link, row.returning).await;
        } else {
            assert_eq!(chosen.status, StatusCode::OK);
            world.turn_clock(MINUTE);
            world.sweep().await;
            assert_eq!(world.link(&link).await["attempts"][0]["status"], "open", "{}", row.name());
            assert_eq!(world.go_to_gateway(&link).await, page, "{}", row.name());
            world.come_back(&world.choose(&page, row.returning).await).await;
        }
        scene.assert_paid_once(&link).await;
    }
}

#[tokio::test]
async fn who_cancels_at_the_gateway_has_paid_nothing_and_can_pay_later() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        let page = world.go_to_gateway(&link).await;
        let chosen = world.choose(&page, "cancelled").await;
        if row.failing_ends_it || chosen.status.is_redirection() {
            let end = world.come_back(&chosen).await;
            assert_eq!(end.status, StatusCode::OK, "{}", row.name());
        }
        scene.assert_nothing_kept(&link).await;
        world.pay(&link, row.returning).await;
        scene.assert_paid_once(&link).await;
    }
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_no_failure_and_is_found_out() {
    for gateway in GatewayKind::ALL {
        for how in ["drop_after", "502_html", "empty"] {
            let scene = Scene::at(gateway).await;
            let (world, row) = (&scene.world, &scene.row);
            let link = scene.link().await;
            let page = world.go_to_gateway(&link).await;
            let chosen = world.choose(&page, row.returning).await;
            world.misbehave(row.name(), row.decide, how, 2).await;
            world.come_back(&chosen).await;
            scene.assert_nothing_kept(&link).await;
            let status = world.link(&link).await["attempts"][0]["status"].clone();
            assert!(["open", "confirming"].contains(&status.as_str().unwrap()), "{} {how}: {status}", row.name());
            for _ in 0..3 {
                world.turn_clock(2 * MINUTE);
                world.sweep().await;
            }
            scene.assert_paid_once(&link).await;
        }
    }
}

#[tokio::test]
async fn a_return_that_comes_many_times_at_once_makes_one_receipt() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        let page = world.go_to_gateway(&link).await;
        let chosen = world.choose(&page, row.returning).await;
        let returns = join_all((0..10).map(|_| world.go_back(&chosen))).await;
        assert!(returns.iter().all(|one| one.status == StatusCode::SEE_OTHER), "{}", row.name());
        world.wait_for(&link, |link| link["status"] == "paid").await;
        world.go_back(&chosen).await;
        scene.assert_paid_once(&link).await;
    }
}

/// Everything in a return that names the session is exchanged, so that only what the gateway itself knows can tell.
#[tokio::test]
async fn the_return_of_one_payment_pays_no_other_link() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let (first, second) = (scene.link().await, scene.link().await);
        let chosen = world.choose(&world.go_to_gateway(&first).await, row.returning).await;
        world.come_back(&chosen).await;
        scene.assert_paid_once(&first).await;
        world.go_to_gateway(&second).await;
        let (one, other) = (scene.stored(&first).await, scene.stored(&second).await);
        let (one, attempt) = (&one.attempts()[0], &other.attempts()[0]);
        let mut back = way_back(&chosen);
        back.action = back.action.replace(first["id"].as_str().unwrap(), second["id"].as_str().unwrap());
        back.action = back.action.replace(one.key.expose(), attempt.key.expose());
        for (_, value) in &mut back.fields {
            *value = value.replace(&one.session, &attempt.session).replace(one.id.as_str(), attempt.id.as_str());
        }
        assert_eq!(world.post_form(&back, &[]).await.status, StatusCode::SEE_OTHER, "{}", row.name());
        for _ in 0..3 {
            world.turn_clock(2 * MINUTE);
            world.sweep().await;
        }
        scene.assert_nothing_kept(&second).await;
        // Where it needs a person, that person cannot refund by mistake what paid the first.
        let attempt = &world.link(&second).await["attempts"][0];
        if attempt["status"] == "needs_review" {
            let (id, attempt) = (second["id"].as_str().unwrap(), attempt["id"].as_str().unwrap());
            let path = format!("/v1/payment-links/{id}/attempts/{attempt}/resolve");
            let refused = world.crm(Method::POST, &path, json!({ "outcome": "refund" })).await;
            assert_eq!(refused.status, StatusCode::CONFLICT, "{}: {}", row.name(), refused.text);
        }
        scene.assert_paid_once(&first).await;
        assert_eq!(world.receipts().await.len(), 1, "{}", row.name());
    }
}

#[tokio::test]
async fn another_amount_than_was_asked_for_pays_nothing_and_goes_back_by_itself_or_when_a_person_says_so() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let Some(less) = row.less else { continue };
        let link = scene.link().await;
        let end = world.pay(&link, less).await;
        scene.assert_nothing_kept(&link).await;
        let read = world.link(&link).await;
        let attempt = &read["attempts"][0];
        // Where our call can undo a payment for a while only, a person would come too late.
        if gateway.profile().refund.within_minutes.is_some() {
            assert!(end.text.contains("Your money goes back"), "{}: {}", row.name(), end.text);
            world.turn_clock(MINUTE);
            world.sweep().await;
            scene.assert_refunded(&link).await;
            continue;
        }
        assert!(end.text.contains("Your payment is being looked into"), "{}: {}", row.name(), end.text);
        assert_eq!((&attempt["status"], &attempt["reason"]), (&json!("needs_review"), &json!("amount_differs")));
        let (id, attempt) = (read["id"].as_str().unwrap(), attempt["id"].as_str().unwrap());
        let path = format!("/v1/payment-links/{id}/attempts/{attempt}/resolve");
        let reply = world.crm(Method::POST, &path, json!({ "outcome": "refund" })).await;
        assert_eq!(reply.status, StatusCode::OK, "{}: {}", row.name(), reply.text);
        world.turn_clock(MINUTE);
        world.sweep().await;
        scene.assert_refunded(&link).await;
    }
}

#[tokio::test]
async fn a_payment_that_comes_too_late_is_not_kept_and_goes_back() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.short_link().await;
        let page = world.go_to_gateway(&link).await;
        let chosen = world.choose(&page, row.returning).await;
        world.turn_clock(45 * MINUTE);
        world.go_back(&chosen).await;
        scene.assert_nothing_kept(&link).await;
        if row.takes_by_confirming() {
            assert_eq!(scene.booked(&link, 0).await["ours"], false, "{}: it must not be taken", row.name());
        }
        scene.until_refunded(&link, 0).await;
    }
}

#[tokio::test]
async fn of_two_payments_for_one_link_one_is_kept_and_the_other_goes_back() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        let first = world.go_to_gateway(&link).await;
        world.turn_clock(31 * MINUTE);
        let second = world.go_to_gateway(&link).await;
        assert_ne!(first, second, "{}", row.name());
        world.come_back(&world.choose(&second, row.returning).await).await;
        scene.assert_paid_once(&link).await;
        let chosen = world.choose(&first, row.returning).await;
        world.go_back(&chosen).await;
        scene.until_refunded(&link, 0).await;
        scene.assert_paid_once(&link).await;
    }
}

/// A customer may have chosen what lets the session be closed, or not.
async fn cancel_and_choose(gateway: GatewayKind, before: Option<&str>, is_closed: bool) {
    let scene = Scene::at(gateway).await;
    let (world, row) = (&scene.world, &scene.row);
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    if let Some(choice) = before {
        assert_eq!(world.choose(&page, choice).await.status, StatusCode::OK, "{}", row.name());
    }
    scene.cancel(&link).await;
    world.sweep().await;
    let chosen = world.choose(&page, row.returning).await;
    if is_closed {
        assert!(!chosen.status.is_redirection(), "{}: nobody can pay any more", row.name());
        assert_eq!(scene.booked(&link, 0).await["taken"], false, "{}", row.name());
        assert_eq!(world.link(&link).await["attempts"][0]["status"], "failed", "{}", row.name());
    } else {
        world.go_back(&chosen).await;
        scene.until_refunded(&link, 0).await;
    }
    scene.assert_nothing_kept(&link).await;
}

#[tokio::test]
async fn a_link_that_was_cancelled_closes_its_session_where_the_gateway_can_and_else_the_money_goes_back() {
    for gateway in GatewayKind::ALL {
        let can_close = gateway.profile().can_close;
        match Row::of(gateway).closable_after {
            None => cancel_and_choose(gateway, None, can_close).await,
            Some(choice) => {
                assert!(can_close);
                cancel_and_choose(gateway, Some(choice), true).await;
                cancel_and_choose(gateway, None, false).await;
            }
        }
    }
}

#[tokio::test]
async fn money_that_is_on_its_way_is_waited_for_whether_it_arrives_or_not() {
    for gateway in GatewayKind::ALL {
        let Some(slow) = Row::of(gateway).slow else { continue };
        for arrives in [true, false] {
            let scene = Scene::at(gateway).await;
            let (world, row) = (&scene.world, &scene.row);
            let link = scene.link().await;
            let page = world.go_to_gateway(&link).await;
            let end = world.come_back(&world.choose(&page, slow).await).await;
            assert!(end.text.contains("Your payment is being confirmed"), "{}: {}", row.name(), end.text);
            world.turn_clock(2 * HOUR);
            world.sweep().await;
            let waiting = world.open(link["url"].as_str().unwrap()).await;
            assert_eq!(waiting.status, StatusCode::OK, "{}: nobody should pay again meanwhile", row.name());
            scene.complete(&link, if arrives { "succeeded" } else { "failed" }).await;
            world.turn_clock(HOUR);
            world.sweep().await;
            if !arrives {
                scene.assert_nothing_kept(&link).await;
                world.pay(&link, row.returning).await;
            }
            scene.assert_paid_once(&link).await;
        }
    }
}

#[tokio::test]
async fn a_bank_that_says_yes_after_its_no_is_heard_although_the_session_is_over() {
    for gateway in GatewayKind::ALL {
        if !Row::of(gateway).changes_its_mind {
            continue;
        }
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        world.choose(&world.go_to_gateway(&link).await, "failed").await;
        scene.cancel(&link).await;
        world.sweep().await;
        let status = world.link(&link).await["attempts"][0]["status"].clone();
        assert_eq!(status, "open", "{}: closed, and not decided", row.name());
        scene.complete(&link, "authorized").await;
        world.turn_clock(HOUR);
        world.sweep().await;
        scene.complete(&link, "succeeded").await;
        scene.until_refunded(&link, 0).await;
        scene.assert_nothing_kept(&link).await;
    }
}

#[tokio::test]
async fn money_whose_refunding_was_not_answered_goes_back_once() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let Some(less) = row.less else { continue };
        let link = scene.link().await;
        world.pay(&link, less).await;
        world.misbehave(row.name(), row.refund, "drop_after", 1).await;
        let read = world.link(&link).await;
        let attempt = &read["attempts"][0];
        if attempt["status"] == "needs_review" {
            let (id, attempt) = (read["id"].as_str().unwrap(), attempt["id"].as_str().unwrap());
            let path = format!("/v1/payment-links/{id}/attempts/{attempt}/resolve");
            let reply = world.crm(Method::POST, &path, json!({ "outcome": "refund" })).await;
            assert_eq!(reply.status, StatusCode::OK, "{}: {}", row.name(), reply.text);
        }
        for _ in 0..3 {
            world.turn_clock(5 * MINUTE);
            world.sweep().await;
        }
        assert_eq!(world.link(&link).await["attempts"][0]["status"], "refunded", "{}", row.name());
        let book = scene.booked(&link, 0).await;
        assert_eq!((&book["refunded"], &book["taken"]), (&book["amount"], &json!(false)), "{}", row.name());
    }
}

/// The customer pays one link and shows its return to a cheaper or dearer one, without what names the session.
#[tokio::test]
async fn the_return_of_a_payment_of_another_amount_cannot_take_it_from_its_link() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let (first, second) = (scene.link().await, scene.link_over(scene.amount() / 5).await);
        world.go_to_gateway(&second).await;
        let chosen = world.choose(&world.go_to_gateway(&first).await, row.returning).await;
        let (one, other) = (scene.stored(&first).await, scene.stored(&second).await);
        let (one, attempt) = (&one.attempts()[0], &other.attempts()[0]);
        let mut back = way_back(&chosen);
        back.action = back.action.replace(first["id"].as_str().unwrap(), second["id"].as_str().unwrap());
        back.action = back.action.replace(one.key.expose(), attempt.key.expose());
        back.fields.retain(|(_, value)| *value != one.session && value != one.id.as_str());
        let reply = world.post_form(&back, &[]).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", row.name());
        assert_eq!(world.link(&second).await["needs_review"], false, "{}: it says nothing", row.name());
        world.come_back(&chosen).await;
        scene.assert_paid_once(&first).await;
        for _ in 0..3 {
            world.turn_clock(2 * MINUTE);
            world.sweep().await;
        }
        scene.assert_nothing_kept(&second).await;
        scene.assert_paid_once(&first).await;
    }
}

#[tokio::test]
async fn a_payment_that_nobody_reports_is_found_or_goes_back_by_itself() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let link = scene.link().await;
        let page = world.go_to_gateway(&link).await;
        world.choose(&page, row.silent).await;
        world.turn_clock(MINUTE);
        world.sweep().await;
        match gateway.profile().look_up {
            LookUp::AnyTime => scene.assert_paid_once(&link).await,
            LookUp::OnlyOnReturn => {
                world.turn_clock(2 * HOUR);
                world.sweep().await;
                scene.assert_nothing_kept(&link).await;
                assert_eq!(world.link(&link).await["attempts"][0]["status"], "abandoned", "{}", row.name());
                world.pay(&link, row.returning).await;
                scene.assert_paid_once(&link).await;
            }
        }
    }
}

#[tokio::test]
async fn a_gateways_own_call_confirms_a_payment_and_a_forged_one_does_not() {
    for gateway in GatewayKind::ALL {
        let scene = Scene::at(gateway).await;
        let (world, row) = (&scene.world, &scene.row);
        let address = format!("/gateways/{}/notify/{}", row.name(), scene.account["id"].as_str().unwrap());
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let forged = world.send(Method::POST, &address, &form, Some("id=tr_forged".to_owned())).await;
        let expected = match gateway.profile().webhooks {
            Webhooks::None => StatusCode::NOT_FOUND,
            Webhooks::Signed => StatusCode::BAD_REQUEST,
            // Which payments there are is nobody's business.
            Webhooks::Unsigned => StatusCode::OK,
        };
        assert_eq!(forged.status, expected, "{}: {}", row.name(), forged.text);
        if gateway.profile().webhooks == Webhooks::None {
            continue;
        }
        let link = scene.link().await;
        let page = world.go_to_gateway(&link).await;
        if gateway.profile().webhooks == Webhooks::Unsigned {
            let attempt = scene.stored(&link).await.attempts()[0].id.clone();
            let told = format!("{address}?link={}&attempt={attempt}", link["id"].as_str().unwrap());
            let reply = world.send(Method::POST, &told, &form, Some("id=tr_forged".to_owned())).await;
            assert_eq!(reply.status, StatusCode::OK);
            scene.assert_nothing_kept(&link).await;
        }
        world.choose(&page, "paid_no_return").await;
        world.wait_for(&link, |link| link["status"] == "paid").await;
        scene.assert_paid_once(&link).await;
    }
}

#[tokio::test]
async fn every_gateway_is_described_by_what_its_accounts_are_checked_against() {
    let world = World::in_process().await;
    let gateways = world.get("/v1/gateways").await["data"].as_array().unwrap().clone();
    assert_eq!(gateways.len(), GatewayKind::ALL.len());
    for gateway in gateways {
        let (id, currency) = (gateway["id"].as_str().unwrap(), gateway["currencies"][0].as_str().unwrap());
        let write = async |currency: &str, credentials: Value| {
            let online = json!({ "enabled": true, "gateway": id, "credentials": credentials });
            let body = json!({ "name": "A", "currency": currency, "mode": "sandbox", "online_payment": online });
            world.crm(Method::PUT, &format!("/v1/accounts/{id}-new"), body).await
        };
        let fields = gateway["credentials"].as_array().unwrap();
        let required: Vec<_> = fields.iter().filter(|field| field["required"] == true).collect();
        let missing = write(currency, json!({})).await.problems();
        let pointer = |field: &&Value| format!("/online_payment/credentials/{}", field["name"].as_str().unwrap());
        let expected: Vec<_> = required.iter().map(|field| (pointer(field), "required".to_owned())).collect();
        assert_eq!(missing, expected, "{id}");
        assert!(fields.iter().all(|field| field["pattern"]["live"].is_string() && field["description"].is_string()));
        // Nothing that is secret has a name of its own anywhere in the answer but as a field.
        assert_eq!(write("XYZ", json!({})).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

//! What gateways call about refunds: it makes us ask before the schedule does, and decides nothing by itself. That a
//! simulator makes these calls, and that each is heard at once, is asked of every gateway in
//! `conformance/refund_calls.rs`.

use std::time::Duration;

use domain::gateway::GatewayKind::{self, Mollie, Razorpay, Stripe};
use domain::ids::LinkId;
use domain::link::{Attempt, Hint, RefundState};
use hmac::{Hmac, KeyInit, Mac};
use paylink_local::seed::{
    DEMO, MOLLIE_KEY, RAZORPAY_KEY, RAZORPAY_SECRET, RAZORPAY_WEBHOOK_SECRET, STRIPE_KEY, STRIPE_WEBHOOK_SECRET,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use store::Written;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

const MINUTE: Duration = Duration::from_secs(60);

/// A payment whose money a person had refunded, and the gateway's own id of it.
struct Refunding {
    gateway: GatewayKind,
    link: Made,
    session: String,
}

fn account(gateway: GatewayKind) -> &'static str {
    match gateway {
        Stripe => "euro",
        Mollie => "mollie",
        _ => "rupee",
    }
}

/// A link that was paid less than it asks for, and whose money a person has refunded. Nobody has asked the gateway for
/// it.
async fn decided(world: &FaultyWorld, gateway: GatewayKind, key: &str) -> Refunding {
    let body = json!({ "account_id": account(gateway), "contact_id": "c-1042", "amount": 2_000, "expires_in_days": 7 });
    let link = world.make_link(&body, &format!("{key}-{}", gateway.as_str())).await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid_less").await.unwrap();
    world.open(&back).await.unwrap();
    let reply = world.resolve(&link, "refund", "refund-it").await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{gateway:?}: {}", reply.text);
    Refunding { gateway, link, session: page.rsplit('/').next().unwrap().to_owned() }
}

/// The same, where the gateway took the order and is not done.
async fn under_way(world: &FaultyWorld, gateway: GatewayKind, key: &str) -> Refunding {
    let refunding = decided(world, gateway, key).await;
    let pending = json!({ "becomes": "pending" });
    assert!(world.order_at_gateway(gateway.as_str(), "next_refund", &pending).await.is_success());
    world.sweep().await.unwrap().unwrap();
    refunding.assert_is(world, "accepted").await;
    refunding
}

impl Refunding {
    async fn attempt(&self, world: &FaultyWorld) -> Attempt {
        let link = world.cloud.store.link(&LinkId::parse(&self.link.id).unwrap()).await.unwrap().unwrap();
        link.attempts()[0].clone()
    }

    async fn assert_is(&self, world: &FaultyWorld, state: &str) {
        let refund = self.attempt(world).await.refunds.pop().unwrap();
        let is = match refund.state {
            RefundState::Pending => "pending",
            RefundState::Calling { .. } => "calling",
            RefundState::Accepted { .. } => "accepted",
            RefundState::Acknowledged { .. } => "acknowledged",
            RefundState::Succeeded { .. } => "succeeded",
            RefundState::Voiding { .. } => "voiding",
            RefundState::Failed { .. } => "failed",
            RefundState::NeedsReview { .. } => "needs_review",
        };
        assert_eq!(is, state, "{:?}: {refund:?}", self.gateway);
    }

    /// The gateway finishes the refund, and its calls are lost.
    async fn finish(&self, world: &FaultyWorld, outcome: &str) {
        let what = format!("{}/complete_refund", self.session);
        let order = json!({ "outcome": format!("{outcome}_no_webhook") });
        assert!(world.order_at_gateway(self.gateway.as_str(), &what, &order).await.is_success(), "{:?}", self.gateway);
    }

    /// The refund as the gateway's own API shows it.
    async fn at_the_gateway(&self, world: &FaultyWorld) -> Value {
        let refund = self.attempt(world).await.refunds.pop().unwrap().gateway_reference.unwrap();
        let base = world.cloud.page_url();
        let http = reqwest::Client::new();
        let request = match self.gateway {
            Stripe => http.get(format!("{base}/stripe/v1/refunds/{refund}")).bearer_auth(STRIPE_KEY),
            Razorpay => {
                http.get(format!("{base}/razorpay/v1/refunds/{refund}")).basic_auth(RAZORPAY_KEY, Some(RAZORPAY_SECRET))
            }
            other => panic!("{other:?} names no refund in its calls"),
        };
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The gateway's call about this refund, as it documents it.
    async fn body(&self, world: &FaultyWorld) -> String {
        // Mollie's names no refund, so that it can come before there is one.
        let refund = if self.gateway == Mollie { Value::Null } else { self.at_the_gateway(world).await };
        self.body_about(&refund)
    }

    fn body_about(&self, refund: &Value) -> String {
        let event = match self.gateway {
            Stripe => json!({
                "id": "evt_1", "object": "event", "type": "refund.updated", "created": 1,
                "data": { "object": refund },
            }),
            Razorpay => json!({
                "entity": "event", "event": "refund.processed", "contains": ["refund", "payment"], "created_at": 1,
                "payload": { "refund": { "entity": refund } },
            }),
            _ => return format!("id={}", self.session),
        };
        event.to_string()
    }

    /// The gateway calls about this refund at the address of an account.
    async fn tell(&self, world: &FaultyWorld, account: &str) -> StatusCode {
        let (body, secret) = (self.body(world).await, secret(self.gateway));
        self.tell_signed(world, account, &body, secret).await
    }

    async fn tell_signed(&self, world: &FaultyWorld, account: &str, body: &str, secret: &str) -> StatusCode {
        let address = format!("/gateways/{}/notify/{DEMO}/{account}", self.gateway.as_str());
        let attempt = self.attempt(world).await.id;
        let (address, header) = match self.gateway {
            Stripe => {
                let time = world.now().as_second();
                let signature = format!("t={time},v1={}", hmac_of(secret, &format!("{time}.{body}")));
                (address, ("stripe-signature", signature))
            }
            Razorpay => (address, ("x-razorpay-signature", hmac_of(secret, body))),
            _ => {
                let form = "application/x-www-form-urlencoded".to_owned();
                (format!("{address}?link={}&attempt={attempt}", self.link.id), ("content-type", form))
            }
        };
        world.ask(Method::POST, &address, &[(header.0, &header.1)], Some(body)).await.unwrap().status
    }
}

fn secret(gateway: GatewayKind) -> &'static str {
    if gateway == Stripe { STRIPE_WEBHOOK_SECRET } else { RAZORPAY_WEBHOOK_SECRET }
}

fn hmac_of(secret: &str, text: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// How many calls the gateway got since they are recorded.
fn calls(world: &FaultyWorld, gateway: GatewayKind) -> usize {
    world.proxy.calls().iter().filter(|call: &&Call| call.service == gateway.as_str()).count()
}

/// Another account at the same gateway, with the very same secrets.
async fn other_account(world: &FaultyWorld, gateway: GatewayKind) -> String {
    let (currency, credentials) = match gateway {
        Stripe => ("EUR", json!({ "secret_key": STRIPE_KEY, "webhook_secret": STRIPE_WEBHOOK_SECRET })),
        Mollie => ("EUR", json!({ "api_key": MOLLIE_KEY })),
        _ => {
            let webhook_secret = RAZORPAY_WEBHOOK_SECRET;
            let key =
                json!({ "key_id": RAZORPAY_KEY, "key_secret": RAZORPAY_SECRET, "webhook_secret": webhook_secret });
            ("INR", key)
        }
    };
    let id = format!("other-{}", gateway.as_str());
    let payment = json!({ "enabled": true, "gateway": gateway.as_str(), "credentials": credentials });
    let body = json!({ "name": "Other", "currency": currency, "mode": "sandbox", "online_payment": payment });
    let reply = world.crm(Method::PUT, &format!("/v1/accounts/{id}"), &body, &[]).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
    id
}

#[tokio::test]
async fn a_call_about_a_refund_is_heard_where_it_is_signed_and_at_its_own_account_alone() {
    let world = FaultyWorld::start(3600).await;
    for gateway in [Stripe, Razorpay, Mollie] {
        let refunding = under_way(&world, gateway, "heard").await;
        let other = other_account(&world, gateway).await;
        refunding.finish(&world, "succeeded").await;
        world.proxy.record();
        if gateway != Mollie {
            let body = refunding.body(&world).await;
            let forged = refunding.tell_signed(&world, account(gateway), &body, "whsec_of_somebody_else").await;
            assert_eq!(forged, StatusCode::BAD_REQUEST, "{gateway:?}");
        }
        assert_eq!(refunding.tell(&world, &other).await, StatusCode::OK, "{gateway:?}: it was signed rightly");
        assert_eq!(calls(&world, gateway), 0, "{gateway:?}: nobody asked about another account's refund");
        refunding.assert_is(&world, "accepted").await;
        assert_eq!(refunding.tell(&world, account(gateway)).await, StatusCode::OK, "{gateway:?}");
        refunding.assert_is(&world, "succeeded").await;
        let asked = calls(&world, gateway);
        assert_eq!(refunding.tell(&world, account(gateway)).await, StatusCode::OK, "{gateway:?}: it comes once more");
        assert_eq!(calls(&world, gateway), asked, "{gateway:?}: what is decided is not asked about");
    }
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_call_that_claims_the_end_of_a_refund_is_not_believed() {
    let world = FaultyWorld::start(3600).await;
    for gateway in [Stripe, Razorpay, Mollie] {
        let refunding = under_way(&world, gateway, "claimed").await;
        assert_eq!(refunding.tell(&world, account(gateway)).await, StatusCode::OK, "{gateway:?}");
        refunding.assert_is(&world, "accepted").await;
        refunding.finish(&world, "failed").await;
        world.turn_time(Duration::from_secs(4));
        assert_eq!(refunding.tell(&world, account(gateway)).await, StatusCode::OK, "{gateway:?}");
        refunding.assert_is(&world, "failed").await;
    }
}

#[tokio::test]
async fn a_refund_that_was_not_asked_for_yet_is_asked_for_by_no_call() {
    let world = FaultyWorld::start(3600).await;
    let refunding = decided(&world, Mollie, "early").await;
    world.proxy.record();
    assert_eq!(refunding.tell(&world, "mollie").await, StatusCode::OK);
    assert!(calls(&world, Mollie) > 0, "the gateway is asked which refunds there are");
    refunding.assert_is(&world, "pending").await;
    let booked =
        async || world.books_of("mollie").await.into_iter().find(|one| one["id"] == *refunding.session).unwrap();
    assert_eq!(booked().await["refunds"], 0);
    world.sweep().await.unwrap().unwrap();
    refunding.assert_is(&world, "succeeded").await;
    assert_eq!(booked().await["refunds"], 1);
}

#[tokio::test]
async fn a_call_that_comes_while_a_sweep_refunds_leads_to_no_second_refund() {
    let world = FaultyWorld::start(3600).await;
    for gateway in [Stripe, Razorpay, Mollie] {
        for becomes in ["succeeded", "pending"] {
            let refunding = decided(&world, gateway, becomes).await;
            let name = gateway.as_str();
            assert!(world.order_at_gateway(name, "next_refund", &json!({ "becomes": becomes })).await.is_success());
            let attempt = refunding.attempt(&world).await.id;
            let ours = json!({ "paylink_link": refunding.link.id, "paylink_attempt": attempt.as_str() });
            let body = refunding.body_about(&json!({ "id": "re_1", "metadata": ours, "notes": ours }));
            let tell = || refunding.tell_signed(&world, account(gateway), &body, secret(gateway));
            let (swept, first, second) = tokio::join!(world.sweep(), tell(), tell());
            swept.unwrap().unwrap();
            for status in [first, second] {
                assert!([StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&status), "{name}: {status}");
            }
            world.turn_time(MINUTE);
            world.sweep().await.unwrap().unwrap();
            refunding.assert_is(&world, if becomes == "pending" { "accepted" } else { becomes }).await;
            let books = world.books_of(name).await;
            let booked = books.iter().find(|one| one["id"] == *refunding.session).unwrap();
            assert_eq!(booked["refunds"], 1, "{name}: {booked}");
        }
    }
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_call_that_comes_together_with_a_sweep_keeps_nobodys_money_waiting() {
    let world = FaultyWorld::start(3600).await;
    let is_write = |call: &Call| call.function == "expire-links" && call.operation == "PutItem";
    // The first write of the sweep leases the work, and the second says that the refund is about to be asked for.
    for (write, key) in [(1, "leased"), (2, "intended")] {
        let refunding = decided(&world, Mollie, key).await;
        let mut writes = 0;
        world.proxy.decide(move |_, call| {
            writes += usize::from(is_write(call));
            (is_write(call) && writes == write).then_some(Fault::Delay(Duration::from_millis(1_500)))
        });
        let meanwhile = async {
            while world.proxy.calls().iter().filter(|call| is_write(call)).count() < write {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // This is what a call writes that brings no news.
            let link = world.cloud.store.link(&LinkId::parse(&refunding.link.id).unwrap()).await.unwrap().unwrap();
            let called = link.asked(&link.attempts()[0].id, Hint::Changed, false, world.now());
            assert!(matches!(world.cloud.store.replace_link(&called).await.unwrap(), Written::Applied), "{key}");
        };
        let (swept, ()) = tokio::join!(world.sweep(), meanwhile);
        swept.unwrap().unwrap();
        refunding.assert_is(&world, "succeeded").await;
        let books = world.books_of("mollie").await;
        assert_eq!(books.iter().find(|one| one["id"] == *refunding.session).unwrap()["refunds"], 1, "{key}");
    }
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn what_was_said_of_one_refund_is_not_held_against_the_next() {
    let world = FaultyWorld::start(3600).await;
    let refunding = under_way(&world, Stripe, "next").await;
    refunding.finish(&world, "failed").await;
    let is_write = |call: &Call| call.function == "gateway-webhook" && call.operation == "PutItem";
    world.proxy.decide(move |_, call| is_write(call).then_some(Fault::Delay(Duration::from_millis(1_500))));
    // What the call made known is about to be written when the schedule writes the same, and a person has it refunded
    // anew.
    let meanwhile = async {
        while !world.proxy.calls().iter().any(is_write) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.turn_time(MINUTE);
        world.sweep().await.unwrap().unwrap();
        refunding.assert_is(&world, "failed").await;
        let reply = world.resolve(&refunding.link, "refund", "once-more").await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    };
    let (told, ()) = tokio::join!(refunding.tell(&world, "euro"), meanwhile);
    assert_eq!(told, StatusCode::OK);
    refunding.assert_is(&world, "pending").await;
    world.proxy.record();
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    refunding.assert_is(&world, "succeeded").await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_call_about_a_refund_whose_outcome_is_unknown_is_wanted_again_and_counts_for_nothing() {
    let world = FaultyWorld::start(3600).await;
    for gateway in [Stripe, Razorpay, Mollie] {
        let refunding = under_way(&world, gateway, "unknown").await;
        refunding.finish(&world, "succeeded").await;
        let (body, secret) = (refunding.body(&world).await, secret(gateway));
        let broken = json!({ "call": "retrieve_refund", "how": "502_html", "times": 1 });
        assert!(world.order_at_gateway(gateway.as_str(), "next_answer", &broken).await.is_success());
        let told = refunding.tell_signed(&world, account(gateway), &body, secret).await;
        assert_eq!(told, StatusCode::SERVICE_UNAVAILABLE, "{gateway:?}");
        refunding.assert_is(&world, "accepted").await;
        let refund = refunding.attempt(&world).await.refunds.pop().unwrap();
        assert_eq!(refund.unanswered, 0, "{gateway:?}: how often the gateway is asked so is not ours to say");
        world.turn_time(Duration::from_secs(4));
        assert_eq!(refunding.tell(&world, account(gateway)).await, StatusCode::OK, "{gateway:?}");
        refunding.assert_is(&world, "succeeded").await;
    }
}

#[tokio::test]
async fn strangers_make_us_ask_about_a_refund_every_few_seconds_only_and_who_signs_does_not_wait() {
    let world = FaultyWorld::start(3600).await;
    for (gateway, heard) in [(Mollie, 1), (Stripe, 5), (Razorpay, 5)] {
        let refunding = under_way(&world, gateway, "often").await;
        world.proxy.record();
        for _ in 0..5 {
            refunding.tell(&world, account(gateway)).await;
        }
        assert_eq!(calls(&world, gateway), heard, "{gateway:?}");
        world.turn_time(Duration::from_secs(4));
        refunding.tell(&world, account(gateway)).await;
        assert_eq!(calls(&world, gateway), heard + 1, "{gateway:?}");
    }
}

#[tokio::test]
async fn a_call_about_a_refund_of_somebody_else_does_nothing() {
    let world = FaultyWorld::start(3600).await;
    let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 2_000, "expires_in_days": 7 });
    let link = world.make_link(&body, "kept").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid_no_webhook").await.unwrap();
    world.open(&back).await.unwrap();
    let kept = Refunding { gateway: Stripe, link, session: page.rsplit('/').next().unwrap().to_owned() };
    let attempt = kept.attempt(&world).await;
    world.proxy.record();
    let event = |metadata: Value| {
        let refund = json!({ "id": "re_1", "object": "refund", "status": "succeeded", "metadata": metadata });
        json!({ "id": "evt_1", "object": "event", "type": "refund.updated", "data": { "object": refund } }).to_string()
    };
    let ours = json!({ "paylink_link": kept.link.id, "paylink_attempt": attempt.id.as_str() });
    for (metadata, expected) in [(Value::Null, 0), (ours, 3)] {
        let status = kept.tell_signed(&world, "euro", &event(metadata), STRIPE_WEBHOOK_SECRET).await;
        assert_eq!(status, StatusCode::OK);
        let what =
            "of a payment that is kept it is asked once what the gateway shows: its charge, refunds and disputes";
        assert_eq!(calls(&world, Stripe), expected, "{what}");
    }
    assert_eq!(kept.attempt(&world).await, attempt);
    world.turn_time(MINUTE);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

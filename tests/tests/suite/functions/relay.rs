//! Accounts whose gateway is reached through a relay of the business.

use std::time::Duration;

use paylink_local::seed::{
    MOLLIE_KEY, RAZORPAY_KEY, RAZORPAY_SECRET, RAZORPAY_WEBHOOK_SECRET, STRIPE_KEY, STRIPE_WEBHOOK_SECRET,
    ZARINPAL_MERCHANT,
};
use reqwest::Method;
use serde_json::{Value, json};
use simulators::relay::{Health, Relay, SECRET_HEADER};
use tests::World;

use super::settings_are_read_again;

const MINUTE: Duration = Duration::from_secs(60);
pub(super) const SECRET: &str = "the-secret-of-the-relay";

/// A relay that passes calls on to the simulated gateways.
pub(super) async fn relay(world: &World) -> Relay {
    let host = world.cloud.page_url();
    Relay::start(SECRET, &[host.trim_start_matches("http://")]).await.unwrap()
}

/// An account of the demo business, by its gateway.
pub(super) struct Of {
    pub(super) gateway: &'static str,
    currency: &'static str,
    credentials: Value,
}

pub(super) fn zarinpal() -> Of {
    Of { gateway: "zarinpal", currency: "IRR", credentials: json!({ "merchant_id": ZARINPAL_MERCHANT }) }
}

pub(super) fn sep() -> Of {
    Of { gateway: "sep", currency: "IRR", credentials: json!({ "terminal_id": "2015" }) }
}

pub(super) fn stripe() -> Of {
    let credentials = json!({ "secret_key": STRIPE_KEY, "webhook_secret": STRIPE_WEBHOOK_SECRET });
    Of { gateway: "stripe", currency: "EUR", credentials }
}

pub(super) fn zibal() -> Of {
    Of { gateway: "zibal", currency: "IRR", credentials: json!({ "merchant": "zibal" }) }
}

fn mollie() -> Of {
    Of { gateway: "mollie", currency: "EUR", credentials: json!({ "api_key": MOLLIE_KEY }) }
}

fn razorpay() -> Of {
    let credentials = json!({
        "key_id": RAZORPAY_KEY, "key_secret": RAZORPAY_SECRET, "webhook_secret": RAZORPAY_WEBHOOK_SECRET,
    });
    Of { gateway: "razorpay", currency: "INR", credentials }
}

pub(super) fn through(relay: &Relay, secret: &str, seconds: u64) -> Value {
    json!({ "url": relay.url(), "header": SECRET_HEADER, "secret": secret, "seconds": seconds })
}

/// The body that makes such an account, with a relay or without.
fn account(of: &Of, relay: &Value) -> Value {
    json!({ "name": "A", "currency": of.currency, "mode": "sandbox",
            "online_payment": { "enabled": true, "gateway": of.gateway, "credentials": of.credentials, "relay": relay,
                                "summary_page": false } })
}

pub(super) async fn write(world: &World, id: &str, of: &Of, relay: &Value) -> Value {
    let written = world.put(&format!("/v1/accounts/{id}"), account(of, relay)).await;
    settings_are_read_again().await;
    written
}

async fn link(world: &World, id: &str) -> Value {
    let account = world.get(&format!("/v1/accounts/{id}")).await;
    let body = json!({ "account_id": id, "contact_id": "c-1042", "amount": 500_000, "locale": "en",
                       "currency": account["currency"] });
    world.make_link(body).await
}

async fn pays_through_the_relay(of: Of, calls: &[&str]) {
    let world = World::in_process().await;
    let relay = relay(&world).await;
    write(&world, "relayed", &of, &through(&relay, SECRET, 15)).await;
    let link = link(&world, "relayed").await;
    let page = world.go_to_gateway(&link).await;
    assert!(page.starts_with(&world.cloud.page_url()), "customers go to the gateway itself: {page}");
    let chosen = world.choose(&page, "paid").await;
    world.come_back(&chosen).await;
    assert_eq!(world.link(&link).await["status"], "paid");
    let passed_on = relay.passed_on();
    for call in calls {
        assert!(passed_on.iter().any(|one| one.contains(call)), "{call} is not among {passed_on:?}");
    }
    assert_eq!(relay.refused(), 0);
}

#[tokio::test]
async fn a_payment_at_zarinpal_goes_through_the_relay_of_its_account() {
    pays_through_the_relay(zarinpal(), &["/zarinpal/pg/v4/payment/request", "/zarinpal/pg/v4/payment/verify"]).await;
}

#[tokio::test]
async fn a_payment_at_sep_goes_through_the_relay_of_its_account() {
    pays_through_the_relay(sep(), &["/sep/onlinepg/onlinepg", "VerifyTransaction"]).await;
}

#[tokio::test]
async fn a_payment_at_stripe_goes_through_the_relay_of_its_account() {
    let calls = ["/stripe/v1/checkout/sessions", "?expand%5B%5D=payment_intent"];
    pays_through_the_relay(stripe(), &calls).await;
}

#[tokio::test]
async fn a_payment_at_zibal_goes_through_the_relay_of_its_account() {
    pays_through_the_relay(zibal(), &["/zibal/v1/request", "/zibal/v1/verify"]).await;
}

#[tokio::test]
async fn a_payment_at_mollie_goes_through_the_relay_of_its_account() {
    pays_through_the_relay(mollie(), &["/mollie/v2/payments"]).await;
}

#[tokio::test]
async fn a_payment_at_razorpay_goes_through_the_relay_of_its_account() {
    pays_through_the_relay(razorpay(), &["/razorpay/v1/payment_links"]).await;
}

#[tokio::test]
async fn a_relay_is_read_back_without_its_secret_and_stays_with_the_credentials() {
    let world = World::in_process().await;
    let relay = relay(&world).await;
    let shown = json!({ "url": relay.url(), "header": SECRET_HEADER, "seconds": 12 });
    let written = write(&world, "relayed", &zarinpal(), &through(&relay, SECRET, 12)).await;
    assert_eq!(written["online_payment"]["relay"], shown);
    assert!(!written.to_string().contains(SECRET), "{written}");
    let renamed = json!({ "name": "B", "currency": "IRR", "mode": "sandbox",
                          "online_payment": { "enabled": true, "gateway": "zarinpal" } });
    assert_eq!(world.put("/v1/accounts/relayed", renamed).await["online_payment"]["relay"], shown);
    assert_eq!(world.get("/v1/accounts/relayed").await["online_payment"]["relay"], shown);
    let direct = write(&world, "relayed", &zarinpal(), &Value::Null).await;
    assert_eq!(direct["online_payment"]["relay"], Value::Null, "new credentials without one go to the gateway itself");
}

#[tokio::test]
async fn what_is_wrong_with_a_relay_is_refused_by_field() {
    let world = World::in_process().await;
    let at = |field: &str, code: &str| (format!("/online_payment/{field}"), code.to_owned());
    let wrong = json!({ "url": "http://relay.example", "header": "Authorization", "secret": "short", "seconds": 16,
                        "method": "POST" });
    let reply = world.crm(Method::PUT, "/v1/accounts/relayed", account(&zarinpal(), &wrong)).await;
    let expected = [
        at("relay/method", "unknown_field"),
        at("relay/url", "invalid_endpoint_url"),
        at("relay/header", "invalid_relay"),
        at("relay/secret", "invalid_relay"),
        at("relay/seconds", "out_of_range"),
    ];
    assert_eq!(reply.problems(), expected);
    let reply = world.crm(Method::PUT, "/v1/accounts/relayed", account(&zarinpal(), &json!({}))).await;
    let required = ["relay/url", "relay/header", "relay/secret"].map(|field| at(field, "required"));
    assert_eq!(reply.problems(), required);
    let mut alone = account(&zarinpal(), &json!({ "url": "https://r.example", "header": "x-r", "secret": SECRET }));
    alone["online_payment"]["credentials"] = Value::Null;
    let reply = world.crm(Method::PUT, "/v1/accounts/relayed", alone).await;
    assert_eq!(
        reply.problems(),
        [at("credentials", "required")],
        "nobody can have what they cannot read sent elsewhere"
    );
}

/// Somebody has paid, and the relay does not let us ask: that is no failure, and the account's next relay finds the payment.
async fn a_wrong_secret_fails_no_payment(of: Of, outcome: &str) {
    let world = World::in_process().await;
    let relay = relay(&world).await;
    write(&world, "relayed", &of, &through(&relay, SECRET, 15)).await;
    let paid = link(&world, "relayed").await;
    let page = world.go_to_gateway(&paid).await;
    let chosen = world.choose(&page, outcome).await;
    relay.change_secret("another-secret-of-the-relay");
    if of.gateway == "sep" {
        // Nothing is known of a payment there but by its return.
        world.go_back(&chosen).await;
    }
    world.turn_clock(MINUTE);
    world.sweep().await;
    let unpaid = link(&world, "relayed").await;
    let page = world.open(unpaid["url"].as_str().unwrap()).await;
    assert!(page.text.contains("We cannot reach the payment gateway"), "{}", page.text);
    assert_eq!(world.link(&unpaid).await["attempts"], json!([]), "nobody was sent anywhere");
    assert!(relay.refused() > 0 && relay.passed_on().len() == 1, "{:?}", relay.passed_on());
    let seen = world.link(&paid).await;
    assert_eq!((&seen["status"], &seen["needs_review"]), (&json!("active"), &json!(false)), "{seen}");
    let status = seen["attempts"][0]["status"].as_str().unwrap();
    assert!(["open", "confirming"].contains(&status), "{seen}");
    write(&world, "relayed", &of, &through(&relay, "another-secret-of-the-relay", 15)).await;
    world.turn_clock(MINUTE);
    world.sweep().await;
    assert_eq!(world.link(&paid).await["status"], "paid", "what is in flight goes on through the relay as it is now");
}

#[tokio::test]
async fn a_relay_that_does_not_know_us_fails_no_payment_at_zarinpal() {
    a_wrong_secret_fails_no_payment(zarinpal(), "paid_no_return").await;
}

#[tokio::test]
async fn a_relay_that_does_not_know_us_fails_no_payment_at_sep() {
    a_wrong_secret_fails_no_payment(sep(), "paid").await;
}

#[tokio::test]
async fn a_relay_that_does_not_know_us_fails_no_payment_at_stripe() {
    a_wrong_secret_fails_no_payment(stripe(), "paid_silent").await;
}

/// Links on an account whose customers paid and did not come back.
async fn paid_links(world: &World, account: &str, count: usize) -> Vec<Value> {
    let mut links = Vec::new();
    for _ in 0..count {
        let link = link(world, account).await;
        let page = world.go_to_gateway(&link).await;
        world.choose(&page, "paid_no_return").await;
        links.push(link);
    }
    links
}

#[tokio::test]
async fn a_relay_that_is_down_holds_up_only_those_who_are_behind_it() {
    let world = World::in_process().await;
    let (broken, sound) = (relay(&world).await, relay(&world).await);
    write(&world, "behind", &zarinpal(), &through(&broken, SECRET, 1)).await;
    write(&world, "beside", &zarinpal(), &through(&sound, SECRET, 1)).await;
    let (behind, beside) = (paid_links(&world, "behind", 16).await, paid_links(&world, "beside", 3).await);
    let direct = paid_links(&world, "main", 1).await;
    broken.set_health(Health::Silent);
    world.turn_clock(MINUTE);
    let begun = std::time::Instant::now();
    let swept = world.sweep().await;
    assert!(swept["left"].as_u64().unwrap() > 0, "the relay is given up after a few calls: {swept}");
    assert!(begun.elapsed() < Duration::from_secs(8), "each call had a second: {:?}", begun.elapsed());
    for link in beside.iter().chain(&direct) {
        assert_eq!(world.link(link).await["status"], "paid");
    }
    broken.set_health(Health::Up);
    world.turn_clock(MINUTE);
    world.sweep().await;
    for link in &behind {
        assert_eq!(world.link(link).await["status"], "paid");
    }
}

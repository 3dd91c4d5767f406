//! Money as gateways really behave: what went back before anybody looked, what comes after a no, whom a word reaches, and
//! whose money a late payment is.

use std::time::Duration;

use domain::ids::LinkId;
use domain::link::PaymentLink;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::fault_proxy::Call;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

pub(super) async fn link_on(world: &FaultyWorld, account: &str, key: &str) -> Made {
    let amount = if ["euro", "late-euro"].contains(&account) { 1_999 } else { 50_000 };
    let body = json!({ "account_id": account, "contact_id": "c-1042", "amount": amount, "expires_in_days": 7 });
    world.make_link(&body, key).await
}

pub(super) async fn read(world: &FaultyWorld, link: &Made) -> Value {
    let path = format!("/v1/payment-links/{}", link.id);
    world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap().json()
}

pub(super) async fn stored(world: &FaultyWorld, link: &Made) -> PaymentLink {
    world.cloud.store.link(&LinkId::parse(&link.id).unwrap()).await.unwrap().unwrap()
}

pub(super) fn session_of(page: &str) -> &str {
    page.rsplit('/').next().unwrap()
}

fn asked(world: &FaultyWorld, operation: &str) -> usize {
    world.proxy.calls().iter().filter(|call: &&Call| call.operation == operation).count()
}

#[tokio::test]
async fn what_went_back_at_stripe_before_anybody_looked_is_not_kept() {
    let world = FaultyWorld::start(3600).await;
    for (what, order, status, reason) in [
        ("refund_outside", json!({ "amount": 1_999 }), "refunded", Value::Null),
        ("refund_outside", json!({ "amount": 500 }), "needs_review", json!("stripe_partly_refunded")),
        ("dispute", json!({}), "needs_review", json!("stripe_disputed")),
    ] {
        let link = link_on(&world, "euro", &format!("{what}-{order}").replace(['"', '{', '}', ':'], "")).await;
        let page = world.go_to_gateway(&link).await;
        world.choose(&page, "paid_silent").await;
        let path = format!("{}/{what}", session_of(&page));
        assert!(world.order_at_gateway("stripe", &path, &order).await.is_success(), "{what} {order}");
        world.turn_time(MINUTE);
        world.sweep().await.unwrap().unwrap();
        let read = read(&world, &link).await;
        let attempt = &read["attempts"][0];
        assert_eq!((&attempt["status"], &attempt["reason"]), (&json!(status), &reason), "{what} {order}: {read}");
        assert_eq!(read["receipts"], json!([]), "{what} {order}");
    }
}

#[tokio::test]
async fn a_payment_of_a_session_that_zarinpal_had_called_failed_is_found_by_its_list() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "main", "late").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "failed").await.unwrap();
    world.open(&back).await.unwrap();
    assert_eq!(read(&world, &link).await["attempts"][0]["status"], "failed");
    // Two others of the account are due, so that its list is read.
    for number in 0..2 {
        world.go_to_gateway(&link_on(&world, "main", &format!("other-{number}")).await).await;
    }
    world.at_gateway("zarinpal", session_of(&page), "pay_late").await;
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    let read = read(&world, &link).await;
    assert_eq!((&read["status"], &read["receipts"].as_array().unwrap().len()), (&json!("paid"), &1), "{read}");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn what_a_gateway_calls_about_one_account_reaches_no_attempt_of_another() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "late-euro", "hint").await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_silent").await;
    world.proxy.record();
    let reply = world.stripe_webhook_to("euro", session_of(&page), "checkout.session.completed").await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "the call was signed rightly: {}", reply.text);
    assert_eq!(asked(&world, "GET /v1/checkout/sessions/{id}"), 0, "nobody asked about the other account's attempt");
    assert_eq!(read(&world, &link).await["status"], "active");
    world.stripe_webhook_to("late-euro", session_of(&page), "checkout.session.completed").await.unwrap();
    assert_eq!(read(&world, &link).await["status"], "paid");
}

#[tokio::test]
async fn whoever_comes_back_again_and_again_makes_us_ask_every_few_seconds_only() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "main", "again").await;
    let page = world.go_to_gateway(&link).await;
    let session = session_of(&page);
    let attempt = stored(&world, &link).await.attempts()[0].clone();
    let back = format!("/gateways/zarinpal/return/{}/{}?Authority={session}&Status=NOK", link.id, attempt.key.expose());
    world.proxy.record();
    for _ in 0..5 {
        world.open(&back).await.unwrap();
    }
    assert_eq!(asked(&world, "inquiry"), 1);
    world.turn_time(Duration::from_secs(4));
    world.open(&back).await.unwrap();
    assert_eq!(asked(&world, "inquiry"), 2);
    // That the customer has paid is news, and whoever says so again says nothing new.
    world.choose(&page, "paid_no_return").await;
    world.open(&back.replace("NOK", "OK")).await.unwrap();
    assert_eq!(read(&world, &link).await["status"], "paid");
}

#[tokio::test]
async fn a_return_that_names_its_reference_twice_fails_nothing() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "saman", "twice").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid").await.unwrap();
    world.open(&format!("{back}&RefNum=")).await.unwrap();
    assert_eq!(read(&world, &link).await["attempts"][0]["status"], "open", "nobody can know what was meant");
    world.open(&back).await.unwrap();
    assert_eq!(read(&world, &link).await["status"], "paid");
}

#[tokio::test]
async fn money_that_comes_when_another_link_has_the_reference_goes_back() {
    let world = FaultyWorld::start(3600).await;
    for (account, amount) in [("late-main", 50_000), ("late-euro", 1_999)] {
        let body = json!({
            "account_id": account, "contact_id": "c-1042", "amount": amount, "reference_id": format!("inv-{account}"),
            "expires_at": (world.now() + 30 * MINUTE).to_string(),
        });
        let link = world.make_link(&body, &format!("{account}-first")).await;
        let page = world.go_to_gateway(&link).await;
        let paid = if account == "late-main" { "paid_no_return" } else { "paid_silent" };
        world.turn_time(5 * MINUTE);
        world.choose(&page, paid).await;
        // Nobody looks until the link has ended and the CRM has made another for the same thing.
        world.turn_time(3 * HOUR);
        let ended = read(&world, &link).await;
        assert_eq!(ended["status"], "expired", "{account}: {ended}");
        let body = json!({
            "account_id": account, "contact_id": "c-1042", "amount": amount, "reference_id": format!("inv-{account}"),
            "expires_in_days": 7,
        });
        let next = world.make_link(&body, &format!("{account}-second")).await;
        assert_ne!(next.id, link.id);
        world.confirm().await;
        let read_first = read(&world, &link).await;
        assert_eq!(read_first["status"], "expired", "{account}: {read_first}");
        let expected = if account == "late-main" { "awaiting_reversal" } else { "refunded" };
        assert_eq!(read_first["attempts"][0]["status"], expected, "{account}: {read_first}");
        // Where no other link has it, late money pays.
        let page = world.go_to_gateway(&next).await;
        world.choose(&page, paid).await;
        world.turn_time(MINUTE);
        world.confirm().await;
        assert_eq!(read(&world, &next).await["status"], "paid", "{account}");
    }
    world.return_unverified_money().await;
    world.turn_time(HOUR);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_work_that_failed_and_nobody_overlooks_it() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "main", "spoilt").await;
    world.go_to_gateway(&link).await;
    world.spoil_item(&link).await;
    world.turn_time(MINUTE);
    let swept = world.sweep().await.unwrap().unwrap();
    assert_eq!((&swept["failed"], &swept["left"]), (&json!(1), &json!(1)), "{swept}");
}

#[tokio::test]
async fn a_sandbox_that_is_down_delays_no_live_money() {
    let world = FaultyWorld::start(3600).await;
    // Every account of the demo business is in the sandbox; this one is at the live host.
    let live = world.live_account().await;
    for number in 0..12 {
        world.go_to_gateway(&link_on(&world, "main", &format!("down-{number}")).await).await;
    }
    let link = link_on(&world, &live, "live").await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_no_return").await;
    world.turn_time(5 * MINUTE);
    world.proxy.decide(|_, call| (call.service == "zarinpal").then_some(tests::fault_proxy::Fault::Unavailable));
    world.sweep().await.unwrap().unwrap();
    assert_eq!(read(&world, &link).await["status"], "paid");
}

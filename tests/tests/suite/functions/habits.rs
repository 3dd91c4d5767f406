//! What single gateways do and the others do not: an address in a header, lists and answers that are late, codes that
//! pass and codes that do not, sessions that are put away, keys that may not do everything, banks that take their time.

use std::time::Duration;

use paylink_local::seed::{STRIPE_KEY, ZARINPAL_MERCHANT};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::faulty_world::{FaultyWorld, Made};
use tests::forms::Form;
use tests::invariants::Stage;

use super::money::{link_on, read, session_of, stored};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The tester's hand at a gateway.
async fn order(world: &FaultyWorld, gateway: &str, what: &str, order: Value) {
    let status = world.order_at_gateway(gateway, what, &order).await;
    assert!(status.is_success(), "{gateway}: {what} {order}: {status}");
}

async fn sweep_after(world: &FaultyWorld, time: Duration) {
    world.turn_time(time);
    world.sweep().await.unwrap().unwrap();
}

/// The first attempt of a link, as the CRM reads it.
async fn attempt(world: &FaultyWorld, link: &Made) -> Value {
    read(world, link).await["attempts"][0].clone()
}

/// The session of a link's first attempt in the gateway's own books.
async fn booked(world: &FaultyWorld, gateway: &str, link: &Made) -> Value {
    let session = stored(world, link).await.attempts()[0].session.clone();
    let books = world.books_of(gateway).await;
    books.into_iter().find(|one| one["id"] == session.as_str()).unwrap()
}

/// The types of the events about a link that the CRM got, in the order in which they came.
async fn told(world: &FaultyWorld, link: &Made) -> Vec<String> {
    world.bring_stream().await;
    let received = world.cloud.crm.events();
    let about = received.iter().filter(|one| one.event["payment_link_id"] == link.id.as_str());
    about.map(|one| one.event["type"].as_str().unwrap().to_owned()).collect()
}

fn count(told: &[String], kind: &str) -> usize {
    told.iter().filter(|one| *one == kind).count()
}

/// A person decides about the first attempt of a link.
async fn decide(world: &FaultyWorld, link: &Made, outcome: &str, key: &str) {
    let reply = world.resolve(link, outcome, key).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{outcome}: {}", reply.text);
}

/// A link that was paid half, whose money a person wants to be refunded.
async fn to_be_refunded(world: &FaultyWorld, account: &str, key: &str) -> Made {
    let link = link_on(world, account, key).await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid_less").await.unwrap();
    world.open(&back).await.unwrap();
    assert_eq!(attempt(world, &link).await["reason"], "amount_differs", "{account}");
    decide(world, &link, "refund", key).await;
    link
}

/// The first payment of a link is with the payer again, whole and once.
async fn assert_refunded_once(world: &FaultyWorld, gateway: &str, link: &Made) {
    let read = attempt(world, link).await;
    let last = read["refunds"].as_array().unwrap().last().unwrap();
    assert_eq!((&read["status"], &last["status"]), (&json!("refunded"), &json!("succeeded")), "{read}");
    let book = booked(world, gateway, link).await;
    assert_eq!((&book["taken"], &book["refund_pending"]), (&json!(false), &json!(0)), "{gateway}: {book}");
    let told = told(world, link).await;
    assert_eq!(count(&told, "refund.succeeded"), 1, "{gateway}: {told:?}");
}

#[tokio::test]
async fn the_form_goes_where_sep_says_and_to_no_stranger() {
    let world = FaultyWorld::start(3600).await;
    let page = world.open(&link_on(&world, "saman", "usual").await.url).await.unwrap();
    let usual = Form::of(&page.text).unwrap().action;
    assert!(usual.ends_with("/sep/OnlinePG/OnlinePG"), "{usual}");
    let new = "https://neo-pg.sep.ir/transaction/init";
    for (number, (named, expected)) in [
        (json!(new), new),
        (json!("https://neo-pg.sep.ir.stranger.example/transaction/init"), usual.as_str()),
        (json!("http://neo-pg.sep.ir/transaction/init"), usual.as_str()),
    ]
    .into_iter()
    .enumerate()
    {
        order(&world, "sep", "ipg_url", json!({ "url": named })).await;
        let link = link_on(&world, "saman", &format!("named-{number}")).await;
        let page = world.open(&link.url).await.unwrap();
        assert_eq!(page.status, StatusCode::OK, "{named}: {}", page.text);
        let form = Form::of(&page.text).unwrap();
        let token = stored(&world, &link).await.attempts()[0].session.clone();
        let fields =
            [("GetMethod", "false"), ("Token", token.as_str())].map(|(name, value)| (name.into(), value.into()));
        assert_eq!((form.action.as_str(), form.fields.as_slice()), (expected, &fields[..]), "{named}");
        let origin = url::Url::parse(expected).unwrap().origin().ascii_serialization();
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains(&format!("form-action https: {origin}")),
            "{named}: the browser may post there: {policy}"
        );
        // The address belongs to this token, whatever the gateway names for the next one.
        order(&world, "sep", "ipg_url", json!({ "url": "https://other.sep.ir/" })).await;
        world.turn_time(MINUTE);
        let again = world.open(&link.url).await.unwrap();
        assert_eq!(Form::of(&again.text), Some(form), "{named}");
        // The page of the newer gateway is not simulated, and its return is the same.
        let back = world.choose(&format!("{}/sep/pay/{token}", world.cloud.page_url()), "paid").await.unwrap();
        world.open(&back).await.unwrap();
        assert_eq!(read(&world, &link).await["status"], "paid", "{named}");
    }
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_refund_that_the_list_shows_late_is_not_made_twice() {
    let world = FaultyWorld::start(3600).await;
    order(&world, "zibal", "list_lag", json!({ "minutes": 30 })).await;
    let link = to_be_refunded(&world, "zibal", "late-list").await;
    order(&world, "zibal", "next_answer", json!({ "call": "refund", "how": "drop_after" })).await;
    for _ in 0..9 {
        sweep_after(&world, MINUTE).await;
        let read = attempt(&world, &link).await;
        assert_eq!(
            (&read["status"], &read["refunds"][0]["status"]),
            (&json!("refunding"), &json!("pending")),
            "{read}"
        );
        let book = booked(&world, "zibal", &link).await;
        assert_eq!((&book["refunds"], &book["refunded"]), (&json!(1), &json!(25_000)), "the list is late: {book}");
    }
    // The session shows it before the list does.
    sweep_after(&world, 5 * MINUTE).await;
    assert_refunded_once(&world, "zibal", &link).await;
    sweep_after(&world, HOUR).await;
    assert_eq!(booked(&world, "zibal", &link).await["refunds"], 1);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_refund_that_failed_is_not_made_again_before_the_late_list_says_so() {
    let world = FaultyWorld::start(3600).await;
    order(&world, "zibal", "list_lag", json!({ "minutes": 60 })).await;
    order(&world, "zibal", "next_refund", json!({ "becomes": "pending" })).await;
    let link = to_be_refunded(&world, "zibal", "late-no").await;
    sweep_after(&world, MINUTE).await;
    let session = stored(&world, &link).await.attempts()[0].session.clone();
    order(&world, "zibal", &format!("{session}/complete_refund"), json!({ "outcome": "failed" })).await;
    // The session calls it paid again, and the list has nothing.
    for _ in 0..4 {
        sweep_after(&world, 10 * MINUTE).await;
        let read = attempt(&world, &link).await;
        assert_eq!(
            (&read["status"], &read["refunds"][0]["status"]),
            (&json!("refunding"), &json!("pending")),
            "{read}"
        );
        assert_eq!(booked(&world, "zibal", &link).await["refunds"], 1, "nobody knows what became of the first");
    }
    for _ in 0..3 {
        sweep_after(&world, HOUR).await;
    }
    let read = attempt(&world, &link).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!("needs_review"), &json!("zibal_refund_failed")), "{read}");
    assert_eq!(count(&told(&world, &link).await, "refund.failed"), 1);
    decide(&world, &link, "refund", "late-no-again").await;
    sweep_after(&world, MINUTE).await;
    assert_refunded_once(&world, "zibal", &link).await;
    let book = booked(&world, "zibal", &link).await;
    assert_eq!((&book["refunds"], &book["refunded"]), (&json!(2), &json!(25_000)), "one of the two failed: {book}");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn providers_that_zibal_cannot_reach_for_a_moment_end_nothing() {
    let world = FaultyWorld::start(3600).await;
    let code = |call: &str| json!({ "call": call, "code": 45 });
    let link = link_on(&world, "zibal", "passing").await;
    order(&world, "zibal", "next_code", code("request")).await;
    let page = world.open(&link.url).await.unwrap();
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text);
    assert_eq!(read(&world, &link).await["attempts"], json!([]));
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid").await.unwrap();
    order(&world, "zibal", "next_code", code("verify")).await;
    world.open(&back).await.unwrap();
    let waiting = attempt(&world, &link).await;
    assert_eq!(waiting["status"], "confirming", "the money may have been taken: {waiting}");
    // Asked once more by somebody who opens the link, nobody is sent to pay again.
    assert_eq!(world.open(&link.url).await.unwrap().status, StatusCode::OK);
    order(&world, "zibal", "next_code", code("verify")).await;
    sweep_after(&world, 2 * MINUTE).await;
    assert_eq!(attempt(&world, &link).await["status"], "confirming");
    sweep_after(&world, 2 * MINUTE).await;
    let read = read(&world, &link).await;
    assert_eq!((&read["status"], read["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{read}");
    assert_eq!(booked(&world, "zibal", &link).await["ours"], true);
    assert_eq!(count(&told(&world, &link).await, "payment_link.paid"), 1);
}

#[tokio::test]
async fn a_refund_that_zibal_refuses_by_a_code_is_made_when_a_person_says_so_again() {
    let world = FaultyWorld::start(3600).await;
    let link = to_be_refunded(&world, "zibal", "refused").await;
    // There is not enough in the wallet.
    order(&world, "zibal", "next_code", json!({ "call": "refund", "code": 12 })).await;
    sweep_after(&world, MINUTE).await;
    let read = attempt(&world, &link).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!("needs_review"), &json!("zibal_12")), "{read}");
    assert_eq!(count(&told(&world, &link).await, "refund.failed"), 1);
    assert_eq!(booked(&world, "zibal", &link).await["refunds"], 0);
    decide(&world, &link, "refund", "refused-again").await;
    sweep_after(&world, MINUTE).await;
    assert_refunded_once(&world, "zibal", &link).await;
}

#[tokio::test]
async fn a_refund_after_whose_code_nobody_knows_what_was_done_is_for_a_person() {
    let world = FaultyWorld::start(3600).await;
    let link = to_be_refunded(&world, "zibal", "unclear").await;
    order(&world, "zibal", "next_code", json!({ "call": "refund", "code": 45 })).await;
    for _ in 0..6 {
        sweep_after(&world, 10 * MINUTE).await;
        let read = attempt(&world, &link).await;
        assert_eq!(
            (&read["status"], &read["refunds"][0]["status"]),
            (&json!("refunding"), &json!("pending")),
            "{read}"
        );
        assert_eq!(booked(&world, "zibal", &link).await["refunds"], 0, "a second call could refund a second time");
    }
    // A list that cannot be read for once is no list without refunds either.
    order(&world, "zibal", "next_code", json!({ "call": "refund_inquiry", "code": 45 })).await;
    sweep_after(&world, 10 * MINUTE).await;
    for _ in 0..3 {
        sweep_after(&world, HOUR).await;
    }
    let read = attempt(&world, &link).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!("needs_review"), &json!("refund_unanswered")), "{read}");
    assert_eq!(count(&told(&world, &link).await, "attempt.needs_review"), 2, "the amount, and the refund");
    // The person finds nothing at the gateway.
    decide(&world, &link, "refund", "unclear-again").await;
    sweep_after(&world, MINUTE).await;
    assert_refunded_once(&world, "zibal", &link).await;
    assert_eq!(booked(&world, "zibal", &link).await["refunds"], 1);
}

#[tokio::test]
async fn money_taken_in_a_session_that_zarinpal_has_put_away_is_for_a_person() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "main", "archived").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid").await.unwrap();
    order(&world, "zarinpal", "next_answer", json!({ "call": "verify", "how": "drop_after" })).await;
    world.open(&back).await.unwrap();
    world.at_gateway("zarinpal", session_of(&page), "archive").await;
    // Another link of the account is paid meanwhile: one session's trouble is not the account's.
    let other = link_on(&world, "main", "archived-other").await;
    let others = world.go_to_gateway(&other).await;
    world.choose(&others, "paid_no_return").await;
    for _ in 0..3 {
        sweep_after(&world, 5 * MINUTE).await;
        assert_eq!(attempt(&world, &link).await["status"], "confirming", "not to be found is not unpaid");
        assert_eq!(world.open(&link.url).await.unwrap().status, StatusCode::OK, "nobody is sent to pay again");
    }
    assert_eq!(read(&world, &other).await["status"], "paid");
    let refused = world.cancel(&link, true).await.unwrap();
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("payment_in_progress")));
    sweep_after(&world, 73 * HOUR).await;
    let read = attempt(&world, &link).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!("needs_review"), &json!("gateway_does_not_answer")));
    assert_eq!(count(&told(&world, &link).await, "attempt.needs_review"), 1);
    assert_eq!(booked(&world, "zarinpal", &link).await["ours"], true);
}

#[tokio::test]
async fn an_ended_attempt_that_zarinpal_has_put_away_stays_as_it_ended() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "main", "ended").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "failed").await.unwrap();
    world.open(&back).await.unwrap();
    world.at_gateway("zarinpal", session_of(&page), "archive").await;
    world.open(&back.replace("NOK", "OK")).await.unwrap();
    sweep_after(&world, HOUR).await;
    let read = read(&world, &link).await;
    assert_eq!((&read["status"], &read["attempts"][0]["status"]), (&json!("active"), &json!("failed")), "{read}");
    // The customer pays in another session.
    let again = world.go_to_gateway(&link).await;
    assert_ne!(again, page);
    let back = world.choose(&again, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    assert_eq!(self::read(&world, &link).await["status"], "paid");
}

#[tokio::test]
async fn a_late_payment_of_an_ended_session_that_was_put_away_is_found_by_the_list_and_lost_by_nobody() {
    let world = FaultyWorld::start(3600).await;
    let link = link_on(&world, "main", "listed").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "failed").await.unwrap();
    world.open(&back).await.unwrap();
    assert_eq!(attempt(&world, &link).await["status"], "failed");
    // Two others of the account are due, so that its list is read.
    for number in 0..2 {
        world.go_to_gateway(&link_on(&world, "main", &format!("listed-{number}")).await).await;
    }
    world.at_gateway("zarinpal", session_of(&page), "pay_late").await;
    world.at_gateway("zarinpal", session_of(&page), "archive").await;
    sweep_after(&world, MINUTE).await;
    assert_eq!(attempt(&world, &link).await["status"], "confirming", "the gateway's own list shows the money");
    assert_eq!(world.open(&link.url).await.unwrap().status, StatusCode::OK, "nobody is sent to pay again");
    sweep_after(&world, 73 * HOUR).await;
    let read = attempt(&world, &link).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!("needs_review"), &json!("gateway_does_not_answer")));
    assert_eq!(count(&told(&world, &link).await, "attempt.needs_review"), 1);
}

/// A cancelled link whose money Zarinpal verified all the same, so that the next sweep refunds it.
async fn taken_and_not_kept(world: &FaultyWorld, key: &str) -> Made {
    let link = link_on(world, "main", key).await;
    let page = world.go_to_gateway(&link).await;
    world.cancel(&link, true).await.unwrap();
    world.choose(&page, "paid_no_return").await;
    world.at_gateway("zarinpal", session_of(&page), "auto_verify").await;
    sweep_after(world, MINUTE).await;
    assert_eq!(attempt(world, &link).await["status"], "refunding", "{key}");
    link
}

/// Gives the account at Zarinpal an access token of the panel, or takes it.
async fn write_token(world: &FaultyWorld, token: Option<&str>) {
    let mut credentials = json!({ "merchant_id": ZARINPAL_MERCHANT });
    if let Some(token) = token {
        credentials["access_token"] = json!(token);
    }
    let online = json!({ "enabled": true, "gateway": "zarinpal", "credentials": credentials });
    let body = json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online });
    let reply = world.crm(Method::PUT, "/v1/accounts/main", &body, &[]).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

#[tokio::test]
async fn money_that_may_not_be_reversed_from_here_waits_for_a_person_or_goes_back_by_the_panel() {
    let world = FaultyWorld::start(0).await;
    order(&world, "zarinpal", "reverse_address", json!({ "registered": false })).await;
    let link = taken_and_not_kept(&world, "unregistered").await;
    sweep_after(&world, MINUTE).await;
    let read = attempt(&world, &link).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!("needs_review"), &json!("zarinpal_-62")), "{read}");
    assert_eq!(count(&told(&world, &link).await, "refund.failed"), 1);
    let book = booked(&world, "zarinpal", &link).await;
    assert_eq!((&book["ours"], &book["refunds"]), (&json!(true), &json!(0)), "{book}");
    // The business registers the address, and the person says so.
    order(&world, "zarinpal", "reverse_address", json!({ "registered": true })).await;
    decide(&world, &link, "refund", "registered").await;
    sweep_after(&world, MINUTE).await;
    assert_refunded_once(&world, "zarinpal", &link).await;
    // The next account has a token of the panel, which needs no address.
    order(&world, "zarinpal", "reverse_address", json!({ "registered": false })).await;
    write_token(&world, Some("panel-token")).await;
    let link = taken_and_not_kept(&world, "by-panel").await;
    for _ in 0..4 {
        sweep_after(&world, 2 * MINUTE).await;
    }
    assert_refunded_once(&world, "zarinpal", &link).await;
    assert_eq!(booked(&world, "zarinpal", &link).await["refunds"], 1);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_reversal_that_the_inquiry_shows_late_is_followed_by_no_refund_of_the_panel() {
    let world = FaultyWorld::start(0).await;
    order(&world, "zarinpal", "inquiry_lag", json!({ "minutes": 15 })).await;
    // With and without a token of the panel, and where the reversal was the last that was possible in time.
    for (token, waits) in [(None, 0), (Some("panel-token"), 0), (None, 26), (Some("panel-token"), 26)] {
        write_token(&world, token).await;
        let key = format!("late-{}-{waits}", token.is_some());
        let link = taken_and_not_kept(&world, &key).await;
        world.turn_time(waits * MINUTE);
        order(&world, "zarinpal", "next_answer", json!({ "call": "reverse", "how": "drop_after" })).await;
        for _ in 0..10 {
            sweep_after(&world, 2 * MINUTE).await;
            let book = booked(&world, "zarinpal", &link).await;
            assert_eq!((&book["refunds"], &book["refunded"]), (&json!(1), &json!(50_000)), "{key}: {book}");
        }
        sweep_after(&world, 5 * MINUTE).await;
        assert_refunded_once(&world, "zarinpal", &link).await;
        assert_eq!(booked(&world, "zarinpal", &link).await["refunds"], 1, "{key}");
    }
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_key_that_may_not_read_the_balance_takes_and_refunds_money_without_its_fee() {
    let world = FaultyWorld::start(3600).await;
    order(&world, "stripe", "restrict_key", json!({ "key": STRIPE_KEY })).await;
    let link = link_on(&world, "euro", "restricted").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid_no_webhook").await.unwrap();
    world.open(&back).await.unwrap();
    let paid = read(&world, &link).await;
    assert_eq!((&paid["status"], paid["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{paid}");
    let payment = &paid["attempts"][0]["payment"];
    assert_eq!((&payment["amount"], &payment["fee"]), (&json!(1_999), &Value::Null), "{payment}");
    let path = format!("/v1/receipts/{}", paid["receipts"][0].as_str().unwrap());
    let receipt = world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
    assert_eq!((&receipt["amount"], &receipt["fee"]), (&json!(1_999), &Value::Null), "{receipt}");
    assert_eq!(count(&told(&world, &link).await, "payment_link.paid"), 1);
    let link = to_be_refunded(&world, "euro", "restricted-refund").await;
    sweep_after(&world, MINUTE).await;
    assert_refunded_once(&world, "stripe", &link).await;
}

#[tokio::test]
async fn an_error_that_stripe_repeats_under_its_key_holds_nobody_up() {
    let world = FaultyWorld::start(3600).await;
    let failing = |call: &str| json!({ "call": call });
    let link = link_on(&world, "euro", "failing").await;
    order(&world, "stripe", "next_api_error", failing("create")).await;
    let page = world.open(&link.url).await.unwrap();
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.text);
    // The customer tries again a moment later, and not when the key is forgotten in a day.
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid_no_webhook").await.unwrap();
    world.open(&back).await.unwrap();
    let paid = read(&world, &link).await;
    assert_eq!((&paid["status"], paid["attempts"].as_array().unwrap().len()), (&json!("paid"), 1), "{paid}");
    assert_eq!(world.books_of("stripe").await.len(), 1);

    let link = to_be_refunded(&world, "euro", "failing-refund").await;
    order(&world, "stripe", "next_api_error", failing("refund")).await;
    sweep_after(&world, MINUTE).await;
    let read = attempt(&world, &link).await;
    assert_eq!((&read["status"], &read["refunds"][0]["status"]), (&json!("refunding"), &json!("pending")), "{read}");
    sweep_after(&world, 5 * MINUTE).await;
    assert_refunded_once(&world, "stripe", &link).await;
    assert_eq!(booked(&world, "stripe", &link).await["refunds"], 1);

    let link = link_on(&world, "euro", "failing-expiry").await;
    let page = world.go_to_gateway(&link).await;
    order(&world, "stripe", "next_api_error", failing("expire")).await;
    world.cancel(&link, true).await.unwrap();
    sweep_after(&world, MINUTE).await;
    sweep_after(&world, 5 * MINUTE).await;
    assert_eq!(attempt(&world, &link).await["status"], "failed");
    assert_eq!(world.choose(&page, "paid_no_webhook").await, None, "nobody can pay any more");
    assert_eq!(booked(&world, "stripe", &link).await["taken"], false);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

/// A link whose customer began to pay at Razorpay and left before the bank answered, and the page of its session.
async fn left_at_bank(world: &FaultyWorld, key: &str) -> (Made, String) {
    let link = link_on(world, "rupee", key).await;
    let page = world.go_to_gateway(&link).await;
    assert_eq!(world.choose(&page, "left_at_bank").await, None, "the browser is closed");
    sweep_after(world, MINUTE).await;
    let read = attempt(world, &link).await;
    assert_eq!(read["status"], "open", "{key}: {read}");
    let again = world.open(&link.url).await.unwrap();
    assert_eq!(again.status, StatusCode::OK, "{key}: nobody is sent to pay again meanwhile: {}", again.text);
    (link, page)
}

/// The tester's hand: what the bank makes of the payment that was begun on this page.
async fn bank_answers(world: &FaultyWorld, page: &str, outcome: &str) {
    let (base, session) = (world.cloud.page_url(), session_of(page));
    world.choose(&format!("{base}/razorpay/simulator/{session}/complete_async"), outcome).await;
}

#[tokio::test]
async fn a_bank_that_answers_after_the_customer_left_decides_the_payment() {
    let world = FaultyWorld::start(3600).await;
    let (link, page) = left_at_bank(&world, "yes").await;
    for outcome in ["authorized", "succeeded"] {
        assert_eq!(read(&world, &link).await["receipts"], json!([]), "before it is {outcome} nothing is paid");
        bank_answers(&world, &page, outcome).await;
        sweep_after(&world, MINUTE).await;
    }
    let paid = read(&world, &link).await;
    assert_eq!((&paid["status"], paid["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{paid}");
    assert_eq!(booked(&world, "razorpay", &link).await["ours"], true);
    assert_eq!(count(&told(&world, &link).await, "payment_link.paid"), 1);
}

#[tokio::test]
async fn a_bank_that_never_answers_leaves_the_link_to_be_paid_again() {
    let world = FaultyWorld::start(3600).await;
    let (link, page) = left_at_bank(&world, "never").await;
    sweep_after(&world, 15 * MINUTE).await;
    assert_eq!(read(&world, &link).await["receipts"], json!([]));
    let again = world.go_to_gateway(&link).await;
    assert_eq!(again, page, "a payment that failed ends no session here");
    let back = world.choose(&again, "paid_no_webhook").await.unwrap();
    world.open(&back).await.unwrap();
    let paid = read(&world, &link).await;
    assert_eq!((&paid["status"], paid["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{paid}");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn money_that_its_bank_sends_after_the_link_was_cancelled_goes_back() {
    let world = FaultyWorld::start(3600).await;
    let (link, page) = left_at_bank(&world, "cancelled").await;
    let reply = world.cancel(&link, true).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    sweep_after(&world, MINUTE).await;
    for outcome in ["authorized", "succeeded"] {
        bank_answers(&world, &page, outcome).await;
    }
    for _ in 0..3 {
        sweep_after(&world, 20 * MINUTE).await;
    }
    assert_refunded_once(&world, "razorpay", &link).await;
    assert_eq!(read(&world, &link).await["status"], "cancelled");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

//! Accounts that are checked at their gateways: what each gateway's own codes mean, and who may ask.

use std::time::Duration;

use paylink_local::seed::{BAZAAR_KEY, DEMO, MOLLIE_KEY, PLATFORM_KEY, RAZORPAY_KEY, STRIPE_KEY, ZARINPAL_MERCHANT};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::relay::Health;
use tests::{Reply, World};

use super::relay::{Of, SECRET, relay, sep, stripe, through, write, zarinpal, zibal};
use super::settings_are_read_again;

async fn ask(world: &World, account: &str) -> Reply {
    world.crm(Method::POST, &format!("/v1/accounts/{account}/check"), Value::Null).await
}

/// Status and code of credentials, callback host and server address.
type Findings = [(String, Option<String>); 3];

fn findings(check: &Value) -> Findings {
    ["credentials", "callback_host", "server_address"].map(|name| {
        let finding = &check[name];
        let detail = finding["detail"].as_str().unwrap();
        assert!(detail.ends_with('.') && detail.len() > 20, "{name} says why: {detail}");
        (finding["status"].as_str().unwrap().to_owned(), finding["code"].as_str().map(str::to_owned))
    })
}

async fn check(world: &World, account: &str) -> Findings {
    let reply = ask(world, account).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    findings(&reply.json())
}

fn accepted() -> (String, Option<String>) {
    ("accepted".to_owned(), None)
}

fn refused(code: &str) -> (String, Option<String>) {
    ("refused".to_owned(), Some(code.to_owned()))
}

/// The gateway stopped before it came to this.
fn not_reached(code: &str) -> (String, Option<String>) {
    ("unknown".to_owned(), Some(code.to_owned()))
}

/// The gateway says nothing of this, or nothing at all.
fn unknown() -> (String, Option<String>) {
    ("unknown".to_owned(), None)
}

/// The tester's hand at a gateway.
async fn order(world: &World, gateway: &str, what: &str, order: Value) {
    let url = format!("{}/{gateway}/simulator/{what}", world.cloud.page_url());
    let headers = [("content-type", "application/json")];
    let reply = world.send(Method::POST, &url, &headers, Some(order.to_string())).await;
    assert!(reply.status.is_success(), "{gateway} {what}: {}", reply.text);
}

async fn next_code(world: &World, gateway: &str, call: &str, code: i32) {
    order(world, gateway, "next_code", json!({ "call": call, "code": code })).await;
}

#[tokio::test]
async fn a_merchant_that_zarinpal_does_not_know_is_refused_together_with_the_address_because_it_says_no_more() {
    let world = World::in_process().await;
    order(&world, "zarinpal", "revoke_key", json!({ "key": ZARINPAL_MERCHANT })).await;
    let reply = ask(&world, "main").await.json();
    assert_eq!(findings(&reply), [refused("-10"), not_reached("-10"), refused("-10")]);
    for name in ["credentials", "server_address"] {
        assert!(reply[name]["detail"].as_str().unwrap().contains("does not say which"), "{reply}");
    }
}

#[tokio::test]
async fn a_domain_that_is_not_registered_at_zarinpal_is_refused_until_the_business_has_a_host_there() {
    let world = World::in_process().await;
    order(&world, "zarinpal", "registration", json!({ "domain": "shop.example" })).await;
    assert_eq!(check(&world, "main").await, [accepted(), refused("-14"), not_reached("-14")]);
    let business = json!({ "name": "Demo", "pay_url": "https://pay.shop.example" });
    let written = world.platform(None, Method::PUT, &format!("/v1/businesses/{DEMO}"), business).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.text);
    settings_are_read_again().await;
    let reply = ask(&world, "main").await.json();
    assert_eq!(reply["base_url"], "https://pay.shop.example", "as the gateway is told it with each payment");
    assert_eq!(findings(&reply), [accepted(), accepted(), accepted()]);
}

#[tokio::test]
async fn the_codes_of_zarinpal_about_the_merchant_are_told_from_those_about_anything_else() {
    let world = World::in_process().await;
    for code in [-11, -15, -16, -17, -19] {
        next_code(&world, "zarinpal", "request", code).await;
        let code = code.to_string();
        assert_eq!(check(&world, "main").await, [refused(&code), not_reached(&code), not_reached(&code)]);
    }
    next_code(&world, "zarinpal", "request", -18).await;
    assert_eq!(check(&world, "main").await, [accepted(), refused("-18"), not_reached("-18")]);
    for code in [-9, -12, -13, -41, -52, -77] {
        next_code(&world, "zarinpal", "request", code).await;
        let code = code.to_string();
        assert_eq!(check(&world, "main").await, [(); 3].map(|()| not_reached(&code)));
    }
    let order_of_500 = json!({ "call": "request", "code": -11, "status": 500 });
    order(&world, "zarinpal", "next_code", order_of_500).await;
    assert_eq!(check(&world, "main").await, [unknown(), unknown(), unknown()], "a gateway in trouble refuses nothing");
}

#[tokio::test]
async fn the_codes_of_zibal_say_what_it_refuses() {
    let world = World::in_process().await;
    for code in [102, 103, 104] {
        next_code(&world, "zibal", "request", code).await;
        let code = code.to_string();
        assert_eq!(check(&world, "zibal").await, [refused(&code), not_reached(&code), not_reached(&code)]);
    }
    for code in [106, 140] {
        next_code(&world, "zibal", "request", code).await;
        let code = code.to_string();
        assert_eq!(check(&world, "zibal").await, [not_reached(&code), refused(&code), not_reached(&code)]);
    }
    for code in [45, 105, 113, 7] {
        next_code(&world, "zibal", "request", code).await;
        let code = code.to_string();
        assert_eq!(check(&world, "zibal").await, [(); 3].map(|()| not_reached(&code)));
    }
    order(&world, "zibal", "registration", json!({ "callers": "nobody" })).await;
    assert_eq!(check(&world, "zibal").await, [not_reached("115"), not_reached("115"), refused("115")]);
    order(&world, "zibal", "revoke_key", json!({ "key": "zibal" })).await;
    assert_eq!(check(&world, "zibal").await, [refused("102"), not_reached("102"), not_reached("102")]);
}

#[tokio::test]
async fn the_codes_of_sep_say_what_it_refuses_and_never_anything_of_the_host() {
    let world = World::in_process().await;
    next_code(&world, "sep", "token", 12).await;
    assert_eq!(check(&world, "saman").await, [refused("12"), unknown(), not_reached("12")]);
    order(&world, "sep", "registration", json!({ "callers": "nobody" })).await;
    assert_eq!(check(&world, "saman").await, [not_reached("8"), unknown(), refused("8")]);
    next_code(&world, "sep", "token", 5).await;
    assert_eq!(check(&world, "saman").await, [not_reached("5"), unknown(), not_reached("5")]);
    // The domain is looked at when a browser comes, and not when a token is asked for.
    order(&world, "sep", "registration", json!({ "domain": "shop.example" })).await;
    assert_eq!(check(&world, "saman").await, [accepted(), unknown(), accepted()]);
    let link = world.make_link(json!({ "account_id": "saman", "contact_id": "c-1042", "amount": 500_000 })).await;
    let going = world.open(link["url"].as_str().unwrap()).await;
    let form = tests::forms::Form::of(&going.text).unwrap();
    let turned_away = world.post_form(&form, &[("referer", &world.cloud.base_url())]).await;
    assert_eq!(turned_away.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_key_that_stripe_mollie_or_razorpay_takes_no_more_is_refused_with_their_word() {
    let world = World::in_process().await;
    for (gateway, account, key, code) in [
        ("stripe", "euro", STRIPE_KEY, "api_key_expired"),
        ("mollie", "mollie", MOLLIE_KEY, "401"),
        ("razorpay", "rupee", RAZORPAY_KEY, "authentication_failed"),
    ] {
        assert_eq!(check(&world, account).await, [accepted(), unknown(), accepted()], "{gateway}");
        order(&world, gateway, "revoke_key", json!({ "key": key })).await;
        assert_eq!(check(&world, account).await, [refused(code), unknown(), not_reached(code)], "{gateway}");
    }
}

#[tokio::test]
async fn a_profile_of_mollie_that_may_not_take_payments_is_refused() {
    let world = World::in_process().await;
    let key = "live_demoBusinessKeyOfThirtyCharacters";
    let online = json!({ "enabled": true, "gateway": "mollie", "credentials": { "api_key": key } });
    let account = json!({ "name": "Live", "currency": "EUR", "mode": "live", "online_payment": online });
    world.put("/v1/accounts/live", account).await;
    order(&world, "mollie", "profile", json!({ "status": "unverified" })).await;
    assert_eq!(check(&world, "live").await, [refused("profile_unverified"), unknown(), accepted()]);
    assert_eq!(check(&world, "mollie").await, [accepted(), unknown(), accepted()], "test payments it may take");
    order(&world, "mollie", "profile", json!({ "status": "blocked" })).await;
    for account in ["live", "mollie"] {
        assert_eq!(check(&world, account).await, [refused("profile_blocked"), unknown(), accepted()]);
    }
}

/// A gateway that lets in the address of the relay alone.
async fn is_taken_through_a_relay_whose_address_is_registered(of: Of, direct: Findings, relayed: Findings) {
    let world = World::in_process().await;
    let relay = relay(&world).await;
    order(&world, of.gateway, "registration", json!({ "callers": "relay" })).await;
    write(&world, "relayed", &of, &Value::Null).await;
    let reply = ask(&world, "relayed").await.json();
    assert_eq!((findings(&reply), &reply["through_relay"]), (direct, &json!(false)));
    write(&world, "relayed", &of, &through(&relay, SECRET, 15)).await;
    let reply = ask(&world, "relayed").await.json();
    assert_eq!((findings(&reply), &reply["through_relay"]), (relayed, &json!(true)));
    assert!(!reply.to_string().contains(SECRET), "{reply}");
    assert_eq!((relay.passed_on().len(), relay.refused()), (1, 0));
}

#[tokio::test]
async fn zarinpal_takes_an_account_through_a_relay_whose_address_is_registered() {
    let direct = [refused("-10"), not_reached("-10"), refused("-10")];
    let relayed = [accepted(), accepted(), accepted()];
    is_taken_through_a_relay_whose_address_is_registered(zarinpal(), direct, relayed).await;
}

#[tokio::test]
async fn zibal_takes_an_account_through_a_relay_whose_address_is_registered() {
    let direct = [not_reached("115"), not_reached("115"), refused("115")];
    let relayed = [accepted(), accepted(), accepted()];
    is_taken_through_a_relay_whose_address_is_registered(zibal(), direct, relayed).await;
}

#[tokio::test]
async fn sep_takes_an_account_through_a_relay_whose_address_is_registered() {
    let direct = [not_reached("8"), unknown(), refused("8")];
    let relayed = [accepted(), unknown(), accepted()];
    is_taken_through_a_relay_whose_address_is_registered(sep(), direct, relayed).await;
}

#[tokio::test]
async fn what_a_relay_says_by_itself_is_no_word_of_the_gateway() {
    let world = World::in_process().await;
    let relay = relay(&world).await;
    for of in [zarinpal(), stripe()] {
        write(&world, "relayed", &of, &through(&relay, "another-secret-of-the-relay", 1)).await;
        assert_eq!(check(&world, "relayed").await, [unknown(), unknown(), unknown()], "{}", of.gateway);
    }
    assert_eq!(relay.refused(), 2);
    write(&world, "relayed", &zarinpal(), &through(&relay, SECRET, 1)).await;
    relay.set_health(Health::Silent);
    let reply = ask(&world, "relayed").await.json();
    assert_eq!(findings(&reply), [unknown(), unknown(), unknown()], "it never answered");
    assert!(reply["credentials"]["detail"].as_str().unwrap().contains("relay"), "{reply}");
}

#[tokio::test]
async fn new_credentials_are_those_that_are_checked_at_once() {
    let world = World::in_process().await;
    order(&world, "stripe", "revoke_key", json!({ "key": STRIPE_KEY })).await;
    assert_eq!(check(&world, "euro").await[0], refused("api_key_expired"));
    let online = json!({ "enabled": false, "gateway": "stripe", "credentials": { "secret_key": "sk_test_another" } });
    let account = json!({ "name": "Euro", "currency": "EUR", "mode": "sandbox", "online_payment": online });
    world.put("/v1/accounts/euro", account).await;
    assert_eq!(check(&world, "euro").await[0], accepted(), "before links are allowed on the account");
}

/// Somebody who finds the session in the gateway's own lists pays in it.
async fn nothing_comes_of_a_payment_in_a_session_that_was_opened_to_ask(of: (&str, &str), smallest: i64, page: &str) {
    let ((gateway, account), world) = (of, World::in_process().await);
    assert_eq!(check(&world, account).await[0], accepted());
    let books = world.books(gateway).await;
    let [session] = &books[..] else { panic!("one session: {books:?}") };
    assert_eq!((&session["amount"], &session["currency"]), (&json!(smallest), &json!("IRR")));
    let back = session["back"].as_str().or(session["callback_url"].as_str()).unwrap();
    let real = format!("{}/gateways/{gateway}/return/check/check_", world.cloud.base_url());
    assert!(back.starts_with(&real), "{back}");
    let link = json!({ "account_id": account, "contact_id": "c-1042", "amount": 500_000, "recipients": {} });
    let link = world.make_link(link).await;
    world.go_to_gateway(&link).await;
    let page = format!("{}/{gateway}/{page}/{}", world.cloud.page_url(), session["id"].as_str().unwrap());
    let returned = world.go_back(&world.choose(&page, "paid").await).await;
    assert_eq!((returned.status, returned.location()), (StatusCode::SEE_OTHER, "/p/unknown".to_owned()));
    // A list of what waits to be verified has it, where there is one.
    world.turn_clock(Duration::from_secs(61));
    world.sweep().await;
    assert_eq!(world.link(&link).await["status"], "active", "it pays no link");
    assert_eq!(world.receipts().await, Vec::<Value>::new());
    let books = world.books(gateway).await;
    let paid = books.iter().find(|one| one["id"] == session["id"]).unwrap();
    assert_eq!((&paid["taken"], &paid["ours"]), (&json!(true), &json!(false)), "nobody verifies it, so it goes back");
}

#[tokio::test]
async fn a_payment_in_a_session_that_was_opened_to_ask_zarinpal_pays_nothing() {
    let of = ("zarinpal", "main");
    nothing_comes_of_a_payment_in_a_session_that_was_opened_to_ask(of, 10_000, "pg/StartPay").await;
}

#[tokio::test]
async fn a_payment_in_a_session_that_was_opened_to_ask_zibal_pays_nothing() {
    nothing_comes_of_a_payment_in_a_session_that_was_opened_to_ask(("zibal", "zibal"), 1_500, "start").await;
}

#[tokio::test]
async fn a_payment_in_a_session_that_was_opened_to_ask_sep_pays_nothing() {
    nothing_comes_of_a_payment_in_a_session_that_was_opened_to_ask(("sep", "saman"), 2_000, "pay").await;
}

#[tokio::test]
async fn an_account_is_checked_only_where_there_is_one_with_a_gateway() {
    let world = World::in_process().await;
    let code = |reply: &Reply| (reply.status.as_u16(), reply.json()["code"].as_str().unwrap().to_owned());
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(&ask(&world, "nobodys").await), is(404, "not_found"));
    assert_eq!(code(&ask(&world, "not%20an%20id").await), is(400, "invalid_id"));
    world.put("/v1/accounts/cash", json!({ "name": "Cash", "currency": "EUR", "mode": "live" })).await;
    assert_eq!(code(&ask(&world, "cash").await), is(409, "gateway_credentials_missing"));
    let path = "/v1/accounts/main/check";
    let reply = world.crm(Method::POST, path, json!({ "amount": 1 })).await;
    assert_eq!(reply.problems(), [("/amount".to_owned(), "unknown_field".to_owned())]);
    assert_eq!(world.crm(Method::POST, path, json!({})).await.status, StatusCode::OK, "a body may be there");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = world.crm(method.clone(), path, Value::Null).await;
        assert_eq!(code(&reply), is(405, "method_not_allowed"), "{method}");
        assert_eq!(reply.headers["allow"], "POST");
    }
    world.crm(Method::DELETE, "/v1/accounts/main", Value::Null).await;
    assert_eq!(code(&ask(&world, "main").await), is(404, "not_found"), "it was retired");
}

#[tokio::test]
async fn whoever_may_administer_a_business_may_check_its_accounts_and_nobody_else() {
    let world = World::in_process().await;
    let key = |integration: &str, scopes: Vec<store::Scope>| store::ApiKey {
        integration: integration.to_owned(),
        scopes,
        created_at: domain::Timestamp::now(),
    };
    let (demo, platform) = (store::KeyHolder::Business(paylink_local::seed::demo()), store::KeyHolder::Platform);
    let writer = key("writer", vec![store::Scope::Read, store::Scope::Write]);
    world.cloud.store.put_api_key(&demo, "plk_demo_writer-key", &writer).await.unwrap();
    let support = key("support", vec![store::Scope::Read]);
    world.cloud.store.put_api_key(&platform, "plp_support-key", &support).await.unwrap();
    let path = "/v1/accounts/euro/check";
    let ask = async |key: &str, business: Option<&str>| {
        let headers: Vec<(&str, &str)> = business.map(|id| ("paylink-business", id)).into_iter().collect();
        world.crm_as(key, Method::POST, path, Value::Null, &headers).await.status.as_u16()
    };
    assert_eq!(ask("plk_demo_writer-key", None).await, 403);
    assert_eq!(ask("plp_support-key", Some(DEMO)).await, 403, "a key of the platform that only reads");
    assert_eq!(ask(PLATFORM_KEY, Some(DEMO)).await, 200);
    assert_eq!(ask(BAZAAR_KEY, None).await, 404, "the other business has no account that is called so");
    assert_eq!(ask(BAZAAR_KEY, Some(DEMO)).await, 403);
}

#[tokio::test]
async fn a_suspended_business_may_have_its_accounts_checked() {
    let world = World::in_process().await;
    let path = format!("/v1/businesses/{DEMO}/suspend");
    assert_eq!(world.platform(None, Method::POST, &path, json!({})).await.status, StatusCode::OK);
    settings_are_read_again().await;
    assert_eq!(check(&world, "main").await, [accepted(), accepted(), accepted()]);
}

//! The built binaries behind `cargo lambda watch`, with the local cloud: the main job by real HTTP, for both gateways.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

use std::time::Duration;

use futures_util::future::join_all;
use paylink_local::crm::{BAZAAR_SIGNING_SECRET, SIGNING_SECRET};
use paylink_local::seed::{
    API_KEY, BAZAAR, BAZAAR_KEY, BAZAAR_STRIPE_KEY, BAZAAR_STRIPE_WEBHOOK_SECRET, PLATFORM_KEY, STRIPE_KEY,
    STRIPE_WEBHOOK_SECRET, ZARINPAL_MERCHANT,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::World;

/// One world for all steps, because starting all functions takes a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_job_end_to_end() {
    let world = World::behind_cargo_lambda().await;
    refuses_what_cannot_be_right(&world).await;
    the_accounts_are_taken_by_their_gateways(&world).await;
    a_link_is_made_told_paid_and_becomes_a_receipt(&world).await;
    the_same_in_english_at_stripe(&world).await;
    a_webhook_alone_confirms(&world).await;
    a_failed_payment_can_be_tried_again(&world).await;
    many_visitors_and_returns_at_once_make_one_receipt(&world).await;
    a_link_left_alone_expires(&world).await;
    a_link_is_cancelled(&world).await;
    a_traced_link_is_paid(&world).await;
    another_business_is_paid_into_an_account_of_the_same_name(&world).await;
    every_rial_is_on_a_receipt(&world).await;
    the_log_tells_what_happened_and_nothing_personal_or_secret(&world).await;
    world.end().await;
}

async fn refuses_what_cannot_be_right(world: &World) {
    let body = json!({ "account_id": "main", "contact_id": "c-0", "amount": 0, "colour": "red" });
    let reply = world.crm(Method::POST, "/v1/payment-links", body).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    let pointers: Vec<_> = reply.problems().into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/colour", "/contact_id", "/amount"]);
    assert_eq!(world.crm(Method::GET, "/v1/nothing", Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        world.crm(Method::DELETE, "/v1/payment-links", Value::Null).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let head = world.send(Method::HEAD, "/p/2222222222222222222222", &[], None).await;
    assert_eq!(head.status, StatusCode::NOT_FOUND);
    let nowhere = world.open("/").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(nowhere.text.contains("<html"));
}

/// By the function that may read credentials, while the same path is crm-api's for every other method.
async fn the_accounts_are_taken_by_their_gateways(world: &World) {
    for account in ["main", "euro"] {
        let path = format!("/v1/accounts/{account}/check");
        let reply = world.crm(Method::POST, &path, Value::Null).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        assert_eq!(reply.json()["credentials"]["status"], "accepted", "{}", reply.text);
        assert_eq!(world.crm(Method::GET, &path, Value::Null).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(world.get("/v1/accounts/main").await["id"], "main");
}

async fn a_link_is_made_told_paid_and_becomes_a_receipt(world: &World) {
    let link = world
        .make_link(json!({
            "account_id": "main", "item_id": "inv-77", "expires_in_days": 7, "description": "Invoice 77",
            "recipients": { "contact": true, "roles": ["manager"] },
            "after_payment": { "receipt_type_id": "online", "receipt_field": "payment" },
        }))
        .await;
    assert_eq!((link["status"].as_str(), link["mode"].as_str()), (Some("active"), Some("sandbox")));
    assert_eq!((link["amount"].as_i64(), link["amount_source"].as_str()), (Some(1_500_000), Some("item")));
    let sms = world.inbox("+989120000000", 1).await;
    assert!(sms[0]["body"].as_str().unwrap().contains(link["url"].as_str().unwrap()));
    world.inbox("manager@example.com", 1).await;

    let page = world.pay(&link, "paid").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("پرداخت شد") && page.text.contains("آزمایشی"));
    let link = world.link(&link).await;
    assert_eq!(link["status"], "paid");
    let receipts = world.receipts().await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(link["receipts"], json!([receipts[0]["id"]]));
    assert_eq!(receipts[0]["receipt_type_id"], "online");
    let item = world.get("/v1/items/inv-77").await;
    assert_eq!(item["receipts"]["payment"], json!([receipts[0]["id"]]));
    // The CRM hears of it by itself.
    let told = world.wait_for_event(&link, "receipt.registered").await;
    assert_eq!(told["data"]["id"], receipts[0]["id"]);
    // A paid link is never paid again.
    let again = world.open(link["url"].as_str().unwrap()).await;
    assert!(again.status == StatusCode::OK && again.text.contains("پرداخت شد"));
}

async fn the_same_in_english_at_stripe(world: &World) {
    let link = world
        .make_link(json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "locale": "en",
                           "recipients": { "emails": ["typed@example.com"] } }))
        .await;
    let mail = world.inbox("typed@example.com", 1).await;
    assert!(mail[0]["body"].as_str().unwrap().contains("€19.99"));
    let page = world.pay(&link, "paid").await;
    assert!(page.text.contains("Payment received"), "{}", page.text);
    assert_eq!(world.link(&link).await["receipts"].as_array().unwrap().len(), 1);
}

async fn a_webhook_alone_confirms(world: &World) {
    let link = world.euro_link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_no_return").await;
    let link = world.wait_for(&link, |link| link["status"] == "paid").await;
    assert_eq!(link["receipts"].as_array().unwrap().len(), 1);
}

async fn a_failed_payment_can_be_tried_again(world: &World) {
    for outcome in ["failed", "cancelled"] {
        let link = world.rial_link().await;
        let page = world.pay(&link, outcome).await;
        assert!(page.text.contains("تلاش دوباره"), "{}", page.text);
        world.pay(&link, "paid").await;
        assert_eq!(world.link(&link).await["status"], "paid");
    }
    let link = world.euro_link().await;
    let page = world.pay(&link, "cancelled").await;
    assert!(page.text.contains("Pay \u{2068}€19.99\u{2069}</a>"), "{}", page.text);
    world.pay(&link, "paid").await;
    assert_eq!(world.link(&link).await["status"], "paid");
}

async fn many_visitors_and_returns_at_once_make_one_receipt(world: &World) {
    let link = world.rial_link().await;
    let pages = join_all((0..8).map(|_| world.go_to_gateway(&link))).await;
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]));
    let back = world.choose(&pages[0], "paid").await.location();
    join_all((0..8).map(|_| world.open(&back))).await;
    let link = world.wait_for(&link, |link| link["status"] == "paid").await;
    assert_eq!(link["receipts"].as_array().unwrap().len(), 1);
}

async fn a_link_left_alone_expires(world: &World) {
    for account in [json!({ "account_id": "main", "amount": 50000 }), json!({ "account_id": "euro", "amount": 500 })] {
        let mut body = account;
        body["contact_id"] = json!("c-1042");
        body["expires_at"] = json!((domain::Timestamp::now() + Duration::from_secs(2)).to_string());
        let link = world.make_link(body).await;
        assert_eq!(link["status"], "active");
        tokio::time::sleep(Duration::from_millis(2100)).await;
        // The schedule has not been there yet.
        assert_eq!(world.open(link["url"].as_str().unwrap()).await.status, StatusCode::GONE);
        assert_eq!(world.sweep().await["expired"], 1);
        assert_eq!(world.link(&link).await["status"], "expired");
        assert_eq!(world.open(link["url"].as_str().unwrap()).await.status, StatusCode::GONE);
    }
}

async fn a_link_is_cancelled(world: &World) {
    let link = world.euro_link().await;
    let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
    let reply = world.crm(Method::POST, &path, json!({ "reason": "wrong amount" })).await;
    assert_eq!((reply.status, reply.json()["status"].as_str()), (StatusCode::OK, Some("cancelled")));
    assert_eq!(world.open(link["url"].as_str().unwrap()).await.status, StatusCode::GONE);
}

/// What the CRM's own tracing knows one of its calls by.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn a_traced_link_is_paid(world: &World) {
    let given = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                       "recipients": { "emails": ["traced@example.com"] } });
    let reply = world.crm_with(Method::POST, "/v1/payment-links", body, &[("traceparent", &given)]).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    let link = reply.json();
    world.inbox("traced@example.com", 1).await;
    world.pay(&link, "paid").await;
    world.wait_for_event(&link, "receipt.registered").await;
}

/// Nobody else's customer, account or link of the same name is meant, and the platform sees both.
async fn another_business_is_paid_into_an_account_of_the_same_name(world: &World) {
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 777, "locale": "en",
                       "recipients": { "contact": true } });
    let reply = world.crm_as(BAZAAR_KEY, Method::POST, "/v1/payment-links", body, &[]).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    let link = reply.json();
    assert_eq!(link["currency"], "EUR", "the demo business's account of this name is in rial");
    let mail = world.inbox("customer@bazaar.example", 1).await;
    assert!(mail[0]["body"].as_str().unwrap().contains("€7.77"));
    let page = world.pay(&link, "paid").await;
    assert!(page.text.contains("Payment received"), "{}", page.text);
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let own = world.crm_as(BAZAAR_KEY, Method::GET, &path, Value::Null, &[]).await;
    assert_eq!(own.json()["status"], "paid");
    assert_eq!(world.crm(Method::GET, &path, Value::Null).await.status, StatusCode::NOT_FOUND);
    let for_it = world.platform(Some(BAZAAR), Method::GET, &path, Value::Null).await;
    assert_eq!((for_it.status, for_it.json()), (StatusCode::OK, own.json()));
    world.wait_for_event(&link, "receipt.registered").await;
}

/// The receipts of both businesses.
async fn all_receipts(world: &World) -> Vec<Value> {
    let path = "/v1/receipts?contact_id=c-1042&limit=100";
    let others = world.crm_as(BAZAAR_KEY, Method::GET, path, Value::Null, &[]).await.json();
    let others = others["data"].as_array().unwrap().clone();
    assert_eq!(others.len(), 1);
    [world.receipts().await, others].concat()
}

/// What the gateways hold is exactly what is on receipts.
async fn every_rial_is_on_a_receipt(world: &World) {
    let receipts = all_receipts(world).await;
    for (gateway, name) in [("zarinpal", "Zarinpal"), ("stripe", "Stripe")] {
        let taken: i64 = world
            .books(gateway)
            .await
            .iter()
            .filter(|session| session["taken"] == true)
            .map(|session| session["amount"].as_i64().unwrap())
            .sum();
        let kept: i64 = receipts
            .iter()
            .filter(|receipt| receipt["gateway"] == gateway)
            .map(|receipt| receipt["amount"].as_i64().unwrap())
            .sum();
        assert_eq!(taken, kept, "{name}");
        assert!(taken > 0);
    }
}

/// The businesses, their customers, their keys and the right to pay are canaries: none of them may be in any line.
async fn the_log_tells_what_happened_and_nothing_personal_or_secret(world: &World) {
    let links = world.get("/v1/payment-links?contact_id=c-1042&limit=100").await;
    let urls = links["data"].as_array().unwrap().iter().map(|link| link["url"].as_str().unwrap());
    let tokens: Vec<String> = urls.map(|url| url.rsplit('/').next().unwrap().to_owned()).collect();
    assert!(tokens.len() >= 5, "there are links whose tokens could have been said");
    let mut canaries = tokens;
    let of_the_business = [API_KEY, ZARINPAL_MERCHANT, STRIPE_KEY, STRIPE_WEBHOOK_SECRET, SIGNING_SECRET];
    let of_the_other =
        [BAZAAR_KEY, BAZAAR_STRIPE_KEY, BAZAAR_STRIPE_WEBHOOK_SECRET, BAZAAR_SIGNING_SECRET, PLATFORM_KEY];
    let of_people = [
        "9120000000",
        "Demo Customer",
        "Bazaar Customer",
        "example.com",
        "bazaar.example",
        "local-crm",
        "local-platform",
    ];
    let all = of_the_business.into_iter().chain(of_the_other).chain(of_people);
    canaries.extend(all.map(str::to_owned));
    // The last event is on its way through the stream.
    for _ in 0..100 {
        if world.log().contains("LinksCancelled") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let log = world.log();
    for line in log.lines() {
        let said: Vec<&String> = canaries.iter().filter(|canary| line.contains(*canary)).collect();
        assert!(said.is_empty(), "{said:?} in {line}");
    }
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_a_link: Vec<&Value> = lines.iter().filter(|line| line["link_id"].is_string()).collect();
    assert!(of_a_link.len() > 10, "{log}");
    assert!(of_a_link.iter().all(|line| line["span"]["requestId"].is_string()), "{of_a_link:#?}");
    // One search finds what each function did about one call of the CRM.
    for (function, said) in [
        ("create-link", "A payment link was made."),
        ("pay-redirect", "A payment attempt began."),
        ("gateway-webhook", "A gateway answered."),
        ("deliver-messages", "A message was served."),
        ("deliver-messages", "An event was sent."),
    ] {
        let is_it = |line: &&Value| line["message"] == said && line["trace_id"] == TRACE;
        assert!(lines.iter().any(|line| is_it(&line)), "{function} does not say which trace it served");
    }
    let expired = lines.iter().find(|line| line["message"] == "A payment link expired.").unwrap();
    assert!(expired["trace_id"].is_string(), "{expired}");
    let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_u64()).sum::<u64>();
    let paid = all_receipts(world).await.len();
    assert_eq!(usize::try_from(sum("LinksPaid")).unwrap(), paid, "each payment is counted once");
    for figure in [
        "LinksMade",
        "LinksOpened",
        "LinksExpired",
        "LinksCancelled",
        "Attempts",
        "MessagesSent",
        "EventsDelivered",
        "DueFound",
    ] {
        assert!(sum(figure) > 0, "{figure} was measured");
    }
}

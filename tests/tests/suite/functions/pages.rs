//! Every page tells the truth, above all where something is not known.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::fault_proxy::Fault;
use tests::faulty_world::FaultyWorld;
use tests::forms::Form;
use tests::invariants::Stage;
use tests::{Reply, World};

use super::settings_are_read_again;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

const CONFIRMING: &str = "پرداخت شما در حال تأیید است";
const FAILED: &str = "پرداخت انجام نشد";
const TRY_AGAIN: &str = "تلاش دوباره";
const IF_PAID: &str = "اگر پرداخت کرده‌اید";
const DO_NOT_PAY_AGAIN: &str = "لطفاً دوباره پرداخت نکنید";

fn url(link: &Value) -> &str {
    link["url"].as_str().unwrap()
}

async fn result(world: &World, link: &Value) -> Reply {
    world.open(&format!("{}/result", url(link))).await
}

async fn cancel(world: &World, link: &Value) {
    let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
    let reply = world.crm(Method::POST, &path, json!({ "force": true })).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

async fn link_at(world: &World, account: &str, locale: &str) -> Value {
    let amount = if account == "euro" || account == "mollie" { 1999 } else { 1_500_000 };
    let body = json!({ "account_id": account, "contact_id": "c-1042", "amount": amount, "locale": locale });
    world.make_link(body).await
}

async fn set_summary_page(world: &World) {
    let online = json!({ "enabled": true, "gateway": "zarinpal", "summary_page": true });
    let account = json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online });
    world.put("/v1/accounts/main", account).await;
}

/// Where a page leads by itself.
fn refresh(page: &Reply) -> &str {
    page.headers["refresh"].to_str().unwrap()
}

#[tokio::test]
async fn nobody_is_told_that_nothing_was_paid_while_the_gateway_does_not_answer() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let gateway = world.go_to_gateway(&link).await;
    world.choose(&gateway, "paid_no_return").await;
    world.misbehave("zarinpal", "inquiry", "502_html", 1).await;
    let page = result(&world, &link).await;
    assert!(page.text.contains(CONFIRMING) && !page.text.contains("هنوز چیزی پرداخت نشده"), "{}", page.text);
    assert!(refresh(&page).starts_with("10; "), "each refresh asks the gateway, so they are not many");
    // Nor in the first seconds, once the gateway answers.
    assert!(result(&world, &link).await.text.contains(CONFIRMING));
    // A customer who opens the link again is sent to the session that the gateway says nothing about.
    world.turn_clock(Duration::from_secs(40));
    world.misbehave("zarinpal", "inquiry", "502_html", 1).await;
    assert_eq!(world.go_to_gateway(&link).await, gateway);
}

#[tokio::test]
async fn a_session_that_is_over_is_said_to_be_over_and_another_one_can_be_opened() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let gateway = world.go_to_gateway(&link).await;
    world.choose(&gateway, "cancelled").await;
    let page = result(&world, &link).await;
    assert!(page.text.contains(FAILED) && page.text.contains(TRY_AGAIN), "{}", page.text);
    assert_eq!(world.link(&link).await["attempts"][0]["status"], "failed");
    // The same where the customer opens the link itself: a new session, and no page about confirming.
    let second = world.go_to_gateway(&link).await;
    assert_ne!(second, gateway);
    world.choose(&second, "failed").await;
    world.turn_clock(Duration::from_secs(40));
    let third = world.go_to_gateway(&link).await;
    assert_ne!(third, second);
    let statuses = |link: &Value| {
        let attempts = link["attempts"].as_array().unwrap().clone();
        attempts.iter().map(|attempt| attempt["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&world.link(&link).await), ["failed", "failed", "open"]);
    assert!(world.come_back(&world.choose(&third, "paid").await).await.text.contains("پرداخت شد"));
    assert_eq!(world.receipts().await.len(), 1);
}

/// The customer's return, as a browser posts it: where to, and what.
fn posted(back: &str) -> (&str, &str) {
    back.split_once('?').unwrap()
}

#[tokio::test]
async fn a_payment_whose_return_meets_our_own_trouble_is_brought_again_and_kept() {
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    for operation in ["GetItem", "PutItem"] {
        let world = FaultyWorld::start(3600).await;
        let body = json!({ "account_id": "saman", "contact_id": "c-1042", "amount": 50_000 });
        let link = world.make_link(&body, "return_reference").await;
        let gateway = world.go_to_gateway(&link).await;
        let back = world.choose(&gateway, "paid").await.unwrap();
        let (address, fields) = posted(&back);
        // What the customer's browser posts and nobody else knows is the reference that confirming needs.
        world.proxy.decide(move |_, call| (call.operation == operation).then_some(Fault::Unavailable));
        let page = world.ask(Method::POST, address, &[form_type], Some(fields)).await.unwrap();
        world.proxy.record();
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{operation}");
        for (name, value) in [("cache-control", "no-store"), ("x-frame-options", "DENY"), ("x-robots-tag", "noindex")] {
            assert_eq!(page.headers[name], value);
        }
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("form-action 'self'") && !policy.contains("unsafe"), "{policy}");
        assert!(!page.headers.contains_key("refresh"), "asking again by GET would lose what was posted");
        for said in ["Please do not pay again", DO_NOT_PAY_AGAIN, "يُرجى عدم الدفع مرة أخرى", "<button"]
        {
            assert!(page.text.contains(said), "{said}: {}", page.text);
        }
        let form = Form::of(&page.text).unwrap();
        let again = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let sent_on = world.ask(Method::POST, address, &[form_type], Some(&again)).await.unwrap();
        assert_eq!(sent_on.status, StatusCode::SEE_OTHER, "{}", sent_on.text);
        assert!(world.open(&sent_on.location()).await.unwrap().text.contains("پرداخت شد"));
        world.confirm().await;
        world.assert_all_is_well(Stage::CaughtUp).await;
    }
}

#[tokio::test]
async fn a_return_by_address_asks_again_by_itself_and_escapes_what_was_posted() {
    let world = FaultyWorld::start(3600).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 });
    let link = world.make_link(&body, "asked").await;
    let gateway = world.go_to_gateway(&link).await;
    let back = world.choose(&gateway, "paid").await.unwrap();
    world.proxy.decide(|_, call| (call.operation == "GetItem").then_some(Fault::Unavailable));
    let page = world.open(&back).await.unwrap();
    assert_eq!((page.status, refresh(&page)), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert!(!page.text.contains("<form"));
    let (address, _) = posted(&back);
    let nasty = "a%22%3E%3Cscript%3E=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let page = world.ask(Method::POST, address, &[form_type], Some(nasty)).await.unwrap();
    assert!(page.text.contains("&lt;script&gt;") && !page.text.contains("\"><script>"), "{}", page.text);
    world.proxy.record();
    assert_eq!(world.open(&back).await.unwrap().status, StatusCode::SEE_OTHER);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn the_page_that_waits_and_the_page_it_asks_for_say_the_same() {
    let world = World::in_process().await;
    let soon = (domain::Timestamp::now() + 10 * MINUTE).to_string();
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_at": soon });
    let link = world.make_link(body).await;
    world.go_to_gateway(&link).await;
    // The link's time and the session's are over, and a payment begun in time may still become known.
    world.turn_clock(16 * MINUTE);
    let waiting = world.open(url(&link)).await;
    assert!(waiting.text.contains(CONFIRMING), "{}", waiting.text);
    let asked = world.open(refresh(&waiting).strip_prefix("10; url=").unwrap()).await;
    assert!(asked.text.contains(CONFIRMING) && !asked.text.contains("a class=\"button\""), "{}", asked.text);
    world.turn_clock(5 * MINUTE);
    let over = result(&world, &link).await;
    assert_eq!(over.status, StatusCode::GONE);
    assert!(over.text.contains(IF_PAID), "nobody knows yet: {}", over.text);
}

#[tokio::test]
async fn a_receipt_shows_what_was_really_paid() {
    let world = World::in_process().await;
    let link = link_at(&world, "zibal", "fa").await;
    assert!(world.pay(&link, "paid_less").await.text.contains("در حال بررسی"));
    let reviewed = world.link(&link).await;
    let (id, attempt) = (link["id"].as_str().unwrap(), reviewed["attempts"][0]["id"].as_str().unwrap());
    let path = format!("/v1/payment-links/{id}/attempts/{attempt}/resolve");
    let kept = world.crm(Method::POST, &path, json!({ "outcome": "keep" })).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text);
    world.sweep().await;
    let page = result(&world, &link).await;
    assert!(page.text.contains("پرداخت شد") && page.text.contains("۷۵٬۰۰۰ تومان"), "{}", page.text);
    assert!(!page.text.contains("۱۵۰٬۰۰۰ تومان"), "the amount asked for was not paid: {}", page.text);
}

#[tokio::test]
async fn a_late_payment_of_an_earlier_session_is_not_forgotten() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let first = world.go_to_gateway(&link).await;
    world.turn_clock(16 * MINUTE);
    let page = world.pay(&link, "failed").await;
    assert!(page.text.contains(FAILED) && page.text.contains(IF_PAID), "the first is not known: {}", page.text);
    world.turn_clock(9 * DAY);
    world.sweep().await;
    let late = world.come_back(&world.choose(&first, "paid").await).await;
    assert!(late.text.contains("پول شما برمی‌گردد"), "{}", late.text);
    assert!(!late.text.contains("پرداختی انجام نشده") && !late.text.contains(TRY_AGAIN), "{}", late.text);
    assert!(world.open(url(&link)).await.text.contains("پول شما برمی‌گردد"));
}

#[tokio::test]
async fn trouble_with_the_gateway_does_not_say_that_nothing_was_paid_where_that_is_not_known() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.misbehave("zarinpal", "request", "502_html", 1).await;
    let first = world.open(url(&link)).await;
    assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(first.text.contains("چیزی پرداخت نشده است"), "{}", first.text);
    assert!(world.link(&link).await["opened_at"].is_string(), "it was opened all the same");
    world.go_to_gateway(&link).await;
    world.turn_clock(16 * MINUTE);
    world.misbehave("zarinpal", "request", "502_html", 1).await;
    let later = world.open(url(&link)).await;
    assert_eq!(later.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(later.text.contains(DO_NOT_PAY_AGAIN) && !later.text.contains("چیزی پرداخت نشده است"), "{}", later.text);
}

#[tokio::test]
async fn who_may_have_paid_a_link_that_ended_is_told_that_nothing_is_lost() {
    let world = World::in_process().await;
    let (idle, open) = (world.rial_link().await, world.rial_link().await);
    world.go_to_gateway(&open).await;
    for link in [&idle, &open] {
        cancel(&world, link).await;
    }
    assert!(!world.open(url(&idle)).await.text.contains(IF_PAID));
    let page = world.open(url(&open)).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert!(page.text.contains("لغو شده است") && page.text.contains(IF_PAID), "{}", page.text);
}

#[tokio::test]
async fn who_paid_in_a_session_that_is_over_is_not_led_to_another_one() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.choose(&world.go_to_gateway(&link).await, "paid_no_return").await;
    // The session's time is over, and no schedule has come since.
    world.turn_clock(16 * MINUTE);
    world.misbehave("zarinpal", "inquiry", "502_html", 1).await;
    for answer in ["none", "paid"] {
        let page = world.open(url(&link)).await;
        assert_eq!(page.status, StatusCode::OK, "{answer}");
        assert!(page.text.contains(CONFIRMING), "{answer}: {}", page.text);
        assert_eq!(world.link(&link).await["attempts"].as_array().unwrap().len(), 1, "{answer}");
    }
    // Where the gateway says that nobody has paid, the next session begins.
    let other = world.rial_link().await;
    let first = world.go_to_gateway(&other).await;
    world.turn_clock(16 * MINUTE);
    assert_ne!(world.go_to_gateway(&other).await, first);
}

#[tokio::test]
async fn who_paid_and_closed_the_browser_does_not_see_the_page_before_the_gateway_again() {
    let world = World::in_process().await;
    set_summary_page(&world).await;
    let link = world.rial_link().await;
    let go = format!("{}/go", url(&link));
    assert!(world.open(url(&link)).await.text.contains("/go\""));
    let gateway = world.open(&go).await.location();
    world.turn_clock(Duration::from_secs(40));
    assert!(world.open(url(&link)).await.text.contains("/go\""), "who has not paid can go on");
    world.choose(&gateway, "paid_no_return").await;
    // Whoever opens it again and again makes us ask every few seconds only.
    world.turn_clock(Duration::from_secs(4));
    let page = world.open(url(&link)).await;
    assert!(page.text.contains(CONFIRMING) && !page.text.contains("/go\""), "{}", page.text);
}

#[tokio::test]
async fn a_second_payment_that_is_only_reported_is_not_called_a_payment() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let first = world.go_to_gateway(&link).await;
    world.turn_clock(45 * MINUTE);
    world.pay(&link, "paid_no_webhook").await;
    let chosen = world.choose(&first, "paid_no_webhook").await;
    world.misbehave("stripe", "retrieve", "502_html", 1).await;
    let page = world.come_back(&chosen).await;
    assert!(
        page.text.contains("Another payment may have been made") && page.text.contains("Thank you"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("Another payment was made"));
}

#[tokio::test]
async fn the_page_that_posts_to_a_gateway_says_what_is_paid_and_whom_to_ask() {
    let world = World::in_process().await;
    let settings = json!({
        "business_name": "Tea & <b>Co</b>", "support_phone": "۰۲۱ ۱۲۳۴ (۵۶۷۸)", "time_zone": "Asia/Tehran",
        "default_locale": "fa-IR", "default_region": "IR",
    });
    world.put("/v1/settings", settings).await;
    settings_are_read_again().await;
    let body =
        json!({ "account_id": "saman", "contact_id": "c-1042", "amount": 1_500_000, "description": "Invoice 77" });
    let link = world.make_link(body).await;
    let page = world.open(url(&link)).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in [
        "۱۵۰٬۰۰۰ تومان",
        "Invoice 77",
        "مهلت پرداخت",
        "shaparak.ir",
        "فیلترشکن",
        "Tea &amp; &lt;b&gt;Co&lt;/b&gt;",
        "href=\"tel:02112345678\"",
        "name=\"Token\"",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    assert!(!page.text.contains("<b>Co"), "a business's name is always escaped");
    let action = url::Url::parse(&Form::of(&page.text).unwrap().action).unwrap();
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'none'".to_owned(),
        "script-src 'sha256-".to_owned(),
        format!("form-action https: {}", action.origin().ascii_serialization()),
        "frame-ancestors 'none'".to_owned(),
    ] {
        assert!(policy.contains(&part), "{part}: {policy}");
    }
    assert_eq!(page.headers["strict-transport-security"], "max-age=31536000");
    assert_eq!(page.headers["referrer-policy"], "strict-origin-when-cross-origin");
}

#[tokio::test]
async fn a_failure_says_what_happened_and_what_becomes_of_debited_money() {
    let world = World::in_process().await;
    for (account, outcome, happened, becomes) in [
        (
            "main",
            "cancelled",
            "The gateway says that no payment was made",
            "your bank usually returns it within 72 hours",
        ),
        ("zibal", "cancelled", "was cancelled on the gateway", "within 72 hours"),
        ("zibal", "failed", "was declined", "within 72 hours"),
        ("saman", "failed", "The gateway says that no payment was made", "within 30 minutes"),
        ("mollie", "cancelled", "was cancelled on the gateway", "your card or account"),
        ("mollie", "failed", "was declined", "your card or account"),
    ] {
        let link = link_at(&world, account, "en").await;
        let page = world.pay(&link, outcome).await;
        for said in ["The payment was not made", happened, becomes, "Try again"] {
            assert!(page.text.contains(said), "{account} {outcome}, {said}: {}", page.text);
        }
    }
}

#[tokio::test]
async fn money_that_went_back_by_itself_leaves_a_link_that_can_be_paid() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_no_return").await;
    let authority = page.rsplit('/').next().unwrap();
    let return_money = format!("{}/zarinpal/simulator/{authority}/return_money", world.cloud.page_url());
    world.send(Method::POST, &return_money, &[], Some(String::new())).await;
    world.turn_clock(MINUTE);
    world.sweep().await;
    let page = result(&world, &link).await;
    assert!(page.text.contains("پول شما برمی‌گردد") && page.text.contains(TRY_AGAIN), "{}", page.text);
    world.pay(&link, "paid").await;
    assert_eq!(world.link(&link).await["status"], "paid");
}

#[tokio::test]
async fn a_link_in_a_language_that_does_not_ship_speaks_the_browsers() {
    let world = World::in_process().await;
    let link = link_at(&world, "main", "de").await;
    let result = format!("{}/result", url(&link));
    for (browser, shown) in [
        ("fa-IR,fa", "پرداخت تمام نشده است"),
        ("en;q=0.4, ar;q=0.8", "لم تكتمل عملية الدفع"),
        ("de", "The payment is not finished"),
        ("", "The payment is not finished"),
    ] {
        let page = world.send(Method::GET, &result, &[("accept-language", browser)], None).await;
        assert!(page.text.contains(shown), "{browser}: {}", page.text);
    }
}

#[tokio::test]
async fn browsers_that_look_for_an_icon_need_not_ask_twice() {
    let world = World::in_process().await;
    let icon = world.open("/favicon.ico").await;
    assert_eq!(icon.status, StatusCode::NO_CONTENT);
    assert_eq!(icon.headers["cache-control"], "public, max-age=86400");
}

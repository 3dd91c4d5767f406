//! Every page tells the truth, above all where something is not known.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan};
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
    assert_eq!(page.waits().unwrap().0, 10, "each time asks the gateway, so they are not many");
    assert!(!page.headers.contains_key("refresh"), "nothing reloads under somebody's hands");
    let without_scripts = page.text.split("<noscript>").nth(1).unwrap().split("</noscript>").next().unwrap();
    assert!(without_scripts.contains("refresh") && without_scripts.contains("/result"), "{without_scripts}");
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
    let asked = world.open(&waiting.waits().unwrap().1).await;
    assert!(asked.text.contains(CONFIRMING) && !asked.text.contains("/go"), "{}", asked.text);
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
    assert!(page.text.contains("پرداخت شد") && page.text.contains("۷۵٬۰۰۰\u{a0}تومان"), "{}", page.text);
    assert!(!page.text.contains("۱۵۰٬۰۰۰\u{a0}تومان"), "the amount asked for was not paid: {}", page.text);
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
    let form = url::Url::parse(&Form::of(&page.text).unwrap().action).unwrap();
    let action = format!("دامنهٔ صفحه \u{2068}{}:{}\u{2069}", form.host_str().unwrap(), form.port().unwrap());
    for shown in [
        "۱۵۰٬۰۰۰\u{a0}تومان",
        "Invoice 77",
        "مهلت پرداخت",
        // The page asks for the card itself, and is not one of the network's here.
        "پرداخت الکترونیک سامان",
        action.as_str(),
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
    const UNSAID: &str = "The payment was not made";
    const CANCELLED: &str = "The payment was cancelled";
    const DECLINED: &str = "The payment was declined";
    for (account, outcome, title, becomes) in [
        ("main", "cancelled", UNSAID, "your bank usually returns the money within 72\u{a0}hours"),
        ("zibal", "cancelled", CANCELLED, "within 72\u{a0}hours"),
        ("zibal", "failed", DECLINED, "within 72\u{a0}hours"),
        ("saman", "cancelled", CANCELLED, "within 30\u{a0}minutes"),
        ("saman", "failed", DECLINED, "within 30\u{a0}minutes"),
        ("mollie", "cancelled", CANCELLED, "your card or account"),
        ("mollie", "failed", DECLINED, "your card or account"),
        ("zibal", "no_funds", "There was not enough money on the card", "within 72\u{a0}hours"),
        ("zibal", "wrong_password", "The card's password was not accepted", "within 72\u{a0}hours"),
        ("zibal", "over_limit", "The card's limit is reached", "within 72\u{a0}hours"),
        ("mollie", "no_funds", "There was not enough money on the card", "your card or account"),
        ("mollie", "wrong_password", "The card's password was not accepted", "your card or account"),
        ("mollie", "over_limit", DECLINED, "your card or account"),
    ] {
        let link = link_at(&world, account, "en").await;
        let page = world.pay(&link, outcome).await;
        for said in [title, becomes, "Try again"] {
            assert!(page.text.contains(said), "{account} {outcome}, {said}: {}", page.text);
        }
        // Who is told why by the bank is not told what it usually is.
        let guesses = title == UNSAID || title == DECLINED;
        assert_eq!(page.text.contains("The usual reasons are"), guesses, "{account} {outcome}: {}", page.text);
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
        ("fa-IR,fa", "پرداخت کامل نشده است"),
        ("en;q=0.4, ar;q=0.8", "لم تكتمل عملية الدفع"),
        ("de", "The payment is not complete"),
        ("", "The payment is not complete"),
    ] {
        let page = world.send(Method::GET, &result, &[("accept-language", browser)], None).await;
        assert!(page.text.contains(shown), "{browser}: {}", page.text);
    }
}

#[tokio::test]
async fn a_new_account_of_an_iranian_gateway_shows_a_summary_and_others_stay_as_they_are() {
    let world = World::in_process().await;
    let put = async |id: &str, gateway: &str, credentials: Value, more: Value| {
        let currency = if gateway == "mollie" { "EUR" } else { "IRR" };
        let mut online = json!({ "enabled": true, "gateway": gateway, "credentials": credentials });
        online.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let account = json!({ "name": "New", "currency": currency, "mode": "sandbox", "online_payment": online });
        world.put(&format!("/v1/accounts/{id}"), account).await["online_payment"]["summary_page"].clone()
    };
    let terminal = json!({ "terminal_id": "2015" });
    assert_eq!(put("new", "sep", terminal.clone(), json!({})).await, true);
    assert_eq!(put("one-tap", "sep", terminal.clone(), json!({ "summary_page": false })).await, false);
    assert_eq!(put("one-tap", "sep", terminal, json!({})).await, false, "what is there stays as it is");
    let key = json!({ "api_key": "test_0123456789abcdef0123456789abcd" });
    assert_eq!(put("abroad", "mollie", key, json!({})).await, false);
}

#[tokio::test]
async fn a_link_is_read_in_another_language_and_its_other_pages_too() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.open(&format!("{}?lang=en", url(&link))).await;
    assert_eq!(page.status, StatusCode::OK, "who chooses a language goes on reading");
    assert!(page.text.contains("lang=\"en\"") && page.text.contains("Zarinpal"), "{}", page.text);
    assert!(world.books("zarinpal").await.is_empty());
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    let path = url::Url::parse(url(&link)).unwrap().path().to_owned();
    assert!(cookie.starts_with("lang=en; ") && cookie.contains(&format!("Path={path};")), "{cookie}");
    let asked = |cookie: &'static str| {
        let result = format!("{}/result", url(&link));
        let world = &world;
        async move { world.send(Method::GET, &result, &[("cookie", cookie)], None).await.text }
    };
    assert!(asked("lang=en").await.contains("The payment is not complete"));
    assert!(asked("lang=ar").await.contains("لم تكتمل عملية الدفع"));
    assert!(asked("lang=xx").await.contains("پرداخت کامل نشده است"));
}

#[tokio::test]
async fn browsers_that_look_for_an_icon_need_not_ask_twice() {
    let world = World::in_process().await;
    let icon = world.open("/favicon.ico").await;
    assert_eq!(icon.status, StatusCode::NO_CONTENT);
    assert_eq!(icon.headers["cache-control"], "public, max-age=86400");
}

const SAY_PAID: &str = "قبلاً پرداخت کرده‌ام";
const TOLD: &str = "تا آن زمان لازم نیست چیزی پرداخت کنید";
const BEING_CHECKED: &str = "موضوع در حال بررسی است";
const CLOSED: &str = "این لینک بسته شده است";

/// The page by whose button a customer says to have paid already.
fn already_paid(link: &Value) -> String {
    format!("{}/already-paid", url(link))
}

/// The button by which a customer says so, where the page has it.
fn second_button(page: &Reply) -> Option<Form> {
    let forms = page.text.split_inclusive("</form>").filter_map(Form::of);
    forms.into_iter().find(|form| form.action.ends_with("/already-paid"))
}

async fn press_second(world: &World, page: &Reply) -> Reply {
    let button = second_button(page).unwrap_or_else(|| panic!("no second button: {}", page.text));
    world.post_form(&button, &[]).await
}

/// What an app or another program gets of an address.
async fn look(world: &World, url: &str) -> Reply {
    world.send(Method::GET, url, &[], None).await
}

/// Posts where the button would, as a page does that was loaded before the link changed.
async fn press_stale(world: &World, link: &Value) -> Reply {
    world.send(Method::POST, &already_paid(link), &[], Some(String::new())).await
}

/// How often the business was told that the link is held, as it knows once a later event has come.
async fn times_told(world: &World, link: &Value, later: &str) -> usize {
    world.wait_for_event(link, later).await;
    world.crm_events(link).iter().filter(|event| event["type"] == "payment_link.held").count()
}

async fn hold(world: &World, link: &Value, more: Value) {
    let made: Timestamp = link["created_at"].as_str().unwrap().parse().unwrap();
    let until = made + 24.hours();
    let mut body = json!({ "reason": "promise", "until": until.to_string() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("/v1/payment-links/{}/hold", link["id"].as_str().unwrap());
    let reply = world.crm(Method::POST, &path, body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

/// The business writes down that money came by other means.
async fn record(world: &World, link: &Value, body: Value) -> Value {
    let id = link["id"].as_str().unwrap();
    let key = format!("record-{id}");
    let path = format!("/v1/payment-links/{id}/payments");
    let reply = world.crm_with(Method::POST, &path, body, &[("idempotency-key", &key)]).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn who_says_to_have_paid_has_the_business_told_once_and_need_not_pay_meanwhile() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = press_second(&world, &look(&world, url(&link)).await).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains(TOLD) && page.text.contains("Invoice 77"), "{}", page.text);
    assert!(second_button(&page).is_none(), "it is said already: {}", page.text);
    world.wait_for_event(&link, "payment_link.held").await;
    let held = world.link(&link).await;
    assert_eq!((&held["status"], &held["hold"]["reason"]), (&json!("active"), &json!("says_paid")), "{held}");
    assert_eq!((&held["hold"]["stops_paying"], &held["hold"]["placed_by"]), (&json!(false), &Value::Null), "{held}");
    assert!(held["opened_at"].is_string(), "whoever presses a button has opened the link");
    // Who presses again, loads the page again or has an app show it reads the same and changes nothing.
    world.turn_clock(MINUTE);
    for again in [
        press_stale(&world, &link).await,
        world.open(&already_paid(&link)).await,
        look(&world, &already_paid(&link)).await,
    ] {
        assert_eq!((again.status, &again.text), (page.status, &page.text));
    }
    assert_eq!(world.link(&link).await, held);
    cancel(&world, &link).await;
    assert_eq!(times_told(&world, &link, "payment_link.cancelled").await, 1);
}

#[tokio::test]
async fn who_said_to_have_paid_can_pay_all_the_same_after_reading_that_this_is_being_checked() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    press_second(&world, &look(&world, url(&link)).await).await;
    // The account wants no page before the gateway, and nobody is led on without having read so.
    let summary = world.open(url(&link)).await;
    assert_eq!(summary.status, StatusCode::OK, "{}", summary.text);
    assert!(summary.text.find(BEING_CHECKED).unwrap() < summary.text.find("<form").unwrap(), "{}", summary.text);
    assert!(second_button(&summary).is_none(), "{}", summary.text);
    assert_eq!(look(&world, url(&link)).await.text, summary.text, "who only looks reads the same");
    let gateway = world.press(&summary).await.location();
    let failed = world.come_back(&world.choose(&gateway, "failed").await).await;
    assert!(failed.text.contains(TRY_AGAIN) && failed.text.contains(BEING_CHECKED), "{}", failed.text);
    assert!(second_button(&failed).is_none(), "{}", failed.text);
    let gateway = world.press(&world.open(url(&link)).await).await.location();
    let paid = world.come_back(&world.choose(&gateway, "paid").await).await;
    assert!(paid.text.contains("پرداخت شد") && !paid.text.contains(BEING_CHECKED), "{}", paid.text);
    // What was said before says nothing any more.
    assert!(world.open(&already_paid(&link)).await.text.contains("این لینک پرداخت شده است"));
    assert_eq!((world.receipts().await.len(), times_told(&world, &link, "payment_link.paid").await), (1, 1));
}

#[tokio::test]
async fn every_page_from_which_one_may_pay_hears_who_has_paid_already() {
    let world = World::in_process().await;
    let [failed, unfinished, tried] = [world.rial_link().await, world.rial_link().await, world.rial_link().await];
    for _ in 0..10 {
        let gateway = world.go_to_gateway(&tried).await;
        world.come_back(&world.choose(&gateway, "cancelled").await).await;
    }
    world.go_to_gateway(&unfinished).await;
    let too_many = world.open(url(&tried)).await;
    assert_eq!(too_many.status, StatusCode::TOO_MANY_REQUESTS, "{}", too_many.text);
    let pages = [
        (world.pay(&failed, "failed").await, &failed),
        (result(&world, &unfinished).await, &unfinished),
        (too_many, &tried),
    ];
    for (page, link) in pages {
        assert!(page.text.contains(SAY_PAID), "{}", page.text);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("form-action 'self';") && !policy.contains("script-src"), "{policy}");
        assert!(press_second(&world, &page).await.text.contains(TOLD));
        assert_eq!(world.link(link).await["hold"]["reason"], "says_paid");
    }
    // The business found nothing, and what was said can be said once more.
    let path = format!("/v1/payment-links/{}/hold", failed["id"].as_str().unwrap());
    assert_eq!(world.crm(Method::DELETE, &path, Value::Null).await.status, StatusCode::OK);
    assert!(second_button(&world.open(&already_paid(&failed)).await).is_some());
    assert!(second_button(&result(&world, &failed).await).is_some());
    assert_eq!(world.link(&failed).await["hold"], Value::Null, "a browser that loads the page again says nothing");
}

#[tokio::test]
async fn who_only_looks_says_nothing_whatever_they_look_at() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let before = world.link(&link).await;
    let summary = look(&world, url(&link)).await;
    let head = world.send(Method::HEAD, &already_paid(&link), &[], None).await;
    assert_eq!(head.status, StatusCode::OK);
    for seen in [look(&world, &already_paid(&link)).await, world.open(&already_paid(&link)).await] {
        assert_eq!(seen.text, summary.text, "nobody has said anything yet");
    }
    let put = world.send(Method::PUT, &already_paid(&link), &[], Some(String::new())).await;
    assert_eq!(
        (put.status, &put.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD, POST".parse().unwrap())
    );
    assert_eq!(world.link(&link).await, before);
    let nobodys = world.send(Method::POST, "/p/2222222222222222222222/already-paid", &[], Some(String::new())).await;
    assert_eq!(nobodys.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_a_link_that_ended_nobody_is_told_that_it_was_paid_and_its_page_says_how_it_ended() {
    let world = World::in_process().await;
    let [paid, cancelled, expired] = [world.rial_link().await, world.rial_link().await, world.rial_link().await];
    world.pay(&paid, "paid").await;
    cancel(&world, &cancelled).await;
    world.turn_clock(30 * DAY);
    for (link, status) in [(&paid, StatusCode::OK), (&cancelled, StatusCode::GONE), (&expired, StatusCode::GONE)] {
        let own = world.open(url(link)).await;
        let before = world.link(link).await;
        assert_eq!(own.status, status, "{}", own.text);
        assert!(second_button(&own).is_none() && !own.text.contains(TOLD), "{}", own.text);
        assert_eq!(press_stale(&world, link).await.text, own.text);
        assert_eq!(world.open(&already_paid(link)).await.text, own.text);
        assert_eq!(world.link(link).await["updated_at"], before["updated_at"]);
    }
}

#[tokio::test]
async fn a_link_that_the_business_holds_itself_is_not_said_to_be_paid() {
    let world = World::in_process().await;
    let [waited_for, stopped, failed] = [world.rial_link().await, world.rial_link().await, world.rial_link().await];
    world.pay(&failed, "failed").await;
    hold(&world, &waited_for, json!({ "reason": "cheque" })).await;
    for link in [&stopped, &failed] {
        hold(&world, link, json!({ "reason": "cheque", "stops_paying": true })).await;
    }
    for link in [&waited_for, &stopped, &failed] {
        let before = world.link(link).await;
        let page = press_stale(&world, link).await;
        assert!(second_button(&page).is_none() && !page.text.contains(TOLD), "{}", page.text);
        assert!(!page.text.contains(BEING_CHECKED), "{}", page.text);
        assert_eq!(world.link(link).await, before, "what the business says counts");
    }
    assert!(world.open(url(&stopped)).await.text.contains("فعلاً این پرداخت را نمی‌پذیرد"));
    let page = result(&world, &failed).await;
    assert!(page.text.contains("فعلاً این پرداخت را نمی‌پذیرد") && !page.text.contains(TRY_AGAIN), "{}", page.text);
    assert_eq!(world.open(url(&waited_for)).await.status, StatusCode::SEE_OTHER, "it stops nobody");
    let promised = world.rial_link().await;
    hold(&world, &promised, json!({ "note": "by Monday" })).await;
    assert!(press_stale(&world, &promised).await.text.contains(TOLD), "a promise is what a payment ends");
    let held = world.link(&promised).await["hold"].clone();
    assert_eq!((&held["reason"], &held["note"]), (&json!("says_paid"), &json!("by Monday")));
}

#[tokio::test]
async fn a_suspended_business_is_told_nothing_but_about_what_was_begun() {
    let world = World::in_process().await;
    let [fresh, begun, said] = [world.rial_link().await, world.rial_link().await, world.rial_link().await];
    world.go_to_gateway(&begun).await;
    press_second(&world, &look(&world, url(&said)).await).await;
    let suspended = world.platform(None, Method::POST, "/v1/businesses/demo/suspend", json!({})).await;
    assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.text);
    settings_are_read_again().await;
    let page = press_stale(&world, &fresh).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.text);
    assert_eq!(world.link(&fresh).await["hold"], Value::Null);
    assert!(press_second(&world, &result(&world, &begun).await).await.text.contains(TOLD));
    let page = world.open(&already_paid(&said)).await;
    assert!(page.text.contains(TOLD), "what was said stays said: {}", page.text);
    assert!(!page.text.contains("href=\"/p/"), "nobody can pay there now: {}", page.text);
}

#[tokio::test]
async fn two_who_press_at_once_have_the_business_told_once() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let pressed = join_all((0..4).map(|_| press_stale(&world, &link))).await;
    for page in pressed {
        assert!(page.text.contains(TOLD), "{}", page.text);
    }
    cancel(&world, &link).await;
    assert_eq!(times_told(&world, &link, "payment_link.cancelled").await, 1);
}

#[tokio::test]
async fn a_link_paid_in_cash_names_no_gateway_and_shows_no_empty_reference() {
    let world = World::in_process().await;
    let [cash, cheque] = [world.rial_link().await, world.rial_link().await];
    record(&world, &cash, json!({ "received_by": "cash" })).await;
    record(&world, &cheque, json!({ "received_by": "cheque", "reference": "CHQ-77" })).await;
    for (link, reference) in [(&cash, None), (&cheque, Some("CHQ-77"))] {
        for page in [world.open(url(link)).await, result(&world, link).await] {
            assert_eq!(page.status, StatusCode::OK, "{}", page.text);
            assert!(page.text.contains("زمان پرداخت") && !page.text.contains("درگاه"), "{}", page.text);
            assert_eq!(page.text.contains("شمارهٔ پیگیری"), reference.is_some(), "{}", page.text);
            assert!(reference.is_none_or(|reference| page.text.contains(reference)), "{}", page.text);
        }
    }
}

#[tokio::test]
async fn a_link_whose_noted_payment_was_withdrawn_is_closed_and_shows_no_receipt() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let gateway = world.go_to_gateway(&link).await;
    let recorded = record(&world, &link, json!({ "received_by": "cash", "reference": "R-1", "force": true })).await;
    let attempt = recorded["attempts"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap();
    let path = format!("/v1/payment-links/{}/attempts/{attempt}/void", link["id"].as_str().unwrap());
    let voided = world.crm_with(Method::POST, &path, json!({}), &[("idempotency-key", "void-1")]).await;
    assert_eq!(voided.status, StatusCode::OK, "{}", voided.text);
    for page in [world.open(url(&link)).await, result(&world, &link).await, look(&world, url(&link)).await] {
        assert_eq!(page.status, StatusCode::GONE, "{}", page.text);
        assert!(page.text.contains(CLOSED) && page.text.contains(IF_PAID), "{}", page.text);
        for of_a_receipt in ["زمان پرداخت", "شمارهٔ پیگیری", "R-1", "class=\"button\"", SAY_PAID]
        {
            assert!(!page.text.contains(of_a_receipt), "{of_a_receipt}: {}", page.text);
        }
    }
    assert!(press_stale(&world, &link).await.text.contains(CLOSED));
    // Who was at the gateway all the while and pays there hears where the money goes, and not that there were two payments.
    let back = world.come_back(&world.choose(&gateway, "paid").await).await;
    assert!(back.text.contains("پول شما برمی‌گردد") && !back.text.contains("پرداخت دیگری"), "{}", back.text);
}

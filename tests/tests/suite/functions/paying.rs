//! The customer's side at both gateways: every way a payment can go.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::World;

const MINUTE: Duration = Duration::from_secs(60);

/// One receipt, of the chosen type, under contact, link and field; and the gateway agrees.
async fn assert_one_receipt(world: &World, link: &Value) {
    let link = world.link(link).await;
    assert_eq!(link["status"], "paid");
    let receipts = world.receipts().await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(link["receipts"], json!([receipts[0]["id"]]));
    assert_eq!(receipts[0]["receipt_type_id"], "online");
    let paid: Vec<&Value> = link["attempts"].as_array().unwrap().iter().filter(|a| a["status"] == "paid").collect();
    assert_eq!(paid.len(), 1);
    assert_eq!(paid[0]["gateway_reference"], receipts[0]["gateway_reference"]);
}

#[tokio::test]
async fn a_payment_at_zarinpal_becomes_one_receipt_under_contact_link_and_field() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    assert_eq!(link["mode"], "sandbox");
    let page = world.pay(&link, "paid").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("پرداخت شد"));
    assert_one_receipt(&world, &link).await;
    let receipts = world.receipts().await;
    let item = world.get("/v1/items/inv-77").await;
    assert_eq!(item["receipts"], json!({ "payment": [receipts[0]["id"]] }));
    assert_eq!(receipts[0]["amount"], 1_500_000);
    assert_eq!(world.get(&format!("/v1/receipts/{}", receipts[0]["id"].as_str().unwrap())).await, receipts[0]);
    let by_link = world.get(&format!("/v1/receipts?payment_link_id={}", link["id"].as_str().unwrap())).await;
    let by_item = world.get("/v1/receipts?item_id=inv-77").await;
    assert_eq!((&by_link["data"], &by_item["data"]), (&json!(receipts), &json!(receipts)));
    // Writing the item again leaves its receipts.
    let item = json!({ "kind": "invoice", "title": "Invoice 77", "contact_id": "c-1042", "receipt_fields": [] });
    assert_eq!(world.put("/v1/items/inv-77", item).await["receipts"], json!({ "payment": [receipts[0]["id"]] }));
}

#[tokio::test]
async fn a_payment_at_stripe_is_confirmed_by_return_and_webhook_together_once() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let page = world.pay(&link, "paid").await;
    assert!(page.text.contains("Paid"), "{}", page.text);
    assert_one_receipt(&world, &link).await;
    // The webhook comes afterwards and is answered, so that the gateway does not call again.
    let started = std::time::Instant::now();
    loop {
        let session = &world.books("stripe").await[0];
        let delivered = session.to_string().contains("\"status\":200") || started.elapsed() > Duration::from_secs(3);
        if delivered {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn a_signed_webhook_alone_confirms_a_payment() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_no_return").await;
    world.wait_for(&link, |link| link["status"] == "paid").await;
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn a_payment_that_nobody_reports_is_found_by_the_schedule() {
    for (gateway, outcome) in [("zarinpal", "paid_no_return"), ("stripe", "paid_silent")] {
        let world = World::in_process().await;
        let link = if gateway == "zarinpal" { world.rial_link().await } else { world.euro_link().await };
        let page = world.go_to_gateway(&link).await;
        world.choose(&page, outcome).await;
        assert_eq!(world.link(&link).await["status"], "active");
        world.turn_clock(MINUTE);
        world.sweep().await;
        assert_one_receipt(&world, &link).await;
    }
}

#[tokio::test]
async fn a_cancelled_or_failed_payment_says_so_and_can_be_tried_again() {
    for outcome in ["cancelled", "failed"] {
        let world = World::in_process().await;
        let link = world.rial_link().await;
        let page = world.pay(&link, outcome).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("پرداخت انجام نشد") && page.text.contains("تلاش دوباره"), "{}", page.text);
        assert_eq!(world.link(&link).await["attempts"][0]["status"], "failed");
        world.pay(&link, "paid").await;
        assert_one_receipt(&world, &link).await;
        assert_eq!(world.link(&link).await["attempts"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_customer_who_goes_back_from_stripe_goes_on_in_the_same_session() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let first = world.go_to_gateway(&link).await;
    let page = world.come_back(&world.choose(&first, "cancelled").await).await;
    assert!(page.text.contains("The payment is not complete"), "{}", page.text);
    assert_eq!(world.go_to_gateway(&link).await, first);
    world.come_back(&world.choose(&first, "paid").await).await;
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn a_return_that_says_no_although_the_customer_paid_does_not_lose_the_payment() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.pay(&link, "paid_reported_nok").await;
    assert!(page.text.contains("پرداخت شد"), "{}", page.text);
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn a_return_that_claims_a_payment_which_was_not_made_changes_nothing() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let session = world.go_to_gateway(&link).await;
    let stored = world
        .cloud
        .store
        .link(&domain::ids::LinkId::parse(link["id"].as_str().unwrap()).unwrap())
        .await
        .unwrap()
        .unwrap();
    let key = stored.attempts()[0].key.expose().to_owned();
    let path = format!("/gateways/stripe/return/{}/{key}?outcome=success", link["id"].as_str().unwrap());
    assert_eq!(world.open(&path).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.link(&link).await["status"], "active");
    assert!(world.receipts().await.is_empty());
    assert_eq!(world.go_to_gateway(&link).await, session);
    // A return under another gateway's name, or with another key, leads nowhere.
    for wrong in [path.replace("stripe", "zarinpal"), path.replace(&key, "2222222222222222222222")] {
        assert_eq!(world.open(&wrong).await.location(), "/p/unknown");
    }
}

#[tokio::test]
async fn who_paid_closed_the_browser_and_opens_the_link_again_is_not_sent_to_pay_again() {
    for (gateway, outcome) in [("zarinpal", "paid_no_return"), ("stripe", "paid_silent")] {
        let world = World::in_process().await;
        let link = if gateway == "zarinpal" { world.rial_link().await } else { world.euro_link().await };
        let page = world.go_to_gateway(&link).await;
        world.turn_clock(Duration::from_secs(40));
        assert_eq!(world.go_to_gateway(&link).await, page, "who has not paid goes on in the same session");
        world.choose(&page, outcome).await;
        // Whoever opens it again and again makes us ask every few seconds only.
        world.turn_clock(Duration::from_secs(4));
        let again = world.open(link["url"].as_str().unwrap()).await;
        assert_eq!(again.status, StatusCode::OK, "{gateway}");
        // The page asks again by itself, for the outcome.
        let waits = again.waits().unwrap();
        assert!(waits.0 == 10 && waits.1.ends_with("/result"), "{waits:?}");
        let waiting = world.open(&waits.1).await;
        assert_eq!(waiting.waits(), Some(waits), "nobody who paid is told to go on paying: {}", waiting.text);
        world.turn_clock(MINUTE);
        world.sweep().await;
        assert_one_receipt(&world, &link).await;
    }
}

#[tokio::test]
async fn the_businesss_own_page_comes_first_where_the_account_wants_it() {
    let world = World::in_process().await;
    let online = json!({ "enabled": true, "gateway": "zarinpal", "summary_page": true });
    world
        .put(
            "/v1/accounts/main",
            json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online }),
        )
        .await;
    let link = world.rial_link().await;
    let url = link["url"].as_str().unwrap();
    assert_eq!(link["opened_at"], Value::Null);
    let page = world.open(url).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in ["۱۵۰٬۰۰۰\u{a0}تومان", "Invoice 77", "shaparak.ir", "/go"] {
        assert!(page.text.contains(shown), "{shown}");
    }
    assert!(world.books("zarinpal").await.is_empty(), "looking opens nothing at the gateway");
    let opened = world.link(&link).await["opened_at"].clone();
    assert!(opened.is_string());
    world.open(url).await;
    assert_eq!(world.link(&link).await["opened_at"], opened, "the first opening is recorded once");
    let gateway = world.press(&page).await.location();
    // A browser that loads again what the button led to is led there once more.
    assert_eq!(world.open(&format!("{url}/go")).await.location(), gateway);
    world.come_back(&world.choose(&gateway, "paid").await).await;
    assert_one_receipt(&world, &link).await;
    assert!(world.open(&format!("{url}/go")).await.text.contains("پرداخت شد"));
}

#[tokio::test]
async fn a_link_without_a_language_of_its_own_speaks_the_browsers() {
    let world = World::in_process().await;
    world
        .put("/v1/contacts/c-3", json!({ "name": "Somebody", "balance": { "amount": 50000, "currency": "IRR" } }))
        .await;
    let link = world.make_link(json!({ "account_id": "main", "contact_id": "c-3" })).await;
    assert_eq!(link["locale"], Value::Null);
    let result = format!("{}/result", link["url"].as_str().unwrap());
    for (browser, shown) in [
        ("en-US,en;q=0.9", "The payment is not complete"),
        ("fa-IR,fa", "پرداخت کامل نشده است"),
        ("ar-SA,ar;q=0.9,en;q=0.8", "لم تكتمل عملية الدفع"),
        ("de-DE, ar;q=0.5", "لم تكتمل عملية الدفع"),
        ("de-DE,de", "The payment is not complete"),
        ("*", "پرداخت کامل نشده است"),
        ("", "پرداخت کامل نشده است"),
    ] {
        let page = world.send(reqwest::Method::GET, &result, &[("accept-language", browser)], None).await;
        assert!(page.text.contains(shown), "{browser}: {}", page.text);
    }
}

const ARABIC: &str = "٠١٢٣٤٥٦٧٨٩";

#[tokio::test]
async fn a_customer_reads_arabic_from_right_to_left_with_its_own_digits_and_dates() {
    let world = World::in_process().await;
    let year = (TimeZone::UTC.to_datetime(Timestamp::now()).year() + 1).to_string();
    let digits: String =
        year.chars().filter_map(|digit| ARABIC.chars().nth(digit.to_digit(10)?.try_into().ok()?)).collect();
    let day = format!("٣١\u{a0}يناير {digits}");
    let link = world
        .make_link(json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_234_599, "locale": "ar-SA",
                           "expires_at": format!("{year}-01-31") }))
        .await;
    let page = world.pay(&link, "cancelled").await;
    for shown in ["lang=\"ar\" dir=\"rtl\"", "لم تكتمل عملية الدفع", "١٢٬٣٤٥٫٩٩\u{a0}يورو", day.as_str()]
    {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    // A day is the same everywhere, and an hour is not.
    let paid = world.pay(&link, "paid").await;
    assert!(paid.text.contains("تم الدفع") && paid.text.contains("(بتوقيت طهران)"), "{}", paid.text);
}

#[tokio::test]
async fn two_tabs_at_once_are_sent_to_one_session() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let visits = join_all((0..20).map(|_| world.go_to_gateway(&link))).await;
    assert!(visits.windows(2).all(|pair| pair[0] == pair[1]), "{visits:?}");
    assert_eq!(world.link(&link).await["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn twenty_returns_at_once_make_one_receipt() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "paid").await.location();
    join_all((0..20).map(|_| world.open(&back))).await;
    world.wait_for(&link, |link| link["status"] == "paid").await;
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn an_answer_lost_after_the_money_was_taken_still_becomes_one_receipt() {
    for how in ["drop_after", "502_html", "empty"] {
        let world = World::in_process().await;
        let link = world.rial_link().await;
        world.misbehave("zarinpal", "verify", how, 1).await;
        let page = world.pay(&link, "paid").await;
        assert!(page.text.contains("در حال تأیید"), "{how}: {}", page.text);
        assert_eq!(world.link(&link).await["attempts"][0]["status"], "confirming");
        // Nobody may pay again, cancel or expire it meanwhile.
        let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
        let refused = world.crm(reqwest::Method::POST, &path, json!({ "force": true })).await;
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (StatusCode::CONFLICT, Some("payment_in_progress"))
        );
        let again = world.open(link["url"].as_str().unwrap()).await;
        assert_eq!(again.status, StatusCode::OK);
        assert!(again.text.contains("در حال تأیید"));
        world.turn_clock(3 * MINUTE);
        let late = world.open(link["url"].as_str().unwrap()).await;
        assert!(late.text.contains("می‌توانید این صفحه را ببندید"), "{}", late.text);
        assert!(late.waits().unwrap().0 == 15);
        world.sweep().await;
        assert_one_receipt(&world, &link).await;
    }
}

#[tokio::test]
async fn an_unreadable_answer_of_stripe_is_no_failure() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let page = world.go_to_gateway(&link).await;
    let chosen = world.choose(&page, "paid_no_webhook").await;
    world.misbehave("stripe", "retrieve", "502_html", 1).await;
    let page = world.come_back(&chosen).await;
    assert!(page.text.contains("Your payment is being confirmed"), "{}", page.text);
    assert_eq!(world.open(link["url"].as_str().unwrap()).await.status, StatusCode::OK, "nobody is sent to pay again");
    world.turn_clock(MINUTE);
    world.sweep().await;
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_lets_the_customer_try_again_later() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.misbehave("zarinpal", "request", "502_html", 1).await;
    let page = world.open(link["url"].as_str().unwrap()).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("دسترسی به درگاه پرداخت ممکن نیست"));
    world.pay(&link, "paid").await;
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn a_method_that_takes_days_is_confirmed_when_its_money_arrives() {
    for (confirmed, status) in [("succeeded", "paid"), ("failed", "active")] {
        let world = World::in_process().await;
        let link = world.euro_link().await;
        let page = world.go_to_gateway(&link).await;
        let end = world.come_back(&world.choose(&page, "processing").await).await;
        assert!(end.text.contains("Your payment is being confirmed"), "{}", end.text);
        let session = world.books("stripe").await[0]["id"].as_str().unwrap().to_owned();
        let url = format!("{}/stripe/simulator/{session}/complete_async", world.cloud.page_url());
        world.choose(&url, confirmed).await;
        let link = world.wait_for(&link, |link| link["attempts"][0]["status"] != "open").await;
        assert_eq!(link["status"], status);
        assert_eq!(world.receipts().await.len(), usize::from(status == "paid"));
    }
}

#[tokio::test]
async fn money_that_zarinpal_returned_by_itself_is_no_payment() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_no_return").await;
    let authority = page.rsplit('/').next().unwrap();
    let url = format!("{}/zarinpal/simulator/{authority}/return_money", world.cloud.page_url());
    world.send(reqwest::Method::POST, &url, &[], Some(String::new())).await;
    world.turn_clock(MINUTE);
    world.sweep().await;
    let link = world.link(&link).await;
    assert_eq!((link["status"].as_str(), link["attempts"][0]["status"].as_str()), (Some("active"), Some("refunded")));
    assert!(world.receipts().await.is_empty());
}

#[tokio::test]
async fn a_payment_that_zarinpal_verified_by_itself_gets_its_receipt() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    world.choose(&page, "paid_no_return").await;
    let authority = page.rsplit('/').next().unwrap();
    let url = format!("{}/zarinpal/simulator/{authority}/auto_verify", world.cloud.page_url());
    world.send(reqwest::Method::POST, &url, &[], Some(String::new())).await;
    world.turn_clock(MINUTE);
    world.sweep().await;
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn replaced_credentials_do_not_disturb_an_attempt_that_is_open() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    let merchant = json!({ "merchant_id": "aaaaaaaa-0048-11e8-94db-005056a205be" });
    let online = json!({ "enabled": true, "gateway": "zarinpal", "credentials": merchant });
    world
        .put(
            "/v1/accounts/main",
            json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online }),
        )
        .await;
    world.come_back(&world.choose(&page, "paid").await).await;
    assert_one_receipt(&world, &link).await;
}

#[tokio::test]
async fn a_dead_gateway_starves_neither_expiry_nor_the_other_gateway() {
    let world = World::in_process().await;
    let (rial, euro, idle) = (world.rial_link().await, world.euro_link().await, world.rial_link().await);
    world.choose(&world.go_to_gateway(&rial).await, "paid_no_return").await;
    world.choose(&world.go_to_gateway(&euro).await, "paid_silent").await;
    world.misbehave("zarinpal", "inquiry", "502_html", 100).await;
    world.turn_clock(9 * 24 * 60 * MINUTE);
    // Stripe's money arrived after the end, so it goes back; Zarinpal's stays unknown and due.
    let swept = world.sweep().await;
    assert_eq!(swept["expired"], 3);
    assert_eq!(world.link(&idle).await["status"], "expired");
    assert_eq!(world.link(&euro).await["attempts"][0]["status"], "refunding");
    assert_eq!(world.link(&rial).await["attempts"][0]["status"], "needs_review", "nine days without an answer");
}

//! The end of a link by time and by wish, and what previews see.

use std::time::Duration;

use base64::Engine;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::{NAVIGATION, World};

use super::settings_are_read_again;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_link_past_its_expiry_cannot_be_paid_even_before_the_schedule_ran() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.turn_clock(9 * 24 * HOUR);
    let page = world.open(link["url"].as_str().unwrap()).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert!(page.text.contains("مهلت این لینک تمام شده است"));
    assert_eq!(world.link(&link).await["status"], "expired", "nobody trusts the schedule to have run");
    assert_eq!(world.sweep().await["expired"], 1);
    assert_eq!(world.link(&link).await["status"], "expired");
    assert_eq!(world.sweep().await["expired"], 0);
    assert!(world.books("zarinpal").await.is_empty());
}

#[tokio::test]
async fn a_payment_begun_in_time_may_finish_after_the_expiry() {
    let world = World::in_process().await;
    let soon = (domain::Timestamp::now() + Duration::from_secs(600)).to_string();
    let link = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "expires_at": soon }))
        .await;
    let page = world.go_to_gateway(&link).await;
    world.turn_clock(Duration::from_secs(11 * 60));
    world.sweep().await;
    assert_eq!(world.link(&link).await["status"], "active");
    let end = world.come_back(&world.choose(&page, "paid").await).await;
    assert!(end.text.contains("پرداخت شد"));
    assert_eq!(world.link(&link).await["status"], "paid");
}

#[tokio::test]
async fn money_that_comes_too_late_is_not_taken() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    world.turn_clock(9 * 24 * HOUR);
    assert_eq!(world.sweep().await["expired"], 1);
    let end = world.come_back(&world.choose(&page, "paid").await).await;
    assert!(end.text.contains("پول شما برمی‌گردد"), "{}", end.text);
    let link = world.link(&link).await;
    assert_eq!(
        (link["status"].as_str(), link["attempts"][0]["status"].as_str()),
        (Some("expired"), Some("awaiting_reversal"))
    );
    assert!(world.receipts().await.is_empty());
    assert_eq!(world.books("zarinpal").await[0]["status"], "PAID", "it was never verified, so it goes back by itself");
}

#[tokio::test]
async fn an_account_that_accepts_late_payments_keeps_them() {
    let world = World::in_process().await;
    let online = json!({ "enabled": true, "gateway": "zarinpal", "late_payment": "accept" });
    world
        .put(
            "/v1/accounts/main",
            json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online }),
        )
        .await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    world.turn_clock(9 * 24 * HOUR);
    world.sweep().await;
    let end = world.come_back(&world.choose(&page, "paid").await).await;
    assert!(end.text.contains("پرداخت شد"));
    assert_eq!(world.link(&link).await["status"], "paid");
    assert_eq!(world.receipts().await.len(), 1);
}

#[tokio::test]
async fn a_cancelled_link_is_gone_for_its_customer() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
    let cancelled = world.crm(Method::POST, &path, json!({ "reason": "wrong amount" })).await.json();
    assert_eq!(
        (cancelled["status"].as_str(), cancelled["cancel_reason"].as_str()),
        (Some("cancelled"), Some("wrong amount"))
    );
    let page = world.open(link["url"].as_str().unwrap()).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert!(page.text.contains("این لینک لغو شده است"));
    let again = world.crm(Method::POST, &path, json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(
        (again.json()["code"].as_str(), again.json()["current_status"].as_str()),
        (Some("link_not_active"), Some("cancelled"))
    );
}

#[tokio::test]
async fn an_active_link_can_be_changed_in_everything_but_what_is_paid() {
    let world = World::in_process_since("2026-11-01T09:00:00Z".parse().unwrap()).await;
    let link = world.rial_link().await;
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let patch = async |body: serde_json::Value| world.crm(Method::PATCH, &path, body).await;
    let changed =
        patch(json!({ "expires_at": "2027-01-31", "description": "New", "metadata": { "deal": "D-2" } })).await.json();
    assert_eq!(
        (changed["expires_at"].as_str(), changed["description"].as_str()),
        (Some("2027-02-01T00:00:00.000+03:30"), Some("New"))
    );
    assert_eq!((&changed["metadata"]["deal"], &changed["amount"]), (&json!("D-2"), &link["amount"]));
    assert_eq!(changed["after_payment"], link["after_payment"], "what is left out stays");
    let without = patch(json!({ "description": "", "after_payment": { "register_receipt": false } })).await.json();
    assert_eq!((&without["description"], &without["after_payment"]["receipt_field"]), (&json!(null), &json!(null)));
    for (body, pointer, code) in [
        (json!({ "amount": 5 }), "/amount", "unknown_field"),
        (json!({ "expires_at": "2020-01-01" }), "/expires_at", "in_the_past"),
        (json!({ "expires_at": "2027-01-01", "expires_in_days": 1 }), "/expires_in_days", "both_given"),
        (
            json!({ "after_payment": { "register_receipt": true, "receipt_field": "other" } }),
            "/after_payment/receipt_field",
            "unknown_receipt_field",
        ),
    ] {
        let refused = patch(body.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.text);
        assert_eq!(refused.problems(), [(pointer.to_owned(), code.to_owned())]);
    }
    // The change holds for a customer who is at the gateway already: no receipt is made for this payment.
    world.pay(&link, "paid").await;
    assert_eq!(world.link(&link).await["status"], "paid");
    assert!(world.receipts().await.is_empty());
    assert_eq!(patch(json!({ "description": "late" })).await.json()["code"], "link_not_active");
}

#[tokio::test]
async fn cancelling_asks_first_while_a_customer_may_be_paying() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let page = world.go_to_gateway(&link).await;
    let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
    let refused = world.crm(Method::POST, &path, json!({})).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (StatusCode::CONFLICT, Some("payment_in_progress")));
    assert_eq!(world.crm(Method::POST, &path, json!({ "force": true })).await.status, StatusCode::OK);
    // The sweep closes the session at the gateway, so that nobody can pay in it any more.
    world.sweep().await;
    assert_eq!(world.books("stripe").await[0]["status"], "expired");
    assert_eq!(world.link(&link).await["attempts"][0]["status"], "failed");
    assert!(!world.choose(&page, "paid").await.status.is_redirection());
}

#[tokio::test]
async fn money_taken_for_a_cancelled_link_is_refunded() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let page = world.go_to_gateway(&link).await;
    let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
    world.crm(Method::POST, &path, json!({ "force": true })).await;
    let end = world.come_back(&world.choose(&page, "paid_no_webhook").await).await;
    assert!(end.text.contains("Your money is being returned"), "{}", end.text);
    world.sweep().await;
    let link = world.link(&link).await;
    assert_eq!(
        (link["status"].as_str(), link["attempts"][0]["status"].as_str()),
        (Some("cancelled"), Some("refunded"))
    );
    assert_eq!(world.books("stripe").await[0]["refunded"], 1999);
    assert!(world.receipts().await.is_empty());
}

#[tokio::test]
async fn previews_and_head_requests_open_no_session() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let url = link["url"].as_str().unwrap();
    let preview = world.send(Method::GET, url, &[("user-agent", "TelegramBot (like TwitterBot)")], None).await;
    assert_eq!(preview.status, StatusCode::OK);
    assert!(preview.text.contains("og:title") && preview.text.contains("۱۵۰٬۰۰۰\u{a0}تومان"));
    let head = world.send(Method::HEAD, url, &NAVIGATION, None).await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
    let ahead = [&NAVIGATION[..], &[("sec-purpose", "prefetch;prerender")]].concat();
    let prefetch = world.send(Method::GET, url, &ahead, None).await;
    assert_eq!(prefetch.status, StatusCode::OK);
    assert!(world.books("zarinpal").await.is_empty());
    assert!(world.link(&link).await["attempts"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn crawlers_are_told_to_stay_away() {
    let world = World::in_process().await;
    let robots = world.open("/robots.txt").await;
    assert_eq!((robots.status, robots.text.as_str()), (StatusCode::OK, "User-agent: *\nDisallow: /\n"));
}

/// A picture of this many bytes, as a data URI.
fn logo(bytes: usize) -> String {
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    picture.resize(bytes, b'x');
    format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(picture))
}

#[tokio::test]
async fn pages_show_the_businesss_logo_from_their_own_address() {
    let world = World::in_process().await;
    let logo = logo(domain::business::logo::LARGEST_LOGO);
    let settings = json!({ "business_name": "Logo & Co", "default_locale": "en", "logo": logo });
    assert_eq!(world.put("/v1/settings", settings).await["logo"], logo);
    assert_eq!(world.get("/v1/settings").await["logo"], logo);
    settings_are_read_again().await;
    let link = world.rial_link().await;
    let page = world.pay(&link, "paid").await;
    let address = page.text.split("<img src=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(address.starts_with("/logo/demo/"), "{address}");
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("img-src 'self' data:;"));
    let weight = page.text.len() + domain::business::logo::LARGEST_LOGO;
    assert!(weight < 30_000, "{weight} bytes");
    let picture = world.open(address).await;
    assert_eq!(picture.status, StatusCode::OK);
    for (name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("content-length", "16384"),
    ] {
        assert_eq!(picture.headers[name], value);
    }
    let of_another = address.replace("/demo/", "/bazaar/");
    for wrong in ["/logo/demo/00000000000000000000000000000000", "/logo/demo/x", "/logo/demo", "/logo/", &of_another] {
        assert_eq!(world.open(wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
    // A PUT replaces everything.
    let without = world.put("/v1/settings", json!({ "business_name": "Logo & Co" })).await;
    assert!(without.get("logo").is_none() && world.get("/v1/settings").await.get("logo").is_none());
    settings_are_read_again().await;
    assert!(!world.open("/p/x").await.text.contains("<img"));
}

#[tokio::test]
async fn a_logo_that_is_no_small_picture_is_refused() {
    let world = World::in_process().await;
    for (given, code) in [
        (json!("data:image/svg+xml;base64,PHN2Zy8+"), "invalid_logo"),
        (json!(logo(100).replace("image/png", "image/jpeg")), "invalid_logo"),
        (json!(logo(domain::business::logo::LARGEST_LOGO + 1)), "logo_too_large"),
        (json!(5), "wrong_type"),
    ] {
        let body = json!({ "business_name": "B", "logo": given });
        let refused = world.crm(Method::PUT, "/v1/settings", body).await;
        assert_eq!(refused.problems(), [("/logo".to_owned(), code.to_owned())]);
    }
}

#[tokio::test]
async fn who_opens_a_paid_link_is_told_so_and_not_thanked() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let result = world.pay(&link, "paid").await;
    assert!(result.text.contains("Thank you"), "{}", result.text);
    let again = world.open(link["url"].as_str().unwrap()).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(
        again.text.contains("This link has already been paid") && !again.text.contains("Thank you"),
        "{}",
        again.text
    );
    assert!(again.text.contains("€19.99") && !again.text.contains("second") && !again.text.contains("Another payment"));
}

#[tokio::test]
async fn who_paid_a_link_twice_is_told_what_becomes_of_the_second_payment() {
    let world = World::in_process().await;
    let link = world.euro_link().await;
    let first = world.go_to_gateway(&link).await;
    // The first session has ended by our clock, and the gateway still takes the money in it.
    world.turn_clock(Duration::from_secs(45 * 60));
    let second = world.go_to_gateway(&link).await;
    assert_ne!(first, second);
    let paid = world.come_back(&world.choose(&second, "paid_no_webhook").await).await;
    assert!(paid.text.contains("Thank you") && !paid.text.contains("Another payment"), "{}", paid.text);
    let late = world.come_back(&world.choose(&first, "paid_no_webhook").await).await;
    for said in ["Payment received", "Another payment was made for this link.", "five to ten working days"] {
        assert!(late.text.contains(said), "{said}: {}", late.text);
    }
    assert_eq!(world.receipts().await.len(), 1);
}

#[tokio::test]
async fn a_link_that_ended_after_a_failed_payment_says_what_becomes_of_debited_money() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.pay(&link, "failed").await;
    let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
    world.crm(Method::POST, &path, json!({})).await;
    let page = world.open(link["url"].as_str().unwrap()).await;
    assert!(page.text.contains("این لینک لغو شده است") && page.text.contains("تا ۷۲\u{a0}ساعت"), "{}", page.text);
    assert!(!page.text.contains("تلاش دوباره"));
}

#[tokio::test]
async fn every_wrong_link_gets_the_same_page() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let id = link["id"].as_str().unwrap();
    let mut pages = Vec::new();
    for path in [
        "/p/2222222222222222222222".to_owned(),
        "/p/x".to_owned(),
        format!("/p/{id}"),
        "/p/x/result".to_owned(),
        "/".to_owned(),
        "/nothing/here".to_owned(),
    ] {
        let page = world.send(Method::GET, &path, &[("accept-language", "en-GB,en")], None).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        pages.push(page.text);
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(pages[0].contains("There is no such link"));
    for of_a_business in ["Demo Business", "+98 21 0000 0000", "The Bazaar"] {
        assert!(!pages[0].contains(of_a_business), "nobody knows whose link was meant: {}", pages[0]);
    }
    let posted = world.send(Method::POST, link["url"].as_str().unwrap(), &[], Some(String::new())).await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn pages_carry_the_headers_that_keep_them_safe_and_say_test() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.pay(&link, "paid").await;
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-robots-tag", "noindex"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(page.headers[name], value);
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("form-action 'none'") && policy.contains("script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("connect-src"), "{policy}");
    assert!(page.text.contains("آزمایشی"), "a sandbox link says that no money moves");
}

#[tokio::test]
async fn what_a_customer_reads_is_always_escaped() {
    let world = World::in_process().await;
    let nasty = "<script>alert(1)</script>";
    let link = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "description": nasty }))
        .await;
    let page = world.pay(&link, "cancelled").await;
    assert!(page.text.contains("&lt;script&gt;") && !page.text.contains(nasty));
}

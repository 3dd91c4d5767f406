//! Browsers, programs and links as they really are: who opens a link, who only looks at it, and what sticks to it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::forms::Form;
use tests::{NAVIGATION, Reply, World};

use super::settings_are_read_again;

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

type Headers = [(&'static str, &'static str)];

/// The browser inside Viber, on a telephone whose web view does not tell how it fetches.
const IN_AN_APP: &Headers = &[
    (
        "user-agent",
        "Mozilla/5.0 (Linux; Android 8.1.0; wv) AppleWebKit/537.36 Version/4.0 Chrome/70.0 Mobile Safari/537.36 \
         Viber/12.1.0.11",
    ),
    ("accept", HTML),
    ("accept-language", "fa-IR,en-US;q=0.9"),
    ("x-requested-with", "com.viber.voip"),
];

/// A telephone from before 16.4.
const OLD_IPHONE: &Headers = &[
    (
        "user-agent",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 15_7 like Mac OS X) AppleWebKit/605.1.15 Version/15.6 Mobile Safari/604.1",
    ),
    ("accept", HTML),
    ("accept-language", "fa"),
];

const OFFICE: &Headers = &[("user-agent", "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"), ("accept", "*/*")];
const SCRIPT: &Headers = &[("user-agent", "okhttp/4.12.0")];
const NOBODY: &Headers = &[];

fn url(link: &Value) -> &str {
    link["url"].as_str().unwrap()
}

async fn look(world: &World, url: &str, headers: &Headers) -> Reply {
    world.send(Method::GET, url, headers, None).await
}

/// Asserts that nobody has opened a link and that its gateway knows of no session.
async fn assert_untouched(world: &World, link: &Value) {
    let read = world.link(link).await;
    assert_eq!((&read["opened_at"], &read["attempts"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn whoever_does_not_navigate_opens_nothing_and_is_led_on_by_a_button() {
    let world = World::in_process().await;
    for program in [OFFICE, SCRIPT, NOBODY] {
        let link = world.rial_link().await;
        let page = look(&world, url(&link), program).await;
        assert_eq!(page.status, StatusCode::OK, "{program:?}");
        for said in ["og:title", "۱۵۰٬۰۰۰\u{a0}تومان", "Invoice 77", "پرداخت \u{2068}۱۵۰٬۰۰۰"]
        {
            assert!(page.text.contains(said), "{said}: {}", page.text);
        }
        // The links of the page are what such programs follow.
        assert!(!page.text.contains("href=\"/p/"), "{}", page.text);
        for followed in [format!("{}/go", url(&link)), url(&link).to_owned()] {
            assert_eq!(look(&world, &followed, program).await.status, StatusCode::OK, "{followed}");
        }
        assert_untouched(&world, &link).await;
        // The CRM can still take the link back.
        let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
        assert_eq!(world.crm(Method::POST, &path, json!({})).await.status, StatusCode::OK);
    }
    assert!(world.books("zarinpal").await.is_empty());
    // A person whose browser is not recognised presses the button, and pays.
    let link = world.rial_link().await;
    let gateway = world.press(&look(&world, url(&link), NOBODY).await).await.location();
    assert!(world.link(&link).await["opened_at"].is_string());
    assert!(world.come_back(&world.choose(&gateway, "paid").await).await.text.contains("پرداخت شد"));
    assert_eq!(world.link(&link).await["status"], "paid");
}

#[tokio::test]
async fn browsers_that_tell_nothing_of_how_they_fetch_lead_on_at_once() {
    let world = World::in_process().await;
    for browser in [IN_AN_APP, OLD_IPHONE] {
        let link = world.rial_link().await;
        assert_eq!(look(&world, url(&link), browser).await.status, StatusCode::SEE_OTHER, "{browser:?}");
    }
}

#[tokio::test]
async fn the_button_leads_on_where_the_business_has_a_page_of_its_own_and_where_the_gateway_wants_a_form() {
    let world = World::in_process().await;
    let online = json!({ "enabled": true, "gateway": "zarinpal", "summary_page": true });
    let account = json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online });
    world.put("/v1/accounts/main", account).await;
    let link = world.rial_link().await;
    let seen_by_a_program = look(&world, url(&link), NOBODY).await;
    assert_untouched(&world, &link).await;
    let seen_by_a_person = world.open(url(&link)).await;
    assert_eq!(seen_by_a_program.text, seen_by_a_person.text, "both see the same page");
    assert_eq!(world.press(&seen_by_a_program).await.status, StatusCode::SEE_OTHER);
    let link = world.make_link(json!({ "account_id": "saman", "contact_id": "c-1042", "amount": 50_000 })).await;
    let going = world.press(&look(&world, url(&link), NOBODY).await).await;
    assert_eq!(going.status, StatusCode::OK);
    assert!(Form::of(&going.text).unwrap().fields.iter().any(|(name, _)| name == "Token"), "{}", going.text);
}

#[tokio::test]
async fn the_button_is_there_only_where_there_is_something_to_pay_and_says_why_it_did_not_work() {
    let world = World::in_process().await;
    let [paid, cancelled, held_up, tried] =
        [world.rial_link().await, world.rial_link().await, world.rial_link().await, world.rial_link().await];
    world.pay(&paid, "paid").await;
    let path = format!("/v1/payment-links/{}/cancel", cancelled["id"].as_str().unwrap());
    world.crm(Method::POST, &path, json!({})).await;
    // Somebody saw the page before it changed, and presses its button after.
    let stale = look(&world, url(&held_up), NOBODY).await;
    for _ in 0..10 {
        let gateway = world.go_to_gateway(&tried).await;
        world.come_back(&world.choose(&gateway, "cancelled").await).await;
    }
    let pressed = world.press(&look(&world, url(&tried), NOBODY).await).await;
    assert_eq!(pressed.status, StatusCode::TOO_MANY_REQUESTS, "{}", pressed.text);
    let suspended = world.platform(None, Method::POST, "/v1/businesses/demo/suspend", json!({})).await;
    assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.text);
    settings_are_read_again().await;
    for (link, status) in [(&paid, StatusCode::OK), (&cancelled, StatusCode::GONE), (&held_up, StatusCode::FORBIDDEN)] {
        let page = look(&world, url(link), NOBODY).await;
        assert_eq!(page.status, status);
        assert!(Form::of(&page.text).is_none(), "{}", page.text);
    }
    assert_eq!(world.press(&stale).await.status, StatusCode::FORBIDDEN);
    assert_untouched(&world, &held_up).await;
}

#[tokio::test]
async fn only_the_button_posts_and_its_page_lets_the_browser_follow_it_to_the_gateway() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = look(&world, url(&link), NOBODY).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    // On one machine neither we nor the gateways are encrypted.
    assert!(policy.contains("form-action 'self' http:;") && !policy.contains("script-src"), "{policy}");
    for (address, allowed) in [("", "GET, HEAD"), ("/result", "GET, HEAD")] {
        let posted = world.send(Method::POST, &format!("{}{address}", url(&link)), &[], Some(String::new())).await;
        assert_eq!(
            (posted.status, posted.headers["allow"].to_str().unwrap()),
            (StatusCode::METHOD_NOT_ALLOWED, allowed)
        );
    }
    let put = world.send(Method::PUT, &format!("{}/go", url(&link)), &[], Some(String::new())).await;
    assert_eq!(
        (put.status, put.headers["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, POST")
    );
    assert_untouched(&world, &link).await;
    let nobodys = world.send(Method::POST, "/p/2222222222222222222222/go", &[], Some(String::new())).await;
    assert_eq!(nobodys.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_link_to_which_something_stuck_leads_where_it_should() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let gateway = world.go_to_gateway(&link).await;
    let path = url(&link).strip_prefix(&world.cloud.base_url()).unwrap();
    let token = path.strip_prefix("/p/").unwrap();
    for stuck in [
        "/",
        ".",
        ")",
        "%D8%8C",
        "%E2%80%8C",
        "%20",
        "%C2%A0",
        "&nbsp;",
        "\"",
        "%3E",
        "]",
        "!",
        "%E2%80%A6",
        "%F0%9F%99%8F",
        "%D8%B3%D9%BE%D8%A7%D8%B3",
        "%ff%fe",
        "?fbclid=IwAR0&utm_source=sms",
        "/?utm_source=sms",
        ".?x=%ff",
        "#top",
    ] {
        let spoilt = format!("{path}{stuck}");
        let reply = world.open(&spoilt).await;
        assert_eq!(
            (reply.status, reply.headers.get("location").map(|to| to.to_str().unwrap())),
            (StatusCode::SEE_OTHER, Some(gateway.as_str())),
            "{spoilt}: {}",
            reply.text
        );
    }
    let encoded: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for other in
        [format!("/P/{token}"), format!("/p/{encoded}"), format!("/p//{token}"), format!("/p/%E2%80%8E{token}")]
    {
        assert_eq!(world.open(&other).await.status, StatusCode::SEE_OTHER, "{other}");
    }
    for stuck in ["/go/", "/go.", "/go%E2%80%8C"] {
        assert_eq!(world.open(&format!("{path}{stuck}")).await.location(), gateway, "{stuck}");
    }
    let result = world.open(&format!("{path}/result")).await.text;
    for stuck in ["/result/", "/result.", "/result%D8%8C?fbclid=x", "./result"] {
        assert_eq!(world.open(&format!("{path}{stuck}")).await.text, result, "{stuck}");
    }
    // A link that lost something is none.
    for lost in
        [&path[..path.len() - 1], &format!("/p/{}", &token[1..]), &format!("/p/{}.{}", &token[..9], &token[9..])]
    {
        assert_eq!(world.open(lost).await.status, StatusCode::NOT_FOUND, "{lost}");
    }
}

#[tokio::test]
async fn whoever_only_looks_at_an_outcome_makes_us_ask_nobody_and_is_told_nothing_that_is_not_known() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let result = format!("{}/result", url(&link));
    // The gateway would say that nothing was paid, and that would be written down.
    world.choose(&world.go_to_gateway(&link).await, "cancelled").await;
    let page = look(&world, &result, NOBODY).await;
    assert!(page.text.contains("هنوز تأیید پرداخت را دریافت نکرده‌ایم"), "{}", page.text);
    assert!(page.text.contains(&format!("href=\"/p/{}\"", url(&link).rsplit('/').next().unwrap())), "{}", page.text);
    assert_eq!(world.link(&link).await["attempts"][0]["status"], "open");
    assert!(world.open(&result).await.text.contains("پرداخت انجام نشد"));
    // What the link itself says is said to everybody.
    assert!(look(&world, &result, NOBODY).await.text.contains("پرداخت انجام نشد"));
    world.pay(&link, "paid").await;
    assert!(look(&world, &result, NOBODY).await.text.contains("پرداخت شد"));
}

/// The header by which browsers say that a person presses something changes nothing for those that lack it.
#[tokio::test]
async fn a_navigation_without_a_hand_is_one_all_the_same() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let by_a_redirect: Vec<_> = NAVIGATION.into_iter().filter(|(name, _)| *name != "sec-fetch-user").collect();
    assert_eq!(world.send(Method::GET, url(&link), &by_a_redirect, None).await.status, StatusCode::SEE_OTHER);
}

//! What the customer holds after paying: messages that tell of the payment and of what went back, the receipt's own page, which
//! lasts, and the page on which anybody checks one.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::providers::whatsapp;
use tests::Reply;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

const ROSE: &str = "rose@buyer.example";
const MOBILE: &str = "+989121234567";

async fn set(world: &FaultyWorld, settings: Value) {
    let reply = world.crm(Method::PATCH, "/v1/settings", &settings, &[]).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

/// A link over 1,500,000 rial of which two people are told.
async fn link(world: &FaultyWorld, name: &str, more: Value) -> Made {
    let mut body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "locale": "en",
                           "description": "Flowers", "recipients": { "emails": [ROSE], "mobiles": [MOBILE] } });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.make_link(&body, name).await
}

/// What was sent to an address, the newest last.
fn told(world: &FaultyWorld, to: &str) -> Vec<String> {
    world.cloud.inbox.all().into_iter().filter(|sent| sent.to == to).map(|sent| sent.body).collect()
}

/// The kinds and states of a link's messages.
async fn messages(world: &FaultyWorld, link: &Made) -> Vec<(String, String)> {
    let shown = world.read(link).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    shown["messages"].as_array().unwrap().iter().map(|one| (text(&one["kind"]), text(&one["status"]))).collect()
}

/// Where the receipt of a link's first payment is.
async fn receipt_url(world: &FaultyWorld, link: &Made) -> String {
    world.read(link).await["payments"][0]["receipt_url"].as_str().unwrap().to_owned()
}

async fn page(world: &FaultyWorld, url: &str) -> Reply {
    let reply = world.ask(Method::GET, url, &[], None).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply
}

async fn refund(world: &FaultyWorld, link: &Made, amount: i64, key: &str) {
    let body = json!({ "amount": amount, "outside": { "reference": "T-1", "refunded_at": world.now().to_string() } });
    let reply = world.refund(link, &body, key).await.unwrap();
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
}

async fn assert_all_is_well(world: &FaultyWorld) {
    world.return_unverified_money().await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn who_was_asked_to_pay_is_told_of_the_payment_and_of_what_went_back_once_each() {
    let world = FaultyWorld::start(0).await;
    set(&world, json!({ "send_receipts": true })).await;
    let paid = link(&world, "paid", json!({})).await;
    assert_eq!(world.read(&paid).await["after_payment"]["send_receipt"], true);
    world.bring_stream().await;
    world.pay(&paid, "paid").await;
    world.bring_stream().await;
    let url = receipt_url(&world, &paid).await;
    for to in [ROSE, MOBILE] {
        let told = told(&world, to);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].contains("received") && told[1].contains("1,500,000") && told[1].contains(&url), "{}", told[1]);
        assert!(!told[1].contains(&paid.url), "a receipt asks nobody to pay: {}", told[1]);
    }
    refund(&world, &paid, 500_000, "part").await;
    world.confirm().await;
    world.turn_time(2 * MINUTE);
    world.confirm().await;
    for to in [ROSE, MOBILE] {
        let told = told(&world, to);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[2].contains("back") && told[2].contains("500,000") && told[2].contains(&url), "{}", told[2]);
    }
    let kinds = messages(&world, &paid).await;
    let sent = |kind: &str| kinds.iter().filter(|(known, status)| known == kind && status == "sent").count();
    assert_eq!((sent("link_created"), sent("payment_received"), sent("refund_succeeded")), (2, 2, 2), "{kinds:?}");
    world.bring_stream().await;
    world.retry_messages().await.unwrap().unwrap();
    assert_eq!(told(&world, ROSE).len(), 3, "nobody is told twice");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_link_says_itself_whether_receipts_are_sent_and_without_a_word_none_are() {
    let world = FaultyWorld::start(0).await;
    let quiet = link(&world, "quiet", json!({})).await;
    let telling = link(&world, "telling", json!({ "after_payment": { "send_receipt": true } })).await;
    let unregistered = json!({ "after_payment": { "send_receipt": true, "register_receipt": false } });
    let unregistered = link(&world, "unregistered", unregistered).await;
    world.bring_stream().await;
    for link in [&quiet, &telling, &unregistered] {
        world.pay(link, "paid").await;
    }
    world.bring_stream().await;
    for (link, count) in [(&quiet, 0), (&telling, 2), (&unregistered, 2)] {
        let kinds = messages(&world, link).await;
        assert_eq!(kinds.iter().filter(|(kind, _)| kind == "payment_received").count(), count, "{kinds:?}");
    }
    // The page is there, whoever was told of it.
    for link in [&quiet, &telling, &unregistered] {
        assert!(page(&world, &receipt_url(&world, link).await).await.text.contains("Receipt"));
    }
    let changed = json!({ "after_payment": { "send_receipt": false } });
    let path = format!("/v1/payment-links/{}", telling.id);
    let refused = world.crm(Method::PATCH, &path, &changed, &[]).await.unwrap();
    assert_eq!(refused.status, StatusCode::CONFLICT, "what was agreed of a paid link stays: {}", refused.text);
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn the_receipt_says_what_was_paid_to_whom_for_what_in_the_language_of_its_reader() {
    let world = FaultyWorld::start(0).await;
    set(
        &world,
        json!({ "legal_name": "Demo Trading Ltd", "legal_id": "Reg. 4711", "postal_address": "1 Rose Street\nTehran" }),
    )
    .await;
    let paid = link(&world, "paid", json!({})).await;
    world.pay(&paid, "paid").await;
    world.bring_stream().await;
    let shown = world.read(&paid).await;
    let url = receipt_url(&world, &paid).await;
    let receipt = page(&world, &url).await;
    let payment = &shown["payments"][0];
    for said in [
        "Receipt",
        "1,500,000",
        "Demo Trading Ltd",
        "Reg. 4711",
        "1 Rose Street",
        "Demo Customer",
        "Flowers",
        payment["gateway_reference"].as_str().unwrap(),
        payment["receipt_id"].as_str().unwrap(),
        "no tax invoice",
        "/r/check",
    ] {
        assert!(receipt.text.contains(said), "{said} is not in {}", receipt.text);
    }
    assert_eq!(receipt.headers["cache-control"], "no-store");
    assert!(receipt.headers["x-robots-tag"].to_str().unwrap().contains("noindex") || receipt.text.contains("noindex"));
    for (language, title) in [("fa", "رسید پرداخت"), ("ar", "إيصال دفع")] {
        assert!(page(&world, &format!("{url}?lang={language}")).await.text.contains(title), "{language}");
    }
    // Who has just paid is led there, also before anybody was told where it is.
    let beside = page(&world, &format!("{}/receipt", paid.url)).await;
    assert!(beside.text.contains("Demo Trading Ltd"));
    let after = world.open(&paid.url).await.unwrap();
    assert!(after.text.contains("/receipt\""), "{}", after.text);
}

#[tokio::test]
async fn a_receipt_shows_what_went_back_and_that_it_is_void() {
    let world = FaultyWorld::start(0).await;
    let paid = link(&world, "paid", json!({})).await;
    world.pay(&paid, "paid").await;
    world.bring_stream().await;
    let url = receipt_url(&world, &paid).await;
    assert!(!page(&world, &url).await.text.contains("Sent back"));
    refund(&world, &paid, 500_000, "part").await;
    assert!(page(&world, &url).await.text.contains("On its way back"));
    world.confirm().await;
    let text = page(&world, &url).await.text;
    assert!(text.contains("500,000") && text.contains("What remains of it") && text.contains("1,000,000"), "{text}");
    let cash = link(&world, "cash", json!({})).await;
    world.record(&cash, "noted").await.unwrap();
    world.bring_stream().await;
    let url = receipt_url(&world, &cash).await;
    assert!(page(&world, &url).await.text.contains("Cash"));
    let voided = world.void(&cash, "mistake").await.unwrap();
    assert!(voided.status.is_success(), "{}", voided.text);
    world.bring_stream().await;
    let text = page(&world, &url).await.text;
    assert!(text.contains("This receipt is void"), "{text}");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn anybody_checks_a_receipt_by_its_code_and_reads_no_name() {
    let world = FaultyWorld::start(0).await;
    let paid = link(&world, "paid", json!({})).await;
    world.pay(&paid, "paid").await;
    world.bring_stream().await;
    let url = receipt_url(&world, &paid).await;
    let (host, code) = url.rsplit_once('/').unwrap();
    let check = format!("{host}/check");
    assert!(page(&world, &check).await.text.contains("Check a receipt"));
    for said in [code.to_owned(), url.replace(':', "%3A").replace('/', "%2F"), format!("%20{code}.")] {
        let text = page(&world, &format!("{check}?code={said}")).await.text;
        assert!(text.contains("This receipt is genuine") && text.contains("1,500,000"), "{text}");
        assert!(!text.contains("Demo Customer") && !text.contains("Flowers"), "{text}");
    }
    for wrong in ["", "1", "7hRmz4LdS9oXWcYbQ2tVfA", "%00"] {
        let reply = world.ask(Method::GET, &format!("{check}?code={wrong}&lang=en"), &[], None).await.unwrap();
        let expected = if wrong.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!(reply.status, expected, "{wrong}");
        assert!(!reply.text.contains("genuine</h1>"), "{}", reply.text);
    }
    let unknown = world.ask(Method::GET, &format!("{host}/7hRmz4LdS9oXWcYbQ2tVfA"), &[], None).await.unwrap();
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let posted = world.ask(Method::POST, &url, &[], Some("")).await.unwrap();
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_business_says_in_its_own_words_that_money_came() {
    let world = FaultyWorld::start(0).await;
    set(&world, json!({ "send_receipts": true })).await;
    let own = json!({ "body": "Got {{ amount }} for {{ description }}, {{ contact.name }}. {{ link }}" });
    let put = world.crm(Method::PUT, "/v1/message-templates/payment_received/sms/en", &own, &[]).await.unwrap();
    assert!(put.status.is_success(), "{}", put.text);
    let paid = link(&world, "paid", json!({})).await;
    world.bring_stream().await;
    world.pay(&paid, "paid").await;
    world.bring_stream().await;
    let sms = told(&world, MOBILE).pop().unwrap();
    assert!(sms.contains("Got IRR 1,500,000") && sms.contains("Flowers, Demo Customer"), "{sms}");
    // Words of one's own that are too long with these values are left for the built-in ones.
    let long = json!({ "body": format!("{} {{{{ link }}}}", "Thank you very much indeed. ".repeat(60)) });
    let put = world.crm(Method::PUT, "/v1/message-templates/payment_received/sms/en", &long, &[]).await.unwrap();
    assert!(put.status.is_success(), "{}", put.text);
    let other = link(&world, "other", json!({})).await;
    world.pay(&other, "paid").await;
    world.bring_stream().await;
    let sms = told(&world, MOBILE).pop().unwrap();
    assert!(sms.contains("Demo Business received") && !sms.contains("indeed"), "{sms}");
}

#[tokio::test]
async fn who_takes_approved_words_only_is_told_nothing_that_nobody_approved() {
    let world = FaultyWorld::start(0).await;
    set(&world, json!({ "send_receipts": true })).await;
    let whatsapp = json!({ "recipients": { "social": [{ "network": "whatsapp", "id": "+989120000008" }] } });
    let paid = link(&world, "paid", whatsapp).await;
    world.bring_stream().await;
    world.pay(&paid, "paid").await;
    world.bring_stream().await;
    let kinds = messages(&world, &paid).await;
    let expected = [("link_created", "sent"), ("payment_received", "skipped")];
    assert_eq!(kinds, expected.map(|(kind, state)| (kind.to_owned(), state.to_owned())));
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn who_takes_approved_words_only_is_told_in_those_that_were_approved_for_it() {
    let world = FaultyWorld::start(0).await;
    set(&world, json!({ "send_receipts": true })).await;
    let template = |kind: &str, name: &str| json!({ "kind": kind, "name": name, "locale": "fa", "parameters": ["{{ amount }}", "{{ link }}"] });
    let mut provider = json!({ "kind": "whatsapp", "phone_number_id": whatsapp::DEMO_NUMBER, "templates": [
        template("payment_received", whatsapp::DEMO_RECEIPT_TEMPLATE),
    ] });
    let put =
        async |provider: &Value| world.crm(Method::PUT, "/v1/message-providers/whatsapp", provider, &[]).await.unwrap();
    let refused = put(&provider).await;
    assert!(refused.text.contains("/templates") && refused.text.contains("asks to pay"), "{}", refused.text);
    provider["templates"].as_array_mut().unwrap().push(template("link_created", whatsapp::DEMO_TEMPLATE));
    let written = put(&provider).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.text);
    assert_eq!(written.json()["templates"][0]["kind"], "payment_received");
    let number = "+989120000008";
    let whatsapp = json!({ "recipients": { "social": [{ "network": "whatsapp", "id": number }] } });
    let paid = link(&world, "paid", whatsapp).await;
    world.bring_stream().await;
    world.pay(&paid, "paid").await;
    world.bring_stream().await;
    refund(&world, &paid, 500_000, "part").await;
    world.confirm().await;
    world.turn_time(2 * MINUTE);
    world.confirm().await;
    let kinds = messages(&world, &paid).await;
    let expected = [("link_created", "sent"), ("payment_received", "sent"), ("refund_succeeded", "skipped")];
    assert_eq!(kinds, expected.map(|(kind, state)| (kind.to_owned(), state.to_owned())));
    let told = told(&world, number);
    assert!(told[0].contains(&paid.url) && told[1].contains(&receipt_url(&world, &paid).await), "{told:?}");
    assert_all_is_well(&world).await;
}

/// India's operators know each text by an id of its own.
#[tokio::test]
async fn where_texts_are_registered_a_receipt_goes_out_by_the_id_of_its_own_text() {
    for (template_id, state) in [(Value::Null, "skipped"), (json!("1109"), "sent")] {
        let world = FaultyWorld::start(0).await;
        let route = json!({ "sender_id": "PAYLINK", "entity_id": "1101", "template_id": "1107",
                            "payment_received_template_id": template_id });
        let routes = json!([{ "prefix": "+91", "sns": route }]);
        set(&world, json!({ "send_receipts": true, "default_locale": "en", "sms_routes": routes })).await;
        let own = json!({ "body": "Got {{ amount }}. {{ link }}" });
        let put = world.crm(Method::PUT, "/v1/message-templates/payment_received/sms/en", &own, &[]).await.unwrap();
        assert!(put.status.is_success(), "{}", put.text);
        world.cloud.account.register_text("1101", "1107", "{#var#}");
        world.cloud.account.register_text("1101", "1109", "{#var#}Got {#var#}");
        let number = "+919812345678";
        let paid = link(&world, "paid", json!({ "recipients": { "mobiles": [number] } })).await;
        world.bring_stream().await;
        world.pay(&paid, "paid").await;
        world.bring_stream().await;
        let kinds = messages(&world, &paid).await;
        let expected = [("link_created", "sent"), ("payment_received", state)];
        assert_eq!(kinds, expected.map(|(kind, state)| (kind.to_owned(), state.to_owned())));
        assert_eq!(told(&world, number).len(), if state == "sent" { 2 } else { 1 });
    }
}

#[tokio::test]
async fn money_that_no_link_could_keep_is_told_of_when_it_is_back() {
    let world = FaultyWorld::start(0).await;
    set(&world, json!({ "send_receipts": true })).await;
    let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "locale": "en", "expires_in_days": 1,
                       "recipients": { "emails": [ROSE] } });
    let late = world.make_link(&body, "late").await;
    world.bring_stream().await;
    let page_of_gateway = world.go_to_gateway(&late).await;
    world.cancel(&late, true).await.unwrap();
    world.choose(&page_of_gateway, "paid_no_webhook").await;
    world.confirm().await;
    world.turn_time(DAY);
    world.confirm().await;
    let told = told(&world, ROSE);
    assert!(told.last().unwrap().contains("back to you"), "{told:?}");
    assert!(!told.iter().any(|text| text.contains("received")), "{told:?}");
    let url = told.last().unwrap().split_whitespace().find(|word| word.contains("/r/")).unwrap().to_owned();
    let text = page(&world, &url).await.text;
    assert!(text.contains("Receipt of returned money"), "{text}");
}

/// Where the receipt of a link's first payment is as a file.
async fn file(world: &FaultyWorld, url: &str) -> Reply {
    world.ask(Method::GET, &format!("{url}/receipt.pdf"), &[], None).await.unwrap()
}

#[tokio::test]
async fn a_receipt_is_a_file_as_well_at_its_own_address_and_at_that_of_its_link() {
    let world = FaultyWorld::start(0).await;
    let paid = link(&world, "paid", json!({})).await;
    assert_eq!(file(&world, &paid.url).await.status, StatusCode::SEE_OTHER, "nothing is paid");
    world.pay(&paid, "paid").await;
    // Who has just paid gets it before anybody wrote down where it is.
    let first = file(&world, &paid.url).await;
    world.bring_stream().await;
    let url = receipt_url(&world, &paid).await;
    for reply in [first, file(&world, &paid.url).await, file(&world, &url).await] {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        assert_eq!(reply.headers["content-type"], "application/pdf");
        assert!(reply.headers["content-disposition"].to_str().unwrap().starts_with("inline; filename=\"receipt-"));
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert!(reply.text.starts_with("%PDF-1.7"));
    }
    let page = page(&world, &url).await.text;
    let code = url.rsplit('/').next().unwrap();
    assert!(page.contains(&format!("/r/{code}/receipt.pdf?lang=en")), "{page}");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn what_is_no_receipt_leads_to_the_page_that_says_so() {
    let world = FaultyWorld::start(0).await;
    let unknown = "7hRmz4LdS9oXWcYbQ2tVfA";
    for (path, leads_to) in [
        (format!("/r/{unknown}/receipt.pdf"), format!("/r/{unknown}")),
        (format!("/p/{unknown}/receipt.pdf"), format!("/p/{unknown}/receipt")),
        ("/r/x/receipt.pdf".to_owned(), "/r/check".to_owned()),
        ("/p/%20/receipt.pdf".to_owned(), "/r/check".to_owned()),
    ] {
        let reply = world.ask(Method::GET, &path, &[], None).await.unwrap();
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{path}: {}", reply.text);
        assert_eq!(reply.headers["location"], leads_to.as_str());
    }
}

/// A browser has the letters of every script, and the file's fonts do not.
#[tokio::test]
async fn a_receipt_in_letters_that_no_font_has_is_printed_by_the_browser() {
    let world = FaultyWorld::start(0).await;
    let drawn = link(&world, "drawn", json!({ "description": "प्रिया के लिए फूल, Цветы, Άνθη 🌹" })).await;
    let other = link(&world, "other", json!({ "description": "花束" })).await;
    for (link, status) in [(&drawn, StatusCode::OK), (&other, StatusCode::SEE_OTHER)] {
        world.pay(link, "paid").await;
        assert_eq!(file(&world, &link.url).await.status, status);
        let page = page(&world, &format!("{}/receipt", link.url)).await.text;
        assert_eq!(page.contains("receipt.pdf"), status == StatusCode::OK, "{page}");
        assert!(page.contains("data-print"));
    }
}

//! What people are told, and what happens when a provider fails.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::faulty_world::FaultyWorld;
use tests::{World, told_url};

use super::{settings_are_read_again, states};

fn body(message: &Value) -> &str {
    message["body"].as_str().unwrap()
}

/// A world in whose November of 2026 a link ends in the next January, however late it really is.
async fn world_of_november() -> World {
    World::in_process_since("2026-11-01T09:00:00Z".parse().unwrap()).await
}

#[tokio::test]
async fn everybody_named_is_told_once_in_the_contacts_language() {
    let world = World::in_process().await;
    let link = world
        .make_link(json!({
            "account_id": "main", "item_id": "inv-77", "description": "Invoice 77",
            "recipients": {
                "contact": true, "roles": ["manager", "liaison", "treasurer"],
                "mobiles": ["0912 000 0000"], "emails": ["typed@example.com"],
            },
        }))
        .await;
    assert_eq!(
        link["unreached"],
        json!([{ "role": "treasurer", "person": null, "channel": null, "network": null, "reason": "nobody_has_this_role" }])
    );
    let sms = world.inbox("+989120000000", 1).await;
    let url = told_url(&link, '1');
    assert_eq!(body(&sms[0]).lines().last(), Some(url.as_str()), "the link stands alone on the last line");
    assert!(body(&sms[0]).contains("۱۵۰٬۰۰۰\u{a0}تومان") && body(&sms[0]).contains("Invoice 77"));
    assert!(body(&sms[0]).starts_with("[TEST] "));
    for address in ["customer@example.com", "manager@example.com", "liaison@example.com", "typed@example.com"] {
        let mail = world.inbox(address, 1).await;
        assert_eq!(
            mail[0]["subject"],
            "[TEST] \u{2068}Demo Business\u{2069} از شما درخواست پرداخت ۱۵۰٬۰۰۰\u{a0}تومان (۱٬۵۰۰٬۰۰۰\u{a0}ریال) دارد"
        );
        assert!(
            body(&mail[0]).contains(link["url"].as_str().unwrap())
                && mail[0]["html"].as_str().unwrap().contains("dir=\"rtl\"")
        );
    }
    let done = |link: &Value| link["messages"].as_array().unwrap().iter().all(|message| message["status"] == "sent");
    let link = world.wait_for(&link, done).await;
    assert_eq!(link["messages"].as_array().unwrap().len(), 6, "{}", link["messages"]);
    assert_eq!(world.inbox("+989120000000", 1).await.len(), 1, "the typed number is the contact's own");
}

#[tokio::test]
async fn english_ships_too() {
    let world = world_of_november().await;
    let link = world
        .make_link(json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "locale": "en",
                           "expires_at": "2027-01-31", "recipients": { "emails": ["x@example.com"] } }))
        .await;
    let mail = world.inbox("x@example.com", 1).await;
    assert_eq!(mail[0]["subject"], "[TEST] Demo Business asks you to pay €19.99");
    assert!(body(&mail[0]).contains("asks you to pay €19.99"), "{}", body(&mail[0]));
    assert!(body(&mail[0]).contains("Pay by: 31\u{a0}January 2027"), "{}", body(&mail[0]));
    assert!(body(&mail[0]).contains(link["url"].as_str().unwrap()));
}

#[tokio::test]
async fn arabic_ships_too() {
    let world = world_of_november().await;
    let link = world
        .make_link(json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "locale": "ar-SA",
                           "description": "الفاتورة ٧٧", "expires_at": "2027-01-31",
                           "recipients": { "mobiles": ["+4915100000000"], "emails": ["x@example.com"] } }))
        .await;
    let sms = world.inbox("+4915100000000", 1).await;
    let lines =
        "[TEST] \u{2068}Demo Business\u{2069}\nيرجى دفع ١٩٫٩٩\u{a0}يورو مقابل الفاتورة ٧٧ حتى ٣١\u{a0}يناير ٢٠٢٧:";
    assert_eq!(body(&sms[0]), format!("{lines}\n{}", told_url(&link, '1')));
    let mail = world.inbox("x@example.com", 1).await;
    assert_eq!(mail[0]["subject"], "[TEST] طلب دفع ١٩٫٩٩\u{a0}يورو من \u{2068}Demo Business\u{2069}");
    assert!(mail[0]["html"].as_str().unwrap().contains("lang=\"ar\" dir=\"rtl\""));
    let template = world.get("/v1/message-templates/link_created/sms/ar").await;
    assert_eq!((template["source"].as_str(), template["locale"].as_str()), (Some("built_in"), Some("ar")));
    assert!(template["body"].as_str().unwrap().contains("{{ link }}"));
}

#[tokio::test]
async fn a_custom_message_says_exactly_what_was_written() {
    let world = world_of_november().await;
    let link = world
        .make_link(json!({
            "account_id": "main", "contact_id": "c-1042", "amount": 50000, "description": "Deposit", "locale": "en",
            "expires_at": "2027-01-31", "reference_id": "R-1",
            "recipients": { "contact": true },
            "message": {
                "mode": "custom", "channels": ["sms", "email"],
                "sms": { "body": "{{ contact.name }}: {{ description }} {{ link }}" },
                "email": { "subject": "{{ description }} <{{ reference_id }}>", "body": "{{ amount }} until {{ expires_at }}\n\n{{ link }}" },
            },
        }))
        .await;
    let sms = world.inbox("+989120000000", 1).await;
    assert_eq!(body(&sms[0]), format!("[TEST] Demo Customer: Deposit {}", told_url(&link, '1')));
    let mail = world.inbox("customer@example.com", 1).await;
    assert_eq!(mail[0]["subject"], "[TEST] Deposit <R-1>");
    assert_eq!(
        body(&mail[0]),
        format!("[TEST] IRR\u{a0}50,000 until 31\u{a0}January 2027\n\n{}", told_url(&link, '2'))
    );
}

#[tokio::test]
async fn the_business_can_replace_the_default_text() {
    let world = World::in_process().await;
    world
        .put("/v1/message-templates/link_created/sms/fa", json!({ "body": "سلام {{ contact.name }} {{ link }}" }))
        .await;
    let shown = world.get("/v1/message-templates/link_created/sms/fa-IR").await;
    assert_eq!(shown["source"], "built_in", "the text of the language is not the text of this locale");
    assert_eq!(world.get("/v1/message-templates/link_created/sms/fa").await["source"], "custom");
    settings_are_read_again().await;
    let link = world
        .make_link(
            json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "recipients": { "contact": true } }),
        )
        .await;
    let sms = world.inbox("+989120000000", 1).await;
    assert_eq!(body(&sms[0]), format!("[TEST] سلام \u{2068}Demo Customer\u{2069} {}", told_url(&link, '1')));
}

#[tokio::test]
async fn messages_come_from_whom_the_business_says() {
    let world = World::in_process().await;
    let settings = json!({ "business_name": "Business", "default_region": "IR", "sms_sender_id": "MYSHOP",
                           "email_sender_name": "فروشگاه نمونه", "email_reply_to": "ask@business.example" });
    world.put("/v1/settings", settings.clone()).await;
    let shown = world.get("/v1/settings").await;
    assert_eq!((&shown["sms_sender_id"], &shown["email_sender_name"]), (&json!("MYSHOP"), &json!("فروشگاه نمونه")));
    assert_eq!(shown["email_reply_to"], "ask@business.example");
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000,
                "recipients": { "contact": true, "mobiles": ["+4915100000000"] } });
    world.make_link(body).await;
    assert_eq!(world.inbox("+4915100000000", 1).await[0]["from"], "MYSHOP");
    let mail = world.inbox("customer@example.com", 1).await;
    assert!(mail[0]["from"].as_str().unwrap().contains("فروشگاه نمونه"), "{}", mail[0]["from"]);
    assert_eq!(mail[0]["reply_to"], "ask@business.example");
    for (name, value, code) in [
        ("sms_sender_id", "MY SHOP", "invalid_sender_id"),
        ("email_sender_name", "یک نام که برای یک سرآیند بسیار بلند است", "too_long"),
        ("email_reply_to", "ask at business.example", "invalid_email"),
    ] {
        let mut wrong = settings.clone();
        wrong[name] = json!(value);
        let reply = world.crm(Method::PUT, "/v1/settings", wrong).await;
        assert_eq!(reply.problems(), [(format!("/{name}"), code.to_owned())]);
    }
}

#[tokio::test]
async fn filters_show_amounts_and_ends_as_the_reader_expects_and_are_listed() {
    let world = world_of_november().await;
    let text = "{{ amount | toman }} / {{ expires_at | date }} {{ expires_at | time }} {{ link }}";
    let link = world
        .make_link(json!({
            "account_id": "main", "contact_id": "c-1042", "amount": 50000, "expires_at": "2027-01-31",
            "recipients": { "contact": true },
            "message": { "mode": "custom", "channels": ["sms"], "sms": { "body": text } },
        }))
        .await;
    let sms = world.inbox("+989120000000", 1).await;
    let url = told_url(&link, '1');
    assert_eq!(body(&sms[0]), format!("[TEST] ۵٬۰۰۰\u{a0}تومان / ۱۱\u{a0}بهمن ۱۴۰۵ ۲۳:۵۹ {url}"));
    let listed = world.get("/v1/message-templates").await;
    for template in listed["data"].as_array().unwrap() {
        assert_eq!(template["variables"].as_array().unwrap().len(), 10);
        let filters = template["filters"].as_array().unwrap();
        let toman = filters.iter().find(|filter| filter["name"] == "toman").unwrap();
        assert_eq!(toman["of"], "amount");
        assert!(toman["description"].as_str().unwrap().contains("Toman"));
    }
}

#[tokio::test]
async fn a_text_with_a_mistake_in_a_branch_that_is_not_taken_is_refused_with_its_line() {
    let world = World::in_process().await;
    let body = "{{ link }}\n{% if reference_id == 'never' %}{{ amount | tooman }}{% endif %}";
    let path = "/v1/message-templates/link_created/sms/fa";
    let saved = world.crm(Method::PUT, path, json!({ "body": body })).await;
    assert_eq!(saved.problems(), [("/body".to_owned(), "unknown_filter".to_owned())]);
    assert!(saved.text.contains("There is no filter tooman in line 2"), "{}", saved.text);
    let request = json!({
        "account_id": "main", "contact_id": "c-1042", "recipients": { "contact": true },
        "message": { "mode": "custom", "channels": ["sms"], "sms": { "body": body } },
    });
    let sent = world.crm(Method::POST, "/v1/payment-links", request).await;
    assert_eq!(sent.problems(), [("/message/sms/body".to_owned(), "unknown_filter".to_owned())]);
}

#[tokio::test]
async fn a_message_that_fails_for_now_is_tried_again_and_one_that_fails_for_good_is_not() {
    let world = World::in_process().await;
    let link = world
        .make_link(json!({
            "account_id": "main", "contact_id": "c-1042", "amount": 50000,
            "recipients": { "emails": ["throttle@example.com", "reject@example.com", "fine@example.com"] },
        }))
        .await;
    world.inbox("fine@example.com", 1).await;
    let confirmed = |link: &Value| {
        link["messages"]
            .as_array()
            .unwrap()
            .iter()
            .all(|message| message["status"] != "queued" && message["status"] != "sending")
    };
    let link = world.wait_for(&link, confirmed).await;
    let state = |link: &Value, index: usize| link["messages"][index]["status"].as_str().unwrap().to_owned();
    assert_eq!([state(&link, 0), state(&link, 1), state(&link, 2)], ["waiting", "failed", "sent"]);
    assert_eq!(link["messages"][1]["reason"], "message_refused");
    // Nothing is due yet; afterwards every pause ends with a try, and the last one with giving up.
    let retry = json!({ "source": "schedule" });
    assert_eq!(world.invoke("deliver-messages", &retry).await["tried"], 0);
    let mut tries = 0;
    for _ in 0..10 {
        world.turn_clock(Duration::from_secs(11 * 3600));
        tries += world.invoke("deliver-messages", &retry).await["tried"].as_u64().unwrap();
    }
    assert_eq!(tries, 6);
    let link = world.link(&link).await;
    assert_eq!(state(&link, 0), "failed");
    assert_eq!(link["messages"][0]["reason"], "too_many_requests");
}

#[tokio::test]
async fn a_link_that_ended_before_its_message_went_out_is_not_told() {
    let world = World::in_process().await;
    let link = world
        .make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "recipients": { "emails": ["throttle@example.com"] } }))
        .await;
    let link = world.wait_for(&link, |link| link["messages"][0]["status"] == "waiting").await;
    let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
    world.crm(Method::POST, &path, json!({})).await;
    world.turn_clock(Duration::from_secs(61));
    assert_eq!(world.invoke("deliver-messages", &json!({})).await["tried"], 1);
    assert_eq!(world.link(&link).await["messages"][0]["status"], "skipped");
}

#[tokio::test]
async fn a_message_does_not_fail_for_good_by_settings_that_were_changed_a_moment_ago() {
    // Every process remembers what it has read.
    let world = FaultyWorld::start(600).await;
    let settings = |routes: Value| json!({ "business_name": "B", "default_region": "IR", "sms_routes": routes });
    let put = async |path: &str, body: Value| {
        let reply = world.crm(Method::PUT, path, &body, &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    };
    put("/v1/settings", settings(json!([]))).await;
    let body = |recipients: Value| {
        json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "locale": "en",
                "recipients": recipients })
    };
    world.make_link(&body(json!({ "emails": ["one@example.com"] })), "first").await;
    world.bring_stream().await;
    put("/v1/settings", settings(json!([{ "prefix": "+971", "provider": "crm-line" }]))).await;
    let bot = json!({ "kind": "bot_api", "credentials": { "token": "100000001:local-demo-business-bot" },
                      "base_url": format!("{}/bot-api", world.proxy.page_url()) });
    put("/v1/message-providers/bale", bot).await;
    let recipients = json!({ "mobiles": ["+971500000000"], "social": [{ "network": "bale", "id": "700000001" }] });
    // A draft reads what there is, so that the link is made by it.
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", &body(recipients.clone()), &[]).await.unwrap();
    assert_eq!(draft.json()["unreached"], json!([]));
    let link = world.make_link(&body(recipients), "second").await;
    world.bring_stream().await;
    let path = format!("/v1/payment-links/{}", link.id);
    let link = world.crm_as(link.key, Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
    assert_eq!(states(&link), [("sent", None), ("sent", None)]);
}

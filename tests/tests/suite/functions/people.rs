//! What people type: numbers, addresses, names and texts that reach whom they are for and nobody else, and say what they say.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::providers::whatsapp;
use tests::{World, told_url};

use super::settings_are_read_again;

const LINKS: &str = "/v1/payment-links";
const DRAFT: &str = "/v1/payment-links/draft";

/// A request for a link in English, with these fields besides.
fn request(more: Value) -> Value {
    let mut body = json!({ "account_id": "main", "amount": 50_000, "currency": "IRR", "locale": "en" });
    if more.get("contact").is_none() {
        body["contact_id"] = json!("c-1042");
    }
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn problems(world: &World, method: Method, path: &str, body: Value) -> Vec<(String, String)> {
    let reply = world.crm(method, path, body).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text);
    reply.problems()
}

fn problem(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

/// Channel and address of everybody who is told.
fn told(link: &Value) -> Vec<(&str, &str)> {
    let messages = link["messages"].as_array().unwrap();
    messages.iter().map(|message| (message["channel"].as_str().unwrap(), message["to"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_number_that_somebody_would_have_to_guess_is_nobodys() {
    let world = World::in_process().await;
    for number in [
        "0912abc4567",
        "09121234567;09351234567",
        "09121234567 ext. 12",
        "09121234567#2",
        "09121234567x5",
        "۰۹۱۲۱۲۳۴۵۶۷ داخلی ۱۲",
        "tel:+989121234567;ext=12",
    ] {
        let contact = json!({ "name": "N", "mobile": number, "people": [{ "role": "manager", "mobile": number }] });
        let mut brought = contact.clone();
        brought["id"] = json!("c-9");
        let body = request(json!({ "contact": brought, "recipients": { "contact": true, "mobiles": [number] } }));
        let expected = ["/contact/mobile", "/contact/people/0/mobile", "/recipients/mobiles/0"];
        let expected = expected.map(|pointer| problem(pointer, "invalid_mobile"));
        assert_eq!(problems(&world, Method::POST, LINKS, body).await, expected, "{number}");
        let expected = ["/mobile", "/people/0/mobile"].map(|pointer| problem(pointer, "invalid_mobile"));
        assert_eq!(problems(&world, Method::PUT, "/v1/contacts/c-9", contact).await, expected, "{number}");
    }
    let contact = world.put("/v1/contacts/c-9", json!({ "name": "N", "mobile": "tel:+98 (0) 912‌ 123-4567" })).await;
    assert_eq!(contact["mobile"], "+989121234567");
}

#[tokio::test]
async fn somebody_gets_one_message_however_the_address_is_written() {
    let world = World::in_process().await;
    let contact = json!({ "id": "c-9", "name": "Sara Test", "email": "Sara.Test@Example.com",
                          "social": [{ "network": "whatsapp", "id": "+989121234567" }] });
    let link = world
        .make_link(request(json!({ "contact": contact, "recipients": {
            "contact": true,
            "emails": ["sara.test@example.com", "\u{200e}SARA.TEST@EXAMPLE.COM", "mailto:sara.test@example.com"],
            "social": [
                { "network": "whatsapp", "id": "0912 123 4567" }, { "network": "whatsapp", "id": "۰۹۱۲۱۲۳۴۵۶۷" },
                { "network": "telegram", "id": "@SaraTest" }, { "network": "telegram", "id": "@saratest" },
            ],
        } })))
        .await;
    let expected = [("email", "Sara.Test@example.com"), ("social", "+989121234567"), ("social", "@SaraTest")];
    assert_eq!(told(&link), expected);
    world.inbox("Sara.Test@example.com", 1).await;
    world.inbox("+989121234567", 1).await;
    // The same people, named anew.
    world.turn_clock(Duration::from_secs(61));
    let body = json!({ "recipients": { "emails": ["SARA.test@example.com", "sara.test@example.com"] } });
    let path = format!("{LINKS}/{}/messages", link["id"].as_str().unwrap());
    let reply = world.crm(Method::POST, &path, body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(told(&reply.json())[expected.len()..], [("email", "SARA.test@example.com")]);
}

#[tokio::test]
async fn whoever_is_no_number_is_refused_on_whatsapp_at_every_door() {
    let world = World::in_process().await;
    let someone = json!([{ "network": "whatsapp", "id": "+989121234567" }, { "network": "whatsapp", "id": "someone" }]);
    let contact = json!({ "name": "N", "social": someone, "people": [{ "role": "manager", "social": someone }] });
    let expected = ["/social/1/id", "/people/0/social/1/id"].map(|pointer| problem(pointer, "invalid_mobile"));
    assert_eq!(problems(&world, Method::PUT, "/v1/contacts/c-9", contact.clone()).await, expected);
    let mut brought = contact;
    brought["id"] = json!("c-9");
    let body = request(json!({ "contact": brought, "recipients": { "social": someone } }));
    let expected = ["/contact/social/1/id", "/contact/people/0/social/1/id", "/recipients/social/1/id"];
    let expected = expected.map(|pointer| problem(pointer, "invalid_mobile"));
    assert_eq!(problems(&world, Method::POST, LINKS, body.clone()).await, expected);
    let draft = world.crm(Method::POST, DRAFT, body).await.json();
    let pointers: Vec<&str> =
        draft["problems"].as_array().unwrap().iter().map(|one| one["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, expected.each_ref().map(|(pointer, _)| pointer.as_str()));
    let link = world.make_link(request(json!({}))).await;
    let path = format!("{LINKS}/{}/messages", link["id"].as_str().unwrap());
    let body = json!({ "recipients": { "social": someone } });
    let expected = [problem("/recipients/social/1/id", "invalid_mobile")];
    assert_eq!(problems(&world, Method::POST, &path, body).await, expected);
}

#[tokio::test]
async fn who_was_kept_before_a_network_was_set_up_is_known_as_the_network_knows_people() {
    let world = World::in_process().await;
    let social =
        ["0912 123 4567".replace(' ', "-"), "someone".to_owned()].map(|id| json!({ "network": "wa", "id": id }));
    let contact = world.put("/v1/contacts/c-9", json!({ "name": "N", "social": social })).await;
    assert_eq!(contact["social"][0]["id"], "0912-123-4567", "nobody knows yet what wa is");
    let template =
        json!({ "name": whatsapp::DEMO_TEMPLATE, "locale": "en", "parameters": ["{{ amount }}", "{{ link }}"] });
    let provider = json!({ "kind": "whatsapp", "phone_number_id": whatsapp::DEMO_NUMBER, "templates": [template] });
    world.put("/v1/message-providers/wa", provider).await;
    settings_are_read_again().await;
    let mut body = request(json!({ "recipients": { "contact": true } }));
    body["contact_id"] = json!("c-9");
    let draft = world.crm(Method::POST, DRAFT, body.clone()).await.json();
    let unreached = json!([{ "role": "contact", "person": "contact", "channel": "social", "network": "wa", "reason": "invalid_address" }]);
    assert_eq!((&draft["unreached"], &draft["recipients"][0]["to"]), (&unreached, &json!("+989121234567")));
    let link = world.make_link(body).await;
    assert_eq!((told(&link), &link["unreached"]), (vec![("social", "+989121234567")], &unreached));
}

#[tokio::test]
async fn a_name_of_which_nothing_is_seen_is_empty_and_others_are_kept_without_what_nobody_sees() {
    let world = World::in_process().await;
    for name in ["\u{200b}", "\u{2060}", "\u{feff}", "\u{200f}", "\u{3164}", "\u{ad}", "\u{2800}"] {
        let contact = json!({ "name": name, "people": [{ "role": "manager", "name": name }] });
        let expected = ["/name", "/people/0/name"].map(|pointer| problem(pointer, "empty"));
        let shown = name.escape_unicode();
        assert_eq!(problems(&world, Method::PUT, "/v1/contacts/c-9", contact).await, expected, "{shown}");
    }
    let name = "Sara\u{feff} \u{202e}علی\u{200c}رضا";
    let contact = world.put("/v1/contacts/c-9", json!({ "name": name })).await;
    assert_eq!(contact["name"], "Sara علی\u{200c}رضا");
}

#[tokio::test]
async fn nothing_invisible_turns_a_message_or_makes_it_dearer() {
    let world = World::in_process().await;
    let text = "{{ contact.name }}:\r\n{{ link }} \u{200e}";
    let of = |name: &str| {
        request(json!({
            "contact": { "id": "c-9", "name": name },
            "recipients": { "mobiles": ["09121234567"] },
            "message": { "mode": "custom", "channels": ["sms"], "sms": { "body": text } },
        }))
    };
    for name in ["Sara\u{feff}\u{a0}Test", "Sara \u{202e}Test", "\u{2067}Sara Test"] {
        let draft = world.crm(Method::POST, DRAFT, of(name)).await.json();
        let message = &draft["messages"][0];
        let body = message["body"].as_str().unwrap();
        assert!(body.starts_with("[TEST] Sara Test:\nhttp"), "{}", body.escape_unicode());
        let is_seen = |character: char| character.is_ascii() && character != '\r';
        assert!(body.chars().all(is_seen), "{}", body.escape_unicode());
        assert_eq!(message["sms"]["encoding"], "GSM-7", "{}", name.escape_unicode());
    }
}

#[tokio::test]
async fn an_email_has_its_paragraphs_and_the_link_stands_alone() {
    let world = World::in_process().await;
    let text = "Dear {{ contact.name }},\r\n\r\nplease pay: {{ link }} ، thank you.\r\n\r\nYours";
    let link = world
        .make_link(request(json!({
            "recipients": { "emails": ["sara@münchen.example"] },
            "message": { "mode": "custom", "channels": ["email"], "email": { "subject": "Pay", "body": text } },
        })))
        .await;
    assert_eq!(told(&link), [("email", "sara@xn--mnchen-3ya.example")]);
    let mail = &world.inbox("sara@xn--mnchen-3ya.example", 1).await[0];
    let url = told_url(&link, '1');
    let body = mail["body"].as_str().unwrap();
    assert_eq!(body, format!("[TEST] Dear Demo Customer,\n\nplease pay: {url} ، thank you.\n\nYours"));
    // Above its own three stand the business's name and the amount.
    assert_eq!(mail["html"].as_str().unwrap().matches("<p ").count(), 2 + 3, "{mail}");
    let touched = request(json!({
        "recipients": { "emails": ["sara@münchen.example"] },
        "message": { "mode": "custom", "channels": ["email"],
                     "email": { "subject": "Pay", "body": "Please pay: {{ link }}." } },
    }));
    let refused = world.crm(Method::POST, "/v1/payment-links", touched).await;
    assert_eq!(refused.problems(), [problem("/message/email/body", "link_touched")]);
    let saved = json!({ "body": "{{ link }}?src=sms" });
    let refused = world.crm(Method::PUT, "/v1/message-templates/link_created/sms/fa", saved).await;
    assert_eq!(refused.problems(), [problem("/body", "link_touched")]);
}

#[tokio::test]
async fn an_address_of_the_web_is_kept_as_the_browser_that_goes_there_reads_it() {
    let world = World::in_process().await;
    let mut settings = world.get("/v1/settings").await;
    settings.as_object_mut().unwrap().remove("object");
    settings["return_url_hosts"] = json!(["CRM.example", "münchen.example"]);
    settings["support_url"] = json!("https:help.example/x");
    let settings = world.put("/v1/settings", settings).await;
    assert_eq!(settings["return_url_hosts"], json!(["crm.example", "xn--mnchen-3ya.example"]));
    assert_eq!(settings["support_url"], "https://help.example/x");
    settings_are_read_again().await;
    for (typed, kept) in [
        ("https:crm.example/back", "https://crm.example/back"),
        ("https://crm.example\\@evil.example/", "https://crm.example/@evil.example/"),
        ("https://MÜNCHEN.example/ä", "https://xn--mnchen-3ya.example/%C3%A4"),
    ] {
        let contact = json!({ "id": "c-9", "name": "N", "profile_url": typed });
        let item = json!({ "id": "i-9", "kind": "invoice", "title": "T", "contact_id": "c-9", "url": typed });
        let link = world.make_link(request(json!({ "contact": contact, "item": item, "return_url": typed }))).await;
        assert_eq!((&link["return_url"], &link["contact"]["profile_url"]), (&json!(kept), &json!(kept)));
        assert_eq!(world.get("/v1/items/i-9").await["url"], kept);
    }
    let body = request(json!({ "return_url": "https:evil.example\\@crm.example/" }));
    let expected = [problem("/return_url", "return_url_not_allowed")];
    assert_eq!(problems(&world, Method::POST, LINKS, body).await, expected);
}

#[tokio::test]
async fn what_is_not_one_email_address_is_refused() {
    let world = World::in_process().await;
    for email in ["a@x.de;b@y.de", "Sara <sara@x.de>", "سارا@example.com", "a@localhost", "a@my_host.example"] {
        let body = request(json!({ "contact": { "id": "c-9", "name": "N", "email": email },
                                   "recipients": { "emails": [email] } }));
        let expected = ["/contact/email", "/recipients/emails/0"].map(|pointer| problem(pointer, "invalid_email"));
        assert_eq!(problems(&world, Method::POST, LINKS, body).await, expected, "{email}");
    }
}

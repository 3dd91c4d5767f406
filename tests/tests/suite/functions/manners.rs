//! The API's manners: what it takes back, what it says of a request that is wrong, and what every answer has.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::answers::{document, followed, operation, schema_of, validator, wrong};
use tests::{Reply, World, api_gateway_event};

const KEY: (&str, &str) = ("authorization", "Bearer plk_demo_local-crm-key");

/// A record as whoever may write it reads and writes it.
async fn call(world: &World, method: Method, path: &str, body: Value) -> Reply {
    if path.starts_with("/v1/businesses") || path.starts_with("/v1/platform-defaults") {
        return world.platform(None, method, path, body).await;
    }
    world.crm(method, path, body).await
}

/// The paths of every record that can be written whole, with the records of the demo business there.
async fn records(world: &World) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        if methods["put"].is_null() {
            continue;
        }
        assert!(!methods["get"].is_null(), "{path} can be written and not read");
        let Some((list, _)) = path.split_once("/{") else {
            found.insert(path.clone());
            continue;
        };
        let listed = call(world, Method::GET, &format!("{list}?limit=100"), Value::Null).await.json();
        let entries = listed["data"].as_array().unwrap();
        assert!(!entries.is_empty(), "there is nothing at {list}");
        for entry in entries {
            found.insert(match entry["id"].as_str() {
                Some(id) => format!("{list}/{id}"),
                None => {
                    let part = |name: &str| entry[name].as_str().unwrap().to_owned();
                    format!("{list}/{}/{}/{}", part("kind"), part("channel"), part("locale"))
                }
            });
        }
    }
    found
}

#[tokio::test]
async fn what_was_read_of_any_record_can_be_written_back_and_changes_nothing() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.pay(&link, "paid").await;
    world.put("/v1/webhook-endpoints/books", json!({ "url": "https://books.example.com/", "enabled": false })).await;
    world.put("/v1/message-providers/line", json!({ "kind": "webhook", "url": "https://line.example.com/" })).await;
    let placeholders =
        json!([{ "name": "name", "value": "{{ contact.name }}" }, { "name": "link", "value": "{{ link }}" }]);
    let approved = json!({ "name": "pay", "locale": "fa", "parameters": placeholders });
    let whatsapp = json!({ "kind": "whatsapp", "phone_number_id": "phone-number-id-0a1b", "templates": [approved] });
    world.put("/v1/message-providers/whatsapp", whatsapp).await;
    let token = json!({ "token": "123456:abcdefghijklmnopqrstuvwxyzABCDEFGHI" });
    world.put("/v1/message-providers/bot", json!({ "kind": "bot_api", "credentials": token })).await;
    let text = json!({ "subject": "{{ description }}", "body": "{{ amount }} {{ link }}" });
    world.put("/v1/message-templates/link_created/email/fa-IR", text).await;
    let relay = json!({ "url": "https://relay.example.com", "header": "x-relay", "secret": "0123456789abcdef" });
    let online = json!({
        "enabled": true, "gateway": "stripe", "relay": relay,
        "credentials": { "secret_key": "sk_test_0123456789", "webhook_secret": "whsec_c2VjcmV0LW9mLXRoZS10ZXN0" },
    });
    let account = json!({ "name": "R", "currency": "EUR", "mode": "sandbox", "online_payment": online });
    world.put("/v1/accounts/relayed", account).await;
    let person = json!({ "role": "manager", "name": "M", "email": "m@example.com" });
    let contact =
        json!({ "name": "N", "balance": { "amount": -5, "currency": "IRR" }, "people": [person], "locale": "fa" });
    world.put("/v1/contacts/full", contact).await;
    for path in records(&world).await {
        let read = call(&world, Method::GET, &path, Value::Null).await.json();
        for method in [Method::PUT, Method::PATCH] {
            let body = &operation(&method, &path).unwrap()["requestBody"];
            assert_eq!(wrong(&validator(document(), schema_of(body).unwrap()), &read), [], "{method} {path}: {read}");
        }
        let written = call(&world, Method::PUT, &path, read.clone()).await;
        assert_eq!(written.status, StatusCode::OK, "{path}: {} for {read}", written.text);
        let mut read_again = call(&world, Method::GET, &path, Value::Null).await.json();
        if read["object"] == "message_template" {
            // A built-in text that was written is the business's own.
            read_again["source"] = read["source"].clone();
        }
        assert_eq!(read_again, read, "{path}");
    }
    let item = world.get("/v1/items/inv-77").await;
    assert_eq!(item["receipts"]["payment"].as_array().unwrap().len(), 1, "{item}");
    // An answer is taken back where a link brings the records along, too. The item is paid, so that its amount is named.
    let contact = world.get("/v1/contacts/c-1042").await;
    world.make_link(json!({ "account_id": "main", "contact": contact, "item": item, "amount": 50_000 })).await;
}

fn is_read_only(field: &Value) -> bool {
    field["description"].as_str().unwrap().starts_with("Read-only: ")
}

/// Whether a read-only field of a body may say anything, or has to be what the record's answer says.
fn is_ignored(field: &Value) -> bool {
    field["type"].is_null() && field["const"].is_null()
}

#[tokio::test]
async fn what_the_document_calls_read_only_changes_nothing_and_cannot_be_changed() {
    let world = World::in_process().await;
    world.put("/v1/webhook-endpoints/books", json!({ "url": "https://books.example.com/", "enabled": false })).await;
    let mut tried = BTreeSet::new();
    for path in records(&world).await {
        // The texts that the business did not write have no part that could be changed.
        let put = operation(&Method::PUT, &path).unwrap();
        if !tried.insert(put["operationId"].as_str().unwrap()) {
            continue;
        }
        let read = call(&world, Method::GET, &path, Value::Null).await.json();
        assert_eq!(call(&world, Method::PUT, &path, read.clone()).await.status, StatusCode::OK, "{path}");
        let mut of_answers: BTreeSet<&String> = BTreeSet::new();
        let schema = followed(document(), schema_of(&put["requestBody"]).unwrap());
        let fields = schema["properties"].as_object().unwrap();
        for (name, field) in fields.iter().filter(|(_, field)| is_read_only(field)) {
            of_answers.insert(name);
            let mut whole = read.clone();
            whole[name] = json!("another");
            for (method, body) in [(Method::PUT, whole), (Method::PATCH, json!({ name: "another" }))] {
                let reply = call(&world, method.clone(), &path, body).await;
                if is_ignored(field) {
                    assert_eq!(reply.status, StatusCode::OK, "{method} {path} {name}: {}", reply.text);
                    assert_eq!(reply.json()[name], call(&world, Method::GET, &path, Value::Null).await.json()[name]);
                } else {
                    assert_eq!(reply.problems(), [(format!("/{name}"), "read_only".to_owned())], "{method} {path}");
                }
            }
        }
        assert!(of_answers.contains(&"object".to_owned()), "{path}: {of_answers:?}");
    }
    assert!(tried.len() > 8, "{tried:?}");
}

#[tokio::test]
async fn what_says_which_record_it_is_cannot_be_given_otherwise() {
    let world = World::in_process().await;
    for (path, body, pointer) in [
        ("/v1/contacts/c-1", json!({ "name": "N", "id": "c-2" }), "/id"),
        ("/v1/contacts/c-1", json!({ "name": "N", "object": "item" }), "/object"),
        ("/v1/settings", json!({ "business_name": "B", "object": "contact" }), "/object"),
        ("/v1/message-templates/link_created/sms/fa", json!({ "body": "{{ link }}", "channel": "email" }), "/channel"),
    ] {
        let refused = world.crm(Method::PUT, path, body).await;
        assert_eq!(refused.problems(), [(pointer.to_owned(), "read_only".to_owned())], "{path}");
    }
    // Somebody else's relay is none that the account has.
    let relay = json!({ "url": "https://elsewhere.example.com", "header": "x-relay", "seconds": 15 });
    let online = json!({ "gateway": "stripe", "relay": relay });
    let account = json!({ "name": "E", "currency": "EUR", "mode": "sandbox", "online_payment": online });
    let refused = world.crm(Method::PUT, "/v1/accounts/euro", account).await;
    assert_eq!(refused.problems(), [("/online_payment/credentials".to_owned(), "required".to_owned())]);
}

#[tokio::test]
async fn the_role_contact_is_the_contact_and_nobody_elses() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "recipients": { "roles": ["contact"] } });
    let link = world.make_link(body).await;
    let messages = link["messages"].as_array().unwrap();
    assert!(!messages.is_empty() && messages.iter().all(|message| message["roles"] == json!(["contact"])), "{link}");
    assert_eq!(
        link["unreached"].as_array().unwrap().iter().filter(|one| one["reason"] == "nobody_has_this_role").count(),
        0
    );
    for role in ["contact", "Contact"] {
        let contact = json!({ "name": "N", "people": [{ "role": role, "email": "a@example.com" }] });
        let refused = world.crm(Method::PUT, "/v1/contacts/c-9", contact).await;
        assert_eq!(refused.problems(), [("/people/0/role".to_owned(), "reserved_role".to_owned())]);
    }
}

#[tokio::test]
async fn what_was_lost_among_others_is_read_or_refused() {
    let world = World::in_process().await;
    let link = |more: Value| {
        let mut body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (path, body, pointer) in [
        ("/v1/contacts/c-9", json!({ "name": "N", "locale": "Persian" }), "/locale"),
        ("/v1/settings", json!({ "business_name": "B", "default_locale": "farsi" }), "/default_locale"),
    ] {
        let refused = world.crm(Method::PUT, path, body).await;
        assert_eq!(refused.problems(), [(pointer.to_owned(), "invalid_locale".to_owned())]);
    }
    let blank = world.make_link(link(json!({ "description": "   " }))).await;
    assert_eq!(blank["description"], Value::Null);
    let fraction = world.crm(Method::POST, "/v1/payment-links", Value::Null).await;
    assert_eq!(fraction.status, StatusCode::BAD_REQUEST);
    let typed = r#"{"account_id":"main","contact_id":"c-1042","amount":50000.0,"expires_in_days":3.0,"metadata":{"k":null,"l":"m"}}"#;
    let headers = [KEY, ("content-type", "application/json")];
    let made = world.send(Method::POST, "/v1/payment-links", &headers, Some(typed.to_owned())).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!((&made.json()["amount"], &made.json()["metadata"]), (&json!(50_000), &json!({ "l": "m" })));
    let half = world.crm(Method::POST, "/v1/payment-links", link(json!({ "amount": 50_000.5 }))).await;
    assert_eq!(half.problems(), [("/amount".to_owned(), "wrong_type".to_owned())]);

    let item = json!({ "kind": "invoice", "title": "Z", "contact_id": "nobody" });
    let refused = world.crm(Method::PUT, "/v1/items/z", item.clone()).await;
    assert_eq!(refused.problems(), [("/contact_id".to_owned(), "unknown_contact".to_owned())]);
    let mut inline = item;
    inline["id"] = json!("z");
    let body = json!({ "account_id": "main", "amount": 50_000, "item": inline });
    let refused = world.crm(Method::POST, "/v1/payment-links", body).await;
    assert_eq!(refused.problems(), [("/item/contact_id".to_owned(), "unknown_contact".to_owned())]);
}

#[tokio::test]
async fn null_in_a_change_takes_away_what_is_there() {
    let world = World::in_process().await;
    let body = json!({
        "account_id": "main", "item_id": "inv-77", "amount": 50_000, "description": "Invoice 77", "metadata": { "k": "v" },
        "after_payment": { "receipt_field": "payment", "receipt_type_id": "online" },
    });
    let link = world.make_link(body).await;
    assert_eq!(link["after_payment"]["receipt_field"], "payment");
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let change = json!({
        "description": null, "metadata": null, "after_payment": { "receipt_field": null, "receipt_type_id": null },
    });
    let changed = world.crm(Method::PATCH, &path, change).await.json();
    assert_eq!(
        changed["after_payment"],
        json!({ "register_receipt": true, "receipt_type_id": null, "receipt_field": null, "send_receipt": false })
    );
    assert_eq!((&changed["description"], &changed["metadata"]), (&Value::Null, &json!({})));
    let untouched = world.crm(Method::PATCH, &path, json!({ "after_payment": {} })).await.json();
    assert_eq!(
        (&untouched["expires_at"], &untouched["after_payment"]),
        (&link["expires_at"], &changed["after_payment"])
    );
    for (body, pointer) in [
        (json!({ "expires_at": null }), "/expires_at"),
        (json!({ "expires_in_days": null, "description": "D" }), "/expires_in_days"),
        (json!({ "after_payment": null }), "/after_payment"),
        (json!({ "after_payment": { "register_receipt": null } }), "/after_payment/register_receipt"),
        (json!({ "after_payment": { "send_receipt": null } }), "/after_payment/send_receipt"),
    ] {
        let refused = world.crm(Method::PATCH, &path, body).await;
        assert_eq!(refused.problems(), [(pointer.to_owned(), "required".to_owned())], "a link has one always");
    }
    assert_eq!(world.link(&link).await["description"], Value::Null, "nothing of a refused change is done");
    // While a link is made nothing is there yet, and `null` leaves a field to its default.
    let body = json!({ "account_id": "main", "item_id": "inv-77", "after_payment": { "receipt_type_id": null } });
    let made = world.make_link(body).await;
    let usual = world.make_link(json!({ "account_id": "main", "item_id": "inv-77" })).await;
    assert_eq!(made["after_payment"], usual["after_payment"]);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_and_where_it_stands() {
    let world = World::in_process().await;
    let body = json!({
        "acount_id": "main", "amount": "5", "currency": "irr", "description": 7,
        "contact": { "id": "c-9", "locale": "Persian", "people": [{ "name": "N" }] },
        "item": { "id": "i-9", "kind": "", "contact_id": "c-9" },
        "metadata": { "the/key": 7, "fine": "x", "x".repeat(41): "y" },
        "message": { "mode": "Custom", "channels": ["sms", "Email"], "sms": { "body": "no link" } },
        "recipients": { "mobiles": ["0912abc4567"], "roles": ["a b"] },
    });
    let refused = world.crm(Method::POST, "/v1/payment-links", body).await;
    let found = refused.problems();
    let long = format!("/metadata/{}", "x".repeat(41));
    for (pointer, code) in [
        ("/acount_id", "unknown_field"),
        ("/account_id", "required"),
        ("/amount", "wrong_type"),
        ("/currency", "unknown_currency"),
        ("/description", "wrong_type"),
        ("/contact/locale", "invalid_locale"),
        ("/contact/name", "required"),
        ("/contact/people/0/role", "required"),
        ("/item/kind", "empty"),
        ("/item/title", "required"),
        ("/metadata/the~1key", "wrong_type"),
        ("/message/mode", "unknown_choice"),
        ("/message/channels/1", "unknown_channel"),
        ("/message/sms/body", "link_missing"),
        ("/recipients/mobiles/0", "invalid_mobile"),
        ("/recipients/roles/0", "invalid_id"),
    ] {
        assert!(found.contains(&(pointer.to_owned(), code.to_owned())), "{pointer} {code} is not in {found:?}");
    }
    let details = refused.json();
    let detail = |pointer: &str| {
        let errors = details["errors"].as_array().unwrap();
        let found = errors.iter().find(|error| error["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer}"));
        found["detail"].as_str().unwrap().to_owned()
    };
    assert!(detail("/acount_id").contains("Did you mean account_id? There are account_id, "), "{details}");
    assert_eq!(detail("/currency"), "Currency codes are upper case: IRR.");
    assert_eq!(detail("/message/mode"), "Case counts: write custom.");
    // A pair that is read is held against its bounds where the pairs beside it are read as well.
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "metadata": { "x".repeat(41): "y", "": "z" } });
    let refused = world.crm(Method::POST, "/v1/payment-links", body).await;
    let pairs = ["/metadata/".to_owned(), long].map(|pointer| (pointer, "metadata_too_large".to_owned()));
    assert_eq!(refused.problems(), pairs);

    let account = json!({ "currency": "EUR", "mode": "Live", "online_payment": {
        "enabled": true, "gateway": "zarinpal", "credentials": { "merchant": "x", "merchant_id": 7 } } });
    let refused = world.crm(Method::PUT, "/v1/accounts/new", account).await;
    let expected = [
        ("/name", "required"),
        ("/mode", "unknown_mode"),
        ("/online_payment/credentials/merchant_id", "wrong_type"),
        ("/online_payment/gateway", "currency_not_supported"),
    ];
    assert_eq!(refused.problems(), expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
    let settings = json!({ "business_name": "B", "channel_order": ["sms", "SMS", "sms"], "return_url_hosts": ["a.example", "https://x"] });
    let refused = world.crm(Method::PUT, "/v1/settings", settings).await;
    let expected = [
        ("/return_url_hosts/1", "invalid_host"),
        ("/channel_order/1", "unknown_channel"),
        ("/channel_order/2", "given_twice"),
    ];
    assert_eq!(refused.problems(), expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
    let business = json!({ "pay_url": "ftp://x", "shards": 0, "quotas": { "links_per_day": 0 } });
    let refused = world.platform(None, Method::PUT, "/v1/businesses/demo", business).await;
    let pointers: Vec<String> = refused.problems().into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/name", "/pay_url", "/shards", "/quotas/links_per_day"]);
}

#[tokio::test]
async fn where_nobody_can_be_reached_each_is_named_with_the_reason() {
    let world = World::in_process().await;
    let people = json!([{ "role": "manager", "email": "m@example.com" }]);
    world.put("/v1/contacts/c-9", json!({ "name": "N", "people": people })).await;
    let recipients = json!({ "contact": true, "roles": ["manager", "Manager"], "emails": ["a@example.com"] });
    let body = json!({
        "account_id": "main", "contact_id": "c-9", "amount": 50_000, "recipients": recipients, "message": { "channels": ["sms"] },
    });
    let expected = "None of these recipients can be reached: contact (no_address); manager (no_address); Manager \
                    (nobody_has_this_role); typed by hand by email (channel_not_used).";
    let refused = world.crm(Method::POST, "/v1/payment-links", body).await;
    assert_eq!(
        refused.json()["errors"],
        json!([{ "pointer": "/recipients", "code": "nobody_reachable", "detail": expected }])
    );
    let link = world.make_link(json!({ "account_id": "main", "contact_id": "c-9", "amount": 50_000 })).await;
    let again = format!("/v1/payment-links/{}/messages", link["id"].as_str().unwrap());
    let refused =
        world.crm(Method::POST, &again, json!({ "recipients": recipients, "message": { "channels": ["sms"] } })).await;
    assert_eq!(refused.json()["errors"][0]["detail"], expected);
    let refused = world.crm(Method::POST, &again, json!({})).await;
    assert_eq!(
        (refused.status, &refused.json()["errors"][0]["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("nobody_reachable"))
    );
}

#[tokio::test]
async fn every_address_of_any_version_that_is_none_is_answered_with_a_problem() {
    let world = World::in_process().await;
    for (method, path, code, hint) in [
        (Method::GET, "/v1", "not_found", "Addresses begin as /v1/payment-links does"),
        (Method::GET, "/v1/", "not_found", "Addresses begin as /v1/payment-links does"),
        (Method::GET, "/v1/contact", "not_found", "/v1/docs lists all"),
        (Method::GET, "/v1/contacts/", "not_found", "no slash at their end"),
        (Method::POST, "/v1/payment-links/", "not_found", "no slash at their end"),
        (Method::POST, "/v1/accounts/main/check/", "not_found", "no slash at their end"),
        (Method::GET, "/V1/contacts", "not_found", "lower case"),
        (Method::GET, "/v2", "unknown_version", "there is v1"),
        (Method::GET, "/v2/contacts", "unknown_version", "There is no version v2"),
        (Method::DELETE, "/v0/payment-links/x", "unknown_version", "there is v1"),
    ] {
        let reply = world.send(method.clone(), path, &[KEY], None).await;
        let problem = reply.json();
        assert_eq!((reply.status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some(code)), "{method} {path}");
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(hint), "{method} {path}: {problem}");
    }
    let page = world.send(Method::GET, "/version/1", &[], None).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8", "what is no version is a page's");
}

#[tokio::test]
async fn a_method_that_an_address_does_not_answer_is_told_the_right_call() {
    let world = World::in_process().await;
    for (method, path, allow, detail) in [
        (Method::POST, "/v1/contacts", "GET", "A record is written with PUT /v1/contacts/{id}"),
        (Method::POST, "/v1/contacts/c-1", "DELETE, GET, PATCH, PUT", "A record is written with PUT"),
        (Method::DELETE, "/v1/payment-links/x", "GET, PATCH", "cancelled with POST /v1/payment-links/{id}/cancel"),
        (Method::PUT, "/v1/payment-links/x", "GET, PATCH", "changed with PATCH"),
        (Method::PUT, "/v1/payment-links", "GET, POST", "A link is made with POST"),
        (Method::GET, "/v1/payment-links/draft", "POST", "This address answers POST."),
        (Method::GET, "/v1/payment-links/x/replace", "POST", "This address answers POST."),
        (Method::GET, "/v1/accounts/main/check", "POST", "This address answers POST."),
        (Method::POST, "/v1/receipts", "GET", "Receipts are registered by payments"),
        (Method::DELETE, "/v1/businesses/demo", "GET, PATCH, PUT", "POST /v1/businesses/{id}/suspend"),
    ] {
        let reply = world.send(method.clone(), path, &[KEY], None).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(reply.headers["allow"], allow, "{method} {path}");
        let problem = reply.json();
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{method} {path}: {problem}");
    }
}

/// Asserts of every instant in an answer that it has its milliseconds, and counts them.
fn count_instants(value: &Value, name: &str) -> usize {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| count_instants(value, name)).sum(),
        Value::Array(list) => list.iter().map(|value| count_instants(value, name)).sum(),
        Value::String(text) if name == "at" || name.ends_with("_at") || name.ends_with("_from") => {
            assert_eq!(text.as_bytes().get(19), Some(&b'.'), "{name}: {text}");
            let fraction = text[20..].bytes().take_while(u8::is_ascii_digit).count();
            assert_eq!(fraction, 3, "{name}: {text}");
            1
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[tokio::test]
async fn every_time_has_its_milliseconds_also_where_they_are_zero() {
    let world = World::in_process_since("2026-11-29T06:28:04Z".parse().unwrap()).await;
    let mut account = world.get("/v1/accounts/main").await;
    account["name"] = json!("Renamed");
    world.put("/v1/accounts/main", account).await;
    let link = world.rial_link().await;
    assert!(link["expires_at"].as_str().unwrap().contains(".000+03:30"), "{link}");
    world.pay(&link, "paid").await;
    let event = world.wait_for_event(&link, "payment_link.paid").await;
    assert!(count_instants(&event, "") > 5, "{event}");
    let logged = world.get(&format!("/v1/events/{}", event["id"].as_str().unwrap())).await;
    assert!(count_instants(&logged, "") > 5, "{logged}");
    for (path, least) in [
        ("/v1/payment-links?contact_id=c-1042", 5),
        ("/v1/receipts?contact_id=c-1042", 2),
        ("/v1/audit-log", 1),
        ("/v1/webhook-endpoints", 1),
    ] {
        let listed = world.get(path).await;
        assert!(count_instants(&listed, "") >= least, "{path}: {listed}");
    }
    let business = world.platform(None, Method::GET, "/v1/businesses/demo", Value::Null).await.json();
    assert!(count_instants(&business, "") >= 1, "{business}");
    let exported = world.platform(None, Method::GET, "/v1/businesses/demo/export?limit=100", Value::Null).await.json();
    assert!(count_instants(&exported, "") > 5, "{exported}");
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let world = World::in_process().await;
    for (method, path, headers, status) in [
        (Method::GET, "/v1/contacts", vec![KEY], 200),
        (Method::GET, "/v1/contacts", vec![], 401),
        (Method::POST, "/v1/contacts", vec![KEY], 405),
        (Method::PUT, "/v1/contacts/x", vec![KEY], 415),
        (Method::POST, "/v1/payment-links", vec![KEY], 415),
        (Method::POST, "/v1/payment-links/draft", vec![], 401),
        (Method::POST, "/v1/accounts/nothing/check", vec![KEY], 404),
        (Method::POST, "/gateways/stripe/notify/demo/euro", vec![], 400),
        (Method::GET, "/v1/nothing", vec![], 404),
        (Method::GET, "/v2", vec![], 404),
        (Method::GET, "/p/nothing", vec![], 404),
        (Method::GET, "/v1/openapi.json", vec![], 200),
    ] {
        let (one, other) = (
            world.send(method.clone(), path, &headers, None).await,
            world.send(method.clone(), path, &headers, None).await,
        );
        assert_eq!(one.status.as_u16(), status, "{method} {path}: {}", one.text);
        let id = |reply: &Reply| reply.headers["request-id"].to_str().unwrap().to_owned();
        assert!(id(&one).len() >= 8 && id(&one) != id(&other), "{method} {path}");
    }
    // Where API Gateway gave one, it is that one; and in Lambda the one that is on every line of the log.
    let functions = world.functions.as_ref().unwrap();
    let event = api_gateway_event("GET", "/v1/contacts", &[], None, false);
    assert_eq!(functions.http(&event).await.headers()["request-id"], "JKJaXmPLvHcESHA=");
    let answer = functions.in_lambda(&event, "8f2e6f4c-1d4f-4f0e-9d4b-0e6c6f6f6f6f").await;
    assert_eq!(answer["headers"]["request-id"], "8f2e6f4c-1d4f-4f0e-9d4b-0e6c6f6f6f6f");
}

#[tokio::test]
async fn an_answer_tells_what_its_call_was_counted_against() {
    let world = World::in_process().await;
    let quotas = json!({ "name": "Demo", "quotas": { "calls_per_second": 3 } });
    assert_eq!(world.platform(None, Method::PUT, "/v1/businesses/demo", quotas).await.status, StatusCode::OK);
    super::settings_are_read_again().await;
    let field = |reply: &Reply, name: &str| reply.headers.get(name).map(|field| field.to_str().unwrap().to_owned());
    let first = world.crm(Method::GET, "/v1/gateways", Value::Null).await;
    let policy = field(&first, "ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"integration\";q=") && policy.ends_with(", \"business\";q=6;w=2"), "{policy}");
    let rate = field(&first, "ratelimit").unwrap();
    assert!(rate.ends_with(", \"business\";r=5;t=1"), "{rate}");
    let mut refused = None;
    for _ in 0..20 {
        let reply = world.crm(Method::GET, "/v1/gateways", Value::Null).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("twenty calls at once are too many");
    assert!(field(&refused, "ratelimit").unwrap().ends_with(", \"business\";r=0;t=1"), "{:?}", refused.headers);
    assert_eq!(refused.headers["retry-after"], "1");
    let unknown = world.crm_as("plk_demo_nobody", Method::GET, "/v1/gateways", Value::Null, &[]).await;
    assert_eq!((unknown.status, field(&unknown, "ratelimit")), (StatusCode::UNAUTHORIZED, None), "nobody is counted");
}

#[tokio::test]
async fn the_document_alone_may_be_read_by_pages_of_others() {
    let world = World::in_process().await;
    for (path, allowed) in
        [("/v1/openapi.json", true), ("/v1/docs", false), ("/v1/gateways", false), ("/v1/nothing", false)]
    {
        let reply = world.send(Method::GET, path, &[KEY, ("origin", "https://docs.example")], None).await;
        let header = reply.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(header, allowed.then_some("*"), "{path}");
        assert!(!reply.headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn a_long_answer_is_compressed_for_those_who_read_that() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    let asks =
        |path: &str, coding: &str| api_gateway_event("GET", path, &[KEY, ("accept-encoding", coding)], None, false);
    let plain = functions.in_lambda(&asks("/v1/openapi.json", "identity"), "1").await;
    assert_eq!((&plain["isBase64Encoded"], &plain["headers"]["content-encoding"]), (&json!(false), &Value::Null));
    assert_eq!(plain["headers"]["vary"], "accept-encoding", "what is kept for one reader is none for another");
    let smaller = functions.in_lambda(&asks("/v1/openapi.json", "br, gzip"), "2").await;
    assert_eq!((&smaller["isBase64Encoded"], &smaller["headers"]["content-encoding"]), (&json!(true), &json!("gzip")));
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(smaller["body"].as_str().unwrap()).unwrap();
    let mut read = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut read).unwrap();
    assert_eq!(plain["body"], read);
    assert!(bytes.len() * 3 < read.len(), "{} of {}", bytes.len(), read.len());
    for (path, coding) in [("/v1/contacts/c-1042", "gzip"), ("/v1/openapi.json", "gzip;q=0"), ("/p/nothing", "gzip")] {
        let answer = functions.in_lambda(&asks(path, coding), "3").await;
        assert_eq!(answer["headers"]["content-encoding"], Value::Null, "{path} {coding}");
    }
}

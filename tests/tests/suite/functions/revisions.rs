//! Records that several people change at once, in part and as they read them: tags, conditions, merging.

use futures_util::future::join_all;
use paylink_local::seed::{API_KEY, BAZAAR_KEY, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Reply, World};

const JOHN: &str = "/v1/contacts/john";

/// A record of one kind: where it lies, what it is made of, two changes of different parts of it, and what it may lack.
struct Record {
    key: &'static str,
    path: &'static str,
    whole: Value,
    change: Value,
    other: Value,
    /// What it may lack, where there is anything.
    optional: Option<&'static str>,
}

impl Record {
    fn of_a_business(
        path: &'static str,
        whole: Value,
        [change, other]: [Value; 2],
        optional: Option<&'static str>,
    ) -> Self {
        Self { key: API_KEY, path, whole, change, other, optional }
    }

    fn of_the_platform(
        path: &'static str,
        whole: Value,
        [change, other]: [Value; 2],
        optional: Option<&'static str>,
    ) -> Self {
        Self { key: PLATFORM_KEY, path, whole, change, other, optional }
    }

    async fn call(&self, world: &World, method: Method, body: Value, headers: &[(&str, &str)]) -> Reply {
        world.crm_as(self.key, method, self.path, body, headers).await
    }

    async fn made(&self, world: &World) -> Reply {
        let reply = self.call(world, Method::PUT, self.whole.clone(), &[]).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply
    }
}

fn tag(reply: &Reply) -> String {
    let tag = reply.headers.get("etag").unwrap_or_else(|| panic!("an answer without a tag: {}", reply.text));
    let tag = tag.to_str().unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag} is strong");
    tag.to_owned()
}

/// What a call was answered, which went well.
fn data(reply: &Reply) -> Value {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

fn code(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn failed() -> (u16, String) {
    (412, "precondition_failed".to_owned())
}

/// Who has a record as it is gets nothing more, and who has it otherwise changes nothing.
async fn is_shown_and_changed_by_its_tag(record: Record) {
    let world = World::in_process().await;
    let made = record.made(&world).await;
    let read = record.call(&world, Method::GET, Value::Null, &[]).await;
    let first = tag(&read);
    assert_eq!(tag(&made), first, "what was written is what is read");
    let again = record.call(&world, Method::GET, Value::Null, &[("if-none-match", &first)]).await;
    assert_eq!((again.status, again.text.as_str(), tag(&again)), (StatusCode::NOT_MODIFIED, "", first.clone()));

    let changed = record.call(&world, Method::PATCH, record.change.clone(), &[("if-match", &first)]).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let second = tag(&changed);
    assert_ne!(first, second);
    let read_again = record.call(&world, Method::GET, Value::Null, &[("if-none-match", &first)]).await;
    assert_eq!((read_again.status, tag(&read_again)), (StatusCode::OK, second.clone()));
    let mut expected = read.json();
    for (name, value) in record.change.as_object().unwrap() {
        expected[name] = value.clone();
    }
    assert_eq!(data(&read_again), expected, "a change leaves everything else as it was");

    for (method, body) in [(Method::PUT, record.whole.clone()), (Method::PATCH, record.change.clone())] {
        let late = record.call(&world, method.clone(), body, &[("if-match", &first)]).await;
        assert_eq!(code(&late), failed(), "{method}");
    }
    let new = record.call(&world, Method::PUT, record.whole.clone(), &[("if-none-match", "*")]).await;
    assert_eq!(code(&new), failed(), "there is one already");
    let unchanged = record.call(&world, Method::GET, Value::Null, &[("if-none-match", &second)]).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED, "nothing of that changed it");
    let back = record.call(&world, Method::PUT, read.json(), &[("if-match", &format!("{first}, {second}"))]).await;
    assert_eq!((back.status, data(&back)), (StatusCode::OK, read.json()), "what was read can be given back");
}

/// What is none is taken away where it may lack, and refused where it may not.
async fn loses_what_is_null(record: Record) {
    let world = World::in_process().await;
    record.made(&world).await;
    let read = record.call(&world, Method::GET, Value::Null, &[]).await;
    let required = if record.whole.get("name").is_some() { "name" } else { record.change_name() };
    if let Some(optional) = record.optional {
        assert!(!read.json()[optional].is_null(), "{optional} is there");
        let without = record.call(&world, Method::PATCH, json!({ optional: null }), &[]).await;
        assert_eq!(without.status, StatusCode::OK, "{}", without.text);
        let without = data(&without);
        assert!(without.get(optional).is_none_or(|now| *now != read.json()[optional]), "{optional} is as it was");
        let mut expected = read.json();
        expected[optional] = without.get(optional).cloned().unwrap_or_default();
        let mut without = without;
        without[optional] = expected[optional].clone();
        assert_eq!(without, expected, "nothing else changed");
    }
    if record.whole.get("name").is_some() {
        let refused = record.call(&world, Method::PATCH, json!({ required: null }), &[]).await;
        assert_eq!(refused.problems(), [(format!("/{required}"), "required".to_owned())], "{}", refused.text);
    }
    let unknown = record.call(&world, Method::PATCH, json!({ "surprise": 1 }), &[]).await;
    assert_eq!(unknown.problems(), [("/surprise".to_owned(), "unknown_field".to_owned())]);
}

impl Record {
    fn change_name(&self) -> &str {
        self.change.as_object().unwrap().keys().next().unwrap()
    }
}

/// What is laid over what there is, by RFC 7396 and where nothing is none.
fn laid_over(whole: &mut Value, change: &Value) {
    match (whole, change) {
        (Value::Object(whole), Value::Object(change)) => {
            for (name, value) in change {
                laid_over(whole.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (whole, change) => *whole = change.clone(),
    }
}

/// Of two who read the same and change different parts without saying what they read, both are heard.
async fn keeps_two_changes_at_once(record: Record) {
    let world = World::in_process().await;
    record.made(&world).await;
    let mut expected = record.call(&world, Method::GET, Value::Null, &[]).await.json();
    for change in [&record.change, &record.other] {
        let before = expected.clone();
        laid_over(&mut expected, change);
        assert_ne!(before, expected, "{change} changes something");
    }
    // Each is said many times at once, so that they meet.
    let writes = (0..4).flat_map(|_| [&record.change, &record.other]);
    let writes = writes.map(|change| record.call(&world, Method::PATCH, change.clone(), &[]));
    for reply in join_all(writes).await {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }
    assert_eq!(record.call(&world, Method::GET, Value::Null, &[]).await.json(), expected);
}

/// A template that a provider approved, with one placeholder.
fn approved(parameter: &str) -> Value {
    json!({ "kind": "link_created", "name": "pay", "locale": "en", "parameters": [parameter], "header": null, "button": null })
}

macro_rules! records {
    ($($kind:ident => $record:expr;)*) => { $(
        mod $kind {
            use super::*;

            #[tokio::test]
            async fn is_shown_and_changed_by_its_tag() {
                super::is_shown_and_changed_by_its_tag($record).await;
            }

            #[tokio::test]
            async fn loses_what_is_null() {
                super::loses_what_is_null($record).await;
            }

            #[tokio::test]
            async fn keeps_two_changes_at_once() {
                super::keeps_two_changes_at_once($record).await;
            }
        }
    )* };
}

records! {
    contact => Record::of_a_business(
        JOHN,
        json!({
            "name": "John", "email": "john@example.com", "mobile": "09120000077",
            "balance": { "amount": 900, "currency": "IRR" },
        }),
        [json!({ "mobile": "+989120000078" }), json!({ "name": "Johanna" })],
        Some("email"),
    );
    item => Record::of_a_business(
        "/v1/items/inv-9",
        json!({
            "kind": "invoice", "title": "Invoice 9", "contact_id": "c-1042", "amount": 5000, "currency": "IRR",
            "amount_due": 4000, "as_of": "2026-01-01T00:00:00Z", "due_at": "2026-12-01",
            "url": "https://crm.example/9",
        }),
        [json!({ "title": "Invoice 9b" }), json!({ "url": "https://crm.example/9b" })],
        Some("url"),
    );
    receipt_type => Record::of_a_business(
        "/v1/receipt-types/deposit",
        json!({ "name": "Deposit", "parent_id": "income" }),
        [json!({ "name": "Deposits" }), json!({ "parent_id": null })],
        Some("parent_id"),
    );
    account => Record::of_a_business(
        "/v1/accounts/second",
        json!({
            "name": "Second", "currency": "EUR", "mode": "sandbox",
            "online_payment": {
                "enabled": true, "gateway": "mollie", "late_payment": "accept",
                "credentials": { "api_key": "test_0123456789012345678901234567890" },
            },
        }),
        [json!({ "name": "Second one" }), json!({ "online_payment": { "summary_page": true } })],
        None,
    );
    settings => Record::of_a_business(
        "/v1/settings",
        json!({ "business_name": "Shop", "support_phone": "+98 21 1111", "time_zone": "Asia/Tehran" }),
        [json!({ "business_name": "The Shop" }), json!({ "time_zone": "UTC", "support_url": "https://shop.example/" })],
        Some("support_phone"),
    );
    message_template => Record::of_a_business(
        "/v1/message-templates/link_created/email/en",
        json!({ "subject": "Please pay", "body": "Pay here: {{ link }}" }),
        [json!({ "body": "Please pay here: {{ link }}" }), json!({ "subject": "Your payment" })],
        None,
    );
    message_provider => Record::of_a_business(
        "/v1/message-providers/second",
        json!({ "kind": "kavenegar", "line": "30001234", "credentials": { "api_key": "0123456789abcdef" } }),
        [json!({ "line": "30005678" }), json!({ "templates": [approved("{{ link }}")] })],
        None,
    );
    provider_of_whatsapp => Record::of_a_business(
        "/v1/message-providers/second",
        json!({ "kind": "whatsapp", "phone_number_id": "phone-number-id-1", "templates": [approved("{{ link }}")] }),
        [
            json!({ "phone_number_id": "phone-number-id-2" }),
            json!({ "templates": [approved("{{ contact.name }} {{ link }}")] }),
        ],
        None,
    );
    webhook_endpoint => Record::of_a_business(
        "/v1/webhook-endpoints/second",
        json!({ "url": "https://crm.example/second", "events": ["payment_link.paid"] }),
        [json!({ "url": "https://crm.example/third" }), json!({ "events": ["payment_link.expired"] })],
        None,
    );
    business => Record::of_the_platform(
        "/v1/businesses/corner",
        json!({ "name": "Corner", "pay_url": "https://pay.corner.example", "quotas": { "links_per_day": 5 } }),
        [json!({ "name": "The Corner" }), json!({ "quotas": { "links_per_day": 9 } })],
        Some("pay_url"),
    );
    platform_defaults => Record::of_the_platform(
        "/v1/platform-defaults",
        json!({ "time_zone": "Asia/Tehran", "default_region": "IR" }),
        [json!({ "default_locale": "fa" }), json!({ "default_region": "DE", "default_expires_in_days": 9 })],
        Some("time_zone"),
    );
}

#[tokio::test]
async fn of_two_who_change_what_they_read_one_is_told_and_nothing_is_lost() {
    let world = World::in_process().await;
    world.put(JOHN, json!({ "name": "John", "email": "john@example.com" })).await;
    let read = tag(&world.crm(Method::GET, JOHN, Value::Null).await);
    let bodies: Vec<Value> = (0..10).map(|n| json!({ "name": format!("John {n}") })).collect();
    let header = [("if-match", read.as_str())];
    let writes = bodies.iter().map(|body| world.crm_with(Method::PATCH, JOHN, body.clone(), &header));
    let replies = join_all(writes).await;
    let (won, lost): (Vec<&Reply>, Vec<&Reply>) = replies.iter().partition(|reply| reply.status == StatusCode::OK);
    assert_eq!((won.len(), lost.len()), (1, 9));
    lost.iter().for_each(|reply| assert_eq!(code(reply), failed()));
    let now = world.crm(Method::GET, JOHN, Value::Null).await;
    assert_eq!((now.json(), tag(&now)), (won[0].json(), tag(won[0])));
    assert_eq!(now.json()["email"], "john@example.com");
}

#[tokio::test]
async fn changes_of_different_fields_at_once_are_all_there_afterwards() {
    let world = World::in_process().await;
    world.put(JOHN, json!({ "name": "John" })).await;
    let parts = [
        json!({ "email": "john@example.com" }),
        json!({ "mobile": "+989120000078" }),
        json!({ "locale": "en" }),
        json!({ "profile_url": "https://crm.example/john" }),
        json!({ "balance": { "amount": 5, "currency": "IRR" } }),
    ];
    for reply in join_all(parts.iter().map(|part| world.crm(Method::PATCH, JOHN, part.clone()))).await {
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }
    let now = world.get(JOHN).await;
    for part in parts {
        let (name, value) = part.as_object().unwrap().iter().next().unwrap();
        assert_eq!(&now[name], value);
    }
}

#[tokio::test]
async fn of_two_who_make_a_record_only_where_there_is_none_one_does() {
    let world = World::in_process().await;
    let header = [("if-none-match", "*")];
    let writes = (0..6).map(|n| world.crm_with(Method::PUT, JOHN, json!({ "name": format!("John {n}") }), &header));
    let replies = join_all(writes).await;
    let made: Vec<&Reply> = replies.iter().filter(|reply| reply.status == StatusCode::OK).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(world.get(JOHN).await, made[0].json());
}

#[tokio::test]
async fn a_record_is_deleted_only_as_it_was_read() {
    let world = World::in_process().await;
    world.put(JOHN, json!({ "name": "John" })).await;
    let read = tag(&world.crm(Method::GET, JOHN, Value::Null).await);
    world.put(JOHN, json!({ "name": "Johanna" })).await;
    let late = world.crm_with(Method::DELETE, JOHN, Value::Null, &[("if-match", &read)]).await;
    assert_eq!(code(&late), failed());
    let now = tag(&world.crm(Method::GET, JOHN, Value::Null).await);
    let gone = world.crm_with(Method::DELETE, JOHN, Value::Null, &[("if-match", &now)]).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    for method in [Method::DELETE, Method::PATCH] {
        let missing = world.crm_with(method, JOHN, json!({}), &[("if-match", "*")]).await;
        assert_eq!(code(&missing), (404, "not_found".to_owned()));
    }
    let made = world.crm_with(Method::PUT, JOHN, json!({ "name": "J" }), &[("if-match", "*")]).await;
    assert_eq!(code(&made), failed(), "there is none that it could replace");
}

#[tokio::test]
async fn a_weak_tag_changes_nothing_and_what_is_no_tag_is_refused() {
    let world = World::in_process().await;
    world.put(JOHN, json!({ "name": "John" })).await;
    let read = tag(&world.crm(Method::GET, JOHN, Value::Null).await);
    let weak = format!("W/{read}");
    let refused = world.crm_with(Method::PATCH, JOHN, json!({ "locale": "en" }), &[("if-match", &weak)]).await;
    assert_eq!(code(&refused), failed());
    let known = world.crm_with(Method::GET, JOHN, Value::Null, &[("if-none-match", &weak)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED, "for reading, proxies may have weakened it");
    for (header, name) in [("if-match", "If-Match"), ("if-none-match", "If-None-Match")] {
        let bare = read.trim_matches('"');
        let refused = world.crm_with(Method::PATCH, JOHN, json!({ "locale": "en" }), &[(header, bare)]).await;
        assert_eq!(code(&refused), (400, "invalid_entity_tag".to_owned()));
        assert!(refused.json()["detail"].as_str().unwrap().starts_with(name), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_change_may_be_sent_as_what_it_is() {
    let world = World::in_process().await;
    world.put(JOHN, json!({ "name": "John" })).await;
    let authorization = format!("Bearer {API_KEY}");
    let send = async |method: Method, kind: &str| {
        let headers = [("authorization", authorization.as_str()), ("content-type", kind)];
        world.send(method, JOHN, &headers, Some(r#"{"name":"J"}"#.to_owned())).await
    };
    let merged = send(Method::PATCH, "application/merge-patch+json").await;
    assert_eq!((merged.status, &merged.json()["name"]), (StatusCode::OK, &json!("J")));
    for (method, kind) in
        [(Method::PUT, "application/merge-patch+json"), (Method::PATCH, "application/json-patch+json")]
    {
        assert_eq!(code(&send(method, kind).await), (415, "unsupported_media_type".to_owned()), "{kind}");
    }
}

#[tokio::test]
async fn money_changes_only_where_it_is_named() {
    let world = World::in_process().await;
    let whole = json!({ "name": "John", "balance": { "amount": 900, "currency": "IRR" } });
    world.put(JOHN, whole).await;
    let change = async |body: Value| world.crm(Method::PATCH, JOHN, body).await;
    assert_eq!(change(json!({ "name": "J" })).await.json()["balance"], json!({ "amount": 900, "currency": "IRR" }));
    let less = change(json!({ "balance": { "amount": 100 } })).await;
    assert_eq!(less.json()["balance"], json!({ "amount": 100, "currency": "IRR" }), "an amount keeps its currency");
    let other = change(json!({ "balance": { "currency": "EUR" } })).await;
    assert_eq!(other.problems(), [("/balance/amount".to_owned(), "required".to_owned())]);
    assert_eq!(change(json!({ "balance": null })).await.json()["balance"], Value::Null);
    let first = change(json!({ "balance": { "amount": 100 } })).await;
    assert_eq!(first.problems(), [("/balance/currency".to_owned(), "required".to_owned())]);
}

#[tokio::test]
async fn what_a_link_brings_along_and_a_change_are_laid_over_a_record_alike() {
    let world = World::in_process().await;
    let whole = json!({
        "name": "John", "email": "john@example.com", "balance": { "amount": 900, "currency": "IRR" },
        "people": [{ "role": "manager", "email": "m@example.com" }],
    });
    for part in [
        json!({ "name": "J" }),
        json!({ "balance": { "amount": 5 } }),
        json!({ "people": [] }),
        json!({ "mobile": "09120000078", "email": "j@example.com" }),
    ] {
        world.put(JOHN, whole.clone()).await;
        let changed = data(&world.crm(Method::PATCH, JOHN, part.clone()).await);
        world.put(JOHN, whole.clone()).await;
        let mut inline = part.clone();
        inline["id"] = json!("john");
        world.make_link(json!({ "account_id": "main", "contact": inline, "amount": 50_000 })).await;
        assert_eq!(world.get(JOHN).await, changed, "{part}");
    }
    // But a link takes nothing away, because many clients write null for what they do not say.
    world.put(JOHN, whole.clone()).await;
    let none = json!({ "id": "john", "email": null, "balance": null });
    world.make_link(json!({ "account_id": "main", "contact": none, "amount": 50_000 })).await;
    assert_eq!(world.get(JOHN).await["email"], "john@example.com");
}

#[tokio::test]
async fn secrets_stay_where_a_change_does_not_name_them_and_a_swapped_merchant_is_logged() {
    let world = World::in_process().await;
    let path = "/v1/accounts/second";
    let credentials = json!({ "api_key": "test_0123456789012345678901234567890" });
    let online = json!({ "enabled": true, "gateway": "mollie", "credentials": credentials });
    world.put(path, json!({ "name": "Second", "currency": "EUR", "mode": "sandbox", "online_payment": online })).await;
    let change = async |body: Value| {
        let reply = world.crm(Method::PATCH, path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply.json()
    };
    let asked = change(json!({ "online_payment": { "summary_page": true } })).await;
    assert_eq!(asked["online_payment"]["credentials_set"], true);
    assert_eq!(asked["online_payment"]["gateway"], "mollie", "objects are merged");
    let entries = async || world.get("/v1/audit-log").await["data"].as_array().unwrap().clone();
    let before = entries().await.len();
    change(json!({ "online_payment": { "summary_page": true } })).await;
    assert_eq!(entries().await.len(), before, "nothing changed, and nothing is logged");
    let swapped = json!({ "api_key": "test_9999999999999999999999999999999" });
    change(json!({ "online_payment": { "credentials": swapped } })).await;
    let newest = entries().await[0].clone();
    assert_eq!(newest["subject"], json!({ "kind": "account", "id": "second" }), "{newest}");
    assert!(newest.to_string().contains("9999") && !newest.to_string().contains("99999999"), "{newest}");
}

#[tokio::test]
async fn a_secret_never_goes_to_another_address_than_it_was_written_for() {
    let world = World::in_process().await;
    let path = "/v1/message-providers/second";
    let credentials = json!({ "api_key": "0123456789abcdef" });
    world.put(path, json!({ "kind": "kavenegar", "credentials": credentials })).await;
    let moved = json!({ "base_url": "https://sms.example" });
    assert_eq!(data(&world.crm(Method::PATCH, path, moved.clone()).await)["credentials_set"], false);
    let with_secret = json!({ "base_url": "https://sms.example", "credentials": credentials });
    assert_eq!(data(&world.crm(Method::PATCH, path, with_secret).await)["credentials_set"], true);
    assert_eq!(data(&world.crm(Method::PATCH, path, moved).await)["credentials_set"], true, "it has not moved since");
}

#[tokio::test]
async fn a_picture_stays_where_a_change_does_not_name_it() {
    let world = World::in_process().await;
    let logo = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    world.put("/v1/settings", json!({ "business_name": "Shop", "logo": logo })).await;
    let renamed = world.crm(Method::PATCH, "/v1/settings", json!({ "business_name": "The Shop" })).await;
    assert_eq!((&renamed.json()["business_name"], &renamed.json()["logo"]), (&json!("The Shop"), &json!(logo)));
    let without = world.crm(Method::PATCH, "/v1/settings", json!({ "logo": null })).await;
    assert_eq!((without.status, without.json().get("logo")), (StatusCode::OK, None), "{}", without.text);
}

#[tokio::test]
async fn a_built_in_text_and_a_record_that_nobody_made_are_not_changed_in_part() {
    let world = World::in_process().await;
    let path = "/v1/message-templates/link_created/email/en";
    let read = world.crm(Method::GET, path, Value::Null).await;
    assert_eq!((read.status, read.headers.get("etag")), (StatusCode::OK, None), "nobody wrote it");
    for path in [path, "/v1/contacts/nobody", "/v1/items/nothing", "/v1/accounts/none", "/v1/webhook-endpoints/none"] {
        let missing = world.crm(Method::PATCH, path, json!({})).await;
        assert_eq!(code(&missing), (404, "not_found".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn one_business_changes_nothing_of_another() {
    let world = World::in_process().await;
    world.put(JOHN, json!({ "name": "John" })).await;
    let read = tag(&world.crm(Method::GET, JOHN, Value::Null).await);
    let ask = async |method: Method, body: Value, headers: &[(&str, &str)]| {
        world.crm_as(BAZAAR_KEY, method, JOHN, body, headers).await
    };
    assert_eq!(ask(Method::PATCH, json!({ "name": "J" }), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(Method::GET, Value::Null, &[("if-none-match", &read)]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(code(&ask(Method::PUT, json!({ "name": "J" }), &[("if-match", &read)]).await), failed());
    let made = ask(Method::PUT, json!({ "name": "J" }), &[("if-none-match", "*")]).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert_ne!(tag(&made), read);
    assert_eq!(world.get(JOHN).await["name"], "John");
}

#[tokio::test]
async fn a_link_is_changed_only_as_it_was_read_whatever_became_of_its_messages() {
    let world = World::in_process().await;
    let body = json!({
        "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "recipients": { "contact": true },
    });
    let made = world.crm(Method::POST, "/v1/payment-links", body).await;
    let first = tag(&made);
    let path = format!("/v1/payment-links/{}", made.json()["id"].as_str().unwrap());
    let settled = async || {
        for _ in 0..600 {
            let read = world.crm(Method::GET, &path, Value::Null).await;
            let messages = read.json()["messages"].as_array().unwrap().clone();
            if messages.iter().all(|message| message["status"] == "sent") {
                return read;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the messages of the link are never sent");
    };
    let read = settled().await;
    let known = world.crm_with(Method::GET, &path, Value::Null, &[("if-none-match", &first)]).await;
    assert_eq!(known.status, StatusCode::OK, "its messages were sent since");
    let now = tag(&read);
    assert_ne!(now, first);
    let same = world.crm_with(Method::GET, &path, Value::Null, &[("if-none-match", &now)]).await;
    assert_eq!((same.status, same.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let change = json!({ "description": "For May" });
    let changed = world.crm_with(Method::PATCH, &path, change.clone(), &[("if-match", &now)]).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let late = world.crm_with(Method::PATCH, &path, json!({ "description": "No" }), &[("if-match", &now)]).await;
    assert_eq!(code(&late), failed());
    let read = world.crm(Method::GET, &path, Value::Null).await;
    assert_eq!((&read.json()["description"], tag(&read)), (&json!("For May"), tag(&changed)));
    // Time passes it by, and nobody has written that down.
    world.turn_clock(std::time::Duration::from_secs(10 * 24 * 3600));
    let over = world.crm_with(Method::GET, &path, Value::Null, &[("if-none-match", &tag(&changed))]).await;
    assert_eq!((over.status, &over.json()["status"]), (StatusCode::OK, &json!("expired")));
}

#[tokio::test]
async fn metadata_of_a_link_is_merged_as_every_object_is() {
    let world = World::in_process().await;
    let pairs = json!({ "deal": "D-12", "stage": "won" });
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "metadata": pairs });
    let made = world.make_link(body).await;
    let path = format!("/v1/payment-links/{}", made["id"].as_str().unwrap());
    let change = async |metadata: Value| world.crm(Method::PATCH, &path, json!({ "metadata": metadata })).await;
    let changed = change(json!({ "stage": null, "owner": "Sara" })).await;
    assert_eq!(data(&changed)["metadata"], json!({ "deal": "D-12", "owner": "Sara" }));
    let many: serde_json::Map<String, Value> = (0..19).map(|n| (format!("key-{n}"), json!("x"))).collect();
    let refused = change(Value::Object(many)).await;
    assert_eq!(refused.problems(), [("/metadata".to_owned(), "metadata_too_large".to_owned())], "21 with those there");
    assert_eq!(data(&change(Value::Null).await)["metadata"], json!({}));
}

#[tokio::test]
async fn a_link_takes_from_its_item_what_is_due_and_when() {
    let world = World::in_process().await;
    let item = "/v1/items/inv-9";
    let whole = json!({
        "kind": "invoice", "title": "Invoice 9", "contact_id": "c-1042", "amount": 150_000, "currency": "IRR",
        "amount_due": 40_000, "due_at": "2026-12-01",
    });
    let made = world.put(item, whole).await;
    assert_eq!((&made["amount_due"], &made["currency"]), (&json!(40_000), &json!("IRR")));
    let as_of = made["as_of"].as_str().unwrap().to_owned();
    assert!(made["due_at"].as_str().unwrap().starts_with("2026-12-02T00:00:00"), "the midnight after it: {made}");
    let asked = json!({ "account_id": "main", "item_id": "inv-9" });
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", asked.clone()).await.json();
    assert_eq!((&draft["request"]["amount"], &draft["sources"]["amount"]), (&json!(40_000), &json!("amount_due")));
    assert_eq!((&draft["due_at"], &draft["sources"]["due_at"]), (&made["due_at"], &json!("item")));
    assert_eq!(draft["request"]["due_at"], made["due_at"]);
    let link = world.make_link(asked.clone()).await;
    assert_eq!((&link["amount"], &link["amount_source"]), (&json!(40_000), &json!("amount_due")));
    assert_eq!(link["due_at"], made["due_at"]);
    // What is named in a link is the link's own.
    let own = json!({ "account_id": "main", "item_id": "inv-9", "amount": 20_000, "due_at": "2026-11-30" });
    let link = world.make_link(own).await;
    assert_eq!((&link["amount"], &link["amount_source"]), (&json!(20_000), &json!("request")));
    assert!(link["due_at"].as_str().unwrap().starts_with("2026-12-01T00:00:00"));

    let paid = data(&world.crm(Method::PATCH, item, json!({ "amount_due": 0 })).await);
    assert_eq!((&paid["amount"], &paid["due_at"]), (&json!(150_000), &made["due_at"]));
    assert!(paid["as_of"].as_str().unwrap() >= as_of.as_str(), "it is so now");
    let refused = world.crm(Method::POST, "/v1/payment-links", asked).await;
    assert_eq!(refused.problems(), [("/amount".to_owned(), "nothing_due".to_owned())], "{}", refused.text);
    let all_the_same = json!({ "account_id": "main", "item_id": "inv-9", "amount": 20_000 });
    assert_eq!(world.make_link(all_the_same).await["amount"], 20_000);
    let more = world.crm(Method::PATCH, item, json!({ "amount_due": 150_001 })).await;
    assert_eq!(more.problems(), [("/amount_due".to_owned(), "out_of_range".to_owned())]);
    let tomorrow = world.crm(Method::PATCH, item, json!({ "as_of": "2100-01-01T00:00:00Z" })).await;
    assert_eq!(tomorrow.problems(), [("/as_of".to_owned(), "out_of_range".to_owned())]);
}

/// The rest of what the platform sets for its businesses.
async fn platform_defaults_are(world: &World, defaults: Value) {
    let written = world.crm_as(PLATFORM_KEY, Method::PUT, "/v1/platform-defaults", defaults, &[]).await;
    assert_eq!(written.status, StatusCode::OK, "{}", written.text);
}

#[tokio::test]
async fn settings_that_nobody_names_stay_also_where_the_platform_has_others_by_now() {
    let world = World::in_process().await;
    world.put("/v1/settings", json!({ "business_name": "Shop", "default_locale": "en" })).await;
    let read = world.get("/v1/settings").await;
    assert_eq!((&read["calendar"], &read["first_day_of_week"]), (&json!("gregorian"), &json!("monday")), "{read}");
    platform_defaults_are(&world, json!({ "calendar": "persian", "first_day_of_week": "friday" })).await;

    let mut expected = read.clone();
    expected["support_phone"] = json!("+98 21 1111");
    let changed = data(&world.crm(Method::PATCH, "/v1/settings", json!({ "support_phone": "+98 21 1111" })).await);
    assert_eq!(changed, expected);
    assert_eq!(data(&world.crm(Method::PUT, "/v1/settings", changed.clone()).await), changed, "given back as it is");
    let without = data(&world.crm(Method::PATCH, "/v1/settings", json!({ "calendar": null })).await);
    assert_eq!(without["calendar"], "persian", "what is taken away is the platform's");
}

#[tokio::test]
async fn what_follows_from_the_language_of_a_business_follows_it_still_after_a_change() {
    let world = World::in_process().await;
    world.put("/v1/settings", json!({ "business_name": "Shop", "default_locale": "en" })).await;
    data(&world.crm(Method::PATCH, "/v1/settings", json!({ "business_name": "The Shop" })).await);
    let persian = data(&world.crm(Method::PATCH, "/v1/settings", json!({ "default_locale": "fa" })).await);
    assert_eq!((&persian["calendar"], &persian["first_day_of_week"]), (&json!("persian"), &json!("saturday")));
}

#[tokio::test]
async fn an_endpoint_that_is_written_as_it_was_is_not_written_again() {
    let world = World::in_process().await;
    let path = "/v1/webhook-endpoints/second";
    let whole = json!({ "url": "https://crm.example/second" });
    world.put(path, whole.clone()).await;
    let entries = async || world.get("/v1/audit-log").await["data"].as_array().unwrap().len();
    let (read, before) = (tag(&world.crm(Method::GET, path, Value::Null).await), entries().await);
    let again = world.crm(Method::PUT, path, whole).await;
    assert_eq!((tag(&again), again.json().get("secret")), (read, None), "{}", again.text);
    assert_eq!(entries().await, before);
}

#[tokio::test]
async fn an_endpoint_that_was_gone_is_on_at_another_address() {
    let world = World::in_process().await;
    world.answer_events(json!({ "status": 410 })).await;
    world.rial_link().await;
    let path = "/v1/webhook-endpoints/demo-crm";
    for _ in 0..200 {
        if world.get(path).await["disabled_reason"] == "gone" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let same = data(&world.crm(Method::PATCH, path, json!({ "events": ["payment_link.paid"] })).await);
    assert_eq!((&same["enabled"], &same["disabled_reason"]), (&json!(false), &json!("gone")));
    let off = json!({ "url": "https://crm.example/off", "enabled": false });
    assert_eq!(data(&world.crm(Method::PATCH, path, off).await)["enabled"], false, "who says so has it off");
    let moved = data(&world.crm(Method::PATCH, path, json!({ "url": "https://crm.example/new" })).await);
    assert_eq!((&moved["enabled"], &moved["disabled_reason"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_version_that_nobody_chose_is_not_chosen_by_a_change() {
    let world = World::in_process().await;
    let path = "/v1/message-providers/second";
    let templates = json!([approved("{{ link }}")]);
    world
        .put(path, json!({ "kind": "whatsapp", "phone_number_id": "phone-number-id-1", "templates": templates }))
        .await;
    let read = world.crm(Method::GET, path, Value::Null).await;
    let back = world.crm(Method::PUT, path, read.json()).await;
    assert_eq!((tag(&back), data(&back)), (tag(&read), read.json()), "nothing was written");
    let chosen = data(&world.crm(Method::PATCH, path, json!({ "api_version": "v23.0" })).await);
    assert_eq!(chosen["api_version"], "v23.0");
    let usual = data(&world.crm(Method::PATCH, path, json!({ "api_version": null })).await);
    assert_eq!(usual["api_version"], read.json()["api_version"]);
}

#[tokio::test]
async fn credentials_and_their_relay_are_not_taken_away_alone() {
    let world = World::in_process().await;
    let path = "/v1/accounts/second";
    let credentials = json!({ "api_key": "test_0123456789012345678901234567890" });
    let relay =
        json!({ "url": "https://relay.example", "header": "x-relay-secret", "secret": "the-secret-of-the-relay" });
    let online = json!({ "enabled": true, "gateway": "mollie", "credentials": credentials, "relay": relay });
    world.put(path, json!({ "name": "Second", "currency": "EUR", "mode": "sandbox", "online_payment": online })).await;
    let change = async |online: Value| world.crm(Method::PATCH, path, json!({ "online_payment": online })).await;
    let refused = [("/online_payment/credentials".to_owned(), "required".to_owned())];
    for field in ["relay", "credentials"] {
        assert_eq!(change(json!({ field: null })).await.problems(), refused, "{field}");
    }
    let shown = world.get(path).await;
    assert_eq!(shown["online_payment"]["relay"]["url"], "https://relay.example", "{shown}");
    let direct = data(&change(json!({ "relay": null, "credentials": credentials })).await);
    assert_eq!(direct["online_payment"]["relay"], Value::Null);
    let without = json!({ "gateway": null, "credentials": null, "relay": null, "enabled": false });
    assert_eq!(data(&change(without.clone()).await)["online_payment"]["credentials_set"], false, "with their gateway");
    assert_eq!(change(without).await.status, StatusCode::OK, "where there are none, nothing is taken away");

    let path = "/v1/message-providers/second";
    world.put(path, json!({ "kind": "kavenegar", "credentials": { "api_key": "0123456789abcdef" } })).await;
    let refused = world.crm(Method::PATCH, path, json!({ "credentials": null })).await;
    assert_eq!(refused.problems(), [("/credentials".to_owned(), "required".to_owned())]);
    assert_eq!(world.get(path).await["credentials_set"], true);
}

#[tokio::test]
async fn an_answer_in_which_instants_read_otherwise_is_another_one_and_its_record_is_the_same() {
    let world = World::in_process().await;
    let item = "/v1/items/inv-9";
    let whole = json!({
        "kind": "invoice", "title": "Invoice 9", "contact_id": "c-1042", "due_at": "2026-12-01T09:00:00Z",
    });
    world.put(item, whole).await;
    let endpoint = "/v1/webhook-endpoints/demo-crm";
    let link = world.rial_link().await;
    let link = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let mut read = Vec::new();
    for path in [item, endpoint, &link] {
        read.push((path, tag(&world.crm(Method::GET, path, Value::Null).await)));
    }
    let zone = world.get("/v1/settings").await["time_zone"].clone();
    let other = if zone == "Asia/Tokyo" { "Asia/Tehran" } else { "Asia/Tokyo" };
    data(&world.crm(Method::PATCH, "/v1/settings", json!({ "time_zone": other })).await);
    super::settings_are_read_again().await;
    for (path, known) in read {
        let now = world.crm_with(Method::GET, path, Value::Null, &[("if-none-match", &known)]).await;
        assert_eq!(now.status, StatusCode::OK, "{path} is shown in another time zone");
        let changed = world.crm_with(Method::PATCH, path, json!({}), &[("if-match", &known)]).await;
        assert_ne!(changed.status, StatusCode::PRECONDITION_FAILED, "{path}: {}", changed.text);
    }
}

#[tokio::test]
async fn an_instant_is_kept_as_it_is_shown() {
    let world = World::in_process().await;
    let path = "/v1/items/inv-9";
    let whole = json!({
        "kind": "invoice", "title": "Invoice 9", "contact_id": "c-1042", "amount": 5000, "currency": "IRR",
        "amount_due": 4000, "as_of": "2026-01-01T00:00:00.123456Z", "due_at": "2026-12-01T09:00:00.654321Z",
    });
    world.put(path, whole).await;
    let read = world.crm(Method::GET, path, Value::Null).await;
    let back = world.crm(Method::PUT, path, read.json()).await;
    assert_eq!((tag(&back), data(&back)), (tag(&read), read.json()), "nothing was written");
}

#[tokio::test]
async fn an_item_that_every_link_brings_along_is_written_where_it_is_another() {
    let world = World::in_process().await;
    let item = json!({
        "id": "inv-9", "kind": "invoice", "title": "Invoice 9", "contact_id": "c-1042", "amount": 150_000,
        "currency": "IRR", "amount_due": 40_000,
    });
    let make = async |item: &Value| world.make_link(json!({ "account_id": "main", "item": item })).await;
    make(&item).await;
    let read = world.crm(Method::GET, "/v1/items/inv-9", Value::Null).await;
    make(&item).await;
    let again = world.crm(Method::GET, "/v1/items/inv-9", Value::Null).await;
    assert_eq!((tag(&again), again.json()), (tag(&read), read.json()));
    let mut less = item;
    less["amount_due"] = json!(30_000);
    make(&less).await;
    assert_ne!(tag(&world.crm(Method::GET, "/v1/items/inv-9", Value::Null).await), tag(&read));
}

#[tokio::test]
async fn a_link_has_no_due_date_where_it_says_so_whatever_its_item_has() {
    let world = World::in_process().await;
    let item = json!({
        "kind": "invoice", "title": "Invoice 9", "contact_id": "c-1042", "amount": 5000, "currency": "IRR",
        "due_at": "2026-12-01",
    });
    world.put("/v1/items/inv-9", item).await;
    let asked = json!({ "account_id": "main", "item_id": "inv-9", "amount": 50_000, "due_at": null });
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", asked.clone()).await.json();
    assert_eq!((&draft["due_at"], &draft["request"]["due_at"]), (&Value::Null, &Value::Null), "{draft}");
    assert_eq!(draft["sources"]["due_at"], "request");
    assert_eq!(world.make_link(asked).await["due_at"], Value::Null);
}

//! The limits that the document says of bodies are the very limits that the functions keep: what is at one is taken, and what
//! is one beyond it is refused at that field. Every keyword of every body is tried, or is among the exceptions.
//!
//! A body of a record is sent to its `PUT` and to its `PATCH`, that of a link to the draft as well, which lists what making it
//! would be refused with.

use std::collections::BTreeSet;

use domain::Timestamp;
use jiff::ToSpan;
use paylink_local::seed::{API_KEY, LINE_KEY, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::answers::{document, followed, operation, schema_of};
use tests::{Reply, World};

const KEYWORDS: [&str; 8] =
    ["minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems", "maxProperties"];

/// A limit, by the schema that has it, the field within that and the keyword.
type Limit = (String, String, &'static str);

/// Limits at which a value may still be refused, and why. What is one beyond them is tried all the same.
const EXCEPTIONS: [(&str, &str, &str, &str); 17] = [
    ("PaymentPlanCreate", "/minimum", "minimum", "it is a fortieth of the amount at least"),
    ("PaymentPlanCreate", "/minimum", "maximum", "and less than the amount"),
    ("PaymentPlanCreate", "/parts", "minItems", "parts that are alike are due at once"),
    ("PaymentPlanCreate", "/parts", "maxItems", "as above"),
    ("PaymentPlanPartCreate", "/amount", "minimum", "parts add up to the amount"),
    ("PaymentPlanPartCreate", "/amount", "maximum", "as above"),
    ("PaymentLinkCreate", "/amount", "minimum", "a draft takes and gives back what no link can be over"),
    ("PaymentLinkCreate", "/amount", "maximum", "and what is more than the gateway takes"),
    ("PaymentLinkDraftCreate", "/amount", "minimum", "as above"),
    ("PaymentLinkDraftCreate", "/amount", "maximum", "as above"),
    ("PaymentLinkReplace", "/amount", "minimum", "only an amount above zero can be paid"),
    ("PaymentLinkReplace", "/amount", "maximum", "and no more than the gateway takes"),
    ("MessageTextInput", "/body", "minLength", "a text shows the link, which is longer than one character"),
    ("MessageTemplateInput", "/body", "minLength", "as above"),
    ("MessageTemplatePatch", "/body", "minLength", "as above"),
    ("BusinessErase", "/confirm", "minLength", "it has to be the id of the business"),
    ("BusinessErase", "/confirm", "maxLength", "as above"),
];

fn is_excepted((of, field, keyword): &Limit) -> bool {
    EXCEPTIONS.iter().any(|one| (one.0, one.1, one.2) == (of.as_str(), field.as_str(), *keyword))
}

/// A body that is taken, where it is sent, and by whom.
struct Body {
    key: &'static str,
    method: Method,
    path: &'static str,
    example: Value,
}

/// The longest and the shortest name of a record; there is one of each kind that has it.
fn names() -> [String; 2] {
    ["a".to_owned(), "a".repeat(64)]
}

/// Everything that the bodies name.
async fn make_what_is_named(world: &World) {
    let settings = json!({ "business_name": "B", "default_region": "IR", "return_url_hosts": ["crm.example"] });
    world.put("/v1/settings", settings).await;
    let fields: Vec<Value> = names().into_iter().map(|key| json!({ "key": key, "label": "K" })).collect();
    for name in names() {
        let credentials = json!({ "merchant_id": "1344b5d4-0048-11e8-94db-005056a205be" });
        let online = json!({ "enabled": true, "gateway": "zarinpal", "credentials": credentials });
        let account = json!({ "name": "A", "currency": "IRR", "mode": "sandbox", "online_payment": online });
        world.put(&format!("/v1/accounts/{name}"), account).await;
        world.put(&format!("/v1/receipt-types/{name}"), json!({ "name": "T" })).await;
        world.put(&format!("/v1/contacts/{name}"), json!({ "name": "C", "email": "c@example.com" })).await;
        let item = json!({ "kind": "invoice", "title": "I", "contact_id": "a", "receipt_fields": fields });
        world.put(&format!("/v1/items/{name}"), item).await;
        world.put(&format!("/v1/message-providers/{name}"), json!({ "kind": "kavenegar" })).await;
    }
    let person = |id: String| json!({ "role": id, "id": id, "email": "p@example.com" });
    let people: Vec<Value> = names().into_iter().chain((0..48).map(|index| format!("p{index}"))).map(person).collect();
    world.put("/v1/contacts/crowd", json!({ "name": "C", "email": "c@example.com", "people": people })).await;
    world.put("/v1/webhook-endpoints/limits", json!({ "url": "https://crm.example/", "enabled": false })).await;
    let business = world.platform(None, Method::PUT, "/v1/businesses/limits", json!({ "name": "L" })).await;
    assert_eq!(business.status, StatusCode::OK, "{}", business.text);
}

/// What a link is made from, by the fields that can stand beside each other.
fn of_links() -> Vec<Value> {
    let social = json!([{ "network": "telegram", "id": "1" }]);
    let with_all = json!({
        "account_id": "main", "contact_id": "crowd", "amount": 50_000, "currency": "IRR", "expires_in_days": 1,
        "description": "D", "internal_note": "N", "reference_id": "R", "return_url": "https://crm.example/",
        "metadata": { "k": "v" },
        "recipients": { "roles": ["a"], "mobiles": ["+989120000009"], "emails": ["e@example.com"], "social": social },
        "reminders": moments(),
        "message": { "mode": "custom", "channels": ["email"],
                     "email": { "subject": "S", "body": "{{ link }}" } },
    });
    let chosen = json!({ "account_id": "main", "contact_id": "crowd", "amount": 50_000, "currency": "IRR",
                         "payment_plan": { "minimum": 20_000 },
                         "recipients": { "people": [{ "person": "a", "channels": ["email"] }] } });
    let on_item = json!({ "account_id": "main", "item_id": "a", "amount": 50_000, "currency": "IRR",
                          "after_payment": { "receipt_type_id": "a", "receipt_field": "a" } });
    let mut contact = contact();
    contact["id"] = json!("limits-inline");
    let part = |amount: i64, days: i64| json!({ "amount": amount, "due_at": (Timestamp::now() + (24 * days).hours()).to_string() });
    let plan = json!({ "parts": [part(20_000, 2), part(30_000, 3)] });
    let along = json!({ "account_id": "main", "amount": 50_000, "currency": "IRR", "contact": contact,
                        "payment_plan": plan });
    let mut item = item();
    item["id"] = json!("limits-inline");
    let item_along = json!({ "account_id": "main", "amount": 50_000, "currency": "IRR", "item": item });
    vec![with_all, chosen, on_item, along, item_along]
}

/// When people are reminded.
fn moments() -> Value {
    json!({ "at": [{ "when": "before_due", "days": 1 }, { "when": "after_due", "hours": 1 }] })
}

fn contact() -> Value {
    let social = json!([{ "network": "telegram", "id": "1" }]);
    let people =
        json!([{ "role": "manager", "id": "m", "name": "M", "email": "m@example.com", "social": social.clone() }]);
    json!({ "name": "C", "profile_url": "https://crm.example/", "email": "c@example.com", "social": social,
            "balance": { "amount": 1, "currency": "IRR" }, "people": people })
}

fn item() -> Value {
    json!({ "kind": "invoice", "title": "I", "contact_id": "a", "amount": 9_007_199_254_740_991_i64, "currency": "IRR",
            "amount_due": 1, "url": "https://crm.example/", "receipt_fields": [{ "key": "k", "label": "K" }] })
}

fn account() -> Value {
    let relay =
        json!({ "url": "https://relay.example/", "header": "x-key", "secret": "a-secret-of-a-relay", "seconds": 9 });
    let credentials = json!({ "merchant_id": "1344b5d4-0048-11e8-94db-005056a205be" });
    let online_payment = json!({ "gateway": "zarinpal", "credentials": credentials, "relay": relay });
    json!({ "name": "A", "currency": "IRR", "mode": "sandbox", "online_payment": online_payment })
}

fn settings() -> Value {
    let routes = json!([
        { "prefix": "+98", "provider": "a" },
        { "prefix": "+91", "sns": { "sender_id": "PAYLNK", "entity_id": "1", "template_id": "2",
                                     "payment_reminder_template_id": "5", "payment_overdue_template_id": "6",
                                     "payment_received_template_id": "3", "refund_succeeded_template_id": "4" } },
        { "prefix": "+1", "sns": { "origination_number": "+12065550100" } },
    ]);
    let mut reminders = moments();
    reminders["hours"] = json!([{ "days": ["monday"], "from": "09:00", "to": "20:00" }]);
    reminders["closed"] = json!([{ "from": "2026-12-25", "to": "2026-12-26" }]);
    json!({ "business_name": "B", "reminders": reminders, "brand_color": "#0a58ca", "legal_name": "B Ltd", "legal_id": "1", "postal_address": "1 Road", "support_phone": "1", "support_url": "https://crm.example/",
            "logo": "data:image/png;base64,iVBORw0KGgo=", "sms_sender_id": "PAYLNK", "sms_routes": routes,
            "email_sender_name": "B", "email_reply_to": "b@example.com", "default_expires_in_days": 1,
            "max_sms_segments": 1, "return_url_hosts": ["crm.example"], "default_receipt_type_id": "a" })
}

/// The bodies of records, each with the address that it is put to.
fn of_records() -> Vec<(&'static str, Value)> {
    let template = json!({ "name": "pay", "locale": "en", "parameters": [{ "name": "a", "value": "x" }],
                           "button": { "index": 0, "fixed_part": "https://pay.example.com/p/" } });
    let id = "phone-number-id-976c72a700aac43eaf573ae050example";
    let quotas = json!({ "links_per_day": 5, "messages_per_day": 5, "calls_per_second": 5 });
    vec![
        ("/v1/contacts/limits", contact()),
        ("/v1/items/limits", item()),
        ("/v1/accounts/limits", account()),
        ("/v1/receipt-types/limits", json!({ "name": "T", "parent_id": "a" })),
        ("/v1/message-templates/link_created/email/en", json!({ "subject": "S", "body": "{{ link }}" })),
        ("/v1/message-providers/limits-sms", json!({ "kind": "kavenegar", "line": "30001234" })),
        (
            "/v1/message-providers/limits-app",
            json!({ "kind": "whatsapp", "phone_number_id": id, "templates": [template] }),
        ),
        ("/v1/businesses/limits-{n}", json!({ "name": "B", "shards": 1, "quotas": quotas })),
        (
            "/v1/platform-defaults",
            json!({ "default_expires_in_days": 1, "max_sms_segments": 1, "closed_days": [{ "from": "2027-01-01" }] }),
        ),
        ("/v1/settings", settings()),
    ]
}

fn bodies() -> Vec<Body> {
    let link = "/v1/payment-links/{link}";
    let post = |key, path, example| Body { key, method: Method::POST, path, example };
    let mut bodies = Vec::new();
    for example in of_links() {
        bodies.push(post(API_KEY, "/v1/payment-links/draft", example.clone()));
        bodies.push(post(API_KEY, "/v1/payment-links", example));
    }
    let change = json!({ "expires_in_days": 1, "description": "D", "internal_note": "N", "metadata": { "k": "v" },
                         "reminders": moments(), "after_payment": { "receipt_type_id": "a", "receipt_field": "a" } });
    bodies.push(Body { key: API_KEY, method: Method::PATCH, path: link, example: change });
    bodies.push(post(API_KEY, "/v1/payment-links/{link}/cancel", json!({ "reason": "R" })));
    // Whose link it is cannot be another.
    let mut other = of_links().remove(0);
    other.as_object_mut().unwrap().remove("contact_id");
    bodies.push(post(API_KEY, "/v1/payment-links/{link}/replace", other));
    let returned = json!({ "amount": 1, "reason": "R", "outside": { "reference": "T", "account_id": "a" } });
    bodies.push(post(API_KEY, "/v1/payment-links/{link}/attempts/at_1/refunds", returned));
    let came = json!({ "received_by": "cash", "amount": 1, "reference": "R", "account_id": "a", "note": "N" });
    bodies.push(post(API_KEY, "/v1/payment-links/pl_1/payments", came));
    let held = json!({ "reason": "promise", "until": "2199-01-01T00:00:00Z", "note": "N" });
    bodies.push(post(API_KEY, "/v1/payment-links/pl_1/hold", held));
    bodies.push(post(API_KEY, "/v1/payment-links/{link}/attempts/at_1/void", json!({ "reason": "R" })));
    let failed = json!({ "status": "failed", "reason": "gone", "provider_id": "1" });
    bodies.push(post(LINE_KEY, "/v1/payment-links/{link}/messages/msg_1/report", failed));
    bodies.push(post(API_KEY, "/v1/batches", json!({ "format": "csv", "source": "S", "per_minute": 10 })));
    bodies.push(post(API_KEY, "/v1/batches/ba_1/run", json!({ "skip_wrong": true, "per_minute": 10, "check": 1 })));
    bodies.push(post(API_KEY, "/v1/events/evt_1/redeliver", json!({ "endpoint_id": "limits" })));
    bodies.push(post(API_KEY, "/v1/webhook-endpoints/limits/rotate-secret", json!({ "overlap_hours": 1 })));
    bodies.push(post(PLATFORM_KEY, "/v1/businesses/limits/suspend", json!({ "reason": "R" })));
    for (path, example) in of_records() {
        let is_of_the_platform = ["/v1/businesses", "/v1/platform-defaults"].iter().any(|of| path.starts_with(of));
        let key = if is_of_the_platform { PLATFORM_KEY } else { API_KEY };
        for method in [Method::PUT, Method::PATCH] {
            bodies.push(Body { key, method, path, example: example.clone() });
        }
    }
    bodies.push(post(PLATFORM_KEY, "/v1/businesses/limits/erase", json!({ "confirm": "limits" })));
    bodies
}

/// A field of a body that has a limit.
struct Limited {
    /// Its pointer in the body.
    at: String,
    /// The schema that has it, and where it is within that.
    of: String,
    field: String,
    schema: Value,
    given: Value,
}

/// The name of the schema that a reference leads to.
fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// The side of a choice that a value is of.
fn side<'a>(schema: &'a Value, given: &Value) -> Option<&'a Value> {
    let sides = schema["oneOf"].as_array()?;
    sides.iter().find(|side| if given.is_string() { side["type"] == "string" } else { side["$ref"].is_string() })
}

/// Every field of the body that the document bounds, those of what is within it too.
fn limited(schema: &Value, (of, field): (&str, &str), given: &Value, at: &str, found: &mut Vec<Limited>) {
    if given.is_null() {
        return;
    }
    if KEYWORDS.iter().any(|keyword| !schema[keyword].is_null()) {
        let (of, field) = (of.to_owned(), field.to_owned());
        found.push(Limited { at: at.to_owned(), of, field, schema: schema.clone(), given: given.clone() });
    }
    if let Some(name) = named(schema) {
        return limited(followed(document(), schema), (name, ""), given, at, found);
    }
    if let Some(side) = side(schema, given) {
        limited(side, (of, field), given, at, found);
    }
    for (index, entry) in given.as_array().into_iter().flatten().enumerate() {
        limited(&schema["items"], (of, &format!("{field}/*")), entry, &format!("{at}/{index}"), found);
    }
    for (name, value) in given.as_object().into_iter().flatten() {
        let (inner, place) = match &schema["properties"][name] {
            Value::Null => (&schema["additionalProperties"], format!("{field}/*")),
            inner => (inner, format!("{field}/{name}")),
        };
        limited(inner, (of, &place), value, &format!("{at}/{name}"), found);
    }
}

/// Every limit that there is within a schema.
fn limits(schema: &Value, (of, field): (&str, &str), seen: &mut BTreeSet<String>, found: &mut BTreeSet<Limit>) {
    if !schema.is_object() {
        return;
    }
    let keywords = KEYWORDS.into_iter().filter(|keyword| !schema[keyword].is_null());
    found.extend(keywords.map(|keyword| (of.to_owned(), field.to_owned(), keyword)));
    if let Some(name) = named(schema) {
        if seen.insert(name.to_owned()) {
            limits(followed(document(), schema), (name, ""), seen, found);
        }
        return;
    }
    for side in schema["oneOf"].as_array().into_iter().flatten() {
        limits(side, (of, field), seen, found);
    }
    for within in ["items", "additionalProperties"] {
        limits(&schema[within], (of, &format!("{field}/*")), seen, found);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        limits(inner, (of, &format!("{field}/{name}")), seen, found);
    }
}

/// Every limit of every body of the document.
fn all_limits() -> BTreeSet<Limit> {
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    for call in document()["paths"].as_object().unwrap().values().flat_map(|calls| calls.as_object().unwrap().values())
    {
        if let Some(schema) = schema_of(&call["requestBody"]) {
            limits(schema, ("", ""), &mut seen, &mut found);
        }
    }
    found
}

/// What every text of a message shows.
const LINK: &str = " {{ link }}";

/// A text of this form that has exactly so many characters.
fn text(limited: &Limited, length: usize) -> String {
    let fill = |begin: &str| format!("{begin}{}", "a".repeat(length.saturating_sub(begin.len())));
    match (limited.schema["format"].as_str(), limited.field.as_str()) {
        (Some("idn-email"), _) => {
            let host = "abcdefghij.".repeat(30);
            let local = "a".repeat(60);
            format!("{local}@{}", &host[host.len() - 1 - (length - 63)..host.len() - 1]) + "io"
        }
        (Some("iri"), _) => fill("https://crm.example/"),
        // The link stands in every text, and apart from what is before it.
        (_, "/body") if length > LINK.len() => format!("{}{LINK}", "a".repeat(length - LINK.len())),
        _ => fill(""),
    }
}

/// So many entries like the one given, each another where that matters.
fn entries(limited: &Limited, count: usize) -> Value {
    let locales = "en fa ar de fr es it nl pt ru tr pl sv da fi cs hu ro el uk he";
    let person = |index: usize| match index.checked_sub(48) {
        None => format!("p{index}"),
        Some(0) => "contact".to_owned(),
        Some(index) => "a".repeat(1 + (index - 1) * 63),
    };
    let one = |index: usize| match (limited.of.as_str(), limited.field.as_str()) {
        ("RecipientsInput", "/people") => json!({ "person": person(index), "channels": ["email"] }),
        ("RecipientsInput", "/roles") => json!(format!("p{index}")),
        ("RecipientsInput", "/mobiles") => json!(format!("+9891200001{index:02}")),
        ("RecipientsInput", "/emails") => json!(format!("e{index}@example.com")),
        (_, "/social") => json!({ "network": "telegram", "id": format!("{}", index + 1) }),
        (_, "/people") => json!({ "role": "r", "id": format!("p{index}") }),
        (_, "/receipt_fields") => json!({ "key": format!("k{index}"), "label": "K" }),
        (_, "/sms_routes") => json!({ "prefix": format!("+1{index}"), "provider": "a" }),
        (_, "/return_url_hosts") => json!(format!("h{index}.example")),
        (_, "/parameters") => json!({ "name": format!("n{index}"), "value": "x" }),
        (_, "/templates") => {
            let mut template = limited.given[0].clone();
            template["locale"] = json!(locales.split(' ').nth(index).unwrap());
            template
        }
        _ => limited.given[0].clone(),
    };
    (0..count).map(one).collect()
}

/// So many pairs of texts.
fn pairs(count: usize) -> Value {
    (0..count).map(|index| (format!("k{index}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
}

/// A value at this limit of a field, and one just beyond it.
fn around(limited: &Limited, keyword: &str) -> (Value, Value) {
    let limit = &limited.schema[keyword];
    let count = || usize::try_from(limit.as_u64().unwrap()).unwrap();
    let number = || limit.as_i64().unwrap();
    match keyword {
        "minLength" => (json!(text(limited, count())), json!("a".repeat(count() - 1))),
        "maxLength" => (json!(text(limited, count())), json!(text(limited, count() + 1))),
        "pattern" => (limited.given.clone(), json!("not of this form")),
        "minimum" => (json!(number()), json!(number() - 1)),
        "maximum" => (json!(number()), json!(number() + 1)),
        "minItems" => (entries(limited, count()), entries(limited, count() - 1)),
        "maxItems" => (entries(limited, count()), entries(limited, count() + 1)),
        _ => (pairs(count()), pairs(count() + 1)),
    }
}

/// Sends bodies, each to a link or a business of its own where the address has room for one.
struct Sender<'a> {
    world: &'a World,
    sent: usize,
}

impl Sender<'_> {
    async fn send(&mut self, Body { key, method, path, .. }: &Body, body: Value) -> Reply {
        self.sent += 1;
        let mut path = path.replace("{n}", &self.sent.to_string());
        if path.contains("{link}") {
            let link = json!({ "account_id": "main", "item_id": "a", "amount": 50_000, "currency": "IRR" });
            path = path.replace("{link}", self.world.make_link(link).await["id"].as_str().unwrap());
        }
        if path.starts_with("/v1/businesses/limits-") && *method == Method::PATCH {
            self.world.crm_as(key, Method::PUT, &path, json!({ "name": "B" }), &[]).await;
        }
        // Some calls are made under a key or not at all.
        let once = self.sent.to_string();
        self.world.crm_as(key, method.clone(), &path, body, &[("idempotency-key", &once)]).await
    }
}

/// Where a body has problems, whether it is refused for them or they are listed.
fn problems(reply: &Reply) -> Vec<String> {
    let answer = reply.json();
    let listed = if reply.status == StatusCode::UNPROCESSABLE_ENTITY { &answer["errors"] } else { &answer["problems"] };
    let listed = listed.as_array().into_iter().flatten();
    listed.map(|one| one["pointer"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_at_a_limit_is_taken_and_what_is_beyond_it_is_refused_there() {
    let world = World::in_process().await;
    make_what_is_named(&world).await;
    let mut sender = Sender { world: &world, sent: 0 };
    let (mut taken, mut refused, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for body in bodies() {
        let (path, example) = (body.path, &body.example);
        if path == "/v1/settings" {
            // What has sub-types is nobody's default.
            world.crm(Method::DELETE, "/v1/receipt-types/limits", Value::Null).await;
        }
        let reply = sender.send(&body, example.clone()).await;
        // What it is about need not be there, or be in the state for it: bodies are read before.
        let stands_against = [StatusCode::NOT_FOUND, StatusCode::CONFLICT].contains(&reply.status);
        let is_taken = reply.status.is_success() || stands_against;
        if !is_taken || !problems(&reply).is_empty() {
            wrong.push(format!("{} {path}: {}", body.method, reply.text));
            continue;
        }
        let schema = schema_of(&operation(&body.method, path).unwrap()["requestBody"]).unwrap();
        let mut fields = Vec::new();
        limited(schema, ("", ""), example, "", &mut fields);
        for field in &fields {
            for keyword in KEYWORDS.into_iter().filter(|keyword| !field.schema[keyword].is_null()) {
                let limit: Limit = (field.of.clone(), field.field.clone(), keyword);
                if taken.contains(&limit) && refused.contains(&limit) {
                    continue;
                }
                let (at, beyond) = around(field, keyword);
                for (value, is_within) in [(at, true), (beyond, false)] {
                    let mut whole = example.clone();
                    *whole.pointer_mut(&field.at).unwrap() = value.clone();
                    let reply = sender.send(&body, whole).await;
                    let found = problems(&reply);
                    let is_there = found.iter().any(|pointer| {
                        pointer.strip_prefix(&field.at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    });
                    if is_there != is_within {
                        let tried = if is_within { &mut taken } else { &mut refused };
                        tried.insert(limit.clone());
                        continue;
                    }
                    if is_within && is_excepted(&limit) {
                        continue;
                    }
                    let value: String = value.to_string().chars().take(80).collect();
                    let what = format!("{limit:?} by {} {path}{}: {value}: {}", body.method, field.at, reply.text);
                    wrong.push(what);
                }
            }
        }
    }
    let all = all_limits();
    let untried: Vec<&Limit> = all
        .iter()
        .filter(|limit| !(refused.contains(limit) && (taken.contains(limit) || is_excepted(limit))))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(untried, Vec::<&Limit>::new(), "no body of this test tries them");
    let needless = EXCEPTIONS.iter().filter(|one| taken.contains(&(one.0.to_owned(), one.1.to_owned(), one.2)));
    assert_eq!(needless.collect::<Vec<_>>(), Vec::<&(&str, &str, &str, &str)>::new(), "they are taken");
    assert!(all.len() > 250, "{}", all.len());
}

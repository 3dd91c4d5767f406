//! A tour of the whole API with another business's key and this one's ids: each call is answered as if there were no such
//! thing, and changes nothing that is not the caller's own. A call of the document that the tour does not know fails it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::ids::{
    AttemptId, BatchId, BusinessId, EventId, ExportId, LinkId, MessageId, PayToken, ReceiptId, RefundId, ReturnKey,
};
use paylink_local::StreamReader;
use paylink_local::seed::{BAZAAR, BAZAAR_KEY, DEMO, PLATFORM_KEY, STRIPE_KEY, STRIPE_WEBHOOK_SECRET};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Item, Reply, World, everything};

use super::super::settings_are_read_again;
use super::{bazaar_link, bazaars, data};

/// Stands in every text of the business whose ids the tour has.
const CANARY: &str = "Kanarienvogel";

/// The ids of one of everything, and an idempotency key.
pub(super) struct Ids {
    business: BusinessId,
    account: &'static str,
    contact: &'static str,
    item: &'static str,
    receipt_type: &'static str,
    provider: &'static str,
    endpoint: &'static str,
    locale: &'static str,
    reference: &'static str,
    key: &'static str,
    link: LinkId,
    attempt: AttemptId,
    message: MessageId,
    event: EventId,
    receipt: ReceiptId,
    refund: RefundId,
    export: ExportId,
    batch: BatchId,
}

impl Ids {
    /// Of things that nobody has.
    fn of_nothing() -> Self {
        let key = ReturnKey::from_random([9; 16]);
        let (link, attempt) = (LinkId::of(&PayToken::from_random([9; 16])), AttemptId::of(&key));
        Self {
            business: BusinessId::parse("nobody").unwrap(),
            account: "n-account",
            contact: "n-contact",
            item: "n-item",
            receipt_type: "n-type",
            provider: "n-provider",
            endpoint: "n-endpoint",
            locale: "fr-CH",
            reference: "n-reference",
            key: "n-key",
            message: MessageId::of(&link, 0, "email", "nobody@example.com"),
            event: EventId::of(&link, 1),
            receipt: ReceiptId::of(&attempt),
            refund: RefundId::of(&link, 1),
            export: ExportId::of(&BusinessId::parse("nobody").unwrap(), "n"),
            batch: BatchId::of(&BusinessId::parse("nobody").unwrap(), "n"),
            link,
            attempt,
        }
    }

    /// As they stand in an answer, each with what it is. What the business is called can be a word of any text.
    fn names(&self) -> [(&str, &str); 17] {
        [
            (self.event.as_str(), "event"),
            (self.link.as_str(), "link"),
            (self.attempt.as_str(), "attempt"),
            (self.message.as_str(), "message"),
            (self.receipt.as_str(), "receipt"),
            (self.refund.as_str(), "refund"),
            (self.export.as_str(), "export"),
            (self.batch.as_str(), "batch"),
            (self.account, "account"),
            (self.contact, "contact"),
            (self.item, "item"),
            (self.receipt_type, "type"),
            (self.provider, "provider"),
            (self.endpoint, "endpoint"),
            (self.locale, "locale"),
            (self.reference, "reference"),
            (self.key, "key"),
        ]
    }
}

/// A call, after what the document says of it.
struct Call {
    path: String,
    body: Value,
    key: Option<&'static str>,
}

impl Call {
    fn to(path: impl Into<String>) -> Self {
        Self { path: path.into(), body: Value::Null, key: None }
    }

    fn with(path: impl Into<String>, body: Value) -> Self {
        Self { path: path.into(), body, key: None }
    }
}

/// What the caller has of its own, where a call needs that too.
struct Own {
    link: String,
    event: String,
}

/// Every call of the tour at a method and a path of the document, with these ids in each place where an id can stand.
///
/// # Panics
/// Where the document has a call that is not here.
fn calls(method: &str, path: &str, ids: &Ids, own: &Own) -> Vec<Call> {
    let at = |id: &str| path.replace("{id}", id);
    let links = "/v1/payment-links";
    match (method, path) {
        ("get", "/v1/gateways" | "/v1/settings") => vec![Call::to(path)],
        ("get", "/v1/accounts") => vec![Call::to(path), Call::to(format!("{path}?online_payment=true"))],
        (
            "get",
            "/v1/contacts"
            | "/v1/items"
            | "/v1/message-providers"
            | "/v1/message-templates"
            | "/v1/receipt-types"
            | "/v1/webhook-endpoints"
            | "/v1/audit-log"
            | "/v1/businesses",
        ) => vec![Call::to(path), Call::to(format!("{path}?limit=1"))],
        ("get" | "delete", "/v1/accounts/{id}") | ("get", "/v1/accounts/{id}/look-back") => {
            vec![Call::to(at(ids.account))]
        }
        ("post", "/v1/accounts/{id}/check") => vec![Call::to(at(ids.account)), Call::with(at(ids.account), json!({}))],
        ("get" | "delete", "/v1/contacts/{id}") => vec![Call::to(at(ids.contact))],
        ("get" | "delete", "/v1/items/{id}") => vec![Call::to(at(ids.item))],
        ("get" | "delete", "/v1/receipt-types/{id}") => vec![Call::to(at(ids.receipt_type))],
        ("get" | "delete", "/v1/message-providers/{id}") => vec![Call::to(at(ids.provider))],
        ("get" | "delete", "/v1/webhook-endpoints/{id}") => vec![Call::to(at(ids.endpoint))],
        ("get" | "delete", "/v1/message-templates/{kind}/{channel}/{locale}") => {
            vec![Call::to(format!("/v1/message-templates/link_created/email/{}", ids.locale))]
        }
        ("get", "/v1/payment-links") => {
            let by = [("contact_id", ids.contact), ("item_id", ids.item), ("reference_id", ids.reference)];
            let today = domain::Timestamp::now().strftime("%Y-%m-%d").to_string();
            let lists = by.into_iter().chain([("created_from", today.as_str())]);
            lists.map(|(by, id)| Call::to(format!("{path}?{by}={id}"))).collect()
        }
        ("get", "/v1/payment-links/{id}" | "/v1/payment-links/{id}/qr.png" | "/v1/payment-links/{id}/qr.svg") => {
            vec![Call::to(at(ids.link.as_str()))]
        }
        ("get", "/v1/receipts") => {
            let by = [("contact_id", ids.contact), ("item_id", ids.item), ("payment_link_id", ids.link.as_str())];
            let today = domain::Timestamp::now().strftime("%Y-%m-%d").to_string();
            let lists = by.into_iter().chain([("registered_from", today.as_str())]);
            lists.map(|(by, id)| Call::to(format!("{path}?{by}={id}"))).collect()
        }
        ("get", "/v1/search") => {
            let texts = [CANARY, ids.contact, ids.item, ids.reference, ids.link.as_str(), "+989121234567"];
            texts.map(|text| Call::to(format!("{path}?q={}", text.replace('+', "%2B")))).into()
        }
        ("get", "/v1/totals") => {
            let groupings = ["day", "account", "created_by"];
            groupings.map(|by| Call::to(format!("{path}?mode=sandbox&group_by={by}"))).into()
        }
        ("get", "/v1/reconciliation") => {
            [ids.account, "main"].map(|id| Call::to(format!("{path}?account_id={id}"))).into()
        }
        ("post", "/v1/reconciliation") => {
            let list = "reference,time,amount_minor\n1,2026-12-01,1999\n";
            [ids.account, "main"].map(|id| Call::with(format!("{path}?account_id={id}"), json!(list))).into()
        }
        ("get", "/v1/exports") => vec![Call::to(path), Call::to(format!("{path}?limit=1"))],
        ("get" | "post", "/v1/exports/{id}" | "/v1/exports/{id}/cancel") => vec![Call::to(at(ids.export.as_str()))],
        ("get", "/v1/batches") => vec![Call::to(path), Call::to(format!("{path}?limit=1"))],
        (
            "get" | "post",
            "/v1/batches/{id}"
            | "/v1/batches/{id}/check"
            | "/v1/batches/{id}/run"
            | "/v1/batches/{id}/pause"
            | "/v1/batches/{id}/cancel",
        ) => vec![Call::to(at(ids.batch.as_str()))],
        ("post", "/v1/batches") => {
            vec![Call::with(path, json!({ "format": "csv", "defaults": { "account_id": ids.account } }))]
        }
        ("post", "/v1/exports") => {
            // As many as can be made at once, for both tours.
            let lists = ["payment-links", "receipts"];
            let of =
                |list: &str| json!({ "list": format!("/v1/{list}?account_id={}", ids.account), "format": "jsonl" });
            lists.map(|list| Call::with(path, of(list))).into()
        }
        ("get", "/v1/receipts/{id}") => vec![Call::to(at(ids.receipt.as_str()))],
        ("get", "/v1/refunds") => {
            let by = [("contact_id", ids.contact), ("account_id", ids.account), ("payment_link_id", ids.link.as_str())];
            let today = domain::Timestamp::now().strftime("%Y-%m-%d").to_string();
            let lists = by.into_iter().chain([("created_from", today.as_str())]);
            lists.map(|(by, id)| Call::to(format!("{path}?{by}={id}"))).collect()
        }
        ("get", "/v1/refunds/{id}") => vec![Call::to(at(ids.refund.as_str()))],
        ("get", "/v1/events") => vec![Call::to(path), Call::to(format!("{path}?after={}", ids.event))],
        ("get", "/v1/events/{id}") => vec![Call::to(at(ids.event.as_str()))],
        ("get", "/v1/businesses/{id}" | "/v1/businesses/{id}/export" | "/v1/businesses/{id}/usage") => {
            vec![Call::to(at(ids.business.as_str()))]
        }
        ("patch", "/v1/payment-links/{id}") => {
            vec![Call::with(at(ids.link.as_str()), json!({ "description": "Mine" }))]
        }
        ("post", "/v1/payment-links/draft") => [
            json!({ "account_id": ids.account, "contact_id": "c-1042", "amount": 500 }),
            json!({ "contact_id": ids.contact }),
            json!({ "item_id": ids.item }),
            json!({ "reference_id": ids.reference, "recipients": { "contact": true } }),
            json!({ "contact": { "id": ids.contact } }),
            json!({ "item": { "id": ids.item } }),
            json!({ "after_payment": { "receipt_type_id": ids.receipt_type } }),
            json!({ "contact_id": "c-1042", "recipients": { "social": [{ "network": ids.provider, "id": "1" }] } }),
        ]
        .into_iter()
        .map(|body| Call::with(path, body))
        .collect(),
        ("post", "/v1/payment-links") => {
            let mut calls: Vec<Call> = [
                json!({ "account_id": ids.account, "contact_id": "c-1042", "amount": 500 }),
                json!({ "account_id": "main", "contact_id": ids.contact, "amount": 500 }),
                json!({ "account_id": "main", "item_id": ids.item }),
                json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500,
                        "after_payment": { "receipt_type_id": ids.receipt_type } }),
                json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500,
                        "recipients": { "social": [{ "network": ids.provider, "id": "1" }] } }),
                // What the caller calls so is its own.
                json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500, "reference_id": ids.reference }),
                json!({ "account_id": "main", "contact": { "id": ids.contact, "name": "Mine" }, "amount": 500 }),
                json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500,
                        "item": { "id": ids.item, "kind": "invoice", "title": "Mine", "contact_id": "c-1042" } }),
            ]
            .into_iter()
            .map(|body| Call::with(path, body))
            .collect();
            let same = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500 });
            calls.push(Call { path: path.to_owned(), body: same, key: Some(ids.key) });
            calls
        }
        ("post", "/v1/payment-links/{id}/attempts/{attempt}/resolve") => {
            let keep = json!({ "outcome": "keep" });
            let of = |link: &str| format!("{links}/{link}/attempts/{}/resolve", ids.attempt);
            vec![Call::with(of(ids.link.as_str()), keep.clone()), Call::with(of(&own.link), keep)]
        }
        ("post", "/v1/payment-links/{id}/attempts/{attempt}/refunds") => {
            let of = |link: &str| format!("{links}/{link}/attempts/{}/refunds", ids.attempt);
            let once = |path: String| Call { path, body: json!({}), key: Some(ids.key) };
            vec![once(of(ids.link.as_str())), once(of(&own.link))]
        }
        ("post", "/v1/receipts/{id}/refunds") => {
            let outside = json!({ "outside": { "reference": "mine", "account_id": ids.account } });
            [json!({}), json!({ "amount": 1 }), outside]
                .map(|body| Call { path: at(ids.receipt.as_str()), body, key: Some(ids.key) })
                .into()
        }
        ("post", "/v1/payment-links/{id}/payments") => {
            let cash = json!({ "received_by": "cash" });
            let to_theirs = json!({ "received_by": "cash", "account_id": ids.account });
            let once = |path: String, body| Call { path, body, key: Some(ids.key) };
            vec![once(at(ids.link.as_str()), cash), once(at(&own.link), to_theirs)]
        }
        ("post", "/v1/payment-links/{id}/hold") => {
            let hold = json!({ "reason": "promise", "until": "2026-12-24T12:00:00Z" });
            vec![Call::with(at(ids.link.as_str()), hold)]
        }
        ("delete", "/v1/payment-links/{id}/hold") => vec![Call::to(at(ids.link.as_str()))],
        ("post", "/v1/payment-links/{id}/attempts/{attempt}/void") => {
            let of = |link: &str| format!("{links}/{link}/attempts/{}/void", ids.attempt);
            vec![Call::with(of(ids.link.as_str()), json!({})), Call::with(of(&own.link), json!({}))]
        }
        ("post", "/v1/receipts/{id}/void") => vec![Call::with(at(ids.receipt.as_str()), json!({}))],
        ("post", "/v1/refunds/{id}/resolve") => {
            vec![Call::with(at(ids.refund.as_str()), json!({ "outcome": "not_refunded" }))]
        }
        ("post", "/v1/payment-links/{id}/cancel") => {
            vec![Call::with(at(ids.link.as_str()), json!({ "force": true }))]
        }
        ("post", "/v1/payment-links/{id}/replace") => {
            vec![
                Call::with(at(ids.link.as_str()), json!({})),
                Call::with(at(ids.link.as_str()), json!({ "force": true })),
            ]
        }
        ("post", "/v1/payment-links/{id}/messages") => {
            let contact = json!({ "recipients": { "contact": true } });
            vec![Call::with(at(ids.link.as_str()), contact), Call::with(at(ids.link.as_str()), json!({}))]
        }
        ("post", "/v1/payment-links/{id}/messages/{message}/report") => {
            let of = |link: &str| format!("{links}/{link}/messages/{}/report", ids.message);
            let failed = json!({ "status": "failed" });
            vec![Call::with(of(ids.link.as_str()), failed.clone()), Call::with(of(&own.link), failed)]
        }
        ("post", "/v1/events/{id}/redeliver") => {
            let named = json!({ "endpoint_id": ids.endpoint });
            vec![
                Call::with(at(ids.event.as_str()), json!({})),
                Call::with(at(ids.event.as_str()), named.clone()),
                Call::with(at(&own.event), named),
            ]
        }
        ("post", "/v1/webhook-endpoints/{id}/rotate-secret") => vec![
            Call::with(at(ids.endpoint), json!({})),
            Call { path: at(ids.endpoint), body: json!({}), key: Some(ids.key) },
        ],
        ("post", "/v1/message-providers/{id}/rotate-secret") => vec![
            Call::with(at(ids.provider), json!({})),
            Call { path: at(ids.provider), body: json!({}), key: Some(ids.key) },
        ],
        ("post", "/v1/businesses/{id}/suspend" | "/v1/businesses/{id}/resume") => {
            vec![Call::with(at(ids.business.as_str()), json!({}))]
        }
        ("post", "/v1/businesses/{id}/erase") => {
            vec![Call::with(at(ids.business.as_str()), json!({ "confirm": ids.business.as_str() }))]
        }
        ("get", "/v1/platform-defaults") => vec![Call::to(path)],
        ("put", "/v1/platform-defaults") => vec![Call::with(path, json!({ "default_region": "IR" }))],
        ("put", "/v1/businesses/{id}") => vec![Call::with(at(ids.business.as_str()), json!({ "name": "Mine" }))],
        ("patch", "/v1/platform-defaults") => vec![Call::with(path, json!({ "default_region": "IR" }))],
        ("patch", "/v1/businesses/{id}") => vec![Call::with(at(ids.business.as_str()), json!({ "name": "Mine" }))],
        // Nothing of another business is there to be changed in part.
        ("patch", "/v1/accounts/{id}") => vec![Call::with(at(ids.account), json!({ "name": "Mine" }))],
        ("patch", "/v1/contacts/{id}") => vec![Call::with(at(ids.contact), json!({ "name": "Mine" }))],
        ("patch", "/v1/items/{id}") => vec![Call::with(at(ids.item), json!({ "title": "Mine" }))],
        ("patch", "/v1/receipt-types/{id}") => vec![Call::with(at(ids.receipt_type), json!({ "name": "Mine" }))],
        ("patch", "/v1/message-templates/{kind}/{channel}/{locale}") => vec![Call::with(
            format!("/v1/message-templates/link_created/email/{}", ids.locale),
            json!({ "subject": "Mine" }),
        )],
        ("patch", "/v1/message-providers/{id}") => vec![Call::with(at(ids.provider), json!({ "templates": [] }))],
        ("patch", "/v1/settings") => {
            vec![Call::with(path, json!({ "default_receipt_type_id": ids.receipt_type }))]
        }
        ("patch", "/v1/webhook-endpoints/{id}") => vec![Call::with(at(ids.endpoint), json!({ "enabled": true }))],
        // A PUT that leaves something out may keep what is known, and nothing of another business's is known here.
        ("put", "/v1/accounts/{id}") => {
            let account = |credentials: Value| {
                json!({ "name": "Mine", "currency": "EUR", "mode": "sandbox",
                        "online_payment": { "enabled": true, "gateway": "stripe", "credentials": credentials } })
            };
            let own = json!({ "secret_key": "sk_test_mine", "webhook_secret": "whsec_mine" });
            vec![Call::with(at(ids.account), account(Value::Null)), Call::with(at(ids.account), account(own))]
        }
        ("put", "/v1/contacts/{id}") => vec![
            Call::with(at(ids.contact), json!({ "email": "mine@example.org" })),
            Call::with(at(ids.contact), json!({ "name": "Mine" })),
        ],
        ("put", "/v1/items/{id}") => vec![
            Call::with(at(ids.item), json!({ "title": "Mine" })),
            Call::with(at(ids.item), json!({ "kind": "invoice", "title": "Mine", "contact_id": "c-1042" })),
        ],
        ("put", "/v1/receipt-types/{id}") => vec![
            Call::with(at("below"), json!({ "name": "Mine", "parent_id": ids.receipt_type })),
            Call::with(at(ids.receipt_type), json!({ "name": "Mine" })),
        ],
        ("put", "/v1/message-templates/{kind}/{channel}/{locale}") => vec![Call::with(
            format!("/v1/message-templates/link_created/email/{}", ids.locale),
            json!({ "subject": "Mine", "body": "{{ link }}" }),
        )],
        ("put", "/v1/message-providers/{id}") => {
            let bot = |credentials: Value| json!({ "kind": "bot_api", "base_url": "https://bot.example", "credentials": credentials });
            let token = json!({ "token": format!("1:{}", "m".repeat(35)) });
            vec![
                Call::with(at(ids.provider), json!({ "kind": "bot_api", "base_url": "https://bot.example" })),
                Call::with(at(ids.provider), bot(token)),
                Call::with(at(ids.provider), json!({ "kind": "webhook", "url": "https://mine.example/sms" })),
            ]
        }
        ("put", "/v1/settings") => vec![
            Call::with(path, json!({ "business_name": "Mine", "default_receipt_type_id": ids.receipt_type })),
            Call::with(
                path,
                json!({ "business_name": "Mine", "sms_routes": [{ "prefix": "+98", "provider": ids.provider }] }),
            ),
        ],
        ("put", "/v1/webhook-endpoints/{id}") => vec![
            Call::with(at(ids.endpoint), json!({ "url": "https://mine.example/", "events": ["payment_link.paid"] })),
            Call::with(at(ids.endpoint), json!({ "url": "https://mine.example/" })),
        ],
        _ => panic!("the tour does not know {method} {path}"),
    }
}

/// Method and path of every call of the document: reading first, and settings before what they name is the caller's own.
fn documented() -> Vec<(String, String)> {
    let document = crate::openapi::generated();
    let paths = document["paths"].as_object().unwrap();
    let mut calls: Vec<(String, String)> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    let order = |method: &str| ["get", "delete", "patch", "post", "put"].iter().position(|known| *known == method);
    calls.sort_by_key(|(method, path)| (order(method), path != "/v1/settings", path.clone()));
    calls
}

/// An answer without what may differ from one call to the next: ids, instants, addresses and new secrets.
fn comparable(reply: &Reply, ids: &Ids) -> Value {
    fn without(value: &Value, ids: &Ids) -> Value {
        match value {
            Value::String(text) => {
                let mut text = text.clone();
                for (id, what) in ids.names() {
                    text = text.replace(id, &format!("<{what}>"));
                }
                let made = ["pl_", "at_", "rc_", "rr_", "rf_", "msg_", "evt_", "ex_", "ba_", "whsec_"];
                let is_made = made.iter().any(|kind| text.starts_with(kind));
                let is_instant = text.contains('T') && text.parse::<jiff::Timestamp>().is_ok();
                let is_address = text.contains("/p/") || text.contains("X-Amz-Signature");
                json!(if is_made || is_instant || is_address { "<made>" } else { &text })
            }
            Value::Array(values) => values.iter().map(|value| without(value, ids)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), without(value, ids)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
    let body = serde_json::from_str(&reply.text).unwrap_or_else(|_| json!(reply.text));
    json!({ "status": reply.status.as_u16(), "body": without(&body, ids) })
}

/// Everything in the tables that is not the caller's.
async fn all_but_the_bazaars(world: &World) -> BTreeMap<(String, String), Item> {
    let mut all = everything(&world.cloud).await;
    all.retain(|(pk, _), item| {
        // Schedules are the stack's.
        if pk.starts_with("heartbeat#") {
            return false;
        }
        let named = item.get("business").and_then(|business| business.as_s().ok()).map(String::as_str);
        // A link, its messages and its events say whose they are; everything else says it in its partition.
        let owner = if pk.starts_with("link#") { named } else { pk.split('#').nth(1) };
        owner != Some(BAZAAR)
    });
    all
}

/// Everything that is to be told is told: what the stream has, which nobody brings by itself here, and what waits.
pub(super) async fn tell(world: &World, stream: &mut StreamReader) {
    loop {
        let records = stream.records().await.unwrap();
        if records.is_empty() {
            break;
        }
        world.invoke("deliver-messages", &json!({ "Records": records })).await;
    }
    // An endpoint that was set a moment ago is looked at for some minutes.
    for _ in 0..10 {
        world.turn_clock(Duration::from_secs(61));
        world.invoke("deliver-messages", &json!({ "source": "schedule" })).await;
    }
}

/// One of everything for the demo business, with the canary in each text: a link that was paid and a part of whose money went
/// back, and one about whose money a person has to decide.
pub(super) async fn furnish(world: &World) -> Ids {
    let settings =
        json!({ "business_name": CANARY, "support_url": format!("https://{CANARY}.example/").to_lowercase() });
    world.put("/v1/settings", settings).await;
    world.put("/v1/receipt-types/d-type", json!({ "name": CANARY })).await;
    let credentials = json!({ "secret_key": STRIPE_KEY, "webhook_secret": STRIPE_WEBHOOK_SECRET });
    let online = json!({ "enabled": true, "gateway": "stripe", "credentials": credentials });
    let account = json!({ "name": CANARY, "currency": "EUR", "mode": "sandbox", "online_payment": online });
    world.put("/v1/accounts/d-account", account).await;
    world.put("/v1/contacts/d-contact", json!({ "name": CANARY, "email": "kanarienvogel@example.com" })).await;
    let item = json!({ "kind": "invoice", "title": CANARY, "contact_id": "d-contact",
                       "receipt_fields": [{ "key": "payment", "label": CANARY }] });
    world.put("/v1/items/d-item", item).await;
    let template = json!({ "subject": CANARY, "body": format!("{CANARY} {{{{ link }}}}") });
    world.put("/v1/message-templates/link_created/email/de-CH", template).await;
    let base_url = format!("{}/bot-api", world.cloud.page_url());
    let provider = json!({ "kind": "bot_api", "base_url": base_url,
                           "credentials": { "token": format!("7:{}", "d".repeat(35)) } });
    world.put("/v1/message-providers/d-provider", provider).await;
    // It wants nothing that happens here, so that nothing is tried again for it.
    let endpoint =
        json!({ "url": format!("{}/crm/events", world.cloud.page_url()), "events": ["payment_link.cancelled"] });
    world.put("/v1/webhook-endpoints/d-endpoint", endpoint).await;
    settings_are_read_again().await;
    let body = |more: Value| {
        let mut body = json!({ "account_id": "d-account", "contact_id": "d-contact", "amount": 1999, "locale": "de-CH",
                               "description": CANARY, "recipients": { "contact": true } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let paid =
        json!({ "item_id": "d-item", "after_payment": { "receipt_field": "payment", "receipt_type_id": "d-type" } });
    let paid = world.make_link(body(paid)).await;
    world.pay(&paid, "paid_no_webhook").await;
    let reviewed = body(json!({ "item_id": "d-item", "reference_id": "d-reference" }));
    let key = [("idempotency-key", "d-key")];
    let reviewed = world.crm_with(Method::POST, "/v1/payment-links", reviewed, &key).await;
    assert_eq!(reviewed.status, StatusCode::CREATED, "{}", reviewed.text);
    let reviewed = reviewed.json();
    world.pay(&reviewed, "paid_less").await;
    let reviewed = world.link(&reviewed).await;
    assert_eq!(reviewed["attempts"][0]["status"], "needs_review");
    let receipts = world.get("/v1/receipts?contact_id=d-contact").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let receipt = text(&data(&receipts)[0]["id"]);
    let part = json!({ "amount": 500, "reason": CANARY, "outside": { "reference": CANARY } });
    let path = format!("/v1/receipts/{receipt}/refunds");
    let refund = world.crm_with(Method::POST, &path, part, &[("idempotency-key", "d-refund")]).await;
    assert_eq!(refund.status, StatusCode::CREATED, "{}", refund.text);
    let export = json!({ "list": "/v1/receipts?contact_id=d-contact", "format": "csv" });
    let export = world.crm_with(Method::POST, "/v1/exports", export, &[("idempotency-key", "d-export")]).await;
    assert_eq!(export.status, StatusCode::CREATED, "{}", export.text);
    let hint = world.cloud.work.take().unwrap();
    assert_eq!(world.invoke("run-batches", &hint).await["exports"]["done"], 1);
    let batch = json!({ "format": "csv", "defaults": { "contact_id": "d-contact", "description": CANARY } });
    let batch = world.crm_with(Method::POST, "/v1/batches", batch, &[("idempotency-key", "d-batch")]).await;
    assert_eq!(batch.status, StatusCode::CREATED, "{}", batch.text);
    let link = LinkId::parse(&text(&reviewed["id"])).unwrap();
    Ids {
        business: BusinessId::parse(DEMO).unwrap(),
        account: "d-account",
        contact: "d-contact",
        item: "d-item",
        receipt_type: "d-type",
        provider: "d-provider",
        endpoint: "d-endpoint",
        locale: "de-CH",
        reference: "d-reference",
        key: "d-key",
        attempt: AttemptId::parse(&text(&reviewed["attempts"][0]["id"])).unwrap(),
        message: MessageId::parse(&text(&reviewed["messages"][0]["id"])).unwrap(),
        event: EventId::of(&link, 1),
        receipt: ReceiptId::parse(&receipt).unwrap(),
        refund: RefundId::parse(&text(&refund.json()["id"])).unwrap(),
        export: ExportId::parse(&text(&export.json()["id"])).unwrap(),
        batch: BatchId::parse(&text(&batch.json()["id"])).unwrap(),
        link,
    }
}

#[tokio::test]
async fn no_call_with_a_key_of_one_business_finds_or_changes_what_another_has() {
    let world = World::without_stream().await;
    let mut stream = world.cloud.stream("deliver-messages").unwrap();
    let theirs = furnish(&world).await;
    let own = bazaar_link(&world, 500).await["id"].as_str().unwrap().to_owned();
    tell(&world, &mut stream).await;
    assert!(!data(&world.get("/v1/events").await).is_empty());
    let event = data(&bazaars(&world, "/v1/events").await)[0]["id"].as_str().unwrap().to_owned();
    let (nothing, own) = (Ids::of_nothing(), Own { link: own, event });
    let before = all_but_the_bazaars(&world).await;
    assert!(before.values().any(|item| format!("{item:?}").contains(CANARY)));
    let mut asked = 0;
    for (method, path) in documented() {
        let pairs = calls(&method, &path, &theirs, &own).into_iter().zip(calls(&method, &path, &nothing, &own));
        for (of_theirs, of_nothing) in pairs {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let ask = async |call: &Call| {
                let headers: Vec<(&str, &str)> = call.key.map(|key| ("idempotency-key", key)).into_iter().collect();
                world.crm_as(BAZAAR_KEY, method.clone(), &call.path, call.body.clone(), &headers).await
            };
            let (reply, expected) = (ask(&of_theirs).await, ask(&of_nothing).await);
            let what = format!("{method} {} {}", of_theirs.path, of_theirs.body);
            assert!(!reply.text.to_lowercase().contains(&CANARY.to_lowercase()), "{what}: {}", reply.text);
            for (id, _) in theirs.names().into_iter().filter(|(id, _)| !what.contains(id)) {
                assert!(!reply.text.contains(id), "{what} tells {id}: {}", reply.text);
            }
            assert_eq!(comparable(&reply, &theirs), comparable(&expected, &nothing), "{what}");
            asked += 1;
        }
    }
    assert!(asked > 90, "{asked}");
    // What was asked for is served, too: messages of the caller's links, events that were wanted again.
    tell(&world, &mut stream).await;
    let after = all_but_the_bazaars(&world).await;
    for (at, item) in &before {
        assert_eq!(after.get(at), Some(item), "{at:?} was changed");
    }
    let new: Vec<_> = after.keys().filter(|at| !before.contains_key(*at)).collect();
    assert_eq!(new, Vec::<&(String, String)>::new(), "something was written for another business");
}

#[tokio::test]
async fn every_call_asks_who_calls_and_for_which_business() {
    let world = World::without_stream().await;
    let before = everything(&world.cloud).await;
    let mut asked = 0;
    for (method, path) in documented() {
        let of_platform = path.starts_with("/v1/businesses") || path == "/v1/platform-defaults";
        let path = path.replace("{kind}/{channel}/{locale}", "link_created/sms/en").replace("{id}", DEMO);
        let path = path.replace("{attempt}", "x").replace("{message}", "x");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let ask = async |key: &str, named: Option<&str>| {
            let header: Vec<(&str, &str)> = named.map(|named| ("paylink-business", named)).into_iter().collect();
            let reply = world.crm_as(key, method.clone(), &path, json!({}), &header).await;
            (reply.status.as_u16(), reply.json()["code"].as_str().unwrap_or_default().to_owned())
        };
        let is = |status: u16, code: &str| (status, code.to_owned());
        for key in ["", "wrong", "plk_demo_wrong", "plp_wrong"] {
            for named in [None, Some(DEMO)] {
                assert_eq!(ask(key, named).await, is(401, "unauthorized"), "{method} {path} with {key}");
            }
        }
        if of_platform {
            assert_eq!(ask(BAZAAR_KEY, None).await, is(403, "scope_missing"), "{method} {path}");
        } else {
            assert_eq!(ask(PLATFORM_KEY, None).await, is(400, "business_required"), "{method} {path}");
            assert_eq!(ask(PLATFORM_KEY, Some("nobody")).await, is(404, "business_not_found"), "{method} {path}");
            assert_eq!(ask(BAZAAR_KEY, Some(DEMO)).await, is(403, "foreign_business"), "{method} {path}");
        }
        asked += 1;
    }
    assert!(asked > 45, "{asked}");
    assert_eq!(everything(&world.cloud).await, before);
}

//! The examples of the OpenAPI document: a story in which each call is made once, with the body that the document shows,
//! and answered with what it shows.
//!
//! What the program answered when they were last written down lies in `functions/crm-api/examples.json`. It is written anew
//! together with the document, where more of it became another than ids, instants and secrets.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use paylink_local::seed::{API_KEY, LINE_KEY, PLATFORM_KEY};
use regex_lite::{Captures, Regex};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tests::answers::{document, followed, operation, schema_of, validator, wrong};
use tests::{Functions, Reply, World, api_gateway_event, root};

use super::is_written_down;

const AUTHORIZATION: &str = "Bearer plk_demo_local-crm-key";

/// That of functions that this story calls by itself.
static CLOCK: AtomicI64 = AtomicI64::new(0);

const FILE: &str = "functions/crm-api/examples.json";

/// What the examples say instead of addresses and secrets of one run.
const HOST: &str = "https:${1}pay.example.com";
const SECRET: &str = "whsec_ZXhhbXBsZSBvZiBhIHNpZ25pbmcgc2VjcmV0";

/// What was posted to the CRM: where to, with which header, and what.
type Posted = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;

/// A CRM that takes whatever it is sent, and where it is.
async fn crm() -> (String, Posted) {
    let posted = Posted::default();
    let take = async |State(posted): State<Posted>, uri: Uri, headers: HeaderMap, body: String| {
        posted.lock().unwrap().push((uri.path().to_owned(), headers, serde_json::from_str(&body).unwrap()));
        StatusCode::NO_CONTENT
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(take).with_state(Posted::clone(&posted));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, posted)
}

/// The world, and the examples so far: by the name of the call its body, and its answers by their status.
struct Story {
    world: World,
    told: Map<String, Value>,
}

impl Story {
    async fn call_as(&mut self, key: &str, method: Method, path: &str, body: Value) -> Reply {
        self.call_with(key, method, path, body, &[]).await
    }

    async fn call_with(
        &mut self,
        key: &str,
        method: Method,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Reply {
        let reply = self.world.crm_as(key, method.clone(), path, body.clone(), headers).await;
        let call = operation(&method, path).unwrap_or_else(|| panic!("the document has no {method} {path}"));
        let id = call["operationId"].as_str().unwrap();
        let status = reply.status.as_str();
        let is_json = schema_of(followed(document(), &call["responses"][status])).is_some();
        if reply.status.is_success() {
            let example = self.told.entry(id).or_insert_with(|| json!({}));
            if !body.is_null() {
                example["body"] = body;
            }
            if is_json {
                example["answers"][status] = reply.json();
            }
        } else {
            self.told.entry("refusals").or_insert_with(|| json!({}))[status] = reply.json();
        }
        reply
    }

    /// A call that is answered as it should be, of the demo business or, where that is for it, of the platform.
    async fn call(&mut self, method: Method, path: &str, body: Value) -> Value {
        let is_of_the_platform = ["/v1/businesses", "/v1/platform-defaults"].iter().any(|of| path.starts_with(of));
        let key = if is_of_the_platform { PLATFORM_KEY } else { API_KEY };
        let reply = self.call_as(key, method.clone(), path, body).await;
        assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
        if reply.text.starts_with('{') { reply.json() } else { Value::Null }
    }

    async fn get(&mut self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await
    }

    async fn put(&mut self, path: &str, body: Value) -> Value {
        self.call(Method::PUT, path, body).await
    }

    async fn patch(&mut self, path: &str, body: Value) -> Value {
        self.call(Method::PATCH, path, body).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.call(Method::POST, path, body).await
    }

    /// A call that is made under a key or not at all.
    async fn post_once(&mut self, path: &str, body: Value) -> Value {
        let key = [("idempotency-key", path)];
        let reply = self.call_with(API_KEY, Method::POST, path, body, &key).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text);
        reply.json()
    }

    async fn refused(&mut self, status: u16, method: Method, path: &str, body: Value) {
        let reply = self.call_as(API_KEY, method, path, body).await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
    }
}

/// The platform sets up a business, and takes it away again.
async fn a_business_comes_and_goes(story: &mut Story) {
    let one = "/v1/businesses/acme";
    story
        .put(
            "/v1/platform-defaults",
            json!({ "time_zone": "Asia/Tehran", "default_locale": "fa", "default_region": "IR" }),
        )
        .await;
    story.patch("/v1/platform-defaults", json!({ "max_sms_segments": 4 })).await;
    story.get("/v1/platform-defaults").await;
    let quotas = json!({ "links_per_day": 5_000, "calls_per_second": 10 });
    story.put(one, json!({ "name": "Acme Trading", "pay_url": "https://pay.acme.example", "quotas": quotas })).await;
    story.patch(one, json!({ "quotas": { "messages_per_day": 10_000 } })).await;
    story.get(one).await;
    story.get("/v1/businesses?limit=1").await;
    story.get("/v1/businesses/acme/usage?month=2026-11").await;
    story.post("/v1/businesses/acme/suspend", json!({ "reason": "The contract ended." })).await;
    story.post("/v1/businesses/acme/resume", json!({})).await;
    story.post("/v1/businesses/acme/suspend", json!({ "reason": "The contract ended." })).await;
    story.get("/v1/businesses/acme/export?limit=2").await;
    // Longer than anybody works with what was known before.
    story.world.turn_clock(Duration::from_secs(120));
    story.post("/v1/businesses/acme/erase", json!({ "confirm": "acme" })).await;
}

/// Everything that a business sets up before its first link, and each record that can be deleted once.
async fn a_business_is_set_up(story: &mut Story, crm: &str) {
    let line = format!("{crm}/messages");
    story.put("/v1/message-providers/own-line", json!({ "kind": "webhook", "url": line })).await;
    story.get("/v1/message-providers/own-line").await;
    story.patch("/v1/message-providers/own-line", json!({ "url": line })).await;
    story.post("/v1/message-providers/own-line/rotate-secret", json!({ "overlap_hours": 48 })).await;
    story.get("/v1/message-providers?limit=1").await;
    let endpoint = json!({ "url": format!("{crm}/events"), "events": [] });
    story.put("/v1/webhook-endpoints/crm", endpoint).await;
    story.patch("/v1/webhook-endpoints/crm", json!({ "enabled": true })).await;
    story.get("/v1/webhook-endpoints/crm").await;
    story.get("/v1/webhook-endpoints?limit=1").await;
    story.post("/v1/webhook-endpoints/crm/rotate-secret", json!({ "overlap_hours": 24 })).await;
    story.put("/v1/receipt-types/sales", json!({ "name": "Sales" })).await;
    story.put("/v1/receipt-types/deposit", json!({ "name": "Deposit", "parent_id": "sales" })).await;
    story.patch("/v1/receipt-types/deposit", json!({ "name": "Deposits" })).await;
    story.get("/v1/receipt-types/deposit").await;
    story.get("/v1/receipt-types?limit=1").await;
    let credentials = json!({ "merchant_id": "1344b5d4-0048-11e8-94db-005056a205be" });
    let online_payment =
        json!({ "enabled": true, "gateway": "zarinpal", "summary_page": false, "credentials": credentials });
    let account =
        json!({ "name": "Main account", "currency": "IRR", "mode": "sandbox", "online_payment": online_payment });
    story.put("/v1/accounts/shop", account).await;
    story.patch("/v1/accounts/shop", json!({ "online_payment": { "late_payment": "refund" } })).await;
    story.get("/v1/accounts/shop").await;
    story.get("/v1/accounts?limit=1").await;
    story.post("/v1/accounts/shop/check", json!({})).await;
    let credentials = json!({ "secret_key": "sk_test_0123456789abcdef", "webhook_secret": "whsec_0123456789abcdef" });
    let online_payment = json!({ "enabled": true, "gateway": "stripe", "credentials": credentials });
    let abroad = json!({ "name": "Abroad", "currency": "EUR", "mode": "sandbox", "online_payment": online_payment });
    story.put("/v1/accounts/abroad", abroad).await;
    story.get("/v1/accounts/abroad/look-back").await;
    story.get("/v1/gateways?limit=1").await;
    let sms_routes =
        json!([{ "prefix": "+98", "provider": "kavenegar" }, { "prefix": "+971", "provider": "own-line" }]);
    let settings = json!({
        "business_name": "Demo Business", "brand_color": "#0e6e66", "support_phone": "+98 21 1234", "time_zone": "Asia/Tehran",
        "default_locale": "fa", "default_region": "IR", "default_expires_in_days": 7, "sms_routes": sms_routes,
        "default_receipt_type_id": "deposit", "return_url_hosts": ["crm.example"],
    });
    story.put("/v1/settings", settings).await;
    story.patch("/v1/settings", json!({ "support_url": "https://example.com/help" })).await;
    story.get("/v1/settings").await;
    let template = "/v1/message-templates/link_created/sms/en";
    story.put(template, json!({ "body": "{{ business.name }}: {{ amount }} for {{ item.title }}\n{{ link }}" })).await;
    story.patch(template, json!({ "body": "{{ business.name }} asks for {{ amount }}: {{ link }}" })).await;
    story.get(template).await;
    story.get("/v1/message-templates?limit=1").await;
    story.call(Method::DELETE, template, Value::Null).await;
    let people = json!([{ "role": "accountant", "name": "Sara Ahmadi", "email": "sara@example.com" }]);
    let contact = json!({
        "name": "Tehran Books", "mobile": "0912 345 6789", "email": "info@example.com", "locale": "fa-IR",
        "balance": { "amount": 1_500_000, "currency": "IRR" }, "people": people,
    });
    story.put("/v1/contacts/c-2001", contact).await;
    story.patch("/v1/contacts/c-2001", json!({ "profile_url": "https://crm.example/contacts/2001" })).await;
    story.get("/v1/contacts/c-2001").await;
    story.get("/v1/contacts?limit=1").await;
    let item = json!({
        "kind": "invoice", "title": "Invoice 2001", "contact_id": "c-2001", "amount": 1_500_000, "currency": "IRR",
        "receipt_fields": [{ "key": "payment", "label": "Payment" }],
    });
    story.put("/v1/items/inv-2001", item).await;
    story.patch("/v1/items/inv-2001", json!({ "due_at": "2026-12-15" })).await;
    story.get("/v1/items/inv-2001").await;
    story.get("/v1/items?limit=1").await;
    // What everybody knew is older than that.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

/// Whether everybody was told who is told of a link.
fn all_sent(link: &Value) -> bool {
    link["messages"].as_array().unwrap().iter().all(|message| message["status"] == "sent")
}

/// The life of a link from its draft to its receipt.
async fn a_link_is_paid(story: &mut Story) {
    let draft = story.post("/v1/payment-links/draft", json!({ "account_id": "shop", "item_id": "inv-2001" })).await;
    assert_eq!(draft["problems"], json!([]));
    let body = json!({
        "account_id": "shop", "contact_id": "c-2001", "item_id": "inv-2001", "expires_in_days": 7,
        "description": "Invoice 2001",
        "recipients": { "contact": true, "roles": ["accountant"], "mobiles": ["+971 50 000 0000"] },
        "after_payment": { "receipt_type_id": "deposit", "receipt_field": "payment" },
        "return_url": "https://crm.example/invoices/2001", "metadata": { "deal": "D-12" },
    });
    let link = story.post("/v1/payment-links", body).await;
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    story.patch(&path, json!({ "expires_in_days": 14, "internal_note": "Called on Monday." })).await;
    let messages = link["messages"].as_array().unwrap();
    let message = messages.iter().find(|message| message["to"] == "+971500000000").unwrap();
    story.world.wait_for(&link, all_sent).await;
    let report = format!("{path}/messages/{}/report", message["id"].as_str().unwrap());
    let reported = json!({ "status": "delivered", "provider_id": "sms-77" });
    let reply = story.call_as(LINE_KEY, Method::POST, &report, reported).await;
    assert!(reply.status.is_success(), "{}", reply.text);
    story.refused(429, Method::POST, &format!("{path}/messages"), json!({})).await;
    story.world.turn_clock(Duration::from_secs(61));
    story.post(&format!("{path}/messages"), json!({ "recipients": { "contact": true } })).await;
    story.world.wait_for(&link, all_sent).await;
    story.get("/v1/payment-links?limit=1&status=active").await;
    story.world.pay(&link, "paid").await;
    story.get(&path).await;
    story.world.wait_for_event(&link, "receipt.registered").await;
    let receipts = story.get("/v1/receipts?limit=1").await;
    let receipt = format!("/v1/receipts/{}", receipts["data"][0]["id"].as_str().unwrap());
    story.get(&receipt).await;
    let returned = json!({ "amount": 1_500_000, "reason": "The chairs were not delivered" });
    let refund = story.post_once(&format!("{receipt}/refunds"), returned).await;
    story.world.turn_clock(Duration::from_secs(61));
    story.world.sweep().await;
    story.world.wait_for_event(&link, "refund.succeeded").await;
    story.get(&format!("/v1/refunds/{}", refund["id"].as_str().unwrap())).await;
    story.get("/v1/refunds?limit=1&status=succeeded").await;
    story.get("/v1/search?q=Tehran").await;
    story.get("/v1/totals?group_by=month&mode=sandbox&from=2026-11-01&to=2026-11-30").await;
    books_are_closed(story).await;
    story.world.turn_clock(Duration::from_secs(11));
    let mut events = story.get("/v1/events?type=payment_link.paid&limit=1").await;
    let is_told = |events: &Value| {
        events["data"][0]["deliveries"]
            .as_array()
            .is_some_and(|all| all.len() == 2 && all.iter().all(|delivery| delivery["status"] == "delivered"))
    };
    while !is_told(&events) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        events = story.get("/v1/events?type=payment_link.paid&limit=1").await;
    }
    let event = format!("/v1/events/{}", events["data"][0]["id"].as_str().unwrap());
    story.get(&event).await;
    story.post(&format!("{event}/redeliver"), json!({ "endpoint_id": "crm" })).await;
    story.get("/v1/audit-log?limit=1").await;
}

/// What books have of the days is held against a list in which one payment has another amount.
async fn books_are_closed(story: &mut Story) {
    let days = "account_id=shop&from=2026-11-01&to=2026-11-30";
    let receipts = story.world.get("/v1/receipts?account_id=shop").await;
    let mut list = "reference,time,amount_rial\n".to_owned();
    for receipt in receipts["data"].as_array().unwrap() {
        let (sign, less) = if receipt["kind"] == "refund" { ("-", 0) } else { ("", 10_000) };
        let amount = receipt["amount"].as_i64().unwrap() - less;
        let text = |name: &str| receipt[name].as_str().unwrap();
        list += &format!("{},{},{sign}{amount}\n", text("gateway_reference"), text("booked_at"));
    }
    story.post(&format!("/v1/reconciliation?{days}"), json!(list)).await;
}

/// What was received is carried away as a file, and what nobody needs any more is not.
async fn a_list_is_carried_away(story: &mut Story) {
    let receipts = json!({
        "list": "/v1/receipts?registered_from=2026-11-01&registered_to=2026-11-30", "format": "xlsx", "calendar": "persian",
        "locale": "fa", "rial_unit": "toman"
    });
    let export = story.post("/v1/exports", receipts.clone()).await;
    let hint = story.world.cloud.work.take().unwrap();
    story.world.invoke("run-batches", &hint).await;
    story.get(&format!("/v1/exports/{}", export["id"].as_str().unwrap())).await;
    story.get("/v1/exports?limit=1").await;
    let again = story.world.crm(Method::POST, "/v1/exports", receipts).await.json();
    story.post(&format!("/v1/exports/{}/cancel", again["id"].as_str().unwrap()), Value::Null).await;
}

/// Links are made of a spreadsheet, until somebody thinks better of it.
async fn links_are_made_of_a_file(story: &mut Story) {
    let wanted = json!({
        "format": "csv", "source": "Arrears of November", "locale": "en", "per_minute": 600,
        "defaults": { "account_id": "main", "recipients": { "contact": true }, "expires_in_days": 10 }
    });
    let batch = story.post("/v1/batches", wanted).await;
    let file =
        "contact id,amount (toman),due date,remark\nc-1042,150000,1405/10/01,\nc-1042,2.500.000,,typing mistake\n";
    let upload = reqwest::Client::new().put(batch["upload"]["url"].as_str().unwrap());
    upload.header("content-type", "text/csv; charset=utf-8").body(file).send().await.unwrap();
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    while story.world.cloud.work.take().is_some() {}
    story.post(&format!("{path}/check"), Value::Null).await;
    let hint = story.world.cloud.work.take().unwrap();
    story.world.invoke("run-batches", &hint).await;
    story.get(&path).await;
    story.get("/v1/batches?limit=1").await;
    story.post(&format!("{path}/run"), json!({ "skip_wrong": true })).await;
    story.post(&format!("{path}/pause"), Value::Null).await;
    story.post(&format!("{path}/cancel"), Value::Null).await;
    while story.world.cloud.work.take().is_some() {}
}

/// The same against the gateway's own lists, after somebody gave a part back in its dashboard.
async fn books_are_held_against_a_gateway(story: &mut Story) {
    let euro = story.world.euro_link().await;
    story.world.pay(&euro, "paid").await;
    let books = story.world.books("stripe").await;
    let session = books[0]["id"].as_str().unwrap();
    let order = format!("{}/stripe/simulator/{session}/dashboard_refund", story.world.cloud.page_url());
    let headers = [("content-type", "application/json")];
    let part = json!({ "amount": 500 }).to_string();
    assert!(story.world.send(Method::POST, &order, &headers, Some(part)).await.status.is_success());
    story.get("/v1/reconciliation?account_id=euro&from=2026-11-01&to=2026-11-30").await;
}

/// What does not go as it should, and what is taken away in the end.
async fn things_end(story: &mut Story) {
    let body = json!({ "account_id": "main", "contact_id": "c-2001", "amount": 250_000, "currency": "IRR" });
    let link = story.world.make_link(body).await;
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let renewed = json!({ "amount": 200_000, "expires_in_days": 14, "description": "With the discount" });
    let newest = story.post(&format!("{path}/replace"), renewed).await;
    story.refused(409, Method::POST, &format!("{path}/replace"), json!({})).await;
    let path = format!("/v1/payment-links/{}", newest["id"].as_str().unwrap());
    story.post(&format!("{path}/cancel"), json!({ "reason": "Paid in cash", "force": false })).await;
    story.refused(409, Method::POST, &format!("{path}/cancel"), json!({})).await;
    money_comes_otherwise(story).await;
    books_are_held_against_a_gateway(story).await;
    let body = json!({ "account_id": "zibal", "contact_id": "c-2001", "amount": 250_000, "currency": "IRR" });
    let less = story.world.make_link(body).await;
    let page = story.world.go_to_gateway(&less).await;
    let chosen = story.world.choose(&page, "paid_less").await;
    story.world.come_back(&chosen).await;
    let reviewed = story.world.link(&less).await;
    let attempt = reviewed["attempts"][0]["id"].as_str().unwrap();
    let resolve = format!("/v1/payment-links/{}/attempts/{attempt}/resolve", less["id"].as_str().unwrap());
    story.post(&resolve, json!({ "outcome": "keep" })).await;
    a_refund_needs_a_person(story, &less, attempt).await;
    let nothing = Value::Null;
    story.refused(422, Method::POST, "/v1/payment-links", json!({ "account_id": "shop", "amount": 0 })).await;
    story.refused(400, Method::GET, "/v1/payment-links?colour=red", nothing.clone()).await;
    story.refused(404, Method::GET, "/v1/contacts/nobody", nothing.clone()).await;
    story.refused(403, Method::GET, "/v1/businesses", nothing.clone()).await;
    let unknown = story.call_as("plk_demo_nobody", Method::GET, "/v1/settings", nothing.clone()).await;
    assert_eq!(unknown.status.as_u16(), 401);
    let large = json!({ "name": "x".repeat(65 * 1024) });
    story.refused(413, Method::PUT, "/v1/contacts/c-2001", large).await;
    let if_match = [("if-match", "\"another\"")];
    let reply = story.world.crm_with(Method::PATCH, "/v1/contacts/c-2001", json!({ "name": "X" }), &if_match).await;
    assert_eq!(reply.status.as_u16(), 412, "{}", reply.text);
    story.told["refusals"]["412"] = reply.json();
    let form = [("authorization", AUTHORIZATION), ("content-type", "application/x-www-form-urlencoded")];
    let reply = story.world.send(Method::PUT, "/v1/contacts/c-2001", &form, Some("name=X".to_owned())).await;
    assert_eq!(reply.status.as_u16(), 415, "{}", reply.text);
    story.told["refusals"]["415"] = reply.json();
    story.told["refusals"]["503"] = while_nothing_can_be_read(&story.world).await;
    for gone in ["items/inv-2001", "contacts/c-2001", "accounts/shop", "webhook-endpoints/crm"] {
        story.call(Method::DELETE, &format!("/v1/{gone}"), nothing.clone()).await;
    }
}

/// A cheque is waited for and written down, and turns out to be another customer's.
async fn money_comes_otherwise(story: &mut Story) {
    let body = json!({ "account_id": "main", "contact_id": "c-2001", "amount": 900_000, "currency": "IRR" });
    let link = story.world.make_link(body.clone()).await;
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let hold = json!({ "reason": "cheque", "until": "2026-12-20T12:00:00+03:30", "stops_paying": true });
    story.post(&format!("{path}/hold"), hold).await;
    story.call(Method::DELETE, &format!("{path}/hold"), Value::Null).await;
    let cheque = json!({ "received_by": "cheque", "reference": "CHQ-4711", "note": "Handed over at the desk" });
    let paid = story.post_once(&format!("{path}/payments"), cheque).await;
    let receipt = format!("/v1/receipts/{}", paid["receipts"][0].as_str().unwrap());
    story.post(&format!("{receipt}/void"), json!({ "reason": "Another customer's cheque" })).await;
    let mut without = body;
    without["after_payment"] = json!({ "register_receipt": false });
    let link = story.world.make_link(without).await;
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let cash = [("idempotency-key", "desk-17")];
    let payments = format!("{path}/payments");
    let paid = story.world.crm_with(Method::POST, &payments, json!({ "received_by": "cash" }), &cash);
    let attempt = paid.await.json()["attempts"][0]["id"].as_str().unwrap().to_owned();
    story.post(&format!("{path}/attempts/{attempt}/void"), json!({ "reason": "Counted twice" })).await;
}

/// A gateway takes an order to send money back, and does not finish it.
async fn a_refund_needs_a_person(story: &mut Story, link: &Value, attempt: &str) {
    story.world.sweep().await;
    let order = format!("{}/zibal/simulator/next_refund", story.world.cloud.page_url());
    let headers = [("content-type", "application/json")];
    let becomes = json!({ "becomes": "pending" }).to_string();
    assert!(story.world.send(Method::POST, &order, &headers, Some(becomes)).await.status.is_success());
    let refunds = format!("/v1/payment-links/{}/attempts/{attempt}/refunds", link["id"].as_str().unwrap());
    let refund = story.post_once(&refunds, json!({})).await;
    let refund = format!("/v1/refunds/{}", refund["id"].as_str().unwrap());
    story.world.turn_clock(Duration::from_secs(61));
    story.world.sweep().await;
    story.world.turn_clock(Duration::from_secs(15 * 24 * 3600));
    story.world.sweep().await;
    assert_eq!(story.world.get(&refund).await["status"], "needs_review");
    story.post(&format!("{refund}/resolve"), json!({ "outcome": "refunded" })).await;
}

/// What a call is answered whose function does not reach the table.
async fn while_nothing_can_be_read(world: &World) -> Value {
    let mut environment = world.cloud.environment.clone();
    // Nothing listens on this port.
    environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), "http://127.0.0.1:1".to_owned());
    let functions = Functions::in_environment(environment, &CLOCK);
    let event = api_gateway_event("GET", "/v1/settings", &[("authorization", AUTHORIZATION)], None, false);
    let response = functions.http(&event).await;
    assert_eq!(response.status().as_u16(), 503);
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// Holds what was posted against the document's webhooks, and keeps one of each kind of body.
fn sent(story: &mut Story, posted: &Posted) {
    let document = document();
    for (path, headers, body) in posted.lock().unwrap().iter() {
        let (name, id) = if path == "/events" { ("event", "receive_event") } else { ("message", "receive_message") };
        let webhook = &document["webhooks"][name]["post"];
        let schema = validator(document, schema_of(&webhook["requestBody"]).unwrap());
        assert_eq!(wrong(&schema, body), [], "{body}");
        for parameter in webhook["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            match headers.get(name) {
                Some(value) => {
                    let value = json!(value.to_str().unwrap());
                    assert_eq!(wrong(&validator(document, &parameter["schema"]), &value), [], "{name}");
                }
                None => assert_ne!(parameter["required"], true, "{name} was not sent"),
            }
        }
        if name == "message" || body["type"] == "payment_link.paid" {
            story.told.entry(id).or_insert_with(|| json!({ "body": body }));
        }
    }
    assert!(story.told.contains_key("receive_event") && story.told.contains_key("receive_message"));
}

/// The story, told from its beginning.
async fn told() -> Map<String, Value> {
    let (address, posted) = crm().await;
    let world = World::in_process_since("2026-11-29T06:30:00Z".parse().unwrap()).await;
    let mut story = Story { world, told: Map::new() };
    a_business_is_set_up(&mut story, &address).await;
    a_link_is_paid(&mut story).await;
    a_list_is_carried_away(&mut story).await;
    links_are_made_of_a_file(&mut story).await;
    things_end(&mut story).await;
    a_business_comes_and_goes(&mut story).await;
    sent(&mut story, &posted);
    let mut told = Value::Object(std::mem::take(&mut story.told));
    replace(&mut told, &|text| {
        let text = Regex::new(r"http:(//|&#x2f;&#x2f;)(localhost|127\.0\.0\.1)(:\d+)?")
            .unwrap()
            .replace_all(text, HOST)
            .into_owned();
        // Where files lie is another host, and what stands behind it is signed anew each time.
        let text = Regex::new(r"https://pay\.example\.com/s3/[a-z-]+/(\S+)\?\S+")
            .unwrap()
            .replace_all(&text, "https://paylink-files.s3.eu-central-1.amazonaws.com/${1}?X-Amz-Signature=signature")
            .into_owned();
        Regex::new(r"whsec_[A-Za-z0-9+/=]+").unwrap().replace_all(&text, SECRET).into_owned()
    });
    match told {
        Value::Object(told) => told,
        _ => unreachable!("it was one"),
    }
}

/// Changes every text.
fn replace(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(list) => list.iter_mut().for_each(|one| replace(one, change)),
        Value::Object(fields) => fields.values_mut().for_each(|one| replace(one, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Forgets how far each message was when it was looked at, which nobody waits for here.
fn forget_states(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(forget_states),
        Value::Object(fields) => {
            if fields.contains_key("channel") && fields.contains_key("moved_to") {
                for state in ["status", "reason", "provider_id", "sent_at", "delivered_at", "failed_at"] {
                    fields.insert(state.to_owned(), Value::Null);
                }
            }
            // A file has a few bytes more or less, by what gateways call payments.
            if fields.contains_key("url_expires_at") {
                fields.insert("bytes".to_owned(), Value::Null);
            }
            fields.values_mut().for_each(forget_states);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An example without what is another in each run: ids, tokens, instants, seconds to wait, versions, numbers that gateways
/// give and states of messages.
fn comparable(example: &Value) -> Value {
    let mut example = example.clone();
    forget_states(&mut example);
    let forms = [
        (r"\b(pl|at|rc|rf|msg|evt|al|ba|ex)_[1-9A-HJ-NP-Za-km-z]{22}", "${1}_"),
        (r"/(p|r)/[1-9A-HJ-NP-Za-km-z]{22}", "/${1}/"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)", "instant"),
        (r"Ask again in \d+ seconds", "Ask again in some seconds"),
        (r"(?m)^A?\d{6,},", "number,"),
        (r"^[0-9a-f]{64}$|^\d{13}-[0-9a-f]+$|^[A-Za-z0-9+/_=-]{20,}$|^A?\d{6,}$", "number"),
    ];
    let forms = forms.map(|(form, instead)| (Regex::new(form).unwrap(), instead));
    replace(&mut example, &|text| {
        let mut text = text.to_owned();
        for (form, instead) in &forms {
            text = form
                .replace_all(&text, |found: &Captures<'_>| {
                    instead.replace("${1}", found.get(1).map_or("", |one| one.as_str()))
                })
                .into_owned();
        }
        text
    });
    example
}

/// The examples as they were last written down.
pub(super) fn written() -> Map<String, Value> {
    let text = std::fs::read_to_string(root().join(FILE)).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).unwrap()
}

/// Tells the story, and writes down what became another.
pub(super) async fn write() {
    let before = written();
    let told: BTreeMap<String, Value> = told().await.into_iter().collect();
    let examples: BTreeMap<&String, &Value> = told
        .iter()
        .map(|(id, example)| {
            let same = before.get(id).filter(|known| comparable(known) == comparable(example));
            (id, same.unwrap_or(example))
        })
        .collect();
    let text = format!("{}\n", serde_json::to_string_pretty(&examples).unwrap());
    std::fs::write(root().join(FILE), text).unwrap();
}

#[tokio::test]
async fn the_examples_are_what_the_program_takes_and_answers() {
    if is_written_down() {
        return;
    }
    let (told, written) = (told().await, written());
    let ids: Vec<&String> = told.keys().collect();
    assert_eq!(ids, written.keys().collect::<Vec<_>>(), "run `make openapi` and look at the difference");
    for (id, example) in &told {
        let written = comparable(&written[id]);
        assert_eq!(comparable(example), written, "{id}: run `make openapi` and look at the difference");
    }
}

#[test]
fn every_body_and_every_answer_has_an_example_that_fits() {
    if is_written_down() {
        return;
    }
    let document = document();
    let paths = document["paths"].as_object().unwrap().values();
    let sent = document["webhooks"].as_object().unwrap().values();
    for call in paths.chain(sent).flat_map(|methods| methods.as_object().unwrap().values()) {
        let id = call["operationId"].as_str().unwrap();
        let answers = call["responses"].as_object().unwrap().iter();
        // What a line answers is its own.
        let answers = answers.filter(|_| id != "receive_message");
        let contents = answers.map(|(status, answer)| (status.as_str(), followed(document, answer)));
        for (what, part) in contents.chain([("body", &call["requestBody"])]) {
            let Some(schema) = schema_of(part) else { continue };
            let content = part["content"].as_object().unwrap().values().next().unwrap();
            assert!(!content["example"].is_null(), "{id} {what} has no example");
            assert_eq!(wrong(&validator(document, schema), &content["example"]), [], "{id} {what}");
        }
    }
}

//! The export of a business: everything that its own calls show, once, nothing of another business, and no secret.

use domain::Timestamp;
use paylink_local::crm::SIGNING_SECRET;
use paylink_local::seed::{
    API_KEY, BAZAAR, BAZAAR_KEY, DEMO, LINE_KEY, MOLLIE_KEY, PLATFORM_KEY, RAZORPAY_SECRET, RAZORPAY_WEBHOOK_SECRET,
    STRIPE_KEY, STRIPE_WEBHOOK_SECRET, ZARINPAL_MERCHANT,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use simulators::providers::{bot, crm_line, kavenegar};
use store::{ApiKey, KeyHolder, Scope};
use tests::World;

use super::tour::{furnish, tell};
use super::{bazaar_link, data, put_as_bazaar};

const EXPORT: &str = "/v1/businesses/demo/export";

/// What of an export has this kind.
fn of_kind<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["object"] == kind).collect()
}

async fn walk(world: &World, key: &str, limit: usize) -> Vec<Value> {
    let (mut entries, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{EXPORT}?limit={limit}{cursor}");
        let page = world.crm_as(key, Method::GET, &path, Value::Null, &[]).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
        let page = page.json();
        assert!(data(&page).len() <= limit, "{path}");
        entries.extend(data(&page).clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return entries,
        }
    }
}

/// All of a list of the demo business, page by page.
async fn listed(world: &World, path: &str) -> Vec<Value> {
    let (mut entries, mut cursor) = (Vec::new(), String::new());
    loop {
        let mark = if path.contains('?') { '&' } else { '?' };
        let page = world.get(&format!("{path}{mark}limit=100{cursor}")).await;
        entries.extend(data(&page).clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return entries,
        }
    }
}

/// What is in a log beside who looked.
fn changes(log: Vec<&Value>) -> Vec<Value> {
    log.into_iter().filter(|entry| entry["action"] != "read").cloned().collect()
}

#[tokio::test]
async fn everything_of_a_business_is_shown_once_in_one_walk_as_its_own_calls_show_it() {
    let world = World::without_stream().await;
    let mut stream = world.cloud.stream("deliver-messages").unwrap();
    furnish(&world).await;
    put_as_bazaar(&world, "/v1/contacts/b-contact", json!({ "name": "Only of the bazaar" })).await;
    let others = bazaar_link(&world, 500).await;
    tell(&world, &mut stream).await;

    let entries = walk(&world, PLATFORM_KEY, 3).await;
    let business = world.platform(None, Method::GET, "/v1/businesses/demo", Value::Null).await.json();
    assert_eq!(of_kind(&entries, "business"), [&business]);
    assert_eq!(of_kind(&entries, "settings"), [&world.get("/v1/settings").await]);
    for (kind, list) in [
        ("account", "/v1/accounts"),
        ("receipt_type", "/v1/receipt-types"),
        ("message_provider", "/v1/message-providers"),
        ("webhook_endpoint", "/v1/webhook-endpoints"),
        ("contact", "/v1/contacts"),
        ("item", "/v1/items"),
        ("event", "/v1/events"),
    ] {
        let expected = listed(&world, list).await;
        assert!(!expected.is_empty(), "{list}");
        assert_eq!(of_kind(&entries, kind), expected.iter().collect::<Vec<_>>(), "{list}");
    }
    let own_texts = listed(&world, "/v1/message-templates").await;
    let own_texts: Vec<&Value> = own_texts.iter().filter(|text| text["source"] == "custom").collect();
    assert!(!own_texts.is_empty());
    assert_eq!(of_kind(&entries, "message_template"), own_texts);
    for (kind, list, at) in
        [("payment_link", "/v1/payment-links", "created_at"), ("receipt", "/v1/receipts", "registered_at")]
    {
        let mut expected = listed(&world, list).await;
        expected.sort_by_key(|one| (std::cmp::Reverse(one[at].as_str().unwrap().to_owned()), one["id"].to_string()));
        let mut shown = of_kind(&entries, kind);
        shown.sort_by_key(|one| (std::cmp::Reverse(one[at].as_str().unwrap().to_owned()), one["id"].to_string()));
        assert!(!expected.is_empty(), "{list}");
        assert_eq!(shown, expected.iter().collect::<Vec<_>>(), "{list}");
    }
    // Refunds lie in their links.
    let refunds = listed(&world, "/v1/refunds").await;
    assert!(!refunds.is_empty());
    let links = of_kind(&entries, "payment_link");
    let attempts = links.iter().flat_map(|link| link["attempts"].as_array().unwrap());
    let shown: Vec<&Value> = attempts.flat_map(|attempt| attempt["refunds"].as_array().unwrap()).collect();
    assert_eq!(shown, refunds.iter().collect::<Vec<_>>());
    let keys = of_kind(&entries, "api_key");
    let mut keys: Vec<_> = keys.iter().map(|key| (key["integration"].as_str().unwrap(), &key["scopes"])).collect();
    keys.sort_by_key(|(integration, _)| *integration);
    let all = json!(["read", "write", "admin", "refund", "report"]);
    assert_eq!(keys, [("demo-crm", &all), ("demo-line", &json!(["report"]))]);
    let log = listed(&world, "/v1/audit-log").await;
    assert_eq!(changes(of_kind(&entries, "audit_entry")), changes(log.iter().collect()));
    let known = [
        "business",
        "settings",
        "account",
        "receipt_type",
        "message_template",
        "message_provider",
        "webhook_endpoint",
        "api_key",
        "contact",
        "item",
        "payment_link",
        "receipt",
        "event",
        "audit_entry",
    ];
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["object"].as_str().unwrap()).collect();
    assert!(kinds.iter().all(|kind| known.contains(kind)), "{kinds:?}");

    // However it is cut into pages, it is the same walk.
    let is_no_look = |entry: &&Value| entry["action"] != "read";
    let at_once = walk(&world, PLATFORM_KEY, 100).await;
    assert!(entries.iter().filter(is_no_look).eq(at_once.iter().filter(is_no_look)));

    let text: String = entries.iter().map(Value::to_string).collect();
    for others in ["Only of the bazaar", "The Bazaar", "Bazaar Customer", others["id"].as_str().unwrap()] {
        assert!(!text.contains(others), "{others} is the other business's");
    }
    let hash = hex::encode(Sha256::digest(API_KEY.as_bytes()));
    for secret in [
        API_KEY,
        &hash,
        STRIPE_KEY,
        STRIPE_WEBHOOK_SECRET,
        MOLLIE_KEY,
        RAZORPAY_SECRET,
        RAZORPAY_WEBHOOK_SECRET,
        ZARINPAL_MERCHANT,
        SIGNING_SECRET,
        bot::DEMO_TOKEN,
        kavenegar::DEMO_KEY,
        crm_line::DEMO_SECRET,
        LINE_KEY,
        &"d".repeat(35),
        "localDemoToken",
    ] {
        assert!(!text.contains(secret), "{secret} is a secret");
    }
}

#[tokio::test]
async fn whoever_exports_a_business_is_in_its_log_for_each_page() {
    let world = World::in_process().await;
    let key = ApiKey { integration: "support".to_owned(), scopes: vec![Scope::Read], created_at: Timestamp::now() };
    world.cloud.store.put_api_key(&KeyHolder::Platform, "plp_support", &key).await.unwrap();
    let header = [("paylink-actor", "grace")];
    let path = format!("{EXPORT}?limit=2");
    let page = world.crm_as("plp_support", Method::GET, &path, Value::Null, &header).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let newest = world.get("/v1/audit-log?limit=1").await["data"][0].clone();
    assert_eq!(
        (&newest["side"], &newest["actor"], &newest["action"]),
        (&json!("platform"), &json!("grace"), &json!("read"))
    );
    assert_eq!(newest["subject"], json!({ "kind": "address", "id": path }));
    let log = world.crm_as(BAZAAR_KEY, Method::GET, "/v1/audit-log", Value::Null, &[]).await;
    assert_eq!(data(&log.json()).len(), 0, "the log of {BAZAAR} says nothing of it");
    for (key, header) in [(API_KEY, None), (BAZAAR_KEY, None), (API_KEY, Some(("paylink-business", DEMO)))] {
        let refused = world.crm_as(key, Method::GET, EXPORT, Value::Null, header.as_slice()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::FORBIDDEN, &json!("scope_missing")));
    }
}

#[tokio::test]
async fn an_export_goes_on_only_where_it_stopped() {
    let world = World::in_process().await;
    for cursor in ["secrets", "", ".", "contacts.%21", "events.nothing", "payment-links.Yy0xMDQy"] {
        let path = format!("{EXPORT}?cursor={cursor}");
        let refused = world.crm_as(PLATFORM_KEY, Method::GET, &path, Value::Null, &[]).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_cursor")),
            "{cursor}"
        );
    }
    for (path, status) in [
        ("/v1/businesses/nobody/export", 404),
        ("/v1/businesses/NO/export", 400),
        ("/v1/businesses/demo/export?limit=0", 400),
        ("/v1/businesses/demo/export?kind=contact", 400),
    ] {
        let refused = world.crm_as(PLATFORM_KEY, Method::GET, path, Value::Null, &[]).await;
        assert_eq!(refused.status.as_u16(), status, "{path}: {}", refused.text);
    }
}

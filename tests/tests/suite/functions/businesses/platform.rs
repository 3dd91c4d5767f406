//! Keys of the platform and of businesses: for whom each may speak, and what only the platform does.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Timestamp;
use domain::ids::LinkId;
use paylink_local::seed::{API_KEY, BAZAAR, BAZAAR_KEY, DEMO, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{ApiKey, KeyHolder, Scope};
use tests::{Reply, World};

use super::super::settings_are_read_again;
use super::data;

/// Status and code of a refusal.
fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

async fn make_key(world: &World, holder: &KeyHolder, key: &str, scopes: &[Scope]) {
    let integration = key.rsplit('_').next().unwrap().to_owned();
    let api_key = ApiKey { integration, scopes: scopes.to_vec(), created_at: Timestamp::now() };
    world.cloud.store.put_api_key(holder, key, &api_key).await.unwrap();
}

#[tokio::test]
async fn the_platform_says_for_whom_it_speaks_and_speaks_for_nobody_else() {
    let world = World::in_process().await;
    let path = "/v1/contacts/c-1042";
    let nobody = world.platform(None, Method::GET, path, Value::Null).await;
    assert_eq!(refusal(&nobody), (400, "business_required".to_owned()));
    let unknown = world.platform(Some("nobody"), Method::GET, path, Value::Null).await;
    assert_eq!(refusal(&unknown), (404, "business_not_found".to_owned()));
    let malformed = world.platform(Some("No Business"), Method::GET, path, Value::Null).await;
    assert_eq!(malformed.status, StatusCode::BAD_REQUEST, "{}", malformed.text);
    for (business, name) in [(DEMO, "Demo Customer"), (BAZAAR, "Bazaar Customer")] {
        let reply = world.platform(Some(business), Method::GET, path, Value::Null).await;
        assert_eq!((reply.status, &reply.json()["name"]), (StatusCode::OK, &json!(name)));
    }
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 777 });
    let made = world.platform(Some(BAZAAR), Method::POST, "/v1/payment-links", body).await;
    assert_eq!((made.status, &made.json()["currency"]), (StatusCode::CREATED, &json!("EUR")), "{}", made.text);
    assert_eq!(world.crm(Method::GET, &super::path_of(&made.json()), Value::Null).await.status, StatusCode::NOT_FOUND);
    // Only who has a key learns which businesses there are.
    for key in ["plp_made-up", "plk_nobody_made-up", "plk_demo_made-up", "local-crm-key", "plk_"] {
        for header in [None, Some(("paylink-business", DEMO)), Some(("paylink-business", "nobody"))] {
            let reply = world.crm_as(key, Method::GET, path, Value::Null, header.as_slice()).await;
            assert_eq!(refusal(&reply), (401, "unauthorized".to_owned()), "{key} {header:?}");
        }
    }
}

#[tokio::test]
async fn a_key_of_the_platform_that_only_reads_changes_nothing_in_any_business() {
    let world = World::in_process().await;
    make_key(&world, &KeyHolder::Platform, "plp_support", &[Scope::Read]).await;
    let ask = async |business: Option<&str>, method: Method, path: &str, body: Value| {
        let header: Vec<(&str, &str)> = business.map(|business| ("paylink-business", business)).into_iter().collect();
        world.crm_as("plp_support", method, path, body, &header).await
    };
    for business in [DEMO, BAZAAR] {
        for path in ["/v1/contacts/c-1042", "/v1/accounts", "/v1/settings", "/v1/payment-links?contact_id=c-1042"] {
            let reply = ask(Some(business), Method::GET, path, Value::Null).await;
            assert_eq!(reply.status, StatusCode::OK, "{business} {path}: {}", reply.text);
        }
        let link = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 });
        for (method, path, body) in [
            (Method::POST, "/v1/payment-links", link),
            (Method::PUT, "/v1/contacts/c-1042", json!({ "name": "Changed" })),
            (Method::DELETE, "/v1/contacts/c-1042", Value::Null),
            (Method::PUT, "/v1/settings", json!({ "business_name": "Changed" })),
            (Method::DELETE, "/v1/accounts/main", Value::Null),
            (Method::POST, "/v1/webhook-endpoints/demo-crm/rotate-secret", json!({})),
        ] {
            let reply = ask(Some(business), method.clone(), path, body).await;
            assert_eq!(refusal(&reply), (403, "scope_missing".to_owned()), "{business} {method} {path}");
        }
    }
    // It may see which businesses there are, and not decide about them.
    assert_eq!(ask(None, Method::GET, "/v1/businesses", Value::Null).await.status, StatusCode::OK);
    assert_eq!(ask(None, Method::GET, "/v1/businesses/demo", Value::Null).await.status, StatusCode::OK);
    for path in ["/v1/businesses/demo/suspend", "/v1/businesses/demo/resume"] {
        assert_eq!(refusal(&ask(None, Method::POST, path, json!({})).await).0, 403, "{path}");
    }
    assert_eq!(refusal(&ask(None, Method::PUT, "/v1/businesses/new", json!({ "name": "New" })).await).0, 403);
}

#[tokio::test]
async fn a_businesss_key_may_name_its_own_business_and_no_other() {
    let world = World::in_process().await;
    make_key(&world, &KeyHolder::Business(paylink_local::seed::demo()), "plk_demo_secret", &Scope::OF_A_BUSINESS).await;
    let ask = async |key: &str, named: &str| {
        world.crm_as(key, Method::GET, "/v1/contacts/c-1042", Value::Null, &[("paylink-business", named)]).await
    };
    assert_eq!(ask(API_KEY, DEMO).await.json()["name"], "Demo Customer");
    assert_eq!(ask(BAZAAR_KEY, BAZAAR).await.json()["name"], "Bazaar Customer");
    // One that is and one that is not are refused alike.
    for named in [BAZAAR, "nobody"] {
        assert_eq!(refusal(&ask(API_KEY, named).await), (403, "foreign_business".to_owned()), "{named}");
    }
    // A key that somebody wrote another business's name into is nobody's.
    for (key, status) in [("plk_demo_secret", 200), ("plk_bazaar_secret", 401), ("plp_secret", 401)] {
        let reply = world.crm_as(key, Method::GET, "/v1/contacts/c-1042", Value::Null, &[]).await;
        assert_eq!(reply.status.as_u16(), status, "{key}");
    }
}

#[tokio::test]
async fn businesses_are_made_listed_suspended_and_resumed_by_the_platform_alone() {
    let world = World::in_process().await;
    let demo = KeyHolder::Business(paylink_local::seed::demo());
    // The scope says nothing in the hands of a business.
    make_key(&world, &demo, "plk_demo_upstart", &Scope::ALL).await;
    make_key(&world, &KeyHolder::Platform, "plp_administrator", &Scope::OF_A_BUSINESS).await;
    let name = json!({ "name": "New" });
    for (method, path, body) in [
        (Method::GET, "/v1/businesses", Value::Null),
        (Method::GET, "/v1/businesses/demo", Value::Null),
        (Method::PUT, "/v1/businesses/demo", name.clone()),
        (Method::PUT, "/v1/businesses/new", name.clone()),
        (Method::POST, "/v1/businesses/bazaar/suspend", json!({})),
        (Method::POST, "/v1/businesses/bazaar/resume", json!({})),
    ] {
        for key in [API_KEY, "plk_demo_upstart", "plp_administrator"] {
            let reply = world.crm_as(key, method.clone(), path, body.clone(), &[]).await;
            let may = key == "plp_administrator" && method == Method::GET;
            assert_eq!(reply.status == StatusCode::OK, may, "{key} {method} {path}: {}", reply.text);
            assert!(may || refusal(&reply) == (403, "scope_missing".to_owned()), "{key} {method} {path}");
        }
    }

    let platform =
        async |method: Method, path: &str, body: Value| world.crm_as(PLATFORM_KEY, method, path, body, &[]).await;
    let made = platform(Method::PUT, "/v1/businesses/new", name.clone()).await;
    assert_eq!((made.status, &made.json()["status"]), (StatusCode::OK, &json!("active")), "{}", made.text);
    let listed = platform(Method::GET, "/v1/businesses?limit=2", Value::Null).await.json();
    let ids = |list: &Value| data(list).iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&listed), ["bazaar", "demo"]);
    let cursor = listed["next_cursor"].as_str().unwrap();
    let rest = platform(Method::GET, &format!("/v1/businesses?limit=2&cursor={cursor}"), Value::Null).await.json();
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec!["new".to_owned()], &Value::Null));
    // It can be worked in at once, and has nothing of anybody's.
    for list in ["accounts", "contacts", "items", "message-providers", "webhook-endpoints", "receipt-types", "events"] {
        let reply = world.platform(Some("new"), Method::GET, &format!("/v1/{list}"), Value::Null).await;
        assert_eq!((reply.status, data(&reply.json())), (StatusCode::OK, &Vec::new()), "{list}");
    }
    let contact = world.platform(Some("new"), Method::PUT, "/v1/contacts/c-1042", json!({ "name": "Own" })).await;
    assert_eq!(contact.json()["name"], "Own");
    assert_eq!(world.get("/v1/contacts/c-1042").await["name"], "Demo Customer");

    let suspended = platform(Method::POST, "/v1/businesses/new/suspend", json!({ "reason": "unpaid" })).await.json();
    assert_eq!((&suspended["status"], &suspended["suspension_reason"]), (&json!("suspended"), &json!("unpaid")));
    let renamed = platform(Method::PUT, "/v1/businesses/new", json!({ "name": "Renamed" })).await.json();
    assert_eq!((&renamed["status"], &renamed["name"]), (&json!("suspended"), &json!("Renamed")), "{renamed}");
    let again = platform(Method::POST, "/v1/businesses/new/suspend", Value::Null).await.json();
    assert_eq!(again["suspended_at"], suspended["suspended_at"], "it is suspended since then");
    let resumed = platform(Method::POST, "/v1/businesses/new/resume", Value::Null).await.json();
    assert_eq!((&resumed["status"], &resumed["suspended_at"]), (&json!("active"), &Value::Null));
    for (method, path) in [(Method::GET, ""), (Method::POST, "/suspend"), (Method::POST, "/resume")] {
        let reply = platform(method, &format!("/v1/businesses/nobody{path}"), Value::Null).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "X", "pay_url": "http://x" }),
        json!({ "name": "X", "colour": 1 }),
    ] {
        let reply = platform(Method::PUT, "/v1/businesses/new", bad.clone()).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}

/// A process that does not know of the number yet would list such a link nowhere.
#[tokio::test]
async fn a_business_gets_more_shards_at_once_and_its_new_links_are_in_them_when_everybody_knows() {
    let world = World::in_process_since("2026-11-29T10:00:00Z".parse().unwrap()).await;
    let ask = async |shards: u8| {
        let body = json!({ "name": "Demo", "shards": shards });
        world.platform(None, Method::PUT, "/v1/businesses/demo", body).await
    };
    let before = world.platform(None, Method::GET, "/v1/businesses/demo", Value::Null).await.json();
    assert_eq!((&before["shards"], &before["shards_used_from"]), (&json!(1), &Value::Null));
    let now: Timestamp = "2026-11-29T11:00:00Z".parse().unwrap();
    world.set_clock(now);
    let grown = ask(4).await.json();
    let from: Timestamp = grown["shards_used_from"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        (&grown["shards"], (90..95).contains(&from.duration_since(now).as_secs())),
        (&json!(4), true),
        "{grown}"
    );
    settings_are_read_again().await;
    let links_are_in = async || {
        let mut shards = BTreeSet::new();
        for _ in 0..12 {
            let link = LinkId::parse(world.euro_link().await["id"].as_str().unwrap()).unwrap();
            shards.insert(world.cloud.store.link(&link).await.unwrap().unwrap().shard());
        }
        shards
    };
    assert_eq!(links_are_in().await, BTreeSet::from([0]), "not everybody may read the others yet");
    world.turn_clock(Duration::from_secs(60));
    assert_eq!(ask(4).await.json(), grown, "asked for again it begins no new wait");
    world.turn_clock(Duration::from_secs(91));
    let used = links_are_in().await;
    assert!(used.len() > 1 && used.iter().all(|shard| *shard < 4), "{used:?}");
    assert_eq!(
        data(&world.get("/v1/payment-links?created_from=2026-11-29&created_to=2026-11-29&limit=100").await).len(),
        24
    );
    let fewer = ask(3).await;
    assert_eq!(fewer.problems(), [("/shards".to_owned(), "fewer_shards".to_owned())]);
}

/// An integration of the platform that is called as one of the business is another caller.
#[tokio::test]
async fn idempotency_keys_of_the_platform_and_of_the_business_do_not_meet() {
    let world = World::in_process().await;
    make_key(&world, &KeyHolder::Platform, "plp_demo-crm", &Scope::ALL).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 });
    let key = ("idempotency-key", "k-1");
    let own = world.crm_with(Method::POST, "/v1/payment-links", body.clone(), &[key]).await;
    let named = [key, ("paylink-business", DEMO)];
    let platforms = world.crm_as("plp_demo-crm", Method::POST, "/v1/payment-links", body.clone(), &named).await;
    assert_eq!((own.status, platforms.status), (StatusCode::CREATED, StatusCode::CREATED), "{}", platforms.text);
    assert_ne!(own.json()["id"], platforms.json()["id"]);
    let again = world.crm_as("plp_demo-crm", Method::POST, "/v1/payment-links", body, &named).await;
    assert_eq!(again.json()["id"], platforms.json()["id"]);
}

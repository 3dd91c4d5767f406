//! The CRM's side: what is refused and why, keys, idempotency, references, lists.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{World, at_once};

async fn count_links(world: &World) -> usize {
    world.get("/v1/payment-links?contact_id=c-1042&limit=100").await["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn each_problem_of_a_create_request_names_its_field_and_nothing_is_written() {
    let world = World::in_process().await;
    world.put("/v1/accounts/cash", json!({ "name": "Cash", "currency": "IRR", "mode": "live" })).await;
    let cases = [
        (json!({ "account_id": "cash", "contact_id": "c-1042" }), "/account_id", "online_payment_disabled"),
        (json!({ "account_id": "nowhere", "contact_id": "c-1042" }), "/account_id", "unknown_account"),
        (json!({ "contact_id": "c-1042" }), "/account_id", "required"),
        (json!({ "account_id": "main", "contact_id": "c-0" }), "/contact_id", "unknown_contact"),
        (json!({ "account_id": "main", "contact_id": "a/b" }), "/contact_id", "invalid_id"),
        (json!({ "account_id": "main", "item_id": "inv-0" }), "/item_id", "unknown_item"),
        (json!({ "account_id": "main", "contact_id": "c-1042", "amount": 0 }), "/amount", "amount_not_payable"),
        (json!({ "account_id": "main", "contact_id": "c-1042", "amount": -1 }), "/amount", "amount_not_payable"),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "amount": 999 }),
            "/amount",
            "amount_outside_gateway_limits",
        ),
        (json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1.5 }), "/amount", "wrong_type"),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "currency": "EUR" }),
            "/currency",
            "currency_mismatch",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "currency": "IRT" }),
            "/currency",
            "toman_not_supported",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "currency": "IRR" }),
            "/currency",
            "currency_without_amount",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "expires_at": "2020-01-01" }),
            "/expires_at",
            "in_the_past",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "expires_at": "1405-09-10" }),
            "/expires_at",
            "persian_calendar_date",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "expires_in_days": -1 }),
            "/expires_in_days",
            "out_of_range",
        ),
        (json!({ "account_id": "main", "contact_id": "c-1042", "colour": "red" }), "/colour", "unknown_field"),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "recipients": { "mobiles": ["12"] } }),
            "/recipients/mobiles/0",
            "invalid_mobile",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "recipients": { "emails": ["a@example.com", "b"] } }),
            "/recipients/emails/1",
            "invalid_email",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "recipients": { "roles": ["treasurer"] } }),
            "/recipients",
            "nobody_reachable",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "after_payment": { "receipt_type_id": "gift" } }),
            "/after_payment/receipt_type_id",
            "unknown_receipt_type",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "after_payment": { "receipt_type_id": "income" } }),
            "/after_payment/receipt_type_id",
            "receipt_type_has_sub_types",
        ),
        (
            json!({ "account_id": "main", "item_id": "inv-77", "after_payment": { "receipt_field": "other" } }),
            "/after_payment/receipt_field",
            "unknown_receipt_field",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "return_url": "https://evil.example/" }),
            "/return_url",
            "return_url_not_allowed",
        ),
        (json!({ "account_id": "main", "contact_id": "c-1042", "locale": "!" }), "/locale", "invalid_locale"),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "recipients": { "contact": true },
                 "message": { "mode": "custom", "channels": ["sms"], "sms": { "body": "{{ amout }} {{ link }}" } } }),
            "/message/sms/body",
            "unknown_variable",
        ),
        (
            json!({ "account_id": "main", "contact_id": "c-1042", "recipients": { "contact": true },
                 "message": { "mode": "custom", "channels": ["sms"], "sms": { "body": "Pay!" } } }),
            "/message/sms/body",
            "link_missing",
        ),
    ];
    for (body, pointer, code) in cases {
        let reply = world.crm(Method::POST, "/v1/payment-links", body.clone()).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", reply.text);
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        assert_eq!(reply.problems(), [(pointer.to_owned(), code.to_owned())], "{body}");
    }
    assert_eq!(count_links(&world).await, 0);
}

#[tokio::test]
async fn all_problems_of_one_body_are_told_at_once() {
    let world = World::in_process().await;
    let body = json!({
        "account_id": "nowhere", "contact_id": "c-0", "amount": "much", "expires_at": "2020-01-01", "colour": "red",
        "recipients": { "emails": ["x"] }, "message": { "mode": "loud" },
    });
    let reply = world.crm(Method::POST, "/v1/payment-links", body).await;
    insta::assert_json_snapshot!(reply.json());
}

#[tokio::test]
async fn a_call_needs_a_known_key_and_a_json_body() {
    let world = World::in_process().await;
    let json_type = ("content-type", "application/json");
    let body = || Some("{}".to_owned());
    let path = "/v1/payment-links";
    let wrong = ["", "Bearer ", "Bearer wrong", "Bearer local-crm-key", "Bearer plk_demo_wrong", "Bearer plk_demo"];
    for authorization in wrong.into_iter().chain(["Basic plk_demo_local-crm-key", "plk_demo_local-crm-key"]) {
        let reply = world.send(Method::POST, path, &[("authorization", authorization), json_type], body()).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
    }
    let key = ("authorization", "Bearer plk_demo_local-crm-key");
    let reply = world.send(Method::POST, path, &[key], body()).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for malformed in ["", "{", "[]", "null", "\"x\""] {
        let reply = world.send(Method::POST, path, &[key, json_type], Some(malformed.to_owned())).await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (StatusCode::BAD_REQUEST, Some("malformed_json")));
    }
    let huge = format!("{{\"description\":\"{}\"}}", "x".repeat(70_000));
    let reply = world.send(Method::POST, path, &[key, json_type], Some(huge)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_allow() {
    let world = World::in_process().await;
    let scopes = vec![store::Scope::Read];
    let key = store::ApiKey { integration: "reader".to_owned(), scopes, created_at: domain::Timestamp::now() };
    let demo = store::KeyHolder::Business(paylink_local::seed::demo());
    world.cloud.store.put_api_key(&demo, "plk_demo_reader-key", &key).await.unwrap();
    // The functions read the keys again when one is unknown to them.
    let headers = [("authorization", "Bearer plk_demo_reader-key"), ("content-type", "application/json")];
    let read = world.send(Method::GET, "/v1/contacts/c-1042", &headers, None).await;
    assert_eq!(read.status, StatusCode::OK);
    let write = world.send(Method::PUT, "/v1/contacts/c-1042", &headers, Some("{}".to_owned())).await;
    assert_eq!((write.status, write.json()["code"].as_str()), (StatusCode::FORBIDDEN, Some("scope_missing")));
    let make = world.send(Method::POST, "/v1/payment-links", &headers, Some("{}".to_owned())).await;
    assert_eq!(make.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let world = World::in_process().await;
    let reply = world.crm(Method::GET, "/v1/nothing", Value::Null).await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
    let reply = world.crm(Method::DELETE, "/v1/settings", Value::Null).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.headers["allow"], "GET, PATCH, PUT");
    let reply = world.crm(Method::POST, "/v1/contacts/c-1042", Value::Null).await;
    assert_eq!(
        (reply.status, reply.headers["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "DELETE, GET, PATCH, PUT")
    );
    for path in ["/v1/payment-links/pl_x", "/v1/receipts/rc_x", "/v1/contacts/nobody", "/v1/items/none"] {
        assert_eq!(world.crm(Method::GET, path, Value::Null).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let reply = world.crm(Method::GET, "/v1/payment-links?contact=c-1042", Value::Null).await;
    assert_eq!(reply.json()["code"], "unknown_parameter");
}

#[tokio::test]
async fn parallel_retries_under_one_key_make_one_link_and_get_one_answer() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000 });
    let key = [("idempotency-key", "order-1")];
    let many = at_once(100);
    let calls = (0..many).map(|_| world.crm_with(Method::POST, "/v1/payment-links", body.clone(), &key));
    let replies = join_all(calls).await;
    let other = replies.iter().find(|reply| reply.status != StatusCode::CREATED);
    assert!(other.is_none(), "{other:?}");
    let ids: std::collections::BTreeSet<String> =
        replies.iter().map(|reply| reply.json()["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
    let replayed = replies.iter().filter(|reply| reply.headers.contains_key("idempotency-replayed")).count();
    assert_eq!(replayed, many - 1);
    assert_eq!(count_links(&world).await, 1);

    let other = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 60000 });
    let reply = world.crm_with(Method::POST, "/v1/payment-links", other, &key).await;
    assert_eq!(reply.json()["code"], "idempotency_key_reused");
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn another_key_of_the_same_integration_is_answered_and_one_of_another_makes_a_link_of_its_own() {
    let world = World::in_process().await;
    let demo = store::KeyHolder::Business(paylink_local::seed::demo());
    for (secret, integration) in [("plk_demo_rotated-key", "demo-crm"), ("plk_demo_foreign-key", "other-crm")] {
        let scopes = vec![store::Scope::Read, store::Scope::Write];
        let key = store::ApiKey { integration: integration.to_owned(), scopes, created_at: domain::Timestamp::now() };
        world.cloud.store.put_api_key(&demo, secret, &key).await.unwrap();
    }
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000 });
    let made = world.crm_with(Method::POST, "/v1/payment-links", body.clone(), &[("idempotency-key", "order-3")]).await;
    let again = async |secret: &str, path: &str, body: &Value, key: &str| {
        let authorization = format!("Bearer {secret}");
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/json"), ("idempotency-key", key)];
        world.send(Method::POST, path, &headers, Some(body.to_string())).await
    };
    let rotated = again("plk_demo_rotated-key", "/v1/payment-links", &body, "order-3").await;
    assert_eq!((rotated.status, &rotated.json()["id"]), (StatusCode::CREATED, &made.json()["id"]));
    assert_eq!(rotated.headers["idempotency-replayed"], "true");
    let foreign = again("plk_demo_foreign-key", "/v1/payment-links", &body, "order-3").await;
    assert_eq!(foreign.status, StatusCode::CREATED, "{}", foreign.text);
    assert_ne!(foreign.json()["id"], made.json()["id"]);
    // The same holds for what is done to a link.
    let cancel = format!("/v1/payment-links/{}/cancel", made.json()["id"].as_str().unwrap());
    let reason = json!({ "reason": "x" });
    let cancelled = world.crm_with(Method::POST, &cancel, reason.clone(), &[("idempotency-key", "c-1")]).await;
    assert_eq!(cancelled.status, StatusCode::OK);
    assert_eq!(again("plk_demo_rotated-key", &cancel, &reason, "c-1").await.status, StatusCode::OK);
    assert_eq!(again("plk_demo_foreign-key", &cancel, &reason, "c-1").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_retry_is_answered_although_the_account_was_disabled_since() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "expires_in_days": 1 });
    let key = [("idempotency-key", "order-2")];
    let first = world.crm_with(Method::POST, "/v1/payment-links", body.clone(), &key).await;
    let online = json!({ "enabled": false, "gateway": "zarinpal" });
    world
        .put(
            "/v1/accounts/main",
            json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online }),
        )
        .await;
    let again = world.crm_with(Method::POST, "/v1/payment-links", body.clone(), &key).await;
    assert_eq!((again.status, again.json()["id"].clone()), (StatusCode::CREATED, first.json()["id"].clone()));
    let fresh = world.crm(Method::POST, "/v1/payment-links", body).await;
    assert_eq!(fresh.problems(), [("/account_id".to_owned(), "online_payment_disabled".to_owned())]);
}

#[tokio::test]
async fn a_reference_belongs_to_one_active_link_at_a_time() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "reference_id": "CRM-991" });
    let first = world.make_link(body.clone()).await;
    let refused = world.crm(Method::POST, "/v1/payment-links", body.clone()).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.json()["conflicting_id"], first["id"]);
    let cancel = format!("/v1/payment-links/{}/cancel", first["id"].as_str().unwrap());
    world.crm(Method::POST, &cancel, json!({ "reason": "wrong amount" })).await;
    let second = world.make_link(body).await;
    let listed = world.get("/v1/payment-links?reference_id=CRM-991").await;
    let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|link| link["id"].clone()).collect();
    assert_eq!(ids, [second["id"].clone(), first["id"].clone()]);
    let paged = pages(&world, "/v1/payment-links?reference_id=CRM-991&limit=1").await;
    assert_eq!(paged, [[second["id"].clone()], [first["id"].clone()]]);
}

/// The ids on every page of a list.
async fn pages(world: &World, list: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{list}{cursor}")).await;
        pages.push(page["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn contacts_and_items_are_listed_by_their_ids_a_page_at_a_time() {
    let world = World::in_process().await;
    for id in ["c-2", "A", "c-10"] {
        world.put(&format!("/v1/contacts/{id}"), json!({ "name": id })).await;
    }
    // One that a link brings along is listed as well, and one that is written again stays where it is.
    let body = json!({ "account_id": "main", "amount": 50000, "contact": { "id": "b", "name": "Brought along" },
                       "item": { "id": "I-1", "kind": "invoice", "title": "I", "contact_id": "b" } });
    world.make_link(body).await;
    world.put("/v1/contacts/A", json!({ "name": "Again" })).await;
    let ids = |list: Vec<Vec<Value>>| list.concat();
    let listed = pages(&world, "/v1/contacts?limit=2").await;
    assert_eq!(listed.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(ids(listed), ["A", "b", "c-10", "c-1042", "c-2"]);
    assert_eq!(ids(pages(&world, "/v1/items?limit=1").await), ["I-1", "inv-77"]);
    world.crm(Method::DELETE, "/v1/contacts/c-10", Value::Null).await;
    assert_eq!(ids(pages(&world, "/v1/contacts?limit=1").await), ["A", "b", "c-1042", "c-2"]);
    let link = world.rial_link().await;
    world.pay(&link, "paid").await;
    let items = world.get("/v1/items").await;
    assert_eq!(items["data"][1], world.get("/v1/items/inv-77").await, "with their receipts");
    assert_eq!(items["data"][1]["receipts"]["payment"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_list_takes_a_limit_and_gives_a_cursor_and_takes_no_other() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.pay(&link, "paid").await;
    let of_link = format!("receipts?payment_link_id={}&limit=1", link["id"].as_str().unwrap());
    // What a list by ids gives out is nothing that a list by time could go on from.
    for (list, is_by_id) in [
        ("accounts?limit=1", true),
        ("accounts?online_payment=true&limit=1", true),
        ("gateways?limit=1", true),
        ("receipt-types?limit=1", true),
        ("message-providers?limit=1", true),
        ("message-templates?limit=1", true),
        ("webhook-endpoints?limit=1", true),
        ("contacts?limit=1", true),
        ("items?limit=1", true),
        ("payment-links?contact_id=c-1042&limit=1", false),
        ("payment-links?contact_id=c-1042&order=oldest&limit=1", false),
        ("payment-links?limit=1", false),
        ("payment-links?status=active,paid&order=oldest&limit=1", false),
        ("payment-links?reference_id=R&limit=1", false),
        ("receipts?limit=1", false),
        ("receipts?contact_id=c-1042&limit=1", false),
        (of_link.as_str(), false),
        ("events?limit=1", false),
    ] {
        let list = format!("/v1/{list}");
        let pages = pages(&world, &list).await;
        assert!(pages.iter().all(|page| page.len() <= 1), "{list}: {pages:?}");
        let (long, by_id) = ("a".repeat(5000), store::Cursor::behind("c-1").to_string());
        for cursor in ["", "!", "pl_x", long.as_str(), by_id.as_str()] {
            let reply = world.crm(Method::GET, &format!("{list}&cursor={cursor}"), Value::Null).await;
            if is_by_id && cursor == by_id {
                assert_eq!(reply.status, StatusCode::OK, "{list}: {}", reply.text);
            } else {
                let refused = (reply.status, reply.json()["code"].as_str().unwrap().to_owned());
                assert_eq!(refused, (StatusCode::BAD_REQUEST, "invalid_cursor".to_owned()), "{list}&cursor={cursor}");
            }
        }
    }
    let all = world.get("/v1/accounts").await;
    assert_eq!(pages(&world, "/v1/accounts?limit=2").await.concat().len(), all["data"].as_array().unwrap().len());
}

#[tokio::test]
async fn the_default_receipt_type_stays_one_that_a_link_may_name() {
    let world = World::in_process().await;
    let settings = json!({ "business_name": "B", "default_receipt_type_id": "income" });
    let refused = world.crm(Method::PUT, "/v1/settings", settings).await;
    let at = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
    assert_eq!(refused.problems(), at("/default_receipt_type_id", "receipt_type_has_sub_types"));
    let below = json!({ "name": "Below", "parent_id": "online" });
    let refused = world.crm(Method::PUT, "/v1/receipt-types/below", below).await;
    assert_eq!(refused.problems(), at("/parent_id", "receipt_type_is_default"));
}

#[tokio::test]
async fn receipt_types_that_were_put_below_each_other_at_once_keep_nobody_waiting() {
    let world = World::in_process().await;
    let kind = |id: &str, parent: &str| domain::records::receipt_type::ReceiptType {
        id: domain::ids::ReceiptTypeId::parse(id).unwrap(),
        name: id.to_owned(),
        parent_id: domain::ids::ReceiptTypeId::parse(parent).ok(),
    };
    for circle in [kind("a", "b"), kind("b", "a")] {
        let written = world.cloud.business().put_receipt_type(&circle, &store::Revision::Nothing).await.unwrap();
        assert!(written.is_applied());
    }
    let refused = world.crm(Method::PUT, "/v1/receipt-types/c", json!({ "name": "C", "parent_id": "a" })).await;
    assert_eq!(refused.problems(), [("/parent_id".to_owned(), "circular".to_owned())]);
    world.put("/v1/receipt-types/a", json!({ "name": "A" })).await;
    world.put("/v1/receipt-types/c", json!({ "name": "C", "parent_id": "b" })).await;
}

#[tokio::test]
async fn racing_requests_with_one_reference_make_one_link() {
    let world = World::in_process().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "reference_id": "CRM-1" });
    let calls = (0..20).map(|_| world.crm(Method::POST, "/v1/payment-links", body.clone()));
    let statuses: Vec<_> = join_all(calls).await.into_iter().map(|reply| reply.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CREATED).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CONFLICT).count(), 19);
    assert_eq!(count_links(&world).await, 1);
}

#[tokio::test]
async fn lists_come_newest_first_a_page_at_a_time() {
    let world = World::in_process_since("2026-11-23T12:00:00Z".parse().unwrap()).await;
    let mut made = Vec::new();
    for amount in [10_000, 20_000, 30_000, 40_000, 50_000] {
        let body = json!({ "account_id": "main", "item_id": "inv-77", "amount": amount });
        made.push(world.make_link(body).await["id"].clone());
    }
    made.reverse();
    for by in ["contact_id=c-1042", "item_id=inv-77", "created_from=2026-11-23&created_to=2026-11-23"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = world.get(&format!("/v1/payment-links?{by}&limit=2{cursor}")).await;
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= 2);
            seen.extend(data.iter().map(|link| link["id"].clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, made, "{by}");
    }
    let active = world.get("/v1/payment-links?created_from=2026-11-23&status=active").await;
    assert_eq!(active["data"].as_array().unwrap().len(), 5);
    let paid = world.get("/v1/payment-links?created_from=2026-11-23&status=paid").await;
    assert_eq!(paid["data"].as_array().unwrap().len(), 0);
}

/// A day of many of which few have ended: once, 43 of 45 pages were empty.
#[tokio::test]
async fn a_day_of_many_is_listed_by_status_in_full_pages() {
    let world = World::in_process().await;
    let body =
        |days: u8| json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_in_days": days });
    for number in 0..90 {
        world.make_link(body(if number % 9 == 0 { 0 } else { 5 })).await;
    }
    world.turn_clock(std::time::Duration::from_secs(26 * 3600));
    let pages = pages(&world, "/v1/payment-links?created_from=2020-01-01&status=expired&limit=5").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
    let expired = "/v1/payment-links?status=expired,paid&limit=5";
    let first = world.get(&format!("{expired}&order=oldest")).await;
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (5, &json!(true)));
    // A page of one order is none of the other.
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = world.get(&format!("{expired}&order=oldest&cursor={cursor}")).await;
    assert_eq!((last["data"].as_array().unwrap().len(), &last["has_more"]), (5, &json!(false)));
    let refused = world.crm(Method::GET, &format!("{expired}&cursor={cursor}"), Value::Null).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_cursor")));
}

#[tokio::test]
async fn links_are_listed_by_whatever_is_asked_of_them() {
    let world = World::in_process_since("2026-11-23T12:00:00Z".parse().unwrap()).await;
    let make = async |actor: Option<&str>, body: Value| {
        let headers: Vec<(&str, &str)> = actor.map(|actor| ("paylink-actor", actor)).into_iter().collect();
        let made = world.crm_with(Method::POST, "/v1/payment-links", body, &headers).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()
    };
    let rial = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_at": "2027-03-01" });
    let mut owed = rial.clone();
    owed["due_at"] = json!("2026-06-01");
    owed["internal_note"] = json!(" Called twice. ");
    let owed = make(Some("u-7"), owed).await;
    let plain = make(None, rial).await;
    let euro = make(Some("u-8"), json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999 })).await;
    let due_at: domain::Timestamp = owed["due_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(due_at, "2026-06-02T00:00:00+03:30".parse().unwrap());
    assert_eq!((&owed["internal_note"], &owed["created_by"]), (&json!("Called twice."), &json!("u-7")));
    assert_eq!((&plain["due_at"], &plain["internal_note"]), (&Value::Null, &Value::Null));
    assert_eq!(plain["created_by"], "demo-crm");
    world.go_to_gateway(&euro).await;
    let listed = async |query: &str| {
        let page = world.get(&format!("/v1/payment-links?order=oldest&{query}")).await;
        page["data"].as_array().unwrap().iter().map(|link| link["id"].clone()).collect::<Vec<_>>()
    };
    let ids = |links: &[&Value]| links.iter().map(|link| link["id"].clone()).collect::<Vec<_>>();
    for (query, expected) in [
        ("limit=100", vec![&owed, &plain, &euro]),
        ("due_to=2026-06-01", vec![&owed]),
        ("due_from=2026-06-01&due_to=2026-06-01", vec![&owed]),
        ("due_to=2026-05-31", vec![]),
        ("due_from=2026-06-02", vec![]),
        ("expires_from=2027-03-01&expires_to=2027-03-01", vec![&owed, &plain]),
        ("expires_from=2027-03-02", vec![]),
        ("status=active&status=paid", vec![&owed, &plain, &euro]),
        ("status=expired&status=paid,cancelled", vec![]),
        ("created_by=u-7", vec![&owed]),
        ("created_by=demo-crm", vec![&plain]),
        ("account_id=euro", vec![&euro]),
        ("currency=IRR", vec![&owed, &plain]),
        ("currency=EUR&amount_from=1999&amount_to=1999", vec![&euro]),
        ("currency=EUR&amount_from=2000", vec![]),
        ("begun=true", vec![&euro]),
        ("opened=false&contact_id=c-1042", vec![&owed, &plain]),
        ("needs_review=true", vec![]),
        ("message_failed=true", vec![]),
        ("mode=live", vec![]),
        ("created_to=2020-01-01", vec![]),
    ] {
        assert_eq!(listed(query).await, ids(&expected), "{query}");
    }
    for (query, code) in [
        ("status=active,", "unknown_choice"),
        ("status=active&status=paid&mode=live&mode=live", "given_twice"),
        ("opened=yes", "unknown_choice"),
        ("order=best", "unknown_choice"),
        ("amount_from=5", "required"),
        ("amount_from=5.5&currency=IRR", "out_of_range"),
        ("amount_from=6&amount_to=5&currency=IRR", "out_of_range"),
        ("created_from=2026-02-02&created_to=2026-02-01", "out_of_range"),
        ("day=2026-02-02", "unknown_parameter"),
        ("created_by=", "invalid_actor"),
    ] {
        let refused = world.crm(Method::GET, &format!("/v1/payment-links?{query}"), Value::Null).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{query}");
    }
}

#[tokio::test]
async fn when_money_is_due_and_what_only_the_crm_reads_can_be_changed_and_taken_away() {
    let world = World::in_process_since("2026-11-23T12:00:00Z".parse().unwrap()).await;
    let link = world.make_link(json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 })).await;
    let path = format!("/v1/payment-links/{}", link["id"].as_str().unwrap());
    let change = async |body: Value| world.crm(Method::PATCH, &path, body).await;
    let changed = change(json!({ "due_at": "2027-01-01T12:00:00Z", "internal_note": "Ask Sara" })).await.json();
    assert!(changed["due_at"].as_str().unwrap().starts_with("2027-01-01T15:30:00"), "{changed}");
    assert_eq!(changed["internal_note"], "Ask Sara");
    let page = world.open(link["url"].as_str().unwrap()).await;
    assert!(!page.text.contains("Ask Sara"));
    let same = change(json!({ "description": "Mine" })).await.json();
    assert_eq!((&same["due_at"], &same["internal_note"]), (&changed["due_at"], &changed["internal_note"]));
    let without = change(json!({ "due_at": null, "internal_note": "" })).await.json();
    assert_eq!((&without["due_at"], &without["internal_note"]), (&Value::Null, &Value::Null));
    let refused = change(json!({ "due_at": "2040-01-01", "internal_note": "x".repeat(501) })).await;
    let expected = [("/internal_note", "too_long"), ("/due_at", "out_of_range")];
    assert_eq!(refused.problems(), expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
}

#[tokio::test]
async fn events_of_several_types_are_read_between_two_instants() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    world.pay(&link, "paid").await;
    world.wait_for_event(&link, "receipt.registered").await;
    world.turn_clock(std::time::Duration::from_secs(60));
    let listed = async |query: &str| {
        let page = world.get(&format!("/v1/events?limit=100&{query}")).await;
        page["data"].as_array().unwrap().clone()
    };
    let mut all = listed("").await;
    while all.last().is_none_or(|event| event["type"] != "receipt.registered") {
        // It is recorded once it was sent.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        all = listed("").await;
    }
    let types =
        |events: &[Value]| events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let two = listed("type=payment_link.created,payment_link.paid").await;
    assert_eq!(types(&two), ["payment_link.created", "payment_link.paid"]);
    assert_eq!(listed("type=payment_link.created&type=payment_link.paid").await, two, "as generated clients write it");
    let at = |event: &Value| event["recorded_at"].as_str().unwrap().replace('+', "%2B");
    let (first, last) = (at(&all[0]), at(all.last().unwrap()));
    assert_eq!(listed(&format!("recorded_to={first}")).await, Vec::<Value>::new());
    assert_eq!(listed(&format!("recorded_from={first}")).await, all);
    let rest = listed(&format!("recorded_from={last}")).await;
    assert!(!rest.is_empty() && rest.iter().all(|event| at(event) == last));
    let after = all[0]["id"].as_str().unwrap();
    assert_eq!(listed(&format!("after={after}&recorded_from={first}")).await, all[1..]);
    assert_eq!(listed(&format!("after={after}&recorded_from={last}")).await, rest);
}

#[tokio::test]
async fn deleting_every_record_breaks_no_link_and_stops_no_confirmation() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let page = world.go_to_gateway(&link).await;
    let delete = async |path: &str| world.crm(Method::DELETE, path, Value::Null).await;
    for (path, code) in [
        ("/v1/receipt-types/income", "receipt_type_has_sub_types"),
        ("/v1/receipt-types/online", "receipt_type_is_default"),
    ] {
        let refused = delete(path).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (StatusCode::CONFLICT, Some(code)));
    }
    world
        .put("/v1/settings", json!({ "business_name": "B", "default_locale": "fa", "time_zone": "Asia/Tehran" }))
        .await;
    for path in ["/v1/receipt-types/online", "/v1/accounts/main", "/v1/contacts/c-1042", "/v1/items/inv-77"] {
        assert_eq!(delete(path).await.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(delete(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(world.crm(Method::GET, path, Value::Null).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let end = world.come_back(&world.choose(&page, "paid").await).await;
    assert!(end.text.contains("پرداخت شد"), "{}", end.text);
    assert_eq!(world.link(&link).await["status"], "paid");
    for by in ["contact_id=c-1042", "item_id=inv-77"] {
        assert_eq!(world.get(&format!("/v1/receipts?{by}")).await["data"].as_array().unwrap().len(), 1, "{by}");
    }
}

#[tokio::test]
async fn a_deleted_template_gives_way_to_the_built_in_one() {
    let world = World::in_process().await;
    let path = "/v1/message-templates/link_created/sms/fa";
    world.put(path, json!({ "body": "{{ link }}" })).await;
    assert_eq!(world.crm(Method::DELETE, path, Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(path).await["source"], "built_in");
}

#[tokio::test]
async fn a_link_can_be_had_as_a_qr_code() {
    let world = World::in_process().await;
    let link = world.rial_link().await;
    let id = link["id"].as_str().unwrap();
    let svg = world.crm(Method::GET, &format!("/v1/payment-links/{id}/qr.svg"), Value::Null).await;
    assert_eq!((svg.status, &svg.headers["content-type"]), (StatusCode::OK, &"image/svg+xml".parse().unwrap()));
    assert!(svg.text.contains("<svg") && !svg.text.contains(link["url"].as_str().unwrap()));
    let url = format!("{}/v1/payment-links/{id}/qr.png", world.cloud.base_url());
    let png =
        reqwest::Client::new().get(url).header("authorization", "Bearer plk_demo_local-crm-key").send().await.unwrap();
    assert_eq!(png.headers()["content-type"], "image/png");
    let bytes = png.bytes().await.unwrap();
    // What a phone's camera would read is the pay URL.
    let picture = image_of(&bytes);
    let read = rqrr::PreparedImage::prepare_from_greyscale(picture.0, picture.0, |x, y| picture.1[y * picture.0 + x])
        .detect_grids()
        .remove(0)
        .decode()
        .unwrap();
    assert_eq!(read.1, link["url"].as_str().unwrap());
    assert_eq!(
        world.crm(Method::GET, "/v1/payment-links/pl_x/qr.svg", Value::Null).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.send(Method::GET, &format!("/v1/payment-links/{id}/qr.svg"), &[], None).await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// Side and grey pixels of a square picture.
fn image_of(bytes: &[u8]) -> (usize, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (usize::try_from(info.width).unwrap(), pixels)
}

#[tokio::test]
async fn records_are_read_back_as_they_were_written_and_credentials_never() {
    let world = World::in_process().await;
    let contact = json!({
        "name": "Sample", "profile_url": "https://crm.example/c/1", "locale": "fa-IR", "mobile": "۰۹۱۲ ۰۰۰ ۰۰۰۵",
        "email": "a@example.com", "balance": { "amount": -5, "currency": "IRR" },
        "people": [{ "role": "manager", "name": "M", "email": "m@example.com" }],
    });
    let written = world.put("/v1/contacts/c-2", contact).await;
    assert_eq!(written["mobile"], "+989120000005");
    assert_eq!(world.get("/v1/contacts/c-2").await, written);

    let secret = "sk_test_neverShown";
    let online = json!({ "enabled": true, "gateway": "stripe", "credentials": { "secret_key": secret } });
    let account = json!({ "name": "Dollar", "currency": "USD", "mode": "sandbox", "online_payment": online });
    let reply = world.crm(Method::PUT, "/v1/accounts/usd", account).await;
    assert_eq!(reply.json()["online_payment"]["credentials_set"], true);
    assert!(!reply.text.contains(secret));
    assert!(!world.get("/v1/accounts/usd").await.to_string().contains(secret));
    // Left out, they are kept.
    let online = json!({ "enabled": true, "gateway": "stripe" });
    let account = json!({ "name": "Dollars", "currency": "USD", "mode": "sandbox", "online_payment": online });
    assert_eq!(world.put("/v1/accounts/usd", account).await["online_payment"]["credentials_set"], true);
    let ready = world.get("/v1/accounts?online_payment=true").await;
    let ids: Vec<_> = ready["data"].as_array().unwrap().iter().map(|account| account["id"].clone()).collect();
    assert_eq!(ids, ["euro", "main", "mollie", "rupee", "saman", "usd", "zibal"]);
}

#[tokio::test]
async fn records_that_cannot_be_right_are_refused_by_field() {
    let world = World::in_process().await;
    let cases = [
        (
            "/v1/accounts/a",
            json!({ "name": "A", "currency": "IRR", "mode": "sandbox", "online_payment": { "enabled": true, "gateway": "stripe" } }),
            "/online_payment/gateway",
        ),
        (
            "/v1/accounts/a",
            json!({ "name": "A", "currency": "USD", "mode": "live", "online_payment": { "enabled": true, "gateway": "stripe", "credentials": { "secret_key": "sk_test_x" } } }),
            "/online_payment/credentials/secret_key",
        ),
        ("/v1/accounts/a", json!({ "name": "A", "currency": "IRT", "mode": "live" }), "/currency"),
        ("/v1/contacts/c", json!({ "name": "C", "mobile": "123" }), "/mobile"),
        ("/v1/contacts/c", json!({ "name": "C", "people": [{ "email": "m@example.com" }] }), "/people/0/role"),
        ("/v1/items/i", json!({ "kind": "invoice", "title": "I", "contact_id": "c", "amount": 5 }), "/currency"),
        (
            "/v1/items/i",
            json!({ "kind": "invoice", "title": "I", "contact_id": "c", "receipt_fields": [{ "key": "a", "label": "A" }, { "key": "a", "label": "B" }] }),
            "/receipt_fields/1/key",
        ),
        ("/v1/receipt-types/t", json!({ "name": "T", "parent_id": "none" }), "/parent_id"),
        ("/v1/receipt-types/income", json!({ "name": "Income", "parent_id": "online" }), "/parent_id"),
        ("/v1/settings", json!({ "business_name": "B", "time_zone": "Mars/Base" }), "/time_zone"),
        ("/v1/message-templates/link_created/sms/fa", json!({ "body": "no link" }), "/body"),
        ("/v1/message-templates/link_created/email/fa", json!({ "body": "{{ link }}" }), "/subject"),
    ];
    for (path, body, pointer) in cases {
        let reply = world.crm(Method::PUT, path, body.clone()).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}: {}", reply.text);
        assert_eq!(reply.problems()[0].0, pointer, "{path} {body}");
    }
}

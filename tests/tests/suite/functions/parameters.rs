//! Parameters of addresses that are wrong: all of it is told at once, and what takes none refuses them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Reply, World, root};

/// Method and path of every call in the document, with what it says of the parameters.
fn calls() -> Vec<(Method, String, Vec<Value>)> {
    let document = std::fs::read_to_string(root().join("functions/crm-api/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let parameters = call["parameters"].as_array().into_iter().flatten();
            let followed = parameters.map(|one| match one["$ref"].as_str() {
                Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap().clone(),
                None => one.clone(),
            });
            let in_query = followed.filter(|one| one["in"] == "query").collect();
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            calls.push((method, path.clone(), in_query));
        }
    }
    calls
}

/// A call by whoever may make it, about something of which the id has the right form.
async fn call(world: &World, method: &Method, path: &str, query: &str) -> Reply {
    let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "demo" } else { part }).collect();
    let address = format!("{}?{query}", filled.join("/"));
    let body = if [Method::GET, Method::DELETE].contains(method) { Value::Null } else { json!({}) };
    if path.starts_with("/v1/businesses") || path.starts_with("/v1/platform-defaults") {
        return world.platform(None, method.clone(), &address, body).await;
    }
    world.crm(method.clone(), &address, body).await
}

/// Parameter and code of everything that was refused, in order.
fn refused(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text);
    let body = reply.json();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
    let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no errors in {body}"));
    errors.iter().map(|one| (text(&one["parameter"]), text(&one["code"]))).collect()
}

#[tokio::test]
async fn every_call_without_parameters_refuses_whatever_is_given() {
    let world = World::in_process().await;
    let before = world.get("/v1/settings").await;
    let mut asked = 0;
    for (method, path, parameters) in calls() {
        if !parameters.is_empty() {
            continue;
        }
        asked += 1;
        let reply = call(&world, &method, &path, "dry_run=true&x=1&x=2").await;
        let each = |name: &str| (name.to_owned(), "unknown_parameter".to_owned());
        assert_eq!(refused(&reply), [each("dry_run"), each("x")], "{method} {path}");
        assert_eq!(reply.json()["code"], "invalid_request", "{method} {path}");
        let alone = call(&world, &method, &path, "x=1").await;
        assert_eq!(alone.json()["code"], "unknown_parameter", "{method} {path}");
    }
    assert!(asked > 40, "{asked} calls take no parameters");
    assert_eq!(world.get("/v1/settings").await, before);
}

#[tokio::test]
async fn every_list_tells_all_that_is_wrong_with_its_parameters_at_once() {
    let world = World::in_process().await;
    let mut asked = 0;
    for (method, path, parameters) in calls() {
        if !parameters.iter().any(|one| one["name"] == "cursor") {
            continue;
        }
        asked += 1;
        let reply = call(&world, &method, &path, "cursor=x&colour=red&limit=0").await;
        let expected = [("colour", "unknown_parameter"), ("cursor", "invalid_cursor"), ("limit", "out_of_range")];
        let mut found = refused(&reply);
        found.sort();
        assert_eq!(found, expected.map(|(name, code)| (name.to_owned(), code.to_owned())), "{path}");
        assert_eq!(reply.json()["code"], "invalid_request", "{path}");
        let alone = call(&world, &method, &path, "limit=0").await;
        assert_eq!((alone.json()["code"].as_str(), refused(&alone).len()), (Some("out_of_range"), 1), "{path}");
        assert!(alone.json()["detail"].as_str().unwrap().starts_with("limit: "), "{path}");
    }
    assert!(asked > 12, "{asked} lists");
}

#[tokio::test]
async fn every_filter_that_cannot_be_read_is_told_beside_the_others() {
    let world = World::in_process().await;
    for (address, expected) in [
        (
            "/v1/payment-links?status=active,nope&mode=live&mode=test&opened=yes&created_from=2026-02-02\
             &created_to=2026-02-01&amount_from=x&colour=red&colour=blue&order=best",
            vec![
                ("mode", "given_twice"),
                ("colour", "unknown_parameter"),
                ("status", "unknown_choice"),
                ("opened", "unknown_choice"),
                ("created_to", "out_of_range"),
                ("currency", "required"),
                ("amount_from", "out_of_range"),
                ("order", "unknown_choice"),
            ],
        ),
        (
            "/v1/receipts?payment_link_id=x&gateway=y&amount_from=6&amount_to=5&currency=IRR",
            vec![("gateway", "unknown_gateway"), ("amount_to", "out_of_range"), ("payment_link_id", "invalid_id")],
        ),
        (
            "/v1/events?type=x&payment_link_id=w&after=y&cursor=z&recorded_from=never",
            vec![
                ("type", "unknown_event_type"),
                ("payment_link_id", "invalid_id"),
                ("recorded_from", "invalid_instant"),
                ("after", "invalid_id"),
                ("cursor", "invalid_cursor"),
                ("cursor", "both_given"),
            ],
        ),
        (
            "/v1/totals?from=2026-12-02&to=2026-12-01&mode=dead&limit=1",
            vec![("limit", "unknown_parameter"), ("mode", "unknown_mode"), ("to", "out_of_range")],
        ),
        // A date of a calendar that is not known is not called wrong.
        ("/v1/totals?from=1405-09-01&calendar=lunar", vec![("calendar", "unknown_choice")]),
        ("/v1/totals?from=x&to=y", vec![("from", "invalid_date"), ("to", "invalid_date")]),
        ("/v1/search?query=ali", vec![("query", "unknown_parameter"), ("q", "required")]),
        (
            "/v1/accounts?online_payment=x&limit=y",
            vec![("online_payment", "unknown_choice"), ("limit", "out_of_range")],
        ),
    ] {
        let reply = world.crm(Method::GET, address, Value::Null).await;
        let expected: Vec<_> = expected.into_iter().map(|(name, code)| (name.to_owned(), code.to_owned())).collect();
        assert_eq!(refused(&reply), expected, "{address}");
    }
    let usage = world.platform(None, Method::GET, "/v1/businesses/demo/usage?month=x&year=y", Value::Null).await;
    let names: Vec<String> = refused(&usage).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["year", "month"]);
}

#[tokio::test]
async fn who_has_no_key_learns_nothing_of_parameters() {
    let world = World::in_process().await;
    for path in ["/v1/settings?x=1", "/v1/contacts?x=1"] {
        assert_eq!(world.send(Method::GET, path, &[], None).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

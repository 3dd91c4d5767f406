//! What programs really send: names given twice, other encodings, dates of other calendars. Each is refused with a
//! problem that says what is meant, and nothing is written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::forms::Form;
use tests::{Functions, World, api_gateway_event};

const KEY: (&str, &str) = ("authorization", "Bearer plk_demo_local-crm-key");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A call as API Gateway hands it over: status, headers and problem.
async fn call(functions: &Functions, event: &Value) -> (u16, HeaderMap, Value) {
    let response = functions.http(event).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, headers, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{status} without JSON: {body:?}")))
}

/// Asserts that a body is refused by every function that takes one, with this status and code.
async fn assert_refused(world: &World, headers: &[(&str, &str)], bytes: &[u8], status: u16, code: &str) {
    let functions = world.functions.as_ref().unwrap();
    let headers = [&[KEY], headers].concat();
    for (method, path) in [
        ("POST", "/v1/payment-links"),
        ("POST", "/v1/payment-links/draft"),
        ("POST", "/v1/payment-links/pl_x/replace"),
        ("PUT", "/v1/contacts/c-new"),
        ("POST", "/v1/accounts/main/check"),
    ] {
        let event = api_gateway_event(method, path, &headers, Some(&STANDARD.encode(bytes)), true);
        let (answered, answered_with, problem) = call(functions, &event).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{method} {path} {headers:?} {bytes:?}");
        assert_eq!(answered_with["content-type"], "application/problem+json", "{method} {path}");
    }
}

#[tokio::test]
async fn a_name_that_is_given_twice_is_refused_wherever_it_stands() {
    let world = World::in_process().await;
    for (body, pointers) in [
        (r#"{"account_id":"main","amount":10000,"amount":150000000}"#, vec!["/amount"]),
        (r#"{"name":"A","name":"A"}"#, vec!["/name"]),
        // However it is written, and whatever its value.
        (r#"{"name":"A","n\u0061me":null}"#, vec!["/name"]),
        (
            r#"{"metadata":{"a/b":"1","a/b":"2"},"recipients":{"emails":[],"emails":[]}}"#,
            vec!["/metadata/a~1b", "/recipients/emails"],
        ),
        (r#"{"people":[{},{"id":"p","deep":[[{"x":1,"x":2}]]}]}"#, vec!["/people/1/deep/0/0/x"]),
    ] {
        assert_refused(&world, &[JSON], body.as_bytes(), 400, "duplicate_field").await;
        let headers = [("authorization", KEY.1), JSON];
        let refused = world.send(Method::POST, "/v1/payment-links", &headers, Some(body.to_owned())).await;
        let expected: Vec<_> = pointers.into_iter().map(|at| (at.to_owned(), "duplicate_field".to_owned())).collect();
        assert_eq!(refused.problems(), expected, "{body}");
    }
    // The same name in two objects is none that is given twice.
    let fine = json!({ "account_id": "main", "amount": 50_000, "contact": { "id": "x", "name": "N" }, "metadata": { "id": "x", "name": "N" } });
    world.make_link(fine).await;
    assert_eq!(world.crm(Method::GET, "/v1/contacts/c-new", Value::Null).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_in_another_encoding_is_refused_and_never_an_error_of_ours() {
    let world = World::in_process().await;
    let text = r#"{"name":"Müller"}"#;
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_16_be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf_32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let latin_1: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let marked = [&[0xff, 0xfe][..], &utf_16].concat();
    for bytes in [&gzip[..], &utf_16, &utf_16_be, &utf_32, &marked, &latin_1, b"\xff", b"{\"name\":\"\xed\xa0\x80\"}"] {
        assert_refused(&world, &[JSON], bytes, 415, "unsupported_encoding").await;
    }
    for header in [
        ("content-encoding", "gzip"),
        ("content-encoding", "br"),
        ("content-encoding", "identity, gzip"),
        ("content-type", "application/json; charset=iso-8859-1"),
        ("content-type", "application/json;charset=\"UTF-16\""),
    ] {
        let headers = if header.0 == "content-type" { vec![header] } else { vec![JSON, header] };
        assert_refused(&world, &headers, b"{}", 415, "unsupported_encoding").await;
    }
    let marked = [&b"\xef\xbb\xbf"[..], text.as_bytes()].concat();
    assert_refused(&world, &[JSON], &marked, 400, "malformed_json").await;
    for fine in
        ["application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON; charset=\"utf8\""]
    {
        let functions = world.functions.as_ref().unwrap();
        let headers = [KEY, ("content-type", fine), ("content-encoding", "Identity")];
        let event = api_gateway_event("PUT", "/v1/contacts/c-new", &headers, Some(text), false);
        assert_eq!(call(functions, &event).await.0, 200, "{fine}");
    }
}

#[tokio::test]
async fn an_address_that_is_no_text_names_nothing() {
    let world = World::in_process().await;
    let functions = world.functions.as_ref().unwrap();
    for (method, path, status, code) in [
        ("GET", "/v1/payment-links?contact_id=%ff", 400, "malformed_query"),
        ("GET", "/v1/receipts?%fe=x&contact_id=c-1042", 400, "malformed_query"),
        ("GET", "/v1/contacts/%ff", 404, "not_found"),
        ("POST", "/v1/accounts/%ff/check", 404, "not_found"),
        ("POST", "/gateways/stripe/notify/demo/%ff", 404, "not_found"),
    ] {
        let (answered, headers, problem) =
            call(functions, &api_gateway_event(method, path, &[KEY, JSON], None, false)).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{path}");
        assert_eq!(headers["content-type"], "application/problem+json", "{path}");
    }
    let back = "/gateways/stripe/return/%ff/%fe";
    let returned = functions.http(&api_gateway_event("GET", back, &[], None, false)).await;
    assert_eq!((returned.status().as_u16(), returned.headers()["location"].to_str().unwrap()), (303, "/p/unknown"));
    for path in ["/p/%ff%fe", "/logo/%ff/%fe", "/%ff"] {
        let page = functions.http(&api_gateway_event("GET", path, &[], None, false)).await;
        assert_eq!(page.status(), 404, "{path}");
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8", "{path}");
    }
}

#[tokio::test]
async fn a_date_of_another_calendar_is_refused_with_what_to_send() {
    let world = World::in_process().await;
    let platform = "/v1/businesses/demo/usage?month=";
    for (date, code) in [
        // Today, and in a month whose 31st no Gregorian calendar has, in the digits and with the strokes that people use.
        ("1405-09-07", "persian_calendar_date"),
        ("1405-02-31", "persian_calendar_date"),
        ("1405/09/07", "persian_calendar_date"),
        ("%DB%B1%DB%B4%DB%B0%DB%B5-%DB%B0%DB%B9-%DB%B0%DB%B7", "persian_calendar_date"),
        ("1448-06-18", "persian_calendar_date"),
        ("0026-11-28", "invalid_date"),
        ("1026-11-28", "invalid_date"),
        ("2569-11-28", "invalid_date"),
        ("9999-12-31", "invalid_date"),
        ("2026-02-30", "invalid_date"),
        ("2026-11-28T00:00:00", "invalid_instant"),
        // A plus that was not written as %2B is a blank.
        ("2026-11-28T00:00:00+03:30", "invalid_instant"),
        ("1405-09-07T00:00:00Z", "persian_calendar_date"),
        ("9999-12-31T00:00:00Z", "invalid_instant"),
    ] {
        for list in [
            "payment-links?created_from",
            "payment-links?created_to",
            "payment-links?due_from",
            "payment-links?due_to",
            "payment-links?expires_from",
            "payment-links?expires_to",
            "receipts?registered_from",
            "receipts?registered_to",
            "events?recorded_from",
            "events?recorded_to",
        ] {
            let refused = world.crm(Method::GET, &format!("/v1/{list}={date}"), Value::Null).await;
            assert_eq!(
                (refused.status, &refused.json()["code"]),
                (StatusCode::BAD_REQUEST, &json!(code)),
                "{list} {date}"
            );
            assert!(refused.text.contains("such as 2026-"), "it says what to send: {}", refused.text);
        }
    }
    for (month, code) in [
        ("1405-09", "persian_calendar_date"),
        ("1448-06", "persian_calendar_date"),
        ("0001-01", "invalid_date"),
        ("2569-11", "invalid_date"),
    ] {
        let refused = world.platform(None, Method::GET, &format!("{platform}{month}"), Value::Null).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{month}");
    }
    for (end, code) in [
        ("1405-09-30", "persian_calendar_date"),
        ("1405-02-31", "persian_calendar_date"),
        ("1405-09-30T12:00:00+03:30", "persian_calendar_date"),
        ("1448-07-01", "persian_calendar_date"),
        ("1026-11-28", "in_the_past"),
        ("2569-11-28", "too_far"),
    ] {
        let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_at": end });
        let refused = world.crm(Method::POST, "/v1/payment-links", body).await;
        assert_eq!(refused.problems(), [("/expires_at".to_owned(), code.to_owned())], "{end}");
    }
    let today = "/v1/payment-links?created_from=2026-11-28&created_to=2026-11-28T23:59:59%2B03:30";
    assert_eq!(world.crm(Method::GET, today, Value::Null).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_return_that_brings_two_references_says_nothing_and_the_next_one_pays() {
    let world = World::in_process().await;
    let link = world.make_link(json!({ "account_id": "saman", "contact_id": "c-1042", "amount": 50_000 })).await;
    let chosen = world.choose(&world.go_to_gateway(&link).await, "paid").await;
    let form = Form::of(&chosen.text).unwrap();
    for (name, value) in [("RefNum", ""), ("refnum", "another"), ("Status", "1")] {
        let mut twice = form.clone();
        twice.fields.push((name.to_owned(), value.to_owned()));
        // The same in the address, where a browser that was redirected has them.
        let in_the_address = Form { action: format!("{}?{name}={value}", form.action), fields: form.fields.clone() };
        for spoilt in [twice, in_the_address] {
            let page = world.open(&world.post_form(&spoilt, &[]).await.location()).await;
            assert!(!page.text.contains("پرداخت انجام نشد"), "{name}: {}", page.text);
            let attempt = world.link(&link).await["attempts"][0].clone();
            assert_eq!(attempt["status"], "open", "{name}");
        }
    }
    assert!(world.come_back(&chosen).await.text.contains("پرداخت شد"));
    assert_eq!(world.link(&link).await["status"], "paid");
}

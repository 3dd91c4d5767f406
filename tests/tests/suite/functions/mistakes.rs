//! What an integrator gets wrong: bodies and queries that nearly fit the document, and what they are told.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::World;

const LINKS: &str = "/v1/payment-links";

/// Pointer, code and sentence of each problem of a body.
async fn told(world: &World, method: Method, path: &str, body: Value) -> Vec<(String, String, String)> {
    let reply = world.crm(method, path, body).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", reply.text);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = reply.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|one| (text(&one["pointer"]), text(&one["code"]), text(&one["detail"]))).collect()
}

fn link(more: Value) -> Value {
    let mut body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn words_of_a_query_are_told_their_case_and_what_was_probably_meant() {
    let world = World::in_process().await;
    for (path, detail) in [
        ("/v1/payment-links?status=Active", "status: Case counts: write active."),
        ("/v1/payment-links?status=active,expird", "status: Did you mean expired? Give one of active, paid, expired, "),
        ("/v1/payment-links?order=newst", "order: Did you mean newest? Give newest or oldest."),
        ("/v1/payment-links?opened=True", "opened: Case counts: write true."),
        ("/v1/payment-links?mode=LIVE", "mode: Case counts: write live."),
        (
            "/v1/payment-links?accont_id=main",
            "accont_id: There is no such parameter. Did you mean account_id? There are ",
        ),
        ("/v1/payment-links?Status=active", "Status: There is no such parameter. Did you mean status? There are "),
        ("/v1/contacts?limt=5", "limt: There is no such parameter. Did you mean limit? There are limit, cursor."),
        ("/v1/receipts?gateway=Stripe", "gateway: Case counts: write stripe."),
        ("/v1/events?type=payment_link.payed", "type: Did you mean payment_link.paid? Give one of "),
        ("/v1/payment-links?created_to=9999-12-31", "created_to: Give a Gregorian date of the years 1970 to 2199, "),
    ] {
        let reply = world.crm(Method::GET, path, Value::Null).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}");
        let said = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(said.starts_with(detail), "{path}: {said}");
    }
    let report = format!("{LINKS}/pl_{0}/messages/msg_{0}/report", "1".repeat(22));
    let told = told(&world, Method::POST, &report, json!({ "status": "Sent" })).await;
    assert_eq!(told[0].2, "Case counts: write sent.");
}

#[tokio::test]
async fn an_entry_of_a_list_that_is_of_another_type_is_pointed_at() {
    let world = World::in_process().await;
    let recipients = json!({ "roles": ["manager", 5], "mobiles": [null, "0912abc4567"], "people": ["manager"] });
    let found = told(&world, Method::POST, LINKS, link(json!({ "recipients": recipients }))).await;
    let pointers: Vec<(&str, &str)> = found.iter().map(|(at, code, _)| (at.as_str(), code.as_str())).collect();
    assert_eq!(
        pointers,
        [
            ("/recipients/roles/1", "wrong_type"),
            ("/recipients/people/0", "wrong_type"),
            ("/recipients/mobiles/0", "wrong_type"),
            ("/recipients/mobiles/1", "invalid_mobile"),
        ]
    );
}

#[tokio::test]
async fn a_message_on_no_channel_is_refused_and_not_lost() {
    let world = World::in_process().await;
    for recipients in [json!({ "contact": true }), json!({})] {
        let body = link(json!({ "recipients": recipients, "message": { "channels": [] } }));
        let found = told(&world, Method::POST, LINKS, body).await;
        let detail = "Name a channel, or leave the field out for all of them.";
        assert_eq!(found, [("/message/channels".to_owned(), "required".to_owned(), detail.to_owned())]);
    }
}

#[tokio::test]
async fn what_changes_something_takes_nothing_from_its_address() {
    let world = World::in_process().await;
    let link = world.make_link(link(json!({}))).await;
    let cancel = format!("{LINKS}/{}/cancel?force=true", link["id"].as_str().unwrap());
    let refused = world.crm(Method::POST, &cancel, json!({})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &json!("unknown_parameter")));
    assert_eq!(world.link(&link).await["status"], "active");
}

#[tokio::test]
async fn a_header_that_is_malformed_is_told_before_anything_of_the_body() {
    let world = World::in_process().await;
    let made = world.make_link(link(json!({}))).await;
    let cancel = format!("{LINKS}/{}/cancel", made["id"].as_str().unwrap());
    for path in [LINKS, cancel.as_str()] {
        for (header, value, code) in
            [("Idempotency-Key", "a b", "invalid_idempotency_key"), ("Paylink-Actor", "a b", "invalid_actor")]
        {
            let refused = world.crm_with(Method::POST, path, json!({ "nonsense": 1 }), &[(header, value)]).await;
            assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{path}");
        }
    }
}

//! The business's own line of SMS: what it is handed, what it reports, and who may report.
//!
//! What every message provider has to do it does in `providers`. Here a test reports itself, in the order that it
//! likes.

use std::time::Duration;

use domain::Timestamp;
use paylink_local::seed::{API_KEY, BAZAAR_KEY, DEMO, LINE_KEY, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulators::providers::{crm_line, kavenegar};
use store::{ApiKey, KeyHolder, Scope};
use tests::fault_proxy::Fault;
use tests::faulty_world::{FaultyWorld, Made};
use tests::{Reply, World};

use super::{settings_are_read_again, states};

const NUMBER: &str = "+971500000000";

const MINUTE: Duration = Duration::from_secs(60);

/// A link of which these recipients are told, and a world in which nobody reports by himself.
async fn world_with(recipients: Value) -> (FaultyWorld, Made) {
    let world = FaultyWorld::start(0).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "locale": "en",
                       "expires_in_days": 30, "recipients": recipients });
    let link = world.make_link(&body, "link").await;
    (world, link)
}

async fn shown(world: &FaultyWorld, link: &Made) -> Value {
    let path = format!("/v1/payment-links/{}", link.id);
    world.crm_as(link.key, Method::GET, &path, &Value::Null, &[]).await.unwrap().json()
}

/// The messages of a link, as the CRM reads them.
async fn messages(world: &FaultyWorld, link: &Made) -> Vec<Value> {
    shown(world, link).await["messages"].as_array().unwrap().clone()
}

async fn report_as(world: &FaultyWorld, key: &str, link: &Made, message: &Value, body: Value) -> Reply {
    let path = format!("/v1/payment-links/{}/messages/{}/report", link.id, message["id"].as_str().unwrap());
    world.crm_as(key, Method::POST, &path, &body, &[]).await.unwrap()
}

/// The line reports about the first message of a link.
async fn report(world: &FaultyWorld, link: &Made, body: Value) -> Value {
    let first = messages(world, link).await.remove(0);
    let reply = report_as(world, LINE_KEY, link, &first, body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

fn code(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn told(world: &FaultyWorld, to: &str) -> usize {
    world.cloud.inbox.all().into_iter().filter(|message| message.to == to).count()
}

#[tokio::test]
async fn what_a_line_reports_is_seen_on_the_message_and_what_is_final_stays() {
    let (world, link) = world_with(json!({ "mobiles": [NUMBER, "+971500000001"] })).await;
    world.bring_stream().await;
    let sent = report(&world, &link, json!({ "status": "sent" })).await;
    assert_eq!((&sent["status"], &sent["delivered_at"]), (&json!("sent"), &Value::Null));
    world.turn_time(MINUTE);
    let at = Timestamp::from_second(world.now().as_second()).unwrap();
    let arrived = report(&world, &link, json!({ "status": "delivered", "at": at.to_string() })).await;
    let delivered_at: Timestamp = arrived["delivered_at"].as_str().unwrap().parse().unwrap();
    assert_eq!((delivered_at, &arrived["status"]), (at, &json!("sent")));
    world.turn_time(MINUTE);
    // Each comes again, and a failure comes late: nothing changes.
    for again in ["delivered", "sent", "failed"] {
        assert_eq!(report(&world, &link, json!({ "status": again })).await, arrived, "{again}");
    }
    let [first, second] = <[Value; 2]>::try_from(messages(&world, &link).await).unwrap();
    assert_eq!(first, arrived);
    // The other one failed, and then it arrived after all.
    let failed = json!({ "status": "failed", "reason": "phone_off" });
    let lost = report_as(&world, LINE_KEY, &link, &second, failed.clone()).await.json();
    assert_eq!((&lost["status"], &lost["reason"]), (&json!("failed"), &json!("phone_off")));
    let again = json!({ "status": "failed", "reason": "something_else" });
    assert_eq!(report_as(&world, LINE_KEY, &link, &second, again).await.json(), lost);
    let late = report_as(&world, LINE_KEY, &link, &second, json!({ "status": "delivered" })).await.json();
    assert_eq!((&late["status"], &late["failed_at"]), (&json!("failed"), &lost["failed_at"]));
    assert!(late["delivered_at"].is_string(), "that it arrived in the end is known: {late}");
    world.bring_stream().await;
    let failures = world.cloud.crm.events().into_iter().filter(|told| told.event["type"] == "message.failed");
    assert_eq!(failures.map(|told| told.event["message_id"].clone()).collect::<Vec<_>>(), [second["id"].clone()]);
    assert_eq!((told(&world, NUMBER), told(&world, "+971500000001")), (1, 1));
}

#[tokio::test]
async fn a_message_that_the_line_could_not_deliver_makes_way_for_the_next_channel() {
    let (world, _) = world_with(json!({})).await;
    let settings = json!({ "business_name": "B", "default_region": "IR", "channel_order": ["sms", "email"],
                           "sms_routes": [{ "prefix": "+", "provider": "crm-line" }] });
    assert_eq!(world.crm(Method::PUT, "/v1/settings", &settings, &[]).await.unwrap().status, StatusCode::OK);
    let contact = json!({ "name": "N", "mobile": "09120000009", "email": "one@example.com" });
    world.crm(Method::PUT, "/v1/contacts/c-2", &contact, &[]).await.unwrap();
    let body = json!({ "account_id": "main", "contact_id": "c-2", "amount": 50_000, "expires_in_days": 7,
                       "recipients": { "contact": true } });
    let link = world.make_link(&body, "ordered").await;
    world.bring_stream().await;
    let sms = world.cloud.inbox.all().into_iter().find(|message| message.to == "+989120000009").unwrap();
    assert_eq!(sms.from, crm_line::DEMO_SENDER_NUMBER, "a plus alone stands for all numbers");
    report(&world, &link, json!({ "status": "failed" })).await;
    assert_eq!(told(&world, "one@example.com"), 0);
    world.bring_stream().await;
    let link = shown(&world, &link).await;
    assert_eq!(states(&link), [("failed", Some("not_delivered")), ("sent", None)]);
    assert_eq!(told(&world, "one@example.com"), 1);
}

#[tokio::test]
async fn a_report_about_a_message_whose_answer_was_lost_keeps_it_from_going_out_again() {
    // The answer was lost, and then the whole function.
    for fault in [Fault::LoseAnswer, Fault::DieAfter] {
        let (world, link) = world_with(json!({ "mobiles": [NUMBER] })).await;
        world.proxy.decide(move |_, call| (call.service == "crm-line").then_some(fault));
        world.bring_stream().await;
        world.proxy.record();
        let before = messages(&world, &link).await.remove(0);
        let expected = if fault == Fault::LoseAnswer { "waiting" } else { "sending" };
        assert_eq!(before["status"], expected);
        let reported = report(&world, &link, json!({ "status": "sent", "provider_id": "line-7" })).await;
        assert_eq!((&reported["status"], &reported["provider_id"]), (&json!("sent"), &json!("line-7")));
        for _ in 0..3 {
            world.turn_time(Duration::from_secs(3 * 3600));
            world.bring_stream().await;
            let done = world.retry_messages().await.unwrap().unwrap();
            assert_eq!(done["tried"], 0, "{fault:?}: {done}");
        }
        assert_eq!(told(&world, NUMBER), 1, "{fault:?}");
        assert_eq!(messages(&world, &link).await[0]["status"], "sent", "{fault:?}");
        // It counts for those who pay for it, although only the report told of it.
        let path = format!("/v1/businesses/{DEMO}/usage");
        let usage = world.crm_as(PLATFORM_KEY, Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
        let counted = json!([{ "channel": "sms", "provider": "webhook", "count": 1, "segments": 1 }]);
        assert_eq!(usage["messages"], counted, "{fault:?}");
    }
}

/// The settings say of these beginnings of numbers whose they are.
async fn route(world: &FaultyWorld, routes: Value) {
    let settings = json!({ "business_name": "B", "default_region": "IR", "sms_routes": routes });
    assert_eq!(world.crm(Method::PUT, "/v1/settings", &settings, &[]).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn who_was_handed_a_message_decides_whose_report_counts_and_not_who_serves_the_number_now() {
    let kavenegar = "+989120000007";
    let (world, link) = world_with(json!({ "mobiles": [NUMBER, kavenegar] })).await;
    world
        .proxy
        .decide(|_, call| ["crm-line", "kavenegar"].contains(&call.service.as_str()).then_some(Fault::LoseAnswer));
    world.bring_stream().await;
    world.proxy.record();
    let [lines, other] = <[Value; 2]>::try_from(messages(&world, &link).await).unwrap();
    assert_eq!((&lines["status"], &other["status"]), (&json!("waiting"), &json!("waiting")));
    // The numbers change hands while both answers are lost.
    route(&world, json!([{ "prefix": "+971", "sns": {} }, { "prefix": "+98", "provider": "crm-line" }])).await;
    let refused = report_as(&world, LINE_KEY, &link, &other, json!({ "status": "delivered" })).await;
    assert_eq!(code(&refused), (409, "message_of_another_provider".to_owned()));
    let reported = report_as(&world, LINE_KEY, &link, &lines, json!({ "status": "delivered" })).await;
    assert_eq!((reported.status, &reported.json()["status"]), (StatusCode::OK, &json!("sent")), "{}", reported.text);
    world.turn_time(2 * MINUTE);
    assert_eq!(world.retry_messages().await.unwrap().unwrap()["tried"], 1, "only what nobody has reported");
    assert_eq!((told(&world, NUMBER), told(&world, kavenegar)), (1, 2));
    // The line has it now as well, and says so.
    let sent = report_as(&world, LINE_KEY, &link, &other, json!({ "status": "delivered" })).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
}

#[tokio::test]
async fn a_message_that_arrived_although_its_answer_was_lost_is_reported_after_its_link_ended_too() {
    let (world, link) = world_with(json!({ "mobiles": [NUMBER, "+971500000001"] })).await;
    world.proxy.decide(|_, call| (call.service == "crm-line").then_some(Fault::LoseAnswer));
    world.bring_stream().await;
    world.proxy.record();
    // Whoever got the SMS opens it and pays.
    world.pay(&link, "paid").await;
    world.turn_time(2 * MINUTE);
    world.retry_messages().await.unwrap().unwrap();
    let shown = messages(&world, &link).await;
    assert_eq!([&shown[0]["status"], &shown[1]["status"]], [&json!("skipped"); 2]);
    let arrived = report(&world, &link, json!({ "status": "delivered" })).await;
    assert_eq!((&arrived["status"], &arrived["reason"]), (&json!("sent"), &Value::Null));
    assert!(arrived["delivered_at"].is_string(), "{arrived}");
    let lost = report_as(&world, LINE_KEY, &link, &shown[1], json!({ "status": "failed" })).await;
    assert_eq!((lost.status, lost.json()), (StatusCode::OK, shown[1].clone()), "nobody needs it any more");
    let sent = report_as(&world, LINE_KEY, &link, &shown[1], json!({ "status": "sent" })).await;
    assert_eq!(sent.json()["status"], "sent");
    let path = format!("/v1/businesses/{DEMO}/usage");
    let usage = world.crm_as(PLATFORM_KEY, Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
    let counted = json!([{ "channel": "sms", "provider": "webhook", "count": 2, "segments": 2 }]);
    assert_eq!(usage["messages"], counted);
}

#[tokio::test]
async fn nothing_is_reported_of_a_time_before_the_line_was_handed_the_message() {
    let (world, link) = world_with(json!({ "mobiles": [NUMBER] })).await;
    let before = world.now() + MINUTE;
    world.turn_time(60 * MINUTE);
    world.bring_stream().await;
    let message = messages(&world, &link).await.remove(0);
    let body = json!({ "status": "delivered", "at": before.to_string() });
    let reply = report_as(&world, LINE_KEY, &link, &message, body).await;
    assert_eq!(reply.problems(), [("/at".to_owned(), "out_of_range".to_owned())], "{}", reply.text);
}

/// The messages of a link to these numbers at the line of the demo business, where the line's answers cannot be read
/// to their end and it does not report.
async fn answered_without_an_end(numbers: [&str; 4]) -> Vec<Value> {
    let world = World::in_process().await;
    let key = ApiKey { integration: "line".to_owned(), scopes: vec![Scope::Read], created_at: Timestamp::now() };
    world.cloud.store.put_api_key(&KeyHolder::Business(paylink_local::seed::demo()), LINE_KEY, &key).await.unwrap();
    for how in ["large", "cut_short", "endless", "silent"] {
        world.misbehave("crm-line", "send", how, 1).await;
    }
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "locale": "en",
                       "recipients": { "mobiles": numbers } });
    let link = world.make_link(body).await;
    for number in numbers {
        assert_eq!(world.inbox(number, 1).await.len(), 1);
    }
    let is_over = |link: &Value| states(link).iter().all(|(state, _)| !["queued", "sending"].contains(state));
    world.wait_for(&link, is_over).await["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_line_that_accepts_a_message_has_it_whatever_comes_behind_the_status() {
    for message in answered_without_an_end(["+971500010202", "+971500020202", "+971500030202", "+971500040202"]).await {
        assert_eq!((&message["status"], &message["provider_id"]), (&json!("sent"), &Value::Null), "{message}");
    }
}

#[tokio::test]
async fn an_answer_of_a_line_that_does_not_come_to_its_end_cannot_be_read() {
    for message in answered_without_an_end(["+971500010000", "+971500020000", "+971500030000", "+971500040000"]).await {
        let is = (&message["status"], &message["reason"]);
        assert_eq!(is, (&json!("waiting"), &json!("unreadable_answer")), "{message}");
    }
}

#[tokio::test]
async fn a_line_that_reports_before_it_answers_is_heard() {
    let (world, link) = world_with(json!({ "mobiles": [NUMBER] })).await;
    world.proxy.decide(|_, call| (call.service == "crm-line").then_some(Fault::Delay(Duration::from_millis(700))));
    let reporting = async {
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert_eq!(messages(&world, &link).await[0]["status"], "sending");
        report(&world, &link, json!({ "status": "delivered", "provider_id": "line-8" })).await
    };
    let (_, reported) = tokio::join!(world.bring_stream(), reporting);
    assert!(reported["delivered_at"].is_string(), "{reported}");
    world.proxy.record();
    assert_eq!(messages(&world, &link).await[0], reported, "the answer that came afterwards changed nothing");
}

#[tokio::test]
async fn only_a_message_that_the_line_was_handed_can_be_reported_and_only_for_a_week() {
    let kavenegar = "+989120000007";
    let (world, link) = world_with(json!({ "mobiles": [NUMBER, kavenegar], "emails": ["one@example.com"] })).await;
    let delivered = json!({ "status": "delivered" });
    for message in messages(&world, &link).await {
        let reply = report_as(&world, LINE_KEY, &link, &message, delivered.clone()).await;
        assert_eq!(code(&reply), (409, "message_not_handed_over".to_owned()), "{message}");
    }
    world.bring_stream().await;
    for message in messages(&world, &link).await {
        let reply = report_as(&world, LINE_KEY, &link, &message, json!({ "status": "failed" })).await;
        let is_lines = message["to"] == NUMBER;
        assert_eq!(reply.status == StatusCode::OK, is_lines, "{}", reply.text);
        if !is_lines {
            assert_eq!(code(&reply), (409, "message_of_another_provider".to_owned()), "{message}");
        }
    }
    let reported: Vec<_> = messages(&world, &link).await.iter().map(|one| one["status"].clone()).collect();
    assert_eq!(reported, ["failed", "sent", "sent"]);
    world.turn_time(Duration::from_secs(7 * 24 * 3600 + 60));
    let first = messages(&world, &link).await.remove(0);
    let reply = report_as(&world, LINE_KEY, &link, &first, delivered.clone()).await;
    assert_eq!(code(&reply), (409, "report_too_late".to_owned()));
    // There is no such message, or no such link.
    for (of, message) in [(link.id.as_str(), "msg_nobody"), ("pl_nobody", first["id"].as_str().unwrap())] {
        let path = format!("/v1/payment-links/{of}/messages/{message}/report");
        let reply = world.crm_as(LINE_KEY, Method::POST, &path, &delivered, &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(told(&world, kavenegar), 1);
}

#[tokio::test]
async fn a_line_reports_for_its_own_business_and_its_key_opens_nothing_else() {
    let (world, link) = world_with(json!({ "mobiles": [NUMBER] })).await;
    world.bring_stream().await;
    let message = messages(&world, &link).await.remove(0);
    let delivered = json!({ "status": "delivered" });
    let foreign = report_as(&world, BAZAAR_KEY, &link, &message, delivered.clone()).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{}", foreign.text);
    let writer = "plk_demo_writer";
    let scopes = vec![Scope::Read, Scope::Write, Scope::Admin];
    let key = ApiKey { integration: "writer".to_owned(), scopes, created_at: Timestamp::now() };
    world.cloud.store.put_api_key(&KeyHolder::Business(paylink_local::seed::demo()), writer, &key).await.unwrap();
    let refused = report_as(&world, writer, &link, &message, delivered.clone()).await;
    assert_eq!(code(&refused), (403, "scope_missing".to_owned()));
    assert_eq!(messages(&world, &link).await[0]["delivered_at"], Value::Null, "nobody was heard");
    for (method, path) in [
        (Method::GET, format!("/v1/payment-links/{}", link.id)),
        (Method::GET, "/v1/contacts".to_owned()),
        (Method::POST, format!("/v1/payment-links/{}/cancel", link.id)),
        (Method::PUT, "/v1/message-providers/crm-line".to_owned()),
        (Method::POST, "/v1/payment-links".to_owned()),
    ] {
        let reply = world.crm_as(LINE_KEY, method.clone(), &path, &json!({}), &[]).await.unwrap();
        assert_eq!(code(&reply), (403, "scope_missing".to_owned()), "{method} {path}");
    }
    // The CRM's own key may have all scopes.
    assert_eq!(report_as(&world, API_KEY, &link, &message, delivered).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_report_that_cannot_be_read_names_each_field() {
    let (world, link) = world_with(json!({ "mobiles": [NUMBER] })).await;
    world.bring_stream().await;
    let message = messages(&world, &link).await.remove(0);
    let earlier = (world.now() - Duration::from_secs(600)).to_string();
    let later = (world.now() + Duration::from_secs(600)).to_string();
    for (body, expected) in [
        (json!({}), vec![("/status", "required")]),
        (json!({ "status": "read" }), vec![("/status", "unknown_choice")]),
        (json!({ "status": "delivered", "reason": "x" }), vec![("/reason", "not_allowed")]),
        (json!({ "status": "failed", "reason": "Not there" }), vec![("/reason", "invalid_reason")]),
        (json!({ "status": "failed", "reason": "n_989121234567" }), vec![("/reason", "invalid_reason")]),
        (json!({ "status": "sent", "at": "yesterday" }), vec![("/at", "invalid_instant")]),
        (json!({ "status": "sent", "at": "1405-09-08T12:00:00+03:30" }), vec![("/at", "persian_calendar_date")]),
        (json!({ "status": "sent", "at": earlier }), vec![("/at", "out_of_range")]),
        (json!({ "status": "sent", "at": later }), vec![("/at", "out_of_range")]),
        (
            json!({ "status": 1, "provider_id": "a b", "to": NUMBER }),
            vec![("/to", "unknown_field"), ("/status", "wrong_type"), ("/provider_id", "invalid_id")],
        ),
    ] {
        let reply = report_as(&world, LINE_KEY, &link, &message, body.clone()).await;
        let expected: Vec<_> = expected.into_iter().map(|(at, code)| (at.to_owned(), code.to_owned())).collect();
        assert_eq!((reply.status, reply.problems()), (StatusCode::UNPROCESSABLE_ENTITY, expected), "{body}");
    }
    // What is left out may be null.
    let body = json!({ "status": "sent", "reason": null, "at": null, "provider_id": null });
    assert_eq!(report_as(&world, LINE_KEY, &link, &message, body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_messages_to_a_line_are_signed_with_is_shown_once_and_rotated_without_a_gap() {
    let world = World::in_process().await;
    let path = "/v1/message-providers/crm";
    let at = |url: &str| json!({ "kind": "webhook", "url": format!("http://127.0.0.1:9/{url}") });
    let made = world.put(path, at("one")).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{made}");
    assert_eq!((&made["kind"], &made["channel"], &made["base_url"]), (&json!("webhook"), &json!("sms"), &Value::Null));
    let moved = world.put(path, at("two?line=1")).await;
    assert_eq!((moved.get("secret"), &moved["url"]), (None, &json!("http://127.0.0.1:9/two?line=1")));
    assert_eq!(world.get(path).await.get("secret"), None);
    let rotate = |path: &str, key: &'static str, body: Value| {
        let path = format!("{path}/rotate-secret");
        let world = &world;
        async move { world.crm_with(Method::POST, &path, body, &[("idempotency-key", key)]).await }
    };
    let rotated = rotate(path, "k-1", Value::Null).await;
    let newer = rotated.json()["secret"].as_str().unwrap().to_owned();
    assert_ne!(newer, secret);
    let again = rotate(path, "k-1", Value::Null).await;
    assert_eq!(
        (again.json()["secret"].as_str(), &again.headers["idempotency-replayed"]),
        (Some(newer.as_str()), &"true".parse().unwrap())
    );
    assert_eq!(rotate(path, "k-1", json!({ "overlap_hours": 1 })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rotate("/v1/message-providers/nobody", "k-2", Value::Null).await.status, StatusCode::NOT_FOUND);
    let bot = rotate("/v1/message-providers/telegram", "k-3", Value::Null).await;
    assert_eq!(code(&bot), (409, "nothing_is_signed".to_owned()));
    // The line knows the earlier secret alone, and takes messages until that signs no longer.
    let line = "/v1/message-providers/crm-line";
    assert_eq!(rotate(line, "k-4", json!({ "overlap_hours": 1 })).await.status, StatusCode::OK);
    settings_are_read_again().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "locale": "en",
                       "recipients": { "mobiles": [NUMBER] } });
    world.make_link(body.clone()).await;
    world.inbox(NUMBER, 1).await;
    assert_eq!(rotate(line, "k-5", json!({ "overlap_hours": 0 })).await.status, StatusCode::OK);
    settings_are_read_again().await;
    let link = world.make_link(body).await;
    let link = world.wait_for(&link, |link| states(link)[0].0 == "waiting").await;
    assert_eq!(states(&link), [("waiting", Some("signature_refused"))], "it can be mended");
    assert_eq!(world.inbox(NUMBER, 1).await.len(), 1);
}

#[tokio::test]
async fn a_line_has_an_address_and_no_credentials_and_the_settings_keep_it() {
    let world = World::in_process().await;
    let put = |body: Value| world.crm(Method::PUT, "/v1/message-providers/crm", body);
    let problems = |reply: Reply| -> Vec<(String, String)> { reply.problems() };
    let problem = |at: &str, code: &str| (at.to_owned(), code.to_owned());
    let all = json!({ "kind": "webhook", "base_url": "https://crm.example", "line": "3000",
                      "credentials": { "secret": "whsec_b25l" } });
    let expected = [
        problem("/credentials/secret", "unknown_field"),
        problem("/base_url", "not_allowed"),
        problem("/line", "not_allowed"),
        problem("/url", "required"),
    ];
    assert_eq!(problems(put(all).await), expected);
    let nowhere = json!({ "kind": "webhook", "url": "ftp://crm.example/sms" });
    assert_eq!(problems(put(nowhere).await), [problem("/url", "invalid_endpoint_url")]);
    let other = json!({ "kind": "kavenegar", "url": "https://crm.example/sms" });
    assert_eq!(problems(put(other).await), [problem("/url", "not_allowed")]);
    let kept = world.crm(Method::DELETE, "/v1/message-providers/crm-line", Value::Null).await;
    assert_eq!(code(&kept), (409, "provider_in_use".to_owned()));
    let bot = json!({ "kind": "bot_api", "credentials": { "token": "100000001:local-demo-business-bot" } });
    let turned = world.crm(Method::PUT, "/v1/message-providers/crm-line", bot.clone()).await;
    assert_eq!(code(&turned), (409, "provider_in_use".to_owned()), "a bot sends no SMS");
    let other_line = json!({ "kind": "webhook", "url": "http://127.0.0.1:9/one" });
    assert_eq!(put(other_line).await.status, StatusCode::OK);
    assert_eq!(put(bot).await.status, StatusCode::OK, "the settings do not name it");
    // A line of its own beside Kavenegar: the longest beginning of a number decides.
    let routes = json!([{ "prefix": "+", "provider": "crm-line" }, { "prefix": "+98", "provider": "kavenegar" }]);
    world.put("/v1/settings", json!({ "business_name": "B", "default_region": "IR", "sms_routes": routes })).await;
    settings_are_read_again().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "locale": "en",
                       "recipients": { "mobiles": ["09120000007", "+966500000000"] } });
    world.make_link(body).await;
    assert_eq!(world.inbox("+989120000007", 1).await[0]["from"], kavenegar::DEMO_SENDER_NUMBER);
    assert_eq!(world.inbox("+966500000000", 1).await[0]["from"], crm_line::DEMO_SENDER_NUMBER);
}

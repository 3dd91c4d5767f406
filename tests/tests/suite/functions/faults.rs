//! One call goes wrong, and what is noticed of it.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

const MINUTE: Duration = Duration::from_secs(60);

async fn rial_links(world: &FaultyWorld, name: &str, many: usize) -> Vec<Made> {
    let mut links = Vec::new();
    for number in 0..many {
        let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_in_days": 7 });
        links.push(world.make_link(&body, &format!("{name}-{number}")).await);
    }
    links
}

fn count(calls: &[Call], operation: &str) -> usize {
    calls.iter().filter(|call| call.operation == operation).count()
}

#[tokio::test]
async fn a_sweep_that_cannot_read_all_of_the_index_works_off_what_it_could_read() {
    let world = FaultyWorld::start(3600).await;
    for link in rial_links(&world, "swept", 12).await {
        let page = world.go_to_gateway(&link).await;
        world.choose(&page, "paid_no_return").await;
    }
    world.turn_time(MINUTE);
    // The index cannot be read any more when half of its shards were.
    let mut queries = 0;
    world.proxy.decide(move |_, call| {
        queries += usize::from(call.operation == "Query");
        (call.operation == "Query" && queries > 8).then_some(Fault::Unavailable)
    });
    assert!(world.sweep().await.unwrap().is_err(), "the run is known to have failed");
    let calls = world.proxy.calls();
    world.proxy.record();
    assert!(count(&calls, "BatchGetItem") > 0, "something was taken on");
    assert_eq!(count(&calls, "verify"), count(&calls, "PutItem") / 2, "and all of it was worked off");
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_write_that_meets_a_transaction_or_a_throttle_is_tried_again_before_anybody_notices() {
    let world = FaultyWorld::start(3600).await;
    for fault in [Fault::Conflict, Fault::Throttle, Fault::LoseAnswerOnce] {
        for link in rial_links(&world, &format!("{fault:?}"), 1).await {
            let write = Call {
                function: "pay-redirect".to_owned(),
                service: "dynamodb".to_owned(),
                operation: "PutItem".to_owned(),
            };
            world.proxy.fault_at(write, 0, fault);
            let page = world.open(&link.url).await.unwrap();
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{fault:?}: the customer is sent to the gateway");
            world.proxy.record();
            world.cancel(&link, true).await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_list_stands_for_a_question_about_each_attempt_of_an_account() {
    let world = FaultyWorld::start(3600).await;
    let links = rial_links(&world, "listed", 8).await;
    for (number, link) in links.iter().enumerate() {
        let page = world.go_to_gateway(link).await;
        if number < 3 {
            world.choose(&page, "paid_no_return").await;
        }
    }
    world.turn_time(MINUTE);
    world.proxy.record();
    world.sweep().await.unwrap().unwrap();
    let calls = world.proxy.calls();
    assert_eq!([count(&calls, "unVerified"), count(&calls, "verify"), count(&calls, "inquiry")], [1, 3, 0]);
    // The sessions of those who did not pay are over one day, and then each is asked about.
    world.turn_time(20 * MINUTE);
    world.proxy.record();
    world.sweep().await.unwrap().unwrap();
    let calls = world.proxy.calls();
    assert_eq!([count(&calls, "unVerified"), count(&calls, "verify"), count(&calls, "inquiry")], [1, 0, 5]);
    world.bring_stream().await;
    let evidence = world.assert_all_is_well(Stage::CaughtUp).await;
    for (number, link) in links.iter().enumerate() {
        let expected = if number < 3 { "paid attempts [\"paid\"]" } else { "active attempts [\"failed\"]" };
        assert!(evidence.truth_of(&link.id).starts_with(expected), "{}", evidence.truth_of(&link.id));
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_leaves_a_question_about_each_attempt() {
    let world = FaultyWorld::start(3600).await;
    for link in rial_links(&world, "unlisted", 3).await {
        let page = world.go_to_gateway(&link).await;
        world.choose(&page, "paid_no_return").await;
    }
    world.turn_time(MINUTE);
    world.proxy.decide(|_, call| (call.operation == "unVerified").then_some(Fault::Unavailable));
    world.sweep().await.unwrap().unwrap();
    assert_eq!(count(&world.proxy.calls(), "inquiry"), 3);
    world.bring_stream().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn who_cancels_while_the_money_is_being_taken_comes_too_late() {
    let world = FaultyWorld::start(3600).await;
    let links = rial_links(&world, "taken", 1).await;
    let page = world.go_to_gateway(&links[0]).await;
    let back = world.choose(&page, "paid").await.unwrap();
    // Zarinpal takes its time to verify, and the CRM cancels meanwhile.
    world.proxy.decide(|_, call| (call.operation == "verify").then_some(Fault::Delay(Duration::from_secs(1))));
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.cancel(&links[0], true).await.unwrap()
    };
    let (returned, cancelled) = tokio::join!(world.open(&back), cancel);
    assert_eq!(returned.unwrap().status, StatusCode::SEE_OTHER);
    assert_eq!(cancelled.status, StatusCode::CONFLICT, "{}", cancelled.text);
    world.bring_stream().await;
    let evidence = world.assert_all_is_well(Stage::CaughtUp).await;
    assert!(evidence.truth_of(&links[0].id).starts_with("paid"));
}

#[tokio::test]
async fn a_request_whose_calls_are_all_slow_is_answered_in_time_and_can_be_repeated() {
    let world = FaultyWorld::start(0).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000, "expires_in_days": 7 });
    // Each call comes through, and only together they take longer than the function may.
    world.proxy.decide(|number, _| Some(Fault::Delay(Duration::from_millis(if number < 3 { 1900 } else { 2500 }))));
    let begun = Instant::now();
    let reply = world.create(&body, "slow").await.unwrap();
    assert_eq!(
        (reply.status, reply.json()["code"].as_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "took_too_long")
    );
    assert!(begun.elapsed() < create_link::TIME, "Lambda never has to stop it");
    world.proxy.record();
    world.make_link(&body, "slow").await;
    let again = world.create(&body, "slow").await.unwrap();
    assert_eq!(again.headers["idempotency-replayed"], "true");
    world.confirm().await;
    let evidence = world.assert_all_is_well(Stage::CaughtUp).await;
    assert_eq!(evidence.links.len(), 1);
}

#[tokio::test]
async fn a_sweep_that_meets_its_deadline_ends_and_the_next_one_goes_on() {
    let world = FaultyWorld::start(3600).await;
    for link in rial_links(&world, "slow", 12).await {
        let page = world.go_to_gateway(&link).await;
        world.choose(&page, "paid_no_return").await;
    }
    world.turn_time(MINUTE);
    world.proxy.decide(|_, call| (call.operation == "verify").then_some(Fault::Delay(Duration::from_secs(3))));
    let time = runtime::RESERVE + Duration::from_secs(2);
    let begun = Instant::now();
    let swept = world.sweep_within(time).await.unwrap();
    assert!(begun.elapsed() < time, "{:?}", begun.elapsed());
    assert_eq!((swept["asked"].as_u64(), swept["left"].as_u64()), (Some(8), Some(4)), "{swept}");
    world.proxy.record();
    world.confirm().await;
    let evidence = world.assert_all_is_well(Stage::CaughtUp).await;
    assert!(evidence.links.keys().all(|id| evidence.truth_of(id).starts_with("paid attempts [\"paid\"]")));
}

#[tokio::test]
async fn an_event_asked_for_again_reaches_an_endpoint_that_was_made_since() {
    // The process that sends has read the endpoints and keeps what it read.
    let world = FaultyWorld::start(3600).await;
    let link = rial_links(&world, "again", 1).await.remove(0);
    world.bring_stream().await;
    let endpoint = json!({ "url": world.proxy.crm_endpoint("demo") });
    let made = world.crm(Method::PUT, "/v1/webhook-endpoints/new", &endpoint, &[]).await.unwrap();
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let event = format!("/v1/events/evt_{}_1", link.id.trim_start_matches("pl_"));
    let asked = world.crm(Method::POST, &format!("{event}/redeliver"), &json!({ "endpoint_id": "new" }), &[]).await;
    assert_eq!(asked.unwrap().status, StatusCode::ACCEPTED);
    world.retry_messages().await.unwrap().unwrap();
    let told = world.crm(Method::GET, &event, &serde_json::Value::Null, &[]).await.unwrap().json();
    let delivery =
        told["deliveries"].as_array().unwrap().iter().find(|one| one["endpoint_id"] == "new").unwrap().clone();
    assert_eq!(delivery["tries"].as_array().unwrap().len(), 1, "{delivery}");
    assert_ne!(delivery["tries"][0]["outcome"], "the endpoint is switched off");
}

#[tokio::test]
async fn an_endpoint_misses_nothing_that_happened_after_it_was_made() {
    // The process that tells the CRM has read the endpoints and keeps what it read.
    let world = FaultyWorld::start(3600).await;
    let before = rial_links(&world, "before", 1).await.remove(0);
    world.bring_stream().await;
    world.turn_time(MINUTE);
    let endpoint = json!({ "url": world.proxy.crm_endpoint("demo") });
    world.crm(Method::PUT, "/v1/webhook-endpoints/new", &endpoint, &[]).await.unwrap();
    let after = rial_links(&world, "after", 1).await.remove(0);
    world.bring_stream().await;
    world.turn_time(MINUTE / 2);
    // It is set once more before anybody looked for what it lacks, to all that it wants anyhow.
    let again = json!({ "events": ["payment_link.created", "payment_link.paid"] });
    world.crm(Method::PATCH, "/v1/webhook-endpoints/new", &again, &[]).await.unwrap();
    world.turn_time(MINUTE / 2);
    let deliveries = async |link: &Made| {
        let event = format!("/v1/events/evt_{}_1", link.id.trim_start_matches("pl_"));
        let shown = world.crm(Method::GET, &event, &serde_json::Value::Null, &[]).await.unwrap().json();
        let deliveries = shown["deliveries"].as_array().unwrap().clone();
        let of = |one: &serde_json::Value| {
            let tries = one["tries"].as_array().unwrap().len();
            format!("{} {tries}", one["endpoint_id"].as_str().unwrap())
        };
        deliveries.iter().map(of).collect::<Vec<String>>()
    };
    assert_eq!(deliveries(&after).await, ["demo-crm 1"]);
    world.retry_messages().await.unwrap().unwrap();
    assert_eq!(deliveries(&after).await, ["demo-crm 1", "new 1"]);
    assert_eq!(deliveries(&before).await, ["demo-crm 1"], "what happened before is none of its business");
    world.retry_messages().await.unwrap().unwrap();
    assert_eq!(deliveries(&after).await, ["demo-crm 1", "new 1"]);
}

#[tokio::test]
async fn who_makes_an_endpoint_sees_its_secret_also_where_the_answer_of_the_table_was_lost() {
    let world = FaultyWorld::start(3600).await;
    let write =
        Call { function: "crm-api".to_owned(), service: "dynamodb".to_owned(), operation: "PutItem".to_owned() };
    world.proxy.fault_at(write, 0, Fault::LoseAnswerOnce);
    let endpoint = json!({ "url": world.proxy.crm_endpoint("demo") });
    let made = world.crm(Method::PUT, "/v1/webhook-endpoints/new", &endpoint, &[]).await.unwrap();
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert!(made.json()["secret"].as_str().unwrap().starts_with("whsec_"), "{}", made.text);
}

#[tokio::test]
async fn a_link_that_brings_a_part_of_a_contact_along_keeps_what_was_written_meanwhile() {
    let world = FaultyWorld::start(3600).await;
    let body = json!({
        "account_id": "main", "amount": 50_000, "contact": { "id": "c-1042", "name": "New Name" },
    });
    world.proxy.decide(|_, call| {
        let is_slow = call.function == "create-link" && call.operation == "TransactWriteItems";
        is_slow.then_some(Fault::Delay(Duration::from_secs(1)))
    });
    let balance = json!({ "name": "Demo Customer", "balance": { "amount": 777, "currency": "IRR" } });
    let write = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.crm(Method::PUT, "/v1/contacts/c-1042", &balance, &[]).await.unwrap()
    };
    let (made, written) = tokio::join!(world.create(&body, "part"), write);
    assert_eq!((made.unwrap().status, written.status), (StatusCode::CREATED, StatusCode::OK));
    let contact = world.crm(Method::GET, "/v1/contacts/c-1042", &serde_json::Value::Null, &[]).await.unwrap().json();
    assert_eq!((&contact["name"], &contact["balance"]["amount"]), (&json!("New Name"), &json!(777)), "{contact}");
}

#[tokio::test]
async fn credentials_that_were_just_written_are_not_replaced_by_those_before_them() {
    let world = FaultyWorld::start(3600).await;
    let account = |name: &str, credentials: serde_json::Value| {
        json!({ "name": name, "currency": "IRR", "mode": "sandbox",
                "online_payment": { "enabled": true, "gateway": "zarinpal", "credentials": credentials } })
    };
    let key = json!({ "merchant_id": "00000000-0000-4000-8000-000000000009" });
    // The caller who gives only a new name is slow to write it.
    let mut is_first = true;
    world.proxy.decide(move |_, call| {
        let is_slow = call.function == "crm-api" && call.operation == "TransactWriteItems" && is_first;
        is_first &= !is_slow;
        is_slow.then_some(Fault::Delay(Duration::from_secs(1)))
    });
    let (renaming, rekeying) = (account("Renamed", serde_json::Value::Null), account("Rekeyed", key));
    let rekey = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.crm(Method::PUT, "/v1/accounts/main", &rekeying, &[]).await.unwrap()
    };
    let rename = world.crm(Method::PUT, "/v1/accounts/main", &renaming, &[]);
    let (renamed, rekeyed) = tokio::join!(rename, rekey);
    let renamed = renamed.unwrap();
    assert_eq!((renamed.status, rekeyed.status), (StatusCode::OK, StatusCode::OK), "{} {}", renamed.text, rekeyed.text);
    let id = domain::ids::AccountId::parse("main").unwrap();
    let kept = world.cloud.business().account(&id).await.unwrap().unwrap();
    assert_eq!(kept.name, "Renamed");
    assert_ne!(kept.online_payment.credentials.unwrap().as_str(), "demo", "the new credentials stay");
}

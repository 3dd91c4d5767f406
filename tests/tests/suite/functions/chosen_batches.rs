//! Reminding of the links of a list, and replacing them: what a check says, what a run does, and to whom nothing happens.

use std::collections::BTreeSet;

use paylink_local::seed::PLATFORM_KEY;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

use super::batches::{begun, cell, check, ids_of_links, links, path_of, run, table, take};
use super::reminders::{MINUTE, OMID, ROSE, day, link, on, reminders, told, turn_to};

const SARA: &str = "sara@buyer.example";

/// A batch about links of a list, as it was checked.
async fn looked_through(world: &FaultyWorld, body: Value) -> Value {
    let batch = begun(world, &body).await;
    assert_eq!((&batch["status"], &batch["upload"]), (&json!("checking"), &Value::Null), "{batch}");
    let followed = world.bring_hint().await.unwrap().unwrap();
    assert_eq!(followed["batches"]["failed"], 0, "{followed}");
    world.get(&path_of(&batch)).await
}

fn remind_all() -> Value {
    json!({ "action": "remind", "list": "/v1/payment-links?status=active&order=oldest", "format": "csv", "locale": "en" })
}

fn replace_all(defaults: Value) -> Value {
    json!({ "action": "replace", "list": "/v1/payment-links?order=oldest", "format": "csv", "locale": "en",
            "defaults": defaults })
}

fn problems(batch: &Value) -> Vec<(u64, String)> {
    let problems = batch["report"]["problems"].as_array().unwrap().iter();
    let told = |one: &Value| (one["row"].as_u64().unwrap(), one["code"].as_str().unwrap().to_owned());
    problems.map(told).collect()
}

/// Links that are due in some days, at ten in the morning, of which nobody is reminded by itself.
async fn at_ten(world: &FaultyWorld, addresses: &[&str]) -> Vec<Made> {
    turn_to(world, on(day(world, 1), 10, 0));
    let mut made = Vec::new();
    for to in addresses {
        made.push(link(world, to, day(world, 10), json!({})).await);
        world.turn_time(MINUTE);
    }
    made
}

#[tokio::test]
async fn all_who_have_not_paid_are_reminded_at_one_call_and_nobody_else() {
    let world = FaultyWorld::start(0).await;
    let made = at_ten(&world, &[ROSE, OMID, SARA]).await;
    let paying = link(&world, "mina@buyer.example", day(&world, 10), json!({})).await;
    world.go_to_gateway(&paying).await;
    let off = link(&world, "nima@buyer.example", day(&world, 10), json!({ "reminders": { "at": [] } })).await;
    world.pay(&made[2], "paid").await;
    let batch = looked_through(&world, remind_all()).await;
    let report = &batch["report"];
    assert_eq!((&report["rows"], &report["ready"], &report["wrong"]), (&json!(4), &json!(2), &json!(2)), "{batch}");
    let wrong = [(3, "payment_in_progress".to_owned()), (4, "reminders_not_wanted".to_owned())];
    assert_eq!(problems(&batch), wrong);
    assert_eq!((&report["sums"][0]["amount"], &report["messages"]["email"]), (&json!(3_000_000), &json!(2)));
    assert_eq!(told(&world, ROSE, &made[0]).len(), 1, "a check sends nothing");
    let refused = take(&world, &batch, "run", json!({})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("rows_wrong")));

    let done = run(&world, &batch, json!({ "skip_wrong": true, "check": 1 })).await;
    let progress = &done["progress"];
    assert_eq!(
        (&done["status"], &progress["made"], &progress["skipped"], &progress["failed"]),
        (&json!("done"), &json!(2), &json!(2), &json!(0)),
        "{done}"
    );
    world.bring_stream().await;
    for (to, link) in [(ROSE, &made[0]), (OMID, &made[1])] {
        let sent = told(&world, to, link);
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert!(sent[1].contains("this is a reminder"), "{}", sent[1]);
        assert_eq!(reminders(&world, link).await, [("payment_reminder".to_owned(), "sent".to_owned())]);
    }
    for (to, link) in [(SARA, &made[2]), ("mina@buyer.example", &paying), ("nima@buyer.example", &off)] {
        assert!(told(&world, to, link).iter().all(|text| !text.contains("this is a reminder")), "{to}");
    }
    let table = table(&done).await;
    assert_eq!(table.rows.len(), 4);
    assert_eq!(
        (cell(&table, 0, "Result"), cell(&table, 0, "Payment link no.")),
        ("Reminded".to_owned(), made[0].id.to_string())
    );
    assert_eq!(cell(&table, 2, "Problems"), "A customer may be paying right now, or may have paid.");
    // Once a day is enough, whoever asks.
    let again = looked_through(&world, remind_all()).await;
    let today = [1, 2].map(|row| (row, "reminded_today".to_owned()));
    assert_eq!(problems(&again)[..2], today);
    let nothing = take(&world, &again, "run", json!({ "skip_wrong": true })).await;
    assert_eq!((nothing.status, &nothing.json()["code"]), (StatusCode::CONFLICT, &json!("nothing_to_make")));
    world.return_unverified_money().await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn nobody_is_reminded_at_night_and_in_the_morning_only_who_has_not_paid_by_then() {
    let world = FaultyWorld::start(0).await;
    let made = at_ten(&world, &[ROSE, OMID]).await;
    turn_to(&world, on(day(&world, 0), 23, 0));
    let batch = looked_through(&world, remind_all()).await;
    assert_eq!(batch["report"]["ready"], 2, "{batch}");
    let waiting = run(&world, &batch, json!({})).await;
    assert_eq!((&waiting["status"], &waiting["waits_for"]), (&json!("waiting"), &json!("closed_hours")), "{waiting}");
    world.pay(&made[1], "paid").await;
    turn_to(&world, on(day(&world, 1), 8, 59));
    world.run_batches().await.unwrap().unwrap();
    assert_eq!(world.get(&path_of(&batch)).await["progress"]["made"], 0);
    turn_to(&world, on(day(&world, 0), 9, 0));
    world.run_batches().await.unwrap().unwrap();
    let done = world.get(&path_of(&batch)).await;
    assert_eq!(
        (&done["status"], &done["progress"]["made"], &done["progress"]["failed"]),
        (&json!("done"), &json!(1), &json!(1)),
        "{done}"
    );
    world.bring_stream().await;
    assert_eq!((told(&world, ROSE, &made[0]).len(), told(&world, OMID, &made[1]).len()), (2, 1));
    assert_eq!(cell(&table(&done).await, 1, "Problems"), "Nothing can be paid of this link: it is paid or over.");
}

#[tokio::test]
async fn a_business_that_may_send_no_more_today_goes_on_reminding_tomorrow() {
    let world = FaultyWorld::start(0).await;
    let made = at_ten(&world, &[ROSE, OMID, SARA]).await;
    let batch = looked_through(&world, remind_all()).await;
    // Three were told of their links today.
    let business = json!({ "name": "Demo", "quotas": { "messages_per_day": 4 } });
    world.crm_as(PLATFORM_KEY, Method::PUT, "/v1/businesses/demo", &business, &[]).await.unwrap();
    let waiting = run(&world, &batch, json!({})).await;
    assert_eq!((&waiting["status"], &waiting["waits_for"]), (&json!("waiting"), &json!("quota_reached")), "{waiting}");
    world.bring_stream().await;
    let sent = || [ROSE, OMID, SARA].iter().zip(&made).map(|(to, link)| told(&world, to, link).len()).sum::<usize>();
    assert_eq!(sent(), 4);
    // The day of quotas is over in the night of Tehran, and reminders go out in the morning.
    for hour in [4, 9] {
        turn_to(&world, on(day(&world, i64::from(hour == 4)), hour, 0));
        world.run_batches().await.unwrap().unwrap();
    }
    world.bring_stream().await;
    assert_eq!(sent(), 6);
    assert_eq!(world.get(&path_of(&batch)).await["progress"]["made"], 3);
}

#[tokio::test]
async fn links_are_replaced_for_what_is_left_of_them_and_lead_to_the_new_ones() {
    let world = FaultyWorld::start(0).await;
    let made = at_ten(&world, &[ROSE, OMID, SARA]).await;
    let paid_in_part = world.record_some(&made[1], Some(500_000), "cash").await;
    assert!(paid_in_part.is_some_and(|reply| reply.status.is_success()));
    world.pay(&made[2], "paid").await;
    let batch = looked_through(&world, replace_all(json!({ "expires_in_days": 5, "due_at": null }))).await;
    let report = &batch["report"];
    assert_eq!((&report["rows"], &report["ready"]), (&json!(3), &json!(2)), "{batch}");
    assert_eq!(problems(&batch), [(3, "link_takes_no_money".to_owned())]);
    assert_eq!(report["sums"][0]["amount"], 2_500_000, "{report}");
    assert_eq!((links(&world).await.len(), &report["messages"]["email"]), (3, &json!(2)));

    let done = run(&world, &batch, json!({ "skip_wrong": true })).await;
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(2)), "{done}");
    let all = links(&world).await;
    assert_eq!(all.len(), 5);
    let table = table(&done).await;
    for (row, amount) in [(0, 1_500_000), (1, 1_000_000)] {
        let old = all.iter().find(|link| link["id"] == made[row].id).unwrap();
        let new = all.iter().find(|link| link["id"] == cell(&table, row, "Payment link no.")).unwrap();
        assert_eq!(
            (&old["status"], &old["replaced_by"], &new["amount"]),
            (&json!("replaced"), &new["id"], &json!(amount))
        );
        assert_eq!(cell(&table, row, "Former link"), made[row].id.to_string());
        assert_eq!(world.open(&made[row].url).await.unwrap().location(), cell(&table, row, "Address"));
    }
    world.bring_stream().await;
    // Whoever is told again is told of the new link.
    let last = world.cloud.inbox.all().into_iter().rfind(|sent| sent.to == OMID).unwrap();
    assert!(last.body.contains("1,000,000") && !last.body.contains(&made[1].url), "{}", last.body);
    let again = looked_through(&world, replace_all(json!({ "expires_in_days": 5 }))).await;
    assert_eq!(problems(&again)[..2], [1, 2].map(|row| (row, "link_replaced".to_owned())));
}

#[tokio::test]
async fn what_no_link_of_a_list_can_have_is_refused_before_any_is_looked_at() {
    let world = FaultyWorld::start(0).await;
    at_ten(&world, &[ROSE]).await;
    for (defaults, pointer) in [
        (json!({ "amount": 5_000 }), "/amount"),
        (json!({ "contact_id": "c-1" }), "/contact_id"),
        (json!({ "reference_id": "r" }), "/reference_id"),
        (json!({ "expires_in_days": "many" }), "/expires_in_days"),
    ] {
        let failed = looked_through(&world, replace_all(defaults)).await;
        assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("invalid_defaults")));
        assert_eq!(failed["report"]["problems"][0]["pointer"], pointer, "{failed}");
    }
    let nothing = json!({ "action": "remind", "list": "/v1/payment-links?status=paid", "format": "csv" });
    let failed = looked_through(&world, nothing).await;
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("no_rows")));
    for (body, pointer, code) in [
        (json!({ "action": "remind", "format": "csv" }), "/list", "required"),
        (json!({ "action": "erase", "format": "csv" }), "/action", "unknown_choice"),
        (json!({ "list": "/v1/payment-links", "format": "csv" }), "/list", "not_allowed"),
        (json!({ "action": "remind", "list": "/v1/receipts", "format": "csv" }), "/list", "unknown_list"),
        (
            json!({ "action": "replace", "list": "/v1/payment-links?statuss=x", "format": "csv" }),
            "/list",
            "unknown_parameter",
        ),
        (
            json!({ "action": "remind", "list": "/v1/payment-links", "format": "csv", "source": "s" }),
            "/source",
            "not_allowed",
        ),
        (
            json!({ "action": "remind", "list": "/v1/payment-links", "format": "csv", "defaults": {} }),
            "/defaults",
            "not_allowed",
        ),
    ] {
        let reply = world.crm(Method::POST, "/v1/batches", &body, &[]).await.unwrap();
        let refused = reply.json();
        let problem = &refused["errors"][0];
        assert_eq!(
            (reply.status, &problem["pointer"], &problem["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(pointer), &json!(code)),
            "{body}: {refused}"
        );
    }
}

#[tokio::test]
async fn what_somebody_has_not_read_is_not_run() {
    let world = FaultyWorld::start(0).await;
    at_ten(&world, &[ROSE]).await;
    let batch = looked_through(&world, remind_all()).await;
    assert_eq!(batch["check"], 1);
    link(&world, OMID, day(&world, 10), json!({})).await;
    let again = check(&world, &batch).await;
    assert_eq!((&again["check"], &again["report"]["rows"]), (&json!(2), &json!(2)), "{again}");
    let refused = take(&world, &batch, "run", json!({ "check": 1 })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("checked_again")));
    let done = run(&world, &batch, json!({ "check": 2 })).await;
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(2)), "{done}");
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_and_taken_up_where_a_run_ended() {
    let world = FaultyWorld::start(0).await;
    turn_to(&world, on(day(&world, 1), 10, 0));
    for number in 0..450 {
        let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 + number,
                           "recipients": { "emails": [format!("{number}@buyer.example")] } });
        world.make_link(&body, &format!("link-{number}")).await;
    }
    let batch = begun(&world, &remind_all()).await;
    let hint = world.cloud.work.take().unwrap();
    // It dies over the fourth slice of the list.
    world.proxy.decide(move |number, _: &Call| (number == 30).then_some(Fault::DieAfter));
    let _ = world.invoke("run-batches", hint).await;
    world.proxy.record();
    for _ in 0..3 {
        world.turn_time(2 * MINUTE);
        world.run_batches().await.unwrap().unwrap();
    }
    let checked = world.get(&path_of(&batch)).await;
    assert_eq!((&checked["status"], &checked["report"]["ready"]), (&json!("checked"), &json!(450)), "{checked}");
    let mut done = run(&world, &batch, json!({ "per_minute": 6_000 })).await;
    while done["status"] != "done" {
        world.turn_time(MINUTE);
        world.run_batches().await.unwrap().unwrap();
        done = world.get(&path_of(&batch)).await;
    }
    assert_eq!((&done["progress"]["made"], &done["progress"]["failed"]), (&json!(450), &json!(0)), "{done}");
    let table = table(&done).await;
    let of_rows: BTreeSet<String> = (0..table.rows.len()).map(|row| cell(&table, row, "Payment link no.")).collect();
    assert_eq!((table.rows.len(), of_rows.len()), (450, 450), "each link has a row");
}

#[tokio::test]
async fn a_run_that_dies_anywhere_reminds_of_each_link_once_and_replaces_each_once() {
    for action in ["remind", "replace"] {
        let world = FaultyWorld::start(0).await;
        let (mut stopped, mut expected) = (0, 0);
        for number in 0.. {
            let mut is_past = false;
            for fault in [Fault::DieAfter, Fault::Unavailable] {
                let made = at_ten(
                    &world,
                    &[&format!("{number}-{fault:?}-a@buyer.example"), &format!("{number}-{fault:?}-b@buyer.example")],
                )
                .await;
                let list = format!("/v1/payment-links?status=active&created_from={}", world.now() - 5 * MINUTE);
                let batch = looked_through(&world, json!({ "action": action, "list": list, "format": "jsonl" })).await;
                assert_eq!(batch["report"]["ready"], 2, "{batch}");
                take(&world, &batch, "run", json!({})).await;
                let hint = world.cloud.work.take().unwrap();
                world.proxy.decide(move |call, _: &Call| (call == number).then_some(fault));
                let _ = world.invoke("run-batches", hint).await;
                is_past = number >= world.proxy.calls().len();
                world.proxy.record();
                stopped += usize::from(world.get(&path_of(&batch)).await["status"] != "done");
                for _ in 0..2 {
                    world.turn_time(2 * MINUTE);
                    let ran = world.run_batches().await.unwrap().unwrap();
                    assert_eq!(ran["batches"]["failed"], 0, "{ran}");
                }
                let over = world.get(&path_of(&batch)).await;
                assert_eq!(
                    (&over["status"], &over["progress"]["made"]),
                    (&json!("done"), &json!(2)),
                    "{action}, call {number}, {fault:?}: {over}"
                );
                world.bring_stream().await;
                for link in &made {
                    let shown = world.read(link).await;
                    if action == "remind" {
                        assert_eq!(reminders(&world, link).await.len(), 1, "call {number}, {fault:?}: {shown}");
                    } else {
                        assert_eq!(shown["status"], "replaced", "call {number}, {fault:?}: {shown}");
                    }
                }
                expected += 2;
            }
            if is_past {
                break;
            }
        }
        assert!(stopped > 10, "{stopped} runs were stopped");
        if action == "replace" {
            assert_eq!(ids_of_links(&world, "").await.len(), 2 * expected, "each has one link in its place");
        }
        world.check(Stage::CaughtUp).await;
    }
}

#[tokio::test]
async fn who_was_reminded_today_is_reminded_tomorrow_by_a_batch_that_is_run_at_night() {
    let world = FaultyWorld::start(0).await;
    let made = at_ten(&world, &[ROSE, OMID]).await;
    run(&world, &looked_through(&world, remind_all()).await, json!({})).await;
    turn_to(&world, on(day(&world, 0), 21, 0));
    let batch = looked_through(&world, remind_all()).await;
    assert_eq!(batch["report"]["ready"], 2, "{batch}");
    let waiting = run(&world, &batch, json!({})).await;
    assert_eq!(
        (&waiting["waits_for"], &waiting["progress"]["failed"]),
        (&json!("closed_hours"), &json!(0)),
        "{waiting}"
    );
    turn_to(&world, on(day(&world, 1), 9, 0));
    world.run_batches().await.unwrap().unwrap();
    world.bring_stream().await;
    let done = world.get(&path_of(&batch)).await;
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(2)), "{done}");
    assert_eq!(reminders(&world, &made[0]).await.len(), 2);
}

#[tokio::test]
async fn what_is_more_than_a_day_allows_fails_and_keeps_no_other_waiting() {
    let world = FaultyWorld::start(0).await;
    at_ten(&world, &[ROSE]).await;
    let many = json!({ "recipients": { "emails": [OMID, SARA, "mina@buyer.example"] } });
    link(&world, OMID, day(&world, 10), many).await;
    // A day on which nobody was told of anything yet.
    turn_to(&world, on(day(&world, 2), 10, 0));
    let business = json!({ "name": "Demo", "quotas": { "messages_per_day": 2 } });
    world.crm_as(PLATFORM_KEY, Method::PUT, "/v1/businesses/demo", &business, &[]).await.unwrap();
    let batch = looked_through(&world, remind_all()).await;
    assert_eq!((problems(&batch), &batch["report"]["ready"]), (vec![(2, "quota_reached".to_owned())], &json!(1)));
    let done = run(&world, &batch, json!({ "skip_wrong": true })).await;
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(1)), "{done}");
}

#[tokio::test]
async fn a_batch_that_would_wait_until_its_rows_are_gone_is_over_at_once() {
    let world = FaultyWorld::start(0).await;
    at_ten(&world, &[ROSE]).await;
    let batch = looked_through(&world, remind_all()).await;
    let holidays =
        json!({ "closed_days": [{ "from": day(&world, 0).to_string(), "to": day(&world, 12).to_string() }] });
    let put = world.crm_as(PLATFORM_KEY, Method::PATCH, "/v1/platform-defaults", &holidays, &[]).await.unwrap();
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let over = run(&world, &batch, json!({})).await;
    assert_eq!((&over["status"], &over["progress"]["made"]), (&json!("cancelled"), &json!(0)), "{over}");
}

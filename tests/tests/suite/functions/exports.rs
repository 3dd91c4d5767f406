//! Lists that are carried away as files: what is in them, how they are asked for and come about, and what stands in their way.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::ids::LinkId;
use futures_util::future::join;
use paylink_local::seed::{BAZAAR, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sheets::Format;
use sheets::reading::{Limits, Table, Value as Read, read_table};
use simulators::providers::s3::Trouble;
use store::{ApiKey, KeyHolder, Scope};
use tests::Reply;
use tests::engine::Engine;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn link(world: &FaultyWorld, name: &str, more: Value) -> Made {
    let mut body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_250, "locale": "en" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.make_link(&body, name).await
}

async fn ask(world: &FaultyWorld, body: Value, key: Option<&str>) -> Reply {
    let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
    world.crm(Method::POST, "/v1/exports", &body, &headers).await.unwrap()
}

/// An export that was asked for.
async fn asked(world: &FaultyWorld, body: Value) -> String {
    let reply = ask(world, body, None).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    format!("/v1/exports/{}", reply.json()["id"].as_str().unwrap())
}

/// What became of an export once a hint of the queue was followed.
async fn made(world: &FaultyWorld, body: Value) -> Value {
    let path = asked(world, body).await;
    let followed = world.bring_hint().await.unwrap().unwrap();
    assert_eq!(followed["exports"]["done"], 1, "{followed}");
    world.get(&path).await
}

/// The file of an export, as whoever has its address gets it.
async fn file(export: &Value) -> reqwest::Response {
    let answer = reqwest::get(export["file"]["url"].as_str().unwrap_or_else(|| panic!("{export}"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer
}

async fn table(export: &Value) -> Table {
    let format = match export["format"].as_str().unwrap() {
        "csv" => Format::Csv,
        _ => Format::Xlsx,
    };
    let limits = Limits { bytes: 1 << 24, inflated: 1 << 26, rows: 10_000, columns: 100, cell_characters: 40_000 };
    read_table(&file(export).await.bytes().await.unwrap(), format, &limits).unwrap()
}

async fn lines(export: &Value) -> Vec<Value> {
    let text = file(export).await.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What stands below a column in a row.
fn cell<'a>(table: &'a Table, row: usize, column: &str) -> &'a Read {
    let place = table.header.iter().position(|name| name == column);
    let place = place.unwrap_or_else(|| panic!("no column {column}: {:?}", table.header));
    table.rows[row].cells.get(place).unwrap_or(&Read::Empty)
}

fn text(text: &str) -> Read {
    Read::Text(text.to_owned())
}

/// Two links that were paid, of which one went back in part, and one that was not.
async fn some_money(world: &FaultyWorld) -> [Made; 3] {
    let names = json!({ "description": "=1+1", "reference_id": "00012" });
    let links = [
        link(world, "one", names).await,
        link(world, "two", json!({ "amount": 99 })).await,
        link(world, "three", json!({})).await,
    ];
    for link in &links[..2] {
        world.pay(link, "paid").await;
    }
    world.refund(&links[0], &json!({ "amount": 250 }), "back").await.unwrap();
    world.confirm().await;
    links
}

#[tokio::test]
async fn receipts_are_carried_away_as_a_table_that_adds_up_and_in_which_nothing_runs() {
    let world = FaultyWorld::start(0).await;
    let [one, ..] = some_money(&world).await;
    for format in ["xlsx", "csv"] {
        let wanted = json!({ "list": "/v1/receipts?order=oldest", "format": format, "locale": "en" });
        let export = made(&world, wanted).await;
        assert_eq!((&export["status"], &export["rows"]), (&json!("done"), &json!(3)), "{export}");
        let answer = file(&export).await;
        let disposition = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.contains(export["file"]["name"].as_str().unwrap()), "{disposition}");
        assert_eq!(answer.content_length(), export["file"]["bytes"].as_u64());
        let table = table(&export).await;
        assert_eq!(table.rows.len(), 3, "{format}");
        let kinds: Vec<&Read> = (0..3).map(|row| cell(&table, row, "Kind")).collect();
        assert_eq!(kinds, [&text("Payment"), &text("Payment"), &text("Refund")]);
        let net: f64 = (0..3)
            .map(|row| match cell(&table, row, "Net amount") {
                Read::Number(amount) => *amount,
                Read::Text(digits) => digits.parse().unwrap(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert!((net - (12.50 + 0.99 - 2.50)).abs() < 1e-9, "{net}");
        assert_eq!(cell(&table, 0, "Currency"), &text("EUR"));
        assert_eq!(cell(&table, 0, "Description"), &text("=1+1"), "it is what it says, and nothing ran");
        assert_eq!(cell(&table, 0, "Your reference"), &text("00012"), "no zero is lost");
        assert_eq!(cell(&table, 0, "Payment link no."), &text(&one.id));
        assert!(matches!(cell(&table, 0, "Contact"), Read::Text(name) if !name.is_empty()));
        assert!(matches!(cell(&table, 0, "Gateway reference"), Read::Text(name) if !name.is_empty()));
    }
}

#[tokio::test]
async fn json_lines_are_the_entries_of_the_list_and_each_list_can_be_carried_away_by_its_own_filter() {
    let world = FaultyWorld::start(0).await;
    some_money(&world).await;
    world.turn_time(MINUTE);
    for list in [
        "/v1/payment-links",
        "/v1/payment-links?status=active",
        "/v1/payment-links?order=oldest&opened=true",
        "/v1/receipts?kind=refund",
        "/v1/refunds?status=succeeded",
        "/v1/events",
        "/v1/events?type=payment_link.paid,receipt.registered",
        "/v1/receipts?contact_id=nobody",
    ] {
        let listed = world.get(list).await;
        let export = made(&world, json!({ "list": list, "format": "jsonl" })).await;
        assert_eq!(lines(&export).await, listed["data"].as_array().unwrap().clone(), "{list}");
        assert_eq!(export["rows"], json!(listed["data"].as_array().unwrap().len()), "{list}");
        assert_eq!(export["list"], list);
        // The same as a table has as many rows, and a table without any has its header.
        let export = made(&world, json!({ "list": list, "format": "xlsx", "locale": "fa" })).await;
        assert_eq!(table(&export).await.rows.len(), listed["data"].as_array().unwrap().len(), "{list}");
    }
}

#[tokio::test]
async fn a_persian_table_names_its_columns_dates_and_unit_in_persian() {
    let world = FaultyWorld::start(0).await;
    link(&world, "toman", json!({ "account_id": "main", "amount": 1_500_005 })).await;
    let wanted = json!({ "list": "/v1/payment-links", "format": "xlsx", "locale": "fa", "calendar": "persian",
                         "rial_unit": "toman" });
    let export = made(&world, wanted).await;
    let table = table(&export).await;
    assert_eq!(cell(&table, 0, "وضعیت"), &text("فعال"));
    assert_eq!(cell(&table, 0, "واحد پول"), &text("تومان"));
    assert_eq!(cell(&table, 0, "مبلغ"), &Read::Number(150_000.5));
    let Read::Text(created) = cell(&table, 0, "تاریخ ایجاد") else {
        panic!("a date of this calendar is text")
    };
    assert!(created.starts_with("14") && created.len() == "1405/09/10 10:00:00".len(), "{created}");
    let shown = json!([export["calendar"], export["locale"], export["rial_unit"]]);
    assert_eq!(shown, json!(["persian", "fa", "toman"]));
}

#[tokio::test]
async fn what_is_left_out_is_as_the_business_has_it() {
    let world = FaultyWorld::start(0).await;
    let reply = ask(&world, json!({ "list": "/v1/receipts", "format": "csv" }), None).await;
    let settings = world.get("/v1/settings").await;
    let export = reply.json();
    assert_eq!((&export["status"], &export["rows"], &export["file"]), (&json!("pending"), &json!(0), &Value::Null));
    assert_eq!(export["locale"], settings["default_locale"]);
    assert_eq!((&export["calendar"], &export["rial_unit"]), (&json!("persian"), &json!("rial")));
}

#[tokio::test]
async fn what_is_wrong_with_an_export_is_refused_by_its_field_and_nothing_is_written() {
    let world = FaultyWorld::start(0).await;
    let long = format!("/v1/receipts?contact_id={}", "a".repeat(2_000));
    for (body, pointer, code) in [
        (json!({ "format": "csv" }), "/list", "required"),
        (json!({ "list": "/v1/receipts" }), "/format", "required"),
        (json!({ "list": "/v1/contacts", "format": "csv" }), "/list", "unknown_list"),
        (json!({ "list": "receipts", "format": "csv" }), "/list", "unknown_list"),
        (json!({ "list": "https://elsewhere.example/v1/receipts", "format": "csv" }), "/list", "unknown_list"),
        (json!({ "list": "", "format": "csv" }), "/list", "unknown_list"),
        (json!({ "list": "/v1/receipts?limit=5", "format": "csv" }), "/list", "unknown_parameter"),
        (json!({ "list": "/v1/receipts?payment_link_id=x", "format": "csv" }), "/list", "unknown_parameter"),
        (json!({ "list": "/v1/events?after=x", "format": "csv" }), "/list", "unknown_parameter"),
        (json!({ "list": "/v1/events?order=oldest", "format": "csv" }), "/list", "unknown_parameter"),
        (json!({ "list": "/v1/payment-links?status=lost", "format": "csv" }), "/list", "unknown_choice"),
        (
            json!({ "list": "/v1/payment-links?created_from=1405-09-01", "format": "csv" }),
            "/list",
            "persian_calendar_date",
        ),
        (json!({ "list": "/v1/payment-links?contact_id=%FF", "format": "csv" }), "/list", "unknown_list"),
        (json!({ "list": long, "format": "csv" }), "/list", "too_long"),
        (json!({ "list": "/v1/receipts", "format": "pdf" }), "/format", "unknown_choice"),
        (json!({ "list": "/v1/receipts", "format": "csv", "calendar": "lunar" }), "/calendar", "unknown_choice"),
        (json!({ "list": "/v1/receipts", "format": "csv", "locale": "!" }), "/locale", "invalid_locale"),
        (json!({ "list": "/v1/receipts", "format": "csv", "rial_unit": "dollar" }), "/rial_unit", "unknown_choice"),
        (json!({ "list": "/v1/receipts", "format": "csv", "limit": 5 }), "/limit", "unknown_field"),
    ] {
        let reply = ask(&world, body.clone(), None).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", reply.text);
        let errors = reply.json()["errors"].clone();
        assert_eq!((&errors[0]["pointer"], &errors[0]["code"]), (&json!(pointer), &json!(code)), "{body}: {errors}");
    }
    assert_eq!(world.get("/v1/exports").await["data"], json!([]));
    let names_it = ask(&world, json!({ "list": "/v1/receipts?knid=refund", "format": "csv" }), None).await;
    assert!(names_it.json()["errors"][0]["detail"].as_str().unwrap().contains("kind"), "{}", names_it.text);
}

#[tokio::test]
async fn a_repeated_request_makes_one_export_and_a_hint_that_comes_twice_or_never_makes_one_file() {
    let world = FaultyWorld::start(0).await;
    some_money(&world).await;
    let wanted = json!({ "list": "/v1/receipts", "format": "csv" });
    let first = ask(&world, wanted.clone(), Some("k-1")).await;
    let again = ask(&world, wanted.clone(), Some("k-1")).await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &first.json()["id"]));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = ask(&world, json!({ "list": "/v1/refunds", "format": "csv" }), Some("k-1")).await;
    assert_eq!(
        (other.status, &other.json()["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_key_reused"))
    );
    let hint = world.cloud.work.take().unwrap();
    assert!(world.cloud.work.is_empty(), "what is answered again is hinted at once");
    let follow = || world.invoke("run-batches", hint.clone());
    let (one, other) = join(follow(), follow()).await;
    let sum = |what: &str| {
        [&one, &other]
            .iter()
            .map(|ran| ran.as_ref().unwrap().as_ref().unwrap()["exports"][what].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("done"), sum("left") + sum("ended"), sum("failed")), (1, 1, 0));
    let late = follow().await.unwrap().unwrap();
    assert_eq!(late["exports"]["ended"], 1, "{late}");
    // Where the hint is lost, the schedule finds it.
    asked(&world, wanted).await;
    world.cloud.work.take().unwrap();
    let ran = world.run_batches().await.unwrap().unwrap();
    assert_eq!(ran["exports"]["done"], 1, "{ran}");
    let ids: BTreeSet<String> = world.cloud.files.keys().into_iter().collect();
    assert_eq!(ids.len(), 2, "two files, and no slices: {ids:?}");
    let nonsense = world.invoke("run-batches", json!({ "Records": [{ "body": "what?" }, {}] })).await.unwrap().unwrap();
    assert_eq!(nonsense["exports"]["failed"], 0, "{nonsense}");
}

#[tokio::test]
async fn a_call_whose_hint_cannot_be_sent_is_answered_and_served_by_the_schedule() {
    let world = FaultyWorld::start(0).await;
    world.cloud.work.refuse_next(u32::MAX);
    let path = asked(&world, json!({ "list": "/v1/events", "format": "jsonl" })).await;
    assert!(world.cloud.work.is_empty(), "the hint is lost");
    world.run_batches().await.unwrap().unwrap();
    assert_eq!(world.get(&path).await["status"], "done");
}

#[tokio::test]
async fn a_run_that_dies_between_any_two_steps_leaves_what_the_next_one_finishes() {
    let world = FaultyWorld::start(0).await;
    some_money(&world).await;
    let whole = lines(&made(&world, json!({ "list": "/v1/payment-links", "format": "jsonl" })).await).await;
    assert_eq!(whole.len(), 3);
    let mut stopped = 0;
    for number in 0.. {
        for fault in [Fault::DieBefore, Fault::DieAfter, Fault::LoseAnswerOnce, Fault::Unavailable] {
            let path = asked(&world, json!({ "list": "/v1/payment-links", "format": "jsonl" })).await;
            let hint = world.cloud.work.take().unwrap();
            world.proxy.decide(move |call, _: &Call| (call == number).then_some(fault));
            let _ = world.invoke("run-batches", hint).await;
            let calls = world.proxy.calls().len();
            world.proxy.record();
            stopped += usize::from(world.get(&path).await["status"] != "done");
            // What was held is free again after a minute and a half.
            world.turn_time(2 * MINUTE);
            let ran = world.run_batches().await.unwrap().unwrap();
            assert_eq!(ran["exports"]["failed"], 0, "{ran}");
            let export = world.get(&path).await;
            assert_eq!(export["status"], "done", "call {number}, {fault:?}: {export}");
            let read: Vec<Value> = lines(&export).await.iter().map(|link| link["id"].clone()).collect();
            assert_eq!(
                read,
                whole.iter().map(|link| link["id"].clone()).collect::<Vec<_>>(),
                "call {number}, {fault:?}"
            );
            if calls <= number {
                assert!(stopped > 10, "{stopped} runs were stopped");
                return;
            }
        }
    }
}

#[tokio::test]
async fn where_files_cannot_be_kept_an_export_waits_and_is_made_later() {
    let world = FaultyWorld::start(0).await;
    some_money(&world).await;
    for trouble in [Trouble::SlowDown, Trouble::InternalError] {
        let path = asked(&world, json!({ "list": "/v1/receipts", "format": "xlsx" })).await;
        world.cloud.files.refuse_next(3, trouble);
        let hint = world.bring_hint().await.unwrap().unwrap();
        assert_eq!((&hint["exports"]["failed"], &hint["exports"]["left"]), (&json!(1), &json!(1)), "{hint}");
        assert_eq!(world.get(&path).await["file"], Value::Null);
        world.turn_time(2 * MINUTE);
        world.run_batches().await.unwrap().unwrap();
        assert_eq!(world.get(&path).await["status"], "done");
    }
}

#[tokio::test]
async fn an_export_that_nobody_can_make_is_given_up_after_a_day_and_says_so() {
    let world = FaultyWorld::start(0).await;
    let path = asked(&world, json!({ "list": "/v1/receipts", "format": "xlsx" })).await;
    world.cloud.work.take().unwrap();
    world.turn_time(DAY + MINUTE);
    world.run_batches().await.unwrap().unwrap();
    let export = world.get(&path).await;
    assert_eq!((&export["status"], &export["failure_reason"]), (&json!("failed"), &json!("given_up")), "{export}");
    assert!(export["ended_at"].is_string() && export["file"].is_null());
}

#[tokio::test]
async fn five_are_made_at_once_and_one_that_nobody_needs_is_cancelled() {
    let world = FaultyWorld::start(0).await;
    let wanted = || json!({ "list": "/v1/receipts", "format": "csv" });
    let mut paths = Vec::new();
    for _ in 0..5 {
        paths.push(asked(&world, wanted()).await);
    }
    let refused = ask(&world, wanted(), None).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("too_many_exports")));
    let cancel = |path: String| {
        let world = &world;
        async move { world.crm(Method::POST, &format!("{path}/cancel"), &json!({}), &[]).await.unwrap() }
    };
    for _ in 0..2 {
        let cancelled = cancel(paths[0].clone()).await;
        assert_eq!((cancelled.status, &cancelled.json()["status"]), (StatusCode::OK, &json!("cancelled")));
    }
    asked(&world, wanted()).await;
    let ran = world.run_batches().await.unwrap().unwrap();
    assert_eq!(ran["exports"]["done"], 5, "{ran}");
    let over = cancel(paths[1].clone()).await;
    assert_eq!((over.status, &over.json()["code"]), (StatusCode::CONFLICT, &json!("export_over")));
    assert_eq!(over.json()["current_status"], "done");
    assert_eq!(world.get(&paths[0]).await["file"], Value::Null);
    let listed = world.get("/v1/exports?limit=4").await;
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["has_more"]), (4, &json!(true)));
    let next = listed["next_cursor"].as_str().unwrap();
    assert_eq!(world.get(&format!("/v1/exports?cursor={next}")).await["data"].as_array().unwrap().len(), 2);
    assert!(listed["data"].as_array().unwrap().iter().all(|export| export["file"]["url"].is_null()), "{listed}");
}

#[tokio::test]
async fn one_that_is_cancelled_while_it_is_made_gets_no_file() {
    let world = FaultyWorld::start(0).await;
    some_money(&world).await;
    let path = asked(&world, json!({ "list": "/v1/receipts", "format": "csv" })).await;
    let hint = world.cloud.work.take().unwrap();
    // The run holds the export and reads slowly; meanwhile it is cancelled.
    world.proxy.decide(|_, call: &Call| {
        (call.function == "run-batches" && call.operation == "BatchGetItem")
            .then_some(Fault::Delay(Duration::from_secs(1)))
    });
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.crm(Method::POST, &format!("{path}/cancel"), &json!({}), &[]).await.unwrap()
    };
    let (ran, cancelled) = join(world.invoke("run-batches", hint), cancel).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    assert_eq!(ran.unwrap().unwrap()["exports"]["ended"], 1);
    let export = world.get(&path).await;
    assert_eq!((&export["status"], &export["file"]), (&json!("cancelled"), &Value::Null));
    assert!(world.cloud.files.keys().is_empty(), "nor anything else: {:?}", world.cloud.files.keys());
}

#[tokio::test]
async fn a_file_is_there_for_a_week_and_its_address_for_a_quarter_of_an_hour_and_for_nobody_elses_file() {
    let world = FaultyWorld::start(0).await;
    let export = made(&world, json!({ "list": "/v1/receipts", "format": "csv" })).await;
    let url = export["file"]["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=900"), "{url}");
    let elsewhere = url.replace("/file.csv", "/file.xlsx");
    assert_eq!(reqwest::get(elsewhere).await.unwrap().status(), StatusCode::FORBIDDEN, "it is signed for one file");
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    world.turn_time(7 * DAY - MINUTE);
    assert!(world.get(&path).await["file"].is_object());
    world.turn_time(2 * MINUTE);
    let later = world.get(&path).await;
    assert_eq!((&later["status"], &later["file"]), (&json!("done"), &Value::Null));
}

#[tokio::test]
async fn whoever_may_read_may_carry_away_what_is_theirs_and_the_log_says_so() {
    let world = FaultyWorld::start(0).await;
    let demo = KeyHolder::Business(paylink_local::seed::demo());
    for (name, scope) in [("reader", Scope::Read), ("writer", Scope::Write)] {
        let key = ApiKey { integration: name.to_owned(), scopes: vec![scope], created_at: world.now() };
        world.cloud.store.put_api_key(&demo, &format!("plk_{DEMO}_{name}"), &key).await.unwrap();
    }
    let wanted = json!({ "list": "/v1/payment-links", "format": "jsonl" });
    let with = |key: String| {
        let (world, wanted) = (&world, &wanted);
        async move {
            let actor = [("paylink-actor", "sara")];
            world.crm_as(&key, Method::POST, "/v1/exports", wanted, &actor).await.unwrap()
        }
    };
    assert_eq!(with(format!("plk_{DEMO}_writer")).await.status, StatusCode::FORBIDDEN);
    let reply = with(format!("plk_{DEMO}_reader")).await;
    assert_eq!((reply.status, &reply.json()["requested_by"]), (StatusCode::CREATED, &json!("sara")));
    let log = world.get("/v1/audit-log").await;
    let entry = &log["data"][0];
    assert_eq!((&entry["action"], &entry["subject"]["id"]), (&json!("exported"), &reply.json()["id"]), "{entry}");
    assert_eq!(entry["actor"], "sara");
    let said = json!([{ "field": "/list", "from": null, "to": "payment_links" },
                      { "field": "/format", "from": null, "to": "jsonl" }]);
    assert_eq!(entry["changes"], said);
    // Another business finds neither the export nor anything in its own list.
    let path = format!("/v1/exports/{}", reply.json()["id"].as_str().unwrap());
    let key = paylink_local::seed::KEYS.into_iter().find(|(id, _)| *id == BAZAAR).unwrap().1;
    let foreign = world.crm_as(key, Method::GET, &path, &Value::Null, &[]).await.unwrap();
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let theirs = world.crm_as(key, Method::GET, "/v1/exports", &Value::Null, &[]).await.unwrap();
    assert_eq!(theirs.json()["data"], json!([]));
}

#[tokio::test]
async fn a_list_of_several_slices_is_carried_away_whole_over_several_runs_and_what_comes_meanwhile_is_not_in_it() {
    let engine = Engine::start().await;
    let world = FaultyWorld::on_engine(0, &engine, None).await;
    let pattern = link(&world, "pattern", json!({})).await;
    let items = world.cloud.store.table();
    let pattern = engine.link(items, &LinkId::parse(&pattern.id).unwrap());
    engine.put_copies(items, &pattern, 1..2_300, None);
    let path =
        asked(&world, json!({ "list": "/v1/payment-links?order=oldest", "format": "csv", "locale": "en" })).await;
    world.cloud.work.take().unwrap();
    link(&world, "late", json!({})).await;
    // A run that has time for one slice, which a slow machine needs more of, and another that has time for the rest.
    let mut running = Value::Null;
    for millis in [50, 150, 400, 1_000, 3_000] {
        let short = world.run_batches_within(Duration::from_millis(12_000 + millis)).await.unwrap();
        assert_eq!(short["exports"]["postponed"], 1, "{short}");
        running = world.get(&path).await;
        if running["rows"] != 0 {
            break;
        }
    }
    assert_eq!(running["status"], "running", "{running}");
    let rows = running["rows"].as_u64().unwrap();
    assert!((1..2_300).contains(&rows), "what there was time to read is put away: {rows}");
    world.turn_time(Duration::from_secs(1));
    world.run_batches().await.unwrap().unwrap();
    let export = world.get(&path).await;
    assert_eq!((&export["status"], &export["rows"]), (&json!("done"), &json!(2_300)), "{export}");
    let table = table(&export).await;
    let ids: BTreeSet<String> = (0..2_300).map(|row| format!("{:?}", cell(&table, row, "Payment link no."))).collect();
    assert_eq!((table.rows.len(), ids.len()), (2_300, 2_300), "each once");
}

//! Links out of the rows of a file: how it is read, what a check says of it, what a run makes of it, and what stands in their way.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join;
use paylink_local::seed::{BAZAAR, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sheets::Format;
use sheets::reading::{Limits, Table, Value as Read, read_table};
use sheets::writing::{Cell, Column, Sheet, write_xlsx};
use tests::Reply;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, key_of};
use tests::invariants::Stage;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What most batches of these tests say of all rows.
fn defaults() -> Value {
    json!({ "account_id": "main", "recipients": { "contact": true }, "message": { "channels": ["sms"] } })
}

pub(super) async fn begun(world: &FaultyWorld, body: &Value) -> Value {
    let reply = world.crm(Method::POST, "/v1/batches", body, &[]).await.unwrap();
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    reply.json()
}

pub(super) fn path_of(batch: &Value) -> String {
    format!("/v1/batches/{}", batch["id"].as_str().unwrap())
}

pub(super) async fn take(world: &FaultyWorld, batch: &Value, step: &str, body: Value) -> Reply {
    world.crm(Method::POST, &format!("{}/{step}", path_of(batch)), &body, &[]).await.unwrap()
}

async fn upload(batch: &Value, file: impl Into<reqwest::Body>) {
    let to = &batch["upload"];
    let put = reqwest::Client::new().put(to["url"].as_str().unwrap());
    let answer = put.header("content-type", to["content_type"].as_str().unwrap()).body(file).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

/// What a check says of a file.
async fn checked(world: &FaultyWorld, body: Value, file: impl Into<reqwest::Body>) -> Value {
    let batch = begun(world, &body).await;
    upload(&batch, file).await;
    check(world, &batch).await
}

pub(super) async fn check(world: &FaultyWorld, batch: &Value) -> Value {
    let reply = take(world, batch, "check", json!({})).await;
    assert_eq!((reply.status, &reply.json()["status"]), (StatusCode::OK, &json!("checking")), "{}", reply.text);
    let followed = world.bring_hint().await.unwrap().unwrap();
    assert_eq!(followed["batches"]["failed"], 0, "{followed}");
    world.get(&path_of(batch)).await
}

/// What has become of a batch that was run.
pub(super) async fn run(world: &FaultyWorld, batch: &Value, body: Value) -> Value {
    let reply = take(world, batch, "run", body).await;
    assert_eq!((reply.status, &reply.json()["status"]), (StatusCode::OK, &json!("running")), "{}", reply.text);
    let followed = world.bring_hint().await.unwrap().unwrap();
    assert_eq!(followed["batches"]["failed"], 0, "{followed}");
    world.get(&path_of(batch)).await
}

/// The table of a batch, as whoever has its address gets it.
pub(super) async fn table(batch: &Value) -> Table {
    let file = reqwest::get(batch["file"]["url"].as_str().unwrap_or_else(|| panic!("{batch}"))).await.unwrap();
    let limits = Limits { bytes: 1 << 24, inflated: 1 << 26, rows: 10_000, columns: 100, cell_characters: 40_000 };
    let format = if batch["format"] == "xlsx" { Format::Xlsx } else { Format::Csv };
    read_table(&file.bytes().await.unwrap(), format, &limits).unwrap()
}

/// What stands below a column in a row, in words.
pub(super) fn cell(table: &Table, row: usize, column: &str) -> String {
    let place = table.header.iter().position(|name| name == column);
    let place = place.unwrap_or_else(|| panic!("no column {column}: {:?}", table.header));
    match table.rows[row].cells.get(place) {
        Some(Read::Text(text)) => text.clone(),
        Some(Read::Number(number)) => number.to_string(),
        Some(Read::Empty) | None => String::new(),
        other => panic!("{other:?}"),
    }
}

/// A call of whoever runs the platform.
pub(super) async fn platform(world: &FaultyWorld, method: Method, path: &str, body: Value) -> Reply {
    world.crm_as(PLATFORM_KEY, method, path, &body, &[]).await.unwrap()
}

pub(super) async fn links(world: &FaultyWorld) -> Vec<Value> {
    world.get("/v1/payment-links?order=oldest&limit=100").await["data"].as_array().unwrap().clone()
}

/// The ids of all links that these parameters choose.
pub(super) async fn ids_of_links(world: &FaultyWorld, chosen_by: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = world.get(&format!("/v1/payment-links?limit=100{chosen_by}{cursor}")).await;
        ids.extend(page["data"].as_array().unwrap().iter().map(|link| link["id"].to_string()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

/// What a run makes that has little time: a slice or two. A slow machine takes longer to come to the first.
async fn made_at_first(world: &FaultyWorld, batch: &Value) -> u64 {
    for millis in [600, 1_500, 4_000, 10_000] {
        let short = world.run_batches_within(Duration::from_millis(12_000 + millis)).await.unwrap();
        assert_eq!(short["batches"]["postponed"], 1, "{short}");
        let made = world.get(&path_of(batch)).await["progress"]["made"].as_u64().unwrap();
        if made > 0 {
            return made;
        }
    }
    panic!("ten seconds are not enough for a slice");
}

/// Rows of the demo contact, of so many rial each.
fn rows(amounts: impl IntoIterator<Item = i64>) -> String {
    let mut file = "contact id,amount (rial),row key\n".to_owned();
    for (number, amount) in amounts.into_iter().enumerate() {
        file.push_str(&format!("c-1042,{amount},k-{number}\n"));
    }
    file
}

const PERSIAN: &str = "\u{feff}موبایل;نام مشتری;مبلغ (تومان);سررسید;شرح;کد رنگ\n\
                       ۰۹۱۲۰۰۰۰۰۰۰;;۱۵۰٬۰۰۰;۱۴۰۵/۱۰/۰۱;شهریه دی;۷\n\
                       09121112233;مشتری تازه;25000;2026-12-31;;\n";

#[tokio::test]
async fn a_persian_spreadsheet_becomes_links_and_everybody_is_told_once() {
    let world = FaultyWorld::start(0).await;
    world.turn_time(DAY);
    let wanted = json!({ "format": "csv", "defaults": defaults(), "locale": "fa", "source": "بدهی دی" });
    let batch = checked(&world, wanted, PERSIAN).await;
    let report = &batch["report"];
    assert_eq!(
        (&batch["status"], &report["rows"], &report["ready"]),
        (&json!("checked"), &json!(2), &json!(2)),
        "{batch}"
    );
    assert_eq!((&report["sums"][0]["amount"], &report["sums"][0]["currency"]), (&json!(1_750_000), &json!("IRR")));
    assert_eq!(report["largest"][0]["row"], 2);
    assert_eq!((&report["messages"]["sms"], &report["messages"]["email"]), (&json!(2), &json!(0)));
    assert!(report["messages"]["sms_segments"].as_u64().unwrap() >= 2, "{report}");
    assert_eq!(report["ignored_columns"], json!(["کد رنگ"]));
    assert_eq!((links(&world).await.len(), &batch["progress"]["done"]), (0, &json!(2)), "a check makes nothing");

    let done = run(&world, &batch, json!({})).await;
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(2)), "{done}");
    let made = links(&world).await;
    assert_eq!(made.len(), 2);
    let of = |contact: &str| made.iter().find(|link| link["contact"]["id"] == contact).unwrap();
    let known = of("c-1042");
    assert_eq!((&known["amount"], &known["description"]), (&json!(1_500_000), &json!("شهریه دی")));
    assert!(known["due_at"].as_str().unwrap().starts_with("2026-12-23T00:00:00"), "{}", known["due_at"]);
    let new = of("989121112233");
    assert_eq!((&new["amount"], &new["contact"]["name"]), (&json!(250_000), &json!("مشتری تازه")));
    let contact = world.get("/v1/contacts/989121112233").await;
    assert_eq!(contact["mobile"], "+989121112233");
    world.bring_stream().await;
    let told: Vec<String> = world.cloud.inbox.all().iter().map(|message| message.to.clone()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    let table = table(&done).await;
    assert_eq!((cell(&table, 0, "ردیف"), cell(&table, 0, "نتیجه")), ("2".to_owned(), "ایجاد شده".to_owned()));
    assert_eq!(cell(&table, 0, "شماره لینک پرداخت"), known["id"].as_str().unwrap());
}

#[tokio::test]
async fn a_page_of_another_site_may_upload_to_the_address_that_it_was_given() {
    let world = FaultyWorld::start(0).await;
    let batch = begun(&world, &json!({ "format": "csv", "defaults": defaults() })).await;
    let url = batch["upload"]["url"].as_str().unwrap();
    let (http, origin) = (reqwest::Client::new(), "https://crm.example");
    let asks = |method: &'static str, headers: &'static str| {
        http.request(Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers)
    };
    let allowed = asks("PUT", "content-type").send().await.unwrap();
    let said = |reply: &reqwest::Response, name: &str| {
        reply.headers().get(name).map(|value| value.to_str().unwrap().to_ascii_lowercase()).unwrap_or_default()
    };
    assert_eq!((allowed.status(), said(&allowed, "access-control-allow-origin").as_str()), (StatusCode::OK, "*"));
    let template = std::fs::read_to_string(tests::root().join("template.yaml")).unwrap();
    let methods = said(&allowed, "access-control-allow-methods").to_ascii_uppercase().replace(',', ", ");
    let headers = said(&allowed, "access-control-allow-headers");
    for rule in [format!("AllowedMethods: [{methods}]"), format!("AllowedHeaders: [{headers}]")] {
        assert!(template.contains(&rule), "the template's bucket has another rule than {rule}");
    }
    let put = http.put(url).header("origin", origin).header("content-type", "text/csv; charset=utf-8");
    let put = put.body(rows([50_000])).send().await.unwrap();
    assert_eq!((put.status(), said(&put, "access-control-allow-origin").as_str()), (StatusCode::OK, "*"));
    assert_eq!(check(&world, &batch).await["report"]["ready"], 1);
}

#[tokio::test]
async fn every_wrong_cell_is_told_by_its_row_and_column_in_the_callers_language() {
    let world = FaultyWorld::start(0).await;
    let file = "موبایل,نام مشتری,مبلغ (تومان),سررسید,شناسه حساب مالی\n\
                09120000000,,5000,1405/13/01,\n\
                12,x,5000,,\n\
                09129998877,,5000,,\n\
                09120000000,,1.2.3,,\n\
                09120000000,,5000,,nowhere\n\
                09120000000,,5000,,\n";
    let wanted = json!({ "format": "csv", "defaults": defaults(), "locale": "fa" });
    let batch = checked(&world, wanted, file).await;
    let report = &batch["report"];
    assert_eq!(
        (&report["wrong"], &report["ready"], &report["problem_count"]),
        (&json!(5), &json!(1), &json!(5)),
        "{report}"
    );
    let told: Vec<[&str; 3]> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| ["cell", "column", "code"].map(|part| problem[part].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            ["D2", "سررسید", "invalid_date"],
            ["A3", "موبایل", "invalid_mobile"],
            ["A4", "موبایل", "contact_name_needed"],
            ["C5", "مبلغ (تومان)", "invalid_amount"],
            ["E6", "شناسه حساب مالی", "unknown_account"],
        ]
        .map(|[cell, column, code]| [
            cell,
            column,
            if code == "invalid_instant" { "invalid_date" } else { code }
        ])
    );
    for problem in report["problems"].as_array().unwrap() {
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.chars().any(|c| ('\u{600}'..'\u{700}').contains(&c)), "{detail}");
    }
    let refused = take(&world, &batch, "run", json!({})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("rows_wrong")));
    let done = run(&world, &batch, json!({ "skip_wrong": true })).await;
    let progress = &done["progress"];
    assert_eq!(
        (&done["status"], &progress["made"], &progress["skipped"], &progress["failed"]),
        (&json!("done"), &json!(1), &json!(5), &json!(0)),
        "{done}"
    );
    let table = table(&done).await;
    assert_eq!(cell(&table, 0, "نتیجه"), "دارای خطا");
    assert!(cell(&table, 0, "خطاها").starts_with("سررسید: "), "{}", cell(&table, 0, "خطاها"));
    assert_eq!((cell(&table, 5, "نتیجه"), links(&world).await.len()), ("ایجاد شده".to_owned(), 1));
}

#[tokio::test]
async fn a_workbook_is_read_as_it_is_shown_and_what_was_checked_is_made() {
    let world = FaultyWorld::start(0).await;
    let column = |header: &str| Column { header: header.to_owned(), width: 12 };
    let sheet = Sheet {
        name: "December".to_owned(),
        columns: ["Contact ID", "Amount (EUR)", "Item ID", "Item title", "Item kind", "Valid until", "Account ID"]
            .map(column)
            .to_vec(),
        is_right_to_left: false,
    };
    let text = |text: &str| Cell::Text(text.to_owned());
    let until = Cell::Moment("2027-01-15T00:00:00".parse().unwrap());
    let row = vec![
        text("c-1042"),
        Cell::Number("12.5".to_owned()),
        text("inv-900"),
        text("=1+1"),
        text("invoice"),
        until,
        text("euro"),
    ];
    let file = write_xlsx(&sheet, [row].into_iter()).unwrap();
    let batch = checked(&world, json!({ "format": "xlsx", "locale": "en" }), file).await;
    assert_eq!((&batch["status"], &batch["report"]["wrong"]), (&json!("checked"), &json!(0)), "{batch}");
    assert_eq!(batch["report"]["untold"], 1, "nobody is told of it, which the report says");
    // Whatever is uploaded afterwards is another file.
    upload(&batch, "nonsense").await;
    let done = run(&world, &batch, json!({})).await;
    assert_eq!(done["status"], "done", "{done}");
    let made = links(&world).await;
    assert_eq!(
        (&made[0]["amount"], &made[0]["currency"], &made[0]["item"]["title"]),
        (&json!(1_250), &json!("EUR"), &json!("=1+1"))
    );
    assert!(made[0]["expires_at"].as_str().unwrap().starts_with("2027-01-16T00:00:00"), "{}", made[0]["expires_at"]);
    assert_eq!(cell(&table(&done).await, 0, "Amount"), "12.5");
}

#[tokio::test]
async fn lines_of_json_are_bodies_of_links() {
    let world = FaultyWorld::start(0).await;
    let file = "{\"row_key\": 7, \"contact_id\": \"c-1042\", \"amount\": 50000}\n\n[1]\n\
                {\"contact_mobile\": \"09120000000\", \"amount\": 60000, \"colour\": 1}\n";
    let batch = checked(&world, json!({ "format": "jsonl", "defaults": defaults(), "locale": "en" }), file).await;
    let told: Vec<Value> = batch["report"]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| json!([problem["row"], problem["pointer"], problem["code"], problem["cell"]]))
        .collect();
    assert_eq!(told, [json!([3, "", "invalid_row", null]), json!([4, "/colour", "unknown_field", null])]);
    let done = run(&world, &batch, json!({ "skip_wrong": true })).await;
    let file = reqwest::get(done["file"]["url"].as_str().unwrap()).await.unwrap().text().await.unwrap();
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["row_key"], &lines[0]["outcome"]), (&json!("7"), &json!("made")), "{lines:?}");
    assert_eq!(lines[0]["payment_link_id"], links(&world).await[0]["id"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_says_why_and_another_one_can_take_its_place() {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "format": "csv", "defaults": defaults(), "locale": "en" });
    let batch = begun(&world, &wanted).await;
    let missing = check(&world, &batch).await;
    assert_eq!((&missing["status"], &missing["failure_reason"]), (&json!("failed"), &json!("no_file")), "{missing}");
    for (file, reason, row) in [
        (b"contact id,amount (rial)\n".to_vec(), "no_rows", Value::Null),
        (b"PK\x03\x04".to_vec(), "not_this_format", Value::Null),
        (b"contact id,amount (rial)\nc-1042,\"5\n".to_vec(), "open_quote", json!(2)),
        (b"contact id,amount (rial)\nc-\xff,5\n".to_vec(), "bad_encoding", json!(2)),
        (b"contact id,amount\nc-1042,5\n".to_vec(), "invalid_columns", Value::Null),
        (b"Somebody,50000\nSomebody Else,60000\n".to_vec(), "invalid_columns", Value::Null),
        (b"contact id,amount (rial),customer id\nc-1042,5,c\n".to_vec(), "invalid_columns", Value::Null),
        (rows(vec![50_000; 10_001]).into_bytes(), "too_many_rows", Value::Null),
    ] {
        let again = world.get(&path_of(&batch)).await;
        upload(&again, file).await;
        let failed = check(&world, &batch).await;
        assert_eq!((&failed["failure_reason"], &failed["failure_row"]), (&json!(reason), &row), "{failed}");
        let has_problems = !failed["report"].is_null();
        assert_eq!(has_problems, reason == "invalid_columns", "{failed}");
    }
    upload(&world.get(&path_of(&batch)).await, rows([50_000])).await;
    let good = check(&world, &batch).await;
    assert_eq!((&good["status"], &good["failure_reason"]), (&json!("checked"), &Value::Null), "{good}");
    let wrong = json!({ "format": "csv", "defaults": { "account_id": 5, "colour": "red" }, "locale": "en" });
    let failed = checked(&world, wrong, rows([50_000])).await;
    assert_eq!(failed["failure_reason"], "invalid_defaults", "{failed}");
    let pointers: Vec<&str> =
        failed["report"]["problems"].as_array().unwrap().iter().map(|one| one["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/colour", "/account_id"]);
}

#[tokio::test]
async fn what_is_wrong_with_the_call_is_refused_by_its_field() {
    let world = FaultyWorld::start(0).await;
    for (body, pointer, code) in [
        (json!({}), "/format", "required"),
        (json!({ "format": "pdf" }), "/format", "unknown_choice"),
        (json!({ "format": "csv", "per_minute": 9 }), "/per_minute", "out_of_range"),
        (json!({ "format": "csv", "per_minute": 6_001 }), "/per_minute", "out_of_range"),
        (json!({ "format": "csv", "source": "" }), "/source", "empty"),
        (json!({ "format": "csv", "source": "x".repeat(101) }), "/source", "too_long"),
        (json!({ "format": "csv", "defaults": [] }), "/defaults", "wrong_type"),
        (json!({ "format": "csv", "locale": "!" }), "/locale", "invalid_locale"),
        (json!({ "format": "csv", "file": "x" }), "/file", "unknown_field"),
    ] {
        let reply = world.crm(Method::POST, "/v1/batches", &body, &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", reply.text);
        let errors = reply.json()["errors"].clone();
        assert_eq!((&errors[0]["pointer"], &errors[0]["code"]), (&json!(pointer), &json!(code)), "{body}: {errors}");
    }
    assert_eq!(world.get("/v1/batches").await["data"], json!([]));
    let batch = begun(&world, &json!({ "format": "csv" })).await;
    for (step, code) in [("run", "batch_not_ready"), ("pause", "batch_not_ready")] {
        let refused = take(&world, &batch, step, json!({})).await;
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!(code)), "{step}");
        assert_eq!(refused.json()["current_status"], "awaiting_file");
    }
    let wrong = take(&world, &batch, "run", json!({ "rows": 5 })).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let nobody = world.crm(Method::POST, "/v1/batches/ba_x/check", &json!({}), &[]).await.unwrap();
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let theirs = world.crm_as(key_of(BAZAAR), Method::GET, &path_of(&batch), &Value::Null, &[]).await.unwrap();
    assert_eq!(theirs.status, StatusCode::NOT_FOUND, "nobody else's batch can be seen");
}

#[tokio::test]
async fn a_row_of_a_source_is_made_once_in_whichever_batch_it_comes() {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "format": "csv", "defaults": defaults(), "locale": "en", "source": "Arrears of November" });
    let first = checked(&world, wanted.clone(), rows([50_000, 60_000])).await;
    run(&world, &first, json!({})).await;
    // The list comes again with one row more and one that says something else under its key.
    let second = checked(&world, wanted.clone(), rows([50_000, 70_000, 80_000])).await;
    let report = &second["report"];
    assert_eq!(
        (&report["already_made"], &report["wrong"], &report["ready"]),
        (&json!(1), &json!(1), &json!(1)),
        "{report}"
    );
    let problem = &report["problems"][0];
    assert_eq!((&problem["cell"], &problem["code"]), (&json!("C3"), &json!("idempotency_key_reused")));
    let done = run(&world, &second, json!({ "skip_wrong": true })).await;
    let progress = &done["progress"];
    assert_eq!(
        (&progress["made"], &progress["already_made"], &progress["skipped"]),
        (&json!(1), &json!(1), &json!(1)),
        "{done}"
    );
    assert_eq!(links(&world).await.len(), 3);
    let all = checked(&world, wanted, rows([50_000])).await;
    let refused = take(&world, &all, "run", json!({})).await;
    assert_eq!(refused.json()["code"], "nothing_to_make");
    // Without a source each batch is a list of its own, and rows that say the same are told.
    let apart = json!({ "format": "csv", "defaults": defaults(), "locale": "en" });
    let alike = checked(&world, apart, "contact id,amount (rial)\nc-1042,50000\nc-1042,50000\n").await;
    assert_eq!(
        (&alike["report"]["alike_count"], &alike["report"]["alike"][0]),
        (&json!(1), &json!({ "row": 3, "same_as": 2 }))
    );
    run(&world, &alike, json!({})).await;
    assert_eq!(links(&world).await.len(), 5, "they are made all the same");
}

#[tokio::test]
async fn a_key_or_a_reference_that_stands_twice_in_a_file_is_told() {
    let world = FaultyWorld::start(0).await;
    let file =
        "contact id,amount (rial),row key,reference id\nc-1042,50000,a,r-1\nc-1042,50000,a,r-2\nc-1042,50000,b,r-1\n";
    let batch = checked(&world, json!({ "format": "csv", "defaults": defaults() }), file).await;
    let told: Vec<Value> = batch["report"]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| json!([problem["cell"], problem["code"]]))
        .collect();
    assert_eq!(told, [json!(["C3", "given_twice"]), json!(["D4", "given_twice"])]);
}

#[tokio::test]
async fn a_repeated_request_begins_one_batch() {
    let world = FaultyWorld::start(0).await;
    let ask =
        async |body: Value| world.crm(Method::POST, "/v1/batches", &body, &[("idempotency-key", "k-1")]).await.unwrap();
    let first = ask(json!({ "format": "csv" })).await;
    let again = ask(json!({ "format": "csv" })).await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &first.json()["id"]));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = ask(json!({ "format": "xlsx" })).await;
    assert_eq!(other.json()["code"], "idempotency_key_reused");
    for _ in 0..2 {
        let cancelled = take(&world, &first.json(), "cancel", json!({})).await;
        assert_eq!((cancelled.status, &cancelled.json()["status"]), (StatusCode::OK, &json!("cancelled")));
    }
}

#[tokio::test]
async fn a_batch_goes_on_where_it_was_paused_and_ends_where_it_is_cancelled() {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "format": "csv", "defaults": { "account_id": "main" }, "per_minute": 6_000 });
    let batch = checked(&world, wanted.clone(), rows((0..250).map(|number| 50_000 + number))).await;
    assert_eq!(batch["report"]["rows"], 250);
    // A run that has time for one slice.
    take(&world, &batch, "run", json!({})).await;
    world.cloud.work.take().unwrap();
    let made = made_at_first(&world, &batch).await;
    assert!(made == 100 || made == 200, "{made}");
    let paused = take(&world, &batch, "pause", json!({})).await.json();
    assert_eq!(paused["status"], "paused");
    world.turn_time(MINUTE);
    let idle = world.run_batches().await.unwrap().unwrap();
    assert_eq!(idle["batches"], json!({ "done": 0, "ended": 0, "postponed": 0, "left": 0, "failed": 0 }));
    assert_eq!(links(&world).await.len(), 100.min(usize::try_from(made).unwrap()));
    let done = run(&world, &batch, json!({})).await;
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(250)), "{done}");

    let other = checked(&world, wanted, rows((0..250).map(|number| 90_000 + number))).await;
    take(&world, &other, "run", json!({})).await;
    world.cloud.work.take().unwrap();
    made_at_first(&world, &other).await;
    take(&world, &other, "pause", json!({})).await;
    let closing = take(&world, &other, "cancel", json!({})).await.json();
    assert_eq!(closing["status"], "closing", "{closing}");
    world.bring_hint().await.unwrap().unwrap();
    let cancelled = world.get(&path_of(&other)).await;
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
    let made = usize::try_from(cancelled["progress"]["made"].as_u64().unwrap()).unwrap();
    assert!((100..250).contains(&made), "{made}");
    assert_eq!(table(&cancelled).await.rows.len(), made, "the table has what was made");
}

#[tokio::test]
async fn a_batch_whose_business_has_used_up_its_quota_goes_on_the_next_day() {
    let world = FaultyWorld::start(0).await;
    let business = json!({ "name": "Demo", "quotas": { "links_per_day": 3 } });
    let put = platform(&world, Method::PUT, "/v1/businesses/demo", business).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let wanted = json!({ "format": "csv", "defaults": { "account_id": "main" } });
    let batch = checked(&world, wanted, rows((0..5).map(|number| 50_000 + number))).await;
    let waiting = run(&world, &batch, json!({})).await;
    assert_eq!((&waiting["status"], &waiting["waits_for"]), (&json!("waiting"), &json!("quota_reached")), "{waiting}");
    assert_eq!(links(&world).await.len(), 3);
    let mut done = Value::Null;
    for _ in 0..3 {
        world.turn_time(DAY);
        world.run_batches().await.unwrap().unwrap();
        done = world.get(&path_of(&batch)).await;
    }
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(5)), "{done}");
    assert_eq!(links(&world).await.len(), 5);
}

#[tokio::test]
async fn what_is_there_of_a_batch_that_is_cancelled_while_it_waits_is_told() {
    let world = FaultyWorld::start(0).await;
    let business = json!({ "name": "Demo", "quotas": { "links_per_day": 3 } });
    platform(&world, Method::PUT, "/v1/businesses/demo", business).await;
    let wanted = json!({ "format": "csv", "defaults": { "account_id": "main" } });
    let batch = checked(&world, wanted, rows((0..5).map(|number| 50_000 + number))).await;
    run(&world, &batch, json!({})).await;
    assert_eq!(links(&world).await.len(), 3);
    let closing = take(&world, &batch, "cancel", json!({})).await.json();
    assert_eq!(closing["status"], "closing", "{closing}");
    world.bring_hint().await.unwrap().unwrap();
    let over = world.get(&path_of(&batch)).await;
    assert_eq!((&over["status"], &over["progress"]["made"]), (&json!("cancelled"), &json!(3)), "{over}");
    assert_eq!(table(&over).await.rows.len(), 3);
}

#[tokio::test]
async fn a_batch_whose_files_are_gone_comes_to_an_end() {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "format": "csv", "defaults": { "account_id": "main" }, "per_minute": 600 });
    let batch = checked(&world, wanted, rows((0..150).map(|number| 50_000 + number))).await;
    take(&world, &batch, "run", json!({})).await;
    world.cloud.work.take().unwrap();
    made_at_first(&world, &batch).await;
    let paused = take(&world, &batch, "pause", json!({})).await.json();
    assert_eq!((&paused["status"], &paused["progress"]["made"]), (&json!("paused"), &json!(100)), "{paused}");
    world.turn_time(8 * DAY);
    for key in world.cloud.files.keys() {
        world.cloud.files.delete(&key).unwrap();
    }
    let gone = take(&world, &batch, "run", json!({})).await;
    assert_eq!((gone.status, &gone.json()["code"]), (StatusCode::CONFLICT, &json!("rows_gone")));
    take(&world, &batch, "cancel", json!({})).await;
    world.bring_hint().await.unwrap().unwrap();
    let over = world.get(&path_of(&batch)).await;
    assert_eq!((&over["status"], &over["file"]), (&json!("cancelled"), &Value::Null), "{over}");
}

#[tokio::test]
async fn what_a_check_found_wrong_is_not_made_although_it_would_be_right_by_now() {
    let world = FaultyWorld::start(0).await;
    let file = "contact id,amount (rial)\nc-1042,50000\nc-new,60000\n";
    let batch = checked(&world, json!({ "format": "csv", "defaults": { "account_id": "main" } }), file).await;
    assert_eq!(batch["report"]["problems"][0]["code"], "unknown_contact", "{batch}");
    let put = world.crm(Method::PUT, "/v1/contacts/c-new", &json!({ "name": "New" }), &[]).await.unwrap();
    assert!(put.status.is_success(), "{}", put.text);
    let done = run(&world, &batch, json!({ "skip_wrong": true })).await;
    assert_eq!((&done["progress"]["made"], &done["progress"]["skipped"]), (&json!(1), &json!(1)), "{done}");
    assert_eq!(links(&world).await.len(), 1);
}

#[tokio::test]
async fn no_row_writes_over_a_contact_who_had_its_number() {
    let world = FaultyWorld::start(0).await;
    let known = json!({ "name": "Somebody", "mobile": "09121112244" });
    world.crm(Method::PUT, "/v1/contacts/989121112233", &known, &[]).await.unwrap();
    let file = "mobile,customer name,amount (rial)\n09121112233,Somebody Else,50000\n";
    let batch = checked(&world, json!({ "format": "csv", "defaults": { "account_id": "main" } }), file).await;
    assert_eq!(batch["report"]["problems"][0]["code"], "contact_id_in_use", "{batch}");
}

#[tokio::test]
async fn a_hostile_line_is_told_and_stops_nothing() {
    let world = FaultyWorld::start(0).await;
    let long = format!("{{\"{}\": 1}}\n", "x".repeat(200_000));
    let many = format!("{{{}}}\n", (0..5_000).map(|number| format!("\"n{number}\":1")).collect::<Vec<_>>().join(","));
    let good = "{\"contact_id\":\"c-1042\",\"amount\":50000}\n";
    let wanted = json!({ "format": "jsonl", "defaults": { "account_id": "main" }, "locale": "en" });
    let batch = checked(&world, wanted, format!("{long}{many}{good}")).await;
    let report = &batch["report"];
    assert_eq!((&report["wrong"], &report["ready"]), (&json!(2), &json!(1)), "{report}");
    assert!(report.to_string().len() < 4_000, "{report}");
}

#[tokio::test]
async fn a_batch_of_a_suspended_business_waits_until_it_is_resumed() {
    let world = FaultyWorld::start(0).await;
    let batch = checked(&world, json!({ "format": "csv", "defaults": { "account_id": "main" } }), rows([50_000])).await;
    take(&world, &batch, "run", json!({})).await;
    platform(&world, Method::POST, "/v1/businesses/demo/suspend", json!({ "reason": "fraud_suspected" })).await;
    world.turn_time(2 * MINUTE);
    world.run_batches().await.unwrap().unwrap();
    let waiting = world.get(&path_of(&batch)).await;
    assert_eq!(
        (&waiting["status"], &waiting["waits_for"]),
        (&json!("waiting"), &json!("business_suspended")),
        "{waiting}"
    );
    platform(&world, Method::POST, "/v1/businesses/demo/resume", json!({})).await;
    world.turn_time(20 * MINUTE);
    world.run_batches().await.unwrap().unwrap();
    assert_eq!(world.get(&path_of(&batch)).await["status"], "done");
}

#[tokio::test]
async fn a_hint_that_comes_twice_at_once_makes_each_link_once() {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "format": "csv", "defaults": defaults() });
    let batch = checked(&world, wanted, rows((0..40).map(|number| 50_000 + number))).await;
    take(&world, &batch, "run", json!({})).await;
    let hint = world.cloud.work.take().unwrap();
    let follow = || world.invoke("run-batches", hint.clone());
    let (one, other) = join(follow(), follow()).await;
    for ran in [one, other] {
        assert_eq!(ran.unwrap().unwrap()["batches"]["failed"], 0);
    }
    world.turn_time(2 * MINUTE);
    world.run_batches().await.unwrap().unwrap();
    let done = world.get(&path_of(&batch)).await;
    assert_eq!((&done["status"], &done["progress"]["made"]), (&json!("done"), &json!(40)), "{done}");
    assert_eq!(links(&world).await.len(), 40);
    world.bring_stream().await;
    assert_eq!(world.cloud.inbox.all().len(), 40);
}

#[tokio::test]
async fn a_run_that_dies_between_any_two_steps_leaves_what_the_next_one_finishes() {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "format": "csv", "defaults": defaults(), "locale": "en" });
    let (mut stopped, mut made) = (0, 0);
    for step in ["check", "run"] {
        for number in 0.. {
            let mut is_past = false;
            for fault in [Fault::DieBefore, Fault::DieAfter, Fault::LoseAnswerOnce, Fault::Unavailable] {
                let batch = begun(&world, &wanted).await;
                upload(&batch, "contact mobile,amount (rial)\n09120000000,50000\n09120000000,60000\n").await;
                let batch = if step == "run" { check(&world, &batch).await } else { batch };
                take(&world, &batch, step, json!({})).await;
                let hint = world.cloud.work.take().unwrap();
                world.proxy.decide(move |call, _: &Call| (call == number).then_some(fault));
                let _ = world.invoke("run-batches", hint).await;
                let calls = world.proxy.calls().len();
                world.proxy.record();
                let was_stopped =
                    world.get(&path_of(&batch)).await["status"] != if step == "run" { "done" } else { "checked" };
                stopped += usize::from(was_stopped);
                // What was held is free again after a minute and a half.
                for _ in 0..2 {
                    world.turn_time(2 * MINUTE);
                    let ran = world.run_batches().await.unwrap().unwrap();
                    assert_eq!(ran["batches"]["failed"], 0, "{ran}");
                }
                let mut over = world.get(&path_of(&batch)).await;
                if step == "check" {
                    assert_eq!(
                        (&over["status"], &over["report"]["ready"]),
                        (&json!("checked"), &json!(2)),
                        "call {number}, {fault:?}: {over}"
                    );
                    over = run(&world, &batch, json!({})).await;
                }
                let progress = &over["progress"];
                assert_eq!(
                    (&over["status"], &progress["made"]),
                    (&json!("done"), &json!(2)),
                    "call {number}, {fault:?}: {over}"
                );
                made += 2;
                is_past = number >= calls;
            }
            if is_past {
                break;
            }
        }
    }
    assert!(stopped > 20, "{stopped} runs were stopped");
    let ids = ids_of_links(&world, "").await;
    assert_eq!(ids.len(), made, "each row's link is made once");
    world.check(Stage::CaughtUp).await;
}

#[tokio::test]
async fn what_was_carried_away_can_be_brought_back() {
    let world = FaultyWorld::start(0).await;
    let amounts = "contact id,amount (rial),reference id,description\nc-1042,50000,00012,=1+1\nc-1042,60000,,\n";
    let first = checked(&world, json!({ "format": "csv", "defaults": { "account_id": "main" } }), amounts).await;
    run(&world, &first, json!({})).await;
    for link in links(&world).await {
        let path = format!("/v1/payment-links/{}/cancel", link["id"].as_str().unwrap());
        world.crm(Method::POST, &path, &json!({}), &[]).await.unwrap();
    }
    world.turn_time(MINUTE);
    for (format, locale) in [("xlsx", "fa"), ("csv", "en"), ("csv", "ar")] {
        let wanted = json!({ "list": "/v1/payment-links?status=cancelled", "format": format, "locale": locale });
        let export = world.crm(Method::POST, "/v1/exports", &wanted, &[]).await.unwrap().json();
        world.bring_hint().await.unwrap().unwrap();
        let export = world.get(&format!("/v1/exports/{}", export["id"].as_str().unwrap())).await;
        let file = reqwest::get(export["file"]["url"].as_str().unwrap()).await.unwrap().bytes().await.unwrap();
        let back = checked(&world, json!({ "format": format, "locale": locale }), file).await;
        let report = &back["report"];
        assert_eq!(
            (&report["rows"], &report["wrong"], &report["sums"][0]["amount"]),
            (&json!(2), &json!(0), &json!(110_000)),
            "{locale}: {back}"
        );
    }
}

#[tokio::test]
async fn a_business_has_so_many_batches_at_work_and_its_log_says_who_ran_one() {
    let world = FaultyWorld::start(0).await;
    let wanted = json!({ "format": "csv", "defaults": { "account_id": "main" } });
    let mut batches = Vec::new();
    for number in 0..6 {
        batches.push(checked(&world, wanted.clone(), rows([50_000 + number])).await);
    }
    for batch in &batches[..5] {
        assert_eq!(take(&world, batch, "run", json!({})).await.status, StatusCode::OK);
    }
    let refused = take(&world, &batches[5], "run", json!({})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("too_many_batches")));
    assert_eq!(take(&world, &batches[0], "pause", json!({})).await.status, StatusCode::OK);
    assert_eq!(take(&world, &batches[5], "run", json!({})).await.status, StatusCode::OK);
    let log = world.get("/v1/audit-log?limit=1").await["data"][0].clone();
    assert_eq!((&log["action"], &log["subject"]["id"]), (&json!("ran"), &batches[5]["id"]), "{log}");
    let listed = world.get("/v1/batches?limit=4").await;
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["data"][0]["upload"]), (4, &Value::Null));
}

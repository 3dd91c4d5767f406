//! Totals: what links and receipts add up to, whatever is kept of it and whatever happened since.

use std::time::Duration;

use domain::gateway::GatewayKind;
use paylink_local::seed::{API_KEY, BAZAAR, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::fault_proxy::Fault;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;
use tests::totals::{GROUPINGS, ask, disagreements};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn link(world: &FaultyWorld, account: &str, amount: i64, key: &str) -> Made {
    let expires_at = (world.now() + DAY).to_string();
    let body = json!({
        "account_id": account, "contact_id": "c-1042", "amount": amount, "expires_at": expires_at,
        "recipients": { "contact": true }, "message": { "channels": ["email"] },
    });
    world.make_link(&body, key).await
}

/// The customer pays and comes back, where the link can be paid.
async fn pay(world: &FaultyWorld, link: &Made) {
    let Some(page) = world.visit(link).await else { return };
    if let Some(back) = world.choose(&page, "paid").await {
        world.open(&back).await.unwrap();
    }
}

async fn told(world: &FaultyWorld, query: &str) -> Value {
    ask(world, DEMO, &format!("mode=sandbox&{query}")).await.unwrap()
}

/// Both businesses are told what there is.
async fn assert_agreed(world: &FaultyWorld, when: &str) {
    let evidence = world.evidence().await;
    for business in [DEMO, BAZAAR] {
        let wrong = disagreements(world, &evidence, business, &GROUPINGS).await;
        assert!(wrong.is_empty(), "{when}: {wrong:#?}");
    }
}

fn sum_in(currency: &str, sum: &Value) -> (u64, i64) {
    let amounts = sum["amounts"].as_array().unwrap();
    amounts
        .iter()
        .find(|one| one["currency"] == currency)
        .map_or((0, 0), |one| (one["count"].as_u64().unwrap(), one["amount"].as_i64().unwrap()))
}

fn rial(sum: &Value) -> (u64, i64) {
    sum_in("IRR", sum)
}

/// The day that it is in Tehran.
fn today(world: &FaultyWorld) -> String {
    let zone = domain::calendar::parse_time_zone("Asia/Tehran").unwrap();
    zone.to_datetime(world.now()).date().to_string()
}

#[tokio::test]
async fn links_are_counted_by_how_far_they_came_and_money_by_what_arrived() {
    let world = FaultyWorld::start(3600).await;
    let paid = link(&world, "main", 70_000, "paid").await;
    pay(&world, &paid).await;
    let begun = link(&world, "main", 20_000, "begun").await;
    world.go_to_gateway(&begun).await;
    link(&world, "zibal", 15_000, "made").await;
    let cancelled = link(&world, "main", 11_000, "cancelled").await;
    assert!(world.cancel(&cancelled, false).await.unwrap().status.is_success());
    let today = today(&world);
    let told = told(&world, &format!("from={today}&group_by=day")).await;
    let [group] = told["groups"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&told["from"], &told["to"], &told["calendar"]), (&json!(today), &json!(today), &json!("persian")));
    assert_eq!((&group["from"], &group["to"]), (&json!(today), &json!(today)));
    let links = &group["links"];
    assert_eq!(rial(&links["created"]), (4, 116_000));
    assert_eq!(rial(&links["opened"]), (2, 90_000));
    assert_eq!(rial(&links["begun"]), (2, 90_000));
    assert_eq!(rial(&links["paid"]), (1, 70_000));
    assert_eq!(rial(&links["active"]), (2, 35_000));
    assert_eq!(rial(&links["cancelled"]), (1, 11_000));
    assert_eq!(links["expired"], json!({ "count": 0, "amounts": [] }));
    assert_eq!(group["received"]["gross"], json!([{ "currency": "IRR", "count": 1, "amount": 70_000 }]));
    assert_eq!(rial(&told["aging"]["not_yet_due"]), (2, 35_000));
    let live = ask(&world, DEMO, "").await.unwrap();
    assert_eq!((&live["mode"], &live["groups"][0]["links"]["created"]["count"]), (&json!("live"), &json!(0)));
    assert_agreed(&world, "at once").await;
}

#[tokio::test]
async fn links_are_told_apart_by_account_gateway_channel_and_who_made_them() {
    let world = FaultyWorld::start(3600).await;
    pay(&world, &link(&world, "main", 70_000, "main").await).await;
    link(&world, "zibal", 15_000, "zibal").await;
    let quiet = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 13_000 });
    let headers = [("idempotency-key", "quiet"), ("paylink-actor", "sara")];
    let made = world.crm(Method::POST, "/v1/payment-links", &quiet, &headers).await.unwrap();
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let by = async |grouping: &str| {
        let told = told(&world, &format!("group_by={grouping}")).await;
        let group = |group: &Value| {
            let created = group["links"]["created"]["count"].as_u64().unwrap();
            let gross = group["received"].get("count").and_then(Value::as_u64);
            (group["key"].clone(), group["name"].clone(), created, gross)
        };
        told["groups"].as_array().unwrap().iter().map(group).collect::<Vec<_>>()
    };
    let name = |id: &str| {
        let account = domain::ids::AccountId::parse(id).unwrap();
        let world = &world;
        async move {
            let configuration = world.cloud.business().fresh_configuration().await.unwrap();
            json!(configuration.accounts[&account].name)
        }
    };
    let (main, zibal) = (name("main").await, name("zibal").await);
    assert_eq!(by("account").await, [(json!("main"), main, 2, Some(1)), (json!("zibal"), zibal, 1, Some(0))]);
    let none = Value::Null;
    let of_gateways = [(json!("zarinpal"), none.clone(), 2, Some(1)), (json!("zibal"), none.clone(), 1, Some(0))];
    assert_eq!(by("gateway").await, of_gateways);
    assert_eq!(by("channel").await, [(none.clone(), none.clone(), 1, None), (json!("email"), none.clone(), 2, None)]);
    assert_eq!(by("created_by").await, [(json!("demo-crm"), none.clone(), 2, None), (json!("sara"), none, 1, None)]);
    assert_agreed(&world, "by all of them").await;
}

#[tokio::test]
async fn a_late_payment_changes_a_day_that_was_kept_for_good() {
    let world = FaultyWorld::start(3600).await;
    let expires_at = (world.now() + DAY).to_string();
    let body = json!({ "account_id": "late-euro", "contact_id": "c-1042", "amount": 5_000, "expires_at": expires_at });
    let page = world.go_to_gateway(&world.make_link(&body, "late").await).await;
    // The customer pays, and nobody hears of it.
    world.choose(&page, "paid_silent").await;
    let session = page.rsplit('/').next().unwrap();
    link(&world, "main", 11_000, "never").await;
    let day = today(&world);
    let of_day = format!("from={day}&to={day}");
    world.turn_time(3 * DAY);
    world.proxy.decide(|_, call| (call.service == "stripe").then_some(Fault::Refuse));
    world.sweep().await.unwrap().unwrap();
    world.proxy.record();
    world.bring_stream().await;
    // It is read twice, so that it is kept for good.
    let expired = |told: &Value| told["groups"][0]["links"]["expired"].clone();
    for _ in 0..3 {
        let told = told(&world, &of_day).await;
        assert_eq!((sum_in("EUR", &expired(&told)), rial(&expired(&told))), ((1, 5_000), (1, 11_000)));
        world.turn_time(11 * MINUTE);
    }
    assert_agreed(&world, "before").await;
    world.webhook(GatewayKind::Stripe, session, "checkout.session.completed").await.unwrap();
    world.bring_stream().await;
    for _ in 0..3 {
        let told = told(&world, &of_day).await;
        assert_eq!(sum_in("EUR", &told["groups"][0]["links"]["paid"]), (1, 5_000));
        assert_eq!((sum_in("EUR", &expired(&told)), rial(&expired(&told))), ((0, 0), (1, 11_000)));
        assert_agreed(&world, "after").await;
        world.turn_time(11 * MINUTE);
    }
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn what_is_kept_is_right_while_days_pass_and_links_end_in_any_order() {
    let world = FaultyWorld::start(3600).await;
    let mut open = Vec::new();
    for number in 0..12_usize {
        let account = ["main", "zibal", "late-main", "saman"][number % 4];
        open.push(link(&world, account, 11_000 + i64::try_from(number).unwrap(), &number.to_string()).await);
        match number % 3 {
            0 => pay(&world, &open.remove(0)).await,
            1 => drop(world.cancel(&open[0], true).await),
            _ => drop(world.visit(open.last().unwrap()).await),
        }
        world.bring_stream().await;
        assert_agreed(&world, &format!("after step {number}")).await;
        world.turn_time(7 * 60 * MINUTE);
        world.sweep().await.unwrap().unwrap();
        world.bring_stream().await;
        assert_agreed(&world, &format!("before step {number}")).await;
    }
    world.live_out().await;
    for when in ["in the end", "and again", "and for good"] {
        assert_agreed(&world, when).await;
        world.turn_time(11 * MINUTE);
    }
}

#[tokio::test]
async fn days_are_those_of_the_zone_that_the_settings_have_now() {
    let world = FaultyWorld::start(1).await;
    pay(&world, &link(&world, "main", 70_000, "one").await).await;
    world.turn_time(6 * 60 * MINUTE);
    link(&world, "main", 15_000, "other").await;
    world.turn_time(3 * DAY);
    world.sweep().await.unwrap().unwrap();
    world.bring_stream().await;
    for zone in ["Asia/Tehran", "Pacific/Kiritimati", "America/Los_Angeles", "Asia/Tehran"] {
        let settings = json!({ "business_name": "Demo", "time_zone": zone, "default_locale": "fa" });
        let written = world.crm_as(API_KEY, Method::PUT, "/v1/settings", &settings, &[]).await.unwrap();
        assert_eq!(written.status, StatusCode::OK, "{}", written.text);
        for _ in 0..2 {
            assert_agreed(&world, zone).await;
            world.turn_time(11 * MINUTE);
        }
    }
}

#[tokio::test]
async fn a_range_has_a_group_for_each_of_its_periods_in_the_calendar_that_was_asked_for() {
    let world = FaultyWorld::start(1).await;
    let keys = async |query: &str| {
        let told = told(&world, query).await;
        let groups = told["groups"].as_array().unwrap();
        groups.iter().map(|group| group["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let from = "from=2026-10-20&to=2026-12-01";
    assert_eq!(keys(&format!("{from}&group_by=month")).await, ["1405-07", "1405-08", "1405-09"]);
    assert_eq!(keys(&format!("{from}&group_by=month&calendar=gregorian")).await, ["2026-10", "2026-11", "2026-12"]);
    assert_eq!(keys("from=1405-08-29&to=1405-09-02&calendar=persian").await.len(), 4, "Aban has thirty days");
    let weeks = keys("from=2026-11-27&to=2026-12-05&group_by=week&calendar=gregorian").await;
    assert_eq!(weeks, ["2026-11-21", "2026-11-28", "2026-12-05"]);
    let settings = json!({ "business_name": "Demo", "time_zone": "Asia/Tehran", "calendar": "gregorian",
                           "fiscal_year_starts": "04-01", "first_day_of_week": "sunday" });
    world.crm(Method::PUT, "/v1/settings", &settings, &[]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let told = told(&world, "from=2026-03-01&to=2026-12-01&group_by=year").await;
    let year = |group: &Value| {
        let text = |name: &str| group[name].as_str().unwrap().to_owned();
        [text("key"), text("name"), text("from"), text("to")]
    };
    let years: Vec<_> = told["groups"].as_array().unwrap().iter().map(year).collect();
    assert_eq!(
        years,
        [
            ["2025-04-01", "2025/2026", "2026-03-01", "2026-03-31"],
            ["2026-04-01", "2026/2027", "2026-04-01", "2026-12-01"]
        ]
    );
    assert_eq!(keys("from=2026-11-27&to=2026-11-29&group_by=week").await, ["2026-11-22", "2026-11-29"]);
}

#[tokio::test]
async fn what_is_due_is_aged_by_days() {
    let world = FaultyWorld::start(3600).await;
    for (number, days) in [-1_i64, 0, 1, 30, 31, 60, 61, 90, 91, 400].into_iter().enumerate() {
        let today: jiff::civil::Date = today(&world).parse().unwrap();
        let due = today.checked_sub(jiff::Span::new().days(days)).unwrap();
        let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 20_000 + days,
                           "due_at": due.to_string() });
        world.make_link(&body, &number.to_string()).await;
    }
    world.make_link(&json!({ "account_id": "main", "contact_id": "c-1042", "amount": 10_007 }), "no-date").await;
    let aging = told(&world, "").await["aging"].clone();
    assert_eq!(rial(&aging["not_yet_due"]), (3, 19_999 + 20_000 + 10_007));
    assert_eq!(rial(&aging["days_1_to_30"]), (2, 20_001 + 20_030));
    assert_eq!(rial(&aging["days_31_to_60"]), (2, 20_031 + 20_060));
    assert_eq!(rial(&aging["days_61_to_90"]), (2, 20_061 + 20_090));
    assert_eq!(rial(&aging["days_over_90"]), (2, 20_091 + 20_400));
}

#[tokio::test]
async fn what_is_due_of_dated_parts_is_aged_by_the_date_of_each() {
    let world = FaultyWorld::start(3600).await;
    let today: jiff::civil::Date = today(&world).parse().unwrap();
    let part = |amount: i64, days: i64| json!({ "amount": amount, "due_at": today.checked_add(jiff::Span::new().days(days)).unwrap().to_string() });
    let parts = json!([part(300_000, 1), part(200_000, 3), part(400_000, 40), part(100_000, 41)]);
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_000_000,
                       "payment_plan": { "parts": parts } });
    let link = world.make_link(&body, "parts").await;
    let ages = ["not_yet_due", "days_1_to_30", "days_31_to_60", "days_61_to_90", "days_over_90"];
    let aging = async || {
        let told = told(&world, "").await["aging"].clone();
        ages.map(|age| rial(&told[age]))
    };
    assert_eq!(aging().await, [(1, 1_000_000), (0, 0), (0, 0), (0, 0), (0, 0)]);
    world.turn_time(10 * DAY);
    assert_eq!(aging().await, [(1, 500_000), (1, 500_000), (0, 0), (0, 0), (0, 0)]);
    let paid = json!({ "received_by": "cash", "amount": 350_000 });
    let path = format!("/v1/payment-links/{}/payments", link.id);
    let reply = world.crm(Method::POST, &path, &paid, &[("idempotency-key", "cash")]).await.unwrap();
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    assert_eq!(aging().await, [(1, 500_000), (1, 150_000), (0, 0), (0, 0), (0, 0)]);
    world.turn_time(25 * DAY);
    assert_eq!(aging().await, [(1, 500_000), (0, 0), (1, 150_000), (0, 0), (0, 0)]);
    assert_agreed(&world, "a part is overdue").await;
}

#[tokio::test]
async fn a_range_that_cannot_be_is_refused_by_its_parameter() {
    let world = FaultyWorld::start(3600).await;
    for (query, code, name) in [
        ("from=2026-12-02&to=2026-12-01", "out_of_range", "to"),
        ("from=2023-12-01&to=2026-12-01", "out_of_range", "to"),
        ("from=1405-09-01", "persian_calendar_date", "from"),
        ("from=1405-09-01&calendar=gregorian", "persian_calendar_date", "from"),
        ("from=1405-13-01&calendar=persian", "invalid_date", "from"),
        ("to=2026-12-01T00:00:00Z", "invalid_date", "to"),
        ("group_by=hour", "unknown_choice", "group_by"),
        ("calendar=lunar", "unknown_choice", "calendar"),
        ("mode=dead", "unknown_mode", "mode"),
        ("limit=1", "unknown_parameter", "limit"),
    ] {
        let reply = world.crm(Method::GET, &format!("/v1/totals?{query}"), &Value::Null, &[]).await.unwrap();
        assert_eq!((reply.status, reply.json()["code"].as_str()), (StatusCode::BAD_REQUEST, Some(code)), "{query}");
        assert!(reply.json()["detail"].as_str().unwrap().starts_with(name), "{query}: {}", reply.text);
    }
    let three_years =
        world.crm(Method::GET, "/v1/totals?from=2023-12-02&to=2026-12-01", &Value::Null, &[]).await.unwrap();
    assert_eq!(three_years.status, StatusCode::OK);
}

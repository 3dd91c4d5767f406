//! Books that were closed: whatever is written down afterwards, what they said stays as it is.

use std::time::Duration;

use domain::Timestamp;
use domain::gateway::GatewayKind;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use paylink_local::seed::{DEMO, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Reply;
use tests::fault_proxy::Call;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;
use tests::totals::{GROUPINGS, ask, disagreements};

use super::money::{link_on, session_of};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A world at noon of the second day of its business, so that no step comes near a midnight. What the functions read of
/// settings they remember for an hour.
async fn world_at_noon() -> FaultyWorld {
    let world = FaultyWorld::start(3600).await;
    let noon = tehran().to_timestamp(day_of(&world).at(12, 0, 0, 0)).unwrap() + DAY;
    world.turn_time(Duration::try_from(noon.duration_since(world.now())).unwrap());
    world
}

fn tehran() -> TimeZone {
    domain::calendar::parse_time_zone("Asia/Tehran").unwrap()
}

/// The day that it is in Tehran, where the demo business is.
fn day_of(world: &FaultyWorld) -> Date {
    tehran().to_datetime(world.now()).date()
}

async fn change(world: &FaultyWorld, settings: Value) -> Reply {
    world.crm(Method::PATCH, "/v1/settings", &settings, &[]).await.unwrap()
}

async fn close_until(world: &FaultyWorld, day: Option<Date>) {
    let reply = change(world, json!({ "books_closed_until": day })).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(reply.json().get("books_closed_until"), day.map(|day| json!(day)).as_ref());
}

/// What the books have of a day: the group of the day, to the byte.
async fn books_of(world: &FaultyWorld, day: Date) -> String {
    let told = ask(world, DEMO, &format!("mode=sandbox&group_by=day&from={day}&to={day}")).await.unwrap();
    told["groups"].to_string()
}

/// How many payments, and how many refunds, the books have of a day.
async fn counted_on(world: &FaultyWorld, day: Date) -> (u64, u64) {
    let groups: Value = serde_json::from_str(&books_of(world, day).await).unwrap();
    let sum = |what: &str| {
        let amounts = groups[0]["received"][what].as_array().unwrap();
        amounts.iter().map(|one| one["count"].as_u64().unwrap()).sum()
    };
    (sum("gross"), sum("refunded"))
}

/// The receipt of a link's payment.
async fn receipt_of(world: &FaultyWorld, link: &Made) -> Value {
    let read = world.read(link).await;
    let id = read["receipts"][0].as_str().unwrap_or_else(|| panic!("no receipt: {read}"));
    world.get(&format!("/v1/receipts/{id}")).await
}

/// Notes that a part of a payment went back by other means at an instant, and answers the receipt of that.
async fn note_refund(world: &FaultyWorld, receipt: &Value, went_at: Timestamp, reference: &str) -> Value {
    let body = json!({ "amount": 100, "outside": { "reference": reference, "refunded_at": went_at.to_string() } });
    let path = format!("/v1/receipts/{}/refunds", receipt["id"].as_str().unwrap());
    let noted = world.crm(Method::POST, &path, &body, &[("idempotency-key", reference)]).await.unwrap();
    assert_eq!(noted.status, StatusCode::CREATED, "{}", noted.text);
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    let refund = world.get(&format!("/v1/refunds/{}", noted.json()["id"].as_str().unwrap())).await;
    assert_eq!(instant(&refund["refunded_at"]).as_millisecond(), went_at.as_millisecond(), "{refund}");
    world.get(&format!("/v1/receipts/{}", refund["refund_receipt_id"].as_str().unwrap())).await
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("no instant: {value}")).parse().unwrap()
}

async fn assert_totals_agree(world: &FaultyWorld, when: &str) {
    let wrong = disagreements(world, &world.evidence().await, DEMO, &GROUPINGS).await;
    assert!(wrong.is_empty(), "{when}: {wrong:#?}");
}

#[tokio::test]
async fn a_closed_day_stays_as_it_was_reported_whatever_is_written_down_later() {
    let world = world_at_noon().await;
    let mut links = Vec::new();
    for name in ["at-once", "return", "webhook", "sweep", "accepted"] {
        links.push(link_on(&world, "euro", name).await);
    }
    world.turn_time(DAY);
    let closed = day_of(&world);
    world.pay(&links[0], "paid_no_webhook").await;
    let mut pages = Vec::new();
    for (link, outcome) in links.iter().skip(1).zip(["paid_silent", "paid_silent", "paid_silent", "paid_less"]) {
        let page = world.go_to_gateway(link).await;
        // Nobody hears of these payments, but for one that a person has to look at.
        let back = world.choose(&page, outcome).await;
        if outcome == "paid_less" {
            world.open(&back.unwrap()).await.unwrap();
        }
        pages.push(page);
    }
    let paid_at = world.now();
    world.turn_time(3 * DAY);
    for _ in 0..3 {
        books_of(&world, closed).await;
        world.turn_time(11 * MINUTE);
    }
    let reported = books_of(&world, closed).await;
    assert_eq!(counted_on(&world, closed).await, (1, 0));
    close_until(&world, Some(closed)).await;

    let stored = world.stored(&links[1]).await;
    let attempt = &stored.attempts()[0];
    let back = format!("/gateways/stripe/return/{}/{}", links[1].id, attempt.key.expose());
    world.open(&back).await.unwrap();
    world.webhook(GatewayKind::Stripe, session_of(&pages[1]), "checkout.session.completed").await.unwrap();
    assert_eq!(world.resolve(&links[4], "keep", "keep").await.unwrap().status, StatusCode::OK);
    world.sweep().await.unwrap().unwrap();
    let payment = receipt_of(&world, &links[0]).await;
    let refund = note_refund(&world, &payment, paid_at + HOUR, "T-1").await;
    world.bring_stream().await;

    let first_open = closed.tomorrow().unwrap();
    let midnight = tehran().to_timestamp(first_open.at(0, 0, 0, 0)).unwrap();
    let mut receipts = vec![payment.clone(), refund.clone()];
    for (link, name) in links.iter().skip(1).zip(["return", "webhook", "sweep", "accepted"]) {
        let receipt = receipt_of(&world, link).await;
        assert_eq!(instant(&receipt["booked_at"]), midnight, "{name}: {receipt}");
        let told = tehran().to_datetime(instant(&receipt["gateway_paid_at"])).date();
        assert_eq!(told, closed, "{name} shows when it was paid: {receipt}");
        assert!(instant(&receipt["registered_at"]) > midnight + 2 * DAY, "{name}: {receipt}");
        receipts.push(receipt);
    }
    assert_eq!(instant(&refund["booked_at"]), midnight, "{refund}");
    assert_eq!(instant(&refund["gateway_paid_at"]).as_second(), (paid_at + HOUR).as_second(), "{refund}");
    assert_eq!(payment["booked_at"], payment["gateway_paid_at"], "{payment}");
    for _ in 0..3 {
        let now: Value = serde_json::from_str(&books_of(&world, closed).await).unwrap();
        let then: Value = serde_json::from_str(&reported).unwrap();
        assert_eq!(now[0]["received"].to_string(), then[0]["received"].to_string());
        assert_eq!(counted_on(&world, first_open).await, (4, 1));
        assert_totals_agree(&world, "closed").await;
        world.turn_time(11 * MINUTE);
    }
    assert_eq!(books_of(&world, closed).await, reported, "no link was made on that day");

    // Who opens the books again moves nothing that is written, and what comes then has its own time.
    close_until(&world, None).await;
    let open = note_refund(&world, &payment, paid_at + HOUR, "T-2").await;
    assert_eq!(open["booked_at"], open["gateway_paid_at"], "{open}");
    assert_eq!((counted_on(&world, closed).await, counted_on(&world, first_open).await), ((1, 1), (4, 1)));
    close_until(&world, Some(day_of(&world).yesterday().unwrap())).await;
    for receipt in &receipts {
        let now = world.get(&format!("/v1/receipts/{}", receipt["id"].as_str().unwrap())).await;
        assert_eq!(now["booked_at"], receipt["booked_at"], "{now}");
    }
    assert_totals_agree(&world, "in the end").await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn only_what_is_written_down_later_than_it_was_paid_asks_whether_books_are_closed() {
    let world = world_at_noon().await;
    let reads = |call: &&Call| call.function == "gateway-webhook" && call.operation == "GetItem";
    let mut read = Vec::new();
    for (name, later) in [("warm", 0), ("at-once", 0), ("in-a-minute", 1), ("in-a-quarter", 15)] {
        let link = link_on(&world, "euro", name).await;
        let page = world.go_to_gateway(&link).await;
        let back = world.choose(&page, "paid_no_webhook").await.unwrap();
        world.turn_time(later * MINUTE);
        world.proxy.record();
        world.open(&back).await.unwrap();
        read.push(world.proxy.calls().iter().filter(reads).count());
        let receipt = receipt_of(&world, &link).await;
        assert_eq!(receipt["booked_at"], receipt["gateway_paid_at"], "{receipt}");
    }
    assert_eq!((read[2], read[3]), (read[1], read[1] + 1), "{read:?}");
}

#[tokio::test]
async fn only_days_that_are_over_are_closed_and_the_log_says_who_closed_and_opened_them() {
    let world = world_at_noon().await;
    let today = day_of(&world);
    let problems = async |settings: Value| {
        let reply = change(&world, settings).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text);
        reply.problems()
    };
    let at_field = |code: &str| vec![("/books_closed_until".to_owned(), code.to_owned())];
    for (day, code) in [
        (json!(today), "day_not_over"),
        (json!(today.checked_add(400.days()).unwrap()), "day_not_over"),
        (json!("1405-08-30"), "persian_calendar_date"),
        (json!("2026-10"), "invalid_date"),
        (json!("2026-10-31T00:00:00Z"), "invalid_date"),
    ] {
        assert_eq!(problems(json!({ "books_closed_until": day })).await, at_field(code), "{day}");
    }
    // The zone of the same request counts: at noon in Tehran the day before is not over everywhere, and the next has begun.
    let yesterday = today.yesterday().unwrap();
    close_until(&world, Some(yesterday)).await;
    world.turn_time(13 * HOUR);
    close_until(&world, Some(today)).await;
    assert_eq!(problems(json!({ "time_zone": "America/Los_Angeles" })).await, at_field("day_not_over"));
    let moved = json!({ "time_zone": "America/Los_Angeles", "books_closed_until": yesterday });
    assert_eq!(change(&world, moved).await.status, StatusCode::OK);
    let both = problems(json!({ "time_zone": "Mars/Olympus", "books_closed_until": today })).await;
    assert_eq!(both, [("/time_zone".to_owned(), "unknown_time_zone".to_owned())], "no day is judged by no zone");

    let settings = world.get("/v1/settings").await;
    assert_eq!(settings["books_closed_until"], json!(yesterday));
    let whole = json!({ "business_name": "Demo", "time_zone": "Asia/Tehran", "books_closed_until": yesterday });
    let put = world.crm(Method::PUT, "/v1/settings", &whole, &[]).await.unwrap();
    assert_eq!((put.status, &put.json()["books_closed_until"]), (StatusCode::OK, &json!(yesterday)), "{}", put.text);
    let open = json!({ "business_name": "Demo", "time_zone": "Asia/Tehran" });
    let put = world.crm(Method::PUT, "/v1/settings", &open, &[]).await.unwrap();
    assert_eq!(put.json().get("books_closed_until"), None, "what a PUT leaves out has its default again");
    let log = world.get("/v1/audit-log?limit=100").await;
    let changes: Vec<(Value, Value)> = log["data"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|entry| entry["changes"].as_array().unwrap())
        .filter(|change| change["field"] == "/books_closed_until")
        .map(|change| (change["from"].clone(), change["to"].clone()))
        .collect();
    let none = Value::Null;
    let expected = [
        (json!(yesterday), none.clone()),
        (json!(today), json!(yesterday)),
        (json!(yesterday), json!(today)),
        (none, json!(yesterday)),
    ];
    assert_eq!(changes, expected, "{log}");

    let defaults = json!({ "books_closed_until": yesterday });
    let refused = world.crm_as(PLATFORM_KEY, Method::PUT, "/v1/platform-defaults", &defaults, &[]).await.unwrap();
    assert_eq!(refused.problems(), at_field("unknown_field"), "the books of one business are not those of another");
}

//! Closing the books: what we have of an account's days, held against the gateway's own list or one that somebody sends.

use std::time::Duration;

use domain::Timestamp;
use domain::gateway::GatewayKind;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use paylink_local::seed::{API_KEY, BAZAAR_KEY, DEMO, LINE_KEY, PLATFORM_KEY, STRIPE_WEBHOOK_SECRET};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{ApiKey, KeyHolder, Scope};
use tests::Reply;
use tests::fault_proxy::{Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::totals::ask as totals;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn tehran() -> TimeZone {
    domain::calendar::parse_time_zone("Asia/Tehran").unwrap()
}

fn day_of(world: &FaultyWorld) -> Date {
    tehran().to_datetime(world.now()).date()
}

/// A world at this time of the second day of its business.
async fn world_at(hour: i8, minute: i8) -> FaultyWorld {
    let world = FaultyWorld::start(3600).await;
    let then = tehran().to_timestamp(day_of(&world).at(hour, minute, 0, 0)).unwrap() + DAY;
    world.turn_time(Duration::try_from(then.duration_since(world.now())).unwrap());
    world
}

async fn link(world: &FaultyWorld, account: &str, amount: i64, key: &str) -> Made {
    let body = json!({ "account_id": account, "contact_id": "c-1042", "amount": amount, "expires_in_days": 7 });
    world.make_link(&body, key).await
}

/// A link that is paid now, and the receipt of that.
async fn paid(world: &FaultyWorld, account: &str, amount: i64, key: &str) -> (Made, Value) {
    let link = link(world, account, amount, key).await;
    world.pay(&link, "paid").await;
    let receipt = receipt_of(world, &link).await;
    (link, receipt)
}

async fn receipt_of(world: &FaultyWorld, link: &Made) -> Value {
    let read = world.get(&format!("/v1/payment-links/{}", link.id)).await;
    let id = read["receipts"][0].as_str().unwrap_or_else(|| panic!("no receipt: {read}"));
    world.get(&format!("/v1/receipts/{id}")).await
}

/// A part of a payment goes back by its gateway, until a receipt says so.
async fn refund(world: &FaultyWorld, receipt: &Value, amount: i64, key: &str) -> Value {
    let path = format!("/v1/receipts/{}/refunds", receipt["id"].as_str().unwrap());
    let begun = world.crm(Method::POST, &path, &json!({ "amount": amount }), &[("idempotency-key", key)]).await;
    let begun = begun.unwrap();
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    let refund = world.get(&format!("/v1/refunds/{}", begun.json()["id"].as_str().unwrap())).await;
    let id = refund["refund_receipt_id"].as_str().unwrap_or_else(|| panic!("it did not go back: {refund}"));
    world.get(&format!("/v1/receipts/{id}")).await
}

fn address(account: &str, from: Date, to: Date) -> String {
    format!("/v1/reconciliation?account_id={account}&from={from}&to={to}")
}

async fn send(world: &FaultyWorld, account: &str, (from, to): (Date, Date), list: &str) -> Reply {
    world.crm(Method::POST, &address(account, from, to), &json!(list), &[]).await.unwrap()
}

/// What holding today's books against this list says.
async fn held(world: &FaultyWorld, account: &str, list: &str) -> Value {
    let today = day_of(world);
    held_on(world, account, today, list).await
}

async fn held_on(world: &FaultyWorld, account: &str, day: Date, list: &str) -> Value {
    let reply = send(world, account, (day, day), list).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    reply.json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn reference(receipt: &Value) -> &str {
    text(&receipt["gateway_reference"])
}

/// A line of a list for each receipt, with its amount times a factor.
fn lines(receipts: &[&Value]) -> String {
    let mut list = "time,reference,amount_rial\n".to_owned();
    for receipt in receipts {
        let sign = if receipt["kind"] == "refund" { "-" } else { "" };
        list += &format!("{},{},{sign}{}\n", text(&receipt["booked_at"]), reference(receipt), receipt["amount"]);
    }
    list
}

/// Count and amount of a sum.
fn sum(value: &Value) -> (u64, i64) {
    (value["count"].as_u64().unwrap(), value["amount"].as_i64().unwrap())
}

/// How many entries each list has: those that differ, that are of another day, only ours, only theirs, not compared.
fn counts(told: &Value) -> [usize; 5] {
    ["differing", "on_another_day", "only_ours", "only_theirs", "not_compared"]
        .map(|name| told[name].as_array().unwrap().len())
}

fn one<'a>(told: &'a Value, list: &str) -> &'a Value {
    let [one] = told[list].as_array().unwrap().as_slice() else { panic!("{list} of {told}") };
    one
}

#[tokio::test]
async fn a_list_that_has_what_books_have_agrees_and_the_sums_are_those_of_the_totals() {
    let world = world_at(12, 0).await;
    let (_, first) = paid(&world, "main", 70_000, "first").await;
    let (_, second) = paid(&world, "main", 50_000, "second").await;
    let (_, elsewhere) = paid(&world, "zibal", 30_000, "elsewhere").await;
    let back = refund(&world, &first, 70_000, "back").await;
    let told = held(&world, "main", &lines(&[&first, &second, &back])).await;
    assert_eq!((&told["agrees"], counts(&told)), (&json!(true), [0; 5]), "{told}");
    assert_eq!((&told["source"], &told["currency"], &told["mode"]), (&json!("sent"), &json!("IRR"), &json!("sandbox")));
    for side in ["ours", "theirs", "matched"] {
        assert_eq!(sum(&told[side]["payments"]), (2, 120_000), "{side} of {told}");
        assert_eq!(
            (sum(&told[side]["refunds"]), &told[side]["net"]),
            ((1, 70_000), &json!(50_000)),
            "{side} of {told}"
        );
    }
    let today = day_of(&world);
    let query = format!("mode=sandbox&group_by=account&from={today}&to={today}");
    let totals = totals(&world, DEMO, &query).await.unwrap();
    let main = totals["groups"].as_array().unwrap().iter().find(|group| group["key"] == "main").unwrap();
    assert_eq!(sum(&main["received"]["gross"][0]), sum(&told["ours"]["payments"]));
    assert_eq!(sum(&main["received"]["refunded"][0]), sum(&told["ours"]["refunds"]));
    // In Toman, with a semicolon, in the calendar and the digits of the business, among columns that say nothing here.
    let list = format!(
        "\u{feff}کارت;Amount_Toman;Reference;Time\r\n6037;3,000;{};{}\r\n",
        reference(&elsewhere).replace('1', "۱").replace('7', "۷"),
        domain::calendar::written_date(domain::language::Calendar::Persian, today).replace('-', "/") + " ۱۲:۰۵",
    );
    let told = held(&world, "zibal", &list).await;
    assert_eq!((&told["agrees"], sum(&told["matched"]["payments"])), (&json!(true), (1, 30_000)), "{told}");
}

#[tokio::test]
async fn both_sides_name_what_only_they_have_and_what_differs() {
    let world = world_at(12, 0).await;
    let (link, differs) = paid(&world, "main", 70_000, "differs").await;
    let (_, alone) = paid(&world, "main", 50_000, "alone").await;
    let (_, given_back) = paid(&world, "main", 20_000, "given-back").await;
    let mut list = lines(&[&differs, &given_back]).replace("70000", "60000");
    // Somebody sent it back in the panel, and somebody paid what no link asked for.
    let now = world.now();
    list += &format!("{now},{},-20000\n{now},999999999,10000\n", reference(&given_back));
    let told = held(&world, "main", &list).await;
    assert_eq!((&told["agrees"], counts(&told)), (&json!(false), [1, 0, 1, 2, 0]), "{told}");
    let pair = one(&told, "differing");
    assert_eq!(pair["differs"], json!(["amount"]));
    assert_eq!((&pair["ours"]["amount"], &pair["theirs"]["amount"]), (&json!(70_000), &json!(60_000)));
    assert_eq!((&pair["ours"]["payment_link_id"], &pair["theirs"]["line"]), (&json!(link.id), &json!(2)));
    assert_eq!(one(&told, "only_ours")["receipt_id"], alone["id"]);
    let theirs: Vec<(&str, &Value, &Value)> = told["only_theirs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["kind"]), &one["reference"], &one["line"]))
        .collect();
    assert!(theirs.contains(&("refund", &given_back["gateway_reference"], &json!(4))), "{told}");
    assert!(theirs.contains(&("payment", &json!("999999999"), &json!(5))), "{told}");
    assert_eq!((sum(&told["matched"]["payments"]), &told["ours"]["net"]), ((1, 20_000), &json!(140_000)));
    assert_eq!(told["theirs"]["net"], json!(70_000));
}

#[tokio::test]
async fn a_day_with_nothing_agrees_with_a_list_of_nothing() {
    let world = world_at(12, 0).await;
    let told = held(&world, "main", "reference,time,amount_toman\n").await;
    assert_eq!((&told["agrees"], counts(&told), &told["ours"]["net"]), (&json!(true), [0; 5], &json!(0)), "{told}");
}

#[tokio::test]
async fn what_is_dated_on_the_other_side_of_midnight_is_missing_on_neither_day() {
    let world = world_at(23, 59).await;
    let (_, receipt) = paid(&world, "main", 70_000, "late").await;
    let day = day_of(&world);
    let next = day.tomorrow().unwrap();
    world.turn_time(HOUR);
    let later = (text(&receipt["booked_at"]).parse::<Timestamp>().unwrap() + 3 * MINUTE).to_string();
    let list = format!("reference,time,amount_rial\n{},{later},70000\n", reference(&receipt));
    for (day, ours, theirs) in [(day, (1, 70_000), (0, 0)), (next, (0, 0), (1, 70_000))] {
        let told = held_on(&world, "main", day, &list).await;
        assert_eq!((&told["agrees"], counts(&told)), (&json!(true), [0, 1, 0, 0, 0]), "{told}");
        assert_eq!((sum(&told["ours"]["payments"]), sum(&told["theirs"]["payments"])), (ours, theirs), "{told}");
        assert_eq!(one(&told, "on_another_day")["ours"]["receipt_id"], receipt["id"]);
    }
    let both = send(&world, "main", (day, next), &list).await.json();
    assert_eq!((counts(&both), sum(&both["matched"]["payments"])), ([0; 5], (1, 70_000)), "{both}");
}

#[tokio::test]
async fn what_books_have_much_later_because_they_were_closed_is_found_and_said_to_be_of_another_day() {
    let world = world_at(12, 0).await;
    let (_, receipt) = paid(&world, "euro", 1_999, "euro").await;
    let day = day_of(&world);
    let went_at = world.now();
    world.turn_time(40 * DAY);
    let yesterday = day_of(&world).yesterday().unwrap();
    let closed = json!({ "books_closed_until": yesterday });
    assert_eq!(world.crm(Method::PATCH, "/v1/settings", &closed, &[]).await.unwrap().status, StatusCode::OK);
    let body = json!({ "amount": 500, "outside": { "reference": "BANK-7", "refunded_at": went_at.to_string() } });
    let path = format!("/v1/receipts/{}/refunds", text(&receipt["id"]));
    let noted = world.crm(Method::POST, &path, &body, &[("idempotency-key", "noted")]).await.unwrap();
    assert_eq!(noted.status, StatusCode::CREATED, "{}", noted.text);
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    world.bring_stream().await;
    let list = format!("reference,time,amount_eur\nBANK-7,{went_at},-5.00\n{},{went_at},19.99\n", reference(&receipt));
    let told = held_on(&world, "euro", day, &list).await;
    assert_eq!((&told["agrees"], counts(&told)), (&json!(true), [0, 1, 0, 0, 0]), "{told}");
    let moved = one(&told, "on_another_day");
    let booked: Timestamp = text(&moved["ours"]["booked_at"]).parse().unwrap();
    assert!(booked > went_at + 39 * DAY, "{moved}");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_refused_at_each_line_and_column() {
    let world = world_at(12, 0).await;
    let today = day_of(&world);
    let problems = async |list: &str| {
        let reply = send(&world, "main", (today, today), list).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text);
        reply.problems()
    };
    let at = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    assert_eq!(problems("reference,time,amount\n1,2026-12-01,5\n").await, [at("/1/amount", "unit_missing")]);
    assert_eq!(
        problems("reference,time,amount_rial\n1,2026-12-01,5.5\n,soon,5\n").await,
        [at("/2/amount_rial", "invalid_amount"), at("/3/reference", "required"), at("/3/time", "invalid_instant")]
    );
    assert_eq!(problems("").await, [at("", "malformed_csv")]);
    let line = "1,2026-12-01,5\n";
    let many = format!("reference,time,amount_rial\n{}", line.repeat(5_001));
    assert_eq!(problems(&many).await, [at("", "too_many")]);
    let large = format!("reference,time,amount_rial\n{}", line.repeat(40_000));
    let reply = send(&world, "main", (today, today), &large).await;
    assert_eq!((reply.status, &reply.json()["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_large")));
    let address = address("main", today, today);
    let json = world.crm(Method::POST, &address, &json!({}), &[]).await.unwrap();
    assert_eq!(
        (json.status, &json.json()["code"]),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!("unsupported_media_type"))
    );
    let headers =
        [("authorization", &*format!("Bearer {API_KEY}")), ("content-type", "text/csv; charset=windows-1256")];
    let other = world.ask(Method::POST, &address, &headers, Some(line)).await.unwrap();
    assert_eq!(other.json()["code"], "unsupported_encoding");
}

#[tokio::test]
async fn an_account_and_at_most_a_month_is_asked_for() {
    let world = world_at(12, 0).await;
    let list = json!("reference,time,amount_rial\n");
    let refused = async |query: &str| {
        let reply = world.crm(Method::POST, &format!("/v1/reconciliation?{query}"), &list, &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text);
        let errors = reply.json()["errors"].clone();
        let told = |one: &Value| format!("{} {}", text(&one["parameter"]), text(&one["code"]));
        errors.as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(refused("day=1").await, ["day unknown_parameter", "account_id required"]);
    assert_eq!(refused("account_id=main&from=2026-11-01&to=2026-12-02").await, ["to out_of_range"]);
    assert_eq!(refused("account_id=main&from=2026-11-02&to=2026-11-01").await, ["to out_of_range"]);
    assert_eq!(refused("account_id=main&from=x").await, ["from invalid_date"]);
    for (query, from, to) in [
        ("from=2026-11-01&to=2026-12-01", "2026-11-01", "2026-12-01"),
        ("from=1405-09-01&to=1405-09-30&calendar=persian", "2026-11-22", "2026-12-21"),
        // From the first of the month of the business's own calendar.
        ("to=2026-12-01", "2026-11-22", "2026-12-01"),
    ] {
        let address = format!("/v1/reconciliation?account_id=main&{query}");
        let told = world.crm(Method::POST, &address, &list, &[]).await.unwrap().json();
        assert_eq!((&told["from"], &told["to"]), (&json!(from), &json!(to)), "{query}: {told}");
    }
}

#[tokio::test]
async fn nobody_sees_the_books_of_another_business_or_without_the_right_to_read() {
    let world = world_at(12, 0).await;
    let (_, receipt) = paid(&world, "euro", 1_999, "euro").await;
    world.bring_stream().await;
    let today = day_of(&world);
    let list = json!(format!("reference,time,amount_eur\n{},{},19.99\n", reference(&receipt), world.now()));
    let ask = async |key: &str, account: &str, more: &[(&str, &str)]| {
        world.crm_as(key, Method::POST, &address(account, today, today), &list, more).await.unwrap()
    };
    assert_eq!(ask(BAZAAR_KEY, "euro", &[]).await.status, StatusCode::NOT_FOUND, "they have no such account");
    let theirs = ask(BAZAAR_KEY, "main", &[]).await.json();
    assert_eq!((counts(&theirs), sum(&theirs["ours"]["payments"])), ([0, 0, 0, 1, 0], (0, 0)), "{theirs}");
    assert!(!theirs.to_string().contains(text(&receipt["id"])), "{theirs}");
    for account in ["euro", "main"] {
        let at_gateway =
            world.crm_as(BAZAAR_KEY, Method::GET, &address(account, today, today), &Value::Null, &[]).await;
        assert!(!at_gateway.unwrap().text.contains(reference(&receipt)), "they see {account}");
    }
    let by_line = world.crm_as(LINE_KEY, Method::GET, &address("euro", today, today), &Value::Null, &[]).await;
    assert_eq!(by_line.unwrap().json()["code"], "scope_missing");
    let refused = ask(LINE_KEY, "euro", &[]).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::FORBIDDEN, &json!("scope_missing")));
    assert_eq!(ask("plk_demo_nobody", "euro", &[]).await.status, StatusCode::UNAUTHORIZED);
    let platform = ask(PLATFORM_KEY, "euro", &[("paylink-business", DEMO)]).await;
    assert_eq!((platform.status, &platform.json()["agrees"]), (StatusCode::OK, &json!(true)), "{}", platform.text);
}

/// What holding these days against the gateway's own lists says.
async fn at_gateway(world: &FaultyWorld, account: &str, from: Date, to: Date) -> Value {
    world.get(&address(account, from, to)).await
}

async fn refused(world: &FaultyWorld, account: &str) -> (StatusCode, String) {
    let today = day_of(world);
    let reply = world.crm(Method::GET, &address(account, today, today), &Value::Null, &[]).await.unwrap();
    (reply.status, text(&reply.json()["code"]).to_owned())
}

async fn session_of(world: &FaultyWorld, link: &Made) -> String {
    world.stored(link).await.attempts()[0].session.clone()
}

const WITH_LISTS: [(&str, &str); 3] = [("stripe", "euro"), ("mollie", "mollie"), ("razorpay", "rupee")];

#[tokio::test]
async fn a_gateway_that_has_what_books_have_agrees_with_fees_and_refunds() {
    let world = world_at(12, 0).await;
    let today = day_of(&world);
    for (gateway, account) in WITH_LISTS {
        let nothing = at_gateway(&world, account, today, today).await;
        assert_eq!((&nothing["agrees"], &nothing["theirs"]["net"]), (&json!(true), &json!(0)), "{nothing}");
        let (_, first) = paid(&world, account, 50_000, &format!("{account}-1")).await;
        let (_, second) = paid(&world, account, 20_000, &format!("{account}-2")).await;
        link(&world, account, 30_000, &format!("{account}-3")).await;
        refund(&world, &first, 12_000, &format!("{account}-refund")).await;
        let told = at_gateway(&world, account, today, today).await;
        assert_eq!((&told["agrees"], counts(&told)), (&json!(true), [0; 5]), "{told}");
        assert_eq!((&told["source"], &told["gateway"]), (&json!("gateway"), &json!(gateway)));
        for side in ["ours", "theirs", "matched"] {
            assert_eq!(sum(&told[side]["payments"]), (2, 70_000), "{gateway}: {side} of {told}");
            assert_eq!(sum(&told[side]["refunds"]), (1, 12_000), "{gateway}: {side} of {told}");
        }
        assert_eq!(sum(&told["ours"]["fees"]), sum(&told["theirs"]["fees"]), "{told}");
        let has_fees = !second["fee"].is_null();
        assert_eq!(sum(&told["matched"]["fees"]).0, if has_fees { 2 } else { 0 }, "{told}");
        assert_eq!(has_fees, gateway != "mollie", "Mollie tells no fee of a payment");
        let tomorrow = today.tomorrow().unwrap();
        let next = at_gateway(&world, account, tomorrow, tomorrow).await;
        assert_eq!((&next["agrees"], &next["theirs"]["net"]), (&json!(true), &json!(0)), "{next}");
    }
}

#[tokio::test]
async fn what_somebody_gives_back_in_the_dashboard_is_only_theirs_and_known_by_its_payment() {
    let world = world_at(12, 0).await;
    let today = day_of(&world);
    for (gateway, account) in WITH_LISTS {
        let (link, receipt) = paid(&world, account, 50_000, account).await;
        let order = json!({ "amount": 7_000 });
        let what = format!("{}/dashboard_refund", session_of(&world, &link).await);
        assert!(world.order_at_gateway(gateway, &what, &order).await.is_success());
        let told = at_gateway(&world, account, today, today).await;
        assert_eq!((&told["agrees"], counts(&told)), (&json!(false), [0, 0, 0, 1, 0]), "{told}");
        let theirs = one(&told, "only_theirs");
        assert_eq!((&theirs["kind"], &theirs["amount"]), (&json!("refund"), &json!(7_000)), "{theirs}");
        assert_eq!(theirs["payment_reference"], receipt["gateway_reference"]);
        assert_eq!(theirs["known_as"]["payment_link_id"], json!(link.id), "{theirs}");
        assert_eq!(theirs["known_as"]["status"], "paid");
        let lacking = told["ours"]["net"].as_i64().unwrap() - told["theirs"]["net"].as_i64().unwrap();
        assert_eq!((lacking, sum(&told["matched"]["payments"])), (7_000, (1, 50_000)), "{told}");
        // Somebody notes it under the gateway's own number.
        let outside = json!({ "amount": 7_000, "outside": { "reference": theirs["reference"] } });
        let noted = world.refund(&link, &outside, "noted").await.unwrap();
        assert_eq!(noted.status, StatusCode::CREATED, "{}", noted.text);
        world.turn_time(MINUTE);
        world.sweep().await.unwrap().unwrap();
        let told = at_gateway(&world, account, today, today).await;
        assert_eq!((&told["agrees"], counts(&told)), (&json!(true), [0; 5]), "{told}");
        assert_eq!(sum(&told["matched"]["refunds"]), (1, 7_000), "{told}");
    }
}

#[tokio::test]
async fn what_people_write_down_and_void_keeps_no_day_from_agreeing() {
    let world = world_at(12, 0).await;
    let today = day_of(&world);
    for (_, account) in WITH_LISTS {
        paid(&world, account, 50_000, &format!("{account}-paid")).await;
        let cash = link(&world, account, 20_000, &format!("{account}-cash")).await;
        assert_eq!(world.record(&cash, "cash").await.unwrap().status, StatusCode::CREATED);
        let wrong = link(&world, account, 10_000, &format!("{account}-wrong")).await;
        assert_eq!(world.record(&wrong, "wrong").await.unwrap().status, StatusCode::CREATED);
        assert_eq!(world.void(&wrong, "void").await.unwrap().status, StatusCode::OK);
        let told = at_gateway(&world, account, today, today).await;
        assert_eq!(told["agrees"], true, "{told}");
        let apart = told["not_compared"].as_array().unwrap();
        let mut why: Vec<&str> = apart.iter().map(|one| text(&one["reason"])).collect();
        why.sort_unstable();
        assert_eq!(why, ["by_other_means", "void", "void"], "{told}");
        assert_eq!((sum(&told["ours"]["payments"]), sum(&told["ours"]["voided"])), ((3, 80_000), (1, -10_000)));
        assert_eq!((&told["ours"]["net"], &told["theirs"]["net"]), (&json!(70_000), &json!(50_000)), "{told}");
    }
    let list = "reference,time,amount_minor\n";
    let sent = held_on(&world, "euro", today.yesterday().unwrap(), list).await;
    assert_eq!(sent["agrees"], true, "{sent}");
}

#[tokio::test]
async fn money_that_no_link_keeps_is_theirs_and_says_whose_attempt_it_is() {
    let world = world_at(12, 0).await;
    let today = day_of(&world);
    let link = link(&world, "euro", 50_000, "less").await;
    world.pay(&link, "paid_less").await;
    let told = at_gateway(&world, "euro", today, today).await;
    assert_eq!(counts(&told), [0, 0, 0, 1, 0], "{told}");
    let known = &one(&told, "only_theirs")["known_as"];
    assert_eq!((&known["payment_link_id"], &known["status"]), (&json!(link.id), &json!("needs_review")), "{told}");
    assert_eq!(world.resolve(&link, "keep", "keep").await.unwrap().status, StatusCode::OK);
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    let told = at_gateway(&world, "euro", today, today).await;
    assert_eq!((&told["agrees"], sum(&told["matched"]["payments"]).0), (&json!(true), 1), "{told}");
}

#[tokio::test]
async fn what_only_books_have_is_named() {
    let world = world_at(12, 0).await;
    let (_, receipt) = paid(&world, "euro", 50_000, "kept").await;
    let today = day_of(&world);
    let credentials =
        json!({ "secret_key": "sk_test_anotherMerchantOfStripe", "webhook_secret": STRIPE_WEBHOOK_SECRET });
    let change = json!({ "online_payment": { "credentials": credentials } });
    let changed = world.crm(Method::PATCH, "/v1/accounts/euro", &change, &[]).await.unwrap();
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let told = at_gateway(&world, "euro", today, today).await;
    assert_eq!(counts(&told), [0, 0, 1, 0, 0], "{told}");
    assert_eq!(one(&told, "only_ours")["receipt_id"], receipt["id"]);
}

#[tokio::test]
async fn a_refund_that_a_bank_takes_days_over_is_missing_on_no_day() {
    let world = world_at(12, 0).await;
    let asked = day_of(&world);
    let (link, receipt) = paid(&world, "euro", 50_000, "slow").await;
    let session = session_of(&world, &link).await;
    for (part, (days, lists)) in [(3, [0, 1, 0, 0, 0]), (9, [0, 0, 0, 0, 1])].into_iter().enumerate() {
        assert!(world.order_at_gateway("stripe", "next_refund", &json!({ "becomes": "pending" })).await.is_success());
        let begun_on = day_of(&world);
        let path = format!("/v1/receipts/{}/refunds", text(&receipt["id"]));
        let key = part.to_string();
        let begun = world.crm(Method::POST, &path, &json!({ "amount": 5_000 }), &[("idempotency-key", &key)]).await;
        assert_eq!(begun.unwrap().status, StatusCode::CREATED);
        world.turn_time(MINUTE);
        world.sweep().await.unwrap().unwrap();
        let waiting = at_gateway(&world, "euro", begun_on, begun_on).await;
        assert_eq!(counts(&waiting), [0; 5], "what waits is on neither side: {waiting}");
        world.turn_time(days * DAY);
        assert!(world.decide_refund("stripe", &session, "succeeded").await);
        world.refund_webhook(GatewayKind::Stripe, &session).await.unwrap();
        world.bring_stream().await;
        let booked_on = day_of(&world);
        let told = at_gateway(&world, "euro", booked_on, booked_on).await;
        assert_eq!((counts(&told), sum(&told["ours"]["refunds"])), (lists, (1, 5_000)), "after {days} days: {told}");
        let then = at_gateway(&world, "euro", begun_on, begun_on).await;
        assert_eq!((&then["agrees"], counts(&then)), (&json!(true), [0, 1, 0, 0, 0]), "after {days} days: {then}");
        if let [uncompared] = told["not_compared"].as_array().unwrap().as_slice() {
            assert_eq!(uncompared["reason"], "begun_earlier");
        }
        world.turn_time(DAY);
    }
    let month = at_gateway(&world, "euro", asked, day_of(&world)).await;
    assert_eq!((&month["agrees"], counts(&month)), (&json!(true), [0; 5]), "{month}");
}

#[tokio::test]
async fn a_list_of_several_pages_is_read_to_its_end() {
    let world = world_at(12, 0).await;
    let today = day_of(&world);
    const MANY: usize = 101;
    for (gateway, account) in WITH_LISTS {
        for number in 0..MANY {
            let link = link(&world, account, 1_000, &format!("{account}-{number}")).await;
            world.pay(&link, "paid").await;
        }
        world.proxy.record();
        let told = at_gateway(&world, account, today, today).await;
        assert_eq!((&told["agrees"], sum(&told["matched"]["payments"]).0), (&json!(true), 101), "{gateway}");
        let pages = world.proxy.calls().iter().filter(|call: &&Call| call.service == gateway).count();
        assert_eq!(pages, 3, "two pages of payments and one of refunds at {gateway}");
        // The second page is not answered, and nothing is told of the first.
        world.proxy.decide(move |number, call: &Call| {
            (call.service == gateway && number > 0 && call.operation.contains("GET")).then_some(Fault::Unavailable)
        });
        let told = refused(&world, account).await;
        world.proxy.record();
        assert_eq!(told, (StatusCode::CONFLICT, "gateway_list_unreadable".to_owned()), "{gateway}");
    }
}

#[tokio::test]
async fn a_gateway_that_shows_no_list_is_said_to_show_none_and_nothing_is_called_missing() {
    let world = world_at(12, 0).await;
    for (gateway, account, call) in [
        ("stripe", "euro", "list_charges"),
        ("mollie", "mollie", "list_all_refunds"),
        ("razorpay", "rupee", "list_payments"),
    ] {
        paid(&world, account, 50_000, account).await;
        for how in ["502_html", "empty"] {
            let order = json!({ "call": call, "how": how, "times": 1 });
            assert!(world.order_at_gateway(gateway, "next_answer", &order).await.is_success(), "{how}");
            let told = refused(&world, account).await;
            assert_eq!(told, (StatusCode::CONFLICT, "gateway_list_unreadable".to_owned()), "{gateway}: {how}");
        }
    }
    for account in ["main", "zibal", "saman"] {
        assert_eq!(refused(&world, account).await, (StatusCode::CONFLICT, "gateway_has_no_list".to_owned()));
    }
    let bare = json!({ "name": "Bank", "currency": "IRR", "mode": "live" });
    assert!(world.crm(Method::PUT, "/v1/accounts/bank", &bare, &[]).await.unwrap().status.is_success());
    assert_eq!(refused(&world, "bank").await, (StatusCode::CONFLICT, "gateway_credentials_missing".to_owned()));
    assert_eq!(refused(&world, "nobody").await, (StatusCode::NOT_FOUND, "not_found".to_owned()));
    // A key that may not read the balance reads all but the fees.
    let key = json!({ "key": paylink_local::seed::STRIPE_KEY });
    assert!(world.order_at_gateway("stripe", "restrict_key", &key).await.is_success());
    let today = day_of(&world);
    let told = at_gateway(&world, "euro", today, today).await;
    assert_eq!((&told["agrees"], sum(&told["theirs"]["fees"]).0), (&json!(true), 0), "{told}");
    let revoked = json!({ "key": paylink_local::seed::STRIPE_KEY });
    assert!(world.order_at_gateway("stripe", "revoke_key", &revoked).await.is_success());
    assert_eq!(refused(&world, "euro").await, (StatusCode::CONFLICT, "gateway_list_refused".to_owned()));
    let gateways = world.get("/v1/gateways").await;
    let with_lists: Vec<&str> = gateways["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["has_lists"] == true)
        .map(|one| text(&one["id"]))
        .collect();
    assert_eq!(with_lists, ["mollie", "razorpay", "stripe"]);
}

#[tokio::test]
async fn that_the_platform_looked_with_a_key_that_only_reads_is_in_the_log() {
    let world = world_at(12, 0).await;
    let key = ApiKey { integration: "support".to_owned(), scopes: vec![Scope::Read], created_at: world.now() };
    world.cloud.store.put_api_key(&KeyHolder::Platform, "plp_support", &key).await.unwrap();
    let today = day_of(&world);
    let named = [("paylink-business", DEMO)];
    let told = world.crm_as("plp_support", Method::GET, &address("euro", today, today), &Value::Null, &named).await;
    assert_eq!(told.unwrap().status, StatusCode::OK);
    let log = world.get("/v1/audit-log?limit=1").await;
    assert!(log["data"][0].to_string().contains("/v1/reconciliation?account_id=euro"), "{log}");
}

#[tokio::test]
async fn what_a_bank_took_after_a_dispute_is_in_no_list_of_refunds_and_keeps_no_day_from_agreeing() {
    let world = world_at(12, 0).await;
    let today = day_of(&world);
    for (gateway, account) in WITH_LISTS {
        let (made, _) = paid(&world, account, 50_000, account).await;
        let session = session_of(&world, &made).await;
        for (what, order) in [
            ("dispute", json!({ "amount": 12_000, "silent": true })),
            ("complete_dispute", json!({ "outcome": "lost", "silent": true })),
        ] {
            // A chargeback at Mollie is lost at once.
            world.order_at_gateway(gateway, &format!("{session}/{what}"), &order).await;
        }
        world.turn_time(Duration::from_secs(10));
        let kind = GatewayKind::parse(gateway).unwrap();
        assert_eq!(world.dispute_webhook(kind, &session).await.unwrap().status, StatusCode::OK);
        let told = at_gateway(&world, account, today, today).await;
        assert_eq!(sum(&told["ours"]["refunds"]), (1, 12_000), "{gateway}: {told}");
        assert_eq!((&told["agrees"], &told["only_ours"]), (&json!(true), &json!([])), "{gateway}: {told}");
        assert_eq!(told["not_compared"][0]["reason"], "by_dispute", "{gateway}: {told}");
    }
}

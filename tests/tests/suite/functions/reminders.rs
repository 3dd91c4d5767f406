//! Reminders: who is reminded, when, in which words, and of what nobody is.

use std::time::Duration;

use domain::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use paylink_local::seed::PLATFORM_KEY;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::fault_proxy::Fault;
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) const ROSE: &str = "rose@buyer.example";
pub(super) const OMID: &str = "omid@buyer.example";

fn tehran() -> TimeZone {
    TimeZone::get("Asia/Tehran").unwrap()
}

/// The day in so many days where the business is.
pub(super) fn day(world: &FaultyWorld, days: i64) -> Date {
    tehran().to_datetime(world.now()).date().checked_add(days.days()).unwrap()
}

pub(super) fn on(date: Date, hour: i8, minute: i8) -> Timestamp {
    tehran().to_timestamp(date.at(hour, minute, 0, 0)).unwrap()
}

pub(super) fn turn_to(world: &FaultyWorld, at: Timestamp) {
    world.turn_time(Duration::try_from(at.duration_since(world.now())).unwrap());
}

pub(super) async fn set(world: &FaultyWorld, reminders: Value) {
    let reply = world.crm(Method::PATCH, "/v1/settings", &json!({ "reminders": reminders }), &[]).await.unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
}

/// Reminds a day before money is due, and a day after.
async fn before_and_after() -> FaultyWorld {
    let world = FaultyWorld::start(0).await;
    set(&world, json!({ "at": [{ "when": "before_due", "days": 1 }, { "when": "after_due", "days": 1 }] })).await;
    world
}

/// A link of which this address is told, due on this day.
pub(super) async fn link(world: &FaultyWorld, to: &str, due: Date, more: Value) -> Made {
    let mut body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "locale": "en",
                           "description": "Flowers", "recipients": { "emails": [to] }, "due_at": due.to_string(),
                           "expires_in_days": 40 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let name = format!("{to} {due} {more}");
    let made = world.make_link(&body, &name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")).await;
    world.bring_stream().await;
    made
}

/// The schedules come once.
async fn run(world: &FaultyWorld) {
    world.sweep().await.unwrap().unwrap();
    world.bring_stream().await;
}

async fn run_at(world: &FaultyWorld, at: Timestamp) {
    turn_to(world, at);
    run(world).await;
}

/// What was sent to an address about a link, the newest last.
pub(super) fn told(world: &FaultyWorld, to: &str, link: &Made) -> Vec<String> {
    let sent = world.cloud.inbox.all().into_iter().filter(|sent| sent.to == to);
    sent.map(|sent| sent.body).filter(|body| body.contains(&link.url)).collect()
}

/// The kinds and states of a link's messages but the first.
pub(super) async fn reminders(world: &FaultyWorld, link: &Made) -> Vec<(String, String)> {
    let shown = world.read(link).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = shown["messages"].as_array().unwrap().iter();
    all.map(|one| (text(&one["kind"]), text(&one["status"]))).filter(|(kind, _)| kind != "link_created").collect()
}

/// When the next reminder is looked at.
async fn next_at(world: &FaultyWorld, link: &Made) -> Option<Timestamp> {
    world.read(link).await["reminders"]["next_at"].as_str().map(|at| at.parse().unwrap())
}

fn pair(kind: &str, status: &str) -> (String, String) {
    (kind.to_owned(), status.to_owned())
}

async fn assert_all_is_well(world: &FaultyWorld) {
    world.return_unverified_money().await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn who_did_not_pay_is_reminded_in_open_hours_before_and_after_and_who_paid_is_not() {
    let world = before_and_after().await;
    let due = day(&world, 3);
    let unpaid = link(&world, ROSE, due, json!({})).await;
    let paid = link(&world, OMID, due, json!({})).await;
    assert_eq!(next_at(&world, &unpaid).await, Some(on(day(&world, 2), 9, 0)));
    world.pay(&paid, "paid").await;
    assert_eq!(next_at(&world, &paid).await, None);
    let (before, after) = (day(&world, 2), day(&world, 4));
    run_at(&world, on(before, 8, 59)).await;
    assert_eq!(reminders(&world, &unpaid).await, []);
    run_at(&world, on(before, 9, 0)).await;
    assert_eq!(reminders(&world, &unpaid).await, [pair("payment_reminder", "sent")]);
    let first = told(&world, ROSE, &unpaid);
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first[1].contains("this is a reminder") && first[1].contains("1,500,000"), "{}", first[1]);
    assert!(!first[1].contains("overdue"), "{}", first[1]);
    assert_eq!(next_at(&world, &unpaid).await, Some(on(after, 9, 0)));
    // Nothing more on that day, however often the schedule comes.
    for hour in [9, 12, 19] {
        run_at(&world, on(before, hour, 30)).await;
    }
    assert_eq!(told(&world, ROSE, &unpaid).len(), 2);
    run_at(&world, on(after, 9, 0)).await;
    let second = told(&world, ROSE, &unpaid);
    assert_eq!(second.len(), 3, "{second:?}");
    assert!(second[2].contains("is overdue") && second[2].contains("It was due on"), "{}", second[2]);
    assert_eq!(next_at(&world, &unpaid).await, None, "no moment is left");
    let shown = world.read(&unpaid).await["reminders"].clone();
    let kinds: Vec<&str> = shown["sent"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds, &shown["at"]), (vec!["payment_reminder", "payment_overdue"], &Value::Null), "{shown}");
    assert_eq!(told(&world, OMID, &paid).len(), 1, "who paid is left alone");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn who_is_paying_has_promised_to_or_said_to_have_paid_is_not_reminded_meanwhile() {
    let world = before_and_after().await;
    let due = day(&world, 2);
    let [paying, promised, said] = [
        link(&world, ROSE, due, json!({})).await,
        link(&world, OMID, due, json!({})).await,
        link(&world, "sara@buyer.example", due, json!({})).await,
    ];
    turn_to(&world, on(day(&world, 1), 8, 55));
    world.go_to_gateway(&paying).await;
    let until = on(day(&world, 3), 12, 0);
    let hold = json!({ "reason": "promise", "until": until.to_string() });
    let path = format!("/v1/payment-links/{}/hold", promised.id);
    let held = world.crm(Method::POST, &path, &hold, &[("idempotency-key", "promise")]).await.unwrap();
    assert!(held.status.is_success(), "{}", held.text);
    let pressed = world.ask(Method::POST, &format!("{}/already-paid", said.url), &[], Some("")).await.unwrap();
    assert!(pressed.status.is_success() || pressed.status.is_redirection(), "{}", pressed.text);
    let today = day(&world, 0);
    run_at(&world, on(today, 9, 0)).await;
    for link in [&paying, &promised, &said] {
        assert_eq!(reminders(&world, link).await, [], "{}", link.id);
        assert!(next_at(&world, link).await.is_some_and(|at| at > world.now()), "{}", link.id);
    }
    // The session is over, and nobody paid in it. Whatever is changed otherwise loses no reminder.
    let path = format!("/v1/payment-links/{}", paying.id);
    let noted = world.crm(Method::PATCH, &path, &json!({ "internal_note": "Called." }), &[]).await.unwrap();
    assert_eq!(noted.status, StatusCode::OK, "{}", noted.text);
    run_at(&world, on(today, 11, 0)).await;
    run(&world).await;
    assert_eq!(reminders(&world, &paying).await, [pair("payment_reminder", "sent")]);
    // The promise was not kept: the money is overdue by now.
    assert!(next_at(&world, &promised).await.is_some_and(|at| at <= until), "the promise may be withdrawn before");
    run_at(&world, until).await;
    assert_eq!(reminders(&world, &promised).await, [pair("payment_overdue", "sent")]);
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn an_address_is_reminded_of_one_link_a_day_whichever_comes_first() {
    let world = before_and_after().await;
    let due = day(&world, 2);
    let first = link(&world, ROSE, due, json!({})).await;
    let second = link(&world, ROSE, due, json!({ "amount": 700_000 })).await;
    let other = link(&world, OMID, due, json!({ "amount": 800_000 })).await;
    run_at(&world, on(day(&world, 1), 9, 0)).await;
    let mut of_rose = [reminders(&world, &first).await, reminders(&world, &second).await].concat();
    of_rose.sort_unstable();
    assert_eq!(of_rose, [pair("payment_reminder", "sent"), pair("payment_reminder", "skipped")]);
    assert_eq!(reminders(&world, &other).await, [pair("payment_reminder", "sent")]);
    let skipped = if told(&world, ROSE, &first).len() == 1 { &first } else { &second };
    let shown = world.read(skipped).await["messages"].clone();
    let reason = shown.as_array().unwrap().iter().find(|one| one["status"] == "skipped").unwrap()["reason"].clone();
    assert_eq!(reason, "reminded_today");
    // On another day both can.
    run_at(&world, on(due.tomorrow().unwrap(), 9, 0)).await;
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_run_that_is_late_by_days_reminds_once_and_only_in_open_hours() {
    let world = FaultyWorld::start(0).await;
    let moments = json!([{ "when": "after_creation", "days": 1 }, { "when": "after_creation", "days": 2 },
                         { "when": "before_due", "days": 5 }, { "when": "after_due", "days": 30 }]);
    set(&world, json!({ "at": moments })).await;
    let link = link(&world, ROSE, day(&world, 9), json!({})).await;
    // Nothing ran for a week, and then it does at night.
    let night = on(day(&world, 7), 23, 0);
    run_at(&world, night).await;
    assert_eq!(reminders(&world, &link).await, []);
    let morning = on(tehran().to_datetime(night).date().tomorrow().unwrap(), 9, 0);
    assert_eq!(next_at(&world, &link).await, Some(morning));
    run_at(&world, morning).await;
    run_at(&world, morning + 2.hours()).await;
    assert_eq!(reminders(&world, &link).await, [pair("payment_reminder", "sent")], "one for all that were missed");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_holiday_that_was_added_later_is_kept_and_a_half_day_ends_early() {
    let world = before_and_after().await;
    let due = day(&world, 3);
    let link = link(&world, ROSE, due, json!({})).await;
    let before = day(&world, 2);
    // The day on which it would go out is off now, and the next one ends at one o'clock.
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let closed = json!([{ "from": before.to_string() }]);
    let hours = json!([{ "days": days, "from": "10:30", "to": "13:00" }]);
    let moments = json!([{ "when": "before_due", "days": 1 }, { "when": "after_due", "days": 1 }]);
    set(&world, json!({ "at": moments, "hours": hours, "closed": closed })).await;
    run_at(&world, on(before, 9, 0)).await;
    run_at(&world, on(before, 11, 0)).await;
    assert_eq!(reminders(&world, &link).await, []);
    assert_eq!(next_at(&world, &link).await, Some(on(due, 10, 30)), "the day on which it is due is before its end");
    run_at(&world, on(due, 13, 0)).await;
    assert_eq!(reminders(&world, &link).await, [], "they closed at one");
    assert_eq!(next_at(&world, &link).await, Some(on(due.tomorrow().unwrap(), 10, 30)));
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_link_a_contact_and_a_business_can_each_want_none() {
    let world = before_and_after().await;
    let (due, before) = (day(&world, 2), day(&world, 1));
    let off = link(&world, ROSE, due, json!({ "reminders": { "at": [] } })).await;
    let amended = link(&world, OMID, due, json!({})).await;
    assert_eq!((next_at(&world, &off).await, next_at(&world, &amended).await.is_some()), (None, true));
    let path = format!("/v1/payment-links/{}", amended.id);
    let none = world.crm(Method::PATCH, &path, &json!({ "reminders": { "at": [] } }), &[]).await.unwrap();
    assert_eq!((none.status, &none.json()["reminders"]["next_at"]), (StatusCode::OK, &Value::Null), "{}", none.text);
    let again = world.crm(Method::PATCH, &path, &json!({ "reminders": null }), &[]).await.unwrap();
    assert_eq!(again.json()["reminders"]["at"], Value::Null);
    assert_eq!(next_at(&world, &amended).await, Some(on(before, 9, 0)));
    // The contact says so after the link was made.
    let contact = world.crm(Method::PATCH, "/v1/contacts/c-1042", &json!({ "reminders": false }), &[]).await.unwrap();
    assert_eq!((contact.status, &contact.json()["reminders"]), (StatusCode::OK, &json!(false)), "{}", contact.text);
    run_at(&world, on(before, 9, 0)).await;
    assert_eq!(reminders(&world, &amended).await, []);
    assert_eq!(next_at(&world, &amended).await, Some(on(due.tomorrow().unwrap(), 9, 0)), "it may change its mind");
    let unwanted = link(&world, "new@buyer.example", due, json!({})).await;
    assert_eq!(next_at(&world, &unwanted).await, None);
    // A business without reminders has them where a link names its own moments.
    let back = world.crm(Method::PATCH, "/v1/contacts/c-1042", &json!({ "reminders": null }), &[]).await.unwrap();
    assert_eq!(back.json()["reminders"], true);
    set(&world, Value::Null).await;
    let own = json!({ "reminders": { "at": [{ "when": "before_expiry", "hours": 12 }] }, "expires_in_days": 3 });
    let (quiet, own) = (link(&world, ROSE, due, json!({})).await, link(&world, OMID, due, own).await);
    assert_eq!(next_at(&world, &quiet).await, None);
    assert_eq!(next_at(&world, &own).await, Some(on(day(&world, 3), 12, 0)));
    run_at(&world, on(day(&world, 3), 12, 0)).await;
    assert_eq!(reminders(&world, &own).await, [pair("payment_overdue", "sent")], "it was due the day before");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn nobody_is_reminded_of_an_invoice_that_another_link_paid_nor_for_a_suspended_business() {
    let world = before_and_after().await;
    let (due, before) = (day(&world, 2), day(&world, 1));
    let item = json!({ "kind": "invoice", "title": "Invoice", "contact_id": "c-1042", "amount": 1_500_000, "currency": "IRR" });
    let written = world.crm(Method::PUT, "/v1/items/inv-1", &item, &[]).await.unwrap();
    assert!(written.status.is_success(), "{}", written.text);
    let on_item = json!({ "item_id": "inv-1" });
    let one = link(&world, ROSE, due, on_item.clone()).await;
    let other = link(&world, OMID, due, on_item).await;
    // Somebody is at the gateway for the second one, so that it does not end with the payment of the first.
    world.go_to_gateway(&other).await;
    world.pay(&one, "paid").await;
    world.bring_stream().await;
    assert_eq!(world.read(&other).await["status"], "active");
    run_at(&world, on(before, 9, 0)).await;
    run_at(&world, on(before, 15, 0)).await;
    assert_eq!((reminders(&world, &one).await, reminders(&world, &other).await), (vec![], vec![]));
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn dated_parts_are_reminded_of_one_by_one_and_for_what_each_asks() {
    let world = before_and_after().await;
    let parts = [(day(&world, 2), 500_000), (day(&world, 12), 1_000_000)];
    let plan: Vec<Value> =
        parts.iter().map(|(due, amount)| json!({ "amount": amount, "due_at": due.to_string() })).collect();
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "locale": "en",
                       "payment_plan": { "parts": plan }, "recipients": { "emails": [ROSE] }, "expires_in_days": 40 });
    let link = world.make_link(&body, "parts").await;
    world.bring_stream().await;
    run_at(&world, on(parts[0].0.yesterday().unwrap(), 9, 0)).await;
    let first = told(&world, ROSE, &link);
    assert!(first[1].contains("500,000") && !first[1].contains("1,500,000"), "{}", first[1]);
    let paid = json!({ "received_by": "cash", "amount": 500_000 });
    let path = format!("/v1/payment-links/{}/payments", link.id);
    let reply = world.crm(Method::POST, &path, &paid, &[("idempotency-key", "cash")]).await.unwrap();
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    run_at(&world, on(parts[0].0.tomorrow().unwrap(), 9, 0)).await;
    assert_eq!(told(&world, ROSE, &link).len(), 2, "that part is paid");
    assert_eq!(next_at(&world, &link).await, Some(on(parts[1].0.yesterday().unwrap(), 9, 0)));
    run_at(&world, on(parts[1].0.yesterday().unwrap(), 9, 0)).await;
    run_at(&world, on(parts[1].0.tomorrow().unwrap(), 9, 0)).await;
    let all = told(&world, ROSE, &link);
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all[2].contains("1,000,000") && all[3].contains("1,000,000") && all[3].contains("overdue"), "{all:?}");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn who_was_told_by_a_later_round_is_reminded_and_not_of_what_came_before() {
    let world = before_and_after().await;
    let due = day(&world, 2);
    let link = link(&world, ROSE, due, json!({})).await;
    run_at(&world, on(day(&world, 1), 9, 0)).await;
    let round = json!({ "recipients": { "emails": [OMID, ROSE] } });
    let path = format!("/v1/payment-links/{}/messages", link.id);
    let sent = world.crm(Method::POST, &path, &round, &[("idempotency-key", "again")]).await.unwrap();
    assert!(sent.status.is_success(), "{}", sent.text);
    world.bring_stream().await;
    assert_eq!((told(&world, ROSE, &link).len(), told(&world, OMID, &link).len()), (3, 1));
    run_at(&world, on(due.tomorrow().unwrap(), 9, 0)).await;
    assert_eq!((told(&world, ROSE, &link).len(), told(&world, OMID, &link).len()), (4, 2));
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_draft_shows_when_each_would_go_and_what_is_wrong_is_named() {
    let world = before_and_after().await;
    let due = day(&world, 2);
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "due_at": due.to_string(),
                       "expires_in_days": 40, "recipients": { "emails": [ROSE] } });
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", &body, &[]).await.unwrap().json();
    let planned: Vec<Timestamp> =
        draft["reminders"].as_array().unwrap().iter().map(|one| one["at"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(planned, [on(day(&world, 1), 9, 0), on(due.tomorrow().unwrap(), 9, 0)], "{draft}");
    assert_eq!(draft["reminders"][1]["moment"], json!({ "when": "after_due", "days": 1 }));
    let nobody =
        json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "due_at": due.to_string() });
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", &nobody, &[]).await.unwrap().json();
    assert_eq!(draft["reminders"], json!([]), "nobody is told");
    let own =
        |reminders: Value| json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1, "reminders": reminders });
    for (reminders, pointer, code) in [
        (json!({}), "/reminders/at", "required"),
        (json!({ "at": [{ "when": "before_due" }] }), "/reminders/at/0", "exactly_one"),
        (json!({ "at": [{ "when": "before_due", "days": 1, "hours": 2 }] }), "/reminders/at/0", "exactly_one"),
        (json!({ "at": [{ "when": "sometimes", "days": 1 }] }), "/reminders/at/0/when", "unknown_choice"),
        (json!({ "at": [{ "when": "after_due", "days": 366 }] }), "/reminders/at/0/days", "out_of_range"),
        (json!({ "at": [{ "when": "after_due", "hours": 0 }] }), "/reminders/at/0/hours", "out_of_range"),
        (json!({ "at": [{ "when": "after_due", "days": 1, "at": 9 }] }), "/reminders/at/0/at", "unknown_field"),
        (json!({ "hours": [] }), "/reminders/hours", "unknown_field"),
    ] {
        let reply = world.crm(Method::POST, "/v1/payment-links", &own(reminders.clone()), &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{reminders}: {}", reply.text);
        let errors = reply.json()["errors"].clone();
        let found = errors.as_array().unwrap().iter().any(|one| one["pointer"] == pointer && one["code"] == code);
        assert!(found, "{reminders}: {errors}");
    }
    for (reminders, pointer, code) in [
        (json!({ "hours": [{ "days": [], "from": "09:00", "to": "10:00" }] }), "/reminders/hours/0/days", "required"),
        (
            json!({ "hours": [{ "days": ["monday"], "from": "9", "to": "10:00" }] }),
            "/reminders/hours/0/from",
            "invalid_time",
        ),
        (
            json!({ "hours": [{ "days": ["monday"], "from": "10:00", "to": "10:00" }] }),
            "/reminders/hours/0/to",
            "ends_before_it_begins",
        ),
        (
            json!({ "closed": [{ "from": "1406-01-04", "to": "1406-01-01" }] }),
            "/reminders/closed/0/to",
            "ends_before_it_begins",
        ),
        (json!({ "closed": [{ "from": "1406-13-01" }] }), "/reminders/closed/0/from", "invalid_date"),
    ] {
        let body = json!({ "reminders": reminders });
        let reply = world.crm(Method::PATCH, "/v1/settings", &body, &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{reminders}: {}", reply.text);
        let errors = reply.json()["errors"].clone();
        let found = errors.as_array().unwrap().iter().any(|one| one["pointer"] == pointer && one["code"] == code);
        assert!(found, "{reminders}: {errors}");
    }
    // Persian dates are kept as Gregorian ones, and what is read can be written again.
    let nowruz = json!({ "at": [], "closed": [{ "from": "1406-01-01", "to": "1406-01-04" }] });
    set(&world, nowruz).await;
    let read = world.get("/v1/settings").await;
    let closed = json!([{ "from": "2027-03-21", "to": "2027-03-24" }]);
    assert_eq!(read["reminders"], json!({ "at": [], "closed": closed, "platform_closed": true }));
    let put = world.crm(Method::PUT, "/v1/settings", &read, &[]).await.unwrap();
    assert_eq!((put.status, &put.json()["reminders"]), (StatusCode::OK, &read["reminders"]), "{}", put.text);
}

#[tokio::test]
async fn a_reminder_that_met_trouble_on_its_way_goes_out_once() {
    let world = before_and_after().await;
    let link = link(&world, ROSE, day(&world, 2), json!({})).await;
    turn_to(&world, on(day(&world, 1), 9, 0));
    world.sweep().await.unwrap().unwrap();
    world.sweep().await.unwrap().unwrap();
    assert_eq!(world.read(&link).await["reminders"]["sent"].as_array().unwrap().len(), 1);
    // The customer pays before anybody was told: nobody is.
    world.pay(&link, "paid").await;
    world.bring_stream().await;
    world.turn_time(2 * MINUTE);
    world.retry_messages().await.unwrap().unwrap();
    assert_eq!(reminders(&world, &link).await, [pair("payment_reminder", "skipped")]);
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn who_takes_a_promise_back_is_reminded_and_a_reminder_that_was_held_up_until_the_night_is_not_sent() {
    let world = before_and_after().await;
    let due = day(&world, 2);
    let promised = link(&world, ROSE, due, json!({})).await;
    let hold = json!({ "reason": "promise", "until": on(day(&world, 20), 12, 0).to_string() });
    let path = format!("/v1/payment-links/{}/hold", promised.id);
    world.crm(Method::POST, &path, &hold, &[("idempotency-key", "promise")]).await.unwrap();
    let before = due.yesterday().unwrap();
    run_at(&world, on(before, 9, 0)).await;
    assert_eq!(reminders(&world, &promised).await, []);
    let released = world.crm(Method::DELETE, &path, &Value::Null, &[]).await.unwrap();
    assert!(released.status.is_success(), "{}", released.text);
    // Nobody takes emails for the rest of the day.
    let held_up = link(&world, OMID, before.checked_add(2.days()).unwrap(), json!({})).await;
    world.proxy.decide(|_, call| (call.service == "ses").then_some(Fault::Unavailable));
    run_at(&world, on(due, 9, 5)).await;
    world.proxy.record();
    assert_eq!(reminders(&world, &held_up).await, [pair("payment_reminder", "waiting")]);
    world.proxy.decide(|_, _| None);
    turn_to(&world, on(due, 22, 0));
    world.retry_messages().await.unwrap().unwrap();
    for link in [&promised, &held_up] {
        assert_eq!(reminders(&world, link).await, [pair("payment_reminder", "skipped")]);
        let shown = world.read(link).await["messages"].clone();
        let reasons: Vec<&Value> = shown.as_array().unwrap().iter().map(|one| &one["reason"]).collect();
        assert!(reasons.contains(&&json!("too_late")), "{shown}");
    }
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_business_that_sent_as_much_as_it_may_reminds_on_the_next_day() {
    let world = before_and_after().await;
    let due = day(&world, 3);
    let first = link(&world, ROSE, due, json!({})).await;
    // Ten hours before its last day begins.
    let afternoon = json!({ "reminders": { "at": [{ "when": "before_due", "hours": 34 }] } });
    let second = link(&world, OMID, due, afternoon).await;
    let business = json!({ "name": "Demo", "quotas": { "messages_per_day": 1 } });
    let put = world.crm_as(PLATFORM_KEY, Method::PUT, "/v1/businesses/demo", &business, &[]).await.unwrap();
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let (today, tomorrow) = (day(&world, 2), day(&world, 3));
    run_at(&world, on(today, 9, 0)).await;
    run_at(&world, on(today, 14, 0)).await;
    let reminded = |to: &str, link: &Made| told(&world, to, link).len() == 2;
    assert!(reminded(ROSE, &first) && !reminded(OMID, &second));
    // The day of a quota is one of UTC, which is over in the night of Tehran.
    assert_eq!(next_at(&world, &second).await, Some(on(tomorrow, 9, 0)));
    run_at(&world, on(tomorrow, 9, 0)).await;
    assert!(reminded(OMID, &second));
}

#[tokio::test]
async fn nobody_is_reminded_on_the_days_of_the_platform_but_by_who_goes_by_their_own() {
    let world = before_and_after().await;
    let due = day(&world, 3);
    let (holiday, next) = (day(&world, 2), day(&world, 3));
    let days = json!({ "closed_days": [{ "from": holiday.to_string() }] });
    let put = world.crm_as(PLATFORM_KEY, Method::PATCH, "/v1/platform-defaults", &days, &[]).await.unwrap();
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    assert_eq!(put.json()["closed_days"], json!([{ "from": holiday.to_string(), "to": holiday.to_string() }]));
    let draft = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "due_at": due.to_string(),
                        "recipients": { "emails": [ROSE] }, "expires_in_days": 40 });
    let shown = world.crm(Method::POST, "/v1/payment-links/draft", &draft, &[]).await.unwrap().json();
    // A day before it is due is the holiday, and the day after that it is due.
    let first: Timestamp = shown["reminders"][0]["at"].as_str().unwrap().parse().unwrap();
    assert_eq!(first, on(next, 9, 0), "{}", shown["reminders"]);
    let unpaid = link(&world, ROSE, due, json!({})).await;
    run_at(&world, on(holiday, 9, 0)).await;
    assert_eq!((reminders(&world, &unpaid).await, next_at(&world, &unpaid).await), (vec![], Some(on(next, 9, 0))));
    run_at(&world, on(next, 9, 0)).await;
    assert_eq!(reminders(&world, &unpaid).await, [pair("payment_reminder", "sent")]);

    let own = json!({ "at": [{ "when": "before_due", "days": 1 }], "platform_closed": false });
    set(&world, own).await;
    let (due, holiday) = (day(&world, 3), day(&world, 2));
    let days = json!({ "closed_days": [{ "from": holiday.to_string(), "to": due.to_string() }] });
    world.crm_as(PLATFORM_KEY, Method::PATCH, "/v1/platform-defaults", &days, &[]).await.unwrap();
    let of_its_own = link(&world, OMID, due, json!({})).await;
    run_at(&world, on(holiday, 9, 0)).await;
    assert_eq!(reminders(&world, &of_its_own).await, [pair("payment_reminder", "sent")]);
    let backwards = json!({ "closed_days": [{ "from": "2027-01-02", "to": "2027-01-01" }] });
    let refused = world.crm_as(PLATFORM_KEY, Method::PATCH, "/v1/platform-defaults", &backwards, &[]).await.unwrap();
    assert_eq!(refused.json()["errors"][0]["pointer"], "/closed_days/0/to", "{}", refused.text);
}

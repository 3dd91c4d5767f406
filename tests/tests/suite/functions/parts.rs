//! Paying in parts: what a customer can choose and reads, what the CRM is told, and that no invoice gets more than it asks for.

use std::time::Duration;

use domain::link::LinkStatus;
use jiff::ToSpan;
use paylink_local::seed::DEMO;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Reply;
use tests::faulty_world::{FaultyWorld, Made};
use tests::forms::Form;
use tests::invariants::Stage;
use tests::totals::{GROUPINGS, disagreements};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A link over 1,500,000 rial on an invoice with a receipt field.
async fn link(world: &FaultyWorld, name: &str, plan: &Value, locale: &str) -> Made {
    let item = json!({ "id": format!("inv-{name}"), "kind": "invoice", "title": name, "contact_id": "c-1042",
                       "receipt_fields": [{ "key": "payment", "label": "Payment" }] });
    let body = json!({ "account_id": "main", "item": item, "amount": 1_500_000, "payment_plan": plan,
                       "locale": locale, "after_payment": { "receipt_field": "payment" } });
    world.make_link(&body, name).await
}

/// Three parts, due in ten, twenty and thirty days.
fn three_parts(world: &FaultyWorld) -> Value {
    let due = |days: i64| (world.now() + (24 * days).hours()).to_string();
    json!({ "parts": [{ "amount": 500_000, "due_at": due(10) }, { "amount": 400_000, "due_at": due(20) },
                      { "amount": 600_000, "due_at": due(30) }] })
}

fn at_least(minimum: i64) -> Value {
    json!({ "minimum": minimum })
}

async fn press(world: &FaultyWorld, link: &Made, form: &str) -> Reply {
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    world.ask(Method::POST, &format!("{}/go", link.url), &form_type, Some(form)).await.unwrap()
}

/// The customer chooses what to pay, pays it and comes back.
async fn pay(world: &FaultyWorld, link: &Made, form: &str) -> Reply {
    let page = world.visit_to_pay(link, form).await.unwrap();
    let back = world.choose(&page, "paid").await.unwrap();
    let reply = world.open(&back).await.unwrap();
    if reply.status == StatusCode::SEE_OTHER { world.open(&reply.location()).await.unwrap() } else { reply }
}

async fn cash(world: &FaultyWorld, link: &Made, amount: Option<i64>, key: &str) -> Reply {
    let path = format!("/v1/payment-links/{}/payments", link.id);
    let body = json!({ "received_by": "cash", "amount": amount, "force": true });
    world.crm(Method::POST, &path, &body, &[("idempotency-key", key)]).await.unwrap()
}

async fn assert_all_agrees(world: &FaultyWorld) {
    world.confirm().await;
    let evidence = world.assert_all_is_well(Stage::CaughtUp).await;
    let wrong = disagreements(world, &evidence, DEMO, &GROUPINGS).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn instalments_are_paid_one_after_the_other_and_seen_wherever_a_payment_is() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "instalments", &three_parts(&world), "en").await;
    let made = world.read(&link).await;
    assert_eq!(made["due_at"], made["payment_plan"]["parts"][0]["due_at"], "{made}");
    assert!(made["expires_at"].as_str() > made["payment_plan"]["parts"][2]["due_at"].as_str(), "{made}");
    let summary = world.open(&link.url).await.unwrap();
    for said in [
        "Pay \u{2068}IRR\u{a0}500,000\u{2069} now",
        "Pay all of it: \u{2068}IRR\u{a0}1,500,000\u{2069}",
        "Pay another amount",
    ] {
        assert!(summary.text.contains(said), "{said}: {}", summary.text);
    }
    assert!(
        summary.text.contains("Then \u{2068}IRR\u{a0}1,000,000\u{2069} is left to pay, the next of it by"),
        "{}",
        summary.text
    );
    let first = pay(&world, &link, "pay=part").await;
    assert!(first.text.contains("Part of it is paid"), "{}", first.text);
    assert!(
        first.text.contains("\u{2068}IRR\u{a0}500,000\u{2069} of \u{2068}IRR\u{a0}1,500,000\u{2069} is paid now"),
        "{}",
        first.text
    );
    let part_paid = world.read(&link).await;
    for (field, is) in [
        ("status", json!("active")),
        ("amount_paid", json!(500_000)),
        ("amount_due", json!(1_000_000)),
        ("due_at", part_paid["payment_plan"]["parts"][1]["due_at"].clone()),
    ] {
        assert_eq!(part_paid[field], is, "{field} of {part_paid}");
    }
    world.bring_stream().await;
    world.turn_time(MINUTE);
    let listed = world.get("/v1/payment-links?part_paid=true&status=active").await;
    assert_eq!(listed["data"][0]["id"], link.id.as_str(), "{listed}");
    let events = world.get(&format!("/v1/events?payment_link_id={}&type=payment_link.part_paid", link.id)).await;
    assert_eq!(events["data"][0]["data"]["amount_due"], 1_000_000, "{events}");
    // More than the second part: what is left of it counts for the third.
    let typed = pay(&world, &link, "pay=other&amount=600000").await;
    assert!(typed.text.contains("Part of it is paid"), "{}", typed.text);
    let parts = world.read(&link).await["payment_plan"]["parts"].clone();
    assert_eq!((&parts[1]["amount_paid"], &parts[2]["amount_paid"]), (&json!(400_000), &json!(200_000)));
    // The last one leaves no choice, and says so.
    let summary = world.open(&link.url).await.unwrap();
    assert!(
        summary.text.contains("Pay \u{2068}IRR\u{a0}400,000\u{2069}") && !summary.text.contains("name=\"pay\""),
        "{}",
        summary.text
    );
    let last = pay(&world, &link, "").await;
    assert!(last.text.contains("Paid") && last.text.contains("IRR\u{a0}1,500,000"), "{}", last.text);
    let paid = world.read(&link).await;
    assert_eq!((&paid["status"], &paid["amount_due"]), (&json!("paid"), &json!(0)), "{paid}");
    let amounts: Vec<i64> =
        paid["payments"].as_array().unwrap().iter().map(|one| one["amount"].as_i64().unwrap()).collect();
    assert_eq!(amounts, [500_000, 600_000, 400_000]);
    let item = world.get("/v1/items/inv-instalments").await;
    assert_eq!(item["received"]["payment"][0]["amount"], 1_500_000, "{item}");
    assert_eq!(world.get("/v1/receipts?item_id=inv-instalments").await["data"].as_array().unwrap().len(), 3);
    assert_all_agrees(&world).await;
    assert_eq!(world.get("/v1/payment-links?part_paid=true").await["data"], json!([]));
}

#[tokio::test]
async fn an_amount_is_typed_in_the_unit_that_the_page_names_and_what_cannot_be_paid_is_said() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "typed", &at_least(500_000), "fa").await;
    let page = world.open(&link.url).await.unwrap();
    assert!(page.text.contains("مبلغ به تومان") && page.text.contains("value=\"toman\""), "{}", page.text);
    // ۴۰٬۰۰۰ Toman is less than the least, and ۷۰٬۰۰۰ is not.
    let refused = press(&world, &link, "pay=other&unit=toman&amount=%DB%B4%DB%B0%D9%AC%DB%B0%DB%B0%DB%B0").await;
    assert_eq!(refused.status, StatusCode::OK);
    assert!(refused.text.contains("role=\"alert\"") && refused.text.contains("<details open"), "{}", refused.text);
    assert_eq!(world.read(&link).await["attempts"], json!([]), "no session is opened");
    let taken = press(&world, &link, "pay=other&unit=toman&amount=%DB%B7%DB%B0%D9%AC%DB%B0%DB%B0%DB%B0").await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "{}", taken.text);
    assert_eq!(world.read(&link).await["attempts"][0]["amount"], 700_000);
    // Whoever loads the page again that the button led to goes on to the same session.
    let again = world.open(&format!("{}/go", link.url)).await.unwrap();
    assert_eq!(again.location(), taken.location());
    for hostile in ["pay=other&amount=-700000", "pay=other&amount=1e6", "pay=other&amount=1500001", "pay=nothing"] {
        let page = press(&world, &link, hostile).await;
        assert!(page.status == StatusCode::OK || page.location() == taken.location(), "{hostile}: {}", page.status);
    }
    assert_eq!(world.read(&link).await["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_tabs_pay_no_more_than_is_due_and_what_is_too_much_goes_back() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "tabs", &at_least(500_000), "en").await;
    let all = world.visit_to_pay(&link, "pay=all").await.unwrap();
    let part = world.visit_to_pay(&link, "pay=part").await.unwrap();
    assert_ne!(all, part);
    let back = world.choose(&part, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    assert_eq!(world.read(&link).await["amount_due"], 1_000_000);
    // This gateway cannot close the first session: what is paid there is more than is due, and is not taken.
    let back = world.choose(&all, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    let shown = world.read(&link).await;
    assert_eq!((&shown["status"], &shown["amount_paid"]), (&json!("active"), &json!(500_000)), "{shown}");
    assert_eq!(shown["attempts"][0]["status"], "awaiting_reversal", "{shown}");
    world.return_unverified_money().await;
    pay(&world, &link, "pay=all").await;
    assert_eq!(world.read(&link).await["status"], "paid");
    world.turn_time(DAY);
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn cash_can_be_a_part_of_every_link_and_the_rest_is_asked_for() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "deposit", &Value::Null, "en").await;
    let session = world.go_to_gateway(&link).await;
    let part = cash(&world, &link, Some(500_000), "deposit").await;
    assert_eq!(part.status, StatusCode::CREATED, "{}", part.text);
    let shown = part.json();
    assert_eq!((&shown["status"], &shown["amount_due"]), (&json!("active"), &json!(1_000_000)), "{shown}");
    let more = cash(&world, &link, Some(1_000_001), "more").await;
    assert_eq!(
        (more.status, &more.json()["errors"][0]["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("more_than_is_due"))
    );
    // Nobody is sent on to less than was asked for without having read so.
    let summary = world.open(&link.url).await.unwrap();
    assert!(
        summary.text.contains("Left to pay") && summary.text.contains("Pay \u{2068}IRR\u{a0}1,000,000\u{2069}"),
        "{}",
        summary.text
    );
    let rest = world.visit(&link).await.unwrap();
    assert_ne!(rest, session, "the session before asks for too much");
    let back = world.choose(&rest, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    let paid = world.read(&link).await;
    assert_eq!((&paid["status"], paid["payments"].as_array().unwrap().len()), (&json!("paid"), 2), "{paid}");
    world.turn_time(DAY);
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn cash_for_a_part_does_not_hide_that_somebody_has_paid_and_closed_the_browser() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "closed", &at_least(500_000), "en").await;
    let page = world.visit_to_pay(&link, "pay=part").await.unwrap();
    world.choose(&page, "paid").await.unwrap();
    let part = cash(&world, &link, Some(100_000), "deposit").await;
    assert_eq!(part.status, StatusCode::CREATED, "{}", part.text);
    world.turn_time(MINUTE);
    assert_eq!(world.visit_to_pay(&link, "pay=all").await, None, "what was paid before is found out first");
    assert_eq!(world.read(&link).await["attempts"].as_array().unwrap().len(), 2, "no session is opened");
    world.sweep().await.unwrap().unwrap();
    assert_eq!(world.read(&link).await["amount_paid"], 600_000);
    pay(&world, &link, "pay=all").await;
    assert_eq!(world.read(&link).await["status"], "paid");
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn a_part_that_goes_back_is_due_again_and_a_withdrawn_one_too() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "back", &at_least(500_000), "en").await;
    pay(&world, &link, "pay=part").await;
    let outside =
        json!({ "amount": 200_000, "outside": { "reference": "T-1", "refunded_at": world.now().to_string() } });
    let refunded = world.refund(&link, &outside, "refund").await.unwrap();
    assert_eq!(refunded.status, StatusCode::CREATED, "{}", refunded.text);
    world.turn_time(MINUTE);
    world.confirm().await;
    let shown = world.read(&link).await;
    assert_eq!((&shown["amount_due"], &shown["amount_paid"]), (&json!(1_200_000), &json!(300_000)), "{shown}");
    cash(&world, &link, Some(700_000), "cash").await;
    assert_eq!(world.read(&link).await["amount_due"], 500_000);
    let voided = world.void(&link, "void").await.unwrap();
    assert_eq!(voided.status, StatusCode::OK, "{}", voided.text);
    let shown = world.read(&link).await;
    assert_eq!((&shown["status"], &shown["amount_due"]), (&json!("active"), &json!(1_200_000)), "{shown}");
    pay(&world, &link, "pay=all").await;
    let paid = world.read(&link).await;
    assert_eq!((&paid["status"], &paid["amount_paid"]), (&json!("paid"), &json!(1_500_000)), "{paid}");
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn a_link_that_ends_part_paid_keeps_that_and_says_so() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "ends", &at_least(500_000), "en").await;
    pay(&world, &link, "pay=part").await;
    let cancelled = self::link(&world, "cancelled", &at_least(500_000), "en").await;
    pay(&world, &cancelled, "pay=part").await;
    world.cancel(&cancelled, false).await.unwrap();
    world.turn_time(8 * DAY);
    world.confirm().await;
    assert_eq!(world.stored(&link).await.status_at(world.now()).name(), "expired");
    for one in [&link, &cancelled] {
        let page = world.open(&one.url).await.unwrap();
        assert_eq!(page.status, StatusCode::GONE);
        assert!(
            page.text.contains(
                "\u{2068}IRR\u{a0}500,000\u{2069} of \u{2068}IRR\u{a0}1,500,000\u{2069} was paid and stays paid"
            ),
            "{}",
            page.text
        );
    }
    let shown = world.read(&link).await;
    assert_eq!((&shown["amount_due"], &shown["amount_paid"]), (&json!(1_000_000), &json!(500_000)), "{shown}");
    assert_eq!(world.read(&cancelled).await["amount_due"], 0, "nothing is asked for any more");
    // The rest in cash pays what has expired.
    cash(&world, &link, None, "rest").await;
    assert!(matches!(world.stored(&link).await.status_at(world.now()), LinkStatus::Paid { .. }));
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn more_than_a_gateway_takes_is_paid_in_parts_where_the_account_wants_that() {
    let world = FaultyWorld::start(0).await;
    let large = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 2_500_000_000_i64, "locale": "en" });
    let refused = world.create(&large, "refused").await.unwrap();
    assert_eq!(refused.json()["errors"][0]["code"], "amount_outside_gateway_limits", "{}", refused.text);
    let change = json!({ "online_payment": { "split_large_amounts": true } });
    let changed = world.crm(Method::PATCH, "/v1/accounts/main", &change, &[]).await.unwrap();
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let link = world.make_link(&large, "large").await;
    let made = world.read(&link).await;
    assert_eq!(made["payment_plan"], json!({ "minimum": 833_333_333, "parts": null }), "{made}");
    let summary = world.open(&link.url).await.unwrap();
    assert!(!summary.text.contains("Pay all of it"), "{}", summary.text);
    for form in ["pay=all", "pay=other&amount=1000000001", "pay=other&amount=2499999999"] {
        assert_eq!(press(&world, &link, form).await.status, StatusCode::OK, "{form}");
    }
    pay(&world, &link, "pay=other&amount=1000000000").await;
    pay(&world, &link, "pay=part").await;
    pay(&world, &link, "").await;
    let paid = world.read(&link).await;
    assert_eq!((&paid["status"], paid["payments"].as_array().unwrap().len()), (&json!("paid"), 3), "{paid}");
    // Forty times what it takes is the most.
    let too_large = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 40_000_000_001_i64 });
    let refused = world.create(&too_large, "too-large").await.unwrap();
    assert_eq!(refused.json()["errors"][0]["code"], "amount_outside_gateway_limits", "{}", refused.text);
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused_at_its_field() {
    let world = FaultyWorld::start(0).await;
    let due = |days: i64| (world.now() + (24 * days).hours()).to_string();
    let part = |amount: i64, days: i64| json!({ "amount": amount, "due_at": due(days) });
    let parts = |parts: &[Value]| json!({ "parts": parts });
    let at = "/payment_plan";
    for (plan, pointer, code) in [
        (json!({}), at.to_owned(), "required"),
        (json!({ "minimum": 500_000, "parts": [] }), at.to_owned(), "both_given"),
        (json!({ "minimum": 1_500_000 }), format!("{at}/minimum"), "not_a_part"),
        (json!({ "minimum": 0 }), format!("{at}/minimum"), "not_a_part"),
        (json!({ "minimum": 37_499 }), format!("{at}/minimum"), "too_many_payments"),
        (json!({ "minimum": "500000" }), format!("{at}/minimum"), "wrong_type"),
        (parts(&[part(1_500_000, 3)]), format!("{at}/parts"), "wrong_number_of_parts"),
        (parts(&[part(500_000, 3), part(900_000, 5)]), format!("{at}/parts"), "parts_do_not_add_up"),
        (parts(&[part(500_000, 5), part(1_000_000, 5)]), format!("{at}/parts/1/due_at"), "parts_not_in_order"),
        (parts(&[part(5_000, 3), part(1_495_000, 5)]), format!("{at}/parts/0/amount"), "amount_outside_gateway_limits"),
        (json!({ "maximum": 3 }), format!("{at}/maximum"), "unknown_field"),
    ] {
        let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "payment_plan": plan });
        let reply = world
            .create(&body, &format!("{plan}")[..40.min(plan.to_string().len())].replace(['"', ' ', '{', '}'], "-"))
            .await
            .unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{plan}: {}", reply.text);
        assert!(reply.problems().contains(&(pointer.clone(), code.to_owned())), "{plan}: {:?}", reply.problems());
    }
    let plan = parts(&[part(500_000, 3), part(1_000_000, 5)]);
    for (field, value, code) in
        [("due_at", json!(due(4)), "due_with_parts"), ("expires_at", json!(due(4)), "ends_before_last_part")]
    {
        let mut body =
            json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "payment_plan": plan });
        body[field] = value;
        let reply = world.create(&body, field).await.unwrap();
        assert!(reply.problems().contains(&(format!("/{field}"), code.to_owned())), "{field}: {}", reply.text);
    }
    // Nor is the end moved before the last part later.
    let link = link(&world, "amended", &plan, "en").await;
    let path = format!("/v1/payment-links/{}", link.id);
    let early = world.crm(Method::PATCH, &path, &json!({ "expires_at": due(4) }), &[]).await.unwrap();
    assert!(
        early.problems().contains(&("/expires_at".to_owned(), "ends_before_last_part".to_owned())),
        "{}",
        early.text
    );
}

#[tokio::test]
async fn a_draft_of_a_link_in_parts_can_be_sent_back_as_it_is() {
    let world = FaultyWorld::start(0).await;
    for plan in [three_parts(&world), at_least(500_000)] {
        let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "payment_plan": plan });
        let draft = world.crm(Method::POST, "/v1/payment-links/draft", &body, &[]).await.unwrap().json();
        assert_eq!(draft["problems"], json!([]), "{draft}");
        let made = world.create(&draft["request"], &format!("d{}", plan["minimum"])).await.unwrap();
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        assert_eq!(made.json()["expires_at"], draft["expires_at"]);
        // What answers show of a plan can be given again.
        let mut again = body.clone();
        again["payment_plan"] = made.json()["payment_plan"].clone();
        let copied = world.create(&again, &format!("c{}", plan["minimum"])).await.unwrap();
        assert_eq!(copied.status, StatusCode::CREATED, "{}", copied.text);
        assert_eq!(copied.json()["payment_plan"], made.json()["payment_plan"]);
    }
}

#[tokio::test]
async fn messages_that_are_sent_again_ask_for_what_is_left() {
    let world = FaultyWorld::start(0).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "locale": "en",
                       "payment_plan": at_least(500_000), "recipients": { "emails": ["part@buyer.example"] } });
    let link = world.make_link(&body, "told").await;
    world.bring_stream().await;
    pay(&world, &link, "pay=part").await;
    world.turn_time(60 * MINUTE);
    let resent = world.resend(&link, "again").await.unwrap();
    assert!(resent.status.is_success(), "{}", resent.text);
    world.bring_stream().await;
    let inbox = world.cloud.inbox.all();
    let mine: Vec<&str> =
        inbox.iter().filter(|one| one.to == "part@buyer.example").map(|one| one.body.as_str()).collect();
    assert_eq!(mine.len(), 2);
    assert!(
        mine[0].contains("1,500,000") && mine[1].contains("1,000,000") && !mine[1].contains("1,500,000"),
        "{mine:?}"
    );
}

#[tokio::test]
async fn who_only_looks_sees_what_can_be_chosen_and_opens_nothing() {
    let world = FaultyWorld::start(0).await;
    let link = link(&world, "looked-at", &at_least(500_000), "en").await;
    let page = world.ask(Method::GET, &link.url, &[], None).await.unwrap();
    let form = Form::of(&page.text).expect("a form that leads on");
    assert!(
        form.action.ends_with("/go") && page.text.contains("Pay \u{2068}IRR\u{a0}500,000\u{2069} now"),
        "{}",
        page.text
    );
    assert_eq!(world.read(&link).await["attempts"], json!([]));
}

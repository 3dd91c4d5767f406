//! No invoice is paid twice: not by two links, not in two tabs, and not after it was paid otherwise, unless the business wants it.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;
use tests::{Reply, at_once};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

const WHOLE: i64 = 1_500_000;

async fn put_item(world: &FaultyWorld, name: &str, more: Value) {
    let mut item = json!({ "kind": "invoice", "title": name, "contact_id": "c-1042", "amount": WHOLE, "currency": "IRR",
                           "receipt_fields": [{ "key": "payment", "label": "Payment" }] });
    item.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let written = world.crm(Method::PUT, &format!("/v1/items/{name}"), &item, &[]).await.unwrap();
    assert!(written.status.is_success(), "{}", written.text);
}

async fn create(world: &FaultyWorld, item: &str, amount: Option<i64>, more: Value, key: &str) -> Reply {
    let mut body = json!({ "account_id": "main", "item_id": item, "locale": "en",
                           "after_payment": { "receipt_field": "payment" } });
    if let Some(amount) = amount {
        body["amount"] = json!(amount);
    }
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    world.create(&body, key).await.unwrap()
}

async fn link(world: &FaultyWorld, item: &str, amount: Option<i64>, key: &str) -> Made {
    let reply = create(world, item, amount, json!({}), key).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    Made::read(paylink_local::seed::API_KEY, &reply.json())
}

/// The customer pays what the gateway's page asks for.
async fn pay_at(world: &FaultyWorld, page: &str) {
    let back = world.choose(page, "paid").await.unwrap();
    world.open(&back).await.unwrap();
}

async fn pay(world: &FaultyWorld, link: &Made) {
    let page = world.go_to_gateway(link).await;
    pay_at(world, &page).await;
}

async fn assert_all_is_well(world: &FaultyWorld) {
    world.return_unverified_money().await;
    world.turn_time(DAY);
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn a_second_link_over_an_invoice_says_that_it_is_paid_and_ends() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let (first, second) =
        (link(&world, "inv-1", None, "first").await, link(&world, "inv-1", Some(WHOLE), "second").await);
    pay(&world, &first).await;
    let page = world.open(&second.url).await.unwrap();
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("This has already been paid") && !page.text.contains("<form"), "{}", page.text);
    assert_eq!(world.read(&second).await["attempts"], json!([]), "no session is opened");
    world.bring_stream().await;
    world.bring_stream().await;
    let ended = world.read(&second).await;
    assert_eq!((&ended["status"], &ended["cancel_reason"]), (&json!("cancelled"), &json!("item_paid")), "{ended}");
    assert_eq!(world.open(&second.url).await.unwrap().text, page.text, "whoever comes later reads the same");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn what_was_begun_in_another_tab_is_not_taken_once_the_invoice_is_paid() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let (first, second) = (link(&world, "inv-1", None, "first").await, link(&world, "inv-1", None, "second").await);
    let (one, other) = (world.go_to_gateway(&first).await, world.go_to_gateway(&second).await);
    pay_at(&world, &one).await;
    pay_at(&world, &other).await;
    let shown = world.read(&second).await;
    assert_eq!(
        (&shown["attempts"][0]["status"], &shown["receipts"]),
        (&json!("awaiting_reversal"), &json!([])),
        "{shown}"
    );
    let told = world.open(&format!("{}/result", second.url)).await.unwrap();
    assert!(
        told.text.contains("what it is for had already been paid") && !told.text.contains("class=\"button\""),
        "{}",
        told.text
    );
    let books = world.books().await;
    assert_eq!(books.iter().filter(|book| book["ours"] == true).count(), 1, "{books:?}");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn what_was_left_to_go_back_is_not_taken_however_often_the_schedule_asks_about_it() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let (first, second) = (link(&world, "inv-1", None, "first").await, link(&world, "inv-1", None, "second").await);
    let (one, other) = (world.go_to_gateway(&first).await, world.go_to_gateway(&second).await);
    pay_at(&world, &one).await;
    pay_at(&world, &other).await;
    for _ in 0..3 {
        world.turn_time(3 * MINUTE);
        world.sweep().await.unwrap().unwrap();
    }
    let shown = world.read(&second).await;
    assert_eq!(shown["attempts"][0]["status"], "awaiting_reversal", "{shown}");
    let books = world.books().await;
    assert_eq!(books.iter().filter(|book| book["ours"] == true).count(), 1, "{books:?}");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn who_only_says_to_have_paid_a_paid_invoice_is_not_said_to_get_money_back() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let (first, second) = (link(&world, "inv-1", None, "first").await, link(&world, "inv-1", None, "second").await);
    let (one, other) = (world.go_to_gateway(&first).await, world.go_to_gateway(&second).await);
    pay_at(&world, &one).await;
    let stored = world.stored(&second).await;
    let attempt = &stored.attempts()[0];
    let (id, key, session) = (stored.id(), attempt.key.expose(), &attempt.session);
    world.open(&format!("/gateways/zarinpal/return/{id}/{key}?Authority={session}&Status=OK")).await.unwrap();
    assert_eq!(world.read(&second).await["attempts"][0]["status"], "open", "nothing was paid");
    // Who pays all the same has that left to go back.
    world.turn_time(MINUTE);
    pay_at(&world, &other).await;
    assert_eq!(world.read(&second).await["attempts"][0]["status"], "awaiting_reversal");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn money_that_a_gateway_took_for_a_paid_invoice_goes_back() {
    let world = FaultyWorld::start(0).await;
    let item = json!({ "amount": 150_000, "currency": "EUR" });
    put_item(&world, "inv-1", item).await;
    let at_stripe = json!({ "account_id": "euro" });
    let made = |reply: Reply| Made::read(paylink_local::seed::API_KEY, &reply.json());
    let first = made(create(&world, "inv-1", None, at_stripe.clone(), "first").await);
    let second = made(create(&world, "inv-1", None, at_stripe, "second").await);
    let (one, other) = (world.go_to_gateway(&first).await, world.go_to_gateway(&second).await);
    for page in [&one, &other] {
        let back = world.choose(page, "paid_no_webhook").await.unwrap();
        world.open(&back).await.unwrap();
    }
    world.confirm().await;
    let shown = world.read(&second).await;
    assert_eq!((&shown["attempts"][0]["status"], &shown["receipts"]), (&json!("refunded"), &json!([])), "{shown}");
    let refund = &shown["attempts"][0]["refunds"][0];
    assert_eq!(
        (&refund["cause"], &refund["not_kept_because"]),
        (&json!("automatic"), &json!("item_already_paid")),
        "{refund}"
    );
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_deposit_ends_no_instalment_and_two_tabs_of_one_pay_it_once() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "contract", json!({})).await;
    let mut instalments = Vec::new();
    for key in ["first", "second", "third"] {
        instalments.push(link(&world, "contract", Some(500_000), key).await);
    }
    pay(&world, &instalments[0]).await;
    world.bring_stream().await;
    let page = world.go_to_gateway(&instalments[1]).await;
    assert_eq!(world.go_to_gateway(&instalments[1]).await, page, "the second tab leads to the same session");
    pay_at(&world, &page).await;
    world.bring_stream().await;
    let third = world.read(&instalments[2]).await;
    assert_eq!((&third["status"], &third["amount_due"]), (&json!("active"), &json!(500_000)), "{third}");
    for link in &instalments[..2] {
        let paid = world.read(link).await;
        assert_eq!((&paid["status"], paid["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{paid}");
    }
    pay(&world, &instalments[2]).await;
    assert_eq!(world.read(&instalments[2]).await["status"], "paid");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn where_less_is_left_of_the_invoice_that_is_offered_and_closes_the_link() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let (whole, deposit) =
        (link(&world, "inv-1", None, "whole").await, link(&world, "inv-1", Some(500_000), "deposit").await);
    pay(&world, &deposit).await;
    let page = world.open(&whole.url).await.unwrap();
    assert!(page.text.contains("only \u{2068}IRR\u{a0}1,000,000\u{2069} is left to pay"), "{}", page.text);
    assert!(page.text.contains("Pay \u{2068}IRR\u{a0}1,000,000\u{2069}"), "{}", page.text);
    pay(&world, &whole).await;
    let paid = world.read(&whole).await;
    for (field, is) in [("status", json!("paid")), ("amount_paid", json!(1_000_000)), ("amount_due", json!(0))] {
        assert_eq!(paid[field], is, "{field} of {paid}");
    }
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_link_asks_for_what_is_left_and_more_only_where_somebody_names_it() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let first = link(&world, "inv-1", Some(600_000), "first").await;
    pay(&world, &first).await;
    let rest = create(&world, "inv-1", None, json!({}), "rest").await.json();
    assert_eq!((&rest["amount"], &rest["amount_source"]), (&json!(900_000), &json!("amount_due")), "{rest}");
    let rest = Made::read(paylink_local::seed::API_KEY, &rest);
    pay(&world, &rest).await;
    let nothing = create(&world, "inv-1", None, json!({}), "nothing").await;
    assert!(nothing.problems().contains(&("/amount".to_owned(), "nothing_due".to_owned())), "{}", nothing.text);
    // Who names an amount for a paid invoice wants it paid.
    let extra = link(&world, "inv-1", Some(50_000), "extra").await;
    pay(&world, &extra).await;
    assert_eq!(world.read(&extra).await["status"], "paid");
    // What the CRM says to be due since then counts, and what came since it knew.
    world.turn_time(MINUTE);
    put_item(&world, "inv-1", json!({ "amount_due": 300_000, "as_of": world.now().to_string() })).await;
    world.turn_time(MINUTE);
    let due = link(&world, "inv-1", Some(200_000), "due").await;
    pay(&world, &due).await;
    let rest = create(&world, "inv-1", None, json!({}), "rest-of-due").await.json();
    assert_eq!(rest["amount"], 100_000, "{rest}");
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn what_goes_back_is_left_to_pay_again_and_cash_counts_too() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let (first, second) = (link(&world, "inv-1", None, "first").await, link(&world, "inv-1", None, "second").await);
    pay(&world, &first).await;
    assert!(world.open(&second.url).await.unwrap().text.contains("This has already been paid"));
    let outside = json!({ "outside": { "reference": "T-1", "refunded_at": world.now().to_string() } });
    assert_eq!(world.refund(&first, &outside, "back").await.unwrap().status, StatusCode::CREATED);
    world.turn_time(MINUTE);
    world.sweep().await.unwrap().unwrap();
    let cash = world.record(&second, "cash").await.unwrap();
    assert_eq!(cash.status, StatusCode::CREATED, "{}", cash.text);
    let nothing = create(&world, "inv-1", None, json!({}), "nothing").await;
    assert!(nothing.problems().contains(&("/amount".to_owned(), "nothing_due".to_owned())), "{}", nothing.text);
    let voided = world.void(&second, "void").await.unwrap();
    assert_eq!(voided.status, StatusCode::OK, "{}", voided.text);
    assert_eq!(create(&world, "inv-1", None, json!({}), "again").await.json()["amount"], WHOLE);
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn a_link_that_ignores_what_was_paid_otherwise_is_paid_all_the_same() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    let first = link(&world, "inv-1", None, "first").await;
    let ignoring = create(&world, "inv-1", None, json!({ "when_paid_elsewhere": "ignore" }), "ignoring").await.json();
    assert_eq!(ignoring["when_paid_elsewhere"], "ignore");
    let ignoring = Made::read(paylink_local::seed::API_KEY, &ignoring);
    pay(&world, &first).await;
    world.bring_stream().await;
    pay(&world, &ignoring).await;
    assert_eq!(world.read(&ignoring).await["status"], "paid");
    assert_all_is_well(&world).await;
}

/// What a second link of an item is told where the settings want no two.
async fn assert_refused_for(reply: &Reply, other: &str) {
    let refused = reply.json();
    assert_eq!(reply.status, StatusCode::CONFLICT, "{refused}");
    assert_eq!((&refused["code"], &refused["conflicting_id"]), (&json!("item_has_active_link"), &json!(other)));
}

async fn want_one_link_per_item(world: &FaultyWorld) {
    let wanted = json!({ "one_active_link_per_item": true });
    let reply = world.crm(Method::PATCH, "/v1/settings", &wanted, &[]).await.unwrap();
    assert_eq!((reply.status, &reply.json()["one_active_link_per_item"]), (StatusCode::OK, &json!(true)));
}

#[tokio::test]
async fn where_a_business_wants_it_an_item_has_one_link_that_can_be_paid() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    put_item(&world, "inv-2", json!({})).await;
    let made_before = link(&world, "inv-1", None, "before").await;
    want_one_link_per_item(&world).await;
    let refused = create(&world, "inv-1", None, json!({}), "second").await;
    assert_refused_for(&refused, &made_before.id).await;
    link(&world, "inv-2", None, "of-another-item").await;
    let at_once = ["1", "2", "3", "4", "5"].map(|key| create(&world, "inv-2", None, json!({}), key));
    for refused in join_all(at_once).await {
        assert_eq!(refused.json()["code"], "item_has_active_link");
    }
    // The same request finds its own link, and one that is over stands in nobody's way.
    let again = create(&world, "inv-1", None, json!({}), "before").await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &json!(made_before.id)));
    assert_eq!(world.cancel(&made_before, false).await.unwrap().status, StatusCode::OK);
    let third = link(&world, "inv-1", None, "third").await;
    // Who takes its place takes that too.
    let fourth = world.replace(&third, &json!({ "amount": 1_000_000 }), "fourth").await.unwrap();
    assert_eq!(fourth.status, StatusCode::CREATED, "{}", fourth.text);
    let fourth = Made::read(paylink_local::seed::API_KEY, &fourth.json());
    assert_refused_for(&create(&world, "inv-1", None, json!({}), "fifth").await, &fourth.id).await;
    pay(&world, &fourth).await;
    link(&world, "inv-1", Some(500_000), "for-the-rest").await;
    assert_all_is_well(&world).await;
}

#[tokio::test]
async fn of_many_who_make_a_link_of_one_item_at_once_one_does() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    want_one_link_per_item(&world).await;
    let keys: Vec<String> = (0..at_once(12)).map(|number| format!("caller-{number}")).collect();
    let made =
        join_all(keys.iter().map(|key| create(&world, "inv-1", None, json!({ "reference_id": key }), key))).await;
    let won: Vec<&Reply> = made.iter().filter(|reply| reply.status == StatusCode::CREATED).collect();
    assert_eq!(won.len(), 1, "{:?}", made.iter().map(|reply| &reply.text).collect::<Vec<_>>());
    let open = world.get("/v1/payment-links?item_id=inv-1&status=active").await;
    assert_eq!(open["data"].as_array().unwrap().len(), 1, "{open}");
    assert_eq!(open["data"][0]["id"], won[0].json()["id"]);
}

#[tokio::test]
async fn a_link_of_a_sandbox_stands_in_no_live_ones_way() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "inv-1", json!({})).await;
    want_one_link_per_item(&world).await;
    link(&world, "inv-1", None, "sandbox").await;
    let live = world.live_account().await;
    let reply = create(&world, "inv-1", None, json!({ "account_id": live }), "live").await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    let draft = |account: Value| {
        let body = json!({ "item_id": "inv-1", "account_id": account });
        async { world.crm(Method::POST, "/v1/payment-links/draft", &{ body }, &[]).await.unwrap().json() }
    };
    for (account, mode) in [(json!("main"), "sandbox"), (json!(live), "live")] {
        let shown = draft(account).await;
        let modes: Vec<&Value> =
            shown["item"]["active_links"].as_array().unwrap().iter().map(|link| &link["mode"]).collect();
        assert_eq!(modes, [&json!(mode)], "{shown}");
        assert_eq!(shown["problems"][0]["code"], "item_has_active_link", "{shown}");
    }
}

#[tokio::test]
async fn a_form_says_what_was_paid_for_an_item_and_what_asks_for_it_already() {
    let world = FaultyWorld::start(0).await;
    put_item(&world, "contract", json!({})).await;
    let draft = || async {
        let body = json!({ "item_id": "contract", "account_id": "main" });
        let reply = world.crm(Method::POST, "/v1/payment-links/draft", &body, &[]).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply.json()
    };
    let nothing = draft().await;
    assert_eq!(
        (&nothing["item"]["amount_paid"], &nothing["item"]["active_links"]),
        (&json!(0), &json!([])),
        "{nothing}"
    );
    let (first, second) = (
        link(&world, "contract", Some(500_000), "first").await,
        link(&world, "contract", Some(400_000), "second").await,
    );
    pay(&world, &first).await;
    world.bring_stream().await;
    let shown = draft().await;
    let item = &shown["item"];
    assert_eq!(
        (&item["id"], &item["title"], &item["currency"]),
        (&json!("contract"), &json!("contract"), &json!("IRR"))
    );
    assert_eq!((&item["amount_paid"], &item["amount_due"]), (&json!(500_000), &json!(1_000_000)), "{shown}");
    let shown_to_people = item["amount_due_display"].as_str().unwrap();
    assert_eq!(shown_to_people, "۱۰۰٬۰۰۰\u{a0}تومان (۱٬۰۰۰٬۰۰۰\u{a0}ریال)");
    assert_eq!((&shown["request"]["amount"], &shown["problems"]), (&json!(1_000_000), &json!([])), "{shown}");
    let open = &item["active_links"];
    assert_eq!(open.as_array().unwrap().len(), 1, "the paid one asks for nothing: {open}");
    assert_eq!(
        (&open[0]["id"], &open[0]["amount"], &open[0]["amount_due"]),
        (&json!(second.id), &json!(400_000), &json!(400_000))
    );
    let of_none =
        world.crm(Method::POST, "/v1/payment-links/draft", &json!({ "contact_id": "c-1042" }), &[]).await.unwrap();
    assert_eq!(of_none.json()["item"], Value::Null);
}

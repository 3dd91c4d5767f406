//! Links that take the place of others: what the CRM can have changed and is told, where the old address leads, what becomes of
//! money that comes to the old link; and customers who ask for a new link.

use std::time::Duration;

use domain::link::LinkStatus;
use futures_util::future::join_all;
use paylink_local::seed::{API_KEY, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Reply;
use tests::faulty_world::{FaultyWorld, Made};
use tests::forms::Form;
use tests::invariants::Stage;
use tests::totals::{GROUPINGS, disagreements};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A link over 1,500,000 rial.
async fn link(world: &FaultyWorld, name: &str, more: Value) -> Made {
    let mut body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 1_500_000, "locale": "en" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.make_link(&body, name).await
}

async fn replaced(world: &FaultyWorld, link: &Made, body: Value, key: &str) -> Made {
    let reply = world.replace(link, &body, key).await.unwrap();
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
    Made::read(API_KEY, &reply.json())
}

/// Where each page of an old link leads, for a person and for whoever only looks.
async fn assert_leads_to(world: &FaultyWorld, old: &Made, newest: &Made) {
    let before = world.stored(newest).await.version();
    for ending in ["", "/go", "/already-paid", "/ask-again", "/result"] {
        let address = format!("{}{ending}", old.url);
        for reply in [
            world.open(&address).await.unwrap(),
            world.ask(Method::GET, &address, &[], None).await.unwrap(),
            world.ask(Method::HEAD, &address, &[], None).await.unwrap(),
        ] {
            assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, newest.url.clone()), "{address}");
        }
    }
    for ending in ["/go", "/already-paid", "/ask-again"] {
        let pressed = world.ask(Method::POST, &format!("{}{ending}", old.url), &[], Some("")).await.unwrap();
        assert_eq!((pressed.status, pressed.location()), (StatusCode::SEE_OTHER, newest.url.clone()), "{ending}");
    }
    assert_eq!(world.stored(newest).await.version(), before, "leading on writes nothing");
}

async fn kinds_told(world: &FaultyWorld, link: &Made) -> Vec<String> {
    let events = world.get(&format!("/v1/events?payment_link_id={}", link.id)).await;
    events["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

async fn assert_all_agrees(world: &FaultyWorld) {
    world.confirm().await;
    let evidence = world.assert_all_is_well(Stage::CaughtUp).await;
    let wrong = disagreements(world, &evidence, DEMO, &GROUPINGS).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_is_left_out_stays_and_the_old_address_leads_to_the_newest_however_long_the_chain() {
    let world = FaultyWorld::start(0).await;
    let more = json!({ "description": "Flowers", "reference_id": "order-1", "metadata": { "k": "v" },
                       "recipients": { "emails": ["rose@buyer.example"] } });
    let first = link(&world, "first", more).await;
    world.bring_stream().await;
    let second = replaced(&world, &first, json!({ "amount": 1_200_000 }), "second").await;
    let (old, new) = (world.read(&first).await, world.read(&second).await);
    assert_eq!((&old["status"], &old["replaced_by"]), (&json!("replaced"), &json!(second.id)), "{old}");
    assert_eq!((&old["amount"], &old["amount_due"]), (&json!(1_500_000), &json!(0)), "{old}");
    assert!(old["replaced_at"].is_string() && old["replaces"].is_null(), "{old}");
    assert_eq!(
        (&new["status"], &new["replaces"], &new["amount"]),
        (&json!("active"), &json!(first.id), &json!(1_200_000))
    );
    for kept in
        ["description", "reference_id", "metadata", "account", "contact", "expires_at", "after_payment", "message"]
    {
        assert_eq!(new[kept], old[kept], "{kept}");
    }
    assert_eq!(new["messages"][0]["to"], "rose@buyer.example", "{new}");
    let third = replaced(&world, &second, json!({ "expires_in_days": 30, "recipients": {} }), "third").await;
    let fourth = replaced(&world, &third, json!({ "description": null }), "fourth").await;
    for one in [&first, &second, &third] {
        assert_leads_to(&world, one, &fourth).await;
        let again = world.replace(one, &json!({}), &format!("again-{}", one.id)).await.unwrap();
        let problem = again.json();
        assert_eq!((again.status, &problem["code"]), (StatusCode::CONFLICT, &json!("link_replaced")), "{problem}");
        assert_eq!(problem["conflicting_id"], fourth.id.as_str(), "{problem}");
    }
    let newest = world.read(&fourth).await;
    assert_eq!((&newest["description"], &newest["messages"]), (&Value::Null, &json!([])), "{newest}");
    let of_reference = world.get("/v1/payment-links?reference_id=order-1").await;
    assert_eq!(of_reference["data"].as_array().unwrap().len(), 4, "{of_reference}");
    world.bring_stream().await;
    world.turn_time(MINUTE);
    let told = kinds_told(&world, &first).await;
    assert_eq!(told.iter().filter(|kind| *kind == "payment_link.replaced").count(), 1, "{told:?}");
    let listed = world.get("/v1/payment-links?status=replaced").await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 3, "{listed}");
    // Who pays by the old address pays the newest.
    world.pay(&fourth, "paid").await;
    assert_eq!(world.read(&fourth).await["status"], "paid");
    let paid = world.replace(&fourth, &json!({}), "paid").await.unwrap();
    assert_eq!((paid.status, &paid.json()["code"]), (StatusCode::CONFLICT, &json!("link_takes_no_money")));
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn the_same_request_finds_its_link_and_two_at_once_make_one() {
    let world = FaultyWorld::start(0).await;
    let first = link(&world, "first", json!({ "reference_id": "order-2" })).await;
    let second = replaced(&world, &first, json!({ "amount": 900_000 }), "once").await;
    let again = world.replace(&first, &json!({ "amount": 900_000 }), "once").await.unwrap();
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::CREATED, &json!(second.id)), "{}", again.text);
    let other = world.replace(&first, &json!({ "amount": 800_000 }), "once").await.unwrap();
    assert_eq!(
        (other.status, &other.json()["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_key_reused"))
    );
    let third = replaced(&world, &second, json!({ "amount": 900_000 }), "once").await;
    assert_ne!(third.id, second.id, "under the same key another link is another request");
    let body = json!({ "amount": 700_000 });
    let keys: Vec<String> = (0..8).map(|number| format!("race-{number}")).collect();
    let replies = join_all(keys.iter().map(|key| world.replace(&third, &body, key))).await;
    let replies: Vec<Reply> = replies.into_iter().flatten().collect();
    let made: Vec<&Reply> = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).collect();
    assert_eq!(made.len(), 1, "one of them wins");
    for lost in replies.iter().filter(|reply| reply.status != StatusCode::CREATED) {
        assert_eq!(lost.json()["conflicting_id"], made[0].json()["id"], "{}", lost.text);
    }
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn whose_a_link_is_cannot_be_changed_and_what_cannot_be_is_refused_at_its_field() {
    let world = FaultyWorld::start(0).await;
    let old = link(&world, "old", json!({})).await;
    let other = json!({ "name": "Somebody else" });
    world.crm(Method::PUT, "/v1/contacts/c-77", &other, &[]).await.unwrap();
    for (body, pointer, code) in [
        (json!({ "contact_id": "c-77" }), "/contact_id", "read_only"),
        (json!({ "contact": { "id": "c-1042", "name": "New" } }), "/contact", "read_only"),
        (json!({ "item_id": "inv-9" }), "/item_id", "read_only"),
        (
            json!({ "item": { "id": "inv-9", "kind": "invoice", "title": "T", "contact_id": "c-1042" } }),
            "/item",
            "read_only",
        ),
        (json!({ "amount": 0 }), "/amount", "amount_not_payable"),
        (json!({ "account_id": "euro" }), "/currency", "currency_mismatch"),
        (json!({ "account_id": "nowhere" }), "/account_id", "unknown_account"),
        (json!({ "currency": "IRR" }), "/currency", "currency_without_amount"),
        (json!({ "force": "yes" }), "/force", "wrong_type"),
        (json!({ "colour": "red" }), "/colour", "unknown_field"),
    ] {
        let reply = world.replace(&old, &body, &format!("refused-{}", code)).await.unwrap();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", reply.text);
        assert!(reply.problems().contains(&(pointer.to_owned(), code.to_owned())), "{body}: {}", reply.text);
    }
    let path = "/v1/payment-links/pl_11111111111111111111111111/replace";
    let nowhere = world.crm(Method::POST, path, &json!({}), &[]).await.unwrap();
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert_eq!(world.read(&old).await["status"], "active");
    let same = replaced(&world, &old, json!({ "contact_id": "c-1042", "account_id": "main" }), "same").await;
    let cancelled = world.cancel(&same, false).await.unwrap();
    assert!(cancelled.status.is_success());
    let over = world.replace(&same, &json!({}), "over").await.unwrap();
    assert_eq!(
        (over.status, &over.json()["code"], &over.json()["current_status"]),
        (StatusCode::CONFLICT, &json!("link_takes_no_money"), &json!("cancelled"))
    );
}

#[tokio::test]
async fn another_active_link_keeps_its_reference() {
    let world = FaultyWorld::start(0).await;
    let old = link(&world, "old", json!({ "reference_id": "shared" })).await;
    world.turn_time(8 * DAY);
    world.confirm().await;
    let newer = link(&world, "newer", json!({ "reference_id": "shared" })).await;
    let taken = world.replace(&old, &json!({}), "taken").await.unwrap();
    assert_eq!((taken.status, &taken.json()["code"]), (StatusCode::CONFLICT, &json!("reference_id_in_use")));
    assert_eq!(taken.json()["conflicting_id"], newer.id.as_str());
    assert_eq!(world.read(&old).await["status"], "expired");
    replaced(&world, &old, json!({ "reference_id": "own" }), "own").await;
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn a_part_paid_link_is_replaced_for_its_rest_and_keeps_what_was_paid() {
    let world = FaultyWorld::start(0).await;
    let old = link(&world, "parts", json!({ "payment_plan": { "minimum": 500_000 } })).await;
    world.pay(&old, "paid").await;
    assert_eq!(world.read(&old).await["amount_paid"], 500_000);
    let rest = replaced(&world, &old, json!({}), "rest").await;
    let (was, is) = (world.read(&old).await, world.read(&rest).await);
    assert_eq!((&is["amount"], &is["payment_plan"]["minimum"]), (&json!(1_000_000), &json!(500_000)), "{is}");
    assert_eq!(
        (&was["status"], &was["amount_paid"], &was["amount_due"]),
        (&json!("replaced"), &json!(500_000), &json!(0))
    );
    assert_leads_to(&world, &old, &rest).await;
    let page = world.visit_to_pay(&rest, "pay=all").await.unwrap();
    let back = world.choose(&page, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    assert_eq!(world.read(&rest).await["status"], "paid");
    // What was paid of the old one can still go back.
    let outside = json!({ "outside": { "reference": "T-1", "refunded_at": world.now().to_string() } });
    let refunded = world.refund(&old, &outside, "back").await.unwrap();
    assert_eq!(refunded.status, StatusCode::CREATED, "{}", refunded.text);
    world.turn_time(MINUTE);
    world.confirm().await;
    assert_eq!(world.read(&old).await["status"], "replaced");
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn where_somebody_may_be_paying_it_is_forced_and_money_that_comes_to_the_old_link_goes_back() {
    let world = FaultyWorld::start(0).await;
    for (account, amount) in [("main", 1_500_000), ("euro", 1999)] {
        let old = link(&world, account, json!({ "account_id": account, "amount": amount })).await;
        let page = world.go_to_gateway(&old).await;
        let asked = world.replace(&old, &json!({}), &format!("asked-{account}")).await.unwrap();
        assert_eq!((asked.status, &asked.json()["code"]), (StatusCode::CONFLICT, &json!("payment_in_progress")));
        let forced = json!({ "force": true, "amount": amount - 100 });
        let newest = replaced(&world, &old, forced, &format!("forced-{account}")).await;
        let back = world.choose(&page, "paid").await.unwrap();
        world.open(&back).await.unwrap();
        let shown = world.read(&old).await;
        assert_eq!((&shown["status"], &shown["payments"]), (&json!("replaced"), &json!([])), "{shown}");
        let told = world.open(&format!("{}/result", old.url)).await.unwrap();
        assert_eq!(told.status, StatusCode::OK, "{}", told.text);
        assert!(told.text.contains("Open the newest link") && !told.text.contains("class=\"button\""), "{}", told.text);
        assert_eq!(world.open(&old.url).await.unwrap().location(), newest.url, "the link itself leads on");
        let cash = json!({ "received_by": "cash", "force": true });
        let path = format!("/v1/payment-links/{}/payments", old.id);
        let refused = world.crm(Method::POST, &path, &cash, &[("idempotency-key", "cash")]).await.unwrap();
        assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("link_takes_no_money")));
        world.pay(&newest, "paid").await;
        assert_eq!(world.read(&newest).await["status"], "paid");
    }
    world.return_unverified_money().await;
    world.turn_time(DAY);
    world.confirm().await;
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn messages_of_an_old_link_that_were_not_sent_yet_are_skipped() {
    let world = FaultyWorld::start(0).await;
    let old = link(&world, "told", json!({ "recipients": { "emails": ["iris@buyer.example"] } })).await;
    let newest = replaced(&world, &old, json!({ "amount": 900_000 }), "newest").await;
    world.bring_stream().await;
    assert_eq!(world.read(&old).await["messages"][0]["status"], "skipped");
    let inbox = world.cloud.inbox.all();
    let mine: Vec<&str> =
        inbox.iter().filter(|one| one.to == "iris@buyer.example").map(|one| one.body.as_str()).collect();
    assert_eq!(mine.len(), 1, "{mine:?}");
    assert!(mine[0].contains("900,000") && mine[0].contains(&newest.url), "{mine:?}");
}

fn ask_button(page: &Reply) -> Option<Form> {
    let forms = page.text.split_inclusive("</form>").filter_map(Form::of);
    forms.into_iter().find(|form| form.action.ends_with("/ask-again"))
}

async fn press(world: &FaultyWorld, link: &Made) -> Reply {
    world.ask(Method::POST, &format!("{}/ask-again", link.url), &[], Some("")).await.unwrap()
}

#[tokio::test]
async fn a_customer_of_a_link_that_expired_asks_for_a_new_one_once_a_day_and_the_business_answers() {
    let world = FaultyWorld::start(0).await;
    let old = link(&world, "over", json!({})).await;
    let page = world.ask(Method::GET, &old.url, &[], None).await.unwrap();
    assert!(ask_button(&page).is_none(), "it can be paid");
    let early = press(&world, &old).await;
    assert_eq!((early.status, world.stored(&old).await.renewal_requested_at()), (StatusCode::OK, None));
    world.turn_time(8 * DAY);
    let page = world.open(&old.url).await.unwrap();
    assert_eq!(page.status, StatusCode::GONE, "{}", page.text);
    assert!(ask_button(&page).is_some() && page.text.contains("Ask for a new link"), "{}", page.text);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("form-action 'self'"));
    // Nobody asks by a GET, whoever it is.
    let (version, ask) = (world.stored(&old).await.version(), format!("{}/ask-again", old.url));
    for looked in [world.open(&ask).await.unwrap(), world.ask(Method::GET, &ask, &[], None).await.unwrap()] {
        assert_eq!(looked.text, page.text);
    }
    assert_eq!(world.stored(&old).await.version(), version);
    let told = press(&world, &old).await;
    assert!(told.text.contains("would like a new link") && ask_button(&told).is_none(), "{}", told.text);
    let again = press(&world, &old).await;
    assert_eq!(again.text, told.text, "it is said already");
    world.bring_stream().await;
    world.turn_time(MINUTE);
    let kinds = kinds_told(&world, &old).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "payment_link.renewal_requested").count(), 1, "{kinds:?}");
    assert!(matches!(world.stored(&old).await.status_at(world.now()), LinkStatus::Expired { .. }));
    world.turn_time(DAY);
    assert!(ask_button(&world.open(&old.url).await.unwrap()).is_some(), "a day later they may ask again");
    press(&world, &old).await;
    world.bring_stream().await;
    world.turn_time(MINUTE);
    let kinds = kinds_told(&world, &old).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "payment_link.renewal_requested").count(), 2, "{kinds:?}");
    let shown = world.read(&old).await;
    assert!(shown["renewal_requested_at"].is_string(), "{shown}");
    let newest = replaced(&world, &old, json!({}), "renewed").await;
    assert_eq!(world.read(&newest).await["amount"], 1_500_000);
    assert_leads_to(&world, &old, &newest).await;
    world.pay(&newest, "paid").await;
    assert_all_agrees(&world).await;
}

#[tokio::test]
async fn a_link_that_is_cancelled_or_paid_offers_no_new_one() {
    let world = FaultyWorld::start(0).await;
    let (cancelled, paid) = (link(&world, "cancelled", json!({})).await, link(&world, "paid", json!({})).await);
    world.cancel(&cancelled, false).await.unwrap();
    world.pay(&paid, "paid").await;
    for one in [&cancelled, &paid] {
        let page = press(&world, one).await;
        assert!(ask_button(&page).is_none(), "{}", page.text);
        assert_eq!(world.stored(one).await.renewal_requested_at(), None);
    }
}

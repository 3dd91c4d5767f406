//! Who of the people told opened a link first, and who began to pay it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;

const SMS: &str = "+989121234567";
const EMAIL: &str = "rose@buyer.example";

/// A link of which two people are told.
async fn told(world: &FaultyWorld, name: &str, more: Value) -> Made {
    let mut body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_250, "locale": "en",
                           "recipients": { "mobiles": [SMS], "emails": [EMAIL] } });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let link = world.make_link(&body, name).await;
    world.bring_stream().await;
    link
}

/// The address of a link as a message to somebody has it.
fn address(world: &FaultyWorld, link: &Made, to: &str) -> String {
    let messages = world.cloud.inbox.all();
    let mut of_link = messages.iter().filter(|message| message.to == to && message.body.contains(&link.url));
    let body = &of_link.next_back().unwrap_or_else(|| panic!("{to} was told nothing of {}", link.url)).body;
    let begin = body.find(&link.url).unwrap();
    body[begin..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap().trim_end_matches('.').to_owned()
}

/// The same link by another address.
fn by(link: &Made, url: String) -> Made {
    Made { url, ..link.clone() }
}

#[tokio::test]
async fn a_link_says_who_opened_it_first_and_who_began_the_payment_that_was_kept() {
    let world = FaultyWorld::start(0).await;
    let link = told(&world, "two", json!({})).await;
    let (of_sms, of_email) = (address(&world, &link, SMS), address(&world, &link, EMAIL));
    assert_eq!((of_sms.len(), of_email.len()), (link.url.len() + 1, link.url.len() + 1), "{of_sms} {of_email}");
    assert_ne!(of_sms, of_email);
    assert_eq!(world.read(&link).await["opened_by"], Value::Null);
    // A preview is nobody.
    let preview = world.ask(Method::GET, &of_sms, &[("user-agent", "WhatsApp/2.23")], None).await.unwrap();
    assert_eq!(preview.status, StatusCode::OK);
    assert_eq!(world.read(&link).await["opened_at"], Value::Null);
    // The manager reads it, and the bookkeeper pays.
    world.visit(&by(&link, of_email.clone())).await.unwrap();
    let opened = world.read(&link).await;
    assert_eq!((&opened["opened_by"]["to"], &opened["opened_by"]["channel"]), (&json!(EMAIL), &json!("email")));
    assert_eq!(opened["attempts"][0]["begun_by"]["to"], json!(EMAIL), "who goes on begins");
    let message = opened["messages"].as_array().unwrap().iter().find(|message| message["to"] == EMAIL).unwrap();
    assert_eq!(opened["opened_by"]["message_id"], message["id"]);
    let page = world.visit(&by(&link, of_sms)).await.unwrap();
    world.choose(&page, "cancelled").await.unwrap();
    let other = told(&world, "other", json!({})).await;
    world.visit(&by(&other, address(&world, &other, EMAIL))).await.unwrap();
    let marked = by(&other, address(&world, &other, SMS));
    world.pay(&marked, "paid").await;
    let paid = world.read(&other).await;
    assert_eq!((&paid["status"], &paid["opened_by"]["to"]), (&json!("paid"), &json!(EMAIL)), "{paid}");
    // The session was begun by who came first, and it was the same that was paid in.
    assert_eq!(paid["payments"][0]["begun_by"]["to"], json!(EMAIL));
    world.return_unverified_money().await;
    world.confirm().await;
    world.assert_all_is_well(Stage::CaughtUp).await;
}

#[tokio::test]
async fn the_button_of_the_page_before_the_gateway_knows_by_whose_address_it_was_reached() {
    let world = FaultyWorld::start(0).await;
    let link = told(&world, "summary", json!({ "account_id": "main", "amount": 1_500_000 })).await;
    let of_sms = address(&world, &link, SMS);
    world.pay(&by(&link, of_sms), "paid").await;
    let paid = world.read(&link).await;
    assert_eq!(
        (&paid["opened_by"]["to"], &paid["payments"][0]["begun_by"]["to"]),
        (&json!(SMS), &json!(SMS)),
        "{paid}"
    );
    let mark = &paid["payments"][0]["begun_by"];
    assert_eq!((&mark["roles"], &mark["people"]), (&json!([]), &json!([])), "it was typed by hand");
}

#[tokio::test]
async fn an_address_that_says_nothing_or_that_nobody_has_tells_nothing_and_opens_the_link_all_the_same() {
    let world = FaultyWorld::start(0).await;
    for (name, behind) in [("plain", ""), ("nobody", "z"), ("word", "thanks"), ("stop", ".")] {
        let link = told(&world, name, json!({})).await;
        world.pay(&by(&link, format!("{}{behind}", link.url)), "paid").await;
        let paid = world.read(&link).await;
        assert_eq!((&paid["status"], &paid["opened_by"]), (&json!("paid"), &Value::Null), "{name}");
        assert_eq!(paid["payments"][0]["begun_by"], Value::Null, "{name}");
        assert!(paid["opened_at"].is_string());
    }
}

#[tokio::test]
async fn whoever_is_told_again_keeps_their_mark_and_whoever_is_told_later_has_another() {
    let world = FaultyWorld::start(0).await;
    let link = told(&world, "rounds", json!({})).await;
    let first = address(&world, &link, EMAIL);
    world.turn_time(std::time::Duration::from_secs(120));
    let again = json!({ "recipients": { "emails": ["late@buyer.example", EMAIL] } });
    let path = format!("/v1/payment-links/{}/messages", link.id);
    let sent = world.crm(Method::POST, &path, &again, &[]).await.unwrap();
    assert!(sent.status.is_success(), "{}", sent.text);
    world.bring_stream().await;
    assert_eq!(address(&world, &link, EMAIL), first);
    let later = address(&world, &link, "late@buyer.example");
    assert!(![&first, &address(&world, &link, SMS)].contains(&&later), "{later}");
    world.open(&later).await.unwrap();
    assert_eq!(world.read(&link).await["opened_by"]["to"], "late@buyer.example");
}

#[tokio::test]
async fn a_mark_is_left_out_where_it_would_cost_a_segment_of_an_sms() {
    let world = FaultyWorld::start(0).await;
    // The text of this many characters fits one segment without a mark, and not with one.
    let link_length =
        world.make_link(&json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 500 }), "length").await;
    // A bracket counts twice in the alphabet of GSM.
    let filler = "x".repeat(160 - "[[TEST]] ".len() - 1 - link_length.url.len());
    for (name, filler, marked) in [("full", filler.clone(), 0), ("room", filler[1..].to_owned(), 1)] {
        let text = format!("{filler} {{{{ link }}}}");
        let message = json!({ "mode": "custom", "channels": ["sms"], "sms": { "body": text } });
        let link = told(&world, name, json!({ "recipients": { "mobiles": [SMS] }, "message": message })).await;
        assert_eq!(address(&world, &link, SMS).len(), link.url.len() + marked, "{name}");
    }
}

#[tokio::test]
async fn totals_tell_apart_by_what_links_were_opened() {
    let world = FaultyWorld::start(0).await;
    for (name, to) in [("a", Some(SMS)), ("b", Some(EMAIL)), ("c", Some(EMAIL)), ("d", None)] {
        let link = told(&world, name, json!({})).await;
        if let Some(to) = to {
            world.open(&address(&world, &link, to)).await.unwrap();
        }
        if name == "c" {
            world.pay(&by(&link, address(&world, &link, to.unwrap())), "paid").await;
        }
    }
    let totals = world.get("/v1/totals?group_by=opened_by&mode=sandbox").await;
    let groups = totals["groups"].as_array().unwrap();
    let of = |key: Value| groups.iter().find(|group| group["key"] == key).unwrap_or_else(|| panic!("{key}: {totals}"));
    let count = |key: Value, what: &str| of(key)["links"][what]["count"].clone();
    assert_eq!(count(json!("sms"), "opened"), 1, "{totals}");
    assert_eq!((count(json!("email"), "opened"), count(json!("email"), "paid")), (json!(2), json!(1)));
    assert_eq!((count(Value::Null, "created"), count(Value::Null, "opened")), (json!(1), json!(0)));
}

#[tokio::test]
async fn once_a_person_is_forgotten_nobody_is_said_to_have_opened_the_link_and_totals_stay() {
    let world = FaultyWorld::start(0).await;
    let link = told(&world, "forgotten", json!({})).await;
    world.pay(&by(&link, address(&world, &link, EMAIL)), "paid").await;
    world.confirm().await;
    let store = world.cloud.business();
    let stored = world.stored(&link).await;
    let forgotten = stored.forget_person(world.now()).unwrap().unwrap();
    store.replace_link(&forgotten).await.unwrap();
    let shown = world.read(&link).await;
    assert_eq!((&shown["opened_by"], &shown["payments"][0]["begun_by"]), (&Value::Null, &Value::Null), "{shown}");
    assert_eq!(forgotten.opened_by_channel(), Some(domain::messages::channel::Channel::Email));
}

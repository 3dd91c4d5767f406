//! Whom a link is for: the contact and its people, chosen by role or singly, each with channels of their own.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Reply, World};

const LINKS: &str = "/v1/payment-links";

/// A contact with two managers, of whom the second has an id of the CRM's, and a liaison whom only an email reaches.
async fn world() -> World {
    let world = World::in_process().await;
    let contact = json!({
        "name": "Two managers", "mobile": "09120000010", "email": "office@example.com",
        "people": [
            { "role": "manager", "mobile": "09120000011", "email": "first@example.com" },
            { "role": "manager", "id": "p-17", "mobile": "09120000012", "email": "second@example.com" },
            { "role": "liaison", "email": "liaison@example.com" },
            { "role": "manager", "email": "third@example.com" },
        ],
    });
    world.put("/v1/contacts/c-2", contact).await;
    world
}

fn body(recipients: Value) -> Value {
    json!({ "account_id": "main", "contact_id": "c-2", "amount": 50_000, "recipients": recipients })
}

async fn refused(world: &World, path: &str, body: Value) -> Reply {
    let reply = world.crm(Method::POST, path, body).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reply.text);
    reply
}

/// Address, roles and people of each message.
fn told(link: &Value) -> Vec<(&str, String, String)> {
    let texts =
        |list: &Value| list.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join("+");
    let messages = link["messages"].as_array().unwrap();
    messages.iter().map(|one| (one["to"].as_str().unwrap(), texts(&one["roles"]), texts(&one["people"]))).collect()
}

fn one<'a>(to: &'a str, role: &str, person: &str) -> (&'a str, String, String) {
    (to, role.to_owned(), person.to_owned())
}

#[tokio::test]
async fn people_have_ids_which_are_kept_and_shown() {
    let world = world().await;
    let ids = |contact: &Value| -> Vec<String> {
        contact["people"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let contact = world.get("/v1/contacts/c-2").await;
    assert_eq!(ids(&contact), ["manager", "p-17", "liaison", "manager-2"]);
    assert_eq!(world.put("/v1/contacts/c-2", contact.clone()).await, contact, "given back, nothing changes");
    // Whoever leaves takes the id along, and those who stay keep theirs.
    let mut fewer = contact.clone();
    fewer["people"].as_array_mut().unwrap().remove(0);
    let fewer = world.put("/v1/contacts/c-2", fewer).await;
    assert_eq!(ids(&fewer), ["p-17", "liaison", "manager-2"]);
    // Written without ids and in another order, they are known by their addresses.
    let mut unnamed = fewer.clone();
    let people = unnamed["people"].as_array_mut().unwrap();
    people.reverse();
    for person in people {
        person.as_object_mut().unwrap().remove("id");
    }
    assert_eq!(ids(&world.put("/v1/contacts/c-2", unnamed).await), ["manager-2", "liaison", "p-17"]);
    for (people, pointer, code) in [
        (json!([{ "role": "a", "id": "x" }, { "role": "b", "id": "x" }]), "/people/1/id", "given_twice"),
        (json!([{ "role": "a", "id": "Contact" }]), "/people/0/id", "reserved_id"),
        (json!([{ "role": "a", "id": "a b" }]), "/people/0/id", "invalid_id"),
    ] {
        let wrong = world.crm(Method::PUT, "/v1/contacts/c-2", json!({ "name": "N", "people": people })).await;
        assert_eq!(wrong.problems(), [(pointer.to_owned(), code.to_owned())]);
    }
}

#[tokio::test]
async fn a_person_is_told_on_the_channels_chosen_and_the_link_says_who_and_how() {
    let world = world().await;
    let chosen = json!([
        { "person": "p-17", "channels": ["sms"] }, { "person": "liaison" },
        { "person": "contact", "channels": ["email"] },
    ]);
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", body(json!({ "people": chosen }))).await.json();
    assert_eq!(draft["problems"], json!([]));
    let to: Vec<&Value> = draft["recipients"].as_array().unwrap().iter().map(|one| &one["people"]).collect();
    assert_eq!(to, [&json!(["contact"]), &json!(["p-17"]), &json!(["liaison"])]);
    let link = world.make_link(draft["request"].clone()).await;
    assert_eq!(
        told(&link),
        [
            one("office@example.com", "contact", "contact"),
            one("+989120000012", "manager", "p-17"),
            one("liaison@example.com", "liaison", "liaison"),
        ]
    );
    assert_eq!(link["unreached"], json!([]));
    for address in ["office@example.com", "+989120000012", "liaison@example.com"] {
        world.inbox(address, 1).await;
    }
    // Named in other ways too, nobody is told twice, and a role allows every channel.
    let link = world
        .make_link(body(json!({
            "roles": ["manager"], "emails": ["SECOND@example.com"],
            "people": [{ "person": "p-17", "channels": ["sms"] }, { "person": "p-17" }],
        })))
        .await;
    assert_eq!(
        told(&link),
        [
            one("+989120000011", "manager", "manager"),
            one("first@example.com", "manager", "manager"),
            one("+989120000012", "manager", "p-17"),
            one("second@example.com", "manager", "p-17"),
            one("third@example.com", "manager", "manager-2"),
        ]
    );
}

#[tokio::test]
async fn a_person_who_is_not_there_and_a_channel_without_an_address_are_pointed_at_and_not_left_out() {
    let world = world().await;
    let recipients = json!({ "people": [
        { "person": "manger" }, { "person": "liaison", "channels": ["email", "sms", "social"] },
        { "person": "contact", "channels": ["email"] }, { "channels": ["fax"] }, { "person": "liaison", "channels": [] },
        { "person": "liaison", "channel": ["sms"] },
    ] });
    let unread = refused(&world, LINKS, body(recipients)).await;
    let expected = [
        ("/recipients/people/3/person", "required"),
        ("/recipients/people/3/channels/0", "unknown_channel"),
        ("/recipients/people/4/channels", "required"),
        ("/recipients/people/5/channel", "unknown_field"),
    ];
    assert_eq!(unread.problems(), expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
    let recipients = json!({ "people": [
        { "person": "manger" }, { "person": "liaison", "channels": ["sms"] }, { "person": "p-17", "channels": ["email"] },
    ] });
    let mut request = body(recipients.clone());
    request["message"] = json!({ "channels": ["sms"] });
    let unknown = refused(&world, LINKS, request.clone()).await;
    let expected = json!([
        { "pointer": "/recipients/people/0/person", "code": "unknown_person",
          "detail": "There is no such person. Did you mean manager? There are contact, manager, p-17, liaison, manager-2." },
        { "pointer": "/recipients/people/1/channels/0", "code": "no_address",
          "detail": "liaison has no address for sms." },
        { "pointer": "/recipients/people/2/channels/0", "code": "channel_not_used",
          "detail": "The message does not use the channel email." },
    ]);
    assert_eq!(unknown.json()["errors"], expected);
    let draft = world.crm(Method::POST, "/v1/payment-links/draft", request).await.json();
    assert_eq!(draft["problems"], expected);
    // The same where people are told once more.
    let link = world.make_link(body(json!({}))).await;
    let again = format!("{LINKS}/{}/messages", link["id"].as_str().unwrap());
    let message = json!({ "channels": ["sms"] });
    let wrong = refused(&world, &again, json!({ "recipients": recipients, "message": message })).await;
    assert_eq!(wrong.json()["errors"], expected);
    // Who is chosen without channels and has no address on those of the message is listed, as one of a role is.
    let recipients = json!({ "people": [{ "person": "liaison" }, { "person": "p-17" }] });
    let told_now =
        world.crm(Method::POST, &again, json!({ "recipients": recipients, "message": message })).await.json();
    assert_eq!(told(&told_now), [one("+989120000012", "manager", "p-17")]);
    let missed =
        json!([{ "role": "liaison", "person": "liaison", "channel": null, "network": null, "reason": "no_address" }]);
    assert_eq!(told_now["unreached"], missed);
}

#[tokio::test]
async fn people_who_come_along_with_their_contact_can_be_chosen_at_once_and_told_again() {
    let world = World::in_process().await;
    let contact = json!({
        "id": "c-new", "name": "New",
        "people": [{ "role": "accountant", "mobile": "09120000013" }, { "role": "accountant", "email": "a@example.com" }],
    });
    let link = world
        .make_link(json!({
            "account_id": "main", "contact": contact, "amount": 50_000,
            "recipients": { "people": [{ "person": "accountant-2" }] },
        }))
        .await;
    assert_eq!(told(&link), [one("a@example.com", "accountant", "accountant-2")]);
    world.turn_clock(Duration::from_secs(61));
    let again = format!("{LINKS}/{}/messages", link["id"].as_str().unwrap());
    let chosen = json!({ "recipients": { "people": [{ "person": "accountant", "channels": ["sms"] }] } });
    let more = world.crm(Method::POST, &again, chosen.clone()).await.json();
    let expected =
        [one("a@example.com", "accountant", "accountant-2"), one("+989120000013", "accountant", "accountant")];
    assert_eq!(told(&more), expected);
    // Those of the making are told again as who they are, also where the contact is gone.
    world.turn_clock(Duration::from_secs(61));
    world.crm(Method::DELETE, "/v1/contacts/c-new", Value::Null).await;
    let third = world.crm(Method::POST, &again, json!({})).await.json();
    assert_eq!(told(&third).last(), Some(&one("a@example.com", "accountant", "accountant-2")));
    world.turn_clock(Duration::from_secs(61));
    let gone = refused(&world, &again, chosen).await;
    assert_eq!(gone.problems(), [("/recipients".to_owned(), "unknown_contact".to_owned())]);
}

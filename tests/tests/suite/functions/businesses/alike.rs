//! Two businesses that call everything alike, and at the same time: each customer pays whom they owe, and each CRM hears of
//! its own.

use std::time::Duration;

use domain::ids::LinkId;
use futures_util::future::join;
use paylink_local::seed::{API_KEY, BAZAAR, BAZAAR_KEY, DEMO};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::World;
use tests::faulty_world::FaultyWorld;

use super::super::settings_are_read_again;
use super::data;

/// What is different about a business that calls everything as the other does.
struct Twin {
    business: &'static str,
    key: &'static str,
    name: &'static str,
    email: &'static str,
    amount: i64,
    currency: &'static str,
}

const TWINS: [Twin; 2] = [
    Twin { business: DEMO, key: API_KEY, name: "Castor", email: "castor@example.com", amount: 50_000, currency: "IRR" },
    Twin {
        business: BAZAAR,
        key: BAZAAR_KEY,
        name: "Pollux",
        email: "pollux@example.com",
        amount: 1_999,
        currency: "EUR",
    },
];

impl Twin {
    async fn call(&self, world: &World, method: Method, path: &str, body: Value) -> Value {
        let key = [("idempotency-key", "k-1")];
        let reply = world.crm_as(self.key, method, path, body, &key).await;
        assert!(reply.status.is_success(), "{}: {path}: {}", self.business, reply.text);
        reply.json()
    }

    async fn get(&self, world: &World, path: &str) -> Value {
        self.call(world, Method::GET, path, Value::Null).await
    }

    /// A contact, an item, a template and an endpoint, under the ids that the other has them under too.
    async fn furnish(&self, world: &World) {
        let contact = json!({ "name": self.name, "email": self.email });
        self.call(world, Method::PUT, "/v1/contacts/c-1", contact).await;
        let item = json!({ "kind": "invoice", "title": format!("An invoice of {}", self.name), "contact_id": "c-1",
                           "receipt_fields": [{ "key": "payment", "label": "Payment" }] });
        self.call(world, Method::PUT, "/v1/items/i-1", item).await;
        let text = format!("{} asks for {{{{ amount }}}}: {{{{ link }}}}", self.name);
        let template = json!({ "subject": self.name, "body": text });
        self.call(world, Method::PUT, "/v1/message-templates/link_created/email/en", template).await;
    }

    async fn make_link(&self, world: &World) -> Value {
        let body = json!({
            "account_id": "main", "contact_id": "c-1", "item_id": "i-1", "reference_id": "R-1", "amount": self.amount,
            "locale": "en", "recipients": { "contact": true }, "message": { "channels": ["email"] },
            "after_payment": { "receipt_field": "payment" },
        });
        self.call(world, Method::POST, "/v1/payment-links", body).await
    }

    /// Everything that came of one payment, and nothing of the other business's.
    async fn assert_paid(&self, world: &World, link: &Value) {
        let (id, twin) = (&link["id"], self.business);
        let read = self.get(world, &super::path_of(link)).await;
        assert_eq!((&read["status"], &read["currency"]), (&json!("paid"), &json!(self.currency)), "{twin}");
        for list in ["contact_id=c-1", "item_id=i-1", "reference_id=R-1"] {
            let links = self.get(world, &format!("/v1/payment-links?{list}")).await;
            let ids: Vec<&Value> = data(&links).iter().map(|link| &link["id"]).collect();
            assert_eq!(ids, [id], "{twin} by {list}");
        }
        for list in ["contact_id=c-1", "item_id=i-1"] {
            let receipts = self.get(world, &format!("/v1/receipts?{list}")).await;
            let kept: Vec<(&Value, &Value)> =
                data(&receipts).iter().map(|receipt| (&receipt["payment_link_id"], &receipt["amount"])).collect();
            assert_eq!(kept, [(id, &json!(self.amount))], "{twin} by {list}");
        }
        let item = self.get(world, "/v1/items/i-1").await;
        assert_eq!(item["receipts"]["payment"], read["receipts"], "{twin}");
        let mails = world.inbox(self.email, 1).await;
        assert_eq!(mails.len(), 1, "{twin}");
        let body = mails[0]["body"].as_str().unwrap();
        assert!(body.contains(&format!("{} asks for", self.name)), "{twin}: {body}");
        assert!(body.contains(link["url"].as_str().unwrap()), "{twin}: {body}");
        world.wait_for_event(link, "receipt.registered").await;
        for received in world.cloud.crm.events().iter().filter(|one| one.event["payment_link_id"] == *id) {
            assert_eq!(received.business, twin, "{} went to another's endpoint", received.event);
            assert!(received.is_signed, "with another's secret: {}", received.event);
        }
    }
}

#[tokio::test]
async fn two_businesses_that_call_everything_alike_are_paid_and_told_apart() {
    let world = World::in_process().await;
    let [one, other] = &TWINS;
    join(one.furnish(&world), other.furnish(&world)).await;
    settings_are_read_again().await;
    let (ones, others) = join(one.make_link(&world), other.make_link(&world)).await;
    assert_ne!(ones["id"], others["id"], "one idempotency key makes a link in each");
    // Whoever has paid is asked by nobody.
    join(world.inbox(one.email, 1), world.inbox(other.email, 1)).await;
    let (page, others_page) = join(world.pay(&ones, "paid"), world.pay(&others, "paid")).await;
    assert_eq!((page.status, others_page.status), (StatusCode::OK, StatusCode::OK));
    assert!(page.text.contains("Demo Business") && !page.text.contains("The Bazaar"), "{}", page.text);
    assert!(others_page.text.contains("The Bazaar") && !others_page.text.contains("Demo Business"));
    one.assert_paid(&world, &ones).await;
    other.assert_paid(&world, &others).await;
    // The same requests once more are answered with what is there, each in its own business.
    for (twin, link) in [(one, &ones), (other, &others)] {
        let again = twin.make_link(&world).await;
        assert_eq!(again["id"], link["id"]);
    }
    // Each taken sum lies where its business is the merchant.
    for (gateway, twin) in [("zarinpal", one), ("stripe", other)] {
        let books = world.books(gateway).await;
        let taken: Vec<i64> =
            books.iter().filter(|one| one["taken"] == true).map(|one| one["amount"].as_i64().unwrap()).collect();
        assert_eq!(taken, [twin.amount], "{gateway}");
    }
    // What one of them deletes, the other still has, and events are listed for whom they are about.
    one.call(&world, Method::GET, "/v1/events", Value::Null).await;
    let deleted = world.crm(Method::DELETE, "/v1/contacts/c-1", Value::Null).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(other.get(&world, "/v1/contacts/c-1").await["name"], "Pollux");
    world.turn_clock(Duration::from_secs(30));
    for (twin, link) in [(one, &ones), (other, &others)] {
        let events = twin.get(&world, "/v1/events?limit=100").await;
        assert!(data(&events).len() >= 3, "{events}");
        assert!(
            data(&events).iter().all(|event| event["payment_link_id"] == link["id"]),
            "{}: {events}",
            twin.business
        );
    }
}

/// Where two businesses are one merchant at a gateway, its list of payments that wait has those of both.
#[tokio::test]
async fn two_businesses_of_one_merchant_are_each_paid_what_their_customers_paid() {
    let world = World::in_process().await;
    let online = json!({ "enabled": true, "gateway": "zarinpal", "summary_page": false,
                         "credentials": { "merchant_id": paylink_local::seed::ZARINPAL_MERCHANT } });
    let account = json!({ "name": "Shared", "currency": "IRR", "mode": "sandbox", "online_payment": online });
    super::put_as_bazaar(&world, "/v1/accounts/main-rial", account).await;
    let mut links = Vec::new();
    for number in 0..2 {
        for (key, account) in [(API_KEY, "main"), (BAZAAR_KEY, "main-rial")] {
            let body = json!({ "account_id": account, "contact_id": "c-1042", "amount": 50_000 + number });
            let reply = world.crm_as(key, Method::POST, "/v1/payment-links", body, &[]).await;
            assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
            let link = reply.json();
            let page = world.go_to_gateway(&link).await;
            // Two of each business are due at once, so that a list is asked for; of each one is paid.
            if number == 0 {
                world.choose(&page, "paid_no_return").await;
            }
            links.push((key, number, link));
        }
    }
    world.turn_clock(Duration::from_secs(61));
    world.sweep().await;
    for (key, number, link) in &links {
        let read = world.crm_as(key, Method::GET, &super::path_of(link), Value::Null, &[]).await.json();
        let expected = if *number == 0 { ("paid", 1) } else { ("active", 0) };
        assert_eq!((read["status"].as_str().unwrap(), read["receipts"].as_array().unwrap().len()), expected, "{read}");
    }
}

/// The list names addresses of ours, and whoever answers in a gateway's name can name any.
#[tokio::test]
async fn what_one_businesss_list_shows_reaches_no_attempt_of_another() {
    let world = FaultyWorld::start(3600).await;
    let body = |account: &str| json!({ "account_id": account, "contact_id": "c-1042", "amount": 50_000, "expires_in_days": 60 });
    let link = world.make_link(&body("main"), "ended").await;
    let page = world.go_to_gateway(&link).await;
    let back = world.choose(&page, "failed").await.unwrap();
    world.open(&back).await.unwrap();
    // Nobody of its own business asks about it any more.
    let id = LinkId::parse(&link.id).unwrap();
    let stored = async || world.cloud.store.link(&id).await.unwrap().unwrap();
    while stored().await.attempts()[0].due_at().is_some() {
        world.turn_time(Duration::from_secs(24 * 3600));
        world.sweep().await.unwrap().unwrap();
    }
    world.at_gateway("zarinpal", page.rsplit('/').next().unwrap(), "pay_late").await;
    // The other business is the same merchant there, and two payments of it are asked about by a list.
    for number in 0..2 {
        let other = world.make_link_as(BAZAAR_KEY, &body("rial"), &format!("other-{number}")).await;
        world.go_to_gateway(&other).await;
    }
    let before = stored().await;
    world.turn_time(Duration::from_secs(61));
    world.proxy.record();
    world.sweep().await.unwrap().unwrap();
    let lists = world.proxy.calls().iter().filter(|call| call.operation == "unVerified").count();
    assert_eq!(lists, 1, "the other business's");
    assert_eq!(stored().await, before);
}

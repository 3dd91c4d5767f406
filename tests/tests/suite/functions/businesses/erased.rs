//! A business that is erased: refused while anything of it is to come, then all of it is gone, the other business has
//! everything that it had, and the id is given to nobody again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::audit::Side;
use domain::ids::{BusinessId, LinkId};
use domain::link::Resolution;
use paylink_admin::{Admin, BusinessErasure, ErasedBusiness, WaitingLinks};
use paylink_local::seed::{self, API_KEY, BAZAAR, BAZAAR_KEY, PLATFORM_KEY};
use reqwest::{Method, StatusCode};
use runtime::Environment;
use serde_json::{Value, json};
use tests::fault_proxy::{ADMIN, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;
use tests::{Item, Reply, World, dynamodb, everything};
use tokio::sync::Notify;

use super::super::settings_are_read_again;
use super::{bazaar_link, bazaars, path_of};

const ERASE: &str = "/v1/businesses/bazaar/erase";

/// Longer than anybody works with what they knew before a business was marked.
const KNOWN_BY_ALL: Duration = Duration::from_secs(91);

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.json()["code"].as_str().unwrap_or_default().to_owned())
}

async fn platform(world: &World, method: Method, path: &str, body: Value) -> Reply {
    world.crm_as(PLATFORM_KEY, method, path, body, &[]).await
}

#[tokio::test]
async fn a_business_is_marked_only_where_it_is_suspended_and_nothing_of_it_is_live() {
    let world = World::in_process().await;
    let confirmed = json!({ "confirm": BAZAAR });
    let ask = async |body: Value| platform(&world, Method::POST, ERASE, body).await;
    let [open, reviewed] = [bazaar_link(&world, 500).await, bazaar_link(&world, 700).await];
    world.pay(&reviewed, "paid_less").await;

    assert_eq!(refusal(&ask(confirmed.clone()).await), (409, "business_not_suspended".to_owned()));
    for (body, code) in [
        (json!({}), "required"),
        (json!({ "confirm": "demo" }), "not_confirmed"),
        (json!({ "confirm": "The Bazaar" }), "invalid_id"),
    ] {
        let refused = ask(body.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.text);
        assert_eq!(refused.problems(), [("/confirm".to_owned(), code.to_owned())], "{body}");
    }
    let suspend = "/v1/businesses/bazaar/suspend";
    assert_eq!(platform(&world, Method::POST, suspend, json!({})).await.status, StatusCode::OK);
    // Somebody may still make a link, which nobody could cancel afterwards.
    assert_eq!(refusal(&ask(confirmed.clone()).await), (409, "business_suspended_just_now".to_owned()));
    world.turn_clock(KNOWN_BY_ALL);
    let refused = ask(confirmed.clone()).await;
    assert_eq!(refusal(&refused), (409, "business_has_live_links".to_owned()));
    assert!(refused.json()["detail"].as_str().unwrap().contains(": 2."), "{}", refused.text);

    let cancel = async |link: &Value| {
        let path = format!("{}/cancel", path_of(link));
        let cancelled = world.crm_as(BAZAAR_KEY, Method::POST, &path, json!({}), &[]).await;
        assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    };
    cancel(&open).await;
    cancel(&reviewed).await;
    // A person still has to decide about money.
    assert_eq!(refusal(&ask(confirmed.clone()).await), (409, "business_has_live_links".to_owned()));
    let attempt = bazaars(&world, &path_of(&reviewed)).await["attempts"][0]["id"].as_str().unwrap().to_owned();
    let resolve = format!("{}/attempts/{attempt}/resolve", path_of(&reviewed));
    let elsewhere = json!({ "outcome": "refunded_elsewhere" });
    let resolved = world.crm_as(BAZAAR_KEY, Method::POST, &resolve, elsewhere, &[]).await;
    assert_eq!(resolved.status, StatusCode::OK, "{}", resolved.text);
    let marked = ask(confirmed.clone()).await;
    assert_eq!((marked.status, &marked.json()["status"]), (StatusCode::OK, &json!("erasing")), "{}", marked.text);
    let again = ask(confirmed).await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, marked.json()), "it is marked since then");
}

#[tokio::test]
async fn for_a_business_that_is_marked_nobody_speaks_and_nothing_brings_it_back() {
    let world = World::in_process().await;
    let paid = bazaar_link(&world, 500).await;
    world.pay(&paid, "paid").await;
    assert_eq!(platform(&world, Method::POST, "/v1/businesses/bazaar/suspend", json!({})).await.status, StatusCode::OK);
    world.turn_clock(KNOWN_BY_ALL);
    let marked = platform(&world, Method::POST, ERASE, json!({ "confirm": BAZAAR })).await;
    assert_eq!(marked.status, StatusCode::OK, "{}", marked.text);
    settings_are_read_again().await;

    let contact = "/v1/contacts/c-1042";
    for (method, body) in [(Method::GET, Value::Null), (Method::PUT, json!({ "name": "Back" }))] {
        let own = world.crm_as(BAZAAR_KEY, method.clone(), contact, body.clone(), &[]).await;
        assert_eq!(refusal(&own), (401, "unauthorized".to_owned()), "{method}");
        let named = world.platform(Some(BAZAAR), method.clone(), contact, body).await;
        assert_eq!(refusal(&named), (404, "business_not_found".to_owned()), "{method}");
    }
    let draft = world.crm_as(BAZAAR_KEY, Method::POST, "/v1/payment-links/draft", json!({}), &[]).await;
    assert_eq!(refusal(&draft), (401, "unauthorized".to_owned()));
    for (method, path, body) in [
        (Method::PUT, "/v1/businesses/bazaar", json!({ "name": "Back" })),
        (Method::POST, "/v1/businesses/bazaar/resume", json!({})),
        (Method::POST, "/v1/businesses/bazaar/suspend", json!({})),
    ] {
        let refused = platform(&world, method, path, body).await;
        assert_eq!(refusal(&refused), (409, "business_erased".to_owned()), "{path}");
    }
    let read = platform(&world, Method::GET, "/v1/businesses/bazaar", Value::Null).await.json();
    assert_eq!(
        (&read["status"], &read["name"], &read["suspended_at"]),
        (&json!("erasing"), &json!("The Bazaar"), &Value::Null)
    );
    assert!(read["erasing_since"].is_string(), "{read}");
    let listed = platform(&world, Method::GET, "/v1/businesses", Value::Null).await.json();
    assert_eq!(listed["data"][0], read);
    // Until it is deleted all of it is there, for the platform and for who paid.
    let export = platform(&world, Method::GET, "/v1/businesses/bazaar/export?limit=100", Value::Null).await;
    assert!(export.text.contains(paid["id"].as_str().unwrap()), "{}", export.text);
    let page = world.open(paid["url"].as_str().unwrap()).await;
    assert!(page.text.contains("This link has already been paid"), "{}", page.text);
    // The other business goes on.
    let page = world.pay(&world.euro_link().await, "paid").await;
    assert!(page.text.contains("Payment received"), "{}", page.text);
}

/// The bazaar in a world in which nothing happens by itself, with one of everything, and the demo business beside it.
struct Scene {
    world: FaultyWorld,
    paid: Made,
    cancelled: Made,
}

fn bazaar() -> BusinessId {
    seed::bazaar()
}

impl Scene {
    async fn set() -> Self {
        let world = FaultyWorld::start(0).await;
        let call = async |method: Method, path: &str, body: Value| {
            let reply = world.crm_as(BAZAAR_KEY, method.clone(), path, &body, &[]).await.unwrap();
            assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
        };
        let put = async |path: &str, body: Value| call(Method::PUT, path, body).await;
        // Two pictures, of which the settings name the second.
        for picture in ["iVBORw0KGgoA", "iVBORw0KGgoB"] {
            let logo = format!("data:image/png;base64,{picture}");
            put("/v1/settings", json!({ "business_name": "The Bazaar", "default_locale": "en", "logo": logo })).await;
        }
        put("/v1/receipt-types/b-type", json!({ "name": "Income" })).await;
        let template = json!({ "subject": "Pay", "body": "{{ link }}" });
        put("/v1/message-templates/link_created/email/de", template).await;
        // Each with a secret, of which some belong to what is deleted before.
        let stripe = |key: &str| {
            json!({ "name": "Gone", "currency": "EUR", "mode": "sandbox", "online_payment": { "enabled": true,
                    "gateway": "stripe", "credentials": { "secret_key": key, "webhook_secret": "whsec_gone" } } })
        };
        put("/v1/accounts/gone", stripe("sk_test_one")).await;
        put("/v1/accounts/gone", stripe("sk_test_two")).await;
        let bot = json!({ "kind": "bot_api", "credentials": { "token": format!("1:{}", "b".repeat(35)) } });
        put("/v1/message-providers/gone", bot.clone()).await;
        put("/v1/message-providers/stays", bot).await;
        let line = json!({ "kind": "webhook", "url": "https://crm.example.com/sms" });
        put("/v1/message-providers/line", line).await;
        put(
            "/v1/webhook-endpoints/gone",
            json!({ "url": "https://crm.example.com/", "events": ["payment_link.cancelled"] }),
        )
        .await;
        for path in ["/v1/accounts/gone", "/v1/message-providers/gone", "/v1/webhook-endpoints/gone"] {
            call(Method::DELETE, path, Value::Null).await;
        }
        put("/v1/contacts/b-contact", json!({ "name": "Whom nobody asked" })).await;
        let field = json!([{ "key": "payment", "label": "Payment" }]);
        for id in ["b-item", "b-item-gone"] {
            let item =
                json!({ "kind": "invoice", "title": "Invoice", "contact_id": "c-1042", "receipt_fields": field });
            put(&format!("/v1/items/{id}"), item).await;
        }
        let body = |item: &str, reference: &str| {
            json!({ "account_id": "main", "contact_id": "c-1042", "item_id": item, "amount": 500, "reference_id": reference,
                    "recipients": { "contact": true }, "after_payment": { "receipt_field": "payment" } })
        };
        let mut paid = Vec::new();
        for (number, item) in ["b-item", "b-item-gone"].into_iter().enumerate() {
            let link =
                world.make_link_as(BAZAAR_KEY, &body(item, &format!("R-{number}")), &format!("k-{number}")).await;
            pay(&world, &link).await;
            paid.push(link);
        }
        // The receipt stays attached to what is deleted.
        call(Method::DELETE, "/v1/items/b-item-gone", Value::Null).await;
        let cancelled = world.make_link_as(BAZAAR_KEY, &body("b-item", "R-0"), "k-again").await;
        world.cancel(&cancelled, false).await.unwrap();
        let demos = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_999, "reference_id": "R-0" });
        pay(&world, &world.make_link(&demos, "k-0").await).await;
        Self { world, paid: paid.remove(0), cancelled }
    }

    async fn platform(&self, method: Method, path: &str, body: Value) -> Reply {
        self.world.crm_as(PLATFORM_KEY, method, path, &body, &[]).await.unwrap()
    }

    async fn mark(&self) {
        let suspended = self.platform(Method::POST, "/v1/businesses/bazaar/suspend", json!({ "reason": "over" })).await;
        assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.text);
        self.world.turn_time(KNOWN_BY_ALL);
        let marked = self.platform(Method::POST, ERASE, json!({ "confirm": BAZAAR })).await;
        assert_eq!(marked.status, StatusCode::OK, "{}", marked.text);
    }

    /// The deployer at a terminal, whose calls go through the proxy.
    fn admin(&self) -> Admin {
        Admin::new(Environment::from(self.world.proxy.environment_of_aws(ADMIN, &self.world.cloud))).unwrap()
    }

    async fn erase(&self) -> BusinessErasure {
        self.admin().erase_business(&bazaar(), self.world.now()).await.unwrap()
    }

    /// What the tables hold of the bazaar, and what they hold of everybody else.
    async fn both(&self) -> (Everything, Everything) {
        everything(&self.world.cloud).await.into_iter().partition(|((pk, _), item)| {
            let named = item.get("business").and_then(|business| business.as_s().ok()).map(String::as_str);
            named == Some(BAZAAR) || pk.split('#').nth(1) == Some(BAZAAR)
        })
    }

    /// The tables hold this of the bazaar again.
    async fn restore(&self, of_bazaar: &Everything) {
        let client = dynamodb(&self.world.cloud);
        let store = &self.world.cloud.store;
        for ((pk, _), item) in of_bazaar {
            let is_secret = ["credentials#", "provider-secret#", "endpoint-secret#", "line-secret#"]
                .iter()
                .any(|kind| pk.starts_with(kind));
            let table = if is_secret { store.secrets_table() } else { store.table() };
            client.put_item().table_name(table).set_item(Some(item.clone())).send().await.unwrap();
        }
    }
}

type Everything = BTreeMap<(String, String), Item>;

async fn pay(world: &FaultyWorld, link: &Made) {
    assert_eq!(world.pay(link, "paid").await.status, StatusCode::SEE_OTHER);
}

/// The partitions of what is left, without what may differ from one run to another.
fn kinds(of_bazaar: &Everything) -> Vec<String> {
    of_bazaar
        .keys()
        .map(|(pk, sk)| if pk.starts_with("claim#") { "claim".to_owned() } else { format!("{pk} {sk}") })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_is_erased_once_nothing_of_it_is_to_come_and_leaves_its_id_and_its_claims() {
    let scene = Scene::set().await;
    let world = &scene.world;
    let not_marked = scene.admin().erase_business(&bazaar(), world.now()).await.unwrap_err().to_string();
    assert!(not_marked.contains("not marked"), "{not_marked}");
    scene.mark().await;
    let too_early = scene.erase().await;
    assert!(matches!(too_early, BusinessErasure::NotYet { until } if until > world.now()), "{too_early:?}");
    world.turn_time(KNOWN_BY_ALL);
    // Nobody has brought deliver-messages the stream yet.
    let before = scene.both().await;
    match scene.erase().await {
        BusinessErasure::Waits(WaitingLinks { live: 0, undelivered: 3, log_events, .. }) if log_events > 0 => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.both().await, before, "nothing is deleted");
    world.confirm().await;
    world.live_out().await;
    world.assert_all_is_well(Stage::Ended).await;

    let (of_bazaar, of_others) = scene.both().await;
    let claims = of_bazaar.keys().filter(|(pk, _)| pk.starts_with("claim#")).count();
    assert_eq!(claims, 2);
    for part in [
        "config#",
        "keys#",
        "logo#",
        "webhooks#",
        "audit#",
        "contact#",
        "item#",
        "link#",
        "receipt#",
        "reference#",
        "credentials#",
        "provider-secret#",
        "endpoint-secret#",
        "line-secret#",
    ] {
        assert!(of_bazaar.keys().any(|(pk, _)| pk.starts_with(part)), "there is a {part} to be erased");
    }
    match scene.erase().await {
        BusinessErasure::Erased(erased) => {
            let ErasedBusiness { business: _, links, receipts, contacts, items } = *erased;
            assert_eq!((links, receipts, contacts, items), (3, 2, 2, 2));
        }
        other => panic!("{other:?}"),
    }
    let (left, others) = scene.both().await;
    assert_eq!(kinds(&left), ["claim", "claim", "config#bazaar business"]);
    let tombstone = format!("{:?}", left.values().last());
    assert!(!tombstone.contains("The Bazaar") && !tombstone.contains("over"), "{tombstone}");
    assert_eq!(others, of_others, "the other business has all that it had");
    assert_eq!(scene.admin().erase_strays(&bazaar(), world.now()).await.unwrap(), 0);

    nobody_knows_it(&scene).await;
}

/// What an erased business and its links look like from outside.
async fn nobody_knows_it(scene: &Scene) {
    let world = &scene.world;
    let read = scene.platform(Method::GET, "/v1/businesses/bazaar", Value::Null).await.json();
    assert_eq!((&read["status"], &read["name"]), (&json!("erased"), &json!("")));
    assert!(read["erased_at"].is_string(), "{read}");
    let listed = scene.platform(Method::GET, "/v1/businesses", Value::Null).await.json();
    assert_eq!(listed["data"][0], read);
    let again = scene.platform(Method::PUT, "/v1/businesses/bazaar", json!({ "name": "New" })).await;
    assert_eq!(refusal(&again), (409, "business_erased".to_owned()));
    for (method, path, body) in [
        (Method::POST, ERASE, json!({ "confirm": BAZAAR })),
        (Method::GET, "/v1/businesses/bazaar/export", Value::Null),
        (Method::POST, "/v1/businesses/bazaar/resume", json!({})),
    ] {
        assert_eq!(refusal(&scene.platform(method, path, body).await), (409, "business_erased".to_owned()), "{path}");
    }
    let admin = scene.admin();
    for refused in [
        admin.create_business(&bazaar(), "New", None, world.now()).await.map(drop),
        admin.business(Some(BAZAAR)).await.map(drop),
        admin.erase_business(&bazaar(), world.now()).await.map(drop),
        admin.mark_business(&bazaar(), BAZAAR, world.now()).await.map(drop),
    ] {
        let why = refused.unwrap_err().to_string();
        assert!(why.contains("erased"), "{why}");
    }
    assert!(admin.set_up(&bazaar(), world.now()).await.unwrap().is_none());
    assert_eq!(admin.business(None).await.unwrap(), seed::demo(), "it is the only one of which a command can be about");

    let own = world.crm_as(BAZAAR_KEY, Method::GET, "/v1/settings", &Value::Null, &[]).await.unwrap();
    assert_eq!(refusal(&own), (401, "unauthorized".to_owned()));
    let named = [("paylink-business", BAZAAR)];
    let named = world.crm_as(PLATFORM_KEY, Method::GET, "/v1/settings", &Value::Null, &named).await.unwrap();
    assert_eq!(refusal(&named), (404, "business_not_found".to_owned()));
    // Whoever has the pay URL is told what everybody is who made one up, and so is a gateway.
    let unknown = world.open(&format!("/p/{}", "1".repeat(22))).await.unwrap();
    for link in [&scene.paid, &scene.cancelled] {
        for ending in ["", "/go", "/already-paid", "/ask-again", "/result"] {
            let page = world.open(&format!("{}{ending}", link.url)).await.unwrap();
            assert_eq!((page.status, &page.text), (unknown.status, &unknown.text), "{ending}");
        }
        let back = format!("/gateways/stripe/return/{}/{}", link.id, "1".repeat(22));
        assert_eq!(world.open(&back).await.unwrap().location(), "/p/unknown");
    }
    let call = async |business: &str| {
        let headers = [("stripe-signature", "t=1,v1=00"), ("content-type", "application/json")];
        let path = format!("/gateways/stripe/notify/{business}/main");
        let reply = world.ask(Method::POST, &path, &headers, Some("{}")).await.unwrap();
        (reply.status, reply.text)
    };
    assert_eq!(call(BAZAAR).await, call("nobody").await);
    let demos =
        world.crm_as(API_KEY, Method::GET, "/v1/payment-links?reference_id=R-0", &Value::Null, &[]).await.unwrap();
    assert_eq!(demos.json()["data"][0]["status"], "paid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stopped_at_any_write_of_erasing_goes_on_and_ends_the_same() {
    let scene = Scene::set().await;
    scene.mark().await;
    scene.world.confirm().await;
    scene.world.live_out().await;
    let (of_bazaar, of_others) = scene.both().await;
    scene.world.proxy.record();
    assert!(matches!(scene.erase().await, BusinessErasure::Erased(_)));
    let calls = scene.world.proxy.calls();
    let is_write = |operation: &str| ["PutItem", "TransactWriteItems", "BatchWriteItem"].contains(&operation);
    let writes: Vec<usize> = (0..calls.len()).filter(|number| is_write(&calls[*number].operation)).collect();
    assert!(writes.len() > 12, "{calls:?}");
    let (left, _) = scene.both().await;
    for number in writes {
        for fault in [Fault::DieBefore, Fault::DieAfter] {
            scene.restore(&of_bazaar).await;
            assert_eq!(scene.both().await, (of_bazaar.clone(), of_others.clone()));
            scene.world.proxy.decide(move |at, _| (at == number).then_some(fault));
            let death = scene.world.proxy.death_of(ADMIN);
            tokio::select! {
                biased;
                () = death.notified() => {}
                erased = scene.erase() => panic!("{number} {fault:?}: {erased:?}"),
            }
            scene.world.proxy.record();
            // What it died over was the last write, or there is something to go on with.
            let known = scene.platform(Method::GET, "/v1/businesses/bazaar", Value::Null).await.json();
            if known["status"] != "erased" {
                let again = scene.erase().await;
                assert!(matches!(again, BusinessErasure::Erased(_)), "{number} {fault:?}: {again:?}");
            }
            let (now_left, others) = scene.both().await;
            assert_eq!(kinds(&now_left), kinds(&left), "{number} {fault:?}");
            assert_eq!(others, of_others, "{number} {fault:?}");
        }
    }
}

/// Suspending and marking write events, and the CRM of a business that left is often switched off: it is told once, and
/// what would be tried again for days keeps nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_is_switched_off_keeps_its_business_no_longer_than_one_try() {
    let scene = Scene::set().await;
    let world = &scene.world;
    world.confirm().await;
    world.live_out().await;
    world.proxy.decide(|_, call| (call.service == "crm").then_some(Fault::Refuse));
    scene.mark().await;
    world.turn_time(KNOWN_BY_ALL);
    let before = scene.both().await;
    match scene.erase().await {
        BusinessErasure::Waits(waiting) => {
            assert_eq!((waiting.live, waiting.due, waiting.undelivered, waiting.log_events), (0, 0, 0, 2));
            let said = waiting.to_string();
            assert!(said.starts_with("Nobody has tried yet to tell the CRM of 2 events of its log."), "{said}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(scene.both().await, before, "nothing is deleted");
    world.retry_messages().await.unwrap().unwrap();
    let tried = world.proxy.calls().iter().filter(|call| call.service == "crm").count();
    assert_eq!(tried, 2);
    let (of_bazaar, of_others) = scene.both().await;
    let still_due = of_bazaar.iter().filter(|((pk, _), item)| pk.starts_with("event#") && item.contains_key("due_at"));
    assert_eq!(still_due.count(), 2, "they would be tried again");
    assert!(matches!(scene.erase().await, BusinessErasure::Erased(_)));
    let (left, others) = scene.both().await;
    assert_eq!(kinds(&left), ["claim", "claim", "config#bazaar business"]);
    assert_eq!(others, of_others);
    // What is tried again finds nothing, and brings nothing back.
    world.turn_time(Duration::from_secs(60));
    world.retry_messages().await.unwrap().unwrap();
    assert_eq!(scene.both().await, (left, others));
}

/// The bazaar, marked, while a customer is at the gateway with a link that was cancelled, and the page that they are on.
async fn marked_while_somebody_pays() -> (Scene, Made, String) {
    let scene = Scene::set().await;
    let world = &scene.world;
    world.confirm().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 700 });
    let link = world.make_link_as(BAZAAR_KEY, &body, "late").await;
    let page = world.go_to_gateway(&link).await;
    world.cancel(&link, true).await.unwrap();
    scene.mark().await;
    world.turn_time(KNOWN_BY_ALL);
    world.bring_stream().await;
    (scene, link, page)
}

/// What was begun before a business was marked still finishes, and holds up its erasing until then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_arrives_after_the_mark_is_neither_lost_nor_erased_before_its_time() {
    let (scene, link, page) = marked_while_somebody_pays().await;
    let world = &scene.world;
    let BusinessErasure::Waits(waiting) = scene.erase().await else { panic!("nothing waits") };
    assert_eq!((waiting.live, waiting.due, waiting.undelivered), (0, 1, 0));
    let said = waiting.to_string();
    assert!(said.contains("1 have something due") && said.contains(&link.id), "{said}");
    let while_it_waits = scene.both().await.0;
    // The customer pays all the same, and the money goes back.
    world.choose(&page, "paid_silent").await;
    world.turn_time(Duration::from_secs(61));
    world.sweep().await.unwrap().unwrap();
    world.confirm().await;
    world.live_out().await;
    world.assert_all_is_well(Stage::Ended).await;
    let id = LinkId::parse(&link.id).unwrap();
    let known = world.cloud.store.link(&id).await.unwrap().unwrap();
    assert_eq!(known.attempts()[0].state.name(), "refunded");
    assert!(matches!(scene.erase().await, BusinessErasure::Erased(_)));
    assert!(world.cloud.store.link(&id).await.unwrap().is_none());
    // Where it was left behind all the same, a look through the tables leaves it too, and says the same.
    let partition = format!("link#{id}");
    let stray: Everything = while_it_waits.into_iter().filter(|((pk, _), _)| *pk == partition).collect();
    scene.restore(&stray).await;
    let refused = scene.admin().erase_strays(&bazaar(), world.now()).await.unwrap_err().to_string();
    assert!(refused.starts_with("bazaar: Something of its links is still to come."), "{refused}");
    assert!(refused.contains("1 have something due") && refused.contains(&link.id), "{refused}");
    assert!(world.cloud.store.link(&id).await.unwrap().is_some());
}

/// Nobody can speak for the business, so that the deployer decides what a person has to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_needs_a_person_after_the_mark_is_decided_about_at_the_terminal() {
    let (scene, link, page) = marked_while_somebody_pays().await;
    let world = &scene.world;
    assert!(world.order_at_gateway("stripe", "next_refund", &json!({ "becomes": "pending" })).await.is_success());
    world.choose(&page, "paid_silent").await;
    world.turn_time(Duration::from_secs(61));
    world.confirm().await;
    world.decide_refunds("failed").await;
    world.confirm().await;
    world.live_out().await;
    let id = LinkId::parse(&link.id).unwrap();
    let state = async || world.cloud.store.link(&id).await.unwrap().unwrap().attempts()[0].state.name();
    assert_eq!(state().await, "needs_review");
    match scene.erase().await {
        BusinessErasure::Waits(waiting) => assert_eq!((waiting.live, waiting.example), (1, Some(id.clone()))),
        other => panic!("{other:?}"),
    }
    let decide = async |link: &str, outcome: Resolution| {
        scene.admin().resolve(&LinkId::parse(link).unwrap(), None, outcome, world.now()).await
    };
    let refused = decide(&link.id, Resolution::NotPaid).await.unwrap_err().to_string();
    assert!(refused.contains("confirmed money"), "{refused}");
    let others = world.make_link(&json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 500 }), "k-1").await;
    let refused = decide(&others.id, Resolution::RefundedElsewhere).await.unwrap_err().to_string();
    assert!(refused.contains("decides by the API"), "{refused}");
    decide(&link.id, Resolution::RefundedElsewhere).await.unwrap();
    assert_eq!(state().await, "refunded");
    let log = world.cloud.store.of(&bazaar()).audit_log(1, None).await.unwrap().entries;
    assert_eq!((log[0].author.side, log[0].subject.id.as_str()), (Side::Deployer, link.id.as_str()));
    world.confirm().await;
    assert!(matches!(scene.erase().await, BusinessErasure::Erased(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_list_names_is_found_by_a_look_through_the_tables() {
    let scene = Scene::set().await;
    scene.mark().await;
    scene.world.confirm().await;
    scene.world.live_out().await;
    let (of_bazaar, _) = scene.both().await;
    let too_early = scene.admin().erase_strays(&bazaar(), scene.world.now()).await.unwrap_err().to_string();
    assert!(too_early.contains("not erased"), "{too_early}");
    assert!(matches!(scene.erase().await, BusinessErasure::Erased(_)));
    let (left, of_others) = scene.both().await;
    // Somebody wrote these while they were deleted: messages and events without their link, and secrets.
    let is_stray = |pk: &str, sk: &str| (pk.starts_with("link#") && sk != "link") || pk.starts_with("credentials#");
    let strays: Everything = of_bazaar.into_iter().filter(|((pk, sk), _)| is_stray(pk, sk)).collect();
    assert!(strays.len() > 5);
    scene.restore(&strays).await;
    let now = Timestamp::now();
    assert_eq!(scene.admin().erase_strays(&bazaar(), now).await.unwrap(), strays.len());
    assert_eq!(scene.both().await, (left, of_others));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_changes_while_a_look_through_the_tables_deletes_it_is_deleted_as_it_became() {
    let scene = Scene::set().await;
    let world = &scene.world;
    scene.mark().await;
    world.confirm().await;
    world.live_out().await;
    let (of_bazaar, _) = scene.both().await;
    assert!(matches!(scene.erase().await, BusinessErasure::Erased(_)));
    let left = scene.both().await;
    let partition = format!("link#{}", scene.cancelled.id);
    let stray: Everything = of_bazaar.into_iter().filter(|((pk, _), _)| *pk == partition).collect();
    assert!(stray.len() > 1);
    scene.restore(&stray).await;
    // Its deletion is on its way when somebody writes it.
    let on_its_way = Arc::new(Notify::new());
    let seen = Arc::clone(&on_its_way);
    let mut deletions = 0;
    world.proxy.decide(move |_, call| {
        deletions += usize::from(call.operation == "TransactWriteItems");
        let is_first = call.operation == "TransactWriteItems" && deletions == 1;
        is_first.then(|| seen.notify_one()).map(|()| Fault::Delay(Duration::from_secs(1)))
    });
    let now = world.now();
    let changed = async {
        on_its_way.notified().await;
        let at = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
        dynamodb(&world.cloud)
            .update_item()
            .table_name(world.cloud.store.table())
            .set_key(Some([at("pk", &partition), at("sk", "link")].into()))
            .update_expression("ADD version :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
    };
    let (admin, id) = (scene.admin(), bazaar());
    let (found, ()) = tokio::join!(admin.erase_strays(&id, now), changed);
    assert_eq!(found.unwrap(), 1);
    assert_eq!(scene.both().await, left);
}

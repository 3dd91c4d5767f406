//! Whatever a business does, and however its doings fall between another's: the other reads what it would have read if it
//! were alone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use paylink_local::StreamReader;
use paylink_local::seed::{PLATFORM_KEY, STRIPE_KEY, STRIPE_WEBHOOK_SECRET};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{ApiKey, KeyHolder, Scope};
use tests::World;

/// Each is told alone and then with another business in between.
const STORIES: u32 = 16;

/// What a business does. Small numbers are ids, so that both use the same ones.
#[derive(Clone, Debug)]
enum Deed {
    WriteContact(u8, u8),
    DeleteContact(u8),
    WriteItem(u8, u8),
    DeleteItem(u8),
    WriteReceiptType(u8, u8),
    WriteTemplate(u8),
    WriteSettings(u8),
    WriteEndpoint(u8),
    DeleteEndpoint,
    RenameAccount(u8),
    /// With a contact, an item, and a reference and an idempotency key that are used again and again.
    MakeLink(u8, u8, u8),
    Amend(u8),
    Cancel(u8),
    Pay(u8),
    Resend(u8),
}

/// Something that happens in a story.
#[derive(Clone, Debug)]
enum Step {
    /// The business that the story is about does something.
    Ones(Deed),
    Others(Deed),
    /// The other one tries its hand at a link that is none of its own.
    Meddling(u8),
    /// The platform suspends the other one, or lets it go on.
    Suspend,
    Resume,
    /// Whoever is to be told is told.
    Tell,
}

fn deeds() -> impl Strategy<Value = Deed> {
    let id = || 0..3_u8;
    prop_oneof![
        1 => (id(), any::<u8>()).prop_map(|(id, name)| Deed::WriteContact(id, name)),
        1 => id().prop_map(Deed::DeleteContact),
        1 => (id(), any::<u8>()).prop_map(|(id, name)| Deed::WriteItem(id, name)),
        1 => id().prop_map(Deed::DeleteItem),
        1 => (id(), any::<u8>()).prop_map(|(id, name)| Deed::WriteReceiptType(id, name)),
        1 => any::<u8>().prop_map(Deed::WriteTemplate),
        1 => any::<u8>().prop_map(Deed::WriteSettings),
        1 => any::<u8>().prop_map(Deed::WriteEndpoint),
        1 => Just(Deed::DeleteEndpoint),
        1 => any::<u8>().prop_map(Deed::RenameAccount),
        6 => (id(), id(), id()).prop_map(|(contact, item, key)| Deed::MakeLink(contact, item, key)),
        2 => id().prop_map(Deed::Amend),
        1 => id().prop_map(Deed::Cancel),
        2 => id().prop_map(Deed::Pay),
        1 => id().prop_map(Deed::Resend),
    ]
}

fn stories() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => deeds().prop_map(Step::Ones),
        6 => deeds().prop_map(Step::Others),
        2 => (0..3_u8).prop_map(Step::Meddling),
        1 => Just(Step::Suspend),
        1 => Just(Step::Resume),
        2 => Just(Step::Tell),
    ];
    prop::collection::vec(step, 8..28)
}

/// A business in a story, and the links that it made.
struct Player {
    id: String,
    key: String,
    links: RefCell<Vec<Value>>,
}

impl Player {
    /// A business with an account and one or some of everything that it can write.
    async fn new(world: &World, id: String) -> Self {
        let body = json!({ "name": "A business" });
        let path = format!("/v1/businesses/{id}");
        let made = world.crm_as(PLATFORM_KEY, Method::PUT, &path, body, &[]).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text);
        let key = format!("plk_{id}_key");
        let holder = KeyHolder::Business(domain::ids::BusinessId::parse(&id).unwrap());
        let api_key = ApiKey {
            integration: "crm".to_owned(),
            scopes: Scope::OF_A_BUSINESS.to_vec(),
            created_at: domain::Timestamp::now(),
        };
        world.cloud.store.put_api_key(&holder, &key, &api_key).await.unwrap();
        let player = Self { id, key, links: RefCell::default() };
        player.ask(world, Method::PUT, "/v1/accounts/main", account("Main")).await;
        let contacts = (0..3).map(|id| Deed::WriteContact(id, id));
        let items = (0..3).map(|id| Deed::WriteItem(id, id));
        let others =
            [Deed::WriteReceiptType(0, 0), Deed::WriteTemplate(0), Deed::WriteSettings(0), Deed::WriteEndpoint(0)];
        // What is refused from the beginning would say nothing in a story.
        for deed in contacts.chain(items).chain(others) {
            let done = player.does(world, &deed).await;
            assert_eq!(done["status"], 200, "{deed:?}: {done}");
        }
        player
    }

    async fn ask(&self, world: &World, method: Method, path: &str, body: Value) -> Value {
        self.ask_with(world, method, path, body, &[]).await
    }

    /// Status and body of an answer.
    async fn ask_with(&self, world: &World, method: Method, path: &str, body: Value, more: &[(&str, &str)]) -> Value {
        let reply = world.crm_as(&self.key, method, path, body, more).await;
        let body = serde_json::from_str(&reply.text).unwrap_or_else(|_| json!(reply.text));
        json!({ "status": reply.status.as_u16(), "body": body })
    }

    /// Does something, and what is answered.
    async fn does(&self, world: &World, deed: &Deed) -> Value {
        let put = async |path: String, body: Value| self.ask(world, Method::PUT, &path, body).await;
        let delete = async |path: String| self.ask(world, Method::DELETE, &path, Value::Null).await;
        let link = |number: &u8| self.links.borrow().get(usize::from(*number)).cloned();
        let at = |link: &Value, action: &str| format!("{}{action}", super::path_of(link));
        match deed {
            Deed::WriteContact(id, name) => {
                let email = format!("c-{name}@example.com");
                put(format!("/v1/contacts/c-{id}"), json!({ "name": format!("N{name}"), "email": email })).await
            }
            Deed::DeleteContact(id) => delete(format!("/v1/contacts/c-{id}")).await,
            Deed::WriteItem(id, title) => {
                let fields = json!([{ "key": "payment", "label": "Payment" }]);
                let body = json!({ "kind": "invoice", "title": format!("T{title}"), "contact_id": "c-0",
                                   "amount": 500, "currency": "EUR", "receipt_fields": fields });
                put(format!("/v1/items/i-{id}"), body).await
            }
            Deed::DeleteItem(id) => delete(format!("/v1/items/i-{id}")).await,
            Deed::WriteReceiptType(id, name) => {
                put(format!("/v1/receipt-types/t-{id}"), json!({ "name": format!("N{name}") })).await
            }
            Deed::WriteTemplate(text) => {
                let body = json!({ "subject": format!("S{text}"), "body": format!("B{text} {{{{ link }}}}") });
                put("/v1/message-templates/link_created/email/en".to_owned(), body).await
            }
            Deed::WriteSettings(name) => {
                put("/v1/settings".to_owned(), json!({ "business_name": format!("N{name}") })).await
            }
            Deed::WriteEndpoint(path) => {
                let url = format!("{}/crm/nobody/{path}", world.cloud.page_url());
                put("/v1/webhook-endpoints/crm".to_owned(), json!({ "url": url })).await
            }
            Deed::DeleteEndpoint => delete("/v1/webhook-endpoints/crm".to_owned()).await,
            Deed::RenameAccount(name) => put("/v1/accounts/main".to_owned(), account(&format!("N{name}"))).await,
            Deed::MakeLink(contact, item, key) => {
                let body = json!({
                    "account_id": "main", "contact_id": format!("c-{contact}"), "item_id": format!("i-{item}"),
                    "amount": 500, "locale": "en", "reference_id": format!("r-{key}"),
                    "recipients": { "contact": true }, "after_payment": { "receipt_field": "payment" },
                });
                let key = [("idempotency-key", format!("k-{key}"))];
                let key: Vec<(&str, &str)> = key.iter().map(|(name, key)| (*name, key.as_str())).collect();
                let made = self.ask_with(world, Method::POST, "/v1/payment-links", body, &key).await;
                if made["status"] == 201 {
                    self.links.borrow_mut().push(made["body"].clone());
                }
                made
            }
            Deed::Amend(number) => {
                let Some(link) = link(number) else { return Value::Null };
                self.ask(world, Method::PATCH, &at(&link, ""), json!({ "description": "Amended" })).await
            }
            Deed::Cancel(number) => {
                let Some(link) = link(number) else { return Value::Null };
                self.ask(world, Method::POST, &at(&link, "/cancel"), json!({ "force": true })).await
            }
            Deed::Resend(number) => {
                let Some(link) = link(number) else { return Value::Null };
                self.ask(world, Method::POST, &at(&link, "/messages"), json!({})).await
            }
            Deed::Pay(number) => {
                let Some(link) = link(number) else { return Value::Null };
                let opened = world.open(link["url"].as_str().unwrap()).await;
                if opened.status == StatusCode::SEE_OTHER {
                    let chosen = world.choose(&opened.location(), "paid_no_webhook").await;
                    world.go_back(&chosen).await;
                }
                json!({ "status": opened.status.as_u16() })
            }
        }
    }

    /// Everything that it can read.
    async fn reads(&self, world: &World) -> Vec<Value> {
        let mut read = Vec::new();
        let links: Vec<String> = self.links.borrow().iter().map(super::path_of).collect();
        // Links in the order in which they were made, so that what is made with them appears in that order.
        for path in &links {
            read.push(self.ask(world, Method::GET, path, Value::Null).await);
        }
        let lists = ["accounts", "contacts", "items", "receipt-types", "message-providers", "message-templates"];
        let mut paths: Vec<String> = lists.iter().map(|list| format!("/v1/{list}?limit=100")).collect();
        paths.extend(["/v1/settings", "/v1/webhook-endpoints", "/v1/events?limit=100"].map(str::to_owned));
        for id in 0..3 {
            for by in [format!("contact_id=c-{id}"), format!("item_id=i-{id}")] {
                paths.push(format!("/v1/payment-links?{by}"));
                paths.push(format!("/v1/receipts?{by}"));
            }
            paths.push(format!("/v1/payment-links?reference_id=r-{id}"));
        }
        for path in paths {
            let list = self.ask(world, Method::GET, &path, Value::Null).await;
            read.push(json!({ "path": path, "read": list }));
        }
        read
    }
}

fn account(name: &str) -> Value {
    let credentials = json!({ "secret_key": STRIPE_KEY, "webhook_secret": STRIPE_WEBHOOK_SECRET });
    let online = json!({ "enabled": true, "gateway": "stripe", "credentials": credentials });
    json!({ "name": name, "currency": "EUR", "mode": "sandbox", "online_payment": online })
}

/// What gateways and providers make up.
const MADE_ELSEWHERE: [&str; 2] = ["provider_id", "gateway_reference"];

/// What was answered, with made ids by their first appearance, and without instants and secrets.
struct Comparable<'a> {
    business: &'a str,
    known: BTreeMap<String, usize>,
}

impl Comparable<'_> {
    fn of(business: &str, answers: &[Value]) -> Vec<Value> {
        let mut comparable = Comparable { business, known: BTreeMap::new() };
        answers.iter().map(|answer| comparable.without(answer)).collect()
    }

    fn without(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => json!(self.text(text)),
            Value::Array(values) => {
                let mut values: Vec<Value> = values.iter().map(|value| self.without(value)).collect();
                // What happened in one millisecond stands in the order of random ids.
                if values.iter().all(|value| value["object"].is_string() || value["sequence"].is_number()) {
                    values.sort_by_key(Value::to_string);
                }
                Value::Array(values)
            }
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| {
                    let is_made_elsewhere = value.is_string() && MADE_ELSEWHERE.contains(&name.as_str());
                    (name.clone(), if is_made_elsewhere { json!("<made>") } else { self.without(value) })
                };
                Value::Object(fields.iter().map(field).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        // Versions of credentials and secrets are made up: the millisecond and a random end.
        let is_version = text
            .split_once('-')
            .is_some_and(|(at, end)| at.len() == 13 && end.len() == 8 && at.bytes().all(|b| b.is_ascii_digit()));
        if is_version || text.parse::<jiff::Timestamp>().is_ok() || text.starts_with("whsec_") {
            return "<made>".to_owned();
        }
        // Seconds pass while a story is told, more of them where the machine is busy.
        if let Some((before, after)) = text.split_once("Ask again in ")
            && let Some((_, after)) = after.split_once(' ')
        {
            return format!("{}Ask again in <some> {}", self.text(before), self.text(after));
        }
        let mut comparable = String::new();
        for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            // Every made id and every token is as long.
            if word.len() == 22 {
                let next = self.known.len();
                let number = *self.known.entry(word.to_owned()).or_insert(next);
                comparable.push_str(&format!("<{number}>{}", &part[word.len()..]));
            } else {
                comparable.push_str(part);
            }
        }
        comparable.replace(self.business, "<business>")
    }
}

struct Stage<'a> {
    world: &'a World,
    stream: RefCell<StreamReader>,
}

impl Stage<'_> {
    /// The stream is served, and the schedule comes.
    #[allow(clippy::await_holding_refcell_ref, reason = "nobody else reads the stream meanwhile")]
    async fn tell(&self) {
        let mut stream = self.stream.borrow_mut();
        loop {
            let records = stream.records().await.unwrap();
            if records.is_empty() {
                break;
            }
            self.world.invoke("deliver-messages", &json!({ "Records": records })).await;
        }
    }

    /// Everything that the first of these was answered and reads in the end.
    async fn play(&self, steps: &[Step], one: &Player, other: Option<&Player>) -> Vec<Value> {
        let mut answers = Vec::new();
        for step in steps {
            match (step, other) {
                (Step::Ones(deed), _) => {
                    // Two things of one business never happen in one millisecond here.
                    self.world.turn_clock(Duration::from_secs(1));
                    answers.push(one.does(self.world, deed).await);
                }
                (Step::Others(deed), Some(other)) => drop(other.does(self.world, deed).await),
                (Step::Meddling(number), Some(other)) => self.meddle(one, other, *number).await,
                (Step::Suspend, Some(other)) => self.decide(other, "suspend").await,
                (Step::Resume, Some(other)) => self.decide(other, "resume").await,
                (Step::Tell, _) => self.tell().await,
                (Step::Others(_) | Step::Meddling(_) | Step::Suspend | Step::Resume, None) => {}
            }
        }
        self.tell().await;
        // What was recorded a moment ago is not listed yet.
        self.world.turn_clock(Duration::from_secs(30));
        answers.extend(one.reads(self.world).await);
        answers
    }

    async fn meddle(&self, one: &Player, other: &Player, number: u8) {
        let Some(link) = one.links.borrow().get(usize::from(number)).cloned() else { return };
        let path = super::path_of(&link);
        let event = format!("/v1/events/evt_{}_1", link["id"].as_str().unwrap().trim_start_matches("pl_"));
        for (method, path, body) in [
            (Method::GET, path.clone(), Value::Null),
            (Method::PATCH, path.clone(), json!({ "description": "Meddled with" })),
            (Method::POST, format!("{path}/cancel"), json!({ "force": true })),
            (Method::POST, format!("{path}/messages"), json!({})),
            (Method::POST, format!("{event}/redeliver"), json!({})),
        ] {
            let reply = other.ask(self.world, method, &path, body).await;
            assert_eq!(reply["status"], 404, "{path}: {reply}");
        }
    }

    async fn decide(&self, other: &Player, what: &str) {
        let path = format!("/v1/businesses/{}/{what}", other.id);
        let reply = self.world.crm_as(PLATFORM_KEY, Method::POST, &path, json!({}), &[]).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    }
}

#[test]
fn a_business_reads_the_same_whether_or_not_another_does_anything() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::without_stream());
    let stage = Stage { world: &world, stream: RefCell::new(world.cloud.stream("deliver-messages").unwrap()) };
    let number = Cell::new(0);
    let config = Config { cases: STORIES, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let told = TestRunner::new(config).run(&stories(), |steps| {
        number.set(number.get() + 1);
        let name = |role: &str| format!("{role}-{}", number.get());
        let (alone, between) = runtime.block_on(async {
            let one = Player::new(&world, name("alone")).await;
            let alone = Comparable::of(&one.id, &stage.play(&steps, &one, None).await);
            let (one, other) = (Player::new(&world, name("one")).await, Player::new(&world, name("other")).await);
            (alone, Comparable::of(&one.id, &stage.play(&steps, &one, Some(&other)).await))
        });
        for (at, (alone, between)) in alone.iter().zip(&between).enumerate() {
            prop_assert_eq!(alone, between, "answer {}", at);
        }
        if alone.len() == between.len() { Ok(()) } else { Err(TestCaseError::fail("another number of answers")) }
    });
    if let Err(wrong) = told {
        panic!("{wrong}");
    }
}

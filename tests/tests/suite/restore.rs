//! What was lost since an instant comes back from copies of both tables, and nobody is told anything twice, no payment
//! is lost and none is taken a second time, wherever the deployer is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeDefinition, AttributeValue, BillingMode};
use domain::Timestamp;
use domain::ids::{BusinessId, LinkId};
use domain::records::shards::Shards;
use paylink_local::seed::{BAZAAR, BAZAAR_KEY, DEMO};
use reqwest::Method;
use runtime::{Environment, Runtime};
use serde_json::{Value, json};
use store::{Choice, Comparison, Hands, RestoreFinding, RestoreKind, Store};
use tests::fault_proxy::{ADMIN, Call, Fault};
use tests::faulty_world::{FaultyWorld, Made};
use tests::invariants::Stage;
use tests::{Item, dynamodb, everything};

type Everything = BTreeMap<(String, String), Item>;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Both tables as they are at this moment, in tables of their own.
async fn copies(world: &FaultyWorld) -> [String; 2] {
    let client = dynamodb(&world.cloud);
    let mut names = Vec::new();
    for table in [world.cloud.store.table(), world.cloud.store.secrets_table()] {
        let described = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
        let name = format!("{table}-then");
        let mut create = client.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
        for key in described.key_schema() {
            let attribute =
                described.attribute_definitions().iter().find(|one| one.attribute_name == key.attribute_name);
            let attribute: &AttributeDefinition = attribute.unwrap();
            create = create.key_schema(key.clone()).attribute_definitions(attribute.clone());
        }
        create.send().await.unwrap();
        for item in all_of(&client, table).await {
            client.put_item().table_name(&name).set_item(Some(item)).send().await.unwrap();
        }
        names.push(name);
    }
    names.try_into().unwrap()
}

async fn all_of(client: &aws_sdk_dynamodb::Client, table: &str) -> Vec<Item> {
    let (mut items, mut start) = (Vec::new(), None);
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(start).send().await.unwrap();
        items.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() {
            return items;
        }
    }
}

/// A world in which much was lost since both tables were copied.
struct Lost {
    world: FaultyWorld,
    copies: [String; 2],
    at: Timestamp,
    /// What both tables held before anything was lost, and after.
    before: Everything,
    after: Everything,
    links: BTreeMap<&'static str, Made>,
    /// What people and the CRM had been told by then.
    told: Told,
}

/// How many messages each address got, and how often the CRM got each event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    people: BTreeMap<String, usize>,
    events: BTreeMap<String, usize>,
}

fn told(world: &FaultyWorld) -> Told {
    let mut told = Told::default();
    for message in world.cloud.inbox.all() {
        *told.people.entry(message.to).or_default() += 1;
    }
    for received in world.cloud.crm.events() {
        *told.events.entry(received.event["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    told
}

impl Lost {
    async fn set() -> Self {
        let world = FaultyWorld::start(0).await;
        let make = async |name: &'static str| {
            let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_999,
                               "reference_id": format!("R-{name}"),
                               "recipients": { "emails": [format!("{name}@example.com")] } });
            (name, world.make_link(&body, name).await)
        };
        let mut links: BTreeMap<&'static str, Made> = BTreeMap::new();
        for name in ["told", "paid-before", "paid-since", "paid-unseen", "kept"] {
            links.extend([make(name).await]);
        }
        world.bring_stream().await;
        world.pay(&links["paid-before"], "paid").await;
        world.bring_stream().await;
        let mut pages = BTreeMap::new();
        for name in ["paid-since", "paid-unseen"] {
            pages.insert(name, world.go_to_gateway(&links[name]).await);
        }
        world.bring_stream().await;
        // Of this one nobody can be told at first: both wait to be told again when the copy is made.
        links.extend([make("waiting").await]);
        let is_told = |call: &Call| call.service == "crm" || call.sends_a_message();
        world.proxy.decide(move |_, call| is_told(call).then_some(Fault::Unavailable));
        world.bring_stream().await;
        world.proxy.record();
        // Somebody is to be told of it, and is told after the copy is made.
        links.extend([make("told-since").await]);
        let (at, copies) = (world.now(), copies(&world).await);

        world.turn_time(Duration::from_secs(120));
        world.bring_stream().await;
        world.retry_messages().await.unwrap().unwrap();
        world.pay(&links["kept"], "paid").await;
        let back = world.choose(&pages["paid-since"], "paid").await.unwrap();
        world.open(&back).await.unwrap();
        // This customer pays and never comes back.
        world.choose(&pages["paid-unseen"], "paid").await.unwrap();
        links.extend([make("new").await]);
        let settings = json!({ "business_name": "Changed since", "time_zone": "Asia/Tehran", "default_locale": "fa-IR",
                               "default_region": "IR" });
        world.crm(Method::PUT, "/v1/settings", &settings, &[]).await.unwrap();
        world.bring_stream().await;
        let before = everything(&world.cloud).await;
        let mut lost = Self { told: told(&world), links, world, copies, at, before, after: Everything::new() };
        for name in ["told", "paid-before", "paid-since", "paid-unseen", "told-since", "waiting"] {
            let partition = format!("link#{}", lost.links[name].id);
            lost.lose(|pk, _| pk == partition).await;
        }
        lost.lose(|pk, sk| pk == "contact#demo#c-1042" || (pk == "config#demo" && sk == "account#euro")).await;
        lost.lose(|pk, _| pk.starts_with("credentials#demo#euro")).await;
        lost.after = everything(&lost.world.cloud).await;
        assert!(lost.after.len() + 15 < lost.before.len(), "much is lost");
        lost
    }

    fn table_of(&self, pk: &str) -> &str {
        let kinds = ["credentials#", "provider-secret#", "endpoint-secret#", "line-secret#"];
        let is_secret =
            kinds.iter().any(|kind| pk.starts_with(kind)) || ["pay-token-secret", "search-secret"].contains(&pk);
        let store = &self.world.cloud.store;
        if is_secret { store.secrets_table() } else { store.table() }
    }

    async fn lose(&self, which: impl Fn(&str, &str) -> bool) {
        let client = dynamodb(&self.world.cloud);
        for (pk, sk) in everything(&self.world.cloud).await.keys().filter(|(pk, sk)| which(pk, sk)) {
            let delete = client.delete_item().table_name(self.table_of(pk));
            delete.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap();
        }
    }

    /// The tables hold again what they held when all of it was lost.
    async fn lose_again(&self) {
        let client = dynamodb(&self.world.cloud);
        self.lose(|pk, sk| !self.after.contains_key(&(pk.to_owned(), sk.to_owned()))).await;
        for ((pk, _), item) in &self.after {
            client.put_item().table_name(self.table_of(pk)).set_item(Some(item.clone())).send().await.unwrap();
        }
    }

    /// The deployer at a terminal, whose calls go through the proxy.
    fn store(&self) -> Store {
        let environment = self.world.proxy.environment_of_aws(ADMIN, &self.world.cloud);
        Store::wire(&Runtime::new(Environment::from(environment)).unwrap()).unwrap()
    }

    async fn restore(&self, choice: &Choice, hands: Hands) -> Comparison {
        let store = self.store();
        let [table, secrets] = &self.copies;
        store.restore(&store.copy_in(table, secrets), self.at, choice, hands, self.world.now()).await.unwrap()
    }

    /// Brings back everything, the accounts that are gone included.
    async fn restore_all(&self) {
        for kinds in [BTreeSet::new(), [RestoreKind::Account].into()] {
            self.restore(&Choice { kinds, ..Choice::default() }, Hands::On).await;
        }
    }

    async fn link(&self, name: &str) -> Value {
        let path = format!("/v1/payment-links/{}", self.links[name].id);
        self.world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap().json()
    }

    fn id(&self, name: &str) -> LinkId {
        LinkId::parse(&self.links[name].id).unwrap()
    }
}

/// What is there, without what differs from one run to another.
fn shape(everything: &Everything) -> BTreeMap<(String, String), Option<String>> {
    let status = |item: &Item| item.get("status").and_then(|status| status.as_s().ok()).cloned();
    everything.iter().map(|(at, item)| (at.clone(), status(item))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_comes_back_and_nobody_is_told_anything_twice() {
    let lost = Lost::set().await;
    let compared = lost.restore(&Choice::default(), Hands::Off).await;
    assert_eq!(everything(&lost.world.cloud).await, lost.after, "a comparison writes nothing");
    let demo = Some(BusinessId::parse(DEMO).unwrap());
    let count = |kind: RestoreKind| compared.0[&(kind, demo.clone())];
    assert_eq!(count(RestoreKind::Link).missing, 6);
    let account = count(RestoreKind::Account);
    assert_eq!((account.missing, account.withheld), (0, 1), "somebody may have deleted it");
    assert_eq!((count(RestoreKind::Contact).missing, count(RestoreKind::Secret).missing), (1, 1));
    assert_eq!(
        (count(RestoreKind::Settings).changed, count(RestoreKind::Settings).coming_back(&Choice::default())),
        (1, 0)
    );

    let restored = lost.restore(&Choice::default(), Hands::On).await;
    assert_eq!(restored, compared, "what was said would come back did");
    assert_eq!(lost.restore(&Choice::default(), Hands::On).await.coming_back(&Choice::default()), 0, "once is enough");

    // What may have been deleted on purpose is listed, and comes back where it is named.
    let stays_gone = async || {
        let findings = lost.store().restore_findings().await.unwrap();
        findings
            .into_iter()
            .filter_map(|one| match one {
                RestoreFinding::StaysGone { kind, id, .. } => Some((kind, id)),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(stays_gone().await, [(RestoreKind::Account, "euro".to_owned())]);
    let named = Choice { kinds: [RestoreKind::Account].into(), ..Choice::default() };
    assert_eq!(lost.restore(&named, Hands::On).await.coming_back(&named), 1);
    assert_eq!(stays_gone().await, []);

    // Everything that comes by itself comes.
    lost.world.bring_stream().await;
    assert_eq!(told(&lost.world), lost.told, "what comes back makes nobody hear of anything");
    lost.world.confirm().await;
    let now = told(&lost.world);
    assert_eq!(now.people, lost.told.people, "nobody gets a message twice");
    let twice: Vec<_> = now.events.iter().filter(|(id, times)| lost.told.events.get(*id) != Some(times)).collect();
    let paid_unseen = lost.id("paid-unseen");
    assert!(
        twice.iter().all(|(id, times)| **times == 1 && !lost.told.events.contains_key(*id)),
        "the CRM hears of nothing twice: {twice:?}"
    );
    assert!(!twice.is_empty(), "and of what is new, which is about {paid_unseen}");

    // All books agree. What was left to a person is missing, and nothing else.
    let (wrong, _) = lost.world.check(Stage::UnderWay).await;
    let events_of = ["told-since", "waiting"].map(|name| lost.links[name].id.trim_start_matches("pl_").to_owned());
    let paid_since = lost.links["paid-since"].id.clone();
    let is_left_to_a_person = |wrong: &&String| {
        wrong.starts_with("restore finding#")
            || (events_of.iter().any(|link| wrong.contains(link))
                && wrong.ends_with("failed at an endpoint that works"))
            || (wrong.starts_with(&paid_since) && wrong.contains("never said"))
    };
    let unexpected: Vec<&String> = wrong.iter().filter(|wrong| !is_left_to_a_person(wrong)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");

    // Money of the time since is there.
    for (name, status) in [
        ("told", "active"),
        ("told-since", "active"),
        ("paid-before", "paid"),
        ("paid-since", "paid"),
        ("paid-unseen", "paid"),
        ("kept", "paid"),
        ("waiting", "active"),
        ("new", "active"),
    ] {
        let link = lost.link(name).await;
        assert_eq!(link["status"], status, "{name}: {link}");
        assert_eq!(link["receipts"].as_array().unwrap().len(), usize::from(status == "paid"), "{name}: {link}");
    }
    let listed = lost.world.crm(Method::GET, "/v1/payment-links?contact_id=c-1042", &Value::Null, &[]).await.unwrap();
    assert_eq!(listed.json()["data"].as_array().unwrap().len(), 8, "every link is listed");
    let settings = lost.world.crm(Method::GET, "/v1/settings", &Value::Null, &[]).await.unwrap().json();
    assert_eq!(settings["business_name"], "Changed since");

    let findings: BTreeSet<RestoreFinding> = lost.store().restore_findings().await.unwrap().into_iter().collect();
    let about_message = |name: &str| {
        let id = lost.id(name);
        findings.iter().any(|one| matches!(one, RestoreFinding::MessageMaybeSent { link_id, .. } if *link_id == id))
    };
    assert!(about_message("told-since") && about_message("waiting") && !about_message("told"), "{findings:?}");
    let events = findings.iter().filter(|one| matches!(one, RestoreFinding::EventMaybeSent { .. }));
    assert_eq!(events.count(), 2, "{findings:?}");
    let paid_since = lost.id("paid-since");
    let is_paid =
        |one: &RestoreFinding| matches!(one, RestoreFinding::LinkPaidSince { link_id, .. } if *link_id == paid_since);
    assert_eq!(findings.iter().filter(|one| is_paid(one)).count(), 1, "{findings:?}");
    let came_back = |one: &RestoreFinding| matches!(one, RestoreFinding::ContactCameBack { .. });
    assert_eq!(findings.iter().filter(|one| came_back(one)).count(), 1, "{findings:?}");

    // A link that came back goes on: somebody opens it, so that what else there is to tell of it would be told.
    for name in ["told-since", "waiting"] {
        lost.world.go_to_gateway(&lost.links[name]).await;
    }
    lost.world.confirm().await;
    let now = told(&lost.world);
    assert_eq!(now.people, lost.told.people);
    assert!(now.events.values().all(|times| *times == 1), "{:?}", now.events);
    // And the CRM hears once of what is new.
    let reply = lost.world.cancel(&lost.links["told-since"], true).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
    lost.world.bring_stream().await;
    let cancelled = lost.world.cloud.crm.events().into_iter().filter(|received| {
        received.event["type"] == "payment_link.cancelled"
            && received.event["payment_link_id"] == lost.links["told-since"].id.as_str()
    });
    assert_eq!(cancelled.count(), 1);
    assert_eq!(told(&lost.world).people, lost.told.people);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stopped_at_any_write_of_a_restore_goes_on_and_ends_the_same() {
    let lost = Lost::set().await;
    let choice = Choice { is_changed_too: true, ..Choice::default() };
    lost.world.proxy.record();
    lost.restore(&choice, Hands::On).await;
    let calls = lost.world.proxy.calls();
    let whole = shape(&everything(&lost.world.cloud).await);
    let writes: Vec<usize> = (0..calls.len()).filter(|number| calls[*number].operation == "PutItem").collect();
    assert!(writes.len() > 20, "{calls:?}");
    for (number, fault) in writes.iter().zip([Fault::DieBefore, Fault::DieAfter].into_iter().cycle()) {
        lost.lose_again().await;
        let number = *number;
        lost.world.proxy.decide(move |at, _| (at == number).then_some(fault));
        let death = lost.world.proxy.death_of(ADMIN);
        tokio::select! {
            biased;
            () = death.notified() => {}
            _ = lost.restore(&choice, Hands::On) => {}
        }
        lost.world.proxy.record();
        lost.restore(&choice, Hands::On).await;
        assert_eq!(shape(&everything(&lost.world.cloud).await), whole, "{number} {fault:?}");
    }
    lost.world.bring_stream().await;
    assert_eq!(told(&lost.world), lost.told);
    assert_eq!(lost.link("kept").await["status"], "paid", "what went on since stays, whatever was chosen");
}

/// The customer opened the link after the instant of the copy, so that it knows nothing of the attempt that paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_was_paid_in_a_session_which_the_copy_does_not_know_is_never_paid_twice() {
    let lost = Lost::set().await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 500 });
    let world = &lost.world;
    let link = world.make_link_as(BAZAAR_KEY, &body, "k-1").await;
    let copies = copies_again(&lost).await;
    world.pay(&link, "paid").await;
    world.bring_stream().await;
    lost.lose(|pk, _| pk == format!("link#{}", link.id)).await;
    let store = lost.store();
    let copy = store.copy_in(&copies[0], &copies[1]);
    store.restore(&copy, lost.at, &Choice::default(), Hands::On, world.now()).await.unwrap();
    let path = format!("/v1/payment-links/{}", link.id);
    let shown = world.crm_as(BAZAAR_KEY, Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
    assert_eq!((&shown["status"], shown["receipts"].as_array().unwrap().len()), (&json!("paid"), 1), "{shown}");
    let page = world.open(&link.url).await.unwrap();
    assert_eq!(page.status, 200, "nobody is sent to the gateway again: {}", page.text);
    let findings = store.restore_findings().await.unwrap();
    let id = LinkId::parse(&link.id).unwrap();
    let unknown: Vec<&LinkId> = findings
        .iter()
        .filter_map(|one| {
            if let RestoreFinding::LinkPaidByUnknownAttempt { link_id, .. } = one { Some(link_id) } else { None }
        })
        .collect();
    assert_eq!(unknown, [&id], "{findings:?}");
}

/// Links of the time since, each with what became of its money before it was lost. None has a receipt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_a_gateway_confirmed_is_found_without_a_receipt_and_goes_to_a_person_where_it_was_not_kept() {
    let lost = Lost::set().await;
    let world = &lost.world;
    let make = async |name: &str| {
        let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_999,
                           "after_payment": { "register_receipt": false } });
        world.make_link(&body, &format!("since-{name}")).await
    };
    lost.restore_all().await;
    let (kept, returned) = (make("kept").await, make("returned").await);
    let (unknown, unknown_returned) = (make("unknown").await, make("unknown-returned").await);
    let mut pages = Vec::new();
    for link in [&kept, &returned] {
        pages.push(world.go_to_gateway(link).await);
    }
    let copies = copies_again(&lost).await;
    for link in [&unknown, &unknown_returned] {
        pages.push(world.go_to_gateway(link).await);
    }
    let new = make("new").await;
    pages.push(world.go_to_gateway(&new).await);
    // Two of them take no money any more when it comes, so that it is to go back.
    for link in [&returned, &unknown_returned] {
        assert!(world.cancel(link, true).await.unwrap().status.is_success());
    }
    let links = [&kept, &returned, &unknown, &unknown_returned, &new];
    for page in &pages {
        let back = world.choose(page, "paid").await.unwrap();
        world.open(&back).await.unwrap();
    }
    lost.lose(|pk, _| links.iter().any(|link| pk == format!("link#{}", link.id))).await;
    let store = lost.store();
    let copy = store.copy_in(&copies[0], &copies[1]);
    store.restore(&copy, lost.at, &Choice::default(), Hands::On, world.now()).await.unwrap();

    let shown = async |link: &Made| {
        let path = format!("/v1/payment-links/{}", link.id);
        let shown = world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
        let review = shown["attempts"].as_array().into_iter().flatten().any(|one| one["status"] == "needs_review");
        (shown["status"].as_str().unwrap_or("none").to_owned(), review)
    };
    assert_eq!(shown(&kept).await, ("paid".to_owned(), false));
    assert_eq!(shown(&returned).await, ("active".to_owned(), true));
    assert_eq!(shown(&unknown).await, ("paid".to_owned(), false));
    assert_eq!(shown(&unknown_returned).await, ("active".to_owned(), false), "that money paid nothing");
    assert_eq!(shown(&new).await, ("none".to_owned(), false));

    let id = |link: &Made| LinkId::parse(&link.id).unwrap();
    let mut found = BTreeMap::new();
    for finding in store.restore_findings().await.unwrap() {
        let (link, what) = match finding {
            RestoreFinding::LinkPaidSince { link_id, .. } => (link_id, "paid since"),
            RestoreFinding::LinkPaidByUnknownAttempt { link_id, .. } => (link_id, "paid by an unknown attempt"),
            RestoreFinding::MoneyNeedsReview { link_id, .. } => (link_id, "needs review"),
            RestoreFinding::MoneyOfUnknownAttempt { link_id, gateway_reference, .. } => {
                assert!(!gateway_reference.is_empty());
                (link_id, "money of an unknown attempt")
            }
            RestoreFinding::MoneyWithoutLink { link_id, gateway_reference, .. } => {
                assert!(!gateway_reference.is_empty());
                (link_id, "money without a link")
            }
            _ => continue,
        };
        found.insert(link, what);
    }
    let of = |link: &Made| found.get(&id(link)).copied();
    assert_eq!(of(&kept), Some("paid since"), "{found:?}");
    assert_eq!(of(&returned), Some("needs review"), "{found:?}");
    assert_eq!(of(&unknown), Some("paid by an unknown attempt"), "{found:?}");
    assert_eq!(of(&unknown_returned), Some("money of an unknown attempt"), "{found:?}");
    assert_eq!(of(&new), Some("money without a link"), "{found:?}");
}

/// The record of a message is lost and its link is not. Whoever stands in for it is not told because it counts as
/// failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_back_beside_its_link_sends_nothing_that_stands_in_for_it() {
    let lost = Lost::set().await;
    let world = &lost.world;
    let settings = json!({ "business_name": "B", "default_region": "IR", "channel_order": ["email", "sms"] });
    let reply = world.crm_as(BAZAAR_KEY, Method::PUT, "/v1/settings", &settings, &[]).await.unwrap();
    assert!(reply.status.is_success(), "{}", reply.text);
    let contact = json!({ "id": "both", "name": "Both", "email": "both@example.com", "mobile": "+4915123456789" });
    let body = json!({ "account_id": "main", "amount": 500_000, "contact": contact,
                       "recipients": { "contact": true } });
    // The email waits when the copy is made, and is sent after.
    world.proxy.decide(|_, call| call.sends_a_message().then_some(Fault::Unavailable));
    let link = world.make_link_as(BAZAAR_KEY, &body, "both").await;
    let id = LinkId::parse(&link.id).unwrap();
    let made = world.cloud.store.link(&id).await.unwrap().unwrap();
    assert_eq!(made.recipients().map(|one| one.stands_in_for.len()).collect::<Vec<_>>(), [0, 1]);
    world.bring_stream().await;
    world.proxy.record();
    let copies = copies_again(&lost).await;
    world.turn_time(Duration::from_secs(120));
    world.retry_messages().await.unwrap().unwrap();
    let before = told(world);
    assert_eq!(before.people.get("both@example.com"), Some(&1));
    let partition = format!("link#{}", link.id);
    lost.lose(|pk, sk| pk == partition && sk.starts_with("message#")).await;
    let store = lost.store();
    let copy = store.copy_in(&copies[0], &copies[1]);
    store.restore(&copy, lost.at, &Choice::default(), Hands::On, world.now()).await.unwrap();
    world.go_to_gateway(&link).await;
    world.bring_stream().await;
    world.turn_time(Duration::from_secs(120));
    world.retry_messages().await.unwrap().unwrap();
    assert_eq!(told(world).people, before.people, "nobody is told a second time, by whatever channel");
    let findings = store.restore_findings().await.unwrap();
    let of_link =
        findings.iter().filter(|one| matches!(one, RestoreFinding::MessageMaybeSent { link_id, .. } if *link_id == id));
    assert_eq!(of_link.count(), 2, "both are left to a person: {findings:?}");
}

/// New copies in place of those that the scene was set with.
async fn copies_again(lost: &Lost) -> [String; 2] {
    let client = dynamodb(&lost.world.cloud);
    for name in &lost.copies {
        client.delete_table().table_name(name).send().await.unwrap();
    }
    copies(&lost.world).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_records_are_found_by_comes_back_with_them_and_is_mended_where_it_alone_is_lost() {
    let lost = Lost::set().await;
    let found_by = |everything: &Everything, kind: &str| -> Everything {
        everything
            .iter()
            .filter(|((pk, _), _)| pk.starts_with(kind))
            .map(|(at, item)| (at.clone(), item.clone()))
            .collect()
    };
    for is_it_alone in [false, true] {
        if is_it_alone {
            lost.restore_all().await;
        }
        lost.lose(|pk, _| pk.starts_with("search#demo#") || pk.starts_with("receipt-search#demo#")).await;
        lost.restore_all().await;
        let now = everything(&lost.world.cloud).await;
        assert_eq!(found_by(&now, "search#"), found_by(&lost.before, "search#"));
        let receipt = lost.link("paid-before").await["receipts"][0].as_str().unwrap().to_owned();
        let of_receipt = |everything: &Everything| {
            found_by(everything, "receipt-search#").into_keys().filter(|(_, sk)| sk.ends_with(&receipt)).count()
        };
        assert!(of_receipt(&now) > 1);
        assert_eq!(of_receipt(&now), of_receipt(&lost.before));
    }
}

/// Somebody who was lost, or is another since, is found by what the copy says and not by what there was last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_found_by_what_was_lost_with_them() {
    let lost = Lost::set().await;
    lost.restore_all().await;
    let world = &lost.world;
    let put = async |id: &str, name: &str| {
        let body = json!({ "name": name, "mobile": "09350000001" });
        let reply = world.crm(Method::PUT, &format!("/v1/contacts/{id}"), &body, &[]).await.unwrap();
        assert!(reply.status.is_success(), "{}", reply.text);
    };
    for id in ["c-lost", "c-spoiled", "c-alone"] {
        put(id, "Before").await;
    }
    copies_again(&lost).await;
    for id in ["c-lost", "c-spoiled", "c-since"] {
        put(id, "Since").await;
    }
    // Rows stay where a record is lost by no call of ours.
    let contact = |id: &str| format!("contact#demo#{id}");
    lost.lose(|pk, _| pk == contact("c-lost") || pk == contact("c-since")).await;
    lost.lose(|pk, sk| pk.starts_with("search#demo#name#") && sk.ends_with("#c-alone")).await;
    let spoil = dynamodb(&world.cloud).update_item().table_name(world.cloud.store.table());
    let spoil = spoil.key("pk", text(&contact("c-spoiled"))).key("sk", text("contact"));
    spoil.update_expression("REMOVE #name").expression_attribute_names("#name", "name").send().await.unwrap();

    let demo = BusinessId::parse(DEMO).ok();
    let looked = lost.restore(&Choice::default(), Hands::Off).await;
    let counts = looked.0[&(RestoreKind::Contact, demo.clone())];
    assert_eq!((counts.missing, counts.damaged, counts.not_found), (1, 1, 1), "{counts:?}");
    lost.restore(&Choice::default(), Hands::On).await;
    let names: Vec<String> = everything(&world.cloud)
        .await
        .into_keys()
        .filter(|(pk, sk)| pk.starts_with("search#demo#name#") && (sk.starts_with("before") || sk.starts_with("since")))
        .map(|(_, sk)| sk)
        .collect();
    assert_eq!(names, ["before#c-alone", "before#c-lost", "before#c-spoiled"]);
    let looked = lost.restore(&Choice::default(), Hands::Off).await;
    let counts = looked.0[&(RestoreKind::Contact, demo)];
    assert_eq!((counts.missing, counts.damaged, counts.changed, counts.not_found), (0, 0, 0, 0), "{counts:?}");
    let (wrong, _) = world.check(Stage::UnderWay).await;
    let is_of_search =
        |one: &&String| ["nobody finds ", "is found", "keeps the rows"].iter().any(|what| one.contains(what));
    assert_eq!(wrong.iter().find(is_of_search), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_chosen_comes_back_and_nothing_else() {
    let lost = Lost::set().await;
    let only = |kinds: &[RestoreKind]| Choice { kinds: kinds.iter().copied().collect(), ..Choice::default() };
    lost.restore(&only(&[RestoreKind::Contact]), Hands::On).await;
    let changed = |everything: &Everything| {
        let is_new = |(at, item): &(&(String, String), &Item)| lost.after.get(*at) != Some(*item);
        everything.iter().filter(is_new).map(|(at, _)| at.0.clone()).collect::<BTreeSet<String>>()
    };
    let own = BTreeSet::from(["contact#demo#c-1042".to_owned(), "restore".to_owned()]);
    assert_eq!(changed(&everything(&lost.world.cloud).await), own);

    lost.lose_again().await;
    let settings = Choice { is_changed_too: true, ..only(&[RestoreKind::Settings]) };
    lost.restore(&settings, Hands::On).await;
    assert_eq!(changed(&everything(&lost.world.cloud).await), BTreeSet::from(["config#demo".to_owned()]));

    lost.lose_again().await;
    let other = Choice { businesses: [BusinessId::parse(BAZAAR).unwrap()].into(), ..Choice::default() };
    assert_eq!(lost.restore(&other, Hands::On).await.coming_back(&other), 0);
    let one = format!("link#{}", lost.links["told"].id);
    let partition = Choice { partitions: [one.clone()].into(), ..Choice::default() };
    lost.restore(&partition, Hands::On).await;
    let restored = changed(&everything(&lost.world.cloud).await);
    assert!(restored.contains(&one) && restored.len() <= 2, "{restored:?}");
}

/// A key that is missing was revoked, because it leaked; a business that is erased stays so; and what was suspended
/// since, or got more shards, stays that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_back_that_was_taken_away_on_purpose() {
    let lost = Lost::set().await;
    let world = &lost.world;
    lost.lose(|pk, _| pk == "keys#demo").await;
    let demo = BusinessId::parse(DEMO).unwrap();
    let (known, revision) = world.cloud.store.business_to_change(&demo).await.unwrap();
    let known = known.unwrap().suspended(Some("fraud".to_owned()), world.now());
    let spread = known.spread.grown(Shards::parse(4).unwrap(), world.now()).unwrap();
    let business = domain::records::business::Business { spread, ..known };
    world.cloud.store.put_business(&business, &revision).await.unwrap();

    let bazaar = BusinessId::parse(BAZAAR).unwrap();
    let (known, revision) = world.cloud.store.business_to_change(&bazaar).await.unwrap();
    let erased = known.unwrap().suspended(None, world.now()).deleting(world.now());
    let state = domain::records::business::BusinessState::Erased { erased_at: world.now() };
    let erased = domain::records::business::Business { state, ..erased };
    world.cloud.store.put_business(&erased, &revision).await.unwrap();
    lost.lose(|pk, _| pk == "contact#bazaar#c-1042" || pk.starts_with("credentials#bazaar")).await;

    let choice = Choice { is_changed_too: true, ..Choice::default() };
    lost.restore(&choice, Hands::On).await;
    let now = everything(&world.cloud).await;
    assert!(!now.keys().any(|(pk, _)| pk == "keys#demo"), "a key that was revoked stays so");
    assert!(!now.keys().any(|(pk, _)| pk == "contact#bazaar#c-1042" || pk.starts_with("credentials#bazaar")));
    let known = world.cloud.store.business(&demo).await.unwrap().unwrap();
    assert!(known.is_suspended());
    assert_eq!(known.spread.read().number(), 4);
    assert_eq!(world.cloud.store.business(&bazaar).await.unwrap().unwrap().state, erased.state);
    let keys = Choice { kinds: [RestoreKind::ApiKey].into(), ..Choice::default() };
    lost.restore(&keys, Hands::On).await;
    assert!(everything(&world.cloud).await.keys().any(|(pk, _)| pk == "keys#demo"), "unless they are named");
}

/// A business that is lost itself comes back with all shards that its links lie in by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_that_is_lost_comes_back_with_every_shard_that_has_links() {
    let lost = Lost::set().await;
    let world = &lost.world;
    let demo = BusinessId::parse(DEMO).unwrap();
    let (known, revision) = world.cloud.store.business_to_change(&demo).await.unwrap();
    let known = known.unwrap();
    let spread = known.spread.grown(Shards::parse(4).unwrap(), known.created_at).unwrap();
    let business = domain::records::business::Business { spread, ..known };
    world.cloud.store.put_business(&business, &revision).await.unwrap();
    world.turn_time(Duration::from_secs(91));
    lost.restore_all().await;
    let mut highest = 0;
    for number in 0..12 {
        let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_999 });
        let made = world.make_link(&body, &format!("more-{number}")).await;
        let link = world.cloud.store.link(&LinkId::parse(&made.id).unwrap()).await.unwrap().unwrap();
        highest = highest.max(link.shard());
    }
    assert!(highest > 0, "some lie in shards that are new");
    lost.lose(|pk, sk| pk == "config#demo" && sk == "business").await;
    lost.restore(&Choice::default(), Hands::On).await;
    let known = world.cloud.store.business(&demo).await.unwrap().unwrap();
    assert_eq!(known.spread.read().number(), highest + 1);
}

/// An item of a link that cannot be read any more, and a receipt that somebody changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_or_never_changes_comes_back_where_it_is_damaged() {
    let lost = Lost::set().await;
    lost.lose_again().await;
    let world = &lost.world;
    let client = dynamodb(&world.cloud);
    let kept = format!("link#{}", lost.links["kept"].id);
    let spoil = client.update_item().table_name(world.cloud.store.table());
    spoil.key("pk", text(&kept)).key("sk", text("link")).update_expression("REMOVE amount").send().await.unwrap();
    let in_copy = all_of(&client, &lost.copies[0]).await;
    let is_receipt = |item: &&Item| item["pk"].as_s().unwrap().starts_with("receipt#demo#");
    let in_copy = in_copy.iter().find(is_receipt).unwrap();
    let receipt = in_copy["pk"].as_s().unwrap();
    let forge = client.update_item().table_name(world.cloud.store.table());
    forge
        .key("pk", text(receipt))
        .key("sk", text("receipt"))
        .update_expression("SET amount = :less")
        .expression_attribute_values(":less", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    lost.restore(&Choice::default(), Hands::On).await;
    let now = everything(&world.cloud).await;
    assert_eq!(now[&(receipt.clone(), "receipt".to_owned())], *in_copy);
    assert_eq!(lost.link("kept").await["amount"], 1_999);
    world.bring_stream().await;
    assert_eq!(told(world), lost.told);
}

/// Money of a payment went back after the copy was made: its receipt says so since, and is the same receipt all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_of_which_more_went_back_since_the_copy_stays_as_it_is() {
    let world = FaultyWorld::start(0).await;
    let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_999 });
    let link = world.make_link(&body, "paid").await;
    world.pay(&link, "paid").await;
    let refund = async |key: &str| {
        let path = format!("/v1/payment-links/{}", link.id);
        let read = world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap().json();
        let path = format!("/v1/receipts/{}/refunds", read["receipts"][0].as_str().unwrap());
        let body = json!({ "amount": 500, "outside": { "reference": key } });
        let reply = world.crm(Method::POST, &path, &body, &[("idempotency-key", key)]).await.unwrap();
        assert!(reply.status.is_success(), "{}", reply.text);
        world.turn_time(Duration::from_secs(61));
        world.sweep().await.unwrap().unwrap();
        world.confirm().await;
    };
    refund("before").await;
    let (at, copies) = (world.now(), copies(&world).await);
    refund("since").await;
    let now = everything(&world.cloud).await;
    let links = BTreeMap::from([("paid", link.clone())]);
    let (before, after) = (now.clone(), now.clone());
    let lost = Lost { told: told(&world), links, at, copies, before, after, world };
    for choice in [Choice::default(), Choice { is_changed_too: true, ..Choice::default() }] {
        let compared = lost.restore(&choice, Hands::On).await;
        let receipts = compared.0[&(RestoreKind::Receipt, Some(BusinessId::parse(DEMO).unwrap()))];
        assert_eq!((receipts.same, receipts.newer, receipts.coming_back(&choice)), (1, 1, 0), "{receipts:?}");
        assert_eq!(everything(&lost.world.cloud).await, now);
    }
    assert_eq!(lost.link("paid").await["amount_refunded"], 1_000);
    // What a refund is listed by comes back as anything does that never changes.
    lost.lose(|pk, sk| pk.starts_with("link#") && sk.starts_with("refund#")).await;
    lost.restore(&Choice::default(), Hands::On).await;
    let listed = lost.world.crm(Method::GET, "/v1/refunds", &Value::Null, &[]).await.unwrap().json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "that of the time before: {listed}");
}

/// A link that is lost after money of it went back comes back knowing that, or the money could be sent a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_comes_back_knows_what_went_back_of_its_payment_since() {
    let world = FaultyWorld::start(0).await;
    let make = async |name: &str| {
        let body = json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1_999 });
        world.make_link(&body, name).await
    };
    let (paid_before, paid_since) = (make("paid-before").await, make("paid-since").await);
    world.pay(&paid_before, "paid").await;
    let page = world.go_to_gateway(&paid_since).await;
    world.confirm().await;
    let (at, copies) = (world.now(), copies(&world).await);
    world.turn_time(Duration::from_secs(120));
    let back = world.choose(&page, "paid").await.unwrap();
    world.open(&back).await.unwrap();
    let read = async |link: &Made| {
        let path = format!("/v1/payment-links/{}", link.id);
        world.crm(Method::GET, &path, &Value::Null, &[]).await.unwrap().json()
    };
    let ask = async |link: &Made, body: Value, key: &str| {
        let path = format!("/v1/receipts/{}/refunds", read(link).await["receipts"][0].as_str().unwrap());
        world.crm(Method::POST, &path, &body, &[("idempotency-key", key)]).await.unwrap()
    };
    for link in [&paid_before, &paid_since] {
        for body in [json!({ "amount": 700 }), json!({ "amount": 300, "outside": { "reference": "TR-1" } })] {
            let reply = ask(link, body, &world.now().to_string()).await;
            assert!(reply.status.is_success(), "{}", reply.text);
            world.turn_time(Duration::from_secs(61));
            world.sweep().await.unwrap().unwrap();
        }
        world.confirm().await;
        assert_eq!(read(link).await["amount_refunded"], 1_000);
    }
    let links = BTreeMap::from([("before", paid_before.clone()), ("since", paid_since.clone())]);
    let before = everything(&world.cloud).await;
    let lost = Lost { told: told(&world), links, at, copies, after: before.clone(), before, world };
    for name in ["before", "since"] {
        let partition = format!("link#{}", lost.links[name].id);
        lost.lose(|pk, _| pk == partition).await;
    }
    lost.restore_all().await;
    let world = &lost.world;
    for name in ["before", "since"] {
        let link = lost.link(name).await;
        assert_eq!((&link["status"], &link["amount_refunded"]), (&json!("paid"), &json!(1_000)), "{name}: {link}");
        assert_eq!(link["attempts"][0]["payment"]["amount"], 1_999, "{name}: {link}");
        let refunds = link["attempts"][0]["refunds"].as_array().unwrap();
        let told = |field: &str| refunds.iter().map(|one| one[field].clone()).collect::<Vec<_>>();
        assert_eq!(told("status"), ["succeeded", "succeeded"], "{name}");
        assert_eq!(told("amount"), [700, 300], "{name}");
        assert_eq!(told("method"), ["gateway", "outside"], "{name}");
        assert_eq!(link["receipts"].as_array().unwrap().len(), 3, "{name}: {link}");
        let path = format!("/v1/receipts/{}/refunds", link["receipts"][0].as_str().unwrap());
        let more = json!({ "amount": 1_000 });
        let more = world.crm(Method::POST, &path, &more, &[("idempotency-key", name)]).await.unwrap();
        assert_eq!(more.problems(), [("/amount".to_owned(), "more_than_left".to_owned())], "{name}: {}", more.text);
        let rest = world.crm(Method::POST, &path, &json!({}), &[("idempotency-key", "rest")]).await.unwrap();
        assert_eq!(rest.json()["amount"], 999, "{name}: {}", rest.text);
    }
    world.turn_time(Duration::from_secs(61));
    world.sweep().await.unwrap().unwrap();
    world.confirm().await;
    for name in ["before", "since"] {
        let link = lost.link(name).await;
        assert_eq!(link["amount_refunded"], 1_999, "{name}: {link}");
        let receipt = link["receipts"][0].as_str().unwrap();
        let receipt = world.crm(Method::GET, &format!("/v1/receipts/{receipt}"), &Value::Null, &[]).await.unwrap();
        assert_eq!(receipt.json()["amount_refunded"], 1_999, "{name}");
    }
    for book in world.books_of("stripe").await {
        assert_eq!(book["refunded"], 1_699, "the rest, and no more: {book}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_was_replaced_since_does_not_come_back_to_be_paid_beside_the_newest() {
    let world = FaultyWorld::start(0).await;
    let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50_000 });
    let first = world.make_link(&body, "first").await;
    world.bring_stream().await;
    let (at, copies) = (world.now(), copies(&world).await);
    world.turn_time(Duration::from_secs(120));
    let made = world.replace(&first, &json!({ "amount": 40_000 }), "newest").await.unwrap();
    let newest = Made::read(first.key, &made.json());
    world.bring_stream().await;
    let (before, after) = (everything(&world.cloud).await, Everything::new());
    let links = [("first", first), ("newest", newest)].into();
    let lost = Lost { told: told(&world), links, world, copies, at, before, after };
    let (first, newest) = (&lost.links["first"], &lost.links["newest"]);
    let partition = format!("link#{}", first.id);
    lost.lose(|pk, sk| pk == partition && sk == "link").await;
    lost.restore_all().await;
    let back = lost.link("first").await;
    assert_eq!((&back["status"], &back["replaced_by"]), (&json!("replaced"), &json!(newest.id)), "{back}");
    assert_eq!(lost.world.open(&first.url).await.unwrap().location(), newest.url);
    // Without the pointer each link of the chain leads to the next.
    lost.lose(|pk, sk| pk == partition && sk == "newest").await;
    lost.restore_all().await;
    assert!(!everything(&lost.world.cloud).await.contains_key(&(partition.clone(), "newest".to_owned())));
    assert_eq!(lost.world.open(&first.url).await.unwrap().location(), newest.url);
}

//! How many requests a payment takes, for which the limits of `infra/edge.yaml` have to leave room.

use std::time::Duration;

use regex_lite::Regex;
use reqwest::{Method, StatusCode};
use serde_json::json;
use serde_norway::Value;
use tests::{Reply, World, root};

/// The message with the link reaches so many people at once who share one address, as behind a carrier's.
const BATCH: u64 = 1000;

/// For so long the gateway may not answer, in seconds, while all of them wait before the page that loads again by itself.
const OUTAGE: u64 = 60;

/// The rules count over this time, in seconds.
const WINDOW: u64 = 300;

/// So many windows of a browser, on whatever device, may be open at once at one link.
const WINDOWS: u64 = 5;

/// The requests to pages of payments, by their paths.
#[derive(Debug, Default)]
struct Counted(Vec<String>);

impl Counted {
    /// Whoever sees a reply follows where it leads, as long as that is with us.
    async fn follow(&mut self, world: &World, mut reply: Reply) -> Reply {
        while reply.status == StatusCode::SEE_OTHER && reply.location().starts_with(&world.cloud.base_url()) {
            let to = reply.location();
            reply = self.open(world, &to).await;
        }
        reply
    }

    async fn open(&mut self, world: &World, url: &str) -> Reply {
        self.0.push(url.to_owned());
        world.open(url).await
    }

    async fn press(&mut self, world: &World, page: &Reply) -> Reply {
        self.0.push("the button".to_owned());
        world.press(page).await
    }

    /// The customer decides at the gateway and is sent back.
    async fn decide(&mut self, world: &World, gateway: &str, outcome: &str) -> Reply {
        let chosen = world.choose(gateway, outcome).await;
        self.0.push("the return".to_owned());
        let returned = world.go_back(&chosen).await;
        self.follow(world, returned).await
    }
}

fn edge() -> Value {
    serde_norway::from_str(&std::fs::read_to_string(root().join("infra/edge.yaml")).unwrap()).unwrap()
}

/// What a limit is as it ships.
fn limit(name: &str) -> u64 {
    edge()["Parameters"][name]["Default"].as_u64().unwrap()
}

/// Whether the firewall takes a statement for true of a path. What AWS says of the address is not in it.
fn is_true(statement: &Value, path: &str) -> bool {
    let [(kind, about)] = statement.as_mapping().unwrap().iter().collect::<Vec<_>>()[..] else {
        panic!("a statement is of one kind: {statement:?}");
    };
    let all = || about["Statements"].as_sequence().unwrap().iter();
    match kind.as_str().unwrap() {
        "RegexMatchStatement" => Regex::new(about["RegexString"].as_str().unwrap()).unwrap().is_match(path),
        "NotStatement" => !is_true(&about["Statement"], path),
        "AndStatement" => all().all(|one| is_true(one, path)),
        "LabelMatchStatement" => true,
        other => panic!("{other} is not known here"),
    }
}

/// The rules that count requests to a path.
fn counted_by(path: &str) -> Vec<String> {
    let edge = edge();
    let rules = edge["Resources"]["Firewall"]["Properties"]["Rules"].as_sequence().unwrap();
    let counting = rules.iter().filter_map(|rule| Some((rule, rule["Statement"].get("RateBasedStatement")?)));
    let counting = counting.filter(|(_, rate)| is_true(&rate["ScopeDownStatement"], path));
    counting.map(|(rule, _)| rule["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn however_a_link_is_written_it_counts_for_the_address_that_asks_and_a_clean_one_for_the_link() {
    let world = World::in_process().await;
    let url = world.rial_link().await["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&world.cloud.base_url()).unwrap();
    let clean = ["requests-per-link", "requests-per-listed-address", "requests-per-address"];
    let spoilt =
        ["requests-per-link", "spoilt-links-per-address", "requests-per-listed-address", "requests-per-address"];
    for behind in ["", "/go", "/already-paid", "/ask-again", "/result"] {
        assert_eq!(counted_by(&format!("{path}{behind}")), clean, "{behind}");
    }
    assert_eq!(counted_by("/gateways/zarinpal/return/k"), clean);
    for written in [format!("{path}."), format!("{path}.1"), format!("{path}/x"), path.replace("/p/", "/p//")] {
        assert_eq!(counted_by(&written), spoilt, "{written}");
        assert_eq!(world.open(&format!("{}{written}", world.cloud.base_url())).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(counted_by(&path.replace("/p/", "/P/")), clean);
    for other in ["/v1/payment-links", "/gateways/stripe/notify/main/main", "/robots.txt"] {
        assert!(counted_by(other).is_empty(), "{other}");
    }
}

fn seconds_until_it_loads_again(page: &Reply) -> u64 {
    page.waits().unwrap().0
}

#[tokio::test]
async fn a_thousand_customers_behind_one_address_can_pay_at_once_also_where_the_gateway_is_slow() {
    let world = World::in_process().await;
    let online = json!({ "enabled": true, "gateway": "zarinpal", "summary_page": true });
    let account = json!({ "name": "M", "currency": "IRR", "mode": "sandbox", "online_payment": online });
    world.put("/v1/accounts/main", account).await;
    let link = world.rial_link().await;
    let url = link["url"].as_str().unwrap();
    let mut counted = Counted::default();
    // The telephone shows a preview of the message, and the person opens the link twice.
    counted.0.push("the preview".to_owned());
    world.send(Method::GET, url, &[("accept", "*/*")], None).await;
    counted.open(&world, url).await;
    let page = counted.open(&world, url).await;
    // The first try is cancelled, the second is paid.
    let gateway = counted.press(&world, &page).await.location();
    counted.decide(&world, &gateway, "cancelled").await;
    let page = counted.open(&world, url).await;
    let gateway = counted.press(&world, &page).await.location();
    // The gateway does not answer at once, so that the page waits.
    world.misbehave("zarinpal", "verify", "502_html", 1).await;
    let waiting = counted.decide(&world, &gateway, "paid").await;
    let pause = seconds_until_it_loads_again(&waiting);
    let each = u64::try_from(counted.0.len()).unwrap();
    assert_eq!(each, 10, "docs/operations.md says how many there are: {counted:?}");
    let needed = BATCH * (each + OUTAGE / pause);
    assert!(needed <= limit("RequestsPerAddress"), "{BATCH} customers need {needed} requests");
    // One link alone, in a few windows that are left open while the gateway is down: the pause grows after two minutes.
    world.turn_clock(Duration::from_secs(180));
    let later = seconds_until_it_loads_again(&world.open(&format!("{url}/result")).await);
    let needed = WINDOWS * (120 / pause + (WINDOW - 120) / later) + each;
    assert!(needed <= limit("RequestsPerLink"), "{WINDOWS} windows at one link make {needed} requests");
    // An address that AWS lists may be a carrier's too.
    assert!(limit("RequestsPerListedAddress") >= BATCH / 10 * (each + OUTAGE / pause));
}

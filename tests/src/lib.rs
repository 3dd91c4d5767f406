//! What the tests share: a world with the local cloud, the functions and a customer's browser.
//!
//! The same world can be built with the functions called in this process, which is fast and lets a test turn the clock,
//! or with the built binaries behind `cargo lambda watch`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where something is wrong")]

pub mod answers;
pub mod capacity;
pub mod engine;
pub mod fault_proxy;
pub mod faulty_world;
pub mod forms;
mod in_process;
pub mod invariants;
pub mod lambda;
pub mod lists;
pub mod meter;
pub mod permissions;
pub mod seeded;
pub mod time_box;
pub mod tls_endpoint;
pub mod totals;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::EndpointId;
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use jiff::Timestamp;
use paylink_local::seed::{self, API_KEY, PLATFORM_KEY};
use paylink_local::watch::{Watch, WatchOptions};
use paylink_local::{Cloud, Options, Ports};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use runtime::{Clock, Environment, Runtime};
use serde_json::{Value, json};
use store::{BusinessStore, RecordWritten, RevisionWritten};
use url::Url;

use fault_proxy::FaultProxy;
use forms::Form;
pub use in_process::{Functions, api_gateway_event};
use web::auth::BUSINESS_HEADER;

/// Hundreds of thousands of calls in one process spend a fifth of their time in the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a browser on a telephone sends when a person opens a page, but for the language, so that pages speak that of
/// the link or the business.
pub const NAVIGATION: [(&str, &str); 7] = [
    (
        "user-agent",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    ),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-site", "none"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-user", "?1"),
    ("sec-fetch-dest", "document"),
];

/// The root of the project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The sources below a folder of the workspace, however deep.
///
/// # Panics
///
/// Panics where the folder cannot be read.
pub fn sources_below(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![root().join(folder)]);
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Everything a scenario needs.
#[derive(Debug)]
pub struct World {
    pub cloud: Cloud,
    /// The functions in this process, where they are not served by `cargo lambda watch`.
    pub functions: Option<Functions>,
    clock: &'static AtomicI64,
    http: reqwest::Client,
    watch: Option<Watch>,
    /// Through which the functions of this process call AWS, with the permissions that they will have there.
    proxy: Option<FaultProxy>,
}

/// What came back from a call.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn location(&self) -> String {
        let location = self.headers.get(LOCATION).unwrap_or_else(|| panic!("{} without a location", self.status));
        location.to_str().unwrap().to_owned()
    }

    /// After how many seconds a page that waits asks again, and where.
    pub fn waits(&self) -> Option<(u64, String)> {
        let value = |behind: &str| Some(self.text.split_once(behind)?.1.split('"').next()?.to_owned());
        Some((value("data-poll=\"")?.parse().ok()?, value("data-poll").and(value("class=\"button\" href=\""))?))
    }

    /// Pointer and code of every problem, in order.
    pub fn problems(&self) -> Vec<(String, String)> {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no errors in {body}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        errors.iter().map(|error| (text(&error["pointer"]), text(&error["code"]))).collect()
    }
}

/// A table name that no other test uses, also where several share one DynamoDB.
pub fn unique_table() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let random = runtime::random::<4>().unwrap();
    format!("paylink-test-{}-{:08x}", NUMBER.fetch_add(1, Ordering::Relaxed), u32::from_be_bytes(random))
}

/// Another DynamoDB to test against, instead of the embedded one.
pub fn other_dynamodb() -> Option<String> {
    std::env::var("PAYLINK_TEST_DYNAMODB_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty())
}

/// So many do something at once where so many would on AWS. Another engine may answer one transaction after another, so that
/// the last of many would wait for longer than a call to AWS may take: there it is a fifth.
pub fn at_once(many: usize) -> usize {
    if other_dynamodb().is_some() { many / 5 } else { many }
}

/// The local cloud with empty tables, on ports of its own.
pub async fn empty_cloud() -> Cloud {
    Cloud::start(&cloud_options()).await.expect("the local cloud starts")
}

/// Empty tables on ports that nobody uses; gateways with the system's clock that call webhooks by themselves.
pub(crate) fn cloud_options() -> Options {
    Options {
        ports: Ports::any(),
        table: unique_table(),
        dynamodb_endpoint: other_dynamodb(),
        data: None,
        template: root().join("template.yaml"),
        clock: Clock::System,
        webhooks: true,
    }
}

/// Writes a contact over whatever there is.
pub async fn plant_contact(store: &BusinessStore, contact: &Contact) {
    let (known, revision) = store.contact_to_change(&contact.id).await.unwrap();
    let written = store.write_contact(contact, known.as_ref(), &revision).await.unwrap();
    assert!(matches!(written, RevisionWritten::Applied(_)), "nobody else writes it");
}

/// Deletes an endpoint as it is.
pub async fn forget_endpoint(store: &BusinessStore, id: &EndpointId) {
    let endpoint = store.endpoint(id).await.unwrap().expect("there is an endpoint");
    assert_eq!(store.delete_endpoint(&endpoint).await.unwrap(), RecordWritten::Applied, "nobody else changes it");
}

/// Writes an item over whatever there is.
pub async fn plant_item(store: &BusinessStore, item: &CrmItem) {
    let (known, revision) = store.item_to_change(&item.id).await.unwrap();
    let written = store.write_item(item, known.as_ref(), &revision).await.unwrap();
    assert!(matches!(written, RevisionWritten::Applied(_)), "nobody else writes it");
}

/// The DynamoDB of a cloud, for what no function and no store would do.
pub fn dynamodb(cloud: &Cloud) -> aws_sdk_dynamodb::Client {
    let runtime = Runtime::new(Environment::from(cloud.environment.clone())).unwrap();
    let endpoint = &cloud.environment["AWS_ENDPOINT_URL_DYNAMODB"];
    let config = aws_sdk_dynamodb::config::Builder::from(runtime.sdk()).endpoint_url(endpoint).build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// The address of a link as the messages to an address have it: the first that was asked to pay has the mark `1`.
pub fn told_url(link: &Value, mark: char) -> String {
    format!("{}{mark}", link["url"].as_str().expect("a link has an address"))
}

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// Everything that both tables of a cloud hold, by partition and sort key.
pub async fn everything(cloud: &Cloud) -> BTreeMap<(String, String), Item> {
    let client = dynamodb(cloud);
    let mut items = BTreeMap::new();
    for table in [cloud.store.table(), cloud.store.secrets_table()] {
        for item in invariants::scan(&client, table, None).await {
            items.insert(invariants::key_of(&item), item);
        }
    }
    items
}

/// The local cloud with the demo businesses, which were made when this clock says, and gateways that go by it.
async fn planted_cloud(clock: Clock) -> Cloud {
    let options = Options { clock, ..cloud_options() };
    let cloud = Cloud::start(&options).await.expect("the local cloud starts");
    seed::plant(&cloud).await.expect("the demo businesses are made");
    cloud
}

/// Where the files of a world's functions go.
fn scratch(cloud: &Cloud) -> PathBuf {
    std::env::temp_dir().join(cloud.store.table())
}

impl World {
    /// A world whose functions are called in this process.
    pub async fn in_process() -> Self {
        Self::without_stream().await.with_stream()
    }

    /// The same, which begins at this instant, for a test whose words are those of one day. The demo businesses were made
    /// then, because nothing is looked for from before there was a business, and the gateways go by the same clock.
    pub async fn in_process_since(begins: Timestamp) -> Self {
        let ahead = begins.as_millisecond() - Timestamp::now().as_millisecond();
        let clock: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(ahead)));
        Self::in_cloud(planted_cloud(Clock::Ahead(clock)).await, clock).await.with_stream()
    }

    /// A world whose functions are called in this process, in which nobody brings deliver-messages the stream.
    pub async fn without_stream() -> Self {
        let clock: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(0)));
        Self::in_cloud(planted_cloud(Clock::System).await, clock).await
    }

    fn with_stream(mut self) -> Self {
        self.cloud.start_stream().unwrap();
        self
    }

    async fn in_cloud(cloud: Cloud, clock: &'static AtomicI64) -> Self {
        let proxy = FaultProxy::start(&cloud, &cloud.environment["AWS_ENDPOINT_URL_DYNAMODB"]).await;
        let functions = Functions::in_environments(|function| proxy.environment_of_aws(function, &cloud), clock);
        functions.serve(cloud.functions_listener().unwrap());
        Self { cloud, functions: Some(functions), clock, http: browser(), watch: None, proxy: Some(proxy) }
    }

    /// A world whose functions are the built binaries behind `cargo lambda watch`.
    pub async fn behind_cargo_lambda() -> Self {
        let mut cloud = planted_cloud(Clock::System).await;
        let cargo_lambda =
            std::env::var_os("CARGO_LAMBDA").map_or_else(|| root().join(".tools/bin/cargo-lambda"), PathBuf::from);
        let options = WatchOptions {
            root: root(),
            cargo_lambda,
            scratch: scratch(&cloud),
            port: cloud.functions_port(),
            rebuild: false,
        };
        paylink_local::watch::build(&root()).await.expect("the functions are built");
        drop(cloud.functions_listener());
        let watch = Watch::start(&options, &cloud).await.expect("the functions are served");
        cloud.start_stream().unwrap();
        let clock = Box::leak(Box::new(AtomicI64::new(0)));
        Self { cloud, functions: None, clock, http: browser(), watch: Some(watch), proxy: None }
    }

    /// Everything that the built functions have said so far.
    pub fn log(&self) -> String {
        let log = scratch(&self.cloud).join(paylink_local::watch::LOG);
        std::fs::read_to_string(log).expect("the log of the functions can be read")
    }

    /// Ends what the world started. Dropping it does the same, less gently.
    pub async fn end(mut self) {
        drop(self.proxy.take());
        if let Some(watch) = self.watch.take() {
            watch.stop().await;
        }
    }

    /// Sets the functions' clock to an instant that is to come. The gateways' clocks go on as they are, unless the world began
    /// at an instant of its own.
    pub fn set_clock(&self, now: Timestamp) {
        assert!(self.functions.is_some(), "the clock of another process cannot be set");
        self.clock.store(now.as_millisecond() - Timestamp::now().as_millisecond(), Ordering::Relaxed);
    }

    /// Turns the functions' clock ahead, and that of the gateways where the world began at an instant of its own.
    pub fn turn_clock(&self, ahead: Duration) {
        assert!(self.functions.is_some(), "the clock of another process cannot be turned");
        self.clock.fetch_add(i64::try_from(ahead.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// One HTTP request, as it is, redirects not followed.
    pub async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], body: Option<String>) -> Reply {
        let url = if url.starts_with('/') { format!("{}{url}", self.cloud.base_url()) } else { url.to_owned() };
        let address = url.clone();
        let mut request = self.http.request(method.clone(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body.clone() {
            request = request.body(body);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let reply = Reply { status, headers, text: answer.text().await.expect("a text") };
        if let Some(path) = address.strip_prefix(&self.cloud.base_url()).filter(|path| path.starts_with("/v1/")) {
            answers::check(&method, path, body.as_deref(), &reply);
        }
        reply
    }

    /// A call of the demo business's CRM.
    pub async fn crm(&self, method: Method, path: &str, body: Value) -> Reply {
        self.crm_with(method, path, body, &[]).await
    }

    /// A call of the demo business's CRM with further headers.
    pub async fn crm_with(&self, method: Method, path: &str, body: Value, more: &[(&str, &str)]) -> Reply {
        self.crm_as(API_KEY, method, path, body, more).await
    }

    /// A call with the platform's key, for a business where one is named.
    pub async fn platform(&self, business: Option<&str>, method: Method, path: &str, body: Value) -> Reply {
        let header: Vec<(&str, &str)> = business.map(|business| (BUSINESS_HEADER, business)).into_iter().collect();
        self.crm_as(PLATFORM_KEY, method, path, body, &header).await
    }

    /// A call with an API key, whosever it is.
    pub async fn crm_as(&self, key: &str, method: Method, path: &str, body: Value, more: &[(&str, &str)]) -> Reply {
        let authorization = format!("Bearer {key}");
        let (kind, body) = written(&body);
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", kind)];
        headers.extend(more);
        self.send(method, path, &headers, body).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let reply = self.crm(Method::GET, path, Value::Null).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
        reply.json()
    }

    pub async fn put(&self, path: &str, body: Value) -> Value {
        let reply = self.crm(Method::PUT, path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text);
        reply.json()
    }

    /// Makes a link that must be accepted.
    pub async fn make_link(&self, body: Value) -> Value {
        let reply = self.crm(Method::POST, "/v1/payment-links", body).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
        reply.json()
    }

    /// A link over 1,500,000 rial on invoice 77, for Zarinpal. It is paid whatever other links of the invoice were.
    pub async fn rial_link(&self) -> Value {
        self.make_link(json!({
            "account_id": "main", "item_id": "inv-77", "description": "Invoice 77",
            "amount": 1_500_000, "when_paid_elsewhere": "ignore",
            "after_payment": { "receipt_field": "payment" },
        }))
        .await
    }

    /// A link over 19.99 euro, for Stripe.
    pub async fn euro_link(&self) -> Value {
        self.make_link(json!({ "account_id": "euro", "contact_id": "c-1042", "amount": 1999, "locale": "en" })).await
    }

    /// The link as the CRM reads it now.
    pub async fn link(&self, made: &Value) -> Value {
        self.get(&format!("/v1/payment-links/{}", made["id"].as_str().unwrap())).await
    }

    /// A person opens an address in a browser.
    pub async fn open(&self, url: &str) -> Reply {
        self.send(Method::GET, url, &NAVIGATION, None).await
    }

    /// A person presses the button of the summary page of a link.
    pub async fn press(&self, summary: &Reply) -> Reply {
        let form = Form::of(&summary.text).unwrap_or_else(|| panic!("no button: {}", summary.text));
        self.post_form(&form, &[]).await
    }

    /// The customer opens the link and is sent to the gateway's page, whose address is answered: by a redirect, or by a page
    /// of ours that posts a form there.
    pub async fn go_to_gateway(&self, link: &Value) -> String {
        let reply = self.open(link["url"].as_str().unwrap()).await;
        self.gateway_of(link, &reply).await
    }

    /// The page of the gateway that an answer of ours sends the customer to, by a redirect or by a form.
    pub async fn gateway_of(&self, link: &Value, reply: &Reply) -> String {
        let ours = link["url"].as_str().unwrap();
        if reply.status == StatusCode::SEE_OTHER {
            return reply.location();
        }
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        assert_eq!(reply.headers["referrer-policy"], "strict-origin-when-cross-origin");
        let form = Form::of(&reply.text).unwrap_or_else(|| panic!("nobody is sent anywhere: {}", reply.text));
        let origin = Url::parse(ours).unwrap().origin().ascii_serialization();
        let page = self.post_form(&form, &[("referer", &origin)]).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let pressed = Form::of(&page.text).expect("the gateway's page has buttons");
        Url::parse(&form.action).unwrap().join(&pressed.action).unwrap().to_string()
    }

    /// A browser posts a form.
    pub async fn post_form(&self, form: &Form, more: &[(&str, &str)]) -> Reply {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(more);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        self.send(Method::POST, &form.action, &headers, Some(body)).await
    }

    /// The customer chooses what happens on the simulated gateway's page.
    pub async fn choose(&self, gateway_page: &str, outcome: &str) -> Reply {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, gateway_page, &form, Some(format!("outcome={outcome}"))).await
    }

    /// The browser goes back to us as the gateway sends it, by address or by posted form, and the result page that we send
    /// it on to is answered.
    pub async fn come_back(&self, chosen: &Reply) -> Reply {
        let returned = self.go_back(chosen).await;
        assert_eq!(returned.status, StatusCode::SEE_OTHER, "{}", returned.text);
        self.open(&returned.location()).await
    }

    /// The browser goes back to us, and no further.
    pub async fn go_back(&self, chosen: &Reply) -> Reply {
        if chosen.status.is_redirection() {
            return self.open(&chosen.location()).await;
        }
        let form = Form::of(&chosen.text).unwrap_or_else(|| panic!("no way back: {}", chosen.text));
        self.post_form(&form, &[]).await
    }

    /// Opens the link, chooses an outcome and comes back: the page that the customer sees at the end.
    pub async fn pay(&self, link: &Value, outcome: &str) -> Reply {
        let page = self.go_to_gateway(link).await;
        let chosen = self.choose(&page, outcome).await;
        self.come_back(&chosen).await
    }

    /// Makes a gateway's next calls of a kind go wrong.
    pub async fn misbehave(&self, gateway: &str, call: &str, how: &str, times: u32) {
        let url = format!("{}/{gateway}/simulator/next_answer", self.cloud.page_url());
        let body = json!({ "call": call, "how": how, "times": times }).to_string();
        let reply = self.send(Method::POST, &url, &[("content-type", "application/json")], Some(body)).await;
        assert!(reply.status.is_success() || reply.status.is_redirection(), "{}", reply.text);
    }

    /// What a gateway's simulator holds.
    pub async fn books(&self, gateway: &str) -> Vec<Value> {
        let url = format!("{}/{gateway}/books.json", self.cloud.page_url());
        let books = self.send(Method::GET, &url, &[], None).await.json();
        books.as_array().unwrap().clone()
    }

    /// The schedule comes round.
    pub async fn sweep(&self) -> Value {
        self.invoke("expire-links", &json!({ "source": "schedule" })).await
    }

    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let url = self.cloud.function_url(function);
        let json_type = [("content-type", "application/json")];
        let reply = self.send(Method::POST, &url, &json_type, Some(event.to_string())).await;
        assert!(reply.status.is_success(), "{function}: {}", reply.text);
        reply.json()
    }

    /// The messages that were delivered to an address, as soon as there are at least `least`.
    pub async fn inbox(&self, to: &str, least: usize) -> Vec<Value> {
        let url = format!("{}/inbox.json", self.cloud.page_url());
        let started = Instant::now();
        loop {
            let inbox = self.send(Method::GET, &url, &[], None).await.json();
            let found: Vec<Value> =
                inbox.as_array().unwrap().iter().filter(|message| message["to"] == to).cloned().collect();
            if found.len() >= least {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{to} got {} of {least} messages", found.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The events about a link that the CRM's endpoint got, in the order in which they came.
    pub fn crm_events(&self, link: &Value) -> Vec<Value> {
        let about = |event: &Value| event["payment_link_id"] == link["id"];
        self.cloud.crm.events().into_iter().map(|received| received.event).filter(about).collect()
    }

    /// The event of a type about a link that the CRM's endpoint got, signed, as soon as it is there.
    pub async fn wait_for_event(&self, link: &Value, kind: &str) -> Value {
        let started = Instant::now();
        loop {
            let received = self.cloud.crm.events();
            let about = |event: &Value| event["payment_link_id"] == link["id"] && event["type"] == kind;
            if let Some(found) = received.iter().find(|one| about(&one.event)) {
                assert!(found.is_signed, "{kind} was not signed");
                return found.event.clone();
            }
            assert!(started.elapsed() < Duration::from_secs(20), "the CRM never got {kind}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Makes the CRM's endpoint answer its next events otherwise.
    pub async fn answer_events(&self, answer: Value) {
        let url = format!("{}/crm/next_answer", self.cloud.page_url());
        let json_type = [("content-type", "application/json")];
        let reply = self.send(Method::POST, &url, &json_type, Some(answer.to_string())).await;
        assert!(reply.status.is_success(), "{}", reply.text);
    }

    /// Reads the link until it is as wanted.
    pub async fn wait_for(&self, link: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let now = self.link(link).await;
            if wanted(&now) {
                return now;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "the link never came to it: {now}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// All receipts of the demo contact.
    pub async fn receipts(&self) -> Vec<Value> {
        self.get("/v1/receipts?contact_id=c-1042&limit=100").await["data"].as_array().unwrap().clone()
    }
}

/// A body as it is sent, with its media type: a text is a list in CSV, and nothing is no body.
pub(crate) fn written(body: &Value) -> (&'static str, Option<String>) {
    match body {
        Value::Null => ("application/json", None),
        Value::String(list) => ("text/csv", Some(list.clone())),
        body => ("application/json", Some(body.to_string())),
    }
}

fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(60)).build().unwrap()
}

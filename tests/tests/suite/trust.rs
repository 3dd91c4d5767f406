//! Whom each function trusts, and which files it opens to know. The built functions run as Lambda runs them, with TLS
//! between them and DynamoDB.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use domain::ids::EndpointId;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use paylink_local::seed::API_KEY;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tests::lambda::{Lambda, Program};
use tests::tls_endpoint::TlsEndpoint;
use tests::{NAVIGATION, World, api_gateway_event, root};

/// A world whose DynamoDB is behind TLS, and a system whose roots one can see being read.
struct Behind {
    world: World,
    tls: TlsEndpoint,
    folder: PathBuf,
    opened: Inotify,
}

impl Drop for Behind {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Behind {
    async fn tls() -> Self {
        let world = World::without_stream().await;
        let folder = std::env::temp_dir().join(format!("{}-trust", world.cloud.store.table()));
        std::fs::create_dir_all(&folder).unwrap();
        let port = world.cloud.environment["AWS_ENDPOINT_URL_DYNAMODB"].rsplit(':').next().unwrap().parse().unwrap();
        let tls = TlsEndpoint::start(port, &folder).await;
        let opened = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        opened.add_watch(&folder, AddWatchFlags::IN_OPEN).unwrap();
        Self { world, tls, folder, opened }
    }

    /// Starts a function that is told which roots to trust, by the variables that name them.
    async fn start(&self, name: &str, trust: [(&str, &PathBuf); 2]) -> Lambda {
        let mut environment: BTreeMap<String, String> = self.world.cloud.environment.clone();
        environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), self.tls.url.clone());
        environment.extend(trust.map(|(name, path)| (name.to_owned(), path.display().to_string())));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        let command = target.join("debug").join(name);
        assert!(command.exists(), "{name} is not built; `cargo build --workspace --bins` builds it");
        let program = Program { name: name.to_owned(), command, arguments: Vec::new(), folder: root(), environment };
        Lambda::start(&program).await
    }

    /// The same with Amazon's roots and that of this DynamoDB for AWS, and the system's for everybody else.
    async fn function(&self, name: &str) -> Lambda {
        self.start(name, [("AWS_CA_BUNDLE", &self.tls.with_amazons), ("SSL_CERT_FILE", &self.tls.with_systems)]).await
    }

    /// How often the system's roots were opened since this was last asked.
    fn roots_read(&self) -> usize {
        let name: OsString = self.tls.with_systems.file_name().unwrap().to_owned();
        let events = self.opened.read_events().unwrap_or_default();
        events.into_iter().filter(|event| event.name.as_ref() == Some(&name)).count()
    }
}

fn call(method: &str, path: &str, body: Option<&Value>) -> Value {
    let key = format!("Bearer {API_KEY}");
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    api_gateway_event(method, path, &headers, body.map(Value::to_string).as_deref(), false)
}

fn new_link(recipients: &Value) -> Value {
    let body = json!({ "account_id": "main", "item_id": "inv-77", "recipients": recipients });
    call("POST", "/v1/payment-links", Some(&body))
}

/// Makes a link. Its id, and its address without the host.
async fn made(create: &mut Lambda, recipients: &Value) -> (String, String) {
    let (answer, _) = create.invoke(new_link(recipients)).await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let link: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let path = link["url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap();
    (link["id"].as_str().unwrap().to_owned(), format!("/{path}"))
}

fn location(answer: &Value) -> String {
    answer["headers"]["location"].as_str().unwrap_or_else(|| panic!("no location in {answer}")).to_owned()
}

/// The customer pays on the gateway's page. Where the browser is sent back to, without the host.
async fn paid_at(page: &str) -> String {
    let browser = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let form = browser.post(page).header("content-type", "application/x-www-form-urlencoded").body("outcome=paid");
    let back = form.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    format!("/{}", back.splitn(4, '/').nth(3).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_speak_to_aws_alone_never_read_the_roots_of_the_system() {
    let behind = Behind::tls().await;
    let mut create = behind.function("create-link").await;
    let (id, _) = made(&mut create, &json!({ "mobiles": ["0912 345 67 89"] })).await;
    let mut api = behind.function("crm-api").await;
    let (answer, _) = api.invoke(call("GET", &format!("/v1/payment-links/{id}"), None)).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(behind.roots_read(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_call_gateways_read_them_once_and_when_they_first_do() {
    let behind = Behind::tls().await;
    let mut create = behind.function("create-link").await;
    let mut pay = behind.function("pay-redirect").await;
    let mut gateway = behind.function("gateway-webhook").await;
    let mut expire = behind.function("expire-links").await;
    assert_eq!(behind.roots_read(), 0, "nobody was called at the start");
    let mut back = String::new();
    for visit in 0..2 {
        let (_, path) = made(&mut create, &json!({})).await;
        let (answer, _) = pay.invoke(api_gateway_event("GET", &path, &NAVIGATION, None, false)).await;
        back = paid_at(&location(&answer)).await;
        assert_eq!(behind.roots_read(), usize::from(visit == 0), "a session was opened: {answer}");
    }
    let (answer, _) = gateway.invoke(api_gateway_event("GET", &back, &NAVIGATION, None, false)).await;
    assert_eq!(behind.roots_read(), 1, "the gateway was asked: {answer}");
    for (reads, why) in [(1, "the lists of accounts were looked at"), (0, "nobody had to be asked")] {
        let (answer, _) = expire.invoke(json!({ "source": "schedule" })).await;
        assert_eq!(answer["looked_back"].as_u64().is_some_and(|looks| looks > 0), reads > 0, "{answer}");
        assert_eq!(behind.roots_read(), reads, "{why}: {answer}");
    }
}

/// The records of the stream that tell of a new link.
async fn told_of(behind: &Behind, id: &str) -> Value {
    let mut stream = behind.world.cloud.stream("deliver-messages").unwrap();
    let key = format!("link#{id}");
    for _ in 0..100 {
        let mut records = stream.records().await.unwrap();
        records.retain(|record| record["dynamodb"]["Keys"]["pk"]["S"] == key.as_str());
        if !records.is_empty() {
            return json!({ "Records": records });
        }
    }
    panic!("the stream does not tell of {id}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_to_the_crm_needs_them_and_an_email_by_ses_does_not() {
    let behind = Behind::tls().await;
    let mut create = behind.function("create-link").await;
    let (id, _) = made(&mut create, &json!({})).await;
    let mut deliver = behind.function("deliver-messages").await;
    let (answer, _) = deliver.invoke(told_of(&behind, &id).await).await;
    assert_eq!((&answer["batchItemFailures"], behind.roots_read()), (&json!([]), 1));

    tests::forget_endpoint(&behind.world.cloud.business(), &EndpointId::parse("demo-crm").unwrap()).await;
    let (id, _) = made(&mut create, &json!({ "emails": ["typed@example.com"] })).await;
    let mut deliver = behind.function("deliver-messages").await;
    let (answer, _) = deliver.invoke(told_of(&behind, &id).await).await;
    assert_eq!((&answer["batchItemFailures"], behind.roots_read()), (&json!([]), 0));
    assert_eq!(behind.world.inbox("typed@example.com", 1).await.len(), 1);
}

/// Whoever has a certificate that a system trusts is not AWS for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_roots_of_the_system_open_no_way_to_be_taken_for_aws() {
    let behind = Behind::tls().await;
    let nobody = PathBuf::new();
    let trust = [("SSL_CERT_FILE", &behind.tls.with_systems), ("AWS_CA_BUNDLE", &nobody)];
    let mut create = behind.start("create-link", trust).await;
    let (answer, _) = create.invoke(new_link(&json!({}))).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(behind.tls.take_seen().last_answer, None, "no handshake came to an end");
    let mut create = behind.function("create-link").await;
    let (answer, _) = create.invoke(new_link(&json!({}))).await;
    assert_eq!(answer["statusCode"], 201, "{answer}");
}

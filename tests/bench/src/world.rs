//! The local cloud with the demo businesses, and the programs that are measured in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use domain::ids::{ContactId, FieldKey, ItemId};
use domain::records::item::{Item, ReceiptField};
use dynoxide::Database;
use paylink_local::seed::{self, API_KEY};
use paylink_local::{Cloud, Options, Ports};
use runtime::{Clock, Environment, Runtime};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::steps::{self, FORM};
use tests::lambda::{Lambda, Program};

/// The functions, as the template has them.
pub(crate) const FUNCTIONS: [&str; 8] = [
    "create-link",
    "pay-redirect",
    "receipt-pdf",
    "gateway-webhook",
    "expire-links",
    "run-batches",
    "deliver-messages",
    "crm-api",
];

/// The peers, which do the first three functions' main steps in one.
pub(crate) const PEERS: [&str; 2] = ["node", "python"];

/// A merchant id that the simulator takes, for the peers.
const PEER_MERCHANT: &str = "1344b5d4-0048-11e8-94db-005056a205be";

pub(crate) struct World {
    pub(crate) cloud: Cloud,
    pub(crate) table: Client,
    pub(crate) folder: PathBuf,
    /// The engine itself, for filling and looking at the table in ways that no function does.
    pub(crate) database: Database,
    engine: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.engine.abort();
    }
}

/// The functions read their settings again after this time, which is longer than anything here takes. In production it
/// is half a minute: what reading them again costs is counted by itself.
const CONFIGURATION_SECONDS: &str = "3600";

impl World {
    /// New tables with nothing in them but the demo businesses.
    pub(crate) async fn start() -> Self {
        let database = Database::memory().expect("a database in memory");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let engine = tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
        let options = Options {
            ports: Ports::any(),
            table: tests::unique_table(),
            dynamodb_endpoint: Some(endpoint),
            data: None,
            template: tests::root().join("template.yaml"),
            clock: Clock::System,
            webhooks: false,
        };
        let cloud = Cloud::start(&options).await.expect("the local cloud starts");
        seed::plant(&cloud).await.expect("the demo businesses are made");
        let fields = vec![ReceiptField { key: FieldKey::parse("payment").unwrap(), label: "Payment".to_owned() }];
        let form = Item {
            id: ItemId::parse(FORM).unwrap(),
            kind: "invoice".to_owned(),
            title: "Invoice 77".to_owned(),
            contact_id: ContactId::parse("c-1042").unwrap(),
            amount: None,
            due: None,
            due_at: None,
            url: None,
            receipt_fields: fields,
        };
        tests::plant_item(&cloud.business(), &form).await;
        let runtime = Runtime::new(Environment::from(cloud.environment.clone())).unwrap();
        // A table that is being filled takes its time.
        let config = aws_sdk_dynamodb::config::Builder::from(runtime.sdk())
            .endpoint_url(Self::endpoint_of(&cloud))
            .timeout_config(TimeoutConfig::disabled());
        let folder = tests::root().join("target/bench");
        Self { table: Client::from_conf(config.build()), cloud, folder, database, engine }
    }

    fn endpoint_of(cloud: &Cloud) -> String {
        cloud.environment["AWS_ENDPOINT_URL_DYNAMODB"].clone()
    }

    /// Where the embedded DynamoDB is.
    pub(crate) fn endpoint(&self) -> String {
        Self::endpoint_of(&self.cloud)
    }

    pub(crate) fn dynamodb_port(&self) -> u16 {
        self.endpoint().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// A program of this name with DynamoDB at this address.
    pub(crate) fn program(&self, name: &str, dynamodb: &str) -> Program {
        let mut environment = self.cloud.environment.clone();
        environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), dynamodb.to_owned());
        environment.insert("PAYLINK_CONFIGURATION_SECONDS".to_owned(), CONFIGURATION_SECONDS.to_owned());
        let peers = tests::root().join("tests/bench/peers");
        let more = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (command, arguments, folder) = match name {
            "node" => {
                let ric = more(&["node_modules/aws-lambda-ric/bin/index.mjs", "index.handler"]);
                (PathBuf::from("node"), ric, peers.join("node"))
            }
            "python" => {
                let python = peers.join("python/venv/bin/python");
                (python, more(&["-m", "awslambdaric", "app.handler"]), peers.join("python"))
            }
            _ => (binary(name), Vec::new(), tests::root()),
        };
        if PEERS.contains(&name) {
            environment.extend(peer_environment(&self.cloud.page_url()));
        }
        Program { name: name.to_owned(), command, arguments, folder, environment }
    }

    /// Makes links by the function that makes them.
    pub(crate) async fn make(&self, event: &Value, links: usize) -> Vec<String> {
        let mut create = Lambda::start(&self.program("create-link", &self.endpoint())).await;
        let mut urls = Vec::new();
        for _ in 0..links {
            urls.push(steps::made_url(&create.invoke(event.clone()).await.0));
        }
        urls
    }
}

/// A function as `cargo build --release` left it.
pub(crate) fn binary(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tests::root().join("target"), PathBuf::from);
    target.join("release").join(name)
}

fn peer_environment(page_url: &str) -> BTreeMap<String, String> {
    let hash = <sha2::Sha256 as sha2::Digest>::digest(API_KEY.as_bytes());
    let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    BTreeMap::from([
        ("PEER_API_KEY_SHA256".to_owned(), hash),
        ("PEER_MERCHANT_ID".to_owned(), PEER_MERCHANT.to_owned()),
        ("PEER_ZARINPAL_URL".to_owned(), format!("{page_url}/zarinpal")),
    ])
}

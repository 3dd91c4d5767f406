//! Starts everything of the local cloud but the functions themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use domain::Timestamp;
use domain::link::{LinkFilter, PaymentLink};
use runtime::{Clock, ConfigurationError, Environment, Runtime};
use store::{BusinessStore, LinkList, Store, StoreError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::crm::Crm;
use crate::deployment::Deployment;
use crate::page::{BusinessRow, LinkRow, Overview};
use crate::sqs::Queue;
use crate::stream::StreamReader;
use crate::template::{Template, TemplateError};
use crate::{deployment, page, schedule, seed, sqs, stream};
use simulators::gateways::{Simulators, drop_webhooks, gateway_urls, send_webhooks};
use simulators::providers::aws_account::Account;
use simulators::providers::crm_line::Reporter;
use simulators::providers::inbox::Inbox;
use simulators::providers::reports::Reports;
use simulators::providers::s3::{self, Bucket};
use simulators::providers::{self, Opening};

/// The page lists the links of this many hours, and at most so many of each business.
const OVERVIEW_HOURS: i64 = 24 * 7;
const OVERVIEW_LINKS: usize = 20;

/// The bucket of files.
const FILES: &str = "paylink-local-files";

/// At most this many businesses are on the page.
const OVERVIEW_BUSINESSES: usize = 20;

/// The ports of the local cloud, all on this machine only.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The functions, behind `cargo lambda watch`.
    pub functions: u16,
    /// The page, the inbox, those who take messages over, and the gateways.
    pub cloud: u16,
    pub dynamodb: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { functions: 9000, cloud: 9001, dynamodb: 9002 }
    }
}

impl Ports {
    /// Three ports in a row.
    pub fn from(first: u16) -> Result<Self, &'static str> {
        let after = |number| first.checked_add(number).ok_or("there are not enough ports after the first");
        Ok(Self { functions: first, cloud: after(1)?, dynamodb: after(2)? })
    }

    /// Ports that nobody uses at this moment, for tests.
    pub fn any() -> Self {
        Self { functions: 0, cloud: 0, dynamodb: 0 }
    }
}

#[derive(Clone, Debug)]
pub struct Options {
    pub ports: Ports,
    /// The name of the table. That of secrets is called like it.
    pub table: String,
    /// Another DynamoDB to use instead of the embedded one.
    pub dynamodb_endpoint: Option<String>,
    /// Where the data is kept; in memory where it is absent.
    pub data: Option<PathBuf>,
    pub template: PathBuf,
    /// By which the gateways' sessions age, and which says when the demo businesses were made.
    pub clock: Clock,
    /// Whether the gateways call webhooks, and providers of messages report, by themselves. A test that brings webhooks in an
    /// order of its own says no.
    pub webhooks: bool,
}

/// Why the local cloud did not start. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    #[error("port {port} on this machine is in use; end what uses it, or is Paylink running already?")]
    PortInUse { port: u16 },
    #[error("{what} cannot be opened: {reason}")]
    CannotOpen { what: String, reason: String },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The running cloud. It ends with the value.
#[derive(Debug)]
pub struct Cloud {
    pub inbox: Inbox,
    /// The AWS account: sandboxes, verified identities, preferences.
    pub account: Account,
    /// The stack as CloudFormation and its neighbours describe it.
    pub deployment: Deployment,
    /// Where stream records end that could not be worked off. The local stream tries for ever and puts none here.
    pub undelivered: Queue,
    /// Where reports end that deliver-messages could not note. The local providers invoke it themselves, and put none
    /// here.
    pub unnoted: Queue,
    /// Hints that there is work for run-batches.
    pub work: Queue,
    /// Where files lie.
    pub files: Bucket,
    pub crm: Crm,
    pub simulators: Simulators,
    pub store: Store,
    pub environment: BTreeMap<String, String>,
    pub(crate) clock: Clock,
    ports: Ports,
    /// Held until the functions are served, so that nothing else on this machine takes their port meanwhile.
    functions_listener: Mutex<Option<TcpListener>>,
    template: Template,
    streams: aws_sdk_dynamodbstreams::Client,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Cloud {
    pub async fn start(options: &Options) -> Result<Self, CloudError> {
        // All ports are taken before anything is begun, so that nothing is left half done.
        let (dynamodb, dynamodb_port) = listen(options.ports.dynamodb).await?;
        let (front, cloud) = listen(options.ports.cloud).await?;
        let (functions_listener, functions) = listen(options.ports.functions).await?;
        let ports = Ports { functions, cloud, dynamodb: dynamodb_port };
        let template = Template::read(&options.template)?;
        let mut tasks = Vec::new();
        let endpoint = match &options.dynamodb_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => {
                let database = open_database(options.data.as_ref())?;
                tasks.push(tokio::spawn(dynoxide::server::serve_on(dynamodb, database)));
                format!("http://127.0.0.1:{dynamodb_port}")
            }
        };

        let environment = environment(ports, &options.table, &endpoint);
        let runtime = Runtime::new(Environment::from(environment.clone()))?;
        let store = Store::wire(&runtime)?;
        let client = aws_sdk_dynamodb::Client::from_conf(
            aws_sdk_dynamodb::config::Builder::from(runtime.sdk()).endpoint_url(&endpoint).build(),
        );
        template.create_table(&client, "Table", store.table()).await?;
        template.create_table(&client, "SecretsTable", store.secrets_table()).await?;

        let inbox_file = options.data.as_ref().map(|folder| folder.join("inbox.json"));
        let inbox = Inbox::open(inbox_file.as_deref()).map_err(|error| cannot_open("the inbox", &error))?;
        let base = format!("http://localhost:{}", ports.cloud);
        let notify = if options.webhooks { send_webhooks() } else { drop_webhooks() };
        let simulators = Simulators::open(&base, options.data.as_deref(), notify, options.clock)
            .map_err(|error| cannot_open("the gateways' books", &error))?;
        let crm = Crm::default();
        let (account, undelivered, unnoted) = (Account::default(), Queue::default(), Queue::default());
        let work = Queue::default();
        let files_folder = options.data.as_ref().map(|folder| folder.join("files"));
        let files = Bucket::open(FILES, files_folder.as_deref()).map_err(|error| cannot_open("the files", &error))?;
        let deployment = Deployment::new(store.table(), store.secrets_table(), &format!("{base}/sqs"));
        let queues = [("undelivered", undelivered.clone()), ("unnoted", unnoted.clone()), ("work", work.clone())];
        let deliver = options.webhooks.then(|| function_url(ports, "deliver-messages"));
        let reports = Reports::new(deliver);
        let api = format!("http://localhost:{functions}");
        let line = Reporter::new(options.webhooks.then(|| api.clone()), seed::LINE_KEY);
        let router = front_router(api, &inbox, &crm, &simulators, overview(store.clone()))
            .merge(providers::router(&Opening { inbox: inbox.clone(), account: account.clone(), reports, line }))
            .nest_service("/sqs", sqs::router(queues))
            .nest(s3::PATH, s3::router(files.clone()))
            .nest_service("/aws", deployment::router(deployment.clone(), account.clone()));
        tasks.push(tokio::spawn(async move {
            // Serving ends with the process; an error of one connection does not end it.
            let _ = axum::serve(nodelay(front), router).await;
        }));
        let streams = aws_sdk_dynamodbstreams::Client::from_conf(
            aws_sdk_dynamodbstreams::config::Builder::from(runtime.sdk()).endpoint_url(&endpoint).build(),
        );
        let functions_listener = Mutex::new(Some(functions_listener));
        Ok(Self {
            inbox,
            account,
            deployment,
            undelivered,
            unnoted,
            work,
            files,
            crm,
            simulators,
            store,
            environment,
            clock: options.clock,
            ports,
            functions_listener,
            template,
            streams,
            tasks,
        })
    }

    /// What the demo business has.
    pub fn business(&self) -> BusinessStore {
        self.store.of(&seed::demo())
    }

    /// Starts feeding the stream to deliver-messages. Called when the functions are there to be invoked.
    pub fn start_stream(&mut self) -> Result<(), CloudError> {
        const FUNCTION: &str = "deliver-messages";
        let follow = stream::follow(self.stream(FUNCTION)?, self.function_url(FUNCTION));
        self.tasks.push(tokio::spawn(follow));
        Ok(())
    }

    /// The stream as a function gets it, for those who bring it its records themselves.
    pub fn stream(&self, function: &str) -> Result<StreamReader, CloudError> {
        let patterns = self.template.stream_patterns(function)?;
        Ok(StreamReader::new(self.streams.clone(), self.store.table().to_owned(), patterns))
    }

    /// Starts the schedules of the template. Called when the functions are there to be invoked.
    pub fn start_schedules(&mut self) -> Result<(), CloudError> {
        for function in ["expire-links", "run-batches", "deliver-messages"] {
            let every = self.template.schedule(function)?;
            self.tasks.push(tokio::spawn(schedule::run(every, self.function_url(function))));
        }
        Ok(())
    }

    /// Starts bringing run-batches the hints of the queue. Called when the functions are there to be invoked.
    pub fn start_queue(&mut self) {
        let follow = sqs::follow(self.work.clone(), self.function_url("run-batches"));
        self.tasks.push(tokio::spawn(follow));
    }

    /// What listens at the functions' port, for a caller that serves them in this process. A caller that serves them in
    /// another process drops it, which lets go of the port. It is handed out once.
    pub fn functions_listener(&self) -> Option<TcpListener> {
        self.functions_listener.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The port that the functions are to be served on.
    pub fn functions_port(&self) -> u16 {
        self.ports.functions
    }

    /// Where a function is invoked with an event, as Lambda's own API does it.
    pub fn function_url(&self, function: &str) -> String {
        function_url(self.ports, function)
    }

    /// Scheme and host of the functions' HTTP routes.
    pub fn base_url(&self) -> String {
        format!("http://localhost:{}", self.ports.functions)
    }

    /// Scheme and host of the local cloud's own page.
    pub fn page_url(&self) -> String {
        format!("http://localhost:{}", self.ports.cloud)
    }
}

fn function_url(ports: Ports, function: &str) -> String {
    format!("http://127.0.0.1:{}/2015-03-31/functions/{function}/invocations", ports.functions)
}

/// The environment of every function. In AWS the template gives each only its own part.
fn environment(ports: Ports, table: &str, dynamodb: &str) -> BTreeMap<String, String> {
    let cloud = format!("http://127.0.0.1:{}", ports.cloud);
    // The browser opens the gateways' pages, so their addresses are those a person can open too.
    let gateways = format!("http://localhost:{}", ports.cloud);
    [
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_ENDPOINT_URL", format!("{cloud}/aws")),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.to_owned()),
        ("AWS_ENDPOINT_URL_SNS", format!("{cloud}/sns")),
        ("AWS_ENDPOINT_URL_SES", format!("{cloud}/ses")),
        ("AWS_ENDPOINT_URL_SQS", format!("{cloud}/sqs")),
        ("AWS_ENDPOINT_URL_S3", format!("{cloud}{}", s3::PATH)),
        ("AWS_ENDPOINT_URL_SOCIALMESSAGING", format!("{cloud}/social-messaging")),
        ("PAYLINK_TABLE", table.to_owned()),
        ("PAYLINK_SECRETS_TABLE", format!("{table}-secrets")),
        ("PAYLINK_FILES_BUCKET", FILES.to_owned()),
        ("PAYLINK_WORK_QUEUE_URL", format!("{cloud}/sqs/work")),
        ("PAYLINK_CONFIGURATION_SECONDS", "1".to_owned()),
        ("PAYLINK_BASE_URL", format!("http://localhost:{}", ports.functions)),
        ("PAYLINK_GATEWAY_URLS", gateway_urls(|path| format!("{gateways}{path}"))),
        ("PAYLINK_WEBHOOK_REACH", "this_machine".to_owned()),
        ("PAYLINK_EMAIL_CONFIGURATION_SET", "local-email".to_owned()),
        ("PAYLINK_SMS_REPORTS", "on".to_owned()),
        ("PAYLINK_EMAIL_SENDER", "pay@business.example".to_owned()),
        // Tests call as fast as they can.
        ("PAYLINK_CALLS_PER_SECOND", "10000".to_owned()),
        ("RUST_LOG", "info".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Takes a port, or any that is free for 0, and says which.
async fn listen(port: u16) -> Result<(TcpListener, u16), CloudError> {
    let in_use = |_| CloudError::PortInUse { port };
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await.map_err(in_use)?;
    let port = listener.local_addr().map_err(in_use)?.port();
    Ok((listener, port))
}

/// Without this every small answer waits for the peer's acknowledgement.
fn nodelay(listener: TcpListener) -> impl axum::serve::Listener<Io = tokio::net::TcpStream, Addr = SocketAddr> {
    use axum::serve::ListenerExt;
    listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    })
}

fn open_database(folder: Option<&PathBuf>) -> Result<dynoxide::Database, CloudError> {
    let opened = match folder {
        None => dynoxide::Database::memory(),
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| cannot_open(&folder.display().to_string(), &error))?;
            dynoxide::Database::new(&folder.join("dynamodb.sqlite").display().to_string())
        }
    };
    opened.map_err(|error| cannot_open("the local database", &error))
}

fn cannot_open(what: &str, error: &dyn std::fmt::Display) -> CloudError {
    CloudError::CannotOpen { what: what.to_owned(), reason: error.to_string() }
}

fn front_router(api: String, inbox: &Inbox, crm: &Crm, simulators: &Simulators, overview: Overview) -> Router {
    Router::new().merge(inbox.router()).merge(simulators.router()).merge(crm.router()).merge(page::router(
        api,
        inbox.clone(),
        crm.clone(),
        overview,
    ))
}

/// The businesses with their latest links, for the page.
fn overview(store: Store) -> Overview {
    Arc::new(move || {
        let store = store.clone();
        Box::pin(async move {
            businesses(&store, Timestamp::now()).await.unwrap_or_else(|error| {
                tracing::warn!(error = %error, "The latest links could not be listed.");
                Vec::new()
            })
        })
    })
}

async fn businesses(store: &Store, now: Timestamp) -> Result<Vec<BusinessRow>, StoreError> {
    let from = now.checked_sub(jiff::SignedDuration::from_hours(OVERVIEW_HOURS)).unwrap_or(now);
    let mut rows = Vec::new();
    for business in store.list_businesses(OVERVIEW_BUSINESSES, None).await?.entries {
        let list = LinkList::new(LinkFilter::made_between(from, now), now);
        let links = store.of(&business.id).list_links(&list, OVERVIEW_LINKS, None).await?.entries;
        let key = seed::KEYS.into_iter().find(|(id, _)| *id == business.id.as_str());
        rows.push(BusinessRow {
            id: business.id.to_string(),
            name: business.name,
            state: business.state.name().to_owned(),
            key: key.map(|(_, key)| key),
            links: links.iter().map(|link| row(link, now)).collect(),
        });
    }
    Ok(rows)
}

fn row(link: &PaymentLink, now: Timestamp) -> LinkRow {
    let terms = link.terms();
    LinkRow {
        id: link.id().to_string(),
        url: link.url(),
        status: link.status_at(now).name().to_owned(),
        mode: terms.mode.as_str().to_owned(),
        amount: terms.amount.display(domain::locale::Language::EN, false),
        contact: terms.contact.name.clone(),
        created_at: link.created_at().to_string(),
        expires_at: terms.expires_at.to_string(),
        attempts: link
            .attempts()
            .iter()
            .map(|attempt| format!("{} {}", attempt.gateway.as_str(), attempt.state.name()))
            .collect(),
        receipts: link.receipt_ids().into_iter().map(String::from).collect(),
    }
}

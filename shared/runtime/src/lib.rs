//! What every `main.rs` wires: configuration, telemetry, AWS clients, clock and randomness.
//!
//! Configuration is read once, from the environment, and a missing value stops the start and names itself.

mod conflict;
mod environment;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::retries::classifiers::SharedRetryClassifier;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use channels::{Channels, SocialMessaging, Stack, Webhooks};
use domain::Timestamp;
use domain::gateway::GatewayRulebook;
use domain::public_url::Reach;
use gateways::{GatewayEndpoints, Gateways};
use outbound::{Http, PublicAddresses};
use store::{DayShards, Store, StoreError};

pub use environment::{ConfigurationError, Environment};

/// Where instants come from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// For tests: ahead of the system's clock by so many milliseconds.
    Ahead(&'static AtomicI64),
}

impl Clock {
    pub fn now(self) -> Timestamp {
        let ahead = match self {
            Self::System => 0,
            Self::Ahead(milliseconds) => milliseconds.load(Ordering::Relaxed),
        };
        let now = Timestamp::now();
        // Milliseconds are what the table keeps and what a person can read.
        Timestamp::from_millisecond(now.as_millisecond() + ahead).unwrap_or(now)
    }
}

/// The operating system has no randomness to give.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no random bits")]
pub struct NoRandomness;

/// Random bits from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bits = [0; N];
    getrandom::fill(&mut bits).map_err(|_| NoRandomness)?;
    Ok(bits)
}

/// A gateway's answers are a few hundred bytes; anything this large is not one.
const LARGEST_GATEWAY_ANSWER: usize = 1_000_000;

/// Of what an endpoint answers only the status counts.
const LARGEST_ENDPOINT_ANSWER: usize = 64 * 1024;

/// Everything a function can be wired from.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
    sdk: SdkConfig,
    connector: SharedHttpConnector,
}

/// Starts telemetry, reads the environment and prepares one HTTP client that everything shares.
pub fn start() -> Result<Runtime, ConfigurationError> {
    telemetry::start();
    Runtime::new(Environment::of_the_process())
}

impl Runtime {
    pub fn new(environment: Environment) -> Result<Self, ConfigurationError> {
        let connector = connector(None);
        let sdk = sdk_config(&environment, connector.clone())?;
        Ok(Self { environment, sdk, connector })
    }

    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The table named by `PAYLINK_TABLE`. Settings and API keys are read again after
    /// `PAYLINK_CONFIGURATION_SECONDS`, 30 unless set. The links and events of a day are spread over
    /// `PAYLINK_DAY_SHARDS` partitions, 1 unless set.
    pub fn store(&self) -> Result<Store, ConfigurationError> {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.sdk);
        config.set_endpoint_url(self.environment.optional("AWS_ENDPOINT_URL_DYNAMODB"));
        config.push_retry_classifier(SharedRetryClassifier::new(conflict::MetATransaction));
        let fresh_for: u64 = self.environment.parsed("PAYLINK_CONFIGURATION_SECONDS")?.unwrap_or(30);
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let store = Store::new(client, self.environment.required("PAYLINK_TABLE")?, Duration::from_secs(fresh_for));
        Ok(store.spreading_days(self.day_shards()?))
    }

    fn day_shards(&self) -> Result<DayShards, ConfigurationError> {
        const NAME: &str = "PAYLINK_DAY_SHARDS";
        let Some(number) = self.environment.parsed(NAME)? else { return Ok(DayShards::ONE) };
        let most = DayShards::MOST;
        DayShards::new(number).ok_or_else(|| ConfigurationError::invalid(NAME, format!("it can be 1 to {most}")))
    }

    /// The gateways where they ship, unless `PAYLINK_GATEWAY_URLS` says otherwise: a JSON object from gateway to mode to
    /// `api`, `pages` and `refunds`, each of which may be left out.
    pub fn gateways(&self) -> Result<Gateways, ConfigurationError> {
        const NAME: &str = "PAYLINK_GATEWAY_URLS";
        let endpoints = match self.environment.optional(NAME) {
            None => GatewayEndpoints::default(),
            Some(text) => {
                GatewayEndpoints::with_overrides(&text).map_err(|reason| ConfigurationError::invalid(NAME, reason))?
            }
        };
        Ok(Gateways::new(Http::new(self.connector.clone(), LARGEST_GATEWAY_ANSWER), endpoints))
    }

    /// Where the CRM's endpoints may be: on the open internet, unless `PAYLINK_WEBHOOK_REACH` says `this_machine`, as it
    /// does in the local cloud and nowhere else.
    pub fn webhook_reach(&self) -> Result<Reach, ConfigurationError> {
        const NAME: &str = "PAYLINK_WEBHOOK_REACH";
        match self.environment.optional(NAME).as_deref() {
            None => Ok(Reach::Public),
            Some("this_machine") => Ok(Reach::ThisMachine),
            Some(_) => Err(ConfigurationError::invalid(NAME, "it can only be this_machine")),
        }
    }

    /// The CRM's endpoints. They have connections of their own, whose names lead to public addresses only.
    pub fn webhooks(&self) -> Result<Webhooks, ConfigurationError> {
        let reach = self.webhook_reach()?;
        Ok(Webhooks::new(Http::new(connector(Some(reach)), LARGEST_ENDPOINT_ANSWER), reach))
    }

    /// How many calls of the API a second an integration may make to one process, from `PAYLINK_CALLS_PER_SECOND`, 20
    /// unless set: below what one process answers in a second, so that a program which never pauses meets it.
    pub fn calls_per_second(&self) -> Result<NonZeroU32, ConfigurationError> {
        const USUAL: NonZeroU32 = NonZeroU32::new(20).unwrap();
        Ok(self.environment.parsed("PAYLINK_CALLS_PER_SECOND")?.unwrap_or(USUAL))
    }

    /// The gateways' figures, with those of `PAYLINK_GATEWAY_RULES` in place of the shipped ones: a JSON object from
    /// gateway to all five figures.
    pub fn gateway_rulebook(&self) -> Result<GatewayRulebook, ConfigurationError> {
        const NAME: &str = "PAYLINK_GATEWAY_RULES";
        let Some(text) = self.environment.optional(NAME) else { return Ok(GatewayRulebook::default()) };
        serde_json::from_str(&text).map(GatewayRulebook::new).map_err(|error| ConfigurationError::invalid(NAME, error))
    }

    /// Scheme and host that links begin with, where `PAYLINK_BASE_URL` says so.
    pub fn base_url(&self) -> Result<Option<String>, ConfigurationError> {
        const NAME: &str = "PAYLINK_BASE_URL";
        self.environment.optional(NAME).map(|_| self.environment.base_url(NAME)).transpose()
    }

    /// AWS End User Messaging Social, called with the function's own role.
    fn social_messaging(&self) -> Result<SocialMessaging, ConfigurationError> {
        Ok(SocialMessaging {
            http: Http::new(self.connector.clone(), LARGEST_ENDPOINT_ANSWER),
            endpoint: self.environment.optional("AWS_ENDPOINT_URL_SOCIALMESSAGING"),
            region: self.environment.required("AWS_REGION")?,
            credentials: credentials(&self.environment)?,
        })
    }

    /// Whether SNS reports SMS that did not arrive, as `PAYLINK_SMS_REPORTS` says with `on`.
    pub fn sms_reports(&self) -> Result<bool, ConfigurationError> {
        const NAME: &str = "PAYLINK_SMS_REPORTS";
        match self.environment.optional(NAME).as_deref() {
            None => Ok(false),
            Some("on") => Ok(true),
            Some(_) => Err(ConfigurationError::invalid(NAME, "it can only be on")),
        }
    }

    /// SMS and email, from `PAYLINK_EMAIL_SENDER`, `PAYLINK_EMAIL_CONFIGURATION_SET` and `PAYLINK_SMS_SENDER_ID`, and the providers that the business set up,
    /// which are called at public addresses only.
    pub fn channels(&self) -> Result<Channels, ConfigurationError> {
        let mut sns = aws_sdk_sns::config::Builder::from(&self.sdk);
        sns.set_endpoint_url(self.environment.optional("AWS_ENDPOINT_URL_SNS"));
        let mut ses = aws_sdk_ses::config::Builder::from(&self.sdk);
        ses.set_endpoint_url(self.environment.optional("AWS_ENDPOINT_URL_SES"));
        let reach = self.webhook_reach()?;
        let stack = Stack {
            email_sender: self.environment.optional("PAYLINK_EMAIL_SENDER"),
            email_configuration_set: self.environment.optional("PAYLINK_EMAIL_CONFIGURATION_SET"),
            sms_sender_id: self.environment.optional("PAYLINK_SMS_SENDER_ID"),
        };
        Ok(Channels::new(
            aws_sdk_sns::Client::from_conf(sns.build()),
            aws_sdk_ses::Client::from_conf(ses.build()),
            stack,
            Http::new(connector(Some(reach)), LARGEST_ENDPOINT_ANSWER),
            reach,
            self.social_messaging()?,
        ))
    }
}

/// Connections as all parts of a function use them; with a reach, to names within it only.
fn connector(reach: Option<Reach>) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(9))
        .build();
    let builder = Connector::builder()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new())
        .enable_tcp_nodelay(true);
    SharedHttpConnector::new(match reach {
        None => builder.build(),
        Some(reach) => builder.build_with_resolver(PublicAddresses(reach)),
    })
}

/// When an invocation has to be over. `cargo lambda watch` names an instant long past; a real deadline never is, so then
/// `usual` is taken instead.
pub fn deadline(given: SystemTime, usual: Duration) -> SystemTime {
    let now = SystemTime::now();
    if given > now { given } else { now + usual }
}

/// A function stops by itself so long before it would be stopped: whoever asked gets an answer, and what was under way is
/// in the state that a crash would leave it in, from which a later run goes on.
pub const MARGIN: Duration = Duration::from_secs(1);

/// Does the work within the time that the template gives the function, or stops doing it.
pub async fn in_time<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time.saturating_sub(MARGIN), work).await.ok()
}

/// Nothing new is begun when less than this is left: one question to a gateway or a provider can take eight seconds, and
/// its answer two writes.
pub const RESERVE: Duration = Duration::from_secs(12);

/// Whether there is time to begin something new before the deadline.
pub fn has_time(deadline: SystemTime) -> bool {
    deadline.duration_since(SystemTime::now()).is_ok_and(|left| left > RESERVE)
}

/// Reads something at the start, which opens the connection before the first request needs it. Where it fails, the first
/// request tries again and says why.
pub async fn warm_up<T>(read: impl Future<Output = Result<T, StoreError>>) {
    if let Err(error) = read.await {
        tracing::warn!(error = %error, "The table could not be read at the start.");
    }
}

/// No call to AWS takes longer, with all its tries.
pub const AWS_CALL: Duration = Duration::from_secs(7);

/// The longest pause before the second try of a call to AWS.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Lambda hands credentials and region to the process in its environment and replaces the process before they end, so
/// nothing has to be looked up or refreshed.
fn sdk_config(environment: &Environment, connector: SharedHttpConnector) -> Result<SdkConfig, ConfigurationError> {
    let credentials = credentials(environment)?;
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(2)).operation_timeout(AWS_CALL).build();
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment.required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .timeout_config(timeouts)
        // The pauses grow from here with jitter. The SDK's own, from a second on, are made for programs that can wait.
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(FIRST_BACKOFF))
        .build())
}

fn credentials(environment: &Environment) -> Result<Credentials, ConfigurationError> {
    Ok(Credentials::new(
        environment.required("AWS_ACCESS_KEY_ID")?,
        environment.required("AWS_SECRET_ACCESS_KEY")?,
        environment.optional("AWS_SESSION_TOKEN"),
        None,
        "environment",
    ))
}

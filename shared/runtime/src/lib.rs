//! What every function starts with: configuration, telemetry, connections and whom they trust, clock and randomness, and
//! how many things are done at once and in turns. Each thing that is wired from it, the table, the gateways, the channels,
//! has a `wire` of its own, so that a `main.rs` names all that its function brings along.
//!
//! Configuration is read once, from the environment, and a missing value stops the start and names itself.

mod connections;
mod environment;
mod turns;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use domain::Timestamp;
use domain::gateway::GatewayRulebook;
use domain::public_url::Reach;
use outbound::Http;

pub use connections::READ_TIMEOUT;
pub use environment::{ConfigurationError, Environment};
pub use turns::in_turns;

/// Where instants come from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    #[default]
    System,
    /// For tests: the system's clock, ahead by this number of milliseconds.
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

/// Everything a function can be wired from.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
    sdk: SdkConfig,
    to_aws: SharedHttpConnector,
}

/// Starts telemetry, reads the environment and prepares the connections to AWS that everything shares.
pub fn start() -> Result<Runtime, ConfigurationError> {
    telemetry::start();
    Runtime::new(Environment::of_the_process())
}

impl Runtime {
    pub fn new(environment: Environment) -> Result<Self, ConfigurationError> {
        let to_aws = connections::to_aws(&environment)?;
        let sdk = sdk_config(&environment, to_aws.clone())?;
        Ok(Self { environment, sdk, to_aws })
    }

    pub fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// Where the CRM's endpoints, and relays of accounts, may be: on the open internet, unless `PAYLINK_WEBHOOK_REACH` says `this_machine`, as
    /// it does in the local cloud and nowhere else.
    pub fn webhook_reach(&self) -> Result<Reach, ConfigurationError> {
        const NAME: &str = "PAYLINK_WEBHOOK_REACH";
        match self.environment.optional(NAME).as_deref() {
            None => Ok(Reach::Public),
            Some("this_machine") => Ok(Reach::ThisMachine),
            Some(_) => Err(ConfigurationError::invalid(NAME, "it can only be this_machine")),
        }
    }

    /// How many calls of the API a second an integration may make to one process, from `PAYLINK_CALLS_PER_SECOND`, 20
    /// unless set: below what one process answers in a second, so that a program which never pauses meets it.
    pub fn calls_per_second(&self) -> Result<NonZeroU32, ConfigurationError> {
        const USUAL: NonZeroU32 = NonZeroU32::new(20).unwrap();
        Ok(self.environment.parsed("PAYLINK_CALLS_PER_SECOND")?.unwrap_or(USUAL))
    }

    /// The gateways' figures, with those of `PAYLINK_GATEWAY_RULES` in place of the built-in ones: a JSON object from
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

    /// The credentials that the function calls AWS with.
    pub fn credentials(&self) -> Result<Credentials, ConfigurationError> {
        credentials(&self.environment)
    }

    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Calls to AWS that no SDK makes, through the connections of the SDKs. Answers of more than `largest` bytes are not
    /// read.
    pub fn http_to_aws(&self, largest: usize) -> Http {
        Http::new(self.to_aws.clone(), largest)
    }

    /// Calls to gateways, wherever they are.
    pub fn http(&self, largest: usize) -> Http {
        self.http_within(Reach::ThisMachine, largest)
    }

    /// Calls to addresses that the CRM names, through connections of their own, whose names lead to addresses within the
    /// reach only.
    pub fn http_within(&self, reach: Reach, largest: usize) -> Http {
        Http::new(connections::to_others(reach), largest)
    }
}

/// When an invocation has to be over. `cargo lambda watch` names an instant long past; a real deadline never is, so
/// then `usual` is taken instead.
pub fn deadline(given: SystemTime, usual: Duration) -> SystemTime {
    let now = SystemTime::now();
    if given > now { given } else { now + usual }
}

/// A function stops by itself this long before Lambda would stop it: the caller gets an answer, and work under way is
/// in the state that a crash would leave it in, from which a later run goes on.
pub const MARGIN: Duration = Duration::from_secs(1);

/// Does the work within the time that the template gives the function, or stops doing it.
pub async fn in_time<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time.saturating_sub(MARGIN), work).await.ok()
}

/// A function begins nothing new when less than this is left: one question to a gateway usually takes eight seconds at
/// most and a message ten, and the answer two writes. Whoever waits longer for an answer takes the difference off the deadline.
pub const RESERVE: Duration = Duration::from_secs(12);

/// How long something new may be begun before the deadline.
pub fn time_left(deadline: SystemTime) -> Duration {
    deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVE)
}

/// Whether there is time to begin something new before the deadline.
pub fn has_time(deadline: SystemTime) -> bool {
    time_left(deadline) > Duration::ZERO
}

/// Reads something at the start, which opens the connection before the first request needs it. Where it fails, the
/// first request tries again and says why.
pub async fn warm_up<T, E: fmt::Display>(read: impl Future<Output = Result<T, E>>) {
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

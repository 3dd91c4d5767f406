//! What has to be done to a stack by hand: set-up, businesses, keys, settings, the account's preferences, health,
//! replay, restore, all data of a business, and the data of one person. The same locally and on AWS: a deployed stack is
//! found by its name, and the local cloud by variables, as the functions find it. It needs the permissions of an
//! administrator.

mod api;
mod aws;
mod businesses;
pub mod cli;
mod contact;
mod erasing;
mod export;
mod health;
mod keys;
mod place;
mod replay;
mod reports;
mod restore;
mod sms;
mod stack;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::Aws;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use runtime::{ConfigurationError, Environment, Runtime};
use store::{Store, StoreError};

pub use businesses::{FIRST_BUSINESS, FirstBusiness};
pub use contact::ErasureResult;
pub use erasing::{BusinessErasure, BusinessMarking, ErasedBusiness, WaitingLinks};
pub use health::{Finding, Group, Verdict};
pub use keys::NewKey;
pub use place::variables_of_the_process;
pub use replay::ReplayResult;
pub use reports::ReplayedReports;
pub use restore::{Restore, RestoreStep};
pub use sms::SmsPreferences;
pub use stack::Stack;

/// Why something was not done, in words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{service} did not do it: {reason}")]
    Aws { service: &'static str, code: Option<String>, reason: String },
    #[error("{0}")]
    Refused(String),
    /// The command was called in a way that leads nowhere.
    #[error("{0}")]
    Usage(String),
    /// What could be done is done, and something is left for later or for a person.
    #[error("{0}")]
    Left(String),
}

impl AdminError {
    pub(crate) fn refused(reason: impl std::fmt::Display) -> Self {
        Self::Refused(reason.to_string())
    }

    pub(crate) fn aws_refused(service: &'static str, code: Option<String>, reason: String) -> Self {
        Self::Aws { service, code, reason }
    }

    /// The code with which AWS refused, where it did.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Aws { code, .. } => code.as_deref(),
            Self::Configuration(_) | Self::Store(_) | Self::Refused(_) | Self::Usage(_) | Self::Left(_) => None,
        }
    }

    /// What kind it is, in a word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::Store(_) => "store",
            Self::Aws { .. } => "aws",
            Self::Refused(_) => "refused",
            Self::Usage(_) => "usage",
            Self::Left(_) => "left",
        }
    }

    /// What the service said, or why it said nothing.
    fn aws<E: ProvideErrorMetadata, R>(service: &'static str, error: SdkError<E, R>) -> Self {
        let (code, reason) = match error.as_service_error() {
            Some(said) => {
                let code = said.code().unwrap_or("an error without a code");
                (said.code().map(str::to_owned), format!("{} ({code})", said.message().unwrap_or_default()))
            }
            None => (None, error.to_string()),
        };
        Self::Aws { service, code, reason }
    }
}

/// How the log of a business, and keys that are made for one call, name this command.
const COMMAND: &str = "paylink-admin";

/// A stack, as its deployer sees it.
#[derive(Debug)]
pub struct Admin {
    runtime: Runtime,
    store: Store,
    aws: Aws,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    /// The stack, where it was found by its name.
    stack: Option<Stack>,
    /// The stack's parameter EmailSender, from `PAYLINK_EMAIL_SENDER`.
    email_sender: Option<String>,
    /// The stack's output UndeliveredRecordsUrl, from `PAYLINK_UNDELIVERED_RECORDS`.
    undelivered: Option<String>,
    /// The stack's output UnnotedReportsUrl, from `PAYLINK_UNNOTED_REPORTS`.
    unnoted: Option<String>,
}

impl Admin {
    /// Works on the stack of this name, or, without one, where the variables say.
    pub async fn of(
        mut variables: BTreeMap<String, String>,
        stack: Option<&str>,
        region: Option<&str>,
    ) -> Result<Self, AdminError> {
        place::choose_region(&mut variables, region)?;
        place::find_credentials(&mut variables)?;
        let stack = place::find_stack(&mut variables, stack).await?;
        Ok(Self { stack, ..Self::new(Environment::from(variables))? })
    }

    /// Works where variables say, as the functions do.
    pub fn new(environment: Environment) -> Result<Self, AdminError> {
        let runtime = Runtime::new(environment.clone())?;
        let sdk = runtime.sdk();
        let mut sns = aws_sdk_sns::config::Builder::from(sdk);
        sns.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_SNS"));
        let mut sqs = aws_sdk_sqs::config::Builder::from(sdk);
        sqs.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_SQS"));
        // The functions give every call two seconds. Here one waits for messages on purpose.
        sqs.set_timeout_config(Some(
            TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(30)).build(),
        ));
        Ok(Self {
            store: Store::wire(&runtime)?,
            aws: Aws::new(&runtime)?,
            stack: None,
            sns: aws_sdk_sns::Client::from_conf(sns.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            email_sender: environment.optional("PAYLINK_EMAIL_SENDER"),
            undelivered: environment.optional("PAYLINK_UNDELIVERED_RECORDS"),
            unnoted: environment.optional("PAYLINK_UNNOTED_REPORTS"),
            runtime,
        })
    }

    /// The stack, where it was found by its name.
    pub fn stack(&self) -> Option<&Stack> {
        self.stack.as_ref()
    }

    /// DynamoDB itself, for what is about tables and not about what lies in them.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut configuration = aws_sdk_dynamodb::config::Builder::from(self.runtime.sdk());
        configuration.set_endpoint_url(self.runtime.environment().optional("AWS_ENDPOINT_URL_DYNAMODB"));
        aws_sdk_dynamodb::Client::from_conf(configuration.build())
    }

    /// The name of the table.
    pub fn table(&self) -> &str {
        self.store.table()
    }

    /// The name of the table of secrets.
    pub fn secrets_table(&self) -> &str {
        self.store.secrets_table()
    }
}

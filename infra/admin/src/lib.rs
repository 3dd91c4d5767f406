//! What has to be done to a stack by hand: set-up, businesses, keys, settings, the account's preferences, health, replay,
//! all data of a business, and the data of one person. The same locally and on AWS: it reads the tables' names, region and
//! credentials from the environment, as the functions do, and needs the permissions of an administrator.

mod api;
mod businesses;
mod contact;
mod erasing;
mod export;
mod health;
mod keys;
mod replay;
mod sms;

use std::time::Duration;

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use runtime::{ConfigurationError, Environment, Runtime};
use store::{Store, StoreError};

pub use businesses::{FIRST_BUSINESS, FirstBusiness};
pub use contact::ErasureResult;
pub use erasing::{BusinessErasure, BusinessMarking, ErasedBusiness, WaitingLinks};
pub use health::{Finding, Verdict};
pub use keys::NewKey;
pub use replay::ReplayResult;
pub use sms::SmsPreferences;

/// Why something was not done, in words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{service} did not do it: {reason}")]
    Aws { service: &'static str, reason: String },
    #[error("{0}")]
    Refused(String),
}

impl AdminError {
    pub(crate) fn refused(reason: impl std::fmt::Display) -> Self {
        Self::Refused(reason.to_string())
    }

    /// What the service said, or why it said nothing.
    fn aws<E: ProvideErrorMetadata, R>(service: &'static str, error: SdkError<E, R>) -> Self {
        let reason = match error.as_service_error() {
            Some(said) => {
                format!("{} ({})", said.message().unwrap_or_default(), said.code().unwrap_or("an error without a code"))
            }
            None => error.to_string(),
        };
        Self::Aws { service, reason }
    }
}

/// How the log of a business, and keys that are made for one call, name this command.
const COMMAND: &str = "paylink-admin";

/// A stack, as its deployer sees it.
#[derive(Debug)]
pub struct Admin {
    runtime: Runtime,
    store: Store,
    sns: aws_sdk_sns::Client,
    ses: aws_sdk_ses::Client,
    sqs: aws_sdk_sqs::Client,
    /// The stack's parameter EmailSender, from `PAYLINK_EMAIL_SENDER`.
    email_sender: Option<String>,
    /// The stack's output UndeliveredRecordsUrl, from `PAYLINK_UNDELIVERED_RECORDS`.
    undelivered: Option<String>,
}

impl Admin {
    pub fn new(environment: Environment) -> Result<Self, AdminError> {
        let runtime = Runtime::new(environment.clone())?;
        let sdk = runtime.sdk();
        let mut sns = aws_sdk_sns::config::Builder::from(sdk);
        sns.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_SNS"));
        let mut ses = aws_sdk_ses::config::Builder::from(sdk);
        ses.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_SES"));
        let mut sqs = aws_sdk_sqs::config::Builder::from(sdk);
        sqs.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_SQS"));
        // The functions give every call two seconds. Here one waits for messages on purpose.
        sqs.set_timeout_config(Some(
            TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(30)).build(),
        ));
        Ok(Self {
            store: Store::wire(&runtime)?,
            sns: aws_sdk_sns::Client::from_conf(sns.build()),
            ses: aws_sdk_ses::Client::from_conf(ses.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            email_sender: environment.optional("PAYLINK_EMAIL_SENDER"),
            undelivered: environment.optional("PAYLINK_UNDELIVERED_RECORDS"),
            runtime,
        })
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

//! How a function's store is wired.

use std::time::Duration;

use aws_smithy_runtime_api::client::retries::classifiers::SharedRetryClassifier;
use runtime::{ConfigurationError, Runtime};

use crate::Store;
use crate::conflict::MetATransaction;

impl Store {
    /// The tables named by `PAYLINK_TABLE` and `PAYLINK_SECRETS_TABLE`. Settings and API keys are read again after
    /// `PAYLINK_CONFIGURATION_SECONDS`, 30 unless set.
    pub fn wire(runtime: &Runtime) -> Result<Self, ConfigurationError> {
        let environment = runtime.environment();
        let mut config = aws_sdk_dynamodb::config::Builder::from(runtime.sdk());
        config.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_DYNAMODB"));
        config.push_retry_classifier(SharedRetryClassifier::new(MetATransaction));
        let fresh_for: u64 = environment.parsed("PAYLINK_CONFIGURATION_SECONDS")?.unwrap_or(30);
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let (table, secrets) = (environment.required("PAYLINK_TABLE")?, environment.required("PAYLINK_SECRETS_TABLE")?);
        let store = Self::new(client, table, secrets, Duration::from_secs(fresh_for));
        Ok(store)
    }
}

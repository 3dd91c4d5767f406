//! How a function's store is wired.

use std::time::Duration;

use aws_smithy_runtime_api::client::retries::classifiers::SharedRetryClassifier;
use runtime::{ConfigurationError, Runtime};

use crate::conflict::MetATransaction;
use crate::{DayShards, Store};

impl Store {
    /// The table named by `PAYLINK_TABLE`. Settings and API keys are read again after
    /// `PAYLINK_CONFIGURATION_SECONDS`, 30 unless set. The links and events of a day are spread over
    /// `PAYLINK_DAY_SHARDS` partitions, 1 unless set.
    pub fn wire(runtime: &Runtime) -> Result<Self, ConfigurationError> {
        let environment = runtime.environment();
        let mut config = aws_sdk_dynamodb::config::Builder::from(runtime.sdk());
        config.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_DYNAMODB"));
        config.push_retry_classifier(SharedRetryClassifier::new(MetATransaction));
        let fresh_for: u64 = environment.parsed("PAYLINK_CONFIGURATION_SECONDS")?.unwrap_or(30);
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let store = Self::new(client, environment.required("PAYLINK_TABLE")?, Duration::from_secs(fresh_for));
        Ok(store.with_day_shards(day_shards(runtime)?))
    }
}

fn day_shards(runtime: &Runtime) -> Result<DayShards, ConfigurationError> {
    const NAME: &str = "PAYLINK_DAY_SHARDS";
    let Some(number) = runtime.environment().parsed(NAME)? else { return Ok(DayShards::ONE) };
    let most = DayShards::MOST;
    DayShards::new(number).ok_or_else(|| ConfigurationError::invalid(NAME, format!("it can be 1 to {most}")))
}

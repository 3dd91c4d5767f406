//! A message is handed to AWS once. The SDK tries a call again whose answer is late or lost, and the message may have gone out
//! all the same: whether it is tried again, and when, is for the message's own schedule. Only what AWS turned away because
//! there was too much of it did nothing, and is tried again at once.

use aws_sdk_ses::operation::send_email::SendEmailError;
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::operation::publish::PublishError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, InterceptorContext};
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::timeout::TimeoutConfig;

use crate::PROVIDER_CALL;

/// The codes by which AWS says that it was asked too often, of those that SNS and SES document and the SDKs know.
const THROTTLED: [&str; 6] = [
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestThrottled",
];

/// Forbids another try of everything that may have taken effect.
#[derive(Debug)]
pub(crate) struct UnlessTurnedAway;

impl ClassifyRetry for UnlessTurnedAway {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        match error.as_operation_error().and_then(code) {
            Some(code) if THROTTLED.contains(&code) => RetryAction::throttling_error(),
            Some(_) | None => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "unless it was turned away"
    }
}

fn code(error: &Error) -> Option<&str> {
    let publish = error.downcast_ref::<PublishError>().and_then(ProvideErrorMetadata::code);
    publish.or_else(|| error.downcast_ref::<SendEmailError>().and_then(ProvideErrorMetadata::code))
}

/// An answer is waited for as long as any provider's.
pub(crate) fn patience() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(PROVIDER_CALL).operation_timeout(PROVIDER_CALL).build()
}

//! What SNS and SES have in common: how AWS says that it did not take a message over.

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use domain::messages::delivery::SendOutcome;

use crate::for_now;

/// Only errors that name the message or the address are final. Everything else may pass. SNS calls a value that it cannot
/// take `ParameterValueInvalid` or `ValidationException`, SES calls it `InvalidParameterValue` (API references, common
/// errors and `Publish`).
pub(crate) fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> SendOutcome {
    let Some(code) = error.as_service_error().and_then(ProvideErrorMetadata::code) else {
        return for_now("no_answer");
    };
    let reason = code.to_owned();
    match code {
        "InvalidParameter"
        | "InvalidParameterValue"
        | "ParameterValueInvalid"
        | "ValidationException"
        | "ValidationError"
        | "MessageRejected"
        | "OptedOut"
        | "EndpointDisabled" => SendOutcome::FailedForGood { reason },
        _ => SendOutcome::FailedForNow { reason, wait: None },
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sns::error::ErrorMetadata;
    use aws_sdk_sns::operation::publish::PublishError;

    use super::*;

    fn of(code: &str) -> SendOutcome {
        let error = PublishError::generic(ErrorMetadata::builder().code(code).build());
        failure(&SdkError::service_error(error, ()))
    }

    #[test]
    fn a_value_that_cannot_be_taken_is_final_and_told_as_aws_calls_it() {
        for code in ["InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationException"] {
            assert_eq!(of(code), SendOutcome::FailedForGood { reason: code.to_owned() });
        }
        for code in ["Throttling", "InternalFailure", "KMSThrottling"] {
            assert_eq!(of(code), SendOutcome::FailedForNow { reason: code.to_owned(), wait: None });
        }
    }
}

//! What SNS and SES have in common: how AWS says that it did not take a message over.

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use domain::messages::delivery::SendOutcome;

use crate::for_now;

/// Only errors that name the message or the address are final. Everything else may pass.
pub(crate) fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> SendOutcome {
    let Some(code) = error.as_service_error().and_then(ProvideErrorMetadata::code) else {
        return for_now("no_answer");
    };
    let reason = code.to_owned();
    match code {
        "InvalidParameter"
        | "InvalidParameterValue"
        | "ValidationError"
        | "MessageRejected"
        | "OptedOut"
        | "EndpointDisabled" => SendOutcome::FailedForGood { reason },
        _ => SendOutcome::FailedForNow { reason, wait: None },
    }
}

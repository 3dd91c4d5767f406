//! What can go wrong with the table. The text is for logs: it names the operation and the service's code, and never an
//! item, because items are people.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The service did not do it, or did not say whether it did. Trying again is right.
    #[error("DynamoDB could not {operation}: {reason}")]
    Unavailable { operation: &'static str, reason: String },
    /// An item is not what this program writes.
    #[error("an item of the table cannot be read while trying to {operation}: {reason}")]
    Unreadable { operation: &'static str, reason: String },
    /// The table lacks what the first set-up writes.
    #[error("the table has not been set up: {missing} is missing")]
    NotSetUp { missing: &'static str },
}

impl StoreError {
    pub(crate) fn service<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Self {
        let reason = match error {
            SdkError::ServiceError(service) => {
                service.err().code().map_or_else(|| "an error without a code".to_owned(), str::to_owned)
            }
            SdkError::TimeoutError(_) => "no answer in time".to_owned(),
            SdkError::DispatchFailure(_) => "the connection failed".to_owned(),
            SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
            SdkError::ConstructionFailure(_) => "the request could not be built".to_owned(),
            _ => "an error of an unknown kind".to_owned(),
        };
        Self::Unavailable { operation, reason }
    }

    pub(crate) fn unreadable(operation: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Unreadable { operation, reason: reason.to_string() }
    }
}

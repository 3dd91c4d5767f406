//! A single write that meets a transaction at the same item is refused by DynamoDB, which has decided nothing by that. The
//! SDK does not count it among the errors that are worth another try; here it is one.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, InterceptorContext};
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

/// Has a write that met a transaction tried again, after a pause with jitter.
#[derive(Debug)]
pub(crate) struct MetATransaction;

impl ClassifyRetry for MetATransaction {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err).and_then(|error| error.as_operation_error());
        match error.and_then(code) {
            Some("TransactionConflictException") => RetryAction::transient_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "met a transaction"
    }
}

/// The code of an error of any operation that writes a single item.
fn code(error: &Error) -> Option<&str> {
    let put = error.downcast_ref::<PutItemError>().and_then(ProvideErrorMetadata::code);
    let update = || error.downcast_ref::<UpdateItemError>().and_then(ProvideErrorMetadata::code);
    let delete = || error.downcast_ref::<DeleteItemError>().and_then(ProvideErrorMetadata::code);
    put.or_else(update).or_else(delete)
}

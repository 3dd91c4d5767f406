//! Why a batch does not go on.

use sheets::writing::WriteError;
use signed::ObjectError;
use store::StoreError;

/// Why a batch does not go on in this run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a file cannot be reached: {0}")]
    Object(#[from] ObjectError),
    #[error("what was put away cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the table cannot be written: {0}")]
    Sheet(#[from] WriteError),
    #[error("the work was lost")]
    Lost,
    /// Somebody else has written the batch.
    #[error("somebody else holds the batch")]
    Overtaken,
}

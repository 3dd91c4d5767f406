//! Many links at once, out of a file or of a list: asking for a batch, having it checked, having it run, pausing it and ending it.
//! The work itself is not done here.

use domain::Timestamp;
use domain::audit::{AuditAction, FieldChange, Subject};
use domain::batches::{Batch, BatchRefused as NotNow, BatchRun, BatchState, BatchWish, MOST_AT_ONCE};
use domain::idempotency::RequestFingerprint;
use domain::ids::BatchId;
use serde_json::Value;
use store::{Begun, BusinessStore, RecordWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::{Answer, Asked};

/// Why a batch is not begun, or does not become what somebody wants.
#[derive(Debug, thiserror::Error)]
pub enum BatchRefused {
    #[error("there is no such batch")]
    NoSuchBatch,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// So many are at work.
    #[error("too many batches are at work")]
    TooManyAtOnce,
    /// It does not lead there as it is.
    #[error("the batch as it is does not lead there")]
    NotNow(NotNow),
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody wants to become of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStep {
    /// The file is there, and is to be read.
    Check,
    /// What was checked is to be done, or done on.
    Run(BatchRun),
    Pause,
    Cancel,
}

impl BatchStep {
    /// The batch after the step, or `None` where it is so already.
    fn of(self, batch: &Batch, now: Timestamp) -> Result<Option<Batch>, NotNow> {
        let is_this_check = |run: BatchRun| run.of_check.is_none_or(|check| check == batch.check);
        let is_there = match (self, &batch.state) {
            (Self::Check, BatchState::Checking { .. }) | (Self::Pause, BatchState::Paused { .. }) => true,
            (Self::Run(run), BatchState::Running { .. }) => {
                is_this_check(run) && run.per_minute.is_none_or(|rate| rate == batch.wish.per_minute)
            }
            // It was run, and is done by now.
            (
                Self::Run(run),
                BatchState::Closing { is_cancelled: false, .. } | BatchState::Over { is_cancelled: false, .. },
            ) => is_this_check(run),
            (Self::Cancel, _) => batch.is_cancelled(),
            _ => false,
        };
        if is_there {
            return Ok(None);
        }
        match self {
            Self::Check => batch.to_check(now),
            Self::Run(run) => batch.to_run(run, now),
            Self::Pause => batch.paused(now),
            Self::Cancel => batch.cancelled(now),
        }
        .map(Some)
    }

    /// Whether a run is to be called.
    pub fn wants_a_run(self) -> bool {
        match self {
            Self::Check | Self::Run(_) | Self::Cancel => true,
            Self::Pause => false,
        }
    }
}

/// Begins a batch, which then waits for its file, or is checked at once where it is about a list.
///
/// `mark` is random, and tells a batch from others where the request came without an idempotency key.
pub async fn begin(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    mark: [u8; 16],
    wish: BatchWish,
) -> Result<Answer<Batch>, BatchRefused> {
    let request = asked.fingerprint();
    let mark = request.as_ref().map_or_else(|| hex::encode(mark), |request| request.key.clone());
    let id = BatchId::of(store.business_id(), &mark);
    if request.is_some()
        && let Some(known) = store.batch(&id).await?
    {
        return repeated(known, request.as_ref());
    }
    let batch = Batch::begun(id, store.business_id().clone(), wish, request.clone(), now());
    if batch.run_at().is_some() {
        check_room(store, &batch.id).await?;
    }
    match store.put_batch(&batch).await? {
        Begun::Written => Ok(Answer::New(batch)),
        Begun::Known(known) => repeated(*known, request.as_ref()),
    }
}

fn repeated(known: Batch, request: Option<&RequestFingerprint>) -> Result<Answer<Batch>, BatchRefused> {
    if known.request.as_ref() == request { Ok(Answer::Repeated(known)) } else { Err(BatchRefused::KeyReused) }
}

/// Takes a step with a batch. One that was taken before is answered with the batch as it is.
pub async fn step(store: &BusinessStore, now: Now<'_>, id: &BatchId, step: BatchStep) -> Result<Batch, BatchRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let batch = store.batch(id).await?.ok_or(BatchRefused::NoSuchBatch)?;
        let Some(next) = step.of(&batch, now()).map_err(BatchRefused::NotNow)? else { return Ok(batch) };
        if batch.run_at().is_none() && next.run_at().is_some() {
            check_room(store, id).await?;
        }
        if let (BatchStep::Run(_), None) = (step, batch.run_at()) {
            // Money is asked for in the business's name: its log says who had it asked for.
            let said = |field: &str, to: Value| FieldChange { field: field.to_owned(), from: Value::Null, to };
            let said = vec![said("/action", next.wish.work.action().into()), said("/rows", next.report.right().into())];
            store.note(AuditAction::Ran, Subject::new("batch", batch.id.as_str()), said).await?;
        }
        match store.write_batch(&next, &batch).await? {
            RecordWritten::Applied => return Ok(next),
            RecordWritten::Rejected => {}
        }
    }
}

/// The newest are those that may be at work.
async fn check_room(store: &BusinessStore, id: &BatchId) -> Result<(), BatchRefused> {
    let newest = store.list_batches(10 * MOST_AT_ONCE, None).await?.entries;
    let others = newest.iter().filter(|batch| batch.id != *id && batch.run_at().is_some());
    if others.count() >= MOST_AT_ONCE { Err(BatchRefused::TooManyAtOnce) } else { Ok(()) }
}

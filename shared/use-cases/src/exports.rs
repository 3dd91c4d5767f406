//! Carrying a list away as a file: asking for it, and not wanting it any more.

use domain::audit::{AuditAction, FieldChange, Subject};
use domain::exports::{Export, ExportFormat, ExportProgress, ExportState, ExportedList, MOST_AT_ONCE};
use domain::idempotency::RequestFingerprint;
use domain::ids::ExportId;
use domain::language::Calendar;
use domain::link::CreatedBy;
use domain::locale::Locale;
use serde_json::Value;
use store::{Begun, BusinessStore, RecordWritten, StoreError};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::{Answer, Asked};

/// What is wanted, all of it checked.
#[derive(Clone, Debug)]
pub struct ExportWish {
    pub of: ExportedList,
    /// The address of the list, as it was given.
    pub list: String,
    pub is_newest_first: bool,
    pub format: ExportFormat,
    pub calendar: Calendar,
    pub locale: Locale,
    pub in_toman: bool,
    pub requested_by: CreatedBy,
}

/// Why an export is not begun, or not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum ExportRefused {
    #[error("there is no such export")]
    NoSuchExport,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// So many are not made yet.
    #[error("too many exports are not made yet")]
    TooManyAtOnce,
    /// It is made already, or never will be.
    #[error("the export is over")]
    Over { status: &'static str },
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins an export. The business's log says so before anything is read: what is carried away is nobody's to call back.
///
/// `mark` is random, and tells an export from others where the request came without an idempotency key.
pub async fn begin(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    mark: [u8; 16],
    wish: ExportWish,
) -> Result<Answer<Export>, ExportRefused> {
    let request = asked.fingerprint();
    let mark = request.as_ref().map_or_else(|| hex::encode(mark), |request| request.key.clone());
    let id = ExportId::of(store.business_id(), &mark);
    if request.is_some()
        && let Some(known) = store.export(&id).await?
    {
        return repeated(known, request.as_ref());
    }
    // The newest are those that may not be made yet.
    let newest = store.list_exports(2 * MOST_AT_ONCE, None).await?.entries;
    if newest.iter().filter(|export| export.run_at().is_some()).count() >= MOST_AT_ONCE {
        return Err(ExportRefused::TooManyAtOnce);
    }
    let created_at = now();
    let export = Export {
        id,
        business: store.business_id().clone(),
        of: wish.of,
        list: wish.list,
        is_newest_first: wish.is_newest_first,
        format: wish.format,
        calendar: wish.calendar,
        locale: wish.locale,
        in_toman: wish.in_toman,
        requested_by: wish.requested_by,
        created_at,
        request: request.clone(),
        state: ExportState::Pending { run_at: created_at, progress: ExportProgress::default() },
    };
    let said = [("/list", export.of.name()), ("/format", export.format.as_str())];
    let said = said.map(|(field, to)| FieldChange { field: field.to_owned(), from: Value::Null, to: to.into() });
    store.note(AuditAction::Exported, Subject::new("export", export.id.as_str()), said.into()).await?;
    match store.put_export(&export).await? {
        Begun::Written => Ok(Answer::New(export)),
        Begun::Known(known) => repeated(*known, request.as_ref()),
    }
}

fn repeated(known: Export, request: Option<&RequestFingerprint>) -> Result<Answer<Export>, ExportRefused> {
    if known.request.as_ref() == request { Ok(Answer::Repeated(known)) } else { Err(ExportRefused::KeyReused) }
}

/// Ends an export that nobody wants any more. A run that is making it leaves it at its next step.
pub async fn cancel(store: &BusinessStore, now: Now<'_>, id: &ExportId) -> Result<Export, ExportRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let export = store.export(id).await?.ok_or(ExportRefused::NoSuchExport)?;
        if matches!(export.state, ExportState::Cancelled { .. }) {
            return Ok(export);
        }
        let Some(cancelled) = export.cancelled(now()) else {
            return Err(ExportRefused::Over { status: export.status() });
        };
        match store.write_export(&cancelled, &export).await? {
            RecordWritten::Applied => return Ok(cancelled),
            RecordWritten::Rejected => {}
        }
    }
}

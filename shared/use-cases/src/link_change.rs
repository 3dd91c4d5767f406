//! What every change of a link has in common: it is decided on the link as it is and written over exactly that, and a
//! request with an idempotency key is remembered on the link in the same write, so that a retry finds its answer.

use domain::Timestamp;
use domain::audit::{AuditAction, FieldChange};
use domain::idempotency::{Repeat, RequestFingerprint};
use domain::ids::LinkId;
use domain::link::{LinkStatus, PaymentLink};
use store::{BusinessStore, StoreError, Written};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::Answer;

/// Why a link was not changed. `R` is what the rules of this change can say.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRefused<R> {
    #[error("there is no such link")]
    NoSuchLink,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// The rules do not allow it for a link in this status.
    #[error("the link as it is cannot be changed so")]
    Refused { why: R, status: LinkStatus },
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) async fn read_link<R>(store: &BusinessStore, id: &LinkId) -> Result<PaymentLink, ChangeRefused<R>> {
    store.link(id).await?.ok_or(ChangeRefused::NoSuchLink)
}

/// Decides on the link as it was read and writes that; on the link as it is then where somebody else was faster. `action`
/// names the change in the log.
pub(crate) async fn change<R>(
    store: &BusinessStore,
    now: Now<'_>,
    link: PaymentLink,
    action: &'static str,
    mark: Option<RequestFingerprint>,
    decide: impl Fn(&PaymentLink, Timestamp) -> Result<PaymentLink, R>,
) -> Result<Answer<PaymentLink>, ChangeRefused<R>> {
    let unlogged = |_: &PaymentLink, _: &PaymentLink| None;
    change_logged(store, now, link, action, mark, decide, unlogged).await
}

/// What a decision about money says in the business's log.
pub(crate) type Decision = (AuditAction, Vec<FieldChange>);

/// The same for what the business's log may tell, of the link before and the link after.
pub(crate) async fn change_logged<R>(
    store: &BusinessStore,
    now: Now<'_>,
    mut link: PaymentLink,
    action: &'static str,
    mark: Option<RequestFingerprint>,
    decide: impl Fn(&PaymentLink, Timestamp) -> Result<PaymentLink, R>,
    logged: impl Fn(&PaymentLink, &PaymentLink) -> Option<Decision>,
) -> Result<Answer<PaymentLink>, ChangeRefused<R>> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        match link.knows(mark.as_ref()) {
            Repeat::No => {}
            Repeat::Yes => return Ok(Answer::Repeated(link)),
            Repeat::OtherBody => return Err(ChangeRefused::KeyReused),
        }
        let at = now();
        let next = decide(&link, at).map_err(|why| ChangeRefused::Refused { why, status: link.status_at(at) })?;
        let next = next.remembering(mark.clone());
        let written = match logged(&link, &next) {
            None => store.replace_link(&next).await?,
            Some((action, changes)) => store.replace_link_logged(&next, action, changes).await?,
        };
        match written {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.id(), action, "A payment link was changed.");
                return Ok(Answer::New(next));
            }
            Written::Rejected(current) => link = *current,
        }
    }
}

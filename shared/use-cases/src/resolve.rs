//! What a person decides about an attempt under review.

use domain::audit::{AuditAction, FieldChange};
use domain::ids::{AttemptId, LinkId};
use domain::link::{CreatedBy, PaymentLink, Resolution, ResolveRefused};
use serde_json::Value;
use store::BusinessStore;

use crate::Now;
use crate::idempotency::{Answer, Asked};
use crate::link_change::{ChangeRefused, change_logged, read_link};

/// Writes the decision, and in the same transaction who took it.
pub async fn resolve(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &LinkId,
    attempt: &AttemptId,
    resolution: Resolution,
) -> Result<Answer<PaymentLink>, ChangeRefused<ResolveRefused>> {
    let link = read_link(store, id).await?;
    let by = store.author().map(CreatedBy::from);
    let decide = |link: &PaymentLink, at| link.resolve(attempt, resolution, by.as_ref(), at);
    let logged = |before: &PaymentLink, next: &PaymentLink| {
        let status = |link: &PaymentLink| link.attempt(attempt).map(|one| one.state.name());
        let changed = FieldChange {
            field: format!("/attempts/{attempt}/status"),
            from: status(before).into(),
            to: status(next).into(),
        };
        let outcome = FieldChange { field: "/outcome".to_owned(), from: Value::Null, to: resolution.as_str().into() };
        Some((AuditAction::Resolved, vec![outcome, changed]))
    };
    change_logged(store, now, link, "resolve", asked.fingerprint(), decide, logged).await
}

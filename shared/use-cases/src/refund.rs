//! Having money of a payment sent back, or noting that it went by other means; and what a person found out about a refund.

use domain::audit::{AuditAction, FieldChange};
use domain::ids::{AttemptId, LinkId, RefundId};
use domain::link::{
    CreatedBy, PaymentLink, RefundBy, RefundRefused, RefundResolution, RefundWish, ResolveRefundRefused,
};
use serde_json::{Value, json};
use store::BusinessStore;

use crate::Now;
use crate::idempotency::{Answer, Asked};
use crate::link_change::{ChangeRefused, change_logged, read_link};

/// A refund on its link.
#[derive(Clone, Debug)]
pub struct RefundOn {
    pub link: PaymentLink,
    pub refund: RefundId,
}

/// Begins a refund of a payment that a link kept, and writes in the same transaction who asked for it. The request that it
/// was asked for by is remembered with it, so that the same request never begins another.
pub async fn refund(
    store: &BusinessStore,
    now: Now<'_>,
    id: &LinkId,
    attempt: &AttemptId,
    wish: RefundWish,
) -> Result<Answer<RefundOn>, ChangeRefused<RefundRefused>> {
    let link = read_link(store, id).await?;
    let (mut has_credentials, mut from) = (None, None);
    match (&wish.method, link.attempt(attempt)) {
        (RefundBy::Gateway, Some(attempt)) => {
            let account = store.account(&attempt.account_id).await?;
            let mode = link.terms().mode;
            has_credentials =
                account.and_then(|account| account.optional_credentials_at(attempt.gateway, mode).cloned());
        }
        (RefundBy::Outside { account_id: Some(account), .. }, Some(_)) => {
            from = store.account(account).await?.map(|account| (account.mode, account.currency));
        }
        (RefundBy::Outside { .. }, _) | (RefundBy::Gateway, None) => {}
    }
    let wish = RefundWish { has_credentials, from, ..wish };
    let decide = |link: &PaymentLink, at| link.request_refund(attempt, wish.clone(), at);
    let logged = |_: &PaymentLink, next: &PaymentLink| {
        let refund = next.attempt(attempt)?.refunds.last()?;
        let to = json!({ "amount": refund.amount, "method": refund.method.as_str() });
        let change = FieldChange { field: format!("/refunds/{}", refund.id), from: Value::Null, to };
        Some((AuditAction::Refunded, vec![change]))
    };
    match change_logged(store, now, link, "refund", None, decide, logged).await {
        Ok(Answer::New(link) | Answer::Repeated(link)) => {
            let refund =
                link.attempt(attempt).and_then(|attempt| attempt.refunds.last()).map(|refund| refund.id.clone());
            let refund = refund.ok_or(ChangeRefused::NoSuchLink)?;
            Ok(Answer::New(RefundOn { link, refund }))
        }
        Err(ChangeRefused::Refused { why: RefundRefused::Repeated(refund), .. }) => {
            let link = read_link(store, id).await?;
            Ok(Answer::Repeated(RefundOn { link, refund }))
        }
        Err(why) => Err(why),
    }
}

/// Writes what a person found out about a refund, and in the same transaction who did.
pub async fn resolve(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &RefundId,
    resolution: RefundResolution,
) -> Result<Answer<RefundOn>, ChangeRefused<ResolveRefundRefused>> {
    let link = id.link().ok_or(ChangeRefused::NoSuchLink)?;
    let link = read_link(store, &link).await?;
    let by = store.author().map(CreatedBy::from);
    let decide = |link: &PaymentLink, at| link.resolve_refund(id, resolution, by.as_ref(), at);
    let logged = |before: &PaymentLink, next: &PaymentLink| {
        let status = |link: &PaymentLink| link.refund(id).map(|(_, refund)| refund.state.name());
        let field = format!("/refunds/{id}/status");
        let changed = FieldChange { field, from: status(before).into(), to: status(next).into() };
        let outcome = FieldChange { field: "/outcome".to_owned(), from: Value::Null, to: resolution.as_str().into() };
        Some((AuditAction::Resolved, vec![outcome, changed]))
    };
    let changed = change_logged(store, now, link, "resolve a refund", asked.fingerprint(), decide, logged).await?;
    let on = |link| RefundOn { link, refund: id.clone() };
    Ok(match changed {
        Answer::New(link) => Answer::New(on(link)),
        Answer::Repeated(link) => Answer::Repeated(on(link)),
    })
}

//! Writing down money that came by other means than a gateway, and that such an entry turned out to be wrong.

use domain::audit::{AuditAction, FieldChange};
use domain::idempotency::{Repeat, RequestFingerprint};
use domain::ids::{AccountId, AttemptId, LinkId, ReceiptId, RefundId};
use domain::link::{
    AccountOfRecord, CreatedBy, PaymentLink, PaymentRecord, RecordPaymentRefused, Transition, VoidRefused, Voided,
};
use serde_json::{Value, json};
use store::{BusinessStore, Written};

use crate::Now;
use crate::contended::Tries;
use crate::idempotency::{Answer, Asked};
use crate::link_change::{ChangeRefused, Decision, change_logged, read_link};

/// Why money was not written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRecorded {
    Refused(RecordPaymentRefused),
    /// Money with the same reference was written down, or taken by a gateway, before.
    ReferenceUsedBefore(ReceiptId),
}

impl From<RecordPaymentRefused> for NotRecorded {
    fn from(why: RecordPaymentRefused) -> Self {
        Self::Refused(why)
    }
}

/// Writes down money that came by other means as the payment of a link, with its receipt and who wrote it down, at once or
/// not at all. `account` names the account that it came to, where one is named.
pub async fn payment(
    store: &BusinessStore,
    now: Now<'_>,
    id: &LinkId,
    record: PaymentRecord,
    account: Option<AccountId>,
) -> Result<Answer<PaymentLink>, ChangeRefused<NotRecorded>> {
    let link = read_link(store, id).await?;
    let account = match account {
        None => None,
        Some(id) => {
            let account = store.account(&id).await?;
            Some(account.map(|account| AccountOfRecord { id, mode: account.mode, currency: account.currency }))
        }
    };
    let record = PaymentRecord { account, ..record };
    let used = match record.reference.as_deref().filter(|_| !record.force) {
        Some(reference) => store.receipt_by_reference(reference, link.terms().mode).await?,
        None => None,
    };
    let decide = |link: &PaymentLink, at| {
        let decided = link.record_payment(record.clone(), at);
        match (&used, decided) {
            (Some(receipt), Ok(_)) => Err(NotRecorded::ReferenceUsedBefore(receipt.id.clone())),
            (_, decided) => decided.map_err(NotRecorded::from),
        }
    };
    let logged = |next: &PaymentLink| {
        let attempt = next.attempts().last()?;
        let to = json!({ "amount": attempt.money.minor_units(), "received_by": record.by.as_str() });
        let field = format!("/attempts/{}", attempt.id);
        Some((AuditAction::Recorded, vec![FieldChange { field, from: Value::Null, to }]))
    };
    // The request is remembered with what it wrote down, for as long as that is known.
    match write(store, now, link, "record a payment", None, decide, logged).await {
        Err(ChangeRefused::Refused { why: NotRecorded::Refused(RecordPaymentRefused::Repeated), .. }) => {
            Ok(Answer::Repeated(read_link(store, id).await?))
        }
        answered => answered,
    }
}

/// Writes that a payment which a person had written down never came.
pub async fn void_payment(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    (id, attempt): (&LinkId, &AttemptId),
    reason: Option<String>,
) -> Result<Answer<PaymentLink>, ChangeRefused<VoidRefused>> {
    let link = read_link(store, id).await?;
    let voided_by = store.author().map(CreatedBy::from);
    let decide = |link: &PaymentLink, at| {
        link.void_payment(attempt, Voided { at, reason: reason.clone(), voided_by: voided_by.clone() })
    };
    let logged = |_: &PaymentLink| Some(voided(format!("/attempts/{attempt}"), reason.as_deref()));
    write(store, now, link, "void a payment", asked.fingerprint(), decide, logged).await
}

/// Writes that a refund which was noted to have gone by other means did not. The next sweep writes that into the books.
pub async fn void_refund(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &RefundId,
    reason: Option<String>,
) -> Result<Answer<PaymentLink>, ChangeRefused<VoidRefused>> {
    let link = id.link().ok_or(ChangeRefused::NoSuchLink)?;
    let link = read_link(store, &link).await?;
    let by = store.author().map(CreatedBy::from);
    let decide = |link: &PaymentLink, at| link.void_refund(id, by.as_ref(), at);
    let logged = |_: &PaymentLink, _: &PaymentLink| Some(voided(format!("/refunds/{id}"), reason.as_deref()));
    change_logged(store, now, link, "void a refund", asked.fingerprint(), decide, logged).await
}

fn voided(field: String, reason: Option<&str>) -> Decision {
    let to = json!({ "voided": true, "reason": reason });
    (AuditAction::Voided, vec![FieldChange { field, from: Value::Null, to }])
}

/// Decides on the link as it was read and writes that with its receipts; on the link as it is then where somebody else was
/// faster.
async fn write<R>(
    store: &BusinessStore,
    now: Now<'_>,
    mut link: PaymentLink,
    action: &'static str,
    mark: Option<RequestFingerprint>,
    decide: impl Fn(&PaymentLink, domain::Timestamp) -> Result<Transition, R>,
    logged: impl Fn(&PaymentLink) -> Option<Decision>,
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
        let next = store.with_booking(next).await?;
        let next = Transition { link: next.link.remembering(mark.clone()), ..next };
        let (noted, changes) = logged(&next.link).unwrap_or((AuditAction::Written, Vec::new()));
        match store.write_recorded(&next, noted, changes).await? {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.link.id(), action, "A payment link was changed.");
                return Ok(Answer::New(next.link));
            }
            Written::Rejected(current) => link = *current,
        }
    }
}

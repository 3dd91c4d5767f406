//! Changing an active link. Its amount is not among what can be changed.

use domain::Problems;
use domain::ids::LinkId;
use domain::link::PaymentLink;
use domain::precondition::{Precondition, PreconditionFailed};
use domain::requests::amend::{AmendContext, Amendment, amend as amend_terms};
use store::BusinessStore;

use crate::Now;
use crate::idempotency::Answer;
use crate::link_change::{ChangeRefused, change, read_link};

/// Why a link stays as it is.
#[derive(Debug)]
pub enum AmendRefused {
    Invalid(Problems),
    PreconditionFailed(PreconditionFailed),
    /// Only an active link can be changed.
    NotActive,
}

/// Changes what the amendment names. `problems` carries what reading the request found. An amendment that comes twice
/// changes nothing the second time, so that it has no idempotency key. The precondition is about the link
/// alone, and not about its messages.
pub async fn amend(
    store: &BusinessStore,
    now: Now<'_>,
    id: &LinkId,
    precondition: &Precondition,
    amendment: &Amendment,
    problems: Problems,
) -> Result<PaymentLink, ChangeRefused<AmendRefused>> {
    let receipt_type = amendment.after_payment.receipt_type_id.as_ref().value().and_then(Option::as_ref);
    let configuration = store.configuration_with(receipt_type).await?;
    let link = read_link(store, id).await?;
    let item = match &link.terms().item {
        Some(item) => store.item(&item.id).await?.map(|(item, _)| item),
        None => None,
    };
    let context = AmendContext {
        item: item.as_ref(),
        receipt_types: &configuration.receipt_types,
        settings: &configuration.settings,
    };
    let amended = change(store, now, link, "amend", None, |link, at| {
        precondition.check(Some(&link.tag())).map_err(AmendRefused::PreconditionFailed)?;
        let terms = amend_terms(link.terms(), amendment.clone(), context, at, problems.clone());
        let next = link.amended(terms.map_err(AmendRefused::Invalid)?, at).ok_or(AmendRefused::NotActive)?;
        // Whatever else is changed, a reminder that waits goes on waiting.
        let dates = |link: &PaymentLink| {
            let terms = link.terms();
            (terms.expires_at, terms.due_at, terms.reminders.clone())
        };
        let is_moved = dates(&next) != dates(link);
        let next = if is_moved { next.reminding(&configuration.settings, false) } else { next };
        let size = next.check_growth(link);
        size.map_err(|rejection| AmendRefused::Invalid(Problems::of("/metadata", rejection)))?;
        Ok(next)
    });
    match amended.await? {
        Answer::New(link) | Answer::Repeated(link) => Ok(link),
    }
}

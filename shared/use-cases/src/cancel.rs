//! Cancelling an active link. While somebody is paying the caller is asked first.

use domain::ids::LinkId;
use domain::link::{CancelRefused, PaymentLink};
use store::BusinessStore;

use crate::Now;
use crate::idempotency::{Answer, Asked};
use crate::link_change::{ChangeRefused, change, read_link};

/// How a link is cancelled.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    /// Kept on the link for the business's own people.
    pub reason: Option<String>,
    /// Cancel although somebody may be paying; money that arrives goes back.
    pub force: bool,
}

pub async fn cancel(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &LinkId,
    cancellation: Cancellation,
) -> Result<Answer<PaymentLink>, ChangeRefused<CancelRefused>> {
    let Cancellation { reason, force } = cancellation;
    let link = read_link(store, id).await?;
    change(store, now, link, "cancel", asked.fingerprint(), |link, at| link.cancel(reason.clone(), force, at)).await
}

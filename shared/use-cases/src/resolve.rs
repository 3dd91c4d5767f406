//! What a person decides about an attempt under review.

use domain::ids::{AttemptId, LinkId};
use domain::link::{PaymentLink, Resolution, ResolveRefused};
use store::Store;

use crate::Now;
use crate::idempotency::{Answer, Asked};
use crate::link_change::{ChangeRefused, change, read_link};

pub async fn resolve(
    store: &Store,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &LinkId,
    attempt: &AttemptId,
    resolution: Resolution,
) -> Result<Answer<PaymentLink>, ChangeRefused<ResolveRefused>> {
    let link = read_link(store, id).await?;
    change(store, now, link, "resolve", asked.fingerprint(), |link, at| link.resolve(attempt, resolution, at)).await
}

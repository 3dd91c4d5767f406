//! Holding a link for a while, and going on with it before that is over.

use domain::ids::LinkId;
use domain::link::{Hold, HoldRefused, PaymentLink};
use store::BusinessStore;

use crate::Now;
use crate::idempotency::{Answer, Asked};
use crate::link_change::{ChangeRefused, change, read_link};

pub async fn place(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &LinkId,
    hold: Hold,
) -> Result<Answer<PaymentLink>, ChangeRefused<HoldRefused>> {
    let link = read_link(store, id).await?;
    let decide = |link: &PaymentLink, at| link.place_hold(Hold { placed_at: at, ..hold.clone() }, at);
    change(store, now, link, "hold", asked.fingerprint(), decide).await
}

pub async fn release(
    store: &BusinessStore,
    now: Now<'_>,
    asked: Asked<'_>,
    id: &LinkId,
) -> Result<Answer<PaymentLink>, ChangeRefused<HoldRefused>> {
    let link = read_link(store, id).await?;
    change(store, now, link, "release", asked.fingerprint(), PaymentLink::release_hold).await
}

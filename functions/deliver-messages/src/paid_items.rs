//! Ends the other links of an item once nothing is due of it any more, and keeps the record of what was paid for it short. A deposit
//! ends none of them.
//!
//! It goes with the event that tells of a payment, so that a run which dies before the event is recorded does it again; and with the
//! event that tells of a new link, because the index in which links of an item are found may not have shown that one yet. A link
//! that somebody is paying at this moment stays: its payment finds no room, and whoever opens it reads that it is paid.

use domain::events::EventType;
use domain::link::PaymentLink;
use domain::records::item_payments::ItemPayments;
use store::{BusinessStore, MAX_CONTENDED_TRIES, StoreError, Written};

use crate::App;

/// At most this many links of an item are looked at. An item with more of them that can be paid is no invoice.
const MOST_LINKS: usize = 100;

/// Ends what has nothing left to pay, because of this event of a link.
pub(crate) async fn end_what_is_paid(
    app: &App,
    store: &BusinessStore,
    link: &PaymentLink,
    kind: EventType,
) -> Result<(), StoreError> {
    let is_asked = matches!(kind, EventType::LinkPaid | EventType::LinkPartPaid | EventType::LinkCreated);
    let Some(item) = link.terms().item.as_ref().filter(|item| is_asked && item.guard.is_some()) else { return Ok(()) };
    let now = app.clock.now();
    let paid = store.paid_for(link, &item.id).await?;
    if kind == EventType::LinkCreated {
        return end(app, store, link.clone(), &paid).await;
    }
    store.fold_item_payments(link, &item.id, &paid).await?;
    let others = store.open_links_of_item(&item.id, Some(link.terms().mode), MOST_LINKS, now).await?;
    for other in others.into_iter().filter(|other| other.id() != link.id()) {
        end(app, store, other, &paid).await?;
    }
    Ok(())
}

/// Ends a link if its item has no room for it, unless somebody is paying.
async fn end(app: &App, store: &BusinessStore, mut link: PaymentLink, paid: &ItemPayments) -> Result<(), StoreError> {
    for _ in 0..MAX_CONTENDED_TRIES {
        let Some(next) = link.end_as_item_paid(paid, app.clock.now()) else { return Ok(()) };
        match store.replace_link(&next).await? {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.id(), trace_id = next.trace_id(), "A link ended because its item is paid.");
                return Ok(());
            }
            Written::Rejected(current) => link = *current,
        }
    }
    Ok(())
}

//! A customer asked for a new link on the page of one that is over. Where the business wants that answered at once, the wish is
//! written down as work of run-batches before the CRM is told of it: no other function may read contacts and make links
//! without a call.

use domain::events::EventType;
use domain::link::PaymentLink;
use store::{BusinessStore, StoreError};

/// Writes down what follows from this event of a link.
pub(crate) async fn pass_on(store: &BusinessStore, link: &PaymentLink, kind: EventType) -> Result<(), StoreError> {
    let Some(wish) = link.renewal().filter(|_| kind == EventType::RenewalRequested) else { return Ok(()) };
    if store.configuration().await?.settings.renew_links_on_request {
        store.put_renewal(&wish).await?;
    }
    Ok(())
}

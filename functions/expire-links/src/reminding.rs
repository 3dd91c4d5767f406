//! What beside a link stands against reminding of it. Whether it is time, and what on the link itself stands against it, the
//! domain decides.

use domain::link::{NotReminded, PaymentLink};
use futures_util::future::try_join;
use store::{Configuration, Store, StoreError};

/// Reads what may stand against a reminder that is due.
pub(crate) async fn why_not(
    store: &Store,
    configuration: &Configuration,
    link: &PaymentLink,
) -> Result<Option<NotReminded>, StoreError> {
    if configuration.is_suspended() {
        return Ok(Some(NotReminded::Suspended));
    }
    let store = store.of(link.business());
    let contact = store.contact(&link.terms().contact.id);
    let is_item_paid = async {
        let guarded = link.terms().item.as_ref().and_then(|item| Some((&item.id, item.guard?)));
        let Some((item, guard)) = guarded.filter(|(_, guard)| guard.most.is_some()) else { return Ok(false) };
        Ok(guard.room(&store.paid_for(link, item).await?) == Some(0))
    };
    let (contact, is_item_paid) = try_join(contact, is_item_paid).await?;
    Ok(if is_item_paid {
        Some(NotReminded::ItemPaid)
    } else {
        contact.filter(|contact| contact.no_reminders).map(|_| NotReminded::NotWanted)
    })
}

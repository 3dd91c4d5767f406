//! What beside a link stands against reminding of it. Whether it is time, and what on the link itself stands against it, the
//! domain decides.

use std::sync::Arc;

use domain::Timestamp;
use domain::link::{NotReminded, PaymentLink, ReminderRules};
use futures_util::future::try_join;
use store::{Configuration, Store, StoreError};

/// What a reminder that is due is decided by.
#[derive(Debug)]
pub(crate) struct Reminding {
    configuration: Arc<Configuration>,
    why_not: Option<NotReminded>,
    room: Option<i64>,
}

impl Reminding {
    /// `None` where no reminder is due.
    pub(crate) async fn read(store: &Store, link: &PaymentLink, now: Timestamp) -> Result<Option<Self>, StoreError> {
        if link.reminder_due_at().is_none_or(|due_at| due_at > now) {
            return Ok(None);
        }
        let store = store.of(link.business());
        let configuration = store.configuration().await?;
        let contact = store.contact(&link.terms().contact.id);
        let room = async {
            let guarded = link.terms().item.as_ref().and_then(|item| Some((&item.id, item.guard?)));
            let Some((item, guard)) = guarded.filter(|(_, guard)| guard.most.is_some()) else { return Ok(None) };
            Ok(guard.room(&store.paid_for(link, item).await?))
        };
        let (contact, room) = try_join(contact, room).await?;
        let why_not = if configuration.is_suspended() {
            Some(NotReminded::Suspended)
        } else if room == Some(0) {
            Some(NotReminded::ItemPaid)
        } else {
            contact.filter(|contact| contact.no_reminders).map(|_| NotReminded::NotWanted)
        };
        Ok(Some(Self { configuration, why_not, room }))
    }

    pub(crate) fn rules(&self) -> ReminderRules<'_> {
        ReminderRules { settings: &self.configuration.settings, why_not: self.why_not, room: self.room }
    }
}

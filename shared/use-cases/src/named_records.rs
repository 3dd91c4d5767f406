//! The records that a request for a link names, as they are once its link is made.

use domain::Problems;
use domain::gateway::GatewayRulebook;
use domain::ids::LinkId;
use domain::records::item::Item;
use domain::requests::create::{CreateContext, Request};
use futures_util::future::try_join;
use store::{BusinessStore, ChangedRecord, ChangedRecords, Configuration, CreateRecords, PaymentsOfItem, StoreError};

/// What the table holds, with what the request brings along laid over it.
#[derive(Debug)]
pub(crate) struct NamedRecords {
    pub(crate) records: CreateRecords,
    /// What was paid for the item, where that has an amount.
    pub(crate) item_payments: PaymentsOfItem,
    /// Those of the records that the request changes. What it does not change is not written.
    pub(crate) changed: ChangedRecords,
}

impl NamedRecords {
    /// Reads everything the request names in one round trip; in two where the contact has to be found through the item, or that
    /// has an amount, of which some may be paid.
    /// `link` is the one that the same request may have made before; a draft makes none.
    pub(crate) async fn read(
        store: &BusinessStore,
        link: Option<&LinkId>,
        request: &Request,
        problems: &mut Problems,
    ) -> Result<Self, StoreError> {
        let account = request.account_id.as_ref().value();
        let contact_id = request.contact_id.as_ref().value();
        let item_id = request.item_id.as_ref().value();
        let mut records = store.records_for_create(link, account, contact_id, item_id).await?;
        let mut changed = ChangedRecords::default();
        if let (Some(id), Some(change)) = (item_id, &request.item) {
            let item = change.clone().apply(id.clone(), records.item.as_ref(), "/item", problems);
            let is_known = |item: &Item| records.item.as_ref().is_some_and(|known| change.is_known(item, known));
            if let Some(item) = item.filter(|item| !is_known(item)) {
                let (known, revision) = (records.item.replace(item.clone()), records.item_revision.clone());
                changed.item = Some(ChangedRecord { next: item, known, revision });
            }
        }
        let item = records.item.as_ref();
        let (of_item, paid) = (item.filter(|_| contact_id.is_none()), item.filter(|item| item.has_an_amount()));
        let contact = async {
            match of_item {
                Some(item) => store.contact(&item.contact_id).await,
                None => Ok(None),
            }
        };
        let item_payments = async {
            match paid {
                Some(item) => store.item_payments(&item.id).await,
                None => Ok(PaymentsOfItem::new()),
            }
        };
        let (contact, item_payments) = try_join(contact, item_payments).await?;
        records.contact = contact.or(records.contact);
        if let (Some(id), Some(change)) = (contact_id, &request.contact) {
            let contact = change.clone().apply(id.clone(), records.contact.as_ref(), "/contact", problems);
            if let Some(contact) = contact.filter(|contact| records.contact.as_ref() != Some(contact)) {
                let (known, revision) = (records.contact.replace(contact.clone()), records.contact_revision.clone());
                changed.contact = Some(ChangedRecord { next: contact, known, revision });
            }
        }
        Ok(Self { records, item_payments, changed })
    }

    /// What the domain decides on.
    pub(crate) fn context<'a>(
        &'a self,
        configuration: &'a Configuration,
        gateways: &'a GatewayRulebook,
    ) -> CreateContext<'a> {
        CreateContext {
            account: self.records.account.as_ref(),
            contact: self.records.contact.as_ref(),
            item: self.records.item.as_ref(),
            item_payments: &self.item_payments,
            receipt_types: &configuration.receipt_types,
            templates: &configuration.templates,
            settings: &configuration.settings,
            providers: &configuration.providers,
            gateways,
            is_suspended: configuration.is_suspended(),
        }
    }
}

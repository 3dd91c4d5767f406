//! Receipts: written once, with the payment that they stand for, and never changed. gateway-webhook and expire-links
//! write them, and crm-api reads them.

use domain::ids::ReceiptId;
use domain::link::{PaymentLink, Receipt};

use crate::BusinessStore;
use crate::cursor::Cursor;
use crate::error::StoreError;
use crate::facts;
use crate::item::{Item, from_item, text, to_item};
use crate::keys::{self, BY_CONTACT, BY_ITEM, BY_STATE, FACTS, LISTED_AT};
use crate::lists::{Page, ReceiptList, page_of_few};

/// A receipt's item with its places in the lists of its contact, of its item and of its month.
pub(crate) fn receipt_item(link: &PaymentLink, receipt: &Receipt) -> Result<Item, StoreError> {
    let business = link.business();
    let mut item = to_item(keys::receipt(business, &receipt.id), receipt)?;
    item.insert(BY_CONTACT.to_owned(), text(keys::receipts_of(business, receipt.contact_id.as_str())));
    if let Some(item_id) = &receipt.item_id {
        item.insert(BY_ITEM.to_owned(), text(keys::receipts_of(business, item_id.as_str())));
    }
    let month = keys::month_of(receipt.registered_at);
    item.insert(BY_STATE.to_owned(), text(keys::receipts_of_month(business, &month, link.shard())));
    item.insert(FACTS.to_owned(), text(facts::of_receipt(&receipt.facts())));
    item.insert(LISTED_AT.to_owned(), text(keys::listed_at(receipt.registered_at, receipt.id.as_str())));
    Ok(item)
}

impl BusinessStore {
    pub async fn receipt(&self, id: &ReceiptId) -> Result<Option<Receipt>, StoreError> {
        self.store.read("read a receipt", keys::receipt(&self.business, id)).await
    }

    /// Those of a few receipts that are wanted, a page at a time. One that is not there is left out.
    pub async fn list_receipts_of(
        &self,
        ids: &[ReceiptId],
        list: &ReceiptList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<Receipt>, StoreError> {
        const READ: &str = "read the receipts of a link";
        let found =
            self.store.batch_get(READ, ids.iter().map(|id| keys::receipt(&self.business, id)).collect()).await?;
        let found: Vec<Receipt> = found.into_iter().map(|item| from_item(READ, item)).collect::<Result<_, _>>()?;
        let place = |receipt: &Receipt| keys::listed_at(receipt.registered_at, receipt.id.as_str());
        let wanted = found.into_iter().filter(|receipt| list.filter.matches(receipt));
        let found = wanted.map(|receipt| (place(&receipt), receipt)).collect();
        Ok(page_of_few(found, list.order, limit, after))
    }
}

//! Receipts: written once, with the payment that they stand for, and never changed. gateway-webhook and expire-links
//! write them, and crm-api reads them.

use domain::ids::ReceiptId;
use domain::link::Receipt;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, text, to_item};
use crate::keys::{self, BY_CONTACT, BY_ITEM, LISTED_AT};

/// A receipt's item with its places in the lists of its contact and of its item.
pub(crate) fn receipt_item(receipt: &Receipt) -> Result<Item, StoreError> {
    let mut item = to_item(keys::receipt(&receipt.id), receipt)?;
    item.insert(BY_CONTACT.to_owned(), text(keys::receipts_of(receipt.contact_id.as_str())));
    if let Some(item_id) = &receipt.item_id {
        item.insert(BY_ITEM.to_owned(), text(keys::receipts_of(item_id.as_str())));
    }
    item.insert(LISTED_AT.to_owned(), text(keys::listed_at(receipt.registered_at, receipt.id.as_str())));
    Ok(item)
}

impl Store {
    pub async fn receipt(&self, id: &ReceiptId) -> Result<Option<Receipt>, StoreError> {
        self.read("read a receipt", keys::receipt(id)).await
    }
}

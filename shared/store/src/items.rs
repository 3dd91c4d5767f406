//! Documents of the CRM that links are paid for, such as invoices, with the receipts attached to their fields. crm-api
//! writes items, and create-link where a request brings one along; a confirmation attaches receipts.

use std::collections::BTreeMap;

use domain::ids::{BusinessId, FieldKey, ItemId, ReceiptId};
use domain::records::item::Item as CrmItem;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::{Item, from_item, text, text_of};
use crate::keys::{self, ATTACHMENT_PREFIX, BY_STATE, ITEM_SK, LISTED_AT, SK};
use crate::revision::to_marked_item;
use crate::table::Deleted;

/// The receipts under each receipt field of an item.
pub type AttachedReceipts = BTreeMap<FieldKey, Vec<ReceiptId>>;

/// The item of a document of the CRM, with its mark and its place in the list of all.
pub(crate) fn crm_item(business: &BusinessId, record: &CrmItem) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::item(business, &record.id), record)?;
    item.insert(BY_STATE.to_owned(), text(keys::items_of(business)));
    item.insert(LISTED_AT.to_owned(), text(record.id.as_str()));
    Ok(item)
}

impl BusinessStore {
    /// An item with the receipts attached to its fields, from one query.
    pub async fn item(&self, id: &ItemId) -> Result<Option<(CrmItem, AttachedReceipts)>, StoreError> {
        const READ: &str = "read an item";
        let mut found = None;
        let mut receipts = AttachedReceipts::new();
        for item in self.store.query_partition(READ, &keys::item(&self.business, id).pk).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            if sk == ITEM_SK {
                found = Some(from_item(READ, item)?);
            } else if let Some((field, receipt)) = sk.strip_prefix(ATTACHMENT_PREFIX).and_then(|sk| sk.split_once('#'))
            {
                let field = FieldKey::parse(field).map_err(|error| StoreError::unreadable(READ, error))?;
                let receipt = ReceiptId::parse(receipt).map_err(|error| StoreError::unreadable(READ, error))?;
                receipts.entry(field).or_default().push(receipt);
            }
        }
        Ok(found.map(|item| (item, receipts)))
    }

    /// Writes an item. Receipts attached to it are items of their own and stay.
    pub async fn put_item(&self, item: &CrmItem) -> Result<(), StoreError> {
        self.store.put("write an item", crm_item(&self.business, item)?).await
    }

    /// Deletes an item. The receipts attached to it stay what they are, and are listed by its id as before.
    pub async fn delete_item(&self, id: &ItemId) -> Result<Deleted, StoreError> {
        self.store.delete("delete an item", keys::item(&self.business, id)).await
    }
}

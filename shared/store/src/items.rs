//! Documents of the CRM that links are paid for, such as invoices, with the receipts attached to their fields. crm-api
//! writes items, and create-link where a request brings one along; a confirmation attaches receipts.

use std::collections::BTreeMap;

use domain::gateway::Mode;
use domain::ids::{BusinessId, FieldKey, ItemId, ReceiptId};
use domain::money::Currency;
use domain::records::item::Item as CrmItem;

use crate::BusinessStore;
use crate::confirmation::AttachmentRecord;
use crate::error::StoreError;
use crate::item::{Item, from_item, text, text_of};
use crate::keys::{self, ATTACHMENT_PREFIX, BY_STATE, FOUND_BY, ITEM_SK, LISTED_AT, SK};
use crate::revision::{Revision, RevisionWritten, to_marked_item};
use crate::search::Beside;
use crate::table::RecordWritten;

/// The receipts under each receipt field of an item.
pub type AttachedReceipts = BTreeMap<FieldKey, FieldReceipts>;

/// The receipts under one receipt field of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldReceipts {
    /// Of payments and of what went back.
    pub ids: Vec<ReceiptId>,
    /// What is there of each mode and currency, in minor units: less what went back.
    pub received: Vec<(Mode, Currency, i64)>,
}

impl FieldReceipts {
    fn add(&mut self, id: ReceiptId, record: &AttachmentRecord) {
        self.ids.push(id);
        let is_its =
            |(mode, currency, _): &&mut (Mode, Currency, i64)| (*mode, *currency) == (record.mode, record.currency);
        match self.received.iter_mut().find(is_its) {
            Some((_, _, sum)) => *sum = sum.saturating_add(record.adds),
            None => self.received.push((record.mode, record.currency, record.adds)),
        }
    }
}

/// An item as it was read, with everything in its partition.
#[derive(Clone, Debug, Default)]
pub struct WholeItem {
    pub item: Option<CrmItem>,
    /// What a change of the item is written over.
    pub revision: Revision,
    pub receipts: AttachedReceipts,
}

/// The item of a document of the CRM, with its mark, its place in the list of all, and the rows that it is found by.
pub(crate) fn crm_item(business: &BusinessId, record: &CrmItem, beside: &Beside) -> Result<Item, StoreError> {
    let mut item = to_marked_item(keys::item(business, &record.id), record)?;
    item.insert(BY_STATE.to_owned(), text(keys::items_of(business)));
    item.insert(LISTED_AT.to_owned(), text(record.id.as_str()));
    item.insert(FOUND_BY.to_owned(), beside.kept());
    Ok(item)
}

impl BusinessStore {
    /// An item with the receipts attached to its fields, from one query.
    pub async fn item(&self, id: &ItemId) -> Result<Option<(CrmItem, AttachedReceipts)>, StoreError> {
        let WholeItem { item, revision: _, receipts } = self.whole_item(id).await?;
        Ok(item.map(|item| (item, receipts)))
    }

    /// The same with what to write a change of the item over. Receipts are found also where there is no item any more.
    pub async fn whole_item(&self, id: &ItemId) -> Result<WholeItem, StoreError> {
        const READ: &str = "read an item";
        let mut whole = WholeItem::default();
        for item in self.store.query_partition(READ, &keys::item(&self.business, id).pk).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            if sk == ITEM_SK {
                whole.revision = Revision::of(Some(&item));
                whole.item = Some(from_item(READ, item)?);
            } else if let Some((field, receipt)) = sk.strip_prefix(ATTACHMENT_PREFIX).and_then(|sk| sk.split_once('#'))
            {
                let field = FieldKey::parse(field).map_err(|error| StoreError::unreadable(READ, error))?;
                let receipt = ReceiptId::parse(receipt).map_err(|error| StoreError::unreadable(READ, error))?;
                let record: AttachmentRecord = from_item(READ, item)?;
                whole.receipts.entry(field).or_default().add(receipt, &record);
            }
        }
        Ok(whole)
    }

    /// An item alone and what to write a change of it over.
    pub async fn item_to_change(&self, id: &ItemId) -> Result<(Option<CrmItem>, Revision), StoreError> {
        self.store.record_to_change("read an item to change it", keys::item(&self.business, id)).await
    }

    /// Writes an item over the revision that was read, at which it was `known`. Receipts attached to it are items of their
    /// own and stay.
    pub async fn write_item(
        &self,
        next: &CrmItem,
        known: Option<&CrmItem>,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let beside = self.rows_beside_item(known, next, revision)?;
        let item = crm_item(&self.business, next, &beside)?;
        self.store.put_over("write an item", item, revision, beside.writes).await
    }

    /// Deletes an item at the revision that was read. The receipts attached to it stay what they are, and are listed by its
    /// id as before.
    pub async fn remove_item(&self, known: &CrmItem, revision: &Revision) -> Result<RecordWritten, StoreError> {
        let beside = self.rows_gone(revision, known.id.as_str())?;
        self.store.delete_over("delete an item", keys::item(&self.business, &known.id), revision, beside).await
    }
}

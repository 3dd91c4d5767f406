//! The business's types of receipts. crm-api writes and lists them; create-link reads them with the configuration.

use domain::ids::ReceiptTypeId;
use domain::records::receipt_type::ReceiptType;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::keys;
use crate::revision::{Revision, RevisionWritten, to_marked_item};
use crate::table::RecordWritten;

impl BusinessStore {
    /// A receipt type and what to write a change of it over.
    pub async fn receipt_type_to_change(
        &self,
        id: &ReceiptTypeId,
    ) -> Result<(Option<ReceiptType>, Revision), StoreError> {
        self.store.record_to_change("read a receipt type to change it", keys::receipt_type(&self.business, id)).await
    }

    /// Writes a receipt type over the revision that was read.
    pub async fn put_receipt_type(
        &self,
        receipt_type: &ReceiptType,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let item = to_marked_item(keys::receipt_type(&self.business, &receipt_type.id), receipt_type)?;
        self.store.put_over("write a receipt type", item, revision, Vec::new()).await
    }

    /// Deletes a receipt type at the revision that was read.
    pub async fn delete_receipt_type(
        &self,
        id: &ReceiptTypeId,
        revision: &Revision,
    ) -> Result<RecordWritten, StoreError> {
        let at = keys::receipt_type(&self.business, id);
        self.store.delete_over("delete a receipt type", at, revision, Vec::new()).await
    }
}

//! The business's types of receipts. crm-api writes and lists them; create-link reads them with the configuration.

use domain::ids::ReceiptTypeId;
use domain::records::receipt_type::ReceiptType;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;
use crate::table::Deleted;

impl BusinessStore {
    pub async fn put_receipt_type(&self, receipt_type: &ReceiptType) -> Result<(), StoreError> {
        self.store
            .put("write a receipt type", to_item(keys::receipt_type(&self.business, &receipt_type.id), receipt_type)?)
            .await
    }

    pub async fn receipt_type(&self, id: &ReceiptTypeId) -> Result<Option<ReceiptType>, StoreError> {
        self.store.read("read a receipt type", keys::receipt_type(&self.business, id)).await
    }

    pub async fn delete_receipt_type(&self, id: &ReceiptTypeId) -> Result<Deleted, StoreError> {
        self.store.delete("delete a receipt type", keys::receipt_type(&self.business, id)).await
    }
}

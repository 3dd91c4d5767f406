//! Receipts: written once, with the payment that they stand for, and never changed. crm-api reads them.

use domain::ids::ReceiptId;
use domain::link::Receipt;

use crate::Store;
use crate::error::StoreError;
use crate::item::{from_item, key};
use crate::keys;

impl Store {
    pub async fn receipt(&self, id: &ReceiptId) -> Result<Option<Receipt>, StoreError> {
        const READ: &str = "read a receipt";
        let item = self.get(READ, key(keys::receipt(id))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }
}

//! The CRM's document that a link is for: an invoice, a form, a contract.

use serde::{Deserialize, Serialize};

use crate::ids::{ContactId, FieldKey, ItemId};
use crate::money::Money;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: ItemId,
    pub kind: String,
    pub title: String,
    pub contact_id: ContactId,
    /// Financial items have an amount, forms may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The fields of kind receipt that the business added to this item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipt_fields: Vec<ReceiptField>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptField {
    pub key: FieldKey,
    pub label: String,
}

impl Item {
    pub fn has_receipt_field(&self, key: &FieldKey) -> bool {
        self.receipt_fields.iter().any(|field| field.key == *key)
    }
}

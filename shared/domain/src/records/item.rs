//! The CRM's document that a link is for: an invoice, a form, a contract.

use serde::{Deserialize, Serialize};

use crate::ids::{ContactId, FieldKey, ItemId};
use crate::money::Money;
use crate::problem::{Field, Problems};

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

/// What a caller says about an item. What is left out stays as it is known, and so do the receipts attached to it, which
/// are nobody's to give.
#[derive(Clone, Debug, Default)]
pub struct ItemChange {
    pub kind: Field<String>,
    pub title: Field<String>,
    pub contact_id: Field<ContactId>,
    pub amount: Field<Money>,
    pub url: Field<String>,
    pub receipt_fields: Field<Vec<ReceiptField>>,
}

impl ItemChange {
    /// The item afterwards; one that is not known yet needs a kind, a title and a contact. `at` is where the fields stand in
    /// the body. Nothing comes of it where a field is refused.
    pub fn apply(self, id: ItemId, known: Option<&Item>, at: &str, problems: &mut Problems) -> Option<Item> {
        let kind = self.kind.or_kept(known.map(|known| known.kind.clone())).require(format!("{at}/kind"), problems);
        let title = self.title.or_kept(known.map(|known| known.title.clone()));
        let title = title.require(format!("{at}/title"), problems);
        let contact_id = self.contact_id.or_kept(known.map(|known| known.contact_id.clone()));
        let contact_id = contact_id.require(format!("{at}/contact_id"), problems);
        let amount = self.amount.or_kept(known.and_then(|known| known.amount));
        let url = self.url.or_kept(known.and_then(|known| known.url.clone()));
        let receipt_fields = self.receipt_fields.or_kept(known.map(|known| known.receipt_fields.clone()));
        Some(Item {
            id,
            kind: kind?,
            title: title?,
            contact_id: contact_id?,
            amount: amount.optional()?,
            url: url.optional()?,
            receipt_fields: receipt_fields.optional()?.unwrap_or_default(),
        })
    }
}

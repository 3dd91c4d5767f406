//! Receipts: the records that money arrived.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gateway::{GatewayKind, Mode, Payment};
use crate::ids::{AccountId, AttemptId, ContactId, FieldKey, ItemId, LinkId, ReceiptId, ReceiptTypeId};
use crate::link::PaymentLink;
use crate::money::Money;

/// A type of receipt that the business defined. A type with a parent is a sub-type of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptType {
    pub id: ReceiptTypeId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ReceiptTypeId>,
}

/// The record that the money of one attempt arrived. It is written once and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub id: ReceiptId,
    pub link_id: LinkId,
    pub attempt_id: AttemptId,
    pub mode: Mode,
    pub account_id: AccountId,
    pub contact_id: ContactId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached_to: Option<Attachment>,
    /// The item the link was made on, whether or not the receipt is attached to one of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_type_id: Option<ReceiptTypeId>,
    #[serde(flatten)]
    pub money: Money,
    pub gateway: GatewayKind,
    pub gateway_reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_card: Option<String>,
    /// When we learned that the money is ours. Gateways tell their own instant without a zone, or not at all.
    pub paid_at: Timestamp,
}

/// The field of an item that a receipt shows under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub item_id: ItemId,
    pub field: FieldKey,
}

impl Receipt {
    /// The receipt of a kept payment, or none where the link asked for none.
    pub(crate) fn of(
        link: &PaymentLink,
        attempt: &AttemptId,
        gateway: GatewayKind,
        payment: &Payment,
        now: Timestamp,
    ) -> Option<Self> {
        let terms = link.terms();
        if !terms.after_payment.register_receipt {
            return None;
        }
        let item_id = terms.item.as_ref().map(|item| item.id.clone());
        let attached_to = match (&item_id, &terms.after_payment.receipt_field) {
            (Some(item_id), Some(field)) => Some(Attachment { item_id: item_id.clone(), field: field.clone() }),
            (None | Some(_), None) | (None, Some(_)) => None,
        };
        Some(Self {
            id: ReceiptId::of(attempt),
            link_id: link.id().clone(),
            attempt_id: attempt.clone(),
            mode: terms.mode,
            account_id: terms.account.id.clone(),
            contact_id: terms.contact.id.clone(),
            attached_to,
            item_id,
            receipt_type_id: terms.after_payment.receipt_type_id.clone(),
            money: payment.money,
            gateway,
            gateway_reference: payment.reference.clone(),
            masked_card: payment.masked_card.clone(),
            paid_at: now,
        })
    }
}

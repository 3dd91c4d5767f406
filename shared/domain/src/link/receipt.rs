//! Receipts: the records that money arrived.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gateway::{Fee, GatewayKind, Mode};
use crate::ids::{AccountId, AttemptId, ContactId, FieldKey, ItemId, LinkId, ReceiptId, ReceiptTypeId};
use crate::money::Money;

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Fee>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// When the customer paid, by the gateway's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_paid_at: Option<Timestamp>,
    /// When we learned that the money is ours. Gateways tell their own instant without a zone, or not at all.
    pub paid_at: Timestamp,
    /// When it was written, which is later where a person had to accept the money first.
    pub registered_at: Timestamp,
}

/// The field of an item that a receipt shows under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub item_id: ItemId,
    pub field: FieldKey,
}

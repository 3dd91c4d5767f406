//! Receipts: the records that money arrived, and that it went back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::recorded::ReceivedBy;
use super::refund::{Refund, RefundBy};
use crate::gateway::{Fee, GatewayKind, Mode};
use crate::ids::{AccountId, AttemptId, ContactId, FieldKey, ItemId, LinkId, ReceiptId, ReceiptTypeId, RefundId};
use crate::money::Money;
use crate::problem::{Rejection, parse_word};

/// The record that the money of one attempt arrived, that all or a part of it went back, or that such a record is void. It is
/// written once. Nothing of it changes but how much of the money went back, and that it is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub id: ReceiptId,
    #[serde(flatten)]
    pub kind: ReceiptKind,
    /// How much of the money went back, in minor units.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub refunded: i64,
    /// Since when it is void: what it records did not happen, or did not last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided_at: Option<Timestamp>,
    /// By which means the money came, where a person wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_by: Option<ReceivedBy>,
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
    /// When books have it, where they were closed for its own time before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_later: Option<Timestamp>,
}

/// What a receipt records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReceiptKind {
    /// Money arrived.
    Payment,
    /// Money of that receipt went back by that refund.
    Refund {
        refund_id: RefundId,
        corrects: ReceiptId,
        /// It went by other means than the payment's gateway.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_outside: bool,
    },
    /// The money of that receipt never came.
    PaymentVoid { voids: ReceiptId },
    /// The refund of that receipt did not last, or was written down by mistake: the money is still there.
    RefundVoid {
        voids: ReceiptId,
        refund_id: RefundId,
        corrects: ReceiptId,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_outside: bool,
    },
}

/// A receipt's kind without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKindName {
    Payment,
    Refund,
    PaymentVoid,
    RefundVoid,
}

impl ReceiptKindName {
    pub const ALL: [Self; 4] = [Self::Payment, Self::Refund, Self::PaymentVoid, Self::RefundVoid];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::PaymentVoid => "payment_void",
            Self::RefundVoid => "refund_void",
        }
    }

    /// Whether its amount is more in the books, or less.
    pub fn adds(self) -> bool {
        match self {
            Self::Payment | Self::RefundVoid => true,
            Self::Refund | Self::PaymentVoid => false,
        }
    }
}

impl ReceiptKind {
    pub fn name(&self) -> ReceiptKindName {
        match self {
            Self::Payment => ReceiptKindName::Payment,
            Self::Refund { .. } => ReceiptKindName::Refund,
            Self::PaymentVoid { .. } => ReceiptKindName::PaymentVoid,
            Self::RefundVoid { .. } => ReceiptKindName::RefundVoid,
        }
    }

    /// The word in the API.
    pub fn as_str(&self) -> &'static str {
        self.name().as_str()
    }
}

/// What is written beside a link whose kept money went back, or where a receipt turned out to be wrong: the record of that, and
/// the receipt of the payment, which says how much of it went back, and whether it is void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    pub receipt: Receipt,
    pub corrected: Receipt,
    /// The receipt of a refund that is void since.
    pub voided: Option<Receipt>,
}

impl Correction {
    /// That the receipt of a payment is void, which says so itself.
    pub(super) fn of_void(corrected: Receipt) -> Option<Self> {
        Some(Self { receipt: corrected.its_void()?, corrected, voided: None })
    }

    /// That the receipt of a refund is void, which says so itself. `corrected` is that of the payment.
    pub(super) fn of_void_refund(voided: Receipt, corrected: Receipt) -> Option<Self> {
        Some(Self { receipt: voided.its_void()?, corrected, voided: Some(voided) })
    }
}

impl Receipt {
    /// The record that money of this receipt went back, as was known at this instant. It stands wherever this one does.
    pub(super) fn correction(&self, refund: &Refund, at: Timestamp) -> Self {
        let went_at = match &refund.method {
            RefundBy::Gateway => None,
            RefundBy::Outside { refunded_at, .. } => Some(*refunded_at),
        };
        let account_id = match &refund.method {
            RefundBy::Outside { account_id: Some(account), .. } => account.clone(),
            RefundBy::Gateway | RefundBy::Outside { account_id: None, .. } => self.account_id.clone(),
        };
        Self {
            id: ReceiptId::of_refund(&refund.id),
            kind: ReceiptKind::Refund {
                refund_id: refund.id.clone(),
                corrects: self.id.clone(),
                is_outside: refund.method != RefundBy::Gateway,
            },
            refunded: 0,
            voided_at: refund.undone_at(),
            account_id,
            money: self.money.part(refund.amount),
            gateway_reference: refund.reference().unwrap_or(&self.gateway_reference).to_owned(),
            masked_card: None,
            fee: None,
            terminal: None,
            gateway_paid_at: went_at,
            paid_at: at,
            registered_at: at,
            booked_later: refund.booked_later,
            ..self.clone()
        }
    }
}

impl Receipt {
    /// The record that this receipt is void, where it is. It stands wherever this one does.
    pub(super) fn its_void(&self) -> Option<Self> {
        let (at, voids) = (self.voided_at?, self.id.clone());
        let kind = match self.kind.clone() {
            ReceiptKind::Payment => ReceiptKind::PaymentVoid { voids },
            ReceiptKind::Refund { refund_id, corrects, is_outside } => {
                ReceiptKind::RefundVoid { voids, refund_id, corrects, is_outside }
            }
            ReceiptKind::PaymentVoid { .. } | ReceiptKind::RefundVoid { .. } => return None,
        };
        Some(Self {
            id: self.id.of_void(),
            kind,
            refunded: 0,
            voided_at: None,
            masked_card: None,
            fee: None,
            terminal: None,
            gateway_paid_at: None,
            paid_at: at,
            registered_at: at,
            booked_later: None,
            ..self.clone()
        })
    }

    /// The gateway that took the money or sent it back. `None` where it came or went by other means.
    pub fn by_gateway(&self) -> Option<GatewayKind> {
        let is_outside = match &self.kind {
            ReceiptKind::Payment | ReceiptKind::PaymentVoid { .. } => false,
            ReceiptKind::Refund { is_outside, .. } | ReceiptKind::RefundVoid { is_outside, .. } => *is_outside,
        };
        (!is_outside && self.received_by.is_none()).then_some(self.gateway)
    }
}

fn is_nothing(amount: &i64) -> bool {
    *amount == 0
}

/// The field of an item that a receipt shows under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub item_id: ItemId,
    pub field: FieldKey,
}

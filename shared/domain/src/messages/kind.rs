//! What messages are about.

use serde::{Deserialize, Serialize};

use crate::problem::{Rejection, parse_word};

/// What a message template is about. The guide's "system message for the intermediary gateway" is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Somebody is asked to pay.
    #[default]
    LinkCreated,
    /// Somebody who was asked to pay is reminded of it.
    PaymentReminder,
    /// The same once the money is overdue.
    PaymentOverdue,
    /// Money came for the link, and is kept.
    PaymentReceived,
    /// Money went back to the payer.
    RefundSucceeded,
}

impl MessageKind {
    pub const ALL: [Self; 5] =
        [Self::LinkCreated, Self::PaymentReminder, Self::PaymentOverdue, Self::PaymentReceived, Self::RefundSucceeded];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_message_kind")
    }

    /// Whether it is the kind that records meant before they named one.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkCreated => "link_created",
            Self::PaymentReminder => "payment_reminder",
            Self::PaymentOverdue => "payment_overdue",
            Self::PaymentReceived => "payment_received",
            Self::RefundSucceeded => "refund_succeeded",
        }
    }
}

//! What a gateway can answer, in the domain's words.

use serde::{Deserialize, Serialize};

use crate::money::Money;

/// Money that a gateway says it holds for us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The gateway's own number of the payment, which the customer may quote.
    pub reference: String,
    /// What makes the reference unique: a gateway's reference alone, or together with the terminal.
    pub claim: String,
    pub money: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_card: Option<String>,
}

/// Why a gateway's final no is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotPaidReason {
    pub cause: NotPaidCause,
    /// In the gateway's own words, for the CRM and for logs. Nothing is decided on it.
    pub code: String,
}

/// What a customer is told about a payment that was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotPaidCause {
    /// The customer cancelled it on the gateway's page.
    Cancelled,
    /// The bank or the gateway declined it.
    Declined,
    /// The session was over before anybody had paid.
    SessionOver,
    /// The gateway does not say.
    Unspecified,
}

impl NotPaidReason {
    pub fn new(cause: NotPaidCause, code: impl Into<String>) -> Self {
        Self { cause, code: code.into() }
    }
}

/// What a gateway said about one attempt, in the domain's words. Each adapter turns every answer into one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayAnswer {
    /// The money is ours.
    Paid(Payment),
    /// The customer has paid and the money waits for our confirmation.
    Unconfirmed,
    /// Nothing final: the customer may still be paying.
    Pending,
    /// The customer has done their part and the gateway waits for a bank: nobody should pay again meanwhile.
    Processing,
    /// The gateway's final no.
    NotPaid(NotPaidReason),
    /// The money went back to the payer.
    Returned,
    /// A payment of another amount than we asked for.
    WrongAmount { got: Option<Money> },
    /// The gateway's own answer leaves open whose the money is, and asking again will not tell: a person has to look.
    Doubtful { reason: String },
    /// No answer, or one that cannot be read. It says nothing about the payment.
    Unknown { why: String },
    /// The gateway refuses us: credentials, address, domain. It says nothing about the payment either.
    Misconfigured { code: String },
}

impl GatewayAnswer {
    /// One word for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Paid(_) => "paid",
            Self::Unconfirmed => "unconfirmed",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::NotPaid(_) => "not_paid",
            Self::Returned => "returned",
            Self::WrongAmount { .. } => "wrong_amount",
            Self::Doubtful { .. } => "doubtful",
            Self::Unknown { .. } => "unknown",
            Self::Misconfigured { .. } => "misconfigured",
        }
    }
}

/// What came of refunding money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// It is on its way to the payer, or there already.
    Issued,
    /// The gateway will not do it; a person must.
    Refused { reason: String },
    /// No readable answer: ask again with the same idempotency key.
    Unknown { why: String },
}

//! What a gateway can answer, in the domain's words.

use jiff::Timestamp;
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
    /// What the gateway keeps for its service, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Fee>,
    /// The terminal or merchant that the money was paid to, where the gateway names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// When the customer paid, by the gateway's clock, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_paid_at: Option<Timestamp>,
}

impl Payment {
    /// A payment of which the gateway says no more than it must.
    pub fn new(reference: impl Into<String>, claim: impl Into<String>, money: Money) -> Self {
        Self {
            reference: reference.into(),
            claim: claim.into(),
            money,
            masked_card: None,
            fee: None,
            terminal: None,
            gateway_paid_at: None,
        }
    }
}

/// A gateway's fee for one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// In minor units of the payment's currency.
    pub amount: i64,
    /// Who pays it, where the gateway says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<FeePayer>,
}

/// Who pays a gateway's fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeePayer {
    /// It is taken from what the business gets.
    Merchant,
    /// The customer paid it on top of the amount.
    Customer,
}

impl FeePayer {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Customer => "customer",
        }
    }
}

/// Why a gateway's final no is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotPaidReason {
    pub cause: NotPaidCause,
    /// Why the bank declined it, where it says so. It stands beside the cause, so that a program that does not know it yet
    /// reads that it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
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

/// Why a bank declines a payment, as far as customers can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decline {
    /// The card has not enough money.
    NoFunds,
    /// A password, a one-time code or a security code of the card was wrong, or not valid any more.
    WrongPassword,
    /// The card has paid as often or as much as it may for now.
    OverLimit,
}

impl NotPaidReason {
    pub fn new(cause: NotPaidCause, code: impl Into<String>) -> Self {
        Self { cause, decline: None, code: code.into() }
    }

    /// A bank's no, and why.
    pub fn declined(decline: Decline, code: impl Into<String>) -> Self {
        Self { decline: Some(decline), ..Self::new(NotPaidCause::Declined, code) }
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
    /// The gateway refuses the account: credentials, address, domain. It says nothing about the payment either.
    AccountRefused { code: String },
    /// The gateway lets us in and does not know this session, or calls it somebody else's. That says nothing about the
    /// payment, and nothing about the account's other sessions.
    SessionRefused { code: String },
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
            Self::AccountRefused { .. } => "account_refused",
            Self::SessionRefused { .. } => "session_refused",
        }
    }
}

/// What a gateway said about a refund of one payment, when it was asked to make one or what became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// The money is with the payer, or on its way by a call that the gateway does not take back.
    Succeeded {
        /// The gateway's own id of the refund, where it has one.
        reference: Option<String>,
    },
    /// The gateway took the order and has not finished it.
    Accepted { reference: String },
    /// The gateway took the order and gave up: the money is the business's again.
    Failed { reference: Option<String>, code: String },
    /// There is no refund of this payment, and asking for one makes at most one, however often it is asked.
    Absent,
    /// The gateway lists no refund of this payment. Its list may be late, and a second call could refund a second time.
    Unlisted,
    /// The gateway will not do it, and nothing went back; a person must.
    Refused { code: String },
    /// The gateway refuses the account's credentials.
    AccountRefused { code: String },
    /// The account lacks what refunding needs beside taking money, so that nothing was asked for.
    CredentialsMissing { code: String },
    /// No readable answer: a refund may have been made.
    Unknown { why: String },
}

impl RefundAnswer {
    /// One word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Accepted { .. } => "accepted",
            Self::Failed { .. } => "failed",
            Self::Absent => "absent",
            Self::Unlisted => "unlisted",
            Self::Refused { .. } => "refused",
            Self::AccountRefused { .. } => "account_refused",
            Self::CredentialsMissing { .. } => "credentials_missing",
            Self::Unknown { .. } => "unknown",
        }
    }
}

//! What a gateway shows of a payment after it was confirmed: money that went back, by whomever, and money that the payer's
//! bank asks for again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::RefundId;

/// What became of a payment at its gateway. It is what the gateway says now, so that it is asked for anew and kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aftermath {
    /// In no order. Each reference is there once.
    pub refunds: Vec<ShownRefund>,
    /// In no order. Each reference is there once.
    pub disputes: Vec<ShownDispute>,
    /// Whether nothing is cut off and the gateway does not itself speak of more. Only then does it say something that a refund
    /// or a dispute is missing here.
    pub is_whole: bool,
}

/// A refund of a payment, as its gateway shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRefund {
    /// The gateway's own id of it: a word.
    pub reference: String,
    /// Our id of it, where the gateway shows the mark that we gave with it and the refund is of the link that was asked about.
    /// Somebody made every other one, such as in the gateway's dashboard.
    pub refund_id: Option<RefundId>,
    /// In minor units of the payment's currency, and more than nothing.
    pub amount: i64,
    pub state: ShownState,
    /// When it was made, by the gateway's clock, where it says so.
    pub at: Option<Timestamp>,
}

/// What a gateway says became of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownState {
    /// The gateway took the order and has not finished it.
    Pending,
    /// The money is with the payer, or on its way. A bank can still send it back, and then it has failed.
    Succeeded,
    /// It gave nothing back: the money is the business's. The code is the gateway's own, where it has one.
    Failed { code: String },
}

/// A dispute about a payment: a chargeback, or an inquiry before one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownDispute {
    /// The gateway's own id of it: a word.
    pub reference: String,
    /// What it is about, in minor units of the payment's currency, and more than nothing. It can be less than was paid, and
    /// by the course of a currency a little more.
    pub amount: i64,
    /// Why, in the gateway's own word, where it says so. Nothing is decided on it.
    pub reason: Option<String>,
    pub state: DisputeState,
    /// When it was opened, by the gateway's clock, where it says so.
    pub opened_at: Option<Timestamp>,
}

/// Where a dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DisputeState {
    /// Nothing is decided. Some gateways have taken the money for as long as that lasts; an inquiry takes none.
    Open {
        /// Until when the business can answer, where it still can.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        respond_by: Option<Timestamp>,
    },
    /// The business has the money: it won, or nothing was taken.
    Won,
    /// The payer has the money.
    Lost,
}

/// A refund or a dispute as a list of a whole account has it. It is a hint: the gateway is asked about the payment before
/// anything is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedChange {
    /// The gateway's reference of the payment.
    pub payment: String,
    /// The gateway's own id of the refund or the dispute.
    pub reference: String,
    pub state: ListedState,
}

/// What a list says became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedState {
    Refund(ShownState),
    Dispute(DisputeState),
}

/// What a gateway answered to the question what became of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AftermathAnswer {
    Shown(Aftermath),
    /// The gateway refuses the account's credentials, or does not let them see this.
    AccountRefused {
        code: String,
    },
    /// No answer, or one of which a part cannot be read. It says nothing about the payment.
    Unknown {
        why: String,
    },
}

impl AftermathAnswer {
    /// One word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Shown(_) => "shown",
            Self::AccountRefused { .. } => "account_refused",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl ShownState {
    /// One word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
        }
    }
}

impl DisputeState {
    pub const NAMES: [&str; 3] = ["open", "won", "lost"];

    /// The word in the API and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

//! A sale and its payment: what may become of them, and how the books show them.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refunds::SaleRefund;
use crate::gateways::credential::Credential;
use crate::gateways::disputes::Disputes;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sale {
    pub(crate) owner: Credential,
    pub(crate) is_live: bool,
    pub(crate) amount: u64,
    pub(crate) currency: String,
    pub(crate) description: String,
    /// The merchant's own id of it.
    pub(crate) order: String,
    /// Where the browser goes back to.
    pub(crate) back: String,
    /// Where the merchant wants to be called about this sale.
    pub(crate) notify: Option<String>,
    /// What the merchant wants to have beside it.
    pub(crate) metadata: Value,
    pub(crate) created_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) state: SaleState,
    pub(crate) payment: Option<Payment>,
    /// Payments that the customer tried in vain.
    pub(crate) failures: Vec<String>,
    /// Why the bank declined the payment that ended the sale, where it says so.
    #[serde(default)]
    pub(crate) declined: Option<Decline>,
    /// How much the customer has back.
    pub(crate) refunded: u64,
    /// The refunds that the gateway accepted, the oldest first.
    #[serde(default)]
    pub(crate) refunds: Vec<SaleRefund>,
    /// What the payer's bank asked for again.
    #[serde(default)]
    pub(crate) disputes: Disputes,
    /// Whether the merchant had the payment undone.
    #[serde(default)]
    pub(crate) is_reversed: bool,
    /// Whether the customer chose a method that the merchant can cancel.
    #[serde(default)]
    pub(crate) can_be_cancelled: bool,
}

/// Why a bank declines a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decline {
    NoFunds,
    WrongPassword,
    OverLimit,
}

/// What became of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SaleState {
    Open,
    /// Paid, and the merchant has not confirmed it.
    Waiting,
    /// The merchant's money.
    Ours,
    /// The customer is done and the money is on its way.
    Processing,
    Failed,
    Cancelled,
    Expired,
    /// The customer has the money back.
    Returned,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) amount: u64,
    pub(crate) at: Timestamp,
    /// When a call of the merchant took the money, where the gateway waits for one.
    #[serde(default)]
    pub(crate) confirmed_at: Option<Timestamp>,
}

impl SaleState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Ours => "ours",
            Self::Processing => "processing",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Returned => "returned",
        }
    }
}

impl Sale {
    /// Ends a sale that nobody paid in time.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.state == SaleState::Open && now >= self.ends_at {
            self.state = SaleState::Expired;
        }
    }

    /// Whether the customer's money is at the gateway.
    fn is_taken(&self) -> bool {
        matches!(self.state, SaleState::Waiting | SaleState::Ours)
            && self.payment.as_ref().is_some_and(|payment| self.refunded + self.disputes.lost() < payment.amount)
    }

    /// A call of the merchant takes the money.
    pub(crate) fn confirm(&mut self, now: Timestamp) {
        self.state = SaleState::Ours;
        if let Some(payment) = &mut self.payment {
            payment.confirmed_at = Some(now);
        }
    }

    /// Gives the whole payment back at once, where the gateway keeps no refund of its own.
    pub(crate) fn refund(&mut self) {
        self.refunded = self.payment.as_ref().map_or(0, |payment| payment.amount);
        self.state = SaleState::Returned;
    }

    /// As the simulator's own books show it.
    pub(crate) fn in_books(&self, id: &str) -> Value {
        let paid = self.payment.as_ref();
        json!({
            "id": id,
            "merchant": self.owner.last4,
            "amount": paid.map_or(self.amount, |payment| payment.amount),
            "currency": self.currency,
            "status": self.state.name(),
            "payment": paid.map(|payment| &payment.id),
            "taken": self.is_taken(),
            "ours": self.state == SaleState::Ours && self.is_taken(),
            "refunded": self.refunded,
            "refund_pending": self.refund_pending(),
            "refunds": self.refunds_accepted(),
            "withdrawn": self.disputes.lost(),
            "disputes": self.disputes.in_books(),
            "refund_rows": self.refunds.iter().map(SaleRefund::in_books).collect::<Vec<Value>>(),
            "description": self.description,
            "order": self.order,
            "back": self.back,
            "metadata": self.metadata,
            "created_at": self.created_at,
            "ends_at": self.ends_at,
            "paid_at": paid.map(|payment| payment.at),
            "confirmed_at": paid.and_then(|payment| payment.confirmed_at),
        })
    }
}

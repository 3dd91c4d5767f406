//! A dispute about a payment that a link keeps: the payer's bank asks for the money again.
//!
//! What becomes of one is decided at the gateway and by banks. The link says what the gateway showed last. While a dispute is
//! open, what it is about cannot be sent back a second time; once it is lost, a refund of the cause `dispute` records that
//! the money went.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use super::refund::{Refund, RefundBy};
use crate::gateway::{DisputeState, ShownDispute};

/// A dispute as its gateway showed it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The gateway's own id of it.
    pub reference: String,
    /// What it is about, in minor units of the payment's currency. By the course of a currency it can be a little more than was
    /// paid.
    pub amount: i64,
    /// Why, in the gateway's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(flatten)]
    pub state: DisputeState,
    /// When it was opened, by the gateway's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// When we first saw it.
    pub seen_at: Timestamp,
}

impl Dispute {
    pub(super) fn shown(shown: &ShownDispute, seen_at: Timestamp) -> Self {
        let ShownDispute { reference, amount, reason, state, opened_at } = shown.clone();
        Self { reference, amount, reason, state, opened_at, seen_at }
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, DisputeState::Open { .. })
    }
}

impl Attempt {
    pub fn dispute(&self, reference: &str) -> Option<&Dispute> {
        self.disputes.iter().find(|dispute| dispute.reference == reference)
    }

    /// What a bank took after a dispute, as far as the books know.
    pub(super) fn taken_by(&self, dispute: &Dispute) -> Option<&Refund> {
        self.refunds.iter().find(|refund| {
            let is_of_it = refund.gateway_reference.as_deref() == Some(dispute.reference.as_str());
            is_of_it && refund.method == RefundBy::Gateway && refund.has_succeeded()
        })
    }

    /// Whether the books have what it took, also where a person noted that by hand.
    pub(super) fn has_gone_by(&self, dispute: &Dispute) -> bool {
        let reference = Some(dispute.reference.as_str());
        self.refunds.iter().any(|refund| refund.reference() == reference && refund.has_succeeded())
    }

    /// What is disputed and not decided, in minor units. What is known to be taken counts as a refund.
    pub(super) fn disputed(&self) -> i64 {
        let open = self.disputes.iter().filter(|dispute| dispute.is_open() && !self.has_gone_by(dispute));
        open.fold(0, |sum, dispute| sum.saturating_add(dispute.amount))
    }

    pub(super) fn put_dispute(&mut self, dispute: Dispute) {
        match self.disputes.iter_mut().find(|known| known.reference == dispute.reference) {
            Some(known) => *known = dispute,
            None => self.disputes.push(dispute),
        }
    }
}

//! What a person decides about an attempt that no rule could decide.

use jiff::Timestamp;

use super::attempt::AttemptState;
use super::payment_link::PaymentLink;
use super::review_reason::ReviewReason;
use crate::gateway::{NotPaidCause, NotPaidReason};
use crate::ids::AttemptId;
use crate::problem::Rejection;

/// A person's decision about an attempt under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The gateway is asked once more, and its answer decides as usual.
    AskAgain,
    /// Money that the gateway confirmed pays the link, although it is not what was asked for.
    Keep,
    /// Money that the gateway confirmed is refunded by the gateway's call.
    Refund,
    /// The person refunded the money, or the gateway did.
    RefundedElsewhere,
    /// There was no money.
    NotPaid,
}

impl Resolution {
    pub const ALL: [Resolution; 5] = [Self::AskAgain, Self::Keep, Self::Refund, Self::RefundedElsewhere, Self::NotPaid];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Rejection::new("unknown_choice", format!("An outcome is one of {known}."))
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AskAgain => "ask_again",
            Self::Keep => "keep",
            Self::Refund => "refund",
            Self::RefundedElsewhere => "refunded_elsewhere",
            Self::NotPaid => "not_paid",
        }
    }
}

/// Why a decision cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveRefused {
    /// There is no such attempt on this link.
    NoSuchAttempt,
    /// No person is needed for it.
    NotUnderReview,
    /// No gateway confirmed money of this attempt, so there is none to keep or to refund.
    NoMoneyConfirmed,
    /// The link cannot take money any more: it is paid or cancelled, or it expired and its account takes no late money.
    LinkTakesNoMoney,
}

impl PaymentLink {
    /// What a person decided about an attempt under review.
    pub fn resolve(&self, id: &AttemptId, resolution: Resolution, now: Timestamp) -> Result<Self, ResolveRefused> {
        let attempt = self.attempt(id).ok_or(ResolveRefused::NoSuchAttempt)?;
        let AttemptState::NeedsReview { payment, reason, .. } = &attempt.state else {
            return Err(ResolveRefused::NotUnderReview);
        };
        // Money that paid something else is not this attempt's: refunding it would take it from there.
        let own = payment.clone().filter(|_| *reason != ReviewReason::ReferenceUsedBefore);
        let confirmed = own.ok_or(ResolveRefused::NoMoneyConfirmed);
        let state = match resolution {
            Resolution::AskAgain => AttemptState::Open { look_up_at: now, reported_at: Some(now) },
            Resolution::Keep if !self.accepts(id, now) => return Err(ResolveRefused::LinkTakesNoMoney),
            Resolution::Keep => AttemptState::Accepted { payment: confirmed?, look_up_at: now },
            Resolution::Refund => AttemptState::Refunding { payment: confirmed?, look_up_at: now, tries: 0 },
            Resolution::RefundedElsewhere => AttemptState::Refunded { at: now },
            Resolution::NotPaid => AttemptState::Failed {
                at: now,
                reason: NotPaidReason::new(NotPaidCause::Unspecified, "resolved_not_paid"),
            },
        };
        Ok(self.with_state(id, now, state))
    }
}

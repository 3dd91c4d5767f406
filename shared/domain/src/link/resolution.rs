//! What a person decides about an attempt that no rule could decide.

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

//! What lists are chosen by: a few facts about a link, small enough to lie with it in an index.

use jiff::Timestamp;

use super::attempt::AttemptState;
use super::payment_link::{LinkStatus, PaymentLink};
use crate::gateway::Mode;
use crate::ids::AccountId;
use crate::money::Money;
use crate::problem::Rejection;

/// A link's status without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkStatusKind {
    Active,
    Paid,
    Expired,
    Cancelled,
}

impl LinkStatusKind {
    pub const ALL: [Self; 4] = [Self::Active, Self::Paid, Self::Expired, Self::Cancelled];

    /// The name of the status in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Rejection::new("unknown_choice", "A status is active, paid, expired or cancelled."))
    }
}

impl LinkStatus {
    pub fn kind(&self) -> LinkStatusKind {
        match self {
            Self::Active => LinkStatusKind::Active,
            Self::Paid { .. } => LinkStatusKind::Paid,
            Self::Expired { .. } => LinkStatusKind::Expired,
            Self::Cancelled { .. } => LinkStatusKind::Cancelled,
        }
    }
}

/// What a list can be narrowed by before a link is read. It is as it was when the link was last written: an active link whose
/// time is over meanwhile is still said to be active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    pub mode: Mode,
    pub status: LinkStatusKind,
    /// A person has opened the link.
    pub is_opened: bool,
    /// A session was opened at a gateway.
    pub is_begun: bool,
    pub needs_review: bool,
    /// A message of the last round of messages failed.
    pub message_failed: bool,
    pub amount: Money,
    pub expires_at: Timestamp,
    pub account_id: AccountId,
}

impl LinkFacts {
    /// The status of the link at this moment.
    pub fn status_at(&self, now: Timestamp) -> LinkStatusKind {
        let has_run_out = self.status == LinkStatusKind::Active && self.expires_at <= now;
        if has_run_out { LinkStatusKind::Expired } else { self.status }
    }

    /// Whether the link may have this status at this moment. The link itself says whether it has.
    pub fn may_be(&self, status: LinkStatusKind, now: Timestamp) -> bool {
        let has_run_out = self.status == LinkStatusKind::Active && self.expires_at <= now;
        self.status == status || (has_run_out && status == LinkStatusKind::Expired)
    }
}

impl PaymentLink {
    pub fn facts(&self) -> LinkFacts {
        LinkFacts {
            mode: self.terms.mode,
            status: self.status.kind(),
            is_opened: self.opened_at.is_some(),
            is_begun: !self.attempts.is_empty(),
            needs_review: self.needs_review(),
            message_failed: self.message_failed,
            amount: self.terms.amount,
            expires_at: self.terms.expires_at,
            account_id: self.terms.account.id.clone(),
        }
    }

    /// Whether somebody may still have to do with the link: it can be paid, a person has to look, or it is not decided where
    /// its money stays.
    pub fn is_live(&self) -> bool {
        let is_undecided = |state: &AttemptState| match state {
            AttemptState::Confirming { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::NeedsReview { .. } => true,
            AttemptState::Open { confirmed, .. } => confirmed.is_some(),
            AttemptState::Paid { .. }
            | AttemptState::Failed { .. }
            | AttemptState::Abandoned { .. }
            | AttemptState::Refunded { .. } => false,
        };
        self.status == LinkStatus::Active || self.attempts.iter().any(|attempt| is_undecided(&attempt.state))
    }
}

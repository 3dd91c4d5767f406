//! A refund: money on its way from us back to the payer, and how far it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gateway::RefundAnswer;
use crate::ids::{AttemptId, RefundId};

/// Money on its way from us back to the payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    pub cause: RefundCause,
    pub created_at: Timestamp,
    /// The number of calls that asked the gateway for it. Each has an idempotency key of its own, see [`Refund::key`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls: u32,
    /// The number of questions and calls in a row that were not answered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unanswered: u32,
    /// The gateway's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_reference: Option<String>,
    #[serde(flatten)]
    pub state: RefundState,
}

/// Why money goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundCause {
    /// The link could not keep it.
    Automatic,
    /// A person decided so.
    Requested,
}

impl RefundCause {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Requested => "requested",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RefundState {
    /// The gateway was not asked for it yet.
    Pending,
    /// A call that asks for it was about to be made, and may have been. What came of it is not known.
    Calling {
        since: Timestamp,
    },
    /// The gateway took the order and has not finished it.
    Accepted {
        since: Timestamp,
    },
    Succeeded {
        at: Timestamp,
    },
    /// The gateway will not do it, or gave up: the money is still ours.
    Failed {
        at: Timestamp,
        code: String,
    },
    /// Nobody knows whether it was made, or it takes longer than any bank does: a person has to look.
    NeedsReview {
        at: Timestamp,
    },
}

impl RefundState {
    /// The name of the state in the API, where everything that is not decided is pending.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending | Self::Calling { .. } | Self::Accepted { .. } => "pending",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::NeedsReview { .. } => "needs_review",
        }
    }
}

impl Refund {
    /// The next refund of an attempt. The number of those before it makes its id another one.
    pub(super) fn next(attempt: &AttemptId, before: Option<&Self>, cause: RefundCause, now: Timestamp) -> Self {
        let id = RefundId::of(attempt, before.map(|before| &before.id));
        Self {
            id,
            cause,
            created_at: now,
            calls: 0,
            unanswered: 0,
            gateway_reference: None,
            state: RefundState::Pending,
        }
    }

    /// The idempotency key of the call that is being made. Gateways repeat a stored answer under one key, also where it was
    /// trouble that has passed since.
    pub fn key(&self) -> String {
        format!("{}-{}", self.id, self.calls)
    }

    /// Whether the gateway may still make it, or says that it will.
    pub fn is_undecided(&self) -> bool {
        match &self.state {
            RefundState::Pending | RefundState::Calling { .. } | RefundState::Accepted { .. } => true,
            RefundState::NeedsReview { .. } => self.calls > 0,
            RefundState::Succeeded { .. } | RefundState::Failed { .. } => false,
        }
    }

    /// Whether the gateway took the order and has not said what became of it.
    pub(super) fn is_at_the_gateway(&self) -> bool {
        self.is_undecided() && self.gateway_reference.is_some()
    }

    /// Whether the gateway may be asked for it now, given what it said about the refunds that there are.
    pub(super) fn may_call(&self, answer: &RefundAnswer) -> bool {
        matches!(
            (&self.state, answer),
            (RefundState::Pending, RefundAnswer::Absent | RefundAnswer::Unlisted)
                | (RefundState::Calling { .. }, RefundAnswer::Absent)
        )
    }

    /// The refund as it is asked about once more, because a person wants to know. `None` where there is nothing to ask about:
    /// the gateway had refused it.
    pub(super) fn asked_again(self, now: Timestamp) -> Option<Self> {
        let state = match (&self.state, &self.gateway_reference, self.calls) {
            (RefundState::Failed { .. }, None, _) => return None,
            (_, Some(_), _) => RefundState::Accepted { since: now },
            (_, None, 0) => RefundState::Pending,
            (_, None, _) => RefundState::Calling { since: now },
        };
        Some(Self { state, unanswered: 0, ..self })
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

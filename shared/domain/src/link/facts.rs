//! What lists are chosen by: a few facts about a link or a receipt, small enough to lie with it in an index.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, AttemptState};
use super::created_by::{CreatedBy, CreatorMark};
use super::outbox::LinkEvent;
use super::payment_link::{LinkStatus, PaymentLink};
use super::receipt::{Receipt, ReceiptKindName};
use crate::clocks::{CLOCKS_DIFFER_BY, later};
use crate::events::EventType;
use crate::gateway::{FeePayer, GatewayKind, Mode};
use crate::ids::{AccountId, ReceiptTypeId};
use crate::messages::channel::Channel;
use crate::money::Money;
use crate::problem::{Rejection, parse_word};

/// A link's status without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatusKind {
    Active,
    Paid,
    Expired,
    Cancelled,
    Replaced,
}

impl LinkStatusKind {
    pub const ALL: [Self; 5] = [Self::Active, Self::Paid, Self::Expired, Self::Cancelled, Self::Replaced];

    /// The name of the status in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Replaced => "replaced",
        }
    }

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }
}

impl LinkStatus {
    pub fn kind(&self) -> LinkStatusKind {
        match self {
            Self::Active => LinkStatusKind::Active,
            Self::Paid { .. } => LinkStatusKind::Paid,
            Self::Expired { .. } => LinkStatusKind::Expired,
            Self::Cancelled { .. } => LinkStatusKind::Cancelled,
            Self::Replaced { .. } => LinkStatusKind::Replaced,
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
    /// The channel of the address by which it was first opened, where that is known.
    pub opened_by: Option<Channel>,
    /// A session was opened at a gateway.
    pub is_begun: bool,
    pub needs_review: bool,
    /// A message of the last round of messages failed.
    pub message_failed: bool,
    /// It was held when it was last written, and may not be any more.
    pub is_held: bool,
    pub amount: Money,
    /// What is left to pay of it.
    pub amount_due: Money,
    /// Some of it is paid, and not all.
    pub is_part_paid: bool,
    pub expires_at: Timestamp,
    /// When the next money is due.
    pub due_at: Option<Timestamp>,
    /// Some of what is left to pay is due later than at that instant, and the link itself says what.
    pub is_due_in_parts: bool,
    pub account_id: AccountId,
    /// The account's when the link was made.
    pub gateway: GatewayKind,
    pub created_by: Option<CreatorMark>,
    /// The channels of all rounds of messages.
    pub channels: BTreeSet<Channel>,
}

/// The same of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFacts {
    pub kind: ReceiptKindName,
    pub mode: Mode,
    pub money: Money,
    /// `None` of what came or went by other means than a gateway.
    pub gateway: Option<GatewayKind>,
    pub account_id: AccountId,
    pub receipt_type_id: Option<ReceiptTypeId>,
    /// The instant by which books go.
    pub booked_at: Timestamp,
    /// What the gateway keeps of the money, in minor units, where it says so.
    pub fee: Option<i64>,
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
            opened_by: self.opened_by_channel(),
            is_begun: !self.attempts.is_empty(),
            needs_review: self.needs_review(),
            message_failed: self.message_failed,
            is_held: self.hold.is_some(),
            amount: self.terms.amount,
            expires_at: self.terms.expires_at,
            is_part_paid: self.is_part_paid(),
            amount_due: self.amount_due(),
            due_at: self.next_due_at(),
            is_due_in_parts: self.dues().len() > 1,
            account_id: self.terms.account.id.clone(),
            gateway: self.terms.account.gateway,
            created_by: self.created_by.as_ref().map(CreatedBy::mark),
            channels: self.channels(),
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
        let is_undecided = |attempt: &Attempt| is_undecided(&attempt.state) || attempt.has_undecided_refund();
        self.status == LinkStatus::Active || self.attempts.iter().any(is_undecided)
    }
}

impl PaymentLink {
    /// Whether the link may have been over before this event of it. What is over changes its facts in two ways
    /// only, by a payment after it had expired or by a link that takes its place, and clocks differ a little.
    pub fn was_over_before(&self, event: &LinkEvent) -> bool {
        matches!(event.kind, EventType::LinkPaid | EventType::LinkPartPaid | EventType::LinkReplaced)
            && later(event.at, CLOCKS_DIFFER_BY) >= self.terms.expires_at
    }
}

impl Receipt {
    pub fn facts(&self) -> ReceiptFacts {
        ReceiptFacts {
            kind: self.kind.name(),
            mode: self.mode,
            money: self.money,
            gateway: self.by_gateway(),
            account_id: self.account_id.clone(),
            receipt_type_id: self.receipt_type_id.clone(),
            booked_at: self.booked_at(),
            fee: self.fee.filter(|fee| fee.payer != Some(FeePayer::Customer)).map(|fee| fee.amount),
        }
    }
}

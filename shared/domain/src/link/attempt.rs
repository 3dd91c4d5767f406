//! One session opened at a gateway for a link, and what is known about its money.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::review_reason::ReviewReason;
use crate::gateway::{GatewayKind, GatewayRules, LookUp, NotPaidReason, Payment};
use crate::ids::{AccountId, AttemptId, CredentialsVersion, ReturnKey};
use crate::money::Money;

/// How long leased work belongs to the run that leased it: nobody else takes the work within this time. It is a little
/// less than the minute between two sweeps, so that a sweep which comes a moment earlier in its minute than the last
/// one still finds the work that the last one leased.
pub const LEASE: SignedDuration = SignedDuration::from_secs(57);

/// A gateway is asked about an attempt every minute until the attempt is this old.
const ASKED_EVERY_MINUTE: SignedDuration = SignedDuration::from_mins(30);

/// A payment that its gateway calls on its way for longer than this is for a person. Bank debits take up to two weeks,
/// and the payer may contest them in the days after.
const SLOWEST_PAYMENT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// After this many unanswered calls to refund money a person has to look. Where the gateway lets a call undo a payment
/// for half an hour only, one call a minute spreads them over most of it.
pub(crate) const MAX_REFUND_TRIES: u32 = 25;

/// An attempt to pay a link: one session at a gateway. It keeps its own account, amount and credentials, because the
/// records that they came from may change while somebody is paying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub key: ReturnKey,
    pub gateway: GatewayKind,
    pub account_id: AccountId,
    pub credentials: CredentialsVersion,
    #[serde(flatten)]
    pub money: Money,
    /// The gateway's own id of the session.
    pub session: String,
    /// Where the customer pays. It is empty once nobody can be sent there any more.
    #[serde(flatten)]
    pub checkout: Checkout,
    /// The reference that only the customer's return brings, where the gateway confirms by that and not by the
    /// session's id. It is written with the intention to confirm, so that a run which goes on after a crash has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_reference: Option<String>,
    pub opened_at: Timestamp,
    /// When the gateway first said that the money is ours. It is dropped when the attempt is paid or refunded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// The customer can pay in this session until then.
    pub session_ends_at: Timestamp,
    /// A payment begun in this session counts as in time if the gateway confirms it before this instant.
    pub deadline: Timestamp,
    /// The gateway is asked until then, although it keeps saying that nothing is final.
    pub watched_until: Timestamp,
    #[serde(flatten)]
    pub state: AttemptState,
}

/// What is known about an attempt. `look_up_at` is when somebody has to ask the gateway next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AttemptState {
    /// The customer may be paying. `reported_at` is when a return, a webhook or the gateway itself first spoke of a
    /// payment that is not confirmed yet.
    Open {
        look_up_at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reported_at: Option<Timestamp>,
    },
    /// We are about to take the money, or did and have not heard the answer. Only this attempt may go on.
    Confirming { since: Timestamp, look_up_at: Timestamp },
    /// A person decided that this money pays the link. It is written down by the next sweep, and nothing else may
    /// happen to the link meanwhile.
    Accepted { payment: Payment, look_up_at: Timestamp },
    /// The customer's money lies at the gateway and this link cannot take it: it is watched until it went back.
    AwaitingReversal { since: Timestamp, look_up_at: Timestamp },
    /// The payment of the link, since when the gateway confirmed it.
    Paid { at: Timestamp, payment: Payment },
    /// The gateway's final no.
    Failed { at: Timestamp, reason: NotPaidReason },
    /// The session ended without money.
    Abandoned { at: Timestamp },
    /// Money that is ours and that the link cannot keep: it has to go back by a call of ours.
    Refunding { payment: Payment, look_up_at: Timestamp, tries: u32 },
    /// The money is with the payer again.
    Refunded { at: Timestamp },
    /// A person has to look.
    NeedsReview {
        at: Timestamp,
        reason: ReviewReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payment: Option<Payment>,
    },
}

impl AttemptState {
    /// When work is due on the attempt. `None` where nothing will ever happen to it by itself again.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Open { look_up_at, .. }
            | Self::Confirming { look_up_at, .. }
            | Self::Accepted { look_up_at, .. }
            | Self::AwaitingReversal { look_up_at, .. }
            | Self::Refunding { look_up_at, .. } => Some(*look_up_at),
            Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Abandoned { .. }
            | Self::Refunded { .. }
            | Self::NeedsReview { .. } => None,
        }
    }

    /// Whether the gateway confirmed money that this state is about.
    pub(crate) fn has_confirmed_money(&self) -> bool {
        match self {
            Self::Paid { .. } | Self::Accepted { .. } | Self::Refunding { .. } => true,
            Self::NeedsReview { payment, .. } => payment.is_some(),
            Self::Open { .. }
            | Self::Confirming { .. }
            | Self::AwaitingReversal { .. }
            | Self::Failed { .. }
            | Self::Abandoned { .. }
            | Self::Refunded { .. } => false,
        }
    }

    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Confirming { .. } => "confirming",
            Self::Accepted { .. } => "accepted",
            Self::AwaitingReversal { .. } => "awaiting_reversal",
            Self::Paid { .. } => "paid",
            Self::Failed { .. } => "failed",
            Self::Abandoned { .. } => "abandoned",
            Self::Refunding { .. } => "refunding",
            Self::Refunded { .. } => "refunded",
            Self::NeedsReview { .. } => "needs_review",
        }
    }

    /// Since when a payment has been reported and not decided. `None` where nobody reported one, or where it is
    /// decided.
    pub fn undecided_since(&self) -> Option<Timestamp> {
        match self {
            Self::Open { reported_at, .. } => *reported_at,
            Self::Confirming { since, .. } => Some(*since),
            Self::Accepted { .. }
            | Self::AwaitingReversal { .. }
            | Self::Paid { .. }
            | Self::Failed { .. }
            | Self::Abandoned { .. }
            | Self::Refunding { .. }
            | Self::Refunded { .. }
            | Self::NeedsReview { .. } => None,
        }
    }

    /// Whether the attempt ended without money, so that nothing is lost when a link drops it to make room.
    pub fn ended_without_money(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Abandoned { .. })
    }
}

/// How a customer is sent to the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    #[serde(rename = "pay_at", default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// The fields of a form that the browser posts. Where there are none, the browser follows the address.
    #[serde(rename = "pay_form", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,
}

impl Checkout {
    /// The browser goes to an address.
    pub fn link(at: String) -> Self {
        Self { at, form: BTreeMap::new() }
    }

    /// The browser posts a form.
    pub fn form<const N: usize>(at: String, fields: [(&str, &str); N]) -> Self {
        Self { at, form: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into() }
    }
}

/// A session that a gateway just opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedSession {
    pub session: String,
    pub checkout: Checkout,
}

/// What a new attempt is begun with.
#[derive(Clone, Debug)]
pub struct NewAttempt {
    pub key: ReturnKey,
    pub gateway: GatewayKind,
    pub account_id: AccountId,
    pub credentials: CredentialsVersion,
    pub money: Money,
}

impl NewAttempt {
    pub fn id(&self) -> AttemptId {
        AttemptId::of(&self.key)
    }

    pub fn opened(self, session: OpenedSession, rules: &GatewayRules, now: Timestamp) -> Attempt {
        let session_ends_at = later(now, SignedDuration::from_mins(rules.session_minutes));
        let watched_until = later(now, SignedDuration::from_hours(rules.watch_hours));
        let look_up_at = match self.gateway.profile().look_up {
            LookUp::AnyTime => later(now, LEASE),
            LookUp::OnlyOnReturn => watched_until,
        };
        Attempt {
            id: self.id(),
            key: self.key,
            gateway: self.gateway,
            account_id: self.account_id,
            credentials: self.credentials,
            money: self.money,
            session: session.session,
            checkout: session.checkout,
            return_reference: None,
            opened_at: now,
            confirmed_at: None,
            session_ends_at,
            deadline: later(session_ends_at, SignedDuration::from_mins(rules.grace_minutes)),
            watched_until,
            state: AttemptState::Open { look_up_at, reported_at: None },
        }
    }
}

impl Attempt {
    /// When to ask the gateway again: every minute while the customer may be paying, then less and less often. A
    /// gateway that cannot be asked is left alone until nothing can happen there any more.
    pub fn next_look_up(&self, now: Timestamp) -> Timestamp {
        if self.gateway.profile().look_up == LookUp::OnlyOnReturn && now < self.watched_until {
            return self.watched_until;
        }
        let age = now.duration_since(self.opened_at);
        // The gateway is asked once more just before the deadline, so that a payment made at the last moment of a
        // session is known before the link ends.
        let last_in_time = self.deadline.checked_sub(LEASE).unwrap_or(Timestamp::MIN);
        if now < last_in_time && age >= ASKED_EVERY_MINUTE {
            return later(now, LEASE.saturating_mul(2)).min(last_in_time);
        }
        let pause = if age < ASKED_EVERY_MINUTE {
            LEASE
        } else if age < SignedDuration::from_hours(3) {
            SignedDuration::from_mins(10)
        } else if age < SignedDuration::from_hours(72) {
            SignedDuration::from_hours(1)
        } else {
            SignedDuration::from_hours(6)
        };
        later(now, pause)
    }

    /// The attempt's place in the index of due work: sweeps look at it from then on, which is never later than its work
    /// is due. Moving an entry of the index costs as much as two writes, so that an attempt which is looked at every
    /// minute keeps its place.
    pub fn sweep_from(&self) -> Option<Timestamp> {
        let due = self.state.due_at()?;
        let first = later(self.opened_at, LEASE);
        let is_frequent = due < later(later(self.opened_at, ASKED_EVERY_MINUTE).max(self.deadline), LEASE);
        Some(if is_frequent { due.min(first) } else { due })
    }

    /// The pause before the next call to refund money, after `tries` unanswered ones. Where a payment can be undone for
    /// a while only, each sweep calls.
    pub(crate) fn pause_before_refund(&self, tries: u32) -> SignedDuration {
        match self.gateway.profile().refund.within_minutes {
            Some(_) => LEASE,
            None => LEASE.saturating_mul(1 << tries.min(6)),
        }
    }

    /// Whether the gateway has called this payment on its way for longer than the slowest method takes.
    pub(crate) fn has_processed_too_long(&self, now: Timestamp) -> bool {
        now.duration_since(self.opened_at) >= SLOWEST_PAYMENT
    }
}

/// The sum of an instant and a pause. A sum beyond representable time is the end of it: late, and never early.
pub(crate) fn later(from: Timestamp, pause: SignedDuration) -> Timestamp {
    from.checked_add(pause).unwrap_or(Timestamp::MAX)
}

/// The instant this many minutes later.
pub fn later_by_minutes(from: Timestamp, minutes: i64) -> Timestamp {
    later(from, SignedDuration::from_mins(minutes))
}

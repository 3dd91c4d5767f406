//! One session opened at a gateway for a link, and what is known about its money.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::dispute::Dispute;
use super::hint::Hint;
use super::lease::LEASE;
use super::recipient_mark::RecipientMark;
use super::recorded::{Recorded, Voided};
use super::refund::Refund;
use super::review_reason::ReviewReason;
use crate::clocks::later;
use crate::gateway::{GatewayKind, GatewayRules, LookUp, NotPaidReason, Payment};
use crate::ids::{AccountId, AttemptId, CredentialsVersion, ReturnKey};
use crate::money::Money;

/// A gateway is asked about an attempt every minute until the attempt is this old.
const ASKED_EVERY_MINUTE: SignedDuration = SignedDuration::from_mins(30);

/// An attempt to pay a link: one session at a gateway, or money that came otherwise and that a person wrote down. It keeps its
/// own account, amount and credentials, because the records that they came from may change while somebody is paying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub key: ReturnKey,
    pub gateway: GatewayKind,
    pub account_id: AccountId,
    pub credentials: CredentialsVersion,
    #[serde(flatten)]
    pub money: Money,
    /// How much of the link its money pays, in minor units, where that is more: the link's item is due no further than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles: Option<i64>,
    /// The gateway's own id of the session.
    pub session: String,
    /// Where the customer pays. It is empty once nobody can be sent there any more.
    #[serde(flatten)]
    pub checkout: Checkout,
    /// The reference that only the customer's return brings, where the gateway confirms by that and not by the
    /// session's id. It is written with the intention to confirm, so that a run which goes on after a crash has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_reference: Option<String>,
    /// Whether a call that takes the money was ever about to be made. Such an attempt does not end by waiting.
    #[serde(default, skip_serializing_if = "is_false")]
    pub was_confirming: bool,
    /// Whether such a call was left without an answer, so that it may have taken the money.
    #[serde(default, skip_serializing_if = "is_false")]
    pub was_left_unanswered: bool,
    pub opened_at: Timestamp,
    /// By whose address it was begun, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_by: Option<RecipientMark>,
    /// When the gateway first said that the money is ours. It is dropped when the attempt is paid or refunded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    /// When books have the receipt of its payment, where they were closed for the payment's own time before that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_later: Option<Timestamp>,
    /// When somebody from outside last made us ask the gateway without anything else to write down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// The customer can pay in this session until then.
    pub session_ends_at: Timestamp,
    /// A payment begun in this session counts as in time if the gateway confirms it before this instant.
    pub deadline: Timestamp,
    /// The gateway is asked until then, although it keeps saying that nothing is final.
    pub watched_until: Timestamp,
    /// The refunds of its money, in the order in which they were begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
    /// The disputes about its payment that its gateway has shown, in the order in which they were seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<Dispute>,
    /// What a person wrote down of it, where its money came otherwise than through a gateway. There was no session then, and
    /// the gateway is that of the link's account and took no part in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Box<Recorded>>,
    /// That what was written down turned out to be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided: Option<Box<Voided>>,
    #[serde(flatten)]
    pub state: AttemptState,
}

/// A question to the gateway that somebody from outside caused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub at: Timestamp,
    /// Whether the gateway answered that nobody has paid yet.
    pub is_answered: bool,
    /// Whether it was asked because somebody said that the customer had paid.
    #[serde(default, skip_serializing_if = "is_false")]
    pub was_told_paid: bool,
    /// The same of a word that the customer had not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub was_told_not_paid: bool,
}

/// Anybody who has an address of ours can make us ask a gateway. Within this time the answer before it stands.
const PAUSE_BETWEEN_QUESTIONS: SignedDuration = SignedDuration::from_secs(3);

/// What is known about an attempt. `look_up_at` is when somebody has to ask the gateway next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AttemptState {
    /// The customer may be paying.
    Open {
        look_up_at: Timestamp,
        /// When a return, a webhook or the gateway itself first spoke of a payment that is not confirmed yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reported_at: Option<Timestamp>,
        /// Since when the gateway itself has called a payment on its way. It holds the link open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        processing_since: Option<Timestamp>,
        /// Money that the gateway confirmed before a person had it asked again. Only the gateway's own word or a person
        /// ends such an attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmed: Option<Payment>,
    },
    /// We are about to take the money, or did and have not heard the answer. Only this attempt may go on.
    Confirming {
        since: Timestamp,
        look_up_at: Timestamp,
        /// See the same of an open attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmed: Option<Payment>,
    },
    /// A person decided that this money pays the link. It is written down by the next sweep, and nothing else may
    /// happen to the link meanwhile.
    Accepted { payment: Payment, look_up_at: Timestamp },
    /// The customer's money lies at the gateway and this link cannot take it: it is watched until it went back.
    AwaitingReversal { since: Timestamp, look_up_at: Timestamp },
    /// A payment of the link, since when the gateway confirmed it.
    Paid {
        at: Timestamp,
        /// When it became that, where a person had to accept the money first or it came back from a copy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept_at: Option<Timestamp>,
        payment: Payment,
    },
    /// The gateway's no. Where it may become a yes, somebody asks again at `look_up_at`.
    Failed {
        at: Timestamp,
        reason: NotPaidReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        look_up_at: Option<Timestamp>,
    },
    /// The session ended without money.
    Abandoned { at: Timestamp },
    /// Money that is ours and that the link cannot keep: it has to go back by a call of ours.
    /// The refund itself is the last of [`Attempt::refunds`].
    Refunding { payment: Payment },
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
    /// Since when its money has been a payment of its link.
    pub fn kept_at(&self) -> Option<Timestamp> {
        if let Self::Paid { at, kept_at, .. } = self { Some(kept_at.unwrap_or(*at)) } else { None }
    }

    /// The payment of a link since an instant, confirmed before or then.
    pub(super) fn paid(confirmed_at: Timestamp, kept_at: Timestamp, payment: Payment) -> Self {
        Self::Paid { at: confirmed_at, kept_at: (kept_at != confirmed_at).then_some(kept_at), payment }
    }

    /// When work is due on the session or its payment, refunds apart. `None` where nothing will ever happen to it by itself
    /// again.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::Open { look_up_at, .. }
            | Self::Confirming { look_up_at, .. }
            | Self::Accepted { look_up_at, .. }
            | Self::AwaitingReversal { look_up_at, .. } => Some(*look_up_at),
            Self::Failed { look_up_at, .. } => *look_up_at,
            Self::Paid { .. }
            | Self::Abandoned { .. }
            | Self::Refunding { .. }
            | Self::Refunded { .. }
            | Self::NeedsReview { .. } => None,
        }
    }

    /// Money that the gateway confirmed and that this state is about.
    pub fn confirmed_payment(&self) -> Option<&Payment> {
        match self {
            Self::Paid { payment, .. } | Self::Accepted { payment, .. } | Self::Refunding { payment, .. } => {
                Some(payment)
            }
            Self::NeedsReview { payment, .. }
            | Self::Open { confirmed: payment, .. }
            | Self::Confirming { confirmed: payment, .. } => payment.as_ref(),
            Self::AwaitingReversal { .. } | Self::Failed { .. } | Self::Abandoned { .. } | Self::Refunded { .. } => {
                None
            }
        }
    }

    /// An open session that somebody reported, or nobody.
    pub(crate) fn open(look_up_at: Timestamp, reported_at: Option<Timestamp>) -> Self {
        Self::Open { look_up_at, reported_at, processing_since: None, confirmed: None }
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

    /// Since when the gateway itself has called a payment on its way.
    pub fn processing_since(&self) -> Option<Timestamp> {
        if let Self::Open { processing_since, .. } = self { *processing_since } else { None }
    }

    /// Whether the attempt ended without money, and nobody looks at it any more, so that nothing is lost when a link drops it to make room.
    pub fn ended_without_money(&self) -> bool {
        matches!(self, Self::Failed { look_up_at: None, .. } | Self::Abandoned { .. })
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
    /// See [`Attempt::settles`].
    pub settles: Option<i64>,
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
            settles: self.settles,
            session: session.session,
            checkout: session.checkout,
            return_reference: None,
            was_confirming: false,
            was_left_unanswered: false,
            opened_at: now,
            begun_by: None,
            confirmed_at: None,
            booked_later: None,
            asked: None,
            session_ends_at,
            deadline: later(session_ends_at, SignedDuration::from_mins(rules.grace_minutes)),
            watched_until,
            refunds: Vec::new(),
            disputes: Vec::new(),
            recorded: None,
            voided: None,
            state: AttemptState::open(look_up_at, None),
        }
    }
}

impl Attempt {
    /// When work is due on the attempt or on one of its refunds. `None` where nothing will ever happen to it by itself again.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.state.due_at().into_iter().chain(self.refunds_due_at()).min()
    }

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

    /// When to ask once more about a no that may become a yes: often in the first hour, because a gateway soon returns what
    /// nobody took, and then twice a day until the attempt is watched no longer.
    pub(super) fn next_look_at_no(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.gateway.profile().no_may_become_yes || now >= self.watched_until {
            return None;
        }
        let age = now.duration_since(self.opened_at);
        let pause = if age < SignedDuration::from_hours(1) {
            SignedDuration::from_mins(10)
        } else if age < SignedDuration::from_hours(3) {
            SignedDuration::from_hours(1)
        } else {
            SignedDuration::from_hours(12)
        };
        Some(later(now, pause).min(self.watched_until))
    }

    /// The attempt's place in the index of due work: sweeps look at it from then on, which is never later than its work
    /// is due. Moving an entry of the index costs as much as two writes, so that an attempt which is looked at every
    /// minute keeps its place.
    pub fn sweep_from(&self) -> Option<Timestamp> {
        let due = self.due_at()?;
        let first = later(self.opened_at, LEASE);
        let is_frequent = due < later(later(self.opened_at, ASKED_EVERY_MINUTE).max(self.deadline), LEASE);
        Some(if is_frequent { due.min(first) } else { due })
    }

    /// The question that was asked so lately that it is not asked again. That the customer has paid, or has not, is news to a
    /// question before which nobody had said so.
    pub fn asked_just_now(&self, hint: Hint, now: Timestamp) -> Option<&Asked> {
        let is_news = |asked: &Asked| match hint {
            Hint::Paid | Hint::Changed => !asked.was_told_paid,
            Hint::NotPaid => !asked.was_told_not_paid,
            Hint::Nothing => false,
        };
        let is_fresh = |asked: &Asked| now.duration_since(asked.at) < PAUSE_BETWEEN_QUESTIONS;
        self.asked.as_ref().filter(|asked| is_fresh(asked) && !is_news(asked))
    }

    /// From when on an attempt that the gateway says nothing readable about is for a person.
    pub(crate) fn given_up_at(&self) -> Timestamp {
        self.processing_ends_at().map_or(self.watched_until, |end| end.max(self.watched_until))
    }

    /// Until when a payment that the gateway calls on its way holds its link open. After that it is for a person.
    pub(crate) fn processing_ends_at(&self) -> Option<Timestamp> {
        let AttemptState::Open { processing_since: Some(since), .. } = &self.state else { return None };
        Some(later(*since, SignedDuration::from_hours(24 * self.gateway.profile().processing_days)))
    }
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// The instant this many minutes later.
pub fn later_by_minutes(from: Timestamp, minutes: i64) -> Timestamp {
    later(from, SignedDuration::from_mins(minutes))
}

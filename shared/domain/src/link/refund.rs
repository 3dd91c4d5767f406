//! A refund: money on its way from us back to the payer, how far it is, and what follows from what a gateway says of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::created_by::CreatedBy;
use super::lease::LEASE;
use super::review_reason::ReviewReason;
use crate::clocks::later;
use crate::gateway::RefundAnswer;
use crate::idempotency::RequestFingerprint;
use crate::ids::{AccountId, RefundId};
use crate::problem::{Rejection, parse_word};

/// After this many unanswered questions and calls in a row a person has to look. Where the gateway lets a call undo a
/// payment for half an hour only, one a minute spreads them over most of it.
pub(crate) const MAX_REFUND_TRIES: u32 = 25;

/// A gateway's list of refunds is not believed to be late by more than this. Where a second call could refund a second
/// time, one that is still not listed then is for a person.
const LATEST_LISTING: SignedDuration = SignedDuration::from_hours(2);

/// A call is over, and what it made is shown by a gateway whose lists are not late, after this long.
const SURELY_LISTED: SignedDuration = SignedDuration::from_mins(2);

/// A refund that its gateway has not finished after this long is for a person. Banks take up to ten working days.
const SLOWEST_REFUND: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Money on its way from us back to the payer: a payment that no link could keep, or all or a part of one that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    pub cause: RefundCause,
    /// In minor units of the payment's currency.
    pub amount: i64,
    #[serde(flatten)]
    pub method: RefundBy,
    /// Why, in the words of who asked for it, for the business's own people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why the link did not keep the money, where it goes back for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_kept: Option<NotKept>,
    /// Who asked for it.
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<CreatedBy>,
    /// Who decided what became of it, where a person had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<CreatedBy>,
    /// The request that it was asked for by. It is known as long as the refund is, and no request makes two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestFingerprint>,
    pub created_at: Timestamp,
    /// When somebody looks at it next. `None` once nothing will happen to it by itself any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// The number of calls that asked the gateway for it. Each has an idempotency key of its own, see [`Refund::key`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub calls: u32,
    /// The number of questions and calls in a row that were not answered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unanswered: u32,
    /// The gateway's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_reference: Option<String>,
    /// When books have its receipt, where they were closed for its own time before that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_later: Option<Timestamp>,
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
    /// The gateway shows it, and nobody asked us for it: somebody made it in the gateway's dashboard.
    Gateway,
    /// The payer's bank took it after a dispute that is lost.
    Dispute,
}

impl RefundCause {
    pub const ALL: [Self; 4] = [Self::Automatic, Self::Requested, Self::Gateway, Self::Dispute];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Requested => "requested",
            Self::Gateway => "gateway",
            Self::Dispute => "dispute",
        }
    }
}

/// Why a link does not keep money that came for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotKept {
    /// Another payment paid all of the link.
    LinkAlreadyPaid,
    /// Other links, or money that came otherwise, paid the link's item.
    ItemAlreadyPaid,
    /// Less was left to pay than came.
    MoreThanIsDue,
    /// It came after the end, and the account does not take late payments.
    LinkExpired,
    LinkCancelled,
    /// Another link took its place.
    LinkReplaced,
    /// It came after the end, and another link has the reference that the CRM gave this one.
    ReferenceIdInUse,
    /// It is not the amount that was asked for.
    AmountDiffers,
}

impl NotKept {
    pub const ALL: [Self; 8] = [
        Self::LinkAlreadyPaid,
        Self::ItemAlreadyPaid,
        Self::MoreThanIsDue,
        Self::LinkExpired,
        Self::LinkCancelled,
        Self::LinkReplaced,
        Self::ReferenceIdInUse,
        Self::AmountDiffers,
    ];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkAlreadyPaid => "link_already_paid",
            Self::ItemAlreadyPaid => "item_already_paid",
            Self::MoreThanIsDue => "more_than_is_due",
            Self::LinkExpired => "link_expired",
            Self::LinkCancelled => "link_cancelled",
            Self::LinkReplaced => "link_replaced",
            Self::ReferenceIdInUse => "reference_id_in_use",
            Self::AmountDiffers => "amount_differs",
        }
    }
}

/// By which means money goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum RefundBy {
    /// By a call that asks the payment's gateway for it.
    #[default]
    Gateway,
    /// By other means, such as a bank transfer. It went before we were told.
    Outside {
        /// The account that it went from, where the business names one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<AccountId>,
        /// What it is found by there, such as the number of the transfer.
        reference: String,
        refunded_at: Timestamp,
    },
}

impl RefundBy {
    pub fn kind(&self) -> RefundMethodKind {
        match self {
            Self::Gateway => RefundMethodKind::Gateway,
            Self::Outside { .. } => RefundMethodKind::Outside,
        }
    }

    /// The word in the API.
    pub fn as_str(&self) -> &'static str {
        self.kind().as_str()
    }
}

/// By which means money goes back, without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundMethodKind {
    Gateway,
    Outside,
}

impl RefundMethodKind {
    pub const ALL: [Self; 2] = [Self::Gateway, Self::Outside];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Outside => "outside",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RefundState {
    /// The gateway was not asked for it yet, or what went outside is not in the books yet.
    Pending,
    /// A call that asks for it was about to be made, and may have been. What came of it is not known.
    Calling {
        since: Timestamp,
    },
    /// The gateway took the order and has not finished it.
    Accepted {
        since: Timestamp,
    },
    /// A person found out that the money went. The next sweep writes that into the books.
    Acknowledged {
        since: Timestamp,
    },
    Succeeded {
        at: Timestamp,
    },
    /// A person found out that what was noted to have gone by other means did not. The next sweep writes that into the books.
    Voiding {
        since: Timestamp,
        succeeded_at: Timestamp,
    },
    /// The gateway will not do it, or gave up, or it was noted by mistake: the money is still ours.
    Failed {
        at: Timestamp,
        code: String,
        /// When it had succeeded before, or seemed to have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        succeeded_at: Option<Timestamp>,
    },
    /// Nobody knows whether it was made, or it takes longer than any bank does: a person has to look.
    NeedsReview {
        at: Timestamp,
        #[serde(rename = "review_reason")]
        reason: ReviewReason,
    },
}

impl RefundState {
    /// That it never went.
    pub(super) fn failed(code: impl Into<String>, at: Timestamp) -> Self {
        Self::Failed { at, code: code.into(), succeeded_at: None }
    }

    /// What callers are told of it: everything that is not decided is pending.
    pub fn kind(&self) -> RefundStatusKind {
        match self {
            Self::Pending | Self::Calling { .. } | Self::Accepted { .. } | Self::Acknowledged { .. } => {
                RefundStatusKind::Pending
            }
            Self::Succeeded { .. } | Self::Voiding { .. } => RefundStatusKind::Succeeded,
            Self::Failed { .. } => RefundStatusKind::Failed,
            Self::NeedsReview { .. } => RefundStatusKind::NeedsReview,
        }
    }

    /// The name of the state in the API.
    pub fn name(&self) -> &'static str {
        self.kind().as_str()
    }
}

/// A refund's state as callers are told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatusKind {
    Pending,
    Succeeded,
    Failed,
    NeedsReview,
}

impl RefundStatusKind {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Succeeded, Self::Failed, Self::NeedsReview];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NeedsReview => "needs_review",
        }
    }
}

/// Why money goes back that no link keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WhyRefunded {
    ByRule(NotKept),
    /// A person decided so.
    Asked(Option<CreatedBy>),
}

/// What a refund is begun with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewRefund {
    pub(super) cause: RefundCause,
    /// In minor units of the payment's currency.
    pub(super) amount: i64,
    pub(super) method: RefundBy,
    pub(super) reason: Option<String>,
    pub(super) not_kept: Option<NotKept>,
    pub(super) requested_by: Option<CreatedBy>,
    pub(super) request: Option<RequestFingerprint>,
}

impl NewRefund {
    /// Everything goes back by the gateway's call, because no link keeps it.
    pub(super) fn whole(why: WhyRefunded, amount: i64) -> Self {
        let (cause, not_kept, requested_by) = match why {
            WhyRefunded::ByRule(not_kept) => (RefundCause::Automatic, Some(not_kept), None),
            WhyRefunded::Asked(by) => (RefundCause::Requested, None, by),
        };
        Self { not_kept, requested_by, ..Self::by_gateway(cause, amount) }
    }

    /// An amount goes back through the payment's gateway.
    pub(super) fn by_gateway(cause: RefundCause, amount: i64) -> Self {
        Self {
            cause,
            amount,
            method: RefundBy::Gateway,
            reason: None,
            not_kept: None,
            requested_by: None,
            request: None,
        }
    }
}

/// A refund after a gateway's word, and why a person has to look, where one has.
pub(super) struct Followed {
    pub(super) refund: Refund,
    pub(super) review: Option<ReviewReason>,
}

impl Refund {
    pub(super) fn new(id: RefundId, new: NewRefund, now: Timestamp) -> Self {
        let NewRefund { cause, amount, method, reason, not_kept, requested_by, request } = new;
        Self {
            id,
            cause,
            amount,
            method,
            reason,
            not_kept,
            requested_by,
            resolved_by: None,
            request,
            created_at: now,
            look_at: Some(now),
            calls: 0,
            unanswered: 0,
            gateway_reference: None,
            booked_later: None,
            state: RefundState::Pending,
        }
    }

    /// What it is found by where it was made: at the gateway, or wherever the money went from.
    pub fn reference(&self) -> Option<&str> {
        match &self.method {
            RefundBy::Gateway => self.gateway_reference.as_deref(),
            RefundBy::Outside { reference, .. } => Some(reference),
        }
    }

    /// The idempotency key of the call that is being made. Gateways repeat a stored answer under one key, also where it was
    /// trouble that has passed since.
    pub fn key(&self) -> String {
        format!("{}-{}", self.id, self.calls)
    }

    /// Whether the gateway may still make it, or says that it will.
    pub fn is_undecided(&self) -> bool {
        self.is_under_way() || self.needs_review() && self.calls > 0
    }

    /// Whether it is not decided and no person is needed: something will happen to it by itself.
    pub fn is_under_way(&self) -> bool {
        match &self.state {
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::Voiding { .. } => true,
            RefundState::Succeeded { .. } | RefundState::Failed { .. } | RefundState::NeedsReview { .. } => false,
        }
    }

    /// Whether the gateway is asked about it, or for it, and not a person or a sweep of ours writes what became of it.
    pub fn is_the_gateways(&self) -> bool {
        let is_ours_to_write = matches!(&self.state, RefundState::Acknowledged { .. } | RefundState::Voiding { .. });
        self.method == RefundBy::Gateway && !is_ours_to_write
    }

    /// Whether the money went, as far as the books know.
    pub fn has_succeeded(&self) -> bool {
        matches!(&self.state, RefundState::Succeeded { .. } | RefundState::Voiding { .. })
    }

    /// Since when the books know that it did not last, or was noted by mistake, where they had it as gone.
    pub fn undone_at(&self) -> Option<Timestamp> {
        match &self.state {
            RefundState::Failed { at, succeeded_at: Some(_), .. } => Some(*at),
            RefundState::Failed { succeeded_at: None, .. }
            | RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::Succeeded { .. }
            | RefundState::Voiding { .. }
            | RefundState::NeedsReview { .. } => None,
        }
    }

    /// When the books had it as gone, also where that did not last.
    pub fn recorded_at(&self) -> Option<Timestamp> {
        match &self.state {
            RefundState::Succeeded { at } | RefundState::Voiding { succeeded_at: at, .. } => Some(*at),
            RefundState::Failed { succeeded_at, .. } => *succeeded_at,
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::NeedsReview { .. } => None,
        }
    }

    /// Whether a person has to look.
    pub fn needs_review(&self) -> bool {
        matches!(&self.state, RefundState::NeedsReview { .. })
    }

    /// What it takes of the payment, in minor units: what went back, and what may. Of what a person has to look at that person
    /// may find that it went, or have it asked for again.
    pub fn takes(&self) -> i64 {
        if self.has_succeeded() || self.is_under_way() || self.needs_review() { self.amount } else { 0 }
    }

    /// Whether the gateway took the order and has not said what became of it.
    pub(super) fn is_at_the_gateway(&self) -> bool {
        (self.is_under_way() || self.needs_review()) && self.gateway_reference.is_some()
    }

    /// Whether nobody knows which of the gateway's refunds it is, if any, so that no other call may be made meanwhile.
    pub(super) fn keeps_others_waiting(&self) -> bool {
        self.is_the_gateways() && matches!(&self.state, RefundState::Pending | RefundState::Calling { .. })
    }

    /// Whether a call asked the gateway for it, and what came of that is not known.
    pub(super) fn is_called(&self) -> bool {
        self.method == RefundBy::Gateway && matches!(&self.state, RefundState::Calling { .. })
    }

    /// Whether the gateway may be asked for it now, given what it said about the refunds that there are.
    pub(super) fn may_call(&self, answer: &RefundAnswer) -> bool {
        self.method == RefundBy::Gateway
            && matches!(
                (&self.state, answer),
                (RefundState::Pending, RefundAnswer::Absent | RefundAnswer::Unlisted)
                    | (RefundState::Calling { .. }, RefundAnswer::Absent)
            )
    }

    /// Whether what a call before made would be shown by now.
    pub(super) fn is_surely_listed(&self, now: Timestamp) -> bool {
        let RefundState::Calling { since } = &self.state else { return true };
        now.duration_since(*since) >= SURELY_LISTED
    }

    /// The refund with the intention to ask for it, which is written before the call that asks for it.
    pub(super) fn calling(&self, now: Timestamp) -> Self {
        let state = RefundState::Calling { since: now };
        Self { calls: self.calls.saturating_add(1), state, look_at: Some(later(now, LEASE)), ..self.clone() }
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
        Some(Self { state, unanswered: 0, look_at: Some(now), ..self })
    }

    /// The refund as it is since a person decided that it ends so.
    pub(super) fn resolved(&self, state: RefundState, by: Option<&CreatedBy>) -> Self {
        Self { resolved_by: by.cloned(), ..self.settled(state) }
    }

    /// The refund as nothing will happen to it by itself any more.
    pub(super) fn settled(&self, state: RefundState) -> Self {
        Self { state, look_at: None, ..self.clone() }
    }

    /// When it is looked at next, after a run that leased it at this instant. `can_reverse` says whether its payment can be
    /// undone for a while only, so that each sweep calls.
    pub(super) fn next_look(&self, can_reverse: bool, now: Timestamp) -> Timestamp {
        let pause = if let RefundState::Accepted { since } = &self.state {
            pause_before_asking(now.duration_since(*since))
        } else if can_reverse {
            LEASE
        } else {
            LEASE.saturating_mul(1 << self.unanswered.min(6))
        };
        later(now, pause)
    }

    /// What follows from what a gateway said about it. `None` where there is nothing to write.
    pub(super) fn follow(&self, answer: &RefundAnswer, can_reverse: bool, now: Timestamp) -> Option<Followed> {
        let goes_on = |refund: Self| {
            let look_at = Some(refund.next_look(can_reverse, now));
            Some(Followed { refund: Self { look_at, ..refund }, review: None })
        };
        let unclear = |reason: ReviewReason| {
            let refund = self.settled(RefundState::NeedsReview { at: now, reason: reason.clone() });
            Some(Followed { refund, review: Some(reason) })
        };
        let known = |reference: &Option<String>| reference.clone().or_else(|| self.gateway_reference.clone());
        match answer {
            RefundAnswer::Succeeded { reference } => {
                let state = RefundState::Succeeded { at: now };
                let refund = Self { gateway_reference: known(reference), unanswered: 0, ..self.settled(state) };
                Some(Followed { refund, review: None })
            }
            RefundAnswer::Accepted { .. } if self.is_too_slow(now) => unclear(ReviewReason::RefundTooSlow),
            RefundAnswer::Accepted { .. } if matches!(self.state, RefundState::Accepted { .. }) => None,
            RefundAnswer::Accepted { reference } => goes_on(Self {
                gateway_reference: Some(reference.clone()),
                unanswered: 0,
                state: RefundState::Accepted { since: now },
                ..self.clone()
            }),
            RefundAnswer::Failed { reference, code } => {
                let state = RefundState::failed(code, now);
                let refund = Self { gateway_reference: known(reference), ..self.settled(state) };
                Some(Followed { refund, review: Some(ReviewReason::RefundFailed { code: code.clone() }) })
            }
            // A key may be replaced in a minute, and what a refused one asks about may be under way all the same.
            RefundAnswer::AccountRefused { .. } => self.unanswered(can_reverse, now),
            RefundAnswer::CredentialsMissing { .. } if self.calls > 1 => self.unanswered(can_reverse, now),
            // A call before this one was not answered, and may be why there is nothing left to refund.
            RefundAnswer::Refused { .. } if self.calls > 1 => unclear(ReviewReason::RefundUnanswered),
            RefundAnswer::Refused { code } | RefundAnswer::CredentialsMissing { code } => {
                let refund = self.settled(RefundState::failed(code, now));
                Some(Followed { refund, review: Some(ReviewReason::RefundRefused { code: code.clone() }) })
            }
            RefundAnswer::Unlisted => match &self.state {
                RefundState::Calling { since } if now.duration_since(*since) >= LATEST_LISTING => {
                    unclear(ReviewReason::RefundUnanswered)
                }
                // What the gateway took does not vanish by itself.
                RefundState::Accepted { .. } => self.unanswered(can_reverse, now),
                RefundState::Pending
                | RefundState::Calling { .. }
                | RefundState::Acknowledged { .. }
                | RefundState::Voiding { .. }
                | RefundState::Succeeded { .. }
                | RefundState::Failed { .. }
                | RefundState::NeedsReview { .. } => None,
            },
            RefundAnswer::Absent if matches!(self.state, RefundState::Accepted { .. }) => {
                self.unanswered(can_reverse, now)
            }
            RefundAnswer::Absent => None,
            RefundAnswer::Unknown { .. } => self.unanswered(can_reverse, now),
        }
    }

    /// The refund after one more question about it that was not answered.
    fn unanswered(&self, can_reverse: bool, now: Timestamp) -> Option<Followed> {
        let refund = Self { unanswered: self.unanswered.saturating_add(1), ..self.clone() };
        let is_accepted = matches!(refund.state, RefundState::Accepted { .. });
        // Where the gateway has the order, time alone says when it has had it for too long.
        let gives_up = if is_accepted { refund.is_too_slow(now) } else { refund.unanswered >= MAX_REFUND_TRIES };
        if gives_up {
            let reason = if is_accepted { ReviewReason::RefundTooSlow } else { ReviewReason::RefundUnanswered };
            let refund = refund.settled(RefundState::NeedsReview { at: now, reason: reason.clone() });
            return Some(Followed { refund, review: Some(reason) });
        }
        let look_at = Some(refund.next_look(can_reverse, now));
        Some(Followed { refund: Self { look_at, ..refund }, review: None })
    }

    /// Whether the gateway has had the order for longer than the slowest bank takes.
    fn is_too_slow(&self, now: Timestamp) -> bool {
        matches!(&self.state, RefundState::Accepted { since } if now.duration_since(*since) >= SLOWEST_REFUND)
    }
}

/// How long to wait before the gateway is asked again about a refund that it took, by how long it has had it.
fn pause_before_asking(had_for: SignedDuration) -> SignedDuration {
    if had_for < SignedDuration::from_mins(10) {
        LEASE
    } else if had_for < SignedDuration::from_hours(3) {
        SignedDuration::from_mins(10)
    } else if had_for < SignedDuration::from_hours(72) {
        SignedDuration::from_hours(1)
    } else {
        SignedDuration::from_hours(6)
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

//! Sending money back that is ours and that the link cannot keep.
//!
//! Each call that sends money back is written down before it is made, so that whoever goes on after a crash knows that the
//! gateway may have done it. A gateway that took the order is asked until it says that the money went, or that it
//! will not: accepted is not done. No second refund is asked for while the first may still go through.

use jiff::{SignedDuration, Timestamp};

use super::attempt::{Attempt, AttemptState, LEASE, later};
use super::payment_link::PaymentLink;
use super::refund::{Refund, RefundCause, RefundState};
use super::review_reason::ReviewReason;
use crate::gateway::{Payment, RefundAnswer};
use crate::ids::AttemptId;

/// After this many unanswered questions and calls in a row a person has to look. Where the gateway lets a call undo a
/// payment for half an hour only, one a minute spreads them over most of it.
pub(crate) const MAX_REFUND_TRIES: u32 = 25;

/// A gateway's list of refunds is not believed to be late by more than this. Where a second call could refund a second
/// time, one that is still not listed then is for a person.
const LATEST_LISTING: SignedDuration = SignedDuration::from_hours(2);

/// A refund that its gateway has not finished after this long is for a person. Banks take up to ten working days.
const SLOWEST_REFUND: SignedDuration = SignedDuration::from_hours(14 * 24);

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

impl Attempt {
    /// The refund that is under way.
    pub fn refunding(&self) -> Option<(&Payment, &Refund)> {
        let AttemptState::Refunding { payment, .. } = &self.state else { return None };
        Some((payment, self.refund.as_ref()?))
    }

    /// When the refund is looked at next, after a run that leased it at this instant.
    pub(super) fn next_refund_look(&self, now: Timestamp) -> Timestamp {
        let Some(refund) = &self.refund else { return later(now, LEASE) };
        match &refund.state {
            RefundState::Accepted { since } => later(now, pause_before_asking(now.duration_since(*since))),
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Succeeded { .. }
            | RefundState::Failed { .. }
            | RefundState::NeedsReview { .. } => later(now, self.pause_before_refund(refund.unanswered)),
        }
    }

    /// The pause after `unanswered` unanswered calls. Where a payment can be undone for a while only, each sweep calls.
    fn pause_before_refund(&self, unanswered: u32) -> SignedDuration {
        if self.gateway.profile().can_reverse() { LEASE } else { LEASE.saturating_mul(1 << unanswered.min(6)) }
    }
}

impl PaymentLink {
    /// The link with the beginning of a refund of an attempt's money.
    pub(super) fn begin_refund(&self, id: &AttemptId, payment: Payment, cause: RefundCause, now: Timestamp) -> Self {
        let refund = self.attempt(id).map(|attempt| Refund::next(id, attempt.refund.as_ref(), cause, now));
        self.with_refund(id, refund, AttemptState::Refunding { payment, look_up_at: now }, now)
    }

    /// The link with a refund that a person wants to be asked about once more. `None` where there is none to ask about.
    pub(super) fn ask_about_refund(&self, id: &AttemptId, payment: Payment, now: Timestamp) -> Option<Self> {
        let refund = self.attempt(id)?.refund.clone()?.asked_again(now)?;
        Some(self.with_refund(id, Some(refund), AttemptState::Refunding { payment, look_up_at: now }, now))
    }

    /// Whether the gateway may be asked for the refund now, given what it said about the refunds that there are.
    pub fn may_call_refund(&self, id: &AttemptId, answer: &RefundAnswer) -> bool {
        self.attempt(id).and_then(Attempt::refunding).is_some_and(|(_, refund)| refund.may_call(answer))
    }

    /// The link with the intention to ask for the refund, which is written before the call that asks for it.
    pub fn begin_refund_call(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        let attempt = self.attempt(id)?;
        let (payment, refund) = attempt.refunding()?;
        let refund = Refund {
            calls: refund.calls.saturating_add(1),
            state: RefundState::Calling { since: now },
            ..refund.clone()
        };
        let state = AttemptState::Refunding { payment: payment.clone(), look_up_at: later(now, LEASE) };
        Some(self.with_refund(id, Some(refund), state, now))
    }

    /// What follows from what a gateway said about a refund. `None` where there is nothing to write.
    pub fn apply_refund_answer(&self, id: &AttemptId, answer: &RefundAnswer, now: Timestamp) -> Option<Self> {
        let attempt = self.attempt(id)?;
        let (payment, refund) = attempt.refunding()?;
        let goes_on = |refund: Refund| {
            let look_up_at = Attempt { refund: Some(refund.clone()), ..attempt.clone() }.next_refund_look(now);
            let state = AttemptState::Refunding { payment: payment.clone(), look_up_at };
            Some(self.with_refund(id, Some(refund), state, now))
        };
        let review = |reason: ReviewReason, refund: Refund| {
            let state = AttemptState::NeedsReview { at: now, reason, payment: Some(payment.clone()) };
            Some(self.with_refund(id, Some(refund), state, now))
        };
        let known = |reference: &Option<String>| reference.clone().or_else(|| refund.gateway_reference.clone());
        let unclear = || Refund { state: RefundState::NeedsReview { at: now }, ..refund.clone() };
        match answer {
            RefundAnswer::Succeeded { reference } => {
                let state = RefundState::Succeeded { at: now };
                let refund = Refund { gateway_reference: known(reference), unanswered: 0, state, ..refund.clone() };
                Some(self.with_refund(id, Some(refund), AttemptState::Refunded { at: now }, now))
            }
            RefundAnswer::Accepted { .. } if is_too_slow(refund, now) => review(ReviewReason::RefundTooSlow, unclear()),
            RefundAnswer::Accepted { .. } if matches!(refund.state, RefundState::Accepted { .. }) => None,
            RefundAnswer::Accepted { reference } => goes_on(Refund {
                gateway_reference: Some(reference.clone()),
                unanswered: 0,
                state: RefundState::Accepted { since: now },
                ..refund.clone()
            }),
            RefundAnswer::Failed { reference, code } => {
                let state = RefundState::Failed { at: now, code: code.clone() };
                let refund = Refund { gateway_reference: known(reference), state, ..refund.clone() };
                review(ReviewReason::RefundFailed { code: code.clone() }, refund)
            }
            // A key may be replaced in a minute, and what a refused one asks about may be under way all the same.
            RefundAnswer::AccountRefused { .. } => self.unanswered_refund(id, now),
            RefundAnswer::CredentialsMissing { .. } if refund.calls > 1 => self.unanswered_refund(id, now),
            // A call before this one was not answered, and may be why there is nothing left to refund.
            RefundAnswer::Refused { .. } if refund.calls > 1 => review(ReviewReason::RefundUnanswered, unclear()),
            RefundAnswer::Refused { code } | RefundAnswer::CredentialsMissing { code } => {
                let state = RefundState::Failed { at: now, code: code.clone() };
                review(ReviewReason::RefundRefused { code: code.clone() }, Refund { state, ..refund.clone() })
            }
            RefundAnswer::Unlisted => match &refund.state {
                RefundState::Calling { since } if now.duration_since(*since) >= LATEST_LISTING => {
                    review(ReviewReason::RefundUnanswered, unclear())
                }
                // What the gateway took does not vanish by itself.
                RefundState::Accepted { .. } => self.unanswered_refund(id, now),
                RefundState::Pending
                | RefundState::Calling { .. }
                | RefundState::Succeeded { .. }
                | RefundState::Failed { .. }
                | RefundState::NeedsReview { .. } => None,
            },
            RefundAnswer::Absent if matches!(refund.state, RefundState::Accepted { .. }) => {
                self.unanswered_refund(id, now)
            }
            RefundAnswer::Absent => None,
            RefundAnswer::Unknown { .. } => self.unanswered_refund(id, now),
        }
    }

    /// The same, where a call of somebody else made us ask. How often that happens is not ours to say, so that a
    /// question which was not answered counts for nothing: the schedule's own do, until a person has to look.
    pub fn apply_refund_news(&self, id: &AttemptId, answer: &RefundAnswer, now: Timestamp) -> Option<Self> {
        let unanswered = |link: &Self| Some(link.attempt(id)?.refund.as_ref()?.unanswered);
        self.apply_refund_answer(id, answer, now).filter(|next| unanswered(next) <= unanswered(self))
    }

    /// The link after one more question about a refund that was not answered.
    fn unanswered_refund(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        let attempt = self.attempt(id)?;
        let (payment, refund) = attempt.refunding()?;
        let refund = Refund { unanswered: refund.unanswered.saturating_add(1), ..refund.clone() };
        let is_accepted = matches!(refund.state, RefundState::Accepted { .. });
        // Where the gateway has the order, time alone says when it has had it for too long.
        let gives_up = if is_accepted { is_too_slow(&refund, now) } else { refund.unanswered >= MAX_REFUND_TRIES };
        if gives_up {
            let reason = if is_accepted { ReviewReason::RefundTooSlow } else { ReviewReason::RefundUnanswered };
            let state = AttemptState::NeedsReview { at: now, reason, payment: Some(payment.clone()) };
            let refund = Refund { state: RefundState::NeedsReview { at: now }, ..refund };
            return Some(self.with_refund(id, Some(refund), state, now));
        }
        let look_up_at = Attempt { refund: Some(refund.clone()), ..attempt.clone() }.next_refund_look(now);
        let state = AttemptState::Refunding { payment: payment.clone(), look_up_at };
        Some(self.with_refund(id, Some(refund), state, now))
    }

    fn with_refund(&self, id: &AttemptId, refund: Option<Refund>, state: AttemptState, now: Timestamp) -> Self {
        self.with_attempt(id, now, state, |attempt| attempt.refund = refund)
    }
}

/// Whether the gateway has had the order for longer than the slowest bank takes.
fn is_too_slow(refund: &Refund, now: Timestamp) -> bool {
    matches!(&refund.state, RefundState::Accepted { since } if now.duration_since(*since) >= SLOWEST_REFUND)
}

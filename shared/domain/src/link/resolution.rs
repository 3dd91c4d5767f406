//! What a person decides about an attempt that no rule could decide.

use jiff::Timestamp;

use super::attempt::{Attempt, AttemptState};
use super::created_by::CreatedBy;
use super::payment_link::PaymentLink;
use super::refund::{Refund, RefundState, WhyRefunded};
use super::review_reason::ReviewReason;
use crate::gateway::{LookUp, NotPaidCause, NotPaidReason, Payment};
use crate::ids::AttemptId;
use crate::problem::{Rejection, parse_word};

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
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
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
    /// The gateway confirmed money of this attempt, so that it was paid.
    MoneyConfirmed,
    /// The gateway was asked to refund the money, and what became of that is not known.
    RefundUndecided,
    /// The link could not take money when the gateway confirmed this: it is paid, cancelled or replaced, or it had expired and
    /// its account takes no late money.
    LinkTakesNoMoney,
    /// Another payment of this link is being confirmed at this moment.
    AnotherIsConfirming,
}

impl PaymentLink {
    /// What a person decided about an attempt under review, and who did.
    pub fn resolve(
        &self,
        id: &AttemptId,
        resolution: Resolution,
        by: Option<&CreatedBy>,
        now: Timestamp,
    ) -> Result<Self, ResolveRefused> {
        let attempt = self.attempt(id).ok_or(ResolveRefused::NoSuchAttempt)?;
        let AttemptState::NeedsReview { payment, reason, .. } = &attempt.state else {
            return Err(ResolveRefused::NotUnderReview);
        };
        // Money that paid something else is not this attempt's: refunding it would take it from there.
        let own = payment.clone().filter(|_| *reason != ReviewReason::ReferenceUsedBefore);
        match resolution {
            Resolution::AskAgain => self.ask_again(attempt, own, now),
            Resolution::Keep => self.accept(attempt, own, by, now),
            Resolution::Refund => {
                let payment = own.ok_or(ResolveRefused::NoMoneyConfirmed)?;
                if attempt.refunds.last().is_some_and(Refund::is_at_the_gateway) {
                    return Err(ResolveRefused::RefundUndecided);
                }
                Ok(self.begin_refund(id, payment, WhyRefunded::Asked(by.cloned()), now))
            }
            Resolution::RefundedElsewhere => {
                // Those before were replaced by the last one.
                let last = attempt.refunds.last();
                let is_last = |refund: &Refund| last.is_some_and(|last| last.id == refund.id);
                let link = self.without_reviewed_refunds(id, ("resolved_refunded_elsewhere", by), is_last, now);
                Ok(link.with_state(id, now, AttemptState::Refunded { at: now }))
            }
            Resolution::NotPaid if own.is_some() || Self::confirmed_before(attempt) => {
                Err(ResolveRefused::MoneyConfirmed)
            }
            Resolution::NotPaid => {
                let reason = NotPaidReason::new(NotPaidCause::Unspecified, "resolved_not_paid");
                Ok(self.with_state(id, now, AttemptState::Failed { at: now, reason, look_up_at: None }))
            }
        }
    }

    /// The link whose attempt leaves review with refunds that a person had to look at: those that are meant are not looked at
    /// any more. This is no change by itself: it is written with the next one.
    fn without_reviewed_refunds(
        &self,
        id: &AttemptId,
        (code, by): (&str, Option<&CreatedBy>),
        is_meant: impl Fn(&Refund) -> bool,
        now: Timestamp,
    ) -> Self {
        let mut link = self.clone();
        let attempt = link.attempts.iter_mut().find(|attempt| attempt.id == *id);
        let refunds = attempt.into_iter().flat_map(|attempt| &mut attempt.refunds);
        for refund in refunds.filter(|refund| refund.needs_review() && is_meant(refund)) {
            *refund = refund.resolved(RefundState::failed(code, now), by);
        }
        link
    }

    /// Whether the gateway confirmed money of this attempt that its state does not hold any more.
    fn confirmed_before(attempt: &Attempt) -> bool {
        let is_anothers =
            matches!(&attempt.state, AttemptState::NeedsReview { reason: ReviewReason::ReferenceUsedBefore, .. });
        attempt.confirmed_at.is_some() && !is_anothers
    }

    /// The gateway is asked once more: about the refund where there is one, by another call that takes the money where
    /// only that tells, and otherwise about the session.
    fn ask_again(&self, attempt: &Attempt, own: Option<Payment>, now: Timestamp) -> Result<Self, ResolveRefused> {
        let id = &attempt.id;
        if let Some(payment) = own.clone()
            && let Some(asked) = self.ask_about_refund(id, payment, now)
        {
            return Ok(asked);
        }
        let is_known_from_return = attempt.gateway.profile().look_up == LookUp::OnlyOnReturn
            && attempt.return_reference.is_some()
            && attempt.was_confirming;
        let state = if is_known_from_return {
            // It was about to be taken before, so that asking once more takes nothing that was not to be taken.
            if self.confirming().is_some() {
                return Err(ResolveRefused::AnotherIsConfirming);
            }
            AttemptState::Confirming { since: now, look_up_at: now, confirmed: own }
        } else {
            AttemptState::Open { look_up_at: now, reported_at: Some(now), processing_since: None, confirmed: own }
        };
        Ok(self.with_state(id, now, state))
    }

    fn accept(
        &self,
        attempt: &Attempt,
        own: Option<Payment>,
        by: Option<&CreatedBy>,
        now: Timestamp,
    ) -> Result<Self, ResolveRefused> {
        let confirmed_at = attempt.confirmed_at.unwrap_or(now);
        if self.confirming().is_some() || !self.took_money_at(confirmed_at) {
            return Err(ResolveRefused::LinkTakesNoMoney);
        }
        if attempt.refunds.last().is_some_and(Refund::is_undecided) {
            return Err(ResolveRefused::RefundUndecided);
        }
        let payment = own.ok_or(ResolveRefused::NoMoneyConfirmed)?;
        // A refund that nobody was ever asked for does not come back to life with money that is kept.
        let link = self.without_reviewed_refunds(&attempt.id, ("resolved_kept", by), |refund| refund.calls == 0, now);
        Ok(link.with_state(&attempt.id, now, AttemptState::Accepted { payment, look_up_at: now }))
    }
}

//! Sending money back: what a link could not keep, and what somebody wants to be returned of what it kept.
//!
//! All refunds of one payment lie on its attempt, and every change of them is a change of the link, written over the version
//! that it was decided on. So two callers cannot give back the same money, and what is not decided counts as gone.
//!
//! Each call that sends money back is written down before it is made, so that whoever goes on after a crash knows that the
//! gateway may have done it. A gateway that took the order is asked until it says that the money went, or that it
//! will not: accepted is not done. No call is made while another's outcome is not known, because nobody could say which of
//! the two a gateway shows.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::attempt::{Attempt, AttemptState};
use super::confirming::Transition;
use super::created_by::CreatedBy;
use super::payment_link::{PaymentLink, Work};
use super::receipt::{Correction, Receipt};
use super::recorded::VoidRefused;
use super::refund::{Followed, NewRefund, Refund, RefundBy, RefundCause, RefundState, WhyRefunded};
use crate::clocks::{CLOCKS_DIFFER_BY, later};
use crate::gateway::{CannotRefund, Mode, Payment, RefundAnswer};
use crate::idempotency::RequestFingerprint;
use crate::ids::{AccountId, AttemptId, ReceiptId, RefundId};
use crate::money::Currency;
use crate::problem::{Rejection, parse_word};

/// At most this many refunds of one payment went or may go.
pub const MAX_REFUNDS: usize = 20;

/// A payment is asked to be returned at most this often at its gateway, also where it failed each time. What went by other
/// means can be noted even then.
const MOST_ASKED_FOR: usize = 60;

/// Why a refund counts as failed that was noted by mistake.
const VOIDED: &str = "voided";

/// Why a refund counts as failed that nobody knows anything about, and in whose place a person had another made.
const REPLACED: &str = "replaced";

/// What somebody wants to be returned of a payment that a link kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundWish {
    /// In minor units of the payment's currency. Left out, all that is left.
    pub amount: Option<i64>,
    pub method: RefundBy,
    pub reason: Option<String>,
    pub requested_by: Option<CreatedBy>,
    /// The request that asks for it.
    pub request: Option<RequestFingerprint>,
    /// The names of the optional credentials that the account has, where they are known.
    pub has_credentials: Option<BTreeSet<String>>,
    /// Of which mode and currency the account is that `method` names, where it names one that there is.
    pub from: Option<(Mode, Currency)>,
}

/// Why a refund cannot be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundRefused {
    /// The link has no such attempt.
    NoSuchAttempt,
    /// The link has no payment of this attempt.
    NoSuchPayment,
    /// The money went from an account that there is not, or from one of another mode or currency.
    NotFromThere,
    /// The payment was written down by mistake, so that there is no money of it.
    Voided,
    /// A person wrote the payment down, so that no gateway can be asked for it.
    NotByGateway,
    /// Nothing is left of the payment: all of it went back, or may have.
    NothingLeft,
    /// More than is left of the payment, which is so much in minor units.
    TooMuch { left: i64 },
    /// There were too many of this payment already.
    TooMany,
    /// The same was asked for by the same request before, and this refund came of it.
    Repeated(RefundId),
    /// Something else was asked for under the same idempotency key before.
    KeyReused,
    /// It went back at an instant at which it was not paid yet, or that has not come.
    NotThen,
    /// The payment's gateway cannot be asked for it.
    Gateway(CannotRefund),
}

/// What a person found out about a refund that needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundResolution {
    /// The gateway is asked once more.
    AskAgain,
    /// The money went back.
    Refunded,
    /// It did not, and will not by this refund.
    NotRefunded,
}

impl RefundResolution {
    pub const ALL: [Self; 3] = [Self::AskAgain, Self::Refunded, Self::NotRefunded];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_choice")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AskAgain => "ask_again",
            Self::Refunded => "refunded",
            Self::NotRefunded => "not_refunded",
        }
    }
}

/// Why a person's decision about a refund cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveRefundRefused {
    NoSuchRefund,
    /// No person is needed for it, or its attempt is what a person decides about.
    NotUnderReview,
    /// The gateway has the order and may still send the money.
    AtTheGateway,
    /// A call for another refund of the payment was made, and what came of it is not known yet.
    AnotherIsCalled,
}

impl Refund {
    /// The account that the money goes from.
    pub fn account_id<'a>(&'a self, attempt: &'a Attempt) -> &'a AccountId {
        match &self.method {
            RefundBy::Outside { account_id: Some(account), .. } => account,
            RefundBy::Gateway | RefundBy::Outside { account_id: None, .. } => &attempt.account_id,
        }
    }
}

impl Attempt {
    /// The money that its refunds are of, where there is any.
    pub fn refundable(&self) -> Option<&Payment> {
        match &self.state {
            AttemptState::Refunding { payment, .. } | AttemptState::Paid { payment, .. } => Some(payment),
            AttemptState::Open { .. }
            | AttemptState::Confirming { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Failed { .. }
            | AttemptState::Abandoned { .. }
            | AttemptState::Refunded { .. }
            | AttemptState::NeedsReview { .. } => None,
        }
    }

    pub fn refund(&self, id: &RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == *id)
    }

    /// The refund that was asked for under the idempotency key of a request, whatever its body.
    fn refund_by<'a>(&self, request: &'a RequestFingerprint) -> Option<(&Refund, &'a RequestFingerprint)> {
        let is_of_request = |refund: &&Refund| refund.request.as_ref().is_some_and(|known| known.key == request.key);
        Some((self.refunds.iter().find(is_of_request)?, request))
    }

    /// A refund that is under way, with the money that it is of.
    pub fn refunding(&self, id: &RefundId) -> Option<(&Payment, &Refund)> {
        let refund = self.refund(id).filter(|refund| refund.is_under_way())?;
        Some((self.refundable()?, refund))
    }

    /// The refunds at which somebody has to look at some instant: those that the gateway took, and of the others the first,
    /// which keeps those behind it waiting.
    pub fn refunds_to_look_at(&self) -> impl Iterator<Item = &Refund> {
        let first = self.refunds.iter().position(Refund::keeps_others_waiting);
        let is_next = move |(index, refund): &(usize, &Refund)| {
            refund.is_under_way() && (!refund.keeps_others_waiting() || Some(*index) == first)
        };
        self.refunds.iter().enumerate().filter(is_next).map(|(_, refund)| refund)
    }

    /// When a refund has to be looked at next.
    pub(super) fn refunds_due_at(&self) -> Option<Timestamp> {
        self.refunds_to_look_at().filter_map(|refund| refund.look_at).min()
    }

    /// Whether it is not known of a refund whether the money went, or a person has to look.
    pub(super) fn has_undecided_refund(&self) -> bool {
        let is_undecided = |refund: &Refund| refund.is_under_way() || refund.needs_review() && self.is_kept();
        self.refunds.iter().any(is_undecided)
    }

    /// How a refund is shown. Of money that no link keeps a person decides on the attempt: where that led to another refund,
    /// nothing will become of the one before, which has failed since then. Here it stays under review: should the money be kept
    /// after all, somebody has to find out whether it went.
    pub fn state_of<'a>(&self, refund: &'a Refund) -> Cow<'a, RefundState> {
        match self.replaced_by(refund) {
            Some(other) => Cow::Owned(RefundState::failed(REPLACED, other.created_at)),
            None => Cow::Borrowed(&refund.state),
        }
    }

    /// Who decided what became of a refund, where a person had to: who had another made in its place, or who ended it.
    pub fn resolved_by<'a>(&'a self, refund: &'a Refund) -> Option<&'a CreatedBy> {
        self.replaced_by(refund).map_or(refund.resolved_by.as_ref(), |other| other.requested_by.as_ref())
    }

    /// The refund that a person had made in the place of this one, which needed one.
    fn replaced_by(&self, refund: &Refund) -> Option<&Refund> {
        let mut later = self.refunds.iter().skip_while(|one| one.id != refund.id).skip(1);
        later.next().filter(|_| refund.needs_review() && !self.is_kept())
    }

    /// Since when the gateway has said that its money is ours, where it has and we still know.
    pub fn confirmed_since(&self) -> Option<Timestamp> {
        if let AttemptState::Paid { at, .. } = &self.state { Some(*at) } else { self.confirmed_at }
    }

    /// Whether its money is the payment of its link.
    pub fn is_kept(&self) -> bool {
        matches!(self.state, AttemptState::Paid { .. })
    }

    /// Whether its money went back by the last of its refunds.
    pub(super) fn went_back_by_refund(&self) -> bool {
        self.refunds.last().is_some_and(Refund::has_succeeded)
    }

    /// Moves the refunds that are due ahead, and says what has to be done.
    pub(super) fn lease_refunds(&mut self, now: Timestamp) -> Vec<Work> {
        let can_reverse = self.gateway.profile().can_reverse();
        let due: Vec<RefundId> = self
            .refunds_to_look_at()
            .filter(|refund| refund.look_at.is_some_and(|at| at <= now))
            .map(|refund| refund.id.clone())
            .collect();
        for refund in self.refunds.iter_mut().filter(|refund| due.contains(&refund.id)) {
            refund.look_at = Some(refund.next_look(can_reverse, now));
        }
        due.into_iter().map(|refund| Work::Refund(self.id.clone(), refund)).collect()
    }

    /// What went back of its money, in minor units.
    pub fn refunded(&self) -> i64 {
        self.refunds
            .iter()
            .filter(|refund| refund.has_succeeded())
            .fold(0, |sum, refund| sum.saturating_add(refund.amount))
    }

    /// What can still be returned of a payment, in minor units: less what went back, less what may have, and less what is
    /// disputed, which a bank may take.
    pub fn left_of(&self, payment: &Payment) -> i64 {
        let taken = self.disputed();
        let taken = self.refunds.iter().fold(taken, |sum, refund| sum.saturating_add(refund.takes()));
        payment.money.minor_units().saturating_sub(taken).max(0)
    }
}

impl PaymentLink {
    /// The link with the beginning of a refund of an attempt's money, all of which goes back because no link keeps it.
    pub(super) fn begin_refund(&self, id: &AttemptId, payment: Payment, why: WhyRefunded, now: Timestamp) -> Self {
        let new = NewRefund::whole(why, payment.money.minor_units());
        let refund = Refund::new(self.next_refund_id(), new, now);
        self.with_attempt(id, now, AttemptState::Refunding { payment }, |attempt| attempt.refunds.push(refund))
    }

    /// The id of a refund that the next version of the link begins.
    pub(super) fn next_refund_id(&self) -> RefundId {
        RefundId::of(&self.id, self.version + 1)
    }

    /// A refund by its id, with the attempt that it is of.
    pub fn refund(&self, id: &RefundId) -> Option<(&Attempt, &Refund)> {
        self.attempts.iter().find_map(|attempt| Some((attempt, attempt.refund(id)?)))
    }

    /// The link with a refund of money that it kept.
    pub fn request_refund(&self, id: &AttemptId, wish: RefundWish, now: Timestamp) -> Result<Self, RefundRefused> {
        let attempt = self.attempt(id).ok_or(RefundRefused::NoSuchAttempt)?;
        let AttemptState::Paid { at, payment, .. } = &attempt.state else {
            return Err(RefundRefused::NoSuchPayment);
        };
        if let Some((known, request)) = wish.request.as_ref().and_then(|request| attempt.refund_by(request)) {
            let is_same = known.request.as_ref() == Some(request);
            return Err(if is_same { RefundRefused::Repeated(known.id.clone()) } else { RefundRefused::KeyReused });
        }
        if attempt.voided.is_some() {
            return Err(RefundRefused::Voided);
        }
        if attempt.is_recorded() && wish.method == RefundBy::Gateway {
            return Err(RefundRefused::NotByGateway);
        }
        let is_named = matches!(&wish.method, RefundBy::Outside { account_id: Some(_), .. });
        if is_named && wish.from != Some((self.terms.mode, payment.money.currency())) {
            return Err(RefundRefused::NotFromThere);
        }
        let paid_at = payment.gateway_paid_at.map_or(*at, |paid_at| paid_at.min(*at));
        let earliest = paid_at.checked_sub(CLOCKS_DIFFER_BY).unwrap_or(Timestamp::MIN);
        let method = match wish.method {
            RefundBy::Outside { refunded_at, .. }
                if refunded_at < earliest || refunded_at > later(now, CLOCKS_DIFFER_BY) =>
            {
                return Err(RefundRefused::NotThen);
            }
            // Books know nothing of what is still to come.
            RefundBy::Outside { account_id, reference, refunded_at } => {
                RefundBy::Outside { account_id, reference, refunded_at: refunded_at.min(now) }
            }
            RefundBy::Gateway => RefundBy::Gateway,
        };
        let left = attempt.left_of(payment);
        let amount = wish.amount.unwrap_or(left);
        if left == 0 {
            return Err(RefundRefused::NothingLeft);
        }
        if amount > left {
            return Err(RefundRefused::TooMuch { left });
        }
        // What somebody did in the gateway's dashboard, and what a bank took, use up nothing of that.
        let is_ours = |refund: &&Refund| matches!(refund.cause, RefundCause::Automatic | RefundCause::Requested);
        let taking = attempt.refunds.iter().filter(is_ours).filter(|refund| refund.takes() > 0).count();
        let asked_for = attempt.refunds.iter().filter(is_ours).count();
        let is_asked_too_often = method == RefundBy::Gateway && asked_for >= MOST_ASKED_FOR;
        if taking >= MAX_REFUNDS || is_asked_too_often {
            return Err(RefundRefused::TooMany);
        }
        if method == RefundBy::Gateway {
            let is_whole = amount == payment.money.minor_units();
            let (profile, age) = (attempt.gateway.profile(), now.duration_since(*at));
            let may_refund = profile.may_refund(amount, is_whole, age, wish.has_credentials.as_ref());
            may_refund.map_err(RefundRefused::Gateway)?;
        }
        let RefundWish { amount: _, method: _, reason, requested_by, request, has_credentials: _, from: _ } = wish;
        let new =
            NewRefund { cause: RefundCause::Requested, amount, method, reason, not_kept: None, requested_by, request };
        let refund = Refund::new(self.next_refund_id(), new, now);
        Ok(self.with_refunds(id, now, |attempt| attempt.refunds.push(refund)))
    }

    /// The link with a refund that a person wants to be asked about once more, of money that no link keeps. `None` where there
    /// is none to ask about.
    pub(super) fn ask_about_refund(&self, id: &AttemptId, payment: Payment, now: Timestamp) -> Option<Self> {
        let refund = self.attempt(id)?.refunds.last()?.clone().asked_again(now)?;
        let state = AttemptState::Refunding { payment };
        Some(self.with_attempt(id, now, state, |attempt| attempt.put_refund(refund)))
    }

    /// Whether the gateway may be asked for a refund now, given what it said about the refunds that there are.
    pub fn may_call_refund(&self, id: &AttemptId, refund: &RefundId, answer: &RefundAnswer, now: Timestamp) -> bool {
        let Some(attempt) = self.attempt(id) else { return false };
        let Some(payment) = attempt.refundable() else { return false };
        let is_next = |next: &Refund| {
            // That a whole payment goes back once the gateway sees to, whatever its list shows. A part could go twice.
            let is_whole = next.amount == payment.money.minor_units();
            next.id == *refund && next.may_call(answer) && (is_whole || next.is_surely_listed(now))
        };
        attempt.refunds_to_look_at().any(is_next)
    }

    /// The link with the intention to ask for a refund, which is written before the call that asks for it.
    pub fn begin_refund_call(&self, id: &AttemptId, refund: &RefundId, now: Timestamp) -> Option<Self> {
        let attempt = self.attempt(id)?;
        let (_, refund) = attempt.refunding(refund).filter(|(_, refund)| refund.is_the_gateways())?;
        if !attempt.refunds_to_look_at().any(|next| next.id == refund.id) {
            return None;
        }
        let refund = refund.calling(now);
        Some(self.with_refunds(id, now, |attempt| attempt.put_refund(refund)))
    }

    /// What a person decided about a refund of kept money that needs one, and who did.
    pub fn resolve_refund(
        &self,
        id: &RefundId,
        resolution: RefundResolution,
        by: Option<&CreatedBy>,
        now: Timestamp,
    ) -> Result<Self, ResolveRefundRefused> {
        let (attempt, refund) = self.refund(id).ok_or(ResolveRefundRefused::NoSuchRefund)?;
        if !attempt.is_kept() || !refund.needs_review() {
            return Err(ResolveRefundRefused::NotUnderReview);
        }
        let refund = match resolution {
            RefundResolution::AskAgain => {
                let asked = refund.clone().asked_again(now).ok_or(ResolveRefundRefused::NotUnderReview)?;
                // Nobody could say which of the two a gateway shows.
                if asked.is_called() && attempt.refunds.iter().any(Refund::is_called) {
                    return Err(ResolveRefundRefused::AnotherIsCalled);
                }
                asked
            }
            RefundResolution::Refunded => {
                let state = RefundState::Acknowledged { since: now };
                Refund { look_at: Some(now), ..refund.resolved(state, by) }
            }
            RefundResolution::NotRefunded if refund.is_at_the_gateway() => {
                return Err(ResolveRefundRefused::AtTheGateway);
            }
            RefundResolution::NotRefunded => refund.resolved(RefundState::failed("resolved_not_refunded", now), by),
        };
        let attempt = attempt.id.clone();
        Ok(self.with_refunds(&attempt, now, |attempt| attempt.put_refund(refund)))
    }

    /// What follows for a refund of which nobody has to ask a gateway: what went by other means, or what a person found out
    /// to have gone, is in the books now. `None` where it is none, or is there already.
    pub fn record_refund(&self, id: &AttemptId, refund: &RefundId, now: Timestamp) -> Option<Transition> {
        let (_, refund) = self.attempt(id)?.refunding(refund)?;
        if refund.is_the_gateways() {
            return None;
        }
        let state = match &refund.state {
            RefundState::Voiding { succeeded_at, .. } => {
                RefundState::Failed { at: now, code: VOIDED.to_owned(), succeeded_at: Some(*succeeded_at) }
            }
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::Succeeded { .. }
            | RefundState::Failed { .. }
            | RefundState::NeedsReview { .. } => RefundState::Succeeded { at: now },
        };
        Some(self.after_refund(id, refund.settled(state), AttemptState::Refunded { at: now }, now))
    }

    /// The link with a refund by other means that a person found to be noted by mistake. The next sweep writes that into the
    /// books, because the receipt of the payment changes with it.
    pub fn void_refund(&self, id: &RefundId, by: Option<&CreatedBy>, now: Timestamp) -> Result<Self, VoidRefused> {
        let (attempt, refund) = self.refund(id).ok_or(VoidRefused::NoSuchEntry)?;
        // What a person decided to have gone is what a person may have got wrong.
        let is_decided = refund.resolved_by.is_some() && !attempt.is_recorded();
        if refund.method == RefundBy::Gateway && !is_decided {
            return Err(VoidRefused::NotAnEntry);
        }
        let succeeded_at = match &refund.state {
            RefundState::Succeeded { at } => *at,
            RefundState::Voiding { .. } | RefundState::Failed { succeeded_at: Some(_), .. } => {
                return Err(VoidRefused::AlreadyVoided);
            }
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::Failed { succeeded_at: None, .. }
            | RefundState::NeedsReview { .. } => return Err(VoidRefused::NoSuchEntry),
        };
        let voiding = refund.resolved(RefundState::Voiding { since: now, succeeded_at }, by);
        let (attempt, refund) = (attempt.id.clone(), Refund { look_at: Some(now), ..voiding });
        Ok(self.with_refunds(&attempt, now, |attempt| attempt.put_refund(refund)))
    }

    /// What follows from what a gateway said about a refund. `None` where there is nothing to write.
    pub fn apply_refund_answer(
        &self,
        id: &AttemptId,
        refund: &RefundId,
        answer: &RefundAnswer,
        now: Timestamp,
    ) -> Option<Transition> {
        let attempt = self.attempt(id)?;
        let (payment, refund) = attempt.refunding(refund)?;
        let Followed { refund, review } = refund.follow(answer, attempt.gateway.profile().can_reverse(), now)?;
        let state = match (&refund.state, review) {
            (_, Some(reason)) => AttemptState::NeedsReview { at: now, reason, payment: Some(payment.clone()) },
            (RefundState::Succeeded { .. }, None) => AttemptState::Refunded { at: now },
            (_, None) => AttemptState::Refunding { payment: payment.clone() },
        };
        Some(self.after_refund(id, refund, state, now))
    }

    /// The same, where a call of somebody else made us ask. How often that happens is not ours to say, so that a
    /// question which was not answered counts for nothing: the schedule's own do, until a person has to look.
    pub fn apply_refund_news(
        &self,
        id: &AttemptId,
        refund: &RefundId,
        answer: &RefundAnswer,
        now: Timestamp,
    ) -> Option<Transition> {
        let unanswered = |link: &Self| Some(link.attempt(id)?.refund(refund)?.unanswered);
        self.apply_refund_answer(id, refund, answer, now).filter(|next| unanswered(&next.link) <= unanswered(self))
    }

    /// The link with another state of a refund. Money that no link keeps has the state of its refund; a payment of the link
    /// stays one, whatever goes back of it.
    pub(super) fn after_refund(
        &self,
        id: &AttemptId,
        refund: Refund,
        unkept: AttemptState,
        now: Timestamp,
    ) -> Transition {
        let is_kept = self.attempt(id).is_some_and(Attempt::is_kept);
        if !is_kept {
            return self.with_attempt(id, now, unkept, |attempt| attempt.put_refund(refund)).into();
        }
        let link = self.with_refunds(id, now, |attempt| attempt.put_refund(refund.clone()));
        let correction = link.correction(id, &refund);
        let on_item = link.refund_on_item(&refund, now);
        Transition { correction, on_item, ..link.into() }
    }

    /// The receipt that an event of an attempt is about: that of the payment, or that of a refund of it.
    pub fn registered_receipt(&self, attempt: &AttemptId, refund: Option<&RefundId>) -> Option<Receipt> {
        let receipt = self.receipt(attempt)?;
        let Some(refund) = refund else { return Some(receipt) };
        let refund = self.attempt(&receipt.attempt_id)?.refund(refund)?;
        Some(receipt.correction(refund, refund.recorded_at()?))
    }

    /// The receipt that records that one of these is void.
    pub fn void_receipt(&self, attempt: &AttemptId, refund: Option<&RefundId>) -> Option<Receipt> {
        self.registered_receipt(attempt, refund)?.its_void()
    }

    /// All receipts of the link's payments: their own, those of what went back of them, and those that record that one of them
    /// is void.
    pub fn receipts(&self) -> Vec<Receipt> {
        self.attempts.iter().flat_map(|attempt| self.receipts_of(attempt)).collect()
    }

    fn receipts_of(&self, attempt: &Attempt) -> Vec<Receipt> {
        let Some(payment) = self.receipt(&attempt.id) else { return Vec::new() };
        let refunds = attempt.refunds.iter();
        let of_refunds = refunds.filter_map(|refund| Some(payment.correction(refund, refund.recorded_at()?)));
        let written: Vec<Receipt> = std::iter::once(payment.clone()).chain(of_refunds).collect();
        let void: Vec<Receipt> = written.iter().filter_map(Receipt::its_void).collect();
        written.into_iter().chain(void).collect()
    }

    /// Their ids, with that of a payment that came back from a copy without its attempt.
    pub fn receipt_ids(&self) -> Vec<ReceiptId> {
        let unknown = self.paid_by_unknown().filter(|_| self.registers_receipts()).map(ReceiptId::of);
        self.receipts().into_iter().map(|receipt| receipt.id).chain(unknown).collect()
    }

    /// What went back of the link's payments, in minor units.
    pub fn refunded(&self) -> i64 {
        self.attempts.iter().filter(|attempt| attempt.is_kept()).map(Attempt::refunded).sum()
    }

    /// The record that kept money went back, or that it did not after all, where the payment has one.
    pub(super) fn correction(&self, id: &AttemptId, refund: &Refund) -> Option<Correction> {
        let corrected = self.receipt(id)?;
        let receipt = corrected.correction(refund, refund.recorded_at()?);
        match refund.undone_at() {
            None => Some(Correction { receipt, corrected, voided: None }),
            Some(_) => Correction::of_void_refund(receipt, corrected),
        }
    }

    pub(super) fn with_refunds(&self, id: &AttemptId, now: Timestamp, change: impl FnOnce(&mut Attempt)) -> Self {
        self.changed(now, |link| {
            if let Some(attempt) = link.attempts.iter_mut().find(|attempt| attempt.id == *id) {
                change(attempt);
            }
        })
    }
}

impl Attempt {
    pub(super) fn put_refund(&mut self, refund: Refund) {
        if let Some(known) = self.refunds.iter_mut().find(|known| known.id == refund.id) {
            *known = refund;
        }
    }
}

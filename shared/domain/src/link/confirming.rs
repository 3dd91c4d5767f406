//! From a hint to a decision about money: what to do about an attempt, and what follows from the gateway's answer.
//!
//! Nothing here calls a gateway or writes. The crate `confirmation` asks [`PaymentLink::step`] what to do, writes
//! [`PaymentLink::begin_confirming`] where the next call takes the money, and writes in one transaction what
//! [`PaymentLink::apply_answer`] makes of the gateway's answer.

use jiff::Timestamp;

use super::attempt::{Attempt, AttemptState, LEASE, later};
use super::payment_link::{LinkStatus, PaymentLink};
use super::receipt::{Attachment, Receipt};
use super::review_reason::ReviewReason;
use crate::gateway::{GatewayAnswer, Payment};
use crate::ids::{AttemptId, ReceiptId};
use crate::records::account::LatePayment;

/// What made us look at an attempt. It is a hint and never decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A return or a webhook says that the customer paid.
    Paid,
    /// A return or a webhook says that the customer did not.
    NotPaid,
    /// Nobody said anything. The schedule asks because the attempt is due.
    Nothing,
}

/// What a customer's return says, and the reference in it that confirming needs at some gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnData {
    pub hint: Hint,
    /// See [`Attempt::return_reference`].
    pub return_reference: Option<String>,
}

impl From<Hint> for ReturnData {
    fn from(hint: Hint) -> Self {
        Self { hint, return_reference: None }
    }
}

/// What to do about an attempt next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The attempt is decided, or another run is confirming it.
    Nothing,
    /// Ask the gateway, in a way that moves no money.
    LookUp,
    /// Write the intention with [`PaymentLink::begin_confirming`], then confirm the attempt at the gateway.
    Confirm,
}

/// The link after an answer, with what has to be written beside it in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub link: PaymentLink,
    /// The claim of the gateway's reference for this attempt, where the gateway confirmed money. Where another attempt
    /// has the reference, the money is neither kept nor refunded here.
    pub claim: Option<ReferenceClaim>,
    pub kept: Option<KeptPayment>,
}

/// The claim that a gateway's reference belongs to one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceClaim {
    pub attempt: AttemptId,
    /// The gateway's reference in the form that must not be used twice.
    pub reference: String,
}

/// A payment that became the payment of its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPayment {
    pub receipt: Option<Receipt>,
}

impl PaymentLink {
    /// Whether money of this attempt would become the payment of this link now.
    pub(super) fn accepts(&self, id: &AttemptId, now: Timestamp) -> bool {
        match self.confirming() {
            Some(confirming) => confirming.id == *id,
            None => match self.status_at(now) {
                LinkStatus::Active => true,
                LinkStatus::Expired { .. } => self.terms.account.late_payment == LatePayment::Accept,
                LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } => false,
            },
        }
    }

    /// What to do next about an attempt, given what somebody said about it.
    pub fn step(&self, id: &AttemptId, hint: Hint, now: Timestamp) -> Step {
        let Some(attempt) = self.attempt(id) else { return Step::Nothing };
        match &attempt.state {
            AttemptState::Open { .. } => {
                let to_confirm = hint == Hint::Paid && attempt.gateway.confirming_takes_the_money();
                if to_confirm && self.accepts(id, now) { Step::Confirm } else { Step::LookUp }
            }
            // The run that wrote the intention has a lease to finish in. Afterwards any run may go on.
            AttemptState::Confirming { look_up_at, .. } if *look_up_at > now => Step::Nothing,
            AttemptState::Confirming { .. } => Step::Confirm,
            AttemptState::AwaitingReversal { .. } => Step::LookUp,
            // A gateway's final no can turn into a payment after all, but only a fresh report is worth a look-up.
            AttemptState::Failed { .. } | AttemptState::Abandoned { .. } => match hint {
                Hint::Paid => Step::LookUp,
                Hint::NotPaid | Hint::Nothing => Step::Nothing,
            },
            AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::Refunded { .. }
            | AttemptState::NeedsReview { .. } => Step::Nothing,
        }
    }

    /// The link with the intention to take the money of this attempt, which is written before the call that takes it.
    /// `None` where the money must not be taken.
    pub fn begin_confirming(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        if !self.accepts(id, now) {
            return None;
        }
        let state = match &self.attempt(id)?.state {
            AttemptState::Open { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Failed { .. }
            | AttemptState::Abandoned { .. } => AttemptState::Confirming { since: now, look_up_at: later(now, LEASE) },
            AttemptState::Confirming { since, .. } => {
                AttemptState::Confirming { since: *since, look_up_at: later(now, LEASE) }
            }
            AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::Refunded { .. }
            | AttemptState::NeedsReview { .. } => return None,
        };
        Some(self.with_state(id, now, state))
    }

    /// The link with the reference that a return brought. This is no change by itself: it is written with the next one.
    #[must_use]
    pub fn with_return_data(mut self, id: &AttemptId, return_data: &ReturnData) -> Self {
        if let (Some(return_reference), Some(attempt)) =
            (&return_data.return_reference, self.attempts.iter_mut().find(|attempt| attempt.id == *id))
        {
            // Once money may be taken by one reference, no later return replaces it.
            if !matches!(attempt.state, AttemptState::Confirming { .. }) {
                attempt.return_reference = Some(return_reference.clone());
            }
        }
        self
    }

    /// Whether a session that is still open should be closed at the gateway, because nobody may pay this link any more.
    pub fn should_close(&self, id: &AttemptId, now: Timestamp) -> bool {
        self.attempt(id).is_some_and(|attempt| matches!(attempt.state, AttemptState::Open { .. }))
            && !self.is_payable(now)
    }

    /// What follows from the gateway's answer. `None` where there is nothing to write.
    pub fn apply_answer(
        &self,
        id: &AttemptId,
        answer: &GatewayAnswer,
        hint: Hint,
        now: Timestamp,
    ) -> Option<Transition> {
        let attempt = self.attempt(id)?;
        let only_state = |state| Some(self.with_state(id, now, state).into());
        let review = |reason: ReviewReason| AttemptState::NeedsReview { at: now, reason, payment: None };
        match (&attempt.state, answer) {
            // Decided money stays decided.
            (
                AttemptState::Paid { .. }
                | AttemptState::Accepted { .. }
                | AttemptState::Refunded { .. }
                | AttemptState::NeedsReview { .. },
                _,
            ) => None,
            (AttemptState::Refunding { .. }, GatewayAnswer::Returned) => only_state(AttemptState::Refunded { at: now }),
            (AttemptState::Refunding { .. }, _) => None,
            (_, GatewayAnswer::Paid(payment)) => Some(self.apply_payment(attempt, payment, now)),
            (_, GatewayAnswer::WrongAmount { .. }) => only_state(review(ReviewReason::AmountDiffers)),
            (_, GatewayAnswer::Doubtful { reason }) => {
                only_state(review(ReviewReason::Doubtful { code: reason.clone() }))
            }
            (_, GatewayAnswer::Returned) => only_state(AttemptState::Refunded { at: now }),
            (AttemptState::AwaitingReversal { .. }, GatewayAnswer::NotPaid(_)) => {
                only_state(AttemptState::Refunded { at: now })
            }
            (AttemptState::Failed { .. } | AttemptState::Abandoned { .. }, GatewayAnswer::NotPaid(_)) => None,
            (_, GatewayAnswer::NotPaid(reason)) => only_state(AttemptState::Failed { at: now, reason: reason.clone() }),
            // The gateway should have let us take this money, or returned it by itself, long ago.
            (AttemptState::Confirming { .. }, GatewayAnswer::Unconfirmed) if now >= attempt.watched_until => {
                only_state(review(ReviewReason::MoneyNotConfirmed))
            }
            (AttemptState::AwaitingReversal { .. }, GatewayAnswer::Unconfirmed) if now >= attempt.watched_until => {
                only_state(review(ReviewReason::MoneyNotReturned))
            }
            (AttemptState::Confirming { .. } | AttemptState::AwaitingReversal { .. }, GatewayAnswer::Unconfirmed) => {
                None
            }
            (_, GatewayAnswer::Unconfirmed) => {
                let look_up_at = attempt.next_look_up(now);
                only_state(if self.accepts(id, now) {
                    AttemptState::Open { look_up_at, reported_at: attempt.state.undecided_since().or(Some(now)) }
                } else {
                    AttemptState::AwaitingReversal { since: now, look_up_at }
                })
            }
            (_, GatewayAnswer::Pending | GatewayAnswer::Processing) => self.apply_unfinished(attempt, answer, now),
            (
                AttemptState::Open { reported_at: None, .. },
                GatewayAnswer::Unknown { .. } | GatewayAnswer::Misconfigured { .. },
            ) if hint == Hint::Paid => {
                only_state(AttemptState::Open { look_up_at: later(now, LEASE), reported_at: Some(now) })
            }
            // The gateway gave no readable answer for days: nothing will change by itself, and money may be at stake.
            (
                AttemptState::Open { .. } | AttemptState::Confirming { .. } | AttemptState::AwaitingReversal { .. },
                GatewayAnswer::Unknown { .. } | GatewayAnswer::Misconfigured { .. },
            ) if now >= attempt.watched_until => only_state(review(ReviewReason::GatewayDoesNotAnswer)),
            (_, GatewayAnswer::Unknown { .. } | GatewayAnswer::Misconfigured { .. }) => None,
        }
    }

    fn apply_payment(&self, attempt: &Attempt, payment: &Payment, now: Timestamp) -> Transition {
        let (id, payment) = (&attempt.id, payment.clone());
        let is_as_asked = payment.money == attempt.money;
        if is_as_asked && self.accepts(id, now) {
            return self.keep(attempt, payment, now);
        }
        let claim = Some(ReferenceClaim::of(id, &payment));
        // Where a call of ours can undo a payment for a while only, a person would look too late.
        let state = if is_as_asked || attempt.gateway.profile().refund.within_minutes.is_some() {
            AttemptState::Refunding { payment, look_up_at: now, tries: 0 }
        } else {
            AttemptState::NeedsReview { at: now, reason: ReviewReason::AmountDiffers, payment: Some(payment) }
        };
        Transition { link: self.with_state(id, now, state), claim, kept: None }
    }

    /// Makes money the payment of this link.
    fn keep(&self, attempt: &Attempt, payment: Payment, now: Timestamp) -> Transition {
        let id = &attempt.id;
        let claim = Some(ReferenceClaim::of(id, &payment));
        let confirmed_at = attempt.confirmed_at.unwrap_or(now);
        let kept = Some(KeptPayment { receipt: self.receipt_of(attempt, &payment, confirmed_at, now) });
        let link = self.changed(now, |link| {
            link.set_state(id, AttemptState::Paid { at: confirmed_at, payment });
            link.close(LinkStatus::Paid { paid_at: now, paid_by: id.clone() }, now);
        });
        Transition { link, claim, kept }
    }

    /// Makes money that a person accepted the payment of this link, whatever was asked for.
    pub fn keep_accepted(&self, id: &AttemptId, now: Timestamp) -> Option<Transition> {
        let attempt = self.attempt(id)?;
        let AttemptState::Accepted { payment, .. } = &attempt.state else { return None };
        Some(self.keep(attempt, payment.clone(), now))
    }

    /// The receipt of the payment, where one was asked for: the same that was written when it was kept.
    pub fn receipt(&self) -> Option<Receipt> {
        let LinkStatus::Paid { paid_by, paid_at: registered_at } = &self.status else { return None };
        let attempt = self.attempt(paid_by)?;
        let AttemptState::Paid { at, payment } = &attempt.state else { return None };
        self.receipt_of(attempt, payment, *at, *registered_at)
    }

    /// The receipt of a payment that is kept, or none where the link asked for none.
    fn receipt_of(
        &self,
        attempt: &Attempt,
        payment: &Payment,
        paid_at: Timestamp,
        registered_at: Timestamp,
    ) -> Option<Receipt> {
        let terms = &self.terms;
        let item_id = terms.item.as_ref().map(|item| item.id.clone());
        let field = terms.after_payment.receipt_field.clone();
        terms.after_payment.register_receipt.then(|| Receipt {
            id: ReceiptId::of(&attempt.id),
            link_id: self.id.clone(),
            attempt_id: attempt.id.clone(),
            mode: terms.mode,
            account_id: terms.account.id.clone(),
            contact_id: terms.contact.id.clone(),
            attached_to: item_id.clone().zip(field).map(|(item_id, field)| Attachment { item_id, field }),
            item_id,
            receipt_type_id: terms.after_payment.receipt_type_id.clone(),
            money: payment.money,
            gateway: attempt.gateway,
            gateway_reference: payment.reference.clone(),
            masked_card: payment.masked_card.clone(),
            paid_at,
            registered_at,
        })
    }

    fn apply_unfinished(&self, attempt: &Attempt, answer: &GatewayAnswer, now: Timestamp) -> Option<Transition> {
        let is_on_its_way = *answer == GatewayAnswer::Processing;
        let reported_at = is_on_its_way.then(|| attempt.state.undecided_since().unwrap_or(now));
        let state = match &attempt.state {
            AttemptState::Open { .. } if !is_on_its_way && now >= attempt.watched_until => {
                AttemptState::Abandoned { at: now }
            }
            // No bank takes this long: a person has to ask the gateway what became of the money.
            AttemptState::Open { .. } if is_on_its_way && attempt.has_processed_too_long(now) => {
                AttemptState::NeedsReview { at: now, reason: ReviewReason::ProcessingTooLong, payment: None }
            }
            AttemptState::Open { reported_at: known, .. } if known.is_some() == is_on_its_way => return None,
            AttemptState::Open { look_up_at, .. } => AttemptState::Open { look_up_at: *look_up_at, reported_at },
            AttemptState::Confirming { .. } | AttemptState::AwaitingReversal { .. } => {
                AttemptState::Open { look_up_at: attempt.next_look_up(now), reported_at }
            }
            AttemptState::Failed { .. } | AttemptState::Abandoned { .. } if is_on_its_way => {
                AttemptState::Open { look_up_at: attempt.next_look_up(now), reported_at }
            }
            AttemptState::Failed { .. }
            | AttemptState::Abandoned { .. }
            | AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::Refunded { .. }
            | AttemptState::NeedsReview { .. } => return None,
        };
        Some(self.with_state(&attempt.id, now, state).into())
    }

    /// The payment's reference belongs to another attempt: somebody replays a return, or the gateway is wrong.
    pub fn reference_taken(&self, id: &AttemptId, payment: &Payment, now: Timestamp) -> Self {
        let reason = ReviewReason::ReferenceUsedBefore;
        self.with_state(id, now, AttemptState::NeedsReview { at: now, reason, payment: Some(payment.clone()) })
    }
}

impl ReferenceClaim {
    fn of(attempt: &AttemptId, payment: &Payment) -> Self {
        Self { attempt: attempt.clone(), reference: payment.claim.clone() }
    }
}

/// A change of the link alone, without money.
impl From<PaymentLink> for Transition {
    fn from(link: PaymentLink) -> Self {
        Self { link, claim: None, kept: None }
    }
}

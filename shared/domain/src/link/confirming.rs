//! From a hint to a decision about money: what to do about an attempt, and what follows from the gateway's answer.
//!
//! Nothing here calls a gateway or writes. The crate `confirmation` asks [`PaymentLink::step`] what to do, writes
//! [`PaymentLink::begin_confirming`] where the next call takes the money, and writes in one transaction what
//! [`PaymentLink::apply_answer`] makes of the gateway's answer.

use jiff::Timestamp;

use super::attempt::{Asked, Attempt, AttemptState};
use super::hint::{Hint, ReturnData};
use super::hold::HoldReason;
use super::lease::LEASE;
use super::payment_link::{LinkStatus, PaymentLink};
use super::receipt::{Attachment, Correction, Receipt, ReceiptKind};
use super::refund::{NotKept, Refund, WhyRefunded};
use super::review_reason::ReviewReason;
use crate::clocks::later;
use crate::gateway::{GatewayAnswer, Mode, Payment};
use crate::ids::{AttemptId, CredentialsVersion, ItemId, ReferenceId};
use crate::money::{Currency, Money};
use crate::records::account::LatePayment;
use crate::records::item_payments::ItemPayment;

/// What to do about an attempt next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The attempt is decided, or another run is confirming it.
    Nothing,
    /// Ask the gateway, in a way that moves no money.
    LookUp,
    /// Ask the gateway what became of the refunds of its money, and ask for none. Of money that a link keeps
    /// [`Step::LookAfter`] is next.
    FindRefund,
    /// Ask the gateway what it shows of the payment since it was kept.
    LookAfter,
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
    /// The record that kept money went back.
    pub correction: Option<Correction>,
    /// The CRM's own reference of the link, where the payment is kept although the link had ended: another link may have
    /// taken it over since, and then this payment would pay the same thing a second time.
    pub unless_moved_on: Option<ReferenceId>,
    /// What it changes about what was paid for the link's item, where that has an amount.
    pub on_item: Option<PaidOnItem>,
}

/// What a link adds to what was paid for its item, or takes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidOnItem {
    pub item: ItemId,
    pub mode: Mode,
    pub currency: Currency,
    pub payment: ItemPayment,
    /// It is written only if all links together have no more than so much with it. `None` where a person decided, and of what went
    /// back.
    pub most: Option<i64>,
}

/// The claim that a gateway's reference belongs to one attempt. It says what became of the money, so that a link that
/// is lost can be brought back with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceClaim {
    pub attempt: AttemptId,
    /// The gateway's reference in the form that must not be used twice.
    pub reference: String,
    /// The gateway's own number of the payment.
    pub gateway_reference: String,
    pub money: Money,
    /// When the gateway first said that the money is ours.
    pub confirmed_at: Timestamp,
    /// When the money became the payment of its link. `None` where it went back, or a person has to look.
    pub kept_at: Option<Timestamp>,
}

/// A payment that its link keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPayment {
    pub receipt: Option<Receipt>,
}

impl PaymentLink {
    /// Whether money of this attempt would become the payment of this link now.
    pub(super) fn accepts(&self, id: &AttemptId, now: Timestamp) -> bool {
        // What another attempt is about to pay is not there for this one, and no more is kept than is due.
        if !self.attempt(id).is_some_and(|attempt| self.has_room_for(id, attempt.money)) {
            return false;
        }
        match self.status_at(now) {
            LinkStatus::Active => true,
            LinkStatus::Expired { .. } => self.takes_late_money(),
            LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. } => false,
        }
    }

    /// The CRM's own reference, where money that comes now would be kept although the link ended.
    pub fn late_reference(&self, now: Timestamp) -> Option<&ReferenceId> {
        let is_late = matches!(self.status_at(now), LinkStatus::Expired { .. }) && self.takes_late_money();
        self.terms.reference_id.as_ref().filter(|_| is_late)
    }

    /// What follows where something beside the link stands against keeping the money of an attempt: what is not taken yet is
    /// left to go back, and what is taken is refunded.
    pub fn without_keeping(
        &self,
        id: &AttemptId,
        answer: &GatewayAnswer,
        why: NotKept,
        now: Timestamp,
    ) -> Option<Transition> {
        let attempt = self.attempt(id)?;
        if let GatewayAnswer::Paid(payment) = answer {
            return Some(Transition {
                link: self.begin_refund(id, payment.clone(), WhyRefunded::ByRule(why), now),
                claim: Some(ReferenceClaim::of(self, attempt, payment, None, now)),
                kept: None,
                correction: None,
                unless_moved_on: None,
                on_item: None,
            });
        }
        self.left_untaken(id, now).map(Transition::from)
    }

    /// The link without the intention to take the money of an attempt, where the call that takes it was not made. This is no
    /// change by itself: it is written with the next one. A mark that stayed would have the next run find out what became of a
    /// call that never was, by making it.
    #[must_use]
    pub fn without_intention(mut self, id: &AttemptId, now: Timestamp) -> Self {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == *id)
            && let AttemptState::Confirming { confirmed, .. } = &attempt.state
        {
            let (look_up_at, confirmed) = (attempt.next_look_up(now), confirmed.clone());
            attempt.state = AttemptState::Open { look_up_at, reported_at: None, processing_since: None, confirmed };
            attempt.was_confirming = false;
        }
        self
    }

    /// The link where money that nobody called for is left to go back by itself.
    pub fn left_untaken(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        let attempt = self.attempt(id)?;
        let state = AttemptState::AwaitingReversal { since: now, look_up_at: attempt.next_look_up(now) };
        Some(self.with_attempt(id, now, state, |attempt| attempt.was_confirming = false))
    }

    /// Whether money of an attempt could have been kept at this instant in the past, had nothing stood against it.
    pub(super) fn took_money_at(&self, at: Timestamp) -> bool {
        match &self.status {
            LinkStatus::Active => true,
            LinkStatus::Expired { expired_at } => at < *expired_at || self.takes_late_money(),
            LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. } => false,
        }
    }

    fn takes_late_money(&self) -> bool {
        self.terms.account.late_payment == LatePayment::Accept
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
            // A gateway's no can turn into a payment after all: a fresh report is worth a look-up, and where it is known to
            // happen, time is too.
            AttemptState::Failed { look_up_at: Some(_), .. } if hint == Hint::Nothing => Step::LookUp,
            AttemptState::Failed { .. } | AttemptState::Abandoned { .. } => match hint {
                Hint::Paid | Hint::Changed => Step::LookUp,
                Hint::NotPaid | Hint::Nothing => Step::Nothing,
            },
            // That it was paid, or was not, is no news of money that is on its way back.
            AttemptState::Refunding { .. } | AttemptState::Paid { .. } => match (hint, attempt.refunds_due_at()) {
                (Hint::Changed, Some(_)) => Step::FindRefund,
                (Hint::Changed, None) if attempt.looked_after().is_some() => Step::LookAfter,
                (Hint::Changed, None) | (Hint::Paid | Hint::NotPaid | Hint::Nothing, _) => Step::Nothing,
            },
            AttemptState::Accepted { .. } | AttemptState::Refunded { .. } => Step::Nothing,
            AttemptState::NeedsReview { payment, reason, .. } => {
                let is_unknown = payment.is_none() && reason.is_ignorance();
                if is_unknown && hint.may_mean_paid() { Step::LookUp } else { Step::Nothing }
            }
        }
    }

    /// The link with the intention to take the money of this attempt, which is written before the call that takes it.
    /// `None` where the money must not be taken.
    pub fn begin_confirming(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        if !self.accepts(id, now) {
            return None;
        }
        let state = &self.attempt(id)?.state;
        let (confirmed, look_up_at) = (state.confirmed_payment().cloned(), later(now, LEASE));
        let is_repeated = matches!(state, AttemptState::Confirming { .. });
        let state = match state {
            AttemptState::Open { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Failed { .. }
            | AttemptState::Abandoned { .. } => AttemptState::Confirming { since: now, look_up_at, confirmed },
            AttemptState::Confirming { since, .. } => AttemptState::Confirming { since: *since, look_up_at, confirmed },
            AttemptState::Paid { .. }
            | AttemptState::Accepted { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::Refunded { .. }
            | AttemptState::NeedsReview { .. } => return None,
        };
        Some(self.with_attempt(id, now, state, |attempt| {
            attempt.was_confirming = true;
            attempt.was_left_unanswered |= is_repeated;
            attempt.asked = Some(Asked { at: now, is_answered: false, was_told_paid: true, was_told_not_paid: false });
        }))
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

    /// The link with the account's newer credentials for an attempt, whose own the gateway does not take any more. This is no
    /// change by itself: it is written with the next one.
    #[must_use]
    pub fn with_credentials(mut self, id: &AttemptId, credentials: Option<CredentialsVersion>) -> Self {
        if let (Some(credentials), Some(attempt)) =
            (credentials, self.attempts.iter_mut().find(|attempt| attempt.id == *id))
        {
            attempt.credentials = credentials;
        }
        self
    }

    /// The link as it is written where what it carries is no change by itself, and is worth keeping.
    pub fn touched(&self, now: Timestamp) -> Self {
        self.changed(now, |_| ())
    }

    /// The link with the mark that somebody said that the customer has paid, where nobody asks the gateway for the moment.
    /// `None` where that is known.
    pub fn told_paid(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        let AttemptState::Open { reported_at: None, processing_since, confirmed, .. } = &self.attempt(id)?.state else {
            return None;
        };
        let state = AttemptState::Open {
            look_up_at: later(now, LEASE),
            reported_at: Some(now),
            processing_since: *processing_since,
            confirmed: confirmed.clone(),
        };
        Some(self.with_state(id, now, state))
    }

    /// The link with the note that somebody from outside made us ask the gateway about an attempt.
    pub fn asked(&self, id: &AttemptId, hint: Hint, is_answered: bool, now: Timestamp) -> Self {
        self.changed(now, |link| {
            if let Some(attempt) = link.attempts.iter_mut().find(|attempt| attempt.id == *id) {
                // Who asks again without news does not make the last news new.
                let last = attempt.asked_just_now(Hint::Nothing, now);
                attempt.asked = Some(Asked {
                    at: now,
                    is_answered,
                    was_told_paid: hint.may_mean_paid() || last.is_some_and(|asked| asked.was_told_paid),
                    was_told_not_paid: hint == Hint::NotPaid || last.is_some_and(|asked| asked.was_told_not_paid),
                });
            }
        })
    }

    /// Whether a session that is still open should be closed at the gateway, because nobody may pay this link any more, or not
    /// as much.
    pub fn should_close(&self, id: &AttemptId, now: Timestamp) -> bool {
        let is_open = |attempt: &&Attempt| matches!(attempt.state, AttemptState::Open { .. });
        self.attempt(id)
            .filter(is_open)
            .is_some_and(|attempt| !self.is_payable(now) || attempt.money.minor_units() > self.open_amount())
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
        let confirmed = attempt.state.confirmed_payment();
        let review = |reason: ReviewReason| AttemptState::NeedsReview { at: now, reason, payment: confirmed.cloned() };
        match (&attempt.state, answer) {
            // What nobody could find out, the gateway may say in the end.
            (AttemptState::NeedsReview { payment: None, reason, .. }, GatewayAnswer::Paid(payment))
                if reason.is_ignorance() =>
            {
                Some(self.apply_payment(attempt, payment, now))
            }
            // Decided money stays decided.
            (
                AttemptState::Paid { .. }
                | AttemptState::Accepted { .. }
                | AttemptState::Refunded { .. }
                | AttemptState::NeedsReview { .. },
                _,
            ) => None,
            // What becomes of a refund is asked of the refund itself.
            (AttemptState::Refunding { .. }, _) => None,
            (AttemptState::Open { confirmed: Some(_), .. }, GatewayAnswer::Unconfirmed)
            | (
                AttemptState::Open { confirmed: Some(_), .. } | AttemptState::Confirming { confirmed: Some(_), .. },
                GatewayAnswer::NotPaid(_) | GatewayAnswer::WrongAmount { .. },
            ) => only_state(review(ReviewReason::ConfirmedThenDenied)),
            (_, GatewayAnswer::Paid(payment)) => Some(self.apply_payment(attempt, payment, now)),
            (_, GatewayAnswer::WrongAmount { .. }) => only_state(review(ReviewReason::AmountDiffers)),
            (_, GatewayAnswer::Doubtful { reason }) => {
                only_state(review(ReviewReason::Doubtful { code: reason.clone() }))
            }
            (_, GatewayAnswer::Returned) => only_state(AttemptState::Refunded { at: now }),
            (AttemptState::AwaitingReversal { .. }, GatewayAnswer::NotPaid(_)) => {
                only_state(AttemptState::Refunded { at: now })
            }
            // The time is over in which a no might have become a yes.
            (
                AttemptState::Failed { at, reason, look_up_at: Some(_) },
                GatewayAnswer::NotPaid(_)
                | GatewayAnswer::Pending
                | GatewayAnswer::Unknown { .. }
                | GatewayAnswer::AccountRefused { .. }
                | GatewayAnswer::SessionRefused { .. },
            ) if now >= attempt.watched_until => {
                only_state(AttemptState::Failed { at: *at, reason: reason.clone(), look_up_at: None })
            }
            (AttemptState::Failed { .. } | AttemptState::Abandoned { .. }, GatewayAnswer::NotPaid(_)) => None,
            (_, GatewayAnswer::NotPaid(reason)) => only_state(AttemptState::Failed {
                at: now,
                reason: reason.clone(),
                look_up_at: attempt.next_look_at_no(now),
            }),
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
                    AttemptState::open(look_up_at, attempt.state.undecided_since().or(Some(now)))
                } else {
                    AttemptState::AwaitingReversal { since: now, look_up_at }
                })
            }
            (_, GatewayAnswer::Pending | GatewayAnswer::Processing) => self.apply_unfinished(attempt, answer, now),
            (
                AttemptState::Open { reported_at: None, .. },
                GatewayAnswer::Unknown { .. }
                | GatewayAnswer::AccountRefused { .. }
                | GatewayAnswer::SessionRefused { .. },
            ) if hint.may_mean_paid() => self.told_paid(id, now).map(Transition::from),
            // The gateway gave no readable answer for days: nothing will change by itself, and money may be at stake.
            (
                AttemptState::Open { .. } | AttemptState::Confirming { .. } | AttemptState::AwaitingReversal { .. },
                GatewayAnswer::Unknown { .. }
                | GatewayAnswer::AccountRefused { .. }
                | GatewayAnswer::SessionRefused { .. },
            ) if now >= attempt.given_up_at() => only_state(review(ReviewReason::GatewayDoesNotAnswer)),
            (
                _,
                GatewayAnswer::Unknown { .. }
                | GatewayAnswer::AccountRefused { .. }
                | GatewayAnswer::SessionRefused { .. },
            ) => None,
        }
    }

    fn apply_payment(&self, attempt: &Attempt, payment: &Payment, now: Timestamp) -> Transition {
        let (id, payment) = (&attempt.id, payment.clone());
        let is_as_asked = payment.money == attempt.money;
        if is_as_asked && self.accepts(id, now) {
            return self.keep(attempt, payment, now);
        }
        let claim = Some(ReferenceClaim::of(self, attempt, &payment, None, now));
        // Where a call of ours can undo a payment for a while only, a person would look too late.
        let link = if is_as_asked || attempt.gateway.profile().can_reverse() {
            let why = self.why_not_kept(is_as_asked, now);
            self.begin_refund(id, payment, WhyRefunded::ByRule(why), now)
        } else {
            let reason = ReviewReason::AmountDiffers;
            self.with_state(id, now, AttemptState::NeedsReview { at: now, reason, payment: Some(payment) })
        };
        Transition { link, claim, kept: None, correction: None, unless_moved_on: None, on_item: None }
    }

    /// Why the link itself does not keep money.
    fn why_not_kept(&self, is_as_asked: bool, now: Timestamp) -> NotKept {
        match self.status_at(now) {
            LinkStatus::Paid { .. } => NotKept::LinkAlreadyPaid,
            LinkStatus::Cancelled { .. } if self.ended_as_item_paid() => NotKept::ItemAlreadyPaid,
            LinkStatus::Cancelled { .. } => NotKept::LinkCancelled,
            LinkStatus::Replaced { .. } => NotKept::LinkReplaced,
            LinkStatus::Expired { .. } if !self.takes_late_money() => NotKept::LinkExpired,
            LinkStatus::Active | LinkStatus::Expired { .. } if is_as_asked => NotKept::MoreThanIsDue,
            LinkStatus::Active | LinkStatus::Expired { .. } => NotKept::AmountDiffers,
        }
    }

    /// Makes money a payment of this link.
    fn keep(&self, attempt: &Attempt, payment: Payment, now: Timestamp) -> Transition {
        let id = &attempt.id;
        let claim = Some(ReferenceClaim::of(self, attempt, &payment, Some(now), now));
        let paid = payment.money.minor_units();
        let confirmed_at = attempt.confirmed_at.unwrap_or(now);
        let link = self.changed(now, |link| {
            link.set_state(id, AttemptState::paid(confirmed_at, now, payment));
            link.after_payment(now);
        });
        let kept = Some(KeptPayment { receipt: link.receipt(id) });
        let unless_moved_on = self.late_reference(now).cloned();
        let on_item = self.on_item(paid, now, true);
        Transition { link, claim, kept, correction: None, unless_moved_on, on_item }
    }

    /// Makes money that a person accepted the payment of this link, whatever was asked for.
    pub fn keep_accepted(&self, id: &AttemptId, now: Timestamp) -> Option<Transition> {
        let attempt = self.attempt(id)?;
        let AttemptState::Accepted { payment, .. } = &attempt.state else { return None };
        // A person who keeps money knows what it pays.
        let on_item = self.on_item(payment.money.minor_units(), now, false);
        Some(Transition { unless_moved_on: None, on_item, ..self.keep(attempt, payment.clone(), now) })
    }

    /// The link where the gateway says, before money that a person accepted is written down, that it went back meanwhile or
    /// that it is in doubt. `None` where nothing stands against it.
    pub fn gone_meanwhile(&self, id: &AttemptId, answer: &GatewayAnswer, now: Timestamp) -> Option<Self> {
        let AttemptState::Accepted { payment, .. } = &self.attempt(id)?.state else { return None };
        let payment = Some(payment.clone());
        let state = match answer {
            GatewayAnswer::Returned => AttemptState::Refunded { at: now },
            GatewayAnswer::Doubtful { reason } => {
                AttemptState::NeedsReview { at: now, reason: ReviewReason::Doubtful { code: reason.clone() }, payment }
            }
            GatewayAnswer::Paid(_)
            | GatewayAnswer::Unconfirmed
            | GatewayAnswer::Pending
            | GatewayAnswer::Processing
            | GatewayAnswer::NotPaid(_)
            | GatewayAnswer::WrongAmount { .. }
            | GatewayAnswer::Unknown { .. }
            | GatewayAnswer::AccountRefused { .. }
            | GatewayAnswer::SessionRefused { .. } => return None,
        };
        Some(self.with_state(id, now, state))
    }

    /// What money that came, or less than nothing of what went back, changes about what was paid for the link's item.
    pub(super) fn on_item(&self, amount: i64, at: Timestamp, is_guarded: bool) -> Option<PaidOnItem> {
        let item = self.terms.item.as_ref()?;
        let guard = item.guard?;
        Some(PaidOnItem {
            item: item.id.clone(),
            mode: self.terms.mode,
            currency: self.terms.amount.currency(),
            payment: ItemPayment { at, amount },
            most: guard.most.filter(|_| is_guarded),
        })
    }

    /// The same of a refund that has just come to count as gone, or not to any more.
    pub(super) fn refund_on_item(&self, refund: &Refund, at: Timestamp) -> Option<PaidOnItem> {
        refund.recorded_at()?;
        let sign = if refund.undone_at().is_some() { 1 } else { -1 };
        self.on_item(sign * refund.amount, at, false)
    }

    /// What a payment means to what else there is of the link. A customer who said to have paid has, and whoever is sent to pay
    /// more than is due by now is not sent there any more.
    pub(super) fn after_payment(&mut self, now: Timestamp) {
        if self.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::SaysPaid) {
            self.hold = None;
        }
        let open = self.open_amount();
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.money.minor_units() > open) {
            if let AttemptState::Open { look_up_at, .. } = &mut attempt.state {
                *look_up_at = now;
            }
        }
    }

    /// The receipt of a payment that the link keeps, where receipts were asked for: the same that was written when it was kept.
    pub fn receipt(&self, id: &AttemptId) -> Option<Receipt> {
        let attempt = self.attempt(id)?;
        let AttemptState::Paid { at: paid_at, kept_at, payment } = &attempt.state else { return None };
        let (paid_at, registered_at) = (*paid_at, kept_at.unwrap_or(*paid_at));
        let terms = &self.terms;
        let item_id = terms.item.as_ref().map(|item| item.id.clone());
        let field = terms.after_payment.receipt_field.clone();
        terms.after_payment.register_receipt.then(|| Receipt {
            id: attempt.receipt_id(),
            kind: ReceiptKind::Payment,
            refunded: attempt.refunded(),
            voided_at: attempt.voided.as_ref().map(|voided| voided.at),
            received_by: attempt.recorded.as_ref().map(|recorded| recorded.by),
            link_id: self.id.clone(),
            attempt_id: attempt.id.clone(),
            mode: terms.mode,
            account_id: attempt.account_id.clone(),
            contact_id: terms.contact.id.clone(),
            attached_to: item_id.clone().zip(field).map(|(item_id, field)| Attachment { item_id, field }),
            item_id,
            receipt_type_id: terms.after_payment.receipt_type_id.clone(),
            money: payment.money,
            gateway: attempt.gateway,
            gateway_reference: payment.reference.clone(),
            masked_card: payment.masked_card.clone(),
            fee: payment.fee,
            terminal: payment.terminal.clone(),
            gateway_paid_at: payment.gateway_paid_at,
            paid_at,
            registered_at,
            booked_later: attempt.booked_later,
        })
    }

    fn apply_unfinished(&self, attempt: &Attempt, answer: &GatewayAnswer, now: Timestamp) -> Option<Transition> {
        let is_on_its_way = *answer == GatewayAnswer::Processing;
        let confirmed = attempt.state.confirmed_payment().cloned();
        let review = |reason: ReviewReason| AttemptState::NeedsReview { at: now, reason, payment: confirmed.clone() };
        let open = |look_up_at: Timestamp| AttemptState::Open {
            look_up_at,
            // Nobody should pay again while it is asked what became of confirmed money.
            reported_at: (is_on_its_way || confirmed.is_some()).then(|| attempt.state.undecided_since().unwrap_or(now)),
            processing_since: is_on_its_way.then(|| attempt.state.processing_since().unwrap_or(now)),
            confirmed: confirmed.clone(),
        };
        let state = match &attempt.state {
            AttemptState::Open { .. } if !is_on_its_way && now >= attempt.watched_until => {
                // Money may have been taken that nobody heard of: waiting must not turn it into nothing.
                if attempt.was_confirming || confirmed.is_some() {
                    review(ReviewReason::MoneyNotConfirmed)
                } else {
                    AttemptState::Abandoned { at: now }
                }
            }
            // No bank takes this long: a person has to ask the gateway what became of the money.
            AttemptState::Open { .. }
                if is_on_its_way && attempt.processing_ends_at().is_some_and(|end| end <= now) =>
            {
                review(ReviewReason::ProcessingTooLong)
            }
            AttemptState::Open { look_up_at, .. } if open(*look_up_at) == attempt.state => return None,
            AttemptState::Open { look_up_at, .. } => open(*look_up_at),
            // The gateway had said that the customer paid, and that does not become nothing.
            AttemptState::AwaitingReversal { .. } if !is_on_its_way => {
                if now < attempt.watched_until {
                    return None;
                }
                review(ReviewReason::MoneyNotReturned)
            }
            AttemptState::Confirming { .. } | AttemptState::AwaitingReversal { .. } => open(attempt.next_look_up(now)),
            AttemptState::Failed { .. } | AttemptState::Abandoned { .. } if is_on_its_way => {
                open(attempt.next_look_up(now))
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
    fn of(
        link: &PaymentLink,
        attempt: &Attempt,
        payment: &Payment,
        kept_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        // A sandbox counts anew, and must not take the number of a payment that is real.
        let mode = link.terms.mode.as_str();
        Self {
            attempt: attempt.id.clone(),
            reference: format!("{mode}#{}", payment.claim),
            gateway_reference: payment.reference.clone(),
            money: payment.money,
            confirmed_at: attempt.confirmed_at.unwrap_or(now),
            kept_at,
        }
    }
}

/// A change of the link alone, without money.
impl From<PaymentLink> for Transition {
    fn from(link: PaymentLink) -> Self {
        Self { link, claim: None, kept: None, correction: None, unless_moved_on: None, on_item: None }
    }
}

//! Paying in parts: what was agreed, what is due by now, and what a customer can pay next.
//!
//! What is due follows from the payments that the link keeps, so that no second figure can differ from them. A payment pays at
//! least what its session was opened for: where a person keeps another amount than was asked for, nothing of that session
//! is due any more. What went back of a payment is due again as long as the link can be paid.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, AttemptState};
use super::payment_link::{LinkStatus, PaymentLink};
use super::refund::Refund;
use crate::gateway::AmountLimits;
use crate::ids::AttemptId;
use crate::money::Money;

/// The largest number of dated parts: one a month for the longest life of a link.
pub const MOST_PARTS: usize = 24;

/// The largest number of payments of a link. The last of them is for all that is due, so that nothing stays that nobody can pay.
pub const MOST_PAYMENTS: usize = 40;

/// In which parts a link may be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentPlan {
    /// In as many parts as the customer likes, of which each but the last has at least so many minor units.
    Minimum(i64),
    /// In parts with a date each, in the order of their dates.
    Parts(Vec<Part>),
}

/// A part of the amount of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// In minor units of the link's currency.
    pub amount: i64,
    /// Exclusive. Later it is overdue, and can be paid all the same.
    pub due_at: Timestamp,
}

/// What can be paid next of what is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextPayment {
    pub due: Money,
    /// Whether one payment can be all that is due.
    pub is_whole_possible: bool,
    /// The smaller amounts that a payment can have, in minor units. `None` where it is all or nothing.
    pub part: Option<RangeInclusive<i64>>,
}

impl NextPayment {
    /// Whether the customer has to choose before a session is opened.
    pub fn is_choice(&self) -> bool {
        self.part.as_ref().is_some_and(|part| self.is_whole_possible || part.start() != part.end())
    }

    /// The amount that is paid where the customer cannot choose.
    pub fn only_amount(&self) -> Option<Money> {
        match &self.part {
            None => Some(self.due),
            Some(part) if !self.is_choice() => Some(self.due.part(*part.start())),
            Some(_) => None,
        }
    }

    /// Whether a payment can have this amount.
    pub fn takes(&self, money: Money) -> bool {
        money.currency() == self.due.currency()
            && (self.part.as_ref().is_some_and(|part| part.contains(&money.minor_units()))
                || (money == self.due && (self.is_whole_possible || self.part.is_none())))
    }
}

impl PaymentPlan {
    /// The parts that have dates.
    pub fn parts(&self) -> &[Part] {
        match self {
            Self::Minimum(_) => &[],
            Self::Parts(parts) => parts,
        }
    }

    /// What is paid and open of each dated part, where so much was paid: the first parts are paid first.
    fn paid_of_parts(&self, paid: i64) -> Vec<(Part, i64)> {
        let mut left = paid.max(0);
        let share = |part: &Part| {
            let share = left.min(part.amount);
            left -= share;
            (*part, share)
        };
        self.parts().iter().map(share).collect()
    }
}

impl Attempt {
    /// What is settled of its link by the amount that it asks for.
    fn asked(&self) -> i64 {
        self.settles.unwrap_or(0).max(self.money.minor_units())
    }

    /// What its money pays of its link, in minor units.
    fn pays(&self) -> i64 {
        if self.voided.is_some() { 0 } else { self.pays_of(self.refunded()) }
    }

    /// The same at an instant in the past.
    pub(super) fn pays_at(&self, at: Timestamp) -> i64 {
        if self.voided.as_ref().is_some_and(|voided| voided.at <= at) {
            return 0;
        }
        let gone = |refund: &&Refund| refund.has_succeeded() && refund.recorded_at().is_some_and(|gone| gone <= at);
        self.pays_of(self.refunds.iter().filter(gone).map(|refund| refund.amount).fold(0, i64::saturating_add))
    }

    /// The same where so much of it went back.
    fn pays_of(&self, refunded: i64) -> i64 {
        let AttemptState::Paid { payment, .. } = &self.state else { return 0 };
        let paid = payment.money.minor_units();
        if refunded >= paid { 0 } else { paid.max(self.asked()).saturating_sub(refunded) }
    }

    /// What it may still pay of its link, where its money is about to be kept.
    fn is_about_to_pay(&self) -> i64 {
        match &self.state {
            AttemptState::Confirming { .. } => self.asked(),
            AttemptState::Accepted { payment, .. } => payment.money.minor_units().max(self.asked()),
            AttemptState::Open { .. }
            | AttemptState::AwaitingReversal { .. }
            | AttemptState::Paid { .. }
            | AttemptState::Failed { .. }
            | AttemptState::Abandoned { .. }
            | AttemptState::Refunding { .. }
            | AttemptState::Refunded { .. }
            | AttemptState::NeedsReview { .. } => 0,
        }
    }
}

impl PaymentLink {
    /// The attempts whose money the link keeps, in the order in which they were begun. What was written down by mistake is not
    /// among them.
    pub fn payments(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.is_kept() && attempt.voided.is_none())
    }

    /// What the link received and still has.
    pub fn amount_paid(&self) -> Money {
        let net = |attempt: &Attempt| {
            let paid = attempt.state.confirmed_payment().map_or(0, |payment| payment.money.minor_units());
            paid.saturating_sub(attempt.refunded()).max(0)
        };
        let paid = self.payments().map(net).fold(0_i64, i64::saturating_add);
        self.terms.amount.with(paid)
    }

    /// What is left to pay. Of a link that is paid, cancelled or replaced nothing is asked for any more.
    pub fn amount_due(&self) -> Money {
        match &self.status {
            LinkStatus::Active | LinkStatus::Expired { .. } => self.terms.amount.with(self.open_amount()),
            LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. } => {
                self.terms.amount.with(0)
            }
        }
    }

    /// Whether some of the amount is paid, and not all of it.
    pub fn is_part_paid(&self) -> bool {
        !matches!(self.status, LinkStatus::Paid { .. }) && self.amount_paid().minor_units() > 0
    }

    /// The amount less what payments pay of it, in minor units.
    pub(super) fn open_amount(&self) -> i64 {
        let paid = self.payments().map(Attempt::pays).fold(0_i64, i64::saturating_add);
        self.terms.amount.minor_units().saturating_sub(paid).max(0)
    }

    /// Whether an amount is no more than what is left to pay beside the money that is about to be kept of other attempts.
    pub(super) fn has_room_for(&self, id: &AttemptId, money: Money) -> bool {
        let others = self.attempts.iter().filter(|attempt| attempt.id != *id).map(Attempt::is_about_to_pay);
        let taken = others.fold(0_i64, i64::saturating_add);
        money.minor_units() <= self.open_amount().saturating_sub(taken)
    }

    /// How much of each dated part is paid.
    pub fn paid_of_parts(&self) -> Vec<(Part, i64)> {
        let paid = match &self.status {
            LinkStatus::Paid { .. } => self.terms.amount.minor_units(),
            LinkStatus::Active
            | LinkStatus::Expired { .. }
            | LinkStatus::Cancelled { .. }
            | LinkStatus::Replaced { .. } => self.terms.amount.minor_units().saturating_sub(self.open_amount()),
        };
        self.terms.plan.as_ref().map(|plan| plan.paid_of_parts(paid)).unwrap_or_default()
    }

    /// What is left to pay, and until when, exclusive: an entry for each dated part that is not paid whole, in the order of
    /// their dates, and one for a link without such parts. Together they are [`Self::amount_due`].
    pub fn dues(&self) -> Vec<(Option<Timestamp>, i64)> {
        let all = self.amount_due().minor_units();
        if all == 0 {
            return Vec::new();
        }
        let parts = self.paid_of_parts();
        if parts.is_empty() {
            return vec![(self.terms.due_at, all)];
        }
        let left = parts.into_iter().filter(|(part, paid)| paid < &part.amount);
        left.map(|(part, paid)| (Some(part.due_at), part.amount - paid)).collect()
    }

    fn next_part(&self) -> Option<(Part, i64)> {
        self.paid_of_parts().into_iter().find(|(part, paid)| paid < &part.amount)
    }

    /// Until when the next money is due, exclusive: that of the first dated part which is not paid whole, where there are such.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        self.next_part().map(|(part, _)| part.due_at).or(self.terms.due_at)
    }

    /// Until when the money after a payment of this amount is due, exclusive, where that has a date.
    pub fn due_after(&self, money: Money) -> Option<Timestamp> {
        let plan = self.terms.plan.as_ref()?;
        let paid = self.terms.amount.minor_units().saturating_sub(self.open_amount());
        let parts = plan.paid_of_parts(paid.saturating_add(money.minor_units()));
        let next = parts.into_iter().find(|(part, paid)| paid < &part.amount);
        next.map(|(part, _)| part.due_at).or(self.terms.due_at)
    }

    /// What a customer can pay next. `limits` are what the link's gateway takes in one payment, and `room` is how much is left to
    /// pay of its item, where that matters.
    pub fn next_payment(&self, limits: AmountLimits, room: Option<i64>) -> NextPayment {
        let all = self.amount_due();
        let due = room.map_or(all, |room| all.part(room.max(0)));
        let all = NextPayment { due, is_whole_possible: true, part: None };
        let Some(plan) = &self.terms.plan else { return all };
        let open = due.minor_units();
        let is_whole_possible = open <= limits.largest;
        if is_whole_possible && self.payments().count() + 1 >= MOST_PAYMENTS {
            return all;
        }
        let least = match plan {
            PaymentPlan::Minimum(minimum) => *minimum,
            PaymentPlan::Parts(_) => self.next_part().map_or(open, |(part, paid)| part.amount - paid),
        };
        // What would leave less than the gateway takes could never be paid.
        let most = limits.largest.min(open.saturating_sub(limits.smallest));
        let least = least.max(limits.smallest);
        if least > most && is_whole_possible {
            return all;
        }
        let part = Some(least.min(most).max(1)..=most.max(1));
        NextPayment { due, is_whole_possible, part }
    }

    /// Ends the link as paid once nothing of it is due. The payment that did it is the one of this change, else the last.
    pub(super) fn complete(&mut self, before: &Self, now: Timestamp) {
        if !matches!(self.status, LinkStatus::Active | LinkStatus::Expired { .. }) || self.open_amount() > 0 {
            return;
        }
        let is_new = |attempt: &&Attempt| !before.attempt(&attempt.id).is_some_and(Attempt::is_kept);
        let paid_by = self.payments().rfind(is_new).or_else(|| self.payments().next_back());
        if let Some(paid_by) = paid_by.map(|attempt| attempt.id.clone()) {
            self.close(LinkStatus::Paid { paid_at: now, paid_by }, now);
        }
    }
}

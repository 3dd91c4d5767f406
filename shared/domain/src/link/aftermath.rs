//! What a gateway shows of a payment that a link keeps: refunds that somebody made without us, refunds of ours that did not
//! last, and disputes.
//!
//! A gateway is asked for all of it at once, and what it shows is what it is now: nothing of it is kept that was not known
//! before, and a second look changes nothing. Each refund that is shown is held against one of ours first, so that no money is
//! counted twice. What is left over somebody made in the gateway's dashboard, and it becomes a refund with a receipt of its own,
//! also where it is more than was left: the money went. So does what a bank took after a dispute, for as long as that is lost.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::attempt::{Attempt, AttemptState};
use super::confirming::Transition;
use super::dispute::Dispute;
use super::payment_link::PaymentLink;
use super::refund::{NewRefund, Refund, RefundBy, RefundCause, RefundState};
use crate::gateway::{
    Aftermath, DisputeState, ListedChange, ListedState, Payment, RefundAnswer, ShownDispute, ShownRefund, ShownState,
};
use crate::ids::AttemptId;

/// A payment has at most this many refunds on its link, whoever made them: a link is one item of the table.
const MOST_REFUNDS: usize = 100;

/// And at most this many disputes, where banks ask a few times at most.
const MOST_DISPUTES: usize = 20;

/// Why what a bank had taken counts as not gone.
const DISPUTE_WON: &str = "dispute_won";

/// How a refund that a gateway shows is known to be one of ours.
type IsIt = fn(&ShownRefund, &Refund) -> bool;

impl PaymentLink {
    /// The next thing that follows from what a gateway shows of a payment. `None` where everything is written that can be, so
    /// that the caller asks again after each.
    pub fn apply_aftermath(&self, id: &AttemptId, shown: &Aftermath, now: Timestamp) -> Option<Transition> {
        let attempt = self.attempt(id).filter(|attempt| attempt.looked_after().is_some())?;
        let mut refunds = attempt.held_against(&shown.refunds).into_iter();
        refunds.find_map(|(refund, ours)| self.apply_shown(attempt, refund, ours, now)).or_else(|| {
            let mut disputes: Vec<&ShownDispute> = shown.disputes.iter().collect();
            disputes.sort_by_key(|dispute| (dispute.opened_at, dispute.reference.as_str()));
            disputes.into_iter().find_map(|dispute| self.apply_dispute(attempt, dispute, now))
        })
    }

    /// What is known of a dispute, and what its bank took or gave back, in one change.
    fn apply_dispute(&self, attempt: &Attempt, shown: &ShownDispute, now: Timestamp) -> Option<Transition> {
        let known = attempt.dispute(&shown.reference);
        let seen_at = known.map_or(now, |known| known.seen_at);
        let dispute = Dispute::shown(shown, seen_at);
        if known == Some(&dispute) || known.is_none() && attempt.disputes.len() >= MOST_DISPUTES {
            return None;
        }
        let (paid, taken) = (attempt.looked_after()?, attempt.taken_by(&dispute));
        let is_noted = attempt.has_gone_by(&dispute);
        let refund = match (dispute.state, taken) {
            (DisputeState::Lost, None) if is_noted => None,
            (DisputeState::Lost, None) => {
                let amount = dispute.amount.min(paid.money.minor_units());
                let new = NewRefund::by_gateway(RefundCause::Dispute, amount);
                let refund = Refund::new(self.next_refund_id(), new, now).settled(RefundState::Succeeded { at: now });
                Some(Refund { gateway_reference: Some(dispute.reference.clone()), ..refund })
            }
            (DisputeState::Won, Some(taken)) => {
                let code = DISPUTE_WON.to_owned();
                let state = RefundState::Failed { at: now, code, succeeded_at: taken.recorded_at() };
                Some(taken.resolved(state, None))
            }
            (DisputeState::Lost, Some(_)) | (DisputeState::Won, None) | (DisputeState::Open { .. }, _) => None,
        };
        let link = self.with_refunds(&attempt.id, now, |attempt| {
            attempt.put_dispute(dispute);
            let is_known = |refund: &Refund| attempt.refund(&refund.id).is_some();
            match refund.clone() {
                Some(refund) if is_known(&refund) => attempt.put_refund(refund),
                Some(refund) => attempt.refunds.push(refund),
                None => {}
            }
        });
        let correction = refund.as_ref().and_then(|refund| link.correction(&attempt.id, refund));
        let on_item = refund.as_ref().and_then(|refund| link.refund_on_item(refund, now));
        Some(Transition { correction, on_item, ..link.into() })
    }

    /// How many of the refunds and disputes that a gateway shows have no place on the link.
    pub fn left_out_of(&self, id: &AttemptId, shown: &Aftermath) -> usize {
        let Some(attempt) = self.attempt(id) else { return 0 };
        let refunds = attempt.held_against(&shown.refunds).into_iter();
        let disputes = shown.disputes.iter().filter(|dispute| attempt.dispute(&dispute.reference).is_none());
        refunds.filter(|(shown, ours)| ours.is_none() && shown.is_alive()).count() + disputes.count()
    }

    fn apply_shown(
        &self,
        attempt: &Attempt,
        shown: &ShownRefund,
        ours: Option<&Refund>,
        now: Timestamp,
    ) -> Option<Transition> {
        let can_reverse = attempt.gateway.profile().can_reverse();
        let Some(ours) = ours else {
            if attempt.refunds.len() >= MOST_REFUNDS {
                return None;
            }
            // No more of a payment can have gone back than there was, as far as books go.
            let paid = attempt.looked_after()?.money.minor_units();
            let new = NewRefund::by_gateway(RefundCause::Gateway, shown.amount.min(paid));
            let refund = Refund::new(self.next_refund_id(), new, now).first_shown(shown, can_reverse, now)?;
            let link = self.with_refunds(&attempt.id, now, |attempt| attempt.refunds.push(refund.clone()));
            let correction = link.correction(&attempt.id, &refund);
            let on_item = link.refund_on_item(&refund, now);
            return Some(Transition { correction, on_item, ..link.into() });
        };
        if let Some(refund) = ours.numbered_as(shown) {
            return Some(self.with_refunds(&attempt.id, now, |attempt| attempt.put_refund(refund)).into());
        }
        let refund = ours.shown_as(shown, can_reverse, now)?;
        Some(self.after_refund(&attempt.id, refund, AttemptState::Refunded { at: now }, now))
    }
}

impl Attempt {
    /// The payment of which its gateway can be asked what became of it: one that a link keeps and that a gateway took which
    /// shows that.
    pub fn looked_after(&self) -> Option<&Payment> {
        let AttemptState::Paid { payment, .. } = &self.state else { return None };
        let shows = self.gateway.profile().shows_aftermath();
        (shows && !self.is_recorded() && self.voided.is_none()).then_some(payment)
    }

    /// Whether a list shows something of this payment that is not known here, so that its gateway should be asked about it.
    pub fn misses(&self, change: &ListedChange) -> bool {
        if self.looked_after().is_none() {
            return false;
        }
        let mut ours = self.refunds.iter().filter(|refund| refund.reference() == Some(change.reference.as_str()));
        // What has no place here cannot be written, however often it is asked about.
        let has_place = self.refunds.len() < MOST_REFUNDS || ours.clone().next().is_some();
        match &change.state {
            ListedState::Refund(ShownState::Pending | ShownState::Succeeded) if !has_place => false,
            ListedState::Refund(ShownState::Pending) => ours.next().is_none(),
            // One that is under way is asked about anyhow.
            ListedState::Refund(ShownState::Succeeded) => {
                !ours.any(|refund| refund.has_succeeded() || refund.is_under_way())
            }
            // What a person noted by its number is theirs to void.
            ListedState::Refund(ShownState::Failed { .. }) => {
                ours.any(|refund| refund.has_succeeded() && refund.method == RefundBy::Gateway)
            }
            ListedState::Dispute(state) => {
                let known = self.dispute(&change.reference).map(|dispute| dispute.state);
                known != Some(*state) && (known.is_some() || self.disputes.len() < MOST_DISPUTES)
            }
        }
    }

    /// Each refund that a gateway shows, with the one of ours that it is. None of ours is two of them. In whatever order a
    /// gateway shows them, the result is the same.
    fn held_against<'a>(&'a self, shown: &'a [ShownRefund]) -> Vec<(&'a ShownRefund, Option<&'a Refund>)> {
        // What its number or its mark tells is sure, so that it is found before anything is concluded from an amount.
        const WAYS: [IsIt; 3] = [ShownRefund::has_number_of, ShownRefund::has_mark_of, ShownRefund::may_be];
        let mut pairs: Vec<(&ShownRefund, Option<&Refund>)> = shown.iter().map(|one| (one, None)).collect();
        pairs.sort_by_key(|(one, _)| (Reverse(one.is_alive()), one.at, one.reference.as_str()));
        for is_it in WAYS {
            for at in 0..pairs.len() {
                let Some((one, None)) = pairs.get(at).copied() else { continue };
                let is_taken =
                    |refund: &Refund| pairs.iter().any(|(_, ours)| ours.is_some_and(|ours| ours.id == refund.id));
                let ours = self.refunds.iter().find(|refund| is_it(one, refund) && !is_taken(refund));
                if let Some(pair) = pairs.get_mut(at) {
                    pair.1 = ours;
                }
            }
        }
        pairs
    }
}

impl ShownRefund {
    /// Whether it gave money back, or still may.
    fn is_alive(&self) -> bool {
        match &self.state {
            ShownState::Pending | ShownState::Succeeded => true,
            ShownState::Failed { .. } => false,
        }
    }

    /// Whether we know it by its number. What somebody noted to have gone by other means may be named by it too. Where a person
    /// said that ours did not go, or that it was noted by mistake, what went all the same is another one.
    fn has_number_of(&self, ours: &Refund) -> bool {
        let is_meant = match &ours.state {
            RefundState::Failed { .. } => self.is_alive() && ours.resolved_by.is_none(),
            RefundState::Voiding { .. } => false,
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::Acknowledged { .. }
            | RefundState::Succeeded { .. }
            | RefundState::NeedsReview { .. } => true,
        };
        is_meant && ours.reference() == Some(self.reference.as_str())
    }

    /// Whether it has our mark. Where ours counts as failed, such as by a person's word, what went all the same is another one.
    fn has_mark_of(&self, ours: &Refund) -> bool {
        let went_all_the_same = self.is_alive() && matches!(ours.state, RefundState::Failed { .. });
        self.refund_id.as_ref() == Some(&ours.id) && self.amount == ours.amount && !went_all_the_same
    }

    /// Whether it can only be one of ours, of which nobody knows the number: somebody made it by hand because the call for ours
    /// was left without an answer, or said of ours that the money went.
    fn may_be(&self, ours: &Refund) -> bool {
        let is_without_number = ours.method == RefundBy::Gateway && ours.gateway_reference.is_none();
        let is_open_to_it = match &ours.state {
            RefundState::Calling { .. } | RefundState::Acknowledged { .. } | RefundState::Succeeded { .. } => true,
            RefundState::NeedsReview { .. } => ours.is_undecided(),
            RefundState::Pending
            | RefundState::Accepted { .. }
            | RefundState::Voiding { .. }
            | RefundState::Failed { .. } => false,
        };
        self.refund_id.is_none() && self.is_alive() && self.amount == ours.amount && is_without_number && is_open_to_it
    }
}

impl Refund {
    /// A refund that is new to us as its gateway shows it. `None` where nothing went and nothing will.
    fn first_shown(self, shown: &ShownRefund, can_reverse: bool, now: Timestamp) -> Option<Self> {
        let known = Self { gateway_reference: Some(shown.reference.clone()), ..self };
        match &shown.state {
            ShownState::Succeeded => Some(known.settled(RefundState::Succeeded { at: now })),
            ShownState::Pending => {
                let accepted = Self { state: RefundState::Accepted { since: now }, ..known };
                Some(Self { look_at: Some(accepted.next_look(can_reverse, now)), ..accepted })
            }
            ShownState::Failed { .. } => None,
        }
    }

    /// The refund with its number, where a person said that it went and nobody knew by which: only so is it recognized should
    /// its bank send it back. `None` where there is nothing to note.
    fn numbered_as(&self, shown: &ShownRefund) -> Option<Self> {
        let is_gone = matches!(&self.state, RefundState::Succeeded { .. }) && shown.state == ShownState::Succeeded;
        let is_without_number = self.method == RefundBy::Gateway && self.gateway_reference.is_none();
        let gateway_reference = Some(shown.reference.clone());
        (is_gone && is_without_number).then(|| Self { gateway_reference, ..self.clone() })
    }

    /// What follows for a refund that is known from how its gateway shows it. `None` where nothing does.
    fn shown_as(&self, shown: &ShownRefund, can_reverse: bool, now: Timestamp) -> Option<Self> {
        let is_to_be_decided = match &self.state {
            RefundState::Pending
            | RefundState::Calling { .. }
            | RefundState::Accepted { .. }
            | RefundState::NeedsReview { .. } => self.method == RefundBy::Gateway,
            // A person said what became of it, and the next sweep writes that.
            RefundState::Acknowledged { .. }
            | RefundState::Voiding { .. }
            | RefundState::Succeeded { .. }
            | RefundState::Failed { .. } => false,
        };
        match (&shown.state, &self.state) {
            (ShownState::Succeeded, _) if is_to_be_decided => {
                let reference = Some(shown.reference.clone());
                let answer = RefundAnswer::Succeeded { reference };
                self.follow(&answer, can_reverse, now).map(|followed| followed.refund)
            }
            (ShownState::Pending, RefundState::Calling { .. }) => {
                let answer = RefundAnswer::Accepted { reference: shown.reference.clone() };
                self.follow(&answer, can_reverse, now).map(|followed| followed.refund)
            }
            // The bank sent the money back. No person decided so, whoever decided about it before.
            (ShownState::Failed { code }, RefundState::Succeeded { at })
                if self.method == RefundBy::Gateway && shown.has_number_of(self) =>
            {
                let state = RefundState::Failed { at: now, code: code.clone(), succeeded_at: Some(*at) };
                Some(self.resolved(state, None))
            }
            // What has failed of what is under way is asked of the refund itself.
            (ShownState::Succeeded | ShownState::Pending | ShownState::Failed { .. }, _) => None,
        }
    }
}

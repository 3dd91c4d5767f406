//! Links that come back from a copy of the table as it was at an earlier instant, because they were lost since.
//!
//! The copy knows nothing of what happened between its instant and the loss. Money of that time is found by what lies
//! elsewhere: by receipts and claims, which are items of their own, and by asking the gateways. Whom somebody told
//! meanwhile nobody can find out, so that nobody is told because of what comes back: a person reads of it instead.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::attempt::{Attempt, AttemptState};
use super::outbox::LinkEvent;
use super::payment_link::{LinkStatus, PaymentLink};
use super::payment_news::{MessageAbout, MessageOfLink};
use super::receipt::{Receipt, ReceiptKind};
use super::recorded::Voided;
use super::refund::{Refund, RefundBy, RefundCause, RefundState};
use super::review_reason::ReviewReason;
use crate::events::{DeliveryState, EventRecord, KEPT_FOR};
use crate::gateway::Payment;
use crate::ids::{AttemptId, MessageId, RefundId};
use crate::messages::delivery::{MessageState, MessageStates};
use crate::messages::recipients::Recipient;

/// The reason of a message that may have been sent, of an attempt whose money may have gone back, and the outcome of a
/// delivery that may have been made, between the instant of the copy and the loss.
pub const UNKNOWN_SINCE_RESTORE: &str = "unknown_since_restore";

/// Money that the gateway confirmed for an attempt of a link, as a claim or a receipt of the time since says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedSince {
    pub attempt: AttemptId,
    pub payment: Payment,
    /// When the gateway first said that the money is ours.
    pub confirmed_at: Timestamp,
    /// When the money became the payment of its link. `None` where it went back, or a person had to look.
    pub kept_at: Option<Timestamp>,
    /// When books have its receipt, where that is not its own time.
    pub booked_later: Option<Timestamp>,
}

/// A link that came back, and what a person has to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroughtBack {
    pub link: PaymentLink,
    /// The attempts whose money the link is known to keep, where the copy did not know that.
    pub paid_by: Vec<AttemptId>,
    /// An attempt of which the copy knows nothing and by which the link was paid. It counts as paid by it, so that
    /// nobody pays it a second time.
    pub paid_by_unknown: Option<AttemptId>,
    /// Attempts whose money the gateway confirmed and the link did not keep, without a word of that in the copy. What
    /// became of the money since is not known, so that they are under review.
    pub to_review: Vec<AttemptId>,
    /// The same of attempts of which the copy knows nothing, so that the link has no place for them.
    pub unknown_money: Vec<AttemptId>,
    /// Events that nobody recorded before the instant of the copy, and that may have been sent since. They are recorded
    /// as they are, and sent to nobody.
    pub events: Vec<EventRecord>,
    /// Messages that may have been sent since. They are sent to nobody.
    pub messages: Vec<MessageId>,
}

impl ClaimedSince {
    /// What a receipt says of the money. `claim` is what makes the gateway's reference unique, where that is known too.
    pub fn by_receipt(receipt: &Receipt, claim: Option<String>) -> Self {
        let reference = receipt.gateway_reference.clone();
        let claim = claim.unwrap_or_else(|| reference.clone());
        let payment = Payment {
            masked_card: receipt.masked_card.clone(),
            fee: receipt.fee,
            terminal: receipt.terminal.clone(),
            gateway_paid_at: receipt.gateway_paid_at,
            ..Payment::new(reference, claim, receipt.money)
        };
        let (confirmed_at, kept_at) = (receipt.paid_at, Some(receipt.registered_at));
        let (attempt, booked_later) = (receipt.attempt_id.clone(), receipt.booked_later);
        Self { attempt, payment, confirmed_at, kept_at, booked_later }
    }
}

impl Attempt {
    /// A refund of kept money that was about to be asked for in the copy may have been made since, or have failed and been made
    /// up for by other means: a person has to look before anybody calls. What the gateway had taken already is asked about.
    fn review_refunds_since_restore(&mut self, now: Timestamp) {
        for refund in self.refunds.iter_mut().filter(|refund| refund.keeps_others_waiting()) {
            let state = RefundState::NeedsReview { at: now, reason: ReviewReason::UnknownSinceRestore };
            *refund = Refund { calls: refund.calls.max(1), ..refund.settled(state) };
        }
    }

    /// Money that a receipt records to have gone back went by a refund of that id, whatever is known of it otherwise, unless it
    /// is void.
    fn note_gone(&mut self, id: &RefundId, receipt: &Receipt) {
        let state = match receipt.voided_at {
            None => RefundState::Succeeded { at: receipt.registered_at },
            Some(at) => RefundState::Failed {
                at,
                code: UNKNOWN_SINCE_RESTORE.to_owned(),
                succeeded_at: Some(receipt.registered_at),
            },
        };
        if let Some(known) = self.refunds.iter_mut().find(|known| known.id == *id) {
            let gateway_reference = match &known.method {
                RefundBy::Gateway => {
                    known.gateway_reference.clone().or_else(|| Some(receipt.gateway_reference.clone()))
                }
                RefundBy::Outside { .. } => None,
            };
            *known = Refund { booked_later: receipt.booked_later, gateway_reference, ..known.settled(state) };
            return;
        }
        let reference = receipt.gateway_reference.clone();
        let (method, gateway_reference) = match receipt.gateway_paid_at {
            None => (RefundBy::Gateway, Some(reference)),
            Some(refunded_at) => {
                (RefundBy::Outside { account_id: Some(receipt.account_id.clone()), reference, refunded_at }, None)
            }
        };
        self.refunds.push(Refund {
            id: id.clone(),
            cause: RefundCause::Requested,
            amount: receipt.money.minor_units(),
            method,
            reason: None,
            not_kept: None,
            requested_by: None,
            resolved_by: None,
            request: None,
            created_at: receipt.registered_at,
            look_at: None,
            calls: 0,
            unanswered: 0,
            gateway_reference,
            booked_later: receipt.booked_later,
            state,
        });
    }
}

impl PaymentLink {
    /// The link of a copy with what receipts of the time after it record: what a person wrote down to have come, and what went
    /// back, so that nobody sends that money a second time. Who asked for it and why is not known any more.
    #[must_use]
    pub fn with_recorded(mut self, receipts: &[Receipt]) -> Self {
        for receipt in receipts {
            self.note_recorded(receipt);
        }
        for receipt in receipts {
            let ReceiptKind::Refund { refund_id, .. } = &receipt.kind else { continue };
            if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == receipt.attempt_id) {
                attempt.note_gone(refund_id, receipt);
            }
        }
        self.complete_since_copy();
        self
    }

    /// What a person wrote down is a payment of the link, unless it is paid; and it is void where its receipt is.
    fn note_recorded(&mut self, receipt: &Receipt) {
        let (ReceiptKind::Payment, Some(by)) = (&receipt.kind, receipt.received_by) else { return };
        let voided = receipt.voided_at.map(|at| Box::new(Voided { at, reason: None, voided_by: None }));
        if let Some(known) = self.attempts.iter_mut().find(|attempt| attempt.id == receipt.attempt_id) {
            known.voided = known.voided.take().or(voided);
            return;
        }
        if self.is_paid() {
            return;
        }
        let attempt = Attempt { voided, ..self.attempt_of_record(receipt, by) };
        self.attempts.push(attempt);
    }

    /// Ends the link as paid where its payments were once all that it asked for: what went back only after the last of them came
    /// opened nothing, and neither did what somebody withdrew since.
    fn complete_since_copy(&mut self) {
        let Some((last, paid_by)) =
            self.attempts.iter().filter_map(|one| Some((one.state.kept_at()?, one.id.clone()))).max()
        else {
            return;
        };
        let paid = self.attempts.iter().map(|attempt| attempt.pays_at(last)).fold(0_i64, i64::saturating_add);
        if !self.is_paid() && paid >= self.terms.amount.minor_units() {
            self.close(LinkStatus::Paid { paid_at: last, paid_by }, last);
        }
    }

    /// The link of a copy, with what is known of the time after it. `messages` and `events` are what lies beside the
    /// link now, those that came back included.
    pub fn brought_back(
        self,
        claimed: &[ClaimedSince],
        messages: &MessageStates,
        events: &BTreeMap<u32, EventRecord>,
        now: Timestamp,
    ) -> BroughtBack {
        let mut link = self;
        let (mut paid_by, mut paid_by_unknown) = (Vec::new(), None);
        // What the copy knows to be paid is paid by nothing else.
        let was_paid = link.is_paid();
        let (mut to_review, mut unknown_money) = (Vec::new(), Vec::new());
        for ClaimedSince { attempt: id, payment, confirmed_at, kept_at, booked_later } in claimed {
            let known = link.attempt(id).map(|attempt| knows_of_money(&attempt.state));
            match (known, *kept_at) {
                (_, Some(_)) if was_paid || link.attempt(id).is_some_and(Attempt::is_kept) => {}
                // What the link kept is written with the payment, so that this one is the link's.
                (Some(_), Some(kept_at)) => {
                    link.set_state(id, AttemptState::paid(*confirmed_at, kept_at, payment.clone()));
                    link.attempts
                        .iter_mut()
                        .filter(|one| one.id == *id)
                        .for_each(|one| one.booked_later = *booked_later);
                    paid_by.push(id.clone());
                }
                (None, Some(kept_at)) => paid_by_unknown = Some((id.clone(), kept_at)),
                (Some(true), None) => {}
                (Some(false), None) => {
                    link.review_since_restore(id, payment, *confirmed_at, now);
                    to_review.push(id.clone());
                }
                (None, None) => unknown_money.push(id.clone()),
            }
        }
        link.complete_since_copy();
        if let Some((id, kept_at)) = paid_by_unknown.clone().filter(|_| !link.is_paid()) {
            link.close(LinkStatus::Paid { paid_at: kept_at, paid_by: id }, now);
        }
        let paid_by_unknown = paid_by_unknown.map(|(id, _)| id);
        for attempt in link.attempts.iter_mut().filter(|attempt| attempt.is_kept()) {
            attempt.review_refunds_since_restore(now);
        }
        let unrecorded =
            |one: &&LinkEvent| !events.contains_key(&one.sequence) && now.duration_since(one.at) < KEPT_FOR;
        // Its place in the list is when it happened. Who reads on from there has passed that place, as if it had been
        // there.
        let untold = link.outbox.as_slice().iter().filter(unrecorded).map(|one| link.record(one, one.at)).collect();
        let messages = link.maybe_sent(messages, now);
        link.message_failed |= !messages.is_empty();
        link.restored_at = Some(now);
        link.version = link.version.max(u64::from(link.numbered_behind())) + 1;
        link.updated_at = now;
        BroughtBack { link, paid_by, paid_by_unknown, to_review, unknown_money, events: untold, messages }
    }

    fn is_paid(&self) -> bool {
        matches!(self.status, LinkStatus::Paid { .. })
    }

    /// Leaves an attempt to a person: the gateway confirmed its money, the link did not keep it, and whether it went
    /// back since is not known.
    fn review_since_restore(&mut self, id: &AttemptId, payment: &Payment, confirmed_at: Timestamp, now: Timestamp) {
        let reason = ReviewReason::UnknownSinceRestore;
        self.set_state(id, AttemptState::NeedsReview { at: now, reason, payment: Some(payment.clone()) });
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == *id) {
            attempt.confirmed_at.get_or_insert(confirmed_at);
        }
    }

    /// The messages of an active link that go out next, as far as is known, and of which nothing is known.
    fn maybe_sent(&self, known: &MessageStates, now: Timestamp) -> Vec<MessageId> {
        let has_failed = |id: &MessageId| matches!(known.get(id), Some(MessageState::Failed { .. }));
        self.unknown_messages(known, now, |recipient| recipient.is_wanted(has_failed))
    }

    /// The messages of an active link that stand in for this one, or for another of them, and of which nothing is
    /// known. Where this one comes back as failed, they would go out because of that, and may have gone out before.
    pub fn stand_ins_maybe_sent(&self, failed: &MessageId, known: &MessageStates, now: Timestamp) -> Vec<MessageId> {
        self.unknown_messages(known, now, |recipient| recipient.stands_in_for.contains(failed))
    }

    /// The messages of an active link of which nothing is known and which `goes_out` says go out next, with all that
    /// would go out once these have failed.
    fn unknown_messages(
        &self,
        known: &MessageStates,
        now: Timestamp,
        goes_out: impl Fn(&Recipient) -> bool,
    ) -> Vec<MessageId> {
        // Nobody is asked to pay a link that is over, and everybody is told of its money all the same.
        let is_active = self.status_at(now) == LinkStatus::Active;
        let may_go = |message: &MessageOfLink<'_>| is_active || matches!(message.about, MessageAbout::News(_));
        let mut found: Vec<MessageId> = Vec::new();
        let unknown = self.messages().filter(|message| !known.contains_key(&message.recipient.id)).filter(may_go);
        for MessageOfLink { recipient, .. } in unknown {
            if goes_out(&recipient) || recipient.stands_in_for.iter().any(|id| found.contains(id)) {
                found.push(recipient.id.clone());
            }
        }
        found
    }
}

/// Whether an attempt of the copy says itself that there is, or was, money.
fn knows_of_money(state: &AttemptState) -> bool {
    state.confirmed_payment().is_some() || matches!(state, AttemptState::Refunded { .. })
}

impl MessageState {
    /// That nobody knows whether the message was sent. It is not sent again.
    pub fn unknown_since_restore(now: Timestamp) -> Self {
        Self::Failed { at: now, reason: UNKNOWN_SINCE_RESTORE.to_owned(), sent: None }
    }

    /// The state that a copy has, where it is final; `None` where the message may have been sent since.
    pub fn if_final(self) -> Option<Self> {
        match self {
            Self::Sent(_) | Self::Failed { .. } | Self::Skipped { .. } => Some(self),
            Self::Queued { .. } | Self::Sending { .. } | Self::Waiting { .. } => None,
        }
    }
}

impl EventRecord {
    /// The event of a copy, sent to nobody because of it, and whether somebody waited for it then, who may have been
    /// told since.
    pub fn brought_back(mut self, now: Timestamp) -> (Self, bool) {
        let waits = |state: &DeliveryState| matches!(state, DeliveryState::Waiting { .. });
        let mut may_be_told = std::mem::take(&mut self.is_unaddressed);
        for delivery in self.deliveries.iter_mut().filter(|delivery| waits(delivery.state())) {
            delivery.give_up(UNKNOWN_SINCE_RESTORE, now);
            may_be_told = true;
        }
        self.held_until = None;
        self.version += 1;
        (self, may_be_told)
    }
}

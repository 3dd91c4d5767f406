//! Sending money back that is ours and that the link cannot keep.

use jiff::Timestamp;

use super::attempt::{AttemptState, MAX_REFUND_TRIES, later};
use super::payment_link::PaymentLink;
use super::review_reason::ReviewReason;
use crate::gateway::RefundAnswer;
use crate::ids::AttemptId;

impl PaymentLink {
    /// What follows from the answer to a refund. A try is a call that was made and not answered; work that a sweep
    /// leased and did not get to does not count.
    pub fn apply_refund_answer(&self, id: &AttemptId, answer: &RefundAnswer, now: Timestamp) -> Option<Self> {
        let attempt = self.attempt(id)?;
        let AttemptState::Refunding { payment, tries, .. } = &attempt.state else { return None };
        let review =
            |reason: ReviewReason| AttemptState::NeedsReview { at: now, reason, payment: Some(payment.clone()) };
        match answer {
            RefundAnswer::Issued => Some(self.with_state(id, now, AttemptState::Refunded { at: now })),
            RefundAnswer::Refused { reason } => {
                Some(self.with_state(id, now, review(ReviewReason::RefundRefused { code: reason.clone() })))
            }
            RefundAnswer::Unknown { .. } if tries + 1 >= MAX_REFUND_TRIES => {
                Some(self.with_state(id, now, review(ReviewReason::RefundUnanswered)))
            }
            RefundAnswer::Unknown { .. } => {
                let tries = tries + 1;
                let look_up_at = later(now, attempt.pause_before_refund(tries));
                let state = AttemptState::Refunding { payment: payment.clone(), look_up_at, tries };
                Some(self.with_state(id, now, state))
            }
        }
    }
}

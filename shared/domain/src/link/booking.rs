//! When books have a receipt: at its own time, unless books were closed for that before the receipt was written.
//!
//! A period that somebody has closed and reported stays as it is. What is written down afterwards counts from the first
//! instant on that is open, and keeps that place whatever is closed or opened later. So the place is decided once, when the
//! receipt is written, and lies on the link beside what the receipt is made of.

use jiff::Timestamp;

use super::confirming::Transition;
use super::payment_link::PaymentLink;
use super::receipt::{Receipt, ReceiptKind};
use crate::ids::{AttemptId, RefundId};

/// In every time zone a day begins at a whole quarter of an hour of UTC.
const DAYS_BEGIN_EVERY_SECONDS: i64 = 15 * 60;

impl Receipt {
    /// The instant by which books go.
    pub fn booked_at(&self) -> Timestamp {
        self.booked_later.unwrap_or_else(|| self.own_time())
    }

    /// When the customer paid by the gateway's clock, or when money went back by the word of who sent it, else when we learned
    /// of it. Nothing happened after it was written down, whatever another clock says.
    fn own_time(&self) -> Timestamp {
        self.gateway_paid_at.unwrap_or(self.paid_at).min(self.registered_at)
    }

    /// Whether its own time may lie on an earlier day than the one on which it is written, in whatever time zone. A day that
    /// has not ended is never closed.
    fn may_be_of_an_earlier_day(&self) -> bool {
        let quarter = |at: Timestamp| at.as_second().div_euclid(DAYS_BEGIN_EVERY_SECONDS);
        quarter(self.own_time()) != quarter(self.registered_at)
    }
}

impl Transition {
    /// Whether it keeps money only where the link's item has room for it.
    pub fn is_guarded(&self) -> bool {
        self.on_item.as_ref().is_some_and(|on_item| on_item.most.is_some())
    }

    /// The receipt that is written with it.
    pub fn receipt(&self) -> Option<&Receipt> {
        let payment = self.kept.as_ref().and_then(|kept| kept.receipt.as_ref());
        self.correction.as_ref().map(|correction| &correction.receipt).or(payment)
    }

    /// Whether it has to be known up to when books are closed before it is written. Most money is written down at once.
    pub fn depends_on_closed_books(&self) -> bool {
        self.receipt().is_some_and(Receipt::may_be_of_an_earlier_day)
    }

    /// The transition where books are open from this instant on: a receipt whose own time is before that counts from then
    /// on, and never later than when it is written.
    #[must_use]
    pub fn booked_from(mut self, open_from: Timestamp) -> Self {
        let payment = self.kept.as_mut().and_then(|kept| kept.receipt.as_mut());
        let receipt = self.correction.as_mut().map(|correction| &mut correction.receipt).or(payment);
        let Some(receipt) = receipt else { return self };
        let booked_at = open_from.min(receipt.registered_at);
        if receipt.own_time() >= booked_at {
            return self;
        }
        receipt.booked_later = Some(booked_at);
        let refund = match &receipt.kind {
            ReceiptKind::Payment => None,
            ReceiptKind::Refund { refund_id, .. } => Some(refund_id),
            // That something is void has no time of its own but that at which it is written.
            ReceiptKind::PaymentVoid { .. } | ReceiptKind::RefundVoid { .. } => return self,
        };
        self.link.book_later(&receipt.attempt_id, refund, booked_at);
        self
    }
}

impl PaymentLink {
    /// Remembers when books have the receipt of an attempt's payment, or of a refund of it.
    fn book_later(&mut self, id: &AttemptId, refund: Option<&RefundId>, at: Timestamp) {
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == *id) else { return };
        match refund {
            None => attempt.booked_later = Some(at),
            Some(refund) => {
                for refund in attempt.refunds.iter_mut().filter(|known| known.id == *refund) {
                    refund.booked_later = Some(at);
                }
            }
        }
    }
}

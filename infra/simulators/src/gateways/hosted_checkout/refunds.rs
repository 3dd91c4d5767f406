//! Money that goes back: the refunds of a sale, and what may become of them.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sale::{Sale, SaleState};

/// A refund that the gateway accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SaleRefund {
    pub(crate) id: String,
    pub(crate) amount: u64,
    pub(crate) state: RefundState,
    /// When it was accepted.
    pub(crate) at: Timestamp,
    /// What the merchant gave with it to know it again, in the form in which the gateway shows it.
    pub(crate) reference: Value,
    /// The idempotency key of the call that made it.
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) decided_at: Option<Timestamp>,
}

/// What became of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundState {
    /// Accepted, and not carried out yet.
    Pending,
    /// The customer has the money.
    Succeeded,
    /// It did not reach the customer: the money is the business's again.
    Failed,
    /// The business took it back before it was carried out.
    Cancelled,
}

impl SaleRefund {
    /// Whether it can end so: a bank can send back what had reached it.
    fn can_become(&self, is_good: bool) -> bool {
        match self.state {
            RefundState::Pending => true,
            RefundState::Succeeded => !is_good,
            RefundState::Failed | RefundState::Cancelled => false,
        }
    }

    /// As the simulator's own books show it.
    pub(super) fn in_books(&self) -> Value {
        json!({ "id": self.id, "amount": self.amount, "status": self.state, "reference": self.reference })
    }
}

impl Sale {
    /// Accepts a refund of the payment, or of a part of it.
    pub(crate) fn add_refund_of(
        &mut self,
        amount: u64,
        id: String,
        reference: Value,
        key: Option<String>,
        becomes: RefundState,
        now: Timestamp,
    ) {
        let decided_at = (becomes != RefundState::Pending).then_some(now);
        self.refunds.push(SaleRefund { id, amount, state: becomes, at: now, reference, key, decided_at });
        self.settle_refunds();
    }

    /// Decides the refund of this id, or else the last that is pending, and shows it. One that succeeded can still fail.
    /// There may be none.
    pub(crate) fn decide_refund(&mut self, id: Option<&str>, is_good: bool, now: Timestamp) -> Option<SaleRefund> {
        let is_it = |refund: &&mut SaleRefund| match id {
            Some(id) => refund.id == id && refund.can_become(is_good),
            None => refund.state == RefundState::Pending,
        };
        let refund = self.refunds.iter_mut().rev().find(is_it)?;
        refund.state = if is_good { RefundState::Succeeded } else { RefundState::Failed };
        refund.decided_at = Some(now);
        let decided = refund.clone();
        self.settle_refunds();
        Some(decided)
    }

    /// Accepts a refund that somebody makes in the dashboard: nothing of the merchant's program is on it. `None` where not so
    /// much is left.
    pub(crate) fn refund_in_dashboard(&mut self, amount: u64, id: String, now: Timestamp) -> Option<SaleRefund> {
        let is_paid = matches!(self.state, SaleState::Ours);
        if !is_paid || amount == 0 || amount > self.refundable() {
            return None;
        }
        self.add_refund_of(amount, id, Value::Null, None, RefundState::Succeeded, now);
        self.refunds.last().cloned()
    }

    /// How much of the payment can still be given back. What is pending is used up already, and what a bank took is not there.
    pub(crate) fn refundable(&self) -> u64 {
        let paid = self.payment.as_ref().map_or(0, |payment| payment.amount);
        paid.saturating_sub(self.given_back()).saturating_sub(self.disputes.lost())
    }

    /// How much of the payment refunds give back. What is pending counts.
    pub(crate) fn given_back(&self) -> u64 {
        self.refunded + self.refund_pending()
    }

    pub(crate) fn refund_pending(&self) -> u64 {
        self.refunded_in(RefundState::Pending)
    }

    /// How many refunds of it were ever accepted. A reversal is not in the list.
    pub(super) fn refunds_accepted(&self) -> usize {
        self.refunds.len() + usize::from(self.is_reversed)
    }

    fn refunded_in(&self, state: RefundState) -> u64 {
        self.refunds.iter().filter(|refund| refund.state == state).map(|refund| refund.amount).sum()
    }

    /// A payment that went back whole is the customer's, and one whose refund failed the business's again.
    fn settle_refunds(&mut self) {
        self.refunded = self.refunded_in(RefundState::Succeeded);
        let paid = self.payment.as_ref().map_or(0, |payment| payment.amount);
        match self.state {
            SaleState::Ours if self.refunded >= paid => self.state = SaleState::Returned,
            SaleState::Returned if self.refunded < paid => self.state = SaleState::Ours,
            SaleState::Open
            | SaleState::Waiting
            | SaleState::Ours
            | SaleState::Processing
            | SaleState::Failed
            | SaleState::Cancelled
            | SaleState::Expired
            | SaleState::Returned => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::credential::Credential;
    use crate::gateways::disputes::Disputes;
    use crate::gateways::hosted_checkout::Payment;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn paid() -> Sale {
        Sale {
            owner: Credential::of("test_1"),
            is_live: false,
            amount: 1_000,
            currency: "EUR".to_owned(),
            description: String::new(),
            order: String::new(),
            back: String::new(),
            notify: None,
            metadata: Value::Null,
            created_at: NOW,
            ends_at: NOW,
            state: SaleState::Ours,
            payment: Some(Payment { id: "pay_1".to_owned(), amount: 1_000, at: NOW, confirmed_at: None }),
            failures: Vec::new(),
            declined: None,
            refunded: 0,
            refunds: Vec::new(),
            disputes: Disputes::default(),
            is_reversed: false,
            can_be_cancelled: false,
        }
    }

    fn shown(sale: &Sale) -> [Value; 5] {
        let books = sale.in_books("1");
        ["status", "ours", "refunded", "refund_pending", "refunds"].map(|name| books[name].clone())
    }

    fn row(status: &str, is_ours: bool, refunded: u64, pending: u64, refunds: u64) -> [Value; 5] {
        [status.into(), is_ours.into(), refunded.into(), pending.into(), refunds.into()]
    }

    #[test]
    fn a_refund_that_waits_leaves_nothing_to_refund_and_counts_once_it_is_done() {
        let mut sale = paid();
        sale.add_refund_of(1_000, "re_1".to_owned(), Value::Null, None, RefundState::Pending, NOW);
        assert_eq!((shown(&sale), sale.refundable()), (row("ours", true, 0, 1_000, 1), 0));
        assert_eq!(sale.decide_refund(None, true, NOW).unwrap().id, "re_1");
        assert_eq!((shown(&sale), sale.refundable()), (row("returned", false, 1_000, 0, 1), 0));
        assert!(sale.decide_refund(None, true, NOW).is_none(), "nothing waits any more");
    }

    #[test]
    fn a_refund_that_fails_makes_the_money_the_businesss_again() {
        let mut sale = paid();
        sale.add_refund_of(1_000, "re_1".to_owned(), Value::Null, None, RefundState::Pending, NOW);
        assert_eq!(sale.decide_refund(None, false, NOW).unwrap().id, "re_1");
        assert_eq!((shown(&sale), sale.refundable()), (row("ours", true, 0, 0, 1), 1_000));
        sale.add_refund_of(1_000, "re_2".to_owned(), Value::Null, None, RefundState::Succeeded, NOW);
        assert_eq!(shown(&sale), row("returned", false, 1_000, 0, 2));
    }

    #[test]
    fn parts_make_the_money_the_customers_only_together() {
        let mut sale = paid();
        sale.add_refund_of(400, "re_1".to_owned(), Value::Null, None, RefundState::Succeeded, NOW);
        assert_eq!((shown(&sale), sale.refundable()), (row("ours", true, 400, 0, 1), 600));
        sale.add_refund_of(600, "re_2".to_owned(), Value::Null, None, RefundState::Succeeded, NOW);
        assert_eq!(shown(&sale), row("returned", false, 1_000, 0, 2));
    }

    #[test]
    fn of_several_refunds_the_last_that_waits_is_decided_unless_one_is_named() {
        let mut sale = paid();
        for id in ["re_1", "re_2", "re_3"] {
            sale.add_refund_of(300, id.to_owned(), Value::Null, None, RefundState::Pending, NOW);
        }
        assert_eq!((shown(&sale), sale.refundable()), (row("ours", true, 0, 900, 3), 100));
        assert_eq!(sale.decide_refund(None, true, NOW).unwrap().id, "re_3");
        assert_eq!(sale.decide_refund(Some("re_1"), false, NOW).unwrap().id, "re_1");
        assert_eq!((shown(&sale), sale.refundable()), (row("ours", true, 300, 300, 3), 400));
        assert!(sale.decide_refund(Some("re_1"), true, NOW).is_none(), "what failed stays so");
        assert_eq!(sale.decide_refund(Some("re_3"), false, NOW).unwrap().id, "re_3", "a bank sent it back");
        assert_eq!((shown(&sale), sale.refundable()), (row("ours", true, 0, 300, 3), 700));
    }

    #[test]
    fn somebody_in_the_dashboard_refunds_no_more_than_is_left() {
        let mut sale = paid();
        sale.add_refund_of(600, "re_1".to_owned(), Value::Null, None, RefundState::Pending, NOW);
        assert!(sale.refund_in_dashboard(401, "re_2".to_owned(), NOW).is_none());
        assert!(sale.refund_in_dashboard(0, "re_2".to_owned(), NOW).is_none());
        assert_eq!(sale.refund_in_dashboard(400, "re_2".to_owned(), NOW).unwrap().reference, Value::Null);
        assert_eq!(shown(&sale), row("ours", true, 400, 600, 2));
    }
}

//! Disputes about a payment: how a tester opens and decides them, and what may become of them. When one takes money, and how
//! it is shown and told of, is the business of each gateway.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long the business has to answer, unless a tester says otherwise.
const DAYS_TO_RESPOND: u32 = 7;

/// What a tester orders when a customer, or their bank, disputes a payment. All of it can be left out.
#[derive(Debug, Default, Deserialize)]
pub(super) struct NewDispute {
    /// In the smallest unit. Left out, what is not refunded.
    pub(super) amount: Option<u64>,
    /// In the gateway's own word.
    pub(super) reason: Option<String>,
    /// How many days the business has to answer.
    pub(super) days: Option<u32>,
    /// Whether somebody only asks, which takes no money.
    #[serde(default)]
    pub(super) inquiry: bool,
    /// Whether the call to the merchant's server is lost.
    #[serde(default)]
    pub(super) silent: bool,
}

/// What a tester makes of a dispute.
#[derive(Debug, Deserialize)]
pub(super) struct DecideDispute {
    pub(super) outcome: DisputeOutcome,
    /// The gateway's id of it. Left out, the last one.
    pub(super) dispute: Option<String>,
    /// Whether the call to the merchant's server is lost.
    #[serde(default)]
    pub(super) silent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeOutcome {
    /// The business answered.
    UnderReview,
    /// The answer was not good enough, and the business can give another one.
    ActionRequired,
    /// An inquiry becomes a chargeback.
    Escalated,
    Won,
    Lost,
}

/// A dispute that was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) amount: u64,
    pub(super) reason: Option<String>,
    pub(super) is_inquiry: bool,
    pub(super) state: DisputeState,
    pub(super) opened_at: Timestamp,
    pub(super) respond_by: Timestamp,
    /// When it was won, or else lost.
    pub(super) decided_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DisputeState {
    /// The business can answer.
    Open,
    UnderReview,
    Won,
    Lost,
}

/// Every dispute about one payment, the oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Disputes(Vec<Dispute>);

impl Dispute {
    fn is_over(&self) -> bool {
        matches!(self.state, DisputeState::Won | DisputeState::Lost)
    }

    /// As the simulator's own books show it.
    fn in_books(&self) -> Value {
        json!({ "id": self.id, "amount": self.amount, "status": self.state, "inquiry": self.is_inquiry })
    }
}

impl Disputes {
    /// Opens a dispute about a payment of so much, of which so much was refunded. `None` where the amount is not one that can be
    /// disputed, or where one before it is not over.
    pub(super) fn open(
        &mut self,
        order: NewDispute,
        id: String,
        (paid, refunded): (u64, u64),
        now: Timestamp,
    ) -> Option<Dispute> {
        let left = paid.saturating_sub(refunded);
        // A bank may not know of the refund.
        let amount = order.amount.unwrap_or(if left == 0 { paid } else { left });
        if amount == 0 || amount > paid || self.0.iter().any(|one| !one.is_over()) {
            return None;
        }
        let days = SignedDuration::from_hours(24 * i64::from(order.days.unwrap_or(DAYS_TO_RESPOND)));
        let dispute = Dispute {
            id,
            amount,
            reason: order.reason,
            is_inquiry: order.inquiry,
            state: DisputeState::Open,
            opened_at: now,
            respond_by: now.checked_add(days).ok()?,
            decided_at: None,
        };
        self.0.push(dispute.clone());
        Some(dispute)
    }

    /// Makes something of the dispute that is named, or of the last one, and shows it. `None` where that cannot become of it.
    /// One that is lost can still be won, unless `lost_is_final`.
    pub(super) fn decide(&mut self, order: &DecideDispute, lost_is_final: bool, now: Timestamp) -> Option<Dispute> {
        let is_it = |one: &&mut Dispute| order.dispute.as_ref().is_none_or(|id| *id == one.id);
        let dispute = self.0.iter_mut().rev().find(is_it)?;
        let is_running = !dispute.is_over();
        match order.outcome {
            DisputeOutcome::UnderReview if dispute.state == DisputeState::Open => {
                dispute.state = DisputeState::UnderReview;
            }
            DisputeOutcome::ActionRequired if dispute.state == DisputeState::UnderReview => {
                dispute.state = DisputeState::Open;
            }
            DisputeOutcome::Escalated if is_running && dispute.is_inquiry => {
                dispute.is_inquiry = false;
                dispute.state = DisputeState::Open;
            }
            DisputeOutcome::Won if is_running || dispute.state == DisputeState::Lost && !lost_is_final => {
                dispute.state = DisputeState::Won;
                dispute.decided_at = Some(now);
            }
            // Nothing is lost by a question.
            DisputeOutcome::Lost if is_running && !dispute.is_inquiry => {
                dispute.state = DisputeState::Lost;
                dispute.decided_at = Some(now);
            }
            DisputeOutcome::UnderReview
            | DisputeOutcome::ActionRequired
            | DisputeOutcome::Escalated
            | DisputeOutcome::Won
            | DisputeOutcome::Lost => return None,
        }
        Some(dispute.clone())
    }

    /// The last one is lost already, at gateways whose banks ask nobody.
    pub(super) fn lose_last(&mut self, now: Timestamp) -> Option<Dispute> {
        let order = DecideDispute { outcome: DisputeOutcome::Lost, dispute: None, silent: false };
        self.decide(&order, true, now)
    }

    /// What the payer has of those that are lost.
    pub(super) fn lost(&self) -> u64 {
        self.sum(|one| one.state == DisputeState::Lost)
    }

    /// What chargebacks take that are lost, or not decided.
    pub(super) fn lost_or_open(&self) -> u64 {
        self.sum(|one| one.state != DisputeState::Won && !one.is_inquiry)
    }

    fn sum(&self, counts: impl Fn(&Dispute) -> bool) -> u64 {
        self.0.iter().filter(|one| counts(one)).map(|one| one.amount).sum()
    }

    /// The newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Dispute> {
        self.0.iter().rev()
    }

    /// As the simulator's own books show them, the oldest first.
    pub(super) fn in_books(&self) -> Vec<Value> {
        self.0.iter().map(Dispute::in_books).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn opened(order: NewDispute) -> Disputes {
        let mut disputes = Disputes::default();
        disputes.open(order, "du_1".to_owned(), (1_000, 300), NOW).unwrap();
        disputes
    }

    fn decided(disputes: &mut Disputes, outcome: DisputeOutcome) -> Option<DisputeState> {
        let order = DecideDispute { outcome, dispute: None, silent: false };
        disputes.decide(&order, true, NOW).map(|one| one.state)
    }

    #[test]
    fn a_chargeback_is_about_what_was_not_refunded_and_takes_it_until_it_is_won() {
        let mut disputes = opened(NewDispute::default());
        assert_eq!((disputes.lost_or_open(), disputes.lost()), (700, 0));
        assert_eq!(disputes.iter().next().unwrap().respond_by, NOW + SignedDuration::from_hours(24 * 7));
        assert!(disputes.open(NewDispute::default(), "du_2".to_owned(), (1_000, 300), NOW).is_none(), "one is running");
        assert_eq!(decided(&mut disputes, DisputeOutcome::UnderReview), Some(DisputeState::UnderReview));
        assert_eq!(decided(&mut disputes, DisputeOutcome::ActionRequired), Some(DisputeState::Open));
        assert_eq!(decided(&mut disputes, DisputeOutcome::Won), Some(DisputeState::Won));
        assert_eq!((disputes.lost_or_open(), disputes.lost()), (0, 0));
        assert_eq!(decided(&mut disputes, DisputeOutcome::Lost), None, "what is won stays so");
        let again = NewDispute { amount: Some(1_000), ..NewDispute::default() };
        assert!(
            disputes.open(again, "du_2".to_owned(), (1_000, 300), NOW).is_some(),
            "a bank may not know of the refund"
        );
        assert_eq!(decided(&mut disputes, DisputeOutcome::Lost), Some(DisputeState::Lost));
        assert_eq!((disputes.lost_or_open(), disputes.lost()), (1_000, 1_000));
    }

    #[test]
    fn what_is_lost_is_won_only_where_a_bank_gives_it_back() {
        let mut disputes = opened(NewDispute::default());
        assert_eq!(disputes.lose_last(NOW).unwrap().state, DisputeState::Lost);
        assert_eq!(decided(&mut disputes, DisputeOutcome::Won), None);
        let order = DecideDispute { outcome: DisputeOutcome::Won, dispute: Some("du_1".to_owned()), silent: false };
        assert_eq!(disputes.decide(&order, false, NOW).unwrap().state, DisputeState::Won);
        let other = DecideDispute { dispute: Some("du_2".to_owned()), ..order };
        assert!(disputes.decide(&other, false, NOW).is_none(), "there is none of that id");
    }

    #[test]
    fn an_inquiry_takes_nothing_before_it_becomes_a_chargeback() {
        let mut disputes = opened(NewDispute { inquiry: true, ..NewDispute::default() });
        assert_eq!(disputes.lost_or_open(), 0);
        assert_eq!(decided(&mut disputes, DisputeOutcome::Lost), None, "nothing is lost by a question");
        assert_eq!(decided(&mut disputes, DisputeOutcome::Escalated), Some(DisputeState::Open));
        assert_eq!(disputes.lost_or_open(), 700);
        assert_eq!(decided(&mut disputes, DisputeOutcome::Escalated), None, "it is one already");
    }

    #[test]
    fn nobody_disputes_nothing_or_more_than_was_paid() {
        for amount in [0, 1_001] {
            let order = NewDispute { amount: Some(amount), ..NewDispute::default() };
            assert!(Disputes::default().open(order, "du_1".to_owned(), (1_000, 0), NOW).is_none(), "{amount}");
        }
        let mut all_refunded = Disputes::default();
        let about = all_refunded.open(NewDispute::default(), "du_1".to_owned(), (1_000, 1_000), NOW).unwrap();
        assert_eq!(about.amount, 1_000);
    }
}

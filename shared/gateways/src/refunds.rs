//! Which of a gateway's refunds of a payment is the one that an order is about.
//!
//! A payment can go back in parts, each of them a refund with an id of ours, and people refund in dashboards too. The gateways
//! that keep a mark of ours on a refund show which one it is, and no other one is taken for it. Only where money that no link
//! keeps goes back whole, and nothing else of ours gives any of it back, does whatever gave it back count.
//!
//! That more goes back than was paid, most gateways prevent by themselves. That a part goes back twice, that does not prevent:
//! after a call for 30 per cent whose answer was lost, a second one would be carried out as well. So the guard by what is left
//! speaks for a second call only where what is left is less than the part twice.

use domain::link::{Refund, RefundBy};

use crate::RefundOrder;

/// A refund that gave money back, or still may, as a gateway lists it.
#[derive(Debug)]
pub(crate) struct Listed<'a> {
    /// The gateway's own id of it.
    pub(crate) id: Option<&'a str>,
    /// The id of ours that was given with it.
    pub(crate) mark: Option<&'a str>,
    /// In minor units of the payment's currency, where it can be read.
    pub(crate) amount: Option<i64>,
    /// Whether its status is one that is known.
    pub(crate) is_readable: bool,
}

/// What a list says about the refund that is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is the one at this place of the list.
    At(usize),
    /// It is not there, and less is left of the payment than it asks for.
    TooLittleLeft,
    /// It is not there, and so much is left, in minor units.
    Left(i64),
    /// It is not there, or has another amount, and what there is cannot be read.
    Unreadable,
}

impl RefundOrder<'_> {
    /// Whether the whole payment goes back by this one refund.
    pub(crate) fn is_whole(&self) -> bool {
        self.refund.amount == self.payment.money.minor_units()
    }

    /// The payment's other refunds for which its gateway may have been called.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Refund> {
        let is_other = |other: &&Refund| other.id != self.refund.id && other.method == RefundBy::Gateway;
        self.attempt.refunds.iter().filter(is_other)
    }

    /// Whether the whole payment goes back by this refund, and nothing of it did, or may, by another of ours. Of money that no
    /// link keeps, one that a person had to look at is no such refund: the person decided about it by asking for this one.
    pub(crate) fn is_alone(&self) -> bool {
        let is_decided = |other: &Refund| other.needs_review() && !self.attempt.is_kept();
        let mut other_ones = self.attempt.refunds.iter().filter(|other| other.id != self.refund.id);
        self.is_whole() && other_ones.all(|other| other.takes() == 0 || is_decided(other))
    }

    /// Whether a refund that somebody made by hand counts as this one, because no link keeps the money and all of it is to
    /// go back, by whomever.
    pub(crate) fn takes_any(&self) -> bool {
        self.is_alone() && !self.attempt.is_kept()
    }
}

impl Listed<'_> {
    fn is(&self, refund: &Refund) -> bool {
        let is_known = self.id.is_some() && self.id == refund.gateway_reference.as_deref();
        is_known || self.mark == Some(refund.id.as_str())
    }

    /// Whether it is another refund of ours.
    pub(crate) fn is_of_another(&self, order: &RefundOrder<'_>) -> bool {
        order.others().any(|other| self.is(other))
    }
}

/// Whether any of these refunds counts as the one that is looked for. So does one before it of which nobody knew whether it was
/// made.
pub(crate) fn any_counts(listed: &[Listed<'_>], order: &RefundOrder<'_>) -> bool {
    let is_over = |one: &Listed<'_>| order.others().any(|other| one.is(other) && !other.needs_review());
    order.takes_any() && !listed.iter().any(is_over)
}

/// Looks for the order's own refund among those that gave money back or still may.
pub(crate) fn look_through(listed: &[Listed<'_>], order: &RefundOrder<'_>) -> Seen {
    if let Some((at, ours)) = listed.iter().enumerate().find(|(_, one)| one.is(order.refund)) {
        return if ours.amount == Some(order.refund.amount) { Seen::At(at) } else { Seen::Unreadable };
    }
    let back = |counts: fn(&Listed<'_>) -> bool| {
        let mut counted = listed.iter().filter(|one| counts(one));
        counted.try_fold(0_i64, |sum, one| sum.checked_add(one.amount?))
    };
    let left = |back: Option<i64>| Some(order.payment.money.minor_units().saturating_sub(back?));
    match (left(back(|one| one.is_readable)), left(back(|_| true))) {
        (Some(at_most), _) if at_most < order.refund.amount => Seen::TooLittleLeft,
        (Some(_), Some(left)) if left >= order.refund.amount => Seen::Left(left),
        (Some(_) | None, _) => Seen::Unreadable,
    }
}

/// Whether a gateway that gives no more back than is left makes one refund at most of two calls for this amount.
pub(crate) fn fits_once(amount: i64, left: i64) -> bool {
    left < amount.saturating_mul(2)
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::gateway::Payment;
    use domain::link::Attempt;
    use serde_json::{Value, json};

    use super::*;
    use crate::tests::{attempt, link};

    pub(crate) const OURS: &str = "rf_2222222222222222222222_1";
    pub(crate) const ANOTHER: &str = "rf_2222222222222222222222_2";

    /// A refund of ours, as it lies on its attempt.
    pub(crate) fn refund(id: &str, amount: i64, changes: Value) -> Refund {
        let mut body = json!({
            "id": id, "cause": "requested", "amount": amount, "method": "gateway",
            "created_at": "2026-11-23T22:10:00Z", "state": "pending",
        });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        serde_json::from_value(body).unwrap()
    }

    /// A payment that a link kept, with its refunds. The first is the one that is looked for.
    pub(crate) struct Kept {
        pub(crate) attempt: Attempt,
        pub(crate) payment: Payment,
    }

    impl Kept {
        pub(crate) fn new(open: Attempt, payment: Payment, refunds: Vec<Refund>) -> Self {
            let mut body = serde_json::to_value(&open).unwrap();
            body["state"] = json!("paid");
            body["at"] = json!("2026-11-23T22:05:00Z");
            body["payment"] = serde_json::to_value(&payment).unwrap();
            let attempt = Attempt { refunds, ..serde_json::from_value(body).unwrap() };
            assert!(attempt.is_kept());
            Self { attempt, payment }
        }

        pub(crate) fn order(&self) -> RefundOrder<'_> {
            static LINK: std::sync::OnceLock<domain::ids::LinkId> = std::sync::OnceLock::new();
            let link = LINK.get_or_init(link);
            RefundOrder { link, attempt: &self.attempt, payment: &self.payment, refund: &self.attempt.refunds[0] }
        }
    }

    fn kept(refunds: Vec<Refund>) -> Kept {
        let open = attempt("stripe", "cs_1", 1_000, "EUR");
        let payment = Payment::new("pi_1", "stripe#pi_1", open.money);
        Kept::new(open, payment, refunds)
    }

    fn listed<'a>(id: &'a str, mark: &'a str, amount: i64) -> Listed<'a> {
        Listed {
            id: Some(id),
            mark: Some(mark).filter(|mark| !mark.is_empty()),
            amount: Some(amount),
            is_readable: true,
        }
    }

    #[test]
    fn only_the_refund_with_our_mark_or_of_our_number_is_ours() {
        let ours =
            kept(vec![refund(OURS, 300, json!({})), refund(ANOTHER, 300, json!({ "gateway_reference": "re_1" }))]);
        let seen = |list: &[Listed<'_>]| look_through(list, &ours.order());
        assert_eq!(seen(&[]), Seen::Left(1_000));
        assert_eq!(seen(&[listed("re_1", "", 300), listed("re_2", OURS, 300)]), Seen::At(1));
        assert_eq!(seen(&[listed("re_1", "", 300), listed("re_2", ANOTHER, 300)]), Seen::Left(400));
        assert_eq!(seen(&[listed("re_3", "", 300)]), Seen::Left(700), "somebody made it in the dashboard");
        assert_eq!(seen(&[listed("re_2", OURS, 200)]), Seen::Unreadable, "it is of another amount than was asked for");
        let known = kept(vec![refund(OURS, 300, json!({ "gateway_reference": "re_2" }))]);
        assert_eq!(look_through(&[listed("re_2", "", 300)], &known.order()), Seen::At(0));
    }

    #[test]
    fn what_is_left_is_less_by_every_refund_whoever_made_it() {
        let ours = kept(vec![refund(OURS, 300, json!({}))]);
        let seen = |list: &[Listed<'_>]| look_through(list, &ours.order());
        assert_eq!(seen(&[listed("re_1", "", 700)]), Seen::Left(300));
        assert_eq!(seen(&[listed("re_1", "", 600), listed("re_2", ANOTHER, 101)]), Seen::TooLittleLeft);
        let odd = || Listed { is_readable: false, ..listed("re_2", "", 101) };
        assert_eq!(seen(&[listed("re_1", "", 600), odd()]), Seen::Unreadable);
        assert_eq!(seen(&[listed("re_1", "", 701), odd()]), Seen::TooLittleLeft);
        assert_eq!(seen(&[Listed { amount: None, ..listed("re_1", "", 0) }]), Seen::Unreadable);
    }

    #[test]
    fn what_somebody_refunded_by_hand_counts_only_where_no_link_keeps_the_money_and_all_of_it_goes_back() {
        let by_hand = [listed("re_1", "", 1_000)];
        let whole = kept(vec![refund(OURS, 1_000, json!({}))]);
        assert!(whole.order().is_alone() && !any_counts(&by_hand, &whole.order()), "a link keeps it");
        let unkept = |refunds: Vec<Refund>| {
            let attempt = Attempt { refunds, ..attempt("stripe", "cs_1", 1_000, "EUR") };
            Kept { payment: Payment::new("pi_1", "stripe#pi_1", attempt.money), attempt }
        };
        let counts = |refunds: Vec<Refund>, list: &[Listed<'_>]| any_counts(list, &unkept(refunds).order());
        assert!(counts(vec![refund(OURS, 1_000, json!({}))], &by_hand));
        assert!(!counts(vec![refund(OURS, 300, json!({}))], &by_hand), "a part");
        let failed = json!({ "state": "failed", "at": "2026-11-23T22:10:00Z", "code": "x", "calls": 1 });
        let after_one = || vec![refund(OURS, 1_000, json!({})), refund(ANOTHER, 1_000, failed.clone())];
        assert!(counts(after_one(), &by_hand), "the one before it gave nothing back");
        assert!(!counts(after_one(), &[listed("re_1", ANOTHER, 1_000)]), "that one is another of ours");
        let unclear = json!({
            "state": "needs_review", "at": "2026-11-23T22:10:00Z", "review_reason": "refund_unanswered", "calls": 1,
        });
        let after_unclear = vec![refund(OURS, 1_000, json!({})), refund(ANOTHER, 1_000, unclear)];
        assert!(counts(after_unclear, &[listed("re_1", ANOTHER, 1_000)]), "it was made after all");
        let succeeded = json!({ "state": "succeeded", "at": "2026-11-23T22:10:00Z" });
        assert!(!counts(vec![refund(OURS, 1_000, json!({})), refund(ANOTHER, 10, succeeded)], &by_hand));
    }

    #[test]
    fn two_calls_for_more_than_half_of_what_is_left_make_one_refund_at_most() {
        assert!(fits_once(1_000, 1_000) && fits_once(501, 1_000));
        assert!(!fits_once(500, 1_000) && !fits_once(300, 1_000) && fits_once(300, 599));
    }
}

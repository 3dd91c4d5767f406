//! Books that were closed before a receipt is written: it counts from the first open instant on, and stays there.

use jiff::Span;
use jiff::tz::{TimeZone, db};

use super::*;

/// A payment whose customer paid in this minute by the gateway's clock.
fn paid_in(minute: i64) -> GatewayAnswer {
    GatewayAnswer::Paid(Payment { gateway_paid_at: Some(at(minute)), ..payment(1_500_000) })
}

/// A link that was begun in the first minute, and an answer of much later about it.
fn paid_late(answer: &GatewayAnswer) -> (Transition, AttemptId) {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    (link.apply_answer(&id, answer, Hint::Paid, at(20)).unwrap(), id)
}

/// What went back by other means in this minute, written down in another.
fn went_back(link: &PaymentLink, id: &AttemptId, went: i64, written: i64) -> (Transition, RefundId) {
    let method = RefundBy::Outside { account_id: None, reference: "T-1".to_owned(), refunded_at: at(went) };
    let wish = RefundWish {
        amount: Some(1_000),
        method,
        reason: None,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    let asked = link.request_refund(id, wish, at(written)).unwrap();
    let refund = asked.last_refund(id).unwrap();
    (asked.record_refund(id, &refund, at(written)).unwrap(), refund)
}

#[test]
fn a_payment_of_a_closed_time_counts_from_the_first_open_instant_and_shows_when_it_was_paid() {
    let (transition, id) = paid_late(&paid_in(2));
    let as_it_is = transition.receipt().unwrap().clone();
    assert_eq!(as_it_is.booked_at(), at(2));
    let moved = transition.booked_from(at(10));
    let receipt = moved.receipt().unwrap().clone();
    assert_eq!(receipt.booked_at(), at(10));
    assert_eq!(Receipt { booked_later: None, ..receipt.clone() }, as_it_is, "what was told of the payment stays");
    assert_eq!(moved.link.only_receipt(), Some(receipt.clone()), "the link remembers it");
    assert_eq!(moved.link.attempt(&id).unwrap().booked_later, Some(at(10)));
    let stored: Receipt = serde_json::from_str(&serde_json::to_string(&receipt).unwrap()).unwrap();
    assert_eq!(stored, receipt);
}

#[test]
fn what_is_of_an_open_time_stays_where_it_is_and_takes_no_more_room() {
    let (transition, _) = paid_late(&paid_in(10));
    assert_eq!(transition.clone().booked_from(at(10)), transition, "its own time is the first that is open");
    let (nobody_knows_when, _) = paid_late(&paid());
    assert_eq!(nobody_knows_when.clone().booked_from(at(20)), nobody_knows_when);
    let kept = serde_json::to_string(&transition.link).unwrap();
    assert!(!kept.contains("booked_later"), "{kept}");
    let (link, id) = begun(&link(), 1, 1);
    let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "no"));
    let failed = link.apply_answer(&id, &no, Hint::Nothing, at(2)).unwrap();
    assert_eq!(failed.clone().booked_from(at(100)), failed, "where there is no receipt there is nothing to book");
}

#[test]
fn nothing_counts_later_than_when_it_is_written() {
    let (transition, _) = paid_late(&paid_in(2));
    let moved = transition.booked_from(at(500));
    assert_eq!(moved.receipt().unwrap().booked_at(), at(20), "a day that has not ended cannot be closed");
}

#[test]
fn money_that_a_person_accepts_later_counts_when_books_are_open() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let link = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(2)).unwrap().link;
    let kept = link.resolve(&id, Resolution::Keep, None, at(90)).unwrap().keep_accepted(&id, at(91)).unwrap();
    assert!(kept.depends_on_closed_books());
    let moved = kept.booked_from(at(60));
    let receipt = moved.receipt().unwrap();
    assert_eq!((receipt.paid_at, receipt.booked_at(), receipt.registered_at), (at(2), at(60), at(91)));
    assert_eq!(moved.link.only_receipt().as_ref(), Some(receipt));
}

#[test]
fn a_refund_of_a_closed_time_moves_alone_and_neither_moves_again() {
    let (transition, id) = paid_late(&paid_in(2));
    let payment = transition.receipt().unwrap().clone();
    let (refunded, first) = went_back(&transition.link, &id, 30, 90);
    let refunded = refunded.booked_from(at(60));
    let receipt = refunded.receipt().unwrap().clone();
    assert_eq!((receipt.gateway_paid_at, receipt.booked_at()), (Some(at(30)), at(60)));
    assert_eq!(refunded.link.only_registered_receipt(Some(&first)), Some(receipt.clone()));
    let corrected = &refunded.correction.as_ref().unwrap().corrected;
    assert_eq!(*corrected, Receipt { refunded: 1_000, ..payment }, "the payment's receipt was there before");
    let (again, second) = went_back(&refunded.link, &id, 40, 200);
    let again = again.booked_from(at(180));
    assert_eq!(again.link.only_registered_receipt(Some(&first)), Some(receipt), "what was written stays");
    assert_eq!(again.link.only_registered_receipt(Some(&second)).unwrap().booked_at(), at(180));
    assert_eq!(again.link.only_receipt().unwrap().booked_at(), at(2));
}

#[test]
fn the_receipts_of_a_payment_that_was_moved_say_each_their_own() {
    let (transition, id) = paid_late(&paid_in(2));
    let moved = transition.booked_from(at(10));
    let (refunded, refund) = went_back(&moved.link, &id, 12, 300);
    assert_eq!(refunded.link.only_registered_receipt(Some(&refund)).unwrap().booked_at(), at(12));
    assert_eq!(refunded.correction.unwrap().corrected.booked_at(), at(10));
}

#[test]
fn what_comes_back_from_a_copy_is_booked_as_it_was_before() {
    let (copy, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let kept = copy.apply_answer(&id, &paid_in(2), Hint::Paid, at(20)).unwrap().booked_from(at(10));
    let (gone, refund) = went_back(&kept.link, &id, 30, 90);
    let gone = gone.booked_from(at(60));
    let [payment, correction] = [&kept, &gone].map(|one| one.receipt().unwrap().clone());
    let claimed = [ClaimedSince::by_receipt(&payment, None)];
    let back = copy.brought_back(&claimed, &BTreeMap::new(), &BTreeMap::new(), at(500)).link;
    assert_eq!(back.only_receipt(), Some(payment), "a copy that knew nothing of the payment");
    let asked = kept.link.clone().with_recorded(std::slice::from_ref(&correction));
    assert_eq!(asked.only_registered_receipt(Some(&refund)).unwrap().booked_at(), at(60), "nothing of the refund");
    let method = RefundBy::Outside { account_id: None, reference: "T-1".to_owned(), refunded_at: at(30) };
    let wish = RefundWish {
        amount: Some(1_000),
        method,
        reason: None,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    let pending = kept.link.request_refund(&id, wish.clone(), at(90)).unwrap();
    let back = pending.with_recorded(std::slice::from_ref(&correction));
    assert_eq!(back.only_registered_receipt(Some(&refund)), Some(correction), "no more than that it was noted");
    let by_gateway = RefundWish { method: RefundBy::Gateway, ..wish };
    let pending = kept.link.request_refund(&id, by_gateway, at(90)).unwrap();
    let refund = pending.last_refund(&id).unwrap();
    let calling = pending.begin_refund_call(&id, &refund, at(90)).unwrap();
    let gone = RefundAnswer::Succeeded { reference: Some("re_9".to_owned()) };
    let gone = calling.apply_refund_answer(&id, &refund, &gone, at(91)).unwrap().booked_from(at(60));
    let correction = gone.receipt().unwrap().clone();
    for copy in [pending, calling] {
        let back = copy.with_recorded(std::slice::from_ref(&correction));
        assert_eq!(
            back.only_registered_receipt(Some(&refund)).as_ref(),
            Some(&correction),
            "no more than that it was asked for"
        );
    }
}

#[test]
fn books_are_asked_about_only_where_a_day_may_have_begun_since() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let written = |paid: i64, written: i64| {
        link.apply_answer(&id, &paid_in(paid), Hint::Paid, at(written)).unwrap().depends_on_closed_books()
    };
    // The first of these minutes is a whole hour of UTC.
    let hour = (0..60).find(|minute| at(*minute).as_second() % 3600 == 0).unwrap();
    assert!(!written(hour, hour + 14) && !written(hour + 15, hour + 15));
    assert!(written(hour - 1, hour) && written(hour + 14, hour + 15) && written(2, 20));
    assert!(!written(hour + 1, hour), "a gateway's clock that is ahead moves nothing");
}

#[test]
fn days_begin_at_a_quarter_of_an_hour_in_every_time_zone() {
    let first = jiff::civil::date(2026, 1, 1);
    let days: Vec<_> = (0..366).step_by(3).map(|day| first.checked_add(Span::new().days(day)).unwrap()).collect();
    for name in db().available() {
        let zone = TimeZone::get(name.as_str()).unwrap();
        for day in &days {
            let begins = zone.to_timestamp(day.at(0, 0, 0, 0)).unwrap();
            assert_eq!(begins.as_second() % (15 * 60), 0, "{name} {day}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_closed_a_receipt_counts_at_its_own_time_or_when_books_are_open_and_never_after_it_was_written(
        paid_at in 0..2000_i64,
        open_from in 0..2000_i64,
        is_told in any::<bool>(),
    ) {
        let (transition, _) = paid_late(&if is_told { paid_in(paid_at) } else { paid() });
        let own = transition.receipt().unwrap().booked_at();
        let moved = transition.clone().booked_from(at(open_from));
        let receipt = moved.receipt().unwrap();
        prop_assert_eq!(receipt.booked_at(), own.max(at(open_from)).min(receipt.registered_at));
        prop_assert_eq!(moved.link.only_receipt(), Some(receipt.clone()));
        prop_assert_eq!(moved.link.version(), transition.link.version());
        // Nothing that may be closed is left out where books are not asked about.
        prop_assert!(transition.depends_on_closed_books() || receipt.registered_at.duration_since(own).as_mins() < 15);
    }
}

//! Money that came otherwise, entries that turned out to be wrong, and links that are held.

use super::*;
use crate::idempotency::RequestFingerprint;

fn record(minute: i64) -> PaymentRecord {
    PaymentRecord {
        key: ReturnKey::from_random([99; 16]),
        amount: None,
        by: ReceivedBy::Cash,
        reference: None,
        received_at: at(minute),
        note: None,
        recorded_by: None,
        request: None,
        account: None,
        force: false,
    }
}

fn void(minute: i64) -> Voided {
    Voided { at: at(minute), reason: Some("another customer's".to_owned()), voided_by: None }
}

fn held(minute: i64, until: i64, stops_paying: bool) -> Hold {
    let (placed_at, until) = (at(minute), at(until));
    Hold { reason: HoldReason::Cheque, until, stops_paying, note: None, placed_at, placed_by: None }
}

#[test]
fn cash_pays_a_link_at_once_with_a_receipt_that_no_gateway_gave() {
    let link = link();
    let cheque = PaymentRecord { by: ReceivedBy::Cheque, reference: Some("4711".to_owned()), ..record(1) };
    let done = link.record_payment(cheque, at(3)).unwrap();
    let receipt = done.receipt().unwrap().clone();
    assert_eq!(done.link.only_receipt().as_ref(), Some(&receipt));
    assert!(receipt.id.is_recorded() && done.link.receipt_ids() == [receipt.id.clone()] && done.claim.is_none());
    assert_eq!((receipt.by_gateway(), receipt.received_by), (None, Some(ReceivedBy::Cheque)));
    assert_eq!((receipt.money, receipt.gateway_reference.as_str()), (link.terms().amount, "4711"));
    assert_eq!((receipt.booked_at(), receipt.registered_at), (at(1), at(3)), "books go by when it came");
    assert_eq!(events_of(&done.link), Vec::<&str>::new());
    let told: Vec<EventType> = done.link.outbox().as_slice().iter().map(|event| event.kind).collect();
    assert_eq!(told, [EventType::LinkCreated, EventType::LinkPaid, EventType::ReceiptRegistered]);
    assert!(!done.link.is_live() && done.link.due_at().is_none() && done.link.visit(at(4)) == Visit::Paid);
}

#[test]
fn nobody_writes_down_what_is_not_due_or_cannot_be() {
    let link = link();
    let due = link.terms().amount.minor_units();
    let no = |record: PaymentRecord, minute| link.record_payment(record, at(minute)).unwrap_err();
    let more = PaymentRecord { amount: Some(due + 1), ..record(1) };
    assert_eq!(no(more, 2), RecordPaymentRefused::MoreThanIsDue { due });
    assert_eq!(no(record(30), 2), RecordPaymentRefused::NotThen, "it has not come");
    assert_eq!(no(record(2 - 367 * 24 * 60), 2), RecordPaymentRefused::NotThen, "it came years ago");
    let to = |account| PaymentRecord { account: Some(account), ..record(1) };
    let (mode, other) = (link.terms().mode, Currency::parse("EUR").unwrap());
    let till = AccountOfRecord { id: AccountId::parse("till").unwrap(), mode, currency: other };
    assert_eq!(no(to(None), 2), RecordPaymentRefused::NotToThere);
    assert_eq!(no(to(Some(till.clone())), 2), RecordPaymentRefused::NotToThere);
    let till = AccountOfRecord { currency: Currency::IRR, ..till };
    let receipt = link.record_payment(to(Some(till)), at(2)).unwrap().link.only_receipt().unwrap();
    assert_eq!(receipt.account_id.as_str(), "till");
    let cancelled = link.cancel(None, false, at(1)).unwrap();
    assert_eq!(cancelled.record_payment(record(1), at(2)), Err(RecordPaymentRefused::Cancelled));
    let paid = link.record_payment(record(1), at(2)).unwrap().link;
    let again = PaymentRecord { key: ReturnKey::from_random([98; 16]), ..record(1) };
    assert_eq!(paid.record_payment(again, at(3)), Err(RecordPaymentRefused::Paid));
}

#[test]
fn an_expired_link_takes_what_came_otherwise_whatever_its_account_says() {
    let link = link_at(GatewayKind::Stripe, LatePayment::Refund);
    let late = link.terms().expires_at.duration_since(at(0)).as_mins() + 60;
    assert!(matches!(link.status_at(at(late)), LinkStatus::Expired { .. }));
    let done = link.record_payment(record(late), at(late)).unwrap();
    assert!(matches!(done.link.status_at(at(late)), LinkStatus::Paid { .. }) && done.unless_moved_on.is_none());
}

#[test]
fn while_somebody_pays_it_is_asked_first_and_while_money_is_taken_refused() {
    let (open, id) = begun(&link_at(GatewayKind::Zarinpal, LatePayment::Refund), 1, 1);
    let asked = RecordPaymentRefused::PaymentInProgress { can_force: true };
    assert_eq!(open.record_payment(record(1), at(2)), Err(asked));
    let forced = open.record_payment(PaymentRecord { force: true, ..record(1) }, at(2)).unwrap().link;
    assert_eq!(forced.due_at(), Some(at(2)), "the session is closed at its gateway");
    assert!(forced.should_close(&id, at(2)));
    let twice = forced.apply_answer(&id, &paid(), Hint::Paid, at(3)).unwrap();
    assert!(twice.kept.is_none() && matches!(twice.link.attempts()[0].state, AttemptState::Refunding { .. }));
    let less = open.apply_answer(&id, &GatewayAnswer::Paid(payment(7)), Hint::Paid, at(2)).unwrap().link;
    if less.needs_review() {
        assert_eq!(less.record_payment(record(1), at(3)), Err(RecordPaymentRefused::UnderReview));
    }
    let confirming = open.begin_confirming(&id, at(2)).unwrap();
    let refused = RecordPaymentRefused::PaymentInProgress { can_force: false };
    assert_eq!(confirming.record_payment(PaymentRecord { force: true, ..record(1) }, at(2)), Err(refused));
}

#[test]
fn a_request_writes_money_down_once_for_as_long_as_the_link_is_known() {
    let request = |body: &str| Some(RequestFingerprint { key: "k".to_owned(), body: body.to_owned() });
    let link = link().record_payment(PaymentRecord { request: request("b"), ..record(1) }, at(2)).unwrap().link;
    let again = |body| link.record_payment(PaymentRecord { request: request(body), ..record(1) }, at(3));
    assert_eq!(again("b"), Err(RecordPaymentRefused::Repeated));
    assert_eq!(again("c"), Err(RecordPaymentRefused::KeyReused));
}

#[test]
fn an_entry_is_voided_with_a_record_and_its_link_is_never_open_again() {
    let link = link().record_payment(record(1), at(2)).unwrap().link;
    let (id, receipt) = (link.attempts()[0].id.clone(), link.only_receipt().unwrap());
    let done = link.void_payment(&id, void(10)).unwrap();
    let Correction { receipt: record, corrected, voided: None } = done.correction.clone().unwrap() else {
        panic!("no refund was voided")
    };
    assert_eq!(corrected, Receipt { voided_at: Some(at(10)), ..receipt.clone() });
    assert_eq!(done.link.only_receipt(), Some(corrected));
    assert_eq!(record.kind, ReceiptKind::PaymentVoid { voids: receipt.id.clone() });
    assert_eq!((record.money, record.booked_at(), record.by_gateway()), (receipt.money, at(10), None));
    assert!(record.id.is_recorded() && done.link.receipt_ids() == [receipt.id, record.id]);
    assert!(matches!(done.link.status_at(at(11)), LinkStatus::Paid { .. }) && done.link.visit(at(11)) == Visit::Paid);
    assert_eq!(done.link.void_payment(&id, void(11)), Err(VoidRefused::AlreadyVoided));
    assert_eq!(done.link.outbox().as_slice().last().unwrap().kind, EventType::ReceiptVoided);
    let wish = RefundWish {
        amount: None,
        method: RefundBy::Outside { account_id: None, reference: "T".to_owned(), refunded_at: at(12) },
        reason: None,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    assert_eq!(done.link.request_refund(&id, wish.clone(), at(12)), Err(RefundRefused::Voided));
    let by_gateway = RefundWish { method: RefundBy::Gateway, ..wish };
    assert_eq!(link.request_refund(&id, by_gateway, at(12)), Err(RefundRefused::NotByGateway));
}

#[test]
fn what_a_gateway_took_is_no_entry_and_what_went_back_is_voided_before_what_came() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let paid_link = link.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap().link;
    assert_eq!(paid_link.void_payment(&id, void(3)), Err(VoidRefused::NotAnEntry));
    let outside = RefundBy::Outside { account_id: None, reference: "T-1".to_owned(), refunded_at: at(5) };
    let wish = RefundWish {
        amount: Some(1_000),
        method: outside,
        reason: None,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    for link in [paid_link, super::link().record_payment(record(1), at(2)).unwrap().link] {
        let id = link.attempts()[0].id.clone();
        let asked = link.request_refund(&id, wish.clone(), at(6)).unwrap();
        let refund = asked.last_refund(&id).unwrap();
        assert_eq!(asked.void_refund(&refund, None, at(6)), Err(VoidRefused::NoSuchEntry), "it is not written yet");
        let gone = asked.record_refund(&id, &refund, at(7)).unwrap();
        assert_eq!(gone.link.refunded(), 1_000);
        if gone.link.attempts()[0].is_recorded() {
            assert_eq!(gone.link.void_payment(&id, void(8)), Err(VoidRefused::Refunded));
        }
        let voiding = gone.link.void_refund(&refund, None, at(8)).unwrap();
        assert!(voiding.is_live() && voiding.due_at() == Some(at(8)));
        assert_eq!((voiding.refunded(), voiding.attempts()[0].refunds[0].state.name()), (1_000, "succeeded"));
        assert_eq!(voiding.void_refund(&refund, None, at(8)), Err(VoidRefused::AlreadyVoided));
        assert_eq!(voiding.lease_due(None, at(8)).unwrap().1, [Work::Refund(id.clone(), refund.clone())]);
        let done = voiding.record_refund(&id, &refund, at(9)).unwrap();
        let Correction { receipt, corrected, voided: Some(voided) } = done.correction.unwrap() else {
            panic!("the receipt of the refund is void")
        };
        let before = gone.correction.unwrap();
        assert_eq!(voided, Receipt { voided_at: Some(at(9)), ..before.receipt.clone() });
        assert_eq!(corrected, Receipt { refunded: 0, ..before.corrected });
        assert!(matches!(receipt.kind, ReceiptKind::RefundVoid { voids, .. } if voids == before.receipt.id));
        assert_eq!(receipt.money, rial(1_000));
        let told: Vec<EventType> = done.link.outbox().as_slice().iter().rev().take(2).map(|one| one.kind).collect();
        assert_eq!(told, [EventType::ReceiptVoided, EventType::RefundFailed]);
        assert_eq!((done.link.refunded(), done.link.receipt_ids().len()), (0, 3));
        assert!(done.link.record_refund(&id, &refund, at(10)).is_none() && !done.link.is_live());
        assert!(done.link.request_refund(&id, wish.clone(), at(11)).is_ok(), "the money is still there");
    }
}

#[test]
fn what_was_written_down_comes_back_from_its_receipts() {
    let (copy, nothing) = (link(), BTreeMap::new());
    let recorded = copy.record_payment(PaymentRecord { reference: Some("77".to_owned()), ..record(1) }, at(2)).unwrap();
    let receipt = recorded.receipt().unwrap().clone();
    let back = copy.clone().with_recorded(std::slice::from_ref(&receipt));
    assert_eq!((back.only_receipt(), back.receipt_ids()), (Some(receipt.clone()), vec![receipt.id.clone()]));
    let back = back.brought_back(&[], &MessageStates::new(), &nothing, at(60)).link;
    assert_eq!(back.only_receipt(), Some(receipt.clone()), "nothing of it changes");
    let voided = recorded.link.void_payment(&receipt.attempt_id, void(10)).unwrap().link.only_receipt().unwrap();
    for link in [copy.clone(), recorded.link.clone()] {
        assert_eq!(link.with_recorded(std::slice::from_ref(&voided)).only_receipt(), Some(voided.clone()));
    }
    let (other, id) = begun(&copy, 1, 1);
    let other = other.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap().link;
    assert_eq!(other.clone().with_recorded(std::slice::from_ref(&receipt)), other, "it is paid already");
}

#[test]
fn a_hold_ends_by_itself_and_stops_paying_only_where_that_is_wanted() {
    let link = link();
    let quiet = link.place_hold(held(1, 50, false), at(1)).unwrap();
    assert_eq!((quiet.visit(at(2)), quiet.hold_at(at(2)).is_some()), (Visit::Begin, true));
    assert_eq!((quiet.hold_at(at(50)), quiet.sweep_from()), (None, link.sweep_from()), "nothing is due");
    let strict = quiet.place_hold(held(2, 50, true), at(2)).unwrap();
    assert_eq!((strict.visit(at(3)), strict.visit(at(50))), (Visit::OnHold, Visit::Begin));
    let session = attempt(&strict, 1, 3);
    assert_eq!(strict.begin_attempt(session, at(3)), Err(Visit::OnHold));
    for until in [1, 0, 1 + 367 * 24 * 60] {
        assert_eq!(link.place_hold(held(1, until, false), at(1)), Err(HoldRefused::NotUntilThen), "{until}");
    }
    let (open, id) = begun(&link, 1, 1);
    let open = open.place_hold(held(2, 50, true), at(2)).unwrap();
    assert_eq!(open.visit(at(3)), Visit::OnHold, "nobody is sent there");
    let done = open.apply_answer(&id, &paid(), Hint::Paid, at(4)).unwrap().link;
    assert!(matches!(done.status_at(at(4)), LinkStatus::Paid { .. }), "who is there already may finish");
    assert!(done.hold_at(at(4)).is_none() && events_of_kind(&done, EventType::LinkReleased) == 0);
    let free = strict.release_hold(at(5)).unwrap();
    assert_eq!(free.release_hold(at(6)), Err(HoldRefused::NotHeld));
    assert_eq!((events_of_kind(&free, EventType::LinkHeld), events_of_kind(&free, EventType::LinkReleased)), (2, 1));
    let over = link.cancel(None, false, at(1)).unwrap();
    assert_eq!(over.place_hold(held(1, 50, false), at(2)), Err(HoldRefused::NotActive));
    assert_eq!(over.release_hold(at(2)), Err(HoldRefused::NotActive));
}

#[test]
fn who_says_to_have_paid_already_is_heard_once_and_may_still_pay() {
    let link = link();
    let said = link.said_paid(at(1)).unwrap();
    let hold = said.hold_at(at(2)).unwrap();
    assert_eq!((hold.reason, hold.stops_paying), (HoldReason::SaysPaid, false));
    assert_eq!((said.said_paid(at(2)), said.visit(at(2))), (None, Visit::Begin));
    assert_eq!(events_of_kind(&said, EventType::LinkHeld), 1);
    assert_eq!(link.place_hold(held(1, 50, false), at(1)).unwrap().said_paid(at(2)), None, "a cheque is waited for");
    let promise = Hold { reason: HoldReason::Promise, note: Some("by Monday".to_owned()), ..held(1, 5_000, false) };
    let promised = link.place_hold(promise, at(1)).unwrap().said_paid(at(2)).unwrap();
    let hold = promised.hold_at(at(2)).unwrap();
    assert_eq!((hold.reason, hold.until, hold.note.as_deref()), (HoldReason::SaysPaid, at(5_000), Some("by Monday")));
    assert_eq!(link.place_hold(held(1, 50, true), at(1)).unwrap().said_paid(at(2)), None, "nobody may pay");
    assert_eq!(link.cancel(None, false, at(1)).unwrap().said_paid(at(2)), None);
}

fn events_of_kind(link: &PaymentLink, kind: EventType) -> usize {
    link.outbox().as_slice().iter().filter(|event| event.kind == kind).count()
}

//! Paying in parts: what is due, what can be paid next, and that sums stay right whatever comes in whatever order.

use super::*;
use crate::gateway::AmountLimits;

const WHOLE: i64 = 1_500_000;

fn limits(largest: i64) -> AmountLimits {
    AmountLimits { smallest: 10_000, largest }
}

fn in_parts(plan: PaymentPlan) -> PaymentLink {
    planned(GatewayKind::Zarinpal, LatePayment::Refund, Some(plan))
}

fn planned(gateway: GatewayKind, late: LatePayment, plan: Option<PaymentPlan>) -> PaymentLink {
    let terms = Terms { plan, ..terms(gateway, late) };
    PaymentLink::new(business(), PayToken::from_random([1; 16]), "https://pay.example", "h".to_owned(), terms, at(0))
}

fn dated() -> PaymentLink {
    let part = |amount, minute| Part { amount, due_at: at(minute) };
    in_parts(PaymentPlan::Parts(vec![part(500_000, 10), part(400_000, 20), part(600_000, 30)]))
}

/// The link with a session for this amount.
fn choosing(link: &PaymentLink, number: u8, amount: i64, minute: i64) -> (PaymentLink, AttemptId) {
    let attempt = Attempt { money: rial(amount), ..attempt(link, number, minute) };
    let id = attempt.id.clone();
    (link.begin_attempt(attempt, at(minute)).unwrap(), id)
}

fn receive(link: &PaymentLink, id: &AttemptId, minute: i64) -> Transition {
    let attempt = link.attempt(id).unwrap();
    let payment = Payment::new(format!("{id}"), format!("zarinpal#t#{id}"), attempt.money);
    link.apply_answer(id, &GatewayAnswer::Paid(payment), Hint::Paid, at(minute)).unwrap()
}

fn pay(link: &PaymentLink, number: u8, amount: i64, minute: i64) -> PaymentLink {
    let (link, id) = choosing(link, number, amount, minute);
    receive(&link, &id, minute).link
}

fn cash(link: &PaymentLink, number: u8, amount: Option<i64>, minute: i64) -> Result<PaymentLink, RecordPaymentRefused> {
    let record = PaymentRecord {
        key: ReturnKey::from_random([number; 16]),
        amount,
        by: ReceivedBy::Cash,
        reference: None,
        received_at: at(minute),
        note: None,
        recorded_by: None,
        request: None,
        account: None,
        force: true,
    };
    link.record_payment(record, at(minute)).map(|done| done.link)
}

fn kinds(link: &PaymentLink) -> Vec<EventType> {
    link.outbox().as_slice().iter().map(|event| event.kind).collect()
}

#[test]
fn each_part_has_a_receipt_and_the_last_one_pays_the_link() {
    let first = pay(&dated(), 1, 500_000, 1);
    assert_eq!((first.status_at(at(2)), first.amount_due()), (LinkStatus::Active, rial(1_000_000)));
    assert_eq!((first.amount_paid(), first.is_part_paid()), (rial(500_000), true));
    assert_eq!(first.next_due_at(), Some(at(20)));
    assert_eq!(kinds(&first)[1..], [EventType::LinkOpened, EventType::LinkPartPaid, EventType::ReceiptRegistered]);
    let second = pay(&first, 2, 400_000, 3);
    let last = pay(&second, 3, 600_000, 4);
    assert!(matches!(last.status_at(at(5)), LinkStatus::Paid { .. }));
    assert_eq!((last.amount_due(), last.amount_paid(), last.is_part_paid()), (rial(0), rial(WHOLE), false));
    assert_eq!(kinds(&last)[6..], [EventType::LinkPaid, EventType::ReceiptRegistered]);
    let amounts: Vec<i64> = last.receipts().iter().map(|receipt| receipt.money.minor_units()).collect();
    assert_eq!(amounts, [500_000, 400_000, 600_000]);
    assert_eq!(last.receipts()[0].paid_at, at(1), "each at its own time");
    assert_eq!(last.visit(at(6)), Visit::Paid);
}

#[test]
fn what_is_left_of_each_dated_part_is_due_by_its_date_and_together_it_is_all_that_is_due() {
    let link = dated();
    let dues = |link: &PaymentLink| link.dues();
    assert_eq!(dues(&link), [(Some(at(10)), 500_000), (Some(at(20)), 400_000), (Some(at(30)), 600_000)]);
    let some = pay(&link, 1, 700_000, 1);
    assert_eq!(dues(&some), [(Some(at(20)), 200_000), (Some(at(30)), 600_000)]);
    assert!(some.facts().is_due_in_parts);
    let last = pay(&some, 2, 200_000, 2);
    assert_eq!((dues(&last), last.facts().is_due_in_parts), (vec![(Some(at(30)), 600_000)], false));
    assert_eq!(dues(&pay(&last, 3, 600_000, 3)), []);
    assert_eq!(dues(&in_parts(PaymentPlan::Minimum(500_000))), [(None, WHOLE)]);
    assert_eq!(dues(&link.cancel(None, false, at(2)).unwrap()), []);
}

#[test]
fn what_can_be_paid_next_is_the_next_part_all_or_what_lies_between_and_leaves_a_payable_rest() {
    let link = dated();
    let next = link.next_payment(limits(1_000_000_000), None);
    assert_eq!((next.due, next.is_whole_possible, link.next_due_at()), (rial(WHOLE), true, Some(at(10))));
    assert_eq!(next.part, Some(500_000..=1_490_000), "at least ten thousand has to stay");
    assert!(next.takes(rial(WHOLE)) && next.takes(rial(500_000)) && next.takes(rial(700_000)));
    assert!(!next.takes(rial(499_999)) && !next.takes(rial(1_495_000)) && !next.takes(rial(WHOLE + 1)));
    // What was paid beyond the first part counts for the second.
    let more = pay(&link, 1, 700_000, 1);
    let next = more.next_payment(limits(1_000_000_000), None);
    assert_eq!((next.part, more.next_due_at()), (Some(200_000..=790_000), Some(at(20))));
    let paid: Vec<i64> = more.paid_of_parts().into_iter().map(|(_, paid)| paid).collect();
    assert_eq!(paid, [500_000, 200_000, 0]);
    // The last part is all that is left.
    let last = pay(&more, 2, 200_000, 2).next_payment(limits(1_000_000_000), None);
    assert_eq!((last.part.clone(), last.only_amount()), (None, Some(rial(600_000))));
}

#[test]
fn more_than_a_gateway_takes_is_paid_in_parts_and_nothing_stays_that_nobody_can_pay() {
    let mut link = in_parts(PaymentPlan::Minimum(500_000));
    let first = link.next_payment(limits(600_000), None);
    assert_eq!((first.is_whole_possible, first.part, first.due), (false, Some(500_000..=600_000), rial(WHOLE)));
    link = pay(&link, 1, 600_000, 1);
    link = pay(&link, 2, 500_000, 2);
    assert_eq!(
        link.next_payment(limits(600_000), None).only_amount(),
        Some(rial(400_000)),
        "less than the minimum is left"
    );
    // A rest that is a little too large for one payment leaves what the gateway takes.
    let tight = pay(&in_parts(PaymentPlan::Minimum(500_000)), 1, 895_000, 1);
    let next = tight.next_payment(limits(600_000), None);
    assert_eq!((next.is_whole_possible, next.part.clone()), (false, Some(500_000..=595_000)));
    assert!(!next.takes(rial(600_000)), "five thousand would stay, and nobody could pay that");
}

#[test]
fn a_link_without_a_plan_is_paid_at_once_and_takes_what_cash_left() {
    let link = link();
    assert_eq!(link.next_payment(limits(1_000_000_000), None).only_amount(), Some(rial(WHOLE)));
    let (began, session) = choosing(&link, 1, WHOLE, 1);
    let part = cash(&began, 2, Some(500_000), 2).unwrap();
    assert_eq!((part.status_at(at(3)), part.amount_due()), (LinkStatus::Active, rial(1_000_000)));
    // Nobody is sent to the session any more that asks for all of it, and what comes of it goes back.
    assert_eq!(part.visit(at(3)), Visit::Begin);
    assert!(part.should_close(&session, at(3)) && part.due_at() == Some(at(2)));
    assert_eq!(part.begin_confirming(&session, at(3)), None);
    let late = receive(&part, &session, 3);
    assert_eq!((late.kept, late.link.attempt(&session).unwrap().state.name()), (None, "refunding"));
    assert_eq!(cash(&part, 3, Some(1_000_001), 3), Err(RecordPaymentRefused::MoreThanIsDue { due: 1_000_000 }));
    let paid = cash(&part, 3, None, 3).unwrap();
    assert!(matches!(paid.status_at(at(4)), LinkStatus::Paid { .. }));
    assert_eq!(paid.receipts().len(), 2);
}

#[test]
fn two_people_who_pay_at_once_pay_no_more_than_is_due() {
    let (link, first) = choosing(&in_parts(PaymentPlan::Minimum(500_000)), 1, 900_000, 1);
    // Another choice supersedes the session before; who is paying there may finish.
    assert!(matches!(link.visit_to_pay(Some(rial(900_000)), at(2)), Visit::Continue(_)));
    assert_eq!(link.visit_to_pay(Some(rial(700_000)), at(2)), Visit::Begin);
    let (link, second) = choosing(&link, 2, 700_000, 2);
    let taking = link.begin_confirming(&first, at(3)).unwrap();
    assert_eq!(taking.begin_confirming(&second, at(3)), None, "there is no room for both");
    let watched = taking.apply_answer(&second, &GatewayAnswer::Unconfirmed, Hint::Paid, at(3)).unwrap().link;
    assert_eq!(watched.attempt(&second).unwrap().state.name(), "awaiting_reversal");
    let kept = receive(&watched, &first, 4).link;
    assert_eq!((kept.amount_due(), kept.begin_confirming(&second, at(5))), (rial(600_000), None));
    // Two that fit are both taken.
    let (link, first) = choosing(&in_parts(PaymentPlan::Minimum(500_000)), 1, 700_000, 1);
    let (link, second) = choosing(&link, 2, 800_000, 2);
    let both = link.begin_confirming(&first, at(3)).unwrap().begin_confirming(&second, at(3)).unwrap();
    let kept = receive(&receive(&both, &second, 4).link, &first, 5).link;
    assert!(matches!(kept.status_at(at(6)), LinkStatus::Paid { paid_by, .. } if paid_by == first));
}

#[test]
fn a_session_in_which_something_was_reported_is_not_superseded() {
    let (link, id) = choosing(&in_parts(PaymentPlan::Minimum(500_000)), 1, 900_000, 1);
    let told = link.told_paid(&id, at(2)).unwrap();
    assert_eq!(told.visit_to_pay(Some(rial(500_000)), at(2)), Visit::Confirming);
}

#[test]
fn what_went_back_of_a_part_is_due_again_and_never_of_a_link_that_is_paid() {
    let wish = |amount| RefundWish {
        amount: Some(amount),
        method: RefundBy::Outside { account_id: None, reference: "r".to_owned(), refunded_at: at(3) },
        reason: None,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    let link = pay(&dated(), 1, 500_000, 1);
    let id = link.attempts()[0].id.clone();
    let asked = link.request_refund(&id, wish(200_000), at(3)).unwrap();
    let refund = asked.last_refund(&id).unwrap();
    assert_eq!(asked.amount_due(), rial(1_000_000), "it has not gone yet");
    let gone = asked.record_refund(&id, &refund, at(4)).unwrap().link;
    assert_eq!((gone.amount_due(), gone.amount_paid()), (rial(1_200_000), rial(300_000)));
    assert_eq!((gone.next_due_at(), gone.status_at(at(4))), (Some(at(10)), LinkStatus::Active));
    let paid = pay(&gone, 2, 1_200_000, 5);
    assert!(matches!(paid.status_at(at(6)), LinkStatus::Paid { .. }));
    let again = paid.request_refund(&id, wish(300_000), at(7)).unwrap();
    let refund = again.last_refund(&id).unwrap();
    let back = again.record_refund(&id, &refund, at(8)).unwrap().link;
    assert!(matches!(back.status_at(at(9)), LinkStatus::Paid { .. }));
    assert_eq!((back.amount_due(), back.amount_paid()), (rial(0), rial(1_200_000)));
    // A refund that turns out not to have gone pays what was due because of it.
    let undone = gone.void_refund(&gone.last_refund(&id).unwrap(), None, at(9)).unwrap();
    let undone = undone.record_refund(&id, &gone.last_refund(&id).unwrap(), at(9)).unwrap().link;
    assert_eq!(undone.amount_due(), rial(1_000_000));
}

#[test]
fn a_refund_that_did_not_last_can_be_what_pays_the_link() {
    let link = pay(&in_parts(PaymentPlan::Minimum(500_000)), 1, 500_000, 1);
    let first = link.attempts()[0].id.clone();
    let wish = RefundWish {
        amount: Some(500_000),
        method: RefundBy::Outside { account_id: None, reference: "r".to_owned(), refunded_at: at(2) },
        reason: None,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    let asked = link.request_refund(&first, wish, at(2)).unwrap();
    let refund = asked.last_refund(&first).unwrap();
    let gone = asked.record_refund(&first, &refund, at(3)).unwrap().link;
    assert_eq!(gone.amount_due(), rial(WHOLE));
    let most = pay(&gone, 2, 1_000_000, 4);
    assert_eq!(most.amount_due(), rial(500_000));
    let voiding = most.void_refund(&refund, None, at(5)).unwrap();
    let paid = voiding.record_refund(&first, &refund, at(6)).unwrap().link;
    let LinkStatus::Paid { paid_by, .. } = paid.status_at(at(7)) else { panic!("{:?}", paid.status) };
    assert_eq!(kinds(&paid).iter().filter(|kind| **kind == EventType::LinkPaid).count(), 1);
    assert_eq!(kinds(&paid).iter().filter(|kind| **kind == EventType::LinkPartPaid).count(), 2);
    assert!(paid.attempt(&paid_by).unwrap().is_kept());
}

#[test]
fn a_link_that_ends_part_paid_keeps_that_and_a_late_part_goes_back_or_stays_as_its_account_wants() {
    let part = pay(&dated(), 1, 500_000, 1);
    let (open, second) = choosing(&part, 2, 400_000, 30);
    let ended = open.lease_due(None, at(24 * 60)).unwrap().0;
    assert_eq!(ended.status_at(at(24 * 60)).name(), "expired");
    assert_eq!((ended.amount_paid(), ended.amount_due(), ended.receipts().len()), (rial(500_000), rial(1_000_000), 1));
    let late = receive(&ended, &second, 24 * 60 + 1);
    assert_eq!((late.kept, late.link.attempt(&second).unwrap().state.name()), (None, "refunding"));
    // Where late money is accepted, a part does not bring the link back to life.
    let accepting = planned(GatewayKind::Zarinpal, LatePayment::Accept, Some(PaymentPlan::Minimum(500_000)));
    let (open, id) = choosing(&accepting, 1, 500_000, 1);
    let ended = open.lease_due(None, at(24 * 60)).unwrap().0;
    let late = receive(&ended, &id, 24 * 60 + 1);
    assert!(late.kept.is_some());
    assert_eq!(late.link.status_at(at(24 * 60 + 2)).name(), "expired");
    assert_eq!(kinds(&late.link).last(), Some(&EventType::ReceiptRegistered));
    // Cash for the rest pays what has expired.
    let paid = cash(&late.link, 9, None, 24 * 60 + 3).unwrap();
    assert!(matches!(paid.status_at(at(24 * 60 + 4)), LinkStatus::Paid { .. }));
    // Cancelling keeps what was paid, and asks for nothing.
    let cancelled = part.cancel(None, false, at(3)).unwrap();
    assert_eq!((cancelled.amount_paid(), cancelled.amount_due()), (rial(500_000), rial(0)));
}

#[test]
fn who_pays_in_a_session_that_another_choice_superseded_is_in_time_until_its_deadline() {
    let (link, first) = choosing(&in_parts(PaymentPlan::Minimum(500_000)), 1, 900_000, 58);
    let (link, second) = choosing(&link, 2, 500_000, 59);
    let kept = receive(&link, &second, 59).link;
    let deadline = kept.attempt(&first).unwrap().deadline;
    assert!(deadline > at(60) && kept.status_at(at(61)) == LinkStatus::Active);
    let paid = receive(&kept, &first, 61);
    assert!(paid.kept.is_some(), "it was begun in time");
    assert_eq!(kept.status_at(deadline).name(), "expired");
}

#[test]
fn a_withdrawn_entry_of_a_part_is_due_again() {
    let part = cash(&dated(), 1, Some(700_000), 1).unwrap();
    let id = part.attempts()[0].id.clone();
    let voided = Voided { at: at(2), reason: None, voided_by: None };
    let open = part.void_payment(&id, voided).unwrap().link;
    assert_eq!((open.amount_due(), open.amount_paid(), open.payments().count()), (rial(WHOLE), rial(0), 0));
    assert_eq!(open.status_at(at(3)), LinkStatus::Active);
}

#[test]
fn a_payment_ends_what_its_customer_said_and_no_cheque() {
    let said = dated().said_paid(at(1)).unwrap();
    assert!(pay(&said, 1, 500_000, 2).hold_at(at(3)).is_none());
    let cheque = Hold {
        reason: HoldReason::Cheque,
        until: at(50),
        stops_paying: false,
        note: None,
        placed_at: at(1),
        placed_by: None,
    };
    let held = dated().place_hold(cheque, at(1)).unwrap();
    assert!(pay(&held, 1, 500_000, 2).hold_at(at(3)).is_some());
}

#[test]
fn twenty_paid_parts_are_no_full_link_and_the_last_possible_payment_is_all_that_is_due() {
    let mut link = in_parts(PaymentPlan::Minimum(37_500));
    for number in 0..u8::try_from(MOST_PAYMENTS).unwrap() - 1 {
        assert_eq!(link.visit(at(i64::from(number))), Visit::Begin);
        link = cash(&link, number + 1, Some(30_000), i64::from(number)).unwrap();
    }
    assert_eq!(link.next_payment(limits(1_000_000_000), None).only_amount(), Some(link.amount_due()));
    let due = link.amount_due().minor_units();
    assert_eq!(cash(&link, 200, Some(30_000), 50), Err(RecordPaymentRefused::TooManyPayments { due }));
    assert!(matches!(cash(&link, 200, None, 50).unwrap().status_at(at(50)), LinkStatus::Paid { .. }));
}

#[test]
fn a_link_that_comes_back_from_a_copy_knows_the_parts_that_were_paid_since() {
    let before = dated();
    let (open, id) = choosing(&before, 1, 500_000, 1);
    let kept = receive(&open, &id, 2);
    let receipt = kept.receipt().unwrap().clone();
    let claimed = [ClaimedSince::by_receipt(&receipt, None)];
    let back = open.clone().brought_back(&claimed, &MessageStates::new(), &BTreeMap::new(), at(5));
    assert_eq!((back.paid_by, back.link.status_at(at(5))), (vec![id.clone()], LinkStatus::Active));
    assert_eq!((back.link.amount_due(), back.link.receipt(&id)), (rial(1_000_000), Some(receipt)));
    let cash_part = cash(&before, 7, Some(500_000), 3).unwrap();
    let written = cash_part.receipts();
    let back = before.with_recorded(&written);
    assert_eq!((back.amount_due(), back.receipts()), (rial(1_000_000), written));
}

/// What may happen to a link that is paid in parts.
#[derive(Clone, Debug)]
enum Turn {
    Begin(i64),
    Confirm(usize),
    Answer(usize, GatewayAnswerKind),
    Cash(i64),
    Void(usize),
    Refund(usize, i64),
    Refunded(usize),
    Undone(usize),
    Sweep,
    Cancel,
    Replace,
}

#[derive(Clone, Copy, Debug)]
enum GatewayAnswerKind {
    Paid,
    Unconfirmed,
    NotPaid,
}

fn turn() -> impl Strategy<Value = Turn> {
    let answer = prop_oneof![
        3 => Just(GatewayAnswerKind::Paid),
        1 => Just(GatewayAnswerKind::Unconfirmed),
        1 => Just(GatewayAnswerKind::NotPaid)
    ];
    prop_oneof![
        5 => (1..16_i64).prop_map(|units| Turn::Begin(units * 100_000)),
        2 => (0..8_usize).prop_map(Turn::Confirm),
        6 => (0..8_usize, answer).prop_map(|(index, answer)| Turn::Answer(index, answer)),
        2 => (1..9_i64).prop_map(|units| Turn::Cash(units * 100_000)),
        1 => (0..8_usize).prop_map(Turn::Void),
        2 => (0..8_usize, 1..6_i64).prop_map(|(index, units)| Turn::Refund(index, units * 100_000)),
        2 => (0..8_usize).prop_map(Turn::Refunded),
        1 => (0..8_usize).prop_map(Turn::Undone),
        1 => Just(Turn::Sweep),
        1 => Just(Turn::Cancel),
        1 => Just(Turn::Replace),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn however_a_link_is_paid_in_parts_its_sums_stay_right(
        gateway in prop::sample::select(GatewayKind::ALL.to_vec()),
        late in prop::sample::select(vec![LatePayment::Accept, LatePayment::Refund]),
        has_plan in any::<bool>(),
        story in prop::collection::vec((0..9_i64, turn()), 1..40),
    ) {
        let mut link = planned(gateway, late, has_plan.then_some(PaymentPlan::Minimum(100_000)));
        let (mut minute, mut number, mut written, mut undone) = (0, 0_u8, 0_usize, false);
        for (pause, turn) in story {
            minute += pause;
            let now = at(minute);
            let before = link.clone();
            let id = |index: usize| link.attempts.get(index).map(|attempt| attempt.id.clone());
            let kept_one = |transition: Transition, written: &mut usize| {
                *written += usize::from(transition.kept.is_some());
                transition.link
            };
            let next = match turn {
                Turn::Begin(amount) => {
                    number += 1;
                    let attempt = Attempt { money: rial(amount), ..attempt(&link, number, minute) };
                    link.begin_attempt(attempt, now).ok()
                }
                Turn::Confirm(index) => id(index).and_then(|id| link.begin_confirming(&id, now)),
                Turn::Answer(index, answer) => id(index).and_then(|id| {
                    let answer = match answer {
                        GatewayAnswerKind::Paid => {
                            let money = link.attempt(&id)?.money;
                            GatewayAnswer::Paid(Payment::new(format!("{id}"), format!("c#{id}"), money))
                        }
                        GatewayAnswerKind::Unconfirmed => GatewayAnswer::Unconfirmed,
                        GatewayAnswerKind::NotPaid => {
                            GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Declined, "no"))
                        }
                    };
                    link.apply_answer(&id, &answer, Hint::Paid, now).map(|done| kept_one(done, &mut written))
                }),
                Turn::Cash(amount) => {
                    number += 1;
                    cash(&link, number, Some(amount), minute).ok().inspect(|_| written += 1)
                }
                Turn::Void(index) => id(index).and_then(|id| {
                    let voided = Voided { at: now, reason: None, voided_by: None };
                    link.void_payment(&id, voided).ok().map(|done| done.link)
                }),
                Turn::Refund(index, amount) => id(index).and_then(|id| {
                    let wish = RefundWish {
                        amount: Some(amount),
                        method: RefundBy::Outside { account_id: None, reference: "r".to_owned(), refunded_at: now },
                        reason: None,
                        requested_by: None,
                        request: None,
                        has_credentials: None,
                        from: None,
                    };
                    link.request_refund(&id, wish, now).ok()
                }),
                Turn::Refunded(index) => id(index).and_then(|id| {
                    let waits = link.attempt(&id)?.refunds.iter().find(|refund| refund.is_under_way())?.id.clone();
                    link.record_refund(&id, &waits, now).map(|done| done.link)
                }),
                Turn::Undone(index) => id(index).and_then(|id| {
                    let refund = link.attempt(&id)?.refunds.iter().rfind(|refund| refund.has_succeeded())?.id.clone();
                    let voided = link.void_refund(&refund, None, now).ok();
                    undone |= voided.is_some();
                    voided
                }),
                Turn::Sweep => link.lease_due(None, now).map(|(link, _)| link),
                Turn::Cancel => link.cancel(None, false, now).ok(),
                Turn::Replace => link.replaced_by(&other_link(), false, now).ok(),
            };
            if let Some(next) = next {
                prop_assert!(rank(&next.status) >= rank(&before.status), "a status moved backward");
                link = next;
            }
            let dues: i64 = link.dues().iter().map(|(_, amount)| amount).sum();
            prop_assert_eq!(dues, link.amount_due().minor_units());
            let kept: Vec<&Attempt> = link.attempts.iter().filter(|attempt| attempt.is_kept()).collect();
            let paid = |attempt: &&Attempt| attempt.state.confirmed_payment().unwrap().money.minor_units();
            let net: i64 = kept.iter().filter(|one| one.voided.is_none())
                .map(|one| paid(one) - one.refunded()).sum();
            prop_assert!(undone || net <= WHOLE, "{net} of {WHOLE} is kept");
            prop_assert_eq!(link.amount_paid().minor_units(), net);
            prop_assert_eq!(kept.len(), written, "one payment for each that was written");
            prop_assert!(link.amount_due().minor_units() >= 0);
            match &link.status {
                LinkStatus::Active | LinkStatus::Expired { .. } => {
                    prop_assert!(net < WHOLE, "all is paid and the link is not");
                    prop_assert_eq!(link.amount_due().minor_units(), WHOLE - net);
                }
                LinkStatus::Paid { paid_by, .. } => {
                    prop_assert_eq!(link.amount_due().minor_units(), 0);
                    prop_assert!(kept.iter().any(|one| one.id == *paid_by));
                }
                LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. } => {
                    prop_assert_eq!(link.amount_due().minor_units(), 0);
                }
            }
            // Each payment has one receipt, of its own amount, which says what went back of it.
            for one in &kept {
                let receipt = link.receipt(&one.id).unwrap();
                prop_assert_eq!((receipt.money.minor_units(), receipt.refunded), (paid(one), one.refunded()));
            }
            // Each is told once, and the link's being paid once.
            let told = link.outbox.as_slice();
            let count = |kind, id: &AttemptId| {
                told.iter().filter(|one| one.kind == kind && one.attempt.as_ref() == Some(id) && one.refund.is_none()).count()
            };
            for one in &kept {
                prop_assert_eq!(count(EventType::ReceiptRegistered, &one.id), 1);
                let is_last = matches!(&link.status, LinkStatus::Paid { paid_by, .. } if *paid_by == one.id);
                let (parts, ends) = (count(EventType::LinkPartPaid, &one.id), count(EventType::LinkPaid, &one.id));
                prop_assert_eq!(ends, usize::from(is_last));
                prop_assert!(parts + ends >= 1 && parts <= 1);
            }
            // No more is about to be taken than there is room for.
            let about: i64 = link.attempts.iter()
                .filter(|one| matches!(one.state, AttemptState::Confirming { .. }))
                .map(|one| one.money.minor_units()).sum();
            prop_assert!(about == 0 || undone || net + about <= WHOLE, "{about} is being taken beside {net}");
            let facts = link.facts();
            prop_assert_eq!((facts.is_part_paid, facts.amount_due), (link.is_part_paid(), link.amount_due()));
            let stored: PaymentLink = serde_json::from_str(&serde_json::to_string(&link).unwrap()).unwrap();
            prop_assert_eq!(&stored, &link);
        }
    }
}

//! Money of a payment that a link kept goes back, whole or in parts, and never more than there was.

use super::*;
use crate::gateway::CannotRefund;
use crate::idempotency::RequestFingerprint;

/// A link that is paid, and the attempt that paid it.
pub(super) fn paid_link(gateway: GatewayKind) -> (PaymentLink, AttemptId) {
    let (link, id) = begun(&link_at(gateway, LatePayment::Refund), 1, 1);
    (link.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap().link, id)
}

pub(super) fn wish(amount: Option<i64>) -> RefundWish {
    RefundWish {
        amount,
        method: RefundBy::Gateway,
        reason: None,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    }
}

pub(super) fn outside(amount: Option<i64>) -> RefundWish {
    let method = RefundBy::Outside { account_id: None, reference: "T-1".to_owned(), refunded_at: at(5) };
    RefundWish { method, ..wish(amount) }
}

pub(super) fn asked_by(key: &str, body: &str, amount: i64) -> RefundWish {
    let request = Some(RequestFingerprint { key: key.to_owned(), body: body.to_owned() });
    RefundWish { request, ..wish(Some(amount)) }
}

pub(super) fn taken(reference: &str) -> RefundAnswer {
    RefundAnswer::Accepted { reference: reference.to_owned() }
}

pub(super) fn gone(reference: &str) -> RefundAnswer {
    RefundAnswer::Succeeded { reference: Some(reference.to_owned()) }
}

#[test]
fn a_part_goes_back_and_the_link_stays_paid_with_a_receipt_of_each() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let receipt = link.only_receipt().unwrap();
    let asked = link.request_refund(&id, wish(Some(500_000)), at(10)).unwrap();
    assert!(asked.is_live() && asked.due_at() == Some(at(10)) && !asked.needs_review());
    let refund = asked.last_refund(&id).unwrap();
    assert_eq!(refund.link().as_ref(), Some(asked.id()));
    let calling = asked.begin_refund_call(&id, &refund, at(10)).unwrap();
    let done = calling.apply_refund_answer(&id, &refund, &gone("re_1"), at(11)).unwrap();
    let Correction { receipt: correction, corrected, voided: None } = done.correction.unwrap() else {
        panic!("nothing is void")
    };
    assert_eq!(corrected, Receipt { refunded: 500_000, ..receipt.clone() });
    assert_eq!(done.link.only_receipt(), Some(corrected));
    assert_eq!(
        correction.kind,
        ReceiptKind::Refund { refund_id: refund.clone(), corrects: receipt.id.clone(), is_outside: false }
    );
    assert_eq!((correction.money, correction.registered_at), (rial(500_000), at(11)));
    assert_eq!((&correction.gateway_reference, &correction.attached_to), (&"re_1".to_owned(), &receipt.attached_to));
    assert_eq!(done.link.only_registered_receipt(Some(&refund)), Some(correction));
    assert!(matches!(done.link.status_at(at(12)), LinkStatus::Paid { .. }) && !done.link.is_live());
    assert_eq!(done.link.attempts()[0].left_of(&payment(1_500_000)), 1_000_000);
    assert_eq!(events_of(&done.link), ["refund.created", "refund.succeeded"]);
    let receipts = done.link.outbox().as_slice().iter().filter(|one| one.kind == EventType::ReceiptRegistered);
    assert_eq!(receipts.map(|one| one.refund.clone()).collect::<Vec<_>>(), [None, Some(refund)]);
}

#[test]
fn what_is_on_its_way_counts_as_gone_and_what_failed_does_not() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let first = link.request_refund(&id, wish(Some(900_000)), at(10)).unwrap();
    let left = Err(RefundRefused::TooMuch { left: 600_000 });
    assert_eq!(first.request_refund(&id, wish(Some(900_000)), at(11)), left);
    let both = first.request_refund(&id, wish(None), at(11)).unwrap();
    assert_eq!(both.attempts()[0].refunds.last().unwrap().amount, 600_000, "all that is left");
    assert_eq!(both.request_refund(&id, wish(Some(1)), at(12)), Err(RefundRefused::NothingLeft));
    let refund = both.attempts()[0].refunds[0].id.clone();
    let no = RefundAnswer::Refused { code: "too_old".to_owned() };
    let failed = both.apply_refund_answer(&id, &refund, &no, at(13)).unwrap();
    assert_eq!((&failed.correction, failed.link.needs_review()), (&None, false));
    assert_eq!(failed.link.attempts()[0].left_of(&payment(1_500_000)), 900_000);
    assert!(failed.link.request_refund(&id, wish(Some(900_000)), at(14)).is_ok());
}

#[test]
fn the_next_is_called_for_when_it_is_known_which_of_the_gateways_is_the_one_before() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let link = link.request_refund(&id, wish(Some(1_000)), at(10)).unwrap();
    let link = link.request_refund(&id, wish(Some(1_000)), at(11)).unwrap();
    let [first, second] = [0, 1].map(|index| link.attempts()[0].refunds[index].id.clone());
    assert!(link.may_call_refund(&id, &first, &RefundAnswer::Absent, at(12)));
    assert!(!link.may_call_refund(&id, &second, &RefundAnswer::Absent, at(12)), "it waits for the first");
    let (link, work) = link.lease_due(None, at(12)).unwrap();
    assert_eq!(work, [Work::Refund(id.clone(), first.clone())]);
    let link = link.begin_refund_call(&id, &first, at(12)).unwrap();
    assert!(
        !link.may_call_refund(&id, &second, &RefundAnswer::Absent, at(12)),
        "nobody knows what became of the first call"
    );
    let link = link.apply_refund_answer(&id, &first, &taken("re_1"), at(12)).unwrap().link;
    assert!(link.may_call_refund(&id, &second, &RefundAnswer::Absent, at(12)));
    let (_, work) = link.lease_due(None, at(12)).unwrap();
    assert_eq!(work, [Work::Refund(id, second)]);
}

#[test]
fn money_went_back_from_an_account_of_the_payments_mode_and_currency_and_a_repeat_asks_for_none() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let named = |from| {
        let account_id = Some(AccountId::parse("till").unwrap());
        let method = RefundBy::Outside { account_id, reference: "T-1".to_owned(), refunded_at: at(5) };
        RefundWish { method, from, ..asked_by("k", "b", 1_000) }
    };
    let (mode, euro) = (link.terms().mode, Currency::parse("EUR").unwrap());
    let other_mode = if mode == Mode::Live { Mode::Sandbox } else { Mode::Live };
    for from in [None, Some((other_mode, Currency::IRR)), Some((mode, euro))] {
        assert_eq!(link.request_refund(&id, named(from), at(10)), Err(RefundRefused::NotFromThere), "{from:?}");
    }
    let asked = link.request_refund(&id, named(Some((mode, Currency::IRR))), at(10)).unwrap();
    let refund = asked.last_refund(&id).unwrap();
    let again = asked.request_refund(&id, named(None), at(11));
    assert_eq!(again, Err(RefundRefused::Repeated(refund)), "the account may have been deleted since");
}

#[test]
fn a_request_that_comes_again_begins_nothing_and_another_under_its_key_is_refused() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, asked_by("k", "b", 1_000), at(10)).unwrap();
    let refund = asked.last_refund(&id).unwrap();
    let again = asked.request_refund(&id, asked_by("k", "b", 1_000), at(500_000));
    assert_eq!(again, Err(RefundRefused::Repeated(refund)));
    assert_eq!(asked.request_refund(&id, asked_by("k", "c", 2_000), at(11)), Err(RefundRefused::KeyReused));
    assert!(asked.request_refund(&id, asked_by("l", "b", 1_000), at(11)).is_ok());
}

#[test]
fn what_a_gateway_cannot_do_is_refused_and_can_be_noted_as_done_by_other_means() {
    let gateway = |why| Err(RefundRefused::Gateway(why));
    let (link, id) = paid_link(GatewayKind::Sep);
    assert_eq!(link.request_refund(&id, wish(Some(1_000)), at(3)), gateway(CannotRefund::WholeOnly));
    assert!(link.request_refund(&id, wish(None), at(3)).is_ok());
    assert_eq!(link.request_refund(&id, wish(None), at(60)), gateway(CannotRefund::TooLate { minutes: 50 }));
    let noted = link.request_refund(&id, outside(Some(1_000)), at(60)).unwrap();
    let refund = noted.last_refund(&id).unwrap();
    let (noted, work) = noted.lease_due(None, at(60)).unwrap();
    assert_eq!(work, [Work::Refund(id.clone(), refund.clone())]);
    assert_eq!(noted.begin_refund_call(&id, &refund, at(60)), None);
    assert!(!noted.may_call_refund(&id, &refund, &RefundAnswer::Absent, at(12)), "no gateway is asked for it");
    let done = noted.record_refund(&id, &refund, at(61)).unwrap();
    let receipt = done.correction.unwrap().receipt;
    assert_eq!((receipt.gateway_reference.as_str(), receipt.booked_at()), ("T-1", at(5)), "books go by when it went");
    assert_eq!(done.link.record_refund(&id, &refund, at(62)), None, "it is in the books already");
    let (link, id) = paid_link(GatewayKind::Zarinpal);
    assert_eq!(
        link.request_refund(&id, wish(Some(19_999)), at(3)),
        gateway(CannotRefund::TooSmall { smallest: 20_000 })
    );
    assert!(link.request_refund(&id, wish(Some(20_000)), at(300)).is_ok());
    let with = |names: &[&str]| {
        let has_credentials = Some(names.iter().map(|name| (*name).to_owned()).collect());
        RefundWish { has_credentials, ..wish(Some(20_000)) }
    };
    let missing = CannotRefund::CredentialsMissing { names: &["access_token"] };
    assert_eq!(link.request_refund(&id, with(&[]), at(300)), gateway(missing));
    assert!(link.request_refund(&id, with(&["access_token"]), at(300)).is_ok());
    let whole = RefundWish { amount: None, ..with(&[]) };
    assert!(link.request_refund(&id, whole.clone(), at(3)).is_ok(), "reversing needs no token");
    assert_eq!(link.request_refund(&id, whole, at(40)), gateway(missing));
}

#[test]
fn money_goes_back_of_payments_only_and_at_an_instant_that_can_be() {
    let (open, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    assert_eq!(open.request_refund(&id, wish(None), at(2)), Err(RefundRefused::NoSuchPayment));
    let (back, unkept) = refunding(GatewayKind::Stripe);
    assert_eq!(back.request_refund(&unkept, wish(None), at(4)), Err(RefundRefused::NoSuchPayment));
    let (link, id) = paid_link(GatewayKind::Stripe);
    let then = |refunded_at| RefundWish {
        method: RefundBy::Outside { account_id: None, reference: "T-1".to_owned(), refunded_at },
        ..wish(None)
    };
    assert_eq!(link.request_refund(&id, then(at(-60)), at(10)), Err(RefundRefused::NotThen));
    assert_eq!(link.request_refund(&id, then(at(70)), at(10)), Err(RefundRefused::NotThen));
    assert!(link.request_refund(&id, then(at(10)), at(10)).is_ok());
    let mut many = link.clone();
    for number in 0..MAX_REFUNDS {
        many = many.request_refund(&id, outside(Some(1)), at(10 + i64::try_from(number).unwrap())).unwrap();
    }
    assert_eq!(many.request_refund(&id, outside(Some(1)), at(90)), Err(RefundRefused::TooMany));
}

#[test]
fn a_refund_of_which_nobody_knows_is_for_a_person_whose_word_ends_it() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, wish(Some(1_000)), at(10)).unwrap();
    let refund = asked.last_refund(&id).unwrap();
    assert_eq!(
        asked.resolve_refund(&refund, RefundResolution::Refunded, None, at(10)),
        Err(ResolveRefundRefused::NotUnderReview)
    );
    let mut link = asked.begin_refund_call(&id, &refund, at(10)).unwrap();
    let silence = RefundAnswer::Unknown { why: "timeout".to_owned() };
    for minute in 11..11 + i64::from(crate::link::refund::MAX_REFUND_TRIES) {
        link = link.apply_refund_answer(&id, &refund, &silence, at(minute)).unwrap().link;
    }
    assert!(link.needs_review() && link.is_live() && link.due_at().is_none());
    assert_eq!(link.attempts()[0].left_of(&payment(1_500_000)), 1_499_000, "it may have gone");
    assert_eq!(events_of(&link), ["refund.created", "refund.needs_review"]);
    let asked_again = link.resolve_refund(&refund, RefundResolution::AskAgain, None, at(60)).unwrap();
    assert_eq!((asked_again.due_at(), asked_again.needs_review()), (Some(at(60)), false));
    let not = link.resolve_refund(&refund, RefundResolution::NotRefunded, None, at(60)).unwrap();
    assert_eq!((not.attempts()[0].left_of(&payment(1_500_000)), not.is_live()), (1_500_000, false));
    let went = link.resolve_refund(&refund, RefundResolution::Refunded, None, at(60)).unwrap();
    assert_eq!(went.apply_refund_answer(&id, &refund, &RefundAnswer::Absent, at(60)), None);
    assert!(!went.may_call_refund(&id, &refund, &RefundAnswer::Absent, at(12)));
    let done = went.record_refund(&id, &refund, at(61)).unwrap();
    assert!(done.correction.is_some() && !done.link.is_live());
}

/// The gateway was never asked for it, and a person may find all the same that the money went, or have it asked for.
#[test]
fn what_a_person_has_to_look_at_is_taken_whatever_that_person_finds() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let mut link = link.request_refund(&id, wish(Some(900_000)), at(10)).unwrap();
    let refund = link.last_refund(&id).unwrap();
    let silence = RefundAnswer::Unknown { why: "timeout".to_owned() };
    while !link.needs_review() {
        link = link.apply_refund_answer(&id, &refund, &silence, at(11)).unwrap().link;
    }
    assert_eq!(link.attempts()[0].refunds[0].calls, 0, "no question before the first call was answered");
    let left = Err(RefundRefused::TooMuch { left: 600_000 });
    assert_eq!(link.request_refund(&id, wish(Some(900_000)), at(60)), left);
    let both = link.request_refund(&id, wish(None), at(60)).unwrap();
    for resolution in RefundResolution::ALL {
        let resolved = both.resolve_refund(&refund, resolution, None, at(61)).unwrap();
        let taken: i64 = resolved.attempts()[0].refunds.iter().map(Refund::takes).sum();
        assert!(taken <= 1_500_000, "{resolution:?}: {taken}");
    }
    let not = link.resolve_refund(&refund, RefundResolution::NotRefunded, None, at(61)).unwrap();
    assert!(not.request_refund(&id, wish(None), at(62)).is_ok(), "a person said that it did not go");
}

#[derive(Clone, Debug)]
enum Act {
    Request(Option<i64>, bool),
    Sweep,
    Call(usize, bool),
    Answer(usize, RefundAnswer, bool),
    Record(usize),
    Resolve(usize, RefundResolution),
}

fn act() -> impl Strategy<Value = Act> {
    let answer = prop_oneof![
        3 => Just(gone("re")),
        2 => Just(taken("re")),
        1 => Just(RefundAnswer::Refused { code: "no".to_owned() }),
        1 => Just(RefundAnswer::Unknown { why: "timeout".to_owned() }),
        1 => Just(RefundAnswer::Failed { reference: None, code: "lost".to_owned() }),
        1 => Just(RefundAnswer::AccountRefused { code: "401".to_owned() }),
        1 => Just(RefundAnswer::Absent),
        1 => Just(RefundAnswer::Unlisted),
    ];
    let amount = prop_oneof![Just(None), (1..2_000_000_i64).prop_map(Some), (1..200_000_i64).prop_map(Some)];
    prop_oneof![
        3 => (amount, any::<bool>()).prop_map(|(amount, is_outside)| Act::Request(amount, is_outside)),
        2 => Just(Act::Sweep),
        3 => (0..4_usize, any::<bool>()).prop_map(|(index, is_listed)| Act::Call(index, is_listed)),
        4 => (0..4_usize, answer, any::<bool>()).prop_map(|(index, answer, is_news)| Act::Answer(index, answer, is_news)),
        2 => (0..4_usize).prop_map(Act::Record),
        1 => (0..4_usize, prop::sample::select(RefundResolution::ALL.to_vec()))
            .prop_map(|(index, resolution)| Act::Resolve(index, resolution)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    /// Whatever is asked for and answered, and in whatever order: what went back and what may have is no more than was paid,
    /// each refund that succeeded has one receipt, and each call was written down before. Whatever books are closed meanwhile,
    /// a receipt that was written is the one that the link has ever after.
    #[test]
    fn no_story_returns_more_than_was_paid(
        gateway in prop::sample::select(GatewayKind::ALL.to_vec()),
        story in prop::collection::vec((0..400_i64, act()), 1..40),
    ) {
        let (mut link, id) = paid_link(gateway);
        let (mut minute, mut corrections, mut written) = (3, BTreeMap::new(), BTreeMap::new());
        for (pause, act) in story {
            minute += pause;
            let now = at(minute);
            let refund = |index: usize| link.attempts()[0].refunds.get(index).map(|refund| refund.id.clone());
            let mut recorded = None;
            // Books are closed up to an hour ago, so that some of what went outside is of a closed time.
            let mut of = |transition: Transition| {
                let transition = transition.booked_from(at(minute - 60));
                recorded = transition.correction;
                transition.link
            };
            let next = match act {
                Act::Request(amount, false) => link.request_refund(&id, wish(amount), now).ok(),
                Act::Request(amount, true) => link.request_refund(&id, outside(amount), now).ok(),
                Act::Sweep => link.lease_due(None, now).map(|(link, _)| link),
                Act::Call(index, is_listed) => {
                    let found = if is_listed { RefundAnswer::Unlisted } else { RefundAnswer::Absent };
                    let called = refund(index).filter(|refund| link.may_call_refund(&id, refund, &found, now));
                    called.and_then(|refund| link.begin_refund_call(&id, &refund, now))
                }
                // A gateway says of a refund that nobody called for no more than that there is none.
                Act::Answer(index, answer, is_news) => refund(index)
                    .filter(|refund| {
                        let (_, refund) = link.refund(refund).unwrap();
                        refund.is_the_gateways() && (refund.calls > 0 || !matches!(answer, RefundAnswer::Succeeded { .. }))
                    })
                    .and_then(|refund| {
                        let follows =
                            if is_news { PaymentLink::apply_refund_news } else { PaymentLink::apply_refund_answer };
                        follows(&link, &id, &refund, &answer, now)
                    })
                    .map(&mut of),
                Act::Record(index) => refund(index).and_then(|refund| link.record_refund(&id, &refund, now)).map(&mut of),
                Act::Resolve(index, resolution) => {
                    refund(index).and_then(|refund| link.resolve_refund(&refund, resolution, None, now).ok())
                }
            };
            let Some(next) = next else { continue };
            prop_assert_eq!(next.version, link.version + 1);
            prop_assert!(next.outbox().as_slice().windows(2).all(|two| two[0].sequence + 1 == two[1].sequence));
            if let Some(Correction { receipt, corrected, voided: None }) = recorded {
                prop_assert!(corrections.insert(receipt.id.clone(), receipt.money.minor_units()).is_none());
                prop_assert_eq!(corrected.refunded, corrections.values().sum::<i64>());
                let ReceiptKind::Refund { refund_id, .. } = receipt.kind.clone() else { panic!("it corrects") };
                prop_assert!(receipt.booked_at() >= at(minute - 60));
                written.insert(refund_id, receipt);
            }
            link = next;
            for (refund, receipt) in &written {
                prop_assert_eq!(link.only_registered_receipt(Some(refund)), Some(receipt.clone()));
            }
            let attempt = &link.attempts()[0];
            let taken: i64 = attempt.refunds.iter().map(Refund::takes).sum();
            prop_assert!(taken <= 1_500_000, "{taken}");
            prop_assert_eq!(attempt.left_of(&payment(1_500_000)), 1_500_000 - taken);
            prop_assert_eq!(attempt.refunded(), corrections.values().sum::<i64>());
            prop_assert_eq!(link.only_receipt().unwrap().refunded, attempt.refunded());
            let unsure = attempt.refunds.iter().filter(|refund| {
                matches!(refund.state, RefundState::Calling { .. })
            });
            prop_assert!(unsure.count() <= 1, "two calls whose outcome nobody knows");
            let is_under_way = attempt.refunds.iter().any(Refund::is_under_way);
            prop_assert_eq!(link.due_at().is_some(), is_under_way);
            prop_assert_eq!(link.sweep_from().is_some(), is_under_way);
            prop_assert_eq!(link.is_live(), is_under_way || link.needs_review());
            let stored: PaymentLink = serde_json::from_str(&serde_json::to_string(&link).unwrap()).unwrap();
            prop_assert_eq!(&stored, &link);
        }
    }
}

#[test]
fn nobody_says_that_money_did_not_go_while_the_gateway_has_the_order() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, wish(Some(1_000)), at(10)).unwrap();
    let refund = asked.last_refund(&id).unwrap();
    let calling = asked.begin_refund_call(&id, &refund, at(10)).unwrap();
    let link = calling.apply_refund_answer(&id, &refund, &taken("re_1"), at(10)).unwrap().link;
    let slow = link.apply_refund_answer(&id, &refund, &taken("re_1"), at(10 + 15 * 24 * 60)).unwrap().link;
    assert!(slow.needs_review());
    let then = at(16 * 24 * 60);
    let refused = slow.resolve_refund(&refund, RefundResolution::NotRefunded, None, then);
    assert_eq!(refused, Err(ResolveRefundRefused::AtTheGateway));
    assert!(slow.resolve_refund(&refund, RefundResolution::AskAgain, None, then).is_ok());
}

#[test]
fn a_part_is_called_for_again_only_when_a_list_would_show_the_call_before() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let part = link.request_refund(&id, wish(Some(1_000)), at(10)).unwrap();
    let whole = link.request_refund(&id, wish(None), at(10)).unwrap();
    for (link, is_at_once) in [(part, false), (whole, true)] {
        let refund = link.last_refund(&id).unwrap();
        let calling = link.begin_refund_call(&id, &refund, at(10)).unwrap();
        assert_eq!(calling.may_call_refund(&id, &refund, &RefundAnswer::Absent, at(11)), is_at_once);
        assert!(calling.may_call_refund(&id, &refund, &RefundAnswer::Absent, at(20)));
    }
}

#[test]
fn what_a_person_decided_about_an_attempt_ends_its_refund_under_review() {
    let (link, id) = refunding(GatewayKind::Zibal);
    let calling = link.refund_called(&id, at(4)).unwrap();
    let unclear = calling.refund_answered(&id, &RefundAnswer::Unlisted, at(4 + 120)).unwrap();
    assert!(unclear.is_live() && unclear.needs_review());
    let sara = CreatedBy::parse("sara").unwrap();
    let elsewhere = unclear.resolve(&id, Resolution::RefundedElsewhere, Some(&sara), at(200)).unwrap();
    assert_eq!(refund_of(&elsewhere).resolved_by.as_ref(), Some(&sara));
    assert!(!elsewhere.is_live() && !elsewhere.needs_review());
    assert_eq!(elsewhere.attempts()[0].state_of(refund_of(&elsewhere)).name(), "failed");
    let anew = unclear.resolve(&id, Resolution::Refund, Some(&sara), at(200)).unwrap();
    let [first, second] = anew.attempts()[0].refunds.as_slice() else { panic!("another refund was begun") };
    assert_eq!((&first.requested_by, second.requested_by.as_ref()), (&None, Some(&sara)));
    let replaced = RefundState::failed("replaced", at(200));
    assert_eq!(*anew.attempts()[0].state_of(first), replaced);
    assert_eq!(*anew.attempts()[0].state_of(second), RefundState::Pending);
    let calling = anew.refund_called(&id, at(201)).unwrap();
    let done = calling.refund_answered(&id, &gone("2"), at(202)).unwrap();
    assert!(!done.is_live() && !done.needs_review());
}

#[test]
fn a_refund_that_nobody_knows_of_is_told_of_where_its_money_is_kept_after_all() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Accept), 1, 1);
    let less = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_400_000)), Hint::Paid, at(2)).unwrap().link;
    let asked = less.resolve(&id, Resolution::Refund, None, at(3)).unwrap().refund_called(&id, at(4)).unwrap();
    let unclear = asked.refund_answered(&id, &RefundAnswer::Unlisted, at(4 + 120)).unwrap();
    let another = unclear.resolve(&id, Resolution::Refund, None, at(200)).unwrap().refund_called(&id, at(201)).unwrap();
    let no = RefundAnswer::Refused { code: "no".to_owned() };
    let refused = another.refund_answered(&id, &no, at(202)).unwrap();
    let accepted = refused.resolve(&id, Resolution::Keep, None, at(300)).unwrap();
    let kept = accepted.keep_accepted(&id, at(301)).unwrap().link;
    let first = &kept.attempts()[0].refunds[0];
    assert!(kept.needs_review() && first.needs_review());
    let told = kept.outbox().as_slice().iter().filter(|event| event.kind == EventType::RefundNeedsReview);
    assert_eq!(told.map(|event| event.refund.as_ref()).collect::<Vec<_>>(), [Some(&first.id)]);
}

#[test]
fn who_had_a_refund_replaced_decided_about_it_and_when_that_was_stays() {
    let (link, id) = refunding(GatewayKind::Zibal);
    let unclear = link.refund_called(&id, at(4)).unwrap();
    let unclear = unclear.refund_answered(&id, &RefundAnswer::Unlisted, at(4 + 120)).unwrap();
    let sara = CreatedBy::parse("sara").unwrap();
    let anew = unclear.resolve(&id, Resolution::Refund, Some(&sara), at(200)).unwrap();
    let anew = anew.refund_called(&id, at(201)).unwrap();
    let anew = anew.refund_answered(&id, &RefundAnswer::Unlisted, at(201 + 120)).unwrap();
    let mina = CreatedBy::parse("mina").unwrap();
    let elsewhere = anew.resolve(&id, Resolution::RefundedElsewhere, Some(&mina), at(400)).unwrap();
    for link in [&anew, &elsewhere] {
        let attempt = &link.attempts()[0];
        let replaced = RefundState::failed("replaced", at(200));
        assert_eq!(*attempt.state_of(&attempt.refunds[0]), replaced);
        assert_eq!(attempt.resolved_by(&attempt.refunds[0]), Some(&sara));
    }
    let last = &elsewhere.attempts()[0].refunds[1];
    assert_eq!(elsewhere.attempts()[0].resolved_by(last), Some(&mina));
    assert!(!elsewhere.needs_review() && !elsewhere.is_live());
}

#[test]
fn money_that_is_kept_after_all_is_not_sent_back_by_a_refund_that_nobody_was_asked_for() {
    let (link, id) = begun(&link_at(GatewayKind::Zarinpal, LatePayment::Accept), 1, 1);
    let back = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_400_000)), Hint::Paid, at(2)).unwrap().link;
    assert_eq!(back.attempts()[0].state.name(), "refunding", "it can be undone for a while only");
    let revoked = RefundAnswer::AccountRefused { code: "401".to_owned() };
    let mut reviewed = back;
    for minute in 3..3 + i64::from(crate::link::refund::MAX_REFUND_TRIES) {
        reviewed = reviewed.refund_answered(&id, &revoked, at(minute)).unwrap();
    }
    let kept = reviewed.resolve(&id, Resolution::Keep, None, at(60)).unwrap().keep_accepted(&id, at(61)).unwrap().link;
    assert!(!kept.is_live() && !kept.needs_review() && kept.due_at().is_none());
    assert_eq!(kept.attempts()[0].left_of(&payment(1_400_000)), 1_400_000);
}

#[test]
fn a_refund_that_a_copy_was_about_to_ask_for_is_for_a_person_after_a_restore() {
    let (link, id) = paid_link(GatewayKind::Zibal);
    let pending = link.request_refund(&id, wish(Some(1_000)), at(10)).unwrap();
    let refund = pending.last_refund(&id).unwrap();
    let accepted = pending.begin_refund_call(&id, &refund, at(10)).unwrap();
    let accepted = accepted.apply_refund_answer(&id, &refund, &taken("7"), at(10)).unwrap().link;
    let back = |link: PaymentLink| link.brought_back(&[], &MessageStates::new(), &BTreeMap::new(), at(100)).link;
    let lost = back(pending);
    assert!(lost.needs_review() && lost.due_at().is_none());
    let asked = lost.resolve_refund(&refund, RefundResolution::AskAgain, None, at(101)).unwrap();
    assert!(
        !asked.may_call_refund(&id, &refund, &RefundAnswer::Unlisted, at(200)),
        "it may have been called for since"
    );
    assert!(back(accepted).due_at().is_some(), "what the gateway had taken is asked about");
}

#[test]
fn nobody_has_a_refund_asked_for_again_while_another_is_being_asked_for() {
    let (link, id) = paid_link(GatewayKind::Zarinpal);
    let link = link.request_refund(&id, wish(Some(20_000)), at(10)).unwrap();
    let first = link.last_refund(&id).unwrap();
    let link = link.begin_refund_call(&id, &first, at(10)).unwrap();
    let link = link.begin_refund_call(&id, &first, at(12)).unwrap();
    let no = RefundAnswer::Refused { code: "-33".to_owned() };
    let link = link.apply_refund_answer(&id, &first, &no, at(13)).unwrap().link;
    assert!(link.needs_review(), "a call before that one was not answered");
    let link = link.request_refund(&id, wish(Some(30_000)), at(14)).unwrap();
    let second = link.last_refund(&id).unwrap();
    assert!(link.resolve_refund(&first, RefundResolution::AskAgain, None, at(14)).is_ok(), "it waits for no call");
    let called = link.begin_refund_call(&id, &second, at(15)).unwrap();
    let refused = called.resolve_refund(&first, RefundResolution::AskAgain, None, at(16));
    assert_eq!(refused, Err(ResolveRefundRefused::AnotherIsCalled));
    let taken = called.apply_refund_answer(&id, &second, &taken("re_2"), at(17)).unwrap().link;
    assert!(taken.resolve_refund(&first, RefundResolution::AskAgain, None, at(18)).is_ok());
}

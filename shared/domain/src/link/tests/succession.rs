//! Links that take the place of others, and customers who ask for a new link.

use super::*;
use crate::link::{ReplaceRefused, Resolution};

fn kinds(link: &PaymentLink) -> Vec<EventType> {
    link.outbox().as_slice().iter().map(|event| event.kind).collect()
}

fn successor(old: &PaymentLink, number: u8) -> PaymentLink {
    let token = PayToken::from_random([number; 16]);
    let terms = terms(GatewayKind::Zarinpal, LatePayment::Refund);
    PaymentLink::new(business(), token, "https://pay.example", "h".to_owned(), terms, at(5)).succeeding(old)
}

#[test]
fn a_link_that_is_replaced_accepts_nothing_and_keeps_what_it_had() {
    let replaced = link().replaced_by(&other_link(), false, at(5)).unwrap();
    assert_eq!(replaced.status_at(at(6)), LinkStatus::Replaced { replaced_at: at(5), by: other_link() });
    assert_eq!((replaced.visit(at(6)), replaced.due_at(), replaced.is_live()), (Visit::Replaced, None, false));
    assert_eq!(replaced.amount_due(), rial(0), "it is asked for by the other one");
    assert_eq!(kinds(&replaced), [EventType::LinkCreated, EventType::LinkReplaced]);
    assert_eq!(replaced.successor(), Some(&other_link()));
    assert_eq!(replaced.cancel(None, true, at(6)), Err(CancelRefused::NotActive));
    assert_eq!(replaced.amended(replaced.terms().clone(), at(6)), None);
    assert_eq!(replaced.lease_due(None, at(10_000)), None);
    assert_eq!(replaced.request_renewal(at(10_000)), None);
    assert_eq!(replaced.replaced_by(&other_link(), true, at(6)), Err(ReplaceRefused::AlreadyReplaced));
    assert_eq!(replaced.begin_attempt(attempt(&link(), 1, 6), at(6)), Err(Visit::Replaced));
}

#[test]
fn money_that_comes_to_a_replaced_link_goes_back_and_no_person_can_keep_it() {
    for late in [LatePayment::Accept, LatePayment::Refund] {
        let (open, id) = begun(&link_at(GatewayKind::Stripe, late), 1, 1);
        let refused = ReplaceRefused::PaymentInProgress { can_force: true };
        assert_eq!(open.replaced_by(&other_link(), false, at(2)), Err(refused));
        let replaced = open.replaced_by(&other_link(), true, at(2)).unwrap();
        assert!(replaced.should_close(&id, at(2)), "nobody may pay in its session any more");
        assert_eq!(replaced.due_at(), Some(at(2)));
        let paid = replaced.apply_answer(&id, &paid(), Hint::Paid, at(3)).unwrap();
        assert_eq!((paid.kept, paid.link.attempts()[0].state.name()), (None, "refunding"));
        assert!(matches!(paid.link.status_at(at(3)), LinkStatus::Replaced { .. }), "it stays what it is");
        assert!(paid.link.is_live(), "somebody looks until the money is back");
        let other = GatewayAnswer::Paid(payment(5));
        let reviewed = replaced.apply_answer(&id, &other, Hint::Paid, at(3)).unwrap().link;
        assert_eq!(reviewed.resolve(&id, Resolution::Keep, None, at(4)), Err(ResolveRefused::LinkTakesNoMoney));
        assert!(reviewed.resolve(&id, Resolution::Refund, None, at(4)).is_ok());
    }
}

#[test]
fn while_money_is_being_taken_a_link_is_not_replaced_whoever_insists() {
    let (open, id) = begun(&link(), 1, 1);
    let confirming = open.begin_confirming(&id, at(2)).unwrap();
    for force in [false, true] {
        let refused = ReplaceRefused::PaymentInProgress { can_force: false };
        assert_eq!(confirming.replaced_by(&other_link(), force, at(2)), Err(refused));
    }
    let paid = confirming.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap().link;
    assert_eq!(paid.replaced_by(&other_link(), true, at(3)), Err(ReplaceRefused::TakesNoMoney));
    let cancelled = link().cancel(None, false, at(1)).unwrap();
    assert_eq!(cancelled.replaced_by(&other_link(), true, at(3)), Err(ReplaceRefused::TakesNoMoney));
}

#[test]
fn a_link_that_expired_is_replaced_whether_or_not_a_sweep_was_there() {
    let (swept, _) = link().lease_due(None, at(60)).unwrap();
    for over in [swept, link()] {
        let replaced = over.replaced_by(&other_link(), false, at(61)).unwrap();
        assert!(matches!(replaced.status_at(at(62)), LinkStatus::Replaced { .. }));
        let event = replaced.outbox().as_slice().last().unwrap();
        assert_eq!(event.kind, EventType::LinkReplaced);
        assert!(replaced.was_over_before(event), "what was added up of it is added up again");
    }
}

#[test]
fn every_link_of_a_chain_knows_with_which_it_began() {
    let first = link();
    let second = successor(&first, 2);
    let third = successor(&second, 3);
    let fourth = successor(&third, 4);
    for (link, replaces) in [(&first, None), (&second, Some(&first)), (&third, Some(&second)), (&fourth, Some(&third))]
    {
        assert_eq!(link.first_of_chain(), first.id());
        assert_eq!(link.replaces(), replaces.map(PaymentLink::id));
        let kept: PaymentLink = serde_json::from_value(serde_json::to_value(link).unwrap()).unwrap();
        assert_eq!(kept, *link);
    }
    let ended = second.made_by(CreatedBy::parse("crm").unwrap()).replaced_by(third.id(), false, at(6)).unwrap();
    let kept: PaymentLink = serde_json::from_value(serde_json::to_value(&ended).unwrap()).unwrap();
    assert_eq!(kept, ended, "who made it and what replaced it are two things");
}

#[test]
fn a_customer_of_a_link_that_expired_asks_for_a_new_one_once_a_day() {
    assert_eq!(link().request_renewal(at(59)), None, "it can be paid");
    let asked = link().request_renewal(at(70)).unwrap();
    assert_eq!(asked.renewal_requested_at(), Some(at(70)));
    assert_eq!(kinds(&asked), [EventType::LinkCreated, EventType::LinkExpired, EventType::RenewalRequested]);
    let day = 24 * 60;
    assert_eq!(asked.request_renewal(at(70 + day - 1)), None);
    assert!(asked.is_renewal_requested(at(70 + day - 1)) && !asked.is_renewal_requested(at(70 + day)));
    let again = asked.request_renewal(at(70 + day)).unwrap();
    assert_eq!(kinds(&again)[3..], [EventType::RenewalRequested]);
    assert!(!again.was_over_before(again.outbox().as_slice().last().unwrap()), "lists say nothing of it");
    assert!(again.replaced_by(&other_link(), false, at(80 + day)).is_ok());
}

#[test]
fn a_link_of_a_copy_that_was_replaced_since_comes_back_as_that() {
    let nothing = MessageStates::new();
    let back = |link: PaymentLink| link.brought_back(&[], &nothing, &BTreeMap::new(), at(9)).link;
    let own = link().id().clone();
    assert_eq!(back(link().replaced_since(&own, at(9))).status_at(at(9)), LinkStatus::Active);
    let replaced = back(link().replaced_since(&other_link(), at(9)));
    assert_eq!(replaced.successor(), Some(&other_link()));
    let cancelled = link().cancel(None, false, at(1)).unwrap();
    assert_eq!(cancelled.clone().replaced_since(&other_link(), at(9)), cancelled);
}

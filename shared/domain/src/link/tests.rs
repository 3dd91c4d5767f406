use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::clocks::later;
use crate::events::{Delivery, EventRecord, EventType};
use crate::gateway::{
    GatewayAnswer, GatewayKind, GatewayRulebook, Mode, NotPaidCause, NotPaidReason, Payment, RefundAnswer,
};
use crate::ids::*;
use crate::link::{MessageRound, ResendRefused};
use crate::locale::Locale;
use crate::messages::channel::Channel;
use crate::messages::choice::MessageChoice;
use crate::messages::delivery::{Handover, MessageState, MessageStates, SkipReason};
use crate::messages::recipients::Recipient;
use crate::money::{Currency, Money};
use crate::records::account::LatePayment;
use std::collections::BTreeMap;

mod aftermath;
mod closed_books;
mod parts;
mod recorded;
mod refunds;
mod reminding;
mod succession;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn business() -> BusinessId {
    BusinessId::parse("main").unwrap()
}

fn rial(units: i64) -> Money {
    Money::new(units, Currency::IRR).unwrap()
}

fn terms(gateway: GatewayKind, late_payment: LatePayment) -> Terms {
    Terms {
        mode: Mode::Live,
        account: AccountTerms {
            id: AccountId::parse("main").unwrap(),
            name: "Main".to_owned(),
            gateway,
            credentials: CredentialsVersion::parse("v1").unwrap(),
            late_payment,
            summary_page: false,
        },
        contact: ContactTerms { id: ContactId::parse("c-1").unwrap(), name: "Contact".to_owned(), profile_url: None },
        item: Some(ItemTerms { id: ItemId::parse("inv-1").unwrap(), title: "Invoice 1".to_owned(), guard: None }),
        amount: rial(1_500_000),
        amount_source: AmountSource::Request,
        plan: None,
        expires_at: at(60),
        due_at: None,
        description: None,
        internal_note: None,
        after_payment: AfterPayment {
            register_receipt: true,
            send_receipt: false,
            receipt_type_id: None,
            receipt_field: Some(FieldKey::parse("payment").unwrap()),
        },
        message: MessageChoice::Default { channels: Channel::ALL.to_vec() },
        recipients: vec![],
        unreached: vec![],
        reminders: None,
        reference_id: None,
        return_url: None,
        locale: Locale::parse("fa").ok(),
        metadata: BTreeMap::new(),
    }
}

/// What is asked of a link that keeps one payment.
trait OnlyPayment {
    fn only_payment(&self) -> Option<&Attempt>;
    fn only_receipt(&self) -> Option<Receipt>;
    fn only_receipt_id(&self) -> Option<ReceiptId>;
    fn only_registered_receipt(&self, refund: Option<&RefundId>) -> Option<Receipt>;
}

impl OnlyPayment for PaymentLink {
    fn only_payment(&self) -> Option<&Attempt> {
        let mut kept = self.attempts().iter().filter(|attempt| attempt.is_kept());
        let only = kept.next();
        assert!(kept.next().is_none(), "it keeps more than one payment");
        only
    }

    fn only_receipt(&self) -> Option<Receipt> {
        self.receipt(&self.only_payment()?.id)
    }

    fn only_receipt_id(&self) -> Option<ReceiptId> {
        self.receipt_id_of(self.only_payment()?)
    }

    fn only_registered_receipt(&self, refund: Option<&RefundId>) -> Option<Receipt> {
        self.registered_receipt(&self.only_payment()?.id, refund)
    }
}

fn link_at(gateway: GatewayKind, late_payment: LatePayment) -> PaymentLink {
    let token = PayToken::from_random([1; 16]);
    PaymentLink::new(business(), token, "https://pay.example/", "hash".to_owned(), terms(gateway, late_payment), at(0))
}

fn link() -> PaymentLink {
    link_at(GatewayKind::Zarinpal, LatePayment::Refund)
}

fn attempt(link: &PaymentLink, number: u8, minute: i64) -> Attempt {
    let session = OpenedSession {
        session: format!("S{number}"),
        checkout: Checkout::link(format!("https://gateway.example/{number}")),
    };
    let kind = link.terms().account.gateway;
    link.new_attempt(ReturnKey::from_random([number; 16]), None, link.amount_due(), None).opened(
        session,
        GatewayRulebook::default().rules(kind),
        at(minute),
    )
}

/// A link that takes the place of another.
fn other_link() -> LinkId {
    LinkId::of(&PayToken::from_random([99; 16]))
}

fn begun(link: &PaymentLink, number: u8, minute: i64) -> (PaymentLink, AttemptId) {
    let attempt = attempt(link, number, minute);
    let id = attempt.id.clone();
    (link.begin_attempt(attempt, at(minute)).unwrap(), id)
}

fn payment(units: i64) -> Payment {
    Payment::new("123", "zarinpal#t#123", rial(units))
}

fn paid() -> GatewayAnswer {
    GatewayAnswer::Paid(payment(1_500_000))
}

#[test]
fn the_url_is_built_from_base_and_token_and_the_id_tells_nothing_of_the_token() {
    let link = link();
    assert_eq!(link.url(), format!("https://pay.example/p/{}", link.token().expose()));
    assert!(!link.id().as_str().contains(link.token().expose()));
}

#[test]
fn a_link_forgets_whom_it_was_for_only_when_nothing_can_happen_to_it() {
    let mut terms = terms(GatewayKind::Zarinpal, LatePayment::Refund);
    terms.description = Some("For somebody".to_owned());
    terms.internal_note = Some("Somebody called".to_owned());
    terms.recipients.push(Recipient {
        id: MessageId::of(&LinkId::of(&PayToken::from_random([1; 16])), 0, "sms", "+989120000000"),
        channel: Channel::Sms,
        network: None,
        to: "+989120000000".to_owned(),
        people: vec![],
        stands_in_for: vec![],
    });
    let made = PaymentLink::new(
        business(),
        PayToken::from_random([1; 16]),
        "https://pay.example",
        "0f1e2d".to_owned(),
        terms,
        at(0),
    );
    assert_eq!(made.forget_person(at(1)), Err(StillNeeded), "it can be paid");
    let (begun, id) = begun(&made, 1, 1);
    let cancelled = begun.cancel(Some("somebody asked".to_owned()), true, at(2)).unwrap();
    assert_eq!(cancelled.forget_person(at(3)), Err(StillNeeded), "its session is still open at the gateway");

    let over = cancelled
        .apply_answer(
            &id,
            &GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "left")),
            Hint::Nothing,
            at(3),
        )
        .unwrap()
        .link;
    assert_eq!(over.forget_person(at(4)), Err(StillNeeded), "this gateway may still turn its no into a yes");
    let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "left"));
    let over = over.apply_answer(&id, &no, Hint::Nothing, at(1 + 72 * 60)).unwrap().link;
    let forgotten = over.forget_person(at(2 + 72 * 60)).unwrap().unwrap();
    let text = serde_json::to_string(&forgotten).unwrap();
    for personal in ["Contact", "somebody", "Somebody", "+98912", "Invoice 1", "0f1e2d"] {
        assert!(!text.contains(personal), "{personal} is still in {text}");
    }
    assert_eq!((forgotten.id(), forgotten.terms().amount), (made.id(), made.terms().amount));
    assert_eq!(forgotten.terms().contact.id, made.terms().contact.id);
    assert_eq!(forgotten.facts(), over.facts(), "it is found in lists and counted in totals as before");
    assert!(!over.facts().channels.is_empty(), "a message went to somebody");
    assert!(!forgotten.needs_delivery(), "nobody is told of it");
    assert_eq!(forgotten.forget_person(at(3 + 72 * 60)), Ok(None), "once is enough");
}

#[test]
fn a_link_whose_money_went_back_forgets_why_and_its_person_is_needed_until_then() {
    let (link, id) = begun(&link_at(GatewayKind::Sep, LatePayment::Refund), 1, 1);
    let link = link.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap().link;
    let forgotten = link.forget_person(at(3)).unwrap().unwrap();
    let method = RefundBy::Outside { account_id: None, reference: "TR-1".to_owned(), refunded_at: at(4) };
    let reason = Some("Somebody moved away".to_owned());
    let wish = RefundWish {
        amount: Some(1_000),
        method,
        reason,
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    let asked = forgotten.request_refund(&id, wish, at(4)).unwrap();
    assert_eq!(asked.forget_person(at(4)), Err(StillNeeded), "the money is on its way");
    let refund = asked.last_refund(&id).unwrap();
    let done = asked.record_refund(&id, &refund, at(5)).unwrap().link;
    let again = done.forget_person(at(6)).unwrap().expect("the reason came after it was forgotten");
    let text = serde_json::to_string(&again).unwrap();
    assert!(!text.contains("Somebody"), "{text}");
    assert!(text.contains("TR-1"), "the books need what the money is found by: {text}");
    assert_eq!((again.refunded(), again.receipt_ids()), (done.refunded(), done.receipt_ids()));
    assert_eq!(again.forget_person(at(7)), Ok(None), "once is enough");
}

#[test]
fn a_link_whose_refund_needs_a_person_forgets_nobody() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let link = link.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap().link;
    let wish = RefundWish {
        amount: None,
        method: RefundBy::Gateway,
        reason: Some("Somebody moved away".to_owned()),
        requested_by: None,
        request: None,
        has_credentials: None,
        from: None,
    };
    let link = link.request_refund(&id, wish, at(3)).unwrap();
    let refund = link.last_refund(&id).unwrap();
    let mut link = link.begin_refund_call(&id, &refund, at(3)).unwrap();
    let silence = RefundAnswer::Unknown { why: "timeout".to_owned() };
    while !link.needs_review() {
        assert_eq!(link.forget_person(at(4)), Err(StillNeeded), "it is asked about");
        link = link.apply_refund_answer(&id, &refund, &silence, at(4)).unwrap().link;
    }
    assert_eq!(link.forget_person(at(5)), Err(StillNeeded), "a person has to look");
}

#[test]
fn a_visitor_begins_once_and_then_continues_in_the_same_session() {
    let (link, _) = begun(&link(), 1, 1);
    assert_eq!(link.visit(at(2)), Visit::Continue(Checkout::link("https://gateway.example/1".to_owned())));
    let second = attempt(&link, 2, 2);
    assert!(matches!(link.begin_attempt(second, at(2)), Err(Visit::Continue(_))));
    assert_eq!(link.opened_at(), Some(at(1)));
    assert_eq!(link.opened(at(3)), None, "the first opening is recorded once");
}

#[test]
fn no_session_begins_after_the_expiry_even_before_the_sweep_came() {
    let link = link();
    assert_eq!(link.visit(at(59)), Visit::Begin);
    assert_eq!(link.visit(at(60)), Visit::Expired);
    assert_eq!(link.status_at(at(60)).name(), "expired");
    assert_eq!(link.begin_attempt(attempt(&link, 1, 60), at(60)), Err(Visit::Expired));
}

#[test]
fn a_payment_begun_in_time_may_finish_and_a_later_one_may_not() {
    let (link, id) = begun(&link(), 1, 59);
    // The session ends at minute 74, what was begun in it may become known until minute 79.
    assert_eq!(link.status_at(at(78)).name(), "active");
    assert!(link.begin_confirming(&id, at(78)).is_some());
    assert_eq!(link.status_at(at(79)).name(), "expired");
    assert!(link.begin_confirming(&id, at(79)).is_none());
    assert_eq!(link.due_at(), Some(later(at(59), LEASE)), "the attempt is asked about by the next sweep");
    assert_eq!(link.sweep_from(), link.due_at());
    let (asked, _) = link.lease_due(None, at(60)).unwrap();
    assert_eq!(
        (asked.due_at(), asked.sweep_from()),
        (Some(later(at(60), LEASE)), Some(later(at(59), LEASE))),
        "it keeps its place for the next one"
    );
    let (late, _) = begun(&self::link(), 1, 1).0.lease_due(None, at(50)).unwrap();
    assert_eq!(
        (late.due_at(), late.sweep_from()),
        (Some(at(60)), Some(at(60))),
        "it moves once it is asked about rarely"
    );
}

#[test]
fn a_confirmed_payment_pays_the_link_and_brings_one_receipt_attached_to_its_field() {
    let (link, id) = begun(&link(), 1, 1);
    assert_eq!(link.step(&id, Hint::Paid, at(2)), Step::Confirm);
    let link = link.begin_confirming(&id, at(2)).unwrap();
    let transition = link.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap();
    assert_eq!(transition.link.status_at(at(2)), LinkStatus::Paid { paid_at: at(2), paid_by: id.clone() });
    let receipt = transition.kept.unwrap().receipt.unwrap();
    assert_eq!((receipt.id.clone(), receipt.money), (ReceiptId::of(&id), rial(1_500_000)));
    assert_eq!(receipt.attached_to.unwrap().field.as_str(), "payment");
    assert_eq!(transition.link.only_receipt_id(), Some(receipt.id));
    assert_eq!(transition.link.due_at(), None);
    // A second answer about the same money changes nothing.
    assert_eq!(transition.link.apply_answer(&id, &paid(), Hint::Nothing, at(3)), None);
}

#[test]
fn money_that_paid_another_link_can_neither_be_kept_nor_refunded_from_here() {
    let (link, id) = begun(&link(), 1, 1);
    let link = link.reference_taken(&id, &payment(1_500_000), at(2));
    for resolution in [Resolution::Keep, Resolution::Refund] {
        assert_eq!(link.resolve(&id, resolution, None, at(3)), Err(ResolveRefused::NoMoneyConfirmed));
    }
    assert!(link.resolve(&id, Resolution::NotPaid, None, at(3)).is_ok());
}

#[test]
fn what_a_return_brings_is_written_with_the_intention_to_confirm_and_stays() {
    let return_data =
        |reference: &str| ReturnData { hint: Hint::Paid, return_reference: Some(reference.to_owned()), not_paid: None };
    let (link, id) = begun(&link_at(GatewayKind::Sep, LatePayment::Refund), 1, 1);
    assert_eq!(link.due_at(), Some(at(60)), "the gateway cannot be asked, so nothing is due before the link ends");
    let confirming = link.clone().with_return_data(&id, &return_data("first")).begin_confirming(&id, at(2)).unwrap();
    assert_eq!(confirming.attempt(&id).unwrap().return_reference.as_deref(), Some("first"));
    // Another return cannot give the money that is being taken another name.
    let again = confirming.clone().with_return_data(&id, &return_data("second"));
    assert_eq!(again.attempt(&id).unwrap().return_reference.as_deref(), Some("first"));
    // Once it is known to be no payment, a later return may.
    let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "no_such_reference"));
    let failed = confirming.apply_answer(&id, &no, Hint::Paid, at(3)).unwrap().link;
    assert_eq!(failed.step(&id, Hint::Paid, at(4)), Step::LookUp);
    let later = failed.with_return_data(&id, &return_data("second")).begin_confirming(&id, at(4)).unwrap();
    assert_eq!(later.attempt(&id).unwrap().return_reference.as_deref(), Some("second"));
}

#[test]
fn a_link_that_asked_for_no_receipt_keeps_the_payment_without_one() {
    let mut terms = terms(GatewayKind::Zarinpal, LatePayment::Refund);
    terms.after_payment =
        AfterPayment { register_receipt: false, receipt_type_id: None, receipt_field: None, send_receipt: false };
    let link =
        PaymentLink::new(business(), PayToken::from_random([1; 16]), "https://x.example", String::new(), terms, at(0));
    let (link, id) = begun(&link, 1, 1);
    let transition = link.apply_answer(&id, &paid(), Hint::Nothing, at(2)).unwrap();
    assert_eq!(transition.kept.unwrap().receipt, None);
    assert_eq!(transition.link.only_receipt_id(), None);
}

#[test]
fn while_an_attempt_confirms_cancel_expiry_and_others_yield_to_it() {
    let (link, first) = begun(&link(), 1, 1);
    let (link, second) = begun(&link, 2, 17);
    let link = link.begin_confirming(&first, at(18)).unwrap();
    assert_eq!(link.cancel(None, true, at(18)), Err(CancelRefused::PaymentInProgress { can_force: false }));
    assert_eq!(link.status_at(at(100_000)).name(), "active");
    assert!(link.begin_confirming(&second, at(18)).is_none());
    assert_eq!(link.visit(at(18)), Visit::Confirming);
    // The run that wrote the intention has a minute. Then the sweep resumes exactly this attempt.
    assert_eq!(link.step(&first, Hint::Paid, at(18)), Step::Nothing);
    assert_eq!(link.step(&first, Hint::Nothing, at(19)), Step::Confirm);
    let (_, work) = link.lease_due(None, at(19)).unwrap();
    assert!(work.contains(&Work::Confirm(first)));
}

#[test]
fn an_unknown_answer_is_never_a_no() {
    let (link, id) = begun(&link(), 1, 1);
    let unknown = GatewayAnswer::Unknown { why: "timeout".to_owned() };
    let confirming = link.begin_confirming(&id, at(2)).unwrap();
    assert_eq!(confirming.apply_answer(&id, &unknown, Hint::Paid, at(2)), None);
    assert_eq!(confirming.due_at(), Some(later(at(2), LEASE)));
    // Where no intention was written, the report is remembered, so that nobody is sent to pay again meanwhile.
    let transition = link.apply_answer(&id, &unknown, Hint::Paid, at(2)).unwrap();
    assert_eq!(transition.link.visit(at(3)), Visit::Confirming);
    assert_eq!(link.apply_answer(&id, &unknown, Hint::Nothing, at(2)), None);
}

#[test]
fn a_final_no_lets_the_customer_try_again_and_a_no_can_still_become_a_yes() {
    let (link, id) = begun(&link(), 1, 1);
    let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "cancelled"));
    let failed = link.apply_answer(&id, &no, Hint::NotPaid, at(2)).unwrap().link;
    assert_eq!(failed.visit(at(2)), Visit::Begin);
    assert_eq!(failed.step(&id, Hint::NotPaid, at(3)), Step::Nothing);
    assert_eq!(failed.step(&id, Hint::Paid, at(3)), Step::LookUp);
    let transition = failed.apply_answer(&id, &paid(), Hint::Paid, at(3)).unwrap();
    assert!(transition.kept.is_some());
}

#[test]
fn money_for_a_dead_link_is_not_taken_and_what_was_taken_goes_back() {
    let (link, id) = begun(&link(), 1, 1);
    let cancelled = link.cancel(Some("mistake".to_owned()), true, at(2)).unwrap();
    assert_eq!(cancelled.step(&id, Hint::Paid, at(3)), Step::LookUp, "asking moves no money, confirming would");
    let watched = cancelled.apply_answer(&id, &GatewayAnswer::Unconfirmed, Hint::Paid, at(3)).unwrap().link;
    assert_eq!(watched.attempts()[0].state.name(), "awaiting_reversal");
    assert!(watched.due_at().is_some());
    assert_eq!(watched.apply_answer(&id, &GatewayAnswer::Unconfirmed, Hint::Nothing, at(60)), None);
    let overdue = watched.apply_answer(&id, &GatewayAnswer::Unconfirmed, Hint::Nothing, at(1 + 72 * 60)).unwrap();
    assert!(overdue.link.needs_review(), "what never went back is for a person");
    let back = watched.apply_answer(&id, &GatewayAnswer::Returned, Hint::Nothing, at(9)).unwrap().link;
    assert_eq!(back.attempts()[0].state.name(), "refunded");
    // A gateway that took it by itself is asked to refund it.
    let taken = watched.apply_answer(&id, &paid(), Hint::Nothing, at(9)).unwrap();
    assert_eq!((taken.kept, taken.link.attempts()[0].state.name()), (None, "refunding"));
    let (link, work) = taken.link.lease_due(None, at(9)).unwrap();
    assert_eq!(work, [Work::Refund(id.clone(), refund_of(&link).id.clone())]);
    let done = link.refund_answered(&id, &RefundAnswer::Succeeded { reference: None }, at(10)).unwrap();
    assert_eq!((done.attempts()[0].state.name(), done.due_at()), ("refunded", None));
    let refused = RefundAnswer::Refused { code: "too_late".to_owned() };
    assert!(link.refund_answered(&id, &refused, at(10)).unwrap().needs_review());
}

#[test]
fn an_account_that_accepts_late_payments_turns_expired_into_paid_and_nothing_else_does() {
    let late = link_at(GatewayKind::Zarinpal, LatePayment::Accept);
    let (late, id) = begun(&late, 1, 59);
    let expired = late.lease_due(None, at(200)).unwrap().0;
    assert_eq!(expired.status_at(at(200)).name(), "expired");
    assert!(expired.begin_confirming(&id, at(201)).is_some());
    assert!(expired.apply_answer(&id, &paid(), Hint::Nothing, at(201)).unwrap().kept.is_some());

    let (strict, id) = begun(&link(), 1, 59);
    let expired = strict.lease_due(None, at(200)).unwrap().0;
    assert!(expired.begin_confirming(&id, at(201)).is_none());
    let (cancelled, id) = begun(&link_at(GatewayKind::Zarinpal, LatePayment::Accept), 1, 1);
    let cancelled = cancelled.cancel(None, true, at(2)).unwrap();
    assert!(cancelled.begin_confirming(&id, at(3)).is_none());
}

#[test]
fn the_second_payment_of_a_paid_link_goes_back() {
    let stripe = link_at(GatewayKind::Stripe, LatePayment::Accept);
    let (link, first) = begun(&stripe, 1, 1);
    let (link, second) = begun(&link, 2, 32);
    let link = link.apply_answer(&first, &paid(), Hint::Paid, at(33)).unwrap().link;
    assert_eq!(link.due_at(), Some(at(33)), "the other session is due to be closed");
    assert!(link.should_close(&second, at(33)));
    let transition = link.apply_answer(&second, &paid(), Hint::Paid, at(34)).unwrap();
    assert_eq!((transition.kept, transition.link.attempts()[1].state.name()), (None, "refunding"));
}

#[test]
fn money_that_goes_back_by_rule_says_why_the_link_did_not_keep_it() {
    let why_of = |link: &PaymentLink, id: &AttemptId, money: Payment, minute: i64| {
        let next = link.apply_answer(id, &GatewayAnswer::Paid(money), Hint::Paid, at(minute)).unwrap().link;
        let refund = next.attempt(id).unwrap().refunds.last().unwrap().clone();
        assert_eq!(refund.cause, RefundCause::Automatic);
        refund.not_kept
    };
    let (link, first) = begun(&link_at(GatewayKind::Sep, LatePayment::Refund), 1, 1);
    assert_eq!(why_of(&link, &first, payment(1_500), 2), Some(NotKept::AmountDiffers));
    let whole = || payment(link.terms().amount.minor_units());
    let (two, second) = begun(&link, 2, 32);
    let paid_once = two.apply_answer(&first, &paid(), Hint::Paid, at(33)).unwrap().link;
    assert_eq!(why_of(&paid_once, &second, whole(), 34), Some(NotKept::LinkAlreadyPaid));
    let ended = |reason: Option<&str>| link.cancel(reason.map(str::to_owned), true, at(2)).unwrap();
    assert_eq!(why_of(&ended(None), &first, whole(), 3), Some(NotKept::LinkCancelled));
    assert_eq!(why_of(&ended(Some("item_paid")), &first, whole(), 3), Some(NotKept::ItemAlreadyPaid));
    let replaced = link.replaced_by(&other_link(), true, at(2)).unwrap();
    assert_eq!(why_of(&replaced, &first, whole(), 3), Some(NotKept::LinkReplaced));
    let (expired, _) = link.lease_due(None, at(200)).unwrap();
    assert_eq!(why_of(&expired, &first, whole(), 201), Some(NotKept::LinkExpired));
}

#[test]
fn another_amount_than_asked_for_is_for_a_person_and_makes_no_receipt() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let wrong = GatewayAnswer::Paid(payment(1_500));
    let transition = link.apply_answer(&id, &wrong, Hint::Paid, at(2)).unwrap();
    assert!(transition.kept.is_none() && transition.link.needs_review());
    assert_eq!(transition.link.status_at(at(2)).name(), "active");
    assert_eq!(transition.link.visit(at(2)), Visit::UnderReview, "nobody is sent to pay again meanwhile");
}

#[test]
fn another_amount_goes_back_at_once_where_that_is_possible_for_a_while_only() {
    let (link, id) = begun(&link_at(GatewayKind::Sep, LatePayment::Refund), 1, 1);
    let transition = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(2)).unwrap();
    assert_eq!((transition.kept, transition.link.attempts()[0].state.name()), (None, "refunding"));
    let claim = transition.claim.unwrap().reference;
    assert_eq!(claim, format!("live#{}", payment(1_500).claim), "nobody else's money goes back");
    assert_eq!(transition.link.visit(at(2)), Visit::Begin);
}

#[test]
fn only_calls_that_were_made_count_when_money_is_refunded() {
    let (link, id) = begun(&link(), 1, 1);
    let cancelled = link.cancel(None, true, at(2)).unwrap();
    let mut link = cancelled.apply_answer(&id, &paid(), Hint::Nothing, at(3)).unwrap().link;
    for minute in 3..40 {
        link = link.lease_due(None, at(minute)).unwrap().0;
    }
    let unknown = RefundAnswer::Unknown { why: "no answer".to_owned() };
    let mut tries = 0;
    while !link.needs_review() {
        link = link.refund_answered(&id, &unknown, at(40 + tries)).unwrap();
        tries += 1;
    }
    assert_eq!(tries, 25, "a dead sweep spends no try");
}

#[test]
fn who_pays_at_the_last_moment_of_a_session_is_asked_about_before_the_link_ends() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 59);
    let attempt = link.attempt(&id).unwrap();
    let mut asked = at(59);
    let mut last_in_time = asked;
    while asked < attempt.deadline {
        last_in_time = asked;
        asked = attempt.next_look_up(asked);
    }
    assert!(last_in_time >= attempt.session_ends_at, "after the session, and before the link ends");
}

#[test]
fn taking_money_that_the_gateway_never_lets_us_take_ends_with_a_person() {
    let (link, id) = begun(&link(), 1, 1);
    let confirming = link.begin_confirming(&id, at(2)).unwrap();
    assert_eq!(confirming.apply_answer(&id, &GatewayAnswer::Unconfirmed, Hint::Nothing, at(60)), None);
    let overdue = confirming.apply_answer(&id, &GatewayAnswer::Unconfirmed, Hint::Nothing, at(1 + 72 * 60)).unwrap();
    assert!(overdue.link.needs_review());
}

#[test]
fn a_person_decides_about_money_under_review() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let link = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(2)).unwrap().link;
    let kept = link.resolve(&id, Resolution::Keep, None, at(3)).unwrap();
    assert_eq!(kept.cancel(None, true, at(4)), Err(CancelRefused::PaymentInProgress { can_force: false }));
    let (taken, work) = kept.lease_due(None, at(4)).unwrap();
    assert_eq!(work, [Work::Keep(id.clone())]);
    let transition = taken.keep_accepted(&id, at(4)).unwrap();
    let receipt = transition.kept.unwrap().receipt.unwrap();
    assert_eq!(receipt.money, rial(1_500), "the receipt says what really arrived");
    assert_eq!((receipt.paid_at, receipt.registered_at), (at(2), at(4)), "and when, which is not when it was accepted");
    assert_eq!(transition.link.only_receipt(), Some(receipt), "the link remembers both");
    assert_eq!(
        transition.link.resolve(&id, Resolution::RefundedElsewhere, None, at(5)),
        Err(ResolveRefused::NotUnderReview)
    );
    let back = link.resolve(&id, Resolution::Refund, None, at(3)).unwrap();
    assert_eq!(back.lease_due(None, at(3)).unwrap().1, [Work::Refund(id.clone(), refund_of(&back).id.clone())]);
    let cancelled = link.cancel(None, true, at(3)).unwrap();
    assert_eq!(cancelled.resolve(&id, Resolution::Keep, None, at(4)), Err(ResolveRefused::LinkTakesNoMoney));
    assert_eq!(link.resolve(&id, Resolution::NotPaid, None, at(3)), Err(ResolveRefused::MoneyConfirmed), "it was paid");
    let told: Vec<_> = transition.link.outbox.as_slice().iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(
        told,
        [
            "payment_link.created",
            "payment_link.opened",
            "attempt.needs_review",
            "payment_link.paid",
            "receipt.registered"
        ]
    );
}

#[test]
fn people_are_told_again_neither_at_once_nor_without_end() {
    let round = |link: &PaymentLink| MessageRound {
        version: 0,
        at: at(0),
        message: MessageChoice::Default { channels: Channel::ALL.to_vec() },
        recipients: vec![Recipient {
            id: MessageId::of(&link.id, link.next_round(), "sms", "+989120000000"),
            channel: Channel::Sms,
            network: None,
            to: "+989120000000".to_owned(),
            people: vec![],
            stands_in_for: vec![],
        }],
        unreached: vec![],
    };
    let mut link = link();
    for minute in 1..=10 {
        link = link.resend(round(&link), at(minute)).unwrap();
        assert!(link.needs_delivery());
    }
    assert_eq!(link.resend(round(&link), at(10)), Err(ResendRefused::TooOften));
    assert_eq!(link.recipients().collect::<Vec<_>>().len(), 10);
    let once = self::link().resend(round(&link), at(1)).unwrap();
    assert_eq!(once.resend(round(&link), at(1)), Err(ResendRefused::TooSoon { seconds: 61 }));
    assert_eq!(once.resend(round(&link), at(60)), Err(ResendRefused::NotActive));
    let failed = once.message_failed(&round(&once).recipients[0].id, at(2)).unwrap();
    assert!(failed.message_failed(&round(&once).recipients[0].id, at(3)).is_none(), "it is told once");
}

#[test]
fn cancelling_asks_first_while_somebody_is_paying_and_comes_too_late_after_the_end() {
    let cancelled = link().cancel(Some("mistake".to_owned()), false, at(1)).unwrap();
    assert_eq!(cancelled.visit(at(1)), Visit::Cancelled);
    assert_eq!(cancelled.cancel(None, true, at(2)), Err(CancelRefused::NotActive));
    let (open, _) = begun(&link(), 1, 1);
    assert_eq!(open.cancel(None, false, at(2)), Err(CancelRefused::PaymentInProgress { can_force: true }));
    assert_eq!(link().cancel(None, true, at(60)), Err(CancelRefused::NotActive));
}

#[test]
fn sessions_cannot_be_opened_without_end() {
    let mut link = link_at(GatewayKind::Zarinpal, LatePayment::Refund);
    let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "cancelled"));
    for number in 0..u8::try_from(MAX_ATTEMPTS_AN_HOUR).unwrap() {
        let (begun, id) = begun(&link, number, 1);
        link = begun.apply_answer(&id, &no, Hint::NotPaid, at(1)).unwrap().link;
    }
    assert_eq!(link.visit(at(2)), Visit::TooManyAttempts);
}

#[test]
fn an_attempt_that_stays_unfinished_is_abandoned_only_when_the_gateway_says_so_after_days() {
    let (link, id) = begun(&link(), 1, 1);
    let days = 1 + 72 * 60;
    let unknown = GatewayAnswer::Unknown { why: "502".to_owned() };
    assert_eq!(link.apply_answer(&id, &unknown, Hint::Nothing, at(days - 1)), None);
    assert!(link.apply_answer(&id, &unknown, Hint::Nothing, at(days)).unwrap().link.needs_review());
    assert_eq!(link.apply_answer(&id, &GatewayAnswer::Pending, Hint::Nothing, at(days - 1)), None);
    let abandoned = link.apply_answer(&id, &GatewayAnswer::Pending, Hint::Nothing, at(days)).unwrap().link;
    assert_eq!(abandoned.attempts()[0].state.name(), "abandoned");
}

/// Everything that can be done to a link, in any order.
#[derive(Clone, Debug)]
enum Action {
    Begin,
    BeginConfirming(usize),
    Answer(usize, GatewayAnswer, Hint),
    Cancel(bool),
    Replace(bool),
    AskAgain,
    Sweep,
    Refunded(usize, RefundAnswer, bool),
    CallRefund(usize, RefundAnswer),
    Resolve(usize, Resolution),
    Keep(usize),
}

#[test]
fn a_payment_that_is_processed_without_end_is_for_a_person() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 0);
    let day = 24 * 60;
    let slow = link.apply_answer(&id, &GatewayAnswer::Processing, Hint::Nothing, at(3)).unwrap().link;
    assert_eq!(slow.apply_answer(&id, &GatewayAnswer::Processing, Hint::Nothing, at(29 * day)), None);
    let endless = slow.apply_answer(&id, &GatewayAnswer::Processing, Hint::Nothing, at(3 + 30 * day)).unwrap().link;
    assert!(endless.needs_review());
    assert_eq!(endless.attempts()[0].due_at(), None, "nobody asks for ever");
    let asked = endless.resolve(&id, Resolution::AskAgain, None, at(31 * day)).unwrap();
    let (over, _) = asked.lease_due(None, at(31 * day)).unwrap();
    let paid = over.apply_answer(&id, &paid(), Hint::Nothing, at(31 * day)).unwrap();
    assert_eq!(paid.link.attempts()[0].state.name(), "refunding", "a late payment goes back, and is not forgotten");
}

fn action() -> impl Strategy<Value = Action> {
    let answer = prop_oneof![
        3 => Just(paid()),
        1 => Just(GatewayAnswer::Paid(payment(5))),
        1 => Just(GatewayAnswer::Unconfirmed),
        1 => Just(GatewayAnswer::Pending),
        1 => Just(GatewayAnswer::Processing),
        1 => Just(GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "no"))),
        1 => Just(GatewayAnswer::Returned),
        1 => Just(GatewayAnswer::WrongAmount { got: None }),
        1 => Just(GatewayAnswer::Doubtful { reason: "whose".to_owned() }),
        1 => Just(GatewayAnswer::Unknown { why: "timeout".to_owned() }),
    ];
    let hint = prop_oneof![Just(Hint::Paid), Just(Hint::NotPaid), Just(Hint::Changed), Just(Hint::Nothing)];
    let refund = prop_oneof![
        Just(RefundAnswer::Succeeded { reference: None }),
        Just(RefundAnswer::Refused { code: "no".to_owned() }),
        Just(RefundAnswer::Unknown { why: "timeout".to_owned() }),
        Just(RefundAnswer::Accepted { reference: "re_1".to_owned() }),
        Just(RefundAnswer::Failed { reference: None, code: "lost".to_owned() }),
        Just(RefundAnswer::Absent),
        Just(RefundAnswer::Unlisted),
    ];
    prop_oneof![
        2 => Just(Action::Begin),
        2 => (0..4_usize).prop_map(Action::BeginConfirming),
        5 => (0..4_usize, answer, hint).prop_map(|(index, answer, hint)| Action::Answer(index, answer, hint)),
        1 => any::<bool>().prop_map(Action::Cancel),
        1 => any::<bool>().prop_map(Action::Replace),
        1 => Just(Action::AskAgain),
        2 => Just(Action::Sweep),
        1 => (0..4_usize, refund, any::<bool>())
            .prop_map(|(index, answer, is_news)| Action::Refunded(index, answer, is_news)),
        1 => (0..4_usize, prop_oneof![Just(RefundAnswer::Absent), Just(RefundAnswer::Unlisted)])
            .prop_map(|(index, found)| Action::CallRefund(index, found)),
        1 => (0..4_usize, prop::sample::select(Resolution::ALL.to_vec()))
            .prop_map(|(index, resolution)| Action::Resolve(index, resolution)),
        1 => (0..4_usize).prop_map(Action::Keep),
    ]
}

/// What is asked of the last refund of an attempt.
impl PaymentLink {
    fn last_refund(&self, id: &AttemptId) -> Option<RefundId> {
        Some(self.attempt(id)?.refunds.last()?.id.clone())
    }

    fn refund_answered(&self, id: &AttemptId, answer: &RefundAnswer, now: Timestamp) -> Option<Self> {
        self.apply_refund_answer(id, &self.last_refund(id)?, answer, now).map(|transition| transition.link)
    }

    fn refund_news(&self, id: &AttemptId, answer: &RefundAnswer, now: Timestamp) -> Option<Self> {
        self.apply_refund_news(id, &self.last_refund(id)?, answer, now).map(|transition| transition.link)
    }

    fn refund_called(&self, id: &AttemptId, now: Timestamp) -> Option<Self> {
        self.begin_refund_call(id, &self.last_refund(id)?, now)
    }

    fn may_call_last_refund(&self, id: &AttemptId, found: &RefundAnswer) -> bool {
        self.last_refund(id).is_some_and(|refund| self.may_call_refund(id, &refund, found, at(100_000)))
    }
}

fn rank(status: &LinkStatus) -> u8 {
    match status {
        LinkStatus::Active => 0,
        LinkStatus::Expired { .. } => 1,
        LinkStatus::Paid { .. } | LinkStatus::Cancelled { .. } | LinkStatus::Replaced { .. } => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn whatever_happens_in_whatever_order_the_books_stay_right(
        gateway in prop::sample::select(GatewayKind::ALL.to_vec()),
        late in prop::sample::select(vec![LatePayment::Accept, LatePayment::Refund]),
        story in prop::collection::vec((0..40_i64, action()), 1..40),
    ) {
        let mut link = link_at(gateway, late);
        let mut called: BTreeMap<RefundId, u32> = BTreeMap::new();
        let (mut minute, mut number, mut receipts) = (0, 0_u8, 0);
        // What lists said of the link when it was last over, and the number of its last event then.
        let mut over: Option<(LinkFacts, u32)> = None;
        for (pause, event) in story {
            minute += pause;
            let now = at(minute);
            let before = link.clone();
            let id = |index: usize| link.attempts.get(index).map(|attempt| attempt.id.clone());
            let next = match event {
                Action::Begin => {
                    number += 1;
                    link.begin_attempt(attempt(&link, number, minute), now).ok()
                }
                Action::BeginConfirming(index) => id(index).and_then(|id| link.begin_confirming(&id, now)),
                Action::Answer(index, answer, hint) => {
                    id(index).and_then(|id| link.apply_answer(&id, &answer, hint, now)).map(|transition| {
                        receipts += usize::from(transition.kept.is_some());
                        transition.link
                    })
                }
                Action::Cancel(force) => link.cancel(None, force, now).ok(),
                Action::Replace(force) => link.replaced_by(&other_link(), force, now).ok(),
                Action::AskAgain => link.request_renewal(now),
                Action::Sweep => link.lease_due(None, now).map(|(link, _)| link),
                Action::Resolve(index, resolution) => {
                    id(index).and_then(|id| link.resolve(&id, resolution, None, now).ok())
                }
                Action::Keep(index) => id(index).and_then(|id| link.keep_accepted(&id, now)).map(|transition| {
                    receipts += usize::from(transition.kept.is_some());
                    transition.link
                }),
                Action::Refunded(index, answer, is_news) => id(index).and_then(|id| {
                    if is_news {
                        link.refund_news(&id, &answer, now)
                    } else {
                        link.refund_answered(&id, &answer, now)
                    }
                }),
                Action::CallRefund(index, found) => id(index)
                    .filter(|id| link.may_call_last_refund(id, &found))
                    .and_then(|id| link.refund_called(&id, now).map(|next| (id, next)))
                    .map(|(id, next)| {
                        let refund = next.attempt(&id).and_then(|attempt| attempt.refunds.last()).unwrap();
                        *called.entry(refund.id.clone()).or_default() += 1;
                        next
                    }),
            };
            if let Some(next) = next {
                prop_assert_eq!(next.version, before.version + 1);
                prop_assert!(rank(&next.status) >= rank(&before.status), "a status moved backward");
                link = next;
            }
            // Totals are kept of what is over, so that whatever changes about it has to be told by an event.
            if !link.is_live() {
                let facts = LinkFacts { message_failed: false, ..link.facts() };
                let told = link.outbox.as_slice();
                if let Some((then, number)) = over.as_ref().filter(|(then, _)| *then != facts) {
                    let is_told = told.iter().any(|one| one.sequence > *number && link.was_over_before(one));
                    prop_assert!(is_told, "{then:?} became {facts:?}");
                }
                over = Some((facts, told.last().map_or(0, |one| one.sequence)));
            }
            let kept = link.attempts.iter().filter(|a| matches!(a.state, AttemptState::Paid { .. })).count();
            let is_paid = matches!(link.status, LinkStatus::Paid { .. });
            prop_assert_eq!(kept, usize::from(is_paid));
            prop_assert_eq!(receipts, kept, "one receipt for a payment kept, none without");
            let confirming = link.attempts.iter().filter(|a| {
                matches!(a.state, AttemptState::Confirming { .. } | AttemptState::Accepted { .. })
            });
            prop_assert!(confirming.count() <= 1);
            // The CRM is told of everything, in an order that can be told from the numbers.
            let told = link.outbox.as_slice();
            prop_assert!(told.windows(2).all(|two| two[0].sequence + 1 == two[1].sequence));
            let count = |kind| told.iter().filter(|one| one.kind == kind).count();
            prop_assert_eq!(count(EventType::LinkPaid), kept);
            prop_assert_eq!(count(EventType::ReceiptRegistered), receipts);
            prop_assert_eq!(count(EventType::LinkCancelled), usize::from(matches!(link.status, LinkStatus::Cancelled { .. })));
            prop_assert_eq!(count(EventType::LinkReplaced), usize::from(link.successor().is_some()));
            prop_assert_eq!(link.only_receipt().map(|receipt| receipt.id), link.only_receipt_id());
            // Sweeps look in time, and nothing that is not final is ever forgotten.
            prop_assert_eq!(link.sweep_from().is_some(), link.due_at().is_some());
            prop_assert!(link.sweep_from() <= link.due_at());
            for attempt in &link.attempts {
                let is_settled = attempt.refunds.iter().all(|refund| !refund.is_under_way());
                prop_assert_eq!(attempt.due_at().is_some(), !is_settled || !matches!(attempt.state,
                    AttemptState::Paid { .. } | AttemptState::Failed { look_up_at: None, .. }
                    | AttemptState::Abandoned { .. } | AttemptState::Refunded { .. }
                    | AttemptState::NeedsReview { .. }));
                // Money that was confirmed ends only by the gateway's word or by a person's, and never as if there was none.
                let was_confirmed = attempt.confirmed_at.is_some();
                prop_assert!(!(was_confirmed && attempt.state.ended_without_money()), "{:?}", attempt.state);
                // What is refunding has a refund that is under way, and what is not has none.
                let is_refunding = matches!(attempt.state, AttemptState::Refunding { .. });
                prop_assert_eq!(is_refunding, !is_settled && !attempt.is_kept(), "{:?}", attempt);
                // A call is written down before it is made, so that no answer comes to a refund that was never called for.
                for refund in &attempt.refunds {
                    let calls = called.get(&refund.id).copied().unwrap_or_default();
                    prop_assert_eq!(refund.calls, calls);
                }
            }
            let stored: PaymentLink = serde_json::from_str(&serde_json::to_string(&link).unwrap()).unwrap();
            prop_assert_eq!(&stored, &link);
        }
    }
}

#[test]
fn money_that_could_not_be_refunded_and_is_kept_after_all_was_paid_when_it_came() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Accept), 1, 1);
    let reviewed = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(2)).unwrap().link;
    let back = reviewed.resolve(&id, Resolution::Refund, None, at(3)).unwrap();
    let refused = RefundAnswer::Refused { code: "too_old".to_owned() };
    let stays = back.refund_answered(&id, &refused, at(4)).unwrap();
    let kept =
        stays.resolve(&id, Resolution::Keep, None, at(5)).unwrap().keep_accepted(&id, at(6)).unwrap().kept.unwrap();
    let receipt = kept.receipt.unwrap();
    assert_eq!((receipt.paid_at, receipt.registered_at), (at(2), at(6)));
}

#[test]
fn a_link_holds_only_so_much_and_what_makes_it_no_larger_is_always_allowed() {
    let large = |bytes: usize| {
        let mut terms = terms(GatewayKind::Zarinpal, LatePayment::Refund);
        terms.metadata.insert("k".to_owned(), "x".repeat(bytes));
        PaymentLink::new(business(), PayToken::from_random([1; 16]), "https://x.example", String::new(), terms, at(0))
    };
    let (small, over) = (large(10), large(LARGEST_LINK));
    assert_eq!(over.check_growth(&small).unwrap_err().code, "link_too_large");
    assert_eq!(large(LARGEST_LINK - 2000).check_growth(&small), Ok(()));
    let later = over.amended(Terms { expires_at: at(90), ..over.terms().clone() }, at(1)).unwrap();
    assert_eq!(later.check_growth(&over), Ok(()), "its end can still be moved");
}

/// A link whose money came too late, and the attempt that it came by. The refund has begun.
fn refunding(gateway: GatewayKind) -> (PaymentLink, AttemptId) {
    let (link, id) = begun(&link_at(gateway, LatePayment::Refund), 1, 1);
    let cancelled = link.cancel(None, true, at(2)).unwrap();
    (cancelled.apply_answer(&id, &paid(), Hint::Nothing, at(3)).unwrap().link, id)
}

fn refund_of(link: &PaymentLink) -> &Refund {
    link.attempts()[0].refunds.last().unwrap()
}

fn events_of(link: &PaymentLink) -> Vec<&'static str> {
    link.outbox.as_slice().iter().map(|one| one.kind.as_str()).filter(|kind| kind.starts_with("refund.")).collect()
}

#[test]
fn a_refund_that_the_gateway_took_is_done_only_when_it_says_so() {
    let (link, id) = refunding(GatewayKind::Stripe);
    assert!(link.may_call_last_refund(&id, &RefundAnswer::Absent));
    let calling = link.refund_called(&id, at(4)).unwrap();
    let accepted = RefundAnswer::Accepted { reference: "re_1".to_owned() };
    let taken = calling.refund_answered(&id, &accepted, at(4)).unwrap();
    assert_eq!((taken.attempts()[0].state.name(), refund_of(&taken).state.name()), ("refunding", "pending"));
    assert!(!taken.may_call_last_refund(&id, &RefundAnswer::Absent), "the gateway has the order");
    assert_eq!(taken.refund_answered(&id, &accepted, at(60)), None, "it is asked again, and nothing is written");
    let done = RefundAnswer::Succeeded { reference: Some("re_1".to_owned()) };
    let done = taken.refund_answered(&id, &done, at(600)).unwrap();
    assert_eq!((done.attempts()[0].state.name(), refund_of(&done).state.name()), ("refunded", "succeeded"));
    assert_eq!(refund_of(&done).gateway_reference.as_deref(), Some("re_1"));
    assert_eq!((done.due_at(), events_of(&done)), (None, vec!["refund.created", "refund.succeeded"]));
}

#[test]
fn a_call_about_a_refund_makes_us_ask_about_it_and_the_silence_after_it_counts_for_nothing() {
    let (link, id) = refunding(GatewayKind::Stripe);
    for hint in [Hint::Paid, Hint::NotPaid, Hint::Nothing] {
        assert_eq!(link.step(&id, hint, at(4)), Step::Nothing, "{hint:?}");
    }
    assert_eq!(link.step(&id, Hint::Changed, at(4)), Step::FindRefund);
    let calling = link.refund_called(&id, at(4)).unwrap();
    let accepted = RefundAnswer::Accepted { reference: "re_1".to_owned() };
    let taken = calling.refund_news(&id, &accepted, at(4)).unwrap();
    assert_eq!(taken, calling.refund_answered(&id, &accepted, at(4)).unwrap());
    let silences = [
        RefundAnswer::Unknown { why: "timeout".to_owned() },
        RefundAnswer::AccountRefused { code: "401".to_owned() },
        RefundAnswer::Absent,
    ];
    for silence in silences {
        assert_eq!(link.refund_news(&id, &silence, at(5)), None, "{silence:?}");
        assert_eq!(calling.refund_news(&id, &silence, at(5)), None, "{silence:?}");
        assert_eq!(taken.refund_news(&id, &silence, at(20 * 24 * 60)), None, "{silence:?}");
        assert!(taken.refund_answered(&id, &silence, at(20 * 24 * 60)).unwrap().needs_review(), "{silence:?}");
    }
    let done = RefundAnswer::Succeeded { reference: Some("re_1".to_owned()) };
    let done = taken.refund_news(&id, &done, at(5)).unwrap();
    assert_eq!((done.attempts()[0].state.name(), done.due_at()), ("refunded", None));
    assert_eq!(done.step(&id, Hint::Changed, at(6)), Step::Nothing);
}

#[test]
fn a_refund_that_fails_or_takes_too_long_is_for_a_person_whose_retry_is_another_refund() {
    let (link, id) = refunding(GatewayKind::Stripe);
    let calling = link.refund_called(&id, at(4)).unwrap();
    let accepted = RefundAnswer::Accepted { reference: "re_1".to_owned() };
    let taken = calling.refund_answered(&id, &accepted, at(4)).unwrap();
    let day = 24 * 60;
    assert_eq!(taken.refund_answered(&id, &accepted, at(13 * day)), None);
    let slow = taken.refund_answered(&id, &accepted, at(4 + 14 * day)).unwrap();
    assert!(slow.needs_review());
    assert_eq!(slow.resolve(&id, Resolution::Keep, None, at(15 * day)), Err(ResolveRefused::LinkTakesNoMoney));
    assert_eq!(slow.resolve(&id, Resolution::Refund, None, at(15 * day)), Err(ResolveRefused::RefundUndecided));
    let asked = slow.resolve(&id, Resolution::AskAgain, None, at(15 * day)).unwrap();
    assert!(
        !asked.may_call_last_refund(&id, &RefundAnswer::Absent),
        "the same refund is asked about, and none is made"
    );
    let failed = RefundAnswer::Failed { reference: Some("re_1".to_owned()), code: "expired_card".to_owned() };
    let failed = asked.refund_answered(&id, &failed, at(16 * day)).unwrap();
    assert!(failed.needs_review());
    assert_eq!(events_of(&failed), ["refund.created", "refund.failed"]);
    let again = failed.resolve(&id, Resolution::Refund, None, at(17 * day)).unwrap();
    assert_ne!((&refund_of(&again).id, refund_of(&again).key()), (&refund_of(&failed).id, refund_of(&failed).key()));
    assert_eq!(refund_of(&again).gateway_reference, None, "what became of the first says nothing about the second");
    assert_eq!(refund_of(&again).cause, RefundCause::Requested);
}

#[test]
fn a_call_whose_answer_was_lost_is_repeated_only_where_that_cannot_refund_twice() {
    let (link, id) = refunding(GatewayKind::Zibal);
    assert!(link.may_call_last_refund(&id, &RefundAnswer::Unlisted), "nothing was asked for yet");
    assert!(!link.may_call_last_refund(&id, &RefundAnswer::Unknown { why: "timeout".to_owned() }));
    let calling = link.refund_called(&id, at(4)).unwrap();
    assert!(!calling.may_call_last_refund(&id, &RefundAnswer::Unlisted), "the list may be late");
    assert!(calling.may_call_last_refund(&id, &RefundAnswer::Absent), "the gateway itself refuses a second refund");
    assert_eq!(calling.refund_answered(&id, &RefundAnswer::Unlisted, at(100)), None);
    let unclear = calling.refund_answered(&id, &RefundAnswer::Unlisted, at(4 + 120)).unwrap();
    assert_eq!((unclear.needs_review(), refund_of(&unclear).state.name()), (true, "needs_review"));
    assert!(
        unclear.resolve(&id, Resolution::Refund, None, at(200)).is_ok(),
        "whoever looked at the gateway may have it made"
    );
    let revoked = RefundAnswer::AccountRefused { code: "401".to_owned() };
    let asked = calling.refund_answered(&id, &revoked, at(5)).unwrap();
    assert_eq!(refund_of(&asked).state.name(), "pending", "what a refused key asks about may be under way");
    let waiting = link.refund_answered(&id, &revoked, at(5)).unwrap();
    assert_eq!(refund_of(&waiting).state.name(), "pending", "a key may be replaced in a minute");
    let missing = RefundAnswer::CredentialsMissing { code: "no_token".to_owned() };
    assert!(link.refund_answered(&id, &missing, at(5)).unwrap().needs_review(), "a token is given by a person");
    let found = calling.refund_answered(&id, &RefundAnswer::Succeeded { reference: None }, at(50)).unwrap();
    assert_eq!(found.attempts()[0].state.name(), "refunded");
}

#[test]
fn what_was_ever_being_taken_does_not_end_by_waiting() {
    let (link, id) = begun(&link(), 1, 1);
    let confirming = link.begin_confirming(&id, at(2)).unwrap();
    let pending = confirming.apply_answer(&id, &GatewayAnswer::Pending, Hint::Paid, at(3)).unwrap().link;
    assert_eq!(pending.attempts()[0].state.name(), "open");
    let watched = at(1 + 72 * 60);
    let over = pending.apply_answer(&id, &GatewayAnswer::Pending, Hint::Nothing, watched).unwrap().link;
    assert!(over.needs_review(), "the call may have taken money that nobody heard of");
    let never = link.apply_answer(&id, &GatewayAnswer::Pending, Hint::Nothing, watched).unwrap().link;
    assert_eq!(never.attempts()[0].state.name(), "abandoned");
}

#[test]
fn where_only_a_return_can_be_verified_asking_again_verifies_it_again() {
    let terms = Terms { expires_at: at(500), ..terms(GatewayKind::Sep, LatePayment::Refund) };
    let link =
        PaymentLink::new(business(), PayToken::from_random([1; 16]), "https://x.example", String::new(), terms, at(0));
    let (link, id) = begun(&link, 1, 1);
    let data = ReturnData { hint: Hint::Paid, return_reference: Some("ref".to_owned()), not_paid: None };
    let confirming = link.with_return_data(&id, &data).begin_confirming(&id, at(2)).unwrap();
    let unknown = GatewayAnswer::Unknown { why: "timeout".to_owned() };
    let reviewed = confirming.apply_answer(&id, &unknown, Hint::Nothing, at(70)).unwrap().link;
    let asked = reviewed.resolve(&id, Resolution::AskAgain, None, at(80)).unwrap();
    let (leased, work) = asked.lease_due(None, at(80)).unwrap();
    assert_eq!(work, [Work::Confirm(id.clone())]);
    assert!(leased.apply_answer(&id, &paid(), Hint::Nothing, at(80)).unwrap().kept.is_some());
    let again = leased.apply_answer(&id, &unknown, Hint::Nothing, at(80)).unwrap().link;
    assert!(again.needs_review(), "and waiting ends nothing");
}

#[test]
fn money_that_was_confirmed_stays_confirmed_whatever_is_said_when_somebody_asks_again() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let reviewed = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(2)).unwrap().link;
    let asked = reviewed.resolve(&id, Resolution::AskAgain, None, at(3)).unwrap();
    assert_eq!(asked.visit(at(3)), Visit::Confirming, "nobody pays again meanwhile");
    let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Declined, "no"));
    for (answer, minute) in [(no, 4), (GatewayAnswer::Pending, 1 + 72 * 60), (GatewayAnswer::Unconfirmed, 4)] {
        let after = asked.apply_answer(&id, &answer, Hint::Nothing, at(minute)).unwrap().link;
        let AttemptState::NeedsReview { payment: kept, .. } = &after.attempts()[0].state else { panic!("{answer:?}") };
        assert_eq!(kept.as_ref(), Some(&payment(1_500)), "{answer:?}");
    }
}

#[test]
fn a_payment_that_the_gateway_calls_on_its_way_holds_the_link_open_and_a_customers_word_does_not() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let day = 24 * 60;
    let told = link.apply_answer(&id, &GatewayAnswer::Unknown { why: "x".to_owned() }, Hint::Paid, at(2)).unwrap().link;
    assert_eq!(told.status_at(at(60)).name(), "expired");
    let slow = link.apply_answer(&id, &GatewayAnswer::Processing, Hint::Nothing, at(2)).unwrap().link;
    assert_eq!(slow.status_at(at(29 * day)).name(), "active");
    assert_eq!(slow.visit(at(29 * day)), Visit::Confirming);
    assert_eq!(slow.status_at(at(2 + 30 * day)).name(), "expired", "not for ever");
    assert!(slow.apply_answer(&id, &paid(), Hint::Nothing, at(20 * day)).unwrap().kept.is_some(), "it came in time");
    let over = slow.apply_answer(&id, &GatewayAnswer::Pending, Hint::Nothing, at(day)).unwrap().link;
    assert_eq!(over.status_at(at(day)).name(), "expired", "nothing is on its way any more");
}

#[test]
fn what_a_person_keeps_is_judged_by_when_the_gateway_confirmed_it() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let in_time = link.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(50)).unwrap().link;
    let (expired, _) = in_time.lease_due(None, at(200)).unwrap();
    assert_eq!(expired.status_at(at(200)).name(), "expired");
    let kept = expired.resolve(&id, Resolution::Keep, None, at(300)).unwrap().keep_accepted(&id, at(301)).unwrap();
    assert_eq!(kept.link.status_at(at(301)).name(), "paid");
    let (expired, _) = link.lease_due(None, at(200)).unwrap();
    let late = expired.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(201)).unwrap().link;
    assert_eq!(late.resolve(&id, Resolution::Keep, None, at(300)), Err(ResolveRefused::LinkTakesNoMoney));
}

#[test]
fn late_money_is_kept_only_while_no_other_link_has_the_reference() {
    let mut terms = terms(GatewayKind::Zarinpal, LatePayment::Accept);
    terms.reference_id = Some(ReferenceId::parse("inv-77").unwrap());
    let link =
        PaymentLink::new(business(), PayToken::from_random([1; 16]), "https://x.example", String::new(), terms, at(0));
    let (link, id) = begun(&link, 1, 59);
    assert_eq!(link.apply_answer(&id, &paid(), Hint::Paid, at(70)).unwrap().unless_moved_on, None, "it is in time");
    let (expired, _) = link.lease_due(None, at(200)).unwrap();
    let late = expired.apply_answer(&id, &paid(), Hint::Nothing, at(201)).unwrap();
    assert_eq!(late.unless_moved_on.as_ref().map(|reference| reference.as_str()), Some("inv-77"));
    let gone = expired.without_keeping(&id, &paid(), NotKept::ReferenceIdInUse, at(201)).unwrap();
    assert_eq!((gone.kept, gone.link.attempts()[0].state.name()), (None, "refunding"));
    assert!(gone.claim.is_some());
    let untaken =
        expired.without_keeping(&id, &GatewayAnswer::Unconfirmed, NotKept::ReferenceIdInUse, at(201)).unwrap();
    assert_eq!(untaken.link.attempts()[0].state.name(), "awaiting_reversal", "it is not taken");
}

#[test]
fn what_is_left_to_go_back_before_it_was_called_for_was_never_about_to_be_taken() {
    let (link, id) = begun(&link_at(GatewayKind::Zarinpal, LatePayment::Refund), 1, 59);
    let confirming = link.begin_confirming(&id, at(70)).unwrap();
    assert!(confirming.attempts()[0].was_confirming);
    let left = confirming.left_untaken(&id, at(71)).unwrap();
    assert_eq!(left.attempts()[0].state.name(), "awaiting_reversal");
    assert!(!left.attempts()[0].was_confirming, "the next look at it asks, and takes nothing to find out");
    let open = confirming.clone().without_intention(&id, at(71));
    assert_eq!((open.attempts()[0].state.name(), open.attempts()[0].was_confirming), ("open", false));
    assert_eq!(open.version(), confirming.version(), "it is written with what follows");
}

#[test]
fn a_no_that_may_become_a_yes_is_asked_about_until_the_attempt_is_watched_no_longer() {
    let (link, id) = begun(&link_at(GatewayKind::Razorpay, LatePayment::Accept), 1, 1);
    let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::SessionOver, "expired"));
    let mut link = link.apply_answer(&id, &no, Hint::Nothing, at(30)).unwrap().link;
    assert_eq!(link.attempts()[0].state.name(), "failed");
    let mut looks = 0;
    while let Some(due) = link.attempts()[0].state.due_at() {
        let (leased, work) = link.lease_due(None, due).unwrap();
        assert!(work.contains(&Work::LookUp(id.clone())));
        assert_eq!(leased.step(&id, Hint::Nothing, due), Step::LookUp);
        link = leased.apply_answer(&id, &no, Hint::Nothing, due).map_or(leased, |transition| transition.link);
        looks += 1;
    }
    assert!((10..20).contains(&looks), "{looks}");
    let (stripe, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Accept), 1, 1);
    assert_eq!(stripe.apply_answer(&id, &no, Hint::Nothing, at(30)).unwrap().link.attempts()[0].state.due_at(), None);
}

#[test]
fn a_payment_on_its_way_is_not_given_up_for_one_answer_that_cannot_be_read() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let day = 24 * 60;
    let slow = link.apply_answer(&id, &GatewayAnswer::Processing, Hint::Nothing, at(2)).unwrap().link;
    let unknown = GatewayAnswer::Unknown { why: "timeout".to_owned() };
    assert_eq!(slow.apply_answer(&id, &unknown, Hint::Nothing, at(10 * day)), None, "its watch is longer than others'");
    assert_eq!(slow.told_paid(&id, at(10 * day)), None, "and what a customer says changes nothing");
    assert_eq!(slow.status_at(at(10 * day)).name(), "active");
    assert!(slow.apply_answer(&id, &unknown, Hint::Nothing, at(2 + 30 * day)).unwrap().link.needs_review());
}

#[test]
fn confirmed_money_is_remembered_while_it_is_confirmed_once_more() {
    for gateway in [GatewayKind::Zibal, GatewayKind::Sep] {
        let (link, id) = begun(&link_at(gateway, LatePayment::Refund), 1, 1);
        let data = ReturnData { hint: Hint::Paid, return_reference: Some("ref".to_owned()), not_paid: None };
        let confirming = link.with_return_data(&id, &data).begin_confirming(&id, at(2)).unwrap();
        let mut reviewed =
            confirming.apply_answer(&id, &GatewayAnswer::Paid(payment(1_500)), Hint::Paid, at(2)).unwrap().link;
        if gateway == GatewayKind::Sep {
            // It goes back at once there, and the gateway refuses that.
            let calling = reviewed.refund_called(&id, at(3)).unwrap();
            let refused = RefundAnswer::Refused { code: "too_late".to_owned() };
            reviewed = calling.refund_answered(&id, &refused, at(3)).unwrap();
        }
        let asked = reviewed.resolve(&id, Resolution::AskAgain, None, at(4)).unwrap();
        let confirming = asked.begin_confirming(&id, at(5)).unwrap();
        let no = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Unspecified, "no_such_reference"));
        let unknown = GatewayAnswer::Unknown { why: "timeout".to_owned() };
        for (answer, minute) in [(no, 6), (unknown, 80 * 60)] {
            let after = confirming.apply_answer(&id, &answer, Hint::Nothing, at(minute)).unwrap().link;
            let AttemptState::NeedsReview { payment: kept, .. } = &after.attempts()[0].state else {
                panic!("{answer:?}")
            };
            assert_eq!(kept.as_ref(), Some(&payment(1_500)), "{gateway:?} {answer:?}");
            assert_eq!(after.resolve(&id, Resolution::NotPaid, None, at(minute)), Err(ResolveRefused::MoneyConfirmed));
        }
    }
}

#[test]
fn only_a_call_that_nobody_answered_is_one_that_may_have_taken_the_money() {
    let (link, id) = begun(&link_at(GatewayKind::Sep, LatePayment::Refund), 1, 1);
    let data = ReturnData { hint: Hint::Paid, return_reference: Some("ref".to_owned()), not_paid: None };
    let confirming = link.with_return_data(&id, &data).begin_confirming(&id, at(2)).unwrap();
    let left_unanswered = |link: &PaymentLink| link.attempt(&id).unwrap().was_left_unanswered;
    let doubtful = GatewayAnswer::Doubtful { reason: "verified_by_somebody_else".to_owned() };
    let reviewed = confirming.apply_answer(&id, &doubtful, Hint::Paid, at(2)).unwrap().link;
    let asked = reviewed.resolve(&id, Resolution::AskAgain, None, at(50)).unwrap();
    let (leased, _) = asked.lease_due(None, at(52)).unwrap();
    assert!(!left_unanswered(&leased), "the gateway had answered the first, however late the next one is");
    let (again, _) = leased.lease_due(None, at(54)).unwrap();
    assert!(left_unanswered(&again), "nobody wrote down what came of the second");
    let (resumed, _) = confirming.lease_due(None, at(4)).unwrap();
    assert!(left_unanswered(&resumed));
}

#[test]
fn a_link_whose_time_is_over_does_not_come_back_to_life() {
    let mut terms = terms(GatewayKind::Stripe, LatePayment::Accept);
    terms.reference_id = Some(ReferenceId::parse("inv-77").unwrap());
    let link =
        PaymentLink::new(business(), PayToken::from_random([1; 16]), "https://x.example", String::new(), terms, at(0));
    let (link, id) = begun(&link, 1, 1);
    // No sweep has been there since it ended.
    let slow = link.apply_answer(&id, &GatewayAnswer::Processing, Hint::Nothing, at(100)).unwrap().link;
    assert_eq!(slow.status_at(at(101)).name(), "expired");
    let late = slow.apply_answer(&id, &paid(), Hint::Nothing, at(200)).unwrap();
    assert!(late.unless_moved_on.is_some(), "another link may have the reference by now");
    let confirming = link.begin_confirming(&id, at(100)).unwrap();
    assert_eq!(confirming.status_at(at(101)).name(), "expired");
    assert!(confirming.apply_answer(&id, &paid(), Hint::Nothing, at(102)).unwrap().unless_moved_on.is_some());
}

#[test]
fn money_that_waited_at_the_gateway_does_not_become_nothing() {
    let (link, id) = begun(&link(), 1, 1);
    let cancelled = link.cancel(None, true, at(2)).unwrap();
    let watched = cancelled.apply_answer(&id, &GatewayAnswer::Unconfirmed, Hint::Paid, at(3)).unwrap().link;
    assert_eq!(watched.apply_answer(&id, &GatewayAnswer::Pending, Hint::Nothing, at(60)), None);
    let over = watched.apply_answer(&id, &GatewayAnswer::Pending, Hint::Nothing, at(1 + 72 * 60)).unwrap().link;
    assert!(over.needs_review());
}

#[test]
fn what_nobody_could_find_out_the_gateway_may_still_say() {
    let (link, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let unknown = GatewayAnswer::Unknown { why: "x".to_owned() };
    let reviewed = link.apply_answer(&id, &unknown, Hint::Nothing, at(72 * 60 + 1)).unwrap().link;
    assert!(reviewed.needs_review());
    assert_eq!(reviewed.step(&id, Hint::Paid, at(80 * 60)), Step::LookUp);
    assert_eq!(reviewed.step(&id, Hint::Nothing, at(80 * 60)), Step::Nothing);
    let late = reviewed.apply_answer(&id, &paid(), Hint::Paid, at(80 * 60)).unwrap();
    assert_eq!((late.kept, late.link.attempts()[0].state.name()), (None, "refunding"));
    let differs = link.apply_answer(&id, &GatewayAnswer::Paid(payment(5)), Hint::Paid, at(2)).unwrap().link;
    assert_eq!(differs.apply_answer(&id, &paid(), Hint::Paid, at(3)), None, "decided money stays decided");
}

#[test]
fn a_call_that_is_refused_after_one_that_was_not_answered_may_have_refunded() {
    let (link, id) = refunding(GatewayKind::Stripe);
    let refused = RefundAnswer::Refused { code: "nothing_left".to_owned() };
    let first = link.refund_called(&id, at(4)).unwrap();
    assert_eq!(refund_of(&first.refund_answered(&id, &refused, at(4)).unwrap()).state.name(), "failed");
    let second = first.refund_called(&id, at(6)).unwrap();
    let unclear = second.refund_answered(&id, &refused, at(6)).unwrap();
    assert_eq!((unclear.needs_review(), refund_of(&unclear).state.name()), (true, "needs_review"));
    assert_eq!(unclear.resolve(&id, Resolution::Keep, None, at(7)), Err(ResolveRefused::LinkTakesNoMoney));
}

/// A link that was cancelled, whose events are recorded, and its two messages: the second stands in for the first.
fn over_with_messages() -> (PaymentLink, [MessageId; 2], BTreeMap<u32, EventRecord>) {
    let token = PayToken::from_random([1; 16]);
    let ids = ["one", "two"].map(|to| MessageId::of(&LinkId::of(&token), 0, "sms", to));
    let mut terms = terms(GatewayKind::Zarinpal, LatePayment::Refund);
    terms.recipients = ids
        .iter()
        .map(|id| Recipient {
            id: id.clone(),
            channel: Channel::Sms,
            network: None,
            to: "+989120000000".to_owned(),
            people: vec![],
            stands_in_for: ids.iter().take_while(|first| *first != id).cloned().collect(),
        })
        .collect();
    let link = PaymentLink::new(business(), token, "https://pay.example/", "hash".to_owned(), terms, at(0));
    let link = link.cancel(None, false, at(1)).unwrap();
    let events = link.outbox().as_slice().iter().map(|event| (event.sequence, link.record(event, at(1)))).collect();
    (link, ids, events)
}

#[test]
fn a_link_is_over_for_good_once_its_money_its_messages_and_its_events_are() {
    let (over, [first, second], events) = over_with_messages();
    let skipped =
        BTreeMap::from([(first.clone(), MessageState::Skipped { at: at(1), reason: SkipReason::LinkNotActive })]);
    let still = |link: &PaymentLink, messages: &MessageStates, events: &BTreeMap<u32, EventRecord>, minute| {
        link.still_to_come(messages, events, None, at(minute))
    };
    assert_eq!(
        still(&over, &skipped, &events, 2),
        None,
        "what stands in for a message is not sent where that is skipped"
    );
    assert_eq!(still(&link(), &BTreeMap::new(), &BTreeMap::new(), 2), Some(StillToCome::Live));
    // A no that may become a yes.
    let (begun, id) = begun(&link(), 1, 1);
    let cancelled = begun.cancel(None, true, at(2)).unwrap();
    let due = cancelled.attempt(&id).unwrap().state.due_at().unwrap();
    let events_of = |link: &PaymentLink| -> BTreeMap<u32, EventRecord> {
        link.outbox().as_slice().iter().map(|event| (event.sequence, link.record(event, at(1)))).collect()
    };
    assert_eq!(still(&cancelled, &BTreeMap::new(), &events_of(&cancelled), 2), Some(StillToCome::Due(due)));
    // Messages, and events to endpoints.
    for (state, expected) in [
        (MessageState::Queued { until: at(9) }, Some(StillToCome::Due(at(9)))),
        (MessageState::Waiting { until: at(9), reason: "busy".to_owned() }, Some(StillToCome::Due(at(9)))),
        (MessageState::Sending { until: at(9) }, Some(StillToCome::Due(at(9)))),
        (MessageState::Sending { until: at(2) }, None),
        (MessageState::Sent(Handover::new(at(1), "p-1".to_owned())), None),
        // The other one goes out now.
        (MessageState::Failed { at: at(1), reason: "gone".to_owned(), sent: None }, Some(StillToCome::Undelivered)),
    ] {
        assert_eq!(still(&over, &BTreeMap::from([(first.clone(), state.clone())]), &events, 2), expected, "{state:?}");
    }
    let both = [
        (first, MessageState::Failed { at: at(1), reason: "gone".to_owned(), sent: None }),
        (second, MessageState::Skipped { at: at(1), reason: SkipReason::LinkNotActive }),
    ];
    assert_eq!(still(&over, &both.into(), &events, 2), None);
    let mut waiting = events.clone();
    waiting.get_mut(&2).unwrap().deliveries.push(Delivery::due(EndpointId::parse("crm").unwrap(), at(7)));
    assert_eq!(still(&over, &skipped, &waiting, 2), Some(StillToCome::Due(at(7))));
}

#[test]
fn what_nobody_has_delivered_is_still_to_come_unless_it_is_too_old_or_deleting_has_begun_since() {
    let (over, [first, _], mut events) = over_with_messages();
    let skipped = BTreeMap::from([(first, MessageState::Skipped { at: at(1), reason: SkipReason::LinkNotActive })]);
    assert_eq!(over.still_to_come(&BTreeMap::new(), &events, None, at(2)), Some(StillToCome::Undelivered));
    events.remove(&2);
    assert_eq!(over.still_to_come(&skipped, &events, None, at(2)), Some(StillToCome::Undelivered));
    let days = |days: i64| at(1 + days * 24 * 60);
    assert_eq!(over.still_to_come(&skipped, &events, None, days(30)), None, "nobody can be told any more");
    // Whoever deletes may have deleted what says that it was delivered, but not what was written since.
    assert_eq!(over.still_to_come(&BTreeMap::new(), &events, Some(at(2)), at(3)), None);
    assert_eq!(over.still_to_come(&BTreeMap::new(), &events, Some(at(1)), at(3)), Some(StillToCome::Undelivered));
}

/// A link with one message, as a copy has it.
fn told_by_sms() -> (PaymentLink, MessageId) {
    let token = PayToken::from_random([1; 16]);
    let id = MessageId::of(&LinkId::of(&token), 0, "sms", "+989120000000");
    let mut terms = terms(GatewayKind::Zarinpal, LatePayment::Refund);
    terms.recipients.push(Recipient {
        id: id.clone(),
        channel: Channel::Sms,
        network: None,
        to: "+989120000000".to_owned(),
        people: vec![],
        stands_in_for: vec![],
    });
    (PaymentLink::new(business(), token, "https://pay.example", "hash".to_owned(), terms, at(0)), id)
}

#[test]
fn a_link_that_comes_back_is_paid_where_a_receipt_says_so_and_brings_no_second_one() {
    let (copy, id) = begun(&link(), 1, 1);
    let transition = copy.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap();
    let receipt = transition.kept.unwrap().receipt.unwrap();
    let GatewayAnswer::Paid(payment) = paid() else { panic!("paid") };
    let claimed = [ClaimedSince::by_receipt(&receipt, Some(payment.claim))];
    let back = copy.clone().brought_back(&claimed, &BTreeMap::new(), &BTreeMap::new(), at(10));
    assert_eq!(back.paid_by, std::slice::from_ref(&id));
    assert_eq!(back.link.attempts(), transition.link.attempts(), "as if nothing had been lost");
    assert_eq!(back.link.only_receipt_id(), transition.link.only_receipt_id());
    assert!(back.link.version() > copy.version() && !back.link.needs_delivery());
    assert_eq!(back.link.apply_answer(&id, &paid(), Hint::Paid, at(11)), None, "the gateway's yes says nothing new");
    let again = back.link.clone().brought_back(&claimed, &BTreeMap::new(), &BTreeMap::new(), at(12));
    assert_eq!((again.paid_by, again.link.only_receipt_id()), (Vec::new(), back.link.only_receipt_id()));
}

/// The claim of an attempt's money, as a transition wrote it.
fn claimed(transition: &Transition) -> ClaimedSince {
    let claim = transition.claim.clone().unwrap();
    let payment = Payment::new(claim.gateway_reference, claim.reference, claim.money);
    let ReferenceClaim { attempt, confirmed_at, kept_at, .. } = claim;
    ClaimedSince { attempt, payment, confirmed_at, kept_at, booked_later: None }
}

#[test]
fn a_link_that_comes_back_is_paid_where_a_claim_says_so_also_without_a_receipt() {
    let mut terms = terms(GatewayKind::Sep, LatePayment::Refund);
    terms.after_payment =
        AfterPayment { register_receipt: false, receipt_type_id: None, receipt_field: None, send_receipt: false };
    let token = PayToken::from_random([1; 16]);
    let link = PaymentLink::new(business(), token, "https://pay.example", "hash".to_owned(), terms, at(0));
    let (copy, id) = begun(&link, 1, 1);
    let transition = copy.apply_answer(&id, &paid(), Hint::Paid, at(2)).unwrap();
    assert_eq!(transition.kept, Some(KeptPayment { receipt: None }));
    let back = copy.brought_back(&[claimed(&transition)], &BTreeMap::new(), &BTreeMap::new(), at(10));
    assert_eq!((back.link.status(), back.paid_by), (transition.link.status(), vec![id]));
    assert_eq!(back.link.visit(at(11)), Visit::Paid);
}

#[test]
fn money_that_was_confirmed_and_not_kept_is_for_a_person_when_its_link_comes_back() {
    let (copy, id) = begun(&link(), 1, 1);
    let cancelled = copy.cancel(None, true, at(2)).unwrap();
    let transition = cancelled.apply_answer(&id, &paid(), Hint::Paid, at(3)).unwrap();
    assert!(matches!(transition.link.attempt(&id).unwrap().state, AttemptState::Refunding { .. }));
    let claims = [claimed(&transition)];
    let back = copy.clone().brought_back(&claims, &BTreeMap::new(), &BTreeMap::new(), at(10));
    assert_eq!((back.to_review, back.paid_by), (vec![id.clone()], Vec::new()));
    let attempt = back.link.attempt(&id).unwrap();
    let AttemptState::NeedsReview { reason, payment: Some(payment), .. } = &attempt.state else {
        panic!("{:?}", attempt.state)
    };
    assert_eq!((reason.as_str(), payment.money), (UNKNOWN_SINCE_RESTORE, attempt.money));
    assert_eq!(attempt.confirmed_at, Some(at(3)), "a person's decision is judged by when the gateway confirmed it");
    assert_eq!(back.link.visit(at(11)), Visit::UnderReview, "nobody pays while a person looks");
    assert_eq!(back.link.resolve(&id, Resolution::NotPaid, None, at(11)), Err(ResolveRefused::MoneyConfirmed));
    // What the copy knows of the money goes on as it does.
    let back = transition.link.clone().brought_back(&claims, &BTreeMap::new(), &BTreeMap::new(), at(10));
    assert_eq!((back.to_review, back.link.attempts()), (vec![], transition.link.attempts()));
}

#[test]
fn a_link_for_which_money_was_claimed_by_an_attempt_that_the_copy_lacks_is_paid_by_nobody_else() {
    let copy = link();
    let unknown = AttemptId::of(&ReturnKey::from_random([9; 16]));
    let GatewayAnswer::Paid(payment) = paid() else { panic!("paid") };
    let mut claimed = ClaimedSince {
        attempt: unknown.clone(),
        payment,
        confirmed_at: at(2),
        kept_at: Some(at(3)),
        booked_later: None,
    };
    let back = copy.clone().brought_back(&[claimed.clone()], &BTreeMap::new(), &BTreeMap::new(), at(10));
    assert_eq!((back.link.visit(at(11)), back.paid_by_unknown), (Visit::Paid, Some(unknown.clone())));
    assert_eq!(*back.link.status(), LinkStatus::Paid { paid_at: at(3), paid_by: unknown.clone() });
    // Money that the link did not keep pays nothing.
    claimed.kept_at = None;
    let back = copy.brought_back(&[claimed], &BTreeMap::new(), &BTreeMap::new(), at(10));
    assert_eq!((back.paid_by_unknown, back.unknown_money), (None, vec![unknown]));
    assert_eq!(back.link.visit(at(11)), Visit::Begin);
}

#[test]
fn nothing_that_is_numbered_after_a_restore_has_the_name_of_what_was_told_before() {
    let (copy, _) = told_by_sms();
    let nobody = BTreeMap::new();
    let sent = |link: &PaymentLink, minute: i64| {
        let event = link.outbox().as_slice().last().unwrap().sequence;
        let round = link.next_round();
        (event, round, link.version(), link.updated_at() == at(minute))
    };
    // All of this is told, and lost together with the link.
    let opened = copy.opened(at(1)).unwrap();
    let lost = sent(&opened.cancel(None, false, at(2)).unwrap(), 2);
    let back = copy.clone().brought_back(&[], &BTreeMap::new(), &nobody, at(10)).link;
    let first = sent(&back.cancel(None, false, at(11)).unwrap(), 11);
    assert!(first.0 > lost.0 && first.1 > lost.1 && first.2 > lost.2, "{first:?} {lost:?}");
    // So it is where the same copy is restored a second time.
    let again = copy.brought_back(&[], &BTreeMap::new(), &nobody, at(20)).link;
    let second = sent(&again.cancel(None, false, at(21)).unwrap(), 21);
    assert!(second.0 > first.0 && second.1 > first.1 && second.2 > first.2, "{second:?} {first:?}");
    // Numbers go on by one again.
    let both = again.opened(at(21)).unwrap().cancel(None, false, at(22)).unwrap();
    let numbers: Vec<u32> = both.outbox().as_slice().iter().map(|one| one.sequence).collect();
    let behind = again.numbered_behind();
    assert_eq!(numbers, [1, behind + 1, behind + 2]);
}

#[test]
fn who_may_have_got_a_message_is_not_told_by_what_stands_in_for_it() {
    let (mut link, [first, second], _) = over_with_messages();
    link.status = LinkStatus::Active;
    let nothing = MessageStates::new();
    assert_eq!(link.stand_ins_maybe_sent(&first, &nothing, at(2)), std::slice::from_ref(&second));
    assert_eq!(link.stand_ins_maybe_sent(&second, &nothing, at(2)), []);
    let known: MessageStates =
        [(second, MessageState::Skipped { at: at(1), reason: SkipReason::LinkNotActive })].into();
    assert_eq!(link.stand_ins_maybe_sent(&first, &known, at(2)), []);
}

#[test]
fn a_link_that_comes_back_tells_nobody_what_may_have_been_told_and_counts_on_behind_what_was() {
    let (copy, message) = told_by_sms();
    let nobody = BTreeMap::new();
    let back = copy.clone().brought_back(&[], &BTreeMap::new(), &nobody, at(10));
    assert_eq!(back.messages, std::slice::from_ref(&message));
    assert_eq!(back.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1]);
    assert_eq!(back.events[0].recorded_at, at(0), "its place is where readers have been already");
    // What is known stays as it is.
    let sent = MessageState::Sent(Handover::new(at(1), "p-1".to_owned()));
    let known: MessageStates = [(message.clone(), sent)].into();
    let recorded = copy.record(&copy.outbox().as_slice()[0], at(1));
    let later = EventRecord { sequence: 7, ..recorded.clone() };
    let events = [(1, recorded), (7, later)].into();
    let back = copy.clone().brought_back(&[], &known, &events, at(10));
    assert_eq!((back.messages, back.events), (vec![], vec![]));
    let cancelled = back.link.cancel(None, false, at(11)).unwrap();
    let next = cancelled.outbox().as_slice().last().unwrap();
    assert_eq!(next.kind, EventType::LinkCancelled);
    assert!(next.sequence > 7, "a number names one event");
    assert!(cancelled.needs_delivery());
    // Nobody sends messages of a link that has ended.
    let ended = copy.brought_back(&[], &BTreeMap::new(), &nobody, at(60 * 24 * 400));
    assert_eq!(ended.messages, []);
}

#[test]
fn what_somebody_waited_for_when_the_copy_was_made_is_given_up_and_what_is_final_stays() {
    let (copy, _) = told_by_sms();
    let mut event = copy.record(&copy.outbox().as_slice()[0], at(1));
    assert_eq!(event.clone().brought_back(at(10)), (EventRecord { version: 2, ..event.clone() }, false));
    event.deliveries = vec![Delivery::due(EndpointId::parse("crm").unwrap(), at(1))];
    let (back, may_be_told) = event.brought_back(at(10));
    assert!(may_be_told && back.due_at().is_none());
    let waiting = MessageState::Waiting { until: at(1), reason: "busy".to_owned() };
    assert_eq!(waiting.if_final(), None);
    let skipped = MessageState::Skipped { at: at(1), reason: SkipReason::LinkNotActive };
    assert_eq!(skipped.clone().if_final(), Some(skipped));
}

//! What a gateway shows of a payment that a link keeps, held against what is known of it.

use super::refunds::{asked_by, gone, outside, paid_link, taken, wish};
use super::*;
use crate::gateway::{Aftermath, DisputeState, ListedChange, ListedState, ShownDispute, ShownRefund, ShownState};
use crate::idempotency::RequestFingerprint;

const PAID: i64 = 1_500_000;

fn refund(reference: &str, ours: Option<&RefundId>, amount: i64, state: ShownState) -> ShownRefund {
    ShownRefund { reference: reference.to_owned(), refund_id: ours.cloned(), amount, state, at: None }
}

fn failed() -> ShownState {
    ShownState::Failed { code: "expired_card".to_owned() }
}

fn shown(refunds: Vec<ShownRefund>) -> Aftermath {
    Aftermath { refunds, disputes: Vec::new(), is_whole: true }
}

/// The link with all that follows from what is shown, and the corrections of its receipt.
fn looked_after(
    link: &PaymentLink,
    id: &AttemptId,
    shown: &Aftermath,
    now: Timestamp,
) -> (PaymentLink, Vec<Correction>) {
    let (mut link, mut corrections) = (link.clone(), Vec::new());
    for _ in 0..50 {
        let Some(next) = link.apply_aftermath(id, shown, now) else { return (link, corrections) };
        assert_eq!(next.link.version, link.version + 1);
        assert!(next.claim.is_none() && next.kept.is_none());
        corrections.extend(next.correction);
        link = next.link;
    }
    panic!("it changes without end");
}

fn seen(link: &PaymentLink, id: &AttemptId, refunds: Vec<ShownRefund>, minute: i64) -> PaymentLink {
    looked_after(link, id, &shown(refunds), at(minute)).0
}

fn states(link: &PaymentLink) -> Vec<(&str, i64, &str)> {
    let refunds = link.attempts()[0].refunds.iter();
    refunds.map(|refund| (refund.cause.as_str(), refund.amount, refund.state.name())).collect()
}

#[test]
fn what_somebody_refunds_in_the_dashboard_is_a_refund_with_a_receipt_and_a_second_look_changes_nothing() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let dashboard = shown(vec![refund("re_1", None, 500_000, ShownState::Succeeded)]);
    let (next, corrections) = looked_after(&link, &id, &dashboard, at(10));
    let [Correction { receipt, corrected, voided: None }] = &corrections[..] else { panic!("{corrections:?}") };
    assert_eq!((receipt.money, receipt.gateway_reference.as_str()), (rial(500_000), "re_1"));
    assert_eq!((corrected.refunded, next.only_receipt().as_ref()), (500_000, Some(corrected)));
    assert_eq!(states(&next), [("gateway", 500_000, "succeeded")]);
    assert_eq!((next.refunded(), next.attempts()[0].left_of(&payment(PAID))), (500_000, 1_000_000));
    assert_eq!(events_of(&next), ["refund.created", "refund.succeeded"]);
    assert!(!next.is_live() && next.due_at().is_none(), "nothing is left to do");
    assert_eq!(next.apply_aftermath(&id, &dashboard, at(20)), None);
    assert_eq!(
        next.request_refund(&id, wish(Some(1_000_001)), at(20)),
        Err(RefundRefused::TooMuch { left: 1_000_000 })
    );
}

#[test]
fn what_the_gateway_has_not_finished_is_asked_about_until_it_has() {
    let (link, id) = paid_link(GatewayKind::Mollie);
    let link = seen(&link, &id, vec![refund("re_1", None, 500_000, ShownState::Pending)], 10);
    assert_eq!((states(&link), link.refunded()), (vec![("gateway", 500_000, "pending")], 0));
    let due = link.due_at().unwrap();
    let (leased, work) = link.lease_due(None, due).unwrap();
    let own = link.attempts()[0].refunds[0].id.clone();
    assert_eq!(work, [Work::Refund(id.clone(), own.clone())]);
    assert!(!leased.may_call_refund(&id, &own, &RefundAnswer::Absent, due), "it is not ours to ask for");
    let failed = RefundAnswer::Failed { reference: Some("re_1".to_owned()), code: "no".to_owned() };
    let no = leased.apply_refund_answer(&id, &own, &failed, due).unwrap();
    assert_eq!((states(&no.link), no.correction), (vec![("gateway", 500_000, "failed")], None));
    let yes = leased.apply_refund_answer(&id, &own, &gone("re_1"), due).unwrap();
    assert_eq!((yes.link.refunded(), yes.correction.unwrap().corrected.refunded), (500_000, 500_000));
}

#[test]
fn what_failed_without_our_knowing_of_it_never_was() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    assert_eq!(link.apply_aftermath(&id, &shown(vec![refund("re_1", None, 500_000, failed())]), at(10)), None);
}

#[test]
fn money_that_a_bank_sent_back_is_ours_again_and_no_person_has_said_so() {
    for is_ours in [true, false] {
        let (link, id) = paid_link(GatewayKind::Stripe);
        let link = if is_ours {
            let asked = link.request_refund(&id, asked_by("k", "b", 500_000), at(10)).unwrap();
            let refund = asked.last_refund(&id).unwrap();
            let calling = asked.begin_refund_call(&id, &refund, at(10)).unwrap();
            calling.apply_refund_answer(&id, &refund, &gone("re_1"), at(11)).unwrap().link
        } else {
            seen(&link, &id, vec![refund("re_1", None, 500_000, ShownState::Succeeded)], 11)
        };
        let own = link.last_refund(&id).unwrap();
        let mark = is_ours.then_some(&own);
        let back = shown(vec![refund("re_1", mark, 500_000, failed())]);
        let (next, corrections) = looked_after(&link, &id, &back, at(20));
        let [Correction { receipt, corrected, voided: Some(voided) }] = &corrections[..] else {
            panic!("{corrections:?}")
        };
        assert_eq!(receipt.kind.as_str(), "refund_void");
        assert_eq!((voided.id.clone(), corrected.refunded), (ReceiptId::of_refund(&own), 0));
        let refund = &next.attempts()[0].refunds[0];
        assert_eq!(
            refund.state,
            RefundState::Failed { at: at(20), code: "expired_card".to_owned(), succeeded_at: Some(at(11)) }
        );
        assert_eq!((&refund.resolved_by, next.refunded()), (&None, 0));
        assert_eq!(events_of(&next), ["refund.created", "refund.succeeded", "refund.failed"]);
        assert!(next.outbox().as_slice().iter().any(|one| one.kind == EventType::ReceiptVoided));
        assert_eq!(next.apply_aftermath(&id, &back, at(30)), None);
        assert!(
            next.request_refund(&id, wish(None), at(30)).is_ok_and(|link| link.attempts()[0].refunds[1].amount == PAID)
        );
    }
}

#[test]
fn a_refund_of_ours_that_is_shown_is_not_a_second_one() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, wish(Some(500_000)), at(10)).unwrap();
    let own = asked.last_refund(&id).unwrap();
    let calling = asked.begin_refund_call(&id, &own, at(10)).unwrap();
    let done = seen(&calling, &id, vec![refund("re_1", Some(&own), 500_000, ShownState::Succeeded)], 11);
    assert_eq!((states(&done), done.refunded()), (vec![("requested", 500_000, "succeeded")], 500_000));
    assert_eq!(done.attempts()[0].refunds[0].gateway_reference.as_deref(), Some("re_1"));
    // So is one that a person had to look at.
    let unclear = calling.apply_refund_answer(&id, &own, &RefundAnswer::Unlisted, at(10 + 120)).unwrap().link;
    assert!(unclear.needs_review());
    let done = seen(&unclear, &id, vec![refund("re_1", Some(&own), 500_000, ShownState::Succeeded)], 140);
    assert!(!done.needs_review() && states(&done) == [("requested", 500_000, "succeeded")]);
    // What the gateway has not finished is asked about as before.
    let slow = calling.apply_refund_answer(&id, &own, &taken("re_1"), at(11)).unwrap().link;
    let pending = shown(vec![refund("re_1", Some(&own), 500_000, ShownState::Pending)]);
    assert_eq!(slow.apply_aftermath(&id, &pending, at(12)), None);
}

#[test]
fn a_mark_says_more_than_an_amount_and_one_that_has_none_may_be_the_one_that_is_called_for() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, wish(Some(500_000)), at(10)).unwrap();
    let own = asked.last_refund(&id).unwrap();
    let by_hand = || refund("re_1", None, 500_000, ShownState::Succeeded);
    let both = seen(&asked, &id, vec![by_hand()], 11);
    let expected = [("requested", 500_000, "pending"), ("gateway", 500_000, "succeeded")];
    assert_eq!(states(&both), expected, "nobody has called for ours");
    let calling = asked.begin_refund_call(&id, &own, at(11)).unwrap();
    let one = seen(&calling, &id, vec![by_hand()], 12);
    assert_eq!(states(&one), [("requested", 500_000, "succeeded")]);
    let marked = refund("re_2", Some(&own), 500_000, ShownState::Succeeded);
    // In whatever order both become known, both are there.
    for link in [seen(&one, &id, vec![by_hand(), marked.clone()], 13), seen(&calling, &id, vec![by_hand(), marked], 13)]
    {
        let expected = [("requested", 500_000, "succeeded"), ("gateway", 500_000, "succeeded")];
        assert_eq!((states(&link), link.refunded()), (expected.to_vec(), 1_000_000));
    }
}

#[test]
fn what_a_person_said_to_have_gone_is_not_found_a_second_time_in_the_dashboard() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, wish(Some(500_000)), at(10)).unwrap();
    let own = asked.last_refund(&id).unwrap();
    let calling = asked.begin_refund_call(&id, &own, at(10)).unwrap();
    let unclear = calling.apply_refund_answer(&id, &own, &RefundAnswer::Unlisted, at(10 + 120)).unwrap().link;
    let sara = CreatedBy::parse("sara").unwrap();
    let said = unclear.resolve_refund(&own, RefundResolution::Refunded, Some(&sara), at(140)).unwrap();
    let by_hand = shown(vec![refund("re_1", None, 500_000, ShownState::Succeeded)]);
    assert_eq!(said.apply_aftermath(&id, &by_hand, at(141)), None);
    let written = said.record_refund(&id, &own, at(142)).unwrap().link;
    // It gets the number by which it is known should its bank send it back.
    let (numbered, corrections) = looked_after(&written, &id, &by_hand, at(143));
    assert_eq!((numbered.refunded(), corrections.len()), (500_000, 0));
    assert_eq!(numbered.attempts()[0].refunds[0].gateway_reference.as_deref(), Some("re_1"));
    assert_eq!(numbered.apply_aftermath(&id, &by_hand, at(144)), None);
    // The number by which somebody noted it says the same.
    let noted = link.request_refund(&id, outside(Some(500_000)), at(10)).unwrap();
    let noted = noted.record_refund(&id, &noted.last_refund(&id).unwrap(), at(11)).unwrap().link;
    let listed = shown(vec![refund("T-1", None, 500_000, ShownState::Succeeded)]);
    assert_eq!(noted.apply_aftermath(&id, &listed, at(12)), None);
    let another = seen(&noted, &id, vec![refund("re_1", None, 500_000, ShownState::Succeeded)], 12);
    assert_eq!(another.refunded(), 1_000_000, "money that went otherwise is not at the gateway");
}

#[test]
fn what_a_person_said_not_to_have_gone_is_in_the_books_once_the_gateway_shows_it() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, wish(Some(500_000)), at(10)).unwrap();
    let own = asked.last_refund(&id).unwrap();
    let calling = asked.begin_refund_call(&id, &own, at(10)).unwrap();
    let unclear = calling.apply_refund_answer(&id, &own, &RefundAnswer::Unlisted, at(10 + 120)).unwrap().link;
    let said = unclear.resolve_refund(&own, RefundResolution::NotRefunded, None, at(140)).unwrap();
    let done = seen(&said, &id, vec![refund("re_1", Some(&own), 500_000, ShownState::Succeeded)], 150);
    assert_eq!(states(&done), [("requested", 500_000, "failed"), ("gateway", 500_000, "succeeded")]);
    assert_eq!(done.refunded(), 500_000);
    let failed = shown(vec![refund("re_1", Some(&own), 500_000, failed())]);
    let (back, corrections) = looked_after(&done, &id, &failed, at(160));
    assert_eq!((back.refunded(), corrections.len()), (0, 1));
}

#[test]
fn what_went_is_written_down_also_where_it_is_more_than_was_left() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let noted = link.request_refund(&id, outside(None), at(10)).unwrap();
    let noted = noted.record_refund(&id, &noted.last_refund(&id).unwrap(), at(11)).unwrap().link;
    let link = seen(&noted, &id, vec![refund("re_1", None, PAID, ShownState::Succeeded)], 12);
    assert_eq!((link.refunded(), link.only_receipt().unwrap().refunded), (2 * PAID, 2 * PAID));
    assert_eq!(link.attempts()[0].left_of(&payment(PAID)), 0);
    assert_eq!(link.request_refund(&id, wish(None), at(13)), Err(RefundRefused::NothingLeft));
}

#[test]
fn a_link_has_room_for_a_hundred_refunds_and_says_what_it_leaves_out() {
    let (mut link, id) = paid_link(GatewayKind::Stripe);
    let many = (0..103).map(|number| refund(&format!("re_{number:03}"), None, 1, ShownState::Succeeded)).collect();
    let many = shown(many);
    while let Some(next) = link.apply_aftermath(&id, &many, at(10)) {
        link = next.link;
    }
    assert_eq!((link.refunded(), link.left_out_of(&id, &many)), (100, 3));
    assert!(serde_json::to_string(&link).unwrap().len() < 150_000);
}

fn dispute(reference: &str, amount: i64, state: DisputeState) -> ShownDispute {
    let opened_at = Some(at(9));
    ShownDispute { reference: reference.to_owned(), amount, reason: Some("fraudulent".to_owned()), state, opened_at }
}

fn disputed(link: &PaymentLink, id: &AttemptId, shown: ShownDispute, minute: i64) -> (PaymentLink, Vec<Correction>) {
    let shown = Aftermath { refunds: Vec::new(), disputes: vec![shown], is_whole: true };
    let (next, corrections) = looked_after(link, id, &shown, at(minute));
    assert_eq!(next.apply_aftermath(id, &shown, at(minute + 1)), None, "a second look");
    (next, corrections)
}

fn told(link: &PaymentLink) -> Vec<&'static str> {
    let kinds = link.outbox().as_slice().iter().map(|one| one.kind.as_str());
    kinds.filter(|kind| kind.starts_with("dispute.") || kind.starts_with("re")).skip(1).collect()
}

#[test]
fn a_dispute_holds_its_money_takes_it_once_it_is_lost_and_gives_it_back_once_it_is_won_after_all() {
    let (link, id) = paid_link(GatewayKind::Mollie);
    let respond_by = Some(at(7 * 24 * 60));
    let (open, corrections) = disputed(&link, &id, dispute("du_1", 600_000, DisputeState::Open { respond_by }), 10);
    assert_eq!((corrections, open.refunded(), told(&open)), (vec![], 0, vec!["dispute.opened"]));
    let left = Err(RefundRefused::TooMuch { left: 900_000 });
    assert_eq!(open.request_refund(&id, wish(Some(900_001)), at(11)), left);
    // That somebody answered is no news to anybody.
    let (review, _) = disputed(&open, &id, dispute("du_1", 600_000, DisputeState::Open { respond_by: None }), 20);
    assert_eq!(told(&review), ["dispute.opened"]);
    let (lost, corrections) = disputed(&review, &id, dispute("du_1", 600_000, DisputeState::Lost), 30);
    let [Correction { receipt, corrected, voided: None }] = &corrections[..] else { panic!("{corrections:?}") };
    assert_eq!((receipt.money, receipt.gateway_reference.as_str()), (rial(600_000), "du_1"));
    assert_eq!((corrected.refunded, states(&lost)), (600_000, vec![("dispute", 600_000, "succeeded")]));
    let expected = ["dispute.opened", "dispute.lost", "refund.created", "refund.succeeded", "receipt.registered"];
    assert_eq!(told(&lost), expected);
    assert_eq!(lost.attempts()[0].left_of(&payment(PAID)), 900_000, "it is taken once");
    assert!(!lost.needs_review() && lost.due_at().is_none());
    let (won, corrections) = disputed(&lost, &id, dispute("du_1", 600_000, DisputeState::Won), 40);
    assert_eq!(corrections[0].receipt.kind.as_str(), "refund_void");
    assert_eq!((won.refunded(), won.attempts()[0].left_of(&payment(PAID))), (0, PAID));
    assert_eq!(told(&won)[5..], ["dispute.won", "refund.failed", "receipt.voided"]);
    assert_eq!(won.attempts()[0].disputes[0].seen_at, at(10));
}

#[test]
fn a_dispute_that_is_seen_when_it_is_over_counts_at_once_and_an_open_one_that_is_won_takes_nothing() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let (lost, _) = disputed(&link, &id, dispute("du_1", PAID + 20, DisputeState::Lost), 10);
    assert_eq!((lost.refunded(), lost.attempts()[0].disputes[0].amount), (PAID, PAID + 20), "no more than was paid");
    assert_eq!(lost.request_refund(&id, wish(None), at(11)), Err(RefundRefused::NothingLeft));
    // An appeal leaves the money where it is.
    let (appeal, corrections) =
        disputed(&lost, &id, dispute("du_1", PAID + 20, DisputeState::Open { respond_by: None }), 12);
    assert_eq!((corrections.len(), appeal.refunded()), (0, PAID));
    let (again, corrections) = disputed(&appeal, &id, dispute("du_1", PAID + 20, DisputeState::Lost), 13);
    assert_eq!((corrections.len(), again.refunded()), (0, PAID));
    let (open, _) = disputed(&link, &id, dispute("du_1", PAID, DisputeState::Open { respond_by: None }), 10);
    let (won, corrections) = disputed(&open, &id, dispute("du_1", PAID, DisputeState::Won), 20);
    assert_eq!((corrections.len(), won.refunded(), told(&won)), (0, 0, vec!["dispute.opened", "dispute.won"]));
    assert!(won.request_refund(&id, wish(None), at(21)).is_ok());
    let stored: PaymentLink = serde_json::from_str(&serde_json::to_string(&won).unwrap()).unwrap();
    assert_eq!(stored, won);
}

#[test]
fn a_gateway_that_calls_about_a_kept_payment_is_asked_what_it_shows() {
    for gateway in GatewayKind::ALL {
        let (link, id) = paid_link(gateway);
        let shows = gateway.profile().shows_refunds;
        let expected = if shows { Step::LookAfter } else { Step::Nothing };
        assert_eq!(link.step(&id, Hint::Changed, at(10)), expected);
        for hint in [Hint::Paid, Hint::NotPaid, Hint::Nothing] {
            assert_eq!(link.step(&id, hint, at(10)), Step::Nothing, "the webhook that confirms asks nothing more");
        }
        let dashboard = shown(vec![refund("re_1", None, 1, ShownState::Succeeded)]);
        assert_eq!(link.apply_aftermath(&id, &dashboard, at(10)).is_some(), shows);
    }
    let (link, id) = paid_link(GatewayKind::Stripe);
    let asked = link.request_refund(&id, wish(None), at(10)).unwrap();
    assert_eq!(asked.step(&id, Hint::Changed, at(10)), Step::FindRefund);
    let (open, id) = begun(&link_at(GatewayKind::Stripe, LatePayment::Refund), 1, 1);
    let dashboard = shown(vec![refund("re_1", None, 1, ShownState::Succeeded)]);
    assert_eq!(open.apply_aftermath(&id, &dashboard, at(2)), None, "no link keeps it");
}

#[derive(Clone, Debug)]
enum Act {
    Request(Option<i64>),
    /// A call for ours. The gateway takes it, and the answer is heard or not.
    Call {
        is_heard: bool,
    },
    /// Somebody refunds so much in the dashboard.
    ByHand {
        amount: i64,
        is_pending: bool,
    },
    /// What the gateway has of this place goes on: from pending to done, or to failed, and from done to failed.
    GoesOn {
        index: usize,
        is_good: bool,
    },
    /// A bank decides a dispute, which it opens where there is none of this number.
    Disputes {
        number: usize,
        state: DisputeState,
    },
    /// The schedule asks about all that is under way.
    Ask,
    /// A call of the gateway makes us look at what it shows, from this place on.
    Look {
        from: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let standings = vec![DisputeState::Open { respond_by: None }, DisputeState::Won, DisputeState::Lost];
    // Few amounts, so that they are often the same.
    let amount = prop::sample::select(vec![100_000, 200_000, 300_000]);
    prop_oneof![
        2 => prop::option::weighted(0.9, amount.clone()).prop_map(Act::Request),
        3 => any::<bool>().prop_map(|is_heard| Act::Call { is_heard }),
        3 => (amount, any::<bool>()).prop_map(|(amount, is_pending)| Act::ByHand { amount, is_pending }),
        4 => (0..8_usize, any::<bool>()).prop_map(|(index, is_good)| Act::GoesOn { index, is_good }),
        2 => (0..2_usize, prop::sample::select(standings)).prop_map(|(number, state)| Act::Disputes { number, state }),
        2 => Just(Act::Ask),
        4 => (0..8_usize).prop_map(|from| Act::Look { from }),
    ]
}

/// What a gateway says of a refund of ours that it knows by its number or its mark.
fn answer_about(ours: &Refund, books: &[ShownRefund]) -> RefundAnswer {
    let is_it = |one: &&ShownRefund| match &ours.gateway_reference {
        Some(reference) => one.reference == *reference,
        None => one.refund_id.as_ref() == Some(&ours.id),
    };
    let Some(one) = books.iter().find(is_it) else { return RefundAnswer::Absent };
    let reference = one.reference.clone();
    match &one.state {
        ShownState::Pending => RefundAnswer::Accepted { reference },
        ShownState::Succeeded => RefundAnswer::Succeeded { reference: Some(reference) },
        ShownState::Failed { code } => RefundAnswer::Failed { reference: Some(reference), code: code.clone() },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    /// Whatever we ask for, people do in the dashboard and banks send back, and whenever we look: what the link says to have
    /// gone is what the gateway gave, once somebody has looked. Each of its refunds is one on the link, and each change has
    /// one receipt. The order in which they are shown does not matter.
    #[test]
    fn the_link_says_what_the_gateway_gave(story in prop::collection::vec(act(), 1..40)) {
        let (mut link, id) = paid_link(GatewayKind::Stripe);
        let (mut books, mut minute): (Vec<ShownRefund>, i64) = (Vec::new(), 3);
        let mut disputes: BTreeMap<usize, ShownDispute> = BTreeMap::new();
        let mut receipts: BTreeMap<ReceiptId, i64> = BTreeMap::new();
        for act in story.into_iter().chain([Act::Look { from: 0 }, Act::Ask]) {
            minute += 5;
            let now = at(minute);
            let mut corrections = Vec::new();
            match act {
                Act::Request(amount) => {
                    let request = RequestFingerprint { key: format!("k{minute}"), body: String::new() };
                    let wish = RefundWish { request: Some(request), ..wish(amount) };
                    link = link.request_refund(&id, wish, now).unwrap_or(link);
                }
                Act::Call { is_heard } => {
                    let is_next = |refund: &&Refund| {
                        link.may_call_refund(&id, &refund.id, &answer_about(refund, &books), now)
                    };
                    let next = link.attempts()[0].refunds_to_look_at().find(is_next).cloned();
                    let Some(refund) = next else { continue };
                    link = link.begin_refund_call(&id, &refund.id, now).unwrap();
                    let reference = format!("re_{}", books.len());
                    books.push(self::refund(&reference, Some(&refund.id), refund.amount, ShownState::Pending));
                    if is_heard {
                        link = link.apply_refund_answer(&id, &refund.id, &taken(&reference), now).unwrap().link;
                    }
                }
                Act::ByHand { amount, is_pending } => {
                    let state = if is_pending { ShownState::Pending } else { ShownState::Succeeded };
                    books.push(self::refund(&format!("re_{}", books.len()), None, amount, state));
                }
                Act::GoesOn { index, is_good } => {
                    let Some(one) = books.get_mut(index) else { continue };
                    one.state = match one.state {
                        ShownState::Pending if is_good => ShownState::Succeeded,
                        ShownState::Pending | ShownState::Succeeded | ShownState::Failed { .. } => failed(),
                    };
                }
                Act::Disputes { number, state } => {
                    let amount = if number == 0 { 700_000 } else { PAID };
                    disputes.insert(number, dispute(&format!("du_{number}"), amount, state));
                }
                Act::Ask => {
                    for refund in link.attempts()[0].refunds.clone() {
                        let answer = answer_about(&refund, &books);
                        if let Some(next) = link.apply_refund_answer(&id, &refund.id, &answer, now) {
                            corrections.extend(next.correction);
                            link = next.link;
                        }
                    }
                }
                Act::Look { from } => {
                    let mut turned = books.clone();
                    turned.rotate_left(from.min(books.len()));
                    let turned = Aftermath { disputes: disputes.values().rev().cloned().collect(), ..shown(turned) };
                    let as_is = Aftermath { disputes: disputes.values().cloned().collect(), ..shown(books.clone()) };
                    let (next, written) = looked_after(&link, &id, &as_is, now);
                    prop_assert_eq!(&looked_after(&link, &id, &turned, now).0, &next, "in whatever order");
                    prop_assert_eq!(next.apply_aftermath(&id, &turned, now), None, "a second look");
                    (link, corrections) = (next, written);
                    let gave = books.iter().filter(|one| one.state == ShownState::Succeeded);
                    let gave: i64 = gave.map(|one| one.amount).sum();
                    let taken = |one: &&ShownDispute| one.state == DisputeState::Lost;
                    // What was lost stays so while it is appealed.
                    let appealed = link.attempts()[0].disputes.iter().filter(|one| one.is_open());
                    let appealed = appealed.filter_map(|one| link.attempts()[0].taken_by(one)).map(|refund| refund.amount);
                    let taken: i64 = disputes.values().filter(taken).map(|one| one.amount).sum::<i64>() + appealed.sum::<i64>();
                    prop_assert_eq!(link.refunded(), gave + taken, "{:?} {:?}", books, disputes);
                }
            }
            for Correction { receipt, corrected, .. } in corrections {
                let amount = receipt.money.minor_units();
                let is_void = matches!(receipt.kind, ReceiptKind::RefundVoid { .. });
                let is_known = receipts.insert(receipt.id, if is_void { -amount } else { amount }).is_some();
                prop_assert!(!is_known, "it was written before");
                prop_assert_eq!(corrected.refunded, receipts.values().sum::<i64>());
            }
            prop_assert_eq!(link.refunded(), receipts.values().sum::<i64>());
            let written = link.receipts().into_iter().filter(|one| one.kind != ReceiptKind::Payment);
            prop_assert_eq!(written.map(|one| one.id).collect::<std::collections::BTreeSet<_>>(), receipts.keys().cloned().collect());
            let mut references = std::collections::BTreeSet::new();
            let known = link.attempts()[0].refunds.iter().filter(|refund| refund.undone_at().is_none());
            let known = known.filter_map(|refund| refund.gateway_reference.clone());
            prop_assert!(known.into_iter().all(|reference| references.insert(reference)), "one of theirs is two of ours");
            let stored: PaymentLink = serde_json::from_str(&serde_json::to_string(&link).unwrap()).unwrap();
            prop_assert_eq!(&stored, &link);
        }
    }
}

fn misses(link: &PaymentLink, reference: &str, state: ListedState) -> bool {
    let payment = link.attempts()[0].looked_after().map_or_else(String::new, |payment| payment.reference.clone());
    link.attempts()[0].misses(&ListedChange { payment, reference: reference.to_owned(), state })
}

#[test]
fn a_list_makes_nobody_ask_about_what_a_link_knows() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let refund_is = |link: &PaymentLink, state: ShownState| misses(link, "re_1", ListedState::Refund(state));
    assert!(refund_is(&link, ShownState::Pending) && refund_is(&link, ShownState::Succeeded));
    assert!(!refund_is(&link, failed()), "nothing went, and nothing will");
    let waiting = seen(&link, &id, vec![refund("re_1", None, 500_000, ShownState::Pending)], 10);
    for state in [ShownState::Pending, ShownState::Succeeded, failed()] {
        assert!(!refund_is(&waiting, state.clone()), "what is under way is asked about anyhow: {state:?}");
    }
    let gone = seen(&link, &id, vec![refund("re_1", None, 500_000, ShownState::Succeeded)], 10);
    assert!(!refund_is(&gone, ShownState::Succeeded) && refund_is(&gone, failed()));
    let back = seen(&gone, &id, vec![refund("re_1", None, 500_000, failed())], 20);
    assert!(!refund_is(&back, failed()));

    let dispute_is = |link: &PaymentLink, state: DisputeState| misses(link, "du_1", ListedState::Dispute(state));
    let open = DisputeState::Open { respond_by: Some(at(500)) };
    assert!(dispute_is(&link, open));
    let disputed = looked_after(
        &link,
        &id,
        &Aftermath { disputes: vec![dispute("du_1", 500_000, open)], ..shown(Vec::new()) },
        at(10),
    );
    assert!(!dispute_is(&disputed.0, open));
    for other in [DisputeState::Won, DisputeState::Lost, DisputeState::Open { respond_by: None }] {
        assert!(dispute_is(&disputed.0, other), "{other:?}");
    }
}

#[test]
fn a_list_makes_nobody_ask_about_what_no_link_keeps_or_no_gateway_shows() {
    let (link, _) = paid_link(GatewayKind::Zarinpal);
    assert!(!misses(&link, "re_1", ListedState::Refund(ShownState::Succeeded)));
    assert!(!misses(&link, "du_1", ListedState::Dispute(DisputeState::Lost)));
}

#[test]
fn what_a_person_said_went_gets_the_number_that_is_shown_and_nothing_else_happens() {
    let (link, id) = paid_link(GatewayKind::Stripe);
    let mut value =
        serde_json::to_value(seen(&link, &id, vec![refund("re_1", None, 500_000, ShownState::Succeeded)], 10));
    let refunds = value.as_mut().unwrap().pointer_mut("/attempts/0/refunds/0").unwrap();
    refunds.as_object_mut().unwrap().remove("gateway_reference");
    let link: PaymentLink = serde_json::from_value(value.unwrap()).unwrap();
    let events = events_of(&link);
    let dashboard = shown(vec![refund("re_7", None, 500_000, ShownState::Succeeded)]);
    let (numbered, corrections) = looked_after(&link, &id, &dashboard, at(20));
    assert_eq!(numbered.attempts()[0].refunds[0].gateway_reference.as_deref(), Some("re_7"));
    assert!(corrections.is_empty() && events_of(&numbered) == events, "{corrections:?}");
    assert_eq!((numbered.version, numbered.refunded()), (link.version + 1, 500_000));
    let (back, corrections) =
        looked_after(&numbered, &id, &shown(vec![refund("re_7", None, 500_000, failed())]), at(30));
    assert_eq!((back.refunded(), corrections.len()), (0, 1), "its bank sent it back");
}

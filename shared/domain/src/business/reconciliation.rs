//! Closing the books of an account's days: what we have of them, held against what somebody else has, a gateway or a bank.
//!
//! Both sides name a movement of money by the gateway's reference. A movement counts on its own day: ours on the day on
//! which books have it, theirs on the day that they say. Clocks differ, and a refund is carried out days after it was asked
//! for, so what lies outside the days is looked through too: it is never reported by itself, but it keeps what it belongs to
//! from being called missing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::totals::{Received, Sum};
use crate::gateway::GatewayKind;
use crate::ids::ReceiptId;
use crate::link::{Receipt, ReceiptKindName, TimeRange};
use crate::text::to_ascii_digits;

/// One movement of money as one side has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: ReceiptKindName,
    /// The gateway's number of the payment or of the refund, as the side writes it.
    pub reference: String,
    /// What arrived or what went back, more than nothing, in the currency's minor unit.
    pub amount: i64,
    /// What the gateway kept of it, in the same unit, where the side knows.
    pub fee: Option<i64>,
    /// The instant by whose day it counts.
    pub at: Timestamp,
}

/// What we have: a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub entry: Entry,
    /// The reference of the payment that a refund is of, where it is known.
    pub payment: Option<String>,
    pub receipt: Receipt,
}

/// What the other side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    pub entry: Entry,
    /// The reference of the payment that a refund is of, where they say it.
    pub payment: Option<String>,
    /// The line of their list, counted from one, where they gave a list.
    pub line: Option<u64>,
}

/// A movement that both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub ours: Ours,
    pub theirs: Theirs,
}

/// In what the two sides of a pair differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    Amount,
    Fee,
}

impl Difference {
    pub const ALL: [Self; 2] = [Self::Amount, Self::Fee];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Fee => "fee",
        }
    }
}

/// Why something of ours was held against nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCompared {
    /// It is void, or records that something is: the money never came, or did not go back.
    Void,
    /// The money came or went back by other means than the gateway, and the other side has nothing of it, as may be.
    ByOtherMeans,
    /// It was paid at another gateway than the account has now.
    AtAnotherGateway,
    /// It was begun before everything of theirs that was read.
    BegunEarlier,
    /// A bank took it after a dispute, which is no refund of the gateway's.
    ByDispute,
}

impl NotCompared {
    pub const ALL: [Self; 5] =
        [Self::Void, Self::ByOtherMeans, Self::AtAnotherGateway, Self::BegunEarlier, Self::ByDispute];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::ByOtherMeans => "by_other_means",
            Self::AtAnotherGateway => "at_another_gateway",
            Self::BegunEarlier => "begun_earlier",
            Self::ByDispute => "by_dispute",
        }
    }
}

/// How what a receipt records began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When the gateway first heard of it.
    pub at: Timestamp,
    /// Whether a bank took it after a dispute.
    pub is_of_dispute: bool,
}

/// What became of holding both sides against each other. Every movement of the days is in one place: among what matched, or
/// in one of the lists, each of which has its oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// Everything of ours on these days.
    pub ours: Received,
    /// Everything of theirs.
    pub theirs: Received,
    /// What both have on these days alike, as we have it.
    pub matched: Received,
    /// What both have and not alike, where one of them has it on these days.
    pub differing: Vec<Pair>,
    /// What both have alike, and one of them on these days and the other outside of them.
    pub on_another_day: Vec<Pair>,
    pub only_ours: Vec<Ours>,
    pub only_theirs: Vec<Theirs>,
    pub not_compared: Vec<(Ours, NotCompared)>,
}

impl Ours {
    /// A receipt. `payment` is the reference of the payment that a receipt of a refund corrects.
    pub fn new(receipt: Receipt, payment: Option<String>) -> Self {
        let entry = Entry {
            kind: receipt.kind.name(),
            reference: receipt.gateway_reference.clone(),
            amount: receipt.money.minor_units(),
            fee: receipt.fee.map(|fee| fee.amount),
            at: receipt.booked_at(),
        };
        Self { entry, payment, receipt }
    }

    /// Why no list can have it, or none of this gateway.
    fn is_not_in(&self, gateway: Option<GatewayKind>) -> Option<NotCompared> {
        let is_void = match self.entry.kind {
            ReceiptKindName::Payment | ReceiptKindName::Refund => self.receipt.voided_at.is_some(),
            ReceiptKindName::PaymentVoid | ReceiptKindName::RefundVoid => true,
        };
        if is_void {
            return Some(NotCompared::Void);
        }
        let is_elsewhere = gateway.zip(self.receipt.by_gateway()).is_some_and(|(theirs, by)| by != theirs);
        is_elsewhere.then_some(NotCompared::AtAnotherGateway)
    }

    /// Whether a person wrote it down. The other side can have it, such as what was done in a gateway's dashboard and noted
    /// under its number, and need not.
    fn is_by_other_means(&self) -> bool {
        self.receipt.by_gateway().is_none()
    }
}

impl Pair {
    /// In what its sides differ. A fee that one of them does not know is no difference.
    pub fn differences(&self) -> Vec<Difference> {
        differences(&self.ours.entry, &self.theirs.entry)
    }
}

fn differences(ours: &Entry, theirs: &Entry) -> Vec<Difference> {
    let other_fee = ours.fee.zip(theirs.fee).is_some_and(|(ours, theirs)| ours != theirs);
    let all = [(ours.amount != theirs.amount, Difference::Amount), (other_fee, Difference::Fee)];
    all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, difference)| difference).collect()
}

/// A reference as it is compared: with the digits of ASCII, and without the blanks and invisible marks around it that
/// spreadsheets leave there. Case counts and so do leading zeros, because two references may differ in nothing else.
pub fn compared(reference: &str) -> String {
    let is_around = |c: char| {
        c.is_whitespace()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    to_ascii_digits(reference.trim_matches(is_around))
}

/// Counts a movement.
fn add(sums: &mut Received, entry: &Entry) {
    let sum = |amount: i64| Sum { count: 1, amount: i128::from(amount) };
    match entry.kind {
        ReceiptKindName::Payment => sums.gross += sum(entry.amount),
        ReceiptKindName::Refund => sums.refunded += sum(entry.amount),
        ReceiptKindName::PaymentVoid => sums.voided += sum(-entry.amount),
        ReceiptKindName::RefundVoid => sums.voided += sum(entry.amount),
    }
    if let Some(fee) = entry.fee {
        sums.fees += sum(fee);
    }
}

/// Whether two entries of one name, ours and theirs, are alike enough.
type Likeness = fn(&Entry, &Entry) -> bool;

/// What is left of two sides while they are paired.
struct Left {
    ours: Vec<Option<Ours>>,
    theirs: Vec<Option<Theirs>>,
    pairs: Vec<Pair>,
}

impl Left {
    /// Pairs what has the same name by these: first what is alike in all that both know, then whatever is left, each in the
    /// order of time. So a reference that is listed twice on one side is paired once, and with the entry that it fits.
    fn pair_by(&mut self, ours_by: impl Fn(&Ours) -> Option<String>, theirs_by: impl Fn(&Theirs) -> Option<String>) {
        let likenesses: [Likeness; 4] = [
            |ours, theirs| ours.amount == theirs.amount && ours.fee == theirs.fee,
            |ours, theirs| differences(ours, theirs).is_empty(),
            |ours, theirs| ours.amount == theirs.amount,
            |_, _| true,
        ];
        let mut waiting: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, ours) in self.ours.iter().enumerate() {
            if let Some(name) = ours.as_ref().and_then(&ours_by) {
                waiting.entry(name).or_default().push(at);
            }
        }
        for is_alike in likenesses {
            for slot in &mut self.theirs {
                let Some((theirs, name)) = slot.as_ref().and_then(|theirs| Some((theirs, theirs_by(theirs)?))) else {
                    continue;
                };
                let Some(of_name) = waiting.get_mut(&name) else { continue };
                let fits = |at: &usize| {
                    self.ours.get(*at).and_then(Option::as_ref).is_some_and(|ours| is_alike(&ours.entry, &theirs.entry))
                };
                let Some(ours) = of_name.iter().position(fits).map(|first| of_name.remove(first)) else { continue };
                let ours = self.ours.get_mut(ours).and_then(Option::take);
                if let Some((ours, theirs)) = ours.zip(slot.take()) {
                    self.pairs.push(Pair { ours, theirs });
                }
            }
        }
    }
}

/// Holds both sides against each other. What lies outside the days is there to be found and counts nowhere by itself.
/// `gateway` is whose list theirs is; where it is somebody else's, all of ours is looked for in it.
pub fn reconcile(
    mut ours: Vec<Ours>,
    mut theirs: Vec<Theirs>,
    days: TimeRange,
    gateway: Option<GatewayKind>,
) -> Reconciliation {
    ours.sort_by_key(|one| (one.entry.at, one.receipt.id.clone()));
    // Two entries of theirs that are of one instant and have no line are put in order by what they say, so that it does not
    // matter in which order they came.
    theirs.sort_by(|one, other| {
        let key = |one: &Theirs| (one.entry.at, one.line, one.entry.kind.as_str(), one.entry.amount, one.entry.fee);
        let texts = |one: &Theirs| (one.entry.reference.clone(), one.payment.clone());
        key(one).cmp(&key(other)).then_with(|| texts(one).cmp(&texts(other)))
    });
    let mut found = Reconciliation::default();
    ours.iter().filter(|one| days.contains(one.entry.at)).for_each(|one| add(&mut found.ours, &one.entry));
    theirs.iter().filter(|one| days.contains(one.entry.at)).for_each(|one| add(&mut found.theirs, &one.entry));
    let why = |one: &Ours| one.is_not_in(gateway);
    let (apart, ours): (Vec<Ours>, Vec<Ours>) = ours.into_iter().partition(|one| why(one).is_some());
    let apart = apart.into_iter().filter(|one| days.contains(one.entry.at));
    found.not_compared = apart.filter_map(|one| Some((why(&one)?, one))).map(|(why, one)| (one, why)).collect();
    let mut left = Left {
        ours: ours.into_iter().map(Some).collect(),
        theirs: theirs.into_iter().map(Some).collect(),
        pairs: Vec::new(),
    };
    let name = |kind: ReceiptKindName, reference: &str| Some(format!("{} {}", kind.as_str(), compared(reference)));
    left.pair_by(
        |ours| name(ours.entry.kind, &ours.entry.reference),
        |theirs| name(theirs.entry.kind, &theirs.entry.reference),
    );
    // A refund can stand under its payment's reference on either side: some gateways give it none of its own. Two references
    // of refunds are never taken for one, whatever they are refunds of.
    // What a person noted of a gateway's payment is known by its own number alone.
    let may_be_theirs = |ours: &Ours| gateway.is_none() || !ours.is_by_other_means();
    let of_refund = |kind: ReceiptKindName, reference: Option<&String>| {
        reference.filter(|_| kind == ReceiptKindName::Refund).map(|reference| compared(reference))
    };
    left.pair_by(
        |ours| of_refund(ours.entry.kind, ours.payment.as_ref()).filter(|_| may_be_theirs(ours)),
        |theirs| of_refund(theirs.entry.kind, Some(&theirs.entry.reference)),
    );
    left.pair_by(
        |ours| of_refund(ours.entry.kind, Some(&ours.entry.reference)).filter(|_| may_be_theirs(ours)),
        |theirs| of_refund(theirs.entry.kind, theirs.payment.as_ref()),
    );
    for pair in left.pairs {
        let is_of_days = (days.contains(pair.ours.entry.at), days.contains(pair.theirs.entry.at));
        match (is_of_days, pair.differences().is_empty()) {
            ((false, false), _) => {}
            ((true, _) | (_, true), false) => found.differing.push(pair),
            ((true, true), true) => add(&mut found.matched, &pair.ours.entry),
            ((true, false) | (false, true), true) => found.on_another_day.push(pair),
        }
    }
    let when = |pair: &Pair| (pair.ours.entry.at.min(pair.theirs.entry.at), pair.ours.receipt.id.clone());
    found.differing.sort_by_key(when);
    found.on_another_day.sort_by_key(when);
    let alone = left.ours.into_iter().flatten().filter(|one| days.contains(one.entry.at));
    let (noted, only): (Vec<Ours>, Vec<Ours>) = alone.partition(Ours::is_by_other_means);
    found.only_ours = only;
    found.not_compared.extend(noted.into_iter().map(|one| (one, NotCompared::ByOtherMeans)));
    found.not_compared.sort_by_key(|(one, _)| (one.entry.at, one.receipt.id.clone()));
    found.only_theirs = left.theirs.into_iter().flatten().filter(|one| days.contains(one.entry.at)).collect();
    found
}

impl Reconciliation {
    /// Whether both sides have the same, as far as the other side can have it. A day that differs is none.
    pub fn agrees(&self) -> bool {
        let is_open = |(_, why): &(Ours, NotCompared)| match why {
            NotCompared::Void | NotCompared::ByOtherMeans | NotCompared::ByDispute => false,
            NotCompared::AtAnotherGateway | NotCompared::BegunEarlier => true,
        };
        self.differing.is_empty()
            && self.only_ours.is_empty()
            && self.only_theirs.is_empty()
            && !self.not_compared.iter().any(is_open)
    }

    /// Sets apart what only we have and what a bank took, or what was begun before everything of theirs that was read: they may
    /// have it on a day before that, and nobody looked. `begun` says how it began, by the receipt.
    pub fn set_apart(&mut self, begun: &BTreeMap<ReceiptId, Begun>, read_from: Timestamp) {
        for one in std::mem::take(&mut self.only_ours) {
            let how = begun.get(&one.receipt.id);
            let begun_at = how.map_or(one.entry.at, |how| how.at);
            let is_earlier = begun_at.min(one.receipt.gateway_paid_at.unwrap_or(begun_at)) < read_from;
            if how.is_some_and(|how| how.is_of_dispute) {
                self.not_compared.push((one, NotCompared::ByDispute));
            } else if is_earlier {
                self.not_compared.push((one, NotCompared::BegunEarlier));
            } else {
                self.only_ours.push(one);
            }
        }
        self.not_compared.sort_by_key(|(one, _)| (one.entry.at, one.receipt.id.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::SignedDuration;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::ids::RefundId;

    const DAY: i64 = 24 * 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_910_400 + second).unwrap()
    }

    /// The second of three days.
    fn days() -> TimeRange {
        TimeRange::between(at(DAY), at(2 * DAY))
    }

    fn receipt(number: usize, reference: &str, more: &Value) -> Receipt {
        let mut receipt = json!({
            "id": ReceiptId::of_refund(&RefundId::parse(&format!("rf_2222222222222222222222_{}", number + 1)).unwrap()),
            "kind": "payment", "link_id": "pl_2222222222222222222222", "attempt_id": "at_2222222222222222222222",
            "mode": "live", "account_id": "main", "contact_id": "c-1", "amount": 1_000, "currency": "IRR",
            "gateway": "stripe", "gateway_reference": reference, "paid_at": at(DAY), "registered_at": at(10 * DAY),
        });
        receipt.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(receipt).unwrap()
    }

    fn refund_of(payment: &str) -> Value {
        json!({ "kind": "refund", "refund_id": "rf_2222222222222222222222_1",
                "corrects": "rc_2222222222222222222222", "payment": payment })
    }

    fn ours(number: usize, reference: &str, amount: i64, second: i64, more: Value) -> Ours {
        let mut fields = json!({ "amount": amount, "paid_at": at(second) });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let payment = more["payment"].as_str().map(str::to_owned);
        Ours::new(receipt(number, reference, &fields), payment)
    }

    fn payment(reference: &str, amount: i64, second: i64) -> Ours {
        ours(0, reference, amount, second, json!({}))
    }

    fn listed(kind: ReceiptKindName, reference: &str, amount: i64, second: i64) -> Theirs {
        let entry = Entry { kind, reference: reference.to_owned(), amount, fee: None, at: at(second) };
        Theirs { entry, payment: None, line: None }
    }

    fn paid(reference: &str, amount: i64, second: i64) -> Theirs {
        listed(ReceiptKindName::Payment, reference, amount, second)
    }

    fn returned(reference: &str, amount: i64, second: i64) -> Theirs {
        listed(ReceiptKindName::Refund, reference, amount, second)
    }

    fn held(ours: &[Ours], theirs: &[Theirs]) -> Reconciliation {
        reconcile(ours.to_vec(), theirs.to_vec(), days(), None)
    }

    fn sum(count: u64, amount: i128) -> Sum {
        Sum { count, amount }
    }

    #[test]
    fn what_both_have_alike_matches_however_its_reference_is_written() {
        let one = held(&[payment("0012", 1_000, DAY)], &[paid(" \u{feff}۰۰۱۲\u{200f} ", 1_000, DAY)]);
        assert!(one.agrees() && one.matched == one.ours && one.ours == one.theirs, "{one:?}");
        assert_eq!(one.matched.gross, sum(1, 1_000));
        for other in ["12", "00120", "00 12"] {
            let two = held(&[payment("0012", 1_000, DAY)], &[paid(other, 1_000, DAY)]);
            assert_eq!((two.only_ours.len(), two.only_theirs.len()), (1, 1), "{other} may be another payment");
        }
        let case = held(&[payment("tr_a", 1_000, DAY)], &[paid("tr_A", 1_000, DAY)]);
        assert!(!case.agrees());
    }

    #[test]
    fn an_amount_or_a_fee_that_differs_is_named_and_a_fee_that_nobody_told_is_none() {
        let with_fee = |fee: i64| ours(0, "1", 1_000, DAY, json!({ "fee": { "amount": fee, "payer": null } }));
        let theirs = |fee: Option<i64>, amount: i64| {
            let mut theirs = paid("1", amount, DAY);
            theirs.entry.fee = fee;
            [theirs]
        };
        let differences = |found: &Reconciliation| found.differing.iter().map(Pair::differences).collect::<Vec<_>>();
        assert_eq!(differences(&held(&[with_fee(5)], &theirs(Some(7), 900))), [[Difference::Amount, Difference::Fee]]);
        assert_eq!(differences(&held(&[with_fee(5)], &theirs(Some(7), 1_000))), [[Difference::Fee]]);
        assert!(held(&[with_fee(5)], &theirs(None, 1_000)).agrees());
        assert!(held(&[payment("1", 1_000, DAY)], &theirs(Some(5), 1_000)).agrees());
    }

    #[test]
    fn a_reference_that_is_listed_twice_is_paired_once_and_with_the_entry_that_it_fits() {
        let found = held(&[payment("1", 1_000, DAY)], &[paid("1", 900, DAY), paid("1", 1_000, DAY + 1)]);
        assert_eq!(found.matched.gross, sum(1, 1_000));
        let left: Vec<i64> = found.only_theirs.iter().map(|one| one.entry.amount).collect();
        assert_eq!((left, found.differing.len()), (vec![900], 0));
    }

    #[test]
    fn what_one_clock_has_before_midnight_and_the_other_after_it_is_missing_nowhere() {
        let (late, early) = (2 * DAY - 60, 2 * DAY + 120);
        let found = held(&[payment("1", 1_000, late)], &[paid("1", 1_000, early)]);
        assert!(found.agrees() && found.on_another_day.len() == 1, "{found:?}");
        assert_eq!((found.ours.gross, found.theirs.gross), (sum(1, 1_000), sum(0, 0)));
        let next = held(&[payment("1", 1_000, early)], &[paid("1", 1_000, late)]);
        assert!(next.agrees() && next.on_another_day.len() == 1);
        let outside = held(&[payment("1", 1_000, early)], &[paid("1", 900, early)]);
        assert_eq!(outside, Reconciliation::default(), "what is of other days alone is reported on those");
    }

    #[test]
    fn a_refund_is_found_under_its_own_reference_or_under_that_of_its_payment() {
        let refund = || ours(0, "re_1", 400, DAY, refund_of("pi_1"));
        let both = |more: Theirs| held(&[payment("pi_1", 1_000, DAY), refund()], &[paid("pi_1", 1_000, DAY), more]);
        for theirs in [returned("re_1", 400, DAY), returned("pi_1", 400, DAY)] {
            assert!(both(theirs).agrees());
        }
        let mut theirs = returned("re_9", 400, DAY);
        theirs.payment = Some("pi_1".to_owned());
        let nameless = ours(0, "pi_1", 400, DAY, refund_of("pi_1"));
        assert!(held(&[nameless], std::slice::from_ref(&theirs)).agrees());
        for another in [theirs, returned("re_2", 400, DAY)] {
            let found = both(another);
            assert_eq!((found.only_ours.len(), found.only_theirs.len()), (1, 1), "somebody gave as much back again");
        }
        // A payment and a refund of it are never taken for each other.
        let swapped = held(&[payment("pi_1", 1_000, DAY)], &[returned("pi_1", 1_000, DAY)]);
        assert_eq!((swapped.only_ours.len(), swapped.only_theirs.len()), (1, 1));
    }

    #[test]
    fn of_two_entries_under_one_reference_the_one_that_fits_best_is_taken_whichever_is_listed_first() {
        let mine = ours(0, "1", 1_000, DAY, json!({ "fee": { "amount": 7, "payer": null } }));
        let theirs = |fee: Option<i64>, second: i64| {
            let mut theirs = paid("1", 1_000, second);
            theirs.entry.fee = fee;
            theirs
        };
        let fits_best = [[theirs(Some(7), DAY), theirs(Some(8), DAY)], [theirs(None, DAY), theirs(Some(8), DAY)]];
        for [best, other] in fits_best {
            let mut later = best.clone();
            later.entry.at = at(DAY + 60);
            for listed in [[best.clone(), other.clone()], [other.clone(), best.clone()], [other.clone(), later.clone()]]
            {
                let found = held(std::slice::from_ref(&mine), &listed);
                assert_eq!(found.matched.gross, sum(1, 1_000), "{found:?}");
                assert_eq!(found.only_theirs, std::slice::from_ref(&other));
            }
        }
    }

    #[test]
    fn what_the_gateway_cannot_have_is_held_against_nothing() {
        let outside = ours(0, "cash", 400, DAY, {
            let mut outside = refund_of("pi_1");
            outside["is_outside"] = json!(true);
            outside
        });
        let elsewhere = ours(1, "tr_1", 1_000, DAY, json!({ "gateway": "mollie" }));
        let found = reconcile(vec![outside.clone(), elsewhere], Vec::new(), days(), Some(GatewayKind::Stripe));
        let why: Vec<NotCompared> = found.not_compared.iter().map(|(_, why)| *why).collect();
        assert_eq!(why.len(), 2);
        assert!(why.contains(&NotCompared::ByOtherMeans) && why.contains(&NotCompared::AtAnotherGateway));
        assert!(found.only_ours.is_empty() && !found.agrees());
        // A bank statement can have it, and so can a gateway, where it was done there and noted under its number.
        for theirs in [None, Some(GatewayKind::Stripe)] {
            let found = reconcile(vec![outside.clone()], vec![returned("cash", 400, DAY)], days(), theirs);
            assert!(found.agrees() && found.matched.refunded.count == 1, "{found:?}");
            let found = reconcile(vec![outside.clone()], vec![returned("re_2", 400, DAY)], days(), theirs);
            assert_eq!((found.only_theirs.len(), found.not_compared.len(), found.agrees()), (1, 1, false));
        }
    }

    #[test]
    fn what_was_begun_before_anything_that_was_read_is_not_called_missing() {
        let mut found = held(&[payment("1", 1_000, DAY), ours(1, "2", 5, DAY, json!({}))], &[]);
        assert_eq!(found.only_ours.len(), 2);
        let begun =
            BTreeMap::from([(found.only_ours[0].receipt.id.clone(), Begun { at: at(0), is_of_dispute: false })]);
        found.set_apart(&begun, at(1));
        assert_eq!(found.only_ours.len(), 1);
        assert_eq!(found.not_compared.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [NotCompared::BegunEarlier]);
    }

    #[test]
    fn what_a_bank_took_is_in_no_list_of_refunds_and_keeps_no_day_from_agreeing() {
        let mut found = held(&[ours(0, "du_1", 400, DAY, refund_of("pay1"))], &[]);
        assert!(!found.agrees() && found.only_ours.len() == 1);
        let begun =
            BTreeMap::from([(found.only_ours[0].receipt.id.clone(), Begun { at: at(DAY), is_of_dispute: true })]);
        found.set_apart(&begun, at(0));
        assert!(found.agrees() && found.only_ours.is_empty());
        assert_eq!(found.not_compared.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [NotCompared::ByDispute]);
    }

    /// Few references, amounts and moments, so that they meet.
    fn entries() -> impl Strategy<Value = Vec<(bool, u8, i64, i64, Option<i64>)>> {
        let second = (0_i64..3 * DAY).prop_map(|second| second / 3_600 * 3_600);
        let entry = (any::<bool>(), 0_u8..6, 1_i64..4, second, proptest::option::of(0_i64..2));
        proptest::collection::vec(entry, 0..12)
    }

    fn sides(
        mine: &[(bool, u8, i64, i64, Option<i64>)],
        other: &[(bool, u8, i64, i64, Option<i64>)],
    ) -> (Vec<Ours>, Vec<Theirs>) {
        let made = mine.iter().enumerate().map(|(number, (is_refund, name, amount, second, fee))| {
            let mut more = if *is_refund { refund_of(&format!("pay{}", name % 3)) } else { json!({}) };
            more["fee"] = fee.map_or(Value::Null, |fee| json!({ "amount": fee, "payer": null }));
            ours(number, &format!("r{name}"), *amount, *second, more)
        });
        let listed = other.iter().map(|(is_refund, name, amount, second, fee)| {
            let kind = if *is_refund { ReceiptKindName::Refund } else { ReceiptKindName::Payment };
            let mut one = listed(kind, &format!("r{name}"), *amount, *second);
            one.entry.fee = *fee;
            one
        });
        (made.collect(), listed.collect())
    }

    /// What a side has of these days, as money: what arrived less what went back.
    fn worth<'a>(entries: impl Iterator<Item = &'a Entry>) -> i128 {
        let signed = |entry: &Entry| {
            let amount = i128::from(entry.amount);
            if entry.kind.adds() { amount } else { -amount }
        };
        entries.filter(|entry| days().contains(entry.at)).map(signed).sum()
    }

    #[test]
    fn what_is_void_and_what_came_by_other_means_is_held_against_nothing() {
        let cash = json!({ "received_by": "cash", "voided_at": at(DAY + 60) });
        let payment = ours(1, "S-1", 1_000, DAY + 1, cash);
        let voids = json!({ "kind": "payment_void", "voids": payment.receipt.id, "received_by": "cash" });
        let record = ours(2, "S-1", 1_000, DAY + 60, voids);
        let cheque = ours(3, "S-2", 500, DAY + 2, json!({ "received_by": "cheque" }));
        for gateway in [Some(GatewayKind::Stripe), None] {
            let all = vec![payment.clone(), record.clone(), cheque.clone()];
            let found = reconcile(all, Vec::new(), days(), gateway);
            let why: Vec<NotCompared> = found.not_compared.iter().map(|(_, why)| *why).collect();
            assert_eq!(why.len(), 3, "{found:?}");
            assert_eq!(why.iter().filter(|why| **why == NotCompared::Void).count(), 2);
            assert!(found.only_ours.is_empty() && found.agrees());
            assert_eq!((found.ours.gross.amount, found.ours.voided.amount), (1_500, -1_000));
            assert_eq!(found.ours.net().amount, 500);
        }
    }

    proptest! {
        #[test]
        fn every_movement_of_the_days_is_in_one_place(mine in entries(), other in entries()) {
            let (ours, theirs) = sides(&mine, &other);
            let found = held(&ours, &theirs);
            let pairs = || found.differing.iter().chain(&found.on_another_day);
            let of_days = |entry: &Entry| days().contains(entry.at);
            let matched = usize::try_from(found.matched.gross.count + found.matched.refunded.count).unwrap();
            let count = |sums: &Received| usize::try_from(sums.gross.count + sums.refunded.count).unwrap();
            let paired = |side: fn(&Pair) -> &Entry| pairs().map(side).filter(|entry| of_days(entry)).count();
            let alone = (found.only_ours.len(), found.only_theirs.len());
            prop_assert_eq!(count(&found.ours), matched + paired(|pair| &pair.ours.entry) + alone.0);
            prop_assert_eq!(count(&found.theirs), matched + paired(|pair| &pair.theirs.entry) + alone.1);
            let named: Vec<&ReceiptId> = pairs()
                .map(|pair| &pair.ours.receipt.id)
                .chain(found.only_ours.iter().map(|one| &one.receipt.id))
                .collect();
            let once: BTreeSet<&ReceiptId> = named.iter().copied().collect();
            prop_assert_eq!(once.len(), named.len());
            prop_assert!(pairs().all(|pair| of_days(&pair.ours.entry) || of_days(&pair.theirs.entry)));
        }

        #[test]
        fn the_lists_explain_the_difference_of_the_sums(mine in entries(), other in entries()) {
            let (ours, theirs) = sides(&mine, &other);
            let found = held(&ours, &theirs);
            let pairs = || found.differing.iter().chain(&found.on_another_day);
            let explained = worth(found.only_ours.iter().map(|one| &one.entry))
                - worth(found.only_theirs.iter().map(|one| &one.entry))
                + worth(pairs().map(|pair| &pair.ours.entry))
                - worth(pairs().map(|pair| &pair.theirs.entry));
            prop_assert_eq!(found.ours.net().amount - found.theirs.net().amount, explained);
        }

        #[test]
        fn nothing_hangs_on_the_order_in_which_either_side_lists(mine in entries(), other in entries()) {
            let (ours, theirs) = sides(&mine, &other);
            let found = held(&ours, &theirs);
            let mut turned = (ours, theirs);
            turned.0.reverse();
            turned.1.reverse();
            prop_assert_eq!(found, held(&turned.0, &turned.1));
        }

        #[test]
        fn a_side_that_is_held_against_itself_agrees_whatever_its_clock_says(mine in entries(), off in -3_600_i64..3_600) {
            let (ours, _) = sides(&mine, &[]);
            let mirror = |one: &Ours| Theirs {
                entry: Entry { at: one.entry.at + SignedDuration::from_secs(off), ..one.entry.clone() },
                payment: one.payment.clone(),
                line: None,
            };
            let mirrored: Vec<Theirs> = ours.iter().map(mirror).collect();
            let found = held(&ours, &mirrored);
            prop_assert!(found.only_ours.is_empty() && found.only_theirs.is_empty(), "{:?}", found);
        }
    }
}

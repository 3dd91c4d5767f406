//! What was paid for an item by all links together. It is kept apart from the item, which the CRM may change or delete: nothing that
//! it does can stop a payment, or make one be counted twice.

use std::iter;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::Item;
use crate::money::Money;

/// The payments for an item in one mode and one currency, and what went back of them, in the order in which links learned of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemPayments(pub Vec<ItemPayment>);

/// A payment, or less than nothing where money went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemPayment {
    pub at: Timestamp,
    /// In minor units.
    pub amount: i64,
}

/// An item that has more payments than this is no invoice: it is a thing that many people buy.
const MOST_LISTED: usize = 100;

/// As many of the newest keep their own line where the others become one.
const KEEP_LISTED: usize = 50;

impl ItemPayments {
    /// The same in fewer lines, where there are many: a record that grew without end would make each payment dearer and could
    /// take none at last. What becomes one line came as late as the latest of it, so that where the CRM says what was due at an
    /// instant before that, too little is asked for and not too much. `None` where the lines are few.
    pub fn folded(&self) -> Option<Self> {
        if self.0.len() <= MOST_LISTED {
            return None;
        }
        let (old, new) = self.0.split_at(self.0.len() - KEEP_LISTED);
        let at = old.iter().map(|one| one.at).max()?;
        let amount = Self(old.to_vec()).net();
        Some(Self(iter::once(ItemPayment { at, amount }).chain(new.iter().copied()).collect()))
    }

    /// What came and did not go back.
    pub fn net(&self) -> i64 {
        self.0.iter().fold(0, |sum, one| sum.saturating_add(one.amount))
    }

    fn net_since(&self, since: Timestamp) -> i64 {
        self.0.iter().filter(|one| one.at > since).fold(0, |sum, one| sum.saturating_add(one.amount))
    }
}

impl Item {
    /// Whether something is to be paid for it, so that what was paid counts.
    pub fn has_an_amount(&self) -> bool {
        self.amount.is_some() || self.due.is_some()
    }

    /// What is left to pay of it: what the CRM said to be due less what came since then, or its amount less all that came. `None`
    /// of an item without an amount. `paid` is of the mode and of the currency of the item's amounts.
    pub fn left_to_pay(&self, paid: &ItemPayments) -> Option<Money> {
        let (money, paid) = match (self.due, self.amount) {
            (Some(due), _) => (due.amount, paid.net_since(due.as_of)),
            (None, Some(amount)) => (amount, paid.net()),
            (None, None) => return None,
        };
        Some(money.with(money.minor_units().saturating_sub(paid).max(0)))
    }
}

/// What a link may add to what was paid for its item. It is fixed when the link is made, from what was left to pay then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct ItemGuard {
    /// In minor units of the link's currency: a payment is kept while all links together have kept no more with it. `None` where the
    /// business wants this link paid whatever was paid otherwise; it counts for the others all the same.
    pub most: Option<i64>,
}

/// In the table it is one number, because each byte of a link costs again with each write: less than nothing where there is no
/// bound.
impl From<i64> for ItemGuard {
    fn from(most: i64) -> Self {
        Self { most: (most >= 0).then_some(most) }
    }
}

impl From<ItemGuard> for i64 {
    fn from(guard: ItemGuard) -> i64 {
        guard.most.unwrap_or(-1)
    }
}

impl ItemGuard {
    /// The guard of a new link of this amount. Who names an amount above what is left wants that paid.
    pub fn of_new_link(item: &Item, paid: &ItemPayments, amount: Money, is_ignored: bool) -> Option<Self> {
        let left = item.left_to_pay(paid).filter(|left| left.currency() == amount.currency())?;
        let most = paid.net().saturating_add(left.minor_units().max(amount.minor_units()));
        Some(Self { most: (!is_ignored).then_some(most) })
    }

    /// How much of it can still be paid, in minor units. `None` where that does not matter.
    pub fn room(&self, paid: &ItemPayments) -> Option<i64> {
        self.most.map(|most| most.saturating_sub(paid.net()).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ContactId, ItemId};
    use crate::money::Currency;
    use crate::records::item::AmountDue;

    fn rial(units: i64) -> Money {
        Money::new(units, Currency::IRR).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn item(amount: Option<i64>, due: Option<(i64, i64)>) -> Item {
        Item {
            id: ItemId::parse("inv-1").unwrap(),
            kind: "invoice".to_owned(),
            title: "Invoice".to_owned(),
            contact_id: ContactId::parse("c-1").unwrap(),
            amount: amount.map(rial),
            due: due.map(|(units, as_of)| AmountDue { amount: rial(units), as_of: at(as_of) }),
            due_at: None,
            url: None,
            receipt_fields: Vec::new(),
        }
    }

    fn paid(all: &[(i64, i64)]) -> ItemPayments {
        ItemPayments(all.iter().map(|(second, amount)| ItemPayment { at: at(*second), amount: *amount }).collect())
    }

    #[test]
    fn what_the_crm_said_to_be_due_counts_and_what_came_since() {
        let came = paid(&[(10, 500), (20, 300), (30, -100)]);
        assert_eq!(item(Some(1_500), None).left_to_pay(&came), Some(rial(800)));
        assert_eq!(item(Some(1_500), Some((900, 15))).left_to_pay(&came), Some(rial(700)), "the first was known then");
        assert_eq!(item(Some(1_500), Some((100, 5))).left_to_pay(&came), Some(rial(0)), "never less than nothing");
        assert_eq!(item(None, None).left_to_pay(&came), None);
    }

    #[test]
    fn two_links_over_the_same_invoice_take_it_once_and_a_deposit_leaves_room_for_the_rest() {
        let invoice = item(Some(1_500), None);
        let guard = ItemGuard::of_new_link(&invoice, &paid(&[]), rial(1_500), false).unwrap();
        assert_eq!((guard.room(&paid(&[])), guard.room(&paid(&[(1, 1_500)]))), (Some(1_500), Some(0)));
        let deposit = ItemGuard::of_new_link(&invoice, &paid(&[]), rial(500), false).unwrap();
        assert_eq!(deposit.room(&paid(&[(1, 1_000)])), Some(500));
        // Somebody who asks for more once all is paid wants that.
        let more = ItemGuard::of_new_link(&invoice, &paid(&[(1, 1_500)]), rial(200), false).unwrap();
        assert_eq!(more.room(&paid(&[(1, 1_500)])), Some(200));
        let ignored = ItemGuard::of_new_link(&invoice, &paid(&[]), rial(1_500), true).unwrap();
        assert_eq!(ignored.room(&paid(&[(1, 1_500)])), None);
        assert_eq!(ItemGuard::of_new_link(&item(None, None), &paid(&[]), rial(1), false), None, "a form has no amount");
    }

    #[test]
    fn many_payments_become_few_lines_that_say_the_same() {
        let many: Vec<(i64, i64)> = (1..=101).map(|second| (second, second)).collect();
        assert_eq!(paid(&many[..100]).folded(), None);
        let folded = paid(&many).folded().unwrap();
        assert_eq!((folded.0.len(), folded.net()), (51, paid(&many).net()));
        let due = |as_of| item(None, Some((9_000, as_of)));
        for as_of in [51, 52, 100, 101] {
            assert_eq!(due(as_of).left_to_pay(&folded), due(as_of).left_to_pay(&paid(&many)), "{as_of}");
        }
        let left = |of: &ItemPayments| due(20).left_to_pay(of).unwrap().minor_units();
        assert!(left(&folded) < left(&paid(&many)), "never too much");
    }

    #[test]
    fn what_the_crm_received_otherwise_leaves_room_for_what_is_due_alone() {
        let invoice = item(Some(1_500), Some((400, 5)));
        let guard = ItemGuard::of_new_link(&invoice, &paid(&[]), rial(400), false).unwrap();
        assert_eq!(guard.room(&paid(&[(10, 400)])), Some(0), "although only 400 came by links");
    }
}

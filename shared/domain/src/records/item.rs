//! The CRM's document that a link is for: an invoice, a form, a contract.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::amounts::{AmountChange, laid_over};
use crate::ids::{ContactId, FieldKey, ItemId};
use crate::money::{Currency, Money};
use crate::problem::{Field, Problems};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: ItemId,
    pub kind: String,
    pub title: String,
    pub contact_id: ContactId,
    /// Financial items have an amount, forms may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// What is still owed of it, in the same currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<AmountDue>,
    /// The first instant at which it is overdue.
    // The table calls another thing `due_at`: when there is work to do.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "to_be_paid_by")]
    pub due_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The fields of kind receipt that the business added to this item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipt_fields: Vec<ReceiptField>,
}

/// What the CRM says is still owed, and when it knew that: what is paid after that instant is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmountDue {
    pub amount: Money,
    pub as_of: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptField {
    pub key: FieldKey,
    pub label: String,
}

impl Item {
    pub fn has_receipt_field(&self, key: &FieldKey) -> bool {
        self.receipt_fields.iter().any(|field| field.key == *key)
    }
}

/// What a caller says about an item. What is left out stays as it is known, what is none is taken away, and the receipts
/// attached to it stay, because they are nobody's to give.
#[derive(Clone, Debug, Default)]
pub struct ItemChange {
    pub kind: Field<Option<String>>,
    pub title: Field<Option<String>>,
    pub contact_id: Field<Option<ContactId>>,
    pub amount: Field<Option<i64>>,
    pub amount_due: Field<Option<i64>>,
    /// Of both amounts.
    pub currency: Field<Option<Currency>>,
    pub as_of: Field<Option<Timestamp>>,
    pub due_at: Field<Option<Timestamp>>,
    pub url: Field<Option<String>>,
    pub receipt_fields: Field<Option<Vec<ReceiptField>>>,
    /// When this was said.
    pub said_at: Timestamp,
}

impl ItemChange {
    /// The same where nothing can be taken away: what is none is left out.
    #[must_use]
    pub fn without_removals(self) -> Self {
        Self {
            kind: self.kind.without_none(),
            title: self.title.without_none(),
            contact_id: self.contact_id.without_none(),
            amount: self.amount.without_none(),
            amount_due: self.amount_due.without_none(),
            currency: self.currency.without_none(),
            as_of: self.as_of.without_none(),
            due_at: self.due_at.without_none(),
            url: self.url.without_none(),
            receipt_fields: self.receipt_fields.without_none(),
            said_at: self.said_at,
        }
    }

    /// Whether what came of this is what is known already, said once more: a due amount that is the same, and of which
    /// nobody says when it was so, is not news.
    pub fn is_known(&self, next: &Item, known: &Item) -> bool {
        let as_of = known.due.filter(|_| matches!(self.as_of, Field::Absent)).map(|due| due.as_of);
        let due = next.due.map(|due| AmountDue { as_of: as_of.unwrap_or(due.as_of), ..due });
        Item { due, ..next.clone() } == *known
    }

    /// The item afterwards; one that is not known yet needs a kind, a title and a contact. `at` is where the fields stand in
    /// the body. Nothing comes of it where a field is refused.
    pub fn apply(self, id: ItemId, known: Option<&Item>, at: &str, problems: &mut Problems) -> Option<Item> {
        let kind = self.kind.over(known.map(|known| known.kind.clone())).require(format!("{at}/kind"), problems);
        let title = self.title.over(known.map(|known| known.title.clone())).require(format!("{at}/title"), problems);
        let contact_id = self.contact_id.over(known.map(|known| known.contact_id.clone()));
        let contact_id = contact_id.require(format!("{at}/contact_id"), problems);
        let known_due = known.and_then(|known| known.due);
        let is_due_named = !matches!(self.amount_due, Field::Absent);
        let amounts = [
            AmountChange {
                given: self.amount,
                known: known.and_then(|known| known.amount),
                at: format!("{at}/amount"),
            },
            AmountChange {
                given: self.amount_due,
                known: known_due.map(|due| due.amount),
                at: format!("{at}/amount_due"),
            },
        ];
        let [amount, due] = laid_over(amounts, self.currency, &format!("{at}/currency"), problems);
        // Whoever names what is due and not when it was so says that it is so now.
        let otherwise = known_due.map(|due| due.as_of).filter(|_| !is_due_named).unwrap_or(self.said_at);
        let due = due.optional().and_then(|due| decide_due(due, self.as_of, otherwise, self.said_at, at, problems));
        let amount = amount.optional();
        if let (Some(Some(amount)), Some(Some(due))) = (amount, due)
            && !(0..=amount.minor_units()).contains(&due.amount.minor_units())
        {
            let detail =
                format!("What is due of an item is from zero to its amount, which is {}.", amount.minor_units());
            problems.refuse(format!("{at}/amount_due"), "out_of_range", detail);
        }
        let due_at = self.due_at.over(known.and_then(|known| known.due_at));
        let url = self.url.over(known.and_then(|known| known.url.clone()));
        let receipt_fields = self.receipt_fields.over(known.map(|known| known.receipt_fields.clone()));
        Some(Item {
            id,
            kind: kind?,
            title: title?,
            contact_id: contact_id?,
            amount: amount?,
            due: due?,
            due_at: due_at.optional()?,
            url: url.optional()?,
            receipt_fields: receipt_fields.optional()?.unwrap_or_default(),
        })
    }
}

/// A clock of the caller's may be ahead by so much.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// What is due, with the instant at which that was so. Nothing where either is refused.
fn decide_due(
    amount: Option<Money>,
    given: Field<Option<Timestamp>>,
    otherwise: Timestamp,
    said_at: Timestamp,
    at: &str,
    problems: &mut Problems,
) -> Option<Option<AmountDue>> {
    let as_of = match given {
        Field::Refused => return None,
        Field::Value(Some(as_of)) if as_of.duration_since(said_at) > CLOCKS_APART => {
            problems.refuse(format!("{at}/as_of"), "out_of_range", "This is in the future, of which nobody knows.");
            return None;
        }
        Field::Value(Some(_)) if amount.is_none() => {
            problems.refuse(format!("{at}/amount_due"), "required", "It is what was due at the time of as_of.");
            return None;
        }
        Field::Value(Some(as_of)) => as_of,
        Field::Value(None) => said_at,
        Field::Absent => otherwise,
    };
    match amount {
        Some(amount) if amount.minor_units() < 0 => {
            let detail = "What is due of an item is zero or more.";
            problems.refuse(format!("{at}/amount_due"), "out_of_range", detail);
            None
        }
        Some(amount) => Some(Some(AmountDue { amount, as_of })),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn value<T>(value: T) -> Field<Option<T>> {
        Field::Value(Some(value))
    }

    fn invoice() -> ItemChange {
        ItemChange {
            kind: value("invoice".to_owned()),
            title: value("Invoice 77".to_owned()),
            contact_id: value(ContactId::parse("c-1").unwrap()),
            amount: value(1_500_000),
            amount_due: value(500_000),
            currency: value(Currency::IRR),
            said_at: at(0),
            ..ItemChange::default()
        }
    }

    fn laid(change: ItemChange, known: Option<&Item>) -> Result<Item, Vec<(String, &'static str)>> {
        let mut problems = Problems::default();
        let item = change.apply(ItemId::parse("inv-77").unwrap(), known, "", &mut problems);
        let problems: Vec<_> = problems.into_vec().into_iter().map(|found| (found.pointer, found.code)).collect();
        if problems.is_empty() { Ok(item.unwrap()) } else { Err(problems) }
    }

    fn due(amount: i64, as_of: Timestamp) -> Option<AmountDue> {
        Some(AmountDue { amount: Money::new(amount, Currency::IRR).unwrap(), as_of })
    }

    #[test]
    fn what_is_due_was_so_when_it_was_said_unless_the_caller_says_when() {
        let known = laid(invoice(), None).unwrap();
        assert_eq!(known.due, due(500_000, at(0)));
        let earlier = ItemChange { as_of: value(at(-60)), ..invoice() };
        assert_eq!(laid(earlier, None).unwrap().due, due(500_000, at(-60)));
        let later = |change: ItemChange| ItemChange { said_at: at(600), ..change };
        let title = later(ItemChange { title: value("Invoice 77b".to_owned()), ..ItemChange::default() });
        assert_eq!(laid(title, Some(&known)).unwrap().due, known.due, "money that is not named stays as it is");
        let less = later(ItemChange { amount_due: value(400_000), ..ItemChange::default() });
        assert_eq!(laid(less, Some(&known)).unwrap().due, due(400_000, at(600)));
        let still = later(ItemChange { as_of: value(at(590)), ..ItemChange::default() });
        assert_eq!(laid(still, Some(&known)).unwrap().due, due(500_000, at(590)));
        let none = later(ItemChange { amount_due: Field::Value(None), ..ItemChange::default() });
        let without = laid(none, Some(&known)).unwrap();
        assert_eq!((without.due, without.amount), (None, known.amount));
    }

    #[test]
    fn what_is_due_and_said_once_more_is_no_news_unless_the_caller_says_when_it_was_so() {
        let known = laid(invoice(), None).unwrap();
        let is_known = |change: ItemChange| {
            let change = ItemChange { said_at: at(600), ..change };
            change.is_known(&laid(change.clone(), Some(&known)).unwrap(), &known)
        };
        assert!(is_known(invoice()));
        assert!(!is_known(ItemChange { as_of: value(at(600)), ..invoice() }));
        assert!(!is_known(ItemChange { amount_due: value(400_000), ..invoice() }));
        assert!(!is_known(ItemChange { title: value("Invoice 77b".to_owned()), ..invoice() }));
    }

    #[test]
    fn what_is_due_is_from_zero_to_the_amount_and_not_of_the_future() {
        let refused = |change: ItemChange, pointer: &str, code| {
            assert_eq!(laid(change, None).unwrap_err(), [(pointer.to_owned(), code)]);
        };
        refused(ItemChange { amount_due: value(1_500_001), ..invoice() }, "/amount_due", "out_of_range");
        refused(ItemChange { amount_due: value(-1), ..invoice() }, "/amount_due", "out_of_range");
        refused(ItemChange { as_of: value(at(301)), ..invoice() }, "/as_of", "out_of_range");
        let nothing = ItemChange { amount_due: Field::Absent, as_of: value(at(0)), ..invoice() };
        refused(nothing, "/amount_due", "required");
        let only = ItemChange { amount: Field::Absent, ..invoice() };
        assert_eq!(laid(only, None).unwrap().due, due(500_000, at(0)), "a form may say what is due and no amount");
        assert_eq!(laid(ItemChange { amount_due: value(0), ..invoice() }, None).unwrap().due, due(0, at(0)));
    }

    #[test]
    fn what_is_none_is_taken_away_and_what_an_item_needs_is_not() {
        let known = laid(ItemChange { url: value("https://crm.example/77".to_owned()), ..invoice() }, None).unwrap();
        let none = ItemChange { url: Field::Value(None), title: Field::Value(None), ..ItemChange::default() };
        assert_eq!(laid(none.clone(), Some(&known)).unwrap_err(), [("/title".to_owned(), "required")]);
        assert_eq!(laid(none.without_removals(), Some(&known)), Ok(known.clone()));
        let less = ItemChange { amount: value(400_000), said_at: at(9), ..ItemChange::default() };
        let refused = [("/amount_due".to_owned(), "out_of_range")];
        assert_eq!(laid(less, Some(&known)).unwrap_err(), refused, "what is due is not changed with the amount");
        let all = ItemChange { amount: Field::Value(None), amount_due: Field::Value(None), ..ItemChange::default() };
        let without = laid(all, Some(&known)).unwrap();
        assert_eq!((without.amount, without.due), (None, None));
    }
}

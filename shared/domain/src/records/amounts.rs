//! Amounts of a record, as a caller changes them. Those of one record are in one currency, which is said once.

use crate::money::{Currency, Money};
use crate::problem::{Field, Problems};

/// One amount of a record: what is said of it, and what is known.
#[derive(Clone, Debug)]
pub(crate) struct AmountChange {
    pub(crate) given: Field<Option<i64>>,
    pub(crate) known: Option<Money>,
    /// Where it stands in the body.
    pub(crate) at: String,
}

impl AmountChange {
    fn will_be(&self) -> bool {
        match &self.given {
            Field::Value(given) => given.is_some(),
            Field::Refused => true,
            Field::Absent => self.known.is_some(),
        }
    }
}

/// The amounts afterwards. An amount alone keeps the currency that is known; a currency alone changes no amount, so that
/// another than the known one comes with all of them.
pub(crate) fn laid_over<const N: usize>(
    amounts: [AmountChange; N],
    currency: Field<Option<Currency>>,
    currency_at: &str,
    problems: &mut Problems,
) -> [Field<Money>; N] {
    let known = amounts.iter().find_map(|amount| amount.known).map(Money::currency);
    if !amounts.iter().any(AmountChange::will_be) {
        if let (Field::Value(Some(_)), Some(first)) = (&currency, amounts.first()) {
            problems.refuse(&first.at, "required", "A currency is given together with an amount.");
            return amounts.map(|_| Field::Refused);
        }
        return amounts.map(|_| if matches!(currency, Field::Refused) { Field::Refused } else { Field::Absent });
    }
    let currency = match (currency, known) {
        (Field::Value(Some(currency)), _) | (Field::Absent, Some(currency)) => currency,
        (Field::Value(None), _) | (Field::Absent, None) => {
            problems.refuse(currency_at, "required", "An amount has a currency.");
            return amounts.map(|_| Field::Refused);
        }
        (Field::Refused, _) => return amounts.map(|_| Field::Refused),
    };
    amounts.map(|AmountChange { given, known, at }| match (given, known) {
        (Field::Value(Some(given)), _) => problems.check(at, Money::new(given, currency)),
        (Field::Value(None), _) | (Field::Absent, None) => Field::Absent,
        (Field::Absent, Some(known)) if known.currency() == currency => Field::Value(known),
        (Field::Absent, Some(known)) => {
            let detail = format!("It is known in {}; give it in {currency} as well.", known.currency());
            problems.refuse(at, "required", detail);
            Field::Refused
        }
        (Field::Refused, _) => Field::Refused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    fn rial(amount: i64) -> Money {
        Money::new(amount, Currency::IRR).unwrap()
    }

    type Said = (Field<Option<i64>>, Field<Option<Currency>>);

    fn one((given, currency): Said, known: Option<Money>) -> Result<Option<Money>, Vec<(String, &'static str)>> {
        let mut problems = Problems::default();
        let [money] =
            laid_over([AmountChange { given, known, at: "/amount".to_owned() }], currency, "/currency", &mut problems);
        let problems: Vec<_> = problems.into_vec().into_iter().map(|found| (found.pointer, found.code)).collect();
        if problems.is_empty() { Ok(money.value()) } else { Err(problems) }
    }

    #[test]
    fn an_amount_alone_keeps_its_currency_and_a_currency_alone_changes_no_amount() {
        let known = Some(rial(5));
        assert_eq!(one((Field::Absent, Field::Absent), known), Ok(known));
        assert_eq!(one((Field::Value(Some(7)), Field::Absent), known), Ok(Some(rial(7))));
        assert_eq!(one((Field::Absent, Field::Value(Some(Currency::IRR))), known), Ok(known));
        let at = |pointer: &str| Err(vec![(pointer.to_owned(), "required")]);
        assert_eq!(one((Field::Absent, Field::Value(Some(euro()))), known), at("/amount"));
        let both = (Field::Value(Some(7)), Field::Value(Some(euro())));
        assert_eq!(one(both, known), Ok(Some(Money::new(7, euro()).unwrap())));
    }

    #[test]
    fn an_amount_is_taken_away_with_its_currency() {
        let known = Some(rial(5));
        assert_eq!(one((Field::Value(None), Field::Absent), known), Ok(None));
        assert_eq!(one((Field::Value(None), Field::Value(None)), known), Ok(None));
        let at = |pointer: &str| Err(vec![(pointer.to_owned(), "required")]);
        assert_eq!(one((Field::Absent, Field::Value(None)), known), at("/currency"));
        assert_eq!(one((Field::Value(None), Field::Value(Some(euro()))), known), at("/amount"));
    }

    #[test]
    fn a_first_amount_has_both() {
        let at = |pointer: &str| Err(vec![(pointer.to_owned(), "required")]);
        assert_eq!(one((Field::Absent, Field::Absent), None), Ok(None));
        assert_eq!(one((Field::Value(Some(7)), Field::Absent), None), at("/currency"));
        assert_eq!(one((Field::Absent, Field::Value(Some(euro()))), None), at("/amount"));
    }

    #[test]
    fn amounts_of_one_record_change_their_currency_together() {
        let mut problems = Problems::default();
        let amount = |given, known, at: &str| AmountChange { given, known, at: at.to_owned() };
        let amounts = [
            amount(Field::Value(Some(7)), Some(rial(5)), "/amount"),
            amount(Field::Absent, Some(rial(3)), "/amount_due"),
        ];
        let [total, due] = laid_over(amounts, Field::Value(Some(euro())), "/currency", &mut problems);
        assert_eq!((total.value().map(Money::currency), due), (Some(euro()), Field::Refused));
        let found: Vec<_> = problems.as_slice().iter().map(|found| (found.pointer.as_str(), found.code)).collect();
        assert_eq!(found, [("/amount_due", "required")]);
    }
}

//! Amounts as receipts are found by them.

use super::receipt_by::ReceiptBy;
use crate::money::{Currency, Money};

/// An amount in one spelling: without a point where it has no decimals, and without zeros at their end.
pub(super) fn with_decimals(whole: String, decimals: &str) -> String {
    let decimals = decimals.trim_end_matches('0');
    if decimals.is_empty() { whole } else { format!("{whole}.{decimals}") }
}

/// The ways in which an amount is typed: in the minor unit, as everywhere in the API; Rial in Toman as well; and what has
/// decimals with these.
pub(crate) fn ways(money: Money) -> Vec<(String, ReceiptBy)> {
    let units = money.minor_units().unsigned_abs();
    let mut ways = vec![(units.to_string(), ReceiptBy::Amount)];
    if money.currency() == Currency::IRR && units.is_multiple_of(10) {
        ways.push(((units / 10).to_string(), ReceiptBy::AmountInToman));
    }
    let decimals = usize::from(money.currency().exponent());
    if decimals > 0 {
        let digits = format!("{units:0>width$}", width = decimals + 1);
        let (whole, decimals) = digits.split_at(digits.len() - decimals);
        ways.push((with_decimals(whole.to_owned(), decimals), ReceiptBy::AmountInMainUnit));
    }
    ways
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::typed_amount::typed;
    use super::*;
    use crate::language::Language;
    use crate::money::LARGEST_AMOUNT;

    fn money(units: i64, code: &str) -> Money {
        Money::new(units, Currency::parse(code).unwrap()).unwrap()
    }

    #[test]
    fn amounts_are_read_as_people_type_them() {
        for (text, number) in [
            ("1500000", "1500000"),
            ("۱۵۰۰۰۰۰", "1500000"),
            ("١٥٠٠٠٠٠", "1500000"),
            ("1,500,000", "1500000"),
            ("۱٬۵۰۰٬۰۰۰", "1500000"),
            ("۱،۵۰۰،۰۰۰", "1500000"),
            ("1.500.000", "1500000"),
            ("1 500 000", "1500000"),
            ("1'500'000", "1500000"),
            ("15,00,000", "1500000"),
            ("1,500", "1500"),
            ("۱۵۰٬۰۰۰ تومان", "150000"),
            ("150,000 Toman", "150000"),
            ("۱٬۵۰۰٬۰۰۰ ریال", "1500000"),
            ("1500000 ريال", "1500000"),
            ("IRR 1,500,000", "1500000"),
            ("€19.99", "19.99"),
            ("19,99 €", "19.99"),
            ("EUR 19.90", "19.9"),
            ("20.00", "20"),
            ("1,234.50", "1234.5"),
            ("1.234,50", "1234.5"),
            ("1 234,5", "1234.5"),
            ("١٩٫٩٩", "19.99"),
            ("0.500", "0.5"),
            ("#1042", "1042"),
        ] {
            assert_eq!(typed(text).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in
            ["", "abc", "inv-77", "1a2", "09121234567", "007", "1..2", "1,2345678", "1٫2٫3", "5 apples", "12:30"]
        {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_found_in_each_unit_in_which_it_is_named() {
        use ReceiptBy::{Amount, AmountInMainUnit, AmountInToman};
        let of = |units, code| ways(money(units, code));
        assert_eq!(of(1_500_000, "IRR"), [("1500000".to_owned(), Amount), ("150000".to_owned(), AmountInToman)]);
        assert_eq!(of(1_500_005, "IRR"), [("1500005".to_owned(), Amount)]);
        assert_eq!(of(1990, "EUR"), [("1990".to_owned(), Amount), ("19.9".to_owned(), AmountInMainUnit)]);
        assert_eq!(of(5, "EUR"), [("5".to_owned(), Amount), ("0.05".to_owned(), AmountInMainUnit)]);
        assert_eq!(of(500, "JPY"), [("500".to_owned(), Amount)]);
    }

    proptest! {
        #[test]
        fn what_we_show_finds_what_it_shows(units in 1..=LARGEST_AMOUNT, code in prop::sample::select(vec!["IRR", "EUR", "JPY", "KWD"])) {
            let money = money(units, code);
            let ways: Vec<String> = ways(money).into_iter().map(|(number, _)| number).collect();
            for language in [Language::FA, Language::EN, Language::AR] {
                let shown = money.display_digits(language);
                // Three decimals alone behind a point read as a group of digits.
                if code != "KWD" || units >= 1_000_000 {
                    prop_assert!(ways.contains(&typed(&shown).unwrap_or_default()), "{} of {:?}", shown, ways);
                }
                prop_assert!(ways.contains(&typed(&money.display_toman(language)).unwrap_or_default()) || code != "IRR");
            }
        }

        #[test]
        fn nothing_that_is_typed_does_harm(text in ".{0,40}", near in "[0-9۰-۹.,٬٫ ریالIR€-]{0,30}") {
            for text in [text, near] {
                if let Some(number) = typed(&text) {
                    prop_assert_eq!(typed(&number), Some(number));
                }
            }
        }
    }
}

//! Amounts of money: integers in the currency's minor unit, never floats.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::problem::Rejection;

/// An ISO 4217 currency that money can be asked in.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    pub const IRR: Currency = Currency(iso_currency::Currency::IRR);

    /// Reads a code of three upper-case letters. The Toman has no code in ISO 4217: `IRT` and `TMN` are refused with the
    /// factor of ten named, because guessing it would be wrong by that factor.
    pub fn parse(code: &str) -> Result<Self, Rejection> {
        let upper = code.to_ascii_uppercase();
        if matches!(upper.as_str(), "IRT" | "TMN") {
            return Err(Rejection::new(
                "toman_not_supported",
                "Amounts are in Rial: use the currency IRR and multiply Toman by ten.",
            ));
        }
        let known = iso_currency::Currency::from_code(&upper)
            .filter(|currency| !currency.is_fund() && !currency.is_special() && currency.exponent().is_some());
        match known {
            Some(currency) if upper == code => Ok(Self(currency)),
            Some(_) => Err(Rejection::new("unknown_currency", format!("Currency codes are upper case: {upper}."))),
            None => {
                let detail = "This is not an ISO 4217 currency code such as IRR or EUR.";
                Err(Rejection::new("unknown_currency", detail))
            }
        }
    }

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals the minor unit stands for. The rial's hundredth part is not in use, so its minor unit is the
    /// rial itself, although ISO 4217 lists two decimals.
    pub fn exponent(self) -> u16 {
        if self == Self::IRR { 0 } else { self.0.exponent().unwrap_or(0) }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = Rejection;
    fn try_from(code: String) -> Result<Self, Rejection> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

/// The largest amount that survives every client: the largest integer that a JSON number in a double holds exactly.
pub const LARGEST_AMOUNT: i64 = 9_007_199_254_740_991;

/// An amount in the currency's minor unit. It may be zero or negative (a contact's balance); what can be asked for is
/// decided where a link is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    #[serde(rename = "amount")]
    minor_units: i64,
    currency: Currency,
}

impl Money {
    pub fn new(minor_units: i64, currency: Currency) -> Result<Self, Rejection> {
        if (-LARGEST_AMOUNT..=LARGEST_AMOUNT).contains(&minor_units) {
            Ok(Self { minor_units, currency })
        } else {
            Err(Rejection::new("amount_too_large", format!("An amount is at most {LARGEST_AMOUNT}.")))
        }
    }

    pub fn minor_units(self) -> i64 {
        self.minor_units
    }

    pub fn currency(self) -> Currency {
        self.currency
    }

    /// A part of the amount: so many minor units, and no more than there are.
    #[must_use]
    pub fn part(self, minor_units: i64) -> Self {
        Self { minor_units: minor_units.min(self.minor_units), currency: self.currency }
    }

    /// The amount as a person of this language reads it. A language may show Rial in Toman with the Rial behind it,
    /// unless `rial_alone` is set or the amount is no whole number of Toman.
    pub fn display(self, language: Language, rial_alone: bool) -> String {
        let units = self.minor_units.unsigned_abs();
        let sign = if self.minor_units < 0 { "-" } else { "" };
        let number = grouped(units, self.currency.exponent(), language);
        let mentions = [("sign", sign), ("number", &number), ("currency", self.currency.code())];
        let shown = language.say("money", &mentions);
        if self.currency != Currency::IRR || rial_alone || !units.is_multiple_of(10) {
            return shown;
        }
        let toman = format!("{sign}{}", grouped(units / 10, 0, language));
        language.say("rial-with-toman", &[("rial", &shown), ("toman", &toman)])
    }

    /// The amount in Toman alone, which is a tenth of the Rial. What is no whole number of Toman stays in Rial, and another
    /// currency is shown as it is: no display may say another amount.
    pub fn display_toman(self, language: Language) -> String {
        if self.currency != Currency::IRR || self.minor_units % 10 != 0 {
            return self.display(language, true);
        }
        language.say("toman-alone", &[("toman", &self.signed(10, 0, language))])
    }

    /// The number alone, in groups, with the digits of the language.
    pub fn display_digits(self, language: Language) -> String {
        self.signed(1, self.currency.exponent(), language)
    }

    fn signed(self, divisor: u64, exponent: u16, language: Language) -> String {
        let sign = if self.minor_units < 0 { "-" } else { "" };
        format!("{sign}{}", grouped(self.minor_units.unsigned_abs() / divisor, exponent, language))
    }
}

/// The language's digits in groups of three with `exponent` decimals.
fn grouped(units: u64, exponent: u16, language: Language) -> String {
    let decimals = usize::from(exponent);
    let digits = format!("{units:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push_str(language.group_separator());
        }
        text.push(digit);
    }
    if decimals > 0 {
        text.push_str(language.decimal_separator());
        text.push_str(fraction);
    }
    language.digits(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(units: i64, code: &str) -> Money {
        Money::new(units, Currency::parse(code).unwrap()).unwrap()
    }

    #[test]
    fn toman_is_refused_with_the_factor_named() {
        for code in ["IRT", "TMN"] {
            let refused = Currency::parse(code).unwrap_err();
            assert_eq!(refused.code, "toman_not_supported");
            assert!(refused.detail.contains("ten"));
        }
        for code in ["irr", "XXX", "ABC", ""] {
            assert_eq!(Currency::parse(code).unwrap_err().code, "unknown_currency", "{code}");
        }
    }

    #[test]
    fn rial_has_no_decimals_and_the_others_have_those_of_iso_4217() {
        let exponents = ["IRR", "EUR", "JPY", "KWD"].map(|code| Currency::parse(code).unwrap().exponent());
        assert_eq!(exponents, [0, 2, 0, 3]);
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(money(1_500_000, "IRR").display(Language::FA, false), "۱۵۰٬۰۰۰ تومان (۱٬۵۰۰٬۰۰۰ ریال)");
        assert_eq!(money(1_500_005, "IRR").display(Language::FA, false), "۱٬۵۰۰٬۰۰۵ ریال");
        assert_eq!(money(1_500_000, "IRR").display(Language::FA, true), "۱٬۵۰۰٬۰۰۰ ریال");
        assert_eq!(money(1_500_000, "IRR").display(Language::EN, false), "IRR 1,500,000");
        assert_eq!(money(1999, "EUR").display(Language::EN, false), "€19.99");
        assert_eq!(money(5, "USD").display(Language::EN, false), "$0.05");
        assert_eq!(money(1999, "EUR").display(Language::FA, false), "۱۹٫۹۹ EUR");
        assert_eq!(money(-1_500_000, "IRR").display(Language::FA, false), "-۱۵۰٬۰۰۰ تومان (-۱٬۵۰۰٬۰۰۰ ریال)");
        assert_eq!(money(1_500_000, "IRR").display(Language::AR, false), "١٬٥٠٠٬٠٠٠ ريال إيراني");
        assert_eq!(money(1999, "EUR").display(Language::AR, false), "١٩٫٩٩ يورو");
        assert_eq!(money(-123_456, "KWD").display(Language::EN, false), "-KWD 123.456");
    }

    #[test]
    fn toman_is_shown_alone_only_where_it_is_the_same_amount() {
        assert_eq!(money(1_500_000, "IRR").display_toman(Language::FA), "۱۵۰٬۰۰۰ تومان");
        assert_eq!(money(1_500_000, "IRR").display_toman(Language::EN), "150,000 Toman");
        assert_eq!(money(1_500_005, "IRR").display_toman(Language::FA), "۱٬۵۰۰٬۰۰۵ ریال");
        assert_eq!(money(1999, "EUR").display_toman(Language::FA), "۱۹٫۹۹ EUR");
        assert_eq!(money(1_500_000, "IRR").display_digits(Language::FA), "۱٬۵۰۰٬۰۰۰");
        assert_eq!(money(1999, "EUR").display_digits(Language::EN), "19.99");
    }

    #[test]
    fn an_amount_beyond_what_json_clients_can_read_is_refused() {
        assert_eq!(Money::new(LARGEST_AMOUNT + 1, Currency::IRR).unwrap_err().code, "amount_too_large");
    }

    proptest! {
        #[test]
        fn what_is_shown_has_the_digits_of_the_amount(units in 0..=LARGEST_AMOUNT) {
            let shown: String = money(units, "IRR").display(Language::EN, false)
                .chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(shown, units.to_string());
        }
    }
}

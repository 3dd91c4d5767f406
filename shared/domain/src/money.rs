//! Amounts of money: integers in the currency's minor unit, never floats.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::language::{Grouping, Language};
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

    /// Another amount of the same currency, no larger than any amount can be.
    #[must_use]
    pub fn with(self, minor_units: i64) -> Self {
        Self { minor_units: minor_units.clamp(-LARGEST_AMOUNT, LARGEST_AMOUNT), currency: self.currency }
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

    /// The amount in one unit as a page shows it large, and the same in Rial where that unit is the Toman.
    pub fn display_apart(self, language: Language, rial_alone: bool) -> (String, Option<String>) {
        let rial = self.display(language, true);
        if self.display(language, rial_alone) == rial {
            return (rial, None);
        }
        (self.display_toman(language), Some(rial))
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

/// The language's digits in groups with `exponent` decimals.
fn grouped(units: u64, exponent: u16, language: Language) -> String {
    let decimals = usize::from(exponent);
    let digits = format!("{units:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && begins_a_group(whole.len() - index, language.grouping()) {
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

/// Whether a digit with so many digits from itself to the end of the whole part is the first of a group.
fn begins_a_group(left: usize, grouping: Grouping) -> bool {
    match grouping {
        Grouping::Thousands => left.is_multiple_of(3),
        Grouping::Indian => left == 3 || (left > 3 && !left.is_multiple_of(2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::GatewayKind;
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
        assert_eq!(money(1_500_000, "IRR").display(Language::FA, false), "۱۵۰٬۰۰۰\u{a0}تومان (۱٬۵۰۰٬۰۰۰\u{a0}ریال)");
        assert_eq!(money(1_500_005, "IRR").display(Language::FA, false), "۱٬۵۰۰٬۰۰۵\u{a0}ریال");
        assert_eq!(money(1_500_000, "IRR").display(Language::FA, true), "۱٬۵۰۰٬۰۰۰\u{a0}ریال");
        assert_eq!(money(1_500_000, "IRR").display(Language::EN, false), "IRR\u{a0}1,500,000");
        assert_eq!(money(1999, "EUR").display(Language::EN, false), "€19.99");
        assert_eq!(money(5, "USD").display(Language::EN, false), "$0.05");
        assert_eq!(money(1999, "EUR").display(Language::FA, false), "۱۹٫۹۹\u{a0}یورو");
        assert_eq!(money(12_345_678, "INR").display(Language::of("en-IN").unwrap(), false), "₹1,23,456.78");
        assert_eq!(money(1_234_567_890, "INR").display(Language::of("en-IN").unwrap(), false), "₹1,23,45,678.90");
        assert_eq!(money(12_345_678, "INR").display(Language::EN, false), "₹123,456.78");
        assert_eq!(money(-1_500_000, "IRR").display(Language::FA, false), "-۱۵۰٬۰۰۰\u{a0}تومان (-۱٬۵۰۰٬۰۰۰\u{a0}ریال)");
        assert_eq!(money(1_500_000, "IRR").display(Language::AR, false), "١٬٥٠٠٬٠٠٠\u{a0}ريال إيراني");
        assert_eq!(money(1999, "EUR").display(Language::AR, false), "١٩٫٩٩\u{a0}يورو");
        assert_eq!(money(-123_456, "KWD").display(Language::EN, false), "-KWD\u{a0}123.456");
    }

    #[test]
    fn toman_is_shown_alone_only_where_it_is_the_same_amount() {
        assert_eq!(money(1_500_000, "IRR").display_toman(Language::FA), "۱۵۰٬۰۰۰\u{a0}تومان");
        assert_eq!(money(1_500_000, "IRR").display_toman(Language::EN), "150,000\u{a0}Toman");
        assert_eq!(money(1_500_005, "IRR").display_toman(Language::FA), "۱٬۵۰۰٬۰۰۵\u{a0}ریال");
        assert_eq!(money(1999, "EUR").display_toman(Language::FA), "۱۹٫۹۹\u{a0}یورو");
        assert_eq!(money(1_500_000, "IRR").display_digits(Language::FA), "۱٬۵۰۰٬۰۰۰");
        assert_eq!(money(1999, "EUR").display_digits(Language::EN), "19.99");
    }

    #[test]
    fn an_amount_shown_large_is_in_one_unit() {
        let toman = ("۱۵۰٬۰۰۰\u{a0}تومان".to_owned(), Some("۱٬۵۰۰٬۰۰۰\u{a0}ریال".to_owned()));
        assert_eq!(money(1_500_000, "IRR").display_apart(Language::FA, false), toman);
        for (units, language, rial_alone, shown) in [
            (1_500_000, Language::FA, true, "۱٬۵۰۰٬۰۰۰\u{a0}ریال"),
            (1_500_005, Language::FA, false, "۱٬۵۰۰٬۰۰۵\u{a0}ریال"),
            (1_500_000, Language::EN, false, "IRR\u{a0}1,500,000"),
        ] {
            assert_eq!(money(units, "IRR").display_apart(language, rial_alone), (shown.to_owned(), None));
        }
    }

    /// English has codes where it has no sign, as banks write them.
    #[test]
    fn every_currency_that_a_gateway_takes_has_a_name_in_every_other_language() {
        for language in Language::ALL.into_iter().filter(|language| *language != Language::EN) {
            for code in GatewayKind::ALL.into_iter().flat_map(|gateway| gateway.profile().currencies) {
                let shown = money(1, code).display(language, true);
                assert!(!shown.contains(code), "locales/{}.ftl: {shown}", language.code());
            }
        }
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

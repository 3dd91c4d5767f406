//! The figures of all gateways, with those that a stack put in their place.

use std::collections::BTreeMap;

use super::profile::GatewayKind;
use super::rules::GatewayRules;
use crate::money::{Currency, Money};
use crate::problem::Rejection;

/// What a gateway takes in one payment, in minor units, both ends among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountLimits {
    pub smallest: i64,
    pub largest: i64,
}

/// The rules of all gateways, with the overrides of this stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayRulebook {
    overrides: BTreeMap<GatewayKind, GatewayRules>,
}

impl GatewayRulebook {
    pub fn new(overrides: BTreeMap<GatewayKind, GatewayRules>) -> Self {
        Self { overrides }
    }

    pub fn rules(&self, kind: GatewayKind) -> &GatewayRules {
        self.overrides.get(&kind).unwrap_or(&kind.profile().rules)
    }

    /// The smallest amount that a gateway takes in a currency, in minor units.
    pub fn smallest(&self, kind: GatewayKind, currency: Currency) -> i64 {
        self.smallest_in(kind).get(currency.code()).copied().unwrap_or(self.rules(kind).smallest)
    }

    /// The smallest amounts of a gateway that are not its general one, by currency.
    pub fn smallest_in(&self, kind: GatewayKind) -> BTreeMap<String, i64> {
        by_currency(kind.profile().smallest_in, &self.rules(kind).smallest_in)
    }

    /// The largest amounts of a gateway that are not its general one, by currency.
    pub fn largest_in(&self, kind: GatewayKind) -> BTreeMap<String, i64> {
        by_currency(kind.profile().largest_in, &self.rules(kind).largest_in)
    }

    /// What a gateway takes in one payment in a currency.
    pub fn limits(&self, kind: GatewayKind, currency: Currency) -> AmountLimits {
        let largest = self.largest_in(kind).get(currency.code()).copied().unwrap_or(self.rules(kind).largest);
        AmountLimits { smallest: self.smallest(kind, currency), largest }
    }

    /// Refuses an amount that the gateway would not take.
    pub fn check_amount(&self, kind: GatewayKind, amount: Money) -> Result<(), Rejection> {
        let code = amount.currency().code();
        let AmountLimits { smallest, largest } = self.limits(kind, amount.currency());
        if (smallest..=largest).contains(&amount.minor_units()) {
            return Ok(());
        }
        let detail = format!("The gateway {} takes amounts from {smallest} to {largest} in {code}.", kind.as_str());
        Err(Rejection::new("amount_outside_gateway_limits", detail))
    }
}

/// What is published, with what this stack was given in its place or beside it.
fn by_currency(published: &[(&str, i64)], given: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let published = published.iter().map(|(code, amount)| ((*code).to_owned(), *amount));
    published.chain(given.iter().map(|(code, amount)| (code.clone(), *amount))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gateway_takes_its_own_currencies_and_amounts() {
        let eur = Currency::parse("EUR").unwrap();
        assert!(GatewayKind::Zarinpal.takes(Currency::IRR) && !GatewayKind::Zarinpal.takes(eur));
        assert!(GatewayKind::Stripe.takes(eur) && !GatewayKind::Stripe.takes(Currency::IRR));
        let book = GatewayRulebook::default();
        let rial = |units| Money::new(units, Currency::IRR).unwrap();
        assert!(book.check_amount(GatewayKind::Zarinpal, rial(10_000)).is_ok());
        assert_eq!(
            book.check_amount(GatewayKind::Zarinpal, rial(9_999)).unwrap_err().code,
            "amount_outside_gateway_limits"
        );
        assert!(book.check_amount(GatewayKind::Zarinpal, rial(1_000_000_001)).is_err());
    }

    #[test]
    fn a_currency_can_have_a_smallest_amount_of_its_own() {
        let of = |units: i64, code: &str| Money::new(units, Currency::parse(code).unwrap()).unwrap();
        let takes =
            |book: &GatewayRulebook, units, code| book.check_amount(GatewayKind::Stripe, of(units, code)).is_ok();
        let book = GatewayRulebook::default();
        assert!(takes(&book, 50, "EUR") && takes(&book, 30, "GBP") && takes(&book, 1_500, "CZK"));
        assert!(!takes(&book, 49, "EUR") && !takes(&book, 29, "GBP") && !takes(&book, 1_499, "CZK"));
        let json = r#"{"stripe":{"smallest":100,"largest":99999999,"session_minutes":30,"grace_minutes":6,
                       "watch_hours":72,"smallest_in":{"KRW":1000,"GBP":60}}}"#;
        let book = GatewayRulebook::new(serde_json::from_str(json).unwrap());
        assert!(takes(&book, 1_000, "KRW") && !takes(&book, 999, "KRW") && !takes(&book, 59, "GBP"));
        assert!(takes(&book, 100, "EUR") && !takes(&book, 99, "EUR"));
        assert!(!takes(&book, 1_499, "CZK"), "what is published stays known");
    }

    #[test]
    fn a_currency_can_have_a_largest_amount_of_its_own() {
        let of = |units: i64, code: &str| Money::new(units, Currency::parse(code).unwrap()).unwrap();
        let takes =
            |book: &GatewayRulebook, units, code| book.check_amount(GatewayKind::Stripe, of(units, code)).is_ok();
        let book = GatewayRulebook::default();
        assert!(takes(&book, 999_999_999_999, "IDR") && takes(&book, 9_999_999_999, "COP"));
        assert!(!takes(&book, 1_000_000_000_000, "IDR") && !takes(&book, 10_000_000_000, "COP"));
        assert!(takes(&book, 99_999_999, "EUR") && !takes(&book, 100_000_000, "EUR"));
        let json = r#"{"stripe":{"smallest":50,"largest":5000000,"session_minutes":30,"grace_minutes":6,
                       "watch_hours":72,"largest_in":{"JPY":90000000,"COP":8000000000}}}"#;
        let book = GatewayRulebook::new(serde_json::from_str(json).unwrap());
        assert!(takes(&book, 90_000_000, "JPY") && !takes(&book, 90_000_001, "JPY"));
        assert!(!takes(&book, 8_000_000_001, "COP") && !takes(&book, 5_000_001, "EUR"));
        assert!(takes(&book, 999_999_999_999, "IDR"), "what is published stays known");
        let refused = book.check_amount(GatewayKind::Stripe, of(90_000_001, "JPY")).unwrap_err();
        assert!(refused.detail.contains("to 90000000 in JPY"), "{}", refused.detail);
    }

    #[test]
    fn the_lev_is_no_currency_of_stripe_any_more() {
        assert!(!GatewayKind::Stripe.takes(Currency::parse("BGN").unwrap()), "Bulgaria has the euro since 2026");
    }
}

//! The figures of all gateways, with those that a stack put in their place.

use std::collections::BTreeMap;

use super::profile::GatewayKind;
use super::rules::GatewayRules;
use crate::money::Money;
use crate::problem::Rejection;

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

    /// The smallest amounts of a gateway that are not its general one, by currency.
    pub fn smallest_in(&self, kind: GatewayKind) -> BTreeMap<String, i64> {
        let published = kind.profile().smallest_in.iter().map(|(code, least)| ((*code).to_owned(), *least));
        let given = self.rules(kind).smallest_in.iter().map(|(code, least)| (code.clone(), *least));
        published.chain(given).collect()
    }

    /// Refuses an amount that the gateway would not take.
    pub fn check_amount(&self, kind: GatewayKind, amount: Money) -> Result<(), Rejection> {
        let (rules, code) = (self.rules(kind), amount.currency().code());
        let smallest = self.smallest_in(kind).get(code).copied().unwrap_or(rules.smallest);
        if (smallest..=rules.largest).contains(&amount.minor_units()) {
            return Ok(());
        }
        let detail =
            format!("The gateway {} takes amounts from {smallest} to {} in {code}.", kind.as_str(), rules.largest);
        Err(Rejection::new("amount_outside_gateway_limits", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

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
}

//! What the rules need to know about each gateway, and what a gateway can answer. How it is asked is the business of
//! the crate `gateways`.

mod profile;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::problem::Rejection;

pub use profile::{LookUp, Network, Profile, Refund, Webhooks};

/// Whether real money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Live,
    Sandbox,
}

impl Mode {
    pub const ALL: [Mode; 2] = [Self::Live, Self::Sandbox];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        match text {
            "live" => Ok(Self::Live),
            "sandbox" => Ok(Self::Sandbox),
            _ => Err(Rejection::new("unknown_mode", "The mode is live or sandbox.")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }
}

/// The gateways that Paylink speaks. What there is to know about each is its [`Profile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    Zarinpal,
    Stripe,
    Zibal,
    Sep,
    Mollie,
    Razorpay,
}

impl GatewayKind {
    pub const ALL: [GatewayKind; 6] =
        [Self::Zarinpal, Self::Zibal, Self::Sep, Self::Stripe, Self::Mollie, Self::Razorpay];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Rejection::new("unknown_gateway", format!("This gateway is not known; these are: {known}."))
        })
    }

    pub fn as_str(self) -> &'static str {
        self.profile().id
    }

    /// Whether the gateway takes this currency at all.
    pub fn takes(self, currency: Currency) -> bool {
        self.profile().currencies.contains(&currency.code())
    }

    /// Whether our confirming call is what takes the money. Where it is, the intention to confirm is written first.
    pub fn confirming_takes_the_money(self) -> bool {
        self.profile().confirming_takes_the_money
    }
}

/// The figures of one gateway. Those that the gateway does not publish are assumptions and can be overridden.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GatewayRules {
    /// The smallest amount in minor units, where the currency has none of its own.
    pub smallest: i64,
    /// The largest amount in minor units.
    pub largest: i64,
    /// How long a customer can pay in a session, in minutes.
    pub session_minutes: i64,
    /// How much longer, in minutes, a payment begun in time may take to be known before its link expires.
    pub grace_minutes: i64,
    /// How many hours an attempt that the gateway calls unfinished is asked about before it counts as abandoned.
    pub watch_hours: i64,
    /// The smallest amount in single currencies, by their code, instead of what is published or general.
    #[serde(default)]
    pub smallest_in: BTreeMap<String, i64>,
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

/// Money that a gateway says it holds for us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The gateway's own number of the payment, which the customer may quote.
    pub reference: String,
    /// What makes the reference unique: a gateway's reference alone, or together with the terminal.
    pub claim: String,
    pub money: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_card: Option<String>,
}

/// What a gateway said about one attempt, in the domain's words. Each adapter turns every answer into one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayAnswer {
    /// The money is ours.
    Paid(Payment),
    /// The customer has paid and the money waits for our confirmation.
    Unconfirmed,
    /// Nothing final: the customer may still be paying.
    Pending,
    /// The customer has done their part and the gateway waits for a bank: nobody should pay again meanwhile.
    Processing,
    /// The gateway's final no.
    NotPaid { reason: String },
    /// The money went back to the payer.
    Returned,
    /// A payment of another amount than we asked for.
    WrongAmount { got: Option<Money> },
    /// The gateway's own answer leaves open whose the money is, and asking again will not tell: a person has to look.
    Doubtful { reason: String },
    /// No answer, or one that cannot be read. It says nothing about the payment.
    Unknown { why: String },
    /// The gateway refuses us: credentials, address, domain. It says nothing about the payment either.
    Misconfigured { code: String },
}

impl GatewayAnswer {
    /// One word for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Paid(_) => "paid",
            Self::Unconfirmed => "unconfirmed",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::NotPaid { .. } => "not_paid",
            Self::Returned => "returned",
            Self::WrongAmount { .. } => "wrong_amount",
            Self::Doubtful { .. } => "doubtful",
            Self::Unknown { .. } => "unknown",
            Self::Misconfigured { .. } => "misconfigured",
        }
    }
}

/// What came of refunding money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// It is on its way to the payer, or there already.
    Issued,
    /// The gateway will not do it; a person must.
    Refused { reason: String },
    /// No readable answer: ask again with the same idempotency key.
    Unknown { why: String },
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
    fn every_gateway_has_one_row_and_knows_its_own_name() {
        for kind in GatewayKind::ALL {
            let profile = kind.profile();
            assert_eq!(profile.kind, kind);
            assert_eq!(GatewayKind::parse(profile.id), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), profile.id);
            for (code, least) in profile.smallest_in {
                assert!(profile.currencies.contains(code) && *least > 0, "{code} of {}", profile.name);
            }
            for code in profile.currencies {
                assert!(Currency::parse(code).is_ok(), "{code} of {}", profile.name);
            }
            assert!(profile.rules.smallest > 0 && profile.rules.smallest < profile.rules.largest);
            assert!(profile.rules.watch_hours * 60 >= profile.rules.session_minutes + profile.rules.grace_minutes);
            for name in profile.refund.needs {
                assert!(profile.credentials.iter().any(|field| field.name == *name && !field.is_required), "{name}");
            }
        }
    }
}

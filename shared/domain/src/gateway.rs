//! What the rules need to know about each gateway, and what a gateway can answer. How it is asked is the business of
//! the crate `gateways`.

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::problem::Rejection;

/// Whether real money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Live,
    Sandbox,
}

impl Mode {
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

/// The gateways that Paylink speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    Zarinpal,
    Stripe,
}

impl GatewayKind {
    pub const ALL: [GatewayKind; 2] = [GatewayKind::Zarinpal, GatewayKind::Stripe];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Rejection::new("unknown_gateway", format!("This gateway is not known; these are: {known}."))
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zarinpal => "zarinpal",
            Self::Stripe => "stripe",
        }
    }
}

/// The figures of one gateway. Those that the gateway does not publish are assumptions and can be overridden.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GatewayRules {
    /// The smallest amount in minor units, whatever the currency.
    pub smallest: i64,
    /// The largest amount in minor units.
    pub largest: i64,
    /// How long a customer can pay in a session, in minutes.
    pub session_minutes: i64,
    /// How much longer, in minutes, a payment begun in time may take to be known before its link expires.
    pub grace_minutes: i64,
    /// How many hours an attempt that the gateway calls unfinished is asked about before it counts as lapsed.
    pub watch_hours: i64,
}

/// The rules of all gateways, with the overrides of this stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayBook {
    zarinpal: GatewayRules,
    stripe: GatewayRules,
}

impl Default for GatewayBook {
    fn default() -> Self {
        Self {
            // The documents name a floor of 10,000 rial and a ceiling of a billion. The life of a session is not
            // published; its page is said to live 15 minutes.
            zarinpal: GatewayRules {
                smallest: 10_000,
                largest: 1_000_000_000,
                session_minutes: 15,
                grace_minutes: 5,
                watch_hours: 72,
            },
            // Checkout sessions live at least 30 minutes. The smallest charge is about half a US dollar.
            stripe: GatewayRules {
                smallest: 50,
                largest: 99_999_999,
                session_minutes: 30,
                grace_minutes: 6,
                watch_hours: 72,
            },
        }
    }
}

impl GatewayBook {
    pub fn rules(&self, kind: GatewayKind) -> &GatewayRules {
        match kind {
            GatewayKind::Zarinpal => &self.zarinpal,
            GatewayKind::Stripe => &self.stripe,
        }
    }

    #[must_use]
    pub fn with(mut self, kind: GatewayKind, rules: GatewayRules) -> Self {
        match kind {
            GatewayKind::Zarinpal => self.zarinpal = rules,
            GatewayKind::Stripe => self.stripe = rules,
        }
        self
    }

    /// Refuses an amount that the gateway would not take.
    pub fn check_amount(&self, kind: GatewayKind, amount: Money) -> Result<(), Rejection> {
        let rules = self.rules(kind);
        if (rules.smallest..=rules.largest).contains(&amount.minor_units()) {
            return Ok(());
        }
        Err(Rejection::new(
            "amount_outside_gateway_limits",
            format!("The gateway {} takes amounts from {} to {}.", kind.as_str(), rules.smallest, rules.largest),
        ))
    }
}

impl GatewayKind {
    /// Whether the gateway takes this currency at all.
    pub fn takes(self, currency: Currency) -> bool {
        match self {
            Self::Zarinpal => currency == Currency::IRR,
            Self::Stripe => STRIPE_CURRENCIES.contains(&currency.code()),
        }
    }

    /// Whether our confirming call is what takes the money. Where it is, the intention to settle is written first.
    pub fn confirming_takes_the_money(self) -> bool {
        match self {
            Self::Zarinpal => true,
            Self::Stripe => false,
        }
    }
}

/// Currencies that Stripe charges in and whose minor unit is the one of ISO 4217. Those it treats in its own way (UGX,
/// ISK, HUF, TWD and the three-decimal ones) are left out: a factor of a hundred is not worth a guess.
const STRIPE_CURRENCIES: [&str; 44] = [
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "DOP", "EGP", "EUR", "GBP", "GEL",
    "HKD", "IDR", "ILS", "INR", "JPY", "KES", "KRW", "KZT", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP",
    "PLN", "QAR", "RON", "SAR", "SEK", "SGD", "THB", "TRY", "UAH", "USD", "VND", "ZAR",
];

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
            Self::Unknown { .. } => "unknown",
            Self::Misconfigured { .. } => "misconfigured",
        }
    }
}

/// What came of giving money back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GiveBackAnswer {
    /// It is on its way to the payer, or there already.
    Done,
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
        let book = GatewayBook::default();
        let rial = |units| Money::new(units, Currency::IRR).unwrap();
        assert!(book.check_amount(GatewayKind::Zarinpal, rial(10_000)).is_ok());
        assert_eq!(
            book.check_amount(GatewayKind::Zarinpal, rial(9_999)).unwrap_err().code,
            "amount_outside_gateway_limits"
        );
        assert!(book.check_amount(GatewayKind::Zarinpal, rial(1_000_000_001)).is_err());
    }

    #[test]
    fn every_currency_listed_for_stripe_exists() {
        for code in STRIPE_CURRENCIES {
            assert!(Currency::parse(code).is_ok(), "{code}");
        }
    }
}

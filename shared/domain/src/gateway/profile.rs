//! One row for each gateway: what the rules, the pages and the CRM have to know about it.
//!
//! A new gateway is a row here. How it is spoken to is a file in the crate `gateways`.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::Mode;
use super::credential_field::{Alphabet, CredentialField, Form};
use super::rules::GatewayRules;
use crate::language::Language;
use crate::money::Currency;
use crate::problem::{Rejection, parse_word};

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
        parse_word(text, &Self::ALL, Self::as_str, "unknown_gateway")
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

/// What there is to know about a gateway without speaking its protocol.
#[derive(Debug)]
pub struct Profile {
    pub kind: GatewayKind,
    /// In addresses, in the API and in the table. It never changes.
    pub id: &'static str,
    /// As its own people write it.
    pub name: &'static str,
    /// What it is called in languages that write its name otherwise, by their codes.
    pub names: &'static [(&'static str, &'static str)],
    /// The host of the page that a customer is sent to, as the address bar shows it: live and in the sandbox.
    pub pay_hosts: [&'static str; 2],
    /// Whether that page asks for the card itself. Else it leads on to one of the network's.
    pub asks_for_card: bool,
    /// ISO 4217 codes of those currencies whose minor unit here and there is the same.
    pub currencies: &'static [&'static str],
    /// Its figures, unless the stack overrides them.
    pub rules: GatewayRules,
    /// Its published smallest amounts in currencies that have another than the rules say.
    pub smallest_in: &'static [(&'static str, i64)],
    /// Its published largest amounts in currencies that have another than the rules say.
    pub largest_in: &'static [(&'static str, i64)],
    /// Whether our confirming call is what takes the money.
    pub confirming_takes_the_money: bool,
    pub look_up: LookUp,
    /// Whether a payment may still come where the gateway said that there was none, for as long as an attempt is watched.
    pub no_may_become_yes: bool,
    /// Whether a session can be closed before its time is over.
    pub can_close: bool,
    pub webhooks: Webhooks,
    /// Whether it has lists of payments and refunds that books can be held against.
    pub has_lists: bool,
    /// Whether it shows the refunds of a payment after it was confirmed, also those that somebody made without us.
    pub shows_refunds: bool,
    /// Whether it shows the disputes about a payment.
    pub shows_disputes: bool,
    /// How money that we took goes back, the first way that is possible before the others.
    pub refund_methods: &'static [RefundMethod],
    /// After so many days a payment that the gateway calls on its way is for a person, and holds no link open any more.
    pub processing_days: i64,
    pub network: Network,
    /// What an account needs to act for the business there.
    pub credentials: &'static [CredentialField],
}

/// Whether the gateway can be asked what became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    AnyTime,
    /// Only the customer's return tells. What nobody confirmed goes back by itself within the watched time.
    OnlyOnReturn,
}

/// Whether the gateway's own server calls us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Webhooks {
    None,
    Signed,
    /// Anybody could have sent it, so it only says that it is time to ask.
    Unsigned,
}

impl Webhooks {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
        }
    }
}

/// One way in which money that we took goes back.
#[derive(Debug)]
pub struct RefundMethod {
    pub kind: RefundKind,
    /// Credentials that it needs and taking money does not. Without them a person has to do it.
    pub needs: &'static [&'static str],
}

/// What a call that gives money back does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundKind {
    /// It undoes the payment, for this many minutes.
    Reverse { within_minutes: u32 },
    /// It pays the money back, or this much of it at least, in minor units. No bound of time is known.
    Refund { smallest: i64 },
}

/// Why a gateway cannot be asked to return an amount of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotRefund {
    /// It undoes payments as a whole only.
    WholeOnly,
    /// It undoes payments for this many minutes only, which are over.
    TooLate { minutes: u32 },
    /// It sends back this much at least, in minor units.
    TooSmall { smallest: i64 },
    /// The account lacks credentials that it needs for that and not for taking money.
    CredentialsMissing { names: &'static [&'static str] },
}

const REFUND: &[RefundMethod] = &[RefundMethod { kind: RefundKind::Refund { smallest: 1 }, needs: &[] }];

impl RefundKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reverse { .. } => "reverse",
            Self::Refund { .. } => "refund",
        }
    }
}

impl RefundMethod {
    /// Why this way does not return an amount, in minor units, of a payment that is so old. `None` where it may.
    fn refuses(
        &self,
        amount: i64,
        is_whole: bool,
        age: SignedDuration,
        has: Option<&BTreeSet<String>>,
    ) -> Option<CannotRefund> {
        let lacks = |name: &&&str| has.is_some_and(|has| !has.contains(**name));
        if self.needs.iter().any(|name| lacks(&name)) {
            return Some(CannotRefund::CredentialsMissing { names: self.needs });
        }
        match self.kind {
            RefundKind::Reverse { within_minutes: minutes } if age >= SignedDuration::from_mins(minutes.into()) => {
                Some(CannotRefund::TooLate { minutes })
            }
            RefundKind::Reverse { .. } => (!is_whole).then_some(CannotRefund::WholeOnly),
            RefundKind::Refund { smallest } => (amount < smallest).then_some(CannotRefund::TooSmall { smallest }),
        }
    }
}

impl Profile {
    /// What customers who read this language call it.
    pub fn name_in(&self, language: Language) -> &'static str {
        self.names.iter().find(|(code, _)| *code == language.code()).map_or(self.name, |(_, name)| name)
    }

    /// Whether a new account of it shows what is to be paid before its page, unless somebody says otherwise: customers of
    /// Iranian gateways are told what to look at before they enter a card.
    pub fn wants_summary_page(&self) -> bool {
        match self.network {
            Network::Shaparak => true,
            Network::International => false,
        }
    }

    /// The host of the page that a customer is sent to.
    pub fn pay_host(&self, mode: Mode) -> &'static str {
        let [live, sandbox] = self.pay_hosts;
        match mode {
            Mode::Live => live,
            Mode::Sandbox => sandbox,
        }
    }

    /// Whether it shows anything of what happened to a payment after it was confirmed.
    pub fn shows_aftermath(&self) -> bool {
        self.shows_refunds || self.shows_disputes
    }

    /// Whether a payment can be undone for a while, after which giving it back is harder or impossible.
    pub fn can_reverse(&self) -> bool {
        self.refund_methods.iter().any(|method| matches!(method.kind, RefundKind::Reverse { .. }))
    }

    /// Whether the gateway may be asked to return an amount, in minor units, of a payment that is so old. Where no way does,
    /// the last one says why. `has` are the names of the account's optional credentials, where they are known.
    pub fn may_refund(
        &self,
        amount: i64,
        is_whole: bool,
        age: SignedDuration,
        has: Option<&BTreeSet<String>>,
    ) -> Result<(), CannotRefund> {
        let mut refused = Ok(());
        for method in self.refund_methods {
            match method.refuses(amount, is_whole, age, has) {
                None => return Ok(()),
                Some(why) => refused = Err(why),
            }
        }
        refused
    }
}

/// The network that customers' money comes through. What they are told about money that failed to arrive depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The cards of Iranian banks: every card page is under shaparak.ir and is served within the country only.
    Shaparak,
    International,
}

impl Network {
    pub const ALL: [Network; 2] = [Self::Shaparak, Self::International];

    /// The end of the keys of texts that depend on it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Shaparak => "shaparak",
            Self::International => "international",
        }
    }
}

impl GatewayKind {
    pub fn profile(self) -> &'static Profile {
        match self {
            Self::Zarinpal => &ZARINPAL,
            Self::Zibal => &ZIBAL,
            Self::Sep => &SEP,
            Self::Stripe => &STRIPE,
            Self::Mollie => &MOLLIE,
            Self::Razorpay => &RAZORPAY,
        }
    }
}

/// A text without anything before it.
const fn any(of: Alphabet, least: usize, most: usize) -> Form {
    Form::Text { live: &[], sandbox: &[], of, least, most }
}

/// The documents name a floor of 10,000 rial and a ceiling of a billion. The life of a session is not published; its page
/// is said to live 15 minutes.
static ZARINPAL: Profile = Profile {
    kind: GatewayKind::Zarinpal,
    id: "zarinpal",
    name: "Zarinpal",
    names: &[("fa", "زرین‌پال"), ("ar", "زرين بال")],
    pay_hosts: ["payment.zarinpal.com", "sandbox.zarinpal.com"],
    asks_for_card: false,
    currencies: &["IRR"],
    rules: GatewayRules {
        smallest: 10_000,
        largest: 1_000_000_000,
        session_minutes: 15,
        grace_minutes: 5,
        watch_hours: 72,
        smallest_in: BTreeMap::new(),
        largest_in: BTreeMap::new(),
    },
    smallest_in: &[],
    largest_in: &[],
    confirming_takes_the_money: true,
    look_up: LookUp::AnyTime,
    no_may_become_yes: true,
    can_close: false,
    webhooks: Webhooks::None,
    has_lists: false,
    shows_refunds: false,
    shows_disputes: false,
    refund_methods: &[
        RefundMethod { kind: RefundKind::Reverse { within_minutes: 30 }, needs: &[] },
        RefundMethod { kind: RefundKind::Refund { smallest: 20_000 }, needs: &["access_token"] },
    ],
    processing_days: 1,
    network: Network::Shaparak,
    credentials: &[
        CredentialField {
            name: "merchant_id",
            description: "The merchant id of the gateway.",
            is_required: true,
            is_secret: true,
            form: Form::Uuid,
        },
        CredentialField {
            name: "access_token",
            description: "The access token of the panel. Only refunding money that cannot be reversed any more needs it.",
            is_required: false,
            is_secret: true,
            form: any(Alphabet::Visible, 1, 2_000),
        },
        CredentialField {
            name: "terminal_id",
            description: "The number of the terminal in the panel. Refunds by the access token find their payment by it.",
            is_required: false,
            is_secret: false,
            form: any(Alphabet::Digits, 1, 20),
        },
    ],
};

/// Amounts must be above 1,000 rial; a client of theirs allows from 1,500 to two billion, and a terminal's own limit may be
/// lower. The life of a session is not published.
static ZIBAL: Profile = Profile {
    kind: GatewayKind::Zibal,
    id: "zibal",
    name: "Zibal",
    names: &[("fa", "زیبال"), ("ar", "زيبال")],
    pay_hosts: ["gateway.zibal.ir", "gateway.zibal.ir"],
    asks_for_card: false,
    currencies: &["IRR"],
    rules: GatewayRules {
        smallest: 1_500,
        largest: 2_000_000_000,
        session_minutes: 15,
        grace_minutes: 5,
        watch_hours: 72,
        smallest_in: BTreeMap::new(),
        largest_in: BTreeMap::new(),
    },
    smallest_in: &[],
    largest_in: &[],
    confirming_takes_the_money: true,
    look_up: LookUp::AnyTime,
    no_may_become_yes: false,
    can_close: false,
    webhooks: Webhooks::None,
    has_lists: false,
    shows_refunds: false,
    shows_disputes: false,
    refund_methods: &[RefundMethod {
        kind: RefundKind::Refund { smallest: 1 },
        needs: &["refund_token", "refund_account"],
    }],
    processing_days: 1,
    network: Network::Shaparak,
    credentials: &[
        CredentialField {
            name: "merchant",
            description: "The merchant of the gateway; in the sandbox it is zibal.",
            is_required: true,
            is_secret: true,
            // Anything shorter than the sandbox's own would be no merchant, so the one cannot be taken for the other.
            form: Form::Text { live: &[], sandbox: &["zibal"], of: Alphabet::Word, least: 6, most: 64 },
        },
        CredentialField {
            name: "refund_token",
            description: "The access token of the platform. Only refunding money needs it.",
            is_required: false,
            is_secret: true,
            form: any(Alphabet::Visible, 1, 2_000),
        },
        CredentialField {
            name: "refund_account",
            description: "The id of the account that money is refunded from. Only refunding money needs it.",
            is_required: false,
            is_secret: false,
            form: any(Alphabet::Word, 1, 64),
        },
    ],
};

/// A token lives 20 minutes unless more is asked for. What is not verified within 30 minutes goes back by itself, so
/// nothing is left to watch after an hour. The largest amount is the terminal's own and is not published.
static SEP: Profile = Profile {
    kind: GatewayKind::Sep,
    id: "sep",
    name: "SEP (Saman)",
    names: &[("fa", "پرداخت الکترونیک سامان (سپ)"), ("ar", "سامان للدفع الإلكتروني (SEP)")],
    pay_hosts: ["sep.shaparak.ir", "sandbox.banktest.ir"],
    asks_for_card: true,
    currencies: &["IRR"],
    rules: GatewayRules {
        smallest: 2_000,
        largest: 2_000_000_000,
        session_minutes: 20,
        grace_minutes: 10,
        watch_hours: 1,
        smallest_in: BTreeMap::new(),
        largest_in: BTreeMap::new(),
    },
    smallest_in: &[],
    largest_in: &[],
    confirming_takes_the_money: true,
    look_up: LookUp::OnlyOnReturn,
    no_may_become_yes: false,
    can_close: false,
    webhooks: Webhooks::None,
    has_lists: false,
    shows_refunds: false,
    shows_disputes: false,
    refund_methods: &[RefundMethod { kind: RefundKind::Reverse { within_minutes: 50 }, needs: &[] }],
    processing_days: 1,
    network: Network::Shaparak,
    credentials: &[CredentialField {
        name: "terminal_id",
        description: "The number of the terminal. The gateway also checks the address that calls come from.",
        is_required: true,
        is_secret: false,
        form: any(Alphabet::Digits, 1, 15),
    }],
};

/// Checkout sessions live at least 30 minutes. The smallest charge is about half a US dollar, and published for the
/// main currencies ("Minimum and maximum charge amounts"); in others it depends on the account. The largest amounts,
/// from the same page, are those that every way of paying takes; cards take more. Currencies that Stripe treats in its
/// own way (UGX, ISK, HUF, TWD and the three-decimal ones) are left out: a factor of a hundred is not worth a guess.
static STRIPE: Profile = Profile {
    kind: GatewayKind::Stripe,
    id: "stripe",
    name: "Stripe",
    names: &[],
    pay_hosts: ["checkout.stripe.com", "checkout.stripe.com"],
    asks_for_card: true,
    currencies: &[
        "AED", "AUD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "DOP", "EGP", "EUR", "GBP", "GEL", "HKD",
        "IDR", "ILS", "INR", "JPY", "KES", "KRW", "KZT", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PLN",
        "QAR", "RON", "SAR", "SEK", "SGD", "THB", "TRY", "UAH", "USD", "VND", "ZAR",
    ],
    rules: GatewayRules {
        smallest: 50,
        largest: 99_999_999,
        session_minutes: 30,
        grace_minutes: 6,
        watch_hours: 72,
        smallest_in: BTreeMap::new(),
        largest_in: BTreeMap::new(),
    },
    smallest_in: &[
        ("AED", 200),
        ("CZK", 1_500),
        ("DKK", 250),
        ("GBP", 30),
        ("HKD", 400),
        ("MXN", 1_000),
        ("MYR", 200),
        ("NOK", 300),
        ("PLN", 200),
        ("RON", 200),
        ("SEK", 300),
        ("THB", 1_000),
    ],
    largest_in: &[("COP", 9_999_999_999), ("IDR", 999_999_999_999), ("INR", 999_999_999)],
    confirming_takes_the_money: false,
    look_up: LookUp::AnyTime,
    no_may_become_yes: false,
    can_close: true,
    webhooks: Webhooks::Signed,
    has_lists: true,
    shows_refunds: true,
    shows_disputes: true,
    refund_methods: REFUND,
    processing_days: 30,
    network: Network::International,
    credentials: &[
        CredentialField {
            name: "secret_key",
            description: "The secret or restricted key.",
            is_required: true,
            is_secret: true,
            form: Form::Text {
                live: &["sk_live_", "rk_live_"],
                sandbox: &["sk_test_", "rk_test_"],
                of: Alphabet::Name,
                least: 1,
                most: 250,
            },
        },
        CredentialField {
            name: "webhook_secret",
            description: "The signing secret of the webhook endpoint.",
            is_required: false,
            is_secret: true,
            form: Form::Text { live: &["whsec_"], sandbox: &["whsec_"], of: Alphabet::Visible, least: 1, most: 250 },
        },
    ],
};

/// The life of a payment depends on the method that the customer chooses: 15 minutes for the shortest, and a bank transfer
/// may arrive for a hundred days, so that such a payment is watched a little longer than that. The largest amount depends
/// on the method too. Currencies whose decimals are in doubt (HUF, ISK, TWD) are left out, and so is the lev: Bulgaria has
/// the euro since 2026.
static MOLLIE: Profile = Profile {
    kind: GatewayKind::Mollie,
    id: "mollie",
    name: "Mollie",
    names: &[],
    pay_hosts: ["www.mollie.com", "www.mollie.com"],
    asks_for_card: true,
    currencies: &[
        "AED", "AUD", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "JPY", "MXN", "MYR", "NOK", "NZD",
        "PHP", "PLN", "RON", "SEK", "SGD", "THB", "USD", "ZAR",
    ],
    rules: GatewayRules {
        smallest: 100,
        largest: 5_000_000,
        session_minutes: 15,
        grace_minutes: 5,
        watch_hours: 2_500,
        smallest_in: BTreeMap::new(),
        largest_in: BTreeMap::new(),
    },
    smallest_in: &[],
    largest_in: &[],
    confirming_takes_the_money: false,
    look_up: LookUp::AnyTime,
    no_may_become_yes: false,
    can_close: true,
    webhooks: Webhooks::Unsigned,
    has_lists: true,
    shows_refunds: true,
    shows_disputes: true,
    refund_methods: REFUND,
    processing_days: 30,
    network: Network::International,
    credentials: &[CredentialField {
        name: "api_key",
        description: "The API key of the profile.",
        is_required: true,
        is_secret: true,
        form: Form::Text { live: &["live_"], sandbox: &["test_"], of: Alphabet::Word, least: 30, most: 100 },
    }],
};

/// A payment link lives at least 15 minutes by their clock. The smallest amount is one rupee, also of a refund; the largest
/// is the account's own and is not published. Currencies other than the rupee have to be enabled there. A bank may say yes
/// three days after its no, and what nobody captures goes back within five days of that.
static RAZORPAY: Profile = Profile {
    kind: GatewayKind::Razorpay,
    id: "razorpay",
    name: "Razorpay",
    names: &[],
    pay_hosts: ["rzp.io", "rzp.io"],
    asks_for_card: true,
    currencies: &["AED", "AUD", "CAD", "EUR", "GBP", "INR", "SGD", "USD"],
    rules: GatewayRules {
        smallest: 100,
        largest: 50_000_000,
        session_minutes: 20,
        grace_minutes: 5,
        watch_hours: 120,
        smallest_in: BTreeMap::new(),
        largest_in: BTreeMap::new(),
    },
    smallest_in: &[],
    largest_in: &[],
    confirming_takes_the_money: false,
    look_up: LookUp::AnyTime,
    no_may_become_yes: true,
    can_close: true,
    webhooks: Webhooks::Signed,
    has_lists: true,
    shows_refunds: true,
    shows_disputes: true,
    refund_methods: &[RefundMethod { kind: RefundKind::Refund { smallest: 100 }, needs: &[] }],
    processing_days: 6,
    network: Network::International,
    credentials: &[
        CredentialField {
            name: "key_id",
            description: "The id of the API key.",
            is_required: true,
            is_secret: false,
            form: Form::Text { live: &["rzp_live_"], sandbox: &["rzp_test_"], of: Alphabet::Word, least: 1, most: 64 },
        },
        CredentialField {
            name: "key_secret",
            description: "The secret of the API key.",
            is_required: true,
            is_secret: true,
            form: any(Alphabet::Visible, 1, 200),
        },
        CredentialField {
            name: "webhook_secret",
            description: "The secret of the webhook.",
            is_required: false,
            is_secret: true,
            form: any(Alphabet::Visible, 1, 200),
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse_host;

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
            for (code, most) in profile.largest_in {
                assert!(profile.currencies.contains(code) && *most > profile.rules.smallest, "{code}");
            }
            for code in profile.currencies {
                assert!(Currency::parse(code).is_ok(), "{code} of {}", profile.name);
            }
            assert!(profile.rules.smallest > 0 && profile.rules.smallest < profile.rules.largest);
            assert!(profile.rules.watch_hours * 60 >= profile.rules.session_minutes + profile.rules.grace_minutes);
            for (code, name) in profile.names {
                let language = Language::ALL.into_iter().find(|language| language.code() == *code).unwrap();
                assert_eq!(profile.name_in(language), *name);
            }
            assert_eq!(profile.name_in(Language::EN), profile.name);
            for mode in Mode::ALL {
                assert_eq!(parse_host(profile.pay_host(mode)).as_deref(), Ok(profile.pay_host(mode)));
            }
            assert!(profile.processing_days > 0 && !profile.refund_methods.is_empty());
            for name in profile.refund_methods.iter().flat_map(|method| method.needs) {
                assert!(profile.credentials.iter().any(|field| field.name == *name && !field.is_required), "{name}");
            }
        }
    }
}

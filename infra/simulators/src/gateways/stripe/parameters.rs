//! The parameters of a call and what they ask for: which are known, what each may hold, how Stripe refuses the rest.
//!
//! A parameter or a rule about one is added here and nowhere else. Nothing here reads or changes the books.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::ledger::display;
use super::{Call, ID_PLACEHOLDER, Refusal};

/// In the currency's smallest unit.
const LARGEST_AMOUNT: u64 = 99_999_999;
/// How long a session may stay open, in seconds after its creation; the longest is also the default.
const OPEN_FOR_S: std::ops::RangeInclusive<i64> = 1_800..=86_400;

/// The presentment currencies, as Stripe writes them. The rial is not among them.
const CURRENCIES: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp \
    byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd \
    hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk \
    mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar \
    sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof \
    xpf yer zar zmw";
/// What the payment page can be written in. Persian is not among it.
const LOCALES: [&str; 41] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv",
    "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// The parameters of a call by their full names, such as `line_items[0][quantity]`. They are taken out one by one; what
/// is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Parameters(pub(super) BTreeMap<String, String>);

impl Parameters {
    /// Brackets may be percent-encoded or not; the official clients differ.
    pub(super) fn parse(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    fn optional(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.0.remove(name) {
            Some(value) if value.is_empty() => Err(Refusal::new(format!(
                "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; \
                 however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty \
                 value."
            ))
            .code("parameter_invalid_empty")
            .param(name)),
            value => Ok(value),
        }
    }

    fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.optional(name)?.ok_or_else(|| missing_parameter(name))
    }

    pub(super) fn one_of(&mut self, name: &str, allowed: &[&str]) -> Result<Option<String>, Refusal> {
        match self.optional(name)? {
            Some(value) if !allowed.contains(&value.as_str()) => {
                Err(Refusal::new(format!("Invalid {name}: must be one of {}", allowed.join(", "))).param(name))
            }
            value => Ok(value),
        }
    }

    fn limited(&mut self, name: &str, limit: usize) -> Result<Option<String>, Refusal> {
        match self.optional(name)? {
            Some(value) if value.chars().count() > limit => {
                Err(Refusal::new(format!("Invalid string: must be at most {limit} characters")).param(name))
            }
            value => Ok(value),
        }
    }

    /// A whole number that is not zero.
    fn whole(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.optional(name)? else {
            return Ok(None);
        };
        match value.parse::<i64>().map(u64::try_from) {
            Ok(Ok(number)) if number > 0 => Ok(Some(number)),
            Ok(_) => Err(Refusal::new("This value must be greater than or equal to 1.")
                .code("parameter_invalid_integer")
                .param(name)),
            Err(_) => {
                Err(Refusal::new(format!("Invalid integer: {value}")).code("parameter_invalid_integer").param(name))
            }
        }
    }

    /// With a live key every address has to be an HTTPS one.
    fn web_address(&mut self, name: &str, livemode: bool) -> Result<Option<String>, Refusal> {
        let Some(value) = self.optional(name)? else {
            return Ok(None);
        };
        let url = Url::parse(&value.replace(ID_PLACEHOLDER, "id"));
        match url.as_ref().map(Url::scheme) {
            Ok("https") => Ok(Some(value)),
            Ok("http") if !livemode => Ok(Some(value)),
            Ok("http") => Err(Refusal::new("Livemode requests must always be redirected via HTTPS.").param(name)),
            Ok(_) | Err(_) => Err(Refusal::new("Not a valid URL").code("url_invalid").param(name)),
        }
    }

    /// At most 50 pairs with keys up to 40 and values up to 500 characters.
    fn map(&mut self, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let prefix = format!("{name}[");
        let full_names: Vec<String> = self.0.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
        let mut pairs = BTreeMap::new();
        for full_name in full_names {
            let key = full_name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
            let value = self.0.remove(&full_name).unwrap_or_default();
            if key.is_empty() || key.contains(['[', ']']) || key.chars().count() > 40 {
                let reason = "Metadata keys must have between 1 and 40 characters and no square brackets.";
                return Err(Refusal::new(reason).param(&full_name));
            }
            if value.chars().count() > 500 {
                let reason = "Metadata values can have up to 500 characters.";
                return Err(Refusal::new(reason).param(&full_name));
            }
            pairs.insert(key.to_owned(), value);
        }
        if pairs.len() > 50 {
            return Err(Refusal::new("Metadata can have up to 50 keys.").param(name));
        }
        Ok(pairs)
    }

    fn has_any(&self, prefix: &str) -> bool {
        self.0.keys().any(|name| name.starts_with(prefix))
    }

    pub(super) fn finish(&self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(Refusal::new(format!("Received unknown parameter: {name}")).code("parameter_unknown").param(name))
            }
        }
    }
}

fn missing_parameter(name: &str) -> Refusal {
    Refusal::new(format!("Missing required param: {name}.")).code("parameter_missing").param(name)
}

/// What a create asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) lines: Vec<Line>,
    pub(super) currency: String,
    pub(super) amount_total: u64,
    pub(super) success_url: String,
    pub(super) cancel_url: Option<String>,
    pub(super) client_reference_id: Option<String>,
    pub(super) customer_email: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) submit_type: Option<String>,
    pub(super) adaptive_pricing: bool,
    pub(super) metadata: BTreeMap<String, String>,
    /// KeptPayment on the payment and its charge, not on the session.
    pub(super) payment_metadata: BTreeMap<String, String>,
    pub(super) expires_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) name: String,
    quantity: u64,
    unit_amount: u64,
}

impl Order {
    pub(super) fn parse(call: &mut Call) -> Result<Self, Refusal> {
        let (livemode, now) = (call.livemode, call.now);
        let parameters = &mut call.parameters;
        parameters.one_of("mode", &["payment"])?.ok_or_else(|| missing_parameter("mode"))?;
        parameters.one_of("ui_mode", &["hosted", "hosted_page"])?;
        parameters.one_of("payment_method_types[0]", &["card"])?;
        parameters.optional("payment_intent_data[description]")?;
        let (currency, lines) = Line::parse_all(parameters)?;
        let adaptive_pricing = parameters.one_of("adaptive_pricing[enabled]", &["true", "false"])?;
        let order = Self {
            amount_total: total(&lines, &currency)?,
            lines,
            currency,
            success_url: parameters
                .web_address("success_url", livemode)?
                .ok_or_else(|| missing_parameter("success_url"))?,
            cancel_url: parameters.web_address("cancel_url", livemode)?,
            client_reference_id: parameters.limited("client_reference_id", 200)?,
            customer_email: email(parameters)?,
            locale: parameters.one_of("locale", &LOCALES)?,
            submit_type: parameters.one_of("submit_type", &["auto", "book", "donate", "pay"])?,
            adaptive_pricing: adaptive_pricing.as_deref() != Some("false"),
            metadata: parameters.map("metadata")?,
            payment_metadata: parameters.map("payment_intent_data[metadata]")?,
            expires_at: expiry(parameters, now)?,
        };
        parameters.finish()?;
        Ok(order)
    }
}

impl Line {
    /// All lines of a session are in one currency.
    fn parse_all(parameters: &mut Parameters) -> Result<(String, Vec<Self>), Refusal> {
        let mut lines = Vec::new();
        let mut common_currency: Option<String> = None;
        while parameters.has_any(&format!("line_items[{}]", lines.len())) {
            let (currency, line) = Self::parse(parameters, lines.len())?;
            if common_currency.as_ref().is_some_and(|common| *common != currency) {
                return Err(Refusal::new("All line items must have the same currency.").param("line_items"));
            }
            common_currency = Some(currency);
            lines.push(line);
        }
        match common_currency {
            Some(currency) => Ok((currency, lines)),
            None => Err(missing_parameter("line_items")),
        }
    }

    fn parse(parameters: &mut Parameters, index: usize) -> Result<(String, Self), Refusal> {
        let item = format!("line_items[{index}]");
        let price = format!("{item}[price_data]");
        let currency_name = format!("{price}[currency]");
        let amount_name = format!("{price}[unit_amount]");

        let currency = parameters.required(&currency_name)?;
        check_currency(&currency, &currency_name)?;
        let unit_amount = parameters.whole(&amount_name)?.ok_or_else(|| missing_parameter(&amount_name))?;
        check_step(unit_amount, &currency, &amount_name)?;
        parameters.optional(&format!("{price}[product_data][description]"))?;
        let name = parameters.required(&format!("{price}[product_data][name]"))?;
        let quantity_name = format!("{item}[quantity]");
        let quantity = parameters.whole(&quantity_name)?.ok_or_else(|| missing_parameter(&quantity_name))?;
        Ok((currency, Self { name, quantity, unit_amount }))
    }
}

fn check_currency(currency: &str, param: &str) -> Result<(), Refusal> {
    if CURRENCIES.split(' ').any(|known| known == currency) {
        return Ok(());
    }
    let known = CURRENCIES.replace(' ', ", ");
    let message = format!("Invalid currency: {currency}. Stripe currently supports these currencies: {known}");
    Err(Refusal::new(message).param(param))
}

/// Some currencies are counted in smaller units than they are paid in.
fn check_step(unit_amount: u64, currency: &str, param: &str) -> Result<(), Refusal> {
    let step = match currency {
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        "isk" | "ugx" => 100,
        _ => 1,
    };
    if unit_amount.is_multiple_of(step) {
        return Ok(());
    }
    Err(Refusal::new(format!("Invalid amount: amounts in {currency} must be divisible by {step}.")).param(param))
}

/// The smallest charge is worth about half a US dollar. Stripe publishes the figure for its main currencies; for the
/// others it converts, which is not simulated.
fn smallest_amount(currency: &str) -> u64 {
    match currency {
        "gbp" => 30,
        "usd" | "eur" | "aud" | "brl" | "cad" | "chf" | "inr" | "jpy" | "nzd" | "sgd" => 50,
        "bgn" => 100,
        "aed" | "myr" | "pln" | "ron" => 200,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "hkd" => 400,
        "mxn" | "thb" => 1_000,
        "czk" => 1_500,
        "huf" => 17_500,
        _ => 1,
    }
}

fn total(lines: &[Line], currency: &str) -> Result<u64, Refusal> {
    let total = lines
        .iter()
        .try_fold(0_u64, |total, line| line.unit_amount.checked_mul(line.quantity)?.checked_add(total))
        .filter(|total| *total <= LARGEST_AMOUNT);
    let Some(total) = total else {
        let most = display(LARGEST_AMOUNT, currency);
        let message = format!("The Checkout Session's total amount must be no more than {most}");
        return Err(Refusal::new(message).code("amount_too_large"));
    };
    if total < smallest_amount(currency) {
        let least = display(smallest_amount(currency), currency);
        let message = format!("The Checkout Session's total amount due must add up to at least {least}");
        return Err(Refusal::new(message).code("amount_too_small"));
    }
    Ok(total)
}

fn email(parameters: &mut Parameters) -> Result<Option<String>, Refusal> {
    match parameters.optional("customer_email")? {
        Some(email) if !email.contains('@') || email.contains(char::is_whitespace) => {
            Err(Refusal::new(format!("Invalid email address: {email}")).code("email_invalid").param("customer_email"))
        }
        email => Ok(email),
    }
}

/// Unix seconds, 30 minutes to 24 hours after the creation by Stripe's clock. The real refusals name no parameter.
fn expiry(parameters: &mut Parameters, now: Timestamp) -> Result<Timestamp, Refusal> {
    let open_for_s = match parameters.whole("expires_at")? {
        None => *OPEN_FOR_S.end(),
        Some(expires_at) => i64::try_from(expires_at).unwrap_or(i64::MAX).saturating_sub(now.as_second()),
    };
    if open_for_s < *OPEN_FOR_S.start() {
        let message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.";
        return Err(Refusal::new(message));
    }
    let message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.";
    if open_for_s > *OPEN_FOR_S.end() {
        return Err(Refusal::new(message));
    }
    Timestamp::from_second(now.as_second().saturating_add(open_for_s)).map_err(|_| Refusal::new(message))
}

/// What a refund asks for.
pub(super) struct RefundOrder {
    /// The parameter that named the payment.
    pub(super) param: &'static str,
    /// Of the payment intent or of its charge.
    pub(super) id: String,
    /// All that is left, where it is not said.
    pub(super) amount: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl RefundOrder {
    pub(super) fn parse(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let (param, id) = match (parameters.optional("payment_intent")?, parameters.optional("charge")?) {
            (Some(id), None) => ("payment_intent", id),
            (None, Some(id)) => ("charge", id),
            (None, None) => return Err(missing_parameter("charge")),
            (Some(_), Some(_)) => {
                return Err(Refusal::new("You may only specify one of these parameters: charge, payment_intent."));
            }
        };
        let order = Self {
            param,
            id,
            amount: parameters.whole("amount")?,
            reason: parameters.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?,
            metadata: parameters.map("metadata")?,
        };
        parameters.finish()?;
        Ok(order)
    }
}

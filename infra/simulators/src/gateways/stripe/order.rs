//! What a call asks for: the session of a create and the money of a refund, with every rule about them.
//!
//! A parameter or a rule about one is added here and nowhere else. Nothing here reads or changes the books.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::currencies::{check_currency, check_step, display, largest_amount, smallest_amount};
use super::lists::PageQuery;
use super::parameters::{Parameters, missing_parameter};

/// How long a session may stay open, in seconds after its creation; the longest is also the default.
const OPEN_FOR_S: RangeInclusive<i64> = 1_800..=86_400;

/// What the payment page can be written in. Persian is not among it.
const LOCALES: [&str; 41] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv",
    "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

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
    /// Kept on the payment and its charge, not on the session.
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
    pub(super) fn parse(parameters: &mut Parameters, livemode: bool, now: Timestamp) -> Result<Self, Refusal> {
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

fn total(lines: &[Line], currency: &str) -> Result<u64, Refusal> {
    let total = lines
        .iter()
        .try_fold(0_u64, |total, line| line.unit_amount.checked_mul(line.quantity)?.checked_add(total))
        .filter(|total| *total <= largest_amount(currency));
    let Some(total) = total else {
        let most = display(largest_amount(currency), currency);
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

/// A payment as a call names it.
pub(super) struct NamedPayment {
    /// The parameter that named it.
    pub(super) param: &'static str,
    /// Of the payment intent or of its charge.
    pub(super) id: String,
}

impl NamedPayment {
    fn parse(parameters: &mut Parameters) -> Result<Option<Self>, Refusal> {
        match (parameters.optional("payment_intent")?, parameters.optional("charge")?) {
            (Some(id), None) => Ok(Some(Self { param: "payment_intent", id })),
            (None, Some(id)) => Ok(Some(Self { param: "charge", id })),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(Refusal::new("You may only specify one of these parameters: charge, payment_intent."))
            }
        }
    }
}

/// Which refunds or disputes a list shows.
pub(super) struct PaymentQuery {
    /// Those of every payment, where none is named.
    pub(super) payment: Option<NamedPayment>,
    pub(super) page: PageQuery,
}

impl PaymentQuery {
    pub(super) fn parse(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let payment = NamedPayment::parse(parameters)?;
        let page = PageQuery::parse(parameters)?;
        parameters.finish()?;
        Ok(Self { payment, page })
    }
}

/// How many things a list shows at most.
pub(super) fn limit(parameters: &mut Parameters) -> Result<usize, Refusal> {
    match usize::try_from(parameters.whole("limit")?.unwrap_or(10)) {
        Ok(limit) if limit <= 100 => Ok(limit),
        Ok(_) | Err(_) => Err(Refusal::new("This value must be less than or equal to 100 (it currently is more).")
            .code("parameter_invalid_integer")
            .param("limit")),
    }
}

/// Which sessions a list shows.
pub(super) struct SessionQuery {
    /// In unix seconds.
    pub(super) created_before: Option<u64>,
    pub(super) limit: usize,
}

impl SessionQuery {
    /// Other filters, and pages after the first, are not simulated.
    pub(super) fn parse(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let query = Self { created_before: parameters.whole("created[lt]")?, limit: limit(parameters)? };
        parameters.finish()?;
        Ok(query)
    }
}

/// What a refund asks for.
pub(super) struct RefundOrder {
    pub(super) payment: NamedPayment,
    /// All that is left, where it is not said.
    pub(super) amount: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl RefundOrder {
    pub(super) fn parse(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let order = Self {
            payment: NamedPayment::parse(parameters)?.ok_or_else(|| missing_parameter("charge"))?,
            amount: parameters.whole("amount")?,
            reason: parameters.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?,
            metadata: parameters.map("metadata")?,
        };
        parameters.finish()?;
        Ok(order)
    }
}

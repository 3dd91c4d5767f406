//! What a `request` may ask for: the session that it opens, or why it is refused.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::currency::Currency;
use super::fields::{Fields, check_maximum};
use super::refusal::{BAD_EXPIRE_IN, BAD_WAGES, Refusal, TOO_MANY_WAGES, WAGE_TOO_SMALL, WAGES_ABOVE_MAXIMUM};
use super::session::{Session, SessionState};

/// How long the StartPay page takes a payment. Zarinpal publishes no figure; about fifteen minutes is what is seen.
const PAGE_LIFETIME_S: i64 = 15 * 60;
/// What the service accepts as `expire_in`, in seconds.
const EXPIRE_IN_S: RangeInclusive<i64> = 1_800..=3_888_000;

impl Session {
    pub(super) fn parse(input: &Map<String, Value>, now: Timestamp) -> Result<Self, Refusal> {
        let mut fields = Fields::of(input);
        let merchant = fields.merchant();
        let currency = fields.currency();
        let amount = fields.amount(currency);
        let description = fields.description();
        let callback_url = fields.callback_url();
        let metadata = fields.metadata();
        fields.finish()?;
        check_maximum(amount, currency)?;
        check_wages(input, amount, currency)?;
        let lifetime_s = lifetime(input)?;
        Ok(Self {
            merchant,
            amount,
            currency,
            description,
            callback_url,
            metadata,
            created_at: now,
            lifetime_s,
            state: SessionState::InBank,
            panel_id: 0,
            refunds: Vec::new(),
            is_archived: false,
        })
    }
}

/// How long the payment page lives: `expire_in`, where it is given, in seconds.
fn lifetime(input: &Map<String, Value>) -> Result<i64, Refusal> {
    match input.get("expire_in") {
        None | Some(Value::Null) => Ok(PAGE_LIFETIME_S),
        Some(value) => value.as_i64().filter(|seconds| EXPIRE_IN_S.contains(seconds)).ok_or(BAD_EXPIRE_IN),
    }
}

/// Shares of the payment for other bank accounts: at most five, each of 10,000 rials or more, at most 99 % together.
fn check_wages(input: &Map<String, Value>, amount: u64, currency: Currency) -> Result<(), Refusal> {
    let wages = match input.get("wages") {
        None | Some(Value::Null) => return Ok(()),
        Some(wages) => wages.as_array().ok_or(BAD_WAGES)?,
    };
    if wages.len() > 5 {
        return Err(TOO_MANY_WAGES);
    }
    let mut total = 0_u64;
    for wage in wages {
        if !wage["iban"].as_str().is_some_and(is_iban) || !wage["description"].is_string() {
            return Err(BAD_WAGES);
        }
        let share = wage["amount"].as_u64().ok_or(BAD_WAGES)?;
        if currency.in_rials(share) < 10_000 {
            return Err(WAGE_TOO_SMALL);
        }
        total = total.saturating_add(share);
    }
    if total.saturating_mul(100) > amount.saturating_mul(99) { Err(WAGES_ABOVE_MAXIMUM) } else { Ok(()) }
}

fn is_iban(text: &str) -> bool {
    text.strip_prefix("IR").is_some_and(|rest| rest.len() == 24 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

//! Amounts as the gateway writes them: texts with exactly the decimals of their currency.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// Currencies without decimals. All others of the gateway's have two.
const WHOLE: [&str; 2] = ["JPY", "ISK"];

fn decimals(currency: &str) -> usize {
    if WHOLE.contains(&currency) { 0 } else { 2 }
}

/// Minor units of a text with exactly the decimals of its currency.
pub(super) fn amount_of(input: &Map<String, Value>) -> Result<(u64, String), Refusal> {
    let amount = input.get("amount").and_then(Value::as_object);
    let amount = amount.ok_or_else(|| Refusal::field("amount", "The amount is required"))?;
    let text = |name: &str| amount.get(name).and_then(Value::as_str);
    let currency = text("currency").filter(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()));
    let currency = currency.ok_or_else(|| Refusal::field("amount", "The amount contains an invalid currency"))?;
    let invalid = || Refusal::field("amount", "The amount contains an invalid value");
    let value = text("value").ok_or_else(invalid)?;
    let (units, fraction) = match value.split_once('.') {
        Some((units, fraction)) if !fraction.is_empty() => (units, fraction),
        Some(_) => return Err(invalid()),
        None => (value, ""),
    };
    let digits = format!("{units}{fraction}");
    if units.is_empty() || fraction.len() != decimals(currency) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    match digits.parse() {
        Ok(minor) if minor > 0 => Ok((minor, currency.to_owned())),
        Ok(_) | Err(_) => Err(Refusal::field("amount", "The amount is lower than the minimum")),
    }
}

pub(super) fn amount(minor: u64, currency: &str) -> Value {
    json!({ "currency": currency, "value": display(minor, currency) })
}

pub(super) fn display(minor: u64, currency: &str) -> String {
    match decimals(currency) {
        0 => minor.to_string(),
        _ => format!("{}.{:02}", minor / 100, minor % 100),
    }
}

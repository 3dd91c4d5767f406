//! What a new link may ask for: the sale that it opens, or why it is refused.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;

use super::parameters::Caller;
use super::refusal::Refusal;
use crate::gateways::disputes::Disputes;
use crate::gateways::hosted_checkout::{Sale, SaleState};

/// The smallest amount, in minor units: one rupee, or one whole unit of another currency.
const SMALLEST: u64 = 100;
/// A link lives from a quarter of an hour to six months, and six months unless something else is asked for.
const SHORTEST: SignedDuration = SignedDuration::from_mins(15);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 183);

/// Fields of a link that the gateway knows. It refuses every other.
const FIELDS: [&str; 15] = [
    "amount",
    "currency",
    "accept_partial",
    "first_min_partial_amount",
    "description",
    "reference_id",
    "customer",
    "expire_by",
    "notify",
    "reminder_enable",
    "notes",
    "callback_url",
    "callback_method",
    "upi_link",
    "options",
];

/// The sale that a call asks for. `is_known` says whether the merchant used a reference id before.
pub(super) fn requested_sale(
    input: &Map<String, Value>,
    caller: Caller,
    now: Timestamp,
    is_known: impl FnOnce(&str) -> bool,
) -> Result<Sale, Refusal> {
    if let Some(name) = input.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(Refusal::new(format!("{name} is/are not required and should not be sent")));
    }
    let amount = input.get("amount").and_then(Value::as_u64).filter(|amount| *amount >= SMALLEST);
    let amount = amount.ok_or_else(|| Refusal::field("amount", "The amount must be atleast INR 1.00"))?;
    let currency = currency(input)?;
    if input.get("accept_partial").is_some_and(|value| *value != false) {
        return Err(Refusal::field("accept_partial", "Partial payments are not simulated here"));
    }
    let description = text(input, "description");
    if description.chars().count() > 2_048 {
        return Err(Refusal::field("description", "The description may not be greater than 2048 characters"));
    }
    let order = text(input, "reference_id");
    if order.chars().count() > 40 {
        return Err(Refusal::field("reference_id", "The reference id may not be greater than 40 characters"));
    }
    if !order.is_empty() && is_known(&order) {
        let description = format!("payment link with given reference_id ({order}) already exists");
        return Err(Refusal::field("reference_id", description));
    }
    let ends_at = end(input, now)?;
    let back = callback_url(input)?;
    let notes = notes(input)?;
    Ok(Sale {
        owner: caller.owner,
        is_live: caller.is_live,
        amount,
        currency,
        description,
        order,
        back,
        notify: None,
        // The secret signs the way back. It is a simulator's, and opens nothing.
        metadata: json!({ "notes": notes, "secret": caller.secret }),
        created_at: now,
        ends_at,
        state: SaleState::Open,
        payment: None,
        failures: Vec::new(),
        declined: None,
        refunded: 0,
        refunds: Vec::new(),
        disputes: Disputes::default(),
        is_reversed: false,
        can_be_cancelled: false,
    })
}

/// A text that may be left out.
fn text(input: &Map<String, Value>, name: &str) -> String {
    input.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn currency(input: &Map<String, Value>) -> Result<String, Refusal> {
    let currency = Some(text(input, "currency")).filter(|code| !code.is_empty()).unwrap_or_else(|| "INR".to_owned());
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(Refusal::field("currency", "The currency is not supported"));
    }
    Ok(currency)
}

fn end(input: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let Some(second) = input.get("expire_by").and_then(Value::as_i64) else {
        return Ok(now + LONGEST);
    };
    let at = Timestamp::from_second(second).unwrap_or(now);
    let left = at.duration_since(now);
    if left < SHORTEST || left > LONGEST {
        let description = "expire_by should be at least 15 minutes after current time";
        return Err(Refusal::field("expire_by", description));
    }
    Ok(at)
}

fn callback_url(input: &Map<String, Value>) -> Result<String, Refusal> {
    let back = text(input, "callback_url");
    let is_web = Url::parse(&back).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !back.is_empty() && (!is_web || text(input, "callback_method") != "get") {
        return Err(Refusal::field("callback_url", "The callback url or its method is invalid"));
    }
    Ok(back)
}

fn notes(input: &Map<String, Value>) -> Result<Value, Refusal> {
    let notes = input.get("notes").cloned().unwrap_or_else(|| json!([]));
    let is_note = |note: &Value| note.as_str().is_some_and(|text| text.chars().count() <= 256);
    if notes.as_object().is_some_and(|notes| notes.len() > 15 || !notes.values().all(is_note)) {
        return Err(Refusal::field("notes", "Number of fields in notes should be less than or equal to 15"));
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::credential::Credential;

    fn request(changes: Value) -> Result<Sale, Refusal> {
        let mut input = Map::new();
        let order = json!({
            "amount": 50_000, "currency": "INR", "reference_id": "at_1", "callback_method": "get",
            "callback_url": "http://localhost:9000/back", "notes": { "link": "pl_1" },
        });
        for fields in [order, changes] {
            input.extend(fields.as_object().cloned().unwrap_or_default());
        }
        let caller = Caller { owner: Credential::of("rzp_test_1"), secret: "secret".to_owned(), is_live: false };
        requested_sale(&input, caller, Timestamp::UNIX_EPOCH, |order| order == "at_used")
    }

    #[test]
    fn a_link_lives_for_the_longest_time_unless_it_says_another() {
        let ends_at = |changes: Value| request(changes).map(|sale| sale.ends_at.as_second()).ok();
        assert_eq!(ends_at(json!({})), Some(LONGEST.as_secs()));
        assert_eq!(ends_at(json!({ "expire_by": 900 })), Some(900));
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (changes, field) in [
            (json!({ "colour": "blue" }), None),
            (json!({ "amount": 99 }), Some("amount")),
            (json!({ "currency": "inr" }), Some("currency")),
            (json!({ "accept_partial": true }), Some("accept_partial")),
            (json!({ "description": "x".repeat(2_049) }), Some("description")),
            (json!({ "reference_id": "x".repeat(41) }), Some("reference_id")),
            (json!({ "reference_id": "at_used" }), Some("reference_id")),
            (json!({ "expire_by": 899 }), Some("expire_by")),
            (json!({ "callback_url": "nowhere" }), Some("callback_url")),
            (json!({ "callback_method": "post" }), Some("callback_url")),
            (json!({ "notes": { "link": "x".repeat(257) } }), Some("notes")),
        ] {
            let shown = changes.to_string();
            assert_eq!(request(changes).err().map(|refusal| refusal.field), Some(field), "{shown}");
        }
    }
}

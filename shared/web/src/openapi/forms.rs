//! The forms of texts and numbers in bodies. A field names its form as `format`, and here is what that means in keywords
//! that every reader of the document knows. `tests/tests/suite/openapi/limits.rs` sends what each form allows and what
//! is just beyond it.

use domain::business::reminders::{LONGEST_DISTANCE_DAYS, LONGEST_DISTANCE_HOURS};
use domain::link::LONGEST_DAYS;
use domain::money::LARGEST_AMOUNT;
use domain::records::relay::MAX_SECONDS;
use domain::text::LONGEST_ADDRESS;
use serde_json::{Map, Value, json};

/// What the CRM calls a record.
pub const ID: &str = "id";

/// Puts the keywords of a form into the place of its name. Formats that everybody knows stay.
pub(super) fn write_out(object: &mut Map<String, Value>) {
    let Some(keywords) = object.get("format").and_then(Value::as_str).and_then(keywords) else { return };
    object.remove("format");
    if let Value::Object(keywords) = keywords {
        object.extend(keywords);
    }
}

fn keywords(form: &str) -> Option<Value> {
    let length =
        |least: usize, most: usize, pattern: &str| json!({ "minLength": least, "maxLength": most, "pattern": pattern });
    let range = |least: i64, most: i64| json!({ "format": "int64", "minimum": least, "maximum": most });
    // One that is filled has something in it, another text may be empty.
    if let Some(most) = form.strip_prefix("filled-").and_then(|most| most.parse::<usize>().ok()) {
        return Some(json!({ "minLength": 1, "maxLength": most }));
    }
    if let Some(most) = form.strip_prefix("text-").and_then(|most| most.parse::<usize>().ok()) {
        return Some(json!({ "maxLength": most }));
    }
    Some(match form {
        ID => length(1, 64, "^[A-Za-z0-9._-]+$"),
        "business-id" => length(1, 32, "^[a-z0-9-]+$"),
        "color" => json!({ "pattern": "^#[0-9a-fA-F]{6}$" }),
        "web-address" => json!({ "format": "iri", "maxLength": LONGEST_ADDRESS }),
        "public-address" => json!({ "format": "iri" }),
        "email-address" => json!({ "format": "idn-email", "maxLength": 254 }),
        "currency" => json!({ "pattern": "^[A-Z]{3}$" }),
        "amount" => range(-LARGEST_AMOUNT, LARGEST_AMOUNT),
        "amount-refunded" => range(1, LARGEST_AMOUNT),
        "amount-due" => range(0, LARGEST_AMOUNT),
        "quota" => range(1, i64::from(u32::MAX)),
        "overlap-hours" => range(0, 168),
        "days" => range(0, LONGEST_DAYS),
        "sms-segments" => range(1, 10),
        "reminder-days" => range(1, LONGEST_DISTANCE_DAYS),
        "reminder-hours" => range(1, LONGEST_DISTANCE_HOURS),
        "clock-time" => json!({ "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$" }),
        "relay-seconds" => range(1, i64::try_from(MAX_SECONDS).unwrap_or(i64::MAX)),
        "relay-header" => length(1, 64, "^[A-Za-z][A-Za-z0-9-]*$"),
        "relay-secret" => length(16, 200, "^[!-~]+$"),
        "social-id" => json!({ "minLength": 1 }),
        "host" => json!({ "minLength": 1, "maxLength": 253 }),
        "sms-sender-id" => length(3, 11, "^[A-Za-z0-9-]+$"),
        "sms-prefix" => json!({ "pattern": "^\\+([1-9][0-9]{0,6})?$" }),
        "origination-number" => json!({ "pattern": "^\\+?[0-9]{5,14}$" }),
        "registration-id" => length(1, 50, "^[!-~]+$"),
        "template-name" => length(1, 100, "^[A-Za-z0-9_-]+$"),
        "placeholder-name" => length(1, 100, "^[a-z0-9_]+$"),
        "reason-word" => length(1, 64, "^[a-z_]+$"),
        "visible-100" => length(1, 100, "^[!-~]+$"),
        "sms-line" => json!({ "pattern": "^[0-9]{3,20}$" }),
        "phone-number-id" => json!({ "pattern": "^phone-number-id-[A-Za-z0-9]{1,99}$" }),
        "picture" => json!({ "pattern": "^data:image/(png|jpeg);base64," }),
        _ => return None,
    })
}

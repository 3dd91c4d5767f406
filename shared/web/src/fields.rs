//! Fields that making and changing a link have in common, read the same way in both.

use std::collections::BTreeMap;

use domain::ids::{FieldKey, ReceiptTypeId};
use domain::requests::create::AfterPaymentRequest;
use domain::text::parse_text;
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::{Given, Unknown, refuse_unknown};

/// The longest description, in characters: what every gateway shows whole.
const LONGEST_DESCRIPTION: usize = 500;

/// The text that the payer reads at the gateway and in messages.
pub fn read_description(given: Given<String>, problems: &mut Problems) -> Field<String> {
    given.text("/description", problems, |text| parse_text(text, LONGEST_DESCRIPTION))
}

/// What the CRM wants to find on the link again.
pub fn read_metadata(
    given: Given<BTreeMap<String, String>>,
    problems: &mut Problems,
) -> Field<BTreeMap<String, String>> {
    given.parse("/metadata", problems, check_metadata)
}

/// A flat map of at most 20 pairs, keys up to 40 and values up to 500 characters.
fn check_metadata(metadata: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Rejection> {
    let too_large = |detail: &str| Err(Rejection::new("metadata_too_large", detail));
    if metadata.len() > 20 {
        return too_large("At most 20 pairs are allowed.");
    }
    for (key, value) in &metadata {
        if key.is_empty() || key.chars().count() > 40 || value.chars().count() > 500 {
            return too_large("A key has 1 to 40 characters, a value at most 500.");
        }
        parse_text(key, 40)?;
        parse_text(value, 500)?;
    }
    Ok(metadata)
}

/// Reads an object within the body; a wrong shape is reported and counts as an empty one.
pub fn nested<T, U: Default>(
    given: Given<T>,
    at: &str,
    problems: &mut Problems,
    read: impl FnOnce(T, &mut Problems) -> U,
) -> U {
    match given.field(at, problems) {
        Field::Value(body) => read(body, problems),
        Field::Absent | Field::Refused => U::default(),
    }
}

/// What is recorded once the money is there.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AfterPaymentBody)]
pub struct AfterPaymentBody {
    /// Whether a receipt is registered once the money is there. Left out, one is when a link is made, and nothing
    /// changes when it is changed.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    register_receipt: Given<bool>,
    /// The type of the receipt: one without sub-types. Left out, `default_receipt_type_id` of the settings when a link
    /// is made, and as it was when it is changed. Without a receipt it cannot be given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    receipt_type_id: Given<String>,
    /// The key of the item's receipt field that the receipt is attached to, one of `receipt_fields` of the item that
    /// the link is made on. Left out, it is attached to none when a link is made, and as it was when it is changed.
    /// Without a receipt it cannot be given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    receipt_field: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl AfterPaymentBody {
    pub fn read(self, problems: &mut Problems) -> AfterPaymentRequest {
        let p = problems;
        refuse_unknown("/after_payment", self.unknown, p);
        AfterPaymentRequest {
            register_receipt: self.register_receipt.field("/after_payment/register_receipt", p),
            receipt_type_id: self.receipt_type_id.text("/after_payment/receipt_type_id", p, ReceiptTypeId::parse),
            receipt_field: self.receipt_field.text("/after_payment/receipt_field", p, FieldKey::parse),
        }
    }
}

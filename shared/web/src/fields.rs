//! Fields that making and changing a link have in common, read the same way in both.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::ids::{FieldKey, ReceiptTypeId};
use domain::requests::amend::MOST_METADATA;
use domain::requests::create::AfterPaymentRequest;
use domain::text::parse_text;
use domain::{Field, Problems, Rejection, pointer_to};
use serde::Deserialize;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::body::{Given, GivenTexts, Unknown, refuse_unknown};

/// The longest description, in characters: what every gateway shows whole.
const LONGEST_DESCRIPTION: usize = 500;

/// The longest note, in characters.
const LONGEST_INTERNAL_NOTE: usize = 500;

/// The text that the payer reads at the gateway and in messages.
pub fn read_description(given: Given<String>, problems: &mut Problems) -> Field<String> {
    given.text("/description", problems, parse_description)
}

/// The same in a change: an empty text takes it away, and so does `null`.
pub fn read_changed_description(given: Given<String>, problems: &mut Problems) -> Field<String> {
    given.change("/description", problems, |text| parse_description(&text)).map(Option::unwrap_or_default)
}

fn parse_description(text: &str) -> Result<String, Rejection> {
    parse_text(text, LONGEST_DESCRIPTION)
}

/// What nobody but the CRM reads.
pub fn read_internal_note(given: Given<String>, problems: &mut Problems) -> Field<String> {
    given.text("/internal_note", problems, parse_internal_note)
}

/// The same in a change: an empty text takes it away, and so does `null`.
pub fn read_changed_internal_note(given: Given<String>, problems: &mut Problems) -> Field<String> {
    given.change("/internal_note", problems, |text| parse_internal_note(&text)).map(Option::unwrap_or_default)
}

fn parse_internal_note(text: &str) -> Result<String, Rejection> {
    parse_text(text, LONGEST_INTERNAL_NOTE)
}

/// What the CRM wants to find on the link again: at most 20 pairs of texts, keys of 1 to 40 and values of at most 500
/// characters. Whatever is wrong with a pair is said of its key.
pub fn read_metadata(given: GivenTexts, problems: &mut Problems) -> Field<BTreeMap<String, String>> {
    const AT: &str = "/metadata";
    let metadata = match given.texts(AT, problems) {
        Field::Value(metadata) => metadata,
        left_out_or_refused => return left_out_or_refused,
    };
    let mut is_refused = false;
    if metadata.len() > MOST_METADATA {
        problems.refuse(AT, "metadata_too_large", format!("At most {MOST_METADATA} pairs are allowed."));
        is_refused = true;
    }
    for (key, value) in &metadata {
        if let Err(rejection) = check_pair(key, value) {
            problems.add(pointer_to(AT, key), rejection);
            is_refused = true;
        }
    }
    if is_refused { Field::Refused } else { Field::Value(metadata) }
}

/// The same in a change, which is laid over what there is: a pair that is `null` is taken away, and `null` alone takes all
/// of them away.
pub fn read_changed_metadata(
    given: GivenTexts,
    problems: &mut Problems,
) -> Field<Option<BTreeMap<String, Option<String>>>> {
    given.or_none(|given| {
        given.read("/metadata", problems, |pairs, at, p| {
            let (mut read, mut is_refused) = (BTreeMap::new(), false);
            for (key, value) in pairs {
                match value.change(pointer_to(at, &key), p, |value| check_pair(&key, &value).map(|()| value)) {
                    Field::Value(value) => drop(read.insert(key, value)),
                    Field::Absent => {}
                    Field::Refused => is_refused = true,
                }
            }
            if is_refused { Field::Refused } else { Field::Value(read) }
        })
    })
}

fn check_pair(key: &str, value: &str) -> Result<(), Rejection> {
    if key.is_empty() || key.chars().count() > 40 || value.chars().count() > 500 {
        return Err(Rejection::new("metadata_too_large", "A key has 1 to 40 characters, a value at most 500."));
    }
    parse_text(key, 40)?;
    parse_text(value, 500)?;
    Ok(())
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
#[schema(as = AfterPaymentInput)]
pub struct AfterPaymentBody {
    /// Whether a receipt is registered once the money is there. Left out, one is when a link is made, and nothing
    /// changes when it is changed.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    register_receipt: Given<bool>,
    /// The type of the receipt: one without sub-types. Left out, `default_receipt_type_id` of the settings when a link
    /// is made, and as it was when it is changed, where `null` takes it away. Without a receipt it cannot be given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    receipt_type_id: Given<String>,
    /// The key of the item's receipt field that the receipt is attached to, one of `receipt_fields` of the item that
    /// the link is made on. Left out, it is attached to none when a link is made, and as it was when it is changed,
    /// where `null` detaches it. Without a receipt it cannot be given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    receipt_field: Given<String>,
    /// Whether those who are told of the link are told of its payments and refunds too, each with the address of the receipt.
    /// Left out, as `send_receipts` of the settings says when a link is made, and nothing changes when it is changed.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    send_receipt: Given<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl AfterPaymentBody {
    /// What a new link records. `null` leaves a field out.
    pub fn read(self, problems: &mut Problems) -> AfterPaymentRequest {
        let AfterPaymentRequest { register_receipt, receipt_type_id, receipt_field, send_receipt } =
            self.read_fields(problems);
        AfterPaymentRequest {
            register_receipt,
            send_receipt,
            receipt_type_id: without_null(receipt_type_id),
            receipt_field: without_null(receipt_field),
        }
    }

    /// What is changed of it. `null` takes a field away, but for whether there is a receipt and whether it is sent, each of which is
    /// one or the other.
    pub fn read_change(mut self, problems: &mut Problems) -> AfterPaymentRequest {
        self.register_receipt = self.register_receipt.unless_null("/after_payment/register_receipt", problems);
        self.send_receipt = self.send_receipt.unless_null("/after_payment/send_receipt", problems);
        self.read_fields(problems)
    }

    fn read_fields(self, problems: &mut Problems) -> AfterPaymentRequest {
        let p = problems;
        refuse_unknown::<Self>("/after_payment", self.unknown, p);
        let type_at = "/after_payment/receipt_type_id";
        AfterPaymentRequest {
            register_receipt: self.register_receipt.field("/after_payment/register_receipt", p),
            send_receipt: self.send_receipt.field("/after_payment/send_receipt", p),
            receipt_type_id: self.receipt_type_id.change(type_at, p, |id| ReceiptTypeId::parse(&id)),
            receipt_field: self
                .receipt_field
                .change("/after_payment/receipt_field", p, |field| FieldKey::parse(&field)),
        }
    }
}

/// The shape of an [`AfterPaymentBody`] that is laid over what there is.
#[derive(Debug)]
pub enum AfterPaymentUpdate {}

impl PartialSchema for AfterPaymentUpdate {
    fn schema() -> RefOr<Schema> {
        let mut schema = AfterPaymentBody::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            for one_or_the_other in ["register_receipt", "send_receipt"] {
                if let Some(RefOr::T(Schema::Object(field))) = object.properties.get_mut(one_or_the_other) {
                    field.schema_type = SchemaType::Type(Type::Boolean);
                }
            }
        }
        schema
    }
}

impl ToSchema for AfterPaymentUpdate {
    fn name() -> Cow<'static, str> {
        "AfterPaymentUpdate".into()
    }
}

/// Where nothing can be taken away yet, `null` leaves a field out.
fn without_null<T>(field: Field<Option<T>>) -> Field<Option<T>> {
    match field {
        Field::Value(None) => Field::Absent,
        given => given,
    }
}

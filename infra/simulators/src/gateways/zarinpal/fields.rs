//! The fields of a call: how each is read, and what each may hold.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use url::Url;

use super::currency::Currency;
use super::refusal::{ABOVE_MAXIMUM, INVALID, Refusal};
use super::session::Metadata;
use crate::gateways::credential::Credential;

/// The smallest and the largest amount of one session, in rials. Several floors are documented; this is the highest.
const AMOUNT_IRR: RangeInclusive<u64> = 10_000..=1_000_000_000;

/// Reads the fields of a call and collects everything that is wrong with them, as the gateway reports all at once.
///
/// A reader answers with an empty value where it found a problem; [`Fields::finish`] then refuses the call, so that
/// such a value is never used.
pub(super) struct Fields<'a> {
    input: &'a Map<String, Value>,
    /// Put before the name of a field in a report: a field of `metadata` is reported as `metadata.mobile`.
    prefix: &'static str,
    problems: Vec<Value>,
}

/// Whose authority a call is about.
pub(super) struct AuthorityRef {
    pub(super) merchant: Credential,
    pub(super) authority: String,
}

impl<'a> Fields<'a> {
    pub(super) fn of(input: &'a Map<String, Value>) -> Self {
        Self { input, prefix: "", problems: Vec::new() }
    }

    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.problems.is_empty() { Ok(()) } else { Err(Refusal { validations: self.problems, ..INVALID }) }
    }

    fn problem(&mut self, field: &str, rule: &str) {
        let reason = format!("The {} {rule}.", field.replace('_', " "));
        let mut validation = Map::new();
        validation.insert(format!("{}{field}", self.prefix), Value::String(reason));
        self.problems.push(Value::Object(validation));
    }

    /// `null` counts as left out.
    fn given(&self, field: &str) -> Option<&'a Value> {
        self.input.get(field).filter(|value| !value.is_null())
    }

    fn text(&mut self, field: &str) -> &'a str {
        match self.given(field) {
            Some(Value::String(text)) if !text.trim().is_empty() => text,
            Some(Value::String(_)) | None => {
                self.problem(field, "field is required");
                ""
            }
            Some(_) => {
                self.problem(field, "must be a string");
                ""
            }
        }
    }

    /// Text that may be left out, but must have its form where it is given.
    fn optional(&mut self, field: &str, has_form: fn(&str) -> bool) -> Option<String> {
        match self.given(field)? {
            Value::String(text) if has_form(text) => Some(text.clone()),
            Value::String(_) => {
                self.problem(field, "format is invalid");
                None
            }
            _ => {
                self.problem(field, "must be a string");
                None
            }
        }
    }

    fn flag(&mut self, field: &str) -> Option<bool> {
        match self.given(field) {
            None => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.problem(field, "field must be true or false");
                None
            }
        }
    }

    pub(super) fn whole(&mut self, field: &str) -> u64 {
        match self.given(field) {
            Some(value) => value.as_u64().unwrap_or_else(|| {
                self.problem(field, "must be an integer");
                0
            }),
            None => {
                self.problem(field, "field is required");
                0
            }
        }
    }

    pub(super) fn merchant(&mut self) -> Credential {
        let merchant_id = self.text("merchant_id");
        if !merchant_id.is_empty() && !is_lowercase_uuid(merchant_id) {
            self.problem("merchant_id", "must be a valid UUID of 36 characters");
        }
        Credential::of(merchant_id)
    }

    pub(super) fn authority_ref(&mut self) -> AuthorityRef {
        AuthorityRef { merchant: self.merchant(), authority: self.text("authority").to_owned() }
    }

    /// Rials where nothing is said.
    pub(super) fn currency(&mut self) -> Currency {
        match self.given("currency").map(Value::as_str) {
            None | Some(Some("IRR")) => Currency::Irr,
            Some(Some("IRT")) => Currency::Irt,
            Some(_) => {
                self.problem("currency", "must be IRR or IRT");
                Currency::Irr
            }
        }
    }

    /// Too small an amount is a validation error; too large a one has a code of its own, see [`check_maximum`].
    pub(super) fn amount(&mut self, currency: Currency) -> u64 {
        let known_problems = self.problems.len();
        let amount = self.whole("amount");
        let minimum = AMOUNT_IRR.start() / currency.rials();
        if self.problems.len() == known_problems && amount < minimum {
            self.problem("amount", &format!("must be at least {minimum}"));
        }
        amount
    }

    pub(super) fn description(&mut self) -> String {
        let description = self.text("description");
        if description.chars().count() > 500 {
            self.problem("description", "must not be greater than 500 characters");
        }
        description.to_owned()
    }

    pub(super) fn callback_url(&mut self) -> String {
        let callback_url = self.text("callback_url");
        let is_web = Url::parse(callback_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !callback_url.is_empty() && !is_web {
            self.problem("callback_url", "format is invalid");
        }
        callback_url.to_owned()
    }

    pub(super) fn metadata(&mut self) -> Metadata {
        match self.given("metadata") {
            Some(Value::Object(input)) => {
                let mut fields = Fields { input, prefix: "metadata.", problems: Vec::new() };
                let metadata = Metadata {
                    mobile: fields.optional("mobile", is_mobile),
                    email: fields.optional("email", is_email),
                    order_id: fields.optional("order_id", |_| true),
                    card_pan: fields.optional("card_pan", is_card_pan),
                    auto_verify: fields.flag("auto_verify"),
                };
                self.problems.append(&mut fields.problems);
                metadata
            }
            None => Metadata::default(),
            // PHP writes an empty object as an empty array.
            Some(Value::Array(items)) if items.is_empty() => Metadata::default(),
            Some(_) => {
                self.problem("metadata", "must be an array");
                Metadata::default()
            }
        }
    }
}

/// Five groups of lower-case hex digits; in the sandbox every one of that form is a merchant.
fn is_lowercase_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8_usize, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `09` and nine more digits.
fn is_mobile(text: &str) -> bool {
    text.len() == 11 && text.starts_with("09") && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_email(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace))
}

/// Sixteen digits, some of which may be hidden behind an `X`.
fn is_card_pan(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'X')
}

pub(super) fn check_maximum(amount: u64, currency: Currency) -> Result<(), Refusal> {
    if currency.in_rials(amount) > *AMOUNT_IRR.end() { Err(ABOVE_MAXIMUM) } else { Ok(()) }
}

/// `A` or `S` and 35 letters and digits.
pub(super) fn is_authority(text: &str) -> bool {
    text.len() == 36 && text.starts_with(['A', 'S']) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

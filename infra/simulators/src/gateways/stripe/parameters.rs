//! The parameters of a call: how each kind is read, and how Stripe refuses what it does not know.
//!
//! Nothing here reads or changes the books.

use std::collections::BTreeMap;

use url::{Url, form_urlencoded};

use super::answer::Refusal;

/// What Stripe puts the session's id for in `success_url`.
pub(super) const ID_PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";

/// The parameters of a call by their full names, such as `line_items[0][quantity]`. They are taken out one by one; what
/// is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Parameters(pub(super) BTreeMap<String, String>);

impl Parameters {
    /// Brackets may be percent-encoded or not; the official clients differ.
    pub(super) fn parse(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, Refusal> {
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

    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
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

    pub(super) fn limited(&mut self, name: &str, limit: usize) -> Result<Option<String>, Refusal> {
        match self.optional(name)? {
            Some(value) if value.chars().count() > limit => {
                Err(Refusal::new(format!("Invalid string: must be at most {limit} characters")).param(name))
            }
            value => Ok(value),
        }
    }

    /// A whole number that is not zero.
    pub(super) fn whole(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
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
    pub(super) fn web_address(&mut self, name: &str, livemode: bool) -> Result<Option<String>, Refusal> {
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
    pub(super) fn map(&mut self, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
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

    /// What the caller asked to have in the place of its id, as the longest of the `paths` that it named. Each path
    /// goes on where the one before it ends.
    pub(super) fn expanded(&mut self, paths: &[&str]) -> Result<usize, Refusal> {
        let names: Vec<String> = self.0.keys().filter(|key| key.starts_with("expand[")).cloned().collect();
        let mut deepest = 0;
        for name in names {
            let path = self.0.remove(&name).unwrap_or_default();
            let Some(at) = paths.iter().position(|known| *known == path) else {
                return Err(Refusal::new(format!("This property cannot be expanded ({path}).")).param("expand"));
            };
            deepest = deepest.max(at + 1);
        }
        Ok(deepest)
    }

    pub(super) fn has_any(&self, prefix: &str) -> bool {
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

pub(super) fn missing_parameter(name: &str) -> Refusal {
    Refusal::new(format!("Missing required param: {name}.")).code("parameter_missing").param(name)
}

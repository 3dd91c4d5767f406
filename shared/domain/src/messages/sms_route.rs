//! Which provider takes SMS to the numbers that begin in a certain way.

use serde::{Deserialize, Serialize};

use crate::ids::ProviderId;
use crate::problem::Rejection;

/// Which provider takes SMS to the numbers that begin in a certain way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsRoute {
    pub prefix: NumberPrefix,
    pub provider: ProviderId,
}

/// The beginning of numbers in E.164: `+`, and 1 to 7 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NumberPrefix(String);

impl NumberPrefix {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let fits =
            (1..=7).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let detail = "Give + and 1 to 7 digits, such as +98.";
        if fits { Ok(Self(text.to_owned())) } else { Err(Rejection::new("invalid_prefix", detail)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

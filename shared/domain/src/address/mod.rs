//! Addresses that messages go to: mobile numbers, email addresses, and ids on social networks, each checked once where it
//! comes in.

// Numbering plans are large, and who reads an address that was kept needs none.
#[cfg(feature = "phone-numbers")]
mod phone_numbers;

use email_address::EmailAddress;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

use crate::ids::ProviderId;
use crate::problem::Rejection;
use crate::text::to_ascii_digits;

/// A country, as ISO 3166 names it, in which numbers without a country code are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(String);

impl Region {
    /// That of a business which named none.
    pub(crate) fn united_states() -> Self {
        Self("US".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A mobile number in E.164.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mobile(String);

impl Mobile {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An email address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let text = text.trim();
        let refused = || Rejection::new("invalid_email", "This is not an email address such as name@example.com.");
        // SES takes ASCII addresses only, and an address without a dot in its domain, or without a domain's name, is a typing
        // mistake.
        if !text.is_ascii() || text.len() > 254 || text.contains(['<', '>', '"', '[', ']']) {
            return Err(refused());
        }
        let address = EmailAddress::from_str(text).map_err(|_| refused())?;
        if address.domain().contains('.') { Ok(Self(text.to_owned())) } else { Err(refused()) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where somebody is found on a social network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SocialAddress {
    /// The provider that serves the network.
    pub network: ProviderId,
    pub id: SocialId,
}

/// How a network calls one of its people or chats: `123456789`, `@name`, `+989121234567`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SocialId(String);

impl SocialId {
    /// Reads an id with Persian or Arabic digits too, as people type it.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let id = to_ascii_digits(text.trim());
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'_' | b'+' | b'-' | b'.');
        if (1..=64).contains(&id.len()) && id.bytes().all(allowed) {
            Ok(Self(id))
        } else {
            let detail = "An id on a network has 1 to 64 characters out of A-Z, a-z, 0-9, @, _, +, - and dot.";
            Err(Rejection::new("invalid_social_id", detail))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SocialId {
    type Error = Rejection;
    fn try_from(id: String) -> Result<Self, Rejection> {
        Self::parse(&id)
    }
}

impl From<SocialId> for String {
    fn from(id: SocialId) -> String {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn email_addresses_are_checked() {
        assert_eq!(Email::parse(" ali@example.com ").unwrap().as_str(), "ali@example.com");
        for bad in [
            "ali",
            "ali@",
            "@example.com",
            "ali@localhost",
            "a b@example.com",
            "A <a@example.com>",
            "علی@example.com",
            "a@[127.0.0.1]",
        ] {
            assert_eq!(Email::parse(bad).unwrap_err().code, "invalid_email", "{bad}");
        }
    }

    #[test]
    fn ids_on_networks_are_checked() {
        for (typed, id) in
            [(" 123456789 ", "123456789"), ("@some_body", "@some_body"), ("۱۲۳", "123"), ("-100", "-100")]
        {
            assert_eq!(SocialId::parse(typed).unwrap().as_str(), id, "{typed}");
        }
        for bad in ["", " ", "a b", "a/b", "علی", "https://t.me/x"] {
            assert_eq!(SocialId::parse(bad).unwrap_err().code, "invalid_social_id", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_text_as_an_address_never_panics(text in ".{0,60}") {
            let _ = Email::parse(&text);
            let _ = SocialId::parse(&text);
        }
    }
}

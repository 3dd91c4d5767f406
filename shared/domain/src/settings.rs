//! What a business sets once: its name, where it is, how it speaks, and what links get when a caller leaves it out.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::calendar::parse_time_zone;
use crate::contact::Region;
use crate::ids::ReceiptTypeId;
use crate::locale::Locale;
use crate::logo::LogoHash;
use crate::problem::Rejection;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How the business is called on pages and in messages.
    pub business_name: String,
    /// Names the picture, which is an item of its own: every function reads the settings, and only pages show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_hash: Option<LogoHash>,
    /// Shown on every dead end, so that a customer can ask a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_url: Option<String>,
    pub time_zone: TimeZoneName,
    pub default_locale: Locale,
    pub default_region: Region,
    pub default_expires_in_days: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_receipt_type_id: Option<ReceiptTypeId>,
    /// Show Rial only, where Persian readers otherwise see Toman with the Rial behind it.
    pub rial_alone: bool,
    /// The hosts that a link's `return_url` may lead to. Anything else would make the pay page an open redirect.
    pub return_url_hosts: Vec<String>,
}

/// An IANA time zone that is known to exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName(String);

impl TimeZoneName {
    pub fn parse(name: &str) -> Result<Self, Rejection> {
        parse_time_zone(name).map(|_| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = Rejection;
    fn try_from(name: String) -> Result<Self, Rejection> {
        Self::parse(&name)
    }
}

impl From<TimeZoneName> for String {
    fn from(name: TimeZoneName) -> String {
        name.0
    }
}

impl Settings {
    pub fn zone(&self) -> TimeZone {
        parse_time_zone(self.time_zone.as_str()).unwrap_or(TimeZone::UTC)
    }

    /// Refuses a `return_url` that leads to a host the business did not allow.
    pub fn check_return_url(&self, address: &str) -> Result<String, Rejection> {
        let address = crate::text::parse_web_address(address)?;
        let host = url::Url::parse(&address).ok().and_then(|url| url.host_str().map(str::to_owned));
        if host.is_some_and(|host| self.return_url_hosts.contains(&host)) {
            Ok(address)
        } else {
            Err(Rejection::new("return_url_not_allowed", "The settings do not list this host under return_url_hosts."))
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            business_name: "Paylink".to_owned(),
            logo_hash: None,
            support_phone: None,
            support_url: None,
            time_zone: TimeZoneName("UTC".to_owned()),
            default_locale: Locale::parse("en").unwrap_or_else(|_| unreachable!("en is a language tag")),
            default_region: Region::parse("US").unwrap_or_else(|_| unreachable!("US is a region")),
            default_expires_in_days: 7,
            default_receipt_type_id: None,
            rial_alone: false,
            return_url_hosts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_url_may_only_lead_to_hosts_the_business_allowed() {
        let settings = Settings { return_url_hosts: vec!["crm.example".to_owned()], ..Settings::default() };
        assert!(settings.check_return_url("https://crm.example/back").is_ok());
        for elsewhere in
            ["https://evil.example/", "https://crm.example.evil.example/", "https://evil.example/?crm.example"]
        {
            assert_eq!(settings.check_return_url(elsewhere).unwrap_err().code, "return_url_not_allowed");
        }
    }
}

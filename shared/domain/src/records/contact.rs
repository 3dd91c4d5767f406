//! The customer and the people at the customer, with the addresses they can be reached at.

use std::str::FromStr;

use email_address::EmailAddress;
use rlibphonenumber::enums::Region as PhoneRegion;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};
use serde::{Deserialize, Serialize};

use crate::ids::{ContactId, ProviderId, Role};
use crate::locale::Locale;
use crate::money::Money;
use crate::problem::{Field, Problems, Rejection};
use crate::text::to_ascii_digits;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub id: ContactId,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Mobile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub social: Vec<SocialAddress>,
    /// What the contact owes is positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Money>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
}

/// Somebody at the customer, by what they are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Mobile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub social: Vec<SocialAddress>,
}

/// What a caller says about a contact. What is left out stays as it is known.
#[derive(Clone, Debug, Default)]
pub struct ContactChange {
    pub name: Field<String>,
    pub profile_url: Field<String>,
    pub locale: Field<Locale>,
    pub mobile: Field<Mobile>,
    pub email: Field<Email>,
    pub social: Field<Vec<SocialAddress>>,
    pub balance: Field<Money>,
    pub people: Field<Vec<Person>>,
}

impl ContactChange {
    /// The contact afterwards; one that is not known yet needs a name. `at` is where the fields stand in the body. Nothing
    /// comes of it where a field is refused.
    pub fn apply(self, id: ContactId, known: Option<&Contact>, at: &str, problems: &mut Problems) -> Option<Contact> {
        let name = self.name.or_kept(known.map(|known| known.name.clone())).require(format!("{at}/name"), problems);
        let profile_url = self.profile_url.or_kept(known.and_then(|known| known.profile_url.clone()));
        let locale = self.locale.or_kept(known.and_then(|known| known.locale.clone()));
        let mobile = self.mobile.or_kept(known.and_then(|known| known.mobile.clone()));
        let email = self.email.or_kept(known.and_then(|known| known.email.clone()));
        let social = self.social.or_kept(known.map(|known| known.social.clone()));
        let balance = self.balance.or_kept(known.and_then(|known| known.balance));
        let people = self.people.or_kept(known.map(|known| known.people.clone()));
        Some(Contact {
            id,
            name: name?,
            profile_url: profile_url.optional()?,
            locale: locale.optional()?,
            mobile: mobile.optional()?,
            email: email.optional()?,
            social: social.optional()?.unwrap_or_default(),
            balance: balance.optional()?,
            people: people.optional()?.unwrap_or_default(),
        })
    }
}

/// A country, as ISO 3166 names it, in which numbers without a country code are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl Region {
    pub fn parse(code: &str) -> Result<Self, Rejection> {
        PhoneRegion::from_str(code)
            .map(|_| Self(code.to_owned()))
            .map_err(|_| Rejection::new("unknown_region", "This is not a region code such as IR or DE."))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Region {
    type Error = Rejection;
    fn try_from(code: String) -> Result<Self, Rejection> {
        Self::parse(&code)
    }
}

impl From<Region> for String {
    fn from(region: Region) -> String {
        region.0
    }
}

/// A mobile number in E.164.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mobile(String);

impl Mobile {
    /// Reads a number as people type it: local or international, with spaces, with Persian or Arabic digits.
    pub fn parse(text: &str, region: &Region) -> Result<Self, Rejection> {
        let refused = |detail: &str| Rejection::new("invalid_mobile", detail);
        let region = PhoneRegion::from_str(region.as_str()).ok();
        let number = PHONE_NUMBER_UTIL
            .parse(to_ascii_digits(text.trim()), region)
            .map_err(|_| refused("This cannot be read as a phone number."))?;
        if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return Err(refused("No such phone number exists in its country's numbering plan."));
        }
        let kind = PHONE_NUMBER_UTIL.get_number_type(&number);
        // In some plans, the North American among them, a mobile number cannot be told from another.
        if matches!(kind, PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile) {
            Ok(Self(number.format_as(PhoneNumberFormat::E164).into_owned()))
        } else {
            Err(refused("This is not a mobile number, so it cannot receive an SMS."))
        }
    }

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

    fn iran() -> Region {
        Region::parse("IR").unwrap()
    }

    #[test]
    fn what_is_left_out_stays_and_a_new_contact_needs_a_name() {
        let id = || ContactId::parse("c-1").unwrap();
        let mut problems = Problems::default();
        let email = |text: &str| Field::Value(Email::parse(text).unwrap());
        let nameless = ContactChange { email: email("a@example.com"), ..ContactChange::default() };
        assert_eq!(nameless.clone().apply(id(), None, "/contact", &mut problems), None);
        assert_eq!(
            (problems.as_slice()[0].pointer.as_str(), problems.as_slice()[0].code),
            ("/contact/name", "required")
        );
        let named = ContactChange { name: Field::Value("N".to_owned()), ..nameless };
        let known = named.apply(id(), None, "", &mut Problems::default()).unwrap();
        let nothing = ContactChange::default().apply(id(), Some(&known), "", &mut Problems::default());
        assert_eq!(nothing.as_ref(), Some(&known));
        let change = ContactChange { email: email("b@example.com"), ..ContactChange::default() };
        let changed = change.apply(id(), Some(&known), "", &mut Problems::default()).unwrap();
        assert_eq!((changed.name.as_str(), changed.email.unwrap().as_str()), ("N", "b@example.com"));
        let refused = ContactChange { email: Field::Refused, ..ContactChange::default() };
        assert_eq!(refused.apply(id(), Some(&known), "", &mut Problems::default()), None);
    }

    #[test]
    fn mobile_numbers_are_taken_as_people_type_them() {
        for typed in
            ["09121234567", "0912 123 4567", "+98 912 123 4567", "۰۹۱۲۱۲۳۴۵۶۷", "٠٩١٢١٢٣٤٥٦٧", "00989121234567"]
        {
            assert_eq!(Mobile::parse(typed, &iran()).unwrap().as_str(), "+989121234567", "{typed}");
        }
    }

    #[test]
    fn numbers_that_cannot_receive_an_sms_are_refused_with_a_reason() {
        for bad in ["021 8888 8888", "12345", "hello", "", "+98912123456789"] {
            assert_eq!(Mobile::parse(bad, &iran()).unwrap_err().code, "invalid_mobile", "{bad}");
        }
    }

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
            let _ = Mobile::parse(&text, &iran());
            let _ = Email::parse(&text);
            let _ = SocialId::parse(&text);
        }
    }
}

//! Addresses that messages go to: mobile numbers, email addresses, and ids on social networks, each checked once where it
//! comes in.

// Numbering plans are large, and who reads an address that was kept needs none.
#[cfg(feature = "phone-numbers")]
mod numbering_plans;
#[cfg(feature = "phone-numbers")]
mod phone_numbers;
#[cfg(all(test, feature = "phone-numbers"))]
pub(crate) use numbering_plans::of_the_world;

use email_address::EmailAddress;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

use crate::ids::ProviderId;
use crate::problem::Rejection;
use crate::text::{to_ascii_digits, typed_address};

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

/// An email address in ASCII. Its domain is in small letters; what stands before the `@` is kept as it was typed, although
/// no mail server that people use tells its capitals from small letters, so that addresses are compared without case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Reads one address, also behind `mailto:`. The domain may be written in any script.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let refused = |detail: &str| Rejection::new("invalid_email", detail);
        let typed = typed_address(text);
        let typed = without_scheme(&typed, "mailto:");
        if typed.contains(|c: char| c.is_whitespace() || "<>\"(),;:[]".contains(c)) || typed.matches('@').count() > 1 {
            let detail =
                "Give one address alone, such as name@example.com, without a name, brackets or a second address.";
            return Err(refused(detail));
        }
        let not_an_address = || refused("This is not an email address such as name@example.com.");
        let (local, domain) = typed.split_once('@').ok_or_else(not_an_address)?;
        // Only some of the world's mail servers take others (RFC 6531), and SES none of them.
        if !local.is_ascii() {
            return Err(refused("Only ASCII characters can stand before the @."));
        }
        let domain =
            mail_domain(domain).ok_or_else(|| refused("What stands behind the @ is not the domain of mail."))?;
        let address = format!("{local}@{domain}");
        if address.len() > LONGEST_EMAIL {
            return Err(refused("The address is longer than 254 characters."));
        }
        EmailAddress::from_str(&address).map_err(|_| not_an_address())?;
        Ok(Self(address))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 5321 leaves an address that many characters (section 4.5.3.1.3, with the brackets around it).
const LONGEST_EMAIL: usize = 254;

/// The domain as DNS has it: in small ASCII letters and without the dot of the root. One without a dot in it, or that ends
/// like an address of the internet's protocol, is a typing mistake.
fn mail_domain(text: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(
        text.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::VerifyAllowRootDot,
    );
    let domain = ascii.ok()?;
    let domain = domain.strip_suffix('.').unwrap_or(&domain);
    let (_, last) = domain.rsplit_once('.')?;
    (!last.bytes().all(|b| b.is_ascii_digit())).then(|| domain.to_owned())
}

/// The address behind the scheme that makes a link of it.
fn without_scheme<'a>(address: &'a str, scheme: &str) -> &'a str {
    match address.split_at_checked(scheme.len()) {
        Some((begin, rest)) if begin.eq_ignore_ascii_case(scheme) => rest.trim_start(),
        Some(_) | None => address,
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
        let id = to_ascii_digits(&typed_address(text));
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

/// A network that knows people by their numbers.
impl From<Mobile> for SocialId {
    fn from(mobile: Mobile) -> Self {
        Self(mobile.0)
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
    fn email_addresses_are_read_as_people_type_them() {
        for (typed, kept) in [
            (" ali@example.com ", "ali@example.com"),
            ("Sara.Test@Example.COM", "Sara.Test@example.com"),
            ("\u{200e}sara@example.com", "sara@example.com"),
            ("sara@exam\u{ad}ple.com\u{feff}", "sara@example.com"),
            ("sara@example.com.", "sara@example.com"),
            ("sara@münchen.de", "sara@xn--mnchen-3ya.de"),
            ("sara@MÜNCHEN.DE", "sara@xn--mnchen-3ya.de"),
            ("sara@نامه‌ای.com", "sara@xn--mgba3gch31f060k.com"),
            ("ｓａｒａ＠example。com", "sara@example.com"),
            ("mailto:sara@example.com", "sara@example.com"),
            ("MAILTO:sara@example.com", "sara@example.com"),
            ("o'neil+crm@example.co.uk", "o'neil+crm@example.co.uk"),
        ] {
            assert_eq!(Email::parse(typed).unwrap().as_str(), kept, "{typed}");
            assert_eq!(Email::parse(kept).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_is_not_one_email_address_is_refused_with_the_reason() {
        let long_label = format!("a@{}.de", "x".repeat(64));
        for (bad, reason) in [
            ("ali", "not an email address"),
            ("", "not an email address"),
            ("@example.com", "not an email address"),
            ("ali@", "domain"),
            ("ali@localhost", "domain"),
            ("ali@my_host.example.com", "domain"),
            ("ali@-x.com", "domain"),
            ("ali@10.0.0.1", "domain"),
            ("ali@example..com", "domain"),
            (long_label.as_str(), "domain"),
            ("a b@example.com", "one address"),
            ("A <a@example.com>", "one address"),
            ("a@x.de;b@y.de", "one address"),
            ("a@x.de, b@y.de", "one address"),
            ("a@x.de b@y.de", "one address"),
            ("a@@x.de", "one address"),
            ("a@[127.0.0.1]", "one address"),
            ("\"a b\"@x.de", "one address"),
            ("mailto:a@x.de?cc=b@y.de", "one address"),
            ("علی@example.com", "before the @"),
            ("sara۱@example.com", "before the @"),
        ] {
            let refused = Email::parse(bad).unwrap_err();
            assert_eq!(refused.code, "invalid_email", "{bad}");
            assert!(refused.detail.contains(reason), "{bad}: {}", refused.detail);
        }
        assert!(Email::parse(&format!("{}@{}.de", "a".repeat(64), vec!["x".repeat(62); 3].join("."))).is_err());
    }

    #[test]
    fn ids_on_networks_are_checked() {
        for (typed, id) in [
            (" 123456789 ", "123456789"),
            ("@some_body", "@some_body"),
            ("۱۲۳", "123"),
            ("\u{200e}-100", "-100"),
            ("＠x１", "@x1"),
        ] {
            assert_eq!(SocialId::parse(typed).unwrap().as_str(), id, "{typed}");
        }
        for bad in ["", " ", "a b", "a/b", "علی", "https://t.me/x"] {
            assert_eq!(SocialId::parse(bad).unwrap_err().code, "invalid_social_id", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_as_an_address_is_read_again_as_the_same(text in ".{0,60}", near in "[a-zA-Z@.;< ü１＠。:\u{200e}-]{0,24}") {
            for text in [text, near] {
                if let Ok(email) = Email::parse(&text) {
                    prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
                }
                if let Ok(id) = SocialId::parse(&text) {
                    prop_assert_eq!(SocialId::parse(id.as_str()), Ok(id));
                }
            }
        }
    }
}

//! Identifiers. Those that Paylink makes carry a prefix and derive from what they name, so that making one twice
//! makes the same one; those that the CRM gives are short plain strings.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Rejection;

/// The number of base58 characters that 128 bits need.
pub const TOKEN_LENGTH: usize = 22;

fn base58(bytes: &[u8]) -> String {
    let encoded = bs58::encode(bytes).into_string();
    // Small numbers encode shorter; the alphabet's zero keeps every token and id at one length.
    format!("{encoded:1>TOKEN_LENGTH$}")
}

/// The first 128 bits of a SHA-256 over length-prefixed parts, so that no two lists of parts collide by joining.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    base58(hash.finalize().get(..16).unwrap_or_default())
}

fn is_base58(text: &str) -> bool {
    text.len() == TOKEN_LENGTH
        && text.bytes().all(|b| b.is_ascii_alphanumeric() && !matches!(b, b'0' | b'O' | b'I' | b'l'))
}

/// What every id shares: it is a text to look at, to store and to read back.
macro_rules! is_text {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        is_stored_as_text!($name);
    };
}

/// A text in the table, checked again when it is read.
macro_rules! is_stored_as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = Rejection;
            fn try_from(text: String) -> Result<Self, Rejection> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
    };
}

macro_rules! secret_token {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Makes one from 128 random bits.
            pub fn from_random(bits: [u8; 16]) -> Self {
                Self(base58(&bits))
            }

            pub fn parse(text: &str) -> Result<Self, Rejection> {
                if is_base58(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Rejection::new("invalid_id", concat!("This is not ", $what, ".")))
                }
            }

            /// The secret itself. It must not be logged.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([secret])"))
            }
        }

        is_stored_as_text!($name);
    };
}

secret_token! {
    /// The right to pay a link: the last part of its pay URL, 128 bits in base58. Never logged, never sent to a gateway.
    PayToken, "a pay token"
}

secret_token! {
    /// What a return URL carries so that strangers cannot touch an attempt. It leads back to the pay page and is
    /// therefore as secret as the pay token.
    ReturnKey, "a return key"
}

secret_token! {
    /// What opens the page of a receipt, and proves that it is genuine: 128 bits in base58. It derives from the pay token, so that
    /// nobody comes to it who did not have that or the receipt.
    ReceiptCode, "the code of a receipt"
}

impl ReceiptCode {
    pub fn of(token: &PayToken, attempt: &AttemptId) -> Self {
        Self(digest(&["receipt page", token.expose(), attempt.as_str()]))
    }
}

macro_rules! made_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, Rejection> {
                match text.strip_prefix($prefix) {
                    Some(rest) if is_base58(rest) => Ok(Self(text.to_owned())),
                    Some(_) | None => Err(Rejection::new(
                        "invalid_id",
                        concat!("This id must be ", $prefix, " and 22 base58 characters."),
                    )),
                }
            }

            #[allow(dead_code, reason = "not every id derives from others")]
            fn derive(parts: &[&str]) -> Self {
                Self(format!(concat!($prefix, "{}"), digest(parts)))
            }
        }

        is_text!($name);
    };
}

made_id! {
    /// A payment link. It is a hash of the pay token, so that the token leads to the link and never the other way.
    LinkId, "pl_"
}
made_id! {
    /// One session opened at a gateway.
    AttemptId, "at_"
}
/// A receipt. It derives from the attempt, so that one payment can have only one. That of what a person wrote down says so
/// itself, because it lies where those of gateways do not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReceiptId(String);

is_text!(ReceiptId);

made_id! {
    /// An entry of a business's log. It derives from the mark that the entry is written with.
    AuditEntryId, "al_"
}
made_id! {
    /// One message to one recipient over one channel.
    MessageId, "msg_"
}
made_id! {
    /// A list that is carried away as a file. It derives from the request, so that one that is repeated makes the same.
    ExportId, "ex_"
}
made_id! {
    /// Links that are made out of the rows of a file. It derives from the request, so that one that is repeated makes the same.
    BatchId, "ba_"
}

/// One event of one link: the link's own part of its id and the number of the event, so that an event is found by its
/// id alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(String);

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSubject {
    /// A link, and the number of the event among the link's.
    Link(LinkId, u32),
    /// An entry of the business's log, or what else is about no link and has an id like one.
    Entry(AuditEntryId),
}

impl EventId {
    pub fn of(link: &LinkId, sequence: u32) -> Self {
        let part = link.as_str().strip_prefix("pl_").unwrap_or_default();
        Self(format!("evt_{part}_{sequence}"))
    }

    /// The only event of an entry of a business's log.
    pub fn of_entry(entry: &AuditEntryId) -> Self {
        let part = entry.as_str().strip_prefix("al_").unwrap_or_default();
        Self(format!("evt_{part}"))
    }

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let id = Self(text.to_owned());
        // Nothing but the one spelling: no sign and no zero in front.
        let spelled = id.subject().map(|subject| match &subject {
            EventSubject::Link(link, sequence) => Self::of(link, *sequence),
            EventSubject::Entry(entry) => Self::of_entry(entry),
        });
        spelled.filter(|spelled| *spelled == id).ok_or_else(|| {
            Rejection::new("invalid_id", "This id must be evt_, 22 base58 characters and, of a link, _ and a number.")
        })
    }

    /// What the event is about.
    pub fn subject(&self) -> Option<EventSubject> {
        let rest = self.0.strip_prefix("evt_")?;
        Some(match rest.split_once('_') {
            Some((part, sequence)) => {
                EventSubject::Link(LinkId::parse(&format!("pl_{part}")).ok()?, sequence.parse().ok()?)
            }
            None => EventSubject::Entry(AuditEntryId::parse(&format!("al_{rest}")).ok()?),
        })
    }
}

/// A refund of an attempt of one link: the link's own part of its id and the version of the link that begins it, so that a
/// refund is found by its id alone, and a step that is repeated makes the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RefundId(String);

impl RefundId {
    pub fn of(link: &LinkId, version: u64) -> Self {
        let part = link.as_str().strip_prefix("pl_").unwrap_or_default();
        Self(format!("rf_{part}_{version}"))
    }

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let id = Self(text.to_owned());
        // Nothing but the one spelling: no sign and no zero in front.
        let spelled = id.parts().map(|(link, version)| Self::of(&link, version));
        spelled
            .filter(|spelled| *spelled == id)
            .ok_or_else(|| Rejection::new("invalid_id", "This id must be rf_, 22 base58 characters, _ and a number."))
    }

    /// The link that the refund is of.
    pub fn link(&self) -> Option<LinkId> {
        self.parts().map(|(link, _)| link)
    }

    fn parts(&self) -> Option<(LinkId, u64)> {
        let (part, version) = self.0.strip_prefix("rf_")?.split_once('_')?;
        Some((LinkId::parse(&format!("pl_{part}")).ok()?, version.parse().ok()?))
    }
}

is_text!(RefundId);

impl ExportId {
    /// `request` tells the exports of a business apart: what a request with an idempotency key is known by, or a random mark.
    pub fn of(business: &BusinessId, request: &str) -> Self {
        Self::derive(&["export", business.as_str(), request])
    }
}

impl BatchId {
    /// `request` tells the batches of a business apart: what a request with an idempotency key is known by, or a random mark.
    pub fn of(business: &BusinessId, request: &str) -> Self {
        Self::derive(&["batch", business.as_str(), request])
    }
}

impl AuditEntryId {
    /// `mark` is random and tells the entries of a business apart.
    pub fn of(business: &BusinessId, mark: &str) -> Self {
        Self::derive(&["audit", business.as_str(), mark])
    }
}

is_text!(EventId);

impl LinkId {
    pub fn of(token: &PayToken) -> Self {
        Self::derive(&["link", token.expose()])
    }
}

impl AttemptId {
    pub fn of(key: &ReturnKey) -> Self {
        Self::derive(&["attempt", key.expose()])
    }
}

impl ReceiptId {
    const OF_GATEWAYS: &'static str = "rc_";
    const RECORDED: &'static str = "rr_";

    pub fn of(attempt: &AttemptId) -> Self {
        Self::derive(Self::OF_GATEWAYS, &["receipt", attempt.as_str()])
    }

    /// The receipt of money that a person wrote down.
    pub fn of_recorded(attempt: &AttemptId) -> Self {
        Self::derive(Self::RECORDED, &["receipt", attempt.as_str()])
    }

    /// The receipt that records a refund.
    pub fn of_refund(refund: &RefundId) -> Self {
        Self::derive(Self::OF_GATEWAYS, &["receipt", refund.as_str()])
    }

    /// The receipt that records that another one is void. It lies where that one does.
    pub fn of_void(&self) -> Self {
        let prefix = if self.is_recorded() { Self::RECORDED } else { Self::OF_GATEWAYS };
        Self::derive(prefix, &["void", self.as_str()])
    }

    /// Whether it is of what a person wrote down.
    pub fn is_recorded(&self) -> bool {
        self.0.starts_with(Self::RECORDED)
    }

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let rest = text.strip_prefix(Self::OF_GATEWAYS).or_else(|| text.strip_prefix(Self::RECORDED));
        match rest {
            Some(rest) if is_base58(rest) => Ok(Self(text.to_owned())),
            Some(_) | None => {
                Err(Rejection::new("invalid_id", "This id must be rc_ or rr_, and 22 base58 characters."))
            }
        }
    }

    fn derive(prefix: &str, parts: &[&str]) -> Self {
        Self(format!("{prefix}{}", digest(parts)))
    }
}

impl MessageId {
    /// `round` tells the first round (0) from each time that the CRM asked to send again.
    pub fn of(link: &LinkId, round: u32, channel: &str, to: &str) -> Self {
        Self::derive(&["message", link.as_str(), &round.to_string(), channel, to])
    }

    /// The message that tells of a payment or a refund, to whom was told of the link by `asked`.
    pub fn of_news(asked: &Self, about: &str) -> Self {
        Self::derive(&["news", asked.as_str(), about])
    }
}

macro_rules! given_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Given by the CRM: 1 to 64 of `A-Z a-z 0-9 . _ -`.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, Rejection> {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
                if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Rejection::new(
                        "invalid_id",
                        "An id has 1 to 64 characters out of A-Z, a-z, 0-9, dot, underscore and hyphen.",
                    ))
                }
            }
        }

        is_text!($name);
    };
}

impl Role {
    /// What answers call the contact itself, among the roles of whoever is told. No person has it.
    pub const CONTACT: &'static str = "contact";

    /// That of the contact itself.
    pub fn contact() -> Self {
        Self(Self::CONTACT.to_owned())
    }

    /// Whether the role means the contact itself.
    pub fn is_contact(&self) -> bool {
        self.0 == Self::CONTACT
    }

    /// The role of a person, who is not the contact itself.
    pub fn parse_of_person(text: &str) -> Result<Self, Rejection> {
        let role = Self::parse(text)?;
        if role.0.eq_ignore_ascii_case(Self::CONTACT) {
            let detail = "This role means the contact itself; call the person something else.";
            return Err(Rejection::new("reserved_role", detail));
        }
        Ok(role)
    }
}

impl PersonId {
    /// An id has at most this many characters.
    const LONGEST: usize = 64;

    /// By which the contact itself is named among its people. No person has it.
    pub fn contact() -> Self {
        Self(Role::CONTACT.to_owned())
    }

    /// Whether it means the contact itself.
    pub fn is_contact(&self) -> bool {
        self.0 == Role::CONTACT
    }

    /// The id of a person, who is not the contact itself.
    pub fn parse_of_person(text: &str) -> Result<Self, Rejection> {
        let id = Self::parse(text)?;
        if id.0.eq_ignore_ascii_case(Role::CONTACT) {
            return Err(Rejection::new(
                "reserved_id",
                "This id means the contact itself; give the person another one.",
            ));
        }
        Ok(id)
    }

    /// The id that the `number`th of those with a role is proposed to have: `manager`, then `manager-2`.
    pub fn by_role(role: &Role, number: usize) -> Self {
        if number == 1 {
            return Self(role.0.clone());
        }
        let behind = format!("-{number}");
        // A role is as long as an id at most, and of ASCII.
        let kept: String = role.0.chars().take(Self::LONGEST - behind.len()).collect();
        Self(kept + &behind)
    }
}

/// A business whose links, records and money are its own. It is part of hosts, of addresses and of API keys.
///
/// Given by the platform: 1 to 32 of `a-z 0-9 -`, a letter or digit first and last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BusinessId(String);

impl BusinessId {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_bounded = !text.starts_with('-') && !text.ends_with('-');
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) && is_bounded {
            Ok(Self(text.to_owned()))
        } else {
            let detail =
                "A business's id has 1 to 32 characters out of a-z, 0-9 and hyphen, and no hyphen first or last.";
            Err(Rejection::new("invalid_id", detail))
        }
    }
}

is_text!(BusinessId);

given_id! {
    /// A financial account of the business.
    AccountId
}
given_id! {
    /// A customer.
    ContactId
}
given_id! {
    /// A document of the CRM: an invoice, a form, a contract.
    ItemId
}
given_id! {
    /// A type of receipt, as the business customised them.
    ReceiptTypeId
}
given_id! {
    /// The key of a field of kind receipt on an item.
    FieldKey
}
given_id! {
    /// What a person is at the customer: manager, liaison, accountant.
    Role
}
given_id! {
    /// One of the people at a contact, told apart from its others.
    PersonId
}
given_id! {
    /// The CRM's own name for the request that a link stands for.
    ReferenceId
}
given_id! {
    /// An address of the CRM that events are sent to.
    EndpointId
}
given_id! {
    /// A way for messages to leave that the business set up; for a social network, how the network is called.
    ProviderId
}
given_id! {
    /// One immutable version of what an account, a message provider or an endpoint proves itself with, or is proved to.
    CredentialsVersion
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_22_characters_whatever_its_bits() {
        for bits in [[0; 16], [255; 16], [1; 16]] {
            let token = PayToken::from_random(bits);
            assert_eq!(token.expose().len(), 22);
            assert_eq!(PayToken::parse(token.expose()), Ok(token));
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let token = PayToken::from_random([7; 16]);
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn the_same_token_always_names_the_same_link_and_a_receipt_follows_from_its_attempt() {
        let token = PayToken::from_random([7; 16]);
        assert_eq!(LinkId::of(&token), LinkId::of(&token));
        let attempt = AttemptId::of(&ReturnKey::from_random([9; 16]));
        assert_eq!(ReceiptId::of(&attempt), ReceiptId::of(&attempt));
        assert!(ReceiptId::parse(ReceiptId::of(&attempt).as_str()).is_ok());
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let link = LinkId::of(&PayToken::from_random([7; 16]));
        assert!(ReceiptId::parse(link.as_str()).is_err());
        assert!(AccountId::parse("a/b").is_err());
        assert!(AccountId::parse("").is_err());
        assert!(AccountId::parse(&"x".repeat(65)).is_err());
    }

    #[test]
    fn an_events_id_leads_to_its_link_and_has_one_spelling() {
        let link = LinkId::of(&PayToken::from_random([7; 16]));
        let id = EventId::of(&link, 12);
        assert_eq!(EventId::parse(id.as_str()).unwrap().subject(), Some(EventSubject::Link(link, 12)));
        let entry = AuditEntryId::of(&BusinessId::parse("shop").unwrap(), "mark");
        let of_entry = EventId::parse(EventId::of_entry(&entry).as_str()).unwrap();
        assert_eq!(of_entry.subject(), Some(EventSubject::Entry(entry)));
        for bad in ["evt_", &id.as_str().replace("_12", "_+12"), &id.as_str().replace("_12", "_012"), "evt_x_1"] {
            assert_eq!(EventId::parse(bad).unwrap_err().code, "invalid_id", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_any_text_never_panics_and_round_trips(text in ".{0,80}") {
            if let Ok(token) = PayToken::parse(&text) { prop_assert_eq!(token.expose(), text.as_str()); }
            if let Ok(id) = EventId::parse(&text) { prop_assert!(id.subject().is_some()); }
            if let Ok(id) = LinkId::parse(&text) { prop_assert_eq!(id.as_str(), text.as_str()); }
            if let Ok(id) = ContactId::parse(&text) { prop_assert_eq!(id.as_str(), text.as_str()); }
        }
    }
}

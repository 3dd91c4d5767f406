//! The recipients of a link's messages are resolved once, when the link is made, so that a later change of a contact
//! cannot send a link to somebody new.

// Who sends a message does not decide who gets it.
#[cfg(all(feature = "phone-numbers", feature = "templates"))]
mod resolve;

use serde::{Deserialize, Serialize};

use crate::address::{Email, Mobile, SocialAddress};
use crate::ids::{MessageId, PersonId, ProviderId, Role};
use crate::messages::channel::Channel;
use crate::messages::unreached::UnreachedReason;
use crate::records::contact::NamedPerson;

#[cfg(all(feature = "phone-numbers", feature = "templates"))]
pub(crate) use resolve::Address;
#[cfg(all(feature = "phone-numbers", feature = "templates"))]
pub use resolve::{DeliveryOptions, check_people, resolve, told_again};

/// The recipients that the caller named. They can be several at once, as the check boxes of the guide allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientSelection {
    pub contact: bool,
    pub roles: Vec<Role>,
    pub people: Vec<ChosenPerson>,
    pub mobiles: Vec<Mobile>,
    pub emails: Vec<Email>,
    pub social: Vec<SocialAddress>,
}

/// One of the contact's people, and the channels chosen for that person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenPerson {
    /// It can mean the contact itself.
    pub person: PersonId,
    /// `None` for every channel of the message.
    pub channels: Option<Vec<Channel>>,
}

impl RecipientSelection {
    pub fn is_empty(&self) -> bool {
        !self.contact
            && self.roles.is_empty()
            && self.people.is_empty()
            && self.mobiles.is_empty()
            && self.emails.is_empty()
            && self.social.is_empty()
    }

    /// Whether anybody is named for whom the contact has to be known.
    pub fn names_people(&self) -> bool {
        self.contact || !self.roles.is_empty() || !self.people.is_empty()
    }
}

/// One message to be sent: one address on one channel, with everybody who is told there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub id: MessageId,
    pub channel: Channel,
    /// The network of a social address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<ProviderId>,
    pub to: String,
    /// The contact itself or its people whose address it is; nobody where it was typed by hand. A link has many of them and
    /// little room, which makes the stored name short.
    #[serde(rename = "who", default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<NamedPerson>,
    /// The messages that this one stands in for: it goes out only when one of them has failed for good. Empty for one that
    /// goes out at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands_in_for: Vec<MessageId>,
}

/// Somebody who was named and cannot be told, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreached {
    /// Nobody where an address was typed by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The network of a social address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<ProviderId>,
    pub reason: UnreachedReason,
}

/// By what somebody was named who cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    Person(NamedPerson),
    /// A role that nobody has.
    Role(Role),
}

/// Everybody who will be told, duplicates merged: the contact, its people in their order, and then the addresses in the order
/// in which they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedRecipients {
    pub recipients: Vec<Recipient>,
    pub unreached: Vec<Unreached>,
}

impl Named {
    pub fn role(&self) -> &Role {
        match self {
            Self::Person(NamedPerson { role, id: _ }) | Self::Role(role) => role,
        }
    }

    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Person(NamedPerson { role: _, id }) => Some(id),
            Self::Role(_) => None,
        }
    }
}

impl Recipient {
    /// Whether both are told at the same address.
    pub fn has_address_of(&self, other: &Self) -> bool {
        (self.channel, &self.network, &self.to) == (other.channel, &other.network, &other.to)
    }

    /// The roles of whoever is told, each once.
    pub fn roles(&self) -> Vec<&Role> {
        let mut roles = Vec::new();
        for person in &self.people {
            if !roles.contains(&&person.role) {
                roles.push(&person.role);
            }
        }
        roles
    }

    /// Whether it goes out, as far as is known of the messages that it stands in for.
    pub fn is_wanted(&self, has_failed: impl Fn(&MessageId) -> bool) -> bool {
        self.stands_in_for.is_empty() || self.stands_in_for.iter().any(has_failed)
    }
}

/// How many messages go out at once. One that stands in for another is counted when it is sent.
pub fn sent_at_once<'a>(recipients: impl Iterator<Item = &'a Recipient>) -> u64 {
    recipients.filter(|recipient| recipient.is_wanted(|_| false)).fold(0, |count, _| count + 1)
}

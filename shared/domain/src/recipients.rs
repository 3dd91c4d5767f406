//! Who is told about a link: resolved once, when the link is made, so that a later change of a contact cannot send a
//! link to somebody new.

use serde::{Deserialize, Serialize};

use crate::contact::{Contact, Email, Mobile};
use crate::ids::{LinkId, MessageId, Role};
use crate::problem::Rejection;

/// The medium of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Sms,
    Email,
}

impl Channel {
    pub const ALL: [Channel; 2] = [Channel::Sms, Channel::Email];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        match text {
            "sms" => Ok(Self::Sms),
            "email" => Ok(Self::Email),
            _ => Err(Rejection::new("unknown_channel", "The channels are sms and email.")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// Whom the caller named. Several at once, as the guide's check boxes allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub contact: bool,
    pub roles: Vec<Role>,
    pub mobiles: Vec<Mobile>,
    pub emails: Vec<Email>,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        !self.contact && self.roles.is_empty() && self.mobiles.is_empty() && self.emails.is_empty()
    }
}

/// One message to be sent: one address on one channel, with everything the person is in this conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub id: MessageId,
    pub channel: Channel,
    pub to: String,
    /// `contact` for the contact itself, else the roles; empty for an address typed by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// Somebody who was named and cannot be told, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreached {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    pub reason: UnreachedReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreachedReason {
    /// No person at the contact has this role.
    NobodyHasThisRole,
    /// The person has no address on any of the channels.
    NoAddress,
    /// An address was typed whose channel the message does not use.
    ChannelNotUsed,
}

impl UnreachedReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NobodyHasThisRole => "nobody_has_this_role",
            Self::NoAddress => "no_address",
            Self::ChannelNotUsed => "channel_not_used",
        }
    }
}

/// Everybody who will be told, in the order named, duplicates merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    pub recipients: Vec<Recipient>,
    pub unreached: Vec<Unreached>,
}

/// Turns the named people into addresses on the given channels. `round` tells one telling of a link from another.
pub fn resolve(wanted: &Wanted, contact: &Contact, channels: &[Channel], link: &LinkId, round: u32) -> Resolved {
    let mut list = List { channels, link, round, resolved: Resolved::default() };
    if wanted.contact {
        list.add_person("contact", contact.mobile.as_ref(), contact.email.as_ref());
    }
    for role in &wanted.roles {
        let mut people = contact.people.iter().filter(|person| person.role == *role).peekable();
        if people.peek().is_none() {
            list.miss(Some(role.as_str()), None, UnreachedReason::NobodyHasThisRole);
        }
        for person in people {
            list.add_person(role.as_str(), person.mobile.as_ref(), person.email.as_ref());
        }
    }
    for mobile in &wanted.mobiles {
        list.add_typed(Channel::Sms, mobile.as_str());
    }
    for email in &wanted.emails {
        list.add_typed(Channel::Email, email.as_str());
    }
    list.resolved
}

struct List<'a> {
    channels: &'a [Channel],
    link: &'a LinkId,
    round: u32,
    resolved: Resolved,
}

impl List<'_> {
    fn add_person(&mut self, role: &str, mobile: Option<&Mobile>, email: Option<&Email>) {
        let addresses = self.channels.iter().filter_map(|channel| match channel {
            Channel::Sms => mobile.map(|mobile| (Channel::Sms, mobile.as_str())),
            Channel::Email => email.map(|email| (Channel::Email, email.as_str())),
        });
        let addresses: Vec<_> = addresses.collect();
        if addresses.is_empty() {
            self.miss(Some(role), None, UnreachedReason::NoAddress);
        }
        for (channel, to) in addresses {
            self.add(channel, to, Some(role));
        }
    }

    fn add_typed(&mut self, channel: Channel, to: &str) {
        if self.channels.contains(&channel) {
            self.add(channel, to, None);
        } else {
            self.miss(None, Some(channel), UnreachedReason::ChannelNotUsed);
        }
    }

    fn add(&mut self, channel: Channel, to: &str, role: Option<&str>) {
        let id = MessageId::of(self.link, self.round, channel.as_str(), to);
        let position = self.resolved.recipients.iter().position(|known| known.id == id).unwrap_or_else(|| {
            self.resolved.recipients.push(Recipient { id, channel, to: to.to_owned(), roles: Vec::new() });
            self.resolved.recipients.len() - 1
        });
        if let (Some(known), Some(role)) = (self.resolved.recipients.get_mut(position), role)
            && !known.roles.iter().any(|known| known == role)
        {
            known.roles.push(role.to_owned());
        }
    }

    fn miss(&mut self, role: Option<&str>, channel: Option<Channel>, reason: UnreachedReason) {
        self.resolved.unreached.push(Unreached { role: role.map(str::to_owned), channel, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{Person, Region};
    use crate::ids::{ContactId, PayToken};

    fn mobile(text: &str) -> Mobile {
        Mobile::parse(text, &Region::parse("IR").unwrap()).unwrap()
    }

    fn role(name: &str) -> Role {
        Role::parse(name).unwrap()
    }

    fn contact() -> Contact {
        Contact {
            id: ContactId::parse("c-1").unwrap(),
            name: "Company".to_owned(),
            profile_url: None,
            locale: None,
            mobile: Some(mobile("09121234567")),
            email: None,
            balance: None,
            people: vec![
                Person {
                    role: role("manager"),
                    name: None,
                    mobile: Some(mobile("09121234567")),
                    email: Some(Email::parse("manager@example.com").unwrap()),
                },
                Person { role: role("liaison"), name: None, mobile: None, email: None },
            ],
        }
    }

    fn resolved(wanted: Wanted, channels: &[Channel]) -> Resolved {
        resolve(&wanted, &contact(), channels, &LinkId::of(&PayToken::from_random([1; 16])), 0)
    }

    #[test]
    fn duplicates_merge_and_keep_every_role() {
        let told = resolved(
            Wanted {
                contact: true,
                roles: vec![role("manager")],
                mobiles: vec![mobile("+98 912 123 4567")],
                emails: vec![],
            },
            &Channel::ALL,
        );
        let summary: Vec<_> = told.recipients.iter().map(|r| (r.channel, r.to.as_str(), r.roles.join("+"))).collect();
        assert_eq!(
            summary,
            [
                (Channel::Sms, "+989121234567", "contact+manager".to_owned()),
                (Channel::Email, "manager@example.com", "manager".to_owned()),
            ]
        );
        assert!(told.unreached.is_empty());
    }

    #[test]
    fn who_cannot_be_reached_is_listed_with_the_reason() {
        let told = resolved(
            Wanted {
                contact: true,
                roles: vec![role("liaison"), role("treasurer")],
                mobiles: vec![mobile("09351234567")],
                emails: vec![],
            },
            &[Channel::Email],
        );
        assert!(told.recipients.is_empty());
        let reasons: Vec<_> = told.unreached.iter().map(|u| (u.role.as_deref(), u.reason)).collect();
        assert_eq!(
            reasons,
            [
                (Some("contact"), UnreachedReason::NoAddress),
                (Some("liaison"), UnreachedReason::NoAddress),
                (Some("treasurer"), UnreachedReason::NobodyHasThisRole),
                (None, UnreachedReason::ChannelNotUsed),
            ]
        );
    }
}

//! The recipients of a link's messages are resolved once, when the link is made, so that a later change of a contact
//! cannot send a link to somebody new.

use serde::{Deserialize, Serialize};

use crate::address::{Email, Mobile, SocialAddress};
use crate::ids::{LinkId, MessageId, ProviderId, Role};
use crate::messages::channel::Channel;
use crate::messages::choice::Wording;
use crate::messages::routing::{MessageRouter, UnreachedReason};
use crate::records::contact::Contact;

/// The recipients that the caller named. They can be several at once, as the check boxes of the guide allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientSelection {
    pub contact: bool,
    pub roles: Vec<Role>,
    pub mobiles: Vec<Mobile>,
    pub emails: Vec<Email>,
    pub social: Vec<SocialAddress>,
}

impl RecipientSelection {
    pub fn is_empty(&self) -> bool {
        !self.contact
            && self.roles.is_empty()
            && self.mobiles.is_empty()
            && self.emails.is_empty()
            && self.social.is_empty()
    }
}

/// One message to be sent: one address on one channel, with every role for which the person is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub id: MessageId,
    pub channel: Channel,
    /// The network of a social address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<ProviderId>,
    pub to: String,
    /// `contact` for the contact itself, else the roles; empty for an address typed by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The messages that this one stands in for: it goes out only when one of them has failed for good. Empty for one that
    /// goes out at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stands_in_for: Vec<MessageId>,
}

/// Somebody who was named and cannot be told, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreached {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The network of a social address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<ProviderId>,
    pub reason: UnreachedReason,
}

/// Everybody who will be told, in the order named, duplicates merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedRecipients {
    pub recipients: Vec<Recipient>,
    pub unreached: Vec<Unreached>,
}

/// The channels, the wording and the providers by which people can be told.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryOptions<'a> {
    /// The channels that the message has a text for.
    pub channels: &'a [Channel],
    pub wording: Wording,
    pub router: MessageRouter<'a>,
}

/// Turns the named people into addresses that a provider delivers to. `round` tells one round of messages from another.
pub fn resolve(
    selection: &RecipientSelection,
    contact: &Contact,
    options: DeliveryOptions<'_>,
    link: &LinkId,
    round: u32,
) -> ResolvedRecipients {
    let mut list = List { options, link, round, resolved: ResolvedRecipients::default() };
    if selection.contact {
        list.add_person("contact", contact.mobile.as_ref(), contact.email.as_ref(), &contact.social);
    }
    for role in &selection.roles {
        let mut people = contact.people.iter().filter(|person| person.role == *role).peekable();
        if people.peek().is_none() {
            list.miss(Some(role.as_str()), None, UnreachedReason::NobodyHasThisRole);
        }
        for person in people {
            list.add_person(role.as_str(), person.mobile.as_ref(), person.email.as_ref(), &person.social);
        }
    }
    let typed = selection.mobiles.iter().map(Address::from);
    let typed =
        typed.chain(selection.emails.iter().map(Address::from)).chain(selection.social.iter().map(Address::from));
    for address in typed {
        if options.channels.contains(&address.channel) {
            list.add(address, None, None);
        } else {
            list.miss(None, Some(address), UnreachedReason::ChannelNotUsed);
        }
    }
    list.resolved
}

impl DeliveryOptions<'_> {
    /// Checks that a provider delivers the message to this address.
    pub(crate) fn check(&self, address: Address<'_>) -> Result<(), UnreachedReason> {
        let Address { channel, network, to } = address;
        self.router.route(channel, network, to, self.wording).map(|_| ())
    }
}

/// Where a message can go, as the records name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    channel: Channel,
    network: Option<&'a ProviderId>,
    to: &'a str,
}

impl Unreached {
    pub(crate) fn at(role: Option<&str>, address: Option<Address<'_>>, reason: UnreachedReason) -> Self {
        Self {
            role: role.map(str::to_owned),
            channel: address.map(|address| address.channel),
            network: address.and_then(|address| address.network.cloned()),
            reason,
        }
    }
}

/// This is the address of somebody who was told before.
impl<'a> From<&'a Recipient> for Address<'a> {
    fn from(recipient: &'a Recipient) -> Self {
        Self { channel: recipient.channel, network: recipient.network.as_ref(), to: &recipient.to }
    }
}

impl<'a> From<&'a Mobile> for Address<'a> {
    fn from(mobile: &'a Mobile) -> Self {
        Self { channel: Channel::Sms, network: None, to: mobile.as_str() }
    }
}

impl<'a> From<&'a Email> for Address<'a> {
    fn from(email: &'a Email) -> Self {
        Self { channel: Channel::Email, network: None, to: email.as_str() }
    }
}

impl<'a> From<&'a SocialAddress> for Address<'a> {
    fn from(social: &'a SocialAddress) -> Self {
        Self { channel: Channel::Social, network: Some(&social.network), to: social.id.as_str() }
    }
}

impl Recipient {
    fn new(link: &LinkId, round: u32, address: Address<'_>) -> Self {
        let Address { channel, network, to } = address;
        // The same id on two networks is two addresses.
        let id = match network {
            Some(network) => MessageId::of(link, round, &format!("{}:{network}", channel.as_str()), to),
            None => MessageId::of(link, round, channel.as_str(), to),
        };
        Self { id, channel, network: network.cloned(), to: to.to_owned(), roles: Vec::new(), stands_in_for: Vec::new() }
    }

    /// The same recipient in another round of messages.
    pub fn in_round(&self, link: &LinkId, round: u32) -> Self {
        Self { roles: self.roles.clone(), ..Self::new(link, round, self.into()) }
    }

    /// Whether it goes out, as far as is known of the messages that it stands in for.
    pub fn is_wanted(&self, has_failed: impl Fn(&MessageId) -> bool) -> bool {
        self.stands_in_for.is_empty() || self.stands_in_for.iter().any(has_failed)
    }
}

struct List<'a> {
    options: DeliveryOptions<'a>,
    link: &'a LinkId,
    round: u32,
    resolved: ResolvedRecipients,
}

impl List<'_> {
    fn add_person(&mut self, role: &str, mobile: Option<&Mobile>, email: Option<&Email>, social: &[SocialAddress]) {
        let known = mobile.map(Address::from).into_iter().chain(email.map(Address::from));
        let known = known.chain(social.iter().map(Address::from));
        let addresses: Vec<_> = known.filter(|address| self.options.channels.contains(&address.channel)).collect();
        if addresses.is_empty() {
            self.miss(Some(role), None, UnreachedReason::NoAddress);
        }
        let has_order = !self.options.router.settings.channel_order.is_empty();
        let mut before = None;
        for address in self.in_order(addresses) {
            // An address that no provider delivers to is skipped.
            let added = self.add(address, Some(role), before.clone());
            before = added.filter(|_| has_order).or(before);
        }
    }

    /// The addresses as the business prefers their channels; those it does not name come last.
    fn in_order<'b>(&self, mut addresses: Vec<Address<'b>>) -> Vec<Address<'b>> {
        let order = &self.options.router.settings.channel_order;
        let rank = |address: &Address<'_>| order.iter().position(|channel| *channel == address.channel);
        addresses.sort_by_key(|address| rank(address).unwrap_or(order.len()));
        addresses
    }

    /// Adds one message, or records why no provider delivers it. `before` is the message that it stands in for.
    fn add(&mut self, address: Address<'_>, role: Option<&str>, before: Option<MessageId>) -> Option<MessageId> {
        if let Err(reason) = self.options.check(address) {
            self.miss(role, Some(address), reason);
            return None;
        }
        let recipient = Recipient::new(self.link, self.round, address);
        let id = recipient.id.clone();
        let position = self.resolved.recipients.iter().position(|known| known.id == id);
        let is_new = position.is_none();
        let position = position.unwrap_or_else(|| {
            self.resolved.recipients.push(recipient);
            self.resolved.recipients.len() - 1
        });
        if let Some(known) = self.resolved.recipients.get_mut(position) {
            let goes_at_once = !is_new && known.stands_in_for.is_empty();
            match before {
                // One role that is told at once is enough: the person then does not wait for another message to fail.
                None => known.stands_in_for.clear(),
                Some(before) if !goes_at_once && !known.stands_in_for.contains(&before) => {
                    known.stands_in_for.push(before);
                }
                Some(_) => {}
            }
            if let Some(role) = role
                && !known.roles.iter().any(|known| known == role)
            {
                known.roles.push(role.to_owned());
            }
        }
        Some(id)
    }

    fn miss(&mut self, role: Option<&str>, address: Option<Address<'_>>, reason: UnreachedReason) {
        self.resolved.unreached.push(Unreached::at(role, address, reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Region, SocialId};
    use crate::ids::{ContactId, PayToken};
    use crate::messages::routing::samples;
    use crate::records::contact::Person;

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
            social: vec![social("telegram", "700")],
            balance: None,
            people: vec![
                Person {
                    role: role("manager"),
                    name: None,
                    mobile: Some(mobile("09121234567")),
                    email: Some(Email::parse("manager@example.com").unwrap()),
                    social: vec![social("bale", "700")],
                },
                Person { role: role("liaison"), name: None, mobile: None, email: None, social: vec![] },
            ],
        }
    }

    fn social(network: &str, id: &str) -> SocialAddress {
        SocialAddress { network: ProviderId::parse(network).unwrap(), id: SocialId::parse(id).unwrap() }
    }

    /// With a bot on each of these networks.
    fn resolved_with(selection: RecipientSelection, channels: &[Channel], networks: &[&str]) -> ResolvedRecipients {
        let (settings, mut providers) = samples::iranian();
        providers.extend(networks.iter().map(|network| samples::bot(network)));
        let router = MessageRouter { settings: &settings, providers: &providers };
        let options = DeliveryOptions { channels, wording: Wording::Default, router };
        resolve(&selection, &contact(), options, &LinkId::of(&PayToken::from_random([1; 16])), 0)
    }

    fn resolved(selection: RecipientSelection, channels: &[Channel]) -> ResolvedRecipients {
        resolved_with(selection, channels, &[])
    }

    #[test]
    fn duplicates_merge_and_keep_every_role() {
        let notified = resolved(
            RecipientSelection {
                contact: true,
                roles: vec![role("manager")],
                mobiles: vec![mobile("+98 912 123 4567")],
                ..RecipientSelection::default()
            },
            &[Channel::Sms, Channel::Email],
        );
        let summary: Vec<_> =
            notified.recipients.iter().map(|r| (r.channel, r.to.as_str(), r.roles.join("+"))).collect();
        assert_eq!(
            summary,
            [
                (Channel::Sms, "+989121234567", "contact+manager".to_owned()),
                (Channel::Email, "manager@example.com", "manager".to_owned()),
            ]
        );
        assert!(notified.unreached.is_empty());
    }

    #[test]
    fn who_cannot_be_reached_is_listed_with_the_reason() {
        let notified = resolved(
            RecipientSelection {
                contact: true,
                roles: vec![role("liaison"), role("treasurer")],
                mobiles: vec![mobile("09351234567")],
                ..RecipientSelection::default()
            },
            &[Channel::Email],
        );
        assert!(notified.recipients.is_empty());
        let reasons: Vec<_> = notified.unreached.iter().map(|u| (u.role.as_deref(), u.reason)).collect();
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

    #[test]
    fn the_same_id_on_two_networks_is_two_addresses_and_a_network_without_a_bot_is_named() {
        let selection = || RecipientSelection {
            contact: true,
            roles: vec![role("manager")],
            social: vec![social("telegram", "700")],
            ..RecipientSelection::default()
        };
        let both = resolved_with(selection(), &[Channel::Social], &["telegram", "bale"]);
        let notified: Vec<_> =
            both.recipients.iter().map(|r| (r.network.as_ref().unwrap().as_str(), r.to.as_str())).collect();
        assert_eq!(notified, [("telegram", "700"), ("bale", "700")]);
        assert_ne!(both.recipients[0].id, both.recipients[1].id);
        assert!(both.unreached.is_empty());
        let one = resolved_with(selection(), &Channel::ALL, &["telegram"]);
        let missed: Vec<_> = one
            .unreached
            .iter()
            .map(|u| (u.role.as_deref(), u.network.as_ref().map(ProviderId::as_str), u.reason))
            .collect();
        assert_eq!(missed, [(Some("manager"), Some("bale"), UnreachedReason::NetworkNotConnected)]);
    }

    #[test]
    fn with_an_order_people_are_told_on_the_first_channel_and_the_others_stand_in() {
        let (mut settings, mut providers) = samples::iranian();
        providers.extend([samples::bot("bale")]);
        settings.channel_order = vec![Channel::Social, Channel::Sms];
        let router = MessageRouter { settings: &settings, providers: &providers };
        let options = DeliveryOptions { channels: &Channel::ALL, wording: Wording::Default, router };
        let selection = RecipientSelection {
            contact: true,
            roles: vec![role("manager")],
            emails: vec![Email::parse("typed@example.com").unwrap()],
            ..RecipientSelection::default()
        };
        let notified = resolve(&selection, &contact(), options, &LinkId::of(&PayToken::from_random([1; 16])), 0);
        let position = |id: &MessageId| notified.recipients.iter().position(|one| one.id == *id).unwrap();
        let summary: Vec<(&str, Vec<usize>)> = notified
            .recipients
            .iter()
            .map(|one| (one.to.as_str(), one.stands_in_for.iter().map(position).collect()))
            .collect();
        assert_eq!(
            summary,
            [
                // The contact is on a network without a bot, so the number comes first, and the manager's own comes after.
                ("+989121234567", vec![]),
                ("700", vec![]),
                ("manager@example.com", vec![0]),
                ("typed@example.com", vec![]),
            ]
        );
        let mail = &notified.recipients[2];
        assert!(!mail.is_wanted(|_| false) && mail.is_wanted(|id| *id == notified.recipients[0].id));
        assert!(notified.recipients[0].is_wanted(|_| false));
    }
}

//! Turning the named people into addresses that a provider delivers to.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{ChosenPerson, Named, Recipient, RecipientSelection, ResolvedRecipients, Unreached};
use crate::address::{Email, Mobile, SocialAddress};
use crate::ids::{LinkId, MessageId, ProviderId};
use crate::messages::channel::Channel;
use crate::messages::choice::Wording;
use crate::messages::routing::MessageRouter;
use crate::messages::unreached::UnreachedReason;
use crate::problem::{Problems, Rejection, no_such};
use crate::records::contact::{Contact, NamedPerson, Somebody};

/// The channels, the wording and the providers by which people can be told.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryOptions<'a> {
    /// The channels that the message has a text for.
    pub channels: &'a [Channel],
    pub wording: Wording,
    pub router: MessageRouter<'a>,
}

/// Reports every person who was named and is not at the contact, and every channel chosen for a person by which that person
/// cannot be told. `channels` are those of the message.
pub fn check_people(selection: &RecipientSelection, contact: &Contact, channels: &[Channel], problems: &mut Problems) {
    for (index, ChosenPerson { person, channels: chosen }) in selection.people.iter().enumerate() {
        let at = format!("/recipients/people/{index}");
        let Some(somebody) = contact.everybody().find(|somebody| somebody.who.id == *person) else {
            let known: Vec<_> = contact.everybody().map(|somebody| somebody.who.id).collect();
            let known: Vec<&str> = known.iter().map(|id| id.as_str()).collect();
            problems.refuse(format!("{at}/person"), "unknown_person", no_such("person", person.as_str(), &known));
            continue;
        };
        for (index, channel) in chosen.iter().flatten().enumerate() {
            let (code, why) = if !somebody.has(*channel) {
                ("no_address", format!("{person} has no address for {}", channel.as_str()))
            } else if !channels.contains(channel) {
                ("channel_not_used", format!("The message does not use the channel {}", channel.as_str()))
            } else {
                continue;
            };
            problems.refuse(format!("{at}/channels/{index}"), code, format!("{why}."));
        }
    }
}

/// Turns the named people into addresses that a provider delivers to. `round` tells one round of messages from another. Who is
/// named in several ways is told on all channels that any of them allows. Of people chosen singly, those who are not there
/// are passed over, because [`check_people`] reports them.
pub fn resolve(
    selection: &RecipientSelection,
    contact: &Contact,
    options: DeliveryOptions<'_>,
    link: &LinkId,
    round: u32,
) -> ResolvedRecipients {
    let mut list = List { options, link, round, resolved: ResolvedRecipients::default() };
    for somebody in contact.everybody() {
        if let Some(channels) = selection.channels_for(&somebody.who, options.channels) {
            list.add_somebody(&somebody, &channels);
        }
    }
    for (index, role) in selection.roles.iter().enumerate() {
        let has_role = |somebody: Somebody<'_>| somebody.who.role == *role;
        if !contact.everybody().any(has_role) && !selection.roles.iter().take(index).any(|before| before == role) {
            list.miss(Some(Named::Role(role.clone())), None, UnreachedReason::NobodyHasThisRole);
        }
    }
    let social = options.router.as_known(&selection.social);
    let typed = selection.mobiles.iter().map(Address::from);
    let typed = typed.chain(selection.emails.iter().map(Address::from)).chain(social.iter().map(Address::from));
    let mut seen = BTreeSet::new();
    for address in typed.filter(|address| seen.insert(Recipient::new(link, round, *address).id)) {
        if options.channels.contains(&address.channel) {
            list.add(address, None, None);
        } else {
            list.miss(None, Some(address), UnreachedReason::ChannelNotUsed);
        }
    }
    list.resolved
}

/// People who were told before, at the addresses at which they were, as messages of this round. The providers may have changed
/// since, and so may the texts.
pub fn told_again(before: &[Recipient], options: DeliveryOptions<'_>, link: &LinkId, round: u32) -> ResolvedRecipients {
    let (mut at_first, mut unreached) = (Vec::new(), Vec::new());
    for recipient in before.iter().filter(|one| options.channels.contains(&one.channel)) {
        let named = recipient.people.first().cloned().map(Named::Person);
        match options.check(recipient.into()) {
            Ok(()) => at_first.push(recipient),
            Err(reason) => unreached.push(Unreached::at(named, Some(recipient.into()), reason)),
        }
    }
    let again = |recipient: &Recipient| recipient.in_round(link, round);
    // What stood in for a message that is not sent again goes out at once.
    let stands_in_for = |recipient: &Recipient| {
        let known = at_first.iter().copied().filter(|known| recipient.stands_in_for.contains(&known.id));
        known.map(|known| again(known).id).collect::<Vec<_>>()
    };
    let recipients = at_first.iter().copied().map(|one| Recipient { stands_in_for: stands_in_for(one), ..again(one) });
    ResolvedRecipients { recipients: recipients.collect(), unreached }
}

impl RecipientSelection {
    /// On which of the message's channels somebody of the contact is told; `None` for who is not named at all.
    fn channels_for(&self, who: &NamedPerson, channels: &[Channel]) -> Option<Vec<Channel>> {
        let singly: Vec<&ChosenPerson> = self.people.iter().filter(|chosen| chosen.person == who.id).collect();
        let is_chosen =
            |channel: &Channel| singly.iter().any(|one| one.channels.iter().flatten().any(|chosen| chosen == channel));
        if self.contact && who.id.is_contact()
            || self.roles.contains(&who.role)
            || singly.iter().any(|chosen| chosen.channels.is_none())
        {
            return Some(channels.to_vec());
        }
        (!singly.is_empty()).then(|| channels.iter().copied().filter(is_chosen).collect())
    }
}

impl Somebody<'_> {
    /// Whether there is any address for the channel.
    fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Sms => self.mobile.is_some(),
            Channel::Email => self.email.is_some(),
            Channel::Social => !self.social.is_empty(),
        }
    }
}

impl ResolvedRecipients {
    /// Says of everybody who was named why they cannot be told, where nobody can.
    pub(crate) fn nobody_reachable(&self) -> Rejection {
        let detail = match self.unreached.as_slice() {
            [] => "Nobody was told of this link on these channels before; name whom to tell.".to_owned(),
            unreached => {
                let each: Vec<String> = unreached.iter().map(Unreached::in_words).collect();
                format!("None of these recipients can be reached: {}.", each.join("; "))
            }
        };
        Rejection::new("nobody_reachable", detail)
    }
}

impl DeliveryOptions<'_> {
    /// Checks that a provider delivers the message to this address.
    pub(crate) fn check(&self, address: Address<'_>) -> Result<(), UnreachedReason> {
        let Address { channel, network, to } = address;
        self.router.route(channel, network, to, self.wording)?;
        // A record can be older than the provider by which its addresses are read.
        let read = network.map(|network| self.router.read_social(network, to));
        if read.is_some_and(|read| read.is_err()) { Err(UnreachedReason::InvalidAddress) } else { Ok(()) }
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
    /// Who, on which channel and why, without the address.
    fn in_words(&self) -> String {
        let Self { named, channel, network, reason } = self;
        let who = match named {
            None => "typed by hand".to_owned(),
            Some(Named::Role(role)) => role.to_string(),
            Some(Named::Person(NamedPerson { role, id })) if role.as_str() == id.as_str() => role.to_string(),
            Some(Named::Person(NamedPerson { role, id })) => format!("{role} {id}"),
        };
        let how = channel.map(|channel| format!(" by {}", channel.as_str())).unwrap_or_default();
        let network = network.as_ref().map(|network| format!(" on {network}")).unwrap_or_default();
        format!("{who}{how}{network} ({})", reason.as_str())
    }

    pub(crate) fn at(named: Option<Named>, address: Option<Address<'_>>, reason: UnreachedReason) -> Self {
        Self {
            named,
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
        let place = match network {
            Some(network) => Cow::Owned(format!("{}:{network}", channel.as_str())),
            None => Cow::Borrowed(channel.as_str()),
        };
        // Capitals tell no two people apart: not in numbers, not in names on networks, and not in mail. Somebody who is named
        // in both ways is told once, at the address that comes first.
        let id = MessageId::of(link, round, &place, &to.to_ascii_lowercase());
        Self {
            id,
            channel,
            network: network.cloned(),
            to: to.to_owned(),
            people: Vec::new(),
            stands_in_for: Vec::new(),
        }
    }

    /// The same recipient in another round of messages.
    pub fn in_round(&self, link: &LinkId, round: u32) -> Self {
        Self { people: self.people.clone(), ..Self::new(link, round, self.into()) }
    }
}

struct List<'a> {
    options: DeliveryOptions<'a>,
    link: &'a LinkId,
    round: u32,
    resolved: ResolvedRecipients,
}

impl List<'_> {
    fn add_somebody(&mut self, somebody: &Somebody<'_>, channels: &[Channel]) {
        let Somebody { who, name: _, mobile, email, social } = somebody;
        let social = self.options.router.as_known(social);
        let known = mobile.map(Address::from).into_iter().chain(email.map(Address::from));
        let known = known.chain(social.iter().map(Address::from));
        let addresses: Vec<_> = known.filter(|address| channels.contains(&address.channel)).collect();
        if addresses.is_empty() {
            self.miss(Some(Named::Person(who.clone())), None, UnreachedReason::NoAddress);
        }
        let has_order = !self.options.router.settings.channel_order.is_empty();
        let mut before = None;
        for address in self.in_order(addresses) {
            // An address that no provider delivers to is skipped.
            let added = self.add(address, Some(who), before.clone());
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
    fn add(&mut self, address: Address<'_>, who: Option<&NamedPerson>, before: Option<MessageId>) -> Option<MessageId> {
        if let Err(reason) = self.options.check(address) {
            self.miss(who.cloned().map(Named::Person), Some(address), reason);
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
                // One way of being told at once is enough: whoever has the address then does not
                // wait for another message to fail.
                None => known.stands_in_for.clear(),
                Some(before) if !goes_at_once && !known.stands_in_for.contains(&before) => {
                    known.stands_in_for.push(before);
                }
                Some(_) => {}
            }
            if let Some(who) = who
                && !known.people.contains(who)
            {
                known.people.push(who.clone());
            }
        }
        Some(id)
    }

    fn miss(&mut self, named: Option<Named>, address: Option<Address<'_>>, reason: UnreachedReason) {
        self.resolved.unreached.push(Unreached::at(named, address, reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Region, SocialId};
    use crate::business::settings::Settings;
    use crate::ids::{ContactId, PayToken, PersonId, Role};
    use crate::messages::provider::ProviderKind;
    use crate::messages::provider::tests::bare;
    use crate::messages::routing::samples;
    use crate::records::contact::Person;
    use proptest::prelude::*;

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
            no_reminders: false,
            people: vec![
                Person {
                    id: PersonId::parse("manager").unwrap(),
                    role: role("manager"),
                    name: None,
                    mobile: Some(mobile("09121234567")),
                    email: Some(Email::parse("manager@example.com").unwrap()),
                    social: vec![social("bale", "700")],
                },
                Person {
                    id: PersonId::parse("l-1").unwrap(),
                    role: role("liaison"),
                    name: None,
                    mobile: None,
                    email: None,
                    social: vec![],
                },
            ],
        }
    }

    /// Whoever was named and cannot be told; nobody where an address was typed.
    fn who(unreached: &Unreached) -> Option<String> {
        unreached.named.as_ref().map(|named| match named {
            Named::Person(person) => person.to_string(),
            Named::Role(role) => role.to_string(),
        })
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
        let summary: Vec<_> = notified
            .recipients
            .iter()
            .map(|r| {
                (r.channel, r.to.as_str(), r.roles().iter().map(|role| role.as_str()).collect::<Vec<_>>().join("+"))
            })
            .collect();
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
    fn capitals_tell_no_two_addresses_apart_and_the_first_stays_as_it_is() {
        let email = |text: &str| Email::parse(text).unwrap();
        let selection = RecipientSelection {
            contact: true,
            emails: vec![email("sara.test@example.com"), email("OTHER@example.com"), email("other@EXAMPLE.com")],
            social: ["@SaraTest", "@saratest"].map(|id| social("telegram", id)).into(),
            ..RecipientSelection::default()
        };
        let contact = Contact { email: Some(email("Sara.Test@Example.com")), mobile: None, ..contact() };
        let (settings, mut providers) = samples::iranian();
        providers.extend([samples::bot("telegram")]);
        let router = MessageRouter { settings: &settings, providers: &providers };
        let options = DeliveryOptions { channels: &Channel::ALL, wording: Wording::Default, router };
        let notified = resolve(&selection, &contact, options, &LinkId::of(&PayToken::from_random([1; 16])), 0);
        let to: Vec<&str> = notified.recipients.iter().map(|one| one.to.as_str()).collect();
        assert_eq!(to, ["Sara.Test@example.com", "700", "OTHER@example.com", "@SaraTest"]);
        let again = notified.recipients[0].in_round(&LinkId::of(&PayToken::from_random([1; 16])), 0);
        assert_eq!(again.id, notified.recipients[0].id);
    }

    #[test]
    fn whatsapp_knows_people_by_their_numbers_however_they_were_kept() {
        let (settings, mut providers) = samples::iranian();
        let (id, whatsapp) = samples::provider("wa", bare(ProviderKind::Whatsapp));
        providers.insert(id, whatsapp);
        let settings = Settings { default_region: Region::parse("IR").unwrap(), ..settings };
        let router = MessageRouter { settings: &settings, providers: &providers };
        let options = DeliveryOptions { channels: &[Channel::Social], wording: Wording::Default, router };
        // They were kept before anybody knew what this network is.
        let kept = ["09121234567", "someone", "+989121234567", "0912-123-4567"].map(|id| social("wa", id));
        let contact = Contact { social: kept.clone().into(), mobile: None, ..contact() };
        let selection = RecipientSelection { contact: true, social: kept.into(), ..RecipientSelection::default() };
        let notified = resolve(&selection, &contact, options, &LinkId::of(&PayToken::from_random([1; 16])), 0);
        let to: Vec<&str> = notified.recipients.iter().map(|one| one.to.as_str()).collect();
        assert_eq!(to, ["+989121234567"]);
        let reasons: Vec<_> = notified.unreached.iter().map(|one| (who(one), one.reason)).collect();
        assert_eq!(
            reasons,
            [(Some("contact".to_owned()), UnreachedReason::InvalidAddress), (None, UnreachedReason::InvalidAddress)]
        );
        let network = ProviderId::parse("wa").unwrap();
        assert_eq!(router.read_social(&network, "۰۹۱۲ ۱۲۳ ۴۵۶۷").unwrap().as_str(), "+989121234567");
        assert_eq!(router.read_social(&network, "someone").unwrap_err().code, "invalid_mobile");
        let other = ProviderId::parse("telegram").unwrap();
        assert_eq!(router.read_social(&other, "someone").unwrap().as_str(), "someone");
    }

    #[test]
    fn a_number_in_full_names_the_same_person_in_whichever_region_the_business_is() {
        let (settings, mut providers) = samples::iranian();
        let (id, whatsapp) = samples::provider("wa", bare(ProviderKind::Whatsapp));
        providers.insert(id, whatsapp);
        let kept = ["491711234567", "+15125550100", "15125550100"].map(|id| social("wa", id));
        let selection = || RecipientSelection { social: kept.to_vec(), ..RecipientSelection::default() };
        for (region, told, missed) in
            [("IR", vec!["+491711234567", "+15125550100"], 0), ("DE", vec!["+491711234567", "+15125550100"], 1)]
        {
            let settings = Settings { default_region: Region::parse(region).unwrap(), ..settings.clone() };
            let router = MessageRouter { settings: &settings, providers: &providers };
            let options = DeliveryOptions { channels: &[Channel::Social], wording: Wording::Default, router };
            let link = LinkId::of(&PayToken::from_random([1; 16]));
            let notified = resolve(&selection(), &contact(), options, &link, 0);
            let to: Vec<&str> = notified.recipients.iter().map(|one| one.to.as_str()).collect();
            assert_eq!((to, notified.unreached.len()), (told, missed), "{region}");
        }
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
        let reasons: Vec<_> = notified.unreached.iter().map(|u| (who(u), u.reason)).collect();
        assert_eq!(
            reasons,
            [
                (Some("contact".to_owned()), UnreachedReason::NoAddress),
                (Some("liaison/l-1".to_owned()), UnreachedReason::NoAddress),
                (Some("treasurer".to_owned()), UnreachedReason::NobodyHasThisRole),
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
        let missed: Vec<_> =
            one.unreached.iter().map(|u| (who(u), u.network.as_ref().map(ProviderId::as_str), u.reason)).collect();
        assert_eq!(missed, [(Some("manager".to_owned()), Some("bale"), UnreachedReason::NetworkNotConnected)]);
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

    fn chosen(person: &str, channels: Option<&[Channel]>) -> ChosenPerson {
        ChosenPerson { person: PersonId::parse(person).unwrap(), channels: channels.map(<[Channel]>::to_vec) }
    }

    fn people(people: Vec<ChosenPerson>) -> RecipientSelection {
        RecipientSelection { people, ..RecipientSelection::default() }
    }

    #[test]
    fn a_person_is_told_on_the_channels_chosen_and_the_contact_is_one_of_the_people() {
        let told = |selection| {
            let notified = resolved_with(selection, &Channel::ALL, &["telegram", "bale"]);
            let to = |one: &Recipient| format!("{} {}", one.to, one.people[0]);
            notified.recipients.iter().map(to).collect::<Vec<_>>()
        };
        assert_eq!(told(people(vec![chosen("manager", Some(&[Channel::Email]))])), ["manager@example.com manager"]);
        assert_eq!(
            told(people(vec![chosen("manager", Some(&[Channel::Social])), chosen("manager", Some(&[Channel::Email]))])),
            ["manager@example.com manager", "700 manager"]
        );
        assert_eq!(told(people(vec![chosen("contact", None)])), ["+989121234567 contact", "700 contact"]);
        assert_eq!(told(people(vec![chosen("contact", Some(&[Channel::Social]))])), ["700 contact"]);
        // A role allows every channel, whatever was chosen for one of those who have it.
        let both = RecipientSelection {
            roles: vec![role("manager")],
            ..people(vec![chosen("manager", Some(&[Channel::Email]))])
        };
        assert_eq!(told(both).len(), 3);
    }

    #[test]
    fn a_person_who_is_not_there_and_a_channel_without_an_address_are_pointed_at() {
        let selection = people(vec![
            chosen("manger", None),
            chosen("l-1", Some(&[Channel::Sms, Channel::Email])),
            chosen("manager", Some(&[Channel::Sms, Channel::Email])),
            chosen("l-1", None),
        ]);
        let mut problems = Problems::default();
        check_people(&selection, &contact(), &[Channel::Sms], &mut problems);
        let found: Vec<_> =
            problems.as_slice().iter().map(|one| (one.pointer.as_str(), one.code, one.detail.as_str())).collect();
        assert_eq!(
            found,
            [
                (
                    "/recipients/people/0/person",
                    "unknown_person",
                    "There is no such person. Did you mean manager? There are contact, manager, l-1."
                ),
                ("/recipients/people/1/channels/0", "no_address", "l-1 has no address for sms."),
                ("/recipients/people/1/channels/1", "no_address", "l-1 has no address for email."),
                ("/recipients/people/2/channels/1", "channel_not_used", "The message does not use the channel email."),
            ]
        );
    }

    #[test]
    fn of_whom_nobody_can_be_told_each_is_named_with_the_person() {
        let selection = RecipientSelection {
            roles: vec![role("treasurer")],
            mobiles: vec![mobile("09351234567")],
            ..people(vec![chosen("l-1", None), chosen("manager", None)])
        };
        let (settings, providers) = samples::iranian();
        let router = MessageRouter { settings: &settings, providers: &providers };
        let options = DeliveryOptions { channels: &[Channel::Social], wording: Wording::Default, router };
        let notified = resolve(&selection, &contact(), options, &LinkId::of(&PayToken::from_random([1; 16])), 0);
        assert_eq!(
            notified.nobody_reachable().detail,
            "None of these recipients can be reached: manager by social on bale (network_not_connected); \
             liaison l-1 (no_address); treasurer (nobody_has_this_role); typed by hand by sms (channel_not_used)."
        );
    }

    /// Everybody who is told, with whom it is for and what it stands in for, and everybody who is not, in no order.
    fn as_sets(resolved: &ResolvedRecipients) -> (BTreeSet<String>, BTreeSet<String>) {
        let sorted = |mut all: Vec<String>| {
            all.sort();
            all.join(" ")
        };
        let told = resolved.recipients.iter().map(|one| {
            let people = sorted(one.people.iter().map(ToString::to_string).collect());
            let before = sorted(one.stands_in_for.iter().map(ToString::to_string).collect());
            format!("{} for {people} behind {before}", one.id)
        });
        (told.collect(), resolved.unreached.iter().map(|one| format!("{one:?}")).collect())
    }

    /// A role and the numbers of an address for each channel.
    type Drawn = (&'static str, Option<u8>, Option<u8>, Option<u8>);

    fn a_person() -> impl Strategy<Value = Drawn> {
        let address = || prop::option::of(0_u8..3);
        (prop::sample::select(vec!["manager", "liaison"]), address(), address(), address())
    }

    fn a_contact() -> impl Strategy<Value = Contact> {
        let email = |number: u8| Email::parse(&format!("{number}@example.com")).unwrap();
        prop::collection::vec(a_person(), 1..6).prop_map(move |people| {
            let person = |(index, (name, sms, mail, chat)): (usize, Drawn)| Person {
                id: PersonId::by_role(&role("p"), index),
                role: role(name),
                name: None,
                mobile: sms.map(|number| mobile(&format!("0912123456{number}"))),
                email: mail.map(email),
                // Nobody serves the last network.
                social: chat
                    .map(|number| social(["telegram", "bale", "none"][usize::from(number)], "7"))
                    .into_iter()
                    .collect(),
            };
            let first = person((0, people[0]));
            Contact {
                mobile: first.mobile,
                email: first.email,
                social: first.social,
                people: people.into_iter().enumerate().skip(1).map(person).collect(),
                ..contact()
            }
        })
    }

    fn channels_of(bits: u8) -> Vec<Channel> {
        let all = Channel::ALL.into_iter().enumerate();
        all.filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, channel)| channel).collect()
    }

    fn orders() -> impl Strategy<Value = Vec<Channel>> {
        Just(Channel::ALL.to_vec())
            .prop_shuffle()
            .prop_flat_map(|all| (0..=3_usize).prop_map(move |kept| all[..kept].to_vec()))
    }

    /// Numbers from those that people have, the first of which may be chosen several times.
    fn selections() -> impl Strategy<Value = RecipientSelection> {
        let one = (0_usize..6, prop::option::of(1_u8..8)).prop_map(|(index, channels)| {
            let person = if index == 0 { PersonId::contact() } else { PersonId::by_role(&role("p"), index) };
            ChosenPerson { person, channels: channels.map(channels_of) }
        });
        let names = prop::collection::vec(prop::sample::select(vec!["manager", "liaison", "nobody"]), 0..3);
        (any::<bool>(), names, prop::collection::vec(one, 0..5), prop::collection::vec(0_u8..3, 0..3)).prop_map(
            |(contact, roles, people, mobiles)| RecipientSelection {
                contact,
                roles: roles.into_iter().map(role).collect(),
                people,
                mobiles: mobiles.into_iter().map(|number| mobile(&format!("0912123456{number}"))).collect(),
                ..RecipientSelection::default()
            },
        )
    }

    fn resolved_in(
        order: &[Channel],
        contact: &Contact,
        selection: &RecipientSelection,
        channels: &[Channel],
    ) -> ResolvedRecipients {
        let (mut settings, mut providers) = samples::iranian();
        providers.extend(["telegram", "bale"].map(samples::bot));
        settings.channel_order = order.to_vec();
        let router = MessageRouter { settings: &settings, providers: &providers };
        let options = DeliveryOptions { channels, wording: Wording::Default, router };
        resolve(selection, contact, options, &LinkId::of(&PayToken::from_random([1; 16])), 0)
    }

    proptest! {
        #[test]
        fn to_choose_everybody_on_all_channels_is_to_choose_the_contact_and_every_role(
            contact in a_contact(),
            order in orders(),
            used in 1_u8..8,
        ) {
            let channels = channels_of(used);
            let roles = contact.people.iter().map(|person| person.role.clone()).collect();
            let by_role = RecipientSelection { contact: true, roles, ..RecipientSelection::default() };
            let all = contact.everybody().map(|one| ChosenPerson { person: one.who.id, channels: None });
            let by_person = people(all.collect());
            prop_assert_eq!(
                resolved_in(&order, &contact, &by_person, &channels),
                resolved_in(&order, &contact, &by_role, &channels)
            );
            let with_channels = |one: &ChosenPerson| ChosenPerson { channels: Some(channels.clone()), ..one.clone() };
            let named = people(by_person.people.iter().map(with_channels).collect());
            prop_assert_eq!(
                resolved_in(&order, &contact, &named, &channels),
                resolved_in(&order, &contact, &by_role, &channels)
            );
        }

        #[test]
        fn neither_the_order_of_what_is_named_nor_naming_it_twice_matters(
            contact in a_contact(),
            order in orders(),
            selection in selections(),
            used in 1_u8..8,
            turned in any::<usize>(),
        ) {
            let channels = channels_of(used);
            let mut other = selection.clone();
            // Twice, and beginning elsewhere.
            fn again<T: Clone>(all: &mut Vec<T>, turned: usize) {
                all.extend(all.clone());
                let middle = turned.checked_rem(all.len()).unwrap_or_default();
                all.rotate_left(middle);
            }
            again(&mut other.roles, turned);
            again(&mut other.people, turned);
            again(&mut other.mobiles, turned);
            let (one, two) = (
                resolved_in(&order, &contact, &selection, &channels),
                resolved_in(&order, &contact, &other, &channels),
            );
            prop_assert_eq!(as_sets(&one), as_sets(&two));
            prop_assert_eq!(one.unreached.len(), two.unreached.len());
            // Nobody is told on a channel that was not chosen in any way.
            let ids: BTreeSet<&MessageId> = one.recipients.iter().map(|recipient| &recipient.id).collect();
            prop_assert_eq!(ids.len(), one.recipients.len());
            for recipient in &one.recipients {
                prop_assert!(channels.contains(&recipient.channel));
                for who in &recipient.people {
                    let allowed = selection.contact && who.id.is_contact()
                        || selection.roles.contains(&who.role)
                        || selection.people.iter().any(|chosen| chosen.person == who.id
                            && chosen.channels.as_ref().is_none_or(|channels| channels.contains(&recipient.channel)));
                    prop_assert!(allowed);
                }
            }
        }
    }
}

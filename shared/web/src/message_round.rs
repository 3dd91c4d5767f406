//! Whom to tell and in which words: read the same way when a link is made and when people are told again.

use domain::address::{Email, Mobile};
use domain::ids::{PersonId, Role};
use domain::messages::channel::Channel;
use domain::messages::recipients::ChosenPerson;
use domain::messages::routing::MessageRouter;
use domain::messages::template::MessageText;
use domain::requests::create::{MessageMode, MessageRequest, Recipients};
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use utoipa::ToSchema;
use views::schema::{ChannelName, MessageModeName};

use crate::body::{Given, GivenList, Unknown, refuse_unknown};
use crate::records::{MAX_PEOPLE, SocialBody, read_social};
use crate::texts::TextBody;

/// At most this many roles, numbers or addresses may be named.
const MAX_RECIPIENTS: usize = 20;

/// At most this many people may be named singly: the contact itself and everybody at it.
const MAX_CHOSEN: usize = MAX_PEOPLE + 1;

/// Whom to tell. Somebody who is named twice is told once, on every channel that one of these ways allows; capitals tell no
/// two addresses apart. Where nobody who is named can be reached, the request is refused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RecipientsInput)]
pub struct RecipientsBody {
    /// Whether the contact itself is told; left out, it is not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    contact: Given<bool>,
    /// People at the contact, by role such as `manager`, at most 20: everybody who has it. Case counts. `contact` is the
    /// contact itself, as answers name it. A role that nobody has, and a person without an address on a channel of the message, is listed in `unreached`. Left out, nobody.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    roles: GivenList<String>,
    /// People at the contact singly, at most 51, each with the channels chosen for that person. Left out, nobody.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ChosenPersonBody>>, max_items = 51)]
    people: GivenList<ChosenPersonBody>,
    /// Mobile numbers typed by hand, at most 20, each read as that of a contact and kept in E.164. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    mobiles: GivenList<String>,
    /// Email addresses typed by hand, at most 20, each read as that of a contact. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    emails: GivenList<String>,
    /// Addresses on social networks typed by hand, at most 20. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>, max_items = 20)]
    social: GivenList<SocialBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// One of the people at the contact, and the channels chosen for that person.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RecipientPersonInput)]
struct ChosenPersonBody {
    /// The `id` of the person at the contact; `contact` is the contact itself.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "id")]
    person: Given<String>,
    /// The channels on which the person is told, of those of the message. A channel for which the person has no address is
    /// refused. Left out, every channel of the message for which there is one.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ChannelName>>, min_items = 1)]
    channels: GivenList<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// In which words people are told, and on which channels.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageChoiceInput)]
pub struct MessageBody {
    /// `default`, which it is when left out, takes the business's own text, else the built-in one, in the language of
    /// the link. `custom` takes the texts given here.
    #[serde(default)]
    #[schema(value_type = Option<MessageModeName>)]
    mode: Given<String>,
    /// On which channels people are told. With `default`, left out means all; a person is told on those of them where
    /// there is an address, or in the order of the settings' `channel_order`. With `custom` it is required and names
    /// exactly the channels whose texts are given.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ChannelName>>, min_items = 1)]
    channels: GivenList<String>,
    /// The text of the SMS, with `custom` and the channel `sms` only. Filled in, it has at most `max_sms_segments`
    /// segments.
    #[serde(default)]
    #[schema(value_type = Option<TextBody>)]
    sms: Given<TextBody>,
    /// The text of the email, with `custom` and the channel `email` only.
    #[serde(default)]
    #[schema(value_type = Option<TextBody>)]
    email: Given<TextBody>,
    /// The text for social networks, with `custom` and the channel `social` only; filled in, at most 4,096 characters.
    /// Networks that take approved templates only, as WhatsApp does, do not get it.
    #[serde(default)]
    #[schema(value_type = Option<TextBody>)]
    social: Given<TextBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl RecipientsBody {
    /// Reads every field, addresses by the settings and the providers of the business.
    pub fn read(self, router: MessageRouter<'_>, problems: &mut Problems) -> Recipients {
        let (p, region) = (problems, &router.settings.default_region);
        refuse_unknown::<Self>("/recipients", self.unknown, p);
        let contact = self.contact.field("/recipients/contact", p);
        let mut roles = list(self.roles, "/recipients/roles", p, Role::parse);
        // Answers list the contact among the roles, so a caller that hands their words back means it.
        let mut names_contact = false;
        if let Field::Value(roles) = &mut roles {
            names_contact = roles.iter().any(Role::is_contact);
            roles.retain(|role| !role.is_contact());
        }
        Recipients {
            contact: match contact {
                Field::Absent | Field::Value(_) if names_contact => Field::Value(true),
                contact => contact,
            },
            roles,
            people: self.people.each("/recipients/people", MAX_CHOSEN, p, ChosenPersonBody::read),
            mobiles: list(self.mobiles, "/recipients/mobiles", p, |text| Mobile::parse(text, region)),
            emails: list(self.emails, "/recipients/emails", p, Email::parse),
            social: read_social(self.social, "/recipients/social", MAX_RECIPIENTS, router, p),
            former: Vec::new(),
        }
    }
}

impl ChosenPersonBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<ChosenPerson> {
        let p = problems;
        refuse_unknown::<Self>(at, self.unknown, p);
        let person = self.person.required_text(format!("{at}/person"), p, PersonId::parse);
        let at = format!("{at}/channels");
        let channels = list(self.channels, &at, p, Channel::parse);
        if matches!(&channels, Field::Value(channels) if channels.is_empty()) {
            p.refuse(at, "required", "Name a channel, or leave the field out for all of them.");
            return None;
        }
        Some(ChosenPerson { person: person?, channels: channels.optional()? })
    }
}

/// Reads each entry of a list and points at those that cannot be read.
fn list<T>(
    given: GivenList<String>,
    at: &str,
    problems: &mut Problems,
    parse: impl Fn(&str) -> Result<T, Rejection>,
) -> Field<Vec<T>> {
    given.each(at, MAX_RECIPIENTS, problems, |text, at, p| p.check(at, parse(&text)).value())
}

impl MessageBody {
    pub fn read(self, problems: &mut Problems) -> MessageRequest {
        let p = problems;
        refuse_unknown::<Self>("/message", self.unknown, p);
        let given = [(Channel::Sms, self.sms), (Channel::Email, self.email), (Channel::Social, self.social)];
        MessageRequest {
            mode: self.mode.text("/message/mode", p, MessageMode::parse),
            channels: list(self.channels, "/message/channels", p, Channel::parse).map(|mut channels| {
                channels.sort();
                channels.dedup();
                channels
            }),
            texts: given
                .into_iter()
                .filter_map(|(channel, text)| Some((channel, read_text(text, channel, p)?)))
                .collect(),
        }
    }
}

/// The text for a channel, where one is given.
fn read_text(given: Given<TextBody>, channel: Channel, problems: &mut Problems) -> Option<Field<MessageText>> {
    let at = format!("/message/{}", channel.as_str());
    match given.read(&at, problems, |body, at, problems| body.read(channel, at, problems)) {
        Field::Absent => None,
        given => Some(given),
    }
}

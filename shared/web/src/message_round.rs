//! Whom to tell and in which words: read the same way when a link is made and when people are told again.

use domain::address::{Email, Mobile, Region};
use domain::ids::Role;
use domain::messages::channel::Channel;
use domain::messages::template::MessageText;
use domain::requests::create::{MessageMode, MessageRequest, Recipients};
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use utoipa::ToSchema;
use views::schema::{ChannelName, MessageModeName};

use crate::body::{Given, Unknown, refuse_unknown};
use crate::records::{SocialBody, read_social};
use crate::texts::TextBody;

/// At most this many people, numbers or addresses may be named by hand.
const MAX_RECIPIENTS: usize = 20;

/// Whom to tell. Somebody who is named twice is told once. Where nobody who is named can be reached, the request is refused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Recipients)]
pub struct RecipientsBody {
    /// Whether the contact itself is told; left out, it is not.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    contact: Given<bool>,
    /// People at the contact, by role such as `manager`, at most 20: everybody who has it. A role that nobody has, and
    /// a person without an address on a channel of the message, is listed in `unreached`. Left out, nobody.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    roles: Given<Vec<String>>,
    /// Mobile numbers typed by hand, at most 20, as people write them: with spaces, in the local form of the settings'
    /// `default_region`, with Persian or Arabic digits. They are kept in E.164. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    mobiles: Given<Vec<String>>,
    /// Email addresses typed by hand, at most 20, in ASCII and of at most 254 characters. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    emails: Given<Vec<String>>,
    /// Addresses on social networks typed by hand, at most 20. Left out, none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>)]
    social: Given<Vec<SocialBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// In which words people are told, and on which channels.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageChoiceBody)]
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
    #[schema(value_type = Option<Vec<ChannelName>>)]
    channels: Given<Vec<String>>,
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
    pub fn read(self, region: &Region, problems: &mut Problems) -> Recipients {
        let p = problems;
        refuse_unknown("/recipients", self.unknown, p);
        Recipients {
            contact: self.contact.field("/recipients/contact", p),
            roles: list(self.roles, "/recipients/roles", p, Role::parse),
            mobiles: list(self.mobiles, "/recipients/mobiles", p, |text| Mobile::parse(text, region)),
            emails: list(self.emails, "/recipients/emails", p, Email::parse),
            social: read_social(self.social, "/recipients/social", MAX_RECIPIENTS, p),
        }
    }
}

/// Reads each entry of a list and points at those that cannot be read.
fn list<T>(
    given: Given<Vec<String>>,
    at: &str,
    problems: &mut Problems,
    parse: impl Fn(&str) -> Result<T, Rejection>,
) -> Field<Vec<T>> {
    given.each(at, MAX_RECIPIENTS, problems, |text, at, p| p.check(at, parse(&text)).value())
}

impl MessageBody {
    pub fn read(self, problems: &mut Problems) -> MessageRequest {
        let p = problems;
        refuse_unknown("/message", self.unknown, p);
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

//! Whom to tell and in which words: read the same way when a link is made and when people are told again.

use domain::contact::{Email, Mobile, Region};
use domain::create::{MessageMode, MessageRequest, Recipients};
use domain::ids::Role;
use domain::recipients::Channel;
use domain::{Field, Problems, Rejection};
use serde::Deserialize;
use utoipa::ToSchema;
use views::schema::{ChannelName, MessageModeName};

use crate::body::{Given, Unknown, refuse_unknown};
use crate::records::{SocialBody, read_social};
use crate::texts::TextBody;

/// So many people, numbers or addresses may be named by hand.
const MOST_RECIPIENTS: usize = 20;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Recipients)]
pub struct RecipientsBody {
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    contact: Given<bool>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    roles: Given<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    mobiles: Given<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    emails: Given<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<SocialBody>>)]
    social: Given<Vec<SocialBody>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageChoiceBody)]
pub struct MessageBody {
    #[serde(default)]
    #[schema(value_type = Option<MessageModeName>)]
    mode: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<ChannelName>>)]
    channels: Given<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<TextBody>)]
    sms: Given<TextBody>,
    #[serde(default)]
    #[schema(value_type = Option<TextBody>)]
    email: Given<TextBody>,
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
            social: read_social(self.social, "/recipients/social", MOST_RECIPIENTS, p),
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
    let texts = match given.field(at, problems) {
        Field::Value(texts) => texts,
        Field::Absent => return Field::Absent,
        Field::Refused => return Field::Refused,
    };
    if texts.len() > MOST_RECIPIENTS {
        problems.refuse(at, "too_many", format!("At most {MOST_RECIPIENTS} entries are allowed."));
        return Field::Refused;
    }
    let count = texts.len();
    let entries: Vec<T> = texts
        .iter()
        .enumerate()
        .filter_map(|(index, text)| problems.check(format!("{at}/{index}"), parse(text)).value())
        .collect();
    if entries.len() == count { Field::Value(entries) } else { Field::Refused }
}

impl MessageBody {
    pub fn read(self, problems: &mut Problems) -> MessageRequest {
        let p = problems;
        refuse_unknown("/message", self.unknown, p);
        let text = |given: Given<TextBody>, channel, at: &str, p: &mut Problems| match given.field(at, p) {
            Field::Value(body) => body.read(channel, at, p),
            Field::Absent => Field::Absent,
            Field::Refused => Field::Refused,
        };
        MessageRequest {
            mode: self.mode.field("/message/mode", p).parse("/message/mode", p, |mode| MessageMode::parse(&mode)),
            channels: list(self.channels, "/message/channels", p, Channel::parse).map(|mut channels| {
                channels.sort();
                channels.dedup();
                channels
            }),
            sms: text(self.sms, Channel::Sms, "/message/sms", p),
            email: text(self.email, Channel::Email, "/message/email", p),
            social: text(self.social, Channel::Social, "/message/social", p),
        }
    }
}

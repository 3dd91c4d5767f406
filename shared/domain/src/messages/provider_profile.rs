//! One row for each message provider: what the rules and the CRM have to know about it.
//!
//! A new provider is a name and a row here. How it is spoken to is a file in the crate `channels`. SNS and SES have rows
//! too, although nobody sets them up: they are the stack's own.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::messages::approved_template::MAX_PARAMETERS;
use crate::messages::channel::Channel;
use crate::messages::choice::Wording;
use crate::problem::{Rejection, parse_word};

/// The message providers that Paylink speaks to. What there is to know about each is its [`ProviderProfile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// SMS by way of Amazon SNS, in the account of the stack.
    Sns,
    /// Email by way of Amazon SES, in the account of the stack.
    Ses,
    /// A messenger with the bot API that Telegram began: Telegram itself, Bale and others.
    BotApi,
    /// WhatsApp by way of AWS End User Messaging Social, which proves itself with the function's own role.
    Whatsapp,
    /// SMS by way of Kavenegar.
    Kavenegar,
    /// SMS by way of the business's own line: an address of its CRM, which hands them to whom it likes.
    Webhook,
}

impl ProviderKind {
    pub const ALL: [ProviderKind; 6] =
        [Self::Sns, Self::Ses, Self::BotApi, Self::Whatsapp, Self::Kavenegar, Self::Webhook];

    /// Those that the business sets up, each with a record.
    pub const WITH_RECORDS: [ProviderKind; 4] = [Self::BotApi, Self::Whatsapp, Self::Kavenegar, Self::Webhook];

    /// Reads the kind of a record.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::WITH_RECORDS, Self::as_str, "unknown_provider_kind")
    }

    pub fn as_str(self) -> &'static str {
        self.profile().id
    }

    pub fn profile(self) -> &'static ProviderProfile {
        match self {
            Self::Sns => &SNS,
            Self::Ses => &SES,
            Self::BotApi => &BOT_API,
            Self::Whatsapp => &WHATSAPP,
            Self::Kavenegar => &KAVENEGAR,
            Self::Webhook => &WEBHOOK,
        }
    }
}

impl ProviderKind {
    /// The secret of its own that we prove ourselves with to it, if any.
    pub(crate) fn secret(self) -> Option<&'static SecretField> {
        match &self.profile().record.as_ref()?.proof {
            Proof::Secret(field) => Some(field),
            Proof::Role | Proof::Signature => None,
        }
    }

    /// Whether what is sent to it is signed with a secret of ours.
    pub fn is_signed(self) -> bool {
        self.profile().record.as_ref().is_some_and(|record| matches!(record.proof, Proof::Signature))
    }

    /// The name of the one secret that it asks for, if any.
    pub fn secret_name(self) -> Option<&'static str> {
        self.secret().map(|secret| secret.name)
    }
}

/// What there is to know about a message provider without speaking its protocol.
#[derive(Debug)]
pub struct ProviderProfile {
    pub kind: ProviderKind,
    /// In the API and in the table. It never changes.
    pub id: &'static str,
    /// The medium that its messages are of.
    pub channel: Channel,
    /// What the business writes down about it. Without that it is the stack's own.
    pub record: Option<RecordFields>,
    pub wording: TakenWording,
    /// How one learns what became of a message that it had taken over, if at all.
    pub reports: Option<Reporting>,
}

/// The fields that a provider's record has.
#[derive(Debug)]
pub struct RecordFields {
    pub proof: Proof,
    /// Where its API is unless the record says otherwise; without it, a record cannot say so.
    pub base_url: Option<&'static str>,
    /// Whether a record has to name the one address that it takes messages at.
    pub has_url: bool,
    /// Whether a record may name the sender number of its texts.
    pub has_line: bool,
    /// Whether a record has to name AWS's id of the number that its messages come from.
    pub has_phone_number_id: bool,
    /// The version of the provider's API that is spoken unless the record says otherwise; without it, a record cannot say
    /// so.
    pub api_version: Option<&'static str>,
}

/// What we prove ourselves with to a provider.
#[derive(Debug)]
pub enum Proof {
    /// The role of the function that sends.
    Role,
    /// The one secret that the provider gave its customer.
    Secret(SecretField),
    /// A signature of each call, with a secret that is ours and that the provider is told.
    Signature,
}

/// A secret that a provider gives its customers.
#[derive(Debug)]
pub struct SecretField {
    pub name: &'static str,
    /// This describes its form, and is shown to a caller whose secret has another form.
    pub description: &'static str,
    /// Its parts, with a colon between each two.
    pub form: &'static [SecretPart],
}

/// A part of a secret. It becomes part of an address, so that it must not lead anywhere else.
#[derive(Debug)]
pub struct SecretPart {
    pub characters: Characters,
    pub least: usize,
    pub most: usize,
}

/// The characters of a part of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    Digits,
    /// Letters, digits, underscores and hyphens.
    Key,
}

impl SecretField {
    pub(crate) fn takes(&self, value: &str) -> bool {
        let parts: Vec<&str> = value.split(':').collect();
        parts.len() == self.form.len() && self.form.iter().zip(parts).all(|(part, text)| part.takes(text))
    }
}

impl SecretPart {
    fn takes(&self, text: &str) -> bool {
        let is_of_it = |b: u8| match self.characters {
            Characters::Digits => b.is_ascii_digit(),
            Characters::Key => b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'),
        };
        (self.least..=self.most).contains(&text.len()) && text.bytes().all(is_of_it)
    }
}

/// Which words a provider sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenWording {
    /// The provider sends any text, regardless of its author.
    Texts,
    /// The provider sends texts, and instead of the default text a template that it approved, where the record has any.
    TextsAndTemplates(TemplateForm),
    /// The provider sends nothing but templates that it approved, so that a record needs one.
    TemplatesOnly(TemplateForm),
}

/// What a template of a provider can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateForm {
    pub max_placeholders: usize,
    /// Whether its placeholders may have names, and whether it may have a header and a button with an address.
    pub has_parts: bool,
    /// The provider refuses values with these characters.
    pub refused_characters: &'static [char],
}

impl TakenWording {
    pub(crate) fn takes(self, wording: Wording) -> bool {
        match (self, wording) {
            (Self::Texts | Self::TextsAndTemplates(_), _) | (Self::TemplatesOnly(_), Wording::Default) => true,
            (Self::TemplatesOnly(_), Wording::Custom) => false,
        }
    }

    /// What its templates can have; `None` where it has no templates.
    pub fn templates(self) -> Option<TemplateForm> {
        match self {
            Self::Texts => None,
            Self::TextsAndTemplates(form) | Self::TemplatesOnly(form) => Some(form),
        }
    }
}

/// How one learns that a message which a provider had taken over did not arrive after all.
#[derive(Debug)]
pub enum Reporting {
    /// The provider says so by an SNS topic to which the stack subscribes.
    Called { naming: ReportsNaming, when: ReportsWhen },
    /// The provider has to be asked, at these moments, counted from the handover, until it knows. A moment comes when the
    /// schedule runs, which is once a minute.
    Asked { at: Moments },
    /// The provider is the business's own, and reports by a call of the API.
    ByTheApi,
}

/// Moments, counted from another one, in their order.
pub type Moments = &'static [SignedDuration];

/// How a report names the message that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportsNaming {
    /// The report names it by the tag that we put on the message.
    OurMark,
    /// The report names it by the id that the provider returned when it accepted the message, which we keep for that.
    ItsOwnId,
}

/// Whether reports come at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportsWhen {
    Always,
    /// Only where the account is set up for it, which the stack is told.
    TheStackSaysSo,
}

static SNS: ProviderProfile = ProviderProfile {
    kind: ProviderKind::Sns,
    id: "sns",
    channel: Channel::Sms,
    record: None,
    wording: TakenWording::Texts,
    reports: Some(Reporting::Called { naming: ReportsNaming::ItsOwnId, when: ReportsWhen::TheStackSaysSo }),
};

static SES: ProviderProfile = ProviderProfile {
    kind: ProviderKind::Ses,
    id: "ses",
    channel: Channel::Email,
    record: None,
    wording: TakenWording::Texts,
    reports: Some(Reporting::Called { naming: ReportsNaming::OurMark, when: ReportsWhen::Always }),
};

static BOT_API: ProviderProfile = ProviderProfile {
    kind: ProviderKind::BotApi,
    id: "bot_api",
    channel: Channel::Social,
    record: Some(RecordFields {
        proof: Proof::Secret(SecretField {
            name: "token",
            description: "A bot's token is its number, a colon and letters, digits, _ or -.",
            form: &[
                SecretPart { characters: Characters::Digits, least: 1, most: 20 },
                SecretPart { characters: Characters::Key, least: 8, most: 100 },
            ],
        }),
        base_url: Some("https://api.telegram.org"),
        has_url: false,
        has_line: false,
        has_phone_number_id: false,
        api_version: None,
    }),
    wording: TakenWording::Texts,
    reports: None,
};

static WHATSAPP: ProviderProfile = ProviderProfile {
    kind: ProviderKind::Whatsapp,
    id: "whatsapp",
    channel: Channel::Social,
    record: Some(RecordFields {
        proof: Proof::Role,
        base_url: None,
        has_url: false,
        has_line: false,
        has_phone_number_id: true,
        api_version: Some("v20.0"),
    }),
    wording: TakenWording::TemplatesOnly(TemplateForm {
        max_placeholders: MAX_PARAMETERS,
        has_parts: true,
        refused_characters: &[],
    }),
    reports: Some(Reporting::Called { naming: ReportsNaming::ItsOwnId, when: ReportsWhen::Always }),
};

static KAVENEGAR: ProviderProfile = ProviderProfile {
    kind: ProviderKind::Kavenegar,
    id: "kavenegar",
    channel: Channel::Sms,
    record: Some(RecordFields {
        proof: Proof::Secret(SecretField {
            name: "api_key",
            description: "An API key has 8 to 200 letters, digits, _ or -.",
            form: &[SecretPart { characters: Characters::Key, least: 8, most: 200 }],
        }),
        base_url: Some("https://api.kavenegar.com"),
        has_url: false,
        has_line: true,
        has_phone_number_id: false,
        api_version: None,
    }),
    // Underscores are answered with 431, as clients report.
    wording: TakenWording::TextsAndTemplates(TemplateForm {
        max_placeholders: 5,
        has_parts: false,
        refused_characters: &['_'],
    }),
    // Kavenegar tells the status of a message for 48 hours.
    reports: Some(Reporting::Asked {
        at: &[
            SignedDuration::from_secs(30),
            SignedDuration::from_mins(5),
            SignedDuration::from_mins(30),
            SignedDuration::from_hours(3),
            SignedDuration::from_hours(12),
            SignedDuration::from_hours(24),
            SignedDuration::from_hours(47),
        ],
    }),
};

static WEBHOOK: ProviderProfile = ProviderProfile {
    kind: ProviderKind::Webhook,
    id: "webhook",
    channel: Channel::Sms,
    record: Some(RecordFields {
        proof: Proof::Signature,
        base_url: None,
        has_url: true,
        has_line: false,
        has_phone_number_id: false,
        api_version: None,
    }),
    wording: TakenWording::Texts,
    reports: Some(Reporting::ByTheApi),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_that_have_records_are_those_whose_rows_describe_one() {
        let of_rows: Vec<_> = ProviderKind::ALL.into_iter().filter(|kind| kind.profile().record.is_some()).collect();
        assert_eq!(of_rows, ProviderKind::WITH_RECORDS);
        for kind in ProviderKind::ALL {
            assert_eq!(kind.profile().kind, kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ProviderKind::parse(kind.as_str()).is_ok(), kind.profile().record.is_some());
        }
    }

    #[test]
    fn no_row_has_more_placeholders_than_a_template_may_have() {
        for kind in ProviderKind::ALL {
            assert!(
                kind.profile().wording.templates().is_none_or(|form| form.max_placeholders <= MAX_PARAMETERS),
                "{kind:?}"
            );
        }
    }
}

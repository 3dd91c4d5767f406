//! Message providers besides SNS and SES: the bot of a social network, WhatsApp, a provider of SMS.
//!
//! A provider is a record of the CRM's configuration. Its id is what a network is called in addresses: somebody with
//! `{ "network": "telegram", "id": … }` is reached by the provider `telegram`. Providers of SMS are named by the settings,
//! for the numbers that begin in a certain way.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

use crate::ids::{CredentialsVersion, ProviderId};
use crate::locale::Locale;
use crate::messages::approved_template::{ApprovedTemplate, MAX_PARAMETERS, choose};
use crate::messages::channel::Channel;
use crate::messages::choice::Wording;
use crate::problem::{Problems, Rejection};
use crate::public_url::{Reach, parse_endpoint_url};

/// So many places a template can have that Kavenegar approved.
pub const KAVENEGAR_PLACES: usize = 5;

/// A way for messages to leave that the business set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageProvider {
    pub id: ProviderId,
    #[serde(flatten)]
    pub config: ProviderConfig,
    /// Which version of its secrets it uses. Without one, a provider that needs one cannot send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsVersion>,
}

/// Everything the business set up, by id.
pub type MessageProviders = BTreeMap<ProviderId, MessageProvider>;

/// How a provider is spoken to, with what is not secret about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProviderConfig {
    /// A messenger with the bot API that Telegram began: Telegram itself, Bale and others.
    BotApi {
        /// Without a slash at its end.
        base_url: String,
    },
    /// WhatsApp by way of AWS End User Messaging Social, which proves itself with the function's own role. It takes
    /// approved templates only.
    Whatsapp {
        /// AWS's id of the number that messages come from.
        phone_number_id: String,
        templates: Vec<ApprovedTemplate>,
    },
    /// SMS by way of Kavenegar: approved templates where there are any, texts otherwise.
    Kavenegar {
        /// Without a slash at its end.
        base_url: String,
        /// The number that texts come from; left out, the account's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        templates: Vec<ApprovedTemplate>,
    },
}

/// The kinds of [`ProviderConfig`], before their options are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    BotApi,
    Whatsapp,
    Kavenegar,
}

impl ProviderKind {
    pub const ALL: [ProviderKind; 3] = [ProviderKind::BotApi, ProviderKind::Whatsapp, ProviderKind::Kavenegar];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Rejection::new("unknown_provider_kind", format!("The kinds of message providers are {names}."))
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::BotApi => "bot_api",
            Self::Whatsapp => "whatsapp",
            Self::Kavenegar => "kavenegar",
        }
    }

    /// So many places its templates can leave open.
    pub fn most_places(self) -> usize {
        match self {
            Self::Kavenegar => KAVENEGAR_PLACES,
            Self::BotApi | Self::Whatsapp => MAX_PARAMETERS,
        }
    }

    /// The one secret that it asks for, if any.
    pub fn secret_name(self) -> Option<&'static str> {
        match self {
            Self::BotApi => Some("token"),
            Self::Whatsapp => None,
            Self::Kavenegar => Some("api_key"),
        }
    }
}

impl ProviderConfig {
    pub fn kind(&self) -> ProviderKind {
        match self {
            Self::BotApi { .. } => ProviderKind::BotApi,
            Self::Whatsapp { .. } => ProviderKind::Whatsapp,
            Self::Kavenegar { .. } => ProviderKind::Kavenegar,
        }
    }

    /// The medium that its messages are of.
    pub fn channel(&self) -> Channel {
        match self {
            Self::BotApi { .. } | Self::Whatsapp { .. } => Channel::Social,
            Self::Kavenegar { .. } => Channel::Sms,
        }
    }

    pub fn templates(&self) -> &[ApprovedTemplate] {
        match self {
            Self::BotApi { .. } => &[],
            Self::Whatsapp { templates, .. } | Self::Kavenegar { templates, .. } => templates,
        }
    }

    /// Where its secret goes. A secret is kept only as long as this stays.
    pub fn base_url(&self) -> Option<&str> {
        match self {
            Self::BotApi { base_url } | Self::Kavenegar { base_url, .. } => Some(base_url),
            Self::Whatsapp { .. } => None,
        }
    }

    /// The approved template that a message goes out by, where it does not go out as a text. Words of the request's own are
    /// never a template.
    pub fn template_for(&self, wording: Wording, locale: &Locale) -> Option<&ApprovedTemplate> {
        match wording {
            Wording::Default => choose(self.templates(), locale),
            Wording::Custom => None,
        }
    }

    pub(crate) fn takes(&self, wording: Wording) -> bool {
        match (self, wording) {
            (Self::BotApi { .. } | Self::Kavenegar { .. }, _) | (Self::Whatsapp { .. }, Wording::Default) => true,
            (Self::Whatsapp { .. }, Wording::Custom) => false,
        }
    }
}

impl MessageProvider {
    /// Whether it could send at all.
    pub(crate) fn is_ready(&self) -> bool {
        self.credentials.is_some() || self.config.kind().secret_name().is_none()
    }
}

/// The address of a provider's API: as that of an endpoint, and with nothing behind its path, because calls are put there.
pub fn parse_base_url(text: &str, reach: Reach) -> Result<String, Rejection> {
    let url = parse_endpoint_url(text, reach)?;
    if url.contains('?') {
        return Err(Rejection::new("invalid_endpoint_url", "The address must not contain a query."));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// What a provider proves itself with. It is written and never read back by the CRM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSecret {
    secret: String,
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSecret").finish_non_exhaustive()
    }
}

impl ProviderSecret {
    /// Reads the fields of credentials as the API takes them; pointers of problems begin with `at`.
    pub fn parse(kind: ProviderKind, fields: &BTreeMap<String, String>, at: &str) -> Result<Self, Problems> {
        let wanted = kind.secret_name();
        let mut problems = Problems::default();
        for unknown in fields.keys().filter(|known| Some(known.as_str()) != wanted) {
            let detail = format!("A provider of the kind {} has no such credential.", kind.as_str());
            problems.refuse(format!("{at}/{unknown}"), "unknown_field", detail);
        }
        let mut secret = None;
        if let Some(name) = wanted {
            let pointer = format!("{at}/{name}");
            match fields.get(name) {
                Some(value) if is_secret_of(kind, value) => secret = Some(Self { secret: value.clone() }),
                Some(_) => problems.refuse(pointer, "invalid_credentials", form_of(kind)),
                None => problems.refuse(pointer, "required", "The provider needs this field."),
            }
        }
        secret.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// The secret itself. It must not be logged.
    pub fn expose(&self) -> &str {
        &self.secret
    }
}

/// A secret becomes part of an address, so it must not lead anywhere else.
fn is_secret_of(kind: ProviderKind, value: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    match kind {
        ProviderKind::BotApi => value.split_once(':').is_some_and(|(bot, key)| {
            (1..=20).contains(&bot.len())
                && bot.bytes().all(|b| b.is_ascii_digit())
                && (8..=100).contains(&key.len())
                && key.bytes().all(is_word)
        }),
        ProviderKind::Kavenegar => (8..=200).contains(&value.len()) && value.bytes().all(is_word),
        ProviderKind::Whatsapp => false,
    }
}

fn form_of(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::BotApi => "A bot's token is its number, a colon and letters, digits, _ or -.",
        ProviderKind::Kavenegar => "An API key has 8 to 200 letters, digits, _ or -.",
        ProviderKind::Whatsapp => "WhatsApp needs no credentials here.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(fields: &[(&str, &str)]) -> Vec<(String, &'static str)> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let problems = ProviderSecret::parse(ProviderKind::BotApi, &fields, "/credentials").unwrap_err();
        problems.into_vec().into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn a_token_that_could_lead_elsewhere_is_refused_and_a_good_one_does_not_show() {
        for bad in ["", "123", "123:short", "x:AAAAAAAAAA", "1:AAAAAAAAAA/../x", "1:AAAAAAAAAA?x=1", "1:سلام سلام"]
        {
            assert_eq!(codes(&[("token", bad)]), [("/credentials/token".to_owned(), "invalid_credentials")], "{bad}");
        }
        assert_eq!(
            codes(&[("api_key", "x")]),
            [("/credentials/api_key".to_owned(), "unknown_field"), ("/credentials/token".to_owned(), "required")]
        );
        let fields = BTreeMap::from([("token".to_owned(), "123456:AAH_secret-of-a-bot".to_owned())]);
        let secret = ProviderSecret::parse(ProviderKind::BotApi, &fields, "").unwrap();
        assert!(!format!("{secret:?}").contains("AAH"));
    }

    #[test]
    fn calls_are_put_behind_the_address_of_an_api() {
        let read = |text: &str| parse_base_url(text, Reach::Public).map_err(|rejection| rejection.code);
        assert_eq!(read("https://tapi.bale.ai/").as_deref(), Ok("https://tapi.bale.ai"));
        assert_eq!(read("https://bots.example.com/api/").as_deref(), Ok("https://bots.example.com/api"));
        for bad in ["https://example.com/?x=", "https://example.com/#x", "http://example.com", "https://127.0.0.1"] {
            assert_eq!(read(bad), Err("invalid_endpoint_url"), "{bad}");
        }
    }
}

//! Who takes messages over besides SNS and SES: the bot of a social network.
//!
//! A sender is a record of the CRM's configuration. Its id is what the network is called in addresses: somebody with
//! `{ "network": "telegram", "id": … }` is told by the sender `telegram`. [`carrier`] is the one place that decides who
//! takes a message to an address, both when a link is made and when its messages are sent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CredentialsVersion, SenderId};
use crate::problem::{Problems, Rejection};
use crate::recipients::{Channel, UnreachedReason};
use crate::webhook::{Reach, parse_endpoint_url};

/// A way for messages to leave that the business set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageSender {
    pub id: SenderId,
    #[serde(flatten)]
    pub provider: Provider,
    /// Which version of its secrets it uses. Without one it cannot send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsVersion>,
}

/// Everything the business set up, by id.
pub type Senders = BTreeMap<SenderId, MessageSender>;

/// How a sender is spoken to, with what is not secret about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum Provider {
    /// A messenger with the bot API that Telegram began: Telegram itself, Bale and others.
    BotApi {
        /// Without a slash at its end.
        base_url: String,
    },
}

/// The kinds of [`Provider`], before their options are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    BotApi,
}

impl ProviderKind {
    pub const ALL: [ProviderKind; 1] = [ProviderKind::BotApi];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Rejection::new("unknown_provider", format!("The providers are {names}."))
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::BotApi => "bot_api",
        }
    }

    /// Where the provider itself says that its API is.
    pub fn usual_base_url(self) -> &'static str {
        match self {
            Self::BotApi => "https://api.telegram.org",
        }
    }

    /// The one secret that it asks for.
    pub fn secret_name(self) -> &'static str {
        match self {
            Self::BotApi => "token",
        }
    }
}

impl Provider {
    pub fn kind(&self) -> ProviderKind {
        match self {
            Self::BotApi { .. } => ProviderKind::BotApi,
        }
    }

    /// The medium that its messages are of.
    pub fn channel(&self) -> Channel {
        match self {
            Self::BotApi { .. } => Channel::Social,
        }
    }
}

impl MessageSender {
    /// Whether it could send at all.
    fn is_ready(&self) -> bool {
        self.credentials.is_some()
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

/// What a sender proves itself with. It is written and never read back by the CRM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderSecret {
    secret: String,
}

impl fmt::Debug for SenderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderSecret").finish_non_exhaustive()
    }
}

impl SenderSecret {
    /// Reads the fields of credentials as the API takes them; pointers of problems begin with `at`.
    pub fn parse(kind: ProviderKind, fields: &BTreeMap<String, String>, at: &str) -> Result<Self, Problems> {
        let name = kind.secret_name();
        let mut problems = Problems::default();
        for unknown in fields.keys().filter(|known| known.as_str() != name) {
            let detail = format!("The provider {} has no such credential.", kind.as_str());
            problems.refuse(format!("{at}/{unknown}"), "unknown_field", detail);
        }
        let pointer = format!("{at}/{name}");
        let secret = match fields.get(name) {
            Some(value) if is_secret_of(kind, value) => Some(Self { secret: value.clone() }),
            Some(_) => {
                problems.refuse(pointer, "invalid_credentials", form_of(kind));
                None
            }
            None => {
                problems.refuse(pointer, "required", "The provider needs this field.");
                None
            }
        };
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
    }
}

fn form_of(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::BotApi => "A bot's token is its number, a colon and letters, digits, _ or -.",
    }
}

/// Who takes a message to its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier<'a> {
    Sns,
    Ses,
    Sender(&'a MessageSender),
}

/// Who takes a message to an address, or why nobody does. `network` is that of a social address.
pub fn carrier<'a>(
    channel: Channel,
    network: Option<&SenderId>,
    senders: &'a Senders,
) -> Result<Carrier<'a>, UnreachedReason> {
    match channel {
        Channel::Sms => Ok(Carrier::Sns),
        Channel::Email => Ok(Carrier::Ses),
        Channel::Social => {
            let sender = network.and_then(|network| senders.get(network));
            let ready = sender.filter(|sender| sender.provider.channel() == Channel::Social && sender.is_ready());
            ready.map(Carrier::Sender).ok_or(UnreachedReason::NetworkNotConnected)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(fields: &[(&str, &str)]) -> Vec<(String, &'static str)> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let problems = SenderSecret::parse(ProviderKind::BotApi, &fields, "/credentials").unwrap_err();
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
        let secret = SenderSecret::parse(ProviderKind::BotApi, &fields, "").unwrap();
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

    #[test]
    fn a_network_carries_only_when_it_has_a_bot_with_a_token() {
        let id = SenderId::parse("telegram").unwrap();
        let provider = Provider::BotApi { base_url: "https://api.telegram.org".to_owned() };
        let mut sender = MessageSender { id: id.clone(), provider, credentials: None };
        let none = Senders::new();
        let bare = Senders::from([(id.clone(), sender.clone())]);
        for senders in [&none, &bare] {
            let found = carrier(Channel::Social, Some(&id), senders);
            assert_eq!(found, Err(UnreachedReason::NetworkNotConnected));
        }
        sender.credentials = Some(CredentialsVersion::parse("v1").unwrap());
        let ready = Senders::from([(id.clone(), sender.clone())]);
        assert_eq!(carrier(Channel::Social, Some(&id), &ready), Ok(Carrier::Sender(&sender)));
        assert_eq!(carrier(Channel::Sms, None, &none), Ok(Carrier::Sns));
    }
}

//! Routing decides which provider delivers a message to its address. [`MessageRouter::route`] is the only place that
//! decides it, both when a link is made and when its messages are sent.

use serde::{Deserialize, Serialize};

use crate::business::settings::Settings;
use crate::ids::ProviderId;
use crate::locale::Locale;
use crate::messages::approved_template::ApprovedTemplate;
use crate::messages::channel::Channel;
use crate::messages::choice::Wording;
use crate::messages::provider::{MessageProvider, MessageProviders};
use crate::messages::provider_profile::ProviderKind;

/// Beginnings of numbers that AWS does not deliver SMS to: Iran, Cuba, North Korea, Syria and Sudan ("SMS and MMS country
/// capabilities and limitations" of AWS End User Messaging, by which SNS sends). The settings can name a provider for any.
const NOT_SERVED_BY_SNS: [&str; 5] = ["+98", "+53", "+850", "+963", "+249"];

/// The service that delivers a message to its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    Sns,
    Ses,
    Provider(&'a MessageProvider),
}

impl<'a> Route<'a> {
    pub fn kind(self) -> ProviderKind {
        match self {
            Self::Sns => ProviderKind::Sns,
            Self::Ses => ProviderKind::Ses,
            Self::Provider(provider) => provider.config.kind(),
        }
    }

    /// What the business set up, where it is not the stack's own.
    pub fn provider(self) -> Option<&'a MessageProvider> {
        match self {
            Self::Sns | Self::Ses => None,
            Self::Provider(provider) => Some(provider),
        }
    }

    /// The approved template that it sends instead of a text.
    pub fn template_for(self, wording: Wording, locale: &Locale) -> Option<&'a ApprovedTemplate> {
        self.provider()?.config.template_for(wording, locale)
    }
}

/// The records by which the provider of a message is chosen.
#[derive(Clone, Copy, Debug)]
pub struct MessageRouter<'a> {
    pub settings: &'a Settings,
    pub providers: &'a MessageProviders,
}

impl<'a> MessageRouter<'a> {
    /// Answers which provider delivers a message to the address, or why none. `network` is that of a social address.
    pub fn route(
        self,
        channel: Channel,
        network: Option<&ProviderId>,
        to: &str,
        wording: Wording,
    ) -> Result<Route<'a>, UnreachedReason> {
        let route = match channel {
            Channel::Sms => self.sms_route(to)?,
            Channel::Email => Route::Ses,
            Channel::Social => {
                let provider = network.and_then(|network| self.ready(network, Channel::Social));
                Route::Provider(provider.ok_or(UnreachedReason::NetworkNotConnected)?)
            }
        };
        if route.kind().profile().wording.takes(wording) {
            Ok(route)
        } else {
            Err(UnreachedReason::OnlyApprovedTemplates)
        }
    }

    /// The provider of the longest prefix that fits, else SNS where it delivers.
    fn sms_route(self, number: &str) -> Result<Route<'a>, UnreachedReason> {
        let fitting = self.settings.sms_routes.iter().filter(|route| number.starts_with(route.prefix.as_str()));
        let provider = match fitting.max_by_key(|route| route.prefix.as_str().len()) {
            Some(route) => self.ready(&route.provider, Channel::Sms).map(Route::Provider),
            None if NOT_SERVED_BY_SNS.iter().any(|prefix| number.starts_with(prefix)) => None,
            None => Some(Route::Sns),
        };
        provider.ok_or(UnreachedReason::NumberNotServed)
    }

    fn ready(self, id: &ProviderId, channel: Channel) -> Option<&'a MessageProvider> {
        self.providers.get(id).filter(|provider| provider.config.channel() == channel && provider.is_ready())
    }
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
    /// No bot is set up for the network of a social address.
    NetworkNotConnected,
    /// Neither SNS nor a provider of the settings takes SMS to this number.
    NumberNotServed,
    /// The provider of the address sends approved templates only, and the message has words of its own.
    OnlyApprovedTemplates,
}

impl UnreachedReason {
    pub const ALL: [UnreachedReason; 6] = [
        Self::NobodyHasThisRole,
        Self::NoAddress,
        Self::ChannelNotUsed,
        Self::NetworkNotConnected,
        Self::NumberNotServed,
        Self::OnlyApprovedTemplates,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NobodyHasThisRole => "nobody_has_this_role",
            Self::NoAddress => "no_address",
            Self::ChannelNotUsed => "channel_not_used",
            Self::NetworkNotConnected => "network_not_connected",
            Self::NumberNotServed => "number_not_served",
            Self::OnlyApprovedTemplates => "only_approved_templates",
        }
    }
}

/// Records for tests whose people have Iranian numbers.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::ids::CredentialsVersion;
    use crate::messages::provider::ProviderConfig;
    use crate::messages::provider::tests::bare;
    use crate::messages::sms_route::{NumberPrefix, SmsRoute};

    pub(crate) fn provider(id: &str, config: ProviderConfig) -> (ProviderId, MessageProvider) {
        let id = ProviderId::parse(id).unwrap();
        let credentials = CredentialsVersion::parse("v1").ok();
        (id.clone(), MessageProvider { id, config, credentials })
    }

    pub(crate) fn bot(id: &str) -> (ProviderId, MessageProvider) {
        provider(id, bare(ProviderKind::BotApi))
    }

    /// Kavenegar for numbers of Iran.
    pub(crate) fn iranian() -> (Settings, MessageProviders) {
        let (id, kavenegar) = provider("kavenegar", bare(ProviderKind::Kavenegar));
        let route = SmsRoute { prefix: NumberPrefix::parse("+98").unwrap(), provider: id.clone() };
        (Settings { sms_routes: vec![route], ..Settings::default() }, MessageProviders::from([(id, kavenegar)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::provider::tests::bare;
    use crate::messages::sms_route::{NumberPrefix, SmsRoute};

    #[test]
    fn the_longest_prefix_of_the_settings_decides_and_sns_has_the_rest_that_it_delivers_to() {
        let (mut settings, mut providers) = samples::iranian();
        let (id, other) = samples::provider("other", providers.values().next().unwrap().config.clone());
        providers.insert(id.clone(), other);
        settings.sms_routes.push(SmsRoute { prefix: NumberPrefix::parse("+98935").unwrap(), provider: id });
        let of = |number: &str, settings: &Settings, providers: &MessageProviders| {
            let route = MessageRouter { settings, providers }.route(Channel::Sms, None, number, Wording::Default);
            route.map(|route| match route {
                Route::Provider(provider) => provider.id.to_string(),
                Route::Sns | Route::Ses => format!("{route:?}"),
            })
        };
        assert_eq!(of("+989121234567", &settings, &providers).as_deref(), Ok("kavenegar"));
        assert_eq!(of("+989351234567", &settings, &providers).as_deref(), Ok("other"));
        assert_eq!(of("+49151123456", &settings, &providers).as_deref(), Ok("Sns"));
        for number in ["+989121234567", "+5351234567", "+8501921234567", "+963944123456", "+249912345678"] {
            assert_eq!(of(number, &Settings::default(), &providers), Err(UnreachedReason::NumberNotServed), "{number}");
        }
        assert_eq!(of("+989121234567", &settings, &MessageProviders::new()), Err(UnreachedReason::NumberNotServed));
        for bad in ["98", "+", "+098", "+12345678", "+9 8"] {
            assert_eq!(NumberPrefix::parse(bad).unwrap_err().code, "invalid_prefix", "{bad}");
        }
    }

    #[test]
    fn whatsapp_takes_no_words_of_the_request() {
        let (id, mut whatsapp) = samples::provider("whatsapp", bare(ProviderKind::Whatsapp));
        whatsapp.credentials = None;
        let (settings, providers) = (Settings::default(), MessageProviders::from([(id.clone(), whatsapp)]));
        let router = MessageRouter { settings: &settings, providers: &providers };
        let of = |wording| router.route(Channel::Social, Some(&id), "+49151123456", wording);
        assert!(of(Wording::Default).is_ok());
        assert_eq!(of(Wording::Custom), Err(UnreachedReason::OnlyApprovedTemplates));
    }

    #[test]
    fn a_network_carries_only_when_it_has_a_bot_with_a_token() {
        let settings = Settings::default();
        let (id, ready) = samples::bot("telegram");
        let bare = MessageProvider { credentials: None, ..ready.clone() };
        let of = |providers: &MessageProviders| {
            let router = MessageRouter { settings: &settings, providers };
            router.route(Channel::Social, Some(&id), "7", Wording::Custom).map(|route| route != Route::Sns)
        };
        assert_eq!(of(&MessageProviders::new()), Err(UnreachedReason::NetworkNotConnected));
        assert_eq!(of(&MessageProviders::from([(id.clone(), bare)])), Err(UnreachedReason::NetworkNotConnected));
        assert_eq!(of(&MessageProviders::from([(id.clone(), ready)])), Ok(true));
    }
}

//! Routing decides which provider delivers a message to its address. [`MessageRouter::route`] is the only place that
//! decides it, both when a link is made and when its messages are sent.

use crate::business::settings::Settings;
use crate::ids::ProviderId;
use crate::locale::Locale;
use crate::messages::approved_template::ApprovedTemplate;
use crate::messages::channel::Channel;
use crate::messages::choice::Wording;
use crate::messages::kind::MessageKind;
use crate::messages::provider::{MessageProvider, MessageProviders};
use crate::messages::provider_profile::ProviderKind;
use crate::messages::sms_route::{
    OriginationNumber, Registration, RegistrationId, SmsCarrier, SmsSenderId, SnsOrigination,
};
use crate::messages::sns_countries::{CountryNeed, country_of};
use crate::messages::unreached::UnreachedReason;
use crate::problem::Rejection;

/// The service that delivers a message to its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    Sns(SnsSender<'a>),
    Ses,
    Provider(&'a MessageProvider),
}

/// Whom an SMS by SNS comes from, and what its country knows its text by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnsSender<'a> {
    pub identity: OriginationIdentity<'a>,
    /// India's ids of the sender and of the text.
    pub registration: Option<&'a Registration>,
    /// Whether operators let only texts through that were registered with them.
    registered_texts_only: bool,
    /// What the message tells.
    kind: MessageKind,
}

/// Whom an SMS by SNS comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginationIdentity<'a> {
    /// The name that the stack is set to. Where it is set to none, SNS chooses.
    OfTheStack,
    SenderId(&'a SmsSenderId),
    Number(&'a OriginationNumber),
}

impl<'a> SnsSender<'a> {
    /// What the route says, else what the business shows everywhere.
    fn new(settings: &'a Settings, origination: Option<&'a SnsOrigination>, need: CountryNeed) -> Self {
        let of_route = |origination: &'a SnsOrigination| {
            let number = origination.origination_number().map(OriginationIdentity::Number);
            number.or_else(|| origination.sender_id().map(OriginationIdentity::SenderId))
        };
        let of_business = || settings.sms_sender_id.as_ref().map(OriginationIdentity::SenderId);
        let identity = origination.and_then(of_route).or_else(of_business);
        let registration = origination.and_then(SnsOrigination::registration);
        Self {
            identity: identity.unwrap_or(OriginationIdentity::OfTheStack),
            registration,
            registered_texts_only: registration.is_some() || need == CountryNeed::RegisteredText,
            kind: MessageKind::LinkCreated,
        }
    }

    /// India's id of the text.
    pub fn template_id(&self) -> Option<&'a RegistrationId> {
        self.registration?.template_of(self.kind)
    }
}

impl<'a> Route<'a> {
    pub fn kind(self) -> ProviderKind {
        match self {
            Self::Sns(_) => ProviderKind::Sns,
            Self::Ses => ProviderKind::Ses,
            Self::Provider(provider) => provider.config.kind(),
        }
    }

    /// What the business set up, where it is not the stack's own.
    pub fn provider(self) -> Option<&'a MessageProvider> {
        match self {
            Self::Sns(_) | Self::Ses => None,
            Self::Provider(provider) => Some(provider),
        }
    }

    /// The approved template that it sends instead of a text.
    pub fn template_for(self, kind: MessageKind, wording: Wording, locale: &Locale) -> Option<&'a ApprovedTemplate> {
        self.provider()?.config.template_for(kind, wording, locale)
    }

    /// The same route for a message that tells this. The register of a country knows each text by an id of its own.
    #[must_use]
    pub fn about(self, kind: MessageKind) -> Self {
        match self {
            Self::Sns(sender) => Self::Sns(SnsSender { kind, ..sender }),
            Self::Ses | Self::Provider(_) => self,
        }
    }

    /// Whether a text goes out by it as it was registered, and no other does.
    pub fn takes_registered_texts_only(self) -> bool {
        match self {
            Self::Sns(sender) => sender.registered_texts_only,
            Self::Ses | Self::Provider(_) => false,
        }
    }

    /// Whether words go out by it that no provider approved beforehand.
    pub fn takes_texts(self) -> bool {
        self.kind().profile().wording.takes(Wording::Custom)
    }

    fn takes(self, wording: Wording) -> bool {
        match self {
            Self::Sns(_) if self.takes_registered_texts_only() => wording == Wording::Default,
            Self::Sns(_) | Self::Ses | Self::Provider(_) => self.kind().profile().wording.takes(wording),
        }
    }

    /// Whether its country knows the text that tells this, as far as it has to know any by an id.
    pub fn knows_text(self) -> bool {
        match self {
            Self::Sns(sender) => sender.registration.is_none() || sender.template_id().is_some(),
            Self::Ses | Self::Provider(_) => true,
        }
    }

    /// A text is registered word for word, and what is registered of a business is its default text in its own
    /// language: in India, where the route has the ids of one, and in China always.
    pub fn check_language(self, locale: &Locale, settings: &Settings) -> Result<(), Rejection> {
        match self {
            Self::Sns(_) if self.takes_registered_texts_only() && *locale != settings.default_locale => {
                let language = settings.default_locale.as_str();
                let detail =
                    format!("A recipient's country takes only the text that is registered, which is in {language}.");
                Err(Rejection::new(UnreachedReason::TextNotRegistered.as_str(), detail))
            }
            Self::Sns(_) | Self::Ses | Self::Provider(_) => Ok(()),
        }
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
        if route.takes(wording) { Ok(route) } else { Err(UnreachedReason::OnlyApprovedTemplates) }
    }

    /// Whoever the settings name for the longest prefix that fits, else SNS. SNS delivers where the country asks
    /// nothing, and where it does once the settings have an entry for its own numbers: that says that the account has
    /// what it asks.
    fn sms_route(self, number: &str) -> Result<Route<'a>, UnreachedReason> {
        let fitting = self.settings.sms_routes.iter().filter(|route| number.starts_with(route.prefix.as_str()));
        let entry = fitting.max_by_key(|route| route.prefix.as_str().len());
        let origination = match entry.map(|route| &route.carrier) {
            Some(SmsCarrier::Provider(id)) => {
                let provider = self.ready(id, Channel::Sms);
                return provider.map(Route::Provider).ok_or(UnreachedReason::NumberNotServed);
            }
            Some(SmsCarrier::Sns(origination)) => Some(origination),
            None => None,
        };
        let country = country_of(number);
        let is_set_up = entry.is_some_and(|route| route.prefix.as_str().starts_with(country.prefix));
        match country.need.unmet() {
            Some(reason) if !is_set_up || country.need == CountryNeed::NotServed => Err(reason),
            Some(_) | None => Ok(Route::Sns(SnsSender::new(self.settings, origination, country.need))),
        }
    }

    fn ready(self, id: &ProviderId, channel: Channel) -> Option<&'a MessageProvider> {
        self.providers.get(id).filter(|provider| provider.config.channel() == channel && provider.is_ready())
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
        (id.clone(), MessageProvider { credentials, ..MessageProvider::new(id, config) })
    }

    pub(crate) fn bot(id: &str) -> (ProviderId, MessageProvider) {
        provider(id, bare(ProviderKind::BotApi))
    }

    /// Kavenegar for numbers of Iran.
    pub(crate) fn iranian() -> (Settings, MessageProviders) {
        let (id, kavenegar) = provider("kavenegar", bare(ProviderKind::Kavenegar));
        let prefix = NumberPrefix::parse("+98").unwrap();
        let route = SmsRoute { prefix, carrier: SmsCarrier::Provider(id.clone()) };
        (Settings { sms_routes: vec![route], ..Settings::default() }, MessageProviders::from([(id, kavenegar)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::provider::tests::bare;
    use crate::messages::sms_route::{NumberPrefix, RegisteredTexts, SmsRoute};

    fn sms_route(prefix: &str, carrier: SmsCarrier) -> SmsRoute {
        SmsRoute { prefix: NumberPrefix::parse(prefix).unwrap(), carrier }
    }

    fn sns(sender_id: Option<&str>, number: Option<&str>, ids: Option<(&str, &str)>) -> SmsCarrier {
        let id = |text: &str| RegistrationId::parse(text).unwrap();
        let sender_id = sender_id.map(|text| SmsSenderId::parse(text).unwrap());
        let number = number.map(|text| OriginationNumber::parse(text).unwrap());
        let (entity, template) = ids.map(|(entity, template)| (id(entity), id(template))).unzip();
        let texts = RegisteredTexts { link_created: template, ..RegisteredTexts::default() };
        SmsCarrier::Sns(SnsOrigination::new(sender_id, number, entity, texts).unwrap())
    }

    /// Who takes an SMS to a number: a provider by its id, or SNS with whom it comes from.
    fn taken(settings: &Settings, providers: &MessageProviders, number: &str) -> Result<String, UnreachedReason> {
        let route = MessageRouter { settings, providers }.route(Channel::Sms, None, number, Wording::Default);
        route.map(|route| match route {
            Route::Provider(provider) => provider.id.to_string(),
            Route::Ses => panic!("{number} went to SES"),
            Route::Sns(sender) => match sender.identity {
                OriginationIdentity::OfTheStack => "sns".to_owned(),
                OriginationIdentity::SenderId(id) => format!("sns as {}", id.as_str()),
                OriginationIdentity::Number(number) => format!("sns from {}", number.as_str()),
            },
        })
    }

    #[test]
    fn the_longest_prefix_of_the_settings_decides_and_sns_has_the_rest_that_it_delivers_to() {
        let (mut settings, mut providers) = samples::iranian();
        let (id, other) = samples::provider("other", providers.values().next().unwrap().config.clone());
        providers.insert(id.clone(), other);
        settings.sms_routes.push(sms_route("+98935", SmsCarrier::Provider(id.clone())));
        let of = |number: &str, settings: &Settings, providers: &MessageProviders| taken(settings, providers, number);
        assert_eq!(of("+989121234567", &settings, &providers).as_deref(), Ok("kavenegar"));
        assert_eq!(of("+989351234567", &settings, &providers).as_deref(), Ok("other"));
        assert_eq!(of("+49151123456", &settings, &providers).as_deref(), Ok("sns"));
        for number in ["+989121234567", "+5351234567", "+8501921234567", "+963944123456", "+249912345678"] {
            assert_eq!(of(number, &Settings::default(), &providers), Err(UnreachedReason::NumberNotServed), "{number}");
        }
        assert_eq!(of("+989121234567", &settings, &MessageProviders::new()), Err(UnreachedReason::NumberNotServed));
        settings.sms_routes.push(sms_route("+", SmsCarrier::Provider(id)));
        for (number, taker) in [("+49151123456", "other"), ("+12025550100", "other"), ("+989121234567", "kavenegar")] {
            assert_eq!(of(number, &settings, &providers).as_deref(), Ok(taker), "{number}");
        }
    }

    #[test]
    fn nobody_is_told_in_a_country_that_needs_something_until_the_settings_name_its_numbers() {
        let providers = MessageProviders::new();
        let unset = Settings::default();
        for (number, reason) in [
            ("+61491570006", UnreachedReason::SenderIdNotRegistered),
            ("+919812345678", UnreachedReason::SenderIdNotRegistered),
            ("+12025550100", UnreachedReason::OriginationNumberMissing),
            ("+6421123456", UnreachedReason::OriginationNumberMissing),
            ("+8613800000000", UnreachedReason::TextNotRegistered),
        ] {
            assert_eq!(taken(&unset, &providers, number), Err(reason), "{number}");
            // An entry for all numbers says nothing about what a country asks.
            let everywhere =
                Settings { sms_routes: vec![sms_route("+", sns(None, None, None))], ..Settings::default() };
            assert_eq!(taken(&everywhere, &providers, number), Err(reason), "{number}");
            let prefix = country_of(number).prefix;
            let named = Settings { sms_routes: vec![sms_route(prefix, sns(None, None, None))], ..Settings::default() };
            assert_eq!(taken(&named, &providers, number).as_deref(), Ok("sns"), "{number}");
        }
        let iran = Settings { sms_routes: vec![sms_route("+98", sns(None, None, None))], ..Settings::default() };
        assert_eq!(taken(&iran, &providers, "+989121234567"), Err(UnreachedReason::NumberNotServed));
    }

    #[test]
    fn an_sms_comes_from_whom_its_route_says_else_from_the_name_of_the_business() {
        let providers = MessageProviders::new();
        let sms_routes = vec![
            sms_route("+1", sns(None, Some("+18005550100"), None)),
            sms_route("+61", sns(Some("SHOPAU"), None, None)),
            sms_route("+44", sns(None, None, None)),
        ];
        let sms_sender_id = SmsSenderId::parse("SHOP").ok();
        let settings = Settings { sms_routes, sms_sender_id, ..Settings::default() };
        for (number, taker) in [
            ("+12025550100", "sns from +18005550100"),
            ("+61491570006", "sns as SHOPAU"),
            ("+447700900123", "sns as SHOP"),
            ("+4915112345678", "sns as SHOP"),
        ] {
            assert_eq!(taken(&settings, &providers, number).as_deref(), Ok(taker), "{number}");
        }
    }

    #[test]
    fn a_registered_text_is_the_default_one_in_the_language_of_the_business() {
        let sms_routes = vec![
            sms_route("+91", sns(Some("SHOP"), None, Some(("11", "12")))),
            sms_route("+86", sns(None, None, None)),
        ];
        let settings = Settings { sms_routes, ..Settings::default() };
        let providers = MessageProviders::new();
        let router = MessageRouter { settings: &settings, providers: &providers };
        let of = |number: &str, wording| router.route(Channel::Sms, None, number, wording);
        for number in ["+919812345678", "+8613800000000"] {
            assert!(of(number, Wording::Default).is_ok(), "{number}");
            assert_eq!(of(number, Wording::Custom), Err(UnreachedReason::OnlyApprovedTemplates), "{number}");
        }
        let indian = of("+919812345678", Wording::Default).unwrap();
        let Route::Sns(SnsSender { registration: Some(registration), .. }) = indian else { panic!("{indian:?}") };
        assert_eq!((registration.entity_id.as_str(), registration.template_id.as_str()), ("11", "12"));
        let persian = Locale::parse("fa").unwrap();
        for registered in [indian, of("+8613800000000", Wording::Default).unwrap()] {
            assert!(registered.check_language(&settings.default_locale, &settings).is_ok());
            assert_eq!(registered.check_language(&persian, &settings).unwrap_err().code, "text_not_registered");
            assert!(registered.takes_registered_texts_only());
        }
        let german = of("+4915112345678", Wording::Custom).unwrap();
        assert!(german.check_language(&persian, &settings).is_ok(), "other countries take any text");
        assert!(!german.takes_registered_texts_only());
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
            router.route(Channel::Social, Some(&id), "7", Wording::Custom).map(|route| route.provider().is_some())
        };
        assert_eq!(of(&MessageProviders::new()), Err(UnreachedReason::NetworkNotConnected));
        assert_eq!(of(&MessageProviders::from([(id.clone(), bare)])), Err(UnreachedReason::NetworkNotConnected));
        assert_eq!(of(&MessageProviders::from([(id.clone(), ready)])), Ok(true));
    }
}

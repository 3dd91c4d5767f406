//! Message providers that the business sets up: the bot of a social network, WhatsApp, a provider of SMS, a line of its
//! own.
//!
//! A provider is a record of the CRM's configuration. Its id is what a network is called in addresses: somebody with
//! `{ "network": "telegram", "id": … }` is reached by the provider `telegram`. Providers of SMS are named by the settings,
//! for the numbers that begin in a certain way.

// Who sends by a provider does not decide what one may be.
#[cfg(feature = "templates")]
mod decide;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::idempotency::IdempotencyLog;
use crate::ids::{CredentialsVersion, ProviderId};
use crate::locale::Locale;
use crate::messages::approved_template::{ApprovedTemplate, choose};
use crate::messages::channel::Channel;
use crate::messages::choice::Wording;
use crate::messages::kind::MessageKind;
pub use crate::messages::provider_profile::ProviderKind;
use crate::messages::provider_profile::{Proof, ProviderProfile};
use crate::problem::{Field, Problems, Rejection, no_such, pointer_to};
use crate::public_url::{Reach, parse_endpoint_url};
use crate::records::signing::{SigningSecret, SigningVersions};

/// A way for messages to leave that the business set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageProvider {
    pub id: ProviderId,
    #[serde(flatten)]
    pub config: ProviderConfig,
    /// Which version of its secrets it uses. Without one, a provider that needs one cannot send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsVersion>,
    /// The versions of what is sent to it is signed with, where it is a provider to which calls are signed.
    #[serde(default, skip_serializing_if = "SigningVersions::is_empty")]
    pub signing: SigningVersions,
    #[serde(default, skip_serializing_if = "IdempotencyLog::is_empty")]
    pub idempotency: IdempotencyLog,
}

/// What a provider's calls are proved with at one moment. All of it is empty where it needs none, or has none yet.
#[derive(Clone, Debug, Default)]
pub struct ProviderProof {
    pub secret: Option<ProviderSecret>,
    /// One for each version that signs, the newest first.
    pub signing: Vec<SigningSecret>,
}

/// Everything the business set up, by id.
pub type MessageProviders = BTreeMap<ProviderId, MessageProvider>;

/// How a provider is spoken to, with what is not secret about it. Which of the fields there are is said by the provider's
/// row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderConfig {
    kind: ProviderKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    templates: Vec<ApprovedTemplate>,
}

/// What a request says about a provider, its fields read one by one.
#[derive(Clone, Debug, Default)]
pub struct ProviderFields {
    /// As [`parse_base_url`] leaves it.
    pub base_url: Field<String>,
    /// As [`parse_endpoint_url`] leaves it.
    pub url: Field<String>,
    pub line: Field<String>,
    pub phone_number_id: Field<String>,
    pub api_version: Field<String>,
    pub templates: Field<Vec<ApprovedTemplate>>,
}

impl ProviderConfig {
    pub fn kind(&self) -> ProviderKind {
        self.kind
    }

    pub fn profile(&self) -> &'static ProviderProfile {
        self.kind.profile()
    }

    /// The medium that its messages are of.
    pub fn channel(&self) -> Channel {
        self.profile().channel
    }

    /// Where its API is, without a slash at its end. Its secret goes there, and is kept only as long as this stays.
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// The one address that it takes messages at.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The sender number of its texts, which the API calls `line`; without one, the account's default is used.
    pub fn line(&self) -> Option<&str> {
        self.line.as_deref()
    }

    /// AWS's id of the number that its messages come from.
    pub fn phone_number_id(&self) -> Option<&str> {
        self.phone_number_id.as_deref()
    }

    /// The version of the provider's API that is spoken, where it has versions.
    pub fn api_version(&self) -> Option<&str> {
        let usual = self.profile().record.as_ref().and_then(|record| record.api_version);
        self.api_version.as_deref().or(usual)
    }

    pub fn templates(&self) -> &[ApprovedTemplate] {
        &self.templates
    }

    /// The approved template that a message goes out by, where it does not go out as a text. Words of the request's own are
    /// never a template.
    pub fn template_for(&self, kind: MessageKind, wording: Wording, locale: &Locale) -> Option<&ApprovedTemplate> {
        match wording {
            Wording::Default => choose(self.templates(), kind, locale),
            Wording::Custom => None,
        }
    }
}

impl MessageProvider {
    /// A provider without any secret yet.
    pub fn new(id: ProviderId, config: ProviderConfig) -> Self {
        Self {
            id,
            config,
            credentials: None,
            signing: SigningVersions::default(),
            idempotency: IdempotencyLog::default(),
        }
    }

    /// Whether it could send at all.
    pub(crate) fn is_ready(&self) -> bool {
        match self.config.profile().record.as_ref().map(|record| &record.proof) {
            Some(Proof::Role) | None => true,
            Some(Proof::Secret(_)) => self.credentials.is_some(),
            Some(Proof::Signature) => !self.signing.is_empty(),
        }
    }

    /// Puts a new version of the secret that signs in place; the present one signs for a while longer, so that the CRM
    /// can change over.
    #[must_use]
    pub fn rotated(&self, version: CredentialsVersion, overlap: SignedDuration, now: Timestamp) -> Self {
        Self { signing: self.signing.rotated(version, overlap, now), ..self.clone() }
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

/// The version of an API, as Meta writes it.
pub fn parse_api_version(text: &str) -> Result<String, Rejection> {
    let is_number = |digits: &str| (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let numbers = text.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    match numbers {
        Some((major, minor)) if is_number(major) && is_number(minor) => Ok(text.to_owned()),
        Some(_) | None => Err(Rejection::new("invalid_api_version", "A version of an API is written as v20.0.")),
    }
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
        let wanted = kind.secret();
        let mut problems = Problems::default();
        let known: Vec<&str> = wanted.iter().map(|wanted| wanted.name).collect();
        for unknown in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let what = format!("credential of a provider of the kind {}", kind.as_str());
            problems.refuse(pointer_to(at, unknown), "unknown_field", no_such(&what, unknown, &known));
        }
        let mut secret = None;
        if let Some(wanted) = wanted {
            let pointer = format!("{at}/{}", wanted.name);
            match fields.get(wanted.name) {
                Some(value) if wanted.takes(value) => secret = Some(Self { secret: value.clone() }),
                Some(_) => problems.refuse(pointer, "invalid_credentials", wanted.description),
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

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::messages::approved_template::LinkButton;
    use crate::messages::approved_template::tests::{placeholder, template};

    /// A provider of which nothing is written down but what its row says.
    pub(crate) fn bare(kind: ProviderKind) -> ProviderConfig {
        let base_url = kind.profile().record.as_ref().and_then(|record| record.base_url).map(str::to_owned);
        ProviderConfig {
            kind,
            base_url,
            url: None,
            line: None,
            phone_number_id: None,
            api_version: None,
            templates: Vec::new(),
        }
    }

    #[test]
    fn a_record_is_kept_as_its_kind_and_those_fields_that_it_has() {
        let read = |kind: ProviderKind, fields: ProviderFields| {
            let config = ProviderConfig::decide(kind, fields, &mut Problems::default()).unwrap();
            serde_json::to_value(config).unwrap()
        };
        let bot = json!({ "kind": "bot_api", "base_url": "https://api.telegram.org" });
        assert_eq!(read(ProviderKind::BotApi, ProviderFields::default()), bot);
        let line = ProviderFields { line: Field::Value("3000".to_owned()), ..ProviderFields::default() };
        let sms = json!({ "kind": "kavenegar", "base_url": "https://api.kavenegar.com", "line": "3000" });
        assert_eq!(read(ProviderKind::Kavenegar, line), sms);
        let url = "https://crm.example/sms?line=1".to_owned();
        let line = ProviderFields { url: Field::Value(url.clone()), ..ProviderFields::default() };
        let webhook = json!({ "kind": "webhook", "url": url });
        assert_eq!(read(ProviderKind::Webhook, line), webhook);
        for stored in [bot, sms, webhook] {
            let config: ProviderConfig = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(serde_json::to_value(config).unwrap(), stored);
        }
    }

    fn problems_of(kind: ProviderKind, templates: Vec<ApprovedTemplate>) -> Vec<(String, &'static str)> {
        let mut problems = Problems::default();
        let phone_number_id = match kind {
            ProviderKind::Whatsapp => Field::Value("phone-number-id-1".to_owned()),
            ProviderKind::Sns
            | ProviderKind::Ses
            | ProviderKind::BotApi
            | ProviderKind::Kavenegar
            | ProviderKind::Webhook => Field::Absent,
        };
        let fields =
            ProviderFields { phone_number_id, templates: Field::Value(templates), ..ProviderFields::default() };
        ProviderConfig::decide(kind, fields, &mut problems);
        problems.into_vec().into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn a_line_of_ones_own_has_an_address_and_what_signs_and_nothing_else() {
        let of = |fields: ProviderFields| {
            let mut problems = Problems::default();
            let config = ProviderConfig::decide(ProviderKind::Webhook, fields, &mut problems);
            let problems = problems.into_vec().into_iter().map(|problem| (problem.pointer, problem.code));
            (config, problems.collect::<Vec<_>>())
        };
        let (none, problems) = of(ProviderFields { line: Field::Value("3000".to_owned()), ..Default::default() });
        let expected = [("/line".to_owned(), "not_allowed"), ("/url".to_owned(), "required")];
        assert_eq!((none, problems), (None, expected.to_vec()));
        let url = Field::Value("https://crm.example/sms".to_owned());
        let (config, _) = of(ProviderFields { url, ..Default::default() });
        let bare = MessageProvider::new(ProviderId::parse("crm").unwrap(), config.unwrap());
        assert!(!bare.is_ready(), "nothing leaves unsigned");
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let version = |name: &str| CredentialsVersion::parse(name).unwrap();
        let signing = MessageProvider { signing: SigningVersions::first(version("v1")), ..bare };
        assert!(signing.is_ready());
        let rotated = signing.rotated(version("v2"), SignedDuration::from_secs(60), at(0));
        assert_eq!(rotated.signing.at(at(59)).cloned().collect::<Vec<_>>(), [version("v2"), version("v1")]);
        assert_eq!(MessageProvider { signing: signing.signing.clone(), ..rotated }, signing, "all else stays");
    }

    #[test]
    fn what_a_provider_does_not_take_in_a_template_is_refused_when_it_is_saved() {
        let of = |parameter: &str| template("a", "fa", parameter);
        let named = ApprovedTemplate { parameters: vec![placeholder(Some("link"), "{{ link }}")], ..of("{{ link }}") };
        let button = LinkButton { index: 0, fixed_part: "https://pay.example.com/p/".to_owned() };
        let whole = ApprovedTemplate { header: Some(placeholder(None, "x")), button: Some(button), ..of("{{ link }}") };
        let not_taken = |pointer: &str| (format!("/templates/0/{pointer}"), "not_allowed");
        for text in ["a_b: {{ link }}", "{% if description %}{% else %}_{% endif %}{{ link }}", "{{ link ~ '_' }}"] {
            assert_eq!(problems_of(ProviderKind::Kavenegar, vec![of(text)]), [not_taken("parameters/0")], "{text}");
            assert_eq!(problems_of(ProviderKind::Whatsapp, vec![of(text)]), [], "{text}");
        }
        assert_eq!(problems_of(ProviderKind::Kavenegar, vec![of("{{ expires_at }}{{ link }}")]), []);
        assert_eq!(problems_of(ProviderKind::Kavenegar, vec![named.clone()]), [not_taken("parameters")]);
        assert_eq!(
            problems_of(ProviderKind::Kavenegar, vec![whole.clone()]),
            [not_taken("header"), not_taken("button")]
        );
        assert_eq!(problems_of(ProviderKind::Whatsapp, vec![named, whole]), []);
    }

    #[test]
    fn a_version_is_the_records_or_the_usual_one() {
        assert_eq!(bare(ProviderKind::Whatsapp).api_version(), Some("v20.0"));
        assert_eq!(bare(ProviderKind::Kavenegar).api_version(), None);
        assert!(parse_api_version("v23.0").is_ok());
        for bad in ["", "23.0", "v23", "v23.x", "v23.0/x"] {
            assert_eq!(parse_api_version(bad).unwrap_err().code, "invalid_api_version", "{bad}");
        }
    }

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

//! Message providers that the business sets up: the bot of a social network, WhatsApp, a provider of SMS.
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
pub use crate::messages::provider_profile::ProviderKind;
use crate::messages::provider_profile::{ProviderProfile, RecordFields, TakenWording};
use crate::problem::{Field, Problems, Rejection};
use crate::public_url::{Reach, parse_endpoint_url};

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

/// How a provider is spoken to, with what is not secret about it. Which of the fields there are is said by the provider's
/// row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderConfig {
    kind: ProviderKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_number_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    templates: Vec<ApprovedTemplate>,
}

/// What a request says about a provider, its fields read one by one.
#[derive(Clone, Debug, Default)]
pub struct ProviderFields {
    /// As [`parse_base_url`] leaves it.
    pub base_url: Field<String>,
    pub line: Field<String>,
    pub phone_number_id: Field<String>,
    pub templates: Field<Vec<ApprovedTemplate>>,
}

impl ProviderConfig {
    /// A provider of this kind with these fields. What the row does not have is refused, what it needs is required, and an
    /// address that is left out is the provider's own.
    pub fn decide(kind: ProviderKind, fields: ProviderFields, problems: &mut Problems) -> Option<Self> {
        // A kind without records is never that of a request.
        let record = kind.profile().record.as_ref()?;
        let wording = kind.profile().wording;
        fields.check_placeholders(kind, problems);
        fields.check_known(kind, record, problems);
        let ProviderFields { base_url, line, phone_number_id, templates } = fields;
        let base_url = match record.base_url {
            Some(usual) => base_url.optional().map(|given| Some(given.unwrap_or_else(|| usual.to_owned()))),
            None => Some(None),
        };
        let line = if record.has_line { line.optional() } else { Some(None) };
        let phone_number_id = match record.has_phone_number_id {
            true => phone_number_id.require("/phone_number_id", problems).map(Some),
            false => Some(None),
        };
        let templates = match wording {
            TakenWording::Texts => Some(Vec::new()),
            TakenWording::TextsAndTemplates { .. } => templates.optional().map(Option::unwrap_or_default),
            TakenWording::TemplatesOnly { .. } => some_templates(templates, problems),
        };
        Some(Self { kind, base_url: base_url?, line: line?, phone_number_id: phone_number_id?, templates: templates? })
    }

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

    /// The sender number of its texts, which the API calls `line`; without one, the account's default is used.
    pub fn line(&self) -> Option<&str> {
        self.line.as_deref()
    }

    /// AWS's id of the number that its messages come from.
    pub fn phone_number_id(&self) -> Option<&str> {
        self.phone_number_id.as_deref()
    }

    pub fn templates(&self) -> &[ApprovedTemplate] {
        &self.templates
    }

    /// The approved template that a message goes out by, where it does not go out as a text. Words of the request's own are
    /// never a template.
    pub fn template_for(&self, wording: Wording, locale: &Locale) -> Option<&ApprovedTemplate> {
        match wording {
            Wording::Default => choose(self.templates(), locale),
            Wording::Custom => None,
        }
    }
}

impl ProviderFields {
    /// Refuses a template with too many parameters, because it would otherwise be noticed only when its messages fail.
    fn check_placeholders(&self, kind: ProviderKind, problems: &mut Problems) {
        let Field::Value(templates) = &self.templates else { return };
        let most = kind.profile().wording.max_placeholders().unwrap_or(MAX_PARAMETERS);
        for (index, _) in templates.iter().enumerate().filter(|(_, one)| one.parameters.len() > most) {
            let detail = format!("A template of the kind {} has at most {most} placeholders.", kind.as_str());
            problems.refuse(format!("/templates/{index}/parameters"), "too_many", detail);
        }
    }

    fn check_known(&self, kind: ProviderKind, record: &RecordFields, problems: &mut Problems) {
        let Self { base_url, line, phone_number_id, templates } = self;
        let has_templates = kind.profile().wording.max_placeholders().is_some();
        for (pointer, is_absent, has_it) in [
            ("/base_url", matches!(base_url, Field::Absent), record.base_url.is_some()),
            ("/line", matches!(line, Field::Absent), record.has_line),
            ("/phone_number_id", matches!(phone_number_id, Field::Absent), record.has_phone_number_id),
            ("/templates", matches!(templates, Field::Absent), has_templates),
        ] {
            if !is_absent && !has_it {
                let detail = format!("A provider of the kind {} has no such field.", kind.as_str());
                problems.refuse(pointer, "not_allowed", detail);
            }
        }
    }
}

/// The templates of a provider that sends nothing else.
fn some_templates(given: Field<Vec<ApprovedTemplate>>, problems: &mut Problems) -> Option<Vec<ApprovedTemplate>> {
    let templates = given.require("/templates", problems).filter(|templates| !templates.is_empty());
    if templates.is_none() && problems.is_empty() {
        problems.refuse("/templates", "required", "Without a template nothing can be sent.");
    }
    templates
}

impl MessageProvider {
    /// Whether it could send at all.
    pub(crate) fn is_ready(&self) -> bool {
        self.credentials.is_some() || self.config.kind().secret().is_none()
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
        let wanted = kind.secret();
        let mut problems = Problems::default();
        for unknown in fields.keys().filter(|known| wanted.is_none_or(|wanted| wanted.name != known.as_str())) {
            let detail = format!("A provider of the kind {} has no such credential.", kind.as_str());
            problems.refuse(format!("{at}/{unknown}"), "unknown_field", detail);
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

    /// A provider of which nothing is written down but what its row says.
    pub(crate) fn bare(kind: ProviderKind) -> ProviderConfig {
        let base_url = kind.profile().record.as_ref().and_then(|record| record.base_url).map(str::to_owned);
        ProviderConfig { kind, base_url, line: None, phone_number_id: None, templates: Vec::new() }
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
        for stored in [bot, sms] {
            let config: ProviderConfig = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(serde_json::to_value(config).unwrap(), stored);
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

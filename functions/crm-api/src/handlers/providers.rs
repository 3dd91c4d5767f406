//! Message providers: the bots of social networks, WhatsApp, providers of SMS. Their secrets can be written here and not
//! read.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::{CredentialsVersion, ProviderId};
use domain::locale::Locale;
use domain::messages::approved_template::{ApprovedTemplate, MAX_PARAMETERS, TemplateName};
use domain::messages::provider::{
    MessageProvider, ProviderConfig, ProviderFields, ProviderKind, ProviderSecret, parse_base_url,
};
use domain::messages::template::TemplateParameter;
use domain::public_url::Reach;
use domain::{Field, Problems, Rejection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::schema::{ChannelName, ProviderKindName};
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::{ApiProblem, Given, JsonBody};

use crate::app::{App, MAX_CONTENDED_TRIES};
use crate::caller::{MayAdminister, MayRead, id_of};
use crate::handlers::accounts::new_version;
use crate::lists::{ListView, PAGING, Parameters};
use crate::respond::{answer, deleted, record_keeps_changing};

/// A provider has at most so many templates: one for each language.
const MAX_TEMPLATES: usize = 20;

/// A way for messages to leave besides SNS and SES. A PUT replaces all of it but the credentials.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageProviderBody)]
pub(crate) struct ProviderBody {
    /// Whose protocol the provider speaks; it decides which of the other fields there are.
    #[serde(default)]
    #[schema(value_type = ProviderKindName, required = true)]
    kind: Given<String>,
    /// Where the API of `bot_api` or `kavenegar` is: `https`, public and without a query. Left out, Telegram's or
    /// Kavenegar's own.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    base_url: Given<String>,
    /// The number that `kavenegar` sends texts from, 3 to 20 digits; left out, the account's own.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    line: Given<String>,
    /// AWS's id of the number that `whatsapp` sends from, which requires it: `phone-number-id-` and letters and digits.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phone_number_id: Given<String>,
    /// What `whatsapp` sends, one for each language and at most 20; it requires one. `kavenegar` sends the default
    /// message by them where there are any.
    #[serde(default)]
    #[schema(value_type = Option<Vec<TemplateBody>>)]
    templates: Given<Vec<TemplateBody>>,
    /// `{ token }` of a bot, `{ api_key }` of Kavenegar; WhatsApp has none. Never shown again. Left out, they stay as
    /// they were, as long as `kind` and `base_url` stay.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    credentials: Given<BTreeMap<String, String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A template that the provider approved, and what stands in the places that it leaves open, in their order.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = ApprovedTemplateBody)]
struct TemplateBody {
    /// What the provider calls the template: 1 to 100 letters, digits, `_` and `-`.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    name: Given<String>,
    /// The language that it was approved in, as a BCP 47 tag such as `fa`.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    locale: Given<String>,
    /// Texts with variables, at most 10 of at most 200 characters each; one of them must always show `{{ link }}`.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = true)]
    parameters: Given<Vec<String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A way for messages to leave besides SNS and SES. Its id is what addresses call a social network.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageProvider)]
pub(crate) struct ProviderView {
    id: String,
    #[schema(pattern = "^message_provider$")]
    object: &'static str,
    #[schema(value_type = ProviderKindName)]
    kind: &'static str,
    /// What its messages are.
    #[schema(value_type = ChannelName)]
    channel: &'static str,
    base_url: Option<String>,
    line: Option<String>,
    phone_number_id: Option<String>,
    templates: Vec<TemplateView>,
    /// Credentials are never shown again.
    credentials_set: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApprovedTemplate)]
struct TemplateView {
    name: String,
    locale: String,
    parameters: Vec<String>,
}

impl ProviderView {
    fn new(provider: &MessageProvider) -> Self {
        let template = |template: &ApprovedTemplate| TemplateView {
            name: template.name.as_str().to_owned(),
            locale: template.locale.as_str().to_owned(),
            parameters: template.parameters.iter().map(|phrase| phrase.as_str().to_owned()).collect(),
        };
        Self {
            id: provider.id.to_string(),
            object: "message_provider",
            kind: provider.config.kind().as_str(),
            channel: provider.config.channel().as_str(),
            base_url: provider.config.base_url().map(str::to_owned),
            line: provider.config.line().map(str::to_owned),
            phone_number_id: provider.config.phone_number_id().map(str::to_owned),
            templates: provider.config.templates().iter().map(template).collect(),
            credentials_set: provider.credentials.is_some(),
        }
    }
}

pub(crate) async fn list(_: MayRead, State(app): State<App>, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &PAGING)?;
    let configuration = app.store.fresh_configuration().await?;
    let views = configuration.providers.values().map(|provider| (provider.id.to_string(), ProviderView::new(provider)));
    Ok(answer(ListView::page(views, &parameters)?))
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let provider = app.store.provider(&id).await?.ok_or_else(|| ApiProblem::not_found("message provider"))?;
    Ok(answer(ProviderView::new(&provider)))
}

/// Messages that wait for another try fail then: nobody serves their address any more. One that the settings name is
/// still needed.
pub(crate) async fn delete(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let configuration = app.store.fresh_configuration().await?;
    if let Some(route) = configuration.settings.sms_routes.iter().find(|route| route.provider == id) {
        let detail = format!("The settings name it for numbers that begin with {}.", route.prefix.as_str());
        return Err(ApiProblem::conflict("provider_in_use", detail));
    }
    deleted(app.store.delete_provider(&id).await?, "message provider")
}

pub(crate) async fn write(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<ProviderBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let suffix: [u8; 4] = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    let version = new_version(app.clock.now(), suffix)?;
    // A secret that is left out is that of the provider as it is: it must not come back after another was written.
    for _ in 0..MAX_CONTENDED_TRIES {
        let (known, revision) = app.store.provider_to_change(&id).await?;
        let (mut problems, body) = (Problems::default(), body.fields.clone());
        let decided = decide(id.clone(), body, known.as_ref(), version.clone(), app.reach, &mut problems);
        let Some((provider, secret)) = decided.filter(|_| problems.is_empty()) else {
            return Err(ApiProblem::invalid(problems));
        };
        if app.store.put_provider(&provider, secret.as_ref(), &revision).await? {
            tracing::info!(provider_id = %provider.id, "A message provider was written.");
            return Ok(answer(ProviderView::new(&provider)));
        }
    }
    Err(record_keeps_changing())
}

/// The provider that the body describes. A secret that is left out stays, as long as it goes to the same address: it must
/// not be possible to have a secret sent elsewhere by who cannot read it.
fn decide(
    id: ProviderId,
    body: ProviderBody,
    known: Option<&MessageProvider>,
    version: CredentialsVersion,
    reach: Reach,
    problems: &mut Problems,
) -> Option<(MessageProvider, Option<ProviderSecret>)> {
    refuse_unknown("", body.unknown, problems);
    let kind = body.kind.field("/kind", problems);
    let kind = kind.parse("/kind", problems, |text| ProviderKind::parse(&text)).require("/kind", problems);
    let base_url = body.base_url.field("/base_url", problems);
    let base_url = base_url.parse("/base_url", problems, |url| parse_base_url(&url, reach));
    let line = body.line.field("/line", problems).parse("/line", problems, |line| check_line(&line));
    let number = body.phone_number_id.field("/phone_number_id", problems);
    let number = number.parse("/phone_number_id", problems, |number| check_phone_number_id(&number));
    let templates = read_templates(body.templates, problems);
    let credentials = body.credentials.field("/credentials", problems);
    let kind = kind?;
    let secret = read_secret(credentials, kind, problems);
    let fields = ProviderFields { base_url, line, phone_number_id: number, templates };
    let config = ProviderConfig::decide(kind, fields, problems)?;
    let is_same_place =
        |known: &&MessageProvider| known.config.kind() == kind && known.config.base_url() == config.base_url();
    let kept = known.filter(is_same_place).and_then(|known| known.credentials.clone());
    let credentials = if secret.is_some() { Some(version) } else { kept };
    Some((MessageProvider { id, config, credentials }, secret))
}

fn check_line(line: &str) -> Result<String, Rejection> {
    if (3..=20).contains(&line.len()) && line.bytes().all(|b| b.is_ascii_digit()) {
        Ok(line.to_owned())
    } else {
        Err(Rejection::new("invalid_line", "A line has 3 to 20 digits."))
    }
}

/// Its form is that of the API reference of `SendWhatsAppMessage`.
fn check_phone_number_id(id: &str) -> Result<String, Rejection> {
    let rest = id.strip_prefix("phone-number-id-").unwrap_or_default();
    if (1..=99).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(id.to_owned())
    } else {
        Err(Rejection::new("invalid_id", "AWS's id of a phone number is phone-number-id- and letters and digits."))
    }
}

/// Reads each template and points at what cannot be used.
fn read_templates(given: Given<Vec<TemplateBody>>, problems: &mut Problems) -> Field<Vec<ApprovedTemplate>> {
    const AT: &str = "/templates";
    let bodies = match given.field(AT, problems) {
        Field::Value(bodies) => bodies,
        Field::Absent => return Field::Absent,
        Field::Refused => return Field::Refused,
    };
    if bodies.len() > MAX_TEMPLATES {
        problems.refuse(AT, "too_many", format!("At most {MAX_TEMPLATES} entries are allowed."));
        return Field::Refused;
    }
    let count = bodies.len();
    let bodies = bodies.into_iter().enumerate();
    let read: Vec<ApprovedTemplate> =
        bodies.filter_map(|(index, body)| body.read(&format!("{AT}/{index}"), problems)).collect();
    if read.len() == count { Field::Value(read) } else { Field::Refused }
}

impl TemplateBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<ApprovedTemplate> {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        let pointer = format!("{at}/name");
        let name = self.name.field(&pointer, p).parse(&pointer, p, |name| TemplateName::parse(&name));
        let name = name.require(&pointer, p);
        let pointer = format!("{at}/locale");
        let locale = self.locale.field(&pointer, p).parse(&pointer, p, |tag| Locale::parse(&tag));
        let locale = locale.require(&pointer, p);
        let pointer = format!("{at}/parameters");
        let texts = self.parameters.field(&pointer, p).require(&pointer, p)?;
        if texts.len() > MAX_PARAMETERS {
            p.refuse(&pointer, "too_many", format!("At most {MAX_PARAMETERS} entries are allowed."));
            return None;
        }
        let count = texts.len();
        let mut parameters = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match TemplateParameter::parse(text) {
                Ok(phrase) => parameters.push(phrase),
                Err(rejections) => {
                    rejections.into_iter().for_each(|rejection| p.add(format!("{pointer}/{index}"), rejection));
                }
            }
        }
        if parameters.len() < count {
            return None;
        }
        let template = ApprovedTemplate { name: name?, locale: locale?, parameters };
        p.check(&pointer, template.check()).value()
    }
}

fn read_secret(
    given: Field<BTreeMap<String, String>>,
    kind: ProviderKind,
    problems: &mut Problems,
) -> Option<ProviderSecret> {
    match ProviderSecret::parse(kind, &given.value()?, "/credentials") {
        Ok(secret) => Some(secret),
        Err(found) => {
            for problem in found.into_vec() {
                problems.refuse(problem.pointer, problem.code, problem.detail);
            }
            None
        }
    }
}

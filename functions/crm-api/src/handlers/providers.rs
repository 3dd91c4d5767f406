//! Message providers: the bots of social networks, WhatsApp, providers of SMS. Their secrets can be written here and not
//! read.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::ProviderId;
use domain::locale::Locale;
use domain::messages::approved_template::{
    ApprovedTemplate, LinkButton, MAX_PARAMETERS, ParameterName, Placeholder, TemplateName,
};
use domain::messages::provider::{
    MessageProvider, ProviderConfig, ProviderFields, ProviderKind, ProviderSecret, parse_api_version, parse_base_url,
};
use domain::messages::template::TemplateParameter;
use domain::public_url::Reach;
use domain::{Field, Problems, Rejection};
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use use_cases::providers::ProviderRequest;
use utoipa::ToSchema;
use views::schema::{ChannelName, ProviderKindName};
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::{ApiProblem, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, id_of};
use crate::handlers::accounts::new_version;
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, deleted};

/// The most templates that a provider can have: one for each language.
const MAX_TEMPLATES: usize = 20;

/// A way for messages to leave besides SNS and SES. A PUT replaces all of it but the credentials.
#[derive(Debug, Default, Deserialize, ToSchema)]
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
    /// The version of Meta's API that the messages of `whatsapp` are written for, such as `v20.0`, which it is where it is
    /// left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    api_version: Given<String>,
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

/// A template that the provider approved, and the values of its placeholders, in their order.
#[derive(Debug, Default, Deserialize, ToSchema)]
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
    /// Texts with variables, at most 10 of at most 200 characters each; one of them must always show `{{ link }}`, unless
    /// there is a `button`. A placeholder of `whatsapp` that has a name is written as `{ name, value }`; all of a template
    /// have names or none has. `kavenegar` takes no `_`, and in the first three no spaces, which become hyphens.
    #[serde(default)]
    #[schema(value_type = Vec<PlaceholderSchema>, required = true)]
    parameters: Given<Vec<PlaceholderBody>>,
    /// The value of the placeholder in the header of a template of `whatsapp`, where that has one.
    #[serde(default)]
    #[schema(value_type = Option<PlaceholderSchema>)]
    header: Given<PlaceholderBody>,
    /// The button of a template of `whatsapp` that leads to the link.
    #[serde(default)]
    #[schema(value_type = Option<ButtonBody>)]
    button: Given<ButtonBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A placeholder: its value alone, or with its name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PlaceholderBody {
    Positional(String),
    Named(NamedBody),
}

/// A placeholder that has a name.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = NamedPlaceholderBody)]
struct NamedBody {
    /// 1 to 100 small letters, digits and `_`.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    name: Given<String>,
    /// A text with variables, of at most 200 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    value: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A text with variables, or such a text with the name of its placeholder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Placeholder)]
enum PlaceholderSchema {
    Positional(String),
    Named { name: String, value: String },
}

/// A button whose address ends with what is variable.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = LinkButtonBody)]
struct ButtonBody {
    /// Which of the template's buttons it is, counted from 0, which it is where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<u8>, maximum = 9)]
    index: Given<i64>,
    /// What was approved of its address, everything in front of its variable, such as `https://pay.example.com/p/`. What
    /// follows it in the link is sent.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    fixed_part: Given<String>,
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
    /// The version of the provider's API that is spoken, where it has versions.
    api_version: Option<String>,
    templates: Vec<TemplateView>,
    /// Credentials are never shown again.
    credentials_set: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApprovedTemplate)]
struct TemplateView {
    name: String,
    locale: String,
    #[schema(value_type = Vec<PlaceholderSchema>)]
    parameters: Vec<PlaceholderSchema>,
    header: Option<PlaceholderSchema>,
    button: Option<ButtonView>,
}

/// A button whose address ends with what follows its fixed part in the link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LinkButton)]
struct ButtonView {
    index: u8,
    fixed_part: String,
}

impl PlaceholderSchema {
    fn new(placeholder: &Placeholder) -> Self {
        let value = placeholder.value().as_str().to_owned();
        match placeholder.name() {
            Some(name) => Self::Named { name: name.as_str().to_owned(), value },
            None => Self::Positional(value),
        }
    }
}

impl ButtonView {
    fn new(button: &LinkButton) -> Self {
        Self { index: button.index, fixed_part: button.fixed_part.clone() }
    }
}

impl ProviderView {
    fn new(provider: &MessageProvider) -> Self {
        let template = |template: &ApprovedTemplate| TemplateView {
            name: template.name.as_str().to_owned(),
            locale: template.locale.as_str().to_owned(),
            parameters: template.parameters.iter().map(PlaceholderSchema::new).collect(),
            header: template.header.as_ref().map(PlaceholderSchema::new),
            button: template.button.as_ref().map(ButtonView::new),
        };
        Self {
            id: provider.id.to_string(),
            object: "message_provider",
            kind: provider.config.kind().as_str(),
            channel: provider.config.channel().as_str(),
            base_url: provider.config.base_url().map(str::to_owned),
            line: provider.config.line().map(str::to_owned),
            phone_number_id: provider.config.phone_number_id().map(str::to_owned),
            api_version: provider.config.api_version().map(str::to_owned),
            templates: provider.config.templates().iter().map(template).collect(),
            credentials_set: provider.credentials.is_some(),
        }
    }
}

pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, &Parameters::read(pairs, &PAGING)?).await?))
}

pub(crate) async fn page(store: &BusinessStore, parameters: &Parameters) -> Result<ListView<ProviderView>, ApiProblem> {
    let configuration = store.fresh_configuration().await?;
    let views = configuration.providers.values().map(|provider| (provider.id.to_string(), ProviderView::new(provider)));
    ListView::page(views, parameters)
}

pub(crate) async fn read(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let provider = caller.store.provider(&id).await?.ok_or_else(|| ApiProblem::not_found("message provider"))?;
    Ok(answer(ProviderView::new(&provider)))
}

/// Messages that wait for another try fail once the provider is deleted, because no provider serves their address any
/// more. A provider that the settings name cannot be deleted.
pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let outcome = use_cases::providers::delete(&caller.store, &id).await.map_err(refused::provider_needed)?;
    deleted(outcome, "message provider")
}

pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<ProviderBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let version = new_version(&app)?;
    let mut problems = Problems::default();
    let request = body.fields.read(app.reach, &mut problems);
    let provider = use_cases::providers::write(&caller.store, id, request, version, problems).await;
    Ok(answer(ProviderView::new(&provider.map_err(refused::record)?)))
}

impl ProviderBody {
    /// The provider that the body describes. Nothing comes of it where a field is missing or refused.
    fn read(self, reach: Reach, problems: &mut Problems) -> Option<ProviderRequest> {
        let p = problems;
        refuse_unknown("", self.unknown, p);
        let kind = self.kind.required_text("/kind", p, ProviderKind::parse);
        let fields = ProviderFields {
            base_url: self.base_url.text("/base_url", p, |url| parse_base_url(url, reach)),
            line: self.line.text("/line", p, check_line),
            phone_number_id: self.phone_number_id.text("/phone_number_id", p, check_phone_number_id),
            api_version: self.api_version.text("/api_version", p, parse_api_version),
            templates: self.templates.each("/templates", MAX_TEMPLATES, p, TemplateBody::read),
        };
        let credentials = self.credentials.field("/credentials", p).value();
        let kind = kind?;
        let secret = credentials.and_then(|given| p.merge(ProviderSecret::parse(kind, &given, "/credentials")));
        Some(ProviderRequest { config: ProviderConfig::decide(kind, fields, p)?, secret })
    }
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

impl TemplateBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<ApprovedTemplate> {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        let name = self.name.required_text(format!("{at}/name"), p, TemplateName::parse);
        let locale = self.locale.required_text(format!("{at}/locale"), p, Locale::parse);
        let parameters_at = format!("{at}/parameters");
        let parameters = self.parameters.each(&parameters_at, MAX_PARAMETERS, p, PlaceholderBody::read);
        let header = self.header.read(format!("{at}/header"), p, |header, at, p| field_of(header.read(at, p)));
        let button = self.button.read(format!("{at}/button"), p, |button, at, p| field_of(button.read(at, p)));
        let parameters = parameters.require(&parameters_at, p)?;
        let (header, button) = (header.optional()?, button.optional()?);
        let template = ApprovedTemplate { name: name?, locale: locale?, parameters, header, button };
        match template.check() {
            Ok(template) => Some(template),
            Err(problem) => {
                p.add(format!("{at}/{}", problem.field), problem.rejection);
                None
            }
        }
    }
}

fn field_of<T>(read: Option<T>) -> Field<T> {
    read.map_or(Field::Refused, Field::Value)
}

impl PlaceholderBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<Placeholder> {
        match self {
            Self::Positional(text) => phrase(&text, at, problems).map(Placeholder::Positional),
            Self::Named(named) => {
                refuse_unknown(at, named.unknown, problems);
                let name = named.name.required_text(format!("{at}/name"), problems, ParameterName::parse);
                let value_at = format!("{at}/value");
                let value = named.value.require(&value_at, problems);
                let value = value.and_then(|text| phrase(&text, &value_at, problems));
                Some(Placeholder::Named { name: name?, value: value? })
            }
        }
    }
}

fn phrase(text: &str, at: &str, problems: &mut Problems) -> Option<TemplateParameter> {
    let read = TemplateParameter::parse(text);
    read.map_err(|rejections| rejections.into_iter().for_each(|rejection| problems.add(at, rejection))).ok()
}

impl ButtonBody {
    fn read(self, at: &str, problems: &mut Problems) -> Option<LinkButton> {
        let p = problems;
        refuse_unknown(at, self.unknown, p);
        let index = self.index.parse(format!("{at}/index"), p, LinkButton::parse_index).optional();
        let fixed_part = self.fixed_part.required_text(format!("{at}/fixed_part"), p, LinkButton::parse_fixed_part);
        Some(LinkButton { index: index?.unwrap_or_default(), fixed_part: fixed_part? })
    }
}

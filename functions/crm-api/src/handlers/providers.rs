//! Message providers: the bots of social networks, WhatsApp, providers of SMS, and a line of the business's own. Their
//! secrets can be written here and not read; what messages to a line are signed with is shown once.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::ids::ProviderId;
use domain::locale::Locale;
use domain::messages::approved_template::{
    ApprovedTemplate, LinkButton, MAX_PARAMETERS, ParameterName, Placeholder, TemplateName,
};
use domain::messages::kind::MessageKind;
use domain::messages::provider::{
    MessageProvider, ProviderConfig, ProviderFields, ProviderKind, ProviderSecret, parse_api_version, parse_base_url,
};
use domain::messages::template::TemplateParameter;
use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::signing::SigningSecret;
use domain::{Field, Problems, Rejection};
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use use_cases::providers::{ProviderRequest, SecretRequest, WrittenProvider};
use use_cases::{Answer, Revised};
use utoipa::ToSchema;
use views::schema::{ChannelName, Credentials, MessageKindName, ProviderKindName};
use web::body::{GivenList, GivenTexts, RecordBody, Unknown, refuse_unknown, refuse_unknown_of_record};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::idempotency::replayed;
use web::{ApiProblem, Given, JsonBody, OptionalBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, Repeatable, Writes, id_of};
use crate::handlers::rotation::{RotateBody, new_secret};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, body_over, deleted, shown, takes_away, written};

/// The most templates that a provider can have: one for each language.
const MAX_TEMPLATES: usize = 20;

/// A way for messages to leave besides SNS and SES. A PUT replaces all of it but the credentials.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = MessageProviderInput)]
pub(crate) struct ProviderBody {
    /// Whose protocol the provider speaks; it decides which of the other fields there are.
    #[serde(default)]
    #[schema(value_type = ProviderKindName, required = true)]
    kind: Given<String>,
    /// Where the API of `bot_api` or `kavenegar` is: `https`, public and without a query. Left out, Telegram's or
    /// Kavenegar's own.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "public-address")]
    base_url: Given<String>,
    /// Where `webhook` takes SMS, which requires it: an address of your own, `https` and public. Redirects are not
    /// followed.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "public-address")]
    url: Given<String>,
    /// The number that `kavenegar` sends texts from, 3 to 20 digits; left out, the account's own.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "sms-line")]
    line: Given<String>,
    /// AWS's id of the number that `whatsapp` sends from, which requires it: `phone-number-id-` and letters and digits.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "phone-number-id")]
    phone_number_id: Given<String>,
    /// The version of Meta's API that the messages of `whatsapp` are written for, such as `v20.0`. Left out, the usual one,
    /// which is `v20.0`; who names that one has the usual one as well.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    api_version: Given<String>,
    /// What `whatsapp` sends, one for each language and at most 20; it requires one. `kavenegar` sends the default
    /// message by them where there are any.
    #[serde(default)]
    #[schema(value_type = Option<Vec<TemplateBody>>, max_items = 20)]
    templates: GivenList<TemplateBody>,
    /// `{ token }` of a bot, `{ api_key }` of Kavenegar; WhatsApp and `webhook` have none. Never shown again. Left out,
    /// they stay as they were, as long as `kind` and `base_url` stay; with another of these they are let go of, also by a
    /// PATCH, because a secret goes to no other address than it was given for. They are not taken away alone.
    #[serde(default)]
    #[schema(value_type = Option<Credentials>)]
    credentials: GivenTexts,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A template that the provider approved, and the values of its placeholders, in their order.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = ApprovedTemplateInput)]
struct TemplateBody {
    /// What it tells. `{{ link }}` is the address of the receipt in one that tells of a payment or a refund.
    #[serde(default)]
    #[schema(value_type = Option<MessageKindName>, default = "link_created")]
    kind: Given<String>,
    /// What the provider calls the template: 1 to 100 letters, digits, `_` and `-`.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "template-name")]
    name: Given<String>,
    /// The language that it was approved in, as a BCP 47 tag such as `fa`.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    locale: Given<String>,
    /// Texts with variables, at most 10 of at most 200 characters each; one of them must always show `{{ link }}`, unless
    /// there is a `button`. A placeholder of `whatsapp` that has a name is written as `{ name, value }`; all of a template
    /// have names or none has. `kavenegar` takes no `_`, and in the first three no spaces, which become hyphens.
    #[serde(default)]
    #[schema(value_type = Vec<PlaceholderBody>, required = true, max_items = 10)]
    parameters: GivenList<PlaceholderBody>,
    /// The value of the placeholder in the header of a template of `whatsapp`, where that has one.
    #[serde(default)]
    #[schema(value_type = Option<PlaceholderBody>)]
    header: Given<PlaceholderBody>,
    /// The button of a template of `whatsapp` that leads to the link.
    #[serde(default)]
    #[schema(value_type = Option<ButtonBody>)]
    button: Given<ButtonBody>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A text with variables of at most 200 characters, or such a text with the name of its placeholder.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TemplatePlaceholderInput)]
enum PlaceholderBody {
    Positional(String),
    Named(NamedBody),
}

/// A placeholder that has a name.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = NamedPlaceholderInput)]
struct NamedBody {
    /// 1 to 100 small letters, digits and `_`.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "placeholder-name")]
    name: Given<String>,
    /// A text with variables, of at most 200 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "text-200")]
    value: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A text with variables, or such a text with the name of its placeholder.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TemplatePlaceholder)]
enum PlaceholderSchema {
    Positional(String),
    Named(NamedPlaceholderView),
}

/// A text with variables, and the name of its placeholder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NamedPlaceholder)]
struct NamedPlaceholderView {
    name: String,
    value: String,
}

/// A button whose address ends with what is variable.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = LinkButtonInput)]
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
    /// Where `webhook` takes SMS.
    url: Option<String>,
    line: Option<String>,
    phone_number_id: Option<String>,
    /// The version of the provider's API that is spoken, where it has versions.
    api_version: Option<String>,
    templates: Vec<TemplateView>,
    /// Credentials are never shown again.
    credentials_set: bool,
    /// What messages to `webhook` are signed with. Shown only where it is new: when the provider is made and when its
    /// secret is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApprovedTemplate)]
struct TemplateView {
    #[schema(value_type = MessageKindName)]
    kind: &'static str,
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
            Some(name) => Self::Named(NamedPlaceholderView { name: name.as_str().to_owned(), value }),
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
            kind: template.kind.as_str(),
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
            url: provider.config.url().map(str::to_owned),
            line: provider.config.line().map(str::to_owned),
            phone_number_id: provider.config.phone_number_id().map(str::to_owned),
            api_version: provider.config.api_version().map(str::to_owned),
            templates: provider.config.templates().iter().map(template).collect(),
            credentials_set: provider.credentials.is_some(),
            secret: None,
        }
    }

    fn with_secret(mut self, secret: &SigningSecret) -> Self {
        self.secret = Some(secret.expose().to_owned());
        self
    }
}

pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, Parameters::read(pairs, &PAGING)).await?))
}

pub(crate) async fn page(store: &BusinessStore, parameters: Parameters) -> Result<ListView<ProviderView>, ApiProblem> {
    let configuration = store.fresh_configuration().await?;
    let views = configuration.providers.values().map(|provider| (provider.id.to_string(), ProviderView::new(provider)));
    ListView::page(views, parameters)
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let (provider, revision) = caller.store.provider_to_change(&id).await?;
    let provider = provider.ok_or_else(|| ApiProblem::not_found("message provider"))?;
    shown(Revised::new(ProviderView::new(&provider), &revision), &conditions)
}

/// Messages that wait for another try fail once the provider is deleted, because no provider serves their address any
/// more. A provider that the settings name cannot be deleted.
pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let outcome = use_cases::providers::delete(&caller.store, &id, &conditions).await.map_err(refused::provider)?;
    deleted(outcome, "message provider")
}

/// Writes a provider. What messages to a line of the business's own are signed with is made with it, and shown once.
pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    Writes(writing): Writes,
    Path(id): Path<String>,
    body: JsonBody<ProviderBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, ProviderId::parse)?;
    let said = |base: Option<&MessageProvider>| {
        let mut problems = Problems::default();
        let without_credentials = takes_away(base, &body.value, "/credentials");
        let body: ProviderBody = body_over(&body.value, base.map(ProviderView::new), &mut problems);
        let request = body.read(&id, app.reach, &mut problems);
        let request = request.map(|request| match without_credentials {
            true => ProviderRequest { secret: SecretRequest::None, ..request },
            false => request,
        });
        (request, problems)
    };
    let new = new_secret(&app)?;
    let provider = use_cases::providers::write(&caller.store, id.clone(), &writing, &said, new).await;
    Ok(written(provider.map_err(refused::provider)?.map(|WrittenProvider { provider, new_secret }| {
        let view = ProviderView::new(&provider);
        if let Some(secret) = &new_secret { view.with_secret(secret) } else { view }
    })))
}

/// Makes a new secret that signs, and shows it; the earlier one signs for a while beside it.
pub(crate) async fn rotate(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<RotateBody>,
) -> Result<Response, ApiProblem> {
    let overlap = body.fields.overlap()?;
    let asked = call.asked(&caller, &body.value);
    let id = id_of("id", &id, ProviderId::parse)?;
    let (store, now) = (&caller.store, || app.clock.now());
    let rotated = use_cases::providers::rotate_secret(store, &now, asked, &id, overlap, new_secret(&app)?).await;
    let view = |rotated: Revised<(MessageProvider, SigningSecret)>| {
        written(rotated.map(|(provider, secret)| ProviderView::new(&provider).with_secret(&secret)))
    };
    Ok(match rotated.map_err(refused::rotate_of_provider)? {
        Answer::New(rotated) => view(rotated),
        Answer::Repeated(rotated) => replayed(view(rotated)),
    })
}

impl RecordBody for ProviderBody {
    const OBJECT: &'static str = "message_provider";
    const NAMED_BY: &'static [&'static str] = &["id"];
    const FOUND_OUT: &'static [&'static str] = &["channel", "credentials_set"];
}

impl ProviderBody {
    /// The provider that the body describes. Nothing comes of it where a field is missing or refused.
    fn read(self, id: &ProviderId, reach: Reach, problems: &mut Problems) -> Option<ProviderRequest> {
        let p = problems;
        refuse_unknown_of_record::<Self>("", self.unknown, &[id.as_str()], p);
        let kind = self.kind.required_text("/kind", p, ProviderKind::parse);
        let fields = ProviderFields {
            base_url: self.base_url.text("/base_url", p, |url| parse_base_url(url, reach)),
            url: self.url.text("/url", p, |url| parse_endpoint_url(url, reach)),
            line: self.line.text("/line", p, check_line),
            phone_number_id: self.phone_number_id.text("/phone_number_id", p, check_phone_number_id),
            api_version: self.api_version.text("/api_version", p, parse_api_version),
            // An answer shows every kind's templates, also where it has none.
            templates: match self.templates.each("/templates", MAX_TEMPLATES, p, TemplateBody::read) {
                Field::Value(none) if none.is_empty() => Field::Absent,
                templates => templates,
            },
        };
        let credentials = self.credentials.texts("/credentials", p).value();
        let kind = kind?;
        let secret = credentials.and_then(|given| p.merge(ProviderSecret::parse(kind, &given, "/credentials")));
        let secret = secret.map_or(SecretRequest::Kept, SecretRequest::New);
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
        refuse_unknown::<Self>(at, self.unknown, p);
        let kind = self.kind.text(format!("{at}/kind"), p, MessageKind::parse).optional();
        let name = self.name.required_text(format!("{at}/name"), p, TemplateName::parse);
        let locale = self.locale.required_text(format!("{at}/locale"), p, Locale::parse);
        let parameters_at = format!("{at}/parameters");
        let parameters = self.parameters.each(&parameters_at, MAX_PARAMETERS, p, PlaceholderBody::read);
        let header = self.header.read(format!("{at}/header"), p, |header, at, p| field_of(header.read(at, p)));
        let button = self.button.read(format!("{at}/button"), p, |button, at, p| field_of(button.read(at, p)));
        let parameters = parameters.require(&parameters_at, p)?;
        let (header, button) = (header.optional()?, button.optional()?);
        let kind = kind?.unwrap_or_default();
        let template = ApprovedTemplate { kind, name: name?, locale: locale?, parameters, header, button };
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
                refuse_unknown::<NamedBody>(at, named.unknown, problems);
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
        refuse_unknown::<Self>(at, self.unknown, p);
        let index = self.index.parse(format!("{at}/index"), p, LinkButton::parse_index).optional();
        let fixed_part = self.fixed_part.required_text(format!("{at}/fixed_part"), p, LinkButton::parse_fixed_part);
        Some(LinkButton { index: index?.unwrap_or_default(), fixed_part: fixed_part? })
    }
}

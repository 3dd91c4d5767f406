//! Message templates: the business's own texts, and the built-in ones where it has none.

use axum::http::StatusCode;
use axum::response::Response;
use domain::locale::{Language, Locale};
use domain::messages::built_in::built_in_text;
use domain::messages::channel::Channel;
use domain::messages::kind::MessageKind;
use domain::messages::message_template::MessageTemplate;
use domain::messages::template::{FILTERS, Filter, MessageText, VARIABLES};
use domain::{Problems, Rejection};
use serde::Serialize;
use store::BusinessStore;
use utoipa::ToSchema;
use views::schema::ChannelName;
use web::extract::{Path, Query};
use web::texts::TextBody;
use web::{ApiProblem, JsonBody};

use crate::caller::{MayAdminister, MayRead, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::respond::{answer, deleted};

/// The text of a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageTemplate)]
pub(crate) struct TemplateView {
    #[schema(pattern = "^message_template$")]
    object: &'static str,
    kind: &'static str,
    #[schema(value_type = ChannelName)]
    channel: &'static str,
    locale: String,
    /// `custom` where the business saved its own, `built_in` where the product's is used.
    source: &'static str,
    subject: Option<String>,
    body: String,
    /// What a text may name.
    #[schema(value_type = Vec<String>)]
    variables: [&'static str; 9],
    /// How it may show them.
    #[schema(value_type = Vec<FilterView>)]
    filters: [Filter; 13],
}

/// A filter and what it does.
#[derive(ToSchema)]
#[schema(as = TemplateFilter)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct FilterView {
    name: String,
    description: String,
}

impl TemplateView {
    fn new(kind: MessageKind, channel: Channel, locale: &str, source: &'static str, text: &MessageText) -> Self {
        Self {
            object: "message_template",
            kind: kind.as_str(),
            channel: channel.as_str(),
            locale: locale.to_owned(),
            source,
            subject: text.subject().map(str::to_owned),
            body: text.body().to_owned(),
            variables: VARIABLES,
            filters: FILTERS,
        }
    }

    /// Where it stands in the list: the business's own before the built-in ones.
    fn place(&self) -> String {
        [self.source, self.kind, self.channel, self.locale.as_str()].join(".")
    }

    fn custom(template: &MessageTemplate) -> Self {
        Self::new(template.kind, template.channel, template.locale.as_str(), "custom", &template.text)
    }
}

/// The built-in texts and the business's own beside them.
pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &PAGING)?;
    let configuration = caller.store.fresh_configuration().await?;
    let mut views: Vec<TemplateView> = configuration.templates.iter().map(TemplateView::custom).collect();
    for language in Language::ALL {
        for channel in Channel::ALL {
            let kind = MessageKind::LinkCreated;
            let text = built_in_text(kind, channel, language).map_err(|error| ApiProblem::unavailable(&error))?;
            views.push(TemplateView::new(kind, channel, language.code(), "built_in", &text));
        }
    }
    let views = views.into_iter().map(|view| (view.place(), view));
    Ok(answer(ListView::page(views, &parameters)?))
}

/// The business's own texts.
pub(crate) async fn own_page(
    store: &BusinessStore,
    parameters: &Parameters,
) -> Result<ListView<TemplateView>, ApiProblem> {
    let configuration = store.fresh_configuration().await?;
    let views = configuration.templates.iter().map(TemplateView::custom);
    ListView::page(views.map(|view| (view.place(), view)), parameters)
}

type At = Path<(String, String, String)>;

fn place(at: &At) -> Result<(MessageKind, Channel, Locale), ApiProblem> {
    let (kind, channel, locale) = &at.0;
    Ok((
        id_of("kind", kind, MessageKind::parse)?,
        id_of("channel", channel, Channel::parse)?,
        id_of("locale", locale, Locale::parse)?,
    ))
}

pub(crate) async fn read(MayRead(caller): MayRead, at: At) -> Result<Response, ApiProblem> {
    let (kind, channel, locale) = place(&at)?;
    if let Some(template) = caller.store.template(kind, channel, &locale).await? {
        return Ok(answer(TemplateView::custom(&template)));
    }
    let text =
        built_in_text(kind, channel, locale.language()).map_err(|error: Rejection| ApiProblem::unavailable(&error))?;
    Ok(answer(TemplateView::new(kind, channel, locale.as_str(), "built_in", &text)))
}

/// Goes back to the built-in text.
pub(crate) async fn delete(MayAdminister(caller): MayAdminister, at: At) -> Result<StatusCode, ApiProblem> {
    let (kind, channel, locale) = place(&at)?;
    deleted(caller.store.delete_template(kind, channel, &locale).await?, "message template")
}

pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    at: At,
    body: JsonBody<TextBody>,
) -> Result<Response, ApiProblem> {
    let (kind, channel, locale) = place(&at)?;
    let body = body.fields;
    let mut problems = Problems::default();
    let Some(text) = body.read(channel, "", &mut problems).value().filter(|_| problems.is_empty()) else {
        return Err(ApiProblem::invalid(problems));
    };
    let template = MessageTemplate { kind, channel, locale, text };
    caller.store.put_template(&template).await?;
    Ok(answer(TemplateView::custom(&template)))
}

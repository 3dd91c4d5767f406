//! Message templates: the business's own texts, and the built-in ones where it has none.

use std::borrow::Cow;

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
use use_cases::Revised;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use views::schema::ChannelName;
use web::body::{RecordBody, refuse_unknown_of_record};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::texts::TextBody;
use web::{ApiProblem, JsonBody};

use crate::caller::{MayAdminister, MayRead, Writes, id_of};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, body_over, deleted, shown, written};

/// The shape of a [`TextBody`] that is a record of its own.
pub(crate) enum TemplateBody {}

impl PartialSchema for TemplateBody {
    fn schema() -> RefOr<Schema> {
        TextBody::schema()
    }
}

impl ToSchema for TemplateBody {
    fn name() -> Cow<'static, str> {
        "MessageTemplateInput".into()
    }
}

impl RecordBody for TemplateBody {
    const OBJECT: &'static str = "message_template";
    const NAMED_BY: &'static [&'static str] = &["kind", "channel", "locale"];
    const FOUND_OUT: &'static [&'static str] = &["source", "variables", "filters"];
}

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
    variables: [&'static str; 10],
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
    /// What it can be applied to: `text`, `amount` or `date`.
    of: String,
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
    let parameters = Parameters::read(pairs, &PAGING);
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
    Ok(answer(ListView::page(views, parameters)?))
}

/// The business's own texts.
pub(crate) async fn own_page(
    store: &BusinessStore,
    parameters: Parameters,
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

pub(crate) async fn read(
    MayRead(caller): MayRead,
    Conditions(conditions): Conditions,
    at: At,
) -> Result<Response, ApiProblem> {
    let (kind, channel, locale) = place(&at)?;
    let (template, revision) = caller.store.template_to_change((kind, channel, &locale)).await?;
    let view = match template {
        Some(template) => TemplateView::custom(&template),
        None => {
            let text = built_in_text(kind, channel, locale.language());
            let text = text.map_err(|error: Rejection| ApiProblem::unavailable(&error))?;
            TemplateView::new(kind, channel, locale.as_str(), "built_in", &text)
        }
    };
    shown(Revised::new(view, &revision), &conditions)
}

/// Goes back to the built-in text.
pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Conditions(conditions): Conditions,
    at: At,
) -> Result<StatusCode, ApiProblem> {
    let (kind, channel, locale) = place(&at)?;
    let outcome = use_cases::records::delete_template(&caller.store, (kind, channel, &locale), &conditions).await;
    deleted(outcome.map_err(|why| refused::record(why, "message template"))?, "message template")
}

/// Writes a text of the business's own. The built-in one is none that a part could be changed of.
pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    Writes(writing): Writes,
    at: At,
    body: JsonBody<TextBody>,
) -> Result<Response, ApiProblem> {
    let (kind, channel, locale) = place(&at)?;
    let said = |base: Option<&MessageTemplate>| {
        let mut problems = Problems::default();
        let mut body: TextBody = body_over(&body.value, base.map(TemplateView::custom), &mut problems);
        let (unknown, names) = (std::mem::take(&mut body.unknown), [kind.as_str(), channel.as_str(), locale.as_str()]);
        refuse_unknown_of_record::<TemplateBody>("", unknown, &names, &mut problems);
        (body.read(channel, "", &mut problems).value(), problems)
    };
    let template = use_cases::records::write_template(&caller.store, (kind, channel, &locale), &writing, &said).await;
    let template = template.map_err(|why| refused::record(why, "message template"))?;
    Ok(written(template.map(|template| TemplateView::custom(&template))))
}

//! Reading, listing and changing payment links.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use domain::business::settings::Settings;
use domain::ids::{ContactId, ItemId, LinkId, ReferenceId};
use domain::link::{LinkStatusKind, PaymentLink};
use domain::requests::amend::Amendment;
use domain::requests::expiry::Expiry;
use domain::{Problems, Rejection, Timestamp};
use jiff::civil::Date;
use serde::Deserialize;
use store::{BusinessStore, LinkList, LinksOf, SortKey};
use utoipa::ToSchema;
use views::LinkView;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::fields::{AfterPaymentBody, nested, read_description, read_metadata};
use web::{ApiProblem, Caller, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayRead, MayWrite, id_of};
use crate::lists::{ListView, Parameters};
use crate::refused;
use crate::respond::answer;

pub(crate) async fn read(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = link_id(&id)?;
    let configuration = caller.store.configuration().await?;
    let file = caller.store.link_history(&id).await?.ok_or_else(|| ApiProblem::not_found("payment link"))?;
    Ok(answer(LinkView::new(&file.link, &file.messages, &configuration.settings, app.clock.now())))
}

/// Links by exactly one of contact, item, reference and day, of any status or of one.
pub(crate) async fn list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let known = ["contact_id", "item_id", "reference_id", "day", "status", "limit", "cursor"];
    let parameters = Parameters::read(pairs, &known)?;
    let (by, value) = parameters.exactly_one(&["contact_id", "item_id", "reference_id", "day"])?;
    let settings = &caller.store.configuration().await?.settings;
    let now = app.clock.now();
    let status = parameters.get("status").map(|text| id_of("status", text, LinkStatusKind::parse)).transpose()?;
    let of = match by {
        "contact_id" => LinksOf::Contact(id_of(by, value, ContactId::parse)?),
        "item_id" => LinksOf::Item(id_of(by, value, ItemId::parse)?),
        "reference_id" => LinksOf::Reference(id_of(by, value, ReferenceId::parse)?),
        _ => {
            let (from, to) = day(value, settings)?;
            LinksOf::Time(from, to)
        }
    };
    let list = LinkList { of, status: status.map(|status| (status, now)) };
    Ok(answer(page(&caller.store, &list, &parameters, now).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    list: &LinkList,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<ListView<LinkView>, ApiProblem> {
    let (limit, after) = (parameters.limit()?, parameters.cursor(SortKey::Time)?);
    let page = store.list_links(list, limit, after.as_ref()).await?;
    let messages = store.message_states(&page.entries).await?;
    let configuration = store.configuration().await?;
    let data = page.entries.iter().map(|link| LinkView::new(link, &messages, &configuration.settings, now)).collect();
    Ok(ListView::new(data, page.next.as_ref()))
}

/// A day of the business, from its first instant to the first one after it.
pub(crate) fn day(text: &str, settings: &Settings) -> Result<(Timestamp, Timestamp), ApiProblem> {
    let refused = || {
        let rejection = Rejection::new("invalid_date", "Give a day such as 2026-12-01.");
        ApiProblem::bad_parameter("day", &rejection)
    };
    let date: Date = text.parse().map_err(|_| refused())?;
    let zone = settings.zone();
    let start = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| refused());
    Ok((start(date)?, start(date.tomorrow().map_err(|_| refused())?)?))
}

/// What to change about an active link.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentLinkChange)]
pub(crate) struct AmendBody {
    /// Until when the link can be paid, as when it is made: an instant with an offset, or a date, which means the end
    /// of that day in the business's time zone. Give this or `expires_in_days`, not both. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    expires_at: Given<String>,
    /// The same in days from today, 0 to 730: until the end of that day. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    expires_in_days: Given<i64>,
    /// What the payment is for, at most 500 characters; an empty text takes it away. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    description: Given<String>,
    /// What is recorded once the money is there. What is left out of it stays.
    #[serde(default)]
    #[schema(value_type = Option<AfterPaymentBody>)]
    after_payment: Given<AfterPaymentBody>,
    /// Replaces all of it: at most 20 pairs of texts, keys of 1 to 40 and values of at most 500 characters. Left out,
    /// it stays.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    metadata: Given<BTreeMap<String, String>>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl AmendBody {
    fn read(self, problems: &mut Problems) -> Amendment {
        let p = problems;
        refuse_unknown("", self.unknown, p);
        Amendment {
            expires_at: self.expires_at.text("/expires_at", p, Expiry::parse),
            expires_in_days: self.expires_in_days.parse("/expires_in_days", p, Expiry::parse_days),
            description: read_description(self.description, p),
            after_payment: nested(self.after_payment, "/after_payment", p, AfterPaymentBody::read),
            metadata: read_metadata(self.metadata, p),
        }
    }
}

/// Changes an active link. Its amount is not among what can be changed.
pub(crate) async fn amend(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<AmendBody>,
) -> Result<Response, ApiProblem> {
    let id = link_id(&id)?;
    let mut problems = Problems::default();
    let amendment = body.fields.read(&mut problems);
    let amended = use_cases::amend::amend(&caller.store, &|| app.clock.now(), &id, &amendment, problems).await;
    show(&app, &caller, &amended.map_err(refused::amend)?).await
}

/// A link that was just written.
pub(crate) async fn show(app: &App, caller: &Caller, link: &PaymentLink) -> Result<Response, ApiProblem> {
    let messages = caller.store.message_states(std::slice::from_ref(link)).await?;
    let configuration = caller.store.configuration().await?;
    Ok(answer(LinkView::new(link, &messages, &configuration.settings, app.clock.now())))
}

/// An id of another form names nothing, so it is not found rather than wrong.
pub(crate) fn link_id(text: &str) -> Result<LinkId, ApiProblem> {
    LinkId::parse(text).map_err(|_| ApiProblem::not_found("payment link"))
}

//! The events: for those who poll, and to see what became of sending them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::business::settings::Settings;
use domain::clocks::earlier;
use domain::events::{EventRecord, EventType, KEPT_FOR, LISTED_AFTER};
use domain::exports::EventFilter;
use domain::ids::{EndpointId, EventId, LinkId};
use domain::{Problems, Rejection, Timestamp};
use serde::Deserialize;
use store::{BusinessStore, EventList, EventsAfter};
use use_cases::Answer;
use utoipa::ToSchema;
use views::event::{LoggedEventView, links_of};
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::idempotency::replayed;
use web::{ApiProblem, Caller, Given, OptionalBody};

use crate::app::App;
use crate::caller::{MayRead, MayWrite, Repeatable};
use crate::lists::{ListView, Parameters, invalid_cursor, no_cursor};
use crate::refused;
use crate::respond::answer;

/// To whom an event is sent again. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = EventRedeliver)]
pub(crate) struct RedeliverBody {
    /// Only to this endpoint; to every endpoint that wants such events where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "id")]
    endpoint_id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// What a list of events takes.
pub(crate) const PARAMETERS: [&str; 7] =
    ["type", "payment_link_id", "after", "recorded_from", "recorded_to", "limit", "cursor"];

/// What the parameters of a list of events choose.
pub(crate) fn filter_of(parameters: &mut Parameters, settings: &Settings) -> EventFilter {
    EventFilter {
        types: parameters.several("type", EventType::parse),
        link: parameters.parse("payment_link_id", LinkId::parse),
        recorded: parameters.times(("recorded_from", "recorded_to"), settings),
    }
}

/// Events in the order in which they were recorded, from the oldest kept or from the one after `after` on.
pub(crate) async fn list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let mut parameters = Parameters::read(pairs, &PARAMETERS);
    let configuration = caller.store.configuration().await?;
    let filter = filter_of(&mut parameters, &configuration.settings);
    let limit = parameters.limit();
    let now = app.clock.now();
    let after = parameters.parse("after", EventId::parse);
    let cursor = parameters.parse("cursor", |text| EventId::parse(text).map_err(|_| invalid_cursor()));
    if parameters.get("after").is_some() && parameters.get("cursor").is_some() {
        parameters.refuse("cursor", Rejection::new("both_given", "Give after or cursor, not both."));
    }
    parameters.checked()?;
    let first = filter.kept_from(now);
    let after = match (after, cursor) {
        (_, Some(id)) => Some(behind(&caller.store, &id).await?),
        (Some(id), None) => Some(known_event("after", &caller, &id).await?),
        (None, None) => None,
    };
    let after = match after {
        Some(event) if event.recorded_at >= first => EventsAfter::Event(Box::new(event)),
        Some(_) | None => EventsAfter::Instant(first),
    };
    let before = filter.listed_until(now);
    let list = EventList { link: filter.link, after, before, types: filter.types };
    Ok(answer(page(&caller.store, &list, limit, now).await?))
}

/// All events that can be read, from the oldest or from the one that a cursor names.
pub(crate) async fn page_of_all(
    store: &BusinessStore,
    mut parameters: Parameters,
    now: Timestamp,
) -> Result<ListView<LoggedEventView>, ApiProblem> {
    let limit = parameters.limit();
    let cursor = parameters.parse("cursor", |text| EventId::parse(text).map_err(|_| invalid_cursor()));
    parameters.checked()?;
    let after = match cursor {
        Some(id) => EventsAfter::Event(Box::new(behind(store, &id).await?)),
        None => EventsAfter::Instant(earlier(now, KEPT_FOR)),
    };
    let list = EventList { link: None, after, before: earlier(now, LISTED_AFTER), types: Vec::new() };
    page(store, &list, limit, now).await
}

/// A cursor is the last event of the page before.
async fn behind(store: &BusinessStore, cursor: &EventId) -> Result<EventRecord, ApiProblem> {
    store.event(cursor).await?.ok_or_else(no_cursor)
}

async fn page(
    store: &BusinessStore,
    list: &EventList,
    limit: usize,
    now: Timestamp,
) -> Result<ListView<LoggedEventView>, ApiProblem> {
    let page = store.list_events(list, limit).await?;
    let events: Vec<&EventRecord> = page.entries.iter().collect();
    let next_cursor = page.next.map(|id| id.to_string());
    Ok(ListView::going_on(views_of(store, &events, now).await?, next_cursor))
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let event = use_cases::events::find(&caller.store, &event_id(&id)?, app.clock.now()).await?;
    let event = event.ok_or_else(|| ApiProblem::not_found("event"))?;
    Ok(answer(view_of(&app, &caller, &event).await?))
}

/// Has an event sent again by the next run of the schedule, within a minute.
pub(crate) async fn redeliver(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<RedeliverBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    refuse_unknown::<RedeliverBody>("", body.fields.unknown, &mut problems);
    let only = body.fields.endpoint_id.text("/endpoint_id", &mut problems, EndpointId::parse).value();
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let asked = call.asked(&caller, &body.value);
    let id = event_id(&id)?;
    let sent = use_cases::events::redeliver(&caller.store, &|| app.clock.now(), asked, &id, only.as_ref()).await;
    match sent.map_err(refused::redeliver)? {
        Answer::New(event) => accepted(&app, &caller, &event).await,
        Answer::Repeated(event) => Ok(replayed(accepted(&app, &caller, &event).await?)),
    }
}

async fn accepted(app: &App, caller: &Caller, event: &EventRecord) -> Result<Response, ApiProblem> {
    Ok((StatusCode::ACCEPTED, answer(view_of(app, caller, event).await?)).into_response())
}

/// An id of another form names nothing, so it is not found rather than wrong.
fn event_id(text: &str) -> Result<EventId, ApiProblem> {
    EventId::parse(text).map_err(|_| ApiProblem::not_found("event"))
}

/// The event that a list goes on from.
async fn known_event(parameter: &'static str, caller: &Caller, id: &EventId) -> Result<EventRecord, ApiProblem> {
    caller.store.event(id).await?.ok_or_else(|| {
        let rejection = Rejection::new("unknown_event", "There is no such event, or it is no longer kept.");
        ApiProblem::bad_parameter(parameter, &rejection)
    })
}

async fn view_of(app: &App, caller: &Caller, event: &EventRecord) -> Result<LoggedEventView, ApiProblem> {
    let views = views_of(&caller.store, &[event], app.clock.now()).await?;
    views.into_iter().next().ok_or_else(|| ApiProblem::not_found("event"))
}

/// Events with what they are about, links as those are now.
async fn views_of(
    store: &BusinessStore,
    events: &[&EventRecord],
    now: Timestamp,
) -> Result<Vec<LoggedEventView>, ApiProblem> {
    let links = store.links(&links_of(events.iter().copied())).await?;
    let messages = store.message_states(&links).await?;
    let configuration = store.configuration().await?;
    let view = |event: &&EventRecord| LoggedEventView::among(event, &links, &messages, &configuration.settings, now);
    Ok(events.iter().filter_map(view).collect())
}

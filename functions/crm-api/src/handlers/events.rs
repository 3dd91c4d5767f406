//! The events: for those who poll, and to see what became of sending them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use domain::ids::{EndpointId, EventId, LinkId};
use domain::events::EventType;
use domain::events::{Delivery, DeliveryState, EventRecord, KEPT_FOR};
use domain::{Problems, Rejection, Timestamp};
use jiff::SignedDuration;
use serde::Deserialize;
use store::{EventList, EventsAfter};
use utoipa::ToSchema;
use views::event::{EventView, LoggedEventView};
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::idempotency::{is_repeated, replayed, request_fingerprint};
use web::{ApiProblem, Given, OptionalBody};

use crate::app::{App, MAX_CONTENDED_TRIES};
use crate::caller::{MayRead, MayWrite, id_of};
use crate::lists::{ListView, Parameters, no_cursor};
use crate::respond::answer;

/// An event is listed so long after it was recorded, which is longer than a write takes with all its tries, so that none can
/// slip in before one that was listed already.
const CONFIRMED_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// To whom an event is sent again. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Redelivery)]
pub(crate) struct RedeliverBody {
    /// Only to this endpoint; to every endpoint that wants such events where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    endpoint_id: Given<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Events in the order in which they were recorded, from the oldest kept or from the one after `after` on.
pub(crate) async fn list(_: MayRead, State(app): State<App>, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &["type", "after", "limit", "cursor"])?;
    let wanted = parameters.get("type").map(|text| id_of("type", text, EventType::parse)).transpose()?;
    let limit = parameters.limit()?;
    let now = app.clock.now();
    let after = match (parameters.get("after"), parameters.get("cursor")) {
        (Some(_), Some(_)) => {
            let rejection = Rejection::new("both_given", "Give after or cursor, not both.");
            return Err(ApiProblem::bad_parameter("cursor", &rejection));
        }
        // A cursor is the last event of the page before.
        (None, Some(cursor)) => {
            let id = EventId::parse(cursor).map_err(|_| no_cursor())?;
            EventsAfter::Event(Box::new(app.store.event(&id).await?.ok_or_else(no_cursor)?))
        }
        (Some(id), None) => EventsAfter::Event(Box::new(known("after", &app, id).await?)),
        (None, None) => EventsAfter::Instant(earlier(now, KEPT_FOR)),
    };
    let list = EventList { after, before: earlier(now, CONFIRMED_AFTER) };
    let found = app.store.list_events(&list, limit).await?;
    let next_cursor = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    let wanted: Vec<&EventRecord> = found.iter().filter(|event| wanted.is_none_or(|kind| event.kind == kind)).collect();
    Ok(answer(ListView { data: views_of(&app, &wanted, now).await?, next_cursor }))
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let event = find(&app, &id).await?;
    Ok(answer(view_of(&app, &event).await?))
}

/// Has an event sent again by the next run of the schedule, within a minute.
pub(crate) async fn redeliver(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    address: Uri,
    Path(id): Path<String>,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<RedeliverBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    let endpoint = body.fields.endpoint_id.field("/endpoint_id", &mut problems);
    let endpoint = endpoint.parse("/endpoint_id", &mut problems, |id| EndpointId::parse(&id)).value();
    let mark = request_fingerprint(&caller, &headers, address.path(), &body.value)?;
    let endpoints = app.store.fresh_endpoints().await?;
    for _ in 0..MAX_CONTENDED_TRIES {
        let mut event = find(&app, &id).await?;
        if is_repeated(event.idempotency.knows(mark.as_ref()))? {
            return Ok(replayed((StatusCode::ACCEPTED, answer(view_of(&app, &event).await?)).into_response()));
        }
        let chosen: Vec<EndpointId> = endpoints
            .iter()
            .filter(|one| endpoint.as_ref().map_or(one.wants(event.kind), |id| one.enabled && one.id == *id))
            .map(|one| one.id.clone())
            .collect();
        if let Some(id) = endpoint.as_ref().filter(|_| chosen.is_empty()) {
            problems.refuse("/endpoint_id", "unknown_endpoint", format!("There is no enabled endpoint {id}."));
        }
        if !problems.is_empty() {
            return Err(ApiProblem::invalid(problems));
        }
        if chosen.is_empty() {
            let detail = format!("No enabled endpoint wants {}.", event.kind.as_str());
            return Err(ApiProblem::conflict("no_endpoint_wants_it", detail));
        }
        send_again(&mut event, chosen, app.clock.now());
        event.idempotency.add(mark.clone());
        event.version += 1;
        if app.store.replace_event(&event).await? {
            return Ok((StatusCode::ACCEPTED, answer(view_of(&app, &event).await?)).into_response());
        }
    }
    Err(ApiProblem::conflict("event_keeps_changing", "The event is being sent right now; try again."))
}

/// Makes the deliveries due at once, with all their tries before them again.
fn send_again(event: &mut EventRecord, endpoints: Vec<EndpointId>, now: Timestamp) {
    for id in endpoints {
        match event.deliveries.iter_mut().find(|delivery| delivery.endpoint == id) {
            Some(delivery) => {
                delivery.state = DeliveryState::Waiting { until: now };
                delivery.failed_tries = 0;
            }
            None => event.deliveries.push(Delivery::due(id, now)),
        }
    }
}

async fn find(app: &App, id: &str) -> Result<EventRecord, ApiProblem> {
    let unknown = || ApiProblem::not_found("event");
    let id = EventId::parse(id).map_err(|_| unknown())?;
    let event = app.store.event(&id).await?.ok_or_else(unknown)?;
    let is_kept = event.recorded_at > earlier(app.clock.now(), KEPT_FOR);
    if is_kept { Ok(event) } else { Err(unknown()) }
}

/// The event that a list goes on from.
async fn known(parameter: &'static str, app: &App, id: &str) -> Result<EventRecord, ApiProblem> {
    let id = id_of(parameter, id, EventId::parse)?;
    app.store.event(&id).await?.ok_or_else(|| {
        let rejection = Rejection::new("unknown_event", "There is no such event, or it is no longer kept.");
        ApiProblem::bad_parameter(parameter, &rejection)
    })
}

async fn view_of(app: &App, event: &EventRecord) -> Result<LoggedEventView, ApiProblem> {
    let views = views_of(app, &[event], app.clock.now()).await?;
    views.into_iter().next().ok_or_else(|| ApiProblem::not_found("event"))
}

/// Events with the links that they are about, as those are now.
async fn views_of(app: &App, events: &[&EventRecord], now: Timestamp) -> Result<Vec<LoggedEventView>, ApiProblem> {
    let link_of = |event: &EventRecord| event.id.parts().map(|(link, _)| link);
    let mut ids: Vec<LinkId> = events.iter().filter_map(|event| link_of(event)).collect();
    ids.sort();
    ids.dedup();
    let links = app.store.links(&ids).await?;
    let messages = app.store.message_states(&links).await?;
    let configuration = app.store.configuration().await?;
    let settings = &configuration.settings;
    let view = |event: &&EventRecord| {
        let link = links.iter().find(|link| Some(link.id()) == link_of(event).as_ref())?;
        Some(LoggedEventView::new(EventView::new(event, link, &messages, settings, now), event, settings))
    };
    Ok(events.iter().filter_map(view).collect())
}

fn earlier(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

//! The CRM's endpoints that events are sent to.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::business::settings::Settings;
use domain::events::EventType;
use domain::ids::EndpointId;
use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::webhook_endpoint::{SigningSecret, WebhookEndpoint};
use domain::{Problems, Rejection};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use use_cases::Answer;
use use_cases::endpoints::{EndpointRequest, NewSecret, WrittenEndpoint};
use utoipa::ToSchema;
use views::instant;
use views::schema::EventName;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::idempotency::replayed;
use web::{ApiProblem, Given, JsonBody, OptionalBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, Repeatable, id_of};
use crate::handlers::accounts::new_version;
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, deleted};

/// How long the earlier secret signs beside a new one, unless the request says otherwise, and at most.
const USUAL_OVERLAP_HOURS: i64 = 24;
const LONGEST_OVERLAP_HOURS: i64 = 7 * 24;

/// An address of the CRM that events are sent to. A PUT replaces all of it but its secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = WebhookEndpointBody)]
pub(crate) struct EndpointBody {
    /// Where events are sent: `https`, and reachable from the internet, which is checked on the address that is
    /// connected to. Redirects are not followed.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    url: Given<String>,
    /// Which events are sent; none named, or left out, means all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<EventName>>)]
    events: Given<Vec<String>>,
    /// Whether events are sent; on unless said otherwise. An endpoint that answered 410 is switched off, and on again
    /// by writing it.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    enabled: Given<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = SecretRotation)]
pub(crate) struct RotateBody {
    /// For how many hours the earlier secret signs as well: 0 to 168, 24 unless said otherwise.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    overlap_hours: Given<i64>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// An address of the CRM that events are sent to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointView {
    id: String,
    #[schema(pattern = "^webhook_endpoint$")]
    object: &'static str,
    url: String,
    #[schema(value_type = Vec<EventName>)]
    events: Vec<&'static str>,
    enabled: bool,
    /// `gone` where the endpoint answered 410 and was therefore switched off.
    disabled_reason: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Shown only where it is new: when the endpoint is made and when its secret is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl EndpointView {
    fn new(endpoint: &WebhookEndpoint, settings: &Settings) -> Self {
        Self {
            id: endpoint.id.to_string(),
            object: "webhook_endpoint",
            url: endpoint.url.clone(),
            events: endpoint.events.iter().map(|kind| kind.as_str()).collect(),
            enabled: endpoint.enabled,
            disabled_reason: endpoint.disabled_reason.clone(),
            created_at: instant(endpoint.created_at, settings),
            secret: None,
        }
    }

    fn with_secret(mut self, secret: &SigningSecret) -> Self {
        self.secret = Some(secret.expose().to_owned());
        self
    }
}

pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, &Parameters::read(pairs, &PAGING)?).await?))
}

pub(crate) async fn page(store: &BusinessStore, parameters: &Parameters) -> Result<ListView<EndpointView>, ApiProblem> {
    let endpoints = store.fresh_endpoints().await?;
    let configuration = store.configuration().await?;
    let view = |endpoint: &WebhookEndpoint| EndpointView::new(endpoint, &configuration.settings);
    ListView::page(endpoints.iter().map(|endpoint| (endpoint.id.to_string(), view(endpoint))), parameters)
}

pub(crate) async fn read(MayRead(caller): MayRead, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    let endpoint = caller.store.endpoint(&id).await?.ok_or_else(|| ApiProblem::not_found("webhook endpoint"))?;
    let configuration = caller.store.configuration().await?;
    Ok(answer(EndpointView::new(&endpoint, &configuration.settings)))
}

/// Nothing more is sent to it, neither new events nor those that wait.
pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    deleted(caller.store.delete_endpoint(&id).await?, "webhook endpoint")
}

/// Makes an endpoint, and shows its secret once, or replaces all of it but the secret.
pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<EndpointBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    let mut problems = Problems::default();
    let request = body.fields.read(app.reach, &mut problems);
    let Some(request) = request.filter(|_| problems.is_empty()) else { return Err(ApiProblem::invalid(problems)) };
    let configuration = caller.store.configuration().await?;
    let written = use_cases::endpoints::write(&caller.store, &|| app.clock.now(), id, request, new_secret(&app)?).await;
    let view = |endpoint: &WebhookEndpoint| EndpointView::new(endpoint, &configuration.settings);
    Ok(answer(match written.map_err(refused::endpoint)? {
        WrittenEndpoint::New(endpoint, secret) => view(&endpoint).with_secret(&secret),
        WrittenEndpoint::Changed(endpoint) => view(&endpoint),
    }))
}

impl EndpointBody {
    fn read(self, reach: Reach, problems: &mut Problems) -> Option<EndpointRequest> {
        refuse_unknown("", self.unknown, problems);
        let url = self.url.required_text("/url", problems, |url| parse_endpoint_url(url, reach));
        let enabled = self.enabled.field("/enabled", problems).value().unwrap_or(true);
        let names = self.events.field("/events", problems).value().unwrap_or_default();
        if names.len() > EventType::ALL.len() {
            problems.refuse("/events", "too_many", "There are not so many events.");
        }
        let events = names.iter().take(EventType::ALL.len()).enumerate();
        let events: Vec<EventType> = events
            .filter_map(|(index, name)| problems.check(format!("/events/{index}"), EventType::parse(name)).value())
            .collect();
        Some(EndpointRequest { url: url?, events, enabled })
    }
}

/// Makes a new secret and shows it; the earlier one signs for a while beside it.
pub(crate) async fn rotate(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    call: Repeatable,
    Path(id): Path<String>,
    OptionalBody(body): OptionalBody<RotateBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    let hours = body.fields.overlap_hours.parse("/overlap_hours", &mut problems, check_overlap);
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let overlap = SignedDuration::from_hours(hours.value().unwrap_or(USUAL_OVERLAP_HOURS));
    let asked = call.asked(&caller, &body.value)?;
    let configuration = caller.store.configuration().await?;
    let id = id_of("id", &id, EndpointId::parse)?;
    let (store, now) = (&caller.store, || app.clock.now());
    let rotated = use_cases::endpoints::rotate_secret(store, &now, asked, &id, overlap, new_secret(&app)?).await;
    let shown = |(endpoint, secret): &(WebhookEndpoint, SigningSecret)| {
        answer(EndpointView::new(endpoint, &configuration.settings).with_secret(secret))
    };
    Ok(match rotated.map_err(refused::rotate)? {
        Answer::New(rotated) => shown(&rotated),
        Answer::Repeated(rotated) => replayed(shown(&rotated)),
    })
}

fn check_overlap(hours: i64) -> Result<i64, Rejection> {
    if (0..=LONGEST_OVERLAP_HOURS).contains(&hours) {
        Ok(hours)
    } else {
        Err(Rejection::new("out_of_range", format!("Give 0 to {LONGEST_OVERLAP_HOURS} hours.")))
    }
}

/// A secret for an endpoint that the request may make.
fn new_secret(app: &App) -> Result<NewSecret, ApiProblem> {
    let bits = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    Ok(NewSecret::new(bits, new_version(app)?))
}

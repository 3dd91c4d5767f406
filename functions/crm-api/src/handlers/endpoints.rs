//! The CRM's endpoints that events are sent to.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::business::settings::Settings;
use domain::idempotency::IdempotencyLog;
use domain::ids::EndpointId;
use domain::events::EventType;
use domain::records::webhook_endpoint::{MAX_ENDPOINTS, SigningSecret, WebhookEndpoint};
use domain::public_url::parse_endpoint_url;
use domain::{Field, Problems, Rejection};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use views::instant;
use views::schema::EventName;
use web::body::{Unknown, refuse_unknown};
use web::extract::{Path, Query};
use web::idempotency::{is_repeated, replayed, request_fingerprint};
use web::{ApiProblem, Given, JsonBody, OptionalBody};

use crate::app::{App, MAX_CONTENDED_TRIES};
use crate::caller::{MayAdminister, MayRead, id_of};
use crate::lists::{ListView, PAGING, Parameters};
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

    fn with_secret(mut self, endpoint: &WebhookEndpoint) -> Self {
        self.secret = endpoint.secrets.last().map(|secret| secret.expose().to_owned());
        self
    }
}

pub(crate) async fn list(_: MayRead, State(app): State<App>, Query(pairs): Query) -> Result<Response, ApiProblem> {
    let parameters = Parameters::read(pairs, &PAGING)?;
    let endpoints = app.store.fresh_endpoints().await?;
    let configuration = app.store.configuration().await?;
    let view = |endpoint: &WebhookEndpoint| EndpointView::new(endpoint, &configuration.settings);
    let views = endpoints.iter().map(|endpoint| (endpoint.id.to_string(), view(endpoint)));
    Ok(answer(ListView::page(views, &parameters)?))
}

pub(crate) async fn read(_: MayRead, State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    let endpoint = find(&app, &id).await?;
    let configuration = app.store.configuration().await?;
    Ok(answer(EndpointView::new(&endpoint, &configuration.settings)))
}

/// Nothing more is sent to it, neither new events nor those that wait.
pub(crate) async fn delete(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    deleted(app.store.delete_endpoint(&id).await?, "webhook endpoint")
}

/// Makes an endpoint, and shows its secret once, or replaces all of it but the secret.
pub(crate) async fn write(
    _: MayAdminister,
    State(app): State<App>,
    Path(id): Path<String>,
    body: JsonBody<EndpointBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    let mut problems = Problems::default();
    let wanted = body.fields.read(&app, &mut problems);
    let configuration = app.store.configuration().await?;
    for _ in 0..MAX_CONTENDED_TRIES {
        let endpoints = app.store.fresh_endpoints().await?;
        let known = endpoints.iter().find(|endpoint| endpoint.id == id);
        if known.is_none() && endpoints.len() >= MAX_ENDPOINTS {
            let detail = format!("A business has at most {MAX_ENDPOINTS} endpoints.");
            return Err(ApiProblem::conflict("too_many_endpoints", detail));
        }
        let Some((url, events, enabled)) = wanted.clone().filter(|_| problems.is_empty()) else {
            return Err(ApiProblem::invalid(problems));
        };
        let now = app.clock.now();
        let endpoint = match known {
            Some(known) => WebhookEndpoint {
                url,
                events,
                enabled,
                disabled_reason: None,
                changed_at: Some(now),
                version: known.version + 1,
                ..known.clone()
            },
            None => WebhookEndpoint {
                id: id.clone(),
                url,
                events,
                enabled,
                disabled_reason: None,
                secrets: vec![new_secret()?],
                created_at: now,
                changed_at: Some(now),
                version: 1,
                idempotency: IdempotencyLog::default(),
            },
        };
        let is_new = known.is_none();
        if app.store.replace_endpoint(&endpoint).await? {
            tracing::info!(endpoint_id = %endpoint.id, "A webhook endpoint was written.");
            let view = EndpointView::new(&endpoint, &configuration.settings);
            return Ok(answer(if is_new { view.with_secret(&endpoint) } else { view }));
        }
    }
    Err(ApiProblem::conflict("endpoint_keeps_changing", "The endpoint kept changing; try again."))
}

impl EndpointBody {
    fn read(self, app: &App, problems: &mut Problems) -> Option<(String, Vec<EventType>, bool)> {
        refuse_unknown("", self.unknown, problems);
        let url = self.url.field("/url", problems);
        let url = url.parse("/url", problems, |url| parse_endpoint_url(&url, app.reach)).require("/url", problems);
        let enabled = self.enabled.field("/enabled", problems).value().unwrap_or(true);
        let names = self.events.field("/events", problems).value().unwrap_or_default();
        if names.len() > EventType::ALL.len() {
            problems.refuse("/events", "too_many", "There are not so many events.");
        }
        let events = names.iter().take(EventType::ALL.len()).enumerate();
        let events: Vec<EventType> = events
            .filter_map(|(index, name)| problems.check(format!("/events/{index}"), EventType::parse(name)).value())
            .collect();
        Some((url?, events, enabled))
    }
}

/// Makes a new secret and shows it; the earlier one signs for a while beside it.
pub(crate) async fn rotate(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    address: Uri,
    Path(id): Path<String>,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody<RotateBody>,
) -> Result<Response, ApiProblem> {
    let mut problems = Problems::default();
    refuse_unknown("", body.fields.unknown, &mut problems);
    let hours = body.fields.overlap_hours.field("/overlap_hours", &mut problems);
    let hours = match hours.parse("/overlap_hours", &mut problems, check_overlap) {
        Field::Value(hours) => hours,
        Field::Absent | Field::Refused => USUAL_OVERLAP_HOURS,
    };
    if !problems.is_empty() {
        return Err(ApiProblem::invalid(problems));
    }
    let mark = request_fingerprint(&caller, &headers, address.path(), &body.value)?;
    let configuration = app.store.configuration().await?;
    for _ in 0..MAX_CONTENDED_TRIES {
        let endpoint = find(&app, &id).await?;
        let shown = |endpoint: &WebhookEndpoint| {
            answer(EndpointView::new(endpoint, &configuration.settings).with_secret(endpoint))
        };
        if is_repeated(endpoint.idempotency.knows(mark.as_ref()))? {
            return Ok(replayed(shown(&endpoint)));
        }
        let mut next = endpoint.rotated(new_secret()?, SignedDuration::from_hours(hours), app.clock.now());
        next.idempotency.add(mark.clone());
        if app.store.replace_endpoint(&next).await? {
            tracing::info!(endpoint_id = %next.id, "The secret of a webhook endpoint was rotated.");
            return Ok(shown(&next));
        }
    }
    Err(ApiProblem::conflict("endpoint_keeps_changing", "The endpoint kept changing; try again."))
}

fn check_overlap(hours: i64) -> Result<i64, Rejection> {
    if (0..=LONGEST_OVERLAP_HOURS).contains(&hours) {
        Ok(hours)
    } else {
        Err(Rejection::new("out_of_range", format!("Give 0 to {LONGEST_OVERLAP_HOURS} hours.")))
    }
}

async fn find(app: &App, id: &str) -> Result<WebhookEndpoint, ApiProblem> {
    let id = id_of("id", id, EndpointId::parse)?;
    app.store.endpoint(&id).await?.ok_or_else(|| ApiProblem::not_found("webhook endpoint"))
}

/// 256 random bits, in the form of Standard Webhooks.
fn new_secret() -> Result<SigningSecret, ApiProblem> {
    let random: [u8; 32] = runtime::random().map_err(|error| ApiProblem::unavailable(&error))?;
    Ok(SigningSecret::new(format!("whsec_{}", STANDARD.encode(random))))
}

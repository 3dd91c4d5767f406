//! The CRM's endpoints that events are sent to.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::Problems;
use domain::business::settings::Settings;
use domain::events::EventType;
use domain::ids::EndpointId;
use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::signing::SigningSecret;
use domain::records::webhook_endpoint::WebhookEndpoint;
use serde::{Deserialize, Serialize};
use store::BusinessStore;
use use_cases::endpoints::{EndpointRequest, WrittenEndpoint, revised};
use use_cases::{Answer, Revised};
use utoipa::ToSchema;
use views::instant;
use views::schema::EventName;
use web::body::{GivenList, RecordBody, Unknown, refuse_unknown_of_record};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::idempotency::replayed;
use web::{ApiProblem, Given, JsonBody, OptionalBody};

use crate::app::App;
use crate::caller::{MayAdminister, MayRead, Repeatable, Writes, id_of};
use crate::handlers::rotation::{RotateBody, new_secret};
use crate::lists::{ListView, PAGING, Parameters};
use crate::refused;
use crate::respond::{answer, body_over, deleted, shown, written};

/// An address of the CRM that events are sent to. A PUT replaces all of it but its secret.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = WebhookEndpointInput)]
pub(crate) struct EndpointBody {
    /// Where events are sent: `https`, and reachable from the internet, which is checked on the address that is
    /// connected to. Redirects are not followed.
    #[serde(default)]
    #[schema(value_type = String, required = true, format = "public-address")]
    url: Given<String>,
    /// Which events are sent; none named, or left out, means all.
    #[serde(default)]
    #[schema(value_type = Option<Vec<EventName>>)]
    events: GivenList<String>,
    /// Whether events are sent; on unless said otherwise. An endpoint that answered 410 is switched off. A PUT switches it
    /// on again, and so does a PATCH that says so or that names another `url`.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    enabled: Given<bool>,
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
    #[schema(nullable = false)]
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

/// An endpoint as the business reads instants, which its tag tells as well.
fn view_of(endpoint: Revised<WebhookEndpoint>, settings: &Settings) -> Revised<EndpointView> {
    let Revised { record, tag } = endpoint;
    let tag = tag.map(|tag| tag.with_hash_of(&settings.manner()));
    Revised { record: EndpointView::new(&record, settings), tag }
}

pub(crate) async fn list(MayRead(caller): MayRead, Query(pairs): Query) -> Result<Response, ApiProblem> {
    Ok(answer(page(&caller.store, Parameters::read(pairs, &PAGING)).await?))
}

pub(crate) async fn page(store: &BusinessStore, parameters: Parameters) -> Result<ListView<EndpointView>, ApiProblem> {
    let endpoints = store.fresh_endpoints().await?;
    let configuration = store.configuration().await?;
    let view = |endpoint: &WebhookEndpoint| EndpointView::new(endpoint, &configuration.settings);
    ListView::page(endpoints.iter().map(|endpoint| (endpoint.id.to_string(), view(endpoint))), parameters)
}

pub(crate) async fn read(
    MayRead(caller): MayRead,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    let endpoint = caller.store.endpoint(&id).await?.ok_or_else(|| ApiProblem::not_found("webhook endpoint"))?;
    let configuration = caller.store.configuration().await?;
    shown(view_of(revised(endpoint), &configuration.settings), &conditions)
}

/// Nothing more is sent to it, neither new events nor those that wait.
pub(crate) async fn delete(
    MayAdminister(caller): MayAdminister,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    let outcome = use_cases::endpoints::delete(&caller.store, &id, &conditions).await;
    deleted(outcome.map_err(|why| refused::record(why, "webhook endpoint"))?, "webhook endpoint")
}

/// Makes an endpoint, and shows its secret once, or changes what there is but the secret.
pub(crate) async fn write(
    MayAdminister(caller): MayAdminister,
    State(app): State<App>,
    Writes(writing): Writes,
    Path(id): Path<String>,
    body: JsonBody<EndpointBody>,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, EndpointId::parse)?;
    let configuration = caller.store.configuration().await?;
    let settings = &configuration.settings;
    let says_whether_on = body.value.get("enabled").is_some();
    let said = |base: Option<&WebhookEndpoint>| {
        let mut problems = Problems::default();
        let shown = base.map(|endpoint| EndpointView::new(endpoint, settings));
        let body: EndpointBody = body_over(&body.value, shown, &mut problems);
        let request = body.read(&id, app.reach, &mut problems);
        // Nobody at another address said that it is gone.
        let is_elsewhere = |url: &str| base.is_some_and(|known| known.disabled_reason.is_some() && known.url != url);
        let request = request.map(|request| EndpointRequest {
            enabled: request.enabled || (!says_whether_on && is_elsewhere(&request.url)),
            ..request
        });
        (request, problems)
    };
    let (now, new) = (|| app.clock.now(), new_secret(&app)?);
    let endpoint = use_cases::endpoints::write(&caller.store, &now, id.clone(), &writing, &said, new).await;
    let Revised { record: WrittenEndpoint { endpoint, new_secret }, tag } = endpoint.map_err(refused::endpoint)?;
    let view = view_of(Revised { record: endpoint, tag }, settings);
    Ok(written(match &new_secret {
        Some(secret) => view.map(|view| view.with_secret(secret)),
        None => view,
    }))
}

impl RecordBody for EndpointBody {
    const OBJECT: &'static str = "webhook_endpoint";
    const NAMED_BY: &'static [&'static str] = &["id"];
    const FOUND_OUT: &'static [&'static str] = &["disabled_reason", "created_at"];
}

impl EndpointBody {
    fn read(self, id: &EndpointId, reach: Reach, problems: &mut Problems) -> Option<EndpointRequest> {
        refuse_unknown_of_record::<Self>("", self.unknown, &[id.as_str()], problems);
        let url = self.url.required_text("/url", problems, |url| parse_endpoint_url(url, reach));
        let enabled = self.enabled.field("/enabled", problems).value().unwrap_or(true);
        let most = EventType::ALL.len();
        let events =
            self.events.each("/events", most, problems, |name, at, p| p.check(at, EventType::parse(&name)).value());
        let events = events.value().unwrap_or_default();
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
    let overlap = body.fields.overlap()?;
    let asked = call.asked(&caller, &body.value);
    let configuration = caller.store.configuration().await?;
    let id = id_of("id", &id, EndpointId::parse)?;
    let (store, now) = (&caller.store, || app.clock.now());
    let rotated = use_cases::endpoints::rotate_secret(store, &now, asked, &id, overlap, new_secret(&app)?).await;
    let rotated_view = |(endpoint, secret): &(WebhookEndpoint, SigningSecret)| {
        let view = view_of(revised(endpoint.clone()), &configuration.settings);
        written(view.map(|view| view.with_secret(secret)))
    };
    Ok(match rotated.map_err(refused::rotate)? {
        Answer::New(rotated) => rotated_view(&rotated),
        Answer::Repeated(rotated) => replayed(rotated_view(&rotated)),
    })
}

//! `POST /v1/payment-links`: makes a link. `POST /v1/payment-links/{id}/replace`: makes one in the place of another.
//! `POST /v1/payment-links/draft`: says what it would be, and makes none.

mod draft;
mod openapi;
mod replace;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json};
use domain::business::settings::Settings;
use domain::gateway::GatewayRulebook;
use domain::link::{CreatedBy, PaymentLink};
use domain::messages::delivery::MessageStates;
use domain::trace::Trace;
use domain::{Problems, Timestamp};
use lambda_http::request::RequestContext;
use runtime::Clock;
use store::{Scope, Store, Taken};
use use_cases::Answer;
use use_cases::create::{CreateRefused, NewLink, TokenSource};
use views::LinkView;
use web::base_url::base_url;
use web::conditions::tagged;
use web::idempotency::{idempotency_key, key_reused, replayed};
use web::{ApiProblem, Callers, JsonBody};

use web::link_body::CreateBody;

pub use openapi::operations;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub callers: Callers,
    pub gateways: GatewayRulebook,
    pub clock: Clock,
    /// Scheme and host of pay URLs. Without it they begin with the host that the request was sent to.
    pub base_url: Option<String>,
}

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(10);

pub fn router(app: App) -> Router {
    let router = Router::new()
        .route("/v1/payment-links", post(create).fallback(|| async { ApiProblem::method_not_allowed("POST", None) }))
        .route(
            "/v1/payment-links/draft",
            post(draft::draft).fallback(|| async { ApiProblem::method_not_allowed("POST", None) }),
        )
        .route(
            "/v1/payment-links/{id}/replace",
            post(replace::replace).fallback(|| async { ApiProblem::method_not_allowed("POST", None) }),
        )
        .fallback(|uri: Uri| async move { ApiProblem::no_such_address(uri.path()) })
        // The body's own check answers a problem document instead.
        .layer(DefaultBodyLimit::disable())
        .with_state(app);
    web::manners::of_api(router, TIME)
}

async fn create(
    State(app): State<App>,
    context: Option<Extension<RequestContext>>,
    parts: Parts,
    body: Result<JsonBody<CreateBody>, ApiProblem>,
) -> Result<Response, ApiProblem> {
    let caller = app.callers.authenticate(&parts, Scope::Write).await?;
    let headers = &parts.headers;
    let key = idempotency_key(headers)?;
    let body = body?;
    let token = match &key {
        Some(key) => TokenSource::IdempotencyKey { integration: &caller.integration, key },
        None => TokenSource::Random(runtime::random().map_err(|error| ApiProblem::unavailable(&error))?),
    };
    let configuration = caller.store.configuration().await?;
    let base = base_url(app.base_url.as_deref(), &configuration, context.as_deref())?;
    let mut problems = Problems::default();
    let request = body.fields.read(configuration.router(), app.clock.now(), &mut problems);
    let trace = trace_of(headers);
    let created_by = Some(CreatedBy::from(&caller.author));
    let new = NewLink { request, problems, body: &body.value, created_by, token, base: &base, trace };
    match use_cases::create::create(&caller.store, &app.gateways, &|| app.clock.now(), new)
        .await
        .map_err(|why| refused(why, &configuration.settings, app.clock.now()))?
    {
        Answer::New(link) => answer(&app, &configuration.settings, &link, &MessageStates::new()),
        Answer::Repeated(link) => {
            let messages = caller.store.message_states(std::slice::from_ref(&link)).await?;
            Ok(replayed(answer(&app, &configuration.settings, &link, &messages)?))
        }
    }
}

fn refused(why: CreateRefused, settings: &Settings, now: Timestamp) -> ApiProblem {
    match why {
        CreateRefused::Invalid(problems) => ApiProblem::invalid(problems),
        CreateRefused::Taken(Taken::Reference(other)) => {
            ApiProblem::conflict("reference_id_in_use", format!("The active link {other} has this reference_id."))
                .with_conflicting_id(other.as_str())
        }
        CreateRefused::Taken(Taken::Item(other)) => {
            let detail = format!(
                "The active link {other} is of this item, of which the settings want no two. Replace it instead."
            );
            ApiProblem::conflict("item_has_active_link", detail).with_conflicting_id(other.as_str())
        }
        CreateRefused::KeyReused(other) => key_reused().with_conflicting_id(other.as_str()),
        CreateRefused::QuotaReached(reached) => ApiProblem::quota_reached(&reached, settings, now),
        CreateRefused::RecordsKeepChanging(_) => {
            ApiProblem::conflict("record_keeps_changing", "The contact or the item kept changing; try again.")
        }
        CreateRefused::Store(error) => error.into(),
    }
}

fn answer(
    app: &App,
    settings: &Settings,
    link: &PaymentLink,
    messages: &MessageStates,
) -> Result<Response, ApiProblem> {
    let view = LinkView::new(link, messages, settings, app.clock.now());
    let location = HeaderValue::try_from(format!("/v1/payment-links/{}", link.id()))
        .map_err(|error| ApiProblem::unavailable(&error))?;
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let response = (StatusCode::CREATED, headers, Json(view)).into_response();
    Ok(tagged(response, &link.tag_of_answer(messages, settings, app.clock.now())))
}

/// The trace that the CRM's call belongs to; else the one that AWS began for it, which X-Ray shows where tracing is on; else
/// one of our own. Without any the link is made all the same.
fn trace_of(headers: &HeaderMap) -> Option<Trace> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let parent = runtime::random().unwrap_or_default();
    header("traceparent")
        .and_then(Trace::parse)
        .or_else(|| Trace::of_xray(header("x-amzn-trace-id")?, parent))
        .or_else(|| Trace::from_random(runtime::random().ok()?, parent))
}

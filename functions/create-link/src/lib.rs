//! `POST /v1/payment-links`: makes a link. `POST /v1/payment-links/draft`: says what it would be, and makes none.
//!
//! With an `Idempotency-Key` the pay token, and with it the link's key in the table, derives from that key: the link
//! itself is the record that the request was answered, and a retry finds it before any rule is asked again.

mod body;
mod draft;
mod openapi;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json};
use domain::Problems;
use domain::gateway::GatewayRulebook;
use domain::ids::{LinkId, MessageId, PayToken};
use domain::messages::delivery::MessageState;
use domain::link::{PaymentLink, Terms};
use domain::requests::create::{CreateContext, LinkAddress, Request as LinkRequest, decide};
use domain::trace::Trace;
use lambda_http::request::RequestContext;
use runtime::Clock;
use store::{ChangedRecords, Configuration, CreateRecords, Created, Scope, Store};
use views::LinkView;
use web::idempotency::{hash_of, idempotency_key, key_reused, replayed};
use web::{ApiProblem, Callers, JsonBody};

use body::CreateBody;

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

/// How often a link is decided again because somebody changed the records that it brings along.
const MAX_CONTENDED_TRIES: usize = 8;

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(10);

pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1/payment-links", post(create).fallback(|| async { ApiProblem::method_not_allowed("POST") }))
        .route(
            "/v1/payment-links/draft",
            post(draft::draft).fallback(|| async { ApiProblem::method_not_allowed("POST") }),
        )
        .fallback(|| async { ApiProblem::not_found("address") })
        // The body's own check answers a problem document instead.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(in_time))
        .with_state(app)
}

/// Answers in time also where something takes too long: the CRM asks again with the same key.
async fn in_time(request: Request, next: Next) -> Response {
    match runtime::in_time(TIME, next.run(request)).await {
        Some(response) => response,
        None => ApiProblem::new(StatusCode::SERVICE_UNAVAILABLE, "took_too_long", "This took too long; try again.")
            .into_response(),
    }
}

async fn create(
    State(app): State<App>,
    context: Option<Extension<RequestContext>>,
    headers: HeaderMap,
    body: Result<JsonBody<CreateBody>, ApiProblem>,
) -> Result<Response, ApiProblem> {
    let caller = app.callers.authenticate(&headers, Scope::Write).await?;
    let body = body?;
    let request_hash = hash_of(&body.value);
    let token = match idempotency_key(&headers)? {
        Some(key) => app.store.keys().await?.token_for(&caller.integration, &key)?,
        None => PayToken::from_random(runtime::random().map_err(|error| ApiProblem::unavailable(&error))?),
    };
    let base = base_url(&app, context.as_deref())?;
    let configuration = app.store.configuration().await?;
    let mut problems = Problems::default();
    let request = body.fields.read(&configuration.settings, &mut problems);
    // A part of a record that the request brings along is laid over the rest of it, so that it is decided again where
    // somebody changed the rest meanwhile.
    for _ in 0..MAX_CONTENDED_TRIES {
        let mut problems = problems.clone();
        let mut found = read_records(&app.store, Some(&LinkId::of(&token)), &request, &mut problems).await?;
        if let Some(existing) = found.records.link.take() {
            return replay(&app, &configuration, existing, &request_hash).await;
        }
        let address = LinkAddress::new(&base, &token);
        let terms = decide_terms(&app, &found.records, request.clone(), address, problems).await?;
        let now = app.clock.now();
        let link = PaymentLink::new(token.clone(), &base, request_hash.clone(), terms, now);
        let link = link.traced(trace_of(&headers));
        match app.store.create_link(&link, &found.changed, now).await? {
            Created::New => {
                tracing::info!(link_id = %link.id(), trace_id = link.trace_id(), "A payment link was made.");
                return answer(&app, &configuration, &link, &BTreeMap::new());
            }
            // The same request was a moment faster, or our own write had been applied and only its answer was lost.
            Created::Exists(existing) => return replay(&app, &configuration, *existing, &request_hash).await,
            Created::ReferenceTaken(other) => return Err(reference_taken(&other)),
            Created::RecordsChanged => {}
        }
    }
    Err(ApiProblem::conflict("record_keeps_changing", "The contact or the item kept changing; try again."))
}

fn reference_taken(other: &LinkId) -> ApiProblem {
    ApiProblem::conflict("reference_id_in_use", format!("The active link {other} has this reference_id."))
        .with_conflicting_id(other.as_str())
}

/// The records that a request names, as they are once its link is made.
struct Found {
    records: CreateRecords,
    /// Those of them that the request changes. What it does not change is not written.
    changed: ChangedRecords,
}

/// Everything the request names, in one round trip; two where the contact has to be found through the item. What the
/// request brings along is laid over what the table holds.
async fn read_records(
    store: &Store,
    link: Option<&LinkId>,
    request: &LinkRequest,
    problems: &mut Problems,
) -> Result<Found, ApiProblem> {
    let account = request.account_id.as_ref().value();
    let contact_id = request.contact_id.as_ref().value();
    let item_id = request.item_id.as_ref().value();
    let mut records = store.records_for_create(link, account, contact_id, item_id).await?;
    let mut changed = ChangedRecords::default();
    if let (Some(id), Some(change)) = (item_id, &request.item) {
        let item = change.clone().apply(id.clone(), records.item.as_ref(), "/item", problems);
        if let Some(item) = item.filter(|item| records.item.as_ref() != Some(item)) {
            changed.item = Some((item.clone(), records.item_revision.clone()));
            records.item = Some(item);
        }
    }
    if contact_id.is_none()
        && let Some(item) = &records.item
    {
        records.contact = store.contact(&item.contact_id).await?;
    }
    if let (Some(id), Some(change)) = (contact_id, &request.contact) {
        let contact = change.clone().apply(id.clone(), records.contact.as_ref(), "/contact", problems);
        if let Some(contact) = contact.filter(|contact| records.contact.as_ref() != Some(contact)) {
            changed.contact = Some((contact.clone(), records.contact_revision.clone()));
            records.contact = Some(contact);
        }
    }
    Ok(Found { records, changed })
}

/// Decides on the records that were read and a configuration that knows the receipt type, if there is such a one.
async fn decide_terms(
    app: &App,
    records: &CreateRecords,
    request: LinkRequest,
    address: LinkAddress,
    problems: Problems,
) -> Result<Terms, ApiProblem> {
    let configuration = app.store.configuration_with(request.after_payment.receipt_type_id.as_ref().value()).await?;
    let records = records_of(app, records, &configuration);
    decide(request, records, address, app.clock.now(), problems).into_terms().map_err(ApiProblem::invalid)
}

fn records_of<'a>(app: &'a App, found: &'a CreateRecords, configuration: &'a Configuration) -> CreateContext<'a> {
    CreateContext {
        account: found.account.as_ref(),
        contact: found.contact.as_ref(),
        item: found.item.as_ref(),
        receipt_types: &configuration.receipt_types,
        templates: &configuration.templates,
        settings: &configuration.settings,
        providers: &configuration.providers,
        gateways: &app.gateways,
    }
}

async fn replay(
    app: &App,
    configuration: &Configuration,
    existing: PaymentLink,
    request_hash: &str,
) -> Result<Response, ApiProblem> {
    if existing.request_hash() != request_hash {
        return Err(key_reused().with_conflicting_id(existing.id().as_str()));
    }
    let messages = app.store.message_states(std::slice::from_ref(&existing)).await?;
    Ok(replayed(answer(app, configuration, &existing, &messages)?))
}

fn answer(
    app: &App,
    configuration: &Configuration,
    link: &PaymentLink,
    messages: &BTreeMap<MessageId, MessageState>,
) -> Result<Response, ApiProblem> {
    let view = LinkView::new(link, messages, &configuration.settings, app.clock.now());
    let location = HeaderValue::try_from(format!("/v1/payment-links/{}", link.id()))
        .map_err(|error| ApiProblem::unavailable(&error))?;
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, headers, Json(view)).into_response())
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

/// The configured address, else the host that API Gateway itself says the request was sent to. The Host header is not
/// asked: whoever can write it could have links made that lead elsewhere.
fn base_url(app: &App, context: Option<&RequestContext>) -> Result<String, ApiProblem> {
    if let Some(base) = &app.base_url {
        return Ok(base.clone());
    }
    match context {
        Some(RequestContext::ApiGatewayV2(context)) if context.domain_name.is_some() => {
            Ok(format!("https://{}", context.domain_name.as_deref().unwrap_or_default()))
        }
        _ => {
            let detail = "Neither PAYLINK_BASE_URL nor the request says where links are served.";
            tracing::error!(detail, "A link could not be made.");
            Err(ApiProblem::new(StatusCode::INTERNAL_SERVER_ERROR, "base_url_unknown", detail))
        }
    }
}

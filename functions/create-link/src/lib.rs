//! `POST /v1/payment-links`: makes a link.
//!
//! With an `Idempotency-Key` the pay token, and with it the link's key in the table, derives from that key: the link
//! itself is the record that the request was answered, and a retry finds it before any rule is asked again.

mod body;

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
use domain::create::{Records, Request as LinkRequest, decide};
use domain::gateway::GatewayBook;
use domain::ids::{LinkId, MessageId, PayToken};
use domain::link::{PaymentLink, Terms};
use lambda_http::request::RequestContext;
use runtime::Clock;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{Configuration, CreateRecords, Created, MessageState, Scope, Store};
use web::idempotency::idempotency_key;
use web::view::LinkView;
use web::{ApiProblem, JsonBody, authenticate};

use body::CreateBody;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub gateways: GatewayBook,
    pub clock: Clock,
    /// Scheme and host of pay URLs. Without it they begin with the host that the request was sent to.
    pub base_url: Option<String>,
}

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(10);

pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1/payment-links", post(create).fallback(|| async { ApiProblem::method_not_allowed("POST") }))
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
    let caller = authenticate(&app.store, &headers, Scope::Write).await?;
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
    let mut records = read_records(&app.store, &token, &request).await?;
    if let Some(existing) = records.link.take() {
        return replay(&app, &configuration, existing, &request_hash).await;
    }
    let terms = decide_terms(&app, &records, request, &token, problems).await?;
    let now = app.clock.now();
    let link = PaymentLink::new(token, &base, request_hash.clone(), terms, now);
    match app.store.create_link(&link, now).await? {
        Created::New => {
            tracing::info!(link_id = %link.id(), "A payment link was made.");
            answer(&app, &configuration, &link, &BTreeMap::new())
        }
        // The same request was a moment faster, or our own write had been applied and only its answer was lost.
        Created::Exists(existing) => replay(&app, &configuration, *existing, &request_hash).await,
        Created::ReferenceTaken(other) => {
            Err(ApiProblem::conflict("reference_id_in_use", format!("The active link {other} has this reference_id."))
                .with_conflicting_id(other.as_str()))
        }
    }
}

/// Everything the request names, in one round trip; two where the contact has to be found through the item.
async fn read_records(store: &Store, token: &PayToken, request: &LinkRequest) -> Result<CreateRecords, ApiProblem> {
    let account = request.account_id.as_ref().value();
    let contact = request.contact_id.as_ref().value();
    let item = request.item_id.as_ref().value();
    let mut records = store.records_for_create(&LinkId::of(token), account, contact, item).await?;
    if contact.is_none()
        && let Some(item) = &records.item
    {
        records.contact = store.contact(&item.contact_id).await?;
    }
    Ok(records)
}

/// Decides on the records that were read and a configuration that knows the receipt type, if there is such a one.
async fn decide_terms(
    app: &App,
    records: &CreateRecords,
    request: LinkRequest,
    token: &PayToken,
    problems: Problems,
) -> Result<Terms, ApiProblem> {
    let configuration = app.store.configuration_with(request.after_payment.receipt_type_id.as_ref().value()).await?;
    let records = Records {
        account: records.account.as_ref(),
        contact: records.contact.as_ref(),
        item: records.item.as_ref(),
        receipt_types: &configuration.receipt_types,
        settings: &configuration.settings,
        gateways: &app.gateways,
    };
    decide(request, records, token, app.clock.now(), problems).map_err(ApiProblem::invalid)
}

async fn replay(
    app: &App,
    configuration: &Configuration,
    existing: PaymentLink,
    request_hash: &str,
) -> Result<Response, ApiProblem> {
    if existing.request_hash() != request_hash {
        return Err(ApiProblem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key was used with another body.",
        )
        .with_conflicting_id(existing.id().as_str()));
    }
    let messages = app.store.message_states(std::slice::from_ref(&existing)).await?;
    let mut response = answer(app, configuration, &existing, &messages)?;
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
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

/// A hash that does not depend on the order of fields or on white space.
fn hash_of(body: &Value) -> String {
    fn feed(hash: &mut Sha256, value: &Value) {
        match value {
            Value::Object(fields) => {
                hash.update(b"{");
                for (name, value) in fields.iter().collect::<BTreeMap<_, _>>() {
                    feed(hash, &Value::String(name.clone()));
                    feed(hash, value);
                }
                hash.update(b"}");
            }
            Value::Array(entries) => {
                hash.update(b"[");
                for entry in entries {
                    feed(hash, entry);
                }
                hash.update(b"]");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                hash.update(value.to_string().as_bytes());
                hash.update(b",");
            }
        }
    }
    let mut hash = Sha256::new();
    feed(&mut hash, body);
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_hash_of_a_body_depends_on_its_content_only() {
        let one = hash_of(&serde_json::from_str(r#"{"a":1,"b":[1,"2"]}"#).unwrap());
        assert_eq!(one, hash_of(&serde_json::from_str(r#" { "b" : [1, "2"], "a":1 }"#).unwrap()));
        assert_ne!(one, hash_of(&json!({ "a": 1, "b": [1, 2] })));
        assert_ne!(one, hash_of(&json!({ "a": 1, "b": ["2", 1] })));
        assert_ne!(hash_of(&json!({ "a": ["1,"] })), hash_of(&json!({ "a": ["1", ""] })));
    }
}

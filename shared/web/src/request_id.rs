//! The id of a request: its answer has it, and so has every line that is logged about it.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use lambda_http::request::RequestContext;
use lambda_http::{Context, RequestExt};
use tracing::Instrument;

/// The header of an answer that carries the id.
pub const REQUEST_ID_HEADER: &str = "request-id";

/// Puts the id of the request into its answer. A function layers it around everything else, so that what took too long has one
/// as well.
pub async fn identified(request: Request, next: Next) -> Response {
    // Lambda's own lines, and all of ours below its span, have this id already.
    if let Some(id) = request.extensions().get::<Context>().map(|context| context.request_id.clone()) {
        return with_id(next.run(request).await, &id);
    }
    let id = given_by_api_gateway(&request).or_else(own).unwrap_or_default();
    let span = tracing::info_span!("request", requestId = id.as_str());
    with_id(next.run(request).instrument(span).await, &id)
}

fn given_by_api_gateway(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        Some(_) | None => None,
    }
}

/// An id for a request that came without one, as on a developer's machine.
fn own() -> Option<String> {
    runtime::random::<16>().ok().map(|bits| format!("{:032x}", u128::from_be_bytes(bits)))
}

fn with_id(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, id);
    }
    response
}

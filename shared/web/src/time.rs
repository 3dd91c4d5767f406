//! Every call of the API is answered in time.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::ApiProblem;

/// Answers within `limit` also where something takes too long: the CRM asks again, with the same idempotency key. A
/// function layers it with `from_fn_with_state`.
pub async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiProblem::new(StatusCode::SERVICE_UNAVAILABLE, "took_too_long", "This took too long; try again.")
            .into_response(),
    }
}

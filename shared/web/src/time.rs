//! Every call of the API is answered in time.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::ApiProblem;

/// Answers within `time`, which the template gives the function, also where something takes too long: the CRM asks again,
/// with the same idempotency key. A function layers it with `from_fn_with_state`.
pub async fn in_time(State(time): State<Duration>, request: Request, next: Next) -> Response {
    match runtime::in_time(time, next.run(request)).await {
        Some(response) => response,
        None => ApiProblem::took_too_long().into_response(),
    }
}

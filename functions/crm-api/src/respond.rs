//! The forms of answers that all handlers share.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::Deleted;
use web::ApiProblem;

/// The answer to a deletion: nothing, or that there was nothing.
pub(crate) fn deleted(outcome: Deleted, what: &str) -> Result<StatusCode, ApiProblem> {
    match outcome {
        Deleted::Existed => Ok(StatusCode::NO_CONTENT),
        Deleted::Missing => Err(ApiProblem::not_found(what)),
    }
}

/// A record in an answer. Nothing on the way may keep it: it is about people and money.
pub(crate) fn answer(view: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(view)).into_response()
}

//! The forms of answers that all handlers share.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Problems;
use domain::precondition::Precondition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::Deleted;
use use_cases::Revised;
use web::ApiProblem;
use web::body::merged;
use web::conditions::{not_modified, tagged};

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

/// A record to who reads it: nothing but its tag where they say that they have it as it is. One that nobody wrote, such as a
/// built-in text, has no tag.
pub(crate) fn shown<T: Serialize>(view: Revised<T>, conditions: &Precondition) -> Result<Response, ApiProblem> {
    match &view.tag {
        Some(tag) if conditions.has(tag)? => Ok(not_modified(tag)),
        Some(_) | None => Ok(written(view)),
    }
}

/// A record as it was written.
pub(crate) fn written<T: Serialize>(view: Revised<T>) -> Response {
    match view.tag {
        Some(tag) => tagged(answer(view.record), &tag),
        None => answer(view.record),
    }
}

/// Whether a change, laid over what there is, takes away what stands there.
pub(crate) fn takes_away<T>(base: Option<&T>, body: &Value, pointer: &str) -> bool {
    base.is_some() && body.pointer(pointer).is_some_and(Value::is_null)
}

/// The body of a call that writes a record of which answers look so, as a body of the whole record: a PATCH is laid over what
/// there is, by RFC 7396.
pub(crate) fn body_over<B: DeserializeOwned + Default>(
    body: &Value,
    shown: Option<impl Serialize>,
    problems: &mut Problems,
) -> B {
    let whole = match shown.map(serde_json::to_value) {
        None => B::deserialize(body),
        Some(Ok(shown)) => B::deserialize(merged(shown, body)),
        Some(Err(error)) => Err(error),
    };
    whole.unwrap_or_else(|_| {
        problems.refuse("", "malformed_json", "The body cannot be read as an object of fields.");
        B::default()
    })
}

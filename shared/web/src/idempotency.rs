//! The `Idempotency-Key` header, and how an answer says that its request was answered before.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use domain::Rejection;

use crate::problem::ApiProblem;

/// The key, where one was sent: 1 to 255 visible ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiProblem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(key.to_owned()))
        }
        Ok(_) | Err(_) => {
            let detail = "An idempotency key has 1 to 255 visible ASCII characters.";
            Err(ApiProblem::bad_parameter("Idempotency-Key", &Rejection::new("invalid_idempotency_key", detail)))
        }
    }
}

/// The key came with another body before.
pub fn key_reused() -> ApiProblem {
    ApiProblem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "This Idempotency-Key was used with another body.",
    )
}

/// Says that the answer is to a request that was answered before.
pub fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

//! How the gateway answers and how it says no.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

/// How the gateway says no: with 400 unless something else is said.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) description: String,
    pub(super) field: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, description: description.into(), field: None }
    }

    pub(super) fn field(field: &'static str, description: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(description) }
    }

    pub(super) fn missing() -> Self {
        Self::new("The id provided does not exist")
    }
}

pub(super) type Answer = Result<Value, Refusal>;

pub(super) fn respond(answer: Answer) -> Response {
    match answer {
        Ok(body) => Json(body).into_response(),
        Err(refusal) => {
            let error = json!({
                "code": "BAD_REQUEST_ERROR", "description": refusal.description, "field": refusal.field,
                "source": "business", "step": "payment_initiation", "reason": "input_validation_failed",
                "metadata": {},
            });
            (refusal.status, Json(json!({ "error": error }))).into_response()
        }
    }
}

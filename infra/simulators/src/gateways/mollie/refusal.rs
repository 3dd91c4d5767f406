//! How the gateway answers and how it says no.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

/// How the gateway says no.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    detail: String,
    pub(super) field: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None }
    }

    pub(super) fn field(field: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.into(), field: Some(field) }
    }

    pub(super) fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "No payment exists with token.")
    }

    pub(super) fn missing_refund() -> Self {
        Self::new(StatusCode::NOT_FOUND, "No refund exists with token.")
    }

    fn body(&self) -> Value {
        let documentation = json!({ "href": "https://docs.mollie.com/overview/handling-errors", "type": "text/html" });
        let mut body = json!({
            "status": self.status.as_u16(),
            "title": self.status.canonical_reason(),
            "detail": self.detail,
            "_links": { "documentation": documentation },
        });
        if let Some(field) = self.field {
            body["field"] = json!(field);
        }
        body
    }
}

pub(super) type Answer = Result<(StatusCode, Value), Refusal>;

pub(super) fn hal(status: StatusCode, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/hal+json"));
    response
}

pub(super) fn respond(answer: Answer) -> Response {
    match answer {
        Ok((status, body)) => hal(status, body),
        Err(refusal) => hal(refusal.status, refusal.body()),
    }
}

//! What is answered to a call, and how Stripe says no.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

/// What is answered to a call.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) replayed: bool,
}

impl Answer {
    pub(super) fn object(body: Value) -> Self {
        Self { status: StatusCode::OK, body, replayed: false }
    }

    pub(super) fn respond(self, request_id: &str) -> Response {
        let mut response = (self.status, [("request-id", request_id.to_owned())], Json(self.body)).into_response();
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let mut error = json!({ "type": refusal.kind, "message": refusal.message });
        if let Some(code) = refusal.code {
            error["code"] = json!(code);
            error["doc_url"] = json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
        }
        if let Some(param) = refusal.param {
            error["param"] = json!(param);
        }
        Self { status: refusal.status, body: json!({ "error": error }), replayed: false }
    }
}

/// How Stripe says no.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl Refusal {
    /// An invalid request, which most refusals are.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// Also said of what exists under another key.
    pub(super) fn missing(object: &str, id: &str, param: &str) -> Self {
        Self::new(format!("No such {object}: '{id}'"))
            .status(StatusCode::NOT_FOUND)
            .code("resource_missing")
            .param(param)
    }

    /// Said of a key that was revoked or replaced.
    pub(super) fn expired_key(last4: &str) -> Self {
        Self::new(format!("Expired API Key provided: ****{last4}"))
            .status(StatusCode::UNAUTHORIZED)
            .code("api_key_expired")
    }

    /// Said of a restricted key that may not do this. It has no code.
    pub(super) fn missing_permission(last4: &str, permission: &str) -> Self {
        Self::new(format!(
            "The provided key 'rk_****{last4}' does not have the required permissions for this endpoint. Having the \
             '{permission}' permission would allow this request to continue."
        ))
        .status(StatusCode::FORBIDDEN)
    }

    /// Trouble of Stripe's own, after it began to execute a call.
    pub(super) fn api_error() -> Self {
        Self::new("An unknown error occurred").status(StatusCode::INTERNAL_SERVER_ERROR).kind("api_error")
    }

    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(super) fn param(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }
}

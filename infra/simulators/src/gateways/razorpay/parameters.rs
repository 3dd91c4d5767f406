//! The caller of a call, and how its body is read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;

/// A key with its secret.
pub(super) struct Caller {
    pub(super) owner: Credential,
    pub(super) secret: String,
    pub(super) is_live: bool,
}

pub(super) fn caller(headers: &HeaderMap) -> Result<Caller, Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let decoded = given.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text.trim()).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    match decoded.split_once(':') {
        Some((id, secret))
            if !secret.is_empty() && ["rzp_test_", "rzp_live_"].iter().any(|prefix| id.starts_with(prefix)) =>
        {
            Ok(Caller { owner: Credential::of(id), secret: secret.to_owned(), is_live: id.starts_with("rzp_live_") })
        }
        Some(_) | None => Err(unauthorized()),
    }
}

/// What a key hears that is not known, or was revoked.
pub(super) fn unauthorized() -> Refusal {
    Refusal { status: StatusCode::UNAUTHORIZED, ..Refusal::new("Authentication failed") }
}

pub(super) fn input(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    Some(body)
        .filter(|_| has_content_type(headers, "application/json"))
        .and_then(|body| serde_json::from_slice(body).ok())
        .ok_or_else(|| Refusal::new("The request body is not valid JSON"))
}

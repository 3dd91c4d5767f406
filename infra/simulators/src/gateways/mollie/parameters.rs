//! The caller of a call, and how its parameters are read.

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use super::refusal::Refusal;
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;

/// The key of the caller, and whether it is a live one.
pub(super) fn caller(headers: &HeaderMap) -> Result<(Credential, bool), Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = given.strip_prefix("Bearer ").unwrap_or_default().trim();
    let rest = key.strip_prefix("test_").or_else(|| key.strip_prefix("live_")).unwrap_or_default();
    if rest.len() >= 30 && rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok((Credential::of(key), key.starts_with("live_")));
    }
    Err(unauthorized())
}

/// What a key hears that is not known, or was revoked.
pub(super) fn unauthorized() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "Missing authentication, or failed to authenticate")
}

pub(super) fn input(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let unreadable = || Refusal::new(StatusCode::BAD_REQUEST, "The request body is not valid JSON");
    if body.is_empty() {
        return Ok(Map::new());
    }
    if !has_content_type(headers, "application/json") {
        return Err(unreadable());
    }
    serde_json::from_slice(body).map_err(|_| unreadable())
}

pub(super) fn web(input: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Refusal> {
    match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text))
            if Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Refusal::field(name, format!("The {name} is invalid"))),
    }
}

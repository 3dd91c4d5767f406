//! The `Idempotency-Key` header, and how a repeated request is known.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use domain::Rejection;
use domain::idempotency::{Repeat, RequestFingerprint};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::ApiKey;

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

/// What a record remembers of a request that came with an idempotency key. The key belongs to the integration, not to
/// one of its API keys, so that it outlives a rotated one.
pub fn request_fingerprint(
    caller: &ApiKey,
    headers: &HeaderMap,
    path: &str,
    body: &Value,
) -> Result<Option<RequestFingerprint>, ApiProblem> {
    let Some(key) = idempotency_key(headers)? else { return Ok(None) };
    let parts = Value::from(vec![caller.integration.as_str(), path, key.as_str()]);
    Ok(Some(RequestFingerprint { key: short(hash_of(&parts)), body: short(hash_of(body)) }))
}

/// Half of a SHA-256 is more than enough among twenty.
fn short(mut hash: String) -> String {
    hash.truncate(32);
    hash
}

/// Whether a request was answered before, or the problem of a key that comes with another body.
pub fn is_repeated(repeat: Repeat) -> Result<bool, ApiProblem> {
    match repeat {
        Repeat::No => Ok(false),
        Repeat::Yes => Ok(true),
        Repeat::OtherBody => Err(key_reused()),
    }
}

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

/// A hash that does not depend on the order of fields or on white space.
pub fn hash_of(body: &Value) -> String {
    fn feed(hash: &mut Sha256, value: &Value) {
        match value {
            Value::Object(fields) => {
                hash.update(b"{");
                for (name, value) in fields.iter().collect::<BTreeMap<_, _>>() {
                    feed(hash, &Value::String(name.clone()));
                    feed(hash, value);
                }
                hash.update(b"}");
            }
            Value::Array(entries) => {
                hash.update(b"[");
                for entry in entries {
                    feed(hash, entry);
                }
                hash.update(b"]");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                hash.update(value.to_string().as_bytes());
                hash.update(b",");
            }
        }
    }
    let mut hash = Sha256::new();
    feed(&mut hash, body);
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_hash_of_a_body_depends_on_its_content_only() {
        let one = hash_of(&serde_json::from_str(r#"{"a":1,"b":[1,"2"]}"#).unwrap());
        assert_eq!(one, hash_of(&serde_json::from_str(r#" { "b" : [1, "2"], "a":1 }"#).unwrap()));
        assert_ne!(one, hash_of(&json!({ "a": 1, "b": [1, 2] })));
        assert_ne!(one, hash_of(&json!({ "a": 1, "b": ["2", 1] })));
        assert_ne!(hash_of(&json!({ "a": ["1,"] })), hash_of(&json!({ "a": ["1", ""] })));
    }
}

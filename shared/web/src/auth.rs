//! Who calls: an API key in the Authorization header, looked up by its hash.

use axum::http::{HeaderMap, StatusCode, header};
use store::{ApiKey, Scope, Store};

use crate::problem::ApiProblem;

/// Keys longer than this are not looked at.
const LONGEST_KEY: usize = 200;

/// The key that a request was made with, if it allows what the request needs. An unknown key may have been made since
/// the keys were read, so it makes them be read again, at most once a second.
pub async fn authenticate(store: &Store, headers: &HeaderMap, scope: Scope) -> Result<ApiKey, ApiProblem> {
    let presented = bearer(headers).ok_or_else(unauthorized)?;
    let known = store.keys().await?.find(presented).cloned();
    let key = match known {
        Some(key) => key,
        None => store.newest_keys().await?.find(presented).cloned().ok_or_else(unauthorized)?,
    };
    if key.allows(scope) {
        Ok(key)
    } else {
        Err(ApiProblem::new(StatusCode::FORBIDDEN, "scope_missing", "This API key does not allow this call."))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() && key.len() <= LONGEST_KEY).then_some(key)
}

fn unauthorized() -> ApiProblem {
    ApiProblem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Send a valid API key as Authorization: Bearer <key>.")
}

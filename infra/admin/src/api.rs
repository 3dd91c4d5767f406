//! Settings, accounts and their gateways' credentials are written by the API itself, called in this process, so that
//! what a deployer writes is checked by the same rules as what the CRM writes.

use axum::body::{Body, to_bytes};
use domain::ids::BusinessId;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use runtime::Clock;
use serde_json::Value;
use store::{KeyHolder, Store};
use tower::ServiceExt;
use web::Callers;

use crate::{Admin, AdminError};

/// The largest answer that is read, in bytes. An answer is a list of a hundred records at most, and no item of the table has
/// more than 400 KB.
const LARGEST_ANSWER: usize = 64_000_000;

impl Admin {
    /// Calls the API of crm-api for a business, with a key of it that is revoked as soon as the call is over. Where the
    /// API refuses, the error is its whole answer.
    pub async fn call(
        &self,
        business: &BusinessId,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, AdminError> {
        self.call_as(&KeyHolder::Business(business.clone()), method, path, body).await
    }

    /// The same for the platform, about what is no single business's.
    pub async fn call_as_platform(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, AdminError> {
        self.call_as(&KeyHolder::Platform, method, path, body).await
    }

    async fn call_as(
        &self,
        holder: &KeyHolder,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, AdminError> {
        let key = self.passing_key(holder).await?;
        let answered = self.request(&key.key, method, path, body).await;
        self.store.revoke_api_key(holder, &key.id).await?;
        answered
    }

    async fn request(&self, key: &str, method: Method, path: &str, body: Option<String>) -> Result<Value, AdminError> {
        let broken = |error: &dyn std::fmt::Display| AdminError::Refused(format!("{path}: {error}"));
        // This store has cached no keys yet, so that it finds the one that was just made.
        let store = Store::wire(&self.runtime)?;
        let callers = Callers::new(store.clone(), self.runtime.calls_per_second()?).at_a_terminal();
        let (reach, gateways) = (self.runtime.webhook_reach()?, self.runtime.gateway_rulebook()?);
        let app = crm_api::App { store, callers, clock: Clock::System, reach, gateways, files: None, base_url: None };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {key}"))
            .header(CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Body::empty, Body::from))
            .map_err(|error| broken(&error))?;
        let answer = crm_api::untimed(app).oneshot(request).await.map_err(|error| broken(&error))?;
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), LARGEST_ANSWER).await.map_err(|error| broken(&error))?;
        let text = String::from_utf8_lossy(&bytes);
        if !status.is_success() {
            return Err(AdminError::Refused(format!("{path} was answered with {status}: {text}")));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| broken(&error))
    }
}

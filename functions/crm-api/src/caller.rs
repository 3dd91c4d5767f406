//! Authorisation: each scope has an extractor of its own, so that a handler's signature says which scope it needs.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::Rejection;
use serde_json::Value;
use store::{ApiKey, Scope};
use use_cases::Asked;
use web::ApiProblem;
use web::idempotency::idempotency_key;

use crate::app::App;

macro_rules! scope {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) ApiKey);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiProblem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
                app.callers.authenticate(&parts.headers, $scope).await.map(Self)
            }
        }
    };
}

scope! {
    #[expect(dead_code, reason = "nothing that is only read depends on who reads")]
    /// May read everything the API shows.
    MayRead, Scope::Read
}
scope! {
    /// May write contacts and items, and act on links.
    MayWrite, Scope::Write
}
scope! {
    /// May decide where money goes and what people read: accounts, receipt types, templates, settings.
    MayAdminister, Scope::Admin
}

/// A call that may come twice: where it goes, and the idempotency key that it is known by.
pub(crate) struct Repeatable {
    path: String,
    key: Result<Option<String>, ApiProblem>,
}

impl FromRequestParts<App> for Repeatable {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiProblem> {
        Ok(Self { path: parts.uri.path().to_owned(), key: idempotency_key(&parts.headers) })
    }
}

impl Repeatable {
    /// The caller and the content of the request, or the problem of an idempotency key that is malformed. Problems of
    /// the body are reported before that one.
    pub(crate) fn asked<'a>(&'a self, caller: &'a ApiKey, body: &'a Value) -> Result<Asked<'a>, ApiProblem> {
        let idempotency_key = self.key.as_ref().map_err(Clone::clone)?.as_deref();
        Ok(Asked { integration: &caller.integration, idempotency_key, path: &self.path, body })
    }
}

/// Reads an id of the address.
pub(crate) fn id_of<T>(
    name: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, Rejection>,
) -> Result<T, ApiProblem> {
    parse(text).map_err(|rejection| ApiProblem::bad_parameter(name, &rejection))
}

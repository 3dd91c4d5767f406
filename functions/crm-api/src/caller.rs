//! Authorisation: each scope has an extractor of its own, so that a handler's signature says which scope it needs.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::Rejection;
use serde_json::Value;
use store::Scope;
use use_cases::Asked;
use web::idempotency::idempotency_key;
use web::{ApiProblem, Caller, PlatformCaller};

use crate::app::App;

macro_rules! scope {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Caller);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiProblem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
                let caller = app.callers.authenticate(&parts.headers, $scope).await?;
                caller.signed(app.clock.now(), &parts.uri).await.map(Self)
            }
        }
    };
}

scope! {
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

/// Runs the platform and may read which businesses there are.
pub(crate) struct MayReadBusinesses(pub(crate) PlatformCaller);

impl FromRequestParts<App> for MayReadBusinesses {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        app.callers.authenticate_platform(&parts.headers, Scope::Read).await.map(Self)
    }
}

/// Runs the platform and may make, change and suspend businesses.
pub(crate) struct MayRunBusinesses(pub(crate) PlatformCaller);

impl FromRequestParts<App> for MayRunBusinesses {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        app.callers.authenticate_platform(&parts.headers, Scope::Platform).await.map(Self)
    }
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
    pub(crate) fn asked<'a>(&'a self, caller: &'a Caller, body: &'a Value) -> Result<Asked<'a>, ApiProblem> {
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

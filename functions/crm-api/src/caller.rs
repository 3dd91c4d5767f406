//! Authorisation: each scope has an extractor of its own, so that a handler's signature says which scope it needs.

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::Uri;
use axum::http::request::Parts;
use domain::Rejection;
use serde_json::Value;
use store::Scope;
use use_cases::{Asked, Extent, Writing};
use web::conditions::Conditions;
use web::extract::without_parameters;
use web::idempotency::idempotency_key;
use web::{ApiProblem, Caller, PlatformCaller};

use crate::app::App;

/// Marks an address whose handler reads parameters, and refuses by itself those that it does not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakesParameters;

/// Refuses parameters where the address takes none, once it is known who calls.
fn check_parameters(parts: &Parts) -> Result<(), ApiProblem> {
    match parts.extensions.get() {
        Some(TakesParameters) => Ok(()),
        None => without_parameters(&parts.method, &parts.uri),
    }
}

macro_rules! scope {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Caller);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiProblem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
                let caller = app.callers.authenticate(parts, $scope).await?;
                check_parameters(parts)?;
                caller.signed(app.clock.now(), &parts.uri).await.map(Self)
            }
        }
    };
}

scope! {
    /// May read everything the API shows.
    MayRead, Scope::Read
}
/// May read everything the API shows, and searches for some of it. What is searched for can be somebody's number, so that
/// the log of the business says that somebody searched, and not for what.
pub(crate) struct MaySearch(pub(crate) Caller);

impl FromRequestParts<App> for MaySearch {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let caller = app.callers.authenticate(parts, Scope::Read).await?;
        check_parameters(parts)?;
        let address = Uri::try_from(parts.uri.path()).unwrap_or_default();
        caller.signed(app.clock.now(), &address).await.map(Self)
    }
}

scope! {
    /// May write contacts and items, and act on links.
    MayWrite, Scope::Write
}
scope! {
    /// May decide where money goes and what people read: accounts, receipt types, templates, settings.
    MayAdminister, Scope::Admin
}

scope! {
    /// May have money of payments sent back, and decide about such refunds.
    MayRefund, Scope::Refund
}

scope! {
    /// May report what became of messages that a line of the business's own was handed.
    MayReport, Scope::Report
}

/// Runs the platform and may read which businesses there are.
pub(crate) struct MayReadBusinesses(pub(crate) PlatformCaller);

impl FromRequestParts<App> for MayReadBusinesses {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let caller = app.callers.authenticate_platform(parts, Scope::Read).await?;
        check_parameters(parts)?;
        Ok(Self(caller))
    }
}

/// Runs the platform and may make, change and suspend businesses.
pub(crate) struct MayRunBusinesses(pub(crate) PlatformCaller);

impl FromRequestParts<App> for MayRunBusinesses {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let caller = app.callers.authenticate_platform(parts, Scope::Platform).await?;
        check_parameters(parts)?;
        Ok(Self(caller))
    }
}

/// A call that may come twice: where it goes, and the idempotency key that it is known by. One that is malformed is reported
/// before the body is looked at, as everything is that is wrong with a header.
pub(crate) struct Repeatable {
    path: String,
    key: Option<String>,
}

impl FromRequestParts<App> for Repeatable {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiProblem> {
        Ok(Self { path: parts.uri.path().to_owned(), key: idempotency_key(&parts.headers)? })
    }
}

impl Repeatable {
    /// The caller and the content of the request.
    pub(crate) fn asked<'a>(&'a self, caller: &'a Caller, body: &'a Value) -> Asked<'a> {
        Asked { integration: &caller.integration, idempotency_key: self.key.as_deref(), path: &self.path, body }
    }
}

/// A call that is made under an idempotency key or not at all, because making it twice would do it twice.
pub(crate) struct OnlyOnce(pub(crate) Repeatable);

impl FromRequestParts<App> for OnlyOnce {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let call = Repeatable::from_request_parts(parts, app).await?;
        if call.key.is_none() {
            let detail = "This is done once: give the header Idempotency-Key, and the same with each retry.";
            return Err(ApiProblem::bad_parameter("Idempotency-Key", &Rejection::new("required", detail)));
        }
        Ok(Self(call))
    }
}

/// How a call writes the record of its address: all of it with PUT and a part of it with PATCH, under the conditions of its
/// headers.
pub(crate) struct Writes(pub(crate) Writing);

impl FromRequestParts<App> for Writes {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let extent = if parts.method == Method::PATCH { Extent::Part } else { Extent::Whole };
        let Conditions(precondition) = Conditions::from_request_parts(parts, app).await?;
        Ok(Self(Writing { extent, precondition }))
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

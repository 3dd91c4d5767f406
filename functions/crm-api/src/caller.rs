//! Who may do what: one extractor for each scope, so that a handler's signature says what it asks for.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::Rejection;
use store::{ApiKey, Scope};
use web::ApiProblem;

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

/// Reads an id of the address.
pub(crate) fn id_of<T>(
    name: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, Rejection>,
) -> Result<T, ApiProblem> {
    parse(text).map_err(|rejection| ApiProblem::bad_parameter(name, &rejection))
}

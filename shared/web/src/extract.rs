//! The parts of an address, with problems for answers where they cannot be read.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use domain::Rejection;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::problem::{ApiProblem, RequestProblem};

/// The variable segments of the path. What cannot be read names nothing.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let AxumPath(segments) =
            AxumPath::from_request_parts(parts, state).await.map_err(|_| ApiProblem::not_found("address"))?;
        Ok(Self(segments))
    }
}

/// The names and values behind the question mark, in UTF-8.
#[derive(Debug)]
pub struct Query(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiProblem> {
        pairs_of(&parts.uri).map(Self)
    }
}

/// The names and values behind the question mark of an address, in UTF-8.
pub fn pairs_of(address: &Uri) -> Result<Vec<(String, String)>, ApiProblem> {
    let malformed = |detail: &str| ApiProblem::new(StatusCode::BAD_REQUEST, "malformed_query", detail);
    // What reads the pairs would put a mark into the place of such bytes.
    if percent_decode_str(address.query().unwrap_or_default()).decode_utf8().is_err() {
        return Err(malformed("The query is not in UTF-8."));
    }
    let AxumQuery(pairs) = AxumQuery::try_from_uri(address).map_err(|_| malformed("The query cannot be read."))?;
    Ok(pairs)
}

/// Refuses every parameter of a call that takes none. They would do nothing: `cancel?force=true` would be a cancel without
/// force, and a misspelt address of a list would be a record.
///
/// # Errors
/// Each parameter that there is.
pub fn without_parameters(method: &Method, address: &Uri) -> Result<(), ApiProblem> {
    let detail = match *method {
        Method::GET | Method::HEAD | Method::DELETE => "This call takes no parameters.",
        _ => "This call takes no parameters in its address; what it takes stands in its body.",
    };
    let mut names: Vec<String> = Vec::new();
    for (name, _) in pairs_of(address)? {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    let refused = |name| RequestProblem::of_parameter(name, Rejection::new("unknown_parameter", detail));
    Err(ApiProblem::bad_parameters(names.into_iter().map(refused).collect()))
}

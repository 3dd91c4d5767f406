//! The parts of an address, with problems for answers where they cannot be read.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use axum::http::request::Parts;
use domain::Rejection;
use serde::de::DeserializeOwned;

use crate::problem::ApiProblem;

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

/// The names and values behind the question mark, as they came.
#[derive(Debug)]
pub struct Query(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let AxumQuery(pairs) = AxumQuery::from_request_parts(parts, state).await.map_err(|_| {
            let rejection = Rejection::new("malformed_query", "The query cannot be read.");
            ApiProblem::bad_parameter("query", &rejection)
        })?;
        Ok(Self(pairs))
    }
}

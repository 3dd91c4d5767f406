//! Errors as RFC 9457 problems: one type, one place where they become HTTP.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::business::quotas::QuotaReached;
use domain::business::settings::Settings;
use domain::{Problem, Problems, Rejection, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// An error answer. What the caller should know is in here; what went wrong inside is in the log.
#[derive(Clone, Debug)]
pub struct ApiProblem {
    status: StatusCode,
    /// Boxed, because every handler's result carries room for it.
    body: Box<ProblemBody>,
    allow: Option<&'static str>,
    /// In seconds.
    retry_after: Option<i64>,
}

/// One thing that is wrong with a request: with a field of its body, or with a parameter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RequestProblem {
    /// An RFC 6901 JSON pointer into the body, where it is about a field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// The name of a parameter of the address or of a header, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameter: Option<String>,
    code: &'static str,
    /// A sentence for people.
    detail: String,
}

impl RequestProblem {
    fn of_body(problems: Problems) -> Vec<Self> {
        let all = problems.into_vec().into_iter();
        all.map(|Problem { pointer, code, detail }| Self { pointer: Some(pointer), parameter: None, code, detail })
            .collect()
    }

    /// `name` is the parameter's.
    pub fn of_parameter(name: impl Into<String>, rejection: Rejection) -> Self {
        let Rejection { code, detail } = rejection;
        Self { pointer: None, parameter: Some(name.into()), code, detail }
    }

    /// The name of the parameter, and what is wrong with it.
    #[cfg(feature = "api")]
    pub(crate) fn into_parameter(self) -> (String, Rejection) {
        (self.parameter.unwrap_or_default(), Rejection { code: self.code, detail: self.detail })
    }

    /// The name of the parameter, where it is about one.
    pub fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref()
    }
}

/// One refused field of a body.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
pub struct FieldProblem {
    /// An RFC 6901 JSON pointer into the body.
    pointer: String,
    code: String,
    /// A sentence for people.
    detail: String,
}

/// The quota that a business has used up.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UsedUpQuota)]
pub struct UsedUpQuota {
    /// `links_per_day`, `messages_per_day` or `calls_per_second`.
    name: &'static str,
    limit: u32,
    /// When there is room again.
    #[schema(format = DateTime)]
    resets_at: String,
}

/// An error, by RFC 9457.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// For programs; see the catalogue of codes.
    code: &'static str,
    /// A sentence for people.
    detail: String,
    /// What is wrong with a body or with parameters, all of it. Each entry has a pointer or a parameter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<RequestProblem>,
    /// Whom a conflict is with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    conflicting_id: Option<String>,
    /// The state that stands against the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    current_status: Option<&'static str>,
    /// Of which the business has no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    quota: Option<UsedUpQuota>,
}

impl ApiProblem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let body = ProblemBody {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            conflicting_id: None,
            current_status: None,
            quota: None,
        };
        Self { status, body: Box::new(body), allow: None, retry_after: None }
    }

    /// The work was stopped where it was, as a crash would stop it. A later run goes on from there.
    pub fn took_too_long() -> Self {
        let detail = "This took too long and was stopped; try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "took_too_long", detail)
    }

    /// There was no time to add everything up. What was added up is kept, and the next call goes on from there.
    pub fn totals_not_ready() -> Self {
        let detail = "There is more to add up than one call has time for. What was added up is kept; ask again.";
        let mut problem = Self::new(StatusCode::CONFLICT, "totals_not_ready", detail);
        problem.retry_after = Some(1);
        problem
    }

    /// There is more to add up than any call has time for, however often somebody asks.
    pub fn totals_too_large(detail: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "totals_too_large", detail)
    }

    /// A body with problems, all of them.
    pub fn invalid(problems: Problems) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "The request has problems; nothing was written.",
        );
        problem.body.errors = RequestProblem::of_body(problems);
        problem
    }

    /// A body in which fields stand twice.
    pub fn ambiguous(problems: Problems) -> Self {
        let detail = "Fields were given twice, so that nobody can say what is meant; nothing was written.";
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "duplicate_field", detail);
        problem.body.errors = RequestProblem::of_body(problems);
        problem
    }

    /// A part of the address or a header that cannot be used.
    pub fn bad_parameter(name: &str, rejection: &Rejection) -> Self {
        Self::bad_parameters(vec![RequestProblem::of_parameter(name, rejection.clone())])
    }

    /// The same of several. A single one is told by the answer's own code.
    pub fn bad_parameters(errors: Vec<RequestProblem>) -> Self {
        let (code, detail) = match errors.as_slice() {
            [RequestProblem { parameter: Some(name), code, detail, .. }] => (*code, format!("{name}: {detail}")),
            _ => ("invalid_request", "The parameters have problems; nothing was done.".to_owned()),
        };
        let mut problem = Self::new(StatusCode::BAD_REQUEST, code, detail);
        problem.body.errors = errors;
        problem
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    /// An address that is none of the API's. `path` is where the request went.
    pub fn no_such_address(path: &str) -> Self {
        let (version, rest) = api_version(path).unwrap_or(("v1", path));
        if !version.eq_ignore_ascii_case("v1") {
            let detail = format!("There is no version {version} of the API; there is v1, see /v1/docs.");
            return Self::new(StatusCode::NOT_FOUND, "unknown_version", detail);
        }
        let detail = match rest {
            "" | "/" => "There is no such address. Addresses begin as /v1/payment-links does; see /v1/docs.",
            _ if version != "v1" => "There is no such address. Addresses are in lower case: /v1.",
            rest if rest.ends_with('/') => "There is no such address. Addresses have no slash at their end.",
            _ => "There is no such address; /v1/docs lists all that there are.",
        };
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// `instead` is the call that was probably meant.
    pub fn method_not_allowed(allow: &'static str, instead: Option<&str>) -> Self {
        let instead = instead.map(|instead| format!(" {instead}")).unwrap_or_default();
        let detail = format!("This address answers {allow}.{instead}");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        problem.allow = Some(allow);
        problem
    }

    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    #[must_use]
    pub fn with_conflicting_id(mut self, id: impl Into<String>) -> Self {
        self.body.conflicting_id = Some(id.into());
        self
    }

    #[must_use]
    pub fn with_current_status(mut self, status: &'static str) -> Self {
        self.body.current_status = Some(status);
        self
    }

    /// Something was asked for too often. Without a pause, asking again will not help.
    pub fn too_many(code: &'static str, detail: impl Into<String>, retry_after: Option<i64>) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail);
        problem.retry_after = retry_after;
        problem
    }

    /// The business has done as much as the platform allows it, and can go on at a known moment.
    pub fn quota_reached(reached: &QuotaReached, settings: &Settings, now: Timestamp) -> Self {
        let wait = reached.until.duration_since(now).as_secs().max(0) + 1;
        let mut problem = Self::too_many("quota_reached", reached.detail(), Some(wait));
        problem.body.quota = Some(UsedUpQuota {
            name: reached.quota.as_str(),
            limit: reached.limit.get(),
            resets_at: views::instant(reached.until, settings),
        });
        problem
    }

    /// Trouble of ours. The error is logged here, once, and the caller learns that trying again is right.
    pub fn unavailable(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %error, "A request failed on our side.");
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "This could not be done right now. Nothing is half done; try again with the same Idempotency-Key.",
        );
        problem.retry_after = Some(2);
        problem
    }
}

/// The version of the API that a path begins with, such as `v1`, and what follows it. Nothing where it begins otherwise.
pub fn api_version(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    let (version, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let digits = version.strip_prefix(['v', 'V'])?;
    let is_number = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some((version, rest))
}

impl From<store::StoreError> for ApiProblem {
    fn from(error: store::StoreError) -> Self {
        Self::unavailable(&error)
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_an_address_is_told_from_other_beginnings() {
        assert_eq!(api_version("/v1/contacts"), Some(("v1", "/contacts")));
        assert_eq!(api_version("/v2"), Some(("v2", "")));
        assert_eq!(api_version("/V1/"), Some(("V1", "/")));
        for other in ["/", "", "/p/v1", "/version/1", "/v", "/v1x/contacts", "/v12345", "v1/contacts"] {
            assert_eq!(api_version(other), None, "{other}");
        }
    }
}

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
    /// What is wrong with a body, all of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FieldProblem>)]
    errors: Vec<Problem>,
    /// Whom a conflict is with.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicting_id: Option<String>,
    /// The state that stands against the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_status: Option<&'static str>,
    /// Of which the business has no more.
    #[serde(skip_serializing_if = "Option::is_none")]
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

    /// A body with problems, all of them.
    pub fn invalid(problems: Problems) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_request",
            "The request has problems; nothing was written.",
        );
        problem.body.errors = problems.into_vec();
        problem
    }

    /// A part of the address or a header that cannot be used.
    pub fn bad_parameter(name: &str, rejection: &Rejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rejection.code, format!("{name}: {}", rejection.detail))
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}."))
    }

    pub fn method_not_allowed(allow: &'static str) -> Self {
        let mut problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("This address answers {allow} only."),
        );
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

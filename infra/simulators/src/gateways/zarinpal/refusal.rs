//! How the gateway says no.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// A code of the gateway's own error list, with its message.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: i32,
    pub(super) message: &'static str,
    pub(super) validations: Vec<Value>,
}

pub(super) const INVALID: Refusal = Refusal::of(-9, "The input params invalid, validation error.");
pub(super) const UNKNOWN_MERCHANT: Refusal =
    Refusal::of(-10, "Terminal is not valid, please check merchant_id or ip address.");
pub(super) const OTHER_DOMAIN: Refusal =
    Refusal::of(-14, "The callback URL domain does not match the registered terminal domain.");
pub(super) const WAGES_ABOVE_MAXIMUM: Refusal =
    Refusal::of(-32, "Wages is not valid, Total wages(floating) has been overload max amount.");
pub(super) const TOO_MANY_WAGES: Refusal =
    Refusal::of(-35, "Wages is not valid, Total wages(floating) has been reached the limit in max parts.");
pub(super) const WAGE_TOO_SMALL: Refusal =
    Refusal::of(-36, "The minimum amount for wages(floating) should be 10,000 Rials");
pub(super) const BAD_WAGES: Refusal = Refusal::of(-39, "Wages have a error!");
pub(super) const BAD_EXPIRE_IN: Refusal = Refusal::of(-40, "Invalid extra params, expire_in is not valid.");
pub(super) const ABOVE_MAXIMUM: Refusal = Refusal::of(-41, "Maximum amount is 100,000,000 tomans.");
pub(super) const OTHER_AMOUNT: Refusal = Refusal::of(-50, "Session is not valid, amounts values is not the same.");
pub(super) const NOT_PAID: Refusal = Refusal::of(-51, "Session is not valid, session is not active paid try.");
pub(super) const OTHER_MERCHANT: Refusal = Refusal::of(-53, "Session is not this merchant_id session");
pub(super) const MALFORMED_AUTHORITY: Refusal = Refusal::of(-54, "Invalid authority.");
pub(super) const UNKNOWN_AUTHORITY: Refusal = Refusal::of(-55, "Manual payment request not found.");
pub(super) const NOT_SUCCESSFUL: Refusal = Refusal::of(-61, "Session is not in success status.");
pub(super) const ADDRESS_NOT_REGISTERED: Refusal = Refusal::of(-62, "Terminal user ip limit must be active.");
pub(super) const TOO_LATE_TO_REVERSE: Refusal = Refusal::of(-63, "Maximum time for reverse this session is expired.");

impl Refusal {
    const fn of(code: i32, message: &'static str) -> Self {
        Self { code, message, validations: Vec::new() }
    }
}

/// How a tester ordered a call to be answered: by a code, in whatever HTTP status.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ordered {
    pub(super) call: String,
    code: i32,
    status: Option<u16>,
}

impl IntoResponse for Ordered {
    fn into_response(self) -> Response {
        let mut response = Refusal::of(self.code, "This was ordered.").into_response();
        if let Some(status) = self.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            *response.status_mut() = status;
        }
        response
    }
}

impl IntoResponse for Refusal {
    /// The HTTP status and the shape of the empty `data` cannot be relied on at the real service: 200, 400 and 422,
    /// `[]` and `{}` are all reported. They are mixed here as well, always alike for one code, so that a client that
    /// looks at anything but the code is found out.
    fn into_response(self) -> Response {
        let (status, data) = match self.code {
            -9 => (StatusCode::UNPROCESSABLE_ENTITY, json!([])),
            -50 | -51 => (StatusCode::OK, json!({})),
            -55..=-52 => (StatusCode::BAD_REQUEST, json!({})),
            _ => (StatusCode::OK, json!([])),
        };
        let errors = json!({ "code": self.code, "message": self.message, "validations": self.validations });
        (status, Json(json!({ "data": data, "errors": errors }))).into_response()
    }
}

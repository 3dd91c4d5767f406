//! The profile that a key belongs to.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::payments::Mollie;
use super::refusal::respond;

/// What a profile may do. Whether and how the gateway refuses payments by it is not published, and not simulated.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProfileStatus {
    /// Test payments alone.
    Unverified,
    #[default]
    Verified,
    Blocked,
}

/// A test control: what the profile is from now on.
#[derive(Debug, Deserialize)]
pub(super) struct ProfileOrder {
    status: ProfileStatus,
}

/// The profile of the key that asks.
pub(super) async fn own_profile(State(mollie): State<Mollie>, headers: HeaderMap) -> Response {
    let answer = || respond(mollie.caller(&headers).map(|(_, is_live)| (StatusCode::OK, mollie.profile(is_live))));
    mollie.0.misbehaviour.apply("profile", answer).await
}

pub(super) async fn change_profile(State(mollie): State<Mollie>, Json(order): Json<ProfileOrder>) {
    *mollie.profile_status() = order.status;
}

impl Mollie {
    fn profile(&self, is_live: bool) -> Value {
        let status = *self.profile_status();
        json!({
            "resource": "profile",
            "id": "pfl_simulator",
            "mode": if is_live { "live" } else { "test" },
            "name": "Simulator",
            "website": "https://shop.example",
            "status": status,
        })
    }
}

//! Test controls of refunds and keys, which no real gateway has.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::HostedCheckout;
use super::refunds::{RefundState, SaleRefund};
use super::sale::Sale;
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;

/// What a tester ordered for the calls to come. It is forgotten at a restart.
#[derive(Debug, Default)]
pub(crate) struct Controls {
    next_refund: Mutex<Option<RefundState>>,
    revoked: Mutex<Vec<Credential>>,
}

/// What the next refund is right after it was accepted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Becomes {
    Succeeded,
    Pending,
}

#[derive(Debug, Deserialize)]
struct NextRefund {
    becomes: Becomes,
}

/// How a refund ends that is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundOutcome {
    Succeeded,
    Failed,
    /// It succeeds, and the call to the merchant's server is lost.
    SucceededNoWebhook,
    /// It fails, and the call is lost.
    FailedNoWebhook,
}

impl RefundOutcome {
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::SucceededNoWebhook)
    }

    /// Whether the merchant's server is called, where the gateway has such calls.
    pub(crate) fn is_notified(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

#[derive(Debug, Deserialize)]
struct CompleteRefund {
    outcome: RefundOutcome,
    /// The gateway's id of it. Left out, the last one that waits.
    refund: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DashboardRefund {
    /// In the smallest unit.
    amount: u64,
}

/// A refund that was just decided.
#[derive(Debug)]
pub(crate) struct DecidedRefund {
    pub(crate) sale: Sale,
    pub(crate) refund: SaleRefund,
    pub(crate) is_notified: bool,
}

#[derive(Debug, Deserialize)]
struct RevokeKey {
    key: String,
    /// Another key of the same merchant, which has everything from now on.
    replaced_by: Option<String>,
}

/// Reads an order: JSON from a test, or a form from a page.
fn order<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Option<T> {
    if has_content_type(headers, "application/x-www-form-urlencoded") {
        serde_urlencoded::from_bytes(body).ok()
    } else {
        serde_json::from_slice(body).ok()
    }
}

impl HostedCheckout {
    /// A test control: says what the next refund is right after it was accepted.
    pub(crate) fn plan_refund(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let Some(NextRefund { becomes }) = order(headers, body) else {
            let expected = json!({ "expected": { "becomes": ["succeeded", "pending"] } });
            return (StatusCode::BAD_REQUEST, Json(expected)).into_response();
        };
        let state = match becomes {
            Becomes::Succeeded => RefundState::Succeeded,
            Becomes::Pending => RefundState::Pending,
        };
        *self.controls.next_refund.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        Json(json!({ "becomes": state })).into_response()
    }

    /// What the refund that is accepted now is at first: as a tester planned it, or `usually`.
    pub(crate) fn next_refund(&self, usually: RefundState) -> RefundState {
        self.controls.next_refund.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(usually)
    }

    /// A test control: decides a refund of a sale. The result also says which of its refunds that was, and whether the
    /// merchant's server is told.
    pub(crate) fn complete_refund(
        &self,
        id: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<DecidedRefund, StatusCode> {
        let CompleteRefund { outcome, refund } = order(headers, body).ok_or(StatusCode::BAD_REQUEST)?;
        let now = self.now();
        self.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
            let decided = sale.decide_refund(refund.as_deref(), outcome.is_good(), now);
            let refund = decided.ok_or(StatusCode::CONFLICT)?;
            Ok(DecidedRefund { sale: sale.clone(), refund, is_notified: outcome.is_notified() })
        })
    }

    /// A test control: somebody refunds a part of a sale, or all of it, in the gateway's dashboard. `refund` is the id of it.
    pub(crate) fn dashboard_refund(
        &self,
        id: &str,
        refund: String,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<DecidedRefund, StatusCode> {
        let DashboardRefund { amount } = order(headers, body).ok_or(StatusCode::BAD_REQUEST)?;
        let now = self.now();
        self.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
            let refund = sale.refund_in_dashboard(amount, refund, now).ok_or(StatusCode::CONFLICT)?;
            Ok(DecidedRefund { sale: sale.clone(), refund, is_notified: true })
        })
    }

    /// A test control: from now on the key that is named is answered as an unknown one is.
    pub(crate) fn revoke_key(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let Some(RevokeKey { key, replaced_by }) = order(headers, body) else {
            let expected = json!({ "expected": { "key": "as the merchant sends it", "replaced_by": "or nothing" } });
            return (StatusCode::BAD_REQUEST, Json(expected)).into_response();
        };
        let old = Credential::of(&key);
        if let Some(new) = replaced_by.as_deref().map(Credential::of) {
            let Ok(()) = self.books.change(|ledger| -> Result<(), Infallible> {
                let sales = ledger.sales.values_mut().filter(|sale| sale.owner == old);
                sales.for_each(|sale| sale.owner = new.clone());
                ledger.endpoints.hand_over(&old, &new);
                Ok(())
            });
        }
        self.controls.revoked.lock().unwrap_or_else(PoisonError::into_inner).push(old);
        Json(json!({ "status": "revoked" })).into_response()
    }

    pub(crate) fn is_revoked(&self, owner: &Credential) -> bool {
        self.controls.revoked.lock().unwrap_or_else(PoisonError::into_inner).contains(owner)
    }
}

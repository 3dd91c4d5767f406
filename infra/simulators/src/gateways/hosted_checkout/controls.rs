//! Test controls of refunds, disputes and keys, which no real gateway has.

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
use super::sale::{Sale, SaleState};
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;
use crate::gateways::disputes::{DecideDispute, Dispute, DisputeOutcome, NewDispute};
use crate::gateways::planned_refunds::PlannedRefunds;

/// What a tester ordered for the calls to come. It is forgotten at a restart.
#[derive(Debug, Default)]
pub(crate) struct Controls {
    next_refunds: Mutex<PlannedRefunds<RefundState>>,
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
    /// The id of the sale that is meant, where not any.
    of: Option<String>,
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
    /// Whether the call to the merchant's server is lost.
    #[serde(default)]
    silent: bool,
}

/// A refund that was just decided.
#[derive(Debug)]
pub(crate) struct DecidedRefund {
    pub(crate) sale: Sale,
    pub(crate) refund: SaleRefund,
    pub(crate) is_notified: bool,
}

/// What a gateway's disputes are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisputeKind {
    /// The business can answer, and loses the money if that is in vain, for good.
    Answerable,
    /// The bank takes the money and asks nobody. It may give it back.
    LostAtOnce,
}

/// A dispute that was just opened, or of which something became.
#[derive(Debug)]
pub(crate) struct ChangedDispute {
    pub(crate) sale: Sale,
    pub(crate) dispute: Dispute,
    /// Nothing yet, where it was just opened.
    pub(crate) became: Option<DisputeOutcome>,
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
        let Some(NextRefund { becomes, of }) = order(headers, body) else {
            let expected = json!({ "becomes": ["succeeded", "pending"], "of": "a session's id, or nothing for any" });
            let expected = json!({ "expected": expected });
            return (StatusCode::BAD_REQUEST, Json(expected)).into_response();
        };
        let state = match becomes {
            Becomes::Succeeded => RefundState::Succeeded,
            Becomes::Pending => RefundState::Pending,
        };
        self.controls.next_refunds.lock().unwrap_or_else(PoisonError::into_inner).plan(of, state);
        Json(json!({ "becomes": state })).into_response()
    }

    /// What the refund of a sale that is accepted now is at first: as a tester planned it, or `usually`.
    pub(crate) fn next_refund(&self, sale: &str, usually: RefundState) -> RefundState {
        let mut planned = self.controls.next_refunds.lock().unwrap_or_else(PoisonError::into_inner);
        let becomes = planned.of(sale);
        planned.happened(sale);
        becomes.unwrap_or(usually)
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
        let DashboardRefund { amount, silent } = order(headers, body).ok_or(StatusCode::BAD_REQUEST)?;
        let now = self.now();
        self.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
            let refund = sale.refund_in_dashboard(amount, refund, now).ok_or(StatusCode::CONFLICT)?;
            Ok(DecidedRefund { sale: sale.clone(), refund, is_notified: !silent })
        })
    }

    /// A test control: somebody disputes the payment of a sale. `dispute` is the id of it.
    pub(crate) fn open_dispute(
        &self,
        id: &str,
        dispute: String,
        kind: DisputeKind,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<ChangedDispute, StatusCode> {
        let order: NewDispute = order(headers, body).ok_or(StatusCode::BAD_REQUEST)?;
        let (now, is_notified) = (self.now(), !order.silent);
        self.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
            let is_paid = matches!(sale.state, SaleState::Ours | SaleState::Returned);
            let paid = sale.payment.as_ref().filter(|_| is_paid).ok_or(StatusCode::CONFLICT)?.amount;
            if order.inquiry && kind == DisputeKind::LostAtOnce {
                return Err(StatusCode::CONFLICT);
            }
            let opened = sale.disputes.open(order, dispute, (paid, sale.refunded), now).ok_or(StatusCode::CONFLICT)?;
            let dispute = match kind {
                DisputeKind::Answerable => opened,
                DisputeKind::LostAtOnce => sale.disputes.lose_last(now).unwrap_or(opened),
            };
            Ok(ChangedDispute { sale: sale.clone(), dispute, became: None, is_notified })
        })
    }

    /// A test control: something becomes of a dispute.
    pub(crate) fn decide_dispute(
        &self,
        id: &str,
        kind: DisputeKind,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<ChangedDispute, StatusCode> {
        let order: DecideDispute = order(headers, body).ok_or(StatusCode::BAD_REQUEST)?;
        let now = self.now();
        self.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
            let decided = sale.disputes.decide(&order, kind == DisputeKind::Answerable, now);
            let dispute = decided.ok_or(StatusCode::CONFLICT)?;
            let became = Some(order.outcome);
            Ok(ChangedDispute { sale: sale.clone(), dispute, became, is_notified: !order.silent })
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

//! The test controls, which the real gateway does not have: what becomes of an unverified payment, misbehaviour to
//! order, and the books.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::calls::Call;
use super::host::Host;
use super::panel;
use super::refusal::Ordered;
use super::session::{NotUnverified, PanelRefund, PanelRefundStatus, Payment, Session, Unverified};
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;

/// What the next refund of the panel is right after it was accepted.
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

/// How a pending refund of the panel ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundOutcome {
    Succeeded,
    Failed,
}

#[derive(Debug, Deserialize)]
struct CompleteRefund {
    outcome: RefundOutcome,
    /// Which of the refunds of a session it is, the first being 1. Left out, the last one that waits.
    refund: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct DashboardRefund {
    /// In the session's currency.
    amount: u64,
}

#[derive(Debug, Deserialize)]
struct RevokeKey {
    key: String,
}

#[derive(Debug, Deserialize)]
struct ReverseAddress {
    registered: bool,
}

#[derive(Debug, Deserialize)]
struct InquiryLag {
    minutes: u32,
}

/// Reads an order: JSON from a test, or a form from a page.
fn order<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, StatusCode> {
    let read = if has_content_type(headers, "application/x-www-form-urlencoded") {
        serde_urlencoded::from_bytes(body).ok()
    } else {
        serde_json::from_slice(body).ok()
    };
    read.ok_or(StatusCode::BAD_REQUEST)
}

/// What the next refund of the panel is right after it was accepted.
pub(super) async fn next_refund(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let NextRefund { becomes } = order(&headers, &body)?;
    host.state.controls().next_refund = Some(match becomes {
        Becomes::Succeeded => PanelRefundStatus::Done,
        Becomes::Pending => PanelRefundStatus::Pending,
    });
    Ok(())
}

/// Decides a refund of a session.
pub(super) async fn complete_refund(
    State(host): State<Host>,
    Path(authority): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(), StatusCode> {
    let CompleteRefund { outcome, refund } = order(&headers, &body)?;
    host.change_session(&authority, |session| {
        let becomes = match outcome {
            RefundOutcome::Succeeded => PanelRefundStatus::Done,
            RefundOutcome::Failed => PanelRefundStatus::Failed,
        };
        let mut refunds = session.refunds.iter_mut().enumerate().rev();
        let is_it = |(at, one): &(usize, &mut PanelRefund)| match refund {
            Some(named) => at + 1 == named && one.status != becomes && one.status != PanelRefundStatus::Failed,
            None => one.status == PanelRefundStatus::Pending,
        };
        let (_, refund) = refunds.find(is_it).ok_or(StatusCode::CONFLICT)?;
        refund.status = becomes;
        Ok(())
    })
}

/// Somebody refunds a part of a payment, or all of it, in the panel.
pub(super) async fn dashboard_refund(
    State(host): State<Host>,
    Path(authority): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(), StatusCode> {
    let DashboardRefund { amount } = order(&headers, &body)?;
    let now = host.state.clock.now();
    host.change_session(&authority, |session| {
        if amount == 0 || amount > session.refundable() {
            return Err(StatusCode::CONFLICT);
        }
        session.refunds.push(PanelRefund { amount, at: now, status: PanelRefundStatus::Done, description: None });
        Ok(())
    })
}

/// From now on this merchant id, or this access token, is answered as an unknown one is.
pub(super) async fn revoke_key(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let RevokeKey { key } = order(&headers, &body)?;
    host.state.controls().revoked.push(Credential::of(&key));
    Ok(())
}

/// What the merchant registered: the domain of callbacks, and who may call.
pub(super) async fn register(State(host): State<Host>, body: Bytes) -> Response {
    host.state.registration.order(&body)
}

/// Whether the address that calls come from is registered for reversing.
pub(super) async fn reverse_address(
    State(host): State<Host>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(), StatusCode> {
    let ReverseAddress { registered } = order(&headers, &body)?;
    host.state.controls().is_address_registered = registered;
    Ok(())
}

/// For how many minutes the inquiry does not show that the merchant reversed a payment.
pub(super) async fn inquiry_lag(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let InquiryLag { minutes } = order(&headers, &body)?;
    host.state.controls().inquiry_lag = SignedDuration::from_mins(minutes.into());
    Ok(())
}

/// Has the next such call answered by a code, in this HTTP status where one is given, nothing being done.
pub(super) async fn next_code(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let ordered: Ordered = order(&headers, &body)?;
    if !Call::ALL.iter().any(|call| call.name() == ordered.call) {
        return Err(StatusCode::BAD_REQUEST);
    }
    host.state.controls().codes.push(ordered);
    Ok(())
}

/// A payment of a session that was called failed arrives after all.
pub(super) async fn pay_late(State(host): State<Host>, Path(authority): Path<String>) -> Result<(), StatusCode> {
    let now = host.state.clock.now();
    let payment = Payment::new(&host.state.ids, now);
    host.change_session(&authority, |session| session.pay_late(payment, now).map_err(|_| StatusCode::CONFLICT))
}

/// The gateway puts a session away: its calls do not know it any more.
pub(super) async fn archive(State(host): State<Host>, Path(authority): Path<String>) -> Result<(), StatusCode> {
    host.change_session(&authority, |session| {
        session.is_archived = true;
        Ok(())
    })
}

pub(super) async fn return_money(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    host.verify_late(&authority, Unverified::ReturnMoney)
}

/// Somebody else who has the merchant id verifies.
pub(super) async fn auto_verify(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    host.verify_late(&authority, Unverified::AutoVerify)
}

impl Host {
    fn change_session(
        &self,
        authority: &str,
        change: impl FnOnce(&mut Session) -> Result<(), StatusCode>,
    ) -> Result<(), StatusCode> {
        self.state.age();
        self.state.books.change(|ledger| change(ledger.sessions.get_mut(authority).ok_or(StatusCode::NOT_FOUND)?))
    }

    fn verify_late(&self, authority: &str, how: Unverified) -> Response {
        let now = self.state.clock.now();
        let ended = self.state.books.change(|ledger| -> Result<&'static str, NotUnverified> {
            let session = ledger.sessions.get_mut(authority).ok_or(NotUnverified::Unknown)?;
            session.verify_late(how, now)?;
            Ok(session.status(now))
        });
        match ended {
            Ok(status) => Json(json!({ "status": status })).into_response(),
            Err(NotUnverified::Unknown) => StatusCode::NOT_FOUND.into_response(),
            Err(NotUnverified::Otherwise(status)) => {
                (StatusCode::CONFLICT, Json(json!({ "status": status }))).into_response()
            }
        }
    }
}

pub(super) async fn next_answer(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Response {
    let calls: Vec<&str> = Call::ALL.map(Call::name).into_iter().chain(panel::CALLS).collect();
    host.state.misbehaviour.plan(&calls, &headers, &body)
}

/// Both hosts' sessions, oldest first.
pub(super) async fn books(State(host): State<Host>) -> Json<Vec<Value>> {
    host.state.age();
    let now = host.state.clock.now();
    Json(host.state.books.read(|ledger| {
        let mut sessions: Vec<_> = ledger.sessions.iter().collect();
        sessions.sort_by_key(|(_, session)| session.created_at);
        sessions.into_iter().map(|(authority, session)| session.in_books(authority, now)).collect()
    }))
}

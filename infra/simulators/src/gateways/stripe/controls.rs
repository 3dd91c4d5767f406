//! The test controls, which real Stripe does not have: how a slow payment or a refund ends, what happens in the
//! dashboard and at the customer's bank, which keys are taken, endpoints for webhooks, misbehaviour to order, and the
//! books.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::caller::is_api_key;
use super::calls::CALLS;
use super::ledger::Ledger;
use super::page::Unusable;
use super::session::{NewRefund, RefundStatus, Session, SessionState};
use super::state::Stripe;
use super::webhooks::{Event, EventKind};
use crate::content_type::has_content_type;
use crate::gateways::credential::Credential;
use crate::gateways::disputes::{DecideDispute, Dispute, DisputeOutcome, NewDispute};
use crate::gateways::payment_page::Chosen;

/// How a slow payment ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Completion {
    Succeeded,
    Failed,
}

/// How a slow refund ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundCompletion {
    Succeeded,
    Failed,
    /// It succeeds, and the webhooks are lost.
    SucceededNoWebhook,
    /// It fails, and the webhooks are lost.
    FailedNoWebhook,
}

pub(super) async fn complete_async(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Completion>>,
) -> Response {
    let now = stripe.inner.clock.now();
    let completed = stripe.inner.books.change(|ledger| -> Result<(Session, Event), Unusable> {
        let session = ledger.sessions.get_mut(&id).ok_or(Unusable::Unknown)?;
        let SessionState::Processing { payment } = &session.state else {
            return Err(Unusable::Otherwise(Box::new(session.clone())));
        };
        let payment = payment.clone();
        let (state, kind) = match outcome {
            Completion::Succeeded => (SessionState::Paid { payment, refunds: Vec::new() }, EventKind::AsyncSucceeded),
            Completion::Failed => (SessionState::AsyncFailed { payment }, EventKind::AsyncFailed),
        };
        session.state = state;
        Ok((session.clone(), stripe.event(kind, session, now, None)))
    });
    match completed {
        Ok((session, event)) => {
            stripe.notify(vec![event]);
            session.page(None)
        }
        Err(Unusable::Otherwise(session)) => (StatusCode::CONFLICT, session.page(None)).into_response(),
        Err(Unusable::Unknown) => Unusable::Unknown.into_response(),
    }
}

/// What a test orders, as JSON or as a form.
fn ordered<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Option<T> {
    if has_content_type(headers, "application/x-www-form-urlencoded") {
        serde_urlencoded::from_bytes(body).ok()
    } else {
        serde_json::from_slice(body).ok()
    }
}

fn expected(order: Value) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "expected": order }))).into_response()
}

#[derive(Debug, Deserialize)]
struct NextRefund {
    becomes: RefundStatus,
    /// The id of the session that is meant, where not any.
    of: Option<String>,
}

/// Says what the next refund is right after it was accepted. Without this it is final at once.
pub(super) async fn next_refund(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    let order = ordered::<NextRefund>(&headers, &body).filter(|order| order.becomes != RefundStatus::Failed);
    let Some(NextRefund { becomes, of }) = order else {
        return expected(json!({ "becomes": ["succeeded", "pending"], "of": "a session's id, or nothing for any" }));
    };
    stripe.order(|ledger| ledger.next_refunds.plan(of, becomes));
    Json(json!({ "becomes": becomes })).into_response()
}

/// An event about the refund of an id.
type AboutRefund = fn(String) -> EventKind;

/// Decides a refund of a payment.
pub(super) async fn complete_refund(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(CompleteRefund { outcome, refund }) = ordered(&headers, &body) else {
        let outcomes = ["succeeded", "failed", "succeeded_no_webhook", "failed_no_webhook"];
        return expected(json!({ "outcome": outcomes, "refund": "its id, or nothing for the last that waits" }));
    };
    // A refund that fails is updated as well.
    let (becomes, kinds): (RefundStatus, &[AboutRefund]) = match outcome {
        RefundCompletion::Succeeded => (RefundStatus::Succeeded, &[EventKind::RefundUpdated]),
        RefundCompletion::Failed => (RefundStatus::Failed, &[EventKind::RefundUpdated, EventKind::RefundFailed]),
        RefundCompletion::SucceededNoWebhook => (RefundStatus::Succeeded, &[]),
        RefundCompletion::FailedNoWebhook => (RefundStatus::Failed, &[]),
    };
    stripe.happen(&id, |session| {
        let decided = session.complete_refund(refund.as_deref(), becomes).ok_or(StatusCode::CONFLICT)?;
        Ok(kinds.iter().map(|kind| kind(decided.clone())).collect())
    })
}

#[derive(Debug, Deserialize)]
struct CompleteRefund {
    outcome: RefundCompletion,
    /// Stripe's id of it. Left out, the last one that waits.
    refund: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DashboardRefund {
    amount: u64,
    /// Whether the webhooks are lost.
    #[serde(default)]
    silent: bool,
}

/// Somebody refunds a payment in the dashboard: nothing of ours is on such a refund.
pub(super) async fn dashboard_refund(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = ordered::<DashboardRefund>(&headers, &body).filter(|order| order.amount > 0);
    let Some(DashboardRefund { amount, silent }) = order else {
        return expected(json!({ "amount": "1 or more, in the smallest unit", "silent": [true, false] }));
    };
    let (now, refund) = (stripe.inner.clock.now(), format!("re_{}", stripe.inner.ids.text(24)));
    stripe.happen(&id, |session| {
        let new = NewRefund {
            id: refund,
            status: RefundStatus::Succeeded,
            amount: Some(amount),
            reason: None,
            metadata: BTreeMap::new(),
        };
        session.refund(new, now).map_err(|_| StatusCode::CONFLICT)?;
        Ok(if silent { Vec::new() } else { vec![EventKind::RefundCreated, EventKind::Refunded] })
    })
}

/// The customer goes to the bank about the payment, which takes the money back unless it only asks.
pub(super) async fn dispute(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(order) = ordered::<NewDispute>(&headers, &body) else {
        return expected(json!({
            "amount": "what is disputed, or nothing", "reason": "Stripe's word for it, or nothing",
            "days": "to respond, or nothing", "inquiry": [true, false], "silent": [true, false],
        }));
    };
    let (now, dispute, is_silent) =
        (stripe.inner.clock.now(), format!("du_{}", stripe.inner.ids.text(24)), order.silent);
    stripe.happen(&id, |session| {
        let Dispute { id, is_inquiry, .. } = session.dispute(order, dispute, now).ok_or(StatusCode::CONFLICT)?;
        let mut events = vec![EventKind::DisputeCreated(id.clone())];
        if !is_inquiry {
            events.push(EventKind::FundsWithdrawn(id));
        }
        events.retain(|_| !is_silent);
        Ok(events)
    })
}

/// Something becomes of a dispute.
pub(super) async fn complete_dispute(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(order) = ordered::<DecideDispute>(&headers, &body) else {
        let outcomes = ["under_review", "action_required", "escalated", "won", "lost"];
        let dispute = "its id, or nothing for the last one";
        return expected(json!({ "outcome": outcomes, "dispute": dispute, "silent": [true, false] }));
    };
    let now = stripe.inner.clock.now();
    stripe.happen(&id, |session| {
        let Dispute { id, is_inquiry, .. } = session.decide_dispute(&order, now).ok_or(StatusCode::CONFLICT)?;
        let mut events = match order.outcome {
            DisputeOutcome::UnderReview | DisputeOutcome::ActionRequired => vec![EventKind::DisputeUpdated(id)],
            DisputeOutcome::Escalated => vec![EventKind::DisputeUpdated(id.clone()), EventKind::FundsWithdrawn(id)],
            DisputeOutcome::Won if is_inquiry => vec![EventKind::DisputeClosed(id)],
            DisputeOutcome::Won => vec![EventKind::DisputeClosed(id.clone()), EventKind::FundsReinstated(id)],
            DisputeOutcome::Lost => vec![EventKind::DisputeClosed(id)],
        };
        events.retain(|_| !order.silent);
        Ok(events)
    })
}

#[derive(Debug, Deserialize)]
struct Restricted {
    key: String,
    /// What it may not read.
    #[serde(default)]
    from: Hidden,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hidden {
    #[default]
    Balance,
    Disputes,
}

#[derive(Debug, Deserialize)]
struct Revoked {
    key: String,
    /// Another key of the same account, which has everything from now on.
    replaced_by: Option<String>,
}

/// From now on the key is answered as one that was revoked.
pub(super) async fn revoke_key(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(Revoked { key, replaced_by }) = ordered::<Revoked>(&headers, &body) else {
        return expected(json!({ "key": "sk_test_…", "replaced_by": "another key of the same account, or nothing" }));
    };
    let old = Credential::of(&key);
    stripe.order(|ledger| {
        if let Some(new) = replaced_by.as_deref().map(Credential::of) {
            let sessions = ledger.sessions.values_mut().filter(|session| session.owner == old);
            sessions.for_each(|session| session.owner = new.clone());
            ledger.endpoints.hand_over(&old, &new);
        }
        ledger.revoked.push(old);
    });
    Json(json!({ "status": "revoked" })).into_response()
}

/// From now on the key may not read the balance, or disputes, as a restricted key that nobody allowed it.
pub(super) async fn restrict_key(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(Restricted { key, from }) = ordered::<Restricted>(&headers, &body) else {
        return expected(json!({ "key": "rk_test_…", "from": ["balance", "disputes"] }));
    };
    stripe.order(|ledger| {
        let restricted = match from {
            Hidden::Balance => &mut ledger.restricted,
            Hidden::Disputes => &mut ledger.without_disputes,
        };
        restricted.push(Credential::of(&key));
    });
    Json(json!({ "status": "restricted" })).into_response()
}

#[derive(Debug, Deserialize)]
struct FailingCall {
    call: String,
}

/// The next execution of a call ends in an error of Stripe's own, which is kept under its idempotency key like every
/// other answer.
pub(super) async fn next_api_error(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    let executed = ["create", "expire", "refund"];
    let order = ordered::<FailingCall>(&headers, &body).filter(|order| executed.contains(&order.call.as_str()));
    let Some(FailingCall { call }) = order else { return expected(json!({ "call": executed })) };
    stripe.order(|ledger| ledger.api_errors.push(call));
    Json(json!({ "status": "ordered" })).into_response()
}

impl Stripe {
    fn order(&self, note: impl FnOnce(&mut Ledger)) {
        let Ok(()) = self.inner.books.change(|ledger| -> Result<(), Infallible> {
            note(ledger);
            Ok(())
        });
    }

    /// Lets something happen to a session that no call asked for, tells of it, and shows the session as the books have it.
    fn happen(&self, id: &str, change: impl FnOnce(&mut Session) -> Result<Vec<EventKind>, StatusCode>) -> Response {
        let now = self.inner.clock.now();
        let happened = self.inner.books.change(|ledger| {
            let session = ledger.sessions.get_mut(id).ok_or(StatusCode::NOT_FOUND)?;
            let kinds = change(session)?;
            let events = kinds.into_iter().map(|kind| self.event(kind, session, now, None)).collect();
            Ok((session.in_books(), events))
        });
        match happened {
            Ok((session, events)) => {
                self.notify(events);
                Json(session).into_response()
            }
            Err::<_, StatusCode>(status) => status.into_response(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct NewEndpoint {
    api_key: String,
    url: String,
    secret: String,
}

pub(super) async fn add_webhook_endpoint(State(stripe): State<Stripe>, Json(new): Json<NewEndpoint>) -> Response {
    if !is_api_key(&new.api_key) || Url::parse(&new.url).is_err() || !new.secret.starts_with("whsec_") {
        let expected = json!({ "api_key": "sk_test_…", "url": "http://…", "secret": "whsec_…" });
        return (StatusCode::BAD_REQUEST, Json(json!({ "expected": expected }))).into_response();
    }
    stripe.add_endpoint(&new.api_key, &new.url, &new.secret);
    Json(json!({ "url": new.url })).into_response()
}

pub(super) async fn next_answer(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    stripe.inner.misbehaviour.plan(&CALLS, &headers, &body)
}

/// Every session, oldest first.
pub(super) async fn books(State(stripe): State<Stripe>) -> Json<Vec<Value>> {
    stripe.expire_overdue(stripe.inner.clock.now());
    Json(stripe.inner.books.read(Ledger::in_books))
}

//! The test controls, which real Stripe does not have: how a slow payment ends, endpoints for webhooks, misbehaviour to
//! order, and the books.

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::caller::is_api_key;
use super::calls::CALLS;
use super::ledger::Ledger;
use super::page::Unusable;
use super::session::{Session, SessionState};
use super::state::Stripe;
use super::webhooks::{Event, EventKind};
use crate::gateways::payment_page::Chosen;

/// How a slow payment ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Completion {
    Succeeded,
    Failed,
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

//! The test controls, which the real gateway does not have: what becomes of an unverified payment, misbehaviour to
//! order, and the books.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::calls::Call;
use super::host::Host;
use super::session::{NotUnverified, Unverified};

pub(super) async fn return_money(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    host.verify_late(&authority, Unverified::ReturnMoney)
}

pub(super) async fn auto_verify(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    host.verify_late(&authority, Unverified::AutoVerify)
}

impl Host {
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
    host.state.misbehaviour.plan(&Call::ALL.map(Call::name), &headers, &body)
}

/// Both hosts' sessions, oldest first.
pub(super) async fn books(State(host): State<Host>) -> Json<Vec<Value>> {
    let now = host.state.clock.now();
    Json(host.state.books.read(|ledger| {
        let mut sessions: Vec<_> = ledger.sessions.iter().collect();
        sessions.sort_by_key(|(_, session)| session.created_at);
        sessions.into_iter().map(|(authority, session)| session.in_books(authority, now)).collect()
    }))
}

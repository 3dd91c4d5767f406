//! The books: sessions, endpoints, what was delivered to them, and the answers that idempotency keys stand for.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::caller::Call;
use super::order::RefundOrder;
use super::session::Session;
use super::webhooks::{Delivery, Endpoint};
use crate::gateways::credential::Credential;

/// How long the answer under an idempotency key is replayed.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Everything this simulator knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// By their id.
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) endpoints: Vec<Endpoint>,
    /// Answers by the key's owner and the idempotency key.
    replays: BTreeMap<String, Replay>,
    pub(super) deliveries: Vec<Delivery>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Replay {
    fingerprint: String,
    status: u16,
    body: Value,
    kept_at: Timestamp,
}

impl Ledger {
    pub(super) fn owned(&self, id: &str, owner: &Credential) -> Result<&Session, Refusal> {
        self.sessions
            .get(id)
            .filter(|session| session.owner == *owner)
            .ok_or_else(|| Refusal::missing("checkout.session", id, "session"))
    }

    pub(super) fn owned_mut(&mut self, id: &str, owner: &Credential) -> Result<&mut Session, Refusal> {
        self.sessions
            .get_mut(id)
            .filter(|session| session.owner == *owner)
            .ok_or_else(|| Refusal::missing("checkout.session", id, "session"))
    }

    /// The session whose payment is to be refunded.
    pub(super) fn paid_mut(&mut self, order: &RefundOrder, owner: &Credential) -> Result<&mut Session, Refusal> {
        self.sessions
            .values_mut()
            .filter(|session| session.owner == *owner)
            .find(|session| {
                session.state.payment().is_some_and(|payment| match order.param {
                    "charge" => payment.charge == order.id,
                    _ => payment.intent == order.id,
                })
            })
            .ok_or_else(|| Refusal::missing(order.param, &order.id, order.param))
    }

    pub(super) fn replay(&self, call: &Call) -> Result<Option<Answer>, Refusal> {
        let Some(key) = &call.idempotency_key else {
            return Ok(None);
        };
        match self.replays.get(&replay_name(call, key)).filter(|replay| replay.is_kept(call.now)) {
            None => Ok(None),
            Some(replay) if replay.fingerprint == call.fingerprint => Ok(Some(Answer {
                status: StatusCode::from_u16(replay.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                body: replay.body.clone(),
                replayed: true,
            })),
            Some(_) => Err(Refusal::new(format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try \
                 using a key other than '{key}' if you meant to execute a different request."
            ))
            .kind("idempotency_error")),
        }
    }

    pub(super) fn remember(&mut self, call: &Call, answer: &Answer) {
        let Some(key) = &call.idempotency_key else {
            return;
        };
        self.replays.retain(|_, replay| replay.is_kept(call.now));
        let replay = Replay {
            fingerprint: call.fingerprint.clone(),
            status: answer.status.as_u16(),
            body: answer.body.clone(),
            kept_at: call.now,
        };
        self.replays.insert(replay_name(call, key), replay);
    }

    /// Every session as the books show it, oldest first.
    pub(super) fn in_books(&self) -> Vec<Value> {
        let mut sessions: Vec<_> = self.sessions.values().collect();
        sessions.sort_by_key(|session| session.created_at);
        let shown = |session: &Session| {
            let mut shown = session.in_books();
            let deliveries: Vec<_> = self.deliveries.iter().filter(|one| one.session == session.id).collect();
            shown["deliveries"] = json!(deliveries);
            shown
        };
        sessions.into_iter().map(shown).collect()
    }
}

/// Two accounts may use the same idempotency key.
fn replay_name(call: &Call, key: &str) -> String {
    format!("{}:{key}", call.owner.fingerprint)
}

impl Replay {
    fn is_kept(&self, now: Timestamp) -> bool {
        now.duration_since(self.kept_at) < REPLAYED_FOR
    }
}

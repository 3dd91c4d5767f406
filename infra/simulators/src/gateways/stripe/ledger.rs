//! The books: sessions, endpoints, what was delivered to them, and the answers under idempotency keys.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::caller::Call;
use super::order::{NamedPayment, PaymentQuery, SessionQuery};
use super::session::{RefundStatus, Session};
use super::webhooks::Delivery;
use crate::gateways::credential::Credential;
use crate::gateways::endpoints::Endpoints;
use crate::gateways::planned_refunds::PlannedRefunds;
use crate::gateways::replays::{Replayed, Replays};

/// How long the answer under an idempotency key is replayed.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Everything this simulator knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// By their id.
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) endpoints: Endpoints,
    replays: Replays,
    pub(super) deliveries: Vec<Delivery>,
    /// Keys that Stripe takes no more.
    #[serde(default)]
    pub(super) revoked: Vec<Credential>,
    /// Keys that may not read the balance.
    #[serde(default)]
    pub(super) restricted: Vec<Credential>,
    /// Keys that may not read disputes.
    #[serde(default)]
    pub(super) without_disputes: Vec<Credential>,
    #[serde(default)]
    pub(super) next_refunds: PlannedRefunds<RefundStatus>,
    /// The calls whose next execution ends in an error of Stripe's own.
    #[serde(default)]
    pub(super) api_errors: Vec<String>,
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

    /// The sessions that a list shows, the newest first.
    pub(super) fn listed(&self, query: &SessionQuery, owner: &Credential, base: &str) -> Value {
        let is_older = |session: &Session| {
            query.created_before.is_none_or(|second| i128::from(session.created_at.as_second()) < i128::from(second))
        };
        let of_owner = self.sessions.values().filter(|session| session.owner == *owner);
        let mut sessions: Vec<&Session> = of_owner.filter(|session| is_older(session)).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        let has_more = sessions.len() > query.limit;
        let data: Vec<Value> = sessions.into_iter().take(query.limit).map(|session| session.object(base)).collect();
        json!({ "object": "list", "data": data, "has_more": has_more, "url": "/v1/checkout/sessions" })
    }

    /// The session whose payment is to be refunded.
    pub(super) fn paid_mut(&mut self, named: &NamedPayment, owner: &Credential) -> Result<&mut Session, Refusal> {
        self.sessions
            .values_mut()
            .filter(|session| session.owner == *owner)
            .find(|session| session.is_paid_by(named))
            .ok_or_else(|| Refusal::missing(named.param, &named.id, named.param))
    }

    /// The refunds that a list shows, the newest first.
    pub(super) fn refunds(&self, query: &PaymentQuery, owner: &Credential) -> Result<Value, Refusal> {
        self.list(query, owner, "refund", "/v1/refunds", Session::refund_objects)
    }

    /// The disputes that a list shows, the newest first.
    pub(super) fn disputes(&self, query: &PaymentQuery, owner: &Credential) -> Result<Value, Refusal> {
        if self.without_disputes.contains(owner) {
            return Err(Refusal::missing_permission(&owner.last4, "rak_dispute_read"));
        }
        self.list(query, owner, "dispute", "/v1/disputes", Session::dispute_objects)
    }

    fn list(
        &self,
        query: &PaymentQuery,
        owner: &Credential,
        name: &str,
        url: &str,
        of: fn(&Session) -> Vec<Value>,
    ) -> Result<Value, Refusal> {
        let mut sessions: Vec<_> = self.sessions.values().filter(|session| session.owner == *owner).collect();
        if let Some(named) = &query.payment {
            sessions.retain(|session| session.is_paid_by(named));
            if sessions.is_empty() {
                return Err(Refusal::missing(named.param, &named.id, named.param));
            }
        }
        // The newest of each payment is its first, and the order of equals stays.
        query.page.page(sessions.into_iter().flat_map(of).collect(), name, url)
    }

    /// Whether the next execution of this call was ordered to end in an error of Stripe's own.
    pub(super) fn takes_api_error(&mut self, call: &str) -> bool {
        let at = self.api_errors.iter().position(|planned| planned == call);
        at.map(|at| self.api_errors.swap_remove(at)).is_some()
    }

    /// The answer that the idempotency key of `call` already has, or why the key cannot be used for it.
    pub(super) fn replay(&self, call: &Call) -> Result<Option<Answer>, Refusal> {
        let Some(idempotent) = call.idempotent() else {
            return Ok(None);
        };
        match self.replays.find(&idempotent, call.now, REPLAYED_FOR) {
            Replayed::Nothing => Ok(None),
            Replayed::Answer(status, body) => Ok(Some(Answer { status, body, replayed: true })),
            Replayed::Other => Err(Refusal::new(format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try \
                 using a key other than '{}' if you meant to execute a different request.",
                idempotent.key
            ))
            .kind("idempotency_error")),
        }
    }

    pub(super) fn remember(&mut self, call: &Call, answer: &Answer) {
        if let Some(idempotent) = call.idempotent() {
            self.replays.keep(&idempotent, (answer.status, answer.body.clone()), call.now, REPLAYED_FOR);
        }
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

//! The calls of the API.

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

use super::answer::{Answer, Refusal};
use super::caller::{Call, Incoming};
use super::ledger::Ledger;
use super::order::{Order, PaymentQuery, RefundOrder, SessionQuery};
use super::session::{Expansion, NewRefund, RefundStatus, Session, SessionState};
use super::state::Stripe;
use super::webhooks::{Event, EventKind};

/// The calls that can be made to misbehave.
pub(super) const CALLS: [&str; 9] = [
    "create",
    "retrieve",
    "list_sessions",
    "expire",
    "refund",
    "retrieve_refund",
    "list_refunds",
    "list_charges",
    "list_disputes",
];

/// What a call did: the object to answer with, and the events that endpoints get.
struct Effect {
    object: Value,
    events: Vec<Event>,
}

impl Stripe {
    pub(super) async fn answer(
        &self,
        name: &'static str,
        incoming: Incoming<'_>,
        work: impl FnOnce(&mut Call) -> Result<Answer, Refusal> + Send,
    ) -> Response {
        let answer = || {
            let now = self.inner.clock.now();
            let request_id = format!("req_{}", self.inner.ids.text(14));
            self.expire_overdue(now);
            let call = Call::read(name, &incoming, &request_id, now).and_then(|call| self.check_key(call));
            let answer = call.and_then(|mut call| work(&mut call));
            answer.unwrap_or_else(Answer::from).respond(&request_id)
        };
        self.inner.misbehaviour.apply(name, answer).await
    }

    fn check_key(&self, call: Call) -> Result<Call, Refusal> {
        if self.inner.books.read(|ledger| ledger.revoked.contains(&call.owner)) {
            return Err(Refusal::expired_key(&call.owner.last4));
        }
        Ok(call)
    }

    /// Executes a call that changes something, or replays the answer that its idempotency key already has.
    ///
    /// An answer is kept once execution began, whether it is a success, a refusal or an error of Stripe's own. A call
    /// that was refused for its parameters never comes here, so its key stays free.
    fn once(
        &self,
        call: &Call,
        execute: impl FnOnce(&mut Ledger) -> Result<Effect, Refusal>,
    ) -> Result<Answer, Refusal> {
        let (answer, events) = self.inner.books.change(|ledger| -> Result<(Answer, Vec<Event>), Refusal> {
            if let Some(answer) = ledger.replay(call)? {
                return Ok((answer, Vec::new()));
            }
            let executed = if ledger.takes_api_error(call.name) { Err(Refusal::api_error()) } else { execute(ledger) };
            let (answer, events) = match executed {
                Ok(effect) => (Answer::object(effect.object), effect.events),
                Err(refusal) => (Answer::from(refusal), Vec::new()),
            };
            ledger.remember(call, &answer);
            Ok((answer, events))
        })?;
        self.notify(events);
        Ok(answer)
    }
}

pub(super) async fn unrecognized(method: Method, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/stripe").unwrap_or_default();
    let refusal = Refusal::new(format!("Unrecognized request URL ({method}: {path})."));
    Answer::from(refusal.status(StatusCode::NOT_FOUND)).respond("req_unrecognized")
}

pub(super) async fn create(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("create", incoming, |call| stripe.create(call)).await
}

pub(super) async fn retrieve(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("retrieve", incoming, |call| stripe.retrieve(call, &id)).await
}

pub(super) async fn list_sessions(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("list_sessions", incoming, |call| stripe.list_sessions(call)).await
}

pub(super) async fn expire(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("expire", incoming, |call| stripe.expire(call, &id)).await
}

pub(super) async fn refund(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("refund", incoming, |call| stripe.refund(call)).await
}

pub(super) async fn list_refunds(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("list_refunds", incoming, |call| stripe.list_refunds(call)).await
}

pub(super) async fn list_disputes(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("list_disputes", incoming, |call| stripe.list_disputes(call)).await
}

pub(super) async fn retrieve_refund(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("retrieve_refund", incoming, |call| stripe.retrieve_refund(call, &id)).await
}

impl Stripe {
    fn create(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let order = Order::parse(&mut call.parameters, call.livemode, call.now)?;
        self.expire_later(order.expires_at, call.now);
        let session = Session {
            id: format!("cs_{}_{}", if call.livemode { "live" } else { "test" }, self.inner.ids.text(58)),
            owner: call.owner.clone(),
            livemode: call.livemode,
            created_at: call.now,
            order,
            state: SessionState::Open,
        };
        self.once(call, |ledger| {
            let object = session.object(&self.inner.base);
            ledger.sessions.insert(session.id.clone(), session);
            Ok(Effect { object, events: Vec::new() })
        })
    }

    fn retrieve(&self, call: &mut Call, id: &str) -> Result<Answer, Refusal> {
        let expansion = Expansion::parse(&mut call.parameters)?;
        call.parameters.finish()?;
        self.inner.books.read(|ledger| {
            if expansion == Expansion::BalanceTransaction && ledger.restricted.contains(&call.owner) {
                return Err(Refusal::missing_permission(&call.owner.last4, "rak_balance_transaction_read"));
            }
            let session = ledger.owned(id, &call.owner)?;
            Ok(Answer::object(session.expanded(&self.inner.base, expansion)))
        })
    }

    fn list_sessions(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let query = SessionQuery::parse(&mut call.parameters)?;
        Ok(Answer::object(self.inner.books.read(|ledger| ledger.listed(&query, &call.owner, &self.inner.base))))
    }

    fn expire(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        call.parameters.finish()?;
        self.once(call, |ledger| {
            let session = ledger.owned_mut(id, &call.owner)?;
            session.expire(call.now)?;
            Ok(Effect {
                object: session.object(&self.inner.base),
                events: vec![self.event(EventKind::Expired, session, call.now, Some(call))],
            })
        })
    }

    fn refund(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let order = RefundOrder::parse(&mut call.parameters)?;
        let call = &*call;
        let id = format!("re_{}", self.inner.ids.text(24));
        self.once(call, |ledger| {
            let paid = ledger.paid_mut(&order.payment, &call.owner)?.id.clone();
            let status = ledger.next_refunds.of(&paid).unwrap_or(RefundStatus::Succeeded);
            let session = ledger.paid_mut(&order.payment, &call.owner)?;
            let new = NewRefund { id, status, amount: order.amount, reason: order.reason, metadata: order.metadata };
            let object = session.refund(new, call.now)?;
            let event = |kind: EventKind| self.event(kind, session, call.now, Some(call));
            let events = vec![event(EventKind::RefundCreated), event(EventKind::Refunded)];
            ledger.next_refunds.happened(&paid);
            Ok(Effect { object, events })
        })
    }

    fn list_refunds(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let query = PaymentQuery::parse(&mut call.parameters)?;
        self.inner.books.read(|ledger| ledger.refunds(&query, &call.owner).map(Answer::object))
    }

    fn list_disputes(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let query = PaymentQuery::parse(&mut call.parameters)?;
        self.inner.books.read(|ledger| ledger.disputes(&query, &call.owner).map(Answer::object))
    }

    fn retrieve_refund(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        call.parameters.finish()?;
        self.inner.books.read(|ledger| {
            let object = ledger
                .sessions
                .values()
                .filter(|session| session.owner == call.owner)
                .find_map(|session| session.refund_object(id));
            object.map(Answer::object).ok_or_else(|| Refusal::missing("refund", id, "id"))
        })
    }
}

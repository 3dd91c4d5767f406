//! Stripe Checkout: sessions, refunds, webhooks, the hosted payment page and the tester's hand.
//!
//! Calls are forms with bracket nesting under a secret key, answers are JSON objects. A key sees its own objects only;
//! test and live differ by nothing but the key. Stripe keeps a payment for the merchant without being asked, and tells
//! by signed webhooks.
//!
//! Parameters that Stripe knows and that would change the amount or the way of paying (discounts, shipping, tax, saved
//! customers) are not simulated: they are refused as unknown, so that nobody relies on them here.
//!
//! This file holds the simulator, its routes and how a call is answered. What a call may carry is in `parameters`, what
//! is kept in `ledger`, what the merchant is told in `webhooks`, what people press in `page`.

mod ledger;
mod page;
mod parameters;
mod webhooks;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use jiff::Timestamp;
use runtime::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::ledger::{Replay, Session, SessionState};
use self::page::{add_webhook_endpoint, books, choose, complete_async, hosted_page, next_answer};
use self::parameters::{Order, Parameters, RefundOrder};
use self::webhooks::{Delivery, Endpoint, Event, EventKind};
use super::{Books, Credential, Ids, Misbehaviour, Notify, Opening, Simulator, has_content_type, sha256};

/// The calls that can be made to misbehave.
const CALLS: [&str; 5] = ["create", "retrieve", "expire", "refund", "retrieve_refund"];
/// What Stripe puts the session's id for in `success_url`.
const ID_PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";

/// The Stripe simulator. A clone is cheap and shares its state with the original.
#[derive(Debug, Clone)]
struct Stripe {
    inner: Arc<Inner>,
}

struct Inner {
    /// Where the hosted page is reached, without a slash at the end.
    base: String,
    ids: Ids,
    books: Books<Ledger>,
    misbehaviour: Misbehaviour,
    notify: Notify,
    clock: Clock,
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inner").field("base", &self.base).field("books", &self.books).finish_non_exhaustive()
    }
}

/// Everything this simulator knows.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ledger {
    /// By their id.
    sessions: BTreeMap<String, Session>,
    endpoints: Vec<Endpoint>,
    /// Answers by the key's owner and the idempotency key.
    replays: BTreeMap<String, Replay>,
    deliveries: Vec<Delivery>,
}

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    let inner = Inner {
        base: opening.base.trim_end_matches('/').to_owned(),
        ids: Ids::seeded()?,
        books: Books::open(opening.books, "stripe.json")?,
        misbehaviour: Misbehaviour::default(),
        notify: opening.notify.clone(),
        clock: opening.clock,
    };
    Ok(Box::new(Stripe { inner: Arc::new(inner) }))
}

impl Simulator for Stripe {
    fn router(&self) -> Router {
        Router::new()
            .route("/stripe/v1/checkout/sessions", post(create).fallback(unrecognized))
            .route("/stripe/v1/checkout/sessions/{id}", get(retrieve).fallback(unrecognized))
            .route("/stripe/v1/checkout/sessions/{id}/expire", post(expire).fallback(unrecognized))
            .route("/stripe/v1/refunds", post(refund).fallback(unrecognized))
            .route("/stripe/v1/refunds/{id}", get(retrieve_refund).fallback(unrecognized))
            .route("/stripe/v1/{*rest}", any(unrecognized))
            .route("/stripe/c/pay/{id}", get(hosted_page).post(choose))
            .route("/stripe/simulator/{id}/complete_async", post(complete_async))
            .route("/stripe/simulator/webhook_endpoints", post(add_webhook_endpoint))
            .route("/stripe/simulator/next_answer", post(next_answer))
            .route("/stripe/books.json", get(books))
            .with_state(self.clone())
    }

    fn register_webhook(&self, key: &str, url: &str, secret: &str) {
        let endpoint = Endpoint { owner: Credential::of(key), url: url.to_owned(), secret: secret.to_owned() };
        let Ok(()) = self.inner.books.change(|ledger| -> Result<(), Infallible> {
            ledger.endpoints.retain(|known| known.owner != endpoint.owner || known.url != endpoint.url);
            ledger.endpoints.push(endpoint);
            Ok(())
        });
    }
}

impl Stripe {
    /// Ends every session whose time is over. Everything that looks at a session does this first.
    fn expire_overdue(&self, now: Timestamp) {
        if !self.inner.books.read(|ledger| ledger.sessions.values().any(|session| session.is_overdue(now))) {
            return;
        }
        let Ok(events) = self.inner.books.change(|ledger| -> Result<Vec<Event>, Infallible> {
            let overdue = ledger.sessions.values_mut().filter(|session| session.is_overdue(now));
            Ok(overdue
                .map(|session| {
                    session.state = SessionState::Expired { expired_at: session.order.expires_at };
                    self.event(EventKind::Expired, session, now, None)
                })
                .collect())
        });
        self.notify(events);
    }

    /// Makes a session end at its time even when nobody looks at it.
    fn expire_later(&self, expires_at: Timestamp, now: Timestamp) {
        let stripe = self.clone();
        let wait = expires_at.duration_since(now).unsigned_abs();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            stripe.expire_overdue(stripe.inner.clock.now());
        });
    }
}

// A call: who makes it, what it carries, how it is answered.

/// A call as it came in. The parameters are the body of a POST or the query of a GET.
struct Incoming<'a> {
    path: &'a str,
    headers: &'a HeaderMap,
    parameters: &'a [u8],
}

/// A call by a known key.
struct Call {
    owner: Credential,
    livemode: bool,
    request_id: String,
    idempotency_key: Option<String>,
    /// Of the path and the parameters: an idempotency key stands for one of these.
    fingerprint: String,
    parameters: Parameters,
    now: Timestamp,
}

impl Call {
    fn read(incoming: &Incoming<'_>, request_id: &str, now: Timestamp) -> Result<Self, Refusal> {
        let key = api_key(incoming.headers)?;
        check_version(incoming.headers)?;
        check_content_type(incoming)?;
        let idempotency_key = idempotency_key(incoming.headers)?;
        let parameters = Parameters::parse(incoming.parameters);
        Ok(Self {
            owner: Credential::of(key),
            livemode: is_live(key),
            request_id: request_id.to_owned(),
            idempotency_key,
            fingerprint: sha256(format!("{}\n{:?}", incoming.path, parameters.0).as_bytes()),
            parameters,
            now,
        })
    }
}

fn api_key(headers: &HeaderMap) -> Result<&str, Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = given.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim) else {
        return Err(Refusal::new(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
        .status(StatusCode::UNAUTHORIZED));
    };
    if is_api_key(key) {
        Ok(key)
    } else {
        let last4 = Credential::of(key).last4;
        Err(Refusal::new(format!("Invalid API Key provided: ****{last4}")).status(StatusCode::UNAUTHORIZED))
    }
}

/// A secret or restricted key with something after its prefix.
fn is_api_key(key: &str) -> bool {
    ["sk_test_", "sk_live_", "rk_test_", "rk_live_"].iter().any(|prefix| {
        key.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    })
}

fn is_live(key: &str) -> bool {
    key.starts_with("sk_live_") || key.starts_with("rk_live_")
}

/// A version is a date, since 2024 followed by a name.
fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(version) = headers.get("stripe-version") else {
        return Ok(());
    };
    let version = version.to_str().unwrap_or_default();
    let date = version.split('.').next().unwrap_or_default();
    match date.parse::<jiff::civil::Date>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::new(format!("Invalid Stripe API version: {version}"))),
    }
}

fn check_content_type(incoming: &Incoming<'_>) -> Result<(), Refusal> {
    let is_given = incoming.headers.contains_key(CONTENT_TYPE) && !incoming.parameters.is_empty();
    if is_given && !has_content_type(incoming.headers, "application/x-www-form-urlencoded") {
        return Err(Refusal::new(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded).",
        ));
    }
    Ok(())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    match headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default()) {
        None => Ok(None),
        Some(key) if key.is_empty() || key.len() > 255 => {
            Err(Refusal::new("Idempotency keys must have between 1 and 255 characters.").kind("idempotency_error"))
        }
        Some(key) => Ok(Some(key.to_owned())),
    }
}

/// What is answered to a call.
#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    body: Value,
    replayed: bool,
}

/// What a call did: the object to answer with, and what others have to be told.
struct Done {
    object: Value,
    events: Vec<Event>,
}

impl Answer {
    fn object(body: Value) -> Self {
        Self { status: StatusCode::OK, body, replayed: false }
    }

    fn respond(self, request_id: &str) -> Response {
        let mut response = (self.status, [("request-id", request_id.to_owned())], Json(self.body)).into_response();
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let mut error = json!({ "type": refusal.kind, "message": refusal.message });
        if let Some(code) = refusal.code {
            error["code"] = json!(code);
            error["doc_url"] = json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
        }
        if let Some(param) = refusal.param {
            error["param"] = json!(param);
        }
        Self { status: refusal.status, body: json!({ "error": error }), replayed: false }
    }
}

/// How Stripe says no.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl Refusal {
    /// An invalid request, which most refusals are.
    fn new(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// Also said of what exists under another key.
    fn missing(object: &str, id: &str, param: &str) -> Self {
        Self::new(format!("No such {object}: '{id}'"))
            .status(StatusCode::NOT_FOUND)
            .code("resource_missing")
            .param(param)
    }

    fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    fn param(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }
}

impl Stripe {
    async fn answer(
        &self,
        name: &str,
        incoming: Incoming<'_>,
        work: impl FnOnce(&mut Call) -> Result<Answer, Refusal> + Send,
    ) -> Response {
        let answer = || {
            let now = self.inner.clock.now();
            let request_id = format!("req_{}", self.inner.ids.text(14));
            self.expire_overdue(now);
            let answer = Call::read(&incoming, &request_id, now).and_then(|mut call| work(&mut call));
            answer.unwrap_or_else(Answer::from).respond(&request_id)
        };
        self.inner.misbehaviour.play(name, answer).await
    }

    /// Executes a call that changes something, or replays the answer that its idempotency key already has.
    ///
    /// An answer is kept once execution began, whether it is a success or a refusal. A call that was refused for its
    /// parameters never comes here, so its key stays free.
    fn once(&self, call: &Call, execute: impl FnOnce(&mut Ledger) -> Result<Done, Refusal>) -> Result<Answer, Refusal> {
        let (answer, events) = self.inner.books.change(|ledger| -> Result<(Answer, Vec<Event>), Refusal> {
            if let Some(answer) = ledger.replay(call)? {
                return Ok((answer, Vec::new()));
            }
            let (answer, events) = match execute(ledger) {
                Ok(done) => (Answer::object(done.object), done.events),
                Err(refusal) => (Answer::from(refusal), Vec::new()),
            };
            ledger.remember(call, &answer);
            Ok((answer, events))
        })?;
        self.notify(events);
        Ok(answer)
    }
}

async fn unrecognized(method: Method, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/stripe").unwrap_or_default();
    let refusal = Refusal::new(format!("Unrecognized request URL ({method}: {path})."));
    Answer::from(refusal.status(StatusCode::NOT_FOUND)).respond("req_unrecognized")
}

// The calls.

async fn create(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("create", incoming, |call| stripe.create(call)).await
}

async fn retrieve(State(stripe): State<Stripe>, Path(id): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("retrieve", incoming, |call| stripe.retrieve(call, &id)).await
}

async fn expire(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("expire", incoming, |call| stripe.expire(call, &id)).await
}

async fn refund(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("refund", incoming, |call| stripe.refund(call)).await
}

async fn retrieve_refund(
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
        let order = Order::parse(call)?;
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
            Ok(Done { object, events: Vec::new() })
        })
    }

    fn retrieve(&self, call: &mut Call, id: &str) -> Result<Answer, Refusal> {
        let expand = call.parameters.one_of("expand[]", &["payment_intent"])?;
        call.parameters.finish()?;
        self.inner.books.read(|ledger| {
            let session = ledger.owned(id, &call.owner)?;
            let mut object = session.object(&self.inner.base);
            if expand.is_some() {
                object["payment_intent"] = session.intent_object();
            }
            Ok(Answer::object(object))
        })
    }

    fn expire(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        call.parameters.finish()?;
        self.once(call, |ledger| {
            let session = ledger.owned_mut(id, &call.owner)?;
            session.expire(call.now)?;
            Ok(Done {
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
            let session = ledger.paid_mut(&order, &call.owner)?;
            let object = session.refund(order, id, call.now)?;
            let events = vec![self.event(EventKind::Refunded, session, call.now, Some(call))];
            Ok(Done { object, events })
        })
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

#[cfg(test)]
mod tests;

//! A CRM in small: the endpoints that the demo businesses have their events sent to. It checks every signature and keeps
//! what it was told, for the page and, at `/crm/events.json`, for programs.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simulators::answer_body::AnswerBody;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

use crate::seed::{BAZAAR, DEMO};

/// The secrets that the demo businesses' events are signed with. They open nothing anywhere else.
pub const SIGNING_SECRET: &str = "whsec_bG9jYWwgZGVtbyBDUk0sIG5vdCBhIHNlY3JldCE=";
pub const BAZAAR_SIGNING_SECRET: &str = "whsec_bG9jYWwgYmF6YWFyIENSTSwgbm90IGEgc2VjcmV0IQ==";

/// Where the demo businesses have their events sent to, and whose the endpoint is that they come to.
pub const EVENTS_PATH: &str = "/crm/events";
pub const BAZAAR_EVENTS_PATH: &str = "/crm/bazaar/events";

/// At most this many events are kept: a demo looks at the last ones.
const MAX_EVENTS: usize = 500;

/// An event as it came.
#[derive(Clone, Debug, Serialize)]
pub struct ReceivedEvent {
    pub at: Timestamp,
    pub id: String,
    /// Whose endpoint it came to.
    pub business: String,
    /// Whether it was signed with the secret of that endpoint.
    pub is_signed: bool,
    /// The header `traceparent`, which is not signed.
    pub traceparent: Option<String>,
    /// The status it was answered with.
    pub answered: u16,
    pub event: Value,
}

/// The demo CRM's endpoint, with the events that it got, oldest first. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Crm(Arc<Mutex<CrmState>>);

#[derive(Debug, Default)]
struct CrmState {
    events: Vec<ReceivedEvent>,
    /// Whose endpoint took which event, by the event's id, also of those that are not kept any more.
    taken: BTreeSet<(String, String)>,
    /// The answers that the next events get, instead of being taken.
    answers: VecDeque<NextAnswer>,
}

/// How the demo CRM answers the next events.
#[derive(Clone, Debug, Deserialize)]
pub struct NextAnswer {
    status: u16,
    /// How many events are answered so.
    #[serde(default = "once")]
    times: u32,
    /// The header `Retry-After`.
    retry_after: Option<String>,
    /// How long the answer takes.
    #[serde(default)]
    after_milliseconds: u64,
    /// What comes behind the status, where it is not nothing.
    body: Option<AnswerBody>,
}

fn once() -> u32 {
    1
}

impl Crm {
    pub fn events(&self) -> Vec<ReceivedEvent> {
        self.state().events.clone()
    }

    /// Whose endpoint ever took which event, by the event's id.
    pub fn taken(&self) -> BTreeSet<(String, String)> {
        self.state().taken.clone()
    }

    /// Serves the endpoints, `GET /crm/events.json` and, to make the next events fail, `POST /crm/next_answer`.
    pub fn router(&self) -> Router {
        let endpoint = |business: &'static str, secret: &'static str| {
            post(move |State(crm): State<Crm>, headers: HeaderMap, body: String| async move {
                take(&crm, business, secret, &headers, body).await
            })
        };
        Router::new()
            .route(EVENTS_PATH, endpoint(DEMO, SIGNING_SECRET))
            .route(BAZAAR_EVENTS_PATH, endpoint(BAZAAR, BAZAAR_SIGNING_SECRET))
            .route("/crm/events.json", get(|State(crm): State<Crm>| async move { Json(crm.events()) }))
            .route("/crm/next_answer", post(set_next_answer))
            .with_state(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, CrmState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_answer(&self) -> Option<NextAnswer> {
        let mut state = self.state();
        let answer = state.answers.front_mut()?;
        answer.times = answer.times.saturating_sub(1);
        let answer = answer.clone();
        if answer.times == 0 {
            state.answers.pop_front();
        }
        Some(answer)
    }
}

async fn set_next_answer(State(crm): State<Crm>, Json(answer): Json<NextAnswer>) -> StatusCode {
    crm.state().answers.push_back(answer);
    StatusCode::NO_CONTENT
}

async fn take(crm: &Crm, business: &str, secret: &str, headers: &HeaderMap, body: String) -> Response {
    let is_signed = is_signed(secret, headers, &body);
    let planned = crm.next_answer();
    let status = match &planned {
        Some(answer) => StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        None if is_signed => StatusCode::NO_CONTENT,
        None => StatusCode::UNAUTHORIZED,
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (id, traceparent) = (header(HEADER_WEBHOOK_ID).unwrap_or_default(), header("traceparent"));
    let event = serde_json::from_str(&body).unwrap_or(Value::String(body));
    {
        let mut state = crm.state();
        if status.is_success() {
            state.taken.insert((business.to_owned(), id.clone()));
        }
        let (at, business, answered) = (Timestamp::now(), business.to_owned(), status.as_u16());
        state.events.push(ReceivedEvent { at, id, business, is_signed, traceparent, answered, event });
        let surplus = state.events.len().saturating_sub(MAX_EVENTS);
        state.events.drain(..surplus);
    }
    let Some(answer) = planned else { return status.into_response() };
    tokio::time::sleep(Duration::from_millis(answer.after_milliseconds)).await;
    let mut response = answer.body.map_or_else(|| status.into_response(), |body| body.respond(status));
    if let Some(wait) = answer.retry_after.and_then(|wait| wait.parse().ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    response
}

/// Whether one of the signatures is that of the secret. How old the event is does not matter here: tests turn the
/// functions' clock.
fn is_signed(secret: &str, headers: &HeaderMap, body: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (text(HEADER_WEBHOOK_ID), text(HEADER_WEBHOOK_TIMESTAMP), text(HEADER_WEBHOOK_SIGNATURE))
    else {
        return false;
    };
    let expected = timestamp
        .parse()
        .ok()
        .and_then(|timestamp| Webhook::new(secret).ok()?.sign(id, timestamp, body.as_bytes()).ok());
    expected.is_some_and(|expected| signatures.split(' ').any(|signature| signature == expected))
}

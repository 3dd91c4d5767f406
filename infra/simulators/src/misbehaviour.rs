//! Misbehaviour on demand: answers that come late, not at all or from a proxy, as a tester ordered them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer_body::AnswerBody;
use crate::content_type::has_content_type;

/// What a tester asked the next calls of one service to do wrong. It is forgotten at a restart.
#[derive(Debug, Default)]
pub(crate) struct Misbehaviour {
    planned: Mutex<Vec<Planned>>,
}

#[derive(Debug)]
struct Planned {
    call: String,
    how: How,
    times: u32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    /// The work is done and the answer comes after three seconds.
    Slow,
    /// The work is done and the answer comes after nine seconds, as from a service that has trouble.
    Late,
    /// The work is done and the answer comes when no client waits for it any more.
    Timeout,
    /// A proxy's error page; nothing was done.
    #[serde(rename = "502_html")]
    BadGateway,
    /// A proxy's error page; the work was done and its answer is lost.
    DropAfter,
    /// A 200 without a body; nothing was done.
    Empty,
    /// The work is done and the status says so, with a body that cannot be read to its end.
    #[serde(untagged)]
    Unreadable(AnswerBody),
}

#[derive(Debug, Deserialize)]
struct NextAnswer {
    call: String,
    how: How,
    #[serde(default = "once")]
    times: u32,
    /// Set by the payment pages' forms: where the browser goes back to.
    return_to: Option<String>,
}

fn once() -> u32 {
    1
}

impl Misbehaviour {
    const SLOW: Duration = Duration::from_secs(3);
    const LATE: Duration = Duration::from_secs(9);
    const TIMEOUT: Duration = Duration::from_secs(40);

    /// Answers `call` by doing `work`, in the way that was planned for it, if any was.
    ///
    /// A late answer is late after the work and not before it: a client that hangs up ends the handler, and a call
    /// that took effect without its caller knowing is the case worth testing.
    pub(crate) async fn apply(&self, call: &str, work: impl FnOnce() -> Response + Send) -> Response {
        self.apply_to(call, async { work() }).await
    }

    /// The same for work that takes time itself.
    async fn apply_to(&self, call: &str, work: impl Future<Output = Response> + Send) -> Response {
        match self.take(call) {
            None => work.await,
            Some(How::Slow) => late(work.await, Self::SLOW).await,
            Some(How::Late) => late(work.await, Self::LATE).await,
            Some(How::Timeout) => late(work.await, Self::TIMEOUT).await,
            Some(How::BadGateway) => bad_gateway(),
            Some(How::DropAfter) => {
                drop(work.await);
                bad_gateway()
            }
            Some(How::Empty) => StatusCode::OK.into_response(),
            Some(How::Unreadable(body)) => body.respond(work.await.status()),
        }
    }

    fn take(&self, call: &str) -> Option<How> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let at = planned.iter().position(|plan| plan.call == call)?;
        let plan = planned.get_mut(at)?;
        let how = plan.how;
        plan.times = plan.times.saturating_sub(1);
        if plan.times == 0 {
            planned.remove(at);
        }
        Some(how)
    }

    /// Takes an order for one of `calls`, as JSON from a test or as a form from a payment page.
    pub(crate) fn plan(&self, calls: &[&str], headers: &HeaderMap, body: &[u8]) -> Response {
        let order =
            NextAnswer::parse(headers, body).filter(|order| order.times > 0 && calls.contains(&order.call.as_str()));
        let Some(NextAnswer { call, how, times, return_to }) = order else {
            let expected = json!({
                "call": calls,
                "how": [
                    How::Slow, How::Late, How::BadGateway, How::DropAfter, How::Empty, How::Timeout,
                    How::Unreadable(AnswerBody::Large), How::Unreadable(AnswerBody::CutShort),
                    How::Unreadable(AnswerBody::Endless), How::Unreadable(AnswerBody::Silent),
                ],
                "times": "1 or more, 1 when left out",
            });
            return (StatusCode::BAD_REQUEST, Json(json!({ "expected": expected }))).into_response();
        };

        let answer = json!({ "call": &call, "how": how, "times": times });
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push(Planned { call, how, times });
        // Only a path of this server: the form must not become a way to send a browser anywhere else.
        match return_to.filter(|path| path.starts_with('/') && !path.starts_with("//")) {
            Some(path) => (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response(),
            None => Json(answer).into_response(),
        }
    }
}

/// The call of a provider of messages that goes wrong. Whatever else a provider is asked counts as the same.
const SEND: &str = "send";

/// The routes of a provider of messages, and `POST /simulator/next_answer`, by which a tester orders how it answers the
/// next calls.
pub(crate) fn misbehaving(routes: Router) -> Router {
    let misbehaviour = Arc::new(Misbehaviour::default());
    let layer = from_fn_with_state(Arc::clone(&misbehaviour), misbehave);
    routes.layer(layer).route("/simulator/next_answer", post(plan).with_state(misbehaviour))
}

async fn misbehave(State(misbehaviour): State<Arc<Misbehaviour>>, request: Request, next: Next) -> Response {
    misbehaviour.apply_to(SEND, next.run(request)).await
}

async fn plan(State(misbehaviour): State<Arc<Misbehaviour>>, headers: HeaderMap, body: Bytes) -> Response {
    misbehaviour.plan(&[SEND], &headers, &body)
}

impl NextAnswer {
    fn parse(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        if has_content_type(headers, "application/x-www-form-urlencoded") {
            serde_urlencoded::from_bytes(body).ok()
        } else {
            serde_json::from_slice(body).ok()
        }
    }
}

async fn late(answer: Response, by: Duration) -> Response {
    tokio::time::sleep(by).await;
    answer
}

fn bad_gateway() -> Response {
    const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head>\
        <body><center><h1>502 Bad Gateway</h1></center><hr></body></html>";
    (StatusCode::BAD_GATEWAY, Html(PAGE)).into_response()
}

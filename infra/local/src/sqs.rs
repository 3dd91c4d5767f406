//! The queues of what could not be worked off, and that of hints that there is work: Amazon SQS by its JSON protocol, as far as
//! paylink-admin and the functions speak it. A queue that a function listens to hands its messages over as Lambda does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// SQS hands out at most this many messages at once.
const MAX_MESSAGES: usize = 10;

/// How long to wait where nothing is new.
const PAUSE: Duration = Duration::from_millis(100);

/// One queue. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Queue(Arc<Mutex<QueueState>>);

#[derive(Debug, Default)]
struct QueueState {
    /// Messages that wait, each with its receipt handle.
    waiting: VecDeque<(String, String)>,
    /// Messages that were handed out and not deleted yet.
    taken: Vec<(String, String)>,
    sent: u64,
    /// So many calls that send something are refused.
    refused: u32,
}

impl Queue {
    /// Puts a message into the queue, as Lambda does with what it could not hand to a function.
    /// The answer is how the message is called.
    pub fn send(&self, body: &str) -> String {
        let mut state = self.state();
        state.sent += 1;
        let handle = format!("handle-{}", state.sent);
        state.waiting.push_back((handle.clone(), body.to_owned()));
        handle
    }

    /// Refuses the next calls that send something, so many of them.
    pub fn refuse_next(&self, calls: u32) {
        self.state().refused = calls;
    }

    fn is_refused(&self) -> bool {
        let mut state = self.state();
        let is_refused = state.refused > 0;
        state.refused = state.refused.saturating_sub(1);
        is_refused
    }

    /// How many messages are in it, handed out or not.
    pub fn len(&self) -> usize {
        let state = self.state();
        state.waiting.len() + state.taken.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, most: usize) -> Value {
        let mut state = self.state();
        let count = most.clamp(1, MAX_MESSAGES).min(state.waiting.len());
        let messages: Vec<(String, String)> = state.waiting.drain(..count).collect();
        state.taken.extend(messages.iter().cloned());
        let shown: Vec<Value> = messages
            .iter()
            .map(|(handle, body)| json!({ "MessageId": handle, "ReceiptHandle": handle, "Body": body }))
            .collect();
        json!({ "Messages": shown })
    }

    /// Takes the oldest message that waits, as an event source mapping does for its function, in the form in which that
    /// gets it.
    pub fn take(&self) -> Option<Value> {
        let (handle, body) = self.state().waiting.pop_front()?;
        Some(json!({ "Records": [{ "messageId": handle, "body": body, "eventSource": "aws:sqs" }] }))
    }

    fn delete(&self, handle: &str) -> Value {
        self.state().taken.retain(|(taken, _)| taken != handle);
        json!({})
    }
}

/// Queues by their names, which their addresses end with.
type Queues = Arc<BTreeMap<&'static str, Queue>>;

/// Brings a function what comes into a queue, for ever. What it cannot be brought to is lost, as it is where nobody hears of it
/// for too long: whoever sends hints to a queue has them found otherwise.
pub(crate) async fn follow(queue: Queue, function_url: String) {
    let http = reqwest::Client::new();
    loop {
        match queue.take() {
            Some(event) => {
                if let Err(error) = http.post(&function_url).json(&event).send().await {
                    tracing::warn!(reason = %error.without_url(), "A queue could not invoke its function.");
                }
            }
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Serves `POST /`.
pub fn router<const N: usize>(queues: [(&'static str, Queue); N]) -> Router {
    let queues: Queues = Arc::new(BTreeMap::from(queues));
    Router::new().route("/", post(serve)).with_state(queues)
}

async fn serve(State(queues): State<Queues>, headers: HeaderMap, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let name = request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let Some(queue) = queues.get(name) else {
        let error = json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": name });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let most = request["MaxNumberOfMessages"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(1);
    match target.strip_prefix("AmazonSQS.") {
        Some("GetQueueAttributes") => {
            let waiting = queue.state().waiting.len().to_string();
            Json(json!({ "Attributes": { "ApproximateNumberOfMessages": waiting } })).into_response()
        }
        Some("SendMessage") if queue.is_refused() => {
            let error = json!({ "__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "try again" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response()
        }
        Some("SendMessage") => match request["MessageBody"].as_str().filter(|body| !body.is_empty()) {
            Some(body) => Json(json!({ "MessageId": queue.send(body) })).into_response(),
            None => {
                let error = json!({ "__type": "com.amazon.coral.service#MissingParameter", "message": "MessageBody" });
                (StatusCode::BAD_REQUEST, Json(error)).into_response()
            }
        },
        Some("ReceiveMessage") => Json(queue.receive(most)).into_response(),
        Some("DeleteMessage") => {
            Json(queue.delete(request["ReceiptHandle"].as_str().unwrap_or_default())).into_response()
        }
        Some(_) | None => {
            let error = json!({ "__type": "com.amazonaws.sqs#UnsupportedOperation", "message": target });
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
    }
}

//! The queues of what could not be worked off: Amazon SQS by its JSON protocol, as far as paylink-admin speaks it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// SQS hands out at most this many messages at once.
const MAX_MESSAGES: usize = 10;

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
}

impl Queue {
    /// Puts a message into the queue, as Lambda does with what it could not hand to a function.
    pub fn send(&self, body: &str) {
        let mut state = self.state();
        state.sent += 1;
        let handle = format!("handle-{}", state.sent);
        state.waiting.push_back((handle, body.to_owned()));
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

    fn delete(&self, handle: &str) -> Value {
        self.state().taken.retain(|(taken, _)| taken != handle);
        json!({})
    }
}

/// Queues by their names, which their addresses end with.
type Queues = Arc<BTreeMap<&'static str, Queue>>;

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

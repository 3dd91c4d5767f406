//! What stands between a function and DynamoDB: a store that answers at a fixed delay and notes how long it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A DynamoDB in front of another that answers no earlier than after a delay. It ends with the value.
pub(crate) struct DelayedStore {
    pub(crate) url: String,
    took: Arc<Mutex<Took>>,
    server: JoinHandle<()>,
}

/// How long answers took, by the name of the operation.
pub(crate) type Took = BTreeMap<String, Vec<Duration>>;

impl Drop for DelayedStore {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Delaying {
    upstream: String,
    http: reqwest::Client,
    delay: Duration,
    took: Arc<Mutex<Took>>,
}

impl DelayedStore {
    pub(crate) async fn start(upstream: &str, delay: Duration) -> Self {
        let took: Arc<Mutex<Took>> = Arc::default();
        let (upstream, http) = (upstream.to_owned(), reqwest::Client::new());
        let state = Arc::new(Delaying { upstream, http, delay, took: Arc::clone(&took) });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let router = Router::new().fallback(pass).with_state(state);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, took, server }
    }

    /// How long the answers took since this was last asked.
    pub(crate) fn take(&self) -> Took {
        std::mem::take(&mut *self.took.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass(State(delaying): State<Arc<Delaying>>, mut headers: HeaderMap, body: Bytes) -> Response {
    let began = Instant::now();
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.split_once('.').map_or("", |(_, operation)| operation).to_owned();
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let answer = delaying.http.post(&delaying.upstream).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    let answer = answer.bytes().await.unwrap();
    // The runtime's own timer counts in whole milliseconds and rounds up, which would make two of them three.
    if let Some(left) = delaying.delay.checked_sub(began.elapsed()) {
        tokio::task::spawn_blocking(move || std::thread::sleep(left)).await.unwrap();
    }
    delaying.took.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default().push(began.elapsed());
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response.into_response()
}

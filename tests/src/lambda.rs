//! One Lambda execution environment on this machine: a process and the Runtime API that it talks to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// How a function is started.
#[derive(Clone, Debug)]
pub struct Program {
    pub name: String,
    pub command: PathBuf,
    pub arguments: Vec<String>,
    pub folder: PathBuf,
    /// Beside what Lambda itself sets.
    pub environment: BTreeMap<String, String>,
}

/// What the process sent to the Runtime API.
enum Sent {
    /// It asked for an invocation.
    Next(Instant),
    Answer(Value, Instant),
    Failed(String),
}

struct Api {
    sent: mpsc::UnboundedSender<Sent>,
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
}

/// A running function. It ends with the value.
#[derive(Debug)]
pub struct Lambda {
    child: Child,
    sent: mpsc::UnboundedReceiver<Sent>,
    events: mpsc::UnboundedSender<Value>,
    server: JoinHandle<()>,
    /// From exec to the first request for an invocation.
    pub ready_after: Duration,
    pub started_at: Instant,
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// How long an invocation may take: what the template gives the sweep, which uses most of it.
const DEADLINE: Duration = Duration::from_secs(55);

/// No function takes longer than this to start or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Lambda {
    /// Starts the program and waits until it asks for its first invocation.
    ///
    /// # Panics
    ///
    /// Panics where it does not.
    pub async fn start(program: &Program) -> Self {
        let (sent_by_process, mut sent) = mpsc::unbounded_channel();
        let (events, events_for_process) = mpsc::unbounded_channel();
        let api = Arc::new(Api { sent: sent_by_process, events: Mutex::new(events_for_process) });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Without this every small answer waits for the peer's acknowledgement.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(api);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let mut command = Command::new(&program.command);
        command
            .args(&program.arguments)
            .current_dir(&program.folder)
            .env_clear()
            .envs(lambda_environment(&program.name, port, &program.folder))
            .envs(&program.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let started_at = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.name));
        let first = tokio::select! {
            biased;
            first = tokio::time::timeout(PATIENCE, sent.recv()) => first.expect("the function starts in a minute"),
            ended = child.wait() => panic!("{} ended before it was asked: {ended:?}", program.name),
        };
        let ready_after = match first {
            Some(Sent::Next(at)) => at - started_at,
            Some(Sent::Failed(reason)) => panic!("{} did not start: {reason}", program.name),
            Some(Sent::Answer(..)) | None => panic!("{} answered before it was asked", program.name),
        };
        Self { child, sent, events, server, ready_after, started_at }
    }

    /// Hands over one event. The answer, and how long it took to come.
    ///
    /// # Panics
    ///
    /// Panics where the invocation fails.
    pub async fn invoke(&mut self, event: Value) -> (Value, Duration) {
        let asked = Instant::now();
        self.events.send(event).unwrap();
        loop {
            match tokio::time::timeout(PATIENCE, self.sent.recv()).await.expect("an answer comes in a minute") {
                Some(Sent::Answer(answer, at)) => return (answer, at - asked),
                Some(Sent::Next(_)) => {}
                Some(Sent::Failed(reason)) => panic!("an invocation failed: {reason}"),
                None => panic!("the function is gone"),
            }
        }
    }

    /// The peak of the process's resident memory, in bytes.
    ///
    /// # Panics
    ///
    /// Panics where the system does not say.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    }

    /// The time that the process's threads spent on a processor.
    ///
    /// # Panics
    ///
    /// Panics where the system does not say.
    pub fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(self.proc("task")).unwrap();
        let one = |task: std::io::Result<std::fs::DirEntry>| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(tasks.filter_map(one).sum())
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().expect("the process runs").to_string()).join(file)
    }
}

fn lambda_environment(name: &str, port: u16, folder: &Path) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap_or_default();
    [
        ("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}")),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("LAMBDA_TASK_ROOT", folder.display().to_string()),
        ("PATH", path),
        ("HOME", "/nonexistent".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let _ = api.sent.send(Sent::Next(Instant::now()));
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + DEADLINE;
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:bench".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn response(State(api): State<Arc<Api>>, UrlPath(_): UrlPath<String>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let _ = api.sent.send(Sent::Answer(serde_json::from_slice(&body).unwrap_or_default(), at));
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Arc<Api>>, UrlPath(_): UrlPath<String>, body: Bytes) -> StatusCode {
    let _ = api.sent.send(Sent::Failed(String::from_utf8_lossy(&body).into_owned()));
    StatusCode::ACCEPTED
}

async fn init_error(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    let _ = api.sent.send(Sent::Failed(String::from_utf8_lossy(&body).into_owned()));
    StatusCode::ACCEPTED
}

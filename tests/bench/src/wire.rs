//! What stands between a function and DynamoDB: a TLS endpoint with a certificate of its own, and a store that answers
//! at a fixed delay and notes how long it took.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where systems keep the certificates that they trust.
const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A TLS endpoint in front of a plain one, on loopback.
pub(crate) struct TlsEndpoint {
    pub(crate) url: String,
    /// The system's roots and our own: as many as a function finds in Lambda.
    pub(crate) roots: PathBuf,
    /// Our own root alone, for runtimes that keep theirs inside.
    pub(crate) own_root: PathBuf,
    revision: Arc<Mutex<Revision>>,
}

/// What a process did with its connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Revision {
    pub(crate) first_connection: Option<Instant>,
    /// When the last byte was handed to it.
    pub(crate) last_answer: Option<Instant>,
}

impl TlsEndpoint {
    pub(crate) async fn start(upstream_port: u16, folder: &Path) -> Self {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let own_root = folder.join("own-root.pem");
        std::fs::write(&own_root, certified.cert.pem()).unwrap();
        let roots = folder.join("roots.pem");
        let mut file = std::fs::File::create(&roots).unwrap();
        let system = SYSTEM_ROOTS.iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_default();
        file.write_all(&system).unwrap();
        file.write_all(certified.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("a certificate that was just made");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let revision: Arc<Mutex<Revision>> = Arc::default();
        let noted = Arc::clone(&revision);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                noted.lock().unwrap_or_else(PoisonError::into_inner).first_connection.get_or_insert_with(Instant::now);
                tokio::spawn(tunnel(stream, acceptor.clone(), upstream_port, Arc::clone(&noted)));
            }
        });
        Self { url, roots, own_root, revision }
    }

    /// What was seen since this was last asked.
    pub(crate) fn take_seen(&self) -> Revision {
        std::mem::take(&mut *self.revision.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn tunnel(stream: TcpStream, acceptor: TlsAcceptor, upstream_port: u16, revision: Arc<Mutex<Revision>>) {
    let _ = stream.set_nodelay(true);
    // A process that ended in the middle of it is no trouble of ours.
    let Ok(inside) = acceptor.accept(stream).await else { return };
    let Ok(upstream) = TcpStream::connect(("127.0.0.1", upstream_port)).await else { return };
    let _ = upstream.set_nodelay(true);
    let (mut from_function, mut to_function) = tokio::io::split(inside);
    let (mut from_store, mut to_store) = upstream.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut from_function, &mut to_store).await });
    let mut answer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from_store.read(&mut answer).await {
        // Before it is sent, because the process may be faster than this task.
        revision.lock().unwrap_or_else(PoisonError::into_inner).last_answer = Some(Instant::now());
        if to_function.write_all(&answer[..length]).await.is_err() || to_function.flush().await.is_err() {
            break;
        }
    }
    asking.abort();
}

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

//! What stands between a function and DynamoDB: a TLS endpoint with a certificate of its own, and a store that answers
//! at a fixed delay.

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
use tokio::net::{TcpListener, TcpStream};
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
    first_connection: Arc<Mutex<Option<Instant>>>,
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
        let first_connection: Arc<Mutex<Option<Instant>>> = Arc::default();
        let seen = Arc::clone(&first_connection);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
                tokio::spawn(tunnel(stream, acceptor.clone(), upstream_port));
            }
        });
        Self { url, roots, own_root, first_connection }
    }

    /// When the first connection came since this was last asked.
    pub(crate) fn take_first_connection(&self) -> Option<Instant> {
        self.first_connection.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn tunnel(stream: TcpStream, acceptor: TlsAcceptor, upstream_port: u16) {
    let _ = stream.set_nodelay(true);
    // A process that ended in the middle of it is no trouble of ours.
    let Ok(mut inside) = acceptor.accept(stream).await else { return };
    let Ok(mut upstream) = TcpStream::connect(("127.0.0.1", upstream_port)).await else { return };
    let _ = upstream.set_nodelay(true);
    let _ = tokio::io::copy_bidirectional(&mut inside, &mut upstream).await;
}

struct Delaying {
    upstream: String,
    http: reqwest::Client,
    delay: Duration,
}

/// A DynamoDB in front of another that answers no earlier than after `delay`. Answers where it is.
pub(crate) async fn delayed(upstream: &str, delay: Duration) -> String {
    let state = Arc::new(Delaying { upstream: upstream.to_owned(), http: reqwest::Client::new(), delay });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let router = Router::new().fallback(pass).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn pass(State(delaying): State<Arc<Delaying>>, mut headers: HeaderMap, body: Bytes) -> Response {
    let until = tokio::time::Instant::now() + delaying.delay;
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let answer = delaying.http.post(&delaying.upstream).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    let answer = answer.bytes().await.unwrap();
    tokio::time::sleep_until(until).await;
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response.into_response()
}

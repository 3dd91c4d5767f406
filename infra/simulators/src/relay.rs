//! A relay as a business would run it: it lets in whoever has its secret, and passes the call on to the host that is named
//! beside it. docs/gateways/README.md has the same for nginx.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use reqwest::redirect::Policy;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The header that this relay looks for its secret in.
pub const SECRET_HEADER: &str = "x-relay-secret";

/// The header that names the host.
const HOST_HEADER: &str = "paylink-gateway-host";

/// How the relay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Up,
    /// It takes calls and never answers them.
    Silent,
}

#[derive(Debug)]
struct Changing {
    secret: String,
    health: Health,
    /// Host and path of each call that was passed on.
    passed_on: Vec<String>,
    /// How many calls had another secret, or none.
    refused: usize,
}

#[derive(Debug)]
struct Inner {
    hosts: BTreeSet<String>,
    http: reqwest::Client,
    changing: Mutex<Changing>,
}

impl Inner {
    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running relay. It ends with the value.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// Starts a relay with a secret that passes calls on to these hosts, each with its port, and to no other.
    ///
    /// # Errors
    ///
    /// When this machine has no port left.
    pub async fn start(secret: &str, hosts: &[&str]) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let http = reqwest::Client::builder().redirect(Policy::none()).build().map_err(io::Error::other)?;
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let changing =
            Changing { secret: secret.to_owned(), health: Health::default(), passed_on: Vec::new(), refused: 0 };
        let inner = Arc::new(Inner { hosts, http, changing: Mutex::new(changing) });
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move {
            // Serving ends with the value; an error of one connection does not end it.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { port, inner, task })
    }

    /// Where it is, with a path in front of the gateways' own, which the relay takes away.
    pub fn url(&self) -> String {
        format!("http://localhost:{}{PREFIX}", self.port)
    }

    /// From now on only this secret is let in.
    pub fn change_secret(&self, secret: &str) {
        secret.clone_into(&mut self.inner.changing().secret);
    }

    pub fn set_health(&self, health: Health) {
        self.inner.changing().health = health;
    }

    /// Host and path of each call that was passed on, in order.
    pub fn passed_on(&self) -> Vec<String> {
        self.inner.changing().passed_on.clone()
    }

    /// How many calls had another secret, or none.
    pub fn refused(&self) -> usize {
        self.inner.changing().refused
    }
}

const PREFIX: &str = "/relay";

async fn pass_on(
    State(relay): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let secret = headers.remove(SECRET_HEADER);
    let host = headers.remove(HOST_HEADER);
    let health = {
        let mut changing = relay.changing();
        if secret.is_none_or(|secret| secret.as_bytes() != changing.secret.as_bytes()) {
            changing.refused += 1;
            return page(StatusCode::FORBIDDEN, "403 Forbidden");
        }
        changing.health
    };
    if health == Health::Silent {
        return std::future::pending().await;
    }
    let host = host.and_then(|host| host.to_str().ok().map(str::to_owned));
    let path = uri.path_and_query().and_then(|path| path.as_str().strip_prefix(PREFIX));
    let (Some(host), Some(path)) = (host.filter(|host| relay.hosts.contains(host)), path) else {
        return page(StatusCode::NOT_FOUND, "404 Not Found");
    };
    relay.changing().passed_on.push(format!("{host}{path}"));
    for of_the_connection in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(of_the_connection);
    }
    headers.append(header::VIA, HeaderValue::from_static("1.1 relay"));
    let sent = relay.http.request(method, format!("http://{host}{path}")).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return page(StatusCode::BAD_GATEWAY, "502 Bad Gateway") };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else { return page(StatusCode::BAD_GATEWAY, "502 Bad Gateway") };
    for of_the_connection in [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(of_the_connection);
    }
    (status, headers, body).into_response()
}

/// What a web server says by itself.
fn page(status: StatusCode, title: &str) -> Response {
    let body = format!("<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>");
    (status, Html(body)).into_response()
}

//! What the tests of the simulators need to speak HTTP to a router.

use std::error::Error;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::gateway::GatewayKind;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Request, StatusCode};
use runtime::Clock;
use serde_json::Value;
use tower::ServiceExt;

use super::Simulators;
use super::webhook::{Notify, OutgoingWebhook};

pub(super) type TestResult = Result<(), Box<dyn Error>>;

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.text)
    }

    pub(super) fn location(&self) -> &str {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub(super) struct Client {
    simulators: Simulators,
    router: Router,
    key: Option<&'static str>,
    pub(super) sent: Arc<Mutex<Vec<OutgoingWebhook>>>,
}

impl Client {
    pub(super) fn new(key: Option<&'static str>) -> Result<Self, Box<dyn Error>> {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let post_box = Arc::clone(&sent);
        let notify: Notify = Arc::new(move |webhook| {
            if let Ok(mut post_box) = post_box.lock() {
                post_box.push(webhook);
            }
            Box::pin(async { Ok(200) })
        });
        let simulators = Simulators::open("http://localhost:9001", None, notify, Clock::System)?;
        Ok(Self { router: simulators.router(), simulators, key, sent })
    }

    /// Has an endpoint of the merchant's called, at gateways to which that is said once.
    pub(super) fn register(&self, gateway: GatewayKind, key: &str, url: &str, secret: &str) {
        self.simulators.register_webhook(gateway, key, url, secret);
    }

    pub(super) fn with_key(&self, key: &'static str) -> Self {
        let (simulators, router) = (self.simulators.clone(), self.router.clone());
        Self { simulators, router, key: Some(key), sent: Arc::clone(&self.sent) }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Reply, Box<dyn Error>> {
        self.send(Request::get(path), String::new()).await
    }

    pub(super) async fn post_json(&self, path: &str, body: &Value) -> Result<Reply, Box<dyn Error>> {
        self.send(Request::post(path).header(CONTENT_TYPE, "application/json"), body.to_string()).await
    }

    pub(super) async fn post_form(&self, path: &str, body: &str) -> Result<Reply, Box<dyn Error>> {
        self.post_form_with(path, body, None).await
    }

    pub(super) async fn post_form_with(
        &self,
        path: &str,
        body: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Reply, Box<dyn Error>> {
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        self.send(request, body.to_owned()).await
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Result<Reply, Box<dyn Error>> {
        let request = match self.key {
            // A key with its secret behind a colon.
            Some(key) if key.contains(':') => request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(key))),
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        };
        let response = self.router.clone().oneshot(request.body(Body::from(body))?).await?;
        let (head, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await?.to_vec())?;
        Ok(Reply { status: head.status, headers: head.headers, text })
    }
}

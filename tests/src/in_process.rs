//! The functions, called in this process with the events that AWS would send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use channels::{Channels, Webhooks, sms_reports};
use confirmation::Confirmation;
use domain::gateway::GatewayRulebook;
use gateways::Gateways;
use lambda_http::request::LambdaRequest;
use runtime::{Clock, Environment, Runtime};
use serde_json::{Value, json};
use signed::{Objects, WorkQueue};
use store::Store;
use tokio::net::TcpListener;
use tower::ServiceExt;
use web::Callers;

/// The names of the functions, as the template has them.
pub(crate) const FUNCTIONS: [&str; 8] = [
    "create-link",
    "crm-api",
    "pay-redirect",
    "receipt-pdf",
    "gateway-webhook",
    "expire-links",
    "run-batches",
    "deliver-messages",
];

/// All functions.
#[derive(Clone, Debug)]
pub struct Functions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    create_link: Router,
    crm_api: Router,
    pay_redirect: Router,
    receipt_pdf: Router,
    gateway_webhook: Router,
    expire_links: expire_links::App,
    run_batches: run_batches::App,
    deliver_messages: deliver_messages::App,
}

impl Functions {
    /// The functions with an environment of the test's own.
    pub fn in_environment(environment: BTreeMap<String, String>, clock: &'static AtomicI64) -> Self {
        Self::in_environments(|_| environment.clone(), clock)
    }

    /// Each function with an environment of its own, as it has in AWS.
    pub fn in_environments(
        environment_of: impl Fn(&str) -> BTreeMap<String, String>,
        clock: &'static AtomicI64,
    ) -> Self {
        let clock = Clock::Ahead(clock);
        // Each function has a runtime and a store of its own, as it has a process of its own.
        let runtime = |function: &str| Runtime::new(Environment::from(environment_of(function))).unwrap();
        let store = |runtime: &Runtime| Store::wire(runtime).unwrap();
        let confirmation = |runtime: &Runtime| Confirmation::new(store(runtime), Gateways::wire(runtime).unwrap());
        let rulebook = GatewayRulebook::default();
        let [create, crm, pay, receipt, gateway, expire, batches, deliver] = FUNCTIONS.map(runtime);
        let base_url = create.base_url().unwrap();
        let callers =
            |runtime: &Runtime, store: &Store| Callers::new(store.clone(), runtime.calls_per_second().unwrap());
        let (create_store, crm_store) = (store(&create), store(&crm));
        let create = create_link::App {
            callers: callers(&create, &create_store),
            store: create_store,
            gateways: rulebook.clone(),
            clock,
            base_url,
        };
        let crm = crm_api::App {
            callers: callers(&crm, &crm_store),
            store: crm_store,
            clock,
            reach: crm.webhook_reach().unwrap(),
            gateways: rulebook.clone(),
            files: Some(crm_api::Files {
                objects: Objects::wire(&crm).unwrap(),
                queue: WorkQueue::wire(&crm).unwrap(),
            }),
            base_url: crm.base_url().unwrap(),
        };
        let pay_gateways = Gateways::wire(&pay).unwrap();
        let pay = pay_redirect::App {
            pay_hosts: pay_gateways.pay_hosts(),
            confirmation: Confirmation::new(store(&pay), pay_gateways),
            rulebook: rulebook.clone(),
            clock,
        };
        let gateway_store = store(&gateway);
        let gateways = Gateways::wire(&gateway).unwrap();
        let gateway = gateway_webhook::App {
            callers: callers(&gateway, &gateway_store),
            confirmation: Confirmation::new(gateway_store, gateways.clone()),
            gateways,
            rulebook: rulebook.clone(),
            base_url: gateway.base_url().unwrap(),
            clock,
        };
        Self(Arc::new(Inner {
            create_link: create_link::router(create),
            crm_api: crm_api::router(crm),
            pay_redirect: pay_redirect::router(pay),
            receipt_pdf: receipt_pdf::router(receipt_pdf::App { store: store(&receipt), clock }),
            gateway_webhook: gateway_webhook::router(gateway),
            expire_links: expire_links::App { confirmation: confirmation(&expire), clock },
            run_batches: run_batches::App {
                store: store(&batches),
                objects: Objects::wire(&batches).unwrap(),
                gateways: rulebook.clone(),
                clock,
            },
            deliver_messages: deliver_messages::App {
                store: store(&deliver),
                channels: Channels::wire(&deliver).unwrap(),
                webhooks: Webhooks::wire(&deliver).unwrap(),
                sms_reports: sms_reports(&deliver).unwrap(),
                clock,
                slow: Arc::default(),
            },
        }))
    }

    /// Serves them as API Gateway and Lambda's invoke API would.
    pub(crate) fn serve(&self, listener: TcpListener) {
        let router = Router::new()
            .route("/2015-03-31/functions/{function}/invocations", post(invoke))
            .fallback(dispatch)
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    /// The function that the template's routes lead a request to.
    pub(crate) fn serving(method: &Method, path: &str) -> &'static str {
        let is_replaced = path.starts_with("/v1/payment-links/") && path.ends_with("/replace");
        let makes_links = is_replaced || ["/v1/payment-links", "/v1/payment-links/draft"].contains(&path);
        if makes_links && method == Method::POST {
            "create-link"
        } else if (path.starts_with("/v1/accounts/") && path.ends_with("/check") && method == Method::POST)
            || (path.split('?').next() == Some("/v1/reconciliation") && method == Method::GET)
        {
            "gateway-webhook"
        } else if path.starts_with("/v1/") {
            "crm-api"
        } else if path.starts_with("/gateways/") {
            "gateway-webhook"
        } else if path.split('?').next().is_some_and(is_receipt_file) {
            "receipt-pdf"
        } else {
            "pay-redirect"
        }
    }

    fn route(&self, method: &Method, path: &str) -> &Router {
        match Self::serving(method, path) {
            "create-link" => &self.0.create_link,
            "crm-api" => &self.0.crm_api,
            "gateway-webhook" => &self.0.gateway_webhook,
            "receipt-pdf" => &self.0.receipt_pdf,
            _ => &self.0.pay_redirect,
        }
    }

    /// Hands an API Gateway event to the function that its path leads to.
    pub async fn http(&self, event: &Value) -> Response {
        let event: LambdaRequest = serde_json::from_value(event.clone()).unwrap();
        let request = lambda_http::Request::from(event);
        let (parts, body) = request.into_parts();
        let body = Bytes::copy_from_slice(body.as_ref());
        let request = Request::from_parts(parts, axum::body::Body::from(body));
        let router = self.route(&request.method().clone(), request.uri().path()).clone();
        router.oneshot(request).await.unwrap()
    }

    /// The same as Lambda does it, with the id that Lambda gives the request: what API Gateway is answered.
    pub async fn in_lambda(&self, event: &Value, request_id: &str) -> Value {
        let method = event["requestContext"]["http"]["method"].as_str().unwrap();
        let router = self.route(&method.parse().unwrap(), event["rawPath"].as_str().unwrap()).clone();
        let mut context = lambda_http::Context::default();
        context.request_id = request_id.to_owned();
        let event: LambdaRequest = serde_json::from_value(event.clone()).unwrap();
        let mut function = lambda_http::Adapter::from(router);
        let answer = lambda_http::Service::call(&mut function, lambda_http::LambdaEvent::new(event, context)).await;
        serde_json::to_value(answer.unwrap()).unwrap()
    }

    /// Hands an event of EventBridge or of the stream to a function.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, String> {
        self.invoke_within(Duration::from_secs(50), function, event).await
    }

    /// Hands an event to a function that has this much time.
    pub async fn invoke_within(&self, time: Duration, function: &str, event: Value) -> Result<Value, String> {
        let deadline = SystemTime::now() + time;
        match function {
            "expire-links" => expire_links::sweep(&self.0.expire_links, deadline)
                .await
                .map(|swept| serde_json::to_value(swept).unwrap())
                .map_err(|error| error.to_string()),
            "run-batches" if event.get("Records").is_some() => {
                let followed = run_batches::follow(&self.0.run_batches, &event, deadline).await;
                serde_json::to_value(followed).map_err(|error| error.to_string())
            }
            "run-batches" => run_batches::run(&self.0.run_batches, deadline)
                .await
                .map(|ran| serde_json::to_value(ran).unwrap())
                .map_err(|error| error.to_string()),
            "deliver-messages" => deliver_messages::handle(&self.0.deliver_messages, event, deadline)
                .await
                .map_err(|error| error.to_string()),
            _ => Err(format!("{function} is not invoked by events")),
        }
    }
}

async fn dispatch(State(functions): State<Functions>, request: Request) -> Response {
    let router = functions.route(request.method(), request.uri().path()).clone();
    router.oneshot(request).await.unwrap()
}

async fn invoke(State(functions): State<Functions>, Path(function): Path<String>, body: Bytes) -> Response {
    let event = serde_json::from_slice(&body).unwrap();
    match functions.invoke(&function, event).await {
        Ok(answer) => axum::Json(answer).into_response(),
        Err(reason) => (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response(),
    }
}

/// An event of an HTTP API in payload format 2.0, as API Gateway sends it.
pub fn api_gateway_event(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
    base64: bool,
) -> Value {
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    json!({
        "version": "2.0",
        "routeKey": "ANY /{proxy+}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "api-id",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "ANY /{proxy+}",
            "stage": "$default",
            "time": "10/Mar/2026:05:16:23 +0000",
            "timeEpoch": 1_773_119_783_000_i64,
        },
        "body": body,
        "isBase64Encoded": base64,
    })
}

/// Whether a path is that of a receipt as a file.
fn is_receipt_file(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts[..], ["", "p" | "r", _, "receipt.pdf"])
}

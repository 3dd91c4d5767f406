//! A proxy between the functions and everything they call: DynamoDB, SNS, SES, WhatsApp, the providers of messages by
//! address, the gateways and the CRM's endpoint.
//!
//! It numbers the calls of a function, writes them down, and can make any of them go wrong: not let it through, answer
//! what the service answers on a bad day, or let it happen and lose the answer. Two faults stop the function itself, as
//! a process that dies does: the test that runs the function waits for [`FaultProxy::death_of`] beside it and drops it
//! then.
//!
//! An operation of the AWS SDK is one call, however often the SDK tries it. A fault says whether it meets only the
//! first try or every one.
//!
//! A call to AWS that the function's role in the template does not allow is refused as IAM would refuse it, so that
//! whatever is tested through this proxy is tested with the permissions it will have.
//!
//! It keeps every write that DynamoDB took, so that nobody has to look after each step to see what was true in between.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use paylink_local::Cloud;
use paylink_local::crm::{BAZAAR_EVENTS_PATH, EVENTS_PATH};
use paylink_local::seed::BAZAAR;
use serde_json::{Value, json};
use simulators::gateways::{SIMULATED, gateway_urls};
use simulators::providers::{self, SimulatedProvider};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::permissions::{self, Permissions};

/// One call of a function, by what it asks for. Two calls of one kind look the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub function: String,
    /// `dynamodb`, `crm`, a provider of messages such as `sns` or `bot-api`, or a gateway such as `zarinpal`,
    /// `zarinpal-live` or `stripe`.
    pub service: String,
    /// `PutItem`, `Publish`, `verify`, `POST /v1/refunds`, …
    pub operation: String,
}

impl Call {
    /// Whether it hands a message for a person to its provider.
    pub fn sends_a_message(&self) -> bool {
        providers::SIMULATED.iter().any(|one| service_of(one) == self.service)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.function, self.service, self.operation)
    }
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The function dies before the call leaves it.
    DieBefore,
    /// The call happens, and the function dies before it hears of it.
    DieAfter,
    /// The connection is closed before anything happens, at every try.
    Refuse,
    /// The call happens and its answer is lost; every further try is refused.
    LoseAnswer,
    /// The call happens and its answer is lost, once.
    LoseAnswerOnce,
    /// The service says that it has trouble, at every try, and nothing happens.
    Unavailable,
    /// The service asks to be called less often, once.
    Throttle,
    /// Another transaction is at the same item, once. Only DynamoDB says so; elsewhere it is a throttle.
    Conflict,
    /// The call happens after a while.
    Delay(Duration),
}

impl Fault {
    /// Whether it stops the function.
    pub fn is_deadly(self) -> bool {
        matches!(self, Self::DieBefore | Self::DieAfter)
    }

    /// Every fault that a sweep puts at every call.
    pub const ALL: [Fault; 8] = [
        Fault::DieBefore,
        Fault::DieAfter,
        Fault::Refuse,
        Fault::LoseAnswer,
        Fault::LoseAnswerOnce,
        Fault::Unavailable,
        Fault::Throttle,
        Fault::Conflict,
    ];
}

type Decide = Box<dyn FnMut(usize, &Call) -> Option<Fault> + Send>;

/// What the proxy does with calls at present.
struct Plan {
    decide: Decide,
    calls: Vec<Call>,
    /// What was decided for the operations of the SDK that may be tried again.
    decided: HashMap<String, Option<Fault>>,
}

struct State {
    upstreams: BTreeMap<&'static str, String>,
    http: reqwest::Client,
    /// What IAM would refuse a function is refused here.
    permissions: Permissions,
    plan: Mutex<Plan>,
    deaths: Mutex<HashMap<String, Arc<Notify>>>,
    /// The writes that DynamoDB took and that nobody has asked for yet.
    written: Mutex<Vec<Bytes>>,
}

/// The running proxy. It ends with the value.
pub struct FaultProxy {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FaultProxy {
    /// Starts a proxy in front of everything that the functions of a cloud call, with DynamoDB at an address of its own.
    pub async fn start(cloud: &Cloud, dynamodb: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let aws = SERVICES.map(|(service, variable)| (service, cloud.environment[variable].clone()));
        let paths = SIMULATED.iter().flat_map(|one| [one.live, one.sandbox]);
        let gateways = paths.map(|path| (path.trim_start_matches('/'), format!("{}{path}", cloud.page_url())));
        let by_address = providers_by_address().chain([CRM]).map(|path| (path, format!("{}/{path}", cloud.page_url())));
        let upstreams = aws.into_iter().chain(gateways).chain(by_address);
        let upstreams = upstreams.chain([("dynamodb", dynamodb.to_owned())]).collect();
        let plan = Plan { decide: Box::new(|_, _| None), calls: Vec::new(), decided: HashMap::new() };
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let state = Arc::new(State {
            upstreams,
            http,
            permissions: Permissions::of_the_template(),
            plan: Mutex::new(plan),
            deaths: Mutex::default(),
            written: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { port, state, task }
    }

    /// The environment in which a function calls everything through this proxy.
    pub fn environment(&self, function: &str, cloud: &Cloud) -> BTreeMap<String, String> {
        let mut environment = self.environment_with(function, cloud, &SERVICES);
        let urls = gateway_urls(|path| format!("http://127.0.0.1:{}/{function}{path}", self.port));
        environment.insert("PAYLINK_GATEWAY_URLS".to_owned(), urls);
        environment
    }

    /// The environment in which a function calls AWS through this proxy, and gateways without it.
    pub fn environment_of_aws(&self, function: &str, cloud: &Cloud) -> BTreeMap<String, String> {
        let of_aws: Vec<_> = SERVICES.into_iter().filter(|(_, variable)| variable.starts_with("AWS_")).collect();
        self.environment_with(function, cloud, &of_aws)
    }

    fn environment_with(&self, function: &str, cloud: &Cloud, services: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut environment = cloud.environment.clone();
        for (service, variable) in services {
            environment.insert((*variable).to_owned(), format!("http://127.0.0.1:{}/{function}/{service}", self.port));
        }
        environment
    }

    /// Where deliver-messages reaches the endpoint of a demo business through this proxy. An endpoint's address is in the
    /// table and not in the environment.
    pub fn crm_endpoint(&self, business: &str) -> String {
        let path = if business == BAZAAR { BAZAAR_EVENTS_PATH } else { EVENTS_PATH };
        format!("{}{path}", self.page_url())
    }

    /// Below this deliver-messages reaches through this proxy what it calls by addresses from the table.
    pub fn page_url(&self) -> String {
        format!("http://127.0.0.1:{}/deliver-messages", self.port)
    }

    /// The items that DynamoDB took since this was last asked, as they were written.
    pub fn written(&self) -> Vec<Value> {
        let bodies = std::mem::take(&mut *lock(&self.state.written));
        bodies.iter().flat_map(items_of).collect()
    }

    /// From now on this decides about each new call, by its number from 0 and what it is.
    pub fn decide(&self, decide: impl FnMut(usize, &Call) -> Option<Fault> + Send + 'static) {
        let mut plan = lock(&self.state.plan);
        *plan = Plan { decide: Box::new(decide), calls: Vec::new(), decided: HashMap::new() };
    }

    /// From now on every call goes well. Counting begins anew.
    pub fn record(&self) {
        self.decide(|_, _| None);
    }

    /// From now on the n-th call of this kind, from 0, meets this fault, and no other call does.
    pub fn fault_at(&self, kind: Call, number: usize, fault: Fault) {
        let mut seen = 0;
        self.decide(move |_, call| {
            let is_it = *call == kind && seen == number;
            seen += usize::from(*call == kind);
            is_it.then_some(fault)
        });
    }

    /// The calls since the proxy was last told what to do.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state.plan).calls.clone()
    }

    /// Notifies all who wait when a call of this function meets a fault that kills it. Whatever the function does at that
    /// moment dies with it.
    pub fn death_of(&self, function: &str) -> Arc<Notify> {
        Arc::clone(lock(&self.state.deaths).entry(function.to_owned()).or_default())
    }
}

/// The deployer's command, as functions are named here. No role of the template is its.
pub const ADMIN: &str = "paylink-admin";

/// What the functions call besides the gateways, and the variable that says where it is.
const SERVICES: [(&str, &str); 4] = [
    ("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB"),
    ("sns", "AWS_ENDPOINT_URL_SNS"),
    ("ses", "AWS_ENDPOINT_URL_SES"),
    (WHATSAPP, "AWS_ENDPOINT_URL_SOCIALMESSAGING"),
];

/// AWS End User Messaging Social, which sends to WhatsApp.
const WHATSAPP: &str = "social-messaging";

/// The CRM, which is called by an address from the table.
const CRM: &str = "crm";

/// Providers that say in a form of their own that they are too busy.
const KAVENEGAR: &str = "kavenegar";
const BOT_API: &str = "bot-api";
const CRM_LINE: &str = "crm-line";

/// What a simulated provider is called here.
fn service_of(simulated: &SimulatedProvider) -> &'static str {
    simulated.path.trim_start_matches('/')
}

/// The providers of messages that are called by addresses from the table too.
fn providers_by_address() -> impl Iterator<Item = &'static str> {
    let has_address = |one: &&SimulatedProvider| {
        one.provider.profile().record.as_ref().is_some_and(|record| record.base_url.is_some() || record.has_url)
    };
    providers::SIMULATED.iter().filter(has_address).map(service_of)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    // Without this every small answer waits for the peer's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| handle(Arc::clone(&state), request));
    // An error is a connection that was closed without an answer, which is what some faults are.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is closed instead of an answer.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fault proxy closed the connection")
    }
}

impl std::error::Error for Closed {}

type Answer = Result<Response<Full<Bytes>>, Closed>;

/// A request on its way.
struct Passing {
    url: String,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    /// Whether it puts items into the table.
    is_write: bool,
}

async fn handle(state: Arc<State>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let (function, service, rest) = split(&head.uri).ok_or(Closed)?;
    let upstream = state.upstreams.get(service.as_str()).ok_or(Closed)?;
    let url = format!("{upstream}{rest}");
    let mut passing = Passing { url, method: head.method, headers: head.headers, body, is_write: false };
    // What is no call of a function is a browser on a gateway's page.
    let Some(operation) = operation(&service, &rest, &passing) else { return forward(&state, passing).await };
    passing.is_write =
        service == "dynamodb" && ["PutItem", "TransactWriteItems", "BatchWriteItem"].contains(&operation.as_str());
    let call = Call { function, service, operation };
    if let Some(refusal) = refusal(&state, &call, &passing.body) {
        return Ok(refusal);
    }
    let (fault, is_first_try) = decide(&state, &call, &passing.headers);
    let Some(fault) = fault else { return forward(&state, passing).await };
    match fault {
        Fault::DieBefore => die(&state, &call).await,
        Fault::DieAfter => {
            let _ = forward(&state, passing).await;
            die(&state, &call).await
        }
        Fault::Refuse => Err(Closed),
        Fault::LoseAnswer | Fault::LoseAnswerOnce if is_first_try => {
            let _ = forward(&state, passing).await;
            Err(Closed)
        }
        Fault::LoseAnswer => Err(Closed),
        Fault::Unavailable => Ok(trouble(&call)),
        Fault::Throttle if is_first_try => Ok(throttled(&call)),
        Fault::Conflict if is_first_try => Ok(conflict(&call, &passing.body)),
        Fault::LoseAnswerOnce | Fault::Throttle | Fault::Conflict => forward(&state, passing).await,
        Fault::Delay(pause) => {
            tokio::time::sleep(pause).await;
            forward(&state, passing).await
        }
    }
}

/// Function, service and the rest of a path such as `/pay-redirect/stripe/v1/refunds`.
fn split(uri: &Uri) -> Option<(String, String, String)> {
    let path = uri.path_and_query()?.as_str().strip_prefix('/')?;
    let (function, path) = path.split_once('/')?;
    let end = path.find(['/', '?']).unwrap_or(path.len());
    let (service, rest) = path.split_at(end);
    Some((function.to_owned(), service.to_owned(), rest.to_owned()))
}

/// What a request asks for, or nothing where it is a page for a browser.
fn operation(service: &str, rest: &str, request: &Passing) -> Option<String> {
    match service {
        "dynamodb" => {
            let target = request.headers.get("x-amz-target")?.to_str().ok()?;
            target.split_once('.').map(|(_, operation)| operation.to_owned())
        }
        "sns" | "ses" => {
            let body = String::from_utf8_lossy(&request.body);
            body.split('&').find_map(|field| field.strip_prefix("Action=")).map(str::to_owned)
        }
        "stripe" => {
            let path = rest.split('?').next().filter(|path| path.starts_with("/v1/"))?;
            // An id says nothing about the kind of the call.
            let is_id = |part: &str| ["cs_", "re_"].iter().any(|prefix| part.starts_with(prefix));
            let path: Vec<&str> = path.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect();
            Some(format!("{} {}", request.method, path.join("/")))
        }
        CRM => Some(format!("{} {rest}", request.method)),
        WHATSAPP => (rest == "/v1/whatsapp/send").then(|| "SendWhatsAppMessage".to_owned()),
        // The rest of these paths is a secret, and says nothing about the kind of the call.
        _ if providers_by_address().any(|provider| provider == service) => rest.rsplit('/').next().map(str::to_owned),
        "zarinpal" | "zarinpal-live" if rest.starts_with("/api/v4/graphql") => Some("graphql".to_owned()),
        "zarinpal" | "zarinpal-live" => {
            rest.strip_prefix("/pg/v4/payment/").map(|call| call.trim_end_matches(".json").to_owned())
        }
        _ => {
            let is_call = ["/v1/", "/v2/", "/onlinepg/", "/verifyTxnRandomSessionkey/"];
            let path = rest.split('?').next().filter(|path| is_call.iter().any(|start| path.starts_with(start)))?;
            let is_id = |part: &str| {
                part.split_once('_')
                    .is_some_and(|(kind, _)| ["tr", "re", "plink", "pay", "order", "rfnd"].contains(&kind))
            };
            let path: Vec<&str> = path.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect();
            Some(format!("{} {}", request.method, path.join("/")))
        }
    }
}

/// The answer to a call that the function's role does not allow. A test that runs into it fails somewhere else, so it is
/// said here too.
#[allow(clippy::print_stderr, reason = "this is what a developer reads beside the failed test")]
fn refusal(state: &State, call: &Call, body: &Bytes) -> Option<Response<Full<Bytes>>> {
    if call.function == ADMIN {
        return None;
    }
    let needs = permissions::needs(&call.service, &call.operation, body);
    let reason = needs.iter().find_map(|need| state.permissions.refusal(&call.function, need))?;
    eprintln!("The template does not permit this: {reason}");
    Some(match call.service.as_str() {
        "dynamodb" => dynamodb_error(
            StatusCode::BAD_REQUEST,
            "AccessDeniedException",
            json!({ "Message": "User is not authorized" }),
        ),
        WHATSAPP => json_error(StatusCode::FORBIDDEN, "User is not authorized"),
        _ => query_error(StatusCode::FORBIDDEN, "AccessDenied"),
    })
}

/// The fault of this call and whether this is its first try.
fn decide(state: &State, call: &Call, headers: &HeaderMap) -> (Option<Fault>, bool) {
    let mut plan = lock(&state.plan);
    let operation = headers.get("amz-sdk-invocation-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    if let Some(known) = operation.as_ref().and_then(|id| plan.decided.get(id)) {
        return (*known, false);
    }
    let number = plan.calls.len();
    plan.calls.push(call.clone());
    let fault = (plan.decide)(number, call);
    if let Some(id) = operation {
        plan.decided.insert(id, fault);
    }
    (fault, true)
}

/// Says that the function died, and never answers: the one who asked is gone.
async fn die(state: &State, call: &Call) -> Answer {
    if let Some(death) = lock(&state.deaths).get(&call.function) {
        death.notify_waiters();
    }
    std::future::pending().await
}

async fn forward(state: &State, passing: Passing) -> Answer {
    let mut headers = passing.headers;
    headers.remove(header::HOST);
    let body = passing.is_write.then(|| passing.body.clone());
    let sent = state.http.request(passing.method, passing.url).headers(headers).body(passing.body).send().await;
    let answer = sent.map_err(|_| Closed)?;
    if let Some(body) = body.filter(|_| answer.status().is_success()) {
        lock(&state.written).push(body);
    }
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.extend(answer.headers().iter().map(|(name, value)| (name.clone(), value.clone())));
        headers.remove(header::TRANSFER_ENCODING);
    }
    let body = answer.bytes().await.map_err(|_| Closed)?;
    response.body(Full::new(body)).map_err(|_| Closed)
}

/// The items that a call puts, alone, in a transaction or in a batch.
fn items_of(body: &Bytes) -> Vec<Value> {
    let mut call: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut items = vec![call["Item"].take()];
    for write in call["TransactItems"].as_array_mut().into_iter().flatten() {
        items.push(write["Put"]["Item"].take());
    }
    for (_, batch) in call["RequestItems"].as_object_mut().into_iter().flatten() {
        for write in batch.as_array_mut().into_iter().flatten() {
            items.push(write["PutRequest"]["Item"].take());
        }
    }
    items.retain(Value::is_object);
    items
}

fn answered(status: StatusCode, kind: &str, body: String) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    response.body(Full::new(Bytes::from(body))).unwrap()
}

/// In the form of DynamoDB's own errors.
fn dynamodb_error(status: StatusCode, name: &str, more: Value) -> Response<Full<Bytes>> {
    let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}") });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    answered(status, "application/x-amz-json-1.0", body.to_string())
}

/// In the form of the errors of SNS and SES.
fn query_error(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{code}</Message></Error>\
         <RequestId>11111111-2222-3333-4444-555555555555</RequestId></ErrorResponse>"
    );
    answered(status, "text/xml", body)
}

/// In the form of the errors of newer services of AWS.
fn json_error(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    answered(status, "application/json", json!({ "message": message }).to_string())
}

fn trouble(call: &Call) -> Response<Full<Bytes>> {
    match call.service.as_str() {
        "dynamodb" => dynamodb_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            json!({ "message": "The request processing has failed because of an unknown error" }),
        ),
        "sns" | "ses" => query_error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        WHATSAPP => json_error(StatusCode::INTERNAL_SERVER_ERROR, "The service has trouble."),
        _ => answered(StatusCode::BAD_GATEWAY, "text/html", "<html><h1>502 Bad Gateway</h1></html>".to_owned()),
    }
}

fn throttled(call: &Call) -> Response<Full<Bytes>> {
    match call.service.as_str() {
        "dynamodb" => dynamodb_error(
            StatusCode::BAD_REQUEST,
            "ProvisionedThroughputExceededException",
            json!({ "message": "The level of configured provisioned throughput for the table was exceeded." }),
        ),
        "sns" | "ses" => query_error(StatusCode::BAD_REQUEST, "Throttling"),
        WHATSAPP => json_error(StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
        CRM => answered(StatusCode::TOO_MANY_REQUESTS, "text/plain", "Too many events".to_owned()),
        CRM_LINE => answered(StatusCode::TOO_MANY_REQUESTS, "text/plain", "Too many messages".to_owned()),
        BOT_API => {
            let parameters = json!({ "retry_after": 2 });
            let error = json!({ "ok": false, "error_code": 429, "description": "", "parameters": parameters });
            answered(StatusCode::TOO_MANY_REQUESTS, "application/json", error.to_string())
        }
        KAVENEGAR => {
            let error = json!({ "return": { "status": 409, "message": "" }, "entries": null });
            answered(StatusCode::CONFLICT, "application/json", error.to_string())
        }
        "mollie" => {
            let error = json!({ "status": 429, "title": "Too Many Requests", "detail": "" });
            answered(StatusCode::TOO_MANY_REQUESTS, "application/hal+json", error.to_string())
        }
        "razorpay" => {
            let error = json!({ "error": { "code": "BAD_REQUEST_ERROR", "description": "Too many requests" } });
            answered(StatusCode::TOO_MANY_REQUESTS, "application/json", error.to_string())
        }
        "stripe" => {
            let error = json!({ "error": { "type": "invalid_request_error", "code": "rate_limit", "message": "" } });
            answered(StatusCode::TOO_MANY_REQUESTS, "application/json", error.to_string())
        }
        _ => {
            let body =
                json!({ "data": [], "errors": { "code": -12, "message": "To many attempts", "validations": [] } });
            answered(StatusCode::OK, "application/json", body.to_string())
        }
    }
}

/// A write that meets a transaction at the same item, or a transaction that meets another.
fn conflict(call: &Call, body: &Bytes) -> Response<Full<Bytes>> {
    match call.operation.as_str() {
        "TransactWriteItems" => {
            let request: Value = serde_json::from_slice(body).unwrap_or_default();
            let writes = request["TransactItems"].as_array().map_or(1, Vec::len);
            let reasons: Vec<_> = (0..writes)
                .map(|at| match at {
                    0 => json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" }),
                    _ => json!({ "Code": "None" }),
                })
                .collect();
            let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
            let more = json!({ "Message": message, "CancellationReasons": reasons });
            dynamodb_error(StatusCode::BAD_REQUEST, "TransactionCanceledException", more)
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            let more = json!({ "message": "Transaction is ongoing for the item" });
            dynamodb_error(StatusCode::BAD_REQUEST, "TransactionConflictException", more)
        }
        _ => throttled(call),
    }
}

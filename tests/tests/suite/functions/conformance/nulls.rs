//! A gateway answers as it always does, but for one value, in whose place there is null.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::gateway::{GatewayAnswer, GatewayKind, LookUp, Mode, Payment};
use domain::ids::AccountId;
use domain::link::{Attempt, Hint, ReturnData};
use domain::records::credentials::Credentials;
use gateways::Gateways;
use runtime::{Environment, Runtime};
use serde_json::Value;

use super::scene::{Scene, way_back};

/// Stands between the adapters and a gateway's simulator.
#[derive(Clone)]
struct Proxy {
    /// Scheme and host of the simulators.
    to: String,
    http: reqwest::Client,
    state: Arc<Mutex<ProxyState>>,
}

#[derive(Default)]
struct ProxyState {
    /// The answers in JSON since the last question, as they were.
    answers: Vec<Value>,
    /// The answer of which a value becomes null, and the pointer to the value.
    null_at: Option<(usize, String)>,
}

impl Proxy {
    /// Starts the proxy. The result is what its address begins with, too.
    async fn start(to: String) -> (Self, String) {
        let proxy = Self { to, http: reqwest::Client::new(), state: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(proxy.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (proxy, address)
    }

    fn plan(&self, null_at: Option<(usize, String)>) {
        *self.state.lock().unwrap() = ProxyState { answers: Vec::new(), null_at };
    }

    /// The answer to a client where it is JSON: with the null that was planned.
    fn spoil(&self, body: Bytes) -> Bytes {
        let Ok(mut value) = serde_json::from_slice::<Value>(&body) else { return body };
        let mut state = self.state.lock().unwrap();
        let number = state.answers.len();
        state.answers.push(value.clone());
        let Some((_, pointer)) = state.null_at.as_ref().filter(|(at, _)| *at == number) else { return body };
        *value.pointer_mut(pointer).unwrap() = Value::Null;
        value.to_string().into()
    }
}

async fn forward(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    let asked = proxy.http.request(parts.method, format!("{}{}", proxy.to, parts.uri)).headers(headers).body(body);
    let answer = asked.send().await.unwrap();
    let status = answer.status();
    (status, proxy.spoil(answer.bytes().await.unwrap())).into_response()
}

/// The pointers to everything in a value but itself.
fn pointers(value: &Value) -> Vec<String> {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (format!("/{}", name.replace('~', "~0").replace('/', "~1")), value))
            .collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (format!("/{at}"), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let below = |(at, value): (String, &Value)| {
        let deeper: Vec<String> = pointers(value).into_iter().map(|pointer| format!("{at}{pointer}")).collect();
        std::iter::once(at).chain(deeper)
    };
    members.into_iter().flat_map(below).collect()
}

/// What a payment is without what is shown beside it.
fn bare(payment: &Payment) -> Payment {
    Payment::new(payment.reference.clone(), payment.claim.clone(), payment.money)
}

/// Whether an answer is the same as that without a null, as far as money goes, or says that nobody knows.
fn is_as_true(answer: &GatewayAnswer, without: &GatewayAnswer) -> bool {
    match (answer, without) {
        (GatewayAnswer::Paid(payment), GatewayAnswer::Paid(known)) => bare(payment) == bare(known),
        (
            GatewayAnswer::Unknown { .. }
            | GatewayAnswer::SessionRefused { .. }
            | GatewayAnswer::AccountRefused { .. }
            | GatewayAnswer::Doubtful { .. },
            _,
        ) => true,
        // The money is there, and the amount was not told.
        (GatewayAnswer::WrongAmount { got: None }, GatewayAnswer::Paid(_)) => true,
        _ => answer == without,
    }
}

/// The ends of pointers to what a gateway documents as possibly null, or shows beside the money: it must not matter.
fn optional(gateway: GatewayKind) -> &'static [&'static str] {
    match gateway {
        GatewayKind::Zarinpal => &["/data/message", "/data/card_pan", "/data/card_hash", "/data/fee", "/data/fee_type"],
        GatewayKind::Zibal => &["/cardNumber", "/description", "/paidAt", "/message", "/multiplexingInfos"],
        GatewayKind::Sep => &["/MaskedPan", "/HashedPan", "/RRN", "/StraceNo", "/ResultDescription"],
        GatewayKind::Stripe => &[
            "/url",
            "/metadata",
            "/customer",
            "/payment_intent/latest_charge/balance_transaction",
            "/payment_intent/latest_charge/payment_method_details",
        ],
        GatewayKind::Mollie => &[
            "/isCancelable",
            "/method",
            "/paidAt",
            "/details",
            "/details/cardNumber",
            "/amountRefunded",
            "/amountRemaining",
            "/_links",
            "/_links/checkout",
            "/description",
        ],
        GatewayKind::Razorpay => &["/description", "/notes", "/short_url", "/fee", "/tax", "/card", "/acquirer_data"],
    }
}

/// A session whose gateway is asked, with nulls and without.
struct Asked<'a> {
    gateways: &'a Gateways,
    attempt: &'a Attempt,
    mode: Mode,
    credentials: &'a Credentials,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    LookUp,
    Confirm,
}

impl Asked<'_> {
    async fn ask(&self, question: Question) -> GatewayAnswer {
        let (attempt, mode, credentials) = (self.attempt, self.mode, self.credentials);
        let (data, now) = (ReturnData::from(Hint::Nothing), domain::Timestamp::now());
        match question {
            Question::LookUp => self.gateways.look_up(attempt, &data, mode, credentials, now).await,
            Question::Confirm => self.gateways.confirm(attempt, mode, credentials, now).await,
        }
    }
}

pub(super) async fn null_in_place_of_a_value_changes_nothing_or_says_nothing(scene: Scene) {
    let (world, name) = (&scene.world, scene.name());
    let (proxy, address) = Proxy::start(world.cloud.page_url()).await;
    let mut environment = world.cloud.environment.clone();
    let urls = environment["PAYLINK_GATEWAY_URLS"].replace(&world.cloud.page_url(), &address);
    environment.insert("PAYLINK_GATEWAY_URLS".to_owned(), urls);
    let gateways = Gateways::wire(&Runtime::new(Environment::from(environment)).unwrap()).unwrap();
    let link = scene.link().await;
    let page = world.go_to_gateway(&link).await;
    let stored = scene.stored(&link).await;
    let account = AccountId::parse(scene.account["id"].as_str().unwrap()).unwrap();
    let known = world.cloud.store.of(stored.business()).all_credentials(&account).await.unwrap();
    let (mode, mut attempt) = (stored.terms().mode, stored.attempts()[0].clone());
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    // What only the browser brings is needed where nothing can be asked without it.
    let is_brought = scene.row.look_up == LookUp::OnlyOnReturn;
    let paid = if is_brought { scene.row.returning } else { scene.row.silent };
    for outcome in [None, Some(paid)] {
        if let Some(outcome) = outcome {
            let chosen = world.choose(&page, outcome).await;
            if is_brought {
                let back = way_back(&chosen);
                let reference = back.fields.iter().find(|(field, _)| field == "RefNum").unwrap();
                attempt.return_reference = Some(reference.1.clone());
            }
        }
        for question in [Question::LookUp, Question::Confirm] {
            let asked = Asked { gateways: &gateways, attempt: &attempt, mode, credentials: &known[0] };
            // What takes money is told so once, and says from then on that it did.
            proxy.plan(None);
            asked.ask(question).await;
            proxy.plan(None);
            let without = asked.ask(question).await;
            let answers = std::mem::take(&mut proxy.state.lock().unwrap().answers);
            for (number, answer) in answers.iter().enumerate() {
                for pointer in pointers(answer) {
                    proxy.plan(Some((number, pointer.clone())));
                    let with_null = asked.ask(question).await;
                    let said = format!("{name} {question:?} {outcome:?} {pointer}: {with_null:?} for {without:?}");
                    assert!(is_as_true(&with_null, &without), "{said}");
                    if optional(scene.row.gateway).iter().any(|end| pointer.ends_with(end)) {
                        assert_eq!(with_null.name(), without.name(), "{said}");
                        *tried.entry(pointer).or_default() += 1;
                    }
                }
            }
        }
    }
    assert!(tried.len() >= 2, "{name}: the simulator shows little of what may be null: {tried:?}");
}

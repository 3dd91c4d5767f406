//! Stripe Checkout: sessions, refunds, webhooks, the hosted payment page and the tester's hand.
//!
//! Calls are forms with bracket nesting under a secret key, answers are JSON objects. A key sees its own objects only;
//! test and live differ by nothing but the key. Stripe keeps a payment for the merchant without being asked, and tells
//! by signed webhooks.
//!
//! Parameters that Stripe knows and that would change the amount or the way of paying (discounts, shipping, tax, saved
//! customers) are not played: they are refused as unknown, so that nobody relies on them here.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use maud::html;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use url::{Url, form_urlencoded};

use super::{
    Books, Choice, Chosen, Credential, Ids, Misbehaviour, Mischief, Notify, OutgoingWebhook, PaymentPage, buttons,
    closed_browser, grouped, has_content_type, page, redirect, sha256,
};

/// The version that events are written in.
const API_VERSION: &str = "2026-10-28.endive";
/// The calls that can be made to misbehave.
const CALLS: [&str; 5] = ["create", "retrieve", "expire", "refund", "retrieve_refund"];
/// What Stripe puts the session's id for in `success_url`.
const ID_PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";
/// In the currency's smallest unit.
const LARGEST_AMOUNT: u64 = 99_999_999;
/// How long a session may stay open, in seconds after its creation; the longest is also the default.
const OPEN_FOR_S: std::ops::RangeInclusive<i64> = 1_800..=86_400;
/// How long the answer under an idempotency key is replayed.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Waited before each try of a webhook. The first pause lets the answer that caused the event reach its reader first.
const WEBHOOK_PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The presentment currencies, as Stripe writes them. The rial is not among them.
const CURRENCIES: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp \
    byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd \
    hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk \
    mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar \
    sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof \
    xpf yer zar zmw";
/// What the payment page can be written in. Persian is not among it.
const LOCALES: [&str; 41] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv",
    "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// The Stripe simulator. A clone is cheap and shares its state with the original.
#[derive(Debug, Clone)]
pub struct Stripe {
    inner: Arc<Inner>,
}

struct Inner {
    /// Where the hosted page is reached, without a slash at the end.
    base: String,
    ids: Ids,
    books: Books<Ledger>,
    misbehaviour: Misbehaviour,
    notify: Notify,
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inner").field("base", &self.base).field("books", &self.books).finish_non_exhaustive()
    }
}

impl Stripe {
    pub(super) fn open(base: &str, ids: Ids, books: Books<Ledger>, notify: Notify) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self { inner: Arc::new(Inner { base, ids, books, misbehaviour: Misbehaviour::default(), notify }) }
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/stripe/v1/checkout/sessions", post(create).fallback(unrecognized))
            .route("/stripe/v1/checkout/sessions/{id}", get(retrieve).fallback(unrecognized))
            .route("/stripe/v1/checkout/sessions/{id}/expire", post(expire).fallback(unrecognized))
            .route("/stripe/v1/refunds", post(refund).fallback(unrecognized))
            .route("/stripe/v1/refunds/{id}", get(retrieve_refund).fallback(unrecognized))
            .route("/stripe/v1/{*rest}", any(unrecognized))
            .route("/stripe/c/pay/{id}", get(hosted_page).post(choose))
            .route("/stripe/simulator/{id}/settle_async", post(settle_async))
            .route("/stripe/simulator/webhook_endpoints", post(add_webhook_endpoint))
            .route("/stripe/simulator/next_answer", post(next_answer))
            .route("/stripe/books.json", get(books))
            .with_state(self.clone())
    }

    /// Tells `url` of every event of the sessions that `api_key` opens, signed with `secret`. Doing it again for the
    /// same key and URL changes the secret and nothing else.
    pub fn register_webhook(&self, api_key: &str, url: &str, secret: &str) {
        let endpoint = Endpoint { owner: Credential::of(api_key), url: url.to_owned(), secret: secret.to_owned() };
        let Ok(()) = self.inner.books.change(|ledger| -> Result<(), Infallible> {
            ledger.endpoints.retain(|known| known.owner != endpoint.owner || known.url != endpoint.url);
            ledger.endpoints.push(endpoint);
            Ok(())
        });
    }

    /// Ends every session whose time is over. Everything that looks at a session does this first.
    fn expire_overdue(&self, now: Timestamp) {
        if !self.inner.books.read(|ledger| ledger.sessions.values().any(|session| session.is_overdue(now))) {
            return;
        }
        let Ok(events) = self.inner.books.change(|ledger| -> Result<Vec<Event>, Infallible> {
            let overdue = ledger.sessions.values_mut().filter(|session| session.is_overdue(now));
            Ok(overdue
                .map(|session| {
                    session.state = SessionState::Expired { expired_at: session.order.expires_at };
                    self.event(EventKind::Expired, session, now, None)
                })
                .collect())
        });
        self.notify(events);
    }

    /// Makes a session end at its time even when nobody looks at it.
    fn expire_later(&self, expires_at: Timestamp, now: Timestamp) {
        let stripe = self.clone();
        let wait = expires_at.duration_since(now).unsigned_abs();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            stripe.expire_overdue(Timestamp::now());
        });
    }
}

// A call: who makes it, what it carries, how it is answered.

/// A call as it came in. The parameters are the body of a POST or the query of a GET.
struct Incoming<'a> {
    path: &'a str,
    headers: &'a HeaderMap,
    parameters: &'a [u8],
}

/// A call by a known key.
struct Call {
    owner: Credential,
    livemode: bool,
    request_id: String,
    idempotency_key: Option<String>,
    /// Of the path and the parameters: an idempotency key stands for one of these.
    fingerprint: String,
    parameters: Parameters,
    now: Timestamp,
}

impl Call {
    fn read(incoming: &Incoming<'_>, request_id: &str, now: Timestamp) -> Result<Self, Refusal> {
        let key = api_key(incoming.headers)?;
        check_version(incoming.headers)?;
        check_content_type(incoming)?;
        let idempotency_key = idempotency_key(incoming.headers)?;
        let parameters = Parameters::parse(incoming.parameters);
        Ok(Self {
            owner: Credential::of(key),
            livemode: is_live(key),
            request_id: request_id.to_owned(),
            idempotency_key,
            fingerprint: sha256(format!("{}\n{:?}", incoming.path, parameters.0).as_bytes()),
            parameters,
            now,
        })
    }
}

fn api_key(headers: &HeaderMap) -> Result<&str, Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = given.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim) else {
        return Err(Refusal::new(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using \
             Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
        .status(StatusCode::UNAUTHORIZED));
    };
    if is_api_key(key) {
        Ok(key)
    } else {
        let last4 = Credential::of(key).last4;
        Err(Refusal::new(format!("Invalid API Key provided: ****{last4}")).status(StatusCode::UNAUTHORIZED))
    }
}

/// A secret or restricted key with something after its prefix.
fn is_api_key(key: &str) -> bool {
    ["sk_test_", "sk_live_", "rk_test_", "rk_live_"].iter().any(|prefix| {
        key.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    })
}

fn is_live(key: &str) -> bool {
    key.starts_with("sk_live_") || key.starts_with("rk_live_")
}

/// A version is a date, since 2024 followed by a name.
fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(version) = headers.get("stripe-version") else {
        return Ok(());
    };
    let version = version.to_str().unwrap_or_default();
    let date = version.split('.').next().unwrap_or_default();
    match date.parse::<jiff::civil::Date>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Refusal::new(format!("Invalid Stripe API version: {version}"))),
    }
}

fn check_content_type(incoming: &Incoming<'_>) -> Result<(), Refusal> {
    let is_given = incoming.headers.contains_key(CONTENT_TYPE) && !incoming.parameters.is_empty();
    if is_given && !has_content_type(incoming.headers, "application/x-www-form-urlencoded") {
        return Err(Refusal::new(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded).",
        ));
    }
    Ok(())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    match headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default()) {
        None => Ok(None),
        Some(key) if key.is_empty() || key.len() > 255 => {
            Err(Refusal::new("Idempotency keys must have between 1 and 255 characters.").kind("idempotency_error"))
        }
        Some(key) => Ok(Some(key.to_owned())),
    }
}

/// What is answered to a call.
#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    body: Value,
    replayed: bool,
}

/// What a call did: the object to answer with, and what others have to be told.
struct Done {
    object: Value,
    events: Vec<Event>,
}

impl Answer {
    fn object(body: Value) -> Self {
        Self { status: StatusCode::OK, body, replayed: false }
    }

    fn respond(self, request_id: &str) -> Response {
        let mut response = (self.status, [("request-id", request_id.to_owned())], Json(self.body)).into_response();
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let mut error = json!({ "type": refusal.kind, "message": refusal.message });
        if let Some(code) = refusal.code {
            error["code"] = json!(code);
            error["doc_url"] = json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
        }
        if let Some(param) = refusal.param {
            error["param"] = json!(param);
        }
        Self { status: refusal.status, body: json!({ "error": error }), replayed: false }
    }
}

/// How Stripe says no.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl Refusal {
    /// An invalid request, which most refusals are.
    fn new(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// Also said of what exists under another key.
    fn missing(object: &str, id: &str, param: &str) -> Self {
        Self::new(format!("No such {object}: '{id}'"))
            .status(StatusCode::NOT_FOUND)
            .code("resource_missing")
            .param(param)
    }

    fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    fn param(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }
}

impl Stripe {
    async fn answer(
        &self,
        name: &str,
        incoming: Incoming<'_>,
        work: impl FnOnce(&mut Call) -> Result<Answer, Refusal> + Send,
    ) -> Response {
        let answer = || {
            let now = Timestamp::now();
            let request_id = format!("req_{}", self.inner.ids.text(14));
            self.expire_overdue(now);
            let answer = Call::read(&incoming, &request_id, now).and_then(|mut call| work(&mut call));
            answer.unwrap_or_else(Answer::from).respond(&request_id)
        };
        self.inner.misbehaviour.play(name, answer).await
    }

    /// Executes a call that changes something, or replays the answer that its idempotency key already has.
    ///
    /// An answer is kept once execution began, whether it is a success or a refusal. A call that was refused for its
    /// parameters never comes here, so its key stays free.
    fn once(&self, call: &Call, execute: impl FnOnce(&mut Ledger) -> Result<Done, Refusal>) -> Result<Answer, Refusal> {
        let (answer, events) = self.inner.books.change(|ledger| -> Result<(Answer, Vec<Event>), Refusal> {
            if let Some(answer) = ledger.replay(call)? {
                return Ok((answer, Vec::new()));
            }
            let (answer, events) = match execute(ledger) {
                Ok(done) => (Answer::object(done.object), done.events),
                Err(refusal) => (Answer::from(refusal), Vec::new()),
            };
            ledger.remember(call, &answer);
            Ok((answer, events))
        })?;
        self.notify(events);
        Ok(answer)
    }
}

async fn unrecognized(method: Method, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/stripe").unwrap_or_default();
    let refusal = Refusal::new(format!("Unrecognized request URL ({method}: {path})."));
    Answer::from(refusal.status(StatusCode::NOT_FOUND)).respond("req_unrecognized")
}

// Parameters.

/// The parameters of a call by their full names, such as `line_items[0][quantity]`. They are taken out one by one; what
/// is left at the end is unknown.
#[derive(Debug)]
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Brackets may be percent-encoded or not; the official clients differ.
    fn parse(form: &[u8]) -> Self {
        Self(form_urlencoded::parse(form).into_owned().collect())
    }

    fn optional(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.0.remove(name) {
            Some(value) if value.is_empty() => Err(Refusal::new(format!(
                "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; \
                 however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty \
                 value."
            ))
            .code("parameter_invalid_empty")
            .param(name)),
            value => Ok(value),
        }
    }

    fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.optional(name)?.ok_or_else(|| missing_parameter(name))
    }

    fn one_of(&mut self, name: &str, allowed: &[&str]) -> Result<Option<String>, Refusal> {
        match self.optional(name)? {
            Some(value) if !allowed.contains(&value.as_str()) => {
                Err(Refusal::new(format!("Invalid {name}: must be one of {}", allowed.join(", "))).param(name))
            }
            value => Ok(value),
        }
    }

    fn limited(&mut self, name: &str, limit: usize) -> Result<Option<String>, Refusal> {
        match self.optional(name)? {
            Some(value) if value.chars().count() > limit => {
                Err(Refusal::new(format!("Invalid string: must be at most {limit} characters")).param(name))
            }
            value => Ok(value),
        }
    }

    /// A whole number that is not zero.
    fn whole(&mut self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.optional(name)? else {
            return Ok(None);
        };
        match value.parse::<i64>().map(u64::try_from) {
            Ok(Ok(number)) if number > 0 => Ok(Some(number)),
            Ok(_) => Err(Refusal::new("This value must be greater than or equal to 1.")
                .code("parameter_invalid_integer")
                .param(name)),
            Err(_) => {
                Err(Refusal::new(format!("Invalid integer: {value}")).code("parameter_invalid_integer").param(name))
            }
        }
    }

    /// With a live key every address has to be an HTTPS one.
    fn web_address(&mut self, name: &str, livemode: bool) -> Result<Option<String>, Refusal> {
        let Some(value) = self.optional(name)? else {
            return Ok(None);
        };
        let url = Url::parse(&value.replace(ID_PLACEHOLDER, "id"));
        match url.as_ref().map(Url::scheme) {
            Ok("https") => Ok(Some(value)),
            Ok("http") if !livemode => Ok(Some(value)),
            Ok("http") => Err(Refusal::new("Livemode requests must always be redirected via HTTPS.").param(name)),
            Ok(_) | Err(_) => Err(Refusal::new("Not a valid URL").code("url_invalid").param(name)),
        }
    }

    /// At most 50 pairs with keys up to 40 and values up to 500 characters.
    fn map(&mut self, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let prefix = format!("{name}[");
        let full_names: Vec<String> = self.0.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
        let mut pairs = BTreeMap::new();
        for full_name in full_names {
            let key = full_name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
            let value = self.0.remove(&full_name).unwrap_or_default();
            if key.is_empty() || key.contains(['[', ']']) || key.chars().count() > 40 {
                let reason = "Metadata keys must have between 1 and 40 characters and no square brackets.";
                return Err(Refusal::new(reason).param(&full_name));
            }
            if value.chars().count() > 500 {
                let reason = "Metadata values can have up to 500 characters.";
                return Err(Refusal::new(reason).param(&full_name));
            }
            pairs.insert(key.to_owned(), value);
        }
        if pairs.len() > 50 {
            return Err(Refusal::new("Metadata can have up to 50 keys.").param(name));
        }
        Ok(pairs)
    }

    fn has_any(&self, prefix: &str) -> bool {
        self.0.keys().any(|name| name.starts_with(prefix))
    }

    fn finish(&self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                Err(Refusal::new(format!("Received unknown parameter: {name}")).code("parameter_unknown").param(name))
            }
        }
    }
}

fn missing_parameter(name: &str) -> Refusal {
    Refusal::new(format!("Missing required param: {name}.")).code("parameter_missing").param(name)
}

/// What a create asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    lines: Vec<Line>,
    currency: String,
    amount_total: u64,
    success_url: String,
    cancel_url: Option<String>,
    client_reference_id: Option<String>,
    customer_email: Option<String>,
    locale: Option<String>,
    submit_type: Option<String>,
    adaptive_pricing: bool,
    metadata: BTreeMap<String, String>,
    /// Kept on the payment and its charge, not on the session.
    payment_metadata: BTreeMap<String, String>,
    expires_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    name: String,
    quantity: u64,
    unit_amount: u64,
}

impl Order {
    fn parse(call: &mut Call) -> Result<Self, Refusal> {
        let (livemode, now) = (call.livemode, call.now);
        let parameters = &mut call.parameters;
        parameters.one_of("mode", &["payment"])?.ok_or_else(|| missing_parameter("mode"))?;
        parameters.one_of("ui_mode", &["hosted", "hosted_page"])?;
        parameters.one_of("payment_method_types[0]", &["card"])?;
        parameters.optional("payment_intent_data[description]")?;
        let (currency, lines) = Line::parse_all(parameters)?;
        let adaptive_pricing = parameters.one_of("adaptive_pricing[enabled]", &["true", "false"])?;
        let order = Self {
            amount_total: total(&lines, &currency)?,
            lines,
            currency,
            success_url: parameters
                .web_address("success_url", livemode)?
                .ok_or_else(|| missing_parameter("success_url"))?,
            cancel_url: parameters.web_address("cancel_url", livemode)?,
            client_reference_id: parameters.limited("client_reference_id", 200)?,
            customer_email: email(parameters)?,
            locale: parameters.one_of("locale", &LOCALES)?,
            submit_type: parameters.one_of("submit_type", &["auto", "book", "donate", "pay"])?,
            adaptive_pricing: adaptive_pricing.as_deref() != Some("false"),
            metadata: parameters.map("metadata")?,
            payment_metadata: parameters.map("payment_intent_data[metadata]")?,
            expires_at: expiry(parameters, now)?,
        };
        parameters.finish()?;
        Ok(order)
    }
}

impl Line {
    /// All lines of a session are in one currency.
    fn parse_all(parameters: &mut Parameters) -> Result<(String, Vec<Self>), Refusal> {
        let mut lines = Vec::new();
        let mut common_currency: Option<String> = None;
        while parameters.has_any(&format!("line_items[{}]", lines.len())) {
            let (currency, line) = Self::parse(parameters, lines.len())?;
            if common_currency.as_ref().is_some_and(|common| *common != currency) {
                return Err(Refusal::new("All line items must have the same currency.").param("line_items"));
            }
            common_currency = Some(currency);
            lines.push(line);
        }
        match common_currency {
            Some(currency) => Ok((currency, lines)),
            None => Err(missing_parameter("line_items")),
        }
    }

    fn parse(parameters: &mut Parameters, index: usize) -> Result<(String, Self), Refusal> {
        let item = format!("line_items[{index}]");
        let price = format!("{item}[price_data]");
        let currency_name = format!("{price}[currency]");
        let amount_name = format!("{price}[unit_amount]");

        let currency = parameters.required(&currency_name)?;
        check_currency(&currency, &currency_name)?;
        let unit_amount = parameters.whole(&amount_name)?.ok_or_else(|| missing_parameter(&amount_name))?;
        check_step(unit_amount, &currency, &amount_name)?;
        parameters.optional(&format!("{price}[product_data][description]"))?;
        let name = parameters.required(&format!("{price}[product_data][name]"))?;
        let quantity_name = format!("{item}[quantity]");
        let quantity = parameters.whole(&quantity_name)?.ok_or_else(|| missing_parameter(&quantity_name))?;
        Ok((currency, Self { name, quantity, unit_amount }))
    }
}

fn check_currency(currency: &str, param: &str) -> Result<(), Refusal> {
    if CURRENCIES.split(' ').any(|known| known == currency) {
        return Ok(());
    }
    let known = CURRENCIES.replace(' ', ", ");
    let message = format!("Invalid currency: {currency}. Stripe currently supports these currencies: {known}");
    Err(Refusal::new(message).param(param))
}

/// Some currencies are counted in smaller units than they are paid in.
fn check_step(unit_amount: u64, currency: &str, param: &str) -> Result<(), Refusal> {
    let step = match currency {
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 10,
        "isk" | "ugx" => 100,
        _ => 1,
    };
    if unit_amount.is_multiple_of(step) {
        return Ok(());
    }
    Err(Refusal::new(format!("Invalid amount: amounts in {currency} must be divisible by {step}.")).param(param))
}

/// The smallest charge is worth about half a US dollar. Stripe publishes the figure for its main currencies; for the
/// others it converts, which is not played.
fn smallest_amount(currency: &str) -> u64 {
    match currency {
        "usd" | "eur" | "gbp" | "aud" | "brl" | "cad" | "chf" | "inr" | "jpy" | "nzd" | "sgd" => 50,
        "bgn" => 100,
        "aed" | "myr" | "pln" | "ron" => 200,
        "dkk" => 250,
        "nok" | "sek" => 300,
        "hkd" => 400,
        "mxn" | "thb" => 1_000,
        "czk" => 1_500,
        "huf" => 17_500,
        _ => 1,
    }
}

fn total(lines: &[Line], currency: &str) -> Result<u64, Refusal> {
    let total = lines
        .iter()
        .try_fold(0_u64, |total, line| line.unit_amount.checked_mul(line.quantity)?.checked_add(total))
        .filter(|total| *total <= LARGEST_AMOUNT);
    let Some(total) = total else {
        let most = display(LARGEST_AMOUNT, currency);
        let message = format!("The Checkout Session's total amount must be no more than {most}");
        return Err(Refusal::new(message).code("amount_too_large"));
    };
    if total < smallest_amount(currency) {
        let least = display(smallest_amount(currency), currency);
        let message = format!("The Checkout Session's total amount due must add up to at least {least}");
        return Err(Refusal::new(message).code("amount_too_small"));
    }
    Ok(total)
}

fn email(parameters: &mut Parameters) -> Result<Option<String>, Refusal> {
    match parameters.optional("customer_email")? {
        Some(email) if !email.contains('@') || email.contains(char::is_whitespace) => {
            Err(Refusal::new(format!("Invalid email address: {email}")).code("email_invalid").param("customer_email"))
        }
        email => Ok(email),
    }
}

/// Unix seconds, 30 minutes to 24 hours after the creation by Stripe's clock. The real refusals name no parameter.
fn expiry(parameters: &mut Parameters, now: Timestamp) -> Result<Timestamp, Refusal> {
    let open_for_s = match parameters.whole("expires_at")? {
        None => *OPEN_FOR_S.end(),
        Some(expires_at) => i64::try_from(expires_at).unwrap_or(i64::MAX).saturating_sub(now.as_second()),
    };
    if open_for_s < *OPEN_FOR_S.start() {
        let message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.";
        return Err(Refusal::new(message));
    }
    let message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.";
    if open_for_s > *OPEN_FOR_S.end() {
        return Err(Refusal::new(message));
    }
    Timestamp::from_second(now.as_second().saturating_add(open_for_s)).map_err(|_| Refusal::new(message))
}

/// What a refund asks for.
struct RefundOrder {
    /// The parameter that named the payment.
    param: &'static str,
    /// Of the payment intent or of its charge.
    id: String,
    /// All that is left, where it is not said.
    amount: Option<u64>,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
}

impl RefundOrder {
    fn parse(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let (param, id) = match (parameters.optional("payment_intent")?, parameters.optional("charge")?) {
            (Some(id), None) => ("payment_intent", id),
            (None, Some(id)) => ("charge", id),
            (None, None) => return Err(missing_parameter("charge")),
            (Some(_), Some(_)) => {
                return Err(Refusal::new("You may only specify one of these parameters: charge, payment_intent."));
            }
        };
        let order = Self {
            param,
            id,
            amount: parameters.whole("amount")?,
            reason: parameters.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?,
            metadata: parameters.map("metadata")?,
        };
        parameters.finish()?;
        Ok(order)
    }
}

// The calls.

async fn create(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("create", incoming, |call| stripe.create(call)).await
}

async fn retrieve(State(stripe): State<Stripe>, Path(id): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("retrieve", incoming, |call| stripe.retrieve(call, &id)).await
}

async fn expire(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("expire", incoming, |call| stripe.expire(call, &id)).await
}

async fn refund(State(stripe): State<Stripe>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: &body };
    stripe.answer("refund", incoming, |call| stripe.refund(call)).await
}

async fn retrieve_refund(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let incoming = Incoming { path: uri.path(), headers: &headers, parameters: query };
    stripe.answer("retrieve_refund", incoming, |call| stripe.retrieve_refund(call, &id)).await
}

impl Stripe {
    fn create(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let order = Order::parse(call)?;
        self.expire_later(order.expires_at, call.now);
        let session = Session {
            id: format!("cs_{}_{}", if call.livemode { "live" } else { "test" }, self.inner.ids.text(58)),
            owner: call.owner.clone(),
            livemode: call.livemode,
            created_at: call.now,
            order,
            state: SessionState::Open,
        };
        self.once(call, |ledger| {
            let object = session.object(&self.inner.base);
            ledger.sessions.insert(session.id.clone(), session);
            Ok(Done { object, events: Vec::new() })
        })
    }

    fn retrieve(&self, call: &mut Call, id: &str) -> Result<Answer, Refusal> {
        let expand = call.parameters.one_of("expand[]", &["payment_intent"])?;
        call.parameters.finish()?;
        self.inner.books.read(|ledger| {
            let session = ledger.owned(id, &call.owner)?;
            let mut object = session.object(&self.inner.base);
            if expand.is_some() {
                object["payment_intent"] = session.intent_object();
            }
            Ok(Answer::object(object))
        })
    }

    fn expire(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        call.parameters.finish()?;
        self.once(call, |ledger| {
            let session = ledger.owned_mut(id, &call.owner)?;
            session.expire(call.now)?;
            Ok(Done {
                object: session.object(&self.inner.base),
                events: vec![self.event(EventKind::Expired, session, call.now, Some(call))],
            })
        })
    }

    fn refund(&self, call: &mut Call) -> Result<Answer, Refusal> {
        let order = RefundOrder::parse(&mut call.parameters)?;
        let call = &*call;
        let id = format!("re_{}", self.inner.ids.text(24));
        self.once(call, |ledger| {
            let session = ledger.paid_mut(&order, &call.owner)?;
            let object = session.refund(order, id, call.now)?;
            let events = vec![self.event(EventKind::Refunded, session, call.now, Some(call))];
            Ok(Done { object, events })
        })
    }

    fn retrieve_refund(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        call.parameters.finish()?;
        self.inner.books.read(|ledger| {
            let object = ledger
                .sessions
                .values()
                .filter(|session| session.owner == call.owner)
                .find_map(|session| session.refund_object(id));
            object.map(Answer::object).ok_or_else(|| Refusal::missing("refund", id, "id"))
        })
    }
}

// The books.

/// Everything this simulator knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// By their id.
    sessions: BTreeMap<String, Session>,
    endpoints: Vec<Endpoint>,
    /// Answers by the key's owner and the idempotency key.
    replays: BTreeMap<String, Replay>,
    deliveries: Vec<Delivery>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    id: String,
    owner: Credential,
    livemode: bool,
    created_at: Timestamp,
    order: Order,
    state: SessionState,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum SessionState {
    Open,
    /// The customer is done and the money is on its way, as with a bank debit.
    Processing {
        payment: Payment,
    },
    /// The money did not arrive after all.
    AsyncFailed {
        payment: Payment,
    },
    Paid {
        payment: Payment,
        refunds: Vec<Refund>,
    },
    Expired {
        expired_at: Timestamp,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Payment {
    intent: String,
    charge: String,
    paid_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Refund {
    id: String,
    amount: u64,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Replay {
    fingerprint: String,
    status: u16,
    body: Value,
    kept_at: Timestamp,
}

impl Ledger {
    fn owned(&self, id: &str, owner: &Credential) -> Result<&Session, Refusal> {
        self.sessions
            .get(id)
            .filter(|session| session.owner == *owner)
            .ok_or_else(|| Refusal::missing("checkout.session", id, "session"))
    }

    fn owned_mut(&mut self, id: &str, owner: &Credential) -> Result<&mut Session, Refusal> {
        self.sessions
            .get_mut(id)
            .filter(|session| session.owner == *owner)
            .ok_or_else(|| Refusal::missing("checkout.session", id, "session"))
    }

    /// The session whose payment is to be refunded.
    fn paid_mut(&mut self, order: &RefundOrder, owner: &Credential) -> Result<&mut Session, Refusal> {
        self.sessions
            .values_mut()
            .filter(|session| session.owner == *owner)
            .find(|session| {
                session.state.payment().is_some_and(|payment| match order.param {
                    "charge" => payment.charge == order.id,
                    _ => payment.intent == order.id,
                })
            })
            .ok_or_else(|| Refusal::missing(order.param, &order.id, order.param))
    }

    fn replay(&self, call: &Call) -> Result<Option<Answer>, Refusal> {
        let Some(key) = &call.idempotency_key else {
            return Ok(None);
        };
        match self.replays.get(&replay_name(call, key)).filter(|replay| replay.is_kept(call.now)) {
            None => Ok(None),
            Some(replay) if replay.fingerprint == call.fingerprint => Ok(Some(Answer {
                status: StatusCode::from_u16(replay.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                body: replay.body.clone(),
                replayed: true,
            })),
            Some(_) => Err(Refusal::new(format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try \
                 using a key other than '{key}' if you meant to execute a different request."
            ))
            .kind("idempotency_error")),
        }
    }

    fn remember(&mut self, call: &Call, answer: &Answer) {
        let Some(key) = &call.idempotency_key else {
            return;
        };
        self.replays.retain(|_, replay| replay.is_kept(call.now));
        let replay = Replay {
            fingerprint: call.fingerprint.clone(),
            status: answer.status.as_u16(),
            body: answer.body.clone(),
            kept_at: call.now,
        };
        self.replays.insert(replay_name(call, key), replay);
    }
}

/// Two accounts may use the same idempotency key.
fn replay_name(call: &Call, key: &str) -> String {
    format!("{}:{key}", call.owner.fingerprint)
}

impl Replay {
    fn is_kept(&self, now: Timestamp) -> bool {
        now.duration_since(self.kept_at) < REPLAYED_FOR
    }
}

impl SessionState {
    fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Processing { payment } | Self::AsyncFailed { payment } | Self::Paid { payment, .. } => Some(payment),
            Self::Open | Self::Expired { .. } => None,
        }
    }

    fn refunds(&self) -> &[Refund] {
        match self {
            Self::Paid { refunds, .. } => refunds,
            Self::Open | Self::Processing { .. } | Self::AsyncFailed { .. } | Self::Expired { .. } => &[],
        }
    }

    fn status(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Processing { .. } | Self::AsyncFailed { .. } | Self::Paid { .. } => "complete",
            Self::Expired { .. } => "expired",
        }
    }

    fn payment_status(&self) -> &'static str {
        match self {
            Self::Paid { .. } => "paid",
            Self::Open | Self::Processing { .. } | Self::AsyncFailed { .. } | Self::Expired { .. } => "unpaid",
        }
    }
}

impl Session {
    fn is_overdue(&self, now: Timestamp) -> bool {
        matches!(self.state, SessionState::Open) && now >= self.order.expires_at
    }

    fn expire(&mut self, now: Timestamp) -> Result<(), Refusal> {
        if !matches!(self.state, SessionState::Open) {
            return Err(Refusal::new(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
                 status of `{}`.",
                self.state.status()
            )));
        }
        self.state = SessionState::Expired { expired_at: now };
        Ok(())
    }

    /// Gives money back and answers with the refund object.
    fn refund(&mut self, order: RefundOrder, id: String, now: Timestamp) -> Result<Value, Refusal> {
        let rest = self.order.amount_total.saturating_sub(self.given_back());
        let SessionState::Paid { payment, refunds } = &mut self.state else {
            let message = format!("This PaymentIntent ({}) does not have a successful charge to refund.", order.id);
            return Err(Refusal::new(message));
        };
        if rest == 0 {
            let message = format!("Charge {} has already been refunded.", payment.charge);
            return Err(Refusal::new(message).code("charge_already_refunded"));
        }
        let amount = order.amount.unwrap_or(rest);
        if amount > rest {
            let (asked, left) = (display(amount, &self.order.currency), display(rest, &self.order.currency));
            let message = format!("Refund amount ({asked}) is greater than unrefunded amount on charge ({left})");
            return Err(Refusal::new(message).param("amount"));
        }
        let refund = Refund { id, amount, reason: order.reason, metadata: order.metadata, created_at: now };
        let object = refund.object(payment, &self.order.currency);
        refunds.push(refund);
        Ok(object)
    }

    fn given_back(&self) -> u64 {
        self.state.refunds().iter().map(|refund| refund.amount).sum()
    }

    fn success_url(&self) -> String {
        let filled = self.order.success_url.replace(ID_PLACEHOLDER, &self.id);
        // Parsing writes what is not ASCII the way a header can carry it.
        Url::parse(&filled).map(String::from).unwrap_or(filled)
    }

    /// The session as the API shows it.
    fn object(&self, base: &str) -> Value {
        let order = &self.order;
        let url = matches!(self.state, SessionState::Open).then(|| format!("{base}{}", self.page_path()));
        json!({
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": order.adaptive_pricing },
            "amount_subtotal": order.amount_total,
            "amount_total": order.amount_total,
            "cancel_url": order.cancel_url,
            "client_reference_id": order.client_reference_id,
            "created": self.created_at.as_second(),
            "currency": order.currency,
            "customer": null,
            "customer_email": order.customer_email,
            "expires_at": order.expires_at.as_second(),
            "livemode": self.livemode,
            "locale": order.locale,
            "metadata": order.metadata,
            "mode": "payment",
            "payment_intent": self.state.payment().map(|payment| &payment.intent),
            "payment_method_types": ["card"],
            "payment_status": self.state.payment_status(),
            "status": self.state.status(),
            "submit_type": order.submit_type,
            "success_url": order.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted",
            "url": url,
        })
    }

    /// The payment intent itself, where the caller asked to have it expanded.
    fn intent_object(&self) -> Value {
        let status = match &self.state {
            SessionState::Open | SessionState::Expired { .. } => return Value::Null,
            SessionState::Processing { .. } => "processing",
            SessionState::AsyncFailed { .. } => "requires_payment_method",
            SessionState::Paid { .. } => "succeeded",
        };
        json!({
            "id": self.state.payment().map(|payment| &payment.intent),
            "object": "payment_intent",
            "amount": self.order.amount_total,
            "currency": self.order.currency,
            "livemode": self.livemode,
            "status": status,
        })
    }

    /// The charge behind the payment, as `charge.refunded` carries it.
    fn charge_object(&self) -> Value {
        let payment = self.state.payment();
        let given_back = self.given_back();
        json!({
            "id": payment.map(|payment| &payment.charge),
            "object": "charge",
            "amount": self.order.amount_total,
            "amount_captured": self.order.amount_total,
            "amount_refunded": given_back,
            "captured": true,
            "created": payment.map(|payment| payment.paid_at.as_second()),
            "currency": self.order.currency,
            "livemode": self.livemode,
            "metadata": self.order.payment_metadata,
            "paid": true,
            "payment_intent": payment.map(|payment| &payment.intent),
            "refunded": given_back == self.order.amount_total,
            "status": "succeeded",
        })
    }

    fn refund_object(&self, id: &str) -> Option<Value> {
        let payment = self.state.payment()?;
        let refund = self.state.refunds().iter().find(|refund| refund.id == id)?;
        Some(refund.object(payment, &self.order.currency))
    }

    /// As the simulator's own books show it.
    fn in_books(&self, deliveries: &[Delivery]) -> Value {
        let given_back = self.given_back();
        let is_paid = matches!(self.state, SessionState::Paid { .. });
        let deliveries: Vec<_> = deliveries.iter().filter(|delivery| delivery.session == self.id).collect();
        let payment = self.state.payment();
        json!({
            "id": self.id,
            "api_key": self.owner.last4,
            "livemode": self.livemode,
            "amount": self.order.amount_total,
            "currency": self.order.currency,
            "status": self.state.status(),
            "payment_status": self.state.payment_status(),
            "payment_intent": payment.map(|payment| &payment.intent),
            "taken": is_paid && given_back < self.order.amount_total,
            "given_back": given_back,
            "refunds": self.state.refunds(),
            "client_reference_id": self.order.client_reference_id,
            "success_url": self.order.success_url,
            "cancel_url": self.order.cancel_url,
            "metadata": self.order.metadata,
            "payment_metadata": self.order.payment_metadata,
            "created_at": self.created_at,
            "expires_at": self.order.expires_at,
            "paid_at": payment.map(|payment| payment.paid_at),
            "deliveries": deliveries,
        })
    }
}

impl Payment {
    fn new(ids: &Ids, paid_at: Timestamp) -> Self {
        Self { intent: format!("pi_{}", ids.text(24)), charge: format!("ch_{}", ids.text(24)), paid_at }
    }
}

impl Refund {
    fn object(&self, payment: &Payment, currency: &str) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": payment.charge,
            "created": self.created_at.as_second(),
            "currency": currency,
            "metadata": self.metadata,
            "payment_intent": payment.intent,
            "reason": self.reason,
            "status": "succeeded",
        })
    }
}

/// With the currency, in the unit that people write.
fn display(amount: u64, currency: &str) -> String {
    let decimals = match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv" | "xaf"
        | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    };
    let code = currency.to_uppercase();
    let unit = 10_u64.pow(decimals);
    match decimals {
        0 => format!("{} {code}", grouped(amount)),
        2 => format!("{}.{:02} {code}", grouped(amount / unit), amount % unit),
        _ => format!("{}.{:03} {code}", grouped(amount / unit), amount % unit),
    }
}

// Webhooks.

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Endpoint {
    owner: Credential,
    url: String,
    secret: String,
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Delivery {
    event: String,
    kind: String,
    session: String,
    url: String,
    delivered: bool,
    tries: Vec<Try>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Try {
    at: Timestamp,
    /// The HTTP status, or why there was none.
    answer: String,
}

#[derive(Debug, Clone, Copy)]
enum EventKind {
    Completed,
    AsyncSucceeded,
    AsyncFailed,
    Expired,
    Refunded,
}

impl EventKind {
    fn name(self) -> &'static str {
        match self {
            Self::Completed => "checkout.session.completed",
            Self::AsyncSucceeded => "checkout.session.async_payment_succeeded",
            Self::AsyncFailed => "checkout.session.async_payment_failed",
            Self::Expired => "checkout.session.expired",
            Self::Refunded => "charge.refunded",
        }
    }
}

/// What happened, in the bytes that every endpoint gets.
#[derive(Debug, Clone)]
struct Event {
    id: String,
    kind: EventKind,
    owner: Credential,
    session: String,
    body: Vec<u8>,
}

impl Stripe {
    /// `cause` is the call that made it happen; a customer or the clock makes no call.
    fn event(&self, kind: EventKind, session: &Session, now: Timestamp, cause: Option<&Call>) -> Event {
        let object = match kind {
            EventKind::Refunded => session.charge_object(),
            EventKind::Completed | EventKind::AsyncSucceeded | EventKind::AsyncFailed | EventKind::Expired => {
                session.object(&self.inner.base)
            }
        };
        let id = format!("evt_{}", self.inner.ids.text(24));
        let envelope = json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": now.as_second(),
            "data": { "object": object },
            "livemode": session.livemode,
            "pending_webhooks": 1,
            "request": {
                "id": cause.map(|call| &call.request_id),
                "idempotency_key": cause.and_then(|call| call.idempotency_key.as_ref()),
            },
            "type": kind.name(),
        });
        Event {
            id,
            kind,
            owner: session.owner.clone(),
            session: session.id.clone(),
            body: envelope.to_string().into_bytes(),
        }
    }

    /// Sends the events in the background; the caller holds no lock and goes on to answer.
    fn notify(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let endpoints = self.inner.books.read(|ledger| ledger.endpoints.clone());
        for event in events {
            for endpoint in endpoints.iter().filter(|endpoint| endpoint.owner == event.owner) {
                tokio::spawn(self.clone().deliver(endpoint.clone(), event.clone()));
            }
        }
    }

    /// Tries until the endpoint answers 2xx or the tries are used up. A restart ends it.
    async fn deliver(self, endpoint: Endpoint, event: Event) {
        for pause in WEBHOOK_PAUSES {
            tokio::time::sleep(pause).await;
            let at = Timestamp::now();
            let answer = match endpoint.webhook(&event, at) {
                Ok(webhook) => (self.inner.notify)(webhook).await,
                Err(error) => Err(error.to_string()),
            };
            let delivered = matches!(answer, Ok(200..=299));
            let answer = answer.map_or_else(|reason| reason, |status| status.to_string());
            self.note_try(&endpoint, &event, Try { at, answer }, delivered);
            if delivered {
                return;
            }
        }
        tracing::warn!(event = %event.id, "A webhook of the Stripe simulator was given up.");
    }

    fn note_try(&self, endpoint: &Endpoint, event: &Event, done: Try, delivered: bool) {
        let Ok(()) = self.inner.books.change(|ledger| -> Result<(), Infallible> {
            let known = ledger.deliveries.iter_mut().find(|known| known.event == event.id && known.url == endpoint.url);
            match known {
                Some(delivery) => {
                    delivery.tries.push(done);
                    delivery.delivered = delivered;
                }
                None => ledger.deliveries.push(Delivery {
                    event: event.id.clone(),
                    kind: event.kind.name().to_owned(),
                    session: event.session.clone(),
                    url: endpoint.url.clone(),
                    delivered,
                    tries: vec![done],
                }),
            }
            Ok(())
        });
    }
}

impl Endpoint {
    /// Every try is signed anew, with its own time.
    fn webhook(&self, event: &Event, at: Timestamp) -> Result<OutgoingWebhook, InvalidLength> {
        let signature = sign(&self.secret, at.as_second(), &event.body)?;
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
            ("stripe-signature", signature.as_str()),
        ];
        Ok(OutgoingWebhook {
            url: self.url.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: event.body.clone(),
        })
    }
}

/// `t=<unix>,v1=<hex>`: HMAC-SHA256 over the time, a dot and the raw body, under the bytes of the whole secret with its
/// `whsec_`.
fn sign(secret: &str, at: i64, body: &[u8]) -> Result<String, InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(at.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes())))
}

// The payment page.

/// What a tester can make of a payment.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Paid,
    /// The card was declined; the customer may try again.
    Failed,
    Cancelled,
    /// Paid, and the customer closed the browser.
    PaidNoReturn,
    /// Paid, and the webhook is lost.
    PaidNoWebhook,
    /// Paid, and neither the browser nor a webhook says so.
    PaidSilent,
    /// A slow method: complete now, paid later or not at all.
    Processing,
}

const CHOICES: [Choice; 7] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the card be declined" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_no_webhook", label: "Pay, but lose the webhook" },
    Choice { value: "paid_silent", label: "Pay, close the browser and lose the webhook" },
    Choice { value: "processing", label: "Pay by a slow method (come back to this page to settle it)" },
];

const SETTLE_CHOICES: [Choice; 2] = [
    Choice { value: "succeeded", label: "Let the money arrive" },
    Choice { value: "failed", label: "Let the payment fail" },
];

const MISCHIEF: [Mischief; 4] = [
    Mischief { call: "retrieve", how: "slow", label: "Answer the next retrieve slowly" },
    Mischief { call: "retrieve", how: "502_html", label: "Answer the next retrieve with 502" },
    Mischief { call: "expire", how: "502_html", label: "Answer the next expire with 502" },
    Mischief { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

/// Why a button of a page cannot be pressed.
enum Unusable {
    Unknown,
    /// The session as it is.
    Otherwise(Box<Session>),
}

impl Outcome {
    /// What becomes of the session, where anything does.
    fn state(self, payment: Payment) -> Option<SessionState> {
        match self {
            Self::Paid | Self::PaidNoReturn | Self::PaidNoWebhook | Self::PaidSilent => {
                Some(SessionState::Paid { payment, refunds: Vec::new() })
            }
            Self::Processing => Some(SessionState::Processing { payment }),
            Self::Failed | Self::Cancelled => None,
        }
    }

    fn is_notified(self) -> bool {
        match self {
            Self::Paid | Self::PaidNoReturn | Self::Processing => true,
            Self::PaidNoWebhook | Self::PaidSilent | Self::Failed | Self::Cancelled => false,
        }
    }

    fn answer(self, session: &Session) -> Response {
        match self {
            Self::Paid | Self::PaidNoWebhook | Self::Processing => {
                redirect(StatusCode::SEE_OTHER, &session.success_url())
            }
            Self::PaidNoReturn | Self::PaidSilent => closed_browser("Stripe", &session.success_url()),
            Self::Failed => session.page(Some("Your card was declined. You can try again.")),
            Self::Cancelled => match &session.order.cancel_url {
                Some(cancel_url) => redirect(StatusCode::SEE_OTHER, cancel_url),
                None => session.page(Some("The merchant gave no way back.")),
            },
        }
    }
}

impl Session {
    fn page_path(&self) -> String {
        format!("/stripe/c/pay/{}", self.id)
    }

    fn page(&self, notice: Option<&str>) -> Response {
        match self.state {
            SessionState::Open => self.payment_page(notice),
            SessionState::Processing { .. } => {
                let content = html! {
                    p { "The payment is under way." }
                    (buttons(&format!("/stripe/simulator/{}/settle_async", self.id), &SETTLE_CHOICES))
                };
                page(StatusCode::OK, "Stripe: processing", &content)
            }
            SessionState::Paid { .. } => dead_end(StatusCode::OK, "This payment is complete."),
            SessionState::AsyncFailed { .. } => dead_end(StatusCode::OK, "This payment failed."),
            SessionState::Expired { .. } => dead_end(StatusCode::GONE, "This payment page is no longer open."),
        }
    }

    fn payment_page(&self, notice: Option<&str>) -> Response {
        let names: Vec<_> = self.order.lines.iter().map(|line| line.name.as_str()).collect();
        PaymentPage {
            gateway: "Stripe",
            here: &self.page_path(),
            next_answer: "/stripe/simulator/next_answer",
            merchant: &self.owner.last4,
            amount: &display(self.order.amount_total, &self.order.currency),
            description: &names.join(", "),
            notice,
            choices: &CHOICES,
            mischief: &MISCHIEF,
        }
        .respond()
    }
}

impl IntoResponse for Unusable {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => dead_end(StatusCode::NOT_FOUND, "There is no such payment page."),
            Self::Otherwise(session) => session.page(None),
        }
    }
}

fn dead_end(status: StatusCode, reason: &str) -> Response {
    page(status, "Stripe", &html! { p.notice role="alert" { (reason) } })
}

async fn hosted_page(State(stripe): State<Stripe>, Path(id): Path<String>) -> Response {
    stripe.expire_overdue(Timestamp::now());
    match stripe.inner.books.read(|ledger| ledger.sessions.get(&id).cloned()) {
        Some(session) => session.page(None),
        None => Unusable::Unknown.into_response(),
    }
}

async fn choose(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    let now = Timestamp::now();
    stripe.expire_overdue(now);
    let chosen = stripe.inner.books.change(|ledger| -> Result<(Session, Vec<Event>), Unusable> {
        let session = ledger.sessions.get_mut(&id).ok_or(Unusable::Unknown)?;
        if !matches!(session.state, SessionState::Open) {
            return Err(Unusable::Otherwise(Box::new(session.clone())));
        }
        if let Some(state) = outcome.state(Payment::new(&stripe.inner.ids, now)) {
            session.state = state;
        }
        let told = outcome.is_notified().then(|| stripe.event(EventKind::Completed, session, now, None));
        Ok((session.clone(), told.into_iter().collect()))
    });
    match chosen {
        Ok((session, events)) => {
            stripe.notify(events);
            outcome.answer(&session)
        }
        Err(unusable) => unusable.into_response(),
    }
}

// The tester's hand.

/// How a slow payment ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Settled {
    Succeeded,
    Failed,
}

async fn settle_async(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Settled>>,
) -> Response {
    let now = Timestamp::now();
    let settled = stripe.inner.books.change(|ledger| -> Result<(Session, Event), Unusable> {
        let session = ledger.sessions.get_mut(&id).ok_or(Unusable::Unknown)?;
        let SessionState::Processing { payment } = &session.state else {
            return Err(Unusable::Otherwise(Box::new(session.clone())));
        };
        let payment = payment.clone();
        let (state, kind) = match outcome {
            Settled::Succeeded => (SessionState::Paid { payment, refunds: Vec::new() }, EventKind::AsyncSucceeded),
            Settled::Failed => (SessionState::AsyncFailed { payment }, EventKind::AsyncFailed),
        };
        session.state = state;
        Ok((session.clone(), stripe.event(kind, session, now, None)))
    });
    match settled {
        Ok((session, event)) => {
            stripe.notify(vec![event]);
            session.page(None)
        }
        Err(Unusable::Otherwise(session)) => (StatusCode::CONFLICT, session.page(None)).into_response(),
        Err(Unusable::Unknown) => Unusable::Unknown.into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct NewEndpoint {
    api_key: String,
    url: String,
    secret: String,
}

async fn add_webhook_endpoint(State(stripe): State<Stripe>, Json(new): Json<NewEndpoint>) -> Response {
    if !is_api_key(&new.api_key) || Url::parse(&new.url).is_err() || !new.secret.starts_with("whsec_") {
        let expected = json!({ "api_key": "sk_test_…", "url": "http://…", "secret": "whsec_…" });
        return (StatusCode::BAD_REQUEST, Json(json!({ "expected": expected }))).into_response();
    }
    stripe.register_webhook(&new.api_key, &new.url, &new.secret);
    Json(json!({ "url": new.url })).into_response()
}

async fn next_answer(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    stripe.inner.misbehaviour.plan(&CALLS, &headers, &body)
}

/// Every session, oldest first.
async fn books(State(stripe): State<Stripe>) -> Json<Vec<Value>> {
    stripe.expire_overdue(Timestamp::now());
    Json(stripe.inner.books.read(|ledger| {
        let mut sessions: Vec<_> = ledger.sessions.values().collect();
        sessions.sort_by_key(|session| session.created_at);
        sessions.into_iter().map(|session| session.in_books(&ledger.deliveries)).collect()
    }))
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::time::Duration;

    use http::StatusCode;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::testing::{Client, Reply, TestResult};
    use super::sign;

    const SESSIONS: &str = "/stripe/v1/checkout/sessions";
    const ORDER: &str = "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=usd\
        &line_items[0][price_data][unit_amount]=1500&line_items[0][price_data][product_data][name]=Invoice+77\
        &success_url=http%3A%2F%2Flocalhost%3A9000%2Fok%3Fid%3D%7BCHECKOUT_SESSION_ID%7D\
        &cancel_url=http%3A%2F%2Flocalhost%3A9000%2Fback&client_reference_id=at_1&metadata[link]=pl_1";

    fn client() -> Result<Client, Box<dyn Error>> {
        Client::new(Some("sk_test_1234567890"))
    }

    async fn open(client: &Client) -> Result<String, Box<dyn Error>> {
        let session = client.post_form(SESSIONS, ORDER).await?.json()?;
        Ok(session["id"].as_str().unwrap_or_default().to_owned())
    }

    async fn press(client: &Client, id: &str, outcome: &str) -> Result<Reply, Box<dyn Error>> {
        client.post_form(&format!("/stripe/c/pay/{id}"), &format!("outcome={outcome}")).await
    }

    async fn retrieve(client: &Client, id: &str) -> Result<Value, Box<dyn Error>> {
        Ok(client.get(&format!("{SESSIONS}/{id}")).await?.json()?)
    }

    /// Waits for the webhooks, which follow the answer.
    async fn webhooks(client: &Client, count: usize) -> Vec<Value> {
        for _ in 0..40 {
            let sent: Vec<Value> = client.sent.lock().map_or_else(
                |_| Vec::new(),
                |sent| sent.iter().filter_map(|webhook| serde_json::from_slice(&webhook.body).ok()).collect(),
            );
            if sent.len() >= count {
                return sent;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Vec::new()
    }

    #[test]
    fn signatures_are_those_of_the_official_vectors() -> TestResult {
        let signature = sign(
            "whsec_abc123",
            1_700_000_000,
            br#"{"id":"evt_1","object":"event","type":"checkout.session.completed"}"#,
        )?;
        assert_eq!(signature, "t=1700000000,v1=bb1ca76a95e95712cedaf7d8c2a3e471f07575031ac519f9b05bd121b997ad87");
        Ok(())
    }

    #[tokio::test]
    async fn a_payment_completes_the_session_and_is_told() -> TestResult {
        let client = client()?;
        let endpoint = json!({ "api_key": "sk_test_1234567890", "url": "http://localhost/hook", "secret": "whsec_x" });
        client.post_json("/stripe/simulator/webhook_endpoints", &endpoint).await?;
        let id = open(&client).await?;
        let session = retrieve(&client, &id).await?;
        assert!(id.starts_with("cs_test_"));
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("open"), &json!("unpaid")));
        assert_eq!(session["url"], format!("http://localhost:9001/stripe/c/pay/{id}"));

        let back = press(&client, &id, "paid").await?;
        assert_eq!(back.status, StatusCode::SEE_OTHER);
        assert_eq!(back.location(), format!("http://localhost:9000/ok?id={id}"));
        let session = retrieve(&client, &id).await?;
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
        assert_eq!(session["url"], Value::Null);

        let told = webhooks(&client, 1).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["type"], "checkout.session.completed");
        assert_eq!(told[0]["data"]["object"]["id"], id.as_str());
        Ok(())
    }

    #[tokio::test]
    async fn creates_are_checked_parameter_by_parameter() -> TestResult {
        let client = client()?;
        let later = |seconds: i64| format!("{ORDER}&expires_at={}", Timestamp::now().as_second() + seconds);
        for (body, reason) in [
            (ORDER.replace("usd", "irr"), "Invalid currency: irr"),
            (ORDER.replace("usd", "USD"), "Invalid currency: USD"),
            (ORDER.replace("=1500", "=49"), "at least"),
            (ORDER.replace("=1500", "=100000000"), "no more than"),
            (ORDER.replace("=1500", "=15.00"), "Invalid integer"),
            (ORDER.replace("=1500", "=-5"), "greater than"),
            (ORDER.replace("success_url", "succes_url"), "Missing required param: success_url"),
            (ORDER.replace("mode=payment", "colour=blue&mode=payment"), "unknown parameter: colour"),
            (later(60), "30 minutes"),
            (later(90_000), "24 hours"),
        ] {
            let refused = client.post_form(SESSIONS, &body).await?;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
            assert!(refused.text.contains(reason), "{reason}: {}", refused.text);
        }
        assert_eq!(client.post_form(SESSIONS, &later(3_600)).await?.status, StatusCode::OK);
        let encoded = ORDER.replace('[', "%5B").replace(']', "%5D");
        assert_eq!(client.post_form(SESSIONS, &encoded).await?.status, StatusCode::OK);
        Ok(())
    }

    #[tokio::test]
    async fn a_key_sees_its_own_sessions_only() -> TestResult {
        let client = client()?;
        let id = open(&client).await?;
        let path = format!("{SESSIONS}/{id}");
        let stranger = client.with_key("sk_test_stranger").get(&path).await?;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND);
        assert_eq!(stranger.json()?["error"]["code"], "resource_missing");
        assert_eq!(client.with_key("pk_test_public").get(&path).await?.status, StatusCode::UNAUTHORIZED);
        assert_eq!(Client::new(None)?.get(&path).await?.status, StatusCode::UNAUTHORIZED);
        Ok(())
    }

    #[tokio::test]
    async fn an_idempotency_key_stands_for_one_call() -> TestResult {
        let client = client()?;
        let first = client.post_form_with(SESSIONS, ORDER, Some("k")).await?;
        let second = client.post_form_with(SESSIONS, ORDER, Some("k")).await?;
        assert_eq!(first.text, second.text);
        assert!(second.headers.contains_key("idempotent-replayed"));

        let other = ORDER.replace("=1500", "=1600");
        let refused = client.post_form_with(SESSIONS, &other, Some("k")).await?;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(refused.json()?["error"]["type"], "idempotency_error");
        Ok(())
    }

    #[tokio::test]
    async fn only_an_open_session_can_be_expired() -> TestResult {
        let client = client()?;
        let id = open(&client).await?;
        let path = format!("{SESSIONS}/{id}/expire");
        assert_eq!(client.post_form(&path, "").await?.json()?["status"], "expired");
        assert_eq!(client.post_form(&path, "").await?.status, StatusCode::BAD_REQUEST);
        assert_eq!(press(&client, &id, "paid").await?.status, StatusCode::GONE);
        Ok(())
    }

    #[tokio::test]
    async fn no_more_is_given_back_than_was_paid() -> TestResult {
        let client = client()?;
        let id = open(&client).await?;
        press(&client, &id, "paid_silent").await?;
        let intent = retrieve(&client, &id).await?["payment_intent"].as_str().unwrap_or_default().to_owned();

        let refund = async |amount: &str| {
            client.post_form("/stripe/v1/refunds", &format!("payment_intent={intent}{amount}")).await
        };
        assert_eq!(refund("&amount=500").await?.json()?["status"], "succeeded");
        assert_eq!(refund("&amount=1001").await?.json()?["error"]["param"], "amount");
        assert_eq!(refund("").await?.json()?["amount"], 1_000);
        assert_eq!(refund("").await?.json()?["error"]["code"], "charge_already_refunded");

        let books = client.get("/stripe/books.json").await?.json()?;
        assert_eq!((&books[0]["taken"], &books[0]["given_back"]), (&json!(false), &json!(1_500)));
        Ok(())
    }

    #[tokio::test]
    async fn a_slow_payment_is_complete_before_it_is_paid() -> TestResult {
        let client = client()?;
        let id = open(&client).await?;
        press(&client, &id, "processing").await?;
        let session = retrieve(&client, &id).await?;
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("unpaid")));
        client.post_form(&format!("/stripe/simulator/{id}/settle_async"), "outcome=succeeded").await?;
        assert_eq!(retrieve(&client, &id).await?["payment_status"], "paid");
        Ok(())
    }
}

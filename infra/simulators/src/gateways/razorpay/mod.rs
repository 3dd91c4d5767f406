//! Razorpay payment links: the API under a key and its secret, the hosted page, the signed return, signed webhooks and the
//! tester's hand.
//!
//! A payment that fails ends nothing: the customer tries again in the same link. Payments are captured without a call of
//! the merchant's. Test and live differ by the key alone.
//!
//! Not simulated: partial payments, orders, editing a link, UPI links.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use url::Url;

use super::hosted_checkout::{HostedCheckout, Look, Outcome, Payment, Replayed, Sale, SaleState};
use super::{
    Choice, Chosen, Credential, Mischief, Opening, OutgoingWebhook, Simulator, buttons, closed_browser,
    has_content_type, page, redirect, sha256,
};

/// The smallest amount: one rupee, and a hundredth part of anything else's hundred.
const SMALLEST: u64 = 100;
/// A link lives from a quarter of an hour to six months, and so long unless something else is asked for.
const SHORTEST: SignedDuration = SignedDuration::from_mins(15);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 183);
/// Refunds under one key are one refund. How long is not published.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(24);

const CALLS: [&str; 5] = ["create", "retrieve", "cancel", "retrieve_payment", "refund"];

const FIELDS: [&str; 15] = [
    "amount",
    "currency",
    "accept_partial",
    "first_min_partial_amount",
    "description",
    "reference_id",
    "customer",
    "expire_by",
    "notify",
    "reminder_enable",
    "notes",
    "callback_url",
    "callback_method",
    "upi_link",
    "options",
];

const CHOICES: [Choice; 8] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the card be declined" },
    Choice { value: "cancelled", label: "Leave without paying" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_no_webhook", label: "Pay, but lose the webhook" },
    Choice { value: "paid_silent", label: "Pay, close the browser and lose the webhook" },
    Choice { value: "paid_less", label: "Pay half of it" },
    Choice { value: "processing", label: "Pay, but let the capture wait (come back to this page to complete it)" },
];

const BANK_CHOICES: [Choice; 2] = [
    Choice { value: "succeeded", label: "Let the money be captured" },
    Choice { value: "failed", label: "Let it go back" },
];

const MISCHIEF: [Mischief; 3] = [
    Mischief { call: "retrieve", how: "slow", label: "Answer the next look-up slowly" },
    Mischief { call: "retrieve", how: "502_html", label: "Answer the next look-up with 502" },
    Mischief { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

#[derive(Debug, Clone)]
struct Razorpay(Arc<HostedCheckout>);

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Razorpay(Arc::new(HostedCheckout::open(opening, "razorpay.json", Sale::expire)?))))
}

impl Simulator for Razorpay {
    fn router(&self) -> Router {
        Router::new()
            // The documents write it with a slash at the end, an official client without.
            .route("/razorpay/v1/payment_links", post(create))
            .route("/razorpay/v1/payment_links/", post(create))
            .route("/razorpay/v1/payment_links/{id}", get(retrieve))
            .route("/razorpay/v1/payment_links/{id}/cancel", post(cancel))
            .route("/razorpay/v1/payments/{id}", get(retrieve_payment))
            .route("/razorpay/v1/payments/{id}/refund", post(refund))
            .route("/razorpay/i/{id}", get(hosted_page).post(choose))
            .route("/razorpay/simulator/{id}/complete_async", post(complete_async))
            .route("/razorpay/simulator/next_answer", post(next_answer))
            .route("/razorpay/books.json", get(books))
            .with_state(self.clone())
    }

    /// `key` is the key's id; signing the return needs its secret, which every call carries.
    fn register_webhook(&self, key: &str, url: &str, secret: &str) {
        self.0.add_endpoint(key, url, secret);
    }
}

/// How the gateway says no: with 400 unless something else is said.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    description: String,
    field: Option<&'static str>,
}

impl Refusal {
    fn new(description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, description: description.into(), field: None }
    }

    fn field(field: &'static str, description: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(description) }
    }

    fn missing() -> Self {
        Self::new("The id provided does not exist")
    }
}

type Said = Result<Value, Refusal>;

fn respond(said: Said) -> Response {
    match said {
        Ok(body) => Json(body).into_response(),
        Err(refusal) => {
            let error = json!({
                "code": "BAD_REQUEST_ERROR", "description": refusal.description, "field": refusal.field,
                "source": "business", "step": "payment_initiation", "reason": "input_validation_failed",
                "metadata": {},
            });
            (refusal.status, Json(json!({ "error": error }))).into_response()
        }
    }
}

/// A key with its secret.
struct Caller {
    owner: Credential,
    secret: String,
    is_live: bool,
}

fn caller(headers: &HeaderMap) -> Result<Caller, Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let decoded = given.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text.trim()).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    match decoded.split_once(':') {
        Some((id, secret))
            if !secret.is_empty() && ["rzp_test_", "rzp_live_"].iter().any(|prefix| id.starts_with(prefix)) =>
        {
            Ok(Caller { owner: Credential::of(id), secret: secret.to_owned(), is_live: id.starts_with("rzp_live_") })
        }
        Some(_) | None => Err(Refusal { status: StatusCode::UNAUTHORIZED, ..Refusal::new("Authentication failed") }),
    }
}

fn input(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    Some(body)
        .filter(|_| has_content_type(headers, "application/json"))
        .and_then(|body| serde_json::from_slice(body).ok())
        .ok_or_else(|| Refusal::new("The request body is not valid JSON"))
}

fn sign(secret: &str, message: &[u8]) -> String {
    match <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(message);
            hex::encode(mac.finalize().into_bytes())
        }
        // A key may have any length.
        Err(_) => String::new(),
    }
}

async fn create(State(razorpay): State<Razorpay>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.misbehaviour.play("create", || respond(razorpay.create(&headers, &body))).await
}

async fn retrieve(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = || respond(razorpay.owned(&id, &headers).map(|sale| razorpay.object(&id, &sale)));
    razorpay.0.misbehaviour.play("retrieve", answer).await
}

async fn cancel(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    razorpay.0.misbehaviour.play("cancel", || respond(razorpay.cancel(&id, &headers))).await
}

async fn retrieve_payment(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    razorpay.0.misbehaviour.play("retrieve_payment", || respond(razorpay.payment(&id, &headers))).await
}

async fn refund(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.misbehaviour.play("refund", || respond(razorpay.refund(&id, &headers, &body))).await
}

impl Razorpay {
    fn create(&self, headers: &HeaderMap, body: &[u8]) -> Said {
        let caller = caller(headers)?;
        let input = input(headers, body)?;
        if let Some(name) = input.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(Refusal::new(format!("{name} is/are not required and should not be sent")));
        }
        let now = self.0.now();
        let amount = input.get("amount").and_then(Value::as_u64).filter(|amount| *amount >= SMALLEST);
        let amount = amount.ok_or_else(|| Refusal::field("amount", "The amount must be atleast INR 1.00"))?;
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let currency = Some(text("currency")).filter(|code| !code.is_empty()).unwrap_or_else(|| "INR".to_owned());
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Refusal::field("currency", "The currency is not supported"));
        }
        if input.get("accept_partial").is_some_and(|value| *value != false) {
            return Err(Refusal::field("accept_partial", "Partial payments are not simulated here"));
        }
        let description = text("description");
        if description.chars().count() > 2_048 {
            return Err(Refusal::field("description", "The description may not be greater than 2048 characters"));
        }
        let order = text("reference_id");
        if order.chars().count() > 40 {
            return Err(Refusal::field("reference_id", "The reference id may not be greater than 40 characters"));
        }
        let is_used = |sale: &Sale| sale.owner == caller.owner && sale.order == order && !order.is_empty();
        if self.0.books.read(|ledger| ledger.sales.values().any(is_used)) {
            let description = format!("payment link with given reference_id ({order}) already exists");
            return Err(Refusal::field("reference_id", description));
        }
        let ends_at = match input.get("expire_by").and_then(Value::as_i64) {
            None => now + LONGEST,
            Some(second) => {
                let at = Timestamp::from_second(second).unwrap_or(now);
                let left = at.duration_since(now);
                if left < SHORTEST || left > LONGEST {
                    let description = "expire_by should be at least 15 minutes after current time";
                    return Err(Refusal::field("expire_by", description));
                }
                at
            }
        };
        let back = text("callback_url");
        let is_web = Url::parse(&back).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !back.is_empty() && (!is_web || text("callback_method") != "get") {
            return Err(Refusal::field("callback_url", "The callback url or its method is invalid"));
        }
        let notes = input.get("notes").cloned().unwrap_or_else(|| json!([]));
        let is_note = |note: &Value| note.as_str().is_some_and(|text| text.chars().count() <= 256);
        if notes.as_object().is_some_and(|notes| notes.len() > 15 || !notes.values().all(is_note)) {
            return Err(Refusal::field("notes", "Number of fields in notes should be less than or equal to 15"));
        }
        let id = format!("plink_{}", self.0.ids.text(14));
        let sale = Sale {
            owner: caller.owner,
            is_live: caller.is_live,
            amount,
            currency,
            description,
            order,
            back,
            notify: None,
            // The secret signs the way back. It is a simulator's, and opens nothing.
            metadata: json!({ "notes": notes, "secret": caller.secret }),
            created_at: now,
            ends_at,
            state: SaleState::Open,
            payment: None,
            failures: Vec::new(),
            refunded: 0,
            can_be_cancelled: false,
        };
        let object = self.object(&id, &sale);
        self.0.add(&id, sale);
        Ok(object)
    }

    fn owned(&self, id: &str, headers: &HeaderMap) -> Result<Sale, Refusal> {
        let caller = caller(headers)?;
        self.0.sale(id).filter(|sale| sale.owner == caller.owner).ok_or_else(Refusal::missing)
    }

    fn cancel(&self, id: &str, headers: &HeaderMap) -> Said {
        self.owned(id, headers)?;
        let now = self.0.clock.now();
        let cancelled = self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or_else(Refusal::missing)?;
            match sale.state {
                SaleState::Open => sale.state = SaleState::Cancelled,
                // Nothing is captured yet, and what is authorised may be all the same.
                SaleState::Processing if ended(sale, now).is_none() => sale.metadata["ended"] = json!("cancelled"),
                SaleState::Processing
                | SaleState::Waiting
                | SaleState::Ours
                | SaleState::Failed
                | SaleState::Cancelled
                | SaleState::Expired
                | SaleState::Returned => {
                    return Err(Refusal::new("Payment link cannot be cancelled in its present state"));
                }
            }
            Ok(sale.clone())
        })?;
        self.tell("payment_link.cancelled", id, &cancelled);
        Ok(self.object(id, &cancelled))
    }

    fn payment(&self, id: &str, headers: &HeaderMap) -> Said {
        let caller = caller(headers)?;
        self.0.now();
        let is_it = |sale: &&Sale| sale.owner == caller.owner && is_payment(sale, id);
        let sale = self.0.books.read(|ledger| ledger.sales.values().find(is_it).cloned());
        sale.as_ref().and_then(payment_object).ok_or_else(Refusal::missing)
    }

    fn refund(&self, id: &str, headers: &HeaderMap, body: &[u8]) -> Said {
        let caller = caller(headers)?;
        let input = input(headers, body)?;
        let now = self.0.now();
        let key = headers.get("x-refund-idempotency").and_then(|value| value.to_str().ok());
        if key.is_some_and(|key| key.len() < 10 || !key.bytes().all(is_key_byte)) {
            return Err(Refusal::new("The refund idempotency key is invalid"));
        }
        let fingerprint = sha256(&[id.as_bytes(), b"\n", body].concat());
        if let Some(key) = key {
            match self.0.replay(&caller.owner, key, &fingerprint, now, REPLAYED_FOR) {
                Replayed::Nothing => {}
                Replayed::Answer(_, body) => return Ok(body),
                Replayed::Other => return Err(Refusal::new("The key was used with another request")),
            }
        }
        let refund = format!("rfnd_{}", self.0.ids.text(14));
        let body = self.0.books.change(|ledger| {
            let is_it = |sale: &&mut Sale| sale.owner == caller.owner && is_payment(sale, id);
            let sale = ledger.sales.values_mut().find(is_it).ok_or_else(Refusal::missing)?;
            if sale.state != SaleState::Ours {
                return Err(Refusal::new("The payment status should be captured for action to be taken"));
            }
            let left = sale.payment.as_ref().map_or(0, |payment| payment.amount) - sale.refunded;
            let amount = input.get("amount").and_then(Value::as_u64).unwrap_or(left);
            if left == 0 {
                return Err(Refusal::new("The payment has been fully refunded already"));
            }
            if amount == 0 || amount > left {
                return Err(Refusal::field("amount", "The refund amount provided is greater than amount captured"));
            }
            sale.refunded += amount;
            Ok(json!({
                "id": refund, "entity": "refund", "amount": amount, "currency": sale.currency, "payment_id": id,
                "status": "processed", "speed_processed": "normal", "created_at": now.as_second(), "notes": [],
            }))
        })?;
        if let Some(key) = key {
            self.0.remember(&caller.owner, key, fingerprint, StatusCode::OK, &body, now);
        }
        Ok(body)
    }

    /// The link as the API shows it.
    fn object(&self, id: &str, sale: &Sale) -> Value {
        let paid = sale.payment.as_ref();
        let captured = paid.filter(|_| sale.state != SaleState::Processing);
        let amount_paid = captured.map_or(0, |payment| payment.amount);
        let ended = ended(sale, self.0.clock.now());
        let status = match sale.state {
            SaleState::Ours if ended.is_none() && amount_paid < sale.amount => "partially_paid",
            SaleState::Ours | SaleState::Returned | SaleState::Waiting => ended.unwrap_or("paid"),
            SaleState::Open | SaleState::Failed | SaleState::Processing => ended.unwrap_or("created"),
            SaleState::Cancelled => "cancelled",
            SaleState::Expired => "expired",
        };
        let failed =
            sale.failures.iter().map(|id| json!({ "payment_id": id, "status": "failed", "amount": sale.amount }));
        let made = payment_object(sale).map(|payment| {
            json!({
                "payment_id": payment["id"], "status": payment["status"], "amount": payment["amount"],
                "method": "card", "created_at": payment["created_at"],
            })
        });
        let payments: Vec<Value> = failed.chain(made).collect();
        json!({
            "id": id,
            "entity": "payment_link",
            "short_url": format!("{}/razorpay/i/{id}", self.0.base),
            "status": status,
            "amount": sale.amount,
            "amount_paid": amount_paid,
            "currency": sale.currency,
            "accept_partial": false,
            "description": sale.description,
            "reference_id": sale.order,
            "callback_url": sale.back,
            "callback_method": "get",
            "customer": {},
            "notes": sale.metadata["notes"],
            "notify": { "email": false, "sms": false, "whatsapp": false },
            "reminder_enable": false,
            "order_id": paid.map(|_| format!("order_{id}")),
            "payments": (!payments.is_empty()).then_some(payments),
            "expire_by": sale.ends_at.as_second(),
            "expired_at": if status == "expired" { sale.ends_at.as_second() } else { 0 },
            "cancelled_at": 0,
            "created_at": sale.created_at.as_second(),
            "updated_at": sale.created_at.as_second(),
            "upi_link": false,
            "user_id": "",
        })
    }

    /// Tells every endpoint of the key's owner, signed with the endpoint's secret. Repeats have the same event id.
    fn tell(&self, kind: &str, id: &str, sale: &Sale) {
        let mut payload = json!({ "payment_link": { "entity": self.object(id, sale) } });
        if let Some(payment) = payment_object(sale) {
            payload["payment"] = json!({ "entity": payment });
        }
        let contains: Vec<&String> = payload.as_object().map(|parts| parts.keys().collect()).unwrap_or_default();
        let event = json!({
            "entity": "event", "account_id": "acc_simulator", "event": kind, "contains": contains,
            "payload": payload, "created_at": self.0.clock.now().as_second(),
        });
        let body = event.to_string().into_bytes();
        let event_id = self.0.ids.text(14);
        for endpoint in self.0.endpoints_of(&sale.owner) {
            let headers = [
                ("content-type", "application/json".to_owned()),
                ("x-razorpay-event-id", event_id.clone()),
                ("x-razorpay-signature", sign(&endpoint.secret, &body)),
            ];
            let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
            self.0.call(OutgoingWebhook { url: endpoint.url, headers, body: body.clone() });
        }
    }
}

/// How the link ended before the money came, where it did.
fn ended(sale: &Sale, now: Timestamp) -> Option<&'static str> {
    match sale.metadata["ended"].as_str() {
        Some("cancelled") => Some("cancelled"),
        Some(_) => Some("expired"),
        None => (sale.state == SaleState::Processing && now >= sale.ends_at).then_some("expired"),
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_payment(sale: &Sale, id: &str) -> bool {
    sale.payment.as_ref().is_some_and(|payment| payment.id == id)
}

fn payment_object(sale: &Sale) -> Option<Value> {
    let payment = sale.payment.as_ref()?;
    let status = match sale.state {
        SaleState::Processing => "authorized",
        _ if sale.refunded >= payment.amount => "refunded",
        _ => "captured",
    };
    Some(json!({
        "id": payment.id, "entity": "payment", "amount": payment.amount, "currency": sale.currency, "status": status,
        "amount_refunded": sale.refunded, "captured": status != "authorized", "method": "card", "description": sale.description,
        "created_at": payment.at.as_second(),
    }))
}

async fn hosted_page(State(razorpay): State<Razorpay>, Path(id): Path<String>) -> Response {
    page_of(&razorpay, &id, None)
}

fn page_of(razorpay: &Razorpay, id: &str, notice: Option<&str>) -> Response {
    let shown = razorpay.0.sale(id);
    if shown.as_ref().is_some_and(|sale| sale.state == SaleState::Processing) {
        let bank = buttons(&format!("/razorpay/simulator/{id}/complete_async"), &BANK_CHOICES);
        return page(StatusCode::OK, "Razorpay: authorised", &bank);
    }
    let shown = shown.map(|sale| format!("{}.{:02} {}", sale.amount / 100, sale.amount % 100, sale.currency));
    let amount = shown.unwrap_or_default();
    let look = Look { amount: &amount, notice, choices: &CHOICES, mischief: &MISCHIEF };
    razorpay.0.page("Razorpay", id, &format!("/razorpay/i/{id}"), "/razorpay/simulator/next_answer", look)
}

async fn choose(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    let payment = format!("pay_{}", razorpay.0.ids.text(14));
    let sale = match razorpay.0.press(&id, outcome, SaleState::Ours, payment, false) {
        Ok(sale) => sale,
        Err(dead_end) => return dead_end.page("Razorpay"),
    };
    match outcome {
        Outcome::Failed => return page_of(&razorpay, &id, Some("Your card was declined. You can try again.")),
        Outcome::Cancelled => return page_of(&razorpay, &id, Some("Nothing was paid.")),
        _ => {}
    }
    // Of a payment that is not captured yet only events about payments tell, and those are not about a link.
    if outcome.is_told() && outcome != Outcome::Processing {
        let kind = if outcome == Outcome::PaidLess { "payment_link.partially_paid" } else { "payment_link.paid" };
        razorpay.tell(kind, &id, &sale);
    }
    let back = return_url(&razorpay, &id, &sale);
    if outcome.comes_back() { redirect(StatusCode::FOUND, &back) } else { closed_browser("Razorpay", &back) }
}

/// The way back, signed with the secret of the key that made the link.
fn return_url(razorpay: &Razorpay, id: &str, sale: &Sale) -> String {
    let Ok(mut url) = Url::parse(&sale.back) else { return sale.back.clone() };
    let status = razorpay.object(id, sale)["status"].as_str().unwrap_or_default().to_owned();
    let payment = sale.payment.as_ref().map(|payment| payment.id.clone()).unwrap_or_default();
    let secret = sale.metadata["secret"].as_str().unwrap_or_default();
    let signature = sign(secret, format!("{id}|{}|{status}|{payment}", sale.order).as_bytes());
    url.query_pairs_mut()
        .append_pair("razorpay_payment_id", &payment)
        .append_pair("razorpay_payment_link_id", id)
        .append_pair("razorpay_payment_link_reference_id", &sale.order)
        .append_pair("razorpay_payment_link_status", &status)
        .append_pair("razorpay_signature", &signature);
    url.into()
}

/// What the bank and the capture make of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bank {
    /// Says yes to what it had declined, up to days later.
    Authorized,
    /// The money is captured.
    Succeeded,
    /// It goes back.
    Failed,
}

async fn complete_async(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Bank>>,
) -> Response {
    let now = razorpay.0.now();
    let confirmed = razorpay.0.books.change(|ledger| {
        let sale = ledger.sales.get_mut(&id).ok_or(StatusCode::NOT_FOUND)?;
        confirm(sale, outcome, now).ok_or(StatusCode::CONFLICT)?;
        Ok::<Sale, StatusCode>(sale.clone())
    });
    match confirmed {
        Ok(sale) => {
            let is_paid = sale.state == SaleState::Ours && ended(&sale, now).is_none();
            if is_paid {
                razorpay.tell("payment_link.paid", &id, &sale);
            }
            Json(json!({ "status": sale.state.name() })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

fn confirm(sale: &mut Sale, bank: Bank, now: Timestamp) -> Option<()> {
    match (bank, sale.state) {
        (Bank::Authorized, SaleState::Open | SaleState::Cancelled | SaleState::Expired) => {
            let id = sale.failures.pop()?;
            match sale.state {
                SaleState::Cancelled => sale.metadata["ended"] = json!("cancelled"),
                SaleState::Expired => sale.metadata["ended"] = json!("expired"),
                _ => {}
            }
            sale.payment = Some(Payment { id, amount: sale.amount, at: now, confirmed_at: None });
            sale.state = SaleState::Processing;
        }
        (Bank::Succeeded, SaleState::Processing) => {
            if let Some(ended) = ended(sale, now) {
                sale.metadata["ended"] = json!(ended);
            }
            sale.state = SaleState::Ours;
        }
        (Bank::Failed, SaleState::Processing) => {
            let after = match ended(sale, now) {
                Some("cancelled") => SaleState::Cancelled,
                Some(_) => SaleState::Expired,
                None => SaleState::Open,
            };
            sale.failures.push(sale.payment.take()?.id);
            sale.state = after;
        }
        _ => return None,
    }
    Some(())
}

async fn next_answer(State(razorpay): State<Razorpay>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.misbehaviour.plan(&CALLS, &headers, &body)
}

async fn books(State(razorpay): State<Razorpay>) -> Json<Vec<Value>> {
    razorpay.0.in_books()
}

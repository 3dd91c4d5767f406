//! Zarinpal v4: the REST calls, the StartPay page and the tester's hand.
//!
//! The gateway is a card terminal behind one JSON call per step: `request` opens an authority, the customer pays at
//! StartPay, and only `verify` keeps the money for the merchant. There is no webhook and no signature. Two hosts are
//! simulated, the sandbox (authorities with `S`) and production (with `A`); neither knows the other's authorities.
//!
//! Not simulated, because it depends on the merchant's registration: callback domains (-14), server addresses (-10, -62),
//! merchant levels and the GraphQL refunds.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use maud::html;
use runtime::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    Books, Choice, Chosen, Credential, Ids, Misbehaviour, Mischief, Opening, PaymentPage, Simulator, closed_browser,
    grouped, has_content_type, page, redirect, sha256,
};

/// The smallest and the largest amount of one session, in rials. Several floors are documented; this is the highest.
const AMOUNT_IRR: std::ops::RangeInclusive<u64> = 10_000..=1_000_000_000;
/// How long the StartPay page takes a payment. Zarinpal publishes no figure; about fifteen minutes is what is seen.
const PAGE_LIFETIME_S: i64 = 15 * 60;
/// What the service accepts as `expire_in`, in seconds.
const EXPIRE_IN_S: std::ops::RangeInclusive<i64> = 1_800..=3_888_000;
/// A successful transaction can be reversed for half an hour.
const REVERSIBLE_FOR: SignedDuration = SignedDuration::from_mins(30);
/// `unVerified` answers with this many authorities at most.
const UNVERIFIED_LIMIT: usize = 100;

/// The Zarinpal simulator. A clone is cheap and shares its state with the original.
#[derive(Debug, Clone)]
struct Zarinpal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ids: Ids,
    books: Books<Ledger>,
    misbehaviour: Misbehaviour,
    clock: Clock,
}

/// One of the two hosts of the gateway, as the handlers see it.
#[derive(Debug, Clone)]
struct Host {
    mode: Mode,
    inner: Arc<Inner>,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Sandbox,
    Live,
}

impl Mode {
    /// The first letter of an authority says which host made it.
    fn letter(self) -> char {
        match self {
            Self::Sandbox => 'S',
            Self::Live => 'A',
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Sandbox => "/zarinpal",
            Self::Live => "/zarinpal-live",
        }
    }
}

/// The REST calls.
#[derive(Debug, Clone, Copy)]
enum Call {
    Request,
    Verify,
    Inquiry,
    UnVerified,
    Reverse,
    FeeCalculation,
}

impl Call {
    const ALL: [Self; 6] =
        [Self::Request, Self::Verify, Self::Inquiry, Self::UnVerified, Self::Reverse, Self::FeeCalculation];

    /// As the path writes it, without `.json`.
    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Verify => "verify",
            Self::Inquiry => "inquiry",
            Self::UnVerified => "unVerified",
            Self::Reverse => "reverse",
            Self::FeeCalculation => "feeCalculation",
        }
    }

    fn of_file(file: &str) -> Option<Self> {
        let name = file.strip_suffix(".json")?;
        Self::ALL.into_iter().find(|call| call.name() == name)
    }
}

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    let (ids, books) = (Ids::seeded()?, Books::open(opening.books, "zarinpal.json")?);
    let misbehaviour = Misbehaviour::default();
    Ok(Box::new(Zarinpal { inner: Arc::new(Inner { ids, books, misbehaviour, clock: opening.clock }) }))
}

impl Simulator for Zarinpal {
    fn router(&self) -> Router {
        [Mode::Sandbox, Mode::Live]
            .into_iter()
            .fold(Router::new(), |router, mode| router.nest(mode.prefix(), self.host(mode)))
    }
}

impl Zarinpal {
    fn host(&self, mode: Mode) -> Router {
        Router::new()
            .route("/pg/v4/payment/{file}", post(rest_call))
            .route("/pg/StartPay/{authority}", get(start_pay).post(choose))
            .route("/simulator/{authority}/return_money", post(return_money))
            .route("/simulator/{authority}/auto_verify", post(auto_verify))
            .route("/simulator/next_answer", post(next_answer))
            .route("/books.json", get(books))
            .with_state(Host { mode, inner: Arc::clone(&self.inner) })
    }
}

// The REST calls.

async fn rest_call(State(host): State<Host>, Path(file): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(call) = Call::of_file(&file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    host.inner.misbehaviour.play(call.name(), || host.answer(call, &input(&headers, &body))).await
}

/// A body that is not a JSON object counts as one without fields, so that its answer names everything that is missing.
fn input(headers: &HeaderMap, body: &[u8]) -> Map<String, Value> {
    if has_content_type(headers, "application/json") {
        serde_json::from_slice(body).unwrap_or_default()
    } else {
        Map::new()
    }
}

impl Host {
    fn answer(&self, call: Call, input: &Map<String, Value>) -> Response {
        let now = self.inner.clock.now();
        let answer = match call {
            Call::Request => self.request(input, now),
            Call::Verify => self.verify(input, now),
            Call::Inquiry => self.inquiry(input, now),
            Call::UnVerified => self.unverified(input),
            Call::Reverse => self.reverse(input, now),
            Call::FeeCalculation => fee_calculation(input),
        };
        match answer {
            Ok(data) => Json(json!({ "data": data, "errors": [] })).into_response(),
            Err(refusal) => refusal.into_response(),
        }
    }

    fn request(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let session = Session::parse(input, now)?;
        let fee = fee(session.amount);
        let authority = format!("{}{}", self.mode.letter(), self.inner.ids.text(35));
        self.inner.books.change(|ledger| -> Result<(), Refusal> {
            ledger.sessions.insert(authority.clone(), session);
            Ok(())
        })?;
        Ok(json!({ "code": 100, "message": "Success", "authority": authority, "fee_type": "Merchant", "fee": fee }))
    }

    /// The call that keeps the money. It is idempotent: a repeated one answers 101 with the same reference.
    fn verify(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let claim = fields.claim();
        let amount = fields.whole("amount");
        fields.finish()?;

        self.inner.books.change(|ledger| {
            let session = ledger.claimed_mut(self.mode, &claim)?;
            let (code, message) = session.verify(amount, now)?;
            let payment = session.state.payment().ok_or(NOT_PAID)?;
            let mut data = json!({
                "code": code,
                "message": message,
                "card_hash": payment.card_hash,
                "card_pan": payment.card_pan,
                "ref_id": payment.ref_id,
                "fee_type": "Merchant",
                "fee": fee(session.amount),
            });
            if let Some(order_id) = &session.metadata.order_id {
                data["order_id"] = json!(order_id);
            }
            Ok(data)
        })
    }

    fn inquiry(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let claim = fields.claim();
        fields.finish()?;

        self.inner.books.read(|ledger| {
            let status = ledger.claimed(self.mode, &claim)?.status(now);
            Ok(json!({ "code": 100, "message": "Success", "status": status }))
        })
    }

    fn unverified(&self, input: &Map<String, Value>) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let merchant = fields.merchant();
        fields.finish()?;

        let authorities = self.inner.books.read(|ledger| {
            let mut paid: Vec<_> = ledger
                .sessions
                .iter()
                .filter(|(authority, _)| authority.starts_with(self.mode.letter()))
                .filter(|(_, session)| {
                    session.merchant == merchant && matches!(session.state, SessionState::Paid { .. })
                })
                .collect();
            paid.sort_by_key(|(_, session)| std::cmp::Reverse(session.created_at));
            paid.truncate(UNVERIFIED_LIMIT);
            paid.into_iter().map(|(authority, session)| session.listed(authority)).collect::<Vec<_>>()
        });
        // The real service writes this one code as a string.
        Ok(json!({ "code": "100", "message": "Success", "authorities": authorities }))
    }

    fn reverse(&self, input: &Map<String, Value>, now: Timestamp) -> Result<Value, Refusal> {
        let mut fields = Fields::of(input);
        let claim = fields.claim();
        fields.finish()?;

        self.inner.books.change(|ledger| {
            ledger.claimed_mut(self.mode, &claim)?.reverse(now)?;
            Ok(json!({ "code": 100, "message": "Reversed" }))
        })
    }
}

fn fee_calculation(input: &Map<String, Value>) -> Result<Value, Refusal> {
    let mut fields = Fields::of(input);
    fields.merchant();
    let currency = fields.currency();
    let amount = fields.amount(currency);
    fields.finish()?;
    check_maximum(amount, currency)?;

    let fee = fee(amount);
    Ok(json!({
        "code": 100,
        "message": "Success",
        "amount": amount,
        "fee": fee,
        "fee_type": "Merchant",
        "suggested_amount": amount + fee,
    }))
}

/// One percent, in the currency of the amount. The real tariff depends on the merchant's contract.
fn fee(amount: u64) -> u64 {
    amount / 100
}

// What a call may contain.

/// Reads the fields of a call and collects everything that is wrong with them, as the gateway reports all at once.
///
/// A reader answers with an empty value where it found a problem; [`Fields::finish`] then refuses the call, so that
/// such a value is never used.
struct Fields<'a> {
    input: &'a Map<String, Value>,
    /// Put before the name of a field in a report: a field of `metadata` is reported as `metadata.mobile`.
    prefix: &'static str,
    problems: Vec<Value>,
}

/// Whose authority a call is about.
struct Claim {
    merchant: Credential,
    authority: String,
}

impl<'a> Fields<'a> {
    fn of(input: &'a Map<String, Value>) -> Self {
        Self { input, prefix: "", problems: Vec::new() }
    }

    fn finish(self) -> Result<(), Refusal> {
        if self.problems.is_empty() { Ok(()) } else { Err(Refusal { validations: self.problems, ..INVALID }) }
    }

    fn problem(&mut self, field: &str, rule: &str) {
        let reason = format!("The {} {rule}.", field.replace('_', " "));
        let mut validation = Map::new();
        validation.insert(format!("{}{field}", self.prefix), Value::String(reason));
        self.problems.push(Value::Object(validation));
    }

    /// `null` counts as left out.
    fn given(&self, field: &str) -> Option<&'a Value> {
        self.input.get(field).filter(|value| !value.is_null())
    }

    fn text(&mut self, field: &str) -> &'a str {
        match self.given(field) {
            Some(Value::String(text)) if !text.trim().is_empty() => text,
            Some(Value::String(_)) | None => {
                self.problem(field, "field is required");
                ""
            }
            Some(_) => {
                self.problem(field, "must be a string");
                ""
            }
        }
    }

    /// Text that may be left out, but must have its form where it is given.
    fn optional(&mut self, field: &str, has_form: fn(&str) -> bool) -> Option<String> {
        match self.given(field)? {
            Value::String(text) if has_form(text) => Some(text.clone()),
            Value::String(_) => {
                self.problem(field, "format is invalid");
                None
            }
            _ => {
                self.problem(field, "must be a string");
                None
            }
        }
    }

    fn flag(&mut self, field: &str) -> bool {
        match self.given(field) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.problem(field, "field must be true or false");
                false
            }
        }
    }

    fn whole(&mut self, field: &str) -> u64 {
        match self.given(field) {
            Some(value) => value.as_u64().unwrap_or_else(|| {
                self.problem(field, "must be an integer");
                0
            }),
            None => {
                self.problem(field, "field is required");
                0
            }
        }
    }

    fn merchant(&mut self) -> Credential {
        let merchant_id = self.text("merchant_id");
        if !merchant_id.is_empty() && !is_lowercase_uuid(merchant_id) {
            self.problem("merchant_id", "must be a valid UUID of 36 characters");
        }
        Credential::of(merchant_id)
    }

    fn claim(&mut self) -> Claim {
        Claim { merchant: self.merchant(), authority: self.text("authority").to_owned() }
    }

    /// Rials where nothing is said.
    fn currency(&mut self) -> Currency {
        match self.given("currency").map(Value::as_str) {
            None | Some(Some("IRR")) => Currency::Irr,
            Some(Some("IRT")) => Currency::Irt,
            Some(_) => {
                self.problem("currency", "must be IRR or IRT");
                Currency::Irr
            }
        }
    }

    /// Too small an amount is a validation error; too large a one has a code of its own, see [`check_maximum`].
    fn amount(&mut self, currency: Currency) -> u64 {
        let known_problems = self.problems.len();
        let amount = self.whole("amount");
        let minimum = AMOUNT_IRR.start() / currency.rials();
        if self.problems.len() == known_problems && amount < minimum {
            self.problem("amount", &format!("must be at least {minimum}"));
        }
        amount
    }

    fn description(&mut self) -> String {
        let description = self.text("description");
        if description.chars().count() > 500 {
            self.problem("description", "must not be greater than 500 characters");
        }
        description.to_owned()
    }

    fn callback_url(&mut self) -> String {
        let callback_url = self.text("callback_url");
        let is_web = Url::parse(callback_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !callback_url.is_empty() && !is_web {
            self.problem("callback_url", "format is invalid");
        }
        callback_url.to_owned()
    }

    fn metadata(&mut self) -> Metadata {
        match self.given("metadata") {
            Some(Value::Object(input)) => {
                let mut fields = Fields { input, prefix: "metadata.", problems: Vec::new() };
                let metadata = Metadata {
                    mobile: fields.optional("mobile", is_mobile),
                    email: fields.optional("email", is_email),
                    order_id: fields.optional("order_id", |_| true),
                    card_pan: fields.optional("card_pan", is_card_pan),
                    auto_verify: fields.flag("auto_verify"),
                };
                self.problems.append(&mut fields.problems);
                metadata
            }
            None => Metadata::default(),
            // PHP writes an empty object as an empty array.
            Some(Value::Array(items)) if items.is_empty() => Metadata::default(),
            Some(_) => {
                self.problem("metadata", "must be an array");
                Metadata::default()
            }
        }
    }
}

/// Five groups of lower-case hex digits; in the sandbox every one of that form is a merchant.
fn is_lowercase_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8_usize, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `09` and nine more digits.
fn is_mobile(text: &str) -> bool {
    text.len() == 11 && text.starts_with("09") && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_email(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace))
}

/// Sixteen digits, some of which may be hidden behind an `X`.
fn is_card_pan(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'X')
}

fn check_maximum(amount: u64, currency: Currency) -> Result<(), Refusal> {
    if currency.in_rials(amount) > *AMOUNT_IRR.end() { Err(ABOVE_MAXIMUM) } else { Ok(()) }
}

/// How long the payment page lives: `expire_in`, where it is given, in seconds.
fn lifetime(input: &Map<String, Value>) -> Result<i64, Refusal> {
    match input.get("expire_in") {
        None | Some(Value::Null) => Ok(PAGE_LIFETIME_S),
        Some(value) => value.as_i64().filter(|seconds| EXPIRE_IN_S.contains(seconds)).ok_or(BAD_EXPIRE_IN),
    }
}

/// Shares of the payment for other bank accounts: at most five, each of 10,000 rials or more, at most 99 % together.
fn check_wages(input: &Map<String, Value>, amount: u64, currency: Currency) -> Result<(), Refusal> {
    let wages = match input.get("wages") {
        None | Some(Value::Null) => return Ok(()),
        Some(wages) => wages.as_array().ok_or(BAD_WAGES)?,
    };
    if wages.len() > 5 {
        return Err(TOO_MANY_WAGES);
    }
    let mut total = 0_u64;
    for wage in wages {
        if !wage["iban"].as_str().is_some_and(is_iban) || !wage["description"].is_string() {
            return Err(BAD_WAGES);
        }
        let share = wage["amount"].as_u64().ok_or(BAD_WAGES)?;
        if currency.in_rials(share) < 10_000 {
            return Err(WAGE_TOO_SMALL);
        }
        total = total.saturating_add(share);
    }
    if total.saturating_mul(100) > amount.saturating_mul(99) { Err(WAGES_ABOVE_MAXIMUM) } else { Ok(()) }
}

fn is_iban(text: &str) -> bool {
    text.strip_prefix("IR").is_some_and(|rest| rest.len() == 24 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `A` or `S` and 35 letters and digits.
fn is_authority(text: &str) -> bool {
    text.len() == 36 && text.starts_with(['A', 'S']) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

// How the gateway says no.

/// A code of the gateway's own error list, with its message.
#[derive(Debug)]
struct Refusal {
    code: i32,
    message: &'static str,
    validations: Vec<Value>,
}

const INVALID: Refusal = Refusal::of(-9, "The input params invalid, validation error.");
const WAGES_ABOVE_MAXIMUM: Refusal =
    Refusal::of(-32, "Wages is not valid, Total wages(floating) has been overload max amount.");
const TOO_MANY_WAGES: Refusal =
    Refusal::of(-35, "Wages is not valid, Total wages(floating) has been reached the limit in max parts.");
const WAGE_TOO_SMALL: Refusal = Refusal::of(-36, "The minimum amount for wages(floating) should be 10,000 Rials");
const BAD_WAGES: Refusal = Refusal::of(-39, "Wages have a error!");
const BAD_EXPIRE_IN: Refusal = Refusal::of(-40, "Invalid extra params, expire_in is not valid.");
const ABOVE_MAXIMUM: Refusal = Refusal::of(-41, "Maximum amount is 100,000,000 tomans.");
const OTHER_AMOUNT: Refusal = Refusal::of(-50, "Session is not valid, amounts values is not the same.");
const NOT_PAID: Refusal = Refusal::of(-51, "Session is not valid, session is not active paid try.");
const OTHER_MERCHANT: Refusal = Refusal::of(-53, "Session is not this merchant_id session");
const MALFORMED_AUTHORITY: Refusal = Refusal::of(-54, "Invalid authority.");
const UNKNOWN_AUTHORITY: Refusal = Refusal::of(-55, "Manual payment request not found.");
const NOT_SUCCESSFUL: Refusal = Refusal::of(-61, "Session is not in success status.");
const TOO_LATE_TO_REVERSE: Refusal = Refusal::of(-63, "Maximum time for reverse this session is expired.");

impl Refusal {
    const fn of(code: i32, message: &'static str) -> Self {
        Self { code, message, validations: Vec::new() }
    }
}

impl IntoResponse for Refusal {
    /// The HTTP status and the shape of the empty `data` cannot be relied on at the real service: 200, 400 and 422,
    /// `[]` and `{}` are all reported. They are mixed here as well, always alike for one code, so that a client that
    /// looks at anything but the code is found out.
    fn into_response(self) -> Response {
        let (status, data) = match self.code {
            -9 => (StatusCode::UNPROCESSABLE_ENTITY, json!([])),
            -50 | -51 => (StatusCode::OK, json!({})),
            -55..=-52 => (StatusCode::BAD_REQUEST, json!({})),
            _ => (StatusCode::OK, json!([])),
        };
        let errors = json!({ "code": self.code, "message": self.message, "validations": self.validations });
        (status, Json(json!({ "data": data, "errors": errors }))).into_response()
    }
}

// The books.

/// Everything this simulator knows: its sessions by their authority.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ledger {
    sessions: BTreeMap<String, Session>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    merchant: Credential,
    /// In `currency`, as the merchant gave it.
    amount: u64,
    currency: Currency,
    description: String,
    callback_url: String,
    metadata: Metadata,
    created_at: Timestamp,
    lifetime_s: i64,
    state: SessionState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Currency {
    Irr,
    /// Toman: ten rials.
    Irt,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Metadata {
    mobile: Option<String>,
    email: Option<String>,
    order_id: Option<String>,
    card_pan: Option<String>,
    auto_verify: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
enum SessionState {
    InBank,
    /// Paid and not verified: the merchant does not have the money yet.
    Paid {
        payment: Payment,
    },
    Verified {
        payment: Payment,
        verified_at: Timestamp,
    },
    Failed {
        failed_at: Timestamp,
    },
    /// The customer has the money back.
    Reversed {
        payment: Payment,
        reversed_at: Timestamp,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Payment {
    ref_id: u64,
    card_pan: String,
    card_hash: String,
    paid_at: Timestamp,
    /// When a verify of the merchant took the money, and not the gateway by itself.
    #[serde(default)]
    confirmed_at: Option<Timestamp>,
}

impl Currency {
    fn code(self) -> &'static str {
        match self {
            Self::Irr => "IRR",
            Self::Irt => "IRT",
        }
    }

    /// Rials in one unit.
    fn rials(self) -> u64 {
        match self {
            Self::Irr => 1,
            Self::Irt => 10,
        }
    }

    fn in_rials(self, amount: u64) -> u64 {
        amount.saturating_mul(self.rials())
    }
}

impl Ledger {
    /// The session that `claim` names, if it is this host's and this merchant's.
    fn claimed(&self, mode: Mode, claim: &Claim) -> Result<&Session, Refusal> {
        if !is_authority(&claim.authority) {
            return Err(MALFORMED_AUTHORITY);
        }
        let session = self.of_host(mode, &claim.authority).ok_or(UNKNOWN_AUTHORITY)?;
        if session.merchant == claim.merchant { Ok(session) } else { Err(OTHER_MERCHANT) }
    }

    fn claimed_mut(&mut self, mode: Mode, claim: &Claim) -> Result<&mut Session, Refusal> {
        self.claimed(mode, claim)?;
        self.sessions.get_mut(&claim.authority).ok_or(UNKNOWN_AUTHORITY)
    }

    fn of_host(&self, mode: Mode, authority: &str) -> Option<&Session> {
        self.sessions.get(authority).filter(|_| authority.starts_with(mode.letter()))
    }

    /// The session that a customer can pay now.
    fn payable(&self, mode: Mode, authority: &str, now: Timestamp) -> Result<&Session, DeadEnd> {
        let session = self.of_host(mode, authority).ok_or(DeadEnd::Unknown)?;
        match session.state {
            SessionState::InBank if session.is_timed_out(now) => Err(DeadEnd::TimedOut),
            SessionState::InBank => Ok(session),
            SessionState::Paid { .. }
            | SessionState::Verified { .. }
            | SessionState::Failed { .. }
            | SessionState::Reversed { .. } => Err(DeadEnd::Finished),
        }
    }

    fn payable_mut(&mut self, mode: Mode, authority: &str, now: Timestamp) -> Result<&mut Session, DeadEnd> {
        self.payable(mode, authority, now)?;
        self.sessions.get_mut(authority).ok_or(DeadEnd::Unknown)
    }
}

impl Session {
    fn parse(input: &Map<String, Value>, now: Timestamp) -> Result<Self, Refusal> {
        let mut fields = Fields::of(input);
        let merchant = fields.merchant();
        let currency = fields.currency();
        let amount = fields.amount(currency);
        let description = fields.description();
        let callback_url = fields.callback_url();
        let metadata = fields.metadata();
        fields.finish()?;
        check_maximum(amount, currency)?;
        check_wages(input, amount, currency)?;
        let lifetime_s = lifetime(input)?;
        Ok(Self {
            merchant,
            amount,
            currency,
            description,
            callback_url,
            metadata,
            created_at: now,
            lifetime_s,
            state: SessionState::InBank,
        })
    }

    fn is_timed_out(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) >= SignedDuration::from_secs(self.lifetime_s)
    }

    /// As `inquiry` says it. A page that nobody used in time is a failed payment.
    fn status(&self, now: Timestamp) -> &'static str {
        match self.state {
            SessionState::InBank if self.is_timed_out(now) => "FAILED",
            SessionState::InBank => "IN_BANK",
            SessionState::Paid { .. } => "PAID",
            SessionState::Verified { .. } => "VERIFIED",
            SessionState::Failed { .. } => "FAILED",
            SessionState::Reversed { .. } => "REVERSED",
        }
    }

    /// The code and message of a successful verify: 100 for the one that took the money, 101 for every later one.
    fn verify(&mut self, amount: u64, now: Timestamp) -> Result<(i32, &'static str), Refusal> {
        let payment = match &self.state {
            SessionState::Paid { payment } => Some(payment.clone()),
            SessionState::Verified { .. } => None,
            SessionState::InBank | SessionState::Failed { .. } | SessionState::Reversed { .. } => return Err(NOT_PAID),
        };
        if amount != self.amount {
            return Err(OTHER_AMOUNT);
        }
        match payment {
            Some(payment) => {
                let payment = Payment { confirmed_at: Some(now), ..payment };
                self.state = SessionState::Verified { payment, verified_at: now };
                Ok((100, "Paid"))
            }
            None => Ok((101, "Verified")),
        }
    }

    fn reverse(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let SessionState::Verified { payment, .. } = &self.state else {
            return Err(NOT_SUCCESSFUL);
        };
        if now.duration_since(payment.paid_at) >= REVERSIBLE_FOR {
            return Err(TOO_LATE_TO_REVERSE);
        }
        self.state = SessionState::Reversed { payment: payment.clone(), reversed_at: now };
        Ok(())
    }

    /// What becomes of a payment that the merchant did not verify: the money goes back to the customer, or, where the
    /// merchant chose that, the gateway verifies by itself.
    fn verify_late(&mut self, how: Unverified, now: Timestamp) -> Result<(), NotUnverified> {
        let SessionState::Paid { payment } = &self.state else {
            return Err(NotUnverified::Otherwise(self.status(now)));
        };
        let payment = payment.clone();
        self.state = match how {
            Unverified::ReturnMoney => SessionState::Reversed { payment, reversed_at: now },
            Unverified::AutoVerify => SessionState::Verified { payment, verified_at: now },
        };
        Ok(())
    }

    /// A payment of a session with `auto_verify` is verified by the gateway at once, so that the merchant's first
    /// verify answers 101. When the real service does it is not published; at once is the hardest case.
    fn pay(&mut self, payment: Payment) {
        let paid_at = payment.paid_at;
        self.state = if self.metadata.auto_verify {
            SessionState::Verified { payment, verified_at: paid_at }
        } else {
            SessionState::Paid { payment }
        };
    }

    /// Where the browser goes back to. The query that the merchant put there is kept.
    fn return_url(&self, authority: &str, status: &str) -> String {
        match Url::parse(&self.callback_url) {
            Ok(mut url) => {
                url.query_pairs_mut().append_pair("Authority", authority).append_pair("Status", status);
                url.into()
            }
            // It was checked when the session was made; only an edited book leads here.
            Err(_) => self.callback_url.clone(),
        }
    }

    fn display_amount(&self) -> String {
        format!("{} {}", grouped(self.amount), self.currency.code())
    }

    /// As `unVerified` lists it.
    fn listed(&self, authority: &str) -> Value {
        let referer = Url::parse(&self.callback_url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        json!({
            "authority": authority,
            "amount": self.amount,
            "callback_url": self.callback_url,
            "referer": referer,
            "date": tehran_time(self.created_at),
        })
    }

    /// As the simulator's own books show it.
    fn in_books(&self, authority: &str, now: Timestamp) -> Value {
        let (taken, refunded) = match self.state {
            SessionState::Paid { .. } | SessionState::Verified { .. } => (true, 0),
            SessionState::Reversed { .. } => (false, self.amount),
            SessionState::InBank | SessionState::Failed { .. } => (false, 0),
        };
        let payment = self.state.payment();
        json!({
            "id": authority,
            "merchant": self.merchant.last4,
            "amount": self.amount,
            "currency": self.currency,
            "status": self.status(now),
            "ref_id": payment.map(|payment| payment.ref_id),
            "taken": taken,
            "ours": matches!(self.state, SessionState::Verified { .. }),
            "refunded": refunded,
            "description": self.description,
            "callback_url": self.callback_url,
            "metadata": self.metadata,
            "created_at": self.created_at,
            "paid_at": payment.map(|payment| payment.paid_at),
            "confirmed_at": payment.and_then(|payment| payment.confirmed_at),
            "ended_at": self.state.ended_at(),
        })
    }
}

impl SessionState {
    fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Paid { payment } | Self::Verified { payment, .. } | Self::Reversed { payment, .. } => Some(payment),
            Self::InBank | Self::Failed { .. } => None,
        }
    }

    /// When it took its present state, unless it waits for the customer or the merchant.
    fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::InBank | Self::Paid { .. } => None,
            Self::Verified { verified_at: at, .. }
            | Self::Failed { failed_at: at }
            | Self::Reversed { reversed_at: at, .. } => Some(*at),
        }
    }
}

impl Payment {
    /// Paid with the card of the documents' examples.
    fn new(ids: &Ids, paid_at: Timestamp) -> Self {
        const CARD_PAN: &str = "502229******5995";
        Self {
            ref_id: ids.number(),
            card_pan: CARD_PAN.to_owned(),
            card_hash: sha256(CARD_PAN.as_bytes()).to_uppercase(),
            paid_at,
            confirmed_at: None,
        }
    }
}

/// `YYYY-MM-DD HH:MM:SS` without a zone, as the gateway writes dates.
fn tehran_time(at: Timestamp) -> String {
    match at.in_tz("Asia/Tehran") {
        Ok(local) => local.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.to_string(),
    }
}

// The payment page.

/// What a tester can make of a payment.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Paid,
    Failed,
    Cancelled,
    /// Paid, and the customer closed the browser.
    PaidNoReturn,
    /// Paid, and the browser came back with NOK all the same.
    PaidReportedNok,
}

const CHOICES: [Choice; 5] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the payment fail" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_reported_nok", label: "Pay, but come back as not paid" },
];

const MISCHIEF: [Mischief; 4] = [
    Mischief { call: "verify", how: "slow", label: "Answer the next verify slowly" },
    Mischief { call: "verify", how: "502_html", label: "Answer the next verify with 502" },
    Mischief { call: "verify", how: "drop_after", label: "Do the next verify, but lose its answer" },
    Mischief { call: "inquiry", how: "502_html", label: "Answer the next inquiry with 502" },
];

/// Why a payment page cannot be used.
#[derive(Debug, Clone, Copy)]
enum DeadEnd {
    Unknown,
    Finished,
    TimedOut,
}

impl IntoResponse for DeadEnd {
    fn into_response(self) -> Response {
        let (status, reason) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "There is no such payment."),
            Self::Finished => (StatusCode::GONE, "This payment was already finished."),
            Self::TimedOut => (StatusCode::GONE, "The time for this payment is over."),
        };
        page(status, "Zarinpal: error", &html! { p.notice role="alert" { (reason) } })
    }
}

async fn start_pay(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    let now = host.inner.clock.now();
    let session = host.inner.books.read(|ledger| ledger.payable(host.mode, &authority, now).cloned());
    let session = match session {
        Ok(session) => session,
        Err(dead_end) => return dead_end.into_response(),
    };
    let prefix = host.mode.prefix();
    PaymentPage {
        gateway: "Zarinpal",
        here: &format!("{prefix}/pg/StartPay/{authority}"),
        next_answer: &format!("{prefix}/simulator/next_answer"),
        merchant: &session.merchant.last4,
        amount: &session.display_amount(),
        description: &session.description,
        notice: None,
        choices: &CHOICES,
        mischief: &MISCHIEF,
    }
    .respond()
}

async fn choose(
    State(host): State<Host>,
    Path(authority): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    let now = host.inner.clock.now();
    let finished = host.inner.books.change(|ledger| -> Result<Session, DeadEnd> {
        let session = ledger.payable_mut(host.mode, &authority, now)?;
        match outcome {
            Outcome::Paid | Outcome::PaidNoReturn | Outcome::PaidReportedNok => {
                session.pay(Payment::new(&host.inner.ids, now));
            }
            Outcome::Failed | Outcome::Cancelled => session.state = SessionState::Failed { failed_at: now },
        }
        Ok(session.clone())
    });
    match finished {
        Ok(session) => leave(outcome, &session, &authority),
        Err(dead_end) => dead_end.into_response(),
    }
}

/// The browser's way back to the merchant. It proves nothing: the merchant has to ask.
fn leave(outcome: Outcome, session: &Session, authority: &str) -> Response {
    match outcome {
        Outcome::Paid => redirect(StatusCode::FOUND, &session.return_url(authority, "OK")),
        Outcome::Failed | Outcome::Cancelled | Outcome::PaidReportedNok => {
            redirect(StatusCode::FOUND, &session.return_url(authority, "NOK"))
        }
        Outcome::PaidNoReturn => closed_browser("Zarinpal", &session.return_url(authority, "OK")),
    }
}

// The tester's hand.

/// What the gateway does with a payment that the merchant never verified.
#[derive(Debug, Clone, Copy)]
enum Unverified {
    ReturnMoney,
    AutoVerify,
}

/// Why a session is not one that waits to be verified.
#[derive(Debug)]
enum NotUnverified {
    Unknown,
    /// With its status.
    Otherwise(&'static str),
}

async fn return_money(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    host.verify_late(&authority, Unverified::ReturnMoney)
}

async fn auto_verify(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    host.verify_late(&authority, Unverified::AutoVerify)
}

impl Host {
    fn verify_late(&self, authority: &str, how: Unverified) -> Response {
        let now = self.inner.clock.now();
        let confirmed = self.inner.books.change(|ledger| -> Result<&'static str, NotUnverified> {
            let session = ledger.sessions.get_mut(authority).ok_or(NotUnverified::Unknown)?;
            session.verify_late(how, now)?;
            Ok(session.status(now))
        });
        match confirmed {
            Ok(status) => Json(json!({ "status": status })).into_response(),
            Err(NotUnverified::Unknown) => StatusCode::NOT_FOUND.into_response(),
            Err(NotUnverified::Otherwise(status)) => {
                (StatusCode::CONFLICT, Json(json!({ "status": status }))).into_response()
            }
        }
    }
}

async fn next_answer(State(host): State<Host>, headers: HeaderMap, body: Bytes) -> Response {
    host.inner.misbehaviour.plan(&Call::ALL.map(Call::name), &headers, &body)
}

/// Both hosts' sessions, oldest first.
async fn books(State(host): State<Host>) -> Json<Vec<Value>> {
    let now = host.inner.clock.now();
    Json(host.inner.books.read(|ledger| {
        let mut sessions: Vec<_> = ledger.sessions.iter().collect();
        sessions.sort_by_key(|(_, session)| session.created_at);
        sessions.into_iter().map(|(authority, session)| session.in_books(authority, now)).collect()
    }))
}

#[cfg(test)]
mod tests;

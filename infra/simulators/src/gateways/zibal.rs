//! Zibal: the gateway's calls, its page, the platform's refund and the test controls.
//!
//! A payment waits until the merchant verifies it. Logical errors come with HTTP 200 and a `result`. The sandbox is the
//! merchant `zibal` on the same host.
//!
//! What the merchant registered is a control: the address that calls come from (115). Not simulated: the lazy mode,
//! wallets, splits, and merchants without a contract (103, 104).

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::amounts::grouped;
use super::credential::Credential;
use super::disputes::Disputes;
use super::hosted_checkout::{Decline, HostedCheckout, Outcome, PageContent, RefundState, Sale, SaleRefund, SaleState};
use super::payment_page::{Choice, Chosen, MisbehaviourButton, closed_browser, redirect};
use super::registration::Registration;
use super::simulator::{Opening, Simulator};
use super::tehran_time::tehran_time;
use crate::content_type::has_content_type;

/// Amounts in rial. The gateway says only that they are above 1,000 and have a limit of the terminal.
const AMOUNT: std::ops::RangeInclusive<u64> = 1_001..=2_000_000_000;
/// How long the page takes a payment. The figure is not published.
const PAGE_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// How the gateway writes dates: ISO local time without an offset.
const DATE_FORM: &str = "%Y-%m-%dT%H:%M:%S";

/// Paid and verified.
const VERIFIED: i32 = 1;
/// In rial. The real one depends on the amount.
const SHAPARAK_FEE: u64 = 1_200;

/// The calls that can be made to misbehave.
const CALLS: [&str; 5] = ["request", "verify", "inquiry", "refund", "refund_inquiry"];

/// For how long the inquiry does not show a refund that was ordered. The figure is not published.
const REFUNDED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// Fields of a request that the gateway knows. Another would be ignored there; here it is found out.
const FIELDS: [&str; 16] = [
    "merchant",
    "amount",
    "callbackUrl",
    "description",
    "orderId",
    "mobile",
    "allowedCards",
    "ledgerId",
    "nationalCode",
    "checkMobileWithCard",
    "percentMode",
    "feeMode",
    "multiplexingInfos",
    "sms",
    "linkToPay",
    "reseller",
];

const CHOICES: [Choice; 9] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the payment fail" },
    Choice { value: "no_funds", label: "Decline: not enough money on the card" },
    Choice { value: "wrong_password", label: "Decline: wrong password" },
    Choice { value: "over_limit", label: "Decline: over the card's daily limit" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_reported_nok", label: "Pay, but come back as not paid" },
    Choice { value: "paid_less", label: "Pay half of it" },
];

const MISBEHAVIOURS: [MisbehaviourButton; 5] = [
    MisbehaviourButton { call: "verify", how: "slow", label: "Answer the next verify slowly" },
    MisbehaviourButton { call: "verify", how: "502_html", label: "Answer the next verify with 502" },
    MisbehaviourButton { call: "verify", how: "drop_after", label: "Do the next verify, but lose its answer" },
    MisbehaviourButton { call: "inquiry", how: "502_html", label: "Answer the next inquiry with 502" },
    MisbehaviourButton { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

#[derive(Debug, Clone)]
struct Zibal(Arc<HostedCheckout>, Arc<Orders>);

/// What a tester ordered beside the controls that simulators share. It is forgotten at a restart.
#[derive(Debug, Default)]
struct Orders {
    /// By how many minutes the list of refunds is late.
    list_lag: AtomicI64,
    /// Calls that are answered by a code once, nothing being done, and the code.
    codes: Mutex<Vec<(String, i32)>>,
    registration: Registration,
}

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Zibal(Arc::new(HostedCheckout::open(opening, "zibal.json", Sale::expire)?), Arc::default())))
}

impl Simulator for Zibal {
    fn router(&self) -> Router {
        Router::new()
            .route("/zibal/v1/request", post(request))
            .route("/zibal/v1/verify", post(verify))
            .route("/zibal/v1/inquiry", post(inquiry))
            .route("/zibal/v1/account/refund", post(refund))
            .route("/zibal/v1/account/refund/inquiry", post(refund_inquiry))
            .route("/zibal/start/{track}", get(start).post(choose))
            .route("/zibal/simulator/{track}/return_money", post(return_money))
            .route("/zibal/simulator/{track}/complete_refund", post(complete_refund))
            .route("/zibal/simulator/{track}/dashboard_refund", post(dashboard_refund))
            .route("/zibal/simulator/next_refund", post(next_refund))
            .route("/zibal/simulator/revoke_key", post(revoke_key))
            .route("/zibal/simulator/list_lag", post(list_lag))
            .route("/zibal/simulator/registration", post(register))
            .route("/zibal/simulator/next_code", post(next_code))
            .route("/zibal/simulator/next_answer", post(next_answer))
            .route("/zibal/books.json", get(books))
            .with_state(self.clone())
    }
}

/// How the gateway says no: a result with its message.
type Refusal = (i32, &'static str);

const BAD_MERCHANT: Refusal = (102, "merchant not found");
const AMOUNT_TOO_SMALL: Refusal = (105, "amount must be greater than 1,000 Rials");
const BAD_CALLBACK: Refusal = (106, "callbackUrl is invalid");
const AMOUNT_TOO_LARGE: Refusal = (113, "amount is more than the limit");
const CALLBACK_MISSING: Refusal = (140, "callbackUrl is required");
const OTHER_ADDRESS: Refusal = (115, "IP is not registered");
const NOT_PAID: Refusal = (202, "order is not paid or failed");
const BAD_TRACK: Refusal = (203, "trackId is invalid");
/// The platform's own.
const NO_KEY: Refusal = (2, "API key is not provided");
const BAD_KEY: Refusal = (3, "API key is invalid");
const BAD_INPUT: Refusal = (6, "invalid input");
/// The gateway publishes no code for what it cannot read.
const UNREADABLE: Refusal = (-1, "the request cannot be read");

fn answer(answered: Result<Value, Refusal>) -> Response {
    Json(answered.unwrap_or_else(|(result, message)| json!({ "result": result, "message": message }))).into_response()
}

fn input(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if !has_content_type(headers, "application/json") {
        return Err(UNREADABLE);
    }
    serde_json::from_slice(body).map_err(|_| UNREADABLE)
}

impl Zibal {
    fn merchant(&self, headers: &HeaderMap, input: &Map<String, Value>) -> Result<Credential, Refusal> {
        let given = input.get("merchant").and_then(Value::as_str).filter(|text| !text.is_empty());
        let known = given.map(Credential::of).filter(|owner| !self.0.is_revoked(owner)).ok_or(BAD_MERCHANT)?;
        if self.1.registration.lets_in(headers) { Ok(known) } else { Err(OTHER_ADDRESS) }
    }

    /// The code by which this call was ordered to be answered.
    fn ordered_code(&self, call: &str) -> Result<(), Refusal> {
        let mut codes = self.1.codes.lock().unwrap_or_else(PoisonError::into_inner);
        match codes.iter().position(|(name, _)| name == call) {
            Some(at) => Err((codes.remove(at).1, "this was ordered")),
            None => Ok(()),
        }
    }
}

/// A number; clients also send it as a text.
fn track(input: &Map<String, Value>) -> Result<String, Refusal> {
    match input.get("trackId") {
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) | None => Err(BAD_TRACK),
    }
}

async fn request(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    let work = || answer(zibal.ordered_code("request").and_then(|()| zibal.request(&headers, &body)));
    zibal.0.misbehaviour.apply("request", work).await
}

async fn verify(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    let work = || answer(zibal.ordered_code("verify").and_then(|()| zibal.verify(&headers, &body)));
    zibal.0.misbehaviour.apply("verify", work).await
}

async fn inquiry(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    let work = || answer(zibal.ordered_code("inquiry").and_then(|()| zibal.inquiry(&headers, &body)));
    zibal.0.misbehaviour.apply("inquiry", work).await
}

async fn refund(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.misbehaviour.apply("refund", || zibal.refund(&headers, &body)).await
}

async fn refund_inquiry(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.misbehaviour.apply("refund_inquiry", || zibal.refund_inquiry(&headers, &body)).await
}

impl Zibal {
    fn request(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let input = input(headers, body)?;
        let owner = self.merchant(headers, &input)?;
        if let Some(unknown) = input.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            tracing::warn!(%unknown, "Zibal knows no such field.");
            return Err(UNREADABLE);
        }
        let amount = input.get("amount").and_then(Value::as_u64).ok_or(AMOUNT_TOO_SMALL)?;
        if amount < *AMOUNT.start() {
            return Err(AMOUNT_TOO_SMALL);
        }
        if amount > *AMOUNT.end() {
            return Err(AMOUNT_TOO_LARGE);
        }
        let back = input.get("callbackUrl").and_then(Value::as_str).ok_or(CALLBACK_MISSING)?;
        if !Url::parse(back).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(BAD_CALLBACK);
        }
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let now = self.0.now();
        // Larger than 32 bits, as the real ones.
        let track = self.0.ids.number();
        let sale = Sale {
            is_live: input.get("merchant").and_then(Value::as_str) != Some("zibal"),
            owner,
            amount,
            currency: "IRR".to_owned(),
            description: text("description"),
            order: text("orderId"),
            back: back.to_owned(),
            notify: None,
            metadata: Value::Null,
            created_at: now,
            ends_at: now + PAGE_LIFETIME,
            state: SaleState::Open,
            payment: None,
            failures: Vec::new(),
            declined: None,
            refunded: 0,
            refunds: Vec::new(),
            disputes: Disputes::default(),
            is_reversed: false,
            can_be_cancelled: false,
        };
        self.0.add(&track.to_string(), sale);
        Ok(json!({ "trackId": track, "result": 100, "message": "success" }))
    }

    /// The call that keeps the money. A repeated one answers 201 and nothing more.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let input = input(headers, body)?;
        let (owner, track) = (self.merchant(headers, &input)?, track(&input)?);
        let now = self.0.now();
        self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(&track).filter(|sale| sale.owner == owner).ok_or(BAD_TRACK)?;
            match sale.state {
                SaleState::Waiting => {
                    sale.confirm(now);
                    sale.metadata["verified_at"] = json!(tehran_time(now, DATE_FORM));
                    let mut fields = shown(sale, now);
                    fields.insert("result".to_owned(), json!(100));
                    fields.insert("message".to_owned(), json!("success"));
                    Ok(Value::Object(fields))
                }
                SaleState::Ours | SaleState::Returned if status(sale, now) == VERIFIED => {
                    Ok(json!({ "result": 201, "message": "order is already verified" }))
                }
                SaleState::Open
                | SaleState::Processing
                | SaleState::Failed
                | SaleState::Cancelled
                | SaleState::Expired
                | SaleState::Ours
                | SaleState::Returned => Err(NOT_PAID),
            }
        })
    }

    fn inquiry(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let input = input(headers, body)?;
        let (owner, track) = (self.merchant(headers, &input)?, track(&input)?);
        let now = self.0.now();
        let sale = self.0.sale(&track).filter(|sale| sale.owner == owner).ok_or(BAD_TRACK)?;
        let mut fields = shown(&sale, now);
        fields.insert("createdAt".to_owned(), json!(tehran_time(sale.created_at, DATE_FORM)));
        fields.insert("wage".to_owned(), json!(0));
        fields.insert("shaparakFee".to_owned(), json!(SHAPARAK_FEE));
        if let Some(at) = sale.metadata.get("verified_at") {
            fields.insert("verifiedAt".to_owned(), at.clone());
        }
        fields.insert("result".to_owned(), json!(100));
        fields.insert("message".to_owned(), json!("success"));
        Ok(Value::Object(fields))
    }

    /// The refusal of a call to the platform: it has no token, or one that is not valid, or a code was ordered.
    fn platform_refusal(&self, call: &str, headers: &HeaderMap) -> Option<Response> {
        let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).filter(|token| !token.trim().is_empty());
        let refuse = |(result, message): Refusal| Json(json!({ "result": result, "message": message }));
        match token {
            None => Some((StatusCode::UNAUTHORIZED, refuse(NO_KEY)).into_response()),
            Some(token) if self.0.is_revoked(&Credential::of(token)) => Some(refuse(BAD_KEY).into_response()),
            Some(_) => self.ordered_code(call).err().map(|refusal| refuse(refusal).into_response()),
        }
    }

    /// The platform's own answers: 1 is success. Without an amount the whole payment goes back. Nothing keeps an order of it
    /// from being carried out twice, as long as the gateway does not show that all of it went back: whether the platform
    /// counts what went back before is not published, and that it does not is the hardest case.
    fn refund(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        if let Some(refused) = self.platform_refusal("refund", headers) {
            return refused;
        }
        let now = self.0.now();
        let refunded = input(headers, body).and_then(|input| {
            let track = track(&input)?;
            let has_account = input.get("accountId").is_some_and(|id| id.is_string() || id.is_number());
            let description = json!(input.get("description").and_then(Value::as_str));
            let id = self.0.ids.number();
            let is_refundable = |sale: &Sale| status(sale, now) == VERIFIED;
            if !has_account || !self.0.sale(&track).is_some_and(|sale| is_refundable(&sale)) {
                return Err(BAD_INPUT);
            }
            // What is reversed is reversed whole.
            let tries_to_reverse = input.get("tryReverse").and_then(Value::as_bool).unwrap_or_default();
            self.0.books.change(|ledger| {
                let sale = ledger.sales.get_mut(&track).ok_or(BAD_INPUT)?;
                let paid = sale.payment.as_ref().map_or(0, |payment| payment.amount);
                let amount = match input.get("amount") {
                    None | Some(Value::Null) => paid,
                    Some(amount) => amount.as_u64().filter(|amount| (1..=paid).contains(amount)).ok_or(BAD_INPUT)?,
                };
                if tries_to_reverse && amount < paid {
                    return Err(BAD_INPUT);
                }
                let becomes = self.0.next_refund(&track, RefundState::Succeeded);
                sale.add_refund_of(amount, id.to_string(), description, None, becomes, now);
                let reversed = tries_to_reverse && becomes == RefundState::Succeeded;
                let data = json!({ "refundId": id, "amount": amount, "reversed": reversed });
                Ok(json!({ "result": 1, "message": "success", "data": data }))
            })
        });
        answer(refunded)
    }

    /// The refunds of a session. The form of `data` is not published.
    fn refund_inquiry(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        if let Some(refused) = self.platform_refusal("refund_inquiry", headers) {
            return refused;
        }
        let now = self.0.now();
        let lag = SignedDuration::from_mins(self.1.list_lag.load(Ordering::Relaxed));
        answer(input(headers, body).and_then(|input| {
            let track = input.get("transactionTrackId").and_then(Value::as_i64).ok_or(BAD_INPUT)?;
            let sale = self.0.sale(&track.to_string()).ok_or(BAD_INPUT)?;
            let is_listed = |refund: &&SaleRefund| now.duration_since(refund.at) >= lag;
            let data: Vec<Value> = sale.refunds.iter().filter(is_listed).map(listed).collect();
            Ok(json!({ "result": 1, "message": "success", "data": data }))
        }))
    }
}

/// A refund in the platform's list.
fn listed(refund: &SaleRefund) -> Value {
    json!({
        "refundId": refund.id,
        "amount": refund.amount,
        "description": refund.reference,
        "createdAt": tehran_time(refund.at, DATE_FORM),
        "statusEn": match refund.state {
            RefundState::Pending => "pending",
            RefundState::Succeeded => "refunded",
            RefundState::Failed => "failed",
            RefundState::Cancelled => "canceled",
        },
    })
}

/// The status of a sale as the gateway shows it: a refund that was ordered a moment ago is not seen yet, and neither are
/// parts as long as something is left, which is not published.
fn status(sale: &Sale, now: Timestamp) -> i32 {
    let is_seen = |refund: &&SaleRefund| {
        matches!(refund.state, RefundState::Pending | RefundState::Succeeded)
            && now.duration_since(refund.at) >= REFUNDED_AFTER
    };
    let paid = sale.payment.as_ref().map_or(0, |payment| payment.amount);
    let is_whole = sale.refunds.iter().filter(is_seen).map(|refund| refund.amount).sum::<u64>() >= paid;
    let is_pending = sale.refunds.iter().filter(is_seen).any(|refund| refund.state == RefundState::Pending);
    match sale.state {
        SaleState::Open | SaleState::Processing => -1,
        SaleState::Waiting => 2,
        SaleState::Cancelled | SaleState::Expired => 3,
        SaleState::Failed => match sale.declined {
            Some(Decline::NoFunds) => 5,
            Some(Decline::WrongPassword) => 6,
            Some(Decline::OverLimit) => 9,
            None => 11,
        },
        SaleState::Ours | SaleState::Returned if sale.payment.is_some() && !sale.refunds.is_empty() => {
            match (is_whole, is_pending) {
                (false, _) => VERIFIED,
                (true, false) => 15,
                (true, true) => 16,
            }
        }
        SaleState::Ours => VERIFIED,
        SaleState::Returned => 15,
    }
}

/// The fields of a sale that the answers of verify and inquiry both have.
fn shown(sale: &Sale, now: Timestamp) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("status".to_owned(), json!(status(sale, now)));
    fields.insert("amount".to_owned(), json!(sale.payment.as_ref().map_or(sale.amount, |payment| payment.amount)));
    fields.insert("orderId".to_owned(), json!(sale.order));
    fields.insert("description".to_owned(), json!(sale.description));
    if let Some(payment) = &sale.payment {
        // The test merchant has no number of a bank.
        let number = if sale.is_live { json!(payment.id.parse::<u64>().unwrap_or_default()) } else { Value::Null };
        fields.insert("refNumber".to_owned(), number);
        fields.insert("paidAt".to_owned(), json!(tehran_time(payment.at, DATE_FORM)));
        fields.insert("cardNumber".to_owned(), json!("62741****44"));
    }
    fields
}

async fn start(State(zibal): State<Zibal>, Path(track): Path<String>) -> Response {
    let amount = zibal.0.sale(&track).map(|sale| format!("{} IRR", grouped(sale.amount))).unwrap_or_default();
    let content = PageContent { amount: &amount, notice: None, choices: &CHOICES, misbehaviours: &MISBEHAVIOURS };
    zibal.0.page("Zibal", &track, &format!("/zibal/start/{track}"), "/zibal/simulator/next_answer", content)
}

async fn choose(
    State(zibal): State<Zibal>,
    Path(track): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    let number = zibal.0.ids.number().to_string();
    let sale = match zibal.0.press(&track, outcome, SaleState::Waiting, number, true) {
        Ok(sale) => sale,
        Err(dead_end) => return dead_end.page("Zibal"),
    };
    let says_paid = outcome.is_paid() && outcome != Outcome::PaidReportedNok;
    let back = return_url(&sale, &track, says_paid);
    if outcome.comes_back() { redirect(StatusCode::FOUND, &back) } else { closed_browser("Zibal", &back) }
}

fn return_url(sale: &Sale, track: &str, says_paid: bool) -> String {
    let Ok(mut url) = Url::parse(&sale.back) else { return sale.back.clone() };
    url.query_pairs_mut()
        .append_pair("success", if says_paid { "1" } else { "0" })
        .append_pair("trackId", track)
        .append_pair("orderId", &sale.order)
        .append_pair("status", if says_paid { "2" } else { "3" });
    url.into()
}

async fn return_money(State(zibal): State<Zibal>, Path(track): Path<String>) -> Response {
    zibal.0.return_money(&track)
}

async fn complete_refund(
    State(zibal): State<Zibal>,
    Path(track): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(), StatusCode> {
    zibal.0.complete_refund(&track, &headers, &body).map(|_| ())
}

async fn dashboard_refund(
    State(zibal): State<Zibal>,
    Path(track): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(), StatusCode> {
    let refund = zibal.0.ids.number().to_string();
    zibal.0.dashboard_refund(&track, refund, &headers, &body).map(|_| ())
}

async fn next_refund(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.plan_refund(&headers, &body)
}

/// Takes a merchant, or a token of the platform.
async fn revoke_key(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.revoke_key(&headers, &body)
}

#[derive(Debug, Deserialize)]
struct ListLag {
    minutes: i64,
}

/// What the merchant registered: who may call. Callbacks may lead to any domain.
async fn register(State(zibal): State<Zibal>, body: Bytes) -> Response {
    zibal.1.registration.order(&body)
}

async fn list_lag(State(zibal): State<Zibal>, Json(ListLag { minutes }): Json<ListLag>) {
    zibal.1.list_lag.store(minutes, Ordering::Relaxed);
}

/// Has the next such call answered by a code, nothing being done.
#[derive(Debug, Deserialize)]
struct NextCode {
    call: String,
    code: i32,
}

async fn next_code(State(zibal): State<Zibal>, Json(NextCode { call, code }): Json<NextCode>) -> StatusCode {
    if !CALLS.contains(&call.as_str()) {
        return StatusCode::BAD_REQUEST;
    }
    zibal.1.codes.lock().unwrap_or_else(PoisonError::into_inner).push((call, code));
    StatusCode::OK
}

async fn next_answer(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.misbehaviour.plan(&CALLS, &headers, &body)
}

async fn books(State(zibal): State<Zibal>) -> Json<Vec<Value>> {
    zibal.0.in_books()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::gateways::testing::{Client, TestResult};

    async fn call(client: &Client, name: &str, body: Value) -> Result<Value, Box<dyn std::error::Error>> {
        Ok(client.post_json(&format!("/zibal/v1/{name}"), &body).await?.json()?)
    }

    fn order() -> Value {
        json!({ "merchant": "zibal", "amount": 20_000, "callbackUrl": "http://localhost:9000/back", "orderId": "at_1" })
    }

    #[tokio::test]
    async fn a_payment_waits_for_verify_and_a_second_verify_tells_no_amount() -> TestResult {
        let client = Client::new(None)?;
        let track = call(&client, "request", order()).await?["trackId"].clone();
        assert!(track.as_u64().is_some_and(|number| number > u64::from(u32::MAX)));
        let claim = json!({ "merchant": "zibal", "trackId": track });
        assert_eq!(call(&client, "verify", claim.clone()).await?["result"], 202);
        let back = client.post_form(&format!("/zibal/start/{track}"), "outcome=paid").await?;
        assert!(back.location().contains(&format!("success=1&trackId={track}&orderId=at_1&status=2")));
        assert_eq!(call(&client, "inquiry", claim.clone()).await?["status"], 2);
        let first = call(&client, "verify", claim.clone()).await?;
        assert_eq!(
            (&first["result"], &first["amount"], &first["refNumber"]),
            (&json!(100), &json!(20_000), &Value::Null)
        );
        let second = call(&client, "verify", claim).await?;
        assert_eq!((&second["result"], second.get("amount")), (&json!(201), None));
        Ok(())
    }

    /// A verified payment, and the number of its session.
    async fn verified(client: &Client) -> Result<Value, Box<dyn std::error::Error>> {
        let track = call(client, "request", order()).await?["trackId"].clone();
        client.post_form(&format!("/zibal/start/{track}"), "outcome=paid").await?;
        call(client, "verify", json!({ "merchant": "zibal", "trackId": track })).await?;
        Ok(track)
    }

    #[tokio::test]
    async fn refunds_are_listed_with_their_status_and_made_as_often_as_they_are_asked_for() -> TestResult {
        let client = Client::new(Some("token"))?;
        let track = verified(&client).await?;
        let order = json!({ "trackId": track, "accountId": "a-1", "tryReverse": true, "description": "rf_1" });
        let list = json!({ "transactionTrackId": track });
        assert_eq!(call(&client, "account/refund/inquiry", list.clone()).await?["data"], json!([]));
        client.post_json("/zibal/simulator/next_refund", &json!({ "becomes": "pending" })).await?;
        let accepted = call(&client, "account/refund", order.clone()).await?;
        assert_eq!((&accepted["result"], &accepted["data"]["reversed"]), (&json!(1), &json!(false)));
        let listed = call(&client, "account/refund/inquiry", list.clone()).await?;
        let row = &listed["data"][0];
        assert_eq!((&row["statusEn"], &row["description"]), (&json!("pending"), &json!("rf_1")));
        let done = json!({ "outcome": "failed" });
        client.post_json(&format!("/zibal/simulator/{track}/complete_refund"), &done).await?;
        let listed = call(&client, "account/refund/inquiry", list.clone()).await?;
        assert_eq!(listed["data"][0]["statusEn"], "failed");
        assert_eq!(call(&client, "account/refund", order.clone()).await?["data"]["reversed"], true);
        assert_eq!(call(&client, "account/refund", order).await?["result"], 1, "it is not seen yet");
        let books = client.get("/zibal/books.json").await?.json()?;
        assert_eq!((&books[0]["refunds"], &books[0]["refunded"]), (&json!(3), &json!(40_000)));
        client.post_json("/zibal/simulator/list_lag", &json!({ "minutes": 30 })).await?;
        assert_eq!(call(&client, "account/refund/inquiry", list).await?["data"], json!([]));
        Ok(())
    }

    #[tokio::test]
    async fn parts_are_paid_back_and_never_reversed_and_the_session_shows_them_once_nothing_is_left() -> TestResult {
        let client = Client::new(Some("token"))?;
        let track = verified(&client).await?;
        let part = |amount: u64, id: &str| json!({ "trackId": track, "accountId": "a-1", "amount": amount, "description": id });
        assert_eq!(call(&client, "account/refund", part(20_001, "rf_1")).await?["result"], 6);
        assert_eq!(call(&client, "account/refund", part(0, "rf_1")).await?["result"], 6);
        let mut reversed = part(5_000, "rf_1");
        reversed["tryReverse"] = json!(true);
        assert_eq!(call(&client, "account/refund", reversed).await?["result"], 6, "a part cannot be reversed");
        let made = call(&client, "account/refund", part(5_000, "rf_1")).await?;
        assert_eq!((&made["data"]["amount"], &made["data"]["reversed"]), (&json!(5_000), &json!(false)));
        let path = format!("/zibal/simulator/{track}/dashboard_refund");
        assert_eq!(client.post_json(&path, &json!({ "amount": 15_001 })).await?.status, http::StatusCode::CONFLICT);
        assert_eq!(client.post_json(&path, &json!({ "amount": 5_000 })).await?.status, http::StatusCode::OK);
        let listed = call(&client, "account/refund/inquiry", json!({ "transactionTrackId": track })).await?;
        let descriptions = [0, 1].map(|at| listed["data"][at]["description"].clone());
        assert_eq!(descriptions, [json!("rf_1"), Value::Null]);
        let session = call(&client, "inquiry", json!({ "merchant": "zibal", "trackId": track })).await?;
        assert_eq!(session["status"], 1);
        let books = client.get("/zibal/books.json").await?.json()?;
        assert_eq!([&books[0]["refunded"], &books[0]["ours"]], [&json!(10_000), &json!(true)]);
        Ok(())
    }

    #[tokio::test]
    async fn codes_can_be_ordered_and_keys_revoked() -> TestResult {
        let client = Client::new(Some("token"))?;
        let track = verified(&client).await?;
        let list = json!({ "transactionTrackId": track });
        let code = json!({ "call": "refund_inquiry", "code": 45 });
        client.post_json("/zibal/simulator/next_code", &code).await?;
        assert_eq!(call(&client, "account/refund/inquiry", list.clone()).await?["result"], 45);
        assert_eq!(call(&client, "account/refund/inquiry", list.clone()).await?["result"], 1);
        client.post_json("/zibal/simulator/revoke_key", &json!({ "key": "token" })).await?;
        assert_eq!(call(&client, "account/refund/inquiry", list).await?["result"], 3);
        client.post_json("/zibal/simulator/revoke_key", &json!({ "key": "zibal" })).await?;
        assert_eq!(call(&client, "request", order()).await?["result"], 102);
        Ok(())
    }

    #[tokio::test]
    async fn a_caller_whose_address_is_not_registered_is_refused() -> TestResult {
        let client = Client::new(None)?;
        client.post_json("/zibal/simulator/registration", &json!({ "callers": "nobody" })).await?;
        assert_eq!(call(&client, "request", order()).await?["result"], 115);
        client.post_json("/zibal/simulator/registration", &json!({})).await?;
        assert_eq!(call(&client, "request", order()).await?["result"], 100);
        Ok(())
    }

    #[tokio::test]
    async fn a_request_is_refused_with_the_code_of_the_reason() -> TestResult {
        let client = Client::new(None)?;
        for (field, value, result) in [
            ("merchant", Value::Null, 102),
            ("amount", json!(1_000), 105),
            ("amount", json!(2_000_000_001_u64), 113),
            ("callbackUrl", json!("nowhere"), 106),
            ("callbackUrl", Value::Null, 140),
        ] {
            let mut body = order();
            body[field] = value;
            assert_eq!(call(&client, "request", body).await?["result"], result, "{field}");
        }
        let other = json!({ "merchant": "another", "trackId": 1 });
        assert_eq!(call(&client, "verify", other).await?["result"], 203);
        Ok(())
    }
}

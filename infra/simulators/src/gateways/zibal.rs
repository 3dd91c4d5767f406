//! Zibal: the gateway's calls, its page, the platform's refund and the test controls.
//!
//! A payment waits until the merchant verifies it. Logical errors come with HTTP 200 and a `result`. The sandbox is the
//! merchant `zibal` on the same host.
//!
//! Not simulated: the lazy mode, wallets, splits, and what depends on the merchant's registration (102 to 104, 115).

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;

use super::amounts::grouped;
use super::credential::Credential;
use super::hosted_checkout::{HostedCheckout, Outcome, PageContent, Sale, SaleState};
use super::payment_page::{Choice, Chosen, MisbehaviourButton, closed_browser, redirect};
use super::simulator::{Opening, Simulator};
use super::tehran_time::tehran_time;
use crate::content_type::has_content_type;

/// Amounts in rial. The gateway says only that they are above 1,000 and have a limit of the terminal.
const AMOUNT: std::ops::RangeInclusive<u64> = 1_001..=2_000_000_000;
/// How long the page takes a payment. The figure is not published.
const PAGE_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// How the gateway writes dates: ISO local time without an offset.
const DATE_FORM: &str = "%Y-%m-%dT%H:%M:%S";

/// The calls that can be made to misbehave.
const CALLS: [&str; 5] = ["request", "verify", "inquiry", "refund", "refund_inquiry"];

/// For how long a refund is under way, unseen by the inquiry. The figure is not published.
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

const CHOICES: [Choice; 6] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the payment fail" },
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
struct Zibal(Arc<HostedCheckout>);

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Zibal(Arc::new(HostedCheckout::open(opening, "zibal.json", age)?))))
}

/// A refund arrives some time after it was ordered.
fn age(sale: &mut Sale, now: Timestamp) {
    sale.expire(now);
    let ordered_at = sale.metadata["refunded_at"].as_i64().and_then(|second| Timestamp::from_second(second).ok());
    if sale.state == SaleState::Ours && ordered_at.is_some_and(|at| now.duration_since(at) >= REFUNDED_AFTER) {
        sale.state = SaleState::Returned;
    }
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
const NOT_PAID: Refusal = (202, "order is not paid or failed");
const BAD_TRACK: Refusal = (203, "trackId is invalid");
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

fn merchant(input: &Map<String, Value>) -> Result<Credential, Refusal> {
    let given = input.get("merchant").and_then(Value::as_str).filter(|text| !text.is_empty());
    given.map(Credential::of).ok_or(BAD_MERCHANT)
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
    zibal.0.misbehaviour.apply("request", || answer(zibal.request(&headers, &body))).await
}

async fn verify(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.misbehaviour.apply("verify", || answer(zibal.verify(&headers, &body))).await
}

async fn inquiry(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.misbehaviour.apply("inquiry", || answer(zibal.inquiry(&headers, &body))).await
}

async fn refund(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.misbehaviour.apply("refund", || zibal.refund(&headers, &body)).await
}

async fn refund_inquiry(State(zibal): State<Zibal>, headers: HeaderMap, body: Bytes) -> Response {
    zibal.0.misbehaviour.apply("refund_inquiry", || zibal.refund_inquiry(&headers, &body)).await
}

/// The refusal of a call to the platform without a token of it.
fn without_token(headers: &HeaderMap) -> Option<Response> {
    let is_known = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.strip_prefix("Bearer ").is_some_and(|token| !token.trim().is_empty()));
    (!is_known)
        .then(|| (StatusCode::UNAUTHORIZED, Json(json!({ "result": 4, "message": "unauthorized" }))).into_response())
}

impl Zibal {
    fn request(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let input = input(headers, body)?;
        let owner = merchant(&input)?;
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
            refunded: 0,
            can_be_cancelled: false,
        };
        self.0.add(&track.to_string(), sale);
        Ok(json!({ "trackId": track, "result": 100, "message": "success" }))
    }

    /// The call that keeps the money. A repeated one answers 201 and nothing more.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let input = input(headers, body)?;
        let (owner, track) = (merchant(&input)?, track(&input)?);
        let now = self.0.now();
        self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(&track).filter(|sale| sale.owner == owner).ok_or(BAD_TRACK)?;
            match sale.state {
                SaleState::Waiting => {
                    sale.confirm(now);
                    sale.metadata["verified_at"] = json!(tehran_time(now, DATE_FORM));
                    let mut fields = shown(sale);
                    fields.insert("result".to_owned(), json!(100));
                    fields.insert("message".to_owned(), json!("success"));
                    Ok(Value::Object(fields))
                }
                SaleState::Ours => Ok(json!({ "result": 201, "message": "order is already verified" })),
                SaleState::Open
                | SaleState::Processing
                | SaleState::Failed
                | SaleState::Cancelled
                | SaleState::Expired
                | SaleState::Returned => Err(NOT_PAID),
            }
        })
    }

    fn inquiry(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let input = input(headers, body)?;
        let (owner, track) = (merchant(&input)?, track(&input)?);
        let sale = self.0.sale(&track).filter(|sale| sale.owner == owner).ok_or(BAD_TRACK)?;
        let mut fields = shown(&sale);
        fields.insert("createdAt".to_owned(), json!(tehran_time(sale.created_at, DATE_FORM)));
        fields.insert("wage".to_owned(), json!(0));
        fields.insert("shaparakFee".to_owned(), json!(0));
        if let Some(at) = sale.metadata.get("verified_at") {
            fields.insert("verifiedAt".to_owned(), at.clone());
        }
        fields.insert("result".to_owned(), json!(100));
        fields.insert("message".to_owned(), json!("success"));
        Ok(Value::Object(fields))
    }

    /// The platform's own answers: 1 is success. Nothing keeps an order of it from being carried out twice.
    fn refund(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        if let Some(refused) = without_token(headers) {
            return refused;
        }
        let now = self.0.now();
        let refunded = input(headers, body).and_then(|input| {
            let track = track(&input)?;
            if !input.get("accountId").is_some_and(|id| id.is_string() || id.is_number()) {
                return Err((5, "accountId is required"));
            }
            self.0.books.change(|ledger| {
                let sale = ledger.sales.get_mut(&track).ok_or((6, "trackId is invalid"))?;
                if sale.state != SaleState::Ours {
                    return Err((7, "the transaction cannot be refunded"));
                }
                let amount = sale.payment.as_ref().map_or(0, |payment| payment.amount);
                sale.refunded += amount;
                sale.metadata["refunded_at"] = json!(now.as_second());
                Ok(json!({ "result": 1, "message": "success", "data": { "trackId": track, "amount": amount } }))
            })
        });
        answer(refunded)
    }

    /// What became of the refunds of a session. The form of `data` is not published.
    fn refund_inquiry(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        if let Some(refused) = without_token(headers) {
            return refused;
        }
        answer(input(headers, body).and_then(|input| {
            let track = input.get("transactionTrackId").and_then(Value::as_i64).ok_or((6, "trackId is invalid"))?;
            let sale = self.0.sale(&track.to_string()).ok_or((6, "trackId is invalid"))?;
            let data = (sale.refunded > 0).then(|| json!({ "refundId": track, "amount": sale.refunded }));
            Ok(json!({ "result": 1, "message": "success", "data": data }))
        }))
    }
}

/// The fields of a sale that the answers of verify and inquiry both have.
fn shown(sale: &Sale) -> Map<String, Value> {
    let status = match sale.state {
        SaleState::Open | SaleState::Processing => -1,
        SaleState::Ours => 1,
        SaleState::Waiting => 2,
        SaleState::Cancelled | SaleState::Expired => 3,
        SaleState::Failed => 5,
        SaleState::Returned => 15,
    };
    let mut fields = Map::new();
    fields.insert("status".to_owned(), json!(status));
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

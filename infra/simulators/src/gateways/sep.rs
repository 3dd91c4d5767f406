//! SEP (Saman) OnlinePG: the token, the posted form, the page, the posted return, verify and reverse.
//!
//! The browser must come from a page of the merchant: without a `Referer` the gateway turns it away. It goes back by a
//! posted form, whose reference is all that verifying and reversing know. What nobody verifies within half an hour goes
//! back to the payer by itself.
//!
//! What the merchant registered is a control: the domain that browsers come from, and the address that calls come from (8
//! for a token, -106 otherwise).
//!
//! Not simulated: wages, restricted cards. The page of the newer gateway is not simulated either: a control has tokens
//! name an address of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::REFERER;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::amounts::grouped;
use super::credential::Credential;
use super::disputes::Disputes;
use super::hosted_checkout::{DeadEnd, HostedCheckout, Outcome, PageContent, Sale, SaleState};
use super::payment_page::{Choice, Chosen, MisbehaviourButton, page, redirect};
use super::registration::Registration;
use super::simulator::{Opening, Simulator};
use super::tehran_time::tehran_time;
use crate::content_type::has_content_type;

/// The smallest amount in rial.
const SMALLEST: u64 = 2_000;
/// How long a token can live, in minutes. Figures outside are moved to the nearest end.
const TOKEN_MINUTES: (i64, i64) = (20, 3_600);
/// A transaction has to be verified within half an hour, and can be reversed for twenty minutes more.
const VERIFIABLE_FOR: SignedDuration = SignedDuration::from_mins(30);
const REVERSIBLE_FOR: SignedDuration = SignedDuration::from_mins(50);

/// How the gateway writes dates.
const DATE_FORM: &str = "%Y-%m-%d %H:%M:%S";

/// The calls that can be made to misbehave.
const CALLS: [&str; 3] = ["token", "verify", "reverse"];

/// Fields of a token that the gateway knows. Another would be ignored there; here it is found out.
const FIELDS: [&str; 13] = [
    "action",
    "TerminalId",
    "Amount",
    "ResNum",
    "RedirectUrl",
    "CellNumber",
    "TokenExpiryInMin",
    "Wage",
    "HashedCardNumber",
    "ResNum1",
    "ResNum2",
    "ResNum3",
    "ResNum4",
];

const CHOICES: [Choice; 5] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the payment fail" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_less", label: "Pay half of it" },
];

const MISBEHAVIOURS: [MisbehaviourButton; 3] = [
    MisbehaviourButton { call: "verify", how: "slow", label: "Answer the next verify slowly" },
    MisbehaviourButton { call: "verify", how: "502_html", label: "Answer the next verify with 502" },
    MisbehaviourButton { call: "verify", how: "drop_after", label: "Do the next verify, but lose its answer" },
];

#[derive(Debug, Clone)]
struct Sep(Arc<HostedCheckout>, Arc<Mutex<Orders>>);

/// What a tester ordered beside the controls that simulators share. It is forgotten at a restart.
#[derive(Debug, Default)]
struct Orders {
    /// The address that the answers to tokens name.
    ipg_url: Option<String>,
    /// Calls that are answered by a code once, nothing being done.
    codes: Vec<NextCode>,
    registration: Registration,
}

/// Has the next such call answered by a code, in this HTTP status where one is given, nothing being done.
#[derive(Debug, Deserialize)]
struct NextCode {
    call: String,
    code: i32,
    status: Option<u16>,
}

/// Orders that the answers to tokens name this address, or none.
#[derive(Debug, Deserialize)]
struct IpgUrl {
    url: Option<String>,
}

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Sep(Arc::new(HostedCheckout::open(opening, "sep.json", age)?), Arc::default())))
}

/// The gateway refunds what nobody verified in time.
fn age(sale: &mut Sale, now: Timestamp) {
    sale.expire(now);
    let is_late = |at: Timestamp| now.duration_since(at) > VERIFIABLE_FOR;
    if sale.state == SaleState::Waiting && sale.payment.as_ref().is_some_and(|payment| is_late(payment.at)) {
        sale.refund();
    }
}

impl Simulator for Sep {
    fn router(&self) -> Router {
        Router::new()
            .route("/sep/onlinepg/onlinepg", post(token))
            .route("/sep/OnlinePG/OnlinePG", post(arrive))
            .route("/sep/OnlinePG/SendToken", get(arrive_by_link))
            .route("/sep/verifyTxnRandomSessionkey/ipg/VerifyTransaction", post(verify))
            .route("/sep/verifyTxnRandomSessionkey/ipg/ReverseTransaction", post(reverse))
            .route("/sep/pay/{token}", get(pay_page).post(choose))
            .route("/sep/simulator/{token}/return_money", post(return_money))
            .route("/sep/simulator/ipg_url", post(ipg_url))
            .route("/sep/simulator/registration", post(register))
            .route("/sep/simulator/next_code", post(next_code))
            .route("/sep/simulator/next_answer", post(next_answer))
            .route("/sep/books.json", get(books))
            .with_state(self.clone())
    }
}

/// The code and description with which the gateway refuses a token.
type Refusal = (i32, &'static str);

const INVALID: Refusal = (5, "The given parameters are invalid.");
const NO_TERMINAL: Refusal = (12, "The terminal was not found.");
const OTHER_ADDRESS: Refusal = (8, "The IP address of the merchant is invalid.");

async fn token(State(sep): State<Sep>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = || match sep.ordered_refusal().map_or_else(|| sep.token(&headers, &body), Err) {
        Ok(token) => {
            let mut answer = Json(json!({ "status": 1, "token": token })).into_response();
            let address = sep.orders().ipg_url.clone();
            if let Some(address) = address.and_then(|address| HeaderValue::from_str(&address).ok()) {
                answer.headers_mut().insert("x-ipg-url", address);
            }
            answer
        }
        // The code is a text.
        Err((code, description)) => {
            Json(json!({ "status": -1, "errorCode": code.to_string(), "errorDesc": description })).into_response()
        }
    };
    sep.0.misbehaviour.apply("token", answer).await
}

impl Sep {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ordered_code(&self, call: &str) -> Option<NextCode> {
        let mut orders = self.orders();
        let at = orders.codes.iter().position(|ordered| ordered.call == call)?;
        Some(orders.codes.remove(at))
    }

    /// The code by which the next token was ordered to be refused.
    fn ordered_refusal(&self) -> Option<Refusal> {
        self.ordered_code("token").map(|ordered| (ordered.code, "This was ordered."))
    }

    /// How this call was ordered to be answered.
    fn ordered(&self, call: &str) -> Option<Response> {
        let NextCode { call: _, code, status } = self.ordered_code(call)?;
        let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
        Some((status, Json(result(code, "This was ordered.", None))).into_response())
    }

    fn token(&self, headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
        let input: Map<String, Value> = Some(body)
            .filter(|_| has_content_type(headers, "application/json"))
            .and_then(|body| serde_json::from_slice(body).ok())
            .ok_or(INVALID)?;
        if input.keys().any(|name| !FIELDS.contains(&name.as_str())) {
            return Err(INVALID);
        }
        let text = |name: &str| input.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if !text("action").is_some_and(|action| action.eq_ignore_ascii_case("token")) {
            return Err(INVALID);
        }
        let terminal = text("TerminalId").filter(|id| id.bytes().all(|b| b.is_ascii_digit())).ok_or(NO_TERMINAL)?;
        if !self.orders().registration.lets_in(headers) {
            return Err(OTHER_ADDRESS);
        }
        let amount = input.get("Amount").and_then(Value::as_u64).filter(|amount| *amount >= SMALLEST).ok_or(INVALID)?;
        let order = text("ResNum").ok_or(INVALID)?;
        let back = text("RedirectUrl").filter(|url| url.len() <= 2_083 && is_web(url)).ok_or(INVALID)?;
        let minutes = input.get("TokenExpiryInMin").and_then(Value::as_i64).unwrap_or(TOKEN_MINUTES.0);
        let minutes = minutes.clamp(TOKEN_MINUTES.0, TOKEN_MINUTES.1);
        let (owner, now) = (Credential::of(terminal), self.0.now());
        let is_used = |sale: &Sale| sale.owner == owner && sale.order == order;
        if self.0.books.read(|ledger| ledger.sales.values().any(is_used)) {
            return Err(INVALID);
        }
        let token = self.0.ids.text(32).to_lowercase();
        let sale = Sale {
            owner,
            is_live: false,
            amount,
            currency: "IRR".to_owned(),
            description: String::new(),
            order: order.to_owned(),
            back: back.to_owned(),
            notify: None,
            metadata: json!({ "terminal": terminal }),
            created_at: now,
            ends_at: now + SignedDuration::from_mins(minutes),
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
        self.0.add(&token, sale);
        Ok(token)
    }

    /// The page, where the browser came from one of the merchant's.
    fn arrive(&self, token: &str, headers: &HeaderMap) -> Response {
        let referrer = headers.get(REFERER).and_then(|value| value.to_str().ok()).filter(|referrer| is_web(referrer));
        if !referrer.is_some_and(|referrer| self.orders().registration.has(referrer)) {
            let content = html! { p.notice role="alert" { "The browser does not come from the merchant's own page." } };
            return page(StatusCode::FORBIDDEN, "SEP: error", &content);
        }
        self.page(token)
    }

    fn page(&self, token: &str) -> Response {
        let amount = self.0.sale(token).map(|sale| format!("{} IRR", grouped(sale.amount))).unwrap_or_default();
        let content = PageContent { amount: &amount, notice: None, choices: &CHOICES, misbehaviours: &MISBEHAVIOURS };
        self.0.page("SEP", token, &format!("/sep/pay/{token}"), "/sep/simulator/next_answer", content)
    }

    /// Keeps what the browser's form asked for about the way back.
    fn note_way_back(&self, token: &str, by_get: bool) {
        let Ok(()) = self.0.books.change(|ledger| -> Result<(), std::convert::Infallible> {
            if let Some(sale) = ledger.sales.get_mut(token) {
                sale.metadata["by_get"] = json!(by_get);
            }
            Ok(())
        });
    }

    /// Verifies or reverses the transaction of a reference.
    fn transaction(&self, headers: &HeaderMap, body: &[u8], reverses: bool) -> Value {
        let input: Map<String, Value> = Some(body)
            .filter(|_| has_content_type(headers, "application/json"))
            .and_then(|body| serde_json::from_slice(body).ok())
            .unwrap_or_default();
        if !self.orders().registration.lets_in(headers) {
            return result(-106, "The address is not allowed.", None);
        }
        let reference = input.get("RefNum").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(terminal) = input.get("TerminalNumber").and_then(Value::as_i64) else {
            return result(-105, "The terminal was not found.", None);
        };
        let owner = Credential::of(&terminal.to_string());
        let now = self.0.now();
        let is_it =
            |sale: &Sale| sale.owner == owner && sale.payment.as_ref().is_some_and(|payment| payment.id == reference);
        let answered = self.0.books.change(|ledger| -> Result<Value, std::convert::Infallible> {
            let Some(sale) = ledger.sales.values_mut().find(|sale| is_it(sale)) else {
                return Ok(result(-2, "The transaction was not found.", None));
            };
            let paid_at = sale.payment.as_ref().map_or(now, |payment| payment.at);
            let age = now.duration_since(paid_at);
            Ok(match (sale.state, reverses) {
                (SaleState::Waiting, false) if age <= VERIFIABLE_FOR => {
                    sale.confirm(now);
                    result(0, "Done.", Some(detail(sale, terminal)))
                }
                (SaleState::Ours, false) => result(2, "Repeated request.", Some(detail(sale, terminal))),
                (SaleState::Ours, true) if age <= REVERSIBLE_FOR => {
                    sale.refund();
                    sale.is_reversed = true;
                    result(0, "Done.", Some(detail(sale, terminal)))
                }
                (SaleState::Ours | SaleState::Waiting, _) => result(-6, "More than the allowed time has passed.", None),
                (SaleState::Returned, false) if age > VERIFIABLE_FOR => {
                    result(-6, "More than half an hour passed.", None)
                }
                (SaleState::Returned, false) => result(5, "The transaction was reversed.", None),
                (SaleState::Returned, true) => result(2, "Repeated request.", Some(detail(sale, terminal))),
                (
                    SaleState::Open
                    | SaleState::Processing
                    | SaleState::Failed
                    | SaleState::Cancelled
                    | SaleState::Expired,
                    _,
                ) => result(-2, "The transaction was not found.", None),
            })
        });
        match answered {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

fn is_web(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// The guide's own example has a blank before the name of the first field, and so has this.
fn result(code: i32, description: &str, detail: Option<Value>) -> Value {
    json!({
        " TransactionDetail": detail, "ResultCode": code, "ResultDescription": description, "Success": code == 0,
    })
}

fn detail(sale: &Sale, terminal: i64) -> Value {
    let payment = sale.payment.as_ref();
    let amount = payment.map(|payment| payment.amount);
    let at = payment.map(|payment| tehran_time(payment.at, DATE_FORM));
    json!({
        "RRN": "14226761817", "RefNum": payment.map(|payment| &payment.id), "MaskedPan": "621986****8080",
        "HashedPan": "b96a14400c3a59249e87c300ecc06e5920327e70220213b5bbb7d7b2410f7e0d",
        "TerminalNumber": terminal, "OrginalAmount": amount, "AffectiveAmount": amount, "StraceDate": at,
        "StraceNo": "100428",
    })
}

async fn verify(State(sep): State<Sep>, headers: HeaderMap, body: Bytes) -> Response {
    let work = || Json(sep.transaction(&headers, &body, false)).into_response();
    let answer = || sep.ordered("verify").unwrap_or_else(work);
    sep.0.misbehaviour.apply("verify", answer).await
}

async fn reverse(State(sep): State<Sep>, headers: HeaderMap, body: Bytes) -> Response {
    let work = || Json(sep.transaction(&headers, &body, true)).into_response();
    let answer = || sep.ordered("reverse").unwrap_or_else(work);
    sep.0.misbehaviour.apply("reverse", answer).await
}

/// Field names are case-sensitive.
async fn arrive(State(sep): State<Sep>, headers: HeaderMap, Form(fields): Form<BTreeMap<String, String>>) -> Response {
    let by_get = match fields.get("GetMethod").map(String::as_str) {
        Some("true") => true,
        Some("" | "false") | None => false,
        Some(_) => return DeadEnd::Unknown.page("SEP"),
    };
    let Some(token) = fields.get("Token") else { return DeadEnd::Unknown.page("SEP") };
    sep.note_way_back(token, by_get);
    sep.arrive(token, &headers)
}

async fn arrive_by_link(
    State(sep): State<Sep>,
    headers: HeaderMap,
    Query(fields): Query<BTreeMap<String, String>>,
) -> Response {
    let Some(token) = fields.get("token") else { return DeadEnd::Unknown.page("SEP") };
    sep.note_way_back(token, false);
    sep.arrive(token, &headers)
}

/// The same page again, after a misbehaviour was ordered on it.
async fn pay_page(State(sep): State<Sep>, Path(token): Path<String>) -> Response {
    sep.page(&token)
}

async fn choose(
    State(sep): State<Sep>,
    Path(token): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    // With all that a decoder can get wrong.
    let reference = format!("{}+{}/{}=", sep.0.ids.text(12), sep.0.ids.text(12), sep.0.ids.text(12));
    let sale = match sep.0.press(&token, outcome, SaleState::Waiting, reference, true) {
        Ok(sale) => sale,
        Err(dead_end) => return dead_end.page("SEP"),
    };
    let fields = way_back(&sale, &token);
    if !outcome.comes_back() {
        let content = html! {
            p { "The payment went through and the customer closed the browser: nobody returns to the merchant." }
            p { "The browser would have posted:" }
            (return_form(&sale, &fields, false))
        };
        return page(StatusCode::OK, "SEP: paid", &content);
    }
    if sale.metadata["by_get"] == true {
        let Ok(mut url) = Url::parse(&sale.back) else { return DeadEnd::Unknown.page("SEP") };
        url.query_pairs_mut().extend_pairs(&fields);
        return redirect(StatusCode::FOUND, url.as_str());
    }
    page(StatusCode::OK, "SEP: back to the merchant", &return_form(&sale, &fields, true))
}

/// What the browser brings back.
fn way_back(sale: &Sale, token: &str) -> Vec<(&'static str, String)> {
    let (status, state) = match sale.state {
        SaleState::Waiting => ("2", "OK"),
        SaleState::Cancelled => ("1", "CanceledByUser"),
        SaleState::Open
        | SaleState::Ours
        | SaleState::Processing
        | SaleState::Failed
        | SaleState::Expired
        | SaleState::Returned => ("3", "Failed"),
    };
    let terminal = sale.metadata["terminal"].as_str().unwrap_or_default().to_owned();
    let reference = sale.payment.as_ref().map(|payment| payment.id.clone()).unwrap_or_default();
    let amount = sale.payment.as_ref().map_or(sale.amount, |payment| payment.amount);
    vec![
        ("Token", token.to_owned()),
        ("MID", terminal.clone()),
        ("TerminalId", terminal),
        ("State", state.to_owned()),
        ("Status", status.to_owned()),
        ("RRN", "14226761817".to_owned()),
        ("RefNum", reference),
        ("ResNum", sale.order.clone()),
        ("TraceNo", "100428".to_owned()),
        ("Amount", amount.to_string()),
        ("SecurePan", "621986****8080".to_owned()),
    ]
}

fn return_form(sale: &Sale, fields: &[(&'static str, String)], at_once: bool) -> Markup {
    html! {
        form method="post" action=(sale.back) {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" { "Go back to the merchant" }
        }
        @if at_once { script { (PreEscaped("document.forms[0].submit()")) } }
    }
}

async fn return_money(State(sep): State<Sep>, Path(token): Path<String>) -> Response {
    sep.0.return_money(&token)
}

async fn ipg_url(State(sep): State<Sep>, Json(IpgUrl { url }): Json<IpgUrl>) {
    sep.orders().ipg_url = url;
}

/// What the merchant registered: the domain of its pages, and who may call.
async fn register(State(sep): State<Sep>, body: Bytes) -> Response {
    sep.orders().registration.order(&body)
}

async fn next_code(State(sep): State<Sep>, Json(ordered): Json<NextCode>) -> StatusCode {
    if !CALLS.contains(&ordered.call.as_str()) {
        return StatusCode::BAD_REQUEST;
    }
    sep.orders().codes.push(ordered);
    StatusCode::OK
}

async fn next_answer(State(sep): State<Sep>, headers: HeaderMap, body: Bytes) -> Response {
    sep.0.misbehaviour.plan(&CALLS, &headers, &body)
}

async fn books(State(sep): State<Sep>) -> Json<Vec<Value>> {
    sep.0.in_books()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::{Value, json};

    use crate::gateways::testing::{Client, TestResult};

    fn order() -> Value {
        json!({
            "action": "token", "TerminalId": "2015", "Amount": 20_000, "ResNum": "at_1",
            "RedirectUrl": "http://localhost:9000/back",
        })
    }

    #[tokio::test]
    async fn a_payment_is_verified_by_the_reference_that_its_return_brings_and_reversed_once() -> TestResult {
        let client = Client::new(None)?;
        let token = client.post_json("/sep/onlinepg/onlinepg", &order()).await?.json()?["token"].clone();
        let token = token.as_str().unwrap_or_default();
        let form = format!("Token={token}&GetMethod=false");
        let turned_away = client.post_form("/sep/OnlinePG/OnlinePG", &form).await?;
        assert_eq!(turned_away.status, StatusCode::FORBIDDEN, "without a referrer");
        let back = client.post_form(&format!("/sep/pay/{token}"), "outcome=paid").await?;
        let reference = back.text.split("name=\"RefNum\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let reference = reference.unwrap_or_default();
        assert!(reference.contains(['+']) && reference.ends_with('='));
        let claim = json!({ "RefNum": reference, "TerminalNumber": 2015 });
        let call = async |name: &str, body: &Value| {
            client.post_json(&format!("/sep/verifyTxnRandomSessionkey/ipg/{name}"), body).await
        };
        let first = call("VerifyTransaction", &claim).await?.json()?;
        assert_eq!((&first["ResultCode"], &first[" TransactionDetail"]["OrginalAmount"]), (&json!(0), &json!(20_000)));
        assert_eq!(call("VerifyTransaction", &claim).await?.json()?["ResultCode"], 2);
        let other = json!({ "RefNum": reference, "TerminalNumber": 2016 });
        assert_eq!(call("VerifyTransaction", &other).await?.json()?["ResultCode"], -2);
        assert_eq!(call("ReverseTransaction", &claim).await?.json()?["ResultCode"], 0);
        assert_eq!(call("VerifyTransaction", &claim).await?.json()?["ResultCode"], 5);
        Ok(())
    }

    #[tokio::test]
    async fn codes_can_be_ordered_in_any_status() -> TestResult {
        let client = Client::new(None)?;
        let path = "/sep/verifyTxnRandomSessionkey/ipg/ReverseTransaction";
        let claim = json!({ "RefNum": "none", "TerminalNumber": 2015 });
        let reverse = json!({ "call": "reverse", "code": -77, "status": 500 });
        assert_eq!(client.post_json("/sep/simulator/next_code", &reverse).await?.status, StatusCode::OK);
        let ordered = client.post_json(path, &claim).await?;
        assert_eq!(ordered.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(ordered.json()?["ResultCode"], -77);
        assert_eq!(client.post_json(path, &claim).await?.json()?["ResultCode"], -2);
        let token = json!({ "call": "token", "code": 12 });
        assert_eq!(client.post_json("/sep/simulator/next_code", &token).await?.status, StatusCode::OK);
        let refused = client.post_json("/sep/onlinepg/onlinepg", &order()).await?.json()?;
        assert_eq!((&refused["status"], &refused["errorCode"]), (&json!(-1), &json!("12")));
        let unknown = json!({ "call": "pay", "code": -77 });
        assert_eq!(client.post_json("/sep/simulator/next_code", &unknown).await?.status, StatusCode::BAD_REQUEST);
        Ok(())
    }

    #[tokio::test]
    async fn the_answer_to_a_token_names_the_address_that_was_ordered_and_there_is_no_key_to_revoke() -> TestResult {
        let client = Client::new(None)?;
        let first = client.post_json("/sep/onlinepg/onlinepg", &order()).await?;
        assert!(!first.headers.contains_key("x-ipg-url"));
        let address = "https://neo-pg.sep.ir/transaction/init";
        client.post_json("/sep/simulator/ipg_url", &json!({ "url": address })).await?;
        let mut second = order();
        second["ResNum"] = json!("at_2");
        let second = client.post_json("/sep/onlinepg/onlinepg", &second).await?;
        assert_eq!(second.headers["x-ipg-url"], address);
        let revoked = client.post_json("/sep/simulator/revoke_key", &json!({ "key": "2015" })).await?;
        assert_eq!(revoked.status, StatusCode::NOT_FOUND);
        Ok(())
    }

    #[tokio::test]
    async fn an_address_or_a_domain_that_is_not_registered_is_turned_away() -> TestResult {
        let client = Client::new(None)?;
        let register = async |order: Value| client.post_json("/sep/simulator/registration", &order).await;
        register(json!({ "callers": "nobody" })).await?;
        let refused = client.post_json("/sep/onlinepg/onlinepg", &order()).await?.json()?;
        assert_eq!((&refused["status"], &refused["errorCode"]), (&json!(-1), &json!("8")));
        let claim = json!({ "RefNum": "none", "TerminalNumber": 2015 });
        let path = "/sep/verifyTxnRandomSessionkey/ipg/VerifyTransaction";
        assert_eq!(client.post_json(path, &claim).await?.json()?["ResultCode"], -106);
        register(json!({})).await?;
        assert_eq!(client.post_json("/sep/onlinepg/onlinepg", &order()).await?.json()?["status"], 1);
        Ok(())
    }

    #[tokio::test]
    async fn a_token_is_refused_with_a_code_that_is_a_text() -> TestResult {
        let client = Client::new(None)?;
        for (field, value, code) in [
            ("action", json!("verify"), "5"),
            ("TerminalId", json!("x"), "12"),
            ("Amount", json!(1_999), "5"),
            ("ResNum", json!(""), "5"),
            ("RedirectUrl", json!("nowhere"), "5"),
            ("Unheard", json!(1), "5"),
        ] {
            let mut body = order();
            body[field] = value;
            let answer = client.post_json("/sep/onlinepg/onlinepg", &body).await?.json()?;
            assert_eq!((&answer["status"], &answer["errorCode"]), (&json!(-1), &json!(code)), "{field}");
        }
        assert_eq!(client.post_json("/sep/onlinepg/onlinepg", &order()).await?.json()?["status"], 1);
        let again = client.post_json("/sep/onlinepg/onlinepg", &order()).await?.json()?;
        assert_eq!(again["status"], -1, "a ResNum is used once");
        Ok(())
    }
}

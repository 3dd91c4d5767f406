//! Mollie payments: the API under a key, the hosted page, the webhook that says nothing but an id, and the tester's hand.
//!
//! Test and live differ by the key alone. A payment is captured without a call of the merchant's. Unlike the gateway, this
//! one also calls webhooks on this machine: it is on the same one.
//!
//! Not simulated: profiles and organisations, methods other than the hosted page's choice, captures, the signed webhooks.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::hosted_checkout::{DeadEnd, HostedCheckout, Look, Outcome, Replayed, Sale, SaleState};
use super::{
    Choice, Chosen, Credential, Mischief, Opening, OutgoingWebhook, Simulator, buttons, closed_browser,
    has_content_type, page, redirect, sha256,
};

/// How long the shortest method takes a payment.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How long the answer under an idempotency key is replayed. The figure is not published.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(1);

const CALLS: [&str; 4] = ["create", "retrieve", "cancel", "refund"];

const FIELDS: [&str; 13] = [
    "amount",
    "description",
    "redirectUrl",
    "cancelUrl",
    "webhookUrl",
    "metadata",
    "method",
    "locale",
    "captureMode",
    "testmode",
    "profileId",
    "sequenceType",
    "restrictPaymentMethodsToCountry",
];

/// Currencies without decimals. All others of the gateway's have two.
const WHOLE: [&str; 2] = ["JPY", "ISK"];

const CHOICES: [Choice; 9] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the payment fail" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_no_webhook", label: "Pay, but lose the webhook" },
    Choice { value: "paid_silent", label: "Pay, close the browser and lose the webhook" },
    Choice { value: "paid_less", label: "Pay half of it" },
    Choice { value: "processing", label: "Pay by a slow method (come back to this page to complete it)" },
    Choice { value: "cancelable", label: "Choose a method that the merchant can cancel" },
];

const COMPLETION_CHOICES: [Choice; 2] = [
    Choice { value: "succeeded", label: "Let the money arrive" },
    Choice { value: "failed", label: "Let the payment fail" },
];

const MISCHIEF: [Mischief; 3] = [
    Mischief { call: "retrieve", how: "slow", label: "Answer the next look-up slowly" },
    Mischief { call: "retrieve", how: "502_html", label: "Answer the next look-up with 502" },
    Mischief { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

#[derive(Debug, Clone)]
struct Mollie(Arc<HostedCheckout>);

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Mollie(Arc::new(HostedCheckout::open(opening, "mollie.json", Sale::expire)?))))
}

impl Simulator for Mollie {
    fn router(&self) -> Router {
        Router::new()
            .route("/mollie/v2/payments", post(create))
            .route("/mollie/v2/payments/{id}", get(retrieve).delete(cancel))
            .route("/mollie/v2/payments/{id}/refunds", post(refund))
            .route("/mollie/checkout/{id}", get(checkout).post(choose))
            .route("/mollie/simulator/{id}/complete_async", post(complete_async))
            .route("/mollie/simulator/next_answer", post(next_answer))
            .route("/mollie/books.json", get(books))
            .with_state(self.clone())
    }
}

/// How the gateway says no.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    detail: String,
    field: Option<&'static str>,
}

impl Refusal {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None }
    }

    fn field(field: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.into(), field: Some(field) }
    }

    fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "No payment exists with token.")
    }

    fn body(&self) -> Value {
        let documentation = json!({ "href": "https://docs.mollie.com/overview/handling-errors", "type": "text/html" });
        let mut body = json!({
            "status": self.status.as_u16(),
            "title": self.status.canonical_reason(),
            "detail": self.detail,
            "_links": { "documentation": documentation },
        });
        if let Some(field) = self.field {
            body["field"] = json!(field);
        }
        body
    }
}

type Said = Result<(StatusCode, Value), Refusal>;

fn hal(status: StatusCode, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/hal+json"));
    response
}

fn respond(said: Said) -> Response {
    match said {
        Ok((status, body)) => hal(status, body),
        Err(refusal) => hal(refusal.status, refusal.body()),
    }
}

/// Who calls, and whether with a live key.
fn caller(headers: &HeaderMap) -> Result<(Credential, bool), Refusal> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = given.strip_prefix("Bearer ").unwrap_or_default().trim();
    let rest = key.strip_prefix("test_").or_else(|| key.strip_prefix("live_")).unwrap_or_default();
    if rest.len() >= 30 && rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok((Credential::of(key), key.starts_with("live_")));
    }
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "Missing authentication, or failed to authenticate"))
}

fn input(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let unreadable = || Refusal::new(StatusCode::BAD_REQUEST, "The request body is not valid JSON");
    if body.is_empty() {
        return Ok(Map::new());
    }
    if !has_content_type(headers, "application/json") {
        return Err(unreadable());
    }
    serde_json::from_slice(body).map_err(|_| unreadable())
}

fn decimals(currency: &str) -> usize {
    if WHOLE.contains(&currency) { 0 } else { 2 }
}

/// Minor units of a text with exactly the decimals of its currency.
fn amount_of(input: &Map<String, Value>) -> Result<(u64, String), Refusal> {
    let amount = input.get("amount").and_then(Value::as_object);
    let amount = amount.ok_or_else(|| Refusal::field("amount", "The amount is required"))?;
    let text = |name: &str| amount.get(name).and_then(Value::as_str);
    let currency = text("currency").filter(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()));
    let currency = currency.ok_or_else(|| Refusal::field("amount", "The amount contains an invalid currency"))?;
    let invalid = || Refusal::field("amount", "The amount contains an invalid value");
    let value = text("value").ok_or_else(invalid)?;
    let (units, fraction) = match value.split_once('.') {
        Some((units, fraction)) if !fraction.is_empty() => (units, fraction),
        Some(_) => return Err(invalid()),
        None => (value, ""),
    };
    let digits = format!("{units}{fraction}");
    if units.is_empty() || fraction.len() != decimals(currency) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    match digits.parse() {
        Ok(minor) if minor > 0 => Ok((minor, currency.to_owned())),
        Ok(_) | Err(_) => Err(Refusal::field("amount", "The amount is lower than the minimum")),
    }
}

fn amount(minor: u64, currency: &str) -> Value {
    json!({ "currency": currency, "value": display(minor, currency) })
}

fn display(minor: u64, currency: &str) -> String {
    match decimals(currency) {
        0 => minor.to_string(),
        _ => format!("{}.{:02}", minor / 100, minor % 100),
    }
}

fn web(input: &Map<String, Value>, name: &'static str) -> Result<Option<String>, Refusal> {
    match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text))
            if Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Refusal::field(name, format!("The {name} is invalid"))),
    }
}

async fn create(State(mollie): State<Mollie>, headers: HeaderMap, body: Bytes) -> Response {
    mollie
        .0
        .misbehaviour
        .play("create", || {
            mollie.once(&headers, &body, "", |owner, is_live, input| mollie.create(owner, is_live, input))
        })
        .await
}

async fn retrieve(State(mollie): State<Mollie>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = || respond(mollie.owned(&id, &headers).map(|sale| (StatusCode::OK, mollie.object(&id, &sale))));
    mollie.0.misbehaviour.play("retrieve", answer).await
}

async fn cancel(State(mollie): State<Mollie>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    mollie.0.misbehaviour.play("cancel", || respond(mollie.cancel(&id, &headers))).await
}

async fn refund(State(mollie): State<Mollie>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = || mollie.once(&headers, &body, &id, |owner, _, input| mollie.refund(&id, owner, input));
    mollie.0.misbehaviour.play("refund", answer).await
}

impl Mollie {
    /// Executes a POST, or replays the answer that its idempotency key already has.
    fn once(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        path: &str,
        execute: impl FnOnce(&Credential, bool, &Map<String, Value>) -> Said,
    ) -> Response {
        let (owner, is_live) = match caller(headers) {
            Ok(caller) => caller,
            Err(refusal) => return respond(Err(refusal)),
        };
        let now = self.0.now();
        let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).filter(|key| !key.is_empty());
        let fingerprint = sha256(&[path.as_bytes(), b"\n", body].concat());
        if let Some(key) = key {
            match self.0.replay(&owner, key, &fingerprint, now, REPLAYED_FOR) {
                Replayed::Nothing => {}
                Replayed::Answer(status, body) => {
                    let mut response = hal(status, body);
                    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
                    return response;
                }
                Replayed::Other => {
                    let detail = "The idempotency key was used with other parameters";
                    return respond(Err(Refusal::new(StatusCode::BAD_REQUEST, detail)));
                }
            }
        }
        let said = input(headers, body).and_then(|input| execute(&owner, is_live, &input));
        if let (Some(key), Ok((status, body))) = (key, &said) {
            self.0.remember(&owner, key, fingerprint, *status, body, now);
        }
        respond(said)
    }

    fn create(&self, owner: &Credential, is_live: bool, input: &Map<String, Value>) -> Said {
        if let Some(name) = input.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, format!("Non-existent body parameter {name}")));
        }
        let (minor, currency) = amount_of(input)?;
        let description = input.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
        let description = description.ok_or_else(|| Refusal::field("description", "The description is required"))?;
        let back = web(input, "redirectUrl")?;
        let back = back.ok_or_else(|| Refusal::field("redirectUrl", "The redirect url is required"))?;
        let now = self.0.now();
        let id = format!("tr_{}", self.0.ids.text(22));
        let sale = Sale {
            owner: owner.clone(),
            is_live,
            amount: minor,
            currency,
            // Cut off and not refused.
            description: description.chars().take(255).collect(),
            order: String::new(),
            back,
            notify: web(input, "webhookUrl")?,
            metadata: input.get("metadata").cloned().unwrap_or_default(),
            created_at: now,
            ends_at: now + LIFETIME,
            state: SaleState::Open,
            payment: None,
            failures: Vec::new(),
            refunded: 0,
            can_be_cancelled: false,
        };
        let object = self.object(&id, &sale);
        self.0.add(&id, sale);
        Ok((StatusCode::CREATED, object))
    }

    fn owned(&self, id: &str, headers: &HeaderMap) -> Result<Sale, Refusal> {
        let (owner, _) = caller(headers)?;
        self.0.sale(id).filter(|sale| sale.owner == owner).ok_or_else(Refusal::missing)
    }

    fn cancel(&self, id: &str, headers: &HeaderMap) -> Said {
        self.owned(id, headers)?;
        let cancelled = self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or_else(Refusal::missing)?;
            if sale.state != SaleState::Open || !sale.can_be_cancelled {
                let detail = "The payment cannot be canceled";
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
            }
            sale.state = SaleState::Cancelled;
            Ok(sale.clone())
        })?;
        self.tell(id, &cancelled);
        Ok((StatusCode::OK, self.object(id, &cancelled)))
    }

    fn refund(&self, id: &str, owner: &Credential, input: &Map<String, Value>) -> Said {
        let (minor, currency) = amount_of(input)?;
        let now = self.0.now();
        let refund = format!("re_{}", self.0.ids.text(10));
        self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).filter(|sale| sale.owner == *owner).ok_or_else(Refusal::missing)?;
            let paid = sale.payment.as_ref().map_or(0, |payment| payment.amount);
            if !matches!(sale.state, SaleState::Ours | SaleState::Returned) || currency != sale.currency {
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "The payment cannot be refunded"));
            }
            if minor > paid - sale.refunded {
                return Err(Refusal::field("amount", "The amount is higher than the maximum"));
            }
            sale.refunded += minor;
            let body = json!({
                "resource": "refund", "id": refund, "paymentId": id, "status": "pending",
                "amount": amount(minor, &sale.currency), "createdAt": now, "metadata": input.get("metadata"),
                "description": input.get("description"), "_links": {},
            });
            Ok((StatusCode::CREATED, body))
        })
    }

    /// The payment as the API shows it.
    fn object(&self, id: &str, sale: &Sale) -> Value {
        let status = match sale.state {
            SaleState::Open => "open",
            SaleState::Processing => "pending",
            SaleState::Ours | SaleState::Returned => "paid",
            SaleState::Failed | SaleState::Waiting => "failed",
            SaleState::Cancelled => "canceled",
            SaleState::Expired => "expired",
        };
        let paid = sale.payment.as_ref().filter(|_| status == "paid");
        let shown = paid.map_or(sale.amount, |payment| payment.amount);
        let link = |href: String, kind: &str| json!({ "href": href, "type": kind });
        let mut object = json!({
            "resource": "payment",
            "id": id,
            "mode": if sale.is_live { "live" } else { "test" },
            "status": status,
            // Which most methods never are.
            "isCancelable": sale.state == SaleState::Open && sale.can_be_cancelled,
            "amount": amount(shown, &sale.currency),
            "description": sale.description,
            "redirectUrl": sale.back,
            "webhookUrl": sale.notify,
            "metadata": sale.metadata,
            "profileId": "pfl_simulator",
            "sequenceType": "oneoff",
            "method": paid.map(|_| "creditcard"),
            "createdAt": sale.created_at,
            "expiresAt": sale.ends_at,
            "_links": { "self": link(format!("{}/mollie/v2/payments/{id}", self.0.base), "application/hal+json") },
        });
        if sale.state == SaleState::Open {
            object["_links"]["checkout"] = link(format!("{}/mollie/checkout/{id}", self.0.base), "text/html");
        }
        if let Some(payment) = paid {
            object["paidAt"] = json!(payment.at);
            object["details"] = json!({ "cardNumber": "6787", "cardLabel": "Mastercard" });
            object["amountRefunded"] = amount(sale.refunded, &sale.currency);
            object["amountRemaining"] = amount(payment.amount - sale.refunded, &sale.currency);
        }
        object
    }

    /// Tells the merchant that something changed.
    fn tell(&self, id: &str, sale: &Sale) {
        let Some(url) = &sale.notify else { return };
        let headers = vec![(CONTENT_TYPE.to_string(), "application/x-www-form-urlencoded".to_owned())];
        self.0.call(OutgoingWebhook { url: url.clone(), headers, body: format!("id={id}").into_bytes() });
    }
}

async fn checkout(State(mollie): State<Mollie>, Path(id): Path<String>) -> Response {
    page_of(&mollie, &id, None)
}

fn page_of(mollie: &Mollie, id: &str, notice: Option<&str>) -> Response {
    let sale = mollie.0.sale(id);
    if sale.as_ref().is_some_and(|sale| sale.state == SaleState::Processing) {
        let confirm = buttons(&format!("/mollie/simulator/{id}/complete_async"), &COMPLETION_CHOICES);
        return page(StatusCode::OK, "Mollie: pending", &confirm);
    }
    let shown = sale.map(|sale| format!("{} {}", display(sale.amount, &sale.currency), sale.currency));
    let amount = shown.unwrap_or_default();
    let look = Look { amount: &amount, notice, choices: &CHOICES, mischief: &MISCHIEF };
    mollie.0.page("Mollie", id, &format!("/mollie/checkout/{id}"), "/mollie/simulator/next_answer", look)
}

async fn choose(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    match mollie.0.press(&id, outcome, SaleState::Ours, id.clone(), true) {
        Ok(_) if outcome == Outcome::Cancelable => page_of(&mollie, &id, Some("The method is chosen.")),
        Ok(sale) => {
            // Nobody is called while a payment is pending.
            if outcome.is_told() && sale.state != SaleState::Processing {
                mollie.tell(&id, &sale);
            }
            // The address as it was given: nothing is added to it.
            if outcome.comes_back() {
                redirect(StatusCode::SEE_OTHER, &sale.back)
            } else {
                closed_browser("Mollie", &sale.back)
            }
        }
        Err(dead_end @ (DeadEnd::Unknown | DeadEnd::Finished)) => dead_end.page("Mollie"),
    }
}

/// How a slow payment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TransitionWritten {
    Succeeded,
    Failed,
}

async fn complete_async(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<TransitionWritten>>,
) -> Response {
    match mollie.0.complete_async(&id, outcome == TransitionWritten::Succeeded) {
        Ok(sale) => {
            mollie.tell(&id, &sale);
            Json(json!({ "status": sale.state.name() })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

async fn next_answer(State(mollie): State<Mollie>, headers: HeaderMap, body: Bytes) -> Response {
    mollie.0.misbehaviour.plan(&CALLS, &headers, &body)
}

async fn books(State(mollie): State<Mollie>) -> Json<Vec<Value>> {
    mollie.0.in_books()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::{Value, json};

    use super::super::testing::{Client, TestResult};

    const KEY: &str = "test_simulatedMollieKeyOfThirtyChars";

    fn order() -> Value {
        json!({
            "amount": { "currency": "EUR", "value": "19.99" }, "description": "Invoice 77",
            "redirectUrl": "http://localhost:9000/back", "webhookUrl": "http://localhost:9000/told",
        })
    }

    #[tokio::test]
    async fn a_payment_is_paid_told_by_its_id_alone_and_refunded_at_most_once() -> TestResult {
        let client = Client::new(Some(KEY))?;
        let made = client.post_json("/mollie/v2/payments", &order()).await?;
        assert_eq!(made.status, StatusCode::CREATED);
        let id = made.json()?["id"].as_str().unwrap_or_default().to_owned();
        let back = client.post_form(&format!("/mollie/checkout/{id}"), "outcome=paid").await?;
        assert_eq!(back.location(), "http://localhost:9000/back");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let told = client.sent.lock().map(|sent| sent.iter().map(|one| one.body.clone()).collect::<Vec<_>>());
        assert_eq!(told.unwrap_or_default(), [format!("id={id}").into_bytes()]);
        let refund = json!({ "amount": { "currency": "EUR", "value": "19.99" } });
        let path = format!("/mollie/v2/payments/{id}/refunds");
        assert_eq!(client.post_json(&path, &refund).await?.status, StatusCode::CREATED);
        assert_eq!(client.post_json(&path, &refund).await?.status, StatusCode::UNPROCESSABLE_ENTITY);
        let payment = client.get(&format!("/mollie/v2/payments/{id}")).await?.json()?;
        assert_eq!((&payment["status"], &payment["amountRefunded"]["value"]), (&json!("paid"), &json!("19.99")));
        Ok(())
    }

    #[tokio::test]
    async fn only_a_payment_by_some_methods_can_be_cancelled() -> TestResult {
        let client = Client::new(Some(KEY))?;
        let made = client.post_json("/mollie/v2/payments", &order()).await?.json()?;
        let id = made["id"].as_str().unwrap_or_default();
        assert_eq!(made["isCancelable"], false);
        client.post_form(&format!("/mollie/checkout/{id}"), "outcome=cancelable").await?;
        let chosen = client.get(&format!("/mollie/v2/payments/{id}")).await?.json()?;
        assert_eq!((&chosen["isCancelable"], &chosen["status"]), (&json!(true), &json!("open")));
        Ok(())
    }

    #[tokio::test]
    async fn amounts_in_another_form_are_refused_and_the_field_is_named() -> TestResult {
        let client = Client::new(Some(KEY))?;
        for (value, currency) in [("10", "EUR"), ("10.0", "EUR"), ("10.00", "JPY"), ("0.00", "EUR"), ("x", "EUR")] {
            let mut body = order();
            body["amount"] = json!({ "currency": currency, "value": value });
            let refused = client.post_json("/mollie/v2/payments", &body).await?;
            assert_eq!((refused.status.as_u16(), refused.json()?["field"].clone()), (422, json!("amount")), "{value}");
        }
        let stranger = client.with_key("test_short").post_json("/mollie/v2/payments", &order()).await?;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
        Ok(())
    }
}

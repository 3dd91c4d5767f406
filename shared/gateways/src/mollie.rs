//! Mollie payments. Source: the gateway's OpenAPI document, its documentation and its official clients.
//!
//! What is special here: amounts are texts with exactly the decimals of their currency; the browser comes back without a
//! parameter; webhooks are unsigned and say nothing but a payment's id, so they only make us ask. Which payment of ours one
//! is about stands in the address that we gave for it.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::ids::{AttemptId, LinkId};
use domain::link::{Attempt, Checkout, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use http::Method;
use outbound::Answer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    BeginError, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, WebhookError, WebhookHint,
    WebhookRequest, at_most, is_word, not_paid, object, unknown, web_address,
};

/// Longer descriptions are cut off there.
const LONGEST_DESCRIPTION: usize = 255;

/// The name of our attempt's id in the metadata of a payment.
const ATTEMPT_METADATA: &str = "paylink_attempt";

pub(crate) struct Mollie<'a>(pub(crate) GatewayClient<'a>);

#[derive(Debug, Deserialize)]
struct PaymentObject {
    id: String,
    status: String,
    amount: Amount,
    #[serde(rename = "amountRefunded", default)]
    refunded: Option<Amount>,
    #[serde(rename = "isCancelable", default)]
    is_cancelable: bool,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    details: Option<Details>,
    #[serde(rename = "_links", default)]
    links: Links,
}

#[derive(Debug, Deserialize)]
struct Amount {
    currency: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Details {
    #[serde(rename = "cardNumber", default)]
    last_digits: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Links {
    #[serde(default)]
    checkout: Option<Href>,
}

#[derive(Debug, Deserialize)]
struct Href {
    href: String,
}

#[derive(Debug, Deserialize)]
struct RefundObject {
    status: String,
}

impl GatewayAdapter for Mollie<'_> {
    // Test and live differ by the key alone.
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://api.mollie.com");
    const SANDBOX: DefaultEndpoints = Self::LIVE;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let (attempt, link) = (order.attempt.id(), order.link);
        let body = json!({
            "amount": amount(order.attempt.money),
            "description": at_most(order.description, LONGEST_DESCRIPTION),
            "redirectUrl": order.return_url,
            "webhookUrl": format!("{}?link={link}&attempt={attempt}", order.notify_url),
            "metadata": { ATTEMPT_METADATA: attempt.as_str() },
        });
        let answer = self.call(Method::POST, "/v2/payments", Some(body), attempt.as_str(), credentials).await;
        let answer = answer.map_err(|why| BeginError::Unavailable { why })?;
        opened(&answer).ok_or_else(|| match refusal(&answer) {
            Refusal::Passing(why) => BeginError::Unavailable { why },
            Refusal::Final(code) => BeginError::Refused { code },
        })
    }

    async fn look_up(
        &self,
        attempt: &Attempt,
        _: &ReturnData,
        credentials: &Credentials,
        _: Timestamp,
    ) -> GatewayAnswer {
        match self.retrieve(attempt, credentials).await {
            Ok(payment) => answer_of(&payment, attempt),
            Err(answer) => answer,
        }
    }

    /// Most methods cannot be cancelled; there the payment ends by itself.
    async fn close(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let payment = match self.retrieve(attempt, credentials).await {
            Ok(payment) => payment,
            Err(answer) => return Some(answer),
        };
        if !payment.is_cancelable {
            return Some(answer_of(&payment, attempt));
        }
        let path = format!("/v2/payments/{}", attempt.session);
        let key = format!("close-{}", attempt.id);
        Some(match self.call(Method::DELETE, &path, None, &key, credentials).await {
            Ok(answer) if answer.status == 200 => read(&answer, attempt),
            // The customer may just have paid.
            Ok(_) => match self.retrieve(attempt, credentials).await {
                Ok(payment) => answer_of(&payment, attempt),
                Err(answer) => answer,
            },
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    /// Refunds. The idempotency key is kept for an hour or so; after that the payment itself says what went back.
    async fn refund(&self, attempt: &Attempt, payment: &Payment, credentials: &Credentials) -> RefundAnswer {
        let body = json!({
            "amount": amount(payment.money),
            "description": "Paid twice or too late",
            "metadata": { ATTEMPT_METADATA: attempt.id.as_str() },
        });
        let path = format!("/v2/payments/{}/refunds", attempt.session);
        let key = format!("refund-{}", attempt.id);
        let answer = match self.call(Method::POST, &path, Some(body), &key, credentials).await {
            Ok(answer) => answer,
            Err(why) => return RefundAnswer::Unknown { why },
        };
        if answer.status == 201 || answer.status == 200 {
            return match object::<RefundObject>(&answer.body) {
                Some(refund) if matches!(refund.status.as_str(), "failed" | "canceled") => {
                    RefundAnswer::Refused { reason: format!("refund_{}", refund.status) }
                }
                Some(_) => RefundAnswer::Issued,
                None => RefundAnswer::Unknown { why: "a refund that cannot be read".to_owned() },
            };
        }
        let refused = refusal(&answer);
        // Refused because an earlier call did it, or the same came twice at once?
        match (self.retrieve(attempt, credentials).await, refused) {
            (Ok(payment), _) if has_gone_back(&payment) => RefundAnswer::Issued,
            (Ok(_), Refusal::Final(reason)) => RefundAnswer::Refused { reason },
            (_, Refusal::Passing(why)) => RefundAnswer::Unknown { why },
            (Err(_), Refusal::Final(_)) => {
                RefundAnswer::Unknown { why: "the payment of a refused refund could not be read".to_owned() }
            }
        }
    }

    /// The browser brings nothing, so that it came back is all there is to hear.
    fn read_return(_: &Fields, _: &Attempt, _: &Credentials) -> ReturnData {
        Hint::Nothing.into()
    }

    /// Unsigned: it says that something changed, which is worth asking about whatever we knew before.
    fn read_webhook(
        request: WebhookRequest<'_>,
        _: &[Credentials],
        _: Timestamp,
    ) -> Result<Option<WebhookHint>, WebhookError> {
        let form: BTreeMap<String, String> =
            serde_urlencoded::from_bytes(request.body).map_err(|_| WebhookError::Unreadable)?;
        if !form.get("id").is_some_and(|id| is_word(id)) {
            return Err(WebhookError::Unreadable);
        }
        let link = request.query.get("link").and_then(|id| LinkId::parse(id).ok());
        let attempt = request.query.get("attempt").and_then(|id| AttemptId::parse(id).ok());
        Ok(link.zip(attempt).map(|(link, attempt)| WebhookHint { link, attempt, hint: Hint::Paid }))
    }
}

impl Mollie<'_> {
    async fn retrieve(&self, attempt: &Attempt, credentials: &Credentials) -> Result<PaymentObject, GatewayAnswer> {
        let path = format!("/v2/payments/{}", attempt.session);
        let answer = self.call(Method::GET, &path, None, "", credentials).await;
        let answer = answer.map_err(|why| GatewayAnswer::Unknown { why })?;
        payment_of(&answer, attempt)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: &str,
        credentials: &Credentials,
    ) -> Result<Answer, String> {
        let api_key = credentials.expose("api_key").unwrap_or_default();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0.endpoint.api))
            .header("authorization", format!("Bearer {api_key}"))
            .header("accept", "application/hal+json");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        self.0.send(request, body.map(|body| body.to_string()).unwrap_or_default()).await
    }
}

enum Refusal {
    /// Worth another try: their trouble, a rate limit, the same call under way, or an answer that cannot be read.
    Passing(String),
    /// Their status and the field they name.
    Final(String),
}

fn refusal(answer: &Answer) -> Refusal {
    if matches!(answer.status, 409 | 429) || answer.status >= 500 {
        return Refusal::Passing(format!("status {}", answer.status));
    }
    match object::<BTreeMap<String, Value>>(&answer.body) {
        Some(body) if body.contains_key("title") => match body.get("field").and_then(Value::as_str) {
            Some(field) => Refusal::Final(format!("{}_{field}", answer.status)),
            None => Refusal::Final(answer.status.to_string()),
        },
        Some(_) | None => Refusal::Passing(format!("status {} in an unknown form", answer.status)),
    }
}

fn opened(answer: &Answer) -> Option<OpenedSession> {
    if answer.status != 201 {
        return None;
    }
    let payment: PaymentObject = object(&answer.body)?;
    let at = web_address(&payment.links.checkout?.href)?;
    is_word(&payment.id).then(|| OpenedSession { session: payment.id, checkout: Checkout::link(at) })
}

fn payment_of(answer: &Answer, attempt: &Attempt) -> Result<PaymentObject, GatewayAnswer> {
    if answer.status != 200 {
        return Err(match refusal(answer) {
            Refusal::Passing(why) => GatewayAnswer::Unknown { why },
            Refusal::Final(code) => GatewayAnswer::Misconfigured { code },
        });
    }
    let payment: PaymentObject = object(&answer.body).ok_or_else(|| unknown("a payment that cannot be read"))?;
    if payment.id != attempt.session || payment.metadata[ATTEMPT_METADATA] != attempt.id.as_str() {
        return Err(GatewayAnswer::Misconfigured { code: "another_payment".to_owned() });
    }
    Ok(payment)
}

fn read(answer: &Answer, attempt: &Attempt) -> GatewayAnswer {
    match payment_of(answer, attempt) {
        Ok(payment) => answer_of(&payment, attempt),
        Err(answer) => answer,
    }
}

fn answer_of(payment: &PaymentObject, attempt: &Attempt) -> GatewayAnswer {
    match payment.status.as_str() {
        "open" => GatewayAnswer::Pending,
        // A method that takes days, or money that is reserved and not ours yet.
        "pending" | "authorized" => GatewayAnswer::Processing,
        "paid" if has_gone_back(payment) => GatewayAnswer::Returned,
        "paid" => paid(payment, attempt),
        "canceled" => not_paid(NotPaidCause::Cancelled, "canceled"),
        "expired" => not_paid(NotPaidCause::SessionOver, "expired"),
        "failed" => not_paid(NotPaidCause::Declined, "failed"),
        _ => unknown("a status that is not documented"),
    }
}

fn paid(payment: &PaymentObject, attempt: &Attempt) -> GatewayAnswer {
    let Some(money) = money(&payment.amount) else { return GatewayAnswer::WrongAmount { got: None } };
    let last_digits = payment.details.as_ref().and_then(|details| details.last_digits.as_deref());
    GatewayAnswer::Paid(Payment {
        reference: attempt.session.clone(),
        claim: format!("mollie#{}", attempt.session),
        money,
        masked_card: last_digits.map(|digits| format!("**** {digits}")),
    })
}

fn has_gone_back(payment: &PaymentObject) -> bool {
    match (payment.refunded.as_ref().and_then(money), money(&payment.amount)) {
        (Some(back), Some(all)) => back.currency() == all.currency() && back.minor_units() >= all.minor_units(),
        _ => false,
    }
}

/// With exactly the decimals of the currency.
fn amount(money: Money) -> Value {
    let decimals = usize::from(money.currency().exponent());
    let digits = format!("{:0>width$}", money.minor_units(), width = decimals + 1);
    let (units, fraction) = digits.split_at(digits.len() - decimals);
    let value = if decimals == 0 { units.to_owned() } else { format!("{units}.{fraction}") };
    json!({ "currency": money.currency().code(), "value": value })
}

/// The amount of a text with exactly the decimals of its currency; anything else is no amount. Nothing may be rounded.
fn money(amount: &Amount) -> Option<Money> {
    let currency = Currency::parse(&amount.currency).ok()?;
    let decimals = usize::from(currency.exponent());
    let (units, fraction) = amount.value.split_once('.').unwrap_or((&amount.value, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if units.is_empty() || fraction.len() != decimals || !is_number(units) || !is_number(fraction) {
        return None;
    }
    // A dot without digits after it is no number of theirs.
    if decimals == 0 && amount.value.contains('.') {
        return None;
    }
    Money::new(format!("{units}{fraction}").parse().ok()?, currency).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::attempt;

    fn of(units: i64, code: &str) -> Money {
        Money::new(units, Currency::parse(code).unwrap()).unwrap()
    }

    #[test]
    fn amounts_are_texts_with_the_decimals_of_their_currency() {
        for (money_given, text) in
            [(of(1_000, "EUR"), "10.00"), (of(5, "EUR"), "0.05"), (of(1_000, "JPY"), "1000"), (of(99, "USD"), "0.99")]
        {
            let written = amount(money_given);
            assert_eq!(written["value"], text);
            assert_eq!(money(&serde_json::from_value(written).unwrap()), Some(money_given));
        }
        for (value, currency) in [
            ("10", "EUR"),
            ("10.0", "EUR"),
            ("10.000", "EUR"),
            ("-10.00", "EUR"),
            ("1e2.00", "EUR"),
            (".50", "EUR"),
            ("1000.00", "JPY"),
            ("1000.", "JPY"),
            ("", "EUR"),
            ("١٠.٠٠", "EUR"),
        ] {
            let amount = Amount { currency: currency.to_owned(), value: value.to_owned() };
            assert_eq!(money(&amount), None, "{value} {currency}");
        }
    }

    #[test]
    fn every_status_has_a_meaning_and_money_that_went_back_is_not_ours() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let read = |status: &str, refunded: &str| {
            let body = json!({
                "id": "tr_1", "status": status, "amount": { "currency": "EUR", "value": "19.99" },
                "amountRefunded": { "currency": "EUR", "value": refunded },
                "metadata": { "paylink_attempt": attempt.id.as_str() },
            });
            read(&answer(200, &body.to_string()), &attempt).name()
        };
        for (status, expected) in [
            ("open", "pending"),
            ("pending", "processing"),
            ("authorized", "processing"),
            ("paid", "paid"),
            ("canceled", "not_paid"),
            ("expired", "not_paid"),
            ("failed", "not_paid"),
            ("shipping", "unknown"),
        ] {
            assert_eq!(read(status, "0.00"), expected, "{status}");
        }
        assert_eq!(read("paid", "19.99"), "returned");
        assert_eq!(read("paid", "1.00"), "paid");
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.to_owned().into() }
    }

    #[test]
    fn another_payment_or_an_answer_in_another_form_decides_nothing() {
        let attempt = attempt("mollie", "tr_1", 1_999, "EUR");
        let body = |id: &str, ours: &str| {
            json!({
                "id": id, "status": "paid", "amount": { "currency": "EUR", "value": "19.99" },
                "metadata": { "paylink_attempt": ours },
            })
            .to_string()
        };
        let other = crate::tests::attempt("mollie", "tr_2", 1, "EUR");
        assert_eq!(read(&answer(200, &body("tr_2", attempt.id.as_str())), &attempt).name(), "misconfigured");
        assert_eq!(read(&answer(200, &body("tr_1", "at_other")), &attempt).name(), "misconfigured");
        assert_eq!(read(&answer(200, "[]"), &other).name(), "unknown");
        for status in [409, 429, 500, 503] {
            assert_eq!(read(&answer(status, "{}"), &attempt).name(), "unknown", "{status}");
        }
        assert_eq!(read(&answer(404, "<html>"), &attempt).name(), "unknown");
        let missing = r#"{"status":404,"title":"Not Found","detail":"x"}"#;
        assert_eq!(read(&answer(404, missing), &attempt).name(), "misconfigured");
    }
}

//! Razorpay payment links. Source: the gateway's documentation and its official clients.
//!
//! What is special here: a failed payment ends nothing, the customer tries again in the same link, and a bank may report a
//! success days after a failure; returns and webhooks are signed, each with another secret, and neither signs the amount,
//! so the link is asked all the same; refunds and the link's own reference keep calls from counting twice.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
    WebhookRequest, at_most, is_hmac_of, is_word, not_paid, object, unknown, web_address,
};

/// The longest description that a link takes, in characters.
const LONGEST_DESCRIPTION: usize = 2_048;

/// A link must live fifteen minutes by their clock; a minute more keeps ours from mattering.
const CLOCK_MARGIN_SECONDS: i64 = 60;

/// The name of our link's id in the notes of theirs.
const LINK_NOTE: &str = "paylink_link";

pub(crate) struct Razorpay<'a>(pub(crate) GatewayClient<'a>);

#[derive(Debug, Deserialize)]
struct LinkObject {
    id: String,
    #[serde(default)]
    short_url: Option<String>,
    status: String,
    amount: i64,
    #[serde(default)]
    amount_paid: i64,
    currency: String,
    #[serde(default)]
    reference_id: Option<String>,
    #[serde(default)]
    payments: Option<Vec<PaymentObject>>,
}

#[derive(Debug, Deserialize)]
struct PaymentObject {
    payment_id: String,
    status: String,
    #[serde(default)]
    amount: i64,
}

#[derive(Debug, Deserialize)]
struct RefundObject {
    status: String,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "event")]
    kind: String,
    #[serde(default)]
    payload: BTreeMap<String, Entity>,
}

#[derive(Debug, Deserialize)]
struct Entity {
    entity: Value,
}

impl GatewayAdapter for Razorpay<'_> {
    // Test and live differ by the key alone.
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://api.razorpay.com");
    const SANDBOX: DefaultEndpoints = Self::LIVE;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let attempt = order.attempt;
        let body = json!({
            "amount": attempt.money.minor_units(),
            "currency": attempt.money.currency().code(),
            "accept_partial": false,
            "description": at_most(order.description, LONGEST_DESCRIPTION),
            "reference_id": attempt.id().as_str(),
            "expire_by": order.ends_at.as_second() + CLOCK_MARGIN_SECONDS,
            // Notifying people is our own business.
            "notify": { "sms": false, "email": false },
            "reminder_enable": false,
            "notes": { LINK_NOTE: order.link.as_str() },
            "callback_url": order.return_url,
            "callback_method": "get",
        });
        let answer = self.call(Method::POST, "/v1/payment_links/", Some(body), None, credentials).await;
        let answer = answer.map_err(|why| BeginError::Unavailable { why })?;
        opened(&answer).ok_or_else(|| match refusal(&answer) {
            Refusal::Passing(why) => BeginError::Unavailable { why },
            Refusal::Final { code, .. } => BeginError::Refused { code },
        })
    }

    async fn look_up(
        &self,
        attempt: &Attempt,
        _: &ReturnData,
        credentials: &Credentials,
        _: Timestamp,
    ) -> GatewayAnswer {
        self.retrieve(attempt, credentials).await
    }

    /// Cancels a link in which nobody paid yet. Where that is refused the customer may just have paid.
    async fn close(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let path = format!("/v1/payment_links/{}/cancel", attempt.session);
        Some(match self.call(Method::POST, &path, Some(json!({})), None, credentials).await {
            Ok(answer) if answer.status == 200 => read(&answer, attempt),
            Ok(_) => self.retrieve(attempt, credentials).await,
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    async fn refund(&self, attempt: &Attempt, payment: &Payment, credentials: &Credentials) -> RefundAnswer {
        let path = format!("/v1/payments/{}/refund", payment.reference);
        let body = json!({ "amount": payment.money.minor_units(), "speed": "normal" });
        let key = format!("refund-{}", attempt.id);
        let answer = match self.call(Method::POST, &path, Some(body), Some(&key), credentials).await {
            Ok(answer) => answer,
            Err(why) => return RefundAnswer::Unknown { why },
        };
        if answer.status == 200 {
            return match object::<RefundObject>(&answer.body) {
                Some(refund) if refund.status == "failed" => {
                    RefundAnswer::Refused { reason: "refund_failed".to_owned() }
                }
                Some(_) => RefundAnswer::Issued,
                None => RefundAnswer::Unknown { why: "a refund that cannot be read".to_owned() },
            };
        }
        match refusal(&answer) {
            Refusal::Passing(why) => RefundAnswer::Unknown { why },
            // Refused because the money is back already, perhaps by an earlier call of ours?
            Refusal::Final { code, .. } => match self.payment_status(&payment.reference, credentials).await {
                Some(status) if status == "refunded" => RefundAnswer::Issued,
                Some(_) => RefundAnswer::Refused { reason: code },
                None => RefundAnswer::Unknown { why: "the payment of a refused refund could not be read".to_owned() },
            },
        }
    }

    /// A return that the gateway did not sign says nothing.
    fn read_return(fields: &Fields, _: &Attempt, credentials: &Credentials) -> ReturnData {
        let named = |name: &str| fields.get(&format!("razorpay_{name}")).map(String::as_str).unwrap_or_default();
        let signed = [
            named("payment_link_id"),
            named("payment_link_reference_id"),
            named("payment_link_status"),
            named("payment_id"),
        ]
        .join("|");
        let secret = credentials.expose("key_secret").unwrap_or_default();
        if !is_hmac_of(named("signature"), secret, signed.as_bytes()) {
            return Hint::Nothing.into();
        }
        ReturnData::from(if named("payment_link_status") == "paid" { Hint::Paid } else { Hint::NotPaid })
    }

    fn read_webhook(
        request: WebhookRequest<'_>,
        credentials: &[Credentials],
        _: Timestamp,
    ) -> Result<Option<WebhookHint>, WebhookError> {
        let signature = (request.header)("x-razorpay-signature").ok_or(WebhookError::BadSignature)?;
        // Retries of older events are signed with the secret of their time.
        let mut secrets = credentials.iter().filter_map(|known| known.expose("webhook_secret"));
        if !secrets.any(|secret| is_hmac_of(&signature, secret, request.body)) {
            return Err(WebhookError::BadSignature);
        }
        let event: Event = object(request.body).ok_or(WebhookError::Unreadable)?;
        let hint = match event.kind.as_str() {
            "payment_link.paid" | "payment_link.partially_paid" => Hint::Paid,
            "payment_link.cancelled" | "payment_link.expired" => Hint::NotPaid,
            // The business may have subscribed to more, and may use the same account for other things.
            _ => return Ok(None),
        };
        let link = event.payload.get("payment_link").ok_or(WebhookError::Unreadable)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let ours = text(&link.entity["notes"][LINK_NOTE]).and_then(|id| LinkId::parse(&id).ok());
        let attempt = text(&link.entity["reference_id"]).and_then(|id| AttemptId::parse(&id).ok());
        Ok(ours.zip(attempt).map(|(link, attempt)| WebhookHint { link, attempt, hint }))
    }
}

impl Razorpay<'_> {
    async fn retrieve(&self, attempt: &Attempt, credentials: &Credentials) -> GatewayAnswer {
        let path = format!("/v1/payment_links/{}", attempt.session);
        match self.call(Method::GET, &path, None, None, credentials).await {
            Ok(answer) => read(&answer, attempt),
            Err(why) => GatewayAnswer::Unknown { why },
        }
    }

    async fn payment_status(&self, id: &str, credentials: &Credentials) -> Option<String> {
        let path = format!("/v1/payments/{id}");
        let answer = self.call(Method::GET, &path, None, None, credentials).await.ok()?;
        object::<RefundObject>(&answer.body).filter(|_| answer.status == 200).map(|payment| payment.status)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        refund_key: Option<&str>,
        credentials: &Credentials,
    ) -> Result<Answer, String> {
        let known = |name: &str| credentials.expose(name).unwrap_or_default();
        let basic = STANDARD.encode(format!("{}:{}", known("key_id"), known("key_secret")));
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0.endpoint.api))
            .header("authorization", format!("Basic {basic}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = refund_key {
            request = request.header("x-refund-idempotency", key);
        }
        self.0.send(request, body.map(|body| body.to_string()).unwrap_or_default()).await
    }
}

enum Refusal {
    /// Worth another try: their trouble, a rate limit, or an answer that cannot be read.
    Passing(String),
    /// Their code.
    Final { code: String },
}

fn refusal(answer: &Answer) -> Refusal {
    if matches!(answer.status, 409 | 429) || answer.status >= 500 {
        return Refusal::Passing(format!("status {}", answer.status));
    }
    let body: Option<BTreeMap<String, Value>> = object(&answer.body);
    match body.as_ref().and_then(|body| body.get("error")?.get("code")?.as_str()) {
        // Their trouble, and the bank's.
        Some(code @ ("SERVER_ERROR" | "GATEWAY_ERROR")) => Refusal::Passing(code.to_owned()),
        Some(code) => Refusal::Final { code: code.to_owned() },
        None => Refusal::Passing(format!("status {} in an unknown form", answer.status)),
    }
}

fn opened(answer: &Answer) -> Option<OpenedSession> {
    if answer.status != 200 {
        return None;
    }
    let link: LinkObject = object(&answer.body)?;
    let at = web_address(&link.short_url?)?;
    is_word(&link.id).then(|| OpenedSession { session: link.id, checkout: Checkout::link(at) })
}

fn read(answer: &Answer, attempt: &Attempt) -> GatewayAnswer {
    if answer.status != 200 {
        return match refusal(answer) {
            Refusal::Passing(why) => GatewayAnswer::Unknown { why },
            Refusal::Final { code } => GatewayAnswer::Misconfigured { code },
        };
    }
    match object(&answer.body) {
        Some(link) => answer_of(&link, attempt),
        None => unknown("a link that cannot be read"),
    }
}

fn answer_of(link: &LinkObject, attempt: &Attempt) -> GatewayAnswer {
    if link.id != attempt.session || link.reference_id.as_deref() != Some(attempt.id.as_str()) {
        return GatewayAnswer::Misconfigured { code: "another_link".to_owned() };
    }
    let payments = link.payments.as_deref().unwrap_or_default();
    let any = |status: &str| payments.iter().any(|payment| payment.status == status);
    match link.status.as_str() {
        "paid" | "partially_paid" => paid(link, payments),
        // A link that is over can hold money all the same: its bank said yes in the last moment, or days after a failure.
        "created" | "cancelled" | "expired" if any("captured") => paid(link, payments),
        // The bank has said yes and the money is being captured, or goes back within days where it is not.
        "created" | "cancelled" | "expired" if any("authorized") => GatewayAnswer::Processing,
        // Payments that failed end nothing: the customer may try again.
        "created" => GatewayAnswer::Pending,
        // Nobody can try again, but the bank may still turn its no into a yes.
        "cancelled" | "expired" if any("failed") => GatewayAnswer::Pending,
        "cancelled" | "expired" if any("refunded") => GatewayAnswer::Returned,
        "cancelled" => not_paid(NotPaidCause::Cancelled, "cancelled"),
        "expired" => not_paid(NotPaidCause::SessionOver, "expired"),
        _ => unknown("a status that is not documented"),
    }
}

fn paid(link: &LinkObject, payments: &[PaymentObject]) -> GatewayAnswer {
    let captured: Vec<&PaymentObject> = payments.iter().filter(|payment| payment.status == "captured").collect();
    let Some(payment) = captured.first().filter(|payment| is_word(&payment.payment_id)) else {
        return if payments.iter().any(|payment| payment.status == "refunded") {
            GatewayAnswer::Returned
        } else {
            unknown("a paid link without a payment")
        };
    };
    // A link that was over before the money came may not count it.
    let sum = || captured.iter().fold(0_i64, |sum, payment| sum.saturating_add(payment.amount));
    let got = money(if link.amount_paid > 0 { link.amount_paid } else { sum() }, &link.currency);
    match got {
        // Whether it is what was asked for is decided by the domain. A part that is one payment can go back by one call.
        Some(money) if captured.len() == 1 || money.minor_units() == link.amount => GatewayAnswer::Paid(Payment {
            reference: payment.payment_id.clone(),
            claim: format!("razorpay#{}", payment.payment_id),
            money,
            masked_card: None,
        }),
        Some(_) | None => GatewayAnswer::WrongAmount { got },
    }
}

fn money(units: i64, currency: &str) -> Option<Money> {
    Money::new(units, Currency::parse(currency).ok()?).ok().filter(|_| units > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::attempt;

    fn credentials(secret: &str) -> Credentials {
        let fields = json!({ "key_id": "rzp_test_1", "key_secret": secret, "webhook_secret": "123456" });
        crate::tests::credentials("razorpay", fields)
    }

    fn returned(signature: &str) -> Hint {
        let fields = [
            ("razorpay_payment_link_id", "plink_IH3cNucfVEgV68"),
            ("razorpay_payment_link_reference_id", "TSsd1989"),
            ("razorpay_payment_link_status", "paid"),
            ("razorpay_payment_id", "pay_IH3d0ara9bSsjQ"),
            ("razorpay_signature", signature),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let attempt = attempt("razorpay", "plink_IH3cNucfVEgV68", 50_000, "INR");
        Razorpay::read_return(&fields, &attempt, &credentials("EnLs21M47BllR3X8PSFtjtbd")).hint
    }

    #[test]
    fn a_return_counts_only_with_the_signature_of_the_official_vector() {
        let signature = "07ae18789e35093e51d0a491eb9922646f3f82773547e5b0f67ee3f2d3bf7d5b";
        assert_eq!(returned(signature), Hint::Paid);
        assert_eq!(returned(&signature.replace('0', "1")), Hint::Nothing);
        assert_eq!(returned(&signature[..40]), Hint::Nothing);
        assert_eq!(returned(""), Hint::Nothing);
    }

    #[test]
    fn a_webhook_is_read_only_after_the_signature_of_the_official_vector() {
        let body = br#"{"a":1,"b":2,"c":{"d":3}}"#;
        let signature = "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc";
        let read = |signature: Option<&str>, body: &[u8], known: &[Credentials]| {
            let header = |name: &str| signature.filter(|_| name == "x-razorpay-signature").map(str::to_owned);
            let request = WebhookRequest { header: &header, query: &Fields::new(), body };
            Razorpay::read_webhook(request, known, Timestamp::UNIX_EPOCH)
        };
        let known = [credentials("x")];
        // Rightly signed, and no event.
        assert_eq!(read(Some(signature), body, &known), Err(WebhookError::Unreadable));
        assert_eq!(read(Some(signature), b"{}", &known), Err(WebhookError::BadSignature));
        assert_eq!(read(Some(signature), body, &[]), Err(WebhookError::BadSignature));
        assert_eq!(read(None, body, &known), Err(WebhookError::BadSignature));
    }

    #[test]
    fn a_link_is_paid_whole_or_not_at_all_and_a_failed_payment_ends_nothing() {
        let attempt = attempt("razorpay", "plink_1", 50_000, "INR");
        let read = |status: &str, paid: i64, payments: Value| {
            let body = json!({
                "id": "plink_1", "status": status, "amount": 50_000, "amount_paid": paid, "currency": "INR",
                "reference_id": attempt.id.as_str(), "notes": [], "payments": payments,
            });
            super::read(&Answer { status: 200, retry_after: None, body: body.to_string().into() }, &attempt).name()
        };
        let payment = |status: &str| json!([{ "payment_id": "pay_1", "status": status, "amount": 50_000 }]);
        let two = json!([
            { "payment_id": "pay_1", "status": "captured", "amount": 10_000 },
            { "payment_id": "pay_2", "status": "captured", "amount": 20_000 },
        ]);
        assert_eq!(read("created", 0, Value::Null), "pending");
        assert_eq!(read("created", 0, payment("failed")), "pending");
        assert_eq!(read("created", 0, payment("authorized")), "processing");
        assert_eq!(read("paid", 50_000, payment("captured")), "paid");
        assert_eq!(read("paid", 50_000, payment("refunded")), "returned");
        assert_eq!(read("paid", 50_000, Value::Null), "unknown");
        // Whether the amount is right is decided by the domain, which keeps what could be refunded.
        assert_eq!(read("partially_paid", 10_000, payment("captured")), "paid");
        assert_eq!(read("partially_paid", 30_000, two), "wrong_amount", "no one call refunds two payments");
        assert_eq!(read("partially_paid", 10_000, Value::Null), "unknown");
        assert_eq!(read("cancelled", 0, Value::Null), "not_paid");
        assert_eq!(read("expired", 0, Value::Null), "not_paid");
    }

    #[test]
    fn a_link_that_is_over_ends_nothing_while_a_bank_may_still_say_yes() {
        let attempt = attempt("razorpay", "plink_1", 50_000, "INR");
        let read = |status: &str, payments: &[&str]| {
            let payments: Vec<Value> = payments
                .iter()
                .enumerate()
                .map(|(n, status)| json!({ "payment_id": format!("pay_{n}"), "status": status, "amount": 50_000 }))
                .collect();
            let body = json!({
                "id": "plink_1", "status": status, "amount": 50_000, "amount_paid": 0, "currency": "INR",
                "reference_id": attempt.id.as_str(), "notes": [], "payments": payments,
            });
            super::read(&Answer { status: 200, retry_after: None, body: body.to_string().into() }, &attempt)
        };
        for status in ["cancelled", "expired"] {
            assert_eq!(read(status, &[]).name(), "not_paid");
            assert_eq!(read(status, &["failed"]).name(), "pending");
            assert_eq!(read(status, &["failed", "authorized"]).name(), "processing");
            assert_eq!(read(status, &["refunded"]).name(), "returned");
            let GatewayAnswer::Paid(payment) = read(status, &["failed", "captured"]) else { panic!("{status}") };
            assert_eq!((payment.reference.as_str(), payment.money.minor_units()), ("pay_1", 50_000));
        }
    }

    #[test]
    fn passing_trouble_is_told_from_a_refusal() {
        let answer = |status: u16, body: &str| Answer { status, retry_after: None, body: body.to_owned().into() };
        let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","description":"x"}}}}"#);
        assert!(matches!(refusal(&answer(400, &error("BAD_REQUEST_ERROR"))), Refusal::Final { .. }));
        for (status, body) in [
            (400, error("GATEWAY_ERROR")),
            (400, error("SERVER_ERROR")),
            (429, error("BAD_REQUEST_ERROR")),
            (502, "<html>".to_owned()),
            (400, "[]".to_owned()),
        ] {
            assert!(matches!(refusal(&answer(status, &body)), Refusal::Passing(_)), "{status} {body}");
        }
    }
}

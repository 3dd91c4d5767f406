//! Stripe Checkout. Source: docs.stripe.com and the official SDKs.
//!
//! What is special here: the money is captured without a call of ours, so money that cannot be kept has to be refunded;
//! webhooks are signed; a session can be closed; every call that changes something carries an idempotency key.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::gateway::{GatewayAnswer, NotPaidCause, Payment, RefundAnswer};
use domain::ids::{AttemptId, LinkId};
use domain::link::{Attempt, AttemptState, Checkout, OpenedSession};
use domain::link::{Hint, ReturnData};
use domain::money::{Currency, Money};
use domain::records::credentials::Credentials;
use outbound::Answer;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    BeginError, DefaultEndpoints, Fields, GatewayAdapter, GatewayClient, Order, WebhookError, WebhookHint,
    WebhookRequest, is_hmac_of, is_word, not_paid, object, web_address,
};

/// The version whose answers this file reads.
const VERSION: &str = "2024-06-20";

/// A session must live thirty minutes by their clock; a minute more keeps ours from mattering.
const CLOCK_MARGIN_SECONDS: i64 = 60;

/// How old a webhook's signature may be, in seconds, as in the official SDKs.
const TOLERANCE_SECONDS: i64 = 300;

/// The name of our link's id in the metadata of a session.
const LINK_METADATA: &str = "paylink_link";

pub(crate) struct Stripe<'a>(pub(crate) GatewayClient<'a>);

#[derive(Debug, Deserialize)]
struct Session {
    id: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    status: Option<String>,
    payment_status: String,
    #[serde(default)]
    amount_total: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    payment_intent: Option<PaymentIntent>,
    #[serde(default)]
    client_reference_id: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// An id, or the whole object where it was asked for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PaymentIntent {
    Id(String),
    Whole { id: String, status: String },
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: ErrorFields,
}

#[derive(Debug, Deserialize)]
struct ErrorFields {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Refund {
    status: String,
}

impl GatewayAdapter for Stripe<'_> {
    // Test and live differ by the key alone.
    const LIVE: DefaultEndpoints = DefaultEndpoints::at("https://api.stripe.com");
    const SANDBOX: DefaultEndpoints = Self::LIVE;

    async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        let attempt = order.attempt;
        let ends_at = (order.ends_at.as_second() + CLOCK_MARGIN_SECONDS).to_string();
        let form = form(&[
            ("mode", "payment"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", &attempt.money.currency().code().to_lowercase()),
            ("line_items[0][price_data][unit_amount]", &attempt.money.minor_units().to_string()),
            ("line_items[0][price_data][product_data][name]", order.description),
            ("success_url", &format!("{}?outcome=success", order.return_url)),
            ("cancel_url", &format!("{}?outcome=cancel", order.return_url)),
            ("client_reference_id", attempt.id().as_str()),
            (&format!("metadata[{LINK_METADATA}]"), order.link.as_str()),
            (&format!("payment_intent_data[metadata][{LINK_METADATA}]"), order.link.as_str()),
            ("submit_type", "pay"),
            ("expires_at", &ends_at),
            // The customer is charged in the currency that the link names.
            ("adaptive_pricing[enabled]", "false"),
        ]);
        let answer = self.post("/v1/checkout/sessions", form, attempt.id().as_str(), credentials).await;
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
        self.retrieve(attempt, credentials).await
    }

    /// Expires an open session. Where that is refused the customer may just have paid, so the session is read again.
    async fn close(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        let path = format!("/v1/checkout/sessions/{}/expire", attempt.session);
        let key = format!("close-{}", attempt.id);
        Some(match self.post(&path, String::new(), &key, credentials).await {
            Ok(answer) if answer.status == 200 => session_answer(&answer, attempt),
            Ok(_) => self.retrieve(attempt, credentials).await,
            Err(why) => GatewayAnswer::Unknown { why },
        })
    }

    async fn refund(&self, attempt: &Attempt, payment: &Payment, credentials: &Credentials) -> RefundAnswer {
        let form = form(&[("payment_intent", &payment.reference), ("reason", "requested_by_customer")]);
        let answer = match self.post("/v1/refunds", form, &refund_key(attempt), credentials).await {
            Ok(answer) => answer,
            Err(why) => return RefundAnswer::Unknown { why },
        };
        if answer.status == 200 {
            return match object::<Refund>(&answer.body) {
                Some(refund) if matches!(refund.status.as_str(), "failed" | "canceled") => {
                    RefundAnswer::Refused { reason: format!("refund_{}", refund.status) }
                }
                Some(_) => RefundAnswer::Issued,
                None => RefundAnswer::Unknown { why: "a refund that cannot be read".to_owned() },
            };
        }
        match refusal(&answer) {
            Refusal::Final(code) if code == "charge_already_refunded" => RefundAnswer::Issued,
            Refusal::Final(code) => RefundAnswer::Refused { reason: code },
            Refusal::Passing(why) => RefundAnswer::Unknown { why },
        }
    }

    fn read_return(fields: &Fields, _: &Attempt, _: &Credentials) -> ReturnData {
        ReturnData::from(match fields.get("outcome").map(String::as_str) {
            Some("success") => Hint::Paid,
            Some(_) => Hint::NotPaid,
            None => Hint::Nothing,
        })
    }

    fn read_webhook(
        request: WebhookRequest<'_>,
        credentials: &[Credentials],
        now: Timestamp,
    ) -> Result<Option<WebhookHint>, WebhookError> {
        let secrets: Vec<&str> = credentials.iter().filter_map(|known| known.expose("webhook_secret")).collect();
        read_webhook((request.header)("stripe-signature").as_deref(), request.body, &secrets, now)
    }
}

impl Stripe<'_> {
    async fn retrieve(&self, attempt: &Attempt, credentials: &Credentials) -> GatewayAnswer {
        let path = format!("/v1/checkout/sessions/{}?expand%5B%5D=payment_intent", attempt.session);
        let request = self.request(http::Method::GET, &path, credentials);
        match self.0.send(request, String::new()).await {
            Ok(answer) => session_answer(&answer, attempt),
            Err(why) => GatewayAnswer::Unknown { why },
        }
    }

    async fn post(&self, path: &str, form: String, key: &str, credentials: &Credentials) -> Result<Answer, String> {
        let request = self
            .request(http::Method::POST, path, credentials)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", key);
        self.0.send(request, form).await
    }

    fn request(&self, method: http::Method, path: &str, credentials: &Credentials) -> http::request::Builder {
        let secret = credentials.expose("secret_key").unwrap_or_default();
        http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0.endpoint.api))
            .header("authorization", format!("Bearer {secret}"))
            .header("stripe-version", VERSION)
    }
}

/// A key of each try. Under one key the gateway repeats its first answer for a day, also where that was an error of its
/// own or a refusal that has passed since; and a whole payment cannot go back twice, whatever the key.
fn refund_key(attempt: &Attempt) -> String {
    match &attempt.state {
        AttemptState::Refunding { look_up_at, .. } => format!("refund-{}-{}", attempt.id, look_up_at.as_second()),
        AttemptState::Open { .. }
        | AttemptState::Confirming { .. }
        | AttemptState::Accepted { .. }
        | AttemptState::AwaitingReversal { .. }
        | AttemptState::Paid { .. }
        | AttemptState::Failed { .. }
        | AttemptState::Abandoned { .. }
        | AttemptState::Refunded { .. }
        | AttemptState::NeedsReview { .. } => format!("refund-{}", attempt.id),
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(fields).unwrap_or_default()
}

enum Refusal {
    /// Worth another try: their trouble, a rate limit, or an answer that cannot be read.
    Passing(String),
    /// Their code, or the type of the error where it has none.
    Final(String),
}

fn refusal(answer: &Answer) -> Refusal {
    if answer.status == 429 || answer.status == 409 || answer.status >= 500 {
        return Refusal::Passing(format!("status {}", answer.status));
    }
    match serde_json::from_slice::<ErrorBody>(&answer.body) {
        Ok(body) if answer.status == 401 => {
            Refusal::Final(body.error.code.unwrap_or_else(|| "unauthorized".to_owned()))
        }
        Ok(body) => Refusal::Final(body.error.code.unwrap_or(body.error.kind)),
        Err(_) => Refusal::Passing(format!("status {} in an unknown form", answer.status)),
    }
}

/// The session's id becomes a part of addresses, and a customer's browser is sent where the session is: neither is taken
/// that could not be used.
fn opened(answer: &Answer) -> Option<OpenedSession> {
    if answer.status != 200 {
        return None;
    }
    let session: Session = object(&answer.body)?;
    let pay_at = web_address(&session.url?)?;
    is_word(&session.id).then(|| OpenedSession { session: session.id, checkout: Checkout::link(pay_at) })
}

fn session_answer(answer: &Answer, attempt: &Attempt) -> GatewayAnswer {
    if answer.status != 200 {
        return match refusal(answer) {
            Refusal::Passing(why) => GatewayAnswer::Unknown { why },
            Refusal::Final(code) => GatewayAnswer::Misconfigured { code },
        };
    }
    match object(&answer.body) {
        Some(session) => answer_of(session, attempt),
        None => GatewayAnswer::Unknown { why: "a session that cannot be read".to_owned() },
    }
}

fn answer_of(session: Session, attempt: &Attempt) -> GatewayAnswer {
    if session.id != attempt.session || session.client_reference_id.as_deref() != Some(attempt.id.as_str()) {
        return GatewayAnswer::Misconfigured { code: "another_session".to_owned() };
    }
    match (session.status.as_deref(), session.payment_status.as_str()) {
        (_, "paid") => paid(&session),
        (Some("open"), "unpaid") => GatewayAnswer::Pending,
        (Some("expired"), "unpaid") => not_paid(NotPaidCause::SessionOver, "session_expired"),
        // A method that takes days: its end is read from the payment intent, because the session never changes again.
        (Some("complete"), "unpaid") => match &session.payment_intent {
            Some(PaymentIntent::Whole { status, .. })
                if matches!(status.as_str(), "requires_payment_method" | "canceled") =>
            {
                not_paid(NotPaidCause::Declined, "payment_failed")
            }
            Some(_) | None => GatewayAnswer::Processing,
        },
        (_, "no_payment_required") => GatewayAnswer::WrongAmount { got: None },
        _ => GatewayAnswer::Unknown { why: "a session in a state that is not documented".to_owned() },
    }
}

fn paid(session: &Session) -> GatewayAnswer {
    let reference = match &session.payment_intent {
        Some(PaymentIntent::Id(id) | PaymentIntent::Whole { id, .. }) if is_word(id) => id.clone(),
        // Without a reference of its own it would count as the same payment as another such.
        Some(_) | None => return GatewayAnswer::Unknown { why: "a paid session without a payment".to_owned() },
    };
    let money = session
        .currency
        .as_deref()
        .and_then(|code| Currency::parse(&code.to_uppercase()).ok())
        .zip(session.amount_total);
    let money = money.filter(|(_, total)| *total > 0);
    match money.and_then(|(currency, total)| Money::new(total, currency).ok()) {
        Some(money) => {
            GatewayAnswer::Paid(Payment { claim: format!("stripe#{reference}"), reference, money, masked_card: None })
        }
        None => GatewayAnswer::WrongAmount { got: None },
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: Map<String, Value>,
}

fn read_webhook(
    signature: Option<&str>,
    body: &[u8],
    secrets: &[&str],
    now: Timestamp,
) -> Result<Option<WebhookHint>, WebhookError> {
    let header = signature.ok_or(WebhookError::BadSignature)?;
    if !secrets.iter().any(|secret| is_signed(header, body, secret, now)) {
        return Err(WebhookError::BadSignature);
    }
    let event: Event = object(body).ok_or(WebhookError::Unreadable)?;
    let hint = match event.kind.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => Hint::Paid,
        "checkout.session.expired" | "checkout.session.async_payment_failed" => Hint::NotPaid,
        // The business may have subscribed to more, and may use the same account for other things.
        _ => return Ok(None),
    };
    let session: Session =
        serde_json::from_value(Value::Object(event.data.object)).map_err(|_| WebhookError::Unreadable)?;
    let link = session.metadata.get(LINK_METADATA).and_then(|id| LinkId::parse(id).ok());
    let attempt = session.client_reference_id.as_deref().and_then(|id| AttemptId::parse(id).ok());
    Ok(link.zip(attempt).map(|(link, attempt)| WebhookHint { link, attempt, hint }))
}

/// Whether one of the header's `v1` signatures is right and not too old. The key is the whole secret with its prefix; the
/// signed text is the time, a dot and the very bytes of the body.
fn is_signed(header: &str, body: &[u8], secret: &str, now: Timestamp) -> bool {
    let parts = || header.split(',').filter_map(|part| part.split_once('='));
    let Some(time) = parts().find(|(name, _)| *name == "t").map(|(_, value)| value) else { return false };
    let Ok(signed_at) = time.parse::<i64>() else { return false };
    // Only old signatures are refused: a clock of theirs that runs ahead must not lose a payment.
    if now.as_second().saturating_sub(signed_at) > TOLERANCE_SECONDS {
        return false;
    }
    let signed = [time.as_bytes(), b".", body].concat();
    parts()
        .filter(|(name, _)| *name == "v1")
        .fold(false, |found, (_, given)| found | is_hmac_of(given, secret, &signed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Secret, time, body and signature, each recomputed with the official libraries.
    const VECTORS: [(&str, i64, &str, &str); 3] = [
        (
            "whsec_test_secret",
            1_614_265_330,
            "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}",
            "af4ead0627a34a8cca29808e8de9ada8e41a92e6237c63cef6eacf51d36cca34",
        ),
        (
            "whsec_abc123",
            1_700_000_000,
            r#"{"id":"evt_1","object":"event","type":"checkout.session.completed"}"#,
            "bb1ca76a95e95712cedaf7d8c2a3e471f07575031ac519f9b05bd121b997ad87",
        ),
        (
            "whsec_abc123",
            1_700_000_000,
            r#"{"note":"پرداخت"}"#,
            "4ec9b60da5fee612e24cda43197126be8484f8a83da34643ea78028dbd44a7ca",
        ),
    ];

    #[test]
    fn signatures_of_the_official_libraries_are_accepted() {
        for (secret, time, body, signature) in VECTORS {
            let header = format!("t={time},v1={signature}");
            assert!(is_signed(&header, body.as_bytes(), secret, at(time + 300)));
            assert!(is_signed(&format!("{header},v1=potato"), body.as_bytes(), secret, at(time)));
            assert!(is_signed(&format!("t={time},v1=potato,v1={signature}"), body.as_bytes(), secret, at(time)));
            assert!(is_signed(&header, body.as_bytes(), secret, at(time - 1000)), "a clock ahead of ours");
        }
    }

    #[test]
    fn wrong_old_and_broken_signatures_are_refused() {
        let (secret, time, body, signature) = VECTORS[1];
        for header in [
            String::new(),
            "garbage".to_owned(),
            format!("t={time},v0={signature}"),
            format!("t={time},v1={}", signature.replace('b', "c")),
            format!("t={time},v1={}", &signature[..40]),
            format!("t={},v1={signature}", time + 1),
            format!("v1={signature}"),
        ] {
            assert!(!is_signed(&header, body.as_bytes(), secret, at(time)), "{header}");
        }
        let header = format!("t={time},v1={signature}");
        assert!(!is_signed(&header, body.as_bytes(), secret, at(time + 301)));
        assert!(!is_signed(&header, format!("{body} ").as_bytes(), secret, at(time)));
        assert!(!is_signed(&header, body.as_bytes(), "whsec_other", at(time)));
    }

    #[test]
    fn a_webhook_is_read_only_after_its_signature() {
        let (_, time, body, signature) = VECTORS[1];
        let header = format!("t={time},v1={signature}");
        let secrets = ["whsec_old", "whsec_abc123"];
        assert_eq!(read_webhook(None, body.as_bytes(), &secrets, at(time)), Err(WebhookError::BadSignature));
        assert_eq!(read_webhook(Some(&header), body.as_bytes(), &[], at(time)), Err(WebhookError::BadSignature));
        // Rightly signed by one of two secrets, but it has no session.
        assert_eq!(read_webhook(Some(&header), body.as_bytes(), &secrets, at(time)), Err(WebhookError::Unreadable));
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.to_owned().into() }
    }

    #[test]
    fn a_session_has_an_id_and_a_web_address() {
        let session = |id: &str, url: &str| {
            answer(200, &format!(r#"{{"id":"{id}","url":"{url}","payment_status":"unpaid","status":"open"}}"#))
        };
        let url = "https://checkout.stripe.com/c/pay/cs_test_1#fid";
        let begun = opened(&session("cs_test_1", url)).unwrap();
        assert_eq!((begun.session.as_str(), begun.checkout.at.as_str()), ("cs_test_1", url));
        for (id, url) in [
            ("", url),
            ("cs_1/../../refunds", url),
            ("cs 1", url),
            ("cs_1", ""),
            ("cs_1", "/c/pay"),
            ("cs_1", "javascript:alert(1)"),
        ] {
            assert_eq!(opened(&session(id, url)), None, "{id} {url}");
        }
        let escaped = opened(&session("cs_1", "https://checkout.stripe.com/\\u0007پ")).unwrap();
        assert_eq!(escaped.checkout.at, "https://checkout.stripe.com/%07%D9%BE", "a header takes nothing else");
    }

    #[test]
    fn a_list_is_no_session_and_a_payment_has_a_reference_and_an_amount() {
        let read = |body: &str| object::<Session>(body.as_bytes()).map(|session| paid(&session).name());
        let session = |intent: &str, total: i64| {
            format!(
                r#"{{"id":"cs_1","payment_status":"paid","amount_total":{total},"currency":"eur","payment_intent":{intent}}}"#
            )
        };
        assert_eq!(read(&session(r#""pi_1""#, 1500)).unwrap(), "paid");
        assert_eq!(read(&session(r#"{"id":"pi_1","status":"succeeded"}"#, 1500)).unwrap(), "paid");
        assert_eq!(read(&session(r#""""#, 1500)).unwrap(), "unknown");
        assert_eq!(read(&session(r#"" ""#, 1500)).unwrap(), "unknown");
        assert_eq!(read(&session(r#""pi_1""#, -1500)).unwrap(), "wrong_amount");
        assert_eq!(read(r#"["cs_1",null,"complete","paid",1500,"eur","pi_1",null,{}]"#), None);
    }

    #[test]
    fn each_try_of_a_refund_has_a_key_of_its_own() {
        let refunding = |second: i64| {
            let attempt = crate::tests::attempt("stripe", "cs_1", 1_500, "EUR");
            let money = attempt.money;
            let payment = Payment { reference: "pi_1".to_owned(), claim: String::new(), money, masked_card: None };
            Attempt { state: AttemptState::Refunding { payment, look_up_at: at(second), tries: 1 }, ..attempt }
        };
        let key = refund_key(&refunding(1_700_000_120));
        assert!(key.starts_with("refund-at_") && key.len() <= 255);
        assert_eq!(key, refund_key(&refunding(1_700_000_120)));
        assert_ne!(key, refund_key(&refunding(1_700_000_360)), "an answer that was kept would be repeated for a day");
    }

    #[test]
    fn refusals_are_told_from_passing_trouble() {
        let error = r#"{"error":{"type":"invalid_request_error","code":"resource_missing","message":"x"}}"#;
        assert!(matches!(refusal(&answer(404, error)), Refusal::Final(code) if code == "resource_missing"));
        for (status, body) in [(500, error), (429, error), (409, error), (400, "<html>"), (200, "{}")] {
            assert!(matches!(refusal(&answer(status, body)), Refusal::Passing(_)), "{status} {body}");
        }
    }
}

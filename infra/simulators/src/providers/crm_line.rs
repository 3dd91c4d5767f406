//! A line of SMS that a CRM has of its own, as docs/messages.md describes it for whoever builds one, delivering into
//! the inbox.
//!
//! It is as strict as a careful CRM: it takes nothing that is not signed, nothing of a version that it does not know,
//! and a message whose id it knows it does not send again, but answers as before. What became of a message it reports
//! by a call of the API a moment later: `sent`, then `delivered`.
//!
//! Numbers that end with a marker make it misbehave: `0422` is refused, `0429` asks for a pause of two minutes the
//! first time, `0500` fails the first time, and of `0499` it reports later that the message did not arrive. What it takes
//! it answers with 200, and for `0202` with 202. How the next messages are answered can be ordered too, at
//! `/simulator/next_answer`. It forgets what it knows when it ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::content_type::has_content_type;
use crate::misbehaviour::misbehaving;
use crate::providers::faults::{Fault, Faults, Marker};
use crate::providers::inbox::{Channel, Delivered, Inbox};

/// What the demo business's line is called with. It opens nothing anywhere else.
pub const DEMO_SECRET: &str = "whsec_ZGVtbyBsaW5lIG9mIHRoZSBsb2NhbCBjbG91ZA==";

/// The number that its SMS come from.
pub const DEMO_SENDER_NUMBER: &str = "+971600000000";

/// The version of the body that it knows.
const VERSION: u64 = 1;

/// Seconds.
const PAUSE: u32 = 120;

/// It answers first and reports afterwards, and each time after a failure a little later.
const DELAY: Duration = Duration::from_millis(100);
const TRIES: u32 = 4;

/// The endings of numbers that it refuses, each with the refusal and how often it is given.
const FAULT_MARKERS: [Marker<Refusal>; 3] = [
    ("0422", Fault::Always(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "number_blocked"))),
    (
        "0429",
        Fault::AtFirst(Refusal { pause: Some(PAUSE), ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, "line_busy") }),
    ),
    ("0500", Fault::AtFirst(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "line_down"))),
];

/// Numbers with this ending are not reached, which is known only later.
const NOT_REACHED: &str = "0499";

/// What numbers with this ending are sent is accepted, and not said to be done.
const ACCEPTED: &str = "0202";

/// Where the line reports what became of messages, and as whom.
#[derive(Debug, Clone, Default)]
pub struct Reporter {
    /// Scheme and host of the API; absent, it reports nothing.
    api_url: Option<String>,
    api_key: String,
    http: reqwest::Client,
}

impl Reporter {
    pub fn new(api_url: Option<String>, api_key: &str) -> Self {
        Self { api_url, api_key: api_key.to_owned(), http: reqwest::Client::new() }
    }

    /// Reports in this order, each until it is taken, for some time.
    fn report(&self, message: &Message, reports: Vec<Value>) {
        let Some(api) = self.api_url.clone() else { return };
        let url = format!("{api}/v1/payment-links/{}/messages/{}/report", message.payment_link_id, message.id);
        let (http, key) = (self.http.clone(), self.api_key.clone());
        tokio::spawn(async move {
            for report in reports {
                for tries in 1..=TRIES {
                    tokio::time::sleep(DELAY * tries).await;
                    let sent = http.post(&url).bearer_auth(&key).json(&report).send().await;
                    if sent.is_ok_and(|answer| answer.status().is_success()) {
                        break;
                    }
                    if tries == TRIES {
                        tracing::warn!("A line could not report about a message.");
                    }
                }
            }
        });
    }
}

#[derive(Debug, Clone)]
struct Line {
    inbox: Inbox,
    reporter: Reporter,
    faults: Faults<Refusal>,
    /// How it answered each message that it took over, by our id.
    taken: Arc<Mutex<BTreeMap<String, Taken>>>,
}

/// Serves the one address that messages are posted to.
pub fn router(inbox: Inbox, reporter: Reporter) -> Router {
    let line = Line { inbox, reporter, faults: Faults::at_the_end(&FAULT_MARKERS), taken: Arc::default() };
    misbehaving(Router::new().route("/messages", post(call)).with_state(line))
}

async fn call(State(line): State<Line>, headers: HeaderMap, body: Bytes) -> Response {
    match line.take(&headers, &body) {
        Ok(Taken { status, provider_id }) => (status, Json(json!({ "provider_id": provider_id }))).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// That the line took a message.
#[derive(Debug, Clone)]
struct Taken {
    status: StatusCode,
    provider_id: String,
}

/// The reason why the line did not take a message.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    status: StatusCode,
    reason: &'static str,
    pause: Option<u32>,
}

impl Refusal {
    const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason, pause: None }
    }

    fn into_response(self) -> Response {
        let body = Json(json!({ "reason": self.reason }));
        match self.pause {
            Some(seconds) => (self.status, [("retry-after", seconds.to_string())], body).into_response(),
            None => (self.status, body).into_response(),
        }
    }
}

const MALFORMED: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "malformed");

/// The parts of the body that it needs.
#[derive(Debug, Deserialize)]
struct Message {
    id: String,
    payment_link_id: String,
    channel: String,
    to: String,
    text: String,
    expires_at: Timestamp,
}

impl Line {
    fn take(&self, headers: &HeaderMap, body: &[u8]) -> Result<Taken, Refusal> {
        let id = signed_id(headers, body).ok_or(Refusal::new(StatusCode::UNAUTHORIZED, "signature_invalid"))?;
        if !has_content_type(headers, "application/json") {
            return Err(MALFORMED);
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        if body["version"].as_u64() != Some(VERSION) || body["type"] != "message.send" {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "unknown_version"));
        }
        let message = Message::deserialize(&body).map_err(|_| MALFORMED)?;
        let digits = message.to.strip_prefix('+').unwrap_or_default();
        let is_number = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if message.id != id || message.channel != "sms" || !is_number || message.text.trim().is_empty() {
            return Err(MALFORMED);
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = taken.get(&message.id) {
            return Ok(known.clone());
        }
        if message.expires_at <= Timestamp::now() {
            return Err(Refusal::new(StatusCode::GONE, "too_late"));
        }
        if let Some(refusal) = self.faults.refusal(&message.to, None) {
            return Err(refusal);
        }
        let provider_id = format!("line-{}", self.inbox.all().len() + taken.len() + 1);
        self.deliver(&message, &provider_id)?;
        let status = if message.to.ends_with(ACCEPTED) { StatusCode::ACCEPTED } else { StatusCode::OK };
        let answer = Taken { status, provider_id };
        taken.insert(message.id, answer.clone());
        Ok(answer)
    }

    fn deliver(&self, message: &Message, provider_id: &str) -> Result<(), Refusal> {
        let report = |status: &str| json!({ "status": status, "provider_id": provider_id });
        if message.to.ends_with(NOT_REACHED) {
            let failed = json!({ "status": "failed", "reason": "phone_unreachable", "provider_id": provider_id });
            self.reporter.report(message, vec![report("sent"), failed]);
            return Ok(());
        }
        let delivered = Delivered {
            channel: Channel::Sms,
            to: message.to.clone(),
            from: DEMO_SENDER_NUMBER.to_owned(),
            reply_to: None,
            subject: None,
            body: message.text.clone(),
            html: None,
            at: Timestamp::now(),
            provider_id: provider_id.to_owned(),
        };
        self.inbox.push(delivered).map_err(|error| {
            tracing::error!(%error, "The inbox could not be written.");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "inbox_closed")
        })?;
        self.reporter.report(message, vec![report("sent"), report("delivered")]);
        Ok(())
    }
}

/// The id of a call that is signed as Standard Webhooks says: `v1,` and the HMAC-SHA256 of id, time and body, one for
/// each secret. How old it is does not matter here: tests turn the functions' clock.
fn signed_id<'a>(headers: &'a HeaderMap, body: &[u8]) -> Option<&'a str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (id, timestamp) = (text("webhook-id")?, text("webhook-timestamp")?);
    timestamp.parse::<i64>().ok()?;
    let secret = STANDARD.decode(DEMO_SECRET.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    text("webhook-signature")?.split(' ').any(|signature| signature == expected).then_some(id)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::providers::inbox::tests::Outcome;

    fn body(id: &str, to: &str) -> Value {
        json!({ "version": 1, "type": "message.send", "id": id, "payment_link_id": "l", "channel": "sms", "to": to,
                "text": "سلام", "expires_at": "2999-01-01T00:00:00Z" })
    }

    fn signature(id: &str, body: &str) -> Outcome<String> {
        let secret = STANDARD.decode(DEMO_SECRET.trim_start_matches("whsec_"))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret)?;
        mac.update(format!("{id}.1.{body}").as_bytes());
        Ok(format!("v1,b3RoZXI= v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }

    async fn ask(router: &Router, id: &str, signature: &str, body: &str) -> Outcome<(u16, Value, Option<String>)> {
        let request = Request::post("/messages")
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", "1")
            .header("webhook-signature", signature)
            .body(Body::from(body.to_owned()))?;
        let response = router.clone().oneshot(request).await?;
        let pause = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = response.status().as_u16();
        let answer = to_bytes(response.into_body(), usize::MAX).await?;
        Ok((status, serde_json::from_slice(&answer).unwrap_or_default(), pause))
    }

    async fn tell(router: &Router, body: &Value) -> Outcome<(u16, Value, Option<String>)> {
        let (id, text) = (body["id"].as_str().unwrap_or_default(), body.to_string());
        ask(router, id, &signature(id, &text)?, &text).await
    }

    #[tokio::test]
    async fn a_message_is_delivered_once_however_often_it_comes() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone(), Reporter::default());
        let first = tell(&router, &body("m-1", "+971500000000")).await?;
        assert_eq!(first.0, 200);
        assert_eq!(tell(&router, &body("m-1", "+971500000000")).await?, first);
        assert_eq!(tell(&router, &body("m-3", "+971500000202")).await?.0, 202);
        tell(&router, &body("m-2", "+971500000001")).await?;
        let delivered: Vec<_> = inbox.all().into_iter().map(|one| (one.to, one.body)).collect();
        let text = "سلام".to_owned();
        let to = |number: &str| (number.to_owned(), text.clone());
        assert_eq!(delivered, [to("+971500000000"), to("+971500000202"), to("+971500000001")]);
        Ok(())
    }

    #[tokio::test]
    async fn what_is_not_signed_or_not_known_is_refused() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone(), Reporter::default());
        let good = body("m-1", "+971500000000");
        let text = good.to_string();
        for (id, signature) in
            [("m-1", "v1,bm8=".to_owned()), ("m-1", String::new()), ("m-2", signature("m-1", &text)?)]
        {
            assert_eq!(ask(&router, id, &signature, &text).await?.1["reason"], "signature_invalid", "{id} {signature}");
        }
        let changed = |name: &str, value: Value| {
            let mut changed = good.clone();
            changed[name] = value;
            changed
        };
        for (field, value, reason) in [
            ("version", json!(2), "unknown_version"),
            ("type", json!("message.recall"), "unknown_version"),
            ("to", json!("0500000000"), "malformed"),
            ("text", json!(" "), "malformed"),
            ("channel", json!("email"), "malformed"),
            ("expires_at", json!("soon"), "malformed"),
            ("expires_at", json!("2020-01-01T00:00:00Z"), "too_late"),
            ("to", json!("+971500000422"), "number_blocked"),
        ] {
            let (status, answer, _) = tell(&router, &changed(field, value)).await?;
            assert!((400..500).contains(&status), "{answer}");
            assert_eq!(answer["reason"], reason, "{field}");
        }
        assert!(inbox.all().is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn a_busy_line_asks_for_a_pause_and_takes_the_message_afterwards() -> Outcome {
        let router = router(Inbox::open(None)?, Reporter::default());
        let busy = body("m-1", "+971500000429");
        let (status, _, pause) = tell(&router, &busy).await?;
        assert_eq!((status, pause.as_deref()), (429, Some("120")));
        assert_eq!(tell(&router, &busy).await?.0, 200);
        Ok(())
    }
}

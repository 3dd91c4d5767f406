//! Webhooks: which events there are, what they carry, how they are signed and how often they are tried.
//!
//! An event's kind, its envelope, its signature and the pauses between tries change here. When something happens is
//! decided by who calls; nothing here changes a session.

use std::convert::Infallible;
use std::time::Duration;

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use super::super::{Credential, OutgoingWebhook};
use super::ledger::Session;
use super::{Call, Stripe};

/// The version that events are written in.
const API_VERSION: &str = "2026-10-28.endive";
/// Waited before each try of a webhook. The first pause lets the answer that caused the event reach its reader first.
const WEBHOOK_PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) owner: Credential,
    pub(super) url: String,
    pub(super) secret: String,
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Delivery {
    event: String,
    kind: String,
    pub(super) session: String,
    url: String,
    delivered: bool,
    tries: Vec<Try>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Try {
    at: Timestamp,
    /// The HTTP status, or why there was none.
    answer: String,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum EventKind {
    Completed,
    AsyncSucceeded,
    AsyncFailed,
    Expired,
    Refunded,
}

impl EventKind {
    fn name(self) -> &'static str {
        match self {
            Self::Completed => "checkout.session.completed",
            Self::AsyncSucceeded => "checkout.session.async_payment_succeeded",
            Self::AsyncFailed => "checkout.session.async_payment_failed",
            Self::Expired => "checkout.session.expired",
            Self::Refunded => "charge.refunded",
        }
    }
}

/// What happened, in the bytes that every endpoint gets.
#[derive(Debug, Clone)]
pub(super) struct Event {
    id: String,
    kind: EventKind,
    owner: Credential,
    session: String,
    body: Vec<u8>,
}

impl Stripe {
    /// `cause` is the call that made it happen; a customer or the clock makes no call.
    pub(super) fn event(&self, kind: EventKind, session: &Session, now: Timestamp, cause: Option<&Call>) -> Event {
        let object = match kind {
            EventKind::Refunded => session.charge_object(),
            EventKind::Completed | EventKind::AsyncSucceeded | EventKind::AsyncFailed | EventKind::Expired => {
                session.object(&self.inner.base)
            }
        };
        let id = format!("evt_{}", self.inner.ids.text(24));
        let envelope = json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": now.as_second(),
            "data": { "object": object },
            "livemode": session.livemode,
            "pending_webhooks": 1,
            "request": {
                "id": cause.map(|call| &call.request_id),
                "idempotency_key": cause.and_then(|call| call.idempotency_key.as_ref()),
            },
            "type": kind.name(),
        });
        Event {
            id,
            kind,
            owner: session.owner.clone(),
            session: session.id.clone(),
            body: envelope.to_string().into_bytes(),
        }
    }

    /// Sends the events in the background; the caller holds no lock and goes on to answer.
    pub(super) fn notify(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let endpoints = self.inner.books.read(|ledger| ledger.endpoints.clone());
        for event in events {
            for endpoint in endpoints.iter().filter(|endpoint| endpoint.owner == event.owner) {
                tokio::spawn(self.clone().deliver(endpoint.clone(), event.clone()));
            }
        }
    }

    /// Tries until the endpoint answers 2xx or the tries are used up. A restart ends it.
    async fn deliver(self, endpoint: Endpoint, event: Event) {
        for pause in WEBHOOK_PAUSES {
            tokio::time::sleep(pause).await;
            let at = self.inner.clock.now();
            let answer = match endpoint.webhook(&event, at) {
                Ok(webhook) => (self.inner.notify)(webhook).await,
                Err(error) => Err(error.to_string()),
            };
            let delivered = matches!(answer, Ok(200..=299));
            let answer = answer.map_or_else(|reason| reason, |status| status.to_string());
            self.note_try(&endpoint, &event, Try { at, answer }, delivered);
            if delivered {
                return;
            }
        }
        tracing::warn!(event = %event.id, "A webhook of the Stripe simulator was given up.");
    }

    fn note_try(&self, endpoint: &Endpoint, event: &Event, done: Try, delivered: bool) {
        let Ok(()) = self.inner.books.change(|ledger| -> Result<(), Infallible> {
            let known = ledger.deliveries.iter_mut().find(|known| known.event == event.id && known.url == endpoint.url);
            match known {
                Some(delivery) => {
                    delivery.tries.push(done);
                    delivery.delivered = delivered;
                }
                None => ledger.deliveries.push(Delivery {
                    event: event.id.clone(),
                    kind: event.kind.name().to_owned(),
                    session: event.session.clone(),
                    url: endpoint.url.clone(),
                    delivered,
                    tries: vec![done],
                }),
            }
            Ok(())
        });
    }
}

impl Endpoint {
    /// Every try is signed anew, with its own time.
    fn webhook(&self, event: &Event, at: Timestamp) -> Result<OutgoingWebhook, InvalidLength> {
        let signature = sign(&self.secret, at.as_second(), &event.body)?;
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
            ("stripe-signature", signature.as_str()),
        ];
        Ok(OutgoingWebhook {
            url: self.url.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: event.body.clone(),
        })
    }
}

/// `t=<unix>,v1=<hex>`: HMAC-SHA256 over the time, a dot and the raw body, under the bytes of the whole secret with its
/// `whsec_`.
pub(super) fn sign(secret: &str, at: i64, body: &[u8]) -> Result<String, InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(at.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes())))
}

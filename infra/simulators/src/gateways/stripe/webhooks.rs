//! Webhooks: which events there are, what they carry, how they are signed, and what is kept of their delivery.
//!
//! When something happens is decided by who calls; nothing here changes a session or calls anybody.

use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;

use super::caller::Call;
use super::session::Session;
use crate::gateways::credential::Credential;
use crate::gateways::endpoints::Endpoint;
use crate::gateways::webhook::OutgoingWebhook;

/// The version that events are written in.
const API_VERSION: &str = "2026-10-28.endive";

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

#[derive(Debug, Clone)]
pub(super) enum EventKind {
    Completed,
    AsyncSucceeded,
    AsyncFailed,
    Expired,
    Refunded,
    RefundCreated,
    /// With the id of the refund, which need not be the last.
    RefundUpdated(String),
    RefundFailed(String),
    /// With the id of the dispute, like those that follow.
    DisputeCreated(String),
    DisputeUpdated(String),
    DisputeClosed(String),
    FundsWithdrawn(String),
    FundsReinstated(String),
}

impl EventKind {
    fn name(&self) -> &'static str {
        match self {
            Self::Completed => "checkout.session.completed",
            Self::AsyncSucceeded => "checkout.session.async_payment_succeeded",
            Self::AsyncFailed => "checkout.session.async_payment_failed",
            Self::Expired => "checkout.session.expired",
            Self::Refunded => "charge.refunded",
            Self::RefundCreated => "refund.created",
            Self::RefundUpdated(_) => "refund.updated",
            Self::RefundFailed(_) => "refund.failed",
            Self::DisputeCreated(_) => "charge.dispute.created",
            Self::DisputeUpdated(_) => "charge.dispute.updated",
            Self::DisputeClosed(_) => "charge.dispute.closed",
            Self::FundsWithdrawn(_) => "charge.dispute.funds_withdrawn",
            Self::FundsReinstated(_) => "charge.dispute.funds_reinstated",
        }
    }
}

/// What happened, in the bytes that every endpoint gets.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    kind: EventKind,
    pub(super) owner: Credential,
    session: String,
    body: Vec<u8>,
}

impl Event {
    /// `base` is where the hosted page is reached. `cause` is the call that made it happen; a customer or the clock
    /// makes no call.
    pub(super) fn new(
        id: String,
        kind: EventKind,
        session: &Session,
        base: &str,
        now: Timestamp,
        cause: Option<&Call>,
    ) -> Self {
        let object = match &kind {
            EventKind::Refunded => session.charge_object(),
            EventKind::RefundCreated => session.refund_objects().into_iter().next().unwrap_or_default(),
            EventKind::RefundUpdated(id) | EventKind::RefundFailed(id) => session.refund_object(id).unwrap_or_default(),
            EventKind::DisputeCreated(id)
            | EventKind::DisputeUpdated(id)
            | EventKind::DisputeClosed(id)
            | EventKind::FundsWithdrawn(id)
            | EventKind::FundsReinstated(id) => session.dispute_object(id).unwrap_or_default(),
            EventKind::Completed | EventKind::AsyncSucceeded | EventKind::AsyncFailed | EventKind::Expired => {
                session.object(base)
            }
        };
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
        Self {
            id,
            kind,
            owner: session.owner.clone(),
            session: session.id.clone(),
            body: envelope.to_string().into_bytes(),
        }
    }

    /// Every try is signed anew, with its own time.
    pub(super) fn webhook(&self, endpoint: &Endpoint, at: Timestamp) -> Result<OutgoingWebhook, InvalidLength> {
        let signature = sign(&endpoint.secret, at.as_second(), &self.body)?;
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"),
            ("stripe-signature", signature.as_str()),
        ];
        Ok(OutgoingWebhook {
            url: endpoint.url.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: self.body.clone(),
        })
    }
}

impl Delivery {
    /// Nothing was tried yet.
    pub(super) fn new(event: &Event, endpoint: &Endpoint) -> Self {
        Self {
            event: event.id.clone(),
            kind: event.kind.name().to_owned(),
            session: event.session.clone(),
            url: endpoint.url.clone(),
            delivered: false,
            tries: Vec::new(),
        }
    }

    pub(super) fn is_of(&self, event: &Event, endpoint: &Endpoint) -> bool {
        self.event == event.id && self.url == endpoint.url
    }

    /// Notes a try, with the HTTP status or with why there was none.
    pub(super) fn note(&mut self, at: Timestamp, answer: String, delivered: bool) {
        self.tries.push(Try { at, answer });
        self.delivered = delivered;
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

//! The books: what is kept of a session, its payment, its refunds and an idempotent answer, and how the API shows them.
//!
//! What a session may become and the fields of its objects change here. What is kept here is what the file on disk
//! holds, so a field that is renamed makes older books unreadable. Nothing here answers a call or tells anybody.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::super::{Credential, Ids, grouped};
use super::parameters::{Order, RefundOrder};
use super::webhooks::Delivery;
use super::{Answer, Call, ID_PLACEHOLDER, Ledger, Refusal};

/// How long the answer under an idempotency key is replayed.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) owner: Credential,
    pub(super) livemode: bool,
    pub(super) created_at: Timestamp,
    pub(super) order: Order,
    pub(super) state: SessionState,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum SessionState {
    Open,
    /// The customer is done and the money is on its way, as with a bank debit.
    Processing {
        payment: Payment,
    },
    /// The money did not arrive after all.
    AsyncFailed {
        payment: Payment,
    },
    Paid {
        payment: Payment,
        refunds: Vec<Refund>,
    },
    Expired {
        expired_at: Timestamp,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Payment {
    intent: String,
    charge: String,
    paid_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    id: String,
    amount: u64,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Replay {
    fingerprint: String,
    status: u16,
    body: Value,
    kept_at: Timestamp,
}

impl Ledger {
    pub(super) fn owned(&self, id: &str, owner: &Credential) -> Result<&Session, Refusal> {
        self.sessions
            .get(id)
            .filter(|session| session.owner == *owner)
            .ok_or_else(|| Refusal::missing("checkout.session", id, "session"))
    }

    pub(super) fn owned_mut(&mut self, id: &str, owner: &Credential) -> Result<&mut Session, Refusal> {
        self.sessions
            .get_mut(id)
            .filter(|session| session.owner == *owner)
            .ok_or_else(|| Refusal::missing("checkout.session", id, "session"))
    }

    /// The session whose payment is to be refunded.
    pub(super) fn paid_mut(&mut self, order: &RefundOrder, owner: &Credential) -> Result<&mut Session, Refusal> {
        self.sessions
            .values_mut()
            .filter(|session| session.owner == *owner)
            .find(|session| {
                session.state.payment().is_some_and(|payment| match order.param {
                    "charge" => payment.charge == order.id,
                    _ => payment.intent == order.id,
                })
            })
            .ok_or_else(|| Refusal::missing(order.param, &order.id, order.param))
    }

    pub(super) fn replay(&self, call: &Call) -> Result<Option<Answer>, Refusal> {
        let Some(key) = &call.idempotency_key else {
            return Ok(None);
        };
        match self.replays.get(&replay_name(call, key)).filter(|replay| replay.is_kept(call.now)) {
            None => Ok(None),
            Some(replay) if replay.fingerprint == call.fingerprint => Ok(Some(Answer {
                status: StatusCode::from_u16(replay.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                body: replay.body.clone(),
                replayed: true,
            })),
            Some(_) => Err(Refusal::new(format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try \
                 using a key other than '{key}' if you meant to execute a different request."
            ))
            .kind("idempotency_error")),
        }
    }

    pub(super) fn remember(&mut self, call: &Call, answer: &Answer) {
        let Some(key) = &call.idempotency_key else {
            return;
        };
        self.replays.retain(|_, replay| replay.is_kept(call.now));
        let replay = Replay {
            fingerprint: call.fingerprint.clone(),
            status: answer.status.as_u16(),
            body: answer.body.clone(),
            kept_at: call.now,
        };
        self.replays.insert(replay_name(call, key), replay);
    }
}

/// Two accounts may use the same idempotency key.
fn replay_name(call: &Call, key: &str) -> String {
    format!("{}:{key}", call.owner.fingerprint)
}

impl Replay {
    fn is_kept(&self, now: Timestamp) -> bool {
        now.duration_since(self.kept_at) < REPLAYED_FOR
    }
}

impl SessionState {
    fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Processing { payment } | Self::AsyncFailed { payment } | Self::Paid { payment, .. } => Some(payment),
            Self::Open | Self::Expired { .. } => None,
        }
    }

    fn refunds(&self) -> &[Refund] {
        match self {
            Self::Paid { refunds, .. } => refunds,
            Self::Open | Self::Processing { .. } | Self::AsyncFailed { .. } | Self::Expired { .. } => &[],
        }
    }

    fn status(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Processing { .. } | Self::AsyncFailed { .. } | Self::Paid { .. } => "complete",
            Self::Expired { .. } => "expired",
        }
    }

    fn payment_status(&self) -> &'static str {
        match self {
            Self::Paid { .. } => "paid",
            Self::Open | Self::Processing { .. } | Self::AsyncFailed { .. } | Self::Expired { .. } => "unpaid",
        }
    }
}

impl Session {
    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        matches!(self.state, SessionState::Open) && now >= self.order.expires_at
    }

    pub(super) fn expire(&mut self, now: Timestamp) -> Result<(), Refusal> {
        if !matches!(self.state, SessionState::Open) {
            return Err(Refusal::new(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a \
                 status of `{}`.",
                self.state.status()
            )));
        }
        self.state = SessionState::Expired { expired_at: now };
        Ok(())
    }

    /// Refunds money and answers with the refund object.
    pub(super) fn refund(&mut self, order: RefundOrder, id: String, now: Timestamp) -> Result<Value, Refusal> {
        let rest = self.order.amount_total.saturating_sub(self.refunded());
        let SessionState::Paid { payment, refunds } = &mut self.state else {
            let message = format!("This PaymentIntent ({}) does not have a successful charge to refund.", order.id);
            return Err(Refusal::new(message));
        };
        if rest == 0 {
            let message = format!("Charge {} has already been refunded.", payment.charge);
            return Err(Refusal::new(message).code("charge_already_refunded"));
        }
        let amount = order.amount.unwrap_or(rest);
        if amount > rest {
            let (asked, left) = (display(amount, &self.order.currency), display(rest, &self.order.currency));
            let message = format!("Refund amount ({asked}) is greater than unrefunded amount on charge ({left})");
            return Err(Refusal::new(message).param("amount"));
        }
        let refund = Refund { id, amount, reason: order.reason, metadata: order.metadata, created_at: now };
        let object = refund.object(payment, &self.order.currency);
        refunds.push(refund);
        Ok(object)
    }

    fn refunded(&self) -> u64 {
        self.state.refunds().iter().map(|refund| refund.amount).sum()
    }

    pub(super) fn success_url(&self) -> String {
        let filled = self.order.success_url.replace(ID_PLACEHOLDER, &self.id);
        // Parsing writes what is not ASCII the way a header can carry it.
        Url::parse(&filled).map(String::from).unwrap_or(filled)
    }

    /// The session as the API shows it.
    pub(super) fn object(&self, base: &str) -> Value {
        let order = &self.order;
        let url = matches!(self.state, SessionState::Open).then(|| format!("{base}{}", self.page_path()));
        json!({
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": order.adaptive_pricing },
            "amount_subtotal": order.amount_total,
            "amount_total": order.amount_total,
            "cancel_url": order.cancel_url,
            "client_reference_id": order.client_reference_id,
            "created": self.created_at.as_second(),
            "currency": order.currency,
            "customer": null,
            "customer_email": order.customer_email,
            "expires_at": order.expires_at.as_second(),
            "livemode": self.livemode,
            "locale": order.locale,
            "metadata": order.metadata,
            "mode": "payment",
            "payment_intent": self.state.payment().map(|payment| &payment.intent),
            "payment_method_types": ["card"],
            "payment_status": self.state.payment_status(),
            "status": self.state.status(),
            "submit_type": order.submit_type,
            "success_url": order.success_url,
            "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted",
            "url": url,
        })
    }

    /// The payment intent itself, where the caller asked to have it expanded.
    pub(super) fn intent_object(&self) -> Value {
        let status = match &self.state {
            SessionState::Open | SessionState::Expired { .. } => return Value::Null,
            SessionState::Processing { .. } => "processing",
            SessionState::AsyncFailed { .. } => "requires_payment_method",
            SessionState::Paid { .. } => "succeeded",
        };
        json!({
            "id": self.state.payment().map(|payment| &payment.intent),
            "object": "payment_intent",
            "amount": self.order.amount_total,
            "currency": self.order.currency,
            "livemode": self.livemode,
            "status": status,
        })
    }

    /// The charge behind the payment, as `charge.refunded` carries it.
    pub(super) fn charge_object(&self) -> Value {
        let payment = self.state.payment();
        let refunded = self.refunded();
        json!({
            "id": payment.map(|payment| &payment.charge),
            "object": "charge",
            "amount": self.order.amount_total,
            "amount_captured": self.order.amount_total,
            "amount_refunded": refunded,
            "captured": true,
            "created": payment.map(|payment| payment.paid_at.as_second()),
            "currency": self.order.currency,
            "livemode": self.livemode,
            "metadata": self.order.payment_metadata,
            "paid": true,
            "payment_intent": payment.map(|payment| &payment.intent),
            "refunded": refunded == self.order.amount_total,
            "status": "succeeded",
        })
    }

    pub(super) fn refund_object(&self, id: &str) -> Option<Value> {
        let payment = self.state.payment()?;
        let refund = self.state.refunds().iter().find(|refund| refund.id == id)?;
        Some(refund.object(payment, &self.order.currency))
    }

    /// As the simulator's own books show it.
    pub(super) fn in_books(&self, deliveries: &[Delivery]) -> Value {
        let refunded = self.refunded();
        let is_paid = matches!(self.state, SessionState::Paid { .. });
        let deliveries: Vec<_> = deliveries.iter().filter(|delivery| delivery.session == self.id).collect();
        let payment = self.state.payment();
        json!({
            "id": self.id,
            "api_key": self.owner.last4,
            "livemode": self.livemode,
            "amount": self.order.amount_total,
            "currency": self.order.currency,
            "status": self.state.status(),
            "payment_status": self.state.payment_status(),
            "payment_intent": payment.map(|payment| &payment.intent),
            "taken": is_paid && refunded < self.order.amount_total,
            "ours": is_paid && refunded < self.order.amount_total,
            "refunded": refunded,
            "refunds": self.state.refunds(),
            "client_reference_id": self.order.client_reference_id,
            "success_url": self.order.success_url,
            "cancel_url": self.order.cancel_url,
            "metadata": self.order.metadata,
            "payment_metadata": self.order.payment_metadata,
            "created_at": self.created_at,
            "expires_at": self.order.expires_at,
            "paid_at": payment.map(|payment| payment.paid_at),
            "deliveries": deliveries,
        })
    }
}

impl Payment {
    pub(super) fn new(ids: &Ids, paid_at: Timestamp) -> Self {
        Self { intent: format!("pi_{}", ids.text(24)), charge: format!("ch_{}", ids.text(24)), paid_at }
    }
}

impl Refund {
    fn object(&self, payment: &Payment, currency: &str) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": payment.charge,
            "created": self.created_at.as_second(),
            "currency": currency,
            "metadata": self.metadata,
            "payment_intent": payment.intent,
            "reason": self.reason,
            "status": "succeeded",
        })
    }
}

/// With the currency, in the unit that people write.
pub(super) fn display(amount: u64, currency: &str) -> String {
    let decimals = match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv" | "xaf"
        | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    };
    let code = currency.to_uppercase();
    let unit = 10_u64.pow(decimals);
    match decimals {
        0 => format!("{} {code}", grouped(amount)),
        2 => format!("{}.{:02} {code}", grouped(amount / unit), amount % unit),
        _ => format!("{}.{:03} {code}", grouped(amount / unit), amount % unit),
    }
}

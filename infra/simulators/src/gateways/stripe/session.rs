//! A session, its payment and its refunds: what may become of them, and how the API and the books show them.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable. Nothing
//! here answers a call or calls anybody.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::answer::Refusal;
use super::currencies::display;
use super::order::{Order, RefundOrder};
use super::parameters::ID_PLACEHOLDER;
use crate::gateways::credential::Credential;
use crate::gateways::ids::Ids;

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
    pub(super) intent: String,
    pub(super) charge: String,
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

impl SessionState {
    pub(super) fn payment(&self) -> Option<&Payment> {
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
    pub(super) fn page_path(&self) -> String {
        format!("/stripe/c/pay/{}", self.id)
    }

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
    pub(super) fn in_books(&self) -> Value {
        let refunded = self.refunded();
        let is_paid = matches!(self.state, SessionState::Paid { .. });
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

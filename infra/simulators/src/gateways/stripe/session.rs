//! A session, its payment, its refunds and its disputes: what may become of them, and how the API and the books show them.
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
use super::order::{NamedPayment, Order};
use super::parameters::{ID_PLACEHOLDER, Parameters};
use crate::gateways::credential::Credential;
use crate::gateways::disputes::{DecideDispute, Dispute, DisputeState, Disputes, NewDispute};
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
    #[serde(default)]
    method: Method,
    /// Whether the customer ever went to the bank about it.
    #[serde(default)]
    disputed: bool,
    #[serde(default)]
    disputes: Disputes,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    #[default]
    Card,
    /// A slow one.
    SepaDebit,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    id: String,
    amount: u64,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    created_at: Timestamp,
    #[serde(default)]
    status: RefundStatus,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundStatus {
    /// It waits for a bank.
    Pending,
    #[default]
    Succeeded,
    /// A bank sent it back, and the money is the business's again.
    Failed,
}

/// A refund that is asked for, by a call or in the dashboard.
pub(super) struct NewRefund {
    pub(super) id: String,
    /// What it is right after it was accepted.
    pub(super) status: RefundStatus,
    /// All that is left, where it is not said.
    pub(super) amount: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// How much of a session is shown as whole objects and not as ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expansion {
    Nothing,
    PaymentIntent,
    Charge,
    BalanceTransaction,
}

impl Expansion {
    pub(super) fn parse(parameters: &mut Parameters) -> Result<Self, Refusal> {
        let paths =
            ["payment_intent", "payment_intent.latest_charge", "payment_intent.latest_charge.balance_transaction"];
        Ok(match parameters.expanded(&paths)? {
            0 => Self::Nothing,
            1 => Self::PaymentIntent,
            2 => Self::Charge,
            _ => Self::BalanceTransaction,
        })
    }
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

    /// Whether this is the payment that a call names.
    pub(super) fn is_paid_by(&self, named: &NamedPayment) -> bool {
        self.state.payment().is_some_and(|payment| match named.param {
            "charge" => payment.charge == named.id,
            _ => payment.intent == named.id,
        })
    }

    /// Refunds money and answers with the refund object. Refunds that wait count, so that nothing is refunded twice.
    pub(super) fn refund(&mut self, new: NewRefund, now: Timestamp) -> Result<Value, Refusal> {
        let rest = self.order.amount_total.saturating_sub(self.refunded() + self.refund_pending());
        let SessionState::Paid { payment, refunds } = &mut self.state else {
            let message = "This PaymentIntent does not have a successful charge to refund.";
            return Err(Refusal::new(message));
        };
        // A question of the bank's, or a chargeback that was won, leaves the money where it is.
        if payment.withdrawn() > 0 {
            let message = format!("Charge {} has been charged back; cannot issue a refund.", payment.charge);
            return Err(Refusal::new(message).code("charge_disputed"));
        }
        if rest == 0 {
            let message = format!("Charge {} has already been refunded.", payment.charge);
            return Err(Refusal::new(message).code("charge_already_refunded"));
        }
        let amount = new.amount.unwrap_or(rest);
        if amount > rest {
            let (asked, left) = (display(amount, &self.order.currency), display(rest, &self.order.currency));
            let message = format!("Refund amount ({asked}) is greater than unrefunded amount on charge ({left})");
            return Err(Refusal::new(message).param("amount"));
        }
        let NewRefund { id, status, amount: _, reason, metadata } = new;
        let refund = Refund { id, amount, reason, metadata, created_at: now, status };
        let object = refund.object(payment, &self.order.currency);
        refunds.push(refund);
        Ok(object)
    }

    /// Decides the refund of this id, or else the last that waits, and says which one that was. One that succeeded can still
    /// fail. There may be none.
    pub(super) fn complete_refund(&mut self, id: Option<&str>, becomes: RefundStatus) -> Option<String> {
        let SessionState::Paid { refunds, .. } = &mut self.state else {
            return None;
        };
        let is_it = |refund: &&mut Refund| match id {
            Some(id) => refund.id == id && refund.status.can_become(becomes),
            None => refund.status == RefundStatus::Pending,
        };
        let refund = refunds.iter_mut().rev().find(is_it)?;
        refund.status = becomes;
        Some(refund.id.clone())
    }

    /// The customer goes to the bank about the payment. `None` where that is not possible.
    pub(super) fn dispute(&mut self, order: NewDispute, id: String, now: Timestamp) -> Option<Dispute> {
        let (paid, refunded) = (self.order.amount_total, self.refunded());
        let SessionState::Paid { payment, .. } = &mut self.state else { return None };
        let opened = payment.disputes.open(order, id, (paid, refunded), now)?;
        payment.disputed = true;
        Some(opened)
    }

    /// Something becomes of a dispute. One that was lost can be won by an appeal.
    pub(super) fn decide_dispute(&mut self, order: &DecideDispute, now: Timestamp) -> Option<Dispute> {
        let SessionState::Paid { payment, .. } = &mut self.state else { return None };
        payment.disputes.decide(order, false, now)
    }

    fn refunded(&self) -> u64 {
        self.refunds_that_are(RefundStatus::Succeeded)
    }

    pub(super) fn refund_pending(&self) -> u64 {
        self.refunds_that_are(RefundStatus::Pending)
    }

    fn refunds_that_are(&self, status: RefundStatus) -> u64 {
        self.state.refunds().iter().filter(|refund| refund.status == status).map(|refund| refund.amount).sum()
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
            // Stripe's own type of it is "a map or null".
            "metadata": (!order.metadata.is_empty()).then_some(&order.metadata),
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

    /// The session with whole objects where the caller asked for them. What is not there stays null.
    pub(super) fn expanded(&self, base: &str, expansion: Expansion) -> Value {
        let mut session = self.object(base);
        if expansion == Expansion::Nothing || self.state.payment().is_none() {
            return session;
        }
        let mut intent = self.intent_object();
        if expansion >= Expansion::Charge {
            let mut charge = self.charge_object();
            if expansion == Expansion::BalanceTransaction && charge["balance_transaction"].is_string() {
                charge["balance_transaction"] = self.balance_transaction();
            }
            intent["latest_charge"] = charge;
        }
        session["payment_intent"] = intent;
        session
    }

    fn intent_object(&self) -> Value {
        let status = match &self.state {
            SessionState::Open | SessionState::Expired { .. } | SessionState::AsyncFailed { .. } => {
                "requires_payment_method"
            }
            SessionState::Processing { .. } => "processing",
            SessionState::Paid { .. } => "succeeded",
        };
        let payment = self.state.payment();
        json!({
            "id": payment.map(|payment| &payment.intent),
            "object": "payment_intent",
            "amount": self.order.amount_total,
            "currency": self.order.currency,
            "latest_charge": payment.map(|payment| &payment.charge),
            "livemode": self.livemode,
            "status": status,
        })
    }

    /// The charge behind the payment, as `charge.refunded` carries it.
    pub(super) fn charge_object(&self) -> Value {
        let payment = self.state.payment();
        // A refund that waits counts here already, and a refund that failed does not any more.
        let refunded = self.refunded() + self.refund_pending();
        let is_paid = matches!(self.state, SessionState::Paid { .. });
        let status = match &self.state {
            SessionState::Open | SessionState::Expired { .. } | SessionState::AsyncFailed { .. } => "failed",
            SessionState::Processing { .. } => "pending",
            SessionState::Paid { .. } => "succeeded",
        };
        json!({
            "id": payment.map(|payment| &payment.charge),
            "object": "charge",
            "amount": self.order.amount_total,
            "amount_captured": if is_paid { self.order.amount_total } else { 0 },
            "amount_refunded": refunded,
            "balance_transaction": payment.filter(|_| is_paid).map(Payment::transaction),
            "captured": true,
            "created": payment.map(|payment| payment.paid_at.as_second()),
            "currency": self.order.currency,
            "disputed": payment.is_some_and(|payment| payment.disputed),
            "livemode": self.livemode,
            "metadata": self.order.payment_metadata,
            "paid": is_paid,
            "payment_intent": payment.map(|payment| &payment.intent),
            "payment_method_details": payment.map(|payment| payment.method.details()),
            "refunded": refunded == self.order.amount_total,
            "status": status,
        })
    }

    /// What the charge did to the balance. The business is paid out in euro, so that other money is converted.
    pub(super) fn balance_transaction(&self) -> Value {
        let converted = self.order.currency != "eur";
        let amount = if converted { self.order.amount_total / 10 * 9 } else { self.order.amount_total };
        let fee = amount / 1_000 * 15 + 25;
        json!({
            "id": self.state.payment().map(Payment::transaction),
            "object": "balance_transaction",
            "amount": amount,
            "currency": "eur",
            "exchange_rate": converted.then_some(0.9),
            "fee": fee,
            "net": i64::try_from(amount).unwrap_or(i64::MAX).saturating_sub_unsigned(fee),
            "source": self.state.payment().map(|payment| &payment.charge),
            "type": "charge",
        })
    }

    /// Every dispute about the payment, the newest first.
    pub(super) fn dispute_objects(&self) -> Vec<Value> {
        let Some(payment) = self.state.payment() else {
            return Vec::new();
        };
        payment.disputes.iter().map(|dispute| self.dispute_of(payment, dispute)).collect()
    }

    pub(super) fn dispute_object(&self, id: &str) -> Option<Value> {
        self.dispute_objects().into_iter().find(|dispute| dispute["id"] == id)
    }

    fn dispute_of(&self, payment: &Payment, dispute: &Dispute) -> Value {
        let status = match (dispute.state, dispute.is_inquiry) {
            (DisputeState::Open, true) => "warning_needs_response",
            (DisputeState::UnderReview, true) => "warning_under_review",
            (DisputeState::Won | DisputeState::Lost, true) => "warning_closed",
            (DisputeState::Open, false) => "needs_response",
            (DisputeState::UnderReview, false) => "under_review",
            (DisputeState::Won, false) => "won",
            (DisputeState::Lost, false) => "lost",
        };
        let has_evidence = dispute.state != DisputeState::Open;
        json!({
            "id": dispute.id,
            "object": "dispute",
            "amount": dispute.amount,
            "charge": payment.charge,
            "created": dispute.opened_at.as_second(),
            "currency": self.order.currency,
            "evidence_details": {
                "due_by": dispute.respond_by.as_second(),
                "has_evidence": has_evidence,
                "past_due": false,
                "submission_count": u8::from(has_evidence),
            },
            "is_charge_refundable": dispute.is_inquiry,
            "livemode": self.livemode,
            // What lies on the payment is not copied here.
            "metadata": {},
            "payment_intent": payment.intent,
            "reason": dispute.reason.as_deref().unwrap_or("fraudulent"),
            "status": status,
        })
    }

    /// Every refund of the payment, the newest first.
    pub(super) fn refund_objects(&self) -> Vec<Value> {
        let Some(payment) = self.state.payment() else {
            return Vec::new();
        };
        self.state.refunds().iter().rev().map(|refund| refund.object(payment, &self.order.currency)).collect()
    }

    pub(super) fn refund_object(&self, id: &str) -> Option<Value> {
        self.refund_objects().into_iter().find(|refund| refund["id"] == id)
    }

    /// As the simulator's own books show it.
    pub(super) fn in_books(&self) -> Value {
        let refunded = self.refunded();
        let is_paid = matches!(self.state, SessionState::Paid { .. });
        let payment = self.state.payment();
        let withdrawn = payment.map_or(0, Payment::withdrawn);
        let lost = payment.map_or(0, |payment| payment.disputes.lost());
        json!({
            "id": self.id,
            "api_key": self.owner.last4,
            "livemode": self.livemode,
            "amount": self.order.amount_total,
            "currency": self.order.currency,
            "status": self.state.status(),
            "payment_status": self.state.payment_status(),
            "payment_intent": payment.map(|payment| &payment.intent),
            "taken": is_paid && refunded + lost < self.order.amount_total,
            "ours": is_paid && refunded + withdrawn < self.order.amount_total,
            "disputed": payment.is_some_and(|payment| payment.disputed),
            "withdrawn": withdrawn,
            "disputes": payment.map(|payment| payment.disputes.in_books()),
            "refunded": refunded,
            "refund_pending": self.refund_pending(),
            "refunds": self.state.refunds().len(),
            "refund_rows": self.state.refunds().iter().map(Refund::in_books).collect::<Vec<Value>>(),
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
    pub(super) fn new(ids: &Ids, method: Method, paid_at: Timestamp) -> Self {
        let (intent, charge) = (format!("pi_{}", ids.text(24)), format!("ch_{}", ids.text(24)));
        Self { intent, charge, paid_at, method, disputed: false, disputes: Disputes::default() }
    }

    /// What chargebacks take from the business, for as long as they are not won.
    fn withdrawn(&self) -> u64 {
        self.disputes.lost_or_open()
    }

    fn transaction(&self) -> String {
        self.charge.replace("ch_", "txn_")
    }
}

impl Method {
    fn details(self) -> Value {
        match self {
            Self::Card => json!({
                "type": "card",
                "card": { "brand": "visa", "country": "DE", "exp_month": 12, "exp_year": 2034, "last4": "4242" },
            }),
            Self::SepaDebit => json!({ "type": "sepa_debit", "sepa_debit": { "country": "DE", "last4": "3000" } }),
        }
    }
}

impl RefundStatus {
    /// Whether a refund can end so: a bank can send back what had reached it.
    fn can_become(self, status: Self) -> bool {
        match self {
            Self::Pending => true,
            Self::Succeeded => status == Self::Failed,
            Self::Failed => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Refund {
    /// As the simulator's own books show it.
    fn in_books(&self) -> Value {
        json!({ "id": self.id, "amount": self.amount, "status": self.status, "reference": self.metadata })
    }

    fn object(&self, payment: &Payment, currency: &str) -> Value {
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "charge": payment.charge,
            "created": self.created_at.as_second(),
            "currency": currency,
            "metadata": (!self.metadata.is_empty()).then_some(&self.metadata),
            "payment_intent": payment.intent,
            "reason": self.reason,
            "status": self.status.name(),
        });
        match self.status {
            RefundStatus::Pending => refund["pending_reason"] = json!("processing"),
            RefundStatus::Failed => refund["failure_reason"] = json!("expired_or_canceled_card"),
            RefundStatus::Succeeded => {}
        }
        refund
    }
}

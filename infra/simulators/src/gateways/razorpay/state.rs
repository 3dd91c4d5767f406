//! The simulator's state, and the webhooks that follow from a change of it.

use std::convert::Infallible;
use std::sync::Arc;

use serde_json::{Value, json};

use super::disputes::object as dispute_object;
use super::objects::{is_payment, link_object, payment_objects};
use super::refunds::object as refund_object;
use super::signature::sign;
use crate::gateways::credential::Credential;
use crate::gateways::disputes::{Dispute, DisputeOutcome};
use crate::gateways::hosted_checkout::{HostedCheckout, RefundState, Sale, SaleRefund};
use crate::gateways::webhook::OutgoingWebhook;

#[derive(Debug, Clone)]
pub(super) struct Razorpay(pub(super) Arc<HostedCheckout>);

impl Razorpay {
    /// The link as the API shows it now.
    pub(super) fn link_object(&self, id: &str, sale: &Sale) -> Value {
        link_object(id, sale, &self.0.base, self.0.clock.now())
    }

    /// Notes that the bank has not answered about the payment that was just begun.
    pub(super) fn await_bank(&self, id: &str) {
        let Ok(()) = self.0.books.change(|ledger| -> Result<(), Infallible> {
            if let Some(sale) = ledger.sales.get_mut(id) {
                sale.metadata["at_bank"] = json!(true);
            }
            Ok(())
        });
    }

    /// Tells of a link.
    pub(super) fn notify(&self, kind: &str, id: &str, sale: &Sale) {
        let mut payload = json!({ "payment_link": { "entity": self.link_object(id, sale) } });
        if let Some(payment) = payment_objects(id, sale).into_iter().next().filter(|_| sale.payment.is_some()) {
            payload["payment"] = json!({ "entity": payment });
        }
        self.send(kind, &payload, &sale.owner);
    }

    /// Tells of a refund. Such an event names its payment, and no link.
    pub(super) fn notify_refund(&self, kind: &str, id: &str, sale: &Sale, refund: &SaleRefund) {
        let payment = payment_of(id, sale);
        let payload = json!({ "refund": { "entity": refund_object(sale, refund) }, "payment": { "entity": payment } });
        self.send(kind, &payload, &sale.owner);
    }

    /// Tells of a dispute, and what became of it, unless that is nothing yet. Such an event names its payment, and no link.
    pub(super) fn notify_dispute(&self, became: Option<DisputeOutcome>, id: &str, sale: &Sale, dispute: &Dispute) {
        let kind = match became {
            None | Some(DisputeOutcome::Escalated) => "payment.dispute.created",
            Some(DisputeOutcome::UnderReview) => "payment.dispute.under_review",
            Some(DisputeOutcome::ActionRequired) => "payment.dispute.action_required",
            Some(DisputeOutcome::Won) if dispute.is_inquiry => "payment.dispute.closed",
            Some(DisputeOutcome::Won) => "payment.dispute.won",
            Some(DisputeOutcome::Lost) => "payment.dispute.lost",
        };
        let payment = payment_of(id, sale);
        let payload =
            json!({ "payment": { "entity": payment }, "dispute": { "entity": dispute_object(sale, dispute) } });
        self.send(kind, &payload, &sale.owner);
    }

    /// Tells what became of a refund, where that is known.
    pub(super) fn notify_decided(&self, id: &str, sale: &Sale, refund: &SaleRefund) {
        match refund.state {
            RefundState::Pending => {}
            RefundState::Succeeded => self.notify_refund("refund.processed", id, sale, refund),
            RefundState::Failed | RefundState::Cancelled => self.notify_refund("refund.failed", id, sale, refund),
        }
    }

    /// Calls every endpoint of the key's owner, signed with the endpoint's secret. Repeats have the same event id.
    fn send(&self, kind: &str, payload: &Value, owner: &Credential) {
        let contains: Vec<&String> = payload.as_object().map(|parts| parts.keys().collect()).unwrap_or_default();
        let event = json!({
            "entity": "event", "account_id": "acc_simulator", "event": kind, "contains": contains,
            "payload": payload, "created_at": self.0.clock.now().as_second(),
        });
        let body = event.to_string().into_bytes();
        let event_id = self.0.ids.text(14);
        for endpoint in self.0.endpoints_of(owner) {
            let headers = [
                ("content-type", "application/json".to_owned()),
                ("x-razorpay-event-id", event_id.clone()),
                ("x-razorpay-signature", sign(&endpoint.secret, &body)),
            ];
            let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
            self.0.call(OutgoingWebhook { url: endpoint.url, headers, body: body.clone() });
        }
    }
}

/// The payment of a link that its refunds and disputes are of.
fn payment_of(id: &str, sale: &Sale) -> Option<Value> {
    let mut payments = payment_objects(id, sale).into_iter();
    payments.find(|payment| is_payment(sale, payment["id"].as_str().unwrap_or_default()))
}

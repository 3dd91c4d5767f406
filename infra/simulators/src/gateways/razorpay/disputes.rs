//! Disputes of payments, as the API lists them. Nobody makes one by a call.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use super::list::listed;
use super::refusal::{Answer, respond};
use super::state::Razorpay;
use crate::gateways::disputes::{Dispute, DisputeState};
use crate::gateways::hosted_checkout::Sale;

pub(super) async fn list_disputes(
    State(razorpay): State<Razorpay>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    razorpay.0.misbehaviour.apply("list_disputes", || respond(razorpay.disputes(&query, &headers))).await
}

impl Razorpay {
    /// The disputes of all payments of a key, the newest first.
    fn disputes(&self, query: &BTreeMap<String, String>, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.0.now();
        let mut everything: Vec<Value> = self.0.books.read(|ledger| {
            let of_caller = ledger.sales.values().filter(|sale| sale.owner == caller.owner);
            of_caller.flat_map(|sale| sale.disputes.iter().map(|one| object(sale, one))).collect()
        });
        everything.sort_by_key(|one| std::cmp::Reverse(one["created_at"].as_i64()));
        listed(everything, query)
    }
}

/// The dispute as the API shows it. An inquiry is the suspicion of a fraud, which ends by being closed.
pub(super) fn object(sale: &Sale, dispute: &Dispute) -> Value {
    let status = match dispute.state {
        DisputeState::Open => "open",
        DisputeState::UnderReview => "under_review",
        DisputeState::Won if dispute.is_inquiry => "closed",
        DisputeState::Won => "won",
        DisputeState::Lost => "lost",
    };
    json!({
        "id": dispute.id, "entity": "dispute", "payment_id": sale.payment.as_ref().map(|payment| &payment.id),
        "amount": dispute.amount, "currency": sale.currency,
        "amount_deducted": if dispute.state == DisputeState::Lost { dispute.amount } else { 0 },
        "reason_code": dispute.reason.as_deref().unwrap_or("goods_or_services_not_received_or_partially_received"),
        "respond_by": dispute.respond_by.as_second(), "status": status,
        "phase": if dispute.is_inquiry { "fraud" } else { "chargeback" },
        "created_at": dispute.opened_at.as_second(),
        "evidence": { "amount": dispute.amount, "summary": null, "submitted_at": null },
    })
}

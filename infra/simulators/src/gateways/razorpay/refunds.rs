//! Refunds of a payment: made, listed and asked about.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::list::listed;
use super::objects::is_payment;
use super::parameters::input;
use super::refusal::{Answer, Refusal, respond};
use super::state::Razorpay;
use crate::gateways::digest::sha256;
use crate::gateways::hosted_checkout::{RefundState, Sale, SaleRefund, SaleState};
use crate::gateways::replays::{IdempotentCall, Replayed};

/// Refunds under one key are one refund. How long is not published.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The smallest refund, in the smallest unit.
const SMALLEST: u64 = 100;

pub(super) async fn refund(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    razorpay.0.misbehaviour.apply("refund", || respond(razorpay.refund(&id, &headers, &body))).await
}

pub(super) async fn list_refunds(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    razorpay.0.misbehaviour.apply("list_refunds", || respond(razorpay.refunds(&id, &query, &headers))).await
}

pub(super) async fn retrieve_refund(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    razorpay.0.misbehaviour.apply("retrieve_refund", || respond(razorpay.known_refund(&id, &headers))).await
}

impl Razorpay {
    fn refund(&self, id: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
        let caller = self.caller(headers)?;
        let input = input(headers, body)?;
        let now = self.0.now();
        let key = headers.get("x-refund-idempotency").and_then(|value| value.to_str().ok());
        if key.is_some_and(|key| key.len() < 10 || !key.bytes().all(is_key_byte)) {
            return Err(Refusal::new("The refund idempotency key is invalid"));
        }
        let fingerprint = sha256(&[id.as_bytes(), b"\n", body].concat());
        let call = key.map(|key| IdempotentCall { owner: &caller.owner, key, fingerprint: &fingerprint });
        if let Some(call) = &call {
            match self.0.replay(call, now, REPLAYED_FOR) {
                Replayed::Nothing => {}
                Replayed::Answer(_, body) => return Ok(body),
                Replayed::Other => {
                    let description = "Different request with the same idempotency key has already been processed.";
                    return Err(Refusal::new(description));
                }
            }
        }
        let refund = format!("rfnd_{}", self.0.ids.text(14));
        let notes = input.get("notes").cloned().unwrap_or_else(|| json!([]));
        let (body, link, sale) = self.0.books.change(|ledger| {
            let is_it = |sale: &Sale| sale.owner == caller.owner && is_payment(sale, id);
            let mut sales = ledger.sales.iter_mut().map(|(link, sale)| (link.clone(), sale));
            let (link, sale) = sales.find(|(_, sale)| is_it(sale)).ok_or_else(Refusal::missing)?;
            if !matches!(sale.state, SaleState::Ours | SaleState::Returned) {
                return Err(Refusal::new("The payment status should be captured for action to be taken"));
            }
            let left = sale.refundable();
            if left == 0 {
                return Err(Refusal::new("The payment has been fully refunded already"));
            }
            let amount = match input.get("amount") {
                None | Some(Value::Null) => left,
                // Clients send it as a text too.
                Some(given) => {
                    whole(given).ok_or_else(|| Refusal::field("amount", "The amount must be an integer."))?
                }
            };
            if amount < SMALLEST {
                return Err(Refusal::field("amount", "The amount must be at least INR 1.00"));
            }
            let captured = sale.payment.as_ref().map_or(0, |payment| payment.amount);
            if amount > captured {
                return Err(Refusal::field("amount", "The refund amount provided is greater than amount captured"));
            }
            if amount > left {
                let description = "The total refund amount is greater than the refund payment amount";
                return Err(Refusal::field("amount", description));
            }
            let becomes = self.0.next_refund(&link, RefundState::Succeeded);
            sale.add_refund_of(amount, refund, notes, key.map(str::to_owned), becomes, now);
            let made = sale.refunds.last().ok_or_else(Refusal::missing)?;
            Ok((object(sale, made), link, sale.clone()))
        })?;
        if let Some(call) = &call {
            self.0.remember(call, (StatusCode::OK, body.clone()), now, REPLAYED_FOR);
        }
        if let Some(made) = sale.refunds.last() {
            self.notify_refund("refund.created", &link, &sale, made);
            self.notify_decided(&link, &sale, made);
        }
        Ok(body)
    }

    /// The last refunds of a payment, the newest first.
    fn refunds(&self, id: &str, query: &BTreeMap<String, String>, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.0.now();
        let is_it = |sale: &&Sale| sale.owner == caller.owner && is_payment(sale, id);
        let sale = self.0.books.read(|ledger| ledger.sales.values().find(is_it).cloned());
        let sale = sale.ok_or_else(Refusal::missing)?;
        listed(sale.refunds.iter().rev().map(|one| object(&sale, one)).collect(), query)
    }

    fn known_refund(&self, id: &str, headers: &HeaderMap) -> Answer {
        let caller = self.caller(headers)?;
        self.0.now();
        self.0.books.read(|ledger| {
            let mut of_caller = ledger.sales.values().filter(|sale| sale.owner == caller.owner);
            let found =
                of_caller.find_map(|sale| sale.refunds.iter().find(|one| one.id == id).map(|one| object(sale, one)));
            found.ok_or_else(Refusal::missing)
        })
    }
}

/// The refund as the API shows it.
pub(super) fn object(sale: &Sale, refund: &SaleRefund) -> Value {
    let status = match refund.state {
        RefundState::Pending => "pending",
        RefundState::Succeeded => "processed",
        RefundState::Failed | RefundState::Cancelled => "failed",
    };
    // An empty list where there are none.
    let notes = if refund.reference.is_null() { json!([]) } else { refund.reference.clone() };
    json!({
        "id": refund.id, "entity": "refund", "amount": refund.amount, "currency": sale.currency,
        "payment_id": sale.payment.as_ref().map(|payment| &payment.id), "status": status, "notes": notes,
        "receipt": null, "acquirer_data": { "arn": null }, "batch_id": null, "speed_processed": "normal",
        "speed_requested": "normal", "created_at": refund.at.as_second(),
    })
}

fn whole(given: &Value) -> Option<u64> {
    given.as_u64().or_else(|| given.as_str()?.parse().ok())
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

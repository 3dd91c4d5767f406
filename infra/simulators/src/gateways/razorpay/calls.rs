//! The calls of the API.

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::link_request::requested_sale;
use super::objects::{ended, is_payment, payment_object};
use super::parameters::{caller, input};
use super::refusal::{Answer, Refusal, respond};
use super::state::Razorpay;
use crate::gateways::digest::sha256;
use crate::gateways::hosted_checkout::{Sale, SaleState};
use crate::gateways::replays::{IdempotentCall, Replayed};

/// Refunds under one key are one refund. How long is not published.
const REPLAYED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The calls that can be made to misbehave.
pub(super) const CALLS: [&str; 5] = ["create", "retrieve", "cancel", "retrieve_payment", "refund"];

pub(super) async fn create(State(razorpay): State<Razorpay>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.misbehaviour.apply("create", || respond(razorpay.create(&headers, &body))).await
}

pub(super) async fn retrieve(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = || respond(razorpay.owned(&id, &headers).map(|sale| razorpay.link_object(&id, &sale)));
    razorpay.0.misbehaviour.apply("retrieve", answer).await
}

pub(super) async fn cancel(State(razorpay): State<Razorpay>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    razorpay.0.misbehaviour.apply("cancel", || respond(razorpay.cancel(&id, &headers))).await
}

pub(super) async fn retrieve_payment(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    razorpay.0.misbehaviour.apply("retrieve_payment", || respond(razorpay.payment(&id, &headers))).await
}

pub(super) async fn refund(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    razorpay.0.misbehaviour.apply("refund", || respond(razorpay.refund(&id, &headers, &body))).await
}

impl Razorpay {
    fn create(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        let caller = caller(headers)?;
        let input = input(headers, body)?;
        let owner = caller.owner.clone();
        let is_known = |order: &str| {
            let is_it = |sale: &Sale| sale.owner == owner && sale.order == order;
            self.0.books.read(|ledger| ledger.sales.values().any(is_it))
        };
        let sale = requested_sale(&input, caller, self.0.now(), is_known)?;
        let id = format!("plink_{}", self.0.ids.text(14));
        let object = self.link_object(&id, &sale);
        self.0.add(&id, sale);
        Ok(object)
    }

    fn owned(&self, id: &str, headers: &HeaderMap) -> Result<Sale, Refusal> {
        let caller = caller(headers)?;
        self.0.sale(id).filter(|sale| sale.owner == caller.owner).ok_or_else(Refusal::missing)
    }

    fn cancel(&self, id: &str, headers: &HeaderMap) -> Answer {
        self.owned(id, headers)?;
        let now = self.0.clock.now();
        let cancelled = self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or_else(Refusal::missing)?;
            match sale.state {
                SaleState::Open => sale.state = SaleState::Cancelled,
                // Nothing is captured yet, and what is authorised may be all the same.
                SaleState::Processing if ended(sale, now).is_none() => sale.metadata["ended"] = json!("cancelled"),
                SaleState::Processing
                | SaleState::Waiting
                | SaleState::Ours
                | SaleState::Failed
                | SaleState::Cancelled
                | SaleState::Expired
                | SaleState::Returned => {
                    return Err(Refusal::new("Payment link cannot be cancelled in its present state"));
                }
            }
            Ok(sale.clone())
        })?;
        self.notify("payment_link.cancelled", id, &cancelled);
        Ok(self.link_object(id, &cancelled))
    }

    fn payment(&self, id: &str, headers: &HeaderMap) -> Answer {
        let caller = caller(headers)?;
        self.0.now();
        let is_it = |sale: &&Sale| sale.owner == caller.owner && is_payment(sale, id);
        let sale = self.0.books.read(|ledger| ledger.sales.values().find(is_it).cloned());
        sale.as_ref().and_then(payment_object).ok_or_else(Refusal::missing)
    }

    fn refund(&self, id: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
        let caller = caller(headers)?;
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
                Replayed::Other => return Err(Refusal::new("The key was used with another request")),
            }
        }
        let refund = format!("rfnd_{}", self.0.ids.text(14));
        let body = self.0.books.change(|ledger| {
            let is_it = |sale: &&mut Sale| sale.owner == caller.owner && is_payment(sale, id);
            let sale = ledger.sales.values_mut().find(is_it).ok_or_else(Refusal::missing)?;
            if sale.state != SaleState::Ours {
                return Err(Refusal::new("The payment status should be captured for action to be taken"));
            }
            let left = sale.payment.as_ref().map_or(0, |payment| payment.amount) - sale.refunded;
            let amount = input.get("amount").and_then(Value::as_u64).unwrap_or(left);
            if left == 0 {
                return Err(Refusal::new("The payment has been fully refunded already"));
            }
            if amount == 0 || amount > left {
                return Err(Refusal::field("amount", "The refund amount provided is greater than amount captured"));
            }
            sale.refunded += amount;
            Ok(json!({
                "id": refund, "entity": "refund", "amount": amount, "currency": sale.currency, "payment_id": id,
                "status": "processed", "speed_processed": "normal", "created_at": now.as_second(), "notes": [],
            }))
        })?;
        if let Some(call) = &call {
            self.0.remember(call, (StatusCode::OK, body.clone()), now, REPLAYED_FOR);
        }
        Ok(body)
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

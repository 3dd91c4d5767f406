//! Refunds of a payment: made, listed and asked about.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::amount::{amount, amount_of};
use super::list::page;
use super::payments::Mollie;
use super::refusal::{Answer, Refusal, respond};
use crate::gateways::credential::Credential;
use crate::gateways::hosted_checkout::{RefundState, Sale, SaleRefund, SaleState};

/// Two identical refunds within so long are taken for one that was sent twice. The figure is not published.
const DUPLICATE_WITHIN: SignedDuration = SignedDuration::from_secs(10);

pub(super) async fn refund(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = || mollie.once(&headers, &body, &id, |owner, _, input| mollie.refund(&id, owner, key, input));
    mollie.0.misbehaviour.apply("refund", answer).await
}

pub(super) async fn list_refunds(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let answer = || {
        respond(mollie.owned(&id, &headers).and_then(|sale| {
            // The newest first. One that was cancelled is gone.
            let everything: Vec<Value> =
                sale.refunds.iter().rev().filter(|refund| exists(refund)).map(|one| object(&id, &sale, one)).collect();
            let here = format!("{}/mollie/v2/payments/{id}/refunds", mollie.0.base);
            Ok((StatusCode::OK, page("refunds", everything, &here, &query)?))
        }))
    };
    mollie.0.misbehaviour.apply("list_refunds", answer).await
}

pub(super) async fn retrieve_refund(
    State(mollie): State<Mollie>,
    Path((id, refund)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let answer = || {
        respond(mollie.owned(&id, &headers).and_then(|sale| {
            let found = sale.refunds.iter().find(|one| one.id == refund && exists(one));
            found.map(|one| (StatusCode::OK, object(&id, &sale, one))).ok_or_else(Refusal::missing_refund)
        }))
    };
    mollie.0.misbehaviour.apply("retrieve_refund", answer).await
}

pub(super) fn exists(refund: &SaleRefund) -> bool {
    refund.state != RefundState::Cancelled
}

impl Mollie {
    fn refund(&self, id: &str, owner: &Credential, key: Option<String>, input: &Map<String, Value>) -> Answer {
        let (minor, currency) = amount_of(input)?;
        let now = self.0.now();
        let refund = format!("re_{}", self.0.ids.text(10));
        let metadata = input.get("metadata").cloned().unwrap_or_default();
        let (body, notified) = self.0.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).filter(|sale| sale.owner == *owner).ok_or_else(Refusal::missing)?;
            if !matches!(sale.state, SaleState::Ours | SaleState::Returned) || currency != sale.currency {
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "The payment cannot be refunded"));
            }
            let is_the_same = |one: &SaleRefund| {
                let is_alive = matches!(one.state, RefundState::Pending | RefundState::Succeeded);
                is_alive && one.amount == minor && now.duration_since(one.at) < DUPLICATE_WITHIN
            };
            if sale.refunds.iter().any(is_the_same) {
                return Err(Refusal::new(StatusCode::CONFLICT, "A duplicate refund has been detected"));
            }
            if minor > sale.refundable() {
                return Err(Refusal::field("amount", "The amount is higher than the maximum"));
            }
            let becomes = self.0.next_refund(id, RefundState::Succeeded);
            sale.add_refund_of(minor, refund, metadata, key, becomes, now);
            let mut body = sale.refunds.last().map(|made| object(id, sale, made)).unwrap_or_default();
            body["description"] = input.get("description").cloned().unwrap_or_default();
            // One that is accepted did not change yet.
            Ok::<_, Refusal>((body, (becomes != RefundState::Pending).then(|| sale.clone())))
        })?;
        if let Some(sale) = notified {
            self.notify(id, &sale);
        }
        Ok((StatusCode::CREATED, body))
    }
}

/// The refund as the API shows it.
pub(super) fn object(payment: &str, sale: &Sale, refund: &SaleRefund) -> Value {
    let status = match refund.state {
        RefundState::Pending => "pending",
        RefundState::Succeeded => "refunded",
        RefundState::Failed => "failed",
        RefundState::Cancelled => "canceled",
    };
    json!({
        "resource": "refund", "id": refund.id, "mode": if sale.is_live { "live" } else { "test" },
        "paymentId": payment, "status": status, "amount": amount(refund.amount, &sale.currency),
        "createdAt": refund.at, "description": "",
        "metadata": refund.reference, "_links": {},
    })
}

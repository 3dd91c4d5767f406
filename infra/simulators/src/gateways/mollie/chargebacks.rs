//! Chargebacks of a payment, as the API lists them. Nobody makes one by a call.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::amount::amount;
use super::list::page;
use super::payments::Mollie;
use super::refusal::respond;
use crate::gateways::disputes::{Dispute, DisputeState};
use crate::gateways::hosted_checkout::Sale;

pub(super) async fn list_chargebacks(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let answer = || {
        respond(mollie.owned(&id, &headers).and_then(|sale| {
            let everything: Vec<Value> = sale.disputes.iter().map(|one| object(&id, &sale, one)).collect();
            let here = format!("{}/mollie/v2/payments/{id}/chargebacks", mollie.0.base);
            Ok((StatusCode::OK, page("chargebacks", everything, &here, &query)?))
        }))
    };
    mollie.0.misbehaviour.apply("list_chargebacks", answer).await
}

/// The chargeback as the API shows it. A reason is known of direct debits alone, which the tester's word stands for.
pub(super) fn object(payment: &str, sale: &Sale, chargeback: &Dispute) -> Value {
    let reason = chargeback.reason.as_ref().map(|code| json!({ "code": code, "description": "As the bank says" }));
    let mut object = json!({
        "resource": "chargeback", "id": chargeback.id, "paymentId": payment,
        "amount": amount(chargeback.amount, &sale.currency), "createdAt": chargeback.opened_at, "reason": reason,
        "_links": {},
    });
    if chargeback.state == DisputeState::Won {
        object["reversedAt"] = json!(chargeback.decided_at);
    }
    object
}

//! The hosted page, and the test controls, which the real gateway does not have.

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::amount::display;
use super::payments::{CALLS, Mollie};
use crate::gateways::hosted_checkout::{
    ChangedDispute, DeadEnd, DecidedRefund, DisputeKind, Outcome, PageContent, SaleState,
};
use crate::gateways::payment_page::{Choice, Chosen, MisbehaviourButton, buttons, closed_browser, page, redirect};

const CHOICES: [Choice; 12] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the payment fail" },
    Choice { value: "no_funds", label: "Decline: not enough money on the card" },
    Choice { value: "wrong_password", label: "Decline: wrong security code" },
    Choice { value: "over_limit", label: "Decline: refused by the issuer" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_no_webhook", label: "Pay, but lose the webhook" },
    Choice { value: "paid_silent", label: "Pay, close the browser and lose the webhook" },
    Choice { value: "paid_less", label: "Pay half of it" },
    Choice { value: "processing", label: "Pay by a slow method (come back to this page to complete it)" },
    Choice { value: "cancelable", label: "Choose a method that the merchant can cancel" },
];

const COMPLETION_CHOICES: [Choice; 2] = [
    Choice { value: "succeeded", label: "Let the money arrive" },
    Choice { value: "failed", label: "Let the payment fail" },
];

const MISBEHAVIOURS: [MisbehaviourButton; 3] = [
    MisbehaviourButton { call: "retrieve", how: "slow", label: "Answer the next look-up slowly" },
    MisbehaviourButton { call: "retrieve", how: "502_html", label: "Answer the next look-up with 502" },
    MisbehaviourButton { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

pub(super) async fn checkout(State(mollie): State<Mollie>, Path(id): Path<String>) -> Response {
    page_of(&mollie, &id, None)
}

fn page_of(mollie: &Mollie, id: &str, notice: Option<&str>) -> Response {
    let sale = mollie.0.sale(id);
    if sale.as_ref().is_some_and(|sale| sale.state == SaleState::Processing) {
        let completion = buttons(&format!("/mollie/simulator/{id}/complete_async"), &COMPLETION_CHOICES);
        return page(StatusCode::OK, "Mollie: pending", &completion);
    }
    let shown = sale.map(|sale| format!("{} {}", display(sale.amount, &sale.currency), sale.currency));
    let amount = shown.unwrap_or_default();
    let content = PageContent { amount: &amount, notice, choices: &CHOICES, misbehaviours: &MISBEHAVIOURS };
    mollie.0.page("Mollie", id, &format!("/mollie/checkout/{id}"), "/mollie/simulator/next_answer", content)
}

pub(super) async fn choose(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    match mollie.0.press(&id, outcome, SaleState::Ours, id.clone(), true) {
        Ok(_) if outcome == Outcome::Cancelable => page_of(&mollie, &id, Some("The method is chosen.")),
        Ok(sale) => {
            // Nobody is called while a payment is pending.
            if outcome.is_notified() && sale.state != SaleState::Processing {
                mollie.notify(&id, &sale);
            }
            // The address as it was given: nothing is added to it.
            if outcome.comes_back() {
                redirect(StatusCode::SEE_OTHER, &sale.back)
            } else {
                closed_browser("Mollie", &sale.back)
            }
        }
        Err(dead_end @ (DeadEnd::Unknown | DeadEnd::Finished)) => dead_end.page("Mollie"),
    }
}

/// How a slow payment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Completion {
    Succeeded,
    Failed,
}

pub(super) async fn complete_async(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Completion>>,
) -> Response {
    match mollie.0.complete_async(&id, outcome == Completion::Succeeded) {
        Ok(sale) => {
            mollie.notify(&id, &sale);
            Json(json!({ "status": sale.state.name() })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

pub(super) async fn next_answer(State(mollie): State<Mollie>, headers: HeaderMap, body: Bytes) -> Response {
    mollie.0.misbehaviour.plan(&CALLS, &headers, &body)
}

pub(super) async fn next_refund(State(mollie): State<Mollie>, headers: HeaderMap, body: Bytes) -> Response {
    mollie.0.plan_refund(&headers, &body)
}

/// The gateway calls about a refund what it calls about its payment.
pub(super) async fn complete_refund(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match mollie.0.complete_refund(&id, &headers, &body) {
        Ok(DecidedRefund { sale, is_notified, .. }) => {
            if is_notified {
                mollie.notify(&id, &sale);
            }
            Json(json!({ "status": sale.state.name() })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

pub(super) async fn dashboard_refund(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refund = format!("re_{}", mollie.0.ids.text(10));
    match mollie.0.dashboard_refund(&id, refund, &headers, &body) {
        Ok(DecidedRefund { sale, refund, is_notified }) => {
            if is_notified {
                mollie.notify(&id, &sale);
            }
            Json(json!({ "refund": refund.id })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

/// The payer's bank takes the money back.
pub(super) async fn dispute(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let chargeback = format!("chb_{}", mollie.0.ids.text(21));
    changed(&mollie, &id, mollie.0.open_dispute(&id, chargeback, DisputeKind::LostAtOnce, &headers, &body))
}

/// The bank gives it back.
pub(super) async fn complete_dispute(
    State(mollie): State<Mollie>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    changed(&mollie, &id, mollie.0.decide_dispute(&id, DisputeKind::LostAtOnce, &headers, &body))
}

/// The gateway calls about a chargeback what it calls about its payment.
fn changed(mollie: &Mollie, id: &str, changed: Result<ChangedDispute, StatusCode>) -> Response {
    match changed {
        Ok(ChangedDispute { sale, dispute, is_notified, .. }) => {
            if is_notified {
                mollie.notify(id, &sale);
            }
            Json(json!({ "dispute": dispute.id })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

pub(super) async fn revoke_key(State(mollie): State<Mollie>, headers: HeaderMap, body: Bytes) -> Response {
    mollie.0.revoke_key(&headers, &body)
}

pub(super) async fn books(State(mollie): State<Mollie>) -> Json<Vec<Value>> {
    mollie.0.in_books()
}

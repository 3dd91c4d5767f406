//! The hosted page, and the test controls, which the real gateway does not have.

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::calls::CALLS;
use super::objects::{ended, fail, is_at_bank};
use super::signature::sign;
use super::state::Razorpay;
use crate::gateways::hosted_checkout::{
    ChangedDispute, DecidedRefund, DisputeKind, Outcome, PageContent, Payment, Sale, SaleState,
};
use crate::gateways::payment_page::{Choice, Chosen, MisbehaviourButton, buttons, closed_browser, page, redirect};

const CHOICES: [Choice; 9] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the card be declined" },
    Choice { value: "cancelled", label: "Leave without paying" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_no_webhook", label: "Pay, but lose the webhook" },
    Choice { value: "paid_silent", label: "Pay, close the browser and lose the webhook" },
    Choice { value: "paid_less", label: "Pay half of it" },
    Choice { value: "processing", label: "Pay, but let the capture wait (come back to this page to complete it)" },
    Choice { value: "left_at_bank", label: "Begin to pay and leave before the bank answers" },
];

const BANK_CHOICES: [Choice; 2] = [
    Choice { value: "succeeded", label: "Let the money be captured" },
    Choice { value: "failed", label: "Let it go back" },
];

const MISBEHAVIOURS: [MisbehaviourButton; 3] = [
    MisbehaviourButton { call: "retrieve", how: "slow", label: "Answer the next look-up slowly" },
    MisbehaviourButton { call: "retrieve", how: "502_html", label: "Answer the next look-up with 502" },
    MisbehaviourButton { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

pub(super) async fn hosted_page(State(razorpay): State<Razorpay>, Path(id): Path<String>) -> Response {
    page_of(&razorpay, &id, None)
}

fn page_of(razorpay: &Razorpay, id: &str, notice: Option<&str>) -> Response {
    let shown = razorpay.0.sale(id);
    if shown.as_ref().is_some_and(|sale| sale.state == SaleState::Processing) {
        let bank = buttons(&format!("/razorpay/simulator/{id}/complete_async"), &BANK_CHOICES);
        return page(StatusCode::OK, "Razorpay: authorised", &bank);
    }
    let shown = shown.map(|sale| format!("{}.{:02} {}", sale.amount / 100, sale.amount % 100, sale.currency));
    let amount = shown.unwrap_or_default();
    let content = PageContent { amount: &amount, notice, choices: &CHOICES, misbehaviours: &MISBEHAVIOURS };
    razorpay.0.page("Razorpay", id, &format!("/razorpay/i/{id}"), "/razorpay/simulator/next_answer", content)
}

pub(super) async fn choose(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    let payment = format!("pay_{}", razorpay.0.ids.text(14));
    let sale = match razorpay.0.press(&id, outcome, SaleState::Ours, payment, false) {
        Ok(sale) => sale,
        Err(dead_end) => return dead_end.page("Razorpay"),
    };
    match outcome {
        Outcome::LeftAtBank => {
            razorpay.await_bank(&id);
            return closed_browser("Razorpay", &sale.back);
        }
        Outcome::Failed => return page_of(&razorpay, &id, Some("Your card was declined. You can try again.")),
        Outcome::Cancelled => return page_of(&razorpay, &id, Some("Nothing was paid.")),
        _ => {}
    }
    // Of a payment that is not captured yet only events about payments tell, and those are not about a link.
    if outcome.is_notified() && outcome != Outcome::Processing {
        let kind = if outcome == Outcome::PaidLess { "payment_link.partially_paid" } else { "payment_link.paid" };
        razorpay.notify(kind, &id, &sale);
    }
    let back = return_url(&razorpay, &id, &sale);
    if outcome.comes_back() { redirect(StatusCode::FOUND, &back) } else { closed_browser("Razorpay", &back) }
}

/// The way back, signed with the secret of the key that made the link.
fn return_url(razorpay: &Razorpay, id: &str, sale: &Sale) -> String {
    let Ok(mut url) = Url::parse(&sale.back) else { return sale.back.clone() };
    let status = razorpay.link_object(id, sale)["status"].as_str().unwrap_or_default().to_owned();
    let payment = sale.payment.as_ref().map(|payment| payment.id.clone()).unwrap_or_default();
    let secret = sale.metadata["secret"].as_str().unwrap_or_default();
    let signature = sign(secret, format!("{id}|{}|{status}|{payment}", sale.order).as_bytes());
    url.query_pairs_mut()
        .append_pair("razorpay_payment_id", &payment)
        .append_pair("razorpay_payment_link_id", id)
        .append_pair("razorpay_payment_link_reference_id", &sale.order)
        .append_pair("razorpay_payment_link_status", &status)
        .append_pair("razorpay_signature", &signature);
    url.into()
}

/// What the bank and the capture make of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bank {
    /// Says yes to what it had declined, up to days later.
    Authorized,
    /// The money is captured.
    Succeeded,
    /// It goes back.
    Failed,
}

pub(super) async fn complete_async(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Bank>>,
) -> Response {
    let now = razorpay.0.now();
    let decided = razorpay.0.books.change(|ledger| {
        let sale = ledger.sales.get_mut(&id).ok_or(StatusCode::NOT_FOUND)?;
        decide(sale, outcome, now).ok_or(StatusCode::CONFLICT)?;
        Ok::<Sale, StatusCode>(sale.clone())
    });
    match decided {
        Ok(sale) => {
            let is_paid = sale.state == SaleState::Ours && ended(&sale, now).is_none();
            if is_paid {
                razorpay.notify("payment_link.paid", &id, &sale);
            }
            Json(json!({ "status": sale.state.name() })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

/// Lets the bank decide, where the sale waits for it.
fn decide(sale: &mut Sale, bank: Bank, now: Timestamp) -> Option<()> {
    match (bank, sale.state) {
        (Bank::Authorized, SaleState::Open | SaleState::Cancelled | SaleState::Expired) => {
            let id = sale.failures.pop()?;
            match sale.state {
                SaleState::Cancelled => sale.metadata["ended"] = json!("cancelled"),
                SaleState::Expired => sale.metadata["ended"] = json!("expired"),
                _ => {}
            }
            sale.payment = Some(Payment { id, amount: sale.amount, at: now, confirmed_at: None });
            sale.state = SaleState::Processing;
        }
        (Bank::Authorized, SaleState::Processing) if is_at_bank(sale) => sale.metadata["at_bank"] = json!(false),
        // The customer paid anew in the meantime, so that the link has two payments.
        (Bank::Authorized, SaleState::Ours) => sale.metadata["late_yes"] = json!(sale.failures.pop()?),
        (Bank::Succeeded, SaleState::Processing) => {
            if let Some(ended) = ended(sale, now) {
                sale.metadata["ended"] = json!(ended);
            }
            sale.metadata["at_bank"] = json!(false);
            sale.state = SaleState::Ours;
        }
        (Bank::Failed, SaleState::Processing) => fail(sale, now),
        _ => return None,
    }
    Some(())
}

pub(super) async fn next_answer(State(razorpay): State<Razorpay>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.misbehaviour.plan(&CALLS, &headers, &body)
}

pub(super) async fn next_refund(State(razorpay): State<Razorpay>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.plan_refund(&headers, &body)
}

pub(super) async fn complete_refund(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match razorpay.0.complete_refund(&id, &headers, &body) {
        Ok(DecidedRefund { sale, refund, is_notified }) => {
            if is_notified {
                razorpay.notify_decided(&id, &sale, &refund);
            }
            Json(json!({ "status": sale.state.name() })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

pub(super) async fn dashboard_refund(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refund = format!("rfnd_{}", razorpay.0.ids.text(14));
    match razorpay.0.dashboard_refund(&id, refund, &headers, &body) {
        Ok(DecidedRefund { sale, refund, is_notified }) => {
            if is_notified {
                razorpay.notify_refund("refund.created", &id, &sale, &refund);
                razorpay.notify_decided(&id, &sale, &refund);
            }
            Json(json!({ "refund": refund.id })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

/// The customer, or their bank, disputes the payment.
pub(super) async fn dispute(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let dispute = format!("disp_{}", razorpay.0.ids.text(14));
    changed(&razorpay, &id, razorpay.0.open_dispute(&id, dispute, DisputeKind::Answerable, &headers, &body))
}

/// Something becomes of a dispute.
pub(super) async fn complete_dispute(
    State(razorpay): State<Razorpay>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    changed(&razorpay, &id, razorpay.0.decide_dispute(&id, DisputeKind::Answerable, &headers, &body))
}

fn changed(razorpay: &Razorpay, id: &str, changed: Result<ChangedDispute, StatusCode>) -> Response {
    match changed {
        Ok(ChangedDispute { sale, dispute, became, is_notified }) => {
            if is_notified {
                razorpay.notify_dispute(became, id, &sale, &dispute);
            }
            Json(json!({ "dispute": dispute.id })).into_response()
        }
        Err(status) => status.into_response(),
    }
}

/// The key is the key's id.
pub(super) async fn revoke_key(State(razorpay): State<Razorpay>, headers: HeaderMap, body: Bytes) -> Response {
    razorpay.0.revoke_key(&headers, &body)
}

pub(super) async fn books(State(razorpay): State<Razorpay>) -> Json<Vec<Value>> {
    razorpay.0.in_books()
}

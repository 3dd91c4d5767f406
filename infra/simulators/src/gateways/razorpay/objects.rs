//! Links and payments as the API shows them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::gateways::hosted_checkout::{Sale, SaleState};

/// The link as the API shows it.
pub(super) fn link_object(id: &str, sale: &Sale, base: &str, now: Timestamp) -> Value {
    let paid = sale.payment.as_ref();
    let captured = paid.filter(|_| sale.state != SaleState::Processing);
    let amount_paid = captured.map_or(0, |payment| payment.amount);
    let ended = ended(sale, now);
    let status = match sale.state {
        SaleState::Ours if ended.is_none() && amount_paid < sale.amount => "partially_paid",
        SaleState::Ours | SaleState::Returned | SaleState::Waiting => ended.unwrap_or("paid"),
        SaleState::Open | SaleState::Failed | SaleState::Processing => ended.unwrap_or("created"),
        SaleState::Cancelled => "cancelled",
        SaleState::Expired => "expired",
    };
    let failed = sale.failures.iter().map(|id| json!({ "payment_id": id, "status": "failed", "amount": sale.amount }));
    let made = payment_object(sale).map(|payment| {
        json!({
            "payment_id": payment["id"], "status": payment["status"], "amount": payment["amount"],
            "method": "card", "created_at": payment["created_at"],
        })
    });
    let payments: Vec<Value> = failed.chain(made).collect();
    json!({
        "id": id,
        "entity": "payment_link",
        "short_url": format!("{base}/razorpay/i/{id}"),
        "status": status,
        "amount": sale.amount,
        "amount_paid": amount_paid,
        "currency": sale.currency,
        "accept_partial": false,
        "description": sale.description,
        "reference_id": sale.order,
        "callback_url": sale.back,
        "callback_method": "get",
        "customer": {},
        "notes": sale.metadata["notes"],
        "notify": { "email": false, "sms": false, "whatsapp": false },
        "reminder_enable": false,
        "order_id": paid.map(|_| format!("order_{id}")),
        "payments": (!payments.is_empty()).then_some(payments),
        "expire_by": sale.ends_at.as_second(),
        "expired_at": if status == "expired" { sale.ends_at.as_second() } else { 0 },
        "cancelled_at": 0,
        "created_at": sale.created_at.as_second(),
        "updated_at": sale.created_at.as_second(),
        "upi_link": false,
        "user_id": "",
    })
}

/// How the link ended before the money came, where it did.
pub(super) fn ended(sale: &Sale, now: Timestamp) -> Option<&'static str> {
    match sale.metadata["ended"].as_str() {
        Some("cancelled") => Some("cancelled"),
        Some(_) => Some("expired"),
        None => (sale.state == SaleState::Processing && now >= sale.ends_at).then_some("expired"),
    }
}

pub(super) fn is_payment(sale: &Sale, id: &str) -> bool {
    sale.payment.as_ref().is_some_and(|payment| payment.id == id)
}

/// The payment of a sale, where it has one that did not fail.
pub(super) fn payment_object(sale: &Sale) -> Option<Value> {
    let payment = sale.payment.as_ref()?;
    let status = match sale.state {
        SaleState::Processing => "authorized",
        _ if sale.refunded >= payment.amount => "refunded",
        _ => "captured",
    };
    Some(json!({
        "id": payment.id, "entity": "payment", "amount": payment.amount, "currency": sale.currency, "status": status,
        "amount_refunded": sale.refunded, "captured": status != "authorized", "method": "card",
        "description": sale.description, "created_at": payment.at.as_second(),
    }))
}

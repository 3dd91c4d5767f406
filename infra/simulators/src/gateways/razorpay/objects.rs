//! Links and payments as the API shows them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::gateways::hosted_checkout::{Sale, SaleState};

/// A payment about which its bank does not answer fails after so long.
const BANK_ANSWERS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// How many things are listed unless more are asked for.
pub(super) const LISTED: usize = 10;

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
    // Captured ones only, and captured is all that they ever are here.
    let payments = captured.map(|payment| {
        let shown = |id: &str| {
            json!({
                "payment_id": id, "status": "captured", "amount": payment.amount, "method": "card",
                "created_at": payment.at.as_second(), "updated_at": payment.at.as_second(),
            })
        };
        // What the link counts as paid stays the amount once, however many payments it has. That is not published.
        late_yes(sale).into_iter().chain([payment.id.as_str()]).map(shown).collect::<Vec<Value>>()
    });
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
        "order_id": order_of(id, sale),
        "payments": payments,
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

/// The payment to which a bank said yes after its no, when the link was paid by another one already.
fn late_yes(sale: &Sale) -> Option<&str> {
    sale.metadata["late_yes"].as_str()
}

pub(super) fn is_payment(sale: &Sale, id: &str) -> bool {
    sale.payment.as_ref().is_some_and(|payment| payment.id == id)
}

/// The order of a link. It is made when somebody first tries to pay; when the gateway makes it is not published.
pub(super) fn order_of(link: &str, sale: &Sale) -> Option<String> {
    let is_tried = sale.payment.is_some() || !sale.failures.is_empty();
    is_tried.then(|| format!("order_{}", link.trim_start_matches("plink_")))
}

/// The order of a link as the API shows it, once there is one.
pub(super) fn order_object(link: &str, sale: &Sale) -> Option<Value> {
    let captured = sale.payment.as_ref().filter(|_| sale.state != SaleState::Processing);
    let paid = captured.map_or(0, |payment| payment.amount);
    Some(json!({
        "id": order_of(link, sale)?, "entity": "order", "amount": sale.amount, "amount_paid": paid,
        "amount_due": sale.amount.saturating_sub(paid), "currency": sale.currency, "receipt": null, "offer_id": null,
        "status": if captured.is_some() { "paid" } else { "attempted" }, "attempts": 1, "notes": [],
        "created_at": sale.created_at.as_second(),
    }))
}

/// Every payment that somebody began in a link, the last first.
pub(super) fn payment_objects(link: &str, sale: &Sale) -> Vec<Value> {
    let order = order_of(link, sale);
    let shown = |id: &str, amount: u64, at: Timestamp, status: &str| {
        let is_captured = matches!(status, "captured" | "refunded");
        // Refunds that are not finished count, as in the gateway's own samples.
        let back = if is_captured { sale.given_back() } else { 0 };
        json!({
            "id": id, "entity": "payment", "amount": amount, "currency": sale.currency, "status": status,
            "order_id": order, "invoice_id": null, "international": false, "method": "card",
            "amount_refunded": back, "captured": is_captured, "description": sale.description,
            "refund_status": if back == 0 { None } else { Some(if back < amount { "partial" } else { "full" }) },
            "card_id": "card_simulator", "card": { "id": "card_simulator", "entity": "card", "last4": "0153" },
            "notes": sale.metadata["notes"],
            // Two per cent and the tax on them.
            "fee": is_captured.then_some(amount * 236 / 10_000), "tax": is_captured.then_some(amount * 36 / 10_000),
            "fee_bearer": "platform", "created_at": at.as_second(),
        })
    };
    let made = sale.payment.as_ref().map(|payment| {
        let status = match sale.state {
            SaleState::Processing if is_at_bank(sale) => "created",
            SaleState::Processing => "authorized",
            _ if sale.given_back() >= payment.amount => "refunded",
            _ => "captured",
        };
        shown(&payment.id, payment.amount, payment.at, status)
    });
    let second = late_yes(sale).map(|id| {
        // It has refunds of its own, which are not simulated.
        let mut payment = shown(id, sale.amount, sale.created_at, "captured");
        payment["amount_refunded"] = json!(0);
        payment["refund_status"] = Value::Null;
        payment
    });
    let failed = sale.failures.iter().rev().map(|id| shown(id, sale.amount, sale.created_at, "failed"));
    made.into_iter().chain(second).chain(failed).collect()
}

/// Whether the bank has not answered about the payment that is under way.
pub(super) fn is_at_bank(sale: &Sale) -> bool {
    sale.metadata["at_bank"] == true
}

/// What time alone makes of a link: it ends, and a payment about which no bank answers fails.
pub(super) fn age(sale: &mut Sale, now: Timestamp) {
    sale.expire(now);
    let begun_at = sale.payment.as_ref().map(|payment| payment.at);
    let is_late = begun_at.is_some_and(|at| now.duration_since(at) >= BANK_ANSWERS_WITHIN);
    if sale.state == SaleState::Processing && is_at_bank(sale) && is_late {
        fail(sale, now);
    }
}

/// Lets the payment fail that is under way.
pub(super) fn fail(sale: &mut Sale, now: Timestamp) {
    sale.state = match ended(sale, now) {
        Some("cancelled") => SaleState::Cancelled,
        Some(_) => SaleState::Expired,
        None => SaleState::Open,
    };
    sale.metadata["at_bank"] = json!(false);
    sale.failures.extend(sale.payment.take().map(|payment| payment.id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::credential::Credential;
    use crate::gateways::disputes::Disputes;
    use crate::gateways::hosted_checkout::{Payment, RefundState};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn sale(state: SaleState, failures: &[&str]) -> Sale {
        let is_paid = matches!(state, SaleState::Processing | SaleState::Ours);
        let payment = Payment { id: "pay_2".to_owned(), amount: 50_000, at: NOW, confirmed_at: None };
        Sale {
            owner: Credential::of("rzp_test_1"),
            is_live: false,
            amount: 50_000,
            currency: "INR".to_owned(),
            description: String::new(),
            order: "at_1".to_owned(),
            back: String::new(),
            notify: None,
            metadata: json!({ "notes": [] }),
            created_at: NOW,
            ends_at: NOW + SignedDuration::from_mins(20),
            state,
            payment: is_paid.then_some(payment),
            failures: failures.iter().map(|id| (*id).to_owned()).collect(),
            declined: None,
            refunded: 0,
            refunds: Vec::new(),
            disputes: Disputes::default(),
            is_reversed: false,
            can_be_cancelled: false,
        }
    }

    fn statuses(sale: &Sale) -> Vec<Value> {
        payment_objects("plink_1", sale).iter().map(|payment| payment["status"].clone()).collect()
    }

    #[test]
    fn a_link_names_nothing_but_what_is_captured_and_its_order_names_all() {
        let link = |sale: &Sale| link_object("plink_1", sale, "http://localhost", NOW);
        let open = sale(SaleState::Open, &[]);
        assert_eq!((&link(&open)["payments"], &link(&open)["order_id"]), (&Value::Null, &Value::Null));
        let failed = sale(SaleState::Open, &["pay_1"]);
        assert_eq!((&link(&failed)["payments"], &link(&failed)["order_id"]), (&Value::Null, &json!("order_1")));
        assert_eq!(statuses(&failed), ["failed"]);
        let authorized = sale(SaleState::Processing, &["pay_1"]);
        assert_eq!(link(&authorized)["payments"], Value::Null);
        assert_eq!(statuses(&authorized), ["authorized", "failed"]);
        let mut captured = sale(SaleState::Ours, &["pay_1"]);
        assert_eq!(statuses(&captured), ["captured", "failed"]);
        captured.add_refund_of(50_000, "rfnd_1".to_owned(), Value::Null, None, RefundState::Pending, NOW);
        assert_eq!(statuses(&captured), ["refunded", "failed"]);
        captured.refunds.clear();
        captured.add_refund_of(20_000, "rfnd_1".to_owned(), Value::Null, None, RefundState::Pending, NOW);
        let part = payment_objects("plink_1", &captured).swap_remove(0);
        assert_eq!(
            [&part["status"], &part["refund_status"], &part["amount_refunded"]],
            [&json!("captured"), &json!("partial"), &json!(20_000)]
        );
        let shown = link(&captured);
        assert_eq!((&shown["status"], &shown["payments"][0]["status"]), (&json!("paid"), &json!("captured")));
    }

    #[test]
    fn a_late_yes_to_a_link_that_is_paid_is_a_second_payment_of_it() {
        let mut paid = sale(SaleState::Ours, &["pay_0", "pay_1"]);
        paid.failures.pop();
        paid.metadata["late_yes"] = json!("pay_1");
        assert_eq!(statuses(&paid), ["captured", "captured", "failed"]);
        let link = link_object("plink_1", &paid, "http://localhost", NOW);
        let named = [0, 1].map(|at| link["payments"][at]["payment_id"].clone());
        assert_eq!((named, &link["amount_paid"]), ([json!("pay_1"), json!("pay_2")], &json!(50_000)));
    }

    #[test]
    fn a_payment_about_which_no_bank_answers_fails_after_ten_minutes() {
        let mut begun = sale(SaleState::Processing, &[]);
        begun.metadata["at_bank"] = json!(true);
        age(&mut begun, NOW + SignedDuration::from_mins(9));
        assert_eq!(statuses(&begun), ["created"]);
        age(&mut begun, NOW + SignedDuration::from_mins(10));
        assert_eq!((begun.state, statuses(&begun)), (SaleState::Open, vec![json!("failed")]));
    }
}

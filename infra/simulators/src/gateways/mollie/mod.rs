//! Mollie payments: the API under a key, the hosted page, the webhook that says nothing but an id, and the test
//! controls.
//!
//! Test and live differ by the key alone. A payment is captured without a call of the merchant's. Unlike the gateway,
//! this one also calls webhooks on this machine: it is on the same one.
//!
//! Not simulated: organisations, what a profile refuses that is not verified or is blocked, methods other than the hosted page's choice, captures, the signed
//! webhooks.
//!
//! A refund is carried out at once, where the gateway takes days; a tester makes it wait. A chargeback takes the money at once,
//! and a tester reverses it.
//!
//! This file holds the routes. The calls are in `payments`, refunds in `refunds`, both listed in `lists`, chargebacks in
//! `chargebacks`, a list's pages in `list`, the key's own profile in `profile`, what
//! a call may carry in `parameters`, how the gateway says no in `refusal`, what people and tests press in `page`.

mod amount;
mod chargebacks;
mod list;
mod lists;
mod page;
mod parameters;
mod payments;
mod profile;
mod refunds;
mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use self::chargebacks::list_chargebacks;
use self::lists::{list_all_chargebacks, list_all_refunds, list_payments};
use self::page::{
    books, checkout, choose, complete_async, complete_dispute, complete_refund, dashboard_refund, dispute, next_answer,
    next_refund, revoke_key,
};
use self::payments::{Mollie, cancel, create, retrieve};
use self::profile::{change_profile, own_profile};
use self::refunds::{list_refunds, refund, retrieve_refund};
use super::hosted_checkout::{HostedCheckout, Sale};
use super::simulator::{Opening, Simulator};

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Mollie(Arc::new(HostedCheckout::open(opening, "mollie.json", Sale::expire)?), Arc::default())))
}

impl Simulator for Mollie {
    fn router(&self) -> Router {
        Router::new()
            .route("/mollie/v2/payments", post(create).get(list_payments))
            .route("/mollie/v2/payments/{id}", get(retrieve).delete(cancel))
            .route("/mollie/v2/payments/{id}/refunds", get(list_refunds).post(refund))
            .route("/mollie/v2/payments/{id}/refunds/{refund}", get(retrieve_refund))
            .route("/mollie/v2/refunds", get(list_all_refunds))
            .route("/mollie/v2/chargebacks", get(list_all_chargebacks))
            .route("/mollie/v2/payments/{id}/chargebacks", get(list_chargebacks))
            .route("/mollie/v2/profiles/me", get(own_profile))
            .route("/mollie/checkout/{id}", get(checkout).post(choose))
            .route("/mollie/simulator/{id}/complete_async", post(complete_async))
            .route("/mollie/simulator/{id}/complete_refund", post(complete_refund))
            .route("/mollie/simulator/{id}/dashboard_refund", post(dashboard_refund))
            .route("/mollie/simulator/{id}/dispute", post(dispute))
            .route("/mollie/simulator/{id}/complete_dispute", post(complete_dispute))
            .route("/mollie/simulator/profile", post(change_profile))
            .route("/mollie/simulator/next_answer", post(next_answer))
            .route("/mollie/simulator/next_refund", post(next_refund))
            .route("/mollie/simulator/revoke_key", post(revoke_key))
            .route("/mollie/books.json", get(books))
            .with_state(self.clone())
    }
}

#[cfg(test)]
mod tests;

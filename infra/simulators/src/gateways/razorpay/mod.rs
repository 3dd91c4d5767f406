//! Razorpay payment links: the API under a key and its secret, the hosted page, the signed return, signed webhooks
//! and the test controls.
//!
//! A payment that fails ends nothing: the customer tries again in the same link. Payments are captured without a call
//! of the merchant's. Test and live differ by the key alone.
//!
//! A link names captured payments only, whatever becomes of them later. Those in flight stand in the payments of its
//! order, which the link names once somebody tried to pay. A payment whose bank does not answer is `created` for ten
//! minutes and then failed; the bank may say yes days later.
//!
//! Not simulated: partial payments, orders of their own, editing a link, UPI links, convenience fees.
//!
//! A dispute takes nothing before it is lost. Those of all payments are one list.
//!
//! This file holds the routes. The calls are in `calls`, refunds in `refunds`, all of both in `lists`, disputes in `disputes`, a list's parts in `list`, what a new link may ask for in
//! `link_request`, how objects look in `objects`, how things are signed in `signature`, how the gateway says no in
//! `refusal`, what people and tests press in `page`.

mod calls;
mod disputes;
mod link_request;
mod list;
mod lists;
mod objects;
mod page;
mod parameters;
mod refunds;
mod refusal;
mod signature;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use self::calls::{cancel, create, list_orders, order_payments, retrieve, retrieve_payment};
use self::disputes::list_disputes;
use self::lists::{list_all_refunds, list_payments};
use self::objects::age;
use self::page::{
    books, choose, complete_async, complete_dispute, complete_refund, dashboard_refund, dispute, hosted_page,
    next_answer, next_refund, revoke_key,
};
use self::refunds::{list_refunds, refund, retrieve_refund};
use self::state::Razorpay;
use super::hosted_checkout::HostedCheckout;
use super::simulator::{Opening, Simulator};

pub(super) fn open(opening: &Opening<'_>) -> std::io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Razorpay(Arc::new(HostedCheckout::open(opening, "razorpay.json", age)?))))
}

impl Simulator for Razorpay {
    fn router(&self) -> Router {
        Router::new()
            // The documents write it with a slash at the end, an official client without.
            .route("/razorpay/v1/payment_links", post(create))
            .route("/razorpay/v1/payment_links/", post(create))
            .route("/razorpay/v1/payment_links/{id}", get(retrieve))
            .route("/razorpay/v1/payment_links/{id}/cancel", post(cancel))
            .route("/razorpay/v1/payments", get(list_payments))
            .route("/razorpay/v1/refunds", get(list_all_refunds))
            .route("/razorpay/v1/payments/{id}", get(retrieve_payment))
            .route("/razorpay/v1/orders", get(list_orders))
            .route("/razorpay/v1/orders/{id}/payments", get(order_payments))
            .route("/razorpay/v1/payments/{id}/refund", post(refund))
            .route("/razorpay/v1/payments/{id}/refunds", get(list_refunds))
            .route("/razorpay/v1/refunds/{id}", get(retrieve_refund))
            .route("/razorpay/v1/disputes", get(list_disputes))
            .route("/razorpay/i/{id}", get(hosted_page).post(choose))
            .route("/razorpay/simulator/{id}/complete_async", post(complete_async))
            .route("/razorpay/simulator/{id}/complete_refund", post(complete_refund))
            .route("/razorpay/simulator/{id}/dashboard_refund", post(dashboard_refund))
            .route("/razorpay/simulator/{id}/dispute", post(dispute))
            .route("/razorpay/simulator/{id}/complete_dispute", post(complete_dispute))
            .route("/razorpay/simulator/next_answer", post(next_answer))
            .route("/razorpay/simulator/next_refund", post(next_refund))
            .route("/razorpay/simulator/revoke_key", post(revoke_key))
            .route("/razorpay/books.json", get(books))
            .with_state(self.clone())
    }

    /// `key` is the key's id; signing the return needs its secret, which every call carries.
    fn register_webhook(&self, key: &str, url: &str, secret: &str) {
        self.0.add_endpoint(key, url, secret);
    }
}

#[cfg(test)]
mod tests;

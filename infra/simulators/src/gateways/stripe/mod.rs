//! Stripe Checkout: sessions, refunds, disputes, webhooks, the hosted payment page and the test controls.
//!
//! Calls are forms with bracket nesting under a secret key, answers are JSON objects. A key sees its own objects only;
//! test and live differ by nothing but the key. Stripe keeps a payment for the merchant without being asked, and
//! reports it by signed webhooks.
//!
//! Parameters that Stripe knows and that would change the amount or the way of paying (discounts, shipping, tax, saved
//! customers) are not simulated: they are refused as unknown, so that nobody relies on them here.
//!
//! This file holds the routes. The calls are in `calls`, who makes one in `caller`, what it may carry in `parameters`,
//! what it asks for in `order`, how it is answered in `answer`; what becomes of a session is in `session`, what is kept
//! in `ledger`, how all of it is listed in `lists`, what endpoints get in `webhooks`, what happens by itself in `state`, what people press in `page`, what
//! tests press in `controls`.

mod answer;
mod caller;
mod calls;
mod controls;
mod currencies;
mod ledger;
mod lists;
mod order;
mod page;
mod parameters;
mod session;
mod state;
mod webhooks;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use self::calls::{
    create, expire, list_disputes, list_refunds, list_sessions, refund, retrieve, retrieve_refund, unrecognized,
};
use self::controls::{
    add_webhook_endpoint, books, complete_async, complete_dispute, complete_refund, dashboard_refund, dispute,
    next_answer, next_api_error, next_refund, restrict_key, revoke_key,
};
use self::lists::list_charges;
use self::page::{choose, hosted_page};
use self::state::{Inner, Stripe};
use super::simulator::{Opening, Simulator};

pub(super) fn open(opening: &Opening<'_>) -> io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Stripe { inner: Arc::new(Inner::open(opening)?) }))
}

impl Simulator for Stripe {
    fn router(&self) -> Router {
        Router::new()
            .route("/stripe/v1/checkout/sessions", post(create).get(list_sessions).fallback(unrecognized))
            .route("/stripe/v1/checkout/sessions/{id}", get(retrieve).fallback(unrecognized))
            .route("/stripe/v1/checkout/sessions/{id}/expire", post(expire).fallback(unrecognized))
            .route("/stripe/v1/charges", get(list_charges).fallback(unrecognized))
            .route("/stripe/v1/refunds", post(refund).get(list_refunds).fallback(unrecognized))
            .route("/stripe/v1/refunds/{id}", get(retrieve_refund).fallback(unrecognized))
            .route("/stripe/v1/disputes", get(list_disputes).fallback(unrecognized))
            .route("/stripe/v1/{*rest}", any(unrecognized))
            .route("/stripe/c/pay/{id}", get(hosted_page).post(choose))
            .route("/stripe/simulator/{id}/complete_async", post(complete_async))
            .route("/stripe/simulator/{id}/complete_refund", post(complete_refund))
            .route("/stripe/simulator/{id}/dashboard_refund", post(dashboard_refund))
            // The name that it had first.
            .route("/stripe/simulator/{id}/refund_outside", post(dashboard_refund))
            .route("/stripe/simulator/{id}/dispute", post(dispute))
            .route("/stripe/simulator/{id}/complete_dispute", post(complete_dispute))
            .route("/stripe/simulator/next_refund", post(next_refund))
            .route("/stripe/simulator/next_api_error", post(next_api_error))
            .route("/stripe/simulator/revoke_key", post(revoke_key))
            .route("/stripe/simulator/restrict_key", post(restrict_key))
            .route("/stripe/simulator/webhook_endpoints", post(add_webhook_endpoint))
            .route("/stripe/simulator/next_answer", post(next_answer))
            .route("/stripe/books.json", get(books))
            .with_state(self.clone())
    }

    fn register_webhook(&self, key: &str, url: &str, secret: &str) {
        self.add_endpoint(key, url, secret);
    }
}

#[cfg(test)]
mod tests;

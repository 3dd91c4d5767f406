//! Zarinpal v4: the REST calls, the StartPay page and the test controls.
//!
//! The gateway is a card terminal behind one JSON call per step: `request` opens an authority, the customer pays at
//! StartPay, and only `verify` keeps the money for the merchant. There is no webhook and no signature. Two hosts are
//! simulated, the sandbox (authorities with `S`) and production (with `A`); neither knows the other's authorities.
//!
//! The panel's own API, which speaks GraphQL, refunds what cannot be reversed any more.
//!
//! What the merchant registered is a control: the callback domain (-14), the address that calls come from (-10) and that
//! of reversing (-62). Merchant levels are not simulated.
//!
//! This file holds the routes. The calls are in `calls`, what a call may contain in `fields` and `request`, how the
//! gateway says no in `refusal`, what becomes of a payment in `session`, all sessions in `ledger`, what people press in
//! `page`, the panel's API in `panel`, what tests press in `controls`.

mod calls;
mod controls;
mod currency;
mod fields;
mod host;
mod ledger;
mod mode;
mod page;
mod panel;
mod refusal;
mod request;
mod session;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use self::calls::rest_call;
use self::controls::{
    archive, auto_verify, books, complete_refund, dashboard_refund, inquiry_lag, next_answer, next_code, next_refund,
    pay_late, register, return_money, reverse_address, revoke_key,
};
use self::host::{Host, Shared};
use self::mode::Mode;
use self::page::{choose, start_pay};
use self::panel::graphql;
use super::simulator::{Opening, Simulator};

/// The Zarinpal simulator: both hosts share its state.
#[derive(Debug)]
struct Zarinpal {
    state: Arc<Shared>,
}

pub(super) fn open(opening: &Opening<'_>) -> io::Result<Box<dyn Simulator>> {
    Ok(Box::new(Zarinpal { state: Arc::new(Shared::open(opening)?) }))
}

impl Simulator for Zarinpal {
    fn router(&self) -> Router {
        [Mode::Sandbox, Mode::Live]
            .into_iter()
            .fold(Router::new(), |router, mode| router.nest(mode.prefix(), self.host(mode)))
    }
}

impl Zarinpal {
    fn host(&self, mode: Mode) -> Router {
        Router::new()
            .route("/pg/v4/payment/{file}", post(rest_call))
            .route("/pg/StartPay/{authority}", get(start_pay).post(choose))
            .route("/simulator/{authority}/return_money", post(return_money))
            .route("/simulator/{authority}/auto_verify", post(auto_verify))
            .route("/simulator/{authority}/pay_late", post(pay_late))
            .route("/simulator/{authority}/archive", post(archive))
            .route("/simulator/{authority}/complete_refund", post(complete_refund))
            .route("/simulator/{authority}/dashboard_refund", post(dashboard_refund))
            .route("/simulator/next_refund", post(next_refund))
            .route("/simulator/revoke_key", post(revoke_key))
            .route("/simulator/registration", post(register))
            .route("/simulator/reverse_address", post(reverse_address))
            .route("/simulator/inquiry_lag", post(inquiry_lag))
            .route("/simulator/next_code", post(next_code))
            .route("/simulator/next_answer", post(next_answer))
            .route("/api/v4/graphql/", post(graphql))
            .route("/books.json", get(books))
            .with_state(Host { mode, state: Arc::clone(&self.state) })
    }
}

#[cfg(test)]
mod tests;

//! Which address and method leads to which handler. Every other method is answered with the right ones.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post, put};
use web::ApiProblem;

use crate::app::{App, TIME};
use crate::handlers::{
    accounts, actions, audit, businesses, contacts, docs, endpoints, events, export, gateways, items, links, providers,
    qr, receipt_types, receipts, settings, templates, usage,
};
use crate::openapi;

/// What a record answers.
const ALL: &str = "DELETE, GET, PUT";

/// What the function answers, each call within its time.
pub fn router(app: App) -> Router {
    untimed(app).layer(from_fn_with_state(TIME, web::time::in_time))
}

/// The same for who calls it in a program at a terminal, which may take its time.
pub fn untimed(app: App) -> Router {
    Router::new()
        .route("/v1/accounts", only("GET", get(accounts::list)))
        .route("/v1/accounts/{id}", only(ALL, get(accounts::read).put(accounts::write).delete(accounts::delete)))
        // Checking an account is gateway-webhook's, which may read credentials.
        .route("/v1/accounts/{id}/check", only("POST", MethodRouter::new()))
        .route("/v1/audit-log", only("GET", get(audit::list)))
        .route("/v1/businesses", only("GET", get(businesses::list)))
        .route("/v1/businesses/{id}", only("GET, PUT", get(businesses::read).put(businesses::write)))
        .route("/v1/platform-defaults", only("GET, PUT", get(settings::read_defaults).put(settings::write_defaults)))
        .route("/v1/businesses/{id}/suspend", only("POST", post(businesses::suspend)))
        .route("/v1/businesses/{id}/resume", only("POST", post(businesses::resume)))
        .route("/v1/businesses/{id}/export", only("GET", get(export::export)))
        .route("/v1/businesses/{id}/erase", only("POST", post(businesses::erase)))
        .route("/v1/businesses/{id}/usage", only("GET", get(usage::read)))
        .route("/v1/gateways", only("GET", get(gateways::list)))
        .route("/v1/receipt-types", only("GET", get(receipt_types::list)))
        .route(
            "/v1/receipt-types/{id}",
            only(ALL, get(receipt_types::read).put(receipt_types::write).delete(receipt_types::delete)),
        )
        .route("/v1/contacts", only("GET", get(contacts::list)))
        .route("/v1/contacts/{id}", only(ALL, get(contacts::read).put(contacts::write).delete(contacts::delete)))
        .route("/v1/items", only("GET", get(items::list)))
        .route("/v1/items/{id}", only(ALL, get(items::read).put(items::write).delete(items::delete)))
        .route("/v1/message-templates", only("GET", get(templates::list)))
        .route(
            "/v1/message-templates/{kind}/{channel}/{locale}",
            only(ALL, get(templates::read).put(templates::write).delete(templates::delete)),
        )
        .route("/v1/message-providers", only("GET", get(providers::list)))
        .route(
            "/v1/message-providers/{id}",
            only(ALL, get(providers::read).put(providers::write).delete(providers::delete)),
        )
        .route("/v1/settings", only("GET, PUT", put(settings::write).get(settings::read)))
        .route("/v1/payment-links", only("GET, POST", get(links::list)))
        // Drafting is create-link's; here it is only known to be no link's id.
        .route("/v1/payment-links/draft", only("POST", MethodRouter::new()))
        .route("/v1/payment-links/{id}", only("GET, PATCH", get(links::read).patch(links::amend)))
        .route("/v1/payment-links/{id}/attempts/{attempt}/resolve", only("POST", post(actions::resolve)))
        .route("/v1/payment-links/{id}/cancel", only("POST", post(actions::cancel)))
        .route("/v1/payment-links/{id}/messages", only("POST", post(actions::resend)))
        .route("/v1/payment-links/{id}/qr.png", only("GET", get(qr::png)))
        .route("/v1/payment-links/{id}/qr.svg", only("GET", get(qr::svg)))
        .route("/v1/events", only("GET", get(events::list)))
        .route("/v1/events/{id}", only("GET", get(events::read)))
        .route("/v1/events/{id}/redeliver", only("POST", post(events::redeliver)))
        .route("/v1/webhook-endpoints", only("GET", get(endpoints::list)))
        .route(
            "/v1/webhook-endpoints/{id}",
            only(ALL, get(endpoints::read).put(endpoints::write).delete(endpoints::delete)),
        )
        .route("/v1/webhook-endpoints/{id}/rotate-secret", only("POST", post(endpoints::rotate)))
        .route("/v1/openapi.json", only("GET", get(openapi::read)))
        .route("/v1/docs", only("GET", get(docs::read)))
        .route("/v1/receipts", only("GET", get(receipts::list)))
        .route("/v1/receipts/{id}", only("GET", get(receipts::read)))
        .fallback(|| async { ApiProblem::not_found("address") })
        // The body's own check answers a problem document instead.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Answers every other method with a problem that names the right ones.
fn only(methods: &'static str, router: MethodRouter<App>) -> MethodRouter<App> {
    router.fallback(move || async move { ApiProblem::method_not_allowed(methods) })
}

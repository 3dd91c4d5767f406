//! Which address and method leads to which handler. Every other method is answered with the right ones.

use axum::extract::{DefaultBodyLimit, MatchedPath};
use axum::http::{Method, Uri};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use web::ApiProblem;

use crate::app::{App, TIME};
use crate::caller::TakesParameters;
use crate::handlers::{
    accounts, actions, audit, batches, business_export, businesses, contacts, docs, endpoints, events, exports,
    gateways, holds, items, links, message_reports, providers, qr, receipt_types, receipts, reconciliation, recording,
    refunds, search, settings, templates, totals, usage,
};
use crate::openapi;

/// What a record answers.
const ALL: &str = "DELETE, GET, PATCH, PUT";

/// The same of one that nobody deletes by a call of its own.
const SINGLE: &str = "GET, PATCH, PUT";

/// What the function answers, each call within its time.
pub fn router(app: App) -> Router {
    web::manners::of_api(untimed(app), TIME)
}

/// The same for who calls it in a program at a terminal, which may take its time.
pub fn untimed(app: App) -> Router {
    Router::new()
        .route("/v1/accounts", only("GET", asked(get(accounts::list))))
        .route(
            "/v1/accounts/{id}",
            only(ALL, get(accounts::read).put(accounts::write).patch(accounts::write).delete(accounts::delete)),
        )
        .route("/v1/accounts/{id}/look-back", only("GET", get(accounts::look_back)))
        // Checking an account is gateway-webhook's, which may read credentials.
        .route("/v1/accounts/{id}/check", only("POST", MethodRouter::new()))
        .route("/v1/audit-log", only("GET", asked(get(audit::list))))
        .route("/v1/businesses", only("GET", asked(get(businesses::list))))
        .route(
            "/v1/businesses/{id}",
            only(SINGLE, get(businesses::read).put(businesses::write).patch(businesses::write)),
        )
        .route(
            "/v1/platform-defaults",
            only(SINGLE, get(settings::read_defaults).put(settings::write_defaults).patch(settings::write_defaults)),
        )
        .route("/v1/businesses/{id}/suspend", only("POST", post(businesses::suspend)))
        .route("/v1/businesses/{id}/resume", only("POST", post(businesses::resume)))
        .route("/v1/businesses/{id}/export", only("GET", asked(get(business_export::export))))
        .route("/v1/businesses/{id}/erase", only("POST", post(businesses::erase)))
        .route("/v1/businesses/{id}/usage", only("GET", asked(get(usage::read))))
        .route("/v1/gateways", only("GET", asked(get(gateways::list))))
        .route("/v1/receipt-types", only("GET", asked(get(receipt_types::list))))
        .route(
            "/v1/receipt-types/{id}",
            only(
                ALL,
                get(receipt_types::read)
                    .put(receipt_types::write)
                    .patch(receipt_types::write)
                    .delete(receipt_types::delete),
            ),
        )
        .route("/v1/contacts", only("GET", asked(get(contacts::list))))
        .route(
            "/v1/contacts/{id}",
            only(ALL, get(contacts::read).put(contacts::write).patch(contacts::write).delete(contacts::delete)),
        )
        .route("/v1/items", only("GET", asked(get(items::list))))
        .route(
            "/v1/items/{id}",
            only(ALL, get(items::read).put(items::write).patch(items::write).delete(items::delete)),
        )
        .route("/v1/message-templates", only("GET", asked(get(templates::list))))
        .route(
            "/v1/message-templates/{kind}/{channel}/{locale}",
            only(ALL, get(templates::read).put(templates::write).patch(templates::write).delete(templates::delete)),
        )
        .route("/v1/message-providers", only("GET", asked(get(providers::list))))
        .route(
            "/v1/message-providers/{id}",
            only(ALL, get(providers::read).put(providers::write).patch(providers::write).delete(providers::delete)),
        )
        .route("/v1/message-providers/{id}/rotate-secret", only("POST", post(providers::rotate)))
        .route("/v1/settings", only(SINGLE, get(settings::read).put(settings::write).patch(settings::write)))
        .route("/v1/payment-links", only("GET, POST", asked(get(links::list))))
        // Drafting is create-link's; here it is only known to be no link's id.
        .route("/v1/payment-links/draft", only("POST", MethodRouter::new()))
        .route("/v1/payment-links/{id}", only("GET, PATCH", get(links::read).patch(links::amend)))
        .route("/v1/payment-links/{id}/attempts/{attempt}/resolve", only("POST", post(actions::resolve)))
        .route("/v1/payment-links/{id}/attempts/{attempt}/void", only("POST", post(recording::void_attempt)))
        .route("/v1/payment-links/{id}/cancel", only("POST", post(actions::cancel)))
        .route("/v1/payment-links/{id}/hold", only("DELETE, POST", post(holds::place).delete(holds::release)))
        .route("/v1/payment-links/{id}/payments", only("POST", post(recording::record)))
        // Replacing is create-link's, which alone makes links.
        .route("/v1/payment-links/{id}/replace", only("POST", MethodRouter::new()))
        .route("/v1/payment-links/{id}/messages", only("POST", post(actions::resend)))
        .route("/v1/payment-links/{id}/messages/{message}/report", only("POST", post(message_reports::write)))
        .route("/v1/payment-links/{id}/qr.png", only("GET", get(qr::png)))
        .route("/v1/payment-links/{id}/qr.svg", only("GET", get(qr::svg)))
        .route("/v1/events", only("GET", asked(get(events::list))))
        .route("/v1/events/{id}", only("GET", get(events::read)))
        .route("/v1/events/{id}/redeliver", only("POST", post(events::redeliver)))
        .route("/v1/exports", only("GET, POST", asked(get(exports::list)).post(exports::create)))
        .route("/v1/exports/{id}", only("GET", get(exports::read)))
        .route("/v1/exports/{id}/cancel", only("POST", post(exports::cancel)))
        .route("/v1/batches", only("GET, POST", asked(get(batches::list)).post(batches::create)))
        .route("/v1/batches/{id}", only("GET", get(batches::read)))
        .route("/v1/batches/{id}/check", only("POST", post(batches::check)))
        .route("/v1/batches/{id}/run", only("POST", post(batches::run)))
        .route("/v1/batches/{id}/pause", only("POST", post(batches::pause)))
        .route("/v1/batches/{id}/cancel", only("POST", post(batches::cancel)))
        .route("/v1/webhook-endpoints", only("GET", asked(get(endpoints::list))))
        .route(
            "/v1/webhook-endpoints/{id}",
            only(ALL, get(endpoints::read).put(endpoints::write).patch(endpoints::write).delete(endpoints::delete)),
        )
        .route("/v1/webhook-endpoints/{id}/rotate-secret", only("POST", post(endpoints::rotate)))
        .route("/v1/openapi.json", only("GET", get(openapi::read)))
        .route("/v1/docs", only("GET", get(docs::read)))
        .route("/v1/totals", only("GET", asked(get(totals::read))))
        // Against the gateway's own lists it is gateway-webhook's, which may read credentials.
        .route("/v1/reconciliation", only("GET, POST", asked(post(reconciliation::hold_against_a_list))))
        .route("/v1/search", only("GET", asked(get(search::search))))
        .route("/v1/receipts", only("GET", asked(get(receipts::list))))
        .route("/v1/receipts/{id}", only("GET", get(receipts::read)))
        .route("/v1/receipts/{id}/refunds", only("POST", post(refunds::create)))
        .route("/v1/payment-links/{id}/attempts/{attempt}/refunds", only("POST", post(refunds::create_of_attempt)))
        .route("/v1/receipts/{id}/void", only("POST", post(recording::void)))
        .route("/v1/refunds", only("GET", asked(get(refunds::list))))
        .route("/v1/refunds/{id}", only("GET", get(refunds::read)))
        .route("/v1/refunds/{id}/resolve", only("POST", post(refunds::resolve)))
        .fallback(|uri: Uri| async move { ApiProblem::no_such_address(uri.path()) })
        // The body's own check answers a problem document instead.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Answers every other method with a problem that names the right ones.
fn only(methods: &'static str, router: MethodRouter<App>) -> MethodRouter<App> {
    router.fallback(move |method: Method, path: MatchedPath| async move {
        ApiProblem::method_not_allowed(methods, instead(&method, path.as_str()).as_deref())
    })
}

/// The same of an address that takes parameters. Every other one refuses them.
fn asked(router: MethodRouter<App>) -> MethodRouter<App> {
    router.route_layer(Extension(TakesParameters))
}

/// The lists of records that the CRM writes, each under an id that it gives.
const RECORDS: [&str; 6] =
    ["/v1/accounts", "/v1/businesses", "/v1/contacts", "/v1/items", "/v1/receipt-types", "/v1/webhook-endpoints"];

/// The call that was probably meant by a method which an address does not answer.
fn instead(method: &Method, path: &str) -> Option<String> {
    let text = match (method.as_str(), path) {
        ("PUT" | "PATCH", "/v1/payment-links") => {
            "A link is made with POST, and changed with PATCH /v1/payment-links/{id}."
        }
        ("PUT" | "POST", "/v1/payment-links/{id}") => {
            "A link is made with POST /v1/payment-links, and changed with PATCH."
        }
        ("DELETE", "/v1/payment-links/{id}") => "A link is cancelled with POST /v1/payment-links/{id}/cancel.",
        ("GET", "/v1/payment-links/{id}/messages") => "The messages of a link stand in GET /v1/payment-links/{id}.",
        ("POST" | "PUT" | "PATCH" | "DELETE", "/v1/receipts" | "/v1/receipts/{id}") => {
            "Receipts are registered by payments and refunds. Money is sent back with POST /v1/receipts/{id}/refunds, and \
             what was written down by mistake is voided with POST /v1/receipts/{id}/void."
        }
        ("POST", "/v1/refunds") => {
            "A refund is begun with POST /v1/receipts/{id}/refunds, of the receipt of the payment."
        }
        ("GET", "/v1/receipts/{id}/refunds") => {
            "The refunds of a link are listed with GET /v1/refunds?payment_link_id=."
        }
        ("DELETE", "/v1/businesses/{id}") => {
            "A business is suspended with POST /v1/businesses/{id}/suspend and then erased with POST \
             /v1/businesses/{id}/erase."
        }
        ("POST", "/v1/settings" | "/v1/platform-defaults") => {
            "They are replaced as a whole with PUT, and changed in part with PATCH."
        }
        ("POST" | "PUT" | "PATCH", "/v1/message-templates") => {
            "A text is written with PUT /v1/message-templates/{kind}/{channel}/{locale}."
        }
        ("POST" | "PUT" | "PATCH", "/v1/message-providers") => {
            "A record is written with PUT /v1/message-providers/{id}, under an id that you give."
        }
        ("POST" | "PUT" | "PATCH", list) if RECORDS.contains(&list) => {
            return Some(format!("A record is written with PUT {list}/{{id}}, under an id that you give."));
        }
        ("DELETE", list) if RECORDS.contains(&list) && list != "/v1/businesses" => {
            return Some(format!("A record is deleted with DELETE {list}/{{id}}."));
        }
        ("POST", record) if record.strip_suffix("/{id}").is_some_and(|list| RECORDS.contains(&list)) => {
            "A record is written with PUT, whether it is there or not, and changed in part with PATCH."
        }
        _ => return None,
    };
    Some(text.to_owned())
}

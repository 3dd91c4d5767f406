//! What comes in from gateways: browsers that return from them and calls of their servers.
//!
//! All of it is a hint, signed or not: it makes us ask the gateway, and the gateway's own answer decides. The browser is
//! then sent to the result page of its link; a server is told 2xx only once the outcome is stored, so that it calls
//! again where it is not.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use domain::gateway::GatewayKind;
use domain::ids::{AccountId, LinkId, ReturnKey};
use domain::link::PaymentLink;
use domain::trace::Trace;
use gateways::{Fields, Notice, WebhookError, read_webhook};
use runtime::Clock;
use settlement::{Outcome, Settlement};
use web::ApiProblem;

/// Larger calls are none of a gateway's.
const LARGEST_CALL: usize = 256 * 1024;

/// Shown where the table cannot be reached while a customer comes back from paying. It asks again by itself, because
/// what happened is known to the gateway and will be known to us.
const BEING_CONFIRMED: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"5\">\
<title>Your payment is being confirmed</title><p>Your payment is being confirmed. Please do not pay again.</p>\
<p lang=\"fa\" dir=\"rtl\">پرداخت شما در حال تأیید است. لطفاً دوباره پرداخت نکنید.</p></html>";

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub settlement: Settlement,
    pub clock: Clock,
}

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(25);

pub fn router(app: App) -> Router {
    Router::new()
        .route(
            "/gateways/{gateway}/return/{link}/{key}",
            get(come_back).post(come_back).fallback(|| async { ApiProblem::method_not_allowed("GET, POST") }),
        )
        .route(
            "/gateways/{gateway}/notify/{account}",
            post(notify).fallback(|| async { ApiProblem::method_not_allowed("POST") }),
        )
        .fallback(|| async { ApiProblem::not_found("address") })
        .layer(DefaultBodyLimit::max(LARGEST_CALL))
        .layer(from_fn(in_time))
        .with_state(app)
}

/// Answers in time also where something takes too long: what was begun is finished by the sweep, and a server calls
/// again.
async fn in_time(request: Request, next: Next) -> Response {
    match runtime::in_time(TIME, next.run(request)).await {
        Some(response) => response,
        None => being_confirmed(),
    }
}

/// A browser comes back, by link or by posted form.
async fn come_back(
    State(app): State<App>,
    Path((gateway, link, key)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    bytes: Bytes,
) -> Response {
    let Some((gateway, link, key)) = read_address(&gateway, &link, &key) else { return to("/p/unknown") };
    let mut fields = read_fields(query.as_deref().unwrap_or_default().as_bytes());
    fields.extend(read_fields(&bytes));
    let link = match app.settlement.store().link(&link).await {
        Ok(Some(link)) => link,
        Ok(None) => return to("/p/unknown"),
        Err(error) => {
            tracing::error!(error = %error, "A customer came back while the table could not be read.");
            return being_confirmed();
        }
    };
    let Some(attempt) = link.attempt_by_key(&key).filter(|attempt| attempt.gateway == gateway) else {
        return to("/p/unknown");
    };
    let (result, link_id, attempt_id) = (result_page(&link), link.id().clone(), attempt.id.clone());
    let trace = link.trace().cloned();
    if let Err(error) = app.settlement.settle_return(link, &attempt_id, &fields, app.clock.now()).await {
        // The attempt stays due, the page says that it is being confirmed, and the sweep goes on.
        let trace_id = trace.as_ref().map(Trace::id);
        tracing::error!(%link_id, %attempt_id, trace_id, error = %error, "A return could not be settled yet.");
    }
    to(&result)
}

/// The gateway's own server calls.
async fn notify(
    State(app): State<App>,
    Path((gateway, account)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode, ApiProblem> {
    let unknown = || ApiProblem::not_found("webhook");
    let gateway = GatewayKind::parse(&gateway).map_err(|_| unknown())?;
    let account = AccountId::parse(&account).map_err(|_| unknown())?;
    let credentials = app.settlement.store().all_credentials(&account).await?;
    let now = app.clock.now();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let query = read_fields(query.as_deref().unwrap_or_default().as_bytes());
    let notice = Notice { header: &header, query: &query, body: &bytes };
    let hint = match read_webhook(gateway, notice, &credentials, now) {
        Ok(Some(hint)) => hint,
        Ok(None) => return Ok(StatusCode::OK),
        Err(WebhookError::NotSpoken) => return Err(unknown()),
        Err(WebhookError::BadSignature) => {
            tracing::warn!(account_id = %account, gateway = gateway.as_str(), "A webhook was not signed by the gateway.");
            return Err(ApiProblem::new(StatusCode::BAD_REQUEST, "bad_signature", "The signature is not valid."));
        }
        Err(WebhookError::Unreadable) => {
            return Err(ApiProblem::new(StatusCode::BAD_REQUEST, "unreadable_event", "The event cannot be read."));
        }
    };
    match app.settlement.settle_by_id(&hint.link, &hint.attempt, hint.report, now).await {
        Ok(Outcome::Known(_) | Outcome::NoSuchAttempt) => Ok(StatusCode::OK),
        Ok(Outcome::Unknown(_) | Outcome::Refused(_)) => Err(ApiProblem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "outcome_unknown",
            "The outcome is not known yet; call again.",
        )),
        Err(error) => Err(ApiProblem::unavailable(&error)),
    }
}

/// Names and values of a query or a form. What is neither has none.
fn read_fields(encoded: &[u8]) -> Fields {
    serde_urlencoded::from_bytes(encoded).unwrap_or_default()
}

fn read_address(gateway: &str, link: &str, key: &str) -> Option<(GatewayKind, LinkId, ReturnKey)> {
    Some((GatewayKind::parse(gateway).ok()?, LinkId::parse(link).ok()?, ReturnKey::parse(key).ok()?))
}

fn result_page(link: &PaymentLink) -> String {
    format!("{}/result", link.url())
}

/// Sends the browser on with GET, whatever method it came with.
fn to(address: &str) -> Response {
    match HeaderValue::try_from(address) {
        Ok(location) => (
            StatusCode::SEE_OTHER,
            [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ],
        )
            .into_response(),
        Err(_) => being_confirmed(),
    }
}

fn being_confirmed() -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::RETRY_AFTER, "5")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Html(BEING_CONFIRMED)).into_response()
}

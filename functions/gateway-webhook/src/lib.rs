//! What comes in from gateways: browsers that return from them and calls of their servers. And what a gateway says of an
//! account, for the CRM.
//!
//! All that gateways bring is a hint, signed or not: it makes us ask the gateway, and the gateway's own answer decides. The
//! browser is then sent to the result page of its link; a server is told 2xx only once the outcome is stored, so that it
//! calls again where it is not.

mod check;
mod page;
mod reconciliation;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{get, post};
use confirmation::{Confirmation, Outcome};
use domain::gateway::{GatewayKind, GatewayRulebook};
use domain::ids::{AccountId, BusinessId, LinkId, ReturnKey};
use domain::link::PaymentLink;
use domain::trace::Trace;
use gateways::{Fields, Gateways, WebhookError, WebhookRequest, read_webhook};
use runtime::Clock;
use web::customer::see_other;
use web::openapi::Operation;
use web::{ApiProblem, Callers, request_id};

use page::{reloading_page, reposting_page};

/// The calls of this function, for the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    check::operations().into_iter().chain([reconciliation::operation()]).collect()
}

/// The page of a link that does not exist, for returns that belong to no link.
const UNKNOWN_LINK: &str = "/p/unknown";

/// No gateway sends a larger call.
const LARGEST_CALL: usize = 256 * 1024;

/// What the function needs.
#[derive(Clone, Debug)]
pub struct App {
    pub confirmation: Confirmation,
    pub clock: Clock,
    /// For those who have an account checked.
    pub callers: Callers,
    pub gateways: Gateways,
    pub rulebook: GatewayRulebook,
    /// Scheme and host of pay URLs. Without it they begin with the host that the request was sent to.
    pub base_url: Option<String>,
}

/// The timeout that the template gives the function. API Gateway waits for thirty seconds and no longer.
pub const TIME: Duration = Duration::from_secs(29);

pub fn router(app: App) -> Router {
    let check = post(check::check)
        .fallback(|| async { ApiProblem::method_not_allowed("POST", None) })
        // The body's own check answers a problem document instead.
        .layer(DefaultBodyLimit::disable());
    let reconciliation = get(reconciliation::hold_against_the_gateway)
        .fallback(|| async { ApiProblem::method_not_allowed("GET, POST", None) });
    let of_the_crm = Router::new()
        .route("/v1/accounts/{id}/check", check)
        .route("/v1/reconciliation", reconciliation)
        .with_state(app.clone());
    Router::new()
        .route(
            "/gateways/{gateway}/return/{link}/{key}",
            get(receive_return)
                .post(receive_return)
                .fallback(|| async { ApiProblem::method_not_allowed("GET, POST", None) }),
        )
        .route(
            "/gateways/{gateway}/notify/{business}/{account}",
            post(receive_webhook).fallback(|| async { ApiProblem::method_not_allowed("POST", None) }),
        )
        .fallback(|uri: Uri| async move { ApiProblem::no_such_address(uri.path()) })
        .layer(DefaultBodyLimit::max(LARGEST_CALL))
        .layer(from_fn(request_id::identified))
        .with_state(app)
        .merge(web::manners::of_api(of_the_crm, TIME))
}

/// A browser returns from the gateway, by link or by posted form.
async fn receive_return(
    State(app): State<App>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let address = path.ok().and_then(|Path((gateway, link, key))| read_address(&gateway, &link, &key));
    let Some((gateway, link, key)) = address else {
        return redirect(UNKNOWN_LINK, &headers);
    };
    let query = query.unwrap_or_default();
    let posted = read_fields(&[&bytes]);
    let fields = read_fields(&[query.as_bytes(), &bytes]);
    // Where time runs out, the sweep finishes a confirmation whose intention was written.
    let address = match runtime::in_time(TIME, confirm(&app, gateway, &link, &key, &fields)).await {
        Some(address) => address,
        None => {
            tracing::error!(link_id = %link, "A return took too long.");
            None
        }
    };
    match address {
        Some(address) => redirect(&address, &headers),
        // Some gateways post the reference that confirming needs here and nowhere else, so that a reload would lose it.
        None if method == Method::POST => reposting_page(&posted, &headers),
        None => reloading_page(&headers),
    }
}

/// Confirms the attempt that a browser returned from. The result is the address that the browser goes on to, or `None`
/// where confirming failed for now, so that the browser has to send the return once more.
async fn confirm(app: &App, gateway: GatewayKind, link: &LinkId, key: &ReturnKey, fields: &Fields) -> Option<String> {
    let link = match app.confirmation.store().link(link).await {
        Ok(Some(link)) => link,
        Ok(None) => return Some(UNKNOWN_LINK.to_owned()),
        Err(error) => {
            tracing::error!(error = %error, "A customer came back while the table could not be read.");
            return None;
        }
    };
    let Some(attempt) = link.attempt_by_key(key).filter(|attempt| attempt.gateway == gateway) else {
        return Some(UNKNOWN_LINK.to_owned());
    };
    let (result, link_id, attempt_id) = (result_page(&link), link.id().clone(), attempt.id.clone());
    let trace = link.trace().cloned();
    match app.confirmation.confirm_return(link, &attempt_id, fields, app.clock.now()).await {
        Ok(_) => Some(result),
        Err(error) => {
            let trace_id = trace.as_ref().map(Trace::id);
            tracing::error!(%link_id, %attempt_id, trace_id, error = %error, "A return could not be confirmed yet.");
            None
        }
    }
}

/// The gateway's own server calls. Where the outcome is not stored in time, it calls again.
async fn receive_webhook(
    State(app): State<App>,
    web::extract::Path((gateway, business, account)): web::extract::Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode, ApiProblem> {
    let query = read_fields(&[query.as_deref().unwrap_or_default().as_bytes()]);
    let handled = handle_webhook(&app, (&gateway, &business, &account), &query, &headers, &bytes);
    runtime::in_time(TIME, handled).await.unwrap_or_else(|| Err(ApiProblem::took_too_long()))
}

/// Checks a gateway's call and confirms the attempt that it is about.
async fn handle_webhook(
    app: &App,
    (gateway, business, account): (&str, &str, &str),
    query: &Fields,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<StatusCode, ApiProblem> {
    let unknown = || ApiProblem::not_found("webhook");
    let gateway = GatewayKind::parse(gateway).map_err(|_| unknown())?;
    let business = BusinessId::parse(business).map_err(|_| unknown())?;
    let account = AccountId::parse(account).map_err(|_| unknown())?;
    let credentials = app.confirmation.store().of(&business).all_credentials(&account).await?;
    let now = app.clock.now();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request = WebhookRequest { header: &header, query, body: bytes };
    let hint = match read_webhook(gateway, request, &credentials, now) {
        Ok(Some(hint)) => hint,
        Ok(None) => return Ok(StatusCode::OK),
        Err(WebhookError::NotSpoken) => return Err(unknown()),
        Err(WebhookError::BadSignature) => {
            let (business_id, account_id, gateway) = (&business, &account, gateway.as_str());
            tracing::warn!(%business_id, %account_id, gateway, "A webhook was not signed by the gateway.");
            return Err(ApiProblem::new(StatusCode::BAD_REQUEST, "bad_signature", "The signature is not valid."));
        }
        Err(WebhookError::Unreadable) => {
            return Err(ApiProblem::new(StatusCode::BAD_REQUEST, "unreadable_event", "The event cannot be read."));
        }
    };
    let whose = (gateway, &business, &account);
    let called = app.confirmation.confirm_called(whose, &hint.about, hint.hint, now);
    match called.await {
        Ok(Outcome::Known(_) | Outcome::NoSuchAttempt) => Ok(StatusCode::OK),
        Ok(Outcome::Unknown(_) | Outcome::AccountRefused(_) | Outcome::SessionRefused(_)) => Err(ApiProblem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "outcome_unknown",
            "The outcome is not known yet; call again.",
        )),
        Err(error) => Err(ApiProblem::unavailable(&error)),
    }
}

/// The names and values of a query, a form or both. What a name that is given twice means, in whatever case, nobody can know,
/// and neither what a value that is no text does: both are left out, so that nothing is concluded from them.
fn read_fields(encoded: &[&[u8]]) -> Fields {
    let pairs = encoded.iter().flat_map(|part| serde_urlencoded::from_bytes::<Vec<(String, String)>>(part));
    let mut fields = Fields::new();
    let mut spoilt: BTreeSet<String> = BTreeSet::new();
    for (name, value) in pairs.flatten() {
        let is_twice = fields.keys().any(|known| known.eq_ignore_ascii_case(&name));
        if is_twice || value.contains(char::REPLACEMENT_CHARACTER) {
            spoilt.insert(name.to_ascii_lowercase());
        }
        fields.insert(name, value);
    }
    fields.retain(|name, _| !spoilt.contains(&name.to_ascii_lowercase()));
    fields
}

fn read_address(gateway: &str, link: &str, key: &str) -> Option<(GatewayKind, LinkId, ReturnKey)> {
    Some((GatewayKind::parse(gateway).ok()?, LinkId::parse(link).ok()?, ReturnKey::parse(key).ok()?))
}

fn result_page(link: &PaymentLink) -> String {
    format!("{}/result", link.url())
}

/// Sends the browser on with GET, whatever method it came with.
fn redirect(address: &str, headers: &HeaderMap) -> Response {
    see_other(address).unwrap_or_else(|| reloading_page(headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_given_twice_or_has_no_text_says_nothing() {
        let read = |query: &str, body: &str| read_fields(&[query.as_bytes(), body.as_bytes()]);
        let one = |name: &str, value: &str| Fields::from([(name.to_owned(), value.to_owned())]);
        let both: Fields = one("Status", "2").into_iter().chain(one("RefNum", "a+")).collect();
        assert_eq!(read("Status=2", "RefNum=a%2B"), both);
        assert_eq!(read("", "Status=2&RefNum=a&RefNum="), one("Status", "2"));
        assert_eq!(read("Status=1", "status=2&ResNum=x"), one("ResNum", "x"), "in two cases, and in two places");
        assert_eq!(read("Status=2&RefNum=%FF", ""), one("Status", "2"));
    }
}

//! The pay URL: takes a customer to the gateway, and says what happened.
//!
//! A first visit by a person opens a session at the gateway and writes it down before anybody is sent there; later
//! visits go to the same session without a write. Two first visits at once open two sessions, and only the one that was
//! written is ever shown to anybody. Previews and prefetches open nothing.

mod page;
mod visitor;

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use domain::Timestamp;
use domain::attempt::{Attempt, AttemptState, Checkout, NewAttempt, later_by_minutes};
use domain::gateway::{GatewayAnswer, GatewayBook};
use domain::ids::{LinkId, PayToken, ReturnKey};
use domain::link::{PaymentLink, Report, Visit};
use domain::locale::Language;
use domain::logo::LogoHash;
use domain::settings::Settings;
use gateways::{BeginError, Gateways, Order};
use jiff::SignedDuration;
use runtime::{Clock, NoRandomness};
use store::{Configuration, Store, StoreError, Written};

use page::{Page, going, guard, of_link, picture, without_link};
use visitor::is_person;

/// How often a visit is decided again because the link changed meanwhile.
const MOST_ROUNDS: usize = 6;

/// Somebody who opens a link again so long after its session was opened may have paid in it and closed the browser.
const MAY_HAVE_PAID: SignedDuration = SignedDuration::from_secs(15);

/// Shown where nothing answered in time, not even the table that says which language the customer reads.
const TOOK_TOO_LONG: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"5\">\
<title>One moment</title><p>This takes longer than usual. The page tries again by itself.</p>\
<p lang=\"fa\" dir=\"rtl\">کمی بیشتر از معمول طول می‌کشد. این صفحه خودش دوباره تلاش می‌کند.</p></html>";

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub gateways: Gateways,
    pub book: GatewayBook,
    pub clock: Clock,
}

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
enum VisitError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("the gateway gave no readable answer: {why}")]
    GatewayUnavailable { why: String },
    #[error("the gateway refuses us with {code}")]
    GatewayRefused { code: String },
    #[error("the link kept changing")]
    Contended,
}

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(20);

pub fn router(app: App) -> Router {
    Router::new()
        .route("/p/{token}", get(open).fallback(other_method))
        .route("/p/{token}/go", get(go).fallback(other_method))
        .route("/p/{token}/result", get(result).fallback(other_method))
        .route("/logo/{hash}", get(logo).fallback(other_method))
        .route("/robots.txt", get(robots))
        .fallback(nowhere)
        .layer(from_fn(in_time))
        .with_state(app)
}

/// Answers in time also where something takes too long: a session that was not written down was shown to nobody.
async fn in_time(request: Request, next: Next) -> Response {
    match runtime::in_time(TIME, next.run(request)).await {
        Some(response) => response,
        None => {
            guard((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], Html(TOOK_TOO_LONG)).into_response())
        }
    }
}

/// The customer opens the link.
async fn open(State(app): State<App>, Path(token): Path<String>, method: Method, headers: HeaderMap) -> Response {
    lead_on(&app, &token, &method, &headers, false).await
}

/// The customer has seen the business's own page and goes on to the gateway.
async fn go(State(app): State<App>, Path(token): Path<String>, method: Method, headers: HeaderMap) -> Response {
    lead_on(&app, &token, &method, &headers, true).await
}

async fn lead_on(app: &App, token: &str, method: &Method, headers: &HeaderMap, has_confirmed: bool) -> Response {
    let (link, configuration) = match find(app, token).await {
        Ok(Some(found)) => found,
        Ok(None) => return unknown(app, headers).await,
        Err(error) => return down(app, headers, &error).await,
    };
    let settings = &configuration.settings;
    let language = language(Some(&link), headers, settings);
    let now = app.clock.now();
    let show = |page, link: &PaymentLink| of_link(page, link, language, settings, now);
    if !is_person(method, headers) {
        return show(preview(&link, now), &link);
    }
    let is_payable = matches!(link.visit(now), Visit::Begin | Visit::Continue(_));
    if link.terms().account.confirm_page && !has_confirmed && is_payable {
        return match note_opened(app, link).await {
            Ok(link) => show(Page::Confirm, &link),
            Err(error) => down(app, headers, &error).await,
        };
    }
    match visit(app, &configuration, link.clone()).await {
        Ok((link, Visit::Continue(checkout))) => to_gateway(&checkout, &link, language, settings),
        Ok((link, Visit::TooManyAttempts)) => show(Page::TooMany, &link),
        Ok((link, Visit::Confirming)) => show(Page::Confirming, &link),
        Ok((link, Visit::UnderReview)) => show(Page::Review, &link),
        Ok((link, Visit::Begin | Visit::Paid | Visit::Expired | Visit::Cancelled)) => {
            show(Page::of_reopened(&link, app.clock.now()), &link)
        }
        Err(error) => {
            tracing::error!(link_id = %link.id(), trace_id = link.trace_id(), error = %error, "A customer could not be sent to the gateway.");
            match error {
                VisitError::GatewayUnavailable { .. } | VisitError::GatewayRefused { .. } => show(Page::Trouble, &link),
                // Something of ours failed, perhaps while asking about a session that somebody has paid in.
                VisitError::Store(_) | VisitError::NoRandomness(_) | VisitError::Contended => {
                    without_link(Page::Down, language, settings)
                }
            }
        }
    }
}

/// Records the first opening by a person. Where somebody changed the link meanwhile, that is what is shown.
async fn note_opened(app: &App, link: PaymentLink) -> Result<PaymentLink, StoreError> {
    let Some(next) = link.opened(app.clock.now()) else { return Ok(link) };
    Ok(match app.store.replace_link(&next).await? {
        Written::Applied | Written::AlreadyApplied => next,
        Written::Rejected(current) => *current,
    })
}

/// The customer comes back from the gateway, or reloads the page that said what happened.
async fn result(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    match find(&app, &token).await {
        Ok(Some((link, configuration))) => {
            let settings = &configuration.settings;
            let language = language(Some(&link), &headers, settings);
            let now = app.clock.now();
            match outcome(&app, &link, now).await {
                Ok(page) => of_link(page, &link, language, settings, now),
                Err(error) => {
                    tracing::error!(link_id = %link.id(), trace_id = link.trace_id(), error = %error, "An outcome could not be looked up.");
                    without_link(Page::Down, language, settings)
                }
            }
        }
        Ok(None) => unknown(&app, &headers).await,
        Err(error) => down(&app, &headers, &error).await,
    }
}

/// What became of a payment. Before anybody is told that nothing was paid, and to go on, the gateway is asked.
async fn outcome(app: &App, link: &PaymentLink, now: Timestamp) -> Result<Page, VisitError> {
    match Page::of(link, now) {
        Page::Unfinished if has_moved_on(app, link, now).await? => Ok(Page::Confirming),
        page => Ok(page),
    }
}

/// The business's logo, by the name of its content.
async fn logo(State(app): State<App>, Path(hash): Path<String>, headers: HeaderMap) -> Response {
    let Ok(hash) = LogoHash::parse(&hash) else { return unknown(&app, &headers).await };
    match app.store.logo(&hash).await {
        Ok(Some(logo)) => picture(&logo),
        Ok(None) => unknown(&app, &headers).await,
        Err(error) => down(&app, &headers, &error).await,
    }
}

type Found = (PaymentLink, std::sync::Arc<Configuration>);

/// The link of a token. Every wrong token is answered the same, whatever is wrong with it.
async fn find(app: &App, token: &str) -> Result<Option<Found>, StoreError> {
    let Ok(token) = PayToken::parse(token) else { return Ok(None) };
    let configuration = app.store.configuration().await?;
    Ok(app.store.link(&LinkId::of(&token)).await?.map(|link| (link, configuration)))
}

/// What the visitor meets, opening a session where one is needed.
async fn visit(
    app: &App,
    configuration: &Configuration,
    mut link: PaymentLink,
) -> Result<(PaymentLink, Visit), VisitError> {
    let mut opened: Option<Attempt> = None;
    for _ in 0..MOST_ROUNDS {
        let now = app.clock.now();
        let attempt = match (link.visit(now), opened.take()) {
            (Visit::Begin, Some(attempt)) => attempt,
            (Visit::Begin, None) => begin(app, configuration, &link, now).await?,
            (Visit::Continue(_), None) if has_moved_on(app, &link, now).await? => {
                return Ok((link, Visit::Confirming));
            }
            // Somebody else was faster. Our own session was shown to nobody, so nobody can pay in it.
            (otherwise, _) => return Ok((link, otherwise)),
        };
        let next = match link.begin_attempt(attempt.clone(), app.clock.now()) {
            Ok(next) => next,
            Err(otherwise) => return Ok((link, otherwise)),
        };
        match app.store.replace_link(&next).await? {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.id(), attempt_id = %attempt.id, trace_id = next.trace_id(), "A payment attempt began.");
                return Ok((next, Visit::Continue(attempt.checkout)));
            }
            Written::Rejected(current) => {
                link = *current;
                opened = Some(attempt);
            }
        }
    }
    Err(VisitError::Contended)
}

/// Whether the gateway is done with the session that the customer would be sent to again: paid in, or closed. What follows
/// is written by those who may settle, within a minute; until then nobody is sent to a session that is over. Where the
/// gateway gives no answer, the customer is let through to it.
async fn has_moved_on(app: &App, link: &PaymentLink, now: Timestamp) -> Result<bool, VisitError> {
    let Some(attempt) = link.attempts().last().filter(|last| matches!(last.state, AttemptState::Open { .. })) else {
        return Ok(false);
    };
    if now.duration_since(attempt.opened_at) < MAY_HAVE_PAID {
        return Ok(false);
    }
    let credentials = app.store.credentials(&attempt.account_id, &attempt.credentials).await?;
    Ok(match app.gateways.look_up(attempt, &Report::Nothing.into(), link.terms().mode, &credentials, now).await {
        GatewayAnswer::Pending | GatewayAnswer::Unknown { .. } | GatewayAnswer::Misconfigured { .. } => false,
        GatewayAnswer::Paid(_)
        | GatewayAnswer::Unconfirmed
        | GatewayAnswer::Processing
        | GatewayAnswer::NotPaid { .. }
        | GatewayAnswer::Returned
        | GatewayAnswer::WrongAmount { .. }
        | GatewayAnswer::Doubtful { .. } => true,
    })
}

/// Opens a session at the gateway. It is not tried twice: a second try could make a second session.
async fn begin(
    app: &App,
    configuration: &Configuration,
    link: &PaymentLink,
    now: Timestamp,
) -> Result<Attempt, VisitError> {
    let terms = link.terms();
    let account = configuration.accounts.get(&terms.account.id);
    let present = account.and_then(|account| account.credentials_at(terms.account.gateway, terms.mode)).cloned();
    let key = ReturnKey::from_random(runtime::random()?);
    let attempt = link.new_attempt(key, present);
    let credentials = app.store.credentials(&attempt.account_id, &attempt.credentials).await?;
    let rules = app.book.rules(attempt.gateway);
    let order = Order {
        attempt: &attempt,
        link: link.id(),
        mode: terms.mode,
        description: terms
            .description
            .as_deref()
            .filter(|text| !text.is_empty())
            .unwrap_or(&configuration.settings.business_name),
        return_url: &return_url(link, &attempt),
        notify_url: &notify_url(link, &attempt),
        ends_at: later_by_minutes(now, rules.session_minutes),
        session_minutes: rules.session_minutes,
    };
    match app.gateways.begin(&order, &credentials).await {
        Ok(session) => Ok(attempt.opened(session, rules, now)),
        Err(BeginError::Unavailable { why }) => Err(VisitError::GatewayUnavailable { why }),
        Err(BeginError::Refused { code }) => Err(VisitError::GatewayRefused { code }),
    }
}

/// Where the gateway sends the browser back to: the link's id and the attempt's key, never the pay token.
fn return_url(link: &PaymentLink, attempt: &NewAttempt) -> String {
    let gateway = attempt.gateway.as_str();
    format!("{}/gateways/{gateway}/return/{}/{}", link.base(), link.id(), attempt.key.expose())
}

/// Where a gateway's server calls that is told with each session.
fn notify_url(link: &PaymentLink, attempt: &NewAttempt) -> String {
    format!("{}/gateways/{}/notify/{}", link.base(), attempt.gateway.as_str(), attempt.account_id)
}

/// A preview of a link that can be paid; of any other, what is true of it.
fn preview(link: &PaymentLink, now: Timestamp) -> Page {
    match link.visit(now) {
        Visit::Begin | Visit::Continue(_) | Visit::TooManyAttempts => Page::Preview,
        Visit::Confirming => Page::Confirming,
        Visit::UnderReview => Page::Review,
        Visit::Paid | Visit::Expired | Visit::Cancelled => Page::of_reopened(link, now),
    }
}

/// Sends the browser on: to an address, or with a form that a page of ours posts.
fn to_gateway(checkout: &Checkout, link: &PaymentLink, language: Language, settings: &Settings) -> Response {
    if !checkout.form.is_empty() {
        return going(checkout, link, language, settings);
    }
    match HeaderValue::try_from(&checkout.at) {
        Ok(location) => guard((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()),
        Err(_) => guard(StatusCode::BAD_GATEWAY.into_response()),
    }
}

async fn unknown(app: &App, headers: &HeaderMap) -> Response {
    let settings = settings(app).await;
    without_link(Page::Unknown, language(None, headers, &settings), &settings)
}

async fn down(app: &App, headers: &HeaderMap, error: &StoreError) -> Response {
    tracing::error!(error = %error, "A pay page could not be served.");
    let settings = settings(app).await;
    without_link(Page::Down, language(None, headers, &settings), &settings)
}

async fn nowhere(State(app): State<App>, headers: HeaderMap) -> Response {
    unknown(&app, &headers).await
}

async fn other_method(State(app): State<App>, headers: HeaderMap) -> Response {
    let mut response = unknown(&app, &headers).await;
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// The settings, or the shipped ones while the table cannot be read.
async fn settings(app: &App) -> Settings {
    app.store.configuration().await.map(|configuration| configuration.settings.clone()).unwrap_or_default()
}

async fn robots() -> Response {
    guard("User-agent: *\nDisallow: /\n".into_response())
}

/// The link's language, else the first of the browser's that ships, else the business's. A browser that asks only for
/// languages that do not ship gets English.
fn language(link: Option<&PaymentLink>, headers: &HeaderMap, settings: &Settings) -> Language {
    if let Some(locale) = link.and_then(|link| link.terms().locale.as_ref()) {
        return locale.language();
    }
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tags = || wanted.split(',').filter_map(|range| range.split(';').next()).map(str::trim);
    // `*` and an empty header leave it to us.
    if tags().all(|tag| tag.is_empty() || tag == "*") {
        return settings.default_locale.language();
    }
    tags().find_map(Language::of).unwrap_or(Language::EN)
}

//! The pay URL: takes a customer to the gateway, and says what happened.
//!
//! A first visit by a person opens a session at the gateway and writes it down before anybody is sent there; later
//! visits go to the same session without a write. Two first visits at once open two sessions, and only the one that was
//! written is ever shown to anybody. Previews and prefetches open nothing.

mod page;
mod texts;
mod visitor;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::Timestamp;
use domain::attempt::{Attempt, NewAttempt, later_by_minutes};
use domain::gateway::GatewayBook;
use domain::ids::{LinkId, PayToken, ReturnKey};
use domain::link::{PaymentLink, Visit};
use domain::locale::Language;
use domain::settings::Settings;
use gateways::{BeginError, Gateways, Order};
use runtime::{Clock, NoRandomness};
use store::{Configuration, Store, StoreError, Written};

use page::{Page, guard, of_link, without_link};
use visitor::is_person;

/// How often a visit is decided again because the link changed meanwhile.
const MOST_ROUNDS: usize = 6;

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

pub fn router(app: App) -> Router {
    Router::new()
        .route("/p/{token}", get(open).fallback(other_method))
        .route("/p/{token}/result", get(result).fallback(other_method))
        .fallback(nowhere)
        .with_state(app)
}

/// The customer opens the link.
async fn open(State(app): State<App>, Path(token): Path<String>, method: Method, headers: HeaderMap) -> Response {
    let (link, configuration) = match find(&app, &token).await {
        Ok(Some(found)) => found,
        Ok(None) => return unknown(&app, &headers).await,
        Err(error) => return trouble(&app, &headers, &error).await,
    };
    let settings = &configuration.settings;
    if !is_person(&method, &headers) {
        return of_link(preview(&link, app.clock.now()), &link, settings);
    }
    match visit(&app, &configuration, link.clone()).await {
        Ok((_, Visit::Continue { pay_at })) => to_gateway(&pay_at),
        Ok((link, Visit::TooManyAttempts)) => of_link(Page::TooMany, &link, settings),
        Ok((link, Visit::Confirming)) => of_link(Page::Confirming, &link, settings),
        Ok((link, Visit::UnderReview)) => of_link(Page::Review, &link, settings),
        Ok((link, Visit::Begin | Visit::Paid | Visit::Expired | Visit::Cancelled)) => {
            of_link(Page::of(&link, app.clock.now()), &link, settings)
        }
        Err(error) => {
            tracing::error!(link_id = %link.id(), error = %error, "A customer could not be sent to the gateway.");
            of_link(Page::Trouble, &link, settings)
        }
    }
}

/// The customer comes back from the gateway, or reloads the page that said what happened.
async fn result(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    match find(&app, &token).await {
        Ok(Some((link, configuration))) => of_link(Page::of(&link, app.clock.now()), &link, &configuration.settings),
        Ok(None) => unknown(&app, &headers).await,
        Err(error) => trouble(&app, &headers, &error).await,
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
            // Somebody else was faster. Our own session was shown to nobody, so nobody can pay in it.
            (otherwise, _) => return Ok((link, otherwise)),
        };
        let next = match link.begin_attempt(attempt.clone(), app.clock.now()) {
            Ok(next) => next,
            Err(otherwise) => return Ok((link, otherwise)),
        };
        match app.store.replace_link(&next).await? {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.id(), attempt_id = %attempt.id, "A payment attempt began.");
                return Ok((next, Visit::Continue { pay_at: attempt.pay_at }));
            }
            Written::Rejected(current) => {
                link = *current;
                opened = Some(attempt);
            }
        }
    }
    Err(VisitError::Contended)
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
        ends_at: later_by_minutes(now, rules.session_minutes),
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

/// A preview of a link that can be paid; of any other, what is true of it.
fn preview(link: &PaymentLink, now: Timestamp) -> Page {
    match link.visit(now) {
        Visit::Begin | Visit::Continue { .. } | Visit::TooManyAttempts => Page::Preview,
        Visit::Confirming => Page::Confirming,
        Visit::UnderReview => Page::Review,
        Visit::Paid | Visit::Expired | Visit::Cancelled => Page::of(link, now),
    }
}

fn to_gateway(pay_at: &str) -> Response {
    match HeaderValue::try_from(pay_at) {
        Ok(location) => guard((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()),
        Err(_) => guard(StatusCode::BAD_GATEWAY.into_response()),
    }
}

async fn unknown(app: &App, headers: &HeaderMap) -> Response {
    let settings = settings(app).await;
    without_link(Page::Unknown, language(headers, &settings), &settings)
}

async fn trouble(app: &App, headers: &HeaderMap, error: &StoreError) -> Response {
    tracing::error!(error = %error, "A pay page could not be served.");
    let settings = settings(app).await;
    without_link(Page::Trouble, language(headers, &settings), &settings)
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

/// Without a link the browser's first language decides, else the business's.
fn language(headers: &HeaderMap, settings: &Settings) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = wanted.split([',', ';']).next().unwrap_or_default().trim();
    domain::locale::Locale::parse(first).map_or_else(|_| settings.default_locale.language(), |locale| locale.language())
}

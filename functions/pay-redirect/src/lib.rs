//! The pay URL: takes a customer to the gateway, and says what happened.
//!
//! A first visit by a person opens a session at the gateway and writes it down before anybody is sent there; later
//! visits go to the same session without a write. Two first visits at once open two sessions, and only the one that was
//! written is ever shown to anybody. Whoever does not look like a browser in which a person opens the link opens
//! nothing, and gets the summary page, whose button leads on. A second button tells the business that its customer has paid
//! already, and one on the page of a link that expired that its customer wants a new one. A link in whose place there is
//! another leads to the newest.

mod choice;
mod link_path;
mod page;
mod receipt;
mod succession;
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use confirmation::{Confirmation, NewSession, OpenSessionError, SessionStatus};
use domain::Timestamp;
use domain::business::logo::LogoHash;
use domain::gateway::GatewayRulebook;
use domain::ids::{BusinessId, LinkId, PayToken, ReturnKey};
use domain::link::{Attempt, Checkout, LinkStatus, PaymentLink, RecipientMark, Visit};
use domain::locale::Language;
use domain::money::Money;
use gateways::PayHosts;
use jiff::SignedDuration;
use runtime::{Clock, NoRandomness};
use store::{BusinessStore, Configuration, MAX_CONTENDED_TRIES, StoreError, Written};
use web::customer::{guard, see_other};
use web::problem::api_version;
use web::reader::{asked_language, language_of, preferred_language, remembered_language};
use web::{ApiProblem, request_id};

use choice::{LARGEST_FORM, Wish, WishRefused, next_payment};
use link_path::{LinkPage, LinkPath};
use page::{
    Choice, Page, Sight, is_said_to_be_paid, logo_response, may_say_paid, of_link, of_link_with, posting_page,
    takes_payments, without_link,
};
use succession::{ask_again, lead_on};
use visitor::{Visitor, asks_for_a_result};

/// A customer who opens a link again this long after its session was opened may have paid in it and closed the browser.
const MAY_HAVE_PAID: SignedDuration = SignedDuration::from_secs(15);

/// The seconds after which the browser loads a page again by itself that took too long.
const RELOAD_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A logo's own address is derived from its content, so that browsers may keep it for ever; a link's logo may be another
/// tomorrow.
const LOGO_BY_CONTENT: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const LOGO_OF_A_LINK: HeaderValue = HeaderValue::from_static("private, max-age=86400");

/// What the function needs.
#[derive(Clone, Debug)]
pub struct App {
    pub confirmation: Confirmation,
    /// Where customers are told that they go.
    pub pay_hosts: PayHosts,
    pub rulebook: GatewayRulebook,
    pub clock: Clock,
}

/// Why a customer could not be sent to the gateway.
#[derive(Debug, thiserror::Error)]
enum VisitError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Session(#[from] OpenSessionError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("the link kept changing")]
    Contended,
}

/// The timeout that the template gives the function.
pub const TIME: Duration = Duration::from_secs(25);

pub fn router(app: App) -> Router {
    Router::new()
        .route("/p/{*link}", get(look).post(press).fallback(other_method))
        // Keyboards begin a line with a capital letter.
        .route("/P/{*link}", get(look).post(press).fallback(other_method))
        .route("/r/{*receipt}", get(receipt::look).fallback(other_method))
        .route("/logo/{business}/{hash}", get(logo).fallback(other_method))
        .route("/robots.txt", get(robots))
        .route("/favicon.ico", get(no_icon))
        .fallback(unknown_path)
        .layer(from_fn(in_time))
        .layer(from_fn(request_id::identified))
        .with_state(app)
}

/// Answers in time even where something takes too long. Nobody was shown a session that was not written down.
async fn in_time(request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    match runtime::in_time(TIME, next.run(request)).await {
        Some(response) => response,
        None => took_too_long(&headers),
    }
}

/// The page that says so. It names no business, because reading the table may be what took too long.
fn took_too_long(headers: &HeaderMap) -> Response {
    let mut response = of_nobody(Page::Down, &Asking::nobody(headers));
    response.headers_mut().insert(header::RETRY_AFTER, RELOAD_AFTER);
    response.headers_mut().insert(header::REFRESH, RELOAD_AFTER);
    response
}

/// Somebody asks for a page of a link. The path is read as it came, because it need be no text.
async fn look(State(app): State<App>, uri: Uri, method: Method, headers: HeaderMap) -> Response {
    let visitor = Visitor::of(&method, &headers);
    let from = Asking { visitor, asked: asked_language(&uri), mark: None, headers: &headers };
    let Some(LinkPath { token, mark, page }) = LinkPath::parse(uri.path()) else {
        return of_nobody(Page::Unknown, &from);
    };
    let from = Asking { mark, ..from };
    let mut response = match page {
        // Who chose another language goes on reading, and not to the gateway.
        LinkPage::Link | LinkPage::Go if from.asked.is_some() => serve_link(&app, &token, &from, Wants::Summary).await,
        LinkPage::Link => serve_link(&app, &token, &from, Wants::ToPay).await,
        // A browser comes here by GET where it loads again what the button led to.
        LinkPage::Go => serve_link(&app, &token, &from, Wants::ToGoOn(Wish::Unsaid)).await,
        LinkPage::AlreadyPaid => already_paid(&app, &token, &from).await,
        LinkPage::AskAgain => ask_again(&app, &token, &from).await,
        LinkPage::Result => result(&app, &token, &from).await,
        LinkPage::Receipt => receipt::of_link(&app, &token, &from).await,
        LinkPage::Logo => logo_beside(&app, &token, &from).await,
    };
    for cookie in from.asked.into_iter().flat_map(|language| remembering(language, &token, mark)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Who asks for a page.
struct Asking<'a> {
    visitor: Visitor,
    /// The language that they chose on the page before.
    asked: Option<Language>,
    /// Which of the people told has the address that they came by.
    mark: Option<RecipientMark>,
    headers: &'a HeaderMap,
}

impl<'a> Asking<'a> {
    /// Somebody of whom only what their browser sends is known.
    fn nobody(headers: &'a HeaderMap) -> Self {
        Self { visitor: Visitor::Looks, asked: None, mark: None, headers }
    }

    /// The language that they chose, on the page before or on an earlier one of the link.
    fn chosen(&self) -> Option<Language> {
        self.asked.or_else(|| remembered_language(self.headers))
    }
}

/// What somebody wants who asks for the page of a link.
enum Wants {
    /// They open the link, and see its summary first where the account wants that.
    ToPay,
    /// They read the summary in another language.
    Summary,
    /// They have pressed a button of the summary, which says how much they want to pay.
    ToGoOn(Wish),
}

/// The cookie by which the other pages of the link, behind the gateway too, are in the language that somebody chose. It goes
/// to no other address, and says nothing else. An address with a mark has pages of its own, and the gateway leads back to those
/// of the address without.
fn remembering(language: Language, token: &PayToken, mark: Option<RecipientMark>) -> Vec<HeaderValue> {
    let plain = format!("/p/{}", token.expose());
    let marked = mark.map(|mark| format!("{plain}{}", mark.as_char()));
    let cookie = |path| format!("lang={}; Path={path}; Max-Age=2592000; SameSite=Lax; HttpOnly", language.code());
    [Some(plain), marked].into_iter().flatten().filter_map(|path| HeaderValue::try_from(cookie(path)).ok()).collect()
}

/// The customer has pressed a button: to go on to the gateway from the summary page, to say that this is paid already, or to ask
/// for a new link.
async fn press(State(app): State<App>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    let path = LinkPath::parse(uri.path());
    let mark = path.as_ref().and_then(|path| path.mark);
    let from = Asking { visitor: Visitor::Pressed, asked: None, mark, headers: &headers };
    match path {
        Some(LinkPath { token, page: LinkPage::Go, .. }) => {
            // What is no form of ours chooses nothing.
            let form = to_bytes(body, LARGEST_FORM).await.unwrap_or_default();
            serve_link(&app, &token, &from, Wants::ToGoOn(Wish::read(&form))).await
        }
        Some(LinkPath { token, page: LinkPage::AlreadyPaid, .. }) => already_paid(&app, &token, &from).await,
        Some(LinkPath { token, page: LinkPage::AskAgain, .. }) => ask_again(&app, &token, &from).await,
        Some(LinkPath { page: LinkPage::Link | LinkPage::Result | LinkPage::Receipt | LinkPage::Logo, .. }) | None => {
            other_method(uri, headers).await
        }
    }
}

/// Sends a person on to the gateway, or shows the page that says why not. Whoever only looks sees the same as a person,
/// and nothing is asked, opened or written. Who has seen the summary page has a wish, which is how much to pay.
async fn serve_link(app: &App, token: &PayToken, from: &Asking<'_>, wants: Wants) -> Response {
    let Found { mut link, configuration, room } = match find(app, token).await {
        Ok(Some(found)) => found,
        Ok(None) => return of_nobody(Page::Unknown, from),
        Err(error) => return unavailable(from, &error),
    };
    if let Some(leading_on) = lead_on(app, &link, from).await {
        return leading_on;
    }
    let language = language(&link, from, &configuration);
    let next_payment = |link: &PaymentLink| next_payment(link, &app.rulebook, room);
    if from.visitor == Visitor::Looks {
        let sight = sight(app, language, &configuration, room);
        let choice = Choice { next: next_payment(&link), refused: None, mark: from.mark };
        let page = unless_item_paid(preview(&link, &configuration, sight.now), room);
        return of_link_with(page, &link, &choice, &sight);
    }
    // Where the business is told that this was paid, nobody is led on to pay it once more without having read so.
    // Nor is anybody sent to pay less than the link was made for without having read why.
    let is_told_more = is_said_to_be_paid(&link, app.clock.now())
        || link.is_part_paid()
        || next_payment(&link).due.minor_units() < link.amount_due().minor_units();
    let wants_summary = link.terms().account.summary_page || is_told_more;
    let chosen = match (&wants, wants_summary) {
        (Wants::Summary, _) | (Wants::ToPay, true) => Err(WishRefused::NotChosen),
        (Wants::ToPay, false) => Wish::Unsaid.amount(&next_payment(&link)),
        (Wants::ToGoOn(wish), _) => wish.amount(&next_payment(&link)),
    };
    let refused = chosen.as_ref().err().copied();
    let destination = match (chosen, link.visit(app.clock.now())) {
        // Who has paid in the last session is told what became of that.
        _ if room == Some(0) => summary_page(app, &configuration, &mut link, from.mark).await,
        (Ok(money), _) => find_or_open_session(app, &configuration, &mut link, (money, room), from.mark).await,
        // A page that is loaded again leads on to what was chosen before.
        (Err(WishRefused::NotChosen), Visit::Continue(_)) if matches!(wants, Wants::ToGoOn(_)) => {
            let chosen = link.current_session().map_or(link.amount_due(), |session| session.money);
            find_or_open_session(app, &configuration, &mut link, (chosen, room), from.mark).await
        }
        (Err(_), _) => summary_page(app, &configuration, &mut link, from.mark).await,
    };
    let sight = sight(app, language, &configuration, room);
    let show = |page, link: &PaymentLink| {
        let choice = Choice { next: next_payment(link), refused, mark: from.mark };
        of_link_with(unless_item_paid(page, room), link, &choice, &sight)
    };
    match destination {
        Ok(Destination::Gateway(checkout)) => redirect_to_gateway(&checkout, &link, &sight),
        Ok(Destination::Page(page)) => show(page, &link),
        Err(error) => {
            tracing::error!(link_id = %link.id(), trace_id = link.trace_id(), error = %error, "A customer could not be sent to the gateway.");
            match error {
                VisitError::Session(
                    OpenSessionError::GatewayUnavailable { .. } | OpenSessionError::GatewayRefused { .. },
                ) => {
                    // The customer opened the link all the same. Where that cannot be written now, the next visit
                    // writes it.
                    let link = note_opened(app, link.clone(), from.mark).await.unwrap_or(link);
                    show(Page::Trouble, &link)
                }
                // The error is ours, and may have come up while asking about a session that somebody has paid in.
                VisitError::Store(_)
                | VisitError::Session(OpenSessionError::Store(_))
                | VisitError::NoRandomness(_)
                | VisitError::Contended => without_link(Page::Down, language, &configuration),
            }
        }
    }
}

/// `room` is how much is left to pay of the link's item, where that matters.
fn sight<'a>(app: &'a App, language: Language, configuration: &'a Configuration, room: Option<i64>) -> Sight<'a> {
    let is_item_paid = room == Some(0);
    Sight { language, configuration, pay_hosts: &app.pay_hosts, now: app.clock.now(), is_item_paid }
}

/// Where a customer who opens the link is sent.
enum Destination {
    Gateway(Checkout),
    Page(Page),
}

/// Whether a visit leads to the gateway. Where the business takes no payments, what was begun may still finish.
fn leads_on(visit: &Visit, configuration: &Configuration) -> bool {
    match visit {
        Visit::Continue(_) => true,
        Visit::Begin => takes_payments(configuration),
        Visit::Confirming
        | Visit::UnderReview
        | Visit::Paid
        | Visit::OnHold
        | Visit::Expired
        | Visit::Cancelled
        | Visit::Replaced
        | Visit::TooManyAttempts => false,
    }
}

/// The page for a visit that does not lead to the gateway.
fn page_of(visit: &Visit, link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Page {
    match visit {
        Visit::Begin | Visit::TooManyAttempts if !takes_payments(configuration) => Page::Suspended,
        Visit::TooManyAttempts => Page::TooMany,
        Visit::Confirming => Page::Confirming,
        Visit::UnderReview => Page::Review,
        Visit::OnHold => Page::OnHold,
        Visit::Begin | Visit::Continue(_) | Visit::Paid | Visit::Expired | Visit::Cancelled | Visit::Replaced => {
            Page::of_reopened(link, configuration, now)
        }
    }
}

/// The summary page before the gateway, where the link can be paid, or the page that says why it cannot.
async fn summary_page(
    app: &App,
    configuration: &Configuration,
    link: &mut PaymentLink,
    mark: Option<RecipientMark>,
) -> Result<Destination, VisitError> {
    if leads_on(&link.visit(app.clock.now()), configuration) {
        *link = note_opened(app, link.clone(), mark).await?;
    }
    let visit = current_visit(app, link, None).await?;
    Ok(Destination::Page(if leads_on(&visit, configuration) {
        Page::Summary
    } else {
        page_of(&visit, link, configuration, app.clock.now())
    }))
}

/// Records the first opening by a person. Where somebody changed the link meanwhile, the result is the changed link.
async fn note_opened(app: &App, link: PaymentLink, mark: Option<RecipientMark>) -> Result<PaymentLink, StoreError> {
    let Some(next) = link.opened_with(mark, app.clock.now()) else { return Ok(link) };
    Ok(match app.confirmation.store().replace_link(&next).await? {
        Written::Applied | Written::AlreadyApplied => next,
        Written::Rejected(current) => *current,
    })
}

/// The customer says to have paid already, or loads again the page that answered. Whoever does not press the button changes
/// nothing, and where nobody is said to have paid sees what the link itself says.
async fn already_paid(app: &App, token: &PayToken, from: &Asking<'_>) -> Response {
    let Found { mut link, configuration, room } = match find(app, token).await {
        Ok(Some(found)) => found,
        Ok(None) => return of_nobody(Page::Unknown, from),
        Err(error) => return unavailable(from, &error),
    };
    if let Some(leading_on) = lead_on(app, &link, from).await {
        return leading_on;
    }
    let language = language(&link, from, &configuration);
    if from.visitor == Visitor::Pressed
        && room != Some(0)
        && let Err(error) = say_paid(app, &configuration, &mut link, from.mark).await
    {
        tracing::error!(link_id = %link.id(), trace_id = link.trace_id(), error = %error, "What a customer says could not be written down.");
        return without_link(Page::Down, language, &configuration);
    }
    let sight = sight(app, language, &configuration, room);
    of_link(unless_item_paid(of_said_paid(&link, &configuration, sight.now), room), &link, &sight)
}

/// The page that says that the business was told, while it is and the link's own state says nothing else.
fn of_said_paid(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Page {
    match link.visit(now) {
        Visit::Begin | Visit::Continue(_) | Visit::TooManyAttempts if is_said_to_be_paid(link, now) => Page::SaidPaid,
        Visit::Begin
        | Visit::Continue(_)
        | Visit::TooManyAttempts
        | Visit::Confirming
        | Visit::UnderReview
        | Visit::Paid
        | Visit::OnHold
        | Visit::Expired
        | Visit::Cancelled
        | Visit::Replaced => preview(link, configuration, now),
    }
}

/// Writes down that the customer says to have paid, where the link takes that. A person who presses a button has opened
/// the link. `link` becomes the link as it was last read or written.
async fn say_paid(
    app: &App,
    configuration: &Configuration,
    link: &mut PaymentLink,
    mark: Option<RecipientMark>,
) -> Result<(), VisitError> {
    if !may_say_paid(link, configuration, app.clock.now()) {
        return Ok(());
    }
    *link = note_opened(app, link.clone(), mark).await?;
    let said =
        |link: &PaymentLink, now| if may_say_paid(link, configuration, now) { link.said_paid(now) } else { None };
    write_wish(app, link, "A customer says to have paid already.", said).await
}

/// Writes what a customer wants, decided on the link as it is then. Where that is nothing, nothing is written. `link` becomes the
/// link as it was last read or written.
async fn write_wish(
    app: &App,
    link: &mut PaymentLink,
    what: &str,
    decide: impl Fn(&PaymentLink, Timestamp) -> Option<PaymentLink>,
) -> Result<(), VisitError> {
    for _ in 0..MAX_CONTENDED_TRIES {
        let Some(next) = decide(link, app.clock.now()) else { return Ok(()) };
        match app.confirmation.store().replace_link(&next).await? {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.id(), trace_id = next.trace_id(), "{what}");
                *link = next;
                return Ok(());
            }
            Written::Rejected(current) => *link = *current,
        }
    }
    Err(VisitError::Contended)
}

/// The customer comes back from the gateway, or reloads the page that said what happened.
async fn result(app: &App, token: &PayToken, from: &Asking<'_>) -> Response {
    match find(app, token).await {
        Ok(Some(Found { mut link, configuration, room })) => {
            let language = language(&link, from, &configuration);
            let now = app.clock.now();
            // The script of the page that waits asks as the person does who waits there.
            let visitor = if asks_for_a_result(from.headers) { Visitor::Navigates } else { from.visitor };
            let page = match visitor {
                Visitor::Looks => Ok(Page::of_unasked(&link, &configuration, now)),
                Visitor::Navigates | Visitor::Pressed => outcome(app, &configuration, &mut link, now).await,
            };
            match page {
                // Whose money came to the old link reads what becomes of it; everybody else wants the newest one.
                Ok(page) if !page.tells_of_money() && link.successor().is_some() => {
                    let leading_on = lead_on(app, &link, from).await;
                    leading_on.unwrap_or_else(|| of_link(page, &link, &sight(app, language, &configuration, room)))
                }
                Ok(page) => of_link(unless_item_paid(page, room), &link, &sight(app, language, &configuration, room)),
                Err(error) => {
                    tracing::error!(link_id = %link.id(), trace_id = link.trace_id(), error = %error, "An outcome could not be looked up.");
                    without_link(Page::Down, language, &configuration)
                }
            }
        }
        Ok(None) => of_nobody(Page::Unknown, from),
        Err(error) => unavailable(from, &error),
    }
}

/// The page that says what became of a payment. The gateway is asked before a customer is told that nothing was paid
/// and may pay; where it gives no answer, the page says that the payment is being confirmed.
async fn outcome(
    app: &App,
    configuration: &Configuration,
    link: &mut PaymentLink,
    now: Timestamp,
) -> Result<Page, VisitError> {
    let page = Page::of(link, configuration, now);
    if !page.depends_on_the_gateway(link) {
        return Ok(page);
    }
    Ok(match app.confirmation.session_status(link, now).await? {
        SessionStatus::NoneOpen | SessionStatus::Payable => page,
        SessionStatus::Unknown | SessionStatus::MaybePaid => Page::Confirming,
        SessionStatus::Over => Page::of(link, configuration, now),
    })
}

/// A business's logo, by the name of its content.
async fn logo(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let Some((business, hash)) = path
        .ok()
        .and_then(|Path((business, hash))| Some((BusinessId::parse(&business).ok()?, LogoHash::parse(&hash).ok()?)))
    else {
        return of_nobody(Page::Unknown, &Asking::nobody(&headers));
    };
    match app.confirmation.store().of(&business).logo(&hash).await {
        Ok(Some(logo)) => logo_response(&logo, LOGO_BY_CONTENT),
        Ok(None) => of_nobody(Page::Unknown, &Asking::nobody(&headers)),
        Err(error) => unavailable(&Asking::nobody(&headers), &error),
    }
}

/// The logo that the business of a link has now. An email keeps this address.
async fn logo_beside(app: &App, token: &PayToken, from: &Asking<'_>) -> Response {
    let Found { link, configuration, .. } = match find(app, token).await {
        Ok(Some(found)) => found,
        Ok(None) => return of_nobody(Page::Unknown, from),
        Err(error) => return unavailable(from, &error),
    };
    logo_of(app, &link, &configuration, from).await
}

/// The logo that the business of a link has now.
async fn logo_of(app: &App, link: &PaymentLink, configuration: &Configuration, from: &Asking<'_>) -> Response {
    let Some(hash) = &configuration.settings.logo_hash else { return of_nobody(Page::Unknown, from) };
    match app.confirmation.store().of(link.business()).logo(hash).await {
        Ok(Some(logo)) => logo_response(&logo, LOGO_OF_A_LINK),
        Ok(None) => of_nobody(Page::Unknown, from),
        Err(error) => unavailable(from, &error),
    }
}

/// A link with what there is beside it.
struct Found {
    link: PaymentLink,
    configuration: Arc<Configuration>,
    /// How much is left to pay of the link's item, where that matters.
    room: Option<i64>,
}

/// The link of a token.
async fn find(app: &App, token: &PayToken) -> Result<Option<Found>, StoreError> {
    let store = app.confirmation.store();
    let Some(link) = store.link(&LinkId::of(token)).await? else { return Ok(None) };
    let store = store.of(link.business());
    let (configuration, room) = tokio::join!(store.configuration(), room_for(&store, &link, app.clock.now()));
    let (configuration, room) = (configuration?, room?);
    Ok(Some(Found { link, configuration, room }))
}

/// How much is left to pay of the item of a link that can be paid.
async fn room_for(store: &BusinessStore, link: &PaymentLink, now: Timestamp) -> Result<Option<i64>, StoreError> {
    let guarded = link.terms().item.as_ref().and_then(|item| Some((&item.id, item.guard?)));
    let Some((item, guard)) = guarded.filter(|(_, guard)| guard.most.is_some()) else { return Ok(None) };
    if link.status_at(now) != LinkStatus::Active {
        return Ok(None);
    }
    Ok(guard.room(&store.paid_for(link, item).await?))
}

/// The page, unless it would lead to a payment for an item that is paid.
fn unless_item_paid(page: Page, room: Option<i64>) -> Page {
    if room == Some(0) && page.leads_to_paying() { Page::PaidElsewhere } else { page }
}

/// Sends the customer to the open session, and opens one where there is none. `link` becomes the link as it was last
/// read or written.
async fn find_or_open_session(
    app: &App,
    configuration: &Configuration,
    link: &mut PaymentLink,
    (money, room): (Money, Option<i64>),
    mark: Option<RecipientMark>,
) -> Result<Destination, VisitError> {
    let mut opened: Option<Attempt> = None;
    for _ in 0..MAX_CONTENDED_TRIES {
        let attempt = match opened.take() {
            Some(attempt) => attempt,
            None => match current_visit(app, link, Some(money)).await? {
                Visit::Begin if takes_payments(configuration) => {
                    let attempt = begin(app, configuration, link, (money, room), app.clock.now()).await?;
                    // A mark that means nobody of this link says nothing.
                    let begun_by = mark.filter(|mark| link.recipient_of(*mark).is_some());
                    Attempt { begun_by, ..attempt }
                }
                otherwise => return Ok(destination_of(otherwise, link, configuration, app.clock.now())),
            },
        };
        let now = app.clock.now();
        let next = match link.begin_attempt(attempt.clone(), now) {
            Ok(next) => next,
            // Another visit was faster. Nobody was shown our session, so nobody can pay in it.
            Err(otherwise) => return Ok(destination_of(otherwise, link, configuration, now)),
        };
        match app.confirmation.store().replace_link(&next).await? {
            Written::Applied | Written::AlreadyApplied => {
                tracing::info!(link_id = %next.id(), attempt_id = %attempt.id, trace_id = next.trace_id(), "A payment attempt began.");
                *link = next;
                return Ok(Destination::Gateway(attempt.checkout));
            }
            Written::Rejected(current) => {
                *link = *current;
                opened = Some(attempt);
            }
        }
    }
    Err(VisitError::Contended)
}

/// Where a visit leads that opens no session.
fn destination_of(visit: Visit, link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Destination {
    match visit {
        Visit::Continue(checkout) => Destination::Gateway(checkout),
        otherwise @ (Visit::Begin
        | Visit::Confirming
        | Visit::UnderReview
        | Visit::Paid
        | Visit::OnHold
        | Visit::Expired
        | Visit::Cancelled
        | Visit::Replaced
        | Visit::TooManyAttempts) => Destination::Page(page_of(&otherwise, link, configuration, now)),
    }
}

/// What a visitor gets. Where the last session has no known outcome, the gateway is asked first, because the customer
/// may have paid in it and closed the browser. Where the gateway gives no answer, the customer is sent to the same
/// session, and no second one is opened. Where another amount was chosen than that session is for, it is left first.
async fn current_visit(app: &App, link: &mut PaymentLink, money: Option<Money>) -> Result<Visit, VisitError> {
    let now = app.clock.now();
    let visit = link.visit_to_pay(money, now);
    if visit == Visit::Begin && link.current_session().is_some_and(|session| now < session.session_ends_at) {
        return Ok(match app.confirmation.leave_session(link, now).await? {
            SessionStatus::NoneOpen | SessionStatus::Payable | SessionStatus::Over => link.visit_to_pay(money, now),
            SessionStatus::Unknown | SessionStatus::MaybePaid => Visit::Confirming,
        });
    }
    let is_old = |attempt: &Attempt| now.duration_since(attempt.opened_at) >= MAY_HAVE_PAID;
    // Who is at the gateway already may finish, also where nobody else is sent there.
    let may_be_paid = matches!(visit, Visit::Continue(_) | Visit::Begin | Visit::OnHold);
    if !may_be_paid || !link.last_session().is_some_and(is_old) {
        return Ok(visit);
    }
    Ok(match app.confirmation.session_status(link, now).await? {
        SessionStatus::NoneOpen | SessionStatus::Payable => visit,
        SessionStatus::Unknown if visit == Visit::Begin => Visit::Confirming,
        SessionStatus::Unknown => visit,
        SessionStatus::MaybePaid => Visit::Confirming,
        SessionStatus::Over => link.visit_to_pay(money, now),
    })
}

/// Opens a session at the gateway.
async fn begin(
    app: &App,
    configuration: &Configuration,
    link: &PaymentLink,
    (money, room): (Money, Option<i64>),
    now: Timestamp,
) -> Result<Attempt, VisitError> {
    let terms = link.terms();
    let account = configuration.accounts.get(&terms.account.id);
    let credentials = account.and_then(|account| account.credentials_at(terms.account.gateway, terms.mode)).cloned();
    let session = NewSession {
        key: ReturnKey::from_random(runtime::random()?),
        money,
        room,
        credentials,
        rules: app.rulebook.rules(terms.account.gateway),
        settings: &configuration.settings,
    };
    Ok(app.confirmation.open_session(link, session, now).await?)
}

/// What somebody sees who only looks: the summary page of a link that can be paid, whatever its account wants, and
/// otherwise the page that says why it cannot. That a link was tried too often passes, and is told to those who try.
fn preview(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Page {
    match link.visit(now) {
        Visit::Continue(_) => Page::Summary,
        Visit::Begin | Visit::TooManyAttempts if takes_payments(configuration) => Page::Summary,
        otherwise @ (Visit::Begin
        | Visit::TooManyAttempts
        | Visit::Confirming
        | Visit::UnderReview
        | Visit::Paid
        | Visit::OnHold
        | Visit::Expired
        | Visit::Cancelled
        | Visit::Replaced) => page_of(&otherwise, link, configuration, now),
    }
}

/// Sends the browser on to the gateway: to an address, or with a form that a page of ours posts.
fn redirect_to_gateway(checkout: &Checkout, link: &PaymentLink, sight: &Sight<'_>) -> Response {
    if !checkout.form.is_empty() {
        return posting_page(checkout, link, sight);
    }
    see_other(&checkout.at).unwrap_or_else(|| {
        tracing::error!(link_id = %link.id(), "A gateway named an address that no browser can be sent to.");
        of_link(Page::Trouble, link, sight)
    })
}

/// A page for a visitor of whom nobody knows which business they look for: only a link says whose it is.
fn of_nobody(page: Page, from: &Asking<'_>) -> Response {
    let language = from.chosen().or_else(|| preferred_language(from.headers).flatten()).unwrap_or(Language::EN);
    without_link(page, language, &Configuration::default())
}

fn unavailable(from: &Asking<'_>, error: &StoreError) -> Response {
    tracing::error!(error = %error, "A pay page could not be served.");
    of_nobody(Page::Down, from)
}

/// What is no page of ours. An address of another version of the API is asked for by a program, which gets no page.
async fn unknown_path(uri: Uri, headers: HeaderMap) -> Response {
    match api_version(uri.path()) {
        Some(_) => ApiProblem::no_such_address(uri.path()).into_response(),
        None => of_nobody(Page::Unknown, &Asking { asked: asked_language(&uri), ..Asking::nobody(&headers) }),
    }
}

/// What a page of a link is asked for with another method than it answers. The pages of the buttons take POST as well.
async fn other_method(uri: Uri, headers: HeaderMap) -> Response {
    let takes_post = LinkPath::parse(uri.path()).is_some_and(|path| path.page.takes_post());
    let mut response = of_nobody(Page::Unknown, &Asking::nobody(&headers));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    let allowed = if takes_post { "GET, HEAD, POST" } else { "GET, HEAD" };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

async fn robots() -> Response {
    guard("User-agent: *\nDisallow: /\n".into_response())
}

/// Browsers ask for an icon where a page names none. They need not ask again for a day.
async fn no_icon() -> Response {
    let mut response = guard(StatusCode::NO_CONTENT.into_response());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

fn language(link: &PaymentLink, from: &Asking<'_>, configuration: &Configuration) -> Language {
    language_of(link, from.chosen(), from.headers, &configuration.settings)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use domain::calendar::display_instant;
    use domain::gateway::{GatewayAnswer, GatewayKind, Mode, NotPaidCause, NotPaidReason, Payment, RefundAnswer};
    use domain::ids::{AccountId, ContactId, CredentialsVersion};
    use domain::link::{
        AccountTerms, AfterPayment, AmountSource, ContactTerms, Hint, OpenedSession, PaymentRecord, ReceivedBy,
        RefundBy, RefundWish, Terms, Voided,
    };
    use domain::messages::choice::MessageChoice;
    use domain::money::{Currency, Money};
    use domain::records::account::LatePayment;
    use domain::records::business::{Business, BusinessState};

    const MADE_AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn minutes(number: i64) -> Timestamp {
        MADE_AT + SignedDuration::from_mins(number)
    }

    fn shop() -> BusinessId {
        BusinessId::parse("shop").unwrap()
    }

    /// A link that can be paid for a day.
    fn link() -> PaymentLink {
        let terms = Terms {
            mode: Mode::Live,
            account: AccountTerms {
                id: AccountId::parse("main").unwrap(),
                name: "Main".to_owned(),
                gateway: GatewayKind::Stripe,
                credentials: CredentialsVersion::parse("v1").unwrap(),
                late_payment: LatePayment::Refund,
                summary_page: false,
            },
            contact: ContactTerms { id: ContactId::parse("c-1").unwrap(), name: "N".to_owned(), profile_url: None },
            item: None,
            amount: Money::new(1999, Currency::parse("EUR").unwrap()).unwrap(),
            amount_source: AmountSource::Request,
            plan: None,
            expires_at: minutes(24 * 60),
            due_at: None,
            description: None,
            internal_note: None,
            after_payment: AfterPayment {
                register_receipt: false,
                receipt_type_id: None,
                receipt_field: None,
                send_receipt: false,
            },
            message: MessageChoice::Default { channels: Vec::new() },
            recipients: Vec::new(),
            unreached: Vec::new(),
            reminders: None,
            reference_id: None,
            return_url: None,
            locale: None,
            metadata: BTreeMap::new(),
        };
        let token = PayToken::from_random([1; 16]);
        PaymentLink::new(shop(), token, "https://pay.example", "hash".to_owned(), terms, MADE_AT)
    }

    /// The link with a session at the gateway.
    fn begun(link: &PaymentLink, now: Timestamp) -> PaymentLink {
        let session =
            OpenedSession { session: "cs_1".to_owned(), checkout: Checkout::link("https://gate.example".to_owned()) };
        let attempt = link.new_attempt(ReturnKey::from_random([2; 16]), None, link.amount_due(), None);
        let attempt = attempt.opened(session, GatewayRulebook::default().rules(GatewayKind::Stripe), now);
        link.begin_attempt(attempt, now).unwrap()
    }

    fn failed(link: &PaymentLink, now: Timestamp) -> PaymentLink {
        let answer = GatewayAnswer::NotPaid(NotPaidReason::new(NotPaidCause::Declined, "declined"));
        link.apply_answer(&link.attempts()[0].id, &answer, Hint::Nothing, now).unwrap().link
    }

    fn paid(link: &PaymentLink, now: Timestamp) -> PaymentLink {
        let payment = Payment::new("pi_1", "pi_1", link.attempts()[0].money);
        link.apply_answer(&link.attempts()[0].id, &GatewayAnswer::Paid(payment), Hint::Paid, now).unwrap().link
    }

    /// The link with a refund of its payment that the gateway was asked for.
    fn giving_back(link: &PaymentLink, amount: i64, now: Timestamp) -> PaymentLink {
        let wish = RefundWish {
            amount: Some(amount),
            method: RefundBy::Gateway,
            reason: None,
            requested_by: None,
            request: None,
            has_credentials: None,
            from: None,
        };
        link.request_refund(&link.attempts()[0].id, wish, now).unwrap()
    }

    /// The link whose last refund the gateway says something about.
    fn told(link: &PaymentLink, answer: &RefundAnswer, now: Timestamp) -> PaymentLink {
        let attempt = &link.attempts()[0];
        link.apply_refund_answer(&attempt.id, &attempt.refunds.last().unwrap().id, answer, now).unwrap().link
    }

    fn shown(
        page: Page,
        link: &PaymentLink,
        language: Language,
        configuration: &Configuration,
        now: Timestamp,
    ) -> Response {
        of_link(
            page,
            link,
            &Sight { language, configuration, pay_hosts: &PayHosts::default(), now, is_item_paid: false },
        )
    }

    fn configuration(state: BusinessState) -> Configuration {
        let business = Business { state, ..Business::new(shop(), "Shop".to_owned(), MADE_AT) };
        Configuration { business: Some(business), ..Configuration::default() }
    }

    fn suspended() -> Configuration {
        configuration(BusinessState::Suspended { suspended_at: MADE_AT, reason: Some("unpaid bills".to_owned()) })
    }

    async fn text_of(page: Response) -> String {
        let text = axum::body::to_bytes(page.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_takes_too_long_is_a_page_in_the_browsers_language_that_asks_again_by_itself() {
        let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static("fa-IR,fa;q=0.9"))]);
        let page = took_too_long(&headers);
        assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!((&page.headers()["refresh"], &page.headers()["retry-after"]), (&RELOAD_AFTER, &RELOAD_AFTER));
        assert!(page.headers().contains_key("content-security-policy"));
        let text = text_of(page).await;
        assert!(text.contains("lang=\"fa\" dir=\"rtl\"") && text.contains("لطفاً دوباره پرداخت نکنید"), "{text}");
    }

    #[test]
    fn nobody_begins_to_pay_a_business_that_is_suspended_or_is_none() {
        let (link, active) = (link(), configuration(BusinessState::Active));
        assert!(leads_on(&link.visit(MADE_AT), &active));
        assert_eq!(preview(&link, &active, MADE_AT), Page::Summary);
        for configuration in [suspended(), Configuration::default()] {
            let visit = link.visit(MADE_AT);
            assert!(!leads_on(&visit, &configuration));
            assert_eq!(page_of(&visit, &link, &configuration, MADE_AT), Page::Suspended);
            assert_eq!(page_of(&Visit::TooManyAttempts, &link, &configuration, MADE_AT), Page::Suspended);
            assert_eq!(preview(&link, &configuration, MADE_AT), Page::Suspended);
            assert_eq!(Page::of(&link, &configuration, MADE_AT), Page::Suspended);
        }
        // What a link says of itself is said as ever.
        let over = minutes(24 * 60);
        assert_eq!(page_of(&link.visit(over), &link, &suspended(), over), Page::Expired);
    }

    #[test]
    fn what_was_begun_finishes_although_its_business_was_suspended_meanwhile() {
        let (link, suspended) = (begun(&link(), MADE_AT), suspended());
        assert!(leads_on(&link.visit(minutes(1)), &suspended));
        assert_eq!(preview(&link, &suspended, minutes(1)), Page::Summary);
        assert_eq!(Page::of(&link, &suspended, minutes(1)), Page::Unfinished);
        // Somebody may have paid in a session that is over: the gateway is asked before the page says anything.
        let over = link.attempts()[0].session_ends_at;
        assert!(!leads_on(&link.visit(over), &suspended));
        let page = Page::of(&link, &suspended, over);
        assert_eq!(page, Page::Suspended);
        assert!(page.depends_on_the_gateway(&link));
    }

    #[tokio::test]
    async fn a_page_of_a_suspended_business_says_so_in_every_language_and_leads_to_no_new_try() {
        let (fresh, suspended) = (link(), suspended());
        let failed = failed(&begun(&fresh, MADE_AT), minutes(1));
        for language in Language::ALL {
            let said = language.say("suspended-text", &[("business", "\u{2068}Paylink\u{2069}")]);
            let dead_end = shown(Page::Suspended, &fresh, language, &suspended, minutes(1));
            assert_eq!(dead_end.status(), StatusCode::FORBIDDEN);
            assert_eq!(dead_end.headers()["cache-control"], "no-store");
            let after_a_no =
                shown(Page::of(&failed, &suspended, minutes(1)), &failed, language, &suspended, minutes(1));
            assert_eq!(after_a_no.status(), StatusCode::OK);
            for page in [dead_end, after_a_no] {
                let text = text_of(page).await;
                assert!(text.contains(&said) && !text.contains("class=\"button\""), "{text}");
                assert!(!text.contains("unpaid bills"), "why is between the platform and the business");
            }
            let open = begun(&fresh, MADE_AT);
            let over = open.attempts()[0].session_ends_at;
            let text = text_of(shown(Page::Suspended, &open, language, &suspended, over)).await;
            assert!(text.contains(&language.say("if-paid", &[])), "who has paid is told that nothing is lost: {text}");
        }
        let active = configuration(BusinessState::Active);
        let text =
            text_of(shown(Page::of(&failed, &active, minutes(1)), &failed, Language::EN, &active, minutes(1))).await;
        assert!(text.contains("class=\"button\""), "{text}");
    }

    #[tokio::test]
    async fn a_paid_link_says_in_every_language_how_much_went_back_and_nothing_of_what_did_not() {
        let (active, gone) = (configuration(BusinessState::Active), RefundAnswer::Succeeded { reference: None });
        let paid = paid(&begun(&link(), MADE_AT), minutes(1));
        let asked = giving_back(&paid, 500, minutes(2));
        let failed = told(&asked, &RefundAnswer::Failed { reference: None, code: "lost".to_owned() }, minutes(3));
        for link in [&paid, &asked, &failed] {
            assert_eq!(Page::of(link, &active, minutes(4)), Page::Paid, "who comes back from the gateway is thanked");
            assert_eq!(Page::of_reopened(link, &active, minutes(4)), Page::AlreadyPaid);
        }
        let part = told(&asked, &gone, minutes(3));
        let rest_asked = giving_back(&part, 1499, minutes(4));
        // Nobody knows whether the rest went, and there was no second payment all the same.
        let rest_asked_id = rest_asked.attempts()[0].refunds.last().unwrap().id.clone();
        let attempt = rest_asked.attempts()[0].id.clone();
        let calling = rest_asked.begin_refund_call(&attempt, &rest_asked_id, minutes(4)).unwrap();
        let unclear = told(&calling, &RefundAnswer::Unlisted, minutes(4 + 120));
        assert!(unclear.needs_review());
        for language in Language::ALL {
            let text = text_of(shown(Page::PartlyRefunded, &unclear, language, &active, minutes(125))).await;
            assert!(!text.contains(&language.say("second-review-maybe", &[])), "{text}");
        }
        let whole = told(&rest_asked, &gone, minutes(5));
        for (link, page, sum) in [
            (&part, Page::PartlyRefunded, 500),
            (&rest_asked, Page::PartlyRefunded, 500),
            (&whole, Page::Refunded, 1999),
        ] {
            assert_eq!(Page::of(link, &active, minutes(6)), page);
            assert_eq!(Page::of_reopened(link, &active, minutes(6)), page);
            assert_eq!(preview(link, &active, minutes(6)), page, "who only looks reads the same");
            for language in Language::ALL {
                let text = text_of(shown(page, link, language, &active, minutes(6))).await;
                let sum = Money::new(sum, Currency::parse("EUR").unwrap()).unwrap().display(language, false);
                let said = text.split("</h1><p>").nth(1).unwrap().split("</p>").next().unwrap();
                assert!(said.contains(&format!("\u{2068}{sum}\u{2069}")), "{said}");
                assert!(!text.contains(&language.say("already-paid-title", &[])), "{text}");
                assert!(!text.contains("class=\"button\""), "{text}");
            }
        }
    }

    #[tokio::test]
    async fn who_says_to_have_paid_reads_in_every_language_who_was_told_and_may_pay_all_the_same() {
        let mut active = configuration(BusinessState::Active);
        active.settings.support_phone = Some("+98 21 0000".to_owned());
        let said = link().said_paid(MADE_AT).unwrap();
        let page = of_said_paid(&said, &active, minutes(1));
        assert_eq!(page, Page::SaidPaid);
        for language in Language::ALL {
            let text = text_of(shown(page, &said, language, &active, minutes(1))).await;
            let business = format!("\u{2068}{}\u{2069}", active.settings.business_name);
            for key in ["said-paid-text", "said-paid-next"] {
                let told = language.say(key, &[("business", &business)]);
                assert!(text.contains(&told), "{told}: {text}");
            }
            assert!(text.contains("tel:+98210000"), "{text}");
            assert!(text.contains("class=\"plain\" href=\"/p/") && !text.contains("<form"), "{text}");
        }
        // Once nobody looks into it any more, the address shows what the link itself does.
        let over = said.hold_at(minutes(1)).unwrap().until;
        assert_eq!(of_said_paid(&said, &active, over), Page::Expired, "the link of a day ends before the hold");
        assert_eq!(of_said_paid(&said.release_hold(minutes(2)).unwrap(), &active, minutes(2)), Page::Summary);
        let confirmed = paid(&begun(&said, minutes(1)), minutes(2));
        assert_eq!(of_said_paid(&confirmed, &active, minutes(3)), Page::AlreadyPaid);
    }

    /// The link as it is paid by money that somebody gave the business.
    fn paid_in_cash(link: &PaymentLink, received_at: Timestamp, now: Timestamp) -> PaymentLink {
        let record = PaymentRecord {
            key: ReturnKey::from_random([3; 16]),
            amount: None,
            by: ReceivedBy::Cash,
            reference: None,
            received_at,
            note: None,
            recorded_by: None,
            request: None,
            account: None,
            force: false,
        };
        link.record_payment(record, now).unwrap().link
    }

    #[tokio::test]
    async fn cash_was_paid_when_it_came_and_not_when_that_was_written_down() {
        let (active, paid) = (configuration(BusinessState::Active), paid_in_cash(&link(), minutes(60), minutes(600)));
        assert_eq!(Page::of_reopened(&paid, &active, minutes(601)), Page::AlreadyPaid);
        for language in Language::ALL {
            let text = text_of(shown(Page::AlreadyPaid, &paid, language, &active, minutes(601))).await;
            let shown = |at| display_instant(at, &active.settings.zone(), language);
            assert!(text.contains(&shown(minutes(60))) && !text.contains(&shown(minutes(600))), "{text}");
            assert!(!text.contains(&language.say("reference", &[])), "{text}");
        }
    }

    #[tokio::test]
    async fn a_link_whose_noted_payment_was_withdrawn_is_closed_in_every_language() {
        let active = configuration(BusinessState::Active);
        let paid = paid_in_cash(&link(), minutes(60), minutes(60));
        let voided = Voided { at: minutes(70), reason: Some("wrong customer".to_owned()), voided_by: None };
        let closed = paid.void_payment(&paid.attempts()[0].id, voided).unwrap().link;
        for page in [
            Page::of(&closed, &active, minutes(80)),
            Page::of_reopened(&closed, &active, minutes(80)),
            preview(&closed, &active, minutes(80)),
        ] {
            assert_eq!(page, Page::Closed);
        }
        for language in Language::ALL {
            let page = shown(Page::Closed, &closed, language, &active, minutes(80));
            assert_eq!(page.status(), StatusCode::GONE);
            let text = text_of(page).await;
            let amount = closed.terms().amount.display(language, false);
            assert!(text.contains(&amount), "what was asked for is still said: {text}");
            for of_a_receipt in [&language.say("paid-on", &[]), &language.say("reference", &[]), "wrong customer"] {
                assert!(!text.contains(of_a_receipt), "{of_a_receipt}: {text}");
            }
        }
    }

    #[tokio::test]
    async fn a_logo_is_asked_for_at_an_address_that_names_its_business() {
        let hash = LogoHash::parse(&"0".repeat(32)).unwrap();
        let mut configuration = configuration(BusinessState::Active);
        configuration.settings.logo_hash = Some(hash.clone());
        let text = text_of(shown(Page::Summary, &link(), Language::EN, &configuration, MADE_AT)).await;
        assert!(text.contains(&format!("src=\"/logo/shop/{}\"", hash.as_str())), "{text}");
    }
}

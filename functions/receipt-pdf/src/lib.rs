//! Receipts as PDF files, for whoever has the address of a receipt's page or of its link.
//!
//! The file says what the page says at the moment ([`domain::link::ReceiptSheet`]). Fonts and the shaping of text lie in this
//! function alone, so that no other carries them. It only reads; where it has nothing to draw it sends the browser to the page,
//! which says why in the reader's language.

mod paper;
mod typeset;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::business::logo::Logo;
use domain::ids::{AttemptId, LinkId, PayToken, ReceiptCode, TOKEN_LENGTH};
use domain::language::Language;
use domain::link::{PaymentLink, SheetReader};
use runtime::Clock;
use store::{Configuration, FoundReceipt, Store, StoreError};
use web::customer::{guard, see_other};
use web::reader::{asked_language, language_of, preferred_language, remembered_language};
use web::request_id;

use paper::{DrawError, Picture, draw};
use typeset::Typesetter;

/// What the function needs.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub clock: Clock,
}

/// The timeout that the template gives the function.
pub const TIME: Duration = Duration::from_secs(15);

/// The seconds after which somebody may ask again for what could not be read.
const AGAIN_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
enum NoFile {
    #[error("nothing is there")]
    Nothing,
    /// It is written in letters that no font here has.
    #[error("the receipt is written in a script that cannot be drawn")]
    OtherScript,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Draw(#[from] DrawError),
}

/// An app with the fonts, which are read with the first receipt.
#[derive(Clone)]
struct Served {
    app: App,
    typesetter: Arc<Mutex<Option<Typesetter>>>,
}

pub fn router(app: App) -> Router {
    Router::new()
        .route("/r/{code}/receipt.pdf", get(by_code))
        .route("/p/{token}/receipt.pdf", get(by_token))
        .layer(map_response(guarded))
        .layer(from_fn(in_time))
        .layer(from_fn(request_id::identified))
        .with_state(Served { app, typesetter: Arc::default() })
}

async fn guarded(response: Response) -> Response {
    guard(response)
}

async fn in_time(request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    match runtime::in_time(TIME, next.run(request)).await {
        Some(response) => response,
        None => unavailable(&headers),
    }
}

/// The receipt at the address of its page.
async fn by_code(State(served): State<Served>, Path(code): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let Ok(code) = ReceiptCode::parse(&code) else { return elsewhere("/r/check", &headers) };
    let page = format!("/r/{}", code.expose());
    let file = async {
        let FoundReceipt { link, attempt } = served.app.store.receipt_by_code(&code).await?.ok_or(NoFile::Nothing)?;
        served.file(&link, &attempt, &uri, &headers).await
    };
    answer(file.await, &page, &headers)
}

/// The receipt of the newest payment of a link, for who has just paid.
async fn by_token(State(served): State<Served>, Path(token): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    // The address may have the mark of whoever was told it behind the token.
    let token = token.get(..TOKEN_LENGTH).unwrap_or_default();
    let Ok(token) = PayToken::parse(token) else { return elsewhere("/r/check", &headers) };
    let page = format!("/p/{}/receipt", token.expose());
    let file = async {
        let link = served.app.store.link(&LinkId::of(&token)).await?.ok_or(NoFile::Nothing)?;
        let attempt = link.payments().last().map(|payment| payment.id.clone()).ok_or(NoFile::Nothing)?;
        served.file(&link, &attempt, &uri, &headers).await
    };
    answer(file.await, &page, &headers)
}

/// The file, or the way to the page that says what there is.
fn answer(file: Result<Response, NoFile>, page: &str, headers: &HeaderMap) -> Response {
    match file {
        Ok(file) => file,
        Err(NoFile::Nothing | NoFile::OtherScript | NoFile::Draw(DrawError::NoLetter)) => elsewhere(page, headers),
        Err(NoFile::Draw(error)) => {
            tracing::error!(error = %error, "A receipt could not be drawn.");
            elsewhere(page, headers)
        }
        Err(NoFile::Store(error)) => {
            tracing::error!(error = %error, "A receipt could not be read.");
            unavailable(headers)
        }
    }
}

fn elsewhere(page: &str, headers: &HeaderMap) -> Response {
    see_other(page).unwrap_or_else(|| unavailable(headers))
}

/// Says in a sentence that this does not work now. It names no business, because reading the table may be what failed.
fn unavailable(headers: &HeaderMap) -> Response {
    let language = preferred_language(headers).flatten().unwrap_or(Language::EN);
    let text = format!("{}\n\n{}\n", language.say("down-title", &[]), language.say("down-text", &[]));
    guard((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, AGAIN_AFTER)], text).into_response())
}

impl Served {
    async fn file(
        &self,
        link: &PaymentLink,
        attempt: &AttemptId,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Response, NoFile> {
        let attempt = link.attempt(attempt).ok_or(NoFile::Nothing)?;
        let business = self.app.store.of(link.business());
        let configuration = business.configuration().await?;
        let settings = &configuration.settings;
        let chosen = asked_language(uri).or_else(|| remembered_language(headers));
        let language = language_of(link, chosen, headers, settings);
        let now = self.app.clock.now();
        let sheet = link.receipt_sheet(attempt, settings, language, SheetReader::Holder, now);
        if !sheet.can_be_drawn() {
            return Err(NoFile::OtherScript);
        }
        let logo = self.logo(link, &configuration).await?;
        let drawn = {
            let mut typesetter = self.typesetter.lock().unwrap_or_else(PoisonError::into_inner);
            draw(&sheet, language, logo, now, typesetter.get_or_insert_with(Typesetter::new))?
        };
        let named = format!("inline; filename=\"receipt-{}.pdf\"", sheet.code.expose());
        let mut response = drawn.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
        if let Ok(named) = HeaderValue::try_from(named) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
        }
        Ok(response)
    }

    /// The logo of the business. A receipt without it is one all the same.
    async fn logo(
        &self,
        link: &PaymentLink,
        configuration: &Configuration,
    ) -> Result<Option<(Picture, Vec<u8>)>, StoreError> {
        let Some(hash) = &configuration.settings.logo_hash else { return Ok(None) };
        let logo: Option<Logo> = self.app.store.of(link.business()).logo(hash).await?;
        Ok(logo.map(|logo| {
            let kind = if logo.media_type() == "image/png" { Picture::Png } else { Picture::Jpeg };
            (kind, logo.bytes())
        }))
    }
}

//! The pages of receipts: one for each payment, at an address that derives from the pay token and lasts, and one on which anybody
//! checks a receipt by its code.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use domain::ids::{AttemptId, PayToken, ReceiptCode};
use domain::link::PaymentLink;
use domain::locale::Language;
use percent_encoding::percent_decode_str;
use store::{Configuration, FoundReceipt, StoreError};
use web::reader::{asked_language, preferred_language};

use crate::page::{Page, check_page, receipt_page};
use crate::visitor::Visitor;
use crate::{App, Asking, Found, find, language, logo_of, of_nobody, sight, unavailable};

/// Somebody opens a receipt, or what lies beside it.
pub(crate) async fn look(State(app): State<App>, uri: Uri, method: Method, headers: HeaderMap) -> Response {
    let from =
        Asking { visitor: Visitor::of(&method, &headers), asked: asked_language(&uri), mark: None, headers: &headers };
    let mut words = uri.path().split('/').skip(2);
    let name = words.next().unwrap_or_default();
    if name == "check" {
        return check(&app, &uri, &from).await;
    }
    let Some(code) = read_code(name) else { return of_nobody(Page::Unknown, &from) };
    let (FoundReceipt { link, attempt }, configuration) = match at(&app, &code).await {
        Ok(Some(found)) => found,
        Ok(None) => return of_nobody(Page::Unknown, &from),
        Err(error) => return unavailable(&from, &error),
    };
    if words.next() == Some("logo") {
        return logo_of(&app, &link, &configuration, &from).await;
    }
    shown(&app, (&link, &attempt), &format!("/r/{}/receipt.pdf", code.expose()), &configuration, &from)
}

/// The receipt of the newest payment of a link, for who has just paid: the page's own address may not be known yet.
pub(crate) async fn of_link(app: &App, token: &PayToken, from: &Asking<'_>) -> Response {
    let Found { link, configuration, .. } = match find(app, token).await {
        Ok(Some(found)) => found,
        Ok(None) => return of_nobody(Page::Unknown, from),
        Err(error) => return unavailable(from, &error),
    };
    match link.payments().last().map(|payment| payment.id.clone()) {
        Some(attempt) => {
            let as_file = format!("/p/{}/receipt.pdf", token.expose());
            shown(app, (&link, &attempt), &as_file, &configuration, from)
        }
        None => of_nobody(Page::Unknown, from),
    }
}

fn shown(
    app: &App,
    (link, attempt): (&PaymentLink, &AttemptId),
    as_file: &str,
    configuration: &Configuration,
    from: &Asking<'_>,
) -> Response {
    let Some(attempt) = link.attempt(attempt) else { return of_nobody(Page::Unknown, from) };
    receipt_page(link, attempt, as_file, &sight(app, language(link, from, configuration), configuration, None))
}

/// Whether a receipt is genuine, for whoever has its code or the address of its page.
async fn check(app: &App, uri: &Uri, from: &Asking<'_>) -> Response {
    let said = uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("code="));
    let of_nobody = Configuration::default();
    let asked = from.chosen().or_else(|| preferred_language(from.headers).flatten()).unwrap_or(Language::EN);
    let Some(said) = said.filter(|said| !said.is_empty()) else {
        return check_page(None, &sight(app, asked, &of_nobody, None));
    };
    let said = said.replace('+', " ");
    let said = percent_decode_str(&said).decode_utf8_lossy();
    let found = match said.trim().rsplit('/').find_map(read_code) {
        Some(code) => at(app, &code).await,
        None => Ok(None),
    };
    match found {
        Ok(Some((FoundReceipt { link, attempt }, configuration))) => {
            let language = language(&link, from, &configuration);
            let attempt = link.attempt(&attempt).map(|attempt| (&link, attempt));
            check_page(Some(attempt), &sight(app, language, &configuration, None))
        }
        Ok(None) => check_page(Some(None), &sight(app, asked, &of_nobody, None)),
        Err(error) => unavailable(from, &error),
    }
}

/// The code that a word begins with: people copy it out of sentences.
fn read_code(word: &str) -> Option<ReceiptCode> {
    let word = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let end = word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len());
    ReceiptCode::parse(word.get(..end)?).ok()
}

/// The payment that a code is of, with what there is of its business.
async fn at(app: &App, code: &ReceiptCode) -> Result<Option<(FoundReceipt, Arc<Configuration>)>, StoreError> {
    let store = app.confirmation.store();
    let Some(found) = store.receipt_by_code(code).await? else { return Ok(None) };
    let configuration = store.of(found.link.business()).configuration().await?;
    Ok(Some((found, configuration)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "7hRmz4LdS9oXWcYbQ2tVfA";

    #[test]
    fn a_code_is_read_out_of_what_people_copy() {
        for said in [CODE.to_owned(), format!(" {CODE}."), format!("({CODE})"), format!("{CODE}?lang=fa")] {
            assert_eq!(read_code(&said).map(|code| code.expose().to_owned()), Some(CODE.to_owned()), "{said}");
        }
        for said in ["", "check", "7hRmz4LdS9oXWcYbQ2tVf", "7hRmz4LdS9oXWcYbQ2tVfAA"] {
            assert!(read_code(said).is_none(), "{said}");
        }
    }
}

//! The receipt of a payment, for as long as there is its link: what was paid to whom for what, what went back of it, and how
//! anybody can check that it is genuine. Printed it is one page without anything that only a screen needs.

use axum::http::StatusCode;
use axum::response::Response;
use domain::link::{Attempt, PaymentLink, ReceiptSheet, SheetFact, SheetReader, SheetStanding};
use maud::{Markup, html};

use super::Sight;
use super::document::{Content, Policy};
use super::facts::{fact, fact_ltr};
use super::qr::code_of;
use super::words::Words;

/// Prints the page. Without it the button would do nothing, so that the script shows it.
const SCRIPT: &str = "for(const b of document.querySelectorAll('[data-print]')){b.hidden=false;b.onclick=()=>print()}";

/// The receipt of a payment. `as_file` is where the same can be had as a PDF.
pub(crate) fn receipt_page(link: &PaymentLink, attempt: &Attempt, as_file: &str, sight: &Sight<'_>) -> Response {
    let words = Words::new(sight, Some(link));
    let sheet = link.receipt_sheet(attempt, words.settings(), sight.language, SheetReader::Holder, sight.now);
    let content = Content {
        status: StatusCode::OK,
        link: Some(link),
        title: words.plain("receipt"),
        in_head: Markup::default(),
        shown: shown(&sheet, as_file, &words),
        policy: Policy { script: Some(SCRIPT), ..Policy::default() },
    };
    content.response(&words, sight)
}

fn shown(sheet: &ReceiptSheet, as_file: &str, words: &Words<'_>) -> Markup {
    let tone = match sheet.standing {
        SheetStanding::Void => "bad",
        SheetStanding::Valid => "good",
        SheetStanding::Returned => "quiet",
    };
    html! {
        h1 class=(tone) { (sheet.title) }
        p.amount { bdi { (sheet.amount) } @if let Some(rial) = &sheet.in_rial { " " small { bdi { (rial) } } } }
        (said(sheet))
        p.hint { (sheet.no_tax) }
        @if sheet.can_be_drawn() {
            a.minor href=(format!("{as_file}?lang={}", words.language().code())) { (words.say("receipt-pdf")) }
        }
        button.minor type="button" hidden data-print { (words.say("print")) }
        section.check {
            p { (sheet.check) }
            p { bdi dir="ltr" { code { (sheet.code.expose()) } } }
            (code_of(&sheet.address, &words.say("receipt-check-code")))
        }
    }
}

/// That it is void, if it is, what it says, and what went back.
fn said(sheet: &ReceiptSheet) -> Markup {
    html! {
        @if let Some(void) = &sheet.void { p.hint { (void) } }
        dl { @for one in &sheet.facts { (of_sheet(one)) } }
        @if !sheet.refunds.is_empty() {
            section {
                h2 { (sheet.refunds_title) }
                dl { @for one in &sheet.refunds { (of_sheet(one)) } }
            }
        }
    }
}

fn of_sheet(one: &SheetFact) -> Markup {
    let show = if one.is_ltr { fact_ltr } else { fact };
    show(&one.name, &one.value)
}

/// The page on which a receipt is checked, and what is said of one. It names nobody but the business.
pub(crate) fn check_page(found: Option<Option<(&PaymentLink, &Attempt)>>, sight: &Sight<'_>) -> Response {
    let link = found.flatten().map(|(link, _)| link);
    let words = Words::new(sight, link);
    let (status, title) = match found {
        None => (StatusCode::OK, "check-title"),
        Some(Some(_)) => (StatusCode::OK, "check-genuine-title"),
        Some(None) => (StatusCode::NOT_FOUND, "check-unknown-title"),
    };
    let content = Content {
        status,
        link,
        title: words.plain(title),
        in_head: Markup::default(),
        shown: html! {
            h1 class=(if link.is_some() { "good" } else if found.is_some() { "bad" } else { "quiet" }) { (words.say(title)) }
            @match found {
                Some(Some((link, attempt))) => {
                    p { (words.say("check-genuine-text")) }
                    (said(&link.receipt_sheet(attempt, words.settings(), sight.language, SheetReader::Anybody, sight.now)))
                }
                Some(None) => p { (words.say("check-unknown-text")) },
                None => p { (words.say("check-text")) },
            }
            form method="get" action="/r/check" {
                label { (words.say("check-label")) input name="code" dir="ltr" autocomplete="off" spellcheck="false" required; }
                p.next { button.button type="submit" { (words.say("check-button")) } }
            }
        },
        policy: Policy { forms: "'self'", ..Policy::default() },
    };
    content.response(&words, sight)
}

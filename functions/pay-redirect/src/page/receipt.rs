//! The receipt of a payment, for as long as there is its link: what was paid to whom for what, what went back of it, and how
//! anybody can check that it is genuine. Printed it is one page without anything that only a screen needs.

use axum::http::StatusCode;
use axum::response::Response;
use domain::link::{Attempt, PaymentLink};
use maud::{Markup, html};

use super::Sight;
use super::after::{LONGEST_BESIDE, fact, purpose};
use super::document::{Content, Policy};
use super::paying::code_of;
use super::told::{self, ReceiptTold};
use super::words::Words;

/// Prints the page. Without it the button would do nothing, so that the script shows it.
const SCRIPT: &str = "for(const b of document.querySelectorAll('[data-print]')){b.hidden=false;b.onclick=()=>print()}";

/// The receipt of a payment.
pub(crate) fn receipt_page(link: &PaymentLink, attempt: &Attempt, sight: &Sight<'_>) -> Response {
    let words = Words::new(sight, Some(link));
    let content = Content {
        status: StatusCode::OK,
        link: Some(link),
        title: words.plain("receipt"),
        in_head: Markup::default(),
        shown: shown(link, attempt, &words),
        policy: Policy { script: Some(SCRIPT), ..Policy::default() },
    };
    content.response(&words, sight)
}

fn shown(link: &PaymentLink, attempt: &Attempt, words: &Words<'_>) -> Markup {
    let told = told::receipt(link, attempt);
    let (amount, in_rial) = words.apart(told.amount);
    let (title, tone) = match (told.voided_at, told.is_kept) {
        (Some(_), _) => ("receipt-void-title", "bad"),
        (None, true) => ("receipt-title", "good"),
        (None, false) => ("receipt-returned-title", "quiet"),
    };
    html! {
        h1 class=(tone) { (words.say(title)) }
        p.amount { bdi { (amount) } @if let Some(rial) = in_rial { " " small { bdi { (rial) } } } }
        (void(&told, words))
        (facts(link, &told, words))
        (returned(&told, words))
        p.hint { (words.say("receipt-no-tax")) }
        button.minor type="button" hidden data-print { (words.say("print")) }
        (check(link, attempt, words))
    }
}

fn facts(link: &PaymentLink, told: &ReceiptTold, words: &Words<'_>) -> Markup {
    let settings = words.settings();
    html! {
        dl {
            (paid_to(words))
            @if let Some(id) = &settings.legal_id { (fact(&words.say("legal-id"), id)) }
            @if let Some(address) = &settings.postal_address { (fact(&words.say("postal-address"), address)) }
            @if let Some(payer) = told.payer { (fact(&words.say("paid-by"), payer)) }
            @if let Some(item) = &link.terms().item { (fact(&words.say("receipt-item"), &item.title)) }
            (purpose(link, words))
            @if let Some(at) = told.paid_at { (fact(&words.say("paid-on"), &words.instant(at))) }
            (fact(&words.say("paid-through"), &words.method(told.method, link)))
            @if let Some(card) = told.card { (ltr(&words.say("card"), card)) }
            @if let Some(reference) = told.reference { (ltr(&words.say("reference"), reference)) }
            (ltr(&words.say("receipt-number"), &told.number))
        }
    }
}

/// Whom it was paid to: by the name in law, where the business gave one.
fn paid_to(words: &Words<'_>) -> Markup {
    let settings = words.settings();
    fact(&words.say("paid-to"), settings.legal_name.as_deref().unwrap_or(&settings.business_name))
}

/// Since when a receipt is void, if it is.
fn void(told: &ReceiptTold, words: &Words<'_>) -> Markup {
    html! { @if let Some(at) = told.voided_at { p.hint { (words.with("receipt-void-text", &[("date", &words.instant(at))])) } } }
}

/// A fact that is written from left to right in every language, such as a number of a gateway.
fn ltr(name: &str, value: &str) -> Markup {
    html! { div class=[(value.chars().count() > LONGEST_BESIDE).then_some("long")] { dt { (name) } dd { bdi dir="ltr" { (value) } } } }
}

/// What went back of it, and what is left.
fn returned(told: &ReceiptTold, words: &Words<'_>) -> Markup {
    html! {
        @if !told.refunds.is_empty() {
            section {
                h2 { (words.say("receipt-refunds")) }
                dl {
                    @for refund in &told.refunds {
                        @match refund.at {
                            Some(at) => (fact(&words.with("refunded-on", &[("date", &words.instant(at))]), &words.money(refund.amount))),
                            None => (fact(&words.say("refund-under-way"), &words.money(refund.amount))),
                        }
                    }
                    @if told.is_kept { (fact(&words.say("receipt-left"), &words.money(told.left))) }
                }
            }
        }
    }
}

/// How anybody can check that the receipt is genuine.
fn check(link: &PaymentLink, attempt: &Attempt, words: &Words<'_>) -> Markup {
    let code = link.receipt_code(attempt);
    let host = link.base().split_once("://").map_or(link.base(), |(_, host)| host);
    html! {
        section.check {
            p { (words.with("receipt-check", &[("address", &format!("{host}/r/check"))])) }
            p { bdi dir="ltr" { code { (code.expose()) } } }
            (code_of(&link.receipt_url(attempt), &words.say("receipt-check-code")))
        }
    }
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
                Some(Some((link, attempt))) => (genuine(link, attempt, &words)),
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

/// What a genuine receipt says, but for whose it is.
fn genuine(link: &PaymentLink, attempt: &Attempt, words: &Words<'_>) -> Markup {
    let told = told::receipt(link, attempt);
    html! {
        p { (words.say("check-genuine-text")) }
        (void(&told, words))
        dl {
            (paid_to(words))
            (fact(&words.say("amount-for"), &words.money(told.amount)))
            @if let Some(at) = told.paid_at { (fact(&words.say("paid-on"), &words.instant(at))) }
            (ltr(&words.say("receipt-number"), &told.number))
        }
        (returned(&told, words))
    }
}

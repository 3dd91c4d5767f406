//! The one page of this function, for a customer who returns from the gateway while the return cannot be confirmed.
//!
//! Neither the link nor the business may be readable then, so the page is in every language that ships and names
//! nobody. It sends the return once more by itself, because the gateway knows the outcome and will tell it.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::locale::Language;
use gateways::Fields;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use web::customer::guard;
use web::reader::preferred_language;

/// The look of pay-redirect's pages.
const STYLE: &str = ":root{color-scheme:light dark;--bg:#f3f5f8;--text:#16202c;--waiting:#8a5200}\
@media (prefers-color-scheme:dark){:root{--bg:#10151b;--text:#e9eef4;--waiting:#f0b455}}\
body{margin:0;background:var(--bg);color:var(--text);font:1.0625rem/1.65 system-ui,\"Segoe UI\",Tahoma,sans-serif}\
main{max-width:30rem;margin:0 auto;padding:2rem 1.25rem}\
h1{margin:0 0 .75rem;font-size:1.6rem;line-height:1.4;padding-inline-start:.9rem;\
border-inline-start:.35rem solid var(--waiting)}\
section{margin:0 0 2.5rem}\
button{display:block;width:100%;min-height:2.75rem;border:1px solid transparent;padding:.8rem 1rem;border-radius:.75rem;\
background:#0a58ca;color:#fff;font:inherit;font-weight:700}\
@media (prefers-color-scheme:dark){button{background:#1d67cf}}\
button:focus-visible{outline:3px solid var(--waiting);outline-offset:3px}";

/// Posts the form after five seconds. Where scripts are off, its buttons post it.
const SUBMIT_LATER: &str = "setTimeout(function(){document.forms[0].submit()},5000)";

/// The seconds after which the browser sends the return again.
const RELOAD_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The content security policy allows this style sheet, this script, and a form to the page's own host, nothing else.
/// The answer to the form sends the browser to the same host.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(SUBMIT_LATER)
    );
    HeaderValue::try_from(policy).ok()
});

/// The page for a return by GET: the browser loads the same address again.
pub(crate) fn reloading_page(headers: &HeaderMap) -> Response {
    let text = |language: Language| html! { p { (language.say("confirming-text", &[])) } };
    let mut response = answer(&document(&in_all_languages(headers, text)));
    response.headers_mut().insert(header::REFRESH, RELOAD_AFTER);
    response
}

/// The page for a return by POST: the browser posts the same fields again, which the gateway gave to it alone.
pub(crate) fn reposting_page(posted: &Fields, headers: &HeaderMap) -> Response {
    let text = |language: Language| {
        html! {
            p { (language.say("returning-text", &[])) }
            button type="submit" { (language.say("returning-button", &[])) }
        }
    };
    // A form without an action is posted to the address of its page.
    answer(&document(&html! {
        form method="post" {
            @for (name, value) in posted { input type="hidden" name=(name) value=(value); }
            (in_all_languages(headers, text))
        }
        script { (PreEscaped(SUBMIT_LATER)) }
    }))
}

/// A text in every language, the browser's first choice before the others.
fn in_all_languages(headers: &HeaderMap, text: impl Fn(Language) -> Markup) -> Markup {
    let first = preferred_language(headers).flatten();
    let mut languages = Language::ALL;
    languages.sort_by_key(|language| Some(*language) != first);
    html! { @for language in languages { (section(language, &text(language))) } }
}

fn section(language: Language, text: &Markup) -> Markup {
    html! {
        section lang=(language.code()) dir=(language.direction()) {
            h1 { (language.say("confirming-title", &[])) }
            (text)
        }
    }
}

fn document(content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (Language::EN.say("confirming-title", &[])) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
}

fn answer(body: &Markup) -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Html(body.0.clone())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, RELOAD_AFTER);
    if let Some(policy) = POLICY.clone() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    guard(response)
}

//! The one page of this function: what a customer meets who comes back from paying while we are in trouble.
//!
//! Neither the link nor the business may be known then, so it speaks every language that ships and names nobody. It brings
//! the return once more by itself, because what happened is known to the gateway and will be known to us.

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

/// As the pages of pay-redirect look.
const STYLE: &str = ":root{color-scheme:light dark;--bg:#f3f5f8;--text:#16202c;--waiting:#8a5200}\
@media (prefers-color-scheme:dark){:root{--bg:#10151b;--text:#e9eef4;--waiting:#f0b455}}\
body{margin:0;background:var(--bg);color:var(--text);font:17px/1.75 system-ui,\"Segoe UI\",Tahoma,sans-serif}\
main{max-width:30rem;margin:0 auto;padding:2rem 1.25rem}\
h1{margin:0 0 .75rem;font-size:1.6rem;line-height:1.4;padding-inline-start:.9rem;\
border-inline-start:.35rem solid var(--waiting)}\
section{margin:0 0 2.5rem}\
button{display:block;width:100%;border:0;padding:.9rem 1rem;border-radius:.75rem;background:#0a58ca;color:#fff;\
font:inherit;font-weight:700}\
button:focus-visible{outline:3px solid var(--waiting);outline-offset:3px}";

/// Posts the form after a while. Where scripts are off, its buttons do.
const SUBMIT_LATER: &str = "setTimeout(function(){document.forms[0].submit()},5000)";

/// A return that is asked for again by itself, after so many seconds.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("5");

/// Nothing but this very style sheet and script, and a form that goes back to where it came to. The answer to the form
/// sends the browser to the same host.
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

/// The browser came by address and will ask for the same address again.
pub(crate) fn asks_again(headers: &HeaderMap) -> Response {
    let said = |language: Language| html! { p { (language.say("confirming-text", &[])) } };
    let mut response = answer(&document(&in_all_languages(headers, said)));
    response.headers_mut().insert(header::REFRESH, ASK_AGAIN);
    response
}

/// The browser posted what the gateway told it and nobody else, and will post the same again.
pub(crate) fn posts_again(posted: &Fields, headers: &HeaderMap) -> Response {
    let said = |language: Language| {
        html! {
            p { (language.say("returning-text", &[])) }
            button type="submit" { (language.say("returning-button", &[])) }
        }
    };
    // Without an action of its own, a form goes to the very address of its page.
    answer(&document(&html! {
        form method="post" {
            @for (name, value) in posted { input type="hidden" name=(name) value=(value); }
            (in_all_languages(headers, said))
        }
        script { (PreEscaped(SUBMIT_LATER)) }
    }))
}

/// The same in every language, the one that the browser names first before the others.
fn in_all_languages(headers: &HeaderMap, said: impl Fn(Language) -> Markup) -> Markup {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = wanted.split([',', ';']).find_map(|tag| Language::of(tag.trim()));
    let mut languages = Language::ALL;
    languages.sort_by_key(|language| Some(*language) != first);
    html! { @for language in languages { (section(language, &said(language))) } }
}

fn section(language: Language, said: &Markup) -> Markup {
    html! {
        section lang=(language.code()) dir=(language.direction()) {
            h1 { (language.say("confirming-title", &[])) }
            (said)
        }
    }
}

fn document(shown: &Markup) -> Markup {
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
            body { main { (shown) } }
        }
    }
}

fn answer(body: &Markup) -> Response {
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Html(body.0.clone())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, ASK_AGAIN);
    if let Some(policy) = POLICY.clone() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    guard(response)
}

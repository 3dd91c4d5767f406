//! What every page has around its content: the document, its style and its policy, the business at the top, its contact
//! and the other languages at the end.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::business::brand::{BrandColor, Scheme};
use domain::gateway::Mode;
use domain::link::PaymentLink;
use domain::locale::Language;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use web::customer::guard;

use super::Sight;
use super::words::Words;

const STYLE: &str = include_str!("page.css");

/// What a page may do besides showing itself and the business's logo.
#[derive(Debug, Default)]
pub(super) struct Policy<'a> {
    pub(super) script: Option<&'a str>,
    /// Where its forms go, as sources of the policy. Left empty, it has none.
    pub(super) forms: &'a str,
    /// Whether its script asks us.
    pub(super) asks: bool,
}

impl Policy<'_> {
    /// Nothing but this very style sheet, this very script and what is ours, and nothing from anywhere else.
    fn written(&self, style: &str) -> String {
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
        let script = self.script.map(|script| format!("script-src 'sha256-{}'; ", hash(script))).unwrap_or_default();
        let asks = if self.asks { "connect-src 'self'; " } else { "" };
        let forms = if self.forms.is_empty() { "'none'" } else { self.forms };
        format!(
            "default-src 'none'; style-src 'sha256-{}'; {script}{asks}img-src 'self' data:; base-uri 'none'; \
             form-action {forms}; frame-ancestors 'none'",
            hash(style)
        )
    }
}

/// A page, ready to be put into its document.
pub(super) struct Content<'a> {
    pub(super) status: StatusCode,
    pub(super) link: Option<&'a PaymentLink>,
    pub(super) title: String,
    pub(super) in_head: Markup,
    /// Between the business and its contact.
    pub(super) shown: Markup,
    pub(super) policy: Policy<'a>,
}

impl Content<'_> {
    pub(super) fn response(self, words: &Words<'_>, sight: &Sight<'_>) -> Response {
        let style = style(sight);
        let policy = self.policy.written(&style);
        let mut response = (self.status, Html(self.document(words, sight, &style).into_string())).into_response();
        if let Ok(policy) = HeaderValue::try_from(policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
        }
        guard(response)
    }

    fn document(&self, words: &Words<'_>, sight: &Sight<'_>, style: &str) -> Markup {
        let (language, settings) = (words.language(), words.settings());
        let logo = logo_address(sight);
        let is_test = self.link.is_some_and(|link| link.terms().mode == Mode::Sandbox);
        html! {
            (DOCTYPE)
            html lang=(language.code()) dir=(language.direction()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    meta name="color-scheme" content="light dark";
                    (self.in_head)
                    title { (titled(&self.title, &settings.business_name)) }
                    link rel="icon" href=(logo.clone().unwrap_or_else(|| icon(sight)));
                    style { (PreEscaped(style)) }
                }
                body {
                    main {
                        p.business {
                            // The name beside it says what the picture shows.
                            @if let Some(logo) = logo { img src=(logo) alt=""; }
                            bdi { (settings.business_name) }
                        }
                        @if is_test { p.test { (words.say("test-mark")) } }
                        (self.shown)
                        (support(words))
                        (languages(words))
                    }
                    @if let Some(script) = self.policy.script { script { (PreEscaped(script)) } }
                }
            }
        }
    }
}

/// A title names the business, once.
fn titled(title: &str, business: &str) -> String {
    if title.contains(business) { title.to_owned() } else { format!("{title} · {business}") }
}

/// Where the business's logo is. Its address is derived from its content, so that browsers may keep it for ever.
pub(super) fn logo_address(sight: &Sight<'_>) -> Option<String> {
    let hash = sight.configuration.settings.logo_hash.as_ref()?;
    let business = sight.configuration.business.as_ref()?;
    Some(format!("/logo/{}/{}", business.id, hash.as_str()))
}

fn brand(sight: &Sight<'_>) -> BrandColor {
    sight.configuration.settings.brand_color.unwrap_or(BrandColor::DEFAULT)
}

/// The style of the pages in the business's colour.
fn style(sight: &Sight<'_>) -> String {
    let colors = |scheme: Scheme| {
        let paint = brand(sight).paint(scheme);
        format!(":root{{--brand:{};--on-brand:{}}}", paint.surface(), paint.text())
    };
    let (light, dark) = (colors(Scheme::Light), colors(Scheme::Dark));
    format!("{STYLE}{light}\n@media screen and (prefers-color-scheme:dark){{{dark}}}\n")
}

/// A tick in the business's colour, within the page itself: no browser asks for it.
fn icon(sight: &Sight<'_>) -> String {
    let paint = brand(sight).paint(Scheme::Light);
    let drawn = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='{}'/>\
         <path d='m4 8.5 3 3 5-6' fill='none' stroke='{}' stroke-width='2'/></svg>",
        paint.surface(),
        paint.text()
    );
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(drawn))
}

/// The business's support contact.
fn support(words: &Words<'_>) -> Markup {
    let settings = words.settings();
    let has_support = settings.support_phone.is_some() || settings.support_url.is_some();
    html! {
        @if has_support {
            footer {
                p { (words.say("support")) }
                @if let Some(phone) = &settings.support_phone {
                    a href=(format!("tel:{}", dialled(phone))) { bdi dir="ltr" { (phone) } }
                }
                @if let Some(address) = &settings.support_url {
                    a href=(address) rel="noreferrer" { bdi dir="ltr" { (address) } }
                }
            }
        }
    }
}

/// The same page in the other languages.
fn languages(words: &Words<'_>) -> Markup {
    let name = |language: Language| language.say("language-name", &[]);
    html! {
        nav.languages aria-label=(words.say("choose-language")) {
            @for language in Language::ALL {
                @if language == words.language() {
                    span aria-current="true" { (name(language)) }
                } @else {
                    a href=(format!("?lang={}", language.code())) lang=(language.code()) hreflang=(language.code()) rel="nofollow" {
                        (name(language))
                    }
                }
            }
        }
    }
}

/// A number as a telephone dials it: people write it with blanks, brackets and the digits of their language. What stands
/// behind a word is an extension, which is shown and not dialled: no two telephones agree on how to dial one.
fn dialled(phone: &str) -> String {
    let digit = |c: char| {
        let zero = ['۰', '٠', '0'].into_iter().find(|zero| (*zero..).take(10).any(|digit| digit == c))?;
        char::from_digit(u32::from(c).checked_sub(u32::from(zero))?, 10)
    };
    let begins = |c: char| c == '+' || digit(c).is_some();
    let number = phone.trim_start_matches(|c| !begins(c));
    let is_behind = |c: char| matches!(c, '#' | ';' | ',' | '،') || (c.is_alphabetic() && digit(c).is_none());
    let number = number.split(is_behind).next().unwrap_or_default();
    number.chars().filter_map(|c| if c == '+' { Some(c) } else { digit(c) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_dialled_however_it_is_written_and_without_its_extension() {
        for (written, dialled_as) in [
            ("+98 (21) 0000-0000", "+982100000000"),
            ("۰۲۱ ۱۲۳۴ ۵۶۷۸", "02112345678"),
            ("+٩٧١ ٤ ١٢٣", "+9714123"),
            ("021/123 ext. 4", "021123"),
            ("۰۲۱ ۱۲۳۴ ۵۶۷۸ داخلی ۴", "02112345678"),
            ("021 1234 5678 x12", "02112345678"),
            ("021 1234 5678 #12", "02112345678"),
            ("Tel: 021 1234 5678", "02112345678"),
            ("تحويلة", ""),
        ] {
            assert_eq!(dialled(written), dialled_as, "{written}");
        }
    }

    #[test]
    fn a_title_names_the_business_once() {
        assert_eq!(titled("Payment received", "Shop"), "Payment received · Shop");
        assert_eq!(titled("Shop has been told", "Shop"), "Shop has been told");
    }
}

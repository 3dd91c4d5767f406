//! The pages a customer can meet: one layout, one card, what happened in words.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::attempt::{Attempt, AttemptState, Checkout};
use domain::calendar::{display_end, display_instant};
use domain::gateway::{Mode, Network};
use domain::link::{LinkStatus, PaymentLink};
use domain::locale::Language;
use domain::logo::Logo;
use domain::settings::Settings;
use jiff::SignedDuration;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use url::Url;

const STYLE: &str = include_str!("page.css");

/// Nothing but this very style sheet and the business's logo, and nothing from anywhere else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// Posts the form of the page on which it stands. Where scripts are off, its button does.
const SUBMIT: &str = "document.forms[0].submit()";

/// As [`POLICY`], with this very script and a form that goes to the gateway. Browsers hold the gateway's own redirects
/// after the form against the policy too, so it names no host but the one that a simulator may be at.
fn policy_of_going(at: &str) -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let script = STANDARD.encode(Sha256::digest(SUBMIT.as_bytes()));
    let to = Url::parse(at).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src 'self'; \
         base-uri 'none'; form-action https: {to}; frame-ancestors 'none'"
    )
}

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Preview,
    /// What is to be paid, and a button that leads to the gateway.
    Confirm,
    /// For who has just paid.
    Paid,
    /// For who opens a link that was paid before.
    AlreadyPaid,
    Confirming,
    Failed,
    Unfinished,
    MoneyGoesBack,
    Review,
    Expired,
    Cancelled,
    Unknown,
    TooMany,
    /// No session could be opened at the gateway, so nobody can have paid in it.
    Trouble,
    /// The link itself cannot be read, so nothing can be said about it.
    Down,
}

/// How a page looks: a stroke of colour for the eye, never the only sign.
#[derive(Clone, Copy)]
enum Tone {
    Good,
    Waiting,
    Bad,
    Quiet,
}

impl Page {
    /// What became of a link, for somebody who comes back from the gateway.
    pub(crate) fn of(link: &PaymentLink, now: Timestamp) -> Self {
        let status = link.status_at(now);
        if matches!(status, LinkStatus::Paid { .. }) {
            return Self::Paid;
        }
        if being_confirmed(link).is_some() {
            return Self::Confirming;
        }
        if link.needs_review() {
            return Self::Review;
        }
        let last = link.attempts().last().map(|attempt| &attempt.state);
        if last.is_some_and(goes_back) {
            return Self::MoneyGoesBack;
        }
        match status {
            LinkStatus::Expired { .. } => Self::Expired,
            LinkStatus::Cancelled { .. } => Self::Cancelled,
            LinkStatus::Active | LinkStatus::Paid { .. } if has_failed(link) => Self::Failed,
            LinkStatus::Active | LinkStatus::Paid { .. } => Self::Unfinished,
        }
    }

    /// What became of a link, for somebody who opens it again: whether they are who paid it is not known.
    pub(crate) fn of_reopened(link: &PaymentLink, now: Timestamp) -> Self {
        let page = Self::of(link, now);
        if page == Self::Paid { Self::AlreadyPaid } else { page }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Expired | Self::Cancelled => StatusCode::GONE,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Trouble | Self::Down => StatusCode::SERVICE_UNAVAILABLE,
            Self::Preview
            | Self::Confirm
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Confirming
            | Self::Failed
            | Self::Unfinished
            | Self::MoneyGoesBack
            | Self::Review => StatusCode::OK,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Confirm => "confirm",
            Self::Paid => "paid",
            Self::AlreadyPaid => "already-paid",
            Self::Confirming => "confirming",
            Self::Failed => "failed",
            Self::Unfinished => "unfinished",
            Self::MoneyGoesBack => "back",
            Self::Review => "review",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
            Self::TooMany => "too-many",
            Self::Trouble => "trouble",
            Self::Down => "down",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Paid | Self::AlreadyPaid => Tone::Good,
            Self::Confirming | Self::MoneyGoesBack | Self::Review => Tone::Waiting,
            Self::Failed | Self::Trouble | Self::TooMany => Tone::Bad,
            Self::Down => Tone::Waiting,
            Self::Preview | Self::Confirm | Self::Unfinished | Self::Expired | Self::Cancelled | Self::Unknown => {
                Tone::Quiet
            }
        }
    }

    /// The button that leads on, where there is one.
    fn action(self) -> Option<&'static str> {
        match self {
            Self::Failed | Self::Trouble => Some("try-again"),
            Self::Unfinished => Some("go-on"),
            Self::Confirm => Some("pay-now"),
            Self::Preview
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Confirming
            | Self::MoneyGoesBack
            | Self::Review
            | Self::Expired
            | Self::Cancelled
            | Self::Unknown
            | Self::TooMany
            | Self::Down => None,
        }
    }
}

/// A page about a link.
pub(crate) fn of_link(
    page: Page,
    link: &PaymentLink,
    language: Language,
    settings: &Settings,
    now: Timestamp,
) -> Response {
    render(page, language, Some(link), settings, now)
}

/// A page that is about no link, or about one that must not be told from none.
pub(crate) fn without_link(page: Page, language: Language, settings: &Settings) -> Response {
    render(page, language, None, settings, Timestamp::UNIX_EPOCH)
}

fn render(page: Page, language: Language, link: Option<&PaymentLink>, settings: &Settings, now: Timestamp) -> Response {
    let amount = link.map(|link| link.terms().amount.display(language, settings.rial_alone)).unwrap_or_default();
    let mentions = [("business", settings.business_name.as_str()), ("amount", amount.as_str())];
    let say = |key: &str| language.say(key, &mentions);
    let title = say(&format!("{}-title", page.key()));
    let shown = html! {
        h1 class=(tone_class(page.tone())) { (title) }
        p { (say(&text_key(page, link, now))) }
        @for hint in hints(page, link) { p.hint { (say(&hint)) } }
        @if let Some(link) = link { (facts(page, link, language, settings, &amount, &say)) }
        (actions(page, link, &say))
        (support(page, settings, &say))
    };
    let in_preview = html! {
        @if page == Page::Preview {
            meta property="og:title" content=(title);
            meta property="og:site_name" content=(settings.business_name);
            meta property="og:description" content=(say("preview-text"));
        }
    };
    let mut response = answer(page.status(), document(&title, language, link, settings, &in_preview, &shown), &POLICY);
    if let (Page::Confirming, Some(link)) = (page, link) {
        // The page asks again without a script, until it is known what happened. It asks for the outcome and not for the
        // link, because opening a link whose payment failed would lead on to the gateway at once.
        let pause = if takes_long(link, now) { 15 } else { 3 };
        let refresh = format!("{pause}; url=/p/{}/result", link.token().expose());
        if let Ok(refresh) = HeaderValue::try_from(refresh) {
            response.headers_mut().insert(header::REFRESH, refresh);
        }
    }
    response
}

/// The page that posts a gateway's form by itself. The gateway must see where the browser comes from.
pub(crate) fn going(checkout: &Checkout, link: &PaymentLink, language: Language, settings: &Settings) -> Response {
    let say = |key: &str| language.say(key, &[("business", settings.business_name.as_str())]);
    let title = say("going-title");
    let shown = html! {
        h1 class=(tone_class(Tone::Waiting)) { (title) }
        p { (say("going-text")) }
        form method="post" action=(checkout.at) {
            @for (name, value) in &checkout.form { input type="hidden" name=(name) value=(value); }
            button.button type="submit" { (say("pay-now")) }
        }
        script { (PreEscaped(SUBMIT)) }
    };
    let body = document(&title, language, Some(link), settings, &Markup::default(), &shown);
    let mut response = answer(StatusCode::OK, body, &policy_of_going(&checkout.at));
    let referrer = HeaderValue::from_static("strict-origin-when-cross-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, referrer);
    response
}

/// What all pages have around what they show.
fn document(
    title: &str,
    language: Language,
    link: Option<&PaymentLink>,
    settings: &Settings,
    in_head: &Markup,
    shown: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.code()) dir=(language.direction()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                (in_head)
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.business {
                        // The name beside it says what the picture shows.
                        @if let Some(hash) = &settings.logo_hash { img src=(format!("/logo/{}", hash.as_str())) alt=""; }
                        bdi { (settings.business_name) }
                    }
                    @if link.is_some_and(|link| link.terms().mode == Mode::Sandbox) {
                        p.test { (language.say("test-mark", &[])) }
                    }
                    (shown)
                }
            }
        }
    }
}

/// After so long a customer need not keep the page open any more.
const LONG: SignedDuration = SignedDuration::from_mins(2);

/// The text of a page. What usually becomes of money after a failure depends on the gateway.
fn text_key(page: Page, link: Option<&PaymentLink>, now: Timestamp) -> String {
    match (page, link) {
        (Page::Confirming, Some(link)) if takes_long(link, now) => "confirming-long-text".to_owned(),
        (Page::Failed, Some(link)) => after_failure(link),
        _ => format!("{}-text", page.key()),
    }
}

fn after_failure(link: &PaymentLink) -> String {
    format!("failed-text-{}", network(link).key())
}

fn network(link: &PaymentLink) -> Network {
    link.terms().account.gateway.profile().network
}

/// The attempt whose money we are asking about.
fn being_confirmed(link: &PaymentLink) -> Option<&Attempt> {
    let is_asked_about = |state: &AttemptState| {
        matches!(
            state,
            AttemptState::Settling { .. }
                | AttemptState::Accepted { .. }
                | AttemptState::Open { reported_at: Some(_), .. }
        )
    };
    link.attempts().iter().find(|attempt| is_asked_about(&attempt.state))
}

/// Money that the link could not take.
fn goes_back(state: &AttemptState) -> bool {
    matches!(
        state,
        AttemptState::Unacceptable { .. } | AttemptState::GivingBack { .. } | AttemptState::GivenBack { .. }
    )
}

/// Whether the gateway's final no was the last that happened.
fn has_failed(link: &PaymentLink) -> bool {
    link.attempts().last().is_some_and(|attempt| matches!(attempt.state, AttemptState::Failed { .. }))
}

fn takes_long(link: &PaymentLink, now: Timestamp) -> bool {
    let since = being_confirmed(link).or(link.attempts().last()).map(|attempt| match &attempt.state {
        AttemptState::Settling { since, .. } => *since,
        _ => attempt.opened_at,
    });
    since.is_some_and(|since| now.duration_since(since) > LONG)
}

/// What else a customer of this link should know on this page.
fn hints(page: Page, link: Option<&PaymentLink>) -> Vec<String> {
    let Some(link) = link else { return Vec::new() };
    let back_time = format!("back-time-{}", network(link).key());
    match page {
        Page::Confirm => match network(link) {
            Network::Shaparak => vec!["hint-shaparak".to_owned(), "hint-vpn".to_owned()],
            Network::International => Vec::new(),
        },
        Page::MoneyGoesBack => vec![back_time],
        // Who paid a second time, in another tab, must hear of that money too.
        Page::Paid | Page::AlreadyPaid if link.needs_review() => vec!["second-review".to_owned()],
        Page::Paid | Page::AlreadyPaid
            if being_confirmed(link).is_some() || link.attempts().iter().any(|attempt| goes_back(&attempt.state)) =>
        {
            vec!["second-payment".to_owned(), back_time]
        }
        // The link ended, and the last that its customer saw was a payment that failed.
        Page::Expired | Page::Cancelled if has_failed(link) => vec![after_failure(link)],
        Page::Preview
        | Page::Paid
        | Page::AlreadyPaid
        | Page::Confirming
        | Page::Failed
        | Page::Unfinished
        | Page::Review
        | Page::Expired
        | Page::Cancelled
        | Page::Unknown
        | Page::TooMany
        | Page::Trouble
        | Page::Down => Vec::new(),
    }
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Waiting => "waiting",
        Tone::Bad => "bad",
        Tone::Quiet => "quiet",
    }
}

/// What the page is about: never more of the contact than the link needs.
fn facts(
    page: Page,
    link: &PaymentLink,
    language: Language,
    settings: &Settings,
    amount: &str,
    say: &dyn Fn(&str) -> String,
) -> Markup {
    let terms = link.terms();
    let zone = settings.zone();
    // Whoever reads another language than the business is told whose clock it is.
    let zone_name = if language == settings.default_locale.language() {
        String::new()
    } else {
        format!(" ({})", settings.time_zone.as_str())
    };
    let paid = link.attempts().iter().find_map(|attempt| match &attempt.state {
        AttemptState::Paid { at, payment } => Some((*at, payment.reference.as_str())),
        _ => None,
    });
    html! {
        dl {
            div { dt { (say("amount-for")) } dd { bdi { (amount) } } }
            @if let Some(description) = &terms.description {
                div { dt { (say("purpose")) } dd { bdi { (description) } } }
            }
            @if let Some((at, reference)) = paid {
                div { dt { (say("paid-on")) } dd { bdi { (display_instant(at, &zone, language)) (zone_name) } } }
                div { dt { (say("reference")) } dd { bdi { (reference) } } }
            } @else if page.action().is_some() || page == Page::Preview {
                div { dt { (say("payable-until")) } dd { bdi { (display_end(terms.expires_at, &zone, language)) (zone_name) } } }
            }
        }
    }
}

fn actions(page: Page, link: Option<&PaymentLink>, say: &dyn Fn(&str) -> String) -> Markup {
    let return_url = link.and_then(|link| link.terms().return_url.as_deref());
    html! {
        @if let (Some(key), Some(link)) = (page.action(), link) {
            @let way = if page == Page::Confirm { "/go" } else { "" };
            a.button href=(format!("/p/{}{way}", link.token().expose())) rel="nofollow" { (say(key)) }
        }
        @if let (Some(address), false) = (return_url, matches!(page, Page::Preview | Page::Confirm | Page::Confirming)) {
            a.plain href=(address) rel="noreferrer" { (say("return-to-business")) }
        }
    }
}

/// Every dead end says whom to ask.
fn support(page: Page, settings: &Settings, say: &dyn Fn(&str) -> String) -> Markup {
    let has_support = settings.support_phone.is_some() || settings.support_url.is_some();
    html! {
        @if has_support && page != Page::Preview {
            footer {
                p { (say("support")) }
                @if let Some(phone) = &settings.support_phone {
                    a href=(format!("tel:{}", phone.replace(' ', ""))) { bdi dir="ltr" { (phone) } }
                }
                @if let Some(address) = &settings.support_url {
                    a href=(address) rel="noreferrer" { bdi dir="ltr" { (address) } }
                }
            }
        }
    }
}

/// The headers that every answer to a customer carries.
pub(crate) fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    response
}

/// The business's logo. Its address names its content, so that it may be kept for ever.
pub(crate) fn picture(logo: &Logo) -> Response {
    let mut response = guard(logo.bytes().into_response());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(logo.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}

fn answer(status: StatusCode, body: Markup, policy: &str) -> Response {
    let mut response = (status, Html(body.into_string())).into_response();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    guard(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: [Page; 15] = [
        Page::Preview,
        Page::Confirm,
        Page::Paid,
        Page::AlreadyPaid,
        Page::Confirming,
        Page::Failed,
        Page::Unfinished,
        Page::MoneyGoesBack,
        Page::Review,
        Page::Expired,
        Page::Cancelled,
        Page::Unknown,
        Page::TooMany,
        Page::Trouble,
        Page::Down,
    ];

    /// What pages say besides their own title, text and button.
    const OTHERS: [&str; 17] = [
        "going-title",
        "going-text",
        "test-mark",
        "amount-for",
        "purpose",
        "paid-on",
        "reference",
        "payable-until",
        "preview-text",
        "confirming-long-text",
        "hint-shaparak",
        "hint-vpn",
        "second-payment",
        "second-review",
        "support",
        "return-to-business",
        "pay-now",
    ];

    #[test]
    fn every_language_has_every_text_of_every_page() {
        let mut keys: Vec<String> = OTHERS.map(str::to_owned).to_vec();
        for page in PAGES {
            keys.push(format!("{}-title", page.key()));
            keys.extend(page.action().map(str::to_owned));
            if page != Page::Failed {
                keys.push(format!("{}-text", page.key()));
            }
        }
        for network in Network::ALL {
            keys.push(format!("failed-text-{}", network.key()));
            keys.push(format!("back-time-{}", network.key()));
        }
        for language in Language::ALL {
            let missing: Vec<_> = keys.iter().filter(|key| !language.has(key)).collect();
            assert!(missing.is_empty(), "locales/{}.ftl lacks {missing:?}", language.code());
        }
    }
}

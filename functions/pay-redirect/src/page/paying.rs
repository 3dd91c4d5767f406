//! The pages before the gateway: what is asked for, and the page that posts a gateway's form by itself.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use domain::gateway::Network;
use domain::link::{Checkout, PaymentLink};
use maud::{Markup, html};
use url::Url;

use super::document::{Content, Policy, logo_address};
use super::facts::{parts, purpose};
use super::qr::code_of;
use super::words::Words;
use super::{Choice, Page, Sight, choosing, told};

/// Posts the form of the page on which it stands. Where scripts are off, its button does.
const SUBMIT: &str = "document.forms[0].submit()";

/// What is to be paid, and a button that leads to the gateway.
pub(super) fn summary(link: &PaymentLink, choice: Option<&Choice>, words: &Words<'_>, sight: &Sight<'_>) -> Response {
    // The form goes to us and from there to the gateway. Browsers hold that redirect and the gateway's own against the
    // policy, so it allows every encrypted place. On one machine, where links are not encrypted themselves, gateways are
    // not either.
    let is_encrypted = link.url().starts_with("https:");
    let forms = if is_encrypted { "'self' https:" } else { "'self' http:" };
    let content = Content {
        status: Page::Summary.status(),
        link: Some(link),
        title: words.plain("preview-title"),
        in_head: in_preview(link, words, sight),
        shown: asked(Page::Summary, link, choice, words, sight, &pay_buttons(link, choice, words)),
        policy: Policy { forms, ..Policy::default() },
    };
    content.response(words, sight)
}

/// The page that posts a gateway's form by itself. The gateway must see where the browser comes from.
pub(super) fn going(checkout: &Checkout, link: &PaymentLink, words: &Words<'_>, sight: &Sight<'_>) -> Response {
    let (amount, _) = words.apart(told::in_session(link, Page::Going).unwrap_or(link.amount_due()));
    let form = html! {
        form method="post" action=(checkout.at) {
            @for (name, value) in &checkout.form { input type="hidden" name=(name) value=(value); }
            button.button type="submit" { (words.with("pay-now", &[("short_amount", &amount)])) }
        }
    };
    // Browsers hold the gateway's own redirects after the form against the policy too, so besides the form's own target it
    // allows every encrypted one.
    let to = Url::parse(&checkout.at).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let content = Content {
        status: Page::Going.status(),
        link: Some(link),
        title: words.plain("going-title"),
        in_head: Markup::default(),
        shown: asked(Page::Going, link, None, words, sight, &form),
        policy: Policy { script: Some(SUBMIT), forms: &format!("https: {to}"), asks: false },
    };
    let mut response = content.response(words, sight);
    let referrer = HeaderValue::from_static("strict-origin-when-cross-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, referrer);
    response
}

/// Who asks for how much, largest of all; for what and until when; where the button leads, and the button.
fn asked(
    page: Page,
    link: &PaymentLink,
    choice: Option<&Choice>,
    words: &Words<'_>,
    sight: &Sight<'_>,
    form: &Markup,
) -> Markup {
    let (amount, in_rial) = words.apart(told::in_session(link, page).unwrap_or_else(|| told::to_pay(link, choice)));
    html! {
        h1.asked { (words.say(&format!("{}-title", page.key()))) }
        p.amount { bdi { (amount) } @if let Some(rial) = in_rial { " " small { bdi { (rial) } } } }
        (terms(link, words))
        @if let Some(due) = told::less_due(link, choice) {
            p.hint { (words.with("less-is-due", &[("due", &words.money(due))])) }
        }
        @if told::is_said_to_be_paid(link, sight.now) { p.hint { (words.say("being-checked")) } }
        p.next { (words.say(&format!("{}-text", page.key()))) }
        (form)
        @for hint in hints(link, words) { p.hint { (words.say(hint)) } }
        @if page == Page::Summary && told::may_say_paid(link, sight.configuration, sight.now) { (say_paid(link, words)) }
        @if page == Page::Summary { (scan(link, words)) }
    }
}

/// For what, and until when. They name no contact.
fn terms(link: &PaymentLink, words: &Words<'_>) -> Markup {
    let terms = link.terms();
    html! {
        dl {
            (parts(link, words))
            (purpose(link, words))
            @if let Some(due) = terms.due_at {
                div { dt { (words.say("due")) } dd { bdi { (words.deadline(due)) } } }
            }
            @if terms.due_at != Some(terms.expires_at) {
                div { dt { (words.say("payable-until")) } dd { bdi { (words.deadline(terms.expires_at)) } } }
            }
        }
    }
}

/// What a customer should look at on the gateway's page.
fn hints(link: &PaymentLink, words: &Words<'_>) -> &'static [&'static str] {
    // The card pages of the network have one domain, unless the gateway's own page asks for the card elsewhere.
    let is_elsewhere = || told::gateway(link).asks_for_card && !words.host().ends_with(".shaparak.ir");
    match told::network(link) {
        Network::Shaparak if is_elsewhere() => &["hint-host", "hint-vpn"],
        Network::Shaparak => &["hint-shaparak", "hint-vpn"],
        Network::International => &["hint-unseen"],
    }
}

/// A person presses the button, or one of them. Programs that look at a page follow its links and post none of its forms.
fn pay_buttons(link: &PaymentLink, choice: Option<&Choice>, words: &Words<'_>) -> Markup {
    if let Some(choice) = choice.filter(|choice| choice.next.is_choice()) {
        return choosing::forms(link, choice, words);
    }
    let (amount, _) = words.apart(told::to_pay(link, choice));
    html! {
        form method="post" action=(choosing::leads_to(link, choice.and_then(|choice| choice.mark))) {
            button.button type="submit" { (words.with("pay-now", &[("short_amount", &amount)])) }
        }
    }
}

/// The button by which a customer says to have paid already.
pub(super) fn say_paid(link: &PaymentLink, words: &Words<'_>) -> Markup {
    html! {
        form method="post" action=(format!("/p/{}/already-paid", link.token().expose())) {
            button.minor type="submit" { (words.say("say-paid")) }
        }
    }
}

/// What apps show of a link.
fn in_preview(link: &PaymentLink, words: &Words<'_>, sight: &Sight<'_>) -> Markup {
    html! {
        meta property="og:title" content=(words.plain("preview-title"));
        meta property="og:site_name" content=(words.settings().business_name);
        meta property="og:description" content=(words.plain("preview-text"));
        meta property="og:type" content="website";
        @if let Some(logo) = logo_address(sight) { meta property="og:image" content=(format!("{}{logo}", link.base())); }
    }
}

/// The link as a QR code, which moves the page from a large screen to the phone with the customer's bank on it.
fn scan(link: &PaymentLink, words: &Words<'_>) -> Markup {
    html! {
        aside.scan {
            (code_of(&link.url(), &words.say("scan")))
            p aria-hidden="true" { (words.say("scan")) }
        }
    }
}

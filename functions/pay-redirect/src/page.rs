//! The pages a customer can meet: one layout, one card, what happened in words.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::business::logo::Logo;
use domain::business::settings::Settings;
use domain::calendar::{display_end, display_instant};
use domain::gateway::{LookUp, Mode, Network, NotPaidCause, Payment};
use domain::link::{Attempt, AttemptState, Checkout, HoldReason, LinkStatus, PaymentLink, Visit};
use domain::locale::Language;
use domain::money::Money;
use domain::records::business::Business;
use jiff::SignedDuration;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use store::Configuration;
use url::Url;
use web::customer::guard;

use crate::leads_on;

const STYLE: &str = include_str!("page.css");

/// Nothing but this very style sheet and the business's logo, and nothing from anywhere else.
static POLICY: LazyLock<String> = LazyLock::new(|| policy_with_forms_to("'none'"));

/// As [`POLICY`], with forms that go to these places.
fn policy_with_forms_to(places: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; base-uri 'none'; form-action {places}; \
         frame-ancestors 'none'"
    )
}

/// The policy of the summary page, whose form goes to us and from there to the gateway. Browsers hold that redirect and
/// the gateway's own against the policy, so it allows every encrypted place. On one machine, where links are not
/// encrypted themselves, gateways are not either.
fn summary_policy(link: &PaymentLink) -> String {
    let is_encrypted = link.url().starts_with("https:");
    policy_with_forms_to(if is_encrypted { "'self' https:" } else { "'self' http:" })
}

/// Posts the form of the page on which it stands. Where scripts are off, its button does.
const SUBMIT: &str = "document.forms[0].submit()";

/// As [`POLICY`], with this very script and a form that goes to the gateway. Browsers hold the gateway's own redirects
/// after the form against the policy too, so besides the form's own target it allows every encrypted one.
fn posting_policy(at: &str) -> String {
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
    /// What is to be paid, and a button that leads to the gateway. It is also what apps show of a link, and what they
    /// get who only look at it.
    Summary,
    /// The page that posts a gateway's form by itself.
    Going,
    /// For the customer who has just paid.
    Paid,
    /// For a customer who opens a link that was paid before.
    AlreadyPaid,
    /// All of the payment went back since.
    Refunded,
    /// A part of the payment went back since.
    PartlyRefunded,
    Confirming,
    Failed,
    Unfinished,
    /// The same where the gateway was not asked, so that nobody knows.
    Unheard,
    MoneyGoesBack,
    Review,
    /// The customer says to have paid already, and the business was told.
    SaidPaid,
    Expired,
    Cancelled,
    /// A person had noted its payment and withdrew that: nobody paid, and nobody can pay any more.
    Closed,
    Unknown,
    TooMany,
    /// The business wants nobody to pay this link for the moment.
    OnHold,
    /// The business takes no payments at the moment, so that nobody is sent to the gateway.
    Suspended,
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

/// Whether a new attempt may begin. A business that is suspended or being erased, or that is none, takes no payments; what was
/// begun before finishes.
pub(crate) fn takes_payments(configuration: &Configuration) -> bool {
    configuration.business.as_ref().is_some_and(Business::takes_payments)
}

/// Whether the link could be paid now, if only its business took payments.
fn is_held_up(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
    !takes_payments(configuration) && matches!(link.visit(now), Visit::Begin | Visit::TooManyAttempts)
}

/// Whether the business was told that the customer has paid, and still may be looking into it.
pub(crate) fn is_said_to_be_paid(link: &PaymentLink, now: Timestamp) -> bool {
    link.hold_at(now).is_some_and(|hold| hold.reason == HoldReason::SaysPaid)
}

/// Whether a customer may say to have paid already: of a link that could be paid now, and of which nobody has said so.
pub(crate) fn may_say_paid(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
    let visit = link.visit(now);
    let has_to_wait = visit == Visit::TooManyAttempts && takes_payments(configuration);
    (has_to_wait || leads_on(&visit, configuration)) && link.may_say_paid(now)
}

impl Page {
    /// What became of a link, for somebody who comes back from the gateway.
    pub(crate) fn of(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Self {
        let status = link.status_at(now);
        if matches!(status, LinkStatus::Paid { .. }) && !is_void(link) {
            return Self::of_payment(link);
        }
        if being_confirmed(link).is_some() || link.visit(now) == Visit::Confirming {
            return Self::Confirming;
        }
        if link.needs_review() {
            return Self::Review;
        }
        // While a link can be paid only its last attempt counts; once it ended, no money may be forgotten.
        let is_active = status == LinkStatus::Active;
        let first = if is_active { link.attempts().len().saturating_sub(1) } else { 0 };
        if link.attempts().iter().skip(first).any(|attempt| goes_back(&attempt.state)) {
            return Self::MoneyGoesBack;
        }
        match status {
            LinkStatus::Expired { .. } => Self::Expired,
            LinkStatus::Cancelled { .. } => Self::Cancelled,
            LinkStatus::Paid { .. } => Self::Closed,
            LinkStatus::Active if failure(link).is_some() => Self::Failed,
            LinkStatus::Active if is_held_up(link, configuration, now) => Self::Suspended,
            LinkStatus::Active if link.visit(now) == Visit::OnHold => Self::OnHold,
            LinkStatus::Active => Self::Unfinished,
        }
    }

    /// What became of the payment of a link. What is on its way back has not gone back.
    fn of_payment(link: &PaymentLink) -> Self {
        match kept_payment(link) {
            Some((_, payment)) if link.refunded() >= payment.money.minor_units() => Self::Refunded,
            Some(_) if link.refunded() > 0 => Self::PartlyRefunded,
            Some(_) | None => Self::Paid,
        }
    }

    /// What became of a link as far as it says itself, for whoever only looks: its gateway is not asked for them.
    pub(crate) fn of_unasked(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Self {
        let page = Self::of(link, configuration, now);
        if page == Self::Unfinished && has_open(link) { Self::Unheard } else { page }
    }

    /// Whether the page says of an open session what only its gateway knows.
    pub(crate) fn depends_on_the_gateway(self, link: &PaymentLink) -> bool {
        matches!(self, Self::Unfinished | Self::Suspended | Self::OnHold)
            || (self == Self::Confirming && being_confirmed(link).is_none())
    }

    /// What became of a link, for a customer who opens it again and need not be the one who paid.
    pub(crate) fn of_reopened(link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Self {
        let page = Self::of(link, configuration, now);
        if page == Self::Paid { Self::AlreadyPaid } else { page }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Expired | Self::Cancelled | Self::Closed => StatusCode::GONE,
            Self::Suspended => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Trouble | Self::Down => StatusCode::SERVICE_UNAVAILABLE,
            Self::Summary
            | Self::Going
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::Confirming
            | Self::Failed
            | Self::Unfinished
            | Self::Unheard
            | Self::MoneyGoesBack
            | Self::Review
            | Self::SaidPaid
            | Self::OnHold => StatusCode::OK,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Going => "going",
            Self::Paid => "paid",
            Self::AlreadyPaid => "already-paid",
            Self::Refunded => "refunded",
            Self::PartlyRefunded => "partly-refunded",
            Self::Confirming => "confirming",
            Self::Failed => "failed",
            Self::Unfinished | Self::Unheard => "unfinished",
            Self::MoneyGoesBack => "back",
            Self::Review => "review",
            Self::SaidPaid => "said-paid",
            Self::OnHold => "on-hold",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
            Self::TooMany => "too-many",
            Self::Suspended => "suspended",
            Self::Trouble => "trouble",
            Self::Down => "down",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Paid | Self::AlreadyPaid | Self::PartlyRefunded => Tone::Good,
            Self::Going | Self::Confirming | Self::MoneyGoesBack | Self::Review | Self::SaidPaid => Tone::Waiting,
            Self::Failed | Self::Trouble | Self::TooMany => Tone::Bad,
            Self::Down => Tone::Waiting,
            Self::Summary
            | Self::Refunded
            | Self::Unfinished
            | Self::Unheard
            | Self::Expired
            | Self::Cancelled
            | Self::Closed
            | Self::Unknown
            | Self::OnHold
            | Self::Suspended => Tone::Quiet,
        }
    }

    /// The button that leads on, where there is one.
    fn action(self, link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> Option<&'static str> {
        match self {
            Self::Failed | Self::MoneyGoesBack if is_held_up(link, configuration, now) => None,
            Self::Failed if link.visit(now) == Visit::OnHold => None,
            Self::Failed | Self::Trouble => Some("try-again"),
            // Where the money went back and nobody else is paying, the link can still be paid.
            Self::MoneyGoesBack => (link.visit(now) == Visit::Begin).then_some("try-again"),
            Self::Unfinished | Self::Unheard => Some("go-on"),
            Self::Summary => Some("pay-now"),
            Self::Going
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::Confirming
            | Self::Review
            | Self::SaidPaid
            | Self::OnHold
            | Self::Expired
            | Self::Cancelled
            | Self::Closed
            | Self::Unknown
            | Self::TooMany
            | Self::Suspended
            | Self::Down => None,
        }
    }

    /// Whether the page leaves it to the customer to pay, so that it also hears who has paid already.
    fn leaves_paying(self, link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
        match self {
            Self::Summary | Self::Failed | Self::Unfinished | Self::Unheard | Self::MoneyGoesBack => {
                self.action(link, configuration, now).is_some()
            }
            // What they may not do now they may in an hour.
            Self::TooMany => true,
            Self::Going
            | Self::Paid
            | Self::AlreadyPaid
            | Self::Refunded
            | Self::PartlyRefunded
            | Self::Confirming
            | Self::Review
            | Self::SaidPaid
            | Self::OnHold
            | Self::Expired
            | Self::Cancelled
            | Self::Closed
            | Self::Unknown
            | Self::Suspended
            | Self::Trouble
            | Self::Down => false,
        }
    }

    /// Whether it has the button by which a customer says to have paid already.
    fn hears_who_paid(self, link: &PaymentLink, configuration: &Configuration, now: Timestamp) -> bool {
        self.leaves_paying(link, configuration, now) && may_say_paid(link, configuration, now)
    }
}

/// The texts of a page: their language, and the business and the amounts that they mention.
struct Words<'a> {
    language: Language,
    configuration: &'a Configuration,
    amount: String,
    /// What went back of the payment. It is empty where there is none.
    refunded: String,
}

impl<'a> Words<'a> {
    /// The amount of a link that was paid is the amount of the payment.
    fn new(language: Language, configuration: &'a Configuration, link: Option<&PaymentLink>) -> Self {
        let display = |money: Money| money.display(language, configuration.settings.rial_alone);
        let payment = link.and_then(|link| Some((link, kept_payment(link)?.1.money)));
        let amount = payment.map(|(_, money)| money).or_else(|| Some(link?.terms().amount));
        let refunded = payment.and_then(|(link, money)| Money::new(link.refunded(), money.currency()).ok());
        let shown = |money: Option<Money>| money.map(display).unwrap_or_default();
        Self { language, configuration, amount: shown(amount), refunded: shown(refunded) }
    }

    fn settings(&self) -> &'a Settings {
        &self.configuration.settings
    }

    /// A text without markup or invisible characters, for places such as a title.
    fn plain(&self, key: &str) -> String {
        let (business, amount) = (&self.settings().business_name, &self.amount);
        self.language.say(key, &[("business", business), ("amount", amount), ("refunded", &self.refunded)])
    }

    /// A text of the page. The values that it mentions are isolated, so that each is written in its own direction.
    fn say(&self, key: &str) -> String {
        let isolated = |text: &str| format!("\u{2068}{text}\u{2069}");
        let (business, amount) = (isolated(&self.settings().business_name), isolated(&self.amount));
        let refunded = isolated(&self.refunded);
        self.language.say(key, &[("business", &business), ("amount", &amount), ("refunded", &refunded)])
    }

    /// The key of a text that depends on the gateway: its own where it has one, else that of its network.
    fn of_gateway(&self, stem: &str, link: &PaymentLink) -> String {
        let profile = link.terms().account.gateway.profile();
        let own = format!("{stem}-{}", profile.id);
        if self.language.has(&own) { own } else { format!("{stem}-{}", profile.network.key()) }
    }
}

/// A page about a link.
pub(crate) fn of_link(
    page: Page,
    link: &PaymentLink,
    language: Language,
    configuration: &Configuration,
    now: Timestamp,
) -> Response {
    render(page, language, Some(link), configuration, now)
}

/// A page that is about no link, or about a link that must not be distinguishable from none.
pub(crate) fn without_link(page: Page, language: Language, configuration: &Configuration) -> Response {
    render(page, language, None, configuration, Timestamp::UNIX_EPOCH)
}

fn render(
    page: Page,
    language: Language,
    link: Option<&PaymentLink>,
    configuration: &Configuration,
    now: Timestamp,
) -> Response {
    let words = Words::new(language, configuration, link);
    let shown = content(page, link, &words, now, &actions(page, link, &words, now));
    let in_preview = html! {
        @if page == Page::Summary {
            meta property="og:title" content=(words.plain("preview-title"));
            meta property="og:site_name" content=(words.settings().business_name);
            meta property="og:description" content=(words.plain("preview-text"));
        }
    };
    let document = document(page, link, &words, &in_preview, &shown);
    let mut response = match (page, link) {
        (Page::Summary, Some(link)) => answer(page.status(), document, &summary_policy(link)),
        (_, Some(link)) if page.hears_who_paid(link, configuration, now) => {
            answer(page.status(), document, &policy_with_forms_to("'self'"))
        }
        _ => answer(page.status(), document, &POLICY),
    };
    if let (Page::Confirming, Some(link)) = (page, link) {
        // The page asks again without a script, until it is known what happened. It asks for the outcome and not for the
        // link, because opening a link whose payment failed would lead on to the gateway at once.
        let refresh = format!("{}; url=/p/{}/result", pause(link, now), link.token().expose());
        if let Ok(refresh) = HeaderValue::try_from(refresh) {
            response.headers_mut().insert(header::REFRESH, refresh);
        }
    }
    if page == Page::TooMany {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3600"));
    }
    response
}

/// The content of the card: what happened, hints, what the payment is for, the buttons, and the contact of the
/// business.
fn content(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, now: Timestamp, action: &Markup) -> Markup {
    html! {
        h1 class=(tone_class(page.tone())) { (words.say(&format!("{}-title", page.key()))) }
        p { (words.say(&text_key(page, link, now))) }
        @for hint in hints(page, link, words, now) { p.hint { (words.say(&hint)) } }
        @if let Some(link) = link { (facts(page, link, words, now)) }
        (action)
        (support(words))
    }
}

/// The page that posts a gateway's form by itself. The gateway must see where the browser comes from.
pub(crate) fn posting_page(
    checkout: &Checkout,
    link: &PaymentLink,
    language: Language,
    configuration: &Configuration,
    now: Timestamp,
) -> Response {
    let words = Words::new(language, configuration, Some(link));
    let form = html! {
        form method="post" action=(checkout.at) {
            @for (name, value) in &checkout.form { input type="hidden" name=(name) value=(value); }
            button.button type="submit" { (words.say("pay-now")) }
        }
        script { (PreEscaped(SUBMIT)) }
    };
    let shown = content(Page::Going, Some(link), &words, now, &form);
    let body = document(Page::Going, Some(link), &words, &Markup::default(), &shown);
    let mut response = answer(Page::Going.status(), body, &posting_policy(&checkout.at));
    let referrer = HeaderValue::from_static("strict-origin-when-cross-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, referrer);
    response
}

/// The document around the content of every page.
fn document(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, in_head: &Markup, shown: &Markup) -> Markup {
    let (language, settings) = (words.language, words.settings());
    let logo = words.configuration.business.as_ref().zip(settings.logo_hash.as_ref());
    html! {
        (DOCTYPE)
        html lang=(language.code()) dir=(language.direction()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                (in_head)
                title { (words.plain(&format!("{}-title", page.key()))) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.business {
                        // The name beside it says what the picture shows.
                        @if let Some((business, hash)) = logo {
                            img src=(format!("/logo/{}/{}", business.id, hash.as_str())) alt="";
                        }
                        bdi { (settings.business_name) }
                    }
                    @if link.is_some_and(|link| link.terms().mode == Mode::Sandbox) {
                        p.test { (words.say("test-mark")) }
                    }
                    (shown)
                }
            }
        }
    }
}

/// A confirmation that takes longer than this is called long: the page says that it can be closed.
const LONG_CONFIRMATION: SignedDuration = SignedDuration::from_mins(2);

/// The seconds after which a page loads again: few while a confirmation is under way, more where it takes long or where
/// each load asks the gateway.
fn pause(link: &PaymentLink, now: Timestamp) -> u8 {
    match being_confirmed(link) {
        None => 10,
        Some(_) if takes_long(link, now) => 15,
        Some(_) => 3,
    }
}

/// The key of the text of a page.
fn text_key(page: Page, link: Option<&PaymentLink>, now: Timestamp) -> String {
    match (page, link) {
        (Page::Confirming, Some(link)) if takes_long(link, now) => "confirming-long-text".to_owned(),
        (Page::Failed, Some(link)) => failure(link).unwrap_or("failed-text").to_owned(),
        (Page::Unheard, _) => "unfinished-unresolved-text".to_owned(),
        (Page::Unfinished, Some(link)) if !is_known_to_be_unpaid(link) => "unfinished-unresolved-text".to_owned(),
        (Page::Trouble, Some(link)) if has_open(link) => "trouble-unresolved-text".to_owned(),
        _ => format!("{}-text", page.key()),
    }
}

/// Whether somebody may have paid in a session whose end we do not know.
fn has_open(link: &PaymentLink) -> bool {
    link.attempts().iter().any(|attempt| matches!(attempt.state, AttemptState::Open { .. }))
}

/// Whether it is known that nobody paid. The gateway was asked about the last session before this page; it could not
/// answer where it cannot be asked, and it was not asked about earlier sessions.
fn is_known_to_be_unpaid(link: &PaymentLink) -> bool {
    let Some((last, earlier)) = link.attempts().split_last() else { return true };
    let is_open = |attempt: &Attempt| matches!(attempt.state, AttemptState::Open { .. });
    !(earlier.iter().any(is_open) || (is_open(last) && last.gateway.profile().look_up == LookUp::OnlyOnReturn))
}

fn network(link: &PaymentLink) -> Network {
    link.terms().account.gateway.profile().network
}

/// Whether the payment of the link is one that a person had noted and withdrew.
fn is_void(link: &PaymentLink) -> bool {
    link.attempts().iter().any(|attempt| attempt.is_kept() && attempt.voided.is_some())
}

/// The payment of the link, and when it was made: when the gateway confirmed it, or when money came that no gateway took.
fn kept_payment(link: &PaymentLink) -> Option<(Timestamp, &Payment)> {
    link.attempts().iter().filter(|attempt| attempt.voided.is_none()).find_map(|attempt| match &attempt.state {
        AttemptState::Paid { at, payment } => {
            Some((attempt.recorded.as_ref().map_or(*at, |recorded| recorded.received_at), payment))
        }
        _ => None,
    })
}

/// The attempt whose money we are asking about.
fn being_confirmed(link: &PaymentLink) -> Option<&Attempt> {
    let is_asked_about = |state: &AttemptState| {
        matches!(
            state,
            AttemptState::Confirming { .. }
                | AttemptState::Accepted { .. }
                | AttemptState::Open { reported_at: Some(_), .. }
        )
    };
    link.attempts().iter().find(|attempt| is_asked_about(&attempt.state))
}

/// Whether money of this attempt goes back to the payer, or did, because the link could not take it.
fn goes_back(state: &AttemptState) -> bool {
    matches!(
        state,
        AttemptState::AwaitingReversal { .. } | AttemptState::Refunding { .. } | AttemptState::Refunded { .. }
    )
}

/// The key of the text about the last attempt, where the gateway's answer to it was a final no.
fn failure(link: &PaymentLink) -> Option<&'static str> {
    let last = link.attempts().last()?;
    let AttemptState::Failed { reason, .. } = &last.state else { return None };
    Some(match reason.cause {
        NotPaidCause::Cancelled => "failed-cancelled-text",
        NotPaidCause::Declined => "failed-declined-text",
        NotPaidCause::SessionOver => "failed-over-text",
        NotPaidCause::Unspecified => "failed-text",
    })
}

fn takes_long(link: &PaymentLink, now: Timestamp) -> bool {
    let since = being_confirmed(link).and_then(|attempt| attempt.state.undecided_since());
    since.is_some_and(|since| now.duration_since(since) > LONG_CONFIRMATION)
}

/// What else a customer of this link should know on this page.
fn hints(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, now: Timestamp) -> Vec<String> {
    let Some(link) = link else { return Vec::new() };
    let debited = || words.of_gateway("debited", link);
    let if_paid = || has_open(link).then(|| "if-paid".to_owned());
    // Said where the page would otherwise lead to another try.
    let held_up = || is_held_up(link, words.configuration, now).then(|| "suspended-text".to_owned());
    let on_hold = || (link.visit(now) == Visit::OnHold).then(|| "on-hold-text".to_owned());
    let checking = || {
        let is_told = is_said_to_be_paid(link, now) && page.leaves_paying(link, words.configuration, now);
        is_told.then(|| "being-checked".to_owned())
    };
    match page {
        Page::Summary | Page::Going => {
            let of_network: &[&str] = match network(link) {
                Network::Shaparak => &["hint-shaparak", "hint-vpn"],
                Network::International => &[],
            };
            checking().into_iter().chain(of_network.iter().map(|&hint| hint.to_owned())).collect()
        }
        Page::MoneyGoesBack => {
            std::iter::once(words.of_gateway("back-time", link)).chain(held_up()).chain(checking()).collect()
        }
        Page::Paid | Page::AlreadyPaid | Page::Refunded | Page::PartlyRefunded => second_payment(link, words),
        Page::Failed => {
            std::iter::once(debited()).chain(if_paid()).chain(held_up()).chain(on_hold()).chain(checking()).collect()
        }
        Page::Unfinished | Page::Unheard | Page::TooMany => checking().into_iter().collect(),
        Page::SaidPaid => vec!["said-paid-next".to_owned()],
        Page::Suspended | Page::OnHold | Page::Closed => if_paid().into_iter().collect(),
        Page::Expired | Page::Cancelled => match failure(link) {
            // The link ended, and the last that its customer saw was a payment that failed.
            Some(failure) => [failure.to_owned(), debited()].into_iter().chain(if_paid()).collect(),
            None => if_paid().into_iter().collect(),
        },
        Page::Confirming | Page::Review | Page::Unknown | Page::Trouble | Page::Down => Vec::new(),
    }
}

/// Hints about a second payment, which a customer may have made in another tab. A payment that was only reported is not
/// called one.
fn second_payment(link: &PaymentLink, words: &Words<'_>) -> Vec<String> {
    let attempts = || link.attempts().iter().map(|attempt| &attempt.state);
    let back_time = || words.of_gateway("back-time", link);
    if attempts().any(|state| matches!(state, AttemptState::NeedsReview { payment: Some(_), .. })) {
        return vec!["second-review".to_owned()];
    }
    if attempts().any(goes_back) {
        return vec!["second-payment".to_owned(), back_time()];
    }
    // A refund that needs a person is of the payment that the page tells of.
    if attempts().any(|state| matches!(state, AttemptState::NeedsReview { .. })) {
        return vec!["second-review-maybe".to_owned()];
    }
    if being_confirmed(link).is_some() {
        return vec!["second-payment-maybe".to_owned(), back_time()];
    }
    Vec::new()
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Waiting => "waiting",
        Tone::Bad => "bad",
        Tone::Quiet => "quiet",
    }
}

/// The facts of the payment: amount, purpose, and when it was paid or until when it can be. They name no contact.
fn facts(page: Page, link: &PaymentLink, words: &Words<'_>, now: Timestamp) -> Markup {
    let (language, settings, terms) = (words.language, words.settings(), link.terms());
    let zone = settings.zone();
    // A customer who pays from abroad, or reads another language than the business, sees the time zone.
    let is_local = language == settings.default_locale.language() && network(link) == Network::Shaparak;
    let zone_name = if is_local { String::new() } else { format!(" ({})", settings.time_zone.as_str()) };
    let has_end = page == Page::Going || page.action(link, words.configuration, now).is_some();
    html! {
        dl {
            div { dt { (words.say("amount-for")) } dd { bdi { (words.amount) } } }
            @if let Some(description) = &terms.description {
                div { dt { (words.say("purpose")) } dd { bdi { (description) } } }
            }
            @if let Some((at, payment)) = kept_payment(link) {
                div { dt { (words.say("paid-on")) } dd { bdi { (display_instant(at, &zone, language)) (zone_name) } } }
                @if !payment.reference.is_empty() {
                    div { dt { (words.say("reference")) } dd { bdi { (payment.reference) } } }
                }
            } @else if has_end {
                div { dt { (words.say("payable-until")) } dd { bdi { (display_end(terms.expires_at, &zone, language)) (zone_name) } } }
            }
        }
    }
}

fn actions(page: Page, link: Option<&PaymentLink>, words: &Words<'_>, now: Timestamp) -> Markup {
    let Some(link) = link else { return Markup::default() };
    let address = format!("/p/{}", link.token().expose());
    html! {
        @if let Some(key) = page.action(link, words.configuration, now) {
            // A person presses the button. Programs that look at a page follow its links and post none of its forms.
            @if page == Page::Summary {
                form method="post" action=(format!("{address}/go")) {
                    button.button type="submit" { (words.say(key)) }
                }
            } @else {
                a.button href=(address) rel="nofollow" { (words.say(key)) }
            }
        }
        @if page.hears_who_paid(link, words.configuration, now) {
            form method="post" action=(format!("{address}/already-paid")) {
                button.minor type="submit" { (words.say("say-paid")) }
            }
        }
        // Who has not paid after all goes on by the summary page, which says once more that this is said to be paid.
        @if page == Page::SaidPaid && leads_on(&link.visit(now), words.configuration) {
            a.plain href=(address) rel="nofollow" { (words.say("pay-anyway")) }
        }
        @if let (Some(address), false) =
            (&link.terms().return_url, matches!(page, Page::Summary | Page::Confirming))
        {
            a.plain href=(address) rel="noreferrer" { (words.say("return-to-business")) }
        }
    }
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

/// A number as a telephone dials it: people write it with blanks, brackets and the digits of their language.
fn dialled(phone: &str) -> String {
    let digit = |c: char| {
        let zero = ['۰', '٠', '0'].into_iter().find(|zero| (*zero..).take(10).any(|digit| digit == c))?;
        char::from_digit(u32::from(c).checked_sub(u32::from(zero))?, 10)
    };
    phone.chars().filter_map(|c| if c == '+' { Some(c) } else { digit(c) }).collect()
}

/// The business's logo. Its address is derived from its content, so that browsers may keep it for ever.
pub(crate) fn logo_response(logo: &Logo) -> Response {
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

    const PAGES: [Page; 22] = [
        Page::Summary,
        Page::Going,
        Page::Paid,
        Page::AlreadyPaid,
        Page::Refunded,
        Page::PartlyRefunded,
        Page::Confirming,
        Page::Failed,
        Page::Unfinished,
        Page::Unheard,
        Page::MoneyGoesBack,
        Page::Review,
        Page::SaidPaid,
        Page::Expired,
        Page::Cancelled,
        Page::Closed,
        Page::Unknown,
        Page::TooMany,
        Page::OnHold,
        Page::Suspended,
        Page::Trouble,
        Page::Down,
    ];

    /// What pages say besides their own title and text.
    const OTHERS: [&str; 32] = [
        "preview-title",
        "preview-text",
        "test-mark",
        "amount-for",
        "purpose",
        "paid-on",
        "reference",
        "payable-until",
        "confirming-long-text",
        "failed-cancelled-text",
        "failed-declined-text",
        "failed-over-text",
        "unfinished-unresolved-text",
        "trouble-unresolved-text",
        "if-paid",
        "hint-shaparak",
        "hint-vpn",
        "second-payment",
        "second-payment-maybe",
        "second-review",
        "second-review-maybe",
        "say-paid",
        "said-paid-next",
        "pay-anyway",
        "being-checked",
        "support",
        "return-to-business",
        "pay-now",
        "go-on",
        "try-again",
        "debited-sep",
        "back-time-sep",
    ];

    #[test]
    fn every_language_has_every_text_of_every_page() {
        let mut keys: Vec<String> = OTHERS.map(str::to_owned).to_vec();
        for page in PAGES {
            keys.extend([format!("{}-title", page.key()), format!("{}-text", page.key())]);
        }
        for network in Network::ALL {
            keys.extend([format!("debited-{}", network.key()), format!("back-time-{}", network.key())]);
        }
        for language in Language::ALL {
            let missing: Vec<_> = keys.iter().filter(|key| !language.has(key)).collect();
            assert!(missing.is_empty(), "locales/{}.ftl lacks {missing:?}", language.code());
        }
    }

    #[test]
    fn a_number_is_dialled_however_it_is_written() {
        for (written, dialled_as) in [
            ("+98 (21) 0000-0000", "+982100000000"),
            ("۰۲۱ ۱۲۳۴ ۵۶۷۸", "02112345678"),
            ("+٩٧١ ٤ ١٢٣", "+9714123"),
            ("021/123 ext. 4", "0211234"),
        ] {
            assert_eq!(dialled(written), dialled_as);
        }
    }
}

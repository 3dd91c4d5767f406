//! The local cloud's own page: every message as its recipient would see it, and each business with its latest payment
//! links.
//!
//! It only reads, apart from the button that empties the inbox. Nothing on it reloads under somebody's hands: a script of
//! its own adds what is new. Without it, the page shows what there is and loads again when it is asked to. Its content
//! security policy, which the mails in their frames inherit, keeps it from fetching anything from another origin.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::messages::sms::{SmsEncoding, SmsLength};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::crm::{Crm, ReceivedEvent};
use crate::seed::API_KEY;
use simulators::gateways::SIMULATED;
use simulators::providers::inbox::{Channel, Delivered, Inbox};

/// The businesses, as [`Overview`] promises them.
pub type BusinessRows = Pin<Box<dyn Future<Output = Vec<BusinessRow>> + Send>>;

/// Reads the businesses by their ids, each with its latest links. It is asked anew for every view of the page.
pub type Overview = Arc<dyn Fn() -> BusinessRows + Send + Sync>;

/// One business, each part as text that is ready to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusinessRow {
    pub id: String,
    /// How the platform calls it.
    pub name: String,
    /// The state in the words of the API.
    pub state: String,
    /// The API key of a demo business. No other key is known here.
    pub key: Option<&'static str>,
    /// Its latest links, the newest first.
    pub links: Vec<LinkRow>,
}

/// One payment link, each part as text that is ready to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkRow {
    /// The link's id, `pl_…`.
    pub id: String,
    /// The pay URL.
    pub url: String,
    /// The status in the words of the API.
    pub status: String,
    /// `live` or `sandbox`.
    pub mode: String,
    /// The amount with its currency, as a person writes it.
    pub amount: String,
    /// The customer who is asked to pay.
    pub contact: String,
    /// When the link was made.
    pub created_at: String,
    /// When the link stops taking payments.
    pub expires_at: String,
    /// One line for each attempt.
    pub attempts: Vec<String>,
    /// One line for each receipt.
    pub receipts: Vec<String>,
}

/// Only the newest messages are drawn: every mail is a document of its own.
const SHOWN_MESSAGES: usize = 40;

/// At most this many events are shown. All of them are in the JSON.
const SHOWN_EVENTS: usize = 20;

static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(SCRIPT.as_bytes())));

/// Nothing is fetched from anywhere but the logo of a mail, which comes from where the pay pages are.
fn policy(api: &str) -> String {
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'; connect-src 'self'; \
         img-src 'self' data: {api}; frame-src 'self'; form-action 'self'; base-uri 'none'",
        *SCRIPT_HASH
    )
}

/// Adds what is new, shows instants in local time, copies the first call.
const SCRIPT: &str = include_str!("page.js");

/// Goes before every mail. A link inside a frame could not open where it stands, so it opens in a new tab.
const MAIL_HEAD: &str = "<base target=\"_blank\">";

/// Punctuation that ends the sentence around a link rather than the link.
const AFTER_LINK: [char; 15] = ['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '»', '،', '؛', '؟', '…'];

#[derive(Clone)]
struct Page {
    /// Where the API and the pay pages are.
    api: String,
    inbox: Inbox,
    crm: Crm,
    overview: Overview,
}

#[derive(Debug, Deserialize)]
struct View {
    refresh: Option<String>,
}

/// Serves `GET /`, the page, and `POST /inbox/clear`, its button. `GET /?refresh=off` stands still.
pub fn router(api: String, inbox: Inbox, crm: Crm, overview: Overview) -> Router {
    let page = Page { api, inbox, crm, overview };
    Router::new().route("/", get(show)).route("/inbox/clear", post(clear)).with_state(page)
}

async fn show(State(page): State<Page>, Query(view): Query<View>) -> Response {
    let businesses = (page.overview)().await;
    let messages = page.inbox.all();
    let events = page.crm.events();
    let is_still = view.refresh.as_deref() == Some("off");
    let markup = document(&top(&page.api, is_still), &messages, &businesses, &events, is_still);
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy(&page.api)),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Html(markup.into_string())).into_response()
}

async fn clear(State(page): State<Page>) -> Response {
    match page.inbox.clear() {
        Ok(()) => Redirect::to("/").into_response(),
        Err(error) => {
            let text = format!("The inbox could not be emptied: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

fn document(
    top: &Markup,
    messages: &[Delivered],
    businesses: &[BusinessRow],
    events: &[ReceivedEvent],
    is_still: bool,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Paylink local cloud (" (messages.len()) ")" }
                style { (PreEscaped(STYLE)) }
            }
            body data-asks=[(!is_still).then_some("yes")] {
                (top)
                main {
                    (inbox(messages))
                    div.side {
                        @for business in businesses {
                            (business_section(business))
                        }
                        (crm_section(events))
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn top(api: &str, is_still: bool) -> Markup {
    html! {
        header {
            h1 { "Paylink, the local cloud" }
            p {
                "This is the cloud in small, on this machine only. "
                strong { "Nothing leaves the machine:" }
                " no message here was sent to anybody, and no money moves."
            }
            nav aria-label="This machine" {
                a href={ (api) "/v1/docs" } { "The API, described" }
                a href={ (api) "/v1/openapi.json" } { "OpenAPI document" }
                a href="/inbox.json" { "Inbox as JSON" }
                a href="/crm/events.json" { "Events as JSON" }
                @if is_still {
                    a href="/" { "Standing still: show what is new" }
                } @else {
                    a href="/?refresh=off" { "Stand still" }
                }
            }
            details open {
                summary { "Make a first link" }
                pre id="first-call" { (first_call(api)) }
                button type="button" hidden data-copies="first-call" { "Copy" }
                p { "Its messages appear below. Tap the link in one of them, and pay at the simulated gateway." }
            }
            details {
                summary { "The simulated gateways" }
                p { "Their payment pages have a button for every outcome. These are the books that they keep:" }
                ul {
                    @for one in SIMULATED {
                        li { a href={ (one.sandbox) "/books.json" } { (one.gateway.profile().name) } }
                    }
                }
            }
        }
    }
}

/// A call that makes a link and tells its customer, to be pasted into a terminal.
fn first_call(api: &str) -> String {
    format!(
        "curl -s {api}/v1/payment-links \\\n  -H 'Authorization: Bearer {API_KEY}' -H 'Content-Type: application/json' \\\n  \
         -d '{{ \"account_id\": \"main\", \"item_id\": \"inv-77\", \"description\": \"Invoice 77\", \
         \"recipients\": {{ \"contact\": true }} }}'"
    )
}

fn inbox(messages: &[Delivered]) -> Markup {
    let older = messages.len().saturating_sub(SHOWN_MESSAGES);
    html! {
        section aria-labelledby="inbox" {
            div.heading {
                h2 id="inbox" { "Inbox " span.count id="count-of-inbox" { (messages.len()) } }
                form method="post" action="/inbox/clear" {
                    button type="submit" disabled[messages.is_empty()] { "Empty the inbox" }
                }
            }
            @if messages.is_empty() {
                p.empty { "Nothing was delivered yet. Make a link with a recipient, and its messages appear here." }
            }
            div.list id="messages" data-keyed {
                @for (number, message) in messages.iter().enumerate().rev().take(SHOWN_MESSAGES) {
                    @match message.channel {
                        Channel::Sms => { (bubble("SMS", message, number)) }
                        Channel::Social => { (bubble("Social network", message, number)) }
                        Channel::Email => { (mail(message, number)) }
                    }
                }
            }
            @if older > 0 {
                p.empty { (older) " older in " a href="/inbox.json" { "the whole inbox" } "." }
            }
        }
    }
}

fn bubble(kind: &str, message: &Delivered, number: usize) -> Markup {
    html! {
        article.sms id={ "message-" (number) } {
            p.meta {
                span.kind { (kind) }
                " from " bdi { (message.from) } " to " bdi { (message.to) } " "
                (when(message.at))
            }
            p.bubble dir="auto" { (linked(&message.body)) }
            @if message.channel == Channel::Sms { p.meta { (length(&message.body)) } }
        }
    }
}

/// What an SMS costs: its segments, and the alphabet that decides how much fits into one.
fn length(body: &str) -> String {
    let SmsLength { encoding, characters, segments } = SmsLength::of(body);
    let alphabet = match encoding {
        SmsEncoding::Gsm7 => "GSM-7",
        SmsEncoding::Ucs2 => "UCS-2",
    };
    let segments = if segments == 1 { "1 segment".to_owned() } else { format!("{segments} segments") };
    format!("{segments}, {characters} characters in {alphabet}")
}

fn mail(message: &Delivered, number: usize) -> Markup {
    let subject = message.subject.as_deref().unwrap_or_default();
    let has_both = message.html.is_some() && !message.body.is_empty();
    html! {
        article.mail id={ "message-" (number) } {
            p.meta { span.kind { "Email" } " " (when(message.at)) }
            h3 dir="auto" { (subject) }
            dl {
                dt { "From" } dd { bdi { (message.from) } }
                @if let Some(address) = &message.reply_to {
                    dt { "Answers to" } dd { bdi { (address) } }
                }
                dt { "To" } dd { bdi { (message.to) } }
            }
            iframe title={ "Mail: " (subject) } srcdoc=(mail_document(message))
                sandbox="allow-popups allow-popups-to-escape-sandbox" {}
            @if has_both {
                details {
                    summary { "Plain text" }
                    p.plain dir="auto" { (linked(&message.body)) }
                }
            }
        }
    }
}

/// The document of a mail's frame: its HTML, or its text as a mail program lays it out.
fn mail_document(message: &Delivered) -> String {
    let document = message.html.clone().unwrap_or_else(|| {
        let style = "margin: 1rem; font: 1rem/1.6 system-ui, sans-serif; \
                     white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext";
        html! { div dir="auto" style=(style) { (linked(&message.body)) } }.into_string()
    });
    format!("{MAIL_HEAD}{document}")
}

/// The section of a business: what it is called and by which key, and its latest links.
fn business_section(business: &BusinessRow) -> Markup {
    let title = format!("links-of-{}", business.id);
    html! {
        section aria-labelledby=(title) {
            div.heading {
                h2 id=(title) { bdi { (business.name) } " " span.count id={ "count-of-" (business.id) } { (business.links.len()) } }
                @if business.state != "active" {
                    span.status.bad { (business.state) }
                }
            }
            dl {
                dt { "Business" } dd { code { (business.id) } }
                @if let Some(key) = business.key {
                    dt { "API key" } dd { code { (key) } }
                }
            }
            @if business.links.is_empty() {
                p.empty { "No links yet." }
            }
            div.list id={ "cards-of-" (business.id) } data-keyed {
                @for link in &business.links {
                    (link_card(link))
                }
            }
        }
    }
}

fn link_card(link: &LinkRow) -> Markup {
    html! {
        article.link id={ "card-" (link.id) } {
            p.sum {
                span class={ "status " (tone(&link.status)) } { (link.status) }
                " " strong { bdi { (link.amount) } }
                @if link.mode == "sandbox" {
                    " " span.status.test { "TEST" }
                }
            }
            p.url { (linked(&link.url)) }
            dl {
                dt { "Contact" } dd { bdi { (link.contact) } }
                dt { "Id" } dd { code { (link.id) } }
                dt { "Created" } dd { (instant(&link.created_at)) }
                dt { "Expires" } dd { (instant(&link.expires_at)) }
            }
            (lines("Attempts", &link.attempts))
            (lines("Receipts", &link.receipts))
        }
    }
}

/// The section of the events that the CRM got, the latest first.
fn crm_section(events: &[ReceivedEvent]) -> Markup {
    html! {
        section aria-labelledby="events" {
            div.heading {
                h2 id="events" { "Events to the CRM " span.count id="count-of-events" { (events.len()) } }
            }
            @if events.is_empty() {
                p.empty { "No events yet. Everything that happens to a link is sent here, signed." }
            }
            div.list id="received" data-keyed {
                @for (number, event) in events.iter().enumerate().rev().take(SHOWN_EVENTS) {
                    (event_card(event, number))
                }
            }
        }
    }
}

fn event_card(received: &ReceivedEvent, number: usize) -> Markup {
    let text = |name: &str| received.event[name].as_str().unwrap_or("unknown").to_owned();
    let is_taken = (200..300).contains(&received.answered);
    let body = serde_json::to_string_pretty(&received.event).unwrap_or_default();
    html! {
        article.link id={ "event-" (number) } {
            p.sum {
                span class={ "status " (if is_taken { "good" } else { "bad" }) } { (received.answered) }
                " " strong { (text("type")) }
                " " (when(received.at))
            }
            dl {
                dt { "Business" } dd { code { (received.business) } }
                dt { "Link" } dd { code { (text("payment_link_id")) } }
                dt { "Number" } dd { (received.event["sequence"]) }
                dt { "Signature" } dd { (if received.is_signed { "valid" } else { "not valid" }) }
            }
            details {
                summary { "As it came" }
                pre { (body) }
            }
        }
    }
}

fn lines(title: &str, lines: &[String]) -> Markup {
    html! {
        @if !lines.is_empty() {
            h3 { (title) }
            ul {
                @for line in lines {
                    li dir="auto" { (line) }
                }
            }
        }
    }
}

/// The colour of a status. One that is not known here stays quiet.
fn tone(status: &str) -> &'static str {
    match status {
        "paid" => "good",
        "active" | "confirming" => "open",
        "needs_review" => "bad",
        _ => "quiet",
    }
}

/// An instant. The script shows it in the time of whoever reads it; here it is in that of nobody in particular.
fn when(at: Timestamp) -> Markup {
    let instant = at.to_string();
    html! { time datetime=(instant) title=(instant) { (at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) } }
}

/// An instant that comes as a text.
fn instant(text: &str) -> Markup {
    match text.parse() {
        Ok(at) => when(at),
        Err(_) => html! { (text) },
    }
}

/// Text with its web addresses as links that open in a new tab.
fn linked(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Text(text) => { (text) }
                Piece::Link(link) => { a href=(link) target="_blank" rel="noopener noreferrer" { (link) } }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Link(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = link_start(rest) {
        let (before, from_link) = rest.split_at(start);
        let end = from_link.find(ends_link).unwrap_or(from_link.len());
        // The scheme ends with a slash, so at least that is left and the loop moves on.
        let link = from_link[..end].trim_end_matches(AFTER_LINK);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(if Url::parse(link).is_ok() { Piece::Link(link) } else { Piece::Text(link) });
        rest = &from_link[link.len()..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn link_start(text: &str) -> Option<usize> {
    [text.find("http://"), text.find("https://")].into_iter().flatten().min()
}

/// White space, quotes, and the invisible marks that stand around left-to-right text in Persian and Arabic.
fn ends_link(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '"' | '\u{200B}'..='\u{200F}')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

const STYLE: &str = r#"
:root {
  color-scheme: light dark;
  --ground: #f4f4f1; --card: #fff; --ink: #1c1e22; --soft: #5d636c; --line: #dfdfd9; --accent: #1d5bb8;
  --bubble: #e2f3e5; --good: #176b39; --bad: #a8201a; --open: #1d5bb8; --test: #7a5200;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171a; --card: #1e2125; --ink: #e8e8e4; --soft: #a0a6af; --line: #33373d; --accent: #8db8f7;
    --bubble: #1f3a27; --good: #7fd19b; --bad: #f5928c; --open: #8db8f7; --test: #e6bd6a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 84rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Vazirmatn, Tahoma, sans-serif;
}
h1, h2, h3, p, dl, ul { margin: 0; }
h1 { font-size: 1.25rem; }
h2 { font-size: 1.05rem; }
h3 { font-size: 1rem; }
a { color: var(--accent); unicode-bidi: isolate; }
a:focus-visible, button:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
header { display: grid; gap: .5rem; padding-bottom: 1rem; border-bottom: 1px solid var(--line); }
header p { color: var(--soft); }
header strong { color: var(--ink); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .9rem; }
main { display: grid; gap: 2rem; padding-top: 1rem; }
.side { display: grid; gap: 2rem; align-content: start; min-width: 0; }
pre { overflow-x: auto; font-size: .8rem; margin: .5rem 0; }
.list { display: grid; gap: .75rem; min-width: 0; }
.list:empty { display: none; }
header ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; font-size: .9rem; }
section { display: grid; gap: .75rem; align-content: start; min-width: 0; }
.heading { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 2.25rem; }
.count { color: var(--soft); font-weight: 400; }
button {
  font: inherit; font-size: .9rem; padding: .35rem .8rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; cursor: pointer;
}
button:disabled { opacity: .5; cursor: default; }
.empty {
  padding: 1.5rem 1rem; color: var(--soft); text-align: center; border: 1px dashed var(--line); border-radius: .75rem;
}
.mail, .link {
  display: grid; gap: .6rem; padding: .9rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem; min-width: 0; overflow-wrap: anywhere;
}
.sms { display: grid; gap: .3rem; }
.meta { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
.kind { font-weight: 600; color: var(--ink); }
.bubble {
  justify-self: start; max-width: min(26rem, 92%); padding: .65rem .9rem; background: var(--bubble);
  border-radius: 1.1rem; border-end-start-radius: .3rem;
}
.bubble a { display: inline-block; }
.bubble, .plain { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .75rem; font-size: .9rem; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
iframe {
  width: 100%; height: 26rem; resize: vertical; border: 1px solid var(--line); border-radius: .5rem;
  background: #fff; color-scheme: light;
}
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
.plain { padding-top: .5rem; }
.sum { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; }
.url { font-size: .9rem; }
.link h3 { font-size: .85rem; color: var(--soft); font-weight: 600; }
.link ul { padding-inline-start: 1.1rem; font-size: .9rem; }
.status { padding: .05rem .55rem; font-size: .8rem; font-weight: 600; border: 1px solid; border-radius: 1rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.open { color: var(--open); }
.quiet { color: var(--soft); }
.test { color: var(--test); }
@media (min-width: 60rem) {
  body { padding: 1.5rem 2rem; }
  main { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
}
"#;

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{HeaderMap, Request};
    use tower::ServiceExt as _;

    use super::*;

    type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

    async fn send(router: &Router, method: &str, uri: &str) -> Outcome<(StatusCode, HeaderMap, String)> {
        let request = Request::builder().method(method).uri(uri).body(Body::empty())?;
        let (parts, body) = router.clone().oneshot(request).await?.into_parts();
        let body = to_bytes(body, usize::MAX).await?;
        Ok((parts.status, parts.headers, String::from_utf8(body.to_vec())?))
    }

    fn sms(to: &str, body: &str) -> Outcome<Delivered> {
        Ok(Delivered {
            channel: Channel::Sms,
            to: to.to_owned(),
            from: "PAYLINK".to_owned(),
            reply_to: None,
            subject: None,
            body: body.to_owned(),
            html: None,
            at: "2026-11-23T20:54:00Z".parse()?,
            provider_id: "1".to_owned(),
        })
    }

    fn page(inbox: Inbox) -> Router {
        let links = vec![LinkRow {
            id: "pl_1".to_owned(),
            url: "http://localhost:9000/p/token".to_owned(),
            status: "paid".to_owned(),
            mode: "sandbox".to_owned(),
            amount: "1,500,000 IRR".to_owned(),
            contact: "<b>علی</b>".to_owned(),
            attempts: vec!["zarinpal: paid".to_owned()],
            receipts: vec!["rc_1".to_owned()],
            ..LinkRow::default()
        }];
        let business = |id: &str, name: &str, state: &str, key, links| BusinessRow {
            id: id.to_owned(),
            name: name.to_owned(),
            state: state.to_owned(),
            key,
            links,
        };
        let businesses = vec![
            business("bazaar", "<i>Bazaar</i>", "suspended", None, Vec::new()),
            business("demo", "Demo Business", "active", Some("plk_demo_key"), links),
        ];
        let overview = move || -> BusinessRows {
            let businesses = businesses.clone();
            Box::pin(async move { businesses })
        };
        router("http://localhost:9100".to_owned(), inbox, Crm::default(), Arc::new(overview))
    }

    fn email(html: Option<&str>) -> Outcome<Delivered> {
        Ok(Delivered {
            channel: Channel::Email,
            reply_to: Some("ask@business.example".to_owned()),
            subject: Some("Invoice 77".to_owned()),
            html: html.map(str::to_owned),
            ..sms("ali@example.com", "Pay: https://pay.example/p/1")?
        })
    }

    #[tokio::test]
    async fn the_page_shows_messages_and_the_links_of_each_business() -> Outcome {
        let inbox = Inbox::open(None)?;
        inbox.push(sms("+989121234567", "<i>سلام</i> https://pay.example/p/1.")?)?;
        inbox.push(email(Some("<p class=\"x\">Pay</p>"))?)?;

        let (status, headers, html) = send(&page(inbox), "GET", "/").await?;
        assert_eq!(status, StatusCode::OK);
        let policy = headers.get(header::CONTENT_SECURITY_POLICY).ok_or("no policy")?.to_str()?;
        for part in ["default-src 'none'", "script-src 'sha256-", "img-src 'self' data: http://localhost:9100;"] {
            assert!(policy.contains(part), "{policy}");
        }
        for part in [
            "<body data-asks=\"yes\">",
            "curl -s http://localhost:9100/v1/payment-links",
            "1 segment, 36 characters in UCS-2",
            "Nothing leaves the machine",
            "<a href=\"http://localhost:9100/v1/docs\">The API, described</a>",
            "dir=\"auto\">&lt;i&gt;سلام&lt;/i&gt; <a href=\"https://pay.example/p/1\" target=\"_blank\"",
            "srcdoc=\"&lt;base target=&quot;_blank&quot;&gt;&lt;p class=&quot;x&quot;&gt;Pay&lt;/p&gt;\"",
            "sandbox=\"allow-popups allow-popups-to-escape-sandbox\"",
            "<a href=\"http://localhost:9000/p/token\"",
            "&lt;b&gt;علی&lt;/b&gt;",
            "zarinpal: paid",
            "<bdi>&lt;i&gt;Bazaar&lt;/i&gt;</bdi> <span class=\"count\" id=\"count-of-bazaar\">0</span></h2>",
            "<span class=\"status bad\">suspended</span>",
            "<bdi>Demo Business</bdi> <span class=\"count\" id=\"count-of-demo\">1</span></h2></div>",
            "<dt>API key</dt><dd><code>plk_demo_key</code></dd>",
            "rc_1",
            "TEST",
            "/zarinpal/books.json",
            "/stripe/books.json",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
        assert!(!html.contains("http-equiv"), "nothing reloads under somebody's hands");
        Ok(())
    }

    #[tokio::test]
    async fn the_page_can_stand_still() -> Outcome {
        let (_, _, html) = send(&page(Inbox::open(None)?), "GET", "/?refresh=off").await?;
        assert!(!html.contains("data-asks="));
        Ok(())
    }

    #[tokio::test]
    async fn the_button_empties_the_inbox_and_returns() -> Outcome {
        let inbox = Inbox::open(None)?;
        inbox.push(sms("+989121234567", "gone")?)?;

        let (status, headers, _) = send(&page(inbox.clone()), "POST", "/inbox/clear").await?;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let location = headers.get(header::LOCATION);
        assert_eq!(location.map(|value| value.as_bytes()), Some(&b"/"[..]));
        assert!(inbox.all().is_empty());
        Ok(())
    }

    #[test]
    fn a_text_mail_has_links_too() -> Outcome {
        let document = mail_document(&email(None)?);
        assert!(document.starts_with(MAIL_HEAD));
        assert!(document.contains("<a href=\"https://pay.example/p/1\""));
        Ok(())
    }

    #[test]
    fn links_end_where_the_sentence_goes_on() {
        use Piece::{Link, Text};

        assert_eq!(
            pieces("(see https://a.example/x?y=1), or\u{2066}http://b.example\u{2069}؟"),
            [
                Text("(see "),
                Link("https://a.example/x?y=1"),
                Text("), or\u{2066}"),
                Link("http://b.example"),
                Text("\u{2069}؟"),
            ]
        );
        assert_eq!(pieces("https://"), [Text("https://")]);
        assert_eq!(pieces("javascript:alert(1)"), [Text("javascript:alert(1)")]);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn an_instant_is_there_for_programs_and_for_people_without_scripts() -> Outcome {
        let shown = instant("2026-11-23T20:54:00.120Z").into_string();
        assert!(
            shown.contains("datetime=\"2026-11-23T20:54:00.12Z\"") && shown.contains(">2026-11-23 20:54:00 UTC<"),
            "{shown}"
        );
        assert_eq!(instant("soon").into_string(), "soon");
        Ok(())
    }
}

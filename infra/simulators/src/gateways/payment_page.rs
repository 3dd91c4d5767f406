//! The pages that simulators show to a browser: the payment page with its buttons, and their one look.

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Deserialize;

/// The button that a tester pressed on a payment page.
#[derive(Debug, Deserialize)]
pub(super) struct Chosen<O> {
    pub(super) outcome: O,
}

/// A button of a payment page. `value` is stable: browser tests press by it.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
}

/// A button of a payment page that orders a misbehaviour of one of the next calls.
pub(super) struct MisbehaviourButton {
    pub(super) call: &'static str,
    /// As an order writes it.
    pub(super) how: &'static str,
    pub(super) label: &'static str,
}

/// The page on which the customer would give a card number, and on which a tester chooses what becomes of the payment.
pub(super) struct PaymentPage<'a> {
    pub(super) gateway: &'a str,
    /// The page's own path, to come back to.
    pub(super) here: &'a str,
    /// Where a misbehaviour is ordered.
    pub(super) next_answer: &'a str,
    /// The last characters of the merchant's credential: all that the books know of it.
    pub(super) merchant: &'a str,
    /// With its currency.
    pub(super) amount: &'a str,
    pub(super) description: &'a str,
    pub(super) notice: Option<&'a str>,
    pub(super) choices: &'a [Choice],
    pub(super) misbehaviours: &'a [MisbehaviourButton],
}

impl PaymentPage<'_> {
    pub(super) fn respond(&self) -> Response {
        let content = html! {
            @if let Some(notice) = self.notice {
                p.notice role="alert" { (notice) }
            }
            dl {
                dt { "Merchant" }
                dd { "…" (self.merchant) }
                dt { "Amount" }
                dd.amount { (self.amount) }
                dt { "Description" }
                dd dir="auto" { (self.description) }
            }
            (buttons(self.here, self.choices))
            details {
                summary { "Make the gateway misbehave" }
                @for misbehaviour in self.misbehaviours {
                    form method="post" action=(self.next_answer) {
                        input type="hidden" name="call" value=(misbehaviour.call);
                        input type="hidden" name="how" value=(misbehaviour.how);
                        input type="hidden" name="return_to" value=(self.here);
                        button.quiet type="submit" { (misbehaviour.label) }
                    }
                }
            }
        };
        page(StatusCode::OK, &format!("{}: payment", self.gateway), &content)
    }
}

/// One form with a button for each choice; it needs no script.
pub(super) fn buttons(action: &str, choices: &[Choice]) -> Markup {
    html! {
        form method="post" action=(action) {
            @for choice in choices {
                button type="submit" name="outcome" value=(choice.value) { (choice.label) }
            }
        }
    }
}

/// The page after a customer paid and closed the browser: the way back is written, not followed.
pub(super) fn closed_browser(gateway: &str, return_link: &str) -> Response {
    let content = html! {
        p { "The payment went through and the customer closed the browser: nobody returns to the merchant." }
        p { "The browser would have gone to:" }
        p { code { (return_link) } }
    };
    page(StatusCode::OK, &format!("{gateway}: paid"), &content)
}

/// The one layout of all simulators' pages. They must not be kept by a browser, because their state changes.
pub(super) fn page(status: StatusCode, title: &str, content: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.simulator { "This is a simulator. No money moves." }
                    h1 { (title) }
                    (content)
                }
            }
        }
    };
    (status, [(CACHE_CONTROL, "no-store")], Html(document.into_string())).into_response()
}

const STYLE: &str = "
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { margin: 0; padding: 1rem }
main { max-width: 28rem; margin: 0 auto }
h1 { font-size: 1.25rem }
dt { opacity: .7; font-size: .875rem }
dd { margin: 0 0 .75rem; overflow-wrap: anywhere }
code { overflow-wrap: anywhere }
.amount { font-size: 1.5rem; font-weight: 600 }
.simulator {
  border: 2px dashed #7a5200; border-radius: .5rem; padding: .5rem .75rem; text-align: center; font-weight: 600;
  background: #ffe9b0; color: #4a3200;
}
.notice { border-left: .25rem solid #c0392b; padding-left: .75rem }
form { display: grid; gap: .5rem; margin: .5rem 0 }
button { font: inherit; padding: .75rem; border: 1px solid; border-radius: .5rem; cursor: pointer }
button.quiet { padding: .375rem .75rem; font-size: .875rem }
details { margin-top: 1.5rem }
";

/// Sends the browser somewhere else.
pub(super) fn redirect(status: StatusCode, to: &str) -> Response {
    (status, [(LOCATION, to.to_owned())]).into_response()
}

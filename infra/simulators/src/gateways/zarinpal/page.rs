//! The StartPay page: what people press, and how the browser goes back.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use super::host::Host;
use super::ledger::DeadEnd;
use super::session::{Payment, Session, SessionState};
use crate::gateways::payment_page::{Choice, Chosen, MisbehaviourButton, PaymentPage, closed_browser, page, redirect};

/// What a tester can make of a payment.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Paid,
    Failed,
    Cancelled,
    /// Paid, and the customer closed the browser.
    PaidNoReturn,
    /// Paid, and the browser came back with NOK all the same.
    PaidReportedNok,
}

const CHOICES: [Choice; 5] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the payment fail" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_reported_nok", label: "Pay, but come back as not paid" },
];

const MISBEHAVIOURS: [MisbehaviourButton; 4] = [
    MisbehaviourButton { call: "verify", how: "slow", label: "Answer the next verify slowly" },
    MisbehaviourButton { call: "verify", how: "502_html", label: "Answer the next verify with 502" },
    MisbehaviourButton { call: "verify", how: "drop_after", label: "Do the next verify, but lose its answer" },
    MisbehaviourButton { call: "inquiry", how: "502_html", label: "Answer the next inquiry with 502" },
];

impl IntoResponse for DeadEnd {
    fn into_response(self) -> Response {
        let (status, reason) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "There is no such payment."),
            Self::Finished => (StatusCode::GONE, "This payment was already finished."),
            Self::TimedOut => (StatusCode::GONE, "The time for this payment is over."),
        };
        page(status, "Zarinpal: error", &html! { p.notice role="alert" { (reason) } })
    }
}

pub(super) async fn start_pay(State(host): State<Host>, Path(authority): Path<String>) -> Response {
    let now = host.state.clock.now();
    let session = host.state.books.read(|ledger| ledger.payable(host.mode, &authority, now).cloned());
    let session = match session {
        Ok(session) => session,
        Err(dead_end) => return dead_end.into_response(),
    };
    let prefix = host.mode.prefix();
    PaymentPage {
        gateway: "Zarinpal",
        here: &format!("{prefix}/pg/StartPay/{authority}"),
        next_answer: &format!("{prefix}/simulator/next_answer"),
        merchant: &session.merchant.last4,
        amount: &session.display_amount(),
        description: &session.description,
        notice: None,
        choices: &CHOICES,
        misbehaviours: &MISBEHAVIOURS,
    }
    .respond()
}

pub(super) async fn choose(
    State(host): State<Host>,
    Path(authority): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    let now = host.state.clock.now();
    let finished = host.state.books.change(|ledger| -> Result<Session, DeadEnd> {
        let session = ledger.payable_mut(host.mode, &authority, now)?;
        match outcome {
            Outcome::Paid | Outcome::PaidNoReturn | Outcome::PaidReportedNok => {
                session.pay(Payment::new(&host.state.ids, now));
            }
            Outcome::Failed | Outcome::Cancelled => session.state = SessionState::Failed { failed_at: now },
        }
        Ok(session.clone())
    });
    match finished {
        Ok(session) => leave(outcome, &session, &authority),
        Err(dead_end) => dead_end.into_response(),
    }
}

/// The browser's way back to the merchant. It proves nothing: the merchant has to ask.
fn leave(outcome: Outcome, session: &Session, authority: &str) -> Response {
    match outcome {
        Outcome::Paid => redirect(StatusCode::FOUND, &session.return_url(authority, "OK")),
        Outcome::Failed | Outcome::Cancelled | Outcome::PaidReportedNok => {
            redirect(StatusCode::FOUND, &session.return_url(authority, "NOK"))
        }
        Outcome::PaidNoReturn => closed_browser("Zarinpal", &session.return_url(authority, "OK")),
    }
}

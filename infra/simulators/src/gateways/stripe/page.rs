//! What people press: the hosted payment page.
//!
//! A page, a button or an outcome is added here; a call of the API is not. Sessions change by the states that they
//! know, and endpoints get events through `state`.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use super::currencies::display;
use super::session::{Method, Payment, Session, SessionState};
use super::state::Stripe;
use super::webhooks::{Event, EventKind};
use crate::gateways::payment_page::{
    Choice, Chosen, MisbehaviourButton, PaymentPage, buttons, closed_browser, page, redirect,
};

/// What a tester can make of a payment.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Paid,
    /// The card was declined; the customer may try again.
    Failed,
    Cancelled,
    /// Paid, and the customer closed the browser.
    PaidNoReturn,
    /// Paid, and the webhook is lost.
    PaidNoWebhook,
    /// Paid, and neither the browser nor a webhook says so.
    PaidSilent,
    /// Paid, but less than was asked for, as with a promotion code that somebody allowed in the dashboard.
    PaidLess,
    /// A slow method: complete now, paid later or not at all.
    Processing,
}

const CHOICES: [Choice; 8] = [
    Choice { value: "paid", label: "Pay" },
    Choice { value: "failed", label: "Let the card be declined" },
    Choice { value: "cancelled", label: "Cancel and go back" },
    Choice { value: "paid_no_return", label: "Pay, then close the browser" },
    Choice { value: "paid_no_webhook", label: "Pay, but lose the webhook" },
    Choice { value: "paid_silent", label: "Pay, close the browser and lose the webhook" },
    Choice { value: "paid_less", label: "Pay with half the price off" },
    Choice { value: "processing", label: "Pay by a slow method (come back to this page to complete it)" },
];

const COMPLETION_CHOICES: [Choice; 2] = [
    Choice { value: "succeeded", label: "Let the money arrive" },
    Choice { value: "failed", label: "Let the payment fail" },
];

const REFUND_CHOICES: [Choice; 4] = [
    Choice { value: "succeeded", label: "Let the refund arrive" },
    Choice { value: "failed", label: "Let the refund fail" },
    Choice { value: "succeeded_no_webhook", label: "Let the refund arrive, but lose the webhook" },
    Choice { value: "failed_no_webhook", label: "Let the refund fail, but lose the webhook" },
];

const MISBEHAVIOURS: [MisbehaviourButton; 4] = [
    MisbehaviourButton { call: "retrieve", how: "slow", label: "Answer the next retrieve slowly" },
    MisbehaviourButton { call: "retrieve", how: "502_html", label: "Answer the next retrieve with 502" },
    MisbehaviourButton { call: "expire", how: "502_html", label: "Answer the next expire with 502" },
    MisbehaviourButton { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

/// Why a button of a page cannot be pressed.
pub(super) enum Unusable {
    Unknown,
    /// The session as it is.
    Otherwise(Box<Session>),
}

impl Outcome {
    fn method(self) -> Method {
        match self {
            Self::Processing => Method::SepaDebit,
            Self::Paid
            | Self::Failed
            | Self::Cancelled
            | Self::PaidNoReturn
            | Self::PaidNoWebhook
            | Self::PaidSilent
            | Self::PaidLess => Method::Card,
        }
    }

    /// What becomes of the session, where anything does.
    fn state(self, payment: Payment) -> Option<SessionState> {
        match self {
            Self::Paid | Self::PaidNoReturn | Self::PaidNoWebhook | Self::PaidSilent | Self::PaidLess => {
                Some(SessionState::Paid { payment, refunds: Vec::new() })
            }
            Self::Processing => Some(SessionState::Processing { payment }),
            Self::Failed | Self::Cancelled => None,
        }
    }

    fn is_notified(self) -> bool {
        match self {
            Self::Paid | Self::PaidNoReturn | Self::PaidLess | Self::Processing => true,
            Self::PaidNoWebhook | Self::PaidSilent | Self::Failed | Self::Cancelled => false,
        }
    }

    fn answer(self, session: &Session) -> Response {
        match self {
            Self::Paid | Self::PaidNoWebhook | Self::PaidLess | Self::Processing => {
                redirect(StatusCode::SEE_OTHER, &session.success_url())
            }
            Self::PaidNoReturn | Self::PaidSilent => closed_browser("Stripe", &session.success_url()),
            Self::Failed => session.page(Some("Your card was declined. You can try again.")),
            Self::Cancelled => match &session.order.cancel_url {
                Some(cancel_url) => redirect(StatusCode::SEE_OTHER, cancel_url),
                None => session.page(Some("The merchant gave no way back.")),
            },
        }
    }
}

impl Session {
    pub(super) fn page(&self, notice: Option<&str>) -> Response {
        match self.state {
            SessionState::Open => self.payment_page(notice),
            SessionState::Processing { .. } => {
                let content = html! {
                    p { "The payment is under way." }
                    (buttons(&format!("/stripe/simulator/{}/complete_async", self.id), &COMPLETION_CHOICES))
                };
                page(StatusCode::OK, "Stripe: processing", &content)
            }
            SessionState::Paid { .. } if self.refund_pending() > 0 => {
                let content = html! {
                    p { "The payment is on its way back." }
                    (buttons(&format!("/stripe/simulator/{}/complete_refund", self.id), &REFUND_CHOICES))
                };
                page(StatusCode::OK, "Stripe: refund", &content)
            }
            SessionState::Paid { .. } => dead_end(StatusCode::OK, "This payment is complete."),
            SessionState::AsyncFailed { .. } => dead_end(StatusCode::OK, "This payment failed."),
            SessionState::Expired { .. } => dead_end(StatusCode::GONE, "This payment page is no longer open."),
        }
    }

    fn payment_page(&self, notice: Option<&str>) -> Response {
        let names: Vec<_> = self.order.lines.iter().map(|line| line.name.as_str()).collect();
        PaymentPage {
            gateway: "Stripe",
            here: &self.page_path(),
            next_answer: "/stripe/simulator/next_answer",
            merchant: &self.owner.last4,
            amount: &display(self.order.amount_total, &self.order.currency),
            description: &names.join(", "),
            notice,
            choices: &CHOICES,
            misbehaviours: &MISBEHAVIOURS,
        }
        .respond()
    }
}

impl IntoResponse for Unusable {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => dead_end(StatusCode::NOT_FOUND, "There is no such payment page."),
            Self::Otherwise(session) => session.page(None),
        }
    }
}

fn dead_end(status: StatusCode, reason: &str) -> Response {
    page(status, "Stripe", &html! { p.notice role="alert" { (reason) } })
}

pub(super) async fn hosted_page(State(stripe): State<Stripe>, Path(id): Path<String>) -> Response {
    stripe.expire_overdue(stripe.inner.clock.now());
    match stripe.inner.books.read(|ledger| ledger.sessions.get(&id).cloned()) {
        Some(session) => session.page(None),
        None => Unusable::Unknown.into_response(),
    }
}

pub(super) async fn choose(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<Outcome>>,
) -> Response {
    let now = stripe.inner.clock.now();
    stripe.expire_overdue(now);
    let chosen = stripe.inner.books.change(|ledger| -> Result<(Session, Vec<Event>), Unusable> {
        let session = ledger.sessions.get_mut(&id).ok_or(Unusable::Unknown)?;
        if !matches!(session.state, SessionState::Open) {
            return Err(Unusable::Otherwise(Box::new(session.clone())));
        }
        if let Some(state) = outcome.state(Payment::new(&stripe.inner.ids, outcome.method(), now)) {
            session.state = state;
        }
        if outcome == Outcome::PaidLess {
            session.order.amount_total /= 2;
        }
        let event = outcome.is_notified().then(|| stripe.event(EventKind::Completed, session, now, None));
        Ok((session.clone(), event.into_iter().collect()))
    });
    match chosen {
        Ok((session, events)) => {
            stripe.notify(events);
            outcome.answer(&session)
        }
        Err(unusable) => unusable.into_response(),
    }
}

//! What people and tests press: the hosted payment page, and the tester's hand, which real Stripe does not have.
//!
//! A page, a button, an outcome or a call of the tester is added here; a call of the API is not. Sessions change by the
//! states that the books know, and what has to be told goes through `webhooks`.

use axum::Json;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use maud::html;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::super::Simulator;
use super::super::{Choice, Chosen, Mischief, PaymentPage, buttons, closed_browser, page, redirect};
use super::ledger::{Payment, Session, SessionState, display};
use super::webhooks::{Event, EventKind};
use super::{CALLS, Stripe, is_api_key};

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

const MISCHIEF: [Mischief; 4] = [
    Mischief { call: "retrieve", how: "slow", label: "Answer the next retrieve slowly" },
    Mischief { call: "retrieve", how: "502_html", label: "Answer the next retrieve with 502" },
    Mischief { call: "expire", how: "502_html", label: "Answer the next expire with 502" },
    Mischief { call: "refund", how: "drop_after", label: "Do the next refund, but lose its answer" },
];

/// Why a button of a page cannot be pressed.
enum Unusable {
    Unknown,
    /// The session as it is.
    Otherwise(Box<Session>),
}

impl Outcome {
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
    pub(super) fn page_path(&self) -> String {
        format!("/stripe/c/pay/{}", self.id)
    }

    fn page(&self, notice: Option<&str>) -> Response {
        match self.state {
            SessionState::Open => self.payment_page(notice),
            SessionState::Processing { .. } => {
                let content = html! {
                    p { "The payment is under way." }
                    (buttons(&format!("/stripe/simulator/{}/complete_async", self.id), &COMPLETION_CHOICES))
                };
                page(StatusCode::OK, "Stripe: processing", &content)
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
            mischief: &MISCHIEF,
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
        if let Some(state) = outcome.state(Payment::new(&stripe.inner.ids, now)) {
            session.state = state;
        }
        if outcome == Outcome::PaidLess {
            session.order.amount_total /= 2;
        }
        let told = outcome.is_notified().then(|| stripe.event(EventKind::Completed, session, now, None));
        Ok((session.clone(), told.into_iter().collect()))
    });
    match chosen {
        Ok((session, events)) => {
            stripe.notify(events);
            outcome.answer(&session)
        }
        Err(unusable) => unusable.into_response(),
    }
}

// The tester's hand.

/// How a slow payment ends.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TransitionWritten {
    Succeeded,
    Failed,
}

pub(super) async fn complete_async(
    State(stripe): State<Stripe>,
    Path(id): Path<String>,
    Form(Chosen { outcome }): Form<Chosen<TransitionWritten>>,
) -> Response {
    let now = stripe.inner.clock.now();
    let confirmed = stripe.inner.books.change(|ledger| -> Result<(Session, Event), Unusable> {
        let session = ledger.sessions.get_mut(&id).ok_or(Unusable::Unknown)?;
        let SessionState::Processing { payment } = &session.state else {
            return Err(Unusable::Otherwise(Box::new(session.clone())));
        };
        let payment = payment.clone();
        let (state, kind) = match outcome {
            TransitionWritten::Succeeded => {
                (SessionState::Paid { payment, refunds: Vec::new() }, EventKind::AsyncSucceeded)
            }
            TransitionWritten::Failed => (SessionState::AsyncFailed { payment }, EventKind::AsyncFailed),
        };
        session.state = state;
        Ok((session.clone(), stripe.event(kind, session, now, None)))
    });
    match confirmed {
        Ok((session, event)) => {
            stripe.notify(vec![event]);
            session.page(None)
        }
        Err(Unusable::Otherwise(session)) => (StatusCode::CONFLICT, session.page(None)).into_response(),
        Err(Unusable::Unknown) => Unusable::Unknown.into_response(),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct NewEndpoint {
    api_key: String,
    url: String,
    secret: String,
}

pub(super) async fn add_webhook_endpoint(State(stripe): State<Stripe>, Json(new): Json<NewEndpoint>) -> Response {
    if !is_api_key(&new.api_key) || Url::parse(&new.url).is_err() || !new.secret.starts_with("whsec_") {
        let expected = json!({ "api_key": "sk_test_…", "url": "http://…", "secret": "whsec_…" });
        return (StatusCode::BAD_REQUEST, Json(json!({ "expected": expected }))).into_response();
    }
    stripe.register_webhook(&new.api_key, &new.url, &new.secret);
    Json(json!({ "url": new.url })).into_response()
}

pub(super) async fn next_answer(State(stripe): State<Stripe>, headers: HeaderMap, body: Bytes) -> Response {
    stripe.inner.misbehaviour.plan(&CALLS, &headers, &body)
}

/// Every session, oldest first.
pub(super) async fn books(State(stripe): State<Stripe>) -> Json<Vec<Value>> {
    stripe.expire_overdue(stripe.inner.clock.now());
    Json(stripe.inner.books.read(|ledger| {
        let mut sessions: Vec<_> = ledger.sessions.values().collect();
        sessions.sort_by_key(|session| session.created_at);
        sessions.into_iter().map(|session| session.in_books(&ledger.deliveries)).collect()
    }))
}

//! What the simulators share whose sessions are one sale each: the sale and what may become of it, the page on which a
//! tester chooses, the test controls, and calls to the merchant's server.
//!
//! No rule of a gateway is here. What a call may carry, how it is answered and when a sale ends is the business of the
//! gateway's own module.

mod controls;
mod ledger;
mod outcome;
mod refunds;
mod sale;

use std::convert::Infallible;
use std::fmt;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::controls::Controls;
pub(super) use self::controls::{ChangedDispute, DecidedRefund, DisputeKind};
use self::ledger::Ledger;
pub(super) use self::outcome::{DeadEnd, Outcome, PageContent};
pub(super) use self::refunds::{RefundState, SaleRefund};
pub(super) use self::sale::{Decline, Payment, Sale, SaleState};
use super::credential::Credential;
use super::endpoints::Endpoint;
use super::ids::Ids;
use super::payment_page::PaymentPage;
use super::replays::{IdempotentCall, Replayed};
use super::simulator::Opening;
use super::state_file::Books;
use super::webhook::{Notify, OutgoingWebhook, PAUSES};
use crate::misbehaviour::Misbehaviour;

/// Everything that one such simulator has.
pub(super) struct HostedCheckout {
    /// Where its pages are reached, without a slash at the end.
    pub(super) base: String,
    pub(super) ids: Ids,
    pub(super) books: Books<Ledger>,
    pub(super) misbehaviour: Misbehaviour,
    pub(super) clock: runtime::Clock,
    notify: Notify,
    controls: Controls,
    /// What time alone makes of a sale.
    age: fn(&mut Sale, Timestamp),
}

impl fmt::Debug for HostedCheckout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HostedCheckout")
            .field("base", &self.base)
            .field("books", &self.books)
            .finish_non_exhaustive()
    }
}

impl HostedCheckout {
    pub(super) fn open(opening: &Opening<'_>, file: &str, age: fn(&mut Sale, Timestamp)) -> std::io::Result<Self> {
        Ok(Self {
            base: opening.base.trim_end_matches('/').to_owned(),
            ids: Ids::seeded()?,
            books: Books::open(opening.books, file)?,
            misbehaviour: Misbehaviour::default(),
            clock: opening.clock,
            notify: opening.notify.clone(),
            controls: Controls::default(),
            age,
        })
    }

    /// Lets time do to every sale what it does, and says what time it is. Everything that looks at a sale does this
    /// first.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        let Ok(()) = self.books.change(|ledger| -> Result<(), Infallible> {
            ledger.sales.values_mut().for_each(|sale| (self.age)(sale, now));
            Ok(())
        });
        now
    }

    pub(super) fn sale(&self, id: &str) -> Option<Sale> {
        self.now();
        self.books.read(|ledger| ledger.sales.get(id).cloned())
    }

    pub(super) fn add(&self, id: &str, sale: Sale) {
        let Ok(()) = self.books.change(|ledger| -> Result<(), Infallible> {
            ledger.sales.insert(id.to_owned(), sale);
            Ok(())
        });
    }

    /// The page of a sale that can be paid.
    pub(super) fn page(
        &self,
        gateway: &str,
        id: &str,
        here: &str,
        next_answer: &str,
        content: PageContent<'_>,
    ) -> Response {
        let Some(sale) = self.sale(id) else { return DeadEnd::Unknown.page(gateway) };
        if sale.state != SaleState::Open {
            return DeadEnd::Finished.page(gateway);
        }
        PaymentPage {
            gateway,
            here,
            next_answer,
            merchant: &sale.owner.last4,
            amount: content.amount,
            description: &sale.description,
            notice: content.notice,
            choices: content.choices,
            misbehaviours: content.misbehaviours,
        }
        .respond()
    }

    /// A tester's choice, where the sale can still be paid. `paid` is the state of a paid sale, and `ends_on_failure`
    /// whether a payment that fails ends it.
    pub(super) fn press(
        &self,
        id: &str,
        outcome: Outcome,
        paid: SaleState,
        payment_id: String,
        ends_on_failure: bool,
    ) -> Result<Sale, DeadEnd> {
        let now = self.now();
        self.books.change(|ledger| {
            let sale = ledger.sales.get_mut(id).ok_or(DeadEnd::Unknown)?;
            if sale.state != SaleState::Open {
                return Err(DeadEnd::Finished);
            }
            let amount = if outcome == Outcome::PaidLess { sale.amount / 2 } else { sale.amount };
            sale.declined = outcome.decline();
            match outcome {
                Outcome::NoFunds | Outcome::WrongPassword | Outcome::OverLimit => sale.state = SaleState::Failed,
                Outcome::Failed if ends_on_failure => sale.state = SaleState::Failed,
                Outcome::Failed => sale.failures.push(payment_id),
                Outcome::Cancelled if ends_on_failure => sale.state = SaleState::Cancelled,
                Outcome::Cancelled => {}
                Outcome::Cancelable => sale.can_be_cancelled = true,
                Outcome::Processing | Outcome::LeftAtBank => {
                    sale.state = SaleState::Processing;
                    sale.payment = Some(Payment { id: payment_id, amount, at: now, confirmed_at: None });
                }
                Outcome::Paid
                | Outcome::PaidNoReturn
                | Outcome::PaidNoWebhook
                | Outcome::PaidSilent
                | Outcome::PaidLess
                | Outcome::PaidReportedNok => {
                    sale.state = paid;
                    sale.payment = Some(Payment { id: payment_id, amount, at: now, confirmed_at: None });
                }
            }
            Ok(sale.clone())
        })
    }

    /// A test control: the gateway gives a payment back that nobody confirmed.
    pub(super) fn return_money(&self, id: &str) -> Response {
        self.now();
        let returned = self.books.change(|ledger| match ledger.sales.get_mut(id) {
            None => Err(StatusCode::NOT_FOUND),
            Some(sale) if sale.state != SaleState::Waiting => Err(StatusCode::CONFLICT),
            Some(sale) => {
                sale.refund();
                Ok(())
            }
        });
        match returned {
            Ok(()) => Json(json!({ "status": "returned" })).into_response(),
            Err(status) => status.into_response(),
        }
    }

    /// A test control: money that is on its way arrives, or does not.
    pub(super) fn complete_async(&self, id: &str, arrives: bool) -> Result<Sale, StatusCode> {
        self.now();
        self.books.change(|ledger| match ledger.sales.get_mut(id) {
            None => Err(StatusCode::NOT_FOUND),
            Some(sale) if sale.state != SaleState::Processing => Err(StatusCode::CONFLICT),
            Some(sale) => {
                sale.state = if arrives { SaleState::Ours } else { SaleState::Failed };
                Ok(sale.clone())
            }
        })
    }

    /// Every sale, the oldest first.
    pub(super) fn in_books(&self) -> Json<Vec<Value>> {
        self.now();
        Json(self.books.read(|ledger| {
            let mut sales: Vec<_> = ledger.sales.iter().collect();
            sales.sort_by_key(|(_, sale)| sale.created_at);
            sales.into_iter().map(|(id, sale)| sale.in_books(id)).collect()
        }))
    }

    /// What the idempotency key of `call` stands for.
    pub(super) fn replay(&self, call: &IdempotentCall<'_>, now: Timestamp, kept_for: SignedDuration) -> Replayed {
        self.books.read(|ledger| ledger.replays.find(call, now, kept_for))
    }

    /// Keeps the answer to `call` for those who repeat it.
    pub(super) fn remember(
        &self,
        call: &IdempotentCall<'_>,
        answer: (StatusCode, Value),
        now: Timestamp,
        kept_for: SignedDuration,
    ) {
        let Ok(()) = self.books.change(|ledger| -> Result<(), Infallible> {
            ledger.replays.keep(call, answer, now, kept_for);
            Ok(())
        });
    }

    /// See [`Simulator::register_webhook`](super::Simulator::register_webhook).
    pub(super) fn add_endpoint(&self, key: &str, url: &str, secret: &str) {
        let Ok(()) = self.books.change(|ledger| -> Result<(), Infallible> {
            ledger.endpoints.add(key, url, secret);
            Ok(())
        });
    }

    pub(super) fn endpoints_of(&self, owner: &Credential) -> Vec<Endpoint> {
        self.books.read(|ledger| ledger.endpoints.of(owner))
    }

    /// Calls the merchant's server in the background, until it answers 2xx or the tries are used up.
    pub(super) fn call(&self, webhook: OutgoingWebhook) {
        let notify = self.notify.clone();
        tokio::spawn(async move {
            for pause in PAUSES {
                tokio::time::sleep(pause).await;
                if matches!(notify(webhook.clone()).await, Ok(200..=299)) {
                    return;
                }
            }
            tracing::warn!("A call of a simulator to the merchant was given up.");
        });
    }
}

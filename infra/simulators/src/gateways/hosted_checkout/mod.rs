//! What the simulators share whose sessions are one sale each: the sale and what may become of it, the page on which a
//! tester chooses, the tester's hand, and calls to the merchant's server.
//!
//! No rule of a gateway is here. What a call may carry, how it is answered and when a sale ends is the business of the
//! gateway's own module.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use maud::html;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Books, Choice, Credential, Ids, Misbehaviour, Mischief, Notify, Opening, OutgoingWebhook, PaymentPage, page,
};

/// Waited before each try of a call to the merchant. The first pause lets the answer that caused it reach its reader first.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// Everything that one such simulator has.
pub(super) struct HostedCheckout {
    /// Where its pages are reached, without a slash at the end.
    pub(super) base: String,
    pub(super) ids: Ids,
    pub(super) books: Books<Ledger>,
    pub(super) misbehaviour: Misbehaviour,
    pub(super) clock: runtime::Clock,
    notify: Notify,
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

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    pub(super) sales: BTreeMap<String, Sale>,
    /// Answers by the key's owner and the idempotency key.
    replays: BTreeMap<String, Replay>,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sale {
    pub(super) owner: Credential,
    pub(super) is_live: bool,
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) description: String,
    /// The merchant's own id of it.
    pub(super) order: String,
    /// Where the browser goes back to.
    pub(super) back: String,
    /// Where the merchant wants to be told of this sale.
    pub(super) notify: Option<String>,
    /// What the merchant wants to have beside it.
    pub(super) metadata: Value,
    pub(super) created_at: Timestamp,
    pub(super) ends_at: Timestamp,
    pub(super) state: SaleState,
    pub(super) payment: Option<Payment>,
    /// Payments that the customer tried in vain.
    pub(super) failures: Vec<String>,
    pub(super) refunded: u64,
    /// Whether the customer chose a method that the merchant can cancel.
    #[serde(default)]
    pub(super) can_be_cancelled: bool,
}

/// What became of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SaleState {
    Open,
    /// Paid, and the merchant has not confirmed it.
    Waiting,
    /// The merchant's money.
    Ours,
    /// The customer is done and the money is on its way.
    Processing,
    Failed,
    Cancelled,
    Expired,
    /// The customer has the money back.
    Returned,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) amount: u64,
    pub(super) at: Timestamp,
    /// When a call of the merchant took the money, where the gateway waits for one.
    #[serde(default)]
    pub(super) confirmed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Replay {
    fingerprint: String,
    status: u16,
    body: Value,
    at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    pub(super) owner: Credential,
    pub(super) url: String,
    pub(super) secret: String,
}

/// What an idempotency key stands for already.
pub(super) enum Replayed {
    Nothing,
    Answer(StatusCode, Value),
    /// It stood for another request.
    Other,
}

impl SaleState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Ours => "ours",
            Self::Processing => "processing",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Returned => "returned",
        }
    }
}

/// What a tester can make of a payment. Each gateway offers some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Paid,
    Failed,
    Cancelled,
    /// Paid, and the customer closed the browser.
    PaidNoReturn,
    /// Paid, and the call to the merchant's server is lost.
    PaidNoWebhook,
    /// Paid, and neither the browser nor a call says so.
    PaidSilent,
    /// Paid, but less than was asked for.
    PaidLess,
    /// Paid, and the browser came back as if it was not.
    PaidReportedNok,
    /// A slow method: the money arrives later or not at all.
    Processing,
    /// Nothing yet, but a method that the merchant can cancel.
    Cancelable,
}

impl Outcome {
    pub(super) fn is_paid(self) -> bool {
        match self {
            Self::Paid
            | Self::PaidNoReturn
            | Self::PaidNoWebhook
            | Self::PaidSilent
            | Self::PaidLess
            | Self::PaidReportedNok => true,
            Self::Failed | Self::Cancelled | Self::Processing | Self::Cancelable => false,
        }
    }

    /// Whether the merchant's server hears of it at once.
    pub(super) fn is_told(self) -> bool {
        !matches!(self, Self::PaidNoWebhook | Self::PaidSilent)
    }

    /// Whether the browser goes back to the merchant.
    pub(super) fn comes_back(self) -> bool {
        !matches!(self, Self::PaidNoReturn | Self::PaidSilent)
    }
}

/// Why a payment page cannot be used.
#[derive(Debug, Clone, Copy)]
pub(super) enum DeadEnd {
    Unknown,
    Finished,
}

impl DeadEnd {
    pub(super) fn page(self, gateway: &str) -> Response {
        let (status, reason) = match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "There is no such payment."),
            Self::Finished => (StatusCode::GONE, "This payment is finished, or its time is over."),
        };
        page(status, &format!("{gateway}: error"), &html! { p.notice role="alert" { (reason) } })
    }
}

impl Sale {
    /// Ends a sale that nobody paid in time.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if self.state == SaleState::Open && now >= self.ends_at {
            self.state = SaleState::Expired;
        }
    }

    /// Whether the customer's money is at the gateway.
    fn is_taken(&self) -> bool {
        matches!(self.state, SaleState::Waiting | SaleState::Ours)
            && self.payment.as_ref().is_some_and(|payment| self.refunded < payment.amount)
    }

    /// A call of the merchant takes the money.
    pub(super) fn confirm(&mut self, now: Timestamp) {
        self.state = SaleState::Ours;
        if let Some(payment) = &mut self.payment {
            payment.confirmed_at = Some(now);
        }
    }

    /// Gives the whole payment back.
    pub(super) fn refund(&mut self) {
        self.refunded = self.payment.as_ref().map_or(0, |payment| payment.amount);
        self.state = SaleState::Returned;
    }

    /// As the simulator's own books show it.
    fn in_books(&self, id: &str) -> Value {
        let paid = self.payment.as_ref();
        json!({
            "id": id,
            "merchant": self.owner.last4,
            "amount": paid.map_or(self.amount, |payment| payment.amount),
            "currency": self.currency,
            "status": self.state.name(),
            "payment": paid.map(|payment| &payment.id),
            "taken": self.is_taken(),
            "ours": self.state == SaleState::Ours && self.is_taken(),
            "refunded": self.refunded,
            "description": self.description,
            "order": self.order,
            "back": self.back,
            "metadata": self.metadata,
            "created_at": self.created_at,
            "ends_at": self.ends_at,
            "paid_at": paid.map(|payment| payment.at),
            "confirmed_at": paid.and_then(|payment| payment.confirmed_at),
        })
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
            age,
        })
    }

    /// Lets time do to every sale what it does, and says what time it is. Everything that looks at a sale does this first.
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
    pub(super) fn page(&self, gateway: &str, id: &str, here: &str, next_answer: &str, look: Look<'_>) -> Response {
        let Some(sale) = self.sale(id) else { return DeadEnd::Unknown.page(gateway) };
        if sale.state != SaleState::Open {
            return DeadEnd::Finished.page(gateway);
        }
        PaymentPage {
            gateway,
            here,
            next_answer,
            merchant: &sale.owner.last4,
            amount: look.amount,
            description: &sale.description,
            notice: look.notice,
            choices: look.choices,
            mischief: look.mischief,
        }
        .respond()
    }

    /// A tester's choice, where the sale can still be paid. `paid` is the state of a paid sale, and `ends_on_failure` whether a payment that fails ends it.
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
            match outcome {
                Outcome::Failed if ends_on_failure => sale.state = SaleState::Failed,
                Outcome::Failed => sale.failures.push(payment_id),
                Outcome::Cancelled if ends_on_failure => sale.state = SaleState::Cancelled,
                Outcome::Cancelled => {}
                Outcome::Cancelable => sale.can_be_cancelled = true,
                Outcome::Processing => {
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

    /// The tester's hand: the gateway gives a payment back that nobody confirmed.
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

    /// The tester's hand: money that is on its way arrives, or does not.
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

    /// What an idempotency key of an owner stands for, unless that was too long ago.
    pub(super) fn replay(
        &self,
        owner: &Credential,
        key: &str,
        fingerprint: &str,
        now: Timestamp,
        kept_for: SignedDuration,
    ) -> Replayed {
        let name = format!("{}:{key}", owner.fingerprint);
        self.books.read(|ledger| match ledger.replays.get(&name) {
            Some(replay) if now.duration_since(replay.at) >= kept_for => Replayed::Nothing,
            Some(replay) if replay.fingerprint == fingerprint => Replayed::Answer(
                StatusCode::from_u16(replay.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                replay.body.clone(),
            ),
            Some(_) => Replayed::Other,
            None => Replayed::Nothing,
        })
    }

    pub(super) fn remember(
        &self,
        owner: &Credential,
        key: &str,
        fingerprint: String,
        status: StatusCode,
        body: &Value,
        now: Timestamp,
    ) {
        let replay = Replay { fingerprint, status: status.as_u16(), body: body.clone(), at: now };
        let name = format!("{}:{key}", owner.fingerprint);
        let Ok(()) = self.books.change(|ledger| -> Result<(), Infallible> {
            ledger.replays.insert(name, replay);
            Ok(())
        });
    }

    /// Tells `url` of every event of an owner, signed with `secret`. Doing it again changes the secret and nothing else.
    pub(super) fn add_endpoint(&self, key: &str, url: &str, secret: &str) {
        let endpoint = Endpoint { owner: Credential::of(key), url: url.to_owned(), secret: secret.to_owned() };
        let Ok(()) = self.books.change(|ledger| -> Result<(), Infallible> {
            ledger.endpoints.retain(|known| known.owner != endpoint.owner || known.url != endpoint.url);
            ledger.endpoints.push(endpoint);
            Ok(())
        });
    }

    pub(super) fn endpoints_of(&self, owner: &Credential) -> Vec<Endpoint> {
        self.books.read(|ledger| ledger.endpoints.iter().filter(|known| known.owner == *owner).cloned().collect())
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

/// How a payment page looks.
pub(super) struct Look<'a> {
    /// With its currency.
    pub(super) amount: &'a str,
    pub(super) notice: Option<&'a str>,
    pub(super) choices: &'a [Choice],
    pub(super) mischief: &'a [Mischief],
}

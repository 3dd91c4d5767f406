//! The simulator's state, and what happens by itself: sessions that end at their time, webhooks that are delivered.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use runtime::Clock;

use super::caller::Call;
use super::ledger::Ledger;
use super::session::{Session, SessionState};
use super::webhooks::{Delivery, Event, EventKind};
use crate::gateways::endpoints::Endpoint;
use crate::gateways::ids::Ids;
use crate::gateways::simulator::Opening;
use crate::gateways::state_file::Books;
use crate::gateways::webhook::{Notify, PAUSES};
use crate::misbehaviour::Misbehaviour;

/// The Stripe simulator. A clone is cheap and shares its state with the original.
#[derive(Debug, Clone)]
pub(super) struct Stripe {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// Where the hosted page is reached, without a slash at the end.
    pub(super) base: String,
    pub(super) ids: Ids,
    pub(super) books: Books<Ledger>,
    pub(super) misbehaviour: Misbehaviour,
    notify: Notify,
    pub(super) clock: Clock,
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inner").field("base", &self.base).field("books", &self.books).finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn open(opening: &Opening<'_>) -> io::Result<Self> {
        Ok(Self {
            base: opening.base.trim_end_matches('/').to_owned(),
            ids: Ids::seeded()?,
            books: Books::open(opening.books, "stripe.json")?,
            misbehaviour: Misbehaviour::default(),
            notify: opening.notify.clone(),
            clock: opening.clock,
        })
    }
}

impl Stripe {
    /// See [`Endpoints::add`](crate::gateways::endpoints::Endpoints::add).
    pub(super) fn add_endpoint(&self, key: &str, url: &str, secret: &str) {
        let Ok(()) = self.inner.books.change(|ledger| -> Result<(), Infallible> {
            ledger.endpoints.add(key, url, secret);
            Ok(())
        });
    }

    /// Ends every session whose time is over. Everything that looks at a session does this first.
    pub(super) fn expire_overdue(&self, now: Timestamp) {
        if !self.inner.books.read(|ledger| ledger.sessions.values().any(|session| session.is_overdue(now))) {
            return;
        }
        let Ok(events) = self.inner.books.change(|ledger| -> Result<Vec<Event>, Infallible> {
            let overdue = ledger.sessions.values_mut().filter(|session| session.is_overdue(now));
            Ok(overdue
                .map(|session| {
                    session.state = SessionState::Expired { expired_at: session.order.expires_at };
                    self.event(EventKind::Expired, session, now, None)
                })
                .collect())
        });
        self.notify(events);
    }

    /// Makes a session end at its time even when nobody looks at it.
    pub(super) fn expire_later(&self, expires_at: Timestamp, now: Timestamp) {
        let stripe = self.clone();
        let wait = expires_at.duration_since(now).unsigned_abs();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            stripe.expire_overdue(stripe.inner.clock.now());
        });
    }

    /// `cause` is the call that made it happen; a customer or the clock makes no call.
    pub(super) fn event(&self, kind: EventKind, session: &Session, now: Timestamp, cause: Option<&Call>) -> Event {
        let id = format!("evt_{}", self.inner.ids.text(24));
        Event::new(id, kind, session, &self.inner.base, now, cause)
    }

    /// Sends the events in the background; the caller holds no lock and goes on to answer.
    pub(super) fn notify(&self, events: Vec<Event>) {
        for event in events {
            for endpoint in self.inner.books.read(|ledger| ledger.endpoints.of(&event.owner)) {
                tokio::spawn(self.clone().deliver(endpoint, event.clone()));
            }
        }
    }

    /// Tries until the endpoint answers 2xx or the tries are used up. A restart ends it.
    async fn deliver(self, endpoint: Endpoint, event: Event) {
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            let at = self.inner.clock.now();
            let answer = match event.webhook(&endpoint, at) {
                Ok(webhook) => (self.inner.notify)(webhook).await,
                Err(error) => Err(error.to_string()),
            };
            let delivered = matches!(answer, Ok(200..=299));
            let answer = answer.map_or_else(|reason| reason, |status| status.to_string());
            self.note_try(&endpoint, &event, at, answer, delivered);
            if delivered {
                return;
            }
        }
        tracing::warn!(event = %event.id, "A webhook of the Stripe simulator was given up.");
    }

    fn note_try(&self, endpoint: &Endpoint, event: &Event, at: Timestamp, answer: String, delivered: bool) {
        let Ok(()) = self.inner.books.change(|ledger| -> Result<(), Infallible> {
            match ledger.deliveries.iter_mut().find(|known| known.is_of(event, endpoint)) {
                Some(delivery) => delivery.note(at, answer, delivered),
                None => {
                    let mut delivery = Delivery::new(event, endpoint);
                    delivery.note(at, answer, delivered);
                    ledger.deliveries.push(delivery);
                }
            }
            Ok(())
        });
    }
}

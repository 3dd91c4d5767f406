//! The two hosts of the gateway, and the state that they share.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use runtime::Clock;

use super::ledger::Ledger;
use super::mode::Mode;
use super::refusal::Ordered;
use super::session::PanelRefundStatus;
use crate::gateways::credential::Credential;
use crate::gateways::ids::Ids;
use crate::gateways::registration::Registration;
use crate::gateways::simulator::Opening;
use crate::gateways::state_file::Books;
use crate::misbehaviour::Misbehaviour;

/// Everything that this simulator has.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) ids: Ids,
    pub(super) books: Books<Ledger>,
    pub(super) misbehaviour: Misbehaviour,
    pub(super) registration: Registration,
    pub(super) clock: Clock,
    controls: Mutex<Controls>,
}

/// What a tester ordered. It is forgotten at a restart.
#[derive(Debug)]
pub(super) struct Controls {
    /// Whether the address that calls come from is registered for reversing.
    pub(super) is_address_registered: bool,
    /// What the next refund of the panel is right after it was accepted.
    pub(super) next_refund: Option<PanelRefundStatus>,
    /// Merchant ids and access tokens that are taken no more.
    pub(super) revoked: Vec<Credential>,
    /// For how long the inquiry does not show that the merchant reversed a payment.
    pub(super) inquiry_lag: SignedDuration,
    /// Calls that are answered by a code once, nothing being done.
    pub(super) codes: Vec<Ordered>,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            is_address_registered: true,
            next_refund: None,
            revoked: Vec::new(),
            inquiry_lag: SignedDuration::ZERO,
            codes: Vec::new(),
        }
    }
}

impl Shared {
    pub(super) fn open(opening: &Opening<'_>) -> io::Result<Self> {
        Ok(Self {
            ids: Ids::seeded()?,
            books: Books::open(opening.books, "zarinpal.json")?,
            misbehaviour: Misbehaviour::default(),
            registration: Registration::default(),
            clock: opening.clock,
            controls: Mutex::default(),
        })
    }

    pub(super) fn controls(&self) -> MutexGuard<'_, Controls> {
        self.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time do to every session what it does.
    pub(super) fn age(&self) {
        let now = self.clock.now();
        let Ok(()) = self.books.change(|ledger| -> Result<(), std::convert::Infallible> {
            ledger.sessions.values_mut().for_each(|session| session.age(now));
            Ok(())
        });
    }
}

/// One of the two hosts of the gateway, as the handlers see it.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) mode: Mode,
    pub(super) state: Arc<Shared>,
}

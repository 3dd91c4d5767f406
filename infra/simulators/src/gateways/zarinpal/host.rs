//! The two hosts of the gateway, and the state that they share.

use std::io;
use std::sync::Arc;

use runtime::Clock;

use super::ledger::Ledger;
use super::mode::Mode;
use crate::gateways::ids::Ids;
use crate::gateways::simulator::Opening;
use crate::gateways::state_file::Books;
use crate::misbehaviour::Misbehaviour;

/// Everything that this simulator has.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) ids: Ids,
    pub(super) books: Books<Ledger>,
    pub(super) misbehaviour: Misbehaviour,
    pub(super) clock: Clock,
}

impl Shared {
    pub(super) fn open(opening: &Opening<'_>) -> io::Result<Self> {
        Ok(Self {
            ids: Ids::seeded()?,
            books: Books::open(opening.books, "zarinpal.json")?,
            misbehaviour: Misbehaviour::default(),
            clock: opening.clock,
        })
    }
}

/// One of the two hosts of the gateway, as the handlers see it.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) mode: Mode,
    pub(super) state: Arc<Shared>,
}

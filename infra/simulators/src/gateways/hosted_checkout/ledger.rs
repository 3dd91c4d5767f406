//! The books: sales, endpoints for webhooks, and the answers under idempotency keys.
//!
//! What is kept here is what the file on disk holds, so a field that is renamed makes older books unreadable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sale::Sale;
use crate::gateways::endpoints::Endpoints;
use crate::gateways::replays::Replays;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// By their id.
    pub(crate) sales: BTreeMap<String, Sale>,
    pub(super) replays: Replays,
    pub(super) endpoints: Endpoints,
}

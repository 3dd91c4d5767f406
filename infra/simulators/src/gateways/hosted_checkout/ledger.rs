//! The books: sales, endpoints for webhooks, and the answers that idempotency keys stand for.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sale::Sale;
use crate::gateways::credential::Credential;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) sales: BTreeMap<String, Sale>,
    /// Answers by the key's owner and the idempotency key.
    pub(super) replays: BTreeMap<String, Replay>,
    pub(crate) endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Replay {
    pub(super) fingerprint: String,
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) owner: Credential,
    pub(crate) url: String,
    pub(crate) secret: String,
}

/// What an idempotency key stands for already.
pub(crate) enum Replayed {
    Nothing,
    Answer(StatusCode, Value),
    /// It stood for another request.
    Other,
}

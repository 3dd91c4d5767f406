//! The figures of a gateway.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The figures of one gateway. Those that the gateway does not publish are assumptions and can be overridden.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GatewayRules {
    /// The smallest amount in minor units, where the currency has none of its own.
    pub smallest: i64,
    /// The largest amount in minor units, where the currency has none of its own.
    pub largest: i64,
    /// How long a customer can pay in a session, in minutes.
    pub session_minutes: i64,
    /// How much longer, in minutes, a payment begun in time may take to be known before its link expires.
    pub grace_minutes: i64,
    /// How many hours an attempt that the gateway calls unfinished is asked about before it counts as abandoned.
    pub watch_hours: i64,
    /// The smallest amount in single currencies, by their code, instead of what is published or general.
    #[serde(default)]
    pub smallest_in: BTreeMap<String, i64>,
    /// The largest amount in single currencies, in the same way.
    #[serde(default)]
    pub largest_in: BTreeMap<String, i64>,
}

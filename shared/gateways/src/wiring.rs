//! How a function's gateways are wired.

use runtime::{ConfigurationError, Runtime};

use crate::{GatewayEndpoints, Gateways, Relays};

/// A gateway's answers are a few hundred bytes, and a page of its lists some hundred thousand; anything this large is neither.
const LARGEST_ANSWER: usize = 1_000_000;

impl Gateways {
    /// The gateways where they are by default, unless `PAYLINK_GATEWAY_URLS` says otherwise: a JSON object from gateway to
    /// mode to `api`, `pages`, `refunds` and `seconds`, each of which may be left out. Relays of accounts are where the CRM's
    /// endpoints may be.
    pub fn wire(runtime: &Runtime) -> Result<Self, ConfigurationError> {
        const NAME: &str = "PAYLINK_GATEWAY_URLS";
        let invalid = |reason: String| ConfigurationError::invalid(NAME, reason);
        let endpoints = match runtime.environment().optional(NAME) {
            None => GatewayEndpoints::default(),
            Some(text) => GatewayEndpoints::with_overrides(&text).map_err(invalid)?,
        };
        let reach = runtime.webhook_reach()?;
        let for_relays = runtime.clone();
        let relays = Relays::new(reach, move || for_relays.http_within(reach, LARGEST_ANSWER));
        Ok(Self::new(runtime.http(LARGEST_ANSWER), relays, endpoints))
    }
}

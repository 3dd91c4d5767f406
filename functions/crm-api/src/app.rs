//! What every handler works with.

use std::time::Duration;

use domain::gateway::GatewayRulebook;
use domain::public_url::Reach;
use runtime::Clock;
use store::Store;
use web::Callers;

use crate::handlers::exports::Files;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct App {
    pub store: Store,
    pub callers: Callers,
    pub clock: Clock,
    /// Where the CRM's endpoints, providers of messages and relays may be.
    pub reach: Reach,
    /// The gateways' figures.
    pub gateways: GatewayRulebook,
    /// Where exports and what is uploaded lie. A program at a terminal has none.
    pub files: Option<Files>,
    /// Scheme and host of pay URLs. Without it they begin with the host that the request was sent to.
    pub base_url: Option<String>,
}

/// What the template gives the function.
pub const TIME: Duration = Duration::from_secs(10);

//! The payment gateways, simulated on this machine.
//!
//! Each simulator speaks its gateway's own protocol and refuses what the gateway would refuse, so that what works here
//! has met the real rules. No money moves.
//!
//! This file holds the list of them. A rule of one gateway lives in that gateway's own file or folder and nowhere else;
//! what several share lies beside them, each in a file of its own, and what those share whose sessions are one sale
//! each is in `hosted_checkout`.

mod amounts;
mod credential;
mod digest;
mod disputes;
mod endpoints;
mod hosted_checkout;
mod ids;
mod mollie;
mod payment_page;
mod planned_refunds;
mod razorpay;
mod registration;
mod replays;
mod sep;
mod simulator;
mod state_file;
mod stripe;
mod tehran_time;
#[cfg(test)]
mod testing;
mod webhook;
mod zarinpal;
mod zibal;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use domain::gateway::GatewayKind;
use runtime::Clock;
use serde_json::{Value, json};

pub use self::simulator::{Opening, Simulator};
pub use self::webhook::{Notify, OutgoingWebhook, drop_webhooks, send_webhooks};

/// A gateway that this machine simulates. Its books are at `{sandbox}/books.json`.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedGateway {
    pub gateway: GatewayKind,
    /// The path under which it takes live payments. Most gateways tell live from sandbox by the key alone.
    pub live: &'static str,
    pub sandbox: &'static str,
    open: fn(&Opening<'_>) -> io::Result<Box<dyn Simulator>>,
}

const fn simulated(
    gateway: GatewayKind,
    path: &'static str,
    open: fn(&Opening<'_>) -> io::Result<Box<dyn Simulator>>,
) -> SimulatedGateway {
    SimulatedGateway { gateway, live: path, sandbox: path, open }
}

/// Every gateway that this machine simulates. A new one is a row here.
pub const SIMULATED: [SimulatedGateway; 6] = [
    SimulatedGateway { live: "/zarinpal-live", ..simulated(GatewayKind::Zarinpal, "/zarinpal", zarinpal::open) },
    simulated(GatewayKind::Zibal, "/zibal", zibal::open),
    simulated(GatewayKind::Sep, "/sep", sep::open),
    simulated(GatewayKind::Stripe, "/stripe", stripe::open),
    simulated(GatewayKind::Mollie, "/mollie", mollie::open),
    simulated(GatewayKind::Razorpay, "/razorpay", razorpay::open),
];

/// The addresses of the simulated gateways, in the form of `PAYLINK_GATEWAY_URLS`. `base_of` is asked with each path
/// and may put something in between.
pub fn gateway_urls(base_of: impl Fn(&str) -> String) -> String {
    let endpoint = |path: &str| {
        let address = base_of(path);
        json!({ "api": address, "pages": address, "refunds": address })
    };
    let row = |one: &SimulatedGateway| {
        let endpoints = json!({ "live": endpoint(one.live), "sandbox": endpoint(one.sandbox) });
        (one.gateway.as_str().to_owned(), endpoints)
    };
    Value::Object(SIMULATED.iter().map(row).collect()).to_string()
}

/// The gateways, running. A clone is cheap and shares its state with the original.
#[derive(Debug, Clone)]
pub struct Simulators(Arc<BTreeMap<GatewayKind, Box<dyn Simulator>>>);

impl Simulators {
    /// Opens the simulators.
    ///
    /// `base` is the public base URL of the local cloud, without a path, such as `http://localhost:9001`. `books` is
    /// the folder in which each simulator keeps its state, so that it survives a restart; without a folder the state
    /// lives in memory only. `notify` sends the webhooks. Sessions age by `clock`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, when a book in it cannot be read, or when the system gives no random bytes.
    pub fn open(base: &str, books: Option<&Path>, notify: Notify, clock: Clock) -> io::Result<Self> {
        if let Some(folder) = books {
            fs::create_dir_all(folder)?;
        }
        let opening = Opening { base, books, notify, clock };
        let opened = SIMULATED.iter().map(|one| Ok((one.gateway, (one.open)(&opening)?)));
        Ok(Self(Arc::new(opened.collect::<io::Result<_>>()?)))
    }

    /// Everything under the gateways' paths. It has no fallback of its own.
    pub fn router(&self) -> Router {
        self.0.values().fold(Router::new(), |router, simulator| router.merge(simulator.router()))
    }

    /// See [`Simulator::register_webhook`].
    pub fn register_webhook(&self, gateway: GatewayKind, key: &str, url: &str, secret: &str) {
        if let Some(simulator) = self.0.get(&gateway) {
            simulator.register_webhook(key, url, secret);
        }
    }
}

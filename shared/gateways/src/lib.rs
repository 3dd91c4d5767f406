//! The gateways behind one small contract: begin a session, look up, confirm, close, give back, and read what comes in.
//!
//! Each gateway is one file that turns every answer of its protocol into a word of the domain. Nothing outside its file
//! knows a field of its protocol. To add one: a file here, an arm in each `match` below, a row in `domain::gateway`.

mod stripe;
mod zarinpal;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use domain::Timestamp;
use domain::attempt::{Attempt, NewAttempt, OpenedSession};
use domain::credentials::Credentials;
use domain::gateway::{GatewayAnswer, GatewayKind, GiveBackAnswer, Mode, Payment};
use domain::ids::{AttemptId, LinkId};
use domain::link::Report;
use outbound::Http;

/// A call to a gateway has its answer, or none, within this. No gateway needs longer, and a customer is waiting.
pub const GATEWAY_CALL: Duration = Duration::from_secs(8);

/// Where the gateways are. The functions do not know whether these are simulators.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub zarinpal: String,
    pub zarinpal_sandbox: String,
    pub stripe: String,
}

/// What a session is opened for.
#[derive(Debug)]
pub struct Order<'a> {
    pub attempt: &'a NewAttempt,
    pub link: &'a LinkId,
    pub mode: Mode,
    /// What the customer reads at the gateway about the purpose.
    pub description: &'a str,
    /// Where the gateway sends the customer's browser back to.
    pub return_url: &'a str,
    /// Until when the session should live.
    pub ends_at: Timestamp,
}

/// Why no session was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginError {
    /// No readable answer. A session may have been opened, but nobody was sent to it.
    Unavailable { why: String },
    /// The gateway refuses us: a person has to mend the account. The code is the gateway's own.
    Refused { code: String },
}

/// What a webhook says, after its signature was found right. It is a hint: the gateway is asked before anything is
/// believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub link: LinkId,
    pub attempt: AttemptId,
    pub report: Report,
}

/// Why a webhook is not listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookError {
    /// This gateway sends none.
    NotSpoken,
    /// No signature of a known secret, or one that is too old.
    BadSignature,
    /// Signed, and not in the form the gateway describes.
    Unreadable,
}

/// Sessions in which somebody has paid and the money waits for our confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    pub sessions: BTreeSet<String>,
    /// Whether a session that is missing here is not waiting. A list that is cut off says nothing about it.
    pub is_whole: bool,
}

/// Everything needed to speak to any gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateways {
    http: Http,
    endpoints: Endpoints,
}

impl fmt::Debug for Gateways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateways").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl Gateways {
    pub fn new(http: Http, endpoints: Endpoints) -> Self {
        Self { http, endpoints }
    }

    /// Opens a session. It is never repeated blindly: at some gateways a second call makes a second payable session.
    pub async fn begin(&self, order: &Order<'_>, credentials: &Credentials) -> Result<OpenedSession, BeginError> {
        match order.attempt.gateway {
            GatewayKind::Zarinpal => self.zarinpal(order.mode).begin(order, credentials).await,
            GatewayKind::Stripe => self.stripe().begin(order, credentials).await,
        }
    }

    /// Asks about an attempt in a way that moves no money.
    pub async fn look_up(&self, attempt: &Attempt, mode: Mode, credentials: &Credentials) -> GatewayAnswer {
        match attempt.gateway {
            GatewayKind::Zarinpal => self.zarinpal(mode).look_up(attempt, credentials).await,
            GatewayKind::Stripe => self.stripe().look_up(attempt, credentials).await,
        }
    }

    /// Everything that waits for our confirmation under these credentials, from one call, or why it could not be read.
    /// `None` where the gateway has no such list.
    pub async fn unconfirmed(
        &self,
        gateway: GatewayKind,
        mode: Mode,
        credentials: &Credentials,
    ) -> Option<Result<Unconfirmed, String>> {
        match gateway {
            GatewayKind::Zarinpal => Some(self.zarinpal(mode).unconfirmed(credentials).await),
            GatewayKind::Stripe => None,
        }
    }

    /// Makes the money ours where that needs a call of ours; elsewhere the same as [`Gateways::look_up`]. May be
    /// repeated.
    pub async fn confirm(&self, attempt: &Attempt, mode: Mode, credentials: &Credentials) -> GatewayAnswer {
        match attempt.gateway {
            GatewayKind::Zarinpal => self.zarinpal(mode).confirm(attempt, credentials).await,
            GatewayKind::Stripe => self.stripe().look_up(attempt, credentials).await,
        }
    }

    /// Closes a session that nobody should pay in any more, and says what is true of it afterwards. `None` where the
    /// gateway cannot close.
    pub async fn close(&self, attempt: &Attempt, credentials: &Credentials) -> Option<GatewayAnswer> {
        match attempt.gateway {
            GatewayKind::Zarinpal => None,
            GatewayKind::Stripe => Some(self.stripe().close(attempt, credentials).await),
        }
    }

    /// Gives money back. May be repeated: the gateway's own state or an idempotency key keeps it from paying twice.
    pub async fn give_back(
        &self,
        attempt: &Attempt,
        payment: &Payment,
        mode: Mode,
        credentials: &Credentials,
    ) -> GiveBackAnswer {
        match attempt.gateway {
            GatewayKind::Zarinpal => self.zarinpal(mode).give_back(attempt, credentials).await,
            GatewayKind::Stripe => self.stripe().give_back(attempt, payment, credentials).await,
        }
    }

    fn zarinpal(&self, mode: Mode) -> zarinpal::Zarinpal<'_> {
        let base = match mode {
            Mode::Live => &self.endpoints.zarinpal,
            Mode::Sandbox => &self.endpoints.zarinpal_sandbox,
        };
        zarinpal::Zarinpal { http: &self.http, base }
    }

    fn stripe(&self) -> stripe::Stripe<'_> {
        stripe::Stripe { http: &self.http, base: &self.endpoints.stripe }
    }
}

/// Reads what a browser brings back from a gateway. Anybody can write it, so it only tells what to ask first.
pub fn read_return(gateway: GatewayKind, query: &BTreeMap<String, String>) -> Report {
    match gateway {
        GatewayKind::Zarinpal => zarinpal::read_return(query),
        GatewayKind::Stripe => stripe::read_return(query),
    }
}

/// Reads a gateway's own call. `None` is a call that concerns no attempt of ours. Several sets of credentials are tried,
/// because a secret may have been replaced since the gateway signed.
pub fn read_webhook(
    gateway: GatewayKind,
    header: impl Fn(&str) -> Option<String>,
    body: &[u8],
    credentials: &[Credentials],
    now: Timestamp,
) -> Result<Option<Hint>, WebhookError> {
    match gateway {
        GatewayKind::Zarinpal => Err(WebhookError::NotSpoken),
        GatewayKind::Stripe => {
            let secrets: Vec<&str> = credentials.iter().filter_map(|known| known.expose("webhook_secret")).collect();
            stripe::read_webhook(header("stripe-signature").as_deref(), body, &secrets, now)
        }
    }
}

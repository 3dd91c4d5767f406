//! A further round of messages about a link, and when there may be one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::messages::choice::MessageChoice;
use crate::messages::recipients::{Recipient, Unreached};

/// A link has at most this many rounds after the first.
pub const MAX_MESSAGE_ROUNDS: usize = 10;

/// At least this much time lies between two rounds: a second click is a mistake, and a third a nuisance.
pub const SHORTEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// One more round of messages, at the CRM's wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRound {
    /// The version of the link that it was written with.
    pub version: u64,
    pub at: Timestamp,
    pub message: MessageChoice,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<Recipient>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<Unreached>,
}

/// Why there is no further round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendRefused {
    /// Nobody can pay the link any more.
    NotActive,
    /// The last round was a moment ago. The next one may begin in this many seconds.
    TooSoon { seconds: i64 },
    /// The link has had as many rounds as it may have.
    TooOften,
}

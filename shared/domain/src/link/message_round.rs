//! A further round of messages about a link, and when there may be one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::messages::choice::MessageChoice;
use crate::messages::recipients::{Recipient, Unreached};

/// People are told about one link at most so often after the first time.
pub const MAX_MESSAGE_ROUNDS: usize = 10;

/// Between two message_rounds lies at least so much time: a second click is a mistake, and a third a nuisance.
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

/// Why nobody is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendRefused {
    /// Nobody can pay the link any more.
    NotActive,
    /// Somebody was told a moment ago. So many seconds are left to wait.
    TooSoon { seconds: i64 },
    /// People were told as often as is allowed.
    TooOften,
}

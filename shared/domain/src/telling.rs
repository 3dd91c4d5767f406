//! Telling people about a link once more.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::MessageChoice;
use crate::recipients::{Recipient, Unreached};

/// People are told about one link at most so often after the first time.
pub const MOST_TELLINGS: usize = 10;

/// Between two tellings lies at least so much time: a second click is a mistake, and a third a nuisance.
pub const SHORTEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// One more round of messages, at the CRM's wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
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
pub enum TellRefused {
    /// Nobody can pay the link any more.
    NotActive,
    /// Somebody was told a moment ago. So many seconds are left to wait.
    TooSoon { seconds: i64 },
    /// People were told as often as is allowed.
    TooOften,
}

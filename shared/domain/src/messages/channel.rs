//! The media that messages go out on.

use serde::{Deserialize, Serialize};

use crate::problem::{Rejection, parse_word};

/// The medium of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Sms,
    Email,
    /// A message to somebody on a social network.
    Social,
}

impl Channel {
    pub const ALL: [Channel; 3] = [Channel::Sms, Channel::Email, Channel::Social];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &Self::ALL, Self::as_str, "unknown_channel")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Social => "social",
        }
    }
}

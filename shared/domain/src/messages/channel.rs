//! The media that messages go out on.

use serde::{Deserialize, Serialize};

use crate::problem::Rejection;

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
        match text {
            "sms" => Ok(Self::Sms),
            "email" => Ok(Self::Email),
            "social" => Ok(Self::Social),
            _ => Err(Rejection::new("unknown_channel", "The channels are sms, email and social.")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Social => "social",
        }
    }
}

//! Whether real money moves.

use serde::{Deserialize, Serialize};

use crate::problem::{Rejection, parse_word};

/// Whether real money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Live,
    Sandbox,
}

impl Mode {
    pub const ALL: [Mode; 2] = [Self::Live, Self::Sandbox];

    pub fn parse(text: &str) -> Result<Self, Rejection> {
        parse_word(text, &[Self::Live, Self::Sandbox], Self::as_str, "unknown_mode")
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }
}

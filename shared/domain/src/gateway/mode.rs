//! Whether real money moves.

use serde::{Deserialize, Serialize};

use crate::problem::Rejection;

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
        match text {
            "live" => Ok(Self::Live),
            "sandbox" => Ok(Self::Sandbox),
            _ => Err(Rejection::new("unknown_mode", "The mode is live or sandbox.")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }
}

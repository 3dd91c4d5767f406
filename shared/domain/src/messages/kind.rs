//! What messages are about.

use serde::{Deserialize, Serialize};

use crate::problem::Rejection;

/// What a message template is about. The guide's "system message for the intermediary gateway" is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Somebody is asked to pay.
    LinkCreated,
}

impl MessageKind {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        match text {
            "link_created" => Ok(Self::LinkCreated),
            _ => Err(Rejection::new("unknown_message_kind", "The kind of a message is link_created.")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::LinkCreated => "link_created",
        }
    }
}

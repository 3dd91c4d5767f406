//! Which words a link's messages use, and on which channels they go out.

use serde::{Deserialize, Serialize};

use crate::messages::channel::Channel;
use crate::messages::template::MessageText;

/// Which words a link's messages use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum MessageChoice {
    Default {
        channels: Vec<Channel>,
    },
    Custom {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sms: Option<MessageText>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<MessageText>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        social: Option<MessageText>,
    },
}

impl MessageChoice {
    /// The channels that messages may go out on.
    pub fn channels(&self) -> Vec<Channel> {
        match self {
            Self::Default { channels } => channels.clone(),
            Self::Custom { .. } => {
                Channel::ALL.into_iter().filter(|channel| self.custom_text(*channel).is_some()).collect()
            }
        }
    }

    /// Whose words it has.
    pub fn wording(&self) -> Wording {
        match self {
            Self::Default { .. } => Wording::Default,
            Self::Custom { .. } => Wording::Custom,
        }
    }

    /// The text that the request brought for this channel.
    pub fn custom_text(&self, channel: Channel) -> Option<&MessageText> {
        match (self, channel) {
            (Self::Default { .. }, _) => None,
            (Self::Custom { sms, .. }, Channel::Sms) => sms.as_ref(),
            (Self::Custom { email, .. }, Channel::Email) => email.as_ref(),
            (Self::Custom { social, .. }, Channel::Social) => social.as_ref(),
        }
    }
}

/// Whose words a message has: the business's and ours, or the request's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    Default,
    Custom,
}

//! Which words a link's messages use, and on which channels they go out.

use std::collections::BTreeMap;

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
    /// Texts of the request's own, each on its channel and under its name.
    Custom {
        #[serde(flatten)]
        texts: BTreeMap<Channel, MessageText>,
    },
}

impl MessageChoice {
    /// The channels that messages may go out on.
    pub fn channels(&self) -> Vec<Channel> {
        match self {
            Self::Default { channels } => channels.clone(),
            Self::Custom { texts } => texts.keys().copied().collect(),
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
        match self {
            Self::Default { .. } => None,
            Self::Custom { texts } => texts.get(&channel),
        }
    }
}

/// Whose words a message has: the business's and ours, or the request's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wording {
    Default,
    Custom,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_text_is_kept_under_the_name_of_its_channel() {
        let text = |body: &str| MessageText::parse(Channel::Sms, None, body).unwrap();
        let texts = BTreeMap::from([(Channel::Social, text("a {{ link }}")), (Channel::Sms, text("b {{ link }}"))]);
        let choice = MessageChoice::Custom { texts };
        let kept = json!({ "mode": "custom", "sms": { "body": "b {{ link }}" }, "social": { "body": "a {{ link }}" } });
        assert_eq!(serde_json::to_value(&choice).unwrap(), kept);
        assert_eq!(serde_json::from_value::<MessageChoice>(kept).unwrap(), choice);
        assert_eq!(choice.channels(), [Channel::Sms, Channel::Social]);
    }
}

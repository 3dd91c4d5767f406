//! What a provider says about a message after it took it over.

use domain::ids::{LinkId, MessageId};

/// A message that did not arrive after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub about: About,
    /// In the words of the API.
    pub reason: String,
}

/// How a report names the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// By what we had written on it.
    Message(LinkId, MessageId),
    /// By the provider's own id.
    Provider(String),
}

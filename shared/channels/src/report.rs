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
    /// The report names it by the tag that we had put on it.
    Message(LinkId, MessageId),
    /// The report names it by the provider's own id.
    Provider(String),
}

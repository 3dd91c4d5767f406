//! Messages to people: on which channel, in which words, to whom, and by which provider.

pub mod approved_template;
pub mod choice;
pub mod compose;
pub mod provider;
pub mod recipients;
pub mod sms;
pub mod template;

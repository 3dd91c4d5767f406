//! Messages to people: on which channel, in which words, to whom, and by which provider.

pub mod approved_template;
#[cfg(feature = "templates")]
pub mod built_in;
pub mod channel;
pub mod choice;
#[cfg(feature = "templates")]
pub mod compose;
pub mod delivery;
#[cfg(feature = "templates")]
mod fill;
pub mod kind;
pub mod message;
pub mod message_template;
pub mod provider;
pub mod provider_profile;
pub mod recipients;
pub mod report;
pub mod routing;
pub mod sms;
pub mod sms_route;
mod sns_countries;
#[cfg(all(feature = "phone-numbers", feature = "templates"))]
mod social_addresses;
pub mod template;
pub mod unreached;

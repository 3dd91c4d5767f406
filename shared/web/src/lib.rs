//! What the HTTP functions share: who may call, how a body is read, how an error looks, how a link is shown, what
//! guards an answer to a customer.

pub mod auth;
pub mod base_url;
pub mod body;
pub mod codes;
#[cfg(feature = "api")]
pub mod compression;
pub mod conditions;
pub mod customer;
pub mod extract;
#[cfg(feature = "requests")]
pub mod fields;
pub mod idempotency;
#[cfg(feature = "requests")]
pub mod link_body;
#[cfg(feature = "api")]
pub mod manners;
#[cfg(feature = "requests")]
pub mod message_round;
pub mod openapi;
#[cfg(feature = "api")]
pub mod parameters;
pub mod problem;
pub mod rate;
pub mod reader;
#[cfg(feature = "api")]
pub mod reconciliation;
#[cfg(feature = "requests")]
pub mod records;
#[cfg(feature = "requests")]
pub mod reminders;
pub mod request_id;
#[cfg(feature = "requests")]
pub mod texts;
pub mod time;

pub use auth::{Caller, Callers, PlatformCaller};
pub use body::{Given, JsonBody, OptionalBody};
pub use problem::ApiProblem;

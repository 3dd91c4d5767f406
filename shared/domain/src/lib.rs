//! The rules of Paylink: money, links, attempts, receipts, recipients, messages and time.
//!
//! Nothing here knows AWS, HTTP, a clock or a source of randomness: instants and random ids are arguments, so that
//! every rule can be tried at any moment. Values from outside enter through `parse` functions into types with private
//! fields and are not checked again further in. Whatever is refused says so as a [`Rejection`] (one value) or as
//! [`Problems`] (a whole body, every problem at once).

#![warn(clippy::wildcard_enum_match_arm)]

pub mod address;
pub mod audit;
pub mod batches;
pub mod business;
pub mod calendar;
pub mod clocks;
pub mod events;
pub mod exports;
pub mod gateway;
pub mod idempotency;
pub mod ids;
pub mod language;
pub mod link;
pub mod locale;
pub mod messages;
pub mod money;
pub mod precondition;
pub mod problem;
pub mod public_url;
pub mod records;
#[cfg(all(feature = "phone-numbers", feature = "templates"))]
pub mod requests;
pub mod search;
pub mod text;
pub mod trace;

pub use jiff::Timestamp;
pub use problem::{Field, Problem, Problems, Rejection, no_such, parse_word, pointer_to};

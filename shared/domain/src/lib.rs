//! The rules of Paylink: money, links, attempts, receipts, recipients, messages and time.
//!
//! Nothing here knows AWS, HTTP, a clock or a source of randomness: instants and random ids are arguments, so that
//! every rule can be tried at any moment. Values from outside enter through `parse` functions into types with private
//! fields and are not checked again further in. Whatever is refused says so as a [`Rejection`] (one value) or as
//! [`Problems`] (a whole body, every problem at once).

#![warn(clippy::wildcard_enum_match_arm)]

pub mod account;
pub mod amend;
pub mod approved;
pub mod attempt;
pub mod calendar;
pub mod compose;
pub mod contact;
pub mod create;
pub mod credentials;
pub mod draft;
pub mod event;
pub mod expiry;
pub mod gateway;
pub mod ids;
pub mod item;
pub mod language;
pub mod link;
pub mod locale;
pub mod logo;
pub mod message;
pub mod money;
pub mod problem;
pub mod receipt;
pub mod recipients;
pub mod repeat;
pub mod resolve;
pub mod sender;
pub mod settings;
pub mod sms;
pub mod telling;
pub mod template;
pub mod text;
pub mod trace;
pub mod webhook;

pub use jiff::Timestamp;
pub use problem::{Field, Problem, Problems, Rejection};

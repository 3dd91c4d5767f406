//! The tests of the whole, in one binary: each room of the house together with the others, as a CRM, a customer, a gateway or
//! a deployer would meet it. `cargo test --workspace --test suite store::` runs those of one module.
//!
//! What is process-wide is shared by all of them: nobody sets an environment variable or a subscriber of every thread.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

mod admin;
mod bootstrap;
mod budgets;
mod clients;
mod compatibility;
mod end_to_end;
mod functions;
mod openapi;
mod peers;
mod restore;
mod store;
mod template;
mod trust;
mod workspace;

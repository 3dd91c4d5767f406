//! The same cloud on one machine: table, stream, schedules, SMS, email and gateways, for `make run` and for tests.
//!
//! The functions do not know that it is not AWS: only endpoints differ. Table, stream filter and schedules are read from
//! the template, so that what works here is what will be deployed. Nothing a function depends on may depend on this.

pub mod account;
mod aws_query;
pub mod bot;
pub mod inbox;
pub mod kavenegar;
pub mod page;
pub mod seed;
pub mod ses;
pub mod simulators;
pub mod sns;
pub mod sqs;
pub mod template;
pub mod watch;
pub mod whatsapp;

mod cloud;
pub mod crm;
mod reports;
mod schedule;
mod stream;

pub use cloud::{Cloud, CloudError, Options, Ports, serve_gateways};
pub use stream::StreamReader;

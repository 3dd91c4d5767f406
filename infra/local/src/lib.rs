//! The same cloud on one machine: tables, stream, schedules, SMS, email and gateways, for `make run` and for tests.
//!
//! The functions do not know that it is not AWS: only endpoints differ. Tables, stream filter and schedules are read from
//! the template, so that what works here is what will be deployed. Nothing a function depends on may depend on this.

pub mod keeper;
pub mod page;
pub mod seed;
pub mod sqs;
pub mod template;
pub mod watch;

mod cloud;
pub mod crm;
pub mod deployment;
mod schedule;
mod stream;

pub use cloud::{Cloud, CloudError, Options, Ports};
pub use stream::StreamReader;

//! The services outside that Paylink speaks to, simulated on this machine: payment gateways, and providers of messages.
//!
//! Each simulator speaks its service's own protocol and refuses what the service would refuse, so that what works here
//! has met the real rules. Nothing a function depends on may depend on this.

pub mod answer_body;
mod content_type;
mod misbehaviour;

pub mod gateways;
pub mod providers;
pub mod relay;

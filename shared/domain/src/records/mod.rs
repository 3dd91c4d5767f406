//! The records that the CRM keeps here and changes when it likes. A link copies what it needs of them, so that no later
//! change of a record can break a link.

pub mod account;
mod amounts;
pub mod business;
pub mod contact;
pub mod credentials;
pub mod item;
pub mod item_payments;
pub mod receipt_type;
pub mod relay;
pub mod shards;
pub mod signing;
pub mod webhook_endpoint;

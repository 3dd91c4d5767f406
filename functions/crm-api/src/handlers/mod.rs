//! One file for each kind of thing that the API shows: its body, its answer, and what each call does.

pub(crate) mod accounts;
pub(crate) mod actions;
pub(crate) mod audit;
pub(crate) mod businesses;
pub(crate) mod contacts;
pub(crate) mod docs;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod gateways;
pub(crate) mod holds;
pub(crate) mod items;
pub(crate) mod links;
pub(crate) mod message_reports;
pub(crate) mod providers;
pub(crate) mod qr;
pub(crate) mod receipt_types;
pub(crate) mod receipts;
pub(crate) mod recording;
pub(crate) mod refunds;
pub(crate) mod rotation;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod templates;
pub(crate) mod totals;
pub(crate) mod usage;

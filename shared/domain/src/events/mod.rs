//! What the CRM is told, and what became of telling it.

pub mod delivery;
mod event_type;

pub use event_type::EventType;

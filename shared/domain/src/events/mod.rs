//! What the CRM is told, and what became of telling it.

mod delivery;
mod erasing;
mod event_type;
mod record;

pub use delivery::{Delivery, DeliveryState, PostOutcome, SLOW_ENDPOINT_PAUSE, Try};
pub use event_type::EventType;
pub use record::{BusinessNews, EventRecord, KEPT_FOR, LISTED_AFTER};

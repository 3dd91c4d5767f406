//! The functions together, in this process, over HTTP and by events: what a CRM, a customer and a gateway would notice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where something is wrong")]

#[path = "functions/api.rs"]
mod api;
#[path = "functions/conformance.rs"]
mod conformance;
#[path = "functions/crm_events.rs"]
mod crm_events;
#[path = "functions/drafts.rs"]
mod drafts;
#[path = "functions/events.rs"]
mod events;
#[path = "functions/fallback.rs"]
mod fallback;
#[path = "functions/faults.rs"]
mod faults;
#[path = "functions/life.rs"]
mod life;
#[path = "functions/measured.rs"]
mod measured;
#[path = "functions/messages.rs"]
mod messages;
#[path = "functions/pages.rs"]
mod pages;
#[path = "functions/paying.rs"]
mod paying;
#[path = "functions/providers.rs"]
mod providers;
#[path = "functions/social.rs"]
mod social;

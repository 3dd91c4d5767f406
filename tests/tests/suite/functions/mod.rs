//! The functions together, in this process, over HTTP and by events: what a CRM, a customer and a gateway would notice.

mod api;
mod conformance;
mod crm_events;
mod drafts;
mod events;
mod fallback;
mod faults;
mod life;
mod measured;
mod messages;
mod pages;
mod paying;
mod providers;
mod social;

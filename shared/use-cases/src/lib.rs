//! What a caller may ask for, whichever way the request comes in.
//!
//! A use case reads what it needs, lets the domain decide, writes over exactly what was read, and knows a request that it
//! answered before. The calling function has parsed the request already, and turns the answer or the refusal into what
//! its own caller understands. Time and randomness are arguments, so that every use case can be tried at any moment.
//!
//! What only reads is asked of the store itself.

pub mod accounts;
pub mod amend;
pub mod batches;
pub mod businesses;
pub mod cancel;
pub mod create;
pub mod draft;
pub mod endpoints;
pub mod events;
pub mod exports;
pub mod hold;
pub mod message_report;
pub mod providers;
pub mod record;
pub mod records;
pub mod refund;
pub mod remind;
pub mod renew;
pub mod replace;
pub mod resend;
pub mod resolve;
pub mod settings;

mod contended;
mod credentials_version;
mod idempotency;
mod link_change;
mod named_records;
mod quota;
mod revised;
mod signing_secret;

pub use contended::KeepsChanging;
pub use credentials_version::new_version;
pub use idempotency::{Answer, Asked, hash_of};
pub use link_change::ChangeRefused;
pub use revised::{Extent, Revised, Said, Writing, WritingRefused};
pub use signing_secret::NewSecret;

/// Where a use case asks what time it is: anew for each try, because a change is decided at the moment of that try.
pub type Now<'a> = &'a (dyn Fn() -> domain::Timestamp + Sync);

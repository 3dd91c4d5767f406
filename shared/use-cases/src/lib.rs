//! What a caller may ask for, whichever way the request comes in.
//!
//! A use case reads what it needs, lets the domain decide, writes over exactly what was read, and knows a request that it
//! answered before. Whoever calls it has parsed the request already, and turns the answer or the refusal into what their
//! own caller understands. Time and randomness are arguments, so that every use case can be tried at any moment.
//!
//! What only reads, or deletes without a condition, is asked of the store itself.

pub mod create;
pub mod draft;

mod contended;
mod idempotency;
mod named_records;

pub use contended::{KeepsChanging, MAX_CONTENDED_TRIES};
pub use idempotency::{Answer, Asked};

/// Where a use case asks what time it is: anew for each try, because a change is decided at the moment of that try.
pub type Now<'a> = &'a (dyn Fn() -> domain::Timestamp + Sync);

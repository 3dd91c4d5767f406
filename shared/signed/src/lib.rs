//! Calls to AWS that no SDK's client makes, signed with what the SDK's own runtime signs with. A client of its own for each
//! service would bring the code of every other operation along, which makes a function larger and slower to start.
//!
//! [`Caller`] signs one call, or an address that a browser can use. [`Objects`] is the bucket with the files, and
//! [`WorkQueue`] the queue whose messages say that there is work.

mod call;
mod objects;
mod queue;
mod sign;

pub use objects::{LARGEST_OBJECT, ObjectError, Objects};
pub use queue::WorkQueue;
pub use sign::{Caller, LONGEST_VALIDITY, NotSigned, Service};

//! The payment link: the terms it was made on, its life, the attempts to pay it, and what follows from a gateway's answer.
//!
//! This file is the door. A link is one thing that changes as a whole, so that its parts lie in one folder and are known
//! outside by the names below.

mod attempt;
mod confirming;
mod forget;
pub mod outbox;
mod payment_link;
mod receipt;
mod resolution;
mod size;

pub use attempt::*;
pub use confirming::{Hint, KeptPayment, ReferenceClaim, ReturnData, Step, Transition};
pub use forget::StillNeeded;
pub use payment_link::*;
pub use receipt::{Attachment, Receipt, ReceiptType};
pub use resolution::{Resolution, ResolveRefused};
pub use size::LARGEST_LINK;
pub(crate) use size::check_content;

#[cfg(test)]
mod tests;

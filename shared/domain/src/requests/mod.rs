//! What a caller asks for, and what the rules make of it: each request is decided on as a whole, so that every problem of
//! it is told at once.

pub mod amend;
pub mod create;
pub mod draft;
pub mod due_date;
pub mod expiry;
pub mod replace;
pub mod resend;

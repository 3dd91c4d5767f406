//! The business whose money it is: what it set once, the picture that its pages show, how much it may do and what it used,
//! and how the work of several businesses takes turns.

pub mod logo;
pub mod periods;
pub mod quotas;
pub mod reconciliation;
pub mod settings;
pub mod statement;
pub mod totals;
pub mod turns;
pub mod usage;

//! The business whose money it is: what it set once, the picture and the colour that its pages show, how much it may do and what it used,
//! and how the work of several businesses takes turns.

pub mod brand;
pub mod logo;
pub mod look_back;
pub mod periods;
pub mod quotas;
pub mod reconciliation;
pub mod reminders;
pub mod settings;
pub mod statement;
pub mod totals;
pub mod turns;
pub mod usage;

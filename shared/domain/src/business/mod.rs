//! The business whose money it is: what it set once, the picture that its pages show, and how the work of several
//! businesses takes turns.

pub mod logo;
pub mod settings;
pub mod turns;

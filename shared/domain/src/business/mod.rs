//! The business whose money it is: what it set once, and the picture that its pages show.

pub mod logo;
pub mod settings;

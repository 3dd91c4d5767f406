//! Proofs by trying: everything that can go wrong, in every order, by chance, and all at once. They take as long as somebody
//! lets them, and are therefore a binary of their own; `cargo test --workspace` tries a few of each.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

mod crash_sweep;
mod load;
mod orders;
mod simulation;

/// Held by the proof that runs: each of them keeps all processors busy, and how much it tries in a minute is looked at.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

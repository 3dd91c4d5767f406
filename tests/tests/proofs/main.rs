//! Proofs by trying: everything that can go wrong, in every order, by chance, and all at once. They take as long as somebody
//! lets them, and are therefore a binary of their own; `cargo test --workspace` tries a few of each.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

mod crash_sweep;
mod load;
mod look_backs;
mod many_links;
mod many_totals;
mod orders;
mod simulation;

use domain::gateway::GatewayKind;

/// A gateway that a proof does not know is not proven, and no compiler asks for what a proof lists.
#[test]
fn every_proof_tries_every_gateway() {
    for gateway in GatewayKind::ALL {
        assert!(crash_sweep::tries(gateway), "no flow of the crash sweep pays at {gateway:?}");
        assert!(orders::tries(gateway), "no account of the orders is at {gateway:?}");
        assert!(simulation::tries(gateway), "no account of the simulation is at {gateway:?}");
        assert!(load::tries(gateway), "no account of the load is at {gateway:?}");
    }
}

/// Held by the proof that runs: each of them keeps all processors busy, and how much it tries in a minute is looked at.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

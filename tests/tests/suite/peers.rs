//! The gateways' official clients against the simulators, and what their libraries sign against gateway-webhook.
//!
//! `make test-peers` fetches them and says where they are; otherwise nothing is tried here.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test stops where something is wrong")]

use std::path::PathBuf;

use tests::{World, root};
use tokio::process::Command;

/// Runs a program that is told where everything is, and says whether all was well.
async fn run(world: &World, program: &str, arguments: &[&str]) {
    let status = Command::new(program)
        .args(arguments)
        .current_dir(root().join("tests/peers"))
        .env("SIMULATORS", world.cloud.page_url())
        .env("FUNCTIONS", world.cloud.base_url())
        .status()
        .await
        .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_clients_find_the_gateways_that_they_know() {
    let Some(python) = std::env::var_os("PAYLINK_PEERS_PYTHON").map(PathBuf::from) else {
        println!("The official clients are tried by `make test-peers`.");
        return;
    };
    let world = World::in_process().await;
    run(&world, "node", &["--test", "peers.js"]).await;
    run(&world, python.to_str().unwrap(), &["peers.py"]).await;
}

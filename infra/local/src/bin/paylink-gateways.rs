//! The gateways' simulators alone, for a stack that runs elsewhere than in the local cloud: `make test-deploy`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a person at a terminal")]

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        eprintln!("usage: paylink-gateways PORT");
        return ExitCode::FAILURE;
    };
    println!("The simulated gateways answer at http://localhost:{port}.");
    match paylink_local::serve_gateways(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

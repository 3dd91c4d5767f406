//! The gateways' simulators alone, for a stack that runs elsewhere than in the local cloud: `make test-deploy`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a person at a terminal")]

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::serve::ListenerExt as _;
use runtime::Clock;
use simulators::gateways::{Simulators, send_webhooks};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let Some(port) = port else {
        eprintln!("usage: paylink-gateways PORT");
        return ExitCode::FAILURE;
    };
    println!("The simulated gateways answer at http://localhost:{port}.");
    match serve(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the gateways cannot be served on port {port} of this machine: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves every gateway until the process ends. The books are forgotten with it.
async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let base = format!("http://localhost:{}", listener.local_addr()?.port());
    let simulators = Simulators::open(&base, None, send_webhooks(), Clock::System)?;
    // Without this every small answer waits for the peer's acknowledgement.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, simulators.router()).await
}

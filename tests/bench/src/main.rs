//! Measures the built functions as Lambda would run them, and two peers that do the same in Node.js and Python.
//!
//! `make bench` runs all of it and prints one table; `make bench-check` compares counts and sizes with the committed
//! baseline; `make bench-growth` fills the table first. Figures of one run are comparable with each other; this machine
//! is not AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement stops where something is wrong, and prints what it found"
)]

mod cold;
mod cost;
mod counts;
mod growth;
mod lambda;
mod report;
mod steps;
mod warm;
mod wire;
mod world;

use report::Report;
use world::World;

/// Where the report is written, and what it is compared with.
const REPORT: &str = "target/bench/report.json";
const BASELINE: &str = "tests/bench/baseline.json";

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let what = std::env::args().nth(1).unwrap_or_else(|| "all".to_owned());
    let root = tests::root();
    std::fs::create_dir_all(root.join("target/bench")).unwrap();
    if what == "growth" {
        growth::measure().await;
        return std::process::ExitCode::SUCCESS;
    }
    let mut report = Report::default();
    let world = World::start().await;
    report.sizes = cold::sizes();
    report.counts = counts::measure(&world).await;
    report.cost = cost::of_a_million_lives(&report.counts, &root.join("tests/bench/prices.toml"));
    if ["all", "cold"].contains(&what.as_str()) {
        report.cold = cold::measure(&world).await;
    }
    if ["all", "warm"].contains(&what.as_str()) {
        report.warm = warm::measure(&world).await;
        report.bulk = warm::measure_bulk(&world).await;
    }
    report.print();
    std::fs::write(root.join(REPORT), serde_json::to_string_pretty(&report).unwrap()).unwrap();
    println!("\nWritten to {REPORT}.");
    if what != "check" {
        return std::process::ExitCode::SUCCESS;
    }
    let baseline = std::fs::read_to_string(root.join(BASELINE)).expect("a committed baseline");
    let worse = report.worse_than(&serde_json::from_str(&baseline).expect("the baseline is a report"));
    for one in &worse {
        println!("WORSE: {one}");
    }
    if worse.is_empty() { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

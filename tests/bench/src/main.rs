//! Measures the built functions as Lambda would run them, and two peers that do the same in Node.js and Python.
//!
//! `make bench` runs all of it, prints it and writes it down; `make bench-check` measures what does not need the peers and
//! compares it with the committed baseline; `bench start` measures how the named functions start, and nothing else;
//! `make bench-growth` fills the table first, `make bench-totals` with a year of
//! one business; `make bench-page` puts what was written down into `docs/performance.md`. Figures of one run are comparable
//! with each other; this machine is not AWS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement stops where something is wrong, and prints what it found"
)]

mod about;
mod budgets;
mod businesses;
mod cold;
mod cost;
mod counts;
mod experiments;
mod growth;
mod report;
mod steps;
mod tables;
mod totals;
mod warm;
mod wire;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use about::About;
use experiments::Experiments;
use growth::Growth;
use report::Report;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tables::Named;
use world::{FUNCTIONS, PEERS};

/// What is written, each beside its tables in Markdown.
const REPORT: &str = "target/bench/report";
const CHECK: &str = "target/bench/check";
const GROWTH: &str = "target/bench/growth";
const TRIED: &str = "target/bench/experiments";

/// What a check compares with, and where the figures are shown.
const BASELINE: &str = "tests/bench/baseline.json";
const PAGE: &str = "docs/performance.md";

/// What a check measures: no peers, and the store that has no delay of its own.
const CHECKED_STORES: [&str; 1] = [warm::EMBEDDED];

#[tokio::main]
async fn main() -> ExitCode {
    std::fs::create_dir_all(file("target/bench")).unwrap();
    match std::env::args().nth(1).as_deref().unwrap_or("all") {
        "all" => {
            let mut report = measure(&PEERS, &[warm::EMBEDDED, warm::DELAYED]).await;
            report.bulk = warm::measure_bulk().await;
            report.races = warm::measure_races().await;
            write_down(REPORT, &report, &tables::of(&report));
            ExitCode::SUCCESS
        }
        "check" => check().await,
        "growth" => {
            let growth = growth::measure().await;
            write_down(GROWTH, &growth, &tables::of_growth(&growth));
            ExitCode::SUCCESS
        }
        "totals" => {
            totals::measure().await;
            ExitCode::SUCCESS
        }
        "start" => {
            let named: Vec<String> = std::env::args().skip(2).collect();
            let functions: Vec<&str> = named.iter().map(String::as_str).collect();
            let (sizes, (cold, beside)) = (cold::sizes(&functions), cold::measure(&functions).await);
            let report = Report { sizes, cold, beside, ..Report::default() };
            println!("{}", tables::document(&tables::of_starts(&report)));
            write(experiments::START, &report);
            ExitCode::SUCCESS
        }
        "experiments" => {
            let experiments = experiments::measure(&tests::root());
            write_down(TRIED, &experiments, &tables::of_experiments(&experiments));
            ExitCode::SUCCESS
        }
        "baseline" => {
            let report: Report = read(&format!("{REPORT}.json"));
            write(BASELINE, &report.into_baseline(&PEERS, &CHECKED_STORES));
            ExitCode::SUCCESS
        }
        "page" => {
            let mut tables = Vec::new();
            tables.extend(found::<Report>(REPORT).iter().flat_map(tables::of));
            tables.extend(found::<Growth>(GROWTH).iter().flat_map(tables::of_growth));
            tables.extend(found::<Experiments>(TRIED).iter().flat_map(tables::of_experiments));
            let page = std::fs::read_to_string(file(PAGE)).unwrap();
            std::fs::write(file(PAGE), tables::put_into(&page, &tables)).unwrap();
            ExitCode::SUCCESS
        }
        other => panic!("{other} is none of all, check, growth, totals, start, experiments, baseline, page"),
    }
}

/// All that is compared with a baseline, and what the peers do beside it.
async fn measure(peers: &[&str], stores: &[&str]) -> Report {
    let about = About::this_run();
    let with_peers = |ours: &[&'static str]| [ours, &PEERS[..peers.len()]].concat();
    // First, because a world that was left goes on in the background for a while, and milliseconds count here.
    let (cold, beside) = cold::measure(&with_peers(&FUNCTIONS)).await;
    let counted = counts::measure().await;
    let prices = cost::prices(&file("tests/bench/prices.toml"));
    let (warm, store_delay) = warm::measure(&with_peers(&["paylink"]), stores).await;
    let mut report = Report {
        about,
        sizes: cold::sizes(&FUNCTIONS),
        cost: cost::of_a_million_lives(&counted.counts, &prices),
        cost_of_a_month: cost::of_a_month(&counted.counts, counted.stored_bytes, &prices),
        scale: cost::at_scale(&counted.counts, &prices),
        counts: counted.counts,
        walls: counted.walls,
        cold,
        beside,
        warm,
        store_delay,
        ..Report::default()
    };
    report.compare_with(peers);
    report.budgets = budgets::of(&report);
    report
}

async fn check() -> ExitCode {
    let report = measure(&[], &CHECKED_STORES).await;
    write_down(CHECK, &report, &tables::of(&report));
    let worse = report.worse_than(&read(BASELINE));
    for one in &worse.warnings {
        println!("warning: {one}");
    }
    for one in &worse.failures {
        println!("WORSE: {one}");
    }
    if worse.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn file(path: &str) -> PathBuf {
    tests::root().join(path)
}

fn read<T: DeserializeOwned>(path: &str) -> T {
    let text = std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path} is not what this program writes: {error}"))
}

/// What one of the commands wrote down, where it was run.
fn found<T: DeserializeOwned>(path: &str) -> Option<T> {
    let path = format!("{path}.json");
    file(&path).exists().then(|| read(&path))
}

fn write(path: &str, value: &impl Serialize) {
    std::fs::write(file(path), serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
}

fn write_down(path: &str, value: &impl Serialize, tables: &[Named]) {
    let document = tables::document(tables);
    println!("{document}");
    std::fs::write(file(&format!("{path}.md")), document).unwrap();
    write(&format!("{path}.json"), value);
    println!("Written to {path}.json and {path}.md.");
}

//! What was measured: as JSON for programs, as a table for people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::world::{FUNCTIONS, PEERS};

/// Sizes and memory may grow by so much before a check fails. Counts may not grow at all.
const MARGIN: f64 = 1.05;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) sizes: BTreeMap<String, Size>,
    pub(crate) counts: BTreeMap<String, Count>,
    #[serde(default)]
    pub(crate) cost: Vec<(String, f64)>,
    #[serde(default)]
    pub(crate) cold: BTreeMap<String, Cold>,
    /// From the store to the program to the step.
    #[serde(default)]
    pub(crate) warm: BTreeMap<String, BTreeMap<String, BTreeMap<String, Warm>>>,
    #[serde(default)]
    pub(crate) bulk: Vec<Bulk>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) binary_bytes: u64,
    pub(crate) zip_bytes: u64,
}

/// What one operation asks of DynamoDB.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) round_trips: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

/// The middle and the ninth tenth of many times, in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub p50: f64,
    pub p90: f64,
}

impl Spread {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |tenths: usize| times[(times.len() - 1) * tenths / 10].as_secs_f64() * 1000.0;
        Self { p50: at(5), p90: at(9) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Cold {
    /// From exec until the process opens its first connection, to DynamoDB or to the Runtime API.
    pub(crate) before_network: Spread,
    /// From exec to the first request for an invocation.
    pub(crate) ready: Spread,
    /// From exec to the first answer.
    pub(crate) first_answer: Spread,
    pub(crate) peak_memory_ready_bytes: u64,
    pub(crate) peak_memory_after_hundred_bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Warm {
    pub(crate) latency: Spread,
    /// The process's own time on a processor for one operation, in milliseconds.
    pub(crate) processor_ms: f64,
}

/// Much work at once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bulk {
    pub(crate) what: String,
    pub(crate) pieces: usize,
    pub(crate) per_second: f64,
    pub(crate) processor_ms_each: f64,
}

fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

impl Report {
    pub(crate) fn print(&self) {
        self.print_sizes();
        println!("\nDynamoDB, per operation              round trips     RCU     WCU");
        for (name, count) in &self.counts {
            println!("  {name:<36}{:>9.2}{:>8.2}{:>8.2}", count.round_trips, count.read_units, count.write_units);
        }
        self.print_warm();
        println!("\nDollars for a million link lives");
        for (name, dollars) in &self.cost {
            println!("  {name:<44}{dollars:>9.2}");
        }
    }

    fn print_sizes(&self) {
        println!("\nZip and binary, in MB");
        for (name, size) in &self.sizes {
            let megabytes = |bytes: u64| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6;
            println!("  {name:<20}{:>6.2}{:>8.2}", megabytes(size.zip_bytes), megabytes(size.binary_bytes));
        }
        if self.cold.is_empty() {
            return;
        }
        println!(
            "\nCold start, ms after exec: p50/p90    no network      connected     1st answer   RSS MiB    after 100"
        );
        for name in FUNCTIONS.iter().chain(&PEERS) {
            let Some(cold) = self.cold.get(*name) else { continue };
            let spread = |spread: &Spread| format!("{:.1}/{:.1}", spread.p50, spread.p90);
            println!(
                "  {name:<34}{:>12}{:>15}{:>15}{:>10.1}{:>13.1}",
                spread(&cold.before_network),
                spread(&cold.ready),
                spread(&cold.first_answer),
                mebibytes(cold.peak_memory_ready_bytes),
                mebibytes(cold.peak_memory_after_hundred_bytes)
            );
        }
        let ours = &self.cold["create-link"];
        for peer in PEERS {
            let Some(cold) = self.cold.get(peer) else { continue };
            let memory = mebibytes(cold.peak_memory_ready_bytes) / mebibytes(ours.peak_memory_ready_bytes);
            println!(
                "  {peer} against create-link: start {:.1} times, first answer {:.1} times, memory {memory:.1} times",
                cold.ready.p50 / ours.ready.p50,
                cold.first_answer.p50 / ours.first_answer.p50,
            );
        }
    }

    fn print_warm(&self) {
        for (store, programs) in &self.warm {
            println!("\nWarm, {store}: latency ms p50/p90, processor ms");
            for (program, steps) in programs {
                for (step, warm) in steps {
                    let ours = &programs["paylink"][step];
                    println!(
                        "  {program:<10}{step:<12}{:>7.2}/{:<7.2}{:>7.2}   processor {:.1} times ours",
                        warm.latency.p50,
                        warm.latency.p90,
                        warm.processor_ms,
                        warm.processor_ms / ours.processor_ms
                    );
                }
            }
        }
        if !self.bulk.is_empty() {
            println!("\nMuch at once                                pieces  a second  processor ms each");
        }
        for bulk in &self.bulk {
            let Bulk { what, pieces, per_second, processor_ms_each } = bulk;
            println!("  {what:<40}{pieces:>8}{per_second:>10.0}{processor_ms_each:>12.3}");
        }
    }

    /// What is worse than the baseline: counts that grew, sizes that grew past the margin.
    pub(crate) fn worse_than(&self, baseline: &Self) -> Vec<String> {
        let mut worse = Vec::new();
        for (name, before) in &baseline.counts {
            let Some(now) = self.counts.get(name) else {
                worse.push(format!("{name} is not counted any more"));
                continue;
            };
            let pairs = [
                ("round trips", before.round_trips, now.round_trips),
                ("RCU", before.read_units, now.read_units),
                ("WCU", before.write_units, now.write_units),
            ];
            for (what, before, now) in pairs {
                if now > before + 0.001 {
                    worse.push(format!("{name}: {now:.2} {what} instead of {before:.2}"));
                }
            }
        }
        for (name, before) in &baseline.sizes {
            let Some(now) = self.sizes.get(name) else {
                worse.push(format!("{name} is not built"));
                continue;
            };
            if mebibytes(now.zip_bytes) > mebibytes(before.zip_bytes) * MARGIN {
                worse.push(format!("{name}: a zip of {} bytes instead of {}", now.zip_bytes, before.zip_bytes));
            }
        }
        worse
    }
}

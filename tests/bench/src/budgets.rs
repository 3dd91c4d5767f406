//! The limits that were set before anything was measured, and what was measured against each.

use crate::cold::CONNECT_ONLY;
use crate::report::{Budget, Cold, Report};
use crate::world::FUNCTIONS;

/// A limit on what one operation asks of DynamoDB: the operation, and the most round trips, read and write units. A
/// look at an unresolved attempt needs time to pass, which the functions here do not let be turned: it is counted in
/// `tests/tests/suite/budgets.rs`. Several things told at once are split here: a message is what a batch with one costs
/// beside the same batch without.
const COUNTS: [(&str, Limit, Limit, Limit); 6] = [
    ("1 create", Some(2.0), Some(4.0), Some(6.0)),
    ("create with reference_id", Some(2.0), Some(4.0), Some(10.0)),
    ("3 pay, first visit", Some(2.0), Some(1.0), Some(5.0)),
    ("5 pay, a later visit", Some(1.0), Some(1.0), Some(0.0)),
    ("6 confirm", Some(3.0), Some(1.0), Some(18.0)),
    ("confirm at Stripe, with an item", Some(2.0), Some(1.0), Some(16.0)),
];

type Limit = Option<f64>;

/// The functions that speak to customers and gateways, and that which nobody waits for, with the most megabytes that each may
/// have. All others have 4.5.
const OF_ITS_OWN: [(&str, f64); 4] =
    [("pay-redirect", 3.5), ("gateway-webhook", 3.5), ("expire-links", 3.0), ("run-batches", 6.0)];
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Every budget, with what this run measured. Those that it did not measure are left out.
pub(crate) fn of(report: &Report) -> Vec<Budget> {
    let mut budgets = counts(report);
    budgets.extend(sizes(report));
    budgets.extend(starts(report));
    budgets
}

fn at_most(what: &str, unit: &str, measured: f64, limit: f64) -> Budget {
    let is_met = measured <= limit + 0.001;
    let (what, unit) = (what.to_owned(), unit.to_owned());
    Budget { what, unit, measured, limit, is_met, is_least: false, is_time: false, accepted_because: None }
}

fn at_least(what: &str, measured: f64, limit: f64, is_time: bool) -> Budget {
    let unit = "times".to_owned();
    Budget {
        what: what.to_owned(),
        unit,
        measured,
        limit,
        is_met: measured >= limit,
        is_least: true,
        is_time,
        accepted_because: None,
    }
}

fn counts(report: &Report) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for (name, round_trips, read_units, write_units) in COUNTS {
        let Some(count) = report.counts.get(name) else { continue };
        let limits = [
            ("round trips", count.round_trips, round_trips),
            ("read units", count.read_units, read_units),
            ("write units", count.write_units, write_units),
        ];
        let what = name.trim_start_matches(|character: char| character.is_ascii_digit() || character == ' ');
        let limits =
            limits.into_iter().filter_map(|(unit, measured, limit)| Some(at_most(what, unit, measured, limit?)));
        budgets.extend(limits);
    }
    let count = |name: &str| report.counts[name].clone();
    if let Some((name, expire)) = report.counts.iter().find(|(name, _)| name.starts_with("expire")) {
        budgets.push(at_most(name, "round trips, pages aside", expire.writes, 1.0));
        budgets.push(at_most(name, "write units", expire.write_units, 5.0));
    }
    let (both, event) = (count("2 deliver a message and an event"), count("4 deliver an event"));
    budgets.push(at_most("deliver a message", "writes", both.writes - event.writes, 2.0));
    let mut message = at_most("deliver a message", "write units", both.write_units - event.write_units, 2.0);
    message.accepted_because =
        Some("its third unit is its place in the list that usage and quotas are counted from".to_owned());
    budgets.push(message);
    budgets.push(at_most("deliver an event", "writes", event.writes, 1.0));
    let mut event = at_most("deliver an event", "write units", event.write_units, 1.0);
    event.accepted_because =
        Some("its second unit is its place in the list of all events, which the API offers".to_owned());
    budgets.push(event);
    budgets
}

fn sizes(report: &Report) -> Vec<Budget> {
    let size = |(name, size): (&String, &crate::report::Size)| {
        let limit = OF_ITS_OWN.iter().find(|(one, _)| one == name).map_or(4.5, |(_, limit)| *limit);
        let megabytes = f64::from(u32::try_from(size.zip_bytes).unwrap_or(u32::MAX)) / 1e6;
        at_most(&format!("zip of {name}"), "MB", megabytes, limit)
    };
    report.sizes.iter().map(size).collect()
}

/// The slowest and the largest of our functions stand for all.
fn starts(report: &Report) -> Vec<Budget> {
    let Some(worst) = Worst::of(report) else { return Vec::new() };
    let mut budgets = vec![
        at_most("start without the network, p50", "ms", worst.without_network, 5.0),
        at_most("start with the connection ready, p50", "ms", worst.ready, 6.5),
    ];
    budgets.iter_mut().for_each(|budget| budget.is_time = true);
    if let Some(least) = report.beside.get(CONNECT_ONLY) {
        let times = worst.before_network / least.p50;
        budgets.push(at_most("first connection against a program in C that only connects", "times", times, 3.5));
    }
    budgets.push(at_most("memory when ready", "MiB", worst.memory / MEBIBYTE, 9.0));
    budgets.push(at_most("memory after a hundred requests", "MiB", worst.memory_later / MEBIBYTE, 20.0));
    if let Some(node) = report.cold.get("node") {
        let times = node.ready.p50 / worst.ready;
        budgets.push(at_least(
            "start of the Node.js peer, which opens no connection, against our slowest",
            times,
            10.0,
            true,
        ));
        let times = node.first_answer.p50 / worst.first_answer_over_http;
        budgets.push(at_least("first answer of the Node.js peer against our slowest over HTTP", times, 10.0, true));
        let times = bytes(node.peak_memory_ready_bytes) / worst.memory;
        budgets.push(at_least("memory of the Node.js peer when ready against our largest", times, 5.0, false));
        let times = bytes(node.peak_memory_after_hundred_bytes) / worst.memory_later;
        budgets.push(at_least(
            "memory of the Node.js peer after a hundred requests against our largest",
            times,
            5.0,
            false,
        ));
    }
    budgets
}

struct Worst {
    before_network: f64,
    without_network: f64,
    ready: f64,
    /// Of the functions that the peers stand for.
    first_answer_over_http: f64,
    memory: f64,
    memory_later: f64,
}

impl Worst {
    fn of(report: &Report) -> Option<Self> {
        let ours = || FUNCTIONS.iter().filter_map(|name| report.cold.get(*name));
        let http = ["create-link", "pay-redirect", "receipt-pdf", "gateway-webhook"];
        let most = |of: fn(&Cold) -> f64| ours().map(of).fold(0.0, f64::max);
        ours().next()?;
        Some(Self {
            before_network: most(|cold| cold.before_network.p50),
            without_network: most(|cold| cold.without_network.p50),
            ready: most(|cold| cold.ready.p50),
            first_answer_over_http: http
                .iter()
                .filter_map(|name| report.cold.get(*name))
                .map(|cold| cold.first_answer.p50)
                .fold(0.0, f64::max),
            memory: most(|cold| bytes(cold.peak_memory_ready_bytes)),
            memory_later: most(|cold| bytes(cold.peak_memory_after_hundred_bytes)),
        })
    }
}

fn bytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}

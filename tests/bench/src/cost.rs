//! What a million link lives cost, and what many lives a second ask for, from counts and a dated list of prices.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::report::{Count, Scale};

#[derive(Debug, Deserialize)]
pub(crate) struct Prices {
    region: String,
    as_of: String,
    dynamodb_million_write_units: f64,
    dynamodb_million_read_units: f64,
    dynamodb_gigabyte_month: f64,
    lambda_million_requests: f64,
    lambda_gigabyte_second: f64,
    api_million_requests: f64,
    email_thousand: f64,
    memory_gigabytes: f64,
    billed_milliseconds: f64,
}

/// What happens in the life of a link that is paid: the operation, how often, whether it comes through the API.
const LIFE: [(&str, f64, bool); 8] = [
    ("1 create", 1.0, true),
    ("2 deliver a message and an event", 1.0, false),
    ("3 pay, first visit", 1.0, true),
    ("4 deliver an event", 1.0, false),
    ("5 pay, a later visit", 1.0, true),
    ("6 confirm", 1.0, true),
    ("7 deliver two events", 1.0, false),
    ("8 show the result", 1.0, true),
];

/// A month of thirty days.
const MINUTES_OF_A_MONTH: f64 = 30.0 * 24.0 * 60.0;
const SECONDS_OF_A_MONTH: f64 = MINUTES_OF_A_MONTH * 60.0;

/// A running function reads its settings again after this many seconds.
const REFRESH_SECONDS: f64 = 30.0;

/// The rates that the cost is computed for, in lives of links a second.
const RATES: [f64; 4] = [50.0, 250.0, 1000.0, 10_000.0];

type Counts = BTreeMap<String, Count>;

pub(crate) fn prices(path: &Path) -> Prices {
    toml::from_str(&std::fs::read_to_string(path).expect("a list of prices")).expect("prices")
}

fn sum(counts: &Counts, of: fn(&Count) -> f64) -> f64 {
    LIFE.iter().map(|(name, times, _)| of(&counts[*name]) * times).sum()
}

fn invocations() -> f64 {
    LIFE.iter().map(|(_, times, _)| times).sum()
}

fn calls() -> f64 {
    LIFE.iter().filter(|(_, _, is_api)| *is_api).map(|(_, times, _)| times).sum()
}

/// Dollars, line by line and together. A message by SMS is left out: its price depends on the country.
pub(crate) fn of_a_million_lives(counts: &Counts, prices: &Prices) -> Vec<(String, f64)> {
    let seconds = prices.billed_milliseconds / 1000.0;
    let lines = [
        ("DynamoDB writes", sum(counts, |count| count.write_units) * prices.dynamodb_million_write_units),
        ("DynamoDB reads", sum(counts, |count| count.read_units) * prices.dynamodb_million_read_units),
        ("Lambda requests", invocations() * prices.lambda_million_requests),
        ("Lambda time", invocations() * 1e6 * seconds * prices.memory_gigabytes * prices.lambda_gigabyte_second),
        ("HTTP API", calls() * prices.api_million_requests),
        ("one email each", 1000.0 * prices.email_thousand),
    ];
    let total = lines.iter().map(|(_, dollars)| dollars).sum();
    let mut lines: Vec<(String, f64)> = lines.map(|(name, dollars)| (name.to_owned(), dollars)).to_vec();
    lines.push((format!("together, list prices of {} as of {}", prices.region, prices.as_of), total));
    lines
}

/// Dollars a month beside the lives.
pub(crate) fn of_a_month(counts: &Counts, stored_bytes: f64, prices: &Prices) -> Vec<(String, f64)> {
    let reads = |count: &Count| count.read_units * prices.dynamodb_million_read_units / 1e6;
    let each_run = prices.lambda_million_requests / 1e6
        + prices.billed_milliseconds / 1000.0 * prices.memory_gigabytes * prices.lambda_gigabyte_second;
    let sweep = &counts["9 a sweep without work"];
    let refreshes = SECONDS_OF_A_MONTH / REFRESH_SECONDS;
    vec![
        (
            "a million lives kept, without the entries of indexes".to_owned(),
            stored_bytes / 1e3 * prices.dynamodb_gigabyte_month,
        ),
        ("a sweep each minute that finds nothing".to_owned(), MINUTES_OF_A_MONTH * (reads(sweep) + each_run)),
        (
            "settings read again by one function that is never idle".to_owned(),
            refreshes * reads(&counts["settings and keys read again"]),
        ),
    ]
}

/// What this many lives a second ask of DynamoDB, API Gateway and Lambda, and what a month of it costs.
pub(crate) fn at_scale(counts: &Counts, prices: &Prices) -> Vec<Scale> {
    let of_a_million = of_a_million_lives(counts, prices);
    let dollars = |left_out: &[&str]| -> f64 {
        let lines = &of_a_million[..of_a_million.len() - 1];
        lines.iter().filter(|(name, _)| !left_out.contains(&name.as_str())).map(|(_, dollars)| dollars).sum()
    };
    let (without_email, with_email) = (dollars(&["one email each"]), dollars(&[]));
    let one = |rate: &f64| Scale {
        lives_per_second: *rate,
        write_units: rate * sum(counts, |count| count.write_units),
        read_units: rate * sum(counts, |count| count.read_units),
        calls: rate * calls(),
        invocations: rate * invocations(),
        running: rate * invocations() * prices.billed_milliseconds / 1000.0,
        dollars_a_month: rate * SECONDS_OF_A_MONTH / 1e6 * without_email,
        dollars_a_month_with_email: rate * SECONDS_OF_A_MONTH / 1e6 * with_email,
    };
    RATES.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_prices_can_be_read() {
        let prices = prices(&::tests::root().join("tests/bench/prices.toml"));
        assert!(prices.dynamodb_million_write_units > prices.dynamodb_million_read_units);
    }
}

//! What a million link lives cost, from counts and a dated list of prices.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::report::Count;

#[derive(Debug, Deserialize)]
struct Prices {
    region: String,
    as_of: String,
    dynamodb_million_write_units: f64,
    dynamodb_million_read_units: f64,
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
    ("6 settle", 1.0, true),
    ("7 deliver two events", 1.0, false),
    ("8 show the result", 1.0, true),
];

/// Dollars, line by line and together. A message by SMS is left out: its price depends on the country.
pub(crate) fn of_a_million_lives(counts: &BTreeMap<String, Count>, prices: &Path) -> Vec<(String, f64)> {
    let prices: Prices = toml::from_str(&std::fs::read_to_string(prices).expect("a list of prices")).unwrap();
    let sum = |of: fn(&Count) -> f64| LIFE.iter().map(|(name, times, _)| of(&counts[*name]) * times).sum::<f64>();
    let requests: f64 = LIFE.iter().map(|(_, times, _)| times).sum();
    let from_outside: f64 = LIFE.iter().filter(|(_, _, is_api)| *is_api).map(|(_, times, _)| times).sum();
    let seconds = prices.billed_milliseconds / 1000.0;
    let lines = [
        ("DynamoDB writes", sum(|count| count.write_units) * prices.dynamodb_million_write_units),
        ("DynamoDB reads", sum(|count| count.read_units) * prices.dynamodb_million_read_units),
        ("Lambda requests", requests * prices.lambda_million_requests),
        ("Lambda time", requests * 1e6 * seconds * prices.memory_gigabytes * prices.lambda_gigabyte_second),
        ("HTTP API", from_outside * prices.api_million_requests),
        ("one email each", 1000.0 * prices.email_thousand),
    ];
    let total = lines.iter().map(|(_, dollars)| dollars).sum();
    let mut lines: Vec<(String, f64)> = lines.map(|(name, dollars)| (name.to_owned(), dollars)).to_vec();
    lines.push((format!("together, list prices of {} as of {}", prices.region, prices.as_of), total));
    lines
}

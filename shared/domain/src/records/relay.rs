//! A relay: a machine of the business that passes our calls on to a gateway, because the gateway knows that machine's
//! address, or lets only machines of its country in. It lies with the credentials that travel through it.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::messages::provider::parse_base_url;
use crate::problem::{Problems, Rejection};
use crate::public_url::Reach;

/// No call through a relay, and none to a gateway that a stack gives a time of its own, may take more seconds.
pub const MAX_SECONDS: u64 = 15;

/// What anybody who may read the account may know of its relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayAddress {
    /// Takes the place of the gateway's scheme and host. It has no slash at the end.
    pub url: String,
    /// The name of the header that carries the secret, in small letters.
    pub header: String,
    /// How long one call through it may take.
    pub seconds: u64,
}

/// A relay with the secret by which it knows us.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    address: RelayAddress,
    secret: String,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A relay as it was given.
#[derive(Clone, Debug)]
pub struct RelayFields<'a> {
    pub url: &'a str,
    pub header: &'a str,
    pub secret: &'a str,
    /// As long as any call may take where it is absent.
    pub seconds: Option<i64>,
}

impl Relay {
    /// Checks the fields; pointers of problems begin with `at`.
    pub fn parse(given: &RelayFields<'_>, reach: Reach, at: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let url = problems.check(format!("{at}/url"), parse_base_url(given.url, reach)).value();
        let header = problems.check(format!("{at}/header"), parse_header(given.header)).value();
        let secret = problems.check(format!("{at}/secret"), parse_secret(given.secret)).value();
        let seconds = given.seconds.map_or(Ok(MAX_SECONDS), parse_seconds);
        let seconds = problems.check(format!("{at}/seconds"), seconds).value();
        match (url, header, secret, seconds) {
            (Some(url), Some(header), Some(secret), Some(seconds)) => {
                Ok(Self { address: RelayAddress { url, header, seconds }, secret })
            }
            _ => Err(problems),
        }
    }

    pub fn address(&self) -> &RelayAddress {
        &self.address
    }

    /// What the relay knows us by. It must not be logged.
    pub fn expose_secret(&self) -> &str {
        &self.secret
    }
}

/// The name of a header that no call to a gateway has by itself. A hyphen is the only sign that every server lets through.
fn parse_header(text: &str) -> Result<String, Rejection> {
    let refused = |detail: &str| Err(Rejection::new("invalid_relay", detail));
    let name = text.to_ascii_lowercase();
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !(1..=64).contains(&name.len()) || !is_name || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return refused("The name of a header is a letter and up to 63 letters, digits and hyphens.");
    }
    let is_begun_by = |taken: &&str| name.starts_with(*taken);
    if TAKEN.contains(&name.as_str()) || TAKEN_BEGINNINGS.iter().any(is_begun_by) {
        return refused("This header has a meaning of its own; take another, such as x-relay-secret.");
    }
    Ok(name)
}

/// Headers that calls to gateways have already, and those that machines on the way read or take away.
const TAKEN: [&str; 18] = [
    "authorization",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

const TAKEN_BEGINNINGS: [&str; 8] =
    ["accept", "content-", "if-", "paylink-", "proxy-", "sec-", "stripe-", "x-forwarded-"];

/// A secret that can stand in a header and that nobody guesses.
fn parse_secret(text: &str) -> Result<String, Rejection> {
    if !(16..=200).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let detail = "A relay's secret has 16 to 200 visible ASCII characters and no space.";
        return Err(Rejection::new("invalid_relay", detail));
    }
    Ok(text.to_owned())
}

fn parse_seconds(given: i64) -> Result<u64, Rejection> {
    let seconds = u64::try_from(given).ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    seconds.ok_or_else(|| Rejection::new("out_of_range", format!("A call may take 1 to {MAX_SECONDS} seconds.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret-of-the-relay";

    fn given<'a>() -> RelayFields<'a> {
        RelayFields { url: "https://relay.example/ir/", header: "X-Relay-Secret", secret: SECRET, seconds: None }
    }

    fn refused(fields: &RelayFields<'_>) -> Vec<(String, &'static str)> {
        let problems = Relay::parse(fields, Reach::Public, "/relay").unwrap_err();
        problems.into_vec().into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn a_relay_is_kept_in_one_form_and_its_secret_does_not_show() {
        let relay = Relay::parse(&given(), Reach::Public, "/relay").unwrap();
        let RelayAddress { url, header, seconds } = relay.address();
        assert_eq!((url.as_str(), header.as_str(), *seconds), ("https://relay.example/ir", "x-relay-secret", 15));
        assert_eq!(relay.expose_secret(), SECRET);
        assert!(!format!("{relay:?}").contains(SECRET));
    }

    #[test]
    fn everything_that_is_wrong_with_a_relay_is_named_at_once() {
        let wrong = RelayFields { url: "https://10.0.0.1", header: "", secret: "short", seconds: Some(16) };
        let expected = [
            ("/relay/url", "invalid_endpoint_url"),
            ("/relay/header", "invalid_relay"),
            ("/relay/secret", "invalid_relay"),
            ("/relay/seconds", "out_of_range"),
        ];
        assert_eq!(refused(&wrong), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn a_relay_is_encrypted_public_and_without_user_or_query() {
        for url in
            ["http://relay.example", "https://localhost", "https://u:p@relay.example", "https://relay.example/?a"]
        {
            assert_eq!(refused(&RelayFields { url, ..given() }), [("/relay/url".to_owned(), "invalid_endpoint_url")]);
        }
    }

    #[test]
    fn the_secret_has_a_header_of_its_own() {
        for header in ["Authorization", "HOST", "content-type", "cookie", "x_relay", "x relay", "1x", "paylink-x", "é"]
        {
            let expected = [("/relay/header".to_owned(), "invalid_relay")];
            assert_eq!(refused(&RelayFields { header, ..given() }), expected, "{header}");
        }
    }

    #[test]
    fn a_call_through_it_takes_one_to_fifteen_seconds() {
        for seconds in [i64::MIN, -1, 0, 16, i64::MAX] {
            let expected = [("/relay/seconds".to_owned(), "out_of_range")];
            assert_eq!(refused(&RelayFields { seconds: Some(seconds), ..given() }), expected, "{seconds}");
        }
        let shortest = RelayFields { seconds: Some(1), ..given() };
        assert_eq!(Relay::parse(&shortest, Reach::Public, "").unwrap().address().seconds, 1);
    }
}

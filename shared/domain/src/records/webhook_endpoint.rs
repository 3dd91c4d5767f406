//! The CRM's addresses that events are sent to, and when a failed delivery is tried again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::idempotency::IdempotencyLog;
use crate::ids::EndpointId;
use crate::link::outbox::EventType;
use crate::problem::Rejection;

/// A business has at most so many endpoints: each event is sent to each of them.
pub const MAX_ENDPOINTS: usize = 10;

/// The pauses after each try that failed. The first is the next run of the schedule; after the last one the delivery has
/// failed, and the event can still be read and sent again by hand.
const PAUSES: [SignedDuration; 9] = [
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// No endpoint can ask for a longer pause than this.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// When to try again after so many failed tries; `None` when the delivery has failed for good. `wanted` is what the
/// endpoint asked for, and `jitter` any number: it spreads retries over a tenth of the pause, so that an endpoint that
/// comes back is not met by all of them at once.
pub fn next_try(tries: usize, wanted: Option<SignedDuration>, jitter: u8, now: Timestamp) -> Option<Timestamp> {
    let pause = *PAUSES.get(tries.checked_sub(1)?)?;
    let spread = SignedDuration::from_millis(pause.as_secs().saturating_mul(100 * i64::from(jitter) / 255));
    let pause = pause.saturating_add(spread).max(wanted.unwrap_or_default().min(LONGEST_PAUSE));
    Some(now.checked_add(pause).unwrap_or(Timestamp::MAX))
}

/// An endpoint as the business set it, with what its events are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    pub id: EndpointId,
    pub url: String,
    /// Which events are sent; none named means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventType>,
    pub enabled: bool,
    /// Why the product itself switched the endpoint off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
    /// The newest last. Earlier ones sign as well until they end.
    pub secrets: Vec<SigningSecret>,
    pub created_at: Timestamp,
    /// Since when it is set as it is, where somebody set it: everything that happened since then and that it wants is sent
    /// to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Counts the changes.
    pub version: u64,
    #[serde(default, skip_serializing_if = "IdempotencyLog::is_empty")]
    pub idempotency: IdempotencyLog,
}

/// What events to one endpoint are signed with, in the form of Standard Webhooks: `whsec_` and base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecret {
    value: String,
    /// Exclusive; absent for the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningSecret").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}

impl SigningSecret {
    /// `value` in the form of Standard Webhooks.
    pub fn new(value: String) -> Self {
        Self { value, valid_until: None }
    }

    /// The secret itself. It must not be logged.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl WebhookEndpoint {
    pub fn wants(&self, kind: EventType) -> bool {
        self.enabled && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// The secrets that sign at this moment, the newest first.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        self.secrets.iter().rev().filter(move |secret| secret.valid_until.is_none_or(|until| now < until))
    }

    /// Puts a new secret in place; the present one signs for a while longer, so that the CRM can change over.
    #[must_use]
    pub fn rotated(&self, secret: SigningSecret, overlap: SignedDuration, now: Timestamp) -> Self {
        let mut next = self.clone();
        let until = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
        for known in &mut next.secrets {
            known.valid_until = Some(known.valid_until.map_or(until, |ends| ends.min(until)));
        }
        next.secrets.retain(|known| known.valid_until.is_none_or(|ends| now < ends));
        next.secrets.push(secret);
        next.version += 1;
        next
    }

    /// Switches the endpoint off, because it said that it is gone.
    #[must_use]
    pub fn gone(&self) -> Self {
        let disabled_reason = Some("gone".to_owned());
        Self { enabled: false, disabled_reason, version: self.version + 1, ..self.clone() }
    }
}

/// Where endpoints may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// HTTPS to public addresses.
    Public,
    /// Also plain HTTP to this machine, in the local cloud.
    ThisMachine,
}

/// The address of an endpoint: `https`, without user, password or fragment, and not a special address. What a name
/// resolves to is checked again when the connection is made.
pub fn parse_endpoint_url(text: &str, reach: Reach) -> Result<String, Rejection> {
    let refused = |detail: &str| Err(Rejection::new("invalid_endpoint_url", detail));
    let Ok(url) = Url::parse(text) else { return refused("This is not an absolute web address.") };
    // It is kept with its special characters escaped, and must be accepted again as it is kept.
    if url.as_str().len().max(text.len()) > 500 {
        return refused("The address is longer than 500 characters.");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return refused("The address must not contain a user name, a password or a fragment.");
    }
    let is_local = match url.host() {
        // A dot at the end names the same machine.
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        None => return refused("The address names no host."),
    };
    let may_be_local = reach == Reach::ThisMachine && matches!(url.scheme(), "http" | "https");
    if is_local && !may_be_local {
        return refused("The address must be reachable from the internet.");
    }
    if url.scheme() != "https" && !(is_local && may_be_local) {
        return refused("The address must begin with https://.");
    }
    Ok(url.to_string())
}

/// Whether an address is one of the open internet, by IANA's registries of special-purpose addresses. Whoever names an
/// endpoint must not make us call what only we can reach.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let special = |(network, length): &(Ipv4Addr, u32)| {
                let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                address.to_bits() & mask == network.to_bits()
            };
            !SPECIAL_V4.iter().any(special)
        }
        // Only 2000::/3 is given out for general use, so what stands for an IPv4 address is left out too.
        IpAddr::V6(address) => {
            let within = |(network, length): &(Ipv6Addr, u32)| {
                let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
                address.to_bits() & mask == network.to_bits()
            };
            within(&(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)) && !SPECIAL_V6.iter().any(within)
        }
    }
}

const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, and everything reserved above it with the broadcast address.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    // Protocol assignments, Teredo and benchmarking among them; documentation; 6to4; documentation again.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn endpoints_are_public_and_encrypted() {
        assert!(parse_endpoint_url("https://crm.example/hooks?x=1", Reach::Public).is_ok());
        for bad in [
            "http://crm.example/hooks",
            "https://localhost/",
            "https://localhost./",
            "https://crm.localhost./",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://u:p@crm.example/",
            "https://crm.example/#x",
            "ftp://crm.example/",
            "crm.example",
        ] {
            assert_eq!(parse_endpoint_url(bad, Reach::Public).unwrap_err().code, "invalid_endpoint_url", "{bad}");
        }
        let long = format!("https://crm.example/{}", "ف".repeat(200));
        let refused = parse_endpoint_url(&long, Reach::Public).unwrap_err();
        assert!(refused.detail.contains("longer"), "what is kept is escaped, six characters for each");
        assert!(parse_endpoint_url("http://localhost:9001/hooks", Reach::ThisMachine).is_ok());
        assert!(parse_endpoint_url("http://crm.example/hooks", Reach::ThisMachine).is_err());
    }

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(public(address), "{address}");
        }
        for address in [
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:a00:1::",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn retries_come_ever_later_with_jitter_and_end() {
        let pause =
            |tries, jitter| next_try(tries, None, jitter, at(0)).map(|next| next.duration_since(at(0)).as_secs());
        assert_eq!(pause(1, 0), Some(30));
        assert_eq!(pause(2, 0), Some(300));
        assert_eq!(pause(2, 255), Some(330));
        assert_eq!(pause(9, 0), Some(24 * 3600));
        assert_eq!(pause(10, 0), None);
        let asked = next_try(1, Some(SignedDuration::from_mins(20)), 0, at(0)).unwrap();
        assert_eq!(asked, at(1200), "the endpoint asked for twenty minutes");
        let greedy = next_try(1, Some(SignedDuration::from_hours(999)), 0, at(0)).unwrap();
        assert_eq!(greedy, at(24 * 3600));
    }

    #[test]
    fn a_rotated_secret_signs_for_a_while_beside_the_new_one() {
        let endpoint = WebhookEndpoint {
            id: EndpointId::parse("crm").unwrap(),
            url: "https://crm.example/".to_owned(),
            events: vec![EventType::LinkPaid],
            enabled: true,
            disabled_reason: None,
            secrets: vec![SigningSecret::new("whsec_b25l".to_owned())],
            created_at: at(0),
            changed_at: None,
            version: 1,
            idempotency: IdempotencyLog::default(),
        };
        let rotated =
            endpoint.rotated(SigningSecret::new("whsec_dHdv".to_owned()), SignedDuration::from_secs(60), at(0));
        let signing = |second| rotated.signing(at(second)).map(|secret| secret.expose().to_owned()).collect::<Vec<_>>();
        assert_eq!(signing(59), ["whsec_dHdv", "whsec_b25l"]);
        assert_eq!(signing(60), ["whsec_dHdv"]);
        assert!(!format!("{rotated:?}").contains("whsec_"));
        assert!(endpoint.wants(EventType::LinkPaid) && !endpoint.wants(EventType::LinkOpened));
        assert!(!endpoint.gone().wants(EventType::LinkPaid));
    }
}

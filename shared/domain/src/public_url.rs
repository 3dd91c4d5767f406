//! Addresses of others that Paylink calls: they must be of the open internet, so that nobody can have it call what only it
//! can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

use crate::problem::Rejection;

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

/// Whether an address is one of the open internet, by IANA's registries of special-purpose addresses. A caller who
/// names an endpoint must not make us call what only we can reach.
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
}

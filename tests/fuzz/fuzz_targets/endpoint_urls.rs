//! Feeds any text to the parser of the addresses that events are sent to. What is accepted as public must have the scheme
//! `https`, name a host that is neither this machine nor an address literal out of the special ranges, by the standard
//! library's own list of them, and be accepted again as the very same. The local cloud must accept all of that too, and
//! besides only this machine. What a business's pay URLs may begin with is a host that is reached in secret, and is
//! accepted again as the very same too, because the table gives it back so.

#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::business::PayUrlBase;
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

fn is_special_v4(address: Ipv4Addr) -> bool {
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_unspecified()
        || address.is_multicast()
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.to_ipv4().is_some()
}

fn is_local(url: &Url) -> bool {
    match url.host().expect("an accepted address names a host") {
        // The root's own dot does not change what a name resolves to.
        Host::Domain(name) => name.trim_end_matches('.').rsplit('.').next() == Some("localhost"),
        Host::Ipv4(address) => is_special_v4(address),
        Host::Ipv6(address) => is_special_v6(address),
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let here = parse_endpoint_url(text, Reach::ThisMachine);
    if let Ok(accepted) = parse_endpoint_url(text, Reach::Public) {
        let url = Url::parse(&accepted).expect("an accepted address is one");
        assert_eq!(url.scheme(), "https", "{accepted}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{accepted}");
        assert!(!is_local(&url), "{accepted}");
        assert_eq!(parse_endpoint_url(&accepted, Reach::Public).as_ref(), Ok(&accepted));
        assert_eq!(here.as_ref(), Ok(&accepted));
    }
    if let Ok(accepted) = here {
        let url = Url::parse(&accepted).expect("an accepted address is one");
        assert!(url.scheme() == "https" || (url.scheme() == "http" && is_private(&url)), "{accepted}");
        assert_eq!(parse_endpoint_url(&accepted, Reach::ThisMachine).as_ref(), Ok(&accepted));
    }
    if let Ok(base) = PayUrlBase::parse(text) {
        let url = Url::parse(base.as_str()).expect("a base is an address");
        assert_eq!((url.scheme(), url.path()), ("https", "/"), "{base:?}");
        assert_eq!(PayUrlBase::parse(base.as_str()), Ok(base));
    }
});

/// The ranges of the product are wider than those of the standard library, so its own word is taken where plain HTTP is
/// accepted, which no deployed stack does.
fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !domain::public_url::is_public(address.into()),
        Some(Host::Ipv6(address)) => !domain::public_url::is_public(address.into()),
        Some(Host::Domain(_)) | None => is_local(url),
    }
}

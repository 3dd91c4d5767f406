//! What a merchant registered at its gateway beside itself: the domain that customers come back to, and the address that
//! calls come from. Until a tester says otherwise, every domain and every address is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::VIA;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

/// It is forgotten at a restart.
#[derive(Debug, Default)]
pub(super) struct Registration(Mutex<Registered>);

/// A tester's order, and what stands until the next one.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registered {
    /// The domain that customers come back to, itself or by a host under it.
    #[serde(default)]
    domain: Option<String>,
    #[serde(default)]
    callers: Callers,
}

/// Whose address is registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Callers {
    #[default]
    Anybody,
    /// That of a relay, which names itself in `Via` as HTTP wants it. On one machine all addresses are the same.
    Relay,
    Nobody,
}

impl Registration {
    fn registered(&self) -> MutexGuard<'_, Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A test control: what is registered from now on.
    pub(super) fn order(&self, body: &[u8]) -> Response {
        match serde_json::from_slice::<Registered>(body) {
            Ok(order) => {
                let answer = Json(json!(&order)).into_response();
                *self.registered() = order;
                answer
            }
            Err(_) => {
                let expected = json!({ "domain": "a host, or nothing", "callers": ["anybody", "relay", "nobody"] });
                (StatusCode::BAD_REQUEST, Json(json!({ "expected": expected }))).into_response()
            }
        }
    }

    /// Whether an address is at the registered domain.
    pub(super) fn has(&self, address: &str) -> bool {
        let registered = self.registered();
        let Some(domain) = registered.domain.as_deref() else { return true };
        let url = Url::parse(address).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Whether a call comes from a registered address.
    pub(super) fn lets_in(&self, headers: &HeaderMap) -> bool {
        match self.registered().callers {
            Callers::Anybody => true,
            Callers::Relay => headers.contains_key(VIA),
            Callers::Nobody => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_host_is_of_the_registered_domain_or_under_it() {
        let registration = Registration::default();
        assert!(registration.has("https://anywhere.example/back"));
        registration.order(br#"{"domain":"shop.example"}"#);
        for (address, is_there) in [
            ("https://shop.example/back", true),
            ("https://pay.shop.example/back", true),
            ("https://othershop.example/back", false),
            ("https://shop.example.org/back", false),
            ("nowhere", false),
        ] {
            assert_eq!(registration.has(address), is_there, "{address}");
        }
    }

    #[test]
    fn a_relay_is_known_by_what_it_adds_and_an_order_that_cannot_be_read_changes_nothing() {
        let registration = Registration::default();
        let (direct, relayed) =
            (HeaderMap::new(), HeaderMap::from_iter([(VIA, HeaderValue::from_static("1.1 relay"))]));
        let lets_in = || (registration.lets_in(&direct), registration.lets_in(&relayed));
        assert_eq!(lets_in(), (true, true));
        registration.order(br#"{"callers":"relay"}"#);
        assert_eq!(lets_in(), (false, true));
        assert_eq!(registration.order(br#"{"callers":"all"}"#).status(), StatusCode::BAD_REQUEST);
        assert_eq!(lets_in(), (false, true));
        registration.order(br#"{"callers":"nobody"}"#);
        assert_eq!(lets_in(), (false, false));
    }
}

//! Where the gateways are. The functions do not know whether these are simulators.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::gateway::{GatewayKind, Mode};
use domain::records::relay::MAX_SECONDS;
use serde::Deserialize;
use url::Url;

use crate::{GATEWAY_CALL, default_endpoints};

/// Where one gateway is in one mode. Addresses have no slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayEndpoint {
    /// Where our calls go.
    pub api: String,
    /// Where customers' browsers go.
    pub pages: String,
    /// Where calls go that refund money, where that is another host.
    pub refunds: String,
    /// How long one call may take, where it goes through no relay of the account.
    pub longest_call: Duration,
}

/// The same, as it comes with an adapter.
pub(crate) struct DefaultEndpoints {
    pub(crate) api: &'static str,
    pub(crate) pages: &'static str,
    pub(crate) refunds: &'static str,
}

impl DefaultEndpoints {
    /// Everything on one host.
    pub(crate) const fn at(host: &'static str) -> Self {
        Self { api: host, pages: host, refunds: host }
    }
}

/// Where all gateways are.
#[derive(Clone, Debug)]
pub struct GatewayEndpoints(BTreeMap<(GatewayKind, Mode), GatewayEndpoint>);

/// What a stack says instead. What it leaves out keeps its default: a relay with an address that a gateway knows takes our
/// calls, and customers still go to the gateway itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    api: Option<String>,
    pages: Option<String>,
    refunds: Option<String>,
    seconds: Option<u64>,
}

impl Default for GatewayEndpoints {
    fn default() -> Self {
        let both = |gateway| Mode::ALL.map(|mode| (gateway, mode));
        let endpoint = |(gateway, mode)| {
            let DefaultEndpoints { api, pages, refunds } = default_endpoints(gateway, mode);
            let endpoint = GatewayEndpoint {
                api: api.to_owned(),
                pages: pages.to_owned(),
                refunds: refunds.to_owned(),
                longest_call: GATEWAY_CALL,
            };
            ((gateway, mode), endpoint)
        };
        Self(GatewayKind::ALL.into_iter().flat_map(both).map(endpoint).collect())
    }
}

impl GatewayEndpoints {
    /// Reads a JSON object from gateway to mode to addresses. The error says what is wrong with it.
    pub fn with_overrides(json: &str) -> Result<Self, String> {
        let overrides: BTreeMap<GatewayKind, BTreeMap<Mode, Override>> =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut endpoints = Self::default();
        for (gateway, modes) in overrides {
            for (mode, given) in modes {
                let Some(endpoint) = endpoints.0.get_mut(&(gateway, mode)) else { continue };
                let Override { api, pages, refunds, seconds } = given;
                if let Some(seconds) = seconds {
                    if !(1..=MAX_SECONDS).contains(&seconds) {
                        let (mode, gateway) = (mode.as_str(), gateway.as_str());
                        return Err(format!("{mode} of {gateway}: a call may take 1 to {MAX_SECONDS} seconds"));
                    }
                    endpoint.longest_call = Duration::from_secs(seconds);
                }
                for (field, given) in
                    [(&mut endpoint.api, api), (&mut endpoint.pages, pages), (&mut endpoint.refunds, refunds)]
                {
                    if let Some(given) = given {
                        *field = checked(&given)
                            .ok_or_else(|| format!("{} of {} is no https URL", mode.as_str(), gateway.as_str()))?;
                    }
                }
            }
        }
        Ok(endpoints)
    }

    pub(crate) fn of(&self, gateway: GatewayKind, mode: Mode) -> &GatewayEndpoint {
        // Every gateway is there in every mode since `default`.
        &self.0[&(gateway, mode)]
    }
}

/// The hosts of the pages that customers are sent to, as the address bar shows them.
#[derive(Clone, Debug, Default)]
pub struct PayHosts(BTreeMap<(GatewayKind, Mode), String>);

impl PayHosts {
    /// The host of a gateway: the one that the stack names for its pages, else the one that everybody knows.
    pub fn of(&self, gateway: GatewayKind, mode: Mode) -> &str {
        self.0.get(&(gateway, mode)).map_or_else(|| gateway.profile().pay_host(mode), String::as_str)
    }
}

impl From<&GatewayEndpoints> for PayHosts {
    fn from(endpoints: &GatewayEndpoints) -> Self {
        let named = |(&(gateway, mode), endpoint): (&(GatewayKind, Mode), &GatewayEndpoint)| {
            let url = Url::parse(&endpoint.pages)
                .ok()
                .filter(|_| endpoint.pages != default_endpoints(gateway, mode).pages)?;
            let host = url.host_str()?;
            let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            Some(((gateway, mode), host))
        };
        Self(endpoints.0.iter().filter_map(named).collect())
    }
}

/// Plain HTTP is for simulators on the same machine only: credentials travel in these calls.
fn checked(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    (url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && is_here))
        .then(|| address.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_told_the_host_that_the_address_bar_shows() {
        let json = r#"{"stripe":{"sandbox":{"pages":"http://localhost:9001/stripe"}}}"#;
        let hosts = PayHosts::from(&GatewayEndpoints::with_overrides(json).unwrap());
        assert_eq!(hosts.of(GatewayKind::Stripe, Mode::Sandbox), "localhost:9001");
        assert_eq!(hosts.of(GatewayKind::Stripe, Mode::Live), "checkout.stripe.com", "its API is elsewhere");
        assert_eq!(hosts.of(GatewayKind::Zarinpal, Mode::Live), "payment.zarinpal.com");
    }

    #[test]
    fn what_is_left_out_keeps_its_default() {
        let json = r#"{"sep":{"live":{"api":"https://relay.example/sep/"}}}"#;
        let endpoints = GatewayEndpoints::with_overrides(json).unwrap();
        let sep = endpoints.of(GatewayKind::Sep, Mode::Live);
        assert_eq!((sep.api.as_str(), sep.pages.as_str()), ("https://relay.example/sep", "https://sep.shaparak.ir"));
        assert_eq!(endpoints.of(GatewayKind::Zarinpal, Mode::Sandbox).api, "https://sandbox.zarinpal.com");
    }

    #[test]
    fn a_call_takes_as_long_as_the_stack_says_and_never_longer_than_a_function_can_wait() {
        let given = |seconds: &str| {
            GatewayEndpoints::with_overrides(&format!(r#"{{"sep":{{"live":{{"seconds":{seconds}}}}}}}"#))
        };
        let endpoints = given("15").unwrap();
        let of = |gateway| endpoints.of(gateway, Mode::Live).longest_call.as_secs();
        assert_eq!((of(GatewayKind::Sep), of(GatewayKind::Zibal)), (15, 8));
        for wrong in ["0", "16", "-1", "\"9\""] {
            assert!(given(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_that_would_carry_credentials_in_the_clear_is_refused_and_named() {
        for json in
            [r#"{"stripe":{"live":{"api":"http://api.stripe.example"}}}"#, r#"{"stripe":{"live":{"api":"nowhere"}}}"#]
        {
            assert!(GatewayEndpoints::with_overrides(json).unwrap_err().contains("live of stripe"), "{json}");
        }
        for json in [r#"{"stripo":{}}"#, r#"{"stripe":{"test":{}}}"#, r#"{"stripe":{"live":{"host":"x"}}}"#, "[]"] {
            assert!(GatewayEndpoints::with_overrides(json).is_err(), "{json}");
        }
        assert!(
            GatewayEndpoints::with_overrides(r#"{"stripe":{"live":{"api":"http://localhost:9001/stripe"}}}"#).is_ok()
        );
    }
}

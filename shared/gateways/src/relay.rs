//! Calls that go through a relay of the business. An adapter asks for its gateway's own address; here the relay's takes the
//! place of scheme and host, and the path stays.

use std::fmt;
use std::sync::{Arc, LazyLock};

use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::relay::Relay;
use http::header::{HeaderName, HeaderValue};
use http::request::Builder;
use outbound::Http;

/// The header that tells a relay which host the call is for, so that one relay serves every gateway and every host of a
/// gateway.
const GATEWAY_HOST: &str = "paylink-gateway-host";

type MakeHttp = Box<dyn FnOnce() -> Http + Send>;

/// What calls through relays are made with. Cheap to clone.
#[derive(Clone)]
pub struct Relays {
    reach: Reach,
    /// Connections that lead to addresses within the reach only. They are made for the first call, because most processes
    /// never make one.
    http: Arc<LazyLock<Http, MakeHttp>>,
}

impl fmt::Debug for Relays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relays").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Relays {
    /// Relays within the reach, over connections that lead nowhere else.
    pub fn new(reach: Reach, http: impl FnOnce() -> Http + Send + 'static) -> Self {
        let make: MakeHttp = Box::new(http);
        Self { reach, http: Arc::new(LazyLock::new(make)) }
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Turns a call to a gateway into one to the relay. The error is a reason for logs.
    pub(crate) fn redirect(&self, request: Builder, relay: &Relay) -> Result<Builder, &'static str> {
        let address = relay.address();
        // A name is checked where it is resolved; an address that is written out, only here.
        if parse_endpoint_url(&address.url, self.reach).is_err() {
            return Err("the relay is at an address that is not called");
        }
        let (Ok(header), Ok(mut secret)) =
            (HeaderName::try_from(&address.header), HeaderValue::try_from(relay.expose_secret()))
        else {
            return Err("the relay's header cannot be written");
        };
        secret.set_sensitive(true);
        if request.headers_ref().is_some_and(|headers| headers.contains_key(&header)) {
            return Err("the relay's header is one of the gateway's own");
        }
        let Some((host, path)) = request.uri_ref().and_then(|uri| {
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            Some((uri.authority()?.as_str().to_owned(), path.to_owned()))
        }) else {
            return Err("the request could not be built");
        };
        Ok(request.uri(format!("{}{path}", address.url)).header(GATEWAY_HOST, host).header(header, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::records::relay::RelayFields;

    fn relays(reach: Reach) -> Relays {
        Relays::new(reach, || panic!("nothing is called"))
    }

    fn relay(url: &str, reach: Reach) -> Relay {
        let fields = RelayFields { url, header: "x-relay-secret", secret: "a-secret-of-the-relay", seconds: Some(12) };
        Relay::parse(&fields, reach, "").unwrap()
    }

    fn redirected(to: &str, url: &str) -> http::Request<()> {
        let request = http::Request::post(to).header("authorization", "Bearer x");
        relays(Reach::Public).redirect(request, &relay(url, Reach::Public)).unwrap().body(()).unwrap()
    }

    #[test]
    fn the_path_stays_and_the_relay_is_told_whose_it_is() {
        let zibal = redirected("https://gateway.zibal.ir/v1/request", "https://relay.example");
        assert_eq!(zibal.uri(), "https://relay.example/v1/request");
        assert_eq!(zibal.headers()[GATEWAY_HOST], "gateway.zibal.ir");
        assert_eq!(zibal.headers()["x-relay-secret"], "a-secret-of-the-relay");
        let refunds = redirected("https://api.zibal.ir/v1/account/refund", "https://relay.example/ir/");
        assert_eq!(refunds.uri(), "https://relay.example/ir/v1/account/refund");
        assert_eq!(refunds.headers()[GATEWAY_HOST], "api.zibal.ir", "the gateway's second host is reached as well");
        let stripe =
            redirected("https://api.stripe.com/v1/checkout/sessions/a?expand%5B%5D=b", "https://relay.example");
        assert_eq!(stripe.uri(), "https://relay.example/v1/checkout/sessions/a?expand%5B%5D=b");
        assert_eq!(stripe.headers()["authorization"], "Bearer x");
        assert!(!format!("{stripe:?}").contains("a-secret-of"));
    }

    #[test]
    fn an_address_that_only_we_can_reach_is_not_called_however_it_came_to_be_saved() {
        let inside = relay("https://127.0.0.1", Reach::ThisMachine);
        let request = || http::Request::post("https://gateway.zibal.ir/v1/request");
        assert!(relays(Reach::Public).redirect(request(), &inside).is_err());
        assert!(relays(Reach::ThisMachine).redirect(request(), &inside).is_ok());
    }

    #[test]
    fn a_header_of_the_gateway_is_never_replaced() {
        let request =
            http::Request::post("https://gateway.zibal.ir/v1/request").header("x-relay-secret", "the gateway's");
        let relay = relay("https://relay.example", Reach::Public);
        assert!(relays(Reach::Public).redirect(request, &relay).is_err());
    }
}

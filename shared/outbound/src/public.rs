//! Names that lead only to the open internet. A caller who names an endpoint must not make us call what only we can
//! reach, so the check is made on the very addresses that are connected to.

use std::net::IpAddr;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use domain::public_url::{Reach, is_public};

/// A resolver that knows no special addresses. Addresses written out in a URL do not pass here; they are checked with
/// the URL itself.
#[derive(Clone, Copy, Debug)]
pub struct PublicAddresses(pub Reach);

impl ResolveDns for PublicAddresses {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            let allowed = |address: &IpAddr| self.0 == Reach::ThisMachine || is_public(*address);
            let addresses: Vec<IpAddr> = found.map(|socket| socket.ip()).filter(allowed).collect();
            if addresses.is_empty() {
                return Err(ResolveDnsError::new("the name leads to no public address"));
            }
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_machine_leads_nowhere_unless_it_may() {
        assert!(PublicAddresses(Reach::Public).resolve_dns("localhost").await.is_err());
        assert!(!PublicAddresses(Reach::ThisMachine).resolve_dns("localhost").await.unwrap().is_empty());
    }
}

//! Addresses on social networks, read as the networks themselves know people. Which network it is follows from the provider
//! that the business set up for it.

use crate::address::{Mobile, SocialAddress, SocialId};
use crate::ids::ProviderId;
use crate::messages::provider_profile::ProviderKind;
use crate::messages::routing::MessageRouter;
use crate::problem::Rejection;

impl MessageRouter<'_> {
    /// Reads an id on a network. WhatsApp knows people by their mobile numbers. The id on a network that nobody has set
    /// up yet is taken as it is, and read when somebody is to be told.
    pub fn read_social(self, network: &ProviderId, id: &str) -> Result<SocialId, Rejection> {
        let kind = self.providers.get(network).map(|provider| provider.config.kind());
        if kind == Some(ProviderKind::Whatsapp) {
            Mobile::parse_id(id, &self.settings.default_region).map(SocialId::from)
        } else {
            SocialId::parse(id)
        }
    }

    /// The addresses as their networks know them, of which some were kept before anybody knew what their network is. An
    /// id that is a number in full, with its plus or without, never becomes another one, whatever the region of the
    /// business is today. One that cannot be read stays as it was kept.
    pub(crate) fn as_known(self, addresses: &[SocialAddress]) -> Vec<SocialAddress> {
        let as_known = |address: &SocialAddress| {
            let read = self.read_social(&address.network, address.id.as_str());
            SocialAddress { network: address.network.clone(), id: read.unwrap_or_else(|_| address.id.clone()) }
        };
        addresses.iter().map(as_known).collect()
    }
}

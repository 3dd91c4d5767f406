//! The providers that the business set up, and what they prove themselves with. Secrets are immutable versions in a
//! partition that crm-api writes and only deliver-messages reads.

use std::sync::PoisonError;

use domain::ids::{CredentialsVersion, ProviderId};
use domain::messages::provider::{MessageProvider, ProviderSecret};

use crate::Store;
use crate::error::StoreError;
use crate::item::{from_item, key, to_item};
use crate::keys;
use crate::revision::{Revision, to_marked_item};

impl Store {
    pub async fn provider(&self, id: &ProviderId) -> Result<Option<MessageProvider>, StoreError> {
        const READ: &str = "read a provider";
        let item = self.get(READ, key(keys::provider(id))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    /// A provider and what to write a change of it over.
    pub async fn provider_to_change(&self, id: &ProviderId) -> Result<(Option<MessageProvider>, Revision), StoreError> {
        self.record_to_change("read a provider to change it", keys::provider(id)).await
    }

    /// Writes a provider over the revision that was read and, where a new one is given, its secret as a version of its own, at
    /// once. Answers whether nobody else was faster.
    pub async fn put_provider(
        &self,
        provider: &MessageProvider,
        secret: Option<&ProviderSecret>,
        revision: &Revision,
    ) -> Result<bool, StoreError> {
        let item = to_marked_item(keys::provider(&provider.id), provider)?;
        let secret = match (secret, &provider.credentials) {
            (Some(secret), Some(version)) => Some(to_item(keys::provider_secret(&provider.id, version), secret)?),
            (None, _) | (Some(_), None) => None,
        };
        self.put_over("write a provider", item, revision, secret).await
    }

    /// Deletes a provider. Its secrets stay, and nobody uses them any more.
    pub async fn delete_provider(&self, id: &ProviderId) -> Result<bool, StoreError> {
        self.delete("delete a provider", keys::provider(id)).await
    }

    /// One version of a provider's secret. Versions never change, so each is read once.
    pub async fn provider_secret(
        &self,
        id: &ProviderId,
        version: &CredentialsVersion,
    ) -> Result<ProviderSecret, StoreError> {
        const READ: &str = "read a provider's secret";
        let at = (id.clone(), version.clone());
        let known = self.provider_secrets.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let item = self.get(READ, key(keys::provider_secret(id, version))).await?;
        let missing = StoreError::NotSetUp { missing: "a version of a provider's secret" };
        let read: ProviderSecret = from_item(READ, item.ok_or(missing)?)?;
        self.provider_secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(at, read.clone());
        Ok(read)
    }
}

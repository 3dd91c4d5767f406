//! The providers that the business set up, and what they prove themselves with. Secrets are immutable versions in a
//! partition that crm-api writes and only deliver-messages reads.

use domain::ids::{CredentialsVersion, ProviderId};
use domain::messages::provider::{MessageProvider, ProviderSecret};

use crate::Store;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;
use crate::revision::{Revision, to_marked_item};
use crate::table::{Deleted, RecordWritten};

impl Store {
    pub async fn provider(&self, id: &ProviderId) -> Result<Option<MessageProvider>, StoreError> {
        self.read("read a provider", keys::provider(id)).await
    }

    /// A provider and what to write a change of it over.
    pub async fn provider_to_change(&self, id: &ProviderId) -> Result<(Option<MessageProvider>, Revision), StoreError> {
        self.record_to_change("read a provider to change it", keys::provider(id)).await
    }

    /// Writes a provider over the revision that was read and, where a new one is given, its secret as a version of its
    /// own, at once.
    pub async fn put_provider(
        &self,
        provider: &MessageProvider,
        secret: Option<&ProviderSecret>,
        revision: &Revision,
    ) -> Result<RecordWritten, StoreError> {
        let item = to_marked_item(keys::provider(&provider.id), provider)?;
        let secret = match (secret, &provider.credentials) {
            (Some(secret), Some(version)) => Some(to_item(keys::provider_secret(&provider.id, version), secret)?),
            (None, _) | (Some(_), None) => None,
        };
        self.put_over("write a provider", item, revision, secret).await
    }

    /// Deletes a provider. Its secrets stay, and nobody uses them any more.
    pub async fn delete_provider(&self, id: &ProviderId) -> Result<Deleted, StoreError> {
        self.delete("delete a provider", keys::provider(id)).await
    }

    /// One version of a provider's secret.
    pub async fn provider_secret(
        &self,
        id: &ProviderId,
        version: &CredentialsVersion,
    ) -> Result<ProviderSecret, StoreError> {
        let at = (id.clone(), version.clone());
        if let Some(known) = self.provider_secrets.get(&at) {
            return Ok(known);
        }
        let read: Option<ProviderSecret> =
            self.read("read a provider's secret", keys::provider_secret(id, version)).await?;
        let read = read.ok_or(StoreError::NotSetUp { missing: "a version of a provider's secret" })?;
        self.provider_secrets.remember(at, &read);
        Ok(read)
    }
}

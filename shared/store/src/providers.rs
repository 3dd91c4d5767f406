//! The providers that the business set up, and what they prove themselves with. Secrets are immutable versions in a
//! table of their own that crm-api writes and only deliver-messages reads.

use domain::audit::Subject;
use domain::ids::{CredentialsVersion, ProviderId};
use domain::messages::provider::{MessageProvider, ProviderSecret};

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;
use crate::revision::{Revision, to_marked_item};
use crate::table::{Deleted, RecordWritten};

fn subject(id: &ProviderId) -> Subject {
    Subject::new("message_provider", id.as_str())
}

impl BusinessStore {
    pub async fn provider(&self, id: &ProviderId) -> Result<Option<MessageProvider>, StoreError> {
        self.store.read("read a provider", keys::provider(&self.business, id)).await
    }

    /// A provider and what to write a change of it over.
    pub async fn provider_to_change(&self, id: &ProviderId) -> Result<(Option<MessageProvider>, Revision), StoreError> {
        self.store.record_to_change("read a provider to change it", keys::provider(&self.business, id)).await
    }

    /// Writes a provider over the revision that was read and, where a new one is given, its secret as a version of its
    /// own, at once.
    pub async fn put_provider(
        &self,
        provider: &MessageProvider,
        secret: Option<&ProviderSecret>,
        revision: &Revision,
    ) -> Result<RecordWritten, StoreError> {
        let item = to_marked_item(keys::provider(&self.business, &provider.id), provider)?;
        let at = keys::provider(&self.business, &provider.id);
        let mut beside = self.log_of_writing(subject(&provider.id), at, provider, Vec::new()).await?;
        if let (Some(secret), Some(version)) = (secret, &provider.credentials) {
            let at = keys::secrets::provider(&self.business, &provider.id, version);
            beside.push(self.store.plain_put_secret(to_item(at, secret)?)?);
        }
        self.store.put_over("write a provider", item, revision, beside).await
    }

    /// Deletes a provider. Its secrets stay, and nobody uses them any more.
    pub async fn delete_provider(&self, id: &ProviderId) -> Result<Deleted, StoreError> {
        self.delete_logged("delete a provider", keys::provider(&self.business, id), subject(id)).await
    }

    /// One version of a provider's secret.
    pub async fn provider_secret(
        &self,
        id: &ProviderId,
        version: &CredentialsVersion,
    ) -> Result<ProviderSecret, StoreError> {
        let at = (self.business.clone(), id.clone(), version.clone());
        if let Some(known) = self.store.memory.provider_secrets.get(&at) {
            return Ok(known);
        }
        let read: Option<ProviderSecret> = self
            .store
            .read_secret("read a provider's secret", keys::secrets::provider(&self.business, id, version))
            .await?;
        let read = read.ok_or(StoreError::NotSetUp { missing: "a version of a provider's secret" })?;
        self.store.memory.provider_secrets.remember(at, &read);
        Ok(read)
    }
}

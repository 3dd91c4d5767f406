//! The providers that the business set up, and what is proved to them with. Secrets are immutable versions in a table
//! of their own that crm-api writes. Those that a provider gave its customer only deliver-messages reads; what messages
//! to a line of the business's own are signed with crm-api reads too, to repeat an answer that was lost.

use domain::Timestamp;
use domain::audit::Subject;
use domain::ids::{CredentialsVersion, ProviderId};
use domain::messages::provider::{MessageProvider, ProviderProof, ProviderSecret};
use domain::records::signing::SigningSecret;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;
use crate::revision::{Revision, RevisionWritten, to_marked_item};
use crate::table::RecordWritten;

/// A secret that is written with its provider, as the newest version.
#[derive(Clone, Copy, Debug)]
pub enum NewProviderSecret<'a> {
    /// What the provider gave its customer.
    Given(&'a ProviderSecret),
    /// What is signed with.
    Signing(&'a SigningSecret),
}

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
        secret: Option<NewProviderSecret<'_>>,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let item = to_marked_item(keys::provider(&self.business, &provider.id), provider)?;
        let at = keys::provider(&self.business, &provider.id);
        let mut beside = self.log_of_writing(subject(&provider.id), at, provider, Vec::new()).await?;
        let secret = match secret {
            Some(NewProviderSecret::Given(secret)) => provider
                .credentials
                .as_ref()
                .map(|version| to_item(keys::secrets::provider(&self.business, &provider.id, version), secret)),
            Some(NewProviderSecret::Signing(secret)) => provider
                .signing
                .newest()
                .map(|version| to_item(keys::secrets::line(&self.business, &provider.id, version), secret)),
            None => None,
        };
        if let Some(item) = secret.transpose()? {
            beside.push(self.store.plain_put_secret(item)?);
        }
        self.store.put_over("write a provider", item, revision, beside).await
    }

    /// Deletes a provider at the revision that was read. Its secrets stay, and nobody uses them any more.
    pub async fn delete_provider(&self, id: &ProviderId, revision: &Revision) -> Result<RecordWritten, StoreError> {
        self.delete_logged("delete a provider", keys::provider(&self.business, id), subject(id), revision).await
    }

    /// All that a provider's calls are proved with at this moment.
    pub async fn provider_proof(
        &self,
        provider: &MessageProvider,
        now: Timestamp,
    ) -> Result<ProviderProof, StoreError> {
        let mut proof = ProviderProof::default();
        if let Some(version) = &provider.credentials {
            proof.secret = Some(self.provider_secret(&provider.id, version).await?);
        }
        for version in provider.signing.at(now) {
            proof.signing.push(self.line_secret(&provider.id, version).await?);
        }
        Ok(proof)
    }

    /// One version of what messages to a provider are signed with.
    pub async fn line_secret(
        &self,
        id: &ProviderId,
        version: &CredentialsVersion,
    ) -> Result<SigningSecret, StoreError> {
        let at = (self.business.clone(), id.clone(), version.clone());
        if let Some(known) = self.store.memory.line_secrets.get(&at) {
            return Ok(known);
        }
        let key = keys::secrets::line(&self.business, id, version);
        let read: Option<SigningSecret> = self.store.read_secret("read a line's secret", key).await?;
        let read = read.ok_or(StoreError::NotSetUp { missing: "a version of a line's secret" })?;
        self.store.memory.line_secrets.remember(at, &read);
        Ok(read)
    }

    /// One version of a provider's secret.
    async fn provider_secret(
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

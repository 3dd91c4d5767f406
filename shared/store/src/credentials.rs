//! What accounts prove themselves with to gateways: immutable versions, which only the functions which talk
//! to gateways may read. crm-api writes a version with its account.

use domain::ids::{AccountId, CredentialsVersion};
use domain::records::credentials::Credentials;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::from_item;
use crate::keys;

impl BusinessStore {
    /// One version of an account's credentials.
    pub async fn credentials(
        &self,
        account: &AccountId,
        version: &CredentialsVersion,
    ) -> Result<Credentials, StoreError> {
        let at = (self.business.clone(), account.clone(), version.clone());
        if let Some(known) = self.store.memory.credentials.get(&at) {
            return Ok(known);
        }
        let read: Option<Credentials> = self
            .store
            .read_secret("read credentials", keys::secrets::credentials(&self.business, account, version))
            .await?;
        let read = read.ok_or(StoreError::NotSetUp { missing: "a version of an account's credentials" })?;
        self.store.memory.credentials.remember(at, &read);
        Ok(read)
    }

    /// All versions of an account's credentials: a webhook may still be signed with an earlier secret.
    pub async fn all_credentials(&self, account: &AccountId) -> Result<Vec<Credentials>, StoreError> {
        const READ: &str = "read all versions of credentials";
        let items = self.store.query_secrets(READ, &keys::secrets::credentials_of(&self.business, account)).await?;
        items.into_iter().map(|item| from_item(READ, item)).collect()
    }
}

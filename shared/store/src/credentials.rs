//! What accounts prove themselves with to gateways: immutable versions in partitions that only the functions which talk
//! to gateways may read. crm-api writes a version with its account.

use std::sync::PoisonError;

use domain::ids::{AccountId, CredentialsVersion};
use domain::records::credentials::Credentials;

use crate::Store;
use crate::error::StoreError;
use crate::item::{from_item, key};
use crate::keys;

impl Store {
    /// One version of an account's credentials. Versions never change, so each is read once.
    pub async fn credentials(
        &self,
        account: &AccountId,
        version: &CredentialsVersion,
    ) -> Result<Credentials, StoreError> {
        const READ: &str = "read credentials";
        let at = (account.clone(), version.clone());
        let known = self.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let item = self.get(READ, key(keys::credentials(account, version))).await?;
        let missing = StoreError::NotSetUp { missing: "a version of an account's credentials" };
        let read: Credentials = from_item(READ, item.ok_or(missing)?)?;
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(at, read.clone());
        Ok(read)
    }

    /// All versions of an account's credentials: a webhook may still be signed with an earlier secret.
    pub async fn all_credentials(&self, account: &AccountId) -> Result<Vec<Credentials>, StoreError> {
        const READ: &str = "read all versions of credentials";
        let items = self.query_partition(READ, &keys::credentials_partition(account)).await?;
        items.into_iter().map(|item| from_item(READ, item)).collect()
    }
}

//! Accounts at gateways. crm-api writes them, and create-link reads the account of a new link anew; everybody else has
//! them from the configuration.

use domain::ids::AccountId;
use domain::records::account::Account;
use domain::records::credentials::Credentials;

use crate::Store;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;
use crate::revision::{Revision, to_marked_item};
use crate::table::{Deleted, RecordWritten};

impl Store {
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.read("read an account", keys::account(id)).await
    }

    /// An account and what to write a change of it over.
    pub async fn account_to_change(&self, id: &AccountId) -> Result<(Option<Account>, Revision), StoreError> {
        self.record_to_change("read an account to change it", keys::account(id)).await
    }

    /// Writes an account over the revision that was read and, where new ones are given, its credentials as a version of
    /// their own, at once.
    pub async fn put_account(
        &self,
        account: &Account,
        credentials: Option<&Credentials>,
        revision: &Revision,
    ) -> Result<RecordWritten, StoreError> {
        let item = to_marked_item(keys::account(&account.id), account)?;
        let secret = match (credentials, &account.online_payment.credentials) {
            (Some(credentials), Some(version)) => Some(to_item(keys::credentials(&account.id, version), credentials)?),
            (None, _) | (Some(_), None) => None,
        };
        self.put_over("write an account", item, revision, secret).await
    }

    /// Deletes an account. Its credentials stay: attempts that are open are confirmed with those they began with.
    pub async fn delete_account(&self, id: &AccountId) -> Result<Deleted, StoreError> {
        self.delete("delete an account", keys::account(id)).await
    }
}

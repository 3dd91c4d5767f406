//! Accounts at gateways. crm-api writes them, and create-link reads the account of a new link anew; everybody else has
//! them from the configuration.

use domain::audit::{AuditAction, Subject};
use domain::business::look_back::LookBack;
use domain::ids::AccountId;
use domain::records::account::Account;
use domain::records::credentials::Credentials;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys;
use crate::revision::{Revision, RevisionWritten, to_marked_item};
use crate::table::RecordWritten;

fn subject(id: &AccountId) -> Subject {
    Subject::new("account", id.as_str())
}

impl BusinessStore {
    pub async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.store.read("read an account", keys::account(&self.business, id)).await
    }

    /// An account and what to write a change of it over.
    pub async fn account_to_change(&self, id: &AccountId) -> Result<(Option<Account>, Revision), StoreError> {
        self.store.record_to_change("read an account to change it", keys::account(&self.business, id)).await
    }

    /// Writes an account over the revision that was read and, where new ones are given, its credentials as a version of
    /// their own, at once. Where their gateway shows what happened to payments, its lists are looked at with them at once;
    /// where no gateway of the account does, nobody looks any more.
    pub async fn put_account(
        &self,
        account: &Account,
        credentials: Option<&Credentials>,
        revision: &Revision,
    ) -> Result<RevisionWritten, StoreError> {
        let item = to_marked_item(keys::account(&self.business, &account.id), account)?;
        let hints = credentials.map(Credentials::hints).unwrap_or_default();
        let at = keys::account(&self.business, &account.id);
        let mut beside = self.log_of_writing(subject(&account.id), at, account, hints).await?;
        if let (Some(credentials), Some(version)) = (credentials, &account.online_payment.credentials) {
            let at = keys::secrets::credentials(&self.business, &account.id, version);
            beside.push(self.store.plain_put_secret(to_item(at, credentials)?)?);
        }
        let shown_by = account.configured_gateway().ok().filter(|access| access.gateway.profile().shows_aftermath());
        match shown_by {
            Some(access) if credentials.is_some() => {
                let known = self.look_back(&account.id).await?;
                let of = (access.gateway, account.mode);
                beside.push(self.begin_look_back(&LookBack::of_credentials(account.id.clone(), of, known))?);
            }
            None if credentials.is_some() || account.online_payment.credentials.is_none() => {
                beside.push(self.end_look_back(&account.id)?);
            }
            Some(_) | None => {}
        }
        self.store.put_over("write an account", item, revision, beside).await
    }

    /// Deletes an account at the revision that was read. Its credentials stay: attempts that are open are confirmed with those they began with.
    pub async fn delete_account(&self, id: &AccountId, revision: &Revision) -> Result<RecordWritten, StoreError> {
        let mut beside = self.log(AuditAction::Deleted, subject(id), Vec::new())?;
        beside.push(self.end_look_back(id)?);
        self.store.delete_over("delete an account", keys::account(&self.business, id), revision, beside).await
    }
}

//! API keys: made, listed, revoked.

use domain::Timestamp;
use store::{ApiKey, KeyRevocation, ListedKey, Scope};

use crate::{Admin, AdminError};

/// A new key: shown once, and kept as a hash only.
#[derive(Debug)]
pub struct NewKey {
    pub key: String,
    /// What it can be revoked by.
    pub id: String,
}

impl Admin {
    /// Makes a key for an integration; with every scope, where none is named.
    pub async fn create_key(&self, integration: &str, scopes: &[&str]) -> Result<NewKey, AdminError> {
        let scopes = match scopes {
            [] => Scope::ALL.to_vec(),
            named => named.iter().map(|name| scope(name)).collect::<Result<_, _>>()?,
        };
        let integration = domain::text::parse_name(integration, 64).map_err(|error| refused(&error))?;
        let random: [u8; 32] = runtime::random().map_err(|error| refused(&error))?;
        let key = format!("plk_{}", bs58::encode(random).into_string());
        let record = ApiKey { integration, scopes, created_at: Timestamp::now() };
        let id = self.store.put_api_key(&key, &record).await?;
        Ok(NewKey { key, id })
    }

    /// Every key, the oldest first.
    pub async fn list_keys(&self) -> Result<Vec<ListedKey>, AdminError> {
        let mut keys = self.store.list_api_keys().await?;
        keys.sort_by_key(|listed| listed.key.created_at);
        Ok(keys)
    }

    /// Makes a key worthless. Functions that know it forget it within half a minute.
    pub async fn revoke_key(&self, id: &str) -> Result<(), AdminError> {
        match self.store.revoke_api_key(id).await? {
            KeyRevocation::Revoked => Ok(()),
            KeyRevocation::NoSuchKey | KeyRevocation::Ambiguous => {
                Err(AdminError::Refused(format!("there is no one key {id}; `api-key list` shows all of them")))
            }
        }
    }
}

fn scope(name: &str) -> Result<Scope, AdminError> {
    let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
    known.ok_or_else(|| AdminError::Refused(format!("{name} is no scope; there are read, write and admin")))
}

fn refused(error: &dyn std::fmt::Display) -> AdminError {
    AdminError::Refused(error.to_string())
}

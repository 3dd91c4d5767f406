//! The secret of the stack that idempotent pay tokens derive from. create-link reads it, once in a process.

use std::fmt;

use domain::ids::PayToken;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::error::StoreError;
use crate::item::to_item;
use crate::keys::secrets;
use crate::table::{Condition, PutOutcome};
use crate::{BusinessStore, Store};

/// It never changes, because a retried request would make a second link.
#[derive(Clone, Copy)]
pub(crate) struct TokenSecret([u8; 32]);

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret([secret])")
    }
}

#[derive(Serialize, Deserialize)]
struct SecretRecord {
    value: String,
}

impl TokenSecret {
    /// The length of each part goes in front of it, so that no two lists of parts meet in one text.
    fn derive(self, parts: [&str; 3]) -> Result<PayToken, StoreError> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .map_err(|error| StoreError::unreadable("derive a pay token", error))?;
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut bits = [0; 16];
        bits.copy_from_slice(mac.finalize().into_bytes().get(..16).unwrap_or(&[0; 16]));
        Ok(PayToken::from_random(bits))
    }
}

impl BusinessStore {
    /// The pay token that an idempotency key of an integration stands for. The same key gives the same token for ever, so
    /// the link itself is the record that the request was answered.
    pub async fn token_for(&self, integration: &str, idempotency_key: &str) -> Result<PayToken, StoreError> {
        self.store.token_secret().await?.derive([self.business.as_str(), integration, idempotency_key])
    }
}

impl Store {
    /// Reads the secret before anybody needs it.
    pub async fn warm_token_secret(&self) -> Result<(), StoreError> {
        self.token_secret().await.map(|_| ())
    }

    async fn token_secret(&self) -> Result<TokenSecret, StoreError> {
        self.memory.token_secret.get_or_try_init(|| self.read_token_secret()).await.copied()
    }

    async fn read_token_secret(&self) -> Result<TokenSecret, StoreError> {
        const READ: &str = "read the secret of pay tokens";
        let read: Option<SecretRecord> = self.read_secret(READ, secrets::pay_token()).await?;
        let read = read.ok_or(StoreError::NotSetUp { missing: "the secret of pay tokens" })?;
        let mut bits = [0; 32];
        hex::decode_to_slice(&read.value, &mut bits).map_err(|error| StoreError::unreadable(READ, error))?;
        Ok(TokenSecret(bits))
    }

    /// Writes the secret that idempotent pay tokens derive from, unless there is one.
    pub async fn ensure_token_secret(&self, random: [u8; 32]) -> Result<(), StoreError> {
        const WRITE: &str = "write the secret of pay tokens";
        let item = to_item(secrets::pay_token(), &SecretRecord { value: hex::encode(random) })?;
        match self.put_secret_if(WRITE, item, Condition::nothing_there()).await? {
            // Where there is one already, nothing is to be done.
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_callers_share_a_token_however_their_names_and_keys_are_cut() {
        let secret = TokenSecret([7; 32]);
        let token = |parts| secret.derive(parts).unwrap();
        assert_eq!(token(["shop", "crm", "k-1"]), token(["shop", "crm", "k-1"]));
        for other in [["sho", "pcrm", "k-1"], ["shop", "crmk", "-1"], ["shop", "crm", "k-2"], ["crm", "shop", "k-1"]] {
            assert_ne!(token(other), token(["shop", "crm", "k-1"]), "{other:?}");
        }
    }
}

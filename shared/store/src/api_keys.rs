//! The keys that the API may be called with. They are kept as hashes, so that nobody can call the API with what the
//! table holds.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use domain::Timestamp;
use domain::ids::PayToken;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Store;
use crate::cached::REREAD_PAUSE;
use crate::error::StoreError;
use crate::item::{from_item, text_of, to_item};
use crate::keys::{self, API_KEY_PREFIX, KEYS_PARTITION, SK, TOKEN_SECRET};
use crate::table::{Condition, Deleted, PutOutcome};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Read,
    Write,
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 3] = [Self::Read, Self::Write, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A key as the table knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The integration that uses the key. Idempotency keys are per integration, so that they outlive a rotated key.
    pub integration: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
}

impl ApiKey {
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// A key with the name it can be revoked by: the beginning of its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    pub id: String,
    pub key: ApiKey,
}

/// What became of revoking a key by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRevocation {
    Revoked,
    NoSuchKey,
    /// Several keys have this id, and none was revoked.
    Ambiguous,
}

/// This many characters of a hash are enough to tell the keys of one business apart.
const ID_LENGTH: usize = 12;

fn id_of(hash: &str) -> String {
    hash.chars().take(ID_LENGTH).collect()
}

/// All keys and the secret of the stack.
pub struct KeyRing {
    by_hash: HashMap<String, ApiKey>,
    token_secret: Option<[u8; 32]>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.by_hash.len()).finish_non_exhaustive()
    }
}

impl KeyRing {
    pub fn find(&self, presented: &str) -> Option<&ApiKey> {
        self.by_hash.get(&hash_of(presented))
    }

    /// Whether the secret that idempotent pay tokens derive from is there.
    pub fn has_token_secret(&self) -> bool {
        self.token_secret.is_some()
    }

    /// The pay token that an integration's idempotency key stands for. The same key gives the same token for ever, so
    /// the link itself is the record that the request was answered.
    pub fn token_for(&self, integration: &str, idempotency_key: &str) -> Result<PayToken, StoreError> {
        let secret = self.token_secret.ok_or(StoreError::NotSetUp { missing: "the secret of pay tokens" })?;
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&secret)
            .map_err(|error| StoreError::unreadable("derive a pay token", error))?;
        // The length in front keeps two pairs of strings from meeting in one text.
        mac.update(&u64::try_from(integration.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(integration.as_bytes());
        mac.update(idempotency_key.as_bytes());
        let mut bits = [0; 16];
        bits.copy_from_slice(mac.finalize().into_bytes().get(..16).unwrap_or(&[0; 16]));
        Ok(PayToken::from_random(bits))
    }
}

fn hash_of(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

#[derive(Serialize, Deserialize)]
struct TokenSecret {
    value: String,
}

impl Store {
    /// The keys, at most as old as the store was told to keep them.
    pub async fn keys(&self) -> Result<Arc<KeyRing>, StoreError> {
        let mut cached = self.keys.lock().await;
        match cached.get() {
            Some(known) => Ok(known),
            None => Ok(cached.set(self.read_keys().await?)),
        }
    }

    /// The keys for a request whose key is not among the known ones: it may have been made since.
    pub async fn newest_keys(&self) -> Result<Arc<KeyRing>, StoreError> {
        let mut cached = self.keys.lock().await;
        match cached.younger_than(REREAD_PAUSE) {
            Some(known) => Ok(known),
            None => Ok(cached.set(self.read_keys().await?)),
        }
    }

    async fn read_keys(&self) -> Result<KeyRing, StoreError> {
        const READ: &str = "read the API keys";
        let mut ring = KeyRing { by_hash: HashMap::new(), token_secret: None };
        for item in self.query_partition(READ, KEYS_PARTITION).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            if let Some(hash) = sk.strip_prefix(API_KEY_PREFIX) {
                ring.by_hash.insert(hash.to_owned(), from_item(READ, item)?);
            } else if sk == TOKEN_SECRET {
                let secret: TokenSecret = from_item(READ, item)?;
                let mut bits = [0; 32];
                hex::decode_to_slice(&secret.value, &mut bits).map_err(|error| StoreError::unreadable(READ, error))?;
                ring.token_secret = Some(bits);
            }
        }
        Ok(ring)
    }

    /// Writes a key, and answers the id it can be revoked by. The key itself is not kept.
    pub async fn put_api_key(&self, key: &str, api_key: &ApiKey) -> Result<String, StoreError> {
        let hash = hash_of(key);
        self.put("write an API key", to_item(keys::api_key(&hash), api_key)?).await?;
        Ok(id_of(&hash))
    }

    /// Every key, in no order.
    pub async fn list_api_keys(&self) -> Result<Vec<ListedKey>, StoreError> {
        let ring = self.read_keys().await?;
        Ok(ring.by_hash.into_iter().map(|(hash, key)| ListedKey { id: id_of(&hash), key }).collect())
    }

    /// Forgets the key with this id, where there is exactly one.
    pub async fn revoke_api_key(&self, id: &str) -> Result<KeyRevocation, StoreError> {
        let ring = self.read_keys().await?;
        let mut found = ring.by_hash.keys().filter(|hash| id_of(hash) == id);
        match (found.next(), found.next()) {
            (Some(hash), None) => match self.delete("revoke an API key", keys::api_key(hash)).await? {
                Deleted::Existed => Ok(KeyRevocation::Revoked),
                Deleted::Missing => Ok(KeyRevocation::NoSuchKey),
            },
            (None, _) => Ok(KeyRevocation::NoSuchKey),
            (Some(_), Some(_)) => Ok(KeyRevocation::Ambiguous),
        }
    }

    /// Writes the secret that idempotent pay tokens derive from, unless there is one: it is never changed, because a
    /// retried request would make a second link.
    pub async fn ensure_token_secret(&self, random: [u8; 32]) -> Result<(), StoreError> {
        const WRITE: &str = "write the secret of pay tokens";
        let item = to_item(keys::token_secret(), &TokenSecret { value: hex::encode(random) })?;
        match self.put_if(WRITE, item, Condition::nothing_there()).await? {
            // Where there is one already, nothing is to be done.
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok(()),
        }
    }
}

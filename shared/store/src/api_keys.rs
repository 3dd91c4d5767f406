//! The keys that the API may be called with. They are kept as hashes, so that nobody can call the API with what the
//! table holds.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Timestamp;
use domain::audit::{AuditAction, Subject, changes};
use domain::ids::BusinessId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cached::REREAD_PAUSE;
use crate::error::StoreError;
use crate::item::{from_item, text_of, to_item};
use crate::keys::{self, API_KEY_PREFIX, PLATFORM_KEYS, SK};
use crate::table::{Condition, Deleted, TransactOutcome};
use crate::{BusinessStore, Store};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Read,
    Write,
    Admin,
    /// Has money of payments sent back.
    Refund,
    /// Reports what became of messages that a line of the business's own was handed, and nothing else.
    Report,
    /// Makes, lists and suspends businesses. Only a key of the platform can have it.
    Platform,
}

impl Scope {
    pub const ALL: [Scope; 6] = [Self::Read, Self::Write, Self::Admin, Self::Refund, Self::Report, Self::Platform];

    /// What a key of a business can have.
    pub const OF_A_BUSINESS: [Scope; 5] = [Self::Read, Self::Write, Self::Admin, Self::Refund, Self::Report];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
            Self::Refund => "refund",
            Self::Report => "report",
            Self::Platform => "platform",
        }
    }
}

/// Whose a key is. The key's own text says it, so that it is looked up among the keys of one business alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyHolder {
    Business(BusinessId),
    /// Whoever runs the stack for many businesses. Such a key may act for each of them.
    Platform,
}

const OF_A_BUSINESS: &str = "plk_";
const OF_THE_PLATFORM: &str = "plp_";

impl KeyHolder {
    /// The text of a new key.
    pub fn key_from_random(&self, random: [u8; 32]) -> String {
        let random = bs58::encode(random).into_string();
        match self {
            Self::Business(business) => format!("{OF_A_BUSINESS}{business}_{random}"),
            Self::Platform => format!("{OF_THE_PLATFORM}{random}"),
        }
    }

    /// Whose a key says that it is, which makes it nobody's yet.
    pub fn of(key: &str) -> Option<Self> {
        if key.starts_with(OF_THE_PLATFORM) {
            return Some(Self::Platform);
        }
        let (business, _) = key.strip_prefix(OF_A_BUSINESS)?.rsplit_once('_')?;
        Some(Self::Business(BusinessId::parse(business).ok()?))
    }

    fn partition(&self) -> String {
        match self {
            Self::Business(business) => keys::keys_of(business),
            Self::Platform => PLATFORM_KEYS.to_owned(),
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

/// All keys of one holder.
#[derive(Debug, Default)]
pub struct KeyRing {
    by_hash: HashMap<String, ApiKey>,
}

impl KeyRing {
    pub fn find(&self, presented: &str) -> Option<&ApiKey> {
        self.by_hash.get(&hash_of(presented))
    }

    pub(crate) fn has_keys(&self) -> bool {
        !self.by_hash.is_empty()
    }

    /// The hash of the only key with this id.
    fn only(&self, id: &str) -> Result<&str, KeyRevocation> {
        let mut found = self.by_hash.keys().filter(|hash| id_of(hash) == id);
        match (found.next(), found.next()) {
            (Some(hash), None) => Ok(hash),
            (None, _) => Err(KeyRevocation::NoSuchKey),
            (Some(_), Some(_)) => Err(KeyRevocation::Ambiguous),
        }
    }
}

fn hash_of(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

impl Store {
    /// The keys of a holder, at most as old as the store was told to keep them.
    pub async fn keys(&self, of: &KeyHolder) -> Result<Arc<KeyRing>, StoreError> {
        self.memory.key_rings.get(of, self.read_keys(of)).await
    }

    /// The keys for a request whose key is not among the known ones: it may have been made since.
    pub async fn newest_keys(&self, of: &KeyHolder) -> Result<Arc<KeyRing>, StoreError> {
        self.memory.key_rings.younger_than(of, REREAD_PAUSE, self.read_keys(of)).await
    }

    async fn read_keys(&self, of: &KeyHolder) -> Result<KeyRing, StoreError> {
        const READ: &str = "read the API keys";
        let mut ring = KeyRing::default();
        for item in self.query_partition(READ, &of.partition()).await? {
            let hash = text_of(&item, SK).and_then(|sk| sk.strip_prefix(API_KEY_PREFIX)).map(str::to_owned);
            if let Some(hash) = hash {
                ring.by_hash.insert(hash, from_item(READ, item)?);
            }
        }
        Ok(ring)
    }

    /// Writes a key, and answers the id it can be revoked by. The key itself is not kept.
    pub async fn put_api_key(&self, of: &KeyHolder, key: &str, api_key: &ApiKey) -> Result<String, StoreError> {
        let hash = hash_of(key);
        self.put("write an API key", to_item(keys::api_key(&of.partition(), &hash), api_key)?).await?;
        Ok(id_of(&hash))
    }

    /// Every key of a holder, in no order.
    pub async fn list_api_keys(&self, of: &KeyHolder) -> Result<Vec<ListedKey>, StoreError> {
        let ring = self.read_keys(of).await?;
        Ok(ring.by_hash.into_iter().map(|(hash, key)| ListedKey { id: id_of(&hash), key }).collect())
    }

    /// Forgets the holder's key with this id, where there is exactly one.
    pub async fn revoke_api_key(&self, of: &KeyHolder, id: &str) -> Result<KeyRevocation, StoreError> {
        let ring = self.read_keys(of).await?;
        let hash = match ring.only(id) {
            Ok(hash) => hash,
            Err(why) => return Ok(why),
        };
        Ok(match self.delete("revoke an API key", keys::api_key(&of.partition(), hash)).await? {
            Deleted::Existed => KeyRevocation::Revoked,
            Deleted::Missing => KeyRevocation::NoSuchKey,
        })
    }
}

impl BusinessStore {
    /// Writes a key of this business, and answers the id it can be revoked by. The key itself is not kept.
    pub async fn put_api_key(&self, key: &str, api_key: &ApiKey) -> Result<String, StoreError> {
        const WRITE: &str = "write an API key";
        let hash = hash_of(key);
        let id = id_of(&hash);
        let item = to_item(keys::api_key(&keys::keys_of(&self.business), &hash), api_key)?;
        let what = changes(&Value::Null, &serde_json::to_value(api_key).unwrap_or_default());
        let mut writes = self.log(AuditAction::KeyMade, Subject::new("api_key", &id), what)?;
        writes.push(self.store.plain_put(item)?);
        // No write of it has a condition.
        self.store.transact(WRITE, writes).await.map(drop)?;
        Ok(id)
    }

    /// Forgets the business's key with this id, where there is exactly one.
    pub async fn revoke_api_key(&self, id: &str) -> Result<KeyRevocation, StoreError> {
        const WRITE: &str = "revoke an API key";
        let ring = self.store.read_keys(&KeyHolder::Business(self.business.clone())).await?;
        let hash = match ring.only(id) {
            Ok(hash) => hash,
            Err(why) => return Ok(why),
        };
        let at = keys::api_key(&keys::keys_of(&self.business), hash);
        let mut writes = self.log(AuditAction::KeyRevoked, Subject::new("api_key", id), Vec::new())?;
        writes.push(self.store.conditional_delete(at, Condition::new("attribute_exists(pk)", []))?);
        Ok(match self.store.transact(WRITE, writes).await? {
            TransactOutcome::Committed => KeyRevocation::Revoked,
            TransactOutcome::Cancelled(_) => KeyRevocation::NoSuchKey,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_whose_it_is() {
        let shop = KeyHolder::Business(BusinessId::parse("corner-shop").unwrap());
        for holder in [shop, KeyHolder::Platform] {
            assert_eq!(KeyHolder::of(&holder.key_from_random([7; 32])), Some(holder));
        }
        for nobody in ["", "plk_", "plk_random", "plk_Shop_random", "plk_-_random", "sk_shop_random"] {
            assert_eq!(KeyHolder::of(nobody), None, "{nobody}");
        }
    }
}

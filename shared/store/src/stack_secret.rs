//! Secrets of the stack that texts are hashed with. Each is made once, and never changes, because what was hashed with it
//! has to be found again.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Store;
use crate::error::StoreError;
use crate::item::to_item;
use crate::keys::Key;
use crate::table::{Condition, PutOutcome};

#[derive(Clone, Copy)]
pub(crate) struct StackSecret([u8; 32]);

impl fmt::Debug for StackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StackSecret([secret])")
    }
}

#[derive(Serialize, Deserialize)]
struct SecretRecord {
    value: String,
}

impl StackSecret {
    #[cfg(test)]
    pub(crate) fn of_tests(byte: u8) -> Self {
        Self([byte; 32])
    }

    /// The first 128 bits of an HMAC-SHA256. The length of each part goes in front of it, so that no two lists of parts meet
    /// in one text.
    pub(crate) fn hash(self, operation: &'static str, parts: [&str; 3]) -> Result<[u8; 16], StoreError> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .map_err(|error| StoreError::unreadable(operation, error))?;
        for part in parts {
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut bits = [0; 16];
        bits.copy_from_slice(mac.finalize().into_bytes().get(..16).unwrap_or(&[0; 16]));
        Ok(bits)
    }
}

impl Store {
    /// `what` it is, where it is missing.
    pub(crate) async fn read_stack_secret(
        &self,
        operation: &'static str,
        at: Key,
        what: &'static str,
    ) -> Result<StackSecret, StoreError> {
        let read: Option<SecretRecord> = self.read_secret(operation, at).await?;
        let read = read.ok_or(StoreError::NotSetUp { missing: what })?;
        let mut bits = [0; 32];
        hex::decode_to_slice(&read.value, &mut bits).map_err(|error| StoreError::unreadable(operation, error))?;
        Ok(StackSecret(bits))
    }

    /// Writes a secret, unless there is one.
    pub(crate) async fn ensure_stack_secret(
        &self,
        operation: &'static str,
        at: Key,
        random: [u8; 32],
    ) -> Result<(), StoreError> {
        let item = to_item(at, &SecretRecord { value: hex::encode(random) })?;
        match self.put_secret_if(operation, item, Condition::nothing_there()).await? {
            // Where there is one already, nothing is to be done.
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_share_a_hash_however_they_are_cut() {
        let secret = StackSecret::of_tests(7);
        let hash = |parts| secret.hash("hash", parts).unwrap();
        assert_eq!(hash(["shop", "crm", "k-1"]), hash(["shop", "crm", "k-1"]));
        for other in [["sho", "pcrm", "k-1"], ["shop", "crmk", "-1"], ["shop", "crm", "k-2"], ["crm", "shop", "k-1"]] {
            assert_ne!(hash(other), hash(["shop", "crm", "k-1"]), "{other:?}");
        }
    }
}

//! The senders that the business set up, and what they prove themselves with. Secrets are immutable versions in a
//! partition that crm-api writes and only deliver-messages reads.

use std::sync::PoisonError;

use domain::ids::{CredentialsVersion, SenderId};
use domain::messages::provider::{MessageSender, SenderSecret};

use crate::Store;
use crate::error::StoreError;
use crate::item::{Seen, from_item, key, to_item, to_marked_item};
use crate::keys;

impl Store {
    pub async fn sender(&self, id: &SenderId) -> Result<Option<MessageSender>, StoreError> {
        const READ: &str = "read a sender";
        let item = self.get(READ, key(keys::sender(id))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    /// A sender and what to write a change of it over.
    pub async fn sender_to_change(&self, id: &SenderId) -> Result<(Option<MessageSender>, Seen), StoreError> {
        self.record_to_change("read a sender to change it", keys::sender(id)).await
    }

    /// Writes a sender over what was seen of it and, where a new one is given, its secret as a version of its own, at
    /// once. Answers whether nobody else was faster.
    pub async fn put_sender(
        &self,
        sender: &MessageSender,
        secret: Option<&SenderSecret>,
        seen: &Seen,
    ) -> Result<bool, StoreError> {
        let item = to_marked_item(keys::sender(&sender.id), sender)?;
        let secret = match (secret, &sender.credentials) {
            (Some(secret), Some(version)) => Some(to_item(keys::sender_secret(&sender.id, version), secret)?),
            (None, _) | (Some(_), None) => None,
        };
        self.put_over("write a sender", item, seen, secret).await
    }

    /// Deletes a sender. Its secrets stay, and nobody uses them any more.
    pub async fn delete_sender(&self, id: &SenderId) -> Result<bool, StoreError> {
        self.delete("delete a sender", keys::sender(id)).await
    }

    /// One version of a sender's secret. Versions never change, so each is read once.
    pub async fn sender_secret(&self, id: &SenderId, version: &CredentialsVersion) -> Result<SenderSecret, StoreError> {
        const READ: &str = "read a sender's secret";
        let at = (id.clone(), version.clone());
        let known = self.sender_secrets.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let item = self.get(READ, key(keys::sender_secret(id, version))).await?;
        let missing = StoreError::NotSetUp { missing: "a version of a sender's secret" };
        let read: SenderSecret = from_item(READ, item.ok_or(missing)?)?;
        self.sender_secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(at, read.clone());
        Ok(read)
    }
}

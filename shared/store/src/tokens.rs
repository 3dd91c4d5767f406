//! The secret of the stack that idempotent pay tokens derive from. create-link reads it, once in a process.

use domain::ids::PayToken;

use crate::error::StoreError;
use crate::keys::secrets;
use crate::stack_secret::StackSecret;
use crate::{BusinessStore, Store};

impl BusinessStore {
    /// The pay token that an idempotency key of an integration stands for. The same key gives the same token for ever, so
    /// the link itself is the record that the request was answered.
    pub async fn token_for(&self, integration: &str, idempotency_key: &str) -> Result<PayToken, StoreError> {
        let parts = [self.business.as_str(), integration, idempotency_key];
        let bits = self.store.token_secret().await?.hash("derive a pay token", parts)?;
        Ok(PayToken::from_random(bits))
    }
}

impl Store {
    /// Reads the secret before anybody needs it.
    pub async fn warm_token_secret(&self) -> Result<(), StoreError> {
        self.token_secret().await.map(|_| ())
    }

    async fn token_secret(&self) -> Result<StackSecret, StoreError> {
        const READ: &str = "read the secret of pay tokens";
        let read = || self.read_stack_secret(READ, secrets::pay_token(), "the secret of pay tokens");
        self.memory.token_secret.get_or_try_init(read).await.copied()
    }

    /// Writes the secret that idempotent pay tokens derive from, unless there is one. A retried request would make a second
    /// link if it ever changed.
    pub async fn ensure_token_secret(&self, random: [u8; 32]) -> Result<(), StoreError> {
        self.ensure_stack_secret("write the secret of pay tokens", secrets::pay_token(), random).await
    }
}

//! The CRM's endpoints: in a partition of their own, because they carry secrets that most functions must not read.

use std::sync::Arc;

use domain::ids::EndpointId;
use domain::records::webhook_endpoint::WebhookEndpoint;

use crate::Store;
use crate::error::StoreError;
use crate::item::{from_item, to_item};
use crate::keys::{self, WEBHOOKS_PARTITION};
use crate::table::{Condition, Deleted, PutOutcome, RecordWritten};

impl Store {
    /// All endpoints, at most as old as the store was told to keep them.
    pub async fn endpoints(&self) -> Result<Arc<Vec<WebhookEndpoint>>, StoreError> {
        let mut cached = self.endpoints.lock().await;
        match cached.get() {
            Some(known) => Ok(known),
            None => Ok(cached.set(self.read_endpoints().await?)),
        }
    }

    /// All endpoints as the table holds them at this moment.
    pub async fn fresh_endpoints(&self) -> Result<Arc<Vec<WebhookEndpoint>>, StoreError> {
        let mut cached = self.endpoints.lock().await;
        Ok(cached.set(self.read_endpoints().await?))
    }

    async fn read_endpoints(&self) -> Result<Vec<WebhookEndpoint>, StoreError> {
        const READ: &str = "read the endpoints";
        let items = self.query_partition(READ, WEBHOOKS_PARTITION).await?;
        items.into_iter().map(|item| from_item(READ, item)).collect()
    }

    pub async fn endpoint(&self, id: &EndpointId) -> Result<Option<WebhookEndpoint>, StoreError> {
        self.read("read an endpoint", keys::endpoint(id)).await
    }

    /// Writes an endpoint over the version it was decided on; the first version where there is none. Our own write
    /// whose answer was lost, and which was therefore sent again, finds itself: the secret of a new endpoint is random,
    /// and is shown only to the caller who made it.
    pub async fn replace_endpoint(&self, endpoint: &WebhookEndpoint) -> Result<RecordWritten, StoreError> {
        const WRITE: &str = "write an endpoint";
        let item = to_item(keys::endpoint(&endpoint.id), endpoint)?;
        let condition = match endpoint.version {
            1 => Condition::nothing_there(),
            version => Condition::version(version - 1),
        };
        match self.put_if(WRITE, item, condition).await? {
            PutOutcome::Written => Ok(RecordWritten::Applied),
            // It was deleted meanwhile.
            PutOutcome::StoodAgainst(current) if current.is_empty() => Ok(RecordWritten::Rejected),
            PutOutcome::StoodAgainst(current) => {
                let is_ours = from_item::<WebhookEndpoint>(WRITE, current)? == *endpoint;
                Ok(if is_ours { RecordWritten::Applied } else { RecordWritten::Rejected })
            }
        }
    }

    pub async fn delete_endpoint(&self, id: &EndpointId) -> Result<Deleted, StoreError> {
        self.delete("delete an endpoint", keys::endpoint(id)).await
    }
}

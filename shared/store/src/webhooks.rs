//! The CRM's endpoints, and what events to them are signed with. An endpoint names the versions of its secret, which lie in
//! the table of secrets: crm-api writes both, deliver-messages signs.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::Timestamp;
use domain::audit::Subject;
use domain::ids::{BusinessId, CredentialsVersion, EndpointId};
use domain::records::signing::SigningSecret;
use domain::records::webhook_endpoint::WebhookEndpoint;

use crate::error::StoreError;
use crate::item::{Item, from_item, number, text, text_of, to_item};
use crate::keys::{self, BUSINESS, DUE_AT, DUE_ENDPOINTS_SHARD, DUE_KIND, DueKind, ENDPOINT_PREFIX, PK, SK, secrets};
use crate::table::{Condition, PutOutcome, RecordWritten};
use crate::{BusinessStore, Store};

/// An endpoint that was made or changed a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEndpoint {
    pub business: BusinessId,
    pub id: EndpointId,
}

impl Store {
    /// Endpoints that were made or changed a moment ago, the longest waiting first, until somebody says that they are
    /// [settled](BusinessStore::settle_endpoint).
    pub async fn due_endpoints(&self, now: Timestamp, most: i32) -> Result<Vec<DueEndpoint>, StoreError> {
        let shard = DueKind::Endpoint.shard(DUE_ENDPOINTS_SHARD);
        let (items, _) = self.due("find changed endpoints", shard, now, (Some(most), &[]), None).await?;
        let due = |item: &Item| {
            Some(DueEndpoint {
                business: keys::business_of(text_of(item, PK)?, "webhooks")?,
                id: EndpointId::parse(text_of(item, SK)?.strip_prefix(ENDPOINT_PREFIX)?).ok()?,
            })
        };
        Ok(items.iter().filter_map(due).collect())
    }
}

fn subject(id: &EndpointId) -> Subject {
    Subject::new("webhook_endpoint", id.as_str())
}

impl BusinessStore {
    /// All endpoints, at most as old as the store was told to keep them.
    pub async fn endpoints(&self) -> Result<Arc<Vec<WebhookEndpoint>>, StoreError> {
        self.store.memory.endpoints.get(&self.business, self.read_endpoints()).await
    }

    /// All endpoints as the table holds them at this moment.
    pub async fn fresh_endpoints(&self) -> Result<Arc<Vec<WebhookEndpoint>>, StoreError> {
        self.store.memory.endpoints.younger_than(&self.business, Duration::ZERO, self.read_endpoints()).await
    }

    async fn read_endpoints(&self) -> Result<Vec<WebhookEndpoint>, StoreError> {
        const READ: &str = "read the endpoints";
        let items = self.store.query_partition(READ, &keys::webhooks_of(&self.business)).await?;
        items.into_iter().map(|item| from_item(READ, item)).collect()
    }

    pub async fn endpoint(&self, id: &EndpointId) -> Result<Option<WebhookEndpoint>, StoreError> {
        self.store.read("read an endpoint", keys::endpoint(&self.business, id)).await
    }

    /// One version of what events to an endpoint are signed with.
    pub async fn signing_secret(
        &self,
        endpoint: &EndpointId,
        version: &CredentialsVersion,
    ) -> Result<SigningSecret, StoreError> {
        let at = (self.business.clone(), endpoint.clone(), version.clone());
        if let Some(known) = self.store.memory.signing_secrets.get(&at) {
            return Ok(known);
        }
        let key = secrets::endpoint(&self.business, endpoint, version);
        let read: Option<SigningSecret> = self.store.read_secret("read an endpoint's secret", key).await?;
        let read = read.ok_or(StoreError::NotSetUp { missing: "a version of an endpoint's secret" })?;
        self.store.memory.signing_secrets.remember(at, &read);
        Ok(read)
    }

    /// Writes an endpoint over the version it was decided on, the first version where there is none, and at once with it
    /// the newest version of its secret where that is a new one. Our own write whose answer was lost, and which was
    /// therefore sent again, finds itself: the version of a new secret is random.
    ///
    /// Where somebody set the endpoint, it is due until it is [settled](Self::settle_endpoint).
    pub async fn replace_endpoint(
        &self,
        endpoint: &WebhookEndpoint,
        secret: Option<&SigningSecret>,
    ) -> Result<RecordWritten, StoreError> {
        let mut item = to_item(keys::endpoint(&self.business, &endpoint.id), endpoint)?;
        if let Some(changed_at) = endpoint.changed_at {
            item.insert(BUSINESS.to_owned(), text(self.business.as_str()));
            item.insert(DUE_KIND.to_owned(), text(DueKind::Endpoint.shard(DUE_ENDPOINTS_SHARD)));
            item.insert(DUE_AT.to_owned(), number(changed_at.as_millisecond()));
        }
        let condition = match endpoint.version {
            1 => Condition::nothing_there(),
            version => Condition::version(version - 1),
        };
        let at = keys::endpoint(&self.business, &endpoint.id);
        let before = if self.is_signed() { self.store.read("read what is changed", at).await? } else { None };
        let mut beside = self.log_of_endpoint(subject(&endpoint.id), before, endpoint)?;
        if let (Some(secret), Some(newest)) = (secret, endpoint.secrets.newest()) {
            let at = secrets::endpoint(&self.business, &endpoint.id, newest);
            beside.push(self.store.plain_put_secret(to_item(at, secret)?)?);
        }
        self.write_endpoint(endpoint, item, condition, beside).await
    }

    /// Takes a changed endpoint out of the index of due work, unless it was changed again.
    pub async fn settle_endpoint(&self, endpoint: &WebhookEndpoint) -> Result<RecordWritten, StoreError> {
        let item = to_item(keys::endpoint(&self.business, &endpoint.id), endpoint)?;
        self.write_endpoint(endpoint, item, Condition::version(endpoint.version - 1), Vec::new()).await
    }

    async fn write_endpoint(
        &self,
        endpoint: &WebhookEndpoint,
        item: Item,
        condition: Condition,
        beside: Vec<TransactWriteItem>,
    ) -> Result<RecordWritten, StoreError> {
        const WRITE: &str = "write an endpoint";
        match self.store.put_with(WRITE, item, condition, beside).await? {
            PutOutcome::Written => Ok(RecordWritten::Applied),
            // It was deleted meanwhile.
            PutOutcome::StoodAgainst(current) if current.is_empty() => Ok(RecordWritten::Rejected),
            PutOutcome::StoodAgainst(current) => {
                let is_ours = from_item::<WebhookEndpoint>(WRITE, current)? == *endpoint;
                Ok(if is_ours { RecordWritten::Applied } else { RecordWritten::Rejected })
            }
        }
    }

    /// Deletes an endpoint as it was read. Its secrets stay, and nobody signs with them any more.
    pub async fn delete_endpoint(&self, known: &WebhookEndpoint) -> Result<RecordWritten, StoreError> {
        let at = keys::endpoint(&self.business, &known.id);
        self.delete_endpoint_logged("delete an endpoint", at, subject(&known.id), known).await
    }
}

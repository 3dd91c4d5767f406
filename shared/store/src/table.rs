//! What is asked of DynamoDB, for every file of this crate: reads, writes and what a conditional write answers. What
//! an item is, and which condition guards it, is said where the thing is kept.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, KeysAndAttributes, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::Timestamp;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, key, number, text};
use crate::keys::{self, DUE_AT, DUE_INDEX, DUE_KIND, PK};

impl Store {
    pub(crate) async fn get(&self, operation: &'static str, key: Item) -> Result<Option<Item>, StoreError> {
        let answer =
            self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true).send().await;
        Ok(answer.map_err(|error| StoreError::service(operation, &error))?.item)
    }

    /// All items of a partition, read consistently.
    pub(crate) async fn query_partition(&self, operation: &'static str, pk: &str) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#pk = :pk")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":pk", text(pk))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service(operation, &error))?;
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// Up to a hundred items at a time; what DynamoDB leaves unprocessed is asked for again.
    pub(crate) async fn batch_get(&self, operation: &'static str, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        for chunk in keys.chunks(100) {
            let mut wanted = Some(chunk.to_vec());
            let mut pauses = Pauses::default();
            while let Some(keys) = wanted.take().filter(|keys| !keys.is_empty()) {
                let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
                let request = request.map_err(|error| StoreError::unreadable(operation, error))?;
                let answer = self
                    .client
                    .batch_get_item()
                    .request_items(&self.table, request)
                    .send()
                    .await
                    .map_err(|error| StoreError::service(operation, &error))?;
                items.extend(answer.responses.unwrap_or_default().into_values().flatten());
                wanted = answer.unprocessed_keys.unwrap_or_default().remove(&self.table).map(|rest| rest.keys);
                let is_whole = wanted.as_ref().is_none_or(Vec::is_empty);
                if !is_whole && !pauses.pause().await {
                    return Err(StoreError::Unavailable { operation, reason: "it left keys unprocessed".to_owned() });
                }
            }
        }
        Ok(items)
    }

    /// What waits in one shard of the index, after a key of it, and the key after which there is more.
    pub(crate) async fn due(
        &self,
        operation: &'static str,
        shard: String,
        now: Timestamp,
        most: i32,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(DUE_INDEX)
            .key_condition_expression("#kind = :kind AND #at <= :now")
            .expression_attribute_names("#kind", DUE_KIND)
            .expression_attribute_names("#at", DUE_AT)
            .expression_attribute_values(":kind", text(shard))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .limit(most)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::service(operation, &error))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    pub(crate) async fn put(&self, operation: &'static str, item: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await;
        put.map(|_| ()).map_err(|error| StoreError::service(operation, &error))
    }

    /// A put that happens only where the condition holds. The inner error is the item that stood against it, empty where
    /// there is none.
    pub(crate) async fn put_if(
        &self,
        operation: &'static str,
        item: Item,
        condition: &str,
        values: Item,
    ) -> Result<Result<(), Item>, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Ok(())) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Err(failed.item().cloned().unwrap_or_default()))
            }
            _ => Err(StoreError::service(operation, &error)),
        }
    }

    /// Deletes an item of the table. Answers whether there was one.
    pub(crate) async fn delete(&self, operation: &'static str, at: keys::Key) -> Result<bool, StoreError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(at)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(|error| StoreError::service(operation, &error))?;
        Ok(deleted.attributes.is_some_and(|item| !item.is_empty()))
    }

    /// Writes two items at once or not at all.
    pub(crate) async fn put_both(&self, operation: &'static str, first: Item, second: Item) -> Result<(), StoreError> {
        self.client
            .transact_write_items()
            .transact_items(plain_put(self, first)?)
            .transact_items(plain_put(self, second)?)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::service(operation, &error))
    }

    /// Runs a transaction. The inner error carries the reasons of a transaction that a condition cancelled; conflicts
    /// with another transaction are tried again here, because nothing was decided by them.
    pub(crate) async fn transact(
        &self,
        operation: &'static str,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Result<(), Vec<CancellationReason>>, StoreError> {
        let mut pauses = Pauses::default();
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = sent else { return Ok(Ok(())) };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = cancelled.cancellation_reasons().to_vec();
                    if reasons.iter().any(|reason| reason.code() == Some("ConditionalCheckFailed")) {
                        return Ok(Err(reasons));
                    }
                }
                _ => return Err(StoreError::service(operation, &error)),
            }
            if !pauses.pause().await {
                return Err(StoreError::Unavailable {
                    operation,
                    reason: "the transaction kept meeting others".to_owned(),
                });
            }
        }
    }
}

/// How long to wait before what DynamoDB turned away is tried again: longer each time, and not without end.
struct Pauses(Duration);

/// No pause is longer than twice this, so that eight tries wait for five seconds at most. Fifty at one reference need
/// nearly as long on a slow engine.
const LONGEST_PAUSE: Duration = Duration::from_millis(1300);

impl Default for Pauses {
    fn default() -> Self {
        Self(Duration::from_millis(20))
    }
}

impl Pauses {
    /// Waits, unless that was done often enough.
    async fn pause(&mut self) -> bool {
        if self.0 > LONGEST_PAUSE {
            return false;
        }
        // Two that met once should not meet again: up to twice the pause, at random.
        let jitter = getrandom::u32().unwrap_or_default() % 256;
        tokio::time::sleep(self.0 + self.0 * jitter / 256).await;
        self.0 *= 2;
        true
    }
}

pub(crate) fn conditional_put(
    store: &Store,
    item: Item,
    condition: &str,
    values: Item,
) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(&store.table)
        .set_item(Some(item))
        .condition_expression(condition)
        .set_expression_attribute_values((!values.is_empty()).then_some(values))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|error| StoreError::unreadable("build a write", error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// A put that happens with the others, whatever was there.
pub(crate) fn plain_put(store: &Store, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder().table_name(&store.table).set_item(Some(item)).build();
    put.map(|put| TransactWriteItem::builder().put(put).build())
        .map_err(|error| StoreError::unreadable("build a write", error))
}

/// The item that made the write at this position fail, if it was this one. An item that does not exist comes back empty.
pub(crate) fn failed_on(reasons: &[CancellationReason], position: usize) -> Option<Item> {
    let reason = reasons.get(position)?;
    (reason.code() == Some("ConditionalCheckFailed")).then(|| reason.item().cloned().unwrap_or_default())
}

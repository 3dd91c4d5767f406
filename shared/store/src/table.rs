//! What is asked of DynamoDB, for every file of this crate: reads, writes, and what a conditional write answers. Which
//! item a thing is, and which condition guards it, is said by the file of the thing.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, KeysAndAttributes, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update, WriteRequest,
};
use domain::Timestamp;
use domain::ids::BusinessId;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, from_item, key, number, text};
use crate::keys::{BUSINESS, DUE_AT, DUE_INDEX, DUE_KIND, Key, PK};

/// DynamoDB takes this many writes in one batch.
const BATCH: usize = 25;

/// Under which condition a write happens.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    expression: &'static str,
    values: Item,
    /// Of attributes whose own names DynamoDB keeps for itself.
    names: HashMap<String, String>,
}

impl Condition {
    pub(crate) fn new<const N: usize>(expression: &'static str, values: [(&'static str, AttributeValue); N]) -> Self {
        let values = values.map(|(name, value)| (name.to_owned(), value)).into();
        Self { expression, values, names: HashMap::new() }
    }

    /// With a name that stands for an attribute in its expression.
    pub(crate) fn naming(mut self, name: &'static str, attribute: &'static str) -> Self {
        self.names.insert(name.to_owned(), attribute.to_owned());
        self
    }

    /// There is no item under the key.
    pub(crate) fn nothing_there() -> Self {
        Self::new("attribute_not_exists(pk)", [])
    }

    /// There is an item under the key.
    pub(crate) fn something_there() -> Self {
        Self::new("attribute_exists(pk)", [])
    }

    /// The item has the version that a change was decided on.
    pub(crate) fn version(seen: impl std::fmt::Display) -> Self {
        Self::new("version = :seen", [(":seen", number(seen))])
    }
}

/// What became of a put with a condition.
#[derive(Debug)]
#[must_use]
pub(crate) enum PutOutcome {
    Written,
    /// The condition did not hold for this item, which is empty where there is none.
    StoodAgainst(Item),
}

/// What became of a transaction.
#[derive(Debug)]
#[must_use]
pub(crate) enum TransactOutcome {
    Committed,
    /// At least one condition did not hold, and nothing was written.
    Cancelled(Reasons),
}

/// Why a transaction was cancelled: a reason for each write, in the order of the writes.
#[derive(Debug)]
pub(crate) struct Reasons(Vec<CancellationReason>);

impl Reasons {
    /// The item for which the condition of the write at this position did not hold, empty where there is none. `None` where
    /// the write was not what cancelled the transaction.
    pub(crate) fn item_at(&self, position: usize) -> Option<Item> {
        let reason = self.0.get(position)?;
        is_failed_condition(reason).then(|| reason.item().cloned().unwrap_or_default())
    }

    /// Whether a condition of the write at this position, or of one behind it, did not hold.
    pub(crate) fn failed_from(&self, position: usize) -> bool {
        self.0.iter().skip(position).any(is_failed_condition)
    }
}

fn is_failed_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// What became of writing a record over what was read of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordWritten {
    /// By this try, or by our own earlier one whose answer was lost.
    Applied,
    /// Somebody else changed the record since it was read. Nothing was written; decide again on what it is now.
    Rejected,
}

impl From<PutOutcome> for RecordWritten {
    fn from(outcome: PutOutcome) -> Self {
        match outcome {
            PutOutcome::Written => Self::Applied,
            PutOutcome::StoodAgainst(_) => Self::Rejected,
        }
    }
}

/// What became of deleting something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    Existed,
    /// There was nothing to delete.
    Missing,
}

impl Store {
    pub(crate) async fn get(&self, operation: &'static str, at: Key) -> Result<Option<Item>, StoreError> {
        self.get_from(&self.table, operation, at).await
    }

    async fn get_from(&self, table: &str, operation: &'static str, at: Key) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(table).set_key(Some(key(at))).consistent_read(true);
        let answer = get.send().await.map_err(|error| StoreError::service(operation, &error))?;
        Ok(answer.item)
    }

    /// The secret under a key of the table of secrets.
    pub(crate) async fn read_secret<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        at: Key,
    ) -> Result<Option<T>, StoreError> {
        let item = self.get_from(&self.secrets_table, operation, at).await?;
        item.map(|item| from_item(operation, item)).transpose()
    }

    /// The value of the item under a key.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        at: Key,
    ) -> Result<Option<T>, StoreError> {
        let item = self.get(operation, at).await?;
        item.map(|item| from_item(operation, item)).transpose()
    }

    /// All items of a partition, read consistently.
    pub(crate) async fn query_partition(&self, operation: &'static str, pk: &str) -> Result<Vec<Item>, StoreError> {
        self.query_from(&self.table, operation, pk).await
    }

    /// All secrets of a partition of the table of secrets.
    pub(crate) async fn query_secrets(&self, operation: &'static str, pk: &str) -> Result<Vec<Item>, StoreError> {
        self.query_from(&self.secrets_table, operation, pk).await
    }

    async fn query_from(&self, table: &str, operation: &'static str, pk: &str) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(table)
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

    /// Up to a hundred items at a time, in any order; what DynamoDB leaves unprocessed is asked for again.
    pub(crate) fn batch_get(
        &self,
        operation: &'static str,
        keys: Vec<Key>,
    ) -> impl Future<Output = Result<Vec<Item>, StoreError>> + Send {
        self.batch_get_from(&self.table, operation, keys)
    }

    /// The same of one of the tables.
    pub(crate) async fn batch_get_from(
        &self,
        table: &str,
        operation: &'static str,
        keys: Vec<Key>,
    ) -> Result<Vec<Item>, StoreError> {
        let keys: Vec<Item> = keys.into_iter().map(key).collect();
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
                    .request_items(table, request)
                    .send()
                    .await
                    .map_err(|error| StoreError::service(operation, &error))?;
                items.extend(answer.responses.unwrap_or_default().into_values().flatten());
                wanted = answer.unprocessed_keys.unwrap_or_default().remove(table).map(|rest| rest.keys);
                let is_whole = wanted.as_ref().is_none_or(Vec::is_empty);
                if !is_whole && !pauses.pause().await {
                    return Err(StoreError::Unavailable { operation, reason: "it left keys unprocessed".to_owned() });
                }
            }
        }
        Ok(items)
    }

    /// What waits in one shard of the index of due work, after a key of it, and the key after which there is more. At most
    /// so many entries are read, and a megabyte of them otherwise; those of the businesses that are passed over are read and
    /// not answered.
    pub(crate) async fn due(
        &self,
        operation: &'static str,
        shard: String,
        now: Timestamp,
        (most, passed_over): (Option<i32>, &[&BusinessId]),
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(DUE_INDEX)
            .key_condition_expression("#kind = :kind AND #at <= :now")
            .expression_attribute_names("#kind", DUE_KIND)
            .expression_attribute_names("#at", DUE_AT)
            .expression_attribute_values(":kind", text(shard))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .set_limit(most)
            .set_exclusive_start_key(start);
        if !passed_over.is_empty() {
            let names: Vec<String> = (0..passed_over.len()).map(|number| format!(":other{number}")).collect();
            query = query
                .filter_expression(format!("NOT (#business IN ({}))", names.join(", ")))
                .expression_attribute_names("#business", BUSINESS);
            for (name, business) in names.into_iter().zip(passed_over) {
                query = query.expression_attribute_values(name, text(business.as_str()));
            }
        }
        let answer = query.send().await.map_err(|error| StoreError::service(operation, &error))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    pub(crate) async fn put(&self, operation: &'static str, item: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await;
        put.map(|_| ()).map_err(|error| StoreError::service(operation, &error))
    }

    /// A put that happens only where the condition holds.
    pub(crate) async fn put_if(
        &self,
        operation: &'static str,
        item: Item,
        condition: Condition,
    ) -> Result<PutOutcome, StoreError> {
        self.put_into(&self.table, operation, item, condition).await
    }

    /// The same in the table of secrets.
    pub(crate) async fn put_secret_if(
        &self,
        operation: &'static str,
        item: Item,
        condition: Condition,
    ) -> Result<PutOutcome, StoreError> {
        self.put_into(&self.secrets_table, operation, item, condition).await
    }

    pub(crate) async fn put_into(
        &self,
        table: &str,
        operation: &'static str,
        item: Item,
        condition: Condition,
    ) -> Result<PutOutcome, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names((!condition.names.is_empty()).then_some(condition.names))
            .set_expression_attribute_values((!condition.values.is_empty()).then_some(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(PutOutcome::Written) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                Ok(PutOutcome::StoodAgainst(failed.item().cloned().unwrap_or_default()))
            }
            _ => Err(StoreError::service(operation, &error)),
        }
    }

    /// A put with a condition and, at once, other writes that have none.
    pub(crate) async fn put_with(
        &self,
        operation: &'static str,
        item: Item,
        condition: Condition,
        beside: Vec<TransactWriteItem>,
    ) -> Result<PutOutcome, StoreError> {
        if beside.is_empty() {
            return self.put_if(operation, item, condition).await;
        }
        let mut writes = vec![self.conditional_put(item, condition)?];
        writes.extend(beside);
        Ok(match self.transact(operation, writes).await? {
            TransactOutcome::Committed => PutOutcome::Written,
            TransactOutcome::Cancelled(reasons) => PutOutcome::StoodAgainst(reasons.item_at(0).unwrap_or_default()),
        })
    }

    pub(crate) async fn delete(&self, operation: &'static str, at: Key) -> Result<Deleted, StoreError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(at)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(|error| StoreError::service(operation, &error))?;
        Ok(if deleted.attributes.is_some_and(|item| !item.is_empty()) { Deleted::Existed } else { Deleted::Missing })
    }

    /// A delete that happens only where the condition holds.
    async fn delete_if(
        &self,
        operation: &'static str,
        at: Key,
        condition: Condition,
    ) -> Result<RecordWritten, StoreError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(at)))
            .condition_expression(condition.expression)
            .set_expression_attribute_names((!condition.names.is_empty()).then_some(condition.names))
            .set_expression_attribute_values((!condition.values.is_empty()).then_some(condition.values))
            .send()
            .await;
        let Err(error) = deleted else { return Ok(RecordWritten::Applied) };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(RecordWritten::Rejected),
            _ => Err(StoreError::service(operation, &error)),
        }
    }

    /// A delete with a condition and, at once, other writes that have none.
    pub(crate) async fn delete_with(
        &self,
        operation: &'static str,
        at: Key,
        condition: Condition,
        beside: Vec<TransactWriteItem>,
    ) -> Result<RecordWritten, StoreError> {
        if beside.is_empty() {
            return self.delete_if(operation, at, condition).await;
        }
        let mut writes = vec![self.conditional_delete(at, condition)?];
        writes.extend(beside);
        Ok(match self.transact(operation, writes).await? {
            TransactOutcome::Committed => RecordWritten::Applied,
            TransactOutcome::Cancelled(_) => RecordWritten::Rejected,
        })
    }

    /// Puts and deletes many items of a table, whatever is there; what DynamoDB leaves undone is asked for again.
    pub(crate) async fn batch_write(
        &self,
        operation: &'static str,
        table: &str,
        writes: Vec<WriteRequest>,
    ) -> Result<(), StoreError> {
        for chunk in writes.chunks(BATCH) {
            let mut wanted = chunk.to_vec();
            let mut pauses = Pauses::default();
            while !wanted.is_empty() {
                let batch = HashMap::from([(table.to_owned(), wanted)]);
                let answer = self.client.batch_write_item().set_request_items(Some(batch)).send().await;
                let answer = answer.map_err(|error| StoreError::service(operation, &error))?;
                wanted = answer.unprocessed_items.unwrap_or_default().remove(table).unwrap_or_default();
                if !wanted.is_empty() && !pauses.pause().await {
                    return Err(StoreError::Unavailable { operation, reason: "it left items unwritten".to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Runs a transaction. Conflicts with another transaction are tried again here, because nothing was decided by them.
    pub(crate) async fn transact(
        &self,
        operation: &'static str,
        writes: Vec<TransactWriteItem>,
    ) -> Result<TransactOutcome, StoreError> {
        let mut pauses = Pauses::default();
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = sent else { return Ok(TransactOutcome::Committed) };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = Reasons(cancelled.cancellation_reasons().to_vec());
                    if reasons.failed_from(0) {
                        return Ok(TransactOutcome::Cancelled(reasons));
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

    /// A put of a transaction that happens only where the conditions of all of its writes hold.
    pub(crate) fn conditional_put(&self, item: Item, condition: Condition) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names((!condition.names.is_empty()).then_some(condition.names))
            .set_expression_attribute_values((!condition.values.is_empty()).then_some(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::unreadable("build a write", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A delete of a transaction that happens only where the conditions of all of its writes hold.
    pub(crate) fn conditional_delete(&self, at: Key, condition: Condition) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(at)))
            .condition_expression(condition.expression)
            .set_expression_attribute_names((!condition.names.is_empty()).then_some(condition.names))
            .set_expression_attribute_values((!condition.values.is_empty()).then_some(condition.values))
            .build()
            .map_err(|error| StoreError::unreadable("build a deletion", error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// A condition of a transaction on an item that it does not write.
    pub(crate) fn condition_check(&self, at: Key, condition: Condition) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key(at)))
            .condition_expression(condition.expression)
            .set_expression_attribute_names((!condition.names.is_empty()).then_some(condition.names))
            .set_expression_attribute_values((!condition.values.is_empty()).then_some(condition.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::unreadable("build a condition", error))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// An update of a transaction, which makes the item where there is none. Where it has a condition, it happens only where the
    /// conditions of all writes hold.
    pub(crate) fn update(
        &self,
        at: Key,
        set: &str,
        condition: Option<&str>,
        names: HashMap<String, String>,
        values: Item,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(at)))
            .update_expression(set)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::unreadable("build an update", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A put of a transaction that happens with the others, whatever was there.
    pub(crate) fn plain_put(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        Self::plain_put_into(&self.table, item)
    }

    /// A delete of a transaction that happens with the others, whether or not there is anything.
    pub(crate) fn plain_delete(&self, at: Key) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key(at))).build();
        delete
            .map(|delete| TransactWriteItem::builder().delete(delete).build())
            .map_err(|error| StoreError::unreadable("build a deletion", error))
    }

    /// A put of such a transaction in the table of secrets.
    pub(crate) fn plain_put_secret(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        Self::plain_put_into(&self.secrets_table, item)
    }

    fn plain_put_into(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(table).set_item(Some(item)).build();
        put.map(|put| TransactWriteItem::builder().put(put).build())
            .map_err(|error| StoreError::unreadable("build a write", error))
    }
}

/// How long to wait before what DynamoDB turned away is tried again: longer each time, and not without end.
pub(crate) struct Pauses(Duration);

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
    pub(crate) async fn pause(&mut self) -> bool {
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

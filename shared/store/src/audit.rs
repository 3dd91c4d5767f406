//! A business's log of who changed what its money depends on. An entry is written with the change that it tells of, in one
//! transaction, and the event that tells the CRM with both: there is no change without its entry, and no entry without its
//! change. crm-api and the deployer's command write entries, and nobody changes one, nor deletes one but with all that its
//! business had.

use std::time::Instant;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::Timestamp;
use domain::audit::{AuditAction, AuditEntry, Author, FieldChange, Subject, changes};
use domain::events::EventRecord;
use domain::idempotency::IdempotencyLog;
use domain::ids::AuditEntryId;
use domain::records::webhook_endpoint::WebhookEndpoint;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::BusinessStore;
use crate::cursor::Cursor;
use crate::error::StoreError;
use crate::events::event_item;
use crate::item::{from_item, text, text_of, to_item, write_id};
use crate::keys::{self, Key, PK, SK};
use crate::lists::Page;
use crate::revision::Revision;
use crate::table::{Condition, RecordWritten};

/// Who does something, and when. What a [`BusinessStore`] with one changes is in the business's log.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    author: Author,
    at: Timestamp,
    /// When that was by the clock of the process: an event is recorded when it is written, and not when it was asked for.
    since: Instant,
}

/// What is noted of a record: these parts say nothing to a reader.
const NOT_NOTED: [&str; 4] = ["version", "idempotency", "changed_at", "created_at"];

/// A record as its log compares it. What cannot be written so is compared as nothing.
fn noted<T: Serialize>(record: &T) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        NOT_NOTED.iter().for_each(|name| drop(map.remove(*name)));
    }
    value
}

impl BusinessStore {
    /// The same store for somebody whose changes are logged, at this moment.
    #[must_use]
    pub fn signed(self, author: Author, at: Timestamp) -> Self {
        Self { signature: Some(Signature { author, at, since: Instant::now() }), ..self }
    }

    /// Who signs for what is changed, where somebody does.
    pub fn author(&self) -> Option<&Author> {
        self.signature.as_ref().map(|signature| &signature.author)
    }

    /// The write of an entry that goes with writing a record over what is under this key, where somebody signs for that and
    /// something changes. Where the write depends on what was read of the record, so does what is read of it here: a record
    /// that is another by then is not written over.
    pub(crate) async fn log_of_writing<T: Serialize + DeserializeOwned>(
        &self,
        subject: Subject,
        at: Key,
        record: &T,
        beside: Vec<FieldChange>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        if self.signature.is_none() {
            return Ok(Vec::new());
        }
        let before: Option<T> = self.store.read("read what is changed", at).await?;
        let mut changes = changes(&before.as_ref().map(noted).unwrap_or_default(), &noted(record));
        changes.extend(beside);
        if changes.is_empty() { Ok(Vec::new()) } else { self.log(AuditAction::Written, subject, changes) }
    }

    /// The write of an entry about values that become others, where somebody signs for that and any does.
    pub(crate) fn log_of_values(
        &self,
        subject: Subject,
        before: &Value,
        after: &Value,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let changes = changes(before, after);
        if changes.is_empty() { Ok(Vec::new()) } else { self.log(AuditAction::Written, subject, changes) }
    }

    /// The write of an entry, where somebody signs for what it tells of.
    pub(crate) fn log(
        &self,
        action: AuditAction,
        subject: Subject,
        changes: Vec<FieldChange>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        self.log_with(action, subject, changes, None)
    }

    /// The writes of an entry about an endpoint, which was so before.
    pub(crate) fn log_of_endpoint(
        &self,
        subject: Subject,
        before: Option<WebhookEndpoint>,
        after: &WebhookEndpoint,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let changes = changes(&before.as_ref().map(noted).unwrap_or_default(), &noted(after));
        if changes.is_empty() { Ok(Vec::new()) } else { self.log_with(AuditAction::Written, subject, changes, before) }
    }

    /// Whether somebody signs for what is changed.
    pub(crate) fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    fn log_with(
        &self,
        action: AuditAction,
        subject: Subject,
        changes: Vec<FieldChange>,
        former_endpoint: Option<WebhookEndpoint>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Some(Signature { author, at, since }) = self.signature.clone() else { return Ok(Vec::new()) };
        let mark = write_id()?;
        let place = keys::listed_at(at, &mark);
        let entry = AuditEntry { at, author, action, subject, changes };
        let item = to_item(keys::audit_entry(&self.business, &place), &entry)?;
        let mut writes = vec![self.store.plain_put(item)?];
        // The CRM is told of a change. That somebody looked changes nothing.
        if action != AuditAction::Read {
            let recorded_at = at.checked_add(since.elapsed()).unwrap_or(at);
            let id = AuditEntryId::of(&self.business, &mark);
            let former =
                former_endpoint.map(|former| WebhookEndpoint { idempotency: IdempotencyLog::default(), ..former });
            let event = EventRecord {
                former_endpoint: former.map(Box::new),
                ..EventRecord::of_entry(self.business.clone(), &id, entry, recorded_at)
            };
            writes.push(self.store.plain_put(event_item(&event)?)?);
        }
        Ok(writes)
    }

    /// Deletes a record at the revision that was read, with its entry where somebody signs for that.
    pub(crate) async fn delete_logged(
        &self,
        operation: &'static str,
        at: Key,
        subject: Subject,
        revision: &Revision,
    ) -> Result<RecordWritten, StoreError> {
        let entry = self.log(AuditAction::Deleted, subject, Vec::new())?;
        self.store.delete_over(operation, at, revision, entry).await
    }

    /// The same of an endpoint as it was read, which is told that it is gone.
    pub(crate) async fn delete_endpoint_logged(
        &self,
        operation: &'static str,
        at: Key,
        subject: Subject,
        known: &WebhookEndpoint,
    ) -> Result<RecordWritten, StoreError> {
        let entry = self.log_with(AuditAction::Deleted, subject, Vec::new(), Some(known.clone()))?;
        self.store.delete_with(operation, at, Condition::version(known.version), entry).await
    }

    /// Notes something that is no change of a record. Where nobody signs for it, there is nothing to note.
    pub async fn note(
        &self,
        action: AuditAction,
        subject: Subject,
        changes: Vec<FieldChange>,
    ) -> Result<(), StoreError> {
        let entry = self.log(action, subject, changes)?;
        if entry.is_empty() {
            return Ok(());
        }
        // A transaction of one write, so that entries are all written in one way.
        self.store.transact("note something", entry).await.map(drop)
    }

    /// The log, the newest first.
    pub async fn audit_log(&self, limit: usize, after: Option<&Cursor>) -> Result<Page<AuditEntry>, StoreError> {
        const READ: &str = "read the log";
        // `:` sorts after every digit that a time begins with.
        let to = after.map_or(":", Cursor::place);
        let answer = self
            .store
            .client
            .query()
            .table_name(&self.store.table)
            .key_condition_expression("#pk = :pk AND #sk < :to")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", text(keys::audit_of(&self.business)))
            .expression_attribute_values(":to", AttributeValue::S(to.to_owned()))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| StoreError::service(READ, &error))?;
        let mut entries = Vec::new();
        for item in answer.items.unwrap_or_default() {
            let place = text_of(&item, SK).unwrap_or_default().to_owned();
            entries.push((place, from_item(READ, item)?));
        }
        let has_more = entries.len() > limit || answer.last_evaluated_key.is_some();
        entries.truncate(limit);
        let next = entries.last().filter(|_| has_more).map(|(place, _)| Cursor::behind(place));
        Ok(Page { entries: entries.into_iter().map(|(_, entry)| entry).collect(), next })
    }
}

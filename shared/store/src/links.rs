//! The life of a link in the table: made once, changed only over the version a change was decided on, confirmed in one
//! transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::Timestamp;
use domain::ids::{AttemptId, LinkId, ReferenceId};
use domain::link::Receipt;
use domain::link::{LinkStatus, PaymentLink, ReferenceClaim, Transition};
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, Revision, from_item, key, number, text, text_of, to_item, write_id};
use crate::keys::{
    self, BY_CONTACT, BY_DAY, BY_ITEM, DUE_AT, DUE_INDEX, DUE_KIND, DueKind, LISTED_AT, NEEDS_DELIVERY, PK, WRITE_ID,
};
use crate::records::{contact_item, crm_item};

/// What became of making a link.
#[derive(Clone, Debug)]
pub enum Created {
    New,
    /// The link is there already: the same idempotency key was used before.
    Exists(Box<PaymentLink>),
    /// Another open link has the same `reference_id`.
    ReferenceTaken(LinkId),
    /// Somebody changed the contact or the item since it was read. Nothing was written; decide again on what it is now.
    RecordsChanged,
}

/// The records that a new link brings along, where they differ from what the table holds, with what was read of them: a
/// link may bring a part of a record only, and the rest of it is from there.
#[derive(Clone, Debug, Default)]
pub struct ChangedRecords {
    pub contact: Option<(Contact, Revision)>,
    pub item: Option<(CrmItem, Revision)>,
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum Written {
    Applied,
    /// Our own earlier try did it, and only its answer was lost.
    AlreadyApplied,
    /// Somebody else changed the link first. Decide again on what it is now.
    Rejected(Box<PaymentLink>),
}

/// What became of confirming.
#[derive(Clone, Debug)]
pub enum TransitionWritten {
    Written(Written),
    /// The gateway's reference paid something else before.
    ReferenceTaken,
}

/// Some of the links that a sweep has to look at.
#[derive(Clone, Debug)]
pub struct DuePage {
    pub links: Vec<LinkId>,
    /// Where the next page begins. A link may keep its place, so that reading from the start would find it again.
    pub next: Option<DueCursor>,
}

/// A place in one shard of the index of due work.
#[derive(Clone, Debug)]
pub struct DueCursor(Item);

/// The guard of a `reference_id`: all links that had it, the newest last.
#[derive(Serialize, Deserialize)]
struct Reference {
    link_ids: Vec<LinkId>,
}

/// The guard keeps this many links; a CRM that uses one reference more often than that keeps its own list.
const MAX_REFERENCES: usize = 50;

#[derive(Serialize)]
struct ClaimRecord<'a> {
    attempt_id: &'a AttemptId,
}

#[derive(Serialize)]
struct AttachmentRecord<'a> {
    link_id: &'a LinkId,
}

impl Store {
    pub async fn link(&self, id: &LinkId) -> Result<Option<PaymentLink>, StoreError> {
        const READ: &str = "read a link";
        let item = self.get(READ, key(keys::link(id))).await?;
        item.map(|item| from_item(READ, item)).transpose()
    }

    /// Writes a new link, guarded by its `reference_id` where it has one, and with it the records that came along and
    /// differ from what was known. `now` decides whether a link that holds the reference is still open.
    pub async fn create_link(
        &self,
        link: &PaymentLink,
        changed: &ChangedRecords,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        let item = self.link_item(link, &write_id()?)?;
        let records = self.changed_records(changed)?;
        match &link.terms().reference_id {
            None if records.is_empty() => self.create_alone(item).await,
            None => self.create_with_records(item, records).await,
            Some(reference) => self.create_guarded(item, records, link, reference, now).await,
        }
    }

    /// The writes of records that a link brings along, each over what was read of it.
    fn changed_records(&self, changed: &ChangedRecords) -> Result<Vec<TransactWriteItem>, StoreError> {
        let contact = changed.contact.as_ref().map(|(contact, revision)| (contact_item(contact), revision));
        let item = changed.item.as_ref().map(|(item, revision)| (crm_item(item), revision));
        let put = |(record, revision): (Result<Item, StoreError>, &Revision)| {
            let (condition, values) = revision.condition();
            conditional_put(self, record?, condition, values)
        };
        contact.into_iter().chain(item).map(put).collect()
    }

    async fn create_with_records(&self, item: Item, records: Vec<TransactWriteItem>) -> Result<Created, StoreError> {
        const WRITE: &str = "write a new link with its records";
        let mut writes = vec![conditional_put(self, item, "attribute_not_exists(pk)", HashMap::new())?];
        writes.extend(records);
        let Err(reasons) = self.transact(WRITE, writes).await? else { return Ok(Created::New) };
        match failed_on(&reasons, 0) {
            Some(existing) => Ok(Created::Exists(Box::new(from_item(WRITE, existing)?))),
            None => Ok(Created::RecordsChanged),
        }
    }

    async fn create_alone(&self, item: Item) -> Result<Created, StoreError> {
        const WRITE: &str = "write a new link";
        match self.put_if(WRITE, item, "attribute_not_exists(pk)", Item::new()).await? {
            Ok(()) => Ok(Created::New),
            Err(existing) => Ok(Created::Exists(Box::new(from_item(WRITE, existing)?))),
        }
    }

    async fn create_guarded(
        &self,
        item: Item,
        records: Vec<TransactWriteItem>,
        link: &PaymentLink,
        reference: &ReferenceId,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        const WRITE: &str = "write a new link with its reference";
        let at = key(keys::reference(reference));
        let mut known: Option<Reference> = None;
        // Each turn of the loop lost against another request with the same reference, so it ends quickly.
        for _ in 0..5 {
            let holder = known.as_ref().and_then(|reference| reference.link_ids.last().cloned());
            let mut link_ids = known.map(|reference| reference.link_ids).unwrap_or_default();
            link_ids.push(link.id().clone());
            let surplus = link_ids.len().saturating_sub(MAX_REFERENCES);
            link_ids.drain(..surplus);
            let guard = guarded_reference(self, reference, &Reference { link_ids }, holder.as_ref())?;
            let put = conditional_put(self, item.clone(), "attribute_not_exists(pk)", HashMap::new())?;
            let writes = [put, guard].into_iter().chain(records.iter().cloned()).collect();
            let Err(reasons) = self.transact(WRITE, writes).await? else { return Ok(Created::New) };
            if let Some(existing) = failed_on(&reasons, 0) {
                return Ok(Created::Exists(Box::new(from_item(WRITE, existing)?)));
            }
            if (2..reasons.len()).any(|position| failed_on(&reasons, position).is_some()) {
                return Ok(Created::RecordsChanged);
            }
            let Some(guard) = self.get(WRITE, at.clone()).await? else {
                known = None;
                continue;
            };
            let found: Reference = from_item(WRITE, guard)?;
            if let Some(holder) = found.link_ids.last()
                && let Some(other) = self.link(holder).await?
                && other.status_at(now) == LinkStatus::Active
            {
                return Ok(Created::ReferenceTaken(holder.clone()));
            }
            known = Some(found);
        }
        Err(StoreError::Unavailable { operation: WRITE, reason: "too many requests use this reference".to_owned() })
    }

    /// Writes the next state of a link over the one it was decided on.
    pub async fn replace_link(&self, next: &PaymentLink) -> Result<Written, StoreError> {
        const WRITE: &str = "change a link";
        let mark = write_id()?;
        let seen = Item::from([(":seen".to_owned(), number(next.version() - 1))]);
        match self.put_if(WRITE, self.link_item(next, &mark)?, "version = :seen", seen).await? {
            Ok(()) => Ok(Written::Applied),
            Err(current) => written_over(WRITE, current, &mark),
        }
    }

    /// Writes what a gateway's answer led to. Money that it confirmed is claimed for its attempt with the link, and a payment
    /// that is kept becomes a receipt and its attachment too, in one transaction that depends on nothing the CRM could
    /// change meanwhile.
    pub async fn confirm(&self, transition: &Transition) -> Result<TransitionWritten, StoreError> {
        const WRITE: &str = "confirm a payment";
        let Some(claim) = &transition.claim else {
            return Ok(TransitionWritten::Written(self.replace_link(&transition.link).await?));
        };
        let receipt = transition.kept.as_ref().and_then(|kept| kept.receipt.as_ref());
        let mark = write_id()?;
        let writes = self.confirmation(&transition.link, claim, receipt, &mark)?;
        let Err(reasons) = self.transact(WRITE, writes).await? else {
            return Ok(TransitionWritten::Written(Written::Applied));
        };
        if let Some(current) = failed_on(&reasons, 0) {
            return Ok(TransitionWritten::Written(written_over(WRITE, current, &mark)?));
        }
        if failed_on(&reasons, 1).is_some() {
            return Ok(TransitionWritten::ReferenceTaken);
        }
        Err(StoreError::unreadable(WRITE, "a receipt exists whose attempt is not confirmed"))
    }

    fn confirmation(
        &self,
        link: &PaymentLink,
        claim: &ReferenceClaim,
        receipt: Option<&Receipt>,
        mark: &str,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let seen = HashMap::from([(":seen".to_owned(), number(link.version() - 1))]);
        let own = HashMap::from([(":own".to_owned(), text(claim.attempt.as_str()))]);
        let claim = to_item(keys::claim(&claim.reference), &ClaimRecord { attempt_id: &claim.attempt })?;
        let mut writes = vec![
            conditional_put(self, self.link_item(link, mark)?, "version = :seen", seen)?,
            conditional_put(self, claim, "attribute_not_exists(pk) OR attempt_id = :own", own)?,
        ];
        if let Some(receipt) = receipt {
            let mut item = to_item(keys::receipt(&receipt.id), receipt)?;
            item.insert(BY_CONTACT.to_owned(), text(keys::receipts_of(receipt.contact_id.as_str())));
            if let Some(item_id) = &receipt.item_id {
                item.insert(BY_ITEM.to_owned(), text(keys::receipts_of(item_id.as_str())));
            }
            item.insert(LISTED_AT.to_owned(), text(keys::listed_at(receipt.registered_at, receipt.id.as_str())));
            writes.push(conditional_put(self, item, "attribute_not_exists(pk)", HashMap::new())?);
            if let Some(to) = &receipt.attached_to {
                let at = keys::attachment(&to.item_id, &to.field, &receipt.id);
                let item = to_item(at, &AttachmentRecord { link_id: link.id() })?;
                writes.push(plain_put(self, item)?);
            }
        }
        Ok(writes)
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

    /// Links that may have something due, in one shard of the index, the longest waiting first. What is due on a link says
    /// the link itself.
    pub async fn due_links(
        &self,
        shard: u8,
        now: Timestamp,
        most: i32,
        after: Option<DueCursor>,
    ) -> Result<DuePage, StoreError> {
        let start = after.map(|DueCursor(key)| key);
        let (items, next) = self.due("find due links", DueKind::Link.shard(shard), now, most, start).await?;
        let links = items.iter().filter_map(|item| keys::link_of(text_of(item, PK)?)).collect();
        Ok(DuePage { links, next: next.map(DueCursor) })
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

    /// Several links by id, read consistently, in any order. Those that do not exist are left out, and so is one that
    /// cannot be read: it is logged, and must not keep the others from being served.
    pub async fn links(&self, ids: &[LinkId]) -> Result<Vec<PaymentLink>, StoreError> {
        const READ: &str = "read links";
        let found = self.batch_get(READ, ids.iter().map(|id| key(keys::link(id))).collect()).await?;
        let read = |item: Item| {
            let pk = text_of(&item, PK).unwrap_or_default().to_owned();
            match from_item(READ, item) {
                Ok(link) => Some(link),
                Err(error) => {
                    tracing::error!(pk, error = %error, "A link cannot be read.");
                    None
                }
            }
        };
        Ok(found.into_iter().filter_map(read).collect())
    }

    /// A link's item with its place in every index. All of it follows from the link, so that a change cannot lose a place.
    pub(crate) fn link_item(&self, link: &PaymentLink, mark: &str) -> Result<Item, StoreError> {
        let mut item = to_item(keys::link(link.id()), link)?;
        let terms = link.terms();
        item.insert(WRITE_ID.to_owned(), text(mark));
        item.insert(BY_CONTACT.to_owned(), text(keys::links_of(terms.contact.id.as_str())));
        if let Some(of) = &terms.item {
            item.insert(BY_ITEM.to_owned(), text(keys::links_of(of.id.as_str())));
        }
        let by_day = self.day_shards.for_link(&keys::day_of(link.created_at()), link.id());
        item.insert(BY_DAY.to_owned(), text(by_day));
        item.insert(LISTED_AT.to_owned(), text(keys::listed_at(link.created_at(), link.id().as_str())));
        if link.needs_delivery() {
            item.insert(NEEDS_DELIVERY.to_owned(), text("yes"));
        }
        if let Some(due_at) = link.sweep_from() {
            item.insert(DUE_KIND.to_owned(), text(DueKind::Link.of(link.id())));
            item.insert(DUE_AT.to_owned(), number(due_at.as_millisecond()));
        }
        Ok(item)
    }

    pub(crate) async fn get(&self, operation: &'static str, key: Item) -> Result<Option<Item>, StoreError> {
        let answer =
            self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true).send().await;
        Ok(answer.map_err(|error| StoreError::service(operation, &error))?.item)
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
}

/// How long to wait before what DynamoDB turned away is tried again: longer each time, and not without end.
struct Pauses(std::time::Duration);

/// No pause is longer than twice this, so that eight tries wait for five seconds at most. Fifty at one reference need
/// nearly as long on a slow engine.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_millis(1300);

impl Default for Pauses {
    fn default() -> Self {
        Self(std::time::Duration::from_millis(20))
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

fn guarded_reference(
    store: &Store,
    reference: &ReferenceId,
    next: &Reference,
    holder: Option<&LinkId>,
) -> Result<TransactWriteItem, StoreError> {
    let mut item = to_item(keys::reference(reference), next)?;
    let newest = next.link_ids.last().map(LinkId::as_str).unwrap_or_default();
    item.insert("newest".to_owned(), text(newest));
    match holder {
        None => conditional_put(store, item, "attribute_not_exists(pk)", HashMap::new()),
        Some(holder) => {
            let values = HashMap::from([(":holder".to_owned(), text(holder.as_str()))]);
            conditional_put(store, item, "newest = :holder", values)
        }
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

pub(crate) fn written_over(operation: &'static str, current: Item, mark: &str) -> Result<Written, StoreError> {
    if text_of(&current, WRITE_ID) == Some(mark) {
        return Ok(Written::AlreadyApplied);
    }
    Ok(Written::Rejected(Box::new(from_item(operation, current)?)))
}

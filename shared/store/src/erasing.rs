//! Erasing all that a business has, with paylink-admin. No function does any of this, and no function's role lets it delete a
//! link, a receipt or a secret.
//!
//! Everything is found by the business's own lists and partitions, and what leads to something else is deleted after it:
//! whoever stops at any line begins again and finds the rest. A link goes only as it was read, so that what happens to it
//! meanwhile is never lost.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use domain::Timestamp;
use domain::business::logo::{Logo, LogoHash};
use domain::events::{EventRecord, KEPT_FOR};
use domain::ids::{LinkId, MessageId};
use domain::link::{PaymentLink, Receipt, StillToCome};
use domain::messages::delivery::MessageStates;
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::SignedDuration;

use crate::error::StoreError;
use crate::item::{Item, from_item, key, text, text_of};
use crate::keys::{
    self, BUSINESS, BY_STATE, BY_STATE_INDEX, EVENT_PREFIX, Key, LINK_SK, MESSAGE_PREFIX, NEWEST_SK, PK, REFUND_PREFIX,
    SK,
};
use crate::lists::{Page, days, listed_since};
use crate::messages::MessageRecord;
use crate::revision::Revision;
use crate::table::{Condition, TransactOutcome};
use crate::{BusinessStore, Store};

/// At most this many items beside a link are deleted in one transaction.
const AT_ONCE: usize = 50;

/// At most this many items of a partition or a list are read at a time.
const PAGE: usize = 100;

/// At most this many links are read at once.
const CONCURRENCY: usize = 8;

/// A link with everything that lies beside it.
#[derive(Clone, Debug)]
pub struct WholeLink {
    pub link: PaymentLink,
    messages: MessageStates,
    events: BTreeMap<u32, EventRecord>,
    /// The keys of its events, and then of its messages.
    beside: Vec<Key>,
}

impl WholeLink {
    /// What is still to come of it; see [`PaymentLink::still_to_come`].
    pub fn still_to_come(&self, deleting_since: Option<Timestamp>, now: Timestamp) -> Option<StillToCome> {
        self.link.still_to_come(&self.messages, &self.events, deleting_since, now)
    }
}

/// What became of deleting a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkErased {
    Gone,
    /// Somebody changed it since it was read. Decide again on what it is now.
    Changed,
}

/// What a look through the whole of both tables found of a business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// Links, with what lies beside them.
    pub links: Vec<LinkId>,
    /// Everything else, which is deleted by its keys.
    records: Vec<Key>,
    secrets: Vec<Key>,
}

impl Strays {
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && self.beside_links() == 0
    }

    /// How many items it found that are no links.
    pub fn beside_links(&self) -> usize {
        self.records.len() + self.secrets.len()
    }
}

impl BusinessStore {
    /// Links with everything that lies beside them, in their order. One that is not there, or is another's, is left out.
    pub async fn whole_links(&self, ids: &[LinkId]) -> Result<Vec<WholeLink>, StoreError> {
        let read = stream::iter(ids.to_vec()).map(|id| async move { self.whole_link(&id).await }).buffered(CONCURRENCY);
        let found: Vec<Option<WholeLink>> = read.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn whole_link(&self, id: &LinkId) -> Result<Option<WholeLink>, StoreError> {
        const READ: &str = "read a link to erase it";
        let (mut link, mut messages, mut events) = (None, MessageStates::new(), BTreeMap::new());
        let (mut keys_of_events, mut keys_of_messages, mut keys_of_refunds) = (Vec::new(), Vec::new(), Vec::new());
        for item in self.store.query_partition(READ, &keys::link(id).pk).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            let own = keys::link(id);
            if sk == LINK_SK {
                link = Some(from_item::<PaymentLink>(READ, item)?);
            } else if let Some(message) = sk.strip_prefix(MESSAGE_PREFIX) {
                let message = MessageId::parse(message).map_err(|error| StoreError::unreadable(READ, error))?;
                messages.insert(message, from_item::<MessageRecord>(READ, item)?.state);
                keys_of_messages.push(Key { pk: own.pk, sk });
            } else if sk.starts_with(EVENT_PREFIX) {
                let event: EventRecord = from_item(READ, item)?;
                events.insert(event.sequence, event);
                keys_of_events.push(Key { pk: own.pk, sk });
            } else if sk.starts_with(REFUND_PREFIX) || sk == NEWEST_SK {
                keys_of_refunds.push(Key { pk: own.pk, sk });
            }
        }
        let Some(link) = link.filter(|link| *link.business() == self.business) else { return Ok(None) };
        keys_of_events.extend(keys_of_messages);
        keys_of_events.extend(keys_of_refunds);
        Ok(Some(WholeLink { link, messages, events, beside: keys_of_events }))
    }

    /// Deletes a link as it was read, with its events, its messages and what says that it had its `reference_id`.
    pub async fn erase_link(&self, whole: &WholeLink) -> Result<LinkErased, StoreError> {
        const WRITE: &str = "erase a link";
        let own = keys::link(whole.link.id());
        let as_read = || Condition::version(whole.link.version());
        let mut beside = whole.beside.clone();
        let codes = whole.link.attempts().iter().map(|attempt| whole.link.receipt_code(attempt));
        beside.extend(codes.map(|code| keys::receipt_page(&code)));
        beside.extend(whole.link.terms().reference_id.as_ref().map(|id| keys::reference(&self.business, id)));
        let mut beside = beside.chunks(AT_ONCE).peekable();
        loop {
            // The link goes last, because it is what the rest is found by.
            let slice = beside.next().unwrap_or_default();
            let with_link = match beside.peek() {
                Some(_) => self.store.condition_check(own.clone(), as_read())?,
                None => self.store.conditional_delete(own.clone(), as_read())?,
            };
            let mut writes = vec![with_link];
            for at in slice {
                writes.push(self.store.plain_delete(at.clone())?);
            }
            match self.store.transact(WRITE, writes).await? {
                TransactOutcome::Committed if beside.peek().is_none() => return Ok(LinkErased::Gone),
                TransactOutcome::Committed => {}
                TransactOutcome::Cancelled(_) => return Ok(LinkErased::Changed),
            }
        }
    }

    /// Deletes receipts, each after what attaches it to a field of an item, which is found by it alone.
    pub async fn erase_receipts(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        const WRITE: &str = "erase receipts";
        let attachments = receipts.iter().filter_map(|receipt| {
            let to = receipt.attached_to.as_ref()?;
            Some(keys::attachment(&self.business, &to.item_id, &to.field, &receipt.id))
        });
        self.store.delete_all(WRITE, &self.store.table, attachments.collect()).await?;
        // What it is found by is found by it alone as well.
        let rows = receipts.iter().flat_map(|receipt| self.keys_of_receipt(receipt));
        self.store.delete_all(WRITE, &self.store.table, rows.collect()).await?;
        let receipts = receipts.iter().map(|receipt| keys::receipt(&self.business, &receipt.id));
        self.store.delete_all(WRITE, &self.store.table, receipts.collect()).await
    }

    /// Deletes contacts, each after what it is found by.
    pub async fn erase_contacts(&self, contacts: &[Contact]) -> Result<(), StoreError> {
        const WRITE: &str = "erase contacts";
        let records = contacts.iter().map(|contact| (keys::contact(&self.business, &contact.id), contact.id.as_str()));
        self.erase_with_rows(WRITE, records.collect()).await
    }

    /// Deletes items, each after what it is found by. What attaches receipts to them goes with the receipts.
    pub async fn erase_items(&self, items: &[CrmItem]) -> Result<(), StoreError> {
        const WRITE: &str = "erase items";
        let records = items.iter().map(|item| (keys::item(&self.business, &item.id), item.id.as_str()));
        self.erase_with_rows(WRITE, records.collect()).await
    }

    /// Deletes records, each after the rows that it keeps.
    async fn erase_with_rows(&self, operation: &'static str, records: Vec<(Key, &str)>) -> Result<(), StoreError> {
        let own: Vec<Key> = records.iter().map(|(at, _)| at.clone()).collect();
        let mut rows = Vec::new();
        for item in self.store.batch_get(operation, own.clone()).await? {
            let id = records.iter().find(|(at, _)| Some(at) == key_of(&item).as_ref()).map(|(_, id)| *id);
            rows.extend(id.map(|id| self.keys_kept(&Revision::of(Some(&item)), id)).unwrap_or_default());
        }
        self.store.delete_all(operation, &self.store.table, rows).await?;
        self.store.delete_all(operation, &self.store.table, own).await
    }

    /// When endpoints are told for the first time of the events that the log's entries have, all but those of reading.
    pub async fn due_entry_events(&self, now: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        const READ: &str = "read the events of the log to erase them";
        // Each has its first try within minutes, and after this long it cannot be read or sent again either.
        let from = now.checked_sub(KEPT_FOR).unwrap_or(Timestamp::UNIX_EPOCH);
        let found = self.entry_events(from, now).await?;
        let mut due = Vec::new();
        for item in self.store.batch_get(READ, found).await? {
            due.extend(from_item::<EventRecord>(READ, item)?.first_try_at());
        }
        Ok(due)
    }

    /// Deletes the events of the log's entries. Those of links go with the links.
    pub async fn erase_entry_events(&self, now: Timestamp) -> Result<(), StoreError> {
        // DynamoDB deletes what may be forgotten when it likes, so that there can be some of any day.
        let found = self.entry_events(Timestamp::UNIX_EPOCH, now).await?;
        self.store.delete_all("erase the events of the log", &self.store.table, found).await
    }

    /// The events of the log in the lists of each day, from an instant to a day after now, because clocks differ. They are
    /// in the first shard, whatever the business has.
    async fn entry_events(&self, from: Timestamp, now: Timestamp) -> Result<Vec<Key>, StoreError> {
        let (_, since) = listed_since(&*self.configuration().await?);
        let end = now.checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
        let lists = days(from.max(since), end).into_iter().map(|day| keys::events_of_day(&self.business, &day, 0));
        let lists = lists.map(|list| async move { self.store.keys_listed(&list).await });
        let listed: Vec<Vec<Key>> = stream::iter(lists).buffered(CONCURRENCY).try_collect().await?;
        let prefix = keys::entry_events_prefix(&self.business);
        Ok(listed.into_iter().flatten().filter(|at| at.pk.starts_with(&prefix)).collect())
    }

    /// Deletes every picture that the settings ever named.
    pub async fn erase_logos(&self) -> Result<(), StoreError> {
        loop {
            let logos = self.logos().await?;
            if logos.is_empty() {
                return Ok(());
            }
            let at = logos.iter().map(|logo| keys::logo(&self.business, &logo.hash()));
            self.store.delete_all("erase logos", &self.store.table, at.collect()).await?;
        }
    }

    async fn logos(&self) -> Result<Vec<Logo>, StoreError> {
        let key_of = |hash: &str| Some(keys::logo(&self.business, &LogoHash::parse(hash).ok()?));
        let list = keys::logos_of(&self.business);
        let page: Page<Logo> = self.store.list_by_id("list logos", list, PAGE, None, key_of).await?;
        Ok(page.entries)
    }

    /// Deletes every version of every secret, also of accounts, providers and endpoints that were deleted. They are listed
    /// nowhere, so that the whole of the table of secrets is read, which is small.
    pub async fn erase_secrets(&self) -> Result<(), StoreError> {
        let found = self.strays_in(&self.store.secrets_table, &keys::secrets::prefixes_of(&self.business)).await?;
        self.store.delete_all("erase secrets", &self.store.secrets_table, found).await
    }

    /// Deletes the endpoints, how far looks at accounts have come, the settings with everything beside them but the business
    /// itself, the API keys, and last the log.
    pub async fn erase_configuration(&self) -> Result<(), StoreError> {
        for partition in self.own_partitions() {
            loop {
                let found = self.store.keys_in(&partition).await?;
                let found: Vec<Key> = found.into_iter().filter(|at| *at != keys::business(&self.business)).collect();
                if found.is_empty() {
                    break;
                }
                self.store.delete_all("erase the configuration", &self.store.table, found).await?;
            }
        }
        Ok(())
    }

    /// The partitions that the business has alone, in the order in which they are erased.
    fn own_partitions(&self) -> [String; 5] {
        let of = &self.business;
        [
            keys::webhooks_of(of),
            keys::look_backs_of(of),
            keys::configuration_of(of),
            keys::keys_of(of),
            keys::audit_of(of),
        ]
    }

    /// Whether its partitions and its list of pictures hold nothing but the business itself.
    pub async fn has_no_configuration(&self) -> Result<bool, StoreError> {
        for partition in self.own_partitions() {
            let found = self.store.keys_in(&partition).await?;
            if found.iter().any(|at| *at != keys::business(&self.business)) {
                return Ok(false);
            }
        }
        Ok(self.logos().await?.is_empty())
    }

    /// Everything of the business that a look through the whole of both tables finds, but for the business itself and for what
    /// stays: claims, and the ids that providers gave to messages.
    pub async fn strays(&self) -> Result<Strays, StoreError> {
        let secrets = self.strays_in(&self.store.secrets_table, &keys::secrets::prefixes_of(&self.business)).await?;
        let mut strays = Strays { secrets, ..Strays::default() };
        let own = keys::business(&self.business);
        for at in self.strays_in(&self.store.table, &keys::prefixes_of(&self.business)).await? {
            match keys::link_of(&at.pk) {
                Some(link) if at.sk == LINK_SK => strays.links.push(link),
                Some(_) | None if at != own => strays.records.push(at),
                Some(_) | None => {}
            }
        }
        // What lies beside a link goes with it.
        let links: Vec<String> = strays.links.iter().map(|link| keys::link(link).pk).collect();
        strays.records.retain(|at| !links.contains(&at.pk));
        Ok(strays)
    }

    /// Deletes what a look through the tables found, but for links.
    pub async fn erase_strays(&self, strays: &Strays) -> Result<(), StoreError> {
        const WRITE: &str = "erase what no list names";
        self.store.delete_all(WRITE, &self.store.table, strays.records.clone()).await?;
        self.store.delete_all(WRITE, &self.store.secrets_table, strays.secrets.clone()).await
    }

    /// The keys of a whole table whose partitions begin so, or that belong to a link of this business.
    async fn strays_in(&self, table: &str, prefixes: &[String]) -> Result<Vec<Key>, StoreError> {
        const READ: &str = "look through a table";
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let answer = self
                .store
                .client
                .scan()
                .table_name(table)
                .consistent_read(true)
                .projection_expression("#pk, #sk, #business")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_names("#business", BUSINESS)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service(READ, &error))?;
            for item in answer.items.unwrap_or_default() {
                let Some(at) = key_of(&item) else { continue };
                // A business's own partition is named whole, and a prefix ends behind the business.
                let is_own = prefixes.iter().any(|one| at.pk == *one || (one.ends_with('#') && at.pk.starts_with(one)));
                let is_of_link = keys::link_of(&at.pk).is_some();
                if is_own || (is_of_link && text_of(&item, BUSINESS) == Some(self.business.as_str())) {
                    found.push(at);
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}

fn key_of(item: &Item) -> Option<Key> {
    Some(Key { pk: text_of(item, PK)?.to_owned(), sk: text_of(item, SK)?.to_owned() })
}

impl Store {
    /// The first keys of a partition.
    async fn keys_in(&self, partition: &str) -> Result<Vec<Key>, StoreError> {
        const READ: &str = "read the keys of a partition";
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#pk = :pk")
            .projection_expression("#pk, #sk")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", text(partition))
            .limit(i32::try_from(PAGE).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| StoreError::service(READ, &error))?;
        Ok(answer.items.unwrap_or_default().iter().filter_map(key_of).collect())
    }

    /// All keys in a list of the index of states.
    async fn keys_listed(&self, list: &str) -> Result<Vec<Key>, StoreError> {
        const READ: &str = "read the keys of a list";
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(BY_STATE_INDEX)
                .key_condition_expression("#list = :list")
                .projection_expression("#pk, #sk")
                .expression_attribute_names("#list", BY_STATE)
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":list", text(list))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::service(READ, &error))?;
            found.extend(answer.items.unwrap_or_default().iter().filter_map(key_of));
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes items of a table, whether or not they are there.
    async fn delete_all(&self, operation: &'static str, table: &str, keys: Vec<Key>) -> Result<(), StoreError> {
        let mut writes = Vec::new();
        for at in keys {
            let request = DeleteRequest::builder().set_key(Some(key(at))).build();
            let request = request.map_err(|error| StoreError::unreadable(operation, error))?;
            writes.push(WriteRequest::builder().delete_request(request).build());
        }
        self.batch_write(operation, table, writes).await
    }
}

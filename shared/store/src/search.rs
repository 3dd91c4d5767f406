//! What records are found by. Contacts and items have rows that are written and deleted in the transaction of the record,
//! and only those that differ: what is forgotten is found no more. The record keeps which rows it has, so that those are
//! deleted that there are, whichever version made them. A receipt's rows are written by deliver-messages, before
//! the CRM is told of the receipt.
//!
//! Whole numbers and addresses of people are kept as hashes, made with a secret of the stack and the business, so that the
//! rows tell nobody whose they are, and two businesses have nothing in common. Names have to be found by their beginning,
//! and are kept as they are compared.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, TransactWriteItem, WriteRequest};
use domain::gateway::Mode;
use domain::ids::{LinkId, ReceiptId, ReferenceId};
use domain::link::{PaymentLink, Receipt, ReceiptKind};
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use domain::search::{
    Beginning, ContactMatch, ContactTerm, ItemMatch, ItemTerm, LinkBy, ReceiptBy, ReceiptMatch, SearchQuery,
};
use futures_util::future::try_join4;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::item::{Item, from_item, text, to_item};
use crate::keys::{self, Key, PK, SK, secrets};
use crate::revision::Revision;
use crate::stack_secret::StackSecret;
use crate::{BusinessStore, Store};

/// What was found of one kind.
#[derive(Clone, Debug)]
pub struct Matches<T> {
    pub entries: Vec<T>,
    /// Whether there is more than was asked for, or may be: where very many rows are of few records, not all of them are
    /// read.
    pub has_more: bool,
}

impl<T> Default for Matches<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), has_more: false }
    }
}

/// What a search found, of each kind by itself.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub contacts: Matches<ContactMatch>,
    pub items: Matches<ItemMatch>,
    pub links: Matches<(PaymentLink, LinkBy)>,
    pub receipts: Matches<ReceiptMatch>,
}

/// What is written in one transaction with a record, so that it is found as it is.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) writes: Vec<TransactWriteItem>,
    /// The rows that there are then, as the record keeps them.
    found_by: Vec<String>,
}

impl Beside {
    /// Of a record that stays what it is found by.
    fn nothing(kept: &[String]) -> Self {
        Self { writes: Vec::new(), found_by: kept.to_vec() }
    }

    /// The attribute in which the record keeps its rows, so that whoever deletes it deletes what was written and not what
    /// their own version would have written.
    pub(crate) fn kept(&self) -> AttributeValue {
        AttributeValue::L(self.found_by.iter().map(text).collect())
    }
}

/// A row as it is to be.
struct Row {
    at: Key,
    item: Item,
    /// Whether it shows what it showed of the record that was known.
    is_as_before: bool,
}

/// Which rows of a partition are read, and how.
struct Rows<'a> {
    partition: String,
    begins: Option<&'a str>,
    /// What was forgotten is not found a moment later either.
    is_consistent: bool,
    is_newest_first: bool,
}

/// One record can have several rows that begin alike. So many more are read than are shown, so that these are most often
/// enough.
const SPARE: usize = 5;

/// So many rows are read at once where all are looked at, and so often: a number that is a common amount has many.
const ROWS_AT_A_TIME: usize = 500;
const MOST_PAGES: usize = 20;

/// How often rows are read on where those that were read are of few records.
const MOST_READS: usize = 4;

impl BusinessStore {
    /// Searches for all that a query may be, at most so many of each kind.
    pub async fn search(&self, query: &SearchQuery, limit: usize) -> Result<Found, StoreError> {
        let (contacts, items, links, receipts) = try_join4(
            self.found_contacts(query.contact.as_ref(), limit),
            self.found_items(query.item.as_ref(), limit),
            self.found_links(query.link.as_ref(), query.reference.as_ref()),
            self.found_receipts(query.receipt.as_deref(), limit),
        )
        .await?;
        Ok(Found { contacts, items, links, receipts })
    }

    async fn found_contacts(
        &self,
        term: Option<&ContactTerm>,
        limit: usize,
    ) -> Result<Matches<ContactMatch>, StoreError> {
        let Some(term) = term else { return Ok(Matches::default()) };
        let secret = match term {
            ContactTerm::Mobile(_) | ContactTerm::Email(_) => Some(self.store.search_secret().await?),
            ContactTerm::Name(_) => None,
        };
        let begins = match term {
            ContactTerm::Mobile(_) | ContactTerm::Email(_) => None,
            ContactTerm::Name(name) => Some(name.as_str()),
        };
        // Which contact it is stands in the sort key, and does not count here.
        let partition = self.key_of_contact(secret, term, "")?.pk;
        let rows = Rows { partition, begins, is_consistent: true, is_newest_first: false };
        self.store.matches("search for contacts", rows, limit, |found: &ContactMatch| found.contact_id.clone()).await
    }

    async fn found_items(&self, beginning: Option<&Beginning>, limit: usize) -> Result<Matches<ItemMatch>, StoreError> {
        let Some(beginning) = beginning else { return Ok(Matches::default()) };
        let partition = keys::item_by_text(&self.business, beginning, "").pk;
        let rows = Rows { partition, begins: Some(beginning.as_str()), is_consistent: true, is_newest_first: false };
        self.store.matches("search for items", rows, limit, |found: &ItemMatch| found.item_id.clone()).await
    }

    /// A link by its id, or the newest that has a reference. Where others had it before, there are more.
    async fn found_links(
        &self,
        id: Option<&LinkId>,
        reference: Option<&ReferenceId>,
    ) -> Result<Matches<(PaymentLink, LinkBy)>, StoreError> {
        let (id, by, has_more) = match (id, reference) {
            (Some(id), _) => (Some(id.clone()), LinkBy::Id, false),
            (None, Some(reference)) => {
                let had = self.with_reference(reference).await?.unwrap_or_default();
                (had.newest().cloned(), LinkBy::ReferenceId, had.link_ids.len() > 1)
            }
            (None, None) => (None, LinkBy::Id, false),
        };
        let Some(id) = id else { return Ok(Matches::default()) };
        let link = self.link(&id).await?;
        Ok(Matches { entries: link.map(|link| (link, by)).into_iter().collect(), has_more })
    }

    /// A receipt is never changed, so that a row which is read late says nothing wrong.
    async fn found_receipts(&self, wanted: Option<&str>, limit: usize) -> Result<Matches<ReceiptMatch>, StoreError> {
        let Some(wanted) = wanted else { return Ok(Matches::default()) };
        let partition = keys::receipts_by_text(&self.business, wanted);
        let rows = Rows { partition, begins: None, is_consistent: false, is_newest_first: true };
        self.store.matches("search for receipts", rows, limit, |found: &ReceiptMatch| found.receipt_id.clone()).await
    }

    /// A receipt of money that came, in this mode and not void, whose reference is this one, however it is written. It is found
    /// from a moment after it was written on.
    pub async fn receipt_by_reference(&self, wanted: &str, mode: Mode) -> Result<Option<Receipt>, StoreError> {
        let is_meant = |receipt: &Receipt| {
            receipt.mode == mode && receipt.kind == ReceiptKind::Payment && receipt.voided_at.is_none()
        };
        for id in self.receipts_of_reference(wanted).await? {
            if let Some(receipt) = self.receipt(&id).await?.filter(is_meant) {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// The receipts with this reference of a gateway. At most twenty: one payment has its own and those of its refunds.
    pub(crate) async fn receipts_of_reference(&self, reference: &str) -> Result<Vec<ReceiptId>, StoreError> {
        const MOST: usize = 20;
        const READ: &str = "look for a reference";
        let Some(wanted) = domain::search::reference(reference) else { return Ok(Vec::new()) };
        let partition = keys::receipts_by_text(&self.business, &wanted);
        let rows = Rows { partition, begins: None, is_consistent: false, is_newest_first: true };
        let (mut found, mut start) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let (read, next) = self.store.read_rows(READ, &rows, ROWS_AT_A_TIME, start).await?;
            for row in read {
                let row: ReceiptMatch = from_item(READ, row)?;
                // The row of an amount or of a card can lie at the same text, and there can be any number of these.
                if row.by.contains(&ReceiptBy::GatewayReference) {
                    found.push(row.receipt_id);
                }
            }
            start = next;
            if start.is_none() || found.len() >= MOST {
                break;
            }
        }
        found.truncate(MOST);
        Ok(found)
    }

    /// What is written beside a contact that becomes another or is new, so that it is found as it is. Where nothing that
    /// could be shown of it is `known`, all of its rows are written.
    pub(crate) async fn rows_beside_contact(
        &self,
        known: Option<&Contact>,
        next: &Contact,
        revision: &Revision,
    ) -> Result<Beside, StoreError> {
        let (old, new) = (known.map(Contact::found_by), next.found_by());
        if let Some(kept) = revision.found_by().filter(|_| old.as_ref() == Some(&new)) {
            return Ok(Beside::nothing(kept));
        }
        let is_hashed = |term: &ContactTerm| matches!(term, ContactTerm::Mobile(_) | ContactTerm::Email(_));
        let secret = if new.keys().any(is_hashed) { Some(self.store.search_secret().await?) } else { None };
        let old = old.unwrap_or_default();
        let row = |(term, shown): (ContactTerm, ContactMatch)| {
            let at = self.key_of_contact(secret, &term, shown.contact_id.as_str())?;
            Ok(Row { at: at.clone(), is_as_before: old.get(&term) == Some(&shown), item: to_item(at, &shown)? })
        };
        let rows: Result<Vec<Row>, StoreError> = new.into_iter().map(row).collect();
        self.beside(revision, rows?, next.id.as_str())
    }

    /// The same of an item.
    pub(crate) fn rows_beside_item(
        &self,
        known: Option<&CrmItem>,
        next: &CrmItem,
        revision: &Revision,
    ) -> Result<Beside, StoreError> {
        let (old, new) = (known.map(CrmItem::found_by), next.found_by());
        if let Some(kept) = revision.found_by().filter(|_| old.as_ref() == Some(&new)) {
            return Ok(Beside::nothing(kept));
        }
        let old = old.unwrap_or_default();
        let row = |(term, shown): (ItemTerm, ItemMatch)| {
            let at = keys::item_by_text(&self.business, &term.0, shown.item_id.as_str());
            Ok(Row { at: at.clone(), is_as_before: old.get(&term) == Some(&shown), item: to_item(at, &shown)? })
        };
        let rows: Result<Vec<Row>, StoreError> = new.into_iter().map(row).collect();
        self.beside(revision, rows?, next.id.as_str())
    }

    /// The writes that make these the rows of a record, of those that it keeps.
    fn beside(&self, revision: &Revision, rows: Vec<Row>, id: &str) -> Result<Beside, StoreError> {
        let had = self.keys_kept(revision, id);
        let gone = had.iter().filter(|at| !rows.iter().any(|row| row.at == **at));
        let mut writes: Vec<TransactWriteItem> =
            gone.map(|at| self.store.plain_delete(at.clone())).collect::<Result<_, _>>()?;
        let found_by = rows.iter().map(|row| keys::kept_row(&self.business, &row.at, id)).collect();
        for row in rows.into_iter().filter(|row| !(row.is_as_before && had.contains(&row.at))) {
            writes.push(self.store.plain_put(row.item)?);
        }
        Ok(Beside { writes, found_by })
    }

    /// The deletions of what a contact or an item is found by, beside its own.
    pub(crate) fn rows_gone(&self, revision: &Revision, id: &str) -> Result<Vec<TransactWriteItem>, StoreError> {
        self.keys_kept(revision, id).into_iter().map(|at| self.store.plain_delete(at)).collect()
    }

    /// The rows that a contact or an item keeps.
    pub(crate) fn keys_kept(&self, revision: &Revision, id: &str) -> Vec<Key> {
        let kept = revision.found_by().unwrap_or_default();
        kept.iter().filter_map(|row| keys::row_kept_as(&self.business, row, id)).collect()
    }

    pub(crate) fn keys_of_receipt(&self, receipt: &Receipt) -> Vec<Key> {
        let key = |text: String| keys::receipt_by_text(&self.business, &text, receipt.registered_at, &receipt.id);
        receipt.found_by().into_keys().map(key).collect()
    }

    /// Where a contact's row lies. What people can be reached by is hashed with the name of its kind, because one text could
    /// be both.
    fn key_of_contact(
        &self,
        secret: Option<StackSecret>,
        term: &ContactTerm,
        contact: &str,
    ) -> Result<Key, StoreError> {
        let (kind, plain) = match term {
            ContactTerm::Mobile(mobile) => ("mobile", mobile.as_str()),
            ContactTerm::Email(email) => ("email", email.as_str()),
            ContactTerm::Name(name) => return Ok(keys::contact_by_name(&self.business, name, contact)),
        };
        let secret = secret.ok_or(StoreError::NotSetUp { missing: MISSING })?;
        let hash = secret.hash("hash an address", [self.business.as_str(), kind, plain])?;
        Ok(keys::contact_by_hash(&self.business, kind, &hex::encode(hash), contact))
    }

    /// Writes what a receipt is found by. To write it twice changes nothing.
    pub async fn put_receipt_rows(&self, receipt: &Receipt) -> Result<(), StoreError> {
        const WRITE: &str = "write what a receipt is found by";
        let mut writes = Vec::new();
        for (text, shown) in receipt.found_by() {
            let at = keys::receipt_by_text(&self.business, &text, receipt.registered_at, &receipt.id);
            let put = PutRequest::builder().set_item(Some(to_item(at, &shown)?)).build();
            let put = put.map_err(|error| StoreError::unreadable(WRITE, error))?;
            writes.push(WriteRequest::builder().put_request(put).build());
        }
        self.store.batch_write(WRITE, &self.store.table, writes).await
    }
}

/// What the secret is called where it is missing.
const MISSING: &str = "the secret of the search";

impl Store {
    pub(crate) async fn search_secret(&self) -> Result<StackSecret, StoreError> {
        const READ: &str = "read the secret of the search";
        let read = || self.read_stack_secret(READ, secrets::search(), MISSING);
        self.memory.search_secret.get_or_try_init(read).await.copied()
    }

    /// Writes the secret that numbers and addresses are hashed with, unless there is one. Nobody would be found any more
    /// by what was hashed before, if it ever changed.
    pub async fn ensure_search_secret(&self, random: [u8; 32]) -> Result<(), StoreError> {
        self.ensure_stack_secret("write the secret of the search", secrets::search(), random).await
    }

    /// The records that the rows of a partition lead to, each once and in the order of the rows.
    async fn matches<T: DeserializeOwned, Id: Ord>(
        &self,
        operation: &'static str,
        rows: Rows<'_>,
        limit: usize,
        id_of: impl Fn(&T) -> Id,
    ) -> Result<Matches<T>, StoreError> {
        let mut found = Matches::default();
        let (mut ids, mut start) = (BTreeSet::new(), None);
        for _ in 0..MOST_READS {
            let wanted = limit.saturating_sub(found.entries.len()) + 1 + SPARE;
            let (read, next) = self.read_rows(operation, &rows, wanted, start).await?;
            for row in read {
                let shown: T = from_item(operation, row)?;
                if !ids.insert(id_of(&shown)) {
                    continue;
                }
                if found.entries.len() == limit {
                    return Ok(Matches { has_more: true, ..found });
                }
                found.entries.push(shown);
            }
            start = next;
            if start.is_none() {
                return Ok(found);
            }
        }
        // What was read last is of records that are shown already, and what is left may be too.
        found.has_more = true;
        Ok(found)
    }

    async fn read_rows(
        &self,
        operation: &'static str,
        rows: &Rows<'_>,
        wanted: usize,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let condition = if rows.begins.is_some() { "#pk = :pk AND begins_with(#sk, :sk)" } else { "#pk = :pk" };
        let mut names = HashMap::from([("#pk".to_owned(), PK.to_owned())]);
        let mut values: HashMap<String, AttributeValue> = HashMap::from([(":pk".to_owned(), text(&rows.partition))]);
        if let Some(begins) = rows.begins {
            names.insert("#sk".to_owned(), SK.to_owned());
            values.insert(":sk".to_owned(), text(begins));
        }
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(rows.is_consistent)
            .scan_index_forward(!rows.is_newest_first)
            .key_condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .limit(i32::try_from(wanted).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = query.send().await.map_err(|error| StoreError::service(operation, &error))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

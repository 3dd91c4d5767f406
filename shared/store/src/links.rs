//! The life of a link in the table: made once with what it brings along, and changed only over the version a change
//! was decided on. create-link makes links; crm-api, pay-redirect, gateway-webhook, expire-links and deliver-messages
//! read and change them.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::Timestamp;
use domain::audit::{AuditAction, FieldChange, Subject};
use domain::ids::{AccountId, ContactId, ItemId, LinkId};
use domain::link::PaymentLink;
use domain::records::account::Account;
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;

use crate::contacts::contact_item;
use crate::error::StoreError;
use crate::exclusive::{Exclusive, Holders, Taken};
use crate::facts;
use crate::item::{Item, from_item, number, text, text_of, to_item, write_id};
use crate::items::crm_item;
use crate::keys::{
    self, BY_CONTACT, BY_ITEM, BY_STATE, DUE_AT, DUE_KIND, DueKind, FACTS, LISTED_AT, NEEDS_DELIVERY, PK, WRITE_ID,
};
use crate::revision::Revision;
use crate::table::{Condition, PutOutcome, TransactOutcome};
use crate::{BusinessStore, Store};

/// What a create request needs to know, from one consistent read.
#[derive(Clone, Debug, Default)]
pub struct CreateRecords {
    /// The link itself, where the same idempotency key made it before.
    pub link: Option<PaymentLink>,
    pub account: Option<Account>,
    pub contact: Option<Contact>,
    pub item: Option<CrmItem>,
    /// What there was of those that a request may change a part of.
    pub contact_revision: Revision,
    pub item_revision: Revision,
}

/// What became of making a link.
#[derive(Clone, Debug)]
pub enum Created {
    New,
    /// The link is there already: the same idempotency key was used before.
    Exists(Box<PaymentLink>),
    Taken(Taken),
    /// Somebody changed the contact or the item since it was read. Nothing was written; decide again on what it is now.
    RecordsChanged,
}

/// The records that a new link brings along, where they differ from what the table holds.
#[derive(Clone, Debug, Default)]
pub struct ChangedRecords {
    pub contact: Option<ChangedRecord<Contact>>,
    pub item: Option<ChangedRecord<CrmItem>>,
}

/// A record as it is to be, and what was read of it: a link may bring a part of a record only, and the rest of it is from
/// there.
#[derive(Clone, Debug)]
pub struct ChangedRecord<T> {
    pub next: T,
    pub known: Option<T>,
    pub revision: Revision,
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

impl Store {
    pub async fn link(&self, id: &LinkId) -> Result<Option<PaymentLink>, StoreError> {
        self.read("read a link", keys::link(id)).await
    }

    /// Several links by id, read consistently, in any order. Those that do not exist are left out, and so is one that
    /// cannot be read: it is logged, and must not keep the others from being served.
    pub async fn links(&self, ids: &[LinkId]) -> Result<Vec<PaymentLink>, StoreError> {
        const READ: &str = "read links";
        let found = self.batch_get(READ, ids.iter().map(keys::link).collect()).await?;
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

    /// Writes the next state of a link over the one it was decided on.
    pub async fn replace_link(&self, next: &PaymentLink) -> Result<Written, StoreError> {
        const WRITE: &str = "change a link";
        let mark = write_id()?;
        match self.put_if(WRITE, self.link_item(next, &mark)?, Condition::version(next.version() - 1)).await? {
            PutOutcome::Written => Ok(Written::Applied),
            PutOutcome::StoodAgainst(current) => written_over(WRITE, current, &mark),
        }
    }

    /// A link's item with its place in every index. All of it follows from the link, so that a change cannot lose a place.
    pub(crate) fn link_item(&self, link: &PaymentLink, mark: &str) -> Result<Item, StoreError> {
        let mut item = to_item(keys::link(link.id()), link)?;
        let (business, terms) = (link.business(), link.terms());
        item.insert(WRITE_ID.to_owned(), text(mark));
        item.insert(BY_CONTACT.to_owned(), text(keys::links_of(business, terms.contact.id.as_str())));
        if let Some(of) = &terms.item {
            item.insert(BY_ITEM.to_owned(), text(keys::links_of(business, of.id.as_str())));
        }
        let by_state = if link.is_live() {
            keys::live(business, link.shard())
        } else {
            keys::over(business, &keys::month_of(link.created_at()), link.shard())
        };
        item.insert(BY_STATE.to_owned(), text(by_state));
        item.insert(FACTS.to_owned(), text(facts::written(&link.facts())));
        item.insert(LISTED_AT.to_owned(), text(keys::listed_at(link.created_at(), link.id().as_str())));
        if link.needs_delivery() {
            item.insert(NEEDS_DELIVERY.to_owned(), text("yes"));
        }
        if let Some(due_at) = link.sweep_from() {
            item.insert(DUE_KIND.to_owned(), text(DueKind::Link.of(link.id().as_str())));
            item.insert(DUE_AT.to_owned(), number(due_at.as_millisecond()));
        }
        Ok(item)
    }
}

impl BusinessStore {
    /// A link, where it is one of this business.
    pub async fn link(&self, id: &LinkId) -> Result<Option<PaymentLink>, StoreError> {
        Ok(self.store.link(id).await?.filter(|link| *link.business() == self.business))
    }

    /// Several links by id, as far as they are of this business.
    pub async fn links(&self, ids: &[LinkId]) -> Result<Vec<PaymentLink>, StoreError> {
        let found = self.store.links(ids).await?;
        Ok(found.into_iter().filter(|link| *link.business() == self.business).collect())
    }

    /// Writes the next state of a link over the one it was decided on.
    pub async fn replace_link(&self, next: &PaymentLink) -> Result<Written, StoreError> {
        self.store.replace_link(next).await
    }

    /// The same for a decision that is logged, where somebody signs for it.
    pub async fn replace_link_logged(
        &self,
        next: &PaymentLink,
        action: AuditAction,
        changes: Vec<FieldChange>,
    ) -> Result<Written, StoreError> {
        const WRITE: &str = "change a link and log it";
        let entry = self.log(action, Subject::new("payment_link", next.id().as_str()), changes)?;
        let mark = write_id()?;
        let (item, seen) = (self.store.link_item(next, &mark)?, Condition::version(next.version() - 1));
        match self.store.put_with(WRITE, item, seen, entry).await? {
            PutOutcome::Written => Ok(Written::Applied),
            PutOutcome::StoodAgainst(current) => written_over(WRITE, current, &mark),
        }
    }

    /// Reads everything a create request names in one round trip. A draft has no link of its own to look for.
    pub async fn records_for_create(
        &self,
        link: Option<&LinkId>,
        account: Option<&AccountId>,
        contact: Option<&ContactId>,
        item: Option<&ItemId>,
    ) -> Result<CreateRecords, StoreError> {
        const READ: &str = "read the records of a new link";
        let mut wanted: Vec<keys::Key> = link.map(keys::link).into_iter().collect();
        wanted.extend(account.map(|id| keys::account(&self.business, id)));
        wanted.extend(contact.map(|id| keys::contact(&self.business, id)));
        wanted.extend(item.map(|id| keys::item(&self.business, id)));
        let mut records = CreateRecords::default();
        for found in self.store.batch_get(READ, wanted).await? {
            let pk = text_of(&found, PK).unwrap_or_default().to_owned();
            match pk.split('#').next().unwrap_or_default() {
                "link" => {
                    let link: PaymentLink = from_item(READ, found)?;
                    records.link = (*link.business() == self.business).then_some(link);
                }
                "contact" => {
                    records.contact_revision = Revision::of(Some(&found));
                    records.contact = Some(from_item(READ, found)?);
                }
                "item" => {
                    records.item_revision = Revision::of(Some(&found));
                    records.item = Some(from_item(READ, found)?);
                }
                _ => records.account = Some(from_item(READ, found)?),
            }
        }
        Ok(records)
    }

    /// Writes a new link of this business, guarded by its `reference_id` where it has one and by its item where the business
    /// wants no two open links of it, and with it the records that came along and differ from what was known.
    /// `now` decides whether a link that has the reference or the item is still open.
    pub async fn create_link(
        &self,
        link: &PaymentLink,
        changed: &ChangedRecords,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        let item = self.store.link_item(link, &write_id()?)?;
        let records = self.changed_records(changed).await?;
        let wanted = self.wanted_alone(link).await?;
        match wanted.as_slice() {
            [] if records.is_empty() => self.create_alone(item).await,
            [] => self.create_with_records(item, records).await,
            wanted => self.create_guarded(item, records, (link, wanted), now).await,
        }
    }

    /// The writes of records that a link brings along, each over what was read of it, and behind them what goes with them,
    /// which has no conditions.
    async fn changed_records(&self, changed: &ChangedRecords) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (mut records, mut beside) = (Vec::new(), Vec::new());
        if let Some(ChangedRecord { next, known, revision }) = &changed.contact {
            let rows = self.rows_beside_contact(known.as_ref(), next, revision).await?;
            let item = contact_item(&self.business, next, &rows)?;
            records.push(self.store.conditional_put(item, revision.condition())?);
            beside.extend(rows.writes);
        }
        if let Some(ChangedRecord { next, known, revision }) = &changed.item {
            let rows = self.rows_beside_item(known.as_ref(), next, revision)?;
            records.push(self.store.conditional_put(crm_item(&self.business, next, &rows)?, revision.condition())?);
            beside.extend(rows.writes);
        }
        records.extend(beside);
        Ok(records)
    }

    async fn create_with_records(&self, item: Item, records: Vec<TransactWriteItem>) -> Result<Created, StoreError> {
        const WRITE: &str = "write a new link with its records";
        let mut writes = vec![self.store.conditional_put(item, Condition::nothing_there())?];
        writes.extend(records);
        let reasons = match self.store.transact(WRITE, writes).await? {
            TransactOutcome::Committed => return Ok(Created::New),
            TransactOutcome::Cancelled(reasons) => reasons,
        };
        match reasons.item_at(0) {
            Some(existing) => Ok(Created::Exists(Box::new(from_item(WRITE, existing)?))),
            None => Ok(Created::RecordsChanged),
        }
    }

    async fn create_alone(&self, item: Item) -> Result<Created, StoreError> {
        const WRITE: &str = "write a new link";
        match self.store.put_if(WRITE, item, Condition::nothing_there()).await? {
            PutOutcome::Written => Ok(Created::New),
            PutOutcome::StoodAgainst(existing) => Ok(Created::Exists(Box::new(from_item(WRITE, existing)?))),
        }
    }

    async fn create_guarded(
        &self,
        item: Item,
        records: Vec<TransactWriteItem>,
        (link, wanted): (&PaymentLink, &[Exclusive<'_>]),
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        const WRITE: &str = "write a new link that has something alone";
        let own = [link.id()];
        let mut known = match wanted {
            // A reference is new with nearly every link, where an item often had one before.
            [Exclusive::Reference(_)] => vec![Holders::default()],
            _ => match self.free(wanted, &own, now).await? {
                Ok(known) => known,
                Err(taken) => return Ok(Created::Taken(taken)),
            },
        };
        // Each turn of the loop lost against another request for the same, so it ends quickly.
        for _ in 0..5 {
            let put = self.store.conditional_put(item.clone(), Condition::nothing_there())?;
            let guards = self.take(wanted, known, link.id())?;
            let writes = [put].into_iter().chain(guards).chain(records.iter().cloned()).collect();
            let reasons = match self.store.transact(WRITE, writes).await? {
                TransactOutcome::Committed => return Ok(Created::New),
                TransactOutcome::Cancelled(reasons) => reasons,
            };
            // The link is the first write, its guards stand behind it, and the records follow.
            if let Some(existing) = reasons.item_at(0) {
                return Ok(Created::Exists(Box::new(from_item(WRITE, existing)?)));
            }
            if reasons.failed_from(1 + wanted.len()) {
                return Ok(Created::RecordsChanged);
            }
            known = match self.free(wanted, &own, now).await? {
                Ok(known) => known,
                Err(taken) => return Ok(Created::Taken(taken)),
            };
        }
        Err(StoreError::Unavailable { operation: WRITE, reason: "too many requests want the same".to_owned() })
    }
}

/// What became of a change of a link whose condition did not hold: our own write, whose answer was lost and which was
/// therefore sent again, finds its mark.
pub(crate) fn written_over(operation: &'static str, current: Item, mark: &str) -> Result<Written, StoreError> {
    if text_of(&current, WRITE_ID) == Some(mark) {
        return Ok(Written::AlreadyApplied);
    }
    Ok(Written::Rejected(Box::new(from_item(operation, current)?)))
}

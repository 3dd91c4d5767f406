//! Bringing back what was lost or overwritten since an instant, from copies of both tables as they were then, with
//! paylink-admin while no function runs. No function does any of this, and no function's role lets it scan.
//!
//! What happened since the instant is newer than the copy and stays. A link that can be read is never replaced, because
//! what happened to it since is money; one that was lost comes back with what receipts and claims say of the time
//! since. Nobody is told because of what comes back: where somebody may have been told since, that is written down for
//! a person.
//!
//! Every step finds by itself what is left of it, so that whoever stops at any line begins again.

mod kind;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use domain::Timestamp;
use domain::events::{Delivery, EventRecord};
use domain::gateway::Payment;
use domain::ids::{AttemptId, BusinessId, ContactId, EventId, LinkId, MessageId, ReceiptId};
use domain::link::{Attempt, ClaimedSince, PaymentLink, Receipt, ReceiptKind, UNKNOWN_SINCE_RESTORE};
use domain::messages::delivery::{MessageState, MessageStates};
use domain::records::business::{Business, BusinessState};
use domain::records::contact::Contact;
use domain::records::item::Item as CrmItem;
use domain::records::shards::Shards;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::businesses::business_item;
use crate::confirmation::ClaimRecord;
use crate::error::StoreError;
use crate::events::event_item;
use crate::item::{Item, from_item, number_of, text, text_of, to_item, write_id};
use crate::keys::{
    self, BUSINESS, BY_STATE, BY_STATE_INDEX, EVENT_PREFIX, FORGET_AT, FOUND_BY, Key, MESSAGE_PREFIX, PK, SK,
};
use crate::lists::months;
use crate::messages::{MessageRecord, SendLease};
use crate::revision::{Revision, RevisionWritten, to_marked_item};
use crate::search::Beside;
use crate::table::{Condition, Deleted, PutOutcome};

use kind::Nature;
pub use kind::RestoreKind;

/// At most this many items are written at once.
const CONCURRENCY: usize = 16;

/// DynamoDB gives out this many items in one batch.
const BATCH: usize = 100;

/// At most this many items of a table are looked at with one call, so that its answer comes in time also over a slow
/// line.
const SOME: i32 = 400;

/// What is to come back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Only these kinds; all of them where none is named, but for API keys: one that is missing was revoked. Accounts,
    /// endpoints and message providers that are gone come back only where they are named, too.
    pub kinds: BTreeSet<RestoreKind>,
    /// Only what these businesses have; where none is named, what any has and what is the stack's.
    pub businesses: BTreeSet<BusinessId>,
    /// Only these partitions, such as `contact#main#c-1`.
    pub partitions: BTreeSet<String>,
    /// Also records that can be read and were changed since: settings, accounts, contacts and whatever else is replaced
    /// whole. Somebody may have changed them with good reason.
    pub is_changed_too: bool,
}

impl Choice {
    fn wants(&self, kind: RestoreKind, business: Option<&BusinessId>, pk: &str) -> bool {
        let has_kind = if self.kinds.is_empty() { kind != RestoreKind::ApiKey } else { self.kinds.contains(&kind) };
        let has_business =
            self.businesses.is_empty() || business.is_some_and(|business| self.businesses.contains(business));
        has_kind && has_business && (self.partitions.is_empty() || self.partitions.contains(pk))
    }
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    Off,
    On,
}

/// What a look at the copy found of one kind and business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// It is as it was.
    pub same: u64,
    /// It is gone, and comes back.
    pub missing: u64,
    /// It cannot be read, or differs and never changes: it comes back.
    pub damaged: u64,
    /// It was changed since, and comes back where that was asked for.
    pub changed: u64,
    /// It went on since, and stays.
    pub newer: u64,
    /// It is gone and stays gone: it had its time, its business is erased, it cannot be read in the copy either, or it
    /// may have been deleted on purpose.
    pub withheld: u64,
    /// It is there, and some of what it is found by is lost: that is written anew.
    #[serde(default)]
    pub not_found: u64,
}

impl Counts {
    /// How many come back.
    pub fn coming_back(&self, choice: &Choice) -> u64 {
        self.missing + self.damaged + if choice.is_changed_too { self.changed } else { 0 }
    }
}

/// What a look at the copies found, by kind and business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison(pub BTreeMap<(RestoreKind, Option<BusinessId>), Counts>);

impl Comparison {
    /// How many items come back.
    pub fn coming_back(&self, choice: &Choice) -> u64 {
        self.0.values().map(|counts| counts.coming_back(choice)).sum()
    }

    fn add(&mut self, kind: RestoreKind, business: Option<BusinessId>, fate: Fate) {
        let counts = self.0.entry((kind, business)).or_default();
        let count = match fate {
            Fate::Same => &mut counts.same,
            Fate::Missing => &mut counts.missing,
            Fate::Damaged => &mut counts.damaged,
            Fate::Changed => &mut counts.changed,
            Fate::Newer => &mut counts.newer,
            Fate::Withheld | Fate::Unnamed => &mut counts.withheld,
        };
        *count += 1;
    }
}

/// See [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Same,
    Missing,
    Damaged,
    Changed,
    Newer,
    Withheld,
    /// It may have been deleted on purpose, and nobody named it.
    Unnamed,
}

/// What a restore leaves to a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum RestoreFinding {
    /// It may have been sent between the instant of the copy and the loss, and is not sent again.
    MessageMaybeSent { link_id: LinkId, message_id: MessageId },
    /// The same of an event, which can be sent again by hand.
    EventMaybeSent { event_id: EventId },
    /// A receipt or a claim of the time since says that the link is paid. The CRM may not have been told.
    LinkPaidSince { link_id: LinkId, attempt_id: AttemptId },
    /// The same by an attempt that the copy does not know. The link counts as paid by it.
    LinkPaidByUnknownAttempt { link_id: LinkId, attempt_id: AttemptId },
    /// The gateway confirmed money since that the link did not keep, and whether it went back is not known. The attempt
    /// is under review.
    MoneyNeedsReview { link_id: LinkId, attempt_id: AttemptId },
    /// The same of an attempt that the copy does not know, so that it stands nowhere but here.
    MoneyOfUnknownAttempt { link_id: LinkId, attempt_id: AttemptId, gateway_reference: String },
    /// The gateway confirmed money since, and its link was made and lost since, too.
    MoneyWithoutLink { business: BusinessId, link_id: LinkId, attempt_id: AttemptId, gateway_reference: String },
    /// It is gone, perhaps on purpose, and comes back where its kind is named.
    StaysGone { kind: RestoreKind, business: BusinessId, id: String },
    /// Whoever asked to be forgotten since has to be forgotten once more.
    ContactCameBack { business: BusinessId, contact_id: ContactId },
}

impl RestoreFinding {
    /// What it is about, for its place among the others.
    fn place(&self) -> String {
        match self {
            Self::MessageMaybeSent { link_id, message_id } => format!("message#{link_id}#{message_id}"),
            Self::EventMaybeSent { event_id } => format!("event#{event_id}"),
            Self::LinkPaidSince { link_id, attempt_id } => format!("paid#{link_id}#{attempt_id}"),
            Self::LinkPaidByUnknownAttempt { link_id, attempt_id } => format!("unknown#{link_id}#{attempt_id}"),
            Self::MoneyNeedsReview { link_id, attempt_id } => format!("review#{link_id}#{attempt_id}"),
            Self::MoneyOfUnknownAttempt { link_id, attempt_id, .. } => format!("unknown-money#{link_id}#{attempt_id}"),
            Self::MoneyWithoutLink { link_id, attempt_id, .. } => format!("no-link#{link_id}#{attempt_id}"),
            Self::StaysGone { kind, business, id } => format!("gone#{}#{business}#{id}", kind.as_str()),
            Self::ContactCameBack { business, contact_id } => format!("contact#{business}#{contact_id}"),
        }
    }
}

/// What claims and receipts that the copy lacks say of an attempt's money.
#[derive(Clone, Debug, Default)]
struct MoneySince {
    /// What makes the gateway's reference unique, and the claim of it.
    claim: Option<(String, ClaimRecord)>,
    receipt: Option<Receipt>,
    /// The receipts of what a person wrote down of it, and of what went back.
    recorded: Vec<Receipt>,
}

impl MoneySince {
    /// The receipt of the payment, whoever wrote it.
    fn payment(&self) -> Option<&Receipt> {
        self.receipt.iter().chain(&self.recorded).find(|receipt| receipt.kind == ReceiptKind::Payment)
    }
}

/// What became of an item of the copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looked {
    Unwanted,
    ComesBack,
    /// What there is now is not replaced.
    Stays,
}

/// A record that is found by rows of its own.
enum Searched {
    Contact(Contact),
    Item(CrmItem),
    Receipt(Box<Receipt>),
}

impl Searched {
    fn kind(&self) -> RestoreKind {
        match self {
            Self::Contact(_) => RestoreKind::Contact,
            Self::Item(_) => RestoreKind::Item,
            Self::Receipt(_) => RestoreKind::Receipt,
        }
    }
}

/// Such a record as it is now, and stays.
struct Staying<'a> {
    business: BusinessId,
    record: Searched,
    now: &'a Item,
}

impl<'a> Staying<'a> {
    /// Nothing of what cannot be read, and of other kinds.
    fn of(at: &Key, now: &'a Item) -> Option<Self> {
        let record = match RestoreKind::of(at)? {
            RestoreKind::Contact => Searched::Contact(from_item(READ, now.clone()).ok()?),
            RestoreKind::Item => Searched::Item(from_item(READ, now.clone()).ok()?),
            RestoreKind::Receipt => Searched::Receipt(from_item(READ, now.clone()).ok()?),
            _ => return None,
        };
        Some(Self { business: business_of(at, now)?, record, now })
    }
}

/// A look at the copies, and what it has to know.
struct Look<'a> {
    store: &'a Store,
    copy: &'a Store,
    /// The instant of the copies.
    at: Timestamp,
    choice: &'a Choice,
    hands: Hands,
    now: Timestamp,
    /// Businesses of which nothing comes back.
    erased: HashMap<BusinessId, bool>,
    /// Money that the copy does not know of, of links that are lost.
    money: HashMap<LinkId, BTreeMap<AttemptId, MoneySince>>,
    /// Businesses of which it is marked that what was added up counts no more.
    totals_of: BTreeSet<BusinessId>,
}

impl Store {
    /// The same stack's tables under other names, such as copies of them.
    #[must_use]
    pub fn copy_in(&self, table: impl Into<String>, secrets_table: impl Into<String>) -> Self {
        Self::new(self.client.clone(), table, secrets_table, std::time::Duration::from_secs(3600))
    }

    /// Compares copies of both tables, as they were at an instant, with the tables as they are, and brings back what
    /// was chosen where `hands` are on. Secrets come first, so that no record names one that is not there.
    pub async fn restore(
        &self,
        copy: &Self,
        at: Timestamp,
        choice: &Choice,
        hands: Hands,
        now: Timestamp,
    ) -> Result<Comparison, StoreError> {
        let mut look = Look {
            store: self,
            copy,
            at,
            choice,
            hands,
            now,
            erased: HashMap::new(),
            money: HashMap::new(),
            totals_of: BTreeSet::new(),
        };
        let mut found = Comparison::default();
        look.look_at_secrets(&mut found).await?;
        if hands == Hands::On {
            look.find_money().await?;
        }
        look.look_at_records(&mut found).await?;
        if hands == Hands::On {
            look.drop_stray_rows().await?;
        }
        Ok(found)
    }

    /// How far a restore has come, where one is under way, and what to write the next step over.
    pub async fn restore_state<T: DeserializeOwned>(&self) -> Result<(Option<T>, Revision), StoreError> {
        self.record_to_change("read how far a restore has come", keys::restore_state()).await
    }

    /// Writes down how far a restore has come, over what was read, so that of two people who take a step at once one
    /// finds out. What the step after this one is written over; nothing where somebody else took a step meanwhile.
    pub async fn put_restore_state<T: Serialize>(
        &self,
        state: &T,
        revision: &Revision,
    ) -> Result<Option<Revision>, StoreError> {
        let item = to_marked_item(keys::restore_state(), state)?;
        match self.put_over("write how far a restore has come", item, revision, Vec::new()).await? {
            RevisionWritten::Applied(written) => Ok(Some(written)),
            RevisionWritten::Rejected => Ok(None),
        }
    }

    /// What the restore left to a person.
    pub async fn restore_findings(&self) -> Result<Vec<RestoreFinding>, StoreError> {
        const READ: &str = "read what a restore left to a person";
        let items = self.query_partition(READ, keys::RESTORE).await?;
        let findings = items.into_iter().filter(|item| text_of(item, SK).is_some_and(|sk| sk.starts_with("finding#")));
        findings.map(|item| from_item(READ, item)).collect()
    }

    /// Forgets the restore and what it found. The state goes last.
    pub async fn forget_restore(&self) -> Result<(), StoreError> {
        const DELETE: &str = "forget a restore";
        for finding in self.restore_findings().await? {
            self.delete(DELETE, keys::restore_finding(&finding.place())).await?;
        }
        match self.delete(DELETE, keys::restore_state()).await? {
            Deleted::Existed | Deleted::Missing => Ok(()),
        }
    }

    async fn drop_finding(&self, finding: &RestoreFinding) -> Result<(), StoreError> {
        match self.delete("drop what a restore found", keys::restore_finding(&finding.place())).await? {
            Deleted::Existed | Deleted::Missing => Ok(()),
        }
    }

    async fn note_finding(&self, finding: &RestoreFinding) -> Result<(), StoreError> {
        self.put("note what a restore found", to_item(keys::restore_finding(&finding.place()), finding)?).await
    }

    /// The items of a whole table, some at a time, and the key after which there is more.
    async fn some_of(&self, table: &str, start: Option<Item>) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        some("look through a table", self.client.scan().table_name(table), start).await
    }
}

/// What a look through a table finds in its next items, and the key after which there is more.
async fn some(
    operation: &'static str,
    scan: ScanFluentBuilder,
    start: Option<Item>,
) -> Result<(Vec<Item>, Option<Item>), StoreError> {
    let scan = scan.consistent_read(true).limit(SOME).set_exclusive_start_key(start);
    let answer = scan.send().await.map_err(|error| StoreError::service(operation, &error))?;
    Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
}

fn key_of(item: &Item) -> Option<Key> {
    Some(Key { pk: text_of(item, PK)?.to_owned(), sk: text_of(item, SK)?.to_owned() })
}

/// Whose an item is: what it says itself, or what its key says behind the kind.
fn business_of(at: &Key, item: &Item) -> Option<BusinessId> {
    let said = text_of(item, BUSINESS).map(str::to_owned);
    let named = || {
        let kind = at.pk.split('#').next().unwrap_or_default();
        let is_nobodys = matches!(
            kind,
            "link" | "claim" | "provider-message" | "heartbeat" | "platform" | keys::PLATFORM_KEYS | keys::RESTORE
        );
        (!is_nobodys).then(|| at.pk.split('#').nth(1).map(str::to_owned)).flatten()
    };
    BusinessId::parse(&said.or_else(named)?).ok()
}

impl Look<'_> {
    async fn look_at_secrets(&mut self, found: &mut Comparison) -> Result<(), StoreError> {
        const READ: &str = "read secrets";
        let mut start = None;
        loop {
            let (items, next) = self.copy.some_of(&self.copy.secrets_table, start).await?;
            let keys: Vec<Key> = items.iter().filter_map(key_of).collect();
            let now = self.store.batch_get_from(&self.store.secrets_table, READ, keys).await?;
            let now: HashMap<(String, String), Item> = by_key(now);
            let mut missing = Vec::new();
            for then in items {
                let Some(at) = key_of(&then) else { continue };
                let business = business_of(&at, &then);
                if !self.choice.wants(RestoreKind::Secret, business.as_ref(), &at.pk) {
                    continue;
                }
                let fate = match now.get(&(at.pk.clone(), at.sk.clone())) {
                    _ if self.is_erased(business.as_ref()).await? => Fate::Withheld,
                    None => Fate::Missing,
                    Some(now) if *now == then => Fate::Same,
                    Some(_) => Fate::Damaged,
                };
                found.add(RestoreKind::Secret, business, fate);
                missing.extend(matches!(fate, Fate::Missing | Fate::Damaged).then_some((then, fate)));
            }
            if self.hands == Hands::On {
                let table = &self.store.secrets_table;
                self.write(missing.into_iter().map(|(item, fate)| (table.clone(), item, fate)).collect()).await?;
            }
            start = next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    async fn look_at_records(&mut self, found: &mut Comparison) -> Result<(), StoreError> {
        const READ: &str = "read what there is now";
        let mut start = None;
        loop {
            let (items, next) = self.copy.some_of(&self.copy.table, start).await?;
            for chunk in items.chunks(BATCH) {
                let keys: Vec<Key> = chunk.iter().filter_map(key_of).collect();
                let now = by_key(self.store.batch_get(READ, keys).await?);
                let (mut plain, mut staying) = (Vec::new(), Vec::new());
                for then in chunk {
                    let Some(at) = key_of(then) else { continue };
                    let now = now.get(&(at.pk.clone(), at.sk.clone()));
                    let looked = self.look_at(&at, then, now, found, &mut plain).await?;
                    staying.extend(now.filter(|_| looked == Looked::Stays).and_then(|now| Staying::of(&at, now)));
                }
                self.write(plain).await?;
                self.mend_rows(staying, found).await?;
            }
            start = next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// Looks at one item. What comes back as it was is added to `plain`.
    async fn look_at(
        &mut self,
        at: &Key,
        then: &Item,
        now: Option<&Item>,
        found: &mut Comparison,
        plain: &mut Vec<(String, Item, Fate)>,
    ) -> Result<Looked, StoreError> {
        let Some(kind) = RestoreKind::of(at) else { return Ok(Looked::Unwanted) };
        let business = business_of(at, then);
        if !self.choice.wants(kind, business.as_ref(), &at.pk) {
            return Ok(Looked::Unwanted);
        }
        let (then, fate) = self.fate_of(kind, business.as_ref(), then, now).await?;
        found.add(kind, business.clone(), fate);
        let comes_back = match fate {
            Fate::Missing | Fate::Damaged => true,
            Fate::Changed => self.choice.is_changed_too,
            Fate::Same | Fate::Newer | Fate::Withheld | Fate::Unnamed => false,
        };
        let looked = if comes_back { Looked::ComesBack } else { Looked::Stays };
        if self.hands == Hands::Off {
            return Ok(looked);
        }
        if let (true, Some(business)) = (kind.nature() == Nature::MaybeDeleted, business.as_ref()) {
            self.note_what_stays_gone(kind, business, at, fate).await?;
        }
        if comes_back {
            self.bring_back(kind, business, at, (then, fate), now, plain).await?;
        }
        Ok(looked)
    }

    async fn bring_back(
        &mut self,
        kind: RestoreKind,
        business: Option<BusinessId>,
        at: &Key,
        (then, fate): (Item, Fate),
        now: Option<&Item>,
        plain: &mut Vec<(String, Item, Fate)>,
    ) -> Result<(), StoreError> {
        if let (RestoreKind::Link | RestoreKind::Receipt, Some(business)) = (kind, business.as_ref())
            && self.totals_of.insert(business.clone())
        {
            self.store.mark_restored(business, self.now).await?;
        }
        match kind {
            RestoreKind::Link => self.bring_link_back(then, fate).await,
            RestoreKind::Message => {
                self.close_stand_ins(at, &then).await?;
                self.bring_message_back(at, then, fate).await
            }
            RestoreKind::Event => self.bring_event_back(then, fate).await,
            RestoreKind::Business if fate == Fate::Missing => self.bring_business_back(then).await,
            RestoreKind::Contact => {
                let Some(business) = business else { return Ok(()) };
                let contact: Contact = from_item("read a contact that comes back", then.clone())?;
                if fate == Fate::Missing {
                    let (business, contact_id) = (business.clone(), contact.id.clone());
                    self.store.note_finding(&RestoreFinding::ContactCameBack { business, contact_id }).await?;
                }
                let beside = self.store.of(&business).rows_beside_contact(None, &contact, &Revision::of(now)).await?;
                self.write_with_rows(then, now, beside).await
            }
            RestoreKind::Item => {
                let Some(business) = business else { return Ok(()) };
                let item: CrmItem = from_item("read an item that comes back", then.clone())?;
                let beside = self.store.of(&business).rows_beside_item(None, &item, &Revision::of(now))?;
                self.write_with_rows(then, now, beside).await
            }
            RestoreKind::Receipt => {
                if let Some(business) = business {
                    let receipt: Receipt = from_item("read a receipt that comes back", then.clone())?;
                    self.store.of(&business).put_receipt_rows(&receipt).await?;
                }
                plain.push((self.store.table.clone(), then, fate));
                Ok(())
            }
            RestoreKind::Secret
            | RestoreKind::Business
            | RestoreKind::Settings
            | RestoreKind::Defaults
            | RestoreKind::Account
            | RestoreKind::ReceiptType
            | RestoreKind::Provider
            | RestoreKind::Template
            | RestoreKind::Logo
            | RestoreKind::Endpoint
            | RestoreKind::ApiKey
            | RestoreKind::Refund
            | RestoreKind::Attachment
            | RestoreKind::ItemPayments
            | RestoreKind::Claim
            | RestoreKind::ReceiptPage
            | RestoreKind::Reference
            | RestoreKind::LogEntry
            | RestoreKind::ProviderId
            | RestoreKind::LookBack
            | RestoreKind::Other => {
                plain.push((self.store.table.clone(), then, fate));
                Ok(())
            }
        }
    }

    /// What becomes of an item, and the item that comes back, where it does.
    async fn fate_of(
        &mut self,
        kind: RestoreKind,
        business: Option<&BusinessId>,
        then: &Item,
        now: Option<&Item>,
    ) -> Result<(Item, Fate), StoreError> {
        let had_its_time = number_of(then, FORGET_AT).is_some_and(|second| second <= self.now.as_second());
        if !kind.can_read(then) || self.is_erased(business).await? || (now.is_none() && had_its_time) {
            return Ok((then.clone(), if now == Some(then) { Fate::Same } else { Fate::Withheld }));
        }
        let Some(now) = now else {
            let is_unnamed = kind.nature() == Nature::MaybeDeleted && !self.choice.kinds.contains(&kind);
            return Ok((then.clone(), if is_unnamed { Fate::Unnamed } else { Fate::Missing }));
        };
        if is_same(then, now) {
            return Ok((then.clone(), Fate::Same));
        }
        if kind.nature() == Nature::Immutable || !kind.can_read(now) {
            return Ok((then.clone(), Fate::Damaged));
        }
        let is_another = match kind {
            RestoreKind::Link => is_another_link(then, now)?,
            RestoreKind::Claim => is_anothers_claim(then, now)?,
            RestoreKind::Receipt => is_another_receipt(then, now)?,
            _ => false,
        };
        if is_another {
            return Ok((then.clone(), Fate::Damaged));
        }
        if kind.nature() == Nature::GoesOn {
            return Ok((then.clone(), Fate::Newer));
        }
        if kind == RestoreKind::Business {
            // Who suspended a business since had a reason, and links may lie in shards that it has got since.
            let (then, now): (Business, Business) = (from_item(READ, then.clone())?, from_item(READ, now.clone())?);
            let merged = Business { state: now.state.clone(), spread: then.spread.with(now.spread), ..then };
            let fate = if merged == now { Fate::Same } else { Fate::Changed };
            return Ok((business_item(&merged)?, fate));
        }
        Ok((then.clone(), Fate::Changed))
    }

    /// Whether a business is erased, or is being erased: nothing of it comes back.
    async fn is_erased(&mut self, business: Option<&BusinessId>) -> Result<bool, StoreError> {
        let Some(id) = business else { return Ok(false) };
        if let Some(known) = self.erased.get(id) {
            return Ok(*known);
        }
        let gone = match self.store.get(READ, keys::business(id)).await? {
            // One that cannot be read comes back itself.
            Some(item) => from_item::<Business>(READ, item).is_ok_and(|business| match business.state {
                BusinessState::Erasing { .. } | BusinessState::Erased { .. } => true,
                BusinessState::Active | BusinessState::Suspended { .. } => false,
            }),
            None => false,
        };
        self.erased.insert(id.clone(), gone);
        Ok(gone)
    }

    /// Writes items as they were. One that is there by now was brought back before, or was written meanwhile and stays.
    async fn write(&self, items: Vec<(String, Item, Fate)>) -> Result<(), StoreError> {
        const WRITE: &str = "bring an item back";
        let writes = items.into_iter().map(|(table, item, fate)| async move {
            match self.store.put_into(&table, WRITE, item, over(fate)).await? {
                PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok::<(), StoreError>(()),
            }
        });
        stream::iter(writes).buffer_unordered(CONCURRENCY).try_collect().await
    }

    /// Writes a record as it was, with what it is found by, over what was read of it just now.
    async fn write_with_rows(&self, mut then: Item, now: Option<&Item>, beside: Beside) -> Result<(), StoreError> {
        then.insert(FOUND_BY.to_owned(), beside.kept());
        let over = Revision::of(now).condition();
        match self.store.put_with("bring a record back", then, over, beside.writes).await? {
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => Ok(()),
        }
    }

    /// Writes what records that stay are found by, where any of it is lost.
    async fn mend_rows(&self, staying: Vec<Staying<'_>>, found: &mut Comparison) -> Result<(), StoreError> {
        const LOOK: &str = "look for what records are found by";
        let rows: Vec<Option<Vec<Key>>> = staying.iter().map(|one| self.rows_of(one)).collect();
        let there = by_key(self.store.batch_get(LOOK, rows.iter().flatten().flatten().cloned().collect()).await?);
        for (one, rows) in staying.into_iter().zip(rows) {
            let is_there = |at: Key| there.contains_key(&(at.pk, at.sk));
            if rows.is_some_and(|rows| rows.into_iter().all(is_there)) {
                continue;
            }
            let kind = one.record.kind();
            found.0.entry((kind, Some(one.business.clone()))).or_default().not_found += 1;
            if self.hands == Hands::On {
                self.write_rows_anew(one).await?;
            }
        }
        Ok(())
    }

    /// The rows that a record has; nothing where it keeps none.
    fn rows_of(&self, one: &Staying<'_>) -> Option<Vec<Key>> {
        let store = self.store.of(&one.business);
        let revision = Revision::of(Some(one.now));
        let kept = |id: &str| revision.found_by().is_some().then(|| store.keys_kept(&revision, id));
        match &one.record {
            Searched::Receipt(receipt) => Some(store.keys_of_receipt(receipt)),
            Searched::Contact(contact) => kept(contact.id.as_str()),
            Searched::Item(item) => kept(item.id.as_str()),
        }
    }

    /// Whoever changed a record meanwhile wrote what it is found by.
    async fn write_rows_anew(&self, one: Staying<'_>) -> Result<(), StoreError> {
        let store = self.store.of(&one.business);
        let revision = Revision::of(Some(one.now));
        let beside = match &one.record {
            Searched::Receipt(receipt) => return store.put_receipt_rows(receipt).await,
            Searched::Contact(contact) => store.rows_beside_contact(None, contact, &revision).await?,
            Searched::Item(item) => store.rows_beside_item(None, item, &revision)?,
        };
        self.write_with_rows(one.now.clone(), Some(one.now), beside).await
    }

    /// Deletes the rows by which somebody would find what is not there, or is found by something else: where a record was
    /// lost or damaged, nobody deleted those of its last state with it.
    async fn drop_stray_rows(&self) -> Result<(), StoreError> {
        const LOOK: &str = "look for what leads to no record";
        let mut start = None;
        loop {
            let scan = self
                .store
                .client
                .scan()
                .table_name(&self.store.table)
                .filter_expression("begins_with(#pk, :search) OR begins_with(#pk, :receipt)")
                .projection_expression("#pk, #sk")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":search", text("search#"))
                .expression_attribute_values(":receipt", text("receipt-search#"));
            let (found, next) = some(LOOK, scan, start).await?;
            let rows: Vec<(Key, Key)> = found
                .iter()
                .filter_map(key_of)
                .filter_map(|row| Some((keys::record_of_row(&row)?, row)))
                .filter(|(record, _)| {
                    let business = business_of(record, &Item::new());
                    RestoreKind::of(record).is_some_and(|kind| self.choice.wants(kind, business.as_ref(), &record.pk))
                })
                .collect();
            let records: BTreeSet<Key> = rows.iter().map(|(record, _)| record.clone()).collect();
            let records = by_key(self.store.batch_get(LOOK, records.into_iter().collect()).await?);
            for (record, row) in rows {
                let there = records.get(&(record.pk.clone(), record.sk.clone()));
                if there.is_some_and(|there| has_row(&record, there, &row)) {
                    continue;
                }
                match self.store.delete("delete what leads to no record", row).await? {
                    Deleted::Existed | Deleted::Missing => {}
                }
            }
            start = next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// Brings a business back that is gone, with as many shards as its links lie in.
    async fn bring_business_back(&self, then: Item) -> Result<(), StoreError> {
        let business: Business = from_item(READ, then)?;
        let mut spread = business.spread;
        for shard in business.spread.read().number()..Shards::MOST {
            let mut lists = vec![keys::live(&business.id, shard)];
            lists.extend(months(self.at, self.now).iter().map(|month| keys::over(&business.id, &month.name, shard)));
            for list in lists {
                if self.has_entries(&list).await? {
                    let shards = Shards::parse(i64::from(shard) + 1).unwrap_or(spread.read());
                    spread = spread.grown(shards, self.now).unwrap_or(spread);
                    break;
                }
            }
        }
        let item = business_item(&Business { spread, ..business })?;
        self.write(vec![(self.store.table.clone(), item, Fate::Missing)]).await
    }

    async fn has_entries(&self, list: &str) -> Result<bool, StoreError> {
        let query = self
            .store
            .client
            .query()
            .table_name(&self.store.table)
            .index_name(BY_STATE_INDEX)
            .key_condition_expression("#list = :list")
            .expression_attribute_names("#list", BY_STATE)
            .expression_attribute_values(":list", text(list))
            .limit(1);
        let answer = query.send().await.map_err(|error| StoreError::service("look into a list", &error))?;
        Ok(answer.count > 0)
    }

    /// Lists what stays gone because it may be gone on purpose, until it is named and comes back.
    async fn note_what_stays_gone(
        &self,
        kind: RestoreKind,
        business: &BusinessId,
        at: &Key,
        fate: Fate,
    ) -> Result<(), StoreError> {
        let id = at.sk.split_once('#').map_or(at.sk.as_str(), |(_, id)| id).to_owned();
        let finding = RestoreFinding::StaysGone { kind, business: business.clone(), id };
        match fate {
            Fate::Unnamed => self.store.note_finding(&finding).await,
            Fate::Missing => self.store.drop_finding(&finding).await,
            Fate::Same | Fate::Damaged | Fate::Changed | Fate::Newer | Fate::Withheld => Ok(()),
        }
    }

    /// Closes what stands in for a message that comes back as failed beside a link that went on: the link would be
    /// delivered again, and the next in line sent, although somebody may have been told already. Where the link is lost
    /// too, it comes back with all of its messages.
    async fn close_stand_ins(&self, at: &Key, then: &Item) -> Result<(), StoreError> {
        let record: MessageRecord = from_item(READ, then.clone())?;
        let comes_back_failed = match record.state.if_final() {
            Some(state) => matches!(state, MessageState::Failed { .. }),
            None => true,
        };
        let ids =
            keys::link_of(&at.pk).zip(at.sk.strip_prefix(MESSAGE_PREFIX).and_then(|id| MessageId::parse(id).ok()));
        let Some((link_id, message_id)) = ids.filter(|_| comes_back_failed) else { return Ok(()) };
        let links = self.store.links(std::slice::from_ref(&link_id)).await?;
        let Some(link) = links.first() else { return Ok(()) };
        let mut known = self.copy.message_states(&links).await?;
        known.extend(self.store.message_states(&links).await?);
        let found = link.stand_ins_maybe_sent(&message_id, &known, self.now);
        self.give_up_messages(link, found).await
    }

    /// Writes messages down as failed because they may have been sent, and lists them.
    async fn give_up_messages(&self, link: &PaymentLink, messages: Vec<MessageId>) -> Result<(), StoreError> {
        for message_id in messages {
            let lease = SendLease::on(link, &message_id, write_id()?, 0);
            let item = lease.item(MessageState::unknown_since_restore(self.now), None)?;
            let finding = RestoreFinding::MessageMaybeSent { link_id: link.id().clone(), message_id };
            self.store.note_finding(&finding).await?;
            self.write(vec![(self.store.table.clone(), item, Fate::Missing)]).await?;
        }
        Ok(())
    }

    async fn bring_message_back(&self, at: &Key, then: Item, fate: Fate) -> Result<(), StoreError> {
        let record: MessageRecord = from_item(READ, then.clone())?;
        let ids =
            keys::link_of(&at.pk).zip(at.sk.strip_prefix(MESSAGE_PREFIX).and_then(|id| MessageId::parse(id).ok()));
        let Some((link_id, message_id)) = ids else { return Ok(()) };
        let item = match record.state.clone().if_final() {
            Some(_) => then,
            None => {
                let lease = record.lease(&link_id, &message_id);
                let finding = RestoreFinding::MessageMaybeSent { link_id, message_id };
                self.store.note_finding(&finding).await?;
                lease.item(MessageState::unknown_since_restore(self.now), None)?
            }
        };
        self.write(vec![(self.store.table.clone(), item, fate)]).await
    }

    async fn bring_event_back(&self, then: Item, fate: Fate) -> Result<(), StoreError> {
        let (event, may_be_told) = from_item::<EventRecord>(READ, then)?.brought_back(self.now);
        if may_be_told {
            self.store.note_finding(&RestoreFinding::EventMaybeSent { event_id: event.id.clone() }).await?;
        }
        self.write(vec![(self.store.table.clone(), event_item(&event)?, fate)]).await
    }

    /// Brings a link back after all that lies beside it, because the link is what the rest is found by.
    async fn bring_link_back(&self, then: Item, fate: Fate) -> Result<(), StoreError> {
        let link: PaymentLink = from_item(READ, then)?;
        let pk = keys::link(link.id()).pk;
        let of_copy = self.copy.query_partition(READ, &pk).await?;
        let there = by_key(self.store.query_partition(READ, &pk).await?);
        for item in of_copy {
            let Some(at) = key_of(&item) else { continue };
            // The same that happens to each of them by itself.
            match RestoreKind::of(&at) {
                _ if there.contains_key(&(at.pk.clone(), at.sk.clone())) => {}
                Some(RestoreKind::Message) => self.bring_message_back(&at, item, Fate::Missing).await?,
                Some(RestoreKind::Event) => self.bring_event_back(item, Fate::Missing).await?,
                Some(_) | None => {}
            }
        }
        let (mut messages, mut events) = (MessageStates::new(), BTreeMap::new());
        for item in self.store.query_partition(READ, &pk).await? {
            let sk = text_of(&item, SK).unwrap_or_default().to_owned();
            if let Some(id) = sk.strip_prefix(MESSAGE_PREFIX).and_then(|id| MessageId::parse(id).ok()) {
                messages.insert(id, from_item::<MessageRecord>(READ, item)?.state);
            } else if sk.starts_with(EVENT_PREFIX) {
                let event: EventRecord = from_item(READ, item)?;
                events.insert(event.sequence, event);
            }
        }
        let claimed = self.claimed(&link).await?;
        let recorded = self.recorded(link.id());
        let was_known = link.receipt_ids();
        let link = link.with_recorded(&recorded);
        let link = match self.store.newest_of_chain(&link).await? {
            Some(newest) => link.replaced_since(&newest.id, self.now),
            None => link,
        };
        let is_new = |attempt: &&Attempt| link.receipt(&attempt.id).is_some_and(|one| !was_known.contains(&one.id));
        let by_record = link.payments().filter(|attempt| attempt.is_recorded()).filter(is_new);
        let by_record: Vec<AttemptId> = by_record.map(|one| one.id.clone()).collect();
        let back = link.brought_back(&claimed, &messages, &events, self.now);
        let paid_by = back.paid_by.into_iter().chain(by_record);
        let link = back.link;
        self.give_up_messages(&link, back.messages).await?;
        let endpoints = self.copy.of(link.business()).endpoints().await?;
        for mut event in back.events {
            let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(event.kind));
            event.deliveries = wanting.map(|endpoint| Delivery::due(endpoint.id.clone(), self.now)).collect();
            for delivery in &mut event.deliveries {
                delivery.give_up(UNKNOWN_SINCE_RESTORE, self.now);
            }
            if !event.deliveries.is_empty() {
                self.store.note_finding(&RestoreFinding::EventMaybeSent { event_id: event.id.clone() }).await?;
            }
            self.write(vec![(self.store.table.clone(), event_item(&event)?, Fate::Missing)]).await?;
        }
        let link_id = || link.id().clone();
        let mut findings = Vec::new();
        findings.extend(paid_by.map(|attempt_id| RestoreFinding::LinkPaidSince { link_id: link_id(), attempt_id }));
        findings.extend(
            back.paid_by_unknown
                .map(|attempt_id| RestoreFinding::LinkPaidByUnknownAttempt { link_id: link_id(), attempt_id }),
        );
        for attempt_id in back.to_review {
            findings.push(RestoreFinding::MoneyNeedsReview { link_id: link_id(), attempt_id });
        }
        for attempt_id in back.unknown_money {
            let one = claimed.iter().find(|one| one.attempt == attempt_id);
            let gateway_reference = one.map(|one| one.payment.reference.clone()).unwrap_or_default();
            findings.push(RestoreFinding::MoneyOfUnknownAttempt { link_id: link_id(), attempt_id, gateway_reference });
        }
        for finding in findings {
            self.store.note_finding(&finding).await?;
        }
        let item = self.store.link_item(&link, &write_id()?)?;
        self.write(vec![(self.store.table.clone(), item, fate)]).await
    }

    /// The receipts of what a person wrote down since as a link's payment, and of what went back of one.
    fn recorded(&self, link: &LinkId) -> Vec<Receipt> {
        let of_attempts = self.money.get(link).into_iter().flat_map(BTreeMap::values);
        let mut found: Vec<Receipt> = of_attempts.flat_map(|money| money.recorded.clone()).collect();
        found.sort_by(|one, other| (one.registered_at, &one.id).cmp(&(other.registered_at, &other.id)));
        found
    }

    /// The money that the gateways confirmed for attempts of a link since, with the receipts of all of its attempts.
    async fn claimed(&self, link: &PaymentLink) -> Result<Vec<ClaimedSince>, StoreError> {
        let mut money = self.money.get(link.id()).cloned().unwrap_or_default();
        for attempt in link.attempts() {
            money.entry(attempt.id.clone()).or_default();
        }
        let mut claimed = Vec::new();
        for (attempt, MoneySince { claim, receipt, recorded: _ }) in money {
            let receipt = match receipt {
                Some(receipt) => Some(receipt),
                // What a person wrote down is found by its receipt alone, see [`Self::recorded`].
                None if link.attempt(&attempt).is_some_and(Attempt::is_recorded) => None,
                None => self.store.of(link.business()).receipt(&ReceiptId::of(&attempt)).await?,
            };
            match (receipt, claim) {
                (Some(receipt), claim) => {
                    claimed.push(ClaimedSince::by_receipt(&receipt, claim.map(|(claim, _)| claim)));
                }
                (None, Some((claim, record))) => {
                    let ClaimRecord { gateway_reference, money, confirmed_at, kept_at, .. } = record;
                    let payment = Payment::new(gateway_reference, claim, money);
                    claimed.push(ClaimedSince { attempt, payment, confirmed_at, kept_at, booked_later: None });
                }
                (None, None) => {}
            }
        }
        Ok(claimed)
    }

    /// Finds the claims and receipts that the copy lacks and whose links are lost. They are found by looking through
    /// the whole table, because a claim lies at the gateway's reference and a receipt at its own id.
    async fn find_money(&mut self) -> Result<(), StoreError> {
        let mut start = None;
        loop {
            let scan = self
                .store
                .client
                .scan()
                .table_name(&self.store.table)
                .filter_expression(
                    "begins_with(#pk, :claim) OR begins_with(#pk, :receipt) OR begins_with(#pk, :recorded)",
                )
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":claim", text("claim#"))
                .expression_attribute_values(":receipt", text(format!("{}#", keys::RECEIPT)))
                .expression_attribute_values(":recorded", text(format!("{}#", keys::RECORDED_RECEIPT)));
            let (found, next) = some("look for money", scan, start).await?;
            for chunk in found.chunks(BATCH) {
                self.note_money(chunk).await?;
            }
            start = next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    async fn note_money(&mut self, items: &[Item]) -> Result<(), StoreError> {
        let then = by_key(self.copy.batch_get(READ, items.iter().filter_map(key_of).collect()).await?);
        let mut since: Vec<(BusinessId, LinkId, AttemptId, MoneySince)> = Vec::new();
        for item in items {
            // A claim is written anew when a person keeps money that was not kept at first.
            let is_known = |at: &Key| then.get(&(at.pk.clone(), at.sk.clone())) == Some(item);
            let Some(at) = key_of(item).filter(|at| !is_known(at)) else { continue };
            match RestoreKind::of(&at) {
                Some(RestoreKind::Claim) => {
                    let Ok(record) = from_item::<ClaimRecord>(READ, item.clone()) else { continue };
                    // The kind and the mode stand before what the gateway's reference is made of.
                    let claim = at.pk.splitn(3, '#').nth(2).unwrap_or_default().to_owned();
                    let ClaimRecord { business, link_id, attempt_id, .. } = record.clone();
                    let money = MoneySince { claim: Some((claim, record)), ..MoneySince::default() };
                    since.push((business, link_id, attempt_id, money));
                }
                Some(RestoreKind::Receipt) => {
                    let Some(business) = business_of(&at, item) else { continue };
                    let Ok(receipt) = from_item::<Receipt>(READ, item.clone()) else { continue };
                    let (link_id, attempt_id) = (receipt.link_id.clone(), receipt.attempt_id.clone());
                    // What records a refund is about money of another receipt, which is found for itself. That something is
                    // void its own receipt says.
                    let money = match receipt.kind {
                        ReceiptKind::Payment if receipt.received_by.is_none() => {
                            MoneySince { receipt: Some(receipt), ..MoneySince::default() }
                        }
                        ReceiptKind::Payment | ReceiptKind::Refund { .. } => {
                            MoneySince { recorded: vec![receipt], ..MoneySince::default() }
                        }
                        ReceiptKind::PaymentVoid { .. } | ReceiptKind::RefundVoid { .. } => continue,
                    };
                    since.push((business, link_id, attempt_id, money));
                }
                _ => {}
            }
        }
        let at: BTreeSet<LinkId> = since.iter().map(|(_, link, ..)| link.clone()).collect();
        let at: Vec<Key> = at.iter().map(keys::link).collect();
        let (there, in_copy) = (self.store.batch_get(READ, at.clone()).await?, self.copy.batch_get(READ, at).await?);
        let (there, in_copy) = (by_key(there), by_key(in_copy));
        for (business, link_id, attempt_id, money) in since {
            let at = keys::link(&link_id);
            let place = (at.pk.clone(), at.sk);
            let readable = |item: &&Item| RestoreKind::Link.can_read(item);
            let (now, then) = (there.get(&place).filter(readable), in_copy.get(&place).filter(readable));
            match (then, now) {
                (None, Some(_)) => {}
                (Some(then), Some(now)) if !is_another_link(then, now)? => {}
                (Some(_), _) => {
                    let known = self.money.entry(link_id).or_default().entry(attempt_id).or_default();
                    known.claim = money.claim.or(known.claim.take());
                    known.receipt = money.receipt.or(known.receipt.take());
                    known.recorded.extend(money.recorded);
                }
                (None, None) if money.claim.is_none() && money.payment().is_none() => {}
                (None, None) => {
                    let is_wanted = self.choice.wants(RestoreKind::Link, Some(&business), &at.pk);
                    if !is_wanted || self.is_erased(Some(&business)).await? {
                        continue;
                    }
                    let by_receipt = money.payment().map(|receipt| receipt.gateway_reference.clone());
                    let by_claim = money.claim.map(|(_, record)| record.gateway_reference);
                    let gateway_reference = by_receipt.or(by_claim).unwrap_or_default();
                    let finding = RestoreFinding::MoneyWithoutLink { business, link_id, attempt_id, gateway_reference };
                    self.store.note_finding(&finding).await?;
                }
            }
        }
        Ok(())
    }
}

const READ: &str = "read what comes back";

/// Whether an item is what it was. By which rows a record is found may have been written anew since.
fn is_same(then: &Item, now: &Item) -> bool {
    let rest = |item: &Item| -> Item {
        item.iter().filter(|(name, _)| *name != FOUND_BY).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    then == now || (now.contains_key(FOUND_BY) && rest(then) == rest(now))
}

/// Whether a record has this row. One that keeps none was written before records had any.
fn has_row(record: &Key, there: &Item, row: &Key) -> bool {
    let Some(business) = business_of(record, there) else { return true };
    let id = record.pk.splitn(3, '#').nth(2).unwrap_or_default();
    let kept = Revision::of(Some(there));
    kept.found_by().is_none_or(|kept| kept.contains(&keys::kept_row(&business, row, id)))
}

/// What is written over what: an item that is gone over nothing, and one that is there over itself.
fn over(fate: Fate) -> Condition {
    match fate {
        Fate::Missing => Condition::nothing_there(),
        Fate::Damaged | Fate::Changed | Fate::Same | Fate::Newer | Fate::Withheld | Fate::Unnamed => {
            Condition::new("attribute_exists(pk)", [])
        }
    }
}

/// Whether what lies at a link's place is not that link as it went on: another one, or an earlier state of it.
fn is_another_link(then: &Item, now: &Item) -> Result<bool, StoreError> {
    let (then, now): (PaymentLink, PaymentLink) = (from_item(READ, then.clone())?, from_item(READ, now.clone())?);
    Ok(then.id() != now.id()
        || then.business() != now.business()
        || then.token().expose() != now.token().expose()
        || then.created_at() != now.created_at()
        || then.version() > now.version())
}

/// Whether a receipt differs by more than that more of its money went back, or less where a refund is void, and that it is void.
fn is_another_receipt(then: &Item, now: &Item) -> Result<bool, StoreError> {
    const READ: &str = "compare a receipt";
    let (then, now): (Receipt, Receipt) = (from_item(READ, then.clone())?, from_item(READ, now.clone())?);
    let is_later = then.voided_at.is_none() || then.voided_at == now.voided_at;
    Ok(!is_later || Receipt { refunded: now.refunded, voided_at: now.voided_at, ..then } != now)
}

/// Whether a claim names another attempt than it did: what it says of its money may change, and whose that is may not.
fn is_anothers_claim(then: &Item, now: &Item) -> Result<bool, StoreError> {
    let (then, now): (ClaimRecord, ClaimRecord) = (from_item(READ, then.clone())?, from_item(READ, now.clone())?);
    Ok((then.business, then.link_id, then.attempt_id) != (now.business, now.link_id, now.attempt_id))
}

fn by_key(items: Vec<Item>) -> HashMap<(String, String), Item> {
    items.into_iter().filter_map(|item| Some((key_of(&item).map(|at| (at.pk, at.sk))?, item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = RestoreKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), RestoreKind::ALL.len());
        for kind in RestoreKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn api_keys_come_back_only_where_they_are_named() {
        let shop = BusinessId::parse("shop").ok();
        let wants = |choice: &Choice, kind| choice.wants(kind, shop.as_ref(), "keys#shop");
        let all = Choice::default();
        assert!(!wants(&all, RestoreKind::ApiKey) && wants(&all, RestoreKind::Contact));
        let named = Choice { kinds: [RestoreKind::ApiKey].into(), ..Choice::default() };
        assert!(wants(&named, RestoreKind::ApiKey) && !wants(&named, RestoreKind::Contact));
        let other = Choice { businesses: [BusinessId::parse("other").unwrap()].into(), ..Choice::default() };
        assert!(!wants(&other, RestoreKind::Contact));
        assert!(!other.wants(RestoreKind::Defaults, None, "platform"));
    }

    #[test]
    fn what_an_item_is_and_whose_follows_from_its_key() {
        let of = |pk: &str, sk: &str| {
            let at = Key { pk: pk.to_owned(), sk: sk.to_owned() };
            let business = business_of(&at, &Item::new()).map(|business| business.to_string());
            (RestoreKind::of(&at), business.unwrap_or_default())
        };
        let shop = |kind| (Some(kind), "shop".to_owned());
        assert_eq!(of("config#shop", "account#main"), shop(RestoreKind::Account));
        assert_eq!(of("item#shop#i-1", "item"), shop(RestoreKind::Item));
        assert_eq!(of("item#shop#i-1", "receipt#f#r"), shop(RestoreKind::Attachment));
        assert_eq!(of("event#shop#e", "event"), shop(RestoreKind::Event));
        assert_eq!(of("webhooks#shop", "endpoint#crm"), shop(RestoreKind::Endpoint));
        assert_eq!(of("keys#shop", "api-key#1"), shop(RestoreKind::ApiKey));
        let nobodys = |kind: Option<RestoreKind>| (kind, String::new());
        assert_eq!(of("platform-keys", "api-key#1"), nobodys(Some(RestoreKind::ApiKey)));
        assert_eq!(of("link#abc", "event#0000000001"), nobodys(Some(RestoreKind::Event)));
        assert_eq!(of("claim#live#zarinpal#1", "claim"), nobodys(Some(RestoreKind::Claim)));
        assert_eq!(of("heartbeat#expire-links", "heartbeat"), nobodys(None));
        assert_eq!(of("restore", "state"), nobodys(None));
        assert_eq!(of("config#shop", "novelty#1"), shop(RestoreKind::Other));
    }
}

//! Erases a business: everything that it has, in slices over its own lists, and nothing of anybody else's. It is the deployer's
//! command, because no function may delete a link, a receipt or a secret.
//!
//! A business is marked first, so that nobody can speak for it any more. Then it is looked whether anything of its links is
//! still to come, and only where nothing is, deleting begins. What comes after that keeps the link that it is about, and all
//! that links share. A run that was stopped is begun again and finds the rest.

use std::fmt;

use domain::Timestamp;
use domain::clocks::known_everywhere_at;
use domain::events::EventRecord;
use domain::ids::{AttemptId, BusinessId, LinkId};
use domain::link::{
    Attempt, AttemptState, LinkFilter, PaymentLink, Receipt, ReceiptFilter, Resolution, ResolveRefused, StillToCome,
};
use domain::records::business::{Business, BusinessState};
use domain::records::contact::Contact;
use jiff::SignedDuration;
use serde_json::Value;
use store::{BusinessStore, Cursor, EventList, EventsAfter, LinkErased, LinkList, Page, ReceiptList, RevisionWritten};
use use_cases::businesses::BusinessRefused;
use use_cases::{Answer, Asked, ChangeRefused};

use crate::businesses::{no_such, refusal};
use crate::{Admin, AdminError, COMMAND};

/// At most this many records are read at a time.
const PAGE: usize = 100;

/// What became of marking a business to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusinessMarking {
    Marked(Box<Business>),
    /// Somebody may not know yet that it is suspended. Mark it at this instant.
    NotYet {
        until: Timestamp,
    },
}

/// What became of erasing a business that is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusinessErasure {
    /// Somebody may not know yet that it is marked. Go on at this instant.
    NotYet { until: Timestamp },
    /// Something of it is still to come. Nothing was deleted where deleting had not begun before, and otherwise nothing of
    /// these links, nor anything that links share.
    Waits(WaitingLinks),
    /// Nothing of it is left but its id.
    Erased(Box<ErasedBusiness>),
}

/// Links, and events of the log, of which something is still to come. They stay, and so does what links share. Other links
/// may be deleted meanwhile, once deleting has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitingLinks {
    /// They can be paid, or their money is not decided.
    pub live: usize,
    /// Something is done about them, their messages or their events.
    pub due: usize,
    /// The last of the instants at which that is so.
    pub due_until: Option<Timestamp>,
    /// They have a message or an event that nobody has delivered or tried to: `replay` has it delivered.
    pub undelivered: usize,
    /// One of these links.
    pub example: Option<LinkId>,
    /// Events of the log that some endpoint was not tried to be told of yet.
    pub log_events: usize,
}

impl WaitingLinks {
    fn add(&mut self, link: &PaymentLink, still_to_come: StillToCome) {
        match still_to_come {
            StillToCome::Live => self.live += 1,
            StillToCome::Due(at) => {
                self.due += 1;
                self.due_until = self.due_until.max(Some(at));
            }
            StillToCome::Undelivered => self.undelivered += 1,
        }
        self.example.get_or_insert_with(|| link.id().clone());
    }

    fn links(&self) -> usize {
        self.live + self.due + self.undelivered
    }

    fn is_none(&self) -> bool {
        self.links() + self.log_events == 0
    }
}

/// What waits, and what to do about it, for the person at the terminal.
impl fmt::Display for WaitingLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { live, due, due_until, undelivered, example, log_events } = self;
        if self.links() > 0 {
            f.write_str("Something of its links is still to come. Such links are kept, with all that links share.")?;
        }
        if *live > 0 {
            write!(f, "\n  {live} are live: their money is not decided. `resolve` does what a person has to.")?;
        }
        if let Some(until) = due_until {
            write!(f, "\n  {due} have something due, the last of it at {until}, and perhaps more after it.")?;
        }
        if *undelivered > 0 {
            write!(f, "\n  {undelivered} have a message or an event that nobody delivered: run `replay`.")?;
        }
        if let Some(example) = example {
            write!(f, "\n  One of them is {example}.")?;
        }
        if *log_events > 0 {
            let gap = if self.links() > 0 { "\n" } else { "" };
            write!(
                f,
                "{gap}Nobody has tried yet to tell the CRM of {log_events} events of its log. deliver-messages does so within \
                 minutes; run this again then."
            )?;
        }
        Ok(())
    }
}

/// What this run deleted, and what is left of the business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedBusiness {
    pub business: Business,
    pub links: usize,
    pub receipts: usize,
    pub contacts: usize,
    pub items: usize,
}

impl Admin {
    /// Marks a business to be erased, as the API does. From then on nobody can speak for it, and it never comes back.
    pub async fn mark_business(
        &self,
        id: &BusinessId,
        confirmed: &str,
        now: Timestamp,
    ) -> Result<BusinessMarking, AdminError> {
        if BusinessId::parse(confirmed).ok().as_ref() != Some(id) {
            return Err(AdminError::refused(format!("Confirm with --confirm {id} that {id} is to be erased.")));
        }
        match use_cases::businesses::erase(&self.signed(id, now), &|| now).await {
            Ok(business) => Ok(BusinessMarking::Marked(Box::new(business.record))),
            Err(BusinessRefused::SuspendedJustNow { until }) => Ok(BusinessMarking::NotYet { until }),
            Err(error) => Err(refusal(id, error)),
        }
    }

    /// Decides about money that needs a person, of a business for which nobody can speak any more. The attempt need not be named
    /// where only one of the link waits.
    pub async fn resolve(
        &self,
        link: &LinkId,
        attempt: Option<&AttemptId>,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<PaymentLink, AdminError> {
        let known = self.store.link(link).await?;
        let known = known.ok_or_else(|| AdminError::refused(format!("There is no link {link}.")))?;
        if self.business_called(known.business().as_str()).await?.has_callers() {
            let business = known.business();
            return Err(AdminError::refused(format!("{link} is of {business}, which decides by the API.")));
        }
        let waits = |attempt: &&Attempt| matches!(attempt.state, AttemptState::NeedsReview { .. });
        let waiting: Vec<&AttemptId> = known.attempts().iter().filter(waits).map(|attempt| &attempt.id).collect();
        let attempt = match (attempt, waiting.as_slice()) {
            (Some(named), _) => named,
            (None, [only]) => *only,
            (None, _) => {
                let waiting: Vec<&str> = waiting.iter().map(|id| id.as_str()).collect();
                let (many, which) = (waiting.len(), waiting.join(", "));
                return Err(AdminError::refused(format!("{many} attempts of {link} need a person: {which}")));
            }
        };
        let store = self.signed(known.business(), now);
        let asked = Asked { integration: COMMAND, idempotency_key: None, path: link.as_str(), body: &Value::Null };
        match use_cases::resolve::resolve(&store, &|| now, asked, link, attempt, resolution).await {
            Ok(Answer::New(link) | Answer::Repeated(link)) => Ok(link),
            Err(ChangeRefused::Store(error)) => Err(error.into()),
            Err(ChangeRefused::Refused { why, status }) => {
                Err(AdminError::refused(format!("{link} is {}, and {}.", status.name(), why_not(why))))
            }
            Err(why @ (ChangeRefused::NoSuchLink | ChangeRefused::KeyReused | ChangeRefused::KeepsChanging(_))) => {
                Err(AdminError::refused(why))
            }
        }
    }

    /// The businesses that are marked to be erased and are not erased yet.
    pub async fn marked_businesses(&self) -> Result<Vec<BusinessId>, AdminError> {
        let is_marked = |business: &Business| matches!(business.state, BusinessState::Erasing { .. });
        Ok(self.businesses().await?.into_iter().filter(is_marked).map(|business| business.id).collect())
    }

    /// Erases a business that is marked, as far as nothing of it is still to come.
    pub async fn erase_business(&self, id: &BusinessId, now: Timestamp) -> Result<BusinessErasure, AdminError> {
        let (business, revision) = self.store.business_to_change(id).await?;
        let business = business.ok_or_else(|| no_such(id))?;
        let (since, deleting_since) = match business.state {
            BusinessState::Erasing { since, deleting_since } => (since, deleting_since),
            BusinessState::Active | BusinessState::Suspended { .. } => {
                return Err(AdminError::refused(format!("{id} is not marked to be erased.")));
            }
            BusinessState::Erased { .. } => {
                return Err(AdminError::refused(format!("{id} was erased before.")));
            }
        };
        let until = known_everywhere_at(since);
        if now < until {
            return Ok(BusinessErasure::NotYet { until });
        }
        let store = self.store.of(id);
        if deleting_since.is_none() {
            let mut waiting = waiting_links(&store, now).await?;
            waiting.log_events = store.due_entry_events(now).await?.len();
            if !waiting.is_none() {
                return Ok(BusinessErasure::Waits(waiting));
            }
            if self.store.put_business(&business.deleting(now), &revision).await? == RevisionWritten::Rejected {
                return Err(AdminError::refused(format!(
                    "Somebody else erases {id} at the same time; run this again."
                )));
            }
        }
        self.delete_all(&store, deleting_since.unwrap_or(now), now).await
    }

    async fn delete_all(
        &self,
        store: &BusinessStore,
        deleting_since: Timestamp,
        now: Timestamp,
    ) -> Result<BusinessErasure, AdminError> {
        let id = store.business_id();
        let mut waiting = WaitingLinks::default();
        let mut links = 0;
        let mut cursor = None;
        loop {
            let page = store.list_links(&all_links(now), PAGE, cursor.as_ref()).await?;
            links += erase_links(store, ids_of(&page.entries), (deleting_since, now), &mut waiting).await?;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        waiting.log_events = store.due_entry_events(now).await?.len();
        // What belongs to a link that is still needed is needed too.
        if !waiting.is_none() {
            return Ok(BusinessErasure::Waits(waiting));
        }
        let receipts = erase_receipts(store, now).await?;
        let items = erase_items(store).await?;
        let contacts = erase_contacts(store).await?;
        store.erase_entry_events(now).await?;
        store.erase_logos().await?;
        store.erase_secrets().await?;
        store.erase_configuration().await?;
        if let Some(left) = what_is_left(store, now).await? {
            return Err(AdminError::refused(format!("{left} of {id} are still listed; run this again.")));
        }
        let (known, revision) = self.store.business_to_change(id).await?;
        let erased = known.ok_or_else(|| no_such(id))?.erased(now);
        match self.store.put_business(&erased, &revision).await? {
            RevisionWritten::Applied(_) => Ok(BusinessErasure::Erased(Box::new(ErasedBusiness {
                business: erased,
                links,
                receipts,
                contacts,
                items,
            }))),
            RevisionWritten::Rejected => {
                Err(AdminError::refused(format!("Somebody else erases {id} at the same time; run this again.")))
            }
        }
    }

    /// Looks through the whole of both tables for anything of a business that was erased, deletes what it finds and answers how
    /// much that was. Where all went well there is nothing; what a function was about to write while its link was deleted is
    /// found here and nowhere else.
    pub async fn erase_strays(&self, id: &BusinessId, now: Timestamp) -> Result<usize, AdminError> {
        let erased_at = match self.business_called(id.as_str()).await?.state {
            BusinessState::Erased { erased_at } => erased_at,
            BusinessState::Active | BusinessState::Suspended { .. } | BusinessState::Erasing { .. } => {
                return Err(AdminError::refused(format!("{id} is not erased.")));
            }
        };
        let store = self.store.of(id);
        let strays = store.strays().await?;
        let (mut waiting, mut links) = (WaitingLinks::default(), 0);
        for some in strays.links.chunks(PAGE) {
            links += erase_links(&store, some.to_vec(), (erased_at, now), &mut waiting).await?;
        }
        if !waiting.is_none() {
            return Err(AdminError::refused(format!("{id}: {waiting}")));
        }
        store.erase_strays(&strays).await?;
        Ok(links + strays.beside_links())
    }
}

fn why_not(refused: ResolveRefused) -> &'static str {
    match refused {
        ResolveRefused::NoSuchAttempt => "it has no such attempt",
        ResolveRefused::NotUnderReview => "this attempt needs no person",
        ResolveRefused::NoMoneyConfirmed => {
            "no gateway confirmed money of this attempt, so that there is none to keep or to refund"
        }
        ResolveRefused::MoneyConfirmed => {
            "the gateway confirmed money of this attempt: keep, refund, or refunded_elsewhere"
        }
        ResolveRefused::RefundUndecided => "what became of the call that asked for the refund is not known: ask_again",
        ResolveRefused::AnotherIsConfirming => "another payment of it is being confirmed; try again in a minute",
        ResolveRefused::LinkTakesNoMoney => "it can keep no money any more: refund, or refunded_elsewhere",
    }
}

/// All links of a business. Clocks differ by less than a day.
fn all_links(now: Timestamp) -> LinkList {
    LinkList::new(LinkFilter::made_between(Timestamp::UNIX_EPOCH, end(now)), now)
}

fn end(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX)
}

fn ids_of(links: &[PaymentLink]) -> Vec<LinkId> {
    links.iter().map(|link| link.id().clone()).collect()
}

/// Looks at every link of the business, and deletes none.
async fn waiting_links(store: &BusinessStore, now: Timestamp) -> Result<WaitingLinks, AdminError> {
    let (mut waiting, mut cursor) = (WaitingLinks::default(), None);
    loop {
        let page = store.list_links(&all_links(now), PAGE, cursor.as_ref()).await?;
        for whole in store.whole_links(&ids_of(&page.entries)).await? {
            if let Some(still_to_come) = whole.still_to_come(None, now) {
                waiting.add(&whole.link, still_to_come);
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(waiting);
        }
    }
}

/// Deletes links as far as nothing of them is still to come, and answers how many.
async fn erase_links(
    store: &BusinessStore,
    mut wanted: Vec<LinkId>,
    (deleting_since, now): (Timestamp, Timestamp),
    waiting: &mut WaitingLinks,
) -> Result<usize, AdminError> {
    let mut erased = 0;
    // One that somebody changed meanwhile is decided about again, each time because somebody else went on.
    for _ in 0..store::MAX_CONTENDED_TRIES {
        let mut changed = Vec::new();
        for whole in store.whole_links(&wanted).await? {
            match whole.still_to_come(Some(deleting_since), now) {
                Some(still_to_come) => waiting.add(&whole.link, still_to_come),
                None => match store.erase_link(&whole).await? {
                    LinkErased::Gone => erased += 1,
                    LinkErased::Changed => changed.push(whole.link.id().clone()),
                },
            }
        }
        if changed.is_empty() {
            return Ok(erased);
        }
        wanted = changed;
    }
    Err(AdminError::refused(format!("Links of {} kept changing; run this again.", store.business_id())))
}

async fn erase_receipts(store: &BusinessStore, now: Timestamp) -> Result<usize, AdminError> {
    let (mut erased, mut cursor) = (0, None);
    loop {
        let Page { entries, next } = receipts(store, now, PAGE, cursor.as_ref()).await?;
        store.erase_receipts(&entries).await?;
        erased += entries.len();
        cursor = next;
        if cursor.is_none() {
            return Ok(erased);
        }
    }
}

async fn receipts(
    store: &BusinessStore,
    now: Timestamp,
    limit: usize,
    after: Option<&Cursor>,
) -> Result<Page<Receipt>, AdminError> {
    let all = ReceiptFilter::registered_between(Timestamp::UNIX_EPOCH, end(now));
    Ok(store.list_receipts(&ReceiptList::new(all, now), limit, after).await?)
}

async fn erase_items(store: &BusinessStore) -> Result<usize, AdminError> {
    let (mut erased, mut cursor) = (0, None);
    loop {
        let page = store.list_items(PAGE, cursor.as_ref()).await?;
        let items: Vec<_> = page.entries.into_iter().map(|(item, _)| item).collect();
        store.erase_items(&items).await?;
        erased += items.len();
        cursor = page.next;
        if cursor.is_none() {
            return Ok(erased);
        }
    }
}

async fn erase_contacts(store: &BusinessStore) -> Result<usize, AdminError> {
    let (mut erased, mut cursor) = (0, None);
    loop {
        let Page::<Contact> { entries, next } = store.list_contacts(PAGE, cursor.as_ref()).await?;
        store.erase_contacts(&entries).await?;
        erased += entries.len();
        cursor = next;
        if cursor.is_none() {
            return Ok(erased);
        }
    }
}

/// The first event of the business, of a link or of its log.
async fn events(store: &BusinessStore, now: Timestamp) -> Result<Vec<EventRecord>, AdminError> {
    let all = EventList {
        link: None,
        after: EventsAfter::Instant(Timestamp::UNIX_EPOCH),
        before: end(now),
        types: Vec::new(),
    };
    Ok(store.list_events(&all, 1).await?.entries)
}

/// What the business's lists and partitions still hold.
async fn what_is_left(store: &BusinessStore, now: Timestamp) -> Result<Option<&'static str>, AdminError> {
    Ok(if !store.list_links(&all_links(now), 1, None).await?.entries.is_empty() {
        Some("links")
    } else if !receipts(store, now, 1, None).await?.entries.is_empty() {
        Some("receipts")
    } else if !store.list_items(1, None).await?.entries.is_empty() {
        Some("items")
    } else if !store.list_contacts(1, None).await?.entries.is_empty() {
        Some("contacts")
    } else if !events(store, now).await?.is_empty() {
        Some("events")
    } else if !store.has_no_configuration().await? {
        Some("settings or what lies beside them")
    } else {
        None
    })
}

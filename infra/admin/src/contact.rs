//! Everything that is kept about one contact: shown to them, or forgotten.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::ids::{BusinessId, ContactId, LinkId};
use domain::link::{LinkFilter, PaymentLink, Receipt, ReceiptFilter};
use domain::precondition::Precondition;
use serde_json::{Value, json};
use store::{BusinessStore, Deleted, LinkList, MAX_CONTENDED_TRIES, Page, ReceiptList, Written};
use use_cases::records::{RecordRefused, delete_contact, delete_item_of};
use views::{LinkView, ReceiptView};

use crate::{Admin, AdminError};

/// At most this many records are read at a time.
const PAGE: usize = 100;

/// What an erasure did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasureResult {
    /// Links whose personal data was erased.
    pub links: usize,
    /// Items that were deleted.
    pub items: usize,
    /// Whether the contact itself was there, and is deleted.
    pub contact: bool,
    /// Receipts, which stay: they are the books, and hold no name.
    pub receipts: usize,
    /// Links that can still be paid or whose money is under way. They are unchanged.
    pub left: Vec<LinkId>,
}

impl Admin {
    /// Everything about a contact of a business, as the API shows it: the record itself, its items, links with their
    /// messages, receipts.
    pub async fn export_contact(
        &self,
        business: &BusinessId,
        id: &ContactId,
        now: Timestamp,
    ) -> Result<Value, AdminError> {
        let store = self.store.of(business);
        let settings = store.settings().await?.unwrap_or_default();
        let mut items = Vec::new();
        for item in store.items_of_contact(id).await? {
            let attached = store.item(&item.id).await?.map(|(_, receipts)| receipts).unwrap_or_default();
            let receipts: BTreeMap<_, _> = attached.iter().map(|(field, of)| (field, &of.ids)).collect();
            items.push(json!({ "item": item, "receipts": receipts }));
        }
        let links = links_of(&store, id, now).await?;
        let states = store.message_states(&links).await?;
        let links: Vec<LinkView> = links.iter().map(|link| LinkView::new(link, &states, &settings, now)).collect();
        let receipts = receipts_of(&store, id, now).await?;
        let receipts: Vec<ReceiptView> = receipts.iter().map(|receipt| ReceiptView::new(receipt, &settings)).collect();
        Ok(json!({
            "contact": store.contact(id).await?,
            "items": items,
            "payment_links": links,
            "receipts": receipts,
        }))
    }

    /// Erases a contact of a business: links that are over lose all personal data, then items and the contact are
    /// deleted. A run that was stopped is begun again from the start.
    pub async fn erase_contact(
        &self,
        business: &BusinessId,
        id: &ContactId,
        now: Timestamp,
    ) -> Result<ErasureResult, AdminError> {
        let store = self.store.of(business);
        let mut erased =
            ErasureResult { receipts: receipts_of(&store, id, now).await?.len(), ..ErasureResult::default() };
        for link in links_of(&store, id, now).await? {
            let link_id = link.id().clone();
            match self.forget(link, now).await? {
                Some(true) => erased.links += 1,
                Some(false) => {}
                None => erased.left.push(link_id),
            }
        }
        for item in store.items_of_contact(id).await? {
            erased.items += match delete_item_of(&store, &item.id, id).await.map_err(not_deleted)? {
                Deleted::Existed => 1,
                Deleted::Missing => 0,
            };
        }
        erased.contact =
            delete_contact(&store, id, &Precondition::default()).await.map_err(not_deleted)? == Deleted::Existed;
        Ok(erased)
    }

    /// Erases the personal data of a link. `Some(false)` where that was done before, `None` where it is still needed.
    async fn forget(&self, mut link: PaymentLink, now: Timestamp) -> Result<Option<bool>, AdminError> {
        for _ in 0..MAX_CONTENDED_TRIES {
            let Ok(forgotten) = link.forget_person(now) else { return Ok(None) };
            let Some(forgotten) = forgotten else { return Ok(Some(false)) };
            // They are found by the recipients, which are forgotten next.
            self.store.forget_moved_chats(&link).await?;
            match self.store.replace_link(&forgotten).await? {
                Written::Applied | Written::AlreadyApplied => return Ok(Some(true)),
                Written::Rejected(current) => link = *current,
            }
        }
        Ok(None)
    }
}

fn not_deleted(why: RecordRefused) -> AdminError {
    match why {
        RecordRefused::Store(error) => error.into(),
        why @ (RecordRefused::Invalid(_)
        | RecordRefused::NoSuchRecord
        | RecordRefused::PreconditionFailed(_)
        | RecordRefused::KeepsChanging(_)) => AdminError::refused(why),
    }
}

async fn links_of(store: &BusinessStore, id: &ContactId, now: Timestamp) -> Result<Vec<PaymentLink>, AdminError> {
    let (list, mut links, mut cursor) = (LinkList::new(LinkFilter::of_contact(id.clone()), now), Vec::new(), None);
    loop {
        let Page { entries, next } = store.list_links(&list, PAGE, cursor.as_ref()).await?;
        links.extend(entries);
        cursor = next;
        if cursor.is_none() {
            return Ok(links);
        }
    }
}

async fn receipts_of(store: &BusinessStore, id: &ContactId, now: Timestamp) -> Result<Vec<Receipt>, AdminError> {
    let list = ReceiptList::new(ReceiptFilter::of_contact(id.clone()), now);
    let (mut receipts, mut cursor) = (Vec::new(), None);
    loop {
        let Page { entries, next } = store.list_receipts(&list, PAGE, cursor.as_ref()).await?;
        receipts.extend(entries);
        cursor = next;
        if cursor.is_none() {
            return Ok(receipts);
        }
    }
}

//! Where refunds are listed. A refund lies on its link; beside the link lies an entry for it, written once, by which all refunds
//! of a business are listed in the order in which they were begun. deliver-messages writes it before it tells the CRM of
//! the refund, and crm-api lists by it.

use domain::Timestamp;
use domain::ids::{BusinessId, LinkId, RefundId};
use domain::link::{Attempt, PaymentLink, Refund, RefundFilter};
use serde::Serialize;

use crate::BusinessStore;
use crate::cursor::{Cursor, Order};
use crate::error::StoreError;
use crate::item::{text, to_item};
use crate::keys::{self, BY_CONTACT, BY_STATE, LISTED_AT};
use crate::lists::{Page, page_of_few};

/// Which refunds to list, and in which order of when they were begun.
#[derive(Clone, Debug)]
pub struct RefundList {
    pub filter: RefundFilter,
    pub order: Order,
    /// Nothing was begun later.
    pub now: Timestamp,
}

/// A refund with the link that it is of.
#[derive(Clone, Debug)]
pub struct RefundOfLink {
    pub link: PaymentLink,
    pub id: RefundId,
}

impl RefundOfLink {
    /// The refund, and the attempt whose money it returns. `None` where the link was lost since and came back without it.
    pub fn get(&self) -> Option<(&Attempt, &Refund)> {
        self.link.refund(&self.id)
    }

    pub(crate) fn matches(&self, filter: &RefundFilter) -> bool {
        self.get().is_some_and(|(attempt, refund)| filter.matches(&self.link, attempt, refund))
    }
}

/// The entry itself. Everything else about the refund is on the link.
#[derive(Serialize)]
struct RefundEntry<'a> {
    business: &'a BusinessId,
    link_id: &'a LinkId,
}

impl BusinessStore {
    /// Those refunds of one link that are wanted, a page at a time.
    pub async fn list_refunds_of(
        &self,
        link: &LinkId,
        list: &RefundList,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page<RefundOfLink>, StoreError> {
        let Some(link) = self.link(link).await? else { return Ok(Page { entries: Vec::new(), next: None }) };
        let refunds = link.attempts().iter().flat_map(|attempt| &attempt.refunds);
        let refunds = refunds.filter(|refund| list.filter.created.contains(refund.created_at));
        let of = |refund: &Refund| {
            let place = keys::listed_at(refund.created_at, refund.id.as_str());
            (place, RefundOfLink { link: link.clone(), id: refund.id.clone() })
        };
        let found = refunds.map(of).filter(|(_, refund)| refund.matches(&list.filter)).collect();
        Ok(page_of_few(found, list.order, limit, after))
    }

    /// Writes the entry that a refund is listed by. Again and again it is the same.
    pub async fn put_refund_entry(&self, link: &PaymentLink, refund: &Refund) -> Result<(), StoreError> {
        let mut item = to_item(
            keys::refund(link.id(), &refund.id),
            &RefundEntry { business: link.business(), link_id: link.id() },
        )?;
        let (business, month) = (link.business(), keys::month_of(refund.created_at));
        item.insert(BY_STATE.to_owned(), text(keys::refunds_of_month(business, &month, link.shard())));
        item.insert(BY_CONTACT.to_owned(), text(keys::refunds_of(business, link.terms().contact.id.as_str())));
        item.insert(LISTED_AT.to_owned(), text(keys::listed_at(refund.created_at, refund.id.as_str())));
        self.store.put("write what a refund is listed by", item).await
    }
}

//! What at most one open link may have at a time: a `reference_id`, and an item, where the business wants no two links of one.
//! A guard says which link has it. create-link writes it with each link; crm-api lists links by their reference; and
//! gateway-webhook and expire-links ask who has a reference before a link that ended takes late money.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::Timestamp;
use domain::gateway::Mode;
use domain::ids::{ItemId, LinkId, ReferenceId};
use domain::link::{LinkFilter, LinkStatus, LinkStatusKind, PaymentLink};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::BusinessStore;
use crate::cursor::Order;
use crate::error::StoreError;
use crate::item::{text, to_item};
use crate::keys::{self, Key};
use crate::lists::LinkList;
use crate::table::Condition;

/// What at most one open link may have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exclusive<'a> {
    Reference(&'a ReferenceId),
    /// That it asks for money for this item. Live and sandbox count apart.
    Item(&'a ItemId, Mode),
}

/// Another open link has what a new one wants for itself alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Reference(LinkId),
    Item(LinkId),
}

/// The links that had it, the newest last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Holders {
    pub(crate) link_ids: Vec<LinkId>,
}

/// The guard of a reference keeps this many links; a CRM that uses one reference more often than that keeps its own list.
const MAX_WITH_REFERENCE: usize = 50;

impl Holders {
    /// The link that has it, if it is still open.
    pub(crate) fn newest(&self) -> Option<&LinkId> {
        self.link_ids.last()
    }
}

impl Exclusive<'_> {
    fn taken_by(self, other: LinkId) -> Taken {
        match self {
            Self::Reference(_) => Taken::Reference(other),
            Self::Item(..) => Taken::Item(other),
        }
    }

    /// How many of the links that had it are kept. Those of an item are listed by an index.
    fn most_kept(self) -> usize {
        match self {
            Self::Reference(_) => MAX_WITH_REFERENCE,
            Self::Item(..) => 1,
        }
    }
}

impl BusinessStore {
    fn guard_of(&self, wanted: Exclusive<'_>) -> Key {
        match wanted {
            Exclusive::Reference(id) => keys::reference(&self.business, id),
            Exclusive::Item(id, mode) => keys::link_of_item(&self.business, id, mode),
        }
    }

    async fn holders(&self, wanted: Exclusive<'_>) -> Result<Option<Holders>, StoreError> {
        self.store.read("read which link has what only one may have", self.guard_of(wanted)).await
    }

    /// The links that had a reference.
    pub(crate) async fn with_reference(&self, id: &ReferenceId) -> Result<Option<Holders>, StoreError> {
        self.holders(Exclusive::Reference(id)).await
    }

    /// The newest link that has a reference.
    pub async fn newest_with_reference(&self, id: &ReferenceId) -> Result<Option<LinkId>, StoreError> {
        Ok(self.with_reference(id).await?.and_then(|holders| holders.newest().cloned()))
    }

    /// What a new link wants for itself: an item, where the settings want no two open links of one.
    pub(crate) async fn wanted_alone<'a>(&self, link: &'a PaymentLink) -> Result<Vec<Exclusive<'a>>, StoreError> {
        let terms = link.terms();
        let mut wanted: Vec<Exclusive<'a>> =
            terms.reference_id.as_ref().map(Exclusive::Reference).into_iter().collect();
        if let Some(item) = &terms.item
            && self.configuration().await?.settings.one_active_link_per_item
        {
            wanted.push(Exclusive::Item(&item.id, terms.mode));
        }
        Ok(wanted)
    }

    /// Who had what a new link wants, each in its turn; or which link has it and can be paid at this time, unless that is one of
    /// `own`, which may have it.
    pub(crate) async fn free(
        &self,
        wanted: &[Exclusive<'_>],
        own: &[&LinkId],
        now: Timestamp,
    ) -> Result<Result<Vec<Holders>, Taken>, StoreError> {
        let known = try_join_all(wanted.iter().map(|wanted| self.holders(*wanted))).await?;
        for (wanted, holders) in wanted.iter().zip(&known) {
            let other = match (holders, wanted) {
                (Some(holders), _) => self.open_holder(holders, own, now).await?,
                (None, Exclusive::Reference(_)) => None,
                // Links that were made before the business wanted this have left no guard.
                (None, Exclusive::Item(id, mode)) => self.open_link_of_item(id, *mode, own, now).await?,
            };
            if let Some(other) = other {
                return Ok(Err(wanted.taken_by(other)));
            }
        }
        Ok(Ok(known.into_iter().map(Option::unwrap_or_default).collect()))
    }

    async fn open_holder(
        &self,
        known: &Holders,
        own: &[&LinkId],
        now: Timestamp,
    ) -> Result<Option<LinkId>, StoreError> {
        let Some(holder) = known.newest().filter(|holder| !own.contains(holder)) else { return Ok(None) };
        let other = self.link(holder).await?;
        Ok(other.filter(|other| other.status_at(now) == LinkStatus::Active).map(|other| other.id().clone()))
    }

    async fn open_link_of_item(
        &self,
        item: &ItemId,
        mode: Mode,
        own: &[&LinkId],
        now: Timestamp,
    ) -> Result<Option<LinkId>, StoreError> {
        let open = self.open_links_of_item(item, Some(mode), own.len() + 1, now).await?;
        Ok(open.iter().map(PaymentLink::id).find(|id| !own.contains(id)).cloned())
    }

    /// The links of an item that can be paid, the newest first, as far as the index shows them.
    pub async fn open_links_of_item(
        &self,
        item: &ItemId,
        mode: Option<Mode>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<PaymentLink>, StoreError> {
        let statuses = [LinkStatusKind::Active].into();
        let filter = LinkFilter { statuses, mode, ..LinkFilter::of_item(item.clone()) };
        let list = LinkList { filter, order: Order::NewestFirst, now };
        Ok(self.list_links(&list, limit, None).await?.entries)
    }

    /// The condition that no newer link has a reference than this one.
    pub(crate) fn check_is_newest(&self, id: &ReferenceId, link: &LinkId) -> Result<TransactWriteItem, StoreError> {
        let condition = Condition::new("newest = :link", [(":link", text(link.as_str()))]);
        self.store.condition_check(keys::reference(&self.business, id), condition)
    }

    /// The writes that give a new link what it wants for itself, each over what was read of it.
    pub(crate) fn take(
        &self,
        wanted: &[Exclusive<'_>],
        known: Vec<Holders>,
        link: &LinkId,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        wanted.iter().zip(known).map(|(wanted, known)| self.take_one(*wanted, known, link)).collect()
    }

    fn take_one(&self, wanted: Exclusive<'_>, known: Holders, link: &LinkId) -> Result<TransactWriteItem, StoreError> {
        let condition = match known.newest() {
            None => Condition::nothing_there(),
            Some(holder) => Condition::new("newest = :holder", [(":holder", text(holder.as_str()))]),
        };
        let mut link_ids = known.link_ids;
        link_ids.push(link.clone());
        let surplus = link_ids.len().saturating_sub(wanted.most_kept());
        link_ids.drain(..surplus);
        let mut item = to_item(self.guard_of(wanted), &Holders { link_ids })?;
        item.insert("newest".to_owned(), text(link.as_str()));
        self.store.conditional_put(item, condition)
    }
}

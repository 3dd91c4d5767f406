//! Links that take the place of others. A chain of them has one pointer, which lies with its first link and names the newest, so
//! that each old address leads there by one more read, however long the chain is. create-link writes it with the newest link,
//! and pay-redirect reads it.

use domain::Timestamp;
use domain::ids::{LinkId, PayToken};
use domain::link::{PaymentLink, pay_url};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::exclusive::Taken;
use crate::item::{from_item, text, to_item, write_id};
use crate::keys::{self, BUSINESS};
use crate::table::{Condition, TransactOutcome};
use crate::{BusinessStore, Store};

/// The newest link of a chain, and where it is paid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewestLink {
    pub id: LinkId,
    token: PayToken,
    base: String,
}

impl NewestLink {
    fn of(link: &PaymentLink) -> Self {
        Self { id: link.id().clone(), token: link.token().clone(), base: link.base().to_owned() }
    }

    /// The address that the customer opens. Anybody who has it can pay, so it must not be logged.
    pub fn url(&self) -> String {
        pay_url(&self.base, self.token.expose())
    }
}

/// What became of replacing a link.
#[derive(Clone, Debug)]
pub enum Succeeded {
    New,
    /// The new link is there already: the same idempotency key was used before.
    Exists(Box<PaymentLink>),
    /// Somebody changed the old link since it was read. Nothing was written; decide again on what it is now.
    OldChanged,
    Taken(Taken),
}

impl BusinessStore {
    /// Writes a link over what it was decided on as one that is replaced, the new one in its place, the pointer of their chain, and
    /// the guards of what the new one has alone, all or nothing. `now` decides whether another link that has it is still open.
    pub async fn replace_with(
        &self,
        old: &PaymentLink,
        new: &PaymentLink,
        now: Timestamp,
    ) -> Result<Succeeded, StoreError> {
        const WRITE: &str = "write a link in the place of another";
        let wanted = self.wanted_alone(new).await?;
        let mut pointer = to_item(keys::newest_of_chain(new.first_of_chain()), &NewestLink::of(new))?;
        pointer.insert(BUSINESS.to_owned(), text(self.business.as_str()));
        // Each turn of the loop but the first lost against another request for the same, so it ends quickly.
        for _ in 0..5 {
            let mut writes = vec![
                self.store.conditional_put(self.store.link_item(new, &write_id()?)?, Condition::nothing_there())?,
                self.store
                    .conditional_put(self.store.link_item(old, &write_id()?)?, Condition::version(old.version() - 1))?,
                // The old link was the newest of the chain until now, which its version says.
                self.store.plain_put(pointer.clone())?,
            ];
            match self.free(&wanted, &[old.id(), new.id()], now).await? {
                Ok(known) => writes.extend(self.take(&wanted, known, new.id())?),
                Err(taken) => {
                    // Whoever replaced the old link a moment ago has what it had.
                    let current = self.link(old.id()).await?;
                    let is_as_read = current.is_some_and(|current| current.version() + 1 == old.version());
                    return Ok(if is_as_read { Succeeded::Taken(taken) } else { Succeeded::OldChanged });
                }
            }
            let reasons = match self.store.transact(WRITE, writes).await? {
                TransactOutcome::Committed => return Ok(Succeeded::New),
                TransactOutcome::Cancelled(reasons) => reasons,
            };
            if let Some(existing) = reasons.item_at(0) {
                return Ok(Succeeded::Exists(Box::new(from_item(WRITE, existing)?)));
            }
            if reasons.item_at(1).is_some() {
                return Ok(Succeeded::OldChanged);
            }
        }
        Err(StoreError::Unavailable { operation: WRITE, reason: "too many requests want the same".to_owned() })
    }
}

impl BusinessStore {
    /// The same as [`Store::newest_in_place_of`], where it is a link of this business.
    pub async fn newest_in_place_of(&self, link: &PaymentLink) -> Result<Option<NewestLink>, StoreError> {
        if *link.business() != self.business {
            return Ok(None);
        }
        self.store.newest_in_place_of(link).await
    }
}

impl Store {
    /// The link that a replaced one leads to: the newest of its chain. Where nothing names that, because it was lost, it is the
    /// one that took its place, which leads on. `None` of a link that was not replaced.
    pub async fn newest_in_place_of(&self, link: &PaymentLink) -> Result<Option<NewestLink>, StoreError> {
        let Some(successor) = link.successor() else { return Ok(None) };
        let newest = self.newest_of_chain(link).await?;
        if let Some(newest) = newest.filter(|newest| newest.id != *link.id()) {
            return Ok(Some(newest));
        }
        let next = self.link(successor).await?.filter(|next| next.business() == link.business());
        Ok(next.as_ref().map(NewestLink::of))
    }

    /// What the pointer of a link's chain names, where there is one.
    pub(crate) async fn newest_of_chain(&self, link: &PaymentLink) -> Result<Option<NewestLink>, StoreError> {
        self.read("read which link is the newest of a chain", keys::newest_of_chain(link.first_of_chain())).await
    }
}

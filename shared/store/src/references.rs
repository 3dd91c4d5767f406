//! The guard of a `reference_id`: which links had it, so that two open links never have the same. create-link writes it
//! with each link, crm-api lists links by it, and gateway-webhook and expire-links ask who has it before a link that
//! ended takes late money.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{LinkId, ReferenceId};
use serde::{Deserialize, Serialize};

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::{text, to_item};
use crate::keys;
use crate::table::Condition;

/// All links that had a reference, the newest last.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) link_ids: Vec<LinkId>,
}

/// The guard keeps this many links; a CRM that uses one reference more often than that keeps its own list.
const MAX_REFERENCES: usize = 50;

impl Reference {
    /// The link that has the reference, if it is still open.
    pub(crate) fn holder(&self) -> Option<&LinkId> {
        self.link_ids.last()
    }
}

impl BusinessStore {
    pub(crate) async fn reference(&self, id: &ReferenceId) -> Result<Option<Reference>, StoreError> {
        self.store.read("read a reference", keys::reference(&self.business, id)).await
    }

    /// The newest link that has a reference.
    pub async fn newest_with_reference(&self, id: &ReferenceId) -> Result<Option<LinkId>, StoreError> {
        Ok(self.reference(id).await?.and_then(|reference| reference.holder().cloned()))
    }

    /// The condition that no newer link has a reference than this one.
    pub(crate) fn check_is_newest(&self, id: &ReferenceId, link: &LinkId) -> Result<TransactWriteItem, StoreError> {
        let condition = Condition::new("newest = :link", [(":link", text(link.as_str()))]);
        self.store.condition_check(keys::reference(&self.business, id), condition)
    }

    /// The write that gives a reference to a new link, over what was read of it.
    pub(crate) fn put_reference(
        &self,
        id: &ReferenceId,
        known: Reference,
        link: &LinkId,
    ) -> Result<TransactWriteItem, StoreError> {
        let condition = match known.holder() {
            None => Condition::nothing_there(),
            Some(holder) => Condition::new("newest = :holder", [(":holder", text(holder.as_str()))]),
        };
        let mut link_ids = known.link_ids;
        link_ids.push(link.clone());
        let surplus = link_ids.len().saturating_sub(MAX_REFERENCES);
        link_ids.drain(..surplus);
        let mut item = to_item(keys::reference(&self.business, id), &Reference { link_ids })?;
        item.insert("newest".to_owned(), text(link.as_str()));
        self.store.conditional_put(item, condition)
    }
}

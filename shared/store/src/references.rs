//! The guard of a `reference_id`: which links had it, so that two open links never have the same. create-link writes it
//! with each link, and crm-api lists links by it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::ids::{LinkId, ReferenceId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::StoreError;
use crate::item::{text, to_item};
use crate::keys;
use crate::table::conditional_put;

/// The guard of a `reference_id`: all links that had it, the newest last.
#[derive(Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) link_ids: Vec<LinkId>,
}

/// The guard keeps this many links; a CRM that uses one reference more often than that keeps its own list.
pub(crate) const MAX_REFERENCES: usize = 50;

pub(crate) fn guarded_reference(
    store: &Store,
    reference: &ReferenceId,
    next: &Reference,
    holder: Option<&LinkId>,
) -> Result<TransactWriteItem, StoreError> {
    let mut item = to_item(keys::reference(reference), next)?;
    let newest = next.link_ids.last().map(LinkId::as_str).unwrap_or_default();
    item.insert("newest".to_owned(), text(newest));
    match holder {
        None => conditional_put(store, item, "attribute_not_exists(pk)", HashMap::new()),
        Some(holder) => {
            let values = HashMap::from([(":holder".to_owned(), text(holder.as_str()))]);
            conditional_put(store, item, "newest = :holder", values)
        }
    }
}

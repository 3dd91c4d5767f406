//! Links that time has something to do with, in the order in which they have waited. expire-links reads them every
//! minute, and paylink-admin asks how old the oldest is.

use domain::Timestamp;
use domain::ids::LinkId;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, text_of};
use crate::keys::{self, DueKind, PK};

/// Some of the links that a sweep has to look at.
#[derive(Clone, Debug)]
pub struct DuePage {
    pub links: Vec<LinkId>,
    /// Where the next page begins. A link may keep its place, so that reading from the start would find it again.
    pub next: Option<DueCursor>,
}

/// A place in one shard of the index of due work.
#[derive(Clone, Debug)]
pub struct DueCursor(Item);

impl Store {
    /// Links that may have something due, in one shard of the index, the longest waiting first. What is due on a link says
    /// the link itself.
    pub async fn due_links(
        &self,
        shard: u8,
        now: Timestamp,
        most: i32,
        after: Option<DueCursor>,
    ) -> Result<DuePage, StoreError> {
        let start = after.map(|DueCursor(key)| key);
        let (items, next) = self.due("find due links", DueKind::Link.shard(shard), now, most, start).await?;
        let links = items.iter().filter_map(|item| keys::link_of(text_of(item, PK)?)).collect();
        Ok(DuePage { links, next: next.map(DueCursor) })
    }
}

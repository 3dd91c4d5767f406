//! Long pieces of work that a business asks for: batches and exports. Each is begun once, stands in a list of its business, is due
//! when a run is to look at it, and is forgotten some time after.

use domain::Timestamp;
use domain::batches::Batch;
use domain::exports::Export;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::BusinessStore;
use crate::error::StoreError;
use crate::item::{Item, from_item, number, text, to_item, write_id};
use crate::keys::{self, BUSINESS, BY_STATE, DUE_AT, DUE_KIND, DueKind, FORGET_AT, Key, LISTED_AT, WRITE_ID};
use crate::table::{Condition, PutOutcome, RecordWritten};

/// What became of writing down that such work is wanted.
#[derive(Clone, Debug)]
pub enum Begun<T> {
    Written,
    /// The same request was written down before: this is what it came to.
    Known(Box<T>),
}

/// How such work is kept.
pub(crate) trait LongWork: Serialize + DeserializeOwned {
    const KIND: DueKind;
    fn key(&self) -> Key;
    /// The list of its business that it stands in.
    fn list(&self) -> String;
    fn id(&self) -> &str;
    fn created_at(&self) -> Timestamp;
    /// When a run looks at it next.
    fn due_at(&self) -> Option<Timestamp>;
    fn forgotten_at(&self) -> Timestamp;
}

impl LongWork for Batch {
    const KIND: DueKind = DueKind::Batch;

    fn key(&self) -> Key {
        keys::batch(&self.business, &self.id)
    }

    fn list(&self) -> String {
        keys::batches_of(&self.business)
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.run_at()
    }

    fn forgotten_at(&self) -> Timestamp {
        self.forget_at()
    }
}

impl LongWork for Export {
    const KIND: DueKind = DueKind::Export;

    fn key(&self) -> Key {
        keys::export(&self.business, &self.id)
    }

    fn list(&self) -> String {
        keys::exports_of(&self.business)
    }

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }

    fn due_at(&self) -> Option<Timestamp> {
        self.run_at()
    }

    fn forgotten_at(&self) -> Timestamp {
        self.forget_at()
    }
}

impl BusinessStore {
    /// Writes down that work is wanted, unless it was before.
    pub(crate) async fn begin<T: LongWork>(&self, write: &'static str, work: &T) -> Result<Begun<T>, StoreError> {
        let item = self.work_item(work)?;
        Ok(match self.store.put_if(write, item.clone(), Condition::nothing_there()).await? {
            PutOutcome::Written => Begun::Written,
            // An own write whose answer was lost finds itself.
            PutOutcome::StoodAgainst(known) if known == item => Begun::Written,
            PutOutcome::StoodAgainst(known) => Begun::Known(Box::new(from_item(write, known)?)),
        })
    }

    /// Writes how far work is, as long as it is what this was decided on.
    pub(crate) async fn go_on<T: LongWork>(
        &self,
        write: &'static str,
        next: &T,
        as_read: Condition,
    ) -> Result<RecordWritten, StoreError> {
        let item = self.work_item(next)?;
        Ok(match self.store.put_if(write, item.clone(), as_read).await? {
            PutOutcome::Written => RecordWritten::Applied,
            PutOutcome::StoodAgainst(current) if current == item => RecordWritten::Applied,
            PutOutcome::StoodAgainst(_) => RecordWritten::Rejected,
        })
    }

    fn work_item<T: LongWork>(&self, work: &T) -> Result<Item, StoreError> {
        let mut item = to_item(work.key(), work)?;
        item.insert(BUSINESS.to_owned(), text(self.business.as_str()));
        // Two runs that hold it at the same instant write different items.
        item.insert(WRITE_ID.to_owned(), text(write_id()?));
        item.insert(BY_STATE.to_owned(), text(work.list()));
        item.insert(LISTED_AT.to_owned(), text(keys::listed_at(work.created_at(), work.id())));
        item.insert(FORGET_AT.to_owned(), number(work.forgotten_at().as_second()));
        if let Some(due_at) = work.due_at() {
            item.insert(DUE_KIND.to_owned(), text(T::KIND.of(work.id())));
            item.insert(DUE_AT.to_owned(), number(due_at.as_millisecond()));
        }
        Ok(item)
    }
}

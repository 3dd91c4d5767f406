//! Links that are made out of the rows of a file: what was asked for, and how far it is. crm-api writes what is asked for, begun,
//! paused and ended, run-batches how far it is. The files themselves lie elsewhere.

use std::time::SystemTime;

use domain::Timestamp;
use domain::batches::Batch;
use domain::ids::BatchId;

use crate::due::{Due, DueBatch, first_shard};
use crate::error::StoreError;
use crate::item::{Item, from_item, number, text, to_item, write_id};
use crate::keys::{self, BUSINESS, BY_STATE, DUE_AT, DUE_KIND, DueKind, FORGET_AT, LISTED_AT, WRITE_ID};
use crate::table::{Condition, PutOutcome, RecordWritten};
use crate::{BusinessStore, Store};

/// What became of writing down that a batch is wanted.
#[derive(Clone, Debug)]
pub enum BatchPut {
    Written,
    /// The same request was written down before: this is what it came to.
    Known(Box<Batch>),
}

impl Store {
    /// Batches whose turn it is. They are long pieces of work, of which a run may finish a few only: no shard is the first of
    /// every run.
    pub async fn due_batches(&self, now: Timestamp, deadline: SystemTime) -> Due<DueBatch> {
        self.due_in_all_shards(first_shard(now), now, deadline).await
    }
}

impl BusinessStore {
    pub async fn batch(&self, id: &BatchId) -> Result<Option<Batch>, StoreError> {
        self.store.read("read a batch", keys::batch(&self.business, id)).await
    }

    /// Writes down that a batch is wanted, unless it was before.
    pub async fn put_batch(&self, batch: &Batch) -> Result<BatchPut, StoreError> {
        const WRITE: &str = "write a batch";
        let item = self.batch_item(batch)?;
        Ok(match self.store.put_if(WRITE, item.clone(), Condition::nothing_there()).await? {
            PutOutcome::Written => BatchPut::Written,
            // An own write whose answer was lost finds itself.
            PutOutcome::StoodAgainst(known) if known == item => BatchPut::Written,
            PutOutcome::StoodAgainst(known) => BatchPut::Known(Box::new(from_item(WRITE, known)?)),
        })
    }

    /// Writes what has become of a batch over the one that this was decided on, as long as nobody else has written it since.
    pub async fn write_batch(&self, next: &Batch, over: &Batch) -> Result<RecordWritten, StoreError> {
        const WRITE: &str = "write what has become of a batch";
        let item = self.batch_item(next)?;
        let seen = i64::try_from(over.version).unwrap_or(i64::MAX);
        let as_read = Condition::new("version = :seen", [(":seen", number(seen))]);
        Ok(match self.store.put_if(WRITE, item.clone(), as_read).await? {
            PutOutcome::Written => RecordWritten::Applied,
            PutOutcome::StoodAgainst(current) if current == item => RecordWritten::Applied,
            PutOutcome::StoodAgainst(_) => RecordWritten::Rejected,
        })
    }

    fn batch_item(&self, batch: &Batch) -> Result<Item, StoreError> {
        let mut item = to_item(keys::batch(&self.business, &batch.id), batch)?;
        item.insert(BUSINESS.to_owned(), text(self.business.as_str()));
        // Two runs that hold it at the same instant write different items.
        item.insert(WRITE_ID.to_owned(), text(write_id()?));
        item.insert(BY_STATE.to_owned(), text(keys::batches_of(&self.business)));
        item.insert(LISTED_AT.to_owned(), text(keys::listed_at(batch.created_at, batch.id.as_str())));
        item.insert(FORGET_AT.to_owned(), number(batch.forget_at().as_second()));
        if let Some(run_at) = batch.run_at() {
            item.insert(DUE_KIND.to_owned(), text(DueKind::Batch.of(batch.id.as_str())));
            item.insert(DUE_AT.to_owned(), number(run_at.as_millisecond()));
        }
        Ok(item)
    }
}

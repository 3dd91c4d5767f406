//! Links that are made out of the rows of a file: what was asked for, and how far it is. crm-api writes what is asked for, begun,
//! paused and ended, run-batches how far it is. The files themselves lie elsewhere.

use std::time::SystemTime;

use domain::Timestamp;
use domain::batches::Batch;
use domain::ids::BatchId;

use crate::due::{Due, DueBatch, first_shard};
use crate::error::StoreError;
use crate::keys;
use crate::long_work::Begun;
use crate::table::{Condition, RecordWritten};
use crate::{BusinessStore, Store};

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
    pub async fn put_batch(&self, batch: &Batch) -> Result<Begun<Batch>, StoreError> {
        self.begin("write a batch", batch).await
    }

    /// Writes what has become of a batch over the one that this was decided on, as long as nobody else has written it since.
    pub async fn write_batch(&self, next: &Batch, over: &Batch) -> Result<RecordWritten, StoreError> {
        self.go_on("write what has become of a batch", next, Condition::version(over.version)).await
    }
}

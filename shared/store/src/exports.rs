//! Lists that are carried away as files: what was asked for, and how far it is. crm-api writes what is asked for and what is not
//! wanted any more, run-batches how far it is. The files themselves lie elsewhere.

use std::time::SystemTime;

use domain::Timestamp;
use domain::exports::Export;
use domain::ids::ExportId;

use crate::due::{Due, DueExport, first_shard};
use crate::error::StoreError;
use crate::item::number;
use crate::keys;
use crate::long_work::Begun;
use crate::table::{Condition, RecordWritten};
use crate::{BusinessStore, Store};

impl Store {
    /// Exports whose turn it is. They are long pieces of work, of which a run may finish a few only: no shard is the first of
    /// every run.
    pub async fn due_exports(&self, now: Timestamp, deadline: SystemTime) -> Due<DueExport> {
        self.due_in_all_shards(first_shard(now), now, deadline).await
    }
}

impl BusinessStore {
    pub async fn export(&self, id: &ExportId) -> Result<Option<Export>, StoreError> {
        self.store.read("read an export", keys::export(&self.business, id)).await
    }

    /// Writes down that an export is wanted, unless it was before.
    pub async fn put_export(&self, export: &Export) -> Result<Begun<Export>, StoreError> {
        self.begin("write what is carried away", export).await
    }

    /// Writes how far an export is over the one that this was decided on, which is due at another time or not at all once anybody
    /// else has written it.
    pub async fn write_export(&self, next: &Export, over: &Export) -> Result<RecordWritten, StoreError> {
        let Some(was_due_at) = over.run_at() else { return Ok(RecordWritten::Rejected) };
        let as_read = Condition::new("due_at = :seen", [(":seen", number(was_due_at.as_millisecond()))]);
        self.go_on("write how far an export is", next, as_read).await
    }
}

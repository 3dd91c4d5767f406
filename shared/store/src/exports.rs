//! Lists that are carried away as files: what was asked for, and how far it is. crm-api writes what is asked for and what is not
//! wanted any more, run-batches how far it is. The files themselves lie elsewhere.

use std::time::SystemTime;

use domain::Timestamp;
use domain::exports::Export;
use domain::ids::ExportId;

use crate::due::{Due, DueExport, first_shard};
use crate::error::StoreError;
use crate::item::{Item, from_item, number, text, to_item, write_id};
use crate::keys::{self, BUSINESS, BY_STATE, DUE_AT, DUE_KIND, DueKind, FORGET_AT, LISTED_AT, WRITE_ID};
use crate::table::{Condition, PutOutcome, RecordWritten};
use crate::{BusinessStore, Store};

/// What became of writing down that an export is wanted.
#[derive(Clone, Debug)]
pub enum ExportPut {
    Written,
    /// The same request was written down before: this is what it came to.
    Known(Box<Export>),
}

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
    pub async fn put_export(&self, export: &Export) -> Result<ExportPut, StoreError> {
        const WRITE: &str = "write what is carried away";
        let item = self.export_item(export)?;
        Ok(match self.store.put_if(WRITE, item.clone(), Condition::nothing_there()).await? {
            PutOutcome::Written => ExportPut::Written,
            // An own write whose answer was lost finds itself.
            PutOutcome::StoodAgainst(known) if known == item => ExportPut::Written,
            PutOutcome::StoodAgainst(known) => ExportPut::Known(Box::new(from_item(WRITE, known)?)),
        })
    }

    /// Writes how far an export is over the one that this was decided on, which is due at another time or not at all once anybody
    /// else has written it.
    pub async fn write_export(&self, next: &Export, over: &Export) -> Result<RecordWritten, StoreError> {
        const WRITE: &str = "write how far an export is";
        let Some(was_due_at) = over.run_at() else { return Ok(RecordWritten::Rejected) };
        let item = self.export_item(next)?;
        let as_read = Condition::new("due_at = :seen", [(":seen", number(was_due_at.as_millisecond()))]);
        Ok(match self.store.put_if(WRITE, item.clone(), as_read).await? {
            PutOutcome::Written => RecordWritten::Applied,
            PutOutcome::StoodAgainst(current) if current == item => RecordWritten::Applied,
            PutOutcome::StoodAgainst(_) => RecordWritten::Rejected,
        })
    }

    fn export_item(&self, export: &Export) -> Result<Item, StoreError> {
        let mut item = to_item(keys::export(&self.business, &export.id), export)?;
        item.insert(BUSINESS.to_owned(), text(self.business.as_str()));
        // Two runs that hold it at the same instant write different items.
        item.insert(WRITE_ID.to_owned(), text(write_id()?));
        item.insert(BY_STATE.to_owned(), text(keys::exports_of(&self.business)));
        item.insert(LISTED_AT.to_owned(), text(keys::listed_at(export.created_at, export.id.as_str())));
        item.insert(FORGET_AT.to_owned(), number(export.forget_at().as_second()));
        if let Some(run_at) = export.run_at() {
            item.insert(DUE_KIND.to_owned(), text(DueKind::Export.of(export.id.as_str())));
            item.insert(DUE_AT.to_owned(), number(run_at.as_millisecond()));
        }
        Ok(item)
    }
}

//! Records of which callers change a part: what was read of one, and the write over that and nothing else.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::precondition::Tag;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, from_item, text, text_of, to_item, write_id};
use crate::keys::{FOUND_BY, Key, WRITE_ID};
use crate::table::{Condition, PutOutcome, RecordWritten};

/// What there was of a record when it was read. A change that was decided on it is written over that and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Revision {
    #[default]
    Nothing,
    Something {
        /// The mark of the write; none of one from before writes had marks.
        mark: Option<String>,
        /// The rows that the record is found by, as it keeps them. None of one from before records had any, or of a kind
        /// that has none.
        found_by: Option<Vec<String>>,
    },
}

impl Revision {
    pub(crate) fn of(item: Option<&Item>) -> Self {
        let Some(item) = item else { return Self::Nothing };
        let found_by = item.get(FOUND_BY).and_then(|kept| kept.as_l().ok());
        let found_by = found_by.map(|kept| kept.iter().filter_map(|row| row.as_s().ok().cloned()).collect());
        Self::Something { mark: text_of(item, WRITE_ID).map(str::to_owned), found_by }
    }

    /// The rows that the record is found by, where it keeps them.
    pub(crate) fn found_by(&self) -> Option<&[String]> {
        match self {
            Self::Nothing => None,
            Self::Something { found_by, .. } => found_by.as_deref(),
        }
    }

    /// What tells a record at this revision from what it was and will be. It says nothing about the record.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Self::Nothing => None,
            Self::Something { mark: None, .. } => Some(Tag::of("unmarked")),
            Self::Something { mark: Some(mark), .. } => Some(Tag::of(mark)),
        }
    }

    fn is_mark(&self) -> bool {
        matches!(self, Self::Something { mark: Some(_), .. })
    }

    /// The condition under which the record is still so.
    pub(crate) fn condition(&self) -> Condition {
        match self {
            Self::Nothing => Condition::nothing_there(),
            Self::Something { mark: None, .. } => {
                Condition::new("attribute_exists(pk) AND attribute_not_exists(write_id)", [])
            }
            Self::Something { mark: Some(mark), .. } => Condition::new("write_id = :seen", [(":seen", text(mark))]),
        }
    }
}

/// What became of writing a record over the revision that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevisionWritten {
    /// By this try, or by our own earlier one whose answer was lost. The record is at this revision now.
    Applied(Revision),
    /// Somebody else changed the record since it was read. Nothing was written; decide again on what it is now.
    Rejected,
}

impl RevisionWritten {
    pub fn is_applied(&self) -> bool {
        matches!(self, Self::Applied(_))
    }
}

/// The item of a record with a new mark of its writing, so that a caller who changes a part of it can tell whether it
/// is still what they read.
pub(crate) fn to_marked_item<T: Serialize>(at: Key, value: &T) -> Result<Item, StoreError> {
    let mut item = to_item(at, value)?;
    item.insert(WRITE_ID.to_owned(), text(write_id()?));
    Ok(item)
}

impl Store {
    pub(crate) async fn record_to_change<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        at: Key,
    ) -> Result<(Option<T>, Revision), StoreError> {
        let item = self.get(operation, at).await?;
        let revision = Revision::of(item.as_ref());
        Ok((item.map(|item| from_item(operation, item)).transpose()?, revision))
    }

    /// Writes a record over the revision that was read, at once with what goes with it. Our own write whose answer was lost
    /// finds its mark.
    pub(crate) async fn put_over(
        &self,
        operation: &'static str,
        record: Item,
        revision: &Revision,
        beside: Vec<TransactWriteItem>,
    ) -> Result<RevisionWritten, StoreError> {
        let written = Revision::of(Some(&record));
        let outcome = self.put_with(operation, record, revision.condition(), beside).await?;
        Ok(match outcome {
            PutOutcome::Written => RevisionWritten::Applied(written),
            PutOutcome::StoodAgainst(current) if written.is_mark() && Revision::of(Some(&current)) == written => {
                RevisionWritten::Applied(written)
            }
            PutOutcome::StoodAgainst(_) => RevisionWritten::Rejected,
        })
    }

    /// Deletes a record at the revision that was read, at once with what goes with it.
    pub(crate) async fn delete_over(
        &self,
        operation: &'static str,
        at: Key,
        revision: &Revision,
        beside: Vec<TransactWriteItem>,
    ) -> Result<RecordWritten, StoreError> {
        self.delete_with(operation, at, revision.condition(), beside).await
    }
}

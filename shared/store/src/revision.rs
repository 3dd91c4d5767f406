//! Records of which callers change a part: what was read of one, and the write over that and nothing else.

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::error::StoreError;
use crate::item::{Item, from_item, text, text_of, to_item, write_id};
use crate::keys::{Key, WRITE_ID};
use crate::table::{Condition, PutOutcome, RecordWritten};

/// What there was of a record when it was read. A change that was decided on it is written over that and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Revision {
    #[default]
    Nothing,
    /// Written before writes had marks.
    Unmarked,
    Mark(String),
}

impl Revision {
    pub(crate) fn of(item: Option<&Item>) -> Self {
        match item.map(|item| text_of(item, WRITE_ID)) {
            None => Self::Nothing,
            Some(None) => Self::Unmarked,
            Some(Some(mark)) => Self::Mark(mark.to_owned()),
        }
    }

    /// The condition under which the record is still so.
    pub(crate) fn condition(&self) -> Condition {
        match self {
            Self::Nothing => Condition::nothing_there(),
            Self::Unmarked => Condition::new("attribute_exists(pk) AND attribute_not_exists(write_id)", []),
            Self::Mark(mark) => Condition::new("write_id = :seen", [(":seen", text(mark))]),
        }
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
    ) -> Result<RecordWritten, StoreError> {
        let mark = text_of(&record, WRITE_ID).map(str::to_owned);
        let condition = revision.condition();
        let outcome = self.put_with(operation, record, condition, beside).await?;
        Ok(match outcome {
            PutOutcome::StoodAgainst(current)
                if mark.is_some() && text_of(&current, WRITE_ID).map(str::to_owned) == mark =>
            {
                RecordWritten::Applied
            }
            PutOutcome::Written | PutOutcome::StoodAgainst(_) => outcome.into(),
        })
    }
}

//! What a caller says a record has to be, for it to be changed or shown: what they read of it, anything at all, or nothing.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// What tells one state of a record from every other. It means nothing to callers. Some answers show more than the record,
/// such as what became of a link's messages: what is beside the record tells one such answer from another, and does not
/// count where the record is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    record: String,
    beside: Option<String>,
}

/// Stands between a record's own part of a tag and what is beside it. No record's own part has one.
const SEPARATOR: char = '.';

impl Tag {
    /// The tag of a record at this revision.
    pub fn of(revision: impl fmt::Display) -> Self {
        Self { record: revision.to_string(), beside: None }
    }

    /// The tag of an answer that shows more than the record.
    #[must_use]
    pub fn with(self, beside: impl fmt::Display) -> Self {
        Self { beside: Some(beside.to_string()), ..self }
    }

    /// The same, where what else the answer shows is told by a short hash of it.
    #[must_use]
    pub fn with_hash_of(self, beside: &impl Serialize) -> Self {
        let hash = Sha256::digest(serde_json::to_vec(beside).unwrap_or_default());
        self.with(hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.beside {
            None => f.write_str(&self.record),
            Some(beside) => write!(f, "{}{SEPARATOR}{beside}", self.record),
        }
    }
}

/// What a record may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is, as long as it is there.
    Anything,
    /// One of these tags, as they were given.
    OneOf(Vec<String>),
}

impl Expected {
    /// Whether the record is so, whatever an answer shows beside it.
    fn is_record(&self, current: Option<&Tag>) -> bool {
        let Some(current) = current else { return false };
        match self {
            Self::Anything => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag.split(SEPARATOR).next() == Some(current.record.as_str())),
        }
    }

    /// Whether the whole answer is so.
    fn is_answer(&self, current: &Tag) -> bool {
        match self {
            Self::Anything => true,
            Self::OneOf(tags) => tags.contains(&current.to_string()),
        }
    }
}

/// Under which condition something is done with a record. Without any it is done whatever the record is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The record has to be so.
    pub is: Option<Expected>,
    /// The record must not be so.
    pub is_not: Option<Expected>,
}

/// Why nothing is done: the record is not what the caller says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreconditionFailed {
    NothingThere,
    IsAnother,
    IsThere,
}

impl fmt::Display for PreconditionFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingThere => "there is no such record",
            Self::IsAnother => "the record is another by now",
            Self::IsThere => "there is one already",
        })
    }
}

impl std::error::Error for PreconditionFailed {}

impl Precondition {
    /// Whether a record that is so may be changed. `None` where there is none.
    pub fn check(&self, current: Option<&Tag>) -> Result<(), PreconditionFailed> {
        match (&self.is, current) {
            (Some(_), None) => return Err(PreconditionFailed::NothingThere),
            (Some(expected), Some(_)) if !expected.is_record(current) => return Err(PreconditionFailed::IsAnother),
            (Some(_), Some(_)) | (None, _) => {}
        }
        match &self.is_not {
            Some(unwanted) if unwanted.is_record(current) => Err(PreconditionFailed::IsThere),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether who reads an answer with this tag has it already.
    pub fn has(&self, current: &Tag) -> Result<bool, PreconditionFailed> {
        match &self.is {
            Some(expected) if !expected.is_record(Some(current)) => Err(PreconditionFailed::IsAnother),
            Some(_) | None => Ok(self.is_not.as_ref().is_some_and(|known| known.is_answer(current))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of(tags: &[&str]) -> Option<Expected> {
        Some(Expected::OneOf(tags.iter().map(|tag| (*tag).to_owned()).collect()))
    }

    #[test]
    fn a_record_is_changed_only_as_it_was_read_or_made_only_where_there_is_none() {
        let (tag, other) = (Tag::of("a1"), Tag::of("b2"));
        let as_read = Precondition { is: one_of(&["x", "a1"]), is_not: None };
        assert_eq!(as_read.check(Some(&tag)), Ok(()));
        assert_eq!(as_read.check(Some(&other)), Err(PreconditionFailed::IsAnother));
        assert_eq!(as_read.check(None), Err(PreconditionFailed::NothingThere));
        let existing = Precondition { is: Some(Expected::Anything), is_not: None };
        assert_eq!(existing.check(Some(&other)), Ok(()));
        assert_eq!(existing.check(None), Err(PreconditionFailed::NothingThere));
        let new = Precondition { is: None, is_not: Some(Expected::Anything) };
        assert_eq!(new.check(None), Ok(()));
        assert_eq!(new.check(Some(&tag)), Err(PreconditionFailed::IsThere));
        assert_eq!(Precondition::default().check(Some(&tag)), Ok(()));
        let nothing = Precondition { is: one_of(&[]), is_not: None };
        assert_eq!(nothing.check(Some(&tag)), Err(PreconditionFailed::IsAnother), "weak tags leave no other");
    }

    #[test]
    fn what_an_answer_shows_beside_its_record_counts_for_reading_and_not_for_changing() {
        let (read, now) = (Tag::of("7").with("queued"), Tag::of("7").with("sent"));
        let as_read = Precondition { is: one_of(&[&read.to_string()]), is_not: None };
        assert_eq!(as_read.check(Some(&now)), Ok(()));
        assert_eq!(as_read.check(Some(&Tag::of("8").with("queued"))), Err(PreconditionFailed::IsAnother));
        let known = Precondition { is: None, is_not: one_of(&[&read.to_string()]) };
        assert_eq!((known.has(&read), known.has(&now)), (Ok(true), Ok(false)));
    }
}

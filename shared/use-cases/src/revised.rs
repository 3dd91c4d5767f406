//! How records are read and written under the conditions of a caller: what there is decides whether anything happens, and
//! what is written is written over exactly that.

use domain::Problems;
use domain::precondition::{Precondition, PreconditionFailed, Tag};
use store::Revision;

use crate::records::RecordRefused;

/// A record, and what tells it from what it was and will be; nothing where it was never written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revised<T> {
    pub record: T,
    pub tag: Option<Tag>,
}

impl<T> Revised<T> {
    pub fn new(record: T, revision: &Revision) -> Self {
        Self { record, tag: revision.tag() }
    }

    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Revised<U> {
        Revised { record: to(self.record), tag: self.tag }
    }
}

/// How much of a record a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What it leaves out, the record does not have.
    Whole,
    /// It is laid over a record that there is.
    Part,
}

/// How a record is to be written, whatever it is to be.
#[derive(Clone, Debug)]
pub struct Writing {
    pub extent: Extent,
    pub precondition: Precondition,
}

/// What a request says that a record should be, by what the request is laid over, and what reading it found.
pub type Said<'a, T, R> = &'a (dyn Fn(Option<&T>) -> (R, Problems) + Sync);

impl Writing {
    /// All of a record, whatever it is.
    pub const REPLACING: Self = Self { extent: Extent::Whole, precondition: Precondition { is: None, is_not: None } };

    /// What the request is laid over, where what is known of the record lets anything happen.
    pub(crate) fn base<'a, T>(&self, known: Option<&'a T>, tag: Option<&Tag>) -> Result<Option<&'a T>, WritingRefused> {
        let base = match (self.extent, known) {
            (Extent::Part, None) => return Err(WritingRefused::NoSuchRecord),
            (Extent::Part, Some(known)) => Some(known),
            (Extent::Whole, _) => None,
        };
        self.precondition.check(tag)?;
        Ok(base)
    }
}

/// Why nothing is written, whatever the request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WritingRefused {
    /// Only a record that is there can be changed in part.
    #[error("there is no such record")]
    NoSuchRecord,
    #[error(transparent)]
    PreconditionFailed(#[from] PreconditionFailed),
}

impl From<WritingRefused> for RecordRefused {
    fn from(why: WritingRefused) -> Self {
        match why {
            WritingRefused::NoSuchRecord => Self::NoSuchRecord,
            WritingRefused::PreconditionFailed(why) => Self::PreconditionFailed(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::precondition::Expected;

    #[test]
    fn a_part_is_laid_over_what_there_is_and_the_whole_over_nothing() {
        let part = Writing { extent: Extent::Part, precondition: Precondition::default() };
        assert_eq!(part.base(Some(&1), None), Ok(Some(&1)));
        assert_eq!(part.base::<u8>(None, None), Err(WritingRefused::NoSuchRecord));
        assert_eq!(Writing::REPLACING.base(Some(&1), None), Ok(None));
        assert_eq!(Writing::REPLACING.base::<u8>(None, None), Ok(None));
    }

    #[test]
    fn what_is_not_there_is_said_before_what_it_should_be() {
        let anything = Precondition { is: Some(Expected::Anything), is_not: None };
        let part = Writing { extent: Extent::Part, precondition: anything.clone() };
        assert_eq!(part.base::<u8>(None, None), Err(WritingRefused::NoSuchRecord));
        let whole = Writing { extent: Extent::Whole, precondition: anything };
        assert_eq!(whole.base::<u8>(None, None), Err(PreconditionFailed::NothingThere.into()));
    }
}

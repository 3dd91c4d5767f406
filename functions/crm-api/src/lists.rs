//! The form of the answer that all lists share.

use serde::Serialize;
use store::{Cursor, SortKey};
use web::ApiProblem;
pub(crate) use web::parameters::{PAGING, Parameters, invalid_cursor, no_cursor};

/// `{ "data": [], "has_more": false, "next_cursor": null }`
#[derive(Debug, Serialize)]
pub(crate) struct ListView<T> {
    pub(crate) data: Vec<T>,
    has_more: bool,
    pub(crate) next_cursor: Option<String>,
}

impl<T> ListView<T> {
    pub(crate) fn new(data: Vec<T>, next: Option<&Cursor>) -> Self {
        Self::going_on(data, next.map(ToString::to_string))
    }

    /// The same in a list that has cursors of its own.
    pub(crate) fn going_on(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { data, has_more: next_cursor.is_some(), next_cursor }
    }

    /// The same page with its entries as something else.
    pub(crate) fn map<U>(self, into: impl FnMut(T) -> U) -> ListView<U> {
        ListView::going_on(self.data.into_iter().map(into).collect(), self.next_cursor)
    }

    /// A page of entries that are few enough to be read together, each with what it is sorted by.
    pub(crate) fn page(
        entries: impl IntoIterator<Item = (String, T)>,
        mut parameters: Parameters,
    ) -> Result<Self, ApiProblem> {
        let (limit, after) = parameters.paging(SortKey::Id)?;
        let is_left = |id: &str| after.as_ref().is_none_or(|after| id > after.place());
        let mut left: Vec<(String, T)> = entries.into_iter().filter(|(id, _)| is_left(id)).collect();
        left.sort_by(|(one, _), (other, _)| one.cmp(other));
        let has_more = left.len() > limit;
        left.truncate(limit);
        let next = left.last().filter(|_| has_more).map(|(id, _)| Cursor::behind(id));
        Ok(Self::new(left.into_iter().map(|(_, entry)| entry).collect(), next.as_ref()))
    }
}

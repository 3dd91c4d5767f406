//! What all lists share: the query's parameters and the form of the answer.

use std::collections::BTreeMap;

use domain::Rejection;
use serde::Serialize;
use store::{Cursor, SortKey};
use web::ApiProblem;

/// The number of entries on a page where the request names none.
const USUAL_LIMIT: usize = 20;

/// The largest number of entries that a request can ask for.
const LARGEST_LIMIT: usize = 100;

/// `{ "data": [], "next_cursor": null }`
#[derive(Debug, Serialize)]
pub(crate) struct ListView<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

impl<T> ListView<T> {
    pub(crate) fn new(data: Vec<T>, next: Option<&Cursor>) -> Self {
        Self { data, next_cursor: next.map(ToString::to_string) }
    }

    /// The same page with its entries as something else.
    pub(crate) fn map<U>(self, into: impl FnMut(T) -> U) -> ListView<U> {
        ListView { data: self.data.into_iter().map(into).collect(), next_cursor: self.next_cursor }
    }

    /// A page of entries that are few enough to be read together, each with what it is sorted by.
    pub(crate) fn page(
        entries: impl IntoIterator<Item = (String, T)>,
        parameters: &Parameters,
    ) -> Result<Self, ApiProblem> {
        let (limit, after) = (parameters.limit()?, parameters.cursor(SortKey::Id)?);
        let is_left = |id: &str| after.as_ref().is_none_or(|after| id > after.place());
        let mut left: Vec<(String, T)> = entries.into_iter().filter(|(id, _)| is_left(id)).collect();
        left.sort_by(|(one, _), (other, _)| one.cmp(other));
        let has_more = left.len() > limit;
        left.truncate(limit);
        let next = left.last().filter(|_| has_more).map(|(id, _)| Cursor::behind(id));
        Ok(Self::new(left.into_iter().map(|(_, entry)| entry).collect(), next.as_ref()))
    }
}

/// What every list takes.
pub(crate) const PAGING: [&str; 2] = ["limit", "cursor"];

/// The parameters of a query, each known and given once.
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Refuses what the list does not know: a misspelt filter must not list everything.
    pub(crate) fn read(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Self, ApiProblem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            let refused = |code, detail: &str| Err(ApiProblem::bad_parameter(&name, &Rejection::new(code, detail)));
            if !known.contains(&name.as_str()) {
                return refused(
                    "unknown_parameter",
                    &format!("There is no such parameter; there are {}.", known.join(", ")),
                );
            }
            if parameters.contains_key(&name) {
                return refused("given_twice", "Give each parameter once.");
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }

    /// What asks a list for so many entries from where a page of it ended.
    pub(crate) fn of_page(limit: usize, cursor: Option<String>) -> Self {
        let limit = ("limit".to_owned(), limit.to_string());
        Self([limit].into_iter().chain(cursor.map(|cursor| ("cursor".to_owned(), cursor))).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The one of these parameters that is given.
    pub(crate) fn exactly_one(&self, names: &[&'static str]) -> Result<(&'static str, &str), ApiProblem> {
        let mut given = names.iter().filter_map(|name| Some((*name, self.get(name)?)));
        match (given.next(), given.next()) {
            (Some(one), None) => Ok(one),
            (None, _) | (Some(_), Some(_)) => {
                let detail = format!("Give exactly one of {}.", names.join(", "));
                Err(ApiProblem::bad_parameter("query", &Rejection::new("exactly_one", detail)))
            }
        }
    }

    pub(crate) fn limit(&self) -> Result<usize, ApiProblem> {
        let Some(text) = self.get("limit") else { return Ok(USUAL_LIMIT) };
        text.parse().ok().filter(|limit| (1..=LARGEST_LIMIT).contains(limit)).ok_or_else(|| {
            let detail = format!("Give a limit of 1 to {LARGEST_LIMIT}.");
            ApiProblem::bad_parameter("limit", &Rejection::new("out_of_range", detail))
        })
    }

    /// Where the page begins, in a list of this kind.
    pub(crate) fn cursor(&self, place: SortKey) -> Result<Option<Cursor>, ApiProblem> {
        let Some(text) = self.get("cursor") else { return Ok(None) };
        Cursor::parse(text, place).map(Some).ok_or_else(no_cursor)
    }
}

/// What a list did not give out as the beginning of a page.
pub(crate) fn no_cursor() -> ApiProblem {
    let rejection = Rejection::new("invalid_cursor", "Give the next_cursor of the page before as it is.");
    ApiProblem::bad_parameter("cursor", &rejection)
}

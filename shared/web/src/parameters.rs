//! The parameters of an address: each known, given once and read, with everything that is wrong with them told at once.

use std::collections::BTreeMap;

use domain::business::settings::Settings;
use domain::calendar::DayOrInstant;
use domain::link::{MoneyRange, TimeRange};
use domain::money::Currency;
use domain::{Problems, Rejection, no_such, parse_word};
use store::{Cursor, Order, SortKey};

use crate::ApiProblem;
use crate::problem::RequestProblem;

/// The number of entries on a page where the request names none.
const USUAL_LIMIT: usize = 20;

/// The largest number of entries that a request can ask for.
const LARGEST_LIMIT: usize = 100;

/// What every list takes.
pub const PAGING: [&str; 2] = ["limit", "cursor"];

/// What may be given several times, which means the same as with commas between: so write it most clients that are
/// generated.
const SEVERAL: [&str; 2] = ["status", "type"];

/// The parameters of a query, each known and given once unless it is one of several words. Whatever is wrong with them is
/// collected while they are read, and refused together once all are read, before anything is looked up by them.
#[derive(Debug)]
pub struct Parameters {
    given: BTreeMap<String, String>,
    problems: Vec<RequestProblem>,
}

impl Parameters {
    /// Refuses what the list does not know: a misspelt filter must not list everything.
    pub fn read(pairs: Vec<(String, String)>, known: &[&str]) -> Self {
        let mut parameters = Self { given: BTreeMap::new(), problems: Vec::new() };
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let detail = no_such("parameter", &name, known);
                parameters.refuse_once(&name, Rejection::new("unknown_parameter", detail));
            } else if let Some(before) = parameters.given.get_mut(&name) {
                if SEVERAL.contains(&name.as_str()) {
                    before.extend([",", &value]);
                } else {
                    parameters.refuse_once(&name, Rejection::new("given_twice", "Give each parameter once."));
                }
            } else {
                parameters.given.insert(name, value);
            }
        }
        parameters
    }

    /// What asks a list for so many entries from where a page of it ended.
    pub fn of_page(limit: usize, cursor: Option<String>) -> Self {
        let limit = ("limit".to_owned(), limit.to_string());
        let given = [limit].into_iter().chain(cursor.map(|cursor| ("cursor".to_owned(), cursor))).collect();
        Self { given, problems: Vec::new() }
    }

    /// Everything that was found wrong so far.
    pub fn checked(&mut self) -> Result<(), ApiProblem> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(ApiProblem::bad_parameters(std::mem::take(&mut self.problems)))
    }

    /// The same where the parameters are a part of an address that a field of a body has: each problem is one of that field,
    /// and names its parameter.
    pub fn checked_in_field(self, pointer: &str, problems: &mut Problems) {
        for problem in self.problems {
            let (name, Rejection { code, detail }) = problem.into_parameter();
            problems.refuse(pointer, code, format!("{name}: {detail}"));
        }
    }

    pub fn refuse(&mut self, name: &str, rejection: Rejection) {
        self.problems.push(RequestProblem::of_parameter(name, rejection));
    }

    /// The same of what several pairs of the query can have wrong.
    fn refuse_once(&mut self, name: &str, rejection: Rejection) {
        if self.problems.iter().all(|problem| problem.parameter() != Some(name)) {
            self.refuse(name, rejection);
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// A parameter as it is read, where it is given and can be.
    pub fn parse<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, Rejection>) -> Option<T> {
        match parse(self.get(name)?) {
            Ok(read) => Some(read),
            Err(rejection) => {
                self.refuse(name, rejection);
                None
            }
        }
    }

    /// The same of one that has to be given. `detail` says what for.
    pub fn require<T>(
        &mut self,
        name: &'static str,
        detail: &str,
        parse: impl FnOnce(&str) -> Result<T, Rejection>,
    ) -> Option<T> {
        if self.get(name).is_none() {
            self.refuse(name, Rejection::new("required", detail));
        }
        self.parse(name, parse)
    }

    /// One word or several with commas between them.
    pub fn several<T, All: FromIterator<T> + Default>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, Rejection>,
    ) -> All {
        self.parse(name, |text| text.split(',').map(parse).collect()).unwrap_or_default()
    }

    /// Whether something has to be so, must not be so, or may be either.
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        let word = |flag| if flag { "true" } else { "false" };
        self.parse(name, |text| parse_word(text, &[true, false], word, "unknown_choice"))
    }

    /// Days of the business, both of them whole, or instants.
    pub fn times(&mut self, (from, to): (&'static str, &'static str), settings: &Settings) -> TimeRange {
        let (first, last) = (self.parse(from, moment), self.parse(to, moment));
        let zone = settings.zone();
        let range =
            TimeRange { from: first.and_then(|first| first.start(&zone)), to: last.and_then(|last| last.end(&zone)) };
        if range.from.zip(range.to).is_some_and(|(from, to)| from >= to) {
            self.refuse(to, nothing_between(from, to));
        }
        range
    }

    /// Amounts in minor units, both ends among them, which say nothing without their currency.
    pub fn amounts(&mut self) -> MoneyRange {
        let (from, to) = ("amount_from", "amount_to");
        let is_needed = self.get(from).or(self.get(to)).is_some();
        let currency = if is_needed {
            self.require("currency", "Give the currency of the amounts.", Currency::parse)
        } else {
            self.parse("currency", Currency::parse)
        };
        let range = MoneyRange { currency, from: self.parse(from, minor_units), to: self.parse(to, minor_units) };
        if range.from.zip(range.to).is_some_and(|(from, to)| from > to) {
            self.refuse(to, nothing_between(from, to));
        }
        range
    }

    pub fn order(&mut self) -> Order {
        let word = |order| match order {
            Order::NewestFirst => "newest",
            Order::OldestFirst => "oldest",
        };
        let all = [Order::NewestFirst, Order::OldestFirst];
        self.parse("order", |text| parse_word(text, &all, word, "unknown_choice")).unwrap_or_default()
    }

    pub fn limit(&mut self) -> usize {
        let limit = |text: &str| {
            text.parse()
                .ok()
                .filter(|limit| (1..=LARGEST_LIMIT).contains(limit))
                .ok_or_else(|| Rejection::new("out_of_range", format!("Give a limit of 1 to {LARGEST_LIMIT}.")))
        };
        self.parse("limit", limit).unwrap_or(USUAL_LIMIT)
    }

    /// Where the page begins, in a list of this kind.
    pub fn cursor(&mut self, place: SortKey) -> Option<Cursor> {
        self.parse("cursor", |text| Cursor::parse(text, place).ok_or_else(invalid_cursor))
    }

    /// How many entries a page has at most and where it begins, which is read last: with it everything is refused that is
    /// wrong with the parameters.
    pub fn paging(&mut self, place: SortKey) -> Result<(usize, Option<Cursor>), ApiProblem> {
        let paging = (self.limit(), self.cursor(place));
        self.checked()?;
        Ok(paging)
    }
}

/// A day or an instant. In an address a plus is a blank unless it is written in another way.
fn moment(text: &str) -> Result<DayOrInstant, Rejection> {
    DayOrInstant::parse(text).map_err(|rejection| match rejection.code {
        "invalid_instant" => {
            Rejection { detail: format!("{} In an address + is written %2B.", rejection.detail), ..rejection }
        }
        _ => rejection,
    })
}

fn minor_units(text: &str) -> Result<i64, Rejection> {
    text.parse().map_err(|_| Rejection::new("out_of_range", "Give a whole number of minor units."))
}

fn nothing_between(from: &'static str, to: &'static str) -> Rejection {
    Rejection::new("out_of_range", format!("Nothing lies between {from} and {to}."))
}

/// What a list did not give out as the beginning of a page.
pub fn invalid_cursor() -> Rejection {
    Rejection::new("invalid_cursor", "Give the next_cursor of the page before as it is.")
}

/// The same where it is found out alone.
pub fn no_cursor() -> ApiProblem {
    ApiProblem::bad_parameter("cursor", &invalid_cursor())
}

//! How a refused value is reported: by field, with a code for programs and a sentence for people.

use std::fmt;

/// Why one value was refused. `code` is stable and for programs; `detail` is a sentence for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub code: &'static str,
    pub detail: String,
}

impl Rejection {
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Rejection {}

/// One refused field of a body: where (an RFC 6901 JSON pointer), what (a code) and why (a sentence).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

/// All problems of one body, collected so that a caller can mend them in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The only problem of a body.
    pub fn of(pointer: impl Into<String>, rejection: Rejection) -> Self {
        let mut problems = Self::default();
        problems.add(pointer, rejection);
        problems
    }

    pub fn add(&mut self, pointer: impl Into<String>, rejection: Rejection) {
        self.0.push(Problem { pointer: pointer.into(), code: rejection.code, detail: rejection.detail });
    }

    /// Shorthand for [`Problems::add`] with a fresh rejection.
    pub fn refuse(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.add(pointer, Rejection::new(code, detail));
    }

    /// Keeps the value, or reports why there is none.
    pub fn check<T>(&mut self, pointer: impl Into<String>, result: Result<T, Rejection>) -> Field<T> {
        match result {
            Ok(value) => Field::Value(value),
            Err(rejection) => {
                self.add(pointer, rejection);
                Field::Refused
            }
        }
    }

    /// Keeps the value, or takes over everything that stands against it.
    pub fn merge<T>(&mut self, result: Result<T, Problems>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(found) => {
                self.0.extend(found.0);
                None
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// A field of a body after its shape was read. `Refused` means that its problem is already on the list, so that no
/// later rule complains about the same field again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    #[default]
    Absent,
    Refused,
    Value(T),
}

impl<T> Field<T> {
    pub fn value(self) -> Option<T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Absent | Field::Refused => None,
        }
    }

    pub fn as_ref(&self) -> Field<&T> {
        match self {
            Field::Value(value) => Field::Value(value),
            Field::Absent => Field::Absent,
            Field::Refused => Field::Refused,
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Field::Value(value) => Field::Value(f(value)),
            Field::Absent => Field::Absent,
            Field::Refused => Field::Refused,
        }
    }

    /// Turns the value into a narrower type, or reports why that cannot be.
    pub fn parse<U>(
        self,
        pointer: impl Into<String>,
        problems: &mut Problems,
        parse: impl FnOnce(T) -> Result<U, Rejection>,
    ) -> Field<U> {
        match self {
            Field::Value(value) => problems.check(pointer, parse(value)),
            Field::Absent => Field::Absent,
            Field::Refused => Field::Refused,
        }
    }

    /// What is left out stays as it is known.
    pub fn or_kept(self, known: Option<T>) -> Field<T> {
        match (self, known) {
            (Field::Absent, Some(known)) => Field::Value(known),
            (given, _) => given,
        }
    }

    /// The value of a field that may be left out; nothing at all where it was refused.
    pub fn optional(self) -> Option<Option<T>> {
        match self {
            Field::Value(value) => Some(Some(value)),
            Field::Absent => Some(None),
            Field::Refused => None,
        }
    }

    /// The value, with an absent one reported as `required`.
    pub fn require(self, pointer: impl Into<String>, problems: &mut Problems) -> Option<T> {
        if matches!(self, Field::Absent) {
            problems.refuse(pointer, "required", "This field is required.");
        }
        self.value()
    }
}

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

/// The value that a word stands for. Words are told apart by case, as names in JSON are: one in other letters is refused with
/// the right one, and one that is nearly a word with what was probably meant.
pub fn parse_word<T: Copy>(
    text: &str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
    code: &'static str,
) -> Result<T, Rejection> {
    if let Some(chosen) = all.iter().copied().find(|one| word(*one) == text) {
        return Ok(chosen);
    }
    let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
    let detail = match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        Some(word) => format!("Case counts: write {word}."),
        None => {
            let meant = meant(text, &words).map(|word| format!("Did you mean {word}? ")).unwrap_or_default();
            format!("{meant}Give {}.", one_of(&words))
        }
    };
    Err(Rejection::new(code, detail))
}

/// How alike a name and a known one have to be before the known one is proposed, where 1 is the same.
const ALIKE: f64 = 0.8;

/// A name of fewer letters is like too many others.
const SHORTEST_SLIP: usize = 3;

/// Says that there is nothing of this name, what was probably meant, and everything that there is. `what` is what the name
/// is one of.
pub fn no_such(what: &str, name: &str, known: &[&str]) -> String {
    match known {
        [] => format!("There is no such {what}, and none at all."),
        [only] => format!("There is no such {what}; there is {only} alone."),
        known => {
            let meant = meant(name, known).map(|known| format!(" Did you mean {known}?")).unwrap_or_default();
            format!("There is no such {what}.{meant} There are {}.", known.join(", "))
        }
    }
}

/// What was probably meant by a name that is none of those that there are.
pub(crate) fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let nearest =
        known.iter().map(|known| (likeness(known), *known)).max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.filter(|(likeness, nearest)| *likeness >= ALIKE || is_slip(name, nearest)).map(|(_, nearest)| nearest)
}

/// Whether one letter makes the difference, which of a short name is much: `nam`.
fn is_slip(name: &str, known: &str) -> bool {
    name.chars().count() >= SHORTEST_SLIP && strsim::damerau_levenshtein(name, known) == 1
}

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => (*only).to_owned(),
        [one, other] => format!("{one} or {other}"),
        words => format!("one of {}", words.join(", ")),
    }
}

/// The pointer to a field of the object at `at`, which is empty for the body itself. RFC 6901 escapes two characters in it.
pub fn pointer_to(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

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

impl<T> Field<Option<T>> {
    /// Laid over what is known: what is left out stays, and what is none is taken away.
    pub fn over(self, known: Option<T>) -> Field<T> {
        match self {
            Field::Value(Some(value)) => Field::Value(value),
            Field::Value(None) => Field::Absent,
            Field::Absent => known.map_or(Field::Absent, Field::Value),
            Field::Refused => Field::Refused,
        }
    }

    /// The same field where nothing can be taken away: what is none is left out.
    #[must_use]
    pub fn without_none(self) -> Self {
        match self {
            Field::Value(None) => Field::Absent,
            Field::Absent | Field::Refused | Field::Value(Some(_)) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_other_letters_and_a_name_that_is_nearly_one_are_told_the_right_one() {
        let words = ["live", "sandbox"];
        let refused = |text| parse_word(text, &words, |word| word, "unknown_mode").unwrap_err().detail;
        assert_eq!(parse_word("live", &words, |word| word, "unknown_mode"), Ok("live"));
        assert_eq!(refused("Live"), "Case counts: write live.");
        assert_eq!(refused("sandbx"), "Did you mean sandbox? Give live or sandbox.");
        assert_eq!(refused("test"), "Give live or sandbox.");
        assert_eq!(
            no_such("field", "nam", &["email", "name"]),
            "There is no such field. Did you mean name? There are email, name."
        );
        assert_eq!(no_such("field", "x", &["only"]), "There is no such field; there is only alone.");
        assert_eq!(no_such("field", "x", &[]), "There is no such field, and none at all.");
        assert!(no_such("field", "acountId", &["account_id", "amount"]).contains("Did you mean account_id?"));
    }

    #[test]
    fn a_pointer_escapes_what_would_lead_elsewhere() {
        assert_eq!(pointer_to("/metadata", "a/b~c"), "/metadata/a~1b~0c");
    }
}

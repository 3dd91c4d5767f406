//! Reading JSON bodies so that every problem of a body is found at once.
//!
//! A body is a struct whose fields are [`Given`]: absent, of the wrong shape, or a value. Reading such a struct never
//! fails, so the rules behind it see everything that could be read, and the wrong shapes are reported beside what the
//! rules find. Fields that the struct does not have are reported too.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use domain::{Field, Problems, Rejection};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::problem::ApiProblem;

/// The largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// Fields that a struct did not have.
pub type Unknown = BTreeMap<String, Value>;

/// A field of a body as it came. `null` counts as absent.
#[derive(Clone, Debug, Default)]
pub enum Given<T> {
    #[default]
    Absent,
    /// The text says which shape was expected.
    WrongShape(String),
    Value(T),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Absent),
            value => Ok(match T::deserialize(value) {
                Ok(value) => Self::Value(value),
                Err(error) => Self::WrongShape(expected(&error)),
            }),
        }
    }
}

/// What was expected, in words that do not depend on this program's types and without the value that came.
fn expected(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let name = text.rsplit("expected ").next().unwrap_or_default();
    let shape = match name {
        "i64" => "a whole number",
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        name if name == "a map" || name.starts_with("struct ") => "an object",
        _ => return "This has another form than expected.".to_owned(),
    };
    format!("Expected {shape}.")
}

impl<T> Given<T> {
    /// Reports a wrong shape and hands the rest on to the rules.
    pub fn field(self, pointer: impl Into<String>, problems: &mut Problems) -> Field<T> {
        match self {
            Self::Absent => Field::Absent,
            Self::Value(value) => Field::Value(value),
            Self::WrongShape(detail) => {
                problems.refuse(pointer, "wrong_type", detail);
                Field::Refused
            }
        }
    }

    /// The field, with an absent one reported as `required`.
    pub fn require(self, pointer: impl AsRef<str>, problems: &mut Problems) -> Option<T> {
        let pointer = pointer.as_ref();
        self.field(pointer, problems).require(pointer, problems)
    }

    /// Reads the field into its narrow type.
    pub fn parse<U>(
        self,
        pointer: impl AsRef<str>,
        problems: &mut Problems,
        parse: impl FnOnce(T) -> Result<U, Rejection>,
    ) -> Field<U> {
        let pointer = pointer.as_ref();
        self.field(pointer, problems).parse(pointer, problems, parse)
    }

    /// Reads the field by a function that reports problems of its own, such as those of an object within the body. It is
    /// told where the field stands.
    pub fn read<U>(
        self,
        pointer: impl AsRef<str>,
        problems: &mut Problems,
        read: impl FnOnce(T, &str, &mut Problems) -> Field<U>,
    ) -> Field<U> {
        let pointer = pointer.as_ref();
        match self.field(pointer, problems) {
            Field::Value(value) => read(value, pointer, problems),
            Field::Absent => Field::Absent,
            Field::Refused => Field::Refused,
        }
    }
}

impl Given<String> {
    /// Reads a text into its narrow type.
    pub fn text<U>(
        self,
        pointer: impl AsRef<str>,
        problems: &mut Problems,
        parse: impl FnOnce(&str) -> Result<U, Rejection>,
    ) -> Field<U> {
        self.parse(pointer, problems, |text| parse(&text))
    }

    /// Reads a text that cannot be left out into its narrow type.
    pub fn required_text<U>(
        self,
        pointer: impl AsRef<str>,
        problems: &mut Problems,
        parse: impl FnOnce(&str) -> Result<U, Rejection>,
    ) -> Option<U> {
        let pointer = pointer.as_ref();
        self.text(pointer, problems, parse).require(pointer, problems)
    }
}

impl<T> Given<Vec<T>> {
    /// Reads each entry of a list, which is told where it stands. One that cannot be read refuses all of it, with the
    /// problem on the entry.
    pub fn each<U>(
        self,
        pointer: impl AsRef<str>,
        most: usize,
        problems: &mut Problems,
        mut read: impl FnMut(T, &str, &mut Problems) -> Option<U>,
    ) -> Field<Vec<U>> {
        self.read(pointer, problems, |entries, at, problems| {
            if entries.len() > most {
                problems.refuse(at, "too_many", format!("At most {most} entries are allowed."));
                return Field::Refused;
            }
            let count = entries.len();
            let entries = entries.into_iter().enumerate();
            let known: Vec<U> =
                entries.filter_map(|(index, entry)| read(entry, &format!("{at}/{index}"), problems)).collect();
            if known.len() == count { Field::Value(known) } else { Field::Refused }
        })
    }
}

/// Reports every field that the struct did not have. `at` is the pointer of the object, empty for the body itself.
pub fn refuse_unknown(at: &str, unknown: Unknown, problems: &mut Problems) {
    for name in unknown.into_keys() {
        // RFC 6901 escapes these two in a pointer.
        let name = name.replace('~', "~0").replace('/', "~1");
        problems.refuse(format!("{at}/{name}"), "unknown_field", "There is no such field.");
    }
}

/// A JSON object, read into a struct of [`Given`] fields, and the value it was read from.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub fields: T,
    pub value: Value,
}

impl<T: DeserializeOwned> JsonBody<T> {
    pub fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiProblem> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(ApiProblem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send the body as application/json.",
            ));
        }
        if bytes.len() > LARGEST_BODY {
            return Err(ApiProblem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("A body has at most {LARGEST_BODY} bytes."),
            ));
        }
        let malformed = |detail: String| ApiProblem::new(StatusCode::BAD_REQUEST, "malformed_json", detail);
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            malformed(format!("The body is not JSON: line {}, column {}.", error.line(), error.column()))
        })?;
        if !value.is_object() {
            return Err(malformed("The body must be a JSON object.".to_owned()));
        }
        let fields = T::deserialize(&value)
            .map_err(|_| malformed("The body cannot be read as an object of fields.".to_owned()))?;
        Ok(Self { fields, value })
    }
}

/// A body that may be left out: an empty one is an object without fields.
#[derive(Debug)]
pub struct OptionalBody<T>(pub JsonBody<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        let headers = request.headers().clone();
        let bytes = read_bytes(request, state).await?;
        if bytes.is_empty() {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
            return JsonBody::read(&headers, b"{}").map(Self);
        }
        JsonBody::read(&headers, &bytes).map(Self)
    }
}

async fn read_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiProblem> {
    Bytes::from_request(request, state).await.map_err(|_| {
        ApiProblem::new(StatusCode::BAD_REQUEST, "malformed_body", "The body could not be read to its end.")
    })
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        let headers = request.headers().clone();
        let bytes = read_bytes(request, state).await?;
        Self::read(&headers, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Sample {
        amount: Given<i64>,
        name: Given<String>,
        #[serde(flatten)]
        unknown: Unknown,
    }

    fn read(bytes: &[u8]) -> Result<JsonBody<Sample>, ApiProblem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        JsonBody::read(&headers, bytes)
    }

    #[test]
    fn every_problem_of_a_body_is_found_at_once() {
        let body = read(br#"{"amount":"5","name":null,"x/y":1}"#).unwrap().fields;
        let mut problems = Problems::default();
        assert_eq!(body.amount.field("/amount", &mut problems), Field::Refused);
        assert_eq!(body.name.field("/name", &mut problems), Field::Absent);
        refuse_unknown("", body.unknown, &mut problems);
        let found: Vec<_> = problems.as_slice().iter().map(|p| (p.pointer.as_str(), p.code)).collect();
        assert_eq!(found, [("/amount", "wrong_type"), ("/x~1y", "unknown_field")]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_pointed_at_and_refuses_its_list() {
        let read = |texts: &[&str], problems: &mut Problems| {
            let given = Given::Value(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            given.each("/list", 2, problems, |text, at, p| match text.parse::<u8>() {
                Ok(number) => Some(number),
                Err(_) => {
                    p.refuse(at, "out_of_range", "This is no small number.");
                    None
                }
            })
        };
        let mut problems = Problems::default();
        assert_eq!(read(&["1", "2"], &mut problems), Field::Value(vec![1, 2]));
        assert_eq!(read(&["1", "x"], &mut problems), Field::Refused);
        assert_eq!(read(&["1", "2", "3"], &mut problems), Field::Refused);
        let found: Vec<_> = problems.as_slice().iter().map(|p| (p.pointer.as_str(), p.code)).collect();
        assert_eq!(found, [("/list/1", "out_of_range"), ("/list", "too_many")]);
    }

    #[test]
    fn what_is_not_a_json_object_is_refused() {
        for bad in [&b"{"[..], b"[]", b"\xff", b"null", b"{\"a\":1e999999}x", &[b'['; 60_000]] {
            assert!(read(bad).is_err());
        }
        let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(LARGEST_BODY));
        assert!(read(huge.as_bytes()).is_err());
        assert!(JsonBody::<Sample>::read(&HeaderMap::new(), b"{}").is_err());
    }
}

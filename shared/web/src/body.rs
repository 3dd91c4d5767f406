//! Reading JSON bodies so that every problem of a body is found at once.
//!
//! A body is a struct whose fields are [`Given`]: absent, of the wrong shape, or a value. Reading such a struct never
//! fails, so the rules behind it see everything that could be read, and the wrong shapes are reported beside what the
//! rules find. Fields that the struct does not have are reported too. A body in which a name stands twice is not read.

use std::collections::BTreeMap;
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use domain::{Field, Problems, Rejection, no_such, pointer_to};
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::extract::without_parameters;
use crate::problem::ApiProblem;

/// The largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// The charsets that a body can have: UTF-8, and the part of it that some programs still name.
const CHARSETS: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Fields that a struct did not have.
pub type Unknown = BTreeMap<String, Value>;

/// The body of a record. It may have what an answer says of the record beside it, so that an answer can be given back as it
/// is; the document has that from here as well.
pub trait RecordBody: ToSchema {
    /// What answers call such a record. A body that has `object` says the same.
    const OBJECT: &'static str;
    /// What says which record it is. A body that has it says the same as the address.
    const NAMED_BY: &'static [&'static str];
    /// What the service finds out by itself. In a body it says nothing, whatever it is.
    const FOUND_OUT: &'static [&'static str] = &[];
}

/// A field of a body as it came. `null` counts as absent, but where a change takes something away with it.
#[derive(Clone, Debug, Default)]
pub enum Given<T> {
    #[default]
    Absent,
    Null,
    /// The text says which shape was expected.
    WrongShape(String),
    Value(T),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Null),
            value => Ok(match T::deserialize(with_whole_number(value)) {
                Ok(value) => Self::Value(value),
                Err(error) => Self::WrongShape(expected(&error)),
            }),
        }
    }
}

/// The largest number up to which a double holds every whole one.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

/// Some languages write every number as a fraction: `50000.0` is a whole number.
fn with_whole_number(value: Value) -> Value {
    let whole =
        value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE);
    whole.and_then(|number| format!("{number:.0}").parse::<i64>().ok()).map_or(value, Value::from)
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
            Self::Absent | Self::Null => Field::Absent,
            Self::Value(value) => Field::Value(value),
            Self::WrongShape(detail) => {
                problems.refuse(pointer, "wrong_type", detail);
                Field::Refused
            }
        }
    }

    pub fn is_left_out(&self) -> bool {
        matches!(self, Self::Absent | Self::Null)
    }

    /// A field of a change, in which `null` takes away what is there.
    pub fn change<U>(
        self,
        pointer: impl AsRef<str>,
        problems: &mut Problems,
        parse: impl FnOnce(T) -> Result<U, Rejection>,
    ) -> Field<Option<U>> {
        match self {
            Self::Null => Field::Value(None),
            given => given.parse(pointer, problems, parse).map(Some),
        }
    }

    /// The same of a field that is read by a function that reports problems of its own.
    pub fn or_none<U>(self, read: impl FnOnce(Self) -> Field<U>) -> Field<Option<U>> {
        match self {
            Self::Null => Field::Value(None),
            given => read(given).map(Some),
        }
    }

    /// A field of a change that is replaced and never taken away, so that `null` is refused.
    pub fn unless_null(self, pointer: impl Into<String>, problems: &mut Problems) -> Self {
        match self {
            Self::Null => {
                problems.refuse(pointer, "required", "This cannot be taken away. Leave it out, and it stays as it is.");
                Self::Absent
            }
            given => given,
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

/// A list as it came, whose entries can be of the wrong shape one by one.
pub type GivenList<T> = Given<Vec<Given<T>>>;

impl<T> GivenList<T> {
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
            let mut read = |(index, entry)| {
                let at = format!("{at}/{index}");
                match entry {
                    Given::Value(value) => return read(value, &at, problems),
                    Given::WrongShape(detail) => problems.refuse(at, "wrong_type", detail),
                    Given::Absent | Given::Null => {
                        problems.refuse(at, "wrong_type", "An entry of a list cannot be null; leave it out.");
                    }
                }
                None
            };
            let known: Vec<U> = entries.filter_map(&mut read).collect();
            if known.len() == count { Field::Value(known) } else { Field::Refused }
        })
    }
}

/// Texts by names that the caller chooses, as they came.
pub type GivenTexts = Given<BTreeMap<String, Given<String>>>;

impl GivenTexts {
    /// Reads each text, pointing at one of another shape. One that is `null` is left out, as a field is.
    pub fn texts(self, at: &str, problems: &mut Problems) -> Field<BTreeMap<String, String>> {
        self.read(at, problems, |texts, at, p| {
            let mut read = BTreeMap::new();
            let mut is_refused = false;
            for (name, text) in texts {
                match text.field(pointer_to(at, &name), p) {
                    Field::Value(text) => drop(read.insert(name, text)),
                    Field::Absent => {}
                    Field::Refused => is_refused = true,
                }
            }
            if is_refused { Field::Refused } else { Field::Value(read) }
        })
    }
}

/// Reports every field that `T`, the struct that was read, does not have, with those that it has. `at` is the pointer of the
/// object, empty for the body itself.
pub fn refuse_unknown<T: ToSchema>(at: &str, unknown: Unknown, problems: &mut Problems) {
    if unknown.is_empty() {
        return;
    }
    let known = fields_of::<T>();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for name in unknown.into_keys() {
        problems.refuse(pointer_to(at, &name), "unknown_field", no_such("field", &name, &known));
    }
}

/// The same for a record, whose answers can be given back as they are. `names` are those of this record, in the order of
/// [`RecordBody::NAMED_BY`].
pub fn refuse_unknown_of_record<T: RecordBody>(
    at: &str,
    mut unknown: Unknown,
    names: &[&str],
    problems: &mut Problems,
) {
    unknown.retain(|name, _| !T::FOUND_OUT.contains(&name.as_str()));
    let names = T::NAMED_BY.iter().copied().zip(names.iter().copied());
    for (name, own) in names.chain([("object", T::OBJECT)]) {
        match unknown.remove(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(same)) if same == own => {}
            Some(_) => {
                let detail = format!("This is {own} here and cannot be changed; leave it out, or give it as it is.");
                problems.refuse(pointer_to(at, name), "read_only", detail);
            }
        }
    }
    refuse_unknown::<T>(at, unknown, problems);
}

/// The names of the fields that a struct has, as the document describes it.
fn fields_of<T: ToSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
        RefOr::T(_) | RefOr::Ref(_) => Vec::new(),
    }
}

/// Reads JSON. A name that stands twice in an object is reported where it stands: which of its values is meant nobody
/// can say, and left to itself serde takes the last.
struct Unambiguous<'a> {
    at: String,
    problems: &'a mut Problems,
}

impl<'de> DeserializeSeed<'de> for Unambiguous<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Self { at, problems } = self;
        let mut list = Vec::new();
        while let Some(entry) =
            entries.next_element_seed(Unambiguous { at: format!("{at}/{}", list.len()), problems: &mut *problems })?
        {
            list.push(entry);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let Self { at, problems } = self;
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let at = pointer_to(&at, &name);
            let is_twice = object.contains_key(&name);
            let value = fields.next_value_seed(Unambiguous { at: at.clone(), problems: &mut *problems })?;
            if is_twice {
                problems.refuse(at, "duplicate_field", "Give each field once.");
            }
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

/// Reads the JSON of a body to its end.
fn read_json(bytes: &[u8]) -> Result<Value, ApiProblem> {
    let mut problems = Problems::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Unambiguous { at: String::new(), problems: &mut problems }.deserialize(&mut reader);
    let value = read.and_then(|value| reader.end().map(|()| value)).map_err(|error| {
        malformed(format!("The body is not JSON: line {}, column {}.", error.line(), error.column()))
    })?;
    if problems.is_empty() { Ok(value) } else { Err(ApiProblem::ambiguous(problems)) }
}

fn malformed(detail: impl Into<String>) -> ApiProblem {
    ApiProblem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
}

/// Refuses a body that is compressed or not in UTF-8, whether its headers say so or its bytes do.
fn check_encoding(headers: &HeaderMap, bytes: &[u8], what: &str) -> Result<(), ApiProblem> {
    let refused = |detail: &str| {
        Err(ApiProblem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            format!("{detail} Send {what} in UTF-8, and not compressed."),
        ))
    };
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let is_none = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
    if !codings.all(|coding| coding.to_str().is_ok_and(is_none)) {
        return refused("The body has a Content-Encoding.");
    }
    let parameters = content_type(headers).split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let is_read = |charset: &str| {
        let charset = charset.trim().trim_matches('"');
        CHARSETS.iter().any(|known| known.eq_ignore_ascii_case(charset))
    };
    if !charsets.all(|(_, charset)| is_read(charset)) {
        return refused("The body is in another charset.");
    }
    // JSON begins with two characters of ASCII, of which UTF-16 and UTF-32 make zeros.
    if std::str::from_utf8(bytes).is_err() || bytes.iter().take(4).any(|byte| *byte == 0) {
        return refused("The body is not in UTF-8.");
    }
    Ok(())
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A value with a change laid over it, by RFC 7396: `null` takes a member away, objects are merged, and everything else
/// takes the place of what was there.
pub fn merged(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut object = match target {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    for (name, value) in patch {
        match value {
            Value::Null => drop(object.remove(name)),
            value => {
                let member = object.remove(name).unwrap_or_default();
                object.insert(name.clone(), merged(member, value));
            }
        }
    }
    Value::Object(object)
}

/// What a PATCH may be sent as; a change is written alike in both.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A JSON object, read into a struct of [`Given`] fields, and the value it was read from.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub fields: T,
    pub value: Value,
}

impl<T: DeserializeOwned> JsonBody<T> {
    pub fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiProblem> {
        Self::read_of(&Method::POST, headers, bytes)
    }

    /// The same of a call by this method: a PATCH may say that it is a change.
    fn read_of(method: &Method, headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiProblem> {
        let kind = content_type(headers).split(';').next().unwrap_or_default().trim();
        let is_change = *method == Method::PATCH;
        let is_read =
            kind.eq_ignore_ascii_case("application/json") || is_change && kind.eq_ignore_ascii_case(MERGE_PATCH);
        if !is_read {
            let also = if is_change { " or as application/merge-patch+json" } else { "" };
            return Err(ApiProblem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("Send the body as application/json{also}."),
            ));
        }
        if bytes.len() > LARGEST_BODY {
            return Err(ApiProblem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("A body has at most {LARGEST_BODY} bytes."),
            ));
        }
        check_encoding(headers, bytes, "JSON")?;
        if bytes.starts_with(BYTE_ORDER_MARK) {
            return Err(malformed("The body begins with a byte order mark. Leave it out."));
        }
        let value = read_json(bytes)?;
        if !value.is_object() {
            return Err(malformed("The body must be a JSON object."));
        }
        let fields =
            T::deserialize(&value).map_err(|_| malformed("The body cannot be read as an object of fields."))?;
        Ok(Self { fields, value })
    }
}

/// Reads a list in CSV, as programs for tables write it: UTF-8, with a byte order mark or without.
///
/// # Errors
/// What is no such text, or has more than `largest` bytes.
pub fn read_csv<'a>(headers: &HeaderMap, bytes: &'a [u8], largest: usize) -> Result<&'a str, ApiProblem> {
    let kind = content_type(headers).split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("text/csv") {
        let detail = "Send the body as text/csv.";
        return Err(ApiProblem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    if bytes.len() > largest {
        let detail = format!("This body has at most {largest} bytes; send the days in several lists.");
        return Err(ApiProblem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail));
    }
    check_encoding(headers, bytes, "CSV")?;
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(text)
        .map_err(|_| ApiProblem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", "Send CSV in UTF-8."))
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

/// No call that has a body takes parameters.
async fn read_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiProblem> {
    without_parameters(request.method(), request.uri())?;
    Bytes::from_request(request, state).await.map_err(|_| {
        ApiProblem::new(StatusCode::BAD_REQUEST, "malformed_body", "The body could not be read to its end.")
    })
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let bytes = read_bytes(request, state).await?;
        Self::read_of(&method, &headers, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, ToSchema)]
    struct Sample {
        #[serde(default)]
        #[schema(value_type = i64, required = true)]
        amount: Given<i64>,
        #[serde(default)]
        #[schema(value_type = String, required = true)]
        name: Given<String>,
        #[serde(flatten)]
        #[schema(ignore)]
        unknown: Unknown,
    }

    impl RecordBody for Sample {
        const OBJECT: &'static str = "sample";
        const NAMED_BY: &'static [&'static str] = &["id"];
        const FOUND_OUT: &'static [&'static str] = &["created_at"];
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
        refuse_unknown::<Sample>("", body.unknown, &mut problems);
        let found: Vec<_> = problems.as_slice().iter().map(|p| (p.pointer.as_str(), p.code)).collect();
        assert_eq!(found, [("/amount", "wrong_type"), ("/x~1y", "unknown_field")]);
    }

    #[test]
    fn a_field_that_is_not_there_is_told_which_there_are() {
        let mut problems = Problems::default();
        refuse_unknown::<Sample>("/at", Unknown::from([("amout".to_owned(), 1.into())]), &mut problems);
        let problem = problems.as_slice().first().unwrap();
        assert_eq!(problem.pointer, "/at/amout");
        assert_eq!(problem.detail, "There is no such field. Did you mean amount? There are amount, name.");
    }

    #[test]
    fn what_an_answer_says_beside_the_body_is_no_unknown_field() {
        let refused = |id: &str| {
            let unknown = Unknown::from([("id".to_owned(), id.into()), ("created_at".to_owned(), "x".into())]);
            let mut problems = Problems::default();
            refuse_unknown_of_record::<Sample>("", unknown, &["c-1"], &mut problems);
            problems.into_vec().into_iter().map(|problem| (problem.pointer, problem.code)).collect::<Vec<_>>()
        };
        assert_eq!(refused("c-1"), []);
        assert_eq!(refused("c-2"), [("/id".to_owned(), "read_only")]);
    }

    #[test]
    fn a_change_is_laid_over_as_the_standard_has_it() {
        // The examples of RFC 7396, appendix A.
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(merged(read(target), &read(patch)), read(result), "{target} and {patch}");
        }
    }

    #[test]
    fn only_a_change_may_be_sent_as_one() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/merge-patch+json"));
        assert!(JsonBody::<Sample>::read_of(&Method::PATCH, &headers, b"{}").is_ok());
        assert!(JsonBody::<Sample>::read_of(&Method::PUT, &headers, b"{}").is_err());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json-patch+json"));
        assert!(JsonBody::<Sample>::read_of(&Method::PATCH, &headers, b"{}").is_err());
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_fraction() {
        for (written, number) in [("50000.0", Some(50_000)), ("1e3", Some(1000)), ("-0.0", Some(0)), ("1.5", None)] {
            let body = read(format!("{{\"amount\":{written}}}").as_bytes()).unwrap().fields;
            assert_eq!(body.amount.field("/amount", &mut Problems::default()).value(), number, "{written}");
        }
        let beyond = read(br#"{"amount":9007199254740993.0}"#).unwrap().fields;
        assert_eq!(beyond.amount.field("/amount", &mut Problems::default()), Field::Refused);
    }

    #[test]
    fn a_change_tells_null_from_what_is_left_out_and_texts_point_at_their_names() {
        let body = read(br#"{"name":null}"#).unwrap().fields;
        let mut problems = Problems::default();
        assert_eq!(body.name.change("/name", &mut problems, Ok), Field::Value(None));
        assert_eq!(body.amount.change("/amount", &mut problems, Ok), Field::Absent);
        let texts: GivenTexts = serde_json::from_str(r#"{"a/b":1,"c":null,"d":"e"}"#).unwrap();
        assert_eq!(texts.texts("/metadata", &mut problems), Field::Refused);
        let found: Vec<_> = problems.as_slice().iter().map(|p| (p.pointer.as_str(), p.code)).collect();
        assert_eq!(found, [("/metadata/a~1b", "wrong_type")]);
        let texts: GivenTexts = serde_json::from_str(r#"{"c":null,"d":"e"}"#).unwrap();
        let read = BTreeMap::from([("d".to_owned(), "e".to_owned())]);
        assert_eq!(texts.texts("/metadata", &mut problems), Field::Value(read));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_pointed_at_and_refuses_its_list() {
        let read = |texts: &[&str], problems: &mut Problems| {
            let given = Given::Value(texts.iter().map(|text| Given::Value((*text).to_owned())).collect::<Vec<_>>());
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
    fn an_entry_of_another_type_is_pointed_at_beside_what_is_wrong_with_the_others() {
        let list: GivenList<String> = serde_json::from_str(r#"["1", 2, null, "x", ["4"]]"#).unwrap();
        let mut problems = Problems::default();
        let read = list.each("/list", 5, &mut problems, |text, at, p| p.check(at, is_one(&text)).value());
        assert_eq!(read, Field::Refused);
        let found: Vec<_> =
            problems.as_slice().iter().map(|p| (p.pointer.as_str(), p.code, p.detail.as_str())).collect();
        assert_eq!(
            found,
            [
                ("/list/1", "wrong_type", "Expected a text."),
                ("/list/2", "wrong_type", "An entry of a list cannot be null; leave it out."),
                ("/list/3", "out_of_range", "This is not 1."),
                ("/list/4", "wrong_type", "Expected a text."),
            ]
        );
    }

    fn is_one(text: &str) -> Result<(), Rejection> {
        if text == "1" { Ok(()) } else { Err(Rejection::new("out_of_range", "This is not 1.")) }
    }

    #[test]
    fn what_is_read_is_what_serde_reads() {
        for text in [
            r#"{"a":[null,true,-1,18446744073709551615,1.5,"\u0041"],"b":{"a":{"a":{}}},"":""}"#,
            r#"{"amount":1e3,"name":"\ud83d\ude4f"}"#,
            "[]",
            "null",
        ] {
            assert_eq!(read_json(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        for broken in [r#"{"a":1"#, r#"{"a":1}x"#, r#"{"a":"\ud83d"}"#, r#"{"a":1e400}"#, "", r#"{"a":1,"a"}"#] {
            assert!(
                read_json(broken.as_bytes()).is_err() && serde_json::from_str::<Value>(broken).is_err(),
                "{broken}"
            );
        }
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

//! What the API answers, held against its OpenAPI document: every answer in every test is one that the document allows,
//! with the headers that it says.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Reply, root};

/// What is made when it is first asked for. Each validator has all schemas in it, and those of the whole document take so
/// long to make in this profile that calls which go on at the same time would be given up.
type Later<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

struct Call {
    segments: Vec<String>,
    method: String,
    /// What a body has to be; none where there is none.
    body: Later<Option<Validator>>,
    /// By status.
    answers: BTreeMap<String, Answer>,
}

struct Answer {
    /// None where it has no JSON.
    body: Later<Option<Validator>>,
    headers: Later<Vec<Header>>,
}

struct Header {
    name: String,
    is_required: bool,
    value: Validator,
}

/// The document as it is written down.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let text = std::fs::read_to_string(root().join("functions/crm-api/openapi.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    })
}

/// What a reference leads to.
pub fn followed<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let reference = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(part)
}

/// What the document says of the call of this address, which has its variables filled in.
pub fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |known: &str| {
        let (known, given) = (known.split('/'), path.split('/'));
        known.clone().count() == given.clone().count()
            && known.zip(given).all(|(known, given)| known.starts_with('{') || known == given)
    };
    let variables = |known: &str| known.matches('{').count();
    let paths = document()["paths"].as_object()?.iter().filter(|(known, _)| fits(known));
    let (_, methods) = paths.min_by_key(|(known, _)| variables(known))?;
    methods.get(method.as_str().to_lowercase())
}

/// A schema of the document, with all that it refers to.
pub fn validator(document: &Value, schema: &Value) -> Validator {
    let schema = json!({ "allOf": [schema], "components": { "schemas": document["components"]["schemas"] } });
    jsonschema::draft202012::new(&schema).unwrap()
}

/// The schema of a body or an answer, if it is JSON.
pub fn schema_of(content: &Value) -> Option<&Value> {
    let kinds = content["content"].as_object()?;
    kinds.iter().find(|(kind, _)| kind.ends_with("json")).map(|(_, content)| &content["schema"])
}

/// What is wrong with a value, each with where it is.
pub fn wrong(validator: &Validator, value: &Value) -> Vec<(String, String)> {
    let errors = validator.iter_errors(value);
    errors.map(|error| (error.instance_path().to_string(), error.to_string())).collect()
}

fn calls() -> &'static [Call] {
    static CALLS: OnceLock<Vec<Call>> = OnceLock::new();
    CALLS.get_or_init(|| {
        let document = document();
        let mut calls = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, call) in methods.as_object().unwrap() {
                let answers = call["responses"].as_object().unwrap().iter();
                let answers = answers.map(|(status, answer)| (status.clone(), answer_of(document, answer))).collect();
                let segments = path.split('/').map(str::to_owned).collect();
                let body = body_of(document, &call["requestBody"]);
                calls.push(Call { segments, method: method.to_uppercase(), body, answers });
            }
        }
        calls
    })
}

fn answer_of(document: &'static Value, answer: &'static Value) -> Answer {
    let answer = followed(document, answer);
    let headers = move || {
        let headers = answer["headers"].as_object().into_iter().flatten().map(|(name, header)| {
            let header = followed(document, header);
            let is_required = header["required"] == true;
            Header { name: name.to_lowercase(), is_required, value: validator(document, &header["schema"]) }
        });
        headers.collect()
    };
    Answer { body: body_of(document, answer), headers: Later::new(Box::new(headers)) }
}

fn body_of(document: &'static Value, content: &'static Value) -> Later<Option<Validator>> {
    Later::new(Box::new(move || schema_of(content).map(|schema| validator(document, schema))))
}

/// The headers of answers that no document names: HTTP's own, and those that say how an answer may be kept.
const OF_HTTP: [&str; 10] = [
    "allow",
    "access-control-allow-origin",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "transfer-encoding",
    "vary",
];

/// Stops the test where an answer is not one of those in the document. Methods that a path does not have, and paths that
/// are none, are answered with problems that every reader of HTTP knows.
pub(crate) fn check(method: &Method, path: &str, sent: Option<&str>, reply: &Reply) {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |call: &&Call| {
        call.segments.len() == segments.len()
            && call.segments.iter().zip(&segments).all(|(known, given)| known.starts_with('{') || known == given)
    };
    // A path that is written out goes before one with a variable in the same place.
    let variables = |call: &Call| call.segments.iter().filter(|one| one.starts_with('{')).count();
    let fewest = calls().iter().filter(fits).map(variables).min();
    let is_called = |call: &&Call| call.method == method.as_str() && Some(variables(call)) == fewest;
    let Some(call) = calls().iter().filter(fits).find(is_called) else { return };
    let status = reply.status.as_str();
    let Some(answer) = call.answers.get(status) else {
        panic!("{method} {path} answered {status}, of which the document knows nothing: {}", reply.text);
    };
    check_headers(&format!("{method} {path} {status}"), answer, reply);
    let Some(validator) = &*answer.body else { return };
    let body = reply.json();
    let mut wrong = wrong(validator, &body);
    wrong.retain(|(at, _)| !is_the_callers_own(call, sent, &body, at));
    assert!(wrong.is_empty(), "{method} {path} answered what the document does not allow: {wrong:?} in {body}");
}

fn check_headers(what: &str, answer: &Answer, reply: &Reply) {
    for header in answer.headers.iter() {
        let Some(value) = reply.headers.get(&header.name) else {
            assert!(!header.is_required, "{what} has no {}", header.name);
            continue;
        };
        let text = value.to_str().unwrap();
        // A header is a text; the document says of some that it is a number.
        let is_allowed = header.value.is_valid(&json!(text))
            || text.parse::<i64>().is_ok_and(|number| header.value.is_valid(&json!(number)));
        assert!(is_allowed, "{what}: {} is {text:?}", header.name);
    }
    for name in reply.headers.keys().map(reqwest::header::HeaderName::as_str) {
        let is_named = answer.headers.iter().any(|header| header.name == name);
        assert!(is_named || OF_HTTP.contains(&name), "{what} has {name}, of which the document knows nothing");
    }
}

/// A draft shows what it cannot use as it came, beside the problem that says why. So what does not fit there has to be named
/// by a problem, and only a body that does not fit itself brings such a thing.
fn is_the_callers_own(call: &Call, sent: Option<&str>, answer: &Value, at: &str) -> bool {
    let Some(at) = at.strip_prefix("/request").filter(|_| answer["object"] == "payment_link_draft") else {
        return false;
    };
    let sent: Value = serde_json::from_str(sent.unwrap_or_default()).unwrap_or_default();
    let fitted = call.body.as_ref().is_some_and(|body| body.is_valid(&sent));
    let mut pointers = answer["problems"].as_array().into_iter().flatten().filter_map(|one| one["pointer"].as_str());
    !fitted && pointers.any(|pointer| pointer.starts_with(at) || at.starts_with(pointer))
}

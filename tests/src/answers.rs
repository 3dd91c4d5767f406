//! What the API answers, held against its OpenAPI document: every answer in every test is one that the document allows.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Reply, root};

struct Call {
    segments: Vec<String>,
    method: String,
    /// By status; none where an answer has no JSON.
    answers: BTreeMap<String, Option<Validator>>,
}

fn calls() -> &'static [Call] {
    static CALLS: OnceLock<Vec<Call>> = OnceLock::new();
    CALLS.get_or_init(|| {
        let text = std::fs::read_to_string(root().join("functions/crm-api/openapi.json")).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut calls = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, call) in methods.as_object().unwrap() {
                let answers = call["responses"].as_object().unwrap().iter();
                let answers = answers.map(|(status, answer)| (status.clone(), validator(&document, answer))).collect();
                let segments = path.split('/').map(str::to_owned).collect();
                calls.push(Call { segments, method: method.to_uppercase(), answers });
            }
        }
        calls
    })
}

fn validator(document: &Value, answer: &Value) -> Option<Validator> {
    let (kind, content) = answer["content"].as_object()?.iter().next()?;
    kind.ends_with("json").then(|| {
        let schema = json!({ "allOf": [content["schema"]], "components": document["components"] });
        jsonschema::draft202012::new(&schema).unwrap()
    })
}

/// Stops the test where an answer is not one of those in the document. Methods that a path does not have, and paths that
/// are none, are answered with problems that every reader of HTTP knows.
pub(crate) fn check(method: &Method, path: &str, reply: &Reply) {
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
    let Some(validator) = call.answers.get(status) else {
        panic!("{method} {path} answered {status}, of which the document knows nothing: {}", reply.text);
    };
    if let Some(validator) = validator {
        let body = reply.json();
        let wrong: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{method} {path} answered what the document does not allow: {wrong:?} in {body}");
    }
}

//! What the document says once and refers to: parameters that several calls have, headers, and refusals.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::reference;
use super::schemas::{Direction, finished, tell_unions_apart};
use crate::problem::ProblemBody;

/// The header that every answer has.
pub(super) const ANSWERED: [&str; 1] = ["Request-Id"];

/// What went wrong, by status and in words that hold for every call.
const REFUSALS: [(u16, &str, &str); 11] = [
    (400, "BadRequest", "The body is not JSON, or a part of the address or a header cannot be used."),
    (401, "Unauthorized", "No valid API key was sent."),
    (403, "Forbidden", "The API key does not allow this call."),
    (404, "NotFound", "There is no such thing."),
    (409, "Conflict", "It stands against the state of things; `code` says why."),
    (412, "PreconditionFailed", "The record is another than `If-Match` or `If-None-Match` wants it to be."),
    (413, "ContentTooLarge", "The body is too large."),
    (415, "UnsupportedMediaType", "The body is of another type, in another charset or compressed."),
    (422, "UnprocessableContent", "The body has problems, all of which are listed; nothing was written."),
    (429, "TooManyRequests", "The integration calls too often; `Retry-After` says for how long to wait."),
    (503, "ServiceUnavailable", "This could not be done right now. Nothing is half done; try again."),
];

/// The names of the refusals that have one of these statuses.
pub(super) fn refusals(statuses: &[u16]) -> Vec<(u16, &'static str)> {
    let wanted = REFUSALS.into_iter().filter(|(status, ..)| statuses.contains(status));
    wanted.map(|(status, name, _)| (status, name)).collect()
}

/// A name as components are called: `RateLimitPolicy` for `RateLimit-Policy`, `CreatedFrom` for `created_from`.
pub(super) fn key(name: &str) -> String {
    let words = name.split(['-', '_']).map(|word| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    });
    words.collect()
}

/// Everything that is described once.
#[derive(Debug, Default)]
pub(super) struct Components {
    pub(super) schemas: BTreeMap<String, Value>,
    parameters: BTreeMap<String, Value>,
}

impl Components {
    /// Moves each parameter that stands in several calls here, the more frequent one first where two have one name.
    pub(super) fn share_parameters<'a>(&mut self, calls: impl Iterator<Item = &'a mut Value>) {
        let mut calls: Vec<&mut Value> = calls.collect();
        let mut counted: BTreeMap<String, (usize, Value)> = BTreeMap::new();
        for parameter in calls.iter().flat_map(|call| call["parameters"].as_array().into_iter().flatten()) {
            let count = counted.entry(parameter.to_string()).or_insert_with(|| (0, parameter.clone()));
            count.0 += 1;
        }
        let mut shared: Vec<(usize, Value)> = counted.into_values().filter(|(count, _)| *count > 1).collect();
        // The sort is stable, and their texts were in order.
        shared.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        for (_, parameter) in shared {
            let name = key(parameter["name"].as_str().unwrap_or_default());
            self.parameters.entry(name).or_insert(parameter);
        }
        for parameter in calls.iter_mut().flat_map(|call| call["parameters"].as_array_mut().into_iter().flatten()) {
            let name = key(parameter["name"].as_str().unwrap_or_default());
            if self.parameters.get(&name) == Some(parameter) {
                *parameter = reference("parameters", &name);
            }
        }
    }

    /// All of it that the calls, or what they refer to, need.
    pub(super) fn written(mut self, calls: &str, said: &[(&str, String)], problems: &Value) -> Value {
        let mut found = vec![(ProblemBody::name().into_owned(), <ProblemBody as utoipa::PartialSchema>::schema())];
        ProblemBody::schemas(&mut found);
        self.schemas.extend(found.into_iter().map(|(name, schema)| (name, finished(&schema, Direction::Answer))));
        tell_unions_apart(&mut self.schemas);
        for (name, text) in said {
            if let Some(Value::Object(schema)) = self.schemas.get_mut(*name) {
                let before = schema.get("description").and_then(Value::as_str).unwrap_or_default();
                schema.insert("description".to_owned(), json!(format!("{before}\n\n{text}")));
            }
        }
        let responses = REFUSALS.into_iter().map(|(status, name, description)| {
            let names = ANSWERED.into_iter().chain(headers_of_refusal(status).iter().copied());
            let headers: Map<String, Value> =
                names.map(|name| (name.to_owned(), reference("headers", &key(name)))).collect();
            let mut content = json!({ "schema": reference("schemas", &ProblemBody::name()) });
            let example = &problems[status.to_string()];
            if !example.is_null() {
                content["example"] = example.clone();
            }
            let response = json!({
                "description": description,
                "headers": headers,
                "content": { "application/problem+json": content },
            });
            (name.to_owned(), response)
        });
        let mut responses: Map<String, Value> = responses.collect();
        responses.retain(|name, _| calls.contains(&format!("\"#/components/responses/{name}\"")));
        let mut headers = headers();
        let users = format!("{calls}{}", json!(responses));
        headers.retain(|name, _| users.contains(&format!("\"#/components/headers/{name}\"")));
        json!({
            "schemas": self.schemas,
            "parameters": self.parameters,
            "headers": headers,
            "responses": responses,
            "securitySchemes": {
                "api_key": { "type": "http", "scheme": "bearer", "description": "An API key, which says whose it is." },
            },
        })
    }
}

/// What a refusal with this status has in its header beside what every answer has.
fn headers_of_refusal(status: u16) -> &'static [&'static str] {
    match status {
        401 => &["RateLimit", "RateLimit-Policy", "WWW-Authenticate"],
        409 | 429 | 503 => &["RateLimit", "RateLimit-Policy", "Retry-After"],
        _ => &["RateLimit", "RateLimit-Policy"],
    }
}

/// The headers of answers.
fn headers() -> Map<String, Value> {
    let text = |description: &str, pattern: &str| json!({ "description": description, "schema": { "type": "string", "pattern": pattern } });
    let mut headers: Map<String, Value> = [
        (
            "ETag",
            text("The revision of the record, for `If-Match` and `If-None-Match`.", "^\"[^\"]+\"$"),
        ),
        (
            "Idempotency-Replayed",
            json!({
                "description": "`true` where the request was answered before under the same `Idempotency-Key`; otherwise it \
                                is not there.",
                "schema": { "type": "string", "const": "true" },
            }),
        ),
        ("Location", text("Where the link can be read.", "^/v1/payment-links/")),
        (
            "RateLimit",
            text(
                "What is left of the bounds that the call was counted against: `r` calls, and all of them again in `t` \
                 seconds (draft-ietf-httpapi-ratelimit-headers-10). Who is not known is not counted.",
                "^\"[a-z]+\";r=[0-9]+;t=[0-9]+(, \"[a-z]+\";r=[0-9]+;t=[0-9]+)*$",
            ),
        ),
        (
            "RateLimit-Policy",
            text(
                "Those bounds: `q` calls in `w` seconds.",
                "^\"[a-z]+\";q=[0-9]+;w=[0-9]+(, \"[a-z]+\";q=[0-9]+;w=[0-9]+)*$",
            ),
        ),
        (
            "Retry-After",
            json!({
                "description": "For how many seconds to wait. It is not there where waiting ends nothing.",
                "schema": { "type": "integer", "minimum": 0 },
            }),
        ),
        ("WWW-Authenticate", text("How to say who calls: `Bearer`.", "^Bearer")),
    ]
    .into_iter()
    .map(|(name, header)| (key(name), header))
    .collect();
    let id = text("The id of this request, which the stack's log has on every line about it.", "^.+$");
    headers.insert(key("Request-Id"), id);
    if let Some(Value::Object(id)) = headers.get_mut("RequestId") {
        id.insert("required".to_owned(), json!(true));
    }
    headers
}

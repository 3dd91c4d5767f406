//! The OpenAPI document, from the types that the handlers read and answer. Each HTTP function lists its operations; the
//! whole is written down once, where a test holds it against the routes and against what is really answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::Scope;
use utoipa::ToSchema;

use crate::problem::ProblemBody;

mod components;
pub mod forms;
pub mod groups;
mod schemas;
mod webhooks;

use components::{ANSWERED, Components};
use groups::Group;
use schemas::{Direction, finished};
pub use schemas::{Part, Whole, parts_within, with_id, without_required};
pub use webhooks::Webhook;

/// One call of the API.
#[derive(Debug)]
pub struct Operation {
    method: &'static str,
    path: &'static str,
    group: Group,
    content: Map<String, Value>,
    /// Those of answers.
    schemas: BTreeMap<String, Value>,
    /// Those of bodies, which go first where an answer gives a body back.
    bodies: BTreeMap<String, Value>,
    refusals: Vec<u16>,
    /// Headers that its answers have beside those of all.
    headers: Vec<&'static str>,
}

/// The header that names the person behind a call.
fn actor() -> Value {
    let description = "Your id of the person behind the call. The business's log keeps it.";
    let schema = json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$" });
    json!({ "name": "Paylink-Actor", "in": "header", "description": description, "schema": schema })
}

/// What a parameter of a query can be, where it is no free text.
#[derive(Debug)]
pub enum Values {
    /// `true` or `false`.
    Flag,
    MinorUnits,
}

impl Operation {
    /// `id` is the name of the function in generated clients, `group` the heading that the call stands under.
    pub fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        group: Group,
        summary: &'static str,
    ) -> Self {
        let content = json!({ "operationId": id, "tags": [group.name], "summary": summary, "responses": {} });
        let content = content.as_object().cloned().unwrap_or_default();
        let (schemas, bodies, refusals, headers) = (BTreeMap::new(), BTreeMap::new(), vec![503], Vec::new());
        let mut operation = Self { method, path, group, content, schemas, bodies, refusals, headers };
        let names = variables(path);
        operation.refusals.extend(names.iter().map(|_| 404).take(1));
        for name in names {
            let description = in_path(path, name);
            let schema = json!({ "type": "string", "minLength": 1, "maxLength": 80 });
            operation.add_parameter(
                json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema }),
            );
        }
        operation
    }

    /// Which scope the API key needs. A key of the platform says which business it acts for.
    #[must_use]
    pub fn needs(mut self, scope: Scope) -> Self {
        let description = "The id of the business that the call is about. A key of the platform has to name it; a key of a \
                           business names its own, and may leave this out.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[a-z0-9-]+$" });
        let header =
            json!({ "name": "Paylink-Business", "in": "header", "description": description, "schema": schema });
        self.add_parameter(header);
        self.add_parameter(actor());
        self.refusals.extend([400, 404]);
        self.needs_key(format!("Needs an API key with the scope `{}`.", scope.as_str()))
    }

    /// Which scope the key of the platform needs.
    #[must_use]
    pub fn needs_platform(mut self, scope: Scope) -> Self {
        self.add_parameter(actor());
        self.refusals.push(400);
        self.needs_key(format!("Needs an API key of the platform with the scope `{}`.", scope.as_str()))
    }

    fn needs_key(mut self, description: String) -> Self {
        self.content.insert("description".to_owned(), json!(description));
        self.content.insert("security".to_owned(), json!([{ "api_key": [] }]));
        self.refusals.extend([401, 403, 429]);
        self.headers.extend(["RateLimit", "RateLimit-Policy"]);
        self
    }

    /// A body that has to be sent.
    #[must_use]
    pub fn takes<T: ToSchema>(self) -> Self {
        self.with_body::<T>(true, &["application/json"])
    }

    /// A body that may be left out.
    #[must_use]
    pub fn may_take<T: ToSchema>(self) -> Self {
        self.with_body::<T>(false, &["application/json"])
    }

    /// A body that is laid over a record (RFC 7396).
    #[must_use]
    pub fn merges<T: ToSchema>(self) -> Self {
        self.with_body::<T>(true, &["application/merge-patch+json", "application/json"])
    }

    /// A list in CSV, sent as the bytes of its file. `description` says which columns it has.
    #[must_use]
    pub fn takes_csv(mut self, description: &'static str) -> Self {
        let content = json!({ "text/csv": { "schema": { "type": "string", "format": "binary" } } });
        let body = json!({ "description": description, "required": true, "content": content });
        self.content.insert("requestBody".to_owned(), body);
        self.refusals.extend([400, 413, 415, 422]);
        self
    }

    fn with_body<T: ToSchema>(mut self, required: bool, kinds: &[&str]) -> Self {
        let schema = self.schema_of::<T>(Direction::Body);
        let kinds = kinds.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": schema })));
        let content: Map<String, Value> = kinds.collect();
        self.content.insert("requestBody".to_owned(), json!({ "required": required, "content": content }));
        self.refusals.extend([400, 413, 415, 422]);
        self
    }

    #[must_use]
    pub fn query(mut self, name: &'static str, description: &'static str) -> Self {
        let schema = match name {
            "limit" => json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 20 }),
            _ => json!({ "type": "string" }),
        };
        self.add_parameter(json!({ "name": name, "in": "query", "description": description, "schema": schema }));
        self.refusals.push(400);
        self
    }

    /// A text of at most so many characters, without which the call says nothing.
    #[must_use]
    pub fn needs_query(mut self, name: &'static str, longest: usize, description: &'static str) -> Self {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": longest });
        self.add_parameter(
            json!({ "name": name, "in": "query", "required": true, "description": description, "schema": schema }),
        );
        self.refusals.push(400);
        self
    }

    /// A parameter that is no free text.
    #[must_use]
    pub fn query_of(self, name: &'static str, values: Values, description: &'static str) -> Self {
        let schema = match values {
            Values::Flag => json!({ "type": "boolean" }),
            Values::MinorUnits => json!({ "type": "integer", "format": "int64" }),
        };
        self.query_as(name, schema, description)
    }

    /// A parameter that is one of the words of `T`.
    #[must_use]
    pub fn query_word<T: ToSchema>(mut self, name: &'static str, description: &'static str) -> Self {
        let word = self.schema_of::<T>(Direction::Answer);
        self.query_as(name, word, description)
    }

    /// A parameter that is one or several of the words of `T`: with commas between them, or given several times, which
    /// is what clients do that are generated.
    #[must_use]
    pub fn query_words<T: ToSchema>(mut self, name: &'static str, description: &'static str) -> Self {
        let word = self.schema_of::<T>(Direction::Answer);
        self.query_as(name, json!({ "type": "array", "minItems": 1, "items": word }), description)
    }

    fn query_as(mut self, name: &'static str, schema: Value, description: &'static str) -> Self {
        self.add_parameter(json!({ "name": name, "in": "query", "description": description, "schema": schema }));
        self.refusals.push(400);
        self
    }

    /// The header that lets a request be repeated.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        let description = "The same key and body are answered again, with `Idempotency-Replayed: true`, and nothing is \
                           done twice. Another body under the key is a 422.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        let header = json!({ "name": "Idempotency-Key", "in": "header", "description": description, "schema": schema });
        self.add_parameter(header);
        self.refusals.extend([400, 422]);
        self.headers.push("Idempotency-Replayed");
        self
    }

    /// The same of a call that is refused without it, because making it twice would do it twice.
    #[must_use]
    pub fn only_once(mut self) -> Self {
        let parameters = self.content.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["name"] == "Idempotency-Key") {
            parameter["required"] = json!(true);
        }
        self
    }

    /// A header of the request.
    #[must_use]
    pub fn header(mut self, name: &'static str, description: &'static str) -> Self {
        let schema = json!({ "type": "string" });
        self.add_parameter(json!({ "name": name, "in": "header", "description": description, "schema": schema }));
        self.refusals.push(400);
        self
    }

    /// A call that shows one record. Who has it as it is gets nothing but that.
    #[must_use]
    pub fn shows_one(self) -> Self {
        self.header(
            "If-None-Match",
            "Tags that answers had as `ETag`. Where the answer still has one of them, it is a 304.",
        )
        .answers_empty(304, "The answer still has a tag that `If-None-Match` names.")
        .tells("ETag")
    }

    /// A call that makes one record or replaces all of it, where it is what the caller wants it to be.
    #[must_use]
    pub fn replaces_one(self) -> Self {
        let none =
            "`*`: only where there is none yet. Tags: only where the record has none of them. Otherwise it is a 412.";
        self.changes_one().header("If-None-Match", none)
    }

    /// A call that changes one record that is there.
    #[must_use]
    pub fn changes_one(self) -> Self {
        self.guarded().tells("ETag")
    }

    /// A call that changes or deletes one record, where it is what the caller wants it to be.
    #[must_use]
    pub fn guarded(self) -> Self {
        let same = "A tag that an answer had as `ETag`, or several: only where the record still has one of them. `*`: only \
                    where there is one. Otherwise it is a 412, and nothing is changed.";
        self.header("If-Match", same).refuses(412)
    }

    /// A header that the answers of this call have beside those of all, one of those that the document describes.
    #[must_use]
    pub fn tells(mut self, header: &'static str) -> Self {
        self.headers.push(header);
        self
    }

    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, description: &'static str) -> Self {
        let schema = self.schema_of::<T>(Direction::Answer);
        self.add_response(status, description, "application/json", schema);
        self
    }

    /// A page of a list, which is a schema of its own: `ContactPage` of contacts.
    #[must_use]
    pub fn lists<T: ToSchema>(mut self, description: &'static str) -> Self {
        let entry = self.schema_of::<T>(Direction::Answer);
        let name = format!("{}Page", T::name());
        let page = json!({
            "type": "object",
            "description": description,
            "required": ["data", "has_more", "next_cursor"],
            "properties": {
                "data": { "type": "array", "items": entry },
                "has_more": { "type": "boolean", "description": "Whether there is a next page, which may be empty." },
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Goes on with `cursor=` this; null on the last page.",
                },
            },
        });
        let schema = reference("schemas", &name);
        self.schemas.insert(name, page);
        self.add_response(200, description, "application/json", schema);
        self
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_empty(mut self, status: u16, description: &'static str) -> Self {
        self.responses().insert(status.to_string(), json!({ "description": description }));
        self
    }

    #[must_use]
    pub fn answers_nothing(self, description: &'static str) -> Self {
        self.answers_empty(204, description)
    }

    #[must_use]
    pub fn answers_file(mut self, kind: &'static str, description: &'static str) -> Self {
        let is_text = kind.ends_with("+xml");
        let schema =
            if is_text { json!({ "type": "string" }) } else { json!({ "type": "string", "format": "binary" }) };
        self.add_response(200, description, kind, schema);
        self
    }

    /// A refusal that not every call has.
    #[must_use]
    pub fn refuses(mut self, status: u16) -> Self {
        self.refusals.push(status);
        self
    }

    /// A 429 of this call's own beside that for an integration which calls too often.
    #[must_use]
    pub fn refuses_too_many(mut self, description: &'static str) -> Self {
        let schema = self.schema_of::<ProblemBody>(Direction::Answer);
        self.add_response(429, description, "application/problem+json", schema);
        self
    }

    fn add_parameter(&mut self, parameter: Value) {
        let parameters = self.content.entry("parameters").or_insert_with(|| json!([]));
        if let Some(parameters) = parameters.as_array_mut() {
            parameters.push(parameter);
        }
    }

    fn add_response(&mut self, status: u16, description: &str, kind: &str, schema: Value) {
        let response = json!({ "description": description, "content": { kind: { "schema": schema } } });
        self.responses().insert(status.to_string(), response);
    }

    fn responses(&mut self) -> &mut Map<String, Value> {
        let responses = self.content.entry("responses").or_insert_with(|| json!({}));
        if !responses.is_object() {
            *responses = json!({});
        }
        match responses {
            Value::Object(responses) => responses,
            _ => unreachable!("it was made an object just now"),
        }
    }

    /// Keeps the schema of a type and of all it is made of, and refers to it.
    fn schema_of<T: ToSchema>(&mut self, direction: Direction) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        let kept = match direction {
            Direction::Body => &mut self.bodies,
            Direction::Answer => &mut self.schemas,
        };
        kept.extend(found.into_iter().map(|(name, schema)| (name, finished(&schema, direction))));
        reference("schemas", &T::name())
    }

    /// The call with what all of its kind have: the headers of its answers, and the refusals.
    fn finished(mut self) -> Self {
        let mut refusals = std::mem::take(&mut self.refusals);
        refusals.retain(|status| !self.responses().contains_key(&status.to_string()));
        let own = std::mem::take(&mut self.headers);
        let headers = |status: &str| {
            let is_refusal = status.starts_with(['4', '5']);
            let own = own.iter().copied().filter(|name| !is_refusal || name.starts_with("RateLimit"));
            let wait = (status == "429").then_some("Retry-After");
            let names = ANSWERED.into_iter().chain(own).chain(wait);
            names.map(|name| (name.to_owned(), reference("headers", &components::key(name)))).collect::<Map<_, _>>()
        };
        for (status, response) in self.responses().iter_mut() {
            if let Some(response) = response.as_object_mut() {
                response.insert("headers".to_owned(), Value::Object(headers(status)));
            }
        }
        if let Some(Value::Array(parameters)) = self.content.get_mut("parameters") {
            parameters.sort_by_key(place);
        }
        for (status, name) in components::refusals(&refusals) {
            self.responses().insert(status.to_string(), reference("responses", name));
        }
        self
    }
}

/// Where something stands that is described once.
fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// Where a parameter stands among the others, which is its place among the arguments in some generated clients: what hardly
/// anybody sends comes last. The sort is stable.
fn place(parameter: &Value) -> u8 {
    match (parameter["in"].as_str(), parameter["name"].as_str()) {
        (Some("path"), _) => 0,
        (Some("query"), _) => 1,
        (_, Some("Idempotency-Key")) => 2,
        (_, Some("Paylink-Actor")) => 4,
        (_, Some("Paylink-Business")) => 5,
        _ => 3,
    }
}

/// What a variable segment of a path is.
fn in_path(path: &str, name: &str) -> &'static str {
    match name {
        "attempt" => "The id of the attempt, as the link lists it.",
        "message" => "The id of the message, as the link lists it.",
        "kind" => "What the message is about: `link_created`, `payment_received` or `refund_succeeded`.",
        "channel" => "The medium of the message: `sms`, `email` or `social`.",
        "locale" => "The language of the text, as a BCP 47 tag such as `fa` or `fa-IR`.",
        _ if ["/v1/payment-links/", "/v1/receipts/", "/v1/events/"].iter().any(|made| path.starts_with(made)) => {
            "Its id, as answers say it."
        }
        _ => "Its id, which the CRM gives: 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and hyphen.",
    }
}

/// The names of the variable segments of a path.
fn variables(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

/// Puts the examples of a call beside the schemas of its body and of its answers. `refusals` are those that all calls share.
fn show(call: &mut Map<String, Value>, examples: &Map<String, Value>, refusals: &Value) {
    let example = call.get("operationId").and_then(Value::as_str).and_then(|id| examples.get(id));
    let (body, answers) = example.map_or((&Value::Null, &Value::Null), |own| (&own["body"], &own["answers"]));
    if let Some(request) = call.get_mut("requestBody") {
        show_in(request, body);
    }
    for (status, response) in call.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
        let own = &answers[status.as_str()];
        show_in(response, if own.is_null() { &refusals[status.as_str()] } else { own });
    }
}

/// The example of a body in each of its media types.
fn show_in(body: &mut Value, example: &Value) {
    let contents = body.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten();
    let is_shown = |kind: &str| kind.ends_with("json") || (kind == "text/csv" && example.is_string());
    for (_, content) in contents.filter(|(kind, _)| is_shown(kind) && !example.is_null()) {
        content["example"] = example.clone();
    }
}

/// What the document is put together from.
#[derive(Debug)]
pub struct Parts {
    /// The calls of every function.
    pub operations: Vec<Operation>,
    /// What is sent to the CRM.
    pub webhooks: Vec<Webhook>,
    /// What a reader should know first.
    pub description: &'static str,
    /// What is said of a schema beside what its type says, by its name.
    pub said_of_schemas: Vec<(&'static str, String)>,
    /// By the name of a call its `body`, and its `answers` by their status; under `refusals` a problem by its status.
    pub examples: Map<String, Value>,
}

/// The whole document.
pub fn document(parts: Parts) -> Value {
    let Parts { operations, webhooks, description, said_of_schemas, examples } = parts;
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut components = Components::default();
    let mut bodies: BTreeMap<String, Value> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for operation in operations {
        let mut operation = operation.finished();
        show(&mut operation.content, &examples, examples.get("refusals").unwrap_or(&Value::Null));
        if !groups.contains(&operation.group) {
            groups.push(operation.group);
        }
        components.schemas.append(&mut operation.schemas);
        bodies.append(&mut operation.bodies);
        paths.entry(operation.path).or_default().insert(operation.method.to_owned(), Value::Object(operation.content));
    }
    let mut sent: BTreeMap<&str, Value> = BTreeMap::new();
    for mut webhook in webhooks {
        components.schemas.append(&mut webhook.schemas);
        // What the CRM answers is no problem of ours.
        show(&mut webhook.content, &examples, &Value::Null);
        sent.insert(webhook.name, webhook.written());
    }
    components.schemas.append(&mut bodies);
    components.share_parameters(paths.values_mut().flat_map(|methods| methods.values_mut()));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Paylink",
            "version": "1",
            "license": { "name": "MIT", "identifier": "MIT" },
            "description": description,
        },
        "servers": [{ "url": "/", "description": "The stack that serves this document." }],
        "tags": groups.iter().map(|group| json!({ "name": group.name, "description": group.description })).collect::<Vec<_>>(),
        "paths": paths,
        "webhooks": sent,
        "components": components.written(&json!(paths).to_string(), &said_of_schemas, examples.get("refusals").unwrap_or(&Value::Null)),
    })
}

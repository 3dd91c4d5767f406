//! The OpenAPI document, from the types that the handlers read and answer. Each HTTP function lists its operations; the
//! whole is written down once, where a test holds it against the routes and against what is really answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::Scope;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use crate::problem::ProblemBody;

/// What went wrong, by status, in words that hold for every call.
const REFUSALS: [(u16, &str); 10] = [
    (400, "The body is not JSON, or a part of the address or a header cannot be used."),
    (401, "No valid API key was sent."),
    (403, "The API key does not allow this call."),
    (404, "There is no such thing."),
    (409, "It stands against the state of things; `code` says why."),
    (413, "The body is too large."),
    (415, "The body is not application/json."),
    (422, "The body has problems, all of which are listed; nothing was written."),
    (429, "The integration calls too often; `Retry-After` says for how long to wait."),
    (503, "This could not be done right now. Nothing is half done; try again."),
];

/// One call of the API.
#[derive(Debug)]
pub struct Operation {
    method: &'static str,
    path: &'static str,
    content: Map<String, Value>,
    schemas: BTreeMap<String, Value>,
    refusals: Vec<u16>,
}

/// The header that names the person behind a call.
fn actor() -> Value {
    let description = "Your id of the person behind the call. The business's log keeps it.";
    let schema = json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$" });
    json!({ "name": "Paylink-Actor", "in": "header", "description": description, "schema": schema })
}

impl Operation {
    /// `id` is the name of the function in generated clients, `group` the heading that the call stands under.
    pub fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        group: &'static str,
        summary: &'static str,
    ) -> Self {
        let content = json!({ "operationId": id, "tags": [group], "summary": summary, "responses": {} });
        let content = content.as_object().cloned().unwrap_or_default();
        let mut operation = Self { method, path, content, schemas: BTreeMap::new(), refusals: vec![503] };
        let (names, _) = segments(path);
        operation.refusals.extend(names.iter().map(|_| 404).take(1));
        for name in names {
            let schema = json!({ "type": "string", "minLength": 1, "maxLength": 80 });
            let description = in_path(&name);
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
        self
    }

    /// A body that has to be sent.
    #[must_use]
    pub fn takes<T: ToSchema>(self) -> Self {
        self.with_body::<T>(true)
    }

    /// A body that may be left out.
    #[must_use]
    pub fn may_take<T: ToSchema>(self) -> Self {
        self.with_body::<T>(false)
    }

    fn with_body<T: ToSchema>(mut self, required: bool) -> Self {
        let schema = self.schema_of::<T>(true);
        let body = json!({ "required": required, "content": { "application/json": { "schema": schema } } });
        self.content.insert("requestBody".to_owned(), body);
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

    /// The header that lets a request be repeated.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        let description = "The same key and body are answered again, with `Idempotency-Replayed: true`, and nothing is \
                           done twice. Another body under the key is a 422.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        let header = json!({ "name": "Idempotency-Key", "in": "header", "description": description, "schema": schema });
        self.add_parameter(header);
        self.refusals.extend([400, 422]);
        self
    }

    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, description: &'static str) -> Self {
        let schema = self.schema_of::<T>(false);
        self.add_response(status, description, "application/json", schema);
        self
    }

    #[must_use]
    pub fn lists<T: ToSchema>(mut self, description: &'static str) -> Self {
        let entry = self.schema_of::<T>(false);
        let schema = json!({
            "type": "object",
            "required": ["data", "next_cursor"],
            "properties": {
                "data": { "type": "array", "items": entry },
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Goes on with `cursor=` this; null on the last page.",
                },
            },
        });
        self.add_response(200, description, "application/json", schema);
        self
    }

    #[must_use]
    pub fn answers_nothing(mut self, description: &'static str) -> Self {
        self.responses().insert("204".to_owned(), json!({ "description": description }));
        self
    }

    #[must_use]
    pub fn answers_file(mut self, kind: &'static str, description: &'static str) -> Self {
        self.add_response(200, description, kind, json!({ "type": "string" }));
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
        let schema = self.schema_of::<ProblemBody>(false);
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

    /// Keeps the schema of a type and of all it is made of, and refers to it. Bodies have no fields but those named.
    fn schema_of<T: ToSchema>(&mut self, is_body: bool) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            let mut schema = json!(schema);
            describe_outside(&mut schema);
            if is_body {
                close(&mut schema);
            }
            self.schemas.insert(name, schema);
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }

    fn finished(mut self) -> Self {
        let schema = self.schema_of::<ProblemBody>(false);
        let mut refusals = std::mem::take(&mut self.refusals);
        refusals.retain(|status| !self.responses().contains_key(&status.to_string()));
        for (status, description) in REFUSALS.into_iter().filter(|(status, _)| refusals.contains(status)) {
            self.add_response(status, description, "application/problem+json", schema.clone());
        }
        self
    }
}

/// What a variable segment of a path is.
fn in_path(name: &str) -> &'static str {
    match name {
        "attempt" => "The id of the attempt, as the link lists it.",
        "event" => "What the message is about: `link_created`.",
        "channel" => "The medium of the message: `sms`, `email` or `social`.",
        "locale" => "The language of the text, as a BCP 47 tag such as `fa` or `fa-IR`.",
        _ => {
            "Its id. Where the CRM gives it, 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and hyphen."
        }
    }
}

/// A schema of which nothing has to be there, and in which `null` stands for what is not. The schema is that of a struct;
/// anything else is left as it is.
pub fn without_required(mut schema: RefOr<Schema>, description: &str) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.description = Some(description.to_owned());
        for name in std::mem::take(&mut object.required) {
            if let Some(RefOr::T(Schema::Object(field))) = object.properties.get_mut(&name)
                && let SchemaType::Type(kind) = &field.schema_type
            {
                field.schema_type = SchemaType::Array(vec![kind.clone(), Type::Null]);
            }
        }
    }
    schema
}

/// The schema of a record that is brought along with its id: all of it in one object, because a part that takes no other
/// fields than its own would refuse the rest. Of its fields only the id has to be there.
pub fn with_id(schema: RefOr<Schema>, description: &str) -> RefOr<Schema> {
    let mut schema = without_required(schema, description);
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let id = "Its id, as in the path of its `PUT`: 1 to 64 characters out of `A-Z`, `a-z`, `0-9`, dot, underscore and \
                  hyphen.";
        let id = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).description(Some(id));
        object.properties.insert("id".to_owned(), id.into());
        object.required.push("id".to_owned());
    }
    schema
}

/// A field that may be `null` has its description beside the choice, where readers look, and not within one side of it.
fn describe_outside(schema: &mut Value) {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    for field in fields.filter_map(Value::as_object_mut) {
        let sides = field.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten();
        let described = sides.filter_map(Value::as_object_mut).find_map(|side| side.remove("description"));
        if let Some(description) = described {
            field.insert("description".to_owned(), description);
        }
    }
}

/// Objects of a body take no other fields than theirs. Maps are left as they are.
fn close(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if object.contains_key("properties") && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".to_owned(), json!(false));
    }
}

/// The names of the variable segments of a path, and the path without them.
fn segments(path: &str) -> (Vec<String>, String) {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(str::to_owned);
    let plain = path.split('/').filter(|part| !part.starts_with('{')).collect::<Vec<_>>().join("/");
    (names.collect(), plain)
}

/// The whole document, from the operations of every function. `description` is what a reader should know first.
pub fn document(operations: Vec<Operation>, description: &str) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    let mut groups: Vec<Value> = Vec::new();
    for operation in operations {
        let operation = operation.finished();
        let group = json!({ "name": operation.content["tags"][0] });
        if !groups.contains(&group) {
            groups.push(group);
        }
        // The names of bodies and answers differ, so what is closed in one place is not open in another.
        schemas.extend(operation.schemas);
        paths.entry(operation.path).or_default().insert(operation.method.to_owned(), Value::Object(operation.content));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Paylink",
            "version": "1",
            "license": { "name": "MIT", "identifier": "MIT" },
            "description": description,
        },
        "servers": [{ "url": "/" }],
        "tags": groups,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "api_key": { "type": "http", "scheme": "bearer" } },
        },
    })
}

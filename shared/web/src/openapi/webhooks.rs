//! The calls that Paylink makes to the CRM, for the document's `webhooks`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::reference;
use super::schemas::{Direction, finished};

/// A call that is made to an address of the CRM's own, signed as Standard Webhooks.
#[derive(Debug)]
pub struct Webhook {
    pub(super) name: &'static str,
    pub(super) schemas: BTreeMap<String, Value>,
    pub(super) content: Map<String, Value>,
}

impl Webhook {
    /// `name` is what is sent, `id` the name of the function in generated servers. `T` is the body: fields may be added
    /// to it as to an answer.
    pub fn new<T: ToSchema>(name: &'static str, id: &'static str, summary: &'static str, description: &str) -> Self {
        let mut webhook = Self { name, schemas: BTreeMap::new(), content: Map::new() };
        let schema = webhook.schema_of::<T>();
        let content = json!({
            "operationId": id,
            "summary": summary,
            "description": description,
            "security": [],
            "parameters": parameters(),
            "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
            "responses": {},
        });
        webhook.content = content.as_object().cloned().unwrap_or_default();
        webhook
    }

    /// What becomes of it after an answer. `status` is one, or a range such as `2XX`.
    #[must_use]
    pub fn counts(self, status: &'static str, description: &'static str) -> Self {
        self.with_response(status, json!({ "description": description }))
    }

    /// The same of an answer whose body is read.
    #[must_use]
    pub fn reads<T: ToSchema>(mut self, status: &'static str, description: &'static str) -> Self {
        let content = json!({ "application/json": { "schema": self.schema_of::<T>() } });
        self.with_response(status, json!({ "description": description, "content": content }))
    }

    fn with_response(mut self, status: &'static str, response: Value) -> Self {
        if let Some(Value::Object(responses)) = self.content.get_mut("responses") {
            responses.insert(status.to_owned(), response);
        }
        self
    }

    fn schema_of<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        self.schemas.extend(found.into_iter().map(|(name, schema)| (name, finished(&schema, Direction::Answer))));
        reference("schemas", &T::name())
    }

    pub(super) fn written(self) -> Value {
        json!({ "post": self.content })
    }
}

/// What is in the header of each.
fn parameters() -> Value {
    let header = |name: &str, required: bool, description: &str, pattern: &str| {
        let schema = json!({ "type": "string", "pattern": pattern });
        json!({ "name": name, "in": "header", "required": required, "description": description, "schema": schema })
    };
    json!([
        header(
            "webhook-id",
            true,
            "The same however often it is sent: what was seen is not done again.",
            "^(evt|msg)_"
        ),
        header("webhook-timestamp", true, "When it was sent, in seconds since 1970.", "^[0-9]+$"),
        header(
            "webhook-signature",
            true,
            "One or several signatures with blanks between them, of which one has to fit: `v1,` and the HMAC-SHA256, in \
             base64, of the id, the timestamp and the raw body with dots between them, under the secret that was shown \
             once. Check it before you parse the body.",
            "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$",
        ),
        header(
            "traceparent",
            false,
            "The W3C Trace Context that the link was made with. Not where it is about no link.",
            "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        ),
    ])
}

//! Whether a program that was written for a released document still works with this one: `docs/compatibility.md`.
//!
//! What is compared are the calls, their parameters, and the schemas of bodies and answers as they are sent, with every
//! reference followed. A body may not ask for more than it did, and an answer may not have less.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::root;

/// The document of the last release. There is none before 1.0.
const RELEASED: &str = "docs/openapi/released.json";

/// The changes that a release makes although programs notice them, a line for each, in the words of the comparison.
const ACCEPTED: &str = "docs/openapi/breaking.txt";

/// Which way a schema travels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Programs send it.
    Body,
    /// Programs read it.
    Answer,
}

/// Compares two documents, and keeps what a program would notice.
struct Comparison<'a> {
    before: &'a Value,
    after: &'a Value,
    breaking: BTreeSet<String>,
    /// Schemas that were compared, because some are made of themselves.
    seen: BTreeSet<(String, String, bool)>,
}

/// What a reference leads to.
fn followed<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

fn texts(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(|one| one.as_str().map_or(one.to_string(), str::to_owned)).collect()
}

/// The words that a text is one of; where it is always the same, that one.
fn words_of(schema: &Value) -> BTreeSet<String> {
    let words = texts(&schema["enum"]);
    let only = schema["const"].as_str().map(str::to_owned);
    words.into_iter().chain(only).collect()
}

/// The types of a schema, of which there may be one or several.
fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.clone()]),
        several => texts(several),
    }
}

fn fields(value: &Value) -> BTreeMap<&str, &Value> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect()
}

impl<'a> Comparison<'a> {
    /// Everything of `after` that a program written for `before` would notice.
    fn of(before: &'a Value, after: &'a Value) -> BTreeSet<String> {
        let mut comparison = Self { before, after, breaking: BTreeSet::new(), seen: BTreeSet::new() };
        let paths = fields(&after["paths"]);
        for (path, calls) in fields(&before["paths"]) {
            for (method, call) in fields(calls) {
                let at = format!("{} {path}", method.to_uppercase());
                match paths.get(path).map(|calls| &calls[method]) {
                    Some(now) if !now.is_null() => comparison.call(&at, call, now),
                    Some(_) | None => comparison.note(&at, "the call is gone"),
                }
            }
        }
        comparison.breaking
    }

    fn note(&mut self, at: &str, what: &str) {
        self.breaking.insert(format!("{at}: {what}"));
    }

    fn call(&mut self, at: &str, before: &'a Value, after: &'a Value) {
        if before["operationId"] != after["operationId"] {
            self.note(at, "generated clients call it otherwise");
        }
        let key = |one: &Value| (one["in"].to_string(), one["name"].to_string());
        let list = |document: &'a Value, call: &'a Value| {
            call["parameters"].as_array().into_iter().flatten().map(|one| followed(document, one))
        };
        for known in list(self.before, before) {
            let name = known["name"].as_str().unwrap_or_default();
            match list(self.after, after).find(|one| key(one) == key(known)) {
                Some(now) => {
                    self.schema(&format!("{at} {name}"), &known["schema"], &now["schema"], Direction::Body);
                    if now["required"] == true && known["required"] != true {
                        self.note(at, &format!("the parameter {name} has to be given now"));
                    }
                }
                None => self.note(at, &format!("the parameter {name} is gone")),
            }
        }
        for new in list(self.after, after).filter(|one| one["required"] == true) {
            if !list(self.before, before).any(|one| key(one) == key(new)) {
                self.note(at, &format!("the new parameter {} has to be given", new["name"]));
            }
        }
        if after["requestBody"]["required"] == true && before["requestBody"]["required"] != true {
            self.note(at, "a body has to be sent now");
        }
        self.content(&format!("{at} body"), &before["requestBody"], &after["requestBody"], Direction::Body);
        for (status, answer) in fields(&before["responses"]) {
            let now = &after["responses"][status];
            if now.is_null() && status.starts_with('2') {
                self.note(at, &format!("the answer {status} is gone"));
            }
            self.content(&format!("{at} {status}"), answer, now, Direction::Answer);
        }
    }

    fn content(&mut self, at: &str, before: &'a Value, after: &'a Value, direction: Direction) {
        if after.is_null() {
            return;
        }
        let (before, after) = (followed(self.before, before), followed(self.after, after));
        for (kind, content) in fields(&before["content"]) {
            match &after["content"][kind] {
                Value::Null => self.note(at, &format!("it is no longer {kind}")),
                now => self.schema(at, &content["schema"], &now["schema"], direction),
            }
        }
    }

    fn schema(&mut self, at: &str, before: &'a Value, after: &'a Value, direction: Direction) {
        let pair = (before["$ref"].to_string(), after["$ref"].to_string(), direction == Direction::Body);
        if !before["$ref"].is_null() && !self.seen.insert(pair) {
            return;
        }
        let (before, after) = (followed(self.before, before), followed(self.after, after));
        let (were, are) = (types(before), types(after));
        let fits = match direction {
            Direction::Body => are.is_empty() || (!were.is_empty() && were.is_subset(&are)),
            Direction::Answer => were.is_empty() || (!are.is_empty() && are.is_subset(&were)),
        };
        if !fits {
            self.note(at, &format!("the type was {were:?} and is {are:?}"));
        }
        self.words(at, &words_of(before), &words_of(after), direction);
        self.limits(at, before, after, direction);
        let (had, has) = (fields(&before["properties"]), fields(&after["properties"]));
        let (needed, needs) = (texts(&before["required"]), texts(&after["required"]));
        for (name, field) in &had {
            match has.get(name) {
                Some(now) => self.schema(&format!("{at}/{name}"), field, now, direction),
                None => self.note(at, &format!("the field {name} is gone")),
            }
        }
        match direction {
            Direction::Body => {
                for name in needs.difference(&needed) {
                    self.note(at, &format!("the field {name} has to be given now"));
                }
            }
            Direction::Answer => {
                for name in needed.difference(&needs).filter(|name| has.contains_key(name.as_str())) {
                    self.note(at, &format!("the field {name} may be left out now"));
                }
            }
        }
        for part in ["items", "additionalProperties"] {
            if before[part].is_object() && after[part].is_object() {
                self.schema(&format!("{at}/{part}"), &before[part], &after[part], direction);
            }
        }
        for part in ["oneOf", "anyOf", "allOf"] {
            self.sides(&format!("{at}/{part}"), &before[part], &after[part], direction);
        }
    }

    /// The words that a text is one of. A body may take more, and an answer fewer; an answer of more words is told to be
    /// possible beforehand, and is no break.
    fn words(&mut self, at: &str, were: &BTreeSet<String>, are: &BTreeSet<String>, direction: Direction) {
        if direction == Direction::Body && !are.is_empty() {
            for word in were.difference(are) {
                self.note(at, &format!("{word} is no longer taken"));
            }
            if were.is_empty() {
                self.note(at, "only some words are taken now");
            }
        }
    }

    /// Limits of what is sent may become wider and never narrower.
    fn limits(&mut self, at: &str, before: &Value, after: &Value, direction: Direction) {
        if direction == Direction::Answer {
            return;
        }
        for (limit, is_upper) in [
            ("maximum", true),
            ("maxLength", true),
            ("maxItems", true),
            ("minimum", false),
            ("minLength", false),
            ("minItems", false),
        ] {
            let Some(now) = after[limit].as_f64() else { continue };
            let is_narrower = before[limit].as_f64().is_none_or(|was| if is_upper { now < was } else { now > was });
            if is_narrower {
                self.note(at, &format!("{limit} is {now} now"));
            }
        }
    }

    /// The sides of a choice are told apart by what they refer to, else by their place.
    fn sides(&mut self, at: &str, before: &'a Value, after: &'a Value, direction: Direction) {
        let name = |(place, side): (usize, &'a Value)| {
            let reference = side["$ref"].as_str().map_or_else(|| place.to_string(), str::to_owned);
            (reference, side)
        };
        let sides = |value: &'a Value| value.as_array().into_iter().flatten().enumerate().map(name);
        let now: BTreeMap<String, &Value> = sides(after).collect();
        for (reference, side) in sides(before) {
            match now.get(&reference) {
                Some(other) => self.schema(at, side, other, direction),
                None if direction == Direction::Body => self.note(at, &format!("{reference} is no longer taken")),
                None => {}
            }
        }
    }
}

fn current() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("functions/crm-api/openapi.json")).unwrap()).unwrap()
}

#[test]
fn nothing_that_a_released_document_promised_is_broken_unless_it_is_listed() {
    let current = current();
    if std::env::var_os("PAYLINK_RELEASE_OPENAPI").is_some() {
        std::fs::create_dir_all(root().join("docs/openapi")).unwrap();
        let text = format!("{}\n", serde_json::to_string_pretty(&current).unwrap());
        std::fs::write(root().join(RELEASED), text).unwrap();
        std::fs::write(root().join(ACCEPTED), "").unwrap();
    }
    // Without a release nothing was promised yet.
    let released = match std::fs::read_to_string(root().join(RELEASED)) {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => current.clone(),
    };
    let listed = std::fs::read_to_string(root().join(ACCEPTED)).unwrap_or_default();
    let listed: BTreeSet<String> = listed.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let breaking = Comparison::of(&released, &current);
    assert_eq!(breaking, listed, "left: what breaks programs; right: what {ACCEPTED} lists");
}

#[test]
fn a_call_that_is_gone_is_noticed_in_the_document_as_it_is() {
    let before = current();
    let mut after = before.clone();
    after["paths"].as_object_mut().unwrap().remove("/v1/contacts/{id}");
    after["paths"]["/v1/payment-links"]["post"]["responses"].as_object_mut().unwrap().remove("201");
    after["components"]["schemas"]["PaymentLink"]["properties"].as_object_mut().unwrap().remove("url");
    after["components"]["schemas"]["ContactInput"]["required"] = json!(["name", "email"]);
    let found = Comparison::of(&before, &after);
    for expected in [
        "GET /v1/contacts/{id}: the call is gone",
        "PUT /v1/contacts/{id}: the call is gone",
        "POST /v1/payment-links: the answer 201 is gone",
    ] {
        assert!(found.contains(expected), "{expected} is not in {found:?}");
    }
    assert!(found.iter().any(|one| one.ends_with("the field url is gone")), "{found:?}");
}

/// A document of one call, with this body and this answer.
fn document(body: Value, answer: Value) -> Value {
    json!({
        "paths": { "/v1/x": { "post": {
            "operationId": "x",
            "parameters": [{ "name": "p", "in": "query", "schema": { "type": "string" } }],
            "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Body" } } } },
            "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Answer" } } } } },
        } } },
        "components": { "schemas": { "Body": body, "Answer": answer } },
    })
}

/// What breaks between two documents that differ in their bodies.
fn of_bodies(before: Value, after: Value) -> Vec<String> {
    Comparison::of(&document(before, json!({})), &document(after, json!({}))).into_iter().collect()
}

/// What breaks between two documents that differ in their answers.
fn of_answers(before: Value, after: Value) -> Vec<String> {
    Comparison::of(&document(json!({}), before), &document(json!({}), after)).into_iter().collect()
}

fn object(field: Value, required: bool) -> Value {
    let required = if required { json!(["f"]) } else { json!([]) };
    json!({ "type": "object", "properties": { "f": field }, "required": required })
}

#[test]
fn a_body_may_ask_for_less_and_take_more_and_never_the_other_way_about() {
    let text = || json!({ "type": "string" });
    let none = json!({ "type": "object", "properties": {} });
    let words = |words: Value| object(json!({ "type": "string", "enum": words }), false);
    let long = |longest: u32| object(json!({ "type": "string", "maxLength": longest, "minLength": 1 }), false);
    for (narrow, wide, what) in [
        (object(text(), true), object(text(), false), "body: the field f has to be given now"),
        (none, object(text(), false), "body: the field f is gone"),
        (words(json!(["a"])), words(json!(["a", "b"])), "body/f: b is no longer taken"),
        (words(json!(["a"])), object(text(), false), "body/f: only some words are taken now"),
        (long(5), long(6), "body/f: maxLength is 5 now"),
        (
            object(text(), false),
            object(json!({ "type": ["string", "null"] }), false),
            "body/f: the type was {\"null\", \"string\"} and is {\"string\"}",
        ),
    ] {
        let what = format!("POST /v1/x {what}");
        assert_eq!(of_bodies(wide.clone(), narrow.clone()), [what.as_str()]);
        assert_eq!(of_bodies(narrow, wide), Vec::<String>::new(), "{what}, the other way about");
    }
    let new = of_bodies(json!({ "type": "object", "properties": {} }), object(text(), true));
    assert_eq!(new, ["POST /v1/x body: the field f has to be given now"], "a field that was not there before");
}

#[test]
fn an_answer_may_say_more_and_never_less() {
    let text = || json!({ "type": "string" });
    let none = json!({ "type": "object", "properties": {}, "required": [] });
    for (less, more, what) in [
        (none, object(text(), true), "200: the field f is gone"),
        (object(text(), false), object(text(), true), "200: the field f may be left out now"),
        (
            object(json!({ "type": ["string", "null"] }), true),
            object(text(), true),
            "200/f: the type was {\"string\"} and is {\"null\", \"string\"}",
        ),
    ] {
        let what = format!("POST /v1/x {what}");
        assert_eq!(of_answers(more.clone(), less.clone()), [what.as_str()]);
        assert_eq!(of_answers(less, more), Vec::<String>::new(), "{what}, the other way about");
    }
    let changed = of_answers(object(text(), true), object(json!({ "type": "integer" }), true));
    assert_eq!(changed, ["POST /v1/x 200/f: the type was {\"string\"} and is {\"integer\"}"]);
    let list = |of: Value| json!({ "type": "array", "items": of });
    let deep = of_answers(list(object(text(), true)), list(object(json!({ "type": "boolean" }), true)));
    assert_eq!(deep, ["POST /v1/x 200/items/f: the type was {\"string\"} and is {\"boolean\"}"]);
}

#[test]
fn a_parameter_stays_and_none_has_to_be_given_that_had_not() {
    let before = document(json!({}), json!({}));
    let changed = |change: fn(&mut Value)| {
        let mut after = before.clone();
        change(&mut after["paths"]["/v1/x"]["post"]);
        Comparison::of(&before, &after).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(changed(|call| call["parameters"] = json!([])), ["POST /v1/x: the parameter p is gone"]);
    let required = changed(|call| call["parameters"][0]["required"] = json!(true));
    assert_eq!(required, ["POST /v1/x: the parameter p has to be given now"]);
    let new = changed(|call| {
        let new = json!({ "name": "q", "in": "query", "required": true, "schema": {} });
        call["parameters"].as_array_mut().unwrap().push(new);
    });
    assert_eq!(new, ["POST /v1/x: the new parameter \"q\" has to be given"]);
    assert_eq!(
        changed(|call| call["requestBody"]["required"] = json!(true)),
        ["POST /v1/x: a body has to be sent now"]
    );
    assert_eq!(changed(|call| call["operationId"] = json!("y")), ["POST /v1/x: generated clients call it otherwise"]);
    let optional = changed(|call| {
        call["parameters"].as_array_mut().unwrap().push(json!({ "name": "q", "in": "query", "schema": {} }));
        call["responses"]["409"] = json!({});
    });
    assert_eq!(optional, Vec::<String>::new(), "what is new and need not be used breaks nobody");
}

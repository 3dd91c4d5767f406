//! What is done to every schema, wherever it comes from, so that types need to say it nowhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::forms;
use crate::body::RecordBody;

/// Which way a schema travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Programs send it. Objects take no other fields than theirs.
    Body,
    /// Programs read it. What may be null is always there: only what cannot be null may be left out.
    Answer,
}

/// The schema of a type as the document has it.
pub(super) fn finished(schema: &RefOr<Schema>, direction: Direction) -> Value {
    let mut schema = json!(schema);
    improve(&mut schema, direction);
    schema
}

/// The schema and everything within it.
fn improve(schema: &mut Value, direction: Direction) {
    match schema {
        Value::Object(object) => {
            fix_word(object);
            forms::write_out(object);
            describe_outside(object);
            match direction {
                Direction::Body => close(object),
                Direction::Answer => require_nullable(object),
            }
            // What stands below these names is no schema of its own.
            object
                .iter_mut()
                .filter(|(name, _)| !["example", "default"].contains(&name.as_str()))
                .for_each(|(_, part)| improve(part, direction));
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| improve(part, direction)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text whose pattern is one word is that word.
fn fix_word(object: &mut Map<String, Value>) {
    let Some(pattern) = object.get("pattern").and_then(Value::as_str) else { return };
    let word = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
    let is_word =
        |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.');
    if let Some(word) = word.filter(is_word).map(str::to_owned) {
        object.remove("pattern");
        object.insert("const".to_owned(), json!(word));
    }
}

/// A field that may be `null` has its description beside the choice, where readers look, and not within one side of it.
fn describe_outside(object: &mut Map<String, Value>) {
    let sides = object.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten();
    let described = sides.filter_map(Value::as_object_mut).find_map(|side| side.remove("description"));
    if let Some(description) = described {
        object.entry("description").or_insert(description);
    }
}

/// Objects of a body take no other fields than theirs. Maps are left as they are.
fn close(object: &mut Map<String, Value>) {
    if object.get("properties").is_some_and(Value::is_object) && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".to_owned(), json!(false));
    }
}

/// In an answer a field that may be null says so with `null`, and is never left out.
fn require_nullable(object: &mut Map<String, Value>) {
    let Some(Value::Object(fields)) = object.get("properties") else { return };
    let nullable: Vec<Value> =
        fields.iter().filter(|(_, field)| may_be_null(field)).map(|(name, _)| json!(name)).collect();
    if nullable.is_empty() {
        return;
    }
    let required = object.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(required) = required {
        required.extend(nullable.into_iter().filter(|name| !required.contains(name)).collect::<Vec<_>>());
    }
}

fn may_be_null(field: &Value) -> bool {
    let is_null = |kind: &Value| kind == "null";
    match &field["type"] {
        Value::Array(kinds) => kinds.iter().any(is_null),
        kind if is_null(kind) => true,
        _ => field["oneOf"].as_array().into_iter().flatten().any(may_be_null),
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

/// The body of a record, `T`, with what an answer says of the record beside it and a body may give back.
#[derive(Debug)]
pub struct Whole<T>(PhantomData<T>);

impl<T: RecordBody> PartialSchema for Whole<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            // None is `readOnly`: of that, generators make a second type of the body, without it.
            let mut add = |name: &str, field: ObjectBuilder, description: &str| {
                object.properties.insert(name.to_owned(), field.description(Some(description)).into());
            };
            let text = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
            add(
                "object",
                text().pattern(Some(format!("^{}$", T::OBJECT))),
                "Read-only: as answers say it, or left out.",
            );
            for name in T::NAMED_BY {
                add(name, text(), "Read-only: as the address and answers say it, or left out.");
            }
            for name in T::FOUND_OUT {
                let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
                add(name, anything, "Read-only: what answers say here may stay, and nobody looks at it.");
            }
        }
        schema
    }
}

impl<T: RecordBody> ToSchema for Whole<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(found);
    }
}

/// The body of a change of a record, which has as much as there is of the record's own body, `T`.
#[derive(Debug)]
pub struct Part<T>(PhantomData<T>);

impl<T: RecordBody> PartialSchema for Part<T> {
    fn schema() -> RefOr<Schema> {
        let description = "What of the record becomes another (RFC 7396). What is left out stays, `null` takes away what a \
                           record may lack, objects are merged, and lists are replaced.";
        part_of(without_required(Whole::<T>::schema(), description))
    }
}

impl<T: RecordBody> ToSchema for Part<T> {
    fn name() -> Cow<'static, str> {
        let whole = T::name();
        Cow::Owned(format!("{}Patch", whole.strip_suffix("Input").unwrap_or(&whole)))
    }

    fn schemas(found: &mut Vec<(String, RefOr<Schema>)>) {
        parts_within::<T>(found);
    }
}

/// What an object within a body is called where it is laid over another.
fn part_name(whole: &str) -> String {
    format!("{}Patch", whole.strip_suffix("Input").unwrap_or(whole))
}

/// The references of a struct's fields to objects, those of lists left out: lists are replaced.
fn objects_within(schema: &mut RefOr<Schema>) -> Vec<&mut Ref> {
    let RefOr::T(Schema::Object(object)) = schema else { return Vec::new() };
    let sides = object.properties.values_mut().flat_map(|field| match field {
        RefOr::Ref(one) => vec![one],
        RefOr::T(Schema::OneOf(choice)) => choice
            .items
            .iter_mut()
            .filter_map(|side| match side {
                RefOr::Ref(one) => Some(one),
                RefOr::T(_) => None,
            })
            .collect(),
        RefOr::T(_) => Vec::new(),
    });
    sides.filter(|one| one.ref_location.ends_with("Input")).collect()
}

/// The schema with the objects within it as parts as well.
fn part_of(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    for one in objects_within(&mut schema) {
        one.ref_location = part_name(&one.ref_location);
    }
    schema
}

/// All that the parts of `T` are made of: what lists have whole, and objects in part.
pub fn parts_within<T: ToSchema>(found: &mut Vec<(String, RefOr<Schema>)>) {
    let mut whole = Vec::new();
    T::schemas(&mut whole);
    let mut left = vec![T::schema()];
    while let Some(mut schema) = left.pop() {
        for one in objects_within(&mut schema) {
            let name = one.ref_location.rsplit('/').next().unwrap_or_default();
            let part = part_name(name);
            let known = whole.iter().find(|(known, _)| known == name);
            if let Some((_, inner)) = known.filter(|_| !found.iter().any(|(known, _)| *known == part)) {
                left.push(inner.clone());
                found.push((part, part_of(without_required(inner.clone(), "What of it becomes another."))));
            }
        }
    }
    found.extend(whole);
}

/// The schema of a record that is brought along with its id: all of it in one object, because a part that takes no other
/// fields than its own would refuse the rest. Of its fields only the id has to be there.
pub fn with_id<T: RecordBody>(description: &str) -> RefOr<Schema> {
    let mut schema = part_of(without_required(Whole::<T>::schema(), description));
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let id = "Its id, as in the path of its `PUT`.";
        let id = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::Custom(forms::ID.to_owned())))
            .description(Some(id));
        object.properties.insert("id".to_owned(), id.into());
        object.required.push("id".to_owned());
    }
    schema
}

/// Gives each union of objects the field by which they are told apart, and which word leads to which of them.
pub(super) fn tell_unions_apart(schemas: &mut BTreeMap<String, Value>) {
    let found: Vec<(String, Value)> =
        schemas.iter().filter_map(|(name, schema)| Some((name.clone(), discriminator(schemas, schema)?))).collect();
    for (name, discriminator) in found {
        if let Some(Value::Object(union)) = schemas.get_mut(&name) {
            union.insert("discriminator".to_owned(), discriminator);
        }
    }
}

/// The narrower field goes first: all events are called `event`, and have a type each.
fn discriminator(schemas: &BTreeMap<String, Value>, union: &Value) -> Option<Value> {
    ["type", "object"].into_iter().find_map(|field| {
        let sides = union["oneOf"].as_array()?.iter().map(|side| {
            let reference = side["$ref"].as_str()?;
            Some((word_of(schemas, reference, field)?, json!(reference)))
        });
        let mapping: Map<String, Value> = sides.collect::<Option<_>>()?;
        Some(json!({ "propertyName": field, "mapping": mapping }))
    })
}

/// The one word that a field of a side always is; in a side that is a union itself, that of all of its own.
fn word_of(schemas: &BTreeMap<String, Value>, reference: &str, field: &str) -> Option<String> {
    let schema = schemas.get(reference.rsplit('/').next()?)?;
    if let Some(word) = schema["properties"][field]["const"].as_str() {
        return Some(word.to_owned());
    }
    let mut words = schema["oneOf"].as_array()?.iter().map(|side| word_of(schemas, side["$ref"].as_str()?, field));
    let first = words.next()??;
    words.all(|word| word.as_ref() == Some(&first)).then_some(first)
}

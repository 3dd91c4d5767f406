//! Between values of the domain and items of the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::keys::{Key, PK, SK};

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn key(key: Key) -> Item {
    HashMap::from([(PK.to_owned(), text(key.pk)), (SK.to_owned(), text(key.sk))])
}

/// The item of a value: its own fields beside its key.
pub(crate) fn to_item<T: Serialize>(at: Key, value: &T) -> Result<Item, StoreError> {
    let mut item: Item =
        serde_dynamo::to_item(value).map_err(|error| StoreError::unreadable("write an item", error))?;
    item.extend(key(at));
    Ok(item)
}

/// A random mark for one write.
pub(crate) fn write_id() -> Result<String, StoreError> {
    let random = getrandom::u64().map_err(|error| StoreError::unreadable("mark a write", error))?;
    Ok(format!("{random:016x}"))
}

pub(crate) fn from_item<T: DeserializeOwned>(operation: &'static str, item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::unreadable(operation, error))
}

pub(crate) fn text_of<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute).and_then(|value| value.as_s().ok()).map(String::as_str)
}

pub(crate) fn number_of(item: &Item, attribute: &str) -> Option<i64> {
    item.get(attribute).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok())
}

//! What DynamoDB charges for a request, by its published rules, from the sizes of items and the indexes they are in.
//!
//! Emulators disagree about transactions and indexes, so nothing is asked of them here. The rules: "Read and write
//! operations" and "Item sizes and formats" of the DynamoDB Developer Guide. An entry of an index that holds keys only
//! costs one unit to add, one to take away, two to move and none to leave where it is; transactions double what is
//! written to the table and not what follows in the indexes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// An item as DynamoDB's JSON has it: from the name of an attribute to `{ "S": "…" }`.
pub type Item = Map<String, Value>;

/// The names of the key attributes of an index, its own and the table's. All of them are in its entries, and nothing else.
pub type Index = BTreeSet<String>;

/// The size of an item in bytes.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else { return 0 };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(digits)) => number_size(digits),
        ("B", Value::String(base64)) => base64.len() / 4 * 3,
        ("L", Value::Array(values)) => 3 + values.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        ("M", Value::Object(map)) => {
            3 + map.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>()
        }
        ("SS", Value::Array(texts)) => texts.iter().filter_map(Value::as_str).map(str::len).sum(),
        _ => 1,
    }
}

/// About a byte for two significant digits, one more, and one for a sign.
fn number_size(digits: &str) -> usize {
    let significant = digits.trim_start_matches(['-', '0']).chars().filter(char::is_ascii_digit).count();
    significant.div_ceil(2) + 1 + usize::from(digits.starts_with('-'))
}

/// The read units for this many bytes that are read together. What does not exist costs as much as something small.
pub fn read_units(bytes: usize, is_consistent: bool) -> f64 {
    let pages = u32::try_from(bytes.div_ceil(4096).max(1)).unwrap_or(u32::MAX);
    if is_consistent { f64::from(pages) } else { f64::from(pages) / 2.0 }
}

/// Write units for putting `new` where `old` was.
#[cfg(test)]
fn write_units(old: Option<&Item>, new: Option<&Item>, is_transaction: bool, indexes: &[Index]) -> usize {
    table_units(old, new, is_transaction) + indexes.iter().map(|index| entry_units(old, new, index)).sum::<usize>()
}

/// The table's part of a write.
pub fn table_units(old: Option<&Item>, new: Option<&Item>, is_transaction: bool) -> usize {
    let larger = old.map_or(0, item_size).max(new.map_or(0, item_size));
    larger.div_ceil(1024).max(1) * if is_transaction { 2 } else { 1 }
}

/// What an item's place in an index says of it, where it has one.
pub fn entry(item: &Item, index: &Index) -> Option<Vec<Value>> {
    index.iter().map(|name| item.get(name).cloned()).collect()
}

/// One index's part of a write.
pub fn entry_units(old: Option<&Item>, new: Option<&Item>, index: &Index) -> usize {
    match (old.and_then(|old| entry(old, index)), new.and_then(|new| entry(new, index))) {
        (None, None) => 0,
        (Some(old), Some(new)) if old == new => 0,
        (Some(_), Some(_)) => 2,
        (None, Some(_)) | (Some(_), None) => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(value: Value) -> Item {
        value.as_object().unwrap().clone()
    }

    fn index() -> Vec<Index> {
        vec![["due_kind", "due_at", "pk", "sk"].map(str::to_owned).into()]
    }

    fn due(at: u32) -> Item {
        item(
            json!({ "pk": { "S": "p" }, "sk": { "S": "s" }, "due_kind": { "S": "k" }, "due_at": { "N": at.to_string() } }),
        )
    }

    #[test]
    fn sizes_follow_the_developer_guide() {
        assert_eq!(item_size(&item(json!({ "name": { "S": "ab" }, "n": { "N": "-1234" } }))), 4 + 2 + 1 + 2 + 1 + 1);
        assert_eq!(item_size(&item(json!({ "m": { "M": { "k": { "BOOL": true } } } }))), 1 + 3 + 1 + 1 + 1);
        assert_eq!(item_size(&item(json!({ "l": { "L": [{ "S": "xyz" }] } }))), 1 + 3 + 1 + 3);
    }

    #[test]
    fn reads_are_charged_by_four_kilobytes_and_half_where_they_may_be_stale() {
        assert_eq!(read_units(0, true), 1.0);
        assert_eq!(read_units(4097, true), 2.0);
        assert_eq!(read_units(100, false), 0.5);
    }

    #[test]
    fn moving_an_entry_of_an_index_costs_two_and_keeping_it_nothing() {
        assert_eq!(write_units(None, Some(&due(1)), false, &index()), 2);
        assert_eq!(write_units(Some(&due(1)), Some(&due(1)), false, &index()), 1);
        assert_eq!(write_units(Some(&due(1)), Some(&due(2)), false, &index()), 3);
        assert_eq!(write_units(Some(&due(1)), None, false, &index()), 2);
    }

    #[test]
    fn a_transaction_doubles_the_table_and_not_the_indexes() {
        assert_eq!(write_units(None, Some(&due(1)), true, &index()), 3);
    }
}

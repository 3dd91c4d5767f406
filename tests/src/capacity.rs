//! What DynamoDB charges for a request, by its published rules, from the sizes of items and the indexes they are in.
//!
//! Emulators disagree about transactions and indexes, so nothing is asked of them here. The rules: "Read and write
//! operations", "Item sizes and formats" and "Provisioned throughput considerations for global secondary indexes" of the
//! DynamoDB Developer Guide. An entry of an index costs what its own size costs to add and to take away, both to move, one
//! write where only what it shows changes, and nothing where nothing of it does; transactions double what is written to
//! the table and not what follows in the indexes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// An item as DynamoDB's JSON has it: from the name of an attribute to `{ "S": "…" }`.
pub type Item = Map<String, Value>;

/// What is in the entries of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The names of its key attributes, its own and the table's. An item that lacks one is not in it.
    pub keys: BTreeSet<String>,
    /// The names of what it shows besides, where an item has it.
    pub projected: BTreeSet<String>,
}

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

/// An item's entry in an index, where it has one.
pub fn entry(item: &Item, index: &Index) -> Option<Item> {
    let at = |name: &String| Some((name.clone(), item.get(name)?.clone()));
    let mut entry: Item = index.keys.iter().map(at).collect::<Option<_>>()?;
    entry.extend(index.projected.iter().filter_map(at));
    Some(entry)
}

/// One index's part of a write.
pub fn entry_units(old: Option<&Item>, new: Option<&Item>, index: &Index) -> usize {
    let units = |entry: &Item| item_size(entry).div_ceil(1024).max(1);
    match (old.and_then(|old| entry(old, index)), new.and_then(|new| entry(new, index))) {
        (None, None) => 0,
        (Some(old), Some(new)) if old == new => 0,
        (Some(old), Some(new)) if index.keys.iter().all(|key| old[key] == new[key]) => units(&old).max(units(&new)),
        (Some(old), Some(new)) => units(&old) + units(&new),
        (None, Some(only)) | (Some(only), None) => units(&only),
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
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        vec![Index { keys: names(&["due_kind", "due_at", "pk", "sk"]), projected: names(&["business"]) }]
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
    fn what_an_entry_shows_besides_its_keys_costs_a_write_where_it_changes() {
        let of = |business: &str| {
            let mut due = due(1);
            due.insert("business".to_owned(), json!({ "S": business }));
            due
        };
        assert_eq!(write_units(None, Some(&of("shop")), false, &index()), 2);
        assert_eq!(write_units(Some(&of("shop")), Some(&of("shop")), false, &index()), 1);
        assert_eq!(write_units(Some(&of("shop")), Some(&of("other")), false, &index()), 2);
        assert_eq!(write_units(None, Some(&of(&"x".repeat(1024))), false, &index()), 2 + 2, "a unit for each kilobyte");
    }

    #[test]
    fn a_transaction_doubles_the_table_and_not_the_indexes() {
        assert_eq!(write_units(None, Some(&due(1)), true, &index()), 3);
    }
}

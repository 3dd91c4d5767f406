//! Lists: which things one shows, and how many of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::objects::LISTED;
use super::refusal::{Answer, Refusal};

/// The most that can be asked for.
const MOST: usize = 100;

/// The things of a list that its query asks for, out of everything there is, the newest first.
pub(super) fn listed(everything: Vec<Value>, query: &BTreeMap<String, String>) -> Answer {
    let known = ["count", "skip", "from", "to"];
    if let Some(name) = query.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::new(format!("{name} is/are not required and should not be sent")));
    }
    let number = |name: &'static str| match query.get(name).map(|text| text.parse::<i64>()) {
        None => Ok(None),
        Some(Ok(number)) if number >= 0 => Ok(Some(number)),
        Some(_) => Err(Refusal::field(name, format!("The {name} must be an integer."))),
    };
    let at_most = |name: &'static str, usual: usize| {
        Ok::<usize, Refusal>(number(name)?.map_or(usual, |number| usize::try_from(number).unwrap_or(usize::MAX)))
    };
    let (count, skip) = (at_most("count", LISTED)?, at_most("skip", 0)?);
    if !(1..=MOST).contains(&count) {
        return Err(Refusal::field("count", format!("The count must be between 1 and {MOST}.")));
    }
    let (from, to) = (number("from")?, number("to")?);
    let is_within = |one: &Value| {
        let made = one["created_at"].as_i64().unwrap_or_default();
        from.is_none_or(|from| made >= from) && to.is_none_or(|to| made <= to)
    };
    let items: Vec<Value> = everything.into_iter().filter(is_within).skip(skip).take(count).collect();
    Ok(json!({ "entity": "collection", "count": items.len(), "items": items }))
}

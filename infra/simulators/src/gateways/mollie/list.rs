//! Lists: how many things a page has, and where the next one begins.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::refusal::Refusal;

/// How many things a page has, unless another number is asked for.
const USUAL: usize = 50;

/// The most that can be asked for.
const MOST: usize = 250;

/// A page of everything there is, as the query of its address asks for it. `here` is that address without its query.
pub(super) fn page(
    name: &str,
    everything: Vec<Value>,
    here: &str,
    query: &BTreeMap<String, String>,
) -> Result<Value, Refusal> {
    let known = ["limit", "from", "embed", "testmode"];
    if let Some(name) = query.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::field("query", format!("Non-existent query parameter {name}")));
    }
    let limit = match query.get("limit").map(|text| text.parse::<usize>()) {
        None => USUAL,
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
        Some(_) => return Err(Refusal::field("limit", format!("The limit must be between 1 and {MOST}"))),
    };
    let at = match query.get("from") {
        None => 0,
        Some(from) => {
            let at = everything.iter().position(|one| one["id"] == from.as_str());
            at.ok_or_else(|| Refusal::field("from", "The from parameter is invalid"))?
        }
    };
    let link = |id: &str| json!({ "href": format!("{here}?from={id}&limit={limit}"), "type": "application/hal+json" });
    let mut shown: Vec<Value> = everything.into_iter().skip(at).collect();
    let next = shown.get(limit).and_then(|one| one["id"].as_str()).map(link);
    shown.truncate(limit);
    let own = json!({ "href": here, "type": "application/hal+json" });
    Ok(json!({
        "count": shown.len(), "_embedded": { name: shown }, "_links": { "self": own, "previous": null, "next": next },
    }))
}

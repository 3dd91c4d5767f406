//! Feeds any JSON as the event that the table's stream brings deliver-messages. A link must be named exactly where a
//! record that is no removal has the key of a link, with the number of every such record and no other, because what is
//! not named is never delivered; and a record that cannot be read must keep none of the others from being named.

#![no_main]

use std::collections::BTreeMap;

use deliver_messages::StreamBatch;
use domain::ids::LinkId;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(batch) = StreamBatch::read(event.clone()) else { return };
    let mut expected: BTreeMap<LinkId, Vec<String>> = BTreeMap::new();
    // serde also takes a list for an object, which AWS never sends.
    let Some(records) = event["Records"].as_array() else { return };
    if !records.iter().all(|record| record["dynamodb"].is_object()) {
        return;
    }
    for record in records {
        let change = &record["dynamodb"];
        let number = change["SequenceNumber"].as_str().unwrap_or_default().to_owned();
        if batch.unreadable.contains(&number) {
            continue;
        }
        let id = change["Keys"]["pk"]["S"].as_str().and_then(|pk| pk.strip_prefix("link#"));
        let Some(id) = id.and_then(|id| LinkId::parse(id).ok()) else { continue };
        if change["Keys"]["sk"]["S"] == "link" && record["eventName"] != "REMOVE" {
            expected.entry(id).or_default().push(number);
        }
    }
    let named = batch.links.into_iter().map(|(id, mut records)| {
        records.numbers.retain(|number| !batch.unreadable.contains(number));
        (id, records.numbers)
    });
    assert_eq!(named.filter(|(_, numbers)| !numbers.is_empty()).collect::<BTreeMap<_, _>>(), expected);
});

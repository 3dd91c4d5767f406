//! Feeds any bytes as an event of deliver-messages, and as the message of a topic that such an event carries. What has not
//! the form of a topic is left to others, and every reason is a word of ours.

#![no_main]

use deliver_messages::reports;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn check(event: &Value) {
    let found = reports(event);
    let is_ours = event["Records"][0]["EventSource"] == "aws:sns";
    assert_eq!(found.is_some(), is_ours, "{event}");
    for report in found.unwrap_or_default() {
        assert!(report.reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", report.reason);
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(event) = serde_json::from_slice(data) {
        check(&event);
    }
    let text = String::from_utf8_lossy(data);
    check(&json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": text } }] }));
});

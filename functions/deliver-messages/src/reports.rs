//! The envelopes in which providers' reports come: messages of an SNS topic, and a subscription of CloudWatch Logs. What
//! lies in them is in the form of the provider, which the crate `channels` reads.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::{Report, read_reports};
use domain::messages::provider_profile::ReportsThrough;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// A batch of CloudWatch Logs is read up to this size when it is unpacked, so that a zip bomb does no harm.
const LARGEST_BATCH: u64 = 8 * 1024 * 1024;

#[derive(Debug, Deserialize)]
struct SnsEvent {
    #[serde(rename = "Records")]
    records: Vec<SnsRecord>,
}

#[derive(Debug, Deserialize)]
struct SnsRecord {
    #[serde(rename = "Sns")]
    sns: SnsMessage,
}

#[derive(Debug, Deserialize)]
struct SnsMessage {
    #[serde(rename = "Message")]
    message: String,
}

/// What CloudWatch Logs hands to a subscription, unpacked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogBatch {
    message_type: String,
    #[serde(default)]
    log_events: Vec<LogEvent>,
}

#[derive(Debug, Deserialize)]
struct LogEvent {
    message: String,
}

/// The reports in an event, or nothing where it is an event of another kind.
pub fn reports(event: &Value) -> Option<Vec<Report>> {
    if let Some(data) = event.pointer("/awslogs/data") {
        return Some(data.as_str().and_then(unpacked).map(of_logs).unwrap_or_default());
    }
    if event.pointer("/Records/0/EventSource").and_then(Value::as_str) == Some("aws:sns") {
        let event = SnsEvent::deserialize(event).ok();
        let records = event.map(|event| event.records).unwrap_or_default();
        let of_topic = |record: &SnsRecord| read_reports(ReportsThrough::Topic, &record.sns.message);
        return Some(records.iter().flat_map(of_topic).collect());
    }
    None
}

fn unpacked(data: &str) -> Option<LogBatch> {
    let packed = STANDARD.decode(data).ok()?;
    let mut text = Vec::new();
    GzDecoder::new(packed.as_slice()).take(LARGEST_BATCH).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn of_logs(batch: LogBatch) -> Vec<Report> {
    // CloudWatch sends a control message too, to see whether we are there.
    if batch.message_type != "DATA_MESSAGE" {
        return Vec::new();
    }
    batch.log_events.iter().flat_map(|line| read_reports(ReportsThrough::Log, &line.message)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use channels::{About, LINK_TAG, MESSAGE_TAG};
    use domain::ids::{LinkId, MessageId, PayToken};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn logs(kind: &str, lines: &[&str]) -> Value {
        let events: Vec<Value> =
            lines.iter().map(|line| json!({ "id": "1", "timestamp": 1, "message": line })).collect();
        let batch = json!({ "messageType": kind, "logGroup": "sns/x", "logEvents": events }).to_string();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(batch.as_bytes()).unwrap();
        json!({ "awslogs": { "data": STANDARD.encode(encoder.finish().unwrap()) } })
    }

    fn sms(id: &str, status: &str) -> String {
        json!({ "notification": { "messageId": id, "timestamp": "…" }, "status": status,
                "delivery": { "destination": "+1", "providerResponse": "Phone is currently unreachable/unavailable" } })
        .to_string()
    }

    #[test]
    fn every_line_of_a_log_is_read_and_all_else_in_it_is_left_aside() {
        let lines =
            [sms("m-1", "FAILURE"), sms("m-2", "SUCCESS"), "START RequestId: 1".to_owned(), sms("m-3", "FAILURE")];
        let lines = lines.each_ref().map(String::as_str);
        let report =
            |id: &str| Report { about: About::Provider(id.to_owned()), reason: "phone_unreachable".to_owned() };
        assert_eq!(reports(&logs("DATA_MESSAGE", &lines)), Some(vec![report("m-1"), report("m-3")]));
        assert_eq!(reports(&logs("CONTROL_MESSAGE", &lines)), Some(vec![]));
    }

    #[test]
    fn every_message_of_a_topic_is_read_by_whichever_provider_knows_its_form() {
        let link = LinkId::of(&PayToken::from_random([1; 16]));
        let message = MessageId::of(&link, 0, "email", "a@example.com");
        let tags = json!({ LINK_TAG: [link.as_str()], MESSAGE_TAG: [message.as_str()] });
        let complaint = json!({ "eventType": "Complaint", "mail": { "messageId": "1", "tags": tags } });
        let statuses = json!([{ "id": "wamid.1", "status": "failed", "errors": [{ "code": 131_026 }] }]);
        let entry = json!({ "changes": [{ "field": "messages", "value": { "statuses": statuses } }] });
        let given_up = json!({ "whatsAppWebhookEntry": entry.to_string(), "messageId": "a-1" });
        // A line of a log is no message of a topic.
        let texts = [complaint.to_string(), given_up.to_string(), sms("m-1", "FAILURE")];
        let records: Vec<Value> =
            texts.iter().map(|text| json!({ "EventSource": "aws:sns", "Sns": { "Message": text } })).collect();
        let found = reports(&json!({ "Records": records })).unwrap();
        let complaint = Report { about: About::Message(link, message), reason: "complaint".to_owned() };
        let about = About::Provider("a-1".to_owned());
        assert_eq!(found, [complaint, Report { about, reason: "not_on_whatsapp".to_owned() }]);
    }

    #[test]
    fn what_is_no_report_is_left_to_others_and_what_cannot_be_read_is_none() {
        assert_eq!(reports(&json!({ "source": "schedule" })), None);
        assert_eq!(reports(&json!({ "Records": [{ "eventSource": "aws:dynamodb" }] })), None);
        for data in ["", "!", "aGVsbG8="] {
            assert_eq!(reports(&json!({ "awslogs": { "data": data } })), Some(vec![]), "{data}");
        }
    }
}

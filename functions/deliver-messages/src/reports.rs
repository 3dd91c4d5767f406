//! The envelope in which providers' reports come: messages of an SNS topic. What lies in them is in the form of the provider,
//! which the crate `channels` reads.

use channels::{Report, read_reports};
use serde::Deserialize;
use serde_json::Value;

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

/// The reports in an event, or nothing where it is an event of another kind.
pub fn reports(event: &Value) -> Option<Vec<Report>> {
    if event.pointer("/Records/0/EventSource").and_then(Value::as_str) != Some("aws:sns") {
        return None;
    }
    let event = SnsEvent::deserialize(event).ok();
    let records = event.map(|event| event.records).unwrap_or_default();
    Some(records.iter().flat_map(|record| read_reports(&record.sns.message)).collect())
}

#[cfg(test)]
mod tests {
    use channels::{About, LINK_TAG, MESSAGE_TAG};
    use domain::ids::{LinkId, MessageId, PayToken};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_message_of_a_topic_is_read_by_whichever_provider_knows_its_form() {
        let link = LinkId::of(&PayToken::from_random([1; 16]));
        let message = MessageId::of(&link, 0, "email", "a@example.com");
        let tags = json!({ LINK_TAG: [link.as_str()], MESSAGE_TAG: [message.as_str()] });
        let complaint = json!({ "eventType": "Complaint", "mail": { "messageId": "1", "tags": tags } });
        let statuses = json!([{ "id": "wamid.1", "status": "failed", "errors": [{ "code": 131_026 }] }]);
        let entry = json!({ "changes": [{ "field": "messages", "value": { "statuses": statuses } }] });
        let given_up = json!({ "whatsAppWebhookEntry": entry.to_string(), "messageId": "a-1" });
        let sms = |id: &str, status: &str| {
            json!({ "notification": { "messageId": id }, "status": status,
                    "delivery": { "providerResponse": "Phone is currently unreachable/unavailable" } })
        };
        let texts = [complaint, given_up, sms("m-1", "FAILURE"), sms("m-2", "SUCCESS"), json!("START RequestId: 1")];
        let records: Vec<Value> = texts
            .iter()
            .map(|text| json!({ "EventSource": "aws:sns", "Sns": { "Message": text.to_string() } }))
            .collect();
        let found = reports(&json!({ "Records": records })).unwrap();
        let by_its_id =
            |id: &str, reason: &str| Report { about: About::Provider(id.to_owned()), reason: reason.to_owned() };
        let complaint = Report { about: About::Message(link, message), reason: "complaint".to_owned() };
        assert_eq!(found, [complaint, by_its_id("a-1", "not_on_whatsapp"), by_its_id("m-1", "phone_unreachable")]);
    }

    #[test]
    fn what_is_no_report_is_left_to_others_and_what_cannot_be_read_is_none() {
        for other in [json!({ "source": "schedule" }), json!({ "Records": [{ "eventSource": "aws:dynamodb" }] })] {
            assert_eq!(reports(&other), None);
        }
        for message in ["", "!", "{}", "[1]"] {
            let event = json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": message } }] });
            assert_eq!(reports(&event), Some(vec![]), "{message}");
        }
    }
}

//! What providers report about messages that they had taken over: bounces and complaints of emails (Amazon SES, event
//! publishing, by way of an SNS topic), SMS that were not delivered (Amazon SNS, delivery status, by way of CloudWatch
//! Logs) and messages on WhatsApp that Meta could not deliver (AWS End User Messaging Social, by way of an SNS topic).
//!
//! Reports come from outside and are read with care: whatever is no report about a message of ours is left aside.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channels::{LINK_TAG, MESSAGE_TAG, reason_of_meta};
use domain::ids::{LinkId, MessageId};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// A batch of CloudWatch Logs is at most so large when it is unpacked; more would be a bomb.
const LARGEST_BATCH: u64 = 8 * 1024 * 1024;

/// A message that did not arrive after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub about: About,
    /// In the words of the API.
    pub reason: String,
}

/// How a report names the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// By what we had written on it.
    Message(LinkId, MessageId),
    /// By the provider's own id.
    Provider(String),
}

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

/// An event that SES publishes ("Contents of event data that Amazon SES publishes to Amazon SNS").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SesEvent {
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
}

#[derive(Debug, Deserialize)]
struct Mail {
    #[serde(default)]
    tags: std::collections::BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    bounce_sub_type: String,
}

/// What a WhatsApp Business Account publishes ("Message and event format in AWS End User Messaging Social"): Meta's own
/// notification as a text, and AWS's id of the message that it is about.
#[derive(Debug, Deserialize)]
struct WhatsAppEvent {
    #[serde(rename = "whatsAppWebhookEntry")]
    entry: String,
    #[serde(rename = "messageId", default)]
    message_id: Option<String>,
}

/// A notification of Meta's Cloud API ("Webhooks", statuses). It also brings what people write, which is not for us.
#[derive(Debug, Deserialize)]
struct MetaEntry {
    #[serde(default)]
    changes: Vec<MetaChange>,
}

#[derive(Debug, Deserialize)]
struct MetaChange {
    value: MetaValue,
}

#[derive(Debug, Deserialize)]
struct MetaValue {
    #[serde(default)]
    statuses: Vec<MetaStatus>,
}

#[derive(Debug, Deserialize)]
struct MetaStatus {
    id: String,
    status: String,
    #[serde(default)]
    errors: Vec<MetaError>,
}

#[derive(Debug, Deserialize)]
struct MetaError {
    code: u32,
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

/// A delivery status of an SMS ("Viewing Amazon CloudWatch metrics and logs for SMS deliveries").
#[derive(Debug, Deserialize)]
struct SmsStatus {
    notification: Notification,
    delivery: Delivery,
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    message_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Delivery {
    provider_response: String,
}

/// The reports in an event, or nothing where it is an event of another kind.
pub fn reports(event: &Value) -> Option<Vec<Report>> {
    if let Some(data) = event.pointer("/awslogs/data") {
        return Some(data.as_str().and_then(unpacked).map(of_logs).unwrap_or_default());
    }
    if event.pointer("/Records/0/EventSource").and_then(Value::as_str) == Some("aws:sns") {
        let event = SnsEvent::deserialize(event).ok();
        let records = event.map(|event| event.records).unwrap_or_default();
        let reports = |record: &SnsRecord| match of_ses(&record.sns.message) {
            Some(report) => vec![report],
            None => of_whatsapp(&record.sns.message),
        };
        return Some(records.iter().flat_map(reports).collect());
    }
    None
}

fn of_ses(message: &str) -> Option<Report> {
    let event: SesEvent = serde_json::from_str(message).ok()?;
    let reason = match (event.event_type.as_str(), &event.bounce) {
        ("Bounce", Some(bounce)) => reason_of(bounce)?,
        ("Complaint", _) => "complaint".to_owned(),
        _ => return None,
    };
    let tag = |name: &str| event.mail.tags.get(name).and_then(|values| values.first());
    let link = LinkId::parse(tag(LINK_TAG)?).ok()?;
    let message = MessageId::parse(tag(MESSAGE_TAG)?).ok()?;
    Some(Report { about: About::Message(link, message), reason })
}

/// Each message that Meta gave up. The same notification says of others that they were sent, delivered or read.
fn of_whatsapp(message: &str) -> Vec<Report> {
    let event: Option<WhatsAppEvent> = serde_json::from_str(message).ok();
    let Some(WhatsAppEvent { entry, message_id }) = event else { return Vec::new() };
    let Ok(MetaEntry { changes }) = serde_json::from_str(&entry) else { return Vec::new() };
    let failed = changes.into_iter().flat_map(|change| change.value.statuses).filter(|one| one.status == "failed");
    let report = |status: MetaStatus| {
        let reason = status.errors.iter().find_map(|error| reason_of_meta(error.code)).unwrap_or("not_delivered");
        // What was answered when the message was sent is AWS's id. Meta's own stands for it where that is missing.
        let id = message_id.clone().unwrap_or(status.id);
        Report { about: About::Provider(id), reason: reason.to_owned() }
    };
    failed.map(report).collect()
}

/// A bounce that means that the email did not arrive. A general or undetermined one may be the answer of somebody who is
/// on holiday, so it is none.
fn reason_of(bounce: &Bounce) -> Option<String> {
    let sub_type = snake_case(&bounce.bounce_sub_type);
    match (bounce.bounce_type.as_str(), bounce.bounce_sub_type.as_str()) {
        ("Permanent", _) | ("Transient", "MailboxFull" | "MessageTooLarge" | "ContentRejected") => {
            Some(format!("bounced_{sub_type}"))
        }
        _ => None,
    }
}

/// `OnAccountSuppressionList` as the API writes words. What is not a word of SES is left out.
fn snake_case(word: &str) -> String {
    let mut text = String::new();
    for c in word.chars().filter(char::is_ascii_alphabetic).take(40) {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
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
    let report = |event: &LogEvent| {
        let status: SmsStatus = serde_json::from_str(&event.message).ok()?;
        let is_final = status.status == "FAILURE";
        let about = About::Provider(status.notification.message_id);
        is_final.then(|| Report { about, reason: reason_of_sms(&status.delivery.provider_response).to_owned() })
    };
    batch.log_events.iter().filter_map(report).collect()
}

/// The reasons that the SNS developer guide lists, in the words of the API.
fn reason_of_sms(response: &str) -> &'static str {
    let says = |words: &str| response.to_ascii_lowercase().contains(words);
    if says("blocked as spam") {
        "blocked_as_spam"
    } else if says("opted out") || says("denylist") || says("blacklisted") {
        "opted_out"
    } else if says("invalid phone number") || says("unknown") && says("number") {
        "number_refused"
    } else if says("unreachable") || says("unavailable") {
        "phone_unreachable"
    } else if says("blocked by route") || says("route has blocked") {
        "blocked_by_carrier"
    } else if says("exceed max price") || says("spending limit") || says("quota") {
        "spending_limit_reached"
    } else {
        "not_delivered"
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use domain::ids::PayToken;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn link() -> LinkId {
        LinkId::of(&PayToken::from_random([1; 16]))
    }

    fn message() -> MessageId {
        MessageId::of(&link(), 0, "email", "a@example.com")
    }

    fn ses(kind: &str, bounce: Value) -> Value {
        let tags =
            json!({ LINK_TAG: [link().as_str()], MESSAGE_TAG: [message().as_str()], "ses:caller-identity": ["x"] });
        let event = json!({ "eventType": kind, "bounce": bounce, "mail": { "messageId": "1", "tags": tags } });
        json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": event.to_string() } }] })
    }

    fn bounce(kind: &str, sub_type: &str) -> Option<String> {
        let event = ses("Bounce", json!({ "bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": [] }));
        let found = reports(&event).unwrap();
        assert!(found.iter().all(|report| report.about == About::Message(link(), message())));
        found.into_iter().next().map(|report| report.reason)
    }

    #[test]
    fn a_bounce_counts_where_it_says_that_the_email_did_not_arrive() {
        assert_eq!(bounce("Permanent", "General").as_deref(), Some("bounced_general"));
        let suppressed = bounce("Permanent", "OnAccountSuppressionList");
        assert_eq!(suppressed.as_deref(), Some("bounced_on_account_suppression_list"));
        assert_eq!(bounce("Transient", "MailboxFull").as_deref(), Some("bounced_mailbox_full"));
        assert_eq!(bounce("Transient", "General"), None, "somebody may be on holiday");
        assert_eq!(bounce("Undetermined", "Undetermined"), None);
        let complaint = reports(&ses("Complaint", Value::Null)).unwrap();
        assert_eq!(complaint[0].reason, "complaint");
        assert_eq!(reports(&ses("Delivery", Value::Null)), Some(vec![]));
    }

    fn logs(kind: &str, lines: &[&str]) -> Value {
        let events: Vec<Value> =
            lines.iter().map(|line| json!({ "id": "1", "timestamp": 1, "message": line })).collect();
        let batch = json!({ "messageType": kind, "logGroup": "sns/x", "logEvents": events }).to_string();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(batch.as_bytes()).unwrap();
        json!({ "awslogs": { "data": STANDARD.encode(encoder.finish().unwrap()) } })
    }

    fn sms(status: &str, response: &str) -> String {
        json!({ "notification": { "messageId": "m-1", "timestamp": "…" }, "status": status,
                "delivery": { "destination": "+1", "providerResponse": response, "smsType": "Transactional" } })
        .to_string()
    }

    #[test]
    fn a_failed_sms_is_known_by_the_providers_id_and_all_else_in_the_log_is_left_aside() {
        let failed = sms("FAILURE", "Phone is currently unreachable/unavailable");
        let (sent, odd) = (sms("SUCCESS", "Message has been accepted by phone route"), "START RequestId: 1");
        let found = reports(&logs("DATA_MESSAGE", &[&failed, &sent, odd])).unwrap();
        let about = About::Provider("m-1".to_owned());
        assert_eq!(found, [Report { about, reason: "phone_unreachable".to_owned() }]);
        assert_eq!(reports(&logs("CONTROL_MESSAGE", &[&failed])), Some(vec![]));
        for (response, reason) in [
            ("Blocked as spam by phone route", "blocked_as_spam"),
            ("Phone number is opted out", "opted_out"),
            ("Invalid phone number", "number_refused"),
            ("Phone has blocked SMS", "not_delivered"),
            ("No quota left for account", "spending_limit_reached"),
        ] {
            let found = reports(&logs("DATA_MESSAGE", &[&sms("FAILURE", response)])).unwrap();
            assert_eq!(found[0].reason, reason, "{response}");
        }
    }

    fn whatsapp(id: Option<&str>, statuses: Value) -> Value {
        let entry = json!({ "id": "1", "changes": [{ "field": "messages", "value": {
            "messaging_product": "whatsapp", "metadata": { "phone_number_id": "1" }, "statuses": statuses,
        } }] });
        let mut event = json!({ "context": { "MetaWabaIds": [] }, "whatsAppWebhookEntry": entry.to_string(),
                                "aws_account_id": "1", "message_timestamp": "2026-11-23T22:00:00Z" });
        if let Some(id) = id {
            event["messageId"] = json!(id);
        }
        json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": event.to_string() } }] })
    }

    #[test]
    fn a_message_that_whatsapp_gave_up_is_known_by_the_id_that_was_answered_when_it_was_sent() {
        let failed = |code: u32| {
            json!([{ "id": "wamid.1", "status": "failed", "recipient_id": "1",
                                          "errors": [{ "code": code, "title": "x" }] }])
        };
        for (code, reason) in [(131_026, "not_on_whatsapp"), (132_015, "template_not_approved"), (1, "not_delivered")] {
            let about = About::Provider("a-1".to_owned());
            let found = reports(&whatsapp(Some("a-1"), failed(code))).unwrap();
            assert_eq!(found, [Report { about, reason: reason.to_owned() }]);
        }
        let found = reports(&whatsapp(None, failed(131_026))).unwrap();
        assert_eq!(found[0].about, About::Provider("wamid.1".to_owned()));
        for status in ["sent", "delivered", "read"] {
            let statuses = json!([{ "id": "wamid.1", "status": status }]);
            assert_eq!(reports(&whatsapp(Some("a-1"), statuses)), Some(vec![]), "{status}");
        }
        // What people write to the business comes the same way.
        assert_eq!(reports(&whatsapp(Some("a-1"), Value::Null)), Some(vec![]));
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

//! SMS by way of Amazon SNS (`Publish` to a number), and the delivery status that it logs for each.

use aws_sdk_sns::types::MessageAttributeValue;
use domain::messages::delivery::SendOutcome;
use serde::Deserialize;

use crate::aws::failure;
use crate::{About, Channels, Outgoing, ProviderAdapter, Record, Report};

pub(crate) struct Sns;

impl ProviderAdapter for Sns {
    async fn send(channels: &Channels, _: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let sender_id = outgoing.sender.sms_id.or(channels.stack.sms_sender_id.as_deref());
        let attribute = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
        let mut request = channels.sns.publish().phone_number(outgoing.to).message(&outgoing.message.text);
        for (name, value) in [("AWS.SNS.SMS.SMSType", Some("Transactional")), ("AWS.SNS.SMS.SenderID", sender_id)] {
            if let Some(Ok(value)) = value.map(attribute) {
                request = request.message_attributes(name, value);
            }
        }
        match request.send().await {
            Ok(answer) => SendOutcome::accepted(answer.message_id.unwrap_or_default()),
            Err(error) => failure(&error),
        }
    }

    fn read_reports(text: &str) -> Vec<Report> {
        let Ok(status) = serde_json::from_str::<SmsStatus>(text) else { return Vec::new() };
        if status.status != "FAILURE" {
            return Vec::new();
        }
        let reason = reason_of(&status.delivery.provider_response).to_owned();
        vec![Report { about: About::Provider(status.notification.message_id), reason }]
    }
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

/// The reasons that the SNS developer guide lists, in the words of the API.
fn reason_of(response: &str) -> &'static str {
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
    use serde_json::json;

    use super::*;

    fn read(status: &str, response: &str) -> Vec<Report> {
        let line = json!({ "notification": { "messageId": "m-1", "timestamp": "…" }, "status": status,
                           "delivery": { "destination": "+1", "providerResponse": response, "smsType": "Transactional" } });
        Sns::read_reports(&line.to_string())
    }

    #[test]
    fn a_failed_sms_is_known_by_the_id_that_was_answered_when_it_was_sent() {
        let about = About::Provider("m-1".to_owned());
        let found = read("FAILURE", "Phone is currently unreachable/unavailable");
        assert_eq!(found, [Report { about, reason: "phone_unreachable".to_owned() }]);
        assert_eq!(read("SUCCESS", "Message has been accepted by phone route"), []);
        assert_eq!(Sns::read_reports("START RequestId: 1"), []);
    }

    #[test]
    fn each_response_of_a_phone_network_has_a_word() {
        for (response, reason) in [
            ("Blocked as spam by phone route", "blocked_as_spam"),
            ("Phone number is opted out", "opted_out"),
            ("Invalid phone number", "number_refused"),
            ("Phone has blocked SMS", "not_delivered"),
            ("No quota left for account", "spending_limit_reached"),
        ] {
            assert_eq!(read("FAILURE", response)[0].reason, reason, "{response}");
        }
    }
}

//! SMS by way of Amazon SNS (`Publish` to a number), and the delivery status that it logs for each.

use aws_sdk_sns::operation::publish::builders::PublishFluentBuilder;
use aws_sdk_sns::types::MessageAttributeValue;
use domain::messages::delivery::SendOutcome;
use domain::messages::routing::{OriginationIdentity, SnsSender};
use domain::messages::sms_route::RegistrationId;
use serde::Deserialize;

use crate::aws::{Reason, failure, is_about_a_value};
use crate::{About, Channels, Outgoing, ProviderAdapter, Record, Report};

pub(crate) struct Sns;

impl ProviderAdapter for Sns {
    async fn send(channels: &Channels, record: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let message = channels.sns.publish().phone_number(outgoing.to).message(&outgoing.message.text);
        match said(message, record.sns, channels.stack.sms_sender_id.as_deref()).send().await {
            Ok(answer) => SendOutcome::accepted(answer.message_id.unwrap_or_default()),
            Err(error) => failure(&error, refusal),
        }
    }

    fn read_reports(text: &str) -> Vec<Report> {
        let Ok(status) = serde_json::from_str::<SmsStatus>(text) else { return Vec::new() };
        if status.status != "FAILURE" {
            return Vec::new();
        }
        let reason = reason_of(&status.delivery.provider_response).as_str().to_owned();
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

/// Says whom a message comes from, and what India knows its text by. A name beside a number only causes trouble, so
/// that a message has one of them.
fn said(message: PublishFluentBuilder, sender: Option<SnsSender<'_>>, of_stack: Option<&str>) -> PublishFluentBuilder {
    let identity = sender.map_or(OriginationIdentity::OfTheStack, |sender| sender.identity);
    let (sender_id, number) = match identity {
        OriginationIdentity::OfTheStack => (of_stack, None),
        OriginationIdentity::SenderId(id) => (Some(id.as_str()), None),
        OriginationIdentity::Number(number) => (None, Some(number.as_str())),
    };
    let registration = sender.and_then(|sender| sender.registration);
    let attributes = [
        ("AWS.SNS.SMS.SMSType", Some("Transactional")),
        ("AWS.SNS.SMS.SenderID", sender_id),
        ("AWS.MM.SMS.OriginationNumber", number),
        ("AWS.MM.SMS.EntityId", registration.map(|ids| ids.entity_id.as_str())),
        ("AWS.MM.SMS.TemplateId", sender.and_then(|sender| sender.template_id()).map(RegistrationId::as_str)),
    ];
    attributes.into_iter().fold(message, |message, (name, value)| {
        let value = value.map(|value| MessageAttributeValue::builder().data_type("String").string_value(value).build());
        match value {
            Some(Ok(value)) => message.message_attributes(name, value),
            Some(Err(_)) | None => message,
        }
    })
}

/// What SNS alone says. Its text names the value that it did not take: the number, the text, or an attribute of ours,
/// which says whom the message comes from.
fn refusal(code: &str, text: &str) -> Option<Reason> {
    let names = |words: &str| text.contains(words);
    match code {
        "OptedOut" => Some(Reason::OptedOut),
        // "No origination entities available to send".
        "UserError" if names("origination") => Some(Reason::SenderMissing),
        "UserError" => Some(Reason::SetUpIncomplete),
        code if is_about_a_value(code) => {
            Some(if names("SenderID") || names("SenderId") || names("riginationNumber") || names("AWS.MM.SMS") {
                Reason::SenderRefused
            } else if names("PhoneNumber") || names("phone number") {
                Reason::NumberRefused
            } else if names("attribute") {
                Reason::SenderRefused
            } else if names("essage") {
                Reason::TextRefused
            } else {
                Reason::MessageRefused
            })
        }
        _ => None,
    }
}

/// What the log of deliveries says: the responses that the SNS developer guide lists ("SMS delivery failure reasons"),
/// and those that it writes about an account without a sender, in the sandbox, or at its limit.
fn reason_of(response: &str) -> Reason {
    let says = |words: &str| response.to_ascii_lowercase().contains(words);
    if says("blocked as spam") {
        Reason::BlockedAsSpam
    } else if says("opted out") {
        Reason::OptedOut
    } else if says("blocked list") || says("denylist") || says("blacklisted") {
        Reason::NumberBlocked
    } else if says("sandbox") {
        Reason::AccountInSandbox
    } else if says("origination") {
        Reason::SenderMissing
    } else if says("exceed max price") || says("spend") || says("quota") {
        Reason::SpendingLimitReached
    } else if says("message body is invalid") {
        Reason::TextRefused
    } else if says("invalid phone number") {
        Reason::NumberRefused
    } else if says("phone has blocked") {
        Reason::BlockedByRecipient
    } else if says("unreachable") || says("unavailable") {
        Reason::PhoneUnreachable
    } else if says("blocked") {
        Reason::BlockedByCarrier
    } else {
        Reason::NotDelivered
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::tests::answered;
    use crate::{for_good, for_now};

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
            ("Blocked as spam by phone carrier", "blocked_as_spam"),
            ("Destination is on a blocked list", "number_blocked"),
            ("Invalid phone number", "number_refused"),
            ("Message body is invalid", "text_refused"),
            ("Phone carrier has blocked this message", "blocked_by_carrier"),
            ("Phone carrier is currently unreachable/unavailable", "phone_unreachable"),
            ("Phone has blocked SMS", "blocked_by_recipient"),
            ("Phone is on a blocked list", "number_blocked"),
            ("Phone is currently unreachable/unavailable", "phone_unreachable"),
            ("Phone number is opted out", "opted_out"),
            ("This delivery would exceed max price", "spending_limit_reached"),
            ("No quota left for account", "spending_limit_reached"),
            ("Sandboxed account unable to send to number.", "account_in_sandbox"),
            ("No origination entities available to send", "sender_missing"),
            ("Unknown error attempting to reach phone", "not_delivered"),
        ] {
            assert_eq!(read("FAILURE", response)[0].reason, reason, "{response}");
        }
    }

    #[test]
    fn a_refusal_names_the_number_the_text_or_the_sender_and_never_one_for_another() {
        for (code, text, outcome) in [
            (
                "InvalidParameter",
                "Invalid parameter: PhoneNumber Reason: +1 is not valid to publish to",
                for_good("number_refused"),
            ),
            ("ValidationException", "The destination phone number is not valid", for_good("number_refused")),
            ("OptedOut", "", for_good("opted_out")),
            ("InvalidParameter", "Invalid parameter: Empty message", for_good("text_refused")),
            ("InvalidParameter", "Invalid parameter: Message too long", for_good("text_refused")),
            ("InvalidParameter", "Invalid parameter", for_good("message_refused")),
            (
                "ParameterValueInvalid",
                "The message attribute 'AWS.SNS.SMS.SenderID' contains an invalid value",
                for_now("sender_refused"),
            ),
            (
                "InvalidParameter",
                "Invalid parameter: AWS.MM.SMS.OriginationNumber Reason: it is not a number of this account",
                for_now("sender_refused"),
            ),
            ("UserError", "No origination entities available to send", for_now("sender_missing")),
            ("AuthorizationError", "User: … is not authorized to perform: SNS:Publish", for_now("permission_missing")),
        ] {
            assert_eq!(answered(code, text, refusal), outcome, "{code}: {text}");
        }
    }
}

//! Email by way of Amazon SES (`SendEmail`), and the bounces and complaints that it publishes.

use std::collections::BTreeMap;

use aws_sdk_ses::types::{Body, Content, Destination, Message as EmailMessage, MessageTag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::business::settings::EmailSenderName;
use domain::ids::{LinkId, MessageId};
use domain::messages::delivery::SendOutcome;
use serde::Deserialize;

use crate::aws::{Reason, failure, is_about_a_value};
use crate::{About, Channels, Outgoing, ProviderAdapter, Record, Report, for_good};

/// What emails carry, so that a report about one leads back to its message.
pub const LINK_TAG: &str = "paylink-link";
pub const MESSAGE_TAG: &str = "paylink-message";

pub(crate) struct Ses;

impl ProviderAdapter for Ses {
    async fn send(channels: &Channels, _: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let Some(sender) = &channels.stack.email_sender else { return for_good("no_email_sender_configured") };
        let (message, name) = (outgoing.message, outgoing.sender.email_name);
        let content = |text: &str| Content::builder().charset("UTF-8").data(text).build();
        let subject = content(message.subject.as_deref().unwrap_or(name));
        let text = content(&message.text);
        let html = message.html.as_deref().map(content).transpose();
        let (Ok(subject), Ok(text), Ok(html)) = (subject, text, html) else {
            return for_good("message_cannot_be_built");
        };
        let body = Body::builder().text(text).set_html(html).build();
        let tag = |name: &str, value: &str| MessageTag::builder().name(name).value(value).build();
        let tags = [tag(LINK_TAG, outgoing.label.link.as_str()), tag(MESSAGE_TAG, outgoing.label.message.as_str())];
        let tags: Vec<MessageTag> = tags.into_iter().filter_map(Result::ok).collect();
        let configuration_set = channels.stack.email_configuration_set.clone();
        let sent = channels
            .ses
            .send_email()
            .source(from(sender, name))
            .set_reply_to_addresses(outgoing.sender.email_reply_to.map(|address| vec![address.to_owned()]))
            .destination(Destination::builder().to_addresses(outgoing.to).build())
            .message(EmailMessage::builder().subject(subject).body(body).build())
            .set_tags(configuration_set.is_some().then_some(tags))
            .set_configuration_set_name(configuration_set)
            .send()
            .await;
        match sent {
            Ok(answer) => SendOutcome::accepted(answer.message_id),
            Err(error) => failure(&error, |code, text| refusal(code, text, outgoing.to)),
        }
    }

    fn read_reports(text: &str) -> Vec<Report> {
        report(text).into_iter().collect()
    }
}

/// The sender's address with the business's name in front, in the form that headers take. A name too long for one
/// encoded word is left out.
fn from(sender: &str, name: &str) -> String {
    if name.is_empty() || name.len() > EmailSenderName::LONGEST {
        return sender.to_owned();
    }
    format!("=?UTF-8?B?{}?= <{sender}>", STANDARD.encode(name))
}

/// What SES alone says. In the sandbox it takes no recipient that is not verified, and names it.
fn refusal(code: &str, text: &str, to: &str) -> Option<Reason> {
    match code {
        "MessageRejected" if text.contains("not verified") && text.contains(to) => Some(Reason::AccountInSandbox),
        "MessageRejected" if text.contains("not verified") => Some(Reason::SenderNotVerified),
        "MessageRejected" => Some(Reason::MessageRefused),
        "MailFromDomainNotVerified" | "MailFromDomainNotVerifiedException" => Some(Reason::SenderNotVerified),
        "AccountSendingPaused"
        | "AccountSendingPausedException"
        | "ConfigurationSetSendingPaused"
        | "ConfigurationSetSendingPausedException" => Some(Reason::SendingPaused),
        "ConfigurationSetDoesNotExist" | "ConfigurationSetDoesNotExistException" => Some(Reason::SetUpIncomplete),
        "Throttling" if text.contains("Daily message quota") => Some(Reason::QuotaUsedUp),
        code if is_about_a_value(code) => Some(Reason::MessageRefused),
        _ => None,
    }
}

/// An event that SES publishes ("Contents of event data that Amazon SES publishes to Amazon SNS").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
}

#[derive(Debug, Deserialize)]
struct Mail {
    #[serde(default)]
    tags: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    bounce_sub_type: String,
}

fn report(text: &str) -> Option<Report> {
    let event: Event = serde_json::from_str(text).ok()?;
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

#[cfg(test)]
mod tests {
    use domain::ids::PayToken;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::tests::answered;
    use crate::{for_good, for_now};

    #[test]
    fn the_sender_of_an_email_carries_the_business_in_any_script() {
        assert_eq!(from("pay@example.com", "A"), "=?UTF-8?B?QQ==?= <pay@example.com>");
        assert_eq!(from("pay@example.com", ""), "pay@example.com");
        assert_eq!(from("pay@example.com", &"ش".repeat(30)), "pay@example.com");
    }

    #[test]
    fn what_the_account_lacks_is_not_the_fault_of_the_recipient() {
        let of = |code: &str, text: &str| answered(code, text, |code, text| refusal(code, text, "a@example.com"));
        let unverified =
            |who: &str| format!("Email address is not verified. The following identities failed the check: {who}");
        assert_eq!(of("MessageRejected", &unverified("a@example.com")), for_now("account_in_sandbox"));
        assert_eq!(of("MessageRejected", &unverified("pay@business.example")), for_now("sender_not_verified"));
        assert_eq!(of("MessageRejected", "Transaction failed: virus"), for_good("message_refused"));
        assert_eq!(of("InvalidParameterValue", "Illegal address"), for_good("message_refused"));
        assert_eq!(of("Throttling", "Daily message quota exceeded."), for_now("quota_used_up"));
        assert_eq!(of("Throttling", "Maximum sending rate exceeded."), for_now("too_many_requests"));
        for (code, reason) in [
            ("AccountSendingPausedException", "sending_paused"),
            ("ConfigurationSetDoesNotExist", "set_up_incomplete"),
            ("MailFromDomainNotVerifiedException", "sender_not_verified"),
            ("AccessDenied", "permission_missing"),
        ] {
            assert_eq!(of(code, ""), for_now(reason), "{code}");
        }
    }

    fn link() -> LinkId {
        LinkId::of(&PayToken::from_random([1; 16]))
    }

    fn message() -> MessageId {
        MessageId::of(&link(), 0, "email", "a@example.com")
    }

    fn read(kind: &str, bounce: Value) -> Vec<Report> {
        let tags =
            json!({ LINK_TAG: [link().as_str()], MESSAGE_TAG: [message().as_str()], "ses:caller-identity": ["x"] });
        let event = json!({ "eventType": kind, "bounce": bounce, "mail": { "messageId": "1", "tags": tags } });
        Ses::read_reports(&event.to_string())
    }

    fn bounce(kind: &str, sub_type: &str) -> Option<String> {
        let bounce = json!({ "bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": [] });
        let found = read("Bounce", bounce);
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
        assert_eq!(read("Complaint", Value::Null)[0].reason, "complaint");
        assert_eq!(read("Delivery", Value::Null), []);
    }
}

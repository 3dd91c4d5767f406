//! The media that messages go out on, SMS through SNS, email through SES and the providers that the business set up, and the
//! CRM's endpoints for events.
//!
//! A channel hands one message to its provider and says what came of it. Whether and when to try again is decided by
//! who called.

mod bot;
mod kavenegar;
mod webhooks;
mod whatsapp;

use std::time::Duration;

use aws_sdk_ses::types::{Body, Content, Destination, Message as EmailMessage, MessageTag};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::business::settings::{EmailSenderName, Sender};
use domain::ids::{LinkId, MessageId};
use domain::messages::compose::Message;
use domain::messages::delivery::SendOutcome;
use domain::messages::provider::{ProviderConfig, ProviderKind, ProviderSecret};
use domain::public_url::{Reach, parse_endpoint_url};
use outbound::{Answer, Http};

pub use webhooks::Webhooks;
pub use whatsapp::{SocialMessaging, reason_of_meta};

/// No provider is waited for longer.
pub const PROVIDER_CALL: Duration = Duration::from_secs(8);

/// What emails carry, so that a report about one leads back to its message.
pub const LINK_TAG: &str = "paylink-link";
pub const MESSAGE_TAG: &str = "paylink-message";

/// Which message it is.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    pub link: &'a LinkId,
    pub message: &'a MessageId,
}

/// Who takes a message over, with everything that takes.
#[derive(Clone, Copy, Debug)]
pub enum Through<'a> {
    Sns,
    Ses,
    /// One that the business set up, with what it proves itself with.
    Provider(&'a ProviderConfig, Option<&'a ProviderSecret>),
}

/// What the stack is set to, whatever the business sets.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// The verified address that emails come from. Without one no email is sent.
    pub email_sender: Option<String>,
    /// By which SES reports bounces and complaints. Without one it does not.
    pub email_configuration_set: Option<String>,
    /// The name that SMS come from, where a country shows one and the business has none of its own.
    pub sms_sender_id: Option<String>,
}

/// The providers of this stack. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Channels {
    sns: aws_sdk_sns::Client,
    ses: aws_sdk_ses::Client,
    email_sender: Option<String>,
    email_configuration_set: Option<String>,
    sms_sender_id: Option<String>,
    /// For the providers that the business set up. It leads to addresses within `reach` only.
    http: Http,
    reach: Reach,
    whatsapp: SocialMessaging,
}

impl Channels {
    pub fn new(
        sns: aws_sdk_sns::Client,
        ses: aws_sdk_ses::Client,
        stack: Stack,
        http: Http,
        reach: Reach,
        whatsapp: SocialMessaging,
    ) -> Self {
        let Stack { email_sender, email_configuration_set, sms_sender_id } = stack;
        Self { sns, ses, email_sender, email_configuration_set, sms_sender_id, http, reach, whatsapp }
    }

    /// Sends one message.
    pub async fn send(
        &self,
        through: Through<'_>,
        to: &str,
        message: &Message,
        sender: Sender<'_>,
        label: Label<'_>,
    ) -> SendOutcome {
        match through {
            Through::Sns => self.send_sms(to, message, sender.sms_id).await,
            Through::Ses => self.send_email(to, message, sender.email_name, label).await,
            Through::Provider(provider, secret) => self.send_by(provider, secret, to, message).await,
        }
    }

    async fn send_by(
        &self,
        provider: &ProviderConfig,
        secret: Option<&ProviderSecret>,
        to: &str,
        message: &Message,
    ) -> SendOutcome {
        let call = Call { http: &self.http, reach: self.reach };
        // Without a secret a provider answers as to a wrong one.
        let secret = secret.map(ProviderSecret::expose).unwrap_or_default();
        let answer = match (provider, &message.approved) {
            (ProviderConfig::BotApi { base_url }, _) => bot::send(call, base_url, secret, to, &message.text).await,
            (ProviderConfig::Kavenegar { base_url, line, .. }, _) => {
                kavenegar::send(call, base_url, secret, line.as_deref(), to, message).await
            }
            (ProviderConfig::Whatsapp { phone_number_id, .. }, Some(filled)) => {
                self.whatsapp.send(phone_number_id, to, filled).await
            }
            (ProviderConfig::Whatsapp { .. }, None) => {
                Err(SendOutcome::FailedForGood { reason: "only_approved_templates".to_owned() })
            }
        };
        match answer {
            Ok(answer) => meaning(provider.kind(), &answer),
            Err(failed) => failed,
        }
    }

    async fn send_sms(&self, to: &str, message: &Message, sender_id: Option<&str>) -> SendOutcome {
        let sender_id = sender_id.or(self.sms_sender_id.as_deref());
        let attribute = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
        let mut request = self.sns.publish().phone_number(to).message(&message.text);
        for (name, value) in [("AWS.SNS.SMS.SMSType", Some("Transactional")), ("AWS.SNS.SMS.SenderID", sender_id)] {
            if let Some(Ok(value)) = value.map(attribute) {
                request = request.message_attributes(name, value);
            }
        }
        match request.send().await {
            Ok(answer) => SendOutcome::Accepted { provider_id: answer.message_id.unwrap_or_default() },
            Err(error) => failure(&error),
        }
    }

    async fn send_email(&self, to: &str, message: &Message, name: &str, label: Label<'_>) -> SendOutcome {
        let Some(sender) = &self.email_sender else {
            return SendOutcome::FailedForGood { reason: "no_email_sender_configured".to_owned() };
        };
        let content = |text: &str| Content::builder().charset("UTF-8").data(text).build();
        let subject = content(message.subject.as_deref().unwrap_or(name));
        let text = content(&message.text);
        let html = message.html.as_deref().map(content).transpose();
        let (Ok(subject), Ok(text), Ok(html)) = (subject, text, html) else {
            return SendOutcome::FailedForGood { reason: "message_cannot_be_built".to_owned() };
        };
        let body = Body::builder().text(text).set_html(html).build();
        let tag = |name: &str, value: &str| MessageTag::builder().name(name).value(value).build();
        let tags = [tag(LINK_TAG, label.link.as_str()), tag(MESSAGE_TAG, label.message.as_str())];
        let tags: Vec<MessageTag> = tags.into_iter().filter_map(Result::ok).collect();
        let sent = self
            .ses
            .send_email()
            .source(from(sender, name))
            .destination(Destination::builder().to_addresses(to).build())
            .message(EmailMessage::builder().subject(subject).body(body).build())
            .set_configuration_set_name(self.email_configuration_set.clone())
            .set_tags(self.email_configuration_set.is_some().then_some(tags))
            .send()
            .await;
        match sent {
            Ok(answer) => SendOutcome::Accepted { provider_id: answer.message_id },
            Err(error) => failure(&error),
        }
    }
}

/// What a provider's answer means for the message.
pub fn meaning(provider: ProviderKind, answer: &Answer) -> SendOutcome {
    match provider {
        ProviderKind::BotApi => bot::outcome(answer),
        ProviderKind::Kavenegar => kavenegar::outcome(answer),
        ProviderKind::Whatsapp => whatsapp::outcome(answer),
    }
}

/// One call to a provider at an address that the business set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    http: &'a Http,
    reach: Reach,
}

impl Call<'_> {
    async fn post(self, url: &str, kind: &str, body: String) -> Result<Answer, SendOutcome> {
        // An address that was allowed in the local cloud, or by an earlier version, is not called from here.
        if parse_endpoint_url(url, self.reach).is_err() {
            return Err(SendOutcome::FailedForGood { reason: "address_not_allowed".to_owned() });
        }
        let request = http::Request::post(url).header(http::header::CONTENT_TYPE, kind);
        let answer = self.http.send(request, body, PROVIDER_CALL).await;
        answer.map_err(|_| SendOutcome::FailedForNow { reason: "no_answer".to_owned(), wait: None })
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

/// Only errors that name the message or the address are final. Everything else may pass.
fn failure<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> SendOutcome {
    let Some(code) = error.as_service_error().and_then(ProvideErrorMetadata::code) else {
        return SendOutcome::FailedForNow { reason: "no_answer".to_owned(), wait: None };
    };
    let reason = code.to_owned();
    match code {
        "InvalidParameter"
        | "InvalidParameterValue"
        | "ValidationError"
        | "MessageRejected"
        | "OptedOut"
        | "EndpointDisabled" => SendOutcome::FailedForGood { reason },
        _ => SendOutcome::FailedForNow { reason, wait: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_of_an_email_carries_the_business_in_any_script() {
        assert_eq!(from("pay@example.com", "A"), "=?UTF-8?B?QQ==?= <pay@example.com>");
        assert_eq!(from("pay@example.com", ""), "pay@example.com");
        assert_eq!(from("pay@example.com", &"ش".repeat(30)), "pay@example.com");
    }
}

//! WhatsApp by way of AWS End User Messaging Social: `SendWhatsAppMessage` (`POST /v1/whatsapp/send`), whose message is one
//! of Meta's Cloud API in base64. We write to people first, so that only an approved template may be sent.
//!
//! The call is signed with what the SDK's own runtime signs with. A client of its own would bring the code of every other
//! operation of that service for this one.
//!
//! What Meta could not deliver it reports later, by way of the account's own topic.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::messages::approved_template::FilledTemplate;
use domain::messages::delivery::SendOutcome;
use outbound::{Answer, Http};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{About, Channels, Outgoing, PROVIDER_CALL, ProviderAdapter, Record, Report, for_good, for_now};

/// The version of Meta's API that the message is written for.
const META_API: &str = "v20.0";

/// How AWS calls the service in signatures.
const SERVICE: &str = "social-messaging";

/// Where the service is, and who calls it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SocialMessaging {
    pub http: Http,
    /// Scheme and host; absent, those of the region.
    pub endpoint: Option<String>,
    pub region: String,
    pub credentials: Credentials,
}

pub(crate) struct Whatsapp;

impl ProviderAdapter for Whatsapp {
    async fn send(channels: &Channels, record: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let Some(filled) = &outgoing.message.approved else { return for_good("only_approved_templates") };
        match channels.whatsapp.send(record.phone_number_id, outgoing.to, filled).await {
            Ok(answer) => outcome(&answer),
            Err(failed) => failed,
        }
    }

    fn meaning(answer: &Answer) -> Option<SendOutcome> {
        Some(outcome(answer))
    }

    /// Each message that Meta gave up. The same notification says of others that they were sent, delivered or read.
    fn read_reports(text: &str) -> Vec<Report> {
        let event: Option<Event> = serde_json::from_str(text).ok();
        let Some(Event { entry, message_id }) = event else { return Vec::new() };
        let Ok(Entry { changes }) = serde_json::from_str(&entry) else { return Vec::new() };
        let failed = changes.into_iter().flat_map(|change| change.value.statuses).filter(|one| one.status == "failed");
        let report = |status: Status| {
            let known = status.errors.iter().find_map(|error| MetaError::of(error.code));
            // What was answered when the message was sent is AWS's id. Meta's own stands for it where that is missing.
            let id = message_id.clone().unwrap_or(status.id);
            let reason = known.map_or("not_delivered", MetaError::as_str).to_owned();
            Report { about: About::Provider(id), reason }
        };
        failed.map(report).collect()
    }
}

/// What a WhatsApp Business Account publishes ("Message and event format in AWS End User Messaging Social"): Meta's own
/// notification as a text, and AWS's id of the message that it is about.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "whatsAppWebhookEntry")]
    entry: String,
    #[serde(rename = "messageId", default)]
    message_id: Option<String>,
}

/// A notification of Meta's Cloud API ("Webhooks", statuses). It also brings what people write, which is not for us.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct Change {
    value: ChangeValue,
}

#[derive(Debug, Deserialize)]
struct ChangeValue {
    #[serde(default)]
    statuses: Vec<Status>,
}

#[derive(Debug, Deserialize)]
struct Status {
    id: String,
    status: String,
    #[serde(default)]
    errors: Vec<StatusError>,
}

#[derive(Debug, Deserialize)]
struct StatusError {
    code: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    #[serde(rename = "messageId")]
    message_id: Option<String>,
    #[serde(alias = "Message")]
    message: String,
}

impl SocialMessaging {
    /// Sends one template to one number, in E.164.
    async fn send(&self, phone_number_id: &str, to: &str, filled: &FilledTemplate) -> Result<Answer, SendOutcome> {
        let url = match &self.endpoint {
            Some(endpoint) => format!("{}/v1/whatsapp/send", endpoint.trim_end_matches('/')),
            None => format!("https://{SERVICE}.{}.amazonaws.com/v1/whatsapp/send", self.region),
        };
        let body = json!({
            "originationPhoneNumberId": phone_number_id,
            "metaApiVersion": META_API,
            "message": STANDARD.encode(message(to, filled).to_string()),
        })
        .to_string();
        let request = self.signed(&url, &body).ok_or_else(|| for_now("not_signed"))?;
        self.http.send(request, body, PROVIDER_CALL).await.map_err(|_| for_now("no_answer"))
    }

    fn signed(&self, url: &str, body: &str) -> Option<http::request::Builder> {
        const JSON: &str = "application/json";
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .ok()?;
        let headers = std::iter::once(("content-type", JSON));
        let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes())).ok()?;
        let (instructions, _) = sign(signable, &parameters.into()).ok()?.into_parts();
        let (headers, _) = instructions.into_parts();
        let request = http::Request::post(url).header(http::header::CONTENT_TYPE, JSON);
        Some(headers.iter().fold(request, |request, header| request.header(header.name(), header.value())))
    }
}

/// A message of Meta's Cloud API ("Messages", "Template object").
fn message(to: &str, filled: &FilledTemplate) -> Value {
    let parameter = |text: &String| json!({ "type": "text", "text": text });
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "template": {
            "name": filled.name,
            // Meta writes fa_IR.
            "language": { "code": filled.locale.as_str().replace('-', "_") },
            "components": [
                { "type": "body", "parameters": filled.parameters.iter().map(parameter).collect::<Vec<_>>() }
            ],
        },
    })
}

/// AWS repeats the number of an error of Meta in its text.
fn outcome(answer: &Answer) -> SendOutcome {
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else { return for_now("unreadable_answer") };
    if answer.status == 200 {
        return SendOutcome::Accepted { provider_id: reply.message_id.unwrap_or_default() };
    }
    if let Some(error) = MetaError::in_text(&reply.message) {
        return error.outcome();
    }
    // The statuses are those of the API reference: validation, permission, no such number, throttling.
    match answer.status {
        400 => for_good("message_refused"),
        403 => for_good("not_allowed"),
        404 => for_good("phone_number_id_unknown"),
        429 => for_now("too_many_requests"),
        _ => for_now("provider_unavailable"),
    }
}

/// An error of Meta about which something is known ("Error codes" of the WhatsApp Business Platform).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MetaError {
    /// Not there in this language or not approved, paused, switched off.
    TemplateNotApproved,
    TemplateDoesNotFit,
    NotOnWhatsapp,
    TooManyRequests,
}

impl MetaError {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            132_001 | 132_015 | 132_016 => Self::TemplateNotApproved,
            132_000 | 132_005 | 132_012 => Self::TemplateDoesNotFit,
            131_026 | 131_030 => Self::NotOnWhatsapp,
            130_429 | 131_048 | 131_056 => Self::TooManyRequests,
            _ => return None,
        })
    }

    /// The first number in a text that is one.
    fn in_text(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
        numbers.find_map(Self::of)
    }

    /// What a person has to do, in the words of the API.
    fn as_str(self) -> &'static str {
        match self {
            Self::TemplateNotApproved => "template_not_approved",
            Self::TemplateDoesNotFit => "template_does_not_fit",
            Self::NotOnWhatsapp => "not_on_whatsapp",
            Self::TooManyRequests => "too_many_requests",
        }
    }

    /// Only their load may pass.
    fn outcome(self) -> SendOutcome {
        match self {
            Self::TooManyRequests => for_now(self.as_str()),
            Self::TemplateNotApproved | Self::TemplateDoesNotFit | Self::NotOnWhatsapp => for_good(self.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, message: &str) -> SendOutcome {
        let body = json!({ "message": message }).to_string();
        outcome(&Answer { status, retry_after: None, body: body.into() })
    }

    #[test]
    fn a_template_that_is_not_approved_is_told_apart_from_all_else() {
        for (status, text, reason) in [
            (400, "(#132001) Template name does not exist in the translation", "template_not_approved"),
            (502, "code: 132015, the template is paused", "template_not_approved"),
            (400, "132000 number of parameters", "template_does_not_fit"),
            (400, "message is too long", "message_refused"),
            (502, "(#131026) undeliverable", "not_on_whatsapp"),
            (403, "no", "not_allowed"),
            (404, "no", "phone_number_id_unknown"),
        ] {
            assert_eq!(of(status, text), SendOutcome::FailedForGood { reason: reason.to_owned() }, "{status} {text}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (status, text) in [(429, "slower"), (500, "no"), (502, "no"), (400, "(#130429) rate limit hit")] {
            assert!(matches!(of(status, text), SendOutcome::FailedForNow { .. }), "{status} {text}");
        }
        let page = Answer { status: 503, retry_after: None, body: "<html>".into() };
        assert!(matches!(outcome(&page), SendOutcome::FailedForNow { .. }));
        let sent = Answer { status: 200, retry_after: None, body: r#"{"messageId":"a-1"}"#.into() };
        assert_eq!(outcome(&sent), SendOutcome::Accepted { provider_id: "a-1".to_owned() });
    }

    fn read(id: Option<&str>, statuses: Value) -> Vec<Report> {
        let entry = json!({ "id": "1", "changes": [{ "field": "messages", "value": {
            "messaging_product": "whatsapp", "metadata": { "phone_number_id": "1" }, "statuses": statuses,
        } }] });
        let mut event = json!({ "context": { "MetaWabaIds": [] }, "whatsAppWebhookEntry": entry.to_string(),
                                "aws_account_id": "1", "message_timestamp": "2026-11-23T22:00:00Z" });
        if let Some(id) = id {
            event["messageId"] = json!(id);
        }
        Whatsapp::read_reports(&event.to_string())
    }

    #[test]
    fn a_message_that_meta_gave_up_is_known_by_the_id_that_was_answered_when_it_was_sent() {
        let failed = |code: u32| {
            json!([{ "id": "wamid.1", "status": "failed", "recipient_id": "1",
                     "errors": [{ "code": code, "title": "x" }] }])
        };
        for (code, reason) in [(131_026, "not_on_whatsapp"), (132_015, "template_not_approved"), (1, "not_delivered")] {
            let about = About::Provider("a-1".to_owned());
            assert_eq!(read(Some("a-1"), failed(code)), [Report { about, reason: reason.to_owned() }]);
        }
        assert_eq!(read(None, failed(131_026))[0].about, About::Provider("wamid.1".to_owned()));
        for status in ["sent", "delivered", "read"] {
            let statuses = json!([{ "id": "wamid.1", "status": status }]);
            assert_eq!(read(Some("a-1"), statuses), [], "{status}");
        }
        // What people write to the business comes the same way.
        assert_eq!(read(Some("a-1"), Value::Null), []);
    }
}

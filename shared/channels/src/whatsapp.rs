//! WhatsApp by way of AWS End User Messaging Social: `SendWhatsAppMessage` (`POST /v1/whatsapp/send`), whose message is one
//! of Meta's Cloud API in base64. We write to people first, so that only an approved template may be sent.
//!
//! The call is signed with what the SDK's own runtime signs with. A client of its own would bring the code of every other
//! operation of that service for this one.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::messages::approved_template::FilledTemplate;
use outbound::{Answer, Http};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::PROVIDER_CALL;
use domain::messages::delivery::SendOutcome;

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
    pub(crate) async fn send(
        &self,
        phone_number_id: &str,
        to: &str,
        filled: &FilledTemplate,
    ) -> Result<Answer, SendOutcome> {
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
        let for_now = |reason: &str| SendOutcome::FailedForNow { reason: reason.to_owned(), wait: None };
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

/// What an answer means for the message. AWS repeats the number of an error of Meta in its text.
pub(crate) fn outcome(answer: &Answer) -> SendOutcome {
    let for_good = |reason: &str| SendOutcome::FailedForGood { reason: reason.to_owned() };
    let for_now = |reason: &str| SendOutcome::FailedForNow { reason: reason.to_owned(), wait: None };
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else { return for_now("unreadable_answer") };
    if answer.status == 200 {
        return SendOutcome::Accepted { provider_id: reply.message_id.unwrap_or_default() };
    }
    if let Some(sent) = of_meta(&reply.message) {
        return sent;
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

/// The first number in a text that is an error of Meta.
fn of_meta(text: &str) -> Option<SendOutcome> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
    let reason = numbers.find_map(reason_of_meta)?.to_owned();
    Some(match reason.as_str() {
        TOO_MANY => SendOutcome::FailedForNow { reason, wait: None },
        _ => SendOutcome::FailedForGood { reason },
    })
}

/// What may pass.
const TOO_MANY: &str = "too_many_requests";

/// The numbers of Meta's errors ("Error codes" of the WhatsApp Business Platform) that say what a person has to do, in the
/// words of the API.
pub fn reason_of_meta(number: u32) -> Option<&'static str> {
    Some(match number {
        // Not there in this language or not approved, paused, switched off.
        132_001 | 132_015 | 132_016 => "template_not_approved",
        132_000 | 132_005 | 132_012 => "template_does_not_fit",
        131_026 | 131_030 => "not_on_whatsapp",
        130_429 | 131_048 | 131_056 => TOO_MANY,
        _ => return None,
    })
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
}

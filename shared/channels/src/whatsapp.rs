//! WhatsApp by way of AWS End User Messaging Social: `SendWhatsAppMessage` (`POST /v1/whatsapp/send`), whose message is one
//! of Meta's Cloud API in base64. We write to people first, so that only an approved template may be sent.
//!
//! The call is signed as the crate `signed` does it. A client of its own would bring the code of every other operation of
//! that service for this one.
//!
//! What Meta could not deliver it reports later, by way of the account's own topic.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::messages::approved_template::{FilledPlaceholder, FilledTemplate};
use domain::messages::delivery::SendOutcome;
use http::Method;
use jiff::SignedDuration;
use outbound::{Answer, Http};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use signed::{Caller, Service};

use crate::{About, Channels, Outgoing, PROVIDER_CALL, ProviderAdapter, Record, Report, for_good, for_now};

const SERVICE: Service = Service::SocialMessaging;

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
        match channels.whatsapp.send(record, outgoing.to, filled).await {
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
    #[serde(default, deserialize_with = "readable")]
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct Change {
    value: ChangeValue,
}

#[derive(Debug, Deserialize)]
struct ChangeValue {
    #[serde(default, deserialize_with = "readable")]
    statuses: Vec<Status>,
}

#[derive(Debug, Deserialize)]
struct Status {
    id: String,
    status: String,
    #[serde(default, deserialize_with = "readable")]
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
    message: Option<String>,
}

/// Those of a list that can be read: an odd one does not lose the others.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list = match Value::deserialize(deserializer)? {
        Value::Array(list) => list,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Vec::new(),
    };
    Ok(list.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect())
}

impl SocialMessaging {
    /// Sends one template to one number, in E.164.
    async fn send(&self, record: Record<'_>, to: &str, filled: &FilledTemplate) -> Result<Answer, SendOutcome> {
        let url = match &self.endpoint {
            Some(endpoint) => format!("{}/v1/whatsapp/send", endpoint.trim_end_matches('/')),
            None => format!("https://{}.{}.amazonaws.com/v1/whatsapp/send", SERVICE.name(), self.region),
        };
        let body = json!({
            "originationPhoneNumberId": record.phone_number_id,
            // The version of Meta's API that the message is written for.
            "metaApiVersion": record.api_version,
            "message": STANDARD.encode(message(to, filled).to_string()),
        })
        .to_string();
        let caller = Caller { service: SERVICE, region: &self.region, credentials: &self.credentials };
        let headers = [("content-type", "application/json")];
        let request = caller.request(&Method::POST, &url, &headers, body.as_bytes(), SystemTime::now());
        let request = request.map_err(|_| for_now("not_signed"))?;
        self.http.send(request, body, PROVIDER_CALL).await.map_err(|_| for_now("no_answer"))
    }
}

/// A message of Meta's Cloud API ("Messages", "Template object"). It has only those components that have something
/// variable in them.
fn message(to: &str, filled: &FilledTemplate) -> Value {
    let parameter = |filled: &FilledPlaceholder| match &filled.name {
        Some(name) => json!({ "type": "text", "parameter_name": name, "text": filled.value }),
        None => json!({ "type": "text", "text": filled.value }),
    };
    let header = filled.header.iter().map(|header| json!({ "type": "header", "parameters": [parameter(header)] }));
    let parameters: Vec<Value> = filled.parameters.iter().map(parameter).collect();
    let body = (!parameters.is_empty()).then(|| json!({ "type": "body", "parameters": parameters }));
    let button = filled.button.iter().map(|button| {
        json!({ "type": "button", "sub_type": "url", "index": button.index.to_string(),
                "parameters": [{ "type": "text", "text": button.rest }] })
    });
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "template": {
            "name": filled.name,
            // Meta writes fa_IR.
            "language": { "code": filled.locale.as_str().replace('-', "_") },
            "components": header.chain(body).chain(button).collect::<Vec<_>>(),
        },
    })
}

/// AWS repeats the number of an error of Meta in its text.
fn outcome(answer: &Answer) -> SendOutcome {
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else { return for_now("unreadable_answer") };
    if answer.status == 200 {
        return SendOutcome::accepted(reply.message_id.unwrap_or_default());
    }
    if let Some(error) = reply.message.as_deref().and_then(MetaError::in_text) {
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
    /// This person gets no more marketing for now, from whoever it is.
    EnoughForThisPerson,
    /// This person wants no marketing from this business.
    MarketingDeclined,
    /// Meta holds marketing back from this person, to see what comes of it.
    HeldBackForExperiment,
    /// The account's way to pay Meta does not work.
    BillingUnsettled,
    /// The account may not write to people in this country.
    CountryNotPermitted,
}

impl MetaError {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            132_001 | 132_015 | 132_016 => Self::TemplateNotApproved,
            132_000 | 132_005 | 132_012 => Self::TemplateDoesNotFit,
            131_026 | 131_030 => Self::NotOnWhatsapp,
            130_429 | 131_048 | 131_056 => Self::TooManyRequests,
            131_049 => Self::EnoughForThisPerson,
            131_050 => Self::MarketingDeclined,
            130_472 => Self::HeldBackForExperiment,
            131_042 => Self::BillingUnsettled,
            130_497 => Self::CountryNotPermitted,
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
            Self::EnoughForThisPerson => "enough_for_this_person",
            Self::MarketingDeclined => "marketing_declined",
            Self::HeldBackForExperiment => "held_back_for_experiment",
            Self::BillingUnsettled => "billing_unsettled",
            Self::CountryNotPermitted => "country_not_permitted",
        }
    }

    /// Their load may pass, the account can be paid for, and a person who got enough can be written to later, though not
    /// at once: Meta asks for ever longer pauses.
    fn outcome(self) -> SendOutcome {
        let reason = self.as_str();
        match self {
            Self::TooManyRequests | Self::BillingUnsettled => for_now(reason),
            Self::EnoughForThisPerson => {
                SendOutcome::FailedForNow { reason: reason.to_owned(), wait: Some(SignedDuration::from_hours(1)) }
            }
            Self::TemplateNotApproved
            | Self::TemplateDoesNotFit
            | Self::NotOnWhatsapp
            | Self::MarketingDeclined
            | Self::HeldBackForExperiment
            | Self::CountryNotPermitted => for_good(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::locale::Locale;
    use domain::messages::approved_template::FilledButton;

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
            (502, "(#131050) user has stopped marketing messages", "marketing_declined"),
            (502, "(#130472) user's number is part of an experiment", "held_back_for_experiment"),
            (
                403,
                "(#130497) business account is restricted from messaging users in this country",
                "country_not_permitted",
            ),
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
        assert_eq!(of(502, "(#131042) business eligibility payment issue"), for_now("billing_unsettled"));
        let wait = Some(SignedDuration::from_hours(1));
        let reason = "enough_for_this_person".to_owned();
        assert_eq!(of(502, "(#131049) healthy ecosystem"), SendOutcome::FailedForNow { reason, wait });
        let page = Answer { status: 503, retry_after: None, body: "<html>".into() };
        assert!(matches!(outcome(&page), SendOutcome::FailedForNow { .. }));
        let sent = Answer { status: 200, retry_after: None, body: r#"{"messageId":"a-1"}"#.into() };
        assert_eq!(outcome(&sent), SendOutcome::accepted("a-1"));
    }

    #[test]
    fn an_answer_with_nulls_means_what_its_status_says() {
        let read =
            |status: u16, body: &str| outcome(&Answer { status, retry_after: None, body: body.to_owned().into() });
        assert_eq!(read(200, r#"{"messageId":"a-1","message":null}"#), SendOutcome::accepted("a-1"));
        assert_eq!(read(200, r#"{"messageId":null,"message":null}"#), SendOutcome::accepted(""));
        assert_eq!(read(403, r#"{"message":null}"#), for_good("not_allowed"));
        assert_eq!(read(429, r#"{"Message":null}"#), for_now("too_many_requests"));
    }

    #[test]
    fn a_message_has_those_components_in_which_something_is_variable() {
        let placeholder = |name: Option<&str>, value: &str| FilledPlaceholder {
            name: name.map(str::to_owned),
            value: value.to_owned(),
        };
        let mut filled = FilledTemplate {
            name: "pay".to_owned(),
            locale: Locale::parse("fa-IR").unwrap(),
            parameters: vec![placeholder(None, "5")],
            header: None,
            button: None,
        };
        let components = |filled: &FilledTemplate| message("+1", filled)["template"]["components"].clone();
        let body = json!({ "type": "body", "parameters": [{ "type": "text", "text": "5" }] });
        assert_eq!(components(&filled), json!([body]));
        filled.header = Some(placeholder(Some("who"), "B"));
        filled.button = Some(FilledButton { index: 1, rest: "abc".to_owned() });
        filled.parameters = Vec::new();
        assert_eq!(
            components(&filled),
            json!([
                { "type": "header", "parameters": [{ "type": "text", "parameter_name": "who", "text": "B" }] },
                { "type": "button", "sub_type": "url", "index": "1", "parameters": [{ "type": "text", "text": "abc" }] },
            ])
        );
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
        for (code, reason) in [
            (131_026, "not_on_whatsapp"),
            (132_015, "template_not_approved"),
            (131_049, "enough_for_this_person"),
            (131_050, "marketing_declined"),
            (131_042, "billing_unsettled"),
            (130_472, "held_back_for_experiment"),
            (130_497, "country_not_permitted"),
            (1, "not_delivered"),
        ] {
            let about = About::Provider("a-1".to_owned());
            assert_eq!(read(Some("a-1"), failed(code)), [Report { about, reason: reason.to_owned() }]);
        }
        assert_eq!(read(None, failed(131_026))[0].about, About::Provider("wamid.1".to_owned()));
        for status in ["sent", "delivered", "read"] {
            let statuses = json!([{ "id": "wamid.1", "status": status }]);
            assert_eq!(read(Some("a-1"), statuses), [], "{status}");
        }
        // An odd one does not lose the others, and an odd error not the failure.
        for odd in [json!({ "id": null, "status": "failed" }), json!({ "status": 5 }), json!("failed"), Value::Null] {
            let statuses = json!([odd, { "id": "wamid.2", "status": "failed", "errors": null }, odd,
                                  { "id": "wamid.3", "status": "failed", "errors": [null, { "code": 131_026 }] }]);
            let reports = read(None, statuses);
            let known: Vec<_> = reports.iter().map(|report| (&report.about, report.reason.as_str())).collect();
            let (second, third) = (About::Provider("wamid.2".to_owned()), About::Provider("wamid.3".to_owned()));
            assert_eq!(known, [(&second, "not_delivered"), (&third, "not_on_whatsapp")], "{odd}");
        }
        let entry = json!({ "changes": [null, { "value": null }, { "value": { "statuses": {} } },
                            { "value": { "statuses": [{ "id": "wamid.1", "status": "failed" }] } }] });
        let event = json!({ "whatsAppWebhookEntry": entry.to_string(), "messageId": null }).to_string();
        assert_eq!(Whatsapp::read_reports(&event).len(), 1);
        // What people write to the business comes the same way.
        assert_eq!(read(Some("a-1"), Value::Null), []);
    }
}

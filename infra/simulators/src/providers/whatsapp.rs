//! WhatsApp: `SendWhatsAppMessage` of AWS End User Messaging Social, by its wire protocol, delivering into the inbox.
//!
//! It is strict where AWS and Meta are: the call has to be signed for the service, and the message has to be a template
//! that was approved, with as many parameters as it has placeholders. The rules are those of the API reference and of
//! Meta's Cloud API. Signatures are looked at for their form only: on one machine there is no account that they could
//! belong to.
//!
//! Of templates it knows [`DEMO_TEMPLATE`] and [`DEMO_RECEIPT_TEMPLATE`], with two placeholders, and [`DEMO_TEMPLATE_WITH_PARTS`], with a header, named
//! placeholders and a button, in Persian and English. Numbers that end with a marker make it misbehave: `0000429` is
//! throttled the first time, `0000131` is not on WhatsApp, `0000150` wants no marketing, `0000149` got enough for now the
//! first time, `0000142` meets an account that is not paid for the first time, `0000172` is part of an experiment,
//! `0000197` lives where the account may not write to, and `0000132` is found not to be on WhatsApp only after the message
//! was accepted, which is reported the way a WhatsApp Business Account publishes it. How the next messages are answered can
//! be ordered too, at `/simulator/next_answer`.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::misbehaviour::misbehaving;
use crate::providers::aws_query::random_id;
use crate::providers::faults::{Fault, Faults, Marker};
use crate::providers::inbox::{Channel, Delivered, Inbox};
use crate::providers::reports::Reports;

/// The number of the demo business, as AWS calls it.
pub const DEMO_NUMBER: &str = "phone-number-id-00000000000000000000000000000001";

/// A template that the demo business had approved, with two placeholders.
pub const DEMO_TEMPLATE: &str = "payment_request";
/// One like it that tells of a payment.
pub const DEMO_RECEIPT_TEMPLATE: &str = "payment_receipt";
const PLACEHOLDERS: usize = 2;

/// Another one: a header with the placeholder `business`, a body with `amount`, and a button that leads to
/// `{{1}}` behind an address that was approved.
pub const DEMO_TEMPLATE_WITH_PARTS: &str = "payment_button";

/// The endings of numbers that the simulator refuses, each with the refusal and how often it is given.
const FAULT_MARKERS: [Marker<Refusal>; 7] = [
    ("0000131", Fault::Always(meta("(#131026) Message undeliverable"))),
    ("0000142", Fault::AtFirst(meta("(#131042) Business eligibility payment issue"))),
    ("0000149", Fault::AtFirst(meta("(#131049) Not delivered to maintain healthy ecosystem engagement"))),
    ("0000150", Fault::Always(meta("(#131050) User has stopped marketing messages"))),
    ("0000172", Fault::Always(meta("(#130472) User's number is part of an experiment"))),
    ("0000197", Fault::Always(meta("(#130497) Account is restricted from messaging users in this country"))),
    ("0000429", Fault::AtFirst((StatusCode::TOO_MANY_REQUESTS, "ThrottledRequestException", "Rate exceeded"))),
];

/// Numbers of people who are not on WhatsApp, as Meta finds out later.
const GIVEN_UP: &str = "0000132";

#[derive(Debug, Clone)]
struct Provider {
    inbox: Inbox,
    faults: Faults<Refusal>,
    reports: Reports,
}

/// Serves `POST /v1/whatsapp/send`.
pub fn router(inbox: Inbox, reports: Reports) -> Router {
    let provider = Provider { inbox, faults: Faults::at_the_end(&FAULT_MARKERS), reports };
    misbehaving(Router::new().route("/v1/whatsapp/send", post(call)).with_state(provider))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    origination_phone_number_id: String,
    message: String,
    meta_api_version: String,
}

/// Status, name and text of an error.
type Refusal = (StatusCode, &'static str, &'static str);

const fn invalid(text: &'static str) -> Refusal {
    (StatusCode::BAD_REQUEST, "ValidationException", text)
}

/// An error of Meta, which AWS passes on.
const fn meta(text: &'static str) -> Refusal {
    (StatusCode::BAD_GATEWAY, "DependencyException", text)
}

async fn call(State(provider): State<Provider>, headers: HeaderMap, body: Bytes) -> Response {
    match provider.send(&headers, &body) {
        Ok(id) => Json(json!({ "messageId": id })).into_response(),
        Err((status, kind, text)) => {
            (status, [(HeaderName::from_static("x-amzn-errortype"), kind)], Json(json!({ "message": text })))
                .into_response()
        }
    }
}

impl Provider {
    fn send(&self, headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
        check_signature(headers)?;
        let request: Request = serde_json::from_slice(body).map_err(|_| invalid("the request cannot be read"))?;
        if request.origination_phone_number_id != DEMO_NUMBER {
            return Err((StatusCode::NOT_FOUND, "ResourceNotFoundException", "there is no such phone number"));
        }
        let version = request.meta_api_version.strip_prefix('v').and_then(|version| version.split_once('.'));
        if !version.is_some_and(|(major, minor)| major.parse::<u16>().is_ok() && minor.parse::<u16>().is_ok()) {
            return Err(invalid("metaApiVersion has another form"));
        }
        let message = STANDARD.decode(request.message).map_err(|_| invalid("message is no base64"))?;
        let message: Value = serde_json::from_slice(&message).map_err(|_| invalid("message is no JSON"))?;
        let (to, text) = read(&message)?;
        if let Some(refusal) = self.faults.refusal(&to, None) {
            return Err(refusal);
        }
        let id = random_id();
        if to.ends_with(GIVEN_UP) {
            self.reports.by_topic(&failed(&id, &to));
            return Ok(id);
        }
        let delivered = Delivered {
            channel: Channel::Social,
            to,
            from: "Demo Business on WhatsApp".to_owned(),
            reply_to: None,
            subject: None,
            body: text,
            html: None,
            at: Timestamp::now(),
            provider_id: id.clone(),
        };
        self.inbox.push(delivered).map_err(|error| {
            tracing::error!(%error, "The inbox could not be written.");
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceException", "it could not be delivered")
        })?;
        Ok(id)
    }
}

/// What is published to the account's topic about a message that Meta could not deliver.
fn failed(id: &str, to: &str) -> Value {
    let entry = json!({ "id": "100000000000001", "changes": [{ "field": "messages", "value": {
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "982100000000", "phone_number_id": "100000000000002" },
        "statuses": [{
            "id": format!("wamid.{id}"), "status": "failed", "timestamp": Timestamp::now().as_second().to_string(),
            "recipient_id": to.trim_start_matches('+'),
            "errors": [{ "code": 131_026, "title": "Message undeliverable" }],
        }],
    } }] });
    json!({
        "context": { "MetaWabaIds": [], "MetaPhoneNumberIds": [] }, "whatsAppWebhookEntry": entry.to_string(),
        "aws_account_id": "000000000000", "message_timestamp": Timestamp::now().to_string(), "messageId": id,
    })
}

/// A signature of version 4 for this service over at least the host and the time.
fn check_signature(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signature = text(AUTHORIZATION);
    let is_whole = signature.starts_with("AWS4-HMAC-SHA256 Credential=")
        && signature.contains("/social-messaging/aws4_request")
        && signature.contains("SignedHeaders=content-type;host;x-amz-date")
        && signature.split("Signature=").nth(1).is_some_and(|hex| hex.len() == 64)
        && !text(HeaderName::from_static("x-amz-date")).is_empty();
    if !is_whole {
        return Err((StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", "the call is not signed"));
    }
    if text(CONTENT_TYPE) != "application/json" {
        return Err(invalid("the body is not application/json"));
    }
    Ok(())
}

/// Reads the recipient and the text of a message.
fn read(message: &Value) -> Result<(String, String), Refusal> {
    if message["messaging_product"] != "whatsapp" {
        return Err(invalid("(#100) messaging_product must be whatsapp"));
    }
    let to = message["to"].as_str().unwrap_or_default();
    let digits = to.strip_prefix('+').unwrap_or(to);
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid("(#100) Invalid parameter: to"));
    }
    if message["type"] != "template" {
        return Err(invalid("(#131047) Re-engagement message: only templates outside of a conversation"));
    }
    let template = &message["template"];
    let is_in_language =
        ["fa", "fa_IR", "en", "en_US"].contains(&template["language"]["code"].as_str().unwrap_or_default());
    let text = match template["name"].as_str() {
        Some(DEMO_TEMPLATE | DEMO_RECEIPT_TEMPLATE) if is_in_language => plain(&template["components"])?,
        Some(DEMO_TEMPLATE_WITH_PARTS) if is_in_language => with_parts(&template["components"])?,
        Some(_) | None => return Err(invalid("(#132001) Template name does not exist in the translation")),
    };
    Ok((format!("+{digits}"), text))
}

const ANOTHER_NUMBER: Refusal = invalid("(#132000) Number of parameters does not match the expected number of params");

/// Two placeholders that are known by their places, in the body and nowhere else.
fn plain(components: &Value) -> Result<String, Refusal> {
    let [body] = components.as_array().map(Vec::as_slice).unwrap_or_default() else { return Err(ANOTHER_NUMBER) };
    let texts = texts(body, "body", &[None; PLACEHOLDERS])?;
    Ok(texts.join("\n"))
}

/// A header and a body with names, and the first button, which leads to an address.
fn with_parts(components: &Value) -> Result<String, Refusal> {
    let [header, body, button] = components.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(ANOTHER_NUMBER);
    };
    if button["sub_type"] != "url" || button["index"] != "0" {
        return Err(invalid("(#132000) There is no such button"));
    }
    let header = texts(header, "header", &[Some("business")])?;
    let body = texts(body, "body", &[Some("amount")])?;
    let button = texts(button, "button", &[None])?;
    Ok([header, body, button].concat().join("\n"))
}

/// The values of the placeholders of a component, which have these names or none.
fn texts(component: &Value, kind: &str, names: &[Option<&str>]) -> Result<Vec<String>, Refusal> {
    let parameters = component["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if component["type"] != kind || parameters.len() != names.len() {
        return Err(ANOTHER_NUMBER);
    }
    let text = |(parameter, name): (&Value, &Option<&str>)| {
        if parameter["parameter_name"].as_str() != *name {
            return Err(invalid("(#132000) A parameter has another name"));
        }
        let text = parameter["text"].as_str().filter(|_| parameter["type"] == "text").unwrap_or_default();
        if text.is_empty() || text.contains(['\n', '\t']) {
            return Err(invalid("(#132005) A parameter is empty or has a line break"));
        }
        Ok(text.to_owned())
    };
    parameters.iter().zip(names).map(text).collect()
}

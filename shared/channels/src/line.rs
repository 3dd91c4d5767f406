//! SMS by way of the business's own line: a POST to an address of its CRM, signed as events are, with the message's id
//! as that of the webhook, which is the same on each try. docs/messages.md describes it for whoever answers it.
//!
//! What became of a message the line reports by a call of the API, which no function reads here.

use domain::calendar::written_instant;
use domain::messages::channel::Channel;
use domain::messages::delivery::SendOutcome;
use domain::messages::kind::MessageKind;
use domain::messages::report::{ProviderMessageId, ReasonCode};
use domain::messages::sms::SmsLength;
use jiff::tz::TimeZone;
use outbound::Answer;
use serde::Serialize;
use serde_json::Value;

use crate::signing::{retry_after, signed_post};
use crate::{Channels, Outgoing, ProviderAdapter, Record, for_good, for_now};

/// The version of the body. Within one, fields are only added.
const VERSION: u32 = 1;

pub(crate) struct Line;

impl ProviderAdapter for Line {
    async fn send(channels: &Channels, record: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let Ok(body) = serde_json::to_string(&Body::of(outgoing)) else { return for_good("message_cannot_be_built") };
        let (id, trace) = (outgoing.label.message.as_str(), outgoing.particulars.trace);
        let Some(request) = signed_post(record.url, record.signing, id, &body, trace, outgoing.now) else {
            return for_now("message_cannot_be_signed");
        };
        match channels.call_for_status(record.url, request, body).await {
            Ok(answer) => match outcome(&answer) {
                SendOutcome::FailedForNow { reason, wait: _ } => {
                    SendOutcome::FailedForNow { reason, wait: retry_after(answer.retry_after.as_deref(), outgoing.now) }
                }
                decided @ (SendOutcome::Accepted { .. } | SendOutcome::FailedForGood { .. }) => decided,
            },
            Err(failed) => failed,
        }
    }

    /// The status decides, and a reason beside it.
    fn meaning(answer: &Answer) -> Option<SendOutcome> {
        Some(outcome(answer))
    }
}

/// What the line is told of a message.
#[derive(Debug, Serialize)]
struct Body<'a> {
    version: u32,
    #[serde(rename = "type")]
    what: &'static str,
    /// The message's id: whoever knows it already must not send the message again.
    id: &'a str,
    business_id: &'a str,
    payment_link_id: &'a str,
    mode: &'static str,
    kind: &'static str,
    channel: &'static str,
    /// In E.164.
    to: &'a str,
    text: &'a str,
    locale: &'a str,
    sms: SmsLength,
    created_at: String,
    expires_at: String,
}

impl<'a> Body<'a> {
    fn of(outgoing: &Outgoing<'a>) -> Self {
        let (label, particulars) = (outgoing.label, outgoing.particulars);
        Self {
            version: VERSION,
            what: "message.send",
            id: label.message.as_str(),
            business_id: particulars.business.as_str(),
            payment_link_id: label.link.as_str(),
            mode: particulars.mode.as_str(),
            kind: MessageKind::LinkCreated.as_str(),
            channel: Channel::Sms.as_str(),
            to: outgoing.to,
            text: &outgoing.message.text,
            locale: particulars.locale.as_str(),
            sms: SmsLength::of(&outgoing.message.text),
            created_at: written_instant(particulars.created_at, &TimeZone::UTC),
            expires_at: written_instant(particulars.expires_at, &TimeZone::UTC),
        }
    }
}

/// What the line says in its answer, where that is an object.
struct Reply {
    /// Its own id of the message, where it gives one in a form that can be kept.
    provider_id: Option<String>,
    /// Why it does not take the message, where it says so.
    reason: Option<String>,
}

impl Reply {
    fn read(answer: &Answer) -> Option<Self> {
        let reply: Value = serde_json::from_slice(&answer.body).ok().filter(Value::is_object)?;
        let text = |name: &str| match &reply[name] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let id = text("provider_id").and_then(|id| ProviderMessageId::parse(&id).ok());
        // What is no word of a known form may be about a person, and says only that there is a reason.
        let word = |text: String| {
            ReasonCode::parse(&text).map_or("message_refused".to_owned(), |word| word.as_str().to_owned())
        };
        Some(Self { provider_id: id.map(|id| id.as_str().to_owned()), reason: text("reason").map(word) })
    }
}

/// A refusal is final where the line itself decided it: by its status, or by a reason. A page of somebody who stands
/// before it decides nothing.
fn outcome(answer: &Answer) -> SendOutcome {
    let reply = Reply::read(answer);
    let reason = reply.as_ref().and_then(|reply| reply.reason.as_deref());
    match answer.status {
        // Whoever answers everything with a page answers 200 too. An answer that broke off has no object either.
        200 if reply.is_none() => for_now("unreadable_answer"),
        200..=299 => SendOutcome::accepted(reply.and_then(|reply| reply.provider_id).unwrap_or_default()),
        300..=399 => for_now("redirected"),
        401 => for_now("signature_refused"),
        408 | 409 | 425 | 429 => for_now(reason.unwrap_or("too_many_requests")),
        410 | 422 => for_good(reason.unwrap_or("message_refused")),
        400..=499 => reason.map_or_else(|| for_now("unreadable_answer"), for_good),
        _ if reply.is_some() => for_now(reason.unwrap_or("provider_unavailable")),
        _ => for_now("unreadable_answer"),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::business::settings::Settings;
    use domain::gateway::Mode;
    use domain::ids::{BusinessId, LinkId, MessageId, PayToken};
    use domain::locale::Locale;
    use domain::messages::message::Message;
    use serde_json::json;

    use super::*;
    use crate::{Label, Particulars};

    fn of(status: u16, body: &str) -> SendOutcome {
        outcome(&Answer { status, retry_after: None, body: body.to_owned().into() })
    }

    #[test]
    fn a_message_counts_as_taken_over_only_where_the_line_says_so() {
        for (status, body, id) in [
            (200, "{}", ""),
            (200, r#"{"provider_id":"a-1"}"#, "a-1"),
            (200, r#"{"provider_id":17}"#, "17"),
            (200, r#"{"provider_id":null,"more":[1]}"#, ""),
            (202, "", ""),
            (204, "", ""),
            (201, "OK", ""),
            (202, r#"{"provider_id":"has blanks"}"#, ""),
        ] {
            assert_eq!(of(status, body), SendOutcome::accepted(id), "{status} {body}");
        }
        for (status, body) in [
            (200, ""),
            (200, "OK"),
            (200, "<html>"),
            (200, "[]"),
            (200, r#"{"provider_id":"#),
            (404, "<html>"),
            (403, "{}"),
        ] {
            assert_eq!(of(status, body), for_now("unreadable_answer"), "{status} {body}");
        }
    }

    #[test]
    fn a_refusal_is_final_where_the_line_decided_it() {
        let blocked = r#"{"reason":"number_blocked"}"#;
        for status in [400, 403, 404, 410, 422, 451] {
            assert_eq!(of(status, blocked), for_good("number_blocked"), "{status}");
        }
        for (status, body) in [(410, ""), (422, "<html>"), (400, r#"{"reason":"+989121234567 is blocked"}"#)] {
            assert_eq!(of(status, body), for_good("message_refused"), "{status} {body}");
        }
        let quota = r#"{"reason":"quota_used_up"}"#;
        for (status, body, reason) in [
            (302, "", "redirected"),
            (401, blocked, "signature_refused"),
            (408, "", "too_many_requests"),
            (409, quota, "quota_used_up"),
            (429, "", "too_many_requests"),
            (429, quota, "quota_used_up"),
            (500, "{}", "provider_unavailable"),
            (503, quota, "quota_used_up"),
            (502, "<html>", "unreadable_answer"),
        ] {
            assert_eq!(of(status, body), for_now(reason), "{status} {body}");
        }
    }

    #[test]
    fn the_line_is_told_all_that_it_needs_and_the_same_on_each_try() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let link = LinkId::of(&PayToken::from_random([1; 16]));
        let message = MessageId::of(&link, 0, "sms", "+971500000000");
        let text = Message { subject: None, text: "سلام".to_owned(), html: None, approved: None };
        let (business, locale) = (BusinessId::parse("shop").unwrap(), Locale::parse("fa").unwrap());
        let settings = Settings::default();
        let body = |now| {
            let particulars = Particulars {
                business: &business,
                mode: Mode::Sandbox,
                locale: &locale,
                created_at: at(0),
                expires_at: at(60),
                trace: None,
            };
            let label = Label { link: &link, message: &message };
            let sender = settings.sender();
            serde_json::to_value(Body::of(&Outgoing {
                to: "+971500000000",
                message: &text,
                sender,
                label,
                particulars,
                now,
            }))
            .unwrap()
        };
        let told = json!({
            "version": 1, "type": "message.send", "id": message.as_str(), "business_id": "shop",
            "payment_link_id": link.as_str(), "mode": "sandbox", "kind": "link_created", "channel": "sms",
            "to": "+971500000000", "text": "سلام", "locale": "fa",
            "sms": { "encoding": "UCS-2", "characters": 4, "segments": 1 },
            "created_at": "2027-01-15T08:00:00.000Z", "expires_at": "2027-01-15T08:01:00.000Z",
        });
        assert_eq!([body(at(1)), body(at(90))], [told.clone(), told]);
    }
}

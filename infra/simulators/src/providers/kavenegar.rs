//! Kavenegar, which takes SMS to numbers that SNS does not serve, by its wire protocol, delivering into the inbox.
//!
//! It is strict where Kavenegar is, so that a request that it would refuse is refused here first. The protocol is that
//! of its official clients: `POST /v1/{api key}/{group}/{method}.json` with a form, answered with a status of its own.
//!
//! Numbers that end with a marker make it misbehave: `0000411` is refused, `0000420` meets an account that may not send
//! links, `0000418` meets an empty account the first time, `0000014` has blocked such messages, and `0000500` fails the
//! first time. How the next messages are answered can be ordered too, at `/simulator/next_answer`. Of templates it knows
//! [`DEMO_TEMPLATE`].
//!
//! What became of a message it tells who asks for its status, and not at once: the first time it is on its way, and from
//! then on it has arrived, or it has not where the number ends with `0000011` (the phone was not reached) or `0000015` (its
//! owner blocks such messages). It remembers that for as long as it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::content_type::has_content_type;
use crate::misbehaviour::misbehaving;
use crate::providers::faults::{Fault, Faults, Marker};
use crate::providers::inbox::{Channel, Delivered, Inbox};

/// The demo business's key. It opens nothing anywhere else.
pub const DEMO_KEY: &str = "6C6F63616C2D64656D6F2D6275736973";

/// The sender number of the demo business's account.
pub const DEMO_SENDER_NUMBER: &str = "10000000";

/// A template that the demo business had approved: `%token %token2`.
pub const DEMO_TEMPLATE: &str = "payment-request";

/// The placeholders of templates, each with the number of white space characters that its value may have.
const TOKENS: [(&str, usize); 5] = [("token", 0), ("token2", 0), ("token3", 0), ("token10", 4), ("token20", 8)];

/// The endings of numbers that the simulator refuses, each with the refusal and how often it is given.
const FAULT_MARKERS: [Marker<u16>; 3] =
    [("0000411", Fault::Always(411)), ("0000418", Fault::AtFirst(418)), ("0000500", Fault::AtFirst(500))];

/// A text with a link is refused for numbers with this ending.
const WITHOUT_LINKS: &str = "0000420";

/// Numbers with this ending belong to people who have blocked such messages.
const BLOCKED: &str = "0000014";

/// The endings of numbers at which a message does not arrive, with the status that it has in the end.
const NOT_REACHED: [(&str, u16); 2] = [("0000011", 11), ("0000015", 14)];

/// The status of a message that an operator has, of one that arrived, and of an id that no message has.
const AT_THE_OPERATOR: u16 = 4;
const ARRIVED: u16 = 10;
const UNKNOWN_ID: u16 = 100;

/// At most so many messages can be asked about at once.
const MOST_IDS: usize = 500;

/// The longest texts that Kavenegar takes, in characters.
const LONGEST_TOKEN: usize = 100;
const LONGEST_MESSAGE: usize = 900;

#[derive(Debug, Clone)]
struct Provider {
    inbox: Inbox,
    faults: Faults<u16>,
    sent: Arc<Mutex<Sent>>,
}

/// The messages that were taken over since the start.
#[derive(Debug, Default)]
struct Sent {
    last_id: i64,
    statuses: BTreeMap<i64, Status>,
}

/// The status of a message now and in the end.
#[derive(Debug, Clone, Copy)]
struct Status {
    now: u16,
    in_the_end: u16,
}

impl Sent {
    /// The next id. `least` keeps it from being one of an earlier run.
    fn add(&mut self, least: i64, status: Status) -> i64 {
        self.last_id = self.last_id.saturating_add(1).max(least);
        self.statuses.insert(self.last_id, status);
        self.last_id
    }

    /// What is said to who asks, which is one step further the next time.
    fn tell(&mut self, id: i64) -> u16 {
        let Some(status) = self.statuses.get_mut(&id) else { return UNKNOWN_ID };
        let told = status.now;
        status.now = status.in_the_end;
        told
    }
}

/// Serves `/v1/{api key}/{group}/{method}.json`.
pub fn router(inbox: Inbox) -> Router {
    let provider = Provider { inbox, faults: Faults::at_the_end(&FAULT_MARKERS), sent: Arc::default() };
    misbehaving(Router::new().route("/v1/{key}/{group}/{method}", post(call)).with_state(provider))
}

type Form = BTreeMap<String, String>;

async fn call(
    State(provider): State<Provider>,
    Path((key, group, method)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = match provider.call(&key, &group, &method, &headers, &body) {
        Ok(entries) => (200, entries),
        Err(status) => (status, Value::Null),
    };
    let (status, entries) = done;
    let http = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (http, Json(json!({ "return": { "status": status, "message": meaning(status) }, "entries": entries })))
        .into_response()
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "approved",
        400 => "a parameter is missing or malformed",
        403 => "the API key is not valid",
        404 => "there is no such method",
        411 => "the receptor is not valid",
        412 => "the sender is not valid",
        413 => "the message is empty or too long",
        418 => "the credit does not suffice",
        420 => "links in messages are not allowed",
        422 => "a character is not allowed",
        414 => "too many messages are asked about",
        424 => "the template was not found",
        431 => "a value has a character that is not taken",
        _ => "the server cannot answer",
    }
}

impl Provider {
    /// Answers with the entries of the message, or with the status of the refusal.
    fn call(&self, key: &str, group: &str, method: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, u16> {
        if key != DEMO_KEY {
            return Err(403);
        }
        if !has_content_type(headers, "application/x-www-form-urlencoded") {
            return Err(400);
        }
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).map_err(|_| 400_u16)?;
        let form: Form = pairs.into_iter().collect();
        match (group, method) {
            ("sms", "send.json") => {
                let sender_number = form.get("sender").map_or(DEMO_SENDER_NUMBER, String::as_str);
                let message = form.get("message").map(String::as_str).unwrap_or_default();
                if sender_number != DEMO_SENDER_NUMBER {
                    return Err(412);
                }
                if message.trim().is_empty() || message.chars().count() > LONGEST_MESSAGE {
                    return Err(413);
                }
                self.deliver(&form, message).map(|entry| json!([entry]))
            }
            ("verify", "lookup.json") => self.deliver(&form, &filled(&form)?),
            ("sms", "status.json") => self.statuses(&form),
            _ => Err(404),
        }
    }

    fn statuses(&self, form: &Form) -> Result<Value, u16> {
        let ids = form.get("messageid").filter(|ids| !ids.is_empty()).ok_or(400_u16)?;
        let ids: Vec<i64> =
            ids.split(',').map(|id| id.trim().parse().map_err(|_| 400_u16)).collect::<Result<_, _>>()?;
        if ids.len() > MOST_IDS {
            return Err(414);
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |id: i64| json!({ "messageid": id, "status": sent.tell(id), "statustext": "" });
        Ok(ids.into_iter().map(entry).collect())
    }

    fn deliver(&self, form: &Form, text: &str) -> Result<Value, u16> {
        let receptor = form.get("receptor").map(String::as_str).unwrap_or_default();
        let to = number(receptor).ok_or(411_u16)?;
        if let Some(status) = self.faults.refusal(&to, None) {
            return Err(status);
        }
        if to.ends_with(WITHOUT_LINKS) && text.contains("http") {
            return Err(420);
        }
        let at = Timestamp::now();
        let is_blocked = to.ends_with(BLOCKED);
        let not_reached = NOT_REACHED.iter().find(|(ending, _)| to.ends_with(ending)).map(|(_, status)| *status);
        let least = i64::try_from(self.inbox.all().len()).unwrap_or(i64::MAX).saturating_add(8_000_001);
        let status = Status { now: AT_THE_OPERATOR, in_the_end: not_reached.unwrap_or(ARRIVED) };
        let id = self.sent.lock().unwrap_or_else(PoisonError::into_inner).add(least, status);
        if !is_blocked && not_reached.is_none() {
            let delivered = Delivered {
                channel: Channel::Sms,
                to,
                from: DEMO_SENDER_NUMBER.to_owned(),
                reply_to: None,
                subject: None,
                body: text.to_owned(),
                html: None,
                at,
                provider_id: id.to_string(),
            };
            self.inbox.push(delivered).map_err(|error| {
                tracing::error!(%error, "The inbox could not be written.");
                500_u16
            })?;
        }
        let status = if is_blocked { 14 } else { 1 };
        Ok(json!({ "messageid": id, "message": text, "status": status, "statustext": "", "sender": DEMO_SENDER_NUMBER,
                   "receptor": receptor, "date": at.as_second(), "cost": 0 }))
    }
}

/// The receptor in E.164. Numbers come as people in Iran dial them: `09…`, or `00` and the country.
fn number(receptor: &str) -> Option<String> {
    let is_number = |digits: &str| (10..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if let Some(digits) = receptor.strip_prefix("00") {
        return is_number(digits).then(|| format!("+{digits}"));
    }
    let national = receptor.strip_prefix('0').filter(|rest| rest.len() == 10 && rest.starts_with('9'))?;
    is_number(national).then(|| format!("+98{national}"))
}

/// The text of a template with its placeholders filled in.
fn filled(form: &Form) -> Result<String, u16> {
    let template = form.get("template").ok_or(400_u16)?;
    form.get("token").filter(|token| !token.is_empty()).ok_or(400_u16)?;
    if template != DEMO_TEMPLATE {
        return Err(424);
    }
    let mut text = Vec::new();
    for (name, max_spaces) in TOKENS {
        let Some(token) = form.get(name) else { continue };
        if token.chars().filter(|c| c.is_whitespace()).count() > max_spaces || token.chars().count() > LONGEST_TOKEN {
            return Err(422);
        }
        // Clients report that these are refused, whatever the documents say.
        if token.contains(['_', '\n', '\r']) {
            return Err(431);
        }
        text.push(token.as_str());
    }
    Ok(text.join("\n"))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use axum::http::header::CONTENT_TYPE;
    use tower::ServiceExt as _;

    use super::*;
    use crate::providers::inbox::tests::Outcome;

    async fn ask(router: &Router, key: &str, method: &str, fields: &[(&str, &str)]) -> Outcome<(u16, Value)> {
        let request = Request::post(format!("/v1/{key}/{method}.json"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(serde_urlencoded::to_string(fields)?))?;
        let response = router.clone().oneshot(request).await?;
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await?)?;
        let status = body["return"]["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        Ok((status.unwrap_or_default(), body["entries"].clone()))
    }

    #[tokio::test]
    async fn texts_and_templates_arrive() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone());
        let text = [("receptor", "09121234567"), ("message", "سلام"), ("sender", DEMO_SENDER_NUMBER)];
        let (status, entries) = ask(&router, DEMO_KEY, "sms/send", &text).await?;
        assert_eq!((status, &entries[0]["status"], &entries[0]["receptor"]), (200, &json!(1), &json!("09121234567")));
        let template =
            [("receptor", "004915112345678"), ("template", DEMO_TEMPLATE), ("token", "a"), ("token10", "b c")];
        assert_eq!(ask(&router, DEMO_KEY, "verify/lookup", &template).await?.0, 200);
        let delivered: Vec<_> = inbox.all().into_iter().map(|one| (one.to, one.body, one.from)).collect();
        let sender_number = || DEMO_SENDER_NUMBER.to_owned();
        assert_eq!(
            delivered,
            [
                ("+989121234567".to_owned(), "سلام".to_owned(), sender_number()),
                ("+4915112345678".to_owned(), "a\nb c".to_owned(), sender_number())
            ]
        );
        Ok(())
    }

    #[tokio::test]
    async fn what_it_refuses_is_refused() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone());
        let to = ("receptor", "09121234567");
        for (key, method, fields, status) in [
            ("another-key", "sms/send", vec![to, ("message", "x")], 403),
            (DEMO_KEY, "sms/shout", vec![to, ("message", "x")], 404),
            (DEMO_KEY, "sms/send", vec![("receptor", "+989121234567"), ("message", "x")], 411),
            (DEMO_KEY, "sms/send", vec![to, ("message", "x"), ("sender", "1")], 412),
            (DEMO_KEY, "sms/send", vec![to], 413),
            (DEMO_KEY, "verify/lookup", vec![to, ("template", "other"), ("token", "x")], 424),
            (DEMO_KEY, "verify/lookup", vec![to, ("template", DEMO_TEMPLATE), ("token", "a b")], 422),
            (DEMO_KEY, "verify/lookup", vec![to, ("template", DEMO_TEMPLATE)], 400),
            (DEMO_KEY, "verify/lookup", vec![to, ("template", DEMO_TEMPLATE), ("token", "a_b")], 431),
            (
                DEMO_KEY,
                "verify/lookup",
                vec![to, ("template", DEMO_TEMPLATE), ("token", "a"), ("token10", "a\nb")],
                431,
            ),
            (DEMO_KEY, "sms/status", vec![("messageid", "one")], 400),
        ] {
            assert_eq!(ask(&router, key, method, &fields).await?.0, status, "{method} {fields:?}");
        }
        assert!(inbox.all().is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn what_became_of_a_message_is_told_to_who_asks_and_not_at_once() -> Outcome {
        let router = router(Inbox::open(None)?);
        let mut told = Vec::new();
        for number in ["09120000007", "09120000011", "09120000015"] {
            let (_, entries) = ask(&router, DEMO_KEY, "sms/send", &[("receptor", number), ("message", "x")]).await?;
            let id = entries[0]["messageid"].to_string();
            for _ in 0..3 {
                let (_, entries) = ask(&router, DEMO_KEY, "sms/status", &[("messageid", &id)]).await?;
                told.push(entries[0]["status"].clone());
            }
        }
        assert_eq!(told, [4, 10, 10, 4, 11, 11, 4, 14, 14].map(Value::from));
        let (_, entries) = ask(&router, DEMO_KEY, "sms/status", &[("messageid", "1,2")]).await?;
        assert_eq!([&entries[0]["status"], &entries[1]["status"]], [&json!(100); 2]);
        Ok(())
    }
}

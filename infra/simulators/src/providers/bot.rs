//! A social network: the bot API of Telegram, by its wire protocol, delivering into the inbox.
//!
//! It is strict where Telegram is, so that a request that a network would refuse is refused here first. The rules are
//! those of the Bot API reference ("Making requests", `sendMessage`, "ResponseParameters") and the descriptions that
//! Telegram gives for people who cannot be written to.
//!
//! Chats whose id ends with a marker make it misbehave: `0403` blocked the bot, `0404` does not exist, `0405` does not
//! either, in the words of Bale and with its 404, `0301` is a group that became a supergroup, whose id has
//! [`SUPERGROUP`] in front, `0429` asks for a pause of two minutes the first time, and `0500` fails the first time. How
//! the next messages are answered can be ordered too, at `/simulator/next_answer`.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::misbehaviour::misbehaving;
use crate::providers::faults::{Fault, Faults, Marker};
use crate::providers::inbox::{Channel, Delivered, Inbox};

/// The token of the demo business's bot. It opens nothing anywhere else.
pub const DEMO_TOKEN: &str = "100000001:local-demo-business-bot";

/// How people see the demo business's bot.
const DEMO_BOT: &str = "@demo_business_bot";

/// Telegram's limit, in units of UTF-16.
const LONGEST_TEXT: usize = 4096;

/// Seconds.
const PAUSE: u32 = 120;

const CHAT_NOT_FOUND: Refusal = bad_request("Bad Request: chat not found");

const SLOWER: Refusal = Refusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    description: "Too Many Requests: retry after 120",
    retry_after: Some(PAUSE),
    moved_to: None,
};

/// Groups with this ending became supergroups.
const UPGRADED: &str = "0301";

/// What stands in front of the id of a group that became a supergroup. Such a chat takes messages.
pub const SUPERGROUP: &str = "-100";

/// The endings of chat ids that the simulator refuses, each with the refusal and how often it is given.
const FAULT_MARKERS: [Marker<Refusal>; 5] = [
    ("0403", Fault::Always(Refusal::new(StatusCode::FORBIDDEN, "Forbidden: bot was blocked by the user"))),
    ("0404", Fault::Always(CHAT_NOT_FOUND)),
    ("0405", Fault::Always(Refusal::new(StatusCode::NOT_FOUND, "no such group or user"))),
    ("0429", Fault::AtFirst(SLOWER)),
    ("0500", Fault::AtFirst(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))),
];

#[derive(Debug, Clone)]
struct Provider {
    inbox: Inbox,
    faults: Faults<Refusal>,
}

/// Serves `/bot{token}/{method}`.
pub fn router(inbox: Inbox) -> Router {
    let provider = Provider { inbox, faults: Faults::at_the_end(&FAULT_MARKERS) };
    misbehaving(Router::new().route("/{bot}/{method}", any(call)).with_state(provider))
}

async fn call(
    State(provider): State<Provider>,
    Path((bot, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match provider.call(&bot, &method, &headers, &body) {
        Ok(result) => Json(json!({ "ok": true, "result": result })).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// The reason why the provider did not do what it was asked to.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    status: StatusCode,
    description: &'static str,
    retry_after: Option<u32>,
    /// The new id of a chat.
    moved_to: Option<i64>,
}

impl Refusal {
    const fn new(status: StatusCode, description: &'static str) -> Self {
        Self { status, description, retry_after: None, moved_to: None }
    }

    fn into_response(self) -> Response {
        let mut body = json!({ "ok": false, "error_code": self.status.as_u16(), "description": self.description });
        if let Some(seconds) = self.retry_after {
            body["parameters"] = json!({ "retry_after": seconds });
        }
        if let Some(chat) = self.moved_to {
            body["parameters"] = json!({ "migrate_to_chat_id": chat });
        }
        (self.status, Json(body)).into_response()
    }
}

const fn bad_request(description: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, description)
}

impl Provider {
    fn call(&self, bot: &str, method: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let not_found = || Refusal::new(StatusCode::NOT_FOUND, "Not Found");
        let token = bot.strip_prefix("bot").filter(|token| token.contains(':')).ok_or_else(not_found)?;
        if token != DEMO_TOKEN {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized"));
        }
        // The names of methods are read in any case.
        if !method.eq_ignore_ascii_case("sendMessage") {
            return Err(not_found());
        }
        let parameters = parameters(headers, body)?;
        let text = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        let chat = text("chat_id");
        if chat.is_empty() {
            return Err(bad_request("Bad Request: chat_id is empty"));
        }
        let message = text("text").trim();
        if message.is_empty() {
            return Err(bad_request("Bad Request: message text is empty"));
        }
        if message.encode_utf16().count() > LONGEST_TEXT {
            return Err(bad_request("Bad Request: message is too long"));
        }
        self.check_chat(chat)?;
        self.deliver(chat, message)
    }

    fn check_chat(&self, chat: &str) -> Result<(), Refusal> {
        let is_known = chat.parse::<i64>().is_ok_and(|number| number != 0)
            || chat
                .strip_prefix('@')
                .is_some_and(|name| name.len() >= 5 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        if !is_known {
            return Err(CHAT_NOT_FOUND);
        }
        if let Some(moved_to) = supergroup_of(chat) {
            let refusal = bad_request("Bad Request: group chat was upgraded to a supergroup chat");
            return Err(Refusal { moved_to: Some(moved_to), ..refusal });
        }
        self.faults.refusal(chat, None).map_or(Ok(()), Err)
    }

    fn deliver(&self, chat: &str, message: &str) -> Result<Value, Refusal> {
        let number = i64::try_from(self.inbox.all().len()).unwrap_or(i64::MAX).saturating_add(1);
        let at = Timestamp::now();
        let delivered = Delivered {
            channel: Channel::Social,
            to: chat.to_owned(),
            from: DEMO_BOT.to_owned(),
            reply_to: None,
            subject: None,
            body: message.to_owned(),
            html: None,
            at,
            provider_id: number.to_string(),
        };
        self.inbox.push(delivered).map_err(|error| {
            tracing::error!(%error, "The inbox could not be written.");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        })?;
        let chat = chat.parse::<i64>().map_or_else(
            |_| json!({ "username": chat.trim_start_matches('@'), "type": "channel" }),
            |id| json!({ "id": id, "type": "private" }),
        );
        Ok(json!({ "message_id": number, "date": at.as_second(), "chat": chat, "text": message }))
    }
}

/// The supergroup that a group became.
fn supergroup_of(chat: &str) -> Option<i64> {
    let group = chat.strip_prefix('-').filter(|id| id.ends_with(UPGRADED) && !chat.starts_with(SUPERGROUP))?;
    format!("{SUPERGROUP}{group}").parse().ok()
}

/// The parameters of a call, as a JSON object or as a form. Numbers may come as such or as texts.
fn parameters(headers: &HeaderMap, body: &[u8]) -> Result<BTreeMap<String, String>, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => {
            let malformed = || bad_request("Bad Request: can't parse JSON object");
            let fields: BTreeMap<String, Value> = serde_json::from_slice(body).map_err(|_| malformed())?;
            let text = |value: Value| match value {
                Value::String(text) => Ok(text),
                Value::Number(number) => Ok(number.to_string()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(malformed()),
            };
            fields.into_iter().map(|(name, value)| Ok((name, text(value)?))).collect()
        }
        "application/x-www-form-urlencoded" => {
            let pairs: Vec<(String, String)> =
                serde_urlencoded::from_bytes(body).map_err(|_| bad_request("Bad Request: can't parse the form"))?;
            Ok(pairs.into_iter().collect())
        }
        // Parameters of any other kind are not seen at all.
        _ => Ok(BTreeMap::new()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::providers::inbox::tests::Outcome;

    async fn ask(router: &Router, token: &str, kind: &str, body: &str) -> Outcome<(u16, Value)> {
        let request = Request::post(format!("/bot{token}/sendMessage")).header(CONTENT_TYPE, kind);
        let response = router.clone().oneshot(request.body(Body::from(body.to_owned()))?).await?;
        let status = response.status().as_u16();
        Ok((status, serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await?)?))
    }

    async fn tell(router: &Router, chat: &str) -> Outcome<(u16, Value)> {
        ask(router, DEMO_TOKEN, "application/json", &json!({ "chat_id": chat, "text": "سلام" }).to_string()).await
    }

    #[tokio::test]
    async fn a_message_arrives_as_json_or_as_a_form() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone());
        let (status, answer) = tell(&router, "700").await?;
        assert_eq!((status, &answer["ok"], &answer["result"]["chat"]["id"]), (200, &json!(true), &json!(700)));
        let form = "chat_id=-1001&text=x";
        assert_eq!(ask(&router, DEMO_TOKEN, "application/x-www-form-urlencoded", form).await?.0, 200);
        let delivered: Vec<_> = inbox.all().into_iter().map(|one| (one.channel, one.to, one.body)).collect();
        assert_eq!(
            delivered,
            [
                (Channel::Social, "700".to_owned(), "سلام".to_owned()),
                (Channel::Social, "-1001".to_owned(), "x".to_owned())
            ]
        );
        Ok(())
    }

    #[tokio::test]
    async fn what_the_network_refuses_is_refused() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone());
        let json_type = "application/json";
        let good = json!({ "chat_id": 700, "text": "x" }).to_string();
        assert_eq!(ask(&router, "1:another", json_type, &good).await?.0, 401);
        assert_eq!(ask(&router, "no-token", json_type, &good).await?.0, 404);
        assert_eq!(ask(&router, DEMO_TOKEN, "text/plain", &good).await?.0, 400);
        let long = json!({ "chat_id": 700, "text": "x".repeat(4097) }).to_string();
        for bad in ["{", "{}", r#"{"chat_id":700,"text":" "}"#, r#"{"chat_id":"Ali","text":"x"}"#, long.as_str()] {
            assert_eq!(ask(&router, DEMO_TOKEN, json_type, bad).await?.0, 400, "{bad}");
        }
        assert_eq!(tell(&router, "70403").await?.1["description"], "Forbidden: bot was blocked by the user");
        assert_eq!(tell(&router, "70404").await?.1["description"], "Bad Request: chat not found");
        let (status, bale) = tell(&router, "70405").await?;
        assert_eq!((status, &bale["description"]), (404, &json!("no such group or user")));
        assert!(inbox.all().is_empty());
        assert_eq!(tell(&router, "70429").await?.1["parameters"]["retry_after"], 120);
        assert_eq!([tell(&router, "70429").await?.0, tell(&router, "70500").await?.0], [200, 500]);
        Ok(())
    }

    #[tokio::test]
    async fn a_group_that_became_a_supergroup_says_where_it_is() -> Outcome {
        let inbox = Inbox::open(None)?;
        let router = router(inbox.clone());
        let (status, answer) = tell(&router, "-70301").await?;
        assert_eq!((status, &answer["parameters"]["migrate_to_chat_id"]), (400, &json!(-10_070_301)));
        assert!(inbox.all().is_empty());
        assert_eq!(tell(&router, "-10070301").await?.0, 200);
        Ok(())
    }
}

//! The bot API that Telegram began and others took over: `POST {base}/bot{token}/sendMessage` with a JSON object, as
//! Telegram's reference describes it (core.telegram.org/bots/api, "Making requests" and `sendMessage`).

use domain::messages::delivery::SendOutcome;
use jiff::SignedDuration;
use outbound::Answer;
use serde_json::{Value, json};

use crate::{Channels, Outgoing, ProviderAdapter, Record, for_good, for_now};

pub(crate) struct Bot;

impl ProviderAdapter for Bot {
    /// A group that became a supergroup has another id since. The network tells it, and the message goes there, once.
    async fn send(channels: &Channels, record: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let chat = chat_id(outgoing.to);
        let answer = match send_to(channels, record, &chat, &outgoing.message.text).await {
            Ok(answer) => answer,
            Err(failed) => return failed,
        };
        let Some(moved_to) = moved_to(&answer) else { return outcome(&answer) };
        match send_to(channels, record, &json!(moved_to), &outgoing.message.text).await {
            Ok(answer) => match outcome(&answer) {
                SendOutcome::Accepted { provider_id, .. } => {
                    SendOutcome::Accepted { provider_id, moved_to: Some(moved_to.to_string()) }
                }
                failed @ (SendOutcome::FailedForNow { .. } | SendOutcome::FailedForGood { .. }) => failed,
            },
            Err(failed) => failed,
        }
    }

    /// Only a refusal that the bot's server itself wrote is final.
    fn meaning(answer: &Answer) -> Option<SendOutcome> {
        Some(outcome(answer))
    }
}

async fn send_to(channels: &Channels, record: Record<'_>, chat: &Value, text: &str) -> Result<Answer, SendOutcome> {
    let Record { base_url, secret: token, .. } = record;
    let body = json!({ "chat_id": chat, "text": text }).to_string();
    channels.post(&format!("{base_url}/bot{token}/sendMessage"), "application/json", body).await
}

/// The new id of a chat, where that is why the message was refused.
fn moved_to(answer: &Answer) -> Option<i64> {
    let reply = Reply::read(answer)?;
    reply.migrate_to_chat_id.filter(|_| !reply.ok)
}

/// So much of an id of theirs is kept, in characters.
const LONGEST_ID: usize = 64;

/// What an answer says. Networks that took the API over write null, or a text for a number, where Telegram does not; such
/// a field says nothing or what it means, and the rest of the answer counts. What was sent must not be sent again because
/// of its form.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    ok: bool,
    error_code: Option<u16>,
    /// For people and not kept: it may repeat what was sent.
    description: String,
    /// Seconds.
    retry_after: Option<u32>,
    /// The new id of a group that became a supergroup ("ResponseParameters").
    migrate_to_chat_id: Option<i64>,
    message_id: Option<String>,
}

impl Reply {
    /// `None` for what is no object.
    fn read(answer: &Answer) -> Option<Self> {
        let reply: Value = serde_json::from_slice(&answer.body).ok().filter(Value::is_object)?;
        let (parameters, message_id) = (&reply["parameters"], &reply["result"]["message_id"]);
        let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        let text = message_id.as_str().map(|id| id.chars().take(LONGEST_ID).collect());
        Some(Self {
            ok: reply["ok"] == true,
            error_code: number(&reply["error_code"]).and_then(|code| u16::try_from(code).ok()),
            description: reply["description"].as_str().unwrap_or_default().to_owned(),
            retry_after: number(&parameters["retry_after"]).and_then(|seconds| u32::try_from(seconds).ok()),
            migrate_to_chat_id: number(&parameters["migrate_to_chat_id"]),
            message_id: text.or_else(|| message_id.as_i64().map(|id| id.to_string())),
        })
    }
}

fn outcome(answer: &Answer) -> SendOutcome {
    let Some(reply) = Reply::read(answer) else { return for_now("unreadable_answer") };
    if reply.ok {
        return SendOutcome::accepted(reply.message_id.unwrap_or_default());
    }
    let says = |words: &str| reply.description.to_ascii_lowercase().contains(words);
    let is_bare = ["", "not found"].contains(&reply.description.trim().to_ascii_lowercase().as_str());
    match reply.error_code.unwrap_or(answer.status) {
        // The chat moved again right after the network had told where to.
        400 if reply.migrate_to_chat_id.is_some() => for_now("chat_moved"),
        // Bale says it in its own words and with 404, as its clients report.
        400 | 404 if says("chat not found") || says("no such group or user") => for_good("chat_not_found"),
        400 if says("message is too long") => for_good("message_too_long"),
        400 => for_good("message_refused"),
        // Telegram answers 404 and nothing else to a token that has not even the form of one. A 404 that says more is about
        // the message alone.
        401 => for_good("token_refused"),
        404 if is_bare => for_good("token_refused"),
        404 => for_good("message_refused"),
        403 if says("blocked") => for_good("bot_blocked"),
        403 if says("deactivated") => for_good("account_deactivated"),
        403 if says("initiate") => for_good("conversation_not_started"),
        403 => for_good("bot_not_allowed"),
        429 => {
            let wait = reply.retry_after.map(|seconds| SignedDuration::from_secs(i64::from(seconds)));
            SendOutcome::FailedForNow { reason: "too_many_requests".to_owned(), wait }
        }
        _ => for_now("provider_unavailable"),
    }
}

/// A number names a chat or a person; anything else is the name of a public chat.
fn chat_id(chat: &str) -> Value {
    chat.parse::<i64>().map_or_else(|_| json!(chat), |number| json!(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> SendOutcome {
        outcome(&Answer { status, retry_after: None, body: body.to_owned().into() })
    }

    fn refusal(code: u16, description: &str) -> SendOutcome {
        of(code, &json!({ "ok": false, "error_code": code, "description": description }).to_string())
    }

    #[test]
    fn what_cannot_work_later_is_final_and_each_reason_has_a_name() {
        for (code, description, reason) in [
            (400, "Bad Request: chat not found", "chat_not_found"),
            (400, "Bad Request: message is too long", "message_too_long"),
            (400, "Bad Request: can't parse entities", "message_refused"),
            (401, "Unauthorized", "token_refused"),
            (404, "Not Found", "token_refused"),
            (404, "", "token_refused"),
            (404, "no such group or user", "chat_not_found"),
            (404, "Not Found: no such group or user", "chat_not_found"),
            (404, "permission_denied", "message_refused"),
            (403, "Forbidden: bot was blocked by the user", "bot_blocked"),
            (403, "Forbidden: user is deactivated", "account_deactivated"),
            (403, "Forbidden: bot can't initiate conversation with a user", "conversation_not_started"),
            (403, "Forbidden: bot was kicked from the group chat", "bot_not_allowed"),
        ] {
            assert_eq!(
                refusal(code, description),
                SendOutcome::FailedForGood { reason: reason.to_owned() },
                "{description}"
            );
        }
    }

    #[test]
    fn what_may_work_later_is_not_final_and_keeps_the_pause_that_was_asked_for() {
        let asked = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}"#;
        let wait = Some(SignedDuration::from_secs(35));
        assert_eq!(of(429, asked), SendOutcome::FailedForNow { reason: "too_many_requests".to_owned(), wait });
        for body in ["", "<html>", "[]", r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#] {
            assert!(matches!(of(502, body), SendOutcome::FailedForNow { wait: None, .. }), "{body}");
        }
        assert!(
            matches!(of(200, "<html>"), SendOutcome::FailedForNow { .. }),
            "who cannot be understood has promised nothing"
        );
    }

    #[test]
    fn a_sent_message_has_the_networks_number() {
        let body = r#"{"ok":true,"result":{"message_id":17,"date":1,"chat":{"id":5,"type":"private"},"text":"x"}}"#;
        assert_eq!(of(200, body), SendOutcome::accepted("17"));
        assert_eq!(chat_id("-1001"), json!(-1001));
        assert_eq!(chat_id("@name"), json!("@name"));
    }

    #[test]
    fn a_message_that_was_sent_is_sent_whatever_else_the_answer_says_or_does_not() {
        for body in [
            r#"{"ok":true,"result":null}"#,
            r#"{"ok":true,"result":true}"#,
            r#"{"ok":true,"result":[]}"#,
            r#"{"ok":true,"result":{"message_id":null}}"#,
            r#"{"ok":true,"result":null,"error_code":null,"description":null,"parameters":null}"#,
            r#"{"ok":true}"#,
        ] {
            assert_eq!(of(200, body), SendOutcome::accepted(""), "{body}");
        }
        assert_eq!(of(200, r#"{"ok":true,"result":{"message_id":"17"}}"#), SendOutcome::accepted("17"));
        let long = json!({ "ok": true, "result": { "message_id": "x".repeat(1_000) } }).to_string();
        assert_eq!(of(200, &long), SendOutcome::accepted("x".repeat(64)));
    }

    #[test]
    fn an_error_with_nulls_or_texts_keeps_its_meaning() {
        let with_nulls = r#"{"ok":false,"result":null,"parameters":null,"description":null,"error_code":null}"#;
        for (status, expected) in [
            (400, for_good("message_refused")),
            (401, for_good("token_refused")),
            (403, for_good("bot_not_allowed")),
            (404, for_good("token_refused")),
            (429, for_now("too_many_requests")),
            (500, for_now("provider_unavailable")),
        ] {
            assert_eq!(of(status, with_nulls), expected, "{status}");
        }
        let blocked = r#"{"ok":false,"error_code":"403","description":"bot was blocked","parameters":null}"#;
        assert_eq!(of(200, blocked), for_good("bot_blocked"));
        let slower = r#"{"ok":false,"error_code":"429","parameters":{"retry_after":"35"}}"#;
        let wait = Some(SignedDuration::from_secs(35));
        assert_eq!(of(200, slower), SendOutcome::FailedForNow { reason: "too_many_requests".to_owned(), wait });
        let moved = r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":"-1001"}}"#;
        assert_eq!(moved_to(&Answer { status: 400, retry_after: None, body: moved.into() }), Some(-1001));
    }

    #[test]
    fn a_group_that_became_a_supergroup_has_another_id() {
        let moved = r#"{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1001},
                        "description":"Bad Request: group chat was upgraded to a supergroup chat"}"#;
        let answer = |body: &str| Answer { status: 400, retry_after: None, body: body.to_owned().into() };
        assert_eq!(moved_to(&answer(moved)), Some(-1001));
        assert_eq!(moved_to(&answer(r#"{"ok":false,"error_code":400,"description":"Bad Request"}"#)), None);
        // A chat that moves twice within one try is looked for again later.
        assert!(matches!(of(400, moved), SendOutcome::FailedForNow { .. }));
    }
}

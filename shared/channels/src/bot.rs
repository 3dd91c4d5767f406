//! The bot API that Telegram began and others took over: `POST {base}/bot{token}/sendMessage` with a JSON object, as
//! Telegram's reference describes it (core.telegram.org/bots/api, "Making requests" and `sendMessage`).

use domain::messages::delivery::SendOutcome;
use jiff::SignedDuration;
use outbound::Answer;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Channels, Outgoing, ProviderAdapter, Record, for_good, for_now};

pub(crate) struct Bot;

impl ProviderAdapter for Bot {
    async fn send(channels: &Channels, record: Record<'_>, outgoing: &Outgoing<'_>) -> SendOutcome {
        let body = json!({ "chat_id": chat_id(outgoing.to), "text": outgoing.message.text }).to_string();
        let Record { base_url, secret: token, .. } = record;
        let url = format!("{base_url}/bot{token}/sendMessage");
        match channels.post(&url, "application/json", body).await {
            Ok(answer) => outcome(&answer),
            Err(failed) => failed,
        }
    }

    /// Only a refusal that the bot's server itself wrote is final.
    fn meaning(answer: &Answer) -> Option<SendOutcome> {
        Some(outcome(answer))
    }
}

/// What every answer has. The description is for people and is not kept: it may repeat what was sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    ok: bool,
    error_code: Option<u16>,
    description: String,
    parameters: Parameters,
    result: Message,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    /// Seconds.
    retry_after: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    message_id: Option<i64>,
}

fn outcome(answer: &Answer) -> SendOutcome {
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else { return for_now("unreadable_answer") };
    if reply.ok {
        let id = reply.result.message_id.map(|id| id.to_string());
        return SendOutcome::Accepted { provider_id: id.unwrap_or_default() };
    }
    let says = |words: &str| reply.description.to_ascii_lowercase().contains(words);
    match reply.error_code.unwrap_or(answer.status) {
        400 if says("chat not found") => for_good("chat_not_found"),
        400 if says("message is too long") => for_good("message_too_long"),
        400 => for_good("message_refused"),
        // Telegram answers 404 to a token that has not even the form of one.
        401 | 404 => for_good("token_refused"),
        403 if says("blocked") => for_good("bot_blocked"),
        403 if says("deactivated") => for_good("account_deactivated"),
        403 if says("initiate") => for_good("conversation_not_started"),
        403 => for_good("bot_not_allowed"),
        429 => {
            let wait = reply.parameters.retry_after.map(|seconds| SignedDuration::from_secs(i64::from(seconds)));
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
        assert_eq!(of(200, body), SendOutcome::Accepted { provider_id: "17".to_owned() });
        assert_eq!(chat_id("-1001"), json!(-1001));
        assert_eq!(chat_id("@name"), json!("@name"));
    }
}

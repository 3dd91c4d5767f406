//! What providers report to deliver-messages after they accepted a message, in the envelope in which AWS brings it: a
//! message of an SNS topic.

use std::time::Duration;

use serde_json::{Value, json};

use crate::providers::aws_query::random_id;

/// The provider answers first and reports afterwards.
const DELAY: Duration = Duration::from_millis(100);

/// Lambda tries an event three times.
const TRIES: u32 = 3;

/// Where reports go. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    /// Where deliver-messages is invoked; absent, nobody gets a report.
    function_url: Option<String>,
    http: reqwest::Client,
}

impl Reports {
    pub fn new(function_url: Option<String>) -> Self {
        Self { function_url, http: reqwest::Client::new() }
    }

    /// Reports by a topic.
    pub fn by_topic(&self, message: &Value) {
        self.send(topic_event(message));
    }

    /// Reports by a line of SNS's log, which the account's function hands on to a topic.
    pub fn by_log(&self, line: &Value) {
        self.by_topic(&of_the_log(line));
    }

    fn send(&self, event: Value) {
        let Some(url) = self.function_url.clone() else { return };
        let http = self.http.clone();
        tokio::spawn(async move {
            for tries in 1..=TRIES {
                tokio::time::sleep(DELAY * tries).await;
                if http.post(&url).json(&event).send().await.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
            }
            tracing::warn!("A report could not be delivered.");
        });
    }
}

/// What a topic brings.
pub fn topic_event(message: &Value) -> Value {
    json!({ "Records": [{
        "EventVersion": "1.0", "EventSource": "aws:sns",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:000000000000:email-reports:1",
        "Sns": { "Type": "Notification", "MessageId": random_id(), "Message": message.to_string() },
    }] })
}

/// What infra/bootstrap.yaml publishes of a line of SNS's log of SMS: which message it is about and what became of it. The
/// number stays in the log.
pub fn of_the_log(line: &Value) -> Value {
    json!({
        "notification": { "messageId": line["notification"]["messageId"] },
        "delivery": { "providerResponse": line["delivery"]["providerResponse"] },
        "status": line["status"],
    })
}

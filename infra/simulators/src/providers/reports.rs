//! What providers report to deliver-messages after they accepted a message, in the envelopes in which AWS brings it: by
//! an SNS topic, and by a subscription of CloudWatch Logs.

use std::io::{self, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
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

    /// Reports by a log.
    pub fn by_log(&self, line: &Value) {
        match log_event(line) {
            Ok(event) => self.send(event),
            Err(error) => tracing::error!(%error, "A log could not be packed."),
        }
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

/// What a subscription of a log group brings.
///
/// # Errors
///
/// When the line cannot be packed.
pub fn log_event(line: &Value) -> io::Result<Value> {
    let batch = json!({
        "messageType": "DATA_MESSAGE", "owner": "000000000000", "logStream": "1",
        "logGroup": "sns/us-east-1/000000000000/DirectPublishToPhoneNumber/Failure",
        "subscriptionFilters": ["reports"],
        "logEvents": [{ "id": "1", "timestamp": 0, "message": line.to_string() }],
    });
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(batch.to_string().as_bytes())?;
    Ok(json!({ "awslogs": { "data": STANDARD.encode(encoder.finish()?) } }))
}

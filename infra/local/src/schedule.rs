//! EventBridge's schedules: each invokes its function at its rate.

use std::time::Duration;

use serde_json::json;

/// Invokes a function at a rate, for ever. The next run begins after the last one ended.
pub(crate) async fn run(every: Duration, function_url: String) {
    let http = reqwest::Client::new();
    loop {
        tokio::time::sleep(every).await;
        let sent = http.post(&function_url).json(&json!({ "source": "schedule" })).send().await;
        if let Err(error) = sent {
            tracing::warn!(reason = %error.without_url(), "A schedule could not invoke its function.");
        }
    }
}

//! The calls that simulators make to the merchant's own server, and how they are sent.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A simulator waits this long before each try of a webhook. The first pause lets the answer that caused the webhook
/// reach its reader first.
pub(super) const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// A call that a simulator makes to the merchant's own server.
#[derive(Debug, Clone)]
pub struct OutgoingWebhook {
    /// Where the merchant asked to be called.
    pub url: String,
    /// Names and values, the content type and the signature among them.
    pub headers: Vec<(String, String)>,
    /// The exact bytes that the signature covers.
    pub body: Vec<u8>,
}

/// Sends one [`OutgoingWebhook`] and answers with the HTTP status, or with why there was none.
pub type Notify =
    Arc<dyn Fn(OutgoingWebhook) -> Pin<Box<dyn Future<Output = Result<u16, String>> + Send>> + Send + Sync>;

/// Webhooks go out over HTTP, each try for at most half a minute.
pub fn send_webhooks() -> Notify {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap_or_default();
    Arc::new(move |webhook: OutgoingWebhook| {
        let http = http.clone();
        Box::pin(async move {
            let mut request = http.post(&webhook.url).body(webhook.body);
            for (name, value) in webhook.headers {
                request = request.header(name, value);
            }
            let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
            Ok(answer.status().as_u16())
        })
    })
}

/// Webhooks seem to arrive, and nobody gets them: a test that brings webhooks in an order of its own wants this.
pub fn drop_webhooks() -> Notify {
    Arc::new(|_| Box::pin(async { Ok(200) }))
}

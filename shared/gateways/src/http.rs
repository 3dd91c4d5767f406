//! One HTTP call to a gateway: through the same client, pool and TLS stack that the AWS SDK uses, with a bound on time
//! and on the size of the answer.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;

/// No gateway needs longer, and a customer is waiting.
pub const GATEWAY_CALL: Duration = Duration::from_secs(8);

/// Answers are a few hundred bytes; anything this large is not one.
const LARGEST_ANSWER: usize = 1_000_000;

/// What came back. Its meaning is the gateway's business: several send errors with 200 and answers with 400.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Sends requests.
#[derive(Clone, Debug)]
pub struct Http {
    connector: SharedHttpConnector,
}

impl Http {
    pub fn new(connector: SharedHttpConnector) -> Self {
        Self { connector }
    }

    /// The error is a reason for logs, without address or body.
    pub(crate) async fn send(&self, request: http::request::Builder, body: String) -> Result<Answer, String> {
        match tokio::time::timeout(GATEWAY_CALL, self.exchange(request, body)).await {
            Ok(result) => result,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn exchange(&self, request: http::request::Builder, body: String) -> Result<Answer, String> {
        let request = request
            .header(http::header::CONTENT_LENGTH, body.len())
            .header(http::header::USER_AGENT, "paylink")
            .body(SdkBody::from(body))
            .map_err(|_| "the request could not be built".to_owned())?;
        let request = HttpRequest::try_from(request).map_err(|_| "the request could not be built".to_owned())?;
        let response = self.connector.call(request).await.map_err(|error| {
            if error.is_timeout() { "no answer in time" } else { "the connection failed" }.to_owned()
        })?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await;
        let body = body.map_err(|_| "the answer broke off".to_owned())?.into_bytes();
        if body.len() > LARGEST_ANSWER {
            return Err("the answer is too large".to_owned());
        }
        Ok(Answer { status, body })
    }
}

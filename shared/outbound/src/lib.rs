//! One HTTP call to somebody else: a gateway, or the CRM's own endpoint. It goes through the same client, pool and TLS
//! stack that the AWS SDK uses, with a bound on time and on the size of the answer, and follows no redirect.

mod public;

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::{Bytes, BytesMut};

pub use public::PublicAddresses;

/// What came back. Its meaning is the caller's business: several gateways send errors with 200 and answers with 400.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
    pub body: Bytes,
}

/// Sends requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    connector: SharedHttpConnector,
    largest_answer: usize,
}

impl Http {
    /// An answer of more than this many bytes is not read.
    pub fn new(connector: SharedHttpConnector, largest_answer: usize) -> Self {
        Self { connector, largest_answer }
    }

    /// The error is a reason for logs and for the caller's own records, without address or body.
    pub async fn send(
        &self,
        request: http::request::Builder,
        body: String,
        patience: Duration,
    ) -> Result<Answer, String> {
        match tokio::time::timeout(patience, self.exchange(request, body)).await {
            Ok(result) => result.map_err(str::to_owned),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn exchange(&self, request: http::request::Builder, body: String) -> Result<Answer, &'static str> {
        let request = request
            .header(http::header::CONTENT_LENGTH, body.len())
            .header(http::header::USER_AGENT, "paylink")
            .body(SdkBody::from(body))
            .map_err(|_| "the request could not be built")?;
        let request = HttpRequest::try_from(request).map_err(|_| "the request could not be built")?;
        let response = self
            .connector
            .call(request)
            .await
            .map_err(|error| if error.is_timeout() { "no answer in time" } else { "the connection failed" })?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").map(str::to_owned);
        let mut stream = ByteStream::new(response.into_body());
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|_| "the answer broke off")?);
            if body.len() > self.largest_answer {
                return Err("the answer is too large");
            }
        }
        Ok(Answer { status, retry_after, body: body.freeze() })
    }
}

//! One HTTP call to somebody else: a gateway, or the CRM's own endpoint. It goes through the same client, pool and TLS
//! stack that the AWS SDK uses, with a bound on time and on the size of the answer, and follows no redirect.

mod public;

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
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
        self.exchange_in_time(request, body, patience, None).await.map(|(answer, _)| answer)
    }

    /// The same, with one header of the answer, where it came and is text.
    pub async fn send_and_read(
        &self,
        request: http::request::Builder,
        body: String,
        patience: Duration,
        header: &'static str,
    ) -> Result<(Answer, Option<String>), String> {
        self.exchange_in_time(request, body, patience, Some(header)).await
    }

    async fn exchange_in_time(
        &self,
        request: http::request::Builder,
        body: String,
        patience: Duration,
        header: Option<&'static str>,
    ) -> Result<(Answer, Option<String>), String> {
        match tokio::time::timeout(patience, self.exchange(request, body, header)).await {
            Ok(result) => result.map_err(str::to_owned),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn exchange(
        &self,
        request: http::request::Builder,
        body: String,
        header: Option<&'static str>,
    ) -> Result<(Answer, Option<String>), &'static str> {
        let request = request
            .header(http::header::CONTENT_LENGTH, body.len())
            .header(http::header::USER_AGENT, "paylink")
            .body(SdkBody::from(body))
            .map_err(|_| "the request could not be built")?;
        let request = HttpRequest::try_from(request).map_err(|_| "the request could not be built")?;
        let response = self.connector.call(request).await.map_err(|error| reason(&error))?;
        let status = response.status().as_u16();
        let read = header.and_then(|name| response.headers().get(name)).map(str::to_owned);
        let retry_after = response.headers().get("retry-after").map(str::to_owned);
        let mut stream = ByteStream::new(response.into_body());
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|_| "the answer broke off")?);
            if body.len() > self.largest_answer {
                return Err("the answer is too large");
            }
        }
        Ok((Answer { status, retry_after, body: body.freeze() }, read))
    }
}

/// Why no answer came. A handshake that fails is told apart, because it is no passing trouble: some servers speak only TLS
/// that is too old.
fn reason(error: &ConnectorError) -> &'static str {
    if error.is_timeout() {
        return "no answer in time";
    }
    let mut cause = Error::source(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        // What the peer sent was no TLS of ours. This is how the TLS stack reports it through the layers above it.
        if io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
            return "the TLS handshake failed";
        }
        // An error of this kind names as its source what lies below the one that it wraps.
        cause = match io.and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    "the connection failed"
}
